//! EXPLAIN ran without options that would have told more about this plan.
//!
//! Why it matters: what was not measured is guessed. Example: a scan that takes 300 ms without BUFFERS may
//! have waited for the disk or filtered rows. Remedy: run it again with them. Wrong when: the plan cannot be
//! made again.

use super::{Observation, Subject, disabled_node};
use crate::plan::Node;
use crate::unit::count;

pub(super) const RULE: &str = "io-not-measured";
/// Statements that take less time hide nothing worth measuring: a hundred blocks from a disk of 0.1 ms each.
const MIN_WHOLE_MS: f64 = 10.0;
/// The same for plans that were not executed: about a hundred times the cost of ten blocks in random order
/// (`random_page_cost`, 4).
const MIN_COST: f64 = 4000.0;
/// Blocks whose reading may take time (joe's threshold for blocks from the disk) …
const MIN_BLOCKS_READ: u64 = 100;
/// … where a fast disk needs this long for one.
const BLOCK_MS: f64 = 0.1;
/// Share of the time that reading them may have taken.
const MIN_READ_SHARE: f64 = 0.1;
/// Share of the time from which a part of the plan deserves to be known better.
const MIN_SHARE: f64 = 0.5;

pub(super) fn check(subject: &Subject) -> Vec<Observation> {
    let missing = missing(subject);
    if missing.is_empty() {
        return Vec::new();
    }
    let names: Vec<&str> = missing.iter().map(|(option, _)| *option).collect();
    let reasons: Vec<String> =
        missing.iter().map(|(option, tells)| format!("{option} tells {tells}.")).collect();
    vec![Observation {
        message: format!("the plan was made without {}", names.join(", ")),
        remedy: reasons.join(" "),
        ..Observation::default()
    }]
}

/// Returns the options that were off, each with what it would have told of this plan.
fn missing(subject: &Subject) -> Vec<(&'static str, String)> {
    let plan = subject.plan;
    let Some(root) = plan.nodes.first() else { return Vec::new() };
    let mut missing = Vec::new();
    // Whoever switched a method off without SETTINGS cannot tell which.
    if plan.settings.is_empty() && plan.nodes.iter().any(|node| disabled_node::is_disabled(plan, node)) {
        missing.push(("SETTINGS", "which planner method is switched off".to_owned()));
    }
    if !plan.is_analyzed() {
        if root.total_cost.is_some_and(|cost| cost >= MIN_COST) {
            missing.push(("ANALYZE", "what the estimates are worth, by executing the statement".to_owned()));
        }
        return missing;
    }
    let is_timed = root.actual.is_some_and(|actual| actual.total_ms.is_some());
    let whole_ms = if is_timed { Some(subject.whole_ms()) } else { plan.execution_ms };
    if whole_ms.is_none_or(|ms| ms < MIN_WHOLE_MS) {
        return missing;
    }
    if !is_timed {
        missing.push(("TIMING", "which node takes the time".to_owned()));
    }
    let share = |is_wanted: &dyn Fn(&Node) -> bool| {
        let self_ms: f64 =
            plan.nodes.iter().filter(|node| is_wanted(node)).map(|node| subject.self_ms(node.id)).sum();
        self_ms / subject.whole_ms().max(f64::MIN_POSITIVE)
    };
    let read = root.buffers.map_or(0, |buffers| buffers.shared_read.saturating_add(buffers.temp_read));
    #[expect(clippy::cast_precision_loss, reason = "a guess of a time")]
    let read_ms = read as f64 * BLOCK_MS;
    let has_buffers = plan.nodes.iter().any(|node| node.buffers.is_some());
    if !has_buffers && share(&|node| node.relation.is_some()) >= MIN_SHARE {
        missing.push((
            "BUFFERS",
            "how many blocks the scans read, and how many of them from the disk".to_owned(),
        ));
    } else if read >= MIN_BLOCKS_READ
        && read_ms >= MIN_READ_SHARE * subject.whole_ms()
        && plan.nodes.iter().all(|node| node.io.is_none())
    {
        missing.push(("track_io_timing", format!("how long reading {} blocks took", count(read))));
    }
    let is_verbose = plan.nodes.iter().any(|node| node.detail("Output").is_some());
    let is_wide = |gather: &Node| {
        gather.is_gather()
            && gather.number("Workers Launched").is_some_and(|workers| workers >= 2.0)
            && subject.total_ms(gather.id) >= MIN_SHARE * subject.whole_ms()
    };
    if !is_verbose && plan.nodes.iter().any(is_wide) {
        missing.push(("VERBOSE", "how the workers shared the work".to_owned()));
    }
    let is_change = |node: &Node| node.is_a("ModifyTable");
    if plan.nodes.iter().all(|node| node.wal.is_none()) && share(&is_change) >= MIN_SHARE {
        missing.push((
            "WAL",
            "how much the change wrote to the log, and how much of that were whole pages".to_owned(),
        ));
    }
    missing
}

