//! A table is read in another way: by an index instead of from end to end, by another index, from the index
//! alone.
//!
//! Why it matters: this is how a dropped index, stale statistics or a changed condition show first. A
//! sequential scan in the place of an index scan is critical, unless it reads no more blocks than the index
//! scan did. Wrong when: the plans have no buffers and the costs of one of them are off.

use std::cmp::Ordering;
use std::collections::BTreeSet;

use super::{BUFFERS_FLOOR, Change, Pair, Severity, blocks, severity_of_work, work};
use crate::plan::{Node, Plan};
use crate::unit::estimate;

/// Scans that cost less are of no concern, whatever they do (regresql: 10).
const MIN_COST: f64 = 10.0;

/// How a table is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Access {
    Sequential,
    Index,
    IndexOnly,
    Bitmap,
}

fn access(node: &Node) -> Option<Access> {
    match node.kind.as_str() {
        "Seq Scan" => Some(Access::Sequential),
        "Index Scan" => Some(Access::Index),
        "Index Only Scan" => Some(Access::IndexOnly),
        "Bitmap Heap Scan" => Some(Access::Bitmap),
        _ => None,
    }
}

/// Returns the indexes that a scan of a table reads.
pub(super) fn indexes<'p>(plan: &'p Plan, scan: &'p Node) -> BTreeSet<&'p str> {
    let parts = plan.descendants(scan.id).filter(|node| node.is_a("Bitmap Index Scan"));
    let of_bitmap = parts.filter(|part| {
        scan.is_a("Bitmap Heap Scan")
            && plan.ancestors(part.id).find(|above| above.is_a("Bitmap Heap Scan")).map(|above| above.id)
                == Some(scan.id)
    });
    std::iter::once(scan).chain(of_bitmap).filter_map(|node| node.index.as_deref()).collect()
}

pub(super) fn check(pair: &Pair) -> Vec<Change> {
    pair.nodes().filter_map(|(before, after)| change(pair, before, after)).collect()
}

fn change(pair: &Pair, before: &Node, after: &Node) -> Option<Change> {
    let (from, to) = (access(before)?, access(after)?);
    let (old, new) = (indexes(&pair.before.plan, before), indexes(&pair.after.plan, after));
    let rule = match (from, to) {
        (Access::Sequential, Access::Sequential) => return None,
        (_, Access::Sequential) => "index-to-seq-scan",
        (Access::Sequential, _) => "seq-scan-to-index",
        _ if old.is_disjoint(&new) => "other-index",
        (Access::IndexOnly, Access::Index | Access::Bitmap) => "index-only-to-index-scan",
        (Access::Index | Access::Bitmap, Access::IndexOnly) => "index-to-index-only-scan",
        _ if old != new => "other-index",
        _ if from != to => "access-path",
        _ => return None,
    };
    let by_work = severity_of_work(before, after);
    let severity = match rule {
        "index-to-seq-scan" if is_small(before) && is_small(after) => Severity::Info,
        // What reads fewer blocks than the index did is the better plan, as for most rows of a table.
        "index-to-seq-scan" if blocks(after).is_some() && work(before, after) != Ordering::Greater => by_work,
        "index-to-seq-scan" => Severity::Critical,
        "index-only-to-index-scan" if by_work != Severity::Better => Severity::Warning,
        "index-to-index-only-scan" | "seq-scan-to-index" if by_work == Severity::Info => Severity::Better,
        _ => by_work,
    };
    Some(Change {
        rule,
        severity,
        before_id: Some(before.id),
        after_id: Some(after.id),
        message: format!(
            "{}{} instead of {}{}",
            described(after, &new),
            figure(after),
            described(before, &old),
            figure(before)
        ),
    })
}

