//! The size of a btree as `CREATE INDEX` builds it (nbtsort.c, nbtdedup.c), deduplication included.

use std::collections::BTreeMap;

use super::spectrum::Spectrum;
use super::values::Values;
use super::{LINE_POINTER_BYTES, Measures, Size, aligned, combination, is_unique, key_values, pages};
use crate::catalog::Table;
use crate::index::Definition;
use crate::query::Operand;
use crate::random;

/// Room for items on an empty page: without its header, special space and the line pointer of the high key
/// (`_bt_blnewpage`), and without the line pointer that `PageGetFreeSpace` keeps back.
const PAGE_ROOM_BYTES: f64 = 8192.0 - 24.0 - 16.0 - 4.0 - 4.0;
/// What a build leaves free on a leaf page: a tenth (`BTREE_DEFAULT_FILLFACTOR`).
const LEAF_FREE_BYTES: f64 = 819.0;
/// What it leaves free on an inner page (`BTREE_NONLEAF_FILLFACTOR` is 70).
const INNER_FREE_BYTES: f64 = 2457.0;
/// Header of an index tuple, and with the bitmap of its nulls (`IndexInfoFindDataOffset`).
const TUPLE_HEADER_BYTES: u32 = 8;
const TUPLE_HEADER_WITH_NULLS_BYTES: u32 = 16;
/// A reference to a row (`ItemPointerData`).
const TID_BYTES: f64 = 6.0;
/// A row's reference in a high key that must tell equal keys apart, aligned.
const PIVOT_TID_BYTES: f64 = 8.0;
/// The largest posting list that a build makes (`maxpostingsize` in `_bt_load`), a tenth of a page, to a multiple of 8.
const MAX_POSTING_BYTES: f64 = 808.0;
/// Below this share nulls are not worth a case of their own.
const FEW_NULLS: f64 = 0.0005;
/// Pages that are filled to see how many bytes a page takes.
const TRIAL_PAGES: u32 = 32;

/// Keys that all have the same items: lists of a full size, then one of what is left.
#[derive(Clone, Copy, Debug)]
struct Keys {
    n: f64,
    n_full: f64,
    full_bytes: f64,
    /// Of the last item, with its line pointer.
    bytes: f64,
    /// Of an item that has one row: what is left of a list as the page's high key.
    key_bytes: f64,
}

impl Keys {
    fn total_bytes(&self) -> f64 {
        self.n * (self.n_full * self.full_bytes + self.bytes)
    }
}

pub(super) fn size(definition: &Definition, table: &Table, n_rows: f64, measures: &Measures) -> Size {
    // Before its first row an index is nothing but its metapage.
    if n_rows < 0.5 {
        return Size { n_rows, n_pages: 1, tree_level: 0, ..Size::default() };
    }
    let keys = key_values(definition, table, measures);
    let included = included(definition, table, measures);
    let null_fracs = null_fracs(&keys, &included, definition);
    let items = if is_deduplicated(definition, &keys) {
        // The keys of a partial index are those of a random part of the rows.
        let spectrum = spectrum(definition, table, &keys, measures);
        deduplicated(&indexed(spectrum, definition), n_rows, &keys)
    } else {
        let stored: Vec<&Values> = keys.iter().chain(&included).collect();
        let one = |(bytes, share): (f64, f64)| Keys {
            n: n_rows * share,
            n_full: 0.0,
            full_bytes: 0.0,
            bytes,
            key_bytes: bytes,
        };
        sizes(&stored, &null_fracs, false).into_iter().map(one).collect()
    };
    let leaf_pages = leaf_pages(&items);
    let pivot_bytes = pivot_bytes(&keys, &null_fracs, &items, n_rows);
    let fanout = ((PAGE_ROOM_BYTES - INNER_FREE_BYTES) / pivot_bytes).floor().max(2.0);
    let (mut n_pages, mut level_pages, mut tree_level) = (leaf_pages + 1.0, leaf_pages, 0);
    while level_pages > 1.0 {
        level_pages = (level_pages / fanout).ceil();
        n_pages += level_pages;
        tree_level += 1;
    }
    Size { n_rows, n_pages: pages(n_pages), tree_level, ..Size::default() }
}

