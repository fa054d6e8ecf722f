//! An index scan fetches rows that a filter then throws away.
//!
//! Why it matters: each discarded row was a visit to the table. Example: an index on `user_id` for `WHERE user_id = 5 AND
//! wake_time IS NULL`. Remedy: the filtered column in the index, as a key or in its predicate. Wrong when: the filter is on
//! another table's column, or rows are few.

use super::Observation;
use crate::plan::{Plan, Times};
use crate::unit::estimate;

pub(super) const RULE: &str = "index-discards-rows";
/// Share of the fetched rows that must be discarded (`research/explain.md` §2, rule 3: half).
const MIN_DISCARDED_SHARE: f64 = 0.5;
/// joe's threshold.
const MIN_DISCARDED_ROWS: f64 = 100.0;

pub(super) fn check(plan: &Plan, times: &Times) -> Vec<Observation> {
    plan.nodes
        .iter()
        .filter(|node| {
            ["Index Scan", "Index Only Scan", "Bitmap Heap Scan"].iter().any(|kind| node.is_a(kind))
        })
        .filter_map(|node| {
            let discarded = node.number("Rows Removed by Filter")? * node.actual?.loops;
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
                    "{} fetches {} rows and keeps {}",
                    node.title(),
                    estimate(discarded + kept),
                    estimate(kept)
                ),
                remedy: format!(
                    "Add the columns of {relation} in {filter} to the index, as keys or as its predicate."
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
        let scan =
            |removed: u32| node("Index Scan", 10.0, 100.0, &json!({"Rows Removed by Filter": removed}), &[]);
        assert_eq!(saves(check, &scan(300)), [8.0]);
        assert!(saves(check, &scan(50)).is_empty());
    }
}
