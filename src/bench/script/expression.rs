//! Expressions of `\set` and `\if`, and their values.

use super::draw::{self, Draws};
use super::value::Value;

/// An expression whose variables are numbers of a script set's names.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Expression {
    Constant(Value),
    Variable(usize),
    Call(Function, Vec<Expression>),
}

/// pgbench's operators and functions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Function {
    Add,
    Subtract,
    Multiply,
    Divide,
    Mod,
    Equal,
    NotEqual,
    LessOrEqual,
    Less,
    BitAnd,
    BitOr,
    BitXor,
    ShiftLeft,
    ShiftRight,
    And,
    Or,
    Not,
    Is,
    /// Conditions and results in turns, then what holds otherwise.
    Case,
    Abs,
    Double,
    Exp,
    Greatest,
    HashFnv1a,
    HashMurmur2,
    Int,
    Least,
    Ln,
    Permute,
    Pi,
    Power,
    Random,
    RandomExponential,
    RandomGaussian,
    RandomZipfian,
    Sqrt,
}

/// Why an expression has no value.
#[derive(Clone, Copy, Debug, PartialEq, thiserror::Error)]
pub(crate) enum EvaluationError {
    #[error("division by zero")]
    DivisionByZero,
    #[error("bigint out of range in {0}")]
    OutOfRange(&'static str),
    #[error("double {} is out of range for an integer", Value::Double(*.0))]
    NoInteger(f64),
    #[error("cannot coerce {0} to {1}")]
    Coercion(&'static str, &'static str),
    /// The number of the variable.
    #[error("undefined variable")]
    Undefined(usize),
    #[error("a variable's text is no value of an expression")]
    Malformed(usize),
    #[error("empty range given to random")]
    EmptyRange,
    #[error("random range is too large")]
    RangeTooLarge,
    #[error("gaussian parameter must be at least 2, not {0}")]
    Gaussian(f64),
    #[error("zipfian parameter must be from 1.001 to 1000, not {0}")]
    Zipfian(f64),
    #[error("exponential parameter must be above 0, not {0}")]
    Exponential(f64),
    #[error("permute size must be above 0, not {0}")]
    PermuteSize(i64),
    #[error("\\gset takes one row, and there is none")]
    NoRow,
    #[error("\\gset takes one row, and there are several")]
    SeveralRows,
}

impl EvaluationError {
    /// The class that it is counted under, as if the server had found it (manual, "PostgreSQL Error Codes").
    pub(crate) const fn sqlstate(self) -> &'static [u8; 5] {
        match self {
            Self::DivisionByZero => b"22012",
            Self::OutOfRange(_) | Self::NoInteger(_) => b"22003",
            Self::Coercion(..) => b"42846",
            Self::Undefined(_) => b"42P02",
            Self::Malformed(_) => b"22P02",
            Self::NoRow => b"P0002",
            Self::SeveralRows => b"P0003",
            Self::EmptyRange
            | Self::RangeTooLarge
            | Self::Gaussian(_)
            | Self::Zipfian(_)
            | Self::Exponential(_)
            | Self::PermuteSize(_) => b"22023",
        }
    }
}

/// The largest number of arguments that pgbench takes.
pub(super) const MAX_ARGUMENTS: usize = 16;
/// The limits of pgbench's parameters.
const MIN_GAUSSIAN: f64 = 2.0;
const ZIPFIAN: std::ops::RangeInclusive<f64> = 1.001..=1000.0;

type Evaluated<T = Value> = Result<T, EvaluationError>;

