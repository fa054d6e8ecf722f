//! The size of a `GiST` index, by what its opclasses store of a row.

use super::values::Values;
use super::{IN_ORDER, LINE_POINTER_BYTES, Measures, PAGE_BYTES, Size, aligned, entries, key_values, pages};
use crate::catalog::Table;
use crate::index::{Definition, Key};

/// Room for items on a page: without its header and special space.
const PAGE_ROOM_BYTES: f64 = PAGE_BYTES - 24.0 - 16.0;
const TUPLE_HEADER_BYTES: f64 = 8.0;
/// How full pages are after a build that splits them: 0.6 to 0.8 measured on PostgreSQL 15 for keys in any order.
const FILL: f64 = 0.62;
/// How full they are when rows come in the order of their keys, so that what was split stays half full: 0.35 to 0.46.
const FILL_IN_ORDER: f64 = 0.42;
/// Header of a set of trigrams, or of a set of hashed words.
const SET_HEADER_BYTES: f64 = 5.0;
const TRIGRAM_BYTES: f64 = 3.0;
const HASH_BYTES: f64 = 4.0;

pub(super) fn size(definition: &Definition, table: &Table, n_rows: f64, measures: &Measures) -> Size {
    let values = key_values(definition, table, measures);
    let item_bytes = item_bytes(definition, &values);
    // Ranges have no correlation in the statistics; those of time come in order more often than not.
    let is_in_order = values.first().is_some_and(|values| match values.correlation() {
        Some(correlation) => correlation.abs() > IN_ORDER,
        None => values.base_type.is_some_and(|base_type| base_type.ends_with("range")),
    });
    let fill = if is_in_order { FILL_IN_ORDER } else { FILL };
    let leaf_pages = (n_rows * item_bytes / (PAGE_ROOM_BYTES * fill)).ceil().max(1.0);
    // Inner items are of the size of the leaves', one for each page.
    let per_page = (PAGE_ROOM_BYTES * fill / item_bytes).max(2.0);
    Size {
        n_rows,
        n_pages: pages(leaf_pages * per_page / (per_page - 1.0)),
        tree_level: 0,
        ..Size::default()
    }
}

/// Bytes of an item with its line pointer.
pub(super) fn item_bytes(definition: &Definition, values: &[Values]) -> f64 {
    let widths: f64 = definition.keys.iter().zip(values).map(|(key, values)| stored_bytes(key, values)).sum();
    aligned(TUPLE_HEADER_BYTES + widths) + LINE_POINTER_BYTES
}

/// Bytes of what an opclass keeps of a value.
fn stored_bytes(key: &Key, values: &Values) -> f64 {
    let width = values.mean_width();
    let opclass = key.opclass.as_deref().unwrap_or_default();
    match values.base_type {
        _ if opclass.starts_with("gist_trgm") => {
            SET_HEADER_BYTES + TRIGRAM_BYTES * entries::trigrams_per_text(width)
        }
        Some("tsvector") => SET_HEADER_BYTES + HASH_BYTES * entries::words_per_document(values),
        // Boxes around it.
        Some("point" | "circle" | "polygon") => 32.0,
        Some("box") => width,
        Some(base_type) if base_type.ends_with("range") => width,
        Some("inet" | "cidr") => 16.0,
        // The opclasses of btree_gist keep the least and the greatest value.
        _ => 2.0 * width,
    }
}
