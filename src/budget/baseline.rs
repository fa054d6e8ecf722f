//! What an earlier run sent, to hold a later one against it.
//!
//! Calls alone are kept: times and rows differ from run to run, and a file that does so too is no baseline.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;

use super::spec::Scope;
use super::tally::Tally;
use crate::trace::Fingerprint;

/// The version of the file's form.
pub(crate) const FORM: u32 = 1;

/// The content of a baseline file.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Baseline {
    pub(crate) baseline_version: u32,
    /// By the scope's name.
    pub(crate) scopes: BTreeMap<String, Vec<Statement>>,
}

/// A statement of a scope.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Statement {
    // First, so that files are sorted by it.
    pub(crate) statement: String,
    /// Sixteen hexadecimal digits.
    pub(crate) fingerprint: String,
    pub(crate) calls: u64,
}

/// A baseline file that cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error("it is no baseline of perfkit budget")]
    Form(#[from] serde_json::Error),
    #[error("its form has version {0}, and this perfkit reads up to {FORM}")]
    Newer(u32),
    #[error("{0:?} is no fingerprint")]
    Fingerprint(String),
    #[error("scope {scope:?} has fingerprint {fingerprint} twice")]
    Twice { scope: String, fingerprint: String },
}

/// What a run sent against what an earlier one did.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Comparison {
    /// By scope; what is worse first.
    pub(crate) changes: Vec<Change>,
    /// Scopes that the baseline does not know.
    pub(crate) new_scopes: Vec<Scope>,
    /// Scopes of the baseline from which nothing came.
    pub(crate) unseen_scopes: Vec<String>,
}

/// A statement whose calls are not as many as they were.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Change {
    pub(crate) scope: Scope,
    pub(crate) kind: ChangeKind,
    pub(crate) fingerprint: Fingerprint,
    pub(crate) statement: String,
    pub(crate) before: u64,
    pub(crate) now: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum ChangeKind {
    /// No scope of the baseline has it.
    New,
    /// It is new in this scope.
    Added,
    More,
    Fewer,
    Gone,
}

impl ChangeKind {
    /// As people read it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::New => "new",
            Self::Added => "added",
            Self::More => "more",
            Self::Fewer => "fewer",
            Self::Gone => "gone",
        }
    }

    pub(crate) fn is_worse(self) -> bool {
        self <= Self::More
    }
}

impl Comparison {
    pub(crate) fn is_worse(&self) -> bool {
        !self.new_scopes.is_empty() || self.changes.iter().any(|change| change.kind.is_worse())
    }

    /// The statements that a scope did not have.
    pub(crate) fn added(&self, scope: &Scope) -> Vec<&Change> {
        let is_added =
            |it: &&Change| it.scope == *scope && matches!(it.kind, ChangeKind::New | ChangeKind::Added);
        self.changes.iter().filter(is_added).collect()
    }
}

impl Baseline {
    /// Reads a file's text.
    pub(crate) fn parse(json: &str) -> Result<Self, Error> {
        /// All that a file of another form is sure to have.
        #[derive(Deserialize)]
        struct Head {
            baseline_version: u32,
        }
        let head: Head = serde_json::from_str(json)?;
        if head.baseline_version > FORM {
            return Err(Error::Newer(head.baseline_version));
        }
        let baseline: Self = serde_json::from_str(json)?;
        for (scope, statements) in &baseline.scopes {
            let mut seen = BTreeSet::new();
            for Statement { fingerprint, .. } in statements {
                if parse_fingerprint(fingerprint).is_none() {
                    return Err(Error::Fingerprint(fingerprint.clone()));
                }
                if !seen.insert(fingerprint) {
                    return Err(Error::Twice { scope: scope.clone(), fingerprint: fingerprint.clone() });
                }
            }
        }
        Ok(baseline)
    }

    /// Returns the baseline that accepts a run as it is.
    pub(crate) fn of(tally: &Tally) -> Self {
        let mut scopes = BTreeMap::new();
        for (scope, counted) in &tally.scopes {
            let mut statements: Vec<Statement> = counted
                .statements
                .iter()
                .map(|(fingerprint, calls)| Statement {
                    statement: calls.text.clone(),
                    fingerprint: fingerprint.to_string(),
                    calls: calls.calls,
                })
                .collect();
            statements.sort();
            scopes.insert(scope.to_string(), statements);
        }
        Self { baseline_version: FORM, scopes }
    }
}

fn parse_fingerprint(text: &str) -> Option<Fingerprint> {
    let is_whole = text.len() == 16 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    u64::from_str_radix(text, 16).ok().filter(|_| is_whole).map(Fingerprint)
}

