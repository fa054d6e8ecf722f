//! What an audit of the index set found.

mod ci;
mod facts;
mod html;
mod json;
mod markdown;
mod script;
mod text;

use super::{Align, Document, Format, Style, Table, junit, sarif};
use crate::index::audit::{Finding, Fix, Severity, Unproven};
use crate::index::change::script::Script;

/// An audit's findings with what they rest on.
#[derive(Debug, Default)]
pub(crate) struct Audit {
    /// The gravest first.
    pub(crate) findings: Vec<Reported>,
    /// How many more a baseline accepts.
    pub(crate) n_accepted: usize,
    /// What could not be seen, a line each.
    pub(crate) unseen: Vec<String>,
    pub(crate) unproven: Option<Unproven>,
    pub(crate) schemas: Vec<String>,
    pub(crate) n_tables: usize,
    pub(crate) n_indexes: usize,
    /// For how many seconds the server's counters have counted.
    pub(crate) counted_s: Option<f64>,
    /// Replicas by name, each with the same.
    pub(crate) replicas: Vec<(String, Option<f64>)>,
}

/// A finding with its fix as SQL.
#[derive(Debug)]
pub(crate) struct Reported {
    pub(crate) finding: Finding,
    /// Empty where a person has to decide.
    pub(crate) script: Script,
}

impl Reported {
    /// `change_script` writes the changes that `perfkit index apply` does itself.
    pub(crate) fn new(
        finding: Finding,
        change_script: impl FnOnce(&crate::index::change::Change) -> Script,
    ) -> Self {
        let script = match &finding.fix {
            None => Script::default(),
            Some(Fix::Change(change)) => change_script(change),
            Some(Fix::Statements { sql, undo_sql }) => {
                Script { sql: sql.clone(), undo_sql: undo_sql.clone() }
            }
        };
        Self { finding, script }
    }
}

/// Returns the document of an audit.
pub(crate) fn document<'a>(audit: &'a Audit, style: &Style) -> Document<'a> {
    let document = Document::new(json::Report(audit))
        .form(Format::Sql, || script::script(audit))
        .form(Format::Markdown, || markdown::comment(audit))
        .form(Format::Html, || html::page(audit))
        .form(Format::Junit, || junit::text(&ci::suites(audit, ci::failure)))
        .form(Format::Sarif, || sarif::text(&ci::suites(audit, ci::level), &ci::RULES))
        .csv(|| csv(audit));
    text::blocks(document, audit, style)
}

/// One row for each finding.
fn csv(audit: &Audit) -> Table {
    let left = Align::Left;
    let mut table = Table::new([
        ("severity", left),
        ("rule", left),
        ("schema", left),
        ("table", left),
        ("index", left),
        ("columns", left),
        ("message", left),
        ("remedy", left),
        ("fix_sql", left),
        ("undo_sql", left),
        ("frees_bytes", Align::Right),
    ]);
    for Reported { finding, script } in &audit.findings {
        table.row([
            finding.severity.name().to_owned(),
            finding.rule.to_owned(),
            finding.schema.clone(),
            finding.table.clone(),
            finding.index.clone().unwrap_or_default(),
            finding.columns.join(", "),
            finding.message.clone(),
            finding.remedy.clone(),
            facts::sql_text(&script.sql).unwrap_or_default(),
            facts::sql_text(&script.undo_sql).unwrap_or_default(),
            finding.frees_bytes.to_string(),
        ]);
    }
    table
}

impl Audit {
    fn of_severity(&self, severity: Severity) -> impl Iterator<Item = &Reported> {
        self.findings.iter().filter(move |reported| reported.finding.severity == severity)
    }

    fn frees_bytes(&self) -> u64 {
        self.findings.iter().map(|reported| reported.finding.frees_bytes).sum()
    }
}

#[cfg(test)]
mod tests;
