//! `perfkit index`.

pub(crate) mod apply;
pub(crate) mod audit;
pub(crate) mod suggest;
pub(crate) mod undo;
pub(crate) mod verify;
