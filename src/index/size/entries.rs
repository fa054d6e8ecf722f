//! What a GIN index makes of a value: how many entries, and how rows fall on them.

use std::collections::{BTreeMap, BTreeSet};

use super::distinct::count;
use super::spectrum::Class;
use super::values::{Values, elements};
use crate::index::Key;

/// The entries of a key's values.
pub(super) struct Entries {
    /// Entries in classes; `share` is the share of the rows that have one.
    pub(super) classes: Vec<Class>,
    /// Bytes of an entry.
    pub(super) key_bytes: f64,
}

/// Trigrams of a text for each of its characters: measured 0.9 to 1, since some repeat.
const TRIGRAMS_PER_CHARACTER: f64 = 0.95;
/// Trigrams that texts have where no text is known: letters and digits make 40,000, of which languages use a part.
const N_TRIGRAMS: f64 = 5000.0;
/// Bytes of a `tsvector` for each word, its positions included (`ts_type.h`; measured 14.7 for words of 6 characters).
const BYTES_PER_WORD: f64 = 14.5;
/// Bytes of a jsonb for each of its keys and values (measured 13.9).
const BYTES_PER_JSONB_ENTRY: f64 = 14.0;
/// Of the entries of a jsonb, keys; they are the same in each row.
const JSONB_KEYS: f64 = 0.5;
/// Of its values, those that no other row has, and those of which a table has this many. Assumed.
const UNIQUE_JSONB_VALUES: f64 = 0.35;
const REPEATED_JSONB_VALUES: f64 = 500.0;
/// Bytes of an entry of a jsonb that is a text with a flag; those that only one row has are long.
const JSONB_ENTRY_BYTES: f64 = 20.0;
/// Statistics of elements end with the least and the greatest frequency, and of arrays with that of NULL.
const N_EXTREMES: usize = 2;

impl Entries {
    pub(super) fn new(key: &Key, values: &Values, n_rows: f64) -> Self {
        let not_null = 1.0 - values.null_frac;
        let opclass = key.opclass.as_deref().unwrap_or_default();
        let width = values.mean_width();
        let base_type = values.base_type.unwrap_or_default();
        // What is indexed of an expression has elements, of which the statistics tell, or is a part of a document.
        let is_other_expression = values.base_type.is_none() && !values.has_elements() && opclass.is_empty();
        let (classes, key_bytes) = if opclass.ends_with("trgm_ops") {
            (trigrams(values, width), 4.0)
        } else if base_type == "jsonb" || opclass.starts_with("jsonb") || is_other_expression {
            let is_path = opclass == "jsonb_path_ops";
            (jsonb(width, n_rows, is_path), if is_path { 4.0 } else { JSONB_ENTRY_BYTES })
        } else if values.element_type.is_some() || values.has_elements() || base_type == "tsvector" {
            let per_row = values.elements_per_row().unwrap_or_else(|| words_per_document(values));
            (common_and_rare(values, per_row, n_rows), element_bytes(values))
        } else {
            // The opclasses of btree_gin: the value itself.
            let entries = Self { classes: values.spectrum.0.clone(), key_bytes: width };
            return entries;
        };
        let mut classes: Vec<Class> =
            classes.into_iter().map(|class| Class { share: class.share * not_null, ..class }).collect();
        if values.null_frac > 0.0 {
            classes.push(Class { n_keys: 1.0, share: values.null_frac, nulls: 1 });
        }
        Self { classes, key_bytes }
    }
}

pub(super) fn trigrams_per_text(text_bytes: f64) -> f64 {
    (TRIGRAMS_PER_CHARACTER * text_bytes).max(1.0)
}

pub(super) fn words_per_document(values: &Values) -> f64 {
    (values.mean_width() / BYTES_PER_WORD).max(1.0)
}

/// The trigrams of the texts that the statistics name; those in one of them alone, and those in none, share what is
/// left of the rows (Chao's estimate of unseen species).
fn trigrams(values: &Values, width: f64) -> Vec<Class> {
    let texts = values.texts();
    let mut seen: BTreeMap<[char; 3], usize> = BTreeMap::new();
    for text in &texts {
        for trigram in trigrams_of(text) {
            *seen.entry(trigram).or_default() += 1;
        }
    }
    let n_texts = count(texts.len());
    if seen.is_empty() {
        return vec![Class { n_keys: N_TRIGRAMS, share: trigrams_per_text(width) / N_TRIGRAMS, nulls: 0 }];
    }
    let times = |n: usize| count(seen.values().filter(|times| **times == n).count());
    let (once, twice) = (times(1), times(2));
    let unseen = once * once / (2.0 * twice.max(1.0));
    // The texts of the statistics are as long as others, on the whole.
    let one = |times: usize| Class { n_keys: 1.0, share: count(times) / n_texts, nulls: 0 };
    let mut classes: Vec<Class> =
        seen.values().filter(|times| **times > 1).map(|times| one(*times)).collect();
    if once > 0.0 {
        let n_keys = once + unseen;
        classes.push(Class { n_keys, share: once / n_texts / n_keys, nulls: 0 });
    }
    classes
}

