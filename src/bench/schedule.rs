//! Which statement comes next, and when.

use std::sync::atomic::AtomicU64;
use std::time::Duration;

use super::Stage;
use crate::random;

/// When each statement of an open-loop run is due: a constant rate in each stage.
#[derive(Debug)]
pub(crate) struct Schedule {
    stages: Vec<Stage>,
}

impl Schedule {
    pub(crate) fn new(stages: Vec<Stage>) -> Self {
        Self { stages }
    }

    /// How long the whole run takes.
    pub(crate) fn duration(&self) -> Duration {
        self.stages.iter().map(|stage| stage.duration).sum()
    }

    /// Whether any stage has a rate, so that latency is also counted from the due time.
    pub(crate) fn is_open_loop(&self) -> bool {
        self.stages.iter().any(|stage| stage.rate.is_some())
    }

    /// Returns a counter of taken due times for each stage.
    pub(crate) fn counters(&self) -> Vec<AtomicU64> {
        self.stages.iter().map(|_| AtomicU64::new(0)).collect()
    }

    /// Returns how many due times there are up to `elapsed`.
    pub(crate) fn n_due(&self, elapsed: Duration) -> u64 {
        let mut start = Duration::ZERO;
        let mut n_due = 0;
        for stage in &self.stages {
            let part = elapsed.saturating_sub(start).min(stage.duration);
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "rates and times are positive"
            )]
            {
                n_due += (part.as_secs_f64() * stage.rate.unwrap_or(0.0)) as u64;
            }
            start += stage.duration;
        }
        n_due
    }

    /// Returns the stage that runs at `elapsed`, with its own start; `None` after the end.
    pub(crate) fn stage_at(&self, elapsed: Duration) -> Option<(usize, Duration, Stage)> {
        let mut start = Duration::ZERO;
        for (i, stage) in self.stages.iter().enumerate() {
            if elapsed < start + stage.duration {
                return Some((i, start, *stage));
            }
            start += stage.duration;
        }
        None
    }

    /// Returns when the `n`-th statement (from 0) of a stage is due, counted from the stage's start; `None` when
    /// that is after its end or the stage has no rate.
    pub(crate) fn due(stage: Stage, n: u64) -> Option<Duration> {
        #[expect(clippy::cast_precision_loss, reason = "counts are far below 2^53")]
        let due = Duration::from_secs_f64(n as f64 / stage.rate?);
        (due < stage.duration).then_some(due)
    }
}

/// Picks statements in proportion to their weights.
#[derive(Debug)]
pub(crate) struct Picker {
    cumulated: Vec<f64>,
}

impl Picker {
    /// Prepares to pick; weights are above 0 and there is one at least.
    pub(crate) fn new(weights: impl IntoIterator<Item = f64>) -> Self {
        let mut sum = 0.0;
        let cumulated = weights
            .into_iter()
            .map(|weight| {
                sum += weight;
                sum
            })
            .collect();
        Self { cumulated }
    }

    /// Returns the index of the statement for these random bits.
    pub(crate) fn pick(&self, bits: u64) -> usize {
        let total = self.cumulated.last().expect("there is a statement");
        let at = random::unit(bits) * total;
        self.cumulated.partition_point(|sum| *sum <= at).min(self.cumulated.len() - 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stage(seconds: u64, rate: Option<f64>) -> Stage {
        Stage { duration: Duration::from_secs(seconds), rate }
    }

    #[test]
    fn finds_the_stage() {
        let schedule = Schedule::new(vec![stage(10, Some(5.0)), stage(5, None)]);
        assert_eq!(schedule.duration(), Duration::from_secs(15));
        assert_eq!(schedule.stage_at(Duration::from_secs(9)).unwrap().0, 0);
        let (index, start, _) = schedule.stage_at(Duration::from_secs(10)).unwrap();
        assert_eq!((index, start), (1, Duration::from_secs(10)));
        assert!(schedule.stage_at(Duration::from_secs(15)).is_none());
        assert!(schedule.is_open_loop());
        assert_eq!(schedule.n_due(Duration::from_secs(4)), 20);
        assert_eq!(schedule.n_due(Duration::from_secs(15)), 50);
    }

    #[test]
    fn due_times_are_evenly_spaced_and_end_with_the_stage() {
        let stage = stage(2, Some(4.0));
        assert_eq!(Schedule::due(stage, 0), Some(Duration::ZERO));
        assert_eq!(Schedule::due(stage, 3), Some(Duration::from_millis(750)));
        assert_eq!(Schedule::due(stage, 8), None);
    }

    #[test]
    fn picks_by_weight() {
        let picker = Picker::new([1.0, 3.0]);
        let second = (0..10_000).filter(|i| picker.pick(random::at(3, *i)) == 1).count();
        assert!((7300..7700).contains(&second), "{second}");
        assert_eq!(picker.pick(u64::MAX), 1);
        assert_eq!(picker.pick(0), 0);
    }
}
