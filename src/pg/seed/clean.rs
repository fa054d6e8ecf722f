//! Deletes the rows of a run, and leaves everything else as it was before.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio_postgres::Row;
use tokio_postgres::error::SqlState;

use super::coordinator::Coordinator;
use super::feed::{Feed, To};
use super::indexes::Place;
use super::load::{choose, is_changed};
use super::{Event, indexes, manifest, partition, sequences, stage, stream};
use crate::error::{Error, Result};
use crate::index::change::failure::{self, Failure};
use crate::pg;
use crate::pg::catalog::get;
use crate::pg::connect::{Connection, Target};
use crate::pg::interrupt::Interrupt;
use crate::pg::sql;
use crate::query::quote;
use crate::seed::clean::{Batch, By, batches, by, condition};
use crate::seed::manifest::{Done, Run, RunState};
use crate::seed::plan::{Plan, TablePlan};
use crate::seed::schema::TableId;
use crate::sources::now_us;

/// A server that restarts is waited for so long.
const PATIENCE: Duration = Duration::from_mins(1);
/// A smaller table is read as fast as an index finds its rows: 32 pages.
const LEAST_HELPED_BYTES: i64 = 32 * 8_192;
/// How often a batch is tried whose rows somebody has locked.
const MAX_BUSY: u32 = 5;

#[derive(Clone, Copy, Debug)]
pub(crate) struct Options<'o> {
    /// The beginning of the run's id; the newest that is not cleaned without it.
    pub(crate) run: Option<&'o str>,
    /// Let foreign keys change rows that are not of the run.
    pub(crate) cascade: bool,
    /// Neither triggers nor foreign keys act on what is deleted; queries see that no row refers to it.
    pub(crate) are_triggers_off: bool,
    /// Sessions that build missing indexes.
    pub(crate) n_streams: usize,
}

/// What has become of a run's rows.
#[derive(Clone, Debug)]
pub(crate) struct Cleaned {
    pub(crate) run: Run,
    /// Deleted rows, by table.
    pub(crate) n_rows: Vec<u64>,
}

/// A foreign key that leads to a table of the plan.
struct Reference {
    schema: String,
    table: String,
    is_partitioned: bool,
    columns: Vec<String>,
    parent: TableId,
    parent_columns: Vec<String>,
    /// It changes rows when their parents go: CASCADE, SET NULL, SET DEFAULT.
    changes_rows: bool,
    /// The plan's table that it belongs to.
    child: Option<TableId>,
    /// An index finds the rows that refer to one.
    has_index: bool,
    oid: u32,
}

/// Returns the run that would be cleaned, and how many rows it still has; none when there is nothing to clean.
pub(crate) async fn chosen(connection: &Connection, run: Option<&str>) -> Result<Option<manifest::Listed>> {
    let runs = manifest::runs(connection).await?;
    let chosen = choose(&runs, run, |run| run.state != RunState::Cleaned)?;
    Ok(chosen.filter(|run| run.state != RunState::Cleaned).cloned())
}

