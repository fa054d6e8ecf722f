//! Foreign keys that lead to rows which go: who refers to them, what that would change, and indexes that find it out quickly.

use tokio_postgres::Row;

use super::{Cleaner, Done, Event, execute};
use crate::error::Error;
use crate::pg;
use crate::pg::catalog::get;
use crate::pg::connect::Connection;
use crate::pg::sql;
use crate::query::quote;
use crate::seed::clean::{Batch, By};
use crate::seed::plan::Plan;
use crate::seed::schema::TableId;

/// A smaller table is read as fast as an index finds its rows: 32 pages.
const LEAST_HELPED_BYTES: i64 = 32 * 8_192;

/// A foreign key that leads to a table of the plan.
pub(super) struct Reference {
    pub(super) schema: String,
    pub(super) table: String,
    pub(super) is_partitioned: bool,
    /// Of the constraint.
    pub(super) name: String,
    pub(super) columns: Vec<String>,
    pub(super) parent: TableId,
    pub(super) parent_columns: Vec<String>,
    /// It changes rows when their parents go: CASCADE, SET NULL, SET DEFAULT.
    pub(super) changes_rows: bool,
    /// The plan's table that it belongs to.
    pub(super) child: Option<TableId>,
    /// An index finds the rows that refer to one.
    pub(super) has_index: bool,
    pub(super) oid: u32,
}

impl Reference {
    /// The name of the index that stands in while a run is cleaned: the same each time, so that it is found again.
    fn helper(&self) -> String {
        format!("perfkit_seed_clean_{}", self.oid)
    }

    /// The referring table as DELETE and SELECT name it: foreign keys do not hold for rows of tables that inherit from it.
    pub(super) fn only(&self) -> String {
        only(&self.schema, &self.table, self.is_partitioned)
    }
}

