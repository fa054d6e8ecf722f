//! Statements that run once for each row of another, and what they cost (N+1).
//!
//! A loop is seen in one scope: a transaction, or a burst of statements of one session. The rules are those of `judge`; what
//! only looks like a loop is told by its text (`facts`), its parameters and what runs between.

mod facts;
pub(crate) mod index_need;
mod judge;
mod likely;
pub(crate) mod proof;
mod provenance;
pub(crate) mod rewrite;
mod scope;

use std::collections::HashMap;

use crate::catalog::Catalog;
use crate::trace::{Event, Fingerprint, Nanos, SessionId, Statement, StatementId, Time, Value};
use facts::Facts;
pub(crate) use facts::facts;
use likely::Counters;
use rewrite::{Rewrite, Sample};
use scope::{Call, Scopes};

/// As few calls are no loop to speak of.
pub(crate) const MIN_REPEATS: usize = 3;
/// Statements in one turn of a loop (Sentry's limit for repeating sequences).
const MAX_SEQUENCE: usize = 8;
/// So many calls are a loop that should fail a build.
pub(crate) const FAILING_REPEATS: usize = 5;
/// What is lost in all, below which nobody would notice.
pub(crate) const MIN_WASTED: Nanos = 5_000_000;

/// What is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Kind {
    /// A query for each row of another.
    NPlusOne,
    /// Counts or sums for each row of another.
    CountLoop,
    /// The same query with the same values.
    Duplicate,
    /// Rows inserted, updated or deleted one by one.
    WriteLoop,
}

impl Kind {
    /// As users write it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::NPlusOne => "n-plus-one",
            Self::CountLoop => "count-loop",
            Self::Duplicate => "duplicate-query",
            Self::WriteLoop => "write-loop",
        }
    }
}

/// How sure a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Confidence {
    Low,
    /// Counters fit, and nothing more is known: no build should fail by it.
    Likely,
    Medium,
    High,
}

impl Confidence {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Low => "low",
            Self::Likely => "likely",
            Self::Medium => "medium",
            Self::High => "high",
        }
    }
}

/// Where the calls of a loop belong together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ScopeKind {
    Transaction,
    Burst,
    /// Counters of statements, which belong to no session.
    Statistics,
}

/// A loop, over all scopes in which it was seen.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Finding {
    pub(crate) kind: Kind,
    pub(crate) fingerprint: Fingerprint,
    pub(crate) statement: String,
    /// The query whose rows it runs for.
    pub(crate) parent: Option<(Fingerprint, String)>,
    pub(crate) scope: ScopeKind,
    pub(crate) n_scopes: u64,
    /// Calls in all scopes.
    pub(crate) n_calls: u64,
    /// The most calls in one scope.
    pub(crate) repeats: usize,
    pub(crate) wasted: Nanos,
    pub(crate) confidence: Confidence,
    /// Why it is no surer.
    pub(crate) doubt: Option<&'static str>,
    /// The column that the varying parameter is compared with.
    pub(crate) key: Option<String>,
    /// Other statements that run in each turn of the loop.
    pub(crate) beside: Vec<String>,
    /// Values of the varying parameter.
    pub(crate) examples: Vec<Value>,
    /// Call sites (`route`, `action`) that the calls name.
    pub(crate) tags: Vec<(String, String)>,
    /// The columns of the query before that the varying values come from, in the order of the parameters.
    pub(crate) origins: Vec<Origin>,
    /// What the calls were sent with.
    pub(crate) sample: Option<Sample>,
    pub(crate) parent_sample: Option<Sample>,
    /// What should be sent instead, once that was looked at.
    pub(crate) rewrite: Option<Rewrite>,
}

/// Where a varying value comes from.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Origin {
    /// The number of the parameter, from 1.
    pub(crate) parameter: usize,
    /// The column of the query before.
    pub(crate) column: String,
    /// The share of values that it held.
    pub(crate) share: f64,
}

/// What was seen and is none, by the reason.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Harmless {
    /// Pages of a list, by OFFSET or by the last key.
    Pagination,
    /// Workers that take jobs one by one.
    JobQueue,
    /// Runs again what failed.
    Retry,
    /// Many rows or keys at once, in several pieces.
    Batch,
    /// Asks from time to time whether something has changed.
    Polling,
}

