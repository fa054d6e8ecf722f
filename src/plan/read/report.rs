//! What `perfkit explain --json` wrote, so that a saved report can be shown and compared again.

use serde_json::{Map, Value};

use super::{Raw, RawNode};

/// A node's keys in the report, and EXPLAIN's.
const NODE_KEYS: [(&str, &str); 14] = [
    ("kind", "Node Type"),
    ("relationship", "Parent Relationship"),
    ("subplan_name", "Subplan Name"),
    ("schema", "Schema"),
    ("relation", "Relation Name"),
    ("alias", "Alias"),
    ("index", "Index Name"),
    ("startup_cost", "Startup Cost"),
    ("total_cost", "Total Cost"),
    ("rows_estimated", "Plan Rows"),
    ("width", "Plan Width"),
    ("startup_ms", "Actual Startup Time"),
    ("rows_actual", "Actual Rows"),
    ("loops", "Actual Loops"),
];
const BLOCK_KEYS: [(&str, &str); 10] = [
    ("shared_hit", "Shared Hit Blocks"),
    ("shared_read", "Shared Read Blocks"),
    ("shared_dirtied", "Shared Dirtied Blocks"),
    ("shared_written", "Shared Written Blocks"),
    ("local_hit", "Local Hit Blocks"),
    ("local_read", "Local Read Blocks"),
    ("local_dirtied", "Local Dirtied Blocks"),
    ("local_written", "Local Written Blocks"),
    ("temp_read", "Temp Read Blocks"),
    ("temp_written", "Temp Written Blocks"),
];
const IO_KEYS: [(&str, &str); 6] = [
    ("shared_read_ms", "Shared I/O Read Time"),
    ("shared_write_ms", "Shared I/O Write Time"),
    ("local_read_ms", "Local I/O Read Time"),
    ("local_write_ms", "Local I/O Write Time"),
    ("temp_read_ms", "Temp I/O Read Time"),
    ("temp_write_ms", "Temp I/O Write Time"),
];
const WAL_KEYS: [(&str, &str); 3] = [("records", "WAL Records"), ("fpi", "WAL FPI"), ("bytes", "WAL Bytes")];
const WORKER_KEYS: [(&str, &str); 4] = [
    ("number", "Worker Number"),
    ("total_ms", "Actual Total Time"),
    ("rows", "Actual Rows"),
    ("loops", "Actual Loops"),
];
const PLAN_KEYS: [(&str, &str); 3] =
    [("planning_ms", "Planning Time"), ("execution_ms", "Execution Time"), ("settings", "Settings")];
const TRIGGER_KEYS: [(&str, &str); 4] =
    [("name", "Trigger Name"), ("relation", "Relation"), ("time_ms", "Time"), ("calls", "Calls")];

/// Returns the plans of a report; `None` if the text is no report.
pub(super) fn raws(text: &str) -> Option<Vec<Raw>> {
    // A plan in a foreign file may nest deeper than a report does, which is flat.
    if !text.get(..200.min(text.len())).is_some_and(|start| start.contains("\"schema_version\"")) {
        return None;
    }
    let report: Value = serde_json::from_str(text).ok()?;
    match report.get("statements").and_then(Value::as_array) {
        Some(statements) => statements.iter().map(raw).collect(),
        None => Some(vec![raw(&report)?]),
    }
}

fn raw(statement: &Value) -> Option<Raw> {
    let plan = statement.get("plan")?;
    let mut top = renamed(plan, &PLAN_KEYS);
    if let Some(sql) = statement.get("sql").filter(|sql| sql.is_string()) {
        top.insert("Query Text".to_owned(), sql.clone());
    }
    let triggers: Vec<Value> =
        items(plan, "triggers").map(|trigger| Value::Object(renamed(trigger, &TRIGGER_KEYS))).collect();
    top.insert("Triggers".to_owned(), Value::Array(triggers));
    for (key, path) in
        [("jit_ms", ["JIT", "Timing", "Total"]), ("serialization_ms", ["Serialization", "", "Time"])]
    {
        if let Some(ms) = plan.get(key).filter(|ms| ms.is_number()) {
            let [outer, middle, inner] = path;
            let mut value = object(inner, ms.clone());
            if !middle.is_empty() {
                value = object(middle, value);
            }
            top.insert(outer.to_owned(), value);
        }
    }
    let mut planning = renamed(plan.get("planning_buffers").unwrap_or(&Value::Null), &BLOCK_KEYS);
    if let Some(memory_kb) = plan.get("planner_memory_kb").filter(|kb| kb.is_number()) {
        planning.insert("Memory Used".to_owned(), memory_kb.clone());
    }
    if !planning.is_empty() {
        top.insert("Planning".to_owned(), Value::Object(planning));
    }
    extend(&mut top, plan.get("details"));
    let nodes: Vec<RawNode> = items(plan, "nodes").map(node).collect();
    // Parents come before children, or it is no report of ours.
    let is_ordered = nodes.iter().enumerate().all(|(id, node)| match node.parent {
        Some(parent) => parent < id,
        None => id == 0,
    });
    (is_ordered && !nodes.is_empty()).then_some(Raw { nodes, top })
}

