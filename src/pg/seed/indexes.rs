//! Secondary indexes of large new tables are away while rows come, and are built once from all of them.
//!
//! They are in the journal of index changes, so that `perfkit index undo` brings them back too.

use std::sync::{Mutex as StdMutex, PoisonError};
use std::time::Instant;

use tokio::sync::Mutex;

use super::Event;
use crate::index::change::failure::{self, Failure};
use crate::index::change::journal::{Action, History, Step, StepState};
use crate::index::change::record::Record;
use crate::index::change::restore::Statement;
use crate::index::change::undo::{self, Remedy, Undoing};
use crate::index::change::{Change, IndexName, Seen};
use crate::pg::catalog::get;
use crate::pg::connect::{Connection, Target};
use crate::pg::ddl::{self, Patience, Worker};
use crate::pg::error::{Error, Result};
use crate::pg::interrupt::Interrupt;
use crate::pg::journal::{self, Journal};
use crate::pg::{index_record, sql};
use crate::run_id::RunId;
use crate::seed::plan::{Plan, TablePlan};
use crate::seed::size::work::{Phase, Task};
use crate::sources::now_us;

/// Tables that get fewer rows keep their indexes: building them anew is not worth the locks.
const MIN_ROWS: u64 = 100_000;
/// How often a lock is asked for in whose queue others wait.
const MAX_TRIES: u32 = 20;

/// Where indexes are changed.
#[derive(Clone, Copy)]
pub(super) struct Place<'a> {
    pub(super) target: &'a Target,
    pub(super) interrupt: &'a Interrupt,
    pub(super) on: &'a dyn Fn(Event<'_>),
}

/// Drops the indexes that a load of this plan does better without. `begun` writes down the journal's run before the first one is
/// dropped. Returns how many were.
pub(super) async fn drop_before<F: Future<Output = Result<()>>>(
    place: Place<'_>,
    plan: &Plan,
    begun: impl FnOnce(RunId) -> F,
) -> Result<usize> {
    let large: Vec<&TablePlan> = plan.tables.iter().filter(|table| is_large(table)).collect();
    if large.is_empty() {
        return Ok(0);
    }
    let worker =
        Worker::connect(place.target, Some(place.target.timeouts().statement), place.interrupt).await?;
    let changes = droppable(&worker.connection, &large).await?;
    if changes.is_empty() {
        return Ok(0);
    }
    if !ddl::lock(&worker.connection, ddl::Subject::Indexes).await? {
        (place.on)(Event::Warning(
            "another perfkit is changing indexes of this database; rows are loaded with the indexes in place"
                .to_owned(),
        ));
        return Ok(0);
    }
    let names: Vec<IndexName> = changes.iter().map(|(index, _)| index.clone()).collect();
    let records = index_record::read_all(&worker.connection, &names).await?;
    let mut steps: Vec<Step> = (0..)
        .zip(records)
        .map(|(ordinal, record)| {
            let sql = format!("DROP INDEX {}", record.index.qualified());
            let step = Step::planned(ordinal, Action::Drop, record.index.clone(), vec![sql]);
            Step { undo: vec![record.definition.clone()], before: Some(record), ..step }
        })
        .collect();
    let changes = changes.into_iter().map(|(_, change)| change).collect();
    let mut journal = Journal::open(place.target, None, place.interrupt).await?;
    let run = Journal::new_run(&worker.connection, changes).await?;
    journal.begin(&run, &steps).await?;
    begun(run.id.clone()).await?;
    let session = journal::own_session(&worker.connection).await?;
    let mut n_dropped = 0;
    for step in &mut steps {
        step.state = StepState::Started;
        step.started_us = Some(now_us());
        step.session = Some(session.clone());
        journal.write(&run.id, step).await?;
        let patience = Patience::AllLocks(place.target.timeouts().lock);
        let done = worker.run("drop an index", &step.sql[0], patience).await;
        step.ended_us = Some(now_us());
        match done {
            Ok(()) => {
                step.state = StepState::Done;
                n_dropped += 1;
            }
            Err(error) if error.failure() == Failure::Busy => {
                step.state = StepState::Skipped;
                step.error = Some(error.to_string());
                (place.on)(Event::Warning(format!(
                    "index \"{}\" stays while rows are loaded: its table is locked",
                    step.index.name
                )));
            }
            Err(error) => {
                step.state = StepState::Failed;
                step.error = Some(error.to_string());
                journal.write(&run.id, step).await?;
                return Err(error);
            }
        }
        journal.write(&run.id, step).await?;
    }
    ddl::unlock(&worker.connection, ddl::Subject::Indexes).await?;
    Ok(n_dropped)
}

