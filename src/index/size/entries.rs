//! What a GIN index makes of a value: how many entries, and how rows fall on them.

use super::Measures;
use super::contents::{Contents, EntryClass};
use super::distinct::count;
use super::documents::Parts;
use super::values::{Values, elements};
use crate::catalog::Table;
use crate::index::Key;

/// Trigrams of a text for each of its characters: measured 0.9 to 1, since some repeat.
const TRIGRAMS_PER_CHARACTER: f64 = 0.95;
/// Trigrams that texts have where no text is known: letters and digits make 40,000, of which languages use a part.
const N_TRIGRAMS: f64 = 5000.0;
/// Bytes of a `tsvector` for each word beside the word itself: its entry, what aligns it on average, the number of its
/// positions and about 1.1 of those (`ts_type.h`).
const BYTES_PER_WORD: f64 = 4.0 + 0.5 + 2.0 + 2.2;
/// Size and number of words, before them.
const TSVECTOR_HEADER_BYTES: f64 = 8.0;
/// Bytes of a jsonb for each of its keys and values (measured 13.9).
const BYTES_PER_JSONB_ENTRY: f64 = 14.0;
/// Of the entries of a jsonb, keys; they are the same in each row.
const JSONB_KEYS: f64 = 0.5;
/// Of its values, those that no other row has, and those of which a table has this many. Assumed.
const UNIQUE_JSONB_VALUES: f64 = 0.35;
const REPEATED_JSONB_VALUES: f64 = 500.0;
/// Bytes of an entry of a jsonb that is a text with a flag; those that only one row has are long.
const JSONB_ENTRY_BYTES: f64 = 20.0;
/// Bytes of a hash, or of three characters.
const NUMBER_BYTES: f64 = 4.0;
/// What stands for NULL: its category.
const NULL_BYTES: f64 = 1.0;
/// The least documents of the statistics that say something of the others.
const FEW_DOCUMENTS: usize = 20;
/// Statistics of elements end with the least and the greatest frequency, and of arrays with that of NULL.
const N_EXTREMES: usize = 2;

/// Returns the entries of a key's values in classes; `share` is the share of the table's rows that have one.
///
/// What is known decides how near the result is: a sample of the rows, if there is one; else the hundred documents or texts
/// of which the statistics tell, in which nobody sees whether a value that is there once has a thousand rows or one, unless
/// it is a number or holds one; else, of documents of more than 1 kB (`WIDTH_THRESHOLD` of analyze.c), their width alone.
pub(super) fn classes(key: &Key, values: &Values, table: &Table, measures: &Measures) -> Vec<EntryClass> {
    let n_rows = table.planned_rows();
    let width = values.mean_width();
    let Some(parts) = parts(key, values) else {
        // The value itself.
        let classes = values.spectrum.0.iter();
        return classes
            .map(|class| EntryClass { n: class.n_keys, share: class.share, bytes: width })
            .collect();
    };
    let not_null = 1.0 - values.null_frac;
    let mut classes: Vec<EntryClass> = match (measures.contents(key, parts, table), parts) {
        (Some(contents), _) => contents.entries(n_rows * not_null),
        (None, Parts::Lexemes | Parts::Elements) => common_and_rare(values, n_rows),
        (None, Parts::Jsonb | Parts::JsonbPaths | Parts::Trigrams) => {
            let contents = values.contents(parts);
            match parts {
                _ if !contents.is_empty() => contents.entries(n_rows * not_null),
                Parts::Trigrams => {
                    let share = trigrams_per_text(width) / N_TRIGRAMS;
                    vec![EntryClass { n: N_TRIGRAMS, share, bytes: NUMBER_BYTES }]
                }
                _ => jsonb(width, n_rows, parts == Parts::JsonbPaths),
            }
        }
    };
    for class in &mut classes {
        class.share *= not_null;
        if parts == Parts::Elements {
            class.bytes = fixed_bytes(values).unwrap_or(class.bytes);
        }
    }
    if values.null_frac > 0.0 {
        classes.push(EntryClass { n: 1.0, share: values.null_frac, bytes: NULL_BYTES });
    }
    classes
}

/// Returns how a key's values are taken apart.
pub(super) fn parts(key: &Key, values: &Values) -> Option<Parts> {
    let has_elements = !values.element_frequencies().is_empty();
    let is_array = values.element_type.is_some() || values.average_count().is_some();
    Parts::of(key, values.base_type, is_array, has_elements)
}

/// Whether a sample of the rows would say more than the statistics do: of the values in documents always, of texts when
/// all are so long that the statistics have none. Words and elements have statistics of their own.
pub(super) fn needs_sample(parts: Parts, values: &Values) -> bool {
    match parts {
        Parts::Jsonb | Parts::JsonbPaths => true,
        Parts::Trigrams => values.contents(parts).is_empty(),
        Parts::Lexemes | Parts::Elements => false,
    }
}

