//! Deletes the rows of a run with those that triggers have made for it, and leaves everything else as it was before.

mod made;
mod references;

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio_postgres::error::{DbError, SqlState};

pub(crate) use self::made::MadeRows;
use self::made::{MadeThere, Maker};
use self::references::{Reference, only, place, reference};
use super::coordinator::Coordinator;
use super::feed::{Feed, To};
use super::indexes::Place;
use super::load::{choose, is_changed};
use super::{Event, effects, indexes, manifest, partition, sequences, stage, stream};
use crate::error::{Error, Result};
use crate::index::change::failure::{self, Failure};
use crate::pg;
use crate::pg::catalog::get;
use crate::pg::connect::{Connection, Target};
use crate::pg::interrupt::Interrupt;
use crate::pg::sql;
use crate::query::quote;
use crate::run_id::RunId;
use crate::seed::clean::{Batch, By, batches, by, condition};
use crate::seed::effect;
use crate::seed::manifest::{Done, Run, RunState};
use crate::seed::plan::{Plan, TablePlan};
use crate::seed::schema::TableId;
use crate::sources::now_us;
use crate::unit;

/// A server that restarts is waited for so long.
const PATIENCE: Duration = Duration::from_mins(1);
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
    /// Rows that triggers have made.
    pub(crate) made: Vec<MadeRows>,
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
        manifest::create(&connection).await?;
        manifest::settle(&connection).await?;
        let done = manifest::done(&connection, &run.id).await?;
        (run, done)
    };
    let id = run.id.clone();
    let cleaned = delete(&coordinator, options, &mut run, &done, on).await;
    let (n_rows, made) = cleaned.map_err(|error| {
        let error = if options.are_triggers_off { error } else { blame(error) };
        Error::from(error).hint(format!("`perfkit seed clean --run {id}` goes on where it was."))
    })?;
    Ok(Some(Cleaned { run, n_rows, made }))
}

/// Tells what the code of triggers does, or names that is not there, from what perfkit itself asks for: the server says in which
/// function it was.
fn blame(error: pg::Error) -> pg::Error {
    let code_within_function = |source: &tokio_postgres::Error| {
        let is_within = |db: &DbError| db.where_().is_some_and(|context| context.contains("function"));
        source.as_db_error().filter(|db| is_within(db)).map(|db| db.code().clone())
    };
    match error {
        pg::Error::Query { doing, source } => match code_within_function(&source) {
            Some(code) if is_changed(&code) => pg::Error::TriggerBroken { doing, source },
            Some(code) if is_raised(&code) => pg::Error::TriggerRefused { doing, source },
            _ => pg::Error::Query { doing, source },
        },
        error => error,
    }
}

/// Whether a trigger raised it, or met it in what it did with rows, rather than that it was interrupted.
fn is_raised(code: &SqlState) -> bool {
    const CLASSES: [&str; 4] = ["22", "23", "44", "P0"];
    CLASSES.iter().any(|class| code.code().starts_with(class))
}

