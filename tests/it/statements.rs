//! Every file of `sql/` is a statement on every supported version.

use crate::support::pg::{Database, major};

#[test]
fn every_file_prepares() {
    let database = Database::create();
    // A view and a function of extensions that the test server does not load.
    database.execute(
        "CREATE FUNCTION pgstatindex(regclass) RETURNS TABLE (
             internal_pages bigint, leaf_pages bigint, empty_pages bigint, deleted_pages bigint, avg_leaf_density float8
         ) LANGUAGE sql AS 'SELECT 0::bigint, 0::bigint, 0::bigint, 0::bigint, 0::float8'",
    );
    database.execute(
        "CREATE TABLE pg_stat_statements (query text, queryid bigint, calls bigint, total_exec_time float8,
         mean_exec_time float8, dbid oid, userid oid, toplevel bool, rows bigint, shared_blks_hit bigint,
         shared_blks_read bigint, shared_blks_dirtied bigint, shared_blks_written bigint, temp_blks_read bigint,
         temp_blks_written bigint, wal_records bigint, wal_bytes numeric, total_plan_time float8, stats_since timestamptz)",
    );
    database.execute(
        "CREATE FUNCTION pg_stat_statements(bool) RETURNS SETOF pg_stat_statements LANGUAGE sql AS 'TABLE pg_stat_statements'",
    );
    database.execute("CREATE TABLE pg_stat_statements_info (dealloc bigint, stats_reset timestamptz)");
    // The journal and the manifest, which the first apply and the first seed create.
    let of =
        |name: &str| perfkit::STATEMENTS.iter().find(|(known, _)| *known == name).expect("it is there").1;
    database.execute(of("journal_schema"));
    for table in [
        "journal_table",
        "counter_journal_table",
        "seed_run_table",
        "seed_chunk_table",
        "seed_patch_table",
        "seed_effect_table",
    ] {
        database.execute(of(table));
    }
    for (name, text) in perfkit::STATEMENTS {
        let needed = name.rsplit_once("_pg").and_then(|(_, version)| version.parse().ok()).unwrap_or(0_u32);
        // Its view has a successor since 17, which another file reads.
        let is_gone = *name == "bench_checkpoints" && major() >= 17;
        if major() >= needed && !is_gone {
            let prepared = database.with_client(|client| async move { client.prepare(text).await });
            assert!(prepared.is_ok(), "sql/{name}.sql on {}: {:?}", major(), prepared.err());
        }
    }
}
