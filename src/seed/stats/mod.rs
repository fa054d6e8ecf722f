//! `--from-stats`: rows that make ANALYZE say what it said of another database, without its values.

pub(crate) mod axis;
pub(crate) mod beside;
pub(crate) mod column;
pub(crate) mod combined;
pub(crate) mod counterpart;
pub(crate) mod delta;
mod elements;
pub(crate) mod joint;
pub(crate) mod slots;
pub(crate) mod source;
pub(crate) mod stand_in;
