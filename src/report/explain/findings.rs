//! What the rules say, for a terminal and in Markdown.

use std::fmt::Write as _;

use super::tree;
use crate::plan::{Finding, Judgement, Severity};
use crate::report::Style;
use crate::unit;

/// Writes findings, notes and what is fine, one after the other.
pub(super) fn text(judgement: &Judgement, style: &Style) -> String {
    let mut lines = Vec::new();
    for finding in &judgement.findings {
        let saves = match finding.severity {
            Severity::High => style.red(&saves(finding)),
            Severity::Medium => style.yellow(&saves(finding)),
            Severity::Low => saves(finding),
        };
        let rule = style.dim(&format!("[{}]", finding.rule));
        lines.extend(wrapped(&format!("{saves}  {}  {rule}", finding.message), style, 0));
        lines.extend(wrapped(&finding.remedy, style, 2));
        match proposal(finding) {
            Some(Proposal::Helps { ddl, checked }) => {
                lines.push(format!("  {ddl};  {}", style.dim(&format!("-- {checked}"))));
            }
            Some(Proposal::DoesNot(sentence)) => lines.extend(wrapped(&sentence, style, 2)),
            None => {}
        }
    }
    if judgement.findings.is_empty() {
        lines.push(style.green("no findings"));
    }
    for note in &judgement.notes {
        let rule = style.dim(&format!("[{}]", note.rule));
        lines.extend(wrapped(&format!("note: {}  {rule}", note.message), style, 0));
        lines.extend(wrapped(&note.remedy, style, 2));
    }
    for fine in &judgement.fine {
        lines.extend(wrapped(&format!("{} {}", style.green("fine:"), fine.message), style, 0));
    }
    lines.join("\n")
}

/// Writes the same as a list, with proposed indexes as SQL to copy.
pub(super) fn markdown(judgement: &Judgement) -> String {
    let mut text = String::new();
    for finding in &judgement.findings {
        let _ = write!(
            text,
            "- **{}** {} `{}`\n  {}\n",
            saves(finding),
            escaped(&finding.message),
            finding.rule,
            escaped(&finding.remedy)
        );
        match proposal(finding) {
            Some(Proposal::Helps { ddl, checked }) => {
                let _ = write!(text, "\n  ```sql\n  {ddl}; -- {checked}\n  ```\n");
            }
            Some(Proposal::DoesNot(sentence)) => {
                let _ = writeln!(text, "  {}", escaped(&sentence));
            }
            None => {}
        }
    }
    if judgement.findings.is_empty() {
        text += "No findings.\n";
    }
    for note in &judgement.notes {
        let _ =
            write!(text, "- Note: {} `{}`\n  {}\n", escaped(&note.message), note.rule, escaped(&note.remedy));
    }
    for fine in &judgement.fine {
        let _ = writeln!(text, "- Fine: {}", escaped(&fine.message));
    }
    text
}

fn saves(finding: &Finding) -> String {
    match finding.saves_ms {
        Some(saves_ms) => format!("up to {} ms", unit::milliseconds(saves_ms)),
        None => format!("up to {:.0} % of the cost", finding.saves_share * 100.0),
    }
}

/// What is said of a proposed index.
enum Proposal {
    Helps { ddl: String, checked: String },
    DoesNot(String),
}

fn proposal(finding: &Finding) -> Option<Proposal> {
    let index = finding.index.as_ref()?;
    let Some(check) = finding.index_check else {
        let checked = "not checked with the planner".to_owned();
        return Some(Proposal::Helps { ddl: index.ddl_concurrently(), checked });
    };
    let (before, after) = (unit::estimate(check.cost_before), unit::estimate(check.cost_after));
    Some(if check.helps() {
        let checked = format!("planner: cost {before} → {after}");
        Proposal::Helps { ddl: index.ddl_concurrently(), checked }
    } else {
        Proposal::DoesNot(format!(
            "An index on {} would not help: the planner expects a cost of {after} with it and of {before} without.",
            index.describe()
        ))
    })
}

/// Breaks a sentence at the terminal's width; lines after the first are indented.
fn wrapped(text: &str, style: &Style, indent: usize) -> Vec<String> {
    const HANGING: usize = 2;
    let lines = tree::wrap(text, style, indent.max(HANGING), usize::MAX);
    let indent_of = |i: usize| if i == 0 { indent } else { indent.max(HANGING) };
    lines.into_iter().enumerate().map(|(i, line)| format!("{:1$}{line}", "", indent_of(i))).collect()
}

/// Keeps names from being read as Markdown.
pub(in crate::report) fn escaped(text: &str) -> String {
    text.chars().fold(String::new(), |mut escaped, c| {
        if matches!(c, '*' | '_' | '`' | '<' | '[' | '|' | '\\') {
            escaped.push('\\');
        }
        escaped.push(c);
        escaped
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::index::{Definition, Key};
    use crate::plan::findings::IndexCheck;

    fn judgement(cost_after: f64) -> Judgement {
        let index = Definition::btree("public", "t", vec![Key::ascending("a")]);
        Judgement {
            findings: vec![Finding {
                rule: "seq-scan-discards-rows",
                severity: Severity::High,
                node_id: Some(1),
                saves_ms: Some(12.0),
                saves_share: 0.6,
                message: "sequential scan of my_table keeps 1 row".into(),
                remedy: "Index a.".into(),
                index: Some(index),
                index_check: Some(IndexCheck { cost_before: 100.0, cost_after }),
            }],
            ..Judgement::default()
        }
    }

    #[test]
    fn says_what_the_planner_thinks_of_an_index() {
        let text = text(&judgement(8.0), &Style::PLAIN);
        assert_eq!(
            text,
            "up to 12.0 ms  sequential scan of my_table keeps 1 row  [seq-scan-discards-rows]\n  Index a.\n  \
             CREATE INDEX CONCURRENTLY t_a_idx ON public.t (a);  -- planner: cost 100 → 8"
        );
        let text = super::text(&judgement(99.0), &Style::PLAIN);
        assert!(text.contains("would not help") && !text.contains("CREATE INDEX"), "{text}");
    }

    #[test]
    fn markdown_keeps_names_as_they_are() {
        let markdown = markdown(&judgement(8.0));
        assert!(markdown.contains("my\\_table"), "{markdown}");
        assert!(markdown.contains("```sql\n  CREATE INDEX"), "{markdown}");
    }
}
