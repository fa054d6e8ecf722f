//! Which name stands for which, in both directions.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::vocabulary::numbered;

/// Rises when a key of this version could not be read by an older perfkit.
const SCHEMA_VERSION: u64 = 1;

/// What a name names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    Schema,
    Table,
    Alias,
    Column,
    Index,
    Cte,
    Function,
    Type,
    /// Triggers and constraints.
    Trigger,
    /// Constants as written, with their quotes; and parts of them: the elements of an array, a pattern without `%`.
    Literal,
    /// Windows, collations, comments, and texts that are not SQL.
    Other,
}

/// Each kind with its key in the file and the letter that its replacements begin with.
const KINDS: [(Kind, &str, char); 11] = [
    (Kind::Schema, "schemas", 's'),
    (Kind::Table, "tables", 't'),
    (Kind::Alias, "aliases", 'a'),
    (Kind::Column, "columns", 'c'),
    (Kind::Index, "indexes", 'i'),
    (Kind::Cte, "ctes", 'w'),
    (Kind::Function, "functions", 'f'),
    (Kind::Type, "types", 'y'),
    (Kind::Trigger, "triggers", 'g'),
    (Kind::Literal, "literals", 'v'),
    (Kind::Other, "others", 'x'),
];

impl Kind {
    pub(super) fn letter(self) -> char {
        KINDS[self as usize].2
    }
}

/// What is wrong with the text of a key.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub(crate) enum KeyError {
    #[error("\"schema_version\" is not {SCHEMA_VERSION}")]
    Version,
    #[error("\"{0}\" is no kind of name")]
    UnknownKind(String),
    #[error("\"{0}\" is not an object of names")]
    NotNames(&'static str),
    #[error("the replacement \"{0}\" is not one word of letters, digits and underscores")]
    NotAWord(String),
    #[error("the replacement \"{0}\" stands for two names")]
    Ambiguous(String),
}

/// The mapping between original names and their replacements.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Key {
    replacements: BTreeMap<Kind, BTreeMap<String, String>>,
    originals: BTreeMap<String, (Kind, String)>,
}

impl Key {
    /// Reads a key that [`Key::to_json`] wrote.
    pub(crate) fn from_json(json: &Value) -> Result<Self, KeyError> {
        let mut key = Self::default();
        if json.get("schema_version") != Some(&json!(SCHEMA_VERSION)) {
            return Err(KeyError::Version);
        }
        for (name, names) in
            json.as_object().into_iter().flatten().filter(|(name, _)| *name != "schema_version")
        {
            let (kind, name, _) = KINDS
                .into_iter()
                .find(|(_, known, _)| known == name)
                .ok_or_else(|| KeyError::UnknownKind(name.clone()))?;
            for (original, replacement) in names.as_object().ok_or(KeyError::NotNames(name))? {
                let replacement = replacement.as_str().ok_or(KeyError::NotNames(name))?;
                if replacement.is_empty() || !replacement.chars().all(is_word_character) {
                    return Err(KeyError::NotAWord(replacement.to_owned()));
                }
                if !key.insert(kind, original, replacement) {
                    return Err(KeyError::Ambiguous(replacement.to_owned()));
                }
            }
        }
        Ok(key)
    }

    /// Returns the key as `{"schema_version": 1, "schemas": {original: replacement, …}, "tables": …}`.
    pub(crate) fn to_json(&self) -> Value {
        let kinds = KINDS.iter().map(|(kind, name, _)| {
            let names: Map<String, Value> = self
                .replacements
                .get(kind)
                .into_iter()
                .flatten()
                .map(|(original, replacement)| (original.clone(), json!(replacement)))
                .collect();
            ((*name).to_owned(), Value::Object(names))
        });
        Value::Object(
            std::iter::once(("schema_version".to_owned(), json!(SCHEMA_VERSION))).chain(kinds).collect(),
        )
    }

    /// Returns what stands for a name.
    pub(super) fn replacement(&self, kind: Kind, original: &str) -> Option<&str> {
        self.replacements.get(&kind)?.get(original).map(String::as_str)
    }

    /// Returns what stands for `x` in the aliases `x_1`, `x_2`, …, if there is one already: partitions of a table are
    /// known by having it in common.
    pub(super) fn numbered_alias(&self, base: &str) -> Option<&str> {
        let aliases = self.replacements.get(&Kind::Alias)?.range(format!("{base}_")..);
        aliases
            .take_while(|(alias, _)| alias.starts_with(base))
            .filter(|(alias, _)| numbered(alias).is_some_and(|(name, _)| name == base))
            .find_map(|(_, replacement)| numbered(replacement).map(|(base, _)| base))
    }

    /// Returns what a replacement stands for.
    pub(super) fn original(&self, replacement: &str) -> Option<(Kind, &str)> {
        self.originals.get(replacement).map(|(kind, original)| (*kind, original.as_str()))
    }

    /// Every original name.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.originals.values().map(|(_, original)| original.as_str())
    }

    /// Adds a name that has no replacement yet; returns false when the replacement stands for another one.
    pub(super) fn insert(&mut self, kind: Kind, original: &str, replacement: &str) -> bool {
        if self.originals.contains_key(replacement) {
            return false;
        }
        self.originals.insert(replacement.to_owned(), (kind, original.to_owned()));
        self.replacements.entry(kind).or_default().insert(original.to_owned(), replacement.to_owned());
        true
    }
}

/// Whether a character is part of a word; replacements are whole words.
pub(super) fn is_word_character(character: char) -> bool {
    character.is_alphanumeric() || character == '_'
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn survives_its_file() {
        let mut key = Key::default();
        assert!(key.insert(Kind::Table, "a \"b\"\n", "t1"));
        assert!(key.insert(Kind::Column, "a \"b\"\n", "c1"));
        assert!(!key.insert(Kind::Column, "other", "t1"));
        let json = key.to_json();
        assert_eq!(json["tables"], json!({"a \"b\"\n": "t1"}));
        assert_eq!(Key::from_json(&json), Ok(key));
        assert!(KINDS.iter().enumerate().all(|(at, (kind, ..))| *kind as usize == at));
    }

    #[test]
    fn refuses_what_is_no_key() {
        for (json, expected) in [
            (json!([]), KeyError::Version),
            (json!({"schema_version": 2}), KeyError::Version),
            (json!({"schema_version": 1, "verbs": {}}), KeyError::UnknownKind("verbs".into())),
            (json!({"schema_version": 1, "tables": []}), KeyError::NotNames("tables")),
            (json!({"schema_version": 1, "tables": {"a": 1}}), KeyError::NotNames("tables")),
            (json!({"schema_version": 1, "tables": {"a": "t 1"}}), KeyError::NotAWord("t 1".into())),
            (
                json!({"schema_version": 1, "tables": {"a": "t1"}, "ctes": {"b": "t1"}}),
                KeyError::Ambiguous("t1".into()),
            ),
        ] {
            assert_eq!(Key::from_json(&json), Err(expected));
        }
    }
}
