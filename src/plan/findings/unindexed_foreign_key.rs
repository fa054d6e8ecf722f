//! Each deleted or updated row is looked for in a referencing table that has no index for it.
//!
//! Why it matters: PostgreSQL indexes the referenced columns of a foreign key, never the referencing ones,
//! and reads that whole table once a row. Example: a DELETE of 200 parents takes 200 scans of the children.
//! Remedy: an index on the referencing columns. Wrong when: ON DELETE CASCADE removes so many rows that this
//! is the work itself.

use super::{Observation, Subject};
use crate::catalog::{Constraint, Index, Table};
use crate::index::{Definition, Key};
use crate::plan::node::Trigger;
use crate::query::quote;
use crate::unit::{count, estimate, milliseconds};

pub(super) const RULE: &str = "unindexed-foreign-key";
/// What a call takes that an index serves: 0.008 ms on PostgreSQL 15 and 0.009 ms on 18, cached (measured
/// over 200 rows).
pub(super) const INDEXED_CALL_MS: f64 = 0.01;
/// Blocks that the lookups of a DELETE must read together to be worth a word before it runs: about as many a
/// second, cached (136,000, measured on PostgreSQL 15).
const MIN_BLOCKS: f64 = 100_000.0;
/// Calls as many times slower are not explained by a slow machine alone.
const MIN_FACTOR: f64 = 5.0;

pub(super) fn check(subject: &Subject) -> Vec<Observation> {
    if subject.plan.is_analyzed() {
        subject.plan.triggers.iter().filter_map(|trigger| measured(subject, trigger)).collect()
    } else {
        foreseen(subject)
    }
}

/// Whether this rule speaks of a trigger.
pub(super) fn explains(subject: &Subject, trigger: &Trigger) -> bool {
    measured(subject, trigger).is_some()
}

fn measured(subject: &Subject, trigger: &Trigger) -> Option<Observation> {
    let constraint = trigger.constraint.as_deref()?;
    let time_ms = trigger.time_ms?;
    if !is_action(subject, trigger) || time_ms < MIN_FACTOR * INDEXED_CALL_MS * trigger.calls {
        return None;
    }
    let modified = subject.plan.nodes.iter().find(|node| {
        node.is_a("ModifyTable") && (trigger.relation.is_none() || node.relation == trigger.relation)
    });
    let relation = trigger.relation.as_deref().or_else(|| modified?.relation.as_deref());
    let (what, remedy, index) = match referencing(subject, relation, constraint) {
        Some((table, foreign_key)) => {
            if table.indexes.iter().any(|index| serves(index, &foreign_key.columns)) {
                return None;
            }
            (without_index(table, foreign_key), advice(table, foreign_key), Some(index(table, foreign_key)))
        }
        None => (
            format!("{constraint} was looked up slowly"),
            format!(
                "Index the referencing columns of the constraint, if they have none. SELECT \
                 conrelid::regclass, pg_get_constraintdef(oid) FROM pg_constraint WHERE conname = {}; names \
                 them.",
                quote::quote_literal(constraint)
            ),
            None,
        ),
    };
    Some(Observation {
        node_id: modified.map(|node| node.id),
        saves: Some(time_ms - INDEXED_CALL_MS * trigger.calls),
        message: format!(
            "{what}: {} rows of {} took {} ms each in the trigger of the foreign key",
            estimate(trigger.calls),
            relation.unwrap_or("the table"),
            milliseconds(time_ms / trigger.calls.max(1.0))
        ),
        remedy,
        index,
    })
}

