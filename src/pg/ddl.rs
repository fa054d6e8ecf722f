//! Index builds that cannot leave damage: concurrent, one at a time, invalid leftovers removed.

use std::future::Future;
use std::time::Duration;

use super::catalog::get;
use super::connect::Connection;
use super::error::{Error, Result};
use super::sql;
use crate::index::Definition;

/// How often a build's progress is asked for.
const PROGRESS_INTERVAL: Duration = Duration::from_millis(500);
/// Dropping waits for older transactions as building does; nobody who pressed Ctrl-C waits for long.
const DROP_TIMEOUT: Duration = Duration::from_secs(8);

/// What is under the name of a wanted index.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum IndexState {
    Absent,
    /// The leftover of a build that failed or was killed.
    Invalid,
    Valid {
        definition: String,
        size_bytes: u64,
    },
}

/// How far a build is.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct BuildProgress {
    pub(crate) phase: String,
    /// Share of the phase's blocks, 0 to 1.
    pub(crate) share: f64,
    /// Whom the build waits for: process, application, and how old its transaction is.
    pub(crate) waits_for: Option<(i32, String, Duration)>,
}

/// Returns what is under the index's name.
pub(crate) async fn index_state(connection: &Connection, definition: &Definition) -> Result<IndexState> {
    let row = connection
        .query_opt(sql::INDEX_STATE, &[&definition.schema, &definition.name()])
        .await
        .map_err(Error::query(format!("look for index \"{}\"", definition.name())))?;
    let Some(row) = row else { return Ok(IndexState::Absent) };
    if get::<bool>(&row, "is_valid")? {
        let size: i64 = get(&row, "size_bytes")?;
        Ok(IndexState::Valid {
            definition: get(&row, "definition")?,
            size_bytes: u64::try_from(size).unwrap_or(0),
        })
    } else {
        Ok(IndexState::Invalid)
    }
}

/// Takes perfkit's lock on changing indexes of this database; false when another perfkit has it.
pub(crate) async fn lock(connection: &Connection) -> Result<bool> {
    let row =
        connection.query_one(sql::APPLY_LOCK, &[]).await.map_err(Error::query("take the lock on indexes"))?;
    get(&row, "locked")
}

/// Returns who holds that lock: process and statement. A killed perfkit's server process may still be at it.
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

/// Builds an index without blocking writers.
///
/// There is no lock timeout while it waits for older transactions: one that struck there would leave an INVALID
/// index behind. When the build fails all the same, its leftover is dropped. `observe` is told how far it is;
/// `observer` is a second session.
pub(crate) async fn build_concurrently(
    connection: &Connection,
    observer: &Connection,
    definition: &Definition,
    observe: impl Fn(&BuildProgress),
) -> Result<()> {
    let ddl = definition.ddl_concurrently();
    let doing =
        || Error::query(format!("build index \"{}\" on table \"{}\"", definition.name(), definition.table));
    without_lock_timeout(connection).await?;
    let row = connection.query_one("SELECT pg_catalog.pg_backend_pid() AS pid", &[]).await.map_err(doing())?;
    let pid: i32 = get(&row, "pid")?;
    let built = watch(connection.batch_execute(&ddl), observer, pid, observe).await;
    let Err(error) = built else { return Ok(()) };
    connection.shield();
    let leftover = clean_up(connection, definition).await;
    let error = doing()(error);
    Err(match leftover {
        Ok(()) => error,
        Err(_) => Error::Leftover { index: definition.name(), source: Box::new(error) },
    })
}

/// Drops the leftover of a failed build, unless an older transaction keeps it for too long.
async fn clean_up(connection: &Connection, definition: &Definition) -> Result<()> {
    let timeout = DROP_TIMEOUT.as_millis().to_string();
    connection
        .query(sql::SET_CONFIG, &[&"statement_timeout", &timeout])
        .await
        .map_err(Error::query("set statement_timeout"))?;
    drop_invalid(connection, definition).await
}

/// Drops what an unfinished build left under the index's name.
pub(crate) async fn drop_invalid(connection: &Connection, definition: &Definition) -> Result<()> {
    if index_state(connection, definition).await? != IndexState::Invalid {
        return Ok(());
    }
    without_lock_timeout(connection).await?;
    let name = sql::quote_qualified(&definition.schema, &definition.name());
    connection
        .batch_execute(&format!("DROP INDEX CONCURRENTLY IF EXISTS {name}"))
        .await
        .map_err(Error::query(format!("drop the invalid index \"{}\"", definition.name())))
}

async fn without_lock_timeout(connection: &Connection) -> Result<()> {
    connection
        .query(sql::SET_CONFIG, &[&"lock_timeout", &"0"])
        .await
        .map(drop)
        .map_err(Error::query("set lock_timeout"))
}

async fn watch<T>(
    build: impl Future<Output = T>,
    observer: &Connection,
    pid: i32,
    observe: impl Fn(&BuildProgress),
) -> T {
    futures_util::pin_mut!(build);
    let mut ticks = tokio::time::interval(PROGRESS_INTERVAL);
    loop {
        tokio::select! {
            built = &mut build => return built,
            _ = ticks.tick() => {
                // Progress is a courtesy: a build does not fail because it cannot be watched.
                if let Ok(Some(progress)) = progress(observer, pid).await {
                    observe(&progress);
                }
            }
        }
    }
}

async fn progress(observer: &Connection, pid: i32) -> Result<Option<BuildProgress>> {
    let row = observer
        .query_opt(sql::INDEX_BUILD_PROGRESS, &[&pid])
        .await
        .map_err(Error::query("read the progress of the build"))?;
    let Some(row) = row else { return Ok(None) };
    let (done, total): (i64, i64) = (get(&row, "blocks_done")?, get(&row, "blocks_total")?);
    let locker: Option<i64> = get(&row, "current_locker_pid")?;
    let application: Option<String> = get(&row, "locker_application")?;
    let age_s: Option<f64> = get(&row, "locker_age_s")?;
    #[expect(clippy::cast_precision_loss, reason = "a share is shown with two digits")]
    let share = if total > 0 { done as f64 / total as f64 } else { 0.0 };
    let waits_for = locker.and_then(|pid| i32::try_from(pid).ok()).filter(|pid| *pid != 0).map(|pid| {
        let age = Duration::try_from_secs_f64(age_s.unwrap_or(0.0)).unwrap_or_default();
        (pid, application.unwrap_or_default(), age)
    });
    Ok(Some(BuildProgress { phase: get(&row, "phase")?, share, waits_for }))
}
