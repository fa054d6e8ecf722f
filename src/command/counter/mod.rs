//! `perfkit counter`: counter caches that stay right.

mod add;
mod backfill;
mod batches;
mod control;
mod drop;
mod execute;
mod fold;
mod repair;
mod suggest;
mod sync;
mod throttle;
mod verify;
mod wishes;

use std::time::Duration;

use clap::{Args, Subcommand};

use crate::cli::{ConnectArgs, parse_duration, parse_size};
use crate::context::Context;
use crate::counter::check::Note;
use crate::counter::site::Site;
use crate::counter::steps::Step;
use crate::error::{Error, ExitStatus, Result};
use crate::pg::Target;
use crate::report;
use execute::{Options, Work};

/// Keep columns that count rows of another table
#[derive(Subcommand, Debug)]
pub(crate) enum CounterCommand {
    Suggest(suggest::SuggestArgs),
    Add(Box<add::AddArgs>),
    Backfill(Box<backfill::BackfillArgs>),
    Status(control::StatusArgs),
    /// Let a run that counts wait, from another terminal
    Pause(control::OrderArgs),
    /// Let a run that was paused go on
    Resume(control::OrderArgs),
    Fold(fold::FoldArgs),
    Verify(verify::VerifyArgs),
    Repair(repair::RepairArgs),
    Sync(sync::SyncArgs),
    Drop(drop::DropArgs),
}

pub(crate) async fn run(context: &Context, command: &CounterCommand) -> Result<ExitStatus> {
    match command {
        CounterCommand::Suggest(args) => suggest::run(context, args).await,
        CounterCommand::Add(args) => add::run(context, args).await,
        CounterCommand::Backfill(args) => backfill::run(context, args).await,
        CounterCommand::Status(args) => control::status(context, args).await,
        CounterCommand::Pause(args) => control::pause(context, args).await,
        CounterCommand::Resume(args) => control::resume(context, args).await,
        CounterCommand::Fold(args) => fold::run(context, args).await,
        CounterCommand::Verify(args) => verify::run(context, args).await,
        CounterCommand::Repair(args) => repair::run(context, args).await,
        CounterCommand::Sync(args) => sync::run(context, args).await,
        CounterCommand::Drop(args) => drop::run(context, args).await,
    }
}

/// The waits between so many tries are ten minutes in all, then a lock is better looked at by a person.
const DEFAULT_LOCK_TRIES: u32 = 30;

/// How a change is made.
#[derive(Args, Debug, Clone)]
pub(crate) struct ChangeArgs {
    /// Do not ask
    #[arg(short, long)]
    yes: bool,
    /// Print the plan and change nothing
    #[arg(long, conflicts_with = "yes")]
    dry_run: bool,
    #[command(flatten)]
    pace: PaceArgs,
    #[command(flatten)]
    connect: ConnectArgs,
}

/// What is to be done, and what is said of it.
struct Job {
    work: Work,
    /// The tables that it is about, as people name them.
    names: Vec<String>,
    /// What is left of it, as the plan has it.
    steps: Vec<Step>,
    notes: Vec<Note>,
    /// The counters that are there afterwards.
    sites: Vec<Site>,
    /// What is said where nothing is left to do.
    nothing: &'static str,
}

/// Shows a plan, asks, carries it out, and prints what was done.
async fn carry_out(context: &Context, target: &Target, job: Job, args: &ChangeArgs) -> Result<ExitStatus> {
    let Job { work, names, steps, notes, sites, nothing } = job;
    if args.dry_run {
        context.ui.publish(&report::counter::planned(&steps, &notes))?;
        return Ok(ExitStatus::Success);
    }
    if steps.is_empty() {
        context.ui.publish(&report::counter::done(None, &sites, &[]))?;
        context.ui.status(nothing);
        return Ok(ExitStatus::Success);
    }
    // The plan is what the user decides on, so it is shown whatever the format of the result.
    for line in report::counter::plan_lines(&steps, &notes) {
        context.ui.notice(line);
    }
    let question = format!("Do these {} steps on {}?", steps.len(), target.label());
    if !context.confirm(&question, args.yes).await? {
        context.ui.status("nothing was changed");
        return Ok(ExitStatus::Success);
    }
    let options = Options::new(&args.pace, &args.connect, target);
    let outcome = execute::execute(context, target, (work, names), &options).await?;

    context.ui.publish(&report::counter::done(outcome.run.as_deref(), &sites, &outcome.done))?;
    Ok(ExitStatus::Success)
}

/// How rows are counted beside everybody else's work.
#[derive(Args, Debug, Clone)]
#[command(next_help_heading = "Pace")]
pub(crate) struct PaceArgs {
    /// Let a batch take about this time [default: 25ms]
    #[arg(long, value_name = "TIME", value_parser = parse_duration)]
    pub(super) batch_time: Option<Duration>,
    /// Let batches run this part of the time where others work too, up to 1 [default: a third]
    #[arg(long, value_name = "SHARE", value_parser = parse_share)]
    pub(super) duty: Option<f64>,
    /// Wait while a replica is further behind
    #[arg(long, value_name = "TIME", default_value = "5s", value_parser = parse_duration)]
    pub(super) max_lag: Duration,
    /// Wait while a replication slot holds back more
    #[arg(long, value_name = "SIZE", value_parser = parse_size)]
    pub(super) max_slot_size: Option<u64>,
    /// Wait while more sessions of others run a statement
    #[arg(long, value_name = "N")]
    pub(super) max_active: Option<u64>,
    /// Wait while this query says true
    #[arg(long, value_name = "SQL")]
    pub(super) pause_when: Option<String>,
    /// Wait while this file exists
    #[arg(long, value_name = "FILE")]
    pub(super) pause_file: Option<std::path::PathBuf>,
    /// Try a step that others would queue up behind this often; each try waits for `--lock-timeout`
    #[arg(long, value_name = "N", default_value_t = DEFAULT_LOCK_TRIES, value_parser = clap::value_parser!(u32).range(1..))]
    pub(super) lock_tries: u32,
}

fn parse_share(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(share) if share > 0.0 && share <= 1.0 => Ok(share),
        _ => Err("write a number above 0, up to 1".to_owned()),
    }
}

/// Takes `TABLE.COLUMN` apart; the table may have its schema.
fn table_and_column(text: &str) -> Result<(String, String)> {
    match text.rsplit_once('.') {
        Some((table, column)) if !table.is_empty() && !column.is_empty() => {
            Ok((table.to_owned(), column.to_owned()))
        }
        _ => Err(Error::usage(format!("\"{text}\" names no column of a table"))
            .hint("Write it as TABLE.COLUMN, as in keywords.mentions_count.")),
    }
}
