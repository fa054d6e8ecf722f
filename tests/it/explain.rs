//! `perfkit explain`

use serde::Deserialize;
use serde_json::Value;

use crate::support::cli::perfkit;
use crate::support::pg::Database;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "reading it back is the test")]
struct Report {
    schema_version: u32,
    name: Option<String>,
    sql: Option<String>,
    plan: Plan,
    findings: Vec<Finding>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "reading it back is the test")]
struct Plan {
    nodes: Vec<Node>,
    planning_ms: f64,
    execution_ms: f64,
    serialization_ms: Option<f64>,
    outside_ms: f64,
    triggers: Vec<Value>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "reading it back is the test")]
struct Node {
    id: usize,
    parent: Option<usize>,
    node_type: String,
    relation: Option<String>,
    alias: Option<String>,
    index: Option<String>,
    self_ms: f64,
    total_ms: f64,
    loops: f64,
    rows_actual: f64,
    rows_estimated: f64,
    total_cost: f64,
    buffers: Option<Value>,
    details: Value,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "reading it back is the test")]
struct Finding {
    rule: String,
    severity: String,
    node_id: Option<usize>,
    saves_ms: f64,
    message: String,
    remedy: String,
}

#[test]
fn shows_where_the_time_goes() {
    let database = Database::create();
    database
        .execute("CREATE TABLE t AS SELECT i, i % 100 AS j FROM generate_series(1, 200000) AS i; ANALYZE t");
    let sql = "SELECT count(*) FROM t WHERE i = 77";
    let run = perfkit(&["explain", sql]).on(&database).succeeds();
    assert!(run.stdout.contains("Seq Scan on t"), "{}", run.stdout);
    assert!(run.stdout.contains("[seq-scan-discards-rows]"), "{}", run.stdout);
    let report: Report = perfkit(&["explain", sql, "--json"]).on(&database).succeeds().json_as();
    let sum: f64 = report.plan.nodes.iter().map(|node| node.self_ms).sum();
    let rounding = 0.001 * report.plan.nodes.len() as f64;
    assert!((sum + report.plan.outside_ms - report.plan.execution_ms).abs() <= rounding);
    assert_eq!(report.findings[0].rule, "seq-scan-discards-rows");
}

/// Self times add up on plans with everything in them.
#[test]
fn times_are_conserved() {
    let database = Database::create();
    database.execute(
        "CREATE TABLE t (i int, j int);
         INSERT INTO t SELECT i, i % 100 FROM generate_series(1, 100000) AS i; CREATE INDEX ON t (i); VACUUM ANALYZE t",
    );
    for sql in [
        "SELECT count(*) FROM t a JOIN t b USING (i)",
        "WITH x AS MATERIALIZED (SELECT i FROM t WHERE j < 50) SELECT count(*) FROM x a JOIN x b USING (i)",
        "SELECT count(*) FROM t WHERE i > (SELECT avg(i) FROM t)",
        "SELECT i, (SELECT max(j) FROM t u WHERE u.i = t.i) FROM t LIMIT 1000",
        "SELECT i FROM t ORDER BY j, i DESC LIMIT (SELECT count(*) / 1000 FROM t)",
        "SELECT j, count(*), sum(i) OVER (PARTITION BY j) FROM t GROUP BY j, i ORDER BY 2 LIMIT 10",
        "SELECT count(*) FROM t WHERE i + 0 > (SELECT avg(i) FROM t)",
        "SELECT i FROM t WHERE i < 100 UNION SELECT j FROM t",
        "SELECT * FROM generate_series(1, 10) g, LATERAL (SELECT i FROM t WHERE t.i > g ORDER BY i LIMIT 5) AS l",
    ] {
        let report: Report = perfkit(&["explain", sql, "--json"]).on(&database).succeeds().json_as();
        let sum: f64 = report.plan.nodes.iter().map(|node| node.self_ms).sum();
        let n_loops: f64 = report.plan.nodes.iter().map(|node| node.loops).sum();
        let difference = (sum + report.plan.outside_ms - report.plan.execution_ms).abs();
        assert!(difference <= 0.01 + 0.0005 * n_loops, "{sql}: off by {difference} ms");
    }
}

