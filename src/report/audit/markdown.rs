//! The findings as a comment of a pull request: the list first, what to do folded away.

use std::fmt::Write as _;

use super::{Audit, Reported, facts};
use crate::report::index::{fenced, folded, inline};

pub(super) fn comment(audit: &Audit) -> String {
    let mut text = format!("## Index audit\n\n**{}**\n", inline(&facts::summary(audit)));
    for (severity, heading) in facts::SEVERITIES {
        let mut reported = audit.of_severity(severity).peekable();
        if reported.peek().is_some() {
            let _ = writeln!(text, "\n### {heading}\n");
        }
        for one in reported {
            finding(&mut text, one);
        }
    }
    text.push('\n');
    for caveat in facts::caveats(audit) {
        let _ = writeln!(text, "- {}", inline(&caveat));
    }
    text
}

fn finding(text: &mut String, Reported { finding, script }: &Reported) {
    let frees = facts::frees(finding);
    let frees = if frees.is_empty() { String::new() } else { format!(", frees {frees}") };
    let _ = writeln!(
        text,
        "- **{}** {}: {}{frees}",
        finding.rule,
        inline(&facts::place(finding)),
        inline(&finding.message)
    );
    let mut body = format!("{}\n", inline(&finding.remedy));
    if let Some(sql) = facts::sql_text(&script.sql) {
        fenced(&mut body, &sql);
    }
    if let Some(sql) = facts::sql_text(&script.undo_sql) {
        body.push_str("\nundo:\n");
        fenced(&mut body, &sql);
    }
    folded(text, "What to do", &body);
}
