//! What ANALYZE would say of a sample of rows: numbers of distinct values, and which values are common.

use std::cmp::Ordering;
use std::collections::HashMap;

use crate::array;
use crate::catalog::ColumnStatistics;

/// Entries of a list of most common values and steps of a histogram (`default_statistics_target`).
const TARGET: usize = 100;

/// Some rows of a table: the values of columns and expressions, in text form.
///
/// They are data of the target: they stay in memory and in throw-away servers.
#[derive(Debug, Default)]
pub(crate) struct Sample {
    pub(crate) schema: String,
    pub(crate) table: String,
    /// What was read, as SQL.
    pub(crate) expressions: Vec<String>,
    /// A value for each expression, in the order in which the rows are stored.
    pub(crate) rows: Vec<Vec<Option<String>>>,
    /// Rows of the whole table.
    pub(crate) n_table_rows: f64,
}

/// The statistics that an expression of a table's columns would have, were it indexed.
#[derive(Clone, Debug)]
pub(crate) struct ExpressionStatistics {
    pub(crate) schema: String,
    pub(crate) table: String,
    pub(crate) expression: String,
    pub(crate) statistics: ColumnStatistics,
}

/// How often values are in a sample.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Counts {
    n_rows: f64,
    n_distinct: f64,
    /// Values that are there once.
    n_once: f64,
}

impl Sample {
    /// Forgets the expressions that are not wanted.
    pub(crate) fn keep(&mut self, is_wanted: impl Fn(&str) -> bool) {
        let kept: Vec<bool> = self.expressions.iter().map(|expression| is_wanted(expression)).collect();
        let mut places = kept.iter();
        self.expressions.retain(|_| *places.next().expect("one for each"));
        for row in &mut self.rows {
            let mut places = kept.iter();
            row.retain(|_| *places.next().expect("one for each"));
        }
    }

    /// Returns the values of an expression, nulls aside; `None` when it was not read.
    pub(crate) fn values(&self, expression: &str) -> Option<impl Iterator<Item = &str>> {
        let at = self.expressions.iter().position(|have| have == expression)?;
        Some(self.rows.iter().filter_map(move |row| row[at].as_deref()))
    }

    /// Returns what counts combinations of the values.
    pub(crate) fn combinations(&self) -> Combinations<'_> {
        Combinations { sample: self, numbered: HashMap::new() }
    }

    /// Returns what ANALYZE would have said of an expression with the whole table before it, from what it said of a
    /// table that holds the sample alone: there it takes every value that comes twice for a common one.
    ///
    /// Values that are not common after all belong into the histogram, which the type's order is needed for: the second
    /// result is the number of bounds of the histogram that is to be made anew.
    pub(crate) fn scaled(
        &self,
        expression: usize,
        of_sample: ColumnStatistics,
    ) -> (ColumnStatistics, Option<usize>) {
        let mut statistics = of_sample;
        let counts = Counts::of(self.rows.iter().filter_map(|row| row[expression].as_deref()));
        // Types without equality have no number of values.
        if statistics.n_distinct == 0.0 || counts.n_rows == 0.0 {
            return (statistics, None);
        }
        let n_rows = self.n_table_rows.max(as_f64(self.rows.len()));
        let null_frac = f64::from(statistics.null_frac);
        let n_distinct = n_distinct(counts, n_rows * (1.0 - null_frac));
        // "A very arbitrary limit" above which the number is assumed to grow with the table (analyze.c).
        let is_relative = n_distinct > 0.1 * n_rows;
        statistics.n_distinct = as_f32(if is_relative { -n_distinct / n_rows } else { n_distinct });
        let lists_all = statistics.histogram_bounds.is_none() && !is_relative;
        if let (false, Some(values), Some(freqs)) =
            (lists_all, &statistics.most_common_vals, &statistics.most_common_freqs)
        {
            let n_kept = n_significant(freqs, n_distinct, null_frac, as_f64(self.rows.len()), n_rows);
            if n_kept == freqs.len() {
                return (statistics, None);
            }
            let (values, freqs) = (array::parse(values).unwrap_or_default(), freqs[..n_kept].to_vec());
            let kept = values.iter().take(n_kept).map(Option::as_deref);
            statistics.most_common_vals = (n_kept > 0).then(|| array::write(kept));
            statistics.most_common_freqs = (n_kept > 0).then_some(freqs);
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "at most 101")]
            let n_bounds = (counts.n_distinct - as_f64(n_kept)).min(as_f64(TARGET + 1)) as usize;
            // Only types with an order have a correlation.
            return (statistics.clone(), statistics.correlation.map(|_| n_bounds));
        }
        (statistics, None)
    }
}

