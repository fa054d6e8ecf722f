//! How many rows each table gets, and how long loading them takes.

pub(crate) mod eta;
