//! Rows are read and sorted that an index would deliver in order.
//!
//! Why it matters: with a LIMIT, an index in the order of the sort lets the scan stop after the first rows; without one, all are read
//! and sorted. Example: `ORDER BY created_at DESC LIMIT 10` without an index on `created_at`. Remedy: an index on the columns
//! that are compared for equality, then those of the order. Wrong when: most rows are wanted anyway; reading a large table
//! through an index costs more than sorting it, so that without a LIMIT the index seldom helps.

use super::{Observation, Subject, merge_join_sorts};
use crate::index::Definition;
use crate::plan::{Node, indexable, rows};
use crate::unit::estimate;

pub(super) const RULE: &str = "avoidable-sort";
/// Sorted rows from which on the rule speaks: pgexplain for Go says 1000 below a LIMIT, …
const MIN_ROWS_FOR_LIMIT: f64 = 1000.0;
/// … dryrun 10,000 otherwise.
const MIN_ROWS: f64 = 10_000.0;

pub(super) fn check(subject: &Subject) -> Vec<Observation> {
    let sorts = subject.plan.nodes.iter().filter(|node| node.is_a("Sort"));
    sorts.filter(|sort| speaks_of(subject, sort)).filter_map(|sort| observe(subject, sort)).collect()
}

/// Whether this rule tells of a sort, rather than `disk-sort` or `merge-join-sorts`.
pub(super) fn speaks_of(subject: &Subject, sort: &Node) -> bool {
    let n_sorted = n_sorted(subject, sort);
    let is_on_disk = sort
        .processes()
        .any(|process| process.get("Sort Space Type").and_then(|kind| kind.as_str()) == Some("Disk"));
    let is_enough = match limit(subject, sort) {
        Some(limit) => n_sorted >= MIN_ROWS_FOR_LIMIT && limit < n_sorted / 2.0,
        // On disk, memory is the surer remedy.
        None => n_sorted >= MIN_ROWS && !is_on_disk,
    };
    is_enough && !merge_join_sorts::is_below(subject, sort) && index(subject, sort).is_some()
}

fn observe(subject: &Subject, sort: &Node) -> Option<Observation> {
    let (scan, _) = ordered_scan(subject, sort)?;
    let n_sorted = n_sorted(subject, sort);
    let order = order(sort);
    let (saves, message) = match limit(subject, sort) {
        // The rows are in no order but that of the index, so that as large a part of everything is read as is wanted.
        Some(limit) => (
            subject.total_ms(sort.id) * (1.0 - limit / n_sorted),
            format!("{} rows are read and sorted for the first {}", estimate(n_sorted), estimate(limit)),
        ),
        None => (subject.self_ms(sort.id), format!("{} rows are sorted by {order}", estimate(n_sorted))),
    };
    Some(Observation {
        node_id: Some(sort.id),
        saves: Some(saves),
        message,
        remedy: format!(
            "An index of {} that has the rows in the order {order} would need no sort.",
            indexable::table_name(subject, scan)
        ),
        index: index(subject, sort),
    })
}

/// Returns an index that delivers rows in the order of a sort; `None` where no index can, or one exists.
pub(super) fn index(subject: &Subject, sort: &Node) -> Option<Definition> {
    let (scan, keys) = ordered_scan(subject, sort)?;
    let conditions = indexable::with_index_condition(subject, scan);
    indexable::definition(subject, scan, &conditions, &keys)
}

/// Returns the columns of a sort as EXPLAIN names them.
pub(super) fn order(sort: &Node) -> String {
    sort.list("Sort Key").collect::<Vec<_>>().join(", ")
}

