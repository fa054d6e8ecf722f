//! Estimates and tests over a few paired differences, without the belief that they are normal.

use crate::random;

/// Returns the Hodges-Lehmann estimate: the median of the means of all pairs of values, each with itself as well.
///
/// It bears a third of wild values, and loses little against the mean where there are none (Hodges and Lehmann, "Estimates of
/// location based on rank tests", 1963). There is a value at least.
pub(super) fn hodges_lehmann(values: &[f64]) -> f64 {
    median(&mut walsh_averages(values))
}

/// Returns the middle of values, of which there is one at least.
pub(super) fn median(values: &mut [f64]) -> f64 {
    let (half, is_odd) = (values.len() / 2, values.len() % 2 == 1);
    let (below, middle, _) = values.select_nth_unstable_by(half, f64::total_cmp);
    if is_odd {
        return *middle;
    }
    f64::midpoint(below.iter().copied().fold(f64::MIN, f64::max), *middle)
}

/// Returns an interval of the Hodges-Lehmann estimate by resampling (Efron and Tibshirani, "An introduction to the bootstrap",
/// chapter 13).
pub(super) fn bootstrap_interval(values: &[f64], confidence: f64, n_resamples: u32, seed: u64) -> (f64, f64) {
    let n = values.len() as u64;
    let mut resample = vec![0.0; values.len()];
    let mut estimates: Vec<f64> = (0..u64::from(n_resamples))
        .map(|i| {
            for (j, value) in (0..).zip(&mut resample) {
                let drawn = random::below(random::at(seed, i * n + j), n);
                *value = values[usize::try_from(drawn).expect("below a length")];
            }
            hodges_lehmann(&resample)
        })
        .collect();
    estimates.sort_by(f64::total_cmp);
    let tail = (1.0 - confidence) / 2.0;
    (at_share(&estimates, tail), at_share(&estimates, 1.0 - tail))
}

/// Returns the sorted value that a share of all lies below.
fn at_share(sorted: &[f64], share: f64) -> f64 {
    let last = sorted.len() - 1;
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a share of a length is a place"
    )]
    let place = (share * last as f64).round() as usize;
    sorted[place.min(last)]
}

/// Returns the interval of the location that the signed-rank test does not reject; none where so few values reject nothing.
///
/// It is exact for symmetric differences (Hollander, Wolfe, Chicken, "Nonparametric statistical methods", section 3.3).
pub(super) fn signed_rank_interval(values: &[f64], confidence: f64) -> Option<(f64, f64)> {
    let ranks: Vec<usize> = (1..=values.len()).collect();
    let mut cumulated = 0.0;
    let tail = (1.0 - confidence) / 2.0;
    let n_outside = chances(&ranks).into_iter().take_while(|chance| {
        cumulated += chance;
        cumulated <= tail
    });
    let n_outside = n_outside.count();
    let mut averages = walsh_averages(values);
    averages.sort_by(f64::total_cmp);
    let first = n_outside.checked_sub(1)?;
    Some((averages[first], averages[averages.len() - n_outside]))
}

/// Returns how likely differences like these, or larger ones, are if their location is at `limit` or below: the exact
/// signed-rank test of Wilcoxon, with ties.
pub(super) fn chance_if_not_above(values: &[f64], limit: f64) -> f64 {
    let mut differences: Vec<f64> = values.iter().map(|value| value - limit).filter(|d| *d != 0.0).collect();
    differences.sort_by(|a, b| a.abs().total_cmp(&b.abs()));
    // Twice the ranks, so that those of ties are whole.
    let mut ranks = Vec::with_capacity(differences.len());
    while ranks.len() < differences.len() {
        let start = ranks.len();
        let size = differences[start].abs();
        let n_equal = differences[start..].iter().take_while(|d| d.abs() <= size).count();
        ranks.extend(std::iter::repeat_n(2 * start + n_equal + 1, n_equal));
    }
    let positive: usize =
        ranks.iter().zip(&differences).filter(|(_, d)| **d > 0.0).map(|(rank, _)| rank).sum();
    chances(&ranks).into_iter().skip(positive).sum::<f64>().min(1.0)
}

/// Returns how likely each sum of these ranks is when every rank counts by the toss of a coin.
fn chances(ranks: &[usize]) -> Vec<f64> {
    let mut chances = vec![0.0; ranks.iter().sum::<usize>() + 1];
    chances[0] = 1.0;
    let mut highest = 0;
    for rank in ranks {
        highest += rank;
        for sum in (0..=highest).rev() {
            let with = if sum >= *rank { chances[sum - rank] } else { 0.0 };
            chances[sum] = f64::midpoint(chances[sum], with);
        }
    }
    chances
}

