//! What one thread measures. Threads share nothing; their parts are merged at the end.

use std::time::{Duration, Instant};

use super::machine;
use super::pace::{Due, DueKind};
use super::session::Run;
use crate::bench::{CONNECTION, Latency, StatementStats, Timeline};
use crate::random;
use crate::trace::SqlState;
use crate::workload::parameter::Draw;

pub(super) struct Recorder {
    pub(super) statements: Vec<StatementStats>,
    /// How late statements were sent although a session was free.
    pub(super) lag: Latency,
    /// How many were sent of those that a schedule had a moment for.
    pub(super) n_sent: u64,
    pub(super) n_lost: u64,
    /// Without a part for the warm-up.
    pub(super) timeline: Timeline,
    /// What the thread used of its processor since the warm-up; known at the end.
    pub(super) usage: Option<Usage>,
    /// Whether latency is counted from the schedule too.
    is_open_loop: bool,
    /// When the warm-up ends.
    start: Instant,
    /// The first look at the thread's processor time, and when it was.
    began: Option<(Instant, Duration)>,
}

/// The processor time of a thread.
#[derive(Clone, Copy, Debug)]
pub(super) struct Usage {
    pub(super) cpu: Duration,
    pub(super) elapsed: Duration,
}

impl Recorder {
    pub(super) fn new<'a>(names: impl Iterator<Item = &'a str>, is_open_loop: bool, start: Instant) -> Self {
        let statements = names.map(StatementStats::new).collect();
        Self {
            statements,
            lag: Latency::new(),
            n_sent: 0,
            n_lost: 0,
            timeline: Timeline::default(),
            usage: None,
            is_open_loop,
            start,
            began: None,
        }
    }

    /// Notes that a statement is sent, by a session that was free since `idle_since`.
    #[inline]
    pub(super) fn sent(&mut self, due: Due, idle_since: Instant, now: Instant) {
        if self.began.is_none() && due.kind != DueKind::WarmUp {
            self.began = machine::thread_cpu().map(|cpu| (now, cpu));
        }
        if let DueKind::Open { .. } = due.kind {
            self.n_sent += 1;
            if idle_since <= due.at {
                self.lag.record(now - due.at);
            }
        }
    }

    #[inline]
    pub(super) fn ended(&mut self, run: &Run, error: Option<SqlState>, now: Instant) {
        if run.due.kind == DueKind::WarmUp {
            return;
        }
        let stats = &mut self.statements[run.statement];
        stats.n_retries += u64::from(run.n_tries - 1);
        let at = now.saturating_duration_since(self.start);
        match error {
            None => {
                stats.service.record(now - run.sent);
                let response = if self.is_open_loop { now - run.due.at } else { now - run.sent };
                if self.is_open_loop {
                    stats.response.record(response);
                }
                self.timeline.record(at, response);
            }
            Some(code) => {
                stats.record_error(code.as_str());
                self.timeline.record_error(at);
            }
        }
    }

    /// Notes a connection that is gone, with what it ran and what the server said last.
    pub(super) fn lost(&mut self, run: Option<&Run>, error: Option<SqlState>) {
        self.n_lost += 1;
        if let Some(run) = run.filter(|run| run.due.kind != DueKind::WarmUp) {
            let class = error.as_ref().map_or(CONNECTION, SqlState::as_str);
            self.statements[run.statement].record_error(class);
            self.timeline.record_error(self.start.elapsed());
        }
    }

    /// Ends the measurement of this thread: without a schedule a response takes as long as its service.
    pub(super) fn finish(mut self) -> Self {
        self.usage = self.began.zip(machine::thread_cpu()).map(|((began, before), now)| Usage {
            cpu: now.saturating_sub(before),
            elapsed: began.elapsed(),
        });
        if !self.is_open_loop {
            for stats in &mut self.statements {
                stats.response = stats.service.clone();
            }
        }
        self
    }
}

/// Records executions of a load with a few statements, 20 µs apart, as a thread of it does; returns how many it has counted. This is
/// for the benchmark that times it.
pub(crate) fn record_executions(n: u32, is_open_loop: bool) -> u64 {
    const APART: Duration = Duration::from_micros(20);
    let names = ["a", "b", "c", "d"];
    let start = Instant::now();
    let mut recorder = Recorder::new(names.into_iter(), is_open_loop, start);
    for (i, at) in (0..n).map(|i| (i, start + APART * i)) {
        let bits = random::at(1, u64::from(i));
        let kind = if is_open_loop { DueKind::Open { stage: 0, n: u64::from(i) } } else { DueKind::Closed };
        let (due, sent) = (Due { at, kind }, at + Duration::from_nanos(bits & 0x3fff));
        recorder.sent(due, at, sent);
        let statement = usize::from(bits.to_le_bytes()[7] % 4);
        let run = Run { statement, draw: Draw::default(), due, sent, n_tries: 1 };
        recorder.ended(&run, None, sent + APART + Duration::from_nanos(bits >> 44));
    }
    recorder.finish().statements.iter().map(|stats| stats.response.count()).sum()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::bench::{Arrivals, Schedule, Stage};
    use crate::load::pace::{self, Pace, Turn};

    const fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    /// Sends 100 a second for ten seconds, one after the other, to a server that answers within 1 ms, but not at all in a stall.
    fn measured(stall: std::ops::Range<Duration>) -> StatementStats {
        let stage = Stage { duration: ms(10_000), rate: Some(100.0), ramp_to: None };
        let schedule = Arc::new(Schedule::new(vec![stage], Arrivals::Constant, 1));
        let start = Instant::now();
        let mut pace = Pace::new(schedule.clone(), pace::none_taken(&schedule), start);
        let mut recorder = Recorder::new(["one"].into_iter(), true, start);
        let (mut now, mut idle_since) = (start, start);
        loop {
            match pace.turn(now) {
                Turn::Over => break,
                Turn::Wait(until) => now = until,
                Turn::Send(due) => {
                    recorder.sent(due, idle_since, now);
                    let run = Run { statement: 0, draw: Draw::default(), due, sent: now, n_tries: 1 };
                    let begun = if stall.contains(&(now - start)) { start + stall.end } else { now };
                    now = begun + ms(1);
                    recorder.ended(&run, None, now);
                    idle_since = now;
                }
            }
        }
        recorder.finish().statements.remove(0)
    }

    /// By hand: what is sent as the stall begins takes 201 ms. The k-th after it is due 10 k ms later and answered k ms later, so it
    /// is late by 201 - 9 k ms. Of a thousand the largest is the maximum, the second p99.9 and the eleventh p99.
    #[test]
    fn a_stall_shows_in_the_percentiles_as_computed_by_hand() {
        let stats = measured(ms(3000)..ms(3200));
        assert_eq!(stats.response.count(), 1000);
        let check = |found: f64, expected: f64| {
            assert!((found / expected - 1.0).abs() < 0.001, "{found} is not {expected}");
        };
        check(stats.response.max_ms(), 201.0);
        check(stats.response.quantile_ms(0.999), 201.0 - 9.0);
        check(stats.response.quantile_ms(0.99), 201.0 - 9.0 * 10.0);
        check(stats.response.quantile_ms(0.5), 1.0);
        // Who counts from sending sees one slow statement.
        check(stats.service.max_ms(), 201.0);
        check(stats.service.quantile_ms(0.999), 1.0);
        check(measured(ms(0)..ms(0)).response.max_ms(), 1.0);
    }

    #[test]
    fn the_benchmark_records_every_execution() {
        assert_eq!([true, false].map(|is_open_loop| record_executions(1000, is_open_loop)), [1000; 2]);
    }
}
