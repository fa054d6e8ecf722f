//! EXPLAIN (FORMAT JSON).

use serde_json::{Map, Value};

use crate::plan::node::{Actual, Buffers, Node, Plan, Trigger};

/// JSON that is not a plan.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub(crate) enum Error {
    #[error("there is no object with the key \"Plan\"")]
    NoPlan,
    #[error("node {id} has no \"Node Type\"")]
    NoNodeType { id: usize },
}

/// Reads one plan: the array that EXPLAIN prints, or the object in it.
pub(crate) fn plan(json: Value) -> Result<Plan, Error> {
    let mut top = match json {
        Value::Array(mut plans) if !plans.is_empty() => plans.swap_remove(0),
        other => other,
    };
    let top = top.as_object_mut().ok_or(Error::NoPlan)?;
    let Some(Value::Object(root)) = top.remove("Plan") else { return Err(Error::NoPlan) };
    let mut plan = Plan {
        nodes: Vec::new(),
        planning_ms: top.get("Planning Time").and_then(Value::as_f64),
        execution_ms: top.get("Execution Time").and_then(Value::as_f64),
        triggers: top
            .get("Triggers")
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
            .filter_map(trigger)
            .collect(),
        jit_ms: top.get("JIT").and_then(|jit| jit.pointer("/Timing/Total")).and_then(Value::as_f64),
        serialization_ms: top.get("Serialization").and_then(|part| part.get("Time")).and_then(Value::as_f64),
    };
    node(&mut plan, root, None)?;
    Ok(plan)
}

fn node(plan: &mut Plan, mut details: Map<String, Value>, parent: Option<usize>) -> Result<(), Error> {
    let id = plan.nodes.len();
    let children = details.remove("Plans");
    let mut text = |key: &str| match details.remove(key) {
        Some(Value::String(text)) => Some(text),
        _ => None,
    };
    let node_type = text("Node Type").ok_or(Error::NoNodeType { id })?;
    let (relationship, subplan_name) = (text("Parent Relationship"), text("Subplan Name"));
    let (relation, alias, index) = (text("Relation Name"), text("Alias"), text("Index Name"));
    let (strategy, partial_mode, join_type) = (text("Strategy"), text("Partial Mode"), text("Join Type"));
    let (operation, command) = (text("Operation"), text("Command"));
    let is_parallel = matches!(details.get("Parallel Aware"), Some(Value::Bool(true)));
    let mut number = |key: &str| details.remove(key).and_then(|value| value.as_f64());
    let (total_cost, plan_rows) = (number("Total Cost"), number("Plan Rows"));
    let (total_ms, rows, loops) =
        (number("Actual Total Time"), number("Actual Rows"), number("Actual Loops"));
    let actual = rows.zip(loops).map(|(rows, loops)| Actual { total_ms, rows, loops });
    let buffers = buffers(&details);
    let node_type = display_type(
        &node_type,
        is_parallel,
        strategy.as_deref(),
        partial_mode.as_deref(),
        join_type.as_deref(),
        operation.or(command).as_deref(),
    );
    plan.nodes.push(Node {
        id,
        parent,
        node_type,
        relationship,
        subplan_name,
        relation,
        alias,
        index,
        total_cost,
        plan_rows,
        actual,
        buffers,
        details,
    });
    if let Some(Value::Array(children)) = children {
        for child in children {
            if let Value::Object(child) = child {
                node(plan, child, Some(id))?;
            }
        }
    }
    Ok(())
}

