//! The planner expects the statement to be dearer, or cheaper.
//!
//! Why it matters: it is the one figure that a plan has that was not run. Wrong when: cost constants,
//! statistics or the major version differ, since costs are in the units of their own plan; it is a note then.

use std::cmp::Ordering;

use super::{COST_TOLERANCE, Change, Pair, Severity, percent, trend};

const RULE: &str = "cost";

pub(super) fn check(pair: &Pair) -> Vec<Change> {
    change(pair).into_iter().collect()
}

fn change(pair: &Pair) -> Option<Change> {
    let (before, after) = (pair.before.plan.nodes.first()?, pair.after.plan.nodes.first()?);
    let (old, new) = (before.total_cost?, after.total_cost?);
    let were_run = before.actual.is_some() && after.actual.is_some();
    let severity = match trend(old, new, COST_TOLERANCE, 0.0) {
        Ordering::Equal => return None,
        // What was measured counts more than what was expected.
        _ if were_run && before.buffers.is_some() && after.buffers.is_some() => Severity::Info,
        _ if !has_same_unit(pair) => Severity::Info,
        Ordering::Less => Severity::Better,
        Ordering::Greater => Severity::Warning,
    };
    Some(Change {
        rule: RULE,
        severity,
        before_id: Some(0),
        after_id: Some(0),
        message: format!("cost {new:.2} instead of {old:.2} ({})", percent(old, new)),
    })
}

/// Whether no setting that prices something differs.
fn has_same_unit(pair: &Pair) -> bool {
    let priced = |name: &&String| name.ends_with("_cost") || name.starts_with("enable_");
    let (before, after) = (&pair.before.plan.settings, &pair.after.plan.settings);
    before.keys().chain(after.keys()).filter(priced).all(|name| before.get(name) == after.get(name))
}

#[cfg(test)]
mod tests {
    use super::super::test_plans;
    use super::*;
    use serde_json::{Value, json};

    fn plan(cost: f64, settings: &Value) -> Value {
        json!({"Plan": {"Node Type": "Result", "Total Cost": cost}, "Settings": settings})
    }

    #[test]
    fn judges_estimates_in_the_same_unit() {
        let none = json!({});
        let before = plan(100.0, &none);
        test_plans::check(check, &before, &plan(109.0, &none), &[]);
        test_plans::check(check, &before, &plan(150.0, &none), &[(RULE, Severity::Warning)]);
        test_plans::check(check, &before, &plan(50.0, &none), &[(RULE, Severity::Better)]);
        let ssd = json!({"random_page_cost": "1.1"});
        test_plans::check(check, &before, &plan(150.0, &ssd), &[(RULE, Severity::Info)]);
    }

    #[test]
    fn measured_blocks_count_more() {
        let plan = |cost: f64| test_plans::scan("Seq Scan", 5, &json!({ "Total Cost": cost }));
        test_plans::check(check, &plan(100.0), &plan(150.0), &[(RULE, Severity::Info)]);
    }
}
