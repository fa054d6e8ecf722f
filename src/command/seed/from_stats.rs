//! `--from-stats`: where the statistics come from that the rows are to have.

use std::path::Path;

use super::SeedArgs;
use super::plans::{Planned, Planner};
use crate::catalog::Catalog;
use crate::command::index::suggest::shadow;
use crate::context::Context;
use crate::error::{Error, Result};
use crate::pg::catalog::ExtendedStatistics;
use crate::pg::conninfo::Conninfo;
use crate::pg::snapshot::Snapshot;
use crate::pg::{self, Access, Connection};
use crate::seed::stats::combined::Combinations;
use crate::seed::stats::delta::Found;
use crate::seed::stats::joint;
use crate::seed::stats::source::Source;
use crate::seed::time::POSTGRES_EPOCH_US;
use crate::sources;

/// What is taken from the source.
pub(super) struct Origin {
    pub(super) statistics: Source,
    /// With `--workload`.
    pub(super) planned: Option<Planned>,
}

/// Returns the most common combinations of columns; `None` where there are none, or some of expressions.
fn combinations(object: &ExtendedStatistics) -> Option<Combinations> {
    let is_readable = object.expressions.is_empty() && !object.most_common.is_empty();
    is_readable.then(|| Combinations {
        columns: object.columns.iter().map(|(_, name)| name.clone()).collect(),
        items: object.most_common.iter().map(|item| (item.values.clone(), item.frequency)).collect(),
    })
}

/// Returns the most common combinations that ANALYZE has found in a database, by schema and table.
pub(super) async fn found(connection: &mut Connection) -> Result<(Catalog, Found)> {
    let (catalog, surroundings) = pg::catalog::load_with_surroundings(connection).await?;
    let objects = surroundings.extended_statistics.iter().filter(|object| !object.inherited);
    let found = objects.filter_map(|object| {
        Some((object.table_schema.clone(), object.table.clone(), combinations(object)?))
    });
    Ok((catalog, found.collect()))
}

/// Reads the statistics of a database by its URL, or of a snapshot file. Of a database nothing else is read. A workload is planned
/// there, or in a shadow of the snapshot.
pub(super) async fn read(context: &Context, args: &SeedArgs, from: &str) -> Result<Origin> {
    let path = Path::new(from);
    let (known, connection, major) = if path.is_file() {
        let snapshot = Snapshot::read(path)?;
        ((snapshot.catalog, snapshot.surroundings), None, snapshot.major)
    } else {
        // It may hold a password, and is not shown.
        let conninfo = Conninfo::parse(from).map_err(|error| {
            Error::usage("what `--from-stats` names is neither a file nor a connection string")
                .cause(error)
                .hint("Give `--from-stats` a file of `perfkit index suggest --snapshot`, or postgresql://user@host/database.")
        })?;
        let target = context.another_target(&args.connect, conninfo)?;
        let mut connection = target.connect(Access::ReadOnly, &context.interrupt).await?;
        let known = pg::catalog::load_with_surroundings(&mut connection).await?;
        let major = connection.major();
        (known, Some(connection), major)
    };
    let (catalog, surroundings) = &known;
    let mut statistics = Source::new(catalog, &args.keep_values, sources::now_us() - POSTGRES_EPOCH_US);
    if let [column, ..] = &statistics.unknown_kept()[..] {
        return Err(Error::usage(format!("the source has no statistics of column {column:?}"))
            .hint("Write columns after `--keep-values` as table.column, with commas between."));
    }
    for object in surroundings.extended_statistics.iter().filter(|object| !object.inherited) {
        let (dependencies, groups) = (object.dependencies.as_deref(), object.n_distinct.as_deref());
        let dependencies = dependencies.and_then(|hex| joint::dependencies(hex, &object.columns));
        let groups = groups.and_then(|hex| joint::groups(hex, &object.columns));
        let table = (object.table_schema.as_str(), object.table.as_str());
        let (dependencies, groups) = (dependencies.unwrap_or_default(), groups.unwrap_or_default());
        statistics.add(table, dependencies, groups, combinations(object));
    }
    if args.workload.is_empty() {
        return Ok(Origin { statistics, planned: None });
    }
    let workload = sources::load_to_plan(context, &args.workload, connection.as_ref(), catalog).await?;
    let mut planner = match &connection {
        Some(connection) => Planner::Database(connection),
        None => {
            Planner::Shadow(Box::new(shadow(context, &args.programs, major, (catalog, surroundings)).await?))
        }
    };
    let cases = planner.cases(context, workload, catalog).await?;
    drop(planner);
    Ok(Origin { statistics, planned: Some(Planned { known, cases }) })
}
