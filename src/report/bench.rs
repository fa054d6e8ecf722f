//! Latencies of a load test.

use serde_json::{Value, json};

use super::{Align, Document, SCHEMA_VERSION, Style, Table};
use crate::bench::{BenchReport, Latency, StatementStats, Summary};
use crate::unit;

/// Bars of a text histogram for each factor of ten.
const BUCKETS_PER_DECADE: f64 = 4.0;
const BAR_WIDTH: usize = 40;

pub(crate) fn document(report: &BenchReport, style: &Style) -> Document<'static> {
    let total = StatementStats::total(&report.statements);
    let document = Document::new(json(report)).table(table(report, &total));
    let document = if style.terminal && total.service.count() > 0 {
        document.text(histogram(&total.response, style))
    } else {
        document
    };
    let document = match errors(report) {
        errors if errors.is_empty() => document,
        errors => document.text(errors),
    };
    if report.outcomes.is_empty() { document } else { document.text(thresholds(report, style)) }
}

fn table(report: &BenchReport, total: &StatementStats) -> Table {
    let right = |name| (name, Align::Right);
    let mut table = Table::new([
        ("statement", Align::Left),
        right("count"),
        right("rate/s"),
        right("errors"),
        right("p50 ms"),
        right("p90"),
        right("p95"),
        right("p99"),
        right("p99.9"),
        right("max"),
    ]);
    for stats in report.statements.iter().chain([total]) {
        let mut row = vec![
            stats.name.clone(),
            unit::count(stats.service.count()),
            unit::estimate(report.rate_per_s(stats)),
            unit::count(stats.error_count()),
        ];
        match stats.response.summary() {
            Some(s) => row.extend(
                [s.p50_ms, s.p90_ms, s.p95_ms, s.p99_ms, s.p999_ms, s.max_ms].map(unit::milliseconds),
            ),
            None => row.extend(std::iter::repeat_n("-".to_owned(), 6)),
        }
        table.row(row);
    }
    table
}

/// One bar for each step of the latency axis, which is logarithmic.
fn histogram(latency: &Latency, style: &Style) -> String {
    let buckets = latency.log_buckets(BUCKETS_PER_DECADE);
    let most = buckets.iter().map(|(_, n)| *n).max().unwrap_or(1).max(1);
    buckets
        .iter()
        .map(|(upper_ms, n)| {
            #[expect(
                clippy::cast_precision_loss,
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "a bar has at most 40 characters"
            )]
            let length = (*n as f64 / most as f64 * BAR_WIDTH as f64).ceil() as usize;
            let bar = format!("{:<BAR_WIDTH$}", "█".repeat(length));
            format!("{:>10} ms  {}  {}", unit::milliseconds(*upper_ms), style.cyan(&bar), unit::count(*n))
        })
        .collect::<Vec<_>>()
        .join("\n")
}

fn errors(report: &BenchReport) -> String {
    let lines: Vec<String> = report
        .statements
        .iter()
        .flat_map(|stats| stats.errors.iter().map(move |(class, n)| (stats, class, n)))
        .map(|(stats, class, n)| match class.as_str() {
            "connection" => format!("{}: {} × connection lost", stats.name, unit::count(*n)),
            class => format!("{}: {} × SQLSTATE {class}", stats.name, unit::count(*n)),
        })
        .collect();
    lines.join("\n")
}

fn thresholds(report: &BenchReport, style: &Style) -> String {
    report
        .outcomes
        .iter()
        .map(|outcome| {
            let verdict = if outcome.passed { style.green("met   ") } else { style.red("missed") };
            format!("{verdict}  {:<16} {}", outcome.expression, outcome.actual_text)
        })
        .collect::<Vec<_>>()
        .join("\n")
}

fn json(report: &BenchReport) -> Value {
    let statements: Vec<Value> =
        report.statements.iter().map(|stats| statement_json(report, stats)).collect();
    let outcomes: Vec<Value> = report
        .outcomes
        .iter()
        .map(|outcome| {
            json!({ "expression": outcome.expression, "actual": outcome.actual, "passed": outcome.passed })
        })
        .collect();
    json!({
        "schema_version": SCHEMA_VERSION,
        "valid": report.invalid_reason.is_none(),
        "invalid_reason": report.invalid_reason,
        "environment": {
            "perfkit_version": report.environment.perfkit_version,
            "server_version_num": report.environment.server_version,
            "connections": report.environment.connections,
            "cpus": report.environment.cpus,
            "seed": report.environment.seed,
            "open_loop": report.is_open_loop,
            "elapsed_ms": unit::json_ms(unit::as_ms(report.elapsed)),
        },
        "statements": statements,
        "thresholds": outcomes,
        "interrupted": report.interrupted,
    })
}

fn statement_json(report: &BenchReport, stats: &StatementStats) -> Value {
    let mut json = json!({
        "name": stats.name,
        "count": stats.service.count(),
        "errors": stats.error_count(),
        "rate_per_s": (report.rate_per_s(stats) * 1000.0).round() / 1000.0,
    });
    if let (Value::Object(json), Value::Object(latency)) = (&mut json, latency_json(&stats.service)) {
        json.extend(latency);
        json.insert("response".to_owned(), latency_json(&stats.response));
        json.insert("hdr".to_owned(), base64(&stats.service.to_hdr()).into());
        json.insert("errors_by_sqlstate".to_owned(), json!(stats.errors));
    }
    json
}

/// Keys are always there; without a measurement they are null.
fn latency_json(latency: &Latency) -> Value {
    let summary = latency.summary();
    let figure = |of: fn(&Summary) -> f64| summary.as_ref().map(|summary| unit::json_ms(of(summary)));
    json!({
        "mean_ms": figure(|s| s.mean_ms),
        "p50_ms": figure(|s| s.p50_ms),
        "p75_ms": figure(|s| s.p75_ms),
        "p90_ms": figure(|s| s.p90_ms),
        "p95_ms": figure(|s| s.p95_ms),
        "p99_ms": figure(|s| s.p99_ms),
        "p999_ms": figure(|s| s.p999_ms),
        "max_ms": figure(|s| s.max_ms),
    })
}

/// Encodes bytes as HdrHistogram's tools expect them in text (RFC 4648, section 4).
fn base64(bytes: &[u8]) -> String {
    base64::Engine::encode(&base64::engine::general_purpose::STANDARD, bytes)
}
