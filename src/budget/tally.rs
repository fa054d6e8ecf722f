//! Adds the executions of a trace up, by scope and statement.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::spec::Scope;
use crate::trace::{
    Event, Execution, Fingerprint, Hashes, Nanos, Outcome, SessionId, Statement, StatementId, Value,
};
use crate::workload::StatementKind;
use crate::workload::ignored::{Ignored, is_ignored};
use crate::workload::n_plus_one::{self, Detector, Finding};

/// What a marker statement selects before the name of the scope that begins.
const MARKER: &str = "perfkit:scope=";

/// How executions are counted.
#[derive(Clone, Debug, Default)]
pub(crate) struct Rules {
    /// Whether each `application_name` is a scope.
    pub(crate) by_application: bool,
    /// Keys of call sites; each value of them is a scope.
    pub(crate) by_tags: BTreeSet<String>,
    /// Scopes in which loops are looked for.
    pub(crate) loops_in: BTreeSet<Scope>,
    /// Statements that are not counted.
    pub(crate) ignored: Vec<Ignored>,
}

/// What a run sent.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    /// The whole run is always among them.
    pub(crate) scopes: BTreeMap<Scope, Counted>,
}

/// What was sent in one scope.
#[derive(Debug, Default)]
pub(crate) struct Counted {
    pub(crate) queries: u64,
    pub(crate) writes: u64,
    pub(crate) transactions: u64,
    /// Returned or changed.
    pub(crate) rows: u64,
    pub(crate) failed: u64,
    pub(crate) time: Nanos,
    /// BEGIN, SET, look-ups in catalogs and the like, which are none of the queries.
    pub(crate) others: u64,
    pub(crate) statements: BTreeMap<Fingerprint, Calls>,
    /// Loops over the rows of a query that are sure, where they were looked for.
    pub(crate) loops: Vec<Finding>,
    /// The transaction that each session was counted in last.
    last: HashMap<SessionId, Option<u64>>,
}

/// The calls of one statement.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Calls {
    pub(crate) text: String,
    pub(crate) calls: u64,
    pub(crate) rows: u64,
    pub(crate) time: Nanos,
    pub(crate) writes: bool,
}

impl Tally {
    /// The whole run.
    pub(crate) fn run(&self) -> Option<&Counted> {
        self.scopes.get(&Scope::Run)
    }

    /// Whether anything was sent at all.
    pub(crate) fn is_empty(&self) -> bool {
        self.run().is_none_or(|run| run.queries + run.others == 0)
    }
}

/// Counts events as they come.
pub(crate) struct Counter {
    rules: Rules,
    statements: HashMap<StatementId, Known>,
    sessions: HashMap<SessionId, Session>,
    detectors: BTreeMap<Scope, Detector>,
    tally: Tally,
}

struct Known {
    fingerprint: Fingerprint,
    text: String,
    writes: bool,
    /// Whether it is a part of what the application wants, rather than of how drivers get it.
    is_query: bool,
    may_mark: bool,
}

#[derive(Default)]
struct Session {
    application_name: Option<String>,
    mark: Option<String>,
    /// The scopes of the last execution.
    last_in: Vec<Scope>,
}

impl Counter {
    pub(crate) fn new(rules: Rules) -> Self {
        let detectors = rules.loops_in.iter().map(|scope| (scope.clone(), Detector::default())).collect();
        let tally = Tally { scopes: [(Scope::Run, Counted::default())].into() };
        Self { rules, statements: HashMap::new(), sessions: HashMap::new(), detectors, tally }
    }

    pub(crate) fn take(&mut self, event: Event) {
        match event {
            Event::Statement(statement) => self.statement(&statement),
            Event::SessionStart(start) => {
                let session = self.sessions.entry(start.session).or_default();
                session.application_name = start.application_name;
            }
            Event::ApplicationName { session, name, .. } => {
                self.sessions.entry(session).or_default().application_name = Some(name);
            }
            Event::Execution(execution) => self.execution(&execution),
            Event::SessionEnd { session, .. } => {
                self.sessions.remove(&session);
                for detector in self.detectors.values_mut() {
                    detector.take(event.clone());
                }
            }
            Event::Hashes(hashes) => self.hashes(&hashes),
            Event::Totals(_) | Event::Dropped(_) | Event::End { .. } => {}
        }
    }

