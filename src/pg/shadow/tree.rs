//! The first pages of an index file, so that the planner finds an index of the target's height and yet no entry.
//!
//! A btree that was built empty has no root, and its height is 0: each descent would cost too little. The planner takes
//! the height from the metapage (`_bt_getrootheight`), and probes the ends of the tree for the least and the greatest
//! value (`get_actual_variable_range`), so the pages that such a probe reads must be there: a root of that height whose
//! only child is an empty leaf. No reader compares a child's level with its parent's. Layouts: `bufpage.h`, `itup.h`,
//! `nbtree.h`, `brin_page.h`, `ginblock.h`; the same on every server from 14 to 18.

use crate::index::BLOCK_BYTES;

/// Bytes of the page header (`SizeOfPageHeaderData`), where the contents of a metapage begin.
const PAGE_HEADER_BYTES: u16 = 24;
const PAGE_BYTES: u16 = 8192;
/// Where the special space of a btree page begins (`BTPageOpaqueData` takes 16 bytes).
const BTREE_SPECIAL: u16 = PAGE_BYTES - 16;
const BTP_LEAF: u16 = 1;
const BTP_ROOT: u16 = 2;
/// Bytes of an index tuple without any key.
const TUPLE_BYTES: u16 = 8;
/// Says that the tuple's pointer holds a number of attributes (`INDEX_ALT_TID_MASK`).
const ALTERNATIVE_POINTER: u16 = 0x2000;
const LP_NORMAL: u32 = 1;
const ROOT_BLOCK: u32 = 1;
const LEAF_BLOCK: u16 = 2;
/// Ranges that a page of a BRIN index's map points to (`REVMAP_PAGE_MAXITEMS`).
const REVMAP_ITEMS: u32 = 1360;

/// What a GIN index counts of itself (`GinStatsData`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct GinCounts {
    pub(super) n_entries: u64,
    pub(super) n_entry_pages: u32,
    pub(super) n_data_pages: u32,
}

/// Bytes to write into a file, with their place.
pub(super) type Patch = (u64, Vec<u8>);

/// Pages of a btree that has these levels above its leaves and no entries.
pub(super) fn btree(level: u32) -> Vec<Patch> {
    // BTMetaPageData: magic, version, then what is written here: root, level, fast root, its level.
    let roots = [ROOT_BLOCK, level, ROOT_BLOCK, level];
    let roots = roots.iter().flat_map(|number| number.to_ne_bytes()).collect();
    let mut pages = root_page(level);
    pages.extend(page(PAGE_HEADER_BYTES, BTREE_SPECIAL, 0, BTP_LEAF));
    vec![(u64::from(PAGE_HEADER_BYTES) + 8, roots), (BLOCK_BYTES, pages)]
}

/// The metapage of a BRIN index that summarizes this many ranges.
pub(super) fn brin(n_ranges: u32) -> Vec<Patch> {
    // BrinMetaPageData: magic, version, pages per range, the last page of the map.
    let last_page = n_ranges.div_ceil(REVMAP_ITEMS).max(1);
    vec![(u64::from(PAGE_HEADER_BYTES) + 12, last_page.to_ne_bytes().to_vec())]
}

/// The metapage of a GIN index of this many pages: what its build counted, which the planner scales to the size that the
/// index has since (`gincostestimate`).
pub(super) fn gin(n_pages: u32, counts: GinCounts) -> Vec<Patch> {
    // GinMetaPageData: the list of pending entries (24 bytes), which is empty, the numbers of all pages, of those of
    // entries and of those of rows, and after 4 bytes the number of entries.
    let at = u64::from(PAGE_HEADER_BYTES) + 24;
    let pages = [n_pages, counts.n_entry_pages, counts.n_data_pages];
    let pages = pages.iter().flat_map(|number| number.to_ne_bytes()).collect();
    vec![(at, pages), (at + 16, counts.n_entries.to_ne_bytes().to_vec())]
}

/// Returns how many levels a btree of this size has above its leaves.
///
/// `pivot_bytes` is the size of an entry of an inner page, line pointer included. A build fills inner pages to the same
/// share all the way up; a tree that grew has a root that may be full, since only then it is split.
pub(super) fn level(n_pages: u32, pivot_bytes: f64, is_grown: bool) -> u32 {
    /// How full inner pages are (`BTREE_NONLEAF_FILLFACTOR`); random splits leave them about as full.
    const FILL: f64 = 0.7;
    let full_page = f64::from(BTREE_SPECIAL - PAGE_HEADER_BYTES) / pivot_bytes;
    let per_page = (full_page * FILL).max(2.0);
    let per_root = if is_grown { full_page.max(2.0) } else { per_page };
    let mut n_level = f64::from(n_pages.saturating_sub(1));
    // What is left after the metapage are the leaves and the inner pages above them.
    n_level -= (n_level / per_page).floor();
    let mut level = 0;
    while n_level > 1.0 {
        n_level = if n_level <= per_root { 1.0 } else { (n_level / per_page).ceil() };
        level += 1;
    }
    level
}

