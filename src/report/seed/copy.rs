//! How a copy of `--from-stats` compares with its source.

use serde_json::json;

use crate::plan::outline::Pair;
use crate::report::{Align, Table};
use crate::seed::stats::delta::{Delta, Measures, Miss};
use crate::unit;

/// What the copy has beside the source, and which columns are further off than their goals.
pub(super) fn statistics(deltas: &[Delta]) -> serde_json::Value {
    let measures = |it: &Measures| {
        json!({
            "null_frac": it.null_frac,
            "n_distinct": it.n_distinct,
            "most_common_freqs": it.shares,
            "correlation": it.correlation,
            "avg_width": it.avg_width,
            "most_common_elem_freqs": it.elements,
        })
    };
    let column = |delta: &Delta| {
        let outside: Vec<&str> = delta.misses().into_iter().map(Miss::name).collect();
        json!({
            "schema": delta.schema,
            "table": delta.table,
            "column": delta.column,
            "source": measures(&delta.asked),
            "copy": measures(&delta.found),
            "outside": outside,
        })
    };
    json!({
        "n_columns": deltas.len(),
        "n_inside": deltas.iter().filter(|delta| delta.misses().is_empty()).count(),
        "columns": deltas.iter().map(column).collect::<Vec<_>>(),
    })
}

/// The measures that are further off than their goals.
pub(super) fn outside(deltas: &[Delta]) -> Table {
    let mut table = Table::new([
        ("table", Align::Left),
        ("column", Align::Left),
        ("statistics", Align::Left),
        ("source", Align::Right),
        ("copy", Align::Right),
    ]);
    for delta in deltas {
        for miss in delta.misses() {
            let (asked, found) = miss.of(delta);
            let shown = |value: Option<f64>| value.map_or_else(String::new, |it| shown(miss, it));
            table.row([
                delta.table.clone(),
                delta.column.clone(),
                miss.name().to_owned(),
                shown(asked),
                shown(found),
            ]);
        }
    }
    table
}

fn shown(miss: Miss, value: f64) -> String {
    match miss {
        Miss::NDistinct => unit::estimate(value),
        Miss::Correlation => format!("{value:.2}"),
        Miss::NullFrac | Miss::Common | Miss::Elements => format!("{:.1} %", value * 100.0),
    }
}

/// How many plans have the same shape.
pub(super) fn n_same(pairs: &[Pair]) -> String {
    let n_same = pairs.iter().filter(|pair| pair.is_same()).count();
    format!("{n_same} of {} plans have the shape that they have in the source", pairs.len())
}

/// The plans, and where they part.
pub(super) fn plans(pairs: &[Pair]) -> serde_json::Value {
    let parted = |pair: &Pair| {
        let [source, copy] = pair.parting();
        json!({
            "statement": pair.statement,
            "values": pair.values,
            "source": source,
            "copy": copy,
        })
    };
    json!({
        "n_plans": pairs.len(),
        "n_same": pairs.iter().filter(|pair| pair.is_same()).count(),
        "different": pairs.iter().filter(|pair| !pair.is_same()).map(parted).collect::<Vec<_>>(),
    })
}

/// The plans that differ, each with the first node that does.
pub(super) fn parted(pairs: &[Pair]) -> Table {
    let mut table = Table::new([
        ("statement", Align::Left),
        ("values", Align::Left),
        ("source", Align::Left),
        ("copy", Align::Left),
    ]);
    for pair in pairs.iter().filter(|pair| !pair.is_same()) {
        let [source, copy] = pair.parting();
        table.row([pair.statement.clone(), pair.values.clone(), source, copy]);
    }
    table
}
