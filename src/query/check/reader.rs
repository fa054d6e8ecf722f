//! Reads the parser's expressions into formulas.

use sqlparser::ast::{BinaryOperator, CaseWhen, Expr, UnaryOperator};

use super::super::condition;
use super::formula::{Comparison, Formula, Limit, Opaque, Pattern, PatternKind, Term, Test};
use super::literal::Literal;
use super::term::{arguments, bare, literal, literals, shifted, term};

/// `a = b` of two conditions is written out as `(a AND b) OR (NOT a AND NOT b)` while both have so few tests.
const MAX_WRITTEN_OUT: usize = 8;

/// Reads a condition; parts that it does not understand are opaque.
pub(super) fn formula(expr: &Expr) -> Formula {
    let expr = bare(expr);
    match expr {
        Expr::BinaryOp { left, op: BinaryOperator::And, right } => {
            Formula::all(vec![formula(left), formula(right)])
        }
        Expr::BinaryOp { left, op: BinaryOperator::Or, right } => {
            Formula::any(vec![formula(left), formula(right)])
        }
        Expr::UnaryOp { op: UnaryOperator::Not, expr } => formula(expr).negated(),
        _ => understood(expr).unwrap_or_else(|| opaque(expr)),
    }
}

fn opaque(expr: &Expr) -> Formula {
    let sql = expr.to_string();
    let mut columns: Vec<String> = Vec::new();
    for column in condition::columns(&sql) {
        if !columns.contains(&column.name) {
            columns.push(column.name);
        }
    }
    Formula::Opaque(Opaque { sql, columns })
}

fn understood(expr: &Expr) -> Option<Formula> {
    let test = |test| Some(Formula::Test { test, sql: expr.to_string() });
    match expr {
        Expr::Value(_) => match literal(expr)? {
            Literal::Bool(true) => Some(Formula::All(Vec::new())),
            Literal::Bool(false) => Some(Formula::Any(Vec::new())),
            _ => None,
        },
        Expr::Identifier(_) => {
            test(Test::In { of: term(expr)?, values: vec![Literal::Bool(true)], negated: false })
        }
        Expr::Function(function) => {
            let (name, arguments) = arguments(function)?;
            match (&*name, &arguments[..]) {
                ("isempty", [_]) => {
                    test(Test::In { of: term(expr)?, values: vec![Literal::Bool(true)], negated: false })
                }
                ("coalesce", [_, default]) => {
                    let is_true = Expr::value(sqlparser::ast::Value::Boolean(true));
                    literal(default)?;
                    coalesced(&arguments, Comparison::Equal, &is_true, expr)
                }
                _ => None,
            }
        }
        Expr::IsNull(inner) => nulls(inner, false, expr),
        Expr::IsNotNull(inner) => nulls(inner, true, expr),
        Expr::IsTrue(inner) => is_true(&formula(inner)),
        Expr::IsNotTrue(inner) => Some(is_true(&formula(inner))?.negated()),
        Expr::IsFalse(inner) => is_true(&formula(inner).negated()),
        Expr::IsNotFalse(inner) => Some(is_true(&formula(inner).negated())?.negated()),
        Expr::IsDistinctFrom(left, right) => Some(is_same(left, right)?.negated()),
        Expr::IsNotDistinctFrom(left, right) => is_same(left, right),
        Expr::InList { expr: of, list, negated } => {
            let values = list.iter().map(literal).collect::<Option<Vec<_>>>()?;
            test(one_of(term(of)?, values, *negated)?)
        }
        Expr::AnyOp { left, compare_op: BinaryOperator::Eq, right, .. } => {
            test(one_of(term(left)?, literals(right)?, false)?)
        }
        Expr::AllOp { left, compare_op: BinaryOperator::NotEq, right } => {
            test(one_of(term(left)?, literals(right)?, true)?)
        }
        Expr::AnyOp { left, compare_op, right, .. } => {
            let parts = literals(right)?.into_iter().map(|value| matches(left, compare_op, value, expr));
            Some(Formula::any(parts.collect::<Option<_>>()?))
        }
        Expr::AllOp { left, compare_op, right } => {
            let parts = literals(right)?.into_iter().map(|value| matches(left, compare_op, value, expr));
            Some(Formula::all(parts.collect::<Option<_>>()?))
        }
        Expr::Between { expr: of, negated, low, high } => {
            let limit = |value| Some(Limit { value: literal(value).filter(is_value)?, is_inclusive: true });
            let between =
                test(Test::Bound { of: term(of)?, low: Some(limit(low)?), high: Some(limit(high)?) })?;
            Some(if *negated { between.negated() } else { between })
        }
        Expr::BinaryOp { left, op, right } => match comparison(op) {
            Some(op) => compared(left, op, right, expr),
            None => matches(left, op, pattern_text(right)?, expr),
        },
        Expr::Like { negated, any: false, expr: of, pattern, escape_char: None } => {
            let matches = matches(of, &BinaryOperator::PGLikeMatch, literal(pattern)?, expr)?;
            Some(if *negated { matches.negated() } else { matches })
        }
        Expr::ILike { negated, any: false, expr: of, pattern, escape_char: None } => {
            let matches = matches(of, &BinaryOperator::PGILikeMatch, literal(pattern)?, expr)?;
            Some(if *negated { matches.negated() } else { matches })
        }
        _ => None,
    }
}

