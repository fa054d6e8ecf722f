//! The one workload model: every source of statements fills it, every command reads it.

pub(crate) mod duration;
pub(crate) mod parameter;
mod statement;

pub(crate) use statement::{Skipped, Source, Statement, StatementKind, Workload};
