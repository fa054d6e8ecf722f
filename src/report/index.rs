//! Index advice and index builds.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::{Align, Document, Format, SCHEMA_VERSION, Style, Table};
use crate::index::{Advice, Suggestion};
use crate::unit;

/// The statements named for each index before "and N more".
const MAX_NAMED: usize = 4;

pub(crate) fn advice<'a>(advice: &'a Advice, style: &Style) -> Document<'a> {
    let document = Document::new(json(advice)).form(Format::Sql, || script(advice)).csv(|| csv(advice));
    if advice.suggestions.is_empty() {
        let limits = if advice.is_limited { " within the limits" } else { "" };
        return document.text(format!("no index{limits} would make this workload cheaper"));
    }
    let mut text = Vec::new();
    for suggestion in &advice.suggestions {
        text.push(style.bold(&format!("{};", suggestion.definition.ddl_concurrently())));
        text.push(format!(
            "  {}, {} bytes written a row; {}",
            unit::bytes(suggestion.size_bytes),
            unit::estimate(suggestion.write_cost),
            suggestion.reason
        ));
        for help in suggestion.helps.iter().take(MAX_NAMED) {
            text.push(format!(
                "  {:<24} cost {:>12} → {:>10}  {:>7}",
                help.statement,
                format!("{:.2}", help.cost_before),
                format!("{:.2}", help.cost_after),
                unit::ratio(help.cost_before, help.cost_after),
            ));
        }
        if suggestion.helps.len() > MAX_NAMED {
            text.push(format!("  and {} more", suggestion.helps.len() - MAX_NAMED));
        }
    }
    let size: u64 = advice.suggestions.iter().map(|suggestion| suggestion.size_bytes).sum();
    let summary = format!(
        "{} indexes, {}; workload cost {} → {} ({})",
        advice.suggestions.len(),
        unit::bytes(size),
        unit::estimate(advice.cost_before),
        unit::estimate(advice.cost_after),
        unit::ratio(advice.cost_before, advice.cost_after)
    );
    document.text(text.join("\n")).text(summary)
}

fn json(advice: &Advice) -> Value {
    let suggestions: Vec<Value> = advice.suggestions.iter().map(suggestion_json).collect();
    let skipped: Vec<Value> = advice
        .skipped
        .iter()
        .map(|skipped| json!({ "sql": skipped.sql, "reason": skipped.reason }))
        .collect();
    json!({
        "schema_version": SCHEMA_VERSION,
        "suggestions": suggestions,
        "drops": [],
        "workload": {
            "statements": advice.statements.len(),
            "cost_before": round(advice.cost_before),
            "cost_after": round(advice.cost_after),
            "skipped": skipped,
        },
        "what_if": {
            "engine": "shadow",
            "calls": advice.n_calls,
            "candidates": advice.n_candidates,
            "missing": advice.missing,
        },
        "elapsed_ms": unit::json_ms(unit::as_ms(advice.elapsed)),
    })
}

fn suggestion_json(suggestion: &Suggestion) -> Value {
    let definition = &suggestion.definition;
    let columns: Vec<&str> = definition.keys.iter().map(|key| key.column.as_str()).collect();
    let keys: Vec<Value> = definition
        .keys
        .iter()
        .map(|key| json!({ "column": key.column, "descending": key.descending, "nulls_first": key.nulls_first }))
        .collect();
    let helps: Vec<Value> = suggestion
        .helps
        .iter()
        .map(|help| {
            json!({
                "statement": help.statement,
                "cost_before": round(help.cost_before),
                "cost_after": round(help.cost_after),
            })
        })
        .collect();
    json!({
        "ddl": format!("{};", definition.ddl_concurrently()),
        "name": definition.name(),
        "schema": definition.schema,
        "table": definition.table,
        "columns": columns,
        "keys": keys,
        "predicate": definition.predicate.as_ref().map(|predicate| json!({
            "column": predicate.column, "is_null": predicate.is_null,
        })),
        "method": "btree",
        "size_bytes": suggestion.size_bytes,
        "write_cost": round(suggestion.write_cost),
        "helps": helps,
        "reason": suggestion.reason,
    })
}

fn csv(advice: &Advice) -> Table {
    let mut table = Table::new([
        ("ddl", Align::Left),
        ("size_bytes", Align::Right),
        ("write_cost", Align::Right),
        ("statements_helped", Align::Right),
    ]);
    for suggestion in &advice.suggestions {
        table.row([
            suggestion.definition.ddl_concurrently(),
            suggestion.size_bytes.to_string(),
            suggestion.write_cost.to_string(),
            suggestion.helps.len().to_string(),
        ]);
    }
    table
}

fn script(advice: &Advice) -> String {
    let lines: BTreeSet<String> = advice
        .suggestions
        .iter()
        .map(|suggestion| format!("{};\n", suggestion.definition.ddl_concurrently()))
        .collect();
    lines.into_iter().collect()
}

/// Rounds to two digits, as EXPLAIN prints costs.
fn round(cost: f64) -> f64 {
    (cost * 100.0).round() / 100.0
}

/// An index that `apply` built or found.
#[derive(Debug)]
pub(crate) struct BuiltIndex {
    pub(crate) name: String,
    pub(crate) described: String,
    pub(crate) size_bytes: u64,
    pub(crate) elapsed_ms: Option<f64>,
}

pub(crate) fn built(built: &[BuiltIndex]) -> Document<'static> {
    let mut table = Table::new([
        ("index", Align::Left),
        ("on", Align::Left),
        ("size", Align::Right),
        ("built in", Align::Right),
    ]);
    for index in built {
        table.row([
            index.name.clone(),
            index.described.clone(),
            unit::bytes(index.size_bytes),
            index
                .elapsed_ms
                .map_or_else(|| "was there".to_owned(), |ms| format!("{} ms", unit::milliseconds(ms))),
        ]);
    }
    let indexes: Vec<Value> = built
        .iter()
        .map(|index| {
            json!({
                "name": index.name,
                "definition": index.described,
                "size_bytes": index.size_bytes,
                "built": index.elapsed_ms.is_some(),
                "elapsed_ms": index.elapsed_ms.map(unit::json_ms),
            })
        })
        .collect();
    let document = Document::new(json!({ "schema_version": SCHEMA_VERSION, "indexes": indexes }));
    if built.is_empty() { document } else { document.table(table) }
}
