//! What running the workload has shown.

use serde_json::{Value, json};

use super::{Align, Table};
use crate::index::verification::{Verification, VerifiedStatement};
use crate::unit;
use crate::workload::Skipped;

pub(crate) fn json(verification: &Verification) -> Value {
    let tables: Vec<Value> = verification
        .tables
        .iter()
        .map(|table| {
            json!({ "schema": table.schema, "table": table.name, "rows": table.n_rows, "share": round(table.share) })
        })
        .collect();
    let statements: Vec<Value> = verification.statements.iter().map(statement_json).collect();
    let indexes: Vec<Value> = verification
        .indexes
        .iter()
        .map(|index| {
            json!({
                "ddl": format!("{};", index.definition.ddl_concurrently()),
                "name": index.definition.name(),
                "estimated_bytes": index.estimated_bytes,
                "built_bytes": index.built_bytes,
                "share": round(index.share),
                "outcome": index.outcome.name(),
                "reason": index.outcome.reason(),
            })
        })
        .collect();
    let skipped: Vec<Value> = verification.skipped.iter().map(skipped_json).collect();
    json!({
        "place": verification.place,
        "runs": verification.n_runs,
        "tables": tables,
        "statements": statements,
        "indexes": indexes,
        "skipped": skipped,
        "missing": verification.missing,
    })
}

/// Numbers of blocks that are not known become `null`.
pub(crate) fn statement_json(statement: &VerifiedStatement) -> Value {
    json!({
        "statement": statement.name,
        "ms_before": unit::json_ms(statement.ms_before),
        "ms_after": unit::json_ms(statement.ms_after),
        "blocks_before": round(statement.blocks_before),
        "blocks_after": round(statement.blocks_after),
        "verdict": statement.verdict.name(),
    })
}

pub(crate) fn skipped_json(skipped: &Skipped) -> Value {
    json!({ "sql": skipped.sql, "reason": skipped.reason })
}

/// Medians of each statement.
pub(crate) fn statements(statements: &[VerifiedStatement]) -> Table {
    let mut table = Table::new([
        ("statement", Align::Left),
        ("ms before", Align::Right),
        ("ms after", Align::Right),
        ("blocks before", Align::Right),
        ("blocks after", Align::Right),
        ("verdict", Align::Left),
    ]);
    for statement in statements {
        table.row([
            statement.name.clone(),
            unit::milliseconds(statement.ms_before),
            unit::milliseconds(statement.ms_after),
            blocks(statement.blocks_before),
            blocks(statement.blocks_after),
            statement.verdict.name().to_owned(),
        ]);
    }
    table
}

fn blocks(n: f64) -> String {
    if n.is_nan() { String::new() } else { unit::estimate(n) }
}

/// Real sizes beside the estimates.
pub(crate) fn indexes(verification: &Verification) -> Table {
    let mut table = Table::new([
        ("index", Align::Left),
        ("estimated", Align::Right),
        ("built", Align::Right),
        ("of the rows", Align::Right),
        ("outcome", Align::Left),
    ]);
    for index in &verification.indexes {
        table.row([
            index.definition.describe(),
            unit::bytes(index.estimated_bytes),
            unit::bytes(index.built_bytes),
            format!("{:.1}%", index.share * 100.0),
            index.outcome.name().to_owned(),
        ]);
    }
    table
}

/// Rounds to four digits, so that the same number prints the same.
fn round(number: f64) -> f64 {
    (number * 1e4).round() / 1e4
}
