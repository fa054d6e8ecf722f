//! The planner's row estimate of a node got much worse, or much better.
//!
//! Why it matters: the plan may still be the same, but the next one will follow from the wrong number.
//! Remedy: ANALYZE, a higher statistics target, extended statistics. It is reported where it starts, not in
//! every node above.

use super::{Change, Pair, Severity};
use crate::plan::misestimate::verdict;
use crate::plan::rows::{self, Estimate};
use crate::unit;

/// A q-error that grew by less is no drift (regresql: 2).
const MIN_GROWTH: f64 = 2.0;
/// A q-error below is good enough for the planner (regresql, and every tool that marks estimates: 10).
const MIN_Q_ERROR: f64 = 10.0;

pub(super) fn check(pair: &Pair) -> Vec<Change> {
    let drifts: Vec<Option<Severity>> = pair
        .after
        .plan
        .nodes
        .iter()
        .map(|node| drift(pair, node.id).map(|(severity, ..)| severity))
        .collect();
    let starts_here = |id: usize, severity: Severity| {
        !pair.after.plan.descendants(id).any(|below| drifts[below.id] == Some(severity))
    };
    pair.after
        .plan
        .nodes
        .iter()
        .filter_map(|node| Some((node, drift(pair, node.id)?)))
        .filter(|(node, (severity, ..))| starts_here(node.id, *severity))
        .map(|(node, (severity, old, new))| Change {
            rule: if severity == Severity::Warning { "estimate-drift" } else { "estimate-improved" },
            severity,
            before_id: pair.matches.before(node.id),
            after_id: Some(node.id),
            message: format!(
                "row estimate of {} is off by {}× instead of {}× ({})",
                node.title(),
                unit::estimate(new.factor),
                unit::estimate(old.factor),
                verdict(&new)
            ),
        })
        .collect()
}

/// Returns how a node's q-error changed, with the estimate before and after.
fn drift(pair: &Pair, after: usize) -> Option<(Severity, Estimate, Estimate)> {
    let before = pair.matches.before(after)?;
    // A Hash passes on what its child says, and may serve another side of the join.
    if pair.after.plan.nodes[after].is_a("Hash") {
        return None;
    }
    let judged = |estimate: &Estimate| estimate.excuse.is_none();
    let old = rows::estimate(&pair.before.plan, before).filter(judged)?;
    let new = rows::estimate(&pair.after.plan, after).filter(judged)?;
    let severity = if new.factor >= MIN_Q_ERROR && new.factor >= old.factor * MIN_GROWTH {
        Severity::Warning
    } else if old.factor >= MIN_Q_ERROR && old.factor >= new.factor * MIN_GROWTH {
        Severity::Better
    } else {
        return None;
    };
    Some((severity, old, new))
}

#[cfg(test)]
mod tests {
    use super::super::test_plans::{self, node, scan};
    use super::*;
    use serde_json::{Value, json};

    fn plan(expected: f64, rows: f64) -> Value {
        let rows = json!({"Plan Rows": expected, "Actual Rows": rows});
        node("Hash Join", &rows, &[scan("Seq Scan", 5, &rows)])
    }

    #[test]
    fn reports_where_drift_starts() {
        let (good, bad) = (plan(100.0, 110.5), plan(10.0, 1000.5));
        test_plans::check(check, &good, &bad, &[("estimate-drift", Severity::Warning)]);
        assert_eq!(test_plans::changes(check, &good, &bad)[0].after_id, Some(1));
        test_plans::check(check, &bad, &good, &[("estimate-improved", Severity::Better)]);
        test_plans::check(check, &bad, &plan(11.0, 1300.5), &[]);
        test_plans::check(check, &good, &plan(20.0, 100.5), &[]);
    }
}
