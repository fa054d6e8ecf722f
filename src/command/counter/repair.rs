//! `perfkit counter repair`: sets wrong counters right while everybody writes.

use clap::Args;

use super::verify::{patient_target, warn_of_unreadable};
use crate::cli::ConnectArgs;
use crate::command::index::apply;
use crate::context::Context;
use crate::counter::chain;
use crate::counter::site::Site;
use crate::counter::state::State;
use crate::counter::verify::Verdict;
use crate::error::{Error, ExitStatus, Result};
use crate::pg::counter::repair::{self, distinct};
use crate::pg::counter::verify::verify;
use crate::pg::ddl::{self, Subject};
use crate::pg::{Access, Connection};
use crate::report;
use crate::ui::Unit;

/// So many keys of a site are repaired at a time: all of them are held in memory.
const MAX_KEYS: usize = 100_000;
/// After so many times something makes counters wrong faster than they are repaired.
const MAX_ROUNDS: u32 = 100;

/// Set wrong counters right
///
/// Compares counters with what they count, prints what it will set, and asks. Then it counts the children of the wrong rows again,
/// in short batches that lose no change of anybody, and compares once more.
#[derive(Args, Debug)]
pub(crate) struct RepairArgs {
    /// Repair these counters, with those that the same triggers keep [default: all that the database has]
    #[arg(value_name = "TABLE.COLUMN")]
    counters: Vec<String>,
    /// Show so many wrong rows of each counter
    #[arg(long, value_name = "N", default_value_t = 5)]
    examples: usize,
    /// Do not ask
    #[arg(short, long)]
    yes: bool,
    /// Print what would be set and change nothing
    #[arg(long, conflicts_with = "yes")]
    dry_run: bool,
    #[command(flatten)]
    connect: ConnectArgs,
}

pub(crate) async fn run(context: &Context, args: &RepairArgs) -> Result<ExitStatus> {
    let target = patient_target(context, &args.connect)?;
    let mut reader = target.connect(Access::ReadOnly, &context.interrupt).await?;
    reader.require_primary()?;
    let (state, found) = compare(context, &mut reader, &args.counters).await?;
    warn_of_unreadable(context, &state);
    let is_right = found.iter().all(Verdict::is_right);
    if args.dry_run || is_right {
        context.ui.publish(&report::counter::repairs(&found, None, args.examples))?;
        if is_right {
            context.ui.status("there is nothing to repair");
        }
        return Ok(ExitStatus::Success);
    }
    warn_of_what_lasts(context, &found);
    context.ui.notice(report::counter::repair_plan(&found, args.examples).trim_end());
    let n_wrong: u64 = found.iter().flat_map(|verdict| &verdict.totals).map(|total| total.n_drifted).sum();
    if !context.confirm(&format!("Set {n_wrong} counters on {}?", target.label()), args.yes).await? {
        context.ui.status("nothing was changed");
        return Ok(ExitStatus::Success);
    }
    // Nobody must fold meanwhile: what a scan has not seen would be added before the scan's number is written.
    let control = apply::control(context, &target, Subject::Counters).await?;
    let writer = target.connect(Access::ReadWrite, &context.interrupt).await?;
    let (mut state, mut left) = (state, found.clone());
    for _ in 0..MAX_ROUNDS {
        let n_locked = repair_all(context, &writer, &state, &left).await?;
        (state, left) = compare(context, &mut reader, &args.counters).await?;
        if n_locked > 0 {
            context
                .ui
                .warn(format_args!("{n_locked} rows are locked by others for long; run the command again"));
            break;
        }
        if left.iter().all(Verdict::is_right) {
            break;
        }
    }
    ddl::unlock(&control, Subject::Counters).await?;

    context.ui.publish(&report::counter::repairs(&found, Some(&left), args.examples))?;
    Ok(if left.iter().all(Verdict::is_right) { ExitStatus::Success } else { ExitStatus::Findings })
}

async fn compare(
    context: &Context,
    connection: &mut Connection,
    names: &[String],
) -> Result<(State, Vec<Verdict>)> {
    let _spinner = context.ui.spinner("count");
    Ok(verify(connection, names, MAX_KEYS, &context.interrupt).await?)
}

/// What changes go on to be missed for as long as it is so.
fn warn_of_what_lasts(context: &Context, found: &[Verdict]) {
    for verdict in found {
        for (cause, _) in verdict.causes.iter().filter(|(cause, _)| cause.lasts()) {
            context.ui.warn(format_args!(
                "{cause}; until `perfkit counter sync` has put it right, {} goes wrong again",
                verdict.site.parent
            ));
        }
    }
}

/// Repairs the keys that were found, those of counters that others add up first. Returns how many rows stay locked.
async fn repair_all(
    context: &Context,
    connection: &Connection,
    state: &State,
    found: &[Verdict],
) -> Result<usize> {
    // What is pending of a key is put aside for all counters of a site, so that all of them are counted.
    let whole = |site: &Site| state.readable_sites().find(|it| it.is_same_place(site));
    let sites = found.iter().filter(|verdict| !verdict.is_right()).filter_map(|it| whole(&it.site)).collect();
    let sites = chain::in_order(sites).map_err(|error| Error::server(error.to_string()))?;
    let mut n_locked = 0;
    for site in sites {
        let verdicts = found.iter().filter(|verdict| verdict.site.is_same_place(&site));
        let keys = distinct(verdicts.flat_map(|verdict| &verdict.drifted).map(|drifted| drifted.key.clone()));
        let n_keys = keys.len() as u64;
        let bar = context.ui.progress(&format!("repair {}", site.parent), n_keys, Unit::Rows);
        let done = |n| bar.advance(n);
        n_locked += repair::repair(connection, (&site, state), keys, &context.interrupt, done).await?;
    }
    Ok(n_locked)
}
