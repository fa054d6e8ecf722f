//! Rows are thrown away after they were joined, sorted or numbered.
//!
//! Why it matters: all that work was done for rows that nobody gets. Example: `row_number() OVER (…)` of a whole table in a
//! subquery, of which the outer query keeps `rn = 1`. Remedy: a condition that can be tested at the table, or another way to ask.
//! Wrong when: the condition needs the result of the work, as HAVING does; aggregates are not reported.

use super::{Observation, Subject};
use crate::plan::Node;
use crate::plan::discarded::{discarded, short};

pub(super) const RULE: &str = "late-filter";
/// Share of the rows that must be discarded, as for a sequential scan (pgexplain: 0.9).
const MIN_SHARE: f64 = 0.9;
/// joe's threshold for blocks that are too many, as rows.
const MIN_ROWS: f64 = 1000.0;

pub(super) fn check(subject: &Subject) -> Vec<Observation> {
    let is_late = |node: &&Node| node.is_join() || node.is_a("Subquery Scan") || node.is_a("WindowAgg");
    subject
        .plan
        .nodes
        .iter()
        .filter(is_late)
        .filter_map(|node| {
            let rows = discarded(subject, node, "Rows Removed by Filter")?;
            if rows.at_least < MIN_ROWS || rows.share_at_least() < MIN_SHARE {
                return None;
            }
            let filter = &short(node.text("Filter").unwrap_or("its filter"));
            Some(Observation {
                node_id: Some(node.id),
                // If all below were done for the rows that stay alone.
                saves: Some(subject.total_ms(node.id) * rows.share()),
                message: format!("{} {} by {filter}", node.title(), rows.verdict()),
                remedy: remedy(subject, node, filter),
                index: None,
            })
        })
        .collect()
}

fn remedy(subject: &Subject, node: &Node, filter: &str) -> String {
    if node.is_join() {
        let is_anti_join = filter.contains(" IS NULL") && !filter.contains(" OR ");
        return if is_anti_join {
            format!("Ask with NOT EXISTS for what has no match, instead of testing {filter} after the join.")
        } else {
            format!(
                "{filter} is tested after the join: move what tests one table into a condition on that table alone, \
                 before the join, and split an OR over both tables into a UNION."
            )
        };
    }
    let below = |kind: &str| node.is_a(kind) || subject.plan.children(node.id).any(|child| child.is_a(kind));
    if below("WindowAgg") {
        format!(
            "All rows are numbered before {filter} keeps few: for the first rows of each group use DISTINCT ON, or \
             LATERAL with LIMIT on an index by the group and the order; put conditions on other columns inside the \
             subquery."
        )
    } else if below("Limit") || below("Sort") {
        format!("{filter} is tested after the subquery's LIMIT: put it inside, if it should come first.")
    } else if below("Append") || below("SetOp") || below("Unique") || below("Aggregate") {
        format!("Put {filter} into the subquery itself, where the tables can be filtered by it.")
    } else {
        format!(
            "The planner may not move {filter} into the subquery, because a function in it is volatile or not LEAKPROOF (a \
             security_barrier view): write the condition inside."
        )
    }
}

#[cfg(test)]
mod tests {
    use super::super::test_plans::{node, saves};
    use super::*;
    use serde_json::json;

    #[test]
    fn finds_filters_above_the_work() {
        let plan = |kind: &str, removed: u32| {
            let below = node("WindowAgg", 90.0, 100_000.0, &json!({}), &[]);
            let rest = json!({"Rows Removed by Filter": removed, "Filter": "(s.rn = 1)"});
            node(kind, 100.0, 100.0, &rest, &[below])
        };
        assert_eq!(saves(check, &plan("Subquery Scan", 99_900)), [100.0]);
        assert_eq!(saves(check, &plan("Hash Join", 99_900)), [100.0]);
        assert!(saves(check, &plan("Aggregate", 99_900)).is_empty());
        assert!(saves(check, &plan("Subquery Scan", 500)).is_empty());
        assert!(saves(check, &plan("Subquery Scan", 800)).is_empty());
    }
}
