//! A run that changes a database: its id, by which its journal or manifest names it, and the head of its journal.

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

/// How a journal begins to tell of a run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Run<W> {
    /// The journal's form. Who reads a newer one than it writes refuses it.
    pub(crate) format: u32,
    pub(crate) id: RunId,
    /// Microseconds since 1970.
    pub(crate) started_us: i64,
    pub(crate) perfkit_version: String,
    /// Host, port and database, without secrets.
    pub(crate) target: String,
    /// Tells the database from all others: the cluster's system identifier and the database's OID.
    pub(crate) database: String,
    #[serde(flatten)]
    pub(crate) wanted: W,
}

#[cfg(test)]
impl<W> Run<W> {
    /// A run of these ids for tests of journals.
    pub(crate) fn of_test(id: &str, format: u32, wanted: W) -> Self {
        Self {
            format,
            id: RunId(id.to_owned()),
            started_us: 0,
            perfkit_version: "1".to_owned(),
            target: "t".to_owned(),
            database: "d".to_owned(),
            wanted,
        }
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
