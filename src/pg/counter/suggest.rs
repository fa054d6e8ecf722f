//! What the server says of counters that might be.

use crate::counter::state::State;
use crate::pg::catalog::get;
use crate::pg::{Connection, Error, Result, sql};

/// Returns the type of a sum over the columns of a table, as `format_type` writes it; `None` where the server does not take it.
pub(crate) async fn sum_type(
    connection: &Connection,
    table: &str,
    sum: &str,
    state: &State,
) -> Result<Option<String>> {
    let Some(table) = state.named(table) else { return Ok(None) };
    let select = format!("SELECT (\n{sum}\n) FROM {}", table.name);
    let prepared = match connection.prepare(&select).await {
        Ok(prepared) => prepared,
        Err(error) if error.as_db_error().is_some() => return Ok(None),
        Err(source) => return Err(Error::Query { doing: "look at a sum".to_owned(), source }),
    };
    let oid = prepared.columns().first().map_or(0, |column| column.type_().oid());
    let row = connection.query_one(sql::TYPE_NAME, &[&oid]).await;
    get(&row.map_err(Error::query("look at a sum"))?, "type_name")
}

/// Returns how many sessions wait for rows of a table now.
pub(crate) async fn n_waiting(connection: &Connection, table: u32) -> Result<u64> {
    let row = connection.query_one(sql::COUNTER_WAITS, &[&table]).await;
    let row = row.map_err(Error::query("look who waits for rows"))?;
    Ok(get::<i64>(&row, "n_waiting")?.unsigned_abs())
}
