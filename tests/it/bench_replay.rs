//! `perfkit bench --replay`: a captured workload, sent again.

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use serde_json::Value;

use crate::support::cli::{Finished, end, perfkit};
use crate::support::pg::Database;
use crate::support::proxy::{Ended, proxy};
use crate::support::wire::{Wire, bind, execute, parse, query, sync};

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

/// Counts the executions that the session which writes sent before the answer to the one before them came.
fn n_piped(ended: &Ended) -> usize {
    let ns = |execution: &Value, key: &str| execution[key].as_u64().expect("a number");
    let session = &ended.execution("INSERT INTO seen (note) VALUES ($1)")["session"];
    let times: Vec<(u64, u64)> = ended
        .executions()
        .iter()
        .filter(|(_, execution)| execution["session"] == *session)
        .map(|(_, it)| (ns(it, "started_at_ns"), ns(it, "started_at_ns") + ns(it, "total_ns")))
        .collect();
    times.windows(2).filter(|pair| pair[0].1 == pair[1].0).count()
}

#[test]
fn pipelines_are_sent_again_as_pipelines() {
    let database = seen();
    database.execute("ALTER TABLE seen ADD transaction text DEFAULT pg_current_xact_id()::text");
    let running = proxy(&database, &[]);
    let mut wire = Wire::through(running.port, &database);
    let insert = |note: &str| [bind("", "s", 0, &[Some(note.as_bytes())]), execute("", 0)].concat();
    // A Sync for both.
    let prepare = parse("s", "INSERT INTO seen (note) VALUES ($1)", &[]);
    wire.say(&[prepare, insert("a1"), insert("a2"), sync()].concat(), 1);
    // One for each.
    wire.say(&[insert("b1"), sync(), insert("b2"), sync()].concat(), 2);
    // An error takes what is before it, and the server skips what is behind it.
    let fails =
        [parse("", "SELECT 1 / $1::int", &[]), bind("", "", 0, &[Some(b"0")]), execute("", 0)].concat();
    wire.say(&[insert("c1"), fails, insert("c2"), sync()].concat(), 1);
    wire.say(&query("INSERT INTO seen (note) VALUES ('d1'); INSERT INTO seen (note) VALUES ('d2')"), 1);
    // A block, up to an error: whoever sends more waits, as the server sends errors before it is ready for more.
    let block = [query("BEGIN"), query("INSERT INTO seen (note) VALUES ('e1')"), query("SELECT 1 / 0")];
    wire.say(&block.concat(), 3);
    wire.say(&query("ROLLBACK"), 1);
    for note in ["f1", "f2"] {
        wire.say(&[insert(note), sync()].concat(), 1);
    }
    wire.end();
    let captured = running.end();
    let transactions =
        "SELECT string_agg(note, ' ' ORDER BY n) FROM seen GROUP BY transaction ORDER BY min(n)";
    let expected = ["a1 a2", "b1", "b2", "d1 d2", "f1", "f2"];
    assert_eq!(database.query(transactions), expected);

    for speed in ["1", "max"] {
        database.execute("TRUNCATE seen");
        let running = proxy(&database, &[]);
        let name = database.value("SELECT current_database()");
        let url = format!("postgresql://postgres@127.0.0.1:{}/{name}", running.port);
        let trace = captured.trace.to_str().unwrap();
        let args = ["bench", "--json", "--allow-writes", "--speed", speed, "-d", &url, "--replay", trace];
        let report = perfkit(&args).succeeds().json();
        let again = running.end();
        assert_eq!(database.query(transactions), expected, "--speed {speed}");
        assert_eq!(n_piped(&again), n_piped(&captured), "--speed {speed}");
        let statements = report["statements"].as_array().unwrap();
        let sum = |key: &str| statements.iter().map(|it| it[key].as_u64().unwrap()).sum::<u64>();
        // Both errors, and nothing else.
        assert_eq!((sum("count"), sum("errors")), (12, 2), "{report:#}");
    }
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

/// Without values there is nothing to send, but loops still show.
#[test]
fn redacted_traces_are_refused_and_their_loops_found() {
    let database = seen();
    database.execute("INSERT INTO seen (note) SELECT 'n' || i FROM generate_series(1, 10) AS i");
    let running = proxy(&database, &["--redact"]);
    let mut wire = Wire::through(running.port, &database);
    // However slow the machine is, a transaction is one scope.
    wire.say(&query("BEGIN"), 1);
    wire.say(&query("SELECT n FROM seen ORDER BY n"), 1);
    for n in 1..=10 {
        let n = n.to_string();
        let call =
            [parse("", "SELECT note FROM seen WHERE n = $1", &[23]), bind("", "", 0, &[Some(n.as_bytes())])];
        wire.say(&[call.concat(), execute("", 0), sync()].concat(), 1);
    }
    wire.say(&query("COMMIT"), 1);
    wire.end();
    let captured = running.end();
    let trace = captured.trace.to_str().unwrap();
    perfkit(&["bench", "--replay", trace])
        .on(&database)
        .fails(2, &["were left out (`--redact`) in 10 executions", "Record it without `--redact`"]);
    let found =
        perfkit(&["workload", "n-plus-one", "--strict", "--json", trace]).on(&database).exits(1).json();
    let rewrite = &found["findings"][0]["rewrite"];
    assert_eq!(found["findings"][0]["origins"][0]["column"], "n", "{found:#}");
    assert!(
        rewrite["verified"].is_null() && rewrite["reason"].as_str().unwrap().contains("--redact"),
        "{found:#}"
    );
    perfkit(&["workload", "pagination", trace]).on(&database).succeeds();
    let bench = perfkit(&["bench", "--duration", "300ms", "-w", trace]).on(&database).succeeds();
    assert!(bench.stderr.contains("without their values"), "{}", bench.stderr);
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
