//! What happened when: counts and latencies of equal stretches of a run, in bounded memory.

use std::time::Duration;

/// A stretch at first; runs that are too long for it have longer ones.
const FIRST_STEP: Duration = Duration::from_secs(1);
/// More stretches than that are added up in pairs: a plot has no room for them, and memory has an end.
const MAX_STEPS: usize = 1024;
/// Buckets of each doubling of the latency: a bucket's middle is within 3 % of what it holds.
const PER_OCTAVE_BITS: u32 = 4;
const PER_OCTAVE: usize = 1 << PER_OCTAVE_BITS;
/// Latencies below are all the same: what a clock can tell.
const SMALLEST_NS_BITS: u32 = 10;
/// Up to an hour, as the histograms of a whole run.
const N_BUCKETS: usize = 33 * PER_OCTAVE;

/// The stretches of one run, or of one thread of it.
#[derive(Clone, Debug)]
pub(crate) struct Timeline {
    step: Duration,
    steps: Vec<Step>,
}

/// What ended within a stretch.
#[derive(Clone, Debug)]
struct Step {
    n_errors: u64,
    /// The bucket of the first of `counts`.
    first: usize,
    /// Of the buckets from the first to the last that something fell into: there is a step for each second, and most of them hold
    /// latencies that are alike.
    counts: Vec<u32>,
}

/// A stretch as people see it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Stretch {
    pub(crate) start: Duration,
    /// The last one of a run may be cut short.
    pub(crate) length: Duration,
    pub(crate) count: u64,
    pub(crate) n_errors: u64,
    /// `None` where nothing ended well.
    pub(crate) p50_ms: Option<f64>,
    pub(crate) p99_ms: Option<f64>,
    pub(crate) max_ms: Option<f64>,
}

impl Default for Timeline {
    fn default() -> Self {
        Self { step: FIRST_STEP, steps: Vec::new() }
    }
}

impl Timeline {
    /// Counts an execution that ended at `at` of the run.
    pub(crate) fn record(&mut self, at: Duration, latency: Duration) {
        self.step_at(at).add_count(bucket(u64::try_from(latency.as_nanos()).unwrap_or(u64::MAX)), 1);
    }

    pub(crate) fn record_error(&mut self, at: Duration) {
        self.step_at(at).n_errors += 1;
    }

    pub(crate) fn merge(&mut self, other: &Self) {
        let mut other = other.clone();
        while other.step < self.step {
            other.fold();
        }
        while self.step < other.step {
            self.fold();
        }
        while self.steps.len() < other.steps.len() {
            self.steps.push(Step::new());
        }
        for (step, more) in self.steps.iter_mut().zip(&other.steps) {
            step.add(more);
        }
    }

    /// Returns the stretches of a run that took `elapsed`; what ended later is in the last one.
    pub(crate) fn stretches(&self, elapsed: Duration) -> Vec<Stretch> {
        let mut steps = self.steps.clone();
        let n = usize::try_from(elapsed.as_nanos().div_ceil(self.step.as_nanos())).unwrap_or(0).max(1);
        while steps.len() > n {
            let late = steps.pop().expect("there are more than one");
            steps[n - 1].add(&late);
        }
        while steps.len() < n && !steps.is_empty() {
            steps.push(Step::new());
        }
        let stretch = |(start, step): (Duration, &Step)| Stretch {
            start,
            length: self.step.min(elapsed.saturating_sub(start)),
            count: step.count(),
            n_errors: step.n_errors,
            p50_ms: step.quantile_ms(0.5),
            p99_ms: step.quantile_ms(0.99),
            max_ms: step.quantile_ms(1.0),
        };
        let starts = (0_u32..).map(|i| self.step * i);
        starts.zip(&steps).map(stretch).collect()
    }

    fn step_at(&mut self, at: Duration) -> &mut Step {
        loop {
            let place = usize::try_from(at.as_nanos() / self.step.as_nanos()).unwrap_or(usize::MAX);
            if place < MAX_STEPS {
                while self.steps.len() <= place {
                    self.steps.push(Step::new());
                }
                return &mut self.steps[place];
            }
            self.fold();
        }
    }

    /// Makes stretches of twice the length.
    fn fold(&mut self) {
        self.step *= 2;
        let folded = self.steps.chunks(2).map(|pair| {
            let mut sum = pair[0].clone();
            pair.get(1).into_iter().for_each(|second| sum.add(second));
            sum
        });
        self.steps = folded.collect();
    }
}

impl Step {
    const fn new() -> Self {
        Self { n_errors: 0, first: 0, counts: Vec::new() }
    }

    #[inline]
    fn add_count(&mut self, bucket: usize, n: u32) {
        if self.counts.is_empty() {
            self.first = bucket;
        } else if bucket < self.first {
            self.counts.splice(0..0, std::iter::repeat_n(0, self.first - bucket));
            self.first = bucket;
        }
        let place = bucket - self.first;
        if place >= self.counts.len() {
            self.counts.resize(place + 1, 0);
        }
        self.counts[place] = self.counts[place].saturating_add(n);
    }

