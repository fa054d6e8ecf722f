//! Values for the placeholders of a statement that comes without any.

use crate::catalog::Catalog;
use crate::context::Context;
use crate::error::{Error, Result};
use crate::pg::{self, Connection, TextValue};
use crate::query::{self, TableName};
use crate::sources;
use crate::workload::parameter::{ColumnName, Parameter};
use crate::workload::{Source, Statement, Workload};

use super::statements::SEED;

/// A set of values, and what they stand for.
pub(super) type ValueSet = (&'static str, Vec<TextValue>);

/// Returns the statement with what its placeholders are compared with; `None` when it has no placeholder.
pub(super) fn statement(sql: &str, catalog: &Catalog) -> Result<Option<Statement>> {
    if query::placeholder_count(sql) == 0 {
        return Ok(None);
    }
    let mut workload = Workload::new(Source::CommandLine);
    workload.add(None, sql, Vec::new(), 1.0, None);
    sources::infer_parameters(&mut workload, catalog);
    if let Some(skipped) = workload.skipped.first() {
        return Err(Error::usage(format!("the statement {}", skipped.reason))
            .hint("Write the value itself, or describe the statement with `params` in perfkit.yaml."));
    }
    Ok(workload.statements.pop())
}

/// Returns typical values first (of a row taken by chance), then the most common and rare ones by the statistics, where
/// they differ.
pub(super) async fn sets(
    context: &Context,
    connection: &Connection,
    catalog: &Catalog,
    statement: &Statement,
) -> Result<Vec<ValueSet>> {
    let generators =
        sources::generators(context, connection, catalog, std::slice::from_ref(statement), SEED).await?;
    let typical = sources::draw(&generators[0], SEED);
    let (mut common, mut rare) = (typical.clone(), typical.clone());
    for (i, parameter) in statement.parameters.iter().enumerate() {
        let Parameter::From(ColumnName { schema, table, column }) = parameter else { continue };
        let name = TableName { schema: schema.clone(), name: table.clone() };
        let Some(table) = catalog.table(&name) else { continue };
        if let Some(extremes) = pg::sample::extremes(connection, table, column).await? {
            common[i] = extremes.common.map_or_else(|| typical[i].clone(), |value| TextValue(Some(value)));
            rare[i] = extremes.rare.map_or_else(|| typical[i].clone(), |value| TextValue(Some(value)));
        }
    }
    let mut sets: Vec<ValueSet> = vec![("typical", typical)];
    for set in [("most common", common), ("rare", rare)] {
        if sets.iter().all(|(_, values)| *values != set.1) {
            sets.push(set);
        }
    }
    Ok(sets)
}
