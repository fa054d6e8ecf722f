//! Patterns of LIKE and of regular expressions: whether the text that they find must begin with something known.

use sqlparser::ast::{BinaryOperator, Expr, Value};

use super::types::Test;
use super::{parameter, volatility};

/// Functions that leave the wildcards of a text where they are.
const KEEPING: [&str; 4] = ["f_unaccent", "lower", "unaccent", "upper"];

/// Returns what LIKE tests by where its pattern has the first wildcard.
pub(super) fn like(pattern: &Expr) -> Test {
    let parts = parts(pattern);
    let wildcards = wildcards(pattern);
    let known = parts.iter().map(|part| text(part)).find(|text| *text != Some(""));
    match (known, &parts[..]) {
        (Some(Some(text)), _) if text.starts_with(['%', '_']) => Test::Infix,
        (Some(None), [whole]) => match whole {
            Expr::Function(function) if KEEPING.contains(&volatility::name(function).as_str()) => {
                match volatility::arguments(function).as_deref() {
                    Some([argument]) => like(argument),
                    _ => Test::Pattern,
                }
            }
            // `%%` is an asterisk's brother in a format.
            Expr::Function(function) if volatility::name(function) == "format" => {
                match volatility::arguments(function).as_deref() {
                    Some([format, ..]) => match text(format) {
                        Some(format) if format.starts_with("%%") => Test::Infix,
                        _ => Test::Prefix,
                    },
                    _ => Test::Pattern,
                }
            }
            _ => Test::Pattern,
        },
        (Some(None), [first, ..]) => match parameter::direct(first) {
            Some(number) if wildcards.contains(&number) => Test::Infix,
            _ => Test::Prefix,
        },
        _ => Test::Prefix,
    }
}

/// Returns what SIMILAR TO tests.
pub(super) fn similar(pattern: &Expr) -> Test {
    match text(pattern) {
        Some(text) if text.starts_with(char::is_alphanumeric) => Test::Prefix,
        Some(_) => Test::Infix,
        None => like(pattern),
    }
}

/// Returns whether a regular expression is bound to the start of the text.
pub(super) fn regular_expression(pattern: &Expr) -> Test {
    let parts = parts(pattern);
    match (parts.first().and_then(|first| text(first)), parts.len()) {
        (Some("^"), 2..) => Test::Prefix,
        (Some(text), _) => match text.strip_prefix('^') {
            Some(rest) if rest.starts_with(|c: char| c.is_alphanumeric() || c == '(') => Test::Prefix,
            _ => Test::Infix,
        },
        (None, 1) if parameter::direct(pattern).is_some() => Test::Pattern,
        _ => Test::Infix,
    }
}

/// Returns the placeholders that stand for `'%'`: where a text is put together from placeholders alone, they were constants,
/// to which `pg_stat_statements` gives the numbers behind the statement's own parameters, or all in their order.
pub(super) fn wildcards(pattern: &Expr) -> Vec<usize> {
    let numbers: Option<Vec<usize>> = parts(pattern).into_iter().map(parameter::direct).collect();
    match numbers.as_deref() {
        Some([first, .., last]) if numbers.as_ref().is_some_and(|numbers| numbers.len() > 2) => {
            vec![*first, *last]
        }
        Some([first, second]) => vec![*first.max(second)],
        _ => Vec::new(),
    }
}

/// Returns the parts of a text that `||` or `concat` put together.
fn parts(expr: &Expr) -> Vec<&Expr> {
    let mut found = Vec::new();
    let mut open = vec![expr];
    while let Some(expr) = open.pop() {
        match expr {
            Expr::BinaryOp { left, op: BinaryOperator::StringConcat, right } => {
                open.extend([&**right, &**left]);
            }
            Expr::Function(function) if volatility::name(function) == "concat" => {
                open.extend(volatility::arguments(function).unwrap_or_default().into_iter().rev());
            }
            other => found.push(other),
        }
    }
    found
}

/// Returns a string constant, through casts.
fn text(expr: &Expr) -> Option<&str> {
    match expr {
        Expr::Value(value) => match &value.value {
            Value::SingleQuotedString(text) | Value::EscapedStringLiteral(text) => Some(text),
            _ => None,
        },
        Expr::Cast { expr, .. } => text(expr),
        _ => None,
    }
}
