//! What was measured: a histogram for each statement, which merges exactly.

use std::collections::BTreeMap;
use std::io::Read as _;
use std::time::Duration;

use flate2::read::ZlibDecoder;
use hdrhistogram::Histogram;
use hdrhistogram::serialization::{DeserializeError, Deserializer, Serializer, V2DeflateSerializer};

use crate::unit;

/// Significant decimal digits of a recorded value.
const DIGITS: u8 = 3;
/// The first bytes of HdrHistogram's compressed V2 format, and of what is inside.
const COMPRESSED_COOKIE: u32 = 0x1C84_9314;
const COOKIE: u32 = 0x1C84_9313;
/// What comes before the counts: cookie, their length, offset, digits, two bounds, a ratio.
const HEADER_BYTES: usize = 40;
/// A histogram of an hour in nanoseconds with five digits, its counts with nine bytes each, is smaller.
const MAX_BYTES: u64 = 64 * 1024 * 1024;
/// The longest latency that can be told from longer ones: an hour, in nanoseconds.
const MAX_NS: u64 = 3_600_000_000_000;

/// A latency distribution with a resolution of three digits, from 1 ns to 1 h.
///
/// It has room for latencies up to the longest one that was recorded: each thread has two for each statement, and room for an hour
/// takes a quarter of a megabyte.
#[derive(Clone, Debug)]
pub(crate) struct Latency {
    histogram: Histogram<u64>,
}

