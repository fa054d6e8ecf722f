//! What is all right in a plan though a reader might worry about it.
//!
//! The limits lie far from those of the rules, so that what is called fine here is no finding there.

use serde_json::Value;

use super::{Fine, Subject, jit_cost};
use crate::plan::{Node, rows};
use crate::unit::{bytes, count, estimate, milliseconds, parse_bytes};

/// More is praise instead of information.
const MAX_FACTS: usize = 5;
/// Rows, and blocks, below which nobody worries.
const MIN_ROWS: f64 = 1000.0;
const MIN_BLOCKS: u64 = 100;
/// A filter that keeps this share of the rows gains little from an index, be the rows in its order or not.
const MIN_KEPT_SHARE: f64 = 0.75;
/// Estimates as near as this lead to the same plan (tools mark a factor of 10).
const MAX_FACTOR: f64 = 3.0;
/// Rows below which a factor means nothing (the limit of `row-misestimate`).
const MIN_ESTIMATED_ROWS: f64 = 100.0;
/// A single estimate decides nothing.
const MIN_ESTIMATES: usize = 2;
/// A tenth of the time (`jit-cost` speaks from a quarter).
const MAX_JIT_SHARE: f64 = 0.1;
/// Rounds of a nested loop that no other join would beat.
const MAX_ROUNDS: f64 = 10.0;

/// A fact with the time that it is about, in the unit of [`Subject::self_ms`].
type Weighed = (f64, Fine);

/// Returns what is all right in a plan that was executed, the weightiest first.
pub(super) fn fine(subject: &Subject) -> Vec<Fine> {
    if !subject.plan.is_analyzed() {
        return Vec::new();
    }
    let of_nodes: [fn(&Subject, &Node) -> Option<Weighed>; 8] = [
        sort_in_memory,
        hash_table_in_memory,
        hash_aggregate_in_memory,
        no_heap_fetches,
        filter_keeps_most,
        workers_launched,
        never_executed,
        few_rounds,
    ];
    // Of each kind the weightiest.
    let of_kind = |fact: fn(&Subject, &Node) -> Option<Weighed>| {
        let facts = subject.plan.nodes.iter().filter_map(|node| fact(subject, node));
        facts.max_by(|a, b| a.0.total_cmp(&b.0))
    };
    let of_plan = [good_estimates(subject), cached(subject), small_jit(subject)];
    let mut facts: Vec<Weighed> =
        of_nodes.into_iter().filter_map(of_kind).chain(of_plan.into_iter().flatten()).collect();
    facts.sort_by(|a, b| b.0.total_cmp(&a.0));
    facts.truncate(MAX_FACTS);
    facts.into_iter().map(|(_, fact)| fact).collect()
}

fn at(node: &Node, weight: f64, message: String) -> Weighed {
    (weight, Fine { node_id: Some(node.id), message })
}

fn of_plan(weight: f64, message: String) -> Weighed {
    (weight, Fine { node_id: None, message })
}

fn kilobytes(kb: f64) -> String {
    bytes(parse_bytes(&format!("{kb}kB")).unwrap_or(0))
}

fn sort_in_memory(subject: &Subject, sort: &Node) -> Option<Weighed> {
    let is_on_disk = |space: Option<&Value>| space.and_then(Value::as_str) == Some("Disk");
    let kb = sort.number("Sort Space Used")?;
    // What went in: a merge join reads equal rows again, and a LIMIT does not read all. Each loop and each
    // process sorts for itself.
    let rows = rows::inputs(subject.plan, sort).next()?.actual?.rows;
    if rows < MIN_ROWS {
        return None;
    }
    if is_on_disk(sort.detail("Sort Space Type"))
        || sort.workers.iter().any(|worker| is_on_disk(worker.details.get("Sort Space Type")))
    {
        return None;
    }
    let message = format!("sorting {} rows fitted in {} of memory", estimate(rows), kilobytes(kb));
    Some(at(sort, subject.self_ms(sort.id), message))
}

fn hash_table_in_memory(subject: &Subject, hash: &Node) -> Option<Weighed> {
    let rows = hash.actual.map(|actual| actual.rows).filter(|rows| *rows >= MIN_ROWS)?;
    let kb = hash.number("Peak Memory Usage").filter(|_| hash.number("Hash Batches") == Some(1.0))?;
    let message = format!("the hash table of {} rows fitted in {} of memory", estimate(rows), kilobytes(kb));
    let join = hash.parent.map_or(0.0, |join| subject.self_ms(join));
    Some(at(hash, subject.self_ms(hash.id) + join, message))
}

