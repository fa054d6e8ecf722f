//! `perfkit bench --replay`: a captured workload, sent again.

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use serde_json::Value;

use crate::support::cli::{Finished, end, perfkit};
use crate::support::pg::Database;

/// Two sessions; the second statement of the first comes after those of the other.
const LOG: &str = "\
2026-11-22 11:48:11.001 UTC [7] LOG:  duration: 1.000 ms  statement: INSERT INTO seen (note) VALUES ('a1')
2026-11-22 11:48:11.101 UTC [8] LOG:  duration: 1.000 ms  statement: BEGIN
2026-11-22 11:48:11.151 UTC [8] LOG:  duration: 1.000 ms  statement: INSERT INTO seen (note) VALUES ('b1')
2026-11-22 11:48:11.201 UTC [8] LOG:  duration: 1.000 ms  statement: ROLLBACK
2026-11-22 11:48:11.301 UTC [8] LOG:  duration: 1.000 ms  execute s1: INSERT INTO seen (note) VALUES ($1)
2026-11-22 11:48:11.301 UTC [8] DETAIL:  parameters: $1 = 'b''2'
2026-11-22 11:48:11.401 UTC [8] LOG:  duration: 1.000 ms  execute s1: INSERT INTO seen (note) VALUES ($1)
2026-11-22 11:48:11.401 UTC [8] DETAIL:  parameters: $1 = NULL
2026-11-22 11:48:11.501 UTC [8] ERROR:  division by zero
2026-11-22 11:48:11.501 UTC [8] STATEMENT:  SELECT 1 / 0
2026-11-22 11:48:11.801 UTC [7] LOG:  duration: 1.000 ms  statement: INSERT INTO seen (note) VALUES ('a2')
";

fn seen() -> Database {
    let database = Database::create();
    database.execute("CREATE TABLE seen (n serial, note text, client int DEFAULT pg_backend_pid())");
    database
}

fn replay(database: &Database, args: &[&str], status: i32) -> Finished {
    let fixed = ["bench", "--json", "--replay", "app.log", "--allow-writes"];
    perfkit(&[&fixed, args].concat()).file("app.log", LOG).on(database).exits(status)
}

#[test]
fn sessions_are_sent_again_as_they_were() {
    let database = seen();
    let run = replay(&database, &[], 0);
    let report = run.json();
    assert_eq!(
        database.query("SELECT coalesce(note, 'NULL') FROM seen ORDER BY n"),
        ["a1", "b'2", "NULL", "a2"],
        "what was rolled back is not there"
    );
    let sessions =
        "SELECT count(DISTINCT client) || ' ' || count(DISTINCT client) FILTER (WHERE note ~ '^a') FROM seen";
    assert_eq!(database.value(sessions), "2 1");
    assert!(report["environment"]["elapsed_ms"].as_f64() >= Some(800.0), "at the times of the capture");
    let statements = report["statements"].as_array().unwrap();
    let n = |it: &Value, key: &str| it[key].as_u64().unwrap();
    assert_eq!(
        statements.iter().map(|it| n(it, "count") + n(it, "errors")).sum::<u64>(),
        8,
        "{}",
        run.stdout
    );
    let failed: Vec<&Value> = statements.iter().filter(|it| n(it, "errors") > 0).collect();
    assert!(failed.len() == 1 && failed[0]["errors_by_sqlstate"]["22012"] == 1, "{}", run.stdout);
    assert!(statements.iter().any(|it| it["name"] == "BEGIN" && it["count"] == 1));
    assert!(report["schedule_lag"]["p50_ms"].as_f64().is_some() && report["interrupted"] == false);
    let insert = statements.iter().find(|it| it["count"] == 5).expect("one statement, two texts");
    let of_service = insert["p50_ms"].as_f64().unwrap();
    assert!(insert["response"]["p50_ms"].as_f64().unwrap() >= of_service * 0.9, "from when it was due");
}

#[test]
fn the_pace_is_what_is_asked_for() {
    let database = seen();
    let report = replay(&database, &["--speed", "0.5"], 0).json();
    assert!(report["environment"]["elapsed_ms"].as_f64() >= Some(1600.0));
    assert_eq!(database.value("SELECT count(*) FROM seen"), "4");
    database.execute("TRUNCATE seen");
    let report = replay(&database, &["--speed", "max"], 0).json();
    assert!(report["schedule_lag"]["p50_ms"].is_null(), "there is no schedule");
    assert_eq!(database.value("SELECT count(*) FROM seen"), "4");
    assert!(replay(&database, &["--speed", "0"], 2).stderr.contains("max"));
    assert!(replay(&database, &["--rate", "5"], 2).stderr.contains("--rate"));
}

#[test]
fn refuses_what_it_must_not_or_cannot_send() {
    let database = seen();
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("app.log"), LOG).unwrap();
    let run = |args: &[&str], status| perfkit(args).within(folder.path()).on(&database).exits(status);
    let refused = run(&["bench", "--replay", "app.log"], 2).stderr;
    assert!(
        refused.contains("changes data: INSERT INTO seen") && refused.contains("--allow-writes"),
        "{refused}"
    );
    run(&["capture", "log", "--redact", "-o", "app.trace", "app.log"], 0);
    let redacted = run(&["bench", "--replay", "app.trace", "--allow-writes"], 2).stderr;
    assert!(redacted.contains("were left out (`--redact`)"), "{redacted}");
    assert!(run(&["bench", "--replay", "gone.trace"], 2).stderr.contains("gone.trace"));
    assert_eq!(database.value("SELECT count(*) FROM seen"), "0");
}

#[test]
fn ctrl_c_ends_a_replay_with_its_result() {
    let database = seen();
    let log = "\
2026-11-22 11:48:11.001 UTC [7] LOG:  duration: 1.000 ms  statement: SELECT 1
2026-11-22 11:48:11.101 UTC [8] LOG:  duration: 1.000 ms  statement: SELECT pg_sleep(60)
2026-11-22 11:58:11.801 UTC [7] LOG:  duration: 1.000 ms  statement: SELECT 2
";
    let (child, _folder) =
        perfkit(&["bench", "--json", "--replay", "app.log"]).file("app.log", log).on(&database).spawn();
    database.await_true(
        "SELECT count(*) = 1 FROM pg_stat_activity WHERE datname = current_database() AND query ~ '^SELECT pg_sleep'",
    );
    kill(Pid::from_raw(i32::try_from(child.id()).unwrap()), Signal::SIGINT).unwrap();
    let finished = end(child);
    assert_eq!(finished.status, 130, "{}", finished.stderr);
    let report = finished.json();
    let statements = report["statements"].as_array().unwrap();
    assert!(
        report["interrupted"] == true && statements.iter().any(|it| it["count"] == 1),
        "{}",
        finished.stdout
    );
    database.await_true(
        "SELECT count(*) = 0 FROM pg_stat_activity WHERE datname = current_database() AND query ~ '^SELECT pg_sleep'",
    );
}
