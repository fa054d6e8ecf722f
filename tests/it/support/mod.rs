//! What tests stand on: real servers, databases of their own, and the perfkit program.

pub(crate) mod browser;
pub(crate) mod cli;
pub(crate) mod pg;
pub(crate) mod wire;

use std::sync::atomic::{AtomicBool, Ordering};

/// Tells the threads of a scope to end, also when a test fails: the scope waits for them.
pub(crate) struct StopAtDrop<'a>(pub(crate) &'a AtomicBool);

impl Drop for StopAtDrop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}
