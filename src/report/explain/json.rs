//! The JSON form of an explained statement.

use serde::ser::{Serialize, SerializeMap, Serializer};
use serde_json::{Value, json};

use crate::plan::rows::estimate;
use crate::plan::summary::{Group, by_index, by_node_type, by_table};
use crate::plan::{
    Alternative, Basis, Buffers, Explained, Finding, Fine, IoTimes, Node, Outside, Payment, Trigger, Wal,
    shape_hash,
};
use crate::report::SCHEMA_VERSION;
use crate::unit;

/// One statement, or a list of them, written node by node: a plan may have many.
pub(super) struct Report<'a> {
    pub(super) explained: &'a [Explained],
    /// Whether the statement stands alone, not in a list.
    pub(super) is_single: bool,
}

impl Serialize for Report<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut keys = serializer.serialize_map(None)?;
        keys.serialize_entry("schema_version", &SCHEMA_VERSION)?;
        match self.explained {
            [one] if self.is_single => statement(one, &mut keys)?,
            all => keys.serialize_entry("statements", &Each(all, Statement))?,
        }
        keys.end()
    }
}

/// A list whose items are made one at a time.
struct Each<'a, T, F>(&'a [T], F);

impl<'a, T, U: Serialize, F: Fn(&'a T) -> U> Serialize for Each<'a, T, F> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.iter().map(&self.1))
    }
}

struct Statement<'a>(&'a Explained);

impl Serialize for Statement<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut keys = serializer.serialize_map(None)?;
        statement(self.0, &mut keys)?;
        keys.end()
    }
}

fn statement<M: SerializeMap>(explained: &Explained, keys: &mut M) -> Result<(), M::Error> {
    let Explained { name, sql, parameters, plan, times, resources, judgement, runs, alternatives } =
        explained;
    let is_timed = times.basis == Basis::Time;
    keys.serialize_entry("name", name)?;
    keys.serialize_entry("sql", sql)?;
    keys.serialize_entry("parameters", parameters)?;
    let runs = runs.map(|runs| {
        json!({
            "n_runs": runs.n_runs,
            "median_ms": runs.median_ms,
            "min_ms": runs.min_ms,
            "max_ms": runs.max_ms,
        })
    });
    keys.serialize_entry("runs", &runs)?;
    keys.serialize_entry("alternatives", &Each(alternatives, alternative))?;
    keys.serialize_entry("basis", if is_timed { "time" } else { "cost" })?;
    keys.serialize_entry("whole_ms", &is_timed.then(|| unit::json_ms(times.whole_ms)))?;
    keys.serialize_entry("shape", &shape_hash(plan))?;
    keys.serialize_entry("plan", &PlanKeys(explained))?;
    keys.serialize_entry("findings", &Each(&judgement.findings, finding))?;
    keys.serialize_entry("notes", &Each(&judgement.notes, finding))?;
    keys.serialize_entry(
        "fine",
        &Each(&judgement.fine, |fine: &Fine| json!({ "node_id": fine.node_id, "message": fine.message })),
    )?;
    keys.serialize_entry("by_table", &summary(&by_table(plan, times, resources)))?;
    keys.serialize_entry("by_index", &summary(&by_index(plan, times, resources)))?;
    keys.serialize_entry("by_node_type", &summary(&by_node_type(plan, times, resources)))
}

struct PlanKeys<'a>(&'a Explained);

impl Serialize for PlanKeys<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Explained { plan, times, .. } = self.0;
        let ms = |ms: f64| (times.basis == Basis::Time).then(|| unit::json_ms(ms));
        let mut keys = serializer.serialize_map(None)?;
        keys.serialize_entry("nodes", &Each(&plan.nodes, |each| node(self.0, each)))?;
        keys.serialize_entry("planning_ms", &plan.planning_ms)?;
        keys.serialize_entry("planning_buffers", &plan.planning_buffers.map(buffers))?;
        keys.serialize_entry("planner_memory_kb", &plan.planner_memory_kb)?;
        keys.serialize_entry("execution_ms", &plan.execution_ms)?;
        let serialization_ms = plan.serialization.and_then(|serialization| serialization.time_ms);
        keys.serialize_entry("serialization_ms", &serialization_ms)?;
        keys.serialize_entry("jit_ms", &plan.jit.and_then(|jit| jit.total_ms))?;
        keys.serialize_entry("self_ms", &ms(times.inside_ms()))?;
        keys.serialize_entry("outside_ms", &ms(times.outside.total_ms()))?;
        keys.serialize_entry("outside", &ms(0.0).map(|_| outside(&times.outside)))?;
        keys.serialize_entry("after_root_ms", &ms(times.after_root_ms))?;
        keys.serialize_entry("rounding_ms", &ms(times.rounding_ms))?;
        keys.serialize_entry(
            "payments",
            &Each(&times.payments, |payment: &Payment| {
                json!({
                    "init_plan": payment.init_plan,
                    "payer": payment.payer,
                    "paid_ms": ms(payment.amount),
                })
            }),
        )?;
        keys.serialize_entry(
            "triggers",
            &Each(&plan.triggers, |trigger: &Trigger| {
                json!({
                    "name": trigger.name,
                    "relation": trigger.relation,
                    "time_ms": trigger.time_ms,
                    "calls": trigger.calls,
                })
            }),
        )?;
        keys.serialize_entry("settings", &plan.settings)?;
        keys.serialize_entry("details", &plan.details)?;
        keys.end()
    }
}