fn column(expr: &Expr) -> Option<String> {
    match term(expr)? {
        Term::Column(column) => Some(column),
        _ => None,
    }
}

fn is_value(literal: &Literal) -> bool {
    *literal != Literal::Null
}

fn one_of(of: Term, values: Vec<Literal>, negated: bool) -> Option<Test> {
    // With a NULL among them the test is never false.
    values.iter().all(is_value).then_some(Test::In { of, values, negated })
}

fn null(column: &str, negated: bool) -> Formula {
    let sql =
        format!("{} IS {}NULL", crate::query::quote::identifier(column), if negated { "NOT " } else { "" });
    Formula::Test { test: Test::Null { column: column.to_owned(), negated }, sql }
}

/// Reads `column IS [NOT] NULL`, and the same of `coalesce(…)` and of a row of columns.
fn nulls(inner: &Expr, negated: bool, whole: &Expr) -> Option<Formula> {
    let Expr::Function(function) = bare(inner) else {
        let test = Test::Null { column: column(inner)?, negated };
        return Some(Formula::Test { test, sql: whole.to_string() });
    };
    let (name, arguments) = arguments(function)?;
    let each = arguments.iter().map(|argument| Some(null(&column(argument)?, negated)));
    let each: Vec<Formula> = each.collect::<Option<_>>()?;
    match &*name {
        "coalesce" if negated => Some(Formula::any(each)),
        "coalesce" | "row" => Some(Formula::all(each)),
        _ => None,
    }
}

/// Returns the formula that is true where this one is, and else false; `None` where it has no such form.
fn is_true(formula: &Formula) -> Option<Formula> {
    match formula {
        Formula::Test { test: Test::Null { .. } | Test::Nulls { .. }, .. } => Some(formula.clone()),
        Formula::Test { test, .. } => {
            let known = test.columns().into_iter().map(|column| null(column, true));
            Some(Formula::all([formula.clone()].into_iter().chain(known).collect()))
        }
        Formula::All(parts) => Some(Formula::all(parts.iter().map(is_true).collect::<Option<_>>()?)),
        Formula::Any(parts) => Some(Formula::any(parts.iter().map(is_true).collect::<Option<_>>()?)),
        Formula::Opaque(_) => None,
    }
}

/// Reads `left IS NOT DISTINCT FROM right`.
fn is_same(left: &Expr, right: &Expr) -> Option<Formula> {
    let (column, other) = match (column(left), column(right)) {
        (Some(column), _) => (column, right),
        (None, Some(column)) => (column, left),
        _ => return None,
    };
    if literal(other) == Some(Literal::Null) {
        return Some(null(&column, false));
    }
    let equal = Expr::BinaryOp {
        left: Box::new(left.clone()),
        op: BinaryOperator::Eq,
        right: Box::new(right.clone()),
    };
    let equal = is_true(&formula(&equal))?;
    match term(other) {
        Some(Term::Column(other)) => {
            let neither = Formula::all(vec![null(&column, false), null(&other, false)]);
            Some(Formula::any(vec![equal, neither]))
        }
        _ => Some(equal),
    }
}

fn comparison(op: &BinaryOperator) -> Option<Comparison> {
    Some(match op {
        BinaryOperator::Eq => Comparison::Equal,
        BinaryOperator::NotEq => Comparison::NotEqual,
        BinaryOperator::Lt => Comparison::Less,
        BinaryOperator::LtEq => Comparison::LessOrEqual,
        BinaryOperator::Gt => Comparison::Greater,
        BinaryOperator::GtEq => Comparison::GreaterOrEqual,
        _ => return None,
    })
}

fn against(of: Term, comparison: Comparison, value: Literal) -> Test {
    let limit = |is_inclusive| Some(Limit { value: value.clone(), is_inclusive });
    match comparison {
        Comparison::Equal => Test::In { of, values: vec![value], negated: false },
        Comparison::NotEqual => Test::In { of, values: vec![value], negated: true },
        Comparison::Less => Test::Bound { of, low: None, high: limit(false) },
        Comparison::LessOrEqual => Test::Bound { of, low: None, high: limit(true) },
        Comparison::Greater => Test::Bound { of, low: limit(false), high: None },
        Comparison::GreaterOrEqual => Test::Bound { of, low: limit(true), high: None },
    }
}

