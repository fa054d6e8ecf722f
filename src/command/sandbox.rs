//! `perfkit sandbox`: the local server that stays until it is stopped.

use std::os::unix::process::CommandExt as _;
use std::process::Command;

use clap::{Args, Subcommand};

use crate::cli::{ConnectArgs, ProgramsArgs};
use crate::config::Timeouts;
use crate::context::Context;
use crate::error::{Error, ExitStatus, Result};
use crate::pg::server::{Sandbox, State};

/// Manage a local PostgreSQL server to try things on
///
/// The server listens on a socket alone, keeps its data until `destroy`, and is the database of every command that
/// has no other.
#[derive(Args, Debug)]
pub(crate) struct SandboxArgs {
    #[command(subcommand)]
    command: SandboxCommand,
}

#[derive(Subcommand, Debug)]
enum SandboxCommand {
    /// Start the server, and create it the first time
    Start(ProgramsArgs),
    /// Print the connection URL
    Url,
    /// Open psql; further arguments are psql's
    Psql {
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<String>,
    },
    /// Stop the server and keep its data
    Stop(ProgramsArgs),
    /// Stop the server and remove its data
    Destroy {
        /// Do not ask
        #[arg(short, long)]
        yes: bool,
        #[command(flatten)]
        programs: ProgramsArgs,
    },
}

pub(crate) async fn run(context: &Context, args: &SandboxArgs) -> Result<ExitStatus> {
    let sandbox = Sandbox::of_user(&context.environment)?;
    match &args.command {
        SandboxCommand::Start(programs) => start(context, &sandbox, programs).await?,
        SandboxCommand::Url => {
            require_running(&sandbox)?;
            context.ui.print(&format!("{}\n", sandbox.url()))?;
        }
        SandboxCommand::Psql { arguments } => {
            require_running(&sandbox)?;
            return Err(psql(&sandbox.url(), arguments));
        }
        SandboxCommand::Stop(programs) => match sandbox.state() {
            State::Running => {
                stop(context, &sandbox, programs)?;
                context.ui.status("stopped; `perfkit sandbox start` starts it again with its data");
            }
            _ => context.ui.status("no sandbox is running"),
        },
        SandboxCommand::Destroy { yes, programs } => destroy(context, &sandbox, programs, *yes).await?,
    }
    Ok(ExitStatus::Success)
}

/// Starts the sandbox, unless it runs, and prints its URL.
async fn start(context: &Context, sandbox: &Sandbox, programs: &ProgramsArgs) -> Result<()> {
    if sandbox.state() == State::Running {
        context.ui.status("the sandbox is running already");
    } else {
        ensure_running(context, sandbox, programs).await?;
        context.ui.status("started; every perfkit command without another database uses it");
    }
    context.ui.print(&format!("{}\n", sandbox.url()))
}

/// Starts the sandbox if it does not run.
pub(crate) async fn ensure_running(
    context: &Context,
    sandbox: &Sandbox,
    programs: &ProgramsArgs,
) -> Result<()> {
    let major = sandbox.data_major();
    let programs = context.programs(programs, major)?;
    if let Some(major) = major.filter(|major| *major != programs.major) {
        return Err(Error::server(format!(
            "the sandbox's data is of PostgreSQL {major}, the server programs found are of {}",
            programs.major
        ))
        .hint(
            "Name the other programs with `--pg-bin`, or remove the data with `perfkit sandbox destroy`.",
        ));
    }
    let timeouts = Timeouts::new(&ConnectArgs::default(), None);
    let spinner = context.ui.spinner("start the sandbox");
    sandbox.start(&programs, timeouts, &context.interrupt).await?;
    drop(spinner);
    Ok(())
}

fn stop(context: &Context, sandbox: &Sandbox, programs: &ProgramsArgs) -> Result<()> {
    let programs = context.programs(programs, sandbox.data_major())?;
    Ok(sandbox.stop(&programs)?)
}

async fn destroy(context: &Context, sandbox: &Sandbox, programs: &ProgramsArgs, yes: bool) -> Result<()> {
    let state = sandbox.state();
    if state == State::Absent {
        context.ui.status("there is no sandbox");
        return Ok(());
    }
    if !context.confirm("Remove the sandbox with all its data?", yes).await? {
        context.ui.status("nothing was removed");
        return Ok(());
    }
    if state == State::Running {
        stop(context, sandbox, programs)?;
    }
    sandbox.remove()?;
    context.ui.status("removed");
    Ok(())
}

fn require_running(sandbox: &Sandbox) -> Result<()> {
    match sandbox.state() {
        State::Running => Ok(()),
        State::Stopped => {
            Err(Error::usage("the sandbox is stopped").hint("Start it with `perfkit sandbox start`."))
        }
        State::Absent => {
            Err(Error::usage("there is no sandbox").hint("Make one with `perfkit sandbox start`."))
        }
    }
}

/// Becomes psql; returns only when that failed.
fn psql(url: &str, arguments: &[String]) -> Error {
    let error = Command::new("psql").arg(url).args(arguments).exec();
    Error::usage("could not run psql").cause(error).hint(
        "Install the PostgreSQL client, or use another one with the URL that `perfkit sandbox url` prints.",
    )
}
