//! The terminal: the only module that writes to stdout and stderr.
//!
//! The result of a command goes to stdout (or to `--output FILE`), all else to stderr. Color and progress are
//! decided for each stream on its own; nothing but color depends on the stream being a terminal, except borders
//! and progress.

use std::fmt;
use std::fs;
use std::io::{self, BufRead, IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressState, ProgressStyle};

use crate::cli::{ColorChoice, GlobalArgs};
use crate::config::Environment;
use crate::error::{Error, Result};
use crate::report::{Document, Format, Style};

/// Shorter work shows no progress: a bar that flashes is noise.
const PROGRESS_DELAY: Duration = Duration::from_millis(250);
/// The width of output when the terminal does not say, and for what is not a terminal.
const DEFAULT_WIDTH: usize = 80;

/// Where output goes and how it looks there.
#[derive(Clone)]
pub(crate) struct Ui {
    format: Format,
    output: Option<PathBuf>,
    /// The file that `--output` names, for commands that write a trace.
    trace: Option<PathBuf>,
    quiet: bool,
    stdout: Style,
    stderr: Style,
    stderr_is_terminal: bool,
    stdin_is_terminal: bool,
}

impl Ui {
    /// Decides streams, format and color once, from the arguments and the environment.
    ///
    /// A command that writes a trace has its result on stdout, and `--output` names the trace.
    pub(crate) fn new(args: &GlobalArgs, environment: &Environment, writes_trace: bool) -> Result<Self> {
        let (trace, output) =
            if writes_trace { (args.output.clone(), None) } else { (None, args.output.clone()) };
        // `colored` would look at stdout alone, for both streams. Each `Style` decides for itself instead.
        colored::control::set_override(true);
        if let Some(folder) =
            args.output.as_deref().and_then(Path::parent).filter(|folder| *folder != Path::new(""))
            && !folder.is_dir()
        {
            return Err(Error::usage(format!(
                "folder {:?} of the output file does not exist",
                folder.display()
            )));
        }
        if let Some(path) = trace.as_deref().filter(|path| Format::from_path(path).is_ok()) {
            return Err(Error::usage(format!("{:?} is no name of a trace", path.display()))
                .hint("Let it end in .trace, as in `-o app.trace`; `--json` prints the summary as JSON."));
        }
        let stdout_is_terminal = io::stdout().is_terminal();
        let stderr_is_terminal = io::stderr().is_terminal();
        let width = terminal_width(environment);
        let format = match &output {
            Some(path) => Format::from_path(path).map_err(Error::usage)?,
            None if args.json => Format::Json,
            None => Format::Text,
        };
        let stdout_decorated = stdout_is_terminal && output.is_none();
        Ok(Self {
            format,
            trace,
            quiet: args.quiet,
            stdout: Style {
                color: has_color(args.color, environment, stdout_decorated) && output.is_none(),
                terminal: stdout_decorated,
                width,
            },
            stderr: Style {
                color: has_color(args.color, environment, stderr_is_terminal),
                terminal: stderr_is_terminal,
                width,
            },
            stderr_is_terminal,
            stdin_is_terminal: io::stdin().is_terminal(),
            output,
        })
    }

    /// How the result is to look, wherever it goes.
    pub(crate) fn style(&self) -> &Style {
        &self.stdout
    }

    /// Whether the result is to be JSON.
    pub(crate) fn is_json(&self) -> bool {
        self.format == Format::Json
    }

    /// The file that a trace is to be written to, if `--output` names one.
    pub(crate) fn trace(&self) -> Option<&Path> {
        self.trace.as_deref()
    }

    /// Prints a command's result in the chosen format to stdout or to the output file.
    pub(crate) fn publish(&self, document: &Document) -> Result<()> {
        let written = document.render(self.format, &self.stdout).map_err(Error::usage).and_then(|text| {
            let Some(path) = &self.output else { return self.print(&text) };
            fs::write(path, text).map_err(|error| {
                Error::usage(format!("could not write {:?}", path.display())).cause(error)
            })?;
            self.status(format_args!("wrote {}", path.display()));
            Ok(())
        });
        if written.is_err() && self.output.is_some() {
            // What took long to find out is not lost because its file cannot be written.
            let text = document.render(Format::Text, &self.stdout).map_err(Error::usage)?;
            self.print(&text)?;
        }
        written
    }

    /// Prints the result of a command that leaves stdout to a program: to stderr. JSON goes to stdout all the same, and the output
    /// file gets its form beside.
    pub(crate) fn publish_beside(&self, document: &Document) -> Result<()> {
        if self.prints_json() {
            return self.publish(document);
        }
        self.notice(document.render(Format::Text, &self.stderr).map_err(Error::usage)?.trim_end());
        if self.output.is_some() { self.publish(document) } else { Ok(()) }
    }

    /// Whether the result goes to stdout as JSON.
    pub(crate) fn prints_json(&self) -> bool {
        self.output.is_none() && self.is_json()
    }

    /// How the result of such a command is to look.
    pub(crate) fn style_beside(&self) -> &Style {
        &self.stderr
    }

    /// Prints text that is a result to stdout, as it is.
    #[expect(clippy::unused_self, reason = "whoever prints has been given the terminal")]
    pub(crate) fn print(&self, text: &str) -> Result<()> {
        let mut stdout = io::stdout().lock();
        stdout.write_all(text.as_bytes())?;
        stdout.flush()?;
        Ok(())
    }

    /// Says what is going on, unless `--quiet`.
    pub(crate) fn status(&self, message: impl fmt::Display) {
        if !self.quiet {
            write_stderr(&self.stderr.dim(&message.to_string()));
        }
    }

