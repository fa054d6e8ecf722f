//! Writes down what triggers do beside, while rows are loaded or deleted: in the same transaction.

use std::collections::HashSet;

use tokio_postgres::Client;
use tokio_postgres::error::SqlState;

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

/// Writes down what triggers do in the transactions of a run.
pub(super) struct Recorder {
    run: RunId,
    /// Whether they may do it in subtransactions.
    may_nest: bool,
}

impl Recorder {
    pub(super) async fn new(client: &Client, run: &RunId) -> Result<Self> {
        let row =
            client.query_one(sql::SEED_MAY_NEST, &[]).await.map_err(Error::query("look for triggers"))?;
        Ok(Self { run: run.clone(), may_nest: get(&row, "may_nest")? })
    }

    /// Writes down what triggers have done in this transaction since `before`, but for rows that perfkit itself has put into
    /// tables.
    pub(super) async fn record(
        &self,
        client: &Client,
        before: &[Counts],
        own: &[(&str, &str, u64)],
    ) -> Result<()> {
        let mut done = between(before, &counts(client).await?, own);
        if done.is_empty() {
            return Ok(());
        }
        let mut nested: Vec<String> = Vec::new();
        for of in &mut done {
            let known = if self.may_nest { nested_in(client, of).await? } else { Some("{}".to_owned()) };
            // Rows that were made in subtransactions which nobody knows are as doubtful as those that were changed.
            of.n_updated = of.n_updated.max(i64::from(known.is_none()));
            nested.push(known.unwrap_or_else(|| "{}".to_owned()));
        }
        insert(client, &self.run, &done, &nested).await
    }
}

/// Returns the subtransactions of this transaction that have put rows into a table or changed rows of it, as an array of `xmin`;
/// `None` where they cannot be told. The server reads all of the table for that.
///
/// A row bears the number of the subtransaction that has made it, which is after the number of the transaction. Other
/// transactions with such numbers whose rows can be seen have ended, and the own ones are in progress. The server refuses to
/// tell that of numbers that are still to come: rows that are billions of transactions old seem to bear them.
async fn nested_in(client: &Client, of: &Counts) -> Result<Option<String>> {
    let doing = || Error::query("look for rows of triggers");
    let query = format!(
        "SELECT coalesce(pg_catalog.array_agg(own.xid), '{{}}')::pg_catalog.text AS nested FROM ( \
             SELECT t.xmin AS xid, (n.top + pg_catalog.age(t.xmin) * -1)::pg_catalog.text::pg_catalog.xid8 AS whole \
             FROM {} AS t, (SELECT pg_catalog.pg_current_xact_id()::pg_catalog.text::pg_catalog.int8 AS top) AS n \
             WHERE pg_catalog.age(t.xmin) < 0 GROUP BY t.xmin, n.top \
         ) AS own WHERE pg_catalog.pg_xact_status(own.whole) = 'in progress'",
        sql::quote_qualified(&of.schema, &of.name)
    );
    client.batch_execute("SAVEPOINT perfkit_nested").await.map_err(doing())?;
    let (nested, end) = match client.query_one(&query, &[]).await {
        Ok(row) => (Some(get(&row, "nested")?), "RELEASE SAVEPOINT perfkit_nested"),
        // Triggers may write what this role may not read.
        Err(error)
            if [SqlState::INVALID_PARAMETER_VALUE, SqlState::INSUFFICIENT_PRIVILEGE]
                .iter()
                .any(|code| error.code() == Some(code)) =>
        {
            (None, "ROLLBACK TO SAVEPOINT perfkit_nested; RELEASE SAVEPOINT perfkit_nested")
        }
        Err(error) => return Err(doing()(error)),
    };
    client.batch_execute(end).await.map_err(doing())?;
    Ok(nested)
}

async fn insert(client: &Client, run: &RunId, done: &[Counts], nested: &[String]) -> Result<()> {
    let oids: Vec<u32> = done.iter().map(|it| it.oid).collect();
    let n_inserted: Vec<i64> = done.iter().map(|it| it.n_inserted.max(0)).collect();
    let n_updated: Vec<i64> = done.iter().map(|it| it.n_updated).collect();
    client
        .execute(sql::SEED_EFFECT_INSERT, &[&run.0, &oids, &n_inserted, &n_updated, &nested])
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
            nested: get(row, "nested")?,
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
