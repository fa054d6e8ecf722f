//! Load tests: what to run, when, what was measured and whether that is good enough.

mod latency;
mod schedule;
pub(crate) mod spec;
mod threshold;

use std::time::Duration;

pub(crate) use latency::{Latency, StatementStats, Summary};
pub(crate) use schedule::{Picker, Schedule};
pub(crate) use spec::{BenchConfig, Stage};
pub(crate) use threshold::{Outcome, Threshold};

/// A run's whole result.
#[derive(Debug)]
pub(crate) struct BenchReport {
    /// False when the generator, not the server, set the limit.
    pub(crate) invalid_reason: Option<String>,
    pub(crate) environment: Environment,
    pub(crate) statements: Vec<StatementStats>,
    /// How long latencies were recorded.
    pub(crate) elapsed: Duration,
    pub(crate) outcomes: Vec<Outcome>,
    pub(crate) interrupted: bool,
    /// Whether no connection lasted to the end.
    pub(crate) all_lost: bool,
    /// Whether latency was also counted from a schedule.
    pub(crate) is_open_loop: bool,
}

/// Where a run took place.
#[derive(Clone, Debug)]
pub(crate) struct Environment {
    pub(crate) server_version: u32,
    pub(crate) perfkit_version: &'static str,
    pub(crate) connections: usize,
    pub(crate) cpus: usize,
    pub(crate) seed: u64,
}

impl BenchReport {
    /// Executions that ended well, over all statements, per second.
    pub(crate) fn rate_per_s(&self, stats: &StatementStats) -> f64 {
        #[expect(clippy::cast_precision_loss, reason = "counts are far below 2^53")]
        let count = stats.service.count() as f64;
        count / self.elapsed.as_secs_f64().max(1e-9)
    }
}
