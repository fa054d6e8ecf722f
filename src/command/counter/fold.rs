//! `perfkit counter fold`: adds what is pending to the counters.

use std::time::Duration;

use clap::Args;

use crate::cli::{ConnectArgs, parse_duration};
use crate::command::index::apply::{self, pause};
use crate::context::Context;
use crate::counter::backfill::sql::lock_timeout;
use crate::counter::site::Site;
use crate::error::{Error, ExitStatus, Result};
use crate::index::change::failure::{self, Failure};
use crate::pg::Target;
use crate::pg::counter::{batch, facts};
use crate::pg::ddl::{self, Subject, Worker};
use crate::report;
use crate::report::counter::FoldedSite;

/// So many pending changes are looked at in one batch.
const ROWS: u32 = 1_000;
/// So often a batch is tried that somebody is in the way of, and so often one that finds only locked rows.
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
    let timeout = lock_timeout(batch::estimate(&control, &[]).await?.deadlock_timeout);
    let mut folded = Vec::new();
    for site in state.readable_sites().filter(Site::has_pending) {
        folded.push(fold_site(context, worker, site, timeout).await?);
    }
    ddl::unlock(&control, Subject::Counters).await?;
    Ok(folded)
}

async fn fold_site(context: &Context, worker: &Worker, site: Site, timeout: Duration) -> Result<FoldedSite> {
    let (mut n_parents, mut n_orphans, mut n_tries) = (0, 0, 0);
    loop {
        match batch::fold(&worker.connection, &site, ROWS, timeout).await {
            Ok(batch::Folded { n_parents: 0, n_orphans: 0 }) => break,
            Ok(folded) => {
                n_parents += folded.n_parents;
                n_orphans += folded.n_orphans;
                n_tries = 0;
            }
            Err(error) if error.failure() == Failure::Busy && !context.interrupt.is_raised() => {
                n_tries += 1;
                if n_tries == MAX_TRIES {
                    return Err(Error::from(error).context(format!("could not fold {}", site.parent)));
                }
                pause(context, failure::delay(n_tries, 0)).await?;
            }
            Err(error) => return Err(error.into()),
        }
    }
    Ok(FoldedSite { site, n_parents, n_orphans })
}
