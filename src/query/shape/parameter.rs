//! Parameters: what each `$n` stands for, by what it is compared with.

use std::ops::ControlFlow;

use sqlparser::ast::{
    BinaryOperator, DataType, Expr, Function, FunctionArg, FunctionArguments, Ident, Query, Value, Visit,
    Visitor, visit_expressions, visit_expressions_mut,
};

use super::scope::Scope;
use super::types::{Bound, Notation, Operand, ParameterUse};
use super::{Walk, canonical, pattern, volatility};
use crate::query::scope::TableName;

/// Functions that return one of their arguments, or a form of it that is a value of the same kind.
const PASSING: [&str; 14] = [
    "abs",
    "btrim",
    "coalesce",
    "date_trunc",
    "f_unaccent",
    "greatest",
    "least",
    "lower",
    "ltrim",
    "nullif",
    "rtrim",
    "timezone",
    "unaccent",
    "upper",
];

/// An operand with its table, which a parameter is compared with.
#[derive(Clone)]
struct Subject {
    table: TableName,
    operand: Operand,
    /// The end of a range that is asked for.
    bound: Option<Bound>,
}

/// What a placeholder in a compared value is to the other side.
enum StandIn {
    /// A value like those on the other side.
    Value(usize),
    /// Only its type is known.
    Typed(usize, &'static str),
}

/// Returns the numbers of the placeholders in an expression.
pub(super) fn placeholders(expr: &Expr) -> Vec<usize> {
    let mut numbers = Vec::new();
    let _ = visit_expressions(expr, |expr| {
        numbers.extend(placeholder(expr));
        ControlFlow::<()>::Continue(())
    });
    numbers
}

impl Walk<'_> {
    /// Notes the parameters of everything in an expression, without the queries in it.
    pub(super) fn parameters_in(&mut self, expr: &Expr, scope: &Scope) {
        if !placeholders(expr).is_empty() {
            let ControlFlow::Continue(()) = expr.visit(&mut Finder { walk: self, scope, depth: 0 });
        }
    }

    /// Notes the parameters of a condition, apart from what its sides hold by themselves.
    pub(super) fn parameters_in_condition(&mut self, expr: &Expr, scope: &Scope) {
        if placeholders(expr).is_empty() {
            return;
        }
        match expr {
            // As a condition of its own it is an operator of `pg_trgm`, else it is arithmetic.
            Expr::BinaryOp { left, op: BinaryOperator::Modulo, right } => {
                self.part_parameters(left, right, scope);
                self.part_parameters(right, left, scope);
            }
            _ => self.parameter_node(expr, scope),
        }
    }

    /// Notes the parameters of two values that are compared, or of two rows; `bound` is what the right one is to the
    /// left one.
    fn compared_parameters(&mut self, left: &Expr, right: &Expr, bound: Option<Bound>, scope: &Scope) {
        if let (Expr::Tuple(lefts), Expr::Tuple(rights)) = (left, right) {
            for (left, right) in lefts.iter().zip(rights) {
                self.compared_parameters(left, right, bound, scope);
            }
        } else {
            self.parameters_beside(left, right, bound, scope);
            self.parameters_beside(right, left, bound.map(Bound::other), scope);
        }
    }

    /// Notes the parameters of `value`, which `target` is compared with.
    fn parameters_beside(&mut self, target: &Expr, value: &Expr, bound: Option<Bound>, scope: &Scope) {
        if placeholders(value).is_empty() {
            return;
        }
        if let Expr::Function(function) = target
            && volatility::name(function) == "count"
        {
            self.typed(stand_ins(value), "bigint");
        } else if let Some(subject) = self.subject(target, scope) {
            self.values_of(&Subject { bound, ..subject }, value);
        }
    }

    /// Notes parameters that are stored in a column.
    pub(super) fn stored_parameters(&mut self, table: &TableName, column: &str, value: &Expr) {
        let subject =
            Subject { table: table.clone(), operand: Operand::Column(column.to_owned()), bound: None };
        self.values_of(&subject, value);
    }

