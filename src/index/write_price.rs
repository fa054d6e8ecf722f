//! What an index costs whoever writes to its table.

use super::{Definition, Size};
use crate::catalog::Table;

/// Header and line pointer of an index entry, in bytes (itup.h).
const ENTRY_OVERHEAD_BYTES: f64 = 8.0 + 4.0;
/// Entries of an inner page, about: what one level of a btree fans out to.
const FANOUT: f64 = 300.0;
/// What the planner charges for a page of a btree descent (`DEFAULT_PAGE_CPU_MULTIPLIER` × `cpu_operator_cost`).
const DESCENT_PAGE_COST: f64 = 50.0 * 0.0025;
/// One page is changed and written out later, in order, by a checkpoint: `seq_page_cost`.
const WRITTEN_PAGE_COST: f64 = 1.0;

/// Returns the bytes written to the index for each row that is written to the table.
pub(crate) fn bytes_per_row(definition: &Definition, table: &Table, size: Size) -> f64 {
    let widths: f64 = definition
        .keys
        .iter()
        .filter_map(|key| table.column(&key.column))
        .map(|column| column.statistics().map_or(8.0, |statistics| f64::from(statistics.avg_width)))
        .sum();
    (ENTRY_OVERHEAD_BYTES + widths) * share(table, size)
}

/// Returns the cost of keeping the index for each row that is inserted, in the planner's cost units.
pub(crate) fn per_row_cost(table: &Table, size: Size) -> f64 {
    let levels = (f64::from(size.n_pages).max(1.0).ln() / FANOUT.ln()).ceil() + 1.0;
    (levels * DESCENT_PAGE_COST + WRITTEN_PAGE_COST) * share(table, size)
}

/// The share of the table's rows that the index holds.
fn share(table: &Table, size: Size) -> f64 {
    let n_rows = table.planned_rows();
    if n_rows > 0.0 { (size.n_rows / n_rows).min(1.0) } else { 1.0 }
}
