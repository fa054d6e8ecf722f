//! Planning took longer than executing.
//!
//! Why it matters: it is paid for each execution of a statement that is not prepared. Example: hundreds of
//! partial indexes or partitions that the planner looks at for one row. Remedy: a prepared statement, or less
//! to look at. Wrong when: it was the first statement of a session, which fills its caches.

use super::planning_memory::tables_planned;
use super::{Observation, Subject};
use crate::unit::{count, milliseconds};

pub(super) const RULE: &str = "planning-time";
/// About a round trip to another machine of the data centre; less is lost between application and server
/// anyway.
const MIN_PLANNING_MS: f64 = 1.0;
/// From here the order of joins is searched for a long time: the default of `join_collapse_limit`.
const MANY_JOINS: usize = 8;
/// Scans that only partitions bring about.
const MANY_SCANS: f64 = 50.0;
/// Blocks of the catalog that a session reads before its first plan of a few tables; later ones find them in
/// memory.
const MANY_BLOCKS: u64 = 100;
/// Indexes of one table, each of which is held against each condition.
const MANY_INDEXES: usize = 20;

pub(super) fn check(subject: &Subject) -> Vec<Observation> {
    let plan = subject.plan;
    let (Some(planning_ms), Some(execution_ms)) = (plan.planning_ms, plan.execution_ms) else {
        return Vec::new();
    };
    if planning_ms < MIN_PLANNING_MS || planning_ms <= execution_ms {
        return Vec::new();
    }
    vec![Observation {
        node_id: None,
        saves: Some(planning_ms),
        message: format!(
            "planning took {} ms, executing {} ms",
            milliseconds(planning_ms),
            milliseconds(execution_ms)
        ),
        remedy: remedy(subject),
        index: None,
    }]
}

fn remedy(subject: &Subject) -> String {
    let plan = subject.plan;
    let n_scans = tables_planned(plan);
    let n_joins = plan.nodes.iter().filter(|node| node.is_join()).count();
    let cause = if let Some((table, n_indexes)) = table_with_many_indexes(subject) {
        format!(
            "The planner holds {n_indexes} indexes of {table} against the conditions: drop those that \
             nothing uses. "
        )
    } else if n_scans >= MANY_SCANS {
        format!(
            "It planned the scan of {n_scans} tables: a condition on the partition key, or larger \
             partitions, leave fewer. "
        )
    } else if n_joins >= MANY_JOINS {
        format!(
            "It searched for an order of {n_joins} joins: a lower join_collapse_limit keeps to the order \
             that is written. "
        )
    } else {
        String::new()
    };
    let caches = plan.planning_buffers.map_or(0, |buffers| buffers.shared());
    let once = if caches >= MANY_BLOCKS {
        format!(
            " First plan it twice in one session: this time it also read {} blocks of the catalog, which are \
             cached then.",
            count(caches)
        )
    } else {
        String::new()
    };
    format!("{cause}Prepare the statement once and execute it often: a generic plan is made once.{once}")
}

fn table_with_many_indexes(subject: &Subject) -> Option<(String, usize)> {
    let tables = subject
        .plan
        .nodes
        .iter()
        .filter_map(|node| subject.server?.table(node.schema.as_deref(), node.relation.as_deref()?));
    let table = tables.max_by_key(|table| table.indexes.len())?;
    (table.indexes.len() >= MANY_INDEXES).then(|| (table.name.clone(), table.indexes.len()))
}

#[cfg(test)]
mod tests {
    use super::super::test_plans::{check_plan, check_plan_on, node};
    use super::super::test_servers::{server, table};
    use super::*;
    use serde_json::json;

    #[test]
    fn finds_slow_planning() {
        let saves = |planning_ms: f64, execution_ms: f64| {
            let root = node("Index Scan", 0.1, 1.0, &json!({"Relation Name": "t"}), &[]);
            let plan = json!({"Plan": root, "Planning Time": planning_ms, "Execution Time": execution_ms});
            check_plan(check, plan).first().and_then(|observation| observation.saves)
        };
        assert_eq!(saves(5.0, 0.1), Some(5.0));
        assert_eq!(saves(5.0, 50.0), None);
        assert_eq!(saves(0.3, 0.1), None);
    }

    #[test]
    fn names_the_cause() {
        let remedy = |node_type: &str, n: usize| {
            let mut root = node("Index Scan", 0.1, 1.0, &json!({"Relation Name": "t"}), &[]);
            for _ in 0..n {
                root = node(node_type, 0.1, 1.0, &json!({"Relation Name": "t"}), &[root]);
            }
            let planning = json!({"Shared Hit Blocks": 1200});
            let plan = json!({"Plan": root, "Planning Time": 9, "Planning": planning, "Execution Time": 0.2});
            check_plan(check, plan).remove(0).remedy
        };
        assert!(remedy("Hash Join", 8).contains("order of 8 joins"));
        assert!(remedy("Seq Scan", 60).contains("61 tables"));
        assert!(remedy("Seq Scan", 1).contains("1,200 blocks of the catalog"));
    }

    #[test]
    fn counts_the_indexes() {
        let remedy = |n_indexes: usize| {
            let server = server(vec![table(1, "t", &vec![&["a"][..]; n_indexes])]);
            let root = node("Index Scan", 0.1, 1.0, &json!({"Relation Name": "t"}), &[]);
            let plan = json!({"Plan": root, "Planning Time": 9, "Execution Time": 0.2});
            check_plan_on(check, plan, Some(&server)).remove(0).remedy
        };
        assert!(remedy(25).contains("25 indexes of t"));
        assert!(!remedy(3).contains("indexes"));
    }
}
