//! Measures what the catalog's statistics do not say, before indexes are sized: how many rows predicates let in, what
//! expressions yield, how many combinations of columns there are, and what documents contain.

use std::collections::{BTreeMap, BTreeSet};

use crate::catalog::{Catalog, Table};
use crate::error::Result;
use crate::index::{self, Contents, Measures, NeededMeasures};
use crate::pg::shadow::Shadow;
use crate::pg::{self, Connection, explain};
use crate::query::quote;
use crate::statistics::ExpressionStatistics;

/// What was measured.
#[derive(Default)]
pub(super) struct Measured {
    pub(super) measures: Measures,
    pub(super) expressions: Vec<ExpressionStatistics>,
    /// What could not be measured, with the reason.
    pub(super) gaps: Vec<String>,
}

/// Measures with the database's rows, where there is a connection, and with the planner of the shadow, where there is
/// one, or of the database.
pub(super) async fn measure(
    needed: &NeededMeasures,
    catalog: &Catalog,
    connection: Option<&Connection>,
    shadow: &mut Option<Shadow>,
) -> Result<Measured> {
    let mut measured = Measured::default();
    let mut n_table_rows = BTreeMap::new();
    for (oid, predicate) in &needed.selectivity {
        let Some(table) = catalog.table_by_oid(*oid) else { continue };
        let all = format!("SELECT FROM {}", quote::quote_qualified(&table.schema, &table.name));
        if !n_table_rows.contains_key(oid) {
            n_table_rows.insert(*oid, rows(&all, connection, shadow).await?);
        }
        match rows(&format!("{all} WHERE {predicate}"), connection, shadow).await {
            Ok(n_rows) => {
                let share = (n_rows / n_table_rows[oid].max(1.0)).min(1.0);
                measured.measures.selectivity.insert((*oid, predicate.clone()), share);
            }
            Err(error) if error.code().is_some() && !error.is_cancelled() => {
                measured.gaps.push(format!("the selectivity of {predicate} on {}: {error}", table.name));
            }
            Err(error) => return Err(error.into()),
        }
    }
    if let Some(connection) = connection {
        sample(needed, catalog, connection, shadow, &mut measured).await?;
    }
    Ok(measured)
}

async fn rows(
    statement: &str,
    connection: Option<&Connection>,
    shadow: &mut Option<Shadow>,
) -> pg::Result<f64> {
    match (shadow, connection) {
        (Some(shadow), _) => shadow.rows(statement).await,
        (None, Some(connection)) => explain::rows(connection, statement).await,
        (None, None) => unreachable!("advice is made with a shadow or with a connection"),
    }
}

/// Reads rows of the tables whose expressions, combinations of columns or documents matter: as many as ANALYZE reads.
async fn sample(
    needed: &NeededMeasures,
    catalog: &Catalog,
    connection: &Connection,
    shadow: &mut Option<Shadow>,
    measured: &mut Measured,
) -> Result<()> {
    let mut wanted: BTreeMap<u32, BTreeSet<String>> = BTreeMap::new();
    for (oid, expression) in &needed.expressions {
        wanted.entry(*oid).or_default().insert(expression.clone());
    }
    for (oid, operands) in &needed.distinct {
        wanted.entry(*oid).or_default().extend(operands.iter().cloned());
    }
    for (oid, operand, _) in &needed.contents {
        wanted.entry(*oid).or_default().insert(operand.clone());
    }
    let wanted: Vec<(&Table, Vec<String>)> = wanted
        .into_iter()
        .filter_map(|(oid, expressions)| {
            Some((catalog.table_by_oid(oid)?, expressions.into_iter().collect()))
        })
        .collect();
    let (samples, gaps) = pg::sample::expressions(connection, catalog, &wanted).await?;
    measured.gaps.extend(gaps);
    let mut combinations: Vec<_> = samples.iter().map(|sample| (sample, sample.combinations())).collect();
    for (oid, operands) in &needed.distinct {
        let Some(table) = catalog.table_by_oid(*oid) else { continue };
        let names: Vec<&str> = operands.iter().map(String::as_str).collect();
        let mut of_table =
            combinations.iter_mut().filter(|(of, _)| of.schema == table.schema && of.table == table.name);
        if let Some(n_distinct) = of_table.find_map(|(_, combinations)| combinations.distinct(&names)) {
            let n_distinct = index::combinations_of_sample(n_distinct, &names, table);
            measured.measures.distinct.insert((*oid, operands.clone()), n_distinct);
        }
    }
    for (oid, operand, parts) in &needed.contents {
        let Some(table) = catalog.table_by_oid(*oid) else { continue };
        let mut of_table = samples.iter().filter(|of| of.schema == table.schema && of.table == table.name);
        if let Some(documents) = of_table.find_map(|sample| sample.values(operand)) {
            let contents = Contents::of_sample(*parts, documents);
            measured.measures.contents.insert((*oid, operand.clone(), *parts), contents);
        }
    }
    let Some(shadow) = shadow else { return Ok(()) };
    for mut sample in samples {
        let Some(oid) = catalog.oid_of(&sample.schema, &sample.table) else { continue };
        sample.keep(|expression| needed.expressions.contains(&(oid, expression.to_owned())));
        if !sample.expressions.is_empty() {
            measured.expressions.extend(shadow.analyze(&sample).await?);
        }
    }
    for of in &measured.expressions {
        if let Some(oid) = catalog.oid_of(&of.schema, &of.table) {
            measured.measures.expressions.insert((oid, of.expression.clone()), of.statistics.clone());
        }
    }
    Ok(())
}
