//! How many parents a batch has, and how long the pause after it is.

use std::time::Duration;

use crate::index::change::failure::{self, Failure};
use crate::unit;

/// How long a batch is to take. It holds its locks for less than that.
pub(crate) const DEFAULT_TARGET: Duration = Duration::from_millis(25);
/// The part of the time in which batches run. Measured with writers at a fixed rate, a third left their p50 within 1 % and their
/// p99 within 1.4 times of triggers alone; a half made p99 1.5 times as long.
pub(crate) const DEFAULT_DUTY: f64 = 1.0 / 3.0;

const FIRST_ROWS: f64 = 20.0;
const MAX_ROWS: f64 = 2_000.0;
/// From one batch to the next the rows change by these factors at the most: one slow batch says little.
const MIN_FACTOR: f64 = 0.5;
const MAX_FACTOR: f64 = 1.5;
/// A batch that takes so many times its target meets others that work, and makes way: under 400 writers a second this brought
/// the p99 of batches from 61–100 ms to 42–43 ms.
const CONGESTED: f64 = 2.0;
/// The pause after such a batch is so many times as long …
const CONGESTED_PAUSE: f64 = 4.0;
/// … up to this.
const MAX_PAUSE: Duration = Duration::from_millis(500);

/// A wait for locked rows, or for whoever is in the way of a batch, grows up to the delay of this try.
pub(crate) const MAX_DELAY_ATTEMPT: u32 = 5;

/// Returns how long to wait before a batch is tried again, from 1 on.
pub(crate) fn delay(attempt: u32) -> Duration {
    failure::delay(attempt.min(MAX_DELAY_ATTEMPT), 0)
}

/// Where nobody else works a batch may take so many times its target: nobody waits for its locks, and whoever comes waits for no
/// more than 50 ms.
const ALONE: u32 = 2;

/// How long a batch has taken.
#[derive(Clone, Copy, Debug)]
pub(crate) struct BatchTime {
    pub(crate) elapsed: Duration,
    /// The part that its messages were on their way, which fewer rows would not shorten.
    pub(crate) latency: Duration,
}

/// Adapts batches to the time that they take.
#[derive(Clone, Debug)]
pub(crate) struct Pace {
    target: Duration,
    duty: f64,
    rows: f64,
}

impl From<Duration> for BatchTime {
    fn from(elapsed: Duration) -> Self {
        Self { elapsed, latency: Duration::ZERO }
    }
}

impl Pace {
    /// `duty` is above 0 and at most 1.
    pub(crate) fn new(target: Duration, duty: f64) -> Self {
        Self { target: target.max(Duration::from_millis(1)), duty: duty.clamp(0.01, 1.0), rows: FIRST_ROWS }
    }

    /// How many rows the next batch has.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "kept from 1 to MAX_ROWS")]
    pub(crate) fn rows(&self) -> u32 {
        self.rows as u32
    }

    /// Takes note of a batch of so many rows, and returns how long the pause after it is. Where nobody else works there is none.
    pub(crate) fn took(&mut self, n_rows: usize, time: BatchTime, is_alone: bool) -> Duration {
        let BatchTime { elapsed, latency } = time;
        let target_ms = unit::as_ms(if is_alone { ALONE * self.target } else { self.target });
        let work_ms = unit::as_ms(elapsed.saturating_sub(latency)).max(0.001);
        let is_congested = work_ms > CONGESTED * target_ms;
        // The last rows of a table, or the few that were skipped, say nothing of a whole batch.
        #[expect(clippy::cast_precision_loss, reason = "a batch has few rows")]
        let is_whole = n_rows as f64 >= self.rows.floor();
        if is_whole || is_congested {
            self.scale((target_ms / work_ms).clamp(MIN_FACTOR, MAX_FACTOR));
        }
        if is_alone {
            return Duration::ZERO;
        }
        let pause = elapsed.mul_f64((1.0 - self.duty) / self.duty);
        if is_congested { pause.mul_f64(CONGESTED_PAUSE).min(MAX_PAUSE.max(pause)) } else { pause }
    }

    /// Takes note of a batch that gave way to a lock of somebody else, or made others wait.
    pub(crate) fn gave_way(&mut self) {
        self.scale(MIN_FACTOR);
    }

    fn scale(&mut self, factor: f64) {
        self.rows = (self.rows * factor).clamp(1.0, MAX_ROWS);
    }
}