/// Whether a table gets so many rows that its indexes are better built after them, if it is empty.
pub(super) fn is_large(table: &TablePlan) -> bool {
    table.n_rows >= MIN_ROWS && table.fed_by.is_none() && table.existing.is_none()
}

/// Returns the indexes of those tables that have no rows, with the changes that drop them.
pub(super) async fn droppable(
    connection: &Connection,
    tables: &[&TablePlan],
) -> Result<Vec<(IndexName, Change)>> {
    let doing = || Error::query("look for indexes to build after the rows");
    let (mut schemas, mut names) = (Vec::new(), Vec::new());
    for table in tables {
        let name = sql::quote_qualified(&table.schema, &table.name);
        let row = connection
            .query_one(&format!("SELECT EXISTS (SELECT 1 FROM {name}) AS is_filled"), &[])
            .await
            .map_err(doing())?;
        if !get::<bool>(&row, "is_filled")? {
            schemas.push(table.schema.as_str());
            names.push(table.name.as_str());
        }
    }
    let rows = connection.query(sql::SEED_DROPPABLE_INDEXES, &[&schemas, &names]).await.map_err(doing())?;
    rows.iter()
        .map(|row| {
            let index = IndexName {
                schema: get(row, "schema")?,
                table: get(row, "table_name")?,
                name: get(row, "name")?,
            };
            let seen =
                Seen { index: index.clone(), definition: Some(get(row, "definition")?), n_scans: None };
            let size_bytes = get::<i64>(row, "size_bytes")?.unsigned_abs();
            Ok((index, Change::Drop { index: seen, size_bytes, covered_by: Vec::new() }))
        })
        .collect()
}

/// Returns what the indexes were that a run of the journal has dropped, with the numbers of its steps, in the order in which
/// [`rebuild`] builds them.
pub(super) async fn dropped(connection: &Connection, run: &RunId) -> Result<Vec<(u32, Record)>> {
    let histories = journal::histories(connection, None).await?;
    let history = histories.iter().find(|history| history.run.id == *run);
    let steps = history.map(|history| undo::with_earlier_records(history, &histories).steps);
    let acted = steps.into_iter().flatten().rev().filter(|step| step.state.may_have_acted());
    Ok(acted.filter_map(|step| Some((step.ordinal, step.before?))).collect())
}

/// Builds the indexes that a run of the journal has dropped, several at once, and returns how many. What is there already, because
/// another rebuild was cut short or somebody has undone the run, is left alone.
pub(super) async fn rebuild(place: Place<'_>, run: &RunId, n_sessions: usize) -> Result<usize> {
    let first = connect(place).await?;
    let histories = journal::histories(&first.connection, None).await?;
    let Some(history) = histories.iter().find(|history| history.run.id == *run) else {
        (place.on)(Event::Warning(format!(
            "the journal does not tell of run {run} any more, which has dropped indexes"
        )));
        return Ok(0);
    };
    let history = undo::with_earlier_records(history, &histories);
    if !history.can_be_undone() {
        return Ok(0);
    }
    let mut tries = 0;
    while !ddl::lock(&first.connection, ddl::Subject::Indexes).await? {
        tries += 1;
        if tries > MAX_TRIES {
            return Err(Error::ChangingIndexes);
        }
        pause(place, tries).await?;
    }
    let (records, indexes) = undo::concerned(&history);
    let state = index_record::state(&first.connection, &records, &indexes).await?;
    let plan = undo::undo(&history, &state);
    let n = plan.iter().filter(|undoing| matches!(undoing.remedy, Remedy::Statements(_))).count();
    (place.on)(Event::Phase { phase: Phase::Indexes, n });
    let mut journal = Journal::open(place.target, None, place.interrupt).await?;
    let begun = undo::begun(&history, &plan, &journal::own_session(&first.connection).await?);
    journal.write_all(run, &begun).await?;
    let journal = Mutex::new(journal);
    let left = StdMutex::new(plan.into_iter());
    let next = || left.lock().unwrap_or_else(PoisonError::into_inner).next();
    let session = async |worker: &Worker| -> Result<()> {
        while let Some(undoing) = next() {
            restore(place, worker, &journal, &history, undoing).await?;
        }
        Ok(())
    };
    let others = async {
        let sessions = (1..n_sessions.min(n)).map(|_| async { session(&connect(place).await?).await });
        futures_util::future::try_join_all(sessions).await.map(drop)
    };
    tokio::try_join!(session(&first), others)?;
    ddl::unlock(&first.connection, ddl::Subject::Indexes).await?;
    Ok(n)
}

