//! From EXPLAIN's keys to a [`Plan`]: what perfkit knows becomes a field, the rest stays a detail.

use serde_json::{Map, Value};

use super::{Error, Raw};
use crate::plan::node::{Actual, Buffers, IoTimes, Jit, Node, Plan, Serialization, Trigger, Wal, Worker};

/// Makes a plan of its keys.
pub(crate) fn shape(raw: Raw) -> Result<Plan, Error> {
    if raw.nodes.is_empty() {
        return Err(Error::NoPlan);
    }
    let mut plan = Plan { nodes: Vec::with_capacity(raw.nodes.len()), ..Plan::default() };
    for (id, raw_node) in raw.nodes.into_iter().enumerate() {
        let has_decimals = raw_node.properties.get("Actual Rows").is_some_and(Value::is_f64);
        plan.has_fractional_rows |= has_decimals;
        if let Some(parent) = raw_node.parent {
            plan.nodes[parent].children.push(id);
        }
        plan.nodes.push(node(id, raw_node.parent, raw_node.properties)?);
    }
    plan.details = left(raw.top, |key, value| take_of_plan(&mut plan, key, value));
    Ok(plan)
}

/// Returns the keys that are not taken, in a map no larger than they need: the maps of a large plan take more memory
/// than all else.
fn left(mut keys: Map<String, Value>, mut take: impl FnMut(&str, &mut Value) -> bool) -> Map<String, Value> {
    keys.retain(|key, value| !take(key, value));
    keys.into_iter().collect()
}

/// Takes what stands beside the root. Like the other functions that take, it leaves alone what has another type than
/// expected, and says whether it took the value.
fn take_of_plan(plan: &mut Plan, key: &str, value: &mut Value) -> bool {
    match key {
        "Query Text" => text(&mut plan.query, value),
        "Planning Time" => number(&mut plan.planning_ms, value),
        // Text plans up to 9.3 and auto_explain up to 12 have a total runtime.
        "Execution Time" | "Total Runtime" => number(&mut plan.execution_ms, value),
        "Settings" => object(value).map(|settings| plan.settings = settings).is_some(),
        "Triggers" => {
            let is_list = value.is_array();
            plan.triggers.extend(objects(value).filter_map(trigger));
            is_list
        }
        "JIT" => object(value)
            .map(|jit| {
                let total = jit.get("Timing").and_then(|timing| timing.get("Total"));
                let functions = number_in(&jit, "Functions").unwrap_or(0.0);
                plan.jit = Some(Jit { functions, total_ms: total.and_then(Value::as_f64) });
            })
            .is_some(),
        "Serialization" => object(value)
            .map(|serialization| {
                let volume_kb = number_in(&serialization, "Output Volume").unwrap_or(0.0);
                plan.serialization =
                    Some(Serialization { time_ms: number_in(&serialization, "Time"), volume_kb });
            })
            .is_some(),
        "Planning" => object(value)
            .map(|planning| {
                let mut measures = Measures::default();
                plan.planner_memory_kb = number_in(&planning, "Memory Used");
                left(planning, |key, value| measures.take_buffers(key, value));
                plan.planning_buffers = measures.buffers;
            })
            .is_some(),
        _ => false,
    }
}

fn node(id: usize, parent: Option<usize>, properties: Map<String, Value>) -> Result<Node, Error> {
    let mut node = Node { id, parent, ..Node::default() };
    let mut measures = Measures::default();
    let mut kind = None;
    node.details = left(properties, |key, value| match key {
        "Node Type" => text(&mut kind, value),
        "Parent Relationship" => text(&mut node.relationship, value),
        "Subplan Name" => text(&mut node.subplan_name, value),
        "Schema" => text(&mut node.schema, value),
        "Relation Name" => text(&mut node.relation, value),
        "Alias" => text(&mut node.alias, value),
        "Index Name" => text(&mut node.index, value),
        "Startup Cost" => number(&mut node.startup_cost, value),
        "Total Cost" => number(&mut node.total_cost, value),
        "Plan Rows" => number(&mut node.plan_rows, value),
        "Plan Width" => number(&mut node.plan_width, value),
        "Workers" => {
            node.workers = objects(value).map(worker).collect();
            true
        }
        _ => {
            measures.take_actual(key, value)
                || measures.take_buffers(key, value)
                || measures.take_io(key, value)
                || measures.take_wal(key, value)
        }
    });
    node.kind = kind.ok_or(Error::NoNodeType { id })?;
    node.node_type = display_type(&node.kind, &node.details);
    node.actual = measures.actual(&mut node.details);
    node.buffers = measures.buffers;
    node.io = measures.io;
    node.wal = measures.wal;
    Ok(node)
}

