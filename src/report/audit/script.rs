//! The fixes as a script to run with psql.

use std::fmt::Write as _;

use super::{Audit, facts};
use crate::report::index::comment;

/// Writes the fixes, each with its reason and the way back; what a person has to decide stays a comment.
pub(super) fn script(audit: &Audit) -> String {
    let mut text = String::from(
        "-- CONCURRENTLY cannot run in a transaction block: run this with psql -v ON_ERROR_STOP=1, without --single-transaction.\n",
    );
    comment(&mut text, &facts::summary(audit));
    for line in facts::caveats(audit) {
        comment(&mut text, &line);
    }
    for reported in &audit.findings {
        let finding = &reported.finding;
        text.push('\n');
        comment(
            &mut text,
            &format!("{}: {} ({})", finding.rule, facts::place(finding), finding.severity.name()),
        );
        comment(&mut text, &finding.message);
        comment(&mut text, &finding.remedy);
        for sql in facts::terminated(&reported.script.undo_sql) {
            comment(&mut text, &format!("undo: {sql}"));
        }
        for sql in facts::terminated(&reported.script.sql) {
            let _ = writeln!(text, "{sql}");
        }
    }
    text
}
