//! Carries a plan out, one step at a time, and plans anew after each: what the server has is all that counts.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::wait::Watcher;
use crate::context::Context;
use crate::error::{Error, Result};
use crate::index::change::IndexName;
use crate::index::change::failure::{self, Failure};
use crate::index::change::journal::{History, Run, SessionName, Step as Entry, StepState};
use crate::index::change::plan::{Goal, Plan, plan};
use crate::index::change::progress::Progress;
use crate::index::change::state::State;
use crate::index::change::steps::{Action, Step};
use crate::index::drop_index;
use crate::pg::ddl::{self, Patience, Subject, Worker};
use crate::pg::journal::{self, Journal, Life};
use crate::pg::{self, Access, Connection, Target, index_record};
use crate::sources;

use super::input::Input;

/// How long a run waits for the lock of another perfkit: that of one that was just killed is free at once.
const LOCK_PATIENCE: Duration = Duration::from_secs(2);
/// A server that restarts or fails over is back after this, or needs somebody.
const RECONNECT_PATIENCE: Duration = Duration::from_mins(1);
/// How often it is looked whether something has ended.
pub(crate) const POLL: Duration = Duration::from_millis(250);
/// So long a session is waited for that may be an earlier run's or not, which waiting longer will not tell.
const HIDDEN_PATIENCE: Duration = Duration::from_secs(5);
/// How a plan is carried out.
#[derive(Clone, Debug, Default)]
pub(crate) struct Options {
    /// Where the journal is kept, if not in the database.
    pub(crate) journal: Option<PathBuf>,
    /// How long a step that others would queue up behind waits for its lock.
    pub(crate) lock_timeout: Duration,
    /// So often such a step is tried.
    pub(crate) lock_tries: u32,
    pub(crate) statement_timeout: Option<Duration>,
    /// No step begins while a replica is further behind.
    pub(crate) max_lag: Option<Duration>,
    /// No step begins while more sessions run a statement.
    pub(crate) max_active: Option<u64>,
}

/// A step that was done.
#[derive(Clone, Debug)]
pub(crate) struct Done {
    pub(crate) step: Step,
    pub(crate) elapsed: Duration,
    pub(crate) size_bytes: u64,
}

/// What a run has done.
#[derive(Debug, Default)]
pub(crate) struct Outcome {
    /// The run's name in the journal; `None` when there was nothing to do.
    pub(crate) run: Option<String>,
    pub(crate) done: Vec<Done>,
    /// What is there now, what could not be done, and what others have left.
    pub(crate) plan: Plan,
    pub(crate) state: State,
}

pub(super) struct Executor<'a> {
    pub(super) context: &'a Context,
    target: &'a Target,
    pub(super) options: &'a Options,
    pub(super) goals: &'a [Goal],
    /// Holds the lock, reads the state and watches. It is idle while a step runs, so that the lock is free as soon as this
    /// process ends, however the server goes on with the step.
    pub(super) control: Connection,
    pub(super) worker: Worker,
    pub(super) session: SessionName,
    journal: Journal,
    run: Run,
    pub(super) entries: Vec<Entry>,
    pub(super) state: State,
    pub(super) progress: Progress,
    done: Vec<Done>,
    /// The step that is tried, and how often it was.
    pub(super) trying: (String, u32),
    pub(super) losses: u32,
    /// The step whose session was lost, and when it began: the server may go on with it.
    lost: Option<(Step, Instant)>,
}

