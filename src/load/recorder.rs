//! What one thread measures. Threads share nothing; their parts are merged at the end.

use std::time::{Duration, Instant};

use super::frame::SqlState;
use super::machine;
use super::pace::{Due, DueKind};
use super::session::Run;
use crate::bench::{Latency, StatementStats, Timeline};

/// What failed without an SQLSTATE.
const CONNECTION: &str = "connection";

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
