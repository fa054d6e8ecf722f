//! `perfkit index apply`: builds, rebuilds and drops indexes, one at a time, without blocking writers.

mod execute;
mod failing;
mod input;
mod prove;
mod temporary;
mod wait;

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;

use super::suggest::{self, DesignArgs, Runnable};
use crate::cli::{ConnectArgs, ProgramsArgs, WorkloadArgs, parse_duration};
use crate::context::Context;
use crate::error::{Error, ExitStatus, Result};
use crate::index::change::plan::{Goal, Plan, note_definitions, plan};
use crate::index::change::progress::Progress;
use crate::index::change::state::State;
use crate::index::change::steps::{Action, Step};
use crate::index::change::{Change, IndexName};
use crate::pg::{Access, Connection, Target, ddl};
use crate::query::quote::quote_identifier;
use crate::report;
use crate::report::index::{Applied, BuiltIndex, DoneStep, Proven, Space, UndoOutcome, UndoneStep};
use crate::sources;
use crate::unit;
use execute::{Options, Outcome};
use input::Input;
use prove::{ProveArgs, Prover};

// Undoing is changing too, and so is making counters.
pub(crate) use execute::{POLL, control, pause, require_writes};
pub(super) use execute::{await_orphans, histories};
pub(crate) use temporary::Temporary;
pub(crate) use wait::{Watcher, describe};

/// The waits between so many tries are ten minutes in all, then a lock is better looked at by a person.
const DEFAULT_LOCK_TRIES: u32 = 30;

/// Change the set of indexes without blocking writers
///
/// Prints the plan with the locks that each step takes, asks, and does one step after the other: builds with CREATE INDEX
/// CONCURRENTLY first, drops last. What exists is skipped, and what an earlier run left INVALID is built anew, so that a run
/// that was cut short is completed by running it again. A journal in the database (schema perfkit) says how to take it back.
#[derive(Args, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of its own")]
pub(crate) struct ApplyArgs {
    /// Do what this file says, instead of asking the advisor now; `-` for standard input
    ///
    /// What `perfkit index suggest -o FILE.json` or `perfkit index audit -o FILE.json` has saved, or a script of CREATE,
    /// DROP and REINDEX INDEX statements.
    file: Option<PathBuf>,
    /// Do not ask
    #[arg(short, long)]
    yes: bool,
    /// Print the plan and change nothing
    #[arg(long, conflicts_with = "yes")]
    dry_run: bool,
    /// Leave out all that drops an index
    #[arg(long)]
    no_drops: bool,
    /// Keep the journal in this file, not in the database
    #[arg(long, value_name = "FILE")]
    journal: Option<PathBuf>,
    /// Begin no step while a replica is further behind
    #[arg(long, value_name = "TIME", value_parser = parse_duration)]
    max_lag: Option<Duration>,
    /// Begin no step while more sessions of others run a statement
    #[arg(long, value_name = "N")]
    max_active: Option<u64>,
    /// Try a step that others would queue up behind this often; each try waits for `--lock-timeout`
    #[arg(long, value_name = "N", default_value_t = DEFAULT_LOCK_TRIES, value_parser = clap::value_parser!(u32).range(1..))]
    lock_tries: u32,
    /// Build even where the free space seems not to be enough
    #[arg(long)]
    skip_disk_check: bool,
    #[command(flatten)]
    proof: ProveArgs,
    #[command(flatten)]
    design: DesignArgs,
    #[command(flatten)]
    connect: ConnectArgs,
    #[command(flatten)]
    workload: WorkloadArgs,
    #[command(flatten)]
    programs: ProgramsArgs,
}

