//! Puts the original names back.

use std::borrow::Cow;

use serde_json::Value;

use super::key::{Key, Kind, is_word_character};
use crate::query::quote;

/// Returns a text with each word that is a replacement replaced by its original.
///
/// In JSON names are put back as they were; in any other text they are quoted where SQL wants it, because what was
/// written about a plan is read and pasted as SQL.
pub(crate) fn restore(text: &str, key: &Key) -> String {
    restore_json(text, key).unwrap_or_else(|| restore_words(text, key, quote::identifier))
}

/// Restores the strings of a JSON text, however deep they are; `None` if the text is something else.
fn restore_json(text: &str, key: &Key) -> Option<String> {
    if !text.trim_start().starts_with(['[', '{']) {
        return None;
    }
    let mut output = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find('"') {
        let (between, behind) = rest.split_at(start);
        let (string, behind) = behind.split_at(string_length(behind)?);
        let value: String = serde_json::from_str(string).ok()?;
        let restored = restore_words(&value, key, |name| Cow::Borrowed(name));
        output.push_str(between_strings(between)?);
        output.push_str(&Value::String(restored).to_string());
        rest = behind;
    }
    output.push_str(between_strings(rest)?);
    Some(output)
}

/// Returns the length of the JSON string that a text begins with, with its quotes.
fn string_length(text: &str) -> Option<usize> {
    let mut is_escaped = false;
    for (at, byte) in text.bytes().enumerate().skip(1) {
        match byte {
            _ if is_escaped => is_escaped = false,
            b'\\' => is_escaped = true,
            b'"' => return Some(at + 1),
            _ => {}
        }
    }
    None
}

/// Returns what stands between the strings of a JSON text, if it can stand there.
fn between_strings(text: &str) -> Option<&str> {
    let is_number = |word: &str| word.starts_with(|first: char| first.is_ascii_digit());
    let is_value = |word: &str| matches!(word, "" | "true" | "false" | "null") || is_number(word);
    let is_punctuation = |c: char| c.is_ascii_whitespace() || "[]{},:+-.".contains(c);
    text.split(is_punctuation).all(is_value).then_some(text)
}

fn restore_words(text: &str, key: &Key, bare: impl Fn(&str) -> Cow<'_, str>) -> String {
    let mut output = String::with_capacity(text.len());
    let mut rest = text;
    while !rest.is_empty() {
        let length = rest.find(|character| !is_word_character(character)).unwrap_or(rest.len());
        let (word, mut behind) = rest.split_at(length);
        let is_in = |quote: char| output.ends_with(quote) && behind.starts_with(quote);
        match key.original(word) {
            None => output.push_str(word),
            // The original has its own quotes, or is a number.
            Some((Kind::Literal, original)) if is_in('\'') => {
                output.pop();
                output.push_str(original);
                behind = &behind[1..];
            }
            Some((Kind::Literal | Kind::Other, original)) if !is_in('"') => output.push_str(original),
            Some((_, original)) if is_in('"') => output.push_str(&original.replace('"', "\"\"")),
            Some((_, original)) => output.push_str(&bare(original)),
        }
        // At least one character is no word, so that the loop goes on.
        let gap = behind.find(is_word_character).unwrap_or(behind.len());
        output.push_str(&behind[..gap]);
        rest = &behind[gap..];
    }
    output
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: &str) {
        let mut key = Key::default();
        for (kind, original, replacement) in [
            (Kind::Table, "users", "t1"),
            (Kind::Table, "My \"own\" table", "t2"),
            (Kind::Alias, "users_1", "t1_1"),
            (Kind::Column, "order", "c1"),
            (Kind::Literal, "'o''neil'", "v1"),
            (Kind::Literal, "42", "v2"),
            (Kind::Literal, "abc", "v3"),
            (Kind::Other, " by bob ", "x1"),
        ] {
            assert!(key.insert(kind, original, replacement));
        }
        assert_eq!(restore(text, &key), expected);
    }

    #[test]
    fn puts_names_into_advice() {
        check(
            "t1's scan (t1_1 too) reads t10 and xt1: `CREATE INDEX ON t2 (c1, \"c1\")`.",
            "users's scan (users_1 too) reads t10 and xt1: \
             `CREATE INDEX ON \"My \"\"own\"\" table\" (\"order\", \"order\")`.",
        );
        check("v1, 'v1', 'v2', v2 '%v3%' /*x1*/", "'o''neil', 'o''neil', 42, 42 '%abc%' /* by bob */");
        check("", "");
        check("t1", "users");
    }

    #[test]
    fn puts_names_into_json() {
        check(
            r#"{"a": ["t2","\"t2\".c1\nt1",1.50, true]}"#,
            r#"{"a": ["My \"own\" table","\"My \"\"own\"\" table\".order\nusers",1.50, true]}"#,
        );
        check(r#"["t1", t1]"#, r#"["users", users]"#);
        check(r#"["t1"#, r#"["users"#);
        check("[t1](c1)", "[users](\"order\")");
    }
}
