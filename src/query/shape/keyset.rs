//! Keyset pagination written out with OR: `a > $1 OR (a = $1 AND b > $2)` is `(a, b) > ($1, $2)`.

use std::ops::ControlFlow;

use sqlparser::ast::{BinaryOperator, Expr, Value, visit_expressions_mut};

use super::canonical;
use super::conjuncts::conjuncts;

/// A row that is compared with another one, item by item in the given directions.
#[derive(Debug, PartialEq)]
pub(super) struct Keyset {
    /// Comparisons `item > value` or `item < value`, the first item's first.
    pub(super) bounds: Vec<Bound>,
}

/// `item operator value`.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Bound {
    pub(super) item: Expr,
    pub(super) operator: BinaryOperator,
    pub(super) value: Expr,
    /// The same value, where the other branches have it.
    pub(super) again: Vec<Expr>,
}

/// Returns the comparison of rows that an OR is; `around` holds with it, as in `a >= $1 AND (a > $1 OR b > $2)`.
///
/// Placeholders count as the same value: `pg_stat_statements` gives each constant a number of its own.
pub(super) fn keyset(or: &Expr, around: &[Expr]) -> Option<Keyset> {
    let mut bounds = Vec::new();
    let branches: Vec<Vec<Expr>> = branches(or);
    collect(branches, around, &mut bounds)?;
    (bounds.len() > 1).then_some(Keyset { bounds })
}

fn branches(or: &Expr) -> Vec<Vec<Expr>> {
    canonical::chain(or, &BinaryOperator::Or).into_iter().map(|branch| conjuncts(branch.clone())).collect()
}

fn collect(mut branches: Vec<Vec<Expr>>, around: &[Expr], bounds: &mut Vec<Bound>) -> Option<()> {
    /// More columns are no key of a page.
    const MAX_ITEMS: usize = 8;
    if bounds.len() >= MAX_ITEMS {
        return None;
    }
    if let [only] = &branches[..] {
        return match &only[..] {
            [or @ Expr::BinaryOp { op: BinaryOperator::Or, .. }] => {
                collect(self::branches(or), around, bounds)
            }
            // `b >= $2 AND (b > $2 OR …)`
            [first, or @ Expr::BinaryOp { op: BinaryOperator::Or, .. }] => {
                collect(self::branches(or), &[around, std::slice::from_ref(first)].concat(), bounds)
            }
            [last] => {
                bounds.push(bound(last)?);
                Some(())
            }
            _ => None,
        };
    }
    // The branch of one comparison, whose item all others fix to the same value.
    let place = (0..branches.len()).find(|place| {
        let [only] = &branches[*place][..] else { return false };
        let Some(bound) = bound(only) else { return false };
        let mut others =
            branches.iter().enumerate().filter(|(other, _)| other != place).map(|(_, other)| other);
        bound.is_strict() && others.all(|other| bound.is_fixed_in(other) || bound.is_implied_by(around))
    })?;
    let mut first = bound(&branches.remove(place)[0])?;
    for branch in &mut branches {
        let again: Vec<Expr> = branch.iter().filter_map(|part| first.fixed_to(part)).cloned().collect();
        branch.retain(|part| first.fixed_to(part).is_none());
        first.again.extend(again);
    }
    bounds.push(first);
    collect(branches, around, bounds)
}

/// Returns a comparison with its item on the left: the side that names a column.
fn bound(expr: &Expr) -> Option<Bound> {
    let Expr::BinaryOp { left, op, right } = expr else { return None };
    let flipped = match op {
        BinaryOperator::Lt => BinaryOperator::Gt,
        BinaryOperator::LtEq => BinaryOperator::GtEq,
        BinaryOperator::Gt => BinaryOperator::Lt,
        BinaryOperator::GtEq => BinaryOperator::LtEq,
        _ => return None,
    };
    let of = |item: &Expr, operator: &BinaryOperator, value: &Expr| Bound {
        item: item.clone(),
        operator: operator.clone(),
        value: value.clone(),
        again: Vec::new(),
    };
    match (is_value(left), is_value(right)) {
        (false, true) => Some(of(left, op, right)),
        (true, false) => Some(of(right, &flipped, left)),
        _ => None,
    }
}

impl Bound {
    fn is_strict(&self) -> bool {
        matches!(self.operator, BinaryOperator::Gt | BinaryOperator::Lt)
    }

    fn is_fixed_in(&self, branch: &[Expr]) -> bool {
        branch.len() > 1 && branch.iter().any(|part| self.fixed_to(part).is_some())
    }

    /// Returns the value of a condition that is `item = value`.
    fn fixed_to<'e>(&self, part: &'e Expr) -> Option<&'e Expr> {
        let Expr::BinaryOp { left, op: BinaryOperator::Eq, right } = part else { return None };
        let sides: [(&Expr, &Expr); 2] = [(left, right), (right, left)];
        let same = |(item, value): &(&Expr, &Expr)| **item == self.item && is_same_value(value, &self.value);
        sides.into_iter().find(same).map(|(_, value)| value)
    }

    /// Whether `item >= value` holds in any case, for `item > value`.
    fn is_implied_by(&self, around: &[Expr]) -> bool {
        let operator = match self.operator {
            BinaryOperator::Gt => BinaryOperator::GtEq,
            _ => BinaryOperator::LtEq,
        };
        around.iter().filter_map(bound).any(|known| {
            known.item == self.item && known.operator == operator && is_same_value(&known.value, &self.value)
        })
    }
}

/// Whether an expression is a constant or a placeholder, or made of them.
fn is_value(expr: &Expr) -> bool {
    match expr {
        Expr::Value(_) => true,
        Expr::Cast { expr, .. } | Expr::UnaryOp { expr, .. } => is_value(expr),
        _ => false,
    }
}

fn is_same_value(a: &Expr, b: &Expr) -> bool {
    a == b || without_numbers(a) == without_numbers(b)
}

/// Returns an expression with the same placeholder everywhere.
fn without_numbers(expr: &Expr) -> Expr {
    let mut expr = expr.clone();
    let _ = visit_expressions_mut(&mut expr, |expr| {
        if let Expr::Value(value) = expr
            && matches!(value.value, Value::Placeholder(_))
        {
            *expr = Expr::value(Value::Placeholder("$".to_owned()));
        }
        ControlFlow::<()>::Continue(())
    });
    expr
}
