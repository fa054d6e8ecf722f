//! Wakes an event loop at a moment, to the microsecond where the system can.

use std::io;
use std::time::{Duration, Instant};

use mio::{Registry, Token};

/// A sleeping thread comes back this late; the rest of the way is spent awake.
const SPIN: Duration = Duration::from_micros(20);

/// `epoll_wait` counts in milliseconds, so the time is kept by a descriptor, which has no slack (`timerfd_create(2)`).
#[cfg(target_os = "linux")]
pub(super) struct Timer {
    descriptor: nix::sys::timerfd::TimerFd,
    /// When it goes off, or has gone off.
    armed: Option<Instant>,
}

#[cfg(target_os = "linux")]
impl Timer {
    pub(super) fn new(registry: &Registry, token: Token) -> io::Result<Self> {
        use std::os::fd::{AsFd as _, AsRawFd as _};

        use nix::sys::timerfd::{ClockId, TimerFd, TimerFlags};

        let descriptor =
            TimerFd::new(ClockId::CLOCK_MONOTONIC, TimerFlags::TFD_NONBLOCK | TimerFlags::TFD_CLOEXEC)?;
        let raw_fd = descriptor.as_fd().as_raw_fd();
        registry.register(&mut mio::unix::SourceFd(&raw_fd), token, mio::Interest::READABLE)?;
        Ok(Self { descriptor, armed: None })
    }

    /// Makes sure that the loop wakes at `at`; returns how long it may wait for anything else, `None` without limit.
    pub(super) fn wake_at(&mut self, at: Instant, now: Instant) -> io::Result<Option<Duration>> {
        use nix::sys::time::TimeSpec;
        use nix::sys::timerfd::{Expiration, TimerSetTimeFlags};

        let wait = at.saturating_duration_since(now);
        let Some(asleep) = wait.checked_sub(SPIN).filter(|asleep| !asleep.is_zero()) else {
            return Ok(Some(Duration::ZERO));
        };
        // An alarm before its time only makes the loop look again.
        let alarm = now + asleep;
        let is_covered = self.armed.is_some_and(|armed| armed > now && armed <= alarm);
        if !is_covered {
            let expiration = Expiration::OneShot(TimeSpec::from_duration(asleep));
            self.descriptor.set(expiration, TimerSetTimeFlags::empty())?;
            self.armed = Some(alarm);
        }
        Ok(None)
    }
}

/// Elsewhere the loop's own time-out is as exact as it gets.
#[cfg(not(target_os = "linux"))]
pub(super) struct Timer;

#[cfg(not(target_os = "linux"))]
impl Timer {
    pub(super) fn new(_: &Registry, _: Token) -> io::Result<Self> {
        Ok(Self)
    }

    /// Returns how long the loop may wait, so that it wakes at `at`.
    #[expect(clippy::unnecessary_wraps, clippy::unused_self, reason = "it is so on Linux")]
    pub(super) fn wake_at(&mut self, at: Instant, now: Instant) -> io::Result<Option<Duration>> {
        Ok(Some(at.saturating_duration_since(now).saturating_sub(SPIN)))
    }
}
