//! What tests stand on: real servers, databases of their own, and the perfkit program.

pub(crate) mod browser;
pub(crate) mod cli;
pub(crate) mod pg;
