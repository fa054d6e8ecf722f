//! Writes down what triggers do beside, while rows are loaded or deleted: in the same transaction.

use std::collections::HashSet;

use tokio_postgres::Client;

use crate::pg::catalog::get;
use crate::pg::connect::Connection;
use crate::pg::error::{Error, Result};
use crate::pg::sql;
use crate::run_id::RunId;
use crate::seed::effect::{Counts, Effect, between};
use crate::seed::plan::Plan;
use crate::seed::schema::TableId;

/// Returns the tables of a plan that an INSERT fires triggers of.
pub(super) async fn watched(connection: &Connection, plan: &Plan) -> Result<HashSet<TableId>> {
    if plan.are_triggers_off {
        return Ok(HashSet::new());
    }
    let schemas: Vec<&str> = plan.tables.iter().map(|table| table.schema.as_str()).collect();
    let names: Vec<&str> = plan.tables.iter().map(|table| table.name.as_str()).collect();
    let rows = connection.query(sql::SEED_WATCHED, &[&schemas, &names]).await;
    let place = |row: &tokio_postgres::Row| {
        let place: i32 = get(row, "place")?;
        Ok(TableId::try_from(place - 1).unwrap_or(TableId::MAX))
    };
    rows.map_err(Error::query("look for triggers"))?.iter().map(place).collect()
}

/// Reads what the session has done so far; a transaction counts from what was there when it began.
pub(super) async fn counts(client: &Client) -> Result<Vec<Counts>> {
    let doing = || Error::query("count the rows of triggers");
    let rows = client.query(sql::SEED_EFFECT_COUNTS, &[]).await.map_err(doing())?;
    rows.iter()
        .map(|row| {
            Ok(Counts {
                oid: get(row, "table")?,
                schema: get(row, "schema")?,
                name: get(row, "name")?,
                n_inserted: get(row, "n_inserted")?,
                n_updated: get(row, "n_updated")?,
            })
        })
        .collect()
}

/// Writes down what triggers have done in this transaction since `before`, but for rows that perfkit itself has put into tables.
pub(super) async fn record(
    client: &Client,
    run: &RunId,
    before: &[Counts],
    own: &[(&str, &str, u64)],
) -> Result<()> {
    let done = between(before, &counts(client).await?, own);
    if done.is_empty() {
        return Ok(());
    }
    let oids: Vec<u32> = done.iter().map(|it| it.oid).collect();
    let n_inserted: Vec<i64> = done.iter().map(|it| it.n_inserted.max(0)).collect();
    let n_updated: Vec<i64> = done.iter().map(|it| it.n_updated).collect();
    client
        .execute(sql::SEED_EFFECT_INSERT, &[&run.0, &oids, &n_inserted, &n_updated])
        .await
        .map(drop)
        .map_err(Error::query("write the manifest"))
}

/// A table in which triggers of a run have done something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Table {
    pub(super) oid: u32,
    pub(super) schema: String,
    pub(super) name: String,
    pub(super) is_partitioned: bool,
}

/// Reads what triggers of a run have done, with the tables that are still there.
pub(super) async fn read(client: &Client, run: &RunId) -> Result<(Vec<Table>, Vec<Effect>)> {
    let (mut tables, mut effects) = (Vec::new(), Vec::new());
    let rows = client.query(sql::SEED_EFFECTS, &[&run.0]).await.map_err(Error::query("read the manifest"))?;
    for row in &rows {
        let table = Table {
            oid: get(row, "table_oid")?,
            schema: get(row, "schema")?,
            name: get(row, "name")?,
            is_partitioned: get(row, "is_partitioned")?,
        };
        effects.push(Effect {
            oid: table.oid,
            xid: get(row, "xid")?,
            is_known: get(row, "is_known")?,
            n_inserted: get(row, "n_inserted")?,
            n_updated: get(row, "n_updated")?,
        });
        if !tables.contains(&table) {
            tables.push(table);
        }
    }
    Ok((tables, effects))
}

/// Returns the transactions that have loaded what is left of a run.
pub(super) async fn xids(client: &Client, run: &RunId) -> Result<Vec<String>> {
    let rows =
        client.query(sql::SEED_RUN_XIDS, &[&run.0]).await.map_err(Error::query("read the manifest"))?;
    rows.iter().map(|row| get(row, "xid")).collect()
}
