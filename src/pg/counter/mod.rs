//! Counters on a server: what is there, what is written, how it is counted.

pub(crate) mod expression;
pub(crate) mod facts;
#[cfg(test)]
mod tests;
