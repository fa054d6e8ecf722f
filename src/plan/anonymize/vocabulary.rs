//! The words of PostgreSQL, which say nothing about whose plan it is and stay.

use std::collections::HashSet;
use std::sync::LazyLock;

/// Functions that a statement can call, and types, of PostgreSQL 14 to 18, in order. Made by uniting, over the
/// servers, the answers to
/// ```sql
/// SELECT proname FROM pg_proc
/// WHERE pronamespace = 'pg_catalog'::regnamespace
///   AND NOT ARRAY['internal', 'cstring', 'trigger', 'event_trigger']::regtype[]::oid[]
///           && (prorettype || proargtypes::oid[])
///   AND (proname IN ('array_cat', 'starts_with')
///        OR coalesce(obj_description(oid, 'pg_proc'), '')
///           !~ '^(implementation of |I/O|hash$|less-equal|(small|larg)er of two|for use by pg_upgrade'
///              '|aggregate (transition|combine|final|serial|deserial)|\(internal|internal )')
/// UNION SELECT typname FROM pg_type
/// WHERE typnamespace = 'pg_catalog'::regnamespace AND typtype IN ('b', 'r', 'm') AND typelem = 0
/// UNION SELECT split_part(format_type(oid, NULL), ' ', 1) FROM pg_type
/// WHERE typnamespace = 'pg_catalog'::regnamespace AND typtype = 'b' AND typelem = 0 AND typname <> 'char'
/// UNION VALUES ('bernoulli'), ('dec'), ('decimal'), ('float'), ('int'), ('json_table'), ('national'), ('nchar'),
///              ('record'), ('system'), ('xmltable')
/// ```
static BUILTINS: LazyLock<HashSet<&str>> = LazyLock::new(|| include_str!("builtins.txt").lines().collect());

/// Words that are not reserved but make statements, in lower case. A statement keeps them, unless the plan has a name
/// like this.
const STATEMENT_WORDS: &[&str] = &[
    "aggregate",
    "between",
    "by",
    "coalesce",
    "conflict",
    "cube",
    "current",
    "delete",
    "escape",
    "exclude",
    "execute",
    "exists",
    "explain",
    "extract",
    "filter",
    "first",
    "following",
    "greatest",
    "grouping",
    "groups",
    "insert",
    "last",
    "least",
    "locked",
    "matched",
    "materialized",
    "merge",
    "next",
    "nothing",
    "nowait",
    "nullif",
    "nulls",
    "operator",
    "ordinality",
    "over",
    "overriding",
    "partition",
    "preceding",
    "prepare",
    "range",
    "recursive",
    "repeatable",
    "rollup",
    "row",
    "rows",
    "set",
    "sets",
    "share",
    "skip",
    "ties",
    "unbounded",
    "update",
    "values",
    "within",
    "without",
];

/// More words that EXPLAIN writes in expressions, always in upper case there; in a statement they may well be names.
const EXPRESSION_WORDS: &[&str] = &[
    "absent",
    "at",
    "columns",
    "conditional",
    "content",
    "document",
    "empty",
    "encoding",
    "error",
    "format",
    "indent",
    "json",
    "json_array",
    "json_arrayagg",
    "json_exists",
    "json_object",
    "json_objectagg",
    "json_query",
    "json_scalar",
    "json_serialize",
    "json_table",
    "json_value",
    "keep",
    "key",
    "keys",
    "local",
    "merge_action",
    "name",
    "nested",
    "nfc",
    "nfd",
    "nfkc",
    "nfkd",
    "no",
    "normalize",
    "normalized",
    "object",
    "of",
    "omit",
    "others",
    "overlay",
    "partial",
    "passing",
    "path",
    "position",
    "quotes",
    "ref",
    "scalar",
    "standalone",
    "string",
    "strip",
    "substring",
    "time",
    "treat",
    "trim",
    "unconditional",
    "unknown",
    "utf8",
    "value",
    "version",
    "whitespace",
    "wrapper",
    "xmlattributes",
    "xmlconcat",
    "xmlelement",
    "xmlexists",
    "xmlforest",
    "xmlnamespaces",
    "xmlparse",
    "xmlpi",
    "xmlroot",
    "xmlserialize",
    "xmltable",
    "yes",
    "zone",
];

