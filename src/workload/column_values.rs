//! The values that a column's statistics call common, typical and rare.

use crate::array;
use crate::catalog::ColumnStatistics;
use crate::statistics;

/// How usual the values of a set are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Class {
    /// What a row taken by chance is likely to hold.
    Typical,
    Common,
    Rare,
}

impl Class {
    pub(super) const ALL: [Self; 3] = [Self::Typical, Self::Common, Self::Rare];

    pub(super) fn label(self) -> &'static str {
        match self {
            Self::Typical => "typical",
            Self::Common => "common",
            Self::Rare => "rare",
        }
    }

    /// The share of the rows that a range lets through, from a report over half of all to the last page of a feed.
    pub(super) fn share(self) -> f64 {
        match self {
            Self::Common => 0.5,
            Self::Typical => 0.1,
            Self::Rare => 0.01,
        }
    }

    /// Returns what is in the class's place of a list whose first is the most common.
    pub(super) fn pick<T>(self, ranked: &[T]) -> Option<&T> {
        match self {
            Self::Common => ranked.first(),
            Self::Typical => ranked.get(ranked.len() / 2),
            Self::Rare => ranked.last(),
        }
    }
}

/// What statistics say of a column's values; shares are of the rows that are not NULL.
pub(super) struct ColumnValues {
    /// The most common ones with their shares, in falling order.
    common: Vec<(String, f64)>,
    /// Some of the others, in the type's order, as many rows between each two.
    bounds: Vec<String>,
}

impl ColumnValues {
    pub(super) fn of(statistics: &ColumnStatistics) -> Self {
        let list = |text: &Option<String>| -> Vec<String> {
            elements(text.as_deref()).into_iter().flatten().collect()
        };
        let not_null = 1.0 - f64::from(statistics.null_frac);
        let freqs = statistics.most_common_freqs.iter().flatten();
        let shares = freqs.map(|freq| if not_null > 0.0 { f64::from(*freq) / not_null } else { 0.0 });
        Self {
            common: list(&statistics.most_common_vals).into_iter().zip(shares).collect(),
            bounds: list(&statistics.histogram_bounds),
        }
    }

    /// Returns up to `n` different values, those that stand best for the class first.
    ///
    /// Typical is the value of the row in the middle when rows are ordered by how common their values are: one of the most
    /// common values when these make up half of all rows, else one from the middle of the histogram. Rare is any value of
    /// the histogram, which holds no common ones, else the least of the common.
    pub(super) fn several(&self, class: Class, n: usize) -> Vec<&str> {
        let common = self.common.iter().map(|(value, _)| value.as_str());
        let middle = self.bounds.len() / 2;
        let others = self.bounds[middle..].iter().chain(&self.bounds[..middle]).map(String::as_str);
        let mut covered = 0.0;
        let typical = self.common.iter().position(|(_, share)| {
            covered += share;
            covered >= 0.5
        });
        let typical =
            typical.or((self.bounds.is_empty() && !self.common.is_empty()).then_some(self.common.len() / 2));
        match (class, typical) {
            (Class::Common, _) => common.chain(others).take(n).collect(),
            (Class::Typical, Some(at)) => {
                common.clone().skip(at).chain(others).chain(common.take(at)).take(n).collect()
            }
            (Class::Typical, None) | (Class::Rare, _) => others.chain(common.rev()).take(n).collect(),
        }
    }

    /// Returns the value below which this share of the rows is.
    pub(super) fn quantile(&self, share: f64) -> Option<&str> {
        let mut common: Vec<(&str, f64)> =
            self.common.iter().map(|(value, share)| (value.as_str(), *share)).collect();
        common.sort_by(|a, b| statistics::compare(a.0, b.0));
        let mut sum = 0.0;
        // Before each common value, and after the last, the share of the common values so far.
        let sums: Vec<f64> = std::iter::once(0.0)
            .chain(common.iter().map(|(_, share)| {
                sum += share;
                sum
            }))
            .collect();
        let of_others = (1.0 - sum).max(0.0);
        let step = of_others / as_f64(self.bounds.len().saturating_sub(1).max(1));
        let bounds = self.bounds.iter().enumerate().map(|(i, bound)| {
            let n_before = common.partition_point(|(value, _)| statistics::compare(value, bound).is_lt());
            (bound.as_str(), step * as_f64(i) + sums[n_before])
        });
        let of_common = common.iter().enumerate().map(|(i, (value, _))| {
            let n_before = self.bounds.partition_point(|bound| statistics::compare(bound, value).is_lt());
            (*value, (step * as_f64(n_before)).min(of_others) + sums[i])
        });
        let distance = |(_, below): &(&str, f64)| (below - share).abs();
        bounds.chain(of_common).min_by(|a, b| distance(a).total_cmp(&distance(b))).map(|(value, _)| value)
    }

    /// Returns the values, each as often as a table of `n` rows would have it, in no meaningful order.
    pub(super) fn population(&self, n: usize) -> Vec<String> {
        let times = |share: f64| -> usize {
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "a share of a small number"
            )]
            let times = (share * as_f64(n)).round() as usize;
            times
        };
        let of_others = (1.0 - self.common.iter().map(|(_, share)| share).sum::<f64>()).max(0.0);
        let each = times(of_others / as_f64(self.bounds.len().max(1))).max(1);
        let common = self.common.iter().map(|(value, share)| (value, times(*share)));
        let others = self.bounds.iter().map(|value| (value, each));
        common.chain(others).flat_map(|(value, times)| std::iter::repeat_n(value.clone(), times)).collect()
    }
}