    fn values_of(&mut self, subject: &Subject, value: &Expr) {
        if let Some((number, column)) = under_the_same_function(subject, value) {
            self.add(ParameterUse::Column {
                number,
                table: subject.table.clone(),
                column,
                bound: subject.bound,
            });
            return;
        }
        for stand_in in stand_ins(value) {
            match stand_in {
                StandIn::Value(number) => self.add(subject.value(number)),
                StandIn::Typed(..) => self.typed(vec![stand_in], ""),
            }
        }
    }

    fn typed(&mut self, stand_ins: Vec<StandIn>, type_of_values: &str) {
        for stand_in in stand_ins {
            let (number, type_name) = match stand_in {
                StandIn::Value(number) => (number, type_of_values),
                StandIn::Typed(number, type_name) => (number, type_name),
            };
            let type_name = type_name.to_owned();
            self.typed_parameters.push(ParameterUse::Typed { number, type_name });
        }
    }

    fn add(&mut self, parameter: ParameterUse) {
        self.parameters.push(parameter);
    }

    /// Returns the operand that an expression is, or that it is an aggregate of.
    fn subject(&self, expr: &Expr, scope: &Scope) -> Option<Subject> {
        if let Some(resolved) = self.operands(expr, scope).into_iter().next() {
            return Some(Subject {
                table: self.uses[resolved.use_index].table.clone(),
                operand: resolved.operand,
                bound: None,
            });
        }
        match expr {
            Expr::Function(function)
                if matches!(volatility::name(function).as_str(), "min" | "max" | "avg" | "sum") =>
            {
                self.subject(volatility::arguments(function)?.first()?, scope)
            }
            _ => None,
        }
    }

    fn parameter_node(&mut self, expr: &Expr, scope: &Scope) {
        match expr {
            Expr::BinaryOp { left, op, right } => self.binary_parameters(left, op, right, scope),
            Expr::IsDistinctFrom(left, right) | Expr::IsNotDistinctFrom(left, right) => {
                self.compared_parameters(left, right, None, scope);
            }
            Expr::Between { expr, low, high, .. } => {
                self.compared_parameters(expr, low, Some(Bound::Lower), scope);
                self.compared_parameters(expr, high, Some(Bound::Upper), scope);
            }
            Expr::InList { expr, list, .. } => {
                for value in list {
                    self.compared_parameters(expr, value, None, scope);
                }
            }
            Expr::AnyOp { left, right, .. } | Expr::AllOp { left, right, .. } => {
                if let (Some(subject), Some(number)) = (self.subject(left, scope), direct(right)) {
                    self.add(subject.array(number));
                }
                if let (Some(Subject { table, operand, .. }), Some(number)) =
                    (self.subject(right, scope), direct(left))
                {
                    self.add(ParameterUse::Element { number, table, operand });
                }
            }
            Expr::Like { expr, pattern, .. }
            | Expr::ILike { expr, pattern, .. }
            | Expr::SimilarTo { expr, pattern, .. } => {
                self.text_parameters(expr, pattern, Notation::Like, scope);
            }
            Expr::Function(function) => self.function_parameters(function, scope),
            Expr::Cast { expr, data_type, .. } => {
                if let (Some(number), Some(type_name)) = (direct(expr), canonical::type_name(data_type)) {
                    self.typed_parameters.push(ParameterUse::Typed { number, type_name });
                }
            }
            Expr::Case { operand: Some(operand), conditions, .. } => {
                for when in conditions {
                    self.compared_parameters(operand, &when.condition, None, scope);
                }
            }
            _ => {}
        }
    }

