//! Carries a plan out, one step at a time; what the database has is all that counts, so that any run goes on where another ended.

use std::time::{Duration, Instant};

use super::PaceArgs;
use super::throttle::Throttle;
use crate::cli::ConnectArgs;
use crate::command::index::apply::{self, Watcher, pause};
use crate::context::Context;
use crate::counter::journal::{Entry, FORMAT, Run, Told, Wanted};
use crate::counter::plan::{Goal, plan};
use crate::counter::site::{QualifiedName, Site};
use crate::counter::state::State;
use crate::counter::steps::{Action, Step};
use crate::error::{Error, Result};
use crate::index::change::failure::{self, Failure};
use crate::index::change::journal::SessionName;
use crate::pg::counter::{batch, facts};
use crate::pg::ddl::{self, Patience, Subject, Worker};
use crate::pg::journal::{self, Journal};
use crate::pg::sql::quote_identifier;
use crate::pg::{self, Connection, Target};
use crate::random;
use crate::report::counter::DoneStep;
use crate::sources;

/// A server that restarts or fails over is back after this, or needs somebody.
const RECONNECT_PATIENCE: Duration = Duration::from_mins(1);
/// So often a run may lose its session, or find another state than it has planned for.
const MAX_LOSSES: u32 = 5;
/// So often what is left is planned anew once all steps were done: a partition may have come meanwhile.
const MAX_PASSES: u32 = 5;

/// How a plan is carried out.
pub(super) struct Options<'a> {
    pub(super) pace: &'a PaceArgs,
    /// How long a step that others would queue up behind waits for its lock.
    lock_timeout: Duration,
    statement_timeout: Option<Duration>,
}

/// What is to be done.
#[derive(Clone, Debug)]
pub(super) enum Work {
    /// All that is left of these, whatever there is by then.
    Goals(Vec<Goal>),
    /// These steps, of which each may be done again.
    Steps(Vec<Step>),
}

/// What a run has done.
#[derive(Debug, Default)]
pub(super) struct Outcome {
    /// The run's name in the journal; `None` when there was nothing to do.
    pub(super) run: Option<String>,
    pub(super) done: Vec<DoneStep>,
}

pub(super) struct Executor<'a> {
    pub(super) context: &'a Context,
    target: &'a Target,
    pub(super) options: &'a Options<'a>,
    work: Work,
    /// The tables that it is about, as people name them.
    names: Vec<String>,
    /// Holds the lock, reads the state and watches.
    pub(super) control: Connection,
    control_pid: i32,
    journal_pid: Option<i32>,
    pub(super) worker: Worker,
    pub(super) session: SessionName,
    journal: Journal,
    pub(super) run: Run,
    /// What the journal said before this run, or before it lost a session.
    pub(super) told: Told,
    pub(super) throttle: Throttle,
    done: Vec<DoneStep>,
    losses: u32,
}

/// How a run goes on after a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Flow {
    Next,
    /// Things have changed: what is left is to be planned anew.
    Again,
}

impl<'a> Options<'a> {
    pub(super) fn new(pace: &'a PaceArgs, connect: &ConnectArgs, target: &Target) -> Self {
        Self { pace, lock_timeout: target.timeouts().lock, statement_timeout: connect.statement_timeout }
    }
}

/// Does all that is left of the work, which is about tables of these names.
pub(super) async fn execute(
    context: &Context,
    target: &Target,
    (work, names): (Work, Vec<String>),
    options: &Options<'_>,
) -> Result<Outcome> {
    let mut control = apply::control(context, target, Subject::Counters).await?;
    let told = journal::told_of_counters(&control).await?;
    let state = facts::load(&mut control, &names).await?;
    let steps = work.left(&state, &told);
    if steps.is_empty() {
        ddl::unlock(&control, Subject::Counters).await?;
        return Ok(Outcome::default());
    }
    if steps.iter().any(|step| matches!(step.action, Action::Backfill { .. })) {
        warn_of_blindness(context, &control).await?;
    }
    // Before the journal, which is a write as well.
    apply::require_writes(&control).await?;
    let worker = Worker::connect(target, options.statement_timeout, &context.interrupt).await?;
    let mut journal = Journal::open_of_counters(target, &context.interrupt).await?;
    let wanted = Wanted { sites: work.sites() };
    let run: Run = journal::new_run(&control, FORMAT, wanted).await?;
    // Nobody else adds to the entries of runs now: there is but one lock.
    journal.condense().await?;
    journal.append(&[Entry::Run(run.clone())]).await?;
    let mut executor = Executor {
        context,
        target,
        options,
        work,
        names,
        control_pid: journal::own_session(&control).await?.pid,
        journal_pid: journal.pid().await?,
        control,
        session: journal::own_session(&worker.connection).await?,
        worker,
        journal,
        run,
        told,
        throttle: Throttle::new(options.pace),
        done: Vec::new(),
        losses: 0,
    };
    let mut result = executor.run_all().await;
    if result.is_ok() {
        result = executor.note_dropped().await;
    }
    let end = Entry::End {
        run: executor.run.id.clone(),
        at_us: sources::now_us(),
        error: result.as_ref().err().map(|error| error.message().to_owned()),
    };
    let noted = executor.note(end).await;
    if let Err(error) = executor.journal.condense().await {
        // What was done is done; the next run tries again.
        context.ui.warn(error);
    }
    // Its session ends with this process in any case.
    _ = ddl::unlock(&executor.control, Subject::Counters).await;
    let n_done = executor.done.len();
    result.map_err(|error| {
        error.hint(format!("{n_done} steps are done; run the command again, and it goes on from there."))
    })?;
    noted?;
    Ok(Outcome { run: Some(executor.run.id.to_string()), done: executor.done })
}

