//! What stands in the copy for the values of a statement that was written for the source.
//!
//! The copy has other values in the same order. So a value has its counterpart at the same place of its column's statistics: a
//! most common value the one that is as common and about as far up, any other value the one with as many rows below it. Numbers
//! and moments are found between known values as well; of texts the nearest known one is taken. A pattern becomes one that finds
//! about as large a share of the known values. All else stays: limits, distances (`+ 5`, intervals), arguments of functions, what
//! is compared with expressions, and values of columns without statistics.

use std::cmp::Ordering;
use std::collections::BTreeSet;

use super::column::{list, order};
use crate::array;
use crate::catalog::{Catalog, Column, ColumnStatistics, Table};
use crate::query::check::{self, Literal, PatternKind};
use crate::query::{self, Notation, Operand, ParameterUse, TableName};
use crate::seed::condition::domain::TextDomain;
use crate::seed::condition::pattern;
use crate::seed::exact::count;

/// Letters of a piece of a text that a pattern looks for: with more, hardly any two texts have one in common.
const MAX_PIECE: usize = 6;
/// Decimals of a number between two known ones.
const N_DECIMALS: usize = 6;

/// The statistics of both databases.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Counterparts<'c> {
    pub(crate) source: &'c Catalog,
    pub(crate) copy: &'c Catalog,
}

impl Counterparts<'_> {
    /// Returns a statement with the counterparts of its constants.
    pub(crate) fn statement(&self, sql: &str) -> String {
        let constants = query::constants(sql, self.source);
        let values: Vec<Option<String>> =
            constants.iter().map(|it| self.value(it.compared.as_ref()?, &it.text)).collect();
        query::with_constants(sql, &constants, &values)
    }

    /// Returns the values of a statement's parameters as they are in the copy.
    pub(crate) fn parameters(&self, sql: &str, values: &[Option<String>]) -> Vec<Option<String>> {
        let uses = query::parse(sql).map(|parsed| parsed.shape(self.source).parameters).unwrap_or_default();
        let numbered = values.iter().zip(1..);
        numbered
            .map(|(value, number)| {
                let value = value.as_ref()?;
                let compared = uses.iter().find(|it| it.number() == number);
                compared.and_then(|it| self.value(it, value)).or_else(|| Some(value.clone()))
            })
            .collect()
    }

    /// Returns what stands for one value; `None` where it stays.
    fn value(&self, compared: &ParameterUse, value: &str) -> Option<String> {
        let (source, copy) = match compared {
            ParameterUse::Column { table, column, .. } | ParameterUse::Array { table, column, .. } => {
                self.ladders(table, column)?
            }
            ParameterUse::Pattern {
                table,
                operand: Operand::Column(column),
                notation: Notation::Like,
                ..
            } => self.ladders(table, column)?,
            _ => return None,
        };
        match compared {
            ParameterUse::Array { .. } => {
                let elements = array::parse(value)?;
                let one = |element: Option<String>| {
                    element.map(|it| {
                        source.find(&it).and_then(|rung| copy.at(rung, Wanted::Share)).unwrap_or(it)
                    })
                };
                let elements: Vec<Option<String>> = elements.into_iter().map(one).collect();
                Some(array::write(elements.iter().map(Option::as_deref)))
            }
            ParameterUse::Pattern { .. } => copy.pattern(&source, value),
            ParameterUse::Column { bound: Some(_), .. } => copy.at(source.find(value)?, Wanted::Place),
            _ => copy.at(source.find(value)?, Wanted::Share),
        }
    }

    fn ladders(&self, table: &TableName, column: &str) -> Option<(Ladder, Ladder)> {
        let table = self.source.table(table)?;
        let of = |table: &Table| {
            let column = table.column(column)?;
            Some(Ladder::new(column, column.statistics()?))
        };
        let is_same = |other: &&Table| other.schema == table.schema && other.name == table.name;
        let by_name = || self.copy.table(&TableName { schema: None, name: table.name.clone() });
        let copy = self.copy.tables.iter().find(is_same).or_else(by_name)?;
        Some((of(table)?, of(copy)?))
    }
}

/// What statistics know of a column's values, in their order. Shares are of the rows that are not NULL.
struct Ladder {
    base_type: String,
    is_bytewise: bool,
    steps: Vec<Step>,
    /// Decimals of the known values.
    n_decimals: usize,
}

