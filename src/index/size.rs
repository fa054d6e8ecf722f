//! How large a freshly built btree index will be, deduplication included.

use super::Definition;
use crate::catalog::{Column, Table};

/// Bytes of a page; other sizes need a server built for them.
pub(crate) const BLOCK_BYTES: u64 = 8192;
/// Page header, special space and high key of a leaf page (nbtree.h; the high key is about one item).
const PAGE_OVERHEAD_BYTES: f64 = 24.0 + 16.0 + 24.0;
/// How full a build leaves its leaf pages (`BTREE_DEFAULT_FILLFACTOR`).
const FILL: f64 = 0.9;
const LINE_POINTER_BYTES: f64 = 4.0;
const TUPLE_HEADER_BYTES: f64 = 8.0;
const ROW_POINTER_BYTES: f64 = 6.0;
/// The largest posting list that a build makes (`maxpostingsize` in nbtsort.c): a tenth of a page.
const MAX_POSTING_BYTES: f64 = 808.0;
/// Types whose equal values may differ in their bytes, which are never deduplicated (manual, "B-Tree Indexes",
/// section "Deduplication").
const NOT_DEDUPLICATED: [&str; 5] = ["numeric", "float4", "float8", "jsonb", "interval"];

/// The estimated size of an index.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Size {
    pub(crate) n_rows: f64,
    pub(crate) n_pages: u32,
}

impl Size {
    pub(crate) fn bytes(&self) -> u64 {
        u64::from(self.n_pages) * BLOCK_BYTES
    }
}

/// Estimates the size that an index on `table` has right after it was built.
pub(crate) fn estimate(definition: &Definition, table: &Table) -> Size {
    let table_rows = table.planned_rows();
    let n_rows = definition.predicate.as_ref().map_or(table_rows, |predicate| {
        let null_frac = table.column(&predicate.column).map_or(0.0, Column::null_frac);
        table_rows * if predicate.is_null { null_frac } else { 1.0 - null_frac }
    });
    let columns: Vec<&Column> = definition.keys.iter().filter_map(|key| table.column(&key.column)).collect();
    let has_duplicates = columns.iter().all(|column| !NOT_DEDUPLICATED.contains(&column.base_type.as_str()));
    // Rows whose only key is NULL are a group of their own, without a key to store.
    let null_frac = match (columns.as_slice(), &definition.predicate) {
        ([column], None) => column.null_frac(),
        _ => 0.0,
    };
    let (n_nulls, n_keyed) = (n_rows * null_frac, n_rows * (1.0 - null_frac));
    let n_distinct = distinct_keys(&columns, table_rows, n_keyed);
    let item_bytes = item_bytes(&columns, null_frac > 0.0);
    let bytes = |n_rows: f64, n_distinct: f64, item_bytes: f64| {
        if has_duplicates { deduplicated(n_rows, n_distinct, item_bytes) } else { n_rows * item_bytes }
    };
    let null_item_bytes = aligned(TUPLE_HEADER_BYTES + 1.0, 8.0) + LINE_POINTER_BYTES;
    let leaf_bytes = bytes(n_keyed, n_distinct, item_bytes) + bytes(n_nulls, 1.0, null_item_bytes);
    let leaf_pages = (leaf_bytes / ((8192.0 - PAGE_OVERHEAD_BYTES) * FILL)).ceil().max(1.0);
    // Inner pages hold one item a child; then there is the metapage.
    let inner_pages = (leaf_pages * item_bytes / (8192.0 * 0.7)).ceil();
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a float to integer cast saturates"
    )]
    let n_pages = (leaf_pages + inner_pages + 1.0) as u32;
    Size { n_rows, n_pages }
}

/// Returns how many different keys `n_rows` rows have, for columns that are independent of each other.
///
/// Of `d` combinations, `n` rows drawn at random meet `d (1 - exp(-n / d))`: fewer than the product of the columns.
fn distinct_keys(columns: &[&Column], table_rows: f64, n_rows: f64) -> f64 {
    let combinations: f64 = columns
        .iter()
        .map(|column| {
            let nulls = if column.null_frac() > 0.0 && columns.len() > 1 { 1.0 } else { 0.0 };
            (column.distinct(table_rows) + nulls).max(1.0)
        })
        .product();
    let met = match columns {
        [_] => combinations,
        _ => combinations * -(-n_rows / combinations).exp_m1(),
    };
    met.clamp(1.0, n_rows.max(1.0))
}

/// Returns the bytes of one entry with its line pointer: each column at its type's alignment.
fn item_bytes(columns: &[&Column], is_never_null: bool) -> f64 {
    let data = columns.iter().fold(0.0, |offset, column| {
        let alignment = alignment(&column.base_type);
        let width = column.statistics().map_or(8.0, |statistics| f64::from(statistics.avg_width));
        // What is NULL takes no room at all.
        let share = if is_never_null { 1.0 } else { 1.0 - column.null_frac() };
        let padded = if share > 0.5 { aligned(offset, alignment) } else { offset };
        padded + width * share
    });
    aligned(TUPLE_HEADER_BYTES + data, 8.0) + LINE_POINTER_BYTES
}

/// Returns the alignment of a type in bytes (`pg_type.typalign`); short values of variable length need none.
fn alignment(base_type: &str) -> f64 {
    match base_type {
        "bool" | "char" | "text" | "varchar" | "bpchar" | "numeric" | "citext" | "bytea" | "jsonb"
        | "uuid" | "name" => 1.0,
        "int2" => 2.0,
        "int4" | "float4" | "date" | "oid" => 4.0,
        _ => 8.0,
    }
}

/// Bytes of `n_rows` items when rows of equal keys share posting lists.
fn deduplicated(n_rows: f64, n_distinct: f64, item_bytes: f64) -> f64 {
    let rows_per_key = n_rows / n_distinct;
    let list_rows = ((MAX_POSTING_BYTES - item_bytes) / ROW_POINTER_BYTES).max(1.0);
    if rows_per_key < 1.5 {
        return n_rows * item_bytes;
    }
    let lists_per_key = (rows_per_key / list_rows).ceil();
    let key_bytes = lists_per_key * item_bytes + aligned(rows_per_key * ROW_POINTER_BYTES, 8.0);
    n_distinct * key_bytes.min(rows_per_key * item_bytes)
}

/// Rounds up to a multiple of `alignment`.
fn aligned(bytes: f64, alignment: f64) -> f64 {
    (bytes / alignment).ceil() * alignment
}
