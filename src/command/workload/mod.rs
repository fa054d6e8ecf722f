//! `perfkit workload`: what a captured workload says.

mod inspect;
mod n_plus_one;
mod pagination;
mod top;
mod trial;

use clap::Subcommand;

use crate::context::Context;
use crate::error::{ExitStatus, Result};

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
