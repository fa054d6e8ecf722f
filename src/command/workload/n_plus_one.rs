//! `perfkit workload n-plus-one`: statements that run once for each row of another.

use std::path::PathBuf;

use clap::Args;

use super::inspect::InspectArgs;
use super::trial;
use crate::command::capture::{self, files};
use crate::context::Context;
use crate::error::{Error, ExitStatus, Result};
use crate::pg::{self, Access, Connection};
use crate::report;
use crate::trace::Event;
use crate::workload::n_plus_one::{Confidence, Detector, Finding};

/// Find queries that run once for each row of another, and other loops
///
/// Looks at each transaction, and at bursts of statements of one session: the same query with one value that varies, the same query
/// with the same values, rows written one by one. Pages, retries, job queues and what drivers ask are left out. Says which statement
/// should be sent instead; with a database, it is run beside the loop in one read-only snapshot, the rows of each key are compared,
/// and both are timed. Without a file, the counters of `pg_stat_statements` say which loops are likely. Exits with status 1 if a loop
/// of five turns or more is found.
#[derive(Args, Debug)]
pub(crate) struct NPlusOneArgs {
    /// Look at these traces or server logs; logs in the order of time, .gz and .zst as well, `-` is standard input
    #[arg(value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Show what is doubtful, and what wastes less than 5 ms in all, as well
    #[arg(long)]
    strict: bool,
    #[command(flatten)]
    inspect: InspectArgs,
}

pub(super) async fn run(context: &Context, args: &NPlusOneArgs) -> Result<ExitStatus> {
    let (detector, mut connection, has_failed) = if args.files.is_empty() {
        let connection = context.connect(&args.inspect.connect, Access::ReadOnly).await?;
        (of_statistics(&connection).await?, Some(connection), false)
    } else {
        let (paths, prefix) = (args.files.clone(), args.inspect.log_line_prefix.clone());
        let (detector, inputs) =
            files::read_into(context, paths, prefix, Detector::default(), Detector::take).await?;
        (detector, args.inspect.database(context).await?, inputs.has_failed())
    };
    let has_counters = detector.has_counters();
    let catalog = match &mut connection {
        Some(connection) => Some(pg::catalog::load(connection).await?),
        None => None,
    };

    let mut report = detector.finish(args.strict, catalog.as_ref());
    if report.n_executions == 0 && !has_counters {
        return Err(Error::usage("there is no execution in what was read")
            .hint("Record some with `perfkit capture`, or log them with log_min_duration_statement = 0."));
    }
    let n_found = report.findings.len();
    report.findings.retain(|finding| {
        let is_ignored = args.inspect.is_ignored(finding.fingerprint, &finding.statement);
        !is_ignored && (args.strict || finding.confidence > Confidence::Low)
    });
    let n_left_out = n_found - report.findings.len();
    let database = connection.as_mut().zip(catalog.as_ref());
    trial::rewrite_all(context, database, &mut report.findings).await?;

    context.ui.publish(&report::workload::n_plus_one(&report, context.ui.style()))?;
    context.ui.status(format_args!(
        "{} findings in {} executions; {n_left_out} doubtful or ignored, {} small, {} pages, batches, retries, queues and polls left out",
        report.findings.len(),
        report.n_executions,
        report.n_small,
        report.n_harmless
    ));
    if has_failed {
        return Ok(ExitStatus::Usage);
    }
    let has_failing = report.findings.iter().any(Finding::fails);
    Ok(if has_failing { ExitStatus::Findings } else { ExitStatus::Success })
}

/// Reads the counters of a server once.
async fn of_statistics(connection: &Connection) -> Result<Detector> {
    let entries = pg::stat::totals(connection, capture::fingerprint).await?.ok_or_else(|| {
        Error::usage("pg_stat_statements is not available in this database")
            .hint("Name a trace or a server log instead.")
            .hint("Or add it to shared_preload_libraries, restart the server, and CREATE EXTENSION pg_stat_statements.")
    })?;
    let mut detector = Detector::default();
    for (statement, totals) in entries {
        detector.take(Event::Statement(statement));
        detector.take(Event::Totals(totals));
    }
    Ok(detector)
}
