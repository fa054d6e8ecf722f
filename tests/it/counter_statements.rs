//! What `pg_stat_statements` tells of counters: who else writes them, and what counts.

use crate::counter_add::fill;
use crate::counter_backfill::add;
use crate::support::cli::perfkit;
use crate::support::pg::{Database, Server};

/// Returns a database with the extension, and its server; `None` where the server's programs come without it.
fn database(name: &str) -> Option<(Database, Server)> {
    let available = "SELECT count(*) FROM pg_available_extensions WHERE name = 'pg_stat_statements'";
    let shared = Database::create();
    if shared.value(available) == "0" {
        let suggest = ["counter", "suggest", "-w", "pg_stat_statements"];
        perfkit(&suggest).on(&shared).fails(2, &["pg_stat_statements is not available"]);
        return None;
    }
    let settings = ["listen_addresses=", "shared_preload_libraries=pg_stat_statements"];
    let server = Server::start("", &settings, 5432);
    let database = server.database(name);
    fill(&database, 50, 500);
    database.execute("CREATE EXTENSION pg_stat_statements");
    Some((database, server))
}

#[test]
fn an_application_that_overwrites_is_a_likely_cause() {
    let Some((database, _server)) = database("overwritten") else { return };
    add(&["--yes"]).on(&database).succeeds();
    perfkit(&["counter", "verify"]).on(&database).succeeds();
    database.execute("UPDATE keywords SET mentions_count = 3 WHERE id IN (4, 5)");
    let text = perfkit(&["counter", "verify"]).on(&database).exits(1).stdout;
    let cause = "the application writes the column: UPDATE keywords SET mentions_count = $1";
    assert!(text.contains(cause), "{text}");
}

const BACKFILL: [&str; 6] =
    ["counter", "backfill", "keywords.mentions_count", "--counts", "mentions", "--yes"];

#[test]
fn an_application_that_keeps_a_column_is_named_with_what_it_leaves_open() {
    let Some((database, _server)) = database("kept") else { return };
    database.execute(
        "ALTER TABLE keywords ADD COLUMN mentions_count int NOT NULL DEFAULT 0;
         UPDATE \"keywords\" SET \"mentions_count\" = COALESCE(\"mentions_count\", 0) + 1 WHERE \"keywords\".\"id\" = 7",
    );
    let run = perfkit(&BACKFILL).on(&database).exits(1);
    for part in ["the application keeps it: UPDATE \"keywords\"", "not seen to subtract", "COPY, TRUNCATE"] {
        assert!(run.stderr.contains(part), "{part}: {}", run.stderr);
    }
    database.execute(
        "UPDATE keywords SET mentions_count = (keywords.mentions_count - 1) WHERE id = 7;
         UPDATE keywords SET user_id = 3, mentions_count = 12 WHERE id = 8",
    );
    let run = perfkit(&BACKFILL).on(&database).exits(1);
    let warnings: Vec<&str> = run.stderr.lines().filter(|line| line.starts_with("warning: ")).collect();
    let warnings = warnings.join("\n");
    for (part, is_there) in [
        ("(keywords.mentions_count - $1)", true),
        ("not seen to", false),
        ("loses what comes between: UPDATE keywords SET user_id = $1, mentions_count = $2", true),
        // Neither are perfkit's own statements.
        ("public.keywords AS p", false),
    ] {
        assert_eq!(warnings.contains(part), is_there, "{part}: {warnings}");
    }
    let drift = crate::counter_add::DRIFT;
    assert_eq!(database.value(drift), "0");
    // Triggers of perfkit keep it from now on, whoever else writes it.
    add(&["--yes"]).on(&database).succeeds();
    perfkit(&BACKFILL).on(&database).succeeds();
}

#[test]
fn a_workload_that_was_watched_suggests_counters() {
    let Some((database, _server)) = database("watched") else { return };
    database.execute("ANALYZE; SELECT pg_stat_statements_reset()");
    for id in 1..=20 {
        database.query(&format!("SELECT count(*) FROM mentions WHERE keyword_id = {id}"));
    }
    database.execute("INSERT INTO mentions (keyword_id) VALUES (3)");
    let run = perfkit(&["counter", "suggest", "--json", "-w", "pg_stat_statements"])
        .on(&database)
        .succeeds()
        .json();
    let suggestions = run["suggestions"].as_array().expect("suggestions");
    let suggestion = suggestions
        .iter()
        .find(|it| it["command"] == "perfkit counter add keywords.mentions_count --counts mentions")
        .unwrap_or_else(|| panic!("{run:#}"));
    assert_eq!(suggestion["benefits"][0]["calls"], 20.0);
    assert!(suggestion["benefits"][0]["mean_ms"].as_f64().expect("it was measured") > 0.0);
}
