//! Whether an index finds the rows that refer to a row of the parent, which the server looks for when that row is deleted
//! or gets another key (`ri_triggers.c`).
//!
//! Observed by deleting parents and counting scans: the key's columns in any order serve, and so does an index that has
//! but one of them first; the planner takes hash, GIN and `text_pattern_ops` too; an index that leaves nulls out serves,
//! because a null refers to nothing. Another collation, another predicate, an expression, an included column, or a column
//! that the check casts does not; BRIN is not chosen unless the rows are in order.

use super::Context;
use crate::catalog::{Constraint, Index, IndexKey, Reference, Table, TableKind};
use crate::query::condition::conjuncts;
use crate::query::{quote, same_expression};

/// Whether the server finds the rows of a foreign key by this index of its table.
pub(super) fn serves(index: &Index, foreign_key: &Constraint, reference: &Reference) -> bool {
    let is_found = |key: &IndexKey| {
        let mut columns = foreign_key.columns.iter().zip(&reference.families);
        !key.has_other_collation
            && columns.any(|(column, families)| {
                key.column.as_ref() == Some(column) && families.contains(&key.opfamily)
            })
    };
    let n_searchable = match index.method.as_str() {
        "brin" => 0,
        "gin" => index.keys.len(),
        _ => 1,
    };
    let leaves_nulls_out = |condition: &str| {
        let test = |column: &String| format!("{} IS NOT NULL", quote::identifier(column));
        foreign_key.columns.iter().any(|column| same_expression(condition, &test(column)))
    };
    index.is_valid
        && index.is_ready
        && index.keys.iter().take(n_searchable).any(is_found)
        && index.predicate.as_deref().is_none_or(|sql| conjuncts(sql).into_iter().all(leaves_nulls_out))
}

/// Whether the server finds the rows of a foreign key by some index: one of the table, or one of each partition.
pub(super) fn is_served(
    context: &Context,
    table: &Table,
    foreign_key: &Constraint,
    reference: &Reference,
    may_use: &dyn Fn(&Index) -> bool,
) -> bool {
    table.indexes.iter().any(|index| may_use(index) && serves(index, foreign_key, reference))
        || table.kind == TableKind::Partitioned
            && !context.partitions(table).is_empty()
            && context
                .partitions(table)
                .iter()
                .all(|partition| is_served(context, partition, foreign_key, reference, may_use))
}

/// The foreign keys that hold for a table: its own, and of a partition those of its parents.
pub(super) fn foreign_keys<'a>(
    context: &Context<'a>,
    table: &'a Table,
) -> Vec<(&'a Table, &'a Constraint, &'a Reference)> {
    let mut found = Vec::new();
    let mut next = Some(table);
    while let Some(table) = next {
        found.extend(table.constraints.iter().filter_map(|it| Some((table, it, it.references.as_ref()?))));
        next = table.partition_of.as_ref().and_then(|(parent, _)| context.table(*parent));
    }
    found
}