/// The mean bytes of a row's item, without its line pointer.
pub(super) fn entry_bytes(definition: &Definition, table: &Table, measures: &Measures) -> f64 {
    let keys = key_values(definition, table, measures);
    let included = included(definition, table, measures);
    let stored: Vec<&Values> = keys.iter().chain(&included).collect();
    let sizes = sizes(&stored, &null_fracs(&keys, &included, definition), false);
    sizes.iter().map(|(bytes, share)| (bytes - LINE_POINTER_BYTES) * share).sum()
}

fn included<'c>(definition: &Definition, table: &'c Table, measures: &'c Measures) -> Vec<Values<'c>> {
    let values = |column: &String| Values::new(&Operand::Column(column.clone()), table, measures);
    definition.include.iter().map(values).collect()
}

/// Whether equal keys that are not known to be rare would share posting lists, and more than one operand decides.
pub(super) fn depends_on_combinations(definition: &Definition, table: &Table) -> bool {
    let measures = Measures::default();
    definition.method == crate::index::Method::Btree
        && definition.keys.len() > 1
        && !has_unique_keys(definition, table)
        && is_deduplicated(definition, &key_values(definition, table, &measures))
}

/// The key that the predicate tests for NULL, and whether it has to be.
fn tested_key(definition: &Definition) -> Option<(usize, bool)> {
    let (column, is_null) = definition.predicate.as_ref()?.as_null_test()?;
    Some((definition.keys.iter().position(|key| key.column() == Some(column))?, is_null))
}

/// Shares of nulls among the rows that the predicate lets in; few are as none.
fn null_fracs(keys: &[Values], included: &[Values], definition: &Definition) -> Vec<f64> {
    let relevant = |values: &Values| if values.null_frac < FEW_NULLS { 0.0 } else { values.null_frac };
    let mut null_fracs: Vec<f64> = keys.iter().chain(included).map(relevant).collect();
    if let Some((key, is_null)) = tested_key(definition) {
        null_fracs[key] = f64::from(u8::from(is_null));
    }
    null_fracs
}

/// The keys of the rows that the predicate lets in.
fn indexed(spectrum: Spectrum, definition: &Definition) -> Spectrum {
    match tested_key(definition) {
        Some((key, is_null)) => spectrum.only(key, is_null),
        None => spectrum,
    }
}

fn is_deduplicated(definition: &Definition, keys: &[Values]) -> bool {
    definition.include.is_empty() && keys.iter().all(Values::has_equal_images)
}

fn has_unique_keys(definition: &Definition, table: &Table) -> bool {
    let columns: Vec<&str> = definition.keys.iter().filter_map(|key| key.column()).collect();
    is_unique(&columns, table)
}

/// How rows fall on combinations of keys: as measured, else as if the operands did not depend on each other.
fn spectrum(definition: &Definition, table: &Table, keys: &[Values], measures: &Measures) -> Spectrum {
    let n_rows = table.planned_rows();
    let mut spectrum = Spectrum::single();
    for (i, values) in keys.iter().enumerate() {
        spectrum = spectrum.combined(&values.spectrum, i, n_rows);
    }
    if keys.len() == 1 {
        return spectrum;
    }
    if has_unique_keys(definition, table) {
        return spectrum.with_distinct(n_rows, n_rows);
    }
    match measures.distinct(combination(definition), table) {
        Some(n_distinct) => spectrum.with_distinct(n_distinct.clamp(1.0, n_rows), n_rows),
        None => spectrum,
    }
}

