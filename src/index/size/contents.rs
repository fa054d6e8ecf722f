//! How often entries are in some documents of a table, and what that says of all of them.

use std::collections::BTreeMap;

use super::distinct::{declining, solve};
use super::documents::Parts;
use super::spectrum::{Class, LEAST_ROWS, expected_rows};

/// What some documents contain.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Contents {
    /// Documents that stand for all others but the common ones.
    n_documents: f64,
    /// The share of the rows that those have.
    share: f64,
    /// Entries that are in common documents: the share of the rows that has one, and its bytes.
    common: Vec<(f64, f64)>,
    places: Vec<Place>,
}

/// The entries at a place of documents.
#[derive(Clone, Debug, Default, PartialEq)]
struct Place {
    /// By the number of documents that have it: how many entries there are, and the bytes of all of them.
    counts: BTreeMap<u32, (f64, f64)>,
    /// As many entries as there can be, and whether they are numbered in whole numbers.
    domain: f64,
    is_whole: bool,
}

/// Entries of which each has about the same number of rows.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct EntryClass {
    /// As in [`Class`]: how many there could be, and the share of the rows that one expects.
    pub(super) n: f64,
    pub(super) share: f64,
    /// Bytes of one.
    pub(super) bytes: f64,
}

/// An entry while documents are read.
#[derive(Clone, Debug)]
struct Seen {
    place: usize,
    bytes: u32,
    n_documents: u32,
    /// The share of the rows whose common documents have it.
    common: f64,
}

/// Places that fewer documents have are taken together: keys may be data too.
const FEW_DOCUMENTS: f64 = 5.0;
/// Entries of at least so many documents are as frequent as they seem; the others' frequencies are fitted.
const MANY_DOCUMENTS: u32 = 4;
/// Pairs of documents with the same entry, as a multiple of those that chance gives when all entries are equally frequent,
/// and as many on top: from here on some are more frequent.
const SKEWED: f64 = 1.5;
const FEW_PAIRS: f64 = 5.0;
/// Numbers that are nearly as many as rows are serial numbers, which no two rows share.
const SERIAL: f64 = 0.05;
/// What a class of entries that no two rows share is a multiple of the rows.
const UNSHARED: f64 = 1e4;

impl Contents {
    /// Reads documents in text form; `common` ones with their share of the rows. The others have `share` of them.
    pub(super) fn of<'t>(
        parts: Parts,
        documents: impl IntoIterator<Item = &'t str>,
        common: impl IntoIterator<Item = (&'t str, f64)>,
        share: f64,
    ) -> Self {
        let mut names: BTreeMap<String, (usize, Domain)> = BTreeMap::new();
        let mut seen: BTreeMap<String, Seen> = BTreeMap::new();
        let mut n_documents = 0_u32;
        let mut read = |text: &str, common: Option<f64>| {
            for (entry, part) in parts.entries(text) {
                let n_places = names.len();
                let (place, domain) = names.entry(part.place.clone()).or_insert((n_places, Domain::Unknown));
                let seen = seen.entry(entry).or_insert_with_key(|entry| {
                    domain.widen(parts.value(entry, &part.place));
                    Seen { place: *place, bytes: part.bytes, n_documents: 0, common: 0.0 }
                });
                match common {
                    Some(share) => seen.common += share,
                    None => seen.n_documents += 1,
                }
            }
        };
        for document in documents {
            n_documents += 1;
            read(document, None);
        }
        for (document, share) in common {
            read(document, Some(share));
        }
        let n_documents = f64::from(n_documents);
        let mut contents = Self { n_documents, share, ..Self::default() };
        let mut places = vec![(Place::default(), Domain::Unknown); names.len()];
        for (place, domain) in names.into_values() {
            places[place].1 = domain;
        }
        for entry in seen.into_values() {
            let bytes = f64::from(entry.bytes);
            if entry.common > 0.0 {
                let others = f64::from(entry.n_documents) / n_documents.max(1.0) * share;
                contents.common.push((entry.common + others, bytes));
            } else {
                let count = places[entry.place].0.counts.entry(entry.n_documents).or_default();
                count.0 += 1.0;
                count.1 += bytes;
            }
        }
        let mut others = Place { domain: f64::INFINITY, ..Place::default() };
        for (mut place, domain) in places {
            let n = place.n_parts();
            place.domain = if parts == Parts::Trigrams { place.with_unseen() } else { domain.size(n) };
            place.is_whole = !matches!(domain, Domain::Numbers { n_decimals: 1.., .. });
            if n >= FEW_DOCUMENTS {
                contents.places.push(place);
            } else {
                for (n_documents, (n, bytes)) in place.counts {
                    let count = others.counts.entry(n_documents).or_default();
                    count.0 += n;
                    count.1 += bytes;
                }
            }
        }
        contents.places.push(others);
        contents
    }

