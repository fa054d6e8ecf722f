//! Every file of `sql/` is a statement on every supported version.

use crate::support::pg::{Database, major};

#[test]
fn every_file_prepares() {
    let database = Database::create();
    // The view of an extension that the test server does not load.
    database.execute(
        "CREATE TABLE pg_stat_statements (query text, queryid bigint, calls bigint, total_exec_time float8,
         mean_exec_time float8, dbid oid, toplevel bool)",
    );
    for (name, text) in perfkit::STATEMENTS {
        let needed = name.rsplit_once("_pg").and_then(|(_, version)| version.parse().ok()).unwrap_or(0_u32);
        if major() >= needed {
            let prepared = database.with_client(|client| async move { client.prepare(text).await });
            assert!(prepared.is_ok(), "sql/{name}.sql on {}: {:?}", major(), prepared.err());
        }
    }
}
