//! `perfkit workload n-plus-one`: statements that run once for each row of another.

use std::path::PathBuf;

use clap::Args;

use crate::context::Context;
use crate::error::{Error, ExitStatus, Result};
use crate::report;
use crate::workload::n_plus_one::{Confidence, Detector};

/// Find queries that run once for each row of another, and other loops
///
/// Looks at each transaction, and at bursts of statements of one session: the same query with one value that varies, the same query
/// with the same values, rows written one by one. Pages, retries, job queues and what drivers ask are left out. Exits with status 1
/// if a loop of five turns or more is likely.
#[derive(Args, Debug)]
pub(crate) struct NPlusOneArgs {
    /// Look at these traces or server logs; logs in the order of time, .gz and .zst as well, `-` is standard input
    #[arg(value_name = "FILE", required = true)]
    files: Vec<PathBuf>,
    /// What each line of a log begins with, as `SHOW log_line_prefix` prints it [default: told from the lines]
    #[arg(long, value_name = "PREFIX")]
    log_line_prefix: Option<String>,
    /// Leave out the statement with this fingerprint, or with one that begins so (can be repeated)
    #[arg(long = "ignore", value_name = "FINGERPRINT")]
    ignored: Vec<String>,
    /// Show what is doubtful, and what wastes less than 5 ms in all, as well
    #[arg(long)]
    strict: bool,
}

pub(super) async fn run(context: &Context, args: &NPlusOneArgs) -> Result<ExitStatus> {
    let (paths, prefix) = (args.files.clone(), args.log_line_prefix.clone());
    let (detector, inputs) = super::read(context, paths, prefix, Detector::default(), Detector::take).await?;

    let mut report = detector.finish(args.strict);
    if report.n_executions == 0 {
        return Err(Error::usage("there is no execution in what was read")
            .hint("Record some with `perfkit capture`, or log them with log_min_duration_statement = 0."));
    }
    let n_found = report.findings.len();
    report.findings.retain(|finding| {
        let fingerprint = finding.fingerprint.to_string();
        let is_ignored =
            args.ignored.iter().any(|ignored| !ignored.is_empty() && fingerprint.starts_with(ignored));
        !is_ignored && (args.strict || finding.confidence > Confidence::Low)
    });
    let n_left_out = n_found - report.findings.len();

    context.ui.publish(&report::workload::n_plus_one(&report, context.ui.style()))?;
    context.ui.status(format_args!(
        "{} findings in {} executions; {n_left_out} doubtful or ignored, {} pages, batches, retries, queues and polls left out",
        report.findings.len(),
        report.n_executions,
        report.n_harmless
    ));
    if inputs.has_failed() {
        return Ok(ExitStatus::Usage);
    }
    let has_failing = report.findings.iter().any(crate::workload::n_plus_one::Finding::fails);
    Ok(if has_failing { ExitStatus::Findings } else { ExitStatus::Success })
}