fn worker(properties: Map<String, Value>) -> Worker {
    let mut worker = Worker::default();
    let mut measures = Measures::default();
    worker.details = left(properties, |key, value| match (key, value.as_u64()) {
        ("Worker Number", Some(number)) => {
            worker.number = number;
            true
        }
        _ => measures.take_actual(key, value) || measures.take_buffers(key, value),
    });
    worker.actual = measures.actual(&mut worker.details);
    worker.buffers = measures.buffers;
    worker
}

fn trigger(trigger: Map<String, Value>) -> Option<Trigger> {
    let (mut name, mut constraint, mut relation) = (None, None, None);
    let (time_ms, calls) = (number_in(&trigger, "Time"), number_in(&trigger, "Calls"));
    for (key, mut value) in trigger {
        match key.as_str() {
            "Trigger Name" => text(&mut name, &mut value),
            "Constraint Name" => text(&mut constraint, &mut value),
            "Relation" => text(&mut relation, &mut value),
            _ => false,
        };
    }
    let name = name.or_else(|| constraint.clone())?;
    Some(Trigger { name, constraint, relation, time_ms, calls: calls.unwrap_or(0.0) })
}

fn number_in(object: &Map<String, Value>, key: &str) -> Option<f64> {
    object.get(key).and_then(Value::as_f64)
}

fn text(field: &mut Option<String>, value: &mut Value) -> bool {
    let Value::String(text) = value else { return false };
    *field = Some(std::mem::take(text));
    true
}

fn number(field: &mut Option<f64>, value: &Value) -> bool {
    let number = value.as_f64();
    *field = number.or(*field);
    number.is_some()
}

fn object(value: &mut Value) -> Option<Map<String, Value>> {
    match value {
        Value::Object(object) => Some(std::mem::take(object)),
        _ => None,
    }
}

fn objects(value: &mut Value) -> impl Iterator<Item = Map<String, Value>> + use<> {
    let list = match value {
        Value::Array(list) => std::mem::take(list),
        _ => Vec::new(),
    };
    list.into_iter().filter_map(|value| match value {
        Value::Object(object) => Some(object),
        _ => None,
    })
}

/// What was measured of a node, a worker or planning.
#[derive(Default)]
struct Measures {
    startup_ms: Option<f64>,
    total_ms: Option<f64>,
    rows: Option<f64>,
    loops: Option<f64>,
    buffers: Option<Buffers>,
    io: Option<IoTimes>,
    wal: Option<Wal>,
}

impl Measures {
    fn take_actual(&mut self, key: &str, value: &Value) -> bool {
        match key {
            "Actual Startup Time" => number(&mut self.startup_ms, value),
            "Actual Total Time" => number(&mut self.total_ms, value),
            "Actual Rows" => number(&mut self.rows, value),
            "Actual Loops" => number(&mut self.loops, value),
            _ => false,
        }
    }

    /// Rows and loops make the measurement; without one of them the others go back to the details.
    fn actual(&self, details: &mut Map<String, Value>) -> Option<Actual> {
        let Self { startup_ms, total_ms, .. } = *self;
        if let (Some(rows), Some(loops)) = (self.rows, self.loops) {
            return Some(Actual { startup_ms, total_ms, rows, loops });
        }
        for (key, measured) in [
            ("Actual Startup Time", startup_ms),
            ("Actual Total Time", total_ms),
            ("Actual Rows", self.rows),
            ("Actual Loops", self.loops),
        ] {
            if let Some(measured) = measured {
                details.insert(key.to_owned(), measured.into());
            }
        }
        None
    }

    fn take_buffers(&mut self, key: &str, value: &Value) -> bool {
        let (true, Some(blocks)) = (key.ends_with(" Blocks"), value.as_u64()) else { return false };
        let mut buffers = self.buffers.unwrap_or_default();
        *match key {
            "Shared Hit Blocks" => &mut buffers.shared_hit,
            "Shared Read Blocks" => &mut buffers.shared_read,
            "Shared Dirtied Blocks" => &mut buffers.shared_dirtied,
            "Shared Written Blocks" => &mut buffers.shared_written,
            "Local Hit Blocks" => &mut buffers.local_hit,
            "Local Read Blocks" => &mut buffers.local_read,
            "Local Dirtied Blocks" => &mut buffers.local_dirtied,
            "Local Written Blocks" => &mut buffers.local_written,
            "Temp Read Blocks" => &mut buffers.temp_read,
            "Temp Written Blocks" => &mut buffers.temp_written,
            _ => return false,
        } = blocks;
        self.buffers = Some(buffers);
        true
    }

