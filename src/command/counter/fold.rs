//! `perfkit counter fold`: adds what is pending to the counters.

use std::time::Duration;

use clap::Args;

use crate::cli::{ConnectArgs, parse_duration};
use crate::command::index::apply::{self, pause};
use crate::context::Context;
use crate::counter::backfill::pace;
use crate::counter::site::Site;
use crate::error::{Error, ExitStatus, Result};
use crate::pg::Target;
use crate::pg::counter::batch::Folded;
use crate::pg::counter::facts;
use crate::pg::counter::fold::{self, Turn};
use crate::pg::ddl::{self, Subject, Worker};
use crate::report;
use crate::report::counter::FoldedSite;

/// So often a batch is tried that somebody is in the way of.
const MAX_TRIES: u32 = 8;

/// Add what is pending to the counters of mode queue or slots
///
/// Their exact value is the column with what is pending; this keeps the pending part small. Rows that somebody has locked are
/// left for the next time.
#[derive(Args, Debug)]
pub(crate) struct FoldArgs {
    /// Fold again and again, after this time, until Ctrl-C
    #[arg(long, value_name = "TIME", value_parser = parse_duration)]
    every: Option<Duration>,
    #[command(flatten)]
    connect: ConnectArgs,
}

pub(super) async fn run(context: &Context, args: &FoldArgs) -> Result<ExitStatus> {
    let target = context.target(&args.connect)?;
    let worker = Worker::connect(&target, args.connect.statement_timeout, &context.interrupt).await?;
    worker.connection.require_primary()?;
    loop {
        let folded = fold_sites(context, &target, &worker).await;
        match (folded, args.every) {
            (Ok(folded), _) => {
                if folded.is_empty() {
                    context.ui.status("no counter has anything pending by its mode");
                }
                context.ui.publish(&report::counter::folded(&folded))?;
            }
            // Another perfkit counts: it is not in the way for ever.
            (Err(error), Some(_)) if !worker.connection.is_closed() && !context.interrupt.is_raised() => {
                context.ui.warn(error.message());
            }
            (Err(error), _) => return Err(error),
        }
        let Some(every) = args.every else { return Ok(ExitStatus::Success) };
        pause(context, every).await?;
    }
}

/// Folds what each site has pending, under perfkit's lock: a run that counts in one scan must find all that came since.
async fn fold_sites(context: &Context, target: &Target, worker: &Worker) -> Result<Vec<FoldedSite>> {
    let mut control = apply::control(context, target, Subject::Counters).await?;
    let state = facts::load(&mut control, &[]).await?;
    let mut folded = Vec::new();
    for site in state.readable_sites().filter(Site::has_pending) {
        folded.push(fold_site(context, worker, site).await?);
    }
    ddl::unlock(&control, Subject::Counters).await?;
    Ok(folded)
}

/// Folds all but the rows that somebody has locked.
async fn fold_site(context: &Context, worker: &Worker, site: Site) -> Result<FoldedSite> {
    let mut folded = Folded::default();
    let rest = |turn: Turn<'_>| match turn {
        Turn::Took(_) => Some(Duration::ZERO),
        Turn::Busy(n_tries, _) if n_tries < MAX_TRIES => Some(pace::delay(n_tries)),
        Turn::Busy(..) | Turn::Locked(_) => None,
    };
    fold::fold(&worker.connection, &site, &context.interrupt, &mut folded, rest)
        .await
        .map_err(|error| Error::from(error).context(format!("could not fold {}", site.parent)))?;
    let Folded { n_parents, n_orphans } = folded;
    Ok(FoldedSite { site, n_parents, n_orphans })
}
