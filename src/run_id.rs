//! The id of a run that changes a database, by which its journal or manifest names it.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Names a run; later runs have greater ids.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct RunId(pub(crate) String);

impl RunId {
    /// Returns the id of a run that starts at this time, in µs since 1970; `bits` tell runs of the same millisecond apart.
    pub(crate) fn new(started_us: i64, bits: u64) -> Self {
        let time = chrono::DateTime::from_timestamp_micros(started_us).unwrap_or_default();
        Self(format!("{}-{:04x}", time.format("%Y%m%dT%H%M%S%3f"), bits & 0xffff))
    }
}

impl fmt::Display for RunId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn later_runs_have_greater_ids() {
        let first = RunId::new(1_795_261_059_509_890, 0xffff);
        assert_eq!(first.to_string(), "20261121T113739509-ffff");
        assert!(RunId::new(1_795_261_059_510_000, 0) > first);
    }
}