fn compared(left: &Expr, op: Comparison, right: &Expr, whole: &Expr) -> Option<Formula> {
    let test = |test| Some(Formula::Test { test, sql: whole.to_string() });
    if let Some(value) = literal(left) {
        // The constant belongs on the right.
        return literal(right)
            .is_none()
            .then(|| against_constant(right, op.swapped(), &value, left, whole))?;
    }
    if let Some(value) = literal(right) {
        return against_constant(left, op, &value, right, whole);
    }
    match (shifted(left), shifted(right)) {
        (Some((left, None)), Some((right, shift))) => {
            // `now()` belongs on the right.
            match (left.is_of_now(), shift) {
                (true, None) => {
                    test(Test::Order { left: right, comparison: op.swapped(), right: left, shift: None })
                }
                (true, _) => None,
                (false, shift) => test(Test::Order { left, comparison: op, right, shift }),
            }
        }
        (Some((left, shift)), Some((right, None))) if !right.is_of_now() => {
            test(Test::Order { left: right, comparison: op.swapped(), right: left, shift })
        }
        (None, _) | (_, None) => same_conditions(left, op, right),
        _ => None,
    }
}

/// Reads `of op value`.
fn against_constant(
    of: &Expr,
    op: Comparison,
    value: &Literal,
    value_expr: &Expr,
    whole: &Expr,
) -> Option<Formula> {
    let test = |test| Some(Formula::Test { test, sql: whole.to_string() });
    if !is_value(value) {
        return None;
    }
    match (bare(of), op, value) {
        // Spares a case below: `(a IS NULL) = true`.
        (_, Comparison::Equal | Comparison::NotEqual, Literal::Bool(value)) if term(of).is_none() => {
            let condition = understood(bare(of))?;
            let is_wanted = *value == (op == Comparison::Equal);
            Some(if is_wanted { condition } else { condition.negated() })
        }
        (Expr::Function(function), ..) if term(of).is_none() => {
            let (name, arguments) = arguments(function)?;
            match (&*name, value) {
                ("coalesce", _) => coalesced(&arguments, op, value_expr, whole),
                ("num_nulls" | "num_nonnulls", Literal::Int(n)) => {
                    let columns =
                        arguments.iter().map(|argument| column(argument)).collect::<Option<Vec<_>>>()?;
                    let (n, total) = (i64::try_from(*n).ok()?, i64::try_from(columns.len()).ok()?);
                    let (n, comparison) =
                        if name == "num_nulls" { (n, op) } else { (total.checked_sub(n)?, op.swapped()) };
                    test(Test::Nulls { columns, comparison, n })
                }
                _ => None,
            }
        }
        (Expr::BinaryOp { op: BinaryOperator::Plus, .. }, _, Literal::Int(n)) => {
            let (columns, is_null) = counted(of)?;
            let (n, total) = (i64::try_from(*n).ok()?, i64::try_from(columns.len()).ok()?);
            let (n, comparison) = if is_null { (n, op) } else { (total.checked_sub(n)?, op.swapped()) };
            test(Test::Nulls { columns, comparison, n })
        }
        // `a - b > 5`
        (Expr::BinaryOp { left, op: BinaryOperator::Minus, right }, ..)
            if column(left).is_some() && column(right).is_some() =>
        {
            test(Test::Order {
                left: term(left)?,
                comparison: op,
                right: term(right)?,
                shift: Some(value.clone()),
            })
        }
        _ => match term(of)? {
            of if of.is_of_now() => None,
            of => test(against(of, op, value.clone())),
        },
    }
}

/// Reads a sum that counts the columns which are NULL, or those which are not, as `num_nulls` and `num_nonnulls` do: of
/// `(a IS NULL)::integer` and of `CASE WHEN a IS NULL THEN 1 ELSE 0 END`. Returns the columns, and whether it is the first.
fn counted(expr: &Expr) -> Option<(Vec<String>, bool)> {
    let of = |condition: &Expr, is_counted: bool| match bare(condition) {
        Expr::IsNull(inner) => Some((vec![column(inner)?], is_counted)),
        Expr::IsNotNull(inner) => Some((vec![column(inner)?], !is_counted)),
        _ => None,
    };
    match bare(expr) {
        Expr::BinaryOp { left, op: BinaryOperator::Plus, right } => {
            let ((left, is_null), (right, is_same)) = (counted(left)?, counted(right)?);
            (is_null == is_same).then(|| ([left, right].concat(), is_null))
        }
        Expr::Cast { expr, .. } => of(expr, true),
        Expr::Case { operand: None, conditions, else_result: Some(otherwise), .. } => {
            let [CaseWhen { condition, result }] = &conditions[..] else { return None };
            match (literal(result)?, literal(otherwise)?) {
                (Literal::Int(1), Literal::Int(0)) => of(condition, true),
                (Literal::Int(0), Literal::Int(1)) => of(condition, false),
                _ => None,
            }
        }
        _ => None,
    }
}

