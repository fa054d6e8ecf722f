//! What a command sent, held against its budgets.

mod ci;
mod json;
mod scale;

use std::time::Duration;

use serde_json::json;

use super::explain::one_line;
use super::workload::shortened;
use super::{Align, Document, Format, Style, Table, junit};
use crate::budget::baseline::{Baseline, Change, Comparison};
use crate::budget::judge::{Check, Verdict};
use crate::budget::{Scope, Tally};
use crate::trace::Dropped;
use crate::unit;

pub(crate) use scale::ScaleReport;

/// What the numbers before a text take of a line.
const PART_WIDTH: usize = 20;
const MIN_TEXT_WIDTH: usize = 24;

/// A command that has run.
pub(crate) struct BudgetReport<'a> {
    /// Without its arguments, which may hold secrets.
    pub(crate) program: &'a str,
    /// How it ended, in words.
    pub(crate) ended: String,
    pub(crate) has_succeeded: bool,
    pub(crate) dropped: &'a Dropped,
    pub(crate) n_sessions: u64,
    pub(crate) elapsed: Duration,
    pub(crate) tally: &'a Tally,
    pub(crate) verdict: &'a Verdict,
    /// `None` without a baseline.
    pub(crate) comparison: Option<&'a Comparison>,
    /// The baseline's file.
    pub(crate) baseline: String,
}

impl BudgetReport<'_> {
    /// Whether no limit is missed and nothing is worse than in the baseline.
    pub(crate) fn passed(&self) -> bool {
        self.verdict.passed() && !self.comparison.is_some_and(Comparison::is_worse)
    }

    /// Whether the run says how much the command needs.
    fn is_valid(&self) -> bool {
        self.has_succeeded && *self.dropped == Dropped::default()
    }

    pub(crate) fn document<'a>(&'a self, style: &Style) -> Document<'a> {
        let mut document = Document::new(json::report(self))
            .form(Format::Junit, || junit::text(&ci::suites(self)))
            .heading("budget")
            .table(scopes(self.tally));
        if !self.verdict.checks.is_empty() {
            document = document.table(checks(&self.verdict.checks));
        }
        let missed = self.verdict.checks.iter().filter(|check| !check.passed() && !check.causes.is_empty());
        let missed: Vec<String> = missed.map(|check| causes(check, style)).collect();
        if !missed.is_empty() {
            document = document.text(missed.join("\n"));
        }
        let compared = self.comparison.map(|comparison| self.compared(comparison, style));
        if let Some(lines) = compared {
            document = document.text(lines);
        }
        document.text(self.summary())
    }

    fn compared(&self, comparison: &Comparison, style: &Style) -> String {
        let mut lines = Vec::new();
        for scope in &comparison.new_scopes {
            lines.push(format!("  {scope} is not in it"));
        }
        for change in &comparison.changes {
            lines.push(changed(change, style));
        }
        lines.extend(comparison.unseen_scopes.iter().map(|scope| format!("  nothing came from {scope}")));
        if lines.is_empty() {
            return format!("baseline {}: no change", self.baseline);
        }
        let verdict = if comparison.is_worse() {
            "more is sent; `--update` accepts it"
        } else {
            "nothing more is sent; `--update` keeps it so"
        };
        format!("baseline {}: {verdict}\n{}", self.baseline, lines.join("\n"))
    }

    fn summary(&self) -> String {
        let queries = self.tally.run().map_or(0, |run| run.queries);
        let verdict = match (self.is_valid(), self.passed()) {
            (false, _) => "not judged",
            (true, true) => "passed",
            (true, false) => "missed",
        };
        format!(
            "{verdict}: {} in {}, {} ms; {} ended with {}",
            unit::counted(queries, "query"),
            unit::counted(self.n_sessions, "session"),
            self.elapsed.as_millis(),
            self.program,
            self.ended
        )
    }
}

fn scopes(tally: &Tally) -> Table {
    let right = |name| (name, Align::Right);
    let mut table = Table::new([
        ("scope", Align::Left),
        right("queries"),
        right("statements"),
        right("writes"),
        right("transactions"),
        right("rows"),
        right("ms"),
        right("failed"),
    ]);
    for (scope, counted) in &tally.scopes {
        table.row([
            scope.to_string(),
            unit::count(counted.queries),
            unit::count(counted.statements.len() as u64),
            unit::count(counted.writes),
            unit::count(counted.transactions),
            unit::count(counted.rows),
            unit::milliseconds(unit::ns_to_ms(counted.time)),
            unit::count(counted.failed),
        ]);
    }
    table
}

fn checks(checks: &[Check]) -> Table {
    let mut table = Table::new([
        ("scope", Align::Left),
        ("limit", Align::Left),
        ("allowed", Align::Right),
        ("found", Align::Right),
        ("verdict", Align::Left),
    ]);
    for check in checks {
        table.row([
            check.scope.to_string(),
            check.rule.to_owned(),
            amount(check.rule, check.limit),
            amount(check.rule, check.actual),
            if check.passed() { "kept" } else { "missed" }.to_owned(),
        ]);
    }
    table
}

fn causes(check: &Check, style: &Style) -> String {
    let lines = check.causes.iter().map(|cause| {
        format!("  {:<18}{}  [{}]", cause.part, text(&cause.statement, style), cause.fingerprint)
    });
    let head = format!("{} of {}:", check.rule, check.scope);
    std::iter::once(head).chain(lines).collect::<Vec<_>>().join("\n")
}

fn changed(change: &Change, style: &Style) -> String {
    let Change { scope, kind, fingerprint, statement, before, now } = change;
    let calls = format!("{before} → {now}");
    format!("  {scope}: {} {calls}: {}  [{fingerprint}]", kind.name(), text(statement, style))
}

/// A statement on a line; whole, where nobody has to see it beside other things.
fn text(statement: &str, style: &Style) -> String {
    let text = one_line(statement);
    if style.terminal {
        // The fingerprint follows.
        shortened(&text, style.width.saturating_sub(PART_WIDTH + 20).max(MIN_TEXT_WIDTH))
    } else {
        text
    }
}

/// A limit, or what was found.
fn amount(rule: &str, amount: f64) -> String {
    if rule == "max_ms" { unit::milliseconds(amount) } else { unit::estimate(amount) }
}

/// Names in a sentence.
pub(crate) fn listed(names: &[String]) -> String {
    match names {
        [] => "none".to_owned(),
        [one] => one.clone(),
        [first @ .., last] => format!("{} and {last}", first.join(", ")),
    }
}

/// Writes a baseline as its file has it: what changes between two is a line each.
pub(crate) fn baseline_text(baseline: &Baseline) -> String {
    let scopes: serde_json::Map<String, serde_json::Value> = baseline
        .scopes
        .iter()
        .map(|(scope, statements)| {
            let statements: Vec<_> = statements
                .iter()
                .map(
                    |it| json!({"statement": it.statement, "fingerprint": it.fingerprint, "calls": it.calls}),
                )
                .collect();
            (scope.clone(), statements.into())
        })
        .collect();
    let json = json!({"baseline_version": baseline.baseline_version, "scopes": scopes});
    format!("{json:#}\n")
}

/// The names of a scope's kind, for programs.
fn kind(scope: &Scope) -> &'static str {
    match scope {
        Scope::Run => "run",
        Scope::Marked(_) => "scope",
        Scope::Application(_) => "application_name",
        Scope::Tag(..) => "tag",
    }
}

#[cfg(test)]
mod tests;
