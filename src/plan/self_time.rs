//! How long each node itself took. The times add up: self times + time outside the plan = Execution Time.
//!
//! EXPLAIN prints, for each node, the average over its loops of the time of the node and everything below it.
//! `average × loops` is the time summed over processes; below a Gather it is divided by the number of participants,
//! which are the loops of Gather's child. An `InitPlan` or CTE runs inside the node that first asks for it, not
//! inside the node it is printed under, so its time is taken off the node that waited for it. What ran after the root had
//! //! stopped (AFTER triggers, serialization, the shutdown of workers) is outside; a data-modifying CTE that nobody read to
//! its end ran there too, but is made of nodes, whose self times are in the sum.

use super::node::{Node, Plan};
use super::payment::{Payment, payments};

/// Times of all nodes, by node id.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Times {
    pub(crate) basis: Basis,
    pub(crate) nodes: Vec<NodeTime>,
    /// The whole: Execution Time, or what comes nearest to it.
    pub(crate) whole_ms: f64,
    /// Time that no node accounts for.
    pub(crate) outside: Outside,
    /// The part of the self times that ran after the root had stopped: data-modifying CTEs.
    pub(crate) after_root_ms: f64,
    /// By how much the sum of the self times may be off, because every time is printed with three decimals.
    pub(crate) rounding_ms: f64,
    /// Who paid for which `InitPlan` or CTE.
    pub(crate) payments: Vec<Payment>,
}

/// What the numbers of [`Times`] are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Basis {
    /// Milliseconds, measured.
    Time,
    /// Cost units, estimated: the plan was not timed.
    Cost,
}

#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct NodeTime {
    /// Wall-clock time of the node without its children.
    pub(crate) self_ms: f64,
    /// Wall-clock time of the node and everything below it.
    pub(crate) total_ms: f64,
    /// Time of the node and everything below it, summed over processes.
    pub(crate) work_ms: f64,
    /// Processes that shared the work.
    pub(crate) participants: f64,
    /// Time of the process that took longest, where each worker's time is known (VERBOSE).
    pub(crate) slowest_ms: Option<f64>,
}

/// Time between Execution Time and the root's, by what it went into.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Outside {
    /// AFTER and constraint triggers; those of BEFORE run inside the plan.
    pub(crate) triggers_ms: f64,
    /// Turning rows into text or binary.
    pub(crate) serialization_ms: f64,
    /// Workers that ended after the nodes above their Gather had stopped their clocks.
    pub(crate) parallel_shutdown_ms: f64,
    /// Start and end of the executor, and what nobody measures.
    pub(crate) rest_ms: f64,
}

/// EXPLAIN prints three decimals.
const PRINTED_ROUNDING_MS: f64 = 0.0005;

impl Outside {
    pub(crate) fn total_ms(&self) -> f64 {
        self.triggers_ms + self.serialization_ms + self.parallel_shutdown_ms + self.rest_ms
    }
}

impl Times {
    /// Returns the sum of all self times.
    pub(crate) fn inside_ms(&self) -> f64 {
        self.nodes.iter().map(|time| time.self_ms).sum()
    }
}

/// Returns the times of a plan, or its costs when it was not timed.
pub(crate) fn times_or_costs(plan: &Plan) -> Times {
    times(plan).unwrap_or_else(|| costs(plan))
}

