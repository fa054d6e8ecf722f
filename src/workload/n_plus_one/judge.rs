//! The rules: which repetitions of a scope are loops over the rows of a query, and which only look like one.

use std::collections::{BTreeMap, HashMap, HashSet};

use super::facts::{Facts, Use};
use super::scope::{Call, Scope};
use super::{Confidence, Harmless, Kind, MIN_REPEATS};
use crate::trace::{Nanos, Value};
use crate::workload::StatementKind;

/// A loop fetches few rows at a time; what fetches more is no look-up.
const MAX_ROWS: u64 = 100;
/// Values that are shown.
const N_EXAMPLES: usize = 3;
/// How near the number of calls is to the number of rows that they are made for.
const NEAR: std::ops::RangeInclusive<f64> = 0.8..=1.25;
/// Statements in one turn of a loop (Sentry's limit for repeating sequences).
const MAX_SEQUENCE: usize = 8;

/// What the rules say of a scope.
#[derive(Debug, Default)]
pub(super) struct Judged {
    pub(super) loops: Vec<Loop>,
    pub(super) harmless: Vec<Harmless>,
}

/// A loop in one scope.
#[derive(Clone, Debug)]
pub(super) struct Loop {
    pub(super) kind: Kind,
    /// The place of the statement among those known.
    pub(super) statement: usize,
    pub(super) parent: Option<usize>,
    pub(super) n_calls: usize,
    pub(super) wasted: Nanos,
    pub(super) confidence: Confidence,
    pub(super) doubt: Option<&'static str>,
    pub(super) key: Option<String>,
    pub(super) beside: Vec<usize>,
    pub(super) examples: Vec<Value>,
    pub(super) tags: Vec<(String, String)>,
}

/// Judges a scope; `facts` are those of each statement.
pub(super) fn judge(scope: &Scope, facts: &[&Facts]) -> Judged {
    let mut judged = Judged::default();
    let mut places: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    for (place, call) in scope.calls.iter().enumerate() {
        if !call.is_rest && !facts[call.statement].is_control {
            places.entry(call.statement).or_default().push(place);
        }
    }
    let mut in_sequence: HashSet<usize> = HashSet::new();
    for (statement, places) in places {
        let repetition = Repetition { scope, facts, statement, places };
        match repetition.judge() {
            // Of several statements in one turn, the first speaks for all.
            Some(Ok(found)) if !in_sequence.contains(&statement) => {
                in_sequence.extend(&found.beside);
                judged.loops.push(found);
            }
            Some(Err(harmless)) => judged.harmless.push(harmless),
            Some(Ok(_)) | None => {}
        }
    }
    judged
}

/// The calls of one statement in a scope.
struct Repetition<'a> {
    scope: &'a Scope,
    facts: &'a [&'a Facts],
    statement: usize,
    places: Vec<usize>,
}

