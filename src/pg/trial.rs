//! Indexes on trial: built under names of their own, switched or dropped again, and what statements cost with them.

use std::time::Duration;

use super::catalog::get;
use super::connect::Connection;
use super::error::{Error, Result};
use super::explain;
use super::sql;
use super::value::TextValue;
use crate::index::Definition;
use crate::index::verification::{Named, Run};
use crate::query;

/// Names that begin so are perfkit's to drop.
const PREFIX: &str = "perfkit_verify_";
/// How often dropping is tried again when a late cancel request hits it.
const DROP_TRIES: usize = 3;

/// An index with its partitions.
#[derive(Clone, Debug, Default)]
pub(crate) struct IndexTree {
    pub(crate) oids: Vec<u32>,
    pub(crate) names: Vec<String>,
    pub(crate) size_bytes: u64,
}

/// Builds an index under a name on trial.
pub(crate) async fn build(
    connection: &Connection,
    number: usize,
    definition: &Definition,
) -> Result<IndexTree> {
    let name = format!("{PREFIX}{number}");
    let built = connection.batch_execute(&definition.ddl_named(&name)).await;
    built.map_err(Error::query(format!("build index {}", definition.describe())))?;
    // An expression has statistics only once it is indexed and analyzed.
    if definition.keys.iter().any(|key| key.column().is_none()) {
        let table = sql::quote_qualified(&definition.schema, &definition.table);
        let analyzed = connection.batch_execute(&format!("ANALYZE {table}")).await;
        analyzed.map_err(Error::query(format!("analyze table \"{}\"", definition.table)))?;
    }
    tree(connection, &definition.schema, &name).await
}

/// Returns an index and its partitions; empty if there is no such index.
pub(crate) async fn tree(connection: &Connection, schema: &str, name: &str) -> Result<IndexTree> {
    let rows = connection.query(sql::INDEX_TREE, &[&schema, &name]).await;
    let rows = rows.map_err(Error::query(format!("look up index \"{name}\"")))?;
    let mut tree = IndexTree::default();
    for row in &rows {
        tree.oids.push(get(row, "oid")?);
        tree.names.push(get(row, "name")?);
        tree.size_bytes += get::<i64>(row, "size_bytes")?.unsigned_abs();
    }
    Ok(tree)
}

/// Drops all indexes on trial and returns how many there were.
pub(crate) async fn drop_all(connection: &Connection) -> Result<usize> {
    let doing = || Error::query("look for indexes of an earlier run");
    let rows = connection.query(sql::TRIAL_INDEXES, &[&PREFIX]).await.map_err(doing())?;
    for row in &rows {
        let (schema, name): (String, String) = (get(row, "schema")?, get(row, "name")?);
        let dropped = connection
            .batch_execute(&format!("DROP INDEX IF EXISTS {}", sql::quote_qualified(&schema, &name)))
            .await;
        dropped.map_err(Error::query(format!("drop index \"{name}\"")))?;
    }
    Ok(rows.len())
}

/// Drops all indexes on trial, whatever the user's interrupt still cancels.
pub(crate) async fn clean_up(connection: &Connection) -> Result<()> {
    connection.shield();
    let mut tries = 1;
    loop {
        match drop_all(connection).await {
            Ok(_) => return Ok(()),
            Err(error) if error.is_cancelled() && tries < DROP_TRIES => tries += 1,
            Err(error) => return Err(error),
        }
    }
}

/// Cancels what runs on this session from now on after this time.
pub(crate) async fn set_statement_timeout(connection: &Connection, timeout: Duration) -> Result<()> {
    let timeout = timeout.as_millis().to_string();
    let set = connection.query(sql::SET_CONFIG, &[&"statement_timeout", &timeout]).await;
    set.map(drop).map_err(Error::query("set statement_timeout"))
}

/// Lets the statements of a throw-away server see and maintain, of the indexes `all`, exactly those in `live`.
pub(crate) async fn switch(connection: &Connection, all: &[u32], live: &[u32]) -> Result<()> {
    let switched = connection.execute(sql::SET_INDEXES_LIVE, &[&all, &live]).await;
    switched.map(drop).map_err(Error::query("switch indexes of the copy"))
}

/// Runs a statement, rolls it back, and returns what it cost and what its plan names.
pub(crate) async fn run(
    connection: &mut Connection,
    statement: &str,
    parameters: &[TextValue],
    allow_writes: bool,
) -> Result<(Run, Named)> {
    let text = explain::measure(connection, statement, parameters, allow_writes).await?;
    let bad = |reason: String| Error::Answer { what: "EXPLAIN".to_owned(), reason };
    let plan: serde_json::Value =
        serde_json::from_str(&text).map_err(|error| bad(format!("the plan is not JSON: {error}")))?;
    let number = |pointer: &str| plan.pointer(pointer).and_then(serde_json::Value::as_f64);
    let ms = number("/0/Execution Time").ok_or_else(|| bad("the plan has no execution time".to_owned()))?;
    let blocks = |kind: &str| number(&format!("/0/Plan/Shared {kind} Blocks")).unwrap_or(0.0);
    Ok((Run { ms, blocks: blocks("Hit") + blocks("Read") }, named(&text)))
}

/// Returns the volatile functions, other than the server's own, that a statement calls by name: what they do is not known.
pub(crate) async fn volatile_functions(connection: &Connection, statement: &str) -> Result<Vec<String>> {
    let called = query::called(statement);
    let rows = connection.query(sql::VOLATILE_FUNCTIONS, &[&called]).await;
    let rows = rows.map_err(Error::query("look up the functions of a statement"))?;
    rows.iter().map(|row| get(row, "name")).collect()
}

/// Returns what the plan of a statement names that is not run.
pub(crate) async fn plan(
    connection: &Connection,
    statement: &str,
    parameters: &[TextValue],
) -> Result<Named> {
    Ok(named(&explain::estimate_verbosely(connection, statement, parameters).await?))
}

/// Returns what the plan of a statement names for any values.
pub(crate) async fn generic_plan(connection: &Connection, statement: &str) -> Result<Named> {
    let n_parameters = query::placeholder_count(statement);
    Ok(named(&explain::generic(connection, statement, n_parameters).await?))
}

fn named(plan: &str) -> Named {
    Named { tables: explain::table_names(plan).collect(), indexes: explain::index_names(plan).collect() }
}
