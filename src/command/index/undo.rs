//! `perfkit index undo`: takes back what a run of apply has changed, its steps backwards.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use clap::Args;

use super::apply::{Watcher, await_orphans, control, histories, pause};
use crate::cli::ConnectArgs;
use crate::context::Context;
use crate::error::{Error, ExitStatus, Result};
use crate::index::change::failure::{self, Failure};
use crate::index::change::journal::{Action, History, Step, StepState};
use crate::index::change::plan::Goal;
use crate::index::change::restore::{State, Statement};
use crate::index::change::undo::{self, Remedy, Undoing};
use crate::index::change::{IndexName, Seen};
use crate::pg::ddl::{self, Patience, Subject, Worker};
use crate::pg::journal::{self, Journal};
use crate::pg::{self, Access, Connection, Target, index_record, sql};
use crate::query::index_ddl::{IndexStatement, index_statement};
use crate::report;
use crate::report::index::{UndoOutcome, UndoneStep};
use crate::sources::{now_us, one_line};
use crate::unit;

/// Take back what `perfkit index apply` has changed
///
/// Drops what the run has created, if it is still that, and brings back what it has dropped: the definition, tablespace,
/// comments, statistics targets, constraint, CLUSTER and replica identity marks. Prints the plan and asks. Where an undo of
/// the run was cut short, be it one of `apply --auto-undo` for a part of it, it finishes that one and no more.
#[derive(Args, Debug)]
pub(crate) struct UndoArgs {
    /// Undo this run instead of the newest that is not undone (the beginning of its id is enough)
    #[arg(conflicts_with = "list")]
    run: Option<String>,
    /// List the runs and change nothing
    #[arg(long)]
    list: bool,
    /// Do not ask
    #[arg(short, long, conflicts_with = "list")]
    yes: bool,
    /// Print the plan and change nothing
    #[arg(long, conflicts_with_all = ["yes", "list"])]
    dry_run: bool,
    /// Read and write this journal instead of that in the database
    #[arg(long, value_name = "FILE")]
    journal: Option<PathBuf>,
    #[command(flatten)]
    connect: ConnectArgs,
}

/// How often it is looked whether somebody's build has ended.
const POLL: Duration = Duration::from_millis(250);
/// How often a lock is asked for in whose queue others wait.
const MAX_TRIES: u32 = 20;
/// Dropping a leftover waits for older transactions as building does; nobody who pressed Ctrl-C waits for long.
const CLEAN_UP_TIMEOUT: Duration = Duration::from_secs(8);

