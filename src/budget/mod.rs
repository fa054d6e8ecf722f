//! Budgets: how many statements a test may send.
//!
//! `tally` adds the executions of a trace up by scope and statement. `judge` holds limits (`spec`) against that, `baseline` an
//! earlier run, and `growth` runs with more and more data.

pub(crate) mod baseline;
#[cfg(test)]
mod fixture;
pub(crate) mod growth;
pub(crate) mod judge;
pub(crate) mod spec;
pub(crate) mod tally;

pub(crate) use baseline::Baseline;
pub(crate) use spec::{Budget, Scope};
pub(crate) use tally::{Calls, Counted, Counter, Rules, Tally};
