//! The planner expected far fewer or far more rows than came, and the time went into the nodes above.
//!
//! Why it matters: join order, join method and memory follow from estimates. Example: correlated conditions. Remedy: ANALYZE,
//! a higher statistics target, extended statistics. Wrong when: a LIMIT above stopped the node early; that is not reported.

use super::Observation;
use crate::plan::{Node, Plan, Times};
use crate::unit::estimate;

pub(super) const RULE: &str = "row-misestimate";
/// The factor that every tool starts to mark at.
const MIN_FACTOR: f64 = 10.0;
/// Rows below which a factor means nothing (pgexplain: 100).
const MIN_ROWS: f64 = 100.0;
/// A better plan might save all of the time above the node; half is a cautious guess.
const SAVED_SHARE: f64 = 0.5;

pub(super) fn check(plan: &Plan, times: &Times) -> Vec<Observation> {
    let is_off = |node: &Node| factor(node).is_some_and(|factor| factor >= MIN_FACTOR);
    plan.nodes
        .iter()
        .filter(|node| is_off(node) && !stops_early(plan, node))
        // The lowest node is where the error starts; those above only pass it on.
        .filter(|node| !plan.children(node.id).any(is_off))
        .filter_map(|node| {
            let above: f64 = plan
                .ancestors(node.id)
                .filter(|ancestor| ancestor.node_type.contains("Join") || ancestor.node_type.contains("Nested Loop"))
                .map(|ancestor| times.nodes[ancestor.id].self_ms)
                .sum();
            let actual = node.actual?;
            Some(Observation {
                node_id: Some(node.id),
                saves_ms: above * SAVED_SHARE,
                message: format!("{}: {} rows expected, {} came", node.title(), estimate(node.plan_rows?), estimate(actual.rows)),
                remedy: match &node.relation {
                    Some(relation) => format!(
                        "ANALYZE {relation}; if that does not help, CREATE STATISTICS on the columns that are filtered together."
                    ),
                    None => "Check the statistics of the columns in the join condition.".to_owned(),
                },
            })
        })
        .collect()
}

fn factor(node: &Node) -> Option<f64> {
    let (expected, actual) = (node.plan_rows?, node.actual?);
    if actual.loops == 0.0 || expected.max(actual.rows) < MIN_ROWS {
        return None;
    }
    Some((expected.max(1.0) / actual.rows.max(1.0)).max(actual.rows.max(1.0) / expected.max(1.0)))
}

/// Whether something above took fewer rows than there were.
fn stops_early(plan: &Plan, node: &Node) -> bool {
    plan.ancestors(node.id).any(|ancestor| {
        ancestor.node_type == "Limit"
            || ancestor.node_type.contains("Semi")
            || ancestor.node_type.contains("Merge")
    })
}

#[cfg(test)]
mod tests {
    use super::super::test_plans::{node, saves};
    use super::*;
    use serde_json::json;

    #[test]
    fn finds_where_the_error_starts() {
        let plan = |expected: u32, top: &str| {
            let scan =
                node("Seq Scan", 2.0, 5000.0, &json!({"Relation Name": "t", "Plan Rows": expected}), &[]);
            let join = node("Nested Loop", 42.0, 5000.0, &json!({"Plan Rows": expected}), &[scan]);
            node(top, 42.0, 1.0, &json!({}), &[join])
        };
        assert_eq!(saves(check, &plan(5, "Aggregate")), [20.0]);
        assert!(saves(check, &plan(4000, "Aggregate")).is_empty());
        assert!(saves(check, &plan(5, "Limit")).is_empty());
    }
}
