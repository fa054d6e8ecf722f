//! `perfkit budget`: real commands through the proxy, and what becomes of their budgets.

use std::io::{BufRead as _, BufReader, Read as _};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;

use crate::support::KilledAtDrop;
use crate::support::cli::{Perfkit, perfkit};
use crate::support::pg::{Database, PASSWORD, SHARED};

/// A list, a row of it, and one that is written.
const WORK: &str = "\
BEGIN;
INSERT INTO t VALUES (100, 'x');
SELECT b FROM t WHERE a = 1;
SELECT b FROM t WHERE a = 2;
COMMIT;
SELECT 'perfkit:scope=list';
SELECT a FROM t ORDER BY a LIMIT 5;
";

fn database() -> Database {
    let database = Database::create();
    database.execute("CREATE TABLE t AS SELECT a, a::text AS b FROM generate_series(1, 50) AS a");
    database
}

/// Runs a script by psql.
fn budget(database: &Database, script: &str, args: &[&str]) -> Perfkit {
    let args = [&["budget"], args, &["--", "psql", "-X", "-q", "-f", "work.sql"]].concat();
    perfkit(&args).on(database).file("work.sql", script)
}

fn with_more() -> String {
    format!("{WORK}SELECT count(*) FROM t;\nSELECT a FROM t ORDER BY a LIMIT 6;\n")
}

#[test]
fn queries_are_counted_and_limits_held() {
    let database = database();
    let report = budget(&database, WORK, &["--json", "--max-queries", "3", "--max-writes", "1"]).exits(1);
    let report = report.json();
    assert_eq!(
        (&report["valid"], &report["passed"], &report["sessions"]),
        (&true.into(), &false.into(), &1.into())
    );
    let names: Vec<&str> =
        report["scopes"].as_array().unwrap().iter().filter_map(|scope| scope["scope"].as_str()).collect();
    assert_eq!(names, ["run", "scope list"]);
    let run = &report["scopes"][0];
    let figures = ["queries", "writes", "transactions", "rows", "not_counted"].map(|name| &run[name]);
    assert_eq!(figures, [4, 1, 2, 8, 2].map(Value::from).each_ref(), "{run:#}");
    assert_eq!(report["scopes"][1]["queries"], 1);
    let outcomes: Vec<(&str, bool)> = report["checks"]
        .as_array()
        .unwrap()
        .iter()
        .map(|check| (check["rule"].as_str().unwrap(), check["passed"].as_bool().unwrap()))
        .collect();
    assert_eq!(outcomes, [("max_queries", false), ("max_writes", true)]);
    assert_eq!(report["checks"][0]["causes"][0]["statement"], "SELECT b FROM t WHERE a = $1");

    let text = budget(&database, WORK, &["--max-calls", "1"]).exits(1).stderr;
    assert!(text.contains("2 calls           SELECT b FROM t WHERE a = $1"), "{text}");
    budget(&database, WORK, &["--max-queries", "4", "--max-transactions", "2", "--max-rows", "8"]).succeeds();
    budget(&database, WORK, &["--max-ms", "60000", "--ignore", "0000000000000000"]).succeeds();
}

#[test]
fn what_sql_prepares_is_counted_as_what_it_executes() {
    let database = database();
    let script = "\
PREPARE by_a (int) AS SELECT b FROM t WHERE a = $1;
PREPARE more AS SELECT count(*) FROM t;
EXECUTE by_a (1);
EXECUTE by_a (2);
EXECUTE more;
DEALLOCATE by_a;
";
    let report = budget(&database, script, &["--json", "--max-calls", "1"]).exits(1).json();
    assert_eq!(report["valid"], true);
    assert_eq!(report["scopes"][0]["queries"], 3, "{report:#}");
    assert_eq!(report["checks"][0]["causes"][0]["statement"], "SELECT b FROM t WHERE a = $1");
}

#[test]
fn statements_are_ignored_by_table_or_text() {
    let database = database();
    let queries = |args: &[&str]| {
        let report = budget(&database, WORK, &[&["--json"], args].concat()).succeeds().json();
        report["scopes"][0]["queries"].as_u64().unwrap()
    };
    assert_eq!(queries(&["--ignore", "*WHERE a = *"]), 2);
    assert_eq!(queries(&["--ignore", "public.t"]), 0);
    assert_eq!(queries(&["--ignore", "other"]), 4);
    budget(&database, WORK, &["--ignore", "two words"]).fails(2, &["a table, or a pattern of the text"]);
}

