//! `perfkit counter sync`: brings the triggers of all counters to where they should be.

use clap::Args;

use super::execute::Work;
use super::{ChangeArgs, Job, carry_out};
use crate::context::Context;
use crate::counter::plan::{Goal, plan};
use crate::error::{ExitStatus, Result};
use crate::pg::counter::facts;
use crate::pg::{Access, journal};

/// Put the triggers of all counters where they are missing, as on new partitions
///
/// A row that came into a partition by its own name before it had triggers is not counted; `perfkit counter verify` finds it.
#[derive(Args, Debug)]
pub(crate) struct SyncArgs {
    #[command(flatten)]
    change: ChangeArgs,
}

pub(super) async fn run(context: &Context, args: &SyncArgs) -> Result<ExitStatus> {
    let target = context.target(&args.change.connect)?;
    let mut connection = target.connect(Access::ReadOnly, &context.interrupt).await?;
    connection.require_primary()?;
    let state = facts::load(&mut connection, &[]).await?;
    let told = journal::told_of_counters(&connection).await?;
    drop(connection);
    let mut sites = Vec::new();
    for (function, site) in state.sites() {
        match site {
            Ok(site) => sites.push(site),
            Err(reason) => {
                context.ui.warn(format_args!("function {} cannot be read: {reason}", function.name));
            }
        }
    }
    let goals: Vec<Goal> = sites.iter().cloned().map(Goal::Have).collect();
    let steps = plan(&goals, &state, &told.counted);

    let job = Job {
        work: Work::Goals(goals),
        names: Vec::new(),
        steps,
        notes: Vec::new(),
        sites,
        nothing: "all triggers are where they should be",
    };
    carry_out(context, &target, job, &args.change).await
}