pub(crate) async fn run(context: &Context, args: &UndoArgs) -> Result<ExitStatus> {
    let target = context.target(&args.connect)?;
    let reader = target.connect(Access::ReadOnly, &context.interrupt).await?;
    let histories = own_histories(context, &reader, args).await?;
    if args.list {
        context.ui.publish(&report::index::runs(&histories))?;
        if histories.is_empty() {
            context.ui.status("the journal has no runs");
        }
        return Ok(ExitStatus::Success);
    }
    reader.require_primary()?;
    let chosen = choose(&histories, args.run.as_deref())?.filter(|history| history.can_be_undone());
    let Some(whole) = chosen.map(|chosen| undo::with_earlier_records(chosen, &histories)) else {
        context.ui.publish(&report::index::undone(None, args.dry_run, &[]))?;
        context.ui.status("there is nothing to undo");
        return Ok(ExitStatus::Success);
    };
    // It may have been one of a few indexes, of a run that was to stay.
    let cut_short = undo::cut_short(&whole);
    let is_rest = cut_short.is_some();
    let history = cut_short.unwrap_or_else(|| whole.clone());
    if is_rest {
        context.ui.status(format_args!("an undo of run {} was cut short; this finishes it", whole.run.id));
    }
    if !args.dry_run {
        await_orphans(context, &reader, &histories).await?;
    }
    let plan = undo::undo(&history, &present(&reader, &history).await?);

    if args.dry_run {
        let steps: Vec<UndoneStep> = plan.into_iter().map(planned).collect();
        context.ui.publish(&report::index::undone(Some(&history.run), true, &steps))?;
        return Ok(status(&steps));
    }
    print_plan(context, &history, &plan);
    if ddl::may_miss_rows(reader.version) && plan.iter().any(builds_concurrently) {
        context.ui.warn("servers older than 14.4 may leave rows out of the indexes that come back: update, then rebuild them");
    }
    let what = if is_rest { "Finish the undo of run" } else { "Undo run" };
    let question = format!("{what} {} on {}?", history.run.id, target.label());
    if !context.confirm(&question, args.yes).await? {
        context.ui.status("nothing was changed");
        return Ok(ExitStatus::Success);
    }
    let control = control(context, &target, Subject::Indexes).await?;
    if undo::undo(&history, &present(&control, &history).await?) != plan {
        return Err(Error::server("the indexes have changed since the plan was made")
            .hint("Run the command again for a new plan."));
    }
    let options = (args.journal.as_deref(), args.connect.statement_timeout);
    let mut undoer = Undoer::start(context, &target, &control, options, &history).await?;
    let steps = undoer.undo(plan).await;
    let steps = steps.map_err(|error| error.hint("Run the command again: it goes on where it was."))?;
    ddl::unlock(&control, Subject::Indexes).await?;

    context.ui.publish(&report::index::undone(Some(&history.run), false, &steps))?;
    let stays = |step: &&Step| {
        step.state.may_have_acted() && history.steps.iter().all(|done| done.ordinal != step.ordinal)
    };
    let n_stay = whole.steps.iter().filter(stays).count();
    if n_stay > 0 {
        context.ui.status(format_args!(
            "{n_stay} other steps of the run stay; run the command again to take them back as well"
        ));
    }
    Ok(status(&steps))
}

/// Undoes what a run has done to these indexes and no other step of it, without asking.
pub(super) async fn undo_only(
    context: &Context,
    target: &Target,
    (file, statement_timeout): (Option<&Path>, Option<Duration>),
    run: &str,
    indexes: &[IndexName],
) -> Result<Vec<UndoneStep>> {
    let control = control(context, target, Subject::Indexes).await?;
    let histories = histories(&control, file).await?;
    let Some(history) = choose(&histories, Some(run))? else { return Ok(Vec::new()) };
    let history = undo::only(&undo::with_earlier_records(history, &histories), indexes);
    let plan = undo::undo(&history, &present(&control, &history).await?);
    print_plan(context, &history, &plan);
    let mut undoer = Undoer::start(context, target, &control, (file, statement_timeout), &history).await?;
    let steps = undoer.undo(plan).await?;
    ddl::unlock(&control, Subject::Indexes).await?;
    Ok(steps)
}

/// What is left as it is, or failed, is a finding.
fn status(steps: &[UndoneStep]) -> ExitStatus {
    let is_left =
        |step: &UndoneStep| matches!(step.outcome, UndoOutcome::Impossible(_) | UndoOutcome::Failed(_));
    if steps.iter().any(is_left) { ExitStatus::Findings } else { ExitStatus::Success }
}

/// Returns the runs on this database, oldest first.
async fn own_histories(context: &Context, reader: &Connection, args: &UndoArgs) -> Result<Vec<History>> {
    let torn_bytes = args.journal.as_deref().map_or(Ok(0), journal::torn_bytes)?;
    if let Some(path) = args.journal.as_ref().filter(|_| torn_bytes > 0) {
        context.ui.warn(format_args!(
            "the last line of journal {path:?} was not written to its end; it is ignored"
        ));
    }
    histories(reader, args.journal.as_deref()).await
}

