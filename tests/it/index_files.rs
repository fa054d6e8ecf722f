//! Files of `perfkit index suggest`: snapshots, migrations, reports.

use std::path::Path;

use serde_json::Value;

use crate::support::cli::perfkit;
use crate::support::pg::Database;

const SCRIPT: &str =
    "SELECT * FROM visits WHERE person = $1; SELECT count(*) FROM visits WHERE at > $1 AND person = $2";

fn visits() -> Database {
    let database = Database::create();
    database.execute(
        "CREATE TABLE visits (id int PRIMARY KEY, person text NOT NULL, at timestamptz NOT NULL);
         INSERT INTO visits SELECT i, 'person ' || i % 4000, timestamptz '2026-01-01' + i * interval '1 minute'
           FROM generate_series(1, 60000) AS i; VACUUM ANALYZE visits",
    );
    database
}

/// Runs `perfkit index suggest` with these arguments in a folder.
fn suggest(folder: &Path, args: &[&str]) -> crate::support::cli::Perfkit {
    std::fs::write(folder.join("w.sql"), SCRIPT).expect("the folder can be written");
    perfkit(&[&["index", "suggest", "-w", "w.sql"], args].concat()).within(folder)
}

fn names(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).expect("a folder");
    let mut names: Vec<String> =
        entries.map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned()).collect();
    names.retain(|name| name != "w.sql");
    names.sort();
    names
}

fn suggestions(report: &Value) -> Vec<String> {
    let list = report["suggestions"].as_array().expect("a list");
    list.iter().map(|suggestion| suggestion["ddl"].as_str().expect("DDL").to_owned()).collect()
}

#[test]
fn a_snapshot_gives_the_same_advice_without_the_database() {
    let (database, folder) = (visits(), tempfile::tempdir().unwrap());
    let there = suggest(folder.path(), &["--json", "--snapshot", "s.json"]).on(&database).succeeds().json();
    let here = suggest(folder.path(), &["--json", "--from-snapshot", "s.json"]).succeeds().json();
    assert!(!suggestions(&there).is_empty());
    assert_eq!(suggestions(&there), suggestions(&here));
    assert_eq!(there["workload"]["cost_before"], here["workload"]["cost_before"]);
    assert_eq!(names(folder.path()), ["s.json"]);
}

#[test]
fn a_redacted_snapshot_holds_no_values() {
    let (database, folder) = (visits(), tempfile::tempdir().unwrap());
    suggest(folder.path(), &["--snapshot", "plain.json"]).on(&database).succeeds();
    suggest(folder.path(), &["--snapshot", "redacted.json", "--redact"]).on(&database).succeeds();
    let text = |name: &str| std::fs::read_to_string(folder.path().join(name)).unwrap();
    assert!(text("plain.json").contains("person 1") && text("plain.json").contains("2026-01"));
    assert!(!text("redacted.json").contains("person 1") && !text("redacted.json").contains("2026-01"));
    let report = suggest(folder.path(), &["--json", "--from-snapshot", "redacted.json"]).succeeds().json();
    let found = suggestions(&report);
    assert!(found.iter().any(|ddl| ddl.contains("public.visits (person")), "{found:?}");
}

#[test]
fn what_is_no_snapshot_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    for (content, reason) in [
        ("{", "no snapshot of perfkit"),
        ("{\"format\": \"other\", \"version\": 1}", "it is a \"other\""),
        ("{\"format\": \"perfkit-snapshot\", \"version\": 99}", "version 99"),
    ] {
        std::fs::write(folder.path().join("s.json"), content).unwrap();
        suggest(folder.path(), &["--from-snapshot", "s.json"]).fails(2, &["s.json", reason]);
    }
    suggest(folder.path(), &["--from-snapshot", "absent.json"]).fails(2, &["absent.json", "--snapshot FILE"]);
    suggest(folder.path(), &["--redact"]).fails(2, &["--snapshot"]);
}

#[test]
fn migrations_are_written_for_the_framework() {
    let (database, folder) = (visits(), tempfile::tempdir().unwrap());
    let at = |name: &str| folder.path().join(name);
    for name in ["rails", "sql", "shop"] {
        std::fs::create_dir(at(name)).unwrap();
    }
    let run = |framework: &str, dir: &str| {
        suggest(folder.path(), &["--migration", framework, "--migration-dir", dir]).on(&database)
    };
    run("rails", "rails").succeeds();
    let names_of = |dir: &str| names(&at(dir));
    let [migration] = names_of("rails").try_into().unwrap();
    assert!(migration.contains(".rb"), "{migration}");
    let text = std::fs::read_to_string(at("rails").join(migration)).unwrap();
    assert!(text.contains("disable_ddl_transaction!") && text.contains("algorithm: :concurrently"), "{text}");
    run("plain", "sql").succeeds();
    assert_eq!(names_of("sql"), ["down.sql", "up.sql"]);
    // The script works as it is: up, down, and up again.
    for (file, n_indexes) in [("up.sql", "2"), ("down.sql", "1"), ("up.sql", "2")] {
        let script = std::fs::read_to_string(at("sql").join(file)).unwrap();
        let statements = script.split(";\n").map(|it| {
            it.lines().filter(|line| !line.trim_start().starts_with("--")).collect::<Vec<_>>().join("\n")
        });
        statements.filter(|it| !it.trim().is_empty()).for_each(|statement| database.execute(&statement));
        let count = "SELECT count(*) FROM pg_index WHERE indrelid = 'visits'::regclass AND indisvalid";
        assert_eq!(database.value(count), n_indexes, "{file}");
    }
    run("plain", "sql").succeeds();
    run("plain", "nowhere").fails(2, &["nowhere", "--migration-dir"]);
    run("ruby", "sql").fails(2, &["ruby", "golang-migrate"]);
}

#[test]
fn reports_come_in_every_format() {
    let (database, folder) = (visits(), tempfile::tempdir().unwrap());
    for (name, expected) in [
        ("out.md", "visits"),
        ("out.html", "Content-Security-Policy"),
        ("out.csv", "ddl,"),
        ("out.sql", "CREATE INDEX CONCURRENTLY"),
        ("out.json", "\"suggestions\""),
    ] {
        suggest(folder.path(), &["-o", name]).on(&database).succeeds();
        let text = std::fs::read_to_string(folder.path().join(name)).unwrap();
        assert!(text.contains(expected), "{name}: {text}");
    }
}

#[test]
fn a_time_limit_ends_the_search() {
    let (database, folder) = (visits(), tempfile::tempdir().unwrap());
    let report = suggest(folder.path(), &["--json", "--time-limit", "1ms"]).on(&database).succeeds().json();
    assert_eq!(report["is_cut_short"], true);
}

#[test]
fn a_budget_for_nothing_suggests_nothing() {
    let (database, folder) = (visits(), tempfile::tempdir().unwrap());
    let run = suggest(folder.path(), &["--storage-budget", "1kB"]).on(&database).succeeds();
    assert!(run.stdout.contains("within the limits"), "{}", run.stdout);
}
