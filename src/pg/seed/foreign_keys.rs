//! Checks the foreign keys that were silent while rows came (`--triggers=off`).

use std::time::Instant;

use tokio_postgres::Row;

use super::Event;
use crate::pg::catalog::get;
use crate::pg::connect::Connection;
use crate::pg::error::{Error, Result};
use crate::pg::sql;
use crate::query::quote;
use crate::seed::plan::{Plan, TablePlan};
use crate::seed::size::work::{Phase, Task};

const DOING: &str = "check foreign keys";

/// Looks through the tables of a plan for rows that contradict a foreign key, and refuses those of the first one that has some.
pub(super) async fn check(connection: &Connection, plan: &Plan, on: &dyn Fn(Event<'_>)) -> Result<()> {
    let tables = || plan.tables.iter().filter(|table| table.n_rows > 0);
    let schemas: Vec<&str> = tables().map(|table| table.schema.as_str()).collect();
    let names: Vec<&str> = tables().map(|table| table.name.as_str()).collect();
    let keys =
        connection.query(sql::SEED_FOREIGN_KEYS, &[&schemas, &names]).await.map_err(Error::query(DOING))?;
    on(Event::Phase { phase: Phase::ForeignKeys, n: keys.len() });
    for key in &keys {
        let start = Instant::now();
        let (schema, table): (String, String) = (get(key, "schema")?, get(key, "table_name")?);
        let row = connection.query_one(&orphans(key)?, &[]).await.map_err(Error::query(DOING))?;
        let n: i64 = get(&row, "n")?;
        if n > 0 {
            let (child, name) = (quote::qualified(&schema, &table), get(key, "name")?);
            return Err(Error::Orphans { child, name, n_rows: n.unsigned_abs() });
        }
        let is_of = |planned: &TablePlan| (&planned.schema, &planned.name) == (&schema, &table);
        if let Some((id, _)) = (0..).zip(&plan.tables).find(|(_, planned)| is_of(planned)) {
            on(Event::Step { task: Task::ForeignKeys(id), took: start.elapsed() });
        }
    }
    Ok(())
}

/// Returns the query that counts the rows which contradict a foreign key.
fn orphans(key: &Row) -> Result<String> {
    let columns: Vec<String> = get(key, "columns")?;
    let parent_columns: Vec<String> = get(key, "parent_columns")?;
    // Foreign keys are neither inherited nor satisfied by rows of tables that inherit.
    let only = |is_partitioned: bool| if is_partitioned { "" } else { "ONLY " };
    let own: Vec<String> = columns.iter().map(|name| format!("c.{}", quote::identifier(name))).collect();
    let pairs: Vec<String> = own
        .iter()
        .zip(&parent_columns)
        .map(|(own, of_parent)| format!("{own} = p.{}", quote::identifier(of_parent)))
        .collect();
    let own = own.join(", ");
    let half_null = if get(key, "is_match_full")? {
        format!(" OR pg_catalog.num_nulls({own}) BETWEEN 1 AND {}", columns.len() - 1)
    } else {
        String::new()
    };
    Ok(format!(
        "SELECT pg_catalog.count(*) AS n FROM {}{} AS c WHERE pg_catalog.num_nulls({own}) = 0 \
         AND NOT EXISTS (SELECT 1 FROM {}{} AS p WHERE {}){half_null}",
        only(get(key, "is_partitioned")?),
        quote::qualified(&get::<String>(key, "schema")?, &get::<String>(key, "table_name")?),
        only(get(key, "is_parent_partitioned")?),
        quote::qualified(&get::<String>(key, "parent_schema")?, &get::<String>(key, "parent")?),
        pairs.join(" AND "),
    ))
}