/// Returns the times of a plan; `None` when it was not timed.
fn times(plan: &Plan) -> Option<Times> {
    plan.nodes.first()?.actual?.total_ms?;
    let participants = participants(plan);
    let mut nodes: Vec<NodeTime> = plan
        .nodes
        .iter()
        .map(|node| {
            let work_ms = work_ms(node);
            let participants = participants[node.id];
            let total_ms = work_ms / participants;
            let slowest_ms = slowest_ms(node, work_ms);
            NodeTime { self_ms: total_ms, total_ms, work_ms, participants, slowest_ms }
        })
        .collect();
    let rounding: Vec<f64> = plan
        .nodes
        .iter()
        .map(|node| {
            PRINTED_ROUNDING_MS * node.actual.map_or(0.0, |actual| actual.loops) / participants[node.id]
        })
        .collect();
    let shutdown_ms = cap_gathers(plan, &mut nodes, &rounding);
    for node in &plan.nodes {
        let below_ms: f64 = own_children(plan, node).map(|child| nodes[child].total_ms).sum();
        let total_ms = nodes[node.id].total_ms;
        // More than the whole is rounding, or children of an asynchronous Append that ran at the same time.
        if below_ms > total_ms {
            for child in own_children(plan, node) {
                nodes[child].total_ms *= total_ms / below_ms;
            }
        }
        nodes[node.id].self_ms = (total_ms - below_ms).max(0.0);
    }
    let totals: Vec<f64> = nodes.iter().map(|time| time.total_ms).collect();
    let mut residual: Vec<f64> = nodes.iter().map(|time| time.self_ms).collect();
    let payments = payments(plan, &totals, &mut residual, &rounding);
    for (time, residual) in nodes.iter_mut().zip(residual) {
        time.self_ms = residual;
    }
    let after_root_ms =
        payments.iter().filter(|payment| payment.payer.is_none()).map(|payment| payment.amount).sum();

    let inside_ms: f64 = nodes.iter().map(|time| time.self_ms).sum();
    let whole_ms = plan.execution_ms.unwrap_or(inside_ms).max(inside_ms);
    let mut left_ms = whole_ms - inside_ms;
    let mut take = |ms: f64| {
        let taken = ms.clamp(0.0, left_ms.max(0.0));
        left_ms -= taken;
        taken
    };
    let serialization_ms = take(plan.serialization.and_then(|part| part.time_ms).unwrap_or(0.0));
    let triggers_ms = take(plan.triggers.iter().filter_map(|trigger| trigger.time_ms).sum());
    let parallel_shutdown_ms = take(shutdown_ms);
    let outside = Outside { triggers_ms, serialization_ms, parallel_shutdown_ms, rest_ms: left_ms };
    let rounding_ms = rounding.iter().sum::<f64>() + PRINTED_ROUNDING_MS;
    Some(Times { basis: Basis::Time, nodes, whole_ms, outside, after_root_ms, rounding_ms, payments })
}

/// Returns the children whose time is part of the node's own.
fn own_children<'p>(plan: &'p Plan, node: &'p Node) -> impl Iterator<Item = usize> + use<'p> {
    node.children.iter().copied().filter(|child| !plan.nodes[*child].is_init_plan())
}

fn work_ms(node: &Node) -> f64 {
    node.actual.and_then(|actual| Some(actual.total_ms? * actual.loops)).unwrap_or_default()
}

/// Returns the time of the process that took longest; the leader's is what the workers leave of the sum.
fn slowest_ms(node: &Node, work_ms: f64) -> Option<f64> {
    let workers: Vec<f64> = node
        .workers
        .iter()
        .filter_map(|worker| worker.actual.and_then(|actual| Some(actual.total_ms? * actual.loops)))
        .collect();
    let leader_ms = (work_ms - workers.iter().sum::<f64>()).max(0.0);
    (!workers.is_empty()).then(|| workers.into_iter().fold(leader_ms, f64::max))
}

/// Returns, for each node, how many processes shared its work.
fn participants(plan: &Plan) -> Vec<f64> {
    let mut participants = vec![1.0; plan.nodes.len()];
    for node in &plan.nodes {
        let Some(parent) = node.parent else { continue };
        let parent = &plan.nodes[parent];
        participants[node.id] = if node.is_init_plan() {
            1.0
        } else if parent.is_gather() {
            let loops = |node: &Node| node.actual.map_or(0.0, |actual| actual.loops);
            if loops(parent) > 0.0 { (loops(node) / loops(parent)).max(1.0) } else { 1.0 }
        } else {
            participants[parent.id]
        };
    }
    participants
}

/// Takes off each Gather what it took longer than its parent, and returns the sum: the workers' shutdown is added to
/// Gather after its parents have stopped their clocks (`ExecShutdownNode`).
fn cap_gathers(plan: &Plan, nodes: &mut [NodeTime], rounding: &[f64]) -> f64 {
    let mut shutdown_ms = 0.0;
    for node in plan.nodes.iter().filter(|node| node.is_gather() && !node.is_init_plan()) {
        let Some(parent) = node.parent else { continue };
        let others_ms: f64 = own_children(plan, &plan.nodes[parent])
            .filter(|child| *child != node.id)
            .map(|child| nodes[child].total_ms)
            .sum();
        let room_ms = (nodes[parent].total_ms - others_ms).max(0.0);
        let excess_ms = nodes[node.id].total_ms - room_ms;
        if excess_ms > rounding[node.id] + rounding[parent] {
            nodes[node.id].total_ms = room_ms;
            shutdown_ms += excess_ms;
        }
    }
    shutdown_ms
}

