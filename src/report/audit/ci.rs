//! The findings for CI systems: a suite for each rule, a case for each finding.

use super::{Audit, Reported, facts};
use crate::index::audit::{Rule, Severity};
use crate::report::results::{Case, Level, Problem, Suite};
use crate::report::sarif;

/// What each rule asks for.
pub(super) const RULES: [sarif::Rule; 21] = [
    ("bloated-index", "An index takes no more space than its entries need."),
    ("btree-on-append-only", "Ranges of a large append-only table are found by a BRIN index."),
    ("btree-on-document", "A document or an array is not indexed as a whole."),
    ("duplicate-foreign-key", "A foreign key is not declared twice."),
    ("duplicate-index", "No two indexes of a table have the same entries in the same order."),
    ("foreign-key-type-mismatch", "A foreign key has the type of the column that it refers to."),
    ("index-on-hot-updated-column", "No index keeps frequent updates from being heap-only for little use."),
    ("invalid-index", "Every index can be used."),
    ("low-cardinality-index", "An index finds few rows at a time."),
    ("missing-primary-key", "Every table has a primary key, or another replica identity."),
    ("near-unique-leading-column", "Every key of an index narrows searches."),
    ("null-heavy-index", "An index does not hold entries that no search asks for."),
    ("overwide-index", "An index has no more and no longer keys than searches need."),
    ("partition-without-index", "All partitions of a table have the same indexes."),
    ("rarely-used-index", "An index is used more than it is written."),
    ("redundant-index", "No index can do only what another one of its table can do as well."),
    ("redundant-predicate", "A partial index leaves out rows."),
    ("sequence-overflow", "A sequence is far from the end of its numbers."),
    ("unindexed-foreign-key", "An index finds the rows that a foreign key ties to a row of the parent."),
    ("unused-index", "Every index is used."),
    ("unvalidated-constraint", "Every constraint holds for all rows."),
];

/// How each severity is shown where levels are told apart.
pub(super) fn level(severity: Severity) -> Level {
    match severity {
        Severity::High => Level::Error,
        Severity::Medium => Level::Warning,
        Severity::Low => Level::Note,
    }
}

/// JUnit knows nothing but passed and failed: each finding that nobody has accepted fails, as it does by the exit status.
pub(super) fn failure(_: Severity) -> Level {
    Level::Error
}

pub(super) fn suites(audit: &Audit, level: impl Fn(Severity) -> Level) -> Vec<Suite> {
    Rule::all()
        .map(|rule| {
            let reported = audit.findings.iter().filter(|it| it.finding.rule == rule.name());
            let mut cases: Vec<Case> = reported.map(|it| case(it, level(it.finding.severity))).collect();
            if cases.is_empty() {
                cases.push(Case { name: "all".to_owned(), ..Case::default() });
            }
            Suite { name: rule.name().to_owned(), cases }
        })
        .collect()
}

fn case(Reported { finding, script }: &Reported, level: Level) -> Case {
    let place = facts::place(finding);
    let fix = facts::sql_text(&script.sql).map(|sql| format!("\n{sql}")).unwrap_or_default();
    let problem = Problem {
        rule: finding.rule.to_owned(),
        level,
        message: format!("{place}: {}", finding.message),
        detail: Some(format!("severity: {}\n{}{fix}", finding.severity.name(), finding.remedy)),
        place: None,
    };
    Case { name: place, time_ms: None, problems: vec![problem] }
}
