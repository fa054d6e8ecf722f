//! Counters where something goes wrong: servers that restart, queries that fail, roles that see little.

use std::process::Child;
use std::time::Duration;

use crate::counter_add::{DRIFT, churn, fill, mentions};
use crate::counter_backfill::{SLOWLY, add, await_counted, end, held, held_by};
use crate::support::cli::{output, perfkit};
use crate::support::pg::{Database, Server};

const SETTINGS: [&str; 1] = ["listen_addresses="];

fn interrupt(child: &Child) {
    let pid = nix::unistd::Pid::from_raw(i32::try_from(child.id()).expect("a process id"));
    nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGINT).expect("it runs");
}

#[test]
fn a_server_that_restarts_is_waited_for_and_nothing_drifts() {
    let server = Server::start("", &SETTINGS, 5432);
    for (n, mode) in ["fast", "immediate"].into_iter().enumerate() {
        for column in [
            "",
            "ALTER TABLE keywords ADD COLUMN mentions_count int; UPDATE keywords SET mentions_count = -id",
        ] {
            let database = server.database(&format!("restarted_{n}_{}", column.len()));
            fill(&database, 1000, 3000);
            database.execute(column);
            let child = database.while_session("BEGIN", || {
                let child = add(&SLOWLY).on(&database).spawn();
                if column.is_empty() {
                    await_counted(&database, 100);
                } else {
                    database.await_true("SELECT count(*) > 100 FROM keywords WHERE mentions_count >= 0");
                }
                churn(&database);
                server.control(&["restart", "-m", mode]);
                child
            });
            let (child, _folder) = child;
            database.await_true("SELECT true");
            churn_again(&database);
            let (is_done, stderr) = end(child);
            assert!(is_done, "{mode} {column}: {stderr}");
            assert!(stderr.contains("connecting again"), "{mode} {column}: {stderr}");
            assert_eq!(database.value(DRIFT), "0", "{mode} {column}: {stderr}");
            perfkit(&["counter", "verify"]).on(&database).succeeds();
        }
    }
}

fn churn_again(database: &Database) {
    database.execute(
        "INSERT INTO mentions (keyword_id) SELECT 10 + i % 900 FROM generate_series(1, 200) AS i;
         DELETE FROM mentions WHERE id % 19 = 0; DELETE FROM keywords WHERE id = 500",
    );
}

#[test]
fn a_run_makes_way_for_slots_and_sessions() {
    // Sessions of other tests would count as well.
    let server = Server::start("", &SETTINGS, 5432);
    let database = server.database("ways");
    fill(&database, 50, 200);
    let counted = "SELECT count(*) FROM keywords WHERE mentions_count IS NOT NULL";
    database.query("SELECT pg_create_physical_replication_slot('behind', true)");
    // A segment that is begun anew is switched whole.
    database.query("SELECT pg_switch_wal()");
    database.execute("CREATE TABLE filler (); SELECT pg_switch_wal()");
    let (child, _folder) = add(&["--yes", "--max-slot-size", "1MB"]).on(&database).spawn();
    database.await_true(&held_by("a replication slot holds back"));
    assert_eq!(database.value(counted), "0");
    database.query("SELECT pg_drop_replication_slot('behind')");
    let (is_done, stderr) = end(child);
    assert!(is_done, "{stderr}");
    assert_eq!(database.value(DRIFT), "0");

    perfkit(&["counter", "drop", "keywords.mentions_count", "--yes"]).on(&database).succeeds();
    std::thread::scope(|scope| {
        let sleeper = scope.spawn(|| database.try_query("SELECT pg_sleep(600)").is_err());
        database.await_true("SELECT count(*) = 1 FROM pg_stat_activity WHERE query = 'SELECT pg_sleep(600)'");
        let (child, _folder) = add(&["--yes", "--max-active", "0"]).on(&database).spawn();
        database.await_true(&held_by("sessions are active"));
        assert_eq!(database.value(counted), "0");
        database.query(
            "SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE query = 'SELECT pg_sleep(600)'",
        );
        assert!(sleeper.join().expect("it ends"));
        let (is_done, stderr) = end(child);
        assert!(is_done, "{stderr}");
    });
    assert_eq!(database.value(DRIFT), "0");
}

#[test]
fn a_role_that_sees_nothing_is_told_so_once() {
    let server = Server::start("", &SETTINGS, 5432);
    let database = server.database("hidden");
    fill(&database, 50, 200);
    database.execute(
        "CREATE ROLE counter_owner LOGIN; GRANT CREATE ON DATABASE hidden TO counter_owner; GRANT ALL ON SCHEMA public TO counter_owner;
         ALTER TABLE keywords OWNER TO counter_owner; ALTER TABLE mentions OWNER TO counter_owner;
         ALTER TABLE users OWNER TO counter_owner",
    );
    let owner = Database { url: database.url_for("counter_owner") };
    let run = add(&["--yes"]).on(&owner).succeeds();
    let remedy = "GRANT pg_read_all_stats TO \"counter_owner\"";
    assert_eq!(run.stderr.matches(remedy).count(), 1, "{}", run.stderr);
    perfkit(&["counter", "drop", "keywords.mentions_count", "--yes"]).on(&owner).succeeds();
    database.execute(remedy);
    let run = add(&["--yes"]).on(&owner).succeeds();
    assert!(!run.stderr.contains("pg_read_all_stats"), "{}", run.stderr);
    assert_eq!(database.value(DRIFT), "0");
}

