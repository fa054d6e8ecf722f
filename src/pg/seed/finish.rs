//! What follows the rows: the visibility map and the statistics of their tables.

use std::sync::Mutex;
use std::sync::PoisonError;
use std::time::{Duration, Instant};

use super::{Event, stream};
use crate::pg::catalog::get;
use crate::pg::connect::{Connection, Target};
use crate::pg::error::{Error, Result};
use crate::pg::interrupt::Interrupt;
use crate::pg::sql;
use crate::seed::plan::Plan;
use crate::seed::schema::TableId;
use crate::seed::size::work::{Phase, Task};

/// How long to wait before the next VACUUM of a table whose rows the last one could not mark as visible to all, because a
/// transaction was older than they are. An autovacuum worker that analyzes is one for a moment.
const WAITS: [Duration; 3] =
    [Duration::from_millis(100), Duration::from_millis(400), Duration::from_millis(1500)];

/// Vacuums and analyzes the tables of a plan in so many sessions. What the server refuses is a warning: the rows are there.
pub(super) async fn vacuum(
    target: &Target,
    interrupt: &Interrupt,
    plan: &Plan,
    n_sessions: usize,
    on: &dyn Fn(Event<'_>),
) -> Result<()> {
    let tables: Vec<(TableId, String)> = (0..)
        .zip(&plan.tables)
        .filter(|(_, table)| table.n_rows > 0)
        .map(|(id, table)| (id, sql::quote_qualified(&table.schema, &table.name)))
        .collect();
    on(Event::Phase { phase: Phase::Vacuum, n: tables.len() });
    let n_sessions = n_sessions.min(tables.len());
    let left = Mutex::new(tables.into_iter());
    let next = || left.lock().unwrap_or_else(PoisonError::into_inner).next();
    let session = async || -> Result<()> {
        let connection = stream::connect(target, interrupt).await?;
        while let Some((id, table)) = next() {
            let start = Instant::now();
            if let Err(error) = vacuum_table(&connection, interrupt, &table, on).await {
                warn(interrupt, error, &statement(&table), on)?;
            }
            on(Event::Step { task: Task::Vacuum(id), took: start.elapsed() });
        }
        Ok(())
    };
    let sessions = (0..n_sessions).map(|_| session());
    futures_util::future::try_join_all(sessions).await.map(drop)
}

/// Makes a warning of what the server has against a statement, which can be run later; an error where nothing more can be run.
pub(super) fn warn(
    interrupt: &Interrupt,
    error: Error,
    statement: &str,
    on: &dyn Fn(Event<'_>),
) -> Result<()> {
    if interrupt.is_raised() {
        return Err(Error::Interrupted);
    }
    if stream::is_gone(error.failure()) {
        // What has ended the session may have taken rows of unlogged tables.
        return Err(error);
    }
    let error = crate::error::Error::from(error);
    on(Event::Warning(format!("{error}; run: {statement}")));
    Ok(())
}

async fn vacuum_table(
    connection: &Connection,
    interrupt: &Interrupt,
    table: &str,
    on: &dyn Fn(Event<'_>),
) -> Result<()> {
    let failed = || Error::query(format!("vacuum table {table}"));
    let mut waits = WAITS.into_iter();
    loop {
        connection.batch_execute(&statement(table)).await.map_err(failed())?;
        let row = connection.query_one(sql::SEED_HIDDEN_PAGES, &[&table]).await.map_err(failed())?;
        // NULL of a table that is gone.
        if get::<Option<bool>>(&row, "is_hidden")? != Some(true) {
            return Ok(());
        }
        let Some(wait) = waits.next() else { break };
        interrupt.pause(wait).await?;
    }
    on(Event::Warning(format!(
        "rows of {table} cannot be marked as visible to all while a transaction is older than they are, and index-only scans read \
         them in the table; when it has ended, run: {}",
        statement(table)
    )));
    Ok(())
}

fn statement(table: &str) -> String {
    format!("VACUUM (ANALYZE) {table}")
}
