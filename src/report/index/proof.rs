//! What running the workload before and after an apply has shown, and what was taken back because of it.

use serde_json::{Value, json};

use super::undone::{UndoneStep, step_json, step_table};
use crate::index::verification::{Judged, Proof, VerifiedStatement};
use crate::report::verification::{skipped_json, statement_json, statements};
use crate::report::{Align, Document, Table};

/// What was proven.
#[derive(Debug)]
pub(crate) struct Proven {
    pub(crate) proof: Proof,
    /// `None` where nothing was to be taken back, or nothing was to be taken back without being asked.
    pub(crate) undone: Option<Undone>,
}

/// What was taken back.
#[derive(Debug)]
pub(crate) struct Undone {
    pub(crate) steps: Vec<UndoneStep>,
    /// The statements concerned: before all changes, and once more after the undo.
    pub(crate) statements: Vec<VerifiedStatement>,
}

pub(super) fn json(proven: &Proven) -> Value {
    let Proven { proof, undone } = proven;
    json!({
        "runs": proof.n_runs,
        "statements": proof.statements.iter().map(statement_json).collect::<Vec<_>>(),
        "changes": proof.changes.iter().map(change).collect::<Vec<_>>(),
        "skipped": proof.skipped.iter().map(skipped_json).collect::<Vec<_>>(),
        "undone": undone.as_ref().map(|undone| json!({
            "steps": undone.steps.iter().map(step_json).collect::<Vec<_>>(),
            "statements": undone.statements.iter().map(statement_json).collect::<Vec<_>>(),
        })),
    })
}

fn change(judged: &Judged) -> Value {
    let index = &judged.changed.index;
    json!({
        "action": judged.changed.kind.verb(),
        "schema": index.schema,
        "table": index.table,
        "index": index.name,
        "effect": judged.effect.name(),
        "reason": judged.reason,
        "slows": judged.slows,
        "undo": judged.is_to_undo,
    })
}

/// Adds the proof to what was done.
pub(super) fn append(document: Document<'static>, proven: &Proven) -> Document<'static> {
    let Proven { proof, undone } = proven;
    let mut document = document.heading("The workload before and after");
    document = if proof.statements.is_empty() {
        document.text("no statement ran on both sides")
    } else {
        document.table(statements(&proof.statements))
    };
    if !proof.changes.is_empty() {
        document = document.table(changes(&proof.changes));
    }
    let Some(undone) = undone else { return document };
    document = document.heading("Taken back").table(step_table(&undone.steps));
    if undone.statements.is_empty() {
        return document;
    }
    document.heading("Before the changes and after taking back").table(statements(&undone.statements))
}

fn changes(changes: &[Judged]) -> Table {
    let mut table = Table::new([
        ("step", Align::Left),
        ("index", Align::Left),
        ("on", Align::Left),
        ("effect", Align::Left),
        ("why", Align::Left),
    ]);
    for judged in changes {
        let index = &judged.changed.index;
        table.row([
            judged.changed.kind.verb(),
            index.name.as_str(),
            index.table.as_str(),
            judged.effect.name(),
            judged.reason.as_str(),
        ]);
    }
    table
}
