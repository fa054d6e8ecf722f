//! What tests stand on: real servers, databases of their own, and the perfkit program.

pub(crate) mod browser;
pub(crate) mod cli;
pub(crate) mod pg;
pub(crate) mod proxy;
pub(crate) mod wire;

use std::ops::{Deref, DerefMut};
use std::process::Child;
use std::sync::atomic::{AtomicBool, Ordering};

/// Tells the threads of a scope to end, also when a test fails: the scope waits for them.
pub(crate) struct StopAtDrop<'a>(pub(crate) &'a AtomicBool);

impl Drop for StopAtDrop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// A program that runs until it is told to end, and is killed when a test fails before.
pub(crate) struct KilledAtDrop(pub(crate) Child);

impl Deref for KilledAtDrop {
    type Target = Child;

    fn deref(&self) -> &Child {
        &self.0
    }
}

impl DerefMut for KilledAtDrop {
    fn deref_mut(&mut self) -> &mut Child {
        &mut self.0
    }
}

impl Drop for KilledAtDrop {
    fn drop(&mut self) {
        // It has ended in most cases, which is an error here.
        _ = self.0.kill();
        _ = self.0.wait();
    }
}
