//! What the server did while a load ran.

use serde_json::{Value, json};

use crate::bench::ServerWork;
use crate::bench::server::Counters;
use crate::report::{Align, Table};
use crate::unit;

/// More kinds of waits have too few samples each.
const MAX_WAITS: usize = 6;

pub(super) fn json(work: Option<&ServerWork>) -> Value {
    let Some(work) = work else { return Value::Null };
    let statement = |(name, it): &(String, Counters)| {
        json!({
            "name": name,
            "calls": it.calls,
            "rows": it.rows,
            "exec_ms": unit::json_ms(it.exec_ms),
            "shared_blks_hit": it.blocks_hit,
            "shared_blks_read": it.blocks_read,
            "shared_blks_dirtied": it.blocks_dirtied,
            "temp_blks": it.temp_blocks,
            "wal_records": it.wal_records,
            "wal_bytes": it.wal_bytes,
        })
    };
    let statements = work.statements.as_ref().map(|all| all.iter().map(statement).collect::<Vec<_>>());
    let waits =
        work.waits.iter().map(|(name, share)| json!({ "name": name, "share": (share * 1e4).round() / 1e4 }));
    let plans = work.plans.iter().map(|plan| {
        json!({ "statement": plan.statement, "shape": plan.shape, "shape_after": plan.then.as_ref().unwrap_or(&plan.shape) })
    });
    json!({
        "statements": statements,
        "waits": waits.collect::<Vec<_>>(),
        "wait_samples": work.n_samples,
        "checkpoints": work.checkpoints,
        "autovacuum": work.autovacuum,
        "plans": plans.collect::<Vec<_>>(),
        "notes": work.notes,
    })
}

/// Returns what each call cost the server; `None` where that is not known.
pub(super) fn table(work: Option<&ServerWork>) -> Option<Table> {
    let statements = work?.statements.as_ref().filter(|statements| !statements.is_empty())?;
    let right = |name| (name, Align::Right);
    let mut table = Table::new([
        ("on the server, a call", Align::Left),
        right("calls"),
        right("ms"),
        right("rows"),
        right("hit"),
        right("read"),
        right("dirtied"),
        right("temp"),
        right("WAL B"),
    ]);
    for (name, it) in statements {
        let per_call = |n: u64| figure(it.per_call(n));
        table.row([
            name.clone(),
            unit::count(it.calls),
            unit::milliseconds(it.mean_ms()),
            per_call(it.rows),
            per_call(it.blocks_hit),
            per_call(it.blocks_read),
            per_call(it.blocks_dirtied),
            per_call(it.temp_blocks),
            per_call(it.wal_bytes),
        ]);
    }
    Some(table)
}

/// Says in a line each what the load waited for and what else the server did.
pub(super) fn lines(work: Option<&ServerWork>) -> Vec<String> {
    let Some(work) = work else { return Vec::new() };
    let waits: Vec<String> = work
        .waits
        .iter()
        .take(MAX_WAITS)
        .map(|(name, share)| format!("{name} {:.0} %", share * 100.0))
        .collect();
    let waits = (!waits.is_empty()).then(|| {
        format!("sessions at work, {} looks: {}", unit::count(work.n_samples as u64), waits.join(", "))
    });
    let checkpoints = work.checkpoints.filter(|n| *n > 0).map(|n| format!("checkpoints meanwhile: {n}"));
    let autovacuum = work.autovacuum.iter().map(|what| format!("meanwhile: {what}"));
    let notes = work.notes.iter().cloned();
    waits.into_iter().chain(checkpoints).chain(autovacuum).chain(notes).collect()
}

fn figure(value: f64) -> String {
    let digits = if value >= 100.0 || value.fract() == 0.0 { 0 } else { 2 };
    format!("{value:.digits$}")
}