    pub(crate) fn finish(mut self) -> Tally {
        for (scope, detector) in self.detectors {
            let Some(counted) = self.tally.scopes.get_mut(&scope) else { continue };
            // The data of tests are few: what wastes no time there does so elsewhere.
            let findings = detector.finish(true, None).findings.into_iter();
            counted.loops = findings.filter(|found| found.fails() && is_over_rows(found)).collect();
        }
        self.tally
    }

    fn statement(&mut self, statement: &Statement) {
        if is_ignored(&self.rules.ignored, statement.fingerprint, &statement.text) {
            return;
        }
        let facts = n_plus_one::facts(&statement.text);
        let known = Known {
            fingerprint: statement.fingerprint,
            writes: is_write(facts.kind, &statement.text),
            is_query: !facts.is_background && !facts.is_control,
            may_mark: facts.kind == StatementKind::Select,
            text: statement.text.clone(),
        };
        self.statements.insert(statement.id, known);
        for detector in self.detectors.values_mut() {
            detector.take(Event::Statement(statement.clone()));
        }
    }

    fn execution(&mut self, execution: &Execution) {
        // Those that are ignored are not known.
        let session = self.sessions.entry(execution.session).or_default();
        session.last_in.clear();
        let Some(known) = self.statements.get(&execution.statement) else { return };
        if let Some(name) = mark(execution).filter(|_| known.may_mark) {
            session.mark = Some(name).filter(|name| !name.is_empty());
            return;
        }
        let scopes = scopes(&self.rules, session, execution);
        for scope in &scopes {
            self.tally.scopes.entry(scope.clone()).or_default().add(known, execution);
            if let Some(detector) = self.detectors.get_mut(scope) {
                detector.take(Event::Execution(execution.clone()));
            }
        }
        session.last_in = scopes;
    }

    /// Hashes are those of the execution before them.
    fn hashes(&mut self, hashes: &Hashes) {
        let Some(session) = self.sessions.get(&hashes.session) else { return };
        for scope in &session.last_in {
            if let Some(detector) = self.detectors.get_mut(scope) {
                detector.take(Event::Hashes(hashes.clone()));
            }
        }
    }
}

impl Counted {
    fn add(&mut self, known: &Known, execution: &Execution) {
        if !known.is_query {
            self.others += 1;
            return;
        }
        // What goes on with a portal is the same call.
        let n_calls = u64::from(execution.outcome != Outcome::Suspended);
        let (rows, time) = (execution.n_rows.unwrap_or(0), execution.timing.best().unwrap_or(0));
        self.queries += n_calls;
        self.writes += n_calls * u64::from(known.writes);
        self.rows += rows;
        self.time = self.time.saturating_add(time);
        self.failed += u64::from(matches!(execution.outcome, Outcome::Failed(_)));
        let number = execution.transaction.number;
        let last = self.last.insert(execution.session, number);
        self.transactions += u64::from(number.is_none() || last != Some(number));
        let calls = self.statements.entry(known.fingerprint).or_default();
        // Of several ways to write the same, always the same is shown.
        if calls.calls == 0 || known.text < calls.text {
            calls.text.clone_from(&known.text);
        }
        calls.calls += n_calls;
        calls.rows += rows;
        calls.time = calls.time.saturating_add(time);
        calls.writes = known.writes;
    }
}

/// The scopes that an execution belongs to.
fn scopes(rules: &Rules, session: &Session, execution: &Execution) -> Vec<Scope> {
    let mut scopes = vec![Scope::Run];
    scopes.extend(session.mark.clone().map(Scope::Marked));
    if rules.by_application {
        let name = session.application_name.clone().filter(|name| !name.is_empty());
        scopes.push(Scope::Application(name.unwrap_or_else(|| "(none)".to_owned())));
    }
    for key in &rules.by_tags {
        let value = execution.tags.iter().find(|(it, _)| it == key).map(|(_, value)| value.clone());
        scopes.push(Scope::Tag(key.clone(), value.unwrap_or_else(|| "(none)".to_owned())));
    }
    scopes
}

/// The name in a marker statement, whether it is a constant of the text or bound.
fn mark(execution: &Execution) -> Option<String> {
    let [value] = execution.parameters.as_slice() else { return None };
    let text = match value {
        Value::Text(text) => text.clone(),
        Value::Literal(text) => text.strip_prefix('\'')?.strip_suffix('\'')?.replace("''", "'"),
        _ => return None,
    };
    Some(text.strip_prefix(MARKER)?.trim().to_owned())
}

