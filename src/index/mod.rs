//! Index advice: which indexes could help a workload, what they cost, and which set is best.

mod advice;
pub(crate) mod audit;
pub(crate) mod candidates;
pub(crate) mod change;
mod definition;
pub(crate) mod migration;
mod redesign;
mod selection;
mod size;
pub(crate) mod verification;
mod write_price;

pub(crate) use advice::{
    Advice, Alternative, DailyPrice, DropAdvice, Help, IndexSet, KeptIndex, Redesign, Refusal, SelfCheck,
    StatementCost, Suggestion, ValueSetCost, WritePrice,
};
pub(crate) use candidates::Proposal;
pub(crate) use definition::{Definition, Key, Method, Predicate, index_makes_superfluous};
pub(crate) use migration::{build_concurrently, drop_index};
pub(crate) use redesign::Touched;
pub(crate) use selection::{
    Answer, Limits, Member, Outcome, Planner, Problem, Role, Trial, Workitem, select,
};
pub(crate) use size::{
    BLOCK_BYTES, Contents, GinPages, Measures, NeededMeasures, Size, combinations_of_sample, estimate,
    estimate_tree, needed_measures,
};
pub(crate) use write_price::{Circumstances, Writes, price, refusal, upkeep};