    fn add(&mut self, other: &Self) {
        self.n_errors += other.n_errors;
        for (bucket, n) in (other.first..).zip(&other.counts).filter(|(_, n)| **n > 0) {
            self.add_count(bucket, *n);
        }
    }

    fn count(&self) -> u64 {
        self.counts.iter().map(|n| u64::from(*n)).sum()
    }

    fn quantile_ms(&self, quantile: f64) -> Option<f64> {
        let count = self.count();
        #[expect(
            clippy::cast_precision_loss,
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a share of a count is a count"
        )]
        let rank = ((count as f64 * quantile).ceil() as u64).max(1);
        let mut passed = 0;
        let at = self.counts.iter().position(|n| {
            passed += u64::from(*n);
            passed >= rank
        });
        at.filter(|_| count > 0).map(|place| middle_ms(self.first + place))
    }
}

/// Returns the bucket of a latency: the position of its highest bit, and the bits after it.
fn bucket(ns: u64) -> usize {
    let ns = ns.max(1 << SMALLEST_NS_BITS);
    let octave = ns.ilog2();
    let rest = (ns >> (octave - PER_OCTAVE_BITS)) & (PER_OCTAVE as u64 - 1);
    let place = u64::from(octave - SMALLEST_NS_BITS) * PER_OCTAVE as u64 + rest;
    usize::try_from(place).unwrap_or(usize::MAX).min(N_BUCKETS - 1)
}

fn middle_ms(bucket: usize) -> f64 {
    let exact = |n: usize| f64::from(u32::try_from(n).unwrap_or(u32::MAX));
    let octave = 2_f64.powf(exact(bucket / PER_OCTAVE) + f64::from(SMALLEST_NS_BITS));
    octave * (1.0 + (exact(bucket % PER_OCTAVE) + 0.5) / exact(PER_OCTAVE)) / 1e6
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    fn counts(timeline: &Timeline, elapsed: Duration) -> Vec<u64> {
        timeline.stretches(elapsed).iter().map(|stretch| stretch.count).collect()
    }

    #[test]
    fn each_second_has_its_figures() {
        let mut timeline = Timeline::default();
        for i in 0..100 {
            timeline.record(ms(i), ms(10));
            timeline.record(ms(2000 + i), ms(if i < 95 { 20 } else { 500 }));
        }
        timeline.record_error(ms(1500));
        let stretches = timeline.stretches(ms(2500));
        assert_eq!(counts(&timeline, ms(2500)), [100, 0, 100]);
        assert_eq!(stretches.iter().map(|it| it.n_errors).collect::<Vec<_>>(), [0, 1, 0]);
        assert_eq!((stretches[2].start, stretches[2].length), (ms(2000), ms(500)));
        assert_eq!((stretches[1].p50_ms, stretches[1].max_ms), (None, None));
        let near = |found: Option<f64>, expected: f64| {
            assert!((found.unwrap() / expected - 1.0).abs() < 0.032, "{found:?}");
        };
        near(stretches[0].p99_ms, 10.0);
        near(stretches[2].p50_ms, 20.0);
        near(stretches[2].p99_ms, 500.0);
    }

    #[test]
    fn what_ends_late_is_in_the_last_second_and_a_quiet_end_is_seen() {
        let mut timeline = Timeline::default();
        for at in [100, 1100, 2050] {
            timeline.record(ms(at), ms(1));
        }
        assert_eq!(counts(&timeline, ms(2000)), [1, 2]);
        assert_eq!(counts(&timeline, ms(5000)), [1, 1, 1, 0, 0]);
        assert!(Timeline::default().stretches(ms(1000)).is_empty());
    }

    #[test]
    fn long_runs_have_longer_stretches() {
        let mut timeline = Timeline::default();
        for second in 0..5000 {
            timeline.record(Duration::from_secs(second), ms(1));
        }
        let stretches = timeline.stretches(Duration::from_secs(5000));
        assert_eq!((stretches.len(), stretches[0].length), (625, Duration::from_secs(8)));
        assert!(stretches.iter().all(|stretch| stretch.count == 8));
    }

    proptest! {
        #[test]
        fn merged_parts_are_the_whole(ends in prop::collection::vec((0_u64..3_000_000, 1_u64..10_000_000), 1..60), cut in 0_usize..60) {
            let cut = cut.min(ends.len());
            let timeline = |ends: &[(u64, u64)]| {
                let mut timeline = Timeline::default();
                for (at, us) in ends {
                    timeline.record(ms(*at), Duration::from_micros(*us));
                }
                timeline
            };
            let mut merged = timeline(&ends[..cut]);
            merged.merge(&timeline(&ends[cut..]));
            let elapsed = ms(3_000_000);
            prop_assert_eq!(merged.stretches(elapsed), timeline(&ends).stretches(elapsed));
        }

        #[test]
        fn buckets_are_within_three_percent(ns in 1024_u64..3_600_000_000_000) {
            #[expect(clippy::cast_precision_loss, reason = "below 2^53")]
            let ms = ns as f64 / 1e6;
            prop_assert!((middle_ms(bucket(ns)) / ms - 1.0).abs() < 0.0325);
        }
    }
}
