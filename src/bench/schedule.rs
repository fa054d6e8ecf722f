//! Which statement comes next, and when.

use std::time::Duration;

use super::Stage;
use crate::random;

/// When the statements of a run are due.
#[derive(Debug)]
pub(crate) struct Schedule {
    stages: Vec<Stage>,
    arrivals: Arrivals,
    seed: u64,
}

/// How the due times of a rate lie.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Arrivals {
    /// All the same time apart.
    #[default]
    Constant,
    /// At random, each without regard to the others, as users come who do not know of each other.
    Poisson,
}

/// A stage in its place.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct StagePlace {
    pub(crate) index: usize,
    pub(crate) start: Duration,
    pub(crate) end: Duration,
    pub(crate) stage: Stage,
}

impl Schedule {
    pub(crate) fn new(stages: Vec<Stage>, arrivals: Arrivals, seed: u64) -> Self {
        Self { stages, arrivals, seed }
    }

    /// How long the whole run takes.
    pub(crate) fn duration(&self) -> Duration {
        self.stages.iter().map(|stage| stage.duration).sum()
    }

    /// Whether any stage has a rate, so that latency is also counted from the due time.
    pub(crate) fn is_open_loop(&self) -> bool {
        self.stages.iter().any(|stage| stage.rate.is_some())
    }

    pub(crate) fn n_stages(&self) -> usize {
        self.stages.len()
    }

    /// Returns how many due times there are up to `elapsed`.
    pub(crate) fn n_due(&self, elapsed: Duration) -> u64 {
        let of_stage = |place: StagePlace| {
            let part = elapsed.saturating_sub(place.start).min(place.stage.duration);
            self.due_times(place).map_or(0, |due_times| due_times.count_before(part))
        };
        self.places().map(of_stage).sum()
    }

    /// Returns the stage that runs at `elapsed`; `None` after the end.
    pub(crate) fn stage_at(&self, elapsed: Duration) -> Option<StagePlace> {
        self.places().find(|place| elapsed < place.end)
    }

    /// Returns when the statements of a stage are due; `None` if each session sends as fast as it can.
    pub(crate) fn due_times(&self, place: StagePlace) -> Option<DueTimes> {
        let Stage { duration, rate, ramp_to } = place.stage;
        let rate = rate?;
        let growth = ramp_to.map_or(0.0, |end| (end - rate) / duration.as_secs_f64());
        let arrivals = self.arrivals;
        let seed = random::at(random::substream(self.seed, "arrivals"), place.index as u64);
        Some(DueTimes { rate, growth, duration, arrivals, seed, n_passed: 0, passed: 0.0 })
    }

    fn places(&self) -> impl Iterator<Item = StagePlace> {
        self.stages.iter().enumerate().scan(Duration::ZERO, |end, (index, stage)| {
            let start = *end;
            *end += stage.duration;
            Some(StagePlace { index, start, end: *end, stage: *stage })
        })
    }
}

/// The due times of one stage, to be asked for in ascending order. They are the same for everyone who asks.
#[derive(Debug)]
pub(crate) struct DueTimes {
    /// At the start of the stage.
    rate: f64,
    /// How much the rate grows in a second.
    growth: f64,
    duration: Duration,
    arrivals: Arrivals,
    seed: u64,
    /// How many random gaps have been added up, and to what, in mean gaps.
    n_passed: u64,
    passed: f64,
}

impl DueTimes {
    /// Returns when the `n`-th statement (from 0) is due, counted from the stage's start; `None` when that is after its end.
    pub(crate) fn at(&mut self, n: u64) -> Option<Duration> {
        let passed = match self.arrivals {
            #[expect(clippy::cast_precision_loss, reason = "counts are far below 2^53")]
            Arrivals::Constant => n as f64,
            Arrivals::Poisson => {
                while self.n_passed <= n {
                    // The gaps of a Poisson process are exponentially distributed.
                    self.passed -= (1.0 - random::unit(random::at(self.seed, self.n_passed))).ln();
                    self.n_passed += 1;
                }
                self.passed
            }
        };
        // When so many are due in all: the root of `rate * t + growth * t² / 2 = passed`, in the form that knows no division by
        // a growth of 0. A falling rate may never get there.
        let square = self.rate * self.rate + 2.0 * self.growth * passed;
        if square < 0.0 {
            return None;
        }
        let due_s = 2.0 * passed / (self.rate + square.sqrt());
        Duration::try_from_secs_f64(due_s).ok().filter(|due| *due < self.duration)
    }

