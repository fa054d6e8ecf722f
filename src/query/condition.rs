//! The expressions that EXPLAIN prints (`Filter`, `Index Cond`, `Join Filter`, …), taken apart at their ANDs.

use std::ops::ControlFlow;

use sqlparser::ast::{
    AccessExpr, BinaryOperator, DataType, Expr, Function, FunctionArg, FunctionArgExpr, FunctionArguments,
    Ident, UnaryOperator, Visit, Visitor, visit_expressions_mut,
};

use super::{grammar, increments};

/// One condition, as in `(user_id = 5)` or `(lower(u.name) ~~ 'a%'::text)`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Condition {
    /// The column that is tested: the one on the left, else the one on the right. `None` when neither side is one.
    pub(crate) column: Option<ColumnName>,
    /// What stands around the tested column, so that a plain index on it does not serve.
    pub(crate) wrapping: Option<Wrapping>,
    /// The side with the tested column as an index would hold it, where something stands around the column: without
    /// qualifiers.
    pub(crate) expression: Option<String>,
    pub(crate) operator: Operator,
    pub(crate) against: Against,
    /// Every column that the condition names, once each.
    pub(crate) columns: Vec<ColumnName>,
    /// As EXPLAIN wrote it, without the parentheses around it.
    pub(crate) sql: String,
}

/// A column as EXPLAIN names it: qualified when the query has more than one table, or with VERBOSE.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct ColumnName {
    pub(crate) qualifier: Option<String>,
    pub(crate) name: String,
}

/// What stands around a column.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Wrapping {
    /// A function's name, as in `lower(x)`.
    Function(String),
    /// A type's name, as in `(x)::text`.
    Cast(String),
    /// `->`, `->>`, `#>`, `#>>`.
    Json(String),
    /// The columns of `ROW(a, b) > ROW(1, 2)`, of which the first is the tested one.
    Row(Vec<ColumnName>),
    /// Arithmetic and the rest.
    Expression,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Operator {
    Equal,
    NotEqual,
    /// `<`, `<=`, `>`, `>=`.
    Range,
    /// `= ANY (…)`, and IN.
    Any,
    /// `LIKE` and `ILIKE`, with the pattern, where it is a constant.
    Like {
        pattern: Option<String>,
        ignores_case: bool,
    },
    IsNull,
    IsNotNull,
    /// A condition with OR between its parts.
    Or,
    /// Any other, as written: `@>`, `&&`, `~`, …
    Other(String),
}

/// What a column is compared with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Against {
    /// A constant, as written.
    Constant(String),
    /// Another column: a join.
    Column(ColumnName),
    /// `$1` and other values that stay the same during a scan.
    Parameter,
    /// Anything computed, and what a null test has.
    Expression,
}

/// Takes an expression apart; what cannot be parsed gives no condition.
pub(crate) fn conditions(expression: &str) -> Vec<Condition> {
    conjuncts(expression)
        .into_iter()
        .filter_map(|text| {
            // The parentheses tell `(SubPlan 1)` from a column.
            let expr = parse(&format!("({text})"))?;
            Some(condition(bare(&expr), text))
        })
        .collect()
}

/// Returns every column that an expression names, once each.
pub(crate) fn columns(expression: &str) -> Vec<ColumnName> {
    parse(expression).map(|expr| columns_of(&expr)).unwrap_or_default()
}

/// Returns the column that an expression is, as an item of `Sort Key` often is.
pub(crate) fn single_column(expression: &str) -> Option<ColumnName> {
    parse(expression).and_then(|expr| column(bare(&expr)))
}

fn parse(expression: &str) -> Option<Expr> {
    // `(SubPlan 1)`, `(InitPlan 1).col1` and `(hashed SubPlan 1)` are EXPLAIN's own notation.
    grammar::expression(&plain(expression))
}

/// Replaces references to subplans by `$0`, which parses.
fn plain(expression: &str) -> String {
    let mut text = expression.to_owned();
    for word in ["InitPlan ", "SubPlan ", "hashed SubPlan ", "alternatives: "] {
        while let Some(start) = text.find(&format!("({word}")) {
            let Some(end) = text[start..].find(')').map(|end| start + end + 1) else { return text };
            let end = match text[end..].strip_prefix(".col") {
                Some(rest) => end + 4 + rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len()),
                None => end,
            };
            text.replace_range(start..end, "$0");
        }
    }
    text
}

