//! The size of a GIN index: a btree of entries with lists of rows, long lists in trees of their own (gindatapage.c,
//! ginpostinglist.c).

use super::contents::EntryClass;
use super::documents::Parts;
use super::values::Values;
use super::{
    Entry, GinPages, LINE_POINTER_BYTES, Measures, PAGE_BYTES, Size, aligned, entries, key_values, pages,
};
use crate::catalog::Table;
use crate::index::{Definition, Key};

/// Room for items on a page of entries: without its header and special space.
const PAGE_ROOM_BYTES: f64 = PAGE_BYTES - 24.0 - 8.0;
/// How full a build leaves pages of entries that it adds in order: it splits them behind the item that is in the middle
/// (`entrySplitPage`).
const FILL_IN_ORDER: f64 = 0.5;
/// Of the size of an item, by how much pages are fuller, since the middle is inside of one (measured 0.5 to 1).
const FILL_BY_ITEM: f64 = 0.75;
/// How full they are when entries are added in several rounds: measured 0.64 to 0.67 where each row has its own.
const FILL_IN_ROUNDS: f64 = 0.66;
/// The same where most bytes are lists, which grow and move into trees: measured 0.51 to 0.57.
const FILL_OF_GROWN_LISTS: f64 = 0.54;
const TUPLE_HEADER_BYTES: f64 = 8.0;
/// The number of the column, before the key, where an index has several.
const COLUMN_NUMBER_BYTES: f64 = 2.0;
/// First row and length of a compressed list (`GinPostingList`).
const LIST_HEADER_BYTES: f64 = 8.0;
/// The largest entry with its list; longer lists become trees (`GinMaxItemSize`).
const MAX_ENTRY_BYTES: f64 = 2712.0;
/// Room for lists on a leaf of such a tree, which a build fills (`GinDataPageMaxDataSize`).
const LIST_PAGE_BYTES: f64 = PAGE_BYTES - 24.0 - 8.0 - 8.0;
/// The lists of a leaf are segments of this size (`GinPostingListSegmentTargetSize`).
const SEGMENT_BYTES: f64 = 256.0;
/// What a build holds in memory before it adds entries to the index: `maintenance_work_mem`, by default.
const BUILD_BYTES: f64 = 64.0 * 1024.0 * 1024.0;
/// Of an entry there: a node (`GinEntryAccumulator`), and a header of each allocation.
const NODE_BYTES: f64 = 64.0;
const ALLOCATION_BYTES: f64 = 16.0;
/// Of a row, and rows for which there is room at first (`DEF_NPTR`); room doubles when it is used up.
const TID_BYTES: f64 = 6.0;
const FIRST_TIDS: f64 = 5.0;
/// The pending entries that are merged at once (`gin_pending_list_limit`, by default).
const PENDING_LIST_BYTES: f64 = 4.0 * 1024.0 * 1024.0;
/// What is logged of a tree's list that changes: a segment, while a list beside its entry is logged as a whole.
const LOGGED_TREE_BYTES: f64 = 300.0;

/// What a build makes of some entries.
#[derive(Clone, Copy, Debug, Default)]
struct Built {
    /// Entries, and entries with each of their rows.
    n_entries: f64,
    n_references: f64,
    /// Bytes of items on pages of entries; of those, in lists that grow; and the sum of the squares of items.
    item_bytes: f64,
    list_bytes: f64,
    squared_bytes: f64,
    /// Bytes of the keys of all entries, each as an item of an inner page.
    inner_bytes: f64,
    /// Pages of trees of rows.
    n_data_pages: f64,
    /// What the build needs to add everything at once.
    memory_bytes: f64,
}

pub(super) fn size(definition: &Definition, table: &Table, n_rows: f64, measures: &Measures) -> Size {
    let n_heap_pages = f64::from(table.n_pages).max(1.0);
    let mut built = Built::default();
    for (key, values) in definition.keys.iter().zip(&key_values(definition, table, measures)) {
        for class in entries::classes(key, values, table, measures) {
            built.add(&class, n_rows, n_heap_pages, definition.keys.len() > 1);
        }
    }
    let n_leaves = (built.item_bytes / (PAGE_ROOM_BYTES * built.fill())).ceil().max(1.0);
    let inner_share = built.inner_bytes / built.n_entries.max(1.0) / (PAGE_ROOM_BYTES * FILL_IN_ORDER);
    let n_entry_pages = if n_leaves > 1.0 { n_leaves + (n_leaves * inner_share).ceil() } else { n_leaves };
    Size {
        n_rows: built.n_references,
        n_pages: pages(1.0 + n_entry_pages + built.n_data_pages),
        tree_level: 0,
        gin: GinPages {
            n_entries: built.n_entries,
            n_entry_pages: pages(n_entry_pages),
            n_data_pages: pages(built.n_data_pages),
        },
    }
}

