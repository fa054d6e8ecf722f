//! Query text to plan, as EXPLAIN writes it in JSON, safely: read-only unless allowed, always rolled back.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::value::RawValue;
use tokio_postgres::Row;
use tokio_postgres::types::{Json, Kind, ToSql, Type};

use super::catalog::get;
use super::connect::Connection;
use super::error::{Error, Result};
use super::sql;
use super::value::TextValue;
use crate::query;
use crate::workload::ParameterType;

/// The setting that chooses between plans for the values and plans for any values.
const PLAN_CACHE_MODE: &str = "plan_cache_mode";

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
    rolled_back(connection, options, statement, parameters, allow_writes).await
}

/// Runs a statement for its execution time and blocks, without timing each node, and rolls back what it did.
pub(super) async fn measure(
    connection: &mut Connection,
    statement: &str,
    parameters: &Parameters,
    allow_writes: bool,
) -> Result<String> {
    // VERBOSE for the schemas of tables.
    const OPTIONS: &str = "ANALYZE, VERBOSE, BUFFERS, TIMING OFF, FORMAT JSON";
    rolled_back(connection, OPTIONS, statement, parameters, allow_writes).await
}

/// Runs a statement for what it reads, writes and returns, and rolls back what it did. What lies outside of the plan's nodes, such
/// as planning, is not in it.
pub(super) async fn work(
    connection: &mut Connection,
    statement: &str,
    parameters: &Parameters,
    allow_writes: bool,
) -> Result<String> {
    const OPTIONS: &str = "ANALYZE, BUFFERS, WAL, TIMING OFF, FORMAT JSON";
    rolled_back(connection, OPTIONS, statement, parameters, allow_writes).await
}

async fn rolled_back(
    connection: &mut Connection,
    options: &str,
    statement: &str,
    parameters: &Parameters,
    allow_writes: bool,
) -> Result<String> {
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
/// (manual, PREPARE, "Notes"). Nothing of it stays in the session.
pub(crate) async fn generic(connection: &Connection, statement: &str, n_parameters: usize) -> Result<String> {
    let doing = || Error::query("make the generic plan");
    let mode = connection.query_one(sql::CURRENT_SETTING, &[&PLAN_CACHE_MODE]).await.map_err(doing())?;
    let mode: String = get(&mode, "value")?;
    let set = async |mode: &str| {
        connection.execute(sql::SET_CONFIG, &[&PLAN_CACHE_MODE, &mode]).await.map_err(doing())
    };
    set("force_generic_plan").await?;
    let plan = prepared_generic(connection, statement, n_parameters).await;
    set(&mode).await?;
    text(&plan.map_err(doing())?)
}

async fn prepared_generic(
    connection: &Connection,
    statement: &str,
    n_parameters: usize,
) -> Result<Row, tokio_postgres::Error> {
    const PREPARED: &str = "perfkit_generic";
    // EXPLAIN (GENERIC_PLAN) came with 16; this works everywhere. Each goes through the extended protocol, so that it is
    // one statement, whatever the text holds.
    connection.execute(&format!("PREPARE {PREPARED} AS {statement}"), &[]).await?;
    let values = if n_parameters == 0 {
        String::new()
    } else {
        format!("({})", vec!["NULL"; n_parameters].join(", "))
    };
    let explain = format!("EXPLAIN (VERBOSE, SETTINGS, FORMAT JSON) EXECUTE {PREPARED}{values}");
    let plan = connection.query_one(&explain, &[]).await;
    let deallocated = connection.execute(&format!("DEALLOCATE {PREPARED}"), &[]).await;
    plan.and_then(|row| deallocated.map(|_| row))
}

/// Returns the rows that the planner expects of a statement without parameters.
pub(crate) async fn rows(connection: &Connection, statement: &str) -> Result<f64> {
    plan_rows(&estimate(connection, statement, &[]).await?)
}

/// Returns the rows that a planned statement is expected to write; `None` when its top node writes none.
pub(crate) fn written_rows(plan: &str) -> Option<f64> {
    let plan: serde_json::Value = serde_json::from_str(plan).ok()?;
    let top = plan.pointer("/0/Plan")?;
    (top.get("Node Type")?.as_str()? == "ModifyTable").then_some(())?;
    let parts = top.get("Plans")?.as_array()?;
    Some(parts.iter().filter_map(|part| part.get("Plan Rows")?.as_f64()).sum())
}

/// Returns the planner's total cost of a statement for any values.
pub(crate) async fn generic_cost(connection: &Connection, statement: &str) -> Result<f64> {
    let n_parameters = query::placeholder_count(statement);
    total_cost(&generic(connection, statement, n_parameters).await?)
}

/// Returns the planner's total cost of a statement for any values, and the rows that it expects.
pub(crate) async fn generic_estimate(connection: &Connection, statement: &str) -> Result<(f64, f64)> {
    let plan = generic(connection, statement, query::placeholder_count(statement)).await?;
    Ok((total_cost(&plan)?, plan_rows(&plan)?))
}

/// Returns the cost at the root of a plan as EXPLAIN (FORMAT JSON) writes it.
pub(super) fn total_cost(plan: &str) -> Result<f64> {
    top_number(plan, "Total Cost")
}

/// Returns the rows that a plan is expected to give.
pub(super) fn plan_rows(plan: &str) -> Result<f64> {
    top_number(plan, "Plan Rows")
}

/// Returns a number of a plan's top node, however deep the plan nests: what is below stays unread.
pub(super) fn top_number(plan: &str, name: &str) -> Result<f64> {
    #[derive(Deserialize)]
    struct Explained<'p> {
        #[serde(rename = "Plan", borrow)]
        top: BTreeMap<&'p str, &'p RawValue>,
    }
    let fail = |reason: String| Error::Answer { what: "EXPLAIN".to_owned(), reason };
    let plans: Vec<Explained> =
        serde_json::from_str(plan).map_err(|error| fail(format!("the plan has no \"{name}\": {error}")))?;
    let first = plans.first().ok_or_else(|| fail("there is no plan".to_owned()))?;
    let value = first.top.get(name).and_then(|value| value.get().parse().ok());
    value.ok_or_else(|| fail(format!("the plan has no \"{name}\"")))
}

