//! Compiling the query took a large part of its time.
//!
//! Why it matters: JIT pays for long queries alone. Example: a query over many partitions. Remedy: a higher `jit_above_cost`, or
//! `jit = off`. Wrong when: the same prepared statement would not be faster without.

use super::Observation;
use crate::plan::{Plan, Times};

pub(super) const RULE: &str = "jit-cost";
/// pgexplain's threshold.
const MIN_SHARE: f64 = 0.25;

pub(super) fn check(plan: &Plan, _times: &Times) -> Vec<Observation> {
    let (Some(jit_ms), Some(execution_ms)) = (plan.jit_ms, plan.execution_ms) else { return Vec::new() };
    if jit_ms < MIN_SHARE * execution_ms {
        return Vec::new();
    }
    vec![Observation {
        node_id: None,
        saves_ms: jit_ms,
        message: format!("just-in-time compilation took {:.0}% of the time", 100.0 * jit_ms / execution_ms),
        remedy: "Raise jit_above_cost, or SET jit = off for such statements.".to_owned(),
    }]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::{read, times};
    use serde_json::json;

    #[test]
    fn finds_costly_compilation() {
        let observations = |jit_ms: f64| {
            let root =
                json!({"Node Type": "Result", "Actual Total Time": 9, "Actual Rows": 1, "Actual Loops": 1});
            let plan = read::plan(
                json!({"Plan": root, "Execution Time": 10.0, "JIT": {"Timing": {"Total": jit_ms}}}),
            );
            let plan = plan.unwrap();
            check(&plan, &times(&plan).unwrap()).len()
        };
        assert_eq!(observations(5.0), 1);
        assert_eq!(observations(1.0), 0);
    }
}
