//! What a failed step means for the run: try again, look again, or stop and say why.

use std::time::Duration;

use crate::random;

/// What to do about a failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Failure {
    /// Somebody was in the way: the same may work later.
    Busy,
    /// The session is gone; what it was doing may go on or be undone.
    SessionLost,
    /// Something has come or gone meanwhile: the plan is old.
    Outdated,
    /// Rows contradict a unique index.
    Duplicates,
    /// No space is left for the index, or for sorting it.
    NoSpace,
    /// The server takes no writes any more.
    ReadOnly,
    Other,
}

/// Waiting grows from this …
const FIRST_DELAY: Duration = Duration::from_millis(100);
/// … to this, so that a lock that is seldom free is not asked for all the time.
const MAX_DELAY: Duration = Duration::from_secs(30);
/// A delay is varied by this share, so that two who are in each other's way part.
const JITTER: f64 = 0.5;

impl Failure {
    /// Judges by SQLSTATE (manual, "PostgreSQL Error Codes"); none where the server did not answer.
    pub(crate) fn of(sqlstate: Option<&str>) -> Self {
        match sqlstate {
            // deadlock_detected, serialization_failure, lock_not_available, object_in_use
            Some("40P01" | "40001" | "55P03" | "55006") => Self::Busy,
            // admin_shutdown, crash_shutdown, cannot_connect_now, idle timeouts; connection exceptions
            None | Some("57P01" | "57P02" | "57P03" | "57P05" | "25P03" | "25P04") => Self::SessionLost,
            Some(code) if code.starts_with("08") => Self::SessionLost,
            // duplicate_table, duplicate_object, undefined_table, undefined_object; cache lookups of what is gone
            Some("42P07" | "42710" | "42P01" | "42704" | "XX000") => Self::Outdated,
            Some("23505") => Self::Duplicates,
            // disk_full, configuration_limit_exceeded (temp_file_limit)
            Some("53100" | "53400") => Self::NoSpace,
            Some("25006") => Self::ReadOnly,
            Some(_) => Self::Other,
        }
    }
}

/// Returns how long to wait before the `attempt`-th try, from 1; `bits` decide the jitter.
pub(crate) fn delay(attempt: u32, bits: u64) -> Duration {
    let doubled = FIRST_DELAY.saturating_mul(2_u32.saturating_pow(attempt.saturating_sub(1))).min(MAX_DELAY);
    doubled.mul_f64(1.0 - JITTER + 2.0 * JITTER * random::unit(random::mix(bits ^ u64::from(attempt))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failures_are_told_apart() {
        for (code, expected) in [
            (Some("55P03"), Failure::Busy),
            (Some("40P01"), Failure::Busy),
            (None, Failure::SessionLost),
            (Some("57P01"), Failure::SessionLost),
            (Some("08006"), Failure::SessionLost),
            (Some("42P07"), Failure::Outdated),
            (Some("23505"), Failure::Duplicates),
            (Some("53100"), Failure::NoSpace),
            (Some("25006"), Failure::ReadOnly),
            (Some("42501"), Failure::Other),
            (Some("57014"), Failure::Other),
        ] {
            assert_eq!(Failure::of(code), expected, "{code:?}");
        }
    }

    #[test]
    fn delays_double_and_vary_within_bounds() {
        for attempt in 1..40 {
            for bits in 0..20 {
                let delay = delay(attempt, bits);
                assert!(delay >= FIRST_DELAY / 2 && delay <= MAX_DELAY.mul_f64(1.5), "{attempt}: {delay:?}");
            }
        }
        assert!(delay(5, 1) > delay(1, 1));
        assert_ne!(delay(3, 1), delay(3, 2));
    }
}
