//! `perfkit explain`

use serde::Deserialize;
use serde_json::Value;

use crate::support::cli::{output, perfkit};
use crate::support::pg::Database;

/// The documented form; every key is always there.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "reading it back is the test")]
struct Report {
    schema_version: u32,
    name: Option<String>,
    sql: Option<String>,
    parameters: Vec<Option<String>>,
    runs: Option<Runs>,
    alternatives: Vec<Alternative>,
    basis: String,
    whole_ms: Option<f64>,
    shape: String,
    plan: Plan,
    findings: Vec<Finding>,
    notes: Vec<Finding>,
    fine: Vec<Fine>,
    by_table: Vec<Group>,
    by_index: Vec<Group>,
    by_node_type: Vec<Group>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Runs {
    n_runs: usize,
    median_ms: f64,
    min_ms: f64,
    max_ms: f64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "reading it back is the test")]
struct Alternative {
    values: String,
    parameters: Vec<Option<String>>,
    total_cost: Option<f64>,
    execution_ms: Option<f64>,
    rows: Option<f64>,
    is_same_plan: Option<bool>,
    error: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "reading it back is the test")]
struct Plan {
    nodes: Vec<Node>,
    planning_ms: Option<f64>,
    planning_buffers: Option<Value>,
    planner_memory_kb: Option<f64>,
    execution_ms: Option<f64>,
    serialization_ms: Option<f64>,
    jit_ms: Option<f64>,
    self_ms: Option<f64>,
    outside_ms: Option<f64>,
    outside: Option<Outside>,
    after_root_ms: Option<f64>,
    rounding_ms: Option<f64>,
    payments: Vec<Value>,
    triggers: Vec<Value>,
    settings: Value,
    details: Value,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Outside {
    triggers_ms: f64,
    serialization_ms: f64,
    parallel_shutdown_ms: f64,
    rest_ms: f64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "reading it back is the test")]
struct Node {
    id: usize,
    parent: Option<usize>,
    node_type: String,
    kind: String,
    title: String,
    relationship: Option<String>,
    subplan_name: Option<String>,
    schema: Option<String>,
    relation: Option<String>,
    alias: Option<String>,
    index: Option<String>,
    self_ms: Option<f64>,
    total_ms: Option<f64>,
    work_ms: Option<f64>,
    self_share: f64,
    participants: f64,
    slowest_process_ms: Option<f64>,
    startup_ms: Option<f64>,
    loops: Option<f64>,
    rows_actual: Option<f64>,
    rows_estimated: Option<f64>,
    estimate: Option<Value>,
    startup_cost: Option<f64>,
    total_cost: Option<f64>,
    width: Option<f64>,
    buffers: Option<Value>,
    buffers_self: Option<Value>,
    io: Option<Value>,
    io_self: Option<Value>,
    wal: Option<Value>,
    wal_self: Option<Value>,
    workers: Vec<Value>,
    details: Value,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "reading it back is the test")]
struct Finding {
    rule: String,
    severity: String,
    node_id: Option<usize>,
    saves_ms: Option<f64>,
    saves_share: f64,
    message: String,
    remedy: String,
    index: Option<ProposedIndex>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ProposedIndex {
    ddl: String,
    cost_before: Option<f64>,
    cost_after: Option<f64>,
    helps: Option<bool>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "reading it back is the test")]
struct Fine {
    node_id: Option<usize>,
    message: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "reading it back is the test")]
struct Group {
    name: String,
    table: Option<String>,
    n_nodes: usize,
    self_ms: f64,
    share: f64,
    rows: Option<f64>,
    loops: Option<f64>,
    buffers: Option<Value>,
}

impl Report {
    /// Requires that self times and what is outside are the execution time, within what rounding hides.
    fn check_balance(&self, context: &str) {
        let plan = &self.plan;
        let (execution_ms, rounding_ms) =
            (plan.execution_ms.expect("a complete report"), plan.rounding_ms.expect("a complete report"));
        let self_ms: f64 = plan.nodes.iter().map(|node| node.self_ms.expect("a complete report")).sum();
        let outside = plan.outside.as_ref().expect("a complete report");
        let outside_ms =
            outside.triggers_ms + outside.serialization_ms + outside.parallel_shutdown_ms + outside.rest_ms;
        // Each number of the report is rounded once more.
        let tolerance = rounding_ms + 0.0005 * (plan.nodes.len() as f64 + 4.0);
        let difference = (self_ms + outside_ms - execution_ms).abs();
        assert!(difference <= tolerance, "{context}: off by {difference} ms of {execution_ms}");
    }
}

