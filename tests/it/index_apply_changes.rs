//! `perfkit index apply` of scripts of changes and of saved plans

use std::time::Duration;

use crate::index_apply::{SNAPSHOT, events};
use crate::support::cli::{output, perfkit};
use crate::support::pg::Database;

/// A run of the statements in a script.
pub(crate) fn changes(script: &str, args: &[&str]) -> crate::support::cli::Perfkit {
    let args = [&["index", "apply", "changes.sql", "--yes"], args].concat();
    perfkit(&args).file("changes.sql", script)
}

/// The indexes of all tables but those of constraints, with what is wrong with them.
pub(crate) fn all_indexes(database: &Database) -> Vec<String> {
    database.query(
        "SELECT indexrelid::regclass || CASE WHEN indisvalid THEN '' ELSE ' INVALID' END FROM pg_index
         JOIN pg_class ON pg_class.oid = indrelid
         WHERE relnamespace = 'public'::regnamespace AND NOT indisprimary ORDER BY 1",
    )
}

pub(crate) fn partitioned() -> Database {
    let database = Database::create();
    database.execute(
        "CREATE TABLE p (id int, a int, t text) PARTITION BY RANGE (id);
         CREATE TABLE p1 PARTITION OF p FOR VALUES FROM (0) TO (1000);
         CREATE TABLE p2 PARTITION OF p FOR VALUES FROM (1000) TO (5000) PARTITION BY RANGE (id);
         CREATE TABLE p2a PARTITION OF p2 FOR VALUES FROM (1000) TO (2000);
         CREATE TABLE p2b PARTITION OF p2 FOR VALUES FROM (2000) TO (5000);
         INSERT INTO p SELECT i, i % 7, 'x' || i FROM generate_series(0, 4999) AS i; ANALYZE p",
    );
    database
}

#[test]
fn a_script_is_carried_out_and_then_there_is_nothing_left() {
    let database = events();
    database.execute("CREATE INDEX old ON events (user_id)");
    let script = "CREATE INDEX events_hour ON events (extract(hour FROM at AT TIME ZONE 'UTC'));\n\
                  CREATE INDEX ON events (user_id, at DESC); DROP INDEX old, never_there;";
    let run = changes(script, &[]).on(&database).succeeds();
    for expected in
        ["SHARE UPDATE EXCLUSIVE lock: blocks VACUUM", "ANALYZE public.events", "never_there does not exist"]
    {
        assert!(run.stderr.contains(expected), "no {expected:?} in {}", run.stderr);
    }
    assert_eq!(all_indexes(&database), ["events_hour", "events_user_id_at_desc_idx"]);
    let analyzed = "SELECT count(*) FROM pg_stats WHERE tablename = 'events_hour'";
    assert_eq!(database.value(analyzed), "1");
    let journal = "SELECT count(*) FROM perfkit.index_journal";
    let n_entries = database.value(journal);
    let again = changes(script, &["--json"]).on(&database).succeeds();
    assert!(again.stderr.contains("everything is as it is wanted"), "{}", again.stderr);
    assert_eq!(again.json()["steps"].as_array().expect("a list").len(), 0);
    assert_eq!(database.value(journal), n_entries);
}

#[test]
fn only_index_statements_are_taken() {
    let database = events();
    changes("CREATE INDEX i ON events (at);\nDROP TABLE events", &[])
        .on(&database)
        .fails(2, &["line 2", "TABLE"]);
    changes("DROP INDEX events_pkey", &[]).on(&database).exits(1);
    changes("REINDEX INDEX nothing", &[]).on(&database).fails(2, &["nothing", "does not exist"]);
    changes("CREATE INDEX i ON nothing (a)", &[]).on(&database).fails(2, &["nothing", "does not exist"]);
    assert!(all_indexes(&database).is_empty());
    perfkit(&["index", "apply", "-", "--yes", "--no-drops"])
        .input("CREATE INDEX i ON events (at); DROP INDEX events_pkey;")
        .on(&database)
        .succeeds();
    assert_eq!(all_indexes(&database), ["i"]);
}

