//! `perfkit index apply`: builds, rebuilds and drops indexes, one at a time, without blocking writers.

mod execute;
mod input;
mod wait;

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;

use super::suggest::{self, DesignArgs};
use crate::cli::{ConnectArgs, ProgramsArgs, WorkloadArgs, parse_duration};
use crate::context::Context;
use crate::error::{Error, ExitStatus, Result};
use crate::index::change::Change;
use crate::index::change::plan::{Goal, Plan, plan};
use crate::index::change::steps::Action;
use crate::pg::{Access, Connection, Target, ddl};
use crate::report;
use crate::report::index::{Applied, BuiltIndex, DoneStep, Space};
use crate::unit;
use execute::{Options, Outcome};
use input::Input;

// Undoing is changing too.
pub(super) use execute::{await_orphans, control, histories};
pub(super) use wait::Watcher;

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
    let input = read_input(context, args, &target, &mut connection).await?;
    let state = ddl::read_state(&connection, &input.goals).await?;
    let histories = execute::histories(&connection, args.journal.as_deref()).await?;
    let plan = plan(&input.goals, &state, &execute::remembered(&histories, &input.changes));
    let space = space(&connection, &plan).await?;
    drop(connection);

    if args.dry_run {
        context.ui.publish(&report::index::planned(&plan, space))?;
        return Ok(status(&plan));
    }
    if plan.steps.is_empty() {
        let outcome = Outcome { plan, state, ..Outcome::default() };
        publish(context, &input.goals, &outcome)?;
        context.ui.status(match (input.goals.is_empty(), outcome.plan.held.is_empty()) {
            (true, _) => "there is no index to build",
            (false, true) => "everything is as it is wanted to be",
            (false, false) => "nothing else is left to do",
        });
        return Ok(status(&outcome.plan));
    }
    // The plan is what the user decides on, so it is shown whatever the format of the result.
    for line in report::index::plan_lines(&plan, space) {
        context.ui.notice(line);
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
    let goals = input.goals.clone();
    let outcome = execute::execute(context, &target, input, &options).await?;

    publish(context, &goals, &outcome)?;
    if let Some(run) = &outcome.run {
        context.ui.status(format_args!("`perfkit index undo {run}` takes this back"));
    }
    Ok(status(&outcome.plan))
}

async fn read_input(
    context: &Context,
    args: &ApplyArgs,
    target: &Target,
    connection: &mut Connection,
) -> Result<Input> {
    let input = if let Some(file) = &args.file {
        input::of_file(file, connection).await?
    } else {
        let advice =
            suggest::advise(context, (target, connection), &args.workload, &args.design, &args.programs)
                .await?;
        suggest::report_gaps(context, &advice);
        input::of_advice(&advice, connection).await?
    };
    for name in &input.absent {
        context.ui.status(format_args!("{name} does not exist, so it need not be dropped"));
    }
    Ok(if args.no_drops { input.without_drops() } else { input })
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

fn publish(context: &Context, goals: &[Goal], outcome: &Outcome) -> Result<()> {
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
