//! Expected against actual rows of a node, and where an error of the planner starts.
//!
//! Both are rows of one execution. EXPLAIN prints averages over the loops: whole rows up to PostgreSQL 17, two
//! decimals since 18, so what came is known within an interval, and an estimate is off by what it misses the
//! interval by. Below a Gather a node's estimate is for one process where the processes share its rows.

use super::node::{Actual, Node, Plan};

/// The share of its time that the leader is reckoned to lose to each worker, reading what that sends
/// (`get_parallel_divisor` of costsize.c).
const LEADER_SHARE_LOST_PER_WORKER: f64 = 0.3;
/// The share of the rows that the planner assumes a LIMIT to want that it does not know (`adjust_limit_rows_costs`
/// of pathnode.c).
const UNKNOWN_LIMIT_SHARE: f64 = 0.1;
/// The factor that every tool starts to call an error, and every rule on estimates here (`research/explain.md` §2,
/// rule 15).
pub(crate) const MIN_FACTOR: f64 = 10.0;

/// What the planner expected of a node and what came of it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Estimate {
    /// Rows that the planner expected of an execution, by all processes that share it.
    pub(crate) expected: f64,
    /// Rows that came, on average over the executions, at least …
    pub(crate) actual_low: f64,
    /// … and at the most.
    pub(crate) actual_high: f64,
    pub(crate) n_executions: f64,
    /// How many times too low or too high the estimate is at least; 1 when the interval holds it. The planner never
    /// expects less than one row, so below one row there is no error.
    pub(crate) factor: f64,
    pub(crate) direction: Direction,
    /// Why the numbers differ though the estimate may be right.
    pub(crate) excuse: Option<Excuse>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Direction {
    /// More rows came than were expected.
    TooLow,
    Right,
    /// Fewer rows came than were expected.
    TooHigh,
}

/// Why a right estimate can differ from the rows that came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Excuse {
    /// A node above wanted no more: LIMIT, EXISTS, a semijoin, a merge join whose other side ended.
    StoppedEarly,
    /// A merge join went back to equal rows and read them once more, which counts them again.
    ReadAgain,
    /// Partitions were left out when the plan ran, which the planner could not know.
    Pruned,
    /// A hash table leaves out rows whose key is NULL.
    NullsLeftOut,
}

impl Estimate {
    /// Whether the estimate is wrong by [`MIN_FACTOR`] or more, beyond rounding and without excuse.
    pub(crate) fn is_wrong(&self) -> bool {
        self.factor >= MIN_FACTOR && self.excuse.is_none()
    }

    /// Rows that came or were expected in all executions, whichever are more.
    pub(crate) fn rows_in_all(&self) -> f64 {
        self.expected.max(self.actual_low) * self.n_executions
    }
}

/// Compares a node's estimate with what came; `None` for a node that was not executed, and for those that count no
/// rows of their own.
pub(crate) fn estimate(plan: &Plan, id: usize) -> Option<Estimate> {
    let node = &plan.nodes[id];
    let estimate = unexcused(plan, id)?;
    let excuse = match estimate.direction {
        Direction::TooLow => is_read_again(plan, node).then_some(Excuse::ReadAgain),
        Direction::Right => None,
        Direction::TooHigh if is_pruned(plan, node) => Some(Excuse::Pruned),
        Direction::TooHigh if leaves_nulls_out(plan, node) => Some(Excuse::NullsLeftOut),
        Direction::TooHigh => stops_early(plan, id).then_some(Excuse::StoppedEarly),
    };
    Some(Estimate { excuse, ..estimate })
}