/// Splits an expression at its outermost ANDs, as text: one part that cannot be parsed does not lose the others.
/// EXPLAIN never writes `BETWEEN a AND b`.
pub(crate) fn conjuncts(text: &str) -> Vec<&str> {
    let text = text.trim();
    let (mut depth, mut quote, mut start) = (0_usize, None, 0);
    let mut parts = Vec::new();
    // Whether the first parenthesis is closed by the last character.
    let mut is_wrapped = text.starts_with('(');
    for (at, c) in text.char_indices() {
        match (quote, c) {
            (Some(open), _) => quote = Some(open).filter(|open| c != *open),
            (None, '\'' | '"') => quote = Some(c),
            (None, '(' | '[') => depth += 1,
            (None, ')' | ']') => {
                depth = depth.saturating_sub(1);
                is_wrapped &= depth > 0 || at + 1 == text.len();
            }
            (None, ' ') if depth == 0 && at >= start && text[at..].starts_with(" AND ") => {
                parts.push(&text[start..at]);
                start = at + " AND ".len();
            }
            _ => {}
        }
    }
    if is_wrapped && depth == 0 && text.len() > 1 {
        return conjuncts(&text[1..text.len() - 1]);
    }
    if parts.is_empty() {
        return vec![text];
    }
    parts.push(&text[start..]);
    parts.into_iter().flat_map(conjuncts).collect()
}

fn condition(expr: &Expr, text: &str) -> Condition {
    let (operator, left, right) = match expr {
        Expr::BinaryOp { left, op, right } => {
            let operator = match op {
                BinaryOperator::Eq => Operator::Equal,
                BinaryOperator::NotEq => Operator::NotEqual,
                BinaryOperator::Lt | BinaryOperator::LtEq | BinaryOperator::Gt | BinaryOperator::GtEq => {
                    Operator::Range
                }
                BinaryOperator::Or => Operator::Or,
                // EXPLAIN writes LIKE and ILIKE as operators.
                BinaryOperator::PGLikeMatch => like(right, false),
                BinaryOperator::PGILikeMatch => like(right, true),
                other => Operator::Other(other.to_string()),
            };
            (operator, Some(&**left), Some(&**right))
        }
        // `5 = ANY (column)` asks for an element of the column.
        Expr::AnyOp { left, compare_op, right, .. } if tested(left).is_none() => {
            (Operator::Other(format!("{compare_op} ANY")), Some(&**right), Some(&**left))
        }
        Expr::AnyOp { left, compare_op: BinaryOperator::Eq, right, .. } => {
            (Operator::Any, Some(&**left), Some(&**right))
        }
        Expr::InList { expr, negated: false, list } => (Operator::Any, Some(&**expr), list.first()),
        Expr::Like { expr, pattern, negated: false, .. } => {
            (like(pattern, false), Some(&**expr), Some(&**pattern))
        }
        Expr::ILike { expr, pattern, negated: false, .. } => {
            (like(pattern, true), Some(&**expr), Some(&**pattern))
        }
        Expr::IsNull(inner) => (Operator::IsNull, Some(&**inner), None),
        Expr::IsNotNull(inner) => (Operator::IsNotNull, Some(&**inner), None),
        // A boolean column alone, and its negation.
        Expr::UnaryOp { op: UnaryOperator::Not, expr } if column(bare(expr)).is_some() => {
            (Operator::Equal, Some(&**expr), None)
        }
        Expr::IsTrue(inner) | Expr::IsFalse(inner) if column(bare(inner)).is_some() => {
            (Operator::Equal, Some(&**inner), None)
        }
        Expr::UnaryOp { op: UnaryOperator::Not, .. } => (Operator::Other("NOT".to_owned()), None, None),
        Expr::Identifier(_) | Expr::CompoundIdentifier(_) => (Operator::Equal, Some(expr), None),
        _ => (Operator::Other(String::new()), None, None),
    };
    let is_or = operator == Operator::Or;
    let (left, right) = (left.map(bare), right.map(bare));
    let tested_side = left.filter(|left| tested(left).is_some()).or(right);
    let ((column, wrapping), other) = match (left.map(tested), right.map(tested)) {
        _ if is_or => ((None, None), None),
        (Some(Some((column, wrapping))), _) => ((Some(column), wrapping), right),
        (_, Some(Some((column, wrapping)))) => ((Some(column), wrapping), left),
        _ => ((None, None), None),
    };
    Condition {
        expression: wrapping.is_some().then(|| tested_side.map(unqualified)).flatten(),
        column,
        wrapping,
        operator,
        against: other.map_or(Against::Expression, against),
        columns: columns_of(expr),
        sql: text.to_owned(),
    }
}