/// Returns what a DELETE that was not executed will look up, which its cost leaves out.
fn foreseen(subject: &Subject) -> Vec<Observation> {
    let Some(server) = subject.server else { return Vec::new() };
    let deletes = subject.plan.nodes.iter().filter(|node| node.text("Operation") == Some("Delete"));
    let mut observations = Vec::new();
    for delete in deletes {
        let n_rows: f64 = subject.plan.children(delete.id).filter_map(|input| input.plan_rows).sum();
        let Some(relation) = delete.relation.as_deref() else { continue };
        for table in server.catalog.tables.iter().filter(|table| table.partition_of.is_none()) {
            let unserved = table.constraints.iter().filter(|constraint| {
                references(constraint, relation)
                    && !table.indexes.iter().any(|index| serves(index, &constraint.columns))
            });
            observations.extend(unserved.filter(|_| n_rows * f64::from(table.n_pages) >= MIN_BLOCKS).map(
                |foreign_key| Observation {
                    node_id: Some(delete.id),
                    saves: None,
                    message: format!(
                        "{}: each of {} rows of {relation} will have all {} blocks of it read",
                        without_index(table, foreign_key),
                        estimate(n_rows),
                        count(u64::from(table.n_pages))
                    ),
                    remedy: format!("{} The plan's cost leaves this out.", advice(table, foreign_key)),
                    index: Some(index(table, foreign_key)),
                },
            ));
        }
    }
    observations
}

fn without_index(table: &Table, foreign_key: &Constraint) -> String {
    format!("{} ({}) has no index", table.name, foreign_key.columns.join(", "))
}

fn advice(table: &Table, foreign_key: &Constraint) -> String {
    let columns = foreign_key.columns.join(", ");
    format!("Index {columns} of {}, which {} looks up for each row.", table.name, foreign_key.name)
}

fn index(table: &Table, foreign_key: &Constraint) -> Definition {
    let keys = foreign_key.columns.iter().map(|column| Key::ascending(column)).collect();
    Definition::btree(&table.schema, &table.name, keys)
}

/// Whether a trigger acts on the referencing rows when a referenced one goes (`a`), and does not check a new
/// referencing row (`c`; `CreateTrigger` of trigger.c names them so). The text format leaves the name out
/// without VERBOSE: then only a statement that deletes or updates has such triggers that take long.
fn is_action(subject: &Subject, trigger: &Trigger) -> bool {
    match trigger.name.strip_prefix("RI_ConstraintTrigger_") {
        Some(rest) => rest.starts_with("a_"),
        None => {
            trigger.constraint.as_ref() == Some(&trigger.name)
                && subject
                    .plan
                    .nodes
                    .iter()
                    .any(|node| matches!(node.text("Operation"), Some("Delete" | "Update" | "Merge")))
        }
    }
}

/// Finds the foreign key and its table; of a partitioned table and its partitions, the parent.
fn referencing<'s>(
    subject: &Subject<'s>,
    relation: Option<&str>,
    constraint: &str,
) -> Option<(&'s Table, &'s Constraint)> {
    let tables = &subject.server?.catalog.tables;
    let find = |is_wanted: fn(&Table) -> bool| {
        tables.iter().filter(|table| is_wanted(table)).find_map(|table| {
            let foreign_key = table.constraints.iter().find(|own| {
                own.name == constraint && relation.is_none_or(|relation| references(own, relation))
            })?;
            Some((table, foreign_key))
        })
    };
    find(|table| table.partition_of.is_none()).or_else(|| find(|_| true))
}

/// Whether a constraint is a foreign key to a table of this name.
fn references(constraint: &Constraint, relation: &str) -> bool {
    let referenced = constraint.definition.split_once(" REFERENCES ").map_or("", |(_, rest)| rest);
    let referenced = referenced.split_once('(').map_or("", |(name, _)| name);
    constraint.kind == 'f' && referenced.rsplit('.').next() == Some(quote::identifier(relation).as_ref())
}