    /// Reads the documents of a sample of rows.
    pub(crate) fn of_sample<'t>(parts: Parts, documents: impl IntoIterator<Item = &'t str>) -> Self {
        Self::of(parts, documents, [], 1.0)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.common.is_empty() && self.places.iter().all(|place| place.counts.is_empty())
    }

    /// Returns the entries of `n_rows` rows.
    pub(super) fn entries(&self, n_rows: f64) -> Vec<EntryClass> {
        let one = |&(share, bytes): &(f64, f64)| EntryClass { n: 1.0, share, bytes };
        let mut entries: Vec<EntryClass> = self.common.iter().map(one).collect();
        // As if the rows that have common documents were not there.
        let n_others = (n_rows * self.share).max(1.0);
        for place in &self.places {
            let of_place = place.entries(self.n_documents, n_others).into_iter();
            entries.extend(of_place.map(|class| EntryClass { share: class.share * self.share, ..class }));
        }
        entries
    }
}

impl Place {
    /// Entries of all documents, repeated ones as often as there are.
    fn n_parts(&self) -> f64 {
        self.counts.iter().map(|(times, (n, _))| f64::from(*times) * n).sum()
    }

    /// The entries that were seen and those that were not, after Chao ("Nonparametric estimation of the number of classes
    /// in a population", 1984): good where there are not many kinds of them, as of three letters in a row.
    fn with_unseen(&self) -> f64 {
        let of = |times: u32| self.counts.get(&times).map_or(0.0, |(n, _)| *n);
        let n_seen: f64 = self.counts.values().map(|(n, _)| n).sum();
        n_seen + of(1) * of(1) / (2.0 * of(2).max(1.0))
    }

    fn entries(&self, n_documents: f64, n_rows: f64) -> Vec<EntryClass> {
        let seen = |(times, (n, bytes)): (&u32, &(f64, f64))| {
            // Every one of them is there, which chance is not to take away.
            let rows = f64::from(*times) / n_documents * n_rows;
            let expected = expected_rows(rows).max(LEAST_ROWS);
            EntryClass { n: n * rows / expected, share: expected / n_rows, bytes: bytes / n }
        };
        if !self.counts.contains_key(&1) || n_documents >= n_rows {
            return self.counts.iter().map(seen).collect();
        }
        let n_parts = self.n_parts();
        let n_seen: f64 = self.counts.values().map(|(n, _)| n).sum();
        let bytes_of = |places: &mut dyn Iterator<Item = &(f64, f64)>| {
            let (n, bytes) = places.fold((0.0, 0.0), |sum, of| (sum.0 + of.0, sum.1 + of.1));
            bytes / n
        };
        let n_equal = self.if_equally_frequent(n_parts, n_seen, n_rows * n_parts / n_documents);
        let pairs =
            |(times, (n, _)): (&u32, &(f64, f64))| n * f64::from(*times) * (f64::from(*times) - 1.0) / 2.0;
        let n_pairs: f64 = self.counts.iter().map(pairs).sum();
        if n_pairs <= SKEWED * n_parts * n_parts / n_equal / 2.0 + FEW_PAIRS {
            let share = n_parts / n_documents / n_equal;
            return vec![EntryClass { n: n_equal, share, bytes: bytes_of(&mut self.counts.values()) }];
        }
        let n_many: f64 = self.counts.range(MANY_DOCUMENTS..).map(|(_, (n, _))| n).sum();
        let few = self.counts.range(..MANY_DOCUMENTS);
        let n_few: f64 = few.clone().map(|(_, (n, _))| n).sum();
        let rest = few.clone().map(|(times, (n, _))| f64::from(*times) * n).sum::<f64>() / n_documents;
        let bytes = bytes_of(&mut few.map(|(_, of)| of));
        let mut entries: Vec<EntryClass> = self.counts.range(MANY_DOCUMENTS..).map(seen).collect();
        let last = (f64::from(MANY_DOCUMENTS) - 0.5) / n_documents;
        let least = 1.01 * (n_many + rest / last);
        let classes = |n_ranks: f64| declining(n_many.max(1.0), last, rest, n_ranks);
        let most = self.domain.min(UNSHARED * n_rows).max(least);
        let n_ranks = solve((least, most), |n_ranks| {
            classes(n_ranks).iter().map(|it| it.n_keys * -(-it.share * n_documents).exp_m1()).sum::<f64>()
                < n_few
        });
        let rare = |class: Class| EntryClass { n: class.n_keys, share: class.share, bytes };
        entries.extend(classes(n_ranks).into_iter().map(rare));
        entries
    }

