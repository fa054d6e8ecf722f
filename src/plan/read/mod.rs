//! EXPLAIN output to [`Plan`](super::Plan).

mod json;

pub(crate) use json::{Error, plan};
