//! A hash table did not fit into memory and was split into batches on disk.
//!
//! Why it matters: every row of both sides beyond the first batch is written and read again. Example: a hash join with a large
//! inner side. Remedy: more `work_mem` or `hash_mem_multiplier`. Wrong when: there are just two batches and the files stay cached.

use super::Observation;
use crate::plan::{Plan, Times};
use crate::unit::estimate;

pub(super) const RULE: &str = "hash-batches";
/// Batches cost about a third of the join: the rows are written and read once more.
const SAVED_SHARE: f64 = 0.33;

pub(super) fn check(plan: &Plan, times: &Times) -> Vec<Observation> {
    plan.nodes
        .iter()
        .filter_map(|node| {
            let batches = node.number("Hash Batches").or_else(|| node.number("HashAgg Batches"))?;
            if batches <= 1.0 {
                return None;
            }
            let memory_kb = node.number("Peak Memory Usage").unwrap_or(0.0);
            // The join above a Hash node spends its time on the batches too.
            let join_ms =
                node.parent.filter(|_| node.is_a("Hash")).map_or(0.0, |parent| times.nodes[parent].self_ms);
            Some(Observation {
                node_id: Some(node.id),
                saves_ms: (times.nodes[node.id].self_ms + join_ms) * SAVED_SHARE,
                message: format!("{} was split into {} batches on disk", node.title(), estimate(batches)),
                remedy: format!(
                    "Raise work_mem or hash_mem_multiplier so that about {} MB fit for this statement.",
                    estimate((memory_kb * batches / 1024.0).ceil())
                ),
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
    fn finds_batches() {
        let join = |batches: u32| {
            let hash =
                node("Hash", 10.0, 5.0, &json!({"Hash Batches": batches, "Peak Memory Usage": 4096}), &[]);
            node("Hash Join", 30.0, 5.0, &json!({}), &[hash])
        };
        assert_eq!(saves(check, &join(8)), [10.0]);
        assert!(saves(check, &join(1)).is_empty());
    }
}
