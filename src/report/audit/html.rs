//! The findings as one HTML page that loads nothing and runs nothing: it can be mailed, archived and printed.

use std::fmt::Write as _;

use super::{Audit, Reported, facts};
use crate::report::html::escape;
use crate::report::index::html::still_page;

pub(super) fn page(audit: &Audit) -> String {
    let mut body = format!("<p class=\"summary\">{}</p>\n", escape(&facts::summary(audit)));
    for (severity, heading) in facts::SEVERITIES {
        let mut reported = audit.of_severity(severity).peekable();
        if reported.peek().is_some() {
            let _ = writeln!(body, "<h2>{heading}</h2>");
        }
        for one in reported {
            let _ = write!(body, "<section>\n{}</section>\n", finding(one));
        }
    }
    let caveats: Vec<String> =
        facts::caveats(audit).iter().map(|line| format!("<li>{}</li>\n", escape(line))).collect();
    let _ =
        write!(body, "<h2>What this rests on</h2>\n<section>\n<ul>\n{}</ul>\n</section>\n", caveats.concat());
    still_page("Index audit", &body)
}

fn finding(Reported { finding, script }: &Reported) -> String {
    let mut text = format!("<strong>{} {}</strong>\n<dl>\n", finding.rule, escape(&facts::place(finding)));
    for (label, fact) in [
        ("finding", finding.message.clone()),
        ("remedy", finding.remedy.clone()),
        ("frees", facts::frees(finding)),
    ] {
        if !fact.is_empty() {
            let _ = writeln!(text, "<dt>{label}</dt><dd>{}</dd>", escape(&fact));
        }
    }
    text.push_str("</dl>\n");
    if let Some(sql) = facts::sql_text(&script.sql) {
        let _ = writeln!(text, "<pre>{}</pre>", escape(&sql));
    }
    if let Some(sql) = facts::sql_text(&script.undo_sql) {
        let _ = writeln!(text, "<details><summary>Undo</summary><pre>{}</pre></details>", escape(&sql));
    }
    text
}
