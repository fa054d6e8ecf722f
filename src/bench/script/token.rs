//! The words of an expression.

use super::Fault;

/// A word with its place.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Token<'a> {
    /// In bytes from the beginning of the script.
    pub(super) at: usize,
    pub(super) text: &'a str,
    pub(super) kind: Kind,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Kind {
    Integer(i64),
    /// 2^63, which only a minus makes an integer.
    SmallestInteger,
    Double(f64),
    /// The text of the token is that of the name, without the colon.
    Variable,
    /// A function or a keyword.
    Word,
    /// An operator, a parenthesis or a comma.
    Symbol,
}

/// The operators of several characters come before those that they begin with.
const SYMBOLS: [&str; 20] = [
    "<<", ">>", "<=", ">=", "<>", "!=", "+", "-", "*", "/", "%", "(", ")", ",", "<", ">", "=", "|", "&", "#",
];

/// Splits the text of an expression, which begins at the byte `base` of its script.
pub(super) fn tokens(text: &str, base: usize) -> Result<Vec<Token<'_>>, Fault> {
    let mut tokens = Vec::new();
    let mut rest = text;
    loop {
        rest = rest.trim_start();
        let at = base + (text.len() - rest.len());
        let Some(first) = rest.chars().next() else { return Ok(tokens) };
        let (length, kind, skipped) = if first == ':' {
            match word_length(&rest[1..]) {
                0 => return Err(Fault::new(at, "a colon without the name of a variable")),
                length => (length, Kind::Variable, 1),
            }
        } else if first.is_ascii_digit() || (first == '.' && starts_with_digit(&rest[1..])) {
            let length = number_length(rest);
            (length, number(&rest[..length], at)?, 0)
        } else if is_word(first) {
            (word_length(rest), Kind::Word, 0)
        } else if first == '~' {
            (1, Kind::Symbol, 0)
        } else {
            let symbol = SYMBOLS.iter().find(|symbol| rest.starts_with(**symbol));
            let symbol = symbol.ok_or_else(|| Fault::new(at, format!("unexpected character {first:?}")))?;
            (symbol.len(), Kind::Symbol, 0)
        };
        tokens.push(Token { at, text: &rest[skipped..skipped + length], kind });
        rest = &rest[skipped + length..];
    }
}

/// Whether a name of a variable may hold it (manual of pgbench, "Custom Scripts").
pub(super) fn is_word(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_' || !c.is_ascii()
}

/// Returns how many bytes of a name `text` begins with.
pub(super) fn word_length(text: &str) -> usize {
    text.find(|c| !is_word(c)).unwrap_or(text.len())
}

/// Whether a variable may be called this.
pub(super) fn is_name(text: &str) -> bool {
    !text.is_empty() && word_length(text) == text.len() && !starts_with_digit(text)
}

fn starts_with_digit(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_digit())
}

/// Digits, a fraction and an exponent, of which only what is complete belongs to the number.
fn number_length(text: &str) -> usize {
    let digits = |from: usize| text[from..].bytes().take_while(u8::is_ascii_digit).count();
    let mut end = digits(0);
    if text[end..].starts_with('.') {
        end += 1;
        end += digits(end);
    }
    if text[end..].starts_with(['e', 'E']) {
        let sign = usize::from(text[end + 1..].starts_with(['+', '-']));
        let exponent = digits(end + 1 + sign);
        if exponent > 0 {
            end += 1 + sign + exponent;
        }
    }
    end
}

fn number(text: &str, at: usize) -> Result<Kind, Fault> {
    const SMALLEST: &str = "9223372036854775808";
    let refuse = |what| Fault::new(at, format!("{what} constant {text} is out of range"));
    if text.bytes().all(|byte| byte.is_ascii_digit()) {
        if text.trim_start_matches('0') == SMALLEST {
            return Ok(Kind::SmallestInteger);
        }
        return text.parse().map(Kind::Integer).map_err(|_| refuse("bigint"));
    }
    match text.parse::<f64>() {
        Ok(value) if value.is_finite() => Ok(Kind::Double(value)),
        _ => Err(refuse("double")),
    }
}