fn hash_aggregate_in_memory(subject: &Subject, aggregate: &Node) -> Option<Weighed> {
    let groups = aggregate.actual.map(|actual| actual.rows).filter(|groups| *groups >= MIN_ROWS)?;
    let is_on_disk = |details: &serde_json::Map<String, Value>| {
        let number = |key: &str| details.get(key).and_then(Value::as_f64).unwrap_or(0.0);
        number("HashAgg Batches") > 1.0 || number("Disk Usage") > 0.0
    };
    aggregate.number("HashAgg Batches")?;
    let kb = aggregate.number("Peak Memory Usage")?;
    if is_on_disk(&aggregate.details) || aggregate.workers.iter().any(|worker| is_on_disk(&worker.details)) {
        return None;
    }
    let message = format!("hashing {} groups fitted in {} of memory", estimate(groups), kilobytes(kb));
    Some(at(aggregate, subject.self_ms(aggregate.id), message))
}

fn no_heap_fetches(subject: &Subject, scan: &Node) -> Option<Weighed> {
    let rows = scan.rows_in_all().filter(|rows| *rows >= MIN_ROWS)?;
    let index = scan.index.as_deref().filter(|_| scan.number("Heap Fetches") == Some(0.0))?;
    let message = format!("{} rows came from {index} alone, without a visit to the table", estimate(rows));
    Some(at(scan, subject.self_ms(scan.id), message))
}

fn filter_keeps_most(subject: &Subject, scan: &Node) -> Option<Weighed> {
    let relation = scan.relation.as_deref().filter(|_| scan.is_a("Seq Scan"))?;
    let actual = scan.actual?;
    scan.text("Filter")?;
    let removed = scan.number("Rows Removed by Filter").unwrap_or(0.0);
    let read = actual.rows + removed;
    // Each process reads its part once; what is read again has another problem.
    let is_read_once = actual.loops <= subject.times.nodes[scan.id].participants;
    if !is_read_once || read * actual.loops < MIN_ROWS || actual.rows < MIN_KEPT_SHARE * read {
        return None;
    }
    let message = format!(
        "the scan of {relation} keeps {} of {} rows: an index for its filter would gain little",
        estimate(actual.rows * actual.loops),
        estimate(read * actual.loops)
    );
    Some(at(scan, subject.self_ms(scan.id), message))
}

fn workers_launched(subject: &Subject, gather: &Node) -> Option<Weighed> {
    let (planned, launched) = (gather.number("Workers Planned")?, gather.number("Workers Launched")?);
    if !gather.is_run() || planned < 1.0 || launched < planned {
        return None;
    }
    let what = if planned > 1.0 {
        format!("all {planned} planned workers")
    } else {
        "the planned worker".to_owned()
    };
    Some(at(gather, subject.total_ms(gather.id), format!("{what} ran")))
}

fn never_executed(subject: &Subject, node: &Node) -> Option<Weighed> {
    let plan = subject.plan;
    let was_needed = plan.nodes[node.parent?].is_run();
    if !was_needed || node.is_run() || node.actual.is_none() {
        return None;
    }
    let message = format!("{} was never executed: its costs were not paid", node.title());
    // The worry is as large as the part of the cost that it was estimated at.
    let share = node.total_cost.zip(plan.nodes[0].total_cost).map_or(0.0, |(own, all)| own / all.max(1.0));
    Some(at(node, subject.whole_ms() * share.min(1.0), message))
}

fn few_rounds(subject: &Subject, join: &Node) -> Option<Weighed> {
    let inner = subject
        .plan
        .children(join.id)
        .find(|child| child.relationship.as_deref() == Some("Inner"))
        .filter(|_| join.is_a("Nested Loop"))?;
    let rounds = inner.actual?.loops;
    let total_ms = subject.total_ms(join.id);
    // What takes most of the time may well be done better, however few the rounds.
    if !(1.0..=MAX_ROUNDS).contains(&rounds) || subject.total_ms(inner.id) > subject.whole_ms() / 2.0 {
        return None;
    }
    let times = if rounds > 1.0 { format!("{} times", estimate(rounds)) } else { "once".to_owned() };
    Some(at(join, total_ms, format!("the nested loop ran its inner side only {times}")))
}

