//! Looks at the server while a load runs, by a session of its own.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use super::catalog::get;
use super::connect::Connection;
use super::error::{Error, Result};
use super::explain::{self, Parameters};
use super::{sql, stat};
use crate::bench::baseline::Work;
use crate::bench::server::{BlocksAt, Counters, Row, Seen, ServerWork, Snapshot};
use crate::bench::validity::Blocks;
use crate::plan;

const DOING: &str = "look at the server during the load";
/// How often sessions are looked at, and the counters of blocks, which the server renews once a second.
const SAMPLE_INTERVAL: Duration = Duration::from_millis(100);
const SAMPLES_PER_BLOCKS: usize = 10;
/// A server that takes longer to say its last is not waited for: the result of a run has to come out.
const LAST_LOOK: Duration = Duration::from_millis(500);

/// What is seen from the end of the warm-up on.
pub(crate) struct Watch<'c> {
    connection: &'c Connection,
    /// The statement that reads `pg_stat_statements`; `None` where that is not there.
    statements: Option<String>,
    before: Option<Snapshot>,
    seen: Seen,
    blocks: Vec<BlocksAt>,
    notes: Vec<String>,
}

impl<'c> Watch<'c> {
    pub(crate) async fn new(connection: &'c Connection) -> Result<Self> {
        let mut this = Self {
            connection,
            statements: stat::qualified(connection, sql::BENCH_STATEMENTS).await?,
            before: None,
            seen: Seen::default(),
            blocks: Vec::new(),
            notes: Vec::new(),
        };
        if this.statements.is_none() {
            this.notes.push(
                "pg_stat_statements is not in this database, so there is no work by statement".to_owned(),
            );
        }
        Ok(this)
    }

    /// Looks from the end of the warm-up on, until it is dropped. If that fails, it waits without looking.
    pub(crate) async fn run(&mut self, warm_up: Duration) {
        tokio::time::sleep(warm_up).await;
        if let Err(error) = self.look().await {
            self.notes.push(format!("the server was not looked at to the end: {error}"));
        }
        std::future::pending::<()>().await;
    }

    async fn look(&mut self) -> Result<()> {
        self.before = Some(self.snapshot().await?);
        let start = Instant::now();
        let mut ticks = tokio::time::interval(SAMPLE_INTERVAL);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Skip);
        loop {
            ticks.tick().await;
            if self.seen.n_looks.is_multiple_of(SAMPLES_PER_BLOCKS) {
                self.blocks.push((start.elapsed(), database_blocks(self.connection).await?));
            }
            self.sample().await?;
        }
    }

    /// Returns what was seen, and the blocks of the database over time.
    pub(crate) async fn finish(mut self, statements: &[(&str, &str)]) -> (ServerWork, Vec<BlocksAt>) {
        let before = self.before.take().unwrap_or_default();
        let after = match tokio::time::timeout(LAST_LOOK, self.snapshot()).await {
            Ok(Ok(after)) => after,
            Ok(Err(error)) => {
                self.notes.push(format!("the server's counters could not be read at the end: {error}"));
                Snapshot::default()
            }
            Err(_) => {
                self.notes.push("the server did not say its counters in time at the end".to_owned());
                Snapshot::default()
            }
        };
        let mut work = ServerWork::of(&before, &after, &self.seen, statements);
        work.notes = self.notes;
        (work, self.blocks)
    }

    async fn snapshot(&self) -> Result<Snapshot> {
        let statements = match &self.statements {
            Some(statement) => stat::rows_if_loaded(self.connection, statement, &[]).await?,
            None => None,
        };
        let statements = statements.map(|rows| rows.iter().map(row).collect::<Result<_>>()).transpose()?;
        let checkpoints = match self.connection.major() {
            ..=16 => sql::BENCH_CHECKPOINTS,
            _ => sql::BENCH_CHECKPOINTS_PG17,
        };
        let checkpoints = self.connection.query_one(checkpoints, &[]).await.map_err(Error::query(DOING))?;
        Ok(Snapshot { statements, checkpoints: Some(count(&checkpoints, "n")?) })
    }

    async fn sample(&mut self) -> Result<()> {
        let rows = self.connection.query(sql::BENCH_ACTIVITY, &[]).await.map_err(Error::query(DOING))?;
        self.seen.n_looks += 1;
        for row in rows {
            let (kind, name): (String, String) = (get(&row, "kind")?, get(&row, "name")?);
            match kind.as_str() {
                "wait" => *self.seen.waits.entry(name).or_default() += count(&row, "n")?,
                _ => _ = self.seen.autovacuum.insert(name),
            }
        }
        Ok(())
    }
}

