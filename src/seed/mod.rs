//! Data for a schema, as a pure function of seed, table, column and row number.
//!
//! Keys are computed, never read back, so rows can be made in any order and in constant memory.

pub(crate) mod bits;
pub(crate) mod chunk;
pub(crate) mod clean;
pub(crate) mod condition;
pub(crate) mod effect;
pub(crate) mod exact;
#[cfg(test)]
pub(crate) mod fixture;
pub(crate) mod graph;
pub(crate) mod guess;
pub(crate) mod keys;
pub(crate) mod make;
pub(crate) mod manifest;
pub(crate) mod plan;
pub(crate) mod schema;
pub(crate) mod size;
pub(crate) mod spec;
pub(crate) mod stats;
pub(crate) mod time;
pub(crate) mod wire;

pub(crate) use spec::{SeedConfig, TableConfig};

/// The version of what a plan means: the same plan gives the same bytes under the same number.
pub(crate) const ALGORITHM: u32 = 3;
