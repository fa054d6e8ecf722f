//! More or fewer parts are read: partitions that are pruned no longer, or new ones.
//!
//! Why it matters: a condition that no longer prunes reads the whole table. Wrong when: partitions were
//! added, and the statement wants their rows.

use super::{Change, Pair, Severity};
use crate::plan::{Node, Plan};

const RULE: &str = "partitions";

pub(super) fn check(pair: &Pair) -> Vec<Change> {
    let mut changes: Vec<Change> = pair
        .nodes()
        .filter(|(before, after)| is_append(before) && is_append(after))
        .filter_map(|(before, after)| {
            let (old, new) = (before.children.len(), after.children.len());
            (old != new).then(|| Change {
                rule: RULE,
                severity: if new > old { Severity::Warning } else { Severity::Better },
                before_id: Some(before.id),
                after_id: Some(after.id),
                message: format!("{new} parts are read instead of {old}"),
            })
        })
        .collect();
    // An Append of one part is left out of the plan.
    for node in pair.added().filter(|node| is_append(node) && has_survivor(pair, node, &pair.after.plan)) {
        changes.push(Change {
            rule: RULE,
            severity: Severity::Warning,
            before_id: None,
            after_id: Some(node.id),
            message: format!("{} parts are read instead of 1", node.children.len()),
        });
    }
    changes
}

fn is_append(node: &Node) -> bool {
    matches!(node.kind.as_str(), "Append" | "Merge Append")
}

/// Whether a part of a new Append was there before.
fn has_survivor(pair: &Pair, append: &Node, plan: &Plan) -> bool {
    plan.children(append.id).any(|part| pair.matches.before(part.id).is_some())
}

#[cfg(test)]
mod tests {
    use super::super::test_plans::{self, node};
    use super::*;
    use serde_json::{Value, json};

    fn part(number: usize) -> Value {
        let name = json!({"Relation Name": format!("p{number}"), "Alias": format!("p_{number}")});
        node("Seq Scan", &name, &[])
    }

    fn parts(n: usize) -> Value {
        let parts: Vec<Value> = (1..=n).map(part).collect();
        node("Append", &json!({}), &parts)
    }

    #[test]
    fn counts_parts() {
        test_plans::check(check, &parts(2), &parts(5), &[(RULE, Severity::Warning)]);
        test_plans::check(check, &parts(5), &parts(2), &[(RULE, Severity::Better)]);
        test_plans::check(check, &part(1), &parts(5), &[(RULE, Severity::Warning)]);
        test_plans::check(check, &parts(5), &parts(5), &[]);
    }
}
