//! Much of what the statement read was not in PostgreSQL's memory.
//!
//! Why it matters: a plan that was measured cold says little about the next time it runs. Example: the first run after a restart.
//! Remedy: measure again; what is still read then is too much for the memory, or too much in all. Wrong when: the operating system
//! had the pages in its cache, which `track_io_timing` shows. It is a note: whether memory helps is not in the plan.

use super::{Observation, Subject};
use crate::plan::Buffers;
use crate::unit::{bytes, estimate, milliseconds};

pub(super) const RULE: &str = "low-cache-hit";
/// Blocks below which reading takes no time worth a word (pgexplain: 1000).
const MIN_READ_BLOCKS: u64 = 1000;
/// Share of the blocks that were in memory (pgexplain: 0.9).
const MIN_HIT_SHARE: f64 = 0.9;
const BLOCK_BYTES: u64 = 8192;

#[expect(clippy::cast_precision_loss, reason = "a share of counts")]
pub(super) fn check(subject: &Subject) -> Vec<Observation> {
    let observation = || {
        let root = subject.plan.nodes.first()?;
        // A root may lack what its workers read (PostgreSQL 9.6).
        let mut buffers = root.buffers.map(|_| Buffers::default())?;
        subject.resources.iter().filter_map(|own| own.buffers).for_each(|own| buffers += own);
        let share = buffers.shared_hit as f64 / (buffers.shared() as f64).max(1.0);
        if buffers.shared_read < MIN_READ_BLOCKS || share >= MIN_HIT_SHARE {
            return None;
        }
        // The node that read most.
        let read = |id: usize| subject.resources[id].buffers.map_or(0, |buffers| buffers.shared_read);
        let node =
            subject.plan.nodes.iter().max_by_key(|node| (read(node.id), std::cmp::Reverse(node.id)))?;
        let time = root.io.filter(|io| io.shared_read_ms > 0.0);
        let took = time.map(|io| format!(" in {} ms", milliseconds(io.shared_read_ms))).unwrap_or_default();
        let settings =
            subject.server.and_then(|server| server.setting("shared_buffers")?.parse::<u64>().ok());
        let memory =
            settings.map(|blocks| format!(" of {}", bytes(blocks * BLOCK_BYTES))).unwrap_or_default();
        Some(Observation {
            node_id: Some(node.id),
            saves: None,
            message: format!(
                "{} of {} blocks ({}) were not in shared buffers and were read{took}, {} by {}",
                estimate(buffers.shared_read as f64),
                estimate(buffers.shared() as f64),
                bytes(buffers.shared_read * BLOCK_BYTES),
                estimate(read(node.id) as f64),
                node.title()
            ),
            remedy: format!(
                "Run it again: what is read again then does not fit into shared_buffers{memory}; read less of it by an \
                 index, or raise shared_buffers."
            ),
            index: None,
        })
    };
    observation().into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::super::test_plans::{check_plan, node};
    use super::*;
    use serde_json::json;

    #[test]
    fn finds_a_cold_run() {
        for (hit, read, expected) in [(0, 5000, 1), (100, 900, 0), (90_000, 5000, 0), (5000, 0, 0)] {
            let rest = json!({"Shared Hit Blocks": hit, "Shared Read Blocks": read});
            let scan = node("Seq Scan", 10.0, 100.0, &rest, &[]);
            let plan = node("Aggregate", 10.0, 1.0, &rest, &[scan]);
            let found = check_plan(check, json!({"Plan": plan, "Execution Time": 10.0}));
            assert_eq!(found.len(), expected, "{hit} {read}");
            assert!(
                found.iter().all(|observation| observation.node_id == Some(1) && observation.saves.is_none())
            );
        }
    }
}
