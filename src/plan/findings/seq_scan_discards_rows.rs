//! A sequential scan reads many rows and throws most of them away.
//!
//! Why it matters: the time grows with the table, not with the result. Example: `WHERE user_id = 5` without an index on
//! `user_id`. Remedy: an index on the filtered columns. Wrong when: the filter calls a function that no index serves, or
//! the table is so small that an index would not be used.

use super::Observation;
use crate::plan::{Plan, Times};
use crate::unit::estimate;

pub(super) const RULE: &str = "seq-scan-discards-rows";
/// Share of the rows that must be discarded (pgexplain: 0.9).
const MIN_DISCARDED_SHARE: f64 = 0.9;
/// Rows below which an index would hardly be used (pgexplain-go: 1000).
const MIN_DISCARDED_ROWS: f64 = 1000.0;

pub(super) fn check(plan: &Plan, times: &Times) -> Vec<Observation> {
    let scans = plan.nodes.iter().filter(|node| node.is_a("Seq Scan"));
    scans
        .filter_map(|node| {
            let loops = node.actual?.loops;
            let discarded = node.number("Rows Removed by Filter")? * loops;
            let kept = node.rows_in_all()?;
            let share = discarded / (discarded + kept);
            if discarded < MIN_DISCARDED_ROWS || share < MIN_DISCARDED_SHARE {
                return None;
            }
            let relation = node.relation.as_deref().unwrap_or("the table");
            let filter = node.text("Filter").unwrap_or("its filter");
            Some(Observation {
                node_id: Some(node.id),
                saves_ms: times.nodes[node.id].self_ms * share,
                message: format!(
                    "sequential scan of {relation} reads {} rows and keeps {}",
                    estimate(discarded + kept),
                    estimate(kept)
                ),
                remedy: format!(
                    "Index the columns of {relation} in {filter}; `perfkit index suggest` finds which."
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
    fn finds_discarded_rows() {
        let scan = |removed: u32| {
            node(
                "Seq Scan",
                10.0,
                100.0,
                &json!({"Relation Name": "t", "Rows Removed by Filter": removed}),
                &[],
            )
        };
        assert_eq!(saves(check, &scan(99_900)), [10.0]);
        assert!(saves(check, &scan(100)).is_empty());
        assert!(saves(check, &scan(800)).is_empty());
    }
}
