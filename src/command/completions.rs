//! `perfkit completions`: prints the shell's completion script.

use clap::{Args, CommandFactory as _, ValueEnum};

use crate::cli::Cli;
use crate::error::{ExitStatus, Result};
use crate::ui::Ui;

/// Print a completion script for a shell
///
/// The same scripts are in the folder `completions/` of the source.
#[derive(Args, Debug)]
pub(crate) struct CompletionsArgs {
    /// The shell
    #[arg(value_enum)]
    shell: Shell,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Shell {
    Bash,
    Zsh,
    Fish,
}

pub(crate) fn run(ui: &Ui, args: &CompletionsArgs) -> Result<ExitStatus> {
    let shell = match args.shell {
        Shell::Bash => clap_complete::Shell::Bash,
        Shell::Zsh => clap_complete::Shell::Zsh,
        Shell::Fish => clap_complete::Shell::Fish,
    };
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "perfkit", &mut script);
    ui.print(&String::from_utf8_lossy(&script))?;
    Ok(ExitStatus::Success)
}