/// Returns the run that is named, else the newest of which something may be left.
fn choose<'h>(histories: &'h [History], wanted: Option<&str>) -> Result<Option<&'h History>> {
    const HINT: &str = "`perfkit index undo --list` shows the runs.";
    let Some(wanted) = wanted else {
        return Ok(histories.iter().rev().find(|history| history.can_be_undone()));
    };
    let found: Vec<&History> =
        histories.iter().filter(|history| history.run.id.0.starts_with(wanted)).collect();
    match found[..] {
        [] => Err(Error::usage(format!("the journal has no run \"{wanted}\" of this database")).hint(HINT)),
        [history] => Ok(Some(history)),
        _ => Err(Error::usage(format!("{} runs begin with \"{wanted}\"", found.len())).hint(HINT)),
    }
}

async fn present(connection: &Connection, history: &History) -> Result<State> {
    let (records, indexes) = undo::concerned(history);
    Ok(index_record::state(connection, &records, &indexes).await?)
}

/// The plan is what the user decides on, so it is shown whatever the format of the result.
fn print_plan(context: &Context, history: &History, plan: &[Undoing]) {
    let started = chrono::DateTime::from_timestamp_micros(history.run.started_us).unwrap_or_default();
    context.ui.notice(format_args!(
        "run {} of {}, with perfkit {}:",
        history.run.id,
        started.format("%Y-%m-%d %H:%M:%S UTC"),
        history.run.perfkit_version
    ));
    for undoing in plan {
        match &undoing.remedy {
            Remedy::Nothing => {}
            Remedy::Statements(statements) => {
                for statement in statements {
                    let locks = report::index::locks(statement);
                    context.ui.notice(format_args!("{};  -- {locks}", statement.sql));
                }
            }
            Remedy::Impossible(reason) => {
                context.ui.warn(format_args!("index \"{}\" is left as it is: {reason}", undoing.index.name));
            }
        }
    }
}

fn builds_concurrently(undoing: &Undoing) -> bool {
    let Remedy::Statements(statements) = &undoing.remedy else { return false };
    statements.iter().any(|statement| !statement.may_run_in_transaction && !statement.only_drops())
}

fn planned(undoing: Undoing) -> UndoneStep {
    let Undoing { ordinal, index, remedy } = undoing;
    let (outcome, statements) = match remedy {
        Remedy::Nothing => (UndoOutcome::Nothing, Vec::new()),
        Remedy::Statements(statements) => (UndoOutcome::Planned, statements),
        Remedy::Impossible(reason) => (UndoOutcome::Impossible(reason), Vec::new()),
    };
    UndoneStep { ordinal, index, statements, outcome }
}

/// Returns what a statement of a step's undo drops concurrently.
fn dropped(step: &Step, sql: &str) -> Option<IndexName> {
    if !sql.starts_with("DROP INDEX CONCURRENTLY ") {
        return None;
    }
    let Ok(IndexStatement::Drop(names)) = index_statement(sql) else { return None };
    let name = names.into_iter().next()?;
    Some(IndexName { schema: name.schema?, table: step.index.table.clone(), name: name.name })
}

/// Undoes one run.
struct Undoer<'a> {
    context: &'a Context,
    /// Holds the lock that keeps two perfkits apart, looks and watches.
    control: &'a Connection,
    worker: Worker,
    lock_timeout: Duration,
    journal: Journal,
    history: &'a History,
}

impl<'a> Undoer<'a> {
    async fn start(
        context: &'a Context,
        target: &Target,
        control: &'a Connection,
        (file, statement_timeout): (Option<&Path>, Option<Duration>),
        history: &'a History,
    ) -> Result<Self> {
        let worker = Worker::connect(target, statement_timeout, &context.interrupt).await?;
        // Definitions name their tablespace where it is not the database's own.
        worker
            .connection
            .query(sql::SET_CONFIG, &[&"default_tablespace", &""])
            .await
            .map_err(pg::Error::query("set default_tablespace"))?;
        let journal = Journal::open(target, file, &context.interrupt).await?;
        let lock_timeout = target.timeouts().lock;
        Ok(Self { context, control, worker, lock_timeout, journal, history })
    }