/// Deletes the rows of a run, children first, in batches that each are a transaction with its part of the manifest: what ends
/// it before its end leaves a run that can be cleaned again. `None` when there is nothing to clean.
pub(crate) async fn clean(
    target: &Target,
    interrupt: &Interrupt,
    options: Options<'_>,
    on: &dyn Fn(Event<'_>),
) -> Result<Option<Cleaned>> {
    let coordinator = Coordinator::start(target, interrupt).await?;
    let (mut run, done) = {
        let connection = coordinator.connection().await?;
        let Some(chosen) = chosen(&connection, options.run).await? else { return Ok(None) };
        let run = manifest::read(&connection, &chosen.id).await?;
        manifest::settle(&connection).await?;
        let done = manifest::done(&connection, &run.id).await?;
        (run, done)
    };
    let id = run.id.clone();
    let cleaned = delete(&coordinator, options, &mut run, &done, on).await;
    let n_rows = cleaned.map_err(|error| {
        let error = if options.are_triggers_off { error } else { blame(error) };
        Error::from(error).hint(format!("`perfkit seed clean --run {id}` goes on where it was."))
    })?;
    Ok(Some(Cleaned { run, n_rows }))
}

/// Tells what the code of a trigger names that is not there from what perfkit itself asks for: the server says in which function
/// it was.
fn blame(error: pg::Error) -> pg::Error {
    let is_within_function = |source: &tokio_postgres::Error| {
        source.code().is_some_and(is_changed) && source.as_db_error().is_some_and(|db| db.where_().is_some())
    };
    match error {
        pg::Error::Query { doing, source } if is_within_function(&source) => {
            pg::Error::TriggerBroken { doing, source }
        }
        error => error,
    }
}

async fn delete(
    coordinator: &Coordinator<'_>,
    options: Options<'_>,
    run: &mut Run,
    done: &Done,
    on: &dyn Fn(Event<'_>),
) -> Result<Vec<u64>, pg::Error> {
    let (target, interrupt) = (coordinator.target, coordinator.interrupt);
    let cleaner = {
        let connection = coordinator.connection().await?;
        Cleaner::new(&connection, run, done, options).await?
    };
    let batches = batches(&run.plan, done, &cleaner.by);
    let n_rows_left =
        batches.iter().flat_map(|batch| &batch.parts).map(|(_, rows)| rows.end - rows.start).sum();
    on(Event::Begun { run: &run.id, n_rows_left });
    if !options.cascade {
        cleaner.check(&*coordinator.connection().await?, done).await?;
    }
    coordinator.set_state(&run.id, RunState::Cleaning).await?;
    run.state = RunState::Cleaning;
    let mut n_rows = vec![0; run.plan.tables.len()];
    let mut n_missing = n_rows.clone();
    let mut session: Option<Session> = None;
    let mut begun: HashSet<TableId> = HashSet::new();
    for batch in &batches {
        for (table, _) in batch.parts.iter().filter(|(table, _)| begun.insert(*table)) {
            cleaner.help(&*coordinator.connection().await?, *table, on).await?;
        }
        let counts = cleaner.patiently(coordinator, &mut session, batch, on).await?;
        for ((table, rows), n) in batch.parts.iter().zip(counts) {
            n_rows[usize::from(*table)] += n;
            n_missing[usize::from(*table)] += (rows.end - rows.start).saturating_sub(n);
            on(Event::Deleted { table: *table, n_rows: n });
        }
        if let (Some((_, 0)), Some(session)) = (batch.ends, &session) {
            cleaner.vacuum(&session.connection, batch, on).await;
        }
    }
    for (table, n) in run.plan.tables.iter().zip(n_missing).filter(|(_, n)| *n > 0) {
        on(Event::Warning(format!("{n} rows of the run were not in table \"{}\" any more", table.name)));
    }
    cleaner.stop_helping(&*coordinator.connection().await?, on).await;
    if let Some(index_run) = &run.index_run {
        indexes::rebuild(Place { target, interrupt, on }, index_run, options.n_streams.max(1)).await?;
    }
    partition::drop_empty(&*coordinator.connection().await?, run, on).await?;
    sequences::undo(&*coordinator.connection().await?, run, on).await?;
    coordinator.set_state(&run.id, RunState::Cleaned).await?;
    run.state = RunState::Cleaned;
    Ok(n_rows)
}

struct Cleaner {
    run: String,
    plan: Arc<Plan>,
    by: Vec<By>,
    /// Whether a table's rows are in partitions.
    is_partitioned: Vec<bool>,
    references: Vec<Reference>,
    cascade: bool,
    are_triggers_off: bool,
    patches: Arc<crate::seed::make::block::Patches>,
}

impl Reference {
    /// The name of the index that stands in while a run is cleaned: the same each time, so that it is found again.
    fn helper(&self) -> String {
        format!("perfkit_seed_clean_{}", self.oid)
    }

    /// The referring table as DELETE and SELECT name it: foreign keys do not hold for rows of tables that inherit from it.
    fn only(&self) -> String {
        only(&self.schema, &self.table, self.is_partitioned)
    }
}

/// A session that deletes.
struct Session {
    connection: Connection,
    feed: Feed,
    staged: HashSet<TableId>,
}

impl Cleaner {
    async fn new(
        connection: &Connection,
        run: &Run,
        done: &Done,
        options: Options<'_>,
    ) -> Result<Self, pg::Error> {
        let plan = Arc::new(run.plan.clone());
        let schemas: Vec<&str> = plan.tables.iter().map(|table| table.schema.as_str()).collect();
        let names: Vec<&str> = plan.tables.iter().map(|table| table.name.as_str()).collect();
        let doing = || pg::Error::query("look at the tables of the run");
        let mut keys: Vec<Vec<Vec<String>>> = vec![Vec::new(); plan.tables.len()];
        for row in connection.query(sql::SEED_UNIQUE_KEYS, &[&schemas, &names]).await.map_err(doing())? {
            keys[place(&row, "place")?].push(get(&row, "columns")?);
        }
        let mut is_partitioned = vec![false; plan.tables.len()];
        for row in connection.query(sql::SEED_TABLE_KINDS, &[&schemas, &names]).await.map_err(doing())? {
            is_partitioned[place(&row, "place")?] = get(&row, "is_partitioned")?;
        }
        let rows = connection.query(sql::SEED_REFERENCES, &[&schemas, &names]).await.map_err(doing())?;
        let references = rows.iter().map(|row| reference(row, &plan)).collect::<Result<_, _>>()?;
        let by = plan.tables.iter().zip(&keys).map(|(table, keys)| by(table, keys)).collect();
        let patches = Arc::new(done.patches.clone());
        let Options { cascade, are_triggers_off, .. } = options;
        let run = run.id.0.clone();
        Ok(Self { run, plan, by, is_partitioned, references, cascade, are_triggers_off, patches })
    }

    fn table(&self, table: TableId) -> &TablePlan {
        &self.plan.tables[usize::from(table)]
    }

    fn name(&self, table: TableId) -> String {
        quote::qualified(&self.table(table).schema, &self.table(table).name)
    }

    /// The table as DELETE and SELECT name it: rows of tables that inherit from it are not the run's.
    fn only(&self, table: TableId) -> String {
        let planned = self.table(table);
        only(&planned.schema, &planned.name, self.is_partitioned[usize::from(table)])
    }

    fn condition(&self, table: TableId, alias: &str, rows: &std::ops::Range<u64>) -> String {
        condition(self.table(table), alias, &self.by[usize::from(table)], rows, &stage::name(table))
    }

    /// Builds indexes for as long as cleaning takes, where the server would read all of a table for each row that goes to see
    /// whether one refers to it. Where that is not allowed, or somebody writes, it takes longer.
    async fn help(
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
    async fn stop_helping(&self, connection: &Connection, on: &dyn Fn(Event<'_>)) {
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
    async fn check(&self, connection: &Connection, done: &Done) -> Result<(), pg::Error> {
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
            if self.is_referenced(connection, reference, &all(reference.parent), own.as_deref()).await? {
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
        let statement = format!(
            "SELECT EXISTS (SELECT 1 FROM {} AS c JOIN {} AS t ON {} WHERE {}{}) AS is_referenced",
            reference.only(),
            self.only(reference.parent),
            joined(reference),
            self.condition(reference.parent, "t", rows),
            own.map(|own| format!(" AND NOT ({own})")).unwrap_or_default(),
        );
        let row = connection
            .query_one(&statement, &[])
            .await
            .map_err(pg::Error::query("look for rows that refer to the run's"))?;
        get(&row, "is_referenced")
    }

    fn referenced(&self, reference: &Reference) -> pg::Error {
        pg::Error::Referenced {
            child: quote::qualified(&reference.schema, &reference.table),
            parent: self.name(reference.parent),
        }
    }

    /// Deletes a batch, again where a lock or a lost session was in the way.
    async fn patiently(
        &self,
        coordinator: &Coordinator<'_>,
        session: &mut Option<Session>,
        batch: &Batch,
        on: &dyn Fn(Event<'_>),
    ) -> Result<Vec<u64>, pg::Error> {
        let start = Instant::now();
        let mut tries = 0;
        loop {
            if coordinator.interrupt.is_raised() {
                return Err(pg::Error::Interrupted);
            }
            let error = match self.attempt(coordinator, session, batch).await {
                Ok(counts) => return Ok(counts),
                Err(error) => error,
            };
            if coordinator.interrupt.is_raised() {
                return Err(pg::Error::Interrupted);
            }
            tries += 1;
            // Whatever it was, the next try begins with a session of its own.
            *session = None;
            match error.failure() {
                failure if stream::is_gone(failure) && start.elapsed() < PATIENCE => {
                    on(Event::Lost(&error));
                }
                Failure::Busy if tries <= MAX_BUSY => {}
                _ => return Err(error),
            }
            let bits = u64::from(tries) ^ now_us().unsigned_abs();
            coordinator.interrupt.pause(failure::delay(tries, bits)).await?;
            match coordinator.revive().await {
                Err(error) if !stream::is_gone(error.failure()) => return Err(error),
                _ => {}
            }
        }
    }

    async fn attempt(
        &self,
        coordinator: &Coordinator<'_>,
        session: &mut Option<Session>,
        batch: &Batch,
    ) -> Result<Vec<u64>, pg::Error> {
        if session.is_none() {
            let connection = stream::connect(coordinator.target, coordinator.interrupt).await?;
            if self.are_triggers_off {
                stream::silence_triggers(&connection).await?;
            }
            let feed = Feed::new(Arc::clone(&self.plan));
            *session = Some(Session { connection, feed, staged: HashSet::new() });
        }
        let session = session.as_mut().expect("it was just connected");
        let is_staged = |table: &TableId| !matches!(self.by[usize::from(*table)], By::Counted(..));
        for (table, _) in batch.parts.iter().filter(|(table, _)| is_staged(table)) {
            if session.staged.insert(*table) {
                execute(&session.connection, &stage::create(self.table(*table), *table)).await?;
            }
        }
        execute(&session.connection, "BEGIN").await?;
        for (table, rows) in batch.parts.iter().filter(|(table, _)| is_staged(table)) {
            session.feed.ask(*table, rows.clone(), Arc::clone(&self.patches), To::Table);
            let copy = stage::copy(self.table(*table), &stage::name(*table));
            let doing = format!("stage rows of table \"{}\"", self.table(*table).name);
            let (sink, _) =
                stream::send(&session.connection, &copy, &mut session.feed, coordinator.interrupt, &doing)
                    .await?;
            stream::finish(sink, &doing).await?;
        }
        if self.are_triggers_off {
            for (table, rows) in &batch.parts {
                self.lock(&session.connection, *table, rows).await?;
            }
        }
        for (table, rows) in &batch.parts {
            self.follow_references(&session.connection, *table, rows, batch).await?;
        }
        let row = session
            .connection
            .query_one(&self.delete(batch), &[])
            .await
            .map_err(|source| self.delete_error(batch, source))?;
        let counts = (0..batch.parts.len())
            .map(|place| row.try_get::<_, i64>(place).map(i64::unsigned_abs))
            .collect::<Result<_, _>>()
            .map_err(pg::Error::query("count the deleted rows"))?;
        if let Some((step, number)) = batch.ends {
            session
                .connection
                .execute(sql::SEED_CHUNK_DELETE, &[&self.run, &step.cast_signed(), &number.cast_signed()])
                .await
                .map_err(pg::Error::query("write the manifest"))?;
        }
        session
            .connection
            .batch_execute("COMMIT")
            .await
            .map_err(|source| self.delete_error(batch, source))?;
        Ok(counts)
    }

    /// Locks rows before a query sees whether others refer to them: who wants to refer to them meanwhile waits, and is refused.
    async fn lock(
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
    async fn follow_references(
        &self,
        connection: &Connection,
        table: TableId,
        rows: &std::ops::Range<u64>,
        batch: &Batch,
    ) -> Result<(), pg::Error> {
        for reference in self.references.iter().filter(|reference| reference.parent == table) {
            let is_fed = reference.child.is_some_and(|child| self.table(child).fed_by == Some(table));
            if is_fed {
                let statement = format!(
                    "DELETE FROM {} AS c USING {} AS t WHERE {} AND {}",
                    reference.only(),
                    self.only(table),
                    joined(reference),
                    self.condition(table, "t", rows),
                );
                execute(connection, &statement).await?;
            } else if (reference.changes_rows || self.are_triggers_off) && !self.cascade {
                let own = reference.child.and_then(|child| {
                    let (_, rows) = batch.parts.iter().find(|(table, _)| *table == child)?;
                    Some(self.condition(child, "c", rows))
                });
                if self.is_referenced(connection, reference, rows, own.as_deref()).await? {
                    return Err(self.referenced(reference));
                }
            }
        }
        Ok(())
    }

    /// Makes room in tables whose last batch this was: the server looks through what is left of them for each parent that goes,
    /// where no index helps.
    async fn vacuum(&self, connection: &Connection, batch: &Batch, on: &dyn Fn(Event<'_>)) {
        for (table, _) in &batch.parts {
            let statement = format!("VACUUM {}", self.name(*table));
            if let Err(error) = connection.batch_execute(&statement).await {
                let error = pg::Error::query(format!("vacuum table {}", self.name(*table)))(error);
                on(Event::Warning(Error::from(error).to_string()));
            }
        }
    }

    /// The statement that deletes a batch and gives the number of rows of each part.
    fn delete(&self, batch: &Batch) -> String {
        let deletes: Vec<String> = batch
            .parts
            .iter()
            .enumerate()
            .map(|(place, (table, rows))| {
                format!(
                    "d{place} AS (DELETE FROM {} AS t WHERE {} RETURNING 1)",
                    self.only(*table),
                    self.condition(*table, "t", rows)
                )
            })
            .collect();
        let counts: Vec<String> = (0..batch.parts.len())
            .map(|place| format!("(SELECT pg_catalog.count(*) FROM d{place}) AS n{place}"))
            .collect();
        format!("WITH {} SELECT {}", deletes.join(", "), counts.join(", "))
    }

    fn delete_error(&self, batch: &Batch, source: tokio_postgres::Error) -> pg::Error {
        let parent = batch.parts.first().map(|(table, _)| self.name(*table)).unwrap_or_default();
        if source.code() == Some(&SqlState::FOREIGN_KEY_VIOLATION)
            && let Some((schema, table)) =
                source.as_db_error().and_then(|db| Some((db.schema()?.to_owned(), db.table()?.to_owned())))
        {
            return pg::Error::Referenced { child: quote::qualified(&schema, &table), parent };
        }
        pg::Error::query(format!("delete rows of table {parent}"))(source)
    }
}

/// A table without those that inherit from it; of a partitioned one all partitions.
fn only(schema: &str, table: &str, is_partitioned: bool) -> String {
    let only = if is_partitioned { "" } else { "ONLY " };
    format!("{only}{}", quote::qualified(schema, table))
}

fn joined(reference: &Reference) -> String {
    let pairs: Vec<String> = reference
        .columns
        .iter()
        .zip(&reference.parent_columns)
        .map(|(own, parents)| format!("c.{} = t.{}", quote::identifier(own), quote::identifier(parents)))
        .collect();
    pairs.join(" AND ")
}

fn reference(row: &Row, plan: &Plan) -> Result<Reference, pg::Error> {
    let (schema, table): (String, String) = (get(row, "schema")?, get(row, "table_name")?);
    let (root_schema, root): (String, String) = (get(row, "root_schema")?, get(row, "root_table")?);
    let child = plan.tables.iter().position(|it| it.schema == root_schema && it.name == root);
    Ok(Reference {
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
fn place(row: &Row, column: &str) -> Result<usize, pg::Error> {
    let place: i32 = get(row, column)?;
    Ok(usize::try_from(place).unwrap_or(1).saturating_sub(1))
}

async fn execute(connection: &Connection, statement: &str) -> Result<(), pg::Error> {
    connection.batch_execute(statement).await.map_err(pg::Error::query("delete rows of the run"))
}
