//! Long chains of one operator (`a OR b OR c …`, `… UNION ALL …`) as trees of little depth.
//!
//! The parser makes a tree as deep as the chain is long, and all that walks, copies, writes and drops trees recurses. AND,
//! OR, UNION and INTERSECT do not care how their operands are grouped (manual, "Logical Operators", "Combining Queries"),
//! and a tree is written as the same text whatever its form. Other chains have an end.

use std::ops::ControlFlow;

use sqlparser::ast::{
    BinaryOperator, Expr, Query, SetExpr, SetOperator, SetQuantifier, Value, VisitMut, VisitorMut,
};

/// A chain up to this length stays as it is.
const MIN_BALANCED: usize = 32;
/// So long may a chain be that cannot be balanced, as one of `||`: without optimization a walk takes some kilobytes of stack
/// for each operator, and a thread has 2 MB.
pub(super) const MAX_DEPTH: usize = 200;

/// A chain is too long to be walked.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct TooDeep;

/// Balances every chain in a tree.
pub(super) fn balance<V: VisitMut>(node: &mut V) -> Result<(), TooDeep> {
    match node.visit(&mut Balancer) {
        ControlFlow::Continue(()) => Ok(()),
        ControlFlow::Break(too_deep) => Err(too_deep),
    }
}

struct Balancer;

impl VisitorMut for Balancer {
    type Break = TooDeep;

    fn pre_visit_query(&mut self, query: &mut Query) -> ControlFlow<TooDeep> {
        match balanced_set(take_set(&mut query.body)) {
            Ok(body) => {
                *query.body = body;
                ControlFlow::Continue(())
            }
            Err(too_deep) => ControlFlow::Break(too_deep),
        }
    }

    fn pre_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<TooDeep> {
        let depth = depth(expr);
        match expr {
            Expr::BinaryOp { op: BinaryOperator::And | BinaryOperator::Or, .. } if depth > MIN_BALANCED => {
                *expr = balanced_condition(take(expr));
            }
            _ if depth > MAX_DEPTH => {
                drop_slowly(take(expr));
                return ControlFlow::Break(TooDeep);
            }
            _ => {}
        }
        ControlFlow::Continue(())
    }
}

fn take(expr: &mut Expr) -> Expr {
    std::mem::replace(expr, Expr::value(Value::Null))
}

fn take_set(set: &mut SetExpr) -> SetExpr {
    std::mem::replace(
        set,
        SetExpr::Values(sqlparser::ast::Values {
            explicit_row: false,
            value_keyword: false,
            rows: Vec::new(),
        }),
    )
}

/// Returns the operand that an expression begins with, where no parenthesis ends the parser's loop.
fn first_operand(expr: &mut Expr) -> Option<&mut Expr> {
    match expr {
        Expr::BinaryOp { left: first, .. }
        | Expr::AnyOp { left: first, .. }
        | Expr::AllOp { left: first, .. }
        | Expr::IsDistinctFrom(first, _)
        | Expr::IsNotDistinctFrom(first, _)
        | Expr::IsNull(first)
        | Expr::IsNotNull(first)
        | Expr::IsTrue(first)
        | Expr::IsNotTrue(first)
        | Expr::IsFalse(first)
        | Expr::IsNotFalse(first)
        | Expr::IsUnknown(first)
        | Expr::IsNotUnknown(first)
        | Expr::IsNormalized { expr: first, .. }
        | Expr::IsJson { expr: first, .. }
        | Expr::InList { expr: first, .. }
        | Expr::InSubquery { expr: first, .. }
        | Expr::Between { expr: first, .. }
        | Expr::Like { expr: first, .. }
        | Expr::ILike { expr: first, .. }
        | Expr::SimilarTo { expr: first, .. }
        | Expr::Cast { expr: first, .. }
        | Expr::AtTimeZone { timestamp: first, .. }
        | Expr::Collate { expr: first, .. }
        | Expr::CompoundFieldAccess { root: first, .. } => Some(first),
        _ => None,
    }
}

fn depth(expr: &mut Expr) -> usize {
    let mut depth = 0;
    let mut current = expr;
    while let Some(first) = first_operand(current) {
        depth += 1;
        current = first;
    }
    depth
}

/// Drops a deep expression from its top.
fn drop_slowly(mut expr: Expr) {
    while let Some(first) = first_operand(&mut expr) {
        expr = take(first);
    }
}

fn balanced_condition(expr: Expr) -> Expr {
    let Expr::BinaryOp { op: operator, .. } = &expr else { return expr };
    let operator = operator.clone();
    let mut terms = Vec::new();
    let mut rest = expr;
    loop {
        match rest {
            Expr::BinaryOp { left, op, right } if op == operator => {
                terms.push(*right);
                rest = *left;
            }
            first => {
                terms.push(first);
                break;
            }
        }
    }
    terms.reverse();
    let join =
        |left, right| Expr::BinaryOp { left: Box::new(left), op: operator.clone(), right: Box::new(right) };
    tree(terms, &join)
}