/// A known value.
struct Step {
    text: String,
    number: Option<f64>,
    /// The share of the rows with lower values.
    below: f64,
    /// Of a most common value; 0 for a bound of the histogram.
    share: f64,
}

/// A place in the order of a column's values.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Rung {
    /// A most common value.
    Common { below: f64, share: f64 },
    /// So large a share of the rows is below.
    Between(f64),
    /// So far before the first or behind the last known value.
    Outside(f64),
}

/// What counts of a most common value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wanted {
    /// How many rows have it: it is compared with `=`.
    Share,
    /// How many are below: it is an end of a range.
    Place,
}

/// Of values as common as each other the nearest is taken: places count a little besides shares.
const PLACE_WEIGHT: f64 = 0.1;

impl Ladder {
    fn new(column: &Column, statistics: &ColumnStatistics) -> Self {
        let base_type = column.base_type.clone();
        let bounds = list(statistics.histogram_bounds.as_deref());
        // Bounds are in the order of the column's collation, which texts of one case and without blanks share with C.
        let is_bytewise = bounds.is_sorted();
        let number = |text: &str| number(&base_type, text);
        let compare = |a: &(String, Option<f64>), b: &(String, Option<f64>)| match (a.1, b.1) {
            (Some(a), Some(b)) => a.total_cmp(&b),
            _ => texts_in(is_bytewise, &a.0, &b.0),
        };
        let not_null = (1.0 - f64::from(statistics.null_frac)).max(f64::MIN_POSITIVE);
        let shares = statistics.most_common_freqs.iter().flatten();
        let mut common: Vec<((String, Option<f64>), f64)> = list(statistics.most_common_vals.as_deref())
            .into_iter()
            .zip(shares)
            .map(|(text, share)| ((text.clone(), number(&text)), f64::from(*share) / not_null))
            .collect();
        common.sort_by(|a, b| compare(&a.0, &b.0));
        let bounds: Vec<(String, Option<f64>)> = bounds
            .into_iter()
            .map(|text| {
                let number = number(&text);
                (text, number)
            })
            .collect();
        let others = (1.0 - common.iter().map(|(_, share)| share).sum::<f64>()).max(0.0);
        let of_bounds = |place: f64| others * place / count(bounds.len().saturating_sub(1).max(1) as u64);
        let mut steps = Vec::with_capacity(common.len() + bounds.len());
        let mut sum = 0.0;
        let mut common = common.into_iter().peekable();
        for (place, bound) in bounds.iter().enumerate() {
            while let Some((value, share)) = common.next_if(|(value, _)| compare(value, bound).is_lt()) {
                // Between two bounds as far as its number is.
                let before = place.checked_sub(1).map(|before| &bounds[before]);
                let way = before.and_then(|before| {
                    let way = (value.1? - before.1?) / (bound.1? - before.1?);
                    Some(count(place as u64) - 1.0 + way.clamp(0.0, 1.0))
                });
                let way = way.unwrap_or_else(|| (count(place as u64) - 0.5).max(0.0));
                steps.push(Step { text: value.0, number: value.1, below: sum + of_bounds(way), share });
                sum += share;
            }
            let below = sum + of_bounds(count(place as u64));
            steps.push(Step { text: bound.0.clone(), number: bound.1, below, share: 0.0 });
        }
        let last = if bounds.is_empty() { 0.0 } else { others };
        for (value, share) in common {
            steps.push(Step { text: value.0, number: value.1, below: sum + last, share });
            sum += share;
        }
        let decimals = |step: &Step| step.text.split_once('.').map_or(0, |(_, after)| after.len());
        let n_decimals = steps.iter().map(decimals).max().unwrap_or(0).min(N_DECIMALS);
        Self { base_type, is_bytewise, steps, n_decimals }
    }

