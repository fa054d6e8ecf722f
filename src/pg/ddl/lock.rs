//! The advisory lock that keeps a second perfkit from changing indexes of the same database.

use crate::pg::catalog::get;
use crate::pg::connect::Connection;
use crate::pg::error::{Error, Result};
use crate::pg::sql;

/// Takes perfkit's lock on changing indexes of this database; false when another perfkit has it. Nobody ever waits for it in
/// the server: a session that waits there holds a snapshot, for which CREATE INDEX CONCURRENTLY would wait in turn.
pub(crate) async fn lock(connection: &Connection) -> Result<bool> {
    let row =
        connection.query_one(sql::APPLY_LOCK, &[]).await.map_err(Error::query("take the lock on indexes"))?;
    get(&row, "locked")
}

/// Returns who holds that lock: process and statement.
pub(crate) async fn lock_holder(connection: &Connection) -> Result<Option<(i32, String)>> {
    let row = connection
        .query_opt(sql::APPLY_LOCK_HOLDER, &[])
        .await
        .map_err(Error::query("look who holds the lock on indexes"))?;
    row.map(|row| Ok((get(&row, "pid")?, get(&row, "query")?))).transpose()
}

pub(crate) async fn unlock(connection: &Connection) -> Result<()> {
    connection
        .query_one(sql::APPLY_UNLOCK, &[])
        .await
        .map_err(Error::query("give up the lock on indexes"))?;
    Ok(())
}