#[test]
fn shows_where_the_time_goes() {
    let database = Database::create();
    database
        .execute("CREATE TABLE t AS SELECT i, i % 100 AS j FROM generate_series(1, 200000) AS i; ANALYZE t");
    let sql = "SELECT count(*) FROM t WHERE i = 77";
    let run = perfkit(&["explain", sql]).on(&database).succeeds();
    assert!(run.stdout.contains("Seq Scan on t"), "{}", run.stdout);
    assert!(run.stdout.contains("[indexable-seq-scan]"), "{}", run.stdout);
    let report: Report = perfkit(&["explain", sql, "--json"]).on(&database).succeeds().json_as();
    report.check_balance(sql);
    let finding = &report.findings[0];
    assert_eq!(finding.rule, "indexable-seq-scan");
    // The planner was asked whether it would use the index.
    let index = finding.index.as_ref().unwrap();
    assert!(index.ddl.starts_with("CREATE INDEX CONCURRENTLY"), "{}", index.ddl);
    assert!(index.cost_after.unwrap() < 0.1 * index.cost_before.unwrap());
    assert_eq!(index.helps, Some(true));
    assert_eq!(database.value("SELECT count(*) FROM pg_index WHERE indrelid = 't'::regclass"), "0");
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
        report.check_balance(sql);
    }
}

#[test]
fn runs_read_only() {
    let database = Database::create();
    database.execute("CREATE TABLE t (i int); INSERT INTO t VALUES (1); CREATE SEQUENCE s");
    perfkit(&["explain", "DELETE FROM t"]).on(&database).fails(2, &["changes data", "--allow-writes"]);
    perfkit(&["explain", "SELECT nextval('s')"]).on(&database).fails(2, &["nextval", "--allow-effects"]);
    perfkit(&["explain", "SELECT nextval('s')", "--allow-effects"]).on(&database).fails(2, &["25006"]);
    perfkit(&["explain", "SELECT pg_advisory_lock(1)"]).on(&database).fails(2, &["pg_advisory_lock"]);
    perfkit(&["explain", "LISTEN x"]).on(&database).fails(2, &["LISTEN has no plan"]);
    perfkit(&["explain", "COPY t TO PROGRAM 'cat'", "--allow-writes"])
        .on(&database)
        .fails(2, &["COPY has no plan"]);
    perfkit(&["explain", "explain SELECT 1"]).on(&database).fails(2, &["EXPLAIN", "--plan"]);
    perfkit(&["explain", "CREATE TABLE u AS SELECT 1"]).on(&database).fails(2, &["changes data"]);
    perfkit(&["explain", "DELETE FROM t", "--allow-writes"]).on(&database).succeeds();
    assert_eq!(database.value("SELECT count(*) FROM t"), "1");
    perfkit(&["explain", "SELECT 1; DROP TABLE t", "--allow-writes"])
        .on(&database)
        .fails(2, &["2 statements"]);
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
    perfkit(&["explain", "SELECT $1::secret"]).on(&database).fails(2, &["$1", "params"]);
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
        "    cost    %         rows     expected  plan\n       5  100                         9  Seq Scan on t\n\n\
         estimates only: the statement was not run, so shares are of its cost\n\nno findings\n"
    );
    perfkit(&["explain", "--plan", "plan.json"])
        .file("plan.json", "[{")
        .fails(2, &["plan.json", "line 1, column 3", "cut off"]);
    perfkit(&["explain", "--plan", "plan.json"]).file("plan.json", "[]").fails(2, &["plan.json"]);
}

#[test]
fn several_runs_show_the_one_in_the_middle() {
    let database = Database::create();
    let report: Report =
        perfkit(&["explain", "SELECT count(*) FROM generate_series(1, 1000)", "--runs", "5", "--json"])
            .on(&database)
            .succeeds()
            .json_as();
    let runs = report.runs.expect("a complete report");
    assert_eq!(runs.n_runs, 5);
    assert!(runs.min_ms <= runs.median_ms && runs.median_ms <= runs.max_ms);
    assert_eq!(report.plan.execution_ms, Some(runs.median_ms));
}

/// A statement that comes without values is run with a row's, with the most common and with rare ones.
#[test]
fn placeholders_get_typical_common_and_rare_values() {
    let database = Database::create();
    database.execute(
        "CREATE TABLE t AS SELECT i, CASE WHEN i % 1000 = 0 THEN 'rare' ELSE 'common' END AS kind \
         FROM generate_series(1, 50000) AS i; CREATE INDEX ON t (kind); VACUUM ANALYZE t",
    );
    let sql = "SELECT count(i) FROM t WHERE kind = $1";
    let report: Report = perfkit(&["explain", sql, "--json"]).on(&database).succeeds().json_as();
    let values: Vec<(&str, &str)> = report
        .alternatives
        .iter()
        .map(|it| (it.values.as_str(), it.parameters.first().and_then(Option::as_deref).unwrap_or("")))
        .collect();
    assert_eq!(values, [("typical", "common"), ("rare", "rare"), ("generic plan", "")]);
    assert_eq!(report.alternatives[0].is_same_plan, Some(true));
    assert_eq!(report.alternatives[1].is_same_plan, Some(false));
    assert!(report.alternatives[1].execution_ms < report.alternatives[0].execution_ms);
    assert!(report.alternatives[2].execution_ms.is_none() && report.alternatives[2].total_cost.is_some());
    // A plan that has a parameter in the place of a constant is the same plan.
    let sql = "SELECT count(i) FROM t WHERE i = $1";
    let report: Report = perfkit(&["explain", sql, "--json"]).on(&database).succeeds().json_as();
    assert!(report.alternatives.iter().all(|it| it.is_same_plan == Some(true)));
    // Nothing of it stays in the session or the database.
    assert_eq!(database.value("SELECT count(*) FROM pg_prepared_statements"), "0");
}

