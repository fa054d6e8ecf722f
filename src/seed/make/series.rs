//! A rate over time, compiled to a curve: which moment each row has.

use super::Series;
use crate::seed::keys::curve::Curve;
use crate::seed::time::{DAY_US, HOUR_US};

/// 2000-01-01, day 0 of PostgreSQL, was a Saturday; days of the week are counted from Monday.
const FIRST_WEEKDAY: i64 = 5;
/// A trend of none.
const WEIGHT_ONE: u64 = 1_000;
/// In how many steps a rate rises or falls: enough to look like a line.
const N_TREND_STEPS: u64 = 32;
/// Parts of a curve. So many knots leave the first cache, but rows come in order.
const MAX_PARTS: usize = 8_192;

/// The greatest weight and trend: products of three are below 2^64, and so are times 32.
pub(crate) const MAX_WEIGHT: u64 = 100_000;

/// How many rows come when.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Rate {
    /// The rate at the end over that at the start, in thousandths, at most [`MAX_WEIGHT`]; between them it is linear.
    pub(crate) trend: u64,
    /// Weights of Monday to Sunday, at most [`MAX_WEIGHT`].
    pub(crate) weekdays: [u64; 7],
    /// Weights of the hours of a day, UTC, at most [`MAX_WEIGHT`].
    pub(crate) hours: [u64; 24],
}

impl Default for Rate {
    fn default() -> Self {
        Self { trend: WEIGHT_ONE, weekdays: [1; 7], hours: [1; 24] }
    }
}

impl Rate {
    fn has_equal_hours(&self) -> bool {
        self.hours.iter().all(|&weight| weight == self.hours[0])
    }

    fn is_even(&self) -> bool {
        self.trend == WEIGHT_ONE
            && self.has_equal_hours()
            && self.weekdays.iter().all(|&weight| weight == self.weekdays[0])
    }

    /// Gives so many hours that follow each other their common weight.
    fn taken_together(&self, n_hours: usize) -> Self {
        let mut rate = self.clone();
        for hours in rate.hours.chunks_mut(n_hours) {
            let mean = hours.iter().sum::<u64>().div_ceil(hours.len() as u64);
            hours.fill(mean);
        }
        rate
    }
}

/// Returns the moments of `n_rows` rows from `from_us` up to before `to_us` (µs since 2000-01-01 UTC), later rows later.
///
/// Moments are rounded down to `unit_us`. A rate that varies is followed by whole hours, or by whole days where all hours are
/// alike; hours are taken together where the period is too long for a curve of single ones.
pub(crate) fn series(from_us: i64, to_us: i64, rate: &Rate, n_rows: u64, unit_us: i64) -> Series {
    let step_us = if rate.has_equal_hours() { DAY_US } else { HOUR_US };
    let aligned_us = ceil(from_us, step_us.max(unit_us));
    let n_steps = (to_us.saturating_sub(aligned_us) / step_us).max(0).cast_unsigned();
    let parts = [1, 2, 3, 4, 6, 8, 12, 24]
        .into_iter()
        .map(|n_together| weighted_parts(aligned_us, step_us, n_steps, &rate.taken_together(n_together)))
        .find(|parts| parts.len() <= MAX_PARTS)
        .unwrap_or_default();
    let total: u128 = parts.iter().map(|part| part.1).sum();
    if rate.is_even() || total == 0 {
        let from_us = ceil(from_us, unit_us);
        let step_us = to_us.saturating_sub(from_us).max(1);
        return Series { from_us, step_us, curve: Curve::even(1, n_rows), unit_us };
    }
    let (mut sum, mut n_given) = (0, 0);
    let curve = Curve::of_parts(parts.into_iter().map(|(n_steps, weight)| {
        sum += weight;
        // ⌊n · sum / total⌋ of all parts so far: shares are exact to one row.
        let n_until = u64::try_from(u128::from(n_rows) * sum / total).unwrap_or(n_rows);
        let n_slots = n_until - n_given;
        n_given = n_until;
        (n_steps, n_slots)
    }));
    Series { from_us: aligned_us, step_us, curve, unit_us }
}

