//! The subcommands, one file each: its arguments and `run`, in three parts: read, decide, print.

pub(crate) mod bench;
pub(crate) mod budget;
pub(crate) mod capture;
pub(crate) mod completions;
pub(crate) mod counter;
pub(crate) mod demo;
pub(crate) mod explain;
pub(crate) mod index;
pub(crate) mod init;
pub(crate) mod man;
pub(crate) mod migration;
pub(crate) mod sandbox;
pub(crate) mod seed;
pub(crate) mod workload;

use crate::cli::{Command, IndexCommand};
use crate::command::capture::CaptureCommand;
use crate::context::Context;
use crate::error::{Error, ExitStatus, Result};
use crate::ui::Ui;

/// Runs a command that needs neither a database nor a configuration; `None` for all others.
pub(crate) fn run_offline(ui: &Ui, command: &Command) -> Option<Result<ExitStatus>> {
    match command {
        Command::Completions(args) => Some(completions::run(ui, args)),
        Command::Man(args) => Some(man::run(ui, args)),
        _ => None,
    }
}

/// Whether a broken configuration file is the command's business.
pub(crate) fn needs_config(command: &Command) -> bool {
    !matches!(command, Command::Init(_) | Command::Sandbox(_))
}

/// Whether `--output` names the trace that a command writes, rather than the file of its result.
pub(crate) fn writes_trace(command: &Command) -> bool {
    matches!(
        command,
        Command::Capture(CaptureCommand::Proxy(_) | CaptureCommand::Log(_) | CaptureCommand::Statements(_))
    )
}

/// Whether a command runs until somebody ends it, so that Ctrl-C is no failure.
pub(crate) fn ends_by_interrupt(command: &Command) -> bool {
    matches!(command, Command::Capture(CaptureCommand::Proxy(_) | CaptureCommand::Statements(_)))
}

/// Whether a command hears of Ctrl-C by itself: what it has started is to end before it does.
pub(crate) fn handles_signals(command: &Command) -> bool {
    matches!(command, Command::Budget(_))
}

/// Runs a command.
pub(crate) async fn run(context: &Context, command: &Command) -> Result<ExitStatus> {
    match command {
        Command::Demo(args) => Box::pin(demo::run(context, args)).await,
        Command::Init(args) => init::run(context, args).await,
        Command::Sandbox(args) => sandbox::run(context, args).await,
        Command::Explain(args) => explain::run(context, args).await,
        Command::Index(IndexCommand::Suggest(args)) => index::suggest::run(context, args).await,
        Command::Index(IndexCommand::Audit(args)) => index::audit::run(context, args).await,
        Command::Index(IndexCommand::Apply(args)) => index::apply::run(context, args).await,
        Command::Index(IndexCommand::Undo(args)) => index::undo::run(context, args).await,
        Command::Counter(command) => Box::pin(counter::run(context, command)).await,
        Command::Seed(args) => seed::run(context, args).await,
        Command::Bench(args) => Box::pin(bench::run(context, args)).await,
        Command::Capture(command) => capture::run(context, command).await,
        Command::Workload(command) => workload::run(context, command).await,
        Command::Budget(args) => Box::pin(budget::run(context, args)).await,
        Command::Completions(args) => completions::run(&context.ui, args),
        Command::Man(args) => man::run(&context.ui, args),
    }
}

/// Returns the error of a command that Ctrl-C ended: its cancelled query is no failure, what it left behind matters.
pub(crate) fn interrupted(error: &Error) -> Error {
    let message = "interrupted; running statements were cancelled on the server";
    let mut interrupted = Error::new(ExitStatus::Interrupted, message);
    if error.message().contains("INVALID") {
        interrupted = interrupted.cause(error.message());
    }
    let hints = error.hints().iter().filter(|hint| !hint.contains("--statement-timeout")).cloned();
    hints.fold(interrupted, Error::hint)
}
