//! Which major version of PostgreSQL a plan can come from, by what only some of them print.

use std::ops::RangeInclusive;

use crate::plan::Plan;

/// Far beyond any version there is.
const LATEST: u32 = 99;

/// Returns the majors that a plan can come from.
pub(super) fn majors(plan: &Plan) -> RangeInclusive<u32> {
    let has = |key: &str| plan.nodes.iter().any(|node| node.details.contains_key(key));
    let init_plans = || plan.nodes.iter().filter_map(|node| node.subplan_name.as_deref());
    let (mut first, mut last) = (0, LATEST);
    for (holds, major) in [
        (plan.planning_buffers.is_some(), 13),
        (has("Async Capable"), 14),
        (plan.planner_memory_kb.is_some() || plan.serialization.is_some(), 17),
        // A number, but without what it returns.
        (init_plans().any(|name| name.starts_with("InitPlan") && !name.contains("returns")), 17),
        (plan.has_fractional_rows || has("Disabled") || has("Index Searches"), 18),
    ] {
        if holds {
            first = first.max(major);
        }
    }
    for (holds, major) in [
        (has("Params Evaluated") || init_plans().any(|name| name.contains("(returns $")), 16),
        (plan.is_analyzed() && !plan.has_fractional_rows, 17),
    ] {
        if holds {
            last = last.min(major);
        }
    }
    first..=last
}

/// Writes a range of majors, as in `PostgreSQL 18 or later`.
pub(super) fn described(majors: &RangeInclusive<u32>) -> String {
    match (*majors.start(), *majors.end()) {
        (first, last) if first == last => format!("PostgreSQL {first}"),
        (0, last) => format!("PostgreSQL {last} or earlier"),
        (first, LATEST) => format!("PostgreSQL {first} or later"),
        (first, last) => format!("PostgreSQL {first} to {last}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::read;
    use serde_json::{Value, json};

    fn check(plan: Value, expected: &str) {
        assert_eq!(described(&majors(&read::plan(plan).unwrap())), expected);
    }

    #[test]
    fn tells_versions_by_what_they_print() {
        let run = |rows: Value| json!({"Node Type": "Result", "Actual Rows": rows, "Actual Loops": 1});
        check(json!({"Plan": run(json!(1))}), "PostgreSQL 17 or earlier");
        check(json!({"Plan": run(json!(1.0))}), "PostgreSQL 18 or later");
        check(json!({"Plan": run(json!(1)), "Serialization": {"Time": 1}}), "PostgreSQL 17");
        let init = |name: &str| {
            let mut plan = run(json!(1));
            plan["Async Capable"] = json!(false);
            plan["Plans"] =
                json!([{"Node Type": "Result", "Parent Relationship": "InitPlan", "Subplan Name": name}]);
            json!({ "Plan": plan })
        };
        check(init("InitPlan 1 (returns $0)"), "PostgreSQL 14 to 16");
        check(init("InitPlan 1"), "PostgreSQL 17");
    }
}