/// The items of a build that puts rows of equal keys into posting lists.
fn deduplicated(spectrum: &Spectrum, n_rows: f64, keys: &[Values]) -> Vec<Keys> {
    let keys: Vec<&Values> = keys.iter().collect();
    let mut sizes_by_nulls: BTreeMap<u32, Vec<(f64, f64)>> = BTreeMap::new();
    let mut items = Vec::new();
    for class in &spectrum.0 {
        let sizes = sizes_by_nulls.entry(class.nulls).or_insert_with(|| {
            let is_null = |i: usize| f64::from(u8::from(i < 32 && class.nulls >> i & 1 == 1));
            let null_fracs: Vec<f64> = (0..keys.len()).map(is_null).collect();
            // Each different value of a single column is stored about once; of several columns, any number of times.
            sizes(&keys, &null_fracs, keys.len() == 1)
        });
        for (bytes, share) in sizes {
            add_items(&mut items, class.n_keys * *share, class.share * n_rows, *bytes);
        }
    }
    items
}

/// Adds the items of `n_keys` keys that expect `n_rows` rows each; `key_bytes` is an item's that has one row.
fn add_items(items: &mut Vec<Keys>, n_keys: f64, n_rows: f64, key_bytes: f64) {
    /// From here on Poisson's distribution is a normal one, of which these parts and deviations stand for the whole.
    const MANY_ROWS: f64 = 40.0;
    const NORMAL: [(f64, f64); 5] = [(0.1, -1.6), (0.2, -0.8), (0.4, 0.0), (0.2, 0.8), (0.1, 1.6)];
    let list_rows = ((MAX_POSTING_BYTES + LINE_POINTER_BYTES - key_bytes) / TID_BYTES).floor().max(1.0);
    let list = |rows: f64| match rows {
        rows if rows < 1.5 => key_bytes,
        rows => aligned(key_bytes - LINE_POINTER_BYTES + rows * TID_BYTES) + LINE_POINTER_BYTES,
    };
    let mut add = |n: f64, rows: f64| {
        let n_full = ((rows - 1.0) / list_rows).floor();
        let (full_bytes, bytes) = (list(list_rows), list(rows - n_full * list_rows));
        items.push(Keys { n, n_full, full_bytes, bytes, key_bytes });
    };
    if n_rows > MANY_ROWS {
        for (part, deviations) in NORMAL {
            add(n_keys * part, (n_rows + deviations * n_rows.sqrt()).round());
        }
        return;
    }
    let mut probability = (-n_rows).exp();
    let mut rows = 0.0;
    while rows < 2.0 * MANY_ROWS {
        rows += 1.0;
        probability *= n_rows / rows;
        if probability * rows > 1e-6 * n_rows {
            add(n_keys * probability, rows);
        }
    }
}

/// Item sizes with their line pointers and shares: of rows, or `by_value` of different keys.
fn sizes(stored: &[&Values], null_fracs: &[f64], by_value: bool) -> Vec<(f64, f64)> {
    let mut ends: BTreeMap<(u32, bool), f64> = BTreeMap::from([((0, false), 1.0)]);
    for (values, &null_frac) in stored.iter().zip(null_fracs) {
        let widths = values.widths(by_value);
        let mut next = BTreeMap::new();
        for ((offset, has_nulls), share) in ends {
            if null_frac > 0.0 {
                *next.entry((offset, true)).or_insert(0.0) += share * null_frac;
            }
            if null_frac < 1.0 {
                for (width, part) in &widths {
                    let end = values.end(offset, *width);
                    *next.entry((end, has_nulls)).or_insert(0.0) += share * (1.0 - null_frac) * part;
                }
            }
        }
        ends = next;
    }
    let mut sizes: BTreeMap<u32, f64> = BTreeMap::new();
    for ((end, has_nulls), share) in ends {
        let header = if has_nulls { TUPLE_HEADER_WITH_NULLS_BYTES } else { TUPLE_HEADER_BYTES };
        *sizes.entry((header + end).next_multiple_of(8)).or_insert(0.0) += share;
    }
    sizes.into_iter().map(|(bytes, share)| (f64::from(bytes) + LINE_POINTER_BYTES, share)).collect()
}

