//! The advice as a comment of a pull request: what to do first, what it rests on folded away.

use std::fmt::Write as _;

use super::facts::{self, Fact};
use crate::index::{Advice, Suggestion};
use crate::report::explain::{escaped, one_line};
use crate::report::verification;
use crate::unit;

/// The costliest statements that are shown: GitHub cuts comments at 65,536 characters.
const MAX_STATEMENTS: usize = 50;
const MAX_SKIPPED: usize = 20;

pub(super) fn comment(advice: &Advice) -> String {
    let mut text = String::from("## Index advice\n\n");
    if advice.suggestions.is_empty() {
        let _ = writeln!(text, "{}", escaped(&facts::nothing(advice)));
    }
    if facts::has_set(advice) {
        let _ = writeln!(text, "**{}**", escaped(&facts::summary(advice)));
    }
    for one in &advice.suggestions {
        suggestion(&mut text, one, advice);
    }
    if let Some(run) = &advice.verification {
        let _ = writeln!(text, "\n### Verified\n");
        for line in facts::verified(run) {
            let _ = writeln!(text, "- {}", inline(&line));
        }
        let tables = [verification::statements(&run.statements), verification::indexes(run)];
        folded(&mut text, "Measured", &tables.map(|table| table.to_markdown()).join("\n"));
    }
    if !advice.drops.is_empty() {
        text.push_str("\n### Superfluous\n");
    }
    for drop in &advice.drops {
        fenced(&mut text, &format!("{};", drop.ddl()));
        list(&mut text, &facts::of_drop(drop));
        text.push_str("\nundo:\n");
        fenced(&mut text, &drop.undo_script());
    }
    if let Some(redesign) = &advice.redesign {
        folded(&mut text, "Index set", &facts::index_set(advice, redesign).to_markdown());
    }
    if !advice.refusals.is_empty() {
        text.push_str("\n### Refused\n");
    }
    for refusal in &advice.refusals {
        let _ = writeln!(text, "\n{}", inline(&refusal.definition.describe()));
        list(&mut text, &facts::of_refusal(refusal, advice));
    }
    statements(&mut text, advice);
    skipped(&mut text, advice);
    let caveats = facts::caveats(advice);
    if !caveats.is_empty() {
        text.push('\n');
    }
    for caveat in caveats {
        let _ = writeln!(text, "- {}", inline(&caveat));
    }
    text
}

fn suggestion(text: &mut String, suggestion: &Suggestion, advice: &Advice) {
    fenced(text, &suggestion.script());
    list(text, &facts::of_suggestion(suggestion, advice));
    let (helps, n_more) = facts::helps(suggestion, advice);
    if !helps.is_empty() {
        let _ = write!(text, "\n{}", facts::help_table(helps).to_markdown());
    }
    if n_more > 0 {
        let _ = writeln!(text, "\nand {n_more} more");
    }
    let alternatives: Vec<String> =
        facts::alternatives(suggestion).map(|line| format!("- {}\n", inline(&line))).collect();
    if !alternatives.is_empty() {
        folded(text, "Rejected in its place", &alternatives.concat());
    }
}

fn statements(text: &mut String, advice: &Advice) {
    let costliest = facts::costliest(advice);
    let shown = &costliest[..costliest.len().min(MAX_STATEMENTS)];
    if shown.is_empty() {
        return;
    }
    let mut table = facts::statement_table(shown).to_markdown();
    if costliest.len() > shown.len() {
        let _ = writeln!(table, "\nand {} cheaper ones", costliest.len() - shown.len());
    }
    folded(text, &unit::counted(costliest.len() as u64, "statement"), &table);
}

fn skipped(text: &mut String, advice: &Advice) {
    if advice.skipped.is_empty() {
        return;
    }
    let mut lines = String::new();
    for skipped in advice.skipped.iter().take(MAX_SKIPPED) {
        let _ = writeln!(lines, "- {}: {}", inline(&skipped.sql), inline(&skipped.reason));
    }
    if advice.skipped.len() > MAX_SKIPPED {
        let _ = writeln!(lines, "- and {} more", advice.skipped.len() - MAX_SKIPPED);
    }
    folded(text, &format!("{} skipped", unit::counted(advice.skipped.len() as u64, "statement")), &lines);
}

fn list(text: &mut String, facts: &[Fact]) {
    text.push('\n');
    for (label, fact) in facts {
        let _ = writeln!(text, "- {label}: {}", inline(fact));
    }
}

pub(in crate::report) fn folded(text: &mut String, summary: &str, body: &str) {
    let _ = write!(text, "\n<details><summary>{summary}</summary>\n\n{body}\n</details>\n");
}

/// Writes SQL between fences that are longer than any in it.
pub(in crate::report) fn fenced(text: &mut String, sql: &str) {
    const LEAST: usize = 3;
    let longest = sql.split(|c| c != '`').map(str::len).max().unwrap_or(0);
    let fence = "`".repeat(LEAST.max(longest + 1));
    let _ = write!(text, "\n{fence}sql\n{sql}\n{fence}\n");
}

pub(in crate::report) fn inline(text: &str) -> String {
    escaped(&one_line(text))
}
