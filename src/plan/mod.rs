//! Plans: read, timed, and held against rules.

pub(crate) mod findings;
mod node;
pub(crate) mod read;
mod self_time;

pub(crate) use findings::{Finding, Severity, findings};
pub(crate) use node::{Node, Plan};
pub(crate) use self_time::{Times, times};

/// A statement with its plan, measured and judged.
#[derive(Debug)]
pub(crate) struct Explained {
    pub(crate) name: Option<String>,
    pub(crate) sql: Option<String>,
    pub(crate) plan: Plan,
    /// `None` when the statement was not run, or run without timing.
    pub(crate) times: Option<Times>,
    pub(crate) findings: Vec<Finding>,
}

impl Explained {
    /// Reads and judges the output of EXPLAIN (FORMAT JSON).
    pub(crate) fn new(
        json: serde_json::Value,
        name: Option<&str>,
        sql: Option<&str>,
    ) -> Result<Self, read::Error> {
        let plan = read::plan(json)?;
        let times = times(&plan);
        let findings = times.as_ref().map(|times| findings(&plan, times)).unwrap_or_default();
        Ok(Self { name: name.map(str::to_owned), sql: sql.map(str::to_owned), plan, times, findings })
    }
}
