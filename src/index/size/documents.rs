//! What the opclasses of GIN make of one value: the entries of a document, a text, an array or a vector of words.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::values::{elements, text_bytes};
use crate::index::Key;

/// How an opclass takes values apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Parts {
    /// `jsonb_ops`: keys, values and elements, each a text with a flag (`gin_extract_jsonb`).
    Jsonb,
    /// `jsonb_path_ops`: a hash of each value with the keys that lead to it (`gin_extract_jsonb_path`).
    JsonbPaths,
    /// `gin_trgm_ops`: three characters each.
    Trigrams,
    /// `tsvector_ops`: words.
    Lexemes,
    /// `array_ops`: elements.
    Elements,
}

/// An entry of one document.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Part {
    /// Where in documents it is: values at one place are of one kind.
    pub(super) place: String,
    /// As the index keeps it, with its header.
    pub(super) bytes: u32,
}

/// Longer texts are hashed to 8 digits (`JGIN_MAXLENGTH` of jsonb.h).
const MAX_JSONB_TEXT_BYTES: usize = 125;
const HASHED_BYTES: usize = 8;
/// A hash or three characters, as a number.
const NUMBER_BYTES: u32 = 4;
/// The place of keys at any depth: the index does not tell them apart.
const KEYS: &str = "keys";

impl Parts {
    /// Returns how a key of an index is taken apart; `None` for values that are their own entries, as in `btree_gin`.
    ///
    /// An expression has no type here, so that its text must tell whether it makes a vector of words; `has_elements` says
    /// that its statistics name elements.
    pub(super) fn of(key: &Key, base_type: Option<&str>, is_array: bool, has_elements: bool) -> Option<Self> {
        let opclass = key.opclass.as_deref().unwrap_or_default();
        let makes_words = |sql: &str| sql.contains("to_tsvector(") || sql.contains("setweight(");
        Some(match (opclass, base_type) {
            ("jsonb_path_ops", _) => Self::JsonbPaths,
            ("jsonb_ops", _) | (_, Some("jsonb")) => Self::Jsonb,
            _ if opclass.ends_with("trgm_ops") => Self::Trigrams,
            ("tsvector_ops", _) | (_, Some("tsvector")) => Self::Lexemes,
            _ if is_array || opclass == "array_ops" => Self::Elements,
            (_, None) if has_elements || makes_words(&key.operand.sql()) => Self::Lexemes,
            // What is indexed of an expression is a part of a document most often.
            ("", None) => Self::Jsonb,
            _ => return None,
        })
    }

    /// Returns the entries of a value in text form, each once.
    pub(super) fn entries(self, text: &str) -> BTreeMap<String, Part> {
        let mut entries = BTreeMap::new();
        let one = |bytes: u32| Part { place: String::new(), bytes };
        match self {
            Self::Jsonb | Self::JsonbPaths => {
                if let Ok(document) = serde_json::from_str(text) {
                    self.add(&mut entries, "", &document, true);
                }
            }
            Self::Trigrams => {
                let trigrams = trigrams_of(text).into_iter();
                entries.extend(trigrams.map(|it| (it.iter().collect(), one(NUMBER_BYTES))));
            }
            Self::Lexemes => entries.extend(lexemes(text).into_iter().map(|word| {
                let bytes = text_bytes(word.len());
                (word, one(bytes))
            })),
            Self::Elements => entries.extend(elements(Some(text)).into_iter().map(|element| {
                let bytes = text_bytes(element.len());
                (element, one(bytes))
            })),
        }
        entries
    }

    /// Returns the value of an entry at a place; of a document, with a letter for its type before it: `n` for a number.
    pub(super) fn value<'e>(self, entry: &'e str, place: &str) -> &'e str {
        if self == Self::JsonbPaths { entry.get(place.len() + 1..).unwrap_or_default() } else { entry }
    }

    fn add(self, entries: &mut BTreeMap<String, Part>, path: &str, value: &Value, is_element: bool) {
        let (flag, text) = match value {
            Value::Array(elements) => {
                let path = format!("{path}[]");
                return elements.iter().for_each(|element| self.add(entries, &path, element, true));
            }
            Value::Object(members) => {
                for (key, value) in members {
                    if self == Self::Jsonb {
                        let (entry, bytes) = jsonb_text('k', key);
                        entries.entry(entry).or_insert_with(|| Part { place: KEYS.to_owned(), bytes });
                    }
                    self.add(entries, &format!("{path}.{key}"), value, false);
                }
                return;
            }
            Value::Null => ('0', String::new()),
            Value::Bool(value) => ('b', if *value { "t" } else { "f" }.to_owned()),
            Value::Number(number) => ('n', without_zeros(&number.to_string()).to_owned()),
            // Elements that are texts are looked up as keys are, with `?`.
            Value::String(text) => (if is_element { 'k' } else { 's' }, text.clone()),
        };
        let (entry, bytes) = match self {
            Self::JsonbPaths => (format!("{path}:{flag}{text}"), NUMBER_BYTES),
            _ => jsonb_text(flag, &text),
        };
        entries.entry(entry).or_insert_with(|| Part { place: path.to_owned(), bytes });
    }
}

