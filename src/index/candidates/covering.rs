//! Indexes that hold all columns that a statement reads, so that it need not visit the table.

use std::collections::BTreeSet;

use super::Motive;
use super::btree::{Keys, permutations};
use super::demand::Demand;
use super::indexable::{self, Family};
use crate::catalog::Table;
use crate::index::{Definition, Key};
use crate::query::Operand;

/// Bytes of keys and stored columns together above which an index-only scan is not worth the room: beyond about this
/// width an index nears the size of its table.
const MAX_COVERING_BYTES: i32 = 200;
/// … and at most this share of a row's bytes.
const MAX_ROW_SHARE: f64 = 0.7;
/// How many get their columns as further keys.
const MAX_WIDENED: usize = 12;
/// Up to this number of further keys, all their orders are tried.
const MAX_PERMUTED: usize = 2;
/// Bytes of a value of a type without statistics: most types of fixed length have 4 or 8.
const DEFAULT_WIDTH: i32 = 8;

/// Returns the lists with the other columns that are read as further keys, as far as `max_columns` lets all of them in.
pub(super) fn widened(demand: &Demand, lists: &[Keys], max_columns: usize) -> Vec<Vec<Key>> {
    let mut found = Vec::new();
    let none = (Motive::Covering, Vec::new());
    let narrow = lists.iter().filter(|(_, keys)| keys.len() < max_columns);
    for (_, keys) in [&none].into_iter().chain(narrow).take(MAX_WIDENED) {
        let Some(rest) = rest(demand, keys) else { continue };
        let is_key = |name: &String| demand.is_btree_key(&Operand::Column(name.clone()));
        if rest.is_empty() || keys.len() + rest.len() > max_columns || !rest.iter().all(is_key) {
            continue;
        }
        // What comes behind is not searched here, but another statement may sort or group by it.
        let orders = if rest.len() <= MAX_PERMUTED { permutations(&rest, rest.len()) } else { vec![rest] };
        for rest in orders {
            let rest = rest.iter().map(|name| Key::ascending(name));
            found.push(keys.iter().cloned().chain(rest).collect());
        }
    }
    found
}

/// Returns the index with the other columns that are read stored beside its keys, where that leaves a small one.
pub(super) fn included(demand: &Demand, definition: &Definition) -> Option<Definition> {
    let include = rest(demand, &definition.keys).filter(|rest| !rest.is_empty())?;
    Some(Definition { include, ..definition.clone() })
}

/// Returns the columns that are read and no key holds; `None` when an index with all of them is not worth its room.
fn rest(demand: &Demand, keys: &[Key]) -> Option<Vec<String>> {
    let read = demand.read?;
    let table = demand.table;
    if !read.iter().all(|name| can_be_stored(name, table)) {
        return None;
    }
    let in_keys: BTreeSet<&String> = keys.iter().flat_map(|key| key.operand.columns()).collect();
    let width =
        |names: &mut dyn Iterator<Item = &String>| -> i32 { names.map(|name| width(table, name)).sum() };
    let index_bytes =
        width(&mut in_keys.iter().copied().chain(read.iter().filter(|name| !in_keys.contains(name))));
    let row_bytes = width(&mut table.columns.iter().map(|column| &column.name));
    let is_worth_it =
        index_bytes <= MAX_COVERING_BYTES && f64::from(index_bytes) <= MAX_ROW_SHARE * f64::from(row_bytes);
    let held: BTreeSet<&str> = keys.iter().filter_map(Key::column).collect();
    is_worth_it.then(|| read.iter().filter(|name| !held.contains(name.as_str())).cloned().collect())
}

/// Whether an index should hold whole values of a column: those of documents are now and then too long for it, and then
/// a row cannot be inserted.
fn can_be_stored(name: &str, table: &Table) -> bool {
    let family = indexable::family(&Operand::Column(name.to_owned()), table);
    !matches!(family, Family::Jsonb | Family::Array | Family::TextSearch)
        && table.column(name).is_some_and(|column| {
            !column.is_virtual && !["bytea", "json", "xml"].contains(&column.base_type.as_str())
        })
}

fn width(table: &Table, name: &str) -> i32 {
    let statistics = table.column(name).and_then(|column| column.statistics());
    statistics.map_or(DEFAULT_WIDTH, |statistics| statistics.avg_width)
}

#[cfg(test)]
mod tests {
    use super::super::fixture::{self, Uses, check, on};
    use crate::catalog::{Catalog, ColumnStatistics};
    use crate::query::Test;

    fn catalog() -> Catalog {
        fixture::catalog(&[(
            "items",
            &[
                "id int8",
                "order_id int8",
                "quantity int4",
                "price int8",
                "note text",
                "state text",
                "body text",
            ],
        )])
    }

    #[test]
    fn the_rest_as_keys_where_they_fit() {
        check(
            &catalog(),
            on("items").test("order_id", Test::Equal).read(&["order_id", "quantity"]),
            &["(order_id, quantity)", "(order_id) INCLUDE (quantity)", "!(quantity)"],
        );
        check(&catalog(), on("items").read(&["order_id", "quantity"]), &["(order_id, quantity)"]);
    }

    #[test]
    fn the_rest_stored_where_they_do_not() {
        check(
            &catalog(),
            on("items").test("order_id", Test::Equal).read(&["order_id", "id", "quantity", "price"]),
            &["(order_id) INCLUDE (id, price, quantity)", "!(order_id, id, price)"],
        );
        check(
            &catalog(),
            on("items").test("lower(note)@note", Test::Equal).read(&["note"]),
            &["(lower(note)) INCLUDE (note)"],
        );
    }

    #[test]
    fn not_where_the_table_is_read_anyway() {
        let wanted = || on("items").test("order_id", Test::Equal);
        let covering = "!(order_id) INCLUDE (quantity)";
        let mut written = wanted().read(&["quantity"]);
        written.is_written = true;
        check(&catalog(), written, &[covering]);
        // The whole row.
        check(&catalog(), wanted(), &[covering]);
        check(&catalog(), wanted().read(&["data"]), &["!(order_id) INCLUDE (data)", "!(order_id, data)"]);
        let mut unvacuumed = catalog();
        unvacuumed.tables[0].n_all_visible_pages = 5_000;
        check(&unvacuumed, wanted().read(&["quantity"]), &[covering]);
        let mut wide = catalog();
        let statistics = ColumnStatistics { avg_width: 400, ..ColumnStatistics::default() };
        fixture::statistics(&mut wide, "note", &statistics);
        check(&wide, wanted().read(&["note"]), &["!(order_id) INCLUDE (note)", "(order_id)"]);
    }
}