impl Expression {
    /// Returns the value; `variable` says what a variable holds.
    pub(crate) fn evaluate(&self, variable: &impl Fn(usize) -> Evaluated, draws: &mut Draws) -> Evaluated {
        let (function, arguments) = match self {
            Self::Constant(value) => return Ok(*value),
            Self::Variable(number) => return variable(*number),
            Self::Call(function, arguments) => (*function, &arguments[..]),
        };
        match (function, arguments) {
            (Function::And | Function::Or, [left, right]) => {
                let left = left.evaluate(variable, draws)?;
                if left == Value::Null {
                    return Ok(Value::Null);
                }
                if boolean(left)? == (function == Function::Or) {
                    return Ok(left);
                }
                let right = right.evaluate(variable, draws)?;
                if right == Value::Null { Ok(Value::Null) } else { boolean(right).map(Value::Boolean) }
            }
            (Function::Case, [branches @ .., otherwise]) => {
                for branch in branches.chunks_exact(2) {
                    if branch[0].evaluate(variable, draws)?.is_true() {
                        return branch[1].evaluate(variable, draws);
                    }
                }
                otherwise.evaluate(variable, draws)
            }
            _ => {
                let mut values = [Value::Null; MAX_ARGUMENTS];
                for (value, argument) in values.iter_mut().zip(arguments) {
                    *value = argument.evaluate(variable, draws)?;
                }
                call(function, &values[..arguments.len().min(MAX_ARGUMENTS)], draws)
            }
        }
    }
}

/// Applies a function that looks at all of its arguments.
fn call(function: Function, values: &[Value], draws: &mut Draws) -> Evaluated {
    if function == Function::Is {
        return Ok(Value::Boolean(values[0] == values[1]));
    }
    if values.contains(&Value::Null) {
        return Ok(Value::Null);
    }
    match function {
        Function::Add
        | Function::Subtract
        | Function::Multiply
        | Function::Divide
        | Function::Equal
        | Function::NotEqual
        | Function::LessOrEqual
        | Function::Less
            if values.iter().any(|value| matches!(value, Value::Double(_))) =>
        {
            Ok(of_doubles(function, double(values[0])?, double(values[1])?))
        }
        Function::Greatest | Function::Least => extremum(function, values),
        Function::Abs => match values[0] {
            Value::Integer(value) => Ok(Value::Integer(value.wrapping_abs())),
            value => double(value).map(|value| Value::Double(value.abs())),
        },
        Function::Not => boolean(values[0]).map(|value| Value::Boolean(!value)),
        Function::Int => integer(values[0]).map(Value::Integer),
        Function::Double => double(values[0]).map(Value::Double),
        Function::Sqrt => double(values[0]).map(|value| Value::Double(value.sqrt())),
        Function::Ln => double(values[0]).map(|value| Value::Double(value.ln())),
        Function::Exp => double(values[0]).map(|value| Value::Double(value.exp())),
        Function::Power => Ok(Value::Double(double(values[0])?.powf(double(values[1])?))),
        Function::Pi => Ok(Value::Double(std::f64::consts::PI)),
        Function::Random
        | Function::RandomExponential
        | Function::RandomGaussian
        | Function::RandomZipfian => random(function, values, draws).map(Value::Integer),
        Function::Permute => {
            let size = integer(values[1])?;
            let (value, seed) = (integer(values[0])?, integer(values[2])?);
            if size <= 0 {
                return Err(EvaluationError::PermuteSize(size));
            }
            Ok(Value::Integer(draw::permute(value, size, seed)))
        }
        _ => of_integers(function, integer(values[0])?, integer(values[1])?),
    }
}

#[expect(clippy::float_cmp, reason = "the script compares them")]
fn of_doubles(function: Function, left: f64, right: f64) -> Value {
    match function {
        Function::Add => Value::Double(left + right),
        Function::Subtract => Value::Double(left - right),
        Function::Multiply => Value::Double(left * right),
        Function::Divide => Value::Double(left / right),
        Function::Equal => Value::Boolean(left == right),
        Function::NotEqual => Value::Boolean(left != right),
        Function::LessOrEqual => Value::Boolean(left <= right),
        _ => Value::Boolean(left < right),
    }
}

