//! `perfkit index apply` where sessions end, roles have limits, or runs are killed while others write

use std::time::Duration;

use crate::index_apply::{SNAPSHOT, events};
use crate::index_apply_changes::{all_indexes, changes, partitioned, waiting_changes};
use crate::support::StopAtDrop;
use crate::support::cli::output;
use crate::support::pg::Database;

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
