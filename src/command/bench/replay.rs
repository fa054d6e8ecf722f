//! `perfkit bench --replay`: sends a captured workload again, session by session.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use clap::Args;

use super::checked::Checked;
use super::{BenchArgs, Course, Plan, load_args};
use crate::bench::replay::{Builder, Recorded, Recording, Speed};
use crate::command::capture::files;
use crate::context::Context;
use crate::error::{Error, ExitStatus, Result};
use crate::load::Replay;
use crate::pg::{Access, Endpoint};
use crate::sources;
use crate::unit;
use crate::workload::{Source, Workload};

#[derive(Args, Debug)]
#[command(next_help_heading = "Replay")]
pub(super) struct ReplayArgs {
    /// Send what this trace or server log holds, each session on a connection of its own, at the times of the capture
    ///
    /// Latency counts from the time that a statement had in the capture. Values that were left out (`--redact`) cannot be sent.
    #[arg(
        long,
        value_name = "TRACE",
        conflicts_with_all = [
            "duration", "rate", "stages", "warm_up", "start_at", "connections", "threads", "arrivals", "protocol", "think",
            "max_tries", "connects_each", "files", "builtins", "workload", "baseline", "write_baseline",
        ]
    )]
    pub(super) replay: Option<PathBuf>,
    /// Send it so many times as fast, or as fast as the server answers (max)
    #[arg(long, value_name = "FACTOR", requires = "replay", default_value = "1")]
    speed: Speed,
}

pub(super) async fn run(context: &Context, args: &BenchArgs, trace: &Path) -> Result<ExitStatus> {
    let speed = args.replay.speed;
    let recording = read(context, trace).await?;
    if !args.load.allow_writes {
        refuse_writes(trace, &recording)?;
    }
    let plan = Plan {
        connections: recording.sessions.len(),
        warm_up: Duration::ZERO,
        think: Duration::ZERO,
        ..super::plan(args, &load_args::config(context))?
    };
    let target = context.target(&args.load.connect)?;
    let connection = load_args::connect(context, &target, plan.allow_writes).await?;
    let access = if plan.allow_writes { Access::ReadWrite } else { Access::ReadOnly };
    let endpoint = Arc::new(target.endpoint(&connection, access)?);
    let checked = Checked::of_recording(&recording, endpoint.clone());
    announce(context, trace, &recording, speed);

    let (is_open_loop, duration) = match speed {
        Speed::Factor(factor) => (true, recording.duration.div_f64(factor)),
        Speed::Max => (false, recording.duration),
    };
    let failure = Mutex::new(None);
    // What failed in the capture fails again.
    let failing = recording.statements.iter().map(|statement| !statement.has_worked).collect();
    let course = Course { is_open_loop, duration, failing };
    let report = super::observe(context, &connection, &checked, &plan, course, async |progress| {
        let replay = Replay::new(recording, speed, endpoint);
        let (measured, why) = replay.run(&context.interrupt, progress).await?;
        *failure.lock().unwrap_or_else(PoisonError::into_inner) = why;
        Ok(measured)
    })
    .await?;
    if let Some(failure) = failure.into_inner().unwrap_or_else(PoisonError::into_inner) {
        context.ui.warn(format_args!("not every session could be opened: {failure}"));
    }

    super::publish(context, &report, args.hlog.as_deref())
}

/// Reads a trace or log, as far as it can be sent again.
async fn read(context: &Context, trace: &Path) -> Result<Recording> {
    let take = |builder: &mut Builder, event| builder.take(&event);
    let (builder, inputs) =
        files::read_into(context, vec![trace.to_owned()], None, Builder::default(), take).await?;
    let fail = || Error::usage(format!("{:?} cannot be sent again", trace.display()));
    if let Some(failure) = inputs.failure() {
        return Err(fail().cause(failure).hint("Check the file: only a part of it could be read."));
    }
    let recording = builder.finish().map_err(|refusal| {
        fail().cause(refusal).hint(
            "Record it without `--redact`; `perfkit bench --workload TRACE` sends its statements with other values.",
        )
    })?;
    for (reason, n) in &recording.left_out {
        context.ui.warn(format_args!("left out: {}: {reason}", unit::counted(*n, "execution")));
    }
    if recording.databases.len() > 1 {
        let databases: Vec<&str> = recording.databases.iter().map(String::as_str).collect();
        context.ui.warn(format_args!(
            "the sessions were of several databases, and one takes them all: {}",
            databases.join(", ")
        ));
    }
    Ok(recording)
}

/// Refuses a recording that changes data: what is left of it would be another workload.
fn refuse_writes(trace: &Path, recording: &Recording) -> Result<()> {
    let writing: Vec<&Recorded> = recording.statements.iter().filter(|it| it.may_write).collect();
    let Some(first) = writing.first() else { return Ok(()) };
    let others = match writing.len() - 1 {
        0 => String::new(),
        n => format!(", and {n} other statements"),
    };
    Err(Error::usage(format!(
        "{:?} changes data: {}{others}",
        trace.display(),
        sources::one_line(&first.sql)
    ))
    .hint("Add `--allow-writes` to send it, to a copy of the database that it was captured from."))
}

fn announce(context: &Context, trace: &Path, recording: &Recording, speed: Speed) {
    let how = match speed {
        Speed::Factor(factor) => {
            let seconds = recording.duration.div_f64(factor).as_secs_f64();
            format!("in {seconds:.1} s")
        }
        Speed::Max => "as fast as the server answers".to_owned(),
    };
    context.ui.status(format_args!(
        "replay: {} executions of {} sessions from {}, {how}",
        recording.n_executions,
        recording.sessions.len(),
        trace.display()
    ));
}

impl Checked {
    /// What the server counts of a recording's statements.
    fn of_recording(recording: &Recording, endpoint: Arc<Endpoint>) -> Self {
        let mut workload = Workload::new(Source::CommandLine);
        for statement in recording.statements.iter().filter(|it| it.has_plan) {
            workload.add(Some(&statement.name), &statement.sql, Vec::new(), 1.0, None);
        }
        Self {
            statements: workload.statements,
            generators: Vec::new(),
            shapes: Vec::new(),
            requests: Vec::new(),
            playbook: None,
            endpoint,
        }
    }
}
