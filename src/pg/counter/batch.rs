//! Runs single batches: each is a transaction that locks few rows for a moment.

use std::time::{Duration, Instant};

use futures_util::future;
use tokio_postgres::types::ToSql;
use tokio_postgres::{Row, Statement};

use crate::counter::backfill::pace::BatchTime;
use crate::counter::backfill::sql::{self as batch_sql, LOCK_TIMEOUT, begin, begin_batch, lock_timeout};
use crate::counter::backfill::{Batch, Due, Key, Protocol};
use crate::counter::site::Site;
use crate::pg::catalog::get;
use crate::pg::{Connection, Error, Result, sql};

const DOING: &str = "count";

/// The statements that count the children of one site, prepared for a session.
pub(crate) struct Counting<'a> {
    site: &'a Site,
    begin: String,
    take_first: Statement,
    take_next: Statement,
    take_keys: Statement,
    put_aside: Vec<Statement>,
    count: Statement,
    /// What one scan of the child has seen.
    snapshot: Option<String>,
}

/// What a batch has done.
#[derive(Clone, Debug)]
pub(crate) struct Ran {
    /// The keys that it has looked at, with whether they are counted now.
    pub(crate) seen: Vec<(Key, bool)>,
    pub(crate) time: BatchTime,
}

/// What a fold has done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Folded {
    /// Parents whose pending changes were added.
    pub(crate) n_parents: u64,
    /// Changes of parents that are gone.
    pub(crate) n_orphans: u64,
}

/// Returns about how many rows tables have together.
pub(crate) async fn estimate(connection: &Connection, tables: &[u32]) -> Result<u64> {
    let row = connection.query_one(sql::COUNTER_ESTIMATE, &[&tables]).await.map_err(Error::query(DOING))?;
    Ok(get::<i64>(&row, "n_rows")?.unsigned_abs())
}

/// Returns how long to wait for a lock on a server: this long, or less where its sessions would look for deadlocks before.
pub(crate) async fn patience(connection: &Connection, wanted: Duration) -> Result<Duration> {
    let row = connection.query_one(sql::COUNTER_DEADLOCK_TIMEOUT, &[]).await.map_err(Error::query(DOING))?;
    Ok(lock_timeout(wanted, Duration::from_millis(get::<i64>(&row, "deadlock_timeout_ms")?.unsigned_abs())))
}

impl<'a> Counting<'a> {
    /// Prepares the statements; [`Protocol::Publish`] scans the child before.
    pub(crate) async fn start(
        connection: &Connection,
        site: &'a Site,
        due: Due,
        protocol: Protocol,
    ) -> Result<Self> {
        let timeout = patience(connection, LOCK_TIMEOUT).await?;
        // A plan for keys that it does not know could read the whole child.
        connection
            .query(sql::SET_CONFIG, &[&"plan_cache_mode", &"force_custom_plan"])
            .await
            .map_err(Error::query(DOING))?;
        let snapshot = match protocol {
            Protocol::Publish => Some(scan(connection, site, timeout).await?),
            Protocol::LockThenCount | Protocol::LockThenScan | Protocol::Snapshot => None,
        };
        let begin = begin_batch(site, protocol, timeout).join("; ");
        let prepare =
            async |statement: String| connection.prepare(&statement).await.map_err(Error::query(DOING));
        let prepared = async {
            let mut put_aside = Vec::new();
            for statement in batch_sql::put_aside(site, protocol) {
                put_aside.push(prepare(statement).await?);
            }
            Ok(Self {
                site,
                begin: begin.clone(),
                take_first: prepare(batch_sql::take_next(site, due, false)).await?,
                take_next: prepare(batch_sql::take_next(site, due, true)).await?,
                take_keys: prepare(batch_sql::take_keys(site, due)).await?,
                put_aside,
                count: prepare(batch_sql::count(site, protocol)).await?,
                snapshot,
            })
        };
        // The server locks tables to parse a statement, and would lock the parent before the child, which TRUNCATE locks first.
        transaction(connection, &begin, prepared).await
    }

