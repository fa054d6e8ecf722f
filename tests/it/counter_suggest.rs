//! `perfkit counter suggest`.

use serde::Deserialize;
use serde_json::Value;

use crate::support::cli::{Perfkit, perfkit};
use crate::support::pg::Database;

/// Without autovacuum, which would make it cheaper to count by the index alone than to read a counter, sooner or later.
const SCHEMA: &str = "
    CREATE TABLE users (id bigint PRIMARY KEY, name text) WITH (autovacuum_enabled = off);
    CREATE TABLE keywords (id bigint PRIMARY KEY, user_id bigint NOT NULL REFERENCES users, word text) WITH (autovacuum_enabled = off);
    CREATE TABLE mentions (id bigint PRIMARY KEY, keyword_id bigint NOT NULL REFERENCES keywords, status text, score int)
        WITH (autovacuum_enabled = off);
    INSERT INTO users SELECT i, 'u' || i FROM generate_series(1, 100) AS i;
    INSERT INTO keywords SELECT i, 1 + i % 100, 'w' || i FROM generate_series(1, 1000) AS i;
    INSERT INTO mentions SELECT i, 1 + i % 1000, CASE WHEN i % 5 = 0 THEN 'open' ELSE 'done' END, i % 7
        FROM generate_series(1, 40000) AS i;
    CREATE INDEX ON keywords (user_id); CREATE INDEX ON mentions (keyword_id); ANALYZE";

const WORKLOAD: &str = "
    SELECT count(*) FROM mentions WHERE keyword_id = $1;
    SELECT k.word, (SELECT count(*) FROM mentions m WHERE m.keyword_id = k.id AND m.status = 'open')
        FROM keywords k WHERE k.user_id = $1;
    SELECT u.name, count(m.id) FROM users u LEFT JOIN keywords k ON k.user_id = u.id
        LEFT JOIN mentions m ON m.keyword_id = k.id GROUP BY u.id;
    SELECT keyword_id, sum(score) FROM mentions GROUP BY keyword_id;
    SELECT k.word, count(*) FROM mentions m JOIN keywords k ON k.id = m.keyword_id GROUP BY k.id, k.word;
    SELECT count(*) FROM mentions WHERE keyword_id = $1 AND score > $2;
    SELECT * FROM keywords WHERE user_id = $1";

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Report {
    schema_version: u32,
    suggestions: Vec<Suggestion>,
    refused: Vec<Refused>,
    workload: Workload,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "a strict mirror names every key")]
struct Suggestion {
    table: String,
    column: String,
    counts: String,
    key: Vec<String>,
    through: Vec<String>,
    #[serde(rename = "where")]
    condition: Option<String>,
    sum: Option<String>,
    mode: String,
    mode_reason: Option<String>,
    benefits: Vec<Benefit>,
    writes_per_s: Option<f64>,
    hot_share: Option<f64>,
    waiting: u64,
    yaml: String,
    command: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "a strict mirror names every key")]
struct Benefit {
    statement: String,
    sql: String,
    form: String,
    calls: f64,
    mean_ms: Option<f64>,
    cost_before: f64,
    cost_after: f64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "a strict mirror names every key")]
