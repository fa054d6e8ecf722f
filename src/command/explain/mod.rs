//! `perfkit explain`: runs statements under EXPLAIN ANALYZE, or reads plans, and shows where the time goes.

mod anonymize;
pub(crate) mod check;
pub(crate) mod diff;
mod index_check;
mod statements;
mod values;

use std::fs;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};

use crate::cli::{ConnectArgs, ProgramsArgs, WorkloadArgs};
use crate::context::Context;
use crate::error::{Error, ExitStatus, Result};
use crate::plan::{self, Explained};
use crate::report;

pub(crate) use statements::explain_costliest;

/// Show where a statement's time goes, and what is slow about it
///
/// Runs the statement under EXPLAIN (ANALYZE, BUFFERS) in a read-only transaction with a timeout, and rolls back.
/// Without a statement, the workload's costliest ones are explained. With `--plan`, plans that somebody else made are
/// read instead, and no server is needed.
#[derive(Args, Debug)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct ExplainArgs {
    #[command(subcommand)]
    action: Option<ExplainCommand>,
    /// The statement; `-` reads it from standard input
    #[arg(conflicts_with_all = ["file", "plan"])]
    sql: Option<String>,
    /// Explain every statement of a .sql file
    #[arg(short, long, value_name = "FILE", conflicts_with = "plan")]
    file: Option<PathBuf>,
    /// Read plans from a file, or from standard input for `-`
    ///
    /// Any format of EXPLAIN (text, JSON, YAML, XML), as psql, a log with `auto_explain`, a chat or a spreadsheet left
    /// it; several plans too.
    #[arg(long, value_name = "FILE")]
    plan: Option<PathBuf>,
    /// Rename everything in the plan that tells of you, and keep what stands for what in this file
    ///
    /// Prints the plan as EXPLAIN (FORMAT JSON), which every plan tool reads. A key file that is there is used and
    /// extended, so that names stay the same from plan to plan.
    #[arg(long, value_name = "KEYFILE", requires = "plan")]
    anonymize: Option<PathBuf>,
    /// Put the original names back into the file given with `--plan`, which may be any text
    #[arg(long, value_name = "KEYFILE", requires = "plan", conflicts_with = "anonymize")]
    restore: Option<PathBuf>,
    /// How many of the workload's statements are explained
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u16).range(1..))]
    top: u16,
    #[command(flatten)]
    running: RunArgs,
    #[command(flatten)]
    connect: ConnectArgs,
    #[command(flatten)]
    workload: WorkloadArgs,
    #[command(flatten)]
    programs: ProgramsArgs,
}

#[derive(Subcommand, Debug)]
pub(crate) enum ExplainCommand {
    Diff(diff::DiffArgs),
    Check(check::CheckArgs),
}

/// How statements are run.
#[derive(Args, Debug, Clone, Default)]
#[command(next_help_heading = "Running")]
pub(crate) struct RunArgs {
    /// Run statements that change data too; what they did is rolled back
    #[arg(long)]
    allow_writes: bool,
    /// Run statements that call functions whose effects no rollback undoes, such as `nextval`
    #[arg(long)]
    allow_effects: bool,
    /// Run each statement this often and show the run in the middle [default: 1]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1000))]
    runs: Option<u16>,
    /// Run each statement this often before it is measured [default: 1 when there are several runs, else 0]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(0..=1000))]
    warm_up: Option<u16>,
    /// Plan statements on a local copy of schema and statistics, and run nothing
    #[arg(long, conflicts_with_all = ["allow_writes", "allow_effects", "runs", "warm_up"])]
    estimate_only: bool,
}

impl RunArgs {
    fn n_runs(&self) -> u16 {
        self.runs.unwrap_or(1)
    }

    fn n_warm_ups(&self) -> u16 {
        self.warm_up.unwrap_or(u16::from(self.n_runs() > 1))
    }
}

pub(crate) async fn run(context: &Context, args: &ExplainArgs) -> Result<ExitStatus> {
    match &args.action {
        Some(ExplainCommand::Diff(args)) => return diff::run(context, args),
        Some(ExplainCommand::Check(args)) => return check::run(context, args).await,
        None => {}
    }
    match (&args.plan, &args.anonymize, &args.restore) {
        (Some(plan), Some(key_file), _) => return anonymize::rename(context, plan, key_file),
        (Some(text), _, Some(key_file)) => return anonymize::put_back(context, text, key_file),
        _ => {}
    }
    let explained = match &args.plan {
        Some(path) => read_plans(context, path)?,
        None => statements::explain(context, args).await?,
    };

    let is_single = explained.len() == 1 && (args.sql.is_some() || args.plan.is_some());
    context.ui.publish(&report::explain::document(&explained, is_single, context.ui.style()))?;
    Ok(ExitStatus::Success)
}

/// Reads all of a file, or of standard input for `-`.
fn read_input(path: &Path, what: &str) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let read = if path == Path::new("-") {
        std::io::stdin().lock().read_to_end(&mut bytes).map(drop)
    } else {
        fs::read(path).map(|content| bytes = content)
    };
    read.map_err(|e| Error::usage(format!("could not read {what} {:?}", path.display())).cause(e))?;
    Ok(bytes)
}

/// Reads the plans of a file and judges them.
fn read_plans(context: &Context, path: &Path) -> Result<Vec<Explained>> {
    let bytes = read_input(path, "plan")?;
    let reading = plan::read::plans(&bytes).map_err(|error| unreadable(path, &error))?;
    for skipped in &reading.skipped {
        context.ui.warn(format_args!(
            "{}:{}:{}: {}",
            path.display(),
            skipped.line,
            skipped.column,
            skipped.reason
        ));
    }
    Ok(reading.plans.into_iter().map(|plan| Explained::new(plan, None)).collect())
}

/// Replaces a file by a new one, whole or not at all.
fn write_whole(path: &Path, text: &str) -> Result<()> {
    let fail = |error| Error::usage(format!("could not write {:?}", path.display())).cause(error);
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        fs::create_dir_all(folder).map_err(fail)?;
    }
    let mut new = path.as_os_str().to_owned();
    new.push(".new");
    fs::write(&new, text).map_err(fail)?;
    fs::rename(&new, path).map_err(fail)
}

fn unreadable(path: &Path, error: &plan::read::Error) -> Error {
    Error::usage(format!("could not read plan {:?}", path.display()))
        .cause(error)
        .hint("Give the whole output of EXPLAIN (ANALYZE, BUFFERS), in any format.")
}
