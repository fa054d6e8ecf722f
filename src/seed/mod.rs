//! Data for a schema, as a pure function of seed, table, column and row number.
//!
//! Keys are computed, never read back, so rows can be made in any order and in constant memory.

mod encode;
mod plan;
pub(crate) mod spec;
mod value;

use std::time::Duration;

pub(crate) use plan::{Error as PlanError, SeedPlan, TablePlan, row_counts};
pub(crate) use spec::{SeedConfig, TableConfig};

/// What a run has loaded.
#[derive(Debug)]
pub(crate) struct SeedReport {
    pub(crate) tables: Vec<SeededTable>,
    pub(crate) seed: u64,
    /// The end of all time series, as text.
    pub(crate) as_of: String,
    /// Differs for every run that loads other bytes.
    pub(crate) run_id: String,
}

#[derive(Debug)]
pub(crate) struct SeededTable {
    pub(crate) name: String,
    pub(crate) n_rows: u64,
    /// Bytes of the table on disk, without its indexes.
    pub(crate) size_bytes: u64,
    pub(crate) elapsed: Duration,
}
