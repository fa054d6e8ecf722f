//! `perfkit capture statements`: what snapshots of `pg_stat_statements` make of a server's work.

use std::io::{BufRead as _, BufReader, Read as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;

use crate::support::KilledAtDrop;
use crate::support::cli::{Finished, perfkit};
use crate::support::pg::{Database, Server};

fn server(settings: &[&str], port: u16) -> Server {
    let common = ["listen_addresses=", "shared_preload_libraries=pg_stat_statements"];
    Server::start("", &[&common, settings].concat(), port)
}

fn shop(server: &Server) -> Database {
    let database = server.database("shop");
    database.execute(
        "CREATE TABLE t AS SELECT generate_series(1, 1000) AS a; CREATE EXTENSION pg_stat_statements",
    );
    database
}

/// A capture that runs.
struct Capture {
    child: KilledAtDrop,
    stderr: BufReader<std::process::ChildStderr>,
    trace: PathBuf,
    _folder: tempfile::TempDir,
}

fn capture(url: &str) -> Capture {
    let args = ["capture", "statements", "--every", "100ms", "-o", "a.trace", "--json", "-d", url];
    let (child, folder) = perfkit(&args).spawn();
    let mut child = KilledAtDrop(child);
    let mut stderr = BufReader::new(child.stderr.take().expect("it is piped"));
    let mut line = String::new();
    while !line.starts_with("reading pg_stat_statements") {
        line.clear();
        assert!(stderr.read_line(&mut line).expect("text") > 0, "it starts");
    }
    Capture { child, stderr, trace: folder.path().join("a.trace"), _folder: folder }
}

fn top(trace: &Path) -> Finished {
    perfkit(&["workload", "top", "--json", "--by", "calls", trace.to_str().expect("a path of text")]).run()
}

/// Calls and rows of a statement in a trace.
fn calls(trace: &Path, sql: &str) -> (u64, u64) {
    let finished = top(trace);
    if finished.status != 0 {
        return (0, 0);
    }
    let statements = finished.json()["statements"].as_array().expect("a list").clone();
    let found = statements.iter().find(|it| it["statement"] == sql);
    let number = |name: &str| found.and_then(|it| it[name].as_u64()).unwrap_or(0);
    (number("calls"), number("rows"))
}

impl Capture {
    /// Waits until the trace has so many calls of a statement.
    fn await_calls(&self, sql: &str, n: u64) {
        let deadline = Instant::now() + Duration::from_mins(1);
        while calls(&self.trace, sql).0 < n {
            assert!(Instant::now() < deadline, "what happened is in the file after a moment");
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// Ends it as Ctrl-C does; returns its report and what else it said.
    fn end(&mut self) -> (Value, String) {
        let pid = self.child.id().try_into().expect("a small number");
        kill(Pid::from_raw(pid), Signal::SIGINT).expect("it is ours");
        let (mut stdout, mut stderr) = (String::new(), String::new());
        self.child.stdout.take().expect("it is piped").read_to_string(&mut stdout).expect("text");
        self.stderr.read_to_string(&mut stderr).expect("text");
        let status = self.child.wait().expect("it ends").code();
        assert_eq!(status, Some(0), "{stderr}");
        (serde_json::from_str(&stdout).unwrap_or_else(|error| panic!("{error}: {stdout}")), stderr)
    }
}

const LOOKUP: &str = "SELECT a FROM t WHERE a > $1 LIMIT $2";

fn look_up(database: &Database, n: u64) {
    for n in 0..n {
        database.query(&format!("SELECT a FROM t WHERE a > {n} LIMIT 7"));
    }
}

#[test]
fn calls_are_counted_over_a_reset() {
    let server = server(&[], 5443);
    let database = shop(&server);
    look_up(&database, 9);
    let mut running = capture(&database.url);
    look_up(&database, 5);
    running.await_calls(LOOKUP, 5);
    assert_eq!(calls(&running.trace, LOOKUP), (5, 35), "what ran before is not of the capture");
    database.execute("SELECT pg_stat_statements_reset()");
    look_up(&database, 3);
    running.await_calls(LOOKUP, 8);
    let (report, said) = running.end();
    assert_eq!(calls(&running.trace, LOOKUP), (8, 56));
    assert_eq!((&report["resets"], &report["complete"]), (&1.into(), &false.into()), "{report:#}");
    assert!(said.contains("counters began anew 1 times"), "{said}");
    let warned = top(&running.trace);
    assert!(warned.stderr.contains("is incomplete"), "{}", warned.stderr);
    let shown = perfkit(&["capture", "show", running.trace.to_str().unwrap()]).succeeds();
    assert!(
        shown.stdout.contains("trace of statements") && shown.stdout.contains(LOOKUP),
        "{}",
        shown.stdout
    );
    assert!(!shown.stdout.contains("pg_stat_statements"), "monitors are left out: {}", shown.stdout);

    // A quiet capture has an end of its own.
    let quiet =
        perfkit(&["capture", "statements", "--every", "100ms", "--for", "300ms", "-o", "b.trace", "--json"]);
    let report = quiet.on(&database).succeeds().json();
    assert_eq!((&report["complete"], &report["resets"]), (&true.into(), &0.into()), "{report:#}");
    assert!(report["snapshots"].as_u64() >= Some(2), "{report:#}");
}

#[test]
fn a_reset_in_the_middle_of_a_look_is_counted_once() {
    let server = server(&[], 5443);
    let database = shop(&server);
    // The third time that a session asks for it, the counters begin anew right behind its answer.
    database.load(
        "CREATE FUNCTION torn() RETURNS TABLE (dealloc bigint, stats_reset timestamptz) LANGUAGE plpgsql AS $$
         DECLARE n int := coalesce(current_setting('torn.n', true), '0')::int + 1;
         BEGIN
           PERFORM set_config('torn.n', n::text, false);
           RETURN QUERY SELECT * FROM pg_stat_statements_info();
           IF n = 3 THEN PERFORM pg_stat_statements_reset(); END IF;
         END $$;
         CREATE OR REPLACE VIEW pg_stat_statements_info AS SELECT * FROM torn()",
    );
    look_up(&database, 9);
    let args = ["capture", "statements", "--every", "100ms", "--for", "500ms", "-o", "a.trace", "--json"];
    let report = perfkit(&args).on(&database).succeeds().json();
    assert_eq!((&report["resets"], &report["complete"]), (&1.into(), &false.into()), "{report:#}");
}

#[test]
fn evicted_entries_are_counted() {
    let server = server(&["pg_stat_statements.max=100"], 5444);
    let database = shop(&server);
    let mut running = capture(&database.url);
    look_up(&database, 5);
    running.await_calls(LOOKUP, 5);
    let many: Vec<String> =
        (1..250).map(|n| format!("SELECT {} FROM t LIMIT 1", vec!["a"; n].join(", "))).collect();
    database.load(&many.join(";"));
    let (report, said) = running.end();
    assert!(report["lost_entries"].as_u64() > Some(0), "{report:#}");
    assert!(said.contains("pg_stat_statements.max"), "{said}");
    let shown = perfkit(&["capture", "show", "--json", running.trace.to_str().unwrap()]).succeeds().stdout;
    assert!(shown.contains("\"type\":\"dropped\""), "the trace says so as well");
}

#[test]
fn what_is_missing_is_said_with_its_remedy() {
    let capture = |database: &Database| {
        perfkit(&["capture", "statements", "--for", "200ms", "--every", "100ms"]).on(database)
    };
    let shared = Database::create();
    capture(&shared).fails(2, &["extension \"pg_stat_statements\" is not created", "CREATE EXTENSION"]);
    shared.execute("CREATE EXTENSION pg_stat_statements");
    capture(&shared).fails(2, &["It is created, but not loaded: add it to shared_preload_libraries"]);

    let server = server(&[], 5445);
    let database = server.database("old");
    database.execute("CREATE EXTENSION pg_stat_statements VERSION '1.8'");
    capture(&database)
        .fails(2, &["is of an older version than the server", "ALTER EXTENSION pg_stat_statements UPDATE"]);
    database.execute("ALTER EXTENSION pg_stat_statements UPDATE; CREATE ROLE app LOGIN; SELECT 1 AS hidden");
    let of_app = Database { url: database.url_for("app") };
    let warned = capture(&of_app).succeeds();
    assert!(
        warned.stderr.contains("hidden from role \"app\"; GRANT pg_read_all_stats TO it"),
        "{}",
        warned.stderr
    );
    database.execute("REVOKE SELECT ON pg_stat_statements_info FROM PUBLIC");
    capture(&of_app).fails(3, &["permission denied", "GRANT"]);
    perfkit(&["capture", "statements", "--every", "1ms"]).on(&database).exits(2);
}
