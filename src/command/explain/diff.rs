//! `perfkit explain diff`: compares two plans of a statement.

use std::path::{Path, PathBuf};

use clap::Args;

use super::read_plans;
use crate::context::Context;
use crate::error::{Error, ExitStatus, Result};
use crate::plan::Explained;
use crate::plan::diff::diff;
use crate::report;

/// Compare two plans of a statement: what changed, and the likely cause
///
/// Exits with status 1 if the second plan is worse in what does not depend on the moment: access paths, spills,
/// buffers, cost, estimates.
#[derive(Args, Debug)]
pub(crate) struct DiffArgs {
    /// The plan before, in any format of EXPLAIN or as `perfkit explain --json` wrote it
    #[arg(value_name = "BEFORE")]
    before: PathBuf,
    /// The plan after
    #[arg(value_name = "AFTER")]
    after: PathBuf,
}

pub(crate) fn run(context: &Context, args: &DiffArgs) -> Result<ExitStatus> {
    let before = one_plan(context, &args.before)?;
    let after = one_plan(context, &args.after)?;

    let difference = diff(&before, &after);

    context.ui.publish(&report::diff::document(&before, &after, &difference, context.ui.style()))?;
    Ok(if difference.is_regression() { ExitStatus::Findings } else { ExitStatus::Success })
}

fn one_plan(context: &Context, path: &Path) -> Result<Explained> {
    let mut plans = read_plans(context, path)?;
    match (plans.pop(), plans.len()) {
        (Some(plan), 0) => Ok(plan),
        (_, others) => {
            Err(Error::usage(format!("{:?} holds {} plans instead of one", path.display(), others + 1))
                .hint("Put each plan into a file of its own."))
        }
    }
}