/// Balances a chain of set operations; a run of the same one is grouped, and the next begins with it.
fn balanced_set(set: SetExpr) -> Result<SetExpr, TooDeep> {
    type Operation = (SetOperator, SetQuantifier);
    fn grouped(terms: Vec<SetExpr>, (op, set_quantifier): Operation) -> SetExpr {
        let join = |left, right| SetExpr::SetOperation {
            op,
            set_quantifier,
            left: Box::new(left),
            right: Box::new(right),
        };
        if matches!(op, SetOperator::Union | SetOperator::Intersect) {
            tree(terms, &join)
        } else {
            terms.into_iter().reduce(join).expect("a run has terms")
        }
    }
    let mut rights: Vec<(Operation, SetExpr)> = Vec::new();
    let mut first = set;
    while let SetExpr::SetOperation { op, set_quantifier, left, right } = first {
        rights.push(((op, set_quantifier), *right));
        first = *left;
    }
    let mut terms = vec![first];
    let (mut current, mut n_runs) = (None, 0);
    for (operation, right) in rights.into_iter().rev() {
        let can_join = current == Some(operation) && operation.0 != SetOperator::Except;
        if let Some(current) = current.filter(|_| !can_join) {
            terms = vec![grouped(terms, current)];
            n_runs += 1;
            if n_runs > MAX_DEPTH {
                return Err(TooDeep);
            }
        }
        current = Some(operation);
        terms.push(balanced_set(right)?);
    }
    Ok(match current {
        Some(operation) => grouped(terms, operation),
        None => terms.pop().expect("the first one is there"),
    })
}

/// Joins terms to a tree of the least depth.
fn tree<T>(mut terms: Vec<T>, join: &impl Fn(T, T) -> T) -> T {
    if terms.len() == 1 {
        return terms.pop().expect("there is one");
    }
    let second = terms.split_off(terms.len() / 2);
    join(tree(terms, join), tree(second, join))
}

#[cfg(test)]
mod tests {
    use crate::query::{Error, Relations, TableName, parse};

    struct Any;

    impl Relations for Any {
        fn has_column(&self, _: &TableName, _: &str) -> Option<bool> {
            Some(true)
        }
    }

    fn joined(n: usize, link: &str, term: impl Fn(usize) -> String) -> String {
        (0..n).map(term).collect::<Vec<_>>().join(link)
    }

    /// Parses and shapes on a thread with a stack as those of the runtime have it, and returns the number of uses and of
    /// conditions of the first one.
    fn check(sql: String, expected: (usize, usize)) {
        let text = sql.clone();
        let shaped = std::thread::Builder::new().stack_size(2 << 20).spawn(move || {
            let parsed = parse(&sql).unwrap();
            let shape = parsed.shape(&Any);
            (shape.uses.len(), shape.uses.first().map_or(0, |table_use| table_use.conditions.len()))
        });
        assert_eq!(shaped.unwrap().join().unwrap(), expected, "{text:.80}");
    }

    #[test]
    fn long_chains() {
        const N: usize = 5000;
        let of = |condition: String| format!("SELECT 1 FROM t WHERE {condition}");
        check(of(joined(N, " OR ", |i| format!("a = {i}"))), (1, 1));
        check(of(joined(N, " OR ", |i| format!("a = ${i}"))), (1, 1));
        check(of(joined(N, " AND ", |i| format!("a <> {i}"))), (1, N));
        check(of(joined(N, " OR ", |i| format!("(a = {i} AND b = {i})"))), (2, 0));
        check(of(joined(N, " OR ", |i| format!("a = ${i} AND b = ${}", N + i))), (2, 0));
        check(of(format!("NOT ({})", joined(N, " OR ", |i| format!("a = {i}")))), (1, N));
        check(of(format!("a IN ({})", joined(N, ", ", |i| i.to_string()))), (1, 1));
        check(of(format!("a IN ({})", joined(N, ", ", |i| format!("${i}")))), (1, 1));
        check(of(format!("(a, b) IN ({})", joined(N, ", ", |i| format!("(${i}, ${})", N + i)))), (1, 2));
        check(joined(N, " UNION ALL ", |i| format!("SELECT a FROM t WHERE a = {i}")), (N, 1));
        check(joined(N, " UNION ", |i| format!("SELECT a FROM t WHERE a = {i}")), (N, 1));
        check(format!("INSERT INTO t (a, b) VALUES {}", joined(N, ", ", |i| format!("(${i}, {i})"))), (0, 0));
    }

    #[test]
    fn what_cannot_be_balanced_has_an_end() {
        const N: usize = 5000;
        for sql in [
            joined(N, " EXCEPT ", |i| format!("SELECT {i}")),
            format!("SELECT {}", joined(N, " || ", |i| format!("'{i}'"))),
            format!("SELECT a FROM t WHERE a{}", "::text".repeat(N)),
            format!("SELECT a FROM t WHERE a{}", " IS NULL".repeat(N)),
        ] {
            let text = sql.clone();
            let parsed =
                std::thread::Builder::new().stack_size(2 << 20).spawn(move || parse(&sql).map(|_| ()));
            let error = parsed.unwrap().join().unwrap().unwrap_err();
            assert!(matches!(error, Error::TooDeep), "{text:.80} {error}");
        }
        // An error behind a chain, and parentheses.
        for sql in [
            format!("SELECT a FROM t WHERE {} FROM", joined(N, " OR ", |i| format!("a = {i}"))),
            format!("SELECT {}1{}", "(".repeat(N), ")".repeat(N)),
        ] {
            let parsed = std::thread::Builder::new().stack_size(2 << 20).spawn(move || parse(&sql).is_err());
            assert!(parsed.unwrap().join().unwrap());
        }
    }

    #[test]
    fn a_chain_has_its_text() {
        for (link, term) in [(" OR ", "a = "), (" AND ", "a <> ")] {
            let sql = format!("SELECT 1 FROM t WHERE {}", joined(100, link, |i| format!("{term}{i}")));
            assert_eq!(format!("{:?}", parse(&sql).unwrap()), sql);
        }
        let sql = format!(
            "{} EXCEPT {}",
            joined(100, " UNION ALL ", |i| format!("SELECT {i}")),
            joined(50, " INTERSECT ", |i| format!("SELECT {i}"))
        );
        assert_eq!(format!("{:?}", parse(&sql).unwrap()), sql);
    }
}
