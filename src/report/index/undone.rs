//! What an undo did, or would do, and which runs there are.

use std::fmt::Write as _;

use chrono::{DateTime, SecondsFormat};
use serde_json::{Value, json};

use crate::index::change::IndexName;
use crate::index::change::journal::{Action, History, Run, RunState, Step, StepState};
use crate::index::change::restore::Statement;
use crate::report::{Align, Document, Format, SCHEMA_VERSION, Table};
use crate::unit;

/// A step that was to be undone.
#[derive(Debug)]
pub(crate) struct UndoneStep {
    /// In the run.
    pub(crate) ordinal: u32,
    pub(crate) index: IndexName,
    pub(crate) statements: Vec<Statement>,
    pub(crate) outcome: UndoOutcome,
}

#[derive(Debug)]
pub(crate) enum UndoOutcome {
    /// Printed only.
    Planned,
    Undone {
        elapsed_ms: f64,
    },
    /// It is as it was before the step.
    Nothing,
    /// It cannot be undone.
    Impossible(String),
    Failed(String),
}

impl UndoOutcome {
    /// The word in JSON.
    fn word(&self) -> &'static str {
        match self {
            Self::Planned => "planned",
            Self::Undone { .. } => "undone",
            Self::Nothing => "nothing",
            Self::Impossible(_) => "impossible",
            Self::Failed(_) => "failed",
        }
    }

    fn reason(&self) -> Option<&str> {
        match self {
            Self::Impossible(reason) | Self::Failed(reason) => Some(reason),
            _ => None,
        }
    }
}

/// Returns the document of an undo; `None` for a database where there is nothing to undo.
pub(crate) fn undone(run: Option<&Run>, is_dry_run: bool, steps: &[UndoneStep]) -> Document<'static> {
    let mut script = String::new();
    for statement in steps.iter().flat_map(|step| &step.statements) {
        let _ = writeln!(script, "-- {}\n{};", locks(statement), statement.sql);
    }
    let document = Document::new(json!({
        "schema_version": SCHEMA_VERSION,
        "run": run.map(|run| &run.id),
        "dry_run": is_dry_run,
        "steps": steps.iter().map(step_json).collect::<Vec<Value>>(),
    }));
    let text = script.clone();
    let document = document.form(Format::Sql, move || script.clone());
    match (is_dry_run, steps.is_empty()) {
        (_, true) => document,
        (true, _) => document.text(text),
        (false, _) => document.table(step_table(steps)),
    }
}

/// What became of each step.
pub(super) fn step_table(steps: &[UndoneStep]) -> Table {
    let mut table = Table::new([("index", Align::Left), ("result", Align::Left), ("took", Align::Right)]);
    for step in steps {
        let (result, took) = match &step.outcome {
            UndoOutcome::Planned => ("to be undone".to_owned(), String::new()),
            UndoOutcome::Undone { elapsed_ms } => {
                ("undone".to_owned(), format!("{} ms", unit::milliseconds(*elapsed_ms)))
            }
            UndoOutcome::Nothing => ("nothing to undo".to_owned(), String::new()),
            UndoOutcome::Impossible(reason) => (format!("left as it is: {reason}"), String::new()),
            UndoOutcome::Failed(reason) => (format!("failed: {reason}"), String::new()),
        };
        table.row([format!("{}.{}", step.index.schema, step.index.name), result, took]);
    }
    table
}

/// Which lock a statement takes and what that keeps waiting.
pub(crate) fn locks(statement: &Statement) -> String {
    let Statement { lock, relation, .. } = statement;
    format!("{} lock on {relation}: blocks {}", lock.name(), lock.blocks())
}

pub(super) fn step_json(step: &UndoneStep) -> Value {
    let statements: Vec<Value> = step
        .statements
        .iter()
        .map(|statement| {
            json!({
                "sql": statement.sql,
                "lock": statement.lock,
                "relation": statement.relation,
                "in_transaction": statement.may_run_in_transaction,
            })
        })
        .collect();
    json!({
        "ordinal": step.ordinal,
        "schema": step.index.schema,
        "table": step.index.table,
        "index": step.index.name,
        "result": step.outcome.word(),
        "reason": step.outcome.reason(),
        "elapsed_ms": match step.outcome {
            UndoOutcome::Undone { elapsed_ms } => Some(unit::json_ms(elapsed_ms)),
            _ => None,
        },
        "statements": statements,
    })
}

/// Returns the document of all runs, newest first.
pub(crate) fn runs(histories: &[History]) -> Document<'static> {
    let mut table = Table::new([
        ("run", Align::Left),
        ("started", Align::Left),
        ("state", Align::Left),
        ("steps", Align::Left),
        ("undone", Align::Right),
    ]);
    let mut json = Vec::new();
    for history in histories.iter().rev() {
        let run = &history.run;
        let started = DateTime::from_timestamp_micros(run.started_us)
            .unwrap_or_default()
            .to_rfc3339_opts(SecondsFormat::Secs, true);
        let n_undone = history.steps.iter().filter(|step| step.state == StepState::Undone).count();
        table.row([
            run.id.to_string(),
            started.clone(),
            state(history.state()).to_owned(),
            actions(&history.steps),
            n_undone.to_string(),
        ]);
        json.push(json!({
            "run": run.id,
            "started_at": started,
            "state": history.state(),
            "perfkit_version": run.perfkit_version,
            "target": run.target,
            "n_steps": history.steps.len(),
            "n_undone": n_undone,
        }));
    }
    let document = Document::new(json!({ "schema_version": SCHEMA_VERSION, "runs": json }));
    if histories.is_empty() { document } else { document.table(table) }
}

fn state(state: RunState) -> &'static str {
    match state {
        RunState::Unfinished => "unfinished",
        RunState::Done => "done",
        RunState::Failed => "failed",
        RunState::Undone => "undone",
    }
}

/// As in `2 create, 1 drop`.
fn actions(steps: &[Step]) -> String {
    let count = |word: &str, action: &Action| {
        let n =
            steps.iter().filter(|step| step.action == *action && step.state != StepState::Skipped).count();
        (n > 0).then(|| format!("{n} {word}"))
    };
    let counts =
        [count("create", &Action::Create), count("reindex", &Action::Reindex), count("drop", &Action::Drop)];
    counts.into_iter().flatten().collect::<Vec<_>>().join(", ")
}
