//! From what ANALYZE says of a column to how many rows each of its values has, in the order of the values.

use crate::seed::exact::{count, rounded};
use crate::seed::keys::curve::Curve;

/// Rounds in which values find room where there is some: what is left then has none.
const N_ROUNDS: usize = 8;

/// What is known of a column's values, as numbers that rise with them.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Marginal {
    /// Rows, and those that are not NULL.
    pub(crate) n_rows: u64,
    pub(crate) n_values: u64,
    pub(crate) n_distinct: u64,
    /// Most common values with their shares of all rows.
    pub(crate) common: Vec<(i128, f64)>,
    /// The bounds of the histogram of the others: as many rows between any two that follow each other.
    pub(crate) bounds: Vec<i128>,
}

/// The values of a column in their order.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Axis {
    pub(crate) pieces: Vec<Piece>,
    /// The values of the source that are known.
    pub(crate) known: Vec<i128>,
}

/// Values that follow each other and have about as many rows each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Piece {
    /// In the source they are in `low..high`.
    pub(crate) low: i128,
    pub(crate) high: i128,
    /// The known value that they follow, or are.
    pub(crate) after: i128,
    pub(crate) n_values: u64,
    pub(crate) n_rows: u64,
    /// A single value: one of the most common ones.
    pub(crate) is_common: bool,
}

impl Axis {
    /// Gives every row a value: exact counts instead of shares.
    pub(crate) fn new(of: &Marginal) -> Self {
        let mut common = of.common.clone();
        common.sort_unstable_by_key(|(value, _)| *value);
        common.dedup_by_key(|(value, _)| *value);
        let mut bounds = of.bounds.clone();
        bounds.sort_unstable();
        let mut known: Vec<i128> =
            common.iter().map(|(value, _)| *value).chain(bounds.iter().copied()).collect();
        known.sort_unstable();
        known.dedup();
        let n_common = common.len() as u64;
        let mut counts: Vec<u64> =
            common.iter().map(|(_, share)| rounded(share * count(of.n_rows)).max(1)).collect();
        let n_counted: u64 = counts.iter().sum();
        let has_others = of.n_distinct > n_common && (n_counted < of.n_values || common.is_empty());
        if !has_others || n_counted > of.n_values {
            scale(&mut counts, of.n_values);
        }
        let n_left = of.n_values.saturating_sub(counts.iter().sum());
        let mut pieces = pieces(&known, &common, &counts, &bounds);
        let others: Vec<usize> = (0..pieces.len()).filter(|at| !pieces[*at].0.is_common).collect();
        let weights: Vec<f64> = others.iter().map(|at| pieces[*at].1).collect();
        let rooms: Vec<u64> = others.iter().map(|at| pieces[*at].0.room()).collect();
        let n_others = of.n_distinct.saturating_sub(n_common).max(1).min(n_left);
        let values = spread(n_others, &weights, &rooms);
        let n_given: u64 = values.iter().sum();
        // Rows beside the first of each value.
        let weights: Vec<f64> = values
            .iter()
            .zip(&weights)
            .map(
                |(n, weight)| {
                    if *n == 0 { 0.0 } else { (weight * count(n_left) - count(*n)).max(0.0) + 1e-9 }
                },
            )
            .collect();
        let rows = spread(n_left - n_given.min(n_left), &weights, &vec![u64::MAX; weights.len()]);
        for ((at, n_values), n_more) in others.into_iter().zip(values).zip(rows) {
            pieces[at].0.n_values = n_values;
            pieces[at].0.n_rows = n_values + n_more;
        }
        let mut pieces: Vec<Piece> =
            pieces.into_iter().map(|(piece, _)| piece).filter(|piece| piece.n_values > 0).collect();
        let n_given: u64 = pieces.iter().map(|piece| piece.n_rows).sum();
        // What found no room has the most common value.
        if let Some(most) = pieces.iter_mut().max_by_key(|piece| piece.n_rows) {
            most.n_rows += of.n_values - n_given.min(of.n_values);
        }
        Self { pieces, known }
    }

    /// Returns the rank of a common value.
    pub(crate) fn rank(&self, value: i128) -> Option<u64> {
        let at = self.pieces.iter().position(|piece| piece.is_common && piece.low == value)?;
        Some(self.pieces[..at].iter().map(|piece| piece.n_values).sum())
    }

    pub(crate) fn curve(&self) -> Curve {
        Curve::of_parts(self.pieces.iter().map(|piece| (piece.n_values, piece.n_rows)))
    }
}

impl Piece {
    /// How many values it can hold.
    fn room(&self) -> u64 {
        u64::try_from(self.high.saturating_sub(self.low)).unwrap_or(u64::MAX)
    }
}

