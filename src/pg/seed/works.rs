//! Reads what decides how long the parts of a run take.

use super::indexes;
use crate::pg::catalog::get;
use crate::pg::connect::Connection;
use crate::pg::error::{Error, Result};
use crate::pg::sql;
use crate::run_id::RunId;
use crate::seed::plan::Plan;
use crate::seed::size::work::{Burden, Work, works};

/// Returns what is left of a run of which so many rows of each table are, once the indexes are away that are built after them: by
/// this run of the journal.
pub(super) async fn read(
    connection: &Connection,
    plan: &Plan,
    rows_left: &[u64],
    index_run: Option<&RunId>,
) -> Result<Vec<Work>> {
    let schemas: Vec<&str> = plan.tables.iter().map(|table| table.schema.as_str()).collect();
    let names: Vec<&str> = plan.tables.iter().map(|table| table.name.as_str()).collect();
    let doing = || Error::query("read what tables ask of their rows");
    let rows = connection.query(sql::SEED_BURDENS, &[&schemas, &names]).await.map_err(doing())?;
    let burdens: Vec<Burden> = rows
        .iter()
        .map(|row| {
            let number = |column: &str| get::<i64>(row, column).map(|n| u32::try_from(n).unwrap_or(u32::MAX));
            Ok(Burden {
                n_foreign_keys: number("n_foreign_keys")?,
                n_checks: number("n_checks")?,
                n_triggers: number("n_triggers")?,
                btrees: get(row, "btrees")?,
                n_other_indexes: number("n_other_indexes")?,
            })
        })
        .collect::<Result<_>>()?;
    let dropped = match index_run {
        Some(run) => indexes::dropped(connection, run).await?,
        None => Vec::new(),
    };
    Ok(works(plan, rows_left, &burdens, &dropped))
}
