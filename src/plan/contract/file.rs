//! The accepted plan of a statement, as EXPLAIN's JSON format without what differs from run to run.

use std::fmt::Write as _;

use serde_json::{Map, Value, json};

use crate::plan::node::{Buffers, Worker};
use crate::plan::{Node, Plan};

/// The folder of accepted plans, beside perfkit.yaml.
pub(crate) const FOLDER: &str = "perfkit.contract";
/// Device names that Windows gives no file (Microsoft, "Naming Files, Paths, and Namespaces").
const DEVICES: [&str; 4] = ["con", "prn", "aux", "nul"];

/// Returns the name of a statement's file in [`FOLDER`]: what a file system may not like is percent-encoded.
pub(crate) fn file_name(statement: &str) -> String {
    let is_device = DEVICES.iter().any(|device| statement.eq_ignore_ascii_case(device));
    let mut name = String::new();
    for (i, byte) in statement.bytes().enumerate() {
        let is_plain = byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-_.".contains(&byte);
        // Capitals too: `a` and `A` are one file on some systems.
        if is_plain && !(i == 0 && (byte == b'.' || is_device)) {
            name.push(char::from(byte));
        } else {
            let _ = write!(name, "%{byte:02X}");
        }
    }
    name + ".json"
}

/// Returns a plan as EXPLAIN (FORMAT JSON) prints it, without times, workers' figures and cache state: the
/// same plan on the same data gives the same text, so that a diff of the file shows changes of the plan
/// alone.
pub(crate) fn accepted_plan(plan: &Plan, sql: Option<&str>) -> Value {
    let mut top = Map::new();
    if let Some(sql) = sql.or(plan.query.as_deref()) {
        top.insert("Query Text".to_owned(), json!(sql));
    }
    // Children come after their parents: from the back, each is complete when its parent takes it.
    let mut built: Vec<Value> = plan.nodes.iter().map(|node| Value::Object(properties(plan, node))).collect();
    for node in plan.nodes.iter().rev() {
        let children: Vec<Value> =
            node.children.iter().map(|child| std::mem::take(&mut built[*child])).collect();
        if let (Value::Object(object), false) = (&mut built[node.id], children.is_empty()) {
            object.insert("Plans".to_owned(), Value::Array(children));
        }
    }
    top.insert("Plan".to_owned(), built.into_iter().next().unwrap_or_default());
    top.insert("Settings".to_owned(), Value::Object(plan.settings.clone()));
    Value::Array(vec![Value::Object(top)])
}

fn properties(plan: &Plan, node: &Node) -> Map<String, Value> {
    let mut properties = Map::new();
    properties.insert("Node Type".to_owned(), json!(node.kind));
    for (key, text) in [
        ("Parent Relationship", &node.relationship),
        ("Subplan Name", &node.subplan_name),
        ("Schema", &node.schema),
        ("Relation Name", &node.relation),
        ("Alias", &node.alias),
        ("Index Name", &node.index),
    ] {
        if let Some(text) = text {
            properties.insert(key.to_owned(), json!(text));
        }
    }
    for (key, number) in [
        ("Startup Cost", node.startup_cost),
        ("Total Cost", node.total_cost),
        ("Plan Rows", node.plan_rows),
        ("Plan Width", node.plan_width),
    ] {
        if let Some(number) = number {
            properties.insert(key.to_owned(), number_of(number));
        }
    }
    if let Some(actual) = node.actual {
        // Decimals tell PostgreSQL 18 and later.
        let rows = if plan.has_fractional_rows { json!(actual.rows) } else { number_of(actual.rows) };
        properties.insert("Actual Rows".to_owned(), rows);
        properties.insert("Actual Loops".to_owned(), number_of(actual.loops));
    }
    properties.extend(node.details.clone());
    let workers: Vec<Value> = node.workers.iter().filter_map(spill_of).collect();
    if !workers.is_empty() {
        properties.insert("Workers".to_owned(), Value::Array(workers));
    }
    if let Some(buffers) = &node.buffers {
        properties.extend(blocks(buffers));
    }
    properties
}