/// Compares a node's estimate with what came without asking why they differ, which takes a look at other nodes.
pub(crate) fn unexcused(plan: &Plan, id: usize) -> Option<Estimate> {
    let node = &plan.nodes[id];
    let (expected, actual) = (expected(plan, id)?, node.actual.filter(|actual| actual.loops > 0.0)?);
    // A bitmap counts what the index points at, dead rows too, ten a page for BRIN, and nothing for AND and OR; what
    // is modified counts only where it is returned, but was estimated up to PostgreSQL 13.
    if matches!(node.kind.as_str(), "Bitmap Index Scan" | "BitmapAnd" | "BitmapOr" | "ModifyTable") {
        return None;
    }
    let (low, high) = rows_a_loop(actual, plan.has_fractional_rows);
    let n_executions = match shared_below(plan, id) {
        Some(gather) => gather.actual?.loops.max(1.0),
        None => actual.loops,
    };
    let processes = actual.loops / n_executions;
    let (actual_low, actual_high) = (low * processes, high * processes);
    let [expected_or_one, low_or_one, high_or_one] = [expected, actual_low, actual_high].map(|n| n.max(1.0));
    let (factor, direction) = if low_or_one > expected_or_one {
        (low_or_one / expected_or_one, Direction::TooLow)
    } else if high_or_one < expected_or_one {
        (expected_or_one / high_or_one, Direction::TooHigh)
    } else {
        (1.0, Direction::Right)
    };
    Some(Estimate { expected, actual_low, actual_high, n_executions, factor, direction, excuse: None })
}

/// Returns the rows that the planner expected of one execution of a node, by all processes that share it.
pub(crate) fn expected(plan: &Plan, id: usize) -> Option<f64> {
    let expected = plan.nodes[id].plan_rows?;
    match shared_below(plan, id) {
        Some(gather) => Some(expected * divisor(plan, gather)?),
        None => Some(expected),
    }
}

/// Returns the nodes where an error starts: their estimate is wrong and those of their inputs are not wrong in the
/// same direction.
pub(crate) fn wrong_from_here(plan: &Plan) -> Vec<(usize, Estimate)> {
    let estimates: Vec<Option<Estimate>> = (0..plan.nodes.len()).map(|id| estimate(plan, id)).collect();
    let passes_on = |input: &Node, direction: Direction| {
        estimates[input.id].is_some_and(|input| {
            input.direction == direction
                && input.factor >= MIN_FACTOR
                && matches!(input.excuse, None | Some(Excuse::Pruned))
        })
    };
    plan.nodes
        .iter()
        .filter_map(|node| Some((node, estimates[node.id].filter(Estimate::is_wrong)?)))
        .filter(|(node, estimate)| !inputs(plan, node).any(|input| passes_on(input, estimate.direction)))
        .map(|(node, estimate)| (node.id, estimate))
        .collect()
}

/// Returns how many rows a node threw away over all loops at least (`Rows Removed by Filter` and its like): an
/// average over the loops, rounded to whole rows by every version.
pub(crate) fn removed_at_least(node: &Node, key: &str) -> Option<f64> {
    let (removed, actual) = (node.number(key)?, node.actual?);
    let rounding = if actual.loops > 1.0 { 0.5 } else { 0.0 };
    Some((removed - rounding).max(0.0) * actual.loops)
}

/// Whether something above a node may have taken fewer of its rows than there were.
pub(crate) fn stops_early(plan: &Plan, id: usize) -> bool {
    let mut child = &plan.nodes[id];
    while let Some(parent) = child.parent.map(|parent| &plan.nodes[parent]) {
        match child.relationship.as_deref() {
            Some("InitPlan" | "SubPlan") => return subplan_stops_early(plan, child, parent),
            _ if reads_all(parent) => return false,
            _ if may_stop(plan, parent, child) => return true,
            _ => child = parent,
        }
    }
    false
}

/// Returns the nodes that a node's rows flow into, nearest first: up to the root, or into the scans of the CTE that it
/// is part of. What a subplan returns flows nowhere.
pub(crate) fn consumers(plan: &Plan, id: usize) -> Vec<&Node> {
    let mut consumers: Vec<&Node> = Vec::new();
    let mut waiting = vec![&plan.nodes[id]];
    while let Some(mut node) = waiting.pop() {
        while !matches!(node.relationship.as_deref(), Some("InitPlan" | "SubPlan")) {
            let Some(parent) = node.parent.map(|parent| &plan.nodes[parent]) else { break };
            if consumers.iter().any(|known| known.id == parent.id) {
                break;
            }
            consumers.push(parent);
            node = parent;
        }
        for scan in cte_scans(plan, node) {
            if consumers.iter().all(|known| known.id != scan.id) {
                consumers.push(scan);
                waiting.push(scan);
            }
        }
    }
    consumers
}