struct Refused {
    statement: String,
    sql: String,
    reason: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Workload {
    statements: usize,
    skipped: Vec<Value>,
}

fn suggest(database: &Database, workload: &str, args: &[&str]) -> Perfkit {
    let args = [&["counter", "suggest", "-w", "workload.sql"], args].concat();
    perfkit(&args).on(database).file("workload.sql", workload)
}

#[test]
fn what_the_workload_counts_becomes_counters() {
    let database = Database::create();
    database.execute(SCHEMA);
    let report: Report = suggest(&database, WORKLOAD, &["--json"]).succeeds().json_as();
    assert_eq!((report.schema_version, report.workload.statements), (1, 7));
    assert!(report.workload.skipped.is_empty());

    let mut commands: Vec<&str> = report.suggestions.iter().map(|it| it.command.as_str()).collect();
    commands.sort_unstable();
    assert_eq!(
        commands,
        [
            "perfkit counter add keywords.mentions_count --counts mentions",
            "perfkit counter add keywords.mentions_score_sum --counts mentions --sum score",
            "perfkit counter add keywords.open_mentions_count --counts mentions --where 'status = '\\''open'\\'''",
            "perfkit counter add users.mentions_count --counts mentions --through keywords",
        ]
    );
    for suggestion in &report.suggestions {
        assert_eq!(suggestion.mode, "inline", "{}", suggestion.command);
        assert!(suggestion.hot_share.is_none_or(|share| share < 0.01));
        for benefit in &suggestion.benefits {
            assert!(benefit.cost_after < benefit.cost_before, "{}: {}", suggestion.command, benefit.form);
        }
    }
    let plain = report.suggestions.iter().find(|it| it.table == "keywords" && it.column == "mentions_count");
    let mut forms: Vec<&str> = plain.unwrap().benefits.iter().map(|it| it.form.as_str()).collect();
    forms.sort_unstable();
    assert_eq!(forms, ["grouped", "single"]);
    let reasons: Vec<&str> = report.refused.iter().map(|it| it.reason.as_str()).collect();
    assert_eq!(reasons, ["score > $2 is another condition from call to call"]);
    assert_eq!(database.value("SELECT count(*) FROM pg_proc WHERE proname LIKE 'perfkit%'"), "0");
}

#[test]
fn a_hot_parent_is_advised_another_mode() {
    let database = Database::create();
    database.execute(SCHEMA);
    database.execute(
        "INSERT INTO mentions SELECT i, 7, 'done', 0 FROM generate_series(50000, 90000) AS i; ANALYZE",
    );
    let workload = "SELECT count(*) FROM mentions WHERE keyword_id = $1";
    let report: Report = suggest(&database, workload, &["--json"]).succeeds().json_as();
    let [suggestion] = &report.suggestions[..] else { panic!("one suggestion") };
    assert!(suggestion.hot_share.unwrap() > 0.4);
    // How many writes a second there are depends on how old the server is.
    if suggestion.mode == "queue" {
        assert!(suggestion.mode_reason.as_ref().unwrap().contains("% of the writes"));
        assert!(suggestion.command.ends_with(" --mode queue") && suggestion.yaml.contains("mode: queue"));
    } else {
        assert!(suggestion.writes_per_s.unwrap() * suggestion.hot_share.unwrap() < 20.0);
    }
}

#[test]
fn text_has_the_item_for_the_configuration_and_the_command() {
    let database = Database::create();
    database.execute(SCHEMA);
    let workload = "SELECT count(*) FROM mentions WHERE keyword_id = $1";
    let finished = suggest(&database, workload, &[]).succeeds();
    for part in [
        "keywords.mentions_count  mentions",
        "counts for one parent at a time, ",
        "counters:\n  - {table: keywords, column: mentions_count, counts: mentions}\n",
        "perfkit counter add keywords.mentions_count --counts mentions\n",
    ] {
        assert!(finished.stdout.contains(part), "no {part:?} in:\n{}", finished.stdout);
    }
    let nothing = suggest(&database, "SELECT * FROM users WHERE id = $1", &[]).succeeds();
    assert_eq!(nothing.stdout, "");
    assert!(nothing.stderr.contains("the workload counts nothing that a counter would spare"));
    let refused = suggest(&database, "SELECT count(*) FROM users GROUP BY name", &[]).succeeds();
    assert!(refused.stderr.contains(
        "no counter for SELECT count(*) FROM users GROUP BY name: it does not count by a foreign key"
    ));
}

#[test]
fn bad_input_is_refused() {
    let database = Database::create();
    suggest(&database, "", &[]).fails(2, &["workload"]);
    perfkit(&["counter", "suggest", "-w", "nothing.sql"]).on(&database).fails(2, &["nothing.sql"]);
}
