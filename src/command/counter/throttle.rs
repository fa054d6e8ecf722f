//! When a run that counts has to wait, and how long its batches are.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use super::PaceArgs;
use crate::counter::backfill::pace::{BatchTime, DEFAULT_DUTY, DEFAULT_TARGET, Hold, Limits, Pace, hold};
use crate::pg::counter::load::{Load, load};
use crate::pg::{Connection, Result};
use crate::run_id::RunId;

/// How often it is asked how busy the server is.
const INTERVAL: Duration = Duration::from_millis(500);

/// Looks at the server from time to time.
pub(super) struct Throttle {
    limits: Limits,
    pause_when: Option<String>,
    pause_file: Option<PathBuf>,
    pub(super) pace: Pace,
    seen: Load,
    seen_at: Option<Instant>,
}

impl Throttle {
    pub(super) fn new(args: &PaceArgs) -> Self {
        Self {
            limits: Limits {
                lag: Some(args.max_lag),
                slot_bytes: args.max_slot_size,
                n_active: args.max_active,
            },
            pause_when: args.pause_when.clone(),
            pause_file: args.pause_file.clone(),
            pace: Pace::new(args.batch_time.unwrap_or(DEFAULT_TARGET), args.duty.unwrap_or(DEFAULT_DUTY)),
            // Until it is known, others may be at work.
            seen: Load { has_company: true, ..Load::default() },
            seen_at: None,
        }
    }

    pub(super) fn is_due(&self) -> bool {
        self.seen_at.is_none_or(|at| at.elapsed() >= INTERVAL)
    }

    /// Looks, and says whether somebody waits for a lock of the run.
    pub(super) async fn look(&mut self, control: &Connection, own_pids: &[i32], run: &RunId) -> Result<bool> {
        self.seen = load(control, own_pids, run, self.pause_when.as_deref()).await?;
        self.seen_at = Some(Instant::now());
        Ok(self.seen.is_waited_for)
    }

    /// Returns why the run has to wait, if so.
    pub(super) fn hold(&self) -> Option<Hold> {
        let mut sample = self.seen.sample.clone();
        sample.has_pause_file = self.pause_file.as_ref().is_some_and(|file| file.exists());
        hold(&sample, &self.limits)
    }

    /// Takes note of a batch, and returns the pause after it.
    pub(super) fn took(&mut self, n_rows: usize, time: BatchTime) -> Duration {
        self.pace.took(n_rows, time, !self.seen.has_company)
    }
}
