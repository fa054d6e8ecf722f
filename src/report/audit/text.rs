//! The findings for a terminal, grouped by severity; a pipe gets one line for each.

use super::{Audit, Reported, facts};
use crate::report::explain::wrap;
use crate::report::{Align, Document, Style, Table};

/// What stands before the lines below a finding's first.
const INDENT: usize = 2;

pub(super) fn blocks<'a>(document: Document<'a>, audit: &Audit, style: &Style) -> Document<'a> {
    let mut document = document;
    if !style.terminal && !audit.findings.is_empty() {
        document = document.table(table(audit));
    }
    for (severity, heading) in facts::SEVERITIES.into_iter().filter(|_| style.terminal) {
        let blocks: Vec<String> =
            audit.of_severity(severity).map(|reported| lines(reported, style)).collect();
        if !blocks.is_empty() {
            document = document.heading(heading).text(blocks.join("\n\n"));
        }
    }
    let caveats = facts::caveats(audit);
    let caveats = caveats.iter().flat_map(|line| wrap(line, style, 0, usize::MAX));
    let mut end: Vec<String> = caveats.map(|line| style.dim(&line)).collect();
    let summary = facts::summary(audit);
    end.extend(wrap(&summary, style, 0, usize::MAX).iter().map(|line| style.bold(line)));
    document.text(end.join("\n"))
}

fn table(audit: &Audit) -> Table {
    let left = Align::Left;
    let mut table = Table::new([
        ("severity", left),
        ("rule", left),
        ("place", left),
        ("frees", Align::Right),
        ("message", left),
    ]);
    for Reported { finding, .. } in &audit.findings {
        table.row([
            finding.severity.name(),
            finding.rule,
            &facts::place(finding),
            &facts::frees(finding),
            &finding.message,
        ]);
    }
    table
}

/// Writes one finding: rule and place, what is wrong, what to do, and the SQL for it.
fn lines(reported: &Reported, style: &Style) -> String {
    let finding = &reported.finding;
    let place = facts::place(finding);
    let first = format!("{}  {place}", finding.rule);
    let frees = facts::frees(finding);
    let frees = if frees.is_empty() { String::new() } else { format!("  frees {frees}") };
    let mut lines = vec![format!("{}{}", style.bold(&first), style.dim(&frees))];
    for text in [&finding.message, &finding.remedy] {
        lines.extend(indented(text, style));
    }
    for sql in facts::terminated(&reported.script.sql) {
        lines.extend(indented(&sql, style).iter().map(|line| style.cyan(line)));
    }
    lines.join("\n")
}

fn indented(text: &str, style: &Style) -> Vec<String> {
    wrap(text, style, INDENT, usize::MAX).iter().map(|line| format!("{:INDENT$}{line}", "")).collect()
}