/// Writes one by one and duplicates are told by `workload n-plus-one`; tests make their data that way.
fn is_over_rows(found: &Finding) -> bool {
    matches!(found.kind, n_plus_one::Kind::NPlusOne | n_plus_one::Kind::CountLoop)
}

/// Whether a statement changes rows; what creates or maintains tables is no such thing.
fn is_write(kind: StatementKind, text: &str) -> bool {
    let mut words = text.split_whitespace().map(str::to_ascii_lowercase);
    match kind {
        StatementKind::Insert | StatementKind::Update | StatementKind::Delete | StatementKind::Merge => true,
        StatementKind::Select => false,
        StatementKind::Utility => match words.next().as_deref() {
            Some("truncate") => true,
            Some("copy") => words.any(|word| word == "from"),
            _ => false,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::super::fixture::Script;
    use super::*;

    /// Writes each scope as `scope: queries/writes/transactions/rows/others`.
    fn check(rules: Rules, script: Script, expected: &[&str]) {
        let tally = script.tally(rules);
        let found: Vec<String> = tally
            .scopes
            .iter()
            .map(|(scope, it)| {
                format!("{scope}: {}/{}/{}/{}/{}", it.queries, it.writes, it.transactions, it.rows, it.others)
            })
            .collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn counts_what_the_application_asks() {
        let script = Script::default()
            .run(1, "SET a = $1")
            .run(1, "BEGIN")
            .in_transaction(1, "SELECT a FROM t", 3)
            .in_transaction(1, "INSERT INTO t VALUES ($1)", 1)
            .run(1, "COMMIT")
            .run(1, "COPY t FROM STDIN")
            .run(1, "COPY t TO STDOUT")
            .run(2, "SELECT a FROM t");
        check(Rules::default(), script, &["run: 5/2/4/4/3"]);
    }

    #[test]
    fn markers_begin_and_end_scopes() {
        let script = Script::default()
            .run(1, "SELECT a FROM t")
            .mark(1, "first")
            .run(1, "SELECT a FROM t")
            .run(2, "SELECT a FROM t")
            .mark(1, "second")
            .run(1, "SELECT b FROM t")
            .mark(1, "")
            .run(1, "SELECT b FROM t");
        let expected = ["run: 5/0/5/0/0", "scope first: 1/0/1/0/0", "scope second: 1/0/1/0/0"];
        check(Rules::default(), script, &expected);
    }

    #[test]
    fn names_and_call_sites_are_scopes_on_request() {
        let rules = Rules { by_application: true, by_tags: ["route".to_owned()].into(), ..Rules::default() };
        let script = Script::default()
            .name(1, "worker")
            .run(1, "SELECT a FROM t")
            .run(2, "SELECT a FROM t")
            .name(1, "web")
            .tagged(1, "SELECT a FROM t", "route", "/notes");
        check(
            rules,
            script,
            &[
                "run: 3/0/3/0/0",
                "application_name (none): 1/0/1/0/0",
                "application_name web: 1/0/1/0/0",
                "application_name worker: 1/0/1/0/0",
                "tag route=(none): 2/0/2/0/0",
                "tag route=/notes: 1/0/1/0/0",
            ],
        );
    }

    #[test]
    fn what_is_ignored_is_not_counted() {
        let ignored = vec![Script::fingerprint("SELECT a FROM t").to_string()[..9].parse().unwrap()];
        let script = Script::default().run(1, "SELECT a FROM t").run(1, "SELECT b FROM t");
        check(Rules { ignored, ..Rules::default() }, script, &["run: 1/0/1/0/0"]);
    }

    #[test]
    fn loops_are_found_where_they_are_looked_for() {
        let looking = Rules { loops_in: [Scope::Marked("list".to_owned())].into(), ..Rules::default() };
        let script = Script::default().mark(1, "list").loop_over_rows(1, 6);
        let tally = script.tally(looking);
        let loops = &tally.scopes[&Scope::Marked("list".to_owned())].loops;
        assert_eq!(loops.len(), 1, "{loops:?}");
        assert!(tally.run().unwrap().loops.is_empty());
    }

    #[test]
    fn nothing_sent_is_empty() {
        assert!(Script::default().tally(Rules::default()).is_empty());
        assert!(!Script::default().run(1, "BEGIN").tally(Rules::default()).is_empty());
    }
}
