//! A plan that was not run reads a large table for an estimated few of its rows.
//!
//! Why it matters: the estimate alone shows that an index would be cheaper. Example: EXPLAIN of `WHERE created_at >
//! '2024-06-01'` without an index on `created_at`. Remedy: an index on the filtered columns. Wrong when: the estimate of the
//! rows is wrong, which EXPLAIN ANALYZE shows. Silent on plans that were run, which `seq-scan-discards-rows` judges.

use super::{Observation, Subject};
use crate::plan::discarded::{Cause, costly_scans};

pub(super) const RULE: &str = "large-seq-scan";

pub(super) fn check(subject: &Subject) -> Vec<Observation> {
    costly_scans(subject)
        .into_iter()
        .filter(|scan| !scan.is_measured && scan.cause == Cause::Mixed)
        .map(|scan| Observation::of_scan(subject, scan))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::super::test_plans::check_plan;
    use super::*;
    use serde_json::json;

    fn saves(cost: f64, rows: u32, settings: &serde_json::Value) -> Vec<f64> {
        let scan = json!({"Node Type": "Seq Scan", "Relation Name": "t", "Alias": "t", "Filter": "(a > 5)",
                          "Total Cost": cost, "Plan Rows": rows});
        let found = check_plan(check, json!({"Plan": scan, "Settings": settings}));
        found.into_iter().filter_map(|observation| observation.saves).collect()
    }

    #[test]
    fn counts_a_page_for_each_row() {
        assert_eq!(saves(2000.0, 100, &json!({})), [1600.0]);
        assert!(saves(2000.0, 300, &json!({})).is_empty());
        assert_eq!(saves(2000.0, 300, &json!({"random_page_cost": "1.1"})), [1670.0]);
        assert!(saves(50.0, 1, &json!({})).is_empty());
    }
}
