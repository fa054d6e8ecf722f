//! Signals that are for the command that runs, and not for perfkit.

use std::fs::File;

use nix::sys::signal::{Signal, kill};
use nix::unistd::{Pid, getpgrp, tcgetpgrp};
use tokio::signal::unix::{Signal as Stream, SignalKind, signal};

use crate::error::{Error, ExitStatus, Result};

/// Hears of what would end perfkit.
pub(super) struct Signals {
    interrupt: Stream,
    terminate: Stream,
    hangup: Stream,
}

impl Signals {
    /// Listens from now on.
    pub(super) fn listen() -> Result<Self> {
        let listen = |kind| {
            signal(kind)
                .map_err(|error| Error::new(ExitStatus::Server, "could not listen for signals").cause(error))
        };
        Ok(Self {
            interrupt: listen(SignalKind::interrupt())?,
            terminate: listen(SignalKind::terminate())?,
            hangup: listen(SignalKind::hangup())?,
        })
    }

    /// Returns the next one.
    pub(super) async fn next(&mut self) -> Signal {
        tokio::select! {
            _ = self.interrupt.recv() => Signal::SIGINT,
            _ = self.terminate.recv() => Signal::SIGTERM,
            _ = self.hangup.recv() => Signal::SIGHUP,
        }
    }
}

/// Hands a signal on, unless its receiver has it already: Ctrl-C on a terminal is for all that runs in its foreground. Twice would
/// mean to hurry in many test runners.
pub(super) fn hand_on(signal: Signal, to: Option<u32>) {
    let Some(pid) = to.and_then(|id| i32::try_from(id).ok()) else { return };
    if signal != Signal::SIGINT || !is_in_foreground() {
        // One that has ended by now needs no signal.
        _ = kill(Pid::from_raw(pid), signal);
    }
}

fn is_in_foreground() -> bool {
    File::open("/dev/tty").is_ok_and(|terminal| tcgetpgrp(&terminal) == Ok(getpgrp()))
}