fn good_estimates(subject: &Subject) -> Option<Weighed> {
    let plan = subject.plan;
    let factors: Vec<f64> = (0..plan.nodes.len())
        .filter_map(|id| rows::estimate(plan, id))
        .filter(|estimate| estimate.excuse.is_none() && estimate.rows_in_all() >= MIN_ESTIMATED_ROWS)
        .map(|estimate| estimate.factor)
        .collect();
    let worst = factors.iter().copied().fold(1.0, f64::max);
    if factors.len() < MIN_ESTIMATES || worst > MAX_FACTOR {
        return None;
    }
    let message = format!(
        "the {} estimates of {MIN_ESTIMATED_ROWS} rows and more are right within a factor of {:.1}",
        factors.len(),
        // Rounded up: "within 1.0" would be no factor.
        (worst * 10.0).ceil().max(11.0) / 10.0
    );
    // A weight in the middle: estimates are the ground of every choice, but take no time.
    Some(of_plan(subject.whole_ms() / 2.0, message))
}

fn cached(subject: &Subject) -> Option<Weighed> {
    let buffers = subject.plan.nodes.first()?.buffers?;
    if buffers.shared_read > 0 || buffers.temp_read > 0 || buffers.shared_hit < MIN_BLOCKS {
        return None;
    }
    let message = format!(
        "all {} blocks asked for were in shared buffers; a first run may have to read them",
        count(buffers.shared_hit)
    );
    Some(of_plan(subject.whole_ms() / 2.0, message))
}

fn small_jit(subject: &Subject) -> Option<Weighed> {
    let jit_ms = jit_cost::wall_clock_ms(subject)?;
    if jit_ms > MAX_JIT_SHARE * subject.whole_ms() {
        return None;
    }
    let message = format!(
        "just-in-time compilation took only {} of {} ms",
        milliseconds(jit_ms),
        milliseconds(subject.whole_ms())
    );
    Some(of_plan(subject.whole_ms() / 4.0, message))
}

#[cfg(test)]
mod tests {
    use super::super::test_plans::node;
    use super::*;
    use crate::plan::{read, resources, times_or_costs};
    use serde_json::json;

    fn facts(plan: Value) -> Vec<String> {
        let plan = read::plan(plan).unwrap();
        let times = times_or_costs(&plan);
        let resources = resources(&plan, &times);
        let subject = Subject { plan: &plan, times: &times, resources: &resources, sql: None, server: None };
        fine(&subject).into_iter().map(|fact| fact.message).collect()
    }

    /// Checks what is fine about a plan of one node that gave 5000 rows, estimated ten times wrong.
    fn check(node_type: &str, rest: &Value, expected: Option<&str>) {
        let mut input = node("Function Scan", 0.0, 5000.0, &json!({}), &[]);
        input["Plan Rows"] = json!(50_000);
        let mut root = node(node_type, 10.0, 5000.0, rest, &[input]);
        root["Plan Rows"] = json!(50_000);
        let told = facts(json!({"Plan": root, "Execution Time": 11.0}));
        assert_eq!(told, expected.into_iter().collect::<Vec<_>>());
    }

    #[test]
    fn memory_was_enough() {
        let sort = |space: &str| json!({"Sort Space Type": space, "Sort Space Used": 385});
        check("Sort", &sort("Memory"), Some("sorting 5,000 rows fitted in 385 kB of memory"));
        check("Sort", &sort("Disk"), None);
        let worker = json!({"Sort Space Type": "Memory", "Sort Space Used": 9,
                            "Workers": [{"Worker Number": 0, "Sort Space Type": "Disk"}]});
        check("Sort", &worker, None);
        let hash = |batches: u32| json!({"Hash Batches": batches, "Peak Memory Usage": 300});
        check("Hash", &hash(1), Some("the hash table of 5,000 rows fitted in 300 kB of memory"));
        check("Hash", &hash(2), None);
        let groups = |batches: u32| json!({"HashAgg Batches": batches, "Peak Memory Usage": 300});
        check("Aggregate", &groups(1), Some("hashing 5,000 groups fitted in 300 kB of memory"));
        check("Aggregate", &groups(5), None);
    }