/// Counts combinations of a sample's values, of which there are many with few expressions.
#[derive(Debug)]
pub(crate) struct Combinations<'s> {
    sample: &'s Sample,
    /// For the places of expressions, a number for each row's value: texts take long to compare.
    numbered: HashMap<usize, Vec<u32>>,
}

impl Combinations<'_> {
    /// Estimates how many combinations of these expressions' values the table has; NULL counts as a value, as it does
    /// in an index. `None` when one of them was not read.
    pub(crate) fn distinct(&mut self, expressions: &[&str]) -> Option<f64> {
        let sample = self.sample;
        let mut combined: Vec<u32> = vec![0; sample.rows.len()];
        for wanted in expressions {
            let place = sample.expressions.iter().position(|have| have == wanted)?;
            let values = self.numbered.entry(place).or_insert_with(|| {
                let values = sample.rows.iter().map(|row| row[place].as_deref());
                numbers(values)
            });
            let pairs = combined.iter().zip(&*values).map(|(first, second)| (*first, *second));
            combined = numbers(pairs);
        }
        Some(n_distinct(Counts::of(combined.into_iter()), sample.n_table_rows))
    }
}

/// Gives the same number to the same keys, from 0 on.
fn numbers<K: Eq + std::hash::Hash>(keys: impl ExactSizeIterator<Item = K>) -> Vec<u32> {
    let mut known: HashMap<K, u32> = HashMap::with_capacity(keys.len());
    keys.map(|key| {
        let next = u32::try_from(known.len()).expect("a sample has fewer rows");
        *known.entry(key).or_insert(next)
    })
    .collect()
}

impl Counts {
    fn of<K: Eq + std::hash::Hash>(keys: impl Iterator<Item = K>) -> Self {
        let mut counts: HashMap<K, u32> = HashMap::new();
        let mut n_rows = 0_usize;
        for key in keys {
            *counts.entry(key).or_default() += 1;
            n_rows += 1;
        }
        let n_once = counts.values().filter(|count| **count == 1).count();
        Self { n_rows: as_f64(n_rows), n_distinct: as_f64(counts.len()), n_once: as_f64(n_once) }
    }
}

/// Estimates how many values `n_rows` rows have, as `compute_scalar_stats` of analyze.c does: the estimator Duj1 of Haas
/// and Stokes ("Sampling-based estimation of the number of distinct values of an attribute", VLDB 1995).
fn n_distinct(sample: Counts, n_rows: f64) -> f64 {
    let Counts { n_rows: n, n_distinct: d, n_once: f1 } = sample;
    if n >= n_rows || f1 == 0.0 {
        // Seen in full; or every value came more than once, so that there are no others.
        return d;
    }
    if f1 >= d {
        return n_rows;
    }
    (n * d / (n - f1 + f1 * n / n_rows)).round().clamp(d, n_rows)
}