/// What a trace holds.
#[derive(Clone, Debug, Default)]
pub(crate) struct Report {
    /// Those that waste most first.
    pub(crate) findings: Vec<Finding>,
    /// Loops that are left out because they waste hardly any time.
    pub(crate) n_small: usize,
    pub(crate) n_executions: u64,
    pub(crate) n_scopes: u64,
    /// Repetitions that are no loop.
    pub(crate) n_harmless: u64,
    /// From the first to the last execution.
    pub(crate) span: Nanos,
}

/// Finds loops in events as they come.
#[derive(Default)]
pub(crate) struct Detector {
    known: HashMap<StatementId, (usize, usize)>,
    statements: Vec<Known>,
    by_fingerprint: HashMap<Fingerprint, usize>,
    texts: Vec<(String, Vec<u32>)>,
    by_text: HashMap<(String, Vec<u32>), usize>,
    scopes: Scopes,
    counters: Counters,
    found: HashMap<(Kind, usize, Option<usize>), Finding>,
    report: Report,
    first: Option<Time>,
    last: Option<Time>,
}

/// A statement that was seen.
struct Known {
    fingerprint: Fingerprint,
    text: String,
    facts: Facts,
}

impl Detector {
    /// Another trace has sessions of its own.
    fn end_scopes(&mut self) {
        for scope in self.scopes.end_all() {
            self.judge(&scope);
        }
    }

    pub(crate) fn take(&mut self, event: Event) {
        match event {
            Event::Statement(statement) => self.statement(statement),
            Event::Execution(execution) => {
                let Some(&(statement, text)) = self.known.get(&execution.statement) else { return };
                self.report.n_executions += 1;
                let at = execution.started_at;
                self.first = Some(self.first.map_or(at, |first| first.min(at)));
                self.last = Some(self.last.map_or(at, |last| last.max(at)));
                let session = execution.session;
                self.add(session, Call::new(statement, text, execution));
            }
            Event::SessionEnd { session, .. } => {
                if let Some(scope) = self.scopes.end(session) {
                    self.judge(&scope);
                }
            }
            Event::Hashes(hashes) => self.scopes.attach(hashes),
            Event::Totals(totals) => {
                if let Some(&(statement, _)) =
                    self.known.get(&totals.statement).filter(|_| totals.is_top_level)
                {
                    self.counters.take(statement, &totals);
                }
            }
            Event::End { .. } => self.end_scopes(),
            _ => {}
        }
    }

    fn statement(&mut self, statement: Statement) {
        let Statement { id, text, fingerprint, parameter_types } = statement;
        let written = (text.clone(), parameter_types);
        let in_text = *self.by_text.entry(written).or_insert_with_key(|written| {
            self.texts.push(written.clone());
            self.texts.len() - 1
        });
        let place = *self.by_fingerprint.entry(fingerprint).or_insert_with(|| {
            let facts = facts(&text);
            self.statements.push(Known { fingerprint, text, facts });
            self.statements.len() - 1
        });
        self.known.insert(id, (place, in_text));
    }

    fn add(&mut self, session: SessionId, call: Call) {
        // What drivers ask by themselves neither is a loop nor ends one.
        if self.statements[call.statement].facts.is_background {
            return self.scopes.pass(session, &call);
        }
        if let Some(scope) = self.scopes.add(session, call) {
            self.judge(&scope);
        }
    }

    fn judge(&mut self, scope: &scope::Scope) {
        self.report.n_scopes += 1;
        let facts: Vec<&Facts> = self.statements.iter().map(|known| &known.facts).collect();
        let judged = judge::judge(scope, &facts);
        self.report.n_harmless += judged.harmless.len() as u64;
        for seen in judged.loops {
            let parent = seen.parent.map(|parent| {
                let parent = &self.statements[parent];
                (parent.fingerprint, parent.text.clone())
            });
            let child = &self.statements[seen.statement];
            let beside = seen.beside.iter().map(|it| self.statements[*it].text.clone()).collect();
            let finding = Finding {
                kind: seen.kind,
                fingerprint: child.fingerprint,
                statement: child.text.clone(),
                parent,
                scope: scope.kind(),
                n_scopes: 1,
                n_calls: seen.n_calls as u64,
                repeats: seen.n_calls,
                wasted: seen.wasted,
                confidence: seen.confidence,
                doubt: seen.doubt,
                key: seen.key,
                beside,
                examples: seen.examples,
                tags: seen.tags,
                origins: seen.origins,
                sample: Some(self.sample(seen.sample)),
                parent_sample: seen.parent_sample.map(|sample| self.sample(sample)),
                rewrite: None,
            };
            let key = (seen.kind, seen.statement, seen.parent);
            match self.found.entry(key) {
                std::collections::hash_map::Entry::Occupied(mut known) => known.get_mut().merge(finding),
                std::collections::hash_map::Entry::Vacant(place) => {
                    place.insert(finding);
                }
            }
        }
    }

