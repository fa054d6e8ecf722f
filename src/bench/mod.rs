//! Load tests: what to run, when, what was measured and whether that is good enough.

pub(crate) mod baseline;
pub(crate) mod compare;
pub(crate) mod find_max;
pub(crate) mod hlog;
mod latency;
mod merge;
pub(crate) mod replay;
pub(crate) mod saved;
mod schedule;
pub(crate) mod script;
pub(crate) mod server;
pub(crate) mod spec;
mod threshold;
mod timeline;
pub(crate) mod validity;

use std::time::Duration;

pub(crate) use baseline::Held;
pub(crate) use latency::{CONNECTION, Latency, StatementStats, Summary};
pub(crate) use merge::merged;
pub(crate) use schedule::{Arrivals, DueTimes, Picker, Schedule};
pub(crate) use server::ServerWork;
pub(crate) use spec::{BenchConfig, Stage};
pub(crate) use threshold::{Outcome, Threshold};
pub(crate) use timeline::{Stretch, Timeline};
pub(crate) use validity::{MachineCounters, MachineUse, Resources};

/// A run's whole result.
#[derive(Debug)]
pub(crate) struct BenchReport {
    /// Why the figures are not the server's, or not those of the load that was asked for.
    pub(crate) invalid_reason: Option<String>,
    /// What they may be off by.
    pub(crate) doubts: Vec<String>,
    pub(crate) environment: Environment,
    pub(crate) statements: Vec<StatementStats>,
    /// The statements within scripts; the scripts themselves are `statements`.
    pub(crate) steps: Vec<StatementStats>,
    /// When recording began, since 1970 (UTC); unknown of some files.
    pub(crate) started_at: Option<Duration>,
    /// How long latencies were recorded.
    pub(crate) elapsed: Duration,
    pub(crate) outcomes: Vec<Outcome>,
    pub(crate) interrupted: bool,
    /// Whether no connection lasted to the end.
    pub(crate) all_lost: bool,
    /// Whether latency was also counted from a schedule.
    pub(crate) is_open_loop: bool,
    /// How late statements were sent although a connection was free; empty without a schedule.
    pub(crate) lag: Latency,
    /// How often a connection was lost.
    pub(crate) n_lost: u64,
    /// What the generator and its machine did; unknown of merged runs and of logs.
    pub(crate) resources: Option<Resources>,
    /// Empty where only sums are known.
    pub(crate) timeline: Timeline,
    /// What the server did; unknown of merged runs and of logs.
    pub(crate) server: Option<ServerWork>,
    /// The run against its baseline, if there is one.
    pub(crate) held: Option<Held>,
    /// What cannot be added up of the runs that were merged.
    pub(crate) runs: Vec<RunParts>,
}

/// What a report says of one generator, its machine and its server, and of each second: kept as it was written.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct RunParts {
    /// The file of the run.
    pub(crate) name: String,
    /// By the keys of the report.
    pub(crate) parts: serde_json::Map<String, serde_json::Value>,
}

/// Where a run took place. What is unknown, or not the same of all runs that were merged, is `None`.
#[derive(Clone, Debug, Default)]
pub(crate) struct Environment {
    pub(crate) server_version: Option<u32>,
    pub(crate) perfkit_version: Option<String>,
    /// Of all generators together.
    pub(crate) connections: Option<usize>,
    /// Of each generator's machine.
    pub(crate) cpus: Option<usize>,
    pub(crate) seed: Option<u64>,
    /// How many runs the figures are of.
    pub(crate) generators: usize,
}

impl BenchReport {
    /// Holds thresholds against the figures.
    pub(crate) fn check(&mut self, thresholds: &[Threshold]) {
        let total = StatementStats::total(&self.statements);
        let rate_per_s = self.rate_per_s(&total);
        self.outcomes = thresholds.iter().map(|threshold| threshold.check(&total, rate_per_s)).collect();
    }

    /// Executions that ended well, over all statements, per second.
    pub(crate) fn rate_per_s(&self, stats: &StatementStats) -> f64 {
        #[expect(clippy::cast_precision_loss, reason = "counts are far below 2^53")]
        let count = stats.service.count() as f64;
        count / self.elapsed.as_secs_f64().max(1e-9)
    }
}