fn like(pattern: &Expr, ignores_case: bool) -> Operator {
    let pattern = match against(bare(pattern)) {
        Against::Constant(text) => Some(text.trim_matches('\'').to_owned()),
        _ => None,
    };
    Operator::Like { pattern, ignores_case }
}

/// Takes off parentheses.
fn bare(expr: &Expr) -> &Expr {
    match expr {
        Expr::Nested(inner) => bare(inner),
        other => other,
    }
}

/// Returns the column that an operand tests and what stands around it; a constant tests none.
fn tested(expr: &Expr) -> Option<(ColumnName, Option<Wrapping>)> {
    let expr = bare(expr);
    if let Some(column) = column(expr) {
        return Some((column, None));
    }
    let mut columns = columns_of(expr);
    let first = (!columns.is_empty()).then(|| columns.swap_remove(0))?;
    let wrapping = match expr {
        Expr::Cast { data_type, .. } => Wrapping::Cast(data_type.to_string().to_lowercase()),
        Expr::Function(function) if function.name.to_string() == "ROW" => Wrapping::Row(row(function)?),
        Expr::Function(function) => {
            Wrapping::Function(function.name.to_string().trim_matches('"').to_lowercase())
        }
        // What PostgreSQL has a syntax of its own for.
        Expr::Extract { .. } => Wrapping::Function("extract".to_owned()),
        Expr::Substring { .. } => Wrapping::Function("substring".to_owned()),
        Expr::Trim { .. } => Wrapping::Function("trim".to_owned()),
        Expr::Ceil { .. } => Wrapping::Function("ceil".to_owned()),
        Expr::Floor { .. } => Wrapping::Function("floor".to_owned()),
        Expr::AtTimeZone { .. } => Wrapping::Function("timezone".to_owned()),
        Expr::BinaryOp {
            op:
                op @ (BinaryOperator::Arrow
                | BinaryOperator::LongArrow
                | BinaryOperator::HashArrow
                | BinaryOperator::HashLongArrow),
            ..
        } => Wrapping::Json(op.to_string()),
        _ => Wrapping::Expression,
    };
    Some((first, Some(wrapping)))
}

fn column(expr: &Expr) -> Option<ColumnName> {
    match expr {
        Expr::Identifier(name) => Some(ColumnName { qualifier: None, name: name.value.clone() }),
        Expr::CompoundIdentifier(parts) => match &parts[..] {
            [.., qualifier, name] => {
                Some(ColumnName { qualifier: Some(qualifier.value.clone()), name: name.value.clone() })
            }
            _ => None,
        },
        _ => None,
    }
}

/// Writes an expression without the qualifiers of its columns and the types of its strings.
fn unqualified(expr: &Expr) -> String {
    let mut expr = expr.clone();
    let _ = visit_expressions_mut(&mut expr, |expr| {
        if let Expr::CompoundIdentifier(parts) = expr
            && let Some(name) = parts.pop()
        {
            *expr = Expr::Identifier(name);
        }
        ControlFlow::<()>::Continue(())
    });
    expr.to_string().replace("'::TEXT", "'")
}

/// Returns the columns of a row constructor when it holds nothing else.
fn row(function: &Function) -> Option<Vec<ColumnName>> {
    let FunctionArguments::List(list) = &function.args else { return None };
    list.args
        .iter()
        .map(|argument| match argument {
            FunctionArg::Unnamed(FunctionArgExpr::Expr(expr)) => column(bare(expr)),
            _ => None,
        })
        .collect()
}

fn against(expr: &Expr) -> Against {
    match expr {
        Expr::Value(value) => match &value.value {
            sqlparser::ast::Value::Placeholder(_) => Against::Parameter,
            _ => Against::Constant(expr.to_string()),
        },
        Expr::Cast { expr: inner, data_type, .. } => match (against(bare(inner)), data_type) {
            // `'{1,2}'::integer[]` stays as it is.
            (Against::Constant(_), DataType::Array(_)) => Against::Constant(expr.to_string()),
            (other, _) => other,
        },
        _ => match column(expr) {
            Some(column) => Against::Column(column),
            None => Against::Expression,
        },
    }
}

