//! The constants of a statement: where they stand, and what each is compared with.

use std::ops::Range;

use sqlparser::dialect::PostgreSqlDialect;
use sqlparser::keywords::Keyword;
use sqlparser::tokenizer::{Token, TokenWithSpan, Tokenizer};

use super::{LineOffsets, ParameterUse, Relations, grammar, parse, placeholder_count, quote};

/// A number or text that is written in a statement.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Constant {
    /// Bytes of the statement, a sign included.
    pub(crate) place: Range<usize>,
    /// As the server reads a parameter in text form.
    pub(crate) text: String,
    /// What it would be as a parameter. `None` where that is not known, and for what is added to another value: a distance.
    pub(crate) compared: Option<ParameterUse>,
}

/// Returns the constants of a statement in their order.
pub(crate) fn constants(sql: &str, relations: &dyn Relations) -> Vec<Constant> {
    let Ok(tokens) = Tokenizer::new(&PostgreSqlDialect {}, sql).tokenize_with_location() else {
        return Vec::new();
    };
    let tokens: Vec<&TokenWithSpan> =
        tokens.iter().filter(|token| !matches!(token.token, Token::Whitespace(_))).collect();
    let offsets = LineOffsets::new(sql);
    let mut constants = Vec::new();
    let mut is_distance = Vec::new();
    for (at, token) in tokens.iter().enumerate() {
        let Some(mut text) = text(&token.token) else { continue };
        let mut first = at;
        let before = |n: usize| at.checked_sub(n).map(|place| &tokens[place].token);
        let is_plus_or_minus = |token: Option<&Token>| matches!(token, Some(Token::Plus | Token::Minus));
        // `+ interval '3 days'` has the type between.
        let is_added = is_plus_or_minus(before(1))
            || matches!(before(1), Some(Token::Word(_))) && is_plus_or_minus(before(2));
        let is_sign = is_plus_or_minus(before(1))
            && matches!(token.token, Token::Number(..))
            && !before(2).is_some_and(ends_value);
        if is_sign {
            first -= 1;
            if before(1) == Some(&Token::Minus) {
                text.insert(0, '-');
            }
        }
        is_distance.push(is_added && !is_sign);
        let start = offsets.at(tokens[first].span.start);
        let place = start..start + sql[start..offsets.at(token.span.end)].trim_end().len();
        constants.push(Constant { place, text, compared: None });
    }
    let places: Vec<Range<usize>> = constants.iter().map(|constant| constant.place.clone()).collect();
    let uses = uses(sql, &places, relations).unwrap_or_else(|| {
        // Some constants are no values, as the 2 in `numeric(12, 2)`: each has to be tried alone.
        let alone = |place: &Range<usize>| uses(sql, std::slice::from_ref(place), relations);
        places.iter().map(|place| alone(place).and_then(|mut uses| uses.pop()?)).collect()
    });
    for ((constant, compared), is_distance) in constants.iter_mut().zip(uses).zip(is_distance) {
        constant.compared = compared.filter(|_| !is_distance);
    }
    constants
}

/// Writes other values in the place of constants; `None` leaves one as it is.
pub(crate) fn with_constants(sql: &str, constants: &[Constant], values: &[Option<String>]) -> String {
    let mut written = String::with_capacity(sql.len());
    let mut done = 0;
    for (Constant { place, .. }, value) in constants.iter().zip(values) {
        let Some(value) = value else { continue };
        written.push_str(&sql[done..place.start]);
        let is_number = sql[place.clone()].starts_with(['-', '+', '.'])
            || sql[place.clone()].starts_with(|c: char| c.is_ascii_digit());
        if is_number && value.parse::<f64>().is_ok_and(f64::is_finite) {
            // A minus behind another one would begin a comment.
            written.extend(["(", value, ")"]);
        } else {
            // Next to a word it would become a part of it, as in `E'…'`.
            written.push(' ');
            written.push_str(&quote::quote_literal(value));
        }
        done = place.end;
    }
    written.push_str(&sql[done..]);
    written
}

