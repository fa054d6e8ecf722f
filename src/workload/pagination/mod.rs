//! Lists that are read in pages, and how they are read badly.
//!
//! `judge` holds the rules over what was seen of a statement, `key` says what a page can begin after instead of OFFSET, and
//! which index serves that.

mod judge;
mod key;
mod proof;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, HashMap};

use crate::query::{self, Amount, List};
use crate::trace::{
    Event, Execution, Fingerprint, Nanos, Outcome, SessionId, Statement, StatementId, Time, Value,
};

use super::ignored::TextAlone;
pub(crate) use judge::{Limits, Problem, ProblemKind, unstable};
pub(crate) use key::{NeededIndex, key};
pub(crate) use proof::{PageTime, Proof, Row, Verdict, judge_walk, runnable, timed_pages, values};

/// Sizes of results that are kept of a statement, spread over its calls.
const MAX_SAMPLES: usize = 10_000;
/// Page sizes that are told apart.
const MAX_SIZES: usize = 100;
/// Counts with other conditions that are remembered.
const MAX_COUNTS: usize = 10_000;

/// A list, with what is wrong with how it is read.
#[derive(Clone, Debug)]
pub(crate) struct SeenList {
    pub(crate) fingerprint: Fingerprint,
    pub(crate) statement: String,
    pub(crate) calls: u64,
    pub(crate) time: Nanos,
    pub(crate) problems: Vec<Problem>,
    /// The call that skipped most rows, or else the last one.
    pub(crate) example: Example,
    /// The rows of most pages; `None` where no call has a LIMIT.
    pub(crate) page_size: Option<u64>,
    /// Whether it has both LIMIT and OFFSET.
    pub(crate) is_paged: bool,
}

/// One call of a list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Example {
    pub(crate) text: String,
    pub(crate) parameters: Vec<Value>,
    pub(crate) offset: u64,
}

/// What a trace holds.
#[derive(Clone, Debug, Default)]
pub(crate) struct Report {
    /// Those that take most time first; some have no problem.
    pub(crate) lists: Vec<SeenList>,
    pub(crate) n_executions: u64,
}

/// Gathers what executions say of lists.
#[derive(Default)]
pub(crate) struct Pages {
    known: HashMap<StatementId, Known>,
    lists: Vec<Seen>,
    by_fingerprint: HashMap<Fingerprint, usize>,
    /// By what they count.
    counts: HashMap<String, Count>,
    walks: HashMap<(SessionId, usize), Walk>,
    n_executions: u64,
}

/// What a text is.
enum Known {
    List { list: usize, text: String, limit: Amount, offset: Amount },
    Count(String),
}

/// What was seen of a list.
struct Seen {
    fingerprint: Fingerprint,
    list: List,
    text: String,
    calls: u64,
    time: Nanos,
    /// Rows that came back, and calls that say how many.
    n_rows: u64,
    n_counted: u64,
    /// Rows that OFFSET skipped, those of calls that say how many came back alone.
    n_skipped: u64,
    max_offset: u64,
    /// Steps from one page to the next one.
    n_steps: u64,
    /// The most pages that one session read one after the other.
    longest_walk: u64,
    /// How often each LIMIT was asked for.
    sizes: BTreeMap<u64, u64>,
    /// Calls without a LIMIT.
    n_unlimited: u64,
    samples: Samples,
    example: Example,
}

/// A statement that counts the rows of a list.
#[derive(Clone, Debug)]
struct Count {
    fingerprint: Fingerprint,
    text: String,
    calls: u64,
    time: Nanos,
}

/// Where a session is in a list.
struct Walk {
    others: Vec<Value>,
    next: u64,
    n_pages: u64,
}

/// Sizes of results over time, every n-th call's.
#[derive(Default)]
struct Samples {
    every: u64,
    n_seen: u64,
    rows: Vec<(Time, u64)>,
}

impl Samples {
    fn add(&mut self, at: Time, n_rows: u64) {
        self.every = self.every.max(1);
        if self.n_seen.is_multiple_of(self.every) {
            if self.rows.len() == MAX_SAMPLES {
                self.every *= 2;
                let mut keep = false;
                self.rows.retain(|_| {
                    keep = !keep;
                    keep
                });
            }
            self.rows.push((at, n_rows));
        }
        self.n_seen += 1;
    }
}

impl Pages {
    pub(crate) fn take(&mut self, event: Event) {
        match event {
            Event::Statement(statement) => self.statement(statement),
            Event::Execution(execution) => self.execution(&execution),
            Event::SessionEnd { session, .. } => self.walks.retain(|(of, _), _| *of != session),
            // The next trace has sessions and statements of its own.
            Event::End { .. } => self.walks.clear(),
            _ => {}
        }
    }

    fn statement(&mut self, statement: Statement) {
        let Statement { id, text, fingerprint, .. } = statement;
        self.known.remove(&id);
        let Ok(parsed) = query::parse(&query::plannable(&text)) else { return };
        if let Some(rows) = parsed.counted_rows() {
            if self.counts.len() < MAX_COUNTS || self.counts.contains_key(&rows) {
                let count = Count { fingerprint, text, calls: 0, time: 0 };
                self.counts.entry(rows.clone()).or_insert(count);
                self.known.insert(id, Known::Count(rows));
            }
            return;
        }
        let Some(list) = parsed.list(&TextAlone) else { return };
        let (limit, offset) = (list.limit, list.offset);
        let place = *self.by_fingerprint.entry(fingerprint).or_insert_with(|| {
            self.lists.push(Seen::new(fingerprint, list, text.clone()));
            self.lists.len() - 1
        });
        self.known.insert(id, Known::List { list: place, text, limit, offset });
    }

