//! Values of columns, for parameters that look like the application's.

use super::catalog::get;
use super::connect::Connection;
use super::error::{Error, Result};
use super::sql;
use crate::catalog::{Table, TableKind};

/// Enough values that a skewed draw has a long tail.
const SAMPLE_SIZE: f64 = 10_000.0;
/// A table that was never analyzed may be larger than it looks.
const MAX_VALUES: u32 = 50_000;

/// Returns about 10,000 values of a column in text form, the same ones each time the data is the same.
pub(crate) async fn column(connection: &Connection, table: &Table, column: &str) -> Result<Vec<String>> {
    let statement = statement(table, column);
    let doing = || Error::query(format!("sample column \"{column}\" of table \"{}\"", table.name));
    let rows = connection.query(&statement, &[]).await.map_err(doing())?;
    rows.iter().map(|row| row.try_get(0).map_err(doing())).collect()
}

/// What the statistics say of a column's values, in text form.
pub(crate) struct Extremes {
    pub(crate) common: Option<String>,
    pub(crate) rare: Option<String>,
}

/// Returns a column's most common and a rare value; `None` without statistics.
pub(crate) async fn extremes(
    connection: &Connection,
    table: &Table,
    column: &str,
) -> Result<Option<Extremes>> {
    let doing = || Error::query(format!("read the statistics of column \"{column}\""));
    let row = connection
        .query_opt(sql::COLUMN_EXTREMES, &[&table.schema, &table.name, &column])
        .await
        .map_err(doing())?;
    row.map(|row| Ok(Extremes { common: get(&row, "common")?, rare: get(&row, "rare")? })).transpose()
}

fn statement(table: &Table, column: &str) -> String {
    let column = sql::quote_identifier(column);
    // Whole blocks are read: cheap in a large table, and a small one is read in full.
    let share = SAMPLE_SIZE / table.planned_rows().max(1.0);
    let sampling = match table.kind {
        TableKind::Ordinary | TableKind::Partitioned | TableKind::MaterializedView if share < 0.5 => {
            format!(" TABLESAMPLE SYSTEM ({:.6}) REPEATABLE (1)", share * 100.0)
        }
        _ => String::new(),
    };
    // By text, since not every type has an order of its own.
    format!(
        "SELECT {column}::pg_catalog.text FROM {}{sampling} WHERE {column} IS NOT NULL ORDER BY 1 LIMIT {MAX_VALUES}",
        sql::quote_qualified(&table.schema, &table.name)
    )
}
