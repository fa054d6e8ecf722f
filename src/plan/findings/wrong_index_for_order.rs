//! A whole index is read for its order, for a merge join or a group, and a filter throws most of the rows away.
//!
//! Why it matters: sorting the few rows that pass would be cheaper than visiting the table for all of them in the order of the
//! index. Example: `WHERE user_id = 5 GROUP BY day` by an index on `day`. Remedy: an index on the filtered columns and then the
//! order. Wrong when: nearly all rows pass.

use super::{Observation, Subject};
use crate::plan::discarded::{Cause, discarding_index_scans};
use crate::plan::order::{self, Reader};

pub(super) const RULE: &str = "wrong-index-for-order";

pub(super) fn check(subject: &Subject) -> Vec<Observation> {
    discarding_index_scans(subject)
        .into_iter()
        .filter(|scan| matches!(scan.cause, Cause::OnlyEquality | Cause::Mixed))
        .filter_map(|scan| {
            let Reader::Merge(reader) = order::reader(subject.plan, scan.node)? else { return None };
            let (remedy, index) = order::remedy(subject, &scan, reader);
            let message = format!("{} to give {} its order", scan.message, reader.node_type);
            Some(Observation { node_id: Some(scan.node.id), saves: Some(scan.saves), message, remedy, index })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::super::test_plans::{check_plan, node};
    use super::*;
    use crate::index::Definition;
    use serde_json::{Value, json};

    /// Checks which index is asked for; `None` when the rule is silent.
    fn check_index(reader: &str, rest: &Value, removed: u32, expected: Option<&str>) {
        let filter = json!({"Relation Name": "t", "Alias": "t", "Index Name": "t_day", "Filter": "(t.user_id = 5)",
                            "Rows Removed by Filter": removed});
        let scan = node("Index Scan", 10.0, 10.0, &filter, &[]);
        let plan = json!({"Plan": node(reader, 12.0, 5.0, rest, &[scan]), "Execution Time": 12.0});
        let found = check_plan(check, plan);
        let index =
            found.first().and_then(|observation| observation.index.as_ref()).map(Definition::describe);
        assert_eq!(index.as_deref(), expected, "{reader}");
    }

    #[test]
    fn takes_the_order_from_who_reads_it() {
        let group = json!({"Strategy": "Sorted", "Group Key": ["t.day"]});
        check_index("Aggregate", &group, 9990, Some("t (user_id, day)"));
        check_index("Aggregate", &group, 5, None);
        check_index("Merge Join", &json!({"Merge Cond": "(u.id = t.u_id)"}), 9990, Some("t (user_id, u_id)"));
        check_index("Hash Join", &json!({}), 9990, None);
    }
}
