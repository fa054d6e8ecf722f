//! Reads the parser's expressions: constants, terms and types.

use sqlparser::ast::{
    Array, BinaryOperator, DateTimeField, Expr, FunctionArg, FunctionArgExpr, FunctionArguments, Ident,
    UnaryOperator, Value,
};

use super::formula::{Function, Term};
use super::literal::{Literal, date, interval, timestamp};

/// Takes off parentheses and collations.
pub(super) fn bare(expr: &Expr) -> &Expr {
    match expr {
        Expr::Nested(inner) | Expr::Collate { expr: inner, .. } => bare(inner),
        other => other,
    }
}

/// A type's name in lower case without its modifier, in the words that PostgreSQL prints.
fn type_name(data_type: &sqlparser::ast::DataType) -> String {
    let text = data_type.to_string().to_lowercase();
    match (text.find('('), text.rfind(')')) {
        (Some(open), Some(close)) if open < close => format!("{}{}", &text[..open], &text[close + 1..]),
        _ => text,
    }
}

/// Reads a constant: a number, a string, a cast of one, arithmetic of integers.
pub(super) fn literal(expr: &Expr) -> Option<Literal> {
    match bare(expr) {
        Expr::Value(value) => match &value.value {
            Value::Number(text, _) => number(text),
            Value::SingleQuotedString(text) | Value::EscapedStringLiteral(text) => {
                Some(Literal::Text(text.clone()))
            }
            Value::DollarQuotedString(text) => Some(Literal::Text(text.value.clone())),
            Value::Boolean(value) => Some(Literal::Bool(*value)),
            Value::Null => Some(Literal::Null),
            _ => None,
        },
        Expr::UnaryOp { op: UnaryOperator::Minus, expr } => literal(expr)?.negated(),
        Expr::Cast { expr, data_type, .. } => Some(cast(&literal(expr)?, &type_name(data_type))),
        Expr::BinaryOp { left, op, right } => {
            let (Literal::Int(left), Literal::Int(right)) = (literal(left)?, literal(right)?) else {
                return None;
            };
            let value = match op {
                BinaryOperator::Plus => left.checked_add(right),
                BinaryOperator::Minus => left.checked_sub(right),
                BinaryOperator::Multiply => left.checked_mul(right),
                BinaryOperator::Divide => left.checked_div(right),
                _ => None,
            };
            value.map(Literal::Int)
        }
        _ => None,
    }
}

/// Reads an array of constants: `ARRAY[1, 2]`, `'{1,2}'::integer[]`, and casts of them.
pub(super) fn literals(expr: &Expr) -> Option<Vec<Literal>> {
    match bare(expr) {
        Expr::Array(Array { elem, .. }) => elem.iter().map(literal).collect(),
        Expr::Cast { expr, data_type, .. } => {
            let element = type_name(data_type).strip_suffix("[]")?.to_owned();
            let values = match literal(expr) {
                Some(Literal::Text(text)) => {
                    let read = |value: Option<String>| value.map_or(Literal::Null, Literal::Text);
                    crate::array::parse(&text)?.into_iter().map(read).collect()
                }
                _ => literals(expr)?,
            };
            Some(values.into_iter().map(|value| cast(&value, &element)).collect())
        }
        _ => None,
    }
}

/// Reads `12`, `0.50`, `1e-06`; a number in another notation is none.
fn number(text: &str) -> Option<Literal> {
    if let Ok(value) = text.parse() {
        return Some(Literal::Int(value));
    }
    decimal(text).map(Literal::Numeric)
}

