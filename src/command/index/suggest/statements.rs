//! The workload's statements as the planner is asked about them: with sets of values, and with the checks that foreign
//! keys add behind the scenes.

use std::collections::{BTreeMap, BTreeSet};

use super::engine::Engine;
use crate::catalog::{Catalog, Table};
use crate::command::index::verify;
use crate::context::Context;
use crate::error::Result;
use crate::index::candidates::{self, ForeignKeyCheck, Written};
use crate::index::{Answer, Touched, Writes};
use crate::pg::shadow::{Question, Shadow};
use crate::pg::{self, Connection, TextValue, explain};
use crate::query::{self, StatementShape};
use crate::sources::{self, Hints};
use crate::workload::{Skipped, Source, Statement, StatementKind, ValueSet, Workload};

/// What is known of the database.
#[derive(Clone, Copy)]
pub(super) struct Known<'k> {
    pub(super) catalog: &'k Catalog,
    /// `None` when all there is is a snapshot.
    pub(super) connection: Option<&'k Connection>,
}

/// A statement of the workload, or what a foreign key makes of one.
pub(super) struct Planned {
    pub(super) statement: Statement,
    pub(super) shape: StatementShape,
    /// Whether the server runs it on its own, when a referenced row goes or changes.
    pub(super) is_foreign_key_check: bool,
}

/// A statement with one set of values.
#[derive(Clone)]
pub(super) struct Case<'p> {
    /// Its number among the planned statements.
    pub(super) statement: usize,
    pub(super) sql: &'p str,
    pub(super) label: String,
    /// Share of the statement's runs; those of one statement sum up to 1.
    pub(super) weight: f64,
    pub(super) values: Vec<TextValue>,
}

/// Takes the workload's statements apart and asks the server what their parameters are. Those that the server does not
/// take are moved to the skipped ones.
pub(super) async fn prepare(
    context: &Context,
    known: &Known<'_>,
    shadow: &mut Option<Shadow>,
    workload: &mut Workload,
) -> Result<(Vec<Planned>, Hints)> {
    let (mut planned, mut hints) = (Vec::new(), Hints::default());
    for statement in std::mem::take(&mut workload.statements) {
        match parameter_types(known, shadow, &statement.sql).await {
            Ok(types) => {
                let shape = query::parse(&statement.sql).expect("a workload's statements parse");
                let shape = shape.shape(known.catalog);
                hints.types.push(types);
                planned.push(Planned { statement, shape, is_foreign_key_check: false });
            }
            Err(error) => workload.skip(&statement.sql, &sources::reason(context, error)?),
        }
    }
    if let Some(connection) = known.connection {
        if workload.source == Source::PgStatStatements {
            let statements: Vec<Statement> = planned.iter().map(|it| it.statement.clone()).collect();
            hints.observed = pg::stat::observed(connection, &statements).await?;
        }
        for planned in &planned {
            let sampled = sources::sampled(connection, known.catalog, &planned.statement.sql).await?;
            hints.sampled.extend(sampled);
        }
    }
    Ok((planned, hints))
}

async fn parameter_types(
    known: &Known<'_>,
    shadow: &mut Option<Shadow>,
    sql: &str,
) -> pg::Result<Vec<crate::workload::ParameterType>> {
    match (shadow, known.connection) {
        (Some(shadow), _) => shadow.parameter_types(sql).await,
        (None, Some(connection)) => explain::parameter_types(connection, sql).await,
        (None, None) => Ok(Vec::new()),
    }
}