/// Names a bitmap scan's indexes, which its title lacks.
fn described(scan: &Node, indexes: &BTreeSet<&str>) -> String {
    if scan.index.is_some() || indexes.is_empty() {
        return scan.title();
    }
    let names: Vec<&str> = indexes.iter().copied().collect();
    format!("{} by {}", scan.title(), names.join(" and "))
}

fn figure(node: &Node) -> String {
    match (blocks(node), node.total_cost) {
        (Some(blocks), _) => format!(" ({} blocks)", estimate(blocks)),
        (None, Some(cost)) => format!(" (cost {cost:.2})"),
        (None, None) => String::new(),
    }
}

fn is_small(node: &Node) -> bool {
    node.total_cost.is_some_and(|cost| cost < MIN_COST)
        || blocks(node).is_some_and(|blocks| blocks < BUFFERS_FLOOR)
}

#[cfg(test)]
mod tests {
    use super::super::test_plans;
    use super::super::test_plans::scan;
    use super::*;
    use serde_json::json;

    fn check_scans(before: (&str, &str, u64), after: (&str, &str, u64), expected: &[(&str, Severity)]) {
        let scan = |(node_type, index, blocks): (&str, &str, u64)| {
            let rest = if index.is_empty() { json!({}) } else { json!({ "Index Name": index }) };
            scan(node_type, blocks, &rest)
        };
        test_plans::check(check, &scan(before), &scan(after), expected);
    }

    #[test]
    fn finds_lost_and_new_indexes() {
        check_scans(
            ("Index Scan", "i", 4),
            ("Seq Scan", "", 500),
            &[("index-to-seq-scan", Severity::Critical)],
        );
        check_scans(
            ("Index Scan", "i", 900),
            ("Seq Scan", "", 500),
            &[("index-to-seq-scan", Severity::Better)],
        );
        check_scans(("Index Scan", "i", 3), ("Seq Scan", "", 5), &[("index-to-seq-scan", Severity::Info)]);
        check_scans(
            ("Seq Scan", "", 500),
            ("Index Scan", "i", 4),
            &[("seq-scan-to-index", Severity::Better)],
        );
        check_scans(
            ("Seq Scan", "", 500),
            ("Index Scan", "i", 4000),
            &[("seq-scan-to-index", Severity::Warning)],
        );
        check_scans(("Seq Scan", "", 500), ("Seq Scan", "", 900), &[]);
    }

    #[test]
    fn finds_other_indexes() {
        check_scans(("Index Scan", "i", 4), ("Index Scan", "j", 4), &[("other-index", Severity::Info)]);
        check_scans(("Index Scan", "i", 4), ("Index Scan", "j", 400), &[("other-index", Severity::Warning)]);
        check_scans(("Index Scan", "i", 4), ("Index Scan", "i", 400), &[]);
        check_scans(
            ("Index Only Scan", "i", 4),
            ("Index Scan", "i", 4),
            &[("index-only-to-index-scan", Severity::Warning)],
        );
        check_scans(
            ("Index Scan", "i", 40),
            ("Index Only Scan", "i", 40),
            &[("index-to-index-only-scan", Severity::Better)],
        );
    }

    #[test]
    fn bitmap_scans_have_the_indexes_below_them() {
        let bitmap = |index: &str| {
            let part = json!({"Node Type": "Bitmap Index Scan", "Index Name": index});
            scan("Bitmap Heap Scan", 40, &json!({ "Plans": [part] }))
        };
        let index_scan = scan("Index Scan", 40, &json!({"Index Name": "i"}));
        test_plans::check(check, &index_scan, &bitmap("i"), &[("access-path", Severity::Info)]);
        test_plans::check(check, &bitmap("i"), &bitmap("j"), &[("other-index", Severity::Info)]);
        let changes = test_plans::changes(check, &bitmap("i"), &bitmap("j"));
        assert_eq!(
            changes[0].message,
            "Bitmap Heap Scan on t by j (40 blocks) instead of Bitmap Heap Scan on t by i (40 blocks)"
        );
    }
}
