//! Two columns of a key: no pair of their values is there twice, and each has as many rows of a value as its statistics say.

use std::cmp::Reverse;

use serde::{Deserialize, Serialize};

use super::slots::Slots;
use crate::random;
use crate::seed::keys::curve::Curve;
use crate::seed::keys::permutation::Permutation;

/// Values of the lead with few and with many rows take turns so often.
const N_STRIPES: u64 = 64;
/// Columns with more values do not count: their curve would be long.
const MOST_COUNTED: u64 = 256;

/// Places of a column that tells the rows with one value of another column, the lead, apart.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Beside {
    lead: Slots,
    curve: Curve,
    manner: Manner,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
enum Manner {
    /// Each of the lead's `n` values has `⌊rows / n⌋` rows, the first ones one more. The `o`-th row with the value `a` has the place
    /// `a' + o · n`, where `a'` is `a` scattered among the values with as many rows: every place is taken once, and those of one
    /// value of the lead are `n` apart. The rows of one value of this column follow each other, so where none has more than `n` rows,
    /// no two of them are in places of one value of the lead.
    Apart([Permutation; 2]),
    /// The rows of a value of the lead are counted: the `o`-th has the `o`-th most common value of this column, which begins at this
    /// place. So as many values of the lead have more than `o` rows as that value has.
    Counted(Vec<u64>),
}

/// How a key is kept by a lead and another column.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Keeping {
    pub(crate) n_values: u64,
    /// The rows of each of the lead's values.
    pub(crate) curve: Curve,
    /// Where the values of the other column begin, most common ones first, if it counts.
    starts: Option<Vec<u64>>,
}

impl Keeping {
    /// `wanted` is the number of values that the lead is to have; it gets more where `other`, the rows of the other column's values,
    /// needs them.
    ///
    /// ANALYZE takes the values of a column for fewer than they are where some have many rows and others few. So a number that is
    /// too small for the key says that the rows of the lead's values are as uneven as it takes to count them with the other column.
    pub(crate) fn new(wanted: u64, other: &Curve) -> Self {
        let n_rows = other.n_slots();
        let n_values = wanted.max(other.max_degree());
        let even = Self { n_values, curve: Curve::falling([(n_values, n_rows)]), starts: None };
        if wanted >= other.max_degree() || other.n_ranks() > MOST_COUNTED {
            return even;
        }
        let mut ranks: Vec<(u64, u64)> =
            (0..other.n_ranks()).map(|rank| (other.degree(rank), other.start(rank))).collect();
        ranks.sort_by_key(|(degree, start)| (Reverse(*degree), *start));
        // As many values of the lead have exactly so many rows.
        let n_next = ranks.iter().skip(1).map(|(degree, _)| *degree).chain([0]);
        let exactly: Vec<u64> = ranks.iter().zip(n_next).map(|((degree, _), next)| degree - next).collect();
        // All over the order of the lead's values.
        let stripe = |i: u64| {
            let exactly = (1..).zip(&exactly);
            exactly.map(move |(degree, n): (u64, &u64)| {
                let n_ranks = n * (i + 1) / N_STRIPES - n * i / N_STRIPES;
                (n_ranks, n_ranks * degree)
            })
        };
        let curve = Curve::of_parts((0..N_STRIPES).flat_map(stripe));
        Self { n_values, curve, starts: Some(ranks.into_iter().map(|(_, start)| start).collect()) }
    }
}

impl Beside {
    /// `lead` are the places of the lead, whose rows are those of `keeping`.
    pub(crate) fn new(lead: Slots, keeping: &Keeping, key: u64) -> Self {
        let curve = keeping.curve.clone();
        let manner = if let Some(starts) = &keeping.starts {
            Manner::Counted(starts.clone())
        } else {
            let n_more = curve.n_slots() % curve.n_ranks().max(1);
            let of = |n: u64, at: u64| Permutation::new(n, random::at(key, at));
            Manner::Apart([of(n_more, 0), of(curve.n_ranks() - n_more, 1)])
        };
        Self { lead, curve, manner }
    }

    /// Returns the place of a row, which is below the number of rows.
    pub(crate) fn place(&self, row: u64) -> u64 {
        let (value, ordinal) = self.curve.locate(self.lead.apply(row));
        match &self.manner {
            Manner::Apart([more, _]) if value < more.n() => {
                more.apply(value) + ordinal * self.curve.n_ranks()
            }
            Manner::Apart([more, others]) => {
                more.n() + others.apply(value - more.n()) + ordinal * self.curve.n_ranks()
            }
            Manner::Counted(starts) => {
                // The rows of a plan are as many as the curve has slots, so that no ordinal is beyond.
                usize::try_from(ordinal).ok().and_then(|at| starts.get(at)).copied().unwrap_or(0)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn no_pair_is_there_twice(
            degrees in prop::collection::vec(1u64..60, 1..20),
            wanted in 1u64..150,
            correlation in -1.0f64..1.0,
            key: u64,
        ) {
            let n_rows: u64 = degrees.iter().sum();
            let other = Curve::of_parts(degrees.iter().map(|degree| (1, *degree)));
            let keeping = Keeping::new(wanted.min(n_rows), &other);
            prop_assert_eq!(keeping.curve.n_slots(), n_rows);
            prop_assert_eq!(keeping.curve.n_ranks(), keeping.n_values);
            let slots = Slots::correlated(n_rows, &keeping.curve, correlation, key);
            let beside = Beside::new(slots.clone(), &keeping, key);
            let of_other: Vec<u64> = (0..n_rows).map(|row| other.locate(beside.place(row)).0).collect();
            let rows = |rank: u64| of_other.iter().filter(|other| **other == rank).count() as u64;
            prop_assert!((0..).zip(&degrees).all(|(rank, degree)| rows(rank) == *degree));
            let lead = |row: u64| keeping.curve.locate(slots.apply(row)).0;
            let pairs: BTreeSet<(u64, u64)> = (0..n_rows).map(lead).zip(of_other.iter().copied()).collect();
            prop_assert_eq!(pairs.len() as u64, n_rows);
        }
    }
}