    fn binary_parameters(&mut self, left: &Expr, op: &BinaryOperator, right: &Expr, scope: &Scope) {
        match op {
            BinaryOperator::Eq | BinaryOperator::NotEq => self.compared_parameters(left, right, None, scope),
            BinaryOperator::Gt | BinaryOperator::GtEq => {
                self.compared_parameters(left, right, Some(Bound::Lower), scope);
            }
            BinaryOperator::Lt | BinaryOperator::LtEq => {
                self.compared_parameters(left, right, Some(Bound::Upper), scope);
            }
            BinaryOperator::PGRegexMatch
            | BinaryOperator::PGRegexIMatch
            | BinaryOperator::PGRegexNotMatch
            | BinaryOperator::PGRegexNotIMatch => self.text_parameters(left, right, Notation::Regex, scope),
            BinaryOperator::PGStartsWith => self.part_parameters(left, right, scope),
            BinaryOperator::AtAt => self.search_parameters(left, right, scope),
            BinaryOperator::AtArrow => {
                self.operator_parameters(left, "@>", right, scope);
                self.operator_parameters(right, "<@", left, scope);
            }
            BinaryOperator::ArrowAt => {
                self.operator_parameters(left, "<@", right, scope);
                self.operator_parameters(right, "@>", left, scope);
            }
            BinaryOperator::PGOverlap => {
                self.operator_parameters(left, "&&", right, scope);
                self.operator_parameters(right, "&&", left, scope);
            }
            BinaryOperator::Question
            | BinaryOperator::QuestionAnd
            | BinaryOperator::QuestionPipe
            | BinaryOperator::AtQuestion => self.operator_parameters(left, &op.to_string(), right, scope),
            _ => {}
        }
    }

    /// `name LIKE $1`: a pattern; `name LIKE $1 || '%'`: a piece of a name.
    fn text_parameters(&mut self, tested: &Expr, pattern: &Expr, notation: Notation, scope: &Scope) {
        let Some(Subject { table, operand, .. }) = self.subject(tested, scope) else { return };
        if let Some(number) = direct(pattern) {
            self.add(ParameterUse::Pattern { number, table, operand, notation });
            return;
        }
        let wildcards = pattern::wildcards(pattern);
        for number in placeholders(pattern) {
            self.add(if wildcards.contains(&number) {
                ParameterUse::Wildcard { number }
            } else {
                ParameterUse::Part { number, table: table.clone(), operand: operand.clone() }
            });
        }
    }

    fn part_parameters(&mut self, tested: &Expr, part: &Expr, scope: &Scope) {
        let Some(Subject { table, operand, .. }) = self.subject(tested, scope) else { return };
        for number in placeholders(part) {
            self.add(ParameterUse::Part { number, table: table.clone(), operand: operand.clone() });
        }
    }

    fn search_parameters(&mut self, left: &Expr, right: &Expr, scope: &Scope) {
        for (tested, query) in [(left, right), (right, left)] {
            let Some(Subject { table, operand, .. }) = self.subject(tested, scope) else { continue };
            if let Some(number) = direct(query) {
                let operator = "@@".to_owned();
                self.add(ParameterUse::Operator { number, table, operand, operator });
            } else {
                for number in placeholders(query) {
                    self.add(ParameterUse::Words { number, table: table.clone(), operand: operand.clone() });
                }
            }
        }
    }

    fn operator_parameters(&mut self, tested: &Expr, operator: &str, value: &Expr, scope: &Scope) {
        if placeholders(value).is_empty() {
            return;
        }
        let Some(Subject { table, operand, .. }) = self.subject(tested, scope) else { return };
        if let Some(elements) = elements(value) {
            for number in elements.iter().flat_map(placeholders) {
                self.add(ParameterUse::Element { number, table: table.clone(), operand: operand.clone() });
            }
        } else if let Expr::Function(function) = value
            && volatility::name(function) == "jsonb_build_object"
        {
            let arguments = volatility::arguments(function).unwrap_or_default();
            for pair in arguments.chunks_exact(2) {
                if let (Some(key), Some(number)) = (canonical::index_expression(pair[0]), direct(pair[1])) {
                    let sql = format!("{} ->> {key}", operand.sql());
                    let operand = Operand::Expression { sql, columns: operand.columns().to_vec() };
                    self.add(ParameterUse::Expression { number, table: table.clone(), operand, bound: None });
                }
            }
        } else {
            for number in direct(value).into_iter().chain(range_bounds(value)) {
                let (table, operand, operator) = (table.clone(), operand.clone(), operator.to_owned());
                self.add(ParameterUse::Operator { number, table, operand, operator });
            }
        }
    }

