//! An index is walked in its order until enough rows pass the filter, which takes long when those that pass are rare.
//!
//! Why it matters: the planner takes the rows that pass as spread evenly over the order; when they are at its end, nearly the
//! whole index is read. Example: `WHERE user_id = 5 ORDER BY created_at DESC LIMIT 10` by an index on `created_at`. Remedy:
//! an index on the filtered columns and then the order. Wrong when: nearly all rows pass, so that few are discarded.

use super::{Observation, Subject};
use crate::plan::discarded::{Cause, discarding_index_scans};
use crate::plan::order::{self, Reader};

pub(super) const RULE: &str = "wrong-index-for-limit";

pub(super) fn check(subject: &Subject) -> Vec<Observation> {
    discarding_index_scans(subject)
        .into_iter()
        .filter(|scan| matches!(scan.cause, Cause::OnlyEquality | Cause::Mixed))
        .filter_map(|scan| {
            let Reader::Limit(limit) = order::reader(subject.plan, scan.node)? else { return None };
            let (remedy, index) = order::remedy(subject, &scan, limit);
            let message = format!("{} to find enough for its LIMIT", scan.message);
            Some(Observation { node_id: Some(scan.node.id), saves: Some(scan.saves), message, remedy, index })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::super::test_plans::{check_plan, node, saves};
    use super::*;
    use crate::plan::{read, resources, times_or_costs};
    use serde_json::{Value, json};

    fn limit(rest: &Value) -> Value {
        let filter = json!({"Relation Name": "t", "Alias": "t", "Index Name": "t_at", "Filter": "(user_id = 5)",
                            "Rows Removed by Filter": 9990});
        let mut scan = node("Index Scan", 10.0, 10.0, &filter, &[]);
        scan.as_object_mut().unwrap().extend(rest.as_object().unwrap().clone());
        node("Limit", 10.0, 10.0, &json!({}), &[scan])
    }

    #[test]
    fn finds_a_walk_through_an_index() {
        assert_eq!(saves(check, &limit(&json!({}))), [10.0]);
        assert!(saves(check, &limit(&json!({"Index Cond": "(at > now())"}))).is_empty());
        assert!(saves(check, &limit(&json!({"Rows Removed by Filter": 50}))).is_empty());
    }

    #[test]
    fn takes_the_order_from_the_statement() {
        let plan = json!({"Plan": limit(&json!({})), "Execution Time": 10.0});
        let found = check_plan(check, plan.clone());
        assert_eq!(found[0].index, None);
        let plan = read::plan(plan).unwrap();
        let times = times_or_costs(&plan);
        let resources = resources(&plan, &times);
        let sql = Some("SELECT * FROM t WHERE user_id = 5 ORDER BY at DESC LIMIT 10");
        let found = check(&Subject { plan: &plan, times: &times, resources: &resources, sql, server: None });
        assert_eq!(found[0].index.as_ref().unwrap().describe(), "t (user_id, at)");
    }
}
