//! The same plan is read from EXPLAIN's four formats, and from what psql, logs and people make of them.

use serde_json::{Map, Value};

use crate::support::cli::perfkit;
use crate::support::pg::{Database, major};

const SCHEMA: &str = "
    -- Nothing may change the statistics between two plans of one statement.
    CREATE TABLE t (i int PRIMARY KEY, j int, s text, d jsonb) WITH (autovacuum_enabled = off);
    INSERT INTO t SELECT i, i % 100, 'x' || i % 7, jsonb_build_object('k', i % 5) FROM generate_series(1, 5000) AS i;
    CREATE INDEX t_j ON t (j, i); CREATE INDEX t_lower ON t (lower(s));
    CREATE TABLE \"odd Name\" (\"a b\" int, \"C\" text) WITH (autovacuum_enabled = off);
    INSERT INTO \"odd Name\" SELECT i, 'on' FROM generate_series(1, 100) AS i;
    CREATE TABLE p (k int, v int) PARTITION BY RANGE (k);
    CREATE TABLE p1 PARTITION OF p FOR VALUES FROM (0) TO (100) WITH (autovacuum_enabled = off);
    CREATE TABLE p2 PARTITION OF p FOR VALUES FROM (100) TO (200) WITH (autovacuum_enabled = off);
    INSERT INTO p SELECT i % 200, i FROM generate_series(1, 1000) AS i;
    CREATE TABLE child (id int, t_i int REFERENCES t (i) ON DELETE CASCADE) WITH (autovacuum_enabled = off);
    INSERT INTO child SELECT i, i FROM generate_series(1, 200) AS i;
    ANALYZE t; ANALYZE \"odd Name\"; ANALYZE p; ANALYZE child";

const STATEMENTS: &[&str] = &[
    "SELECT 1",
    "SELECT * FROM t WHERE i = 5 AND j > 3",
    "SELECT t.i AS x FROM t AS \"weird on t\" JOIN t USING (i) WHERE lower(t.s) = 'x3'",
    "SELECT \"a b\", count(*) FROM \"odd Name\" WHERE \"C\" = 'on' GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT 3 OFFSET 1",
    "SELECT count(*) FROM t a LEFT JOIN t b ON a.j = b.i WHERE b.s IS NULL",
    "SELECT * FROM t a WHERE EXISTS (SELECT FROM child c WHERE c.t_i = a.i)",
    "SELECT * FROM t a WHERE NOT EXISTS (SELECT FROM child c WHERE c.t_i = a.i) AND j = 3",
    "SELECT i, (SELECT max(id) FROM child c WHERE c.t_i = t.i) FROM t WHERE j = 7",
    "SELECT * FROM t WHERE i > (SELECT avg(t_i) FROM child) AND j IN (SELECT id FROM child WHERE id < 0)",
    "SELECT * FROM t WHERE j NOT IN (SELECT id FROM child) OR i = 1",
    "WITH x AS MATERIALIZED (SELECT j, count(*) AS n FROM t GROUP BY j) SELECT * FROM x a JOIN x b ON a.n = b.j",
    "WITH RECURSIVE r AS (SELECT 1 AS n UNION ALL SELECT n + 1 FROM r WHERE n < 5) SELECT * FROM r",
    "WITH del AS (DELETE FROM child WHERE id > 190 RETURNING *) SELECT count(*) FROM del",
    "SELECT * FROM p WHERE k = 50",
    "SELECT k, sum(v) FROM p GROUP BY k",
    "SELECT * FROM p WHERE k = (SELECT 150)",
    "SELECT s, j, count(*), sum(i) FILTER (WHERE i > 3) FROM t GROUP BY GROUPING SETS ((s, j), (s), ())",
    "SELECT i, rank() OVER (PARTITION BY j ORDER BY i) FROM t WHERE j < 3",
    "SELECT * FROM (SELECT i, row_number() OVER (ORDER BY i) AS n FROM t) w WHERE n < 5",
    "SELECT DISTINCT s FROM t UNION SELECT \"C\" FROM \"odd Name\"",
    "SELECT i FROM t EXCEPT ALL SELECT t_i FROM child",
    "SELECT s FROM t INTERSECT SELECT 'x1'",
    "SELECT * FROM t ORDER BY s, i LIMIT 10",
    "SELECT * FROM t ORDER BY j, s LIMIT 10",
    "SELECT * FROM t WHERE j = 3 OR i = 4",
    "SELECT * FROM t WHERE ctid = '(0,1)'",
    "SELECT * FROM t WHERE ctid < '(1,1)'",
    "SELECT * FROM t TABLESAMPLE BERNOULLI (10) REPEATABLE (1)",
    "SELECT * FROM generate_series(1, 10) AS g(x), LATERAL (SELECT i FROM t WHERE t.i = x LIMIT 1) AS l",
    "SELECT * FROM unnest(ARRAY[1, 2], ARRAY['a', 'b']) WITH ORDINALITY AS u (a, b, o)",
    "SELECT * FROM (VALUES (1, 'a'), (2, 'b')) AS v (n, c) JOIN t ON t.i = v.n",
    "SELECT * FROM xmltable('/r/a' PASSING (SELECT '<r><a>1</a></r>'::xml) COLUMNS a int PATH '.')",
    "SELECT generate_series(1, 3), s FROM t WHERE i < 3",
    "SELECT count(*) FROM t a, t b WHERE a.i = b.j AND a.s < b.s",
    "INSERT INTO child SELECT i, i FROM t WHERE i BETWEEN 201 AND 210",
    "INSERT INTO t VALUES (1, 1, 'x', '{}') ON CONFLICT (i) DO UPDATE SET j = excluded.j WHERE t.j > 0",
    "UPDATE t SET s = 'y' FROM child c WHERE c.t_i = t.i AND c.id < 5",
    "UPDATE p SET v = v + 1 WHERE k < 20",
    "DELETE FROM t WHERE i = 7",
    "SELECT min(i), max(i) FROM t",
    "SELECT * FROM t WHERE i = ANY (ARRAY[1, 2, 3]) FOR UPDATE",
    "SELECT * FROM t WHERE d @> '{\"k\": 3}' AND d ->> 'k' = '3' AND false",
];

