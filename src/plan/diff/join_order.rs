//! The tables are joined in another order, or outer and inner side of a join were swapped.
//!
//! Why it matters: what is joined first decides how many rows the later joins see. Judged by the work of the
//! whole join.

use super::{Change, Pair, severity_of_work};
use crate::plan::identity::is_apart;
use crate::plan::{Node, Plan};

const RULE: &str = "join-order";

pub(super) fn check(pair: &Pair) -> Vec<Change> {
    let is_top = |plan: &Plan, node: &Node| node.is_join() && !joins_above(plan, node);
    pair.nodes()
        .filter(|(before, after)| is_top(&pair.before.plan, before) && is_top(&pair.after.plan, after))
        .filter_map(|(before, after)| {
            let old = order(&pair.before.plan, before.id, false);
            let new = order(&pair.after.plan, after.id, false);
            let is_same_order =
                order(&pair.before.plan, before.id, true) == order(&pair.after.plan, after.id, true);
            // A join of another method has its sides as the method wants them.
            if old == new || (is_same_order && before.kind != after.kind) {
                return None;
            }
            Some(Change {
                rule: RULE,
                severity: severity_of_work(before, after),
                before_id: Some(before.id),
                after_id: Some(after.id),
                message: format!("joins {new} instead of {old}"),
            })
        })
        .collect()
}

/// Whether a join above, in the same part of the statement, includes this one.
fn joins_above(plan: &Plan, node: &Node) -> bool {
    let mut child = node;
    for above in plan.ancestors(node.id) {
        if is_apart(child) {
            return false;
        }
        if above.is_join() {
            return true;
        }
        child = above;
    }
    false
}

/// Writes the order of joins below a node, as in `((a ⋈ b) ⋈ c)`, outer side first or, sorted, the same for
/// swapped sides.
fn order(plan: &Plan, id: usize, sorts: bool) -> String {
    let node = &plan.nodes[id];
    if let Some(alias) = &node.alias {
        return alias.clone();
    }
    let mut sides: Vec<String> = plan
        .children(id)
        .filter(|child| !is_apart(child))
        .map(|child| order(plan, child.id, sorts))
        .filter(|side| !side.is_empty())
        .collect();
    if sorts {
        sides.sort();
    }
    match &sides[..] {
        [] => String::new(),
        [one] => one.clone(),
        several if node.is_join() => format!("({})", several.join(" ⋈ ")),
        // Partitions, and the parts of a UNION.
        [first, ..] => format!("{first} …"),
    }
}

#[cfg(test)]
mod tests {
    use super::super::Severity;
    use super::super::test_plans::{self, node};
    use super::*;
    use serde_json::{Value, json};

    fn scan(alias: &str) -> Value {
        node("Seq Scan", &json!({"Relation Name": alias, "Alias": alias}), &[])
    }

    fn join(outer: Value, inner: Value) -> Value {
        node("Hash Join", &json!({}), &[outer, node("Hash", &json!({}), &[inner])])
    }

    #[test]
    fn finds_another_order() {
        let before = join(join(scan("a"), scan("b")), scan("c"));
        let after = join(scan("a"), join(scan("b"), scan("c")));
        test_plans::check(check, &before, &after, &[(RULE, Severity::Info)]);
        let changes = test_plans::changes(check, &before, &after);
        assert_eq!(changes[0].message, "joins (a ⋈ (b ⋈ c)) instead of ((a ⋈ b) ⋈ c)");
        test_plans::check(check, &before, &before, &[]);
    }

    #[test]
    fn finds_swapped_sides() {
        let (before, after) = (join(scan("a"), scan("b")), join(scan("b"), scan("a")));
        test_plans::check(check, &before, &after, &[(RULE, Severity::Info)]);
        let merge = node("Merge Join", &json!({}), &[scan("b"), scan("a")]);
        test_plans::check(check, &before, &merge, &[]);
    }
}
