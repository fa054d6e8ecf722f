//! Reports that `perfkit bench --json` wrote, read back.

use std::collections::BTreeMap;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde_json::{Map, Value};

use super::latency::HdrError;
use super::{BenchReport, Environment, Latency, Outcome, RunParts, StatementStats, Threshold, Timeline};

/// The versions of the form that can be read.
const SCHEMA_VERSION: u32 = 1;

/// Why a report cannot be read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error("it is no report of `perfkit bench --json`")]
    Json(#[source] serde_json::Error),
    #[error("its form has version {0}, and this perfkit reads version {SCHEMA_VERSION}")]
    Version(u32),
    #[error("the histogram of statement \"{statement}\" is not base64")]
    Base64 {
        statement: String,
        #[source]
        source: base64::DecodeError,
    },
    #[error("the histogram of statement \"{statement}\" cannot be used")]
    Histogram {
        statement: String,
        #[source]
        source: HdrError,
    },
    #[error("statement \"{statement}\" counts {count} executions, and its histogram holds {held}")]
    Count { statement: String, count: u64, held: u64 },
    #[error("statement \"{statement}\" has no histogram of response times; an older perfkit wrote it")]
    NoResponse { statement: String },
    #[error("its threshold cannot be read: {0}")]
    Threshold(String),
}

/// Keys that are not here are of no use to who reads a report; newer versions add some.
#[derive(Deserialize)]
struct Saved {
    schema_version: u32,
    invalid_reason: Option<String>,
    #[serde(default)]
    doubts: Vec<String>,
    environment: SavedEnvironment,
    statements: Vec<SavedStatement>,
    #[serde(default)]
    script_statements: Vec<SavedStatement>,
    thresholds: Vec<SavedThreshold>,
    #[serde(default)]
    schedule_lag: SavedHistogram,
    #[serde(default)]
    connections_lost: u64,
    interrupted: bool,
    #[serde(default)]
    runs: Vec<Map<String, Value>>,
    /// All other keys.
    #[serde(flatten)]
    rest: Map<String, Value>,
}

/// What is kept of a run as it was written.
const PARTS: [&str; 4] = ["generator", "machine", "timeline", "server"];

#[derive(Deserialize)]
struct SavedEnvironment {
    perfkit_version: Option<String>,
    server_version_num: Option<u32>,
    connections: Option<usize>,
    cpus: Option<usize>,
    seed: Option<u64>,
    #[serde(default = "one")]
    generators: usize,
    open_loop: bool,
    started_at_unix_ms: Option<u64>,
    elapsed_ms: f64,
}

#[derive(Deserialize)]
struct SavedStatement {
    name: String,
    count: u64,
    hdr: String,
    response: SavedHistogram,
    errors_by_sqlstate: BTreeMap<String, u64>,
    #[serde(default)]
    retries: u64,
}

#[derive(Deserialize, Default)]
struct SavedHistogram {
    hdr: Option<String>,
}

#[derive(Deserialize)]
struct SavedThreshold {
    expression: String,
}

fn one() -> usize {
    1
}

/// Reads a report; thresholds are held against its figures again.
pub(crate) fn read(json: &str) -> Result<BenchReport, Error> {
    let saved: Saved = serde_json::from_str(json).map_err(Error::Json)?;
    if saved.schema_version != SCHEMA_VERSION {
        return Err(Error::Version(saved.schema_version));
    }
    let environment = saved.environment;
    let is_open_loop = environment.open_loop;
    let stats = |saved: Vec<SavedStatement>| -> Result<Vec<StatementStats>, Error> {
        saved.into_iter().map(|statement| of_statement(statement, is_open_loop)).collect()
    };
    let runs = if saved.runs.is_empty() { vec![saved.rest] } else { saved.runs };
    let mut report = BenchReport {
        invalid_reason: saved.invalid_reason,
        doubts: saved.doubts,
        environment: Environment {
            server_version: environment.server_version_num,
            perfkit_version: environment.perfkit_version,
            connections: environment.connections,
            cpus: environment.cpus,
            seed: environment.seed,
            generators: environment.generators,
        },
        statements: stats(saved.statements)?,
        steps: stats(saved.script_statements)?,
        started_at: environment.started_at_unix_ms.map(Duration::from_millis),
        elapsed: Duration::try_from_secs_f64(environment.elapsed_ms / 1000.0).unwrap_or_default(),
        outcomes: Vec::new(),
        interrupted: saved.interrupted,
        all_lost: false,
        is_open_loop,
        lag: saved
            .schedule_lag
            .hdr
            .map_or_else(|| Ok(Latency::new()), |hdr| histogram(&hdr, "schedule lag"))?,
        n_lost: saved.connections_lost,
        resources: None,
        timeline: Timeline::default(),
        server: None,
        held: None,
        runs: runs.into_iter().map(parts).filter(|run| !run.parts.is_empty()).collect(),
    };
    let thresholds = saved.thresholds.into_iter().map(|threshold| threshold.expression.parse());
    report.check(&thresholds.collect::<Result<Vec<_>, _>>().map_err(Error::Threshold)?);
    Ok(report)
}

