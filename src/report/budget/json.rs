//! A run with its budgets for programs.

use serde_json::{Value, json};

use super::{BudgetReport, kind};
use crate::budget::baseline::{Change, Comparison};
use crate::budget::judge::Check;
use crate::budget::{Calls, Counted, Scope};
use crate::report::SCHEMA_VERSION;
use crate::trace::Fingerprint;
use crate::unit;

pub(super) fn report(report: &BudgetReport) -> Value {
    json!({
        "schema_version": SCHEMA_VERSION,
        "valid": report.is_valid(),
        "passed": report.is_valid() && report.passed(),
        "command": report.program,
        "ended": report.ended,
        "dropped_executions": report.dropped.n_executions,
        "dropped_sessions": report.dropped.n_sessions,
        "sessions": report.n_sessions,
        "elapsed_ms": unit::json_ms(unit::as_ms(report.elapsed)),
        "scopes": report.tally.scopes.iter().map(|(scope, counted)| of_scope(scope, counted)).collect::<Vec<_>>(),
        "checks": report.verdict.checks.iter().map(check).collect::<Vec<_>>(),
        "unseen_scopes": report.verdict.unseen.iter().map(Scope::to_string).collect::<Vec<_>>(),
        "baseline": report.comparison.map(|comparison| compared(&report.baseline, comparison)),
    })
}

fn of_scope(scope: &Scope, counted: &Counted) -> Value {
    json!({
        "scope": scope.to_string(),
        "kind": kind(scope),
        "queries": counted.queries,
        "writes": counted.writes,
        "transactions": counted.transactions,
        "rows": counted.rows,
        "failed": counted.failed,
        "total_ms": unit::json_ms(unit::ns_to_ms(counted.time)),
        "not_counted": counted.others,
        "statements": counted.statements.iter().map(|(fingerprint, calls)| statement(*fingerprint, calls)).collect::<Vec<_>>(),
    })
}

fn statement(fingerprint: Fingerprint, calls: &Calls) -> Value {
    json!({
        "fingerprint": fingerprint.to_string(),
        "statement": calls.text,
        "calls": calls.calls,
        "rows": calls.rows,
        "total_ms": unit::json_ms(unit::ns_to_ms(calls.time)),
        "writes": calls.writes,
    })
}

fn check(check: &Check) -> Value {
    let causes = check.causes.iter().map(|cause| {
        json!({
            "part": cause.part,
            "fingerprint": cause.fingerprint.to_string(),
            "statement": cause.statement,
        })
    });
    json!({
        "scope": check.scope.to_string(),
        "rule": check.rule,
        "limit": check.limit,
        "actual": check.actual,
        "passed": check.passed(),
        "causes": causes.collect::<Vec<_>>(),
    })
}

fn compared(file: &str, comparison: &Comparison) -> Value {
    let change = |change: &Change| {
        json!({
            "scope": change.scope.to_string(),
            "change": change.kind.name(),
            "worse": change.kind.is_worse(),
            "fingerprint": change.fingerprint.to_string(),
            "statement": change.statement,
            "before": change.before,
            "now": change.now,
        })
    };
    json!({
        "file": file,
        "worse": comparison.is_worse(),
        "changes": comparison.changes.iter().map(change).collect::<Vec<_>>(),
        "new_scopes": comparison.new_scopes.iter().map(Scope::to_string).collect::<Vec<_>>(),
        "unseen_scopes": comparison.unseen_scopes,
    })
}