/// Returns how many of the most common values are significantly more common than the rest of the values
/// (`analyze_mcv_list` of analyze.c).
fn n_significant(
    freqs: &[f32],
    n_distinct: f64,
    null_frac: f64,
    n_sample_rows: f64,
    n_table_rows: f64,
) -> usize {
    if n_sample_rows >= n_table_rows {
        return freqs.len();
    }
    let (n, all) = (n_sample_rows, n_table_rows);
    let counts: Vec<f64> = freqs.iter().map(|freq| (f64::from(*freq) * n).round()).collect();
    let mut n_kept = counts.len();
    while n_kept > 0 {
        let (last, others) = (counts[n_kept - 1], &counts[..n_kept - 1]);
        let rest = (1.0 - others.iter().sum::<f64>() / n - null_frac).clamp(0.0, 1.0);
        let n_others = n_distinct - as_f64(n_kept - 1);
        let expected = if n_others > 1.0 { rest / n_others } else { rest };
        let in_table = all * last / n;
        let variance = n * in_table * (all - in_table) * (all - n) / (all * all * (all - 1.0));
        // More than two standard deviations above, with half a row for continuity.
        if last > expected * n + 2.0 * variance.sqrt() + 0.5 {
            break;
        }
        n_kept -= 1;
    }
    n_kept
}

/// Returns statistics of values alone, for columns that were never analyzed.
pub(crate) fn of_values(mut values: Vec<String>) -> ColumnStatistics {
    values.sort_unstable_by(|a, b| compare(a, b));
    let n_rows = as_f64(values.len());
    let mut runs: Vec<(usize, &str)> =
        values.chunk_by(|a, b| a == b).map(|run| (run.len(), run[0].as_str())).collect();
    let n_distinct = runs.len();
    // Stable: equally common values stay in their order.
    runs.sort_by_key(|(count, _)| std::cmp::Reverse(*count));
    runs.retain(|(count, _)| *count > 1);
    runs.truncate(TARGET);
    let others: Vec<&str> = values
        .iter()
        .map(String::as_str)
        .filter(|value| runs.iter().all(|(_, common)| common != value))
        .collect();
    let n_bounds = others.len().min(TARGET + 1);
    let bounds = (0..n_bounds).map(|i| Some(others[i * (others.len() - 1) / (n_bounds - 1).max(1)]));
    ColumnStatistics {
        n_distinct: as_f32(as_f64(n_distinct)),
        most_common_vals: (!runs.is_empty())
            .then(|| array::write(runs.iter().map(|(_, value)| Some(*value)))),
        most_common_freqs: (!runs.is_empty())
            .then(|| runs.iter().map(|(count, _)| as_f32(as_f64(*count) / n_rows)).collect()),
        histogram_bounds: (n_bounds > 1).then(|| array::write(bounds)),
        ..ColumnStatistics::default()
    }
}

/// Orders values in text form as their type most likely does: numbers as numbers, everything else (texts, and dates
/// and times in ISO format) by bytes.
pub(crate) fn compare(a: &str, b: &str) -> Ordering {
    match (a.parse::<f64>(), b.parse::<f64>()) {
        (Ok(a_number), Ok(b_number)) => a_number.total_cmp(&b_number).then_with(|| a.cmp(b)),
        (Ok(_), Err(_)) => Ordering::Less,
        (Err(_), Ok(_)) => Ordering::Greater,
        (Err(_), Err(_)) => a.cmp(b),
    }
}

#[expect(clippy::cast_precision_loss, reason = "numbers of sampled rows are far below 2^53")]
fn as_f64(n: usize) -> f64 {
    n as f64
}