/// Returns the estimated costs of a plan in the form of times: each node's total is what its parent's total holds
/// for it, so that they add up too.
fn costs(plan: &Plan) -> Times {
    let own_cost = |id: usize| plan.nodes[id].total_cost.unwrap_or(0.0);
    let whole = plan.nodes.first().map_or(0.0, |_| own_cost(0));
    let mut nodes = vec![NodeTime { participants: 1.0, ..NodeTime::default() }; plan.nodes.len()];
    for node in &plan.nodes {
        if node.parent.is_none() {
            nodes[node.id].total_ms = own_cost(node.id);
        }
        let total = nodes[node.id].total_ms;
        // The inner side of a nested loop is paid again for each outer row.
        let loops = |child: usize| match (node.kind.as_str(), plan.nodes[child].relationship.as_deref()) {
            ("Nested Loop", Some("Inner")) => {
                node.children.first().and_then(|outer| plan.nodes[*outer].plan_rows).unwrap_or(1.0).max(1.0)
            }
            _ => 1.0,
        };
        let wanted: f64 = node.children.iter().map(|child| own_cost(*child) * loops(*child)).sum();
        let scale = if wanted > total { total / wanted } else { 1.0 };
        for child in &node.children {
            nodes[*child].total_ms = own_cost(*child) * loops(*child) * scale;
        }
        nodes[node.id].self_ms = (total - wanted * scale).max(0.0);
        nodes[node.id].work_ms = total;
    }
    Times {
        basis: Basis::Cost,
        nodes,
        whole_ms: whole,
        outside: Outside::default(),
        after_root_ms: 0.0,
        rounding_ms: 0.0,
        payments: Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::read;
    use serde_json::{Value, json};

    fn node(node_type: &str, total: f64, loops: f64, rest: &Value, children: &[Value]) -> Value {
        let mut node = json!({"Node Type": node_type, "Actual Total Time": total, "Actual Rows": 1,
                              "Actual Loops": loops, "Plans": children});
        node.as_object_mut().unwrap().extend(rest.as_object().unwrap().clone());
        node
    }

    /// Checks the self times of all nodes, and that everything adds up to the execution time.
    fn check(root: &Value, execution_ms: f64, expected: &[f64], outside_ms: f64) {
        let plan = read::plan(json!({"Plan": root, "Execution Time": execution_ms})).unwrap();
        let times = times(&plan).unwrap();
        let self_ms: Vec<f64> = times.nodes.iter().map(|time| (time.self_ms * 1e6).round() / 1e6).collect();
        assert_eq!(self_ms, expected);
        assert!((times.outside.total_ms() - outside_ms).abs() < 1e-9, "{}", times.outside.total_ms());
        let sum: f64 = times.nodes.iter().map(|time| time.self_ms).sum();
        assert!((sum + times.outside.total_ms() - execution_ms).abs() < 1e-9);
    }

    #[test]
    fn loops_multiply() {
        let inner = node("Index Scan", 0.1, 50.0, &json!({}), &[]);
        let outer = node("Seq Scan", 2.0, 1.0, &json!({}), &[]);
        check(&node("Nested Loop", 10.0, 1.0, &json!({}), &[outer, inner]), 10.5, &[3.0, 2.0, 5.0], 0.5);
    }

    #[test]
    fn workers_share_the_time() {
        let scan = node("Seq Scan", 30.0, 3.0, &json!({"Parallel Aware": true}), &[]);
        check(&node("Gather", 32.0, 1.0, &json!({}), &[scan]), 33.0, &[2.0, 30.0], 1.0);
    }

    #[test]
    fn an_init_plan_is_paid_by_its_user() {
        let init = node(
            "Aggregate",
            8.0,
            1.0,
            &json!({"Parent Relationship": "InitPlan",
            "Subplan Name": "InitPlan 1 (returns $0)"}),
            &[],
        );
        let scan = node("Seq Scan", 9.0, 1.0, &json!({"Filter": "(a > $0)"}), &[]);
        check(&node("Sort", 10.0, 1.0, &json!({}), &[init, scan]), 10.0, &[1.0, 8.0, 1.0], 0.0);
    }

    #[test]
    fn an_init_plan_used_by_workers_is_paid_by_their_gather() {
        let init = node(
            "Aggregate",
            20.0,
            1.0,
            &json!({"Parent Relationship": "InitPlan", "Subplan Name": "InitPlan 1 (returns $0)"}),
            &[],
        );
        let scan = node("Seq Scan", 30.0, 3.0, &json!({"Filter": "(a > $0)", "Parallel Aware": true}), &[]);
        let gather = node("Gather", 55.0, 1.0, &json!({}), &[scan]);
        check(&node("Aggregate", 56.0, 1.0, &json!({}), &[init, gather]), 56.0, &[1.0, 20.0, 5.0, 30.0], 0.0);
    }

    #[test]
    fn a_cte_is_paid_by_its_scans() {
        let cte = node(
            "Seq Scan",
            6.0,
            1.0,
            &json!({"Parent Relationship": "InitPlan",
            "Subplan Name": "CTE x"}),
            &[],
        );
        let scan = |ms: f64| node("CTE Scan", ms, 1.0, &json!({"CTE Name": "x"}), &[]);
        check(
            &node("Append", 10.0, 1.0, &json!({}), &[cte, scan(6.0), scan(2.0)]),
            10.0,
            &[2.0, 6.0, 1.5, 0.5],
            0.0,
        );
    }

    #[test]
    fn an_init_plan_nobody_mentions_is_paid_where_time_is_left() {
        let init = node(
            "Result",
            5.0,
            1.0,
            &json!({"Parent Relationship": "InitPlan",
            "Subplan Name": "InitPlan 1"}),
            &[],
        );
        let scan = node("Seq Scan", 1.0, 1.0, &json!({}), &[]);
        check(&node("Limit", 7.0, 1.0, &json!({}), &[init, scan]), 7.0, &[1.0, 5.0, 1.0], 0.0);
    }

    /// The shutdown of workers is added to Gather after the nodes above have stopped their clocks.
    #[test]
    fn late_workers_are_outside() {
        let scan = node("Seq Scan", 30.0, 3.0, &json!({}), &[]);
        let gather = node("Gather", 50.0, 1.0, &json!({}), &[scan]);
        check(&node("Limit", 40.0, 1.0, &json!({}), &[gather]), 52.0, &[0.0, 10.0, 30.0], 12.0);
    }

    #[test]
    fn a_data_modifying_cte_that_nobody_reads_runs_after_the_root() {
        let insert = node(
            "ModifyTable",
            100.0,
            1.0,
            &json!({"Operation": "Insert", "Parent Relationship": "InitPlan", "Subplan Name": "CTE x"}),
            &[],
        );
        let root = node("Result", 0.01, 1.0, &json!({}), &[insert]);
        check(&root, 120.0, &[0.01, 100.0], 19.99);
        let plan = read::plan(json!({"Plan": root, "Execution Time": 120.0})).unwrap();
        assert!((times(&plan).unwrap().after_root_ms - 100.0).abs() < 1e-9);
    }

    /// BEFORE triggers run inside the plan and are listed as well.
    #[test]
    fn triggers_are_not_counted_twice() {
        let root = node("ModifyTable", 100.0, 1.0, &json!({"Operation": "Insert"}), &[]);
        let triggers = json!([{"Trigger Name": "b", "Time": 90.0, "Calls": 1}, {"Trigger Name": "a", "Time": 50.0, "Calls": 1}]);
        let plan = read::plan(json!({"Plan": root, "Execution Time": 151.0, "Triggers": triggers})).unwrap();
        let times = times(&plan).unwrap();
        assert_eq!((times.outside.triggers_ms, times.outside.rest_ms), (51.0, 0.0));
    }

    #[test]
    fn children_that_ran_at_once_share_their_parents_time() {
        let scan = || node("Foreign Scan", 30.0, 1.0, &json!({"Async Capable": true}), &[]);
        check(&node("Append", 40.0, 1.0, &json!({}), &[scan(), scan()]), 40.0, &[0.0, 20.0, 20.0], 0.0);
    }

    /// The nearest CTE of a name is the one that is read.
    #[test]
    fn names_of_ctes_repeat() {
        let cte = |ms: f64, children: &[Value]| {
            node(
                "Seq Scan",
                ms,
                1.0,
                &json!({"Parent Relationship": "InitPlan", "Subplan Name": "CTE x"}),
                children,
            )
        };
        let scan =
            |ms: f64, children: &[Value]| node("CTE Scan", ms, 1.0, &json!({"CTE Name": "x"}), children);
        let inner = node("Sort", 9.0, 1.0, &json!({}), &[cte(5.0, &[]), scan(6.0, &[])]);
        check(
            &node("Append", 20.0, 1.0, &json!({}), &[cte(2.0, &[]), inner, scan(8.0, &[])]),
            20.0,
            &[3.0, 2.0, 3.0, 5.0, 1.0, 6.0],
            0.0,
        );
    }

    #[test]
    fn the_slowest_worker_is_known_when_all_are() {
        let workers =
            json!([{"Worker Number": 0, "Actual Total Time": 10.0, "Actual Rows": 1, "Actual Loops": 1}]);
        let scan = node("Seq Scan", 20.0, 2.0, &json!({"Workers": workers}), &[]);
        let plan = read::plan(json!({"Plan": node("Gather", 31.0, 1.0, &json!({}), &[scan])})).unwrap();
        assert_eq!(times(&plan).unwrap().nodes[1].slowest_ms, Some(30.0));
    }

    #[test]
    fn never_executed_takes_no_time() {
        let scan = node("Seq Scan", 0.0, 0.0, &json!({}), &[]);
        check(&node("Limit", 1.0, 1.0, &json!({}), &[scan]), 1.0, &[1.0, 0.0], 0.0);
    }

    #[test]
    fn without_timing_there_are_no_times() {
        let plan = read::plan(json!({"Plan": {"Node Type": "Result"}})).unwrap();
        assert_eq!(times(&plan), None);
    }
}
