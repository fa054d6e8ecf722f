//! What variables of a script hold, and how that is written and read.

use std::fmt;

/// A value of an expression (manual of pgbench, "Variables").
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Value {
    Null,
    Boolean(bool),
    Integer(i64),
    Double(f64),
}

impl Value {
    /// Whether a condition goes on with it: numbers other than 0 are true, NULL is not.
    pub(super) fn is_true(self) -> bool {
        match self {
            Self::Null => false,
            Self::Boolean(value) => value,
            Self::Integer(value) => value != 0,
            Self::Double(value) => value != 0.0,
        }
    }

    pub(super) const fn type_name(self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Boolean(_) => "boolean",
            Self::Integer(_) => "int",
            Self::Double(_) => "double",
        }
    }

    /// Reads what an option or the server gave as text; `None` is text that no expression can use.
    pub(super) fn of_text(text: &str) -> Option<Self> {
        let begins = |word: &str| {
            word.len() >= text.len() && word.as_bytes()[..text.len()].eq_ignore_ascii_case(text.as_bytes())
        };
        let is = |word: &str| text.eq_ignore_ascii_case(word);
        if text.is_empty() {
            return None;
        }
        if is("null") {
            return Some(Self::Null);
        }
        if begins("true") || begins("yes") || is("on") {
            return Some(Self::Boolean(true));
        }
        if begins("false") || begins("no") || is("off") || is("of") {
            return Some(Self::Boolean(false));
        }
        let number = text.trim_start();
        let digits = number.strip_prefix(['+', '-']).unwrap_or(number);
        if !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit()) {
            // What looks like an integer is one, or nothing.
            return number.parse().ok().map(Self::Integer);
        }
        number.parse().ok().map(Self::Double)
    }
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Null => f.write_str("NULL"),
            Self::Boolean(value) => write!(f, "{value}"),
            Self::Integer(value) => write!(f, "{value}"),
            Self::Double(value) => write_double(*value, f),
        }
    }
}

/// Writes a number as `printf("%.15g")` does, which is how pgbench writes it.
fn write_double(value: f64, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    const DIGITS: i32 = 15;
    if !value.is_finite() {
        let sign = if value < 0.0 { "-" } else { "" };
        return write!(f, "{sign}{}", if value.is_nan() { "nan" } else { "inf" });
    }
    // The exponent is that of the rounded number, so it is rounded first.
    let mut rounded = Buffer::default();
    fmt::Write::write_fmt(&mut rounded, format_args!("{value:.14e}"))?;
    let (mantissa, exponent) = rounded.as_str().split_once('e').ok_or(fmt::Error)?;
    let exponent: i32 = exponent.parse().map_err(|_| fmt::Error)?;
    if !(-4..DIGITS).contains(&exponent) {
        let sign = if exponent < 0 { '-' } else { '+' };
        return write!(f, "{}e{sign}{:02}", without_zeros(mantissa), exponent.abs());
    }
    let decimals = usize::try_from(DIGITS - 1 - exponent).map_err(|_| fmt::Error)?;
    let mut fixed = Buffer::default();
    fmt::Write::write_fmt(&mut fixed, format_args!("{value:.decimals$}"))?;
    f.write_str(without_zeros(fixed.as_str()))
}

fn without_zeros(number: &str) -> &str {
    if number.contains('.') { number.trim_end_matches('0').trim_end_matches('.') } else { number }
}

/// Room for a number of 15 digits in any of its forms; nothing is allocated while a load runs.
#[derive(Default)]
struct Buffer {
    bytes: [u8; 32],
    length: usize,
}

impl Buffer {
    fn as_str(&self) -> &str {
        std::str::from_utf8(&self.bytes[..self.length]).unwrap_or_default()
    }
}

impl fmt::Write for Buffer {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let end = self.length + text.len();
        self.bytes.get_mut(self.length..end).ok_or(fmt::Error)?.copy_from_slice(text.as_bytes());
        self.length = end;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn writes_doubles_as_c_does() {
        for (value, expected) in [
            (0.0, "0"),
            (1.0, "1"),
            (-1.5, "-1.5"),
            (0.1 + 0.2, "0.3"),
            (1e15, "1e+15"),
            (123_456_789_012_345.0, "123456789012345"),
            (999_999_999_999_999.9, "1e+15"),
            (1e-4, "0.0001"),
            (1e-5, "1e-05"),
            (1.0 / 3.0, "0.333333333333333"),
            (2e100, "2e+100"),
            (f64::MAX, "1.79769313486232e+308"),
            (f64::INFINITY, "inf"),
            (f64::NEG_INFINITY, "-inf"),
            (f64::NAN, "nan"),
        ] {
            assert_eq!(Value::Double(value).to_string(), expected);
        }
    }

    #[test]
    fn reads_text_as_pgbench_does() {
        for (text, expected) in [
            ("", None),
            ("NULL", Some(Value::Null)),
            ("y", Some(Value::Boolean(true))),
            ("Tru", Some(Value::Boolean(true))),
            ("o", None),
            ("of", Some(Value::Boolean(false))),
            ("no", Some(Value::Boolean(false))),
            (" -12", Some(Value::Integer(-12))),
            ("9223372036854775808", None),
            ("1.5e3", Some(Value::Double(1500.0))),
            ("twelve", None),
        ] {
            assert_eq!(Value::of_text(text), expected, "{text:?}");
        }
    }
}
