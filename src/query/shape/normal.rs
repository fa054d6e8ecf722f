//! One notation for what SQL can say in several, so that the walk and the canonical text meet fewer kinds.

use std::ops::ControlFlow;

use sqlparser::ast::{
    AccessExpr, BinaryOperator, CastKind, CeilFloorKind, DataType, DateTimeField, Expr, Function,
    FunctionArg, FunctionArgExpr, FunctionArgumentList, FunctionArguments, Ident, ObjectName, TrimWhereField,
    UnaryOperator, Value, VisitMut, VisitorMut,
};

use super::volatility;

/// Rewrites every expression in `node`: no parentheses, operators of LIKE as LIKE, special syntax of functions as calls,
/// typed constants as casts, lists for `= ANY (ARRAY[…])`.
pub(super) fn normalize<V: VisitMut>(node: &mut V) {
    let ControlFlow::Continue(()) = node.visit(&mut Normalizer);
}

struct Normalizer;

impl VisitorMut for Normalizer {
    type Break = std::convert::Infallible;

    fn pre_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<Self::Break> {
        // `t.tags[1]`: the parser takes `t` for the value and `tags` for its field.
        if let Expr::CompoundFieldAccess { root, access_chain } = expr
            && let Expr::Identifier(first) = &**root
        {
            let is_name = |access: &&AccessExpr| matches!(access, AccessExpr::Dot(Expr::Identifier(_)));
            let n_names = access_chain.iter().take_while(is_name).count();
            let mut parts = vec![first.clone()];
            parts.extend(access_chain.drain(..n_names).filter_map(|access| match access {
                AccessExpr::Dot(Expr::Identifier(name)) => Some(name),
                _ => None,
            }));
            if parts.len() > 1 {
                **root = Expr::CompoundIdentifier(parts);
            }
            if access_chain.is_empty() {
                let inner = take(root);
                *expr = inner;
            }
        }
        ControlFlow::Continue(())
    }

    fn post_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<Self::Break> {
        if let Some(other) = rewritten(expr) {
            *expr = other;
        }
        ControlFlow::Continue(())
    }
}

/// Takes an expression out of a tree that is rebuilt.
fn take(expr: &mut Expr) -> Expr {
    std::mem::replace(expr, Expr::value(Value::Null))
}

