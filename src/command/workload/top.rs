//! `perfkit workload top`: the statements that a workload spends its time on.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;

use crate::cli::{ConnectArgs, parse_duration};
use crate::command::capture::{self, files};
use crate::context::Context;
use crate::error::{Error, ExitStatus, Result};
use crate::pg::{self, Access};
use crate::report;
use crate::trace::{Event, Nanos};
use crate::workload::StatementKind;
use crate::workload::top::{By, Top};

/// Show the statements that a workload spends its time on
///
/// Adds up the executions of traces and server logs, or without a file the counters of `pg_stat_statements`.
#[derive(Args, Debug)]
pub(crate) struct TopArgs {
    /// Add these traces or server logs up; logs in the order of time, .gz and .zst as well, `-` is standard input
    #[arg(value_name = "FILE")]
    files: Vec<PathBuf>,
    /// What each line of a log begins with, as `SHOW log_line_prefix` prints it [default: told from the lines]
    #[arg(long, value_name = "PREFIX")]
    log_line_prefix: Option<String>,
    /// Order by total, calls, mean, rows or blocks
    #[arg(long, value_name = "WHAT", default_value = "total")]
    by: By,
    /// Show statements of this type only: select, insert, update, delete, merge or other (can be repeated)
    #[arg(long = "type", value_name = "TYPE", value_parser = parse_kind)]
    kinds: Vec<StatementKind>,
    /// Count executions that took at least this long; of `pg_stat_statements`, statements whose mean is as long
    #[arg(long, value_name = "TIME", value_parser = parse_duration)]
    slow: Option<Duration>,
    /// Show so many statements
    #[arg(short = 'n', long, value_name = "N", default_value_t = 20)]
    limit: usize,
    #[command(flatten)]
    connect: ConnectArgs,
}

pub(super) async fn run(context: &Context, args: &TopArgs) -> Result<ExitStatus> {
    let slow = args.slow.map_or(0, |slow| Nanos::try_from(slow.as_nanos()).unwrap_or(Nanos::MAX));
    let (top, has_failed) = if args.files.is_empty() {
        (of_statistics(context, args, Top::new(slow)).await?, false)
    } else {
        let (paths, prefix) = (args.files.clone(), args.log_line_prefix.clone());
        let take = |top: &mut Top, event: Event| top.take(&event);
        let (top, inputs) = files::read_into(context, paths, prefix, Top::new(slow), take).await?;
        (top, inputs.has_failed())
    };

    let ranked = top.ranked(args.by);
    if ranked.is_empty() {
        let error = Error::usage("there is no execution in what was read");
        return Err(match args.slow {
            Some(_) => error.hint("Lower `--slow`."),
            None => {
                error.hint("Log statements with log_min_duration_statement = 0, or load pg_stat_statements.")
            }
        });
    }
    context.ui.publish(&report::workload::top(&ranked, &args.kinds, args.limit, context.ui.style()))?;
    Ok(if has_failed { ExitStatus::Usage } else { ExitStatus::Success })
}

async fn of_statistics(context: &Context, args: &TopArgs, mut top: Top) -> Result<Top> {
    let connection = context.connect(&args.connect, Access::ReadOnly).await?;
    let entries = pg::stat::totals(&connection, capture::fingerprint).await?.ok_or_else(|| {
        Error::usage("pg_stat_statements is not available in this database")
            .hint("Name a trace or a server log instead.")
            .hint("Or add it to shared_preload_libraries, restart the server, and CREATE EXTENSION pg_stat_statements.")
    })?;
    for (statement, totals) in entries {
        top.take(&Event::Statement(statement));
        top.counted(&totals, None);
    }
    Ok(top)
}

fn parse_kind(text: &str) -> Result<StatementKind, String> {
    report::workload::KINDS.iter().find(|(name, _)| *name == text).map(|(_, kind)| *kind).ok_or_else(|| {
        let names: Vec<&str> = report::workload::KINDS.iter().map(|(name, _)| *name).collect();
        format!("known are {}", names.join(", "))
    })
}
