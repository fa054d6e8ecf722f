//! What the advice rests on: a database, or a snapshot of one.

use std::path::Path;

use crate::catalog::Catalog;
use crate::cli::WorkloadArgs;
use crate::context::Context;
use crate::error::Result;
use crate::pg::catalog::Surroundings;
use crate::pg::snapshot::Snapshot;
use crate::pg::{self, Connection};
use crate::sources;
use crate::workload::Workload;

pub(super) struct Inputs {
    pub(super) catalog: Catalog,
    pub(super) surroundings: Surroundings,
    /// The server's major version.
    pub(super) major: u32,
    pub(super) workload: Workload,
}

/// Reads a database at one moment, and the workload that the arguments name.
pub(super) async fn of_database(
    context: &Context,
    connection: &mut Connection,
    args: &WorkloadArgs,
) -> Result<Inputs> {
    let (catalog, surroundings) = pg::catalog::load_with_surroundings(connection).await?;
    let workload = sources::load_to_plan(context, &args.workload, Some(connection), &catalog).await?;
    Ok(Inputs { catalog, surroundings, major: connection.major(), workload })
}

/// Reads a snapshot; its own workload counts when the arguments name none.
pub(super) async fn of_snapshot(context: &Context, path: &Path, args: &WorkloadArgs) -> Result<Inputs> {
    let snapshot = Snapshot::read(path)?;
    let has_config = context.config.as_ref().is_some_and(|file| !file.config.workload.statements.is_empty());
    let workload = match snapshot.workload() {
        Some(workload) if args.workload.is_empty() && !has_config => workload,
        _ => sources::load_to_plan(context, &args.workload, None, &snapshot.catalog).await?,
    };
    let Snapshot { catalog, surroundings, major, .. } = snapshot;
    Ok(Inputs { catalog, surroundings, major, workload })
}

impl Inputs {
    /// Saves all that another machine needs to give the same advice.
    pub(super) fn save(&self, path: &Path, redact: bool) -> Result<()> {
        let (catalog, surroundings) = (&self.catalog, &self.surroundings);
        Snapshot::new(catalog, surroundings, self.major, &self.workload, redact).write(path)?;
        Ok(())
    }
}
