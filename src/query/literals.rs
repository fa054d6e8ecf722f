//! The constants of a statement that runs, in the order of the placeholders of the same statement in a workload.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::ops::ControlFlow;

use sqlparser::ast::{self, Expr, UnaryOperator, Value, ValueWithSpan, VisitMut, VisitorMut};
use sqlparser::tokenizer::Span;

use super::scope;

/// Returns what stands in `with_literals` at the place of each `$n` of `with_placeholders`, as text, `None` for NULL.
///
/// `None` when they are not the same statement, or when a placeholder meets anything but a constant. `IN` lists may
/// differ in their lengths: a shorter one is repeated.
pub(crate) fn literals_for(with_placeholders: &str, with_literals: &str) -> Option<Vec<Option<String>>> {
    let (ours, theirs) = (taken_apart(with_placeholders)?, taken_apart(with_literals)?);
    if ours.skeleton != theirs.skeleton || ours.groups.len() != theirs.groups.len() {
        return None;
    }
    let mut found = BTreeMap::new();
    for (ours, theirs) in ours.groups.iter().zip(&theirs.groups) {
        for (ours, theirs) in ours.iter().zip(theirs.iter().cycle()) {
            let Value::Placeholder(name) = ours else {
                continue;
            };
            let number: usize = name.strip_prefix('$')?.parse().ok()?;
            let text = text(theirs)?;
            // A parameter that occurs twice has one value.
            if found.insert(number, text.clone()).is_some_and(|before| before != text) {
                return None;
            }
        }
    }
    let is_complete = found.keys().copied().eq(1..=found.len());
    (is_complete && !found.is_empty()).then(|| found.into_values().collect())
}

/// A statement without its constants, and the constants.
struct TakenApart {
    skeleton: String,
    /// The constants in the order in which both statements are walked; those of an IN list belong together.
    groups: Vec<Vec<Value>>,
}

fn taken_apart(sql: &str) -> Option<TakenApart> {
    let super::Parsed { mut statement, left_out, .. } = super::parse(sql).ok()?;
    let mut taker = Taker { groups: Vec::new() };
    let ControlFlow::Continue(()) = VisitMut::visit(&mut statement, &mut taker);
    Some(TakenApart { skeleton: format!("{statement} {left_out}"), groups: taker.groups })
}

struct Taker {
    groups: Vec<Vec<Value>>,
}

impl VisitorMut for Taker {
    type Break = Infallible;