fn alternative(alternative: &Alternative) -> Value {
    json!({
        "values": alternative.values,
        "parameters": alternative.parameters,
        "total_cost": alternative.total_cost,
        "execution_ms": alternative.execution_ms,
        "rows": alternative.rows,
        "is_same_plan": alternative.is_same_plan,
        "error": alternative.error,
    })
}

fn finding(finding: &Finding) -> Value {
    json!({
        "rule": finding.rule,
        "severity": finding.severity.name(),
        "node_id": finding.node_id,
        "saves_ms": finding.saves_ms.map(unit::json_ms),
        "saves_share": (finding.saves_share * 1000.0).round() / 1000.0,
        "message": finding.message,
        "remedy": finding.remedy,
        "index": finding.index.as_ref().map(|index| json!({
            "ddl": index.ddl_concurrently(),
            "cost_before": finding.index_check.map(|check| check.cost_before),
            "cost_after": finding.index_check.map(|check| check.cost_after),
            "helps": finding.index_check.map(|check| check.helps()),
        })),
    })
}

fn outside(outside: &Outside) -> Value {
    json!({
        "triggers_ms": unit::json_ms(outside.triggers_ms),
        "serialization_ms": unit::json_ms(outside.serialization_ms),
        "parallel_shutdown_ms": unit::json_ms(outside.parallel_shutdown_ms),
        "rest_ms": unit::json_ms(outside.rest_ms),
    })
}

/// A node: times are wall-clock milliseconds, `work_ms` is summed over processes. Buffers hold everything below,
/// `buffers_self` the node's own. Of a plan that was not timed, `self_share` is that of the cost.
fn node(explained: &Explained, node: &Node) -> Value {
    let Explained { plan, times, resources, .. } = explained;
    let (time, own) = (times.nodes[node.id], resources[node.id]);
    let ms = |ms: f64| (times.basis == Basis::Time).then(|| unit::json_ms(ms));
    let share = if times.whole_ms > 0.0 { time.self_ms / times.whole_ms } else { 0.0 };
    json!({
        "id": node.id,
        "parent": node.parent,
        "node_type": node.node_type,
        "kind": node.kind,
        "title": node.title(),
        "relationship": node.relationship,
        "subplan_name": node.subplan_name,
        "schema": node.schema,
        "relation": node.relation,
        "alias": node.alias,
        "index": node.index,
        "self_ms": ms(time.self_ms),
        "total_ms": ms(time.total_ms),
        "work_ms": ms(time.work_ms),
        "self_share": (share * 10_000.0).round() / 10_000.0,
        "participants": time.participants,
        "slowest_process_ms": time.slowest_ms.map(unit::json_ms),
        "startup_ms": node.actual.and_then(|actual| actual.startup_ms),
        "loops": node.actual.map(|actual| actual.loops),
        "rows_actual": node.actual.map(|actual| actual.rows),
        "rows_estimated": node.plan_rows,
        "estimate": estimate(plan, node.id).map(|estimate| json!({
            "expected": estimate.expected,
            "actual_low": estimate.actual_low,
            "actual_high": estimate.actual_high,
            "factor": (estimate.factor * 100.0).round() / 100.0,
            "is_wrong": estimate.is_wrong(),
        })),
        "startup_cost": node.startup_cost,
        "total_cost": node.total_cost,
        "width": node.plan_width,
        "buffers": node.buffers.map(buffers),
        "buffers_self": own.buffers.map(buffers),
        "io": node.io.map(io),
        "io_self": own.io.map(io),
        "wal": node.wal.map(wal),
        "wal_self": own.wal.map(wal),
        "workers": node.workers.iter().map(|worker| json!({
            "number": worker.number,
            "total_ms": worker.actual.and_then(|actual| actual.total_ms),
            "rows": worker.actual.map(|actual| actual.rows),
            "loops": worker.actual.map(|actual| actual.loops),
            "buffers": worker.buffers.map(buffers),
            "details": worker.details,
        })).collect::<Vec<_>>(),
        "details": node.details,
    })
}

fn buffers(buffers: Buffers) -> Value {
    json!({
        "shared_hit": buffers.shared_hit,
        "shared_read": buffers.shared_read,
        "shared_dirtied": buffers.shared_dirtied,
        "shared_written": buffers.shared_written,
        "local_hit": buffers.local_hit,
        "local_read": buffers.local_read,
        "local_dirtied": buffers.local_dirtied,
        "local_written": buffers.local_written,
        "temp_read": buffers.temp_read,
        "temp_written": buffers.temp_written,
    })
}

fn io(io: IoTimes) -> Value {
    json!({
        "shared_read_ms": io.shared_read_ms,
        "shared_write_ms": io.shared_write_ms,
        "local_read_ms": io.local_read_ms,
        "local_write_ms": io.local_write_ms,
        "temp_read_ms": io.temp_read_ms,
        "temp_write_ms": io.temp_write_ms,
    })
}

fn wal(wal: Wal) -> Value {
    json!({ "records": wal.records, "fpi": wal.fpi, "bytes": wal.bytes })
}

fn summary(groups: &[Group]) -> Vec<Value> {
    groups
        .iter()
        .map(|group| {
            json!({
                "name": group.name,
                "table": group.table,
                "n_nodes": group.n_nodes,
                "self_ms": unit::json_ms(group.self_ms),
                "share": (group.share * 10_000.0).round() / 10_000.0,
                "rows": group.rows,
                "loops": group.loops,
                "buffers": group.buffers.map(buffers),
            })
        })
        .collect()
}
