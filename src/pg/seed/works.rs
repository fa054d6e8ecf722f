//! Reads what decides how long the parts of a run take.

use super::indexes;
use crate::pg::catalog::get;
use crate::pg::connect::Connection;
use crate::pg::error::{Error, Result};
use crate::pg::sql;
use crate::run_id::RunId;
use crate::seed::plan::Plan;
use crate::seed::schema::TableId;
use crate::seed::size::work::{Burden, Work, works};

/// Returns what is left of a run of which so many rows of each table are, once the indexes are away that are built after them: by
/// this run of the journal. `loose` are how many of each table will be half empty.
pub(super) async fn read(
    connection: &Connection,
    plan: &Plan,
    rows_left: &[u64],
    index_run: Option<&RunId>,
    loose: &[(TableId, u32)],
) -> Result<Vec<Work>> {
    let schemas: Vec<&str> = plan.tables.iter().map(|table| table.schema.as_str()).collect();
    let names: Vec<&str> = plan.tables.iter().map(|table| table.name.as_str()).collect();
    let doing = || Error::query("read what tables ask of their rows");
    let rows = connection.query(sql::SEED_BURDENS, &[&schemas, &names]).await.map_err(doing())?;
    let burdens: Vec<Burden> = rows
        .iter()
        .zip(plan.tables.iter().zip(rows_left))
        .map(|(row, (table, n_left))| {
            let number = |column: &str| get::<i64>(row, column).map(|n| u32::try_from(n).unwrap_or(u32::MAX));
            // Estimates of before, without what this run has loaded since.
            let n_estimated = |n: i64| u64::try_from(n).unwrap_or(0);
            let parents =
                get::<Vec<i64>>(row, "parents")?.into_iter().zip(get::<Vec<i64>>(row, "parent_rows")?);
            let n_referred = |(ordinal, n): (i64, i64)| {
                let planned = usize::try_from(ordinal - 1).ok().and_then(|at| plan.tables.get(at));
                n_estimated(n).max(planned.map_or(0, |table| table.n_rows))
            };
            Ok(Burden {
                parents: parents.map(n_referred).collect(),
                n_before: n_estimated(get(row, "n_rows")?).max(table.n_rows.saturating_sub(*n_left)),
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
    Ok(works(plan, rows_left, &burdens, &dropped, loose))
}
