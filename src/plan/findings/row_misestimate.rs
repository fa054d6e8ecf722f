//! The planner expected far fewer or far more rows than came, and joins were chosen by that.
//!
//! Why it matters: join order, join method and memory follow from estimates. Example: `WHERE city = 'Paris' AND country = 'FR'`,
//! which the planner takes for independent. Remedy: ANALYZE, a higher statistics target, extended statistics. Wrong when:
//! the plan would be the same with the right number. What a LIMIT, EXISTS or merge join stopped early is not reported,
//! nor what rounding can explain, and of an error only the node where it starts.

use super::{Observation, Subject, default_estimate, nested_loop_many_rounds};
use crate::plan::misestimate;

pub(super) const RULE: &str = "row-misestimate";

pub(super) fn check(subject: &Subject) -> Vec<Observation> {
    let told = nested_loop_many_rounds::origins(subject);
    misestimate::origins(subject)
        .into_iter()
        .filter_map(|(id, estimate)| {
            let node = &subject.plan.nodes[id];
            let is_told = told.contains(&id)
                || misestimate::stale(subject, node).is_some()
                || default_estimate::guess(subject, node).is_some();
            if is_told {
                return None;
            }
            Some(Observation {
                node_id: Some(id),
                saves: Some(misestimate::at_stake(subject, id, estimate.direction)?),
                message: format!("{}: {}", node.title(), misestimate::verdict(&estimate)),
                remedy: misestimate::advice(subject, node),
                index: None,
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
    fn finds_where_the_error_starts() {
        let plan = |expected: u32, top: &str| {
            let rest = json!({"Relation Name": "t", "Plan Rows": expected, "Parent Relationship": "Outer"});
            let scan = node("Seq Scan", 2.0, 5000.0, &rest, &[]);
            let join = node("Hash Join", 42.0, 5000.0, &json!({"Plan Rows": expected}), &[scan]);
            node(top, 42.0, 1.0, &json!({}), &[join])
        };
        assert_eq!(saves(check, &plan(5, "Aggregate")), [20.0]);
        assert!(saves(check, &plan(4000, "Aggregate")).is_empty());
        // More than expected came, which no LIMIT excuses; fewer is another thing.
        assert_eq!(saves(check, &plan(5, "Limit")), [20.0]);
        assert!(saves(check, &plan(500_000, "Limit")).is_empty());
        assert_eq!(saves(check, &plan(500_000, "Aggregate")), [20.0]);
    }

    #[test]
    fn an_error_that_no_join_was_chosen_by_costs_nothing() {
        let scan = node("Seq Scan", 2.0, 5000.0, &json!({"Plan Rows": 5}), &[]);
        assert!(saves(check, &node("Aggregate", 5.0, 1.0, &json!({}), &[scan])).is_empty());
    }
}
