//! Two indexes are read and cut with each other, where one over their columns would find the rows.
//!
//! Why it matters: each index gives all rows that meet its own condition, most of them for nothing. Example:
//! indexes on `status` and on `country` for `WHERE status = 'new' AND country = 'nz'`. Remedy: one index over
//! both. Wrong when: the conditions come in many combinations, which single indexes serve with less to write.

use super::{Observation, Subject};
use crate::plan::indexable::{existing_index, indexable};
use crate::plan::{Node, serving};
use crate::unit::estimate;

pub(super) const RULE: &str = "bitmap-and";

pub(super) fn check(subject: &Subject) -> Vec<Observation> {
    subject
        .plan
        .nodes
        .iter()
        .filter(|node| node.is_a("BitmapAnd"))
        .filter_map(|and| observation(subject, and))
        .collect()
}

fn observation(subject: &Subject, and: &Node) -> Option<Observation> {
    let plan = subject.plan;
    let scan = plan.nodes.get(and.parent?).filter(|parent| parent.is_a("Bitmap Heap Scan"))?;
    let parts: Vec<&Node> = plan.children(and.id).collect();
    let tested: Vec<&str> = parts.iter().map(|part| part.text("Index Cond")).collect::<Option<_>>()?;
    let indexable = indexable(subject, scan, &tested.join(" AND "));
    // Two ranges are found by two indexes better than by one over both, which ends at the first.
    if !indexable.others.is_empty() || indexable.ranges.len() > 1 || indexable.keys(&[]).len() < 2 {
        return None;
    }
    if existing_index(subject, scan, &indexable, &[]).is_some() {
        return None;
    }
    let entries: f64 = parts.iter().map(|part| rows(part)).sum::<Option<f64>>()?;
    let removed = scan.number("Rows Removed by Filter").unwrap_or(0.0);
    let found = rows(scan)? + removed * scan.actual.map_or(0.0, |actual| actual.loops);
    let names: Vec<&str> = parts.iter().filter_map(|part| part.index.as_deref()).collect();
    let (remedy, index) = serving::remedy(subject, scan, &indexable, &[]);
    Some(Observation {
        node_id: Some(and.id),
        // The index over all columns has an entry for each row that is found.
        saves: Some(subject.total_ms(and.id) * (1.0 - found / entries.max(1.0)).max(0.0)),
        message: format!(
            "{} entries of {} were combined to find {} rows of {}",
            estimate(entries),
            names.join(" and "),
            estimate(found),
            scan.relation.as_deref().unwrap_or("the table")
        ),
        remedy,
        index,
    })
}

/// Returns the rows over all loops, or as many as were expected of a plan that was not executed.
fn rows(node: &Node) -> Option<f64> {
    match node.actual {
        Some(_) => node.rows_in_all().filter(|_| node.is_run()),
        None => node.plan_rows,
    }
}

#[cfg(test)]
mod tests {
    use super::super::test_plans::{check_plan, check_plan_on, node};
    use super::super::test_servers::{server, table};
    use super::*;
    use serde_json::json;

    /// Checks what would be saved of a bitmap of 20 ms from two indexes with 500 entries each, and the index
    /// for it.
    fn check_conditions(first: &str, second: &str, found: f64, expected: Option<(f64, &str)>) {
        let part = |condition: &str, name: &str| {
            node("Bitmap Index Scan", 10.0, 500.0, &json!({"Index Name": name, "Index Cond": condition}), &[])
        };
        let and = node("BitmapAnd", 20.0, 0.0, &json!({}), &[part(first, "i"), part(second, "j")]);
        let scan = node("Bitmap Heap Scan", 25.0, found, &json!({"Relation Name": "t"}), &[and]);
        let observation = check_plan(check, json!({"Plan": scan, "Execution Time": 26.0})).pop();
        let told = observation.map(|it| (it.saves.unwrap(), it.index.unwrap().describe()));
        assert_eq!(told, expected.map(|(saves, index)| (saves, index.to_owned())));
    }

    #[test]
    fn finds_indexes_to_be_merged() {
        check_conditions("(a = 1)", "(b = 2)", 50.0, Some((19.0, "t (a, b)")));
        check_conditions("(a > 1)", "(b = 2)", 50.0, Some((19.0, "t (b, a)")));
        check_conditions(
            "((a > 1) AND (a < 9))",
            "(b = ANY ('{1,2}'::integer[]))",
            0.0,
            Some((20.0, "t (b, a)")),
        );
    }

    #[test]
    fn what_no_btree_serves_stays() {
        check_conditions("(a > 1)", "(b < 2)", 50.0, None);
        check_conditions("(a = 1)", "(b @> '{1}'::integer[])", 50.0, None);
        check_conditions("(a = 1)", "(lower(b) = 'x'::text)", 50.0, None);
    }

    #[test]
    fn estimates_do_as_well() {
        let part = |column: &str| {
            let condition = format!("({column} = 1)");
            json!({"Node Type": "Bitmap Index Scan", "Plan Rows": 500, "Total Cost": 10,
                   "Index Cond": condition})
        };
        let and = json!({"Node Type": "BitmapAnd", "Plan Rows": 0, "Total Cost": 20,
                         "Plans": [part("a"), part("b")]});
        let scan = json!({"Node Type": "Bitmap Heap Scan", "Relation Name": "t", "Plan Rows": 100,
                          "Total Cost": 30, "Plans": [and]});
        assert_eq!(check_plan(check, json!({"Plan": scan}))[0].saves, Some(18.0));
    }

    #[test]
    fn an_index_that_is_there_was_not_wanted() {
        let speaks = |columns: &[&str]| {
            let part = |condition: &str| {
                node("Bitmap Index Scan", 10.0, 500.0, &json!({"Index Cond": condition}), &[])
            };
            let and = node("BitmapAnd", 20.0, 0.0, &json!({}), &[part("(a = 1)"), part("(b = 2)")]);
            let scan = node("Bitmap Heap Scan", 25.0, 9.0, &json!({"Relation Name": "t"}), &[and]);
            let server = server(vec![table(1, "t", &[columns])]);
            !check_plan_on(check, json!({"Plan": scan}), Some(&server)).is_empty()
        };
        assert!(speaks(&["a"]));
        assert!(!speaks(&["b", "a"]));
    }
}