/// As `pg_trgm` makes them: of each word in lower case, with two blanks before it and one behind.
fn trigrams_of(text: &str) -> BTreeSet<[char; 3]> {
    let text = text.to_lowercase();
    let mut trigrams = BTreeSet::new();
    for word in text.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()) {
        let padded: Vec<char> = [' ', ' '].into_iter().chain(word.chars()).chain([' ']).collect();
        trigrams.extend(padded.windows(3).filter_map(|window| <[char; 3]>::try_from(window).ok()));
    }
    trigrams
}

fn jsonb(width: f64, n_rows: f64, is_path: bool) -> Vec<Class> {
    let per_row = (width / BYTES_PER_JSONB_ENTRY).max(1.0);
    let n_keys = (per_row * JSONB_KEYS).max(1.0);
    let n_values = per_row - per_row * JSONB_KEYS;
    let unique = n_values * UNIQUE_JSONB_VALUES;
    let repeated = (n_values - unique) / REPEATED_JSONB_VALUES;
    let mut classes = vec![
        Class { n_keys: unique * n_rows, share: 1.0 / n_rows.max(1.0), nulls: 0 },
        Class { n_keys: REPEATED_JSONB_VALUES, share: repeated, nulls: 0 },
    ];
    if !is_path {
        classes.push(Class { n_keys, share: 1.0, nulls: 0 });
    }
    classes
}

/// Elements that the statistics name, and others that go on declining as those do, by a power of their rank as words
/// do (Zipf's law), until all elements of the rows are there.
fn common_and_rare(values: &Values, per_row: f64, n_rows: f64) -> Vec<Class> {
    let mut shares: Vec<f64> = values.element_frequencies().iter().copied().map(f64::from).collect();
    shares.sort_by(|a, b| b.total_cmp(a));
    let least = 1.0 / n_rows.max(1.0);
    let n_common = count(shares.len()).max(1.0);
    let last = shares.last().copied().unwrap_or(1.0).max(least);
    let tenth = shares.get(shares.len() / 10).copied().unwrap_or(last);
    let power = if shares.len() < 20 { 1.0 } else { (tenth / last).log10().clamp(0.3, 1.2) };
    let mut rest = per_row - shares.iter().sum::<f64>();
    let mut classes: Vec<Class> =
        shares.into_iter().map(|share| Class { n_keys: 1.0, share, nulls: 0 }).collect();
    let mut from = n_common;
    while rest > 1e-3 * per_row {
        let to = 1.5 * from;
        let share = (last * (f64::midpoint(from, to) / n_common).powf(-power)).max(least);
        let n_keys = (to - from).min(rest / share);
        classes.push(Class { n_keys, share, nulls: 0 });
        rest -= n_keys * share;
        from = to;
    }
    classes
}

/// The width of an entry: of fixed elements their own, of others what the common ones have.
fn element_bytes(values: &Values) -> f64 {
    match values.element_type {
        Some("int2") => 2.0,
        Some("int4" | "date" | "float4" | "oid") => 4.0,
        Some("int8" | "float8" | "timestamp" | "timestamptz") => 8.0,
        Some("uuid") => 16.0,
        _ => {
            let common = elements(values.statistics.and_then(|it| it.most_common_elems.as_deref()));
            let length: f64 = common.iter().map(|text| count(text.len())).sum();
            if common.is_empty() { 8.0 } else { length / count(common.len()) + 1.0 }
        }
    }
}

impl Values<'_> {
    pub(super) fn correlation(&self) -> Option<f32> {
        self.statistics?.correlation
    }

    /// The values that the statistics name.
    fn texts(&self) -> Vec<String> {
        let Some(statistics) = self.statistics else { return Vec::new() };
        let bounds = elements(statistics.histogram_bounds.as_deref());
        if bounds.is_empty() { elements(statistics.most_common_vals.as_deref()) } else { bounds }
    }

    fn has_elements(&self) -> bool {
        !self.element_frequencies().is_empty()
    }

    /// Shares of the rows that have each of the most common elements.
    fn element_frequencies(&self) -> &[f32] {
        let frequencies =
            self.statistics.and_then(|it| it.most_common_elem_freqs.as_deref()).unwrap_or_default();
        let n_extremes = N_EXTREMES + usize::from(self.average_count().is_some());
        &frequencies[..frequencies.len().saturating_sub(n_extremes)]
    }

    /// Of arrays: the last number of the histogram of counts (`pg_stats.elem_count_histogram`).
    fn average_count(&self) -> Option<f32> {
        self.statistics?.elem_count_histogram.as_ref()?.last().copied()
    }

    fn elements_per_row(&self) -> Option<f64> {
        self.average_count().map(f64::from)
    }
}
