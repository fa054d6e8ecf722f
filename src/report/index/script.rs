//! The advice as a script to run with psql.

use std::fmt::Write as _;

use super::facts;
use crate::index::Advice;
use crate::index::change::script::analysis;

/// Writes what to build, then what to drop, each with its reason.
pub(super) fn script(advice: &Advice) -> String {
    let mut text = String::from(
        "-- CONCURRENTLY cannot run in a transaction block: run this with psql -v ON_ERROR_STOP=1, without --single-transaction.\n",
    );
    for suggestion in &advice.suggestions {
        text.push('\n');
        for (label, fact) in facts::of_suggestion(suggestion, advice) {
            comment(&mut text, &format!("{label}: {fact}"));
        }
        let helps: Vec<&str> = suggestion.helps.iter().map(|help| help.statement.as_str()).collect();
        comment(&mut text, &format!("helps: {}", helps.join(", ")));
        let _ = writeln!(text, "{}", suggestion.script());
        if let Some(sql) = analysis(&suggestion.definition) {
            let _ = writeln!(text, "{sql};");
        }
    }
    for drop in &advice.drops {
        text.push('\n');
        for (label, fact) in facts::of_drop(drop) {
            comment(&mut text, &format!("{label}: {fact}"));
        }
        for sql in &drop.undo_ddl {
            comment(&mut text, &format!("undo: {sql};"));
        }
        let _ = writeln!(text, "{};", drop.ddl());
    }
    text
}

/// Writes text such that none of its lines is run.
pub(in crate::report) fn comment(script: &mut String, text: &str) {
    for line in text.split(['\n', '\r']) {
        let _ = writeln!(script, "-- {line}");
    }
}
