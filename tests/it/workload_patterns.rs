//! `perfkit workload n-plus-one` on a labelled set: traces of small programs with six drivers, of each of which is known which loops
//! it holds, and traps that only look like loops. `make patterns` writes the traces anew.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde::Deserialize;

use crate::support::cli::perfkit;

/// So much of what is found are loops, and so much of the loops is found.
const MIN_SHARE: f64 = 0.95;
/// So often parent, key and number of turns are named rightly.
const MIN_DETAILS: f64 = 0.9;

/// A pattern: what one program does. One without loops is a trap.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Label {
    driver: String,
    name: String,
    why: String,
    loops: Vec<Loop>,
}

/// A loop that the trace holds.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Loop {
    rule: String,
    /// A part of the text of the statement that runs again and again.
    child: String,
    /// A part of the text of the query whose rows it runs for; none where there is none, or no single text.
    parent: Option<String>,
    /// The column that the varying value is compared with, where there is one.
    key: Option<String>,
    repeats: u64,
}

/// What the command reports, as far as it is labelled.
#[derive(Deserialize)]
struct Finding {
    rule: String,
    statement: String,
    parent_statement: Option<String>,
    key: Option<String>,
    repeats: u64,
    confidence: String,
    /// Other statements of each turn.
    beside: Vec<String>,
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/patterns")
}

fn labels() -> Vec<Label> {
    let text = std::fs::read_to_string(folder().join("labels.json")).expect("the labels are there");
    serde_json::from_str(&text).expect("labels")
}

/// Returns what is found in the trace of a pattern, and is not doubtful. How long the calls took says nothing here.
fn findings(label: &Label) -> Vec<Finding> {
    let trace = folder().join("traces").join(&label.driver).join(format!("{}.trace", label.name));
    let trace = trace.to_str().expect("a path of text");
    let finished = perfkit(&["workload", "n-plus-one", "--strict", "--json", trace]).run();
    assert!(matches!(finished.status, 0 | 1), "{trace}: {}", finished.stderr);
    let findings = finished.json()["findings"].clone();
    let findings: Vec<Finding> = serde_json::from_value(findings).expect("findings");
    findings.into_iter().filter(|finding| finding.confidence != "low").collect()
}

fn has(text: &str, part: &str) -> bool {
    text.to_lowercase().contains(&part.to_lowercase())
}

impl Loop {
    fn is_own(&self, finding: &Finding) -> bool {
        finding.rule == self.rule && has(&finding.statement, &self.child)
    }

    /// Whether it runs once in each turn of another loop, and is reported with that.
    fn is_beside(&self, finding: &Finding) -> bool {
        finding.repeats == self.repeats && finding.beside.iter().any(|beside| has(beside, &self.child))
    }
}

#[derive(Default)]
struct Score {
    n_found: usize,
    n_missed: usize,
    n_false: usize,
    /// Details of what was found as a statement of its own: those that are right, and all.
    n_right_details: usize,
    n_details: usize,
    /// What is wrong, line by line.
    mistakes: BTreeSet<String>,
}

impl Score {
    fn add(&mut self, label: &Label, mut findings: Vec<Finding>) {
        let place = format!("{}/{}", label.driver, label.name);
        let beside: Vec<bool> =
            label.loops.iter().map(|it| findings.iter().any(|finding| it.is_beside(finding))).collect();
        for (expected, is_beside) in label.loops.iter().zip(beside) {
            let own = findings.iter().position(|finding| expected.is_own(finding));
            if let Some(own) = own {
                self.details(&place, expected, &findings.remove(own));
            } else if !is_beside {
                self.n_missed += 1;
                self.mistakes.insert(format!(
                    "{place}: missed {} of {:?} ({})",
                    expected.rule, expected.child, label.why
                ));
                continue;
            }
            self.n_found += 1;
        }
        for finding in findings {
            self.n_false += 1;
            let Finding { rule, statement, confidence, parent_statement, .. } = finding;
            self.mistakes.insert(format!(
                "{place}: false alarm {rule} of {statement:?} after {parent_statement:?}, confidence {confidence} ({})",
                label.why
            ));
        }
    }

    fn details(&mut self, place: &str, expected: &Loop, finding: &Finding) {
        let child = &expected.child;
        let mut check = |is_right: bool, what: String| {
            self.n_details += 1;
            self.n_right_details += usize::from(is_right);
            if !is_right {
                self.mistakes.insert(format!("{place}: {child:?} {what}"));
            }
        };
        check(
            finding.repeats == expected.repeats,
            format!("repeats {} times, not {}", expected.repeats, finding.repeats),
        );
        if let Some(parent) = &expected.parent {
            let found = finding.parent_statement.as_deref().unwrap_or("nothing");
            check(has(found, parent), format!("runs for rows of {parent:?}, not {found:?}"));
        }
        if let Some(key) = &expected.key {
            let found = finding.key.as_deref().unwrap_or("nothing");
            check(found == key, format!("is asked by {key:?}, not {found:?}"));
        }
    }
}

fn share(n: usize, of: usize) -> f64 {
    n as f64 / of.max(1) as f64
}

#[test]
fn loops_of_six_drivers_are_told_from_traps() {
    let labels = labels();
    let n_traps = labels.iter().filter(|label| label.loops.is_empty()).count();
    let drivers: BTreeSet<&str> = labels.iter().map(|label| label.driver.as_str()).collect();
    let expected = ["asyncpg", "jdbc", "node", "psql", "psycopg", "tokio-postgres"];
    assert!(drivers.iter().eq(&expected) && labels.len() - n_traps >= 30 && n_traps >= 12);

    let score = Mutex::new(Score::default());
    let next = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().map_or(2, usize::from) {
            scope.spawn(|| {
                while let Some(label) = labels.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let found = findings(label);
                    score.lock().expect("nobody panics with it").add(label, found);
                }
            });
        }
    });
    let score = score.into_inner().expect("nobody panicked with it");

    let precision = share(score.n_found, score.n_found + score.n_false);
    let recall = share(score.n_found, score.n_found + score.n_missed);
    let details = share(score.n_right_details, score.n_details);
    let mut said = format!(
        "{} patterns, {n_traps} of them traps: {} loops found, {} missed, {} false alarms;\n\
         precision {precision:.3}, recall {recall:.3}, details {details:.3}\n",
        labels.len(),
        score.n_found,
        score.n_missed,
        score.n_false,
    );
    for mistake in &score.mistakes {
        writeln!(said, "{mistake}").expect("a String takes all");
    }
    assert!(precision >= MIN_SHARE && recall >= MIN_SHARE && details >= MIN_DETAILS, "{said}");
}