/// Returns what each of some constants is compared with; `None` where the statement does not take parameters in their places.
fn uses(sql: &str, places: &[Range<usize>], relations: &dyn Relations) -> Option<Vec<Option<ParameterUse>>> {
    let first = placeholder_count(sql) + 1;
    let mut with_parameters = String::with_capacity(sql.len());
    let mut done = 0;
    for (place, number) in places.iter().zip(first..) {
        with_parameters.push_str(&sql[done..place.start]);
        with_parameters.extend([" $", &number.to_string(), " "]);
        done = place.end;
    }
    with_parameters.push_str(&sql[done..]);
    let parameters = parse(&grammar::plannable(&with_parameters)).ok()?.shape(relations).parameters;
    let of_number = |number: usize| parameters.iter().find(|parameter| parameter.number() == number).cloned();
    Some((first..first + places.len()).map(of_number).collect())
}

/// Returns the value of a constant as the server reads a parameter in text form; `None` for what is no number or text.
pub(crate) fn constant_text(literal: &str) -> Option<String> {
    let tokens = Tokenizer::new(&PostgreSqlDialect {}, literal).tokenize().ok()?;
    let mut tokens = tokens.iter().filter(|token| !matches!(token, Token::Whitespace(_)));
    tokens.next().and_then(text).filter(|_| tokens.next().is_none())
}

/// Returns the value of a token that is a constant.
fn text(token: &Token) -> Option<String> {
    match token {
        Token::Number(text, _)
        | Token::SingleQuotedString(text)
        | Token::EscapedStringLiteral(text)
        | Token::UnicodeStringLiteral(text)
        | Token::NationalStringLiteral(text) => Some(text.clone()),
        Token::DollarQuotedString(text) => Some(text.value.clone()),
        _ => None,
    }
}

/// Whether a value ends with a token, so that a minus behind it is no sign.
fn ends_value(token: &Token) -> bool {
    match token {
        Token::Word(word) => word.keyword == Keyword::NoKeyword || word.quote_style.is_some(),
        Token::RParen | Token::RBracket | Token::Placeholder(_) => true,
        token => text(token).is_some(),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::query::TableName;

    struct Known;

    impl Relations for Known {
        fn has_column(&self, _: &TableName, column: &str) -> Option<bool> {
            Some(["a", "b", "d"].contains(&column))
        }
    }

    fn check(condition: &str, expected: &[&str]) {
        let sql = format!("SELECT 1 FROM t WHERE {condition}");
        let found: Vec<String> = constants(&sql, &Known)
            .iter()
            .skip(1)
            .map(|constant| {
                let column = constant.compared.as_ref().and_then(ParameterUse::column);
                format!("{} {}", constant.text, column.map_or("-", |(_, column)| column))
            })
            .collect();
        assert_eq!(found, expected, "{sql}");
    }

    #[test]
    fn finds_what_constants_are_compared_with() {
        check("a = 5 AND b LIKE 'x''y%'", &["5 a", "x'y% b"]);
        check("a IN (1, -2) AND $1 < b", &["1 a", "-2 a"]);
        check("d >= date '1994-01-01' AND d < CAST('1995-01-01' AS date)", &["1994-01-01 d", "1995-01-01 d"]);
        check("a - 3 > 7", &["3 -", "7 -"]);
        check("d < DATE '1994-01-01' + 30", &["1994-01-01 d", "30 -"]);
        check("d < DATE '1994-01-01' + interval '3 days'", &["1994-01-01 d", "3 days -"]);
        check("a BETWEEN 0.06 - 0.01 AND 0.06 + 0.01", &["0.06 a", "0.01 -", "0.06 a", "0.01 -"]);
        // One constant that is none does not hide the others.
        check("a = 5::numeric(12, 2)", &["5 a", "12 -", "2 -"]);
        check("a = -5 LIMIT 10", &["-5 a", "10 -"]);
    }

    #[test]
    fn writes_other_values() {
        let sql = "SELECT 1 FROM t WHERE a > -5 AND b = E'x' AND a < 3";
        let constants = constants(sql, &Known);
        let values = [None, Some("-7".to_owned()), Some("it's".to_owned()), None];
        let written = with_constants(sql, &constants, &values);
        assert_eq!(written, "SELECT 1 FROM t WHERE a > (-7) AND b =  'it''s' AND a < 3");
        assert!(parse(&written).is_ok());
    }

    proptest! {
        #[test]
        fn bad_input_never_panics(sql in "[a-z0-9'$+*(),.<=> -]{0,60}") {
            let found = constants(&sql, &Known);
            let values: Vec<_> = found.iter().map(|constant| Some(constant.text.clone())).collect();
            let _ = with_constants(&sql, &found, &values);
        }
    }
}
