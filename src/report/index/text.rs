//! The advice for a terminal.

use super::facts::{self, Fact, HelpLine};
use crate::index::{Advice, Suggestion};
use crate::report::explain::{fit, one_line, wrap};
use crate::report::style::visible_width;
use crate::report::{Document, Style, verification};

/// The costliest statements that are shown; JSON has all.
const MAX_STATEMENTS: usize = 20;
/// The skipped statements that are shown; JSON has all.
const MAX_SKIPPED: usize = 5;
/// Labels are as wide as the longest, `replaces`.
const LABEL_WIDTH: usize = 8;
/// What stands before and behind a label.
const INDENT: usize = 2;
/// Where clauses of a statement that is longer than the line start.
const CLAUSE_INDENT: usize = 4;

/// Adds what a terminal shows, part by part.
pub(super) fn blocks<'a>(document: Document<'a>, advice: &Advice, style: &Style) -> Document<'a> {
    let mut document = document;
    if advice.suggestions.is_empty() {
        document = document.text(facts::nothing(advice));
    }
    for one in &advice.suggestions {
        document = document.text(suggestion(one, advice, style).join("\n"));
    }
    if let Some(run) = &advice.verification {
        let lines = facts::verified(run);
        let lines = lines.iter().flat_map(|line| wrap(line, style, 0, usize::MAX));
        document = document
            .heading("Verified")
            .text(lines.collect::<Vec<_>>().join("\n"))
            .table(verification::statements(&run.statements))
            .table(verification::indexes(run));
    }
    if !advice.drops.is_empty() {
        let lines = advice.drops.iter().flat_map(|drop| {
            let ddl = format!("{};", drop.ddl());
            let undo = labelled("undo", drop.undo_script().lines().map(str::to_owned).collect(), style);
            [ddl_lines(&ddl, style), fact_lines(&facts::of_drop(drop), style), undo].concat()
        });
        document = document.heading("Superfluous").text(lines.collect::<Vec<_>>().join("\n"));
    }
    if let Some(redesign) = &advice.redesign {
        document = document.heading("Index set").table(facts::index_set(advice, redesign));
    }
    if !advice.refusals.is_empty() {
        let lines = advice.refusals.iter().flat_map(|refusal| {
            let facts = fact_lines(&facts::of_refusal(refusal, advice), style);
            [wrap(&refusal.definition.describe(), style, 0, usize::MAX), facts].concat()
        });
        document = document.heading("Refused").text(lines.collect::<Vec<_>>().join("\n"));
    }
    document = statements(document, advice);
    if !advice.skipped.is_empty() {
        document = document.heading("Skipped").text(skipped(advice, style).join("\n"));
    }
    let mut end: Vec<String> = facts::caveats(advice)
        .iter()
        .flat_map(|caveat| wrap(caveat, style, 0, usize::MAX))
        .map(|line| style.dim(&line))
        .collect();
    if facts::has_set(advice) {
        let lines = wrap(&facts::summary(advice), style, 0, usize::MAX);
        end.extend(lines.iter().map(|line| style.bold(line)));
    }
    if end.is_empty() { document } else { document.text(end.join("\n")) }
}

fn suggestion(suggestion: &Suggestion, advice: &Advice, style: &Style) -> Vec<String> {
    let mut lines: Vec<String> =
        suggestion.ddl.iter().flat_map(|sql| ddl_lines(&format!("{sql};"), style)).collect();
    lines.extend(fact_lines(&facts::of_suggestion(suggestion, advice), style));
    let (helps, n_more) = facts::helps(suggestion, advice);
    let mut helped = help_lines(&helps);
    if n_more > 0 {
        helped.push(format!("and {n_more} more"));
    }
    lines.extend(labelled("helps", helped, style));
    for alternative in facts::alternatives(suggestion) {
        lines.extend(fact_lines(&[("rejected", alternative)], style));
    }
    lines
}

