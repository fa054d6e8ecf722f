//! Opens sessions anew that were lost, beside the event loops, which never block.

use std::sync::mpsc::{Receiver, Sender};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::Shared;
use super::startup::{self, Opened};

/// How long to wait after a failed attempt: at first, and at most.
const FIRST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);
/// How soon the end of the run is seen.
const LOOK: Duration = Duration::from_millis(50);

/// A session that an event loop has lost.
pub(super) struct Lost {
    pub(super) thread: usize,
    pub(super) client: usize,
}

/// How a new session gets to an event loop.
pub(super) struct Way {
    pub(super) sender: Sender<(usize, Opened)>,
    pub(super) waker: Arc<mio::Waker>,
}

/// Opens sessions until nobody can lose one any more.
pub(super) fn run(shared: &Shared, lost: &Mutex<Receiver<Lost>>, ways: &[Way]) {
    while let Some(Lost { thread, client }) = next(lost) {
        let Some(opened) = open(shared) else { return };
        let way = &ways[thread];
        // A loop that has ended needs no session.
        if way.sender.send((client, opened)).is_ok() {
            drop(way.waker.wake());
        }
    }
}

/// Waits for a session that is wanted; one thread at a time does.
fn next(lost: &Mutex<Receiver<Lost>>) -> Option<Lost> {
    lost.lock().ok()?.recv().ok()
}

/// Tries again and again, ever more slowly; `None` once the run is over.
fn open(shared: &Shared) -> Option<Opened> {
    let mut pause = FIRST_PAUSE;
    loop {
        if shared.is_over() {
            return None;
        }
        if let Ok(opened) = startup::open(&shared.endpoint) {
            return Some(opened);
        }
        let mut left = pause;
        while !left.is_zero() && !shared.is_over() {
            let part = left.min(LOOK);
            std::thread::sleep(part);
            left -= part;
        }
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}
