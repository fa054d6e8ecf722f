//! `perfkit counter status`, `pause` and `resume`: a run seen from another terminal.

use clap::Args;

use crate::cli::ConnectArgs;
use crate::context::Context;
use crate::counter::journal::{Entry, History, Order};
use crate::error::{Error, ExitStatus, Result};
use crate::index::change::IndexName;
use crate::pg::journal::{self, Journal, Life};
use crate::pg::{Access, Connection};
use crate::report;
use crate::report::counter::Seen;
use crate::sources;

/// Show how far runs are that count
#[derive(Args, Debug)]
pub(crate) struct StatusArgs {
    #[command(flatten)]
    connect: ConnectArgs,
}

/// Which run is to wait, or to go on.
///
/// It is heard after at most a second, between two batches; triggers keep everything right meanwhile.
#[derive(Args, Debug)]
pub(crate) struct OrderArgs {
    /// The run; without it, the one that is under way
    run: Option<String>,
    #[command(flatten)]
    connect: ConnectArgs,
}

pub(super) async fn status(context: &Context, args: &StatusArgs) -> Result<ExitStatus> {
    let connection = context.connect(&args.connect, Access::ReadOnly).await?;
    let told = journal::told_of_counters(&connection).await?;
    let newest = told.runs.last().map(|history| history.run.id.clone());
    let mut seen = Vec::new();
    for history in &told.runs {
        if history.end.is_none() || Some(&history.run.id) == newest.as_ref() {
            seen.push(Seen { history, is_alive: is_alive(&connection, history).await? });
        }
    }
    if seen.is_empty() {
        context.ui.status("no run has counted anything in this database");
    }
    context.ui.publish(&report::counter::status(&seen))?;
    Ok(ExitStatus::Success)
}

pub(super) async fn pause(context: &Context, args: &OrderArgs) -> Result<ExitStatus> {
    order(context, args, Order::Pause).await
}

pub(super) async fn resume(context: &Context, args: &OrderArgs) -> Result<ExitStatus> {
    order(context, args, Order::Resume).await
}

async fn order(context: &Context, args: &OrderArgs, order: Order) -> Result<ExitStatus> {
    let target = context.target(&args.connect)?;
    let connection = target.connect(Access::ReadOnly, &context.interrupt).await?;
    connection.require_primary()?;
    let told = journal::told_of_counters(&connection).await?;
    let mut open = Vec::new();
    for history in told.runs.iter().filter(|history| history.end.is_none()) {
        let is_asked = args.run.as_ref().is_none_or(|run| history.run.id.0 == *run);
        if is_asked && is_alive(&connection, history).await? {
            open.push(history);
        }
    }
    let Some(history) = open.pop() else {
        return Err(Error::usage("no such run is under way")
            .hint("`perfkit counter status` shows what is; a run that was cut short goes on when its command is run again."));
    };
    let mut journal = Journal::open_of_counters(&target, &context.interrupt).await?;
    let run = history.run.id.clone();
    journal.append(&[Entry::Order { run: run.clone(), order, at_us: sources::now_us() }]).await?;
    context.ui.status(match order {
        Order::Pause => format!("run {run} waits after its batch"),
        Order::Resume => format!("run {run} goes on"),
    });
    Ok(ExitStatus::Success)
}

/// Whether the session of a run is there; one that has not begun to count may be.
async fn is_alive(connection: &Connection, history: &History) -> Result<bool> {
    let Some(progress) = &history.progress else { return Ok(history.end.is_none()) };
    let Some(session) = &progress.session else { return Ok(false) };
    let (schema, table) = (progress.parent.schema.clone(), progress.parent.name.clone());
    let on = IndexName { schema, name: String::new(), table };
    Ok(journal::life(connection, session, &on).await? != Life::Over)
}
