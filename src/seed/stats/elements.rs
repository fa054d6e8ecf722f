//! Arrays whose elements are as frequent as ANALYZE says (`most_common_elems`), each array with as many as `elem_count_histogram` says.
//!
//! Arrays that are common themselves hold what stands for their elements; all others hold what is left of each element then, so that the
//! sums are right.

use std::collections::BTreeSet;

use super::column::list;
use crate::array;
use crate::catalog::ColumnStatistics;
use crate::random;
use crate::seed::exact::{count, rounded};

/// So many different arrays are made at the most: all of them are in the plan.
pub(super) const MOST_ARRAYS: u64 = 8_192;
/// Elements that are not listed have about this share of the rows of the rarest one that is.
const RARE: f64 = 0.5;
const MOST_RARE: u64 = 1_000;
/// So often another array is tried for one that is there already.
const N_TRIES: u64 = 16;

/// The golden ratio as a share of 2^64: its multiples are spread evenly, however many there are.
const GOLDEN: u64 = 0x9E37_79B9_7F4A_7C15;

/// What is known of a column's elements.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Elements {
    /// Their texts with their shares of the rows.
    pub(super) common: Vec<(String, f64)>,
    /// How many others there are, and the share of each.
    pub(super) n_rare: u64,
    rare_share: f64,
    /// Numbers of elements, with as many arrays between any two that follow each other.
    counts: Vec<f64>,
}

/// An array that is to be made.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Asked {
    pub(super) n_rows: u64,
    /// Its elements, where the source has it: the place of a common one, or `None` for a rare one.
    pub(super) elements: Option<Vec<Option<usize>>>,
}

impl Elements {
    /// Reads what the statistics of a column say of its elements; `None` where that is not enough.
    pub(super) fn new(statistics: &ColumnStatistics) -> Option<Self> {
        let texts = list(statistics.most_common_elems.as_deref());
        let shares = statistics.most_common_elem_freqs.as_deref()?;
        let histogram = statistics.elem_count_histogram.as_deref()?;
        // After the shares come the least and the greatest of them, and that of NULL; after the histogram the mean.
        let (mean, counts) = histogram.split_last()?;
        if texts.is_empty() || shares.len() < texts.len() + 2 || counts.is_empty() {
            return None;
        }
        let shares: Vec<f64> = shares.iter().take(texts.len()).map(|share| f64::from(*share)).collect();
        let least = shares.iter().copied().fold(1.0, f64::min).max(1e-6);
        let left = (f64::from(*mean) - shares.iter().sum::<f64>()).max(0.0);
        let n_rare = rounded(left / (RARE * least)).min(MOST_RARE);
        let rare_share = if n_rare == 0 { 0.0 } else { left / count(n_rare) };
        Some(Self {
            common: texts.into_iter().zip(shares).collect(),
            n_rare,
            rare_share,
            counts: counts.iter().map(|n| f64::from(*n)).collect(),
        })
    }

    /// Returns the statistics of a column that holds the elements of all arrays one after the other.
    #[expect(clippy::cast_possible_truncation, reason = "statistics are 32-bit floats")]
    pub(super) fn as_column(&self, of: &ColumnStatistics) -> ColumnStatistics {
        let n_all = self.mean();
        ColumnStatistics {
            // The header of an array has 24 bytes, and each text one of its own.
            avg_width: ((f64::from(of.avg_width) - 24.0) / n_all.max(1.0)).clamp(2.0, 1e6) as i32,
            n_distinct: count(self.common.len() as u64 + self.n_rare) as f32,
            most_common_vals: of.most_common_elems.clone(),
            most_common_freqs: Some(self.common.iter().map(|(_, share)| (share / n_all) as f32).collect()),
            ..ColumnStatistics::default()
        }
    }

    /// How many elements an array has in the mean.
    fn mean(&self) -> f64 {
        self.common.iter().map(|(_, share)| share).sum::<f64>() + self.rare_share * count(self.n_rare)
    }

    /// Reads the text of an array; `None` for one with NULL in it, or of several dimensions.
    pub(super) fn read(&self, text: &str) -> Option<Vec<Option<usize>>> {
        let mut places = Vec::new();
        for element in array::parse(text)? {
            let element = element?;
            places.push(self.common.iter().position(|(other, _)| *other == element));
        }
        Some(places)
    }

