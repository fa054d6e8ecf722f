//! The plans of a workload in the source of `--from-stats`, and in the copy.

use crate::catalog::Catalog;
use crate::context::Context;
use crate::error::{Error, Result};
use crate::pg::catalog::Surroundings;
use crate::pg::shadow::{self, Shadow};
use crate::pg::{self, Connection, TextValue, explain};
use crate::plan;
use crate::plan::outline::{Pair, outline};
use crate::seed::stats::counterpart::Counterparts;
use crate::sources::{self, Hints};
use crate::workload::{ParameterType, Workload};

/// A workload with the plans of the source.
pub(super) struct Planned {
    /// The source.
    pub(super) known: (Catalog, Surroundings),
    pub(super) cases: Vec<Case>,
}

/// A statement with one set of values, and its plan.
pub(super) struct Case {
    statement: String,
    label: String,
    sql: String,
    values: Vec<Option<String>>,
    outline: Result<Vec<String>, String>,
}

/// What plans for the source.
pub(super) enum Planner<'p> {
    Database(&'p Connection),
    Shadow(Box<Shadow>),
}

impl Planner<'_> {
    /// Plans each statement of a workload with its sets of values, which are chosen from statistics alone.
    pub(super) async fn cases(
        &mut self,
        context: &Context,
        mut workload: Workload,
        catalog: &Catalog,
    ) -> Result<Vec<Case>> {
        let (mut statements, mut hints) = (Vec::new(), Hints::default());
        for statement in std::mem::take(&mut workload.statements) {
            match self.parameter_types(&statement.sql).await {
                Ok(types) => {
                    hints.types.push(types);
                    statements.push(statement);
                }
                Err(error) => workload.skip(&statement.sql, &sources::reason(context, error)?),
            }
        }
        let sets = sources::value_sets(context, None, catalog, &statements, &hints).await?;
        let mut cases = Vec::new();
        for (statement, sets) in statements.into_iter().zip(sets) {
            let sets = match sets {
                Ok(sets) => sets,
                Err(reason) => {
                    workload.skip(&statement.sql, &reason);
                    continue;
                }
            };
            for set in sets {
                let outline = shape(context, self.explain(&statement.sql, &set.values).await)?;
                cases.push(Case {
                    statement: statement.name.clone(),
                    label: set.label,
                    sql: statement.sql.clone(),
                    values: set.values,
                    outline,
                });
            }
        }
        sources::report_left_out(context, &workload.skipped);
        if cases.is_empty() {
            return Err(sources::nothing_left(&workload.skipped));
        }
        Ok(cases)
    }

    async fn parameter_types(&mut self, sql: &str) -> pg::Result<Vec<ParameterType>> {
        match self {
            Self::Database(connection) => explain::parameter_types(connection, sql).await,
            Self::Shadow(shadow) => shadow.parameter_types(sql).await,
        }
    }

    async fn explain(&mut self, sql: &str, values: &[Option<String>]) -> pg::Result<String> {
        let values: Vec<TextValue> = values.iter().cloned().map(TextValue).collect();
        match self {
            Self::Database(connection) => explain::estimate_verbosely(connection, sql, &values).await,
            Self::Shadow(shadow) => shadow.explain(sql, &values).await,
        }
    }
}

impl Planned {
    /// Plans the same in the copy, which is `measured`, with the counterparts of all values and the settings of the source.
    pub(super) async fn compare(
        &self,
        context: &Context,
        connection: &Connection,
        measured: &Catalog,
    ) -> Result<Vec<Pair>> {
        let (catalog, surroundings) = &self.known;
        shadow::plan_as(connection, (catalog, surroundings)).await?;
        let counterparts = Counterparts { source: catalog, copy: measured };
        let mut pairs = Vec::new();
        for case in &self.cases {
            let sql = counterparts.statement(&case.sql);
            let values = counterparts.parameters(&case.sql, &case.values);
            let values: Vec<TextValue> = values.into_iter().map(TextValue).collect();
            pairs.push(Pair {
                statement: case.statement.clone(),
                values: case.label.clone(),
                source: case.outline.clone(),
                copy: shape(context, explain::estimate_verbosely(connection, &sql, &values).await)?,
            });
        }
        Ok(pairs)
    }
}

/// Returns the outline of a plan, or why the server makes none.
fn shape(context: &Context, explained: pg::Result<String>) -> Result<Result<Vec<String>, String>> {
    let json = match explained {
        Ok(json) => json,
        Err(error) => return sources::reason(context, error).map(Err),
    };
    let reading = plan::read::plans(json.as_bytes())
        .map_err(|error| Error::server("could not read a plan of the server").cause(error))?;
    Ok(Ok(reading.plans.first().map(outline).unwrap_or_default()))
}