fn node(node: &Value) -> RawNode {
    let mut properties = renamed(node, &NODE_KEYS);
    let loops = node.get("loops").and_then(Value::as_f64).unwrap_or(0.0);
    if let Some(work_ms) = node.get("work_ms").and_then(Value::as_f64) {
        let average_ms = if loops > 0.0 { work_ms / loops } else { 0.0 };
        properties.insert("Actual Total Time".to_owned(), average_ms.into());
    }
    for (part, keys) in [("buffers", &BLOCK_KEYS[..]), ("io", &IO_KEYS), ("wal", &WAL_KEYS)] {
        properties.extend(renamed(node.get(part).unwrap_or(&Value::Null), keys));
    }
    let workers: Vec<Value> = items(node, "workers")
        .map(|worker| {
            let mut properties = renamed(worker, &WORKER_KEYS);
            properties.extend(renamed(worker.get("buffers").unwrap_or(&Value::Null), &BLOCK_KEYS));
            extend(&mut properties, worker.get("details"));
            Value::Object(properties)
        })
        .collect();
    if !workers.is_empty() {
        properties.insert("Workers".to_owned(), Value::Array(workers));
    }
    extend(&mut properties, node.get("details"));
    let parent = node.get("parent").and_then(Value::as_u64).and_then(|parent| usize::try_from(parent).ok());
    RawNode { parent, properties }
}

/// Takes the keys that are there under their other names.
fn renamed(object: &Value, keys: &[(&str, &str)]) -> Map<String, Value> {
    keys.iter()
        .filter_map(|(key, name)| {
            let value = object.get(key).filter(|value| !value.is_null())?;
            Some(((*name).to_owned(), value.clone()))
        })
        .collect()
}

fn items<'v>(object: &'v Value, key: &str) -> impl Iterator<Item = &'v Value> {
    object.get(key).and_then(Value::as_array).into_iter().flatten()
}

fn extend(properties: &mut Map<String, Value>, details: Option<&Value>) {
    if let Some(Value::Object(details)) = details {
        properties.extend(details.clone());
    }
}

fn object(key: &str, value: Value) -> Value {
    Value::Object(Map::from_iter([(key.to_owned(), value)]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_is_no_report_is_left_to_others() {
        for text in [
            "{\"Plan\": {}}",
            "{\"schema_version\": 1}",
            "{\"schema_version\": 1, \"plan\": {\"nodes\": []}}",
            "{\"schema_version\": 1, \"plan\": {\"nodes\": [{\"parent\": 7}]}}",
            "{\"schema_version\"",
        ] {
            assert_eq!(raws(text), None, "{text}");
        }
    }

    #[test]
    fn a_report_gives_explains_keys() {
        let report = json!({"schema_version": 1, "sql": "SELECT 1", "plan": {
            "nodes": [
                {"id": 0, "parent": null, "kind": "Gather", "work_ms": 6.0, "loops": 1, "rows_actual": 3},
                {"id": 1, "parent": 0, "kind": "Seq Scan", "work_ms": 6.0, "loops": 3, "rows_actual": 1,
                 "buffers": {"shared_hit": 5}, "details": {"Filter": "(a = 1)"}},
            ],
            "execution_ms": 7.0, "jit_ms": 1.5}});
        let raws = raws(&report.to_string()).unwrap();
        let scan = &raws[0].nodes[1];
        assert_eq!(scan.parent, Some(0));
        assert_eq!(
            Value::Object(scan.properties.clone()),
            json!({"Node Type": "Seq Scan", "Actual Rows": 1, "Actual Loops": 3, "Actual Total Time": 2.0,
                   "Shared Hit Blocks": 5, "Filter": "(a = 1)"})
        );
        assert_eq!(raws[0].top["JIT"]["Timing"]["Total"], json!(1.5));
        assert_eq!(raws[0].top["Query Text"], json!("SELECT 1"));
    }
}