/// Returns the pages that hold the items, by filling some as `_bt_buildadd` does.
fn leaf_pages(keys: &[Keys]) -> f64 {
    /// Keys with more lists than that have pages of their own, which are all the same.
    const MANY_LISTS: f64 = 50.0;
    let (long, short): (Vec<Keys>, Vec<Keys>) = keys.iter().partition(|keys| keys.n_full > MANY_LISTS);
    let of_long = long.iter().map(|keys| keys.total_bytes() / page_bytes(&[*keys]));
    let total: f64 = short.iter().map(Keys::total_bytes).sum();
    let of_short = if total > 0.0 { total / page_bytes(&short) } else { 0.0 };
    (of_long.sum::<f64>() + of_short).ceil().max(1.0)
}

/// Returns the bytes of items that a page takes of keys that come in any order.
fn page_bytes(keys: &[Keys]) -> f64 {
    let mut n_keys = 0.0;
    let steps: Vec<(f64, &Keys)> = keys
        .iter()
        .map(|keys| {
            n_keys += keys.n;
            (n_keys, keys)
        })
        .collect();
    let mut leaf = Leaf::default();
    let mut drawn = 0;
    while leaf.n_pages < TRIAL_PAGES {
        let at = random::unit(random::at(0, drawn)) * n_keys;
        drawn += 1;
        let keys = steps[steps.partition_point(|(sum, _)| *sum <= at).min(steps.len() - 1)].1;
        let mut lists = keys.n_full;
        while lists > 0.0 && leaf.n_pages < TRIAL_PAGES {
            leaf.add(keys.full_bytes, keys.key_bytes);
            lists -= 1.0;
        }
        leaf.add(keys.bytes, keys.key_bytes);
    }
    leaf.bytes / f64::from(leaf.n_pages)
}

/// The page that a build is filling, and those behind it.
#[derive(Default)]
struct Leaf {
    n_pages: u32,
    /// On the pages behind it.
    bytes: f64,
    on_page: f64,
    /// The last item, and what of it the page's high key would not need.
    last: Option<(f64, f64)>,
}

impl Leaf {
    /// Adds an item. A page that is full enough gives its last item to the next one, and keeps its key as high key.
    fn add(&mut self, bytes: f64, key_bytes: f64) {
        if let Some((last, truncated)) = self.last {
            let free = PAGE_ROOM_BYTES - self.on_page;
            let has_room = free >= bytes - LINE_POINTER_BYTES + PIVOT_TID_BYTES;
            if self.on_page > last && (!has_room || free + truncated < LEAF_FREE_BYTES) {
                self.n_pages += 1;
                self.bytes += self.on_page - last;
                self.on_page = last;
            }
        }
        self.on_page += bytes;
        self.last = Some((bytes, bytes - key_bytes));
    }
}

/// Bytes of an inner page's item: the key up to the first operand that tells the last item of a page from the first of
/// the next one (`_bt_truncate`), with the row where none does.
fn pivot_bytes(keys: &[Values], null_fracs: &[f64], items: &[Keys], n_rows: f64) -> f64 {
    let total: f64 = items.iter().map(Keys::total_bytes).sum();
    let within: f64 = items.iter().map(|keys| keys.n * keys.n_full * keys.full_bytes).sum();
    let n_items: f64 = items.iter().map(|keys| keys.n).sum();
    let (mut bytes, mut settled, mut n_prefixes, mut whole) = (0.0, 0.0, 1.0, 0.0);
    for i in 0..keys.len() {
        n_prefixes = (n_prefixes * (keys[i].n_distinct + 1.0)).min(n_rows);
        let differs = (n_prefixes / n_items).min(1.0) * (1.0 - within / total);
        let prefix: Vec<&Values> = keys[..=i].iter().collect();
        whole = sizes(&prefix, null_fracs, true).iter().map(|(bytes, share)| bytes * share).sum();
        bytes += (differs - settled).max(0.0) * whole;
        settled = differs.max(settled);
    }
    bytes + (1.0 - settled) * (whole + PIVOT_TID_BYTES)
}