fn of_integers(function: Function, left: i64, right: i64) -> Evaluated {
    let checked =
        |result: Option<i64>, name| result.map(Value::Integer).ok_or(EvaluationError::OutOfRange(name));
    // As the processors do it that pgbench runs on: the lowest six bits count.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "see above")]
    let places = right as u32;
    Ok(match function {
        Function::Add => checked(left.checked_add(right), "addition")?,
        Function::Subtract => checked(left.checked_sub(right), "subtraction")?,
        Function::Multiply => checked(left.checked_mul(right), "multiplication")?,
        Function::Divide | Function::Mod if right == 0 => return Err(EvaluationError::DivisionByZero),
        Function::Divide => checked(left.checked_div(right), "division")?,
        Function::Mod => Value::Integer(left.wrapping_rem(right)),
        Function::Equal => Value::Boolean(left == right),
        Function::NotEqual => Value::Boolean(left != right),
        Function::LessOrEqual => Value::Boolean(left <= right),
        Function::Less => Value::Boolean(left < right),
        Function::BitAnd => Value::Integer(left & right),
        Function::BitOr => Value::Integer(left | right),
        Function::BitXor => Value::Integer(left ^ right),
        Function::ShiftLeft => Value::Integer(left.wrapping_shl(places)),
        Function::ShiftRight => Value::Integer(left.wrapping_shr(places)),
        Function::HashFnv1a => Value::Integer(draw::hash_fnv1a(left, right)),
        _ => Value::Integer(draw::hash_murmur2(left, right)),
    })
}

/// The least or the greatest; a double if any of them is one.
fn extremum(function: Function, values: &[Value]) -> Evaluated {
    let is_least = function == Function::Least;
    if values.iter().any(|value| matches!(value, Value::Double(_))) {
        let mut best = double(values[0])?;
        for value in &values[1..] {
            let value = double(*value)?;
            if (value < best) == is_least {
                best = value;
            }
        }
        return Ok(Value::Double(best));
    }
    let mut best = integer(values[0])?;
    for value in &values[1..] {
        let value = integer(*value)?;
        best = if is_least { best.min(value) } else { best.max(value) };
    }
    Ok(Value::Integer(best))
}

fn random(function: Function, values: &[Value], draws: &mut Draws) -> Evaluated<i64> {
    let (min, max) = (integer(values[0])?, integer(values[1])?);
    if min > max {
        return Err(EvaluationError::EmptyRange);
    }
    if max.checked_sub(min).and_then(|span| span.checked_add(1)).is_none() {
        return Err(EvaluationError::RangeTooLarge);
    }
    if function == Function::Random {
        return Ok(draws.uniform(min, max));
    }
    let parameter = double(values[2])?;
    match function {
        Function::RandomGaussian if parameter < MIN_GAUSSIAN || parameter.is_nan() => {
            Err(EvaluationError::Gaussian(parameter))
        }
        Function::RandomGaussian => Ok(draws.gaussian(min, max, parameter)),
        Function::RandomZipfian if !ZIPFIAN.contains(&parameter) => Err(EvaluationError::Zipfian(parameter)),
        Function::RandomZipfian => Ok(draws.zipfian(min, max, parameter)),
        _ if parameter <= 0.0 || parameter.is_nan() => Err(EvaluationError::Exponential(parameter)),
        _ => Ok(draws.exponential(min, max, parameter)),
    }
}

fn boolean(value: Value) -> Evaluated<bool> {
    match value {
        Value::Boolean(value) => Ok(value),
        _ => Err(EvaluationError::Coercion(value.type_name(), "boolean")),
    }
}

fn integer(value: Value) -> Evaluated<i64> {
    match value {
        Value::Integer(value) => Ok(value),
        #[expect(clippy::cast_possible_truncation, reason = "it is in the range")]
        Value::Double(value) => {
            const LIMIT: f64 = 9_223_372_036_854_775_808.0;
            let rounded = value.round_ties_even();
            if (-LIMIT..LIMIT).contains(&rounded) {
                Ok(rounded as i64)
            } else {
                Err(EvaluationError::NoInteger(value))
            }
        }
        _ => Err(EvaluationError::Coercion(value.type_name(), "int")),
    }
}

fn double(value: Value) -> Evaluated<f64> {
    match value {
        Value::Double(value) => Ok(value),
        #[expect(clippy::cast_precision_loss, reason = "pgbench does it as well")]
        Value::Integer(value) => Ok(value as f64),
        _ => Err(EvaluationError::Coercion(value.type_name(), "double")),
    }
}
