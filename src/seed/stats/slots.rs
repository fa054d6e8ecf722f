//! Which row gets which place in the order of a column's values: a bijection, so that every value has exactly its rows.

use serde::{Deserialize, Serialize};

use super::beside::Beside;
use super::combined::Combined;
use crate::random;
use crate::seed::exact::count;
use crate::seed::keys::curve::Curve;
use crate::seed::keys::permutation::Permutation;

/// Rows change places among so many neighbours, so that what is spread evenly over the rows is not so in step with other columns.
const BLOCK_ROWS: u64 = 64;
/// A table has at least so many blocks: its order does not suffer from them.
const LEAST_BLOCKS: u64 = 64;
/// Rows of a simulation: the correlation of as many rows in random order is 0 with a deviation of 1 %.
const N_SIMULATED: u64 = 10_000;
/// A correlation this close is as asked for: a fifth of what a delta may be.
const CLOSE: f64 = 0.01;
/// Halvings of the share that is moved: finer than [`CLOSE`].
const N_HALVINGS: u32 = 8;
/// Tables of fewer rows than are simulated try as many scatterings for one whose correlation is close.
const N_KEYS: u64 = 12;
/// Of so few rows a single one changes the correlation by more than that, and it takes more tries.
const FEW_ROWS: u64 = 200;
const N_KEYS_OF_FEW: u64 = 100;
/// Values that common have a share in the correlation that must be simulated (the sum of their squared shares).
const COARSE: f64 = 0.005;

/// Places `0..n_values` are those of the values in their order; the rows with places from `n_values` on are NULL.
///
/// Nulls are spread evenly. Of the others some keep the place that they have by their own order, which is what physical
/// correlation is; the others change places with each other at random. So the correlation of different values is about the share
/// of those that stay.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Slots {
    n_rows: u64,
    n_values: u64,
    /// Of those with values, the ones that change places.
    scatter: Permutation,
    /// The greatest value comes first.
    is_reversed: bool,
    key: u64,
    /// The places are those of another column.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    follows: Option<Box<Following>>,
    /// The places are those that a key leaves beside another column.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    beside: Option<Box<Beside>>,
    /// The places are those of combinations with other columns.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    combined: Option<Box<Combined>>,
}

/// Places of another column, which says what this one is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Following {
    of: Slots,
    /// Rows with the same value there have one place here. What that costs is that values may have a few rows more or less.
    curve: Option<Curve>,
    /// Places below are as they are there; the others are scattered.
    n_kept: u64,
    rest: Permutation,
}

impl Slots {
    /// Values without any order; NULL from `n_values` rows on.
    pub(crate) fn scattered(n_rows: u64, n_values: u64, key: u64) -> Self {
        Self::moved(n_rows, n_values, n_values, false, key)
    }

    fn moved(n_rows: u64, n_values: u64, n_moved: u64, is_reversed: bool, key: u64) -> Self {
        let scatter = Permutation::new(n_moved, key);
        Self { n_rows, n_values, scatter, is_reversed, key, follows: None, beside: None, combined: None }
    }

    /// Takes the places that a key leaves beside another column.
    pub(crate) fn beside(own: &Self, beside: Beside) -> Self {
        Self { beside: Some(Box::new(beside)), ..own.clone() }
    }

    /// Takes the places that combinations with other columns have.
    pub(super) fn combined(own: &Self, combined: Combined) -> Self {
        Self { combined: Some(Box::new(combined)), ..own.clone() }
    }

    /// Takes the places of another column in a share of the rows: so much does this one depend on it. With the curve of the other
    /// one its groups of rows keep together.
    pub(crate) fn following(own: &Self, of: &Self, curve: Option<&Curve>, share: f64) -> Self {
        let n_kept = rounded_share(own.n_rows, share);
        let rest = Permutation::new(own.n_rows - n_kept, own.key);
        let follows = Following { of: of.clone(), curve: curve.cloned(), n_kept, rest };
        Self { follows: Some(Box::new(follows)), ..own.clone() }
    }

