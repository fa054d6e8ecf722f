//! Values in the order of a source's, none of which is one that is known of the source.

use std::cmp::Ordering;

use super::axis::Axis;
use crate::random;
use crate::seed::make::{Codes, Stretch};

/// So many places are tried for values that meet none of the source's.
const N_TRIES: u64 = 32;
/// Distances by which numbers are moved are so coarse: sixteenths of a power of two.
const N_GRAINS: i128 = 16;
/// Codes are one of so many, so that a few known values of the source are easily avoided.
const N_SPARE: u64 = 8;

/// Numbers as a column holds them: units of its wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Limits {
    pub(crate) low: i128,
    pub(crate) high: i128,
}

/// Returns the source's own values where they are known, evenly spread ones between them.
pub(crate) fn kept_numbers(axis: &Axis) -> Vec<Stretch> {
    let mut first = 0;
    let stretch = |piece: &super::axis::Piece| {
        // Beyond the greatest that is known they follow each other.
        let is_open = piece.high == i128::MAX;
        let span = if is_open { i128::from(piece.n_values) } else { piece.high - piece.low };
        let stretch = Stretch { first, n: piece.n_values, low: piece.low, span, key: None };
        first += piece.n_values;
        stretch
    };
    axis.pieces.iter().map(stretch).collect()
}

/// Returns numbers of the axis' order within limits; `None` where these have no other numbers than the source's.
///
/// Where there is room between the known ones, all stand between the same two as in the source, so that distances and magnitudes
/// stay; where there is none (every number of a range is there) the whole axis is moved by its length or a little more. `shift` is added
/// to each, as far as that leads to none of the source's: moments are as old as they were.
pub(crate) fn numbers(axis: &Axis, limits: Limits, shift: i128, key: u64) -> Option<Vec<Stretch>> {
    let moved = |stretches: &[Stretch], by: i128| {
        let moved: Vec<Stretch> =
            stretches.iter().map(|it| Stretch { low: it.low.saturating_add(by), ..*it }).collect();
        let is_within = moved.iter().all(|it| it.low >= limits.low && it.low + (it.span - 1) <= limits.high);
        (is_within && !axis.known.iter().any(|value| is_made(&moved, *value))).then_some(moved)
    };
    if let Some(between) = between(axis, limits, key) {
        let near = (0..if shift == 0 { 0 } else { i128::from(N_TRIES) }).map(|more| shift + more);
        return near.chain([0]).find_map(|by| moved(&between, by));
    }
    let kept = kept_numbers(axis);
    let (first, last) = (kept.first()?, kept.last()?);
    let end = (last.low + last.span).max(axis.known.last()? + 1);
    let length = end - first.low.min(*axis.known.first()?);
    // By about as much where another column has about the same numbers: it may refer to this one without a foreign key.
    let grain = (1_i128 << length.ilog2()) / N_GRAINS;
    let more = length + (-length).rem_euclid(grain.max(1));
    [more, length, -more, -length].into_iter().find_map(|by| moved(&kept, by))
}

/// Puts all values strictly between the known ones that they are between in the source.
fn between(axis: &Axis, limits: Limits, key: u64) -> Option<Vec<Stretch>> {
    let (first, last) = (*axis.known.first()?, *axis.known.last()?);
    let mean_gap = ((last - first) / i128::try_from(axis.known.len()).ok()?).max(i128::from(N_SPARE));
    let mut stretches = Vec::new();
    let mut ordinal = 0;
    for group in axis.pieces.chunk_by(|a, b| a.after == b.after) {
        let after = group[0].after;
        let next = axis.known.partition_point(|value| *value <= after);
        let n: i128 = group.iter().map(|piece| i128::from(piece.n_values)).sum();
        let open_end = || after.saturating_add(mean_gap.max(2 * n)).min(limits.high);
        let end = axis.known.get(next).copied().unwrap_or_else(open_end);
        // Values of `after + 1 .. end`.
        let room = end - after - 1;
        if room < n {
            return None;
        }
        let mut low = after + 1;
        let mut left = n;
        for piece in group {
            let n_values = i128::from(piece.n_values);
            let share = (end - low) * n_values / left.max(1);
            let stretch = if piece.is_common {
                let free = u64::try_from(share.max(1)).unwrap_or(u64::MAX);
                let by = random::below(random::at(key, ordinal), free);
                Stretch { first: ordinal, n: 1, low: low + i128::from(by), span: 1, key: None }
            } else {
                Stretch { first: ordinal, n: piece.n_values, low, span: share.max(n_values), key: Some(key) }
            };
            low = if piece.is_common { stretch.low + 1 } else { low + stretch.span };
            left -= n_values;
            ordinal += piece.n_values;
            stretches.push(stretch);
        }
    }
    Some(stretches)
}

/// Whether a number is one of those that stretches stand for.
fn is_made(stretches: &[Stretch], value: i128) -> bool {
    stretches.iter().any(|it| {
        let place = value - it.low;
        if place < 0 || place >= it.span {
            return false;
        }
        // They rise with their ordinals.
        let (mut low, mut high) = (0, it.n);
        while low < high {
            let middle = low.midpoint(high);
            match it.at(it.first + middle).cmp(&value) {
                Ordering::Less => low = middle + 1,
                Ordering::Greater => high = middle,
                Ordering::Equal => return true,
            }
        }
        false
    })
}

