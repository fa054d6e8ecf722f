//! The size of a GIN index: a btree of entries with lists of rows, long lists in trees of their own (gindatapage.c,
//! ginpostinglist.c).

use super::entries::Entries;
use super::{Entry, LINE_POINTER_BYTES, Measures, PAGE_BYTES, Size, aligned, key_values, pages};
use crate::catalog::Table;
use crate::index::Definition;

/// Room for items on a page of entries: without its header and special space.
const PAGE_ROOM_BYTES: f64 = PAGE_BYTES - 24.0 - 8.0;
/// How full a build leaves pages of entries: it adds them in order and splits in the middle (`entrySplitPage`).
const ENTRY_FILL: f64 = 0.5;
const TUPLE_HEADER_BYTES: f64 = 8.0;
/// First row and length of a compressed list (`GinPostingList`).
const LIST_HEADER_BYTES: f64 = 8.0;
/// The largest entry with its list; longer lists become trees (`GinMaxItemSize`).
const MAX_ENTRY_BYTES: f64 = 2712.0;
/// Room for lists on a leaf of such a tree, which a build fills (`GinDataPageMaxDataSize`).
const LIST_PAGE_BYTES: f64 = PAGE_BYTES - 24.0 - 8.0 - 8.0;
/// The pending entries that are merged at once (`gin_pending_list_limit`, by default).
const PENDING_LIST_BYTES: f64 = 4.0 * 1024.0 * 1024.0;
/// What is logged of a tree's list that changes: a segment, while a list beside its entry is logged as a whole.
const LOGGED_TREE_BYTES: f64 = 300.0;
/// Lists come in segments of about this size with a header each (`GinPostingListSegmentTargetSize`).
const SEGMENT_BYTES: f64 = 256.0;

pub(super) fn size(definition: &Definition, table: &Table, n_rows: f64, measures: &Measures) -> Size {
    let n_heap_pages = f64::from(table.n_pages).max(1.0);
    let (mut entry_bytes, mut tree_pages, mut n_entries) = (0.0, 0.0, 0.0);
    for (key, values) in definition.keys.iter().zip(&key_values(definition, table, measures)) {
        let entries = Entries::new(key, values, n_rows);
        for class in &entries.classes {
            let rows = class.share * n_rows;
            // Keys that no row has are not there; those that are have so many rows more.
            let n_keys = class.n_keys * -(-rows).exp_m1();
            if n_keys <= 0.0 {
                continue;
            }
            let rows = class.n_keys * rows / n_keys;
            n_entries += n_keys * rows;
            let list_bytes = (rows - 1.0) * row_bytes(rows / n_heap_pages);
            let item_bytes = aligned(TUPLE_HEADER_BYTES + entries.key_bytes + LIST_HEADER_BYTES + list_bytes);
            if item_bytes <= MAX_ENTRY_BYTES {
                entry_bytes += n_keys * (item_bytes + LINE_POINTER_BYTES);
            } else {
                entry_bytes +=
                    n_keys * (aligned(TUPLE_HEADER_BYTES + entries.key_bytes) + LINE_POINTER_BYTES);
                let with_headers = list_bytes * (1.0 + LIST_HEADER_BYTES / SEGMENT_BYTES);
                let leaves = (with_headers / LIST_PAGE_BYTES).ceil();
                tree_pages += n_keys * if leaves > 1.0 { leaves + 1.0 } else { leaves };
            }
        }
    }
    let leaf_pages = (entry_bytes / (PAGE_ROOM_BYTES * ENTRY_FILL)).ceil().max(1.0);
    Size { n_rows: n_entries, n_pages: pages(1.0 + leaf_pages * 1.01 + tree_pages), tree_level: 0 }
}

/// What a row adds: entries that wait in a list until that is full, and are then merged into the tree.
pub(super) fn entry(definition: &Definition, table: &Table, measures: &Measures) -> Entry {
    let n_rows = table.planned_rows().max(1.0);
    let n_heap_pages = f64::from(table.n_pages).max(1.0);
    let (mut n_per_row, mut bytes, mut merged, mut list_bytes) = (0.0, 0.0, 0.0, 0.0);
    for (key, values) in definition.keys.iter().zip(&key_values(definition, table, measures)) {
        let entries = Entries::new(key, values, n_rows);
        let n: f64 = entries.classes.iter().map(|class| class.n_keys * class.share).sum();
        let entry_bytes = aligned(TUPLE_HEADER_BYTES + entries.key_bytes);
        // Rows that wait together.
        let n_pending = PENDING_LIST_BYTES / (n * entry_bytes).max(1.0);
        for class in &entries.classes {
            let n_keys = class.n_keys * -(-class.share * n_pending).exp_m1() / n_pending;
            let rows = class.share * n_rows;
            merged += n_keys;
            let bytes = rows * row_bytes(rows / n_heap_pages);
            list_bytes += n_keys * if bytes > MAX_ENTRY_BYTES { LOGGED_TREE_BYTES } else { bytes };
        }
        n_per_row += n;
        bytes += n * entry_bytes;
    }
    let of_mean = |sum: f64, n: f64| if n > 0.0 { sum / n } else { 0.0 };
    Entry {
        n_per_row,
        bytes: of_mean(bytes, n_per_row),
        is_in_order: false,
        merged: Some((merged, of_mean(list_bytes, merged))),
    }
}

/// Bytes of a row in a list whose key has `per_page` rows on a page of the table, by chance: the distance from the row
/// before, 7 bits a byte, where a page is 11 bits (ginpostinglist.c).
fn row_bytes(per_page: f64) -> f64 {
    let has_some = -(-per_page).exp_m1();
    let on_new_page = (has_some / per_page).min(1.0);
    let farther_than = |pages: f64| (-per_page * pages).exp();
    1.0 + on_new_page * (1.0 + farther_than(8.0) + farther_than(1024.0) + farther_than(131_072.0))
}
