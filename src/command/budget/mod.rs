//! `perfkit budget`: runs a test command through the capture proxy and holds what it sends against limits.

mod baseline;
mod scale;
mod signals;
mod watch;

use std::ffi::OsString;
use std::path::PathBuf;

use clap::Args;

use crate::budget::baseline as budget_baseline;
use crate::budget::judge::judge;
use crate::budget::{Budget, Rules, Scope};
use crate::cli::ConnectArgs;
use crate::context::Context;
use crate::error::{Error, ExitStatus, Result};
use crate::report::budget::{self as report, BudgetReport};
use crate::unit;
use crate::workload::ignored::Ignored;
use signals::Signals;
use watch::{Program, Watched, Way};

/// Run a test command, and fail when it spends too many queries
///
/// Runs the command with `DATABASE_URL` and the libpq variables pointing at a proxy in this process, and counts what it sends:
/// in the whole run, and between `SELECT 'perfkit:scope=NAME'` and the next such statement of a session. Limits are those of
/// `budgets:` in perfkit.yaml, of the flags, and the counts of the baseline file where it is there. The report follows the
/// command's own output, on standard error. Exits with 1 if a budget is missed, with 2 if nothing came from the scope of one, and
/// with 4 if the command fails.
#[derive(Args, Debug)]
pub(crate) struct BudgetArgs {
    /// Run this command
    #[arg(last = true, value_name = "COMMAND", required_unless_present = "scale")]
    command: Vec<OsString>,
    #[command(flatten)]
    limits: LimitArgs,
    /// Hold the calls of each statement against this file [default: perfkit-budget.json, if it is there]
    #[arg(long, value_name = "FILE")]
    baseline: Option<PathBuf>,
    /// Accept what the command sends: write it to the baseline file
    #[arg(long)]
    update: bool,
    /// Run each of these shell commands, which use data of so many rows, and fail if a count grows with them
    #[arg(long, value_name = "ROWS:COMMAND", num_args = 2.., value_parser = scale::parse, conflicts_with_all = [
        "command", "update", "baseline", "trace", "max_queries", "max_calls", "max_writes", "max_transactions", "max_rows", "max_ms",
        "no_n_plus_one", "no_new_statements",
    ])]
    scale: Vec<scale::Step>,
    /// Count apart by `application_name`, or by the values of a call site's key, as in tag:route (can be repeated)
    #[arg(long = "by", value_name = "WHAT", value_parser = parse_by)]
    by: Vec<By>,
    /// Leave out statements: by the first digits of a fingerprint, by a table, or by a text as in '*FROM audit*' (can be repeated)
    #[arg(long = "ignore", value_name = "STATEMENT")]
    ignored: Vec<Ignored>,
    /// Set this variable to the proxy's URL as well as `DATABASE_URL` (can be repeated)
    #[arg(long = "env", value_name = "NAME")]
    variables: Vec<String>,
    /// Keep the trace of the run in this file
    #[arg(long, value_name = "FILE")]
    trace: Option<PathBuf>,
    #[command(flatten)]
    connect: ConnectArgs,
}

/// Limits of the whole run; they replace those of perfkit.yaml.
#[derive(Args, Debug)]
#[command(next_help_heading = "Limits of the whole run")]
struct LimitArgs {
    /// Allow so many queries in all; BEGIN, SET, look-ups in catalogs and the like are not counted
    #[arg(long, value_name = "N")]
    max_queries: Option<u64>,
    /// Allow so many calls of each statement
    #[arg(long, value_name = "N")]
    max_calls: Option<u64>,
    /// Allow so many statements that change rows
    #[arg(long, value_name = "N")]
    max_writes: Option<u64>,
    /// Allow so many transactions
    #[arg(long, value_name = "N")]
    max_transactions: Option<u64>,
    /// Allow so many rows, returned or changed
    #[arg(long, value_name = "N")]
    max_rows: Option<u64>,
    /// Allow so many milliseconds in the database
    #[arg(long, value_name = "MS", value_parser = parse_ms)]
    max_ms: Option<f64>,
    /// Allow no query that runs once for each row of another
    #[arg(long)]
    no_n_plus_one: bool,
    /// Allow no statement that the baseline does not have
    #[arg(long)]
    no_new_statements: bool,
}

/// What makes scopes of its own.
#[derive(Clone, Debug)]
enum By {
    Application,
    Tag(String),
}

fn parse_by(text: &str) -> Result<By, String> {
    match text.split_once(':') {
        None if text == "application_name" => Ok(By::Application),
        Some(("tag", key)) if !key.is_empty() => Ok(By::Tag(key.to_owned())),
        _ => Err("write application_name, or the key of a call site as in tag:route".to_owned()),
    }
}

fn parse_ms(text: &str) -> Result<f64, String> {
    let limit = text.parse::<f64>().ok().filter(|limit| limit.is_finite() && *limit > 0.0);
    limit.ok_or_else(|| "write milliseconds above 0, as in 250".to_owned())
}