    /// Adds the loops that counters of statements make likely, but for those that were seen.
    fn add_likely(&mut self, catalog: Option<&Catalog>) {
        let known: Vec<(&str, &Facts)> =
            self.statements.iter().map(|known| (known.text.as_str(), &known.facts)).collect();
        for pair in self.counters.pairs(&known, catalog) {
            if self.found.keys().any(|(_, statement, _)| *statement == pair.child) {
                continue;
            }
            let (child, parent) = (&self.statements[pair.child], &self.statements[pair.parent]);
            let kind = if child.facts.is_count { Kind::CountLoop } else { Kind::NPlusOne };
            let finding = Finding {
                kind,
                fingerprint: child.fingerprint,
                statement: child.text.clone(),
                parent: Some((parent.fingerprint, parent.text.clone())),
                scope: ScopeKind::Statistics,
                n_scopes: pair.n_parent_calls,
                n_calls: pair.n_calls,
                repeats: pair.repeats,
                wasted: pair.wasted,
                confidence: Confidence::Likely,
                doubt: Some(pair.doubt),
                key: Some(pair.key),
                beside: Vec::new(),
                examples: Vec::new(),
                tags: Vec::new(),
                origins: Vec::new(),
                sample: Some(Sample {
                    text: child.text.clone(),
                    values: vec![Value::Missing; child.facts.parameters.len()],
                    varying: vec![pair.parameter],
                    ..Sample::default()
                }),
                parent_sample: None,
                rewrite: None,
            };
            self.found.insert((kind, pair.child, Some(pair.parent)), finding);
        }
    }

    /// Adds the text to what was seen of a statement's calls.
    fn sample(&self, seen: judge::Seen) -> Sample {
        let (text, types) = self.texts[seen.text].clone();
        Sample { text, types, values: seen.values, varying: seen.varying, keys: seen.keys }
    }

    /// Whether there were counters of statements.
    pub(crate) fn has_counters(&self) -> bool {
        !self.counters.is_empty()
    }

    /// Ends the trace. Without `strict`, what wastes hardly any time is left out. The catalog says which tables refer to which,
    /// without which a single reading of counters says nothing.
    pub(crate) fn finish(mut self, strict: bool, catalog: Option<&Catalog>) -> Report {
        self.end_scopes();
        self.add_likely(catalog);
        let (mut findings, small): (Vec<Finding>, Vec<Finding>) =
            self.found.into_values().partition(|finding| strict || finding.wasted >= MIN_WASTED);
        let n_small = small.iter().filter(|finding| finding.confidence > Confidence::Low).count();
        findings.sort_by(|a, b| {
            b.wasted.cmp(&a.wasted).then(a.fingerprint.cmp(&b.fingerprint)).then(a.kind.cmp(&b.kind))
        });
        let span = match (self.first, self.last) {
            (Some(first), Some(last)) => last.0 - first.0,
            _ => 0,
        };
        Report { findings, n_small, span, ..self.report }
    }
}

impl Finding {
    /// Whether it is sure and large enough to fail a build.
    pub(crate) fn fails(&self) -> bool {
        self.repeats >= FAILING_REPEATS && self.confidence >= Confidence::Medium
    }

    /// Adds another scope with the same loop. The surest of them speaks for all.
    fn merge(&mut self, other: Self) {
        self.n_scopes += other.n_scopes;
        self.n_calls += other.n_calls;
        self.wasted = self.wasted.saturating_add(other.wasted);
        let repeats = self.repeats.max(other.repeats);
        if let (Some(sample), Some(others)) = (&mut self.sample, &other.sample) {
            sample.merge(others);
        }
        if other.confidence > self.confidence {
            let (n_scopes, n_calls, wasted) = (self.n_scopes, self.n_calls, self.wasted);
            *self = Self { n_scopes, n_calls, wasted, ..other };
        }
        self.repeats = repeats;
    }
}

#[cfg(test)]
mod tests;
