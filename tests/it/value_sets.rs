//! Values for the parameters of statements that come without any.

use serde_json::Value;

use crate::support::cli::perfkit;
use crate::support::pg::Database;

fn shop() -> Database {
    let database = Database::create();
    database.execute(
        "CREATE TYPE mood AS ENUM ('sad', 'glad');
         CREATE TABLE orders AS
         SELECT i AS id, CASE WHEN i % 100 > 0 THEN 'done' ELSE 'open' END AS status,
                jsonb_build_object('kind', 'k' || i % 3, 'lot', i % 1000) AS doc,
                ARRAY['all', 't' || i % 500] AS tags, timestamp '2026-01-01' + i * interval '1 minute' AS at,
                to_tsvector('simple', 'every order ' || i % 300) AS words, 'glad'::mood AS mood
         FROM generate_series(1, 20000) AS i;
         ANALYZE orders",
    );
    database
}

/// The parameters of each set of values by its name.
fn sets(database: &Database, sql: &str) -> Vec<(String, Vec<String>)> {
    let report = perfkit(&["explain", sql, "--json"]).on(database).succeeds().json();
    let text = |value: &Value| value.as_str().unwrap_or("NULL").to_owned();
    let alternatives = report["alternatives"].as_array().expect("a list");
    alternatives
        .iter()
        .filter(|it| it["values"] != "generic plan")
        .inspect(|it| assert!(it["error"].is_null(), "{sql}: {it}"))
        .map(|it| {
            (text(&it["values"]), it["parameters"].as_array().expect("a list").iter().map(text).collect())
        })
        .collect()
}

/// Checks the parameters of all sets, as `label: value value`.
fn check(database: &Database, condition: &str, expected: &[&str]) {
    let sql = format!("SELECT count(*) FROM orders WHERE {condition}");
    let found: Vec<String> = sets(database, &sql)
        .into_iter()
        .map(|(label, values)| format!("{label}: {}", values.join(" ")))
        .collect();
    assert_eq!(found, expected, "{condition}");
}

#[test]
fn statistics_give_values_for_every_use() {
    let database = shop();
    check(&database, "status = $1 AND mood = $2", &["typical: done glad", "rare: open glad"]);
    // What is asked for without a column to compare with has a value of its type.
    check(&database, "length(status) > $1", &["typical: 0"]);
    check(&database, "coalesce($1, id > 5)", &["typical: true"]);
}

/// A range lets half, a tenth and a hundredth of the rows through; patterns, documents and arrays find some.
#[test]
fn values_select_what_their_names_say() {
    let database = shop();
    let count = |sql: &str, values: &[String]| -> i64 {
        let literals: Vec<String> =
            values.iter().map(|value| format!("'{}'", value.replace('\'', "''"))).collect();
        let placed = (1..)
            .zip(&literals)
            .fold(sql.to_owned(), |sql, (i, literal)| sql.replace(&format!("${i}"), literal));
        database.value(&placed).parse().expect("a count")
    };
    for (condition, shares) in [
        ("id > $1", [0.1, 0.5, 0.01]),
        ("at < $1", [0.1, 0.5, 0.01]),
        ("id BETWEEN $1 AND $2", [0.1, 0.5, 0.01]),
        ("$1 <= at AND at < $2", [0.1, 0.5, 0.01]),
    ] {
        let sql = format!("SELECT count(*) FROM orders WHERE {condition}");
        let sets = sets(&database, &sql);
        assert_eq!(sets.len(), 3, "{condition}");
        for ((label, values), share) in sets.iter().zip(shares) {
            let found = count(&sql, values) as f64 / 20_000.0;
            assert!((found - share).abs() <= 0.01, "{condition}, {label}: {found} instead of {share}");
        }
    }
    for condition in [
        "status LIKE $1",
        "doc @> $1",
        "doc ? $1",
        "words @@ $1",
        "tags @> $1",
        "tags && $1",
        "id = ANY ($1)",
    ] {
        let sql = format!("SELECT count(*) FROM orders WHERE {condition}");
        let sets = sets(&database, &sql);
        assert!(!sets.is_empty(), "{condition}");
        for (label, values) in &sets {
            assert!(count(&sql, values) > 0, "{condition}, {label}: {values:?} finds nothing");
        }
    }
}

/// A table that was never analyzed is sampled, since the statement is run.
#[test]
fn values_of_tables_without_statistics_are_sampled() {
    let database = Database::create();
    database.execute("CREATE TABLE fresh AS SELECT i % 10 AS i FROM generate_series(1, 100) AS i");
    let sets = sets(&database, "SELECT count(*) FROM fresh WHERE i = $1");
    assert!(!sets.is_empty());
    for (label, values) in sets {
        let found = database.value(&format!("SELECT count(*) FROM fresh WHERE i = {}", values[0]));
        assert_eq!(found, "10", "{label}");
    }
}

#[test]
fn types_without_a_value_are_named() {
    let database = Database::create();
    database.execute("CREATE TYPE pair AS (a int, b int); CREATE TABLE t (p pair)");
    perfkit(&["explain", "SELECT 1 FROM t WHERE ROW(1, 2)::pair = $1::pair"])
        .on(&database)
        .fails(2, &["has a parameter $1 of type pair without known values", "params"]);
    perfkit(&["explain", "SELECT 1 FROM nowhere WHERE a = $1"]).on(&database).fails(2, &["nowhere"]);
}
