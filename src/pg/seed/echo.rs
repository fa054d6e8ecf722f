//! Compares what the server holds of rehearsed rows with what it was sent: triggers may change it.

use std::iter;

use bytes::{Bytes, BytesMut};

use super::{copy, existing, stage};
use crate::pg::catalog::get;
use crate::pg::connect::Connection;
use crate::pg::error::{Error, Result};
use crate::pg::sql;
use crate::query::quote;
use crate::seed::make::world::World;
use crate::seed::plan::{Gap, Plan, TablePlan};
use crate::seed::schema::{Relation, TableId, Trigger};
use crate::seed::wire::read::{Images, images};
use crate::seed::wire::rows::RowWriter;

const DOING: &str = "read rehearsed rows";

/// Returns the columns of a table that does not hold what was sent to it, in the transaction that has loaded all of the plan's
/// rows of it. Tables that held rows before are not looked at, nor are those that the session may not read.
pub(super) async fn changed(
    connection: &Connection,
    plan: &Plan,
    table: TableId,
    relation: &Relation,
) -> Result<Vec<Gap>> {
    let planned = &plan.tables[usize::from(table)];
    if relation.triggers.is_empty() || relation.is_filled || planned.fed_by.is_some() {
        return Ok(Vec::new());
    }
    execute(connection, "SAVEPOINT perfkit_echo").await?;
    let echo = Echo { connection, plan, planned, table };
    let columns = match echo.changed().await {
        Err(Error::Query { source, .. }) if source.as_db_error().is_some() => Vec::new(),
        columns => columns?,
    };
    execute(connection, "ROLLBACK TO SAVEPOINT perfkit_echo; RELEASE SAVEPOINT perfkit_echo").await?;
    let gap = |column: &str| Gap::Changed {
        table: quote::qualified(&relation.schema, &relation.name),
        column: column.to_owned(),
        reason: by(&relation.triggers),
    };
    Ok(columns.into_iter().map(gap).collect())
}

struct Echo<'e> {
    connection: &'e Connection,
    plan: &'e Plan,
    planned: &'e TablePlan,
    table: TableId,
}

impl<'e> Echo<'e> {
    /// Returns the names of columns that lack values which were sent.
    async fn changed(&self) -> Result<Vec<&'e str>> {
        let name = sql::quote_qualified(&self.planned.schema, &self.planned.name);
        let names: Vec<String> =
            self.planned.columns.iter().map(|column| sql::quote_identifier(&column.name)).collect();
        let rows = self.sent().await?;
        let held = self.copied(&name, &names).await?;
        let n = names.len();
        let (Some(sent), Some(held)) = (images(&rows, n), images(&held, n)) else {
            return Ok(Vec::new());
        };
        let suspects: Vec<usize> = (0..n).filter(|at| lacks(&held[*at], &sent[*at])).collect();
        if suspects.is_empty() {
            return Ok(Vec::new());
        }
        // Types may write what they read in other bytes, such as padded texts: rows of a table without triggers are as good.
        let staged = self.staged(rows.clone()).await?;
        let lacks: Vec<String> = suspects
            .iter()
            .map(|at| {
                let column = &names[*at];
                format!(
                    "EXISTS (SELECT {column}::pg_catalog.text FROM {staged} EXCEPT ALL SELECT {column}::pg_catalog.text FROM {name})"
                )
            })
            .collect();
        let query = format!("SELECT ARRAY[{}] AS lacks", lacks.join(", "));
        let row = self.connection.query_one(&query, &[]).await.map_err(Error::query(DOING))?;
        let lacks: Vec<bool> = get(&row, "lacks")?;
        let changed = suspects.into_iter().zip(lacks).filter(|(_, lacks)| *lacks);
        Ok(changed.map(|(at, _)| self.planned.columns[at].name.as_str()).collect())
    }

    /// Returns all rows of the table as COPY BINARY.
    async fn sent(&self) -> Result<Vec<u8>> {
        let patches = existing::rehearsed(self.connection, self.plan, [self.table]).await?;
        let world = World::new(self.plan, &patches);
        Ok(RowWriter::new(&world, self.table).copy(iter::once(0..self.planned.n_rows)))
    }

    async fn copied(&self, name: &str, columns: &[String]) -> Result<BytesMut> {
        let query = format!("COPY (SELECT {} FROM {name}) TO STDOUT (FORMAT binary)", columns.join(", "));
        let stream = self.connection.copy_out(&query).await.map_err(Error::query(DOING))?;
        copy::receive(stream).await.map_err(Error::query(DOING))
    }

    /// Copies rows into a stage and returns its name.
    async fn staged(&self, rows: Vec<u8>) -> Result<String> {
        let name = stage::name(self.table);
        execute(self.connection, &stage::create(self.planned, self.table)).await?;
        let into = stage::copy(self.planned, &name);
        let sink = self.connection.copy_in::<_, Bytes>(&into).await.map_err(Error::query(DOING))?;
        copy::send(sink, rows).await.map_err(Error::query(DOING))?;
        Ok(name)
    }
}

/// Whether cells that were sent, in any order, are not all held; there may be others.
fn lacks(held: &Images<'_>, sent: &Images<'_>) -> bool {
    let (mut held, mut sent) = (held.clone(), sent.clone());
    held.sort_unstable();
    sent.sort_unstable();
    let mut held = held.into_iter();
    !sent.into_iter().all(|cell| held.by_ref().any(|it| it == cell))
}

/// Says which trigger may have changed a column.
fn by(triggers: &[Trigger]) -> String {
    let names = |is_likely: &dyn Fn(&Trigger) -> bool| {
        triggers.iter().filter(|it| is_likely(it)).map(|it| it.name.as_str()).collect::<Vec<_>>()
    };
    let before = names(&|trigger| trigger.is_before && trigger.is_row_level);
    match &(if before.is_empty() { names(&|_| true) } else { before })[..] {
        [one] => format!("trigger {one}"),
        several => format!("one of the triggers {}", several.join(", ")),
    }
}

async fn execute(connection: &Connection, statement: &str) -> Result<()> {
    connection.batch_execute(statement).await.map_err(Error::query(DOING))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_are_compared_in_any_order() {
        fn of<'c>(cells: &[&'c str]) -> Images<'c> {
            cells.iter().map(|cell| Some(cell.as_bytes())).collect()
        }
        let check = |held: &[&str], sent: &[&str], expected: bool| {
            assert_eq!(lacks(&of(held), &of(sent)), expected, "{held:?} {sent:?}");
        };
        check(&["b", "a"], &["a", "b"], false);
        check(&["b", "a", "c"], &["a", "b"], false);
        check(&["a", "b"], &["a", "a"], true);
        check(&[], &["a"], true);
        check(&["a"], &[], false);
    }

    #[test]
    fn the_likeliest_trigger_is_named() {
        let trigger = |name: &str, is_before| Trigger {
            name: name.to_owned(),
            function: String::new(),
            is_before,
            is_row_level: true,
            is_deferrable: false,
        };
        let check = |triggers: &[Trigger], expected: &str| assert_eq!(by(triggers), expected);
        check(&[trigger("a", true), trigger("b", false)], "trigger a");
        check(&[trigger("b", false)], "trigger b");
        check(&[trigger("a", true), trigger("c", true)], "one of the triggers a, c");
    }
}
