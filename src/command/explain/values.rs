//! Values for the placeholders of a statement that comes without any.

use crate::catalog::Catalog;
use crate::context::Context;
use crate::error::{Error, Result};
use crate::pg::{self, Connection};
use crate::query;
use crate::sources::{self, Hints};
use crate::workload::{Source, ValueSet, Workload};

/// Returns typical values first, then common and rare ones by the statistics, where they differ; none when the statement
/// has no placeholder.
pub(super) async fn sets(
    context: &Context,
    connection: &Connection,
    catalog: &Catalog,
    sql: &str,
) -> Result<Vec<ValueSet>> {
    if query::placeholder_count(sql) == 0 {
        return Ok(Vec::new());
    }
    let mut workload = Workload::new(Source::CommandLine);
    workload.add(None, sql, Vec::new(), 1.0, None);
    let fail = |reason: &str| {
        Error::usage(format!("the statement {reason}"))
            .hint("Write the value itself, or describe the statement with `params` in perfkit.yaml.")
    };
    if let Some(skipped) = workload.skipped.first() {
        return Err(fail(&skipped.reason));
    }
    let hints = Hints {
        types: vec![pg::explain::parameter_types(connection, sql).await?],
        sampled: sources::sampled(connection, catalog, sql).await?,
        ..Hints::default()
    };
    let sets = sources::value_sets(context, Some(connection), catalog, &workload.statements, &hints).await?;
    sets.into_iter().next().unwrap_or_else(|| Ok(Vec::new())).map_err(|reason| fail(&reason))
}