/// Whether an index finds the rows of a foreign key: its first columns are the key's, in any order.
fn serves(index: &Index, columns: &[String]) -> bool {
    let excludes_nulls_alone = |predicate: &str| {
        columns.iter().any(|column| {
            predicate.trim_matches(['(', ')']) == format!("{} IS NOT NULL", quote::identifier(column))
        })
    };
    index.is_valid
        && index.keys.len() >= columns.len()
        && index.keys[..columns.len()]
            .iter()
            .all(|key| key.column.as_ref().is_some_and(|column| columns.contains(column)))
        // No referencing row with a null references anything.
        && index.predicate.as_deref().is_none_or(excludes_nulls_alone)
}

#[cfg(test)]
mod tests {
    use super::super::test_plans::{check_plan_on, node};
    use super::super::test_servers::referencing;
    use super::*;
    use serde_json::json;

    /// Checks what is said of a DELETE whose trigger of a foreign key took so long for 200 rows, with these
    /// indexes of the referencing table.
    fn check_message(trigger: &str, ms: f64, indexes: Option<&[&[&str]]>, expected: Option<&str>) {
        let root =
            node("ModifyTable", 1.0, 0.0, &json!({"Operation": "Delete", "Relation Name": "parent"}), &[]);
        let trigger = json!({"Trigger Name": trigger, "Constraint Name": "child_fkey", "Relation": "parent",
                             "Time": ms, "Calls": 200});
        let server =
            indexes.map(|indexes| referencing("child", "child_fkey", &["a", "b"], "parent", indexes));
        let plan = json!({"Plan": root, "Execution Time": ms + 2.0, "Triggers": [trigger]});
        let found = check_plan_on(check, plan, server.as_ref());
        assert_eq!(found.first().map(|observation| observation.message.as_str()), expected);
        if expected.is_some() {
            assert_eq!(found[0].saves, Some(ms - 2.0));
            let keys = found[0].index.as_ref().map(Definition::describe);
            assert_eq!(keys.as_deref(), indexes.map(|_| "child (a, b)"));
        }
    }

    #[test]
    fn finds_scans_of_the_referencing_table() {
        let blames_the_constraint = "child_fkey was looked up slowly: 200 rows of parent took 2.00 ms each \
                                     in the trigger of the foreign key";
        check_message("RI_ConstraintTrigger_a_16405", 400.0, None, Some(blames_the_constraint));
        check_message("RI_ConstraintTrigger_a_16405", 2.0, None, None);
        check_message("RI_ConstraintTrigger_c_16405", 400.0, None, None);
        // The text format without VERBOSE.
        check_message("child_fkey", 400.0, None, Some(blames_the_constraint));
    }

    #[test]
    fn knows_the_indexes() {
        let names_the_columns = "child (a, b) has no index: 200 rows of parent took 2.00 ms each in the \
                                 trigger of the foreign key";
        let name = "RI_ConstraintTrigger_a_16405";
        check_message(name, 400.0, Some(&[]), Some(names_the_columns));
        check_message(name, 400.0, Some(&[&["a"], &["a", "c", "b"]]), Some(names_the_columns));
        check_message(name, 400.0, Some(&[&["b", "a", "c"]]), None);
    }

    #[test]
    fn foresees_what_a_delete_will_read() {
        let message = |rows: u32, indexes: &[&[&str]]| {
            let mut server = referencing("child", "child_fkey", &["a"], "parent", indexes);
            server.catalog.tables[0].n_pages = 500;
            let scan = json!({"Node Type": "Seq Scan", "Plan Rows": rows});
            let root = json!({"Node Type": "ModifyTable", "Operation": "Delete", "Relation Name": "parent",
                              "Plans": [scan]});
            let found = check_plan_on(check, json!({"Plan": root}), Some(&server));
            found.into_iter().next().map(|observation| observation.message)
        };
        let told = "child (a) has no index: each of 1,000 rows of parent will have all 500 blocks of it read";
        assert_eq!(message(1000, &[]).as_deref(), Some(told));
        assert_eq!(message(10, &[]), None);
        assert_eq!(message(1000, &[&["a"]]), None);
    }
}
