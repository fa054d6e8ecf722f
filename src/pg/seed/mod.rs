//! Seeding's questions to the server, and the loading itself.

pub(crate) mod ask;
pub(crate) mod existing;

pub(crate) mod clean;
mod coordinator;
mod copy;
mod echo;
pub(crate) mod facts;
mod feed;
mod finish;
mod foreign_keys;
mod indexes;
pub(crate) mod judge;
pub(crate) mod load;
pub(crate) mod manifest;
pub(crate) mod measure;
mod queue;
mod refused;
pub(crate) mod rehearse;
mod sequences;
mod stage;
mod stream;
#[cfg(test)]
mod tests;

use std::time::Duration;

pub(crate) use stream::{connect, silence_triggers};

use super::error::Error;
use crate::run_id::RunId;
use crate::seed::manifest::Patch;
use crate::seed::schema::TableId;

/// What happens while a run is loaded or cleaned.
#[derive(Debug)]
pub(crate) enum Event<'e> {
    /// The run is in the manifest. Of its rows so many are left to load or to delete.
    Begun {
        run: &'e RunId,
        n_rows_left: u64,
    },
    Phase(Phase),
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
    Step,
    Warning(String),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    Rows,
    /// So many indexes come back.
    Indexes {
        n: usize,
    },
    /// VACUUM and ANALYZE of so many tables.
    Vacuum {
        n: usize,
    },
    /// So many foreign keys are checked that were silent while rows came.
    ForeignKeys {
        n: usize,
    },
}