    fn execution(&mut self, execution: &Execution) {
        self.n_executions += 1;
        if matches!(execution.outcome, Outcome::Failed(_) | Outcome::Lost) {
            return;
        }
        let time = execution.timing.best().unwrap_or(0);
        match self.known.get(&execution.statement) {
            Some(Known::Count(rows)) => {
                if let Some(count) = self.counts.get_mut(rows) {
                    count.calls += 1;
                    count.time = count.time.saturating_add(time);
                }
            }
            Some(Known::List { list, text, limit, offset }) => {
                let place = *list;
                let seen = &mut self.lists[place];
                let call = Call {
                    limit: rows_of(*limit, &execution.parameters),
                    offset: rows_of(*offset, &execution.parameters).unwrap_or(0),
                    offset_parameter: match offset {
                        Amount::Parameter(number) => Some(*number),
                        _ => None,
                    },
                };
                seen.add(execution, &call, text, time);
                seen.step(execution, &call, &mut self.walks, place);
            }
            None => {}
        }
    }

    /// Ends the trace and judges what was seen.
    pub(crate) fn finish(self, limits: Limits) -> Report {
        let counted = |seen: &Seen| self.counts.get(&seen.list.rows).filter(|count| count.calls > 0);
        let of = |seen: &Seen| SeenList {
            fingerprint: seen.fingerprint,
            statement: seen.text.clone(),
            calls: seen.calls,
            time: seen.time,
            problems: judge::problems(seen, counted(seen), limits),
            example: seen.example.clone(),
            page_size: seen.page_size(),
            is_paged: seen.list.offset != Amount::None && seen.list.limit != Amount::None,
        };
        let mut lists: Vec<SeenList> = self.lists.iter().filter(|seen| seen.calls > 0).map(of).collect();
        lists.sort_by(|a, b| b.time.cmp(&a.time).then(a.fingerprint.cmp(&b.fingerprint)));
        Report { lists, n_executions: self.n_executions }
    }
}

/// What the parameters of a call say.
struct Call {
    limit: Option<u64>,
    offset: u64,
    offset_parameter: Option<usize>,
}

fn rows_of(amount: Amount, parameters: &[Value]) -> Option<u64> {
    match amount {
        Amount::Rows(n) => Some(n),
        Amount::Parameter(number) => match parameters.get(number)? {
            Value::Text(text) | Value::Literal(text) => text.trim_matches('\'').parse().ok(),
            _ => None,
        },
        Amount::None | Amount::Computed => None,
    }
}

impl Seen {
    fn new(fingerprint: Fingerprint, list: List, text: String) -> Self {
        Self {
            fingerprint,
            list,
            text,
            calls: 0,
            time: 0,
            n_rows: 0,
            n_counted: 0,
            n_skipped: 0,
            max_offset: 0,
            n_steps: 0,
            longest_walk: 0,
            sizes: BTreeMap::new(),
            n_unlimited: 0,
            samples: Samples::default(),
            example: Example::default(),
        }
    }

    fn add(&mut self, execution: &Execution, call: &Call, text: &str, time: Nanos) {
        // What goes on with a portal is the same call.
        self.calls += u64::from(execution.outcome != Outcome::Suspended);
        self.time = self.time.saturating_add(time);
        if let Some(n_rows) = execution.n_rows {
            self.n_counted += 1;
            self.n_rows = self.n_rows.saturating_add(n_rows);
            self.n_skipped = self.n_skipped.saturating_add(call.offset);
            self.samples.add(execution.started_at, n_rows);
        }
        match call.limit {
            Some(limit) if self.sizes.len() < MAX_SIZES || self.sizes.contains_key(&limit) => {
                *self.sizes.entry(limit).or_default() += 1;
            }
            Some(_) => {}
            None => self.n_unlimited += 1,
        }
        if self.example.text.is_empty() || call.offset >= self.max_offset {
            let parameters = execution.parameters.clone();
            self.example = Example { text: text.to_owned(), parameters, offset: call.offset };
        }
        self.max_offset = self.max_offset.max(call.offset);
    }

    /// Sees whether a session goes on where it was.
    fn step(
        &mut self,
        execution: &Execution,
        call: &Call,
        walks: &mut HashMap<(SessionId, usize), Walk>,
        place: usize,
    ) {
        let (Some(number), Some(limit)) = (call.offset_parameter, call.limit.filter(|limit| *limit > 0))
        else {
            return;
        };
        let mut others = execution.parameters.clone();
        if number < others.len() {
            others.remove(number);
        }
        let next = call.offset.saturating_add(limit);
        let walk = walks.entry((execution.session, place)).or_insert_with(|| Walk {
            others: others.clone(),
            next: call.offset,
            n_pages: 0,
        });
        if walk.others == others && walk.next == call.offset {
            self.n_steps += u64::from(walk.n_pages > 0);
            walk.n_pages += 1;
        } else {
            *walk = Walk { others, next, n_pages: 1 };
        }
        walk.next = next;
        self.longest_walk = self.longest_walk.max(walk.n_pages);
    }

    /// The LIMIT that was asked for most often.
    fn page_size(&self) -> Option<u64> {
        self.sizes.iter().max_by_key(|(size, calls)| (**calls, **size)).map(|(size, _)| *size)
    }
}
