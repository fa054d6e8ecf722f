//! What the idle sessions of one thread do next, by the schedule of the whole run.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use crate::bench::{DueTimes, Schedule};

/// How many due times of each stage are taken; shared by all threads.
pub(super) type Taken = Arc<[AtomicU64]>;

pub(super) fn none_taken(schedule: &Schedule) -> Taken {
    (0..schedule.n_stages()).map(|_| AtomicU64::new(0)).collect()
}

/// One thread's view of the schedule.
pub(super) struct Pace {
    schedule: Arc<Schedule>,
    taken: Taken,
    /// When the warm-up ends and the first stage begins.
    start: Instant,
    part: Part,
    /// When the part ends.
    part_end: Instant,
}

/// What the schedule says now.
enum Part {
    /// Each session sends as fast as the server answers.
    Closed {
        is_warm_up: bool,
    },
    Open {
        index: usize,
        start: Instant,
        due_times: DueTimes,
        next: Option<Due>,
    },
    Over,
}

/// When a statement has to be sent.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Due {
    pub(super) at: Instant,
    pub(super) kind: DueKind,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum DueKind {
    /// It is not measured.
    WarmUp,
    /// As soon as a session is free.
    Closed,
    /// At a moment of the schedule, as the `n`-th of its stage.
    Open { stage: usize, n: u64 },
}

/// What an idle session does.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Turn {
    Send(Due),
    /// Nothing is due before this moment.
    Wait(Instant),
    Over,
}

impl Pace {
    pub(super) fn new(schedule: Arc<Schedule>, taken: Taken, start: Instant) -> Self {
        Self { schedule, taken, start, part: Part::Closed { is_warm_up: true }, part_end: start }
    }

    /// When the last stage ends.
    pub(super) fn end(&self) -> Instant {
        self.start + self.schedule.duration()
    }

    /// Returns what an idle session does at `now`, which never falls. What is sent is not asked for again.
    #[inline]
    pub(super) fn turn(&mut self, now: Instant) -> Turn {
        while now >= self.part_end {
            if matches!(self.part, Part::Over) {
                return Turn::Over;
            }
            self.enter_part(now);
        }
        match &mut self.part {
            Part::Closed { is_warm_up } => {
                let kind = if *is_warm_up { DueKind::WarmUp } else { DueKind::Closed };
                Turn::Send(Due { at: now, kind })
            }
            Part::Open { index, start, due_times, next } => {
                let due = next.take().or_else(|| {
                    let n = self.taken[*index].fetch_add(1, Ordering::Relaxed);
                    let at = *start + due_times.at(n)?;
                    Some(Due { at, kind: DueKind::Open { stage: *index, n } })
                });
                match due {
                    None => Turn::Wait(self.part_end),
                    Some(due) if due.at <= now => Turn::Send(due),
                    Some(due) => {
                        *next = Some(due);
                        Turn::Wait(due.at)
                    }
                }
            }
            Part::Over => Turn::Over,
        }
    }

    fn enter_part(&mut self, now: Instant) {
        let Some(place) = self.schedule.stage_at(now.saturating_duration_since(self.start)) else {
            self.part = Part::Over;
            return;
        };
        self.part_end = self.start + place.end;
        self.part = match self.schedule.due_times(place) {
            None => Part::Closed { is_warm_up: false },
            Some(due_times) => {
                Part::Open { index: place.index, start: self.start + place.start, due_times, next: None }
            }
        };
    }
}

/// How long statements may run on after the schedule's end, if the server does not end them before.
pub(super) fn grace(statement_timeout: Duration) -> Duration {
    const REST: Duration = Duration::from_secs(2);
    const NEVER: Duration = Duration::from_hours(1);
    if statement_timeout.is_zero() { NEVER } else { statement_timeout + REST }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::{Arrivals, Stage};

    const fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    /// 10 ms of warm-up, 100 ms with 100 a second, and 50 ms at full speed.
    fn paces(n: usize) -> (Instant, Vec<Pace>) {
        let stages = vec![
            Stage { duration: ms(100), rate: Some(100.0), ramp_to: None },
            Stage { duration: ms(50), rate: None, ramp_to: None },
        ];
        let schedule = Arc::new(Schedule::new(stages, Arrivals::Constant, 1));
        let taken = none_taken(&schedule);
        let origin = Instant::now();
        let pace = |_| Pace::new(schedule.clone(), taken.clone(), origin + ms(10));
        (origin, (0..n).map(pace).collect())
    }

    fn open(origin: Instant, n: u64) -> Turn {
        Turn::Send(Due { at: origin + ms(10 + n * 10), kind: DueKind::Open { stage: 0, n } })
    }

    #[test]
    fn goes_by_warm_up_rate_and_full_speed() {
        let (origin, mut paces) = paces(1);
        let pace = &mut paces[0];
        assert_eq!(pace.turn(origin), Turn::Send(Due { at: origin, kind: DueKind::WarmUp }));
        assert_eq!(pace.turn(origin + ms(10)), open(origin, 0));
        assert_eq!(pace.turn(origin + ms(11)), Turn::Wait(origin + ms(20)));
        assert_eq!(pace.turn(origin + ms(12)), Turn::Wait(origin + ms(20)));
        let closed = origin + ms(110);
        assert_eq!(pace.turn(closed), Turn::Send(Due { at: closed, kind: DueKind::Closed }));
        assert_eq!(pace.end(), origin + ms(160));
        assert_eq!(pace.turn(origin + ms(160)), Turn::Over);
        assert_eq!(pace.turn(origin + ms(161)), Turn::Over);
    }

    #[test]
    fn catches_up_with_the_schedule() {
        let (origin, mut paces) = paces(1);
        for n in 0..4 {
            assert_eq!(
                paces[0].turn(origin + ms(45)),
                open(origin, n),
                "late, each counts from its own due time"
            );
        }
        assert_eq!(paces[0].turn(origin + ms(45)), Turn::Wait(origin + ms(50)));
    }

    #[test]
    fn threads_share_the_due_times() {
        let (origin, mut paces) = paces(2);
        assert_eq!(paces[0].turn(origin + ms(35)), open(origin, 0));
        assert_eq!(paces[1].turn(origin + ms(35)), open(origin, 1));
        assert_eq!(paces[1].turn(origin + ms(35)), open(origin, 2));
        assert_eq!(paces[0].turn(origin + ms(35)), Turn::Wait(origin + ms(40)));
        assert_eq!(paces[1].turn(origin + ms(35)), Turn::Wait(origin + ms(50)));
    }

    #[test]
    fn a_stage_without_another_due_time_is_waited_out() {
        let (origin, mut paces) = paces(1);
        for n in 0..10 {
            assert_eq!(paces[0].turn(origin + ms(105)), open(origin, n));
        }
        assert_eq!(paces[0].turn(origin + ms(105)), Turn::Wait(origin + ms(110)));
    }
}