#[test]
fn runs_read_only() {
    let database = Database::create();
    database.execute("CREATE TABLE t (i int); INSERT INTO t VALUES (1); CREATE SEQUENCE s");
    perfkit(&["explain", "DELETE FROM t"]).on(&database).fails(2, &["changes data", "--allow-writes"]);
    perfkit(&["explain", "SELECT nextval('s')"]).on(&database).fails(2, &["25006"]);
    perfkit(&["explain", "CREATE TABLE u AS SELECT 1"]).on(&database).fails(2, &["changes data"]);
    perfkit(&["explain", "DELETE FROM t", "--allow-writes"]).on(&database).succeeds();
    assert_eq!(database.value("SELECT count(*) FROM t"), "1");
    perfkit(&["explain", "SELECT 1; DROP TABLE t", "--allow-writes"]).on(&database).fails(2, &["42601"]);
    assert_eq!(database.value("SELECT count(*) FROM t"), "1");
}

#[test]
fn errors_name_cause_and_remedy() {
    let database = Database::create();
    database.execute("CREATE TABLE secret (i int)");
    perfkit(&["explain", "SELECT * FROM nowhere"])
        .on(&database)
        .fails(2, &["relation \"nowhere\" does not exist", "42P01"]);
    perfkit(&["explain", "SELEC 1"])
        .on(&database)
        .fails(2, &["syntax error", "42601", "line 1, character 1"]);
    perfkit(&["explain", "SELECT * FROM secret"])
        .env("DATABASE_URL", database.url_for("nobody_special"))
        .fails(3, &["permission denied for table secret", "42501", "GRANT"]);
    perfkit(&["explain", "SELECT pg_sleep(9)", "--statement-timeout", "100ms"])
        .on(&database)
        .fails(3, &["57014", "--statement-timeout"]);
    perfkit(&["explain", "-f", "absent.sql"]).on(&database).fails(2, &["absent.sql"]);
    perfkit(&["explain", "SELECT $1 || $2"]).on(&database).fails(2, &["$1", "params"]);
}

#[test]
fn explains_files_and_workloads() {
    let database = Database::with_bedtime();
    let run = perfkit(&["explain", "-f", "two.sql"])
        .file("two.sql", "SELECT 1; -- and\nSELECT count(*) FROM users WHERE id = $1;")
        .on(&database)
        .succeeds();
    assert_eq!(run.stdout.matches("execution").count(), 2, "{}", run.stdout);
    let run = perfkit(&["explain", "--top", "2"]).on(&database).succeeds();
    assert!(run.stderr.contains("15 statements from built-in scenario bedtime"), "{}", run.stderr);
    assert_eq!(run.stdout.matches("execution").count(), 2, "{}", run.stdout);
}

#[test]
fn reads_a_plan_without_a_server() {
    let plan = r#"[{"Plan": {"Node Type": "Seq Scan", "Relation Name": "t", "Alias": "t", "Total Cost": 5.0, "Plan Rows": 9}}]"#;
    let run = perfkit(&["explain", "--plan", "plan.json"]).file("plan.json", plan).succeeds();
    assert_eq!(
        run.stdout,
        "        cost   expected  plan\n        5.00          9  Seq Scan on t\n\nestimates only: the statement was not run\n"
    );
    perfkit(&["explain", "--plan", "plan.json"]).file("plan.json", "[{").fails(2, &["plan.json:1:2"]);
    perfkit(&["explain", "--plan", "plan.json"]).file("plan.json", "[]").fails(2, &["Plan"]);
}

#[test]
fn ctrl_c_cancels_on_the_server() {
    let database = Database::create();
    let (child, _folder) = perfkit(&["explain", "SELECT pg_sleep(30)"]).on(&database).spawn();
    let sleeping = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND state = 'active' \
                    AND query LIKE '%pg_sleep(30)%' AND pid <> pg_backend_pid()";
    while database.value(sleeping) == "0" {
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    let pid = nix::unistd::Pid::from_raw(i32::try_from(child.id()).unwrap());
    nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGINT).unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(130), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(database.value(sleeping), "0");
}