/// Writes statements below each other, their costs aligned.
fn help_lines(helps: &[HelpLine]) -> Vec<String> {
    let width = |text: fn(&HelpLine) -> String| {
        helps.iter().map(|help| visible_width(&text(help))).max().unwrap_or(0)
    };
    let statements = width(|help| help.statement.to_owned());
    let (before, after) = (width(|help| help.before.clone()), width(|help| help.after.clone()));
    let factor = width(|help| help.factor.clone());
    let line = |help: &HelpLine| {
        let time = if help.time.is_empty() { String::new() } else { format!("  {} of the time", help.time) };
        format!(
            "{:<statements$}  cost {:>before$} → {:>after$}  {:>factor$}{time}",
            help.statement, help.before, help.after, help.factor
        )
    };
    helps.iter().map(line).collect()
}

fn statements<'a>(document: Document<'a>, advice: &Advice) -> Document<'a> {
    let costliest = facts::costliest(advice);
    let shown = &costliest[..costliest.len().min(MAX_STATEMENTS)];
    if shown.is_empty() {
        return document;
    }
    let document = document.heading("Statements").table(facts::statement_table(shown));
    match costliest.len() - shown.len() {
        0 => document,
        n_more => document.text(format!("and {n_more} cheaper ones, which the JSON form has")),
    }
}

fn skipped(advice: &Advice, style: &Style) -> Vec<String> {
    let mut lines = Vec::new();
    for skipped in advice.skipped.iter().take(MAX_SKIPPED) {
        lines.push(fit(&one_line(&skipped.sql), style, 0));
        lines.extend(fact_lines(&[("reason", skipped.reason.clone())], style));
    }
    if advice.skipped.len() > MAX_SKIPPED {
        lines.push(format!("and {} more, which the JSON form has", advice.skipped.len() - MAX_SKIPPED));
    }
    lines
}

fn fact_lines(facts: &[Fact], style: &Style) -> Vec<String> {
    let used = INDENT + LABEL_WIDTH + INDENT;
    let lines =
        facts.iter().flat_map(|(label, text)| labelled(label, wrap(text, style, used, usize::MAX), style));
    lines.collect()
}

/// Puts a label before the first line, and as much space before the others.
fn labelled(label: &str, lines: Vec<String>, style: &Style) -> Vec<String> {
    let mut label = style.dim(&format!("{label:<LABEL_WIDTH$}"));
    let mut labelled = Vec::new();
    for line in lines {
        labelled.push(format!("{:INDENT$}{label}{:INDENT$}{line}", "", ""));
        label = " ".repeat(LABEL_WIDTH);
    }
    labelled
}

/// Breaks a statement between its clauses, and those where they are too long still. What goes into a pipe or file stays one
/// line, and so does what stands between quotes.
fn ddl_lines(ddl: &str, style: &Style) -> Vec<String> {
    let mut lines = vec![String::new()];
    let is_long = style.terminal && visible_width(ddl) > style.width;
    let mut depth = 0;
    let mut is_first = true;
    for word in words(ddl) {
        let line = lines.last_mut().expect("there is one line at least");
        let is_clause = depth == 0 && matches!(word, "ON" | "INCLUDE" | "WHERE");
        let fits = visible_width(line) + 1 + visible_width(word) <= style.width;
        if line.is_empty() {
            line.push_str(word);
        } else if is_long && (is_clause || !fits) {
            let indent = if is_clause || is_first { CLAUSE_INDENT } else { CLAUSE_INDENT + INDENT };
            is_first &= !is_clause;
            lines.push(format!("{:indent$}{word}", ""));
        } else {
            line.push(' ');
            line.push_str(word);
        }
        depth += word.matches('(').count();
        depth = depth.saturating_sub(word.matches(')').count());
    }
    lines.iter().map(|line| style.bold(line)).collect()
}

/// Splits SQL at the spaces that are not between quotes.
fn words(sql: &str) -> impl Iterator<Item = &str> {
    let mut quote = None;
    sql.split(move |c: char| {
        match quote {
            Some(open) if c == open => quote = None,
            None if c == '\'' || c == '"' => quote = Some(c),
            _ => {}
        }
        c == ' ' && quote.is_none()
    })
}