#[cfg(test)]
mod tests {
    use super::super::test_plans::{check_plan, node};
    use super::*;
    use serde_json::{Value, json};

    /// Checks the message for a plan with this root.
    fn check_missing(root: &Value, execution_ms: Option<f64>, expected: Option<&str>) {
        let found = check_plan(check, json!({"Plan": root, "Execution Time": execution_ms}));
        assert_eq!(found.first().map(|observation| observation.message.as_str()), expected);
    }

    fn scan(ms: f64, rest: &Value) -> Value {
        let mut scan = node("Seq Scan", ms, 1.0, rest, &[]);
        scan["Relation Name"] = json!("t");
        scan
    }

    #[test]
    fn asks_for_blocks_where_scans_take_the_time() {
        check_missing(&scan(50.0, &json!({})), Some(51.0), Some("the plan was made without BUFFERS"));
        check_missing(&scan(5.0, &json!({})), Some(5.1), None);
        check_missing(&scan(50.0, &json!({"Shared Hit Blocks": 9})), Some(51.0), None);
        let sort = node("Sort", 200.0, 1.0, &json!({}), &[scan(50.0, &json!({}))]);
        check_missing(&sort, Some(201.0), None);
    }

    #[test]
    fn asks_for_times_of_reads() {
        let read = json!({"Shared Read Blocks": 100});
        check_missing(&scan(50.0, &read), Some(51.0), Some("the plan was made without track_io_timing"));
        let timed = json!({"Shared Read Blocks": 100, "I/O Read Time": 3.5});
        check_missing(&scan(50.0, &timed), Some(51.0), None);
    }

    #[test]
    fn asks_for_workers_and_times() {
        let gather = |rest: &Value| {
            let scan = scan(50.0, &json!({"Shared Hit Blocks": 9, "Actual Loops": 3}));
            let mut gather = node("Gather", 55.0, 1.0, rest, &[scan]);
            gather["Workers Launched"] = json!(2);
            gather
        };
        check_missing(&gather(&json!({})), Some(56.0), Some("the plan was made without VERBOSE"));
        check_missing(&gather(&json!({"Output": ["a"]})), Some(56.0), None);
        let mut untimed = scan(50.0, &json!({"Shared Hit Blocks": 9}));
        untimed.as_object_mut().unwrap().remove("Actual Total Time");
        check_missing(&untimed, Some(56.0), Some("the plan was made without TIMING"));
    }

    #[test]
    fn asks_for_execution_of_costly_plans() {
        let root = |cost: u32| json!({"Node Type": "Seq Scan", "Relation Name": "t", "Total Cost": cost});
        check_missing(&root(20_000), None, Some("the plan was made without ANALYZE"));
        check_missing(&root(20), None, None);
    }

    #[test]
    fn asks_for_settings_where_one_is_unusual() {
        let root = json!({"Node Type": "Seq Scan", "Relation Name": "t", "Total Cost": 20, "Disabled": true});
        check_missing(&root, None, Some("the plan was made without SETTINGS"));
    }
}