    fn function_parameters(&mut self, function: &Function, scope: &Scope) {
        let name = volatility::name(function);
        match name.as_str() {
            "make_interval" => self.typed(interval_parts(function), ""),
            "starts_with"
            | "similarity"
            | "word_similarity"
            | "strict_word_similarity"
            | "strpos"
            | "position" => {
                if let Some([left, right]) = volatility::arguments(function).as_deref() {
                    self.part_parameters(left, right, scope);
                    self.part_parameters(right, left, scope);
                }
            }
            "coalesce" | "greatest" | "least" | "nullif" => {
                let arguments = volatility::arguments(function).unwrap_or_default();
                if let Some(subject) = arguments.iter().find_map(|argument| self.subject(argument, scope)) {
                    for argument in arguments {
                        self.values_of(&subject, argument);
                    }
                }
            }
            _ => {}
        }
    }
}

impl Subject {
    fn value(&self, number: usize) -> ParameterUse {
        let table = self.table.clone();
        match &self.operand {
            Operand::Column(column) => {
                ParameterUse::Column { number, table, column: column.clone(), bound: self.bound }
            }
            operand @ Operand::Expression { .. } => {
                ParameterUse::Expression { number, table, operand: operand.clone(), bound: self.bound }
            }
        }
    }

    fn array(&self, number: usize) -> ParameterUse {
        let table = self.table.clone();
        match &self.operand {
            Operand::Column(column) => ParameterUse::Array { number, table, column: column.clone() },
            operand @ Operand::Expression { .. } => {
                ParameterUse::ExpressionArray { number, table, operand: operand.clone() }
            }
        }
    }
}

/// `lower(email) = lower($1)`: the parameter is an email.
fn under_the_same_function(subject: &Subject, value: &Expr) -> Option<(usize, String)> {
    let Operand::Expression { sql, columns } = &subject.operand else { return None };
    let [column] = &columns[..] else { return None };
    let [number] = placeholders(value)[..] else { return None };
    let mut value = value.clone();
    let _ = visit_expressions_mut(&mut value, |expr| {
        if direct(expr).is_some() {
            *expr = Expr::Identifier(Ident::with_quote('"', column));
        }
        ControlFlow::<()>::Continue(())
    });
    let is_same =
        canonical::index_expression(&value).is_some_and(|value| canonical::same_expression(&value, sql));
    is_same.then(|| (number, column.clone()))
}

/// Returns the number of a placeholder, through casts.
pub(super) fn direct(expr: &Expr) -> Option<usize> {
    match expr {
        Expr::Cast { expr, .. } => direct(expr),
        other => placeholder(other),
    }
}

fn placeholder(expr: &Expr) -> Option<usize> {
    match expr {
        Expr::Value(value) => match &value.value {
            Value::Placeholder(text) => text.strip_prefix('$')?.parse().ok(),
            _ => None,
        },
        _ => None,
    }
}