#[test]
fn estimate_only_runs_nothing() {
    let database = Database::create();
    database.execute(
        "CREATE TABLE t (i int PRIMARY KEY); INSERT INTO t SELECT generate_series(1, 10000); ANALYZE t",
    );
    let run = perfkit(&["explain", "DELETE FROM t WHERE i = 5", "--estimate-only", "--json"])
        .on(&database)
        .succeeds();
    let report: Report = run.json_as();
    assert_eq!(report.basis, "cost");
    assert_eq!(report.plan.nodes[1].index.as_deref(), Some("t_pkey"));
    assert_eq!(database.value("SELECT count(*) FROM t"), "10000");
}

/// Plans nest deeper than JSON libraries go by themselves.
#[test]
fn deep_plans_are_read() {
    const DEPTH: usize = 150;
    let database = Database::create();
    let sql = format!("{}SELECT 1 AS a{}", "SELECT * FROM (".repeat(DEPTH), " LIMIT 5) AS t".repeat(DEPTH));
    let report: Report = perfkit(&["explain", &sql, "--json"]).on(&database).succeeds().json_as();
    assert!(report.plan.nodes.len() >= DEPTH, "{}", report.plan.nodes.len());
}

#[test]
fn the_statement_may_come_on_standard_input() {
    let database = Database::create();
    let run = perfkit(&["explain", "-"]).input("SELECT 1;").on(&database).succeeds();
    assert!(run.stdout.contains("Result"), "{}", run.stdout);
    perfkit(&["explain", "-"]).input("").on(&database).fails(2, &["no statement"]);
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
    let pid = nix::unistd::Pid::from_raw(i32::try_from(child.id()).expect("a complete report"));
    nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGINT).expect("a complete report");
    let output = output(child);
    assert_eq!(output.status.code(), Some(130), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(database.value(sleeping), "0");
}

/// A plan that got worse: the index is gone.
#[test]
fn diff_says_what_changed() {
    let database = Database::create();
    database.execute(
        "CREATE TABLE t AS SELECT i, i % 1000 AS j FROM generate_series(1, 100000) AS i;
         CREATE INDEX t_j ON t (j); VACUUM ANALYZE t",
    );
    let sql = "SELECT * FROM t WHERE j = 7";
    let before = perfkit(&["explain", sql, "--json"]).on(&database).succeeds().stdout;
    database.execute("DROP INDEX t_j");
    let after = database.query(&format!("EXPLAIN (ANALYZE, BUFFERS) {sql}")).join("\n");
    let run = perfkit(&["explain", "diff", "before.json", "after.txt"])
        .file("before.json", &before)
        .file("after.txt", &after)
        .exits(1);
    assert!(run.stdout.contains("[index-to-seq-scan]"), "{}", run.stdout);
    let run = perfkit(&["explain", "diff", "a", "b"]).file("a", &before).file("b", &before).succeeds();
    assert!(run.stdout.contains("same shape"), "{}", run.stdout);
    perfkit(&["explain", "diff", "a", "absent"]).file("a", &before).fails(2, &["absent"]);
}

