//! A group of an incremental sort did not fit into memory and went through temporary files.
//!
//! Why it matters: an incremental sort is chosen because its groups are small; one that is not is written and read again.
//! Example: `ORDER BY country, name` with an index on `country`, where half of the rows have one country. Remedy: as much
//! `work_mem` for this statement as the largest group needs, or an index on all columns of the order. Wrong when: the
//! files stay in the operating system's cache and comparing is what takes the time.

use serde_json::Value;

use super::{Observation, Subject, avoidable_sort, disk_sort};
use crate::plan::{Node, memory};

pub(super) const RULE: &str = "incremental-sort-spill";

pub(super) fn check(subject: &Subject) -> Vec<Observation> {
    let sorts = subject.plan.nodes.iter().filter(|node| node.is_a("Incremental Sort"));
    sorts.filter_map(|sort| observe(subject, sort)).collect()
}

fn observe(subject: &Subject, sort: &Node) -> Option<Observation> {
    let peak_kb = sort
        .processes()
        .flat_map(|process| ["Full-sort Groups", "Pre-sorted Groups"].map(|groups| process.get(groups)))
        .filter_map(|groups| {
            groups?.get("Sort Space Disk")?.get("Peak Sort Space Used").and_then(Value::as_f64)
        })
        .fold(0.0, f64::max);
    if peak_kb == 0.0 {
        return None;
    }
    let needed_kb = memory::sort_kb(peak_kb, memory::sorted_row_bytes(sort.plan_width.unwrap_or_default()));
    let presorted: Vec<&str> = sort.list("Presorted Key").collect();
    let index = avoidable_sort::index(subject, sort);
    let or_index = index.as_ref().map_or("", |_| " An index on all columns of the order would need no sort.");
    Some(Observation {
        node_id: Some(sort.id),
        saves: Some(subject.self_ms(sort.id) * disk_sort::SAVED_SHARE),
        message: format!(
            "a group of equal {} is too large to be sorted in memory: it wrote {} of temporary files",
            presorted.join(", "),
            memory::size(peak_kb)
        ),
        remedy: format!("{}{or_index}", memory::raise_work_mem(needed_kb)),
        index,
    })
}

#[cfg(test)]
mod tests {
    use super::super::test_plans::{check_plan, node};
    use super::*;
    use serde_json::json;

    #[test]
    fn finds_groups_on_disk() {
        let found = |space: &str| {
            let groups = json!({"Group Count": 3, space: {"Average Sort Space Used": 4000, "Peak Sort Space Used": 11_432}});
            let rest = json!({"Presorted Key": ["s.grp"], "Plan Width": 52, "Pre-sorted Groups": groups});
            check_plan(check, json!({"Plan": node("Incremental Sort", 100.0, 200_000.0, &rest, &[])}))
        };
        let on_disk = found("Sort Space Disk");
        assert_eq!(
            on_disk[0].message,
            "a group of equal s.grp is too large to be sorted in memory: it wrote 11 MB of temporary files"
        );
        assert!(on_disk[0].remedy.contains("SET work_mem = '26MB';"), "{}", on_disk[0].remedy);
        assert!(found("Sort Space Memory").is_empty());
    }
}
