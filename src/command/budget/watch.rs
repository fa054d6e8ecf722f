//! Runs one command through a proxy, and counts what it sent.

use std::ffi::{OsStr, OsString};
use std::fmt;
use std::fs::{self, File};
use std::io::{BufReader, Seek as _};
use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::process::ExitStatus as Ended;
use std::sync::atomic::Ordering;
use std::time::Duration;

use nix::sys::signal::Signal;
use tokio::process::Command;

use super::BudgetArgs;
use super::signals::{Signals, hand_on};
use crate::budget::{Counter, Rules, Tally};
use crate::command::capture::proxy::{Kept, capture, create, failed, incomplete, listen, unwritable};
use crate::context::Context;
use crate::error::{Error, ExitStatus, Result};
use crate::pg::{self, Access, Endpoint, Target, redirect};
use crate::proxy::{self, Clock, Options, Proxy};
use crate::trace::{Dropped, Reader};

/// How long sessions may take to end after the command has: they end with it, unless it has left something running.
const SETTLE_TIME: Duration = Duration::from_secs(2);
const SETTLE_INTERVAL: Duration = Duration::from_millis(10);
/// Looks that must find no session, as one may be on its way from its opening to its loop.
const N_IDLE_LOOKS: u32 = 3;
/// Beyond this, problems of connections are not shown.
const MAX_PROBLEMS: usize = 20;

/// The way to the server.
pub(super) struct Way {
    target: Target,
    connection: pg::Connection,
    /// The URL that the command would use.
    original: Option<String>,
    /// Variables that hold one.
    urls: Vec<String>,
}

impl Way {
    /// Connects once, so that a server that cannot be reached is told before the command runs.
    pub(super) async fn find(context: &Context, args: &BudgetArgs, signals: &mut Signals) -> Result<Self> {
        let target = context.target(&args.connect)?;
        let connection = tokio::select! {
            connection = target.connect(Access::ReadOnly, &context.interrupt) => connection?,
            _ = signals.next() => return Err(pg::Error::Interrupted.into()),
        };
        let original = context.environment.set("DATABASE_URL").map(str::to_owned);
        let original = original.or_else(|| args.connect.database_url.clone());
        let mut urls = vec!["DATABASE_URL".to_owned()];
        urls.extend(args.variables.iter().cloned());
        Ok(Self { target, connection, original, urls })
    }

    fn endpoint(&self) -> Result<Endpoint> {
        Ok(self.target.endpoint(&self.connection, Access::ReadOnly)?)
    }
}

/// What is run.
pub(super) struct Program {
    words: Vec<OsString>,
    /// What it is called in reports. Arguments may hold secrets.
    pub(super) name: String,
}

impl Program {
    pub(super) fn of(words: &[OsString]) -> Self {
        let name = words.first().map(|word| word.to_string_lossy().into_owned()).unwrap_or_default();
        Self { words: words.to_vec(), name }
    }

    /// Has a shell run a command.
    pub(super) fn of_shell(command: &str, name: String) -> Self {
        Self { words: ["/bin/sh", "-c", command].map(OsString::from).to_vec(), name }
    }

    fn command(&self, port: u16, endpoint: &Endpoint, way: &Way) -> Command {
        let (program, arguments) =
            self.words.split_first().map_or((OsStr::new(""), &[][..]), |(first, rest)| (first, rest));
        let mut command = Command::new(program);
        command.args(arguments);
        for (name, value) in redirect::variables(endpoint, way.original.as_deref(), port, &way.urls) {
            match value {
                Some(value) => command.env(name, value),
                None => command.env_remove(name),
            };
        }
        command
    }
}

/// How a command ended.
#[derive(Clone, Copy, Debug)]
pub(super) struct End(Ended);

impl End {
    pub(super) fn has_succeeded(self) -> bool {
        self.0.success()
    }
}

impl fmt::Display for End {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.0.code(), self.0.signal()) {
            (Some(code), _) => write!(f, "exit status {code}"),
            (None, Some(number)) => match Signal::try_from(number) {
                Ok(signal) => write!(f, "signal {signal}"),
                Err(_) => write!(f, "signal {number}"),
            },
            (None, None) => f.write_str("no exit status"),
        }
    }
}

/// A command that has run.
pub(super) struct Watched {
    pub(super) tally: Tally,
    pub(super) ended: End,
    is_interrupted: bool,
    pub(super) dropped: Dropped,
    pub(super) n_sessions: u64,
    pub(super) n_left_open: u64,
    pub(super) elapsed: Duration,
}

impl Watched {
    /// Refuses a run that says nothing of how many statements the command needs.
    pub(super) fn require_valid(&self) -> Result<()> {
        let invalid = |message: String| Error::new(ExitStatus::InvalidMeasurement, message);
        if self.is_interrupted {
            let error = Error::new(ExitStatus::Interrupted, "interrupted; the command has ended");
            return Err(error.cause(format!("it ended with {}", self.ended)));
        }
        if !self.ended.has_succeeded() {
            return Err(invalid(format!("the command failed with {}", self.ended))
                .hint("Its budgets are not judged: what it sent is not what it sends when it passes."));
        }
        if self.dropped != Dropped::default() {
            return Err(invalid(incomplete(&self.dropped)).hint(match self.dropped.n_sessions {
                0 => "Run the command again on a machine that is less busy.",
                _ => "A client said what is not PostgreSQL's protocol; the server's log tells more.",
            }));
        }
        Ok(())
    }
}