    fn take_io(&mut self, key: &str, value: &Value) -> bool {
        let (true, Some(ms)) = (key.ends_with(" Time"), value.as_f64()) else { return false };
        let mut io = self.io.unwrap_or_default();
        *match key {
            // Up to 16 without the kind of blocks.
            "I/O Read Time" | "Shared I/O Read Time" => &mut io.shared_read_ms,
            "I/O Write Time" | "Shared I/O Write Time" => &mut io.shared_write_ms,
            "Local I/O Read Time" => &mut io.local_read_ms,
            "Local I/O Write Time" => &mut io.local_write_ms,
            "Temp I/O Read Time" => &mut io.temp_read_ms,
            "Temp I/O Write Time" => &mut io.temp_write_ms,
            _ => return false,
        } = ms;
        self.io = Some(io);
        true
    }

    fn take_wal(&mut self, key: &str, value: &Value) -> bool {
        let (true, Some(count)) = (key.starts_with("WAL "), value.as_u64()) else { return false };
        let mut wal = self.wal.unwrap_or_default();
        *match key {
            "WAL Records" => &mut wal.records,
            "WAL FPI" => &mut wal.fpi,
            "WAL Bytes" => &mut wal.bytes,
            _ => return false,
        } = count;
        self.wal = Some(wal);
        true
    }
}

/// Writes a node's type as the text format does, which people know.
fn display_type(kind: &str, properties: &Map<String, Value>) -> String {
    let text = |key: &str| properties.get(key).and_then(Value::as_str);
    let is = |key: &str| properties.get(key).and_then(Value::as_bool).unwrap_or(false);
    let name = match (kind, text("Strategy"), text("Operation").or_else(|| text("Command"))) {
        ("Aggregate", Some("Sorted"), _) => "GroupAggregate".to_owned(),
        ("Aggregate", Some("Hashed"), _) => "HashAggregate".to_owned(),
        ("Aggregate", Some("Mixed"), _) => "MixedAggregate".to_owned(),
        ("SetOp", Some("Hashed"), Some(command)) => format!("HashSetOp {command}"),
        ("SetOp", _, Some(command)) => format!("SetOp {command}"),
        ("ModifyTable", _, Some(operation)) => operation.to_owned(),
        ("Foreign Scan", _, Some(operation)) if operation != "Select" => format!("Foreign {operation}"),
        ("Custom Scan", ..) => match text("Custom Plan Provider") {
            Some(provider) => format!("Custom Scan ({provider})"),
            None => kind.to_owned(),
        },
        _ => kind.to_owned(),
    };
    let name = match text("Join Type") {
        None | Some("Inner") => name,
        Some(join) => match name.strip_suffix(" Join") {
            Some(method) => format!("{method} {join} Join"),
            None => format!("{name} {join} Join"),
        },
    };
    let partial = match text("Partial Mode") {
        None | Some("Simple") => "",
        Some("Partial") => "Partial ",
        Some(_) => "Finalize ",
    };
    let parallel = if is("Parallel Aware") { "Parallel " } else { "" };
    let is_async = if is("Async Capable") { "Async " } else { "" };
    format!("{parallel}{is_async}{partial}{name}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn names_nodes_as_the_text_format_does() {
        for (properties, expected) in [
            (json!({"Node Type": "Aggregate", "Strategy": "Plain", "Partial Mode": "Simple"}), "Aggregate"),
            (
                json!({"Node Type": "Aggregate", "Strategy": "Hashed", "Partial Mode": "Partial"}),
                "Partial HashAggregate",
            ),
            (
                json!({"Node Type": "Aggregate", "Strategy": "Sorted", "Partial Mode": "Finalize"}),
                "Finalize GroupAggregate",
            ),
            (json!({"Node Type": "Hash Join", "Join Type": "Right Semi"}), "Hash Right Semi Join"),
            (json!({"Node Type": "Nested Loop", "Join Type": "Inner"}), "Nested Loop"),
            (json!({"Node Type": "ModifyTable", "Operation": "Insert"}), "Insert"),
            (json!({"Node Type": "Foreign Scan", "Operation": "Update"}), "Foreign Update"),
            (
                json!({"Node Type": "SetOp", "Strategy": "Hashed", "Command": "Except All"}),
                "HashSetOp Except All",
            ),
            (
                json!({"Node Type": "Custom Scan", "Custom Plan Provider": "ChunkAppend"}),
                "Custom Scan (ChunkAppend)",
            ),
        ] {
            let raw = Raw {
                nodes: vec![super::super::RawNode {
                    parent: None,
                    properties: properties.as_object().unwrap().clone(),
                }],
                top: Map::new(),
            };
            assert_eq!(shape(raw).unwrap().nodes[0].node_type, expected);
        }
    }
}
