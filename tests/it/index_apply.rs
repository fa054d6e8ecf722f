//! `perfkit index apply`

use std::time::Duration;

use crate::support::StopAtDrop;
use crate::support::cli::{output, perfkit};
use crate::support::pg::Database;

const SCRIPT: &str = "SELECT * FROM events WHERE user_id = 7 ORDER BY at DESC LIMIT 10";

fn events() -> Database {
    let database = Database::create();
    database.execute(
        "CREATE TABLE events (id bigint PRIMARY KEY, user_id int, at timestamptz);
         INSERT INTO events SELECT i, i % 500, timestamptz '2026-01-01' + i * interval '1 minute'
         FROM generate_series(1, 50000) AS i; VACUUM ANALYZE events",
    );
    database
}

fn apply(args: &[&str]) -> crate::support::cli::Perfkit {
    let args = [&["index", "apply", "-w", "w.sql"], args].concat();
    perfkit(&args).file("w.sql", SCRIPT)
}

fn indexes(database: &Database) -> Vec<String> {
    database.query(
        "SELECT pg_get_indexdef(indexrelid) || CASE WHEN indisvalid THEN '' ELSE ' INVALID' END FROM pg_index
         WHERE indrelid = 'events'::regclass AND NOT indisprimary ORDER BY 1",
    )
}

const BUILT: &str = "CREATE INDEX events_user_id_at_idx ON public.events USING btree (user_id, at)";

#[test]
fn builds_once_and_skips_what_exists() {
    let database = events();
    let run = apply(&["--yes"]).on(&database).succeeds();
    assert!(run.stderr.contains("CREATE INDEX CONCURRENTLY events_user_id_at_idx"), "{}", run.stderr);
    assert_eq!(indexes(&database), [BUILT]);
    let run = apply(&["--yes"]).on(&database).succeeds();
    assert!(run.stderr.contains("no index to build"), "{}", run.stderr);
    assert_eq!(indexes(&database), [BUILT]);
}

#[test]
fn asks_first() {
    let database = events();
    apply(&[]).on(&database).fails(2, &["cannot ask", "--yes", "CREATE INDEX CONCURRENTLY"]);
    apply(&["--dry-run"]).on(&database).succeeds();
    assert!(indexes(&database).is_empty());
}

#[test]
fn builds_what_suggest_saved() {
    let database = events();
    let saved = perfkit(&["index", "suggest", "--json", "-w", "w.sql"])
        .file("w.sql", SCRIPT)
        .on(&database)
        .succeeds()
        .stdout;
    let from_file = || {
        perfkit(&["index", "apply", "saved.json", "--yes", "--json"]).file("saved.json", &saved).on(&database)
    };
    let report = from_file().succeeds().json();
    assert_eq!(report["indexes"][0]["built"], true);
    assert_eq!(indexes(&database), [BUILT]);
    assert_eq!(from_file().succeeds().json()["indexes"][0]["built"], false);
    perfkit(&["index", "apply", "bad.json", "--yes"])
        .file("bad.json", "{}")
        .on(&database)
        .fails(2, &["bad.json"]);
}

#[test]
fn an_invalid_leftover_is_built_anew() {
    let database = events();
    database.execute("CREATE INDEX events_user_id_at_idx ON events (user_id, at)");
    database.execute(
        "UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'events_user_id_at_idx'::regclass",
    );
    let run = apply(&["--yes"]).on(&database).succeeds();
    assert!(run.stderr.contains("left invalid by an unfinished build"), "{}", run.stderr);
    assert_eq!(indexes(&database), [BUILT]);
}