/// Cuts the axis at the known values. Each piece comes with its share of the rows of uncommon values.
fn pieces(known: &[i128], common: &[(i128, f64)], counts: &[u64], bounds: &[i128]) -> Vec<(Piece, f64)> {
    let stretch = |low: i128, high: i128, after: i128| Piece {
        low,
        high,
        after,
        n_values: 0,
        n_rows: 0,
        is_common: false,
    };
    let mut pieces = Vec::new();
    for (place, &value) in known.iter().enumerate() {
        let is_common = common.binary_search_by_key(&value, |(value, _)| *value);
        if let Ok(at) = is_common {
            let piece = Piece {
                n_values: 1,
                n_rows: counts[at],
                is_common: true,
                ..stretch(value, value + 1, value)
            };
            pieces.push((piece, 0.0));
        }
        let low = value + i128::from(is_common.is_ok());
        let weight = |high: i128| {
            let within = bounds.windows(2).filter(|pair| pair[0] <= value && value < pair[1]);
            #[expect(clippy::cast_precision_loss, reason = "a share")]
            let share = |pair: &[i128]| (high - value) as f64 / (pair[1] - pair[0]) as f64;
            within.map(share).sum::<f64>() / count(bounds.len().saturating_sub(1).max(1) as u64)
        };
        match known.get(place + 1) {
            Some(&next) => pieces.push((stretch(low, next, value), weight(next))),
            // The greatest bound is itself a value.
            None if bounds.last() == Some(&value) && is_common.is_err() => {
                pieces.push((stretch(value, value + 1, value), 1e-9));
            }
            None if bounds.is_empty() => pieces.push((stretch(low, i128::MAX, value), 1.0)),
            None => {}
        }
    }
    if known.is_empty() {
        pieces.push((stretch(0, i128::MAX, 0), 1.0));
    }
    pieces
}

/// Spreads `n` by weights, no more than there is room.
fn spread(n: u64, weights: &[f64], rooms: &[u64]) -> Vec<u64> {
    let mut given = vec![0_u64; weights.len()];
    let mut left = n;
    for _ in 0..N_ROUNDS {
        let open: Vec<usize> =
            (0..given.len()).filter(|at| weights[*at] > 0.0 && given[*at] < rooms[*at]).collect();
        let total: f64 = open.iter().map(|at| weights[*at]).sum();
        if left == 0 || total <= 0.0 {
            break;
        }
        let (mut sum, mut before, mut n_placed) = (0.0, 0, 0);
        for at in open {
            sum += weights[at];
            let until = rounded(sum / total * count(left)).min(left);
            let own = (until - before).min(rooms[at] - given[at]);
            before = until;
            given[at] += own;
            n_placed += own;
        }
        if n_placed == 0 {
            break;
        }
        left -= n_placed;
    }
    given
}

/// Makes counts sum up to `n`, in proportion.
fn scale(counts: &mut [u64], n: u64) {
    let total: u64 = counts.iter().sum();
    let (mut sum, mut before) = (0_u64, 0_u64);
    for own in counts.iter_mut() {
        sum += *own;
        let until = u128::from(sum) * u128::from(n) / u128::from(total.max(1));
        let until = u64::try_from(until).expect("at most n");
        *own = until - before;
        before = until;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn check(of: &Marginal, expected: &[(i128, u64, u64)]) {
        let found: Vec<(i128, u64, u64)> =
            Axis::new(of).pieces.iter().map(|piece| (piece.low, piece.n_values, piece.n_rows)).collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn shares_become_rows() {
        let all_common = Marginal {
            n_rows: 1_000,
            n_values: 900,
            n_distinct: 2,
            common: vec![(7, 0.6), (3, 0.3)],
            bounds: vec![],
        };
        check(&all_common, &[(3, 1, 300), (7, 1, 600)]);
        // Sampled shares that miss some rows: the common values are all there are.
        check(
            &Marginal { common: vec![(7, 0.5), (3, 0.25)], ..all_common.clone() },
            &[(3, 1, 300), (7, 1, 600)],
        );
        let with_histogram = Marginal {
            n_rows: 1_000,
            n_values: 1_000,
            n_distinct: 41,
            common: vec![(50, 0.2)],
            bounds: vec![0, 100, 1_000],
        };
        check(&with_histogram, &[(0, 10, 200), (50, 1, 200), (51, 10, 200), (100, 20, 400)]);
        let redacted = Marginal { n_rows: 10, n_values: 10, n_distinct: 5, ..Marginal::default() };
        check(&redacted, &[(0, 5, 10)]);
        check(&Marginal { n_distinct: 50, ..redacted.clone() }, &[(0, 10, 10)]);
        check(&Marginal { n_values: 0, ..redacted }, &[]);
    }

    #[test]
    fn there_are_no_more_values_than_there_is_room() {
        let dense = Marginal {
            n_rows: 100,
            n_values: 100,
            n_distinct: 14,
            common: vec![],
            bounds: vec![1, 3, 5, 100],
        };
        let pieces = Axis::new(&dense).pieces;
        assert_eq!(pieces.iter().map(|piece| piece.n_values).collect::<Vec<_>>(), [2, 2, 10]);
    }

    proptest! {
        #[test]
        fn every_row_has_a_value(
            n_rows in 1u64..100_000,
            nulls in 0.0f64..1.0,
            n_distinct in 1u64..200_000,
            common in prop::collection::btree_map(-50i128..50, 0.0f64..0.2, 0..8),
            bounds in prop::collection::btree_set(-60i128..60, 0..12),
        ) {
            let n_values = n_rows - rounded(nulls * count(n_rows)).min(n_rows);
            let of = Marginal { n_rows, n_values, n_distinct, common: common.into_iter().collect(), bounds: bounds.into_iter().collect() };
            let axis = Axis::new(&of);
            let curve = axis.curve();
            prop_assert_eq!(curve.n_slots(), n_values);
            prop_assert!(curve.n_ranks() <= n_distinct.max(of.common.len() as u64 + 1));
            prop_assert!(axis.pieces.is_sorted_by(|a, b| a.high <= b.low));
            for piece in &axis.pieces {
                prop_assert!(piece.n_values <= piece.room());
            }
        }
    }
}