/// A root with one entry, which has no key and points to the leaf.
fn root_page(level: u32) -> Vec<u8> {
    let tuple_at = BTREE_SPECIAL - TUPLE_BYTES;
    let mut root = page(PAGE_HEADER_BYTES + 4, tuple_at, level, BTP_ROOT);
    let line_pointer = u32::from(tuple_at) | LP_NORMAL << 15 | u32::from(TUPLE_BYTES) << 17;
    put(&mut root, PAGE_HEADER_BYTES, &line_pointer.to_ne_bytes());
    // IndexTupleData: block (high and low half), number of attributes, size and flags.
    let tuple = [0, LEAF_BLOCK, 0, TUPLE_BYTES | ALTERNATIVE_POINTER];
    put(&mut root, tuple_at, &tuple.map(u16::to_ne_bytes).concat());
    root
}

/// A btree page without neighbours.
fn page(lower: u16, upper: u16, level: u32, flags: u16) -> Vec<u8> {
    /// The size of the page and the version of its layout (`PG_PAGE_LAYOUT_VERSION`).
    const SIZE_AND_VERSION: u16 = PAGE_BYTES | 4;
    let mut page = vec![0; usize::from(PAGE_BYTES)];
    // PageHeaderData: LSN (8 bytes), checksum and flags (2 each) stay 0; then lower, upper, special, size.
    let header = [lower, upper, BTREE_SPECIAL, SIZE_AND_VERSION];
    put(&mut page, 12, &header.map(u16::to_ne_bytes).concat());
    // BTPageOpaqueData: previous and next page (4 bytes each) stay 0 for none; then level and flags.
    put(&mut page, BTREE_SPECIAL + 8, &level.to_ne_bytes());
    put(&mut page, BTREE_SPECIAL + 12, &flags.to_ne_bytes());
    page
}

fn put(page: &mut [u8], at: u16, bytes: &[u8]) {
    let at = usize::from(at);
    page[at..at + bytes.len()].copy_from_slice(bytes);
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn levels_of_known_trees() {
        // PostgreSQL 15, a key of type bigint (20 bytes an inner entry): pages, whether the index was there before the
        // rows, which came in its order, and `bt_metap().level`.
        let trees = [
            (2, false, 0),
            (5, true, 1),
            (5, false, 1),
            (276, false, 1),
            (297, false, 2),
            (295, true, 1),
            (399, true, 1),
            (401, false, 2),
            (428, true, 2),
            (2745, true, 2),
            (2745, false, 2),
        ];
        for (n_pages, is_grown, expected) in trees {
            assert_eq!(level(n_pages, 20.0, is_grown), expected, "{n_pages} pages");
        }
    }

    #[test]
    fn the_roots_child_is_the_leaf() {
        let patches = btree(2);
        let (at, pages) = &patches[1];
        assert_eq!((*at, pages.len()), (8192, 16384));
        let number = |bytes: &[u8]| u16::from_ne_bytes([bytes[0], bytes[1]]);
        let lower = number(&pages[12..]);
        assert_eq!(lower, 28, "one line pointer");
        let pointer = u32::from_ne_bytes(pages[24..28].try_into().unwrap());
        let tuple = &pages[(pointer & 0x7fff) as usize..];
        assert_eq!(number(&tuple[2..]), LEAF_BLOCK);
        assert_eq!(number(&pages[8192 + 8176 + 12..]), BTP_LEAF);
    }

    #[test]
    fn counts_lie_where_gin_reads_them() {
        let counts = GinCounts { n_entries: 2468, n_entry_pages: 225, n_data_pages: 518 };
        let mut page = vec![0; 8192];
        for (at, bytes) in gin(744, counts) {
            put(&mut page, u16::try_from(at).unwrap(), &bytes);
        }
        // As a metapage of PostgreSQL 15 has them.
        let number = |at: usize| u32::from_ne_bytes(page[at..at + 4].try_into().unwrap());
        assert_eq!([48, 52, 56, 64, 68].map(number), [744, 225, 518, 2468, 0]);
    }

    proptest! {
        #[test]
        fn larger_trees_are_never_lower(n_pages in 0u32..10_000_000, more in 0u32..1_000_000, bytes in 16.0..2000.0) {
            for is_grown in [false, true] {
                prop_assert!(level(n_pages, bytes, is_grown) <= level(n_pages + more, bytes, is_grown));
            }
            prop_assert!(level(n_pages, bytes, true) <= level(n_pages, bytes, false));
            prop_assert!(level(n_pages, bytes, false) < 30);
        }
    }
}