impl Repetition<'_> {
    fn judge(mut self) -> Option<Result<Loop, Harmless>> {
        let n_failed = self.calls().filter(|call| call.has_failed).count();
        if n_failed > 0 && self.places.len() >= MIN_REPEATS {
            self.leave_retries_out();
            if self.places.len() < MIN_REPEATS {
                return Some(Err(Harmless::Retry));
            }
        }
        if self.places.len() < MIN_REPEATS {
            return None;
        }
        if self.is_work_of_a_queue() {
            return Some(Err(Harmless::JobQueue));
        }
        match self.own().kind {
            StatementKind::Select => self.of_query(),
            StatementKind::Insert | StatementKind::Update | StatementKind::Delete => self.of_change().map(Ok),
            StatementKind::Merge | StatementKind::Utility => None,
        }
    }

    fn own(&self) -> &Facts {
        self.facts[self.statement]
    }

    fn calls(&self) -> impl Iterator<Item = &Call> {
        self.places.iter().map(|place| &self.scope.calls[*place])
    }

    /// What failed, and what ran again with the same values after it.
    fn leave_retries_out(&mut self) {
        let mut failed: Vec<&[Value]> = Vec::new();
        let calls = &self.scope.calls;
        self.places.retain(|place| {
            let call = &calls[*place];
            if call.has_failed {
                failed.push(&call.parameters);
            }
            !call.has_failed && !failed.contains(&call.parameters.as_slice())
        });
    }

    /// A worker takes a job, works on it, and takes the next.
    fn is_work_of_a_queue(&self) -> bool {
        if self.own().skips_locked {
            return true;
        }
        let takes_job = |pair: &[usize]| {
            self.scope.calls[pair[0]..pair[1]].iter().any(|call| self.facts[call.statement].skips_locked)
        };
        let n_jobs = self.places.windows(2).filter(|pair| takes_job(pair)).count();
        n_jobs * 2 >= self.places.len() - 1
    }

    fn of_query(&self) -> Option<Result<Loop, Harmless>> {
        let varying = self.varying()?;
        let is_known = self.calls().all(|call| call.parameters.iter().all(is_comparable));
        match varying.as_slice() {
            [] if !is_known => self.of_unknown_values().map(Ok),
            [] => self.of_equal_values().map(Ok),
            positions if self.is_pagination(positions) => Some(Err(Harmless::Pagination)),
            [position] => self.of_one_parameter(*position).map(Ok),
            _ => None,
        }
    }

    /// The positions at which values are not always the same; `None` when the calls have different numbers of values.
    fn varying(&self) -> Option<Vec<usize>> {
        let first = &self.calls().next()?.parameters;
        if self.calls().any(|call| call.parameters.len() != first.len()) {
            return None;
        }
        let varies =
            |position: &usize| self.calls().any(|call| call.parameters[*position] != first[*position]);
        Some((0..first.len()).filter(varies).collect())
    }

    fn of_one_parameter(&self, position: usize) -> Option<Loop> {
        let values: Vec<&Value> = self.calls().map(|call| &call.parameters[position]).collect();
        let n_distinct = values.iter().map(|value| format!("{value:?}")).collect::<HashSet<_>>().len();
        // A few values over and over are the work of a cache that is not there, but not of a loop over rows.
        if n_distinct * 4 < values.len() || self.returns_many() {
            return None;
        }
        let (parent, confidence, doubt) = self.parent()?;
        let kind = if self.own().is_count { Kind::CountLoop } else { Kind::NPlusOne };
        let (confidence, doubt) = if self.precedes_insert() {
            (Confidence::Low, Some("an INSERT follows each: it may check that a value is not there yet"))
        } else if self.is_scattered() {
            (Confidence::Low, Some("the calls stand between others in no order"))
        } else {
            (confidence, doubt)
        };
        Some(Loop {
            parent,
            confidence,
            doubt,
            key: match self.own().parameters.get(position) {
                Some(Use::Equal(column)) => Some(column.clone()),
                _ => None,
            },
            examples: values.into_iter().take(N_EXAMPLES).cloned().collect(),
            ..self.found(kind)
        })
    }

    /// The log does not have the values (`log_parameter_max_length = 0`): only the numbers speak.
    fn of_unknown_values(&self) -> Option<Loop> {
        let [Use::Equal(column)] = self.own().parameters.as_slice() else { return None };
        let key = Some(column.clone());
        let (parent, ..) = self.parent()?;
        let doubt = Some("the values of the parameters are not known");
        if self.returns_many() || self.is_scattered() {
            return None;
        }
        Some(Loop { parent, doubt, key, ..self.found(Kind::NPlusOne) })
    }

    /// The same query with the same values gives the same rows, unless something was written in between.
    fn of_equal_values(&self) -> Option<Loop> {
        let (Some(first), Some(last)) = (self.places.first(), self.places.last()) else { return None };
        let between = &self.scope.calls[*first..=*last];
        let has_write = between.iter().any(|call| {
            let facts = self.facts[call.statement];
            facts.kind.writes() && !facts.is_control
        });
        if self.own().is_volatile || has_write {
            return None;
        }
        Some(Loop { confidence: Confidence::Medium, doubt: None, ..self.found(Kind::Duplicate) })
    }

    fn of_change(&self) -> Option<Loop> {
        let varying = self.varying()?;
        // The same change again and again is a counter or a heartbeat.
        if varying.is_empty() || self.is_scattered() {
            return None;
        }
        let examples =
            self.calls().filter_map(|call| call.parameters.get(varying[0])).take(N_EXAMPLES).cloned();
        let examples = examples.collect();
        Some(Loop { confidence: Confidence::Medium, doubt: None, examples, ..self.found(Kind::WriteLoop) })
    }

    fn found(&self, kind: Kind) -> Loop {
        let tags = self.calls().next().map(|call| call.tags.clone()).unwrap_or_default();
        Loop {
            kind,
            statement: self.statement,
            parent: None,
            n_calls: self.places.len(),
            wasted: self.wasted(),
            confidence: Confidence::Low,
            doubt: None,
            key: None,
            beside: self.sequence().unwrap_or_default(),
            examples: Vec::new(),
            tags,
        }
    }

    /// The nearest query before the first call that gave as many rows as there are calls.
    fn parent(&self) -> Option<(Option<usize>, Confidence, Option<&'static str>)> {
        let first = *self.places.first()?;
        let n_calls = self.places.len();
        let before = self.scope.calls[..first].iter().rev();
        let queries = before.filter(|call| {
            call.statement != self.statement
                && self.facts[call.statement].kind == StatementKind::Select
                && !call.has_failed
                && !self.facts[call.statement].is_count
        });
        let mut unknown = None;
        for call in queries {
            match call.n_rows {
                Some(n_rows) if n_rows >= n_calls as u64 || is_near(n_calls, n_rows) => {
                    let is_near = is_near(n_calls, n_rows);
                    let confidence = if is_near { Confidence::High } else { Confidence::Medium };
                    let doubt =
                        (!is_near).then_some("the query before gave many more rows than there are calls");
                    return Some((Some(call.statement), confidence, doubt));
                }
                Some(_) => {}
                None => unknown = unknown.or(Some(call.statement)),
            }
        }
        if unknown.is_some() {
            return Some((
                unknown,
                Confidence::Medium,
                Some("how many rows the query before gave is not known"),
            ));
        }
        let is_long = n_calls >= super::FAILING_REPEATS;
        is_long.then_some((None, Confidence::Low, Some("no query before gave as many rows")))
    }

    fn returns_many(&self) -> bool {
        let mut rows: Vec<u64> = self.calls().filter_map(|call| call.n_rows).collect();
        rows.sort_unstable();
        rows.get(rows.len() / 2).is_some_and(|median| *median > MAX_ROWS)
    }

    /// Pages differ in their OFFSET, or begin behind the last key of the page before.
    fn is_pagination(&self, positions: &[usize]) -> bool {
        let uses = &self.own().parameters;
        let is = |position: &usize, wanted: &Use| uses.get(*position) == Some(wanted);
        if positions.iter().any(|position| is(position, &Use::Offset) || is(position, &Use::Limit)) {
            return true;
        }
        positions.iter().any(|position| is(position, &Use::Range)) && self.own().has_limit
    }

    /// A check that a value is not there yet, before it is inserted.
    fn precedes_insert(&self) -> bool {
        let next = |place: &usize| {
            self.scope.calls[place + 1..]
                .iter()
                .map(|call| self.facts[call.statement])
                .find(|facts| !facts.is_control)
        };
        let n_inserts = self
            .places
            .iter()
            .filter(|place| next(place).is_some_and(|it| it.kind == StatementKind::Insert))
            .count();
        n_inserts * 2 >= self.places.len()
    }

    /// Whether most calls neither follow each other nor stand in a sequence that repeats.
    fn is_scattered(&self) -> bool {
        self.sequence().is_none()
    }

    /// The other statements in each turn of the loop; `None` when there is no such thing.
    fn sequence(&self) -> Option<Vec<usize>> {
        let mut turns: HashMap<Vec<usize>, usize> = HashMap::new();
        for pair in self.places.windows(2) {
            let between = self.scope.calls[pair[0] + 1..pair[1]].iter().filter(|call| !call.is_rest);
            let mut turn: Vec<usize> = between
                .filter(|call| !self.facts[call.statement].is_control)
                .map(|call| call.statement)
                .collect();
            // One that runs for each of its own rows may run any number of times.
            turn.dedup();
            *turns.entry(turn).or_default() += 1;
        }
        let (turn, n) = turns.into_iter().max_by(|a, b| a.1.cmp(&b.1).then(b.0.cmp(&a.0)))?;
        (n * 2 >= self.places.len() - 1 && turn.len() < MAX_SEQUENCE).then_some(turn)
    }

    /// What a batch in place of the loop would spare: all calls but one, with the pauses between them.
    fn wasted(&self) -> Nanos {
        let mut durations: Vec<Nanos> = self.calls().map(|call| call.duration).collect();
        durations.sort_unstable();
        let duration = durations[durations.len() / 2];
        let adjacent = self.places.windows(2).filter(|pair| pair[1] == pair[0] + 1);
        let mut gaps: Vec<Nanos> =
            adjacent.map(|pair| self.scope.calls[pair[1]].gap_after(&self.scope.calls[pair[0]])).collect();
        gaps.sort_unstable();
        let gap = gaps.get(gaps.len() / 2).copied().unwrap_or(0);
        (self.places.len() as u64 - 1).saturating_mul(duration.saturating_add(gap))
    }
}

/// Whether values can be compared with others.
fn is_comparable(value: &Value) -> bool {
    !matches!(value, Value::Missing | Value::Cut { .. })
}

fn is_near(n_calls: usize, n_rows: u64) -> bool {
    #[expect(clippy::cast_precision_loss, reason = "a ratio of counts")]
    let ratio = n_calls as f64 / n_rows.max(1) as f64;
    NEAR.contains(&ratio)
}
