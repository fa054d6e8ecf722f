//! The bounds of partitions, as `pg_get_expr(relpartbound, oid)` prints them.

use serde::{Deserialize, Serialize};
use sqlparser::ast::Expr;

use super::literal::Literal;
use super::term::literal;
use crate::query::grammar;

/// What a partition takes (manual, CREATE TABLE, "`partition_bound_spec`"). Constants are printed without their type:
/// the type of the key's column decides what they are.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Bound {
    /// From `low`, included, to `high`, excluded; one edge for each column of the key, compared like a row.
    Range {
        low: Vec<Edge>,
        high: Vec<Edge>,
    },
    /// Values of the only column of the key; NULL may be among them.
    List(Vec<Literal>),
    Hash {
        modulus: u32,
        remainder: u32,
    },
    Default,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Edge {
    MinValue,
    Value(Literal),
    MaxValue,
}

/// Reads `DEFAULT` or `FOR VALUES …`; `None` for anything else.
pub(crate) fn bound(text: &str) -> Option<Bound> {
    let text = text.trim();
    if text == "DEFAULT" {
        return Some(Bound::Default);
    }
    let text = text.strip_prefix("FOR VALUES ")?;
    if let Some(list) = text.strip_prefix("IN ") {
        return items(list)?.iter().map(literal).collect::<Option<_>>().map(Bound::List);
    }
    if let Some(list) = text.strip_prefix("WITH (modulus ") {
        let (modulus, remainder) = list.strip_suffix(')')?.split_once(", remainder ")?;
        return Some(Bound::Hash { modulus: modulus.parse().ok()?, remainder: remainder.parse().ok()? });
    }
    // A constant may hold the word between the two: the cut that can be read is the right one.
    let rest = text.strip_prefix("FROM ")?;
    rest.match_indices(" TO ").find_map(|(at, word)| {
        let edges = |list: &str| items(list)?.iter().map(edge).collect::<Option<Vec<_>>>();
        Some(Bound::Range { low: edges(&rest[..at])?, high: edges(&rest[at + word.len()..])? })
    })
}

/// Reads a list in parentheses.
fn items(list: &str) -> Option<Vec<Expr>> {
    match grammar::expression(list)? {
        Expr::Tuple(items) => Some(items),
        Expr::Nested(item) => Some(vec![*item]),
        _ => None,
    }
}

fn edge(expr: &Expr) -> Option<Edge> {
    match expr {
        Expr::Identifier(name) if name.value == "MINVALUE" => Some(Edge::MinValue),
        Expr::Identifier(name) if name.value == "MAXVALUE" => Some(Edge::MaxValue),
        _ => literal(expr).map(Edge::Value),
    }
}
