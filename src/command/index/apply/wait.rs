//! Tells the user what a run is at, and whom it waits for.

use std::time::{Duration, Instant};

use crate::context::Context;
use crate::pg::ddl::{Blocker, Watched};
use crate::sources;
use crate::ui;

/// Who is in the way is said after this time …
const FIRST_NOTICE: Duration = Duration::from_secs(2);
/// … and then as often.
const NOTICE_INTERVAL: Duration = Duration::from_secs(30);

/// Follows one statement, or one wait.
pub(crate) struct Watcher<'a> {
    context: &'a Context,
    what: String,
    spinner: ui::Progress,
    start: Instant,
    /// The phase with its beginning: an estimate of its end goes by the speed since then.
    phase: Option<(String, Instant)>,
    waiting_since: Option<Instant>,
    told: Option<Instant>,
    blockers: Vec<Blocker>,
}

impl<'a> Watcher<'a> {
    pub(crate) fn new(context: &'a Context, what: String) -> Self {
        let spinner = context.ui.spinner(&what);
        let start = Instant::now();
        Self {
            context,
            what,
            spinner,
            start,
            phase: None,
            waiting_since: None,
            told: None,
            blockers: Vec::new(),
        }
    }

    /// Shows how far a statement is, or for whom it waits.
    pub(crate) fn sees(&mut self, seen: &Watched) {
        if !seen.blockers.is_empty() {
            return self.waits(&seen.blockers);
        }
        self.waiting_since = None;
        let Some((phase, share)) = &seen.phase else { return };
        if self.phase.as_ref().is_none_or(|(known, _)| known != phase) {
            self.phase = Some((phase.clone(), Instant::now()));
        }
        let since = self.phase.as_ref().map_or(self.start, |(_, since)| *since);
        let left = remaining(since.elapsed(), *share)
            .map(|left| format!(", {} s left", left.as_secs()))
            .unwrap_or_default();
        self.spinner.message(format!("{}: {phase} {:.0}%{left}", self.what, share * 100.0));
    }

    /// Says who is in the way.
    pub(crate) fn waits(&mut self, blockers: &[Blocker]) {
        self.blockers = blockers.to_vec();
        if let Some(first) = blockers.first() {
            let others = match blockers.len() {
                1 => String::new(),
                n => format!(" and {} more", n - 1),
            };
            self.tell(&format!("waits{}{others}", describe(first)));
        }
    }

    /// Says why no step begins.
    pub(crate) fn holds_back(&mut self, reason: &str) {
        self.tell(&format!("waits: {reason}"));
    }

    /// Ends, and returns who was in the way last.
    pub(crate) fn end(self) -> Vec<Blocker> {
        self.blockers
    }

    fn tell(&mut self, message: &str) {
        let message = format!("{}: {message}", self.what);
        self.spinner.message(message.clone());
        let since = *self.waiting_since.get_or_insert_with(Instant::now);
        let is_due = match self.told {
            None => since.elapsed() >= FIRST_NOTICE,
            Some(told) => told.elapsed() >= NOTICE_INTERVAL,
        };
        if is_due {
            self.told = Some(Instant::now());
            self.context.ui.status(format_args!("{message} (waiting for {} s)", since.elapsed().as_secs()));
        }
    }
}

/// Returns ` for process 7 (psql, idle in transaction), whose transaction is 61 s old: SELECT …`.
pub(crate) fn describe(blocker: &Blocker) -> String {
    let Blocker { pid, application, state, query, age } = blocker;
    let about: Vec<&str> =
        [application.as_str(), state.as_str()].into_iter().filter(|it| !it.is_empty()).collect();
    let about = if about.is_empty() { String::new() } else { format!(" ({})", about.join(", ")) };
    let query = if query.is_empty() { String::new() } else { format!(": {}", sources::one_line(query)) };
    format!(" for process {pid}{about}, whose transaction is {} s old{query}", age.as_secs())
}

/// Returns how long a phase takes until its end at the speed so far; `None` while that says nothing.
fn remaining(elapsed: Duration, share: f64) -> Option<Duration> {
    const MIN_SHARE: f64 = 0.01;
    if !(MIN_SHARE..=1.0).contains(&share) {
        return None;
    }
    Duration::try_from_secs_f64(elapsed.as_secs_f64() * (1.0 - share) / share).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_follows_from_the_speed_so_far() {
        let check = |elapsed_s: u64, share: f64, expected: Option<u64>| {
            let left = remaining(Duration::from_secs(elapsed_s), share);
            assert_eq!(left.map(|left| left.as_secs()), expected, "{elapsed_s} s, {share}");
        };
        check(30, 0.25, Some(90));
        check(30, 1.0, Some(0));
        check(30, 0.0, None);
        check(0, 0.5, Some(0));
        check(1, f64::NAN, None);
    }
}