#[test]
fn what_the_command_reads_and_prints_is_its_own() {
    let database = database();
    let finished = perfkit(&["budget", "--", "sh", "-c", "echo beside >&2; psql -XAtq; printf end"])
        .on(&database)
        .input("SELECT b FROM t WHERE a = 7;\n")
        .succeeds();
    assert_eq!(finished.stdout, "7\nend");
    assert!(
        finished.stderr.contains("beside\n") && finished.stderr.contains("passed: 1 query"),
        "{}",
        finished.stderr
    );
    // JSON is alone on stdout; what the command prints there is beside the rest.
    let finished =
        perfkit(&["budget", "--json", "--", "psql", "-XAtqc", "SELECT b FROM t WHERE a = 7"]).on(&database);
    let finished = finished.succeeds();
    assert_eq!(finished.json()["scopes"][0]["queries"], 1);
    assert!(finished.stderr.contains("7\n"), "{}", finished.stderr);
}

#[test]
fn reports_are_files_beside_the_text() {
    let database = database();
    let args = ["--max-queries", "1", "-o", "budget.xml", "--trace", "kept.trace"];
    let (child, folder) = budget(&database, WORK, &args).spawn();
    let finished = crate::support::cli::end(child);
    assert_eq!(finished.status, 1, "{}", finished.stderr);
    assert!(finished.stderr.contains("missed"), "{}", finished.stderr);
    let junit = std::fs::read_to_string(folder.path().join("budget.xml")).unwrap();
    assert!(junit.contains("max_queries of run is missed: 4 of 1"), "{junit}");
    let kept = folder.path().join("kept.trace");
    let kept = kept.to_str().unwrap();
    assert!(
        perfkit(&["capture", "show", kept]).succeeds().stdout.contains("SELECT b FROM t WHERE a = $1 [1]")
    );
    budget(&database, WORK, &["--trace", kept]).fails(2, &["could not write trace", "Name another file"]);
}

#[test]
fn a_command_that_fails_is_told_from_a_budget_that_is_missed() {
    let database = database();
    let run =
        |script: &str| perfkit(&["budget", "--max-queries", "0", "--", "sh", "-c", script]).on(&database);
    run("psql -XAtqc 'SELECT b FROM t'; exit 7")
        .fails(4, &["the command failed with exit status 7", "not judged"]);
    run("psql -XAtqc 'SELECT b FROM t'; kill -KILL $$").fails(4, &["the command failed with signal SIGKILL"]);
    run("exit 3").fails(4, &["the command failed with exit status 3"]);
    perfkit(&["budget", "--", "./no-such-program"])
        .on(&database)
        .fails(2, &["could not run \"./no-such-program\""]);
    perfkit(&["budget"]).on(&database).exits(2);
}

#[test]
fn a_command_that_sends_nothing_does_not_pass() {
    let database = database();
    perfkit(&["budget", "--", "true"])
        .on(&database)
        .fails(2, &["the command did not connect to the database through perfkit", "DATABASE_URL"]);
    // A command that goes straight to the server.
    let past = format!("psql -Xqc 'SELECT a FROM t' '{}'", database.url);
    perfkit(&["budget", "--", "sh", "-c", &past]).on(&database).fails(2, &["did not connect"]);
    perfkit(&["budget", "--", "psql", "-X", "-q", "-f", "/dev/null"])
        .on(&database)
        .fails(2, &["the command sent no statement"]);
}

#[test]
fn a_trace_with_gaps_is_no_pass() {
    let database = database();
    // A session that begins as one of PostgreSQL, and goes on in no language.
    let script = r"psql -XAtqc 'SELECT b FROM t'
        exec 3<>/dev/tcp/127.0.0.1/$PGPORT
        printf '\0\0\0\051\0\003\0\0user\0postgres\0database\0postgres\0\0\377\377\377\377\377\377\377\377' >&3
        cat <&3 >/dev/null";
    perfkit(&["budget", "--max-queries", "100", "--", "bash", "-c", script])
        .on(&database)
        .fails(4, &["the trace is incomplete: 0 executions and 1 session could not be recorded"]);
}

