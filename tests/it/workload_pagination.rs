//! `perfkit workload pagination`: lists in a log, and their pages by key on a real database.

use serde_json::Value;

use crate::support::cli::perfkit;
use crate::support::pg::Database;

/// A log of one session that ran these statements; it does not say how many rows they gave.
fn log(statements: impl IntoIterator<Item = String>) -> String {
    let line = |(n, sql): (usize, String)| {
        format!("2026-11-22 11:48:{n:02}.000 UTC [7] LOG:  duration: 2.000 ms  statement: {sql}\n")
    };
    statements.into_iter().enumerate().map(line).collect()
}

/// Pages of this list, one after the other, and one far behind.
fn walk(list: &str, size: u64, deepest: u64) -> String {
    let offsets = (0..6).map(|page| page * size).chain([deepest]);
    log(offsets.map(|offset| format!("{list} LIMIT {size} OFFSET {offset}")))
}

/// Notes of which some have equal dates, and some none.
fn notes() -> Database {
    let database = Database::create();
    database.execute(
        "CREATE TABLE users (id int PRIMARY KEY, name text NOT NULL);
         CREATE TABLE notes (id int PRIMARY KEY, author_id int NOT NULL REFERENCES users, title text NOT NULL,
             created_at timestamptz NOT NULL, edited_at timestamptz);
         INSERT INTO users SELECT i, 'user ' || i FROM generate_series(1, 20) AS i;
         INSERT INTO notes SELECT i, 1 + i % 20, 'Note ' || i % 50, timestamptz '2026-01-01' + i / 7 * interval '1 hour',
             CASE WHEN i % 3 > 0 THEN timestamptz '2026-02-01' + i / 11 * interval '1 hour' END
         FROM generate_series(1, 5000) AS i;
         ANALYZE",
    );
    database
}

fn judged(database: &Database, log: &str) -> Value {
    let run =
        perfkit(&["workload", "pagination", "--json", "a.log"]).file("a.log", log).on(database).exits(1);
    let mut findings = run.json()["findings"].clone();
    findings[0].take()
}

fn rules(finding: &Value) -> Vec<&str> {
    finding["problems"].as_array().into_iter().flatten().filter_map(|it| it["rule"].as_str()).collect()
}

#[test]
fn a_list_by_offset_goes_by_key() {
    let database = notes();
    let list = "SELECT id, title FROM notes WHERE author_id = 3 ORDER BY created_at DESC";
    let text = walk(list, 10, 1990) + &log(["SELECT count(*) FROM notes WHERE author_id = 3".to_owned()]);
    let finding = judged(&database, &text);
    assert_eq!(rules(&finding), ["deep-offset", "offset-walk", "count-twin", "unstable-order"]);
    let rewrite = &finding["rewrite"];
    assert_eq!(rewrite["verified"], true, "{rewrite}");
    insta::assert_snapshot!(rewrite["next_sql"].as_str().unwrap(), @"SELECT id, title, created_at FROM notes WHERE author_id = $1 AND (created_at, id) < ($3, $4) ORDER BY created_at DESC, id DESC LIMIT $2");
    assert_eq!(rewrite["index_exists"], false);
    let index = rewrite["index"].as_str().unwrap().to_owned();
    assert!(index.ends_with("(author_id, created_at, id)"), "{index}");
    assert!(!rewrite["times"].as_array().unwrap().is_empty(), "{rewrite}");

    database.execute(&index);
    let text =
        perfkit(&["workload", "pagination", "a.log"]).file("a.log", &text).on(&database).exits(1).stdout;
    for part in ["serves it", "proved: ", "by OFFSET ms"] {
        assert!(text.contains(part), "{part}: {text}");
    }
}

#[test]
fn nulls_ties_and_directions_are_walked_over() {
    let database = notes();
    for list in [
        "SELECT * FROM notes ORDER BY edited_at",
        "SELECT * FROM notes ORDER BY edited_at DESC",
        "SELECT title FROM notes ORDER BY edited_at NULLS FIRST, created_at DESC, id",
        "SELECT title, lower(title) AS t FROM notes WHERE id > 5 OR id < 3 ORDER BY title DESC, 2, author_id",
        "SELECT n.title, u.name FROM users u JOIN notes n ON n.author_id = u.id ORDER BY u.name, n.created_at",
        "SELECT n.title, u.name FROM notes n LEFT JOIN users u ON u.id = n.author_id ORDER BY n.created_at",
    ] {
        // Where NULLs begin, and where they end if they come first.
        for place in [3290, 1630] {
            let finding = judged(&database, &walk(list, 10, place));
            if list.contains("lower") {
                let reason = finding["no_rewrite_reason"].as_str().unwrap();
                assert!(reason.contains("lower(title) may be NULL"), "{reason}");
            } else {
                assert_eq!(finding["rewrite"]["verified"], true, "{list}: {finding:#}");
            }
        }
    }
}

#[test]
fn without_a_database_the_text_alone_speaks() {
    let log = walk("SELECT id FROM notes ORDER BY id", 10, 5000);
    let run = perfkit(&["workload", "pagination", "--offline", "a.log"]).file("a.log", &log).exits(1);
    insta::assert_snapshot!(run.stdout, @r"
    deep-offset, offset-walk: 7 calls, 14.0 ms
      statement SELECT id FROM notes ORDER BY id LIMIT $1 OFFSET $2
      problem   OFFSET goes up to 5000
      problem   a session read 6 pages one after the other; together they skip 15 times the rows of a page
      remedy    begin each page after the last row of the page before it
      by key    not written: no database was named, so that nothing is known of keys
      accept    --ignore 9d8a6c183b7057b8
    ");
    let accepted = ["workload", "pagination", "--offline", "--ignore", "9d8a6c18", "a.log"];
    perfkit(&accepted).file("a.log", &log).succeeds();
}

#[test]
fn good_pages_are_no_finding() {
    let database = notes();
    let log = walk("SELECT id FROM notes WHERE author_id = 3 ORDER BY created_at, id", 10, 20);
    let log: String = log.split_inclusive('\n').take(3).collect();
    let run = perfkit(&["workload", "pagination", "a.log"]).file("a.log", &log).on(&database).succeeds();
    assert_eq!(run.stdout, "1 lists, none of them read badly\n");
}
