//! The plan uses a method that a setting has switched off.
//!
//! Why it matters: there was no other way, and all costs above are distorted: up to PostgreSQL 17 by
//! 10,000,000,000 a node, so that the planner hardly sees the difference between alternatives. Example:
//! `enable_seqscan = off` and no index for the condition. Remedy: reset the setting. Wrong when: it was
//! switched off to see just this plan.

use super::{Observation, Subject};
use crate::plan::{Node, Plan};

pub(super) const RULE: &str = "disabled-node";
/// What a method costs in addition when it is switched off (`disable_cost` of costsize.c, up to PostgreSQL
/// 17).
const DISABLE_COST: f64 = 1e10;

pub(super) fn check(subject: &Subject) -> Vec<Observation> {
    let plan = subject.plan;
    plan.nodes
        .iter()
        .filter(|node| is_disabled(plan, node))
        .map(|node| {
            let setting = setting(node);
            let off = setting.map_or_else(|| "by a setting".to_owned(), |name| format!("by {name} = off"));
            let reset = setting.map_or_else(
                || "RESET the enable_… setting that is off".to_owned(),
                |name| format!("RESET {name}"),
            );
            Observation {
                node_id: Some(node.id),
                message: format!("{} is used though it is switched off {off}", node.title()),
                remedy: format!(
                    "The planner found no other way{}. {reset} to let it choose freely{}.",
                    if node.is_a("Seq Scan") { ": no index serves the condition or the order" } else { "" },
                    if counts_disabled_nodes(node) { "" } else { ", and trust no cost of this plan" }
                ),
                ..Observation::default()
            }
        })
        .collect()
}

/// Whether a node itself, and not only something below it, is switched off.
pub(super) fn is_disabled(plan: &Plan, node: &Node) -> bool {
    let is_expensive = |node: &Node| node.total_cost.is_some_and(|cost| cost >= DISABLE_COST);
    let starts_expensively =
        node.startup_cost.is_some_and(|cost| (DISABLE_COST..2.0 * DISABLE_COST).contains(&cost));
    match node.detail("Disabled").and_then(serde_json::Value::as_bool) {
        Some(is_disabled) => is_disabled,
        // It is part of what a node costs to start. It is passed on upwards, and multiplied by nested loops;
        // costs that are still higher are the statement's own.
        None => starts_expensively && !plan.children(node.id).any(is_expensive),
    }
}

/// Whether the planner counts disabled nodes apart from their costs (PostgreSQL 18).
fn counts_disabled_nodes(node: &Node) -> bool {
    node.detail("Disabled").is_some()
}

/// Returns the setting that switches a node's method off (manual, "Planner Method Configuration").
fn setting(node: &Node) -> Option<&'static str> {
    Some(match node.kind.as_str() {
        "Seq Scan" => "enable_seqscan",
        "Index Scan" => "enable_indexscan",
        "Index Only Scan" => "enable_indexonlyscan",
        "Bitmap Heap Scan" => "enable_bitmapscan",
        "Tid Scan" | "Tid Range Scan" => "enable_tidscan",
        "Sort" => "enable_sort",
        "Aggregate" | "SetOp" if node.text("Strategy") == Some("Hashed") => "enable_hashagg",
        "Materialize" => "enable_material",
        "Nested Loop" => "enable_nestloop",
        "Hash Join" => "enable_hashjoin",
        "Merge Join" => "enable_mergejoin",
        "Gather Merge" => "enable_gathermerge",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::super::test_plans::check_plan;
    use super::*;
    use serde_json::{Value, json};

    fn check_nodes(root: &Value, expected: &[&str]) {
        let found = check_plan(check, json!({"Plan": root}));
        let messages: Vec<&str> = found.iter().map(|observation| observation.message.as_str()).collect();
        assert_eq!(messages, expected);
    }

    fn scan(rest: &Value) -> Value {
        let mut scan = json!({"Node Type": "Seq Scan", "Relation Name": "t"});
        scan.as_object_mut().unwrap().extend(rest.as_object().unwrap().clone());
        scan
    }

    #[test]
    fn finds_disabled_nodes() {
        let message = "Seq Scan on t is used though it is switched off by enable_seqscan = off";
        check_nodes(&scan(&json!({"Disabled": true})), &[message]);
        check_nodes(&scan(&json!({"Disabled": false, "Total Cost": 3e10})), &[]);
        check_nodes(&scan(&json!({"Startup Cost": 1e10, "Total Cost": 10_000_000_035.5})), &[message]);
        check_nodes(&scan(&json!({"Startup Cost": 0.0, "Total Cost": 35.5})), &[]);
        check_nodes(&scan(&json!({"Startup Cost": 35.5, "Total Cost": 10_000_000_035.5})), &[]);
        check_nodes(&scan(&json!({"Startup Cost": 3e18, "Total Cost": 4e18})), &[]);
    }

    #[test]
    fn the_cost_is_passed_on() {
        let inner = scan(&json!({"Startup Cost": 1e10, "Total Cost": 10_000_000_035.5}));
        let join = json!({"Node Type": "Nested Loop", "Startup Cost": 1e10, "Total Cost": 50_000_000_100.0,
                          "Plans": [inner]});
        check_nodes(&join, &["Seq Scan on t is used though it is switched off by enable_seqscan = off"]);
    }
}