/// Returns the operands of which a sample of the rows would say more than the statistics do.
pub(super) fn needed_contents(definition: &Definition, table: &Table) -> Vec<(String, Parts)> {
    let none = Measures::default();
    let values = key_values(definition, table, &none);
    let needed = |(key, values): (&Key, &Values)| {
        let parts = entries::parts(key, values)?;
        entries::needs_sample(parts, values).then(|| (key.operand.sql(), parts))
    };
    definition.keys.iter().zip(&values).filter_map(needed).collect()
}

impl Built {
    fn add(&mut self, class: &EntryClass, n_rows: f64, n_heap_pages: f64, has_columns: bool) {
        let expected = class.share * n_rows;
        // Entries that no row has are not there; those that are have so many rows more.
        let is_there = -(-expected).exp_m1();
        let n = class.n * is_there;
        if n <= 0.0 {
            return;
        }
        let rows = expected / is_there;
        let has_more = 1.0 - expected * (-expected).exp() / is_there;
        self.n_entries += n;
        self.n_references += n * rows;
        let column = if has_columns { COLUMN_NUMBER_BYTES } else { 0.0 };
        let key_bytes = aligned(TUPLE_HEADER_BYTES + column + class.bytes);
        let per_row = row_bytes(rows / n_heap_pages);
        let list_bytes = (rows - 1.0) * per_row;
        // A list that is there is aligned, at some multiple of 2.
        let item_bytes = key_bytes + LIST_HEADER_BYTES + list_bytes + 3.0 * has_more;
        let item_bytes = if item_bytes <= MAX_ENTRY_BYTES {
            self.list_bytes += n * list_bytes;
            item_bytes
        } else {
            let per_segment = 1.0 + ((SEGMENT_BYTES - LIST_HEADER_BYTES) / per_row).floor();
            let per_leaf = per_segment * (LIST_PAGE_BYTES / SEGMENT_BYTES).floor();
            let n_leaves = (rows / per_leaf).ceil();
            self.n_data_pages += n * if n_leaves > 1.0 { n_leaves + 1.0 } else { n_leaves };
            key_bytes
        } + LINE_POINTER_BYTES;
        self.item_bytes += n * item_bytes;
        self.squared_bytes += n * item_bytes * item_bytes;
        self.inner_bytes += n * (key_bytes + LINE_POINTER_BYTES);
        let room = FIRST_TIDS * (rows / FIRST_TIDS).log2().ceil().max(0.0).exp2();
        let allocation = |bytes: f64| ALLOCATION_BYTES + bytes.log2().ceil().exp2();
        let key = if class.bytes > 8.0 { allocation(class.bytes) } else { 0.0 };
        self.memory_bytes += n * (NODE_BYTES + allocation(room * TID_BYTES) + key);
    }

    /// The share of pages of entries that is used.
    fn fill(&self) -> f64 {
        if self.memory_bytes > BUILD_BYTES {
            let of_lists = self.list_bytes / self.item_bytes;
            return FILL_IN_ROUNDS + of_lists * (FILL_OF_GROWN_LISTS - FILL_IN_ROUNDS);
        }
        let item_bytes = self.squared_bytes / self.item_bytes.max(1.0);
        FILL_IN_ORDER + FILL_BY_ITEM * item_bytes / PAGE_ROOM_BYTES
    }
}

/// What a row adds: entries that wait in a list until that is full, and are then merged into the tree.
pub(super) fn entry(definition: &Definition, table: &Table, measures: &Measures) -> Entry {
    let n_rows = table.planned_rows().max(1.0);
    let n_heap_pages = f64::from(table.n_pages).max(1.0);
    let (mut n_per_row, mut bytes, mut merged, mut list_bytes) = (0.0, 0.0, 0.0, 0.0);
    for (key, values) in definition.keys.iter().zip(&key_values(definition, table, measures)) {
        let classes = entries::classes(key, values, table, measures);
        let n: f64 = classes.iter().map(|class| class.n * class.share).sum();
        let of_row: f64 =
            classes.iter().map(|it| it.n * it.share * aligned(TUPLE_HEADER_BYTES + it.bytes)).sum();
        // Rows that wait together.
        let n_pending = PENDING_LIST_BYTES / of_row.max(1.0);
        for class in &classes {
            let n_keys = class.n * -(-class.share * n_pending).exp_m1() / n_pending;
            let rows = class.share * n_rows;
            merged += n_keys;
            let bytes = rows * row_bytes(rows / n_heap_pages);
            list_bytes += n_keys * if bytes > MAX_ENTRY_BYTES { LOGGED_TREE_BYTES } else { bytes };
        }
        n_per_row += n;
        bytes += of_row;
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