#[expect(clippy::cast_possible_truncation, reason = "pg_statistic holds float4")]
fn as_f32(number: f64) -> f32 {
    number as f32
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random;
    use proptest::prelude::*;

    fn sample(values: impl Iterator<Item = u64>, n_table_rows: f64) -> Sample {
        Sample {
            expressions: vec!["a".into(), "b".into()],
            rows: values.map(|value| vec![Some(value.to_string()), None]).collect(),
            n_table_rows,
            ..Sample::default()
        }
    }

    /// 30,000 of a million rows with `n_values` values, all equally common.
    fn check(n_values: u64, tolerance: f64) {
        let sample = sample((0..30_000).map(|i| random::below(random::mix(i), n_values)), 1e6);
        let estimate = sample.combinations().distinct(&["a"]).unwrap();
        let truth = as_f64(usize::try_from(n_values).unwrap());
        assert!((estimate / truth - 1.0).abs() < tolerance, "{estimate} of {truth}");
    }

    #[test]
    fn estimates_distinct_values() {
        check(10, 0.001);
        check(1_000, 0.001);
        check(20_000, 0.1);
        let sample_of_unique = sample(0..30_000, 1e6);
        let mut unique = sample_of_unique.combinations();
        assert_eq!(unique.distinct(&["a"]), Some(1e6));
        assert_eq!(unique.distinct(&["a", "b"]), Some(1e6));
        assert_eq!(unique.distinct(&["b"]), Some(1.0));
        assert_eq!(unique.distinct(&["c"]), None);
        assert_eq!(sample(0..50, 50.0).combinations().distinct(&["a"]), Some(50.0));
    }

    #[test]
    fn keeps_what_is_significantly_common() {
        // One value in a tenth of the rows, another twice, thousands once.
        assert_eq!(n_significant(&[0.1, 2.0 / 30_000.0], 500_000.0, 0.0, 30_000.0, 1e6), 1);
        assert_eq!(n_significant(&[0.3, 0.1], 200.0, 0.5, 30_000.0, 1e6), 2);
        assert_eq!(n_significant(&[], 2.0, 0.5, 30_000.0, 1e6), 0);
        assert_eq!(n_significant(&[0.02, 0.02], 50.0, 0.0, 100.0, 100.0), 2);
    }

    #[test]
    fn scales_to_the_table() {
        let of_sample = || ColumnStatistics {
            n_distinct: 29_999.0,
            most_common_vals: Some("{0}".into()),
            most_common_freqs: Some(vec![2.0 / 30_000.0]),
            histogram_bounds: Some("{1,29998}".into()),
            correlation: Some(0.5),
            ..ColumnStatistics::default()
        };
        let nearly_unique =
            sample((0..30_000).map(|i| i / 2 * 2 % 59_998 * u64::from(i < 2) + i * u64::from(i >= 2)), 1e6);
        let (scaled, n_bounds) = nearly_unique.scaled(0, of_sample());
        assert!(scaled.n_distinct < -0.9, "{}", scaled.n_distinct);
        assert_eq!((scaled.most_common_vals, scaled.most_common_freqs), (None, None));
        assert_eq!(n_bounds, Some(101));
        let whole = Sample { n_table_rows: 30_000.0, ..nearly_unique };
        assert_eq!(whole.scaled(0, of_sample()).0.most_common_vals.as_deref(), Some("{0}"));
    }

    #[test]
    fn makes_statistics_of_values() {
        let values = ["10", "9", "9", "9", "x", "1", "1"].map(str::to_owned).to_vec();
        let statistics = of_values(values);
        assert_eq!(statistics.most_common_vals.as_deref(), Some("{\"9\",\"1\"}"));
        assert_eq!(statistics.histogram_bounds.as_deref(), Some("{\"10\",\"x\"}"));
        assert_eq!(of_values(Vec::new()).histogram_bounds, None);
    }

    proptest! {
        #[test]
        fn there_are_as_many_values_as_seen_and_no_more_than_rows(values in prop::collection::vec(0u64..50, 1..200), more in 0f64..1e6) {
            let n_rows = as_f64(values.len()) + more;
            let seen = Counts::of(values.iter());
            let estimate = n_distinct(seen, n_rows);
            prop_assert!(estimate >= seen.n_distinct && estimate <= n_rows, "{estimate}");
        }

        #[test]
        fn values_have_one_order(values in prop::collection::vec("-?[0-9]{1,3}(\\.5)?|[a-z]{0,3}|NaN|inf", 0..20)) {
            let statistics = of_values(values.clone());
            let bounds = array::parse(&statistics.histogram_bounds.unwrap_or("{}".into())).unwrap();
            prop_assert!(bounds.iter().flatten().collect::<Vec<_>>().is_sorted_by(|a, b| compare(a, b) != Ordering::Greater));
        }
    }
}
