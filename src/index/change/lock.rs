//! The locks on tables and indexes that others can wait for.

use serde::Serialize;

/// The strongest lock that a statement takes (manual, "Explicit Locking").
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Lock {
    /// Reads and writes go on; another build on the table and VACUUM wait.
    ShareUpdateExclusive,
    /// Writes wait.
    Share,
    /// Writes wait.
    ShareRowExclusive,
    /// Reads and writes wait.
    AccessExclusive,
}

impl Lock {
    /// PostgreSQL's name.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::ShareUpdateExclusive => "SHARE UPDATE EXCLUSIVE",
            Self::Share => "SHARE",
            Self::ShareRowExclusive => "SHARE ROW EXCLUSIVE",
            Self::AccessExclusive => "ACCESS EXCLUSIVE",
        }
    }

    /// What waits while it is held.
    pub(crate) fn blocks(self) -> &'static str {
        match self {
            Self::ShareUpdateExclusive => "neither reads nor writes",
            Self::Share | Self::ShareRowExclusive => "writes",
            Self::AccessExclusive => "reads and writes",
        }
    }

    /// Whether statements of others queue up behind whoever waits for it, so that nobody may wait for long.
    pub(crate) fn forms_queue(self) -> bool {
        self != Self::ShareUpdateExclusive
    }
}