/// Says once what the throttle cannot see, so that nobody relies on it.
async fn warn_of_blindness(context: &Context, control: &Connection) -> Result<()> {
    let Some(role) = ddl::blind_role(control).await? else { return Ok(()) };
    context.ui.warn(format_args!(
        "role \"{role}\" sees neither how far replicas are behind nor what others wait for, so the count makes way for neither; \
         to let it, have a superuser run `GRANT pg_read_all_stats TO {}`",
        quote_identifier(&role)
    ));
    Ok(())
}

impl Work {
    /// The steps that are left of it.
    fn left(&self, state: &State, told: &Told) -> Vec<Step> {
        match self {
            Self::Goals(goals) => plan(goals, state, &told.counted),
            Self::Steps(steps) => steps.clone(),
        }
    }

    /// The sites that it makes or counts.
    fn sites(&self) -> Vec<Site> {
        match self {
            Self::Goals(goals) => goals
                .iter()
                .filter_map(|goal| match goal {
                    Goal::Have(site) => Some(site.clone()),
                    Goal::Lack { .. } => None,
                })
                .collect(),
            Self::Steps(steps) => steps
                .iter()
                .filter_map(|step| match &step.action {
                    Action::Backfill { site, .. } => Some((**site).clone()),
                    _ => None,
                })
                .collect(),
        }
    }
}

