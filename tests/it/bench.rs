//! `perfkit bench`

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

use crate::support::cli::{end, perfkit};
use crate::support::pg::{Database, Server};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Report {
    schema_version: u32,
    pub(crate) valid: bool,
    invalid_reason: Option<String>,
    doubts: Vec<String>,
    limits: Vec<Value>,
    environment: Value,
    pub(crate) statements: Vec<Statement>,
    pub(crate) script_statements: Vec<Statement>,
    thresholds: Vec<Threshold>,
    pub(crate) schedule_lag: Value,
    connections_lost: u64,
    generator: Value,
    machine: Value,
    timeline: Vec<Stretch>,
    server: Value,
    baseline: Value,
    runs: Vec<Value>,
    pub(crate) interrupted: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Stretch {
    start_ms: f64,
    length_ms: f64,
    count: u64,
    errors: u64,
    p50_ms: Option<f64>,
    p99_ms: Option<f64>,
    max_ms: Option<f64>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Statement {
    pub(crate) name: String,
    pub(crate) count: u64,
    pub(crate) errors: u64,
    rate_per_s: f64,
    mean_ms: f64,
    pub(crate) p50_ms: f64,
    p75_ms: f64,
    p90_ms: f64,
    p95_ms: f64,
    p99_ms: f64,
    p999_ms: f64,
    max_ms: f64,
    pub(crate) response: Value,
    hdr: String,
    pub(crate) errors_by_sqlstate: BTreeMap<String, u64>,
    pub(crate) retries: u64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Threshold {
    expression: String,
    actual: Option<f64>,
    passed: bool,
}

const CONFIG: &str = "workload:\n  statements:\n    - {name: one, sql: SELECT 1}\n    - {name: sum, sql: SELECT 1 + $1::int, params: [{uniform: {min: 1, max: 9}}], weight: 3}\n";

fn bench(args: &[&str], config: &str) -> crate::support::cli::Perfkit {
    let args = [&["bench", "--duration", "1s", "--connections", "2"], args].concat();
    perfkit(&args).file("perfkit.yaml", config)
}

#[test]
fn measures_every_statement() {
    let database = Database::create();
    let report: Report = bench(&["--json"], CONFIG).on(&database).succeeds().json_as();
    assert_eq!((report.schema_version, report.valid, report.interrupted), (1, true, false));
    assert!(report.schedule_lag["p50_ms"].is_null() && report.connections_lost == 0);
    assert!(report.invalid_reason.is_none() && report.environment["connections"] == 2);
    let [one, sum] = report.statements.as_slice() else { panic!("two statements") };
    assert_eq!((one.name.as_str(), sum.name.as_str()), ("one", "sum"));
    let share = sum.count as f64 / (one.count + sum.count) as f64;
    assert!((0.7..0.8).contains(&share), "weights 1 and 3: {share}");
    for statement in &report.statements {
        assert!(statement.errors == 0 && statement.rate_per_s > 0.0);
        let s = statement;
        let figures = [s.p50_ms, s.p75_ms, s.p90_ms, s.p95_ms, s.p99_ms, s.p999_ms, s.max_ms];
        assert!(figures.is_sorted() && figures[0] > 0.0 && s.mean_ms > 0.0);
        assert!(s.response["p99_ms"].as_f64().unwrap() > 0.0);
        assert!(s.hdr.len() > 20 && s.errors_by_sqlstate.is_empty() && s.retries == 0);
    }
}

/// What ran when, and what that took of the machine.
#[test]
fn tells_the_timeline_and_the_cost_of_the_load() {
    let database = Database::create();
    let config = "workload: {statements: [{name: nap, sql: SELECT pg_sleep(0.002)}]}\n";
    let args = ["bench", "--json", "--duration", "2500ms", "-c", "2"];
    let run = perfkit(&args).file("perfkit.yaml", config).on(&database).succeeds();
    let report: Report = run.json_as();
    let starts: Vec<f64> = report.timeline.iter().map(|stretch| stretch.start_ms).collect();
    assert_eq!(starts, [0.0, 1000.0, 2000.0]);
    assert!((report.timeline[2].length_ms - 500.0).abs() < 1.0);
    assert_eq!(report.timeline.iter().map(|it| it.count).sum::<u64>(), report.statements[0].count);
    for stretch in &report.timeline {
        assert!(stretch.errors == 0 && stretch.p50_ms >= Some(1.9), "{:?}", stretch.p50_ms);
        assert!(stretch.p50_ms <= stretch.p99_ms && stretch.p99_ms <= stretch.max_ms);
    }
    let generator = &report.generator;
    let shares = generator["thread_cpu_shares"].as_array().unwrap();
    assert!(!shares.is_empty() && shares.iter().all(|share| (0.0..=1.0).contains(&share.as_f64().unwrap())));
    assert!(generator["cpu_us_per_execution"].as_f64().unwrap() > 0.0);
    if cfg!(target_os = "linux") {
        assert!(generator["peak_rss_bytes"].as_u64().unwrap() > 1 << 20);
        let shares = ["generator", "server", "others", "steal", "idle"]
            .map(|name| report.machine[format!("{name}_share")].as_f64().unwrap());
        assert!((0.9..1.1).contains(&shares.iter().sum::<f64>()), "{}", report.machine);
    }
    assert!(report.limits.iter().all(|limit| limit["source"].is_string()));
    assert!(report.server.is_object() && report.baseline.is_null() && report.runs.is_empty());
    assert!(report.doubts.iter().all(|doubt| run.stderr.contains(doubt.as_str())));
}

/// Text of many megabytes keeps the one thread that reads it busy, whatever else the machine does.
#[test]
fn a_generator_that_is_the_bottleneck_makes_a_measurement_invalid() {
    let database = Database::create();
    let config = "workload: {statements: [{name: one, sql: \"SELECT generate_series(1, 20000)\"}]}\n";
    let args = ["bench", "--json", "--threads", "1", "-c", "8", "--duration", "1500ms"];
    let run = perfkit(&args).file("perfkit.yaml", config).on(&database).run();
    let report: Report = run.json_as();
    let share = report.generator["thread_cpu_shares"][0].as_f64().unwrap();
    // Other work on the machine may keep the thread from its processor.
    assert_eq!(run.status, if share > 0.85 { 4 } else { 0 }, "{share}: {}", run.stderr);
    assert_eq!(!report.valid, share > 0.85);
    assert_eq!(report.invalid_reason.is_some_and(|it| it.contains("near its limit")), share > 0.85);
}

#[test]
fn thresholds_decide_the_exit_status() {
    let database = Database::create();
    let report: Report = bench(&["--json", "--threshold", "p50 < 1h", "--threshold", "errors < 1%"], CONFIG)
        .on(&database)
        .succeeds()
        .json_as();
    assert!(report.thresholds.iter().all(|threshold| threshold.passed && threshold.actual.is_some()));
    let config = format!("{CONFIG}bench: {{thresholds: ['p50 < 1ns']}}\n");
    let run = bench(&["--json"], &config).on(&database).exits(1);
    let report: Report = run.json_as();
    assert_eq!(report.thresholds[0].expression, "p50 < 1ns");
    assert!(!report.thresholds[0].passed);
    bench(&["--threshold", "p50 < soon"], CONFIG).on(&database).fails(2, &["p50 < soon"]);
    let config = format!("{CONFIG}bench: {{thresholds: ['p51']}}\n");
    bench(&[], &config).on(&database).fails(2, &["perfkit.yaml:5", "p51"]);
}

#[test]
fn keeps_a_rate() {
    let database = Database::create();
    let report: Report = bench(&["--json", "--rate", "200"], CONFIG).on(&database).succeeds().json_as();
    let count: u64 = report.statements.iter().map(|statement| statement.count).sum();
    assert!((190..=200).contains(&count), "{count} of 200");
    assert_eq!(report.environment["open_loop"], true);
    assert!(report.schedule_lag["p50_ms"].as_f64().unwrap() > 0.0);
}

#[test]
fn an_unreachable_rate_is_invalid() {
    let database = Database::create();
    let config = "workload: {statements: [{name: slow, sql: SELECT pg_sleep(0.1)}]}\n";
    let run = bench(&["--json", "--rate", "1000"], config).on(&database).exits(4);
    let report: Report = run.json_as();
    assert!(!report.valid && report.invalid_reason.unwrap().contains("could not be sent in time"));
}

#[test]
fn writes_only_when_allowed() {
    let database = Database::create();
    database.execute("CREATE TABLE t (i int)");
    let config = "workload: {statements: [{name: w, sql: INSERT INTO t VALUES (1)}]}\n";
    bench(&[], config).on(&database).fails(2, &["no statement to run", "--allow-writes"]);
    assert_eq!(database.value("SELECT count(*) FROM t"), "0");
    bench(&["--allow-writes"], config).on(&database).succeeds();
    assert_ne!(database.value("SELECT count(*) FROM t"), "0");
}

#[test]
fn a_statement_that_cannot_run_is_reported_at_the_start() {
    let database = Database::create();
    let config = "workload: {statements: [{name: bad, sql: SELECT * FROM nowhere}]}\n";
    bench(&[], config).on(&database).fails(2, &["statement \"bad\" cannot be run", "nowhere"]);
    let config = "workload: {statements: [{name: bad, sql: SELECT 1 / 0}]}\n";
    bench(&["--json"], config).on(&database).exits(2);
}

/// Waits until the two sessions of a bench have begun, and their warm-up of a second is over.
fn await_measurement(database: &Database) {
    database.await_true(
        "SELECT count(*) = 2 FROM pg_stat_activity
         WHERE datname = current_database() AND application_name = 'perfkit' AND query ~ '^SELECT (1|sum)'",
    );
    std::thread::sleep(std::time::Duration::from_millis(1500));
}

#[test]
fn a_server_that_goes_away_is_no_good_measurement() {
    let server = Server::start("", &["listen_addresses="], 5432);
    let database = Database { url: server.url("postgres", "postgres") };
    let (child, _folder) = perfkit(&["bench", "--duration", "3s", "--json", "-c", "2"])
        .file("perfkit.yaml", CONFIG)
        .on(&database)
        .spawn();
    await_measurement(&database);
    server.control(&["stop", "-m", "immediate"]);
    let finished = end(child);
    assert_eq!(finished.status, 3, "{}", finished.stderr);
    assert!(finished.stderr.contains("closed every connection"), "{}", finished.stderr);
    let report: Report = finished.json_as();
    assert!(!report.valid && report.connections_lost == 2 && report.statements[0].count > 0);
}

/// Ends the sessions of a running bench in the middle of its measurement.
fn bench_with_lost_connections(args: &[&str]) -> crate::support::cli::Finished {
    let database = Database::create();
    let args = [&["bench", "--duration", "3s", "--json", "-c", "2"], args].concat();
    let (child, _folder) = perfkit(&args).file("perfkit.yaml", CONFIG).on(&database).spawn();
    await_measurement(&database);
    database.query(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
         WHERE datname = current_database() AND application_name = 'perfkit'",
    );
    end(child)
}

#[test]
fn lost_connections_are_opened_anew() {
    let finished = bench_with_lost_connections(&["--rate", "200"]);
    assert_eq!(finished.status, 0, "{}", finished.stderr);
    let report: Report = finished.json_as();
    assert!(report.valid && report.connections_lost >= 2, "the schedule goes on meanwhile");
    let count: u64 = report.statements.iter().map(|statement| statement.count + statement.errors).sum();
    assert!(count > 570, "{count} of 600");
}

#[test]
fn at_full_speed_lost_connections_make_a_measurement_invalid() {
    let finished = bench_with_lost_connections(&[]);
    assert_eq!(finished.status, 4, "{}", finished.stderr);
    let report: Report = finished.json_as();
    assert!(report.invalid_reason.unwrap().contains("a connection was lost"));
    assert!(report.connections_lost >= 2);
}

#[test]
fn ctrl_c_still_prints_what_was_measured() {
    let database = Database::create();
    let (child, _folder) = perfkit(&["bench", "--duration", "60s", "--json", "-c", "2"])
        .file("perfkit.yaml", CONFIG)
        .on(&database)
        .spawn();
    await_measurement(&database);
    let pid = nix::unistd::Pid::from_raw(i32::try_from(child.id()).unwrap());
    nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGINT).unwrap();
    let finished = end(child);
    assert_eq!(finished.status, 130, "{}", finished.stderr);
    let report: Report = finished.json_as();
    assert!(report.interrupted && report.statements[0].count > 0);
}