    /// Finds a value.
    fn find(&self, text: &str) -> Option<Rung> {
        let number = number(&self.base_type, text);
        let is_it = |step: &&Step| match (step.number, number) {
            (Some(a), Some(b)) => a.total_cmp(&b) == Ordering::Equal,
            _ => step.text.trim_end() == text.trim_end(),
        };
        let mut same = self.steps.iter().filter(is_it);
        if let Some(first) = same.clone().next() {
            let common = same.find(|step| step.share > 0.0);
            return Some(common.map_or(Rung::Between(first.below), |step| Rung::Common {
                below: step.below,
                share: step.share,
            }));
        }
        let is_below = |step: &Step| match (step.number, number) {
            (Some(a), Some(b)) => a < b,
            _ => texts_in(self.is_bytewise, &step.text, text).is_lt(),
        };
        let next = self.steps.partition_point(is_below);
        let Some(before) = next.checked_sub(1).map(|at| &self.steps[at]) else {
            let first = self.steps.first()?;
            return Some(Rung::Outside(number.zip(first.number).map_or(0.0, |(own, first)| own - first)));
        };
        let Some(after) = self.steps.get(next) else {
            let by = number.zip(before.number).map_or(0.0, |(own, last)| own - last);
            return Some(Rung::Outside(by.max(f64::MIN_POSITIVE)));
        };
        let (from, to) = (before.below + before.share, after.below);
        let way = number.zip(before.number.zip(after.number));
        let way = way.map_or(0.5, |(own, (low, high))| (own - low) / (high - low));
        Some(Rung::Between(from + (to - from) * way))
    }

    /// Returns the value at a place; `None` where nothing is known.
    fn at(&self, rung: Rung, wanted: Wanted) -> Option<String> {
        let share = match rung {
            Rung::Common { below, share } => {
                let middle = |below: f64, share: f64| below + share / 2.0;
                let distance = |step: &&Step| {
                    let apart = (middle(step.below, step.share) - middle(below, share)).abs();
                    match wanted {
                        Wanted::Share => (step.share - share).abs() + PLACE_WEIGHT * apart,
                        Wanted::Place => apart,
                    }
                };
                let common = self.steps.iter().filter(|step| step.share > 0.0);
                let nearest = common.min_by(|a, b| distance(a).total_cmp(&distance(b)));
                match nearest {
                    Some(step) => return Some(step.text.clone()),
                    None => middle(below, share),
                }
            }
            Rung::Between(share) => share,
            Rung::Outside(by) => {
                let end = if by > 0.0 { self.steps.last()? } else { self.steps.first()? };
                return Some(end.number.map_or_else(|| end.text.clone(), |it| self.written(it + by)));
            }
        };
        let next = self.steps.partition_point(|step| step.below + step.share < share);
        let after = self.steps.get(next).or(self.steps.last())?;
        let before = next.checked_sub(1).map_or(after, |at| &self.steps[at]);
        let (from, to) = (before.below + before.share, after.below);
        // Inside of what is common: its nearer end.
        let way = if to > from { ((share - from) / (to - from)).clamp(0.0, 1.0) } else { 1.0 };
        match before.number.zip(after.number) {
            Some((low, high)) if way > 0.0 && way < 1.0 => Some(self.written(low + (high - low) * way)),
            _ => Some(if way < 0.5 { &before.text } else { &after.text }.clone()),
        }
    }