/// Returns what a worker says of temporary files; the rest of it depends on who came first.
fn spill_of(worker: &Worker) -> Option<Value> {
    const KEYS: [&str; 5] =
        ["Sort Method", "Sort Space Used", "Sort Space Type", "HashAgg Batches", "Disk Usage"];
    let kept = worker.details.iter().filter(|(key, _)| KEYS.contains(&key.as_str()));
    let mut kept: Map<String, Value> = kept.map(|(key, value)| (key.clone(), value.clone())).collect();
    if kept.is_empty() {
        return None;
    }
    kept.insert("Worker Number".to_owned(), json!(worker.number));
    Some(Value::Object(kept))
}

/// Returns the blocks that do not depend on the cache: found there or not, they are hits.
fn blocks(buffers: &Buffers) -> Map<String, Value> {
    [
        ("Shared Hit Blocks", buffers.shared()),
        ("Shared Read Blocks", 0),
        ("Local Hit Blocks", buffers.local_hit.saturating_add(buffers.local_read)),
        ("Temp Read Blocks", buffers.temp_read),
        ("Temp Written Blocks", buffers.temp_written),
    ]
    .into_iter()
    .map(|(key, blocks)| (key.to_owned(), json!(blocks)))
    .collect()
}

/// Writes whole numbers without decimals, as EXPLAIN does.
fn number_of(number: f64) -> Value {
    #[expect(clippy::cast_possible_truncation, reason = "checked to be whole and in range")]
    if number.fract() == 0.0 && number.abs() < 1e15 { json!(number as i64) } else { json!(number) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::{Explained, diff, read};
    use proptest::prelude::*;

    fn plan() -> Value {
        json!([{"Plan": {
            "Node Type": "Hash Join", "Join Type": "Left", "Total Cost": 30.5, "Plan Rows": 3, "Actual Startup Time": 0.4,
            "Actual Total Time": 0.5, "Actual Rows": 3.5, "Actual Loops": 1, "Shared Hit Blocks": 3, "Shared Read Blocks": 4,
            "Plans": [
                {"Node Type": "Seq Scan", "Relation Name": "t", "Alias": "t", "Filter": "(a = 5)", "Actual Rows": 2.0,
                 "Actual Loops": 1, "Workers": [{"Worker Number": 0, "Actual Rows": 1.0, "Actual Loops": 1, "Sort Space Type": "Disk"}]},
                {"Node Type": "Hash", "Hash Batches": 2, "Actual Rows": 1.0, "Actual Loops": 1, "Plans": [
                    {"Node Type": "Seq Scan", "Relation Name": "u", "Alias": "u", "Actual Rows": 1.0, "Actual Loops": 1},
                ]},
            ],
        }, "Planning Time": 0.5, "Execution Time": 9.0, "Settings": {"work_mem": "64kB"}}])
    }

    #[test]
    fn the_plan_comes_back_without_times() {
        let original = Explained::new(read::plan(plan()).unwrap(), None);
        let json = accepted_plan(&original.plan, Some("SELECT 1"));
        assert!(!json.to_string().contains("Time"), "{json}");
        let again = read::plan(json.clone()).unwrap();
        assert_eq!(again.query.as_deref(), Some("SELECT 1"));
        assert_eq!(accepted_plan(&again, None), json);
        let again = Explained::new(again, None);
        let difference = diff::diff(&again, &original);
        assert!(difference.is_same_shape());
        assert_eq!(difference.changes, []);
    }

    #[test]
    fn names_are_safe() {
        for (statement, expected) in [
            ("current-session", "current-session.json"),
            ("a/b c", "a%2Fb%20c.json"),
            ("..", "%2E..json"),
            ("A", "%41.json"),
            ("nul", "%6Eul.json"),
            ("", ".json"),
        ] {
            assert_eq!(file_name(statement), expected);
        }
    }

    proptest! {
        #[test]
        fn different_statements_have_different_files(a in "\\PC{1,8}", b in "\\PC{1,8}") {
            let (a_file, b_file) = (file_name(&a).to_lowercase(), file_name(&b).to_lowercase());
            prop_assert_eq!(a == b, a_file == b_file);
            prop_assert!(a_file.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.%".contains(&byte)));
        }
    }
}
