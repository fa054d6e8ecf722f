//! A plan as folded stacks, the input of flame graph tools (`flamegraph.pl`, inferno, speedscope).

use std::fmt::Write;

use super::node::{Node, Plan};
use super::self_time::Times;

/// Returns one line a node and a part outside the plan: the frames from the statement down, and the self time in
/// whole microseconds (thousandths of a cost unit for a plan that was not timed). What rounds to zero is left out.
pub(crate) fn folded(plan: &Plan, times: &Times, statement: &str) -> String {
    let statement = frame(statement);
    let mut text = String::new();
    let mut line = |stack: &str, ms: f64| {
        let weight = (ms * 1000.0).round();
        if weight >= 1.0 {
            // Writing to a String cannot fail.
            let _ = writeln!(text, "{stack} {weight}");
        }
    };
    line(&format!("{statement};planning"), plan.planning_ms.unwrap_or(0.0));
    let mut stacks: Vec<String> = Vec::with_capacity(plan.nodes.len());
    for node in &plan.nodes {
        let above = node.parent.map_or(statement.as_str(), |parent| stacks[parent].as_str());
        let stack = format!("{above};{}", frame(&title(node)));
        line(&stack, times.nodes[node.id].self_ms);
        stacks.push(stack);
    }
    for (name, ms) in outside(plan, times) {
        line(&format!("{statement};{}", frame(&name)), ms);
    }
    text
}

/// Returns the parts of the time that no node accounts for.
fn outside(plan: &Plan, times: &Times) -> Vec<(String, f64)> {
    let outside = &times.outside;
    let mut parts = vec![
        ("serialization".to_owned(), outside.serialization_ms),
        ("shutdown of workers".to_owned(), outside.parallel_shutdown_ms),
    ];
    // BEFORE triggers run inside their node, so that all triggers together may take longer than what was outside.
    let triggers_ms: f64 = plan.triggers.iter().filter_map(|trigger| trigger.time_ms).sum();
    let scale = if triggers_ms > 0.0 { outside.triggers_ms / triggers_ms } else { 0.0 };
    for trigger in &plan.triggers {
        let relation =
            trigger.relation.as_ref().map(|relation| format!(" on {relation}")).unwrap_or_default();
        let ms = trigger.time_ms.unwrap_or(0.0) * scale;
        parts.push((format!("trigger {}{relation}", trigger.name), ms));
    }
    parts.push(("outside the plan".to_owned(), outside.rest_ms));
    parts
}

fn title(node: &Node) -> String {
    match &node.subplan_name {
        Some(name) => format!("[{name}] {}", node.title()),
        None => node.title(),
    }
}

/// Returns a name that can be a frame: a semicolon ends a frame and a line break ends the line.
fn frame(name: &str) -> String {
    let clean: String = name
        .chars()
        .map(|c| match c {
            ';' => ',',
            c if c.is_control() || matches!(c, '\u{2028}' | '\u{2029}') => ' ',
            c => c,
        })
        .collect();
    let clean = clean.trim();
    if clean.is_empty() { "unnamed".to_owned() } else { clean.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::{read, times_or_costs};
    use serde_json::{Value, json};

    fn check(plan: Value, statement: &str, expected: &[&str]) {
        let plan = read::plan(plan).unwrap();
        let text = folded(&plan, &times_or_costs(&plan), statement);
        assert_eq!(text.lines().collect::<Vec<_>>(), expected);
    }

    fn node(node_type: &str, ms: f64, rest: &Value) -> Value {
        let mut node =
            json!({"Node Type": node_type, "Actual Total Time": ms, "Actual Rows": 1, "Actual Loops": 1});
        node.as_object_mut().unwrap().extend(rest.as_object().unwrap().clone());
        node
    }

    #[test]
    fn stacks_hold_all_of_the_time() {
        let scan = node("Seq Scan", 2.0, &json!({"Relation Name": "t", "Alias": "u"}));
        let init =
            node("Result", 1.0, &json!({"Parent Relationship": "InitPlan", "Subplan Name": "InitPlan 1"}));
        let root = node("Limit", 5.5, &json!({"Plans": [init, scan]}));
        check(
            json!({"Plan": root, "Planning Time": 0.25, "Execution Time": 10.0, "Serialization": {"Time": 0.5},
                   "Triggers": [{"Trigger Name": "a;b", "Relation": "t", "Time": 3.0, "Calls": 2}]}),
            "orders; by day",
            &[
                "orders, by day;planning 250",
                "orders, by day;Limit 2500",
                "orders, by day;Limit;[InitPlan 1] Result 1000",
                "orders, by day;Limit;Seq Scan on t u 2000",
                "orders, by day;serialization 500",
                "orders, by day;trigger a,b on t 3000",
                "orders, by day;outside the plan 1000",
            ],
        );
    }

    #[test]
    fn triggers_that_ran_inside_are_not_counted_twice() {
        let root = node("ModifyTable", 9.0, &json!({"Operation": "Insert", "Relation Name": "t"}));
        check(
            json!({"Plan": root, "Execution Time": 10.0,
                   "Triggers": [{"Trigger Name": "before", "Time": 6.0, "Calls": 1}, {"Trigger Name": "after", "Time": 2.0, "Calls": 1}]}),
            "q",
            &["q;Insert on t 9000", "q;trigger before 750", "q;trigger after 250"],
        );
    }

    #[test]
    fn names_cannot_break_the_format() {
        let scan = node("Seq Scan", 1.0, &json!({"Relation Name": "a;\nb\u{2028}\u{0}c 12"}));
        check(json!({"Plan": scan, "Execution Time": 1.0}), "\r\n", &["unnamed;Seq Scan on a, b  c 12 1000"]);
    }

    #[test]
    fn estimates_weigh_their_cost() {
        let scan = json!({"Node Type": "Seq Scan", "Relation Name": "a", "Total Cost": 30.0});
        check(
            json!({"Plan": {"Node Type": "Sort", "Total Cost": 40.5, "Plans": [scan]}}),
            "q",
            &["q;Sort 10500", "q;Sort;Seq Scan on a 30000"],
        );
    }
}