/// Does all that is left of the goals.
pub(crate) async fn execute(
    context: &Context,
    target: &Target,
    input: Input,
    options: &Options,
) -> Result<Outcome> {
    let goals = &input.goals;
    let control = control(context, target, Subject::Indexes).await?;
    let histories = histories(&control, options.journal.as_deref()).await?;
    await_orphans(context, &control, &histories).await?;
    let progress = Progress::of_journal(&histories, &input.changes, sources::now_us());
    let state = ddl::read_state(&control, goals).await?;
    let first = plan(goals, &state, &progress);
    if first.steps.is_empty() {
        ddl::unlock(&control, Subject::Indexes).await?;
        return Ok(Outcome { plan: first, state, ..Outcome::default() });
    }
    // Before the journal, which is a write as well.
    require_writes(&control).await?;
    let worker = Worker::connect(target, options.statement_timeout, &context.interrupt).await?;
    let mut journal = Journal::open(target, options.journal.as_deref(), &context.interrupt).await?;
    let run = Journal::new_run(&control, input.changes).await?;
    let entries: Vec<Entry> = first.steps.iter().zip(0..).filter_map(|(step, n)| entry(step, n)).collect();
    journal.begin(&run, &entries).await?;
    let session = journal::own_session(&worker.connection).await?;
    let mut executor = Executor {
        context,
        target,
        options,
        goals,
        control,
        worker,
        session,
        journal,
        run,
        entries,
        state,
        progress,
        done: Vec::new(),
        trying: (String::new(), 0),
        losses: 0,
        lost: None,
    };
    let result = executor.run_all().await;
    executor.close(result.is_ok()).await;
    let run = executor.run.id.to_string();
    match result {
        Ok(plan) => Ok(Outcome { run: Some(run), done: executor.done, plan, state: executor.state }),
        Err(error) => {
            let (n_done, n_all) = (executor.done.len(), executor.entries.len().max(executor.done.len() + 1));
            let error = error
                .hint(format!("{n_done} of {n_all} steps are done; run the command again for the others."));
            let has_begun =
                executor.entries.iter().any(|it| it.state.may_have_acted() && it.before.is_some());
            Err(match n_done {
                0 if has_begun => {
                    error.hint(format!("`perfkit index undo {run}` takes back what was begun."))
                }
                0 => error,
                _ => error.hint(format!("`perfkit index undo {run}` takes them back.")),
            })
        }
    }
}

/// Connects for the lock, waiting a moment for it.
pub(crate) async fn control(context: &Context, target: &Target, subject: Subject) -> Result<Connection> {
    let control = target.connect(Access::ReadOnly, &context.interrupt).await?;
    control.require_primary()?;
    // Its queries are short, and the last ones tidy up.
    control.shield();
    ddl::unbind(&control).await?;
    let start = Instant::now();
    while !ddl::lock(&control, subject).await? {
        if start.elapsed() > LOCK_PATIENCE {
            let name = subject.name();
            let error = Error::server(format!("another perfkit is changing {name} of this database"));
            let error = match ddl::lock_holder(&control, subject).await? {
                Some((pid, query)) => {
                    error.cause(format_args!("process {pid} is at: {}", sources::one_line(&query)))
                }
                None => error,
            };
            return Err(
                error.hint("Wait until it has ended, then run the command again: what is done is skipped.")
            );
        }
        pause(context, POLL).await?;
    }
    Ok(control)
}

/// Returns what the journal tells; nothing when there is none yet.
pub(crate) async fn histories(connection: &Connection, file: Option<&Path>) -> Result<Vec<History>> {
    if file.is_some_and(|path| !path.exists()) {
        return Ok(Vec::new());
    }
    let mut histories = journal::histories(connection, file).await?;
    if file.is_some() {
        // A file may tell of several databases; the same names in another one are none of its business.
        let database = journal::database_identity(connection).await?;
        histories.retain(|history| history.run.database == database);
    }
    Ok(histories)
}

/// Waits for statements that a killed perfkit has started: the server goes on with them.
pub(crate) async fn await_orphans(
    context: &Context,
    control: &Connection,
    histories: &[History],
) -> Result<()> {
    for step in histories.iter().flat_map(|history| &history.steps) {
        let is_open = matches!(step.state, StepState::Started | StepState::Undoing);
        let Some(session) = step.session.as_ref().filter(|_| is_open) else { continue };
        let mut watcher = Watcher::new(context, format!("wait for an earlier run's {}", step.sql.join("; ")));
        let start = Instant::now();
        loop {
            match journal::life(control, session, &step.index).await? {
                Life::Over => break,
                Life::Possible if start.elapsed() > HIDDEN_PATIENCE => {
                    return Err(hidden(session.pid, &step.index));
                }
                Life::Certain | Life::Possible => {}
            }
            watcher.waits(ddl::session_at_work(control, session.pid).await?.as_slice());
            pause(context, POLL).await?;
        }
    }
    Ok(())
}

fn hidden(pid: i32, index: &IndexName) -> Error {
    Error::server(format!("could not see whether process {pid} still changes index \"{}\"", index.name))
        .cause(format_args!(
            "an earlier run had a process of this number, it has or awaits a lock on table \"{}\", and it is of a role whose \
             sessions are hidden from this one",
            index.table
        ))
        .hint("Run the command again when that process has ended, or as a role that has pg_read_all_stats.")
}

fn entry(step: &Step, ordinal: u32) -> Option<Entry> {
    let action = step.journaled()?;
    Some(Entry::planned(ordinal, action, step.index.clone(), vec![step.sql.clone()]))
}

/// Waits, unless the user interrupts.
pub(crate) async fn pause(context: &Context, time: Duration) -> Result<()> {
    Ok(context.interrupt.pause(time).await?)
}

