//! The identity of a plan: what it does in which order, without what that costs.

use super::expression::{Constants, normal};
use super::identity::{Level, expressions, is_apart, own_qualifiers};
use super::{Node, Plan};
use crate::random;

/// Returns sixteen hexadecimal digits that stay the same from run to run and from version to version of
/// perfkit.
///
/// They depend on the tree of nodes with their types (join types, aggregation strategies and partial modes,
/// parallel or not), relations, aliases, indexes, scan directions, sort and group keys, and conditions. They
/// do not depend on constants and parameters, costs, rows, times, buffers, the number of workers, the numbers
/// of subplans, the schemas and qualifiers that VERBOSE adds, settings, the order of keys, or the format that
/// the plan was read from.
pub(crate) fn shape_hash(plan: &Plan) -> String {
    let mut shape = String::new();
    let mut depths = vec![0_usize; plan.nodes.len()];
    for node in &plan.nodes {
        depths[node.id] = node.parent.map_or(0, |parent| depths[parent] + 1);
        line(plan, node, depths[node.id], &mut shape);
    }
    format!("{:016x}", random::substream(0, &shape))
}

/// Adds a node's line; control characters part its fields, which cannot be in names.
fn line(plan: &Plan, node: &Node, depth: usize, shape: &mut String) {
    let own = own_qualifiers(plan, node);
    let mut add = |tag: char, text: &str| {
        shape.push('\u{1f}');
        shape.push(tag);
        shape.push_str(text);
    };
    add('d', &depth.to_string());
    add('n', &node.node_type);
    if is_apart(node) {
        add('s', &subplan(node));
    }
    if node.text("Scan Direction") == Some("Backward") {
        add('b', "");
    }
    for (tag, name) in [('r', node.scanned()), ('a', node.alias.as_deref()), ('i', node.index.as_deref())] {
        if let Some(name) = name {
            add(tag, name);
        }
    }
    for (key, text) in expressions(node) {
        // It repeats the index conditions below.
        if key != "Recheck Cond" {
            add('e', key);
            add('x', &normal(text, &own, Constants::Hidden));
        }
    }
    shape.push('\n');
}

/// Returns which kind of subplan a node is the root of; CTEs have names, the others would have numbers.
fn subplan(node: &Node) -> String {
    match node.subplan_name.as_deref() {
        Some(name) if name.starts_with("CTE ") => name.to_owned(),
        Some(name) if name.starts_with("InitPlan") => format!("{:?}", Level::InitPlan),
        _ if node.is_init_plan() => format!("{:?}", Level::InitPlan),
        _ => format!("{:?}", Level::SubPlan),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::read;
    use serde_json::{Value, json};

    fn hash(root: &Value) -> String {
        shape_hash(&read::plan(json!({ "Plan": root })).unwrap())
    }

    fn sorted_scan() -> Value {
        json!({"Node Type": "Sort", "Sort Key": ["a DESC"], "Plans": [
            {"Node Type": "Index Scan", "Relation Name": "t", "Alias": "t", "Index Name": "i", "Index Cond": "(a = 5)",
             "Total Cost": 8.3, "Actual Rows": 3, "Actual Loops": 1},
        ]})
    }

    fn check(key: &str, value: Value, same: bool) {
        let mut changed = sorted_scan();
        changed["Plans"][0][key] = value;
        assert_eq!(hash(&changed) == hash(&sorted_scan()), same, "{key}");
    }

    #[test]
    fn ignores_what_does_not_matter() {
        check("Total Cost", json!(9.5), true);
        check("Actual Rows", json!(3.5), true);
        check("Index Cond", json!("(t.a = $1)"), true);
        check("Schema", json!("public"), true);
        check("Output", json!(["t.a"]), true);
        check("Disabled", json!(false), true);
        check("Workers Launched", json!(2), true);
        let mut verbose = sorted_scan();
        verbose["Sort Key"] = json!(["t.a DESC"]);
        assert_eq!(hash(&verbose), hash(&sorted_scan()));
    }

    #[test]
    fn keeps_what_matters() {
        check("Node Type", json!("Index Only Scan"), false);
        check("Index Name", json!("j"), false);
        check("Index Cond", json!("(b = 5)"), false);
        check("Alias", json!("u"), false);
        check("Filter", json!("(b = 5)"), false);
        check("Scan Direction", json!("Backward"), false);
        check("Parallel Aware", json!(true), false);
        let mut other_key = sorted_scan();
        other_key["Sort Key"] = json!(["a"]);
        assert_ne!(hash(&other_key), hash(&sorted_scan()));
    }

    #[test]
    fn numbers_of_subplans_do_not_matter() {
        let plan = |name: &str, relationship: &str, filter: &str| {
            hash(
                &json!({"Node Type": "Seq Scan", "Relation Name": "t", "Alias": "t", "Filter": filter, "Plans": [
                    {"Node Type": "Result", "Parent Relationship": relationship, "Subplan Name": name},
                ]}),
            )
        };
        let expected = plan("InitPlan 1 (returns $0)", "InitPlan", "(a > $0)");
        assert_eq!(plan("InitPlan 3", "InitPlan", "(a > (InitPlan 3).col1)"), expected);
        assert_eq!(plan("expr_1", "InitPlan", "(a > (InitPlan expr_1).col1)"), expected);
        assert_ne!(plan("SubPlan 1", "SubPlan", "(a > $0)"), expected);
    }

    #[test]
    fn never_changes() {
        assert_eq!(hash(&sorted_scan()), "823e9e3cc2cbd1fa");
    }
}
