//! The advice as one HTML page that loads nothing and runs nothing: it can be mailed, archived and printed.

use std::fmt::Write as _;

use super::facts::{self, Fact};
use crate::index::{Advice, Suggestion};
use crate::report::html::{compact, escape, hash};
use crate::report::{Align, Table, verification};

const STYLE: &str = include_str!("page.css");

pub(super) fn page(advice: &Advice) -> String {
    still_page("Index advice", &body(advice))
}

/// Returns a page that loads nothing and runs nothing; `body` is HTML already.
pub(in crate::report) fn still_page(title: &str, body: &str) -> String {
    let style = compact(STYLE);
    let policy =
        format!("default-src 'none'; style-src '{}'; base-uri 'none'; form-action 'none'", hash(&style));
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"{policy}\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n\
         <meta name=\"generator\" content=\"perfkit {}\">\n\
         <title>{title} – perfkit</title>\n<style>{style}</style>\n</head>\n<body>\n\
         <h1>{title}</h1>\n{body}</body>\n</html>\n",
        env!("CARGO_PKG_VERSION"),
    )
}

fn body(advice: &Advice) -> String {
    let mut text = String::new();
    if advice.suggestions.is_empty() {
        let _ = writeln!(text, "<p class=\"summary\">{}</p>", escape(&facts::nothing(advice)));
    }
    if facts::has_set(advice) {
        let _ = writeln!(text, "<p class=\"summary\">{}</p>", escape(&facts::summary(advice)));
    }
    sections(&mut text, None, advice.suggestions.iter().map(|one| suggestion(one, advice)));
    let verified = advice.verification.iter().map(|run| {
        let tables = [verification::statements(&run.statements), verification::indexes(run)];
        format!("{}{}", list(facts::verified(run)), tables.map(|table| table.to_html()).concat())
    });
    sections(&mut text, Some("Verified"), verified);
    let drops = advice.drops.iter().map(|drop| {
        let ddl = sql(&format!("{};", drop.ddl()));
        let (facts, undo) = (facts_list(&facts::of_drop(drop)), sql(&drop.undo_script()));
        format!("{ddl}{facts}<details><summary>Undo</summary>\n{undo}</details>\n")
    });
    sections(&mut text, Some("Superfluous"), drops);
    let set = advice.redesign.iter().map(|redesign| facts::index_set(advice, redesign).to_html());
    sections(&mut text, Some("Index set"), set);
    let refusals = advice.refusals.iter().map(|refusal| {
        let facts = facts_list(&facts::of_refusal(refusal, advice));
        format!("{}{facts}", sql(&refusal.definition.describe()))
    });
    sections(&mut text, Some("Refused"), refusals);
    sections(&mut text, Some("Statements"), (!advice.statements.is_empty()).then(|| statements(advice)));
    let mut skipped = Table::new([("statement", Align::Left), ("reason", Align::Left)]);
    for one in &advice.skipped {
        skipped.row([one.sql.as_str(), &one.reason]);
    }
    sections(&mut text, Some("Skipped"), (!advice.skipped.is_empty()).then(|| skipped.to_html()));
    let caveats = facts::caveats(advice);
    sections(&mut text, Some("What this rests on"), (!caveats.is_empty()).then(|| list(caveats)));
    text
}

/// Adds a card for each body, under a heading if there is one at all.
fn sections(text: &mut String, heading: Option<&str>, bodies: impl IntoIterator<Item = String>) {
    for (i, body) in bodies.into_iter().enumerate() {
        if let (0, Some(heading)) = (i, heading) {
            let _ = writeln!(text, "<h2>{heading}</h2>");
        }
        let _ = write!(text, "<section>\n{body}</section>\n");
    }
}

fn suggestion(suggestion: &Suggestion, advice: &Advice) -> String {
    let mut text = sql(&suggestion.script());
    text.push_str(&facts_list(&facts::of_suggestion(suggestion, advice)));
    let (helps, n_more) = facts::helps(suggestion, advice);
    text.push_str(&facts::help_table(helps).to_html());
    if n_more > 0 {
        let _ = writeln!(text, "<p>and {n_more} more</p>");
    }
    let rejected = &suggestion.alternatives;
    if !rejected.is_empty() {
        let items = list(rejected.iter().map(|one| facts::in_its_place(one, suggestion)));
        let _ = write!(
            text,
            "<details><summary>Rejected in its place: {}</summary>\n{items}</details>\n",
            rejected.len()
        );
    }
    text
}

/// All statements, their SQL folded away.
fn statements(advice: &Advice) -> String {
    let costliest = facts::costliest(advice);
    let mut rows = String::new();
    for statement in &costliest {
        let name = format!(
            "<details><summary>{}</summary><pre>{}</pre></details>",
            escape(&statement.name),
            escape(&statement.sql)
        );
        let share = facts::share_of(statement, &costliest);
        rows.push_str(&costs(&name, share, (statement.cost_before, statement.cost_after)));
        for (label, both) in facts::variants(statement) {
            let label = format!("<span class=\"variant\">{}</span>", escape(label));
            rows.push_str(&costs(&label, String::new(), both));
        }
    }
    let heads = [facts::share_label(&costliest), "cost before", "after", "factor"]
        .map(|head| format!("<th class=\"number\">{head}</th>"));
    format!(
        "<table>\n<thead><tr><th>statement</th>{}</tr></thead>\n<tbody>\n{rows}</tbody>\n</table>\n",
        heads.concat()
    )
}

/// Returns a row; `name` is HTML already.
fn costs(name: &str, share: String, (before, after): (f64, f64)) -> String {
    let numbers = [share, facts::cost(before), facts::cost(after), facts::factor(before, after)];
    let numbers = numbers.map(|number| format!("<td class=\"number\">{number}</td>"));
    format!("<tr><td>{name}</td>{}</tr>\n", numbers.concat())
}

fn sql(sql: &str) -> String {
    format!("<pre>{}</pre>\n", escape(sql))
}

fn facts_list(facts: &[Fact]) -> String {
    let items = facts.iter().map(|(label, fact)| format!("<dt>{label}</dt><dd>{}</dd>\n", escape(fact)));
    format!("<dl>\n{}</dl>\n", items.collect::<Vec<_>>().concat())
}

fn list(items: impl IntoIterator<Item = String>) -> String {
    let items: Vec<String> = items.into_iter().map(|item| format!("<li>{}</li>\n", escape(&item))).collect();
    format!("<ul>\n{}</ul>\n", items.concat())
}