/// Returns stretches of steps with the same rate: how many steps, and their weight together.
fn weighted_parts(from_us: i64, step_us: i64, n_steps: u64, rate: &Rate) -> Vec<(u64, u128)> {
    let mut parts: Vec<(u64, u128, u64)> = Vec::new();
    for step in 0..n_steps {
        let start_us = from_us + step_us * step.cast_signed();
        let weekday = (start_us.div_euclid(DAY_US) + FIRST_WEEKDAY).rem_euclid(7);
        let hour = start_us.rem_euclid(DAY_US) / HOUR_US;
        let stretch = step * N_TREND_STEPS / n_steps;
        let trend = WEIGHT_ONE * (N_TREND_STEPS - 1 - stretch) + rate.trend * stretch;
        let weight = trend * at(&rate.weekdays, weekday) * at(&rate.hours, hour);
        match parts.last_mut() {
            Some((n, sum, last)) if *last == weight => (*n, *sum) = (*n + 1, *sum + u128::from(weight)),
            _ => parts.push((1, weight.into(), weight)),
        }
    }
    parts.into_iter().map(|(n_steps, weight, _)| (n_steps, weight)).collect()
}

fn at(weights: &[u64], place: i64) -> u64 {
    usize::try_from(place).ok().and_then(|place| weights.get(place)).copied().unwrap_or(0)
}

fn ceil(us: i64, unit_us: i64) -> i64 {
    us.saturating_add((-us).rem_euclid(unit_us.max(1)))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Returns the beginning of each row's step.
    fn steps(series: &Series) -> Vec<i64> {
        (0..series.curve.n_slots())
            .map(|row| series.from_us + series.step_us * series.curve.locate(row).0.cast_signed())
            .collect()
    }

    fn check(rate: &Rate, n_days: i64, n_rows: u64, expected: impl Fn(i64, i64) -> bool) {
        let series = series(0, n_days * DAY_US, rate, n_rows, 1);
        let steps = steps(&series);
        assert_eq!(steps.len() as u64, n_rows);
        for us in steps {
            let (day, hour) = (us.div_euclid(DAY_US), us.rem_euclid(DAY_US) / HOUR_US);
            assert!(expected(day, hour), "day {day}, hour {hour}");
        }
    }

    #[test]
    fn hours_without_weight_stay_empty() {
        let hours = std::array::from_fn(|hour| u64::from(hour >= 18));
        check(&Rate { hours, ..Rate::default() }, 365, 5_000, |_, hour| hour >= 18);
    }

    #[test]
    fn weekends_stay_empty() {
        let weekdays = [1, 1, 1, 1, 1, 0, 0];
        // Days 0 and 1 are a Saturday and a Sunday.
        check(&Rate { weekdays, ..Rate::default() }, 70, 1_000, |day, _| day % 7 > 1);
    }

    #[test]
    fn a_trend_moves_rows_to_the_end() {
        let rate = Rate { trend: 3_000, ..Rate::default() };
        let series = series(0, 1_000 * DAY_US, &rate, 100_000, 1);
        let n_first_half = steps(&series).iter().filter(|&&us| us < 500 * DAY_US).count();
        // From 1 to 3: the first half has 1.5 of 4.
        assert!((36_500..38_500).contains(&n_first_half), "{n_first_half}");
    }

    #[test]
    fn hours_of_many_days_are_taken_together() {
        let hours = std::array::from_fn(|hour| 1 + hour as u64);
        let series = series(0, 3_650 * DAY_US, &Rate { hours, ..Rate::default() }, 1_000_000, 1);
        assert!(Vec::from(series.curve).len() <= MAX_PARTS + 1);
    }

    proptest! {
        #[test]
        fn steps_rise_within_the_period(
            from in -1_000_000_000_000_000i64..1_000_000_000_000_000,
            span in 0i64..100_000_000_000_000,
            n_rows in 0u64..2_000,
            trend in 0u64..10_000,
            weekdays: [bool; 7],
            unit in prop::sample::select(vec![1, 1_000, 1_000_000, DAY_US]),
        ) {
            let rate = Rate { trend, weekdays: weekdays.map(u64::from), ..Rate::default() };
            let series = series(from, from + span, &rate, n_rows, unit);
            let steps = steps(&series);
            prop_assert_eq!(steps.len() as u64, n_rows);
            prop_assert!(steps.is_sorted());
            prop_assert!(steps.iter().all(|&us| us >= from && (us < from + span || span < 2 * DAY_US)));
        }
    }
}
