//! Query text to plan, as EXPLAIN writes it in JSON, safely: read-only unless allowed, always rolled back.

use serde_json::value::RawValue;
use tokio_postgres::Row;
use tokio_postgres::types::{Json, ToSql};

use super::connect::Connection;
use super::error::{Error, Result};
use super::value::TextValue;

/// The parameters of one execution, in the order of `$1`, `$2`, …
pub(crate) type Parameters = [TextValue];

/// Runs a statement under EXPLAIN ANALYZE and rolls back what it did.
///
/// Without `allow_writes` the transaction is read-only, so that the server itself refuses every write.
pub(crate) async fn analyze(
    connection: &mut Connection,
    statement: &str,
    parameters: &Parameters,
    allow_writes: bool,
) -> Result<String> {
    // 17 knows SERIALIZE and MEMORY as well; WAL is there since 13.
    let options = match connection.major() {
        ..=16 => "ANALYZE, VERBOSE, BUFFERS, SETTINGS, WAL, FORMAT JSON",
        _ => "ANALYZE, VERBOSE, BUFFERS, SETTINGS, WAL, MEMORY, SERIALIZE TEXT, FORMAT JSON",
    };
    let transaction = connection
        .client_mut()
        .build_transaction()
        .read_only(!allow_writes)
        .start()
        .await
        .map_err(Error::query("start a transaction"))?;
    let plan = explain(transaction.client(), options, statement, parameters).await;
    // The connection may be gone; what the server rolled back then needs no ROLLBACK.
    let rolled_back = transaction.rollback().await;
    let plan = plan?;
    rolled_back.map_err(Error::query("roll back"))?;
    Ok(plan)
}

/// Returns the planner's plan of a statement, which is not run.
pub(crate) async fn estimate(
    connection: &Connection,
    statement: &str,
    parameters: &Parameters,
) -> Result<String> {
    explain(connection, "FORMAT JSON", statement, parameters).await
}

/// Returns the planner's plan of a statement with its settings and output columns; the statement is not run.
pub(crate) async fn estimate_verbosely(
    connection: &Connection,
    statement: &str,
    parameters: &Parameters,
) -> Result<String> {
    explain(connection, "VERBOSE, SETTINGS, FORMAT JSON", statement, parameters).await
}

/// Returns the plan of a statement for any values, as the server makes it for a prepared statement that is used often
/// (manual, PREPARE, "Notes").
pub(crate) async fn generic(
    connection: &mut Connection,
    statement: &str,
    n_parameters: usize,
) -> Result<String> {
    const DOING: &str = "make the generic plan";
    const PREPARED: &str = "perfkit_generic";
    let values = vec!["NULL"; n_parameters].join(", ");
    let transaction = connection.client_mut().transaction().await.map_err(Error::query(DOING))?;
    // EXPLAIN (GENERIC_PLAN) came with 16; this works everywhere.
    let prepared = transaction
        .batch_execute(&format!(
            "SET LOCAL plan_cache_mode = force_generic_plan; PREPARE {PREPARED} AS {statement}"
        ))
        .await;
    let plan = match &prepared {
        Ok(()) => {
            let explain = format!("EXPLAIN (VERBOSE, SETTINGS, FORMAT JSON) EXECUTE {PREPARED}({values})");
            Some(transaction.query_one(&explain, &[]).await)
        }
        Err(_) => None,
    };
    let rolled_back = transaction.rollback().await;
    prepared.map_err(Error::query(DOING))?;
    // A prepared statement stays when its transaction is rolled back.
    let deallocated = connection.batch_execute(&format!("DEALLOCATE {PREPARED}")).await;
    let row = plan.expect("it was prepared").map_err(Error::query(DOING))?;
    rolled_back.and(deallocated).map_err(Error::query(DOING))?;
    text(&row)
}

async fn explain(
    client: &tokio_postgres::Client,
    options: &str,
    statement: &str,
    parameters: &Parameters,
) -> Result<String> {
    // A prepared statement is one statement, whatever the text holds.
    let prefix = format!("EXPLAIN ({options}) ");
    let prepared = client.prepare(&format!("{prefix}{statement}")).await.map_err(|source| {
        Error::Statement { statement: statement.to_owned(), offset: prefix.len(), source }
    })?;
    run_prepared(client, &prepared, parameters).await
}

/// Runs a prepared EXPLAIN (FORMAT JSON) with values, which the planner sees.
pub(crate) async fn run_prepared(
    client: &tokio_postgres::Client,
    prepared: &tokio_postgres::Statement,
    parameters: &Parameters,
) -> Result<String> {
    if prepared.params().len() != parameters.len() {
        return Err(Error::Answer {
            what: "EXPLAIN".to_owned(),
            reason: format!(
                "the statement has {} parameters, {} were given",
                prepared.params().len(),
                parameters.len()
            ),
        });
    }
    let values: Vec<&(dyn ToSql + Sync)> = parameters.iter().map(|value| value as _).collect();
    let row = client.query_one(prepared, &values).await.map_err(Error::query("explain the statement"))?;
    text(&row)
}

/// Returns the plan as the server wrote it: it may nest deeper than `serde_json` goes.
fn text(row: &Row) -> Result<String> {
    let Json(plan): Json<Box<RawValue>> = row.try_get(0).map_err(Error::query("read the plan"))?;
    Ok(plan.get().to_owned())
}
