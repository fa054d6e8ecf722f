//! The statement counts many rows of a table one by one.
//!
//! Why it matters: PostgreSQL keeps no count, so that it visits every row. Example: `SELECT count(*) FROM orders` for a page
//! number. Remedy: the planner's estimate, or a counter kept by triggers. Wrong when: the exact number is needed, and
//! seldom.

use super::{Observation, Subject};
use crate::plan::discarded::discarded;
use crate::plan::{Node, indexable};
use crate::query::quote;
use crate::unit::estimate;

pub(super) const RULE: &str = "slow-count";
/// Counted rows below which it is fast enough: at about a million rows a second and process, 10 ms.
const MIN_ROWS: f64 = 10_000.0;
/// Of the rows that are read; where most are thrown away an index is the remedy, which other rules name.
const MIN_COUNTED_SHARE: f64 = 0.5;

pub(super) fn check(subject: &Subject) -> Vec<Observation> {
    subject.plan.nodes.iter().filter_map(|node| observe(subject, node)).collect()
}

fn observe(subject: &Subject, count: &Node) -> Option<Observation> {
    let is_partial = count.text("Partial Mode") == Some("Partial");
    if !count.is_a("Aggregate")
        || count.text("Strategy") != Some("Plain")
        || is_partial
        || !counts_rows(subject, count)
    {
        return None;
    }
    // One table, and nothing between it and the count but workers.
    let mut scan = count;
    while scan.relation.is_none() {
        let is_between = matches!(scan.kind.as_str(), "Aggregate" | "Gather" | "Gather Merge");
        let [child] = scan.children.as_slice() else { return None };
        if !is_between {
            return None;
        }
        scan = &subject.plan.nodes[*child];
    }
    let counted = match scan.actual {
        Some(_) => scan.rows_in_all()?,
        None => scan.plan_rows?,
    };
    let is_most = discarded(subject, scan, "Rows Removed by Filter")
        .is_none_or(|rows| 1.0 - rows.share() >= MIN_COUNTED_SHARE);
    if counted < MIN_ROWS || !is_most {
        return None;
    }
    let table = indexable::table_name(subject, scan);
    let is_whole = ["Filter", "Index Cond", "Recheck Cond"].iter().all(|key| scan.text(key).is_none());
    let remedy = if is_whole {
        format!(
            "Where an estimate will do: SELECT reltuples::bigint FROM pg_class WHERE oid = {}::regclass; else keep a \
             counter with triggers.",
            quote::quote_literal(&table)
        )
    } else {
        format!(
            "Keep a counter of {table} with triggers for each value that is counted by, or show no exact number."
        )
    };
    Some(Observation {
        node_id: Some(count.id),
        saves: Some(subject.total_ms(count.id)),
        message: format!("{} rows of {table} are counted one by one", estimate(counted)),
        remedy,
        index: None,
    })
}

/// Whether an aggregate is `count(*)` alone, as its output says, else the statement.
fn counts_rows(subject: &Subject, node: &Node) -> bool {
    let mut output = node.list("Output").peekable();
    if output.peek().is_some() {
        return output.all(|item| item.starts_with("count(*)"));
    }
    let sql = subject.sql.unwrap_or_default().to_lowercase();
    let text: String = sql.split_whitespace().collect();
    text.starts_with("selectcount(*)from") || text.starts_with("selectcount(1)from")
}

#[cfg(test)]
mod tests {
    use super::super::test_plans::{check_plan, node, saves};
    use super::*;
    use serde_json::{Value, json};

    fn plan(output: &str, n_rows: f64, rest: &Value) -> Value {
        let mut scan = json!({"Schema": "public", "Relation Name": "Orders", "Parallel Aware": true});
        scan.as_object_mut().unwrap().extend(rest.as_object().unwrap().clone());
        let scan = node("Seq Scan", 90.0, n_rows, &scan, &[]);
        let aggregate = |mode: &str, output: &str, child: Value| {
            let rest = json!({"Strategy": "Plain", "Partial Mode": mode, "Output": [output]});
            node("Aggregate", 100.0, 1.0, &rest, &[child])
        };
        let partial = aggregate("Partial", "PARTIAL count(*)", scan);
        aggregate("Finalize", output, node("Gather", 99.0, 3.0, &json!({}), &[partial]))
    }

    #[test]
    fn finds_counts_of_many_rows() {
        assert_eq!(saves(check, &plan("count(*)", 200_000.0, &json!({}))), [100.0]);
        assert!(saves(check, &plan("count(*)", 500.0, &json!({}))).is_empty());
        assert!(saves(check, &plan("sum(x)", 200_000.0, &json!({}))).is_empty());
        let filtered = |removed: u32| json!({"Filter": "(a = 1)", "Rows Removed by Filter": removed});
        assert!(saves(check, &plan("count(*)", 20_000.0, &filtered(90_000))).is_empty());
        let remedy = |rest: Value| {
            let found = check_plan(check, json!({"Plan": plan("count(*)", 20_000.0, &rest)}));
            found.into_iter().next().map(|found| found.remedy).unwrap_or_default()
        };
        assert!(remedy(filtered(100)).starts_with("Keep a counter of public.\"Orders\""));
        assert!(remedy(json!({})).contains("oid = 'public.\"Orders\"'::regclass"));
    }
}