pub(crate) async fn run(context: &Context, args: &ApplyArgs) -> Result<ExitStatus> {
    let target = context.target(&args.connect)?;
    let mut connection = target.connect(Access::ReadOnly, &context.interrupt).await?;
    connection.require_primary()?;
    require_sight(&connection, args).await?;
    let (mut input, runnable) = read_input(context, args, &target, &mut connection).await?;
    let state = ddl::read_state(&connection, &input.goals).await?;
    note_definitions(&mut input.goals, &state);
    let histories = execute::histories(&connection, args.journal.as_deref()).await?;
    let progress = Progress::of_journal(&histories, &input.changes, sources::now_us());
    let plan = plan(&input.goals, &state, &progress);
    let space = space(&connection, &plan).await?;
    let server_version = connection.version;
    drop(connection);

    if args.dry_run {
        if let Some(runnable) = &runnable {
            context.ui.status(prove::announcement(&args.proof, runnable));
        }
        context.ui.publish(&report::index::planned(&plan, space))?;
        return Ok(status(&plan));
    }
    if plan.steps.is_empty() {
        let outcome = Outcome { plan, state, ..Outcome::default() };
        publish(context, &input.goals, &outcome, None)?;
        context.ui.status(match (input.goals.is_empty(), outcome.plan.held.is_empty()) {
            (true, _) => "there is no index to build",
            (false, true) => "everything is as it is wanted to be",
            (false, false) => "nothing else is left to do",
        });
        return Ok(status(&outcome.plan));
    }
    require_whole_builds(server_version, &plan, args.proof.auto_undo)?;
    // The plan is what the user decides on, so it is shown whatever the format of the result.
    for line in report::index::plan_lines(&plan, space) {
        context.ui.notice(line);
    }
    if let Some(runnable) = &runnable {
        context.ui.notice(prove::announcement(&args.proof, runnable));
    }
    if !space.is_enough() && !args.skip_disk_check {
        return Err(Error::server(format!(
            "the indexes need about {}, and {} are free",
            unit::bytes(space.needed_bytes()),
            unit::bytes(space.free_bytes.unwrap_or_default())
        ))
        .hint("Free disk space, or add `--skip-disk-check` if the server's data is elsewhere."));
    }
    let question = format!("Do these {} steps on {}?", plan.steps.len(), target.label());
    if !context.confirm(&question, args.yes).await? {
        context.ui.status("nothing was changed");
        return Ok(ExitStatus::Success);
    }
    let options = Options {
        journal: args.journal.clone(),
        lock_timeout: target.timeouts().lock,
        lock_tries: args.lock_tries,
        statement_timeout: args.connect.statement_timeout,
        max_lag: args.max_lag,
        max_active: args.max_active,
    };
    let mut prover = match &runnable {
        Some(runnable) => Some(Prover::start(context, &target, &args.proof, runnable).await?),
        None => None,
    };
    let goals = input.goals.clone();
    let outcome = execute::execute(context, &target, input, &options).await?;
    let mut proven = None;
    let proved = match &mut prover {
        Some(prover) => prove(context, prover, args, (&goals, &state), &outcome, &mut proven).await,
        None => Ok(()),
    };

    publish(context, &goals, &outcome, proven.as_ref())?;
    if let Err(error) = proved {
        let run = outcome.run.unwrap_or_default();
        // The proof is there, so the undo has failed.
        return Err(error.hint(if proven.is_some() {
            format!("Not all is undone; `perfkit index undo {run}` takes the rest back.")
        } else {
            format!("The changes are made; `perfkit index undo {run}` takes them back.")
        }));
    }
    if let Some(run) = &outcome.run {
        let what = match proven.as_ref().and_then(|proven| proven.undone.as_ref()) {
            None => Some("this"),
            Some(undone) => is_any_left(&outcome.done, &undone.steps).then_some("the rest"),
        };
        if let Some(what) = what {
            context.ui.status(format_args!("`perfkit index undo {run}` takes {what} back"));
        }
    }
    let has_findings = proven.is_some_and(|proven| proven.proof.has_findings());
    Ok(if has_findings { ExitStatus::Findings } else { status(&outcome.plan) })
}

/// Proves what was done, and takes back what it speaks against if that is wanted. What is known so far is in `proven` even
/// if it fails.
async fn prove(
    context: &Context,
    prover: &mut Prover<'_>,
    args: &ApplyArgs,
    (goals, before): (&[Goal], &State),
    outcome: &Outcome,
    proven: &mut Option<Proven>,
) -> Result<()> {
    let proof = prover.judge(goals, outcome, before).await?;
    prove::report(context, &args.proof, &proof, outcome.run.as_deref());
    let proven = proven.insert(Proven { proof, undone: None });
    if args.proof.auto_undo {
        let options = (args.journal.as_deref(), args.connect.statement_timeout);
        proven.undone = prover.undo(&proven.proof, outcome, options).await?;
    }
    Ok(())
}

