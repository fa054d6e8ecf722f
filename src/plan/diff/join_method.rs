//! The same tables are joined by another method: nested loop, hash or merge.
//!
//! Why it matters: a nested loop over many outer rows is the usual form of a plan that went wrong. It is
//! judged by its work; a nested loop that ran its inner side a thousand times where a hash join read it once
//! is a warning in any case.

use super::{Change, Pair, Severity, severity_of_work};
use crate::plan::{Node, Plan};
use crate::unit::estimate;

const RULE: &str = "join-method";
/// Inner scans of a nested loop that are too many (pgexplain Go and pgMustard: 1000).
const MANY_LOOPS: f64 = 1000.0;

pub(super) fn check(pair: &Pair) -> Vec<Change> {
    pair.nodes()
        .filter(|(before, after)| before.is_join() && after.is_join() && before.kind != after.kind)
        .map(|(before, after)| {
            let by_work = severity_of_work(before, after);
            let is_loop = after.is_a("Nested Loop") && loops(&pair.after.plan, after) >= MANY_LOOPS;
            let severity = if is_loop && by_work != Severity::Better { Severity::Warning } else { by_work };
            Change {
                rule: RULE,
                severity,
                before_id: Some(before.id),
                after_id: Some(after.id),
                message: format!(
                    "{} instead of {}",
                    described(&pair.after.plan, after),
                    described(&pair.before.plan, before)
                ),
            }
        })
        .collect()
}

/// Returns how often the inner side was run.
fn loops(plan: &Plan, join: &Node) -> f64 {
    plan.children(join.id)
        .filter(|child| child.subplan_name.is_none())
        .nth(1)
        .and_then(|inner| inner.actual)
        .map_or(0.0, |actual| actual.loops)
}

fn described(plan: &Plan, join: &Node) -> String {
    let loops = if join.is_a("Nested Loop") { loops(plan, join) } else { 0.0 };
    let repeated = if loops > 0.0 { format!(" ({} inner scans)", estimate(loops)) } else { String::new() };
    format!("{}{repeated}", join.title())
}

#[cfg(test)]
mod tests {
    use super::super::test_plans::{self, node};
    use super::*;
    use serde_json::{Value, json};

    fn join(method: &str, loops: u32, blocks: u32) -> Value {
        let scan = |alias: &str, loops: u32| {
            node("Seq Scan", &json!({"Relation Name": alias, "Alias": alias, "Actual Loops": loops}), &[])
        };
        node(
            method,
            &json!({"Shared Hit Blocks": blocks, "Shared Read Blocks": 0}),
            &[scan("a", 1), scan("b", loops)],
        )
    }

    #[test]
    fn judges_by_work() {
        let check = |before: &Value, after: &Value, expected: Option<Severity>| {
            let expected: Vec<(&str, Severity)> =
                expected.map(|severity| (RULE, severity)).into_iter().collect();
            test_plans::check(check, before, after, &expected);
        };
        let hash = join("Hash Join", 1, 200);
        check(&hash, &join("Nested Loop", 50, 5000), Some(Severity::Warning));
        check(&hash, &join("Nested Loop", 5, 20), Some(Severity::Better));
        check(&hash, &join("Nested Loop", 5000, 200), Some(Severity::Warning));
        check(&hash, &join("Merge Join", 1, 200), Some(Severity::Info));
        check(&hash, &join("Hash Join", 1, 5000), None);
    }
}