#[test]
fn a_baseline_names_what_is_added() {
    let database = database();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("base.json");
    let run = |script: &str, args: &[&str]| {
        budget(&database, script, &[&["--baseline", file.to_str().unwrap()], args].concat())
    };
    run(WORK, &[]).fails(2, &["could not read baseline"]);
    run(WORK, &["--update"]).succeeds();
    let written = std::fs::read(&file).unwrap();
    run(WORK, &["--no-new-statements"]).succeeds();
    run(WORK, &["--update"]).succeeds();
    assert_eq!(std::fs::read(&file).unwrap(), written, "the same run gives the same bytes");

    let more = run(&with_more(), &[]).exits(1).stderr;
    for line in [
        "run: new 0 → 1: SELECT count(*) FROM t",
        "run: more 1 → 2: SELECT a FROM t ORDER BY a LIMIT $1",
        "scope list: new 0 → 1: SELECT count(*) FROM t",
    ] {
        assert!(more.contains(line), "no {line:?} in {more}");
    }
    let less = run("SELECT b FROM t WHERE a = 1;\n", &[]).succeeds().stderr;
    for line in [
        "run: fewer 2 → 1: SELECT b FROM t",
        "run: gone 1 → 0: INSERT INTO t",
        "nothing came from scope list",
    ] {
        assert!(less.contains(line), "no {line:?} in {less}");
    }
    assert_eq!(std::fs::read(&file).unwrap(), written, "only --update writes");

    let refused = |text: &str, reason: &str| {
        std::fs::write(&file, text).unwrap();
        run(WORK, &[]).fails(2, &["could not read baseline", reason]);
    };
    refused("{", "it is no baseline of perfkit budget");
    refused("{\"baseline_version\": 9}", "its form has version 9, and this perfkit reads up to 1");
    budget(&database, WORK, &["--no-new-statements"])
        .fails(2, &["there is no baseline to tell new statements by"]);
}

#[test]
fn a_baseline_of_a_failed_run_is_not_written() {
    let database = database();
    let command = perfkit(&["budget", "--update", "--", "sh", "-c", "psql -XAtqc 'SELECT b FROM t'; exit 1"]);
    let folder = command.folder().to_owned();
    let (child, kept) = command.on(&database).spawn();
    assert_eq!(crate::support::cli::end(child).status, 4);
    assert!(folder.exists() && !folder.join("perfkit-budget.json").exists());
    drop(kept);
}

#[test]
fn budgets_of_the_file_are_of_scopes() {
    let database = database();
    let yaml = "\
budgets:
  - {max_queries: 9}
  - {scope: list, max_queries: 2, no_n_plus_one: true}
  - {application_name: worker, max_calls: 1}
  - {tag: route=/t, max_rows: 1}
  - {scope: lits, max_queries: 1}
";
    let script = "
        psql -Xq -c \"SELECT 'perfkit:scope=list'\" -c 'SELECT a FROM t ORDER BY a LIMIT 6' -c 'SELECT b FROM t WHERE a = 1' \\
            -c 'SELECT b FROM t WHERE a = 2' -c 'SELECT b FROM t WHERE a = 3' -c 'SELECT b FROM t WHERE a = 4' \\
            -c 'SELECT b FROM t WHERE a = 5' -c 'SELECT b FROM t WHERE a = 6'
        PGAPPNAME=worker psql -Xqc \"SELECT b FROM t WHERE a < 3 /*route='%2Ft'*/\"";
    let finished =
        perfkit(&["budget", "--", "sh", "-c", script]).on(&database).file("perfkit.yaml", yaml).exits(2);
    let missed: Vec<&str> =
        finished.stderr.lines().filter(|line| line.ends_with("missed") && line.contains("  ")).collect();
    let expected = ["scope list", "scope list", "tag route=/t"];
    assert_eq!(missed.len(), expected.len(), "{}", finished.stderr);
    for (line, scope) in missed.iter().zip(expected) {
        assert!(line.starts_with(scope), "{line}");
    }
    assert!(finished.stderr.contains("6 calls in a loop"), "{}", finished.stderr);
    for words in [
        "error: nothing came from scope lits, of which there is a budget",
        "there were run, scope list,",
        "missed: 8 queries",
    ] {
        assert!(finished.stderr.contains(words), "no {words:?} in {}", finished.stderr);
    }
    let seen = yaml.replace("  - {scope: lits, max_queries: 1}\n", "");
    perfkit(&["budget", "--", "sh", "-c", script]).on(&database).file("perfkit.yaml", &seen).exits(1);
    perfkit(&["budget", "--", "true"])
        .on(&database)
        .file("perfkit.yaml", "budgets:\n  - {scope: a, max_querys: 1}\n")
        .fails(2, &["perfkit.yaml:2:16: unknown name `max_querys`", "Did you mean `max_queries`?"]);
}

