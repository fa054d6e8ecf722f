//! Column against column: contradictions, and what relations leave of the columns' domains.

use super::domain::{Class, Domain, Numbers, Unit};
use super::{Allowed, Case, Column, Relation};
use crate::query::check::Comparison;

/// Fits the domains of a case to its relations. Several cases come back where the relations contradict each other but
/// hold when one of the columns is NULL; none where they cannot hold. Relations of a column that is always NULL are left
/// out. Rows in which one of two related columns is NULL and the other off what the relation leaves are lost. Afterwards each
/// value of a column that is in its one interval leaves the others one that fits.
pub(super) fn settled(mut case: Case, columns: &[&Column]) -> Vec<Case> {
    let is_null = |allowed: &Allowed| allowed.domain == Domain::Never && allowed.null;
    case.relations
        .retain(|relation| !is_null(&case.allowed[relation.left]) && !is_null(&case.allowed[relation.right]));
    let mut related: Vec<usize> =
        case.relations.iter().flat_map(|relation| [relation.left, relation.right]).collect();
    related.sort_unstable();
    related.dedup();
    if let Some(domains) = fitted(&case, columns, &related) {
        for (place, domain) in domains {
            case.allowed[place].domain = domain;
        }
        return vec![case];
    }
    let nullable = related.into_iter().filter(|&place| case.allowed[place].null);
    nullable
        .flat_map(|place| {
            let mut case = case.clone();
            case.allowed[place].domain = Domain::Never;
            settled(case, columns)
        })
        .collect()
}

/// Returns what is left of the domains that change; `None` where one has nothing left.
fn fitted(case: &Case, columns: &[&Column], related: &[usize]) -> Option<Vec<(usize, Domain)>> {
    let mut changed = Vec::new();
    for relation in case.relations.iter().filter(|relation| unit(columns[relation.left]).is_none()) {
        let (left, right) = (&case.allowed[relation.left].domain, &case.allowed[relation.right].domain);
        if relation.comparison == Comparison::Equal {
            let met = left.meet(right);
            if met == Domain::Never {
                return None;
            }
            changed.extend([(relation.left, met.clone()), (relation.right, met)]);
        } else if left == right && left.size() == Some(1) || relation.left == relation.right {
            return None;
        }
    }
    let numbers: Vec<(usize, Unit)> =
        related.iter().filter_map(|&place| Some((place, unit(columns[place])?))).collect();
    let spans = differences(case, &numbers)?;
    // An end of a type moves by the steps of relations, which says nothing.
    let slack: i128 = case.relations.iter().map(|relation| relation.shift.abs().saturating_add(1)).sum();
    for ((place, unit), (low, high)) in numbers.into_iter().zip(spans) {
        let (min, max) = unit.limits();
        let low = if low <= min.saturating_add(slack) { min } else { low };
        let high = if high >= max.saturating_sub(slack) { max } else { high };
        let met = case.allowed[place].domain.meet(&Numbers::new(unit, vec![(low, high)]).into());
        if met == Domain::Never {
            return None;
        }
        changed.push((place, met));
    }
    Some(changed)
}

fn unit(column: &Column) -> Option<Unit> {
    match column.class {
        Class::Number(unit) => Some(unit),
        _ => None,
    }
}

/// Returns the smallest and greatest value of each column under all relations together; `None` when they contradict
/// each other. `x - y <= c` for all pairs, shortest paths by Floyd and Warshall (Cormen and others, "Introduction to
/// Algorithms", "Difference constraints and shortest paths").
fn differences(case: &Case, numbers: &[(usize, Unit)]) -> Option<Vec<(i128, i128)>> {
    let n = numbers.len();
    // Row and column `n` stand for the number 0.
    let mut most = vec![vec![i128::MAX; n + 1]; n + 1];
    for (at, row) in most.iter_mut().enumerate() {
        row[at] = 0;
    }
    for (at, &(place, unit)) in numbers.iter().enumerate() {
        let (low, high) = match &case.allowed[place].domain {
            Domain::Numbers(numbers) => numbers.span()?,
            _ => unit.limits(),
        };
        most[at][n] = high;
        most[n][at] = -low;
    }
    let at = |place: usize| numbers.iter().position(|(number, _)| *number == place);
    for relation in &case.relations {
        let (Some(left), Some(right)) = (at(relation.left), at(relation.right)) else { continue };
        let shift = relation.shift;
        let below = match relation.comparison {
            Comparison::Less => shift - 1,
            Comparison::LessOrEqual | Comparison::Equal => shift,
            _ if left == right && shift == 0 => return None,
            _ => continue,
        };
        most[left][right] = most[left][right].min(below);
        if relation.comparison == Comparison::Equal {
            most[right][left] = most[right][left].min(-shift);
        }
    }
    for through in 0..=n {
        for from in 0..=n {
            for to in 0..=n {
                let (first, second) = (most[from][through], most[through][to]);
                if first < i128::MAX && second < i128::MAX {
                    most[from][to] = most[from][to].min(first.saturating_add(second));
                }
            }
        }
    }
    let spans: Vec<_> = (0..n).map(|at| (-most[n][at], most[at][n])).collect();
    let is_refuted = (0..=n).any(|at| most[at][at] < 0) || spans.iter().any(|(low, high)| low > high);
    let is_refuted = is_refuted
        || case.relations.iter().any(|relation| {
            let span = |place| at(place).map(|at: usize| spans[at]);
            match (relation.comparison, span(relation.left), span(relation.right)) {
                (Comparison::NotEqual, Some(left), Some(right)) => {
                    left.0 == left.1 && right.0 == right.1 && left.0 == right.0 + relation.shift
                }
                _ => false,
            }
        });
    (!is_refuted).then_some(spans)
}

impl Relation {
    /// Returns a relation with `<` and `<=` turned to the smaller side.
    pub(super) fn new(left: usize, comparison: Comparison, right: usize, shift: i128) -> Self {
        match comparison {
            Comparison::Greater | Comparison::GreaterOrEqual => {
                Self { left: right, comparison: comparison.swapped(), right: left, shift: -shift }
            }
            _ => Self { left, comparison, right, shift },
        }
    }
}
