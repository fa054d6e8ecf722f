//! Indexes that streams have left half empty are built anew after the rows.
//!
//! A build is one statement of its own, so that one that is cut short leaves the index as it was, and what is built is not loose any
//! more: going on with a run needs no journal of it.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use tokio_postgres::Row;

use super::coordinator::Coordinator;
use super::indexes::{self, Place};
use super::{Event, finish};
use crate::index::change::IndexName;
use crate::pg::catalog::get;
use crate::pg::connect::Connection;
use crate::pg::error::{Error, Result};
use crate::pg::sql;
use crate::seed::plan::Plan;
use crate::seed::schema::TableId;
use crate::seed::size::loose::{Btree, is_shared, may_be_loose};
use crate::seed::size::work::{Phase, Task};

/// An index that streams may leave half empty.
pub(super) struct Rising {
    pub(super) table: TableId,
    index: IndexName,
    /// The index that it is, or is a part of.
    root: (String, String),
    btree: Btree,
    /// Several streams fill it.
    is_shared: bool,
}

/// Returns the indexes that so many streams may leave half empty.
pub(super) async fn rising(connection: &Connection, plan: &Plan, n_streams: usize) -> Result<Vec<Rising>> {
    let doing = || Error::query("look for half-empty indexes");
    let schemas: Vec<&str> = plan.tables.iter().map(|table| table.schema.as_str()).collect();
    let names: Vec<&str> = plan.tables.iter().map(|table| table.name.as_str()).collect();
    let rows = connection.query(sql::SEED_BTREES, &[&schemas, &names]).await.map_err(doing())?;
    let all: Result<Vec<Option<Rising>>> = rows.iter().map(|row| read(row, plan, n_streams)).collect();
    Ok(all?.into_iter().flatten().collect())
}

/// Returns the index of a row if it may be left half empty.
fn read(row: &Row, plan: &Plan, n_streams: usize) -> Result<Option<Rising>> {
    let place = get::<i64>(row, "ordinality")? - 1;
    let planned = usize::try_from(place).ok().and_then(|place| plan.tables.get(place));
    let (Some(planned), Ok(table)) = (planned, TableId::try_from(place)) else { return Ok(None) };
    if !may_be_loose(planned, &get::<String>(row, "first_key")?) {
        return Ok(None);
    }
    let lengths: Vec<i16> = get(row, "lengths")?;
    let btree = Btree {
        is_of_each_row: get(row, "is_of_each_row")?,
        // Of a table that was never vacuumed nobody knows.
        n_rows: u64::try_from(get::<i64>(row, "n_rows")?).ok().filter(|n| *n > 0),
        size_bytes: get::<i64>(row, "size_bytes")?.unsigned_abs(),
        fillfactor: u64::from(get::<i32>(row, "fillfactor")?.unsigned_abs()),
        fields: lengths.into_iter().zip(get::<Vec<i16>>(row, "alignments")?).collect(),
    };
    let index =
        IndexName { schema: get(row, "schema")?, table: get(row, "table_name")?, name: get(row, "name")? };
    let root = (get(row, "root_schema")?, get(row, "root_name")?);
    Ok(Some(Rising { table, index, root, btree, is_shared: is_shared(planned, n_streams) }))
}

/// Returns the indexes, by schema and name, that are as a build makes them after a run of so many streams, however the streams met.
pub(super) async fn built_anew(
    connection: &Connection,
    plan: &Plan,
    n_streams: usize,
) -> Result<BTreeSet<(String, String)>> {
    let rising = rising(connection, plan, n_streams).await?;
    let known = rising.into_iter().filter(|it| it.is_shared || it.btree.has_known_size());
    Ok(known.map(|it| it.root).collect())
}

/// Returns how many indexes of each table several streams are expected to leave half empty.
pub(super) async fn expected(
    connection: &Connection,
    plan: &Plan,
    n_streams: usize,
) -> Result<Vec<(TableId, u32)>> {
    let mut expected: Vec<(TableId, u32)> = Vec::new();
    for index in rising(connection, plan, n_streams).await?.iter().filter(|index| index.is_shared) {
        match expected.last_mut().filter(|(table, _)| *table == index.table) {
            Some((_, n)) => *n += 1,
            None => expected.push((index.table, 1)),
        }
    }
    Ok(expected)
}

/// Builds those indexes anew that are half empty, in so many sessions, after VACUUM has counted the rows. What the server refuses is a
/// warning: the index is there.
pub(super) async fn rebuild(
    place: Place<'_>,
    coordinator: &Coordinator<'_>,
    plan: &Plan,
    n_sessions: usize,
) -> Result<()> {
    let rising = rising(&*coordinator.connection().await?, plan, n_sessions).await?;
    let is_loose = |index: &Rising| index.btree.is_loose(index.is_shared);
    let loose: Vec<Rising> = rising.into_iter().filter(is_loose).collect();
    if loose.is_empty() {
        return Ok(());
    }
    (place.on)(Event::Phase { phase: Phase::Loose, n: loose.len() });
    let n_sessions = n_sessions.min(loose.len());
    let left = Mutex::new(loose.into_iter());
    let next = || left.lock().unwrap_or_else(PoisonError::into_inner).next();
    let session = async || -> Result<()> {
        let worker = indexes::connect(place).await?;
        while let Some(Rising { table, index, .. }) = next() {
            let start = Instant::now();
            let statement = format!("REINDEX INDEX {}", index.qualified());
            let doing = format!("build index \"{}\" on table \"{}\" anew", index.name, index.table);
            if let Err(error) = indexes::run_patiently(place, &worker, &doing, &statement).await {
                finish::warn(place.interrupt, error, &statement, place.on)?;
            }
            (place.on)(Event::Step { task: Task::Loose(table), took: start.elapsed() });
        }
        Ok(())
    };
    futures_util::future::try_join_all((0..n_sessions).map(|_| session())).await.map(drop)
}
