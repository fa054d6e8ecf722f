//! A run as a comment of a pull request: the verdict first, what it rests on folded away.

use std::fmt::Write as _;

use super::{baseline, basis, caveats, errors, server, summary, table};
use crate::bench::{BenchReport, StatementStats};
use crate::report::index::{folded, inline};
use crate::report::{Align, Table};

pub(super) fn comment(report: &BenchReport) -> String {
    let mut text = format!("## Load test\n\n**{}**\n", inline(&summary(report)));
    for caveat in caveats(report) {
        let _ = writeln!(text, "\n> {}", inline(&caveat));
    }
    if !report.outcomes.is_empty() {
        let mut thresholds =
            Table::new([("threshold", Align::Left), ("measured", Align::Right), ("verdict", Align::Left)]);
        for outcome in &report.outcomes {
            let verdict = if outcome.passed { "met" } else { "missed" };
            thresholds.row([outcome.expression.as_str(), &outcome.actual_text, verdict]);
        }
        let _ = write!(text, "\n{}", thresholds.to_markdown());
    }
    let total = StatementStats::total(&report.statements);
    let _ = write!(text, "\n{}", table(report, &total).to_markdown());
    if let Some(changes) = baseline::table(report.held.as_ref()) {
        let _ = write!(text, "\n{}", changes.to_markdown());
    }
    for line in baseline::lines(report.held.as_ref()) {
        let _ = writeln!(text, "\n{}", inline(&line));
    }
    if let Some(server) = server::table(report.server.as_ref()) {
        let _ = write!(text, "\n{}", server.to_markdown());
    }
    let errors = errors(report);
    if !errors.is_empty() {
        text.push_str("\nErrors:\n\n");
    }
    for error in errors {
        let _ = writeln!(text, "- {}", inline(&error));
    }
    let basis: Vec<String> = basis(report).iter().map(|line| format!("- {}\n", inline(line))).collect();
    folded(&mut text, "How this was measured", &basis.concat());
    text
}