    /// Undoes what can be undone, and returns what became of each step.
    async fn undo(&mut self, plan: Vec<Undoing>) -> Result<Vec<UndoneStep>> {
        let session = journal::own_session(&self.worker.connection).await?;
        let mut steps: Vec<UndoneStep> = Vec::new();
        let by_ordinal = |ordinal: u32| self.history.steps.iter().find(|step| step.ordinal == ordinal);
        let begun = undo::begun(self.history, &plan, &session);
        self.journal.write_all(&self.history.run.id, &begun).await?;
        for undoing in plan {
            let mut done = planned(undoing);
            let Some(step) = by_ordinal(done.ordinal) else { continue };
            let mut step = step.clone();
            step.session = Some(session.clone());
            if step.action == Action::Create
                && matches!(done.outcome, UndoOutcome::Planned)
                && let Some(missing) = self.missing(&done.index, &steps)
            {
                let reason = format!("it stays because index \"{missing}\" of its table did not come back");
                done.outcome = UndoOutcome::Failed(reason);
            } else if matches!(done.outcome, UndoOutcome::Planned) {
                step.error = None;
                let start = Instant::now();
                done.outcome = match self.execute(&step, &done.statements).await? {
                    None => UndoOutcome::Undone { elapsed_ms: unit::as_ms(start.elapsed()) },
                    Some(reason) => UndoOutcome::Failed(reason),
                };
            }
            match &done.outcome {
                UndoOutcome::Impossible(reason) | UndoOutcome::Failed(reason) => {
                    step.error = Some(reason.clone());
                    // This undo has come to its end here; another one decides anew.
                    if step.state == StepState::Undoing {
                        step.state = StepState::Done;
                    }
                }
                _ => step.state = StepState::Undone,
            }
            step.ended_us = Some(now_us());
            self.journal.write(&self.history.run.id, &step).await?;
            steps.push(done);
        }
        Ok(steps)
    }

