//! A merge join sorts its inputs first.
//!
//! Why it matters: an index in the order of the join delivers sorted rows. Example: two large tables joined by a column that one has
//! no index on. Remedy: an index on the joined column. Wrong when: the planner takes the sort for cheaper than reading the
//! whole table through the index, which it does for large tables in another order.

use super::{Observation, Subject, avoidable_sort};
use crate::plan::{Node, indexable, rows};

pub(super) const RULE: &str = "merge-join-sorts";

pub(super) fn check(subject: &Subject) -> Vec<Observation> {
    let sorts = subject.plan.nodes.iter().filter(|node| node.is_a("Sort") && is_below(subject, node));
    sorts
        .filter_map(|sort| {
            let index = avoidable_sort::index(subject, sort)?;
            let relation = rows::inputs(subject.plan, sort).find(|input| input.relation.is_some())?;
            Some(Observation {
                node_id: Some(sort.id),
                saves: Some(subject.self_ms(sort.id)),
                message: format!(
                    "a merge join sorts {} by {} first",
                    scanned(relation),
                    avoidable_sort::order(sort)
                ),
                remedy: format!(
                    "An index of {} that has the rows in the order of the join would need no sort.",
                    indexable::table_name(subject, relation)
                ),
                index: Some(index),
            })
        })
        .collect()
}

/// Whether a sort feeds a merge join.
pub(super) fn is_below(subject: &Subject, sort: &Node) -> bool {
    let mut above = subject.plan.ancestors(sort.id).skip_while(|node| node.is_a("Materialize"));
    above.next().is_some_and(|node| node.is_a("Merge Join"))
}

fn scanned(scan: &Node) -> &str {
    scan.relation.as_deref().unwrap_or("its input")
}

#[cfg(test)]
mod tests {
    use super::super::test_plans::{check_plan, node, saves};
    use super::*;
    use serde_json::json;

    #[test]
    fn finds_sorted_inputs() {
        let join = |kind: &str, key: &str| {
            let scan = json!({"Relation Name": "t", "Alias": "t"});
            let scan = node("Seq Scan", 10.0, 500.0, &scan, &[]);
            let sort = node("Sort", 40.0, 500.0, &json!({"Sort Key": [key]}), &[scan]);
            let store = node("Materialize", 41.0, 500.0, &json!({}), &[sort]);
            node(kind, 60.0, 5.0, &json!({}), &[store])
        };
        assert_eq!(saves(check, &join("Merge Join", "t.a")), [30.0]);
        assert!(saves(check, &join("Merge Join", "lower(t.a)")).is_empty());
        assert!(saves(check, &join("Aggregate", "t.a")).is_empty());
        let found = check_plan(check, json!({"Plan": join("Merge Join", "t.a")}));
        assert_eq!(found[0].message, "a merge join sorts t by t.a first");
        assert_eq!(found[0].index.as_ref().unwrap().describe(), "t (a)");
    }
}
