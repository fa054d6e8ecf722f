//! How long a run still takes, from its work and what has been seen of it.

use std::time::Duration;

/// After so many units of measured work an older measurement counts half: the first chunks of a run are no measure for the
/// last ones, whose indexes no longer fit the cache.
const HALF_LIFE_CHUNKS: f64 = 5.0;

/// A kind of work, such as the rows of one table or the builds of all indexes.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Work {
    /// Rows, keys or pages that are to be done.
    pub(crate) n_units: u64,
    /// What a unit was expected to take before any was done.
    pub(crate) expected_ns: f64,
    n_done: u64,
    /// What a unit has taken lately; `None` until something of the kind is done.
    measured_ns: Option<f64>,
}

impl Work {
    pub(crate) fn new(n_units: u64, expected_ns: f64) -> Self {
        Self { n_units, expected_ns, n_done: 0, measured_ns: None }
    }

    /// Takes note that `n` units have taken so long, all streams together (the sum of their times).
    pub(crate) fn observe(&mut self, n: u64, took: Duration) {
        if n == 0 {
            return;
        }
        self.n_done = self.n_done.saturating_add(n);
        #[expect(clippy::cast_precision_loss, reason = "an estimate")]
        let now_ns = took.as_secs_f64() * 1e9 / n as f64;
        let weight = 0.5_f64.powf(1.0 / HALF_LIFE_CHUNKS);
        self.measured_ns =
            Some(self.measured_ns.map_or(now_ns, |before| before * weight + now_ns * (1.0 - weight)));
    }

    fn left(&self) -> u64 {
        self.n_units.saturating_sub(self.n_done)
    }
}

/// Returns the time that is left with so many streams. What has not begun is expected to miss its expectation by the factor that
/// the rest has missed its own.
pub(crate) fn remaining(works: &[Work], n_streams: usize) -> Duration {
    #[expect(clippy::cast_precision_loss, reason = "an estimate")]
    let sums = works.iter().filter(|work| work.n_done > 0).fold((0.0, 0.0), |(seen, expected), work| {
        let n = work.n_done as f64;
        (seen + n * work.measured_ns.unwrap_or(work.expected_ns), expected + n * work.expected_ns)
    });
    let factor = if sums.1 > 0.0 { sums.0 / sums.1 } else { 1.0 };
    #[expect(clippy::cast_precision_loss, reason = "an estimate")]
    let left_ns: f64 = works
        .iter()
        .map(|work| work.left() as f64 * work.measured_ns.unwrap_or(work.expected_ns * factor))
        .sum();
    #[expect(clippy::cast_precision_loss, reason = "there are few streams")]
    let seconds = left_ns / 1e9 / n_streams.max(1) as f64;
    Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(works: &[Work], n_streams: usize, expected_ms: u64) {
        let found = remaining(works, n_streams).as_secs_f64() * 1e3;
        #[expect(clippy::cast_precision_loss, reason = "small numbers")]
        let expected = expected_ms as f64;
        assert!((found - expected).abs() <= expected * 0.001 + 0.001, "{found} ms, not {expected}");
    }

    fn observed(n_units: u64, expected_ns: f64, seen: &[(u64, u64)]) -> Work {
        let mut work = Work::new(n_units, expected_ns);
        for (n, ms) in seen {
            work.observe(*n, Duration::from_millis(*ms));
        }
        work
    }

    #[test]
    fn what_was_measured_counts_for_what_was_not() {
        check(&[], 1, 0);
        // 1,000 rows of 1 µs, nothing seen.
        check(&[Work::new(1_000, 1_000.0)], 1, 1);
        check(&[Work::new(4_000, 1_000.0)], 4, 1);
        // Half is done at twice the price; so will be the other half, and the other table.
        check(&[observed(2_000_000, 1_000.0, &[(1_000_000, 2_000)])], 1, 2_000);
        let other = Work::new(1_000_000, 3_000.0);
        check(&[observed(1_000_000, 1_000.0, &[(1_000_000, 2_000)]), other], 1, 6_000);
        // More was done than there was to do.
        check(&[observed(10, 1_000.0, &[(20, 1)])], 1, 0);
    }

    #[test]
    fn new_measurements_outweigh_old_ones() {
        let slow_then_fast: Vec<(u64, u64)> =
            std::iter::once((1_000, 1_000)).chain(std::iter::repeat_n((1_000, 1), 40)).collect();
        let left = remaining(&[observed(100_000, 1.0, &slow_then_fast)], 1);
        assert!(left < Duration::from_secs(1), "{left:?}");
    }

    /// A load of three tables whose chunks take what they take, give or take a fifth, and whose index phase nobody has seen
    /// yet: the estimate after a tenth is within a tenth of the truth.
    #[test]
    fn after_a_tenth_the_end_is_known_within_a_tenth() {
        for seed in 0..20 {
            let jitter = |i: u64| 0.8 + 0.4 * crate::random::unit(crate::random::at(seed, i));
            let tables = [(400_000_u64, 900.0), (3_000_000, 1_500.0), (1_000_000, 700.0)];
            let server = 1.7;
            let mut works: Vec<Work> = tables.iter().map(|(n, ns)| Work::new(*n, *ns)).collect();
            works.push(Work::new(2_000_000, 350.0));
            let mut chunks = Vec::new();
            for (table, (n, ns)) in tables.iter().enumerate() {
                for i in 0..n / 20_000 {
                    chunks.push((table, 20_000, 20_000.0 * ns * server * jitter(i + 1_000 * table as u64)));
                }
            }
            chunks.push((3, 2_000_000, 2_000_000.0 * 350.0 * server));
            let total: f64 = chunks.iter().map(|(_, _, ns)| ns).sum();
            let mut spent = 0.0;
            for (work, n, ns) in chunks {
                if spent >= total / 10.0 {
                    break;
                }
                spent += ns;
                works[work].observe(n, Duration::from_secs_f64(ns / 1e9));
            }
            let end = spent + remaining(&works, 1).as_secs_f64() * 1e9;
            assert!((end / total - 1.0).abs() < 0.1, "{seed}: {end} of {total}");
        }
    }
}
