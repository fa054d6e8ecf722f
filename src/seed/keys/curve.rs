//! A monotone map of ranks to slots: how many rows each rank has, in integers alone.

use serde::{Deserialize, Serialize};

use crate::random;
use crate::seed::exact::{count, rounded};

/// Rank `r` of `0..n_ranks` has the slots `start(r)..start(r + 1)` of `0..n_slots`.
///
/// Fan-outs (rank: parent, slots: its children), distributions (rank: value) and series over time (rank: hour) are all compiled
/// to this when the plan is made, so that no row needs floating-point numbers, whose functions differ between systems.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Vec<(u64, u64)>", into = "Vec<(u64, u64)>")]
pub(crate) struct Curve {
    /// `(rank, start(rank))`, from (0, 0) on, strictly rising in rank and not falling in slot. Between two knots slots are
    /// spread evenly.
    knots: Vec<(u64, u64)>,
    /// For each of equal stretches of slots, the last knot that is not after the stretch's first slot.
    guide: Vec<u32>,
    /// A stretch is `1 << shift` slots.
    shift: u32,
}

/// The greatest number of ranks and of slots: products of two are exact in 128 bits, and draws lose nothing that can be seen.
pub(crate) const MAX_SLOTS: u64 = 1 << 62;

impl Curve {
    /// Spreads slots evenly over ranks.
    pub(crate) fn even(n_ranks: u64, n_slots: u64) -> Self {
        Self::of_parts([(n_ranks, n_slots)])
    }

    /// Makes a curve of parts, each with its number of ranks and of slots; within a part they are spread evenly.
    ///
    /// Parts without ranks are left out with their slots.
    pub(crate) fn of_parts(parts: impl IntoIterator<Item = (u64, u64)>) -> Self {
        let mut knots = vec![(0, 0)];
        let (mut rank, mut slot) = (0, 0);
        for (n_ranks, n_slots) in parts {
            if n_ranks > 0 {
                (rank, slot) = (rank + n_ranks, slot + n_slots);
                knots.push((rank, slot));
            }
        }
        Self::of_knots(knots)
    }

    /// Makes a curve of parts whose slots by rank do not rise, such that no degree rises either: of `s` slots for `r` ranks
    /// the first `s % r` ranks have one more than the others. So the ranks that have slots are the first ones.
    pub(crate) fn falling(parts: impl IntoIterator<Item = (u64, u64)>) -> Self {
        // Neighbours with the same degrees become one part, or the second would begin above the end of the first.
        let mut merged: Vec<(u64, u64)> = Vec::new();
        for (n_ranks, n_slots) in parts.into_iter().filter(|part| part.0 > 0) {
            match merged.last_mut() {
                Some(last) if last.1 / last.0 == n_slots / n_ranks => {
                    *last = (last.0 + n_ranks, last.1 + n_slots);
                }
                _ => merged.push((n_ranks, n_slots)),
            }
        }
        Self::of_parts(merged.into_iter().flat_map(|(n_ranks, n_slots)| {
            let (degree, n_more) = (n_slots / n_ranks, n_slots % n_ranks);
            [(n_more, n_more * (degree + 1)), (n_ranks - n_more, (n_ranks - n_more) * degree)]
        }))
    }

    /// Makes a curve whose slots are in proportion to the weights of parts, each with its number of ranks and its weight, as
    /// closely as whole numbers go. Weights that are negative or no numbers count as zero.
    pub(crate) fn of_weights(parts: &[(u64, f64)], n_slots: u64) -> Self {
        let total: f64 = parts.iter().map(|part| part.1.max(0.0)).sum();
        if total.partial_cmp(&0.0) != Some(std::cmp::Ordering::Greater) || !total.is_finite() {
            return Self::even(parts.iter().map(|part| part.0).sum(), n_slots);
        }
        let (mut sum, mut given) = (0.0, 0);
        Self::of_parts(parts.iter().filter(|part| part.0 > 0).map(|&(n_ranks, weight)| {
            sum += weight.max(0.0);
            let end = rounded(sum / total * count(n_slots)).min(n_slots);
            let own = end - given;
            given = end;
            (n_ranks, own)
        }))
    }

    fn of_knots(knots: Vec<(u64, u64)>) -> Self {
        debug_assert!(knots.is_sorted_by(|a, b| a.0 < b.0 && a.1 <= b.1) && knots[0] == (0, 0));
        let n_slots = knots.last().map_or(0, |knot| knot.1);
        // A few stretches for each knot: mostly the first knot is the right one, and no branch is foreseen wrongly.
        let shift = (n_slots / (4 * knots.len() as u64)).checked_ilog2().unwrap_or(0);
        let before = |slot| knots.partition_point(|knot| knot.1 <= slot) - 1;
        let guide = (0..=n_slots >> shift)
            .map(|stretch| u32::try_from(before(stretch << shift)).expect("fewer knots than memory holds"))
            .collect();
        Self { knots, guide, shift }
    }