    /// How many elements the arrays have of which others take so many rows: shares of the rows by the number of elements.
    fn counts_left(&self, n_rows: f64, taken: &[(usize, f64)]) -> Vec<f64> {
        let most = self.counts.iter().copied().fold(0.0, f64::max);
        let mut left = vec![0.0; usize::try_from(rounded(most)).unwrap_or(0) + 1];
        let mut add = |n: f64, rows: f64| {
            if let Some(left) = usize::try_from(rounded(n)).ok().and_then(|n| left.get_mut(n)) {
                *left += rows;
            }
        };
        if let [only] = self.counts[..] {
            add(only, n_rows);
        }
        let width = n_rows / count(self.counts.len().saturating_sub(1).max(1) as u64);
        for pair in self.counts.windows(2) {
            // A number between two bounds is as likely as any other.
            let n = rounded(pair[1] - pair[0]) + 1;
            for i in 0..n {
                add(pair[0] + count(i), width / count(n));
            }
        }
        for (n, rows) in taken {
            if let Some(left) = left.get_mut(*n) {
                *left = (*left - rows).max(0.0);
            }
        }
        left
    }

    /// Returns the elements of arrays: places of common ones, then of rare ones. No two arrays are alike, as far as there are others.
    pub(super) fn arrays(&self, asked: &[Asked], key: u64) -> Vec<Vec<usize>> {
        let n_rows: f64 = asked.iter().map(|it| count(it.n_rows)).sum();
        let rare = std::iter::repeat_n(self.rare_share, usize::try_from(self.n_rare).unwrap_or(0));
        let mut left: Vec<f64> =
            self.common.iter().map(|(_, share)| *share).chain(rare).map(|share| share * n_rows).collect();
        let mut rows_left = n_rows;
        let mut seen: BTreeSet<Vec<usize>> = BTreeSet::new();
        let mut made: Vec<Vec<usize>> = vec![Vec::new(); asked.len()];
        let mut taken = Vec::new();
        for (number, (it, made)) in (0..).zip(asked.iter().zip(&mut made)) {
            let Some(elements) = &it.elements else { continue };
            let mut own: BTreeSet<usize> = elements.iter().flatten().copied().collect();
            for (place, _) in elements.iter().enumerate().filter(|(_, element)| element.is_none()) {
                let bits = random::at(random::at(key, number), place as u64);
                own.extend(self.rare(bits));
            }
            *made = own.into_iter().collect();
            seen.insert(made.clone());
            taken.push((made.len(), count(it.n_rows)));
            take(&mut left, &mut rows_left, made, it.n_rows);
        }
        let counts = self.counts_left(n_rows, &taken);
        let total: f64 = counts.iter().sum();
        let others = asked.iter().zip(&mut made).filter(|(it, _)| it.elements.is_none());
        for (number, (it, made)) in (0_u64..).zip(others) {
            let n_elements = quantile(&counts, random::unit(number.wrapping_mul(GOLDEN)) * total);
            let stretched = inclusions(&left, n_elements);
            for attempt in 0..N_TRIES {
                let bits = random::at(random::at(key, number), attempt + 1);
                *made = drawn(&stretched, n_elements, bits);
                if attempt > N_TRIES / 2 {
                    // A little more than was asked for is another array as well.
                    made.extend(self.rare(random::mix(bits)));
                    made.sort_unstable();
                    made.dedup();
                }
                if seen.insert(made.clone()) {
                    break;
                }
            }
            take(&mut left, &mut rows_left, made, it.n_rows);
        }
        made
    }

    /// Returns any rare element, if there are some.
    fn rare(&self, bits: u64) -> Option<usize> {
        let place = (self.n_rare > 0).then(|| random::below(bits, self.n_rare))?;
        usize::try_from(place).ok().map(|place| self.common.len() + place)
    }
}

fn take(left: &mut [f64], rows_left: &mut f64, elements: &[usize], n_rows: u64) {
    for element in elements {
        left[*element] -= count(n_rows);
    }
    *rows_left -= count(n_rows);
}

/// Returns the number that has so much before it.
fn quantile(weights: &[f64], before: f64) -> usize {
    let mut sum = 0.0;
    let place = weights.iter().position(|weight| {
        sum += weight;
        sum > before
    });
    place.unwrap_or_else(|| weights.iter().rposition(|weight| *weight > 0.0).unwrap_or(0))
}

/// Returns how likely each element is to be among so many, in proportion to what is left of it, and no more than certain: others take what
/// those have no room for.
fn inclusions(left: &[f64], n: usize) -> Vec<f64> {
    let left: Vec<f64> = left.iter().map(|left| left.max(0.0)).collect();
    let mut likely = vec![0.0; left.len()];
    loop {
        let is_certain = |likely: &f64| *likely >= 1.0;
        let n_certain = likely.iter().filter(|it| is_certain(it)).count();
        let open: f64 =
            left.iter().zip(&likely).filter(|(_, it)| !is_certain(it)).map(|(left, _)| left).sum();
        let factor = if open > 0.0 { count(n.saturating_sub(n_certain) as u64) / open } else { 0.0 };
        for (likely, left) in likely.iter_mut().zip(&left).filter(|(it, _)| !is_certain(it)) {
            *likely = (left * factor).min(1.0);
        }
        if likely.iter().filter(|it| is_certain(it)).count() == n_certain {
            return likely;
        }
    }
}

