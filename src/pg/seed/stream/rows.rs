//! The rows of a chunk on their way into their tables, their stages or their partitions.

use std::ops::Range;
use std::pin::Pin;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::SinkExt as _;
use tokio_postgres::{CopyInSink, ToStatement};

use super::{At, Failed, Stream};
use crate::pg::connect::Connection;
use crate::pg::error::{Error, Result};
use crate::pg::interrupt::Interrupt;
use crate::pg::seed::feed::{Feed, Piece, To};
use crate::pg::seed::refused::line;
use crate::pg::seed::stage;
use crate::seed::plan::Plan;
use crate::seed::schema::TableId;

impl Stream<'_> {
    pub(in crate::pg::seed) async fn prepare_stages(
        &mut self,
        parts: &[(TableId, Range<u64>)],
    ) -> Result<()> {
        let plan = Arc::clone(&self.shared.plan);
        let Some(session) = &mut self.session else { return Ok(()) };
        for (table, _) in parts {
            let planned = &plan.tables[usize::from(*table)];
            if planned.is_staged && !session.staged.contains(table) {
                session
                    .connection
                    .batch_execute(&stage::create(planned, *table))
                    .await
                    .map_err(Error::query(format!("stage rows of table \"{}\"", planned.name)))?;
                session.staged.insert(*table);
            }
        }
        Ok(())
    }

    /// Puts rows, which are asked for, into their tables. With `looks_ahead` they are all of the transaction, and the rows of the
    /// next chunk are asked for as soon as these are made.
    pub(in crate::pg::seed) async fn put(
        &mut self,
        parts: &[(TableId, Range<u64>)],
        looks_ahead: bool,
    ) -> Result<u64, Failed> {
        let plan = Arc::clone(&self.shared.plan);
        let mut n_bytes = 0;
        for (place, (table, rows)) in parts.iter().enumerate() {
            let looks_ahead = looks_ahead && place + 1 == parts.len();
            n_bytes += self.copy(*table, rows, looks_ahead).await?;
        }
        let staged: Vec<_> =
            parts.iter().filter(|(table, _)| plan.tables[usize::from(*table)].is_staged).collect();
        let Some((first, _)) = staged.first() else { return Ok(n_bytes) };
        let tables: Vec<TableId> = staged.iter().map(|(table, _)| *table).collect();
        let name = &plan.tables[usize::from(*first)].name;
        let failed = |error| Failed { error, at: At::Rows(None) };
        let row = self
            .session()
            .connection
            .query_one(&stage::insert(&plan, &tables), &[])
            .await
            .map_err(Error::query(format!("insert rows into table \"{name}\"")))
            .map_err(failed)?;
        for (place, (table, rows)) in staged.iter().enumerate() {
            let arrived: i64 =
                row.try_get(place).map_err(Error::query("count the inserted rows")).map_err(failed)?;
            arrived_all(&plan, *table, arrived.unsigned_abs(), rows).map_err(failed)?;
        }
        if !looks_ahead {
            // The next part comes in the same transaction.
            self.execute(&stage::empty(&tables)).await.map_err(failed)?;
        }
        Ok(n_bytes)
    }

    /// Copies rows into their table, into its stage, or into its partitions.
    async fn copy(&mut self, table: TableId, rows: &Range<u64>, looks_ahead: bool) -> Result<u64, Failed> {
        let failed = |error| Failed { error, at: At::Rows(None) };
        let is_split = looks_ahead && self.to(table) == To::Partitions;
        let (mut n_bytes, mut arrived) = (0, 0);
        if is_split {
            // Pieces come in the order of the jobs, so that the next one can be asked for at once.
            self.look_ahead();
            while let Some(leaf) = self.next_copy(table).await.map_err(failed)? {
                let (sink, n) = self.send_copy(table, leaf).await.map_err(failed)?;
                n_bytes += n;
                arrived += finish(sink, &self.doing(table)).await.map_err(failed)?;
            }
        } else {
            let (sink, n) = self.send_copy(table, None).await.map_err(failed)?;
            if looks_ahead {
                self.look_ahead();
            }
            n_bytes = n;
            arrived = finish(sink, &self.doing(table)).await.map_err(|error| {
                let row = line(&error).and_then(|line| rows.start.checked_add(line.checked_sub(1)?));
                Failed { error, at: At::Rows(row) }
            })?;
        }
        arrived_all(&self.shared.plan, table, arrived, rows).map_err(failed)?;
        Ok(n_bytes)
    }

    /// Whether a table's rows are copied into its partitions by name.
    pub(super) fn to(&self, table: TableId) -> To {
        let planned = &self.shared.plan.tables[usize::from(table)];
        if planned.is_staged || planned.routing.is_none() { To::Table } else { To::Partitions }
    }

    fn doing(&self, table: TableId) -> String {
        format!("copy rows into table \"{}\"", self.shared.plan.tables[usize::from(table)].name)
    }

    /// Returns where the next copy of a table's rows goes; `None` when all have come.
    async fn next_copy(&mut self, table: TableId) -> Result<Option<Option<u16>>> {
        match self.feed.next().await {
            Some(Piece::Into(leaf)) => Ok(Some(leaf)),
            Some(Piece::End) => Ok(None),
            _ => Err(Error::NoRows { doing: self.doing(table) }),
        }
    }

    /// Starts a copy and sends what was asked for.
    async fn send_copy(
        &mut self,
        table: TableId,
        leaf: Option<u16>,
    ) -> Result<(Pin<Box<CopyInSink<Bytes>>>, u64)> {
        let doing = self.doing(table);
        let planned = &self.shared.plan.tables[usize::from(table)];
        let session = self.session.as_mut().expect("it was connected before");
        let statement = if let Some(statement) = session.copies.get(&(table, leaf)) {
            statement.clone()
        } else {
            let text = stage::copy(planned, &stage::destination(planned, table, leaf));
            let statement = session.connection.prepare(&text).await.map_err(Error::query(doing.clone()))?;
            session.copies.insert((table, leaf), statement.clone());
            statement
        };
        send(&session.connection, &statement, &mut self.feed, self.shared.interrupt, &doing).await
    }
}

