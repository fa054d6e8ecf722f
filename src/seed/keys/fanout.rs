//! How many children each parent has, and which parents a parent's children share out.

use serde::{Deserialize, Serialize};

use super::curve::Curve;
use crate::seed::exact::{self, count, rounded};

/// How unequal parents are, before their children are made to sum up to the rows of the table.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) enum Distribution {
    /// All alike.
    Constant,
    /// From none to twice the mean.
    Uniform,
    /// The r-th parent has r^-s of the first one's.
    Zipf {
        s: f64,
    },
    /// `sd` in units of the mean.
    Normal {
        sd: f64,
    },
    Exponential,
    /// Parent `⌊n·u^skew⌋` for a random share `u`.
    Skewed {
        skew: f64,
    },
    /// So many children with such a weight.
    Choice(Vec<(u64, f64)>),
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Fanout {
    pub(crate) distribution: Distribution,
    /// The share of parents with no children, where all others have some; without it as the distribution has it.
    pub(crate) childless: Option<f64>,
}

impl Fanout {
    /// Returns the children (slots) of each parent (rank), who are in falling order of their children. They sum up to
    /// `n_children` (0 without parents).
    pub(crate) fn curve(&self, n_parents: u64, n_children: u64) -> Curve {
        if n_parents == 0 {
            return Curve::even(0, 0);
        }
        let n_used = match self.childless {
            Some(share) => rounded(count(n_parents) * (1.0 - share)).clamp(1, n_parents),
            None => n_parents,
        };
        let weights = self.distribution.weights(n_used);
        let least = if self.childless.is_some() && n_children >= n_used { 1.0 } else { 0.0 };
        let degrees = scaled(&weights, least, count(n_children));
        let mut parts = whole(&degrees, n_children);
        parts.push((n_parents - n_used, 0));
        Curve::falling(parts)
    }
}

impl Distribution {
    /// Parts of `n` ranks, each with its number of ranks and the weight of one of them; the weights fall.
    fn weights(&self, n: u64) -> Vec<(u64, f64)> {
        let by_rank = |weight: &dyn Fn(f64) -> f64| {
            parts(n).map(|(middle, n_ranks)| (n_ranks, weight(middle).max(0.0))).collect()
        };
        // The share of ranks below the middle of a part: what the quantile function takes.
        let share = |middle: f64| middle / count(n);
        match self {
            Self::Constant => vec![(n, 1.0)],
            Self::Uniform => by_rank(&|middle| 1.0 - share(middle)),
            Self::Zipf { s } => by_rank(&|middle| exact::pow(middle + 0.5, -s.clamp(0.0, 10.0))),
            Self::Normal { sd } => {
                by_rank(&|middle| 1.0 - sd.max(0.0) * exact::normal_quantile(share(middle)))
            }
            Self::Skewed { skew } => {
                let power = 1.0 / skew.max(1.0) - 1.0;
                by_rank(&|middle| exact::pow(share(middle), power))
            }
            Self::Exponential => by_rank(&|middle| -exact::ln(share(middle))),
            Self::Choice(choices) => {
                let mut choices = choices.clone();
                choices.sort_by_key(|choice| std::cmp::Reverse(choice.0));
                let shares: Vec<(u64, f64)> = choices.iter().map(|choice| (1, choice.1)).collect();
                let curve = Curve::of_weights(&shares, n);
                (0..).zip(choices).map(|(place, choice)| (curve.degree(place), count(choice.0))).collect()
            }
        }
    }
}

/// Parts of `0..n` as (middle, number of ranks), single ranks at both ends and wider ones between: where laws are steep, knots
/// are dense. The middle of rank 0 alone is ½.
pub(crate) fn parts(n: u64) -> impl Iterator<Item = (f64, u64)> {
    /// An eighth of the distance from the end: a power law is then off by a thousandth of its weight.
    const WIDTH: u64 = 8;
    /// So many parts at each end are single ranks.
    const N_SINGLE: u64 = 64;
    let mut start = 0;
    std::iter::from_fn(move || {
        let width = if start < n - start {
            if start < N_SINGLE { 1 } else { start / WIDTH }
        } else {
            // The width that its end has, seen from the other end.
            ((n - start) / (WIDTH + 1)).min((n - start).saturating_sub(N_SINGLE)).max(1)
        };
        let end = (start + width).min(n);
        let part = (start < n).then(|| (count(start) / 2.0 + count(end) / 2.0, end - start));
        start = end;
        part
    })
}

