//! A bitmap was too large for memory and remembers pages instead of rows.
//!
//! Why it matters: every row of those pages is checked again. Example: a bitmap over 100,000 pages with 4 MB of `work_mem`.
//! Remedy: `work_mem` for all of its pages, or a more selective index. Wrong when: the index itself only knows pages, as
//! BRIN does; `recheck-discards-rows` judges that.

use super::{Observation, Subject};
use crate::plan::discarded::{self, discarded};
use crate::unit::estimate;

pub(super) const RULE: &str = "lossy-bitmap";
/// Memory of a bitmap for each page: `tbm_calculate_entries` of tidbitmap.c, 48 bytes and two pointers. Measured on
/// PostgreSQL 15: 6173 pages are lossy with 384 kB and exact with 416.
const BYTES_A_PAGE: f64 = 64.0;
const BYTES_A_KB: f64 = 1024.0;

pub(super) fn check(subject: &Subject) -> Vec<Observation> {
    subject
        .plan
        .nodes
        .iter()
        .filter(|node| node.is_a("Bitmap Heap Scan") && discarded::is_out_of_memory(node))
        .filter_map(|node| {
            let (lossy, exact) = (node.number("Lossy Heap Blocks")?, node.number("Exact Heap Blocks")?);
            let rows = discarded(subject, node, "Rows Removed by Index Recheck")?;
            let participants = subject.times.nodes[node.id].participants;
            // Up to PostgreSQL 17 only the leader's pages are counted; a parallel scan has one bitmap for all.
            let in_workers: f64 = node
                .workers
                .iter()
                .filter_map(|worker| Some(worker.details.get("Exact Heap Blocks")?.as_f64()? + worker.details.get("Lossy Heap Blocks")?.as_f64()?))
                .sum();
            let pages = if in_workers > 0.0 { lossy + exact + in_workers } else { (lossy + exact) * participants };
            let rescans = (node.actual?.loops / participants).max(1.0);
            let needed_kb = (pages / rescans * BYTES_A_PAGE / BYTES_A_KB * 1.1).max(64.0);
            let needed_mb = (needed_kb / BYTES_A_KB).ceil();
            Some(Observation {
                node_id: Some(node.id),
                saves: Some(subject.self_ms(node.id) * rows.recheck_share()),
                message: format!(
                    "{} remembers {} of {} pages without their rows and rechecks {} rows for nothing",
                    node.title(),
                    estimate(lossy),
                    estimate(lossy + exact),
                    estimate(rows.discarded)
                ),
                remedy: format!(
                    "SET work_mem = '{needed_mb}MB'; for this statement holds all of its pages. A more selective index \
                     would need fewer."
                ),
                index: None,
            })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::super::test_plans::{check_plan, node, saves};
    use super::*;
    use serde_json::{Value, json};

    fn scan(lossy: u32, exact: u32) -> Value {
        let rest = json!({"Lossy Heap Blocks": lossy, "Exact Heap Blocks": exact, "Rows Removed by Index Recheck": 900});
        node("Bitmap Heap Scan", 10.0, 100.0, &rest, &[])
    }

    #[test]
    fn finds_lossy_pages() {
        assert_eq!(saves(check, &scan(50_000, 20_000)), [8.0]);
        assert!(saves(check, &scan(0, 70_000)).is_empty());
        // BRIN.
        assert!(saves(check, &scan(128, 0)).is_empty());
    }

    #[test]
    fn names_the_memory_that_is_needed() {
        let found = check_plan(check, json!({"Plan": scan(50_000, 20_000), "Execution Time": 10.0}));
        assert!(found[0].remedy.starts_with("SET work_mem = '5MB';"), "{}", found[0].remedy);
    }
}
