//! A sort was added, went away, or became one that uses an order that is there already.
//!
//! Why it matters: a sort has to read all of its input before its first row, which a LIMIT above feels most.
//! Remedy: an index in the order. Wrong when: the sort is of a few rows.

use super::{Change, Pair, Severity};
use crate::plan::Node;
use crate::unit::estimate;

/// Fewer rows are sorted in no time (dryrun: 10,000).
const MANY_ROWS: f64 = 10_000.0;

fn is_sort(node: &Node) -> bool {
    matches!(node.kind.as_str(), "Sort" | "Incremental Sort")
}

pub(super) fn check(pair: &Pair) -> Vec<Change> {
    let mut changes = Vec::new();
    for node in pair.added().filter(|node| is_sort(node)) {
        // A top-N sort returns few rows, but reads many.
        let rows =
            pair.after.plan.children(node.id).next().and_then(rows).or_else(|| rows(node)).unwrap_or(0.0);
        changes.push(Change {
            rule: "sort-added",
            severity: if rows >= MANY_ROWS { Severity::Warning } else { Severity::Info },
            before_id: None,
            after_id: Some(node.id),
            message: format!("{} rows are sorted by {}, which were not before", estimate(rows), keys(node)),
        });
    }
    for node in pair.removed().filter(|node| is_sort(node)) {
        let rows =
            pair.before.plan.children(node.id).next().and_then(rows).or_else(|| rows(node)).unwrap_or(0.0);
        changes.push(Change {
            rule: "sort-removed",
            severity: Severity::Better,
            before_id: Some(node.id),
            after_id: None,
            message: format!("{} rows are no longer sorted by {}", estimate(rows), keys(node)),
        });
    }
    for (before, after) in pair.nodes().filter(|(before, after)| is_sort(before) && is_sort(after)) {
        if before.kind != after.kind {
            changes.push(Change {
                rule: "sort-method",
                severity: if after.is_a("Incremental Sort") { Severity::Better } else { Severity::Info },
                before_id: Some(before.id),
                after_id: Some(after.id),
                message: format!("{} by {} instead of {}", after.kind, keys(after), before.kind),
            });
        }
    }
    changes
}

fn rows(node: &Node) -> Option<f64> {
    node.rows_in_all().or(node.plan_rows)
}

fn keys(node: &Node) -> String {
    let keys: Vec<&str> = node.list("Sort Key").collect();
    if keys.is_empty() { "their keys".to_owned() } else { keys.join(", ") }
}

#[cfg(test)]
mod tests {
    use super::super::test_plans::{self, node, scan};
    use super::*;
    use serde_json::{Value, json};

    fn sorted(kind: &str, rows: u32) -> Value {
        node(kind, &json!({"Sort Key": ["a"]}), &[scan("Seq Scan", 5, &json!({"Actual Rows": rows}))])
    }

    #[test]
    fn finds_sorts() {
        let bare = scan("Index Scan", 5, &json!({}));
        test_plans::check(check, &bare, &sorted("Sort", 50_000), &[("sort-added", Severity::Warning)]);
        test_plans::check(check, &bare, &sorted("Sort", 50), &[("sort-added", Severity::Info)]);
        test_plans::check(check, &sorted("Sort", 50), &bare, &[("sort-removed", Severity::Better)]);
        let incremental = sorted("Incremental Sort", 50);
        test_plans::check(check, &sorted("Sort", 50), &incremental, &[("sort-method", Severity::Better)]);
        test_plans::check(check, &incremental, &incremental, &[]);
    }
}