/// A text with its flag, and the bytes of both with their header.
fn jsonb_text(flag: char, text: &str) -> (String, u32) {
    let length = if text.len() > MAX_JSONB_TEXT_BYTES { HASHED_BYTES } else { text.len() };
    (format!("{flag}{text}"), text_bytes(length + 1))
}

/// Numbers are kept without zeros behind their last digit (`numeric_normalize`).
fn without_zeros(number: &str) -> &str {
    if number.contains('.') { number.trim_end_matches('0').trim_end_matches('.') } else { number }
}

/// As `pg_trgm` makes them: of each word in lower case, with two blanks before it and one behind.
fn trigrams_of(text: &str) -> BTreeSet<[char; 3]> {
    let text = text.to_lowercase();
    let mut trigrams = BTreeSet::new();
    for word in text.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()) {
        let padded: Vec<char> = [' ', ' '].into_iter().chain(word.chars()).chain([' ']).collect();
        trigrams.extend(padded.windows(3).filter_map(|window| <[char; 3]>::try_from(window).ok()));
    }
    trigrams
}

/// The words of a vector in text form: `'word':1,2A 'it''s'` (manual, "Text Search Types").
fn lexemes(text: &str) -> Vec<String> {
    let (mut words, mut word, mut is_quoted) = (Vec::new(), String::new(), false);
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '\'' if is_quoted && chars.peek() == Some(&'\'') => word.extend(chars.next()),
            '\'' => {
                if is_quoted {
                    words.push(std::mem::take(&mut word));
                }
                is_quoted = !is_quoted;
            }
            '\\' if is_quoted => word.extend(chars.next()),
            c if is_quoted => word.push(c),
            _ => {}
        }
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn takes_values_apart_as_the_opclasses_do() {
        let check = |parts: Parts, text: &str, expected: &[(&str, &str, u32)]| {
            let entries = parts.entries(text);
            let found: Vec<_> =
                entries.iter().map(|(entry, it)| (entry.as_str(), it.place.as_str(), it.bytes)).collect();
            assert_eq!(found, expected, "{text}");
        };
        let document = r#"{"a": {"b": 1.50, "c": null}, "tags": ["x", "a", 7], "ok": true, "t": "x"}"#;
        check(
            Parts::Jsonb,
            document,
            &[
                ("0", ".a.c", 2),
                ("bt", ".ok", 3),
                ("ka", "keys", 3),
                ("kb", "keys", 3),
                ("kc", "keys", 3),
                ("kok", "keys", 4),
                ("kt", "keys", 3),
                ("ktags", "keys", 6),
                ("kx", ".tags[]", 3),
                ("n1.5", ".a.b", 5),
                ("n7", ".tags[]", 3),
                ("sx", ".t", 3),
            ],
        );
        check(
            Parts::JsonbPaths,
            document,
            &[
                (".a.b:n1.5", ".a.b", 4),
                (".a.c:0", ".a.c", 4),
                (".ok:bt", ".ok", 4),
                (".t:sx", ".t", 4),
                (".tags[]:ka", ".tags[]", 4),
                (".tags[]:kx", ".tags[]", 4),
                (".tags[]:n7", ".tags[]", 4),
            ],
        );
        check(Parts::Jsonb, r#""text""#, &[("ktext", "", 6)]);
        check(Parts::Jsonb, "{}", &[]);
        check(Parts::Jsonb, "{\"cut off", &[]);
        check(
            Parts::Lexemes,
            "'it''s':2A 'fat':1,3 'a b'",
            &[("a b", "", 4), ("fat", "", 4), ("it's", "", 5)],
        );
        check(Parts::Elements, "{a,\"b c\",a}", &[("a", "", 2), ("b c", "", 4)]);
        check(Parts::Trigrams, "Ab a", &[("  a", "", 4), (" a ", "", 4), (" ab", "", 4), ("ab ", "", 4)]);
        // Long texts are hashed.
        let long = format!("{{\"k\": \"{}\"}}", "y".repeat(126));
        let bytes: Vec<u32> = Parts::Jsonb.entries(&long).values().map(|part| part.bytes).collect();
        assert_eq!(bytes, [3, 10]);
    }

    proptest! {
        #[test]
        fn any_text_is_taken_apart(text in ".{0,60}", json in "[\\[\\]{}\":,a1.\\\\]{0,40}") {
            for parts in [Parts::Jsonb, Parts::JsonbPaths, Parts::Trigrams, Parts::Lexemes, Parts::Elements] {
                for text in [&text, &json] {
                    prop_assert!(parts.entries(text).values().all(|part| part.bytes > 0));
                }
            }
        }
    }
}