/// A contract is accepted, held, broken by a lost index, and reported in the formats that CI reads.
#[test]
fn check_holds_plans_against_a_contract() {
    let database = Database::create();
    database.execute(
        "CREATE TABLE t AS SELECT i, i % 1000 AS j FROM generate_series(1, 100000) AS i;
         CREATE INDEX t_j ON t (j); VACUUM ANALYZE t",
    );
    let config = "# how we ask\nworkload:\n  statements:\n    - name: by-j # the hot one\n      sql: SELECT * FROM t WHERE j = $1\n";
    let check = |args: &[&str], folder: &std::path::Path| {
        let args: Vec<&str> = ["explain", "check"].iter().chain(args).copied().collect();
        perfkit(&args).on(&database).within(folder)
    };
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("perfkit.yaml"), config).unwrap();
    check(&[], folder.path()).fails(2, &["no statement", "--update"]);
    check(&["--update"], folder.path()).succeeds();
    let updated = std::fs::read_to_string(folder.path().join("perfkit.yaml")).unwrap();
    assert!(updated.starts_with(config) && updated.contains("max_shared_blocks"), "{updated}");
    assert!(folder.path().join("perfkit.contract/by-j.json").is_file());
    check(&[], folder.path()).succeeds();

    database.execute("DROP INDEX t_j");
    let run = check(&[], folder.path()).exits(1);
    assert!(run.stdout.contains("broken") && run.stdout.contains("index-to-seq-scan"), "{}", run.stdout);
    for (file, expected) in [("r.xml", "<testsuites"), ("r.sarif", "\"2.1.0\""), ("r.md", "by-j")] {
        check(&["-o", file], folder.path()).exits(1);
        let written = std::fs::read_to_string(folder.path().join(file)).unwrap();
        assert!(written.contains(expected), "{written}");
    }
    let wrong = updated.replace("statement: by-j", "statement: by-k");
    std::fs::write(folder.path().join("perfkit.yaml"), wrong).unwrap();
    check(&[], folder.path()).fails(2, &["perfkit.yaml:", "by-k", "Did you mean `by-j`?"]);
}

#[test]
fn plans_are_renamed_and_restored() {
    let plan = r#"[{"Plan": {"Node Type": "Seq Scan", "Relation Name": "customers", "Alias": "customers",
        "Filter": "(email = 'ann@example.com'::text)", "Total Cost": 5.0, "Plan Rows": 9}}]"#;
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("plan.json"), plan).unwrap();
    let run = |args: &[&str]| perfkit(&[&["explain"], args].concat()).within(folder.path());
    let renamed = run(&["--plan", "plan.json", "--anonymize", "key.json"]).succeeds().stdout;
    for secret in ["customers", "email", "ann"] {
        assert!(!renamed.contains(secret), "{renamed}");
    }
    std::fs::write(folder.path().join("renamed.json"), &renamed).unwrap();
    let restored = run(&["--plan", "renamed.json", "--restore", "key.json"]).succeeds();
    let original: Value = serde_json::from_str(plan).unwrap();
    assert_eq!(restored.json(), original);
    std::fs::write(folder.path().join("advice"), "index t1 on c1").unwrap();
    let advice = run(&["--plan", "advice", "--restore", "key.json"]).succeeds().stdout;
    assert_eq!(advice.trim(), "index customers on email");
    run(&["--plan", "plan.json", "--restore", "absent.json"]).fails(2, &["absent.json", "--anonymize"]);
    run(&["--anonymize", "key.json"]).exits(2);
}

#[test]
fn writes_stacks_pages_and_tables() {
    let plan = r#"[{"Plan": {"Node Type": "Seq Scan", "Relation Name": "t", "Alias": "t", "Actual Total Time": 4.0,
        "Actual Rows": 1, "Actual Loops": 1}, "Execution Time": 5.0}]"#;
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("plan.json"), plan).unwrap();
    for (file, expected) in [
        ("p.folded", "statement;Seq Scan on t 4000"),
        ("p.csv", "Seq Scan on t,4.000,4.000"),
        ("p.html", "<!doctype html>"),
        ("p.md", "### By table"),
    ] {
        perfkit(&["explain", "--plan", "plan.json", "-o", file]).within(folder.path()).succeeds();
        let written = std::fs::read_to_string(folder.path().join(file)).unwrap();
        assert!(written.contains(expected), "{file}: {written:.500}");
    }
    let sql = perfkit(&["explain", "--plan", "plan.json", "-o", "p.sql"]).within(folder.path());
    sql.fails(2, &[".sql", ".json or .md"]);
}

/// What is no plan is refused with its place, and never taken for an empty one.
#[test]
fn what_is_no_plan_is_refused() {
    for (input, expected) in [
        ("", "line 1"),
        ("<!DOCTYPE html><html><body>hello</body></html>", "HTML"),
        (
            "+----+-------------+-------+\n| id | select_type | table |\n+----+-------------+-------+\n|  1 | SIMPLE      | t     |\n",
            "MySQL",
        ),
        ("SELECT * FROM t", "line 1"),
        ("[{\"Plan\": {\"Node Type\": \"Seq Scan\", \"Relation", "line 1"),
        ("Seq Scan on t  (cost=0.00..1.0", "line 1"),
        ("\u{0}\u{1}\u{2}\u{3}\u{fffd}binary", "line 1"),
        ("- Plan:\n    Node Type: [", "line"),
    ] {
        let run =
            perfkit(&["explain", "--plan", "-"]).input(input).fails(2, &["could not read plan", expected]);
        assert_eq!(run.stdout, "", "{input}");
    }
}
