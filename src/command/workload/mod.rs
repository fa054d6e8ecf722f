//! `perfkit workload`: what a captured workload says.

mod n_plus_one;
mod pagination;
mod top;
mod trial;

use std::path::PathBuf;

use clap::Subcommand;

use crate::command::capture::files::{self, Inputs, Options};
use crate::context::Context;
use crate::error::{Error, ExitStatus, Result};
use crate::trace::Event;

/// See what a captured workload says
#[derive(Subcommand, Debug)]
pub(crate) enum WorkloadCommand {
    Top(top::TopArgs),
    NPlusOne(n_plus_one::NPlusOneArgs),
    Pagination(pagination::PaginationArgs),
}

pub(crate) async fn run(context: &Context, command: &WorkloadCommand) -> Result<ExitStatus> {
    match command {
        WorkloadCommand::Top(args) => top::run(context, args).await,
        WorkloadCommand::NPlusOne(args) => n_plus_one::run(context, args).await,
        WorkloadCommand::Pagination(args) => pagination::run(context, args).await,
    }
}

/// Reads traces and logs into something that takes their events, and says what they lack.
async fn read<T: Send + 'static>(
    context: &Context,
    paths: Vec<PathBuf>,
    prefix: Option<String>,
    mut taker: T,
    take: fn(&mut T, Event),
) -> Result<(T, Inputs)> {
    let interrupt = context.interrupt.clone();
    let options = Options { prefix, is_redacted: false };
    let reading = tokio::task::spawn_blocking(move || {
        let inputs = files::read(&paths, &options, &interrupt, &mut |event| {
            take(&mut taker, event);
            Ok(())
        })?;
        Ok::<_, Error>((taker, inputs))
    });
    let (taker, inputs) =
        reading.await.map_err(|error| Error::usage("could not read the workload").cause(error))??;
    for warning in inputs.warnings() {
        context.ui.warn(warning);
    }
    Ok((taker, inputs))
}