impl Executor<'_> {
    async fn run_all(&mut self) -> Result<Plan> {
        loop {
            if self.context.interrupt.is_raised() {
                return Err(pg::Error::Interrupted.into());
            }
            self.keep_control().await?;
            self.state = ddl::read_state(&self.control, self.goals).await?;
            let mut plan = plan(self.goals, &self.state, &self.progress);
            self.note_lost(&plan).await?;
            self.note_sizes().await?;
            if plan.steps.is_empty() {
                return Ok(plan);
            }
            let step = plan.steps.swap_remove(0);
            let is_repeated = self.done.last().is_some_and(|done| done.step == step);
            // What a build leaves may have to be cleared away again and again, as often as the build is tried.
            if is_repeated && step.action != Action::DropLeftover {
                let what = format!("index \"{}\"", step.index.name);
                let reason = format!("it is not what it should be after: {}", step.sql);
                return Err(pg::Error::Answer { what, reason }.into());
            }
            if let Action::Await { pid } = step.action {
                self.await_builder(&step, pid).await?;
            } else if !self.await_calm(&step).await? {
                self.perform(&step).await?;
            }
        }
    }

    /// Counts the step whose session was lost among those done, once the server has finished it.
    async fn note_lost(&mut self, plan: &Plan) -> Result<()> {
        let state = &self.state;
        let is_over = |(step, _): &mut (Step, Instant)| is_done(step, plan, state);
        let Some((step, start)) = self.lost.take_if(is_over) else { return Ok(()) };
        let is_open = |entry: &Entry| {
            entry.is_unseen() && entry.index == step.index && entry.sql.first() == Some(&step.sql)
        };
        let Some(at) = self.entries.iter().position(is_open) else { return Ok(()) };
        self.succeed(Some(at), &step, start.elapsed()).await
    }

    async fn perform(&mut self, step: &Step) -> Result<()> {
        let at = self.entry_of(step);
        if let Some(at) = at {
            self.begin(at, step).await?;
        }
        if step.action == Action::DropLeftover {
            match self.is_left(step).await {
                Ok(true) => {}
                Ok(false) => return self.skip(at).await,
                Err(error) => return self.fail(at, step, error, &[]).await,
            }
        }
        let mut watcher = Watcher::new(self.context, format!("{} {}", step.verb(), step.index.name));
        let patience = match step.lock() {
            Some(lock) if lock.forms_queue() => Patience::AllLocks(self.options.lock_timeout),
            _ => Patience::Endless,
        };
        let start = Instant::now();
        let doing = doing(step);
        let running = self.worker.run(&doing, &step.sql, patience);
        let result = ddl::watch(running, &self.control, self.worker.pid, |seen| watcher.sees(seen)).await;
        let Err(error) = result else {
            watcher.end();
            self.succeed(at, step, start.elapsed()).await?;
            return Ok(());
        };
        let blockers = watcher.end();
        if error.failure() == Failure::SessionLost {
            self.lost = Some((step.clone(), start));
        }
        self.fail(at, step, error, &blockers).await
    }

    /// Whether what a step clears away is still what the plan has seen; asked by the session that drops it.
    pub(super) async fn is_left(&self, step: &Step) -> Result<bool, pg::Error> {
        match self.state.index(&step.index) {
            Some((_, seen)) => ddl::is_leftover(&self.worker.connection, &step.index, seen.oid).await,
            None => Ok(false),
        }
    }

    /// Leaves a step out, to plan anew.
    async fn skip(&mut self, at: Option<usize>) -> Result<()> {
        if let Some(at) = at {
            self.entries[at].state = StepState::Skipped;
            self.write(at).await?;
        }
        pause(self.context, POLL).await
    }

    async fn succeed(&mut self, at: Option<usize>, step: &Step, elapsed: Duration) -> Result<()> {
        let key = (step.index.schema.clone(), step.index.name.clone());
        match step.action {
            Action::Reindex => _ = self.progress.rebuilt.insert(key),
            Action::Analyze => {
                let table =
                    self.state.tables.iter().find(|table| {
                        (&table.schema, &table.name) == (&step.index.schema, &step.index.table)
                    });
                self.progress.analyzed.extend(table.map(|table| table.oid));
            }
            _ => {}
        }
        if step.action != Action::DropLeftover {
            self.trying = (String::new(), 0);
            self.losses = 0;
        }
        self.done.push(Done { step: step.clone(), elapsed, size_bytes: 0 });
        if let Some(at) = at {
            let after = match step.action {
                Action::Create | Action::CreateOnParent => {
                    index_record::read(&self.control, &step.index).await?
                }
                _ => None,
            };
            self.progress.note(&step.index, &step.sql, after.as_ref(), true);
            let entry = &mut self.entries[at];
            entry.after = after;
            entry.state = StepState::Done;
            entry.ended_us = Some(sources::now_us());
            entry.error = None;
            self.write(at).await?;
        }
        Ok(())
    }

    /// Opens the session that works anew; what it was doing is for the next plan to see.
    pub(super) async fn reconnect(&mut self) -> Result<()> {
        let start = Instant::now();
        for attempt in 1.. {
            match Worker::connect(self.target, self.options.statement_timeout, &self.context.interrupt).await
            {
                Ok(worker) => {
                    worker.connection.require_primary()?;
                    self.session = journal::own_session(&worker.connection).await?;
                    self.worker = worker;
                    break;
                }
                Err(error) if start.elapsed() > RECONNECT_PATIENCE => return Err(error.into()),
                Err(_) => {
                    let bits = self.session.pid.unsigned_abs().into();
                    pause(self.context, failure::delay(attempt, bits)).await?;
                }
            }
        }
        Ok(())
    }

    /// Takes the lock again where its session was lost.
    async fn keep_control(&mut self) -> Result<()> {
        if self.control.is_closed() {
            let start = Instant::now();
            for attempt in 1.. {
                match control(self.context, self.target, Subject::Indexes).await {
                    Ok(control) => {
                        self.control = control;
                        break;
                    }
                    Err(error) if start.elapsed() > RECONNECT_PATIENCE => return Err(error),
                    Err(_) => pause(self.context, failure::delay(attempt, 0)).await?,
                }
            }
        }
        Ok(())
    }

    /// Waits until somebody else's work on the table has ended.
    async fn await_builder(&mut self, step: &Step, pid: i32) -> Result<()> {
        let mut watcher = Watcher::new(self.context, format!("wait for the build of {}", step.index.name));
        loop {
            let session = ddl::session_at_work(&self.control, pid).await?;
            let state = ddl::read_state(&self.control, self.goals).await?;
            if session.is_none() || !state.builders.iter().any(|builder| builder.pid == pid) {
                return Ok(());
            }
            watcher.waits(session.as_slice());
            pause(self.context, POLL).await?;
        }
    }

    /// Waits until the server takes another step well; says whether that took time, in which things may have changed.
    async fn await_calm(&mut self, step: &Step) -> Result<bool> {
        let mut has_waited = false;
        let mut watcher = Watcher::new(self.context, format!("{} {}", step.verb(), step.index.name));
        loop {
            require_writes(&self.control).await?;
            let Options { max_lag, max_active, .. } = self.options;
            if max_lag.is_none() && max_active.is_none() {
                return Ok(has_waited);
            }
            let load = ddl::load(&self.control).await?;
            let lag = load.lag.filter(|(_, lag)| max_lag.is_some_and(|max| *lag > max));
            let n_active = max_active.is_some_and(|max| load.n_active > max).then_some(load.n_active);
            let reason = match (lag, n_active) {
                (Some((replica, lag)), _) => {
                    format!("replica {replica} is {:.1} s behind", lag.as_secs_f64())
                }
                (None, Some(n)) => format!("{n} sessions are active"),
                (None, None) => return Ok(has_waited),
            };
            has_waited = true;
            watcher.holds_back(&reason);
            pause(self.context, POLL * 4).await?;
        }
    }

    /// Returns where the journal has the step; a step that was not planned at first is added.
    fn entry_of(&mut self, step: &Step) -> Option<usize> {
        let is_same = |known: &Entry| {
            known.index == step.index
                && known.sql.first() == Some(&step.sql)
                && known.state != StepState::Done
        };
        if let Some(at) = self.entries.iter().position(is_same) {
            (self.entries[at].error, self.entries[at].ended_us) = (None, None);
            return Some(at);
        }
        let ordinal = self.entries.iter().map(|known| known.ordinal + 1).max().unwrap_or(0);
        self.entries.push(entry(step, ordinal)?);
        Some(self.entries.len() - 1)
    }

    /// Writes down what is about to happen, and all that undoing it needs.
    async fn begin(&mut self, at: usize, step: &Step) -> Result<()> {
        let before = match step.action {
            Action::Drop | Action::DropPartitioned | Action::Reindex | Action::Attach { .. } => {
                index_record::read(&self.control, &step.index).await?
            }
            _ => None,
        };
        let counters = match step.action {
            Action::Drop | Action::DropPartitioned => {
                index_record::counters(&self.control, &step.index).await?
            }
            _ => None,
        };
        let size = self.state.index(&step.index).map(|(_, index)| index.size_bytes);
        let entry = &mut self.entries[at];
        // Of a drop that was cut short the first record counts: it was made while the index was whole.
        if entry.before.is_none() {
            entry.undo = match (&step.action, &before) {
                (Action::Create | Action::CreateOnParent, _) => vec![undo_create(step)],
                (Action::Drop | Action::DropPartitioned, Some(record)) => vec![record.definition.clone()],
                _ => Vec::new(),
            };
            entry.before = before;
            entry.counters = counters;
            entry.size_before_bytes = size;
        }
        entry.state = StepState::Started;
        entry.session = Some(self.session.clone());
        entry.started_us = Some(sources::now_us());
        self.write(at).await
    }

    /// Writes a step down. A journal that cannot be written is opened again, once.
    pub(super) async fn write(&mut self, at: usize) -> Result<()> {
        let entry = self.entries[at].clone();
        let Err(error) = self.journal.write(&self.run.id, &entry).await else { return Ok(()) };
        if error.failure() != Failure::SessionLost {
            return Err(error.into());
        }
        let start = Instant::now();
        for attempt in 1.. {
            match Journal::open(self.target, self.options.journal.as_deref(), &self.context.interrupt).await {
                Ok(journal) => {
                    self.journal = journal;
                    break;
                }
                Err(error) if start.elapsed() > RECONNECT_PATIENCE => return Err(error.into()),
                Err(_) => pause(self.context, failure::delay(attempt, 0)).await?,
            }
        }
        Ok(self.journal.write(&self.run.id, &entry).await?)
    }

    /// Says how large the last step has left its index.
    async fn note_sizes(&mut self) -> Result<()> {
        let Some(last) = self.done.last_mut() else { return Ok(()) };
        let size = self.state.index(&last.step.index).map(|(_, index)| index.size_bytes);
        if last.size_bytes > 0 || size.is_none() {
            return Ok(());
        }
        last.size_bytes = size.unwrap_or(0);
        let sql = last.step.sql.clone();
        let is_last = |entry: &Entry| entry.sql.first() == Some(&sql) && entry.size_after_bytes.is_none();
        if let Some(at) = self.entries.iter().position(is_last) {
            self.entries[at].size_after_bytes = size;
            self.write(at).await?;
        }
        Ok(())
    }

    /// Writes down what became of steps that have no end yet, and lets others in. Whether that works decides nothing any more.
    async fn close(&mut self, is_complete: bool) {
        for entry in &mut self.entries {
            let before = entry.state;
            // While something is left to do, the server may still be at what was started and nobody has seen ending.
            if is_complete || before == StepState::Planned {
                let now = if entry.is_unseen() {
                    index_record::read(&self.control, &entry.index).await
                } else {
                    Ok(None)
                };
                let Ok(now) = now else { break };
                entry.settle(now);
            }
            if entry.state != before && self.journal.write(&self.run.id, entry).await.is_err() {
                break;
            }
        }
        _ = ddl::unlock(&self.control, Subject::Indexes).await;
    }
}

