//! An index-only scan visits the table after all.
//!
//! Why it matters: the visits are what the index was meant to spare. Example: a table with many changes since its last VACUUM.
//! Remedy: VACUUM, and autovacuum tuned to the table. Wrong when: the rows were written a moment ago, or a long transaction
//! keeps VACUUM from marking their pages as visible to all.

use super::{Observation, Subject};
use crate::plan::heap;
use crate::plan::indexable::{is_of_the_system, table, table_name};
use crate::unit::estimate;

pub(super) const RULE: &str = "heap-fetches";
/// A few percent already double the time when the table is not in memory (pev2#589).
const MIN_SHARE: f64 = 0.05;
/// Dead rows and inserts are vacuumed at a fifth of the table by default (`autovacuum_vacuum_scale_factor`).
const SCALE_FACTOR: &str = "0.02";

pub(super) fn check(subject: &Subject) -> Vec<Observation> {
    let scans = subject.plan.nodes.iter().filter(|node| node.is_a("Index Only Scan"));
    scans
        .filter_map(|node| {
            // A total, not an average of the loops.
            let fetches = node.number("Heap Fetches").filter(|fetches| *fetches > 0.0)?;
            let discarded = node.number("Rows Removed by Filter").unwrap_or(0.0) * node.actual?.loops;
            let rows = (node.rows_in_all()? + discarded).max(fetches);
            if fetches / rows < MIN_SHARE {
                return None;
            }
            let pages = heap::page_visits(subject, node, rows).unwrap_or(0.0).min(fetches);
            let name = table_name(subject, node);
            let ago = subject
                .server
                .and_then(|server| server.activity(table(Some(server), node)?)?.vacuumed_s_ago)
                .map(|seconds| format!(" The last VACUUM was {} minutes ago.", estimate(seconds / 60.0)))
                .unwrap_or_default();
            Some(Observation {
                node_id: Some(node.id),
                saves: Some(subject.self_ms(node.id) * heap::visit_share(rows, fetches, pages)),
                message: format!("{} visits the table for {} of {} rows", node.title(), estimate(fetches), estimate(rows)),
                remedy: if is_of_the_system(node) {
                    format!("VACUUM (ANALYZE) {name};{ago}")
                } else {
                    format!(
                        "VACUUM (ANALYZE) {name};{ago} To keep it so: ALTER TABLE {name} SET \
                         (autovacuum_vacuum_scale_factor = {SCALE_FACTOR}, autovacuum_vacuum_insert_scale_factor = \
                         {SCALE_FACTOR}); and end transactions that stay open for long."
                    )
                },
                index: None,
            })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::super::test_plans::{node, saves};
    use super::*;
    use serde_json::{Value, json};

    #[test]
    fn finds_heap_fetches() {
        let scan = |rest: &Value| node("Index Only Scan", 10.0, 100.0, rest, &[]);
        assert_eq!(saves(check, &scan(&json!({"Heap Fetches": 100}))), [5.0]);
        assert!(saves(check, &scan(&json!({"Heap Fetches": 4}))).is_empty());
        assert!(saves(check, &scan(&json!({"Heap Fetches": 0, "Actual Rows": 0}))).is_empty());
        // Every visit to another page weighs more.
        let scattered = json!({"Heap Fetches": 1000, "Actual Rows": 1000, "Shared Hit Blocks": 1013});
        assert_eq!(saves(check, &scan(&scattered)), [9.0]);
    }

    #[test]
    fn fetches_are_a_total_of_all_loops() {
        let scan =
            json!({"Heap Fetches": 100, "Actual Rows": 1, "Actual Loops": 5000, "Actual Total Time": 0.01});
        let inner = node("Index Only Scan", 0.01, 1.0, &scan, &[]);
        assert!(saves(check, &node("Nested Loop", 60.0, 5000.0, &json!({}), &[inner])).is_empty());
    }
}