    fn pre_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<Infallible> {
        match expr {
            Expr::InList { list, .. } => {
                let constants: Option<Vec<Value>> = list.iter().map(constant).collect();
                if let Some(constants) = constants {
                    list.clear();
                    self.groups.push(constants);
                }
            }
            // `-5` is one constant to the server.
            Expr::UnaryOp { op: UnaryOperator::Minus | UnaryOperator::Plus, .. } => {
                if let Some(value) = constant(expr) {
                    *expr = Expr::Value(ValueWithSpan { value, span: Span::empty() });
                }
            }
            Expr::Identifier(ident) => fold(ident),
            Expr::CompoundIdentifier(parts) => parts.iter_mut().for_each(fold),
            _ => {}
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_value(&mut self, value: &mut ValueWithSpan) -> ControlFlow<Infallible> {
        let taken = std::mem::replace(&mut value.value, Value::Placeholder("?".to_owned()));
        self.groups.push(vec![taken]);
        ControlFlow::Continue(())
    }
}

fn constant(expr: &Expr) -> Option<Value> {
    match expr {
        Expr::Value(value) => Some(value.value.clone()),
        Expr::UnaryOp { op, expr } => match (op, constant(expr)?) {
            (UnaryOperator::Minus, Value::Number(number, long)) if !number.starts_with('-') => {
                Some(Value::Number(format!("-{number}"), long))
            }
            (UnaryOperator::Plus, number @ Value::Number(..)) => Some(number),
            _ => None,
        },
        _ => None,
    }
}

/// The constant as the server reads a parameter in text form.
#[expect(clippy::option_option, reason = "NULL is a value, too")]
fn text(value: &Value) -> Option<Option<String>> {
    match value {
        Value::Null => Some(None),
        Value::Boolean(value) => Some(Some(value.to_string())),
        Value::Number(number, _) => Some(Some(number.clone())),
        Value::SingleQuotedString(text)
        | Value::EscapedStringLiteral(text)
        | Value::UnicodeStringLiteral(text)
        | Value::NationalStringLiteral(text) => Some(Some(text.clone())),
        Value::DollarQuotedString(text) => Some(Some(text.value.clone())),
        _ => None,
    }
}

fn fold(ident: &mut ast::Ident) {
    ident.value = scope::fold(ident);
    ident.quote_style = Some('"');
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn check(with_placeholders: &str, with_literals: &str, expected: Option<&[&str]>) {
        let found = literals_for(with_placeholders, with_literals);
        let found: Option<Vec<String>> =
            found.map(|values| values.into_iter().map(|value| value.unwrap_or("NULL".into())).collect());
        let expected: Option<Vec<String>> =
            expected.map(|values| values.iter().map(|&value| value.to_owned()).collect());
        assert_eq!(found, expected, "{with_placeholders} / {with_literals}");
    }

    #[test]
    fn finds_the_constants_in_the_order_of_the_placeholders() {
        for (with_placeholders, with_literals, expected) in [
            ("SELECT * FROM t WHERE a = $1", "select *  from t where A=5 -- now", &["5"][..]),
            (
                "SELECT * FROM t WHERE b = $2 AND a = $1",
                "SELECT * FROM t WHERE b = 'it''s' AND a = -5",
                &["-5", "it's"],
            ),
            (
                "SELECT * FROM t WHERE a = $1 LIMIT $2",
                "SELECT * FROM t WHERE a = E'x\\n' LIMIT 10",
                &["x\n", "10"],
            ),
            (
                "SELECT * FROM t WHERE a IN ($1, $2, $3)",
                "SELECT * FROM t WHERE a IN (1, 2)",
                &["1", "2", "1"],
            ),
            ("SELECT * FROM t WHERE a IN ($1)", "SELECT * FROM t WHERE a IN (7, 8)", &["7"]),
            ("INSERT INTO t VALUES ($1, $2)", "INSERT INTO t VALUES (NULL, true)", &["NULL", "true"]),
            (
                "SELECT * FROM t WHERE a > $1::date",
                "SELECT * FROM t WHERE a > '2026-01-01'::date",
                &["2026-01-01"],
            ),
            (
                "SELECT * FROM t WHERE a > $1::date - $2::interval",
                "SELECT * FROM t WHERE a > date '2026-01-01' - interval '1 day'",
                &["2026-01-01", "1 day"],
            ),
            ("SELECT 1 FROM t WHERE a = 3 AND b = $1", "SELECT 1 FROM t WHERE a = 3 AND b = $$x$$", &["x"]),
            ("UPDATE t SET a = $1 WHERE b = $1", "UPDATE t SET a = 4 WHERE b = 4", &["4"]),
        ] {
            check(with_placeholders, with_literals, Some(expected));
        }
    }

    #[test]
    fn other_statements_give_nothing() {
        for (with_placeholders, with_literals) in [
            ("SELECT * FROM t WHERE a = $1", "SELECT * FROM t WHERE b = 5"),
            ("SELECT * FROM t WHERE a = $1", "SELECT * FROM t WHERE a = $1"),
            ("SELECT * FROM t WHERE a = $1", "SELECT * FROM t WHERE a = c"),
            ("SELECT * FROM \"T\" WHERE a = $1", "SELECT * FROM t WHERE a = 1"),
            ("UPDATE t SET a = $1 WHERE b = $1", "UPDATE t SET a = 4 WHERE b = 5"),
            ("SELECT * FROM t WHERE a = $2", "SELECT * FROM t WHERE a = 5"),
            ("SELECT 1 FROM t", "SELECT 1 FROM t"),
            ("SELECT 1 FROM t WHERE a = $1", "SELECT 1 FROM t WHERE a = 'cut of"),
        ] {
            check(with_placeholders, with_literals, None);
        }
    }

    proptest! {
        #[test]
        fn what_is_put_in_comes_out(values in prop::collection::vec("[a-z' \\$]{0,6}", 1..5)) {
            let statement = |value: &dyn Fn(usize) -> String| {
                let conditions: Vec<String> =
                    (0..values.len()).map(|i| format!("c{i} = {}", value(i))).collect();
                format!("SELECT * FROM t WHERE {}", conditions.join(" AND "))
            };
            let with_placeholders = statement(&|i| format!("${}", i + 1));
            let with_literals = statement(&|i| format!("'{}'", values[i].replace('\'', "''")));
            let expected: Vec<Option<String>> = values.iter().cloned().map(Some).collect();
            prop_assert_eq!(literals_for(&with_placeholders, &with_literals), Some(expected));
        }
    }
}