    /// Returns how many entries there are when all are equally frequent: as many as there can be, if the documents do not
    /// contradict that, or those of which as many would have been seen.
    fn if_equally_frequent(&self, n_parts: f64, n_seen: f64, n_table_parts: f64) -> f64 {
        let most = UNSHARED * n_table_parts;
        let n_repeated = n_parts - n_seen;
        if self.is_whole && n_repeated < 1.0 && (self.domain / n_table_parts - 1.0).abs() < SERIAL {
            return most;
        }
        let expected = |n: f64| n * -(-n_parts / n).exp_m1();
        // Repeated entries have Poisson's distribution, more or less.
        let n_expected = n_parts - expected(self.domain);
        if self.domain.is_finite() && (n_repeated - n_expected).abs() <= 2.0 * n_expected.sqrt() + 1.0 {
            return self.domain.min(most);
        }
        if n_repeated < 1.0 {
            return most;
        }
        solve((n_seen, most), |n| expected(n) < n_seen)
    }
}

/// The entries that a place could have, as far as those that were seen tell.
#[derive(Clone, Debug, PartialEq)]
enum Domain {
    Unknown,
    /// Numbers, of which the last decimal counts.
    Numbers {
        least: f64,
        greatest: f64,
        n_decimals: usize,
    },
    /// Texts that differ in whole numbers alone: what is between these, and the least and greatest of each.
    Numbered {
        frame: Vec<String>,
        ranges: Vec<(f64, f64)>,
    },
    Any,
}

impl Domain {
    /// Takes a value of [`Parts::value`] in.
    fn widen(&mut self, text: &str) {
        *self = match (std::mem::replace(self, Self::Any), text.strip_prefix('n')) {
            (Self::Unknown, Some(number)) => numbers(number),
            (Self::Unknown, None) => numbered(text),
            (Self::Numbers { least, greatest, n_decimals }, Some(number)) => match numbers(number) {
                Self::Numbers { least: a, greatest: b, n_decimals: n } => Self::Numbers {
                    least: least.min(a),
                    greatest: greatest.max(b),
                    n_decimals: n_decimals.max(n),
                },
                _ => Self::Any,
            },
            (Self::Numbered { frame, ranges }, _) => match numbered(text) {
                Self::Numbered { frame: other, ranges: more } if frame == other => {
                    let wider = |((a, b), (c, d)): (&(f64, f64), &(f64, f64))| (a.min(*c), b.max(*d));
                    Self::Numbered { frame, ranges: ranges.iter().zip(&more).map(wider).collect() }
                }
                _ => Self::Any,
            },
            _ => Self::Any,
        };
    }

    /// Returns how many entries there can be, of which `n` were seen.
    fn size(&self, n: f64) -> f64 {
        // The ends of a range are rarely among a few of its values.
        let wider = (n + 1.0) / (n - 1.0).max(1.0);
        match self {
            Self::Numbers { least, greatest, n_decimals } => {
                (greatest - least) * 10_f64.powi(i32::try_from(*n_decimals).unwrap_or(i32::MAX)) * wider + 1.0
            }
            Self::Numbered { ranges, .. } => {
                ranges.iter().map(|(least, greatest)| (greatest - least) * wider + 1.0).product()
            }
            Self::Unknown | Self::Any => f64::INFINITY,
        }
    }
}

fn numbers(text: &str) -> Domain {
    let n_decimals = text.split_once('.').map_or(0, |(_, decimals)| decimals.len());
    match text.parse() {
        Ok(number) if !text.contains(['e', 'E']) => {
            Domain::Numbers { least: number, greatest: number, n_decimals }
        }
        _ => Domain::Any,
    }
}

fn numbered(text: &str) -> Domain {
    let mut frame = vec![String::new()];
    let mut digits = vec![String::new()];
    for c in text.chars() {
        let is_in_number = digits.last().is_some_and(|it| !it.is_empty());
        match (c.is_ascii_digit(), is_in_number) {
            (true, _) => digits.last_mut().expect("never empty").push(c),
            (false, true) => {
                frame.push(c.to_string());
                digits.push(String::new());
            }
            (false, false) => frame.last_mut().expect("never empty").push(c),
        }
    }
    if digits.last().is_some_and(String::is_empty) {
        digits.pop();
    }
    let ranges: Option<Vec<(f64, f64)>> =
        digits.iter().map(|it| it.parse().ok().map(|number| (number, number))).collect();
    match ranges {
        Some(ranges) if !ranges.is_empty() => Domain::Numbered { frame, ranges },
        _ => Domain::Any,
    }
}