#[test]
fn a_partitioned_table_gets_its_index_while_others_write() {
    let database = partitioned();
    // One partition has it already, as an index of its own.
    database.execute("CREATE INDEX mine ON p2a (lower(t), a) WHERE a > 1");
    let script = "CREATE INDEX p_low ON p (lower(t), a) WHERE a > 1";
    let plan = perfkit(&["index", "apply", "changes.sql", "--dry-run", "--json"])
        .file("changes.sql", script)
        .on(&database)
        .succeeds()
        .json();
    let locks: Vec<&str> =
        plan["steps"].as_array().expect("a list").iter().filter_map(|step| step["lock"].as_str()).collect();
    assert_eq!(locks.iter().filter(|lock| **lock == "SHARE").count(), 2, "{plan:#}");
    changes(script, &[]).on(&database).succeeds();
    let expected = ["mine", "p1_low", "p2_low", "p2b_low", "p_low"];
    assert_eq!(all_indexes(&database), expected);
    changes(script, &[]).on(&database).succeeds();
    assert_eq!(all_indexes(&database), expected);
    database.execute("CREATE TABLE p3 PARTITION OF p FOR VALUES FROM (5000) TO (6000)");
    let whole = "SELECT count(*) FROM pg_partition_tree('p_low') WHERE isleaf";
    assert_eq!(database.value(whole), "4");
    // The drop waits for a reader without keeping others waiting behind it.
    database.while_session("BEGIN; SELECT count(*) FROM p1", || {
        changes("DROP INDEX p_low", &["--lock-timeout", "100ms", "--lock-tries", "2"])
            .on(&database)
            .fails(3, &["try 2 of 2", "55P03"]);
    });
    changes("DROP INDEX p_low", &[]).on(&database).succeeds();
    assert!(all_indexes(&database).is_empty());
}

#[test]
fn a_drop_gives_up_when_its_locks_come_one_after_the_other() {
    const N_PARTITIONS: usize = 8;
    let database = Database::create();
    let partitions: Vec<String> = (0..N_PARTITIONS)
        .map(|i| format!("CREATE TABLE q{i} PARTITION OF q FOR VALUES FROM ({i}) TO ({});", i + 1))
        .collect();
    database.execute(&format!(
        "CREATE TABLE q (id int) PARTITION BY RANGE (id); {} CREATE INDEX q_id ON q (id)",
        partitions.concat()
    ));
    let all_held = std::sync::Barrier::new(N_PARTITIONS + 1);
    let run = std::thread::scope(|scope| {
        let (database, all_held) = (&database, &all_held);
        for i in 0..N_PARTITIONS {
            scope.spawn(move || let_go_when_waited_for(database, &format!("q{i}"), all_held));
        }
        all_held.wait();
        changes("DROP INDEX q_id", &["--lock-timeout", "500ms"]).on(database).succeeds()
    });
    assert!(run.stderr.contains("somebody else has the lock"), "{}", run.stderr);
    assert!(all_indexes(&database).is_empty());
}

