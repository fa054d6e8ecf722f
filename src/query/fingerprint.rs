//! The identity of a statement: its text without constants, list lengths, letter case and white space.

use std::ops::ControlFlow;

use sqlparser::ast::{self, Expr, Value, ValueWithSpan, VisitMut, VisitorMut};
use sqlparser::tokenizer::Span;

use crate::random;

/// Returns sixteen hexadecimal digits that stay the same from run to run and from version to version. `left_out` is
/// what the statement does not hold of its text.
pub(super) fn fingerprint(statement: &ast::Statement, left_out: &str) -> String {
    let mut statement = statement.clone();
    let ControlFlow::Continue(()) = VisitMut::visit(&mut statement, &mut Normalizer);
    let mut text = statement.to_string();
    if !left_out.is_empty() {
        text = format!("{text} {left_out}");
    }
    format!("{:016x}", random::substream(0, &text))
}

struct Normalizer;

impl VisitorMut for Normalizer {
    type Break = std::convert::Infallible;

    fn pre_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<Self::Break> {
        match expr {
            // `IN ($1, $2)` and `IN ($1, $2, $3)` are the same statement to whoever wrote the code.
            Expr::InList { list, .. } if list.iter().all(is_constant) => list.truncate(1),
            // The server's own normal form has one constant where the text has `-5`.
            Expr::UnaryOp { op: ast::UnaryOperator::Minus, expr: operand } if is_constant(operand) => {
                *expr = (**operand).clone();
            }
            Expr::Identifier(ident) => fold_case(ident),
            Expr::CompoundIdentifier(parts) => parts.iter_mut().for_each(fold_case),
            _ => {}
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_value(&mut self, value: &mut ValueWithSpan) -> ControlFlow<Self::Break> {
        if !matches!(value.value, Value::Null) {
            *value = ValueWithSpan { value: Value::Placeholder("?".to_owned()), span: Span::empty() };
        }
        ControlFlow::Continue(())
    }
}

fn is_constant(expr: &Expr) -> bool {
    matches!(expr, Expr::Value(_))
}

fn fold_case(ident: &mut ast::Ident) {
    if ident.quote_style.is_none() {
        ident.value = ident.value.to_lowercase();
    }
}

#[cfg(test)]
mod tests {
    use crate::query::parse;

    fn check(a: &str, b: &str, same: bool) {
        let (a_print, b_print) = (parse(a).unwrap().fingerprint, parse(b).unwrap().fingerprint);
        assert_eq!(a_print == b_print, same, "{a} / {b}");
    }

    #[test]
    fn ignores_what_does_not_matter() {
        check("SELECT a FROM t WHERE b = 1", "select  A from t where B=$1 -- x", true);
        check("SELECT a FROM t WHERE b IN (1,2)", "SELECT a FROM t WHERE b IN (3,4,5)", true);
        check("SELECT a FROM t LIMIT 5", "SELECT a FROM t LIMIT 50", true);
        check("SELECT a FROM t WHERE b > -5", "SELECT a FROM t WHERE b > $1", true);
        check("SELECT a FROM t WHERE b > date '2026-01-01'", "SELECT a FROM t WHERE b > $1::date", true);
        check("SELECT a FROM t FOR NO KEY UPDATE", "select a from t for no  key update", true);
    }

    #[test]
    fn keeps_what_matters() {
        check("SELECT a FROM t WHERE b = 1", "SELECT a FROM t WHERE c = 1", false);
        check("SELECT a FROM t WHERE b IS NULL", "SELECT a FROM t WHERE b IS NOT NULL", false);
        check("SELECT a FROM t ORDER BY a", "SELECT a FROM t ORDER BY a DESC", false);
        check("SELECT \"A\" FROM t", "SELECT a FROM t", false);
        check("SELECT a FROM t FOR NO KEY UPDATE", "SELECT a FROM t FOR UPDATE", false);
    }

    #[test]
    fn never_changes() {
        assert_eq!(parse("SELECT a FROM t WHERE b = 1").unwrap().fingerprint, "bb133e2cb381c5dd");
    }
}