/// Whether something that was created or dropped is not undone yet.
fn is_any_left(done: &[execute::Done], undone: &[UndoneStep]) -> bool {
    let is_undone = |index: &IndexName| {
        undone.iter().any(|it| {
            it.index == *index && matches!(it.outcome, UndoOutcome::Undone { .. } | UndoOutcome::Nothing)
        })
    };
    done.iter().map(|done| &done.step).any(|step| {
        matches!(
            step.action,
            Action::Create | Action::CreateOnParent | Action::Drop | Action::DropPartitioned
        ) && !is_undone(&step.index)
    })
}

/// Refuses a role for which nothing is ever busy or behind, where that is to be heeded.
async fn require_sight(connection: &Connection, args: &ApplyArgs) -> Result<()> {
    let option = match (args.max_lag, args.max_active) {
        (Some(_), _) => "--max-lag",
        (None, Some(_)) => "--max-active",
        (None, None) => return Ok(()),
    };
    let Some(role) = ddl::blind_role(connection).await? else { return Ok(()) };
    let grant = format!("GRANT pg_read_all_stats TO {}", quote_identifier(&role));
    Err(Error::server(format!("role \"{role}\" cannot see what `{option}` asks for"))
        .cause("sessions and replicas are hidden from roles without pg_read_all_stats")
        .hint(format!("Have a superuser run `{grant}`, or leave the option out.")))
}

/// Refuses to build where the server's bug may leave rows out; undoing a drop is building.
fn require_whole_builds(server_version: u32, plan: &Plan, auto_undo: bool) -> Result<()> {
    let may_build = |step: &Step| {
        step.builds() || auto_undo && matches!(step.action, Action::Drop | Action::DropPartitioned)
    };
    if !ddl::may_miss_rows(server_version) || !plan.steps.iter().any(may_build) {
        return Ok(());
    }
    Err(Error::server(format!(
        "PostgreSQL 14.{} may leave rows out of an index that is built while they are updated",
        server_version % 10_000
    ))
    .hint("Update the server to 14.4 or newer."))
}

async fn read_input(
    context: &Context,
    args: &ApplyArgs,
    target: &Target,
    connection: &mut Connection,
) -> Result<(Input, Option<Runnable>)> {
    let is_proven = args.proof.prove;
    let (input, runnable) = if let Some(file) = &args.file {
        let input = input::of_file(file, connection).await?;
        let runnable = if is_proven {
            Some(suggest::runnable(context, connection, &args.workload, &args.design).await?)
        } else {
            None
        };
        (input, runnable)
    } else {
        let (advice, runnable) =
            suggest::advise(context, (target, connection), &args.workload, &args.design, &args.programs)
                .await?;
        suggest::report_gaps(context, &advice);
        (input::of_advice(&advice, connection).await?, is_proven.then_some(runnable))
    };
    for name in &input.absent {
        context.ui.status(format_args!("{name} does not exist, so it need not be dropped"));
    }
    Ok((if args.no_drops { input.without_drops() } else { input }, runnable))
}

/// Builds indexes without asking, for a command that has a database of its own.
pub(crate) async fn build(
    context: &Context,
    target: &Target,
    changes: Vec<Change>,
) -> Result<Vec<BuiltIndex>> {
    let goals: Vec<Goal> = changes.iter().filter_map(Goal::of).collect();
    let input = Input { goals: goals.clone(), changes, absent: Vec::new() };
    let options = Options {
        lock_timeout: target.timeouts().lock,
        lock_tries: DEFAULT_LOCK_TRIES,
        ..Options::default()
    };
    let outcome = execute::execute(context, target, input, &options).await?;
    Ok(built(&goals, &outcome))
}

/// What could not be done is a finding.
fn status(plan: &Plan) -> ExitStatus {
    if plan.held.is_empty() { ExitStatus::Success } else { ExitStatus::Findings }
}

/// Returns what the plan needs of the server's disk, and what it has.
async fn space(connection: &Connection, plan: &Plan) -> Result<Space> {
    let disk = ddl::disk(connection).await?;
    let work_mem_bytes = disk.as_ref().map_or(0, |disk| disk.work_mem_bytes);
    let builds = plan.steps.iter().filter(|step| step.builds()).filter_map(|step| step.size_bytes);
    Ok(Space {
        index_bytes: plan.built_bytes(),
        sort_bytes: builds.max().filter(|bytes| *bytes > work_mem_bytes).unwrap_or(0),
        free_bytes: disk.and_then(|disk| ddl::free_bytes(connection, &disk)),
    })
}

