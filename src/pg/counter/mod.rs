//! Counters on a server: what is there, what is written, how it is counted.

pub(crate) mod batch;
pub(crate) mod expression;
pub(crate) mod facts;
pub(crate) mod fold;
pub(crate) mod keepers;
pub(crate) mod load;
pub(crate) mod repair;
pub(crate) mod suggest;
#[cfg(test)]
mod tests;
pub(crate) mod verify;
#[cfg(test)]
mod verify_tests;
