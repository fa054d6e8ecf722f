//! The tables that `pgbench -i` makes.

use super::catalog::get;
use super::connect::Connection;
use super::error::{Error, Result};
use super::sql::quote_qualified;
use crate::catalog::Table;

/// Returns the scale of the tables: the number of rows of `pgbench_branches`.
pub(crate) async fn scale(connection: &Connection, branches: &Table) -> Result<i64> {
    let name = quote_qualified(&branches.schema, &branches.name);
    let sql = format!("SELECT pg_catalog.count(*) AS n FROM {name}");
    let row = connection.query_one(&sql, &[]).await.map_err(Error::query("count the branches of pgbench"))?;
    get(&row, "n")
}
