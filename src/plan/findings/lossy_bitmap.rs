//! A bitmap was too large for memory and remembers pages instead of rows.
//!
//! Why it matters: every row of those pages is checked again. Example: a bitmap over millions of rows. Remedy: more `work_mem`, or
//! a more selective index. Wrong when: nearly all rows of the pages match.

use super::Observation;
use crate::plan::{Plan, Times};
use crate::unit::estimate;

pub(super) const RULE: &str = "lossy-bitmap";

pub(super) fn check(plan: &Plan, times: &Times) -> Vec<Observation> {
    plan.nodes
        .iter()
        .filter_map(|node| {
            let lossy = node.number("Lossy Heap Blocks").filter(|blocks| *blocks > 0.0)?;
            let exact = node.number("Exact Heap Blocks").unwrap_or(0.0);
            let discarded = node.number("Rows Removed by Index Recheck").unwrap_or(0.0);
            let rows = node.actual?.rows;
            Some(Observation {
                node_id: Some(node.id),
                saves_ms: times.nodes[node.id].self_ms * discarded / (discarded + rows).max(1.0),
                message: format!(
                    "bitmap kept {} of {} blocks without their rows; {} rows were checked for nothing",
                    estimate(lossy),
                    estimate(lossy + exact),
                    estimate(discarded)
                ),
                remedy: "Raise work_mem for this statement, or use a more selective index.".to_owned(),
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
    fn finds_lossy_blocks() {
        let scan = |lossy: u32| {
            let rest = json!({"Lossy Heap Blocks": lossy, "Rows Removed by Index Recheck": 900});
            node("Bitmap Heap Scan", 10.0, 100.0, &rest, &[])
        };
        assert_eq!(saves(check, &scan(50)), [9.0]);
        assert!(saves(check, &scan(0)).is_empty());
    }
}
