//! A nested loop reads a whole table again for each outer row.
//!
//! Why it matters: the time is the product of both sides. Example: a join on a column without an index. Remedy: an index on
//! the joined column. Wrong when: the inner table has a handful of rows.

use super::Observation;
use crate::plan::{Plan, Times};
use crate::unit::estimate;

pub(super) const RULE: &str = "nested-loop-seq-scan";
/// rpg's threshold for repetitions.
const MIN_LOOPS: f64 = 100.0;
/// dryrun's threshold for the rows that each repetition reads.
const MIN_ROWS: f64 = 100.0;

pub(super) fn check(plan: &Plan, times: &Times) -> Vec<Observation> {
    plan.nodes
        .iter()
        .filter(|node| node.is_a("Seq Scan") && node.relationship.as_deref() == Some("Inner"))
        .filter(|node| {
            node.parent.is_some_and(|parent| plan.nodes[parent].node_type.starts_with("Nested Loop"))
        })
        .filter_map(|node| {
            let actual = node.actual?;
            let rows_read = actual.rows + node.number("Rows Removed by Filter").unwrap_or(0.0);
            if actual.loops < MIN_LOOPS || rows_read < MIN_ROWS {
                return None;
            }
            let relation = node.relation.as_deref().unwrap_or("the table");
            let condition = node
                .text("Filter")
                .or_else(|| plan.nodes[node.parent?].text("Join Filter"))
                .unwrap_or("the join condition");
            Some(Observation {
                node_id: Some(node.id),
                saves_ms: times.nodes[node.id].self_ms * (1.0 - 1.0 / actual.loops),
                message: format!(
                    "{relation} is read in full {} times, {} rows each",
                    estimate(actual.loops),
                    estimate(rows_read)
                ),
                remedy: format!("Index the columns of {relation} in {condition}."),
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
    fn finds_repeated_scans() {
        let join = |loops: u32| {
            let outer = node("Seq Scan", 1.0, 1000.0, &json!({"Parent Relationship": "Outer"}), &[]);
            let inner = node(
                "Seq Scan",
                0.1,
                500.0,
                &json!({"Parent Relationship": "Inner", "Actual Loops": loops}),
                &[],
            );
            node("Nested Loop", 102.0, 1000.0, &json!({}), &[outer, inner])
        };
        assert_eq!(saves(check, &join(1000)), [100.0]);
        assert!(saves(check, &join(10)).is_empty());
    }
}
