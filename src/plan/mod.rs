//! Plans: read, timed, and held against rules.

pub(crate) mod anonymize;
pub(crate) mod contract;
pub(crate) mod diff;
mod discarded;
mod expression;
pub(crate) mod findings;
pub(crate) mod flame;
mod heap;
mod identity;
pub(crate) mod indexable;
mod memory;
mod misestimate;
mod node;
mod order;
pub(crate) mod outline;
mod payment;
pub(crate) mod read;
mod resources;
pub(crate) mod rows;
pub(crate) mod run;
mod self_time;
mod server;
mod serving;
mod shape_hash;
mod spill;
pub(crate) mod summary;

pub(crate) use findings::{Finding, Fine, Judgement, Severity, Subject, judge};
pub(crate) use node::{Buffers, IoTimes, Node, Plan, Trigger, Wal};
pub(crate) use payment::Payment;
pub(crate) use resources::{Resources, resources};
pub(crate) use run::{Alternative, Runs};
pub(crate) use self_time::{Basis, Outside, Times, times_or_costs};
pub(crate) use server::{Server, TableActivity};
pub(crate) use shape_hash::shape_hash;

/// A statement with its plan, measured and judged.
#[derive(Debug)]
pub(crate) struct Explained {
    pub(crate) name: Option<String>,
    pub(crate) sql: Option<String>,
    /// The values of `$1`, `$2`, …; `None` is NULL.
    pub(crate) parameters: Vec<Option<String>>,
    pub(crate) plan: Plan,
    pub(crate) times: Times,
    pub(crate) resources: Vec<Resources>,
    pub(crate) judgement: Judgement,
    /// How far several runs lie apart.
    pub(crate) runs: Option<Runs>,
    /// What other values would have brought.
    pub(crate) alternatives: Vec<Alternative>,
}

impl Explained {
    /// Times and judges a plan, with what is known of its server.
    pub(crate) fn new(plan: Plan, server: Option<&Server>) -> Self {
        let sql = plan.query.clone();
        let times = times_or_costs(&plan);
        let resources = resources(&plan, &times);
        let judgement = judge(&Subject {
            plan: &plan,
            times: &times,
            resources: &resources,
            sql: sql.as_deref(),
            server,
        });
        Self {
            name: None,
            sql,
            parameters: Vec::new(),
            plan,
            times,
            resources,
            judgement,
            runs: None,
            alternatives: Vec::new(),
        }
    }
}
