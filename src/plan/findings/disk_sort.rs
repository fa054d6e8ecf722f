//! A sort did not fit into memory and went through temporary files.
//!
//! Why it matters: writing and reading them is slower than sorting in memory. Example: `ORDER BY` over a million rows with
//! the default `work_mem`. Remedy: more `work_mem` for this session, or an index in the order. Wrong when: the files stay in the
//! operating system's cache and little is gained.

use super::Observation;
use crate::plan::{Plan, Times};
use crate::unit::estimate;

pub(super) const RULE: &str = "disk-sort";
/// A sort in memory takes about half of the time of an external merge of the same rows.
const SAVED_SHARE: f64 = 0.5;
/// A sort in memory needs more room than its temporary files, which are packed tighter.
const MEMORY_FACTOR: f64 = 3.0;

pub(super) fn check(plan: &Plan, times: &Times) -> Vec<Observation> {
    plan.nodes
        .iter()
        .filter(|node| node.text("Sort Space Type") == Some("Disk"))
        .filter_map(|node| {
            let disk_kb = node.number("Sort Space Used")?;
            Some(Observation {
                node_id: Some(node.id),
                saves_ms: times.nodes[node.id].self_ms * SAVED_SHARE,
                message: format!("sort wrote {} kB of temporary files", estimate(disk_kb)),
                remedy: format!(
                    "Raise work_mem to about {} MB for this statement, or index the columns in this order.",
                    estimate((disk_kb * MEMORY_FACTOR / 1024.0).ceil())
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
    fn finds_sorts_on_disk() {
        let sort = |kind: &str| {
            node("Sort", 10.0, 5.0, &json!({"Sort Space Type": kind, "Sort Space Used": 5000}), &[])
        };
        assert_eq!(saves(check, &sort("Disk")), [5.0]);
        assert!(saves(check, &sort("Memory")).is_empty());
    }
}