    /// Runs a batch in two round trips, of which its locks are held for one.
    pub(crate) async fn run(&self, connection: &Connection, batch: &Batch) -> Result<Ran> {
        let start = Instant::now();
        let begin = async {
            connection.batch_execute(&self.begin).await.map_err(Error::query("begin a batch"))?;
            Ok(start.elapsed())
        };
        // What is polled first is sent first, and nobody waits for an answer in between.
        let (begun, taken) = future::join(begin, self.take(connection, batch)).await;
        let (latency, seen) = match begun.and_then(|latency| Ok((latency, taken?))) {
            Ok(taken) => taken,
            Err(error) => {
                roll_back(connection).await;
                return Err(error);
            }
        };
        let commit =
            async { connection.batch_execute("COMMIT").await.map_err(Error::query("commit a batch")) };
        // After an error the server takes the rest for refused, and COMMIT for ROLLBACK.
        let (counted, committed) = future::join(self.count(connection, &seen), commit).await;
        counted.and(committed)?;
        Ok(Ran { seen, time: BatchTime { elapsed: start.elapsed(), latency: 2 * latency } })
    }

    /// Locks the parents of a batch, and returns the keys that it has looked at with whether they were free.
    async fn take(&self, connection: &Connection, batch: &Batch) -> Result<Vec<(Key, bool)>> {
        let n = self.site.key.len();
        let rows = match batch {
            Batch::After { key: None, n_rows } => {
                query(connection, &self.take_first, &[&i64::from(*n_rows)]).await?
            }
            Batch::After { key: Some(key), n_rows } => {
                let n_rows = i64::from(*n_rows);
                let mut parameters: Vec<&(dyn ToSql + Sync)> = key.iter().map(|value| value as _).collect();
                parameters.push(&n_rows);
                query(connection, &self.take_next, &parameters).await?
            }
            Batch::Keys(keys) => {
                query(connection, &self.take_keys, &as_parameters(&columns(keys, n))).await?
            }
        };
        rows.iter().map(|row| Ok((key(row, n)?, get(row, "is_taken")?))).collect()
    }

    /// Counts the children of the parents that were free.
    async fn count(&self, connection: &Connection, seen: &[(Key, bool)]) -> Result<()> {
        let taken = seen.iter().filter(|(_, is_taken)| *is_taken).map(|(key, _)| key);
        let columns = columns(taken, self.site.key.len());
        if columns[0].is_empty() {
            return Ok(());
        }
        let keys = as_parameters(&columns);
        let mut with_snapshot = keys.clone();
        with_snapshot.extend(self.snapshot.iter().map(|snapshot| snapshot as &(dyn ToSql + Sync)));
        let put_aside = self.put_aside.iter().map(|statement| query(connection, statement, &with_snapshot));
        let put_aside = future::join_all(put_aside);
        let (put_aside, counted) = future::join(put_aside, query(connection, &self.count, &keys)).await;
        put_aside.into_iter().chain([counted]).collect::<Result<Vec<_>>>().map(drop)
    }
}

/// Counts the whole child in one scan, and returns its snapshot.
async fn scan(connection: &Connection, site: &Site, timeout: Duration) -> Result<String> {
    let begin = begin(site, Protocol::Snapshot, timeout).join("; ");
    let scan = async {
        let mut snapshot = None;
        for statement in batch_sql::scan(site) {
            let rows =
                connection.query(&statement, &[]).await.map_err(Error::query("scan the counted table"))?;
            snapshot = rows.first().map(|row| get(row, "snapshot")).transpose()?;
        }
        snapshot
            .ok_or_else(|| Error::Answer { what: "the scan".to_owned(), reason: "no snapshot".to_owned() })
    };
    transaction(connection, &begin, scan).await
}

/// Makes uncounted rows for the next keys of a child, and returns them.
pub(crate) async fn make_rows(
    connection: &Connection,
    site: &Site,
    (cursor, n_rows): (Option<&Key>, u32),
    timeout: Duration,
) -> Result<Vec<Key>> {
    let begin = begin(site, Protocol::LockThenCount, timeout).join("; ");
    let n = site.key.len();
    let make = async {
        let n_rows = i64::from(n_rows);
        let mut parameters: Vec<&(dyn ToSql + Sync)> =
            cursor.into_iter().flatten().map(|value| value as _).collect();
        parameters.push(&n_rows);
        let select = batch_sql::next_child_keys(site, cursor.is_some());
        let rows = connection.query(&select, &parameters).await.map_err(Error::query(DOING))?;
        let keys = rows.iter().map(|row| key(row, n)).collect::<Result<Vec<_>>>()?;
        insert_rows(connection, site, &keys).await?;
        Ok(keys)
    };
    transaction(connection, &begin, make).await
}