    /// Values whose order has a correlation with that of the rows, as ANALYZE measures it; `curve` says how many rows each has.
    ///
    /// ANALYZE orders equal values as they are stored (`compute_scalar_stats` in analyze.c). So values in random order have a
    /// correlation of the sum of their squared shares already, and with few values there is no formula: the share that keeps its
    /// place is found by halving on a simulated table.
    pub(crate) fn correlated(n_rows: u64, curve: &Curve, correlation: f64, key: u64) -> Self {
        let n_values = curve.n_slots();
        let of_share = |share: f64, is_reversed: bool, key: u64| {
            let n_moved = n_values - rounded_share(n_values, share);
            Self::moved(n_rows, n_values, n_moved, is_reversed, key)
        };
        let n = n_values.min(N_SIMULATED);
        if n < 2 {
            return Self::scattered(n_rows, n_values, key);
        }
        let simulated = |share: f64, is_reversed: bool, key: u64| {
            let n_moved = n - rounded_share(n, share);
            Self::moved(n, n, n_moved, is_reversed, key).simulated(curve)
        };
        let natural = curve.sum_of_squared_shares();
        let (mut share, is_reversed) = if natural < COARSE {
            (correlation.abs().min(1.0), correlation < 0.0)
        } else {
            let is_reversed = correlation < simulated(0.0, false, key);
            let sign = if is_reversed { -1.0 } else { 1.0 };
            let (mut low, mut high) = (0.0, 1.0);
            for _ in 0..N_HALVINGS {
                let middle = f64::midpoint(low, high);
                if sign * simulated(middle, is_reversed, key) < sign * correlation {
                    low = middle;
                } else {
                    high = middle;
                }
            }
            // Of the two the one that has what was asked for, which matters where rows are few.
            (high, is_reversed)
        };
        if share < CLOSE {
            share = 0.0;
        } else if share > 1.0 - CLOSE / 4.0 {
            share = 1.0;
        }
        // Of a small table the simulation is the table itself, and some scattering comes close. Of a few rows it counts which change
        // places, too.
        let mut best = (share, key);
        if n == n_values && share < 1.0 {
            let (shares, n_keys): (&[f64], u64) =
                if n <= FEW_ROWS { (&[share, share / 2.0, 0.0], N_KEYS_OF_FEW) } else { (&[share], N_KEYS) };
            let tries = shares.iter().flat_map(|share| (0..n_keys).map(move |i| (*share, i)));
            let mut least = f64::INFINITY;
            for (share, i) in tries {
                let other = if i == 0 { key } else { random::at(key, i) };
                let distance = (simulated(share, is_reversed, other) - correlation).abs();
                if distance < least {
                    (best, least) = ((share, other), distance);
                }
                if least < CLOSE {
                    break;
                }
            }
        }
        of_share(best.0, is_reversed, best.1)
    }

    pub(crate) fn n_values(&self) -> u64 {
        self.n_values
    }

    pub(super) fn n_rows(&self) -> u64 {
        self.n_rows
    }

    /// The stream of what is random here.
    pub(super) fn key(&self) -> u64 {
        self.key
    }

    /// Returns the place of a row, which is below the number of rows; `None` for NULL.
    pub(crate) fn place(&self, row: u64) -> Option<u64> {
        let place = self.apply(row);
        (place < self.n_values).then_some(place)
    }

    /// Returns the place of a row, NULL or not. Rows that the plan left no room for wrap around.
    pub(crate) fn apply(&self, row: u64) -> u64 {
        if self.n_rows == 0 {
            return 0;
        }
        if let Some(beside) = &self.beside {
            return beside.place(row % self.n_rows);
        }
        if let Some(combined) = &self.combined {
            return combined.place(row % self.n_rows);
        }
        if let Some(Following { of, curve, n_kept, rest }) = self.follows.as_deref() {
            let place = of.apply(row);
            return match curve {
                _ if place >= *n_kept => n_kept + rest.apply(place - n_kept),
                Some(curve) if place < curve.n_slots() => place - curve.locate(place).1,
                _ => place,
            };
        }
        let row = self.rotated(row % self.n_rows, false);
        let n_nulls = self.n_rows - self.n_values;
        let nulls = Thinning { n: self.n_rows, n_chosen: n_nulls };
        let before = nulls.before(row);
        if nulls.before(row + 1) > before {
            return self.n_values + before;
        }
        let moved = self.thinning();
        let mut place = row - before;
        let before = moved.before(place);
        if moved.before(place + 1) > before {
            place = moved.position(self.scatter.apply(before));
        }
        if self.is_reversed { self.n_values - 1 - place } else { place }
    }

    /// Returns the row that has a place, which is below the number of values. The places are not those of another column.
    pub(crate) fn invert(&self, place: u64) -> u64 {
        let mut place = if self.is_reversed { self.n_values - 1 - place } else { place };
        let moved = self.thinning();
        let before = moved.before(place);
        if moved.before(place + 1) > before {
            place = moved.position(self.scatter.invert(before));
        }
        // The last row with as many values before it: nulls do not count.
        self.rotated(quotient(place, self.n_rows, self.n_values), true)
    }

    fn thinning(&self) -> Thinning {
        Thinning { n: self.n_values, n_chosen: self.scatter.n() }
    }

    /// Whether all rows are in order.
    fn is_plain(&self) -> bool {
        self.n_rows == self.n_values && (self.scatter.n() == 0 || self.scatter.n() == self.n_values)
    }

    /// Turns each block of rows by a number of its own.
    fn rotated(&self, row: u64, is_back: bool) -> u64 {
        if self.is_plain() {
            return row;
        }
        let n_block = (self.n_rows / LEAST_BLOCKS).clamp(1, BLOCK_ROWS);
        let block = row / n_block;
        let start = block * n_block;
        let n = n_block.min(self.n_rows - start);
        let by = random::below(random::at(self.key, block), n);
        let place = row - start + if is_back { n - by } else { by };
        start + place % n
    }

