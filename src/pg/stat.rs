//! `pg_stat_statements`.

use super::catalog::get;
use super::connect::Connection;
use super::error::{Error, Result};
use super::sql;
use crate::workload::{Source, Workload};

/// More statements than any advisor run weighs; the rest has hardly any time.
const MAX_STATEMENTS: i64 = 5000;

/// Returns the workload that `pg_stat_statements` has seen in this database; `None` where the view is not there
/// or the module is not loaded.
pub(crate) async fn workload(connection: &Connection) -> Result<Option<Workload>> {
    const DOING: &str = "read pg_stat_statements";
    let extension = connection
        .query_opt(sql::EXTENSION_EXISTS, &[&"pg_stat_statements"])
        .await
        .map_err(Error::query(DOING))?;
    let Some(extension) = extension else { return Ok(None) };
    let schema: String = get(&extension, "schema")?;
    // The view is qualified, since its schema is anywhere.
    let statement = sql::STATEMENTS_PG_STAT.replace(
        "FROM pg_stat_statements",
        &format!("FROM {}", sql::quote_qualified(&schema, "pg_stat_statements")),
    );
    let rows = match connection.query(&statement, &[&MAX_STATEMENTS]).await {
        Ok(rows) => rows,
        // The extension is created but shared_preload_libraries does not load it.
        Err(error)
            if error.code() == Some(&tokio_postgres::error::SqlState::OBJECT_NOT_IN_PREREQUISITE_STATE) =>
        {
            return Ok(None);
        }
        Err(source) => return Err(Error::Query { doing: DOING.to_owned(), source }),
    };
    let mut workload = Workload::new(Source::PgStatStatements);
    for row in rows {
        let query: String = get(&row, "query")?;
        let (calls, mean_ms): (i64, f64) = (get(&row, "calls")?, get(&row, "mean_ms")?);
        #[expect(clippy::cast_precision_loss, reason = "a weight needs no more than 53 bits")]
        workload.add(None, &query, Vec::new(), calls as f64, Some(mean_ms));
    }
    Ok(Some(workload))
}
