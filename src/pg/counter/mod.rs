//! Counters on a server: what is there, what is written, how it is counted.

pub(crate) mod batch;
pub(crate) mod expression;
pub(crate) mod facts;
pub(crate) mod keepers;
pub(crate) mod load;
#[cfg(test)]
mod tests;
