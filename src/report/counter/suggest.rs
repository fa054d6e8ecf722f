//! Counters that a workload could read.

use serde_json::{Value, json};

use crate::counter::suggest::{Benefit, Form, Refused, Suggestion, command, yaml};
use crate::report::{Align, Document, SCHEMA_VERSION, Table};
use crate::unit;
use crate::workload::Skipped;

/// What is suggested, and what is not.
pub(crate) struct Advice {
    /// Those that save most first.
    pub(crate) suggestions: Vec<Suggestion>,
    pub(crate) refused: Vec<Refused>,
    pub(crate) n_statements: usize,
    /// Statements that cannot be used.
    pub(crate) skipped: Vec<Skipped>,
}

/// Returns the document of the advice.
pub(crate) fn suggestions(advice: &Advice) -> Document<'static> {
    let document = Document::new(json(advice));
    if advice.suggestions.is_empty() {
        return document;
    }
    let mut table = Table::new([
        ("counter", Align::Left),
        ("counts", Align::Left),
        ("cost", Align::Right),
        ("with it", Align::Right),
        ("writes/s", Align::Right),
        ("hottest", Align::Right),
        ("mode", Align::Left),
    ]);
    for suggestion in &advice.suggestions {
        let (before, after) = costs(suggestion);
        table.row([
            format!("{}.{}", suggestion.wish.table, suggestion.wish.column()),
            suggestion.wish.counts.clone(),
            unit::short_count(before),
            unit::short_count(after),
            suggestion.price.writes_per_s.map_or_else(|| "?".to_owned(), unit::short_count),
            suggestion.price.hot_share.map_or_else(|| "?".to_owned(), percent),
            suggestion.wish.mode.unwrap_or_default().to_string(),
        ]);
    }
    let items: Vec<String> = advice.suggestions.iter().map(|it| format!("  {}", yaml(&it.wish))).collect();
    let commands: Vec<String> = advice.suggestions.iter().map(|it| command(&it.wish)).collect();
    let mut document = document.table(table);
    let reasons: Vec<String> = advice.suggestions.iter().flat_map(reasons).collect();
    document = document.heading("Read by").text(reasons.join("\n"));
    document = document.heading("perfkit.yaml").text(format!("counters:\n{}", items.join("\n")));
    document.heading("Or one by one").text(commands.join("\n"))
}

/// The planner's costs of all runs of the statements that could read it, now and then.
fn costs(suggestion: &Suggestion) -> (f64, f64) {
    let sum = |cost: fn(&Benefit) -> f64| suggestion.benefits.iter().map(|it| it.calls * cost(it)).sum();
    (sum(|it| it.cost_before), sum(|it| it.cost_after))
}

/// Which statements read a counter, a line each, and why it is kept as it is.
fn reasons(suggestion: &Suggestion) -> Vec<String> {
    let name = format!("{}.{}", suggestion.wish.table, suggestion.wish.column());
    let of_benefit = |it: &Benefit| {
        let times = unit::ratio(it.cost_before, it.cost_after);
        format!("{name}: {} {}, {times} cheaper", it.statement, form(it.form))
    };
    let mut lines: Vec<String> = suggestion.benefits.iter().map(of_benefit).collect();
    if let (Some(mode), Some(reason)) = (suggestion.wish.mode, &suggestion.mode_reason) {
        lines.push(format!("{name}: mode {mode}, as {reason}"));
    }
    lines
}

fn form(form: Form) -> &'static str {
    match form {
        Form::Single => "counts for one parent at a time",
        Form::Beside => "counts beside each row",
        Form::Grouped => "counts by group",
    }
}

fn percent(share: f64) -> String {
    format!("{:.1} %", share * 100.0)
}

fn json(advice: &Advice) -> Value {
    let suggestions: Vec<Value> = advice.suggestions.iter().map(suggestion).collect();
    let refused: Vec<Value> = advice
        .refused
        .iter()
        .map(|it| json!({ "statement": it.statement, "sql": it.sql, "reason": it.reason }))
        .collect();
    let skipped: Vec<Value> =
        advice.skipped.iter().map(|it| json!({ "sql": it.sql, "reason": it.reason })).collect();
    json!({
        "schema_version": SCHEMA_VERSION,
        "suggestions": suggestions,
        "refused": refused,
        "workload": { "statements": advice.n_statements, "skipped": skipped },
    })
}

fn suggestion(suggestion: &Suggestion) -> Value {
    let Suggestion { wish, benefits, price, mode_reason } = suggestion;
    let benefits: Vec<Value> = benefits
        .iter()
        .map(|it| {
            json!({
                "statement": it.statement,
                "sql": it.sql,
                "form": match it.form {
                    Form::Single => "single",
                    Form::Beside => "beside",
                    Form::Grouped => "grouped",
                },
                "calls": it.calls,
                "mean_ms": it.mean_ms.map(unit::json_ms),
                "cost_before": rounded(it.cost_before),
                "cost_after": rounded(it.cost_after),
            })
        })
        .collect();
    json!({
        "table": wish.table,
        "column": wish.column(),
        "counts": wish.counts,
        "key": wish.key.0,
        "through": wish.through.0,
        "where": wish.condition,
        "sum": wish.sum,
        "mode": wish.mode.unwrap_or_default().name(),
        "mode_reason": mode_reason,
        "benefits": benefits,
        "writes_per_s": price.writes_per_s.map(rounded),
        "hot_share": price.hot_share.map(rounded),
        "waiting": price.n_waiting,
        "yaml": yaml(wish),
        "command": command(wish),
    })
}

/// Rounds to what the planner's units and rates are worth.
fn rounded(value: f64) -> f64 {
    (value * 1_000.0).round() / 1_000.0
}
