//! Makes the partitions of a plan, and drops them when the run is cleaned.

use tokio_postgres::Client;
use tokio_postgres::error::SqlState;

use super::Event;
use crate::pg::catalog::get;
use crate::pg::error::{Error, Result};
use crate::pg::sql;
use crate::seed::manifest::Run;

/// Makes partitions, in a transaction of the caller.
pub(super) async fn make(client: &Client, statements: &[String]) -> Result<()> {
    if statements.is_empty() {
        return Ok(());
    }
    client.batch_execute(&statements.join("; ")).await.map_err(Error::query("make partitions"))
}

/// Drops the partitions that a run has made and that are empty.
pub(super) async fn drop_empty(client: &Client, run: &Run, on: &dyn Fn(Event<'_>)) -> Result<()> {
    for partition in &run.plan.partitions {
        let parent = &run.plan.tables[usize::from(partition.table)];
        let name = partition.qualified();
        let doing = || Error::query(format!("drop partition {name}"));
        client.batch_execute("BEGIN").await.map_err(doing())?;
        let dropped = async {
            let of = sql::quote_qualified(&parent.schema, &parent.name);
            // As DROP does, the parent first: so do those that query it.
            let lock = format!("LOCK TABLE ONLY {of}, {name} IN ACCESS EXCLUSIVE MODE");
            match client.batch_execute(&lock).await {
                Err(error) if error.code() == Some(&SqlState::UNDEFINED_TABLE) => return Ok(()),
                locked => locked.map_err(doing())?,
            }
            let row = client.query_one(sql::SEED_IS_PARTITION, &[&name, &of]).await.map_err(doing())?;
            if !get::<bool>(&row, "is_partition")? {
                return Ok(());
            }
            let is_filled = format!("SELECT EXISTS (SELECT FROM {name}) AS is_filled");
            let row = client.query_one(&is_filled, &[]).await.map_err(doing())?;
            if get(&row, "is_filled")? {
                on(Event::Warning(format!("partition {name} stays: it has rows")));
                return Ok(());
            }
            // Foreign keys that lead to the parent depend on an attached partition.
            let drop = format!("ALTER TABLE {of} DETACH PARTITION {name}; DROP TABLE {name}");
            client.batch_execute(&drop).await.map_err(doing())
        };
        let dropped = dropped.await;
        let end = if dropped.is_ok() { "COMMIT" } else { "ROLLBACK" };
        client.batch_execute(end).await.map_err(doing())?;
        dropped?;
    }
    Ok(())
}