/// Draws elements such that each is there as likely as it says, one after each whole number (systematic sampling: Madow, "On the theory
/// of systematic sampling, II", 1949), at most `n`, from any element on.
fn drawn(likely: &[f64], n: usize, bits: u64) -> Vec<usize> {
    let n_elements = likely.len().max(1) as u64;
    let start = usize::try_from(random::below(random::mix(bits), n_elements)).unwrap_or(0);
    let mut next = random::unit(bits);
    let mut sum = 0.0;
    let mut drawn = Vec::new();
    for place in (start..likely.len()).chain(0..start.min(likely.len())) {
        sum += likely[place];
        if sum > next && drawn.len() < n {
            drawn.push(place);
            next += 1.0;
        }
    }
    drawn.sort_unstable();
    drawn
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn statistics(elements: &str, shares: &[f32], histogram: &[f32]) -> ColumnStatistics {
        ColumnStatistics {
            avg_width: 60,
            most_common_elems: Some(elements.to_owned()),
            most_common_elem_freqs: Some([shares, &[0.0, 1.0, 0.0]].concat()),
            elem_count_histogram: Some(histogram.to_vec()),
            ..ColumnStatistics::default()
        }
    }

    /// The shares of the rows in which elements are.
    fn shares(asked: &[Asked], made: &[Vec<usize>], n: usize) -> Vec<f64> {
        let n_rows: u64 = asked.iter().map(|it| it.n_rows).sum();
        let of = |element: usize| {
            let with = asked.iter().zip(made).filter(|(_, made)| made.contains(&element));
            count(with.map(|(it, _)| it.n_rows).sum()) / count(n_rows)
        };
        (0..n).map(of).collect()
    }

    #[test]
    fn elements_have_their_shares() {
        let histogram = [2.0, 2.0, 3.0, 3.0, 5.0, 3.0];
        let of = statistics("{a,b,c,d,e,f}", &[0.3, 0.25, 0.2, 0.15, 0.1, 0.1], &histogram);
        let elements = Elements::new(&of).unwrap();
        let any = |n_rows| Asked { n_rows, elements: None };
        let known = |text: &str, n_rows| Asked { n_rows, elements: elements.read(text) };
        let mut asked = vec![known("{a,b}", 500), known("{}", 200), known("{c,zebra}", 300)];
        asked.extend((0..400).map(|n| any(20 + n % 7)));
        let made = elements.arrays(&asked, 5);
        assert_eq!((&made[0][..], &made[1][..]), (&[0, 1][..], &[][..]));
        assert_eq!((made[2].len(), made[2][0]), (2, 2));
        for ((text, asked), found) in elements.common.iter().zip(shares(&asked, &made, 6)) {
            assert!((asked - found).abs() < 0.01, "{text}: {found} instead of {asked}");
        }
        let different: BTreeSet<&Vec<usize>> = made.iter().collect();
        assert!(different.len() * 10 > made.len() * 9, "{} of {}", different.len(), made.len());
    }

    #[test]
    fn what_says_too_little_is_left_alone() {
        assert_eq!(Elements::new(&ColumnStatistics::default()), None);
        assert_eq!(Elements::new(&statistics("{a,b}", &[], &[1.0, 1.0])), None);
        let elements = Elements::new(&statistics("{a}", &[0.5], &[0.0, 1.0, 0.5])).unwrap();
        assert_eq!((elements.n_rare, elements.read("{a,NULL}")), (0, None));
    }

    proptest! {
        #[test]
        fn inclusions_add_up(left in prop::collection::vec(-5.0f64..50.0, 1..40), n in 0usize..20, bits: u64) {
            let likely = inclusions(&left, n);
            prop_assert!(likely.iter().all(|it| (0.0..=1.0).contains(it)));
            let n_open = left.iter().filter(|left| **left > 0.0).count();
            prop_assert!((likely.iter().sum::<f64>() - count(n.min(n_open) as u64)).abs() < 1.0);
            let drawn = drawn(&likely, n, bits);
            prop_assert!(drawn.len() <= n && drawn.is_sorted_by(|a, b| a < b));
        }
    }
}
