//! The report as JSON; `bench::saved` reads it back.

use serde_json::{Value, json};

use super::{baseline, resources, server, timeline};
use crate::bench::validity::{Limit, limits};
use crate::bench::{BenchReport, Latency, RunParts, StatementStats, Summary};
use crate::report::SCHEMA_VERSION;
use crate::unit;

pub(super) fn report(report: &BenchReport) -> Value {
    let stats = |all: &[StatementStats]| -> Vec<Value> {
        all.iter().map(|stats| statement_json(report, stats)).collect()
    };
    let outcomes: Vec<Value> = report
        .outcomes
        .iter()
        .map(|outcome| {
            json!({ "expression": outcome.expression, "actual": outcome.actual, "passed": outcome.passed })
        })
        .collect();
    let limits = limits()
        .map(|(name, Limit { value, source })| json!({ "name": name, "value": value, "source": source }));
    json!({
        "schema_version": SCHEMA_VERSION,
        "valid": report.invalid_reason.is_none(),
        "invalid_reason": report.invalid_reason,
        "doubts": report.doubts,
        "limits": limits,
        "environment": {
            "perfkit_version": report.environment.perfkit_version,
            "server_version_num": report.environment.server_version,
            "connections": report.environment.connections,
            "cpus": report.environment.cpus,
            "seed": report.environment.seed,
            "open_loop": report.is_open_loop,
            "generators": report.environment.generators,
            "started_at_unix_ms": report.started_at.map(|start| u64::try_from(start.as_millis()).ok()),
            "elapsed_ms": unit::json_ms(unit::as_ms(report.elapsed)),
        },
        "statements": stats(&report.statements),
        "script_statements": stats(&report.steps),
        "thresholds": outcomes,
        "schedule_lag": with_hdr(&report.lag),
        "connections_lost": report.n_lost,
        "generator": resources::generator_json(report),
        "machine": resources::machine_json(report),
        "timeline": timeline::json(report),
        "server": server::json(report.server.as_ref()),
        "baseline": baseline::json(report.held.as_ref()),
        "runs": report.runs.iter().map(run).collect::<Vec<Value>>(),
        "interrupted": report.interrupted,
    })
}

/// Returns what is kept of a run that was merged.
fn run(run: &RunParts) -> Value {
    let mut json = run.parts.clone();
    json.insert("file".to_owned(), run.name.clone().into());
    json.into()
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
        json.insert("response".to_owned(), with_hdr(&stats.response));
        json.insert("hdr".to_owned(), base64(&stats.service.to_hdr()).into());
        json.insert("errors_by_sqlstate".to_owned(), json!(stats.errors));
        json.insert("retries".to_owned(), stats.n_retries.into());
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

/// With the histogram itself, for who adds it up with others.
fn with_hdr(latency: &Latency) -> Value {
    let mut json = latency_json(latency);
    json["hdr"] = base64(&latency.to_hdr()).into();
    json
}

/// Encodes bytes as HdrHistogram's tools expect them in text (RFC 4648, section 4).
fn base64(bytes: &[u8]) -> String {
    base64::Engine::encode(&base64::engine::general_purpose::STANDARD, bytes)
}