    /// Returns a pattern of the same form that finds as large a share of the known values here as one does in the source.
    fn pattern(&self, source: &Self, pattern: &str) -> Option<String> {
        let fixed: String = pattern.chars().filter(|c| !matches!(c, '%' | '_' | '\\')).collect();
        if fixed.len() == pattern.len() {
            return self.at(source.find(pattern)?, Wanted::Share);
        }
        let (is_start, is_end) = (!pattern.starts_with(['%', '_']), !pattern.ends_with(['%', '_']));
        let wanted = source.share(|text| is_like(text, pattern));
        if wanted == 0.0 {
            // What nothing known matches stays so; where a text begins decides which part of an index is read.
            let beginning: String = pattern.chars().take_while(|c| !matches!(c, '%' | '_' | '\\')).collect();
            let place = source.find(&beginning).filter(|_| is_start)?;
            return self.at(place, Wanted::Place).map(|text| format!("{}%", escaped(text.trim_end())));
        }
        let mut pieces: BTreeSet<String> = BTreeSet::new();
        for step in &self.steps {
            let text: Vec<char> = step.text.trim_end().chars().collect();
            for n in 1..=MAX_PIECE.min(text.len()) {
                let windows = text.windows(n).map(|piece| piece.iter().collect::<String>());
                match (is_start, is_end) {
                    (true, _) => pieces.extend(windows.take(1)),
                    (false, true) => pieces.extend(windows.rev().take(1)),
                    (false, false) => pieces.extend(windows),
                }
            }
        }
        let finds = |piece: &str, text: &str| match (is_start, is_end) {
            (true, _) => text.starts_with(piece),
            (false, true) => text.trim_end().ends_with(piece),
            (false, false) => text.contains(piece),
        };
        let off = |piece: &str| (self.share(|text| finds(piece, text)) - wanted).abs();
        let offs = pieces
            .iter()
            .map(|piece| (off(piece), piece.chars().count().abs_diff(fixed.chars().count()), piece));
        let (_, _, piece) = offs.min_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)))?;
        let piece = escaped(piece);
        Some(match (is_start, is_end) {
            (true, _) => format!("{piece}%"),
            (false, true) => format!("%{piece}"),
            (false, false) => format!("%{piece}%"),
        })
    }

    /// The share of the rows whose values are as wanted, as the planner estimates it for patterns (`patternsel_common` of
    /// `like_support.c`): of common values their own, of the others that of the bounds.
    fn share(&self, is_wanted: impl Fn(&str) -> bool) -> f64 {
        let (mut common, mut of_common, mut n_bounds, mut n_wanted) = (0.0, 0.0, 0_u64, 0_u64);
        for step in &self.steps {
            let is_wanted = is_wanted(&step.text);
            if step.share > 0.0 {
                common += step.share;
                of_common += if is_wanted { step.share } else { 0.0 };
            } else {
                n_bounds += 1;
                n_wanted += u64::from(is_wanted);
            }
        }
        of_common + (1.0 - common).max(0.0) * count(n_wanted) / count(n_bounds.max(1))
    }

    /// Writes a number as a value of the column's type.
    fn written(&self, number: f64) -> String {
        #[expect(clippy::cast_possible_truncation, reason = "a cast saturates")]
        let whole = number.round() as i64;
        match self.base_type.as_str() {
            "date" => {
                #[expect(
                    clippy::cast_possible_truncation,
                    clippy::cast_precision_loss,
                    reason = "a cast saturates"
                )]
                let days = (number / check::literal::US_PER_DAY as f64).round() as i32;
                Literal::Date(days).text().unwrap_or_default()
            }
            "timestamp" => Literal::Timestamp(whole).text().unwrap_or_default(),
            // Whatever the time zone of the session is.
            "timestamptz" => format!("{}+00", Literal::Timestamp(whole).text().unwrap_or_default()),
            "int2" | "int4" | "int8" | "oid" => whole.to_string(),
            _ => format!("{number:.*}", self.n_decimals),
        }
    }
}

/// Compares texts by their bytes, or as linguistic collations do.
fn texts_in(is_bytewise: bool, a: &str, b: &str) -> Ordering {
    if is_bytewise { a.cmp(b) } else { order(a, b) }
}

/// A value as a number, where it is one: moments in µs since 2000-01-01.
fn number(base_type: &str, text: &str) -> Option<f64> {
    match base_type {
        #[expect(clippy::cast_precision_loss, reason = "µs of a century are below 2^53")]
        "date" | "timestamp" | "timestamptz" => check::literal::timestamp(text).map(|us| us as f64),
        "int2" | "int4" | "int8" | "oid" | "numeric" | "float4" | "float8" => {
            text.parse().ok().filter(|number: &f64| number.is_finite())
        }
        _ => None,
    }
}

fn is_like(text: &str, pattern: &str) -> bool {
    let pattern = check::Pattern { text: pattern.to_owned(), kind: PatternKind::Like };
    let domain = TextDomain { min_chars: 0, max_chars: u32::MAX, patterns: vec![(pattern, false)] };
    pattern::accepts(&domain, text)
}

