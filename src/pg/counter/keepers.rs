//! Finds the triggers that may keep a column.

use crate::counter::keepers::Keeper;
use crate::counter::site::QualifiedName;
use crate::pg::catalog::get;
use crate::pg::{Connection, Error, Result, sql};

/// Returns the triggers of a table that name a column.
pub(crate) async fn keepers(
    connection: &Connection,
    child: &QualifiedName,
    column: &str,
) -> Result<Vec<Keeper>> {
    let rows = connection.query(sql::COUNTER_KEEPERS, &[&child.name, &child.schema, &column]).await;
    let keeper = |row| Ok(Keeper { events: get(row, "events")? });
    rows.map_err(Error::query("look for triggers"))?.iter().map(keeper).collect()
}
