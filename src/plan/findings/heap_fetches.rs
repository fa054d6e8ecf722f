//! An index-only scan visits the table after all.
//!
//! Why it matters: the visits are what the index was meant to spare. Example: a table with many changes since its last VACUUM.
//! Remedy: VACUUM, and autovacuum tuned to the table. Wrong when: the table is changed faster than any VACUUM.

use super::Observation;
use crate::plan::{Plan, Times};
use crate::unit::estimate;

pub(super) const RULE: &str = "heap-fetches";
/// A few percent already double the time (pev2#589).
const MIN_SHARE: f64 = 0.1;

pub(super) fn check(plan: &Plan, times: &Times) -> Vec<Observation> {
    plan.nodes
        .iter()
        .filter(|node| node.is_a("Index Only Scan"))
        .filter_map(|node| {
            let fetches = node.number("Heap Fetches")?;
            let share = fetches / node.rows_in_all()?.max(1.0);
            let relation = node.relation.as_deref().unwrap_or("the table");
            (share >= MIN_SHARE).then(|| Observation {
                node_id: Some(node.id),
                saves_ms: times.nodes[node.id].self_ms * share.min(1.0) / 2.0,
                message: format!("index-only scan visited {relation} {} times", estimate(fetches)),
                remedy: format!("VACUUM {relation}, and have autovacuum do so oftener."),
            })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::super::test_plans::{node, saves};
    use super::*;
    use serde_json::json;

    #[test]
    fn finds_heap_fetches() {
        let scan =
            |fetches: u32| node("Index Only Scan", 10.0, 100.0, &json!({"Heap Fetches": fetches}), &[]);
        assert_eq!(saves(check, &scan(100)), [5.0]);
        assert!(saves(check, &scan(5)).is_empty());
    }
}
