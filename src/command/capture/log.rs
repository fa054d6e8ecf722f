//! `perfkit capture log`: server logs to a trace.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use clap::Args;

use super::files::{self, Inputs, Options};
use super::proxy;
use crate::context::Context;
use crate::error::{Error, ExitStatus, Result};
use crate::report;
use crate::trace::{Event, Source, Time, Writer};

/// Read server logs into a trace
///
/// Reads stderr with any prefix, csvlog and jsonlog, and what `auto_explain` wrote; rotated files in their order. Statements get
/// their durations, parameters, errors and transactions. The trace is written with `-o FILE.trace`; without it there is the
/// summary only; a file that is there is not written over. What cannot be read is counted, and named with its line.
#[derive(Args, Debug)]
pub(crate) struct LogArgs {
    /// Read these logs, in the order of time; .gz and .zst as well, `-` is standard input
    #[arg(value_name = "FILE", required = true)]
    files: Vec<PathBuf>,
    /// What each line begins with, as `SHOW log_line_prefix` prints it [default: told from the lines]
    #[arg(long, value_name = "PREFIX")]
    log_line_prefix: Option<String>,
    /// Leave the values of parameters and constants out; equal values stay equal
    #[arg(long)]
    redact: bool,
}

pub(super) async fn run(context: &Context, args: &LogArgs) -> Result<ExitStatus> {
    let trace = context.ui.trace().map(Path::to_owned);
    if let Some(path) = &trace {
        proxy::require_new(path)?;
    }
    let options = Options { prefix: args.log_line_prefix.clone(), is_redacted: args.redact };
    let (paths, interrupt, path) = (args.files.clone(), context.interrupt.clone(), trace.clone());
    let reading = tokio::task::spawn_blocking(move || {
        let mut recorder = Recorder { path, is_redacted: options.is_redacted, writer: None };
        let inputs = files::read(&paths, &options, &interrupt, &mut |event| recorder.take(&event))?;
        let is_written = recorder.finish()?;
        Ok::<(Inputs, bool), Error>((inputs, is_written))
    });
    let (inputs, is_written) =
        reading.await.map_err(|error| Error::usage("could not read the logs").cause(error))??;

    for warning in inputs.warnings() {
        context.ui.warn(warning);
    }
    if let Some(file) = inputs.traces.first() {
        return Err(Error::usage(format!("{:?} is a trace already", file.path.display())));
    }
    if inputs.counts.n_executions == 0 {
        return Err(nothing(trace.filter(|_| is_written), &inputs));
    }
    context.ui.publish(&report::capture::log(&inputs.logs, inputs.counts))?;
    if let Some(path) = trace {
        context.ui.status(format_args!("wrote {}", path.display()));
    }
    Ok(if inputs.has_failed() { ExitStatus::Usage } else { ExitStatus::Success })
}

/// Logs without a statement are no success: somebody expected one. A trace that was begun tells nothing, and goes.
fn nothing(trace: Option<PathBuf>, inputs: &Inputs) -> Error {
    if let Some(path) = trace
        && let Err(error) = fs::remove_file(&path)
    {
        return Error::usage(format!("could not remove the empty trace {:?}", path.display())).cause(error);
    }
    let n_entries: u64 = inputs.logs.iter().map(|file| file.summary.n_entries).sum();
    let error = Error::usage(format!("there is no statement in the log, of {n_entries} entries"));
    let lone = inputs.counts.n_lone_durations;
    let error =
        if lone > 0 { error.cause(format!("{lone} durations have no statement before them")) } else { error };
    error.hint(
        "Set log_min_duration_statement = 0 for a while: `ALTER SYSTEM SET …; SELECT pg_reload_conf()`.",
    )
}

/// Writes events to a trace, if there is to be one.
struct Recorder {
    path: Option<PathBuf>,
    is_redacted: bool,
    writer: Option<Writer<File>>,
}

impl Recorder {
    fn take(&mut self, event: &Event) -> Result<()> {
        let Some(path) = &self.path else { return Ok(()) };
        // A log in which nobody did anything makes no trace.
        if self.writer.is_none() && matches!(event, Event::End { .. }) {
            return Ok(());
        }
        if self.writer.is_none() {
            let header = super::header(Source::Log, first_time(event), self.is_redacted);
            self.writer =
                Some(Writer::new(proxy::create(path)?, &header).map_err(|error| self.failed(&error))?);
        }
        let written = self.writer.as_mut().map_or(Ok(()), |writer| writer.write(event));
        written.map_err(|error| self.failed(&error))
    }

    /// Writes what is left; returns whether there is a trace.
    fn finish(mut self) -> Result<bool> {
        let Some(writer) = self.writer.take() else { return Ok(false) };
        writer.finish().map_err(|error| self.failed(&error))?;
        Ok(true)
    }

    fn failed(&self, error: &crate::trace::WriteError) -> Error {
        let path = self.path.as_deref().unwrap_or(Path::new("-"));
        proxy::unwritable(path, error).causes_of(error)
    }
}

/// A trace of a log begins with its first session.
fn first_time(event: &Event) -> Time {
    match event {
        Event::SessionStart(start) => start.at,
        Event::Execution(execution) => execution.started_at,
        Event::ApplicationName { at, .. } | Event::SessionEnd { at, .. } | Event::End { at } => *at,
        Event::Totals(totals) => totals.at,
        Event::Statement(_) | Event::Hashes(_) | Event::Dropped(_) => Time::default(),
    }
}
