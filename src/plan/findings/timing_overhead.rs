//! EXPLAIN's own clock reads may be a large part of the time.
//!
//! Why it matters: the clock is read twice for each row that a node passes on, and what takes 100 ns takes
//! 140 then. Example: a nested loop with a million rounds. Remedy: TIMING OFF. Wrong when: nothing is decided
//! by these times.

use super::{Observation, Subject};
use crate::plan::{Basis, Node};
use crate::unit::{estimate, milliseconds};

pub(super) const RULE: &str = "timing-overhead";
/// Nanoseconds a read takes with its bookkeeping, for the fastest clock there is (TSC): 98 ms instead of 59
/// ms for a count of a million rows (measured on PostgreSQL 18; two reads for each). Others take up to a
/// thousand.
const CLOCK_READ_NS: f64 = 20.0;
const NS_PER_MS: f64 = 1e6;
/// Share of the time that must be the clock's: below it, the order of the nodes by time stays the same.
const MIN_SHARE: f64 = 0.25;
/// Shorter statements are not measured to such a degree anyway.
const MIN_WHOLE_MS: f64 = 10.0;

pub(super) fn check(subject: &Subject) -> Vec<Observation> {
    if subject.times.basis != Basis::Time || subject.whole_ms() < MIN_WHOLE_MS {
        return Vec::new();
    }
    // Processes read their clocks at the same time.
    let clock_ms = |node: &Node| {
        clock_reads(node) * CLOCK_READ_NS / NS_PER_MS / subject.times.nodes[node.id].participants.max(1.0)
    };
    let nodes = &subject.plan.nodes;
    let all_ms: f64 = nodes.iter().map(clock_ms).sum();
    let share = (all_ms / subject.whole_ms()).min(1.0);
    let Some(most) = nodes.iter().max_by(|a, b| clock_ms(a).total_cmp(&clock_ms(b))) else {
        return Vec::new();
    };
    if share < MIN_SHARE {
        return Vec::new();
    }
    vec![Observation {
        node_id: Some(most.id),
        message: format!(
            "about {} of {} ms may be EXPLAIN's own {} clock reads, most of them at {}",
            milliseconds(all_ms.min(subject.whole_ms())),
            milliseconds(subject.whole_ms()),
            estimate(nodes.iter().map(clock_reads).sum()),
            most.title()
        ),
        remedy: format!(
            "EXPLAIN (ANALYZE, TIMING OFF) shows how long it takes without them. Nodes with many short calls \
             look slower than they are: about {}% of the time, if a read takes {CLOCK_READ_NS} ns; \
             pg_test_timing measures that.",
            estimate(100.0 * share)
        ),
        ..Observation::default()
    }]
}

/// Returns how often the clock was read for a node: before and after each row, and the end of each loop.
/// Those that build something as a whole are called once a loop.
fn clock_reads(node: &Node) -> f64 {
    let Some(actual) = node.actual else { return 0.0 };
    let rows = match node.kind.as_str() {
        "Hash" | "Bitmap Index Scan" | "BitmapAnd" | "BitmapOr" => 0.0,
        _ => actual.rows,
    };
    2.0 * actual.loops * (rows + 1.0)
}

#[cfg(test)]
mod tests {
    use super::super::test_plans::{check_plan, node};
    use super::*;
    use serde_json::json;

    /// Checks the message for a nested loop with an inner side of so many loops, which took so long.
    fn check_loops(loops: u32, execution_ms: f64, expected: Option<&str>) {
        let outer = node("Seq Scan", 5.0, f64::from(loops), &json!({"Relation Name": "a"}), &[]);
        let inner = node("Result", 0.0001, 1.0, &json!({"Actual Loops": loops}), &[]);
        let root = node("Nested Loop", execution_ms, f64::from(loops), &json!({}), &[outer, inner]);
        let found = check_plan(check, json!({"Plan": root, "Execution Time": execution_ms}));
        assert_eq!(found.first().map(|observation| observation.message.as_str()), expected);
    }

    #[test]
    fn finds_many_short_calls() {
        // Two reads for each of the 500,001 calls of the join and its outer side, and of the 1,000,000 of its
        // inner side.
        let told = "about 80.0 of 200 ms may be EXPLAIN's own 4,000,004 clock reads, most of them at Result";
        check_loops(500_000, 200.0, Some(told));
        check_loops(500_000, 2000.0, None);
        check_loops(500, 1.0, None);
    }

    #[test]
    fn processes_read_at_the_same_time() {
        let scan = |loops: u32| {
            let scan =
                node("Seq Scan", 30.0, 600_000.0 / f64::from(loops), &json!({"Actual Loops": loops}), &[]);
            let gather = node("Gather", 40.0, 3.0, &json!({}), &[scan]);
            check_plan(check, json!({"Plan": gather, "Execution Time": 41.0})).len()
        };
        assert_eq!(scan(1), 1);
        assert_eq!(scan(3), 0);
    }

    #[test]
    fn hash_tables_are_built_in_one_call() {
        let hash = node("Hash", 20.0, 900_000.0, &json!({}), &[]);
        assert!(check_plan(check, json!({"Plan": hash, "Execution Time": 21.0})).is_empty());
    }
}
