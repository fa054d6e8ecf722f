//! What can be a key of an index: types with the operator class, what they can be searched for.

use crate::catalog::Table;
use crate::index::Key;
use crate::query::Operand;
use crate::query::words::lexemes;

/// Types of `pg_catalog` without a default operator class for btree (`pg_opclass`, PostgreSQL 14 to 18), beside those
/// that no column has.
const NOT_BTREE: [&str; 16] = [
    "aclitem",
    "box",
    "cid",
    "circle",
    "gtsvector",
    "json",
    "jsonpath",
    "line",
    "lseg",
    "path",
    "pg_snapshot",
    "point",
    "polygon",
    "txid_snapshot",
    "xid",
    "xml",
];
/// Bytes on average above which a value is no key of a btree: an entry holds at most a third of a page (2,704 bytes,
/// `BTMaxItemSize`), and single values are often several times the average.
const MAX_KEY_BYTES: i32 = 500;
const TEXTS: [&str; 3] = ["text", "varchar", "bpchar"];

/// What a value can be searched for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Family {
    Text,
    Jsonb,
    Array,
    TextSearch,
    /// Ranges and multiranges.
    Range,
    Geometry,
    Network,
    Scalar,
}

/// Whether a column or expression can be a key of a btree.
pub(super) fn is_btree_key(operand: &Operand, table: &Table) -> bool {
    if !can_be_indexed(operand, table) {
        return false;
    }
    match operand {
        Operand::Column(name) => table.column(name).is_some_and(|column| {
            let base_type = column.base_type.as_str();
            !NOT_BTREE.contains(&base_type)
                && column.statistics().is_none_or(|statistics| statistics.avg_width <= MAX_KEY_BYTES)
        }),
        Operand::Expression { .. } => true,
    }
}

/// Whether a column or expression can be a key of any index: its columns are stored. Of expressions, those that are not
/// immutable are no [`Operand`]s.
pub(super) fn can_be_indexed(operand: &Operand, table: &Table) -> bool {
    let is_stored = |name: &String| table.column(name).is_some_and(|column| !column.is_virtual);
    operand.columns().iter().all(is_stored)
        // An expression without columns is a constant.
        && !operand.columns().is_empty()
}

/// Returns what an operand can be searched for, as far as its type is known.
pub(super) fn family(operand: &Operand, table: &Table) -> Family {
    let column = match operand {
        Operand::Column(name) => table.column(name),
        Operand::Expression { sql, .. } => return family_of_expression(sql),
    };
    let Some(column) = column else { return Family::Scalar };
    match column.base_type.as_str() {
        "jsonb" => Family::Jsonb,
        "tsvector" => Family::TextSearch,
        "inet" | "cidr" => Family::Network,
        "point" | "box" | "polygon" | "circle" => Family::Geometry,
        name if column.element_type.is_some() || name.starts_with('_') => Family::Array,
        name if name.ends_with("range") => Family::Range,
        name if TEXTS.contains(&name) => Family::Text,
        _ => Family::Scalar,
    }
}

fn family_of_expression(sql: &str) -> Family {
    let lexemes = lexemes(sql);
    let solid: Vec<&str> =
        lexemes.iter().filter(|lexeme| lexeme.is_solid()).map(|lexeme| lexeme.text).collect();
    let starts_with = |name: &str| solid.first().is_some_and(|first| first.eq_ignore_ascii_case(name));
    let ends_with = |names: &[&str]| {
        let cast = solid.iter().rposition(|text| *text == "::");
        cast.is_some_and(|at| solid.get(at + 1).is_some_and(|name| names.contains(name)))
    };
    // The operator that is applied last says what comes out.
    let arrow = solid.iter().rev().find(|text| matches!(**text, "->" | "->>" | "#>" | "#>>"));
    if ends_with(&["jsonb"]) {
        Family::Jsonb
    } else if starts_with("to_tsvector") || starts_with("setweight") {
        Family::TextSearch
    } else if starts_with("string_to_array") || starts_with("regexp_split_to_array") {
        Family::Array
    } else if ["tsrange", "tstzrange", "daterange", "int4range", "int8range", "numrange"]
        .into_iter()
        .any(starts_with)
    {
        Family::Range
    } else if ends_with(&["int", "integer", "bigint", "numeric", "date", "timestamp", "boolean", "uuid"]) {
        Family::Scalar
    } else {
        match arrow {
            Some(&("->" | "#>")) => Family::Jsonb,
            _ => Family::Text,
        }
    }
}

/// Returns the key with which a btree finds text by its beginning, with an operator class that compares bytes where the
/// collation does not.
pub(super) fn prefix_key(operand: &Operand, table: &Table) -> Option<Key> {
    let columns = operand.columns().iter().filter_map(|name| table.column(name));
    let opclass = match operand {
        _ if columns.clone().all(|column| column.is_ordered_by_bytes) => None,
        _ if family(operand, table) != Family::Text => return None,
        Operand::Column(_) => columns.map(|column| format!("{}_pattern_ops", column.base_type)).next(),
        Operand::Expression { .. } => Some("text_pattern_ops".to_owned()),
    };
    Some(Key { opclass, ..Key::of(operand.clone()) })
}
