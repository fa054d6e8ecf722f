//! What was measured: a histogram for each statement, which merges exactly.

use std::collections::BTreeMap;
use std::time::Duration;

use hdrhistogram::Histogram;
use hdrhistogram::serialization::{Serializer, V2DeflateSerializer};

/// Significant decimal digits of a recorded value.
const DIGITS: u8 = 3;
/// The longest latency that can be told from longer ones: an hour, in nanoseconds.
const MAX_NS: u64 = 3_600_000_000_000;

/// A latency distribution with a resolution of three digits, from 1 ns to 1 h.
#[derive(Clone, Debug)]
pub(crate) struct Latency {
    histogram: Histogram<u64>,
}

/// The figures of a distribution, in milliseconds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Summary {
    pub(crate) mean_ms: f64,
    pub(crate) p50_ms: f64,
    pub(crate) p75_ms: f64,
    pub(crate) p90_ms: f64,
    pub(crate) p95_ms: f64,
    pub(crate) p99_ms: f64,
    pub(crate) p999_ms: f64,
    pub(crate) max_ms: f64,
}

impl Latency {
    pub(crate) fn new() -> Self {
        let histogram = Histogram::new_with_bounds(1, MAX_NS, DIGITS).expect("the bounds are valid");
        Self { histogram }
    }

    pub(crate) fn record(&mut self, latency: Duration) {
        let ns = u64::try_from(latency.as_nanos()).unwrap_or(MAX_NS);
        self.histogram.saturating_record(ns.max(1));
    }

    pub(crate) fn merge(&mut self, other: &Self) {
        self.histogram.add(&other.histogram).expect("the histograms have the same bounds");
    }

    pub(crate) fn count(&self) -> u64 {
        self.histogram.len()
    }

    /// Returns the latency in milliseconds that a share of `quantile` (0 to 1) does not exceed.
    pub(crate) fn quantile_ms(&self, quantile: f64) -> f64 {
        to_ms(self.histogram.value_at_quantile(quantile))
    }

    pub(crate) fn mean_ms(&self) -> f64 {
        self.histogram.mean() / 1e6
    }

    pub(crate) fn max_ms(&self) -> f64 {
        // The bucket's upper bound may lie above the true maximum; never report a latency that nobody had by
        // more than the resolution.
        to_ms(self.histogram.max())
    }

    /// Returns the figures, or `None` when nothing was recorded: there is no average over nothing.
    pub(crate) fn summary(&self) -> Option<Summary> {
        (self.count() > 0).then(|| Summary {
            mean_ms: self.mean_ms(),
            p50_ms: self.quantile_ms(0.5),
            p75_ms: self.quantile_ms(0.75),
            p90_ms: self.quantile_ms(0.9),
            p95_ms: self.quantile_ms(0.95),
            p99_ms: self.quantile_ms(0.99),
            p999_ms: self.quantile_ms(0.999),
            max_ms: self.max_ms(),
        })
    }

    /// Returns the histogram in HdrHistogram's compressed V2 format, which its other tools read.
    pub(crate) fn to_hdr(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        V2DeflateSerializer::new()
            .serialize(&self.histogram, &mut bytes)
            .expect("a histogram of this size serializes into memory");
        bytes
    }

    /// Returns the counts in buckets of equal width on a logarithmic axis, as `(upper bound in ms, count)`.
    pub(crate) fn log_buckets(&self, per_decade: f64) -> Vec<(f64, u64)> {
        let mut buckets: BTreeMap<i64, u64> = BTreeMap::new();
        for value in self.histogram.iter_recorded() {
            let position = (to_ms(value.value_iterated_to()).log10() * per_decade).ceil();
            #[expect(clippy::cast_possible_truncation, reason = "logarithms of latencies are small")]
            let bucket = position as i64;
            *buckets.entry(bucket).or_default() += value.count_at_value();
        }
        let (Some(first), Some(last)) = (buckets.keys().next().copied(), buckets.keys().last().copied())
        else {
            return Vec::new();
        };
        #[expect(clippy::cast_precision_loss, reason = "bucket numbers are small")]
        (first..=last)
            .map(|i| (10_f64.powf(i as f64 / per_decade), buckets.get(&i).copied().unwrap_or(0)))
            .collect()
    }
}

#[expect(clippy::cast_precision_loss, reason = "latencies are recorded with three digits")]
fn to_ms(ns: u64) -> f64 {
    ns as f64 / 1e6
}

/// What was measured of one statement, or of all together.
#[derive(Clone, Debug)]
pub(crate) struct StatementStats {
    pub(crate) name: String,
    /// From sending to the last byte of the answer.
    pub(crate) service: Latency,
    /// From the time at which the schedule wanted it sent; equal to `service` without a rate.
    pub(crate) response: Latency,
    /// Failed executions by SQLSTATE; what failed without one is under `connection`.
    pub(crate) errors: BTreeMap<String, u64>,
}

impl StatementStats {
    pub(crate) fn new(name: impl Into<String>) -> Self {
        Self { name: name.into(), service: Latency::new(), response: Latency::new(), errors: BTreeMap::new() }
    }

    pub(crate) fn merge(&mut self, other: &Self) {
        self.service.merge(&other.service);
        self.response.merge(&other.response);
        for (class, n) in &other.errors {
            *self.errors.entry(class.clone()).or_default() += n;
        }
    }

    pub(crate) fn error_count(&self) -> u64 {
        self.errors.values().sum()
    }

    /// The sum of several statements' figures.
    pub(crate) fn total<'a>(all: impl IntoIterator<Item = &'a Self>) -> Self {
        all.into_iter().fold(Self::new("all"), |mut total, stats| {
            total.merge(stats);
            total
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn latency(values_us: &[u64]) -> Latency {
        let mut latency = Latency::new();
        for us in values_us {
            latency.record(Duration::from_micros(*us));
        }
        latency
    }

    #[test]
    fn summary_has_three_digits() {
        let values: Vec<u64> = (1..=1000).collect();
        let summary = latency(&values).summary().unwrap();
        assert!((summary.p50_ms - 0.5).abs() < 0.001, "{summary:?}");
        assert!((summary.p99_ms - 0.99).abs() < 0.001, "{summary:?}");
        assert!((summary.max_ms - 1.0).abs() < 0.001, "{summary:?}");
    }

    #[test]
    fn nothing_has_no_summary() {
        assert_eq!(Latency::new().summary(), None);
        assert!(Latency::new().log_buckets(4.0).is_empty());
    }

    #[test]
    fn log_buckets_hold_every_value() {
        let buckets = latency(&[1, 10, 100, 1000, 999]).log_buckets(1.0);
        assert_eq!(buckets.iter().map(|(_, n)| n).sum::<u64>(), 5);
        assert!(buckets.len() >= 4, "one bucket a decade: {buckets:?}");
    }

    proptest! {
        #[test]
        fn merged_histograms_equal_one(a in prop::collection::vec(1u64..10_000_000, 0..50),
                                       b in prop::collection::vec(1u64..10_000_000, 0..50)) {
            let mut merged = latency(&a);
            merged.merge(&latency(&b));
            let whole = latency(&[a, b].concat());
            prop_assert_eq!(merged.to_hdr(), whole.to_hdr());
        }
    }
}