    /// Returns how many are due before `part` of the stage is over.
    fn count_before(mut self, part: Duration) -> u64 {
        match self.arrivals {
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "rates and times are positive"
            )]
            Arrivals::Constant => {
                let part_s = part.as_secs_f64();
                (part_s * (self.rate + self.growth * part_s / 2.0)) as u64
            }
            Arrivals::Poisson => {
                let mut n = 0;
                while self.at(n).is_some_and(|due| due < part) {
                    n += 1;
                }
                n
            }
        }
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
        Stage { duration: Duration::from_secs(seconds), rate, ramp_to: None }
    }

    fn schedule(stages: &[Stage], arrivals: Arrivals) -> Schedule {
        Schedule::new(stages.to_vec(), arrivals, 7)
    }

    #[test]
    fn finds_the_stage() {
        let schedule = schedule(&[stage(10, Some(5.0)), stage(5, None)], Arrivals::Constant);
        assert_eq!(schedule.duration(), Duration::from_secs(15));
        assert_eq!(schedule.stage_at(Duration::from_secs(9)).unwrap().index, 0);
        let place = schedule.stage_at(Duration::from_secs(10)).unwrap();
        assert_eq!((place.index, place.start), (1, Duration::from_secs(10)));
        assert!(schedule.stage_at(Duration::from_secs(15)).is_none());
        assert!(schedule.is_open_loop());
        assert_eq!(schedule.n_due(Duration::from_secs(4)), 20);
        assert_eq!(schedule.n_due(Duration::from_secs(15)), 50);
    }

    #[test]
    fn due_times_are_evenly_spaced_and_end_with_the_stage() {
        let schedule = schedule(&[stage(2, Some(4.0))], Arrivals::Constant);
        let mut due_times = schedule.due_times(schedule.stage_at(Duration::ZERO).unwrap()).unwrap();
        assert_eq!(due_times.at(0), Some(Duration::ZERO));
        assert_eq!(due_times.at(3), Some(Duration::from_millis(750)));
        assert_eq!(due_times.at(8), None);
    }

    #[test]
    fn random_due_times_have_the_rate_and_the_spread_of_a_poisson_process() {
        let schedule = schedule(&[stage(1, None), stage(100, Some(100.0))], Arrivals::Poisson);
        let place = schedule.stage_at(Duration::from_secs(1)).unwrap();
        let mut due_times = schedule.due_times(place).unwrap();
        let due: Vec<f64> = (0..).map_while(|n| due_times.at(n)).map(|due| due.as_secs_f64()).collect();
        assert!((9_600..10_400).contains(&due.len()), "{}", due.len());
        assert_eq!(schedule.n_due(Duration::from_secs(1000)), due.len() as u64);
        let gaps: Vec<f64> = due.windows(2).map(|pair| pair[1] - pair[0]).collect();
        let count = |n: usize| f64::from(u32::try_from(n).unwrap());
        let long = count(gaps.iter().filter(|gap| **gap > 0.01).count()) / count(gaps.len());
        assert!((long - (-1.0_f64).exp()).abs() < 0.02, "{long} of the gaps are above the mean");
        // Who skips some sees the same.
        let mut others = schedule.due_times(place).unwrap();
        assert_eq!(others.at(5000).map(|due| due.as_secs_f64()), due.get(5000).copied());
    }

    #[test]
    fn a_ramp_goes_from_one_rate_to_the_other() {
        for (from, to) in [(100.0, 500.0), (500.0, 100.0)] {
            let ramp = Stage { ramp_to: Some(to), ..stage(10, Some(from)) };
            let steady = schedule(&[ramp], Arrivals::Constant);
            let mut due_times = steady.due_times(steady.stage_at(Duration::ZERO).unwrap()).unwrap();
            let due: Vec<f64> = (0..).map_while(|n| due_times.at(n)).map(|due| due.as_secs_f64()).collect();
            assert!(due.len().abs_diff(3000) <= 1, "{}: the mean of both rates", due.len());
            assert!(due.is_sorted_by(|a, b| a < b));
            for second in [0_u32, 4, 9] {
                let middle = f64::from(second) + 0.5;
                let n = due.iter().filter(|at| (at.floor() - f64::from(second)).abs() < 0.5).count();
                let expected = from + (to - from) * middle / 10.0;
                assert!(
                    (f64::from(u32::try_from(n).unwrap()) - expected).abs() <= 1.5,
                    "{n} in second {second}"
                );
            }
            assert_eq!(steady.n_due(Duration::from_secs(10)), 3000);
            let random = schedule(&[ramp], Arrivals::Poisson);
            assert!((2700..3300).contains(&random.n_due(Duration::from_secs(10))));
        }
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