/// Returns the type that the server gives each `$n`.
pub(crate) async fn parameter_types(connection: &Connection, statement: &str) -> Result<Vec<ParameterType>> {
    let prepared = connection.prepare(statement).await.map_err(|source| Error::Statement {
        statement: statement.to_owned(),
        offset: 0,
        source,
    })?;
    Ok(prepared.params().iter().map(parameter_type).collect())
}

/// Returns for each statement whether the server can send all its columns in binary.
pub(crate) async fn binary_results(connection: &Connection, statements: &[&str]) -> Result<Vec<bool>> {
    let mut types = Vec::with_capacity(statements.len());
    for statement in statements {
        let prepared = connection.prepare(statement).await.map_err(|source| Error::Statement {
            statement: (*statement).to_owned(),
            offset: 0,
            source,
        })?;
        types.push(prepared.columns().iter().map(|column| column.type_().oid()).collect::<Vec<u32>>());
    }
    let all = types.concat();
    let rows = connection
        .query(sql::TYPES_WITHOUT_BINARY_FORM, &[&all])
        .await
        .map_err(Error::query("read the types of results"))?;
    let textual = rows.iter().map(|row| get(row, "type")).collect::<Result<Vec<u32>>>()?;
    Ok(types.iter().map(|types| !types.iter().any(|oid| textual.contains(oid))).collect())
}