/// Whether the catalog shows that a step has come to its end, as far as it can show that.
fn is_done(step: &Step, plan: &Plan, state: &State) -> bool {
    let now = state.index(&step.index).map(|(_, index)| index);
    let is_as_wanted = match step.action {
        Action::Create => now.is_some_and(|index| index.is_valid),
        Action::CreateOnParent => now.is_some(),
        Action::Attach { .. } => now.is_some_and(|index| index.parent.is_some()),
        Action::Drop | Action::DropPartitioned => now.is_none(),
        Action::Await { .. } | Action::DropLeftover | Action::Analyze | Action::Reindex => false,
    };
    is_as_wanted && !plan.steps.iter().any(|open| open.index == step.index && open.action == step.action)
}

/// Refuses a server that has become a standby, or was told to take no writes.
pub(crate) async fn require_writes(control: &Connection) -> Result<()> {
    match ddl::refuses_writes(control).await? {
        Some(reason) => Err(Error::server(format!("server at {} takes no writes: {reason}", control.label))
            .hint("Connect to the server that takes writes now.")),
        None => Ok(()),
    }
}

pub(super) fn doing(step: &Step) -> String {
    format!("{} index \"{}\" on table \"{}\"", step.verb(), step.index.name, step.index.table)
}

fn undo_create(step: &Step) -> String {
    drop_index(&step.index.schema, &step.index.name, step.action == Action::CreateOnParent)
}
