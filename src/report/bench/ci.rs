//! A run for CI systems: a case for each threshold, and one for each statement, which fails if nothing of it succeeded.

use crate::bench::BenchReport;
use crate::bench::baseline::Change;
use crate::report::results::{Case, Level, Problem, Suite};

const INVALID: &str = "invalid-measurement";

pub(super) fn suites(report: &BenchReport) -> Vec<Suite> {
    let run = Case {
        name: "measurement".to_owned(),
        time_ms: Some(crate::unit::as_ms(report.elapsed)),
        problems: report.invalid_reason.iter().map(|reason| problem(INVALID, reason.clone())).collect(),
    };
    let statements = report.statements.iter().map(|stats| Case {
        name: stats.name.clone(),
        time_ms: stats.response.summary().map(|summary| summary.mean_ms),
        problems: (stats.service.count() == 0)
            .then(|| problem("nothing-measured", "no execution of the statement ended well".to_owned()))
            .into_iter()
            .collect(),
    });
    let thresholds = report.outcomes.iter().map(|outcome| Case {
        name: outcome.expression.clone(),
        time_ms: None,
        problems: (!outcome.passed)
            .then(|| {
                problem("threshold", format!("{} is missed: {}", outcome.expression, outcome.actual_text))
            })
            .into_iter()
            .collect(),
    });
    let gates = report.held.iter().flat_map(|held| &held.gates).map(|gate| Case {
        name: format!("{} {}", gate.statement, gate.figure),
        time_ms: None,
        problems: (gate.outcome == Change::Worse)
            .then(|| problem("baseline", format!("{} was {} and is {}", gate.figure, gate.before, gate.now)))
            .into_iter()
            .collect(),
    });
    let mut suites = vec![
        Suite { name: "run".to_owned(), cases: vec![run] },
        Suite { name: "statements".to_owned(), cases: statements.collect() },
        Suite { name: "thresholds".to_owned(), cases: thresholds.collect() },
        Suite { name: "baseline".to_owned(), cases: gates.collect() },
    ];
    suites.retain(|suite| !suite.cases.is_empty());
    suites
}

fn problem(rule: &str, message: String) -> Problem {
    Problem { rule: rule.to_owned(), level: Level::Error, message, detail: None, place: None }
}
