//! A join pairs each row with each: there is no condition between its two sides.
//!
//! Why it matters: the result is the product of both, and all above works through it. Example: `FROM orders, customers WHERE …`
//! where the join condition was forgotten. Remedy: the missing condition. Wrong when: the product is wanted, as of
//! days and shops; a statement that says CROSS JOIN is not reported, nor are sides that are each bound to the same constant.

use super::{Observation, Subject};
use crate::plan::{Node, rows};
use crate::query::condition::{self, Against, Operator};
use crate::unit::estimate;

pub(super) const RULE: &str = "cartesian-product";
/// Pairs from which on a product is large.
const MIN_PAIRS: f64 = 1000.0;

pub(super) fn check(subject: &Subject) -> Vec<Observation> {
    let words: Vec<String> =
        subject.sql.unwrap_or_default().to_lowercase().split_whitespace().map(str::to_owned).collect();
    if words.windows(2).any(|pair| pair == ["cross", "join"]) {
        return Vec::new();
    }
    subject
        .plan
        .nodes
        .iter()
        .filter(|node| node.is_a("Nested Loop"))
        .filter_map(|join| observe(subject, join))
        .collect()
}

/// Whether this rule tells of a join.
fn observe(subject: &Subject, join: &Node) -> Option<Observation> {
    let plan = subject.plan;
    let is_plain = join.text("Join Type").is_none_or(|kind| matches!(kind, "Inner" | "Left"));
    if !is_plain || join.text("Join Filter").is_some() {
        return None;
    }
    let mut inputs = rows::inputs(plan, join);
    let (outer, inner) = (inputs.next()?, inputs.next()?);
    let (outer_rows, inner_rows) = (rows_each(outer)?, rows_each(inner)?);
    if outer_rows < 1.5 || inner_rows < 1.5 || outer_rows * inner_rows < MIN_PAIRS {
        return None;
    }
    let subtree = |top: &'_ Node| -> Vec<&Node> {
        std::iter::once(&plan.nodes[top.id]).chain(plan.descendants(top.id)).collect()
    };
    let (outer_nodes, inner_nodes) = (subtree(outer), subtree(inner));
    // Where a function or subquery could take its arguments from the outer side, that is shown with VERBOSE alone.
    let can_hide = |node: &&Node| {
        matches!(
            node.kind.as_str(),
            "Function Scan" | "Table Function Scan" | "ProjectSet" | "Result" | "Limit" | "Values Scan"
        )
    };
    let aliases: Vec<&str> = outer_nodes.iter().filter_map(|node| node.alias.as_deref()).collect();
    let is_bound = inner_nodes.iter().any(|node| {
        can_hide(node) || node.expressions().any(|text| aliases.iter().any(|alias| mentions(text, alias)))
    });
    if is_bound || share_a_constant(&outer_nodes, &inner_nodes) {
        return None;
    }
    // Without the product the inner side is read once, and nothing above has its rows to work through.
    let loops = inner.actual.map_or(outer_rows, |actual| actual.loops);
    let above_ms: f64 = plan.ancestors(join.id).map(|node| subject.self_ms(node.id)).sum();
    let saves =
        subject.self_ms(join.id) + above_ms + subject.total_ms(inner.id) * (1.0 - 1.0 / loops.max(1.0));
    let name = |node: &Node, nodes: &[&Node]| {
        let scanned = nodes.iter().find_map(|node| node.scanned());
        scanned.map_or_else(|| node.title(), str::to_owned)
    };
    let (left, right) = (name(outer, &outer_nodes), name(inner, &inner_nodes));
    Some(Observation {
        node_id: Some(join.id),
        saves: Some(saves),
        message: format!(
            "no condition joins {left} with {right}: {} × {} rows",
            estimate(outer_rows),
            estimate(inner_rows)
        ),
        remedy: format!(
            "Add the condition between {left} and {right}, or write CROSS JOIN where every pair is wanted."
        ),
        index: None,
    })
}

/// Returns the rows of an execution, as measured, else as expected.
fn rows_each(node: &Node) -> Option<f64> {
    node.actual.map(|actual| actual.rows).or(node.plan_rows)
}

/// Whether an expression names a column of this alias.
fn mentions(text: &str, alias: &str) -> bool {
    let is_name = |c: char| c.is_alphanumeric() || c == '_' || c == '$';
    let is_start = |at: usize| !text[..at].chars().next_back().is_some_and(is_name);
    let plain = format!("{alias}.");
    let quoted = format!("\"{alias}\".");
    text.match_indices(&plain).any(|(at, _)| is_start(at)) || text.contains(&quoted)
}

/// Whether both sides are bound to one constant, as `a.x = b.x AND a.x = 5` becomes: then the product is what the
/// condition asks for.
fn share_a_constant(outer: &[&Node], inner: &[&Node]) -> bool {
    let constants = |nodes: &[&Node]| -> Vec<Against> {
        let texts = nodes.iter().flat_map(|node| {
            ["Index Cond", "Recheck Cond", "Filter"].into_iter().filter_map(|key| node.text(key))
        });
        texts
            .flat_map(condition::conditions)
            .filter(|condition| condition.operator == Operator::Equal)
            .map(|condition| condition.against)
            .filter(|against| matches!(against, Against::Constant(_) | Against::Parameter))
            .collect()
    };
    let outer = constants(outer);
    constants(inner).iter().any(|constant| outer.contains(constant))
}

#[cfg(test)]
mod tests {
    use super::super::test_plans::{check_plan, node, saves};
    use super::*;
    use serde_json::{Value, json};

    fn join(outer: &Value, inner: &Value, rest: &Value) -> Value {
        let scan = |name: &str, side: &str, rest: &Value| {
            let mut properties = json!({"Relation Name": name, "Alias": name, "Parent Relationship": side});
            properties.as_object_mut().unwrap().extend(rest.as_object().unwrap().clone());
            node("Seq Scan", 1.0, 200.0, &properties, &[])
        };
        node("Nested Loop", 40.0, 40_000.0, rest, &[scan("o", "Outer", outer), scan("c", "Inner", inner)])
    }

    #[test]
    fn finds_products() {
        let none = json!({});
        assert_eq!(saves(check, &join(&none, &none, &none)), [38.0]);
        for (outer, inner, rest) in [
            (json!({}), json!({}), json!({"Join Filter": "(o.a = c.a)"})),
            (json!({}), json!({"Index Cond": "(c.id = o.id)"}), json!({})),
            (json!({}), json!({}), json!({"Join Type": "Semi"})),
            (json!({"Actual Rows": 1}), json!({}), json!({})),
            (json!({"Filter": "(o.shop = 5)"}), json!({"Filter": "(c.shop = 5)"}), json!({})),
            (json!({}), json!({"Node Type": "Function Scan"}), json!({})),
        ] {
            assert!(saves(check, &join(&outer, &inner, &rest)).is_empty(), "{outer} {inner} {rest}");
        }
        // Another alias that ends in the same letter.
        assert_eq!(saves(check, &join(&none, &json!({"Filter": "(lo.a = 1)"}), &none)), [38.0]);
        let found = check_plan(check, json!({"Plan": join(&none, &none, &none)}));
        assert_eq!(found[0].message, "no condition joins o with c: 200 × 200 rows");
    }
}