/// Returns the parts with degrees in proportion to the weights, but none below `least`, that sum up to `n_children`.
fn scaled(weights: &[(u64, f64)], least: f64, n_children: f64) -> Vec<(u64, f64)> {
    let degrees = |scale: f64| weights.iter().map(move |&(n, weight)| (n, (weight * scale).max(least)));
    let sum = |scale: f64| degrees(scale).map(|(n, degree)| count(n) * degree).sum::<f64>();
    let unscaled: f64 = weights.iter().map(|&(n, weight)| count(n) * weight).sum();
    if unscaled <= 0.0 {
        let n: f64 = weights.iter().map(|&(n, _)| count(n)).sum();
        return weights.iter().map(|&(n_ranks, _)| (n_ranks, n_children / n)).collect();
    }
    let mut high = n_children / unscaled;
    if least > 0.0 {
        // The sum does not fall with the scale, and at `high` it is at least the children: bisect, to the last bit and beyond.
        let mut low = 0.0;
        for _ in 0..64 {
            let middle = low + (high - low) / 2.0;
            *if sum(middle) < n_children { &mut low } else { &mut high } = middle;
        }
    }
    degrees(high).collect()
}

/// Rounds falling degrees such that the slots of parts sum up to `n_slots` and whole degrees still fall.
///
/// Ranks whose degrees have the same whole part are one group, which keeps between that and one more for each rank. The sum is
/// rounded at the end of every group; what a group cannot take is less than one slot, and is left to the next.
fn whole(degrees: &[(u64, f64)], n_slots: u64) -> Vec<(u64, u64)> {
    let mut groups: Vec<(u64, u64, f64)> = Vec::new();
    for &(n_ranks, degree) in degrees.iter().filter(|part| part.0 > 0) {
        let (floor, slots) = (rounded(degree.floor()), count(n_ranks) * degree);
        match groups.last_mut() {
            Some(group) if group.1 == floor => *group = (group.0 + n_ranks, floor, group.2 + slots),
            _ => groups.push((n_ranks, floor, slots)),
        }
    }
    let (mut sum, mut given) = (0.0, 0);
    let last = groups.len().saturating_sub(1);
    groups
        .iter()
        .enumerate()
        .map(|(place, &(n_ranks, floor, slots))| {
            sum += slots;
            let own = if place == last {
                n_slots.saturating_sub(given)
            } else {
                let room = n_slots.saturating_sub(given);
                rounded(sum).saturating_sub(given).clamp(n_ranks * floor, n_ranks * (floor + 1)).min(room)
            };
            given += own;
            (n_ranks, own)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn distributions() -> impl Strategy<Value = Distribution> {
        prop_oneof![
            Just(Distribution::Constant),
            Just(Distribution::Uniform),
            (0.0..3.0f64).prop_map(|s| Distribution::Zipf { s }),
            (0.0..2.0f64).prop_map(|sd| Distribution::Normal { sd }),
            Just(Distribution::Exponential),
            prop::collection::vec((0u64..20, 0.0..3.0f64), 1..4).prop_map(Distribution::Choice),
        ]
    }

    fn degrees(curve: &Curve) -> Vec<u64> {
        (0..curve.n_ranks()).map(|rank| curve.degree(rank)).collect()
    }

    fn fanout(distribution: Distribution) -> Fanout {
        Fanout { distribution, childless: None }
    }

    proptest! {
        #[test]
        fn children_sum_up(
            distribution in distributions(),
            childless in prop::option::of(0.0..1.0f64),
            n_parents in 1u64..3_000,
            n_children in 0u64..20_000,
        ) {
            let curve = Fanout { distribution, childless }.curve(n_parents, n_children);
            prop_assert_eq!((curve.n_ranks(), curve.n_slots()), (n_parents, n_children));
            let degrees = degrees(&curve);
            prop_assert!(degrees.is_sorted_by(|a, b| a >= b), "{:?}", degrees);
            if let Some(childless) = childless {
                let n_used = rounded(count(n_parents) * (1.0 - childless)).max(1);
                prop_assert!(curve.n_used() <= n_used);
                prop_assert!(n_children < n_used || curve.n_used() == n_used);
            }
        }

        #[test]
        fn parts_are_all_ranks(n in 0u64..100_000) {
            let parts: Vec<_> = parts(n).collect();
            prop_assert_eq!(parts.iter().map(|part| part.1).sum::<u64>(), n);
            prop_assert!(parts.iter().rev().take(32).all(|part| part.1 == 1));
            prop_assert!(parts.len() < 400);
        }
    }

    #[test]
    fn a_large_table_has_few_parts() {
        assert!(parts(1_000_000_000).count() < 450, "{}", parts(1_000_000_000).count());
        let curve = fanout(Distribution::Zipf { s: 1.3 }).curve(1_000_000_000, 20_000_000_000);
        assert_eq!(curve.n_slots(), 20_000_000_000);
    }

    /// Degrees at some ranks of 10,000 parents with 1,000 children each, against the law.
    fn check_law(distribution: Distribution, law: impl Fn(f64) -> f64) {
        let n = 10_000;
        let curve = fanout(distribution).curve(n, n * 1_000);
        let scale = 1_000.0 * count(n) / (0..n).map(|rank| law(count(rank))).sum::<f64>();
        for rank in [0, 1, 2, 9, 99, 999, 5_000, 9_000] {
            let (degree, expected) = (count(curve.degree(rank)), scale * law(count(rank)));
            assert!(
                (degree - expected).abs() <= 2.0 + 0.07 * expected,
                "rank {rank}: {degree} for {expected}"
            );
        }
        // And in sum, over parts of an equal number of parents each.
        for from in (0..n).step_by(500) {
            let expected: f64 = (from..from + 500).map(|rank| scale * law(count(rank))).sum();
            let found = count(curve.start(from + 500) - curve.start(from));
            assert!((found / expected - 1.0).abs() < 0.02, "from {from}: {found} for {expected}");
        }
    }

    #[test]
    fn follows_the_laws() {
        // By the standard library's functions, which the code does not use.
        check_law(Distribution::Zipf { s: 1.3 }, |rank| (rank + 1.0).powf(-1.3));
        check_law(Distribution::Zipf { s: 0.5 }, |rank| (rank + 1.0).powf(-0.5));
        check_law(Distribution::Exponential, |rank| -((rank + 0.5) / 10_000.0).ln());
        check_law(Distribution::Uniform, |rank| 1.0 - (rank + 0.5) / 10_000.0);
    }

    #[test]
    fn a_normal_fanout_has_its_deviation() {
        let degrees = degrees(&fanout(Distribution::Normal { sd: 0.2 }).curve(10_000, 10_000_000));
        let variance =
            degrees.iter().map(|&degree| (count(degree) - 1_000.0).powi(2)).sum::<f64>() / 10_000.0;
        assert!((variance.sqrt() / 200.0 - 1.0).abs() < 0.02, "{}", variance.sqrt());
        let within = degrees.iter().filter(|degree| degree.abs_diff(1_000) <= 200).count();
        assert!(within.abs_diff(6_827) < 100, "{within}");
    }

    #[test]
    fn choices_keep_their_shares() {
        let choice = fanout(Distribution::Choice(vec![(0, 1.0), (3, 2.0), (7, 1.0)]));
        assert_eq!(degrees(&choice.curve(8, 26)), [7, 7, 3, 3, 3, 3, 0, 0]);
    }
}
