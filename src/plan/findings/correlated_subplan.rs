//! A subquery is executed again for each row.
//!
//! Why it matters: the time is rows × subquery, and no join method can change that. Example: `SELECT (SELECT max(at) FROM
//! orders o WHERE o.customer = c.id) FROM customers c`. Remedy: a join with the grouped subquery, or LATERAL. Wrong when:
//! few of the subquery's rows are needed, and an index finds them.

use super::{Observation, Subject};
use crate::plan::{Node, rows};
use crate::unit::estimate;

pub(super) const RULE: &str = "correlated-subplan";
/// pgexplain's threshold.
const MIN_LOOPS: f64 = 1000.0;
/// Share of the subquery's time in sequential scans from which on these are the defect, which other rules name.
const MAX_SEQ_SCAN_SHARE: f64 = 0.5;

pub(super) fn check(subject: &Subject) -> Vec<Observation> {
    let subplans = subject.plan.nodes.iter().filter(|node| node.relationship.as_deref() == Some("SubPlan"));
    subplans.filter_map(|node| observe(subject, node)).collect()
}

fn observe(subject: &Subject, subplan: &Node) -> Option<Observation> {
    let loops = subplan.actual?.loops / subject.times.nodes[subplan.id].participants;
    if loops < MIN_LOOPS {
        return None;
    }
    let user = &subject.plan.nodes[subplan.parent?];
    // The list of an IN or NOT IN, which is kept and searched row by row because no hash of it fits into memory.
    let is_list = subplan.is_a("Materialize");
    let subtree = std::iter::once(subplan).chain(subject.plan.descendants(subplan.id));
    let seq_scan_ms: f64 = subtree
        .filter(|node| node.is_a("Seq Scan") && node.text("Filter").is_some())
        .map(|node| subject.self_ms(node.id))
        .sum();
    let total_ms = subject.total_ms(subplan.id);
    if !is_list && seq_scan_ms > total_ms * MAX_SEQ_SCAN_SHARE {
        return None;
    }
    let name = subplan.subplan_name.as_deref().unwrap_or("a subplan");
    let of_what = rows::inputs(subject.plan, subplan)
        .chain(subject.plan.descendants(subplan.id))
        .chain(std::iter::once(subplan))
        .find_map(Node::scanned)
        .map_or(String::new(), |scanned| format!(" on {scanned}"));
    let remedy = if is_list {
        "The list is too large for hash memory: write NOT EXISTS in place of NOT IN (and EXISTS in place of IN), which can \
         join, or raise hash_mem_multiplier for this statement."
    } else if exists(user, name) {
        "An EXISTS beside OR, or among the results, cannot become a join: write LEFT JOIN with the distinct keys of the \
         subquery, and test whether one was found."
    } else {
        "Join with the subquery once, grouped by the columns that tie it to the outer row, or use LATERAL where few \
         outer rows remain."
    };
    Some(Observation {
        node_id: Some(subplan.id),
        saves: Some(total_ms * (1.0 - 1.0 / loops)),
        message: format!("{name}{of_what} is executed {} times, once for each row", estimate(loops)),
        remedy: remedy.to_owned(),
        index: None,
    })
}

/// Whether a subplan is an EXISTS, as PostgreSQL 17 and later tell.
fn exists(user: &Node, subplan: &str) -> bool {
    let exists = format!("EXISTS({subplan})");
    user.expressions().any(|text| text.contains(&exists))
}

#[cfg(test)]
mod tests {
    use super::super::test_plans::{check_plan, node, saves};
    use super::*;
    use serde_json::{Value, json};

    fn plan(kind: &str, loops: u32, inner: &[Value]) -> Value {
        let rest =
            json!({"Parent Relationship": "SubPlan", "Subplan Name": "SubPlan 1", "Actual Loops": loops});
        let subplan = node(kind, 0.01, 1.0, &rest, inner);
        node("Seq Scan", 120.0, 10_000.0, &json!({"Output": ["EXISTS(SubPlan 1)"]}), &[subplan])
    }

    #[test]
    fn finds_subqueries_that_repeat() {
        assert_eq!(saves(check, &plan("Index Scan", 10_000, &[])), [100.0]);
        assert!(saves(check, &plan("Index Scan", 900, &[])).is_empty());
        // The scan is the defect.
        let scan = json!({"Filter": "(o.c = c.id)", "Actual Loops": 10_000});
        let scan = node("Seq Scan", 0.009, 1.0, &scan, &[]);
        assert!(saves(check, &plan("Aggregate", 10_000, &[scan])).is_empty());
    }

    #[test]
    fn advises_by_the_kind_of_subquery() {
        let remedy = |kind: &str| {
            let found = check_plan(check, json!({"Plan": plan(kind, 10_000, &[])}));
            found.into_iter().next().map(|found| found.remedy).unwrap_or_default()
        };
        assert!(remedy("Index Scan").starts_with("An EXISTS"));
        assert!(remedy("Materialize").starts_with("The list"));
    }
}
