//! A sequential scan reads many rows and throws most of them away.
//!
//! Why it matters: the time grows with the table, not with the result. Example: `WHERE created_at > now() - '1 day'`
//! without an index on `created_at`. Remedy: an index on the filtered columns, or of the kind that serves the
//! operator. Wrong when: the statement runs once a month, or the table is written far more than read. Silent where
//! `indexable-seq-scan`, `unsargable-condition`, `json-filter` or `nested-loop-seq-scan` say it more exactly.

use super::{Observation, Subject};
use crate::plan::discarded::{Cause, costly_scans};

pub(super) const RULE: &str = "seq-scan-discards-rows";

pub(super) fn check(subject: &Subject) -> Vec<Observation> {
    costly_scans(subject)
        .into_iter()
        .filter(|scan| scan.is_measured && scan.cause == Cause::Mixed)
        .map(|scan| Observation::of_scan(subject, scan))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::super::test_plans::{check_plan, node, saves};
    use super::*;
    use serde_json::{Value, json};

    const RANGE: &str = "(a > 5)";

    fn scan(rows: f64, rest: &Value) -> Value {
        let mut scan =
            node("Seq Scan", 10.0, rows, &json!({"Relation Name": "t", "Alias": "t", "Filter": RANGE}), &[]);
        scan.as_object_mut().unwrap().extend(rest.as_object().unwrap().clone());
        scan
    }

    #[test]
    fn finds_discarded_rows() {
        let removed = |n: u32| scan(100.0, &json!({"Rows Removed by Filter": n}));
        assert_eq!(saves(check, &removed(99_900)), [10.0]);
        assert!(saves(check, &removed(800)).is_empty());
        assert!(saves(check, &scan(0.0, &json!({"Rows Removed by Filter": 900}))).is_empty());
    }

    #[test]
    fn counts_the_rows_of_all_workers_and_not_of_rounding() {
        // Three processes read 400 rows each.
        let parallel = scan(1.0, &json!({"Rows Removed by Filter": 399, "Actual Loops": 3}));
        assert_eq!(saves(check, &node("Gather", 12.0, 3.0, &json!({}), &[parallel])).len(), 1);
        // 2000 scans that may have kept half a row of one.
        let rounded =
            scan(0.0, &json!({"Rows Removed by Filter": 1, "Actual Loops": 2000, "Actual Total Time": 0.01}));
        assert!(saves(check, &node("Append", 30.0, 3.0, &json!({}), &[rounded])).is_empty());
        let never = scan(0.0, &json!({"Rows Removed by Filter": 0, "Actual Loops": 0}));
        assert!(saves(check, &never).is_empty());
    }

    #[test]
    fn partitions_are_one_finding() {
        let partition = |n: u32| {
            scan(
                1.0,
                &json!({"Relation Name": format!("t_2024_{n}"), "Alias": format!("t_{n}"),
                              "Filter": format!("(t_{n}.a > 5)"), "Rows Removed by Filter": 9999}),
            )
        };
        let plan = node("Append", 30.0, 3.0, &json!({}), &[partition(1), partition(2), partition(3)]);
        let found = check_plan(check, json!({"Plan": plan, "Execution Time": 30.0}));
        assert_eq!(found.len(), 1);
        assert_eq!(
            found[0].message,
            "Seq Scan on t_2024_1 t_1 with 2 more partitions reads 30,000 rows and keeps 3"
        );
        assert_eq!(found[0].index, None);
    }

    #[test]
    fn leaves_repeated_scans_to_the_join() {
        let outer = node("Seq Scan", 1.0, 500.0, &json!({}), &[]);
        let rest = json!({"Rows Removed by Filter": 9999, "Actual Loops": 500, "Parent Relationship": "Inner",
                          "Actual Total Time": 1.0});
        let join = node("Nested Loop", 600.0, 500.0, &json!({}), &[outer, scan(1.0, &rest)]);
        assert!(saves(check, &join).is_empty());
    }
}
