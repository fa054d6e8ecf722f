//! `pg_stat_statements` and `pg_stat_activity`.

use std::collections::BTreeSet;
use std::time::Duration;

use tokio_postgres::Row;
use tokio_postgres::error::SqlState;
use tokio_postgres::types::ToSql;

use super::catalog::get;
use super::connect::Connection;
use super::error::{Error, Result};
use super::sql;
use crate::trace::{self, Blocks, Fingerprint, Nanos, StatementId, Time, Totals};
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
pub(super) async fn rows_if_loaded(
    connection: &Connection,
    statement: &str,
    values: &[&(dyn ToSql + Sync)],
) -> Result<Option<Vec<Row>>> {
    match connection.query(statement, values).await {
        Ok(rows) => Ok(Some(rows)),
        Err(error) if is_not_loaded(&error) => Ok(None),
        Err(source) => Err(Error::Query { doing: DOING.to_owned(), source }),
    }
}

/// Whether the extension is created but `shared_preload_libraries` does not load it.
pub(super) fn is_not_loaded(error: &tokio_postgres::Error) -> bool {
    error.code() == Some(&SqlState::OBJECT_NOT_IN_PREREQUISITE_STATE)
}

/// Returns the workload that `pg_stat_statements` has seen in this database; `None` where the view is not there
/// or the module is not loaded.
pub(crate) async fn workload(connection: &Connection) -> Result<Option<Workload>> {
    let Some(rows) = entries(connection, sql::STATEMENTS_PG_STAT).await? else { return Ok(None) };
    let mut workload = Workload::new(Source::PgStatStatements);
    for row in rows {
        let query: String = get(&row, "query")?;
        let (calls, mean_ms): (i64, f64) = (get(&row, "calls")?, get(&row, "mean_ms")?);
        #[expect(clippy::cast_precision_loss, reason = "a weight needs no more than 53 bits")]
        workload.add(None, &query, Vec::new(), calls as f64, Some(mean_ms));
    }
    Ok(Some(workload))
}

/// Returns what a statement finds in `pg_stat_statements`, the costliest first; `None` where it is not there or not loaded.
async fn entries(connection: &Connection, statement: &str) -> Result<Option<Vec<Row>>> {
    let Some(statement) = qualified(connection, statement).await? else { return Ok(None) };
    rows_if_loaded(connection, &statement, &[&MAX_STATEMENTS]).await
}

/// Returns the counters of `pg_stat_statements` for this database, as events of a trace; `None` where it is not there.
pub(crate) async fn totals(
    connection: &Connection,
    fingerprint: fn(&str) -> Fingerprint,
) -> Result<Option<Vec<(trace::Statement, Totals)>>> {
    let Some(rows) = entries(connection, sql::STATEMENT_TOTALS).await? else { return Ok(None) };
    let mut totals = Vec::new();
    for (row, id) in rows.iter().zip(1..) {
        let text: String = get(row, "query")?;
        let number =
            |column: &'static str| Ok::<u64, Error>(u64::try_from(get::<i64>(row, column)?).unwrap_or(0));
        let oid =
            |column: &'static str| Ok::<u32, Error>(u32::try_from(get::<i64>(row, column)?).unwrap_or(0));
        let blocks = Blocks {
            shared_hit: number("shared_hit")?,
            shared_read: number("shared_read")?,
            shared_dirtied: number("shared_dirtied")?,
            shared_written: number("shared_written")?,
            temp_read: number("temp_read")?,
            temp_written: number("temp_written")?,
        };
        let statement = StatementId(id);
        totals.push((
            trace::Statement {
                id: statement,
                fingerprint: fingerprint(&text),
                text,
                parameter_types: Vec::new(),
            },
            Totals {
                statement,
                at: Time::default(),
                user_id: oid("user_id")?,
                database_id: oid("database_id")?,
                query_id: get(row, "query_id")?,
                is_top_level: true,
                calls: number("calls")?,
                execution: nanos(get(row, "total_ms")?),
                planning: 0,
                n_rows: number("rows")?,
                blocks,
                since: None,
            },
        ));
    }
    Ok(Some(totals))
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a sum of durations, far below the limits"
)]
pub(super) fn nanos(ms: f64) -> Nanos {
    (ms.max(0.0) * 1e6) as Nanos
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
