//! Which index can do all that another one can.

use super::{Definition, Key, Method, Predicate};
use crate::catalog::Index;
use crate::query::condition::conjuncts;
use crate::query::{Operand, same_expression};

/// The operator classes that `pg_opclass` has beside the one of the type's family, with the same operators: a
/// `varchar` is indexed as a text.
const SAME_OPCLASS: (&str, &str) = ("varchar_ops", "text_ops");

impl Definition {
    /// Whether this has fewer key columns than an index that can do all that it can: then it is smaller, which alone can
    /// be worth it where many rows share a key.
    pub(in crate::index) fn is_narrower_than(&self, other: &Self) -> bool {
        self.method == Method::Btree && self.include.is_empty() && self.keys.len() < other.keys.len()
    }

    /// Whether an existing index of this table can do all that this one could.
    pub(crate) fn is_covered_by(&self, existing: &Index) -> bool {
        existing.is_valid
            && Self::existing(&self.schema, &self.table, existing)
                .is_some_and(|existing| self.is_within(&existing))
    }

    /// Whether another index of the same table, on the same rows, can do all that this one could.
    pub(in crate::index) fn is_within(&self, other: &Self) -> bool {
        other.holds(self) && same_predicate(self.predicate.as_ref(), other.predicate.as_ref())
    }

    /// Whether this index allows every scan that an existing one of its table allows, so that it can replace it.
    ///
    /// A unique index and one that a constraint owns do more than scans. What it costs to read a wider or a full
    /// index instead is for the planner to say.
    pub(crate) fn makes_superfluous(&self, existing: &Index) -> bool {
        !existing.is_unique
            && !existing.is_constraint
            && existing.is_valid
            && Self::existing(&self.schema, &self.table, existing).is_some_and(|existing| {
                self.holds(&existing) && implies(existing.predicate.as_ref(), self.predicate.as_ref())
            })
    }

    /// Whether its entries can be searched, ordered and read as those of `other`, predicates aside.
    ///
    /// A btree does so with the keys of `other` at its front, or with all of them reversed; INCLUDE orders nothing.
    /// GIN and BRIN find by any of their columns alike; of GiST only the whole is comparable (manual, "Multicolumn
    /// Indexes").
    fn holds(&self, other: &Self) -> bool {
        let same = |own: &Key, other: &Key| {
            same_operand(own, other) && same_opclass(own, other) && same_collation(own, other)
        };
        let are_keys_held = match self.method {
            Method::Btree => {
                let is_prefix = |backwards: bool| {
                    self.keys.len() >= other.keys.len()
                        && self.keys.iter().zip(&other.keys).all(|(own, other)| {
                            same(own, other)
                                && (own.descending != backwards) == other.descending
                                && (own.nulls_first != backwards) == other.nulls_first
                        })
                };
                is_prefix(false) || is_prefix(true)
            }
            Method::Gin | Method::Brin => {
                other.keys.iter().all(|other| self.keys.iter().any(|own| same(own, other)))
            }
            Method::Gist => {
                self.keys.len() == other.keys.len()
                    && self.keys.iter().zip(&other.keys).all(|(own, other)| same(own, other))
            }
        };
        self.method == other.method && are_keys_held && self.stores(&other.include)
    }

    /// Whether an index-only scan finds these columns in it.
    fn stores(&self, columns: &[String]) -> bool {
        columns.iter().all(|column| {
            self.include.contains(column) || self.keys.iter().any(|key| key.column() == Some(column))
        })
    }
}

/// Whether `wide` allows every scan that `narrow`, another index of the same table, allows.
///
/// Of two equal indexes each makes the other superfluous: whoever drops must keep one.
pub(crate) fn index_makes_superfluous(wide: &Index, narrow: &Index) -> bool {
    wide.is_valid
        && Definition::existing("", "", wide).is_some_and(|definition| definition.makes_superfluous(narrow))
}

/// Whether two keys have the same collation. One of `pg_catalog` is written with its schema or without.
fn same_collation(a: &Key, b: &Key) -> bool {
    let known = |key: &Key| {
        let name = key.collation.as_deref()?;
        Some(name.strip_prefix("pg_catalog.").unwrap_or(name).to_owned())
    };
    known(a) == known(b)
}

fn same_operand(a: &Key, b: &Key) -> bool {
    match (&a.operand, &b.operand) {
        (Operand::Expression { sql: a, .. }, Operand::Expression { sql: b, .. }) => same_expression(a, b),
        (a, b) => a == b,
    }
}

fn same_opclass(a: &Key, b: &Key) -> bool {
    let known = |key: &Key| {
        key.opclass.clone().filter(|opclass| opclass != SAME_OPCLASS.0 && opclass != SAME_OPCLASS.1)
    };
    let parameters = |key: &Key| {
        let written = key.opclass_sql.as_ref()?;
        written.find('(').map(|at| written[at..].to_owned())
    };
    known(a) == known(b) && parameters(a) == parameters(b)
}

fn same_predicate(a: Option<&Predicate>, b: Option<&Predicate>) -> bool {
    match (a, b) {
        (None, None) => true,
        (Some(a), Some(b)) => same_expression(&a.sql, &b.sql),
        _ => false,
    }
}

/// Whether every row that `narrow` lets in is let in by `wide`, as far as their texts tell.
fn implies(narrow: Option<&Predicate>, wide: Option<&Predicate>) -> bool {
    match (narrow, wide) {
        (_, None) => true,
        (None, Some(_)) => false,
        (Some(narrow), Some(wide)) => conjuncts(&wide.sql)
            .iter()
            .all(|wanted| conjuncts(&narrow.sql).iter().any(|known| same_expression(known, wanted))),
    }
}