fn parameter_type(of: &Type) -> ParameterType {
    match of.kind() {
        Kind::Domain(base) => parameter_type(base),
        Kind::Enum(labels) => ParameterType { name: of.name().to_owned(), labels: labels.clone() },
        _ => ParameterType { name: of.name().to_owned(), labels: Vec::new() },
    }
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

/// Returns the names of the indexes that a plan uses.
///
/// The server writes a property a line. Reading the lines needs no stack, however deep the plan is.
pub(super) fn index_names(plan: &str) -> impl Iterator<Item = String> {
    plan.lines().filter_map(|line| property(line, "\"Index Name\": "))
}

/// Returns the tables that a plan with VERBOSE reads or writes, by schema and name. A table's schema is in the line after
/// its name (`ExplainTargetRel`).
pub(super) fn table_names(plan: &str) -> impl Iterator<Item = (String, String)> {
    let lines = plan.lines().zip(plan.lines().skip(1));
    lines.filter_map(|(line, next)| {
        Some((property(next, "\"Schema\": ")?, property(line, "\"Relation Name\": ")?))
    })
}

fn property(line: &str, key: &str) -> Option<String> {
    let value = line.trim_start().strip_prefix(key)?;
    serde_json::from_str(value.trim_end_matches(',')).ok()
}

/// Returns the plan as the server wrote it: it may nest deeper than `serde_json` goes.
fn text(row: &Row) -> Result<String> {
    let Json(plan): Json<Box<RawValue>> = row.try_get(0).map_err(Error::query("read the plan"))?;
    Ok(plan.get().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pg::test_server::{connect, start};

    #[tokio::test(flavor = "multi_thread")]
    async fn prices_statements_for_any_values() {
        let cluster = start().await;
        let connection = connect(&cluster, "postgres").await;
        connection
            .batch_execute(
                "CREATE TYPE mood AS ENUM ('sad', 'glad'); CREATE DOMAIN small AS int;
                 CREATE TABLE t AS SELECT i, CASE WHEN i % 1000 = 0 THEN 'rare' ELSE 'common' END AS kind,
                 'sad'::mood AS mood, i::small AS small FROM generate_series(1, 20000) AS i;
                 CREATE INDEX ON t (kind); ANALYZE t; SET plan_cache_mode = force_custom_plan",
            )
            .await
            .unwrap();
        let sql = "SELECT i FROM t WHERE kind = $1 LIMIT $2";
        // For any value half of the rows are as many as for a common one, and a tenth of those for any limit.
        let cost = generic_cost(&connection, sql).await.unwrap();
        let plan = generic(&connection, sql, 2).await.unwrap();
        assert!(cost > 1.0 && plan.contains("$1"), "{plan}");
        let values = ["rare", "10"].map(|value| TextValue(Some(value.to_owned())));
        let rare = total_cost(&estimate(&connection, sql, &values).await.unwrap()).unwrap();
        assert!(rare < cost, "{rare} < {cost}");
        assert!(generic_cost(&connection, "SELECT count(*) FROM t").await.unwrap() > 100.0);
        // Nothing stays, not even after a failure.
        for bad in
            ["SELECT nothing FROM t WHERE i = $1", "SELECT 1; DROP TABLE t", "SELECT i FROM t WHERE i = $1 +"]
        {
            assert!(generic_cost(&connection, bad).await.is_err(), "{bad}");
        }
        let left = "SELECT current_setting('plan_cache_mode'), (SELECT count(*) FROM pg_prepared_statements WHERE from_sql)";
        let left = connection.query_one(left, &[]).await.unwrap();
        assert_eq!((left.get::<_, &str>(0), left.get::<_, i64>(1)), ("force_custom_plan", 0));

        let types = parameter_types(
            &connection,
            "SELECT 1 FROM t WHERE i = $1 AND mood = $2 AND small = $3::small AND i = ANY ($4)",
        );
        let names: Vec<String> = types
            .await
            .unwrap()
            .into_iter()
            .map(|of| format!("{}{}", of.name, of.labels.join(",")))
            .collect();
        assert_eq!(names, ["int4", "moodsad,glad", "int4", "_int4"]);
    }

    const PLAN: &str = r#"[
  {
    "Plan": {
      "Node Type": "Nested Loop",
      "Total Cost": 16.62,
      "Plan Rows": 3,
      "Plans": [
        {
          "Index Name": "a \"b\", c",
          "Relation Name": "T, t",
          "Schema": "s",
          "Total Cost": 8.3,
          "Filter": "(t = '\"Index Name\": \"x\"'::text)"
        },
        {
          "Total Cost": 8.31,
          "Index Name": "t_pkey"
        }
      ]
    }
  }
]"#;

    #[test]
    fn reads_the_top_node_and_all_indexes() {
        assert_eq!(total_cost(PLAN).unwrap().to_string(), "16.62");
        assert_eq!(plan_rows(PLAN).unwrap().to_string(), "3");
        assert!(top_number(PLAN, "Startup Cost").is_err());
        assert_eq!(index_names(PLAN).collect::<Vec<_>>(), ["a \"b\", c", "t_pkey"]);
        assert_eq!(table_names(PLAN).collect::<Vec<_>>(), [("s".to_owned(), "T, t".to_owned())]);
    }

    #[test]
    fn reads_costs() {
        let deep = format!(
            r#"[{{"Plan": {{"Plans": {}1{}, "Total Cost": 2.5}}}}]"#,
            "[".repeat(500),
            "]".repeat(500)
        );
        assert!((total_cost(&deep).unwrap() - 2.5).abs() < 1e-9);
        for bad in ["", "[]", "[{}]", "[{\"Plan\": {}}]"] {
            assert!(total_cost(bad).is_err(), "{bad}");
        }
    }
}
