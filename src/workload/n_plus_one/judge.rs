//! The rules: which repetitions of a scope are loops over the rows of a query, and which only look like one.

use std::collections::{BTreeMap, HashMap, HashSet};

use super::facts::{Facts, Use};
use super::rewrite::MAX_KEYS;
use super::scope::{Call, MIN_GAP, Scope};
use super::{Confidence, Harmless, Kind, MAX_SEQUENCE, MIN_REPEATS, Origin, ScopeKind, provenance};
use crate::trace::{Nanos, Value};
use crate::workload::StatementKind;

/// A loop fetches few rows at a time; what fetches more is no look-up.
const MAX_ROWS: u64 = 100;
/// Values that are shown.
const N_EXAMPLES: usize = 3;
/// How near the number of calls is to the number of rows that they are made for.
const NEAR: std::ops::RangeInclusive<f64> = 0.8..=1.25;
/// So many keys or rows at once are a batch already; lists that ORMs load for one row are shorter.
const MIN_BATCH: usize = 10;

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
    pub(super) origins: Vec<Origin>,
    pub(super) sample: Seen,
    pub(super) parent_sample: Option<Seen>,
}

impl Loop {
    /// Whether it asks for something by keys that are known.
    fn is_look_up(&self) -> bool {
        matches!(self.kind, Kind::NPlusOne | Kind::CountLoop)
            && self.sample.keys.iter().flatten().all(is_comparable)
            && !self.sample.keys.is_empty()
    }
}

/// What calls of a statement were sent with.
#[derive(Clone, Debug, Default)]
pub(super) struct Seen {
    /// The place of their text among those known.
    pub(super) text: usize,
    pub(super) values: Vec<Value>,
    pub(super) varying: Vec<usize>,
    pub(super) keys: Vec<Vec<Value>>,
}