#[test]
fn a_leftover_that_has_become_valid_meanwhile_is_kept() {
    let database = events();
    // The journal says what is about to be dropped; somebody else makes it valid just then.
    apply(&["--yes"]).on(&database).succeeds();
    database.execute(
        "UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'events_user_id_at_idx'::regclass",
    );
    let create = "CREATE FUNCTION repair() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
         UPDATE pg_index SET indisvalid = true WHERE indexrelid = 'events_user_id_at_idx'::regclass;
         RETURN NULL; END $$;
         CREATE TRIGGER repair AFTER INSERT ON perfkit.index_journal FOR EACH ROW
         WHEN (NEW.entry #>> '{step,action,kind}' = 'drop_leftover' AND NEW.entry #>> '{step,state}' = 'started')
         EXECUTE FUNCTION repair()";
    database
        .with_client(|client| async move { client.batch_execute(create).await })
        .expect("it can be created");
    let oid = "SELECT 'events_user_id_at_idx'::regclass::oid";
    let before = database.value(oid);
    apply(&["--yes"]).on(&database).succeeds();
    assert_eq!(indexes(&database), [BUILT]);
    assert_eq!(database.value(oid), before);
    let states = "SELECT entry #>> '{step,state}' FROM perfkit.index_journal
                  WHERE entry #>> '{step,action,kind}' = 'drop_leftover' ORDER BY id";
    assert_eq!(database.query(states), ["planned", "started", "skipped"]);
}

#[test]
fn another_index_under_the_name_is_kept() {
    let database = events();
    database.execute("CREATE INDEX events_user_id_at_idx ON events (id)");
    apply(&["--yes"]).on(&database).succeeds();
    let other = BUILT.replace("(user_id, at)", "(id)");
    let second = BUILT.replace("at_idx", "at_idx_2");
    assert_eq!(indexes(&database), [other, second]);
    apply(&["--yes"]).on(&database).succeeds();
    assert_eq!(indexes(&database).len(), 2);
}

const SNAPSHOT: &str = "BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM events";

/// Starts a run and returns when its build waits for an older transaction.
fn waiting_apply(database: &Database) -> (std::process::Child, tempfile::TempDir) {
    let (mut child, folder) = apply(&["--yes"]).on(database).spawn();
    let waiting = "SELECT count(*) FROM pg_stat_progress_create_index WHERE datname = current_database() \
                   AND phase LIKE 'waiting%'";
    while database.value(waiting) == "0" {
        assert!(child.try_wait().expect("the run is ours").is_none(), "apply ended without waiting");
        std::thread::sleep(Duration::from_millis(20));
    }
    (child, folder)
}

#[test]
fn an_interrupted_build_leaves_nothing_invalid() {
    let database = events();
    // A transaction that can still see the table makes CREATE INDEX CONCURRENTLY wait, and then the drop of its leftover.
    let (child, _folder) = database.while_session(SNAPSHOT, || {
        let waiting = interrupted_apply(&database);
        let dropping = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()
                        AND query LIKE 'DROP INDEX%' AND wait_event_type = 'Lock'";
        while database.value(dropping) == "0" {
            std::thread::sleep(Duration::from_millis(20));
        }
        waiting
    });
    let output = output(child);
    assert_eq!(output.status.code(), Some(130), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(indexes(&database).is_empty());
    apply(&["--yes"]).on(&database).succeeds();
    assert_eq!(indexes(&database), [BUILT]);
}

#[test]
fn an_interrupted_build_says_what_it_has_to_leave() {
    let database = events();
    database.while_session(SNAPSHOT, || {
        let (child, _folder) = interrupted_apply(&database);
        let output = output(child);
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(130), "{stderr}");
        assert!(stderr.contains("index \"events_user_id_at_idx\" is left INVALID"), "{stderr}");
    });
    apply(&["--yes"]).on(&database).succeeds();
    assert_eq!(indexes(&database), [BUILT]);
}

/// A run that was told to stop while its build waits.
fn interrupted_apply(database: &Database) -> (std::process::Child, tempfile::TempDir) {
    let (child, folder) = waiting_apply(database);
    let pid = nix::unistd::Pid::from_raw(i32::try_from(child.id()).expect("a pid fits"));
    nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGINT).expect("it runs");
    (child, folder)
}