/// What is going on at the server and with the run.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct LoadSample {
    /// The greatest replay lag of a standby.
    pub(crate) lag: Option<Duration>,
    /// The most that a replication slot holds back.
    pub(crate) slot_bytes: Option<u64>,
    /// Sessions that work, without perfkit's own.
    pub(crate) n_active: u64,
    /// What the user's query says.
    pub(crate) query: Option<Answer>,
    /// Whether the file that stops the run is there.
    pub(crate) has_pause_file: bool,
    /// Whether `counter pause` has asked for it.
    pub(crate) is_paused: bool,
}

/// What a query says that the user has written to let a run wait.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    GoOn,
    Wait,
    /// It has failed, with this message, and may not fail later ([`passes`]).
    Failed(String),
}

/// Whether what fails with this SQLSTATE may succeed later: a timeout, a lock, a deadlock, a lack of memory or connections, or
/// another server that could not be reached.
pub(crate) fn passes(sqlstate: &str) -> bool {
    // query_canceled, fdw_unable_to_establish_connection; insufficient_resources
    matches!(sqlstate, "57014" | "HV00N")
        || sqlstate.starts_with("53")
        || matches!(Failure::of(Some(sqlstate)), Failure::Busy | Failure::SessionLost)
}

/// Beyond what a run waits; `None` is no limit.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Limits {
    pub(crate) lag: Option<Duration>,
    pub(crate) slot_bytes: Option<u64>,
    pub(crate) n_active: Option<u64>,
}

/// Why a run waits.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Hold {
    #[error("paused by `perfkit counter pause`")]
    Paused,
    #[error("the pause file is there")]
    PauseFile,
    #[error("the throttle query says to wait")]
    Query,
    #[error("the throttle query fails: {0}")]
    QueryFails(String),
    #[error("a standby is {}.{:03} s behind", .0.as_secs(), .0.subsec_millis())]
    Lag(Duration),
    #[error("a replication slot holds back {}", unit::bytes(*.0))]
    SlotBytes(u64),
    #[error("{0} sessions are active")]
    Active(u64),
}

/// Returns why a run has to wait, if so: what people say comes first.
pub(crate) fn hold(sample: &LoadSample, limits: &Limits) -> Option<Hold> {
    if sample.is_paused {
        return Some(Hold::Paused);
    }
    if sample.has_pause_file {
        return Some(Hold::PauseFile);
    }
    match &sample.query {
        Some(Answer::Wait) => return Some(Hold::Query),
        Some(Answer::Failed(message)) => return Some(Hold::QueryFails(message.clone())),
        Some(Answer::GoOn) | None => {}
    }
    if let Some(lag) = over(sample.lag, limits.lag) {
        return Some(Hold::Lag(lag));
    }
    if let Some(n_bytes) = over(sample.slot_bytes, limits.slot_bytes) {
        return Some(Hold::SlotBytes(n_bytes));
    }
    over(Some(sample.n_active), limits.n_active).map(Hold::Active)
}

