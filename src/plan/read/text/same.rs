//! Makes the same plan equal whether it was read from TEXT or from JSON: takes away what TEXT does not tell.

use serde_json::{Map, Value};

use super::raws;
use crate::plan::node::{Actual, Buffers, IoTimes, Node, Plan, Wal};
use crate::plan::read::{Error, Line, Raw, shape};

/// Reads TEXT plans as they come from the server.
pub(crate) fn plans(text: &str) -> Result<Vec<Plan>, Error> {
    read(text)?.into_iter().map(shape).collect()
}

pub(crate) fn read(text: &str) -> Result<Vec<Raw>, Error> {
    let lines = text.lines().enumerate();
    let lines: Vec<Line> =
        lines.map(|(i, text)| Line { number: i + 1, column: 1, text: text.into() }).collect();
    raws(&lines)
}

/// Returns a plan without what TEXT leaves out (see the parent module) and, so that two runs of a statement compare,
/// without times.
pub(crate) fn normal(mut plan: Plan) -> Plan {
    let untimed = |actual: Actual| Actual {
        startup_ms: actual.startup_ms.map(|_| 0.0),
        total_ms: actual.total_ms.map(|_| 0.0),
        ..actual
    };
    let is_empty_buffers = plan.planning_buffers == Some(Buffers::default());
    plan.planning_buffers = plan.planning_buffers.filter(|_| !is_empty_buffers);
    for ms in [&mut plan.planning_ms, &mut plan.execution_ms] {
        *ms = ms.map(|_| 0.0);
    }
    plan.details.retain(|_, value| !is_left_out(value));
    if let Some(jit) = &mut plan.jit {
        jit.total_ms = jit.total_ms.map(|_| 0.0);
    }
    if let Some(serialization) = &mut plan.serialization {
        serialization.time_ms = serialization.time_ms.map(|_| 0.0);
    }
    for trigger in &mut plan.triggers {
        trigger.time_ms = trigger.time_ms.map(|_| 0.0);
        trigger.relation = None;
        if let Some(constraint) = &trigger.constraint {
            trigger.name.clone_from(constraint);
        }
    }
    let is_verbose = plan.nodes.iter().any(|node| node.detail("Output").is_some());
    let is_read = |node: &Node| node.buffers.is_some_and(|buffers| buffers != Buffers::default());
    let (has_buffers, has_wal, has_io) = (
        plan.nodes.iter().any(is_read),
        plan.nodes.iter().any(|node| node.wal.is_some_and(|wal| wal != Wal::default())),
        plan.nodes.iter().any(|node| node.io.is_some_and(|io| io.total_ms() > 0.0)),
    );
    for node in &mut plan.nodes {
        if !is_verbose {
            node.details.shift_remove("Inner Unique");
        }
        node.buffers = node.buffers.filter(|_| has_buffers);
        node.wal = node.wal.filter(|_| has_wal);
        node.io = node.io.filter(|_| has_io);
        node.actual = node.actual.map(untimed);
        node.io = node.io.map(|_| IoTimes::default());
        clean(&mut node.details);
        if node.text("Scan Direction") == Some("NoMovement") {
            node.details.insert("Scan Direction".to_owned(), "Forward".into());
        }
        if node.details.get("Function Name").and_then(Value::as_str) == node.alias.as_deref() {
            node.details.shift_remove("Function Name");
        }
        for worker in &mut node.workers {
            worker.actual = worker.actual.map(untimed);
            clean(&mut worker.details);
            if let Some(Value::Object(jit)) = worker.details.get_mut("JIT") {
                jit.shift_remove("Timing");
            }
        }
        node.workers.retain(|worker| worker.actual.is_some() || !worker.details.is_empty());
    }
    plan
}

fn clean(details: &mut Map<String, Value>) {
    details.retain(|_, value| !is_left_out(value));
}

fn is_left_out(value: &Value) -> bool {
    match value {
        Value::Bool(is_set) => !is_set,
        Value::Number(number) => number.as_f64() == Some(0.0),
        Value::Array(items) => items.is_empty(),
        _ => false,
    }
}
