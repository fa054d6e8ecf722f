//! The JSON form of the advice: an interface, to which keys are only added. Whatever `index apply` needs to build a suggestion
//! stands in it, as the fields of its definition.

use serde::ser::{Serialize, SerializeMap, Serializer};
use serde_json::{Value, json};

use super::facts::{self, round};
use crate::index::{
    Advice, Alternative, DropAdvice, Help, IndexSet, KeptIndex, Key, Redesign, Refusal, SelfCheck,
    StatementCost, Suggestion, WritePrice,
};
use crate::report::{SCHEMA_VERSION, verification};
use crate::unit;

pub(super) struct Report<'a>(pub(super) &'a Advice);

impl Serialize for Report<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let advice = self.0;
        let skipped: Vec<Value> = advice
            .skipped
            .iter()
            .map(|skipped| json!({ "sql": skipped.sql, "reason": skipped.reason }))
            .collect();
        let mut keys = serializer.serialize_map(None)?;
        keys.serialize_entry("schema_version", &SCHEMA_VERSION)?;
        keys.serialize_entry("suggestions", &list(&advice.suggestions, suggestion))?;
        keys.serialize_entry("drops", &list(&advice.drops, drop))?;
        keys.serialize_entry("refusals", &list(&advice.refusals, refusal))?;
        keys.serialize_entry("redesign", &advice.redesign.as_ref().map(redesign))?;
        keys.serialize_entry(
            "workload",
            &json!({
                "statements": advice.statements.len(),
                "cost_before": round(advice.cost_before),
                "cost_after": round(advice.cost_after),
                "skipped": skipped,
                "by_statement": list(&advice.statements, statement),
            }),
        )?;
        keys.serialize_entry(
            "what_if",
            &json!({
                "engine": advice.engine,
                "calls": advice.n_calls,
                "candidates": advice.n_candidates,
                "missing": advice.missing,
                "self_check": advice.self_check.as_ref().map(self_check),
            }),
        )?;
        keys.serialize_entry("is_cut_short", &advice.is_cut_short)?;
        keys.serialize_entry("verification", &advice.verification.as_ref().map(verification::json))?;
        keys.serialize_entry("elapsed_ms", &unit::json_ms(unit::as_ms(advice.elapsed)))?;
        keys.end()
    }
}

fn list<T>(items: &[T], json: fn(&T) -> Value) -> Vec<Value> {
    items.iter().map(json).collect()
}

fn suggestion(suggestion: &Suggestion) -> Value {
    let definition = &suggestion.definition;
    let columns: Vec<&str> = definition.keys.iter().filter_map(Key::column).collect();
    let mut value = serde_json::to_value(definition).expect("an index is plain data");
    let added = json!({
        "ddl": suggestion.script(),
        "name": definition.name(),
        "columns": columns,
        "size_bytes": suggestion.size_bytes,
        "write_cost": round(suggestion.write_price.bytes_per_row),
        "write_price": write_price(suggestion.write_price),
        "saves": round(suggestion.saves),
        "helps": list(&suggestion.helps, help),
        "replaces": suggestion.replaces,
        "alternatives": list(&suggestion.alternatives, alternative),
        "reason": suggestion.reason,
    });
    if let (Value::Object(value), Value::Object(added)) = (&mut value, added) {
        value.extend(added);
    }
    value
}

/// Costs are in the planner's units.
fn write_price(price: WritePrice) -> Value {
    json!({
        "bytes_per_row": round(price.bytes_per_row),
        "upkeep": round(price.upkeep),
        "per_day": price.per_day.map(|day| json!({
            "wal_bytes": facts::whole(day.wal_bytes),
            "cpu_ms": unit::json_ms(day.cpu_ms),
            "hot_updates_lost": round(day.hot_updates_lost),
        })),
    })
}

fn help(help: &Help) -> Value {
    json!({
        "statement": help.statement,
        "cost_before": round(help.cost_before),
        "cost_after": round(help.cost_after),
    })
}

fn alternative(alternative: &Alternative) -> Value {
    json!({
        "ddl": format!("{};", alternative.definition.ddl_concurrently()),
        "name": alternative.definition.name(),
        "size_bytes": alternative.size_bytes,
        "workload_cost": round(alternative.cost),
        "reason": alternative.reason,
    })
}

fn drop(drop: &DropAdvice) -> Value {
    json!({
        "ddl": format!("{};", drop.ddl()),
        "schema": drop.seen.index.schema,
        "table": drop.seen.index.table,
        "name": drop.seen.index.name,
        "definition": drop.seen.definition,
        "n_scans": drop.seen.n_scans,
        "covered_by": drop.covered_by.as_slice(),
        "undo_ddl": drop.undo_script(),
        "size_bytes": drop.size_bytes,
        "reason": drop.reason,
    })
}

fn redesign(redesign: &Redesign) -> Value {
    let set = |set: IndexSet| json!({ "indexes": set.n_indexes, "size_bytes": set.size_bytes, "upkeep": round(set.upkeep) });
    json!({
        "kept": list(&redesign.kept, kept),
        "before": set(redesign.before),
        "after": set(redesign.after),
        "doubt": redesign.doubt,
    })
}

fn kept(kept: &KeptIndex) -> Value {
    json!({
        "schema": kept.schema,
        "table": kept.table,
        "name": kept.name,
        "ddl": format!("{};", kept.definition),
        "size_bytes": kept.size_bytes,
        "helps": list(&kept.helps, help),
        "reason": kept.reason,
    })
}

fn refusal(refusal: &Refusal) -> Value {
    json!({
        "ddl": format!("{};", refusal.definition.ddl_concurrently()),
        "name": refusal.definition.name(),
        "saves": round(refusal.saves),
        "write_price": write_price(refusal.write_price),
        "reason": refusal.reason,
    })
}

fn statement(statement: &StatementCost) -> Value {
    let value_sets: Vec<Value> = statement
        .value_sets
        .iter()
        .map(|set| {
            json!({
                "label": set.label,
                "cost_before": round(set.cost_before),
                "cost_after": round(set.cost_after),
            })
        })
        .collect();
    json!({
        "name": statement.name,
        "sql": statement.sql,
        "weight": statement.weight,
        "time_share": statement.time_share.map(share),
        "cost_before": round(statement.cost_before),
        "cost_after": round(statement.cost_after),
        "value_sets": value_sets,
        "generic": statement.generic.map(|(cost_before, cost_after)| json!({
            "cost_before": round(cost_before),
            "cost_after": round(cost_after),
        })),
    })
}

fn self_check(check: &SelfCheck) -> Value {
    json!({
        "compared": check.n_compared,
        "worst_statement": check.worst.as_ref().map(|(statement, _)| statement),
        "worst_difference": check.worst.as_ref().map(|(_, difference)| share(*difference)),
    })
}

/// Rounds a share to the hundredth of a percent.
fn share(share: f64) -> f64 {
    (share * 10_000.0).round() / 10_000.0
}