/// Collects the columns of an expression, without the names of functions and their arguments.
fn columns_of(expr: &Expr) -> Vec<ColumnName> {
    #[derive(Default)]
    struct Columns {
        found: Vec<ColumnName>,
        /// The parts of names that were found whole.
        parts: Vec<ColumnName>,
    }
    impl Visitor for Columns {
        type Break = ();
        fn pre_visit_expr(&mut self, expr: &Expr) -> ControlFlow<()> {
            let column = if let Expr::CompoundFieldAccess { root, access_chain } = expr
                && let Expr::Identifier(qualifier) = &**root
                && let Some(AccessExpr::Dot(Expr::Identifier(name))) = access_chain.first()
            {
                // `t.tags[1]`: the parser does not see the column's name in it.
                let part = |part: &Ident| ColumnName { qualifier: None, name: part.value.clone() };
                self.parts.extend([part(qualifier), part(name)]);
                Some(ColumnName { qualifier: Some(qualifier.value.clone()), name: name.value.clone() })
            } else {
                column(expr)
            };
            if let Some(column) = column
                && !self.found.contains(&column)
                && !self.parts.contains(&column)
            {
                self.found.push(column);
            }
            ControlFlow::Continue(())
        }
    }
    let mut columns = Columns::default();
    let _ = expr.visit(&mut columns);
    columns.found
}

/// Returns the columns that a range is built of, as in `tstzrange(starts_at, COALESCE(ends_at, 'infinity'::timestamptz), '[)'::text)`;
/// `None` of any other expression.
pub(crate) fn range_ends(sql: &str) -> Option<[String; 2]> {
    columns_of_call(sql, &["int4range", "int8range", "numrange", "tsrange", "tstzrange", "daterange"])
}

/// Returns the columns of which an expression is the lesser one, as in `LEAST(a, b)`; `None` of any other.
pub(crate) fn least_of(sql: &str) -> Option<[String; 2]> {
    columns_of_call(sql, &["least"])
}