async fn database_blocks(connection: &Connection) -> Result<Blocks> {
    let row = connection.query_one(sql::BENCH_BLOCKS, &[]).await.map_err(Error::query(DOING))?;
    Ok(Blocks { hit: count(&row, "blks_hit")?, read: count(&row, "blks_read")? })
}

/// Returns the blocks of the database once sessions that have just ended have counted theirs; `None` of a server whose counters
/// come too late for that (before 15, a process of their own collects them).
pub(crate) async fn settled_blocks(connection: &Connection) -> Result<Option<Blocks>> {
    const FIRST_WITH_SHARED_COUNTERS: u32 = 15;
    const PAUSE: Duration = Duration::from_millis(30);
    const MAX_LOOKS: usize = 10;
    if connection.major() < FIRST_WITH_SHARED_COUNTERS {
        return Ok(None);
    }
    let mut blocks = None;
    for _ in 0..MAX_LOOKS {
        tokio::time::sleep(PAUSE).await;
        let before = blocks.replace(database_blocks(connection).await?);
        if before == blocks {
            break;
        }
    }
    Ok(blocks)
}

/// Returns what a statement needs for these values: it is run, and rolled back.
pub(crate) async fn work(
    connection: &mut Connection,
    statement: &str,
    values: &Parameters,
    allow_writes: bool,
) -> Result<Work> {
    let plan = explain::work(connection, statement, values, allow_writes).await?;
    let number = |name| {
        let number = explain::top_number(&plan, name)?;
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "counts are not negative"
        )]
        let count = number.round() as u64;
        Ok::<u64, Error>(count)
    };
    Ok(Work {
        blocks: number("Shared Hit Blocks")? + number("Shared Read Blocks")?,
        temp_blocks: number("Temp Read Blocks")? + number("Temp Written Blocks")?,
        rows: number("Actual Rows")?,
        wal_records: number("WAL Records")?,
        plans: [shape(&plan)?].into(),
    })
}

/// Returns the settings that plans depend on, with their values.
pub(crate) async fn settings(connection: &Connection) -> Result<BTreeMap<String, String>> {
    // The version has its own place.
    const NO_SETTINGS: [&str; 2] = ["server_version_num", "track_io_timing"];
    let rows = connection.query(sql::SETTINGS, &[]).await.map_err(Error::query(DOING))?;
    let setting =
        |row: &tokio_postgres::Row| Ok((get::<String>(row, "name")?, get::<String>(row, "setting")?));
    let mut settings = rows.iter().map(setting).collect::<Result<BTreeMap<_, _>>>()?;
    settings.retain(|name, _| !NO_SETTINGS.contains(&name.as_str()));
    Ok(settings)
}

/// Returns how many tables the database has, and their bytes.
pub(crate) async fn data(connection: &Connection) -> Result<(u64, u64)> {
    let row = connection.query_one(sql::BENCH_DATA, &[]).await.map_err(Error::query(DOING))?;
    Ok((count(&row, "n_tables")?, count(&row, "bytes")?))
}

/// Returns the identity of a statement's plan for these values; it is not run.
pub(crate) async fn plan_shape(
    connection: &Connection,
    statement: &str,
    values: &Parameters,
) -> Result<String> {
    shape(&explain::estimate(connection, statement, values).await?)
}

/// Returns the identity of a plan as EXPLAIN writes it in JSON.
pub(crate) fn shape(plan: &str) -> Result<String> {
    let fail = |reason: String| Error::Answer { what: "EXPLAIN".to_owned(), reason };
    let read = plan::read::plans(plan.as_bytes()).map_err(|error| fail(error.to_string()))?;
    let first = read.plans.first().ok_or_else(|| fail("there is no plan".to_owned()))?;
    Ok(plan::shape_hash(first))
}

fn row(row: &tokio_postgres::Row) -> Result<Row> {
    Ok(Row {
        query_id: get(row, "queryid")?,
        query: get(row, "query")?,
        counters: Counters {
            calls: count(row, "calls")?,
            rows: count(row, "rows")?,
            exec_ms: get(row, "exec_ms")?,
            blocks_hit: count(row, "shared_blks_hit")?,
            blocks_read: count(row, "shared_blks_read")?,
            blocks_dirtied: count(row, "shared_blks_dirtied")?,
            temp_blocks: count(row, "temp_blks")?,
            wal_records: count(row, "wal_records")?,
            wal_bytes: count(row, "wal_bytes")?,
        },
    })
}

/// Reads a counter, which is never negative.
fn count(row: &tokio_postgres::Row, column: &str) -> Result<u64> {
    Ok(u64::try_from(get::<i64>(row, column)?).unwrap_or(0))
}
