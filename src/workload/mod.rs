//! The one workload model: every source of statements fills it, every command reads it.

pub(crate) mod captured;
mod column_values;
mod documents;
pub(crate) mod duration;
pub(crate) mod ignored;
pub(crate) mod n_plus_one;
mod neutral;
pub(crate) mod pagination;
pub(crate) mod parameter;
pub(crate) mod snapshots;
mod statement;
pub(crate) mod top;
mod value_set;

pub(crate) use neutral::ParameterType;
pub(crate) use statement::{Skipped, Source, Statement, StatementKind, Workload};
pub(crate) use value_set::{Known, N_CLASSES, ValueSet, Wanting, observed, population, value_sets};
