//! What `apply` is about to do, and what it has done.

use serde_json::{Value, json};

use super::proof::{self, Proven};
use crate::index::change::IndexName;
use crate::index::change::lock::Lock;
use crate::index::change::plan::{Plan, Present};
use crate::index::change::steps::{Action, Step};
use crate::report::{Align, Document, Format, SCHEMA_VERSION, Table};
use crate::unit;

/// What a plan needs of the server's disk.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Space {
    /// What the indexes are expected to take.
    pub(crate) index_bytes: u64,
    /// What sorting the largest of them takes meanwhile; one is built at a time.
    pub(crate) sort_bytes: u64,
    /// `None` where it cannot be seen.
    pub(crate) free_bytes: Option<u64>,
}

/// A step that was done.
#[derive(Debug)]
pub(crate) struct DoneStep<'a> {
    pub(crate) step: &'a Step,
    pub(crate) elapsed_ms: f64,
    pub(crate) size_bytes: u64,
}

/// A wanted index that is there.
#[derive(Debug)]
pub(crate) struct BuiltIndex {
    pub(crate) name: String,
    pub(crate) described: String,
    pub(crate) size_bytes: u64,
    /// `None` if it was there before.
    pub(crate) elapsed_ms: Option<f64>,
}

/// What a run has done.
#[derive(Debug, Default)]
pub(crate) struct Applied<'a> {
    pub(crate) run: Option<&'a str>,
    pub(crate) indexes: Vec<BuiltIndex>,
    pub(crate) steps: Vec<DoneStep<'a>>,
    pub(crate) held: &'a [(IndexName, String)],
    pub(crate) foreign: &'a [IndexName],
    /// What the workload says of it, where it was run.
    pub(crate) proven: Option<&'a Proven>,
}

impl Space {
    pub(crate) fn needed_bytes(self) -> u64 {
        self.index_bytes + self.sort_bytes
    }

    pub(crate) fn is_enough(self) -> bool {
        self.free_bytes.is_none_or(|free| free >= self.needed_bytes())
    }
}

/// Returns the plan line by line, for who decides on it.
pub(crate) fn plan_lines(plan: &Plan, space: Space) -> Vec<String> {
    let mut lines = Vec::new();
    for (number, step) in plan.steps.iter().enumerate() {
        if step.sql.is_empty() {
            lines.push(format!("{}. wait until the build of {} has ended", number + 1, step.index.name));
        } else {
            lines.push(format!("{}. {};", number + 1, step.sql));
        }
        let leftover = matches!(step.action, Action::DropLeftover)
            .then(|| "left invalid by an unfinished build".to_owned());
        let lock = step.lock().zip(step.blocks());
        let lock = lock.map(|(lock, blocks)| format!("{} lock: {blocks}", lock.name()));
        let size = step.size_bytes.filter(|_| !step.sql.is_empty()).map(|bytes| {
            if step.builds() {
                format!("about {}", unit::bytes(bytes))
            } else {
                format!("frees {}", unit::bytes(bytes))
            }
        });
        let facts: Vec<String> = leftover.into_iter().chain(lock).chain(size).collect();
        if !facts.is_empty() {
            lines.push(format!("   -- {}", facts.join("; ")));
        }
    }
    for (index, reason) in &plan.held {
        lines.push(format!("not done: {}: {reason}", index.name));
    }
    for index in &plan.foreign {
        lines.push(format!("INVALID and not this plan's: {} on {}", index.name, index.table));
    }
    if plan.steps.iter().any(Step::builds) {
        lines.push(disk_line(space, plan));
    }
    lines
}

fn disk_line(space: Space, plan: &Plan) -> String {
    let free = space.free_bytes.map_or_else(
        || "how much is free cannot be seen from here".to_owned(),
        |free| format!("{} are free", unit::bytes(free)),
    );
    let n_unknown = plan.steps.iter().filter(|step| step.builds() && step.size_bytes.is_none()).count();
    let known = (space.index_bytes > 0).then(|| format!("about {}", unit::bytes(space.index_bytes)));
    let sort = (space.sort_bytes > 0).then(|| format!("{} while it sorts", unit::bytes(space.sort_bytes)));
    let unknown = (n_unknown > 0).then(|| format!("{n_unknown} builds of unknown size"));
    let parts: Vec<String> = [known, sort, unknown].into_iter().flatten().collect();
    format!("disk: {}; {free}", parts.join(" and "))
}

