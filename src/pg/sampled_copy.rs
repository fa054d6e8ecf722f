//! A local copy of a database's schema with some of its rows, to run statements on.

use std::collections::BTreeSet;

use bytes::Bytes;
use futures_util::SinkExt as _;
use tokio_postgres::IsolationLevel;

use super::catalog::{Surroundings, get};
use super::connect::Connection;
use super::error::{Error, Result};
use super::explain;
use super::interrupt::Interrupt;
use super::server::{Programs, Settings};
use super::shadow::EmptyCopy;
use super::sql;
use super::value::TextValue;
use crate::catalog::Catalog;
use crate::config::{Environment, Timeouts};
use crate::index::verification::{CopiedTable, Rows, Sampling};

/// Picks the same blocks each time a sample is named.
const SEED: u32 = 1;

/// A running local server. Dropping it removes the server and its files.
pub(crate) struct SampledCopy {
    copy: EmptyCopy,
}

impl SampledCopy {
    /// Builds the schema, without rows.
    pub(crate) async fn create(
        programs: &Programs,
        environment: &Environment,
        timeouts: Timeouts,
        interrupt: &Interrupt,
        source: (&Catalog, &Surroundings),
    ) -> Result<Self> {
        let settings = Settings::TRIAL;
        let copy = EmptyCopy::create(programs, settings, environment, timeouts, interrupt, source).await?;
        Ok(Self { copy })
    }

    pub(crate) fn connection(&mut self) -> &mut Connection {
        &mut self.copy.connection
    }

    /// What of the database could not be copied, with the reason.
    pub(crate) fn missing(&self) -> &[String] {
        &self.copy.missing
    }

    /// Returns the tables that a statement's plan reads or writes, by schema and name.
    pub(crate) async fn tables_of(
        &self,
        statement: &str,
        parameters: &[TextValue],
    ) -> Result<BTreeSet<(String, String)>> {
        let plan = explain::estimate_verbosely(&self.copy.connection, statement, parameters).await?;
        let plan: serde_json::Value = serde_json::from_str(&plan).map_err(|error| Error::Answer {
            what: "EXPLAIN".to_owned(),
            reason: format!("the plan is not JSON: {error}"),
        })?;
        let mut tables = BTreeSet::new();
        tables_in(&plan, &mut tables);
        Ok(tables)
    }

    /// Copies rows as one moment of the source has them, then vacuums and analyzes. `observe` is told each table.
    pub(crate) async fn load(
        &self,
        source: &mut Connection,
        samplings: &[Sampling],
        observe: impl Fn(&str),
    ) -> Result<Vec<CopiedTable>> {
        let to = &self.copy.connection;
        // Sampled rows may refer to rows that are not there; the keys still guard what is written later.
        set(to, "session_replication_role", "replica").await?;
        let doing = || Error::query("read the tables");
        let transaction = source
            .client_mut()
            .build_transaction()
            .isolation_level(IsolationLevel::RepeatableRead)
            .read_only(true)
            .start()
            .await
            .map_err(doing())?;
        let mut copied = Vec::new();
        for sampling in samplings {
            observe(&sampling.name);
            let n_rows = copy(transaction.client(), to, samplings, sampling).await?;
            copied.push(CopiedTable {
                schema: sampling.schema.clone(),
                name: sampling.name.clone(),
                n_rows,
                share: share(sampling, n_rows),
            });
        }
        transaction.commit().await.map_err(doing())?;
        set(to, "session_replication_role", "origin").await?;
        Ok(copied)
    }

    /// Makes statistics and visibility maps, as a table in use has them.
    pub(crate) async fn analyze(&self, tables: &[CopiedTable]) -> Result<()> {
        let names: Vec<String> =
            tables.iter().map(|table| sql::quote_qualified(&table.schema, &table.name)).collect();
        if names.is_empty() {
            return Ok(());
        }
        let vacuum = format!("VACUUM (ANALYZE) {}", names.join(", "));
        let done = self.copy.connection.batch_execute(&vacuum).await;
        done.map_err(Error::query("vacuum and analyze the copy"))
    }
}

async fn set(connection: &Connection, name: &str, value: &str) -> Result<()> {
    let done = connection.query(sql::SET_CONFIG, &[&name, &value]).await;
    done.map(drop).map_err(Error::query(format!("set {name}")))
}

