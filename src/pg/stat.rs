//! `pg_stat_statements` and `pg_stat_activity`.

use std::collections::BTreeSet;
use std::time::Duration;

use tokio_postgres::Row;
use tokio_postgres::error::SqlState;

use super::catalog::get;
use super::connect::Connection;
use super::error::{Error, Result};
use super::sql;
use crate::workload::{self, Source, Statement, Workload};

/// More statements than any advisor run weighs; the rest has hardly any time.
const MAX_STATEMENTS: i64 = 5000;
/// Looks at what runs, and the pause between two: a second in all, as Dexter does.
const N_LOOKS: u32 = 10;
const PAUSE: Duration = Duration::from_millis(100);

const DOING: &str = "read pg_stat_statements";

/// Returns a statement that reads `pg_stat_statements`, with the schema of that view, which is anywhere; `None` where it is not
/// there.
pub(super) async fn qualified(connection: &Connection, statement: &str) -> Result<Option<String>> {
    let extension = connection
        .query_opt(sql::EXTENSION_EXISTS, &[&"pg_stat_statements"])
        .await
        .map_err(Error::query(DOING))?;
    let Some(extension) = extension else { return Ok(None) };
    let schema: String = get(&extension, "schema")?;
    let view = sql::quote_qualified(&schema, "pg_stat_statements");
    Ok(Some(statement.replace("FROM pg_stat_statements", &format!("FROM {view}"))))
}

/// Returns the rows of such a statement; `None` where the module is not loaded.
pub(super) async fn rows_if_loaded(connection: &Connection, statement: &str) -> Result<Option<Vec<Row>>> {
    match connection.query(statement, &[]).await {
        Ok(rows) => Ok(Some(rows)),
        Err(error) if is_not_loaded(&error) => Ok(None),
        Err(source) => Err(Error::Query { doing: DOING.to_owned(), source }),
    }
}

/// Whether the extension is created but `shared_preload_libraries` does not load it.
fn is_not_loaded(error: &tokio_postgres::Error) -> bool {
    error.code() == Some(&SqlState::OBJECT_NOT_IN_PREREQUISITE_STATE)
}

/// Returns the workload that `pg_stat_statements` has seen in this database; `None` where the view is not there
/// or the module is not loaded.
pub(crate) async fn workload(connection: &Connection) -> Result<Option<Workload>> {
    let Some(statement) = qualified(connection, sql::STATEMENTS_PG_STAT).await? else { return Ok(None) };
    let rows = match connection.query(&statement, &[&MAX_STATEMENTS]).await {
        Ok(rows) => rows,
        Err(error) if is_not_loaded(&error) => return Ok(None),
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

/// Returns the statements that change rows, as `pg_stat_statements` has them; none where it is not there.
pub(crate) async fn writes(connection: &Connection) -> Result<Vec<String>> {
    let statements = workload(connection).await?.map(|workload| workload.statements).unwrap_or_default();
    Ok(statements.into_iter().filter(|it| it.kind.writes()).map(|it| it.sql).collect())
}

/// Returns, for each statement, the values that other sessions were seen to run it with: clients of the simple protocol
/// send them in the text. Statements of other users are hidden from roles without `pg_read_all_stats`.
pub(crate) async fn observed(
    connection: &Connection,
    statements: &[Statement],
) -> Result<Vec<Vec<Vec<Option<String>>>>> {
    const DOING: &str = "read pg_stat_activity";
    let prepared = connection.prepare(sql::RUNNING_STATEMENTS).await.map_err(Error::query(DOING))?;
    let mut seen = BTreeSet::new();
    for look in 0..N_LOOKS {
        if look > 0 {
            tokio::time::sleep(PAUSE).await;
        }
        for row in connection.query(&prepared, &[]).await.map_err(Error::query(DOING))? {
            seen.insert(get::<String>(&row, "query")?);
        }
    }
    let statements: Vec<&str> = statements.iter().map(|statement| statement.sql.as_str()).collect();
    Ok(workload::observed(&statements, seen.iter().map(String::as_str)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pg::test_server::{connect, start};

    #[tokio::test(flavor = "multi_thread")]
    async fn sees_the_constants_of_other_sessions() {
        let cluster = start().await;
        let connection = connect(&cluster, "postgres").await;
        let (other, prepared) = (connect(&cluster, "postgres").await, connect(&cluster, "postgres").await);
        other
            .simple_query("SELECT relname FROM pg_class WHERE relkind = 'r' AND relpages > -1")
            .await
            .unwrap();
        prepared.query("SELECT relname FROM pg_class WHERE relkind = $1", &[&112_i8]).await.unwrap();
        let mut workload = Workload::new(Source::PgStatStatements);
        for sql in [
            "SELECT relname FROM pg_class WHERE relkind = $1 AND relpages > $2",
            "SELECT relname FROM pg_class WHERE relkind = $1",
        ] {
            workload.add(None, sql, Vec::new(), 1.0, None);
        }
        let found = observed(&connection, &workload.statements).await.unwrap();
        let values = ["r", "-1"].map(|value| Some(value.to_owned())).to_vec();
        assert_eq!(found, [vec![values], vec![]]);
    }
}
