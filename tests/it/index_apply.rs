//! `perfkit index apply`

use std::time::Duration;

use crate::support::cli::perfkit;
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
    // A transaction that can still see the table makes CREATE INDEX CONCURRENTLY wait.
    database.while_session("BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM events", || {
        let (mut child, _folder) = waiting_apply(&database);
        let pid = nix::unistd::Pid::from_raw(i32::try_from(child.id()).unwrap());
        nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGINT).unwrap();
        // Dropping the leftover waits for the same old transaction, so give up on waiting for it.
        let deadline = std::time::Instant::now() + Duration::from_secs(25);
        while child.try_wait().unwrap().is_none() && std::time::Instant::now() < deadline {
            std::thread::sleep(Duration::from_millis(50));
        }
        let output = child.wait_with_output().unwrap();
        assert_eq!(output.status.code(), Some(130), "{}", String::from_utf8_lossy(&output.stderr));
    });
    apply(&["--yes"]).on(&database).succeeds();
    assert_eq!(indexes(&database), [BUILT]);
}

#[test]
fn after_kill_9_one_more_run_puts_all_right() {
    let database = events();
    database.while_session("BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM events", || {
        let (mut child, _folder) = waiting_apply(&database);
        child.kill().unwrap();
        child.wait().unwrap();
        // The server goes on building for nobody; when it is stopped, an INVALID index is left.
        let building =
            "FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'perfkit'";
        database.query(&format!("SELECT pg_terminate_backend(pid) {building}"));
        while database.value(&format!("SELECT count(*) {building}")) != "0" {
            std::thread::sleep(Duration::from_millis(20));
        }
        assert_eq!(indexes(&database), [format!("{BUILT} INVALID")]);
    });
    apply(&["--yes"]).on(&database).succeeds();
    assert_eq!(indexes(&database), [BUILT]);
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
    database.while_session("BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM events", || {
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

/// Ends a session of a run while it builds; the run goes on all the same.
fn check_lost_session(query: &str) {
    let database = events();
    let (child, _folder) =
        database.while_session("BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM events", || {
            let waiting = waiting_changes(&database, "CREATE INDEX i ON events (at)");
            let ended = database.query(&format!(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
                 WHERE datname = current_database() AND application_name = 'perfkit' AND query LIKE '{query}'"
            ));
            assert_eq!(ended, ["t"]);
            waiting
        });
    let output = child.wait_with_output().expect("it ends");
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
        database.while_session("BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM events", || {
            let child = run().spawn();
            let waiting = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()
                           AND query LIKE 'CREATE INDEX%' AND clock_timestamp() - query_start > interval '1 second'";
            while database.value(waiting) == "0" {
                std::thread::sleep(Duration::from_millis(20));
            }
            child
        });
    let output = child.wait_with_output().expect("it ends");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(all_indexes(&database), ["i"]);
    // A limit of temporary files stands for a disk that is full.
    database.execute(
        "ALTER ROLE limited SET temp_file_limit = '64kB'; ALTER ROLE limited SET maintenance_work_mem = '1MB'",
    );
    changes("CREATE INDEX j ON events (user_id, at, id)", &["--journal", "journal.jsonl"])
        .env("DATABASE_URL", database.url_for("limited"))
        .fails(3, &["temp_file_limit", "53400", "0 of 1 steps"]);
    assert_eq!(all_indexes(&database), ["i"]);
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

/// What a busy machine may add to a wait.
const SLACK: Duration = Duration::from_millis(2500);
const KILLED: &str = "CREATE INDEX events_user_at ON events (user_id, at);
    CREATE INDEX events_low ON events (lower(name)); CREATE UNIQUE INDEX events_u ON events (user_id, id);
    CREATE INDEX p_ta ON p (t, a); REINDEX INDEX fat; DROP INDEX old, old_p;";

/// Kills runs at random points while others write, and requires that one more run puts all right.
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
        stop.store(true, std::sync::atomic::Ordering::Relaxed);
        writer.join().expect("no writer sees an error")
    });
    let expected =
        ["events_low", "events_u", "events_user_at", "fat", "p1_ta", "p2_ta", "p2a_ta", "p2b_ta", "p_ta"];
    assert_eq!(all_indexes(&database), expected, "seed {seed}");
    // The lock timeout of the runs.
    assert!(slowest < Duration::from_millis(500) + SLACK, "a writer waited for {slowest:?}");
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
