//! `perfkit bench merge`: adds up what several generators have measured.

use std::fs;
use std::path::{Path, PathBuf};

use clap::Args;

use crate::bench::{self, BenchReport, Threshold, hlog, saved};
use crate::context::Context;
use crate::error::{Error, ExitStatus, Result};

/// Add up what several generators have measured, exactly
///
/// Takes reports of `perfkit bench --json` and interval logs of HdrHistogram (`--hlog`). Histograms are added bucket by bucket,
/// so that percentiles are those of one run with all the load. What each generator, its machine and the server did, and the
/// figures of each second, cannot be added up: `--json` has them run by run, under `runs`. Exits with status 1 if a threshold is missed, and with 4 if a run
/// is invalid or the runs were not at the same time.
#[derive(Args, Debug)]
pub(super) struct MergeArgs {
    /// The results, as .json or .hlog
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Require this, as in "p95 < 50ms" (can be repeated; replaces those of the reports)
    #[arg(long = "threshold", value_name = "CONDITION")]
    thresholds: Vec<Threshold>,
    /// Write the sum to this file too, as an interval log of HdrHistogram
    #[arg(long, value_name = "FILE")]
    hlog: Option<PathBuf>,
}

pub(super) fn run(context: &Context, args: &MergeArgs) -> Result<ExitStatus> {
    super::hlog::check(args.hlog.as_deref())?;
    let mut runs: Vec<(String, BenchReport)> = Vec::new();
    for path in &args.files {
        let name = path.display().to_string();
        if runs.iter().any(|(known, _)| *known == name) {
            return Err(Error::usage(format!("file {name:?} is named twice"))
                .hint("Name the result of each generator once."));
        }
        runs.push((name, read(path)?));
    }

    let bare: Vec<&str> =
        runs.iter().filter(|(_, run)| run.runs.is_empty()).map(|(name, _)| name.as_str()).collect();
    if !bare.is_empty() {
        context.ui.status(format_args!(
            "not in {}: what the generators, their machines and the server did, and when",
            bare.join(", ")
        ));
    }
    let mut report = bench::merged(&runs);
    let thresholds = if args.thresholds.is_empty() { thresholds(&runs) } else { args.thresholds.clone() };
    report.check(&thresholds);

    super::publish(context, &report, args.hlog.as_deref())
}

/// Returns what any of the runs was held against.
fn thresholds(runs: &[(String, BenchReport)]) -> Vec<Threshold> {
    let mut thresholds = Vec::new();
    for threshold in runs.iter().flat_map(|(_, run)| saved::thresholds(run)) {
        if !thresholds.contains(&threshold) {
            thresholds.push(threshold);
        }
    }
    thresholds
}

/// Reads a report or an interval log.
pub(super) fn read(path: &Path) -> Result<BenchReport> {
    let fail = || {
        Error::usage(format!("could not read the result of a run from {:?}", path.display()))
            .hint("Write one with `perfkit bench --json` or `perfkit bench --hlog FILE`.")
    };
    let text = fs::read_to_string(path).map_err(|error| fail().cause(error))?;
    // A report is an object; no line of a log starts like that.
    if text.trim_start().starts_with('{') {
        saved::read(&text).map_err(|error| fail().cause(&error).causes_of(&error))
    } else {
        hlog::read(&text).map_err(|error| fail().cause(&error).causes_of(&error))
    }
}