#[test]
fn a_throttle_query_that_fails_for_a_while_lets_a_run_wait() {
    let database = mentions(200, 500);
    database.execute("CREATE TABLE switches (is_on bool); INSERT INTO switches VALUES (false)");
    let (child, file, _folder) = held(&database, &["--pause-when", "SELECT is_on FROM switches"]);
    database.while_session("BEGIN; LOCK TABLE switches IN ACCESS EXCLUSIVE MODE", || {
        std::fs::remove_file(file).expect("it is there");
        database
            .await_true(&held_by("the throttle query fails: canceling statement due to statement timeout"));
    });
    let (is_done, stderr) = end(child);
    assert!(is_done, "{stderr}");
    assert_eq!(database.value(DRIFT), "0");
}

#[test]
fn a_throttle_query_that_cannot_be_right_changes_nothing() {
    let database = mentions(10, 50);
    for query in ["SELECT is_on FROM nothing", "SELEC true"] {
        add(&["--yes", "--pause-when", query]).on(&database).fails(2, &["--pause-when", "SQLSTATE 42"]);
    }
    assert_eq!(database.value("SELECT to_regnamespace('perfkit') IS NULL"), "t");
}

#[test]
fn a_journal_keeps_the_last_word_of_each_run() {
    let database = mentions(200, 500);
    let most = "SELECT coalesce(max(n), 0) FROM (SELECT count(*) AS n FROM perfkit.counter_journal
        WHERE entry ->> 'entry' IN ('progress', 'order') GROUP BY entry ->> 'run', entry ->> 'entry') AS c";
    let (mut child, _, _folder) = held(&database, &[]);
    for order in ["pause", "resume", "pause"] {
        perfkit(&["counter", order]).on(&database).succeeds();
    }
    child.kill().expect("it runs");
    child.wait().expect("it ends");
    assert_ne!(database.value(most), "1");
    add(&["--yes"]).on(&database).succeeds();
    assert_eq!(database.value(most), "1");
    assert_eq!(
        database.value("SELECT count(*) FROM perfkit.counter_journal WHERE entry ->> 'entry' = 'run'"),
        "2"
    );
    let status = perfkit(&["counter", "status", "--json"]).on(&database).succeeds().json();
    assert_eq!(status["runs"].as_array().expect("runs").last().expect("one")["state"], "done");
    assert_eq!(database.value(DRIFT), "0");
}

#[test]
fn a_fold_goes_on_until_it_is_interrupted() {
    let database = mentions(1000, 2000);
    add(&["--yes", "--mode", "queue"]).on(&database).succeeds();
    let (child, _folder) = perfkit(&["counter", "fold", "--every", "100ms"]).on(&database).spawn();
    let is_empty = "SELECT count(*) = 0 FROM keywords_mentions_keyword_id_pending";
    for _ in 0..2 {
        churn_again(&database);
        database.await_true(is_empty);
        assert_eq!(database.value(DRIFT), "0");
    }
    interrupt(&child);
    let output = output(child);
    assert_eq!(output.status.code(), Some(130), "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn a_guard_takes_back_what_others_write() {
    let database = mentions(50, 200);
    add(&["--yes", "--guard"]).on(&database).succeeds();
    database.execute("UPDATE keywords SET mentions_count = 99, user_id = NULL WHERE id < 9");
    assert_eq!(database.value(DRIFT), "0");
    assert_eq!(database.value("SELECT count(*) FROM keywords WHERE user_id IS NULL"), "8");
    churn(&database);
    assert_eq!(database.value(DRIFT), "0");
    database.load("SET session_replication_role = replica; DELETE FROM mentions WHERE id < 20; RESET session_replication_role");
    assert_ne!(database.value(DRIFT), "0");
    perfkit(&["counter", "repair", "--yes"]).on(&database).succeeds();
    assert_eq!(database.value(DRIFT), "0");
}

/// The wait between two tries must not hold up Ctrl-C.
#[test]
fn a_verify_that_waits_for_a_lock_can_be_interrupted() {
    let database = mentions(50, 200);
    add(&["--yes"]).on(&database).succeeds();
    database.while_session("BEGIN; LOCK TABLE mentions IN ACCESS EXCLUSIVE MODE", || {
        let (child, _folder) = perfkit(&["counter", "verify"]).on(&database).spawn();
        database.await_true("SELECT count(*) > 0 FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'perfkit'",
        );
        std::thread::sleep(Duration::from_millis(300));
        interrupt(&child);
        assert_eq!(output(child).status.code(), Some(130));
    });
}
