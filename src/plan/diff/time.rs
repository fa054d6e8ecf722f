//! The statement took longer, or less long, to run or to plan.
//!
//! Why it matters: it is what users feel. Wrong when: always a little: one run each says nothing about the
//! next, so this is told and never decides anything.

use std::cmp::Ordering;

use super::{Change, Pair, Severity, are_timed, percent, trend};
use crate::unit::milliseconds;

/// Times of single runs differ by this much without any reason.
const TOLERANCE: f64 = 0.1;
/// … and by this much, in milliseconds.
const FLOOR_MS: f64 = 0.1;
/// Planning takes a fraction of a millisecond and reads a catalog cache that may be cold.
const PLANNING_FACTOR: f64 = 2.0;
const PLANNING_FLOOR_MS: f64 = 1.0;

pub(super) fn check(pair: &Pair) -> Vec<Change> {
    let mut changes = Vec::new();
    let mut add = |rule, message| {
        changes.push(Change {
            rule,
            severity: Severity::Info,
            before_id: Some(0),
            after_id: Some(0),
            message,
        });
    };
    let (old, new) = (pair.before.times.whole_ms, pair.after.times.whole_ms);
    if are_timed(pair) && trend(old, new, TOLERANCE, FLOOR_MS) != Ordering::Equal {
        add(
            "time",
            format!(
                "{} ms instead of {} ms ({}); times of single runs are noisy",
                milliseconds(new),
                milliseconds(old),
                percent(old, new)
            ),
        );
    }
    if let (Some(old), Some(new)) = (pair.before.plan.planning_ms, pair.after.plan.planning_ms) {
        let (low, high) = (old.min(new), old.max(new));
        if high >= low * PLANNING_FACTOR && high - low >= PLANNING_FLOOR_MS {
            add(
                "planning-time",
                format!(
                    "planning took {} ms instead of {} ms ({}); times of single runs are noisy",
                    milliseconds(new),
                    milliseconds(old),
                    percent(old, new)
                ),
            );
        }
    }
    changes
}

#[cfg(test)]
mod tests {
    use super::super::test_plans;
    use super::*;
    use serde_json::{Value, json};

    fn plan(execution_ms: f64, planning_ms: f64) -> Value {
        json!({
            "Plan": {"Node Type": "Result", "Actual Total Time": execution_ms, "Actual Rows": 1, "Actual Loops": 1},
            "Execution Time": execution_ms, "Planning Time": planning_ms,
        })
    }

    #[test]
    fn tells_times_and_never_judges_them() {
        test_plans::check(check, &plan(5.0, 0.1), &plan(500.0, 0.3), &[("time", Severity::Info)]);
        test_plans::check(check, &plan(5.0, 0.1), &plan(5.0, 20.0), &[("planning-time", Severity::Info)]);
        test_plans::check(check, &plan(5.0, 0.1), &plan(5.4, 0.9), &[]);
        let estimated = json!({"Plan": {"Node Type": "Result", "Total Cost": 5}});
        test_plans::check(check, &estimated, &plan(500.0, 0.1), &[]);
    }
}