/// Takes what is kept of a run; one that stands for itself has no name yet.
fn parts(mut run: Map<String, Value>) -> RunParts {
    let name = run.remove("file").and_then(|name| name.as_str().map(str::to_owned)).unwrap_or_default();
    run.retain(|key, _| PARTS.contains(&key.as_str()));
    RunParts { name, parts: run }
}

/// Returns the thresholds that a run was held against.
pub(crate) fn thresholds(report: &BenchReport) -> impl Iterator<Item = Threshold> {
    let expression = |outcome: &Outcome| outcome.expression.parse().ok();
    report.outcomes.iter().filter_map(expression)
}

fn of_statement(saved: SavedStatement, is_open_loop: bool) -> Result<StatementStats, Error> {
    let statement = saved.name;
    let service = histogram(&saved.hdr, &statement)?;
    let response = match saved.response.hdr {
        Some(hdr) => histogram(&hdr, &statement)?,
        // Without a rate it is the time of service.
        None if !is_open_loop => service.clone(),
        None => return Err(Error::NoResponse { statement }),
    };
    if service.count() != saved.count {
        return Err(Error::Count { statement, count: saved.count, held: service.count() });
    }
    Ok(StatementStats {
        name: statement,
        service,
        response,
        errors: saved.errors_by_sqlstate,
        n_retries: saved.retries,
    })
}

fn histogram(hdr: &str, statement: &str) -> Result<Latency, Error> {
    let bytes =
        STANDARD.decode(hdr).map_err(|source| Error::Base64 { statement: statement.to_owned(), source })?;
    Latency::from_hdr(&bytes).map_err(|source| Error::Histogram { statement: statement.to_owned(), source })
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use serde_json::json;

    /// A run of two seconds with these latencies in milliseconds.
    pub(in crate::bench) fn report(statements: &[(&str, &[u64])]) -> BenchReport {
        let statement = |(name, latencies): &(&str, &[u64])| {
            let mut stats = StatementStats::new(*name);
            for ms in *latencies {
                stats.service.record(Duration::from_millis(*ms));
                stats.response.record(Duration::from_millis(*ms));
            }
            stats
        };
        BenchReport {
            invalid_reason: None,
            doubts: Vec::new(),
            environment: Environment {
                server_version: Some(150_018),
                perfkit_version: Some("0.1.0".to_owned()),
                connections: Some(2),
                cpus: Some(4),
                seed: Some(42),
                generators: 1,
            },
            statements: statements.iter().map(statement).collect(),
            steps: Vec::new(),
            started_at: Some(Duration::from_secs(1_700_000_000)),
            elapsed: Duration::from_secs(2),
            outcomes: Vec::new(),
            interrupted: false,
            all_lost: false,
            is_open_loop: false,
            lag: Latency::new(),
            n_lost: 0,
            resources: None,
            timeline: Timeline::default(),
            server: None,
            held: None,
            runs: Vec::new(),
        }
    }

    fn saved() -> Value {
        let hdr = STANDARD.encode(report(&[("one", &[5, 6])]).statements[0].service.to_hdr());
        json!({
            "schema_version": 1, "invalid_reason": null, "interrupted": false, "new": "is ignored",
            "environment": {"perfkit_version": "0.1.0", "server_version_num": 150_018, "connections": 2, "cpus": 4,
                            "seed": 1, "open_loop": false, "elapsed_ms": 2000.5},
            "statements": [{"name": "one", "count": 2, "hdr": hdr, "response": {}, "errors_by_sqlstate": {"40001": 1}}],
            "thresholds": [{"expression": "p95 < 50ms"}],
        })
    }

    #[test]
    fn reads_a_report() {
        let read = read(&saved().to_string()).unwrap();
        assert_eq!((read.statements[0].service.count(), read.statements[0].error_count()), (2, 1));
        assert_eq!(read.statements[0].response.count(), 2);
        assert_eq!((read.elapsed, read.environment.generators), (Duration::from_micros(2_000_500), 1));
        assert!(read.outcomes[0].passed && thresholds(&read).count() == 1);
    }

    #[test]
    fn refuses_what_is_no_report() {
        let check = |pointer: &str, value: Value, expected: &str| {
            let mut json = saved();
            *json.pointer_mut(pointer).unwrap() = value;
            let error = read(&json.to_string()).unwrap_err().to_string();
            assert!(error.contains(expected), "{error}");
        };
        check("/schema_version", json!(2), "version 2");
        check("/statements", json!("none"), "no report");
        check("/statements/0/hdr", json!("?"), "statement \"one\" is not base64");
        check("/statements/0/hdr", json!("AAAA"), "statement \"one\" cannot be used");
        check("/statements/0/count", json!(3), "counts 3 executions, and its histogram holds 2");
        check("/environment/open_loop", json!(true), "no histogram of response times");
        check("/thresholds/0/expression", json!("p95"), "is not a threshold");
        check("/environment/elapsed_ms", json!("long"), "no report");
    }
}
