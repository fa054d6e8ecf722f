//! `perfkit counter verify`: compares counters with what they count.

use clap::Args;

use crate::cli::ConnectArgs;
use crate::context::{Context, LONG_STATEMENT_TIMEOUT};
use crate::counter::state::State;
use crate::counter::verify::Verdict;
use crate::error::{ExitStatus, Result};
use crate::pg::counter::verify::verify;
use crate::pg::{Access, Target};
use crate::report;

/// Wrong counters that are looked at for what they have in common.
const MIN_KEYS: usize = 100;

/// Compare counters with what they count
///
/// Takes one snapshot and no locks that anybody waits for; a standby will do, and writers are no disturbance. Says which
/// parents are wrong, by how much, and the likely cause. Exits with status 1 if any is wrong.
#[derive(Args, Debug)]
pub(crate) struct VerifyArgs {
    /// Compare these counters only [default: all that the database has]
    #[arg(value_name = "TABLE.COLUMN")]
    counters: Vec<String>,
    /// Show so many wrong rows of each counter
    #[arg(long, value_name = "N", default_value_t = 5)]
    examples: usize,
    #[command(flatten)]
    connect: ConnectArgs,
}

pub(crate) async fn run(context: &Context, args: &VerifyArgs) -> Result<ExitStatus> {
    let target = patient_target(context, &args.connect)?;
    let mut connection = target.connect(Access::ReadOnly, &context.interrupt).await?;
    let (state, verdicts) = {
        let _spinner = context.ui.spinner("count");
        // Counters of one site share their rows.
        verify(&mut connection, &args.counters, args.examples.max(MIN_KEYS), &context.interrupt).await?
    };

    warn_of_unreadable(context, &state);
    context.ui.publish(&report::counter::verdicts(&verdicts, args.examples))?;
    if verdicts.is_empty() {
        context.ui.status("this database has no counters");
    }
    let is_right = verdicts.iter().all(Verdict::is_right);
    Ok(if is_right { ExitStatus::Success } else { ExitStatus::Findings })
}

/// Counting takes as long as it takes.
pub(super) fn patient_target(context: &Context, connect: &ConnectArgs) -> Result<Target> {
    let target = context.target(connect)?;
    let has_own_timeout = connect.statement_timeout.is_some();
    Ok(if has_own_timeout { target } else { target.with_statement_timeout(LONG_STATEMENT_TIMEOUT) })
}

pub(super) fn warn_of_unreadable(context: &Context, state: &State) {
    for (function, site) in state.sites() {
        if let Err(reason) = site {
            context.ui.warn(format_args!("function {} cannot be read: {reason}", function.name));
        }
    }
}
