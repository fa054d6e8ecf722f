//! How long each node itself took. The times add up: self times + time outside the plan = Execution Time.
//!
//! EXPLAIN prints, for each node, the average over its loops of the time of the node and everything below it.
//! `average × loops` is the time summed over processes; below a Gather it is divided by the number of participants,
//! which are the loops of Gather's child. An `InitPlan` or CTE runs inside the node that first asks for it, not
//! inside the node it is printed under, so its time is taken off the node that waited for it.

use super::node::{Node, Plan};

/// Times of all nodes, by node id, in milliseconds.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Times {
    pub(crate) nodes: Vec<NodeTime>,
    /// Time that no node accounts for: start and end of the executor, AFTER triggers, serialization.
    pub(crate) outside_ms: f64,
}

#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct NodeTime {
    /// Wall-clock time of the node without its children.
    pub(crate) self_ms: f64,
    /// Wall-clock time of the node and everything below it.
    pub(crate) total_ms: f64,
}

/// Returns the times of a plan; `None` when it was not timed.
pub(crate) fn times(plan: &Plan) -> Option<Times> {
    plan.nodes.first()?.actual?.total_ms?;
    let participants = participants(plan);
    let mut nodes: Vec<NodeTime> = plan
        .nodes
        .iter()
        .map(|node| {
            let work_ms =
                node.actual.and_then(|actual| Some(actual.total_ms? * actual.loops)).unwrap_or_default();
            let total_ms = work_ms / participants[node.id];
            NodeTime { self_ms: total_ms, total_ms }
        })
        .collect();
    for node in &plan.nodes {
        if let Some(parent) = node.parent
            && !node.is_init_plan()
        {
            nodes[parent].self_ms -= nodes[node.id].total_ms;
        }
    }
    for init_plan in plan.nodes.iter().filter(|node| node.is_init_plan()) {
        charge(plan, init_plan, &mut nodes);
    }
    // What is left below zero is rounding, or the shutdown of workers after their parents stopped the clock.
    for time in &mut nodes {
        time.self_ms = time.self_ms.max(0.0);
    }
    let inside: f64 = nodes.iter().map(|time| time.self_ms).sum();
    let outside_ms = (plan.execution_ms.unwrap_or(inside) - inside).max(0.0);
    Some(Times { nodes, outside_ms })
}

/// Returns, for each node, how many processes shared its work.
fn participants(plan: &Plan) -> Vec<f64> {
    let mut participants = vec![1.0; plan.nodes.len()];
    for node in &plan.nodes {
        let Some(parent) = node.parent else { continue };
        let parent = &plan.nodes[parent];
        let is_gather = matches!(parent.node_type.as_str(), "Gather" | "Gather Merge");
        participants[node.id] = if node.is_init_plan() {
            1.0
        } else if is_gather {
            let loops = |node: &Node| node.actual.map_or(0.0, |actual| actual.loops);
            if loops(parent) > 0.0 { (loops(node) / loops(parent)).max(1.0) } else { 1.0 }
        } else {
            participants[parent.id]
        };
    }
    participants
}

/// Takes the time of an `InitPlan` or CTE off the nodes that waited for it.
fn charge(plan: &Plan, init_plan: &Node, nodes: &mut [NodeTime]) {
    let Some(attached) = init_plan.parent else { return };
    let mut owed = nodes[init_plan.id].total_ms;
    let mut payers: Vec<usize> = users(plan, init_plan)
        .into_iter()
        .map(|user| gather_above(plan, user, attached).unwrap_or(user))
        .collect();
    payers.sort_unstable();
    payers.dedup();
    if payers.is_empty() {
        // Its users are not printed: it ran inside the node of its level that has the most unexplained time.
        let level = level(plan, init_plan).map(|node| node.id);
        payers.extend(level.max_by(|a, b| nodes[*a].self_ms.total_cmp(&nodes[*b].self_ms).then(b.cmp(a))));
    }
    let available: f64 = payers.iter().map(|payer| nodes[*payer].self_ms.max(0.0)).sum();
    let paid = owed.min(available);
    if available > 0.0 {
        for payer in &payers {
            nodes[*payer].self_ms -= paid * nodes[*payer].self_ms.max(0.0) / available;
        }
    }
    owed -= paid;
    // What they cannot have waited for was waited for above them.
    let mut above =
        payers.first().and_then(|payer| plan.nodes[*payer].parent).filter(|_| !payers.contains(&attached));
    while let Some(payer) = above.filter(|_| owed > 0.0) {
        let paid = owed.min(nodes[payer].self_ms.max(0.0));
        nodes[payer].self_ms -= paid;
        owed -= paid;
        above = plan.nodes[payer].parent.filter(|_| payer != attached);
    }
}

/// Returns the topmost Gather from a node up to where the `InitPlan` is attached: it ran in the leader, before the
/// workers started.
fn gather_above(plan: &Plan, user: usize, attached: usize) -> Option<usize> {
    if user == attached {
        return None;
    }
    let mut gather = None;
    for ancestor in plan.ancestors(user) {
        if matches!(ancestor.node_type.as_str(), "Gather" | "Gather Merge") {
            gather = Some(ancestor.id);
        }
        if ancestor.id == attached {
            break;
        }
    }
    gather
}

/// Returns the nodes that can have waited for an `InitPlan`: the one it is attached to and those below.
fn level<'p>(plan: &'p Plan, init_plan: &Node) -> impl Iterator<Item = &'p Node> {
    let (attached, except) = (init_plan.parent.unwrap_or(0), init_plan.id);
    plan.nodes.iter().filter(move |node| node.id == attached || is_below(plan, node.id, attached, except))
}

/// Returns the nodes that mention the `InitPlan` or scan the CTE.
fn users(plan: &Plan, init_plan: &Node) -> Vec<usize> {
    let Some(name) = init_plan.subplan_name.as_deref() else { return Vec::new() };
    let level = level(plan, init_plan);
    if let Some(cte) = name.strip_prefix("CTE ") {
        return level.filter(|node| node.text("CTE Name") == Some(cte)).map(|node| node.id).collect();
    }
    // Up to 16 `InitPlan 1 (returns $0)`, then `(InitPlan 1).col1`.
    let (own_name, returned) = name.split_once(" (returns ").unwrap_or((name, ""));
    let mut references: Vec<String> = returned
        .trim_end_matches(')')
        .split(',')
        .filter(|parameter| !parameter.is_empty())
        .map(str::to_owned)
        .collect();
    references.push(format!("({own_name})"));
    level
        .filter(|node| references.iter().any(|reference| mentions(node, reference)))
        .map(|node| node.id)
        .collect()
}

/// Whether any expression of a node holds this reference, and not just a longer one that begins with it.
fn mentions(node: &Node, reference: &str) -> bool {
    node.details.values().filter_map(|value| value.as_str()).any(|text| {
        text.match_indices(reference).any(|(at, _)| {
            !text[at + reference.len()..].chars().next().is_some_and(|next| next.is_ascii_digit())
        })
    })
}

/// Whether a node is below `top` and not inside the subtree `except`.
fn is_below(plan: &Plan, id: usize, top: usize, except: usize) -> bool {
    id != except
        && plan.ancestors(id).any(|ancestor| ancestor.id == top)
        && !plan.ancestors(id).any(|ancestor| ancestor.id == except)
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
        assert!((times.outside_ms - outside_ms).abs() < 1e-9, "{}", times.outside_ms);
        let sum: f64 = times.nodes.iter().map(|time| time.self_ms).sum();
        assert!((sum + times.outside_ms - execution_ms).abs() < 1e-9);
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