fn rewritten(expr: &mut Expr) -> Option<Expr> {
    Some(match expr {
        Expr::Nested(inner) => take(inner),
        Expr::UnaryOp { op: UnaryOperator::Minus, expr } => match &**expr {
            Expr::Value(value) => match &value.value {
                Value::Number(number, long) if !number.starts_with('-') => {
                    Expr::value(Value::Number(format!("-{number}"), *long))
                }
                _ => return None,
            },
            _ => return None,
        },
        Expr::BinaryOp { left, op, right } => return binary(left, op, right),
        Expr::AnyOp { left, compare_op: BinaryOperator::Eq, right, .. } => {
            Expr::InList { list: elements(right)?, expr: left.clone(), negated: false }
        }
        Expr::AllOp { left, compare_op: BinaryOperator::NotEq, right } => {
            Expr::InList { list: elements(right)?, expr: left.clone(), negated: true }
        }
        Expr::TypedString(string) => cast(Expr::Value(string.value.clone()), string.data_type.clone()),
        Expr::Interval(interval) => {
            let Expr::Value(value) = &*interval.value else { return None };
            let text = match (&value.value, &interval.leading_field, &interval.last_field) {
                (Value::SingleQuotedString(text), None, _) => text.clone(),
                (Value::SingleQuotedString(text), Some(field), None) => {
                    format!("{text} {}", field.to_string().to_lowercase())
                }
                _ => return None,
            };
            let data_type = DataType::Interval { fields: None, precision: None };
            cast(Expr::value(Value::SingleQuotedString(text)), data_type)
        }
        Expr::Trim { trim_where, trim_what, expr, trim_characters } => {
            let name = match trim_where {
                None | Some(TrimWhereField::Both) => "btrim",
                Some(TrimWhereField::Leading) => "ltrim",
                Some(TrimWhereField::Trailing) => "rtrim",
            };
            let what = trim_what.take().map(|what| *what);
            let characters = trim_characters.take().into_iter().flatten();
            call(name, [take(expr)].into_iter().chain(what).chain(characters))
        }
        Expr::Substring { expr, substring_from, substring_for, shorthand, .. } => {
            let name = if *shorthand { "substr" } else { "substring" };
            let one = || Expr::value(Value::Number("1".to_owned(), false));
            let from = substring_from.take().map_or_else(one, |from| *from);
            call(name, [take(expr), from].into_iter().chain(substring_for.take().map(|length| *length)))
        }
        Expr::Ceil { expr, field: CeilFloorKind::DateTimeField(DateTimeField::NoDateTime) } => {
            call("ceil", [take(expr)])
        }
        Expr::Floor { expr, field: CeilFloorKind::DateTimeField(DateTimeField::NoDateTime) } => {
            call("floor", [take(expr)])
        }
        Expr::Position { expr, r#in } => call("position", [take(r#in), take(expr)]),
        Expr::Function(function) => return of_function(function),
        _ => return None,
    })
}

fn binary(left: &mut Expr, op: &BinaryOperator, right: &mut Expr) -> Option<Expr> {
    let boolean = |expr: &Expr| match expr {
        Expr::Value(value) => match value.value {
            Value::Boolean(value) => Some(value),
            _ => None,
        },
        _ => None,
    };
    let like = |left: &mut Expr, right: &mut Expr, negated| {
        let (expr, pattern) = (Box::new(take(left)), Box::new(take(right)));
        Expr::Like { negated, any: false, expr, pattern, escape_char: None }
    };
    let ilike = |left: &mut Expr, right: &mut Expr, negated| {
        let (expr, pattern) = (Box::new(take(left)), Box::new(take(right)));
        Expr::ILike { negated, any: false, expr, pattern, escape_char: None }
    };
    Some(match op {
        BinaryOperator::PGLikeMatch => like(left, right, false),
        BinaryOperator::PGNotLikeMatch => like(left, right, true),
        BinaryOperator::PGILikeMatch => ilike(left, right, false),
        BinaryOperator::PGNotILikeMatch => ilike(left, right, true),
        // The planner does the same (`simplify_boolean_equality` of clauses.c).
        BinaryOperator::Eq | BinaryOperator::NotEq => {
            let (tested, value) = match (boolean(left), boolean(right)) {
                (None, Some(value)) => (left, value),
                (Some(value), None) => (right, value),
                _ => return None,
            };
            if value == (*op == BinaryOperator::Eq) {
                take(tested)
            } else {
                Expr::UnaryOp { op: UnaryOperator::Not, expr: Box::new(take(tested)) }
            }
        }
        _ => return None,
    })
}

/// Returns the elements of `ARRAY[…]`, through a cast to another array.
fn elements(array: &mut Expr) -> Option<Vec<Expr>> {
    match array {
        Expr::Array(array) if !array.elem.is_empty() => Some(std::mem::take(&mut array.elem)),
        Expr::Cast { expr, .. } => elements(expr),
        _ => None,
    }
}

fn of_function(function: &mut Function) -> Option<Expr> {
    let name = volatility::name(function);
    let arguments: Vec<Expr> = volatility::arguments(function)?.into_iter().cloned().collect();
    match (name.as_str(), arguments.len()) {
        ("row", _) if function.over.is_none() => Some(Expr::Tuple(arguments)),
        ("timezone", 2) => {
            let [zone, timestamp] = arguments.try_into().ok()?;
            Some(Expr::AtTimeZone { timestamp: Box::new(timestamp), time_zone: Box::new(zone) })
        }
        ("date", 1) => Some(cast(arguments.into_iter().next()?, DataType::Date)),
        _ => None,
    }
}

fn cast(expr: Expr, data_type: DataType) -> Expr {
    Expr::Cast { kind: CastKind::DoubleColon, expr: Box::new(expr), data_type, format: None }
}

fn call(name: &str, arguments: impl IntoIterator<Item = Expr>) -> Expr {
    let args = arguments.into_iter().map(|expr| FunctionArg::Unnamed(FunctionArgExpr::Expr(expr))).collect();
    Expr::Function(Function {
        name: ObjectName::from(vec![Ident::new(name)]),
        uses_odbc_syntax: false,
        parameters: FunctionArguments::None,
        args: FunctionArguments::List(FunctionArgumentList {
            duplicate_treatment: None,
            args,
            clauses: Vec::new(),
        }),
        within_group: Vec::new(),
        filter: None,
        null_treatment: None,
        over: None,
    })
}