fn publish(context: &Context, goals: &[Goal], outcome: &Outcome, proven: Option<&Proven>) -> Result<()> {
    let steps = outcome.done.iter().map(|done| DoneStep {
        step: &done.step,
        elapsed_ms: unit::as_ms(done.elapsed),
        size_bytes: done.size_bytes,
    });
    for (index, reason) in &outcome.plan.held {
        context.ui.warn(format_args!("not done: {}: {reason}", index.name));
    }
    for index in &outcome.plan.foreign {
        context.ui.warn(format_args!(
            "index \"{}\" on table \"{}\" is INVALID, and it is not this plan's: somebody should drop or rebuild it",
            index.name, index.table
        ));
    }
    context.ui.publish(&report::index::applied(&Applied {
        run: outcome.run.as_deref(),
        indexes: built(goals, outcome),
        steps: steps.collect(),
        held: &outcome.plan.held,
        foreign: &outcome.plan.foreign,
        proven,
    }))
}

/// Returns the wanted indexes that are there.
fn built(goals: &[Goal], outcome: &Outcome) -> Vec<BuiltIndex> {
    let creates = goals.iter().filter_map(|goal| match goal {
        Goal::Create(wanted) => Some(wanted),
        _ => None,
    });
    let is_build =
        |action: &Action| matches!(action, Action::Create | Action::CreateOnParent | Action::Attach { .. });
    creates
        .filter_map(|wanted| {
            let present = outcome.plan.present.iter().find(|it| it.goal == wanted.index)?;
            let steps =
                outcome.done.iter().filter(|it| it.step.goal == wanted.index && is_build(&it.step.action));
            let took: Vec<Duration> = steps.map(|done| done.elapsed).collect();
            let size = outcome.state.index(&present.index).map_or(0, |(_, index)| index.size_bytes);
            Some(BuiltIndex {
                name: present.index.name.clone(),
                described: format!("{} {}", wanted.index.table, wanted.ddl.body),
                size_bytes: size,
                elapsed_ms: (!took.is_empty()).then(|| unit::as_ms(took.into_iter().sum())),
            })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn servers_that_lose_rows_build_nothing() {
        let check = |version: u32, action: Action, expected: bool| {
            let index = IndexName { schema: "s".into(), table: "t".into(), name: "i".into() };
            let step = Step { action, goal: index.clone(), index, sql: String::new(), size_bytes: None };
            let plan = Plan { steps: vec![step], ..Plan::default() };
            assert_eq!(require_whole_builds(version, &plan, false).is_ok(), expected, "{version}: {plan:?}");
            let builds = plan.steps[0].builds();
            let may_undo = require_whole_builds(version, &plan, true).is_ok();
            assert_eq!(may_undo, expected && (builds || !ddl::may_miss_rows(version)), "{version}: {plan:?}");
        };
        check(140_000, Action::Create, false);
        check(140_003, Action::Reindex, false);
        check(140_003, Action::Drop, true);
        check(140_004, Action::Create, true);
        check(130_003, Action::Create, true);
        check(150_001, Action::Create, true);
    }

    #[test]
    fn a_rest_is_what_no_undo_has_reached() {
        let check = |action: Action, outcome: Option<UndoOutcome>, expected: bool| {
            let index = IndexName { schema: "s".into(), table: "t".into(), name: "i".into() };
            let (goal, sql) = (index.clone(), String::new());
            let step = Step { action, goal, index: index.clone(), sql, size_bytes: None };
            let done = [execute::Done { step, elapsed: Duration::ZERO, size_bytes: 0 }];
            let undone =
                outcome.map(|outcome| UndoneStep { ordinal: 0, index, statements: Vec::new(), outcome });
            assert_eq!(is_any_left(&done, undone.as_slice()), expected, "{done:?}, {undone:?}");
        };
        check(Action::Create, None, true);
        check(Action::Drop, Some(UndoOutcome::Failed(String::new())), true);
        check(Action::Drop, Some(UndoOutcome::Undone { elapsed_ms: 1.0 }), false);
        check(Action::Create, Some(UndoOutcome::Nothing), false);
        check(Action::Analyze, None, false);
    }
}