impl Cleaner {
    /// Builds indexes for as long as cleaning takes, where the server would read all of a table for each row that goes to see
    /// whether one refers to it. Where that is not allowed, or somebody writes, it takes longer.
    pub(super) async fn help(
        &self,
        connection: &Connection,
        parent: TableId,
        on: &dyn Fn(Event<'_>),
    ) -> Result<(), pg::Error> {
        for reference in self.references.iter().filter(|it| it.parent == parent && !it.has_index) {
            let child = quote::qualified(&reference.schema, &reference.table);
            let row = connection
                .query_one(sql::SEED_SIZES, &[&[child.as_str()].as_slice()])
                .await
                .map_err(pg::Error::query(format!("measure table {child}")))?;
            let bytes: i64 = get(&row, "table_bytes")?;
            if bytes < LEAST_HELPED_BYTES {
                continue;
            }
            let columns: Vec<_> = reference.columns.iter().map(|it| quote::identifier(it)).collect();
            let build = format!(
                "CREATE INDEX IF NOT EXISTS {} ON {child} ({})",
                quote::identifier(&reference.helper()),
                columns.join(", ")
            );
            if let Err(error) = connection.batch_execute(&build).await {
                let error =
                    pg::Error::query(format!("build an index on table {child} to clean faster"))(error);
                on(Event::Warning(Error::from(error).to_string()));
            }
        }
        Ok(())
    }

    /// Drops the indexes of [`Self::help`], those of an earlier attempt too.
    pub(super) async fn stop_helping(&self, connection: &Connection, on: &dyn Fn(Event<'_>)) {
        for reference in self.references.iter().filter(|it| !it.has_index) {
            let name = quote::qualified(&reference.schema, &reference.helper());
            if let Err(error) = connection.batch_execute(&format!("DROP INDEX IF EXISTS {name}")).await {
                let error = pg::Error::query(format!("drop index {name}"))(error);
                on(Event::Warning(Error::from(error).to_string()));
            }
        }
    }

    /// Refuses to begin where rows of others refer to those of the run, as far as that is seen by ranges of keys. What is not is
    /// seen batch by batch.
    pub(super) async fn check(&self, connection: &Connection, done: &Done) -> Result<(), pg::Error> {
        if done.chunks.is_empty() {
            return Ok(());
        }
        let is_counted = |table: TableId| matches!(self.by[usize::from(table)], By::Counted(..));
        for reference in &self.references {
            let child = reference.child.filter(|child| self.table(*child).n_rows > 0);
            if !is_counted(reference.parent)
                || child.is_some_and(|child| !is_counted(child) || self.table(child).fed_by.is_some())
            {
                continue;
            }
            let all = |table: TableId| 0..self.table(table).n_rows;
            let own = child.map(|child| self.condition(child, "c", &all(child)));
            // Rows that triggers have made go as well.
            let own = own.into_iter().chain([self.is_of_run("c")]).collect::<Vec<_>>().join(" OR ");
            if self.is_referenced(connection, reference, &all(reference.parent), Some(own.as_str())).await? {
                return Err(self.referenced(reference));
            }
        }
        Ok(())
    }

    /// Whether there are rows that a foreign key binds to rows of its parent, other than those for which `own` holds as `c`.
    async fn is_referenced(
        &self,
        connection: &Connection,
        reference: &Reference,
        rows: &std::ops::Range<u64>,
        own: Option<&str>,
    ) -> Result<bool, pg::Error> {
        // OFFSET keeps what is asked of the children out of the search for them: it would be planned for one row, and there are
        // thousands.
        let statement = format!(
            "SELECT 1 FROM (SELECT c.*, c.tableoid, c.ctid, c.xmin FROM {} AS c JOIN {} AS t ON {} WHERE {} OFFSET 0) AS c{}",
            reference.only(),
            self.only(reference.parent),
            joined(reference),
            self.condition(reference.parent, "t", rows),
            own.map(|own| format!(" WHERE NOT ({own})")).unwrap_or_default(),
        );
        has_rows(connection, &statement, "look for rows that refer to the run's").await
    }

    /// Whether a row was made or changed by a transaction that has loaded the run.
    fn is_of_run(&self, alias: &str) -> String {
        format!("{alias}.xmin = ANY ('{}'::pg_catalog.xid[])", self.xids)
    }

    pub(super) fn referenced(&self, reference: &Reference) -> pg::Error {
        pg::Error::Referenced {
            child: quote::qualified(&reference.schema, &reference.table),
            parent: self.name(reference.parent),
        }
    }

    /// Locks rows before a query sees whether others refer to them: who wants to refer to them meanwhile waits, and is refused.
    pub(super) async fn lock(
        &self,
        connection: &Connection,
        table: TableId,
        rows: &std::ops::Range<u64>,
    ) -> Result<(), pg::Error> {
        if !self.references.iter().any(|reference| reference.parent == table) {
            return Ok(());
        }
        let statement = format!(
            "SELECT pg_catalog.count(*) FROM (SELECT 1 FROM {} AS t WHERE {} FOR UPDATE OF t) AS locked",
            self.only(table),
            self.condition(table, "t", rows)
        );
        execute(connection, &statement).await
    }

    /// Deletes the rows that triggers have made for rows of a batch, and refuses rows of others that its end would change, or
    /// that would refer to nothing after it.
    pub(super) async fn follow_references(
        &self,
        connection: &Connection,
        table: TableId,
        rows: &std::ops::Range<u64>,
        batch: &Batch,
    ) -> Result<(), pg::Error> {
        for reference in self.references.iter().filter(|reference| reference.parent == table) {
            let in_batch = reference.child.and_then(|child| {
                let (_, rows) = batch.parts.iter().find(|(table, _)| *table == child)?;
                Some(self.condition(child, "c", rows))
            });
            self.delete_made(connection, reference, rows, in_batch.as_deref()).await?;
            if (reference.changes_rows || self.are_triggers_off)
                && !self.cascade
                && self.is_referenced(connection, reference, rows, in_batch.as_deref()).await?
            {
                return Err(self.referenced(reference));
            }
        }
        Ok(())
    }

    /// Deletes the rows that triggers have made and that refer to rows of a batch, other than those of the batch itself, for which
    /// `in_batch` holds as `c`. A table whose loaded rows are in other batches has lost them already, or keeps them until later.
    async fn delete_made(
        &self,
        connection: &Connection,
        reference: &Reference,
        rows: &std::ops::Range<u64>,
        in_batch: Option<&str>,
    ) -> Result<(), pg::Error> {
        let is_loaded = |child: TableId| self.table(child).is_loaded();
        let Some(made) = self.made.get(&(reference.schema.clone(), reference.table.clone())) else {
            return Ok(());
        };
        if reference.child.is_some_and(is_loaded) && in_batch.is_none() {
            return Ok(());
        }
        let goes = format!(
            "{} AND {} AND c.xmin = ANY ('{}'::pg_catalog.xid[]){}",
            joined(reference),
            self.condition(reference.parent, "t", rows),
            made.xids,
            in_batch.map(|own| format!(" AND NOT ({own})")).unwrap_or_default(),
        );
        let (child, parent) = (reference.only(), self.only(reference.parent));
        if !self.cascade {
            for to_made in made.references.iter().filter(|it| it.changes_rows || self.are_triggers_off) {
                let bound = format!(
                    "SELECT 1 FROM {child} AS c JOIN {parent} AS t ON {goes} JOIN {} AS d ON {} WHERE NOT ({})",
                    to_made.only(),
                    joined_as(to_made, "d", "c"),
                    self.is_of_run("d"),
                );
                if has_rows(connection, &bound, "look for rows that refer to those of triggers").await? {
                    return Err(pg::Error::Referenced {
                        child: quote::qualified(&to_made.schema, &to_made.table),
                        parent: quote::qualified(&reference.schema, &reference.table),
                    });
                }
            }
        }
        execute(connection, &format!("DELETE FROM {child} AS c USING {parent} AS t WHERE {goes}")).await
    }
}

async fn has_rows(connection: &Connection, query: &str, doing: &str) -> Result<bool, pg::Error> {
    let statement = format!("SELECT EXISTS ({query}) AS has_rows");
    let row = connection.query_one(&statement, &[]).await.map_err(pg::Error::query(doing))?;
    get(&row, "has_rows")
}

/// A table without those that inherit from it; of a partitioned one all partitions.
pub(super) fn only(schema: &str, table: &str, is_partitioned: bool) -> String {
    let only = if is_partitioned { "" } else { "ONLY " };
    format!("{only}{}", quote::qualified(schema, table))
}

/// The condition under which a row `c` refers to a row `t`.
pub(super) fn joined(reference: &Reference) -> String {
    joined_as(reference, "c", "t")
}

fn joined_as(reference: &Reference, child: &str, parent: &str) -> String {
    let pairs = reference.columns.iter().zip(&reference.parent_columns).map(|(own, parents)| {
        format!("{child}.{} = {parent}.{}", quote::identifier(own), quote::identifier(parents))
    });
    pairs.collect::<Vec<_>>().join(" AND ")
}

pub(super) fn reference(row: &Row, plan: &Plan) -> Result<Reference, pg::Error> {
    let (schema, table): (String, String) = (get(row, "schema")?, get(row, "table_name")?);
    let (root_schema, root): (String, String) = (get(row, "root_schema")?, get(row, "root_table")?);
    let child = plan.tables.iter().position(|it| it.schema == root_schema && it.name == root);
    Ok(Reference {
        name: get(row, "name")?,
        columns: get(row, "columns")?,
        parent: TableId::try_from(place(row, "parent")?).unwrap_or(TableId::MAX),
        parent_columns: get(row, "parent_columns")?,
        changes_rows: get(row, "changes_rows")?,
        child: child.and_then(|child| TableId::try_from(child).ok()),
        is_partitioned: get(row, "is_partitioned")?,
        has_index: get(row, "has_index")?,
        oid: get(row, "oid")?,
        schema,
        table,
    })
}

/// Reads a place that counts from 1.
pub(super) fn place(row: &Row, column: &str) -> Result<usize, pg::Error> {
    let place: i32 = get(row, column)?;
    Ok(usize::try_from(place).unwrap_or(1).saturating_sub(1))
}
