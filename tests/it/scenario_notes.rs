//! The scenario of notes with authors and tags: it is seeded, its workload runs, and gets the indexes that it needs.

use crate::bench::Report;
use crate::support::cli::perfkit;
use crate::support::pg::Database;

const CONFIG: &str = include_str!("../../fixtures/notes/perfkit.yaml");

fn seeded(users: &str) -> Database {
    let database = Database::create();
    perfkit(&["seed", "--scenario", "notes", "--users", users, "--as-of", "2026-01-31"])
        .on(&database)
        .succeeds();
    database
}

#[test]
fn the_scenario_is_seeded_as_it_says() {
    let database = seeded("40");
    let counts = "SELECT (SELECT count(*) FROM users)::text || ' ' || (SELECT count(*) FROM notes)
        || ' ' || (SELECT count(*) FROM tags) || ' ' || (SELECT count(*) FROM note_tags)";
    assert_eq!(database.value(counts), "40 2000 200 6000");
    // Most notes are of a few authors, and some users have none.
    let most = "SELECT max(n) > 100 FROM (SELECT count(*) AS n FROM notes GROUP BY author_id) AS c";
    assert_eq!(database.value(most), "t");
    let none = "SELECT count(*) > 0 FROM users u WHERE NOT EXISTS (SELECT FROM notes WHERE author_id = u.id)";
    assert_eq!(database.value(none), "t");
}

#[test]
fn its_workload_runs_without_errors() {
    let database = seeded("40");
    let run =
        perfkit(&["bench", "--json", "--allow-writes", "--duration", "1s", "--warm-up", "0s", "-c", "4"])
            .on(&database)
            .run();
    assert!(run.stderr.contains("from built-in scenario notes"), "{}", run.stderr);
    let report: Report = run.json_as();
    assert_eq!(report.statements.len(), CONFIG.matches("- name: ").count(), "{}", run.stdout);
    for statement in &report.statements {
        assert_eq!(statement.errors, 0, "{}: {}", statement.name, run.stderr);
    }
}

#[test]
fn it_gets_the_indexes_of_its_lists() {
    let database = seeded("1000");
    let advice = perfkit(&["index", "suggest", "--json"]).on(&database).run().json();
    let columns: Vec<String> = advice["suggestions"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|it| format!("{} {}", it["table"].as_str().unwrap_or_default(), it["columns"]))
        .collect();
    for wanted in ["notes [\"author_id\"", "notes [\"created_at\""] {
        assert!(columns.iter().any(|found| found.starts_with(wanted)), "no {wanted} in {columns:?}");
    }
}