pub(super) fn trigrams_per_text(text_bytes: f64) -> f64 {
    (TRIGRAMS_PER_CHARACTER * text_bytes).max(1.0)
}

pub(super) fn words_per_document(values: &Values) -> f64 {
    ((values.mean_width() - TSVECTOR_HEADER_BYTES) / (element_bytes(values) - 1.0 + BYTES_PER_WORD)).max(1.0)
}

/// What is guessed of a document of which only the width is known: of large ones the statistics name none.
fn jsonb(width: f64, n_rows: f64, is_path: bool) -> Vec<EntryClass> {
    let bytes = if is_path { NUMBER_BYTES } else { JSONB_ENTRY_BYTES };
    let per_row = (width / BYTES_PER_JSONB_ENTRY).max(1.0);
    let n_keys = (per_row * JSONB_KEYS).max(1.0);
    let n_values = per_row - per_row * JSONB_KEYS;
    let unique = n_values * UNIQUE_JSONB_VALUES;
    let repeated = (n_values - unique) / REPEATED_JSONB_VALUES;
    let mut classes = vec![
        EntryClass { n: unique * n_rows, share: 1.0 / n_rows.max(1.0), bytes },
        EntryClass { n: REPEATED_JSONB_VALUES, share: repeated, bytes },
    ];
    if !is_path {
        classes.push(EntryClass { n: n_keys, share: 1.0, bytes });
    }
    classes
}

/// Elements that the statistics name, and others that go on declining as those do, by a power of their rank as words
/// do (Zipf's law), until all elements of the rows are there.
fn common_and_rare(values: &Values, n_rows: f64) -> Vec<EntryClass> {
    let mut shares: Vec<f64> = values.element_frequencies().iter().copied().map(f64::from).collect();
    shares.sort_by(|a, b| b.total_cmp(a));
    let bytes = element_bytes(values);
    let least = 1.0 / n_rows.max(1.0);
    let n_common = count(shares.len()).max(1.0);
    let last = shares.last().copied().unwrap_or(1.0).max(least);
    let tenth = shares.get(shares.len() / 10).copied().unwrap_or(last);
    let power = if shares.len() < 20 { 1.0 } else { (tenth / last).log10().clamp(0.3, 1.2) };
    let per_row = values.average_count().map_or_else(|| words_per_document(values), f64::from);
    let mut rest = per_row - shares.iter().sum::<f64>();
    let mut classes: Vec<EntryClass> =
        shares.into_iter().map(|share| EntryClass { n: 1.0, share, bytes }).collect();
    let mut from = n_common;
    while rest > 1e-3 * per_row {
        let to = 1.5 * from;
        let share = (last * (f64::midpoint(from, to) / n_common).powf(-power)).max(least);
        let n = (to - from).min(rest / share);
        classes.push(EntryClass { n, share, bytes });
        rest -= n * share;
        from = to;
    }
    classes
}

/// The width of an entry: of fixed elements their own, of others what the common ones have.
fn element_bytes(values: &Values) -> f64 {
    fixed_bytes(values).unwrap_or_else(|| {
        let common = elements(values.statistics.and_then(|it| it.most_common_elems.as_deref()));
        let length: f64 = common.iter().map(|text| count(text.len())).sum();
        if common.is_empty() { 7.0 } else { length / count(common.len()) + 1.0 }
    })
}

fn fixed_bytes(values: &Values) -> Option<f64> {
    Some(match values.element_type? {
        "int2" => 2.0,
        "int4" | "date" | "float4" | "oid" => 4.0,
        "int8" | "float8" | "timestamp" | "timestamptz" => 8.0,
        "uuid" => 16.0,
        _ => return None,
    })
}

impl Values<'_> {
    pub(super) fn correlation(&self) -> Option<f32> {
        self.statistics?.correlation
    }

    /// What the documents or texts contain that the statistics name.
    ///
    /// Bounds of a histogram stand for all values but the most common ones. Those that are no more common than what a bound
    /// stands for add nothing.
    fn contents(&self, parts: Parts) -> Contents {
        let Some(statistics) = self.statistics else { return Contents::default() };
        let bounds = elements(statistics.histogram_bounds.as_deref());
        let values = elements(statistics.most_common_vals.as_deref());
        let shares = statistics.most_common_freqs.as_deref().unwrap_or_default();
        let stands_for = if bounds.len() < FEW_DOCUMENTS { 0.0 } else { 1.0 / count(bounds.len()) };
        let not_null = (1.0 - self.null_frac).max(f64::MIN_POSITIVE);
        let common: Vec<(&str, f64)> = values
            .iter()
            .zip(shares)
            .map(|(value, share)| (value.as_str(), f64::from(*share) / not_null))
            .filter(|(_, share)| *share > stands_for)
            .collect();
        let rest = (1.0 - common.iter().map(|(_, share)| share).sum::<f64>()).max(0.0);
        Contents::of(parts, bounds.iter().map(String::as_str), common, rest)
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
}
