//! What `perfkit bench` says of loads that cannot be: at the start, or as classes of errors with their counts. None is a result.

use crate::support::cli::{Finished, perfkit};
use crate::support::pg::{Database, Server};

/// A statement that is planned, and fails whenever it runs.
const FAILS: &str = "{name: fails, sql: 'SELECT 1 / (random() * 0)::int'}";
const WORKS: &str = "{name: works, sql: SELECT pg_sleep(0.001)}";

const CLOSED: &[&str] = &["--duration", "400ms", "--warm-up", "0s", "-c", "2"];
const OPEN: &[&str] = &["--duration", "400ms", "--warm-up", "0s", "--rate", "200", "-c", "2"];
const COMPARE: &[&str] = &["compare", "--calibrate", "--block", "200ms", "--max-pairs", "1", "-c", "2"];
const FIND_MAX: &[&str] =
    &["find-max", "--until", "p95 < 1s", "--window", "300ms", "--max-windows", "2", "-c", "2"];
const MODES: [&[&str]; 4] = [CLOSED, OPEN, COMPARE, FIND_MAX];

/// Runs a load of these statements.
fn bench(database: &Database, mode: &[&str], statements: &[&str]) -> Finished {
    let config = format!("workload: {{statements: [{}]}}\n", statements.join(", "));
    perfkit(&[&["bench"], mode].concat()).file("perfkit.yaml", &config).on(database).run()
}

/// Checks that all that is printed holds these.
fn check(run: &Finished, status: i32, expected: &[&str]) {
    assert_eq!(run.status, status, "stdout:\n{}\nstderr:\n{}", run.stdout, run.stderr);
    for part in expected {
        let is_there = run.stdout.contains(part) || run.stderr.contains(part);
        assert!(is_there, "no {part:?} in\n{}\n{}", run.stdout, run.stderr);
    }
}

/// Sends a log with these statements of one session, some milliseconds apart, again.
fn replay(database: &Database, statements: &[&str], apart_ms: usize) -> Finished {
    let line = |(i, sql): (usize, &&str)| {
        format!("2026-11-22 11:48:11.{:03} UTC [7] LOG:  duration: 0.100 ms  {sql}\n", 10 + i * apart_ms)
    };
    let log: String = statements.iter().enumerate().map(line).collect();
    perfkit(&["bench", "--replay", "app.log"]).file("app.log", &log).on(database).run()
}

#[test]
fn what_always_fails_is_counted_by_its_class() {
    let database = Database::create();
    for mode in MODES {
        check(&bench(&database, mode, &[FAILS]), 4, &[" × SQLSTATE 22012"]);
    }
    let run = replay(&database, &["statement: SELECT 1 / (random() * 0)::int"; 3], 2);
    check(&run, 4, &["every statement failed: 3 × SQLSTATE 22012"]);
}

/// The average of the others says nothing of it.
#[test]
fn one_that_always_fails_spoils_the_others() {
    let database = Database::create();
    for mode in MODES {
        let run = bench(&database, mode, &[FAILS, WORKS]);
        check(&run, 4, &["every execution of \"fails\" failed: ", " × SQLSTATE 22012"]);
    }
    let statements = ["statement: SELECT 1 / (random() * 0)::int", "statement: SELECT 2"];
    check(&replay(&database, &statements, 2), 4, &["failed: 1 × SQLSTATE 22012"]);
}

#[test]
fn values_of_another_type_are_refused_at_the_start() {
    let database = Database::create();
    for mode in MODES {
        let run = bench(&database, mode, &["{name: typed, sql: 'SELECT $1::int', params: [{value: abc}]}"]);
        check(&run, 2, &["statement \"typed\" cannot be run", "22P02", "abc"]);
        assert!(run.stdout.is_empty());
    }
    // Only some of its values are.
    let some = "{name: typed, sql: 'SELECT $1::int', params: [{choice: [1, 2, 3, abc]}]}";
    check(&bench(&database, CLOSED, &[some]), 0, &["typed: ", " × SQLSTATE 22P02"]);
    check(&replay(&database, &["statement: SELECT 'abc'::int"], 2), 4, &["1 × SQLSTATE 22P02"]);
}

#[test]
fn tables_that_are_not_there_are_named_at_the_start() {
    let database = Database::create();
    for mode in MODES {
        let run = bench(&database, mode, &["{name: gone, sql: SELECT n FROM nowhere}"]);
        check(&run, 2, &["\"nowhere\" does not exist"]);
        assert!(run.stdout.is_empty());
    }
    check(&replay(&database, &["statement: SELECT n FROM nowhere"], 2), 4, &["1 × SQLSTATE 42P01"]);
}

#[test]
fn rates_that_no_server_serves_are_no_result() {
    const SLOW: &str = "{name: slow, sql: SELECT pg_sleep(0.05)}";
    let database = Database::create();
    let with_rate = |mode: &[&'static str]| [mode, &["--rate", "20000"]].concat();
    check(&bench(&database, &with_rate(CLOSED), &[SLOW]), 4, &["could not be sent in time"]);
    check(&bench(&database, &with_rate(COMPARE), &[SLOW]), 4, &["could not be sent in time"]);
    check(&bench(&database, &with_rate(FIND_MAX), &[SLOW]), 1, &["not all were sent"]);
    // Two seconds of work in a hundredth of a second.
    let run = replay(&database, &["statement: SELECT pg_sleep(0.1)"; 20], 1);
    check(&run, 4, &["could not be sent in time"]);
}

#[test]
fn more_connections_than_the_server_takes_are_refused_in_its_words() {
    let server = Server::start("", &["listen_addresses=", "max_connections=12"], 5432);
    let database = Database { url: server.url("postgres", "postgres") };
    for mode in MODES.into_iter().chain([&["--connect", "--duration", "400ms", "-c", "2"][..]]) {
        let run = bench(&database, &[&mode[..mode.len() - 1], &["30"]].concat(), &[WORKS]);
        check(&run, 3, &["SQLSTATE 53300", "max_connections"]);
        assert!(run.stdout.is_empty());
    }
    let line = |pid| {
        format!(
            "2026-11-22 11:48:11.100 UTC [{pid}] LOG:  duration: 0.100 ms  statement: SELECT pg_sleep(1)\n"
        )
    };
    let log: String = (100..130).map(line).collect();
    let run = perfkit(&["bench", "--replay", "app.log"]).file("app.log", &log).on(&database).run();
    check(&run, 4, &["not every session could be opened", "too many clients", "a connection was lost"]);
}