/// Returns the placeholders of a value, by what they do to it.
fn stand_ins(value: &Expr) -> Vec<StandIn> {
    match value {
        Expr::Value(_) => placeholder(value).map(StandIn::Value).into_iter().collect(),
        Expr::Cast { expr, data_type: DataType::Interval { .. }, .. } if direct(expr).is_none() => {
            // `($1 || ' days')::interval`
            placeholders(expr).into_iter().map(|number| StandIn::Typed(number, "integer")).collect()
        }
        Expr::Cast { expr, .. } | Expr::UnaryOp { expr, .. } | Expr::AtTimeZone { timestamp: expr, .. } => {
            stand_ins(expr)
        }
        Expr::BinaryOp { left, op: BinaryOperator::Multiply, right }
            if is_interval(left) || is_interval(right) =>
        {
            let numbers = placeholders(left).into_iter().chain(placeholders(right));
            numbers.map(|number| StandIn::Typed(number, "integer")).collect()
        }
        Expr::BinaryOp { left, op: BinaryOperator::Plus | BinaryOperator::Minus, right } => {
            let of_side = |side: &Expr, other: &Expr| match direct(side) {
                Some(number) if is_point_in_time(other) => vec![StandIn::Typed(number, "interval")],
                _ => stand_ins(side),
            };
            of_side(left, right).into_iter().chain(of_side(right, left)).collect()
        }
        Expr::BinaryOp { left, op: BinaryOperator::Multiply | BinaryOperator::Divide, right } => {
            stand_ins(left).into_iter().chain(stand_ins(right)).collect()
        }
        Expr::Array(array) => array.elem.iter().flat_map(stand_ins).collect(),
        Expr::Function(function) => {
            let name = volatility::name(function);
            if name == "make_interval" {
                interval_parts(function)
            } else if name == "to_timestamp" {
                let numbers = placeholders(value).into_iter();
                numbers.map(|number| StandIn::Typed(number, "double precision")).collect()
            } else if PASSING.contains(&name.as_str()) {
                volatility::arguments(function).unwrap_or_default().into_iter().flat_map(stand_ins).collect()
            } else {
                Vec::new()
            }
        }
        _ => Vec::new(),
    }
}

/// Returns the parameters of `make_interval`: whole numbers, but for seconds.
fn interval_parts(function: &Function) -> Vec<StandIn> {
    let FunctionArguments::List(list) = &function.args else { return Vec::new() };
    let part = |argument: &FunctionArg| {
        let (name, expr) = volatility::argument(argument)?;
        let type_name = if name.as_deref() == Some("secs") { "double precision" } else { "integer" };
        direct(expr).map(|number| StandIn::Typed(number, type_name))
    };
    list.args.iter().filter_map(part).collect()
}

fn is_interval(expr: &Expr) -> bool {
    match expr {
        Expr::Cast { data_type: DataType::Interval { .. }, .. } => true,
        Expr::Function(function) => volatility::name(function) == "make_interval",
        _ => false,
    }
}

/// Whether an expression is the current time, or a part of it.
fn is_point_in_time(expr: &Expr) -> bool {
    const CLOCKS: [&str; 9] = [
        "clock_timestamp",
        "current_date",
        "current_time",
        "current_timestamp",
        "localtime",
        "localtimestamp",
        "now",
        "statement_timestamp",
        "transaction_timestamp",
    ];
    super::contains_function(expr, &|function| CLOCKS.contains(&volatility::name(function).as_str()))
}

/// Returns the elements of `ARRAY[…]`, through casts.
fn elements(expr: &Expr) -> Option<&[Expr]> {
    match expr {
        Expr::Array(array) => Some(&array.elem),
        Expr::Cast { expr, .. } => elements(expr),
        _ => None,
    }
}

/// Returns the parameters of `tstzrange($1, $2)` and the like.
fn range_bounds(expr: &Expr) -> Vec<usize> {
    match expr {
        Expr::Function(function) if volatility::name(function).ends_with("range") => {
            let arguments = volatility::arguments(function).unwrap_or_default();
            arguments.into_iter().take(2).filter_map(direct).collect()
        }
        _ => Vec::new(),
    }
}

/// Hands every part of an expression to the walk.
struct Finder<'w, 'r, 's> {
    walk: &'w mut Walk<'r>,
    scope: &'w Scope<'s>,
    depth: usize,
}

impl Visitor for Finder<'_, '_, '_> {
    type Break = std::convert::Infallible;

    fn pre_visit_query(&mut self, _query: &Query) -> ControlFlow<Self::Break> {
        self.depth += 1;
        ControlFlow::Continue(())
    }

    fn post_visit_query(&mut self, _query: &Query) -> ControlFlow<Self::Break> {
        self.depth -= 1;
        ControlFlow::Continue(())
    }

    fn pre_visit_expr(&mut self, expr: &Expr) -> ControlFlow<Self::Break> {
        if self.depth == 0 {
            self.walk.parameter_node(expr, self.scope);
        }
        ControlFlow::Continue(())
    }
}