/// Reads a table in a transaction that ends a moment after somebody has come to wait for it: sooner than a lock timeout.
fn let_go_when_waited_for(database: &Database, table: &str, all_held: &std::sync::Barrier) {
    let waiting = format!("SELECT 1 FROM pg_locks WHERE relation = '{table}'::regclass AND NOT granted");
    let deadline = std::time::Instant::now() + Duration::from_mins(1);
    database
        .with_client(|client| async move {
            client.batch_execute(&format!("BEGIN; SELECT count(*) FROM {table}")).await?;
            all_held.wait();
            while client.query_opt(&waiting, &[]).await?.is_none() && std::time::Instant::now() < deadline {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            client.batch_execute("SELECT pg_sleep(0.3); COMMIT").await
        })
        .expect("the session lasts");
}

#[test]
fn duplicates_are_named_and_no_invalid_index_stays() {
    let database = events();
    let script = "CREATE UNIQUE INDEX u ON events (user_id, (id % 3))";
    changes(script, &[]).on(&database).fails(3, &["23505", "(user_id, id % 3) = ('", "Remove the duplicate"]);
    assert!(all_indexes(&database).is_empty());
    database.execute("DELETE FROM events WHERE id > 500");
    changes(script, &[]).on(&database).succeeds();
    assert_eq!(all_indexes(&database), ["u"]);
}

#[test]
fn whoever_is_in_the_way_is_named() {
    let database = events();
    database.while_session(SNAPSHOT, || {
        let (mut child, _folder) = waiting_changes(&database, "CREATE INDEX i ON events (at)");
        let mut stderr = std::io::BufReader::new(child.stderr.take().expect("it is piped"));
        let mut line = String::new();
        // The first notice comes after two seconds.
        while !line.contains("waits for process") {
            line.clear();
            let n = std::io::BufRead::read_line(&mut stderr, &mut line).expect("it can be read");
            assert!(n > 0, "apply ended without a word");
        }
        assert!(
            line.contains("idle in transaction") && line.contains("SELECT count(*) FROM events"),
            "{line}"
        );
        child.kill().expect("it is ours");
        child.wait().expect("it ends");
    });
    // The server builds on for the killed run; the next one waits for that and finds the index.
    changes("CREATE INDEX i ON events (at)", &[]).on(&database).succeeds();
    assert_eq!(all_indexes(&database), ["i"]);
}

pub(crate) fn waiting_changes(database: &Database, script: &str) -> (std::process::Child, tempfile::TempDir) {
    let (mut child, folder) = changes(script, &[]).on(database).spawn();
    let waiting = "SELECT count(*) FROM pg_stat_progress_create_index WHERE datname = current_database() \
                   AND phase LIKE 'waiting%'";
    while database.value(waiting) == "0" {
        assert!(child.try_wait().expect("the run is ours").is_none(), "apply ended without waiting");
        std::thread::sleep(Duration::from_millis(20));
    }
    (child, folder)
}

/// A table with an index that a wider one makes superfluous, and what the audit has saved about it.
fn audited() -> (Database, String) {
    let database = events();
    database.execute(
        "CREATE INDEX narrow ON events (user_id) WHERE at > timestamptz '2026-01-02 UTC' AND user_id IN (1, 2);
         CREATE INDEX wide ON events (user_id, at) WHERE at > timestamptz '2026-01-02 UTC' AND user_id IN (1, 2)",
    );
    let audit = perfkit(&["index", "audit", "--json", "--only", "redundant-index"]).on(&database).exits(1);
    let change = &audit.json()["findings"][0]["change"];
    assert_eq!(change["index"]["name"], "narrow", "{}", audit.stdout);
    assert_eq!(change["covered_by"][0]["name"], "wide", "{}", audit.stdout);
    (database, audit.stdout)
}

fn saved(plan: &str) -> crate::support::cli::Perfkit {
    perfkit(&["index", "apply", "plan.json", "--yes"]).file("plan.json", plan)
}

#[test]
fn a_saved_plan_is_carried_out_while_it_is_true() {
    let (database, plan) = audited();
    saved(&plan).on(&database).succeeds();
    assert_eq!(all_indexes(&database), ["wide"]);
    let run = saved(&plan).on(&database).succeeds();
    assert!(run.stderr.contains("narrow does not exist"), "{}", run.stderr);
}

/// Changes what a saved plan is about, and requires that it then drops nothing and says why.
fn check_stale(script: &str, reason: &str) {
    let (database, plan) = audited();
    database.execute(script);
    let before = all_indexes(&database);
    let run = saved(&plan).on(&database).exits(1);
    assert!(run.stderr.contains(reason), "no {reason:?} in {}", run.stderr);
    assert_eq!(all_indexes(&database), before);
}

#[test]
fn a_name_that_stands_for_another_index_now_is_left_alone() {
    let reason = "it is not what was seen: CREATE INDEX narrow ON public.";
    check_stale("DROP INDEX narrow; CREATE INDEX narrow ON events (at)", reason);
    check_stale("DROP INDEX narrow; CREATE INDEX narrow ON events (user_id)", reason);
    let moved = "CREATE TABLE others AS SELECT * FROM events LIMIT 0; DROP INDEX narrow;
        CREATE INDEX narrow ON others (user_id) WHERE at > timestamptz '2026-01-02 UTC' AND user_id IN (1, 2)";
    check_stale(moved, reason);
}

#[test]
fn nothing_is_dropped_when_its_cover_is_gone() {
    let reason = "index \"wide\", which makes it superfluous, is not there any more";
    check_stale("DROP INDEX wide", reason);
    check_stale("DROP INDEX wide; CREATE INDEX wide ON events (user_id, at) WHERE user_id IN (1, 2)", reason);
    check_stale("UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'wide'::regclass", reason);
}

#[test]
fn an_index_that_is_scanned_again_is_kept() {
    let database = events();
    database.execute("CREATE INDEX quiet ON events (user_id)");
    // The audit says so once counters are old enough, a redesign of what no statement asks for.
    let plan = r#"{ "findings": [{ "change": { "action": "drop", "size_bytes": 0, "covered_by": [],
        "index": { "schema": "public", "table": "events", "name": "quiet", "n_scans": 0,
                   "definition": "CREATE INDEX quiet ON public.events USING btree (user_id)" } } }] }"#;
    database.execute("SET enable_seqscan = off; SELECT FROM events WHERE user_id = 1");
    let n_scans = "SELECT idx_scan FROM pg_stat_user_indexes WHERE indexrelname = 'quiet'";
    while database.value(n_scans) == "0" {
        std::thread::sleep(Duration::from_millis(20));
    }
    let run = saved(plan).on(&database).exits(1);
    assert!(run.stderr.contains("it is scanned again"), "{}", run.stderr);
    assert_eq!(all_indexes(&database), ["quiet"]);
    // As if nothing had.
    database.execute("SELECT pg_stat_reset()");
    while database.value(n_scans) != "0" {
        std::thread::sleep(Duration::from_millis(20));
    }
    saved(plan).on(&database).succeeds();
    assert!(all_indexes(&database).is_empty());
}