/// Returns the nodes that a node gets its rows from.
pub(crate) fn inputs<'p>(plan: &'p Plan, node: &Node) -> impl Iterator<Item = &'p Node> {
    let is_input = |child: &&Node| !matches!(child.relationship.as_deref(), Some("InitPlan" | "SubPlan"));
    plan.children(node.id).filter(is_input).chain(cte_body(plan, node))
}

/// Returns what computes the CTE that a node scans: of those with its name, the one of the nearest level.
fn cte_body<'p>(plan: &'p Plan, scan: &Node) -> Option<&'p Node> {
    let name = format!("CTE {}", scan.text("CTE Name").filter(|_| scan.is_a("CTE Scan"))?);
    // What a CTE of the same name scans is another one, further out.
    let is_body = |child: &&Node| {
        child.subplan_name.as_ref() == Some(&name)
            && plan.ancestors(scan.id).all(|ancestor| ancestor.id != child.id)
    };
    std::iter::once(&plan.nodes[scan.id])
        .chain(plan.ancestors(scan.id))
        .find_map(|level| plan.children(level.id).find(is_body))
}

/// Returns the scans of the CTE that a node computes: they come after it in the plan, or it is printed below its scan.
pub(crate) fn cte_scans<'p>(plan: &'p Plan, body: &Node) -> impl Iterator<Item = &'p Node> {
    let is_cte = body.subplan_name.as_deref().is_some_and(|name| name.starts_with("CTE "));
    let end = || plan.descendants(body.id).last().map_or(body.id, |last| last.id);
    let (id, after) = (body.id, if is_cte { &plan.nodes[end() + 1..] } else { &[] });
    let above = body.parent.filter(|_| is_cte).map(|parent| &plan.nodes[parent]);
    above.into_iter().chain(after).filter(move |node| cte_body(plan, node).is_some_and(|body| body.id == id))
}

/// Returns the rows of a loop at least and at the most: they are an average that was rounded when it was printed.
pub(crate) fn rows_a_loop(actual: Actual, is_fractional: bool) -> (f64, f64) {
    let rounding = match (actual.loops > 1.0, is_fractional) {
        (false, _) => 0.0,
        (true, false) => 0.5,
        (true, true) => 0.005,
    };
    ((actual.rows - rounding).max(0.0), actual.rows + rounding)
}

/// Returns the Gather whose processes share a node's rows.
fn shared_below(plan: &Plan, id: usize) -> Option<&Node> {
    gather_above(plan, id).filter(|_| shares_rows(plan, id))
}

/// Returns the Gather whose processes run a node.
fn gather_above(plan: &Plan, id: usize) -> Option<&Node> {
    // The leader runs an InitPlan before it starts workers.
    if plan.nodes[id].is_init_plan() {
        return None;
    }
    plan.ancestors(id).take_while(|ancestor| !ancestor.is_init_plan()).find(|ancestor| ancestor.is_gather())
}

/// Whether the processes below a Gather share a node's rows: it, or what it reads first, is parallel. An inner side
/// that is not gives all of its rows to each process.
fn shares_rows(plan: &Plan, id: usize) -> bool {
    let mut node = &plan.nodes[id];
    loop {
        if node.flag("Parallel Aware") {
            return true;
        }
        // Each process can meet every group, and that is how groups are estimated.
        if matches!(node.kind.as_str(), "Aggregate" | "Group" | "Unique") || node.is_gather() {
            return false;
        }
        match inputs(plan, node).next() {
            Some(input) if input.parent == Some(node.id) => node = input,
            _ => return false,
        }
    }
}

/// Returns how many processes' rows make up the whole by the planner's reckoning: the estimate of a node below a
/// Gather was divided by this. (A partition or a shared hash table that was planned for fewer workers than its Gather
/// was divided by less, which EXPLAIN does not tell.)
fn divisor(plan: &Plan, gather: &Node) -> Option<f64> {
    let planned = gather.number("Workers Planned")?;
    let leader_helps =
        plan.settings.get("parallel_leader_participation").and_then(|value| value.as_str()) != Some("off");
    let leader = if leader_helps { (1.0 - LEADER_SHARE_LOST_PER_WORKER * planned).max(0.0) } else { 0.0 };
    Some(planned + leader)
}

