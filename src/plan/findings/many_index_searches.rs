//! An index is searched many times in one scan, because its order does not fit the conditions (PostgreSQL
//! 18).
//!
//! Why it matters: a skip scan descends from the root once for each value of the columns that stand before
//! the tested ones. Example: an index on `(region, created)` for `WHERE created > …`. Remedy: an index that
//! begins with the columns compared with one value, then the range. Wrong when: the values skipped are few;
//! the rows then take longer than the searches.

use super::{Observation, Subject};
use crate::plan::indexable::{existing_index, indexable};
use crate::plan::{Node, serving};
use crate::unit::estimate;

pub(super) const RULE: &str = "many-index-searches";
/// Searches a scan from which the order of the index matters more than its depth of two to four pages.
const MIN_SEARCHES: f64 = 10.0;

pub(super) fn check(subject: &Subject) -> Vec<Observation> {
    subject.plan.nodes.iter().filter_map(|scan| observation(subject, scan)).collect()
}

fn observation(subject: &Subject, scan: &Node) -> Option<Observation> {
    // Searches are counted over all loops.
    let searches = scan.number("Index Searches")?;
    let loops = scan.actual?.loops;
    if searches < MIN_SEARCHES * loops.max(1.0) {
        return None;
    }
    let table = match scan.kind.as_str() {
        "Bitmap Index Scan" => subject.plan.ancestors(scan.id).find(|node| node.relation.is_some())?,
        _ => scan,
    };
    let indexable = indexable(subject, table, scan.text("Index Cond")?);
    // Each element of an array is looked for by itself, whatever the index.
    if !indexable.any.is_empty() || existing_index(subject, table, &indexable, &[]).is_some() {
        return None;
    }
    let (remedy, index) = serving::remedy(subject, table, &indexable, &[]);
    let rows = scan.rows_in_all()?;
    Some(Observation {
        node_id: Some(scan.id),
        // A search is taken to cost as much as a row: both visit a page or two.
        saves: Some(subject.self_ms(scan.id) * (searches - loops) / (searches + rows)),
        message: format!(
            "{} searched the index {} times to find {} rows",
            scan.title(),
            estimate(searches),
            estimate(rows)
        ),
        remedy: format!(
            "The columns that its index has before the tested ones are skipped value by value. {remedy}"
        ),
        index,
    })
}

#[cfg(test)]
mod tests {
    use super::super::test_plans::{node, saves};
    use super::*;
    use serde_json::json;

    #[test]
    fn finds_skip_scans() {
        let scan = |searches: u32, loops: u32, condition: &str| {
            let rest = json!({"Index Searches": searches, "Index Cond": condition, "Actual Loops": loops,
                              "Relation Name": "t", "Index Name": "i"});
            node("Index Scan", 10.0, 100.0, &rest, &[])
        };
        assert_eq!(saves(check, &scan(300, 1, "(t.created > 5)")), [7.0]);
        assert!(saves(check, &scan(1, 1, "(t.created > 5)")).is_empty());
        assert!(saves(check, &scan(300, 300, "(t.created = o.created)")).is_empty());
        assert!(saves(check, &scan(300, 1, "(t.created = ANY ('{1,2}'::integer[]))")).is_empty());
    }
}