/// Why a histogram that somebody else wrote is of no use.
#[derive(Debug, thiserror::Error)]
pub(crate) enum HdrError {
    #[error("it is no HdrHistogram of version 2")]
    Unreadable(#[source] DeserializeError),
    #[error("it is no HdrHistogram of version 2: {0}")]
    Malformed(&'static str),
    #[error("it holds latencies above an hour")]
    TooLong,
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
        Self { histogram: Histogram::new(DIGITS).expect("there are histograms of three digits") }
    }

    pub(crate) fn record(&mut self, latency: Duration) {
        let ns = u64::try_from(latency.as_nanos()).unwrap_or(MAX_NS);
        self.histogram.record(ns.clamp(1, MAX_NS)).expect("a histogram grows to an hour");
    }

    pub(crate) fn merge(&mut self, other: &Self) {
        self.histogram.add(&other.histogram).expect("a histogram grows to an hour");
    }

    pub(crate) fn count(&self) -> u64 {
        self.histogram.len()
    }

    /// Returns the latency in milliseconds that a share of `quantile` (0 to 1) does not exceed.
    pub(crate) fn quantile_ms(&self, quantile: f64) -> f64 {
        unit::ns_to_ms(self.histogram.value_at_quantile(quantile))
    }

    pub(crate) fn mean_ms(&self) -> f64 {
        self.histogram.mean() / 1e6
    }

    pub(crate) fn max_ms(&self) -> f64 {
        // The bucket's upper bound may lie above the true maximum; never report a latency that nobody had by
        // more than the resolution.
        unit::ns_to_ms(self.histogram.max())
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
            .serialize(&self.histogram(), &mut bytes)
            .expect("a histogram of this size serializes into memory");
        bytes
    }

    /// Reads a histogram in that format, in nanoseconds. One that perfkit wrote comes back exactly.
    pub(crate) fn from_hdr(bytes: &[u8]) -> Result<Self, HdrError> {
        let inner = inflated(bytes)?;
        let read: Histogram<u64> =
            Deserializer::new().deserialize(&mut inner.as_slice()).map_err(HdrError::Unreadable)?;
        let mut histogram = whole();
        histogram.add(&read).map_err(|_| HdrError::TooLong)?;
        Ok(Self { histogram })
    }

    /// Returns the histogram as it is written: with room for an hour, so that what was recorded alone decides its bytes.
    pub(super) fn histogram(&self) -> Histogram<u64> {
        let mut histogram = whole();
        histogram.add(&self.histogram).expect("an hour is the longest");
        histogram
    }

    /// Returns the latencies at quantiles that come ever closer to 1, as `(quantile, ms)`; the last one is the longest latency.
    pub(crate) fn curve(&self, per_decade: u32) -> Vec<(f64, f64)> {
        if self.count() == 0 {
            return Vec::new();
        }
        #[expect(clippy::cast_precision_loss, reason = "counts are far below 2^53")]
        let rarest = 1.0 / self.count() as f64;
        let steps = (0..).map(|i| 10_f64.powf(-f64::from(i) / f64::from(per_decade)));
        let mut curve: Vec<(f64, f64)> = steps
            .take_while(|rest| *rest > rarest)
            .map(|rest| (1.0 - rest, self.quantile_ms(1.0 - rest)))
            .collect();
        curve.push((1.0 - rarest, self.max_ms()));
        curve
    }

    /// Returns the counts in buckets of equal width on a logarithmic axis, as `(upper bound in ms, count)`.
    pub(crate) fn log_buckets(&self, per_decade: f64) -> Vec<(f64, u64)> {
        let mut buckets: BTreeMap<i64, u64> = BTreeMap::new();
        for value in self.histogram.iter_recorded() {
            let position = (unit::ns_to_ms(value.value_iterated_to()).log10() * per_decade).ceil();
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

fn whole() -> Histogram<u64> {
    Histogram::new_with_bounds(1, MAX_NS, DIGITS).expect("the bounds are valid")
}

/// Returns what is compressed, once its lengths are known to be true: the reader takes memory by what the bytes say.
fn inflated(bytes: &[u8]) -> Result<Vec<u8>, HdrError> {
    let word = |bytes: &[u8], at: usize| {
        let word = bytes.get(at..at + 4).and_then(|word| word.try_into().ok());
        word.map(u32::from_be_bytes).ok_or(HdrError::Malformed("it is cut short"))
    };
    if word(bytes, 0)? != COMPRESSED_COOKIE {
        return Err(HdrError::Malformed("its first bytes are others"));
    }
    let length = word(bytes, 4)? as usize;
    let compressed = bytes.get(8..).and_then(|rest| rest.get(..length));
    let compressed = compressed.ok_or(HdrError::Malformed("it is cut short"))?;
    let mut inner = Vec::new();
    ZlibDecoder::new(compressed)
        .take(MAX_BYTES)
        .read_to_end(&mut inner)
        .map_err(|error| HdrError::Unreadable(DeserializeError::IoError(error)))?;
    if word(&inner, 0)? != COOKIE {
        return Err(HdrError::Malformed("its first compressed bytes are others"));
    }
    if (word(&inner, 4)? as usize).checked_add(HEADER_BYTES).is_none_or(|whole| whole > inner.len()) {
        return Err(HdrError::Malformed("it says that it is longer than it is"));
    }
    Ok(inner)
}

/// The class of what failed without an SQLSTATE.
pub(crate) const CONNECTION: &str = "connection";

/// What was measured of one statement, or of all together.
#[derive(Clone, Debug)]
pub(crate) struct StatementStats {
    pub(crate) name: String,
    /// From sending to the last byte of the answer.
    pub(crate) service: Latency,
    /// From the time at which the schedule wanted it sent; equal to `service` without a rate.
    pub(crate) response: Latency,
    /// Failed executions by SQLSTATE; what failed without one is under [`CONNECTION`].
    pub(crate) errors: BTreeMap<String, u64>,
    /// How often a statement was sent again because others were in its way (SQLSTATE 40001 and 40P01). Its latency is that of all
    /// its tries.
    pub(crate) n_retries: u64,
}

impl StatementStats {
    pub(crate) fn new(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            service: Latency::new(),
            response: Latency::new(),
            errors: BTreeMap::new(),
            n_retries: 0,
        }
    }

    pub(crate) fn merge(&mut self, other: &Self) {
        self.service.merge(&other.service);
        self.response.merge(&other.response);
        for (class, n) in &other.errors {
            *self.errors.entry(class.clone()).or_default() += n;
        }
        self.n_retries += other.n_retries;
    }

    /// Counts a failed execution.
    pub(crate) fn record_error(&mut self, class: &str) {
        match self.errors.get_mut(class) {
            Some(n) => *n += 1,
            None => _ = self.errors.insert(class.to_owned(), 1),
        }
    }

    pub(crate) fn error_count(&self) -> u64 {
        self.errors.values().sum()
    }

    /// Whether it was executed, and never ended well.
    pub(crate) fn always_fails(&self) -> bool {
        self.service.count() == 0 && !self.errors.is_empty()
    }

    /// Names the classes of failed executions with their counts.
    pub(crate) fn error_classes(&self) -> impl Iterator<Item = String> {
        self.errors.iter().map(|(class, n)| match class.as_str() {
            CONNECTION => format!("{} × connection lost", unit::count(*n)),
            class => format!("{} × SQLSTATE {class}", unit::count(*n)),
        })
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
    fn refuses_what_is_no_histogram_of_latencies() {
        assert!(matches!(Latency::from_hdr(b"nonsense"), Err(HdrError::Malformed(_))));
        assert!(matches!(Latency::from_hdr(b""), Err(HdrError::Malformed(_))));
        let mut days = Histogram::<u64>::new_with_bounds(1, 10 * MAX_NS, DIGITS).unwrap();
        days.record(5 * MAX_NS).unwrap();
        let mut bytes = Vec::new();
        V2DeflateSerializer::new().serialize(&days, &mut bytes).unwrap();
        assert!(matches!(Latency::from_hdr(&bytes), Err(HdrError::TooLong)));
    }

    #[test]
    fn takes_no_memory_that_a_file_only_speaks_of() {
        let whole = latency(&[1, 20, 300, 4000]).to_hdr();
        let mut inner = inflated(&whole).unwrap();
        inner[4..8].copy_from_slice(&u32::MAX.to_be_bytes());
        let mut deflated = Vec::new();
        flate2::read::ZlibEncoder::new(inner.as_slice(), flate2::Compression::fast())
            .read_to_end(&mut deflated)
            .unwrap();
        let length = u32::try_from(deflated.len()).unwrap();
        let bytes = [&COMPRESSED_COOKIE.to_be_bytes(), &length.to_be_bytes(), deflated.as_slice()].concat();
        let error = Latency::from_hdr(&bytes).unwrap_err().to_string();
        assert!(error.contains("longer than it is"), "{error}");
        let mut long = whole.clone();
        long[4..8].copy_from_slice(&u32::MAX.to_be_bytes());
        assert!(Latency::from_hdr(&long).unwrap_err().to_string().contains("cut short"));
    }

    #[test]
    fn reads_histograms_of_another_precision() {
        let mut coarse = Histogram::<u64>::new_with_bounds(1, 10_000_000_000, 2).unwrap();
        coarse.record_n(5_000_000, 7).unwrap();
        let mut bytes = Vec::new();
        V2DeflateSerializer::new().serialize(&coarse, &mut bytes).unwrap();
        let read = Latency::from_hdr(&bytes).unwrap();
        assert_eq!(read.count(), 7);
        assert!((read.quantile_ms(0.5) - 5.0).abs() < 0.05);
    }

    #[test]
    fn the_curve_rises_to_the_longest() {
        let values: Vec<u64> = (1..=1000).collect();
        let curve = latency(&values).curve(10);
        assert_eq!(curve.len(), 31);
        assert!(curve.is_sorted_by(|a, b| a.0 < b.0 && a.1 <= b.1), "{curve:?}");
        assert!(curve[0].0 == 0.0 && (curve[0].1 - 0.001).abs() < 1e-6 && curve[30].1 >= 1.0, "{curve:?}");
        assert_eq!(latency(&[5]).curve(10).len(), 1);
        assert!(Latency::new().curve(10).is_empty());
    }

    #[test]
    fn more_than_an_hour_is_an_hour() {
        let mut latency = Latency::new();
        latency.record(Duration::from_hours(2));
        latency.record(Duration::ZERO);
        assert!((latency.max_ms() / 3_600_000.0 - 1.0).abs() < 0.001, "{}", latency.max_ms());
        let read = Latency::from_hdr(&latency.to_hdr()).unwrap();
        assert_eq!(read.summary(), latency.summary());
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

        #[test]
        fn a_written_histogram_comes_back(values in prop::collection::vec(1u64..3_600_000_000, 0..50)) {
            let latency = latency(&values);
            let read = Latency::from_hdr(&latency.to_hdr()).unwrap();
            prop_assert_eq!(read.to_hdr(), latency.to_hdr());
            prop_assert_eq!(read.summary(), latency.summary());
        }

        #[test]
        fn a_damaged_histogram_is_an_error_or_another_one(at in 0usize..60, byte: u8) {
            let mut bytes = latency(&[1, 20, 300, 4000]).to_hdr();
            let at = at % bytes.len();
            bytes[at] = byte;
            _ = Latency::from_hdr(&bytes);
        }
    }
}
