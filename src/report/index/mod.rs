//! Index advice and index builds.

mod apply;
mod facts;
pub(super) mod html;
mod json;
mod markdown;
mod proof;
mod script;
mod text;
mod undone;

pub(crate) use self::apply::{Applied, BuiltIndex, DoneStep, Space, applied, built, plan_lines, planned};
pub(crate) use self::facts::{helps_in_words, trusted};
pub(super) use self::markdown::{fenced, folded, inline};
pub(crate) use self::proof::{Proven, Undone};
pub(super) use self::script::comment;
pub(crate) use self::undone::{UndoOutcome, UndoneStep, locks, runs, undone};
use super::{Align, Document, Format, Style, Table};
use crate::index::Advice;

/// Returns the document of the advisor's answer.
pub(crate) fn advice<'a>(advice: &'a Advice, style: &Style) -> Document<'a> {
    let document = Document::new(json::Report(advice))
        .form(Format::Sql, || script::script(advice))
        .form(Format::Markdown, || markdown::comment(advice))
        .form(Format::Html, || html::page(advice))
        .csv(|| csv(advice));
    text::blocks(document, advice, style)
}

/// One row for each change.
fn csv(advice: &Advice) -> Table {
    let (left, right) = (Align::Left, Align::Right);
    let mut table = Table::new([
        ("change", left),
        ("ddl", left),
        ("size_bytes", right),
        ("write_cost", right),
        ("saves", right),
        ("statements_helped", right),
        ("reason", left),
    ]);
    for suggestion in &advice.suggestions {
        table.row([
            "create".to_owned(),
            suggestion.ddl.join("; "),
            suggestion.size_bytes.to_string(),
            facts::round(suggestion.write_price.bytes_per_row).to_string(),
            facts::round(suggestion.saves).to_string(),
            suggestion.helps.len().to_string(),
            suggestion.reason.clone(),
        ]);
    }
    for drop in &advice.drops {
        table.row([
            "drop".to_owned(),
            drop.ddl(),
            drop.size_bytes.to_string(),
            String::new(),
            String::new(),
            String::new(),
            drop.reason.clone(),
        ]);
    }
    for kept in advice.redesign.iter().flat_map(|redesign| &redesign.kept) {
        table.row([
            "keep".to_owned(),
            kept.definition.clone(),
            kept.size_bytes.to_string(),
            String::new(),
            String::new(),
            kept.helps.len().to_string(),
            kept.reason.clone(),
        ]);
    }
    table
}

#[cfg(test)]
mod tests;