/// Adds what the server runs for foreign keys when the workload deletes or changes referenced rows, and returns what the
/// workload writes to each table, by its oid.
///
/// For a redesign, foreign keys of the tables that the workload names are looked after also where it writes no parents:
/// these checks weigh nothing, but they must not get dearer.
pub(super) async fn add_foreign_key_checks(
    context: &Context,
    known: &Known<'_>,
    shadow: &mut Option<Shadow>,
    planned: &mut Vec<Planned>,
    hints: &mut Hints,
    redesigned: Option<&Touched<'_>>,
) -> Result<BTreeMap<u32, Writes>> {
    let mut written: Vec<Written> = Vec::new();
    for (number, it) in planned.iter().enumerate() {
        let writes = query::parse(&it.statement.sql).map(|parsed| parsed.writes()).unwrap_or_default();
        if writes.is_empty() {
            continue;
        }
        let n_rows = it.statement.weight * written_rows(context, known, shadow, hints, number, it).await?;
        written.extend(writes.into_iter().filter_map(|write| {
            let table = known.catalog.table(&write.table)?.oid;
            Some(Written { table, kind: write.kind, columns: write.columns, n_rows })
        }));
    }
    let is_named = |table: &Table| redesigned.is_some_and(|touched| touched.names(table));
    let children = known.catalog.tables.iter().filter(|table| is_named(table));
    let parents: BTreeSet<u32> = children
        .flat_map(|table| &table.constraints)
        .filter_map(|constraint| Some(constraint.references.as_ref()?.table))
        .collect();
    written.extend(parents.into_iter().map(|table| Written {
        table,
        kind: StatementKind::Delete,
        columns: Vec::new(),
        n_rows: 0.0,
    }));
    for ForeignKeyCheck { name, sql, kind, shape, weight } in
        candidates::foreign_key_checks(&written, known.catalog)
    {
        let mut children = shape.uses.iter().filter_map(|table_use| known.catalog.table(&table_use.table));
        if weight <= 0.0 && !children.any(is_named) {
            continue;
        }
        let Ok(types) = parameter_types(known, shadow, &sql).await else { continue };
        hints.types.push(types);
        let statement =
            Statement { name, sql, kind, parameters: Vec::new(), weight, mean_ms: None, is_observed: false };
        planned.push(Planned { statement, shape, is_foreign_key_check: true });
    }
    Ok(by_table(written))
}

/// Returns how many rows a run of the statement writes, by the planner's estimate.
async fn written_rows(
    context: &Context,
    known: &Known<'_>,
    shadow: &mut Option<Shadow>,
    hints: &Hints,
    number: usize,
    planned: &Planned,
) -> Result<f64> {
    let own = Hints {
        types: vec![hints.types[number].clone()],
        sampled: hints.sampled.clone(),
        ..Hints::default()
    };
    let statements = std::slice::from_ref(&planned.statement);
    let sets = sources::value_sets(context, known.connection, known.catalog, statements, &own).await?;
    let values = sets.into_iter().next().and_then(|sets| sets.ok()?.into_iter().next());
    let values: Vec<TextValue> =
        values.map(|set| set.values.into_iter().map(TextValue).collect()).unwrap_or_default();
    let sql = &planned.statement.sql;
    let plan = match (shadow, known.connection) {
        (Some(shadow), _) => shadow.explain(sql, &values).await,
        (None, Some(connection)) => explain::estimate(connection, sql, &values).await,
        (None, None) => return Ok(1.0),
    };
    match plan {
        Ok(plan) => Ok(explain::written_rows(&plan).unwrap_or(1.0)),
        // It is skipped with this reason when its value sets are planned.
        Err(error) => sources::reason(context, error).map(|_| 1.0),
    }
}

fn by_table(written: Vec<Written>) -> BTreeMap<u32, Writes> {
    let mut by_table: BTreeMap<u32, Writes> = BTreeMap::new();
    for write in written {
        let writes = by_table.entry(write.table).or_default();
        match write.kind {
            StatementKind::Insert => writes.inserts += write.n_rows,
            StatementKind::Delete => writes.deletes += write.n_rows,
            _ => writes.updates.push((write.columns.into_iter().collect(), write.n_rows)),
        }
    }
    by_table
}

