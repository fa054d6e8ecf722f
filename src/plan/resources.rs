//! What each node itself read, wrote and logged: EXPLAIN prints blocks with everything below, over all loops.

use super::node::{Buffers, IoTimes, Plan, Wal};
use super::payment::payments;
use super::self_time::{Basis, Times};

/// Blocks, I/O time and WAL of one node without its children, over all loops and processes.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Resources {
    /// `None` when EXPLAIN ran without BUFFERS.
    pub(crate) buffers: Option<Buffers>,
    pub(crate) io: Option<IoTimes>,
    pub(crate) wal: Option<Wal>,
}

/// Returns the resources of all nodes, by node id.
pub(crate) fn resources(plan: &Plan, times: &Times) -> Vec<Resources> {
    let mut resources: Vec<Resources> = plan
        .nodes
        .iter()
        .map(|node| Resources { buffers: node.buffers, io: node.io, wal: node.wal })
        .collect();
    for node in &plan.nodes {
        if let Some(parent) = node.parent.filter(|_| !node.is_init_plan()) {
            subtract(&mut resources[parent], &whole(plan, node.id), 1.0);
        }
    }
    let payments = match times.basis {
        Basis::Time => times.payments.clone(),
        // Without times, whoever has the blocks has waited.
        Basis::Cost => {
            let blocks = |buffers: Option<Buffers>| buffers.map_or(0.0, |buffers| as_f64(buffers.all()));
            let totals: Vec<f64> = plan.nodes.iter().map(|node| blocks(node.buffers)).collect();
            let mut residual: Vec<f64> = resources.iter().map(|own| blocks(own.buffers)).collect();
            payments(plan, &totals, &mut residual, &vec![0.0; totals.len()])
        }
    };
    for payment in payments {
        if let Some(payer) = payment.payer {
            subtract(&mut resources[payer], &whole(plan, payment.init_plan), payment.share);
        }
    }
    resources
}

fn whole(plan: &Plan, id: usize) -> Resources {
    let node = &plan.nodes[id];
    Resources { buffers: node.buffers, io: node.io, wal: node.wal }
}

fn subtract(from: &mut Resources, part: &Resources, share: f64) {
    if let (Some(from), Some(part)) = (&mut from.buffers, part.buffers) {
        *from -= part.scaled(share);
    }
    if let (Some(from), Some(part)) = (&mut from.io, part.io) {
        from.subtract(&part, share);
    }
    if let (Some(from), Some(part)) = (&mut from.wal, part.wal) {
        from.subtract(&part, share);
    }
}

#[expect(clippy::cast_precision_loss, reason = "a count of blocks")]
fn as_f64(blocks: u64) -> f64 {
    blocks as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::{read, times_or_costs};
    use serde_json::json;

    /// Checks the shared blocks that each node itself hit.
    fn check(plan: serde_json::Value, expected: &[u64]) {
        let plan = read::plan(plan).unwrap();
        let resources = resources(&plan, &times_or_costs(&plan));
        let hit: Vec<u64> = resources.iter().map(|own| own.buffers.unwrap().shared_hit).collect();
        assert_eq!(hit, expected);
    }

    #[test]
    fn children_are_taken_off() {
        check(
            json!({"Plan": {"Node Type": "Sort", "Shared Hit Blocks": 10, "Plans": [
                {"Node Type": "Seq Scan", "Shared Hit Blocks": 7}]}}),
            &[3, 7],
        );
    }

    #[test]
    fn a_cte_is_paid_by_its_scan() {
        check(
            json!({"Plan": {"Node Type": "Sort", "Shared Hit Blocks": 12, "Plans": [
                {"Node Type": "Seq Scan", "Parent Relationship": "InitPlan", "Subplan Name": "CTE x",
                 "Shared Hit Blocks": 7},
                {"Node Type": "CTE Scan", "CTE Name": "x", "Parent Relationship": "Outer", "Shared Hit Blocks": 9}]}}),
            &[3, 7, 2],
        );
    }

    #[test]
    fn what_workers_report_late_is_not_negative() {
        check(
            json!({"Plan": {"Node Type": "Limit", "Shared Hit Blocks": 5, "Plans": [
                {"Node Type": "Gather", "Shared Hit Blocks": 9}]}}),
            &[0, 9],
        );
    }
}
