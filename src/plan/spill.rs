//! What did not fit into memory and went through temporary files.

use super::{Node, Plan};

/// What spilled in a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SpillKind {
    Sort,
    Hash,
    HashAggregate,
    /// A stored intermediate result: `Materialize`, CTE, window (PostgreSQL 18 and later say so).
    Storage,
}

/// Temporary files of one node.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Spill {
    pub(crate) kind: SpillKind,
    /// Size of the files in kB, where EXPLAIN prints it: the largest of all processes.
    pub(crate) disk_kb: Option<f64>,
    /// Parts that a hash table was cut into.
    pub(crate) batches: Option<f64>,
}

/// Returns what a node wrote to temporary files, by its own figures.
pub(crate) fn spill(node: &Node) -> Option<Spill> {
    sort(node).or_else(|| incremental_sort(node)).or_else(|| hash(node)).or_else(|| storage(node))
}

/// Returns the blocks that the whole plan wrote to temporary files; `None` without BUFFERS.
pub(crate) fn temp_blocks(plan: &Plan) -> Option<u64> {
    plan.nodes.first()?.buffers.map(|buffers| buffers.temp_written)
}

fn sort(node: &Node) -> Option<Spill> {
    let own = [&node.details];
    let disk_kb = own
        .into_iter()
        .chain(node.workers.iter().map(|worker| &worker.details))
        .filter(|details| details.get("Sort Space Type").and_then(|kind| kind.as_str()) == Some("Disk"))
        .map(|details| details.get("Sort Space Used").and_then(serde_json::Value::as_f64).unwrap_or(0.0))
        .reduce(f64::max)?;
    Some(Spill { kind: SpillKind::Sort, disk_kb: Some(disk_kb), batches: None })
}

fn incremental_sort(node: &Node) -> Option<Spill> {
    let disk_kb = ["Full-sort Groups", "Pre-sorted Groups"]
        .into_iter()
        .filter_map(|key| node.detail(key)?.get("Sort Space Disk")?.get("Peak Sort Space Used")?.as_f64())
        .reduce(f64::max)?;
    Some(Spill { kind: SpillKind::Sort, disk_kb: Some(disk_kb), batches: None })
}

fn hash(node: &Node) -> Option<Spill> {
    if let Some(batches) = node.number("Hash Batches").filter(|batches| *batches > 1.0) {
        return Some(Spill { kind: SpillKind::Hash, disk_kb: None, batches: Some(batches) });
    }
    let figures = |key: &str| {
        let of_workers = node.workers.iter().filter_map(|worker| worker.details.get(key)?.as_f64());
        node.number(key).into_iter().chain(of_workers).reduce(f64::max)
    };
    let batches = figures("HashAgg Batches").filter(|batches| *batches > 1.0);
    let disk_kb = figures("Disk Usage").filter(|kb| *kb > 0.0);
    (batches.is_some() || disk_kb.is_some()).then_some(Spill {
        kind: SpillKind::HashAggregate,
        disk_kb,
        batches,
    })
}

fn storage(node: &Node) -> Option<Spill> {
    (node.text("Storage") == Some("Disk")).then(|| Spill {
        kind: SpillKind::Storage,
        disk_kb: node.number("Maximum Storage"),
        batches: None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::read;
    use serde_json::{Value, json};

    fn check(node: &Value, expected: Option<(SpillKind, Option<f64>, Option<f64>)>) {
        let plan = read::plan(json!({ "Plan": node })).unwrap();
        let found = spill(&plan.nodes[0]).map(|spill| (spill.kind, spill.disk_kb, spill.batches));
        assert_eq!(found, expected, "{node}");
    }

    #[test]
    fn finds_temporary_files() {
        let disk = json!({"Sort Space Type": "Disk", "Sort Space Used": 700});
        check(
            &json!({"Node Type": "Sort", "Sort Space Type": "Disk", "Sort Space Used": 500}),
            Some((SpillKind::Sort, Some(500.0), None)),
        );
        check(&json!({"Node Type": "Sort", "Sort Space Type": "Memory", "Sort Space Used": 500}), None);
        check(
            &json!({"Node Type": "Sort", "Sort Space Type": "Memory", "Workers": [disk]}),
            Some((SpillKind::Sort, Some(700.0), None)),
        );
        let groups = json!({"Group Count": 2, "Sort Space Disk": {"Peak Sort Space Used": 90}});
        check(
            &json!({"Node Type": "Incremental Sort", "Pre-sorted Groups": groups}),
            Some((SpillKind::Sort, Some(90.0), None)),
        );
        check(&json!({"Node Type": "Hash", "Hash Batches": 8}), Some((SpillKind::Hash, None, Some(8.0))));
        check(&json!({"Node Type": "Hash", "Hash Batches": 1}), None);
        check(
            &json!({"Node Type": "Aggregate", "HashAgg Batches": 5, "Disk Usage": 80}),
            Some((SpillKind::HashAggregate, Some(80.0), Some(5.0))),
        );
        check(&json!({"Node Type": "Aggregate", "HashAgg Batches": 1, "Disk Usage": 0}), None);
        check(
            &json!({"Node Type": "Materialize", "Storage": "Disk", "Maximum Storage": 40}),
            Some((SpillKind::Storage, Some(40.0), None)),
        );
    }
}