/// Returns the first two arguments of a call of one of these functions where each is a column, or what stands for one that is NULL.
fn columns_of_call(sql: &str, names: &[&str]) -> Option<[String; 2]> {
    let name = |expr| {
        let instead =
            || increments::arguments(bare(expr), &["coalesce"]).next().and_then(|of| column(bare(of)));
        column(bare(expr)).or_else(instead).map(|column| column.name)
    };
    let expr = grammar::expression(sql)?;
    let mut columns = increments::arguments(bare(&expr), names).map(name);
    Some([columns.next()??, columns.next()??])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ends_of_ranges_are_found() {
        let check = |sql: &str, expected: Option<[&str; 2]>| {
            assert_eq!(range_ends(sql), expected.map(|names| names.map(str::to_owned)), "{sql}");
        };
        check("daterange(starts, ends)", Some(["starts", "ends"]));
        check("(tstzrange(\"from\", \"To\", '[]'::text))", Some(["from", "To"]));
        check("tsrange(a, COALESCE(b, 'infinity'::timestamp without time zone))", Some(["a", "b"]));
        check("daterange(starts, (starts + days))", None);
        check("box(a, b)", None);
        check("during", None);
        assert_eq!(least_of("LEAST(a, b)"), Some(["a".to_owned(), "b".to_owned()]));
    }

    fn named(name: &str) -> ColumnName {
        match name.split_once('.') {
            Some((qualifier, name)) => ColumnName { qualifier: Some(qualifier.into()), name: name.into() },
            None => ColumnName { qualifier: None, name: name.into() },
        }
    }

    /// Checks column, wrapping, operator and what it is compared with.
    fn check(expression: &str, expected: &[(&str, Option<Wrapping>, Operator, Against)]) {
        let found: Vec<_> = conditions(expression)
            .into_iter()
            .map(|condition| (condition.column, condition.wrapping, condition.operator, condition.against))
            .collect();
        let expected: Vec<_> = expected
            .iter()
            .map(|(column, wrapping, operator, against)| {
                let column = (!column.is_empty()).then(|| named(column));
                (column, wrapping.clone(), operator.clone(), against.clone())
            })
            .collect();
        assert_eq!(found, expected, "{expression}");
    }

    fn constant(text: &str) -> Against {
        Against::Constant(text.into())
    }

    #[test]
    fn takes_conditions_apart() {
        check(
            "((user_id = 5) AND (wake_time IS NULL) AND (t.a >= '2020-01-01'::date))",
            &[
                ("user_id", None, Operator::Equal, constant("5")),
                ("wake_time", None, Operator::IsNull, Against::Expression),
                ("t.a", None, Operator::Range, constant("'2020-01-01'")),
            ],
        );
        check(
            "(i = ANY ('{1,2}'::integer[]))",
            &[("i", None, Operator::Any, constant("'{1,2}'::INTEGER[]"))],
        );
        check("(a.x = b.y)", &[("a.x", None, Operator::Equal, Against::Column(named("b.y")))]);
        check("active", &[("active", None, Operator::Equal, Against::Expression)]);
        check("(flag IS TRUE)", &[("flag", None, Operator::Equal, Against::Expression)]);
        check("(NOT active)", &[("active", None, Operator::Equal, Against::Expression)]);
        check("(x = $1)", &[("x", None, Operator::Equal, Against::Parameter)]);
    }

    #[test]
    fn sees_what_stands_around_a_column() {
        check(
            "(lower(name) = 'x'::text)",
            &[("name", Some(Wrapping::Function("lower".into())), Operator::Equal, constant("'x'"))],
        );
        check(
            "((code)::text = 'x'::text)",
            &[("code", Some(Wrapping::Cast("text".into())), Operator::Equal, constant("'x'"))],
        );
        check(
            "((data ->> 'k'::text) = 'x'::text)",
            &[("data", Some(Wrapping::Json("->>".into())), Operator::Equal, constant("'x'"))],
        );
        check("((a + 1) = 5)", &[("a", Some(Wrapping::Expression), Operator::Equal, constant("5"))]);
    }

    #[test]
    fn reads_patterns_and_alternatives() {
        let like = Operator::Like { pattern: Some("%a".into()), ignores_case: false };
        check("(name ~~ '%a'::text)", &[("name", None, like, constant("'%a'"))]);
        let either = conditions("((a.x = 1) OR (b.y = 2))");
        assert_eq!(either[0].operator, Operator::Or);
        assert_eq!(either[0].columns, [named("a.x"), named("b.y")]);
    }

    #[test]
    fn reads_explains_own_notation() {
        check("(i > (InitPlan 1).col1)", &[("i", None, Operator::Range, Against::Parameter)]);
        check("(i > $0)", &[("i", None, Operator::Range, Against::Parameter)]);
        assert_eq!(conditions("(NOT (hashed SubPlan 1))").len(), 1);
    }

    #[test]
    fn one_part_does_not_lose_the_others() {
        let texts = |expression| -> Vec<String> {
            conditions(expression).into_iter().map(|condition| condition.sql).collect()
        };
        assert_eq!(
            texts("((a = ' AND ('::text) AND (b === 505) AND (d = 1))"),
            ["a = ' AND ('::text", "d = 1"]
        );
        assert_eq!(
            texts("((a = 'it''s'::text) AND (\"x AND y\" = 1))"),
            ["a = 'it''s'::text", "\"x AND y\" = 1"]
        );
        assert_eq!(texts("(((a = 1) OR (b = 2)) AND (c).d)"), ["(a = 1) OR (b = 2)", "(c).d"]);
        assert_eq!(texts("(a.x = 1) AND (a.y = 2)"), ["a.x = 1", "a.y = 2"]);
    }

    #[test]
    fn reads_rows_arrays_and_functions_with_a_syntax() {
        let row = Wrapping::Row(vec![named("t.a"), named("t.b")]);
        check("(ROW(t.a, t.b) > ROW(1, 2))", &[("t.a", Some(row), Operator::Range, Against::Expression)]);
        let any = Operator::Other("= ANY".into());
        check("('x'::text = ANY (t.tags))", &[("t.tags", None, any, constant("'x'"))]);
        let function = |name: &str| Some(Wrapping::Function(name.into()));
        check(
            "(EXTRACT(year FROM ts) = '2020'::numeric)",
            &[("ts", function("extract"), Operator::Equal, constant("'2020'"))],
        );
        check(
            "(\"left\"(x, 3) = 'abc'::text)",
            &[("x", function("left"), Operator::Equal, constant("'abc'"))],
        );
        assert_eq!(columns("(t.tags[1] = 'x'::text)"), [named("t.tags")]);
        check(
            "(NOT (a IS DISTINCT FROM 5))",
            &[("", None, Operator::Other("NOT".into()), Against::Expression)],
        );
        let expression = |text| conditions(text)[0].expression.clone().unwrap();
        assert_eq!(expression("((t.data ->> 'k'::text) = 'x'::text)"), "data ->> 'k'");
        assert_eq!(expression("('x'::text = lower(t.name))"), "lower(name)");
        assert_eq!(single_column("(t.a)"), Some(named("t.a")));
        assert_eq!(single_column("lower(a)"), None);
    }

    #[test]
    fn what_cannot_be_parsed_has_no_conditions() {
        assert!(conditions("((a = ").is_empty());
        assert!(conditions("").is_empty());
        assert_eq!(conjuncts("a AND AND b"), ["a", "AND b"]);
    }
}