#[test]
fn saved_advice_is_checked_as_well() {
    let database = events();
    database.execute("CREATE INDEX old ON events (user_id); CREATE INDEX other ON events (id)");
    let plan = |definition: &str| {
        format!(
            r#"{{ "suggestions": [], "drops": [{{ "schema": "public", "name": "old", "definition": {definition},
                "covered_by": [{{ "schema": "public", "table": "events", "name": "e",
                                 "definition": "CREATE INDEX e ON public.events (user_id, at)" }}] }}] }}"#
        )
    };
    let seen = r#""CREATE INDEX old ON public.events USING btree (user_id)""#;
    for (definition, reason) in [
        (seen, "\"e\", which makes it superfluous"),
        (r#""CREATE INDEX old ON public.events USING btree (at)""#, "it is not what was seen"),
    ] {
        let run = saved(&plan(definition)).on(&database).exits(1);
        assert!(run.stderr.contains(reason), "no {reason:?} in {}", run.stderr);
    }
    assert_eq!(all_indexes(&database), ["old", "other"]);
    // What a suggestion was to do may have another name, and a file of an older perfkit knows no definition.
    database.execute("CREATE INDEX named_by_a_person ON events (user_id, at)");
    saved(&plan("null")).on(&database).succeeds();
    assert_eq!(all_indexes(&database), ["named_by_a_person", "other"]);
}

#[test]
fn an_index_that_was_replaced_since_is_built_again() {
    let database = events();
    // The server writes it in a way that is not recognized.
    let script = "CREATE INDEX i ON events ((user_id BETWEEN 1 AND 2))";
    changes(script, &[]).on(&database).succeeds();
    let again = changes(script, &[]).on(&database).succeeds();
    assert!(again.stderr.contains("everything is as it is wanted"), "{}", again.stderr);
    database.execute("DROP INDEX i; CREATE INDEX i ON events (id, at)");
    changes(script, &[]).on(&database).succeeds();
    assert_eq!(all_indexes(&database), ["i", "i_2"]);
}

#[test]
fn a_name_that_is_taken_meanwhile_leaves_no_step_open() {
    let database = events();
    let on = &database;
    let (child, _folder) = database
        .with_client(|client| async move {
            // Nobody sees this index before the transaction ends, and nobody builds another one.
            client.batch_execute("BEGIN; CREATE INDEX i ON events (id)").await?;
            let (mut child, folder) = changes("CREATE INDEX i ON events (at)", &[]).on(on).spawn();
            let waiting = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()
                           AND query LIKE 'CREATE INDEX CONCURRENTLY%' AND wait_event_type = 'Lock'";
            tokio::task::block_in_place(|| {
                while on.value(waiting) == "0" {
                    assert!(
                        child.try_wait().expect("the run is ours").is_none(),
                        "apply ended without waiting"
                    );
                    std::thread::sleep(Duration::from_millis(20));
                }
            });
            client.batch_execute("COMMIT").await?;
            Ok((child, folder))
        })
        .expect("the session lasts");
    let output = output(child);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(all_indexes(&database), ["i", "i_2"]);
    let runs = perfkit(&["index", "undo", "--list", "--json"]).on(&database).succeeds().json();
    assert_eq!(runs["runs"][0]["state"], "done", "{runs:#}");
    perfkit(&["index", "undo", "--yes"]).on(&database).succeeds();
    assert_eq!(all_indexes(&database), ["i"]);
}
