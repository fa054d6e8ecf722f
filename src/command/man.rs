//! `perfkit man`: prints the manual page.

use clap::{Args, CommandFactory as _};

use crate::cli::Cli;
use crate::error::{ExitStatus, Result};
use crate::ui::Ui;

/// Print the manual page
///
/// `perfkit man | man -l -` shows it. With a command's name it prints that command's page.
#[derive(Args, Debug)]
pub(crate) struct ManArgs {
    /// The command whose page is printed, as in `index suggest`
    command: Vec<String>,
}

pub(crate) fn run(ui: &Ui, args: &ManArgs) -> Result<ExitStatus> {
    let mut root = Cli::command();
    root.build();
    let mut command = &root;
    for name in &args.command {
        command = command.find_subcommand(name).ok_or_else(|| {
            crate::error::Error::usage(format!("there is no command {:?}", args.command.join(" ")))
                .hint("`perfkit --help` lists the commands.")
        })?;
    }
    let mut page = Vec::new();
    clap_mangen::Man::new(command.clone()).render(&mut page)?;
    ui.print(&String::from_utf8_lossy(&page))?;
    Ok(ExitStatus::Success)
}
