//! Statements that somebody wants to hear nothing of (`--ignore`).

use std::str::FromStr;

use crate::query::{self, Relations, TableName};
use crate::trace::Fingerprint;

/// As many digits of a fingerprint tell it from a word: reports show no fewer.
const MIN_DIGITS: usize = 8;

/// What statements are told by: the beginning of a fingerprint, a table that they name, or a pattern of their text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Ignored {
    Fingerprint(String),
    Table(TableName),
    /// Pieces of the text, with anything between them.
    Pattern(Vec<String>),
}

impl FromStr for Ignored {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let text = text.trim();
        if text.contains('*') {
            return Ok(Self::Pattern(folded(text).split('*').map(str::to_owned).collect()));
        }
        if text.len() >= MIN_DIGITS && text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Ok(Self::Fingerprint(text.to_ascii_lowercase()));
        }
        let (schema, name) = match text.split_once('.') {
            Some((schema, name)) => (Some(schema.to_owned()), name),
            None => (None, text),
        };
        let is_name =
            |name: &str| !name.is_empty() && !name.contains(|c: char| c.is_whitespace() || c == '.');
        if !is_name(name) || schema.as_deref().is_some_and(|schema| !is_name(schema)) {
            return Err(format!(
                "write {MIN_DIGITS} digits of a fingerprint or more, a table, or a pattern of the text as in '*FROM audit*'"
            ));
        }
        Ok(Self::Table(TableName { schema, name: name.to_owned() }))
    }
}

impl Ignored {
    /// Whether it is about a statement.
    pub(crate) fn is_about(&self, fingerprint: Fingerprint, sql: &str) -> bool {
        match self {
            Self::Fingerprint(start) => fingerprint.to_string().starts_with(start),
            Self::Table(table) => tables(sql).iter().any(|other| {
                let is_schema =
                    table.schema.is_none() || other.schema.is_none() || table.schema == other.schema;
                is_schema && table.name == other.name
            }),
            Self::Pattern(pieces) => holds(&folded(sql), pieces),
        }
    }
}

/// Whether any of them is about a statement.
pub(crate) fn is_ignored(ignored: &[Ignored], fingerprint: Fingerprint, sql: &str) -> bool {
    ignored.iter().any(|it| it.is_about(fingerprint, sql))
}

/// Letter case and white space are no part of a pattern.
fn folded(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ").to_lowercase()
}

/// Whether the pieces stand in a text in their order; the first begins it, and the last ends it.
fn holds(text: &str, pieces: &[String]) -> bool {
    let [first, between @ .., last] = pieces else { return false };
    let Some(mut rest) = text.strip_prefix(first.as_str()) else { return false };
    for piece in between {
        match rest.split_once(piece.as_str()) {
            Some((_, after)) => rest = after,
            None => return false,
        }
    }
    rest.ends_with(last.as_str())
}

/// The tables that a statement names, as far as its text tells.
fn tables(sql: &str) -> Vec<TableName> {
    let Ok(parsed) = query::parse(&query::plannable(sql)) else { return Vec::new() };
    let read = parsed.shape(&TextAlone).uses.into_iter().map(|it| it.table);
    read.chain(parsed.writes().into_iter().map(|it| it.table)).collect()
}

/// Nothing is known of the tables: columns without a qualifier belong to the only table.
pub(super) struct TextAlone;

impl Relations for TextAlone {
    fn has_column(&self, _: &TableName, _: &str) -> Option<bool> {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SQL: &str = "SELECT name\n  FROM Public.users u JOIN \"Orders\" o ON o.u = u.id WHERE o.id = $1";

    fn check(ignored: &str, expected: bool) {
        let parsed: Ignored = ignored.parse().unwrap();
        assert_eq!(parsed.is_about(Fingerprint(0x0123_4567_89ab_cdef), SQL), expected, "{ignored}");
    }

    #[test]
    fn tells_by_fingerprint_table_or_text() {
        check("0123456789abcdef", true);
        check("01234567", true);
        check("0123456789ABCDEF", true);
        check("12345678", false);
        check("users", true);
        check("public.users", true);
        check("other.users", false);
        check("Orders", true);
        check("orders", false);
        check("name", false);
        check("select name from*", true);
        check("*JOIN \"Orders\" o*$1", true);
        check("*from other*", false);
        check("name*", false);
        check("*name", false);
        check("*", true);
    }

    #[test]
    fn writes_name_tables() {
        let ignored: Ignored = "audit".parse().unwrap();
        for sql in
            ["INSERT INTO audit VALUES ($1)", "UPDATE audit SET a = 1", "DELETE FROM audit WHERE a = $1"]
        {
            assert!(ignored.is_about(Fingerprint(1), sql), "{sql}");
        }
        assert!(!ignored.is_about(Fingerprint(1), "SELEC audit"));
    }

    #[test]
    fn says_what_can_be_ignored() {
        for text in ["", "  ", "two words", "a.b.c", ".a"] {
            assert!(text.parse::<Ignored>().unwrap_err().contains("a table, or a pattern"), "{text}");
        }
    }
}