pub(crate) async fn run(context: &Context, args: &BudgetArgs) -> Result<ExitStatus> {
    let mut signals = Signals::listen()?;
    let budgets = budgets(context, &args.limits);
    let rules = rules(args, &budgets);
    if !args.scale.is_empty() {
        return scale::run(context, args, rules, &mut signals).await;
    }
    let file = baseline::File::new(args.baseline.as_deref());
    // Before the command, which may take long.
    let before = if args.update { None } else { file.read()? };
    if !args.update && before.is_none() && budgets.iter().any(|budget| budget.no_new_statements) {
        return Err(Error::usage("there is no baseline to tell new statements by")
            .hint(format!("Write {:?} with `--update`.", file.path.display())));
    }
    let way = Way::find(context, args, &mut signals).await?;
    let program = Program::of(&args.command);
    let watched = watch::watch(context, &way, &program, rules, args.trace.as_deref(), &mut signals).await?;

    let comparison = before.as_ref().map(|before| budget_baseline::compare(before, &watched.tally));
    let verdict = judge(&budgets, &watched.tally, comparison.as_ref());

    let report = BudgetReport {
        program: &program.name,
        ended: watched.ended.to_string(),
        has_succeeded: watched.ended.has_succeeded(),
        dropped: &watched.dropped,
        n_sessions: watched.n_sessions,
        elapsed: watched.elapsed,
        tally: &watched.tally,
        verdict: &verdict,
        comparison: comparison.as_ref(),
        baseline: file.path.display().to_string(),
    };
    if watched.tally.is_empty() && watched.require_valid().is_ok() {
        return Err(nothing_sent(&watched));
    }
    context.ui.publish_beside(&report.document(context.ui.style_beside()))?;
    warn(context, &watched);
    watched.require_valid()?;
    require_seen(&watched, &verdict.unseen)?;
    if args.update {
        file.write(context, &watched.tally)?;
    }
    Ok(if report.passed() { ExitStatus::Success } else { ExitStatus::Findings })
}

/// The budgets of the file, with those of the flags for the whole run.
fn budgets(context: &Context, args: &LimitArgs) -> Vec<Budget> {
    let mut budgets = context.config.as_ref().map(|file| file.config.budgets.clone()).unwrap_or_default();
    let of_flags = Budget {
        max_queries: args.max_queries,
        max_calls: args.max_calls,
        max_writes: args.max_writes,
        max_transactions: args.max_transactions,
        max_rows: args.max_rows,
        max_ms: args.max_ms,
        no_n_plus_one: args.no_n_plus_one,
        no_new_statements: args.no_new_statements,
        ..Budget::default()
    };
    match budgets.iter_mut().find(|budget| budget.of() == Scope::Run) {
        Some(budget) => budget.overridden_by(&of_flags),
        None if of_flags.has_limit() => budgets.insert(0, of_flags),
        None => {}
    }
    budgets
}

fn rules(args: &BudgetArgs, budgets: &[Budget]) -> Rules {
    let mut rules = Rules { ignored: args.ignored.clone(), ..Rules::default() };
    for by in &args.by {
        match by {
            By::Application => rules.by_application = true,
            By::Tag(key) => _ = rules.by_tags.insert(key.clone()),
        }
    }
    for budget in budgets {
        let scope = budget.of();
        match &scope {
            Scope::Application(_) => rules.by_application = true,
            Scope::Tag(key, _) => _ = rules.by_tags.insert(key.clone()),
            Scope::Run | Scope::Marked(_) => {}
        }
        if budget.no_n_plus_one {
            rules.loops_in.insert(scope);
        }
    }
    rules
}

/// A command that does not reach the proxy would pass every budget.
fn nothing_sent(watched: &Watched) -> Error {
    let error = match watched.n_sessions {
        0 => Error::usage("the command did not connect to the database through perfkit"),
        _ => Error::usage("the command sent no statement"),
    };
    error
        .hint("Let it connect by DATABASE_URL or the PG* variables, or name its own variable with `--env NAME`.")
        .hint("A shell that reads \"$DATABASE_URL\" on perfkit's command line puts the old one there: write sh -c '…'.")
}

/// A budget that is held against nothing is kept whatever is sent: its name is wrong, or that of the scope has changed.
fn require_seen(watched: &Watched, unseen: &[Scope]) -> Result<()> {
    if unseen.is_empty() {
        return Ok(());
    }
    let names =
        |scopes: &mut dyn Iterator<Item = &Scope>| -> Vec<String> { scopes.map(Scope::to_string).collect() };
    Err(Error::usage(format!(
        "nothing came from {}, of which there is a budget",
        report::listed(&names(&mut unseen.iter()))
    ))
    .cause(format!("there were {}", report::listed(&names(&mut watched.tally.scopes.keys()))))
    .hint("Correct the name under `budgets` in perfkit.yaml, or run what it is of.")
    .hint("A scope begins with SELECT 'perfkit:scope=NAME', in a session that goes through perfkit."))
}

fn warn(context: &Context, watched: &Watched) {
    if watched.n_left_open > 0 {
        context.ui.warn(format_args!(
            "{} sessions were still open after the command had ended; what they send later is not counted",
            unit::count(watched.n_left_open)
        ));
    }
}