/// Returns texts that rise with their ordinals, `n_chars` long as far as that is enough for `n` of them, and at most `max_chars`;
/// `None` where so few characters hold no `n` texts, or none but the source's.
pub(crate) fn texts(
    n: u64,
    n_chars: u32,
    max_chars: Option<u32>,
    known: &[String],
    key: u64,
) -> Option<Codes> {
    let max_chars = max_chars.unwrap_or(u32::MAX);
    // Letters of one case are in the same order under all collations, and digits come before them.
    [26, 36].into_iter().find_map(|base| {
        let enough = |n: u64| {
            let mut room: u64 = 1;
            (0..=13).find(|_| {
                let is_enough = room >= n;
                room = room.saturating_mul(base);
                is_enough
            })
        };
        let least = enough(n.max(1))?.max(1);
        let roomy = enough(n.saturating_mul(N_SPARE)).map_or(least, |roomy| roomy.min(n_chars).max(least));
        // One more digit where all texts of so few are the source's.
        (roomy.min(max_chars)..=max_chars.min(roomy + 1)).filter(|width| *width >= least).find_map(|width| {
            let room = (0..width).fold(1_u64, |room, _| room.saturating_mul(base));
            let step = (room / n.max(1)).max(1);
            let n_chars = n_chars.clamp(width, max_chars);
            (0..N_TRIES).find_map(|attempt| {
                let offset = random::below(random::at(key, attempt), step);
                let key = random::at(!key, attempt);
                let codes = Codes { n, base, width, step, offset, n_chars, key, kept: Vec::new() };
                let is_known = known.iter().any(|text| codes.ordinal(text).is_some());
                (!is_known).then_some(codes)
            })
        })
    })
}

#[cfg(test)]
mod tests {
    use super::super::axis::Marginal;
    use super::*;
    use proptest::prelude::*;

    const ANY: Limits = Limits { low: i64::MIN as i128, high: i64::MAX as i128 };

    fn all(stretches: &[Stretch]) -> Vec<i128> {
        stretches.iter().flat_map(|it| (0..it.n).map(|i| it.at(it.first + i))).collect()
    }

    fn axis(n_distinct: u64, common: &[(i128, f64)], bounds: &[i128]) -> Axis {
        Axis::new(&Marginal {
            n_rows: 10_000,
            n_values: 10_000,
            n_distinct,
            common: common.to_vec(),
            bounds: bounds.to_vec(),
        })
    }

    fn check(axis: &Axis, limits: Limits, shift: i128) -> Option<Vec<i128>> {
        let made = all(&numbers(axis, limits, shift, 5)?);
        assert!(made.is_sorted_by(|a, b| a < b), "{made:?}");
        assert!(made.iter().all(|value| !axis.known.contains(value)), "{made:?}");
        assert_eq!(made.len() as u64, axis.curve().n_ranks());
        Some(made)
    }

    #[test]
    fn numbers_stay_between_their_neighbours() {
        let sparse = axis(300, &[(5_000, 0.2), (40, 0.1)], &[0, 1_000, 90_000]);
        let made = check(&sparse, ANY, 0).unwrap();
        assert!(made[0] > 0 && made.last().unwrap() < &180_000);
        let shifted = check(&sparse, ANY, 1_000_000).unwrap();
        assert!(shifted[0] >= 1_000_000);
    }

    #[test]
    fn dense_numbers_move_as_a_whole() {
        let dense = axis(50, &[(1, 0.5)], &[2, 20, 50]);
        assert!(check(&dense, ANY, 0).unwrap()[0] > 50);
        assert!(check(&dense, Limits { low: -100, high: 60 }, 0).unwrap()[0] < 1);
        assert_eq!(numbers(&dense, Limits { low: 1, high: 50 }, 0, 5), None);
        let kept = all(&kept_numbers(&dense));
        assert_eq!((kept[0], kept.last()), (1, Some(&50)));
    }

    #[test]
    fn short_texts_find_room() {
        let known = ["a", "n", "r"].map(str::to_owned);
        let codes = texts(3, 1, Some(1), &known, 3).unwrap();
        assert_eq!((codes.width, codes.n_chars), (1, 1));
        assert_eq!(texts(37, 1, Some(1), &[], 3), None);
        assert_eq!(texts(30, 1, Some(1), &[], 3).unwrap().base, 36);
        assert_eq!(texts(1_000_000, 2, None, &[], 3).unwrap().width, 5);
    }

    proptest! {
        #[test]
        fn no_known_number_is_made(
            n_distinct in 1u64..500,
            common in prop::collection::btree_map(-1_000i128..1_000, 0.0f64..0.2, 0..20),
            bounds in prop::collection::btree_set(-1_000i128..1_000, 0..20),
            shift in -50i128..50,
        ) {
            let common: Vec<(i128, f64)> = common.into_iter().collect();
            let bounds: Vec<i128> = bounds.into_iter().collect();
            let axis = axis(n_distinct, &common, &bounds);
            if !axis.known.is_empty() {
                prop_assert!(check(&axis, ANY, shift).is_some());
            }
        }

        #[test]
        fn texts_rise_and_are_none_of_the_source(
            n in 1u64..3_000,
            n_chars in 0u32..20,
            known in prop::collection::vec("[a-z]{1,4}", 0..20),
            key: u64,
        ) {
            let codes = texts(n, n_chars, None, &known, key).unwrap();
            let made: Vec<String> = (0..n).map(|ordinal| codes.text(ordinal)).collect();
            prop_assert!(made.is_sorted_by(|a, b| a < b));
            for (ordinal, text) in (0..n).zip(&made) {
                prop_assert!(!known.contains(text));
                prop_assert_eq!(codes.ordinal(text), Some(ordinal));
            }
        }
    }
}
