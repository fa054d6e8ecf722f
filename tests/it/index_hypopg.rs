//! `perfkit index suggest --what-if hypopg`
//!
//! `scripts/ensure-hypopg` gives the test server the extension. Where there is none, these tests ask for what perfkit
//! says without it.

use serde_json::Value;

use crate::support::cli::{Finished, perfkit};
use crate::support::pg::Database;

/// Events of 5,000 users, an archive of the same form, and a view that reads the open events.
fn events() -> Database {
    let database = Database::create();
    database.execute(
        "CREATE TABLE events (id bigint PRIMARY KEY, user_id int, at timestamptz, closed_at timestamptz);
         INSERT INTO events SELECT i, i % 5000, timestamptz '2026-01-01' + i * interval '1 minute',
                CASE WHEN i % 200 > 0 THEN now() END FROM generate_series(1, 100000) AS i;
         CREATE VIEW open_events AS SELECT * FROM events WHERE closed_at IS NULL;
         VACUUM ANALYZE events",
    );
    database
}

/// Creates the extension in a schema of its own; false, after a look at the message, where the server has none.
fn with_extension(database: &Database) -> bool {
    if database.query("SELECT 1 FROM pg_available_extensions WHERE name = 'hypopg'").is_empty() {
        suggest(database, "SELECT * FROM events WHERE user_id = 7").fails(
            2,
            &["extension \"hypopg\" is not created", "Install HypoPG on the server", "--what-if shadow"],
        );
        return false;
    }
    database.execute("CREATE SCHEMA \"Tools\"; CREATE EXTENSION hypopg SCHEMA \"Tools\"");
    true
}

fn suggest(database: &Database, script: &str) -> crate::support::cli::Perfkit {
    perfkit(&["index", "suggest", "--json", "-w", "w.sql", "--what-if", "hypopg"])
        .file("w.sql", script)
        .on(database)
}

fn ddl(run: &Finished) -> Vec<String> {
    let json = run.json();
    let suggestions = json["suggestions"].as_array().expect("suggestions");
    let text = |suggestion: &Value| suggestion["ddl"].as_str().expect("its DDL").to_owned();
    suggestions
        .iter()
        .map(|suggestion| text(suggestion).split_once(" ON ").expect("a table").1.to_owned())
        .collect()
}

fn missing(run: &Finished) -> String {
    run.json()["what_if"]["missing"].to_string()
}

#[test]
fn prices_on_the_database_itself_and_leaves_nothing() {
    let database = events();
    if !with_extension(&database) {
        return;
    }
    let run =
        suggest(&database, "SELECT * FROM events WHERE user_id = 7 ORDER BY at DESC LIMIT 3").succeeds();
    assert_eq!(run.json()["what_if"]["engine"], "hypopg");
    assert!(run.json()["what_if"]["calls"].as_u64() > Some(0));
    assert_eq!(ddl(&run).len(), 1, "{}", run.stdout);
    assert!(ddl(&run)[0].starts_with("public.events (user_id"), "{}", run.stdout);
    assert_eq!(database.value("SELECT count(*) FROM pg_index WHERE indrelid = 'events'::regclass"), "1");
    let again =
        suggest(&database, "SELECT * FROM events WHERE user_id = 7 ORDER BY at DESC LIMIT 3").succeeds();
    assert_eq!(ddl(&run), ddl(&again));
}

#[test]
fn agrees_with_the_shadow() {
    let database = events();
    if !with_extension(&database) {
        return;
    }
    let script =
        "SELECT count(*) FROM events WHERE at > '2026-03-09'; SELECT * FROM events WHERE user_id = 8";
    let hypopg = suggest(&database, script).succeeds();
    let shadow = perfkit(&["index", "suggest", "--json", "-w", "w.sql"])
        .file("w.sql", script)
        .on(&database)
        .succeeds();
    assert_eq!(ddl(&hypopg), ddl(&shadow));
}

#[test]
fn partial_indexes_are_for_statements_of_one_plain_table() {
    let database = events();
    if !with_extension(&database) {
        return;
    }
    let plain = suggest(&database, "SELECT * FROM events WHERE user_id = 7 AND closed_at IS NULL").succeeds();
    assert_eq!(ddl(&plain), ["public.events (user_id) WHERE closed_at IS NULL;"], "{}", plain.stdout);
    assert_eq!(missing(&plain), "[]");
    let join = "SELECT * FROM events AS e JOIN events AS f USING (user_id) \
                WHERE e.user_id = 7 AND e.closed_at IS NULL AND f.id = 3";
    let run = suggest(&database, join).succeeds();
    assert!(missing(&run).contains("HypoPG#116"), "{}", run.stdout);
    assert!(!ddl(&run).iter().any(|ddl| ddl.contains(" WHERE ")), "{}", run.stdout);
}

#[test]
fn what_is_behind_a_view_sees_no_partial_index() {
    let database = events();
    if !with_extension(&database) {
        return;
    }
    let script = "SELECT * FROM open_events WHERE user_id = 7; SELECT * FROM events WHERE user_id = 7 AND closed_at IS NULL";
    let run = suggest(&database, script).succeeds();
    assert!(missing(&run).contains("HypoPG#116"), "{}", run.stdout);
    for suggestion in run.json()["suggestions"].as_array().unwrap() {
        let is_partial = !suggestion["predicate"].is_null();
        let n_helped = suggestion["helps"].as_array().unwrap().len();
        assert!(!is_partial || n_helped == 1, "{suggestion:#}");
    }
    // The server is still the same one, and its sessions are.
    assert_eq!(database.value("SELECT 1"), "1");
}

#[test]
fn the_extension_must_be_created() {
    let database = events();
    if database.query("SELECT 1 FROM pg_available_extensions WHERE name = 'hypopg'").is_empty() {
        with_extension(&database);
        return;
    }
    suggest(&database, "SELECT * FROM events WHERE user_id = 7")
        .fails(2, &["extension \"hypopg\" is not created in this database", "CREATE EXTENSION hypopg"]);
}

#[test]
fn its_functions_must_be_allowed() {
    let database = events();
    if !with_extension(&database) {
        return;
    }
    database.execute("GRANT SELECT ON events TO nobody_special");
    suggest(&database, "SELECT * FROM events WHERE user_id = 7")
        .env("DATABASE_URL", database.url_for("nobody_special"))
        .fails(3, &["42501", "schema Tools"]);
}
