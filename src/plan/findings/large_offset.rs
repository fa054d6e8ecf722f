//! OFFSET reads and throws away many rows before the first that is returned.
//!
//! Why it matters: page 1000 costs a thousand times what page 1 does. Example: `ORDER BY id LIMIT 20 OFFSET 100000`. Remedy: keyset
//! pagination: the next page begins behind the last row of this one. Wrong when: people jump to pages by number.

use super::{Observation, Subject};
use crate::plan::{Node, Plan};
use crate::unit::estimate;

pub(super) const RULE: &str = "large-offset";
/// Rows skipped (pgexplain: 10,000).
const MIN_SKIPPED: f64 = 10_000.0;

pub(super) fn check(subject: &Subject) -> Vec<Observation> {
    let limits = subject.plan.nodes.iter().filter(|node| node.is_a("Limit"));
    limits
        .filter_map(|node| {
            let child = subject.plan.children(node.id).find(|child| !child.is_init_plan())?;
            let (skipped, returned) = if subject.plan.is_analyzed() { measured(node, child)? } else { estimated(node, child)? };
            if skipped < MIN_SKIPPED {
                return None;
            }
            Some(Observation {
                node_id: Some(node.id),
                saves: Some(subject.total_ms(node.id) * skipped / (skipped + returned)),
                message: format!("OFFSET throws {} rows away to return {}", estimate(skipped), estimate(returned)),
                remedy: format!(
                    "Remember the last row of the page before and begin behind it: {}, with a unique column at the end \
                     and an index in that order.",
                    next_page(subject.plan, child)
                ),
                index: None,
            })
        })
        .collect()
}

/// Returns the rows skipped and returned: Limit takes no more from its child than it needs.
fn measured(node: &Node, child: &Node) -> Option<(f64, f64)> {
    let (taken, returned) = (child.rows_in_all()?, node.rows_in_all()?);
    Some((taken - returned, returned))
}

/// Returns the rows that the planner expects to be skipped: it adds their share of the child's cost to the startup cost
/// (`adjust_limit_rows_costs` of pathnode.c).
fn estimated(node: &Node, child: &Node) -> Option<(f64, f64)> {
    let child_run = child.total_cost? - child.startup_cost?;
    let share = (node.startup_cost? - child.startup_cost?) / child_run.max(f64::MIN_POSITIVE);
    Some((share.clamp(0.0, 1.0) * child.plan_rows?, node.plan_rows?))
}

/// Returns the condition that a page begins by, with the columns where a Sort below says them.
fn next_page(plan: &Plan, child: &Node) -> String {
    let passes_on = |node: &&Node| {
        node.is_gather() || node.is_a("Sort") || node.is_a("Incremental Sort") || node.is_a("Result")
    };
    let key: Vec<&str> = std::iter::once(child)
        .chain(plan.descendants(child.id))
        .take_while(passes_on)
        .map(|node| node.list("Sort Key").collect::<Vec<_>>())
        .find(|key| !key.is_empty())
        .unwrap_or_default();
    let n_descending = key.iter().filter(|item| item.contains(" DESC")).count();
    let columns: Vec<&str> = key.iter().map(|item| item.split(" DESC").next().unwrap_or(item)).collect();
    let columns = columns.join(", ");
    if key.is_empty() {
        "compare the columns of ORDER BY as a row with its values, and keep the LIMIT".to_owned()
    } else if n_descending == 0 {
        format!("WHERE ({columns}) > (its values) ORDER BY … LIMIT …")
    } else if n_descending == key.len() {
        format!("WHERE ({columns}) < (its values) ORDER BY … LIMIT …")
    } else {
        format!(
            "compare {columns} one after the other with its values, since their orders differ, and keep the LIMIT"
        )
    }
}

#[cfg(test)]
mod tests {
    use super::super::test_plans::{check_plan, node, saves};
    use super::*;
    use serde_json::json;

    #[test]
    fn finds_skipped_rows() {
        let limit = |taken: f64| {
            let sort =
                node("Sort", 90.0, taken, &json!({"Sort Key": ["t.at DESC", "t.id DESC NULLS LAST"]}), &[]);
            node("Limit", 100.0, 20.0, &json!({}), &[sort])
        };
        assert_eq!(saves(check, &limit(100_020.0)), [100.0]);
        assert!(saves(check, &limit(5020.0)).is_empty());
        let found = check_plan(check, json!({"Plan": limit(100_020.0), "Execution Time": 100.0}));
        assert!(found[0].remedy.contains("WHERE (t.at, t.id) < ("), "{}", found[0].remedy);
        assert_eq!(found[0].message, "OFFSET throws 100,000 rows away to return 20");
    }

    #[test]
    fn reads_estimates_from_costs() {
        let plan = |startup: f64| {
            let child = json!({"Node Type": "Index Scan", "Startup Cost": 0.5, "Total Cost": 1000.5, "Plan Rows": 100_000});
            json!({"Plan": {"Node Type": "Limit", "Startup Cost": startup, "Total Cost": startup + 0.2, "Plan Rows": 20,
                            "Plans": [child]}})
        };
        assert_eq!(check_plan(check, plan(500.5))[0].message, "OFFSET throws 50,000 rows away to return 20");
        assert!(check_plan(check, plan(0.5)).is_empty());
        assert!(check_plan(check, plan(50.5)).is_empty());
    }
}
