//! Keys that are computed: bijections of row numbers, fan-outs, and how each key of a table is made distinct.

pub(crate) mod arrangement;
pub(crate) mod curve;
pub(crate) mod fanout;
pub(crate) mod permutation;
