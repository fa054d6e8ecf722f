//! What an operator does with its operands.

use std::ops::ControlFlow;

use sqlparser::ast::{BinaryOperator, DataType, Expr, UnaryOperator, Value, visit_expressions};

use super::types::Test;
use super::{pattern, volatility};

/// Returns what a test of one operand tests, how, and whether it is false for nulls.
pub(super) fn unary(expr: &Expr) -> (&Expr, Test, bool) {
    match expr {
        Expr::IsNull(tested) | Expr::IsUnknown(tested) => (tested, Test::IsNull, false),
        Expr::IsNotNull(tested) | Expr::IsNotUnknown(tested) => (tested, Test::IsNotNull, true),
        Expr::IsTrue(tested) | Expr::IsFalse(tested) => (tested, Test::Equal, true),
        Expr::IsNotTrue(tested) | Expr::IsNotFalse(tested) => (tested, Test::NotEqual, false),
        Expr::UnaryOp { op: UnaryOperator::Not, expr } => (expr, Test::Equal, true),
        other => (other, Test::Equal, true),
    }
}

pub(super) fn is_range(op: &BinaryOperator) -> bool {
    matches!(op, BinaryOperator::Lt | BinaryOperator::LtEq | BinaryOperator::Gt | BinaryOperator::GtEq)
}

/// Returns the test of an operator when the operand stands on its left, and when it stands on its right.
pub(super) fn tests_of(op: &BinaryOperator, left: &Expr, right: &Expr) -> (Test, Test) {
    match op {
        BinaryOperator::Eq => (Test::Equal, Test::Equal),
        BinaryOperator::NotEq => (Test::NotEqual, Test::NotEqual),
        op if is_range(op) => (Test::Range, Test::Range),
        BinaryOperator::AtArrow => (Test::Contains, Test::ContainedBy),
        BinaryOperator::ArrowAt => (Test::ContainedBy, Test::Contains),
        BinaryOperator::PGOverlap => (Test::Overlaps, Test::Overlaps),
        BinaryOperator::Question | BinaryOperator::QuestionAnd | BinaryOperator::QuestionPipe => {
            (Test::HasKey, Test::Other)
        }
        BinaryOperator::AtQuestion => (Test::JsonPath, Test::Other),
        BinaryOperator::AtAt => {
            (if is_json_path(left, right) { Test::JsonPath } else { Test::Matches }, Test::Matches)
        }
        BinaryOperator::PGStartsWith => (Test::Prefix, Test::Other),
        BinaryOperator::PGRegexMatch => (pattern::regular_expression(right), Test::Other),
        BinaryOperator::PGRegexIMatch => (Test::Infix, Test::Other),
        BinaryOperator::Modulo => (Test::Infix, Test::Infix),
        BinaryOperator::Custom(op) if matches!(op.as_str(), "<%" | "%>" | "<<%" | "%>>") => {
            (Test::Infix, Test::Infix)
        }
        BinaryOperator::PGCustomBinaryOperator(parts) => match parts.last().map(String::as_str) {
            Some("=") => (Test::Equal, Test::Equal),
            Some("<" | "<=" | ">" | ">=") => (Test::Range, Test::Range),
            Some("@>") => (Test::Contains, Test::ContainedBy),
            Some("<@") => (Test::ContainedBy, Test::Contains),
            Some("&&") => (Test::Overlaps, Test::Overlaps),
            Some("%") => (Test::Infix, Test::Infix),
            _ => (Test::Other, Test::Other),
        },
        _ => (Test::Other, Test::Other),
    }
}

/// Whether `left @@ right` applies a jsonpath, and not a tsquery, by the form of both sides.
fn is_json_path(left: &Expr, right: &Expr) -> bool {
    let is_of_text =
        |expr: &Expr| matches!(expr, Expr::Function(function) if volatility::name(function) == "to_tsvector");
    match right {
        Expr::Cast { data_type: DataType::Custom(name, _), .. } => {
            name.to_string().eq_ignore_ascii_case("jsonpath")
        }
        // A path that is a predicate names the document (`$`) or a variable.
        Expr::Value(value) => match &value.value {
            Value::SingleQuotedString(text) => text.contains('$') && !is_of_text(left),
            _ => false,
        },
        _ => false,
    }
}

/// Whether an operand is null when its columns are.
pub(super) fn is_strict_expression(expr: &Expr) -> bool {
    /// Functions that make something of nulls.
    const LENIENT: [&str; 9] = [
        "coalesce",
        "concat",
        "concat_ws",
        "format",
        "greatest",
        "least",
        "num_nonnulls",
        "num_nulls",
        "nullif",
    ];
    visit_expressions(expr, |expr| {
        let is_lenient = match expr {
            Expr::Function(function) => LENIENT.contains(&volatility::name(function).as_str()),
            Expr::Case { .. }
            | Expr::IsNull(_)
            | Expr::IsNotNull(_)
            | Expr::IsDistinctFrom(..)
            | Expr::IsNotDistinctFrom(..)
            | Expr::IsNotTrue(_)
            | Expr::IsNotFalse(_)
            | Expr::BinaryOp { op: BinaryOperator::And | BinaryOperator::Or, .. } => true,
            _ => false,
        };
        if is_lenient { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    })
    .is_continue()
}
