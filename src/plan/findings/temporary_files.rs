//! A node kept rows in temporary files, and is no sort or hash that could say so itself.
//!
//! Why it matters: every row is written and read again. Example: `count(DISTINCT x)`, which sorts inside the aggregate; a
//! materialized CTE, or a window over a whole table. Remedy: memory for this statement, or for DISTINCT a subquery that hashes.
//! Wrong when: the files stay in the operating system's cache, as they mostly do.

use super::{Observation, Subject, disk_sort};
use crate::plan::{Node, memory};

pub(super) const RULE: &str = "temporary-files";
/// pgexplain-go's threshold: 256 blocks.
const MIN_KB: f64 = 2048.0;
/// The most that was measured: with 200,000 rows of CTE, Materialize and window on PostgreSQL 14, 16, 17 and 18, each run
/// once, the node took from 4 % more to 18 % less in memory.
const SAVED_SHARE: f64 = 0.18;
const BLOCK_KB: f64 = 8.0;

/// Nodes that keep rows, but for sorts and hashes, of which other rules tell; a text plan may show the files of one
/// node at another.
const KEEPERS: [&str; 9] = [
    "Materialize",
    "CTE Scan",
    "WindowAgg",
    "Recursive Union",
    "Function Scan",
    "Table Function Scan",
    "Aggregate",
    "Group",
    "ModifyTable",
];

pub(super) fn check(subject: &Subject) -> Vec<Observation> {
    let keepers = subject.plan.nodes.iter().filter(|node| KEEPERS.contains(&node.kind.as_str()));
    keepers.filter(|node| !is_hashed(node)).filter_map(|node| observe(subject, node)).collect()
}

/// Whether `hash-aggregate-spill` tells of these files.
fn is_hashed(node: &Node) -> bool {
    ["Disk Usage", "HashAgg Batches"]
        .iter()
        .any(|key| node.processes().any(|process| process.contains_key(*key)))
}

fn observe(subject: &Subject, node: &Node) -> Option<Observation> {
    let resources = &subject.resources[node.id];
    #[expect(clippy::cast_precision_loss, reason = "a size that is estimated")]
    let written_kb = resources.buffers.map_or(0.0, |own| own.temp_written as f64) * BLOCK_KB;
    // Since PostgreSQL 18 a node with stored rows tells their size itself.
    let is_on_disk = node.text("Storage") == Some("Disk");
    let stored_kb = node.number("Maximum Storage").filter(|_| is_on_disk).unwrap_or(written_kb);
    if stored_kb < MIN_KB {
        return None;
    }
    let self_ms = subject.self_ms(node.id);
    let distinct = node.is_a("Aggregate").then(|| sorted_inside(subject, node));
    let (share, remedy) = match distinct {
        Some(Some(distinct)) => (
            disk_sort::SAVED_SHARE,
            format!(
                "{distinct} sorts inside the aggregate: aggregate over a subquery with SELECT DISTINCT instead, which \
                 can hash, or raise work_mem for this statement."
            ),
        ),
        Some(None) => (
            disk_sort::SAVED_SHARE,
            "An aggregate with DISTINCT or ORDER BY sorts inside: aggregate over a subquery that does so, or raise \
             work_mem for this statement."
                .to_owned(),
        ),
        None => {
            let n_rows = stored_rows(subject, node)?;
            (SAVED_SHARE, memory::raise_work_mem(memory::tuplestore_kb(stored_kb, n_rows)))
        }
    };
    Some(Observation {
        node_id: Some(node.id),
        saves: Some(self_ms * share),
        message: format!("{} wrote {} of temporary files", node.title(), memory::size(stored_kb)),
        remedy,
        index: None,
    })
}

/// Returns the rows that a node keeps: what it reads, or what computes it when it reads nothing.
fn stored_rows(subject: &Subject, node: &Node) -> Option<f64> {
    let input = crate::plan::rows::inputs(subject.plan, node).next().unwrap_or(node);
    input.rows_in_all().map(|rows| rows.max(1.0))
}

/// Returns the aggregate that sorts its own input, as the statement or the output has it.
fn sorted_inside(subject: &Subject, node: &Node) -> Option<String> {
    let in_output = node.list("Output").find(|output| output.contains("(DISTINCT ")).map(str::to_owned);
    in_output.or_else(|| {
        let sql = subject.sql?;
        let start = sql.to_ascii_lowercase().find("count(distinct")?;
        let end = sql[start..].find(')')?;
        Some(sql[start..=start + end].to_owned())
    })
}

#[cfg(test)]
mod tests {
    use super::super::test_plans::{check_plan, node};
    use super::*;
    use serde_json::{Value, json};

    /// Checks savings, message and a part of the remedy.
    fn check_one(root: &Value, expected: Option<(f64, &str, &str)>) {
        let found = check_plan(check, json!({"Plan": root}));
        match expected {
            None => assert!(found.is_empty(), "{}", found[0].message),
            Some((saves, message, remedy)) => {
                assert_eq!(found[0].saves.map(f64::round), Some(saves));
                assert_eq!(found[0].message, message);
                assert!(found[0].remedy.contains(remedy), "{}", found[0].remedy);
            }
        }
    }

    #[test]
    fn finds_stored_rows_on_disk() {
        let input = node("Seq Scan", 10.0, 200_000.0, &json!({"Temp Written Blocks": 0}), &[]);
        let store = |rest: Value| node("Materialize", 110.0, 200_000.0, &rest, std::slice::from_ref(&input));
        let expected = Some((18.0, "Materialize wrote 8.5 MB of temporary files", "SET work_mem = '21MB';"));
        check_one(&store(json!({"Temp Written Blocks": 1087})), expected);
        check_one(&store(json!({"Storage": "Disk", "Maximum Storage": 8692})), expected);
        check_one(&store(json!({"Storage": "Memory", "Maximum Storage": 8692})), None);
        check_one(&store(json!({"Temp Written Blocks": 100})), None);
    }

    #[test]
    fn leaves_sorts_and_hashes_to_their_rules() {
        let files = json!({"Temp Written Blocks": 5000});
        check_one(&node("Sort", 110.0, 200_000.0, &files, &[]), None);
        check_one(&node("Hash Join", 110.0, 200_000.0, &files, &[]), None);
        let hashed = json!({"Temp Written Blocks": 5000, "HashAgg Batches": 5, "Disk Usage": 9000});
        check_one(&node("Aggregate", 110.0, 200_000.0, &hashed, &[]), None);
    }

    #[test]
    fn names_the_aggregate_that_sorts() {
        let rest = json!({"Temp Written Blocks": 1000, "Output": ["count(DISTINCT a)"]});
        let root = node("Aggregate", 100.0, 1.0, &rest, &[]);
        let remedy = "count(DISTINCT a) sorts inside the aggregate";
        check_one(&root, Some((50.0, "Aggregate wrote 7.8 MB of temporary files", remedy)));
    }
}