    pub(crate) fn n_ranks(&self) -> u64 {
        self.knots.last().map_or(0, |knot| knot.0)
    }

    pub(crate) fn n_slots(&self) -> u64 {
        self.knots.last().map_or(0, |knot| knot.1)
    }

    /// Returns the first slot of a rank, which is at most `n_ranks`.
    pub(crate) fn start(&self, rank: u64) -> u64 {
        debug_assert!(rank <= self.n_ranks());
        let knot = self.knots.partition_point(|knot| knot.0 <= rank) - 1;
        let Some(&next) = self.knots.get(knot + 1) else { return self.n_slots() };
        let part = Part::between(self.knots[knot], next);
        part.slot + part.start(rank - part.rank)
    }

    /// Returns the rank of a slot, which is below `n_slots`, and the slot's place among those of the rank.
    pub(crate) fn locate(&self, slot: u64) -> (u64, u64) {
        let part = self.part_of(slot);
        let rank = part.rank_of(slot - part.slot);
        (part.rank + rank, slot - part.slot - part.start(rank))
    }

    /// Returns the part of a slot, which is below `n_slots`.
    fn part_of(&self, slot: u64) -> Part {
        debug_assert!(slot < self.n_slots());
        let stretch = usize::try_from(slot >> self.shift).unwrap_or(usize::MAX);
        let mut knot = self.guide[stretch] as usize;
        while self.knots[knot + 1].1 <= slot {
            knot += 1;
        }
        Part::between(self.knots[knot], self.knots[knot + 1])
    }

    /// Returns a rank, each as likely as it has slots, by 64 random bits. There are slots.
    pub(crate) fn draw(&self, bits: u64) -> u64 {
        let slot = random::below(bits, self.n_slots());
        let part = self.part_of(slot);
        part.rank + part.rank_of(slot - part.slot)
    }

    /// Returns the number of slots of a rank.
    pub(crate) fn degree(&self, rank: u64) -> u64 {
        self.start(rank + 1) - self.start(rank)
    }

    /// Returns the number of slots of the rank that has most.
    pub(crate) fn max_degree(&self) -> u64 {
        self.parts().map(|part| part.n_slots.div_ceil(part.n_ranks)).max().unwrap_or(0)
    }

    /// Returns the number of ranks that have slots.
    pub(crate) fn n_used(&self) -> u64 {
        self.parts().map(|part| part.n_ranks.min(part.n_slots)).sum()
    }

    /// Returns the chance that two slots are of the same rank.
    pub(crate) fn sum_of_squared_shares(&self) -> f64 {
        let n_slots = count(self.n_slots()).max(1.0);
        let squared = |part: Part| {
            let share = count(part.n_slots) / n_slots;
            share * share / count(part.n_ranks)
        };
        self.parts().map(squared).sum()
    }

    /// Takes from every rank what it has above `max` and gives it to the first ranks that have less.
    ///
    /// What all ranks together cannot hold is dropped. Degrees of the result never rise if these do not.
    pub(crate) fn clip(&self, max: u64) -> Self {
        let mut surplus = 0;
        Self::falling(self.parts().map(|part| {
            let room = u128::from(part.n_ranks) * u128::from(max);
            let wanted = u128::from(part.n_slots) + surplus;
            let given = wanted.min(room);
            surplus = wanted - given;
            (part.n_ranks, u64::try_from(given).expect("no more slots than the curve has"))
        }))
    }

    fn parts(&self) -> impl Iterator<Item = Part> {
        self.knots.windows(2).map(|pair| Part::between(pair[0], pair[1]))
    }
}

/// What is between two knots.
struct Part {
    rank: u64,
    slot: u64,
    n_ranks: u64,
    n_slots: u64,
}

impl Part {
    fn between(from: (u64, u64), to: (u64, u64)) -> Self {
        Self { rank: from.0, slot: from.1, n_ranks: to.0 - from.0, n_slots: to.1 - from.1 }
    }

    /// ⌊rank · slots / ranks⌋
    fn start(&self, rank: u64) -> u64 {
        quotient(rank, self.n_slots, 0, self.n_ranks)
    }

    /// The last rank that starts at or before `place`: ⌈(place + 1) · ranks / slots⌉ - 1.
    fn rank_of(&self, place: u64) -> u64 {
        // Categories have parts of one rank each.
        if self.n_ranks == 1 { 0 } else { quotient(place + 1, self.n_ranks, 1, self.n_slots) }
    }
}

/// ⌊(a · b - c) / d⌋, which is below 2^64. The product nearly always fits 64 bits, and their division is several times faster.
fn quotient(a: u64, b: u64, c: u64, d: u64) -> u64 {
    match a.checked_mul(b) {
        Some(product) => (product - c) / d,
        #[expect(
            clippy::cast_possible_truncation,
            reason = "a place between two knots, which are below 2^62"
        )]
        None => ((u128::from(a) * u128::from(b) - u128::from(c)) / u128::from(d)) as u64,
    }
}

impl TryFrom<Vec<(u64, u64)>> for Curve {
    type Error = &'static str;