/// Sends the rows that were asked for first, and returns the open end of their copy and the number of bytes.
pub(in crate::pg::seed) async fn send<T: ?Sized + ToStatement>(
    connection: &Connection,
    statement: &T,
    feed: &mut Feed,
    interrupt: &Interrupt,
    doing: &str,
) -> Result<(Pin<Box<CopyInSink<Bytes>>>, u64)> {
    let mut sink = Box::pin(connection.copy_in::<_, Bytes>(statement).await.map_err(Error::query(doing))?);
    let mut n_bytes = 0;
    loop {
        match feed.next().await {
            Some(Piece::Rows(bytes)) => {
                if interrupt.is_raised() {
                    return Err(Error::Interrupted);
                }
                n_bytes += bytes.len() as u64;
                sink.send(bytes).await.map_err(Error::query(doing))?;
            }
            Some(Piece::End | Piece::EndOfCopy) => return Ok((sink, n_bytes)),
            Some(Piece::Into(_)) | None => return Err(Error::NoRows { doing: doing.to_owned() }),
        }
    }
}

/// Ends a copy and returns the number of its rows. What the server has against one of them is said here.
pub(in crate::pg::seed) async fn finish(mut sink: Pin<Box<CopyInSink<Bytes>>>, doing: &str) -> Result<u64> {
    sink.as_mut().finish().await.map_err(Error::query(doing))
}

/// Refuses what has lost rows on its way: the server took fewer than were sent, or more.
pub(in crate::pg::seed) fn arrived_all(
    plan: &Plan,
    table: TableId,
    arrived: u64,
    rows: &Range<u64>,
) -> Result<()> {
    let sent = rows.end - rows.start;
    if arrived == sent {
        return Ok(());
    }
    Err(Error::RowsLost { table: plan.tables[usize::from(table)].name.clone(), arrived, sent })
}
