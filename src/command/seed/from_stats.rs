//! `--from-stats`: where the statistics come from that the rows are to have.

use std::path::Path;

use crate::cli::ConnectArgs;
use crate::context::Context;
use crate::error::{Error, Result};
use crate::pg::conninfo::Conninfo;
use crate::pg::snapshot::Snapshot;
use crate::pg::{self, Access};
use crate::seed::stats::joint;
use crate::seed::stats::source::Source;
use crate::seed::time::POSTGRES_EPOCH_US;
use crate::sources;

/// Reads the statistics of a database by its URL, or of a snapshot file. Of a database nothing else is read.
pub(super) async fn read(
    context: &Context,
    connect: &ConnectArgs,
    from: &str,
    kept: &[String],
) -> Result<Source> {
    let path = Path::new(from);
    let (catalog, surroundings) = if path.is_file() {
        let snapshot = Snapshot::read(path)?;
        (snapshot.catalog, snapshot.surroundings)
    } else {
        // It may hold a password, and is not shown.
        let conninfo = Conninfo::parse(from).map_err(|error| {
            Error::usage("what `--from-stats` names is neither a file nor a connection string")
                .cause(error)
                .hint("Give `--from-stats` a file of `perfkit index suggest --snapshot`, or postgresql://user@host/database.")
        })?;
        let target = context.another_target(connect, conninfo)?;
        let mut connection = target.connect(Access::ReadOnly, &context.interrupt).await?;
        pg::catalog::load_with_surroundings(&mut connection).await?
    };
    let mut source = Source::new(&catalog, kept, sources::now_us() - POSTGRES_EPOCH_US);
    if let [column, ..] = &source.unknown_kept()[..] {
        return Err(Error::usage(format!("the source has no statistics of column {column:?}"))
            .hint("Write columns after `--keep-values` as table.column, with commas between."));
    }
    for object in surroundings.extended_statistics.iter().filter(|object| !object.inherited) {
        let hex = object.dependencies.as_deref();
        if let Some(dependencies) = hex.and_then(|hex| joint::dependencies(hex, &object.columns)) {
            source.add(&object.table_schema, &object.table, dependencies);
        }
    }
    Ok(source)
}
