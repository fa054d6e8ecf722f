//! Fewer parallel workers ran than were planned.
//!
//! Why it matters: the plan was chosen for more. Example: other queries hold all of `max_parallel_workers`. Remedy: raise it, or plan
//! for fewer. Wrong when: it was a passing load.

use super::Observation;
use crate::plan::{Plan, Times};

pub(super) const RULE: &str = "workers-not-launched";

pub(super) fn check(plan: &Plan, times: &Times) -> Vec<Observation> {
    plan.nodes
        .iter()
        .filter_map(|node| {
            let (planned, launched) = (node.number("Workers Planned")?, node.number("Workers Launched")?);
            (launched < planned).then(|| Observation {
                node_id: Some(node.id),
                saves_ms: times.nodes[node.id].total_ms * (1.0 - (launched + 1.0) / (planned + 1.0)),
                message: format!("{launched} of {planned} planned workers ran"),
                remedy: "Raise max_parallel_workers and max_worker_processes, or lower max_parallel_workers_per_gather."
                    .to_owned(),
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
    fn finds_missing_workers() {
        let gather = |launched: u32| {
            node("Gather", 30.0, 100.0, &json!({"Workers Planned": 2, "Workers Launched": launched}), &[])
        };
        assert_eq!(saves(check, &gather(0)), [20.0]);
        assert!(saves(check, &gather(2)).is_empty());
    }
}