/// Writes a number without an exponent; `None` for `NaN`, `Infinity` and what is no number.
fn decimal(text: &str) -> Option<String> {
    /// Numbers are compared as whole numbers of steps, in `i128`.
    const MAX_EXPONENT: i32 = 30;
    let (mantissa, exponent) = text.split_once(['e', 'E']).unwrap_or((text, "0"));
    let exponent: i32 = exponent.parse().ok().filter(|exponent: &i32| exponent.abs() <= MAX_EXPONENT)?;
    let (sign, mantissa) = match mantissa.strip_prefix('-') {
        Some(rest) => ("-", rest),
        None => ("", mantissa.trim_start_matches('+')),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits = format!("{whole}{fraction}");
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    if exponent == 0 {
        return Some(text.trim_start_matches('+').to_owned());
    }
    let point = i32::try_from(whole.len()).ok()? + exponent;
    let zeros = |n: i32| "0".repeat(usize::try_from(n).unwrap_or(0));
    let padded = format!("{}{digits}{}", zeros(1 - point), zeros(point - i32::try_from(digits.len()).ok()?));
    let point = usize::try_from(point.max(1)).ok()?;
    Some(format!("{sign}{}.{:0<1}", &padded[..point], &padded[point..]))
}

/// Reads a constant as one of a type.
fn cast(value: &Literal, type_name: &str) -> Literal {
    let Some(text) = value.text() else { return Literal::Null };
    let other = || Literal::Other { text: text.clone(), type_name: type_name.to_owned() };
    let read = match type_name {
        "smallint" | "integer" | "int" | "bigint" | "int2" | "int4" | "int8" | "oid" => match value {
            Literal::Numeric(_) => None,
            _ => text.trim().parse().ok().map(Literal::Int),
        },
        "numeric" | "decimal" | "real" | "double precision" | "float" | "float4" | "float8" | "money" => {
            number(text.trim())
        }
        "bool" | "boolean" => match &*text.trim().to_lowercase() {
            "t" | "true" | "yes" | "on" | "1" => Some(Literal::Bool(true)),
            "f" | "false" | "no" | "off" | "0" => Some(Literal::Bool(false)),
            _ => None,
        },
        name if is_text(name) => Some(Literal::Text(text.clone())),
        "date" => date(&text).map(Literal::Date),
        name if name.starts_with("timestamp") => timestamp(&text).map(Literal::Timestamp),
        "interval" => interval(&text),
        _ => None,
    };
    read.unwrap_or_else(other)
}

fn is_text(type_name: &str) -> bool {
    matches!(
        type_name.rsplit('.').next().unwrap_or_default(),
        "text" | "varchar" | "character varying" | "bpchar" | "char" | "character" | "citext" | "name"
    )
}

/// Whether a cast of a column to a type keeps what can be told apart: PostgreSQL adds such casts itself. `text` of a
/// number is told by the class of the column; `integer` of a number rounds.
fn keeps_value(type_name: &str) -> bool {
    is_text(type_name)
        || matches!(type_name, "numeric" | "double precision")
        || type_name.starts_with("timestamp")
}

/// Reads a term: a column, a function of one, the time of now.
pub(super) fn term(expr: &Expr) -> Option<Term> {
    match bare(expr) {
        Expr::Identifier(Ident { value, .. }) => Some(Term::Column(value.clone())),
        Expr::Cast { expr, data_type, .. } => {
            let inner = term(expr)?;
            let name = type_name(data_type);
            let keeps_now = match inner {
                Term::Now => name == "date",
                Term::ThisYear => matches!(&*name, "int" | "integer" | "smallint" | "bigint"),
                _ => false,
            };
            (keeps_now || keeps_value(&name)).then_some(inner)
        }
        Expr::Trim { trim_where: None, trim_what: None, expr, trim_characters: None } => {
            call(Function::Trim, expr)
        }
        Expr::Extract { field: DateTimeField::Year, expr, .. } => {
            (term(expr)? == Term::Now).then_some(Term::ThisYear)
        }
        Expr::Function(function) => {
            let (name, arguments) = arguments(function)?;
            let function = match (&*name, &arguments[..]) {
                (
                    "now"
                    | "statement_timestamp"
                    | "transaction_timestamp"
                    | "clock_timestamp"
                    | "current_timestamp"
                    | "current_date"
                    | "localtimestamp",
                    [],
                ) => return Some(Term::Now),
                ("date_part", [field, of]) if literal(field) == Some(Literal::Text("year".to_owned())) => {
                    return (term(of)? == Term::Now).then_some(Term::ThisYear);
                }
                ("array_length", [_, one]) if literal(one) == Some(Literal::Int(1)) => Function::ArrayLength,
                ("lower", [_]) => Function::Lower,
                ("upper", [_]) => Function::Upper,
                ("length" | "char_length" | "character_length", [_]) => Function::Length,
                ("octet_length", [_]) => Function::OctetLength,
                ("btrim" | "trim", [_]) => Function::Trim,
                ("cardinality", [_]) => Function::Cardinality,
                ("jsonb_typeof" | "json_typeof", [_]) => Function::JsonType,
                ("isempty", [_]) => Function::IsEmpty,
                _ => return None,
            };
            call(function, arguments[0])
        }
        _ => None,
    }
}

fn call(function: Function, argument: &Expr) -> Option<Term> {
    match (term(argument)?, function) {
        (Term::Column(column), _) => Some(Term::Call { function, column }),
        (Term::Call { function: Function::Trim, column }, Function::Length) => {
            Some(Term::Call { function: Function::TrimmedLength, column })
        }
        _ => None,
    }
}

/// Returns the name in lower case and the arguments of a call of a built-in function without further clauses.
pub(super) fn arguments(function: &sqlparser::ast::Function) -> Option<(String, Vec<&Expr>)> {
    let parts: Vec<String> = function
        .name
        .0
        .iter()
        .filter_map(|part| part.as_ident().map(|name| name.value.to_lowercase()))
        .collect();
    let name = match &parts[..] {
        [name] => name.clone(),
        [schema, name] if schema == "pg_catalog" => name.clone(),
        _ => return None,
    };
    let arguments = match &function.args {
        FunctionArguments::None => Vec::new(),
        FunctionArguments::List(list) if list.clauses.is_empty() && list.duplicate_treatment.is_none() => {
            list.args
                .iter()
                .map(|argument| match argument {
                    FunctionArg::Unnamed(FunctionArgExpr::Expr(expr)) => Some(expr),
                    _ => None,
                })
                .collect::<Option<_>>()?
        }
        _ => return None,
    };
    (function.filter.is_none() && function.over.is_none()).then_some((name, arguments))
}

/// Reads a term, or a term and a constant that is added to it or taken from it.
pub(super) fn shifted(expr: &Expr) -> Option<(Term, Option<Literal>)> {
    if let Some(term) = term(expr) {
        return Some((term, None));
    }
    let Expr::BinaryOp { left, op, right } = bare(expr) else { return None };
    match op {
        BinaryOperator::Plus => match term(left) {
            Some(term) => Some((term, Some(literal(right)?))),
            None => Some((term(right)?, Some(literal(left)?))),
        },
        BinaryOperator::Minus => Some((term(left)?, Some(literal(right)?.negated()?))),
        _ => None,
    }
}

impl Literal {
    /// Returns what, added, is the same as this one taken away.
    pub(super) fn negated(self) -> Option<Literal> {
        Some(match self {
            Self::Int(value) => Self::Int(value.checked_neg()?),
            Self::Numeric(text) => Self::Numeric(match text.strip_prefix('-') {
                Some(rest) => rest.to_owned(),
                None => format!("-{text}"),
            }),
            Self::Interval { months, days, us } => Self::Interval {
                months: months.checked_neg()?,
                days: days.checked_neg()?,
                us: us.checked_neg()?,
            },
            _ => return None,
        })
    }
}