    /// Shows what the user is about to decide on, even with `--quiet`.
    #[expect(clippy::unused_self, reason = "whoever prints has been given the terminal")]
    pub(crate) fn notice(&self, message: impl fmt::Display) {
        write_stderr(&message.to_string());
    }

    /// Says what the user should know although the command goes on.
    pub(crate) fn warn(&self, message: impl fmt::Display) {
        write_stderr(&format!("{} {message}", self.stderr.yellow("warning:")));
    }

    /// Prints a failed run's message, causes and hints.
    pub(crate) fn error(&self, error: &Error) {
        if error.message().is_empty() {
            return;
        }
        write_stderr(&format!("{} {}", self.stderr.red("error:"), error.message()));
        for cause in error.causes() {
            write_stderr(&format!("caused by: {cause}"));
        }
        if !self.quiet {
            for hint in error.hints() {
                write_stderr(&format!("{} {hint}", self.stderr.cyan("hint:")));
            }
        }
    }

    /// A progress bar over `total` units; hidden for short work and where nobody watches.
    pub(crate) fn progress(&self, label: &str, total: u64, unit: Unit) -> Progress {
        let template = match unit {
            Unit::Rows => "{bar:20.cyan/dim} {percent:>3}% {human_pos} rows  {msg}{left}",
            Unit::Steps => "{msg:24} {bar:24.cyan/dim} {pos}/{len}{left}",
            Unit::Milliseconds => "{msg:24} {bar:24.cyan/dim} {percent:>3}%",
        };
        self.bar(label, Some(total), template)
    }

    /// A spinner for work of unknown length.
    pub(crate) fn spinner(&self, label: &str) -> Progress {
        self.bar(label, None, "{msg:24} {spinner} {elapsed}")
    }

    fn bar(&self, label: &str, total: Option<u64>, template: &str) -> Progress {
        if self.quiet || !self.stderr_is_terminal {
            return Progress { bar: ProgressBar::hidden(), end: Arc::default() };
        }
        let end: Arc<Mutex<Option<Instant>>> = Arc::default();
        let shown = Arc::clone(&end);
        let left = move |_: &ProgressState, out: &mut dyn fmt::Write| {
            if let Some(end) = *shown.lock().unwrap_or_else(PoisonError::into_inner) {
                let seconds = end.saturating_duration_since(Instant::now()).as_secs();
                // There is nobody to tell that it could not be written.
                _ = write!(out, "  eta {}", humantime::format_duration(Duration::from_secs(seconds)));
            }
        };
        let bar = ProgressBar::with_draw_target(total, ProgressDrawTarget::stderr_with_hz(10))
            .with_style(
                ProgressStyle::with_template(template)
                    .expect("the templates above are valid")
                    .with_key("left", left),
            )
            .with_message(label.to_owned());
        bar.enable_steady_tick(PROGRESS_DELAY);
        Progress { bar, end }
    }

    /// Asks before a change; the answer comes through the returned receiver, so that Ctrl-C is heard meanwhile.
    ///
    /// Without a terminal to ask on there is an error.
    pub(crate) fn ask(&self, question: &str) -> Result<tokio::sync::oneshot::Receiver<bool>> {
        if !self.stdin_is_terminal || !self.stderr_is_terminal {
            return Err(Error::usage("cannot ask for confirmation without a terminal")
                .hint("Add `--yes` to go ahead without being asked."));
        }
        let mut stderr = io::stderr().lock();
        write!(stderr, "{question} [y/N] ")?;
        stderr.flush()?;
        let (sender, receiver) = tokio::sync::oneshot::channel();
        // A thread of its own: nothing can interrupt a read, and the process need not wait for this one.
        std::thread::spawn(move || {
            let mut answer = String::new();
            let read = io::stdin().lock().read_line(&mut answer);
            let yes = read.is_ok() && matches!(answer.trim().to_ascii_lowercase().as_str(), "y" | "yes");
            // Whoever asked may be gone.
            let _ = sender.send(yes);
        });
        Ok(receiver)
    }
}

/// What a progress bar counts.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Unit {
    /// The message has the rates.
    Rows,
    Steps,
    Milliseconds,
}

/// A progress bar that clears itself when it goes out of scope.
pub(crate) struct Progress {
    bar: ProgressBar,
    /// When the work will be done, as far as anybody knows.
    end: Arc<Mutex<Option<Instant>>>,
}

impl Progress {
    /// Shows how long it is until then.
    pub(crate) fn ends_at(&self, end: Option<Instant>) {
        *self.end.lock().unwrap_or_else(PoisonError::into_inner) = end;
    }

    pub(crate) fn advance(&self, n: u64) {
        self.bar.inc(n);
    }

    pub(crate) fn set(&self, position: u64) {
        self.bar.set_position(position);
    }

    pub(crate) fn message(&self, message: impl Into<String>) {
        self.bar.set_message(message.into());
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}

fn write_stderr(line: &str) {
    // With stderr gone there is nobody left to tell.
    let _ = writeln!(io::stderr().lock(), "{line}");
}

fn has_color(choice: ColorChoice, environment: &Environment, terminal: bool) -> bool {
    match choice {
        ColorChoice::Always => true,
        ColorChoice::Never => false,
        ColorChoice::Auto => {
            terminal
                && environment.get("NO_COLOR").is_none_or(str::is_empty)
                && environment.get("TERM") != Some("dumb")
        }
    }
}

fn terminal_width(environment: &Environment) -> usize {
    let columns = environment.get("COLUMNS").and_then(|columns| columns.parse().ok());
    let reported = terminal_size::terminal_size().map(|(width, _)| usize::from(width.0));
    columns.or(reported).unwrap_or(DEFAULT_WIDTH).clamp(40, 400)
}
