//! Index advice: which indexes could help a workload, what they cost, and which set is best.

pub(crate) mod candidates;
mod definition;
mod selection;
mod size;
mod write_price;

use std::time::Duration;

use crate::workload::Skipped;

pub(crate) use definition::{Definition, Key, Predicate};
pub(crate) use selection::{
    Answer, Candidate, Costs, Limits, Outcome, Problem, Step, Trial, Workitem, select,
};
pub(crate) use size::{BLOCK_BYTES, Size, estimate};
pub(crate) use write_price::{bytes_per_row, per_row_cost};

/// The advisor's whole answer.
#[derive(Debug)]
pub(crate) struct Advice {
    /// The index that saves most first.
    pub(crate) suggestions: Vec<Suggestion>,
    /// Names of the workload's statements.
    pub(crate) statements: Vec<String>,
    /// Cost of the weighted workload today and with the suggested set, in the planner's units.
    pub(crate) cost_before: f64,
    pub(crate) cost_after: f64,
    pub(crate) skipped: Vec<Skipped>,
    /// What of the target the shadow lacks.
    pub(crate) missing: Vec<String>,
    pub(crate) n_candidates: usize,
    /// Whether a budget or a number of indexes was set.
    pub(crate) is_limited: bool,
    /// How often the planner was asked.
    pub(crate) n_calls: u64,
    pub(crate) elapsed: Duration,
}

/// An index to build, with its price and what it is for.
#[derive(Clone, Debug)]
pub(crate) struct Suggestion {
    pub(crate) definition: Definition,
    pub(crate) size_bytes: u64,
    /// Bytes of index written for each row written to the table.
    pub(crate) write_cost: f64,
    pub(crate) helps: Vec<Help>,
    pub(crate) reason: String,
}

/// A statement that an index makes cheaper: its cost without it and with it, the rest of the set present.
#[derive(Clone, Debug)]
pub(crate) struct Help {
    pub(crate) statement: String,
    pub(crate) cost_before: f64,
    pub(crate) cost_after: f64,
}