#[test]
fn after_kill_9_one_more_run_puts_all_right() {
    let database = events();
    database.while_session(SNAPSHOT, || {
        let (mut child, _folder) = waiting_apply(&database);
        kill_with_backends(&database, &mut child);
        assert_eq!(indexes(&database), [format!("{BUILT} INVALID")]);
    });
    apply(&["--yes"]).on(&database).succeeds();
    assert_eq!(indexes(&database), [BUILT]);
}

#[test]
fn what_a_failed_rebuild_has_left_is_dropped_by_the_next_run() {
    let database = events();
    database.execute("CREATE INDEX fat ON events (at)");
    database.while_session(SNAPSHOT, || {
        let (mut child, _folder) = waiting_changes(&database, "REINDEX INDEX fat");
        kill_with_backends(&database, &mut child);
        assert_eq!(all_indexes(&database), ["fat", "fat_ccnew INVALID"]);
    });
    changes("REINDEX INDEX fat", &[]).on(&database).succeeds();
    assert_eq!(all_indexes(&database), ["fat"]);
}

/// The server goes on building for nobody; when it is stopped, an INVALID index is left.
fn kill_with_backends(database: &Database, child: &mut std::process::Child) {
    child.kill().expect("it is ours");
    child.wait().expect("it ends");
    let building =
        "FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'perfkit'";
    database.query(&format!("SELECT pg_terminate_backend(pid) {building}"));
    while database.value(&format!("SELECT count(*) {building}")) != "0" {
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn a_second_run_at_once_is_refused() {
    let database = events();
    database.while_session("SELECT pg_advisory_lock(hashtext('perfkit'), hashtext('index'))", || {
        apply(&["--yes"])
            .on(&database)
            .fails(3, &["another perfkit is changing indexes", "process ", "pg_advisory_lock"]);
    });
}

#[test]
fn missing_privilege_changes_nothing() {
    let database = events();
    database.execute("GRANT SELECT ON events TO nobody_special");
    apply(&["--yes", "--journal", "journal.jsonl"])
        .env("DATABASE_URL", database.url_for("nobody_special"))
        .fails(3, &["must be owner", "42501"]);
    assert!(indexes(&database).is_empty());
}

#[test]
fn a_full_disk_does_not_spoil_the_journal_file() {
    let database = events();
    let folder = tempfile::tempdir().unwrap();
    let journal = folder.path().join("journal.jsonl");
    let args = ["--journal", journal.to_str().unwrap()];
    changes("CREATE INDEX i ON events (at)", &args).on(&database).succeeds();
    let before = std::fs::read_to_string(&journal).unwrap();
    // A limit of the process's files, in blocks of 512 bytes, is hit in the midst of a line as the end of a disk is.
    let n_blocks = before.len().div_ceil(512);
    let command = changes("CREATE INDEX j ON events (user_id)", &args).on(&database);
    command
        .through_shell(&format!("trap '' XFSZ; ulimit -f {n_blocks}; exec \"$@\""))
        .fails(3, &["could not write journal", "File too large"]);
    assert_eq!(std::fs::read_to_string(&journal).unwrap(), before);
    assert_eq!(all_indexes(&database), ["i"]);
    changes("CREATE INDEX j ON events (user_id)", &args).on(&database).succeeds();
    assert_eq!(all_indexes(&database), ["i", "j"]);
}

/// A run of the statements in a script.
fn changes(script: &str, args: &[&str]) -> crate::support::cli::Perfkit {
    let args = [&["index", "apply", "changes.sql", "--yes"], args].concat();
    perfkit(&args).file("changes.sql", script)
}

/// The indexes of all tables but those of constraints, with what is wrong with them.
fn all_indexes(database: &Database) -> Vec<String> {
    database.query(
        "SELECT indexrelid::regclass || CASE WHEN indisvalid THEN '' ELSE ' INVALID' END FROM pg_index
         JOIN pg_class ON pg_class.oid = indrelid
         WHERE relnamespace = 'public'::regnamespace AND NOT indisprimary ORDER BY 1",
    )
}

fn partitioned() -> Database {
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

fn waiting_changes(database: &Database, script: &str) -> (std::process::Child, tempfile::TempDir) {
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

/// Ends a session of a run while it builds; the run goes on all the same.
fn check_lost_session(query: &str) {
    let database = events();
    let (child, _folder) = database.while_session(SNAPSHOT, || {
        let waiting = waiting_changes(&database, "CREATE INDEX i ON events (at)");
        let ended = database.query(&format!(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
                 WHERE datname = current_database() AND application_name = 'perfkit' AND query LIKE '{query}'"
            ));
        assert_eq!(ended, ["t"]);
        waiting
    });
    let output = output(child);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(all_indexes(&database), ["i"]);
}

#[test]
fn a_build_whose_session_is_ended_is_done_again() {
    check_lost_session("CREATE INDEX%");
}

#[test]
fn a_journal_whose_session_is_ended_is_written_on() {
    check_lost_session("%index_journal%");
}

#[test]
fn limits_of_a_role_do_not_cut_a_build() {
    let database = events();
    database.execute(
        "CREATE ROLE limited LOGIN; ALTER ROLE limited SET statement_timeout = '100ms';
         ALTER ROLE limited SET lock_timeout = '100ms'; ALTER ROLE limited SET idle_session_timeout = '300ms';
         ALTER TABLE events OWNER TO limited; GRANT CREATE ON SCHEMA public TO limited",
    );
    let run = || {
        changes("CREATE INDEX i ON events (at)", &["--journal", "journal.jsonl"])
            .env("DATABASE_URL", database.url_for("limited"))
    };
    let (child, _folder) =
        database.while_session(SNAPSHOT, || {
            let child = run().spawn();
            let waiting = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()
                           AND query LIKE 'CREATE INDEX%' AND clock_timestamp() - query_start > interval '1 second'";
            while database.value(waiting) == "0" {
                std::thread::sleep(Duration::from_millis(20));
            }
            child
        });
    let output = output(child);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(all_indexes(&database), ["i"]);
    // A limit of temporary files stands for a disk that is full.
    database.execute(
        "ALTER ROLE limited SET temp_file_limit = '64kB'; ALTER ROLE limited SET maintenance_work_mem = '1MB'",
    );
    changes("CREATE INDEX j ON events (user_id, at, id)", &["--journal", "journal.jsonl"])
        .env("DATABASE_URL", database.url_for("limited"))
        .fails(3, &["temp_file_limit", "53400", "0 of 1 steps", "nothing of the new index is left"]);
    assert_eq!(all_indexes(&database), ["i"]);
    let no_drops = "CREATE FUNCTION no_drops() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN
         RAISE 'no drops today'; END $$;
         CREATE EVENT TRIGGER no_drops ON ddl_command_start WHEN TAG IN ('DROP INDEX') EXECUTE FUNCTION no_drops()";
    database
        .with_client(|client| async move { client.batch_execute(no_drops).await })
        .expect("it can be created");
    let run = changes("CREATE INDEX j ON events (user_id, at, id)", &["--journal", "journal.jsonl"])
        .env("DATABASE_URL", database.url_for("limited"))
        .fails(3, &["index \"j\" is left INVALID", "no drops today"]);
    assert!(!run.stderr.contains("nothing of"), "{}", run.stderr);
    assert_eq!(all_indexes(&database), ["i", "j INVALID"]);
}

#[test]
fn a_server_that_takes_no_writes_is_left_alone() {
    let database = events();
    let name = database.value("SELECT current_database()");
    database.execute(&format!("ALTER DATABASE {name} SET default_transaction_read_only = on"));
    changes("CREATE INDEX i ON events (at)", &[]).on(&database).fails(3, &["takes no writes"]);
    assert!(all_indexes(&database).is_empty());
    // The journal is a write as well.
    assert_eq!(database.value("SELECT count(*) FROM pg_namespace WHERE nspname = 'perfkit'"), "0");
}

#[test]
fn a_role_that_cannot_see_the_load_is_told_so() {
    let database = events();
    database.execute("CREATE ROLE \"Blind\" LOGIN; ALTER TABLE events OWNER TO \"Blind\"; GRANT CREATE ON SCHEMA public TO \"Blind\"");
    let run = |option: [&str; 2]| {
        let args = [&["--journal", "journal.jsonl"], &option[..]].concat();
        changes("CREATE INDEX i ON events (at)", &args).env("DATABASE_URL", database.url_for("Blind"))
    };
    let grant = "GRANT pg_read_all_stats TO \"Blind\"";
    run(["--max-lag", "1s"]).fails(3, &["`--max-lag`", grant]);
    run(["--max-active", "1000"]).fails(3, &["`--max-active`", grant]);
    assert!(all_indexes(&database).is_empty());
    database.execute(grant);
    run(["--max-active", "1000"]).succeeds();
    assert_eq!(all_indexes(&database), ["i"]);
}

#[test]
fn a_hidden_session_is_no_earlier_run_for_ever() {
    let database = events();
    database.execute(
        "CREATE ROLE short_sighted LOGIN; ALTER TABLE events OWNER TO short_sighted;
         GRANT CREATE ON SCHEMA public TO short_sighted",
    );
    let run = |script: &str, journal: &str| {
        changes(script, &["--journal", "journal.jsonl"])
            .file("journal.jsonl", journal)
            .env("DATABASE_URL", database.url_for("short_sighted"))
    };
    // The journal of a run that was killed, whose process number another session has got.
    let first = run("CREATE INDEX i ON events (at)", "");
    let path = first.folder().join("journal.jsonl");
    let (child, _folder) = first.spawn();
    assert!(output(child).status.success());
    let done = std::fs::read_to_string(path).unwrap();
    let started = |pid: &str| {
        let unfinished = done.replace("\"state\":\"done\"", "\"state\":\"started\"");
        let (before, after) = unfinished.rsplit_once("\"pid\":").expect("a session did it");
        let after = after.trim_start_matches(|c: char| c.is_ascii_digit());
        format!("{before}\"pid\":{pid}{after}")
    };
    let of_session = "SELECT pid FROM pg_stat_activity WHERE datname = current_database()
                      AND query LIKE '/* other */%' AND usename = 'postgres' AND pid <> pg_backend_pid()";
    database.while_session("/* other */ BEGIN; SELECT 1", || {
        let journal = started(&database.value(of_session));
        run("DROP INDEX i", &journal).succeeds();
    });
    database.while_session("/* other */ BEGIN; LOCK TABLE events IN SHARE UPDATE EXCLUSIVE MODE", || {
        let pid = database.value(of_session);
        run("CREATE INDEX i ON events (at)", &started(&pid)).fails(3, &[&pid, "hidden", "pg_read_all_stats"]);
    });
}

/// Of the runs that are killed.
const LOCK_TIMEOUT: Duration = Duration::from_millis(500);
/// What a statement that keeps others waiting may take besides.
const WORK: Duration = Duration::from_secs(1);
/// What a busy machine may add to a wait.
const SLACK: Duration = Duration::from_millis(2500);
const KILLED: &str = "CREATE INDEX events_user_at ON events (user_id, at);
    CREATE INDEX events_low ON events (lower(name)); CREATE UNIQUE INDEX events_u ON events (user_id, id);
    CREATE INDEX p_ta ON p (t, a); REINDEX INDEX fat; DROP INDEX old, old_p;";

/// Kills runs at random points while others write and hold locks, and requires that one more run puts all right.
fn kill_at_random(n_kills: u32, seed: u64) {
    let database = partitioned();
    database.execute(
        "CREATE TABLE events (id bigserial PRIMARY KEY, user_id int, at timestamptz, name text);
         INSERT INTO events (user_id, at, name)
         SELECT i % 500, timestamptz '2026-01-01' + i * interval '1 minute', 'n' || i FROM generate_series(1, 30000) AS i;
         CREATE INDEX old ON events (user_id); CREATE INDEX fat ON events (at, name); CREATE INDEX old_p ON p (t);
         VACUUM ANALYZE",
    );
    let stop = std::sync::atomic::AtomicBool::new(false);
    let slowest = std::thread::scope(|scope| {
        let writer = scope.spawn(|| write_until(&database, &stop));
        let reader = scope.spawn(|| hold_locks_until(&database, &stop));
        let at_end = StopAtDrop(&stop);
        let mut bits = seed;
        for _ in 0..n_kills {
            // Knuth's MMIX generator; its high bits are random enough for a delay.
            bits = bits.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let (mut child, _folder) =
                changes(KILLED, &["--quiet", "--lock-timeout", "500ms"]).on(&database).spawn();
            std::thread::sleep(Duration::from_millis(bits >> 33 & 0x3ff));
            child.kill().expect("it is ours");
            if child.wait().expect("it ends").success() {
                for index in ["events_user_at", "events_low", "p_ta"] {
                    database.execute(&format!("DROP INDEX {index}"));
                }
                database.execute("CREATE INDEX old ON events (user_id); CREATE INDEX old_p ON p (t)");
            }
        }
        changes(KILLED, &["--lock-timeout", "500ms"]).on(&database).succeeds();
        drop(at_end);
        reader.join().expect("no reader sees an error");
        writer.join().expect("no writer sees an error")
    });
    let expected =
        ["events_low", "events_u", "events_user_at", "fat", "p1_ta", "p2_ta", "p2a_ta", "p2b_ta", "p_ta"];
    assert_eq!(all_indexes(&database), expected, "seed {seed}");
    assert!(slowest < LOCK_TIMEOUT + WORK + SLACK, "a writer waited for {slowest:?}");
}

/// Reads in transactions that last longer than the runs wait for a lock, so that writers queue up behind these, with pauses in which
/// they get theirs.
fn hold_locks_until(database: &Database, stop: &std::sync::atomic::AtomicBool) {
    database
        .with_client(|client| async move {
            while !stop.load(std::sync::atomic::Ordering::Relaxed) {
                client.batch_execute("BEGIN; SELECT count(*) FROM p; SELECT pg_sleep(0.7); COMMIT").await?;
                client.batch_execute("SELECT pg_sleep(0.4)").await?;
            }
            Ok(())
        })
        .expect("no reader sees an error");
}

/// Writes to the tables until it is told to stop, and returns the longest time that a transaction took.
fn write_until(database: &Database, stop: &std::sync::atomic::AtomicBool) -> Duration {
    database
        .with_client(|client| async move {
            let mut slowest = Duration::ZERO;
            let mut i = 0;
            while !stop.load(std::sync::atomic::Ordering::Relaxed) {
                i += 1;
                let start = std::time::Instant::now();
                client
                    .batch_execute(&format!(
                        "BEGIN; INSERT INTO events (user_id, at, name) VALUES ({i}, now(), 'w');
                         UPDATE p SET a = a + 1 WHERE id = {0}; UPDATE events SET name = 'x' WHERE id = {0}; COMMIT",
                        i % 5000
                    ))
                    .await?;
                slowest = slowest.max(start.elapsed());
            }
            Ok(slowest)
        })
        .expect("no writer sees an error")
}

#[test]
fn killed_at_random_points_it_is_completed_by_one_more_run() {
    kill_at_random(8, 1);
}

/// `make prove-apply`.
#[test]
#[ignore = "it takes minutes"]
fn fifty_kills() {
    kill_at_random(50, 2);
}