/// Returns the elements of an array column or the words of a tsvector, the most common first.
pub(super) fn ranked_elements(statistics: &ColumnStatistics) -> Vec<String> {
    let freqs = statistics.most_common_elem_freqs.iter().flatten();
    let mut ranked: Vec<(String, f32)> = elements(statistics.most_common_elems.as_deref())
        .into_iter()
        .zip(freqs)
        .filter_map(|(element, freq)| Some((element?, *freq)))
        .collect();
    // Stable: what is equally common stays in the type's order.
    ranked.sort_by(|a, b| b.1.total_cmp(&a.1));
    ranked.into_iter().map(|(element, _)| element).collect()
}

/// Returns the elements of an array of the statistics.
pub(super) fn elements(text: Option<&str>) -> Vec<Option<String>> {
    text.and_then(array::parse).unwrap_or_default()
}

#[expect(clippy::cast_precision_loss, reason = "statistics have at most 10,000 entries")]
fn as_f64(n: usize) -> f64 {
    n as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn values(common: &[(&str, f32)], bounds: &[&str]) -> ColumnValues {
        let list = |values: &[&str]| Some(array::write(values.iter().map(|&value| Some(value))));
        let names: Vec<&str> = common.iter().map(|(name, _)| *name).collect();
        ColumnValues::of(&ColumnStatistics {
            most_common_vals: list(&names),
            most_common_freqs: Some(common.iter().map(|(_, freq)| *freq).collect()),
            histogram_bounds: list(bounds),
            ..ColumnStatistics::default()
        })
    }

    /// Typical, common and rare.
    fn check(common: &[(&str, f32)], bounds: &[&str], expected: [&str; 3]) {
        let values = values(common, bounds);
        let found = Class::ALL.map(|class| values.several(class, 1).first().copied().unwrap_or("none"));
        assert_eq!(found, expected, "{common:?} {bounds:?}");
    }

    #[test]
    fn chooses_by_class() {
        check(&[("done", 0.97), ("open", 0.02), ("lost", 0.01)], &[], ["done", "done", "lost"]);
        check(&[("1", 0.1), ("2", 0.05)], &["3", "4", "5"], ["4", "1", "4"]);
        check(&[("1", 0.3), ("2", 0.3), ("3", 0.1)], &["4", "5"], ["2", "1", "5"]);
        check(&[], &["a", "b", "c"], ["b", "b", "b"]);
        check(&[("x", 0.01), ("y", 0.01), ("z", 0.01)], &[], ["y", "x", "z"]);
        check(&[], &[], ["none", "none", "none"]);
    }

    #[test]
    fn gives_several_different_values() {
        let values = values(&[("1", 0.6), ("2", 0.1)], &["3", "4"]);
        assert_eq!(values.several(Class::Common, 3), ["1", "2", "4"]);
        assert_eq!(values.several(Class::Rare, 9), ["4", "3", "2", "1"]);
    }

    #[test]
    fn finds_quantiles() {
        let even: Vec<String> = (0..=100).map(|i| (i * 10).to_string()).collect();
        let even: Vec<&str> = even.iter().map(String::as_str).collect();
        let values_only = values(&[], &even);
        assert_eq!(values_only.quantile(0.5), Some("500"));
        assert_eq!(values_only.quantile(0.99), Some("990"));
        // Half of all rows hold 95, below which there are few.
        let skewed = values(&[("95", 0.5)], &even);
        assert_eq!(skewed.quantile(0.05), Some("95"));
        assert_eq!(skewed.quantile(0.99), Some("980"));
        assert_eq!(values(&[("b", 0.5), ("a", 0.5)], &[]).quantile(0.5), Some("b"));
        assert_eq!(values(&[], &[]).quantile(0.5), None);
    }

    #[test]
    fn ranks_elements() {
        let statistics = ColumnStatistics {
            most_common_elems: Some("{a,b,c}".into()),
            // Behind the elements' frequencies are the least, the greatest and that of NULL.
            most_common_elem_freqs: Some(vec![0.1, 0.5, 0.3, 0.1, 0.5, 0.0]),
            ..ColumnStatistics::default()
        };
        assert_eq!(ranked_elements(&statistics), ["b", "c", "a"]);
    }

    proptest! {
        #[test]
        fn a_higher_share_never_has_a_lower_quantile(n in 2usize..50, at in 0usize..50, a in 0f64..1.0, b in 0f64..1.0) {
            let bounds: Vec<String> = (0..n).map(|i| (i * 2).to_string()).collect();
            let bounds: Vec<&str> = bounds.iter().map(String::as_str).collect();
            let values = values(&[(&(at * 2 + 1).to_string(), 0.3)], &bounds);
            let of = |share: f64| values.quantile(share).unwrap().parse::<f64>().unwrap();
            prop_assert!(of(a.min(b)) <= of(a.max(b)));
        }
    }
}
