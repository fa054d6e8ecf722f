//! What CHECK constraints, domains, predicates and partition bounds let columns be.
//!
//! A row satisfies all conditions of a table exactly when, in each [`Component`], it satisfies one of its cases: what
//! is opaque there is left to the server.

pub(crate) mod candidates;
pub(crate) mod domain;
mod normal;
pub(crate) mod pattern;
mod relation;
#[cfg(test)]
mod tests;

use serde::{Deserialize, Serialize};

use crate::query::check::{Check, Comparison, Formula, Opaque};
pub(crate) use domain::{Class, Domain, TextDomain, Unit};
use normal::{Cases, Scope};

/// A column, as far as conditions care.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Column {
    pub(crate) name: String,
    pub(crate) not_null: bool,
    pub(crate) class: Class,
    /// The checks of its domain type at all levels, with the column in the place of VALUE.
    pub(crate) checks: Vec<Check>,
}

/// Which result of a condition is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Truth {
    /// Not FALSE: what CHECK asks.
    Passes,
    /// TRUE: what the predicate of an index asks.
    Holds,
}

/// Columns whose conditions hang together, and the ways to satisfy them. A column without any condition is in none.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Component {
    /// Places among the columns that [`components`] was given, in rising order.
    pub(crate) columns: Vec<usize>,
    /// 1 to [`MAX_CASES`]; a row takes any one of them. Those that force fewer columns to be NULL come first.
    pub(crate) cases: Vec<Case>,
    /// How often each case is taken, relative to each other: halved for each column that is forced to be NULL.
    pub(crate) weights: Vec<u32>,
    /// The names of the constraints.
    pub(crate) constraints: Vec<String>,
}

/// One way to satisfy a component: all of it must hold at once.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Case {
    /// For each column of the component.
    pub(crate) allowed: Vec<Allowed>,
    pub(crate) relations: Vec<Relation>,
    /// Conditions on top, of which the server says whether a row passes.
    pub(crate) opaque: Vec<Opaque>,
}

/// What one column may be.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Allowed {
    pub(crate) domain: Domain,
    /// Whether NULL is allowed too. With [`Domain::Never`] the column is always NULL.
    pub(crate) null: bool,
}

/// `left op right + shift`, wherever neither is NULL.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Relation {
    /// Places in the component's `columns`.
    pub(crate) left: usize,
    /// `<` and `<=` only between numbers, with `left` the smaller side; `=` and `<>` between any of the same class.
    pub(crate) comparison: Comparison,
    pub(crate) right: usize,
    /// In units of the columns' class; 0 for texts and the like.
    pub(crate) shift: i128,
}

/// No row satisfies the conditions.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no row can satisfy {}", .constraints.join(", "))]
pub(crate) struct Unsatisfiable {
    pub(crate) constraints: Vec<String>,
}

/// So many cases of a component are kept.
pub(crate) const MAX_CASES: usize = 64;
/// The weight of a case that forces no column to be NULL, and how often it is halved at most.
const MAX_WEIGHT: u32 = 1 << MAX_HALVINGS;
const MAX_HALVINGS: usize = 10;

/// Returns the components of a table's columns under its checks and those of domain types. `as_of_us` (microseconds
/// since 2000) is what `now()` is taken for: what may not be in the future is before it, what may not be past is a year
/// after it.
pub(crate) fn components(
    columns: &[Column],
    checks: &[Check],
    as_of_us: i64,
) -> Result<Vec<Component>, Unsatisfiable> {
    // Each AND stands for itself: it joins no columns.
    let mut parts: Vec<(&Check, &Formula, Vec<usize>)> = Vec::new();
    for check in checks.iter().chain(columns.iter().flat_map(|column| &column.checks)) {
        let formulas = match &check.formula {
            Formula::All(parts) => parts.iter().collect(),
            other => vec![other],
        };
        parts.extend(formulas.into_iter().map(|formula| (check, formula, places(formula, columns))));
    }
    let mut group: Vec<usize> = (0..columns.len()).collect();
    for (_, _, places) in &parts {
        for pair in places.windows(2) {
            let (one, other) = (group[pair[0]], group[pair[1]]);
            group.iter_mut().filter(|group| **group == other).for_each(|group| *group = one);
        }
    }
    let group_of = |places: &[usize]| places.first().map(|place| group[*place]);
    let mut groups: Vec<Option<usize>> = parts.iter().map(|(_, _, places)| group_of(places)).collect();
    groups.sort_unstable();
    groups.dedup();
    let components = groups.into_iter().map(|wanted| {
        let places = (0..columns.len()).filter(|place| Some(group[*place]) == wanted).collect();
        let (mut checks, mut formulas): (Vec<&Check>, Vec<Formula>) = (Vec::new(), Vec::new());
        for (check, formula, _) in parts.iter().filter(|(_, _, places)| group_of(places) == wanted) {
            formulas.push((*formula).clone());
            if !checks.contains(check) {
                checks.push(check);
            }
        }
        component(columns, places, &checks, &Formula::all(formulas), Truth::Passes, as_of_us)
    });
    components.collect()
}

/// Returns the ways in which one condition is true, or not false. [`check::check`] reads the predicate of an index too.
///
/// [`check::check`]: crate::query::check::check
#[cfg(test)]
pub(crate) fn cases(
    columns: &[Column],
    check: &Check,
    truth: Truth,
    as_of_us: i64,
) -> Result<Component, Unsatisfiable> {
    component(columns, places(&check.formula, columns), &[check], &check.formula, truth, as_of_us)
}

/// Returns the places of the columns that a formula names, in rising order.
fn places(formula: &Formula, columns: &[Column]) -> Vec<usize> {
    let names = formula.columns();
    (0..columns.len()).filter(|place| names.contains(&columns[*place].name)).collect()
}

fn component(
    columns: &[Column],
    places: Vec<usize>,
    checks: &[&Check],
    formula: &Formula,
    truth: Truth,
    as_of_us: i64,
) -> Result<Component, Unsatisfiable> {
    let constraints: Vec<String> = checks.iter().map(|check| check.name.clone()).collect();
    let scope = Scope { columns: places.iter().map(|place| &columns[*place]).collect(), as_of_us };
    let Cases { mut cases, is_cut } = scope.cases(formula, truth);
    if cases.is_empty() {
        if !is_cut {
            return Err(Unsatisfiable { constraints });
        }
        // Some of the cases that were cut off may be possible: the server has to say.
        let mut case = scope.any();
        for check in checks {
            let whole = Opaque { sql: check.sql.clone(), columns: check.columns.clone() };
            case.opaque.extend(scope.opaque(&whole, truth).opaque);
        }
        cases.push(case);
    }
    let weights = cases.iter().map(|case| MAX_WEIGHT >> case.n_forced().min(MAX_HALVINGS)).collect();
    Ok(Component { columns: places, cases, weights, constraints })
}