/// Runs a command to its end, and counts what it sent.
pub(super) async fn watch(
    context: &Context,
    way: &Way,
    program: &Program,
    rules: Rules,
    trace: Option<&Path>,
    signals: &mut Signals,
) -> Result<Watched> {
    let clock = Clock::start();
    let endpoint = way.endpoint()?;
    let listener = listen("127.0.0.1:0")?;
    let port = listener.local_addr()?.port();
    let mut command = program.command(port, &endpoint, way);
    if context.ui.prints_json() {
        // JSON alone is on stdout then.
        command.stdout(std::io::stderr());
    }
    let (path, file) = match trace {
        Some(path) => (path.to_owned(), create(path)?),
        None => temporary_file(context)?,
    };
    let kept = file.try_clone().map_err(|error| unwritable(&path, &error))?;
    let capture = capture(file, &path, Kept { values: true, hashes: true }, clock)?;
    let running = proxy::start(Options { listener, endpoint, tls: None, capture: Some(capture), clock })
        .map_err(|error| Error::usage("could not start the proxy").cause(error))?;

    let (ended, is_interrupted) = match run_to_end(command, signals).await {
        Ok(ended) => ended,
        Err(error) => {
            running.stop().map_err(|error| failed(&path, &error))?;
            return Err(Error::usage(format!("could not run {:?}", program.name))
                .cause(error)
                .hint("Check the command's name and that it can be executed."));
        }
    };
    let elapsed = Duration::from_nanos(clock.now() - clock.began_at().0);
    let n_left_open = settle(&running).await;
    show_problems(context, &running);
    let counts = running.counts.clone();
    tokio::task::block_in_place(|| running.stop()).map_err(|error| failed(&path, &error))?;
    let tally = tokio::task::block_in_place(|| read(kept, &path, rules))?;
    Ok(Watched {
        tally,
        ended: End(ended),
        is_interrupted,
        dropped: counts.dropped(),
        n_sessions: counts.sessions.load(Ordering::Relaxed),
        n_left_open,
        elapsed,
    })
}

/// Waits for the end of a command; signals are handed on to it. Returns whether there was one.
async fn run_to_end(mut command: Command, signals: &mut Signals) -> std::io::Result<(Ended, bool)> {
    let mut child = command.spawn()?;
    let mut is_interrupted = false;
    loop {
        tokio::select! {
            ended = child.wait() => return Ok((ended?, is_interrupted)),
            signal = signals.next() => {
                is_interrupted = true;
                hand_on(signal, child.id());
            }
        }
    }
}

/// Waits until the sessions of the command have ended; returns how many have not.
async fn settle(running: &Proxy) -> u64 {
    let deadline = tokio::time::Instant::now() + SETTLE_TIME;
    let mut n_idle = 0;
    while n_idle < N_IDLE_LOOKS && tokio::time::Instant::now() < deadline {
        n_idle = if running.is_idle() { n_idle + 1 } else { 0 };
        tokio::time::sleep(SETTLE_INTERVAL).await;
    }
    running.counts.open_sessions.load(Ordering::Relaxed)
}

fn show_problems(context: &Context, running: &Proxy) {
    let problems = std::iter::from_fn(|| running.problem());
    for problem in problems.take(MAX_PROBLEMS) {
        context.ui.warn(format_args!("{}: {}", problem.message, problem.cause));
    }
}

/// Returns a file without a name, which is gone with this process. It holds what the command sent, values and all.
fn temporary_file(context: &Context) -> Result<(PathBuf, File)> {
    let folder = context.environment.set("TMPDIR").unwrap_or("/tmp");
    let template = Path::new(folder).join("perfkit-budget-XXXXXX");
    let failed = |path: &Path, error: &dyn fmt::Display| {
        unwritable(path, error)
            .hint("Set TMPDIR to a folder that can be written, or name a file with `--trace`.")
    };
    let (file, path) = nix::unistd::mkstemp(&template).map_err(|error| failed(&template, &error))?;
    fs::remove_file(&path).map_err(|error| failed(&path, &error))?;
    // A copy is closed for the command, which the file is none of.
    let file = File::from(file).try_clone().map_err(|error| failed(&path, &error))?;
    Ok((path, file))
}

fn read(mut file: File, path: &Path, rules: Rules) -> Result<Tally> {
    let fail = |error: &dyn std::error::Error| {
        Error::new(ExitStatus::InvalidMeasurement, format!("could not read trace {:?}", path.display()))
            .cause(error)
            .causes_of(error)
    };
    file.rewind().map_err(|error| fail(&error))?;
    let mut reader = Reader::new(BufReader::new(file)).map_err(|error| fail(&error))?;
    let mut counter = Counter::new(rules);
    while let Some(event) = reader.next_event().map_err(|error| fail(&error))? {
        counter.take(event);
    }
    Ok(counter.finish())
}