/// Returns the plan as the result of a dry run.
pub(crate) fn planned(plan: &Plan, space: Space) -> Document<'static> {
    let ddl: Vec<String> =
        plan.steps.iter().filter(|step| !step.sql.is_empty()).map(|step| format!("{};", step.sql)).collect();
    let steps: Vec<Value> = plan
        .steps
        .iter()
        .map(|step| {
            json!({
                "action": step.verb(),
                "schema": step.index.schema,
                "table": step.index.table,
                "index": step.index.name,
                "sql": step.sql,
                "lock": step.lock().map(Lock::name),
                "blocks": step.blocks(),
                "size_bytes": step.size_bytes,
            })
        })
        .collect();
    let json = json!({
        "schema_version": SCHEMA_VERSION,
        "dry_run": true,
        "ddl": ddl,
        "steps": steps,
        "present": plan.present.iter().map(present).collect::<Vec<_>>(),
        "held": plan.held.iter().map(held).collect::<Vec<_>>(),
        "foreign_invalid": plan.foreign.iter().map(named).collect::<Vec<_>>(),
        "disk": {
            "index_bytes": space.index_bytes,
            "sort_bytes": space.sort_bytes,
            "free_bytes": space.free_bytes,
        },
    });
    let script = if ddl.is_empty() { String::new() } else { ddl.join("\n") + "\n" };
    Document::new(json).text(script.clone()).form(Format::Sql, move || script.clone())
}

fn present(present: &Present) -> Value {
    json!({ "wanted": present.goal.name, "schema": present.index.schema, "index": present.index.name })
}

fn held((index, reason): &(IndexName, String)) -> Value {
    json!({ "schema": index.schema, "table": index.table, "index": index.name, "reason": reason })
}

fn named(index: &IndexName) -> Value {
    json!({ "schema": index.schema, "table": index.table, "index": index.name })
}

/// Returns what was done: the wanted indexes, then the steps.
pub(crate) fn applied(applied: &Applied) -> Document<'static> {
    let indexes: Vec<Value> = applied
        .indexes
        .iter()
        .map(|index| {
            json!({
                "name": index.name,
                "definition": index.described,
                "size_bytes": index.size_bytes,
                "built": index.elapsed_ms.is_some(),
                "elapsed_ms": index.elapsed_ms.map(unit::json_ms),
            })
        })
        .collect();
    let steps: Vec<Value> = applied
        .steps
        .iter()
        .map(|done| {
            json!({
                "action": done.step.verb(),
                "schema": done.step.index.schema,
                "table": done.step.index.table,
                "index": done.step.index.name,
                "sql": done.step.sql,
                "size_bytes": done.size_bytes,
                "elapsed_ms": unit::json_ms(done.elapsed_ms),
            })
        })
        .collect();
    let mut document = Document::new(json!({
        "schema_version": SCHEMA_VERSION,
        "run": applied.run,
        "indexes": indexes,
        "steps": steps,
        "held": applied.held.iter().map(held).collect::<Vec<_>>(),
        "foreign_invalid": applied.foreign.iter().map(named).collect::<Vec<_>>(),
        "proof": applied.proven.map(proof::json),
    }));
    if !applied.indexes.is_empty() {
        document = document.table(index_table(&applied.indexes));
    }
    if let Some(table) = other_steps(&applied.steps) {
        document = document.table(table);
    }
    match applied.proven {
        Some(proven) => proof::append(document, proven),
        None => document,
    }
}

/// Returns the table of built indexes as a part of another command's result.
pub(crate) fn built(indexes: &[BuiltIndex]) -> Document<'static> {
    let document = Document::new(Value::Null);
    if indexes.is_empty() { document } else { document.table(index_table(indexes)) }
}

/// What was dropped and rebuilt; the builds of wanted indexes are in a table of their own.
fn other_steps(steps: &[DoneStep]) -> Option<Table> {
    let mut table = Table::new([
        ("step", Align::Left),
        ("index", Align::Left),
        ("on", Align::Left),
        ("size", Align::Right),
        ("took", Align::Right),
    ]);
    let mut n_rows = 0;
    for done in
        steps.iter().filter(|done| done.step.index == done.step.goal && !done.step.sql.starts_with("CREATE"))
    {
        let size = if done.size_bytes > 0 { Some(done.size_bytes) } else { done.step.size_bytes };
        table.row([
            done.step.verb().to_owned(),
            done.step.index.name.clone(),
            done.step.index.table.clone(),
            size.map(unit::bytes).unwrap_or_default(),
            format!("{} ms", unit::milliseconds(done.elapsed_ms)),
        ]);
        n_rows += 1;
    }
    (n_rows > 0).then_some(table)
}

fn index_table(indexes: &[BuiltIndex]) -> Table {
    let mut table = Table::new([
        ("index", Align::Left),
        ("on", Align::Left),
        ("size", Align::Right),
        ("built in", Align::Right),
    ]);
    for index in indexes {
        table.row([
            index.name.clone(),
            index.described.clone(),
            unit::bytes(index.size_bytes),
            index
                .elapsed_ms
                .map_or_else(|| "was there".to_owned(), |ms| format!("{} ms", unit::milliseconds(ms))),
        ]);
    }
    table
}