/// Reads `coalesce(column, default) op value`.
fn coalesced(arguments: &[&Expr], op: Comparison, value: &Expr, whole: &Expr) -> Option<Formula> {
    let [of, default] = arguments else { return None };
    let (of, default, value) = (column(of)?, literal(default)?, literal(value)?);
    let ordering = match (&default, &value) {
        (Literal::Int(default), Literal::Int(value)) => default.cmp(value),
        (Literal::Bool(default), Literal::Bool(value)) => default.cmp(value),
        (Literal::Text(default), Literal::Text(value))
            if matches!(op, Comparison::Equal | Comparison::NotEqual) =>
        {
            default.cmp(value)
        }
        _ => return None,
    };
    let is_default = match op {
        Comparison::Equal => ordering.is_eq(),
        Comparison::NotEqual => ordering.is_ne(),
        Comparison::Less => ordering.is_lt(),
        Comparison::LessOrEqual => ordering.is_le(),
        Comparison::Greater => ordering.is_gt(),
        Comparison::GreaterOrEqual => ordering.is_ge(),
    };
    let test = against(Term::Column(of.clone()), op, value);
    let known = Formula::all(vec![null(&of, true), Formula::Test { test, sql: whole.to_string() }]);
    Some(if is_default { Formula::any(vec![known, null(&of, false)]) } else { known })
}

/// Reads `(a IS NULL) = (b IS NULL)` and the like. With `NULL` on one side both forms are NULL.
fn same_conditions(left: &Expr, op: Comparison, right: &Expr) -> Option<Formula> {
    let (left, right) = (formula(left), formula(right));
    let is_short = |formula: &Formula| formula.opaque().is_empty() && n_tests(formula) <= MAX_WRITTEN_OUT;
    if !is_short(&left) || !is_short(&right) {
        return None;
    }
    let right = match op {
        Comparison::Equal => right,
        Comparison::NotEqual => right.negated(),
        _ => return None,
    };
    let neither = Formula::all(vec![left.negated(), right.negated()]);
    Some(Formula::any(vec![Formula::all(vec![left, right]), neither]))
}

fn n_tests(formula: &Formula) -> usize {
    match formula {
        Formula::All(parts) | Formula::Any(parts) => parts.iter().map(n_tests).sum(),
        Formula::Test { .. } | Formula::Opaque(_) => 1,
    }
}

/// Reads the pattern of a match: a constant, or `similar_to_escape('…')`, which SIMILAR TO is printed as.
fn pattern_text(expr: &Expr) -> Option<Literal> {
    let Expr::Function(function) = bare(expr) else { return literal(expr) };
    match (arguments(function)?, PatternKind::Similar) {
        ((name, arguments), _) if name == "similar_to_escape" && arguments.len() == 1 => {
            let Literal::Text(text) = literal(arguments[0])? else { return None };
            Some(Literal::Other { text, type_name: name })
        }
        _ => None,
    }
}

/// Reads `of op pattern`.
fn matches(of: &Expr, op: &BinaryOperator, pattern: Literal, whole: &Expr) -> Option<Formula> {
    let (kind, negated) = match op {
        BinaryOperator::PGRegexMatch => (PatternKind::Regex, false),
        BinaryOperator::PGRegexNotMatch => (PatternKind::Regex, true),
        BinaryOperator::PGRegexIMatch => (PatternKind::RegexIgnoringCase, false),
        BinaryOperator::PGRegexNotIMatch => (PatternKind::RegexIgnoringCase, true),
        BinaryOperator::PGLikeMatch => (PatternKind::Like, false),
        BinaryOperator::PGNotLikeMatch => (PatternKind::Like, true),
        BinaryOperator::PGILikeMatch => (PatternKind::LikeIgnoringCase, false),
        BinaryOperator::PGNotILikeMatch => (PatternKind::LikeIgnoringCase, true),
        _ => return None,
    };
    let pattern = match (pattern, kind) {
        (Literal::Text(text), kind) => Pattern { text, kind },
        (Literal::Other { text, .. }, PatternKind::Regex) => Pattern { text, kind: PatternKind::Similar },
        _ => return None,
    };
    Some(Formula::Test { test: Test::Matches { of: term(of)?, pattern, negated }, sql: whole.to_string() })
}
