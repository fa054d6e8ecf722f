//! Asks the planner whether the indexes that findings propose would be used, before they are printed.

use std::collections::BTreeSet;

use crate::catalog::Catalog;
use crate::cli::ProgramsArgs;
use crate::config::Timeouts;
use crate::context::Context;
use crate::error::Result;
use crate::index::{self, Definition, Measures, Size};
use crate::pg::catalog::Surroundings;
use crate::pg::server::Programs;
use crate::pg::shadow::Shadow;
use crate::pg::{Connection, TextValue};
use crate::plan::findings::IndexCheck;
use crate::plan::{Explained, Server};
use crate::query::TableName;

/// Builds a shadow of the database with these indexes.
pub(super) async fn shadow(
    context: &Context,
    programs: &Programs,
    (catalog, surroundings): (&Catalog, &Surroundings),
    candidates: &[(Definition, Size)],
) -> Result<Shadow> {
    let _spinner = context.ui.spinner("copy schema and statistics");
    let timeouts = Timeouts::new(&crate::cli::ConnectArgs::default(), None);
    let known = (catalog, surroundings);
    Ok(Shadow::build(programs, &context.environment, timeouts, &context.interrupt, known, candidates).await?)
}

/// Prices the statement with and without each proposed index, in a shadow. Without server programs on this machine the
/// proposals stay unchecked.
pub(super) async fn check(
    context: &Context,
    programs: &ProgramsArgs,
    connection: &Connection,
    (server, surroundings): (&Server, &Surroundings),
    explained: &mut Explained,
    values: &[TextValue],
) -> Result<()> {
    let Some(sql) = explained.sql.clone() else { return Ok(()) };
    let candidates = candidates(explained, &server.catalog);
    if candidates.is_empty() {
        return Ok(());
    }
    let programs = match context.programs(programs, Some(connection.major())) {
        Ok(programs) => programs,
        Err(error) => {
            context
                .ui
                .warn(format_args!("proposed indexes are not checked with the planner: {}", error.message()));
            return Ok(());
        }
    };
    let mut shadow = shadow(context, &programs, (&server.catalog, surroundings), &candidates).await?;
    let before = match shadow.plan(&BTreeSet::new(), &sql, values).await {
        Ok(answer) => answer.cost,
        Err(error) if error.code().is_some() && !error.is_cancelled() => {
            context.ui.warn(format_args!("proposed indexes are not checked with the planner: {error}"));
            return Ok(());
        }
        Err(error) => return Err(error.into()),
    };
    for (i, (definition, _)) in candidates.iter().enumerate() {
        let answer = shadow.plan(&BTreeSet::from([i]), &sql, values).await?;
        let check = IndexCheck { cost_before: before, cost_after: answer.cost };
        for finding in
            explained.judgement.findings.iter_mut().filter(|it| it.index.as_ref() == Some(definition))
        {
            finding.index_check = Some(check);
        }
    }
    Ok(())
}

/// The distinct indexes that findings propose, of tables that are known.
fn candidates(explained: &Explained, catalog: &Catalog) -> Vec<(Definition, Size)> {
    let definitions: BTreeSet<&Definition> =
        explained.judgement.findings.iter().filter_map(|finding| finding.index.as_ref()).collect();
    definitions
        .into_iter()
        .filter_map(|definition| {
            let name = TableName { schema: Some(definition.schema.clone()), name: definition.table.clone() };
            let size = index::estimate(definition, catalog.table(&name)?, &Measures::default());
            Some((definition.clone(), size))
        })
        .collect()
}
