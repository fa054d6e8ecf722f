//! `perfkit bench compare`

use serde::Deserialize;

use crate::support::cli::{Perfkit, end, perfkit};
use crate::support::pg::Database;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Report {
    schema_version: u32,
    verdict: String,
    second_verdict: Option<String>,
    a: String,
    b: String,
    block_ms: f64,
    n_pairs: usize,
    dropped_pairs: Vec<String>,
    findings: Vec<Finding>,
    not_compared: Vec<Figure>,
    interrupted: bool,
    calibration: bool,
}

impl Report {
    /// Says whether there were that many pairs. What a neighbor of the machine spoils is dropped.
    fn has_run(&self, n_pairs: usize) -> bool {
        self.n_pairs + self.dropped_pairs.len() == n_pairs
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Figure {
    statement: String,
    figure: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Finding {
    statement: String,
    figure: String,
    unit: String,
    a: f64,
    b: f64,
    slowdown: f64,
    low: Option<f64>,
    high: Option<f64>,
    min_effect: f64,
    detectable: Option<f64>,
    noise: f64,
    n_pairs: usize,
    verdict: String,
}

/// Takes as long as a setting says, so that nobody's load decides who is slower.
const NAP: &str = "workload:\n  statements:\n    - {name: nap, sql: \"SELECT pg_sleep(current_setting('perfkit.nap')::float8)\"}\n";

fn compare(args: &[&str], config: &str) -> Perfkit {
    let args = [&["bench", "compare", "--block", "150ms", "-c", "16"], args].concat();
    perfkit(&args).file("perfkit.yaml", config)
}

/// The plant is far above what a busy machine adds to both, and a block holds too few executions of B for any figure but the rate:
/// the verdict rests on it alone. What a neighbor spoils is dropped, and pairs in its place are allowed.
#[test]
fn a_planted_slowdown_is_a_regression() {
    let database = Database::create();
    let settings = ["--set-a", "perfkit.nap=0.002", "--set-b", "perfkit.nap=0.040"];
    let run =
        compare(&[&["--json", "--max-pairs", "30"], &settings[..]].concat(), NAP).on(&database).exits(1);
    let report: Report = run.json_as();
    assert_eq!((report.schema_version, report.verdict.as_str()), (1, "regression"));
    assert_eq!(report.second_verdict.as_deref(), Some("regression"));
    assert!(report.a.ends_with("perfkit.nap=0.002") && report.b.ends_with("perfkit.nap=0.040"));
    assert!((report.block_ms - 150.0).abs() < 1e-9);
    assert_eq!((report.n_pairs + report.dropped_pairs.len()) % 10, 0, "it ends at a look");
    assert!(!report.interrupted && !report.calibration);
    let [rate] = &report.findings[..] else { panic!("{}", run.stdout) };
    assert_eq!((rate.figure.as_str(), rate.n_pairs), ("rate", report.n_pairs));
    assert_eq!((rate.statement.as_str(), rate.unit.as_str()), ("all", "per_s"));
    assert!(rate.b < rate.a && rate.slowdown > 0.5 && rate.verdict == "regression", "{} {}", rate.a, rate.b);
    assert!(
        rate.low.unwrap() > rate.min_effect
            && rate.low <= Some(rate.slowdown)
            && rate.high >= Some(rate.slowdown)
    );
    assert!(rate.detectable.unwrap() > rate.min_effect && rate.noise > 0.5);
    assert!(
        report.not_compared.iter().any(|it| it.statement == "nap" && it.figure == "p99"),
        "10,000 are needed"
    );
}

/// What a calibration has shown to be noise is no verdict afterwards.
#[test]
fn a_calibration_is_stored_and_used() {
    let (database, folder) = (Database::create(), tempfile::tempdir().unwrap());
    std::fs::write(folder.path().join("perfkit.yaml"), NAP).unwrap();
    let compare = |args: &[&str], status| {
        let fixed = ["bench", "compare", "--block", "150ms", "-c", "16", "--set-a", "perfkit.nap=0.002"];
        perfkit(&[&fixed[..], args].concat()).within(folder.path()).on(&database).exits(status)
    };
    compare(&["--calibrate", "--max-pairs", "3", "-o", "noise.json"], 0);
    let text = std::fs::read_to_string(folder.path().join("noise.json")).unwrap();
    let mut report: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(report["calibration"], true);
    for finding in report["findings"].as_array_mut().unwrap() {
        assert!(finding["noise"].as_f64().unwrap() >= 0.0);
        finding["noise"] = 0.5.into();
    }
    std::fs::write(folder.path().join("noise.json"), report.to_string()).unwrap();
    let slower = ["--set-b", "perfkit.nap=0.02", "--max-pairs", "6", "--noise", "noise.json"];
    let run = compare(&slower, 0);
    assert!(
        run.stdout.starts_with("INCONCLUSIVE: ") && run.stdout.contains("A differs from itself"),
        "{}",
        run.stdout
    );
    std::fs::write(folder.path().join("noise.json"), "{}").unwrap();
    assert!(compare(&slower, 2).stderr.contains("--calibrate"));
}

#[test]
fn few_pairs_are_inconclusive() {
    let database = Database::create();
    let config = "workload: {statements: [{name: one, sql: SELECT pg_sleep(0.001)}]}\n";
    let run = compare(&["--calibrate", "--max-pairs", "2"], config).on(&database).succeeds();
    assert!(run.stdout.starts_with("INCONCLUSIVE: B ("), "{}", run.stdout);
    compare(&["--calibrate", "--max-pairs", "2", "--on-inconclusive", "fail"], config).on(&database).exits(1);
}

#[test]
fn blocks_full_of_errors_do_not_count() {
    let database = Database::create();
    let config = "workload: {statements: [{name: no, sql: \"SELECT 1 / (random() * 0)::int\"}]}\n";
    let run = compare(&["--calibrate", "--max-pairs", "2", "--json"], config).on(&database).exits(4);
    let report: Report = run.json_as();
    assert!(report.n_pairs == 0 && report.dropped_pairs.len() == 2);
    assert!(report.dropped_pairs[0].starts_with("A: every statement failed: "), "{}", run.stdout);
    assert!(report.dropped_pairs[0].ends_with(" × SQLSTATE 22012"), "{}", run.stdout);
}

#[test]
fn two_reports_give_differences_without_a_verdict() {
    let database = Database::create();
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(
        folder.path().join("perfkit.yaml"),
        "workload: {statements: [{name: one, sql: SELECT 1}]}\n",
    )
    .unwrap();
    for file in ["a.json", "b.json"] {
        let args = ["bench", "--duration", "500ms", "-c", "2", "-o", file];
        perfkit(&args).within(folder.path()).on(&database).succeeds();
    }
    let run = perfkit(&["bench", "compare", "a.json", "b.json"]).within(folder.path()).succeeds();
    assert!(
        run.stdout.starts_with("INCONCLUSIVE: B (b.json) against A (a.json), 1 pair of "),
        "{}",
        run.stdout
    );
    assert!(run.stdout.contains("\none ") && run.stderr.contains("no verdict"), "{}", run.stdout);
}

#[test]
fn scripts_are_compared_too() {
    let database = Database::create();
    let args = [
        "--json",
        "--max-pairs",
        "2",
        "-f",
        "nap.sql",
        "--set-a",
        "perfkit.nap=0.001",
        "--set-b",
        "perfkit.nap=0.01",
    ];
    let run =
        compare(&args, "{}").file("nap.sql", "SELECT pg_sleep(current_setting('perfkit.nap')::float8);\n");
    let report: Report = run.on(&database).succeeds().json_as();
    let rate = report.findings.iter().find(|finding| finding.figure == "rate").unwrap();
    assert!(report.has_run(2) && rate.b < rate.a, "{} {}", rate.a, rate.b);
}

fn rates(report: &Report) -> (f64, f64) {
    let rate = report.findings.iter().find(|finding| finding.figure == "rate").expect("blocks have a rate");
    (rate.a, rate.b)
}

/// What A and B are stands in perfkit.yaml, and flags say otherwise.
#[test]
fn the_configuration_names_both() {
    let database = Database::create();
    let compare = |key: &str, args: &[&str]| {
        let config = format!(
            "workload:\n  statements:\n    - {{name: nap, sql: \"SELECT pg_sleep(current_setting('perfkit.nap')::float8)\"}}\n    \
             - {{name: short, sql: SELECT pg_sleep(0.002)}}\n    - {{name: long, sql: SELECT pg_sleep($1), params: [{{value: 0.04}}]}}\n\
             bench:\n  connections: 16\n  compare: {{block: 150ms, max_pairs: 2, {key}}}\n"
        );
        let args = [&["bench", "compare", "--json"], args].concat();
        perfkit(&args)
            .file("perfkit.yaml", &config)
            .file("nap.sql", "SELECT pg_sleep(:nap);\n")
            .env("OTHER", &database.url)
            .on(&database)
    };
    let nap = "statements: [nap]";
    let settings = format!("a: {{{nap}, set: {{perfkit.nap: 0.002}}}}, b: {{set: {{perfkit.nap: 0.04}}}}");
    let slower = |compared: Perfkit| {
        let report: Report = compared.succeeds().json_as();
        let (a, b) = rates(&report);
        assert!(report.has_run(2) && (report.block_ms - 150.0).abs() < 1e-9 && b < a, "{a} {b}");
        report
    };
    let report = slower(compare(&settings, &[]));
    assert!(report.b.ends_with("perfkit.nap=0.04, nap"), "{}", report.b);
    let report = slower(compare(&settings, &["--set-b", "perfkit.nap=0.03"]));
    assert!(report.b.ends_with("perfkit.nap=0.03, nap"), "{}", report.b);
    let report = slower(compare("a: {statements: [short]}, b: {url: \"${OTHER}\", statements: [long]}", &[]));
    assert!(report.findings.iter().all(|finding| finding.statement != "long"), "B has the names of A");
    let report =
        slower(compare("a: {scripts: [nap.sql], define: {nap: 0.002}}, b: {define: {nap: 0.04}}", &[]));
    assert!(report.a.ends_with("nap.sql") && report.b.ends_with("nap.sql"), "{}", report.a);
    let calibrated = compare(&settings, &["--calibrate"]).succeeds();
    assert!(calibrated.json_as::<Report>().calibration);

    compare("b: {}", &[]).fails(2, &["A and B are the same", "bench.compare"]);
    compare("b: {statements: [gone]}", &[]).fails(2, &["\"gone\"", "nap, short, long"]);
    compare("b: {statements: [short]}", &[]).fails(2, &["as many statements: 3 and 1"]);
    compare("b: {scripts: [nap.sql]}", &[]).fails(2, &["one of A and B runs scripts"]);
    compare("b: {url: \"${NOWHERE}\"}", &[]).fails(2, &["NOWHERE", "bench.compare.b.url"]);
    compare("b: {workload: [gone.sql]}", &[]).fails(2, &["gone.sql"]);
    compare("b: {sets: {}}", &[]).fails(2, &["unknown name `sets`", "Did you mean `set`?"]);
}

const BY_KIND: &str = "workload: {statements: [{name: by-kind, sql: SELECT count(*) FROM t WHERE kind = $1, params: [{uniform: {min: 1, max: 1000}}]}]}\n";

fn kinds() -> Database {
    let database = Database::create();
    database.execute(
        "CREATE TABLE t AS SELECT i AS id, i % 1000 AS kind FROM generate_series(1, 50000) AS i; ANALYZE t",
    );
    database
}

const N_INDEXES: &str = "SELECT count(*) FROM pg_index WHERE indrelid = 't'::regclass";

#[test]
fn an_index_is_tried_and_dropped_again() {
    let database = kinds();
    let index = ["--with-index", "CREATE INDEX t_kind ON t (kind)"];
    let args = |more: &[&'static str]| [&index, more].concat();
    compare(&args(&["--json"]), BY_KIND).on(&database).fails(2, &["--yes"]);
    let run = compare(&args(&["--json", "--max-pairs", "3", "--yes"]), BY_KIND).on(&database).succeeds();
    let report: Report = run.json_as();
    let rate = report.findings.iter().find(|finding| finding.figure == "rate").unwrap();
    assert!(report.has_run(3) && rate.b > 1.5 * rate.a, "{} {}", rate.a, rate.b);
    assert!(
        report.b.contains("with CREATE INDEX t_kind") && run.stderr.contains("CREATE INDEX"),
        "{}",
        run.stderr
    );
    assert_eq!(database.value(N_INDEXES), "0");
    database.execute("CREATE INDEX t_kind ON t (kind)");
    compare(&args(&["--yes"]), BY_KIND).on(&database).fails(2, &["is there already"]);
    compare(&["--yes", "--with-index", "DROP INDEX t_kind"], BY_KIND)
        .on(&database)
        .fails(2, &["CREATE INDEX"]);
}

/// Ctrl-C drops the index; after a kill the journal knows it.
#[test]
fn an_index_that_was_tried_does_not_stay() {
    let database = kinds();
    let start = || {
        let index = "CREATE INDEX t_kind ON t (kind)";
        let args = [
            "bench",
            "compare",
            "-c",
            "2",
            "--block",
            "900ms",
            "--max-pairs",
            "2",
            "--yes",
            "--with-index",
            index,
        ];
        let spawned = perfkit(&args).file("perfkit.yaml", BY_KIND).on(&database).spawn();
        database.await_true(
            "SELECT count(*) = 1 FROM pg_index WHERE indrelid = 't'::regclass AND indisvalid AND indisready",
        );
        spawned
    };
    let pid = |child: &std::process::Child| nix::unistd::Pid::from_raw(i32::try_from(child.id()).unwrap());
    let (child, _folder) = start();
    nix::sys::signal::kill(pid(&child), nix::sys::signal::Signal::SIGINT).unwrap();
    let finished = end(child);
    assert_eq!(finished.status, 130, "{}", finished.stderr);
    assert_eq!(database.value(N_INDEXES), "0", "{}", finished.stderr);

    let (child, _folder) = start();
    nix::sys::signal::kill(pid(&child), nix::sys::signal::Signal::SIGKILL).unwrap();
    end(child);
    assert_eq!(database.value(N_INDEXES), "1");
    perfkit(&["index", "undo", "--yes"]).on(&database).succeeds();
    assert_eq!(database.value(N_INDEXES), "0");
}

#[test]
fn refuses_what_cannot_be_compared() {
    let database = Database::create();
    let config = "workload: {statements: [{name: one, sql: SELECT 1}]}\n";
    compare(&[], config).on(&database).fails(2, &["A and B are the same", "--calibrate"]);
    compare(&["--set-b", "work_mem"], config).on(&database).fails(2, &["NAME=VALUE"]);
    compare(&["--b", "ftp://nowhere"], config).on(&database).fails(2, &["--b"]);
    compare(&["--workload-b", "b.sql"], config)
        .file("b.sql", "SELECT 2")
        .on(&database)
        .fails(2, &["do not have the same statements", "A has one; B has b"]);
}