    #[test]
    fn scans_do_what_they_should() {
        let index_only = |fetches: u32| json!({"Index Name": "i", "Heap Fetches": fetches});
        check(
            "Index Only Scan",
            &index_only(0),
            Some("5,000 rows came from i alone, without a visit to the table"),
        );
        check("Index Only Scan", &index_only(9), None);
        let filtered = |removed: u32, loops: u32| {
            json!({"Relation Name": "t", "Filter": "(a > 1)", "Rows Removed by Filter": removed,
                   "Actual Loops": loops})
        };
        let told = "the scan of t keeps 5,000 of 6,000 rows: an index for its filter would gain little";
        check("Seq Scan", &filtered(1000, 1), Some(told));
        check("Seq Scan", &filtered(9000, 1), None);
        check("Seq Scan", &filtered(1000, 3), None);
    }

    #[test]
    fn parallel_workers_ran() {
        let workers = |launched: u32| json!({"Workers Planned": 2, "Workers Launched": launched});
        check("Gather", &workers(2), Some("all 2 planned workers ran"));
        check("Gather", &workers(1), None);
    }

    #[test]
    fn blocks_were_cached() {
        let told = "all 700 blocks asked for were in shared buffers; a first run may have to read them";
        check("Result", &json!({"Shared Hit Blocks": 700, "Shared Read Blocks": 0}), Some(told));
        check("Result", &json!({"Shared Hit Blocks": 700, "Shared Read Blocks": 1}), None);
        check("Result", &json!({"Shared Hit Blocks": 7, "Shared Read Blocks": 0}), None);
    }

    #[test]
    fn compilation_was_short() {
        let told = |total_ms: f64| {
            let root = node("Result", 100.0, 1.0, &json!({}), &[]);
            let jit = json!({"Functions": 3, "Timing": {"Total": total_ms}});
            facts(json!({"Plan": root, "Execution Time": 100.0, "JIT": jit}))
        };
        assert_eq!(told(5.0), ["just-in-time compilation took only 5.00 of 100 ms"]);
        assert!(told(11.0).is_empty());
    }

    #[test]
    fn estimates_were_right() {
        let told = |expected: u32| {
            let scan = node("Function Scan", 9.0, 5000.0, &json!({"Plan Rows": expected}), &[]);
            let window = node("WindowAgg", 10.0, 5000.0, &json!({"Plan Rows": expected}), &[scan]);
            facts(json!({"Plan": window, "Execution Time": 10.0}))
        };
        assert_eq!(told(4000), ["the 2 estimates of 100 rows and more are right within a factor of 1.3"]);
        assert!(told(1000).is_empty());
    }

    #[test]
    fn what_did_not_run_cost_nothing() {
        let join = |rounds: u32| {
            let inner = json!({"Parent Relationship": "Inner", "Actual Loops": rounds, "Relation Name": "t"});
            let inner = node("Seq Scan", 0.1, 2.0, &inner, &[]);
            let outer = node("Values Scan", 5.0, 2.0, &json!({}), &[]);
            let join = node("Nested Loop", 9.0, 2.0, &json!({}), &[outer, inner]);
            facts(json!({"Plan": join, "Execution Time": 9.0}))
        };
        assert_eq!(join(0), ["Seq Scan on t was never executed: its costs were not paid"]);
        assert_eq!(join(2), ["the nested loop ran its inner side only 2 times"]);
        assert!(join(50).is_empty());
    }

    #[test]
    fn an_estimate_has_nothing_to_praise() {
        assert!(
            facts(json!({"Plan": {"Node Type": "Hash", "Plan Rows": 5000, "Hash Batches": 1}})).is_empty()
        );
    }

    #[test]
    fn what_is_blamed_is_not_fine() {
        let told = |slowest_ms: f64| {
            let worker = |number: u32, ms: f64| {
                json!({"Worker Number": number, "Actual Total Time": ms, "Actual Rows": 5000,
                       "Actual Loops": 1})
            };
            let rest = json!({"Relation Name": "t", "Filter": "(slow(a) > 1)", "Rows Removed by Filter": 0,
                              "Actual Loops": 2, "Workers": [worker(0, slowest_ms), worker(1, 100.0)]});
            let scan = node("Seq Scan", f64::midpoint(slowest_ms, 100.0), 5000.0, &rest, &[]);
            let root = node("Gather", slowest_ms, 10_000.0, &json!({}), &[scan]);
            let plan = read::plan(json!({"Plan": root, "Execution Time": slowest_ms})).unwrap();
            crate::plan::Explained::new(plan, None).judgement.fine.iter().any(|fact| fact.node_id == Some(1))
        };
        assert!(told(110.0));
        assert!(!told(500.0));
    }
}
