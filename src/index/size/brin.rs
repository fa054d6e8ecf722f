//! The size of a BRIN index: a summary for each range of the table's pages (`brin_page.h`, `brin_tuple.c`).

use super::{LINE_POINTER_BYTES, Measures, PAGE_BYTES, Size, aligned, key_values, pages};
use crate::catalog::Table;
use crate::index::Definition;

/// Pages of a range by default (`BRIN_DEFAULT_PAGES_PER_RANGE`).
const PAGES_PER_RANGE: f64 = 128.0;
/// Ranges that a page of the map holds (`REVMAP_PAGE_MAXITEMS`).
const RANGES_PER_MAP_PAGE: f64 = 1360.0;
/// Room for summaries on a page: without its header and special space.
const PAGE_ROOM_BYTES: f64 = PAGE_BYTES - 24.0 - 8.0;
/// Header of a summary with its bits for nulls, aligned (`BrinTuple`).
const SUMMARY_HEADER_BYTES: f64 = 8.0;
/// A summary is made of the least and the greatest value (the minmax opclasses, which are the defaults).
const VALUES_PER_SUMMARY: f64 = 2.0;

pub(super) fn size(definition: &Definition, table: &Table, measures: &Measures) -> Size {
    let n_ranges = (f64::from(table.n_pages) / PAGES_PER_RANGE).ceil().max(1.0);
    let values = key_values(definition, table, measures);
    let widths: f64 = values.iter().map(|values| VALUES_PER_SUMMARY * values.mean_width()).sum();
    let per_page = (PAGE_ROOM_BYTES / (aligned(SUMMARY_HEADER_BYTES + widths) + LINE_POINTER_BYTES)).floor();
    let n_pages = 1.0 + (n_ranges / RANGES_PER_MAP_PAGE).ceil() + (n_ranges / per_page.max(1.0)).ceil();
    Size { n_rows: n_ranges, n_pages: pages(n_pages), tree_level: 0, ..Size::default() }
}