/// Returns a case for each set of values of each statement, the members that each statement's plans use today, and the
/// statements that cannot be planned.
pub(super) async fn cases<'p>(
    context: &Context,
    known: &Known<'_>,
    planned: &'p [Planned],
    hints: &Hints,
    engine: &mut Engine,
) -> Result<(Vec<Case<'p>>, BTreeMap<usize, BTreeSet<usize>>, Vec<Skipped>)> {
    let statements: Vec<Statement> = planned.iter().map(|planned| planned.statement.clone()).collect();
    let sets = sources::value_sets(context, known.connection, known.catalog, &statements, hints).await?;
    let (mut cases, mut skipped) = (Vec::new(), Vec::new());
    for (statement, (planned, sets)) in planned.iter().zip(sets).enumerate() {
        let sql = planned.statement.sql.as_str();
        match sets {
            Ok(sets) => cases.extend(sets.into_iter().map(|set| {
                let values = set.values.into_iter().map(TextValue).collect();
                Case { statement, sql, label: set.label, weight: set.weight, values }
            })),
            Err(reason) => skipped.push(Skipped { sql: sql.to_owned(), reason }),
        }
    }
    // A constant that its type does not take fails as late as when it is planned. Mostly none does.
    let mut used: BTreeMap<usize, BTreeSet<usize>> = BTreeMap::new();
    let mut remember = |cases: &[Case], answers: Vec<Answer>| {
        for (case, answer) in cases.iter().zip(answers) {
            used.entry(case.statement).or_default().extend(answer.used);
        }
    };
    if let Ok(answers) = plan(context, &cases, engine).await? {
        remember(&cases, answers);
        return Ok((cases, used, skipped));
    }
    let mut plannable = Vec::new();
    for cases in cases.chunk_by(|a, b| a.statement == b.statement) {
        match plan(context, cases, engine).await? {
            Ok(answers) => {
                remember(cases, answers);
                plannable.extend_from_slice(cases);
            }
            Err(reason) => skipped.push(Skipped { sql: cases[0].sql.to_owned(), reason }),
        }
    }
    Ok((plannable, used, skipped))
}

/// Asks the planner about each of the cases once, as things are today; says why one cannot be planned.
async fn plan(
    context: &Context,
    cases: &[Case<'_>],
    engine: &mut Engine,
) -> Result<Result<Vec<Answer>, String>> {
    let today = engine.existing();
    let questions: Vec<Question> = cases
        .iter()
        .map(|case| Question { visible: &today, statement: case.sql, parameters: &case.values })
        .collect();
    match engine.answers(&questions).await {
        Ok(answers) => Ok(Ok(answers)),
        Err(error) => sources::reason(context, error).map(Err),
    }
}

/// A statement of the workload with all its values, to be run; without any where they are not known.
pub(crate) struct Verified {
    statement: Statement,
    value_sets: Vec<Vec<TextValue>>,
}

impl Verified {
    pub(crate) fn case(&self) -> verify::Case<'_> {
        verify::Case {
            name: &self.statement.name,
            sql: &self.statement.sql,
            kind: self.statement.kind,
            value_sets: &self.value_sets,
        }
    }

    pub(super) fn has_values(&self) -> bool {
        !self.value_sets.is_empty()
    }
}

/// Returns the statements with the values that they are planned with, without what foreign keys add.
pub(super) fn to_verify(planned: &[Planned], cases: &[Case<'_>]) -> Vec<Verified> {
    let numbered = planned.iter().enumerate().filter(|(_, planned)| !planned.is_foreign_key_check);
    numbered
        .map(|(number, planned)| {
            let of_statement = cases.iter().filter(|case| case.statement == number);
            let value_sets = of_statement.map(|case| case.values.clone()).collect();
            Verified { statement: planned.statement.clone(), value_sets }
        })
        .collect()
}

/// Returns the same without a planner's opinion of the values.
pub(super) async fn with_values(
    context: &Context,
    known: &Known<'_>,
    planned: Vec<Planned>,
    hints: &Hints,
) -> Result<Vec<Verified>> {
    let statements: Vec<Statement> = planned.into_iter().map(|planned| planned.statement).collect();
    let sets = sources::value_sets(context, known.connection, known.catalog, &statements, hints).await?;
    let verified = statements.into_iter().zip(sets).map(|(statement, sets)| {
        let values = |set: ValueSet| set.values.into_iter().map(TextValue).collect();
        // Without values its plan for any values still says what it uses.
        let value_sets = sets.unwrap_or_default().into_iter().map(values).collect();
        Verified { statement, value_sets }
    });
    Ok(verified.collect())
}