/// A text as a part of a pattern that finds it.
fn escaped(text: &str) -> String {
    text.chars().fold(String::new(), |mut escaped, c| {
        if matches!(c, '%' | '_' | '\\') {
            escaped.push('\\');
        }
        escaped.push(c);
        escaped
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn ladder(base_type: &str, common: &[(&str, f32)], bounds: &[&str]) -> Ladder {
        let list = |values: &[&str]| Some(array::write(values.iter().map(|&value| Some(value))));
        let names: Vec<&str> = common.iter().map(|(name, _)| *name).collect();
        let column = Column { name: "x".to_owned(), base_type: base_type.to_owned(), ..Column::default() };
        let statistics = ColumnStatistics {
            most_common_vals: list(&names),
            most_common_freqs: Some(common.iter().map(|(_, share)| *share).collect()),
            histogram_bounds: list(bounds).filter(|_| !bounds.is_empty()),
            ..ColumnStatistics::default()
        };
        Ladder::new(&column, &statistics)
    }

    fn check((source, copy): (&Ladder, &Ladder), value: &str, expected: &str) {
        let found = source.find(value).and_then(|rung| copy.at(rung, Wanted::Place));
        assert_eq!(found.as_deref(), Some(expected), "{value} {:?}", source.find(value));
    }

    #[test]
    fn common_values_have_common_counterparts() {
        let source = ladder("text", &[("done", 0.6), ("open", 0.3), ("lost", 0.1)], &[]);
        let copy = ladder("text", &[("b", 0.61), ("q", 0.29), ("m", 0.1)], &[]);
        for (value, expected) in [("done", "b"), ("lost", "m"), ("open", "q")] {
            check((&source, &copy), value, expected);
        }
        // In another order, as far as shares tell them apart.
        let other = ladder("text", &[("z", 0.6), ("a", 0.3), ("m", 0.1)], &[]);
        let found = source.find("done").and_then(|rung| other.at(rung, Wanted::Share));
        assert_eq!(found.as_deref(), Some("z"));
        // Padded ones of `character(n)`.
        let padded = ladder("bpchar", &[("done ", 0.6), ("open ", 0.4)], &[]);
        check((&padded, &copy), "done", "b");
    }

    #[test]
    fn numbers_are_found_between_known_ones() {
        let source = ladder("int4", &[("50", 0.2)], &["0", "100", "1000"]);
        let copy = ladder("int4", &[("1050", 0.2)], &["1000", "1100", "2000"]);
        for (value, expected) in
            [("0", "1000"), ("100", "1100"), ("550", "1550"), ("50", "1050"), ("1003", "2003"), ("-1", "999")]
        {
            check((&source, &copy), value, expected);
        }
        let dates = ladder("date", &[], &["2020-01-01", "2020-12-31"]);
        let later = ladder("date", &[], &["2024-01-01", "2024-12-31"]);
        check((&dates, &later), "2020-03-01", "2024-03-01");
        let moments = ladder("timestamptz", &[], &["2020-01-01 00:00:00+00", "2020-01-03 00:00:00+00"]);
        let later = ladder("timestamptz", &[], &["2021-01-01 00:00:00+00", "2021-01-03 00:00:00+00"]);
        check((&moments, &later), "2020-01-02 00:00:00+00", "2021-01-02 00:00:00+00");
        let nothing = ladder("int4", &[], &[]);
        assert_eq!(source.find("5").and_then(|rung| nothing.at(rung, Wanted::Share)), None);
        assert_eq!(nothing.find("5"), None);
    }

    #[test]
    fn patterns_find_as_much() {
        let source = ladder("text", &[], &["large brass", "large tin", "small brass", "small iron"]);
        let copy = ladder("text", &[], &["aax", "aby", "bay", "bbx"]);
        let of = |pattern: &str| copy.pattern(&source, pattern);
        assert_eq!(of("large%").as_deref(), Some("a%"));
        assert_eq!(of("%tin").as_deref(), Some("%aax"));
        assert_eq!(of("%brass").as_deref(), Some("%x"));
        assert_eq!(of("%special%requests%"), None);
        assert_eq!(of("small brass").as_deref(), Some("bay"));
        assert_eq!(of("tiny%").as_deref(), Some("bbx%"));
    }

    proptest! {
        #[test]
        fn a_ladder_is_its_own_counterpart(
            bounds in prop::collection::btree_set(-10_000i32..10_000, 2..40),
            common in prop::collection::btree_set(-10_000i32..10_000, 0..10),
            value in -12_000i32..12_000,
        ) {
            let bounds: Vec<String> = bounds.difference(&common).map(i32::to_string).collect();
            let bounds: Vec<&str> = bounds.iter().map(String::as_str).collect();
            let common: Vec<(String, f32)> = common.iter().map(|value| (value.to_string(), 0.03)).collect();
            let common: Vec<(&str, f32)> = common.iter().map(|(value, share)| (value.as_str(), *share)).collect();
            let ladder = ladder("int4", &common, &bounds);
            prop_assume!(!ladder.steps.is_empty());
            prop_assert!(ladder.steps.is_sorted_by(|a, b| a.below + a.share <= b.below + 1e-9));
            let found = ladder.find(&value.to_string()).and_then(|rung| ladder.at(rung, Wanted::Place)).unwrap();
            let found: i32 = found.parse().unwrap();
            // Between common values there may be no rows at all, and then no place tells one value from another.
            let is_told = common.is_empty() || common.iter().any(|(known, _)| *known == value.to_string());
            prop_assert!(bounds.len() < 2 || !is_told || (found - value).abs() <= 1, "{} instead of {}", found, value);
        }
    }
}