/// Says which of many hypotheses fall, so that the chance of one false fall among all stays below `alpha` (Holm, "A simple
/// sequentially rejective multiple test procedure", 1979).
pub(super) fn holm(chances: &[f64], alpha: f64) -> Vec<bool> {
    let mut order: Vec<usize> = (0..chances.len()).collect();
    order.sort_by(|a, b| chances[*a].total_cmp(&chances[*b]));
    let mut falls = vec![false; chances.len()];
    for (place, i) in order.into_iter().enumerate() {
        #[expect(clippy::cast_precision_loss, reason = "hypotheses are few")]
        let share = alpha / (chances.len() - place) as f64;
        if chances[i] > share {
            break;
        }
        falls[i] = true;
    }
    falls
}

fn walsh_averages(values: &[f64]) -> Vec<f64> {
    let pairs = values.iter().enumerate().flat_map(|(i, a)| values[i..].iter().map(move |b| (a, b)));
    pairs.map(|(a, b)| f64::midpoint(*a, *b)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn close(a: f64, b: f64) -> bool {
        (a - b).abs() < 1e-9
    }

    #[test]
    fn estimates_the_middle() {
        assert!(close(median(&mut [3.0, 1.0, 2.0]), 2.0));
        assert!(close(median(&mut [4.0, 1.0, 2.0, 3.0]), 2.5));
        assert!(close(hodges_lehmann(&[5.0]), 5.0));
        // The Walsh averages are 1, 1.5, 2, 2, 2.5, 3 and, with the wild value, 50.5, 51, 51.5, 100.
        assert!(close(hodges_lehmann(&[1.0, 2.0, 3.0]), 2.0));
        assert!(close(hodges_lehmann(&[1.0, 2.0, 3.0, 100.0]), 2.75));
    }

    /// The figures that tables of the test have.
    #[test]
    fn the_signed_rank_test_is_exact() {
        let all_above: Vec<f64> = (1..=10).map(f64::from).collect();
        assert!(close(chance_if_not_above(&all_above, 0.0), 1.0 / 1024.0));
        assert!(close(chance_if_not_above(&[1.0, 2.0, -3.0], 0.0), 5.0 / 8.0));
        assert!(close(chance_if_not_above(&[1.0, 1.0, -1.0], 0.0), 4.0 / 8.0), "ties share ranks");
        assert!(close(chance_if_not_above(&[2.0, 2.0], 2.0), 1.0), "no difference is no sign");
        assert_eq!(signed_rank_interval(&[1.0; 5], 0.95), None, "five values cannot tell");
        // The table of critical values has 8 for n = 10 at 5 % on two sides: nine averages fall on each.
        let (low, high) = signed_rank_interval(&all_above, 0.95).unwrap();
        assert!(close(low, 3.0) && close(high, 8.0), "{low} {high}");
    }

    #[test]
    fn holm_stops_at_the_first_that_stands() {
        assert_eq!(holm(&[0.01, 0.04, 0.03], 0.05), [true, false, false]);
        assert_eq!(holm(&[0.01, 0.02, 0.04], 0.05), [true, true, true]);
        assert!(holm(&[], 0.05).is_empty());
    }

    proptest! {
        #[test]
        fn estimates_move_with_their_values(values in prop::collection::vec(-1.0..1.0f64, 7..20), shift in -5.0..5.0f64) {
            let moved: Vec<f64> = values.iter().map(|value| value + shift).collect();
            prop_assert!((hodges_lehmann(&moved) - hodges_lehmann(&values) - shift).abs() < 1e-9);
            let (low, high) = signed_rank_interval(&values, 0.95).unwrap();
            let estimate = hodges_lehmann(&values);
            prop_assert!(low <= estimate && estimate <= high);
            let (from, to) = bootstrap_interval(&values, 0.95, 200, 1);
            prop_assert!(from <= to && from >= -1.0 && to <= 1.0);
            let chance = chance_if_not_above(&values, 0.0);
            prop_assert!((0.0..=1.0).contains(&chance));
            prop_assert!(chance_if_not_above(&values, -2.0) <= chance && chance <= chance_if_not_above(&values, 2.0));
        }
    }
}
