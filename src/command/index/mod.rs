//! `perfkit index`.

pub(crate) mod apply;
pub(crate) mod suggest;
pub(crate) mod verify;
