//! The advisory locks that keep a second perfkit from changing the same of one database.

use crate::pg::catalog::get;
use crate::pg::connect::Connection;
use crate::pg::error::{Error, Result};
use crate::pg::sql;

/// What is changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Subject {
    Indexes,
    Counters,
}

impl Subject {
    /// As the lock's key has it.
    fn key(self) -> &'static str {
        match self {
            Self::Indexes => "index",
            Self::Counters => "counter",
        }
    }

    /// As messages have it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Indexes => "indexes",
            Self::Counters => "counters",
        }
    }
}

/// Takes perfkit's lock on changing these of this database; false when another perfkit has it. Nobody ever waits for it in
/// the server: a session that waits there holds a snapshot, for which CREATE INDEX CONCURRENTLY would wait in turn.
pub(crate) async fn lock(connection: &Connection, subject: Subject) -> Result<bool> {
    let row = connection
        .query_one(sql::APPLY_LOCK, &[&subject.key()])
        .await
        .map_err(Error::query(format!("take the lock on {}", subject.name())))?;
    get(&row, "locked")
}

/// Returns who holds that lock: process and statement.
pub(crate) async fn lock_holder(connection: &Connection, subject: Subject) -> Result<Option<(i32, String)>> {
    let row = connection
        .query_opt(sql::APPLY_LOCK_HOLDER, &[&subject.key()])
        .await
        .map_err(Error::query(format!("look who holds the lock on {}", subject.name())))?;
    row.map(|row| Ok((get(&row, "pid")?, get(&row, "query")?))).transpose()
}

pub(crate) async fn unlock(connection: &Connection, subject: Subject) -> Result<()> {
    connection
        .query_one(sql::APPLY_UNLOCK, &[&subject.key()])
        .await
        .map(drop)
        .map_err(Error::query(format!("give up the lock on {}", subject.name())))
}