#[test]
fn what_grows_with_the_data_is_named() {
    let database = database();
    let looping = "psql -Xqc 'SELECT a FROM t' >/dev/null; for n in $(seq $1); do echo \"SELECT b FROM t WHERE a = $n;\"; done | psql -XAtq";
    let scale = |script: &str, args: &[&str]| {
        perfkit(&[&["budget", "--scale", "10:sh list.sh 10", "2:sh list.sh 2"], args].concat())
            .on(&database)
            .file("list.sh", script)
    };
    let grown = scale(looping, &[]).exits(1).stderr;
    assert!(
        grown
            .contains("run grows with the data, 2 calls for 2 rows, 10 for 10: SELECT b FROM t WHERE a = $1"),
        "{grown}"
    );
    assert_eq!(scale(looping, &["--json"]).exits(1).json()["growth"][0]["calls_per_row"], 1.0);
    let constant = scale("psql -Xqc \"SELECT b FROM t LIMIT $1\"", &[]).succeeds().stderr;
    assert!(constant.contains("passed: no statement runs more often with more rows"), "{constant}");
    scale("exit 5", &[])
        .fails(4, &["could not run the command for 2 rows", "the command failed with exit status 5"]);
    scale("true", &[]).fails(2, &["could not run the command for 2 rows", "did not connect"]);
    perfkit(&["budget", "--scale", "2:true", "2:true"]).on(&database).fails(2, &["have as many rows"]);
}

#[test]
fn a_signal_ends_the_command_before_its_report() {
    let database = database();
    let script = "trap 'echo cleaned up; exit 5' TERM; psql -XAtqc 'SELECT b FROM t WHERE a = 1'; echo ready; \
                  while :; do sleep 0.05; done";
    let (child, _folder) = perfkit(&["budget", "--", "sh", "-c", script]).on(&database).spawn();
    let mut child = KilledAtDrop(child);
    let mut stdout = BufReader::new(child.stdout.take().unwrap());
    let mut line = String::new();
    while line != "ready\n" {
        line.clear();
        assert!(stdout.read_line(&mut line).unwrap() > 0, "it is ready some time");
    }
    kill(Pid::from_raw(child.id().try_into().unwrap()), Signal::SIGTERM).unwrap();
    let mut rest = String::new();
    stdout.read_to_string(&mut rest).unwrap();
    let mut stderr = String::new();
    child.stderr.take().unwrap().read_to_string(&mut stderr).unwrap();
    assert_eq!((child.wait().unwrap().code(), rest.as_str()), (Some(130), "cleaned up\n"), "{stderr}");
    assert!(stderr.contains("1 query in 1 session") && stderr.contains("interrupted"), "{stderr}");
}

#[test]
fn passwords_reach_the_command_and_nobody_else() {
    let database = database();
    database.execute("GRANT SELECT ON t TO secretive");
    let name = database.value("SELECT current_database()");
    let (folder, port) = (SHARED.folder.display(), SHARED.port);
    let url = format!("postgresql+psycopg://secretive:{PASSWORD}@/{name}?host={folder}&port={port}");
    // Once by the variables of libpq, once by the URL, whose scheme is the framework's own.
    let script = "psql -XAtqc 'SELECT b FROM t WHERE a = 1' && psql -XAtqc 'SELECT b FROM t WHERE a = 2' \"postgresql${OTHER_URL#*psycopg}\"";
    let finished = perfkit(&["budget", "--env", "OTHER_URL", "--", "sh", "-c", script]);
    let finished = finished.env("DATABASE_URL", &url).succeeds();
    assert_eq!(finished.stdout, "1\n2\n");
    assert!(finished.stderr.contains("2 queries in 2 sessions"), "{}", finished.stderr);
    assert!(!finished.stderr.contains(PASSWORD), "{}", finished.stderr);
}
