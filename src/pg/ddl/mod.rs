//! Changes of indexes that cannot leave damage: one statement a message, watched while it waits, never in a lock queue.

mod lock;
mod read;
mod server;
mod statement;
mod watch;

pub(crate) use lock::{Subject, lock, lock_holder, unlock};
pub(crate) use read::{is_leftover, read_state, resolve};
pub(crate) use server::{blind_role, disk, duplicates, free_bytes, load, may_miss_rows, refuses_writes};
pub(crate) use statement::{Patience, Worker, unbind, unbind_but_locks};
pub(crate) use watch::{Blocker, Watched, session_at_work, watch};
