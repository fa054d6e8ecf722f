//! `perfkit counter add`: makes columns with the triggers that keep them, and counts what is there.

use clap::Args;

use super::execute::Work;
use super::wishes::{self, Decided, ModeArgs, WishArgs};
use super::{ChangeArgs, Job, carry_out};
use crate::command::migration::{self, MigrationArgs};
use crate::context::Context;
use crate::counter::check::{Note, notes};
use crate::counter::migration as migrated;
use crate::counter::plan::{Goal, plan};
use crate::error::{Error, ExitStatus, Result};
use crate::pg::counter::load;
use crate::pg::{Access, journal};
use crate::report;

/// Add columns that count rows of another table, and stay right
///
/// Prints every step with the lock that it takes, asks, and does one after the other: the column, the triggers, the default,
/// then the rows in small batches while everybody writes, then NOT NULL. What is there is skipped: a run that was cut short is
/// completed by running it again.
#[derive(Args, Debug)]
pub(crate) struct AddArgs {
    #[command(flatten)]
    wish: WishArgs,
    #[command(flatten)]
    mode: ModeArgs,
    #[command(flatten)]
    change: ChangeArgs,
    #[command(flatten)]
    migration: MigrationArgs,
}

pub(crate) async fn run(context: &Context, args: &AddArgs) -> Result<ExitStatus> {
    let asked = args.wish.asked(context, Some(&args.mode))?;
    let target = context.target(&args.change.connect)?;
    let mut connection = target.connect(Access::ReadWrite, &context.interrupt).await?;
    connection.require_primary()?;
    if let Some(query) = &args.change.pace.pause_when {
        load::answer(&connection, query).await?;
    }
    let Decided { sites, state, names } = wishes::decide(&mut connection, &asked).await?;
    let told = journal::told_of_counters(&connection).await?;
    drop(connection);
    let goals: Vec<Goal> = sites.iter().cloned().map(Goal::Have).collect();
    let steps = plan(&goals, &state, &told.counted);
    let mut said: Vec<Note> = Vec::new();
    for note in sites.iter().flat_map(|site| notes(site, &state)) {
        if !said.contains(&note) {
            said.push(note);
        }
    }

    if args.migration.is_wanted() {
        let written = migration::write(&args.migration, |framework, place| {
            migrated::files(framework, (&steps, &sites), &state, place)
                .map_err(|error| Error::usage(error.to_string()).hint(error.hint()))
        })?;
        context.ui.publish(&report::counter::planned(&steps, &said))?;
        for path in written {
            context.ui.status(format_args!("migration: {}", path.display()));
        }
        return Ok(ExitStatus::Success);
    }
    let nothing = "everything is as it is wanted to be";
    let job = Job { work: Work::Goals(goals), names, steps, notes: said, sites, nothing };
    carry_out(context, &target, job, &args.change).await
}
