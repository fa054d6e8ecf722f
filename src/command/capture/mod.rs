//! `perfkit capture`: real workloads into one trace format.

pub(crate) mod proxy;
pub(crate) mod show;
