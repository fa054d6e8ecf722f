//! A run for CI systems: a suite for each scope with a case for each limit, and one for the baseline.

use super::{BudgetReport, amount};
use crate::budget::Scope;
use crate::budget::baseline::{Change, Comparison};
use crate::budget::judge::Check;
use crate::report::results::{Case, Level, Problem, Suite};

pub(super) fn suites(report: &BudgetReport) -> Vec<Suite> {
    let command = Case {
        name: "command".to_owned(),
        time_ms: Some(crate::unit::as_ms(report.elapsed)),
        problems: invalid(report)
            .into_iter()
            .map(|reason| problem("invalid-measurement", reason, None))
            .collect(),
    };
    let mut suites = vec![Suite { name: "command".to_owned(), cases: vec![command] }];
    for (scope, counted) in &report.tally.scopes {
        let cases = report.verdict.checks.iter().filter(|check| check.scope == *scope).map(|check| Case {
            name: check.rule.to_owned(),
            time_ms: Some(crate::unit::ns_to_ms(counted.time)),
            problems: missed(check).into_iter().collect(),
        });
        suites.push(Suite { name: scope.to_string(), cases: cases.collect() });
    }
    for scope in &report.verdict.unseen {
        let message = format!("nothing came from {scope}, of which there is a budget");
        let case = Case {
            name: "seen".to_owned(),
            time_ms: None,
            problems: vec![problem("unseen-scope", message, None)],
        };
        suites.push(Suite { name: scope.to_string(), cases: vec![case] });
    }
    if let Some(comparison) = report.comparison {
        let cases = report.tally.scopes.keys().map(|scope| Case {
            name: scope.to_string(),
            time_ms: None,
            problems: worse(comparison, scope),
        });
        suites.push(Suite { name: "baseline".to_owned(), cases: cases.collect() });
    }
    suites.retain(|suite| !suite.cases.is_empty());
    suites
}

fn invalid(report: &BudgetReport) -> Option<String> {
    if !report.has_succeeded {
        return Some(format!("{} ended with {}", report.program, report.ended));
    }
    (!report.is_valid()).then(|| format!("{} executions could not be recorded", report.dropped.n_executions))
}

fn missed(check: &Check) -> Option<Problem> {
    let message = format!(
        "{} of {} is missed: {} of {}",
        check.rule,
        check.scope,
        amount(check.rule, check.actual),
        amount(check.rule, check.limit)
    );
    let causes: Vec<String> =
        check.causes.iter().map(|cause| format!("{}: {}", cause.part, cause.statement)).collect();
    (!check.passed()).then(|| problem(check.rule, message, Some(causes.join("\n"))))
}

fn worse(comparison: &Comparison, scope: &Scope) -> Vec<Problem> {
    let unknown = comparison.new_scopes.contains(scope);
    let unknown = unknown.then(|| problem("baseline", format!("{scope} is not in the baseline"), None));
    let changes = comparison.changes.iter().filter(|change| change.scope == *scope && change.kind.is_worse());
    let changes = changes.map(|Change { kind, statement, before, now, .. }| {
        problem("baseline", format!("{}, {before} → {now}: {statement}", kind.name()), None)
    });
    unknown.into_iter().chain(changes).collect()
}

fn problem(rule: &str, message: String, detail: Option<String>) -> Problem {
    let detail = detail.filter(|detail| !detail.is_empty());
    Problem { rule: rule.to_owned(), level: Level::Error, message, detail, place: None }
}