async fn copy(
    from: &tokio_postgres::Client,
    to: &Connection,
    samplings: &[Sampling],
    sampling: &Sampling,
) -> Result<u64> {
    let doing = || Error::query(format!("copy rows of table \"{}\"", sampling.name));
    let rows = to.query(sql::COPIED_COLUMNS, &[&sampling.schema, &sampling.name]).await.map_err(doing())?;
    let names: Vec<String> = rows.iter().map(|row| get(row, "name")).collect::<Result<_>>()?;
    let columns: Vec<String> = names.iter().map(|name| sql::quote_identifier(name)).collect();
    let columns = columns.join(", ");
    let out = format!("COPY ({}) TO STDOUT", select(&columns, sampling, samplings));
    let into =
        format!("COPY {} ({columns}) FROM STDIN", sql::quote_qualified(&sampling.schema, &sampling.name));
    let stream = from.copy_out(&out).await.map_err(doing())?;
    futures_util::pin_mut!(stream);
    let sink = to.copy_in::<_, Bytes>(&into).await.map_err(doing())?;
    futures_util::pin_mut!(sink);
    sink.send_all(&mut stream).await.map_err(doing())?;
    sink.finish().await.map_err(doing())
}

/// Returns the query for a sample's columns.
fn select(columns: &str, sampling: &Sampling, samplings: &[Sampling]) -> String {
    let table = sql::quote_qualified(&sampling.schema, &sampling.name);
    match &sampling.rows {
        Rows::All => format!("SELECT {columns} FROM ONLY {table}"),
        Rows::First(n) => format!("SELECT {columns} FROM ONLY {table} LIMIT {n}"),
        Rows::Blocks(percent) => {
            format!("SELECT {columns} FROM ONLY {table} TABLESAMPLE SYSTEM ({percent}) REPEATABLE ({SEED})")
        }
        Rows::Referenced { columns: keys, by, at_most } => {
            let quoted = |names: &[String]| {
                names.iter().map(|name| sql::quote_identifier(name)).collect::<Vec<_>>().join(", ")
            };
            let referring: Vec<String> = by
                .iter()
                .map(|by| select(&quoted(&by.columns), &samplings[by.sampling], samplings))
                .collect();
            format!(
                "SELECT {columns} FROM ONLY {table} WHERE ({}) IN (({})) LIMIT {at_most}",
                quoted(keys),
                referring.join(") UNION ALL (")
            )
        }
    }
}

/// Returns the share of a table that was copied; what was to be copied whole is whole, whatever its estimate said.
fn share(sampling: &Sampling, n_rows: u64) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "a share is shown with one digit")]
    let copied = n_rows as f64;
    match sampling.rows {
        Rows::All => 1.0,
        _ => (copied / sampling.n_rows.max(1.0)).min(1.0),
    }
}

fn tables_in(plan: &serde_json::Value, tables: &mut BTreeSet<(String, String)>) {
    match plan {
        serde_json::Value::Array(parts) => parts.iter().for_each(|part| tables_in(part, tables)),
        serde_json::Value::Object(node) => {
            let text = |key: &str| node.get(key).and_then(serde_json::Value::as_str).map(str::to_owned);
            tables.extend(text("Schema").zip(text("Relation Name")));
            node.values().for_each(|part| tables_in(part, tables));
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::index::verification::sample::Referrer;

    #[test]
    fn samples_name_the_samples_that_refer_to_them() {
        let sampling =
            |name: &str, rows: Rows| Sampling { schema: "s".into(), name: name.into(), n_rows: 1000.0, rows };
        let by = vec![Referrer { sampling: 0, columns: vec!["order id".into()] }];
        let samplings = [
            sampling("items", Rows::Blocks(1.5)),
            sampling("orders", Rows::Referenced { columns: vec!["id".into()], by, at_most: 100 }),
        ];
        assert_eq!(
            select("id, at", &samplings[1], &samplings),
            r#"SELECT id, at FROM ONLY "s"."orders" WHERE ("id") IN ((SELECT "order id" FROM ONLY "s"."items" TABLESAMPLE SYSTEM (1.5) REPEATABLE (1))) LIMIT 100"#
        );
    }
}
