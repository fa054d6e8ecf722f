//! Indexes that streams leave half empty: those on values that rise with the rows.
//!
//! A full page is split where the next key goes: at the right end of the index so that the left part stays as full as a build makes
//! it, elsewhere in halves (`_bt_findsplitloc` in nbtsplitloc.c). All streams but the one with the last chunk insert to the left of
//! another one, and leave halves behind to which no key comes any more. How many those are depends on when streams meet: such an
//! index takes anything up to 1.7 times what a build makes of it. So it is built anew after the rows.

use super::calibrate::PAGE_BYTES;
use super::work;
use crate::seed::plan::TablePlan;

/// Of a page: its header, and what a B-tree has at its end (`BTPageOpaqueData`).
const PAGE_OVERHEAD: u64 = 24 + 16;
/// The header of an entry (`IndexTupleData`), and its pointer.
const ENTRY_HEADER: u64 = 8;
const LINE_POINTER: u64 = 4;
/// What entries are aligned at (`MAXALIGN`).
const ENTRY_ALIGNMENT: u64 = 8;
/// How full pages above the leaves are (`BTREE_NONLEAF_FILLFACTOR` in nbtree.h).
const INNER_FILLFACTOR: u64 = 70;
/// An index is left as it is that a build makes smaller by a share of this, or by a few pages.
const WORTH_IT: u64 = 20;
const FEW_PAGES: u64 = 4;

/// What decides on the size of a B-tree.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Btree {
    /// Each row has one entry, and no two are alike.
    pub(crate) is_of_each_row: bool,
    /// Rows of its table; `None` where the server has not counted them.
    pub(crate) n_rows: Option<u64>,
    pub(crate) size_bytes: u64,
    /// In percent.
    pub(crate) fillfactor: u64,
    /// Length and alignment of each column; a length below 0 varies.
    pub(crate) fields: Vec<(i16, i16)>,
}

/// Whether an index of a table is filled from left to right, so that streams may leave it half empty: by its first key, as SQL. In a table
/// that had rows, it is not this run's.
pub(crate) fn may_be_loose(table: &TablePlan, first_key: &str) -> bool {
    let is_own = table.is_loaded() && table.existing.is_none();
    is_own && !table.was_filled && table.base == 0 && work::is_rising(table, first_key)
}

/// Whether so many streams load a table together.
pub(crate) fn is_shared(table: &TablePlan, n_streams: usize) -> bool {
    n_streams > 1 && table.n_rows > u64::from(table.rows_per_chunk)
}

impl Btree {
    /// Whether what a build makes of it depends on the number of entries alone.
    pub(crate) fn has_known_size(&self) -> bool {
        self.is_of_each_row && self.fields.iter().all(|(length, _)| *length >= 0)
    }

    /// Whether it is worth to build it anew. Where its size tells nothing, it is if several streams have filled it.
    pub(crate) fn is_loose(&self, is_shared: bool) -> bool {
        if !self.has_known_size() {
            return is_shared;
        }
        self.built_bytes()
            .is_some_and(|built| self.size_bytes > built + (built / WORTH_IT).max(FEW_PAGES * PAGE_BYTES))
    }

    /// Returns the bytes that a build makes of it, if that is known.
    fn built_bytes(&self) -> Option<u64> {
        let n_rows = self.n_rows.filter(|_| self.has_known_size())?;
        let field = |end: u64, (length, alignment): &(i16, i16)| {
            let alignment = u64::from(alignment.unsigned_abs()).max(1);
            end.next_multiple_of(alignment) + u64::from(length.unsigned_abs())
        };
        let bytes = self.fields.iter().fold(ENTRY_HEADER, field);
        let bytes = bytes.next_multiple_of(ENTRY_ALIGNMENT) + LINE_POINTER;
        let entries_per_page = |fillfactor: u64| {
            let spare = PAGE_BYTES * 100_u64.saturating_sub(fillfactor) / 100;
            ((PAGE_BYTES - PAGE_OVERHEAD).saturating_sub(spare) / bytes).max(2)
        };
        let mut level = n_rows.div_ceil(entries_per_page(self.fillfactor));
        // The first page tells where the root is.
        let mut n_pages = 1 + level;
        while level > 1 {
            level = level.div_ceil(entries_per_page(INNER_FILLFACTOR));
            n_pages += level;
        }
        Some(n_pages * PAGE_BYTES)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seed::fixture::{serial, table};

    fn btree(n_rows: u64, n_pages: u64, fields: &[(i16, i16)]) -> Btree {
        Btree {
            is_of_each_row: true,
            n_rows: Some(n_rows),
            size_bytes: n_pages * PAGE_BYTES,
            fillfactor: 90,
            fields: fields.to_vec(),
        }
    }

    /// As `REINDEX` leaves them on PostgreSQL 15.
    #[test]
    fn builds_are_as_large_as_the_server_makes_them() {
        let check = |index: &Btree, expected: u64| {
            let built = index.built_bytes().unwrap() / PAGE_BYTES;
            assert!(built.abs_diff(expected) <= 1 + expected / 500, "{built} instead of {expected}");
        };
        check(&btree(0, 0, &[(8, 8)]), 1);
        check(&btree(100_000, 0, &[(8, 8)]), 276);
        check(&btree(1_000_000, 0, &[(8, 8)]), 2_745);
        check(&btree(1_000_000, 0, &[(4, 4)]), 2_745);
        check(&btree(1_000_000, 0, &[(8, 8), (8, 8)]), 3_849);
        check(&Btree { fillfactor: 100, ..btree(1_000_000, 0, &[(8, 8)]) }, 2_467);
    }

    #[test]
    fn only_what_has_grown_is_built_anew() {
        let check = |index: &Btree, expected: [bool; 2]| {
            assert_eq!([false, true].map(|is_shared| index.is_loose(is_shared)), expected, "{index:?}");
        };
        check(&btree(100_000, 276, &[(8, 8)]), [false, false]);
        check(&btree(100_000, 285, &[(8, 8)]), [false, false]);
        check(&btree(100_000, 400, &[(8, 8)]), [true, true]);
        // A few pages.
        check(&btree(1_000, 8, &[(8, 8)]), [false, false]);
        // Nobody knows how large it should be.
        check(&btree(100_000, 276, &[(8, 8), (-1, 4)]), [false, true]);
        check(&Btree { is_of_each_row: false, ..btree(100_000, 276, &[(8, 8)]) }, [false, true]);
        check(&Btree { n_rows: None, ..btree(100_000, 400, &[(8, 8)]) }, [false, false]);
    }

    #[test]
    fn rising_keys_of_new_tables_concern() {
        let columns = vec![serial("id", 1, 1)];
        let new = TablePlan { columns, fill_order: vec![0], ..table("t", 3_000, 1_000) };
        let check = |table: &TablePlan, key: &str, expected: bool| {
            assert_eq!(may_be_loose(table, key), expected, "{key}");
        };
        check(&new, "id", true);
        check(&new, "(id % 7)", false);
        check(&TablePlan { n_rows: 0, ..new.clone() }, "id", false);
        check(&TablePlan { was_filled: true, ..new.clone() }, "id", false);
        check(&TablePlan { base: 10, ..new.clone() }, "id", false);
        check(&TablePlan { fed_by: Some(1), ..new.clone() }, "id", false);
        assert_eq!([1, 2].map(|n| is_shared(&new, n)), [false, true]);
        assert!(!is_shared(&TablePlan { n_rows: 1_000, ..new }, 2));
    }
}