fn over<T: PartialOrd>(value: Option<T>, limit: Option<T>) -> Option<T> {
    let (value, limit) = (value?, limit?);
    (value > limit).then_some(value)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random;
    use proptest::prelude::*;

    const MS: Duration = Duration::from_millis(1);

    proptest! {
        /// A row's cost wanders by a few percent from batch to batch, as when one part of a table has more children than another.
        #[test]
        fn batches_take_what_they_are_to_take(seed: u64, first_us in 20.0..2_000.0_f64) {
            let mut pace = Pace::new(DEFAULT_TARGET, DEFAULT_DUTY);
            let mut row_us = first_us;
            let mut times = Vec::new();
            for i in 0..400 {
                row_us = (row_us * (0.95 + 0.1 * random::unit(random::at(seed, i)))).clamp(20.0, 2_000.0);
                let n_rows = pace.rows();
                let elapsed = Duration::from_secs_f64(f64::from(n_rows) * row_us / 1e6);
                pace.took(n_rows as usize, elapsed.into(), false);
                times.push(unit::as_ms(elapsed));
            }
            let settled = &mut times[40..];
            settled.sort_by(f64::total_cmp);
            for share in [0.05, 0.5, 0.95] {
                #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "an index")]
                let at = settled[(360.0 * share) as usize];
                prop_assert!((25.0 * 0.7..25.0 * 1.3).contains(&at), "{share}: {at} ms at {row_us} us a row");
            }
        }

        #[test]
        fn rows_stay_within_bounds(steps in prop::collection::vec((0_usize..3_000, 0_u64..10_000_000, any::<bool>()), 0..100)) {
            let mut pace = Pace::new(DEFAULT_TARGET, DEFAULT_DUTY);
            for (n_rows, elapsed_us, gave_way) in steps {
                if gave_way {
                    pace.gave_way();
                } else {
                    pace.took(n_rows, Duration::from_micros(elapsed_us).into(), false);
                }
                prop_assert!((1..=2_000).contains(&pace.rows()));
            }
        }
    }

    #[test]
    fn pauses_leave_their_part_of_the_time() {
        let check = |duty: f64, elapsed: Duration, is_alone: bool, expected: Duration| {
            let pause = Pace::new(25 * MS, duty).took(20, elapsed.into(), is_alone);
            assert!(pause.abs_diff(expected) < MS / 10, "{duty}, {elapsed:?}: {pause:?}");
        };
        check(1.0 / 3.0, 25 * MS, false, 50 * MS);
        check(0.5, 20 * MS, false, 20 * MS);
        check(1.0, 20 * MS, false, Duration::ZERO);
        check(0.25, 20 * MS, true, Duration::ZERO);
        // More than twice the target: others are at work.
        check(0.5, 60 * MS, false, 240 * MS);
        check(1.0 / 3.0, 100 * MS, false, 500 * MS);
        // The pause is never cut below what the duty asks for.
        check(0.25, 400 * MS, false, 1_200 * MS);
    }

    #[test]
    fn a_short_batch_says_nothing_of_a_long_one() {
        let mut pace = Pace::new(25 * MS, 1.0);
        pace.took(3, MS.into(), false);
        assert_eq!(pace.rows(), 20);
        pace.took(3, (100 * MS).into(), false);
        assert_eq!(pace.rows(), 10);
    }

    #[test]
    fn failures_that_pass_are_told_from_others() {
        for (sqlstate, expected) in [
            ("57014", true),
            ("55P03", true),
            ("40P01", true),
            ("40001", true),
            ("53300", true),
            ("08006", true),
            ("HV00N", true),
            ("42P01", false),
            ("42501", false),
            ("22012", false),
            ("25006", false),
        ] {
            assert_eq!(passes(sqlstate), expected, "{sqlstate}");
        }
    }

    #[test]
    fn a_slow_network_makes_no_small_batches() {
        let rows_after = |time: BatchTime, is_alone: bool| {
            let mut pace = Pace::new(25 * MS, 1.0);
            pace.took(20, time, is_alone);
            pace.rows()
        };
        let far = BatchTime { elapsed: 125 * MS, latency: 100 * MS };
        assert_eq!((rows_after(far, false), rows_after((125 * MS).into(), false)), (20, 10));
        // The pause is about all of it: locks are held while a message is on its way.
        assert_eq!(Pace::new(25 * MS, 0.5).took(20, far, false), 125 * MS);
        assert_eq!(rows_after(BatchTime { elapsed: MS, latency: 2 * MS }, false), 30);
        assert_eq!((rows_after((50 * MS).into(), true), rows_after((50 * MS).into(), false)), (20, 10));
    }

    #[test]
    fn says_why_it_waits() {
        let limits =
            Limits { lag: Some(Duration::from_secs(1)), slot_bytes: Some(1 << 30), n_active: Some(5) };
        let check = |sample: LoadSample, expected: Option<&str>| {
            assert_eq!(hold(&sample, &limits).map(|hold| hold.to_string()).as_deref(), expected);
        };
        check(LoadSample::default(), None);
        let busy = LoadSample {
            lag: Some(1500 * MS),
            slot_bytes: Some(3 << 30),
            n_active: 6,
            ..LoadSample::default()
        };
        check(busy.clone(), Some("a standby is 1.500 s behind"));
        check(LoadSample { lag: Some(MS), ..busy.clone() }, Some("a replication slot holds back 3.0 GB"));
        check(LoadSample { lag: None, slot_bytes: None, ..busy.clone() }, Some("6 sessions are active"));
        check(
            LoadSample { query: Some(Answer::Wait), ..busy.clone() },
            Some("the throttle query says to wait"),
        );
        let failed = Answer::Failed("canceling statement due to lock timeout".to_owned());
        check(
            LoadSample { query: Some(failed), ..busy.clone() },
            Some("the throttle query fails: canceling statement due to lock timeout"),
        );
        check(LoadSample { has_pause_file: true, ..busy.clone() }, Some("the pause file is there"));
        check(
            LoadSample { is_paused: true, has_pause_file: true, ..busy },
            Some("paused by `perfkit counter pause`"),
        );
        let quiet =
            LoadSample { n_active: 5, query: Some(Answer::GoOn), lag: limits.lag, ..LoadSample::default() };
        check(quiet, None);
    }
}
