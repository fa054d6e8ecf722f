//! Planning took much memory, or read much of the catalog.
//!
//! Why it matters: every session that plans the statement needs the memory, and a prepared plan keeps part of
//! it. Example: a join of two tables with hundreds of partitions each. Remedy: fewer partitions and joins.
//! Wrong when: it was the first statement of a session, which fills its caches.

use super::{Observation, Subject};
use crate::plan::Plan;
use crate::unit::{bytes, count, milliseconds, parse_bytes};

pub(super) const RULE: &str = "planning-memory";
/// As much as a whole sort may take by default (`work_mem`); one table takes 12 kB, a join of three 66 kB, 300
/// partitions 2.7 MB (measured on PostgreSQL 18).
const MIN_MEMORY_KB: f64 = 4096.0;
/// The first plan of a session reads 200 blocks of the catalog for three tables, and 10,000 for 300 partitions
/// (measured on PostgreSQL 18).
const MIN_BLOCKS: u64 = 2000;

pub(super) fn check(subject: &Subject) -> Vec<Observation> {
    let plan = subject.plan;
    let n_scans = tables_planned(plan);
    let time = plan.planning_ms.map(|ms| format!(" in {} ms", milliseconds(ms))).unwrap_or_default();
    let mut observations = Vec::new();
    if let Some(memory_kb) = plan.planner_memory_kb.filter(|memory_kb| *memory_kb >= MIN_MEMORY_KB) {
        let size = parse_bytes(&format!("{memory_kb}kB")).unwrap_or(0);
        observations.push(Observation {
            message: format!("planning took {} of memory{time}", bytes(size)),
            remedy: format!(
                "It planned the scan of {n_scans} tables: fewer partitions, a condition on the partition \
                 key, or a join split into steps leave the planner fewer ways to keep in mind. Count this \
                 memory for each connection."
            ),
            ..Observation::default()
        });
    }
    if let Some(blocks) =
        plan.planning_buffers.map(|buffers| buffers.shared()).filter(|blocks| *blocks >= MIN_BLOCKS)
    {
        observations.push(Observation {
            message: format!("planning read {} blocks{time}", count(blocks)),
            remedy: "Plan it a second time in the same session. If it then reads none, sessions live too \
                     short: pool the connections. If it still does, the catalog or the ends of indexes are \
                     full of dead rows: VACUUM pg_catalog.pg_statistic; and the tables of the statement."
                .to_owned(),
            ..Observation::default()
        });
    }
    observations
}

/// Returns how many scans of tables were planned, those of partitions that were removed when execution began
/// included.
pub(super) fn tables_planned(plan: &Plan) -> f64 {
    let scans = plan.nodes.iter().filter(|node| node.relation.is_some()).map(|_| 1.0);
    let removed = plan.nodes.iter().filter_map(|node| node.number("Subplans Removed"));
    scans.chain(removed).sum()
}

#[cfg(test)]
mod tests {
    use super::super::test_plans::{check_plan, node};
    use super::*;
    use serde_json::{Value, json};

    fn check_planning(planning: &Value, expected: &[&str]) {
        let root = node("Result", 1.0, 1.0, &json!({}), &[]);
        let plan = json!({"Plan": root, "Planning": planning, "Planning Time": 25.0, "Execution Time": 1.0});
        let found = check_plan(check, plan);
        let messages: Vec<&str> = found.iter().map(|observation| observation.message.as_str()).collect();
        assert_eq!(messages, expected);
    }

    #[test]
    fn finds_much_to_plan() {
        check_planning(&json!({"Memory Used": 20_480}), &["planning took 20 MB of memory in 25.0 ms"]);
        check_planning(&json!({"Memory Used": 64, "Shared Hit Blocks": 300}), &[]);
        check_planning(
            &json!({"Shared Hit Blocks": 9000, "Shared Read Blocks": 982}),
            &["planning read 9,982 blocks in 25.0 ms"],
        );
    }
}