/// Makes uncounted rows for these keys, where there are none.
pub(super) async fn make_rows_of(
    connection: &Connection,
    site: &Site,
    keys: &[Key],
    timeout: Duration,
) -> Result<()> {
    let begin = begin(site, Protocol::LockThenCount, timeout).join("; ");
    transaction(connection, &begin, insert_rows(connection, site, keys)).await
}

async fn insert_rows(connection: &Connection, site: &Site, keys: &[Key]) -> Result<()> {
    let columns = columns(keys, site.key.len());
    let inserted = connection.execute(&batch_sql::make_rows(site), &as_parameters(&columns)).await;
    inserted.map(drop).map_err(Error::query(DOING))
}

/// Makes uncounted rows for all keys of a child at once.
pub(crate) async fn make_all_rows(connection: &Connection, site: &Site, timeout: Duration) -> Result<u64> {
    let begin = begin(site, Protocol::LockThenCount, timeout).join("; ");
    let make =
        async { connection.execute(&batch_sql::make_all_rows(site), &[]).await.map_err(Error::query(DOING)) };
    transaction(connection, &begin, make).await
}

/// Adds up pending changes, looking at this many of them.
pub(crate) async fn fold(
    connection: &Connection,
    site: &Site,
    n_rows: u32,
    timeout: Duration,
) -> Result<Folded> {
    let begin = begin(site, Protocol::LockThenCount, timeout).join("; ");
    let n = site.key.len();
    let fold = async {
        let n_rows = i64::from(n_rows);
        let rows = connection.query(&batch_sql::fold_take(site), &[&n_rows]).await;
        let rows = rows.map_err(Error::query("fold"))?;
        let keys = rows.iter().map(|row| key(row, n)).collect::<Result<Vec<_>>>()?;
        if keys.is_empty() {
            let n_orphans = connection.execute(&batch_sql::fold_orphans(site), &[&n_rows]).await;
            return Ok(Folded { n_parents: 0, n_orphans: n_orphans.map_err(Error::query("fold"))? });
        }
        let columns = columns(&keys, n);
        let add = batch_sql::fold_add(site);
        let n_parents = connection.execute(&add, &as_parameters(&columns)).await;
        Ok(Folded { n_parents: n_parents.map_err(Error::query("fold"))?, n_orphans: 0 })
    };
    transaction(connection, &begin, fold).await
}

/// Whether anything is pending.
pub(crate) async fn has_pending(connection: &Connection, site: &Site) -> Result<bool> {
    let row = connection.query_one(&batch_sql::has_pending(site), &[]).await.map_err(Error::query("fold"))?;
    get(&row, "has_pending")
}

/// Runs a body between the statements that begin a transaction and its commit.
async fn transaction<T>(
    connection: &Connection,
    begin: &str,
    body: impl Future<Output = Result<T>>,
) -> Result<T> {
    let work = async {
        connection.batch_execute(begin).await.map_err(Error::query("begin a batch"))?;
        let result = body.await?;
        connection.batch_execute("COMMIT").await.map_err(Error::query("commit a batch"))?;
        Ok(result)
    };
    let result = work.await;
    if result.is_err() {
        roll_back(connection).await;
    }
    result
}

async fn roll_back(connection: &Connection) {
    if !connection.is_closed() {
        // Where this fails, the session is lost, and the server rolls back by itself.
        _ = connection.batch_execute("ROLLBACK").await;
    }
}

async fn query(
    connection: &Connection,
    statement: &Statement,
    parameters: &[&(dyn ToSql + Sync)],
) -> Result<Vec<Row>> {
    connection.query(statement, parameters).await.map_err(Error::query(DOING))
}

/// Returns a key from the columns `k1` … of a row.
fn key(row: &Row, n: usize) -> Result<Key> {
    (1..=n).map(|i| get(row, &format!("k{i}"))).collect()
}

/// Turns keys into an array for each of their columns.
fn columns<'k>(keys: impl IntoIterator<Item = &'k Key>, n: usize) -> Vec<Vec<&'k str>> {
    let mut columns = vec![Vec::new(); n];
    for key in keys {
        for (column, value) in columns.iter_mut().zip(key) {
            column.push(value.as_str());
        }
    }
    columns
}

fn as_parameters<'v>(columns: &'v [Vec<&str>]) -> Vec<&'v (dyn ToSql + Sync)> {
    columns.iter().map(|column| column as &(dyn ToSql + Sync)).collect()
}