/// Holds a run against a baseline.
pub(crate) fn compare(before: &Baseline, now: &Tally) -> Comparison {
    let known: BTreeSet<&str> =
        before.scopes.values().flatten().map(|statement| statement.fingerprint.as_str()).collect();
    let mut comparison = Comparison::default();
    for (scope, counted) in &now.scopes {
        let Some(before) = before.scopes.get(&scope.to_string()) else {
            comparison.new_scopes.push(scope.clone());
            continue;
        };
        let mut changes = Vec::new();
        let before: BTreeMap<Fingerprint, &Statement> = before
            .iter()
            .filter_map(|statement| Some((parse_fingerprint(&statement.fingerprint)?, statement)))
            .collect();
        for (fingerprint, calls) in &counted.statements {
            let was = before.get(fingerprint).map_or(0, |statement| statement.calls);
            let kind = match calls.calls.cmp(&was) {
                _ if !known.contains(fingerprint.to_string().as_str()) => ChangeKind::New,
                _ if was == 0 => ChangeKind::Added,
                std::cmp::Ordering::Greater => ChangeKind::More,
                std::cmp::Ordering::Less => ChangeKind::Fewer,
                std::cmp::Ordering::Equal => continue,
            };
            changes.push(Change {
                scope: scope.clone(),
                kind,
                fingerprint: *fingerprint,
                statement: calls.text.clone(),
                before: was,
                now: calls.calls,
            });
        }
        for (fingerprint, statement) in before {
            if !counted.statements.contains_key(&fingerprint) {
                changes.push(Change {
                    scope: scope.clone(),
                    kind: ChangeKind::Gone,
                    fingerprint,
                    statement: statement.statement.clone(),
                    before: statement.calls,
                    now: 0,
                });
            }
        }
        changes.sort_by(|a, b| a.kind.cmp(&b.kind).then_with(|| a.statement.cmp(&b.statement)));
        comparison.changes.extend(changes);
    }
    let seen: BTreeSet<String> = now.scopes.keys().map(Scope::to_string).collect();
    comparison.unseen_scopes = before.scopes.keys().filter(|scope| !seen.contains(*scope)).cloned().collect();
    comparison
}

#[cfg(test)]
mod tests {
    use super::super::fixture::Script;
    use super::super::tally::Rules;
    use super::*;

    fn script() -> Script {
        Script::default()
            .run(1, "SELECT b FROM t")
            .run(1, "SELECT a FROM t")
            .run(1, "SELECT a FROM t")
            .mark(1, "list")
            .run(1, "SELECT c FROM t")
    }

    fn tally(script: Script) -> Tally {
        script.tally(Rules::default())
    }

    /// Writes each change as `scope: kind statement before → now`.
    fn check(script: Script, expected: &[&str], is_worse: bool) {
        let comparison = compare(&Baseline::of(&tally(self::script())), &tally(script));
        let found: Vec<String> = comparison
            .changes
            .iter()
            .map(|it| format!("{}: {} {} {} → {}", it.scope, it.kind.name(), it.statement, it.before, it.now))
            .collect();
        assert_eq!(found, expected);
        assert_eq!(comparison.is_worse(), is_worse);
    }

    #[test]
    fn a_baseline_is_sorted_and_has_no_times() {
        let baseline = Baseline::of(&tally(script()));
        let shown: Vec<String> =
            baseline.scopes["run"].iter().map(|it| format!("{} {}", it.calls, it.statement)).collect();
        assert_eq!(shown, ["2 SELECT a FROM t", "1 SELECT b FROM t", "1 SELECT c FROM t"]);
        assert_eq!(baseline.scopes.keys().collect::<Vec<_>>(), ["run", "scope list"]);
    }

    #[test]
    fn the_same_is_the_same() {
        check(script(), &[], false);
    }

    #[test]
    fn more_and_new_statements_are_worse() {
        let more = script().mark(1, "").run(1, "SELECT a FROM t").run(1, "SELECT d FROM t");
        check(more, &["run: new SELECT d FROM t 0 → 1", "run: more SELECT a FROM t 2 → 3"], true);
        let elsewhere = Script::default()
            .mark(1, "list")
            .run(1, "SELECT b FROM t")
            .run(1, "SELECT c FROM t")
            .mark(1, "")
            .run(1, "SELECT a FROM t")
            .run(1, "SELECT a FROM t");
        check(elsewhere, &["scope list: added SELECT b FROM t 0 → 1"], true);
        let comparison = compare(
            &Baseline::of(&tally(script())),
            &tally(script().mark(1, "new").run(1, "SELECT b FROM t")),
        );
        assert_eq!(comparison.new_scopes, [Scope::Marked("new".to_owned())]);
        assert!(comparison.is_worse());
    }

    #[test]
    fn less_is_better() {
        let less = Script::default().run(1, "SELECT a FROM t");
        let expected = [
            "run: fewer SELECT a FROM t 2 → 1",
            "run: gone SELECT b FROM t 1 → 0",
            "run: gone SELECT c FROM t 1 → 0",
        ];
        check(less.clone(), &expected, false);
        let comparison = compare(&Baseline::of(&tally(script())), &tally(less));
        assert_eq!(comparison.unseen_scopes, ["scope list"]);
    }

    #[test]
    fn what_is_no_baseline_is_refused() {
        let fail = |json: &str| Baseline::parse(json).unwrap_err().to_string();
        assert_eq!(fail("{"), "it is no baseline of perfkit budget");
        assert_eq!(fail("{\"scopes\": {}}"), "it is no baseline of perfkit budget");
        assert_eq!(
            fail("{\"baseline_version\": 2, \"more\": 1}"),
            "its form has version 2, and this perfkit reads up to 1"
        );
        let of = |statements: &str| {
            format!("{{\"baseline_version\": 1, \"scopes\": {{\"run\": [{statements}]}}}}")
        };
        let statement = |fingerprint: &str| {
            format!("{{\"statement\": \"a\", \"fingerprint\": \"{fingerprint}\", \"calls\": 1}}")
        };
        assert_eq!(fail(&of(&statement("xyz"))), "\"xyz\" is no fingerprint");
        assert_eq!(fail(&of(&statement("+123456789abcdef"))), "\"+123456789abcdef\" is no fingerprint");
        let one = statement("0123456789abcdef");
        assert_eq!(
            fail(&of(&format!("{one}, {one}"))),
            "scope \"run\" has fingerprint 0123456789abcdef twice"
        );
        assert!(Baseline::parse(&of(&one)).is_ok());
    }
}
