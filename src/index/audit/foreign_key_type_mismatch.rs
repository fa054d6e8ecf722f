//! A column of a foreign key has another type than the one that it refers to.
//!
//! Why it matters: where the types have no common operator family, each check casts the referencing column, so that no
//! index on it is used; where the column is the smaller integer, it cannot hold every key. Example: `integer` that refers to
//! `numeric`; `integer` that refers to `bigint`. Remedy: the parent's type. Wrong when: the parent's keys stay small by
//! design, as those of an enumeration table do.
//!
//! Condition: no operator family finds the column (`Reference::families` is empty; observed: an `integer` index is not read for
//! a `numeric` parent, but is for a `bigint` one), or the integer is narrower. `varchar` and `text` are one type here.

use super::{Context, Finding, Observation, Severity};
use crate::catalog::{Constraint, Table};

pub(super) const RULE: &str = "foreign-key-type-mismatch";

pub(super) fn check(context: &Context) -> Vec<Observation> {
    let mut found = Vec::new();
    for table in context.tables() {
        for foreign_key in &table.constraints {
            found.extend(of_key(context, table, foreign_key));
        }
    }
    found
}

fn of_key(context: &Context, table: &Table, foreign_key: &Constraint) -> Vec<Observation> {
    let Some(reference) = &foreign_key.references else { return Vec::new() };
    let Some(parent) = context.table(reference.table) else { return Vec::new() };
    let columns = foreign_key.columns.iter().zip(&reference.columns).zip(&reference.families);
    columns
        .filter_map(|((own, referred), families)| {
            let (own, referred) = (table.column(own)?, parent.column(referred)?);
            let (severity, effect) = if families.is_empty() {
                (Severity::Medium, "no index finds its rows when a row of the parent goes")
            } else if width(&own.base_type)? < width(&referred.base_type)? {
                (Severity::Low, "it cannot hold every key")
            } else {
                return None;
            };
            Some(Observation::of(Finding {
                severity,
                message: format!(
                    "{}.{} is {} and refers to {}.{}, which is {}: {effect}",
                    table.name, own.name, own.type_name, parent.name, referred.name, referred.type_name
                ),
                remedy: format!(
                    "Give it the type {}: through a new column that is filled in batches, because ALTER COLUMN TYPE \
                     rewrites the table under a lock that blocks everybody.",
                    referred.type_name
                ),
                ..Finding::of_table(RULE, table, vec![own.name.clone()])
            }))
        })
        .collect()
}

/// Bytes of an integer.
fn width(base_type: &str) -> Option<u8> {
    match base_type {
        "int2" => Some(2),
        "int4" => Some(4),
        "int8" => Some(8),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::super::fixture::{Fixture, foreign_key, index, table};
    use super::*;

    fn check_types(own: &str, referred: &str, expected: &[&str]) {
        let mut child = table("child", &[&format!("a {own}")], vec![index("child_a_idx", &["a"])]);
        child.constraints.push(foreign_key("child_fk", &["a"], 1, &["id"]));
        let fixture = Fixture::new(vec![table("parent", &[&format!("id {referred}!")], vec![]), child]);
        assert_eq!(fixture.messages(check), expected);
    }

    /// Trap 24, F6 and F7.
    #[test]
    fn compares_types() {
        check_types(
            "int4",
            "numeric",
            &[
                "child.a is int4 and refers to parent.id, which is numeric: no index finds its rows when a row of the \
               parent goes",
            ],
        );
        check_types(
            "int4",
            "int8",
            &["child.a is int4 and refers to parent.id, which is int8: it cannot hold every key"],
        );
        check_types("int8", "int4", &[]);
        check_types("int8", "int8", &[]);
        check_types("varchar", "text", &[]);
    }
}