    /// The index of the same table that should have come back before this one goes, and did not.
    fn missing<'s>(&self, index: &IndexName, steps: &'s [UndoneStep]) -> Option<&'s str> {
        let is_drop = |ordinal: u32| {
            self.history.steps.iter().any(|step| step.ordinal == ordinal && step.action == Action::Drop)
        };
        let is_missing = |step: &&UndoneStep| {
            matches!(step.outcome, UndoOutcome::Failed(_) | UndoOutcome::Impossible(_))
                && (&step.index.schema, &step.index.table) == (&index.schema, &index.table)
                && is_drop(step.ordinal)
        };
        steps.iter().find(is_missing).map(|step| step.index.name.as_str())
    }

    /// Runs the statements that undo a step; returns why that failed, if the others can be undone all the same.
    async fn execute(&mut self, step: &Step, statements: &[Statement]) -> Result<Option<String>> {
        for statement in statements {
            if !self.may_drop(step, statement).await? {
                return Ok(Some(format!(
                    "somebody has changed it meanwhile; not run: {}",
                    one_line(&statement.sql)
                )));
            }
            let Err(error) = self.run(statement).await else { continue };
            let is_interrupted = self.context.interrupt.is_raised();
            let failure = error.failure();
            let error = Error::from(error);
            if failure != Failure::SessionLost
                && let Err(left) = self.clean_up(step, statement, is_interrupted).await
            {
                return Err(left);
            }
            if is_interrupted || matches!(failure, Failure::SessionLost | Failure::ReadOnly) {
                return Err(error);
            }
            return Ok(Some(error.to_string()));
        }
        // What the statements have made is looked at, not assumed.
        let now = present(self.control, self.history).await?;
        let left = undo::undo(self.history, &now).into_iter().find(|undoing| undoing.ordinal == step.ordinal);
        Ok(match left.map(|undoing| undoing.remedy) {
            Some(Remedy::Statements(left)) => {
                let left: Vec<String> = left.iter().map(|statement| one_line(&statement.sql)).collect();
                Some(format!("it is not as it was; what is left to do: {}", left.join("; ")))
            }
            _ => None,
        })
    }

    /// Whether what DROP INDEX CONCURRENTLY drops is what the plan has seen still. While somebody builds on the table, an
    /// INVALID index may be theirs, so that their end is waited for.
    async fn may_drop(&self, step: &Step, statement: &Statement) -> Result<bool> {
        let Some(index) = dropped(step, &statement.sql) else { return Ok(true) };
        let seen = Seen { index: index.clone(), definition: None, n_scans: None };
        let goals = [Goal::Drop { index: seen, covered_by: Vec::new() }];
        let mut watcher = Watcher::new(self.context, one_line(&statement.sql));
        let mut first_oid = None;
        loop {
            let state = ddl::read_state(self.control, &goals).await?;
            let Some((table, seen)) = state.index(&index) else { return Ok(true) };
            if *first_oid.get_or_insert(seen.oid) != seen.oid {
                return Ok(false);
            }
            if seen.is_valid {
                let now = undo::undo(self.history, &present(self.control, self.history).await?);
                return Ok(now.iter().any(|undoing| {
                    undoing.ordinal == step.ordinal
                        && matches!(&undoing.remedy, Remedy::Statements(now) if now.contains(statement))
                }));
            }
            let Some(pid) = state.builder(table.oid) else {
                return Ok(ddl::is_leftover(&self.worker.connection, &index, seen.oid).await?);
            };
            watcher.waits(ddl::session_at_work(self.control, pid).await?.as_slice());
            pause(self.context, POLL).await?;
        }
    }

    /// Runs a statement. Where others would queue up behind it, it waits for a lock for a short time only, again and again;
    /// one with CONCURRENTLY waits as long as it takes, since a lock timeout there would leave an INVALID index behind.
    async fn run(&self, statement: &Statement) -> Result<(), pg::Error> {
        let patience = match statement.may_run_in_transaction {
            false => Patience::Endless,
            true if statement.takes_no_time() => Patience::AllLocks(self.lock_timeout),
            true => Patience::EachLock(self.lock_timeout),
        };
        let what = one_line(&statement.sql);
        let mut watcher = Watcher::new(self.context, what.clone());
        let mut tries = 0;
        loop {
            tries += 1;
            let running = self.worker.run(&what, &statement.sql, patience);
            let done = ddl::watch(running, self.control, self.worker.pid, |seen| watcher.sees(seen)).await;
            let Err(error) = done else { return Ok(()) };
            if error.failure() != Failure::Busy || tries >= MAX_TRIES {
                return Err(error);
            }
            let bits = u64::from(std::process::id()) ^ now_us().unsigned_abs();
            tokio::select! {
                () = tokio::time::sleep(failure::delay(tries, bits)) => {}
                () = self.context.interrupt.raised() => return Err(error),
            }
        }
    }

    /// Drops what a build that failed has left.
    async fn clean_up(&mut self, step: &Step, statement: &Statement, is_interrupted: bool) -> Result<()> {
        if is_interrupted {
            self.worker.shield(CLEAN_UP_TIMEOUT).await?;
        }
        let now = present(self.control, self.history).await?;
        for leftover in undo::leftovers(statement, &step.index, &now) {
            self.run(&leftover).await?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn drops_beside_writers_are_looked_at_first() {
        let check = |sql: &str, expected: Option<&str>| {
            let index = IndexName { schema: "s".into(), table: "t".into(), name: "i".into() };
            let step = Step::planned(0, Action::Reindex, index, Vec::new());
            let found = dropped(&step, sql).map(|index| index.qualified());
            assert_eq!(found.as_deref(), expected, "{sql}");
        };
        check("DROP INDEX CONCURRENTLY IF EXISTS s.i_ccnew", Some("s.i_ccnew"));
        check("DROP INDEX CONCURRENTLY IF EXISTS s.\"I\"", Some("s.\"I\""));
        check("DROP INDEX s.whole", None);
        check("CREATE INDEX CONCURRENTLY i ON s.t (a)", None);
    }
}
