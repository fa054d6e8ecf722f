//! How much space the rows take, and how long loading them takes.

pub(crate) mod calibrate;
pub(crate) mod eta;
pub(crate) mod loose;
pub(crate) mod work;
