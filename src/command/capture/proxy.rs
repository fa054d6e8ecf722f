//! `perfkit capture proxy`: runs the capture proxy until it is ended, then says what the trace holds.

use std::fs::{File, OpenOptions};
use std::io;
use std::net::{TcpListener, ToSocketAddrs as _};
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;
use std::time::Duration;

use clap::Args;

use crate::cli::{ConnectArgs, parse_duration};
use crate::context::Context;
use crate::error::{Error, ExitStatus, Result};
use crate::pg::{self, Access};
use crate::proxy::{self, Capture, Clock, Options, Proxy};
use crate::report::capture::ProxyReport;
use crate::trace::{Dropped, Source, Statements, Writer};
use crate::unit;

/// The trace when none is named.
const DEFAULT_TRACE: &str = "perfkit.trace";
/// How often problems of connections are shown.
const POLL_INTERVAL: Duration = Duration::from_millis(100);
/// Beyond this, problems are counted only.
const MAX_PROBLEMS: usize = 20;

/// Record what clients send to the server, as a proxy between them
///
/// Forwards exact bytes, and writes statements, values, latencies and transactions to a trace. Point the application's connection
/// at it: user, password and database are the application's own. Ctrl-C ends it, with a whole trace.
#[derive(Args, Debug)]
pub(crate) struct ProxyArgs {
    /// Take connections at this address
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:6543")]
    listen: String,
    /// Leave values out; equal ones stay recognizable within the trace
    #[arg(long)]
    redact: bool,
    /// Keep no hashes of results; `workload n-plus-one` then cannot tell where the values of a loop come from
    #[arg(long)]
    no_hashes: bool,
    /// Exit with status 4 if the trace is incomplete [default: when the variable CI is set]
    #[arg(long)]
    ci: bool,
    /// End after this time
    #[arg(long = "for", value_name = "TIME", value_parser = parse_duration)]
    duration: Option<Duration>,
    /// Offer TLS to clients with this certificate (PEM)
    #[arg(long, value_name = "FILE", requires = "tls_key")]
    tls_cert: Option<PathBuf>,
    /// The key of that certificate (PEM)
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    tls_key: Option<PathBuf>,
    #[command(flatten)]
    connect: ConnectArgs,
}

pub(super) async fn run(context: &Context, args: &ProxyArgs) -> Result<ExitStatus> {
    let clock = Clock::start();
    let tls = match (&args.tls_cert, &args.tls_key) {
        (Some(certificate), Some(key)) => Some(pg::server_tls(certificate, key).map_err(|reason| {
            Error::usage("could not set up TLS for clients")
                .cause(reason)
                .hint("Name a certificate and its key in PEM form with `--tls-cert` and `--tls-key`.")
        })?),
        _ => None,
    };
    let target = context.target(&args.connect)?;
    let connection = target.connect(Access::ReadOnly, &context.interrupt).await?;
    let endpoint = target.endpoint(&connection, Access::ReadOnly)?;
    drop(connection);
    let listener = listen(&args.listen)?;
    let path = context.ui.trace().unwrap_or(Path::new(DEFAULT_TRACE));
    let server = endpoint.label.clone();
    let kept = Kept { values: !args.redact, hashes: !args.no_hashes };
    let capture = capture(create(path)?, path, kept, clock)?;
    let running = proxy::start(Options { listener, endpoint, tls, capture: Some(capture), clock })
        .map_err(|error| Error::usage("could not start the proxy").cause(error))?;
    let address = running.address;
    context.ui.status(format_args!("proxy: {address} for {server}; Ctrl-C ends it"));
    if !address.ip().is_loopback() {
        context.ui.warn("clients of other machines come to the server as if they were on this one");
    }

    watch(context, &running, args.duration).await;
    let counts = running.counts.clone();
    let elapsed = Duration::from_nanos(clock.now() - clock.began_at().0);
    let stopped = tokio::task::block_in_place(|| running.stop());

    let report = ProxyReport {
        trace: path.display().to_string(),
        listen: address.to_string(),
        sessions: counts.sessions.load(Ordering::Relaxed),
        executions: counts.executions.load(Ordering::Relaxed),
        dropped: counts.dropped(),
        is_whole: stopped.is_ok(),
        elapsed,
    };
    context.ui.publish(&report.document())?;
    stopped.map_err(|error| failed(path, &error))?;
    let is_ci = args.ci || context.environment.set("CI").is_some();
    if report.is_complete() {
        return Ok(ExitStatus::Success);
    }
    context.ui.warn(incomplete(&report.dropped));
    Ok(if is_ci { ExitStatus::InvalidMeasurement } else { ExitStatus::Success })
}

