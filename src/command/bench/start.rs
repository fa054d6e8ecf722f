//! `--start-at TIME`: several generators begin at one moment.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use chrono::{DateTime, Utc};

use crate::context::Context;
use crate::error::{Error, Result};
use crate::pg;

/// Reads a moment with its zone, as in `2030-01-31T12:00:00Z`.
pub(super) fn parse(text: &str) -> Result<SystemTime, String> {
    let moment = DateTime::parse_from_rfc3339(text)
        .map_err(|error| format!("{error}; write it with date and zone, as in 2030-01-31T12:00:00Z"))?;
    u64::try_from(moment.timestamp_millis())
        .map(|ms| UNIX_EPOCH + Duration::from_millis(ms))
        .map_err(|_| "it lies before 1970".to_owned())
}

/// Waits until the warm-up before `start_at`; a moment that cannot be kept is an error.
pub(super) async fn wait(context: &Context, start_at: SystemTime, warm_up: Duration) -> Result<()> {
    let ready_at = SystemTime::now() + warm_up;
    let Ok(left) = start_at.duration_since(ready_at) else {
        let late = ready_at.duration_since(start_at).unwrap_or_default();
        return Err(Error::usage(format!(
            "the start at {} is {:.1} s too early: connections and a warm-up of {} s come before it",
            DateTime::<Utc>::from(start_at).to_rfc3339_opts(chrono::SecondsFormat::AutoSi, true),
            late.as_secs_f64(),
            warm_up.as_secs_f64()
        ))
        .hint("Name a later time with `--start-at`."));
    };
    context
        .ui
        .status(format_args!("ready; the measurement starts in {:.0} s", (left + warm_up).as_secs_f64()));
    let _spinner = context.ui.spinner("waiting for the start");
    tokio::select! {
        () = tokio::time::sleep(left) => Ok(()),
        () = context.interrupt.raised() => Err(pg::Error::Interrupted.into()),
    }
}

/// Returns a moment in whole milliseconds, as reports and logs keep it.
pub(super) fn since_1970(moment: SystemTime) -> Duration {
    let exact = moment.duration_since(UNIX_EPOCH).unwrap_or_default();
    Duration::from_millis(u64::try_from(exact.as_millis()).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_moments_with_a_zone() {
        let moment = Duration::from_millis(1_700_000_000_250);
        assert_eq!(parse("2023-11-14T22:13:20.25Z").map(since_1970), Ok(moment));
        assert_eq!(parse("2023-11-15T00:13:20.25+02:00").map(since_1970), Ok(moment));
        for text in ["", "soon", "12:00", "2030-01-31", "2030-01-31T12:00:00", "1950-01-01T00:00:00Z"] {
            assert!(parse(text).is_err(), "{text}");
        }
    }
}
