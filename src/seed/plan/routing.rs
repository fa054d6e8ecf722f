//! Partitions: what their keys may be, and which row goes to which.

use super::{ColumnPlan, RouteBy, Routing};
use crate::query::check::{self, Bound, Check, Edge, Formula, Limit, Literal, Term, Test};
use crate::query::quote;
use crate::seed::condition::domain;
use crate::seed::schema::{Leaf, PartitionStrategy, Relation};
use crate::seed::wire::Wire;

/// The server routes rows to more partitions than these: each is a COPY of its own in a chunk.
const MAX_LEAVES: usize = 512;

/// What the partitions together take, as a condition; `None` where that is everything or cannot be said.
pub(super) fn condition(relation: &Relation) -> Option<Check> {
    let leaves = &relation.partitioning.as_ref()?.leaves;
    let formulas: Vec<Formula> = leaves.iter().filter_map(|leaf| of_leaf(relation, leaf)).collect();
    if formulas.is_empty() {
        return None;
    }
    // Rows for a DEFAULT partition are made where there is no other.
    let formula = Formula::any(formulas);
    Some(Check { name: "the partitions".to_owned(), sql: String::new(), columns: formula.columns(), formula })
}

/// The bounds of a partition, of all levels; `None` where one says nothing about the key.
fn of_leaf(relation: &Relation, leaf: &Leaf) -> Option<Formula> {
    let mut all = Vec::new();
    for level in &leaf.bounds {
        if level.strategy == PartitionStrategy::Hash {
            continue;
        }
        let field = relation.field(*level.columns.first()?);
        let column = field.name.clone();
        let class = super::suit::class(&field.ty, None);
        // Bounds are printed without their types.
        let typed = |value: &Literal| domain::typed(value, &class).unwrap_or_else(|| value.clone());
        let sql = format!("{} /* {} */", quote::quote_identifier(&column), level.text);
        let of = Term::Column(column.clone());
        let not_null = Formula::Test { test: Test::Null { column, negated: true }, sql: sql.clone() };
        let test = match check::bound(&level.text)? {
            Bound::List(values) => {
                let values = values.iter().filter(|value| **value != Literal::Null).map(typed).collect();
                Test::In { of, values, negated: false }
            }
            Bound::Range { low, high } => {
                let limit = |edge: Option<&Edge>, is_inclusive| match edge {
                    Some(Edge::Value(value)) => Some(Limit { value: typed(value), is_inclusive }),
                    _ => None,
                };
                // Where the first column is the same at both ends, later ones decide.
                let is_point = low.first() == high.first();
                Test::Bound { of, low: limit(low.first(), true), high: limit(high.first(), is_point) }
            }
            Bound::Hash { .. } => continue,
            Bound::Default => return None,
        };
        all.push(not_null);
        if !matches!(test, Test::Bound { low: None, high: None, .. }) {
            all.push(Formula::Test { test, sql });
        }
    }
    (!all.is_empty()).then(|| Formula::all(all))
}

/// Routes rows by one column of numbers or dates to partitions of one level; `None` leaves it to the server.
pub(super) fn routing(relation: &Relation, columns: &[ColumnPlan]) -> Option<Routing> {
    let partitioning = relation.partitioning.as_ref()?;
    let [column] = *partitioning.columns else { return None };
    let leaves = &partitioning.leaves;
    if leaves.len() > MAX_LEAVES
        || partitioning.strategy != PartitionStrategy::Range
        // Those for rows may send them elsewhere, and those for statements are of the table that is named.
        || !relation.triggers.is_empty()
        || leaves.iter().any(|leaf| !leaf.may_insert || leaf.bounds.len() != 1)
    {
        return None;
    }
    let field = relation.field(column);
    let wire = &columns[usize::from(column)].wire;
    if !matches!(wire, Wire::Int2 | Wire::Int4 | Wire::Int8 | Wire::Date | Wire::Micros) {
        return None;
    }
    let mut lows = Vec::new();
    for (place, leaf) in (0_u16..).zip(leaves) {
        match check::bound(&leaf.bounds[0].text)? {
            Bound::Range { low, .. } => {
                let low = match low.first()? {
                    Edge::Value(value) => {
                        let cells = super::suit::cells(&field.ty, wire, std::slice::from_ref(value))?;
                        *cells.as_ints().first()?
                    }
                    Edge::MinValue => i64::MIN,
                    Edge::MaxValue => return None,
                };
                lows.push((low, place));
            }
            Bound::Default => {}
            Bound::List(_) | Bound::Hash { .. } => return None,
        }
    }
    if lows.is_empty() {
        // Everything goes to the DEFAULT partition.
        return None;
    }
    lows.sort_unstable();
    let leaves = leaves.iter().map(|leaf| (leaf.schema.clone(), leaf.name.clone())).collect();
    Some(Routing { column, leaves, by: RouteBy::Range(lows) })
}
