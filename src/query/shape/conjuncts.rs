//! Conditions taken apart at their ANDs.

use sqlparser::ast::{BinaryOperator, Expr, UnaryOperator};

/// Splits a condition at its ANDs, with NOT pushed down to where it stays.
pub(in crate::query) fn conjuncts(expr: Expr) -> Vec<Expr> {
    let mut parts = Vec::new();
    let mut open = vec![expr];
    while let Some(expr) = open.pop() {
        match expr {
            Expr::BinaryOp { left, op: BinaryOperator::And, right } => open.extend([*right, *left]),
            Expr::BinaryOp { left, op: BinaryOperator::Eq, right } => match (*left, *right) {
                (Expr::Tuple(lefts), Expr::Tuple(rights)) => {
                    let pairs = lefts
                        .into_iter()
                        .zip(rights)
                        .map(|(left, right)| binary(left, BinaryOperator::Eq, right));
                    open.extend(pairs.rev());
                }
                (left, right) => parts.push(binary(left, BinaryOperator::Eq, right)),
            },
            Expr::UnaryOp { op: UnaryOperator::Not, expr } => match negated(*expr) {
                Ok(expr) => open.push(expr),
                Err(expr) => parts.push(not(*expr)),
            },
            other => parts.push(other),
        }
    }
    parts
}

pub(super) fn binary(left: Expr, op: BinaryOperator, right: Expr) -> Expr {
    Expr::BinaryOp { left: Box::new(left), op, right: Box::new(right) }
}

fn not(expr: Expr) -> Expr {
    Expr::UnaryOp { op: UnaryOperator::Not, expr: Box::new(expr) }
}

/// Returns the opposite of a condition without a NOT around it, or the condition itself where there is none.
fn negated(expr: Expr) -> Result<Expr, Box<Expr>> {
    Ok(match expr {
        Expr::UnaryOp { op: UnaryOperator::Not, expr } => *expr,
        Expr::BinaryOp { left, op, right } => {
            let opposite = match op {
                BinaryOperator::And => return Ok(binary(not(*left), BinaryOperator::Or, not(*right))),
                BinaryOperator::Or => return Ok(binary(not(*left), BinaryOperator::And, not(*right))),
                BinaryOperator::Eq => BinaryOperator::NotEq,
                BinaryOperator::NotEq => BinaryOperator::Eq,
                BinaryOperator::Lt => BinaryOperator::GtEq,
                BinaryOperator::LtEq => BinaryOperator::Gt,
                BinaryOperator::Gt => BinaryOperator::LtEq,
                BinaryOperator::GtEq => BinaryOperator::Lt,
                op => return Err(Box::new(Expr::BinaryOp { left, op, right })),
            };
            Expr::BinaryOp { left, op: opposite, right }
        }
        Expr::IsNull(expr) => Expr::IsNotNull(expr),
        Expr::IsNotNull(expr) => Expr::IsNull(expr),
        Expr::IsTrue(expr) => Expr::IsNotTrue(expr),
        Expr::IsNotTrue(expr) => Expr::IsTrue(expr),
        Expr::IsFalse(expr) => Expr::IsNotFalse(expr),
        Expr::IsNotFalse(expr) => Expr::IsFalse(expr),
        Expr::IsDistinctFrom(left, right) => Expr::IsNotDistinctFrom(left, right),
        Expr::IsNotDistinctFrom(left, right) => Expr::IsDistinctFrom(left, right),
        Expr::InList { expr, list, negated } => Expr::InList { expr, list, negated: !negated },
        Expr::InSubquery { expr, subquery, negated } => {
            Expr::InSubquery { expr, subquery, negated: !negated }
        }
        Expr::Exists { subquery, negated } => Expr::Exists { subquery, negated: !negated },
        Expr::Between { expr, negated, low, high } => Expr::Between { expr, negated: !negated, low, high },
        Expr::Like { negated, any, expr, pattern, escape_char } => {
            Expr::Like { negated: !negated, any, expr, pattern, escape_char }
        }
        Expr::ILike { negated, any, expr, pattern, escape_char } => {
            Expr::ILike { negated: !negated, any, expr, pattern, escape_char }
        }
        other => return Err(Box::new(other)),
    })
}
