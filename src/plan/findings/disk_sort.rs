//! A sort did not fit into memory and went through temporary files.
//!
//! Why it matters: every row is written and read again, and merged. Example: `ORDER BY` over a million rows with the default
//! `work_mem`. Remedy: as much `work_mem` for this statement as the sort needs, or an index that has the order. Wrong when: the
//! files stay in the operating system's cache and comparing is what takes the time, as with long texts in a
//! language's order: then memory saves little.

use super::{Observation, Subject, avoidable_sort};
use crate::plan::{Node, memory};
use crate::unit::estimate;

pub(super) const RULE: &str = "disk-sort";
/// The most that was measured: with five kinds of 200,000 rows on PostgreSQL 14 to 18, each run once, the sort and its
/// input took from 6 % more to 50 % less in memory, half of the 25 pairs 34 % less or better.
pub(super) const SAVED_SHARE: f64 = 0.5;

/// How many rows a process may get, of what is an even share: who is first differs from run to run.
const LARGEST_SHARE: f64 = 1.5;

pub(super) fn check(subject: &Subject) -> Vec<Observation> {
    let sorts = subject.plan.nodes.iter().filter(|node| node.is_a("Sort"));
    sorts
        .filter(|sort| !avoidable_sort::speaks_of(subject, sort))
        .filter_map(|sort| observe(subject, sort))
        .collect()
}

fn observe(subject: &Subject, sort: &Node) -> Option<Observation> {
    // Each process sorts on its own, with a work_mem of its own.
    let disk_kb: Vec<f64> = sort
        .processes()
        .filter(|process| process.get("Sort Space Type").and_then(|kind| kind.as_str()) == Some("Disk"))
        .filter_map(|process| process.get("Sort Space Used")?.as_f64())
        .collect();
    let (total_kb, largest_kb) = (disk_kb.iter().sum::<f64>(), disk_kb.iter().copied().fold(0.0, f64::max));
    if total_kb == 0.0 {
        return None;
    }
    #[expect(clippy::cast_precision_loss, reason = "there are few processes")]
    let n_processes = disk_kb.len() as f64;
    let largest_kb =
        if n_processes > 1.0 { largest_kb.max(total_kb / n_processes * LARGEST_SHARE) } else { largest_kb };
    // What was sorted, not what was taken of it.
    let input = subject.plan.children(sort.id).next()?.actual?;
    let n_sorted = input.rows * n_processes;
    let row_bytes = total_kb * 1024.0 / n_sorted.max(1.0);
    let processes =
        if disk_kb.len() > 1 { format!(" in {} processes", disk_kb.len()) } else { String::new() };
    let index = avoidable_sort::index(subject, sort);
    let or_index =
        index.as_ref().map_or("", |_| " An index that has the rows in this order would need no sort.");
    Some(Observation {
        node_id: Some(sort.id),
        saves: Some(subject.self_ms(sort.id) * SAVED_SHARE),
        message: format!(
            "sort of {} rows wrote {} of temporary files{processes}",
            estimate(n_sorted),
            memory::size(total_kb)
        ),
        remedy: format!("{}{or_index}", memory::raise_work_mem(memory::sort_kb(largest_kb, row_bytes))),
        index,
    })
}

#[cfg(test)]
mod tests {
    use super::super::test_plans::{check_plan, node, saves};
    use super::*;
    use serde_json::{Value, json};

    fn sort(rest: &Value) -> Value {
        let input = node("Hash Join", 10.0, 200_000.0, &json!({}), &[]);
        node("Sort", 110.0, 200_000.0, rest, &[input])
    }

    #[test]
    fn finds_sorts_on_disk() {
        let sorted = |kind: &str| sort(&json!({"Sort Space Type": kind, "Sort Space Used": 11_432}));
        assert_eq!(saves(check, &sorted("Disk")), [50.0]);
        assert!(saves(check, &sorted("Memory")).is_empty());
        let found = check_plan(check, json!({"Plan": sorted("Disk")}));
        assert_eq!(found[0].message, "sort of 200,000 rows wrote 11 MB of temporary files");
        assert!(found[0].remedy.contains("SET work_mem = '26MB';"), "{}", found[0].remedy);
    }

    #[test]
    fn each_worker_sorts_with_memory_of_its_own() {
        let worker = |number: u32| json!({"Worker Number": number, "Sort Space Type": "Disk", "Sort Space Used": 5716});
        let found = check_plan(check, json!({"Plan": sort(&json!({"Workers": [worker(0), worker(1)]}))}));
        assert!(found[0].message.ends_with("in 2 processes"), "{}", found[0].message);
    }
}