/// The query whose rows a loop runs for.
#[derive(Default)]
struct Parent {
    /// Where in the scope it is.
    place: Option<usize>,
    confidence: Option<Confidence>,
    doubt: Option<&'static str>,
    origins: Vec<Origin>,
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
    // The statements of a turn, with the number of turns and the keys of the first of them.
    let mut in_sequence: HashMap<usize, (usize, Vec<Vec<Value>>)> = HashMap::new();
    for (statement, places) in places {
        let repetition = Repetition { scope, facts, statement, places };
        match repetition.judge() {
            // Of several statements in one turn, the first speaks for all; one that runs oftener is a loop within the loop, and one
            // whose values are known to come from a list, or are those of the first, is a loop of its own.
            Some(Ok(found))
                if !found.origins.is_empty()
                    || in_sequence.get(&statement).is_none_or(|(n_turns, keys)| {
                        found.n_calls > *n_turns || found.is_look_up() && found.sample.keys == *keys
                    }) =>
            {
                // A doubtful one, or a query that is the same in each turn, hides no loop.
                if found.confidence > Confidence::Low && found.kind != Kind::Duplicate {
                    let first = (found.n_calls, found.sample.keys.clone());
                    in_sequence.extend(found.beside.iter().map(|beside| (*beside, first.clone())));
                }
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
        if self.is_batch() {
            return Some(Err(Harmless::Batch));
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

    /// Many keys in a list, many rows of an INSERT, or a range of many rows: what a loop should be, in pieces.
    fn is_batch(&self) -> bool {
        let uses = &self.own().parameters;
        if let Some(first) = uses.iter().position(|it| *it == Use::OneOf) {
            let n_others = uses.iter().filter(|it| **it != Use::OneOf).count();
            return median(self.calls().map(|call| n_keys(call, first, n_others))) >= MIN_BATCH;
        }
        let has_key = uses.iter().any(|it| matches!(it, Use::Equal(_)));
        let can_write_many = match self.own().kind {
            StatementKind::Insert => true,
            StatementKind::Update | StatementKind::Delete => !has_key,
            _ => false,
        };
        let n_rows = self
            .calls()
            .map(|call| call.n_rows.map_or(0, |n_rows| usize::try_from(n_rows).unwrap_or(usize::MAX)));
        can_write_many && median(n_rows) >= MIN_BATCH
    }

    fn of_query(&self) -> Option<Result<Loop, Harmless>> {
        let varying = self.varying()?;
        let is_known = self.calls().all(|call| call.parameters.iter().all(is_comparable));
        match varying.as_slice() {
            [] if !is_known => self.of_unknown_values().map(Ok),
            [] if self.is_polling() => Some(Err(Harmless::Polling)),
            [] => self.of_equal_values().map(Ok),
            positions if self.is_pagination(positions) => Some(Err(Harmless::Pagination)),
            positions => self.of_parameters(positions).map(Ok),
        }
    }

    /// The positions at which values are not always the same; of a list the first. `None` when the calls have different numbers of
    /// values, but for those of a list.
    fn varying(&self) -> Option<Vec<usize>> {
        let first = &self.calls().next()?.parameters;
        let list = self.own().parameters.iter().position(|it| *it == Use::OneOf);
        let n_same =
            if self.calls().all(|call| call.parameters.len() == first.len()) { first.len() } else { list? };
        let varies = |position: &usize| {
            self.calls().any(|call| call.parameters.get(*position) != first.get(*position))
        };
        let mut varying: Vec<usize> = (0..n_same).filter(varies).collect();
        let is_listed = |position: &usize| self.own().parameters.get(*position) == Some(&Use::OneOf);
        if n_same < first.len() || varying.iter().any(is_listed) {
            varying.retain(|position| !is_listed(position));
            varying.extend(list);
        }
        Some(varying)
    }

    fn of_parameters(&self, positions: &[usize]) -> Option<Loop> {
        let key =
            |call: &'_ Call| positions.iter().filter_map(|at| call.parameters.get(*at).cloned()).collect();
        let keys: Vec<Vec<Value>> = self.calls().map(key).collect();
        let n_distinct = keys.iter().map(|key| format!("{key:?}")).collect::<HashSet<_>>().len();
        // A few values over and over are the work of a cache that is not there, but not of a loop over rows.
        if n_distinct * 4 < keys.len() || self.returns_many() {
            return None;
        }
        let parent = self.parent(positions)?;
        let is_proven = !parent.origins.is_empty() && parent.origins.len() == positions.len();
        // Several values that vary are a search with filters, unless all are keys of the rows before.
        let are_keys =
            positions.iter().all(|at| matches!(self.own().parameters.get(*at), Some(Use::Equal(_))));
        if positions.len() > 1 && !is_proven && (!are_keys || parent.confidence != Some(Confidence::High)) {
            return None;
        }
        let kind = if self.own().is_count { Kind::CountLoop } else { Kind::NPlusOne };
        let (confidence, doubt) = if self.precedes_insert() {
            (Confidence::Low, Some("an INSERT follows each: it may check that a value is not there yet"))
        } else if self.is_scattered() && !is_proven {
            (Confidence::Low, Some("the calls stand between others in no order"))
        } else if positions.len() > 1 && !is_proven {
            (Confidence::Medium, Some("several values vary"))
        } else {
            (parent.confidence.unwrap_or(Confidence::Low), parent.doubt)
        };
        Some(Loop {
            parent: parent.place.map(|place| self.scope.calls[place].statement),
            confidence,
            doubt,
            key: self.key(positions[0]).map(str::to_owned),
            examples: keys.iter().filter_map(|key| key.first()).take(N_EXAMPLES).cloned().collect(),
            sample: self.sample(positions),
            parent_sample: parent.place.map(|place| self.parent_sample(place)),
            origins: parent.origins,
            ..self.found(kind)
        })
    }

    /// What the query before was sent with. What varies among its own calls is no constant of the program.
    fn parent_sample(&self, place: usize) -> Seen {
        let call = &self.scope.calls[place];
        let others = self.scope.calls.iter().filter(|it| it.text == call.text);
        let others: Vec<&Call> = others.filter(|it| it.parameters.len() == call.parameters.len()).collect();
        let varies = |at: &usize| others.iter().any(|it| it.parameters[*at] != call.parameters[*at]);
        Seen { varying: (0..call.parameters.len()).filter(varies).collect(), ..seen(call) }
    }

    /// The column that a parameter is compared with.
    fn key(&self, position: usize) -> Option<&str> {
        match self.own().parameters.get(position) {
            Some(Use::Equal(column)) => Some(column),
            _ => None,
        }
    }

    /// What the calls with the text of the first were sent with.
    fn sample(&self, varying: &[usize]) -> Seen {
        let Some(first) = self.calls().next() else { return Seen::default() };
        let mut sample = Seen { varying: varying.to_vec(), ..seen(first) };
        for call in self.calls().filter(|call| call.text == first.text) {
            let key: Vec<Value> = varying.iter().filter_map(|at| call.parameters.get(*at).cloned()).collect();
            if sample.keys.len() == MAX_KEYS {
                break;
            }
            if key.len() == varying.len() && !sample.keys.contains(&key) {
                sample.keys.push(key);
            }
        }
        sample
    }

    /// The log does not have the values (`log_parameter_max_length = 0`): only the numbers speak.
    fn of_unknown_values(&self) -> Option<Loop> {
        let [Use::Equal(column)] = self.own().parameters.as_slice() else { return None };
        let key = Some(column.clone());
        let parent = self.parent_by_rows()?;
        let doubt = Some("the values of the parameters are not known");
        if self.returns_many() || self.is_scattered() {
            return None;
        }
        Some(Loop {
            parent: parent.place.map(|place| self.scope.calls[place].statement),
            doubt,
            key,
            sample: self.sample(&[0]),
            ..self.found(Kind::NPlusOne)
        })
    }

    /// The same query with the same values, with pauses and nothing else between.
    fn is_polling(&self) -> bool {
        let calls = &self.scope.calls;
        let pairs = || self.places.windows(2);
        self.scope.kind() == ScopeKind::Burst
            && pairs().all(|pair| pair[1] == pair[0] + 1)
            && median(pairs().map(|pair| calls[pair[1]].gap_after(&calls[pair[0]]))) >= MIN_GAP
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
        let sample = self.sample(&varying);
        Some(Loop {
            confidence: Confidence::Medium,
            doubt: None,
            examples,
            sample,
            ..self.found(Kind::WriteLoop)
        })
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
            origins: Vec::new(),
            sample: self.sample(&[]),
            parent_sample: None,
        }
    }

    /// The query whose rows hold the values, else the nearest that gave as many rows as there are calls.
    fn parent(&self, positions: &[usize]) -> Option<Parent> {
        let is_source = |statement: usize| self.is_source(statement);
        let origins: Vec<Option<provenance::Origin>> = positions
            .iter()
            .map(|at| provenance::origin(&self.scope.calls, &self.places, *at, self.key(*at), &is_source))
            .collect();
        let Some(Some(first)) = origins.first() else {
            let mut parent = self.parent_by_rows()?;
            if parent.confidence == Some(Confidence::High) && self.knows_values(positions[0], &parent) {
                parent.confidence = Some(Confidence::Medium);
                parent.doubt = Some("its values are not those of the query before");
            }
            return Some(parent);
        };
        let of_same = origins.iter().zip(positions).filter_map(|(it, at)| {
            let it = it.as_ref().filter(|it| it.statement == first.statement)?;
            Some(Origin { parameter: at + 1, column: it.column.clone(), share: it.share })
        });
        let origins: Vec<Origin> = of_same.collect();
        Some(Parent { place: Some(first.call), confidence: Some(Confidence::High), doubt: None, origins })
    }

    /// Whether both the values and all rows of the query before are known, so that no value comes from it. Of one that is read in
    /// pieces, only the last is looked at.
    fn knows_values(&self, position: usize, parent: &Parent) -> bool {
        let knows_key = |call: &Call| {
            call.hashes.as_ref().is_some_and(|it| it.parameters.get(position).is_some_and(|hash| *hash != 0))
        };
        let knows_rows = |call: &Call| {
            let is_whole = call.n_rows.is_some_and(|n_rows| is_near(self.places.len(), n_rows));
            is_whole
                && call.hashes.as_ref().is_some_and(|it| {
                    let n_rows = it.values.len() / it.columns.len().max(1);
                    call.n_rows.is_some_and(|all| all == n_rows as u64) && !it.values.contains(&0)
                })
        };
        self.calls().all(knows_key) && parent.place.is_some_and(|place| knows_rows(&self.scope.calls[place]))
    }

    /// The nearest query before the first call that gave as many rows as there are calls, else the one whose runs gave as many
    /// together, else the nearest that gave more.
    fn parent_by_rows(&self) -> Option<Parent> {
        let first = *self.places.first()?;
        let n_calls = self.places.len();
        let calls = &self.scope.calls;
        // What runs in each turn is no source of the loop: a session that gets the same requests again and again.
        let beside = self.sequence().unwrap_or_default();
        let is_query = |place: &usize| {
            let call = &calls[*place];
            let is_other = call.statement != self.statement && !beside.contains(&call.statement);
            is_other && !call.has_failed && self.is_source(call.statement)
        };
        let nearest = |test: &dyn Fn(Option<u64>) -> bool| {
            (0..first).rev().filter(is_query).find(|place| test(calls[*place].n_rows))
        };
        let found = |place, confidence, doubt| {
            Some(Parent { place, confidence: Some(confidence), doubt, origins: Vec::new() })
        };
        if let Some(place) = nearest(&|n_rows| n_rows.is_some_and(|n_rows| is_near(n_calls, n_rows))) {
            return found(Some(place), Confidence::High, None);
        }
        if let Some(place) = self.parent_in_pieces() {
            return if calls[place].statement == self.statement {
                found(Some(place), Confidence::Medium, Some("its values may be those of its own rows"))
            } else {
                found(Some(place), Confidence::High, None)
            };
        }
        if let Some(place) = nearest(&|n_rows| n_rows.is_some_and(|n_rows| n_rows > n_calls as u64)) {
            let doubt = "the query before gave many more rows than there are calls";
            return found(Some(place), Confidence::Medium, Some(doubt));
        }
        if let Some(place) = nearest(&|n_rows| n_rows.is_none()) {
            let doubt = "how many rows the query before gave is not known";
            return found(Some(place), Confidence::Medium, Some(doubt));
        }
        let is_long = n_calls >= super::FAILING_REPEATS;
        is_long.then(|| found(None, Confidence::Low, Some("no query before gave as many rows")))?
    }

    fn is_source(&self, statement: usize) -> bool {
        let facts = self.facts[statement];
        (facts.kind == StatementKind::Select || facts.is_fetch) && !facts.is_count
    }

    /// The last run of the query of which several runs gave as many rows as there are calls: an outer loop, a cursor or portal that is read in pieces,
    /// or the own statement, which goes down a tree.
    fn parent_in_pieces(&self) -> Option<usize> {
        let last = *self.places.last()?;
        let n_calls = self.places.len();
        let mut runs: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
        for (place, call) in self.scope.calls[..last].iter().enumerate() {
            if self.is_source(call.statement) && !call.has_failed {
                runs.entry(call.statement).or_default().push(place);
            }
        }
        let is_parent = |(statement, places): &(usize, Vec<usize>)| {
            let calls = || places.iter().map(|place| &self.scope.calls[*place]);
            let n_rows: u64 = calls().filter_map(|call| call.n_rows).sum();
            if *statement == self.statement {
                // A look-up gives a row each time; a node has several children or none, and all nodes but the root are children.
                let has_several = calls().any(|call| call.n_rows > Some(1));
                let has_leaf = self.calls().any(|call| call.n_rows == Some(0));
                return has_several && has_leaf && n_rows + 1 == n_calls as u64;
            }
            let is_cursor = self.facts[*statement].is_fetch || calls().any(|call| call.is_rest);
            // What gives a row each time is another look-up of the same turn.
            let is_outer = places.len() * 2 <= n_calls;
            (is_cursor || is_outer) && is_near(n_calls, n_rows)
        };
        // The nearest to the last call.
        let parents = runs.into_iter().filter(is_parent);
        parents.filter_map(|(_, places)| places.last().copied()).max()
    }

    fn returns_many(&self) -> bool {
        median(self.calls().filter_map(|call| call.n_rows)) > MAX_ROWS
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
        let duration = median(self.calls().map(|call| call.duration));
        let adjacent = self.places.windows(2).filter(|pair| pair[1] == pair[0] + 1);
        let gap =
            median(adjacent.map(|pair| self.scope.calls[pair[1]].gap_after(&self.scope.calls[pair[0]])));
        (self.places.len() as u64 - 1).saturating_mul(duration.saturating_add(gap))
    }
}

/// The middle value; 0 of none.
fn median<T: Ord + Copy + Default>(values: impl Iterator<Item = T>) -> T {
    let mut values: Vec<T> = values.collect();
    values.sort_unstable();
    values.get(values.len() / 2).copied().unwrap_or_default()
}

/// How many keys a call has in its list, which is an array, or all parameters but the others.
fn n_keys(call: &Call, first: usize, n_others: usize) -> usize {
    match call.parameters.get(first) {
        Some(Value::Text(text) | Value::Literal(text)) if text.starts_with('{') => {
            text.matches(',').count() + 1
        }
        Some(Value::Cut { start, .. }) if start.starts_with(b"{") => MIN_BATCH,
        _ => call.parameters.len().saturating_sub(n_others),
    }
}

/// What one call was sent with.
fn seen(call: &Call) -> Seen {
    Seen { text: call.text, values: call.parameters.clone(), ..Seen::default() }
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
