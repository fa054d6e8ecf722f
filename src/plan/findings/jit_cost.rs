//! Compiling the query took a large part of its time.
//!
//! Why it matters: compiled expressions pay for long queries alone. Example: a query over many partitions,
//! whose cost is high because they are many and not because rows are. Remedy: a higher `jit_above_cost`, or
//! `jit = off`. Wrong when: the statement always runs longer than here.

use serde_json::Value;

use super::{Observation, Subject};
use crate::plan::node::Worker;
use crate::unit::{estimate, milliseconds};

pub(super) const RULE: &str = "jit-cost";
/// Compilation that takes less of the time may well be won back by the code it makes (pgexplain's threshold).
const MIN_SHARE: f64 = 0.25;
/// Settings' defaults (manual, "Planner Cost Constants").
const DEFAULT_ABOVE_COST: f64 = 100_000.0;

pub(super) fn check(subject: &Subject) -> Vec<Observation> {
    let Some(jit_ms) = wall_clock_ms(subject).filter(|ms| *ms >= MIN_SHARE * subject.whole_ms()) else {
        return Vec::new();
    };
    let functions = subject.plan.jit.map_or(0.0, |jit| jit.functions);
    vec![Observation {
        node_id: None,
        saves: Some(jit_ms),
        message: format!(
            "just-in-time compilation of {} functions took {} ms of {} ms",
            estimate(functions),
            milliseconds(jit_ms),
            milliseconds(subject.whole_ms())
        ),
        remedy: remedy(subject),
        index: None,
    }]
}

/// Returns for how long compiling held up the statement: EXPLAIN sums it over the processes, which compile at
/// the same time. With VERBOSE the workers' shares are printed, and the slowest process counts; else the
/// average one.
pub(super) fn wall_clock_ms(subject: &Subject) -> Option<f64> {
    let total_ms = subject.plan.jit?.total_ms?;
    let of_worker =
        |worker: &Worker| worker.details.get("JIT")?.pointer("/Timing/Total").and_then(Value::as_f64);
    let of_workers: Vec<f64> =
        subject.plan.nodes.iter().flat_map(|node| &node.workers).filter_map(of_worker).collect();
    if of_workers.is_empty() {
        let participants = subject.times.nodes.iter().map(|time| time.participants).fold(1.0, f64::max);
        return Some(total_ms / participants);
    }
    let leader_ms = total_ms - of_workers.iter().sum::<f64>();
    Some(of_workers.into_iter().fold(leader_ms, f64::max).min(total_ms))
}

fn remedy(subject: &Subject) -> String {
    let setting = subject.plan.settings.get("jit_above_cost").and_then(Value::as_str);
    let setting = setting.or_else(|| subject.server?.setting("jit_above_cost"));
    let above = setting.and_then(|cost| cost.parse().ok()).unwrap_or(DEFAULT_ABOVE_COST);
    match subject.plan.nodes.first().and_then(|root| root.total_cost) {
        Some(cost) if cost >= above => format!(
            "The plan's cost, {}, is above jit_above_cost, {}. Set it higher than that where such statements \
             run, or SET jit = off for them.",
            estimate(cost),
            estimate(above)
        ),
        _ => {
            "Raise jit_above_cost above the plan's cost where such statements run, or SET jit = off for them."
                .to_owned()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::test_plans::{check_plan, node};
    use super::*;
    use serde_json::json;

    /// Checks what could be saved of a plan of 100 ms with compilation in the leader and in two workers.
    fn check_saves(total_ms: f64, of_workers: &[f64], expected: Option<f64>) {
        let workers: Vec<Value> = (0..)
            .zip(of_workers)
            .map(|(number, ms)| json!({"Worker Number": number, "JIT": {"Timing": {"Total": ms}}}))
            .collect();
        let scan = node("Seq Scan", 30.0, 1.0, &json!({"Actual Loops": 3, "Workers": workers}), &[]);
        let gather = node("Gather", 99.0, 1.0, &json!({"Total Cost": 150_000}), &[scan]);
        let jit = json!({"Functions": 3, "Timing": {"Total": total_ms}});
        let found = check_plan(check, json!({"Plan": gather, "Execution Time": 100.0, "JIT": jit}));
        assert_eq!(found.first().and_then(|observation| observation.saves), expected);
    }

    #[test]
    fn finds_costly_compilation() {
        check_saves(150.0, &[], Some(50.0));
        check_saves(60.0, &[], None);
    }

    #[test]
    fn processes_compile_at_the_same_time() {
        check_saves(150.0, &[60.0, 70.0], Some(70.0));
        check_saves(150.0, &[30.0, 40.0], Some(80.0));
        check_saves(60.0, &[20.0, 20.0], None);
    }

    #[test]
    fn names_the_setting() {
        let root = node("Result", 9.0, 1.0, &json!({"Total Cost": 150_000}), &[]);
        let jit = json!({"Functions": 3, "Timing": {"Total": 5.0}});
        let found = check_plan(check, json!({"Plan": root, "Execution Time": 10.0, "JIT": jit}));
        assert!(found[0].remedy.contains("150,000, is above jit_above_cost, 100,000"), "{}", found[0].remedy);
    }
}