/// Returns the scan of the one table that all columns of a sort belong to, with the keys of an index in that order.
fn ordered_scan<'p>(subject: &Subject<'p>, sort: &Node) -> Option<(&'p Node, Vec<crate::index::Key>)> {
    let mut waiting: Vec<&Node> = rows::inputs(subject.plan, sort).collect();
    while let Some(node) = waiting.pop() {
        if node.relation.is_some() {
            if let Some(keys) = indexable::sort_keys(node, sort.list("Sort Key")) {
                return Some((node, keys));
            }
        } else if matches!(node.kind.as_str(), "Nested Loop" | "Hash Join" | "Merge Join") {
            // The order of the outer side is that of the join; an inner join's sides can be changed.
            let is_inner = node.text("Join Type").is_none_or(|join| join == "Inner");
            waiting.extend(rows::inputs(subject.plan, node).take(if is_inner { 2 } else { 1 }));
        } else if matches!(node.kind.as_str(), "Hash" | "Materialize" | "Memoize" | "Gather" | "Gather Merge")
        {
            waiting.extend(rows::inputs(subject.plan, node));
        }
    }
    None
}

/// Returns how many of the sorted rows a LIMIT above wants.
fn limit(subject: &Subject, sort: &Node) -> Option<f64> {
    let mut above = subject.plan.ancestors(sort.id);
    let limit =
        above.find(|node| !matches!(node.kind.as_str(), "Gather Merge" | "LockRows" | "Subquery Scan"))?;
    let wanted = limit.actual.map(|actual| actual.rows).or(limit.plan_rows);
    // OFFSET is read and thrown away.
    let skipped_too = sort.actual.map(|actual| actual.rows * subject.times.nodes[sort.id].participants);
    wanted.filter(|_| limit.is_a("Limit")).map(|wanted| wanted.max(skipped_too.unwrap_or(0.0)))
}

/// Returns the rows that one execution of a sort takes in, by all processes.
fn n_sorted(subject: &Subject, sort: &Node) -> f64 {
    let Some(input) = rows::inputs(subject.plan, sort).next() else { return 0.0 };
    match input.actual {
        Some(actual) => actual.rows * subject.times.nodes[input.id].participants,
        None => input.plan_rows.unwrap_or(0.0),
    }
}

#[cfg(test)]
mod tests {
    use super::super::test_plans::{check_plan, node, saves};
    use super::*;
    use serde_json::{Value, json};

    fn sort(key: &str, n_rows: f64, taken: f64, rest: &Value) -> Value {
        let scan = json!({"Schema": "public", "Relation Name": "t", "Alias": "t", "Filter": "(a = 5)"});
        let mut sort_rest = json!({"Sort Key": [key], "Sort Space Type": "Memory"});
        sort_rest.as_object_mut().unwrap().extend(rest.as_object().unwrap().clone());
        node("Sort", 100.0, taken, &sort_rest, &[node("Seq Scan", 60.0, n_rows, &scan, &[])])
    }

    fn limited(sort: Value) -> Value {
        node("Limit", 100.0, 10.0, &json!({}), &[sort])
    }

    #[test]
    fn finds_sorts_that_an_index_would_spare() {
        let memory = json!({});
        assert_eq!(saves(check, &limited(sort("b DESC", 5000.0, 10.0, &memory))), [100.0]);
        assert_eq!(saves(check, &sort("b DESC", 50_000.0, 50_000.0, &memory)), [40.0]);
        assert!(saves(check, &sort("b DESC", 5000.0, 5000.0, &memory)).is_empty());
        assert!(saves(check, &limited(sort("lower(b)", 5000.0, 10.0, &memory))).is_empty());
        // OFFSET 4000.
        assert!(saves(check, &limited(sort("b DESC", 5000.0, 4010.0, &memory))).is_empty());
        let disk = json!({"Sort Space Type": "Disk"});
        assert!(saves(check, &sort("b DESC", 50_000.0, 50_000.0, &disk)).is_empty());
        assert_eq!(saves(check, &limited(sort("b DESC", 50_000.0, 10.0, &disk))), [100.0]);
    }

    #[test]
    fn names_the_index() {
        let found = check_plan(check, json!({"Plan": limited(sort("b DESC", 5000.0, 10.0, &json!({})))}));
        let index = found[0].index.as_ref().unwrap();
        assert_eq!(index.describe(), "t (a, b)");
        assert_eq!(found[0].message, "5,000 rows are read and sorted for the first 10");
    }
}