    /// The correlation that ANALYZE would find, if the rows were these.
    fn simulated(&self, curve: &Curve) -> f64 {
        let rank = |row: u64| {
            let slot = quotient(self.apply(row), curve.n_slots(), self.n_values);
            curve.locate(slot.min(curve.n_slots() - 1)).0
        };
        let mut rows: Vec<(u64, u64)> = (0..self.n_rows).map(|row| (rank(row), row)).collect();
        rows.sort_unstable();
        let n = i128::from(self.n_rows);
        let products = (0..).zip(&rows).map(|(place, (_, row)): (i128, _)| place * i128::from(*row));
        // Both are the numbers from 0 on, so their sums are known: 12 · covariance · n over 12 · variance · n.
        let covariance = 12 * products.sum::<i128>() - 3 * n * (n - 1) * (n - 1);
        #[expect(clippy::cast_precision_loss, reason = "a quotient of numbers of simulated rows")]
        let correlation = covariance as f64 / (n * (n * n - 1)).max(1) as f64;
        correlation
    }
}

/// Chooses some of `0..n`, as evenly as whole numbers go.
#[derive(Clone, Copy)]
struct Thinning {
    n: u64,
    n_chosen: u64,
}

impl Thinning {
    /// How many of `0..i` are chosen.
    fn before(self, i: u64) -> u64 {
        quotient(i, self.n_chosen, self.n)
    }

    /// The chosen one that has so many before it.
    fn position(self, before: u64) -> u64 {
        let product = u128::from(before + 1) * u128::from(self.n);
        u64::try_from(product.div_ceil(u128::from(self.n_chosen)) - 1).expect("below n")
    }
}

/// ⌊a · b / c⌋, which is below 2^64; 0 where `c` is 0. The product nearly always fits 64 bits.
fn quotient(a: u64, b: u64, c: u64) -> u64 {
    match a.checked_mul(b) {
        Some(product) => product.checked_div(c).unwrap_or(0),
        None => u64::try_from(u128::from(a) * u128::from(b) / u128::from(c.max(1))).unwrap_or(u64::MAX),
    }
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a share of n")]
fn rounded_share(n: u64, share: f64) -> u64 {
    ((count(n) * share.clamp(0.0, 1.0)).round() as u64).min(n)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The correlation of the rows that there are.
    fn measured(slots: &Slots, curve: &Curve) -> f64 {
        let mut rows: Vec<(u64, u64)> = (0..slots.n_rows)
            .filter_map(|row| Some((curve.locate(slots.place(row)?).0, row)))
            .zip(0..)
            .map(|((rank, _), place)| (rank, place))
            .collect();
        rows.sort_unstable();
        let n = count(rows.len() as u64);
        let sum: f64 = rows.iter().zip(0..).map(|((_, place), at)| count(*place) * count(at)).sum();
        let mean = (n - 1.0) / 2.0;
        (sum / n - mean * mean) / ((n * n - 1.0) / 12.0)
    }

    fn check(curve: &Curve, n_rows: u64, asked: f64, tolerance: f64) {
        for key in [1, 77] {
            let slots = Slots::correlated(n_rows, curve, asked, key);
            let found = measured(&slots, curve);
            assert!((found - asked).abs() < tolerance, "{found} instead of {asked}");
        }
    }

    #[test]
    fn values_have_the_correlation_that_was_asked_for() {
        for asked in [-1.0, -0.6, -0.2, 0.0, 0.1, 0.5, 0.93, 1.0] {
            check(&Curve::even(60_000, 60_000), 60_000, asked, 0.02);
            check(&Curve::even(40, 50_000), 60_000, asked.max(-0.9), 0.03);
            check(&Curve::even(500, 500), 520, asked, 0.03);
        }
        // Two halves are 0.5 when they are in no order; reversed -0.5.
        for asked in [-0.45, 0.0, 0.5, 0.6, 0.95] {
            check(&Curve::even(2, 60_000), 60_000, asked, 0.02);
        }
        check(&Curve::of_parts([(1, 48_000), (1, 2_000), (9, 10_000)]), 60_000, 0.7, 0.02);
        check(&Curve::even(1, 100), 100, 1.0, 0.01);
        check(&Curve::even(5, 5), 5, 1.0, 0.01);
    }

    proptest! {
        #[test]
        fn every_place_has_one_row(n_rows in 1u64..700, nulls in 0u64..700, share in 0.0f64..1.0, is_reversed: bool, key: u64) {
            let n_values = n_rows - nulls.min(n_rows);
            let n_moved = n_values - rounded_share(n_values, share);
            let slots = Slots::moved(n_rows, n_values, n_moved, is_reversed, key);
            let mut seen = vec![false; usize::try_from(n_rows).unwrap()];
            for row in 0..n_rows {
                let place = slots.apply(row);
                prop_assert!(!std::mem::replace(&mut seen[usize::try_from(place).unwrap()], true));
                if let Some(place) = slots.place(row) {
                    prop_assert_eq!(slots.invert(place), row);
                }
            }
        }

        #[test]
        fn large_numbers_are_exact(row in 0u64..1 << 40, key: u64) {
            let slots = Slots::moved(1 << 40, (1 << 40) - 12_345, 1 << 39, true, key);
            if let Some(place) = slots.place(row) {
                prop_assert_eq!(slots.invert(place), row);
            }
        }
    }
}