/// Settings that bring more kinds of nodes out of the same statements.
const SETTINGS: &[&str] = &[
    "",
    "SET enable_hashjoin = off; SET enable_seqscan = off; SET enable_hashagg = off; SET work_mem = '64kB'",
    "SET parallel_setup_cost = 0; SET parallel_tuple_cost = 0; SET min_parallel_table_scan_size = 0;
     SET max_parallel_workers_per_gather = 2; SET enable_nestloop = off",
];

/// Takes away what TEXT does not print: false flags, zeros, empty lists, names that only VERBOSE tells.
fn told(value: &Value) -> Option<Value> {
    match value {
        Value::Null | Value::Bool(false) => None,
        Value::Number(number) if number.as_f64() == Some(0.0) => None,
        Value::Array(items) => {
            let items: Vec<Value> = items.iter().filter_map(told).collect();
            (!items.is_empty()).then_some(Value::Array(items))
        }
        Value::Object(keys) => {
            let keys: Map<String, Value> =
                keys.iter().filter_map(|(key, value)| Some((key.clone(), told(value)?))).collect();
            (!keys.is_empty()).then_some(Value::Object(keys))
        }
        other => Some(other.clone()),
    }
}

/// Returns what a report says of the nodes, in an order of keys that does not matter.
fn nodes(report: &Value) -> Vec<String> {
    let nodes = report["plan"]["nodes"].as_array().expect("a complete report");
    nodes
        .iter()
        .map(|node| {
            let mut told = told(node).expect("a complete report");
            // It depends on what the statements before left behind.
            if let Some(details) = told.get_mut("details").and_then(Value::as_object_mut) {
                details.remove("Heap Fetches");
            }
            sort(&mut told);
            serde_json::to_string_pretty(&told).expect("a complete report")
        })
        .collect()
}

fn sort(value: &mut Value) {
    match value {
        Value::Object(keys) => {
            keys.sort_keys();
            keys.values_mut().for_each(sort);
        }
        Value::Array(items) => items.iter_mut().for_each(sort),
        _ => {}
    }
}

/// Explains a statement in one format and rolls back what it did.
fn explain(database: &Database, settings: &str, options: &str, statement: &str) -> String {
    let explain = format!("EXPLAIN ({options}) {statement}");
    let lines = database
        .with_client(|client| async move {
            client.batch_execute("BEGIN").await?;
            client.batch_execute(settings).await?;
            let messages = client.simple_query(&explain).await?;
            client.batch_execute("ROLLBACK").await?;
            Ok(messages
                .into_iter()
                .filter_map(|message| match message {
                    tokio_postgres::SimpleQueryMessage::Row(row) => {
                        Some(row.get(0).expect("a complete report").to_owned())
                    }
                    _ => None,
                })
                .collect::<Vec<String>>())
        })
        .unwrap_or_else(|error| panic!("{statement}: {error:?}"));
    lines.join("\n")
}

fn read(plan: &str) -> Value {
    perfkit(&["explain", "--json", "--plan", "-"]).input(plan).succeeds().json()
}

/// Reads each statement in all formats and compares with JSON.
fn check(options: &str, settings: &[&str]) {
    let database = Database::create();
    database.execute(SCHEMA);
    let mut wrong = Vec::new();
    for settings in settings {
        for statement in STATEMENTS {
            let read_as = |format: &str| {
                let options = format!("{options}, FORMAT {format}");
                nodes(&read(&explain(&database, settings, &options, statement)))
            };
            let expected = read_as("JSON");
            for format in ["TEXT", "YAML", "XML"] {
                let found = read_as(format);
                if found != expected {
                    let differs = expected.iter().zip(&found).find(|(a, b)| a != b);
                    wrong.push(format!("{format} of {statement}\n{differs:#?}"));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{} differ on PostgreSQL {}:\n{}", wrong.len(), major(), wrong.join("\n"));
}

#[test]
fn every_format_gives_the_same_estimated_plan() {
    check("VERBOSE, SETTINGS", SETTINGS);
}

/// Without what differs from run to run: times, blocks, and which worker did what.
#[test]
fn every_format_gives_the_same_measured_plan() {
    check("ANALYZE, VERBOSE, COSTS OFF, BUFFERS OFF, TIMING OFF, SUMMARY OFF", &SETTINGS[..2]);
}
