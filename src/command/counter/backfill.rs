//! `perfkit counter backfill`: counts for columns and triggers that somebody else has made.

use clap::Args;

use super::execute::Work;
use super::wishes::{self, Decided, WishArgs};
use super::{ChangeArgs, Job, carry_out};
use crate::context::Context;
use crate::counter::backfill::{Due, Protocol};
use crate::counter::keepers::{Gap, gaps, writers};
use crate::counter::site::{QualifiedName, Site};
use crate::counter::state::State;
use crate::counter::steps::{Action, Step};
use crate::error::{Error, ExitStatus, Result};
use crate::pg::counter::keepers::keepers;
use crate::pg::counter::load;
use crate::pg::{Access, Connection, journal, stat};
use crate::sources;

/// Count for a column that a framework's migration has made
///
/// Runs the batches of `perfkit counter add` alone: they lose no change of triggers, or of an application, that updates the
/// parent's row in the transaction of the change. Says so, with exit status 1, where nothing in the database keeps the column;
/// `pg_stat_statements`, where it is there, tells which statements of the application do, and what they leave open.
#[derive(Args, Debug)]
pub(crate) struct BackfillArgs {
    #[command(flatten)]
    wish: WishArgs,
    #[command(flatten)]
    change: ChangeArgs,
}

pub(super) async fn run(context: &Context, args: &BackfillArgs) -> Result<ExitStatus> {
    let asked = args.wish.asked(context, None)?;
    let target = context.target(&args.change.connect)?;
    let mut connection = target.connect(Access::ReadWrite, &context.interrupt).await?;
    connection.require_primary()?;
    if let Some(query) = &args.change.pace.pause_when {
        load::answer(&connection, query).await?;
    }
    let Decided { sites, state, names } = wishes::decide(&mut connection, &asked).await?;
    for site in &sites {
        refuse(site, &state)?;
    }
    let gaps = missing(&connection, &sites, &state).await?;
    // What was counted before, this counts again.
    journal::told_of_counters(&connection).await?;
    drop(connection);

    for gap in &gaps {
        context.ui.warn(gap);
    }
    let steps: Vec<Step> = sites.iter().map(step).collect();
    let is_sure = gaps.is_empty();
    let work = Work::Steps(steps.clone());
    let job = Job { work, names, steps, notes: Vec::new(), sites, nothing: "nothing is to be counted" };
    let status = carry_out(context, &target, job, &args.change).await?;
    Ok(if is_sure { status } else { ExitStatus::Findings })
}

fn step(site: &Site) -> Step {
    let action =
        Action::Backfill { site: Box::new(site.clone()), due: Due::All, protocol: Protocol::LockThenCount };
    Step { action, on: site.parent.clone(), sql: Vec::new(), lock: None }
}

fn refuse(site: &Site, state: &State) -> Result<()> {
    let QualifiedName { schema, name } = &site.parent;
    let table = state.table(&site.parent);
    let is_missing = |column: &str| table.and_then(|table| table.column(column)).is_none();
    if let Some(counter) = site.counters.iter().find(|counter| is_missing(&counter.column)) {
        return Err(Error::usage(format!("{schema}.{name} has no column \"{}\"", counter.column))
            .hint("`perfkit counter add` makes it, with the triggers that keep it."));
    }
    if site.has_pending() {
        return Err(Error::usage(format!("counters of {} are kept in mode {}", site.parent, site.mode))
            .hint("`perfkit counter add` counts what is left to count of them."));
    }
    if !state.has_key_index(site) {
        let columns: Vec<&str> = site.key.iter().map(|pair| pair.child.as_str()).collect();
        let columns = columns.join(", ");
        return Err(Error::usage(format!("{} has no index that begins with ({columns})", site.child))
            .cause("each batch would read the whole table")
            .hint(format!("CREATE INDEX CONCURRENTLY ON {} ({columns}).", site.child)));
    }
    Ok(())
}

/// Returns what nothing in the database does for the columns; those that perfkit keeps need nobody else.
async fn missing(connection: &Connection, sites: &[Site], state: &State) -> Result<Vec<Gap>> {
    let statements = stat::writes(connection).await?;
    let statements: Vec<&str> = statements.iter().map(String::as_str).collect();
    let mut missing = Vec::new();
    for site in sites {
        let installed = state.installed(site);
        let is_kept = |column: &str| installed.as_ref().is_some_and(|there| there.counter(column).is_some());
        for counter in site.counters.iter().filter(|counter| !is_kept(&counter.column)) {
            let there = keepers(connection, &site.child, &counter.column).await?;
            let mut writers = writers(&statements, site, &counter.column);
            for writer in &mut writers {
                writer.sql = sources::one_line(&writer.sql);
            }
            missing.extend(gaps(&site.child.to_string(), &counter.column, &there, &writers));
        }
    }
    Ok(missing)
}
