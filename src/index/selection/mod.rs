//! Which indexes to create and drop: the set that makes a workload cheapest within its limits.
//!
//! The planner is asked as little as possible, because it is nearly all of the time. Two facts make an answer worth
//! more than one number. A plan stays available while the indexes it uses are visible, so a plan and its cost bound
//! the statement's cost under *every* set that holds these indexes; and fewer visible indexes cannot make a cheaper
//! plan, so between the indexes used and those visible the cost is the same. Each answer is therefore kept as a plan
//! (the indexes it uses, its cost), and a set is judged by the plans known, millions of times, without the planner.
//!
//! 1. [`discovery`] asks what each statement costs with nothing and with everything, and then without indexes of the
//!    plans found, to learn which other plans there are.
//! 2. [`model`] searches the set that is best as far as the plans known tell.
//! 3. [`discovery`] asks what that set costs for real and what every index that would still fit could save on top of
//!    it or in place of one of its members; 2 and 3 repeat until nothing new is learnt.
//! 4. [`outcome`] removes what is not worth having, asks again for the costs of the final set, and enforces that no
//!    statement gets dearer.
//!
//! The ideas are those of INUM and `CoPhy` (Papadomanolakis, Dash, Ailamaki: "Efficient use of the query optimizer for
//! automated physical design", VLDB 2007; Dash, Polyzotis, Ailamaki: "`CoPhy`", VLDB 2011), with the plans learnt while
//! the search goes on instead of before it.

mod bits;
mod discovery;
mod knowledge;
mod model;
mod outcome;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;

use knowledge::Knowledge;

/// Something the set may hold.
#[derive(Clone, Debug)]
pub(crate) struct Member {
    pub(crate) size_bytes: u64,
    /// Cost of keeping the index while the workload runs once, in the planner's units.
    pub(crate) upkeep: f64,
    pub(crate) role: Role,
    /// Existing members that this one makes superfluous by its definition.
    pub(crate) supersedes: BTreeSet<usize>,
    /// The table, then what is indexed, in order: what begins with another member's key can do all that one can.
    pub(crate) key: Vec<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    Candidate,
    /// It is there already, and goes only when a chosen or kept member supersedes it.
    Existing,
    /// It is there already, and stays only when it is worth its upkeep.
    Open,
}

/// A statement of the workload with one set of values.
#[derive(Clone, Debug)]
pub(crate) struct Workitem {
    /// How often it runs: the statement's weight, divided over its value sets. One that weighs nothing only must not lose
    /// the indexes that serve it.
    pub(crate) weight: f64,
    /// The members that could change its plan.
    pub(crate) relevant: BTreeSet<usize>,
    /// The statement's number; its value sets share it.
    pub(crate) statement: usize,
}

impl Workitem {
    /// The cost that it may have, by that of today.
    fn most(&self, today: f64) -> f64 {
        today * if self.weight > 0.0 { MAX_REGRESSION } else { MAX_UNWEIGHED_REGRESSION }
    }
}

/// What the set may not exceed.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Limits {
    /// Bytes of the candidates and open members of the set. What statements need of what is there stays all the same.
    pub(crate) storage_bytes: Option<u64>,
    /// Number of the candidates and open members of the set.
    pub(crate) max_indexes: Option<usize>,
    /// Questions to the planner. The costs of today and of the final set are asked in any case.
    pub(crate) max_calls: Option<usize>,
}

/// What to search.
#[derive(Clone, Debug)]
pub(crate) struct Problem {
    pub(crate) members: Vec<Member>,
    pub(crate) workload: Vec<Workitem>,
    pub(crate) limits: Limits,
}

/// A question for the planner: what does this work item cost when it sees exactly these members?
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Trial {
    pub(crate) visible: BTreeSet<usize>,
    /// The work item's number.
    pub(crate) statement: usize,
}

/// What the planner says to a trial.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Answer {
    pub(crate) cost: f64,
    /// The members in its plan.
    pub(crate) used: BTreeSet<usize>,
}

/// Who answers.
pub(crate) trait Planner {
    type Error;

    /// Answers each trial, in order.
    fn answers(&mut self, trials: &[Trial]) -> Result<Vec<Answer>, Self::Error>;

    /// Whether the user's time limit has passed.
    fn is_out_of_time(&self) -> bool {
        false
    }
}

/// Work items with their cost without an index and with it, the rest of the set present.
pub(crate) type Helps = Vec<(usize, f64, f64)>;

/// The best set found.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Outcome {
    /// Members to create, the one that saves most first.
    pub(crate) chosen: Vec<usize>,
    /// Open members that stay, with what each helps.
    pub(crate) kept: Vec<(usize, Helps)>,
    /// Existing members to drop, each with the chosen or kept one that supersedes it, if there is one.
    pub(crate) dropped: Vec<(usize, Option<usize>)>,
    /// Cost of each work item today and then, for one run of it.
    pub(crate) items: Vec<(f64, f64)>,
    /// What each chosen index helps.
    pub(crate) helps: Vec<Helps>,
    /// For each chosen index, other members in its place, with the cost of the workload and its upkeep.
    pub(crate) alternatives: Vec<Vec<(usize, f64)>>,
    /// Members whose saving is eaten by their upkeep, with that saving.
    pub(crate) refused: Vec<(usize, f64)>,
    /// Whether time or calls ran out before the search was done.
    pub(crate) is_cut_short: bool,
}

/// A step must save this share of the workload's cost (Extend's `min_cost_improvement` of 1.003).
const MIN_IMPROVEMENT: f64 = 0.003;
/// … or this share of what some statement costs today, so that a cheap but frequent one is not left slow.
const MIN_STATEMENT_IMPROVEMENT: f64 = 0.2;
/// With a budget the user has said what indexes may cost; then they must save this share of the workload's cost.
const MIN_IMPROVEMENT_IN_BUDGET: f64 = 0.000_1;
/// Without a budget, a set that costs this share of the workload more is as good when it needs no bytes at all.
const NEARLY_EQUAL: f64 = 0.001;
/// No work item may get dearer than this share of its cost today. The planner takes two paths within 1 % of each
/// other for equal (`STD_FUZZ_FACTOR` in pathnode.c), so that an index can make a plan dearer by that much.
const MAX_REGRESSION: f64 = 1.01;
/// … or than this share where it weighs nothing: such an item stands for what might run one day, and needs an index that
/// serves, not the best one. Reading the table instead costs more than that.
const MAX_UNWEIGHED_REGRESSION: f64 = 2.0;
/// Cost units below which a difference is rounding: EXPLAIN prints two digits.
const COST_RESOLUTION: f64 = 0.02;

/// Searches the best set.
pub(crate) fn select<P: Planner>(problem: &Problem, planner: &mut P) -> Result<Outcome, P::Error> {
    let mut knowledge = Knowledge::new(problem, planner);
    let found = discovery::search(&mut knowledge)?;
    outcome::outcome(&mut knowledge, &found)
}