    fn try_from(knots: Vec<(u64, u64)>) -> Result<Self, Self::Error> {
        let is_rising = knots.is_sorted_by(|a, b| a.0 < b.0 && a.1 <= b.1);
        let is_in_range = knots.last().is_some_and(|last| last.0.max(last.1) <= MAX_SLOTS);
        if is_rising && is_in_range && knots[0] == (0, 0) {
            Ok(Self::of_knots(knots))
        } else {
            Err("the knots of a curve must start at (0, 0) and rise")
        }
    }
}

impl From<Curve> for Vec<(u64, u64)> {
    fn from(curve: Curve) -> Self {
        curve.knots
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn parts() -> impl Strategy<Value = Vec<(u64, u64)>> {
        prop::collection::vec((0u64..50, 0u64..200), 0..12)
    }

    fn degrees(curve: &Curve) -> Vec<u64> {
        (0..curve.n_ranks()).map(|rank| curve.degree(rank)).collect()
    }

    proptest! {
        #[test]
        fn locates_every_slot(parts in parts()) {
            let curve = Curve::of_parts(parts);
            let expected: Vec<_> =
                (0..).zip(degrees(&curve)).flat_map(|(rank, degree)| (0..degree).map(move |place| (rank, place))).collect();
            let found: Vec<_> = (0..curve.n_slots()).map(|slot| curve.locate(slot)).collect();
            prop_assert_eq!(found, expected);
        }

        #[test]
        fn knows_its_degrees(parts in parts()) {
            let curve = Curve::of_parts(parts);
            let degrees = degrees(&curve);
            prop_assert_eq!(degrees.iter().sum::<u64>(), curve.n_slots());
            prop_assert_eq!(degrees.iter().filter(|&&degree| degree > 0).count() as u64, curve.n_used());
        }

        #[test]
        fn follows_weights(parts in prop::collection::vec((1u64..50, 0.0..9.0f64), 1..12), n_slots in 0u64..10_000) {
            let curve = Curve::of_weights(&parts, n_slots);
            prop_assert_eq!(curve.n_slots(), n_slots);
            let total: f64 = parts.iter().map(|part| part.1).sum();
            let mut rank = 0;
            for (n_ranks, weight) in parts {
                let own = curve.start(rank + n_ranks) - curve.start(rank);
                prop_assert!((count(own) - weight / total * count(n_slots)).abs() < 1.001);
                rank += n_ranks;
            }
        }

        #[test]
        fn falls_and_clips(mut parts in parts(), max in 0u64..12) {
            parts.retain(|part| part.0 > 0);
            parts.sort_by_key(|&(n_ranks, n_slots)| std::cmp::Reverse(n_slots * 1_000_000 / n_ranks));
            let n_slots: u64 = parts.iter().map(|part| part.1).sum();
            let curve = Curve::falling(parts);
            prop_assert_eq!(curve.n_slots(), n_slots);
            prop_assert!(degrees(&curve).is_sorted_by(|a, b| a >= b));

            let clipped = curve.clip(max);
            let degrees = degrees(&clipped);
            prop_assert!(degrees.is_sorted_by(|a, b| a >= b));
            prop_assert!(degrees.iter().all(|&degree| degree <= max));
            prop_assert_eq!(clipped.n_ranks(), curve.n_ranks());
            prop_assert_eq!(clipped.n_slots(), n_slots.min(max * curve.n_ranks()));
        }

        #[test]
        fn large_parts_are_exact(n_ranks in 1..=MAX_SLOTS, n_slots in 1..=MAX_SLOTS, bits: u64) {
            let curve = Curve::even(n_ranks, n_slots);
            let slot = random::below(bits, n_slots);
            let (rank, place) = curve.locate(slot);
            prop_assert_eq!(curve.start(rank) + place, slot);
            prop_assert!(slot < curve.start(rank + 1));
            prop_assert_eq!(curve.draw(bits), rank);
        }

        #[test]
        fn is_kept_by_its_knots(parts in parts()) {
            let curve = Curve::of_parts(parts);
            let json = serde_json::to_string(&curve).unwrap();
            prop_assert_eq!(serde_json::from_str::<Curve>(&json).unwrap(), curve);
        }

        #[test]
        fn other_knots_are_refused(knots in prop::collection::vec((0u64..4, 0u64..4), 0..4)) {
            if let Ok(curve) = Curve::try_from(knots.clone()) {
                prop_assert_eq!(degrees(&curve).iter().sum::<u64>(), knots[knots.len() - 1].1);
            }
        }
    }

    #[test]
    fn spreads_evenly() {
        assert_eq!(degrees(&Curve::even(4, 10)), [2, 3, 2, 3]);
        assert_eq!(degrees(&Curve::falling([(4, 10)])), [3, 3, 2, 2]);
        assert_eq!(degrees(&Curve::falling([(1, 9), (4, 10)]).clip(4)), [4, 4, 4, 4, 3]);
        assert_eq!(degrees(&Curve::even(3, 0)), [0; 3]);
    }
}