pub(in crate::command) fn listen(address: &str) -> Result<TcpListener> {
    let failed = |error: io::Error| {
        let hint = match error.kind() {
            io::ErrorKind::AddrInUse => "Another program listens there; choose another port with `--listen`.",
            io::ErrorKind::PermissionDenied => "Choose a port above 1023 with `--listen`.",
            _ => "Write the address as in `--listen 127.0.0.1:6543`; port 0 takes any that is free.",
        };
        Error::usage(format!("could not listen at {address:?}")).cause(error).hint(hint)
    };
    let addresses: Vec<_> = address.to_socket_addrs().map_err(failed)?.collect();
    TcpListener::bind(&addresses[..]).map_err(failed)
}

/// Creates the file of a trace. One that is there is not written over: it may be of a run that cannot be had again.
pub(in crate::command) fn create(path: &Path) -> Result<File> {
    let opened = OpenOptions::new().read(true).write(true).create_new(true).open(path);
    opened.map_err(|error| not_created(path, &error))
}

/// Refuses a file that is there, before anything is done for it.
pub(super) fn require_new(path: &Path) -> Result<()> {
    let is_there = path.symlink_metadata().is_ok();
    if is_there { Err(not_created(path, &io::ErrorKind::AlreadyExists.into())) } else { Ok(()) }
}

fn not_created(path: &Path, error: &io::Error) -> Error {
    let hint = match error.kind() {
        io::ErrorKind::AlreadyExists => "Name another file, or remove this one.",
        _ => "Name a file that can be written.",
    };
    unwritable(path, error).hint(hint)
}

pub(in crate::command) fn unwritable(path: &Path, error: &dyn std::fmt::Display) -> Error {
    Error::usage(format!("could not write trace {:?}", path.display())).cause(error)
}

/// What a capture keeps beside statements.
#[derive(Clone, Copy, Debug)]
pub(in crate::command) struct Kept {
    /// The values of parameters.
    pub(in crate::command) values: bool,
    /// Hashes of parameters and results.
    pub(in crate::command) hashes: bool,
}

/// Begins a trace in a file, whose name is for messages.
pub(in crate::command) fn capture(file: File, path: &Path, kept: Kept, clock: Clock) -> Result<Capture> {
    let failed = |error: &dyn std::fmt::Display| unwritable(path, error);
    // One key for both: values that are left out have the hashes that they would have had.
    let key = super::redaction().map_err(|error| failed(&error))?;
    let redaction = (!kept.values).then_some(key);
    let hashes = kept.hashes.then_some(key);
    let header = super::header(Source::Proxy, clock.began_at(), !kept.values);
    let writer = Writer::new(file, &header).map_err(|error| failed(&error).causes_of(&error))?;
    Ok(Capture { writer, statements: Statements::new(super::fingerprint, redaction), hashes })
}

/// Shows what goes wrong until the proxy is to end.
async fn watch(context: &Context, proxy: &Proxy, duration: Option<Duration>) {
    let end = async {
        match duration {
            Some(duration) => tokio::time::sleep(duration).await,
            None => std::future::pending().await,
        }
    };
    futures_util::pin_mut!(end);
    let mut n_problems = 0;
    let mut has_failed = false;
    let mut has_ended = false;
    while !has_ended {
        tokio::select! {
            () = &mut end => has_ended = true,
            () = context.interrupt.raised() => has_ended = true,
            () = tokio::time::sleep(POLL_INTERVAL) => {}
        }
        while let Some(problem) = proxy.problem() {
            n_problems += 1;
            if n_problems <= MAX_PROBLEMS {
                context.ui.warn(format_args!("{}: {}", problem.message, problem.cause));
            }
        }
        if proxy.counts.has_failed() && !has_failed {
            has_failed = true;
            context.ui.warn("the trace cannot be written any more; connections go on");
        }
    }
}

pub(in crate::command) fn failed(path: &Path, error: &proxy::Error) -> Error {
    let status = ExitStatus::InvalidMeasurement;
    let hint = "What is in the trace up to there can be read; make room on the disk, or name another file with `-o`.";
    Error::new(status, format!("trace {:?} is incomplete", path.display()))
        .cause(error)
        .causes_of(error)
        .hint(hint)
}

/// Says what a trace lacks.
pub(crate) fn incomplete(dropped: &Dropped) -> String {
    format!(
        "the trace is incomplete: {} and {} could not be recorded",
        unit::counted(dropped.n_executions, "execution"),
        unit::counted(dropped.n_sessions, "session")
    )
}