/// Writes a node's type as the text format does, which people know.
fn display_type(
    node_type: &str,
    is_parallel: bool,
    strategy: Option<&str>,
    partial_mode: Option<&str>,
    join_type: Option<&str>,
    operation: Option<&str>,
) -> String {
    let name = match (node_type, strategy, operation) {
        ("Aggregate", Some("Sorted"), _) => "GroupAggregate".to_owned(),
        ("Aggregate", Some("Hashed"), _) => "HashAggregate".to_owned(),
        ("Aggregate", Some("Mixed"), _) => "MixedAggregate".to_owned(),
        ("SetOp", Some("Hashed"), Some(command)) => format!("HashSetOp {command}"),
        ("SetOp", _, Some(command)) => format!("SetOp {command}"),
        ("ModifyTable" | "Foreign Scan", _, Some(operation)) if operation != "Select" => operation.to_owned(),
        _ => node_type.to_owned(),
    };
    let name = match join_type {
        None | Some("Inner") => name,
        Some(join) => match name.strip_suffix(" Join") {
            Some(method) => format!("{method} {join} Join"),
            None => format!("{name} {join} Join"),
        },
    };
    let partial = match partial_mode {
        None | Some("Simple") => "",
        Some("Partial") => "Partial ",
        Some(_) => "Finalize ",
    };
    let parallel = if is_parallel { "Parallel " } else { "" };
    format!("{parallel}{partial}{name}")
}

fn buffers(details: &Map<String, Value>) -> Option<Buffers> {
    let blocks = |key: &str| details.get(key).and_then(Value::as_u64);
    blocks("Shared Hit Blocks").map(|shared_hit| Buffers {
        shared_hit,
        shared_read: blocks("Shared Read Blocks").unwrap_or(0),
        shared_dirtied: blocks("Shared Dirtied Blocks").unwrap_or(0),
        shared_written: blocks("Shared Written Blocks").unwrap_or(0),
        temp_read: blocks("Temp Read Blocks").unwrap_or(0),
        temp_written: blocks("Temp Written Blocks").unwrap_or(0),
    })
}

fn trigger(json: &Value) -> Option<Trigger> {
    let text = |key: &str| json.get(key).and_then(Value::as_str).map(str::to_owned);
    Some(Trigger {
        name: text("Constraint Name").or_else(|| text("Trigger Name"))?,
        relation: text("Relation"),
        time_ms: json.get("Time").and_then(Value::as_f64).unwrap_or(0.0),
        calls: json.get("Calls").and_then(Value::as_f64).unwrap_or(0.0),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn reads_nodes_in_order() {
        let plan = plan(json!([{
            "Plan": {"Node Type": "Nested Loop", "Join Type": "Left", "Actual Rows": 2.5, "Actual Loops": 1, "Plans": [
                {"Node Type": "Seq Scan", "Relation Name": "t", "Alias": "a", "Parallel Aware": true},
                {"Node Type": "Index Scan", "Relation Name": "u", "Alias": "u", "Index Name": "i", "New Key": 7},
            ]},
            "Execution Time": 1.5,
            "Triggers": [{"Trigger Name": "x", "Time": 0.2, "Calls": 3}],
        }]))
        .unwrap();
        let titles: Vec<String> = plan.nodes.iter().map(Node::title).collect();
        assert_eq!(titles, ["Nested Loop Left Join", "Parallel Seq Scan on t a", "Index Scan using i on u"]);
        assert_eq!(plan.nodes[2].parent, Some(0));
        assert_eq!(plan.nodes[2].number("New Key"), Some(7.0));
        assert_eq!(plan.nodes[0].rows_in_all(), Some(2.5));
        assert_eq!(plan.triggers.len(), 1);
    }

    #[test]
    fn names_aggregates_as_the_text_format_does() {
        for (strategy, mode, expected) in [
            ("Plain", "Simple", "Aggregate"),
            ("Hashed", "Partial", "Partial HashAggregate"),
            ("Sorted", "Finalize", "Finalize GroupAggregate"),
        ] {
            let name = display_type("Aggregate", false, Some(strategy), Some(mode), None, None);
            assert_eq!(name, expected);
        }
    }

    #[test]
    fn refuses_what_is_no_plan() {
        assert_eq!(plan(json!([])).unwrap_err(), Error::NoPlan);
        assert_eq!(plan(json!({"Plan": {}})).unwrap_err(), Error::NoNodeType { id: 0 });
    }
}
