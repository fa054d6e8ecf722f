//! Changes of indexes that cannot leave damage: one statement a message, watched while it waits, never in a lock queue.

mod lock;
mod read;
mod server;
mod statement;
mod watch;

pub(crate) use lock::{lock, lock_holder, unlock};
pub(crate) use read::{read_state, resolve};
pub(crate) use server::{disk, duplicates, free_bytes, load, refuses_writes};
pub(crate) use statement::{Worker, unbind};
pub(crate) use watch::{Blocker, Watched, session_at_work, watch};