async fn delete(
    coordinator: &Coordinator<'_>,
    options: Options<'_>,
    run: &mut Run,
    done: &Done,
    on: &dyn Fn(Event<'_>),
) -> Result<(Vec<u64>, Vec<MadeRows>), pg::Error> {
    let (target, interrupt) = (coordinator.target, coordinator.interrupt);
    let cleaner = {
        let connection = coordinator.connection().await?;
        Cleaner::new(&connection, run, done, options).await?
    };
    let batches = batches(&run.plan, done, &cleaner.by);
    let n_rows_left =
        batches.iter().flat_map(|batch| &batch.parts).map(|(_, rows)| rows.end - rows.start).sum();
    on(Event::Cleaning { n_rows_left });
    if !options.cascade {
        cleaner.check(&*coordinator.connection().await?, done).await?;
    }
    coordinator.set_state(&run.id, RunState::Cleaning).await?;
    run.state = RunState::Cleaning;
    let mut n_rows = vec![0; run.plan.tables.len()];
    let mut n_missing = n_rows.clone();
    let mut session: Option<Session> = None;
    let mut begun: HashSet<TableId> = HashSet::new();
    let mut made = Maker::new(&cleaner.run, &cleaner.plan, &cleaner.recorder, options.are_triggers_off);
    // Batches that tables have left.
    let mut n_left: HashMap<TableId, usize> = HashMap::new();
    for (table, _) in batches.iter().flat_map(|batch| &batch.parts) {
        *n_left.entry(*table).or_default() += 1;
    }
    for batch in &batches {
        let new: Vec<TableId> =
            batch.parts.iter().map(|(table, _)| *table).filter(|table| begun.insert(*table)).collect();
        if !new.is_empty() {
            // Rows that triggers have made refer to these, or are referred to by those before.
            let session = cleaner.session(coordinator, &mut session).await?;
            made.delete(&session.connection, |table| n_left.get(&table).is_some_and(|n| *n > 0)).await?;
        }
        for table in new {
            cleaner.help(&*coordinator.connection().await?, table, on).await?;
        }
        let counts = cleaner.patiently(coordinator, &mut session, batch, on).await?;
        for ((table, rows), n) in batch.parts.iter().zip(counts) {
            n_rows[usize::from(*table)] += n;
            n_missing[usize::from(*table)] += (rows.end - rows.start).saturating_sub(n);
            if let Some(n_left) = n_left.get_mut(table) {
                *n_left -= 1;
            }
            on(Event::Deleted { table: *table, n_rows: n });
        }
        if let (Some((_, 0)), Some(session)) = (batch.ends, &session) {
            cleaner.vacuum(&session.connection, batch, on).await;
        }
    }
    for (table, n) in run.plan.tables.iter().zip(n_missing).filter(|(_, n)| *n > 0) {
        let (rows, were) = (unit::counted(n, "row"), if n == 1 { "was" } else { "were" });
        on(Event::Warning(format!("{rows} of the run {were} not in table \"{}\" any more", table.name)));
    }
    let made = {
        let session = cleaner.session(coordinator, &mut session).await?;
        made.delete(&session.connection, |_| false).await?;
        made.finish(&session.connection).await?
    };
    cleaner.name_created(&*coordinator.connection().await?, on).await?;
    cleaner.stop_helping(&*coordinator.connection().await?, on).await;
    if let Some(index_run) = &run.index_run {
        indexes::rebuild(Place { target, interrupt, on }, index_run, options.n_streams.max(1)).await?;
    }
    partition::drop_empty(&*coordinator.connection().await?, run, on).await?;
    sequences::undo(&*coordinator.connection().await?, run, on).await?;
    coordinator.set_state(&run.id, RunState::Cleaned).await?;
    run.state = RunState::Cleaned;
    Ok((n_rows, made))
}

struct Cleaner {
    run: RunId,
    /// The transactions that have loaded the run, as an array of `xmin`; without any where they cannot be told from others.
    xids: String,
    /// What triggers of the run have made, by table (schema and name).
    made: HashMap<(String, String), MadeThere>,
    plan: Arc<Plan>,
    by: Vec<By>,
    /// Whether a table's rows are in partitions.
    is_partitioned: Vec<bool>,
    references: Vec<Reference>,
    cascade: bool,
    are_triggers_off: bool,
    patches: Arc<crate::seed::make::block::Patches>,
    recorder: effects::Recorder,
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
        let run = run.id.clone();
        let (tables, effects) = effects::read(connection, &run).await?;
        let recorder = effects::Recorder::new(connection, &run).await?;
        let xids = made::own_xids(connection, &run, &effects).await?;
        let mut effects = effect::made(&effects);
        let mut made = HashMap::new();
        for table in tables {
            let Some(effect) = effects.remove(&table.oid) else { continue };
            if let Some(there) = MadeThere::new(connection, &plan, &table, &effect, &xids).await? {
                made.insert((table.schema, table.name), there);
            }
        }
        let xids = made::array(&xids);
        Ok(Self {
            run,
            xids,
            made,
            plan,
            by,
            is_partitioned,
            references,
            cascade,
            are_triggers_off,
            patches,
            recorder,
        })
    }

    /// Names tables that triggers have created: nobody knows what else they are for by now.
    async fn name_created(&self, connection: &Connection, on: &dyn Fn(Event<'_>)) -> Result<(), pg::Error> {
        let created = connection.query(sql::SEED_CREATED, &[&self.xids]).await;
        let name = |row: &tokio_postgres::Row| {
            Ok(quote::qualified(&get::<String>(row, "schema")?, &get::<String>(row, "name")?))
        };
        let created = created.map_err(pg::Error::query("look for tables that triggers have created"))?;
        let names: Vec<String> = created.iter().map(name).collect::<Result<_, pg::Error>>()?;
        if !names.is_empty() {
            on(Event::Warning(format!("tables that triggers have created are left: {}", names.join(", "))));
        }
        Ok(())
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

    /// Returns the session, a new one if there is none.
    async fn session<'s>(
        &self,
        coordinator: &Coordinator<'_>,
        session: &'s mut Option<Session>,
    ) -> Result<&'s mut Session, pg::Error> {
        if session.is_none() {
            let connection = stream::connect(coordinator.target, coordinator.interrupt).await?;
            if self.are_triggers_off {
                stream::silence_triggers(&connection).await?;
            }
            let feed = Feed::new(Arc::clone(&self.plan));
            *session = Some(Session { connection, feed, staged: HashSet::new() });
        }
        Ok(session.as_mut().expect("it was just connected"))
    }

    async fn attempt(
        &self,
        coordinator: &Coordinator<'_>,
        session: &mut Option<Session>,
        batch: &Batch,
    ) -> Result<Vec<u64>, pg::Error> {
        let session = self.session(coordinator, session).await?;
        let is_staged = |table: &TableId| !matches!(self.by[usize::from(*table)], By::Counted(..));
        // Each commit empties all stages that there are, used or not.
        let is_over = |table: &TableId| batch.parts.iter().all(|(of_batch, _)| of_batch != table);
        for table in session.staged.extract_if(|table| is_over(table)).collect::<Vec<_>>() {
            execute(&session.connection, &format!("DROP TABLE IF EXISTS {}", stage::name(table))).await?;
        }
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
        // Triggers may make rows again when rows go.
        let before = effects::counts(&session.connection).await?;
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
        session
            .connection
            .batch_execute("SET CONSTRAINTS ALL IMMEDIATE")
            .await
            .map_err(|source| self.delete_error(batch, source))?;
        self.recorder.record(&session.connection, &before, &[]).await?;
        if let Some((step, number)) = batch.ends {
            session
                .connection
                .execute(sql::SEED_CHUNK_DELETE, &[&self.run.0, &step.cast_signed(), &number.cast_signed()])
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
        let doing = format!("delete rows of table {parent}");
        let Some((schema, table, constraint)) = source
            .as_db_error()
            .filter(|db| *db.code() == SqlState::FOREIGN_KEY_VIOLATION)
            .and_then(|db| Some((db.schema()?, db.table()?, db.constraint())))
        else {
            return pg::Error::query(doing)(source);
        };
        let of_child: Vec<&Reference> =
            self.references.iter().filter(|it| it.schema == schema && it.table == table).collect();
        // Keys of partitions may have names of their own.
        let is_known = of_child.iter().any(|it| Some(it.name.as_str()) == constraint);
        let is_of_batch = |it: &&&Reference| {
            (!is_known || Some(it.name.as_str()) == constraint)
                && batch.parts.iter().any(|(table, _)| *table == it.parent)
        };
        match of_child.iter().find(is_of_batch) {
            Some(reference) => self.referenced(reference),
            // The row that is referred to is of another table: a trigger has deleted it.
            None => pg::Error::TriggerRefused { doing, source },
        }
    }
}

async fn execute(connection: &Connection, statement: &str) -> Result<(), pg::Error> {
    connection.batch_execute(statement).await.map_err(pg::Error::query("delete rows of the run"))
}