fn is_inner(node: &Node) -> bool {
    node.relationship.as_deref() == Some("Inner")
}

fn is_read_again(plan: &Plan, node: &Node) -> bool {
    let parent = node.parent.map(|parent| &plan.nodes[parent]);
    // An inner side without equal rows is never gone back to.
    parent.is_some_and(|parent| parent.is_a("Merge Join") && is_inner(node) && !parent.flag("Inner Unique"))
}

fn is_pruned(plan: &Plan, node: &Node) -> bool {
    let loops = |node: &Node| node.actual.map_or(0.0, |actual| actual.loops);
    matches!(node.kind.as_str(), "Append" | "Merge Append")
        && (node.number("Subplans Removed").is_some_and(|removed| removed > 0.0)
            || inputs(plan, node).any(|child| loops(child) < loops(node)))
}

fn leaves_nulls_out(plan: &Plan, node: &Node) -> bool {
    let is_off = |input: &Node| unexcused(plan, input.id).is_some_and(|input| input.factor >= MIN_FACTOR);
    node.is_a("Hash") && !inputs(plan, node).any(is_off)
}

/// Whether a node reads its input to the end before it returns anything.
fn reads_all(node: &Node) -> bool {
    match node.kind.as_str() {
        "Sort" | "Hash" | "Bitmap Heap Scan" | "BitmapAnd" | "BitmapOr" | "ModifyTable" => true,
        "Aggregate" => matches!(node.text("Strategy"), Some("Plain" | "Hashed")),
        "SetOp" => node.text("Strategy") == Some("Hashed"),
        _ => false,
    }
}

/// Whether a node may have stopped reading `child` before its end.
fn may_stop(plan: &Plan, parent: &Node, child: &Node) -> bool {
    let join_type = parent.text("Join Type").unwrap_or("Inner");
    match (parent.kind.as_str(), is_inner(child)) {
        ("WindowAgg", _) => parent.detail("Run Condition").is_some(),
        ("Limit", _) => limit_is_reached(parent, child),
        // The first match is enough.
        ("Nested Loop", true) => matches!(join_type, "Semi" | "Anti") || parent.flag("Inner Unique"),
        ("Merge Join", false) => !matches!(join_type, "Left" | "Full" | "Anti"),
        ("Merge Join", true) => !matches!(join_type, "Right" | "Full" | "Right Anti"),
        // With nothing in the hash table nothing can match.
        ("Hash Join", false) => plan
            .children(parent.id)
            .any(|hash| is_inner(hash) && hash.actual.is_some_and(|actual| actual.rows < 0.5)),
        _ => false,
    }
}

/// Whether a Limit had what it wanted before its input ended.
fn limit_is_reached(limit: &Node, child: &Node) -> bool {
    let (Some(wanted), Some(expected), Some(actual)) = (limit.plan_rows, child.plan_rows, limit.actual)
    else {
        return true;
    };
    // A limit that was unknown when the plan was made says nothing, nor does an average over several.
    let is_unknown = (wanted - (expected * UNKNOWN_LIMIT_SHARE).max(1.0)).abs() <= 0.5;
    is_unknown || actual.loops > 1.0 || actual.rows >= wanted
}

fn subplan_stops_early(plan: &Plan, top: &Node, user: &Node) -> bool {
    let Some(name) = top.subplan_name.as_deref() else { return true };
    if name.starts_with("CTE ") {
        // What is read of a CTE is what the longest of its scans asks for. This ends: a scan stands after the CTE, or
        // above it.
        return cte_scans(plan, top).all(|scan| stops_early(plan, scan.id));
    }
    // EXISTS and ANY are content with one row; before PostgreSQL 17 EXPLAIN does not tell them from the rest.
    !is_hashed(name, user)
}