/// Whether a lower-case name is a function or type of PostgreSQL's own.
pub(super) fn is_builtin(name: &str) -> bool {
    BUILTINS.contains(name)
}

pub(super) fn is_statement_word(word: &str) -> bool {
    STATEMENT_WORDS.binary_search(&word).is_ok()
}

pub(super) fn is_expression_word(word: &str) -> bool {
    is_statement_word(word) || EXPRESSION_WORDS.binary_search(&word).is_ok()
}

pub(super) fn is_builtin_schema(name: &str) -> bool {
    matches!(name, "pg_catalog" | "information_schema" | "pg_temp" | "pg_toast")
}

pub(super) fn is_system_column(name: &str) -> bool {
    matches!(name, "ctid" | "tableoid" | "xmin" | "xmax" | "cmin" | "cmax")
}

pub(super) fn is_builtin_collation(name: &str) -> bool {
    matches!(name, "C" | "POSIX" | "default" | "ucs_basic" | "unicode" | "pg_c_utf8" | "pg_unicode_fast")
}

/// Returns the words that can follow a type's first one, as in `timestamp(3) with time zone`.
pub(super) fn type_words(first: &str) -> &'static [&'static str] {
    match first {
        "character" | "char" | "bit" | "national" | "nchar" => &["character", "char", "varying"],
        "double" => &["precision"],
        "time" | "timestamp" => &["with", "without", "time", "zone"],
        "interval" => &["year", "month", "day", "hour", "minute", "second", "to"],
        _ => &[],
    }
}

/// Whether the planner made up this alias: `*VALUES*`, `*SELECT* 1`, `ANY_subquery`, `*VALUES*_1`.
pub(super) fn is_made_up_alias(name: &str) -> bool {
    let name = numbered(name).map_or(name, |(name, _)| name);
    let select = name.strip_prefix("*SELECT*").map(|rest| rest.strip_prefix(' ').unwrap_or(rest));
    select.is_some_and(is_number)
        || matches!(name, "*SELECT*" | "*VALUES*" | "*RESULT*" | "*TLOCRN*" | "*TROCRN*" | "ANY_subquery")
        || matches!(name, "unnamed_join" | "unnamed_subquery")
}

/// Whether this names a subplan by what it is for, since PostgreSQL 19: `exists_1`.
pub(super) fn is_subplan_label(name: &str) -> bool {
    numbered(name).is_some_and(|(sort, _)| {
        matches!(
            sort,
            "all" | "any" | "array" | "cte" | "exists" | "expr" | "minmax" | "multiexpr" | "rowcompare"
        )
    })
}

/// Whether PostgreSQL named this trigger after the number of a foreign key.
pub(super) fn is_foreign_key_trigger(name: &str) -> bool {
    ["RI_ConstraintTrigger_a_", "RI_ConstraintTrigger_c_"]
        .iter()
        .any(|prefix| name.strip_prefix(prefix).is_some_and(is_number))
}

/// Takes apart a name that was made different by a number, as EXPLAIN does with aliases: `users_1`.
pub(super) fn numbered(name: &str) -> Option<(&str, &str)> {
    // Four digits may be a year, which somebody chose.
    const MAX_DIGITS: usize = 3;
    name.rsplit_once('_').filter(|(base, number)| {
        !base.is_empty() && number.len() <= MAX_DIGITS && is_number(number) && !number.starts_with('0')
    })
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_are_in_order() {
        assert!(STATEMENT_WORDS.is_sorted());
        assert!(EXPRESSION_WORDS.is_sorted());
        assert!(include_str!("builtins.txt").lines().is_sorted());
        assert!(is_builtin("date_trunc") && is_builtin("timestamptz") && !is_builtin("int4eq"));
    }

    #[test]
    fn knows_made_up_aliases() {
        for name in ["*VALUES*", "*VALUES*_1", "*SELECT*", "*SELECT* 12", "*SELECT* 1_1", "ANY_subquery_2"] {
            assert!(is_made_up_alias(name), "{name}");
        }
        for name in ["VALUES", "*customers*", "*SELECT* all", "*VALUES*_2024", "any_subquery"] {
            assert!(!is_made_up_alias(name), "{name}");
        }
        assert_eq!(numbered("users_1"), Some(("users", "1")));
        for name in ["users", "users_", "_1", "users_01", "users_2024", "users_x"] {
            assert_eq!(numbered(name), None, "{name}");
        }
    }
}
