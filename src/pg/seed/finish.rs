//! What follows the rows: the visibility map and the statistics of their tables.

use std::sync::Mutex;
use std::sync::PoisonError;
use std::time::Instant;

use super::{Event, stream};
use crate::pg::connect::Target;
use crate::pg::error::{Error, Result};
use crate::pg::interrupt::Interrupt;
use crate::pg::sql;
use crate::seed::plan::Plan;
use crate::seed::schema::TableId;
use crate::seed::size::work::{Phase, Task};

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
            let statement = format!("VACUUM (ANALYZE) {table}");
            let done = connection.batch_execute(&statement).await;
            if interrupt.is_raised() {
                return Err(Error::Interrupted);
            }
            if let Err(error) = done {
                let error = Error::query(format!("vacuum table {table}"))(error);
                if stream::is_gone(error.failure()) {
                    // What has ended the session may have taken rows of unlogged tables.
                    return Err(error);
                }
                on(Event::Warning(format!("{}; run: {statement}", crate::error::Error::from(error))));
            }
            on(Event::Step { task: Task::Vacuum(id), took: start.elapsed() });
        }
        Ok(())
    };
    let sessions = (0..n_sessions).map(|_| session());
    futures_util::future::try_join_all(sessions).await.map(drop)
}