/// Connects a session that builds indexes.
pub(super) async fn connect(place: Place<'_>) -> Result<Worker> {
    let worker =
        Worker::connect(place.target, Some(place.target.timeouts().statement), place.interrupt).await?;
    // Definitions name their tablespace where it is not the database's own.
    worker
        .connection
        .query(sql::SET_CONFIG, &[&"default_tablespace", &""])
        .await
        .map_err(Error::query("set default_tablespace"))?;
    worker
        .connection
        .query(sql::SEED_BUILD_MEMORY, &[])
        .await
        .map_err(Error::query("set maintenance_work_mem"))?;
    Ok(worker)
}

/// Undoes one step of the journal's run.
async fn restore(
    place: Place<'_>,
    worker: &Worker,
    journal: &Mutex<Journal>,
    history: &History,
    undoing: Undoing,
) -> Result<()> {
    let Some(step) = history.steps.iter().find(|step| step.ordinal == undoing.ordinal) else { return Ok(()) };
    let mut step = step.clone();
    match undoing.remedy {
        Remedy::Nothing => {}
        Remedy::Statements(statements) => {
            let start = Instant::now();
            step.state = StepState::Undoing;
            step.session = Some(journal::own_session(&worker.connection).await?);
            journal.lock().await.write(&history.run.id, &step).await?;
            for statement in &statements {
                run(place, worker, &undoing.index, statement).await?;
            }
            (place.on)(Event::Step { task: Task::Index(step.ordinal), took: start.elapsed() });
        }
        Remedy::Impossible(reason) => {
            (place.on)(Event::Warning(format!(
                "index \"{}\" cannot come back: {reason}",
                undoing.index.name
            )));
            step.error = Some(reason);
            return journal.lock().await.write(&history.run.id, &step).await;
        }
    }
    step.state = StepState::Undone;
    step.ended_us = Some(now_us());
    journal.lock().await.write(&history.run.id, &step).await
}

async fn run(place: Place<'_>, worker: &Worker, index: &IndexName, statement: &Statement) -> Result<()> {
    let text = plain(&statement.sql);
    let is_concurrent = !statement.may_run_in_transaction && text == statement.sql;
    let doing = format!("build index \"{}\" on table \"{}\"", index.name, index.table);
    if is_concurrent {
        return worker.run(&doing, &text, Patience::Endless).await;
    }
    run_patiently(place, worker, &doing, &text).await
}

/// Runs a statement, again and again while others hold its locks.
pub(super) async fn run_patiently(place: Place<'_>, worker: &Worker, doing: &str, text: &str) -> Result<()> {
    let patience = Patience::EachLock(place.target.timeouts().lock);
    let mut tries = 0;
    loop {
        tries += 1;
        match worker.run(doing, text, patience).await {
            Err(error) if error.failure() == Failure::Busy && tries < MAX_TRIES => {
                pause(place, tries).await?;
            }
            done => return done,
        }
    }
}

async fn pause(place: Place<'_>, tries: u32) -> Result<()> {
    let bits = u64::from(std::process::id()) ^ now_us().unsigned_abs();
    place.interrupt.pause(failure::delay(tries, bits)).await
}

/// Returns the statement as it may run while a table is nobody else's: a plain build reads it once, and needs not wait for the
/// transactions of others.
fn plain(sql: &str) -> String {
    match sql.strip_prefix("CREATE INDEX CONCURRENTLY ") {
        Some(rest) => format!("CREATE INDEX {rest}"),
        None => sql.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn builds_need_not_be_concurrent() {
        let check = |sql: &str, expected: &str| assert_eq!(plain(sql), expected);
        check("CREATE INDEX CONCURRENTLY i ON s.t (a)", "CREATE INDEX i ON s.t (a)");
        check("CREATE INDEX i ON ONLY s.t (a)", "CREATE INDEX i ON ONLY s.t (a)");
        check("DROP INDEX CONCURRENTLY s.i", "DROP INDEX CONCURRENTLY s.i");
        check("ANALYZE s.t", "ANALYZE s.t");
    }
}