impl Executor<'_> {
    async fn run_all(&mut self) -> Result<()> {
        for pass in 0..MAX_PASSES + MAX_LOSSES {
            self.keep_control().await?;
            if pass > 0 {
                // How far this run has come by now.
                self.told = journal::told_of_counters(&self.control).await?;
            }
            let state = facts::load(&mut self.control, &self.names).await?;
            let steps = self.work.left(&state, &self.told);
            if steps.is_empty() {
                return Ok(());
            }
            let mut begun: Vec<Step> = Vec::new();
            let mut is_cut_short = false;
            for step in steps {
                if self.context.interrupt.is_raised() {
                    return Err(pg::Error::Interrupted.into());
                }
                let start = Instant::now();
                let mut n_rows = 0;
                let flow = match &step.action {
                    Action::Backfill { site, due, protocol } => {
                        // Rows that were counted before the triggers came are not counted.
                        let may_resume = !begun.iter().any(|done| makes_triggers(done, site));
                        self.count(&state, (site, *due, *protocol), may_resume, &mut n_rows).await?
                    }
                    Action::MakeRows(site) => self.make_rows(&state, site, &mut n_rows).await?,
                    Action::Fold(site) => self.fold_all(site, &mut n_rows).await?,
                    _ => self.perform(&step).await?,
                };
                if flow == Flow::Again {
                    is_cut_short = true;
                    break;
                }
                self.done.push(DoneStep { step: step.clone(), elapsed: start.elapsed(), n_rows });
                begun.push(step);
            }
            if !is_cut_short && matches!(self.work, Work::Steps(_)) {
                return Ok(());
            }
        }
        let what = "the counters".to_owned();
        Err(pg::Error::Answer { what, reason: "after all steps some are left".to_owned() }.into())
    }

    /// Writes down which columns are not kept any more: what they hold from now on is not counted.
    async fn note_dropped(&mut self) -> Result<()> {
        let Work::Goals(goals) = &self.work else { return Ok(()) };
        let dropped: Vec<Entry> = goals
            .iter()
            .filter_map(|goal| match goal {
                Goal::Have(_) => None,
                Goal::Lack { parent, columns, .. } => {
                    Some(Entry::Dropped { parent: parent.clone(), columns: columns.clone() })
                }
            })
            .collect();
        for entry in dropped {
            self.note(entry).await?;
        }
        Ok(())
    }

    /// Runs the statements of a step in one transaction.
    async fn perform(&mut self, step: &Step) -> Result<Flow> {
        // The server takes several statements of one message as one transaction.
        let sql = step.sql.join(";\n");
        let doing = doing(step);
        let patience = match step.lock {
            Some(lock) if !lock.forms_queue() => Patience::Endless,
            _ => {
                // Who holds the lock of one table of a tree while it waits for the next gives way before a writer who has them the
                // other way round is looked at for deadlocks, and ended.
                Patience::AllLocks(batch::patience(&self.control, self.options.lock_timeout).await?)
            }
        };
        for attempt in 1.. {
            let mut watcher = Watcher::new(self.context, doing.clone());
            let running = self.worker.run(&doing, &sql, patience);
            let result = ddl::watch(running, &self.control, self.worker.pid, |seen| watcher.sees(seen)).await;
            let Err(error) = result else { return Ok(Flow::Next) };
            let blockers = watcher.end();
            if error.failure() == Failure::Busy
                && !self.context.interrupt.is_raised()
                && attempt < self.options.pace.lock_tries
            {
                let bits = random::substream(self.session.backend_start_us.unsigned_abs(), &sql);
                let delay = failure::delay(attempt, bits);
                let who = blockers.first().map(apply::describe).unwrap_or_default();
                self.context.ui.status(format_args!(
                    "{doing}: somebody else has the lock{who}; try {} of {} in {:.1} s",
                    attempt + 1,
                    self.options.pace.lock_tries,
                    delay.as_secs_f64()
                ));
                pause(self.context, delay).await?;
                continue;
            }
            return self.fail(error).await;
        }
        Ok(Flow::Again)
    }

    /// Decides what a failure means.
    pub(super) async fn fail(&mut self, error: pg::Error) -> Result<Flow> {
        if self.context.interrupt.is_raised() || self.losses >= MAX_LOSSES {
            return Err(error.into());
        }
        match error.failure() {
            Failure::Outdated => {
                self.losses += 1;
                pause(self.context, apply::POLL).await?;
                Ok(Flow::Again)
            }
            Failure::SessionLost => {
                self.losses += 1;
                self.context.ui.warn(format_args!("{error}: the session was lost; connecting again"));
                self.reconnect().await?;
                Ok(Flow::Again)
            }
            Failure::ReadOnly => Err(Error::from(error).hint("Connect to the server that takes writes now.")),
            _ => Err(error.into()),
        }
    }

    async fn reconnect(&mut self) -> Result<()> {
        let start = Instant::now();
        for attempt in 1.. {
            let connecting =
                Worker::connect(self.target, self.options.statement_timeout, &self.context.interrupt);
            match connecting.await {
                Ok(worker) => {
                    worker.connection.require_primary()?;
                    self.session = journal::own_session(&worker.connection).await?;
                    self.worker = worker;
                    break;
                }
                Err(error) if start.elapsed() > RECONNECT_PATIENCE => return Err(error.into()),
                Err(_) => pause(self.context, failure::delay(attempt, 0)).await?,
            }
        }
        self.keep_control().await
    }

    /// Takes the lock again where its session was lost.
    pub(super) async fn keep_control(&mut self) -> Result<()> {
        if !self.control.is_closed() {
            return Ok(());
        }
        let start = Instant::now();
        for attempt in 1.. {
            match apply::control(self.context, self.target, Subject::Counters).await {
                Ok(control) => {
                    self.control_pid = journal::own_session(&control).await?.pid;
                    self.control = control;
                    break;
                }
                Err(error) if start.elapsed() > RECONNECT_PATIENCE => return Err(error),
                Err(_) => pause(self.context, failure::delay(attempt, 0)).await?,
            }
        }
        Ok(())
    }

    /// Writes an entry. A journal that cannot be written is opened again, once.
    pub(super) async fn note(&mut self, entry: Entry) -> Result<()> {
        let entries = [entry];
        let Err(error) = self.journal.append(&entries).await else { return Ok(()) };
        if error.failure() != Failure::SessionLost {
            return Err(error.into());
        }
        let start = Instant::now();
        for attempt in 1.. {
            match Journal::open_of_counters(self.target, &self.context.interrupt).await {
                Ok(journal) => {
                    self.journal_pid = journal.pid().await?;
                    self.journal = journal;
                    break;
                }
                Err(error) if start.elapsed() > RECONNECT_PATIENCE => return Err(error.into()),
                Err(_) => pause(self.context, failure::delay(attempt, 0)).await?,
            }
        }
        Ok(self.journal.append(&entries).await?)
    }

    /// The sessions of this run.
    pub(super) fn pids(&self) -> Vec<i32> {
        [self.worker.pid, self.control_pid].into_iter().chain(self.journal_pid).collect()
    }

    /// The site that was asked for, of which `site` is a form for the time being.
    pub(super) fn wanted<'s>(&'s self, site: &'s Site) -> &'s Site {
        self.run.wanted.sites.iter().find(|wanted| wanted.is_same_place(site)).unwrap_or(site)
    }

    /// The tables that hold rows of a table of the state.
    pub(super) fn tree_oids(state: &State, table: &QualifiedName) -> Vec<u32> {
        let tree = state.table(table).map(|table| state.tree(table)).unwrap_or_default();
        tree.iter().map(|table| table.oid).collect()
    }
}

/// Whether a step makes triggers of a site, so that nothing from before it is counted.
fn makes_triggers(step: &Step, site: &Site) -> bool {
    matches!(step.action, Action::Install | Action::Triggers | Action::Guard)
        && (step.on == site.child || step.on == site.parent || step.action == Action::Triggers)
}

fn doing(step: &Step) -> String {
    format!("{} on {}", step.action.verb(), step.on)
}
