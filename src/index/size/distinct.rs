//! How the rows of a table fall on a column's values, the ones included that ANALYZE does not name.

use super::spectrum::{Class, Spectrum};
use crate::catalog::{ColumnStatistics, Table};

/// Rows, and pages, that ANALYZE looks at with the default statistics target (300 × 100, `std_typanalyze`).
const SAMPLE_ROWS: f64 = 30_000.0;
/// From here on equal values are taken to lie side by side in the table.
const CLUSTERED: f32 = 0.95;
/// With this many most common values the others are taken to follow their decline.
const MANY_COMMON: usize = 50;
/// The ranks that one class of declining values spans, as a factor.
const RANKS_PER_CLASS: f64 = 1.5;

/// Returns the spectrum of a column's values.
///
/// ANALYZE extrapolates their number from those that its sample has once (`compute_scalar_stats` in analyze.c, after
/// Haas and Stokes), which is far too low in common cases. So this looks for a distribution of which ANALYZE would have
/// reported the number that it did:
/// - Beside the most common values all are equally frequent; or, where there are many common ones, they decline with
///   their rank by a power, as names and words do.
/// - Equal values side by side, as of a foreign key that children are stored under, are met more often in the sample
///   than by chance, because it reads whole pages: by the share of the pages that it reads.
pub(super) fn spectrum(statistics: &ColumnStatistics, table: &Table) -> Spectrum {
    let n_rows = table.planned_rows();
    let reported = match f64::from(statistics.n_distinct) {
        share if share < 0.0 => -share * n_rows,
        number => number,
    };
    let common = statistics.most_common_freqs.as_deref().unwrap_or_default();
    let null_frac = f64::from(statistics.null_frac);
    let known = || Spectrum::of_values(common, null_frac, reported, n_rows);
    let rest = 1.0 - null_frac - common.iter().copied().map(f64::from).sum::<f64>();
    let n_common = count(common.len());
    if n_rows <= SAMPLE_ROWS || rest * n_rows < 0.5 || reported <= n_common {
        return known();
    }
    let sample = Sample { n_rows: n_rows * (1.0 - null_frac), share: SAMPLE_ROWS / n_rows, n_common };
    if reported >= 0.9999 * sample.n_rows {
        return known();
    }
    let declining = common
        .last()
        .filter(|_| common.len() >= MANY_COMMON)
        .and_then(|last| sample.declining(rest, f64::from(*last), n_rows, reported));
    let rare = declining.unwrap_or_else(|| {
        let class = |n_keys: f64| vec![Class { n_keys, share: rest / n_keys, nulls: 0 }];
        let n_keys = solve((1.0, 1e6 * n_rows), |n_keys| sample.reports(&class(n_keys), n_rows) < reported);
        class(n_keys / share_of_pages(statistics, reported, table))
    });
    Spectrum::of_classes(common, null_frac, rare, n_rows)
}

/// The share of the pages that a sample reads, by which equal values side by side seem more frequent than they are.
fn share_of_pages(statistics: &ColumnStatistics, n_distinct: f64, table: &Table) -> f64 {
    let n_pages = f64::from(table.n_pages);
    let is_clustered = statistics.correlation.is_some_and(|correlation| correlation.abs() > CLUSTERED);
    if is_clustered && n_distinct > n_pages { (SAMPLE_ROWS / n_pages).min(1.0) } else { 1.0 }
}

/// Returns how many combinations of these columns there are when a sample's rows, extrapolated, give `n_sampled`: more
/// where one of the columns has its equal values side by side.
pub(crate) fn combinations_of_sample(n_sampled: f64, columns: &[&str], table: &Table) -> f64 {
    let n_rows = table.planned_rows();
    let share = columns
        .iter()
        .filter_map(|name| {
            let column = table.column(name)?;
            Some(share_of_pages(column.statistics()?, column.distinct(n_rows), table))
        })
        .fold(1.0, f64::min);
    (n_sampled / share).min(n_rows)
}

/// What ANALYZE saw of a column, nulls aside.
struct Sample {
    /// Of the table.
    n_rows: f64,
    /// Of the table's rows.
    share: f64,
    n_common: f64,
}

impl Sample {
    /// Returns how many different values ANALYZE reports, of a table of `total` rows, beside the common ones.
    fn reports(&self, rare: &[Class], total: f64) -> f64 {
        let n_sampled = self.n_rows * self.share;
        let (mut n_values, mut n_single) = (self.n_common, 0.0);
        for class in rare {
            let expected = class.share * total * self.share;
            n_values += class.n_keys * -(-expected).exp_m1();
            n_single += class.n_keys * expected * (-expected).exp();
        }
        n_sampled * n_values / (n_sampled - n_single + n_single * self.share)
    }

    /// Returns classes of values that decline from the frequency of the last common one, hold `rest` of the rows, and
    /// make ANALYZE report this number.
    fn declining(&self, rest: f64, last: f64, total: f64, reported: f64) -> Option<Vec<Class>> {
        // Were they all as frequent as the last common one, that many ranks would do.
        let least = self.n_common + rest / last;
        let most = 1e6 * total;
        let classes = |n_ranks: f64| declining(self.n_common, last, rest, n_ranks);
        if self.reports(&classes(1.01 * least), total) > reported
            || self.reports(&classes(most), total) < reported
        {
            return None;
        }
        Some(classes(solve((1.01 * least, most), |n_ranks| {
            self.reports(&classes(n_ranks), total) < reported
        })))
    }
}

/// Returns classes of values of ranks behind `n_common` up to `n_ranks`: together in `rest` of the rows, they decline by a
/// power of their rank from the frequency of the `last` common one.
pub(super) fn declining(n_common: f64, last: f64, rest: f64, n_ranks: f64) -> Vec<Class> {
    let of_power = |power: f64| {
        let mut classes = Vec::new();
        let mut from = n_common;
        while from < n_ranks {
            let to = (from * RANKS_PER_CLASS).min(n_ranks);
            let n_keys = to - from;
            // The frequency in the middle of the ranks.
            let share = last * (f64::midpoint(from, to) / n_common).powf(-power);
            classes.push(Class { n_keys, share, nulls: 0 });
            from = to;
        }
        classes
    };
    let mass = |classes: &[Class]| classes.iter().map(|it| it.n_keys * it.share).sum::<f64>();
    of_power(solve((1e-6, 20.0), |power| mass(&of_power(power)) > rest))
}

/// Returns the number between two positive ones up to which `is_below` holds.
pub(super) fn solve((low, high): (f64, f64), is_below: impl Fn(f64) -> bool) -> f64 {
    let (mut low, mut high) = (low.ln(), high.max(low).ln());
    for _ in 0..40 {
        let middle = f64::midpoint(low, high);
        if is_below(middle.exp()) {
            low = middle;
        } else {
            high = middle;
        }
    }
    f64::midpoint(low, high).exp()
}

/// A count of things in memory as a number to reckon with.
pub(super) fn count(n: usize) -> f64 {
    f64::from(u32::try_from(n).unwrap_or(u32::MAX))
}
