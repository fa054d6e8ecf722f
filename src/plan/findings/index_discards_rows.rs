//! An index scan fetches rows that a filter then throws away.
//!
//! Why it matters: each discarded row was a visit to the table. Example: an index on `user_id` for `WHERE user_id = 5 AND
//! wake_time IS NULL`. Remedy: the filtered column in the index, as a key or in its predicate. Wrong when: the filter is on
//! another table's column, or rows are few. Silent where the index is read for its order alone, which
//! `wrong-index-for-limit` and `wrong-index-for-order` judge.

use super::{Observation, Subject};
use crate::index::Definition;
use crate::plan::discarded::{Cause, CostlyScan, discarded, discarding_index_scans};
use crate::plan::{indexable, order, serving};

pub(super) const RULE: &str = "index-discards-rows";
/// Rows of one search up to which the index is as good as unique.
const MAX_ROWS_OF_A_KEY: f64 = 1.0;

pub(super) fn check(subject: &Subject) -> Vec<Observation> {
    discarding_index_scans(subject)
        .into_iter()
        .filter(|scan| matches!(scan.cause, Cause::OnlyEquality | Cause::Mixed))
        .filter(|scan| order::reader(subject.plan, scan.node).is_none())
        .map(|scan| {
            let (remedy, index) = remedy(subject, &scan);
            Observation {
                node_id: Some(scan.node.id),
                saves: Some(scan.saves),
                message: scan.message,
                remedy,
                index,
            }
        })
        .collect()
}

fn remedy(subject: &Subject, scan: &CostlyScan) -> (String, Option<Definition>) {
    let a_search =
        discarded(subject, scan.node, "Rows Removed by Filter").map_or(0.0, |rows| rows.read_a_scan);
    if scan.indexable.is_empty() {
        serving::remedy(subject, scan.node, &scan.indexable, &[])
    } else if a_search <= MAX_ROWS_OF_A_KEY && scan.node.actual.is_some_and(|actual| actual.loops > 1.0) {
        // More columns behind a key that finds one row spare nothing; another order of the join does.
        let (remedy, index) = serving::remedy(subject, scan.node, &scan.indexable, &[]);
        (format!("Each search finds a single row: let the join begin here instead. {remedy}"), index)
    } else {
        serving::remedy(subject, scan.node, &indexable::with_index_condition(subject, scan.node), &[])
    }
}

#[cfg(test)]
mod tests {
    use super::super::test_plans::{check_plan, node, saves};
    use super::*;
    use serde_json::{Value, json};

    fn scan(rows: f64, removed: u32, rest: &Value) -> Value {
        let mut scan = node(
            "Index Scan",
            10.0,
            rows,
            &json!({"Relation Name": "t", "Alias": "t", "Index Cond": "(user_id = 5)", "Filter": "(wake_time IS NULL)",
                    "Rows Removed by Filter": removed}),
            &[],
        );
        scan.as_object_mut().unwrap().extend(rest.as_object().unwrap().clone());
        scan
    }

    #[test]
    fn finds_discarded_rows() {
        assert_eq!(saves(check, &scan(100.0, 300, &json!({}))), [8.0]);
        assert!(saves(check, &scan(100.0, 50, &json!({}))).is_empty());
        // One row kept and one removed on average may be 1.5 and 0.5.
        assert!(saves(check, &scan(1.0, 1, &json!({"Actual Loops": 1000}))).is_empty());
        assert_eq!(
            saves(check, &scan(0.0, 1, &json!({"Actual Loops": 1000, "Actual Total Time": 0.01}))),
            [10.0]
        );
        assert!(saves(check, &scan(0.0, 0, &json!({"Actual Loops": 0}))).is_empty());
    }

    #[test]
    fn searches_for_single_rows_want_another_order_of_the_join() {
        let outer = node("Seq Scan", 1.0, 1000.0, &json!({}), &[]);
        let inner =
            scan(0.0, 1, &json!({"Actual Loops": 1000, "Actual Total Time": 0.01, "Filter": "(status = 1)"}));
        let join = node("Nested Loop", 12.0, 0.0, &json!({}), &[outer, inner]);
        let found = check_plan(check, json!({"Plan": join, "Execution Time": 12.0}));
        assert_eq!(found[0].index.as_ref().unwrap().describe(), "t (status)");
    }

    #[test]
    fn joins_the_conditions_of_index_and_filter() {
        for (filter, expected) in [
            ("(wake_time IS NULL)", Some("t (user_id) WHERE wake_time IS NULL")),
            ("((score > 3) AND active)", Some("t (user_id, active, score)")),
            ("(name ~~ '%abc%'::text)", None),
            ("(u.wake_time IS NULL)", None),
        ] {
            let scan = scan(1.0, 999, &json!({"Filter": filter}));
            let found = check_plan(check, json!({"Plan": scan, "Execution Time": 10.0}));
            let index = found[0].index.as_ref().map(Definition::describe);
            assert_eq!(index.as_deref(), expected, "{filter}");
        }
    }
}