/// Whether a node reads all of a subplan into a hash table first.
fn is_hashed(subplan: &str, user: &Node) -> bool {
    let hashed = format!("hashed {subplan}");
    let is_whole =
        |text: &str, at: usize| !text[at + hashed.len()..].starts_with(|c: char| c.is_ascii_digit());
    user.expressions().any(|text| text.match_indices(&hashed).any(|(at, _)| is_whole(text, at)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::read;
    use serde_json::{Value, json};

    /// Returns a node with its estimate and what came of it: rows a loop, and loops.
    fn node(node_type: &str, expected: u32, actual: (f64, u32), rest: &Value, children: &[Value]) -> Value {
        let relationship = |place: usize| if place == 0 { "Outer" } else { "Inner" };
        let children: Vec<Value> = children
            .iter()
            .enumerate()
            .map(|(place, child)| {
                let mut child = child.clone();
                child
                    .as_object_mut()
                    .unwrap()
                    .entry("Parent Relationship")
                    .or_insert(json!(relationship(place)));
                child
            })
            .collect();
        let rows: Value = serde_json::from_str(&actual.0.to_string()).unwrap();
        let mut node = json!({"Node Type": node_type, "Plan Rows": expected, "Actual Rows": rows,
                              "Actual Loops": actual.1, "Plans": children});
        node.as_object_mut().unwrap().extend(rest.as_object().unwrap().clone());
        node
    }

    fn scan(expected: u32, actual: (f64, u32)) -> Value {
        node("Seq Scan", expected, actual, &json!({}), &[])
    }

    fn parallel_scan(expected: u32, actual: (f64, u32)) -> Value {
        node("Seq Scan", expected, actual, &json!({"Parallel Aware": true}), &[])
    }

    fn plan_of(root: &Value) -> Plan {
        read::plan(json!({"Plan": root})).unwrap()
    }

    /// Checks expected rows, the interval of the actual ones and the factor (negative: the estimate is too high).
    fn check(root: &Value, id: usize, expected: Option<(f64, f64, f64, f64)>) {
        let found = estimate(&plan_of(root), id).map(|estimate| {
            let sign = if estimate.direction == Direction::TooHigh { -1.0 } else { 1.0 };
            (estimate.expected, estimate.actual_low, estimate.actual_high, sign * estimate.factor)
        });
        assert_eq!(found, expected, "node {id} of {root}");
    }

    fn check_excuse(root: &Value, id: usize, expected: Option<Excuse>) {
        let estimate = estimate(&plan_of(root), id).unwrap();
        assert!(estimate.factor >= MIN_FACTOR, "{estimate:?}");
        assert_eq!(estimate.excuse, expected, "node {id} of {root}");
    }

    #[test]
    fn rows_of_one_loop_are_exact() {
        check(&scan(10, (1000.0, 1)), 0, Some((10.0, 1000.0, 1000.0, 100.0)));
        check(&scan(1000, (0.0, 1)), 0, Some((1000.0, 0.0, 0.0, -1000.0)));
        check(&scan(1, (0.0, 1)), 0, Some((1.0, 0.0, 0.0, 1.0)));
    }

    #[test]
    fn rounding_leaves_an_interval() {
        check(&scan(1, (2.0, 100)), 0, Some((1.0, 1.5, 2.5, 1.5)));
        // 0 rows of each of 100 loops may be 49 in all, and 1 was expected of each.
        check(&scan(1, (0.0, 100)), 0, Some((1.0, 0.0, 0.5, 1.0)));
        check(&scan(1, (20.25, 100)), 0, Some((1.0, 20.245, 20.255, 20.245)));
    }

    #[test]
    fn processes_share_the_rows_of_a_parallel_node() {
        let gather = |settings: Value, child: Value| {
            let gather = node("Gather", 24_000, (30_000.0, 1), &json!({"Workers Planned": 2}), &[child]);
            read::plan(json!({"Plan": gather, "Settings": settings})).unwrap()
        };
        // Two workers and 0.4 of the leader.
        let plan = gather(json!({}), parallel_scan(10_000, (8000.0, 3)));
        let shared = estimate(&plan, 1).unwrap();
        assert_eq!((shared.expected, shared.actual_low, shared.n_executions), (24_000.0, 23_998.5, 1.0));
        let plan =
            gather(json!({"parallel_leader_participation": "off"}), parallel_scan(10_000, (8000.0, 2)));
        assert_eq!(estimate(&plan, 1).map(|estimate| estimate.expected), Some(20_000.0));
        // None of the workers could be started: all rows came in the leader.
        let plan = gather(json!({}), parallel_scan(10_000, (24_000.0, 1)));
        assert_eq!(estimate(&plan, 1).unwrap().direction, Direction::Right);
    }

    #[test]
    fn an_inner_side_of_its_own_is_repeated_by_each_process() {
        let hash = node("Hash", 500, (500.0, 3), &json!({}), &[scan(500, (500.0, 3))]);
        let join = node("Hash Join", 100, (100.0, 3), &json!({}), &[parallel_scan(100, (100.0, 3)), hash]);
        let root = node("Gather", 240, (300.0, 1), &json!({"Workers Planned": 2}), &[join]);
        check(&root, 1, Some((240.0, 298.5, 301.5, 298.5 / 240.0)));
        check(&root, 3, Some((500.0, 499.5, 500.5, 1.0)));
        check(&root, 4, Some((500.0, 499.5, 500.5, 1.0)));
    }

    #[test]
    fn groups_are_estimated_for_each_process() {
        let rest = json!({"Strategy": "Hashed", "Partial Mode": "Partial"});
        let partial = node("Aggregate", 50, (50.0, 3), &rest, &[parallel_scan(1000, (1000.0, 3))]);
        let root = node("Gather", 100, (150.0, 1), &json!({"Workers Planned": 2}), &[partial]);
        check(&root, 1, Some((50.0, 49.5, 50.5, 1.0)));
    }

    #[test]
    fn what_was_not_executed_or_counts_no_rows_has_no_estimate() {
        check(&scan(1000, (0.0, 0)), 0, None);
        check(&node("BitmapAnd", 1000, (0.0, 1), &json!({}), &[]), 0, None);
        check(&json!({"Node Type": "Seq Scan", "Plan Rows": 1000}), 0, None);
    }

    #[test]
    fn a_limit_that_was_reached_stops_its_input() {
        let limit = |wanted, came, input| node("Limit", wanted, (came, 1), &json!({}), &[input]);
        check_excuse(&limit(10, 10.0, scan(5000, (10.0, 1))), 1, Some(Excuse::StoppedEarly));
        check_excuse(&limit(10, 3.0, scan(5000, (3.0, 1))), 1, None);
        // LIMIT $1.
        check_excuse(&limit(500, 3.0, scan(5000, (3.0, 1))), 1, Some(Excuse::StoppedEarly));
        check_excuse(&limit(10, 10.0, scan(5, (60.0, 1))), 1, None);
        let sort = node("Sort", 5000, (10.0, 1), &json!({}), &[scan(5000, (10.0, 1))]);
        check_excuse(&limit(10, 10.0, sort.clone()), 1, Some(Excuse::StoppedEarly));
        check_excuse(&limit(10, 10.0, sort), 2, None);
    }

    #[test]
    fn joins_that_need_no_more_stop_their_inputs() {
        let join = |kind: &str, rest: Value, outer: f64, inner: f64| {
            node(kind, 1, (1.0, 1), &rest, &[scan(5000, (outer, 1)), scan(5000, (inner, 1))])
        };
        let stopped = Some(Excuse::StoppedEarly);
        check_excuse(&join("Nested Loop", json!({"Join Type": "Semi"}), 5.0, 5.0), 1, None);
        check_excuse(&join("Nested Loop", json!({"Join Type": "Semi"}), 5.0, 5.0), 2, stopped);
        check_excuse(&join("Nested Loop", json!({"Inner Unique": true}), 5.0, 5.0), 2, stopped);
        check_excuse(&join("Nested Loop", json!({"Join Type": "Left"}), 5.0, 5.0), 2, None);
        check_excuse(&join("Merge Join", json!({"Join Type": "Left"}), 5.0, 5.0), 1, None);
        check_excuse(&join("Merge Join", json!({"Join Type": "Left"}), 5.0, 5.0), 2, stopped);
        check_excuse(&join("Hash Join", json!({}), 1.0, 0.0), 1, stopped);
        check_excuse(&join("Hash Join", json!({}), 1.0, 5.0), 1, None);
        check_excuse(&join("Merge Join", json!({}), 5.0, 90_000.0), 2, Some(Excuse::ReadAgain));
        check_excuse(&join("Merge Join", json!({"Inner Unique": true}), 5.0, 90_000.0), 2, None);
    }

    #[test]
    fn subplans_stop_at_the_first_row_unless_hashed() {
        let root = |filter: &str| {
            let mut subplan = scan(5000, (1.0, 1));
            subplan["Parent Relationship"] = json!("SubPlan");
            subplan["Subplan Name"] = json!("SubPlan 1");
            node("Seq Scan", 10, (10.0, 1), &json!({"Filter": filter}), &[subplan])
        };
        check_excuse(&root("(SubPlan 1)"), 1, Some(Excuse::StoppedEarly));
        check_excuse(&root("(hashed SubPlan 12)"), 1, Some(Excuse::StoppedEarly));
        check_excuse(&root("(NOT (hashed SubPlan 1))"), 1, None);
    }

    #[test]
    fn a_cte_is_read_as_far_as_its_scans() {
        let root = |top: &str| {
            let mut body = scan(5000, (5.0, 1));
            body["Parent Relationship"] = json!("InitPlan");
            body["Subplan Name"] = json!("CTE x");
            let cte_scan = node("CTE Scan", 5000, (5.0, 1), &json!({"CTE Name": "x"}), &[]);
            node(top, 5, (5.0, 1), &json!({}), &[body, cte_scan])
        };
        check_excuse(&root("Limit"), 1, Some(Excuse::StoppedEarly));
        check_excuse(&root("Result"), 1, None);
        let mut body = scan(5000, (5.0, 1));
        body["Parent Relationship"] = json!("InitPlan");
        body["Subplan Name"] = json!("CTE x");
        let cte_scan = node("CTE Scan", 5000, (5.0, 1), &json!({"CTE Name": "x"}), &[body]);
        check_excuse(&cte_scan, 1, None);
        check_excuse(&node("Limit", 5, (5.0, 1), &json!({}), &[cte_scan]), 2, Some(Excuse::StoppedEarly));
    }

    #[test]
    fn partitions_left_out_are_no_error() {
        let rest = json!({"Subplans Removed": 3});
        check_excuse(&node("Append", 4000, (5.0, 1), &rest, &[scan(5, (5.0, 1))]), 0, Some(Excuse::Pruned));
        let children = [scan(2000, (5.0, 9)), scan(2000, (0.0, 0))];
        check_excuse(&node("Append", 4000, (5.0, 9), &json!({}), &children), 0, Some(Excuse::Pruned));
    }

    #[test]
    fn rows_without_a_key_are_not_hashed() {
        let hash = |came| node("Hash", 5000, (5.0, 1), &json!({}), &[scan(5000, (came, 1))]);
        check_excuse(&hash(5000.0), 0, Some(Excuse::NullsLeftOut));
        check_excuse(&hash(5.0), 0, None);
    }

    /// Checks where errors start.
    fn check_starts(root: &Value, expected: &[usize]) {
        let starts: Vec<usize> = wrong_from_here(&plan_of(root)).into_iter().map(|(id, _)| id).collect();
        assert_eq!(starts, expected, "{root}");
    }

    #[test]
    fn finds_the_lowest_node_of_an_error() {
        let join = |expected, came, outer| {
            node("Hash Join", expected, (came, 1), &json!({}), &[outer, scan(100, (100.0, 1))])
        };
        check_starts(&join(10, 5000.0, scan(10, (5000.0, 1))), &[1]);
        check_starts(&join(10, 5000.0, scan(5000, (5000.0, 1))), &[0]);
        // The error of the input has another direction: the join makes one of its own.
        check_starts(&join(10, 5000.0, scan(5000, (50.0, 1))), &[0, 1]);
        let mut body = scan(10, (5000.0, 1));
        body["Parent Relationship"] = json!("InitPlan");
        body["Subplan Name"] = json!("CTE x");
        let cte_scan = node("CTE Scan", 10, (5000.0, 1), &json!({"CTE Name": "x"}), &[body]);
        check_starts(&cte_scan, &[1]);
    }
}
