//! The one place that quotes identifiers and literals.

use std::borrow::Cow;
use std::fmt;

/// Returns an identifier in double quotes, always: keywords and folding need no thought then.
pub(crate) fn quote_identifier(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// Returns an identifier in quotes only where it needs them, for SQL that people read.
pub(crate) fn identifier(name: &str) -> Cow<'_, str> {
    if is_plain(name) { Cow::Borrowed(name) } else { Cow::Owned(quote_identifier(name)) }
}

/// Returns a schema-qualified name in quotes.
pub(crate) fn quote_qualified(schema: &str, name: &str) -> String {
    format!("{}.{}", quote_identifier(schema), quote_identifier(name))
}

/// Returns a schema-qualified name, quoted only where it needs it.
pub(crate) fn qualified(schema: &str, name: &str) -> String {
    format!("{}.{}", identifier(schema), identifier(name))
}

/// Returns a string literal; backslashes have no meaning in it (`standard_conforming_strings` is on since 9.1).
pub(crate) fn quote_literal(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

/// Writes what stands between the quotes of a string literal.
pub(crate) struct Literal<'w, W>(pub(crate) &'w mut W);

impl<W: fmt::Write> fmt::Write for Literal<'_, W> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let mut parts = text.split('\'');
        self.0.write_str(parts.next().unwrap_or_default())?;
        parts.try_for_each(|part| {
            self.0.write_str("''")?;
            self.0.write_str(part)
        })
    }
}

/// Whether the server reads an unquoted name as itself: lower case, and no reserved word.
fn is_plain(name: &str) -> bool {
    let mut characters = name.chars();
    characters.next().is_some_and(|c| c.is_ascii_lowercase() || c == '_')
        && characters.all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
        && !is_reserved(name)
}

/// Whether a word, in lower case, can name nothing unless it is quoted.
pub(crate) fn is_reserved(word: &str) -> bool {
    RESERVED.binary_search(&word).is_ok()
}

/// The words of PostgreSQL that cannot name a table or column (manual, "SQL Key Words"; reserved there, in any
/// way, up to version 18).
const RESERVED: [&str; 105] = [
    "all",
    "analyse",
    "analyze",
    "and",
    "any",
    "array",
    "as",
    "asc",
    "asymmetric",
    "authorization",
    "between",
    "binary",
    "both",
    "case",
    "cast",
    "check",
    "coalesce",
    "collate",
    "collation",
    "column",
    "concurrently",
    "constraint",
    "create",
    "cross",
    "current_catalog",
    "current_date",
    "current_role",
    "current_schema",
    "current_time",
    "current_timestamp",
    "current_user",
    "default",
    "deferrable",
    "desc",
    "distinct",
    "do",
    "else",
    "end",
    "except",
    "exists",
    "false",
    "fetch",
    "for",
    "foreign",
    "freeze",
    "from",
    "full",
    "grant",
    "group",
    "having",
    "ilike",
    "in",
    "initially",
    "inner",
    "intersect",
    "into",
    "is",
    "isnull",
    "join",
    "lateral",
    "leading",
    "left",
    "like",
    "limit",
    "localtime",
    "localtimestamp",
    "natural",
    "not",
    "notnull",
    "null",
    "offset",
    "on",
    "only",
    "or",
    "order",
    "outer",
    "overlaps",
    "placing",
    "primary",
    "references",
    "returning",
    "right",
    "select",
    "session_user",
    "similar",
    "some",
    "symmetric",
    "system_user",
    "table",
    "tablesample",
    "then",
    "to",
    "trailing",
    "true",
    "union",
    "unique",
    "user",
    "using",
    "values",
    "variadic",
    "verbose",
    "when",
    "where",
    "window",
    "with",
];

#[cfg(test)]
mod tests {
    use super::*;
    use std::fmt::Write as _;

    #[test]
    fn a_literal_in_pieces_is_the_same() {
        for text in ["", "a", "'", "it''s 'x'"] {
            let mut inside = String::new();
            Literal(&mut inside).write_str(text).unwrap();
            assert_eq!(format!("'{inside}'"), quote_literal(text));
        }
    }
    use proptest::prelude::*;

    #[test]
    fn quotes_only_where_needed() {
        for (name, expected) in [
            ("users", "users"),
            ("_a1", "_a1"),
            ("Users", "\"Users\""),
            ("user", "\"user\""),
            ("window", "\"window\""),
            ("1a", "\"1a\""),
            ("a b", "\"a b\""),
            ("a\"b", "\"a\"\"b\""),
            ("", "\"\""),
        ] {
            assert_eq!(identifier(name), expected);
        }
        assert_eq!(quote_literal("it's"), "'it''s'");
        assert!(RESERVED.is_sorted());
    }

    proptest! {
        #[test]
        fn quoted_names_hold_no_single_quote_mark(name in "\\PC*") {
            let quoted = quote_identifier(&name);
            let inner = &quoted[1..quoted.len() - 1];
            prop_assert_eq!(inner.replace("\"\"", "").matches('"').count(), 0);
        }
    }
}
