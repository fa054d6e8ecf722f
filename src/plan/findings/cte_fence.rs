//! A CTE is computed in full, and then most of its rows are filtered out.
//!
//! Why it matters: a condition on a materialized CTE reaches neither its tables nor their indexes. Example: `WITH x AS MATERIALIZED
//! (SELECT … FROM orders) SELECT … FROM x WHERE id = 5`. Remedy: NOT MATERIALIZED (PostgreSQL 12 and later), or the
//! condition inside the CTE. Wrong when: the CTE calls volatile functions, or is read so often that computing it once
//! is cheaper.

use super::{Observation, Subject};
use crate::plan::discarded::discarded;
use crate::plan::{Node, rows};
use crate::query::condition;
use crate::query::quote;
use crate::unit::estimate;

pub(super) const RULE: &str = "cte-fence";
/// Rows from which on a CTE is worth a thought (dryrun).
const MIN_ROWS: f64 = 1000.0;
/// Share of its rows that all of its scans together may keep.
const MAX_KEPT_SHARE: f64 = 0.5;

pub(super) fn check(subject: &Subject) -> Vec<Observation> {
    subject.plan.nodes.iter().filter_map(|body| observe(subject, body)).collect()
}

fn observe(subject: &Subject, body: &Node) -> Option<Observation> {
    let name = body.subplan_name.as_deref()?.strip_prefix("CTE ")?;
    let n_rows = body.rows_in_all().filter(|rows| *rows >= MIN_ROWS)?;
    let scans: Vec<&Node> = rows::cte_scans(subject.plan, body).collect();
    let is_open = !scans.is_empty() && scans.iter().all(|scan| lets_through(subject, body, scan));
    if !is_open {
        return None;
    }
    // Inlined, the CTE is computed by each of its scans, as far as that needs it.
    let kept: f64 = scans
        .iter()
        .map(|scan| {
            discarded(subject, scan, "Rows Removed by Filter").map_or(1.0, |rows| 1.0 - rows.share_at_least())
        })
        .sum();
    if kept > MAX_KEPT_SHARE {
        return None;
    }
    let scan_ms: f64 = scans.iter().map(|scan| subject.self_ms(scan.id)).sum();
    let n_kept: f64 = scans.iter().filter_map(|scan| scan.rows_in_all()).sum();
    Some(Observation {
        node_id: Some(body.id),
        saves: Some((subject.total_ms(body.id) + scan_ms) * (1.0 - kept)),
        message: format!(
            "CTE {name} computes {} rows, of which {} are kept",
            estimate(n_rows),
            estimate(n_kept)
        ),
        remedy: format!(
            "Write WITH {} AS NOT MATERIALIZED, or its query in place of it, so that the condition reaches its tables.",
            quote::identifier(name)
        ),
        index: None,
    })
}

/// Whether the filter of a CTE's scan could be applied inside it, as far as the plan tells.
fn lets_through(subject: &Subject, body: &Node, scan: &Node) -> bool {
    let Some(filter) = scan.text("Filter") else { return false };
    let conditions = condition::conditions(filter);
    let columns: Vec<&str> = conditions
        .iter()
        .flat_map(|condition| &condition.columns)
        .map(|column| column.name.as_str())
        .collect();
    let mut node = body;
    loop {
        match node.kind.as_str() {
            // What is computed of several rows must be complete before it is filtered; what has side effects, too.
            "Limit" | "WindowAgg" | "Recursive Union" | "ModifyTable" | "LockRows" | "ProjectSet"
            | "SetOp" => {
                return false;
            }
            "Aggregate" | "Group" | "Unique" => {
                let keys: Vec<String> = node
                    .list("Group Key")
                    .filter_map(condition::single_column)
                    .map(|column| column.name)
                    .collect();
                return !columns.is_empty()
                    && columns.iter().all(|column| keys.iter().any(|key| key == column));
            }
            "Sort" | "Incremental Sort" | "Subquery Scan" | "Gather" | "Gather Merge" | "Result" => {
                match rows::inputs(subject.plan, node).next() {
                    Some(input) => node = input,
                    None => return true,
                }
            }
            _ => return true,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::test_plans::{check_plan, node, saves};
    use super::*;
    use serde_json::{Value, json};

    fn plan(mut body: Value, scans: &[(f64, u32)]) -> Value {
        body["Parent Relationship"] = json!("InitPlan");
        body["Subplan Name"] = json!("CTE x");
        let scans = scans.iter().map(|(kept, removed)| {
            let filter = json!({"CTE Name": "x", "Filter": "(x.id = 5)", "Rows Removed by Filter": removed});
            node("CTE Scan", 45.0, *kept, &filter, &[])
        });
        let children: Vec<Value> = std::iter::once(body).chain(scans).collect();
        node("Append", 100.0, 1.0, &json!({}), &children)
    }

    #[test]
    fn finds_ctes_that_are_filtered_late() {
        let body = || node("Seq Scan", 40.0, 10_000.0, &json!({"Relation Name": "t"}), &[]);
        assert_eq!(saves(check, &plan(body(), &[(100.0, 9900)])), [45.0]);
        assert!(saves(check, &plan(body(), &[(6000.0, 4000)])).is_empty());
        // Each of two scans keeps a little.
        assert_eq!(saves(check, &plan(body(), &[(1000.0, 9000), (1000.0, 9000)])), [72.0]);
        let found = check_plan(check, json!({"Plan": plan(body(), &[(100.0, 9900)])}));
        assert_eq!(found[0].message, "CTE x computes 10,000 rows, of which 100 are kept");
    }

    #[test]
    fn what_must_be_complete_stays() {
        let body = |kind: &str, rest: Value| node(kind, 40.0, 10_000.0, &rest, &[]);
        let is_found = |body: Value| !saves(check, &plan(body, &[(100.0, 9900)])).is_empty();
        assert!(!is_found(body("Limit", json!({}))));
        assert!(!is_found(body("ModifyTable", json!({}))));
        assert!(is_found(body("Aggregate", json!({"Group Key": ["t.id"]}))));
        assert!(!is_found(body("Aggregate", json!({"Group Key": ["t.shop"]}))));
    }
}
