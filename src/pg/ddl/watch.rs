//! Looks at a statement while it runs: how far it is, and whom it waits for.

use std::future::Future;
use std::time::Duration;

use tokio_postgres::Row;

use crate::pg::catalog::get;
use crate::pg::connect::Connection;
use crate::pg::error::{Error, Result};
use crate::pg::sql;

/// How often is looked.
const INTERVAL: Duration = Duration::from_millis(500);

/// What is seen of a running statement.
#[derive(Clone, Debug, Default)]
pub(crate) struct Watched {
    /// The phase of a build, with the share of it that is done, 0 to 1.
    pub(crate) phase: Option<(String, f64)>,
    /// Whom it waits for, the oldest transaction first.
    pub(crate) blockers: Vec<Blocker>,
}

/// A session that another one waits for.
#[derive(Clone, Debug)]
pub(crate) struct Blocker {
    pub(crate) pid: i32,
    pub(crate) application: String,
    /// As in `pg_stat_activity`: `active`, `idle in transaction` …
    pub(crate) state: String,
    /// What it runs, or ran last; empty where this role may not see it.
    pub(crate) query: String,
    /// Of its transaction.
    pub(crate) age: Duration,
}

/// Waits for what backend `pid` runs, and tells `observe` what another session sees of it.
pub(crate) async fn watch<T>(
    running: impl Future<Output = T>,
    observer: &Connection,
    pid: i32,
    mut observe: impl FnMut(&Watched),
) -> T {
    futures_util::pin_mut!(running);
    let mut ticks = tokio::time::interval(INTERVAL);
    ticks.tick().await;
    loop {
        tokio::select! {
            done = &mut running => return done,
            _ = ticks.tick() => {}
        }
        let seen = look(observer, pid);
        futures_util::pin_mut!(seen);
        tokio::select! {
            done = &mut running => return done,
            // Nothing fails because it cannot be watched.
            seen = &mut seen => if let Ok(seen) = seen { observe(&seen) },
        }
    }
}

async fn look(observer: &Connection, pid: i32) -> Result<Watched> {
    const DOING: &str = "watch the build";
    let progress =
        observer.query_opt(sql::INDEX_BUILD_PROGRESS, &[&pid]).await.map_err(Error::query(DOING))?;
    let phase = progress.map(|row| phase(&row)).transpose()?;
    let rows = observer.query(sql::BLOCKERS, &[&pid]).await.map_err(Error::query(DOING))?;
    Ok(Watched { phase, blockers: rows.iter().map(blocker).collect::<Result<_>>()? })
}

/// Returns what a session is at; `None` once it has ended.
pub(crate) async fn session_at_work(connection: &Connection, pid: i32) -> Result<Option<Blocker>> {
    let row = connection
        .query_opt(sql::SESSION_AT_WORK, &[&pid])
        .await
        .map_err(Error::query("look for a session"))?;
    row.as_ref().map(blocker).transpose()
}

fn phase(row: &Row) -> Result<(String, f64)> {
    let count = |name: &str| get::<Option<i64>>(row, name).map(Option::unwrap_or_default);
    let pairs =
        [(count("blocks_done")?, count("blocks_total")?), (count("tuples_done")?, count("tuples_total")?)];
    // A phase counts one of them; the numbers of an earlier phase stay as they were, at their end.
    #[expect(clippy::cast_precision_loss, reason = "a share is shown with two digits")]
    let share = |(done, total): (i64, i64)| if total > 0 { done as f64 / total as f64 } else { 0.0 };
    let shares = pairs.map(share);
    let share = if shares[1] > 0.0 && shares[0] >= 1.0 { shares[1] } else { shares[0] };
    Ok((get::<Option<String>>(row, "phase")?.unwrap_or_default(), share))
}

fn blocker(row: &Row) -> Result<Blocker> {
    Ok(Blocker {
        pid: get(row, "pid")?,
        application: get(row, "application")?,
        state: get(row, "state")?,
        query: get(row, "query")?,
        age: Duration::try_from_secs_f64(get(row, "age_s")?).unwrap_or_default(),
    })
}
