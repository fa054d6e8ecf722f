//! Seeding's questions to the server, and the loading itself.

pub(crate) mod ask;
pub(crate) mod existing;

pub(crate) mod clean;
mod coordinator;
mod copy;
mod echo;
mod effects;
pub(crate) mod facts;
mod feed;
mod finish;
mod foreign_keys;
mod indexes;
pub(crate) mod judge;
pub(crate) mod load;
mod loose;
pub(crate) mod manifest;
pub(crate) mod measure;
mod partition;
mod queue;
mod refused;
pub(crate) mod rehearse;
mod sequences;
mod stage;
mod stream;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod traces;
mod works;

use std::time::Duration;

pub(crate) use stream::{connect, silence_triggers};

use super::error::Error;
use crate::run_id::RunId;
use crate::seed::manifest::Patch;
use crate::seed::schema::TableId;
use crate::seed::size::eta::Seen;
use crate::seed::size::work::{Phase, Task, Work};

/// What happens while a run is loaded or cleaned.
#[derive(Debug)]
pub(crate) enum Event<'e> {
    /// The run is in the manifest. Of its rows so many are left to load.
    Begun {
        run: &'e RunId,
        n_rows_left: u64,
    },
    /// Of the run's rows so many are left to delete.
    Cleaning {
        n_rows_left: u64,
    },
    /// What is left to do, in the order of each phase.
    Works(Vec<Work>),
    /// A phase of so many steps has begun.
    Phase {
        phase: Phase,
        n: usize,
    },
    /// Rows are committed; `n_bytes` were sent for them.
    Loaded {
        table: TableId,
        n_rows: u64,
        n_bytes: u64,
        took: Duration,
    },
    Deleted {
        table: TableId,
        n_rows: u64,
    },
    /// The server has refused a row; another one takes its place.
    Patched(&'e Patch),
    /// A session was lost, and another one is opened.
    Lost(&'e Error),
    /// A step of a phase is done.
    Step {
        task: Task,
        took: Duration,
    },
    Warning(String),
}

impl Event<'_> {
    /// Returns what this tells about when the run will end.
    pub(crate) fn seen(&self, since_start: Duration) -> Option<Seen> {
        let us = |duration: Duration| u64::try_from(duration.as_micros()).unwrap_or(u64::MAX);
        let at_us = us(since_start);
        let (task, n_units, took) = match self {
            Self::Phase { phase, .. } => return Some(Seen::Begun { phase: *phase, at_us }),
            Self::Loaded { table, n_rows, took, .. } => (Task::Rows(*table), *n_rows, *took),
            Self::Step { task, took } => (*task, 1, *took),
            _ => return None,
        };
        Some(Seen::Done { task, n_units, took_us: us(took), at_us })
    }
}
