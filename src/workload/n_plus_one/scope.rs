//! Which executions of a session belong together: those of one transaction, or of one burst.

use std::collections::{HashMap, VecDeque};

use super::{MAX_SEQUENCE, MIN_REPEATS, ScopeKind};
use crate::trace::{Execution, Hashes, Nanos, Outcome, SessionId, Time, TransactionState, Value};

/// Statements of one burst follow each other as fast as this at least.
pub(super) const MIN_GAP: Nanos = 5_000_000;
/// A client that thinks for longer is another burst, however long it thinks otherwise.
const MAX_GAP: Nanos = 100_000_000;
/// The usual pause of a session of which little is known: a client prepares, loads and compiles at its first statements.
const FIRST_GAP: Nanos = 2_000_000;
/// Fewer pauses than these say little.
const MIN_GAPS: usize = 8;
/// Pauses that the usual one of a session is told from.
const N_GAPS: usize = 64;
/// Longer scopes are judged in pieces, so that memory is bounded.
const MAX_CALLS: usize = 50_000;
/// Hashes that are kept for one scope; what comes later cannot be told to be a source.
const MAX_HASHES: usize = 1_000_000;
/// Tags that name one request, or what it is for.
const CALL_SITES: [&str; 5] = ["traceparent", "request_id", "route", "action", "controller"];

/// One execution, as the rules need it.
#[derive(Clone, Debug)]
pub(super) struct Call {
    /// The place of the statement among those known.
    pub(super) statement: usize,
    /// The place of its text among those seen: a statement may be written in several ways.
    pub(super) text: usize,
    pub(super) started_at: Time,
    pub(super) duration: Nanos,
    pub(super) parameters: Vec<Value>,
    pub(super) n_rows: Option<u64>,
    pub(super) has_failed: bool,
    /// Whether it goes on with rows of a call before.
    pub(super) is_rest: bool,
    pub(super) tags: Vec<(String, String)>,
    /// What it was sent and gave, where the trace has hashes of that.
    pub(super) hashes: Option<Hashes>,
    transaction: Option<u64>,
    state: TransactionState,
}

impl Call {
    pub(super) fn new(statement: usize, text: usize, execution: Execution) -> Self {
        let timing = execution.timing;
        Self {
            statement,
            text,
            hashes: None,
            started_at: execution.started_at,
            duration: timing.total.or(timing.server).unwrap_or(0),
            parameters: execution.parameters,
            n_rows: execution.n_rows,
            has_failed: matches!(execution.outcome, Outcome::Failed(_) | Outcome::Lost),
            is_rest: execution.outcome == Outcome::Suspended,
            tags: execution.tags,
            transaction: execution.transaction.number,
            state: execution.transaction.state,
        }
    }

    pub(super) fn ended_at(&self) -> Time {
        Time(self.started_at.0.saturating_add(self.duration))
    }

    /// The pause between another call and this one.
    pub(super) fn gap_after(&self, other: &Self) -> Nanos {
        self.started_at.0.saturating_sub(other.ended_at().0)
    }

    /// Whether both name call sites, and others.
    fn is_from_elsewhere(&self, other: &Self) -> bool {
        CALL_SITES.iter().any(|key| {
            let value =
                |call: &Self| call.tags.iter().find(|(it, _)| it == key).map(|(_, value)| value.clone());
            matches!((value(self), value(other)), (Some(own), Some(others)) if own != others)
        })
    }
}

/// Calls that belong together, in their order.
#[derive(Clone, Debug)]
pub(super) struct Scope {
    pub(super) calls: Vec<Call>,
}

impl Scope {
    /// A scope is a transaction when its calls name one that is the same.
    pub(super) fn kind(&self) -> ScopeKind {
        let first = self.calls.first().and_then(|call| call.transaction);
        let is_same = first.is_some() && self.calls.iter().all(|call| call.transaction == first);
        if is_same && self.calls.len() > 1 { ScopeKind::Transaction } else { ScopeKind::Burst }
    }
}

/// The open scopes of all sessions.
#[derive(Debug, Default)]
pub(super) struct Scopes {
    sessions: HashMap<SessionId, Session>,
}

#[derive(Debug, Default)]
struct Session {
    calls: Vec<Call>,
    /// The end of what was seen last, and the longest pause since the last call.
    seen_until: Time,
    pause: Nanos,
    n_hashes: usize,
    gaps: VecDeque<Nanos>,
}

impl Scopes {
    /// Adds a call; returns the scope that ended before it.
    pub(super) fn add(&mut self, session: SessionId, call: Call) -> Option<Scope> {
        let session = self.sessions.entry(session).or_default();
        let ended = session.ends_before(&call).then(|| {
            session.n_hashes = 0;
            Scope { calls: std::mem::take(&mut session.calls) }
        });
        session.pass(call.started_at, call.ended_at());
        session.pause = 0;
        session.calls.push(call);
        ended.filter(|scope| !scope.calls.is_empty())
    }

    /// Takes something that is no call: it takes its time, but is no pause of the client.
    pub(super) fn pass(&mut self, session: SessionId, call: &Call) {
        if let Some(session) = self.sessions.get_mut(&session) {
            session.pass(call.started_at, call.ended_at());
        }
    }

    /// Adds what the last call of a session was sent and gave.
    pub(super) fn attach(&mut self, hashes: Hashes) {
        let Some(session) = self.sessions.get_mut(&hashes.session) else { return };
        let n_hashes = session.n_hashes + hashes.parameters.len() + hashes.values.len();
        if let Some(call) = session.calls.last_mut().filter(|_| n_hashes <= MAX_HASHES) {
            session.n_hashes = n_hashes;
            call.hashes = Some(hashes);
        }
    }

    /// Ends a session.
    pub(super) fn end(&mut self, session: SessionId) -> Option<Scope> {
        let calls = self.sessions.remove(&session)?.calls;
        (!calls.is_empty()).then_some(Scope { calls })
    }

    /// Ends all sessions, in the order of their numbers.
    pub(super) fn end_all(&mut self) -> Vec<Scope> {
        let mut ids: Vec<SessionId> = self.sessions.keys().copied().collect();
        ids.sort_unstable();
        ids.into_iter().filter_map(|id| self.end(id)).collect()
    }
}

impl Session {
    fn pass(&mut self, started_at: Time, ended_at: Time) {
        self.pause = self.pause.max(started_at.0.saturating_sub(self.seen_until.0));
        self.seen_until = ended_at;
    }

    fn ends_before(&mut self, call: &Call) -> bool {
        let Some(last) = self.calls.last() else { return false };
        let gap = self.pause.max(call.started_at.0.saturating_sub(self.seen_until.0));
        let usual = self.usual_gap();
        if self.gaps.len() == N_GAPS {
            self.gaps.pop_front();
        }
        self.gaps.push_back(gap);
        if self.calls.len() >= MAX_CALLS || call.is_from_elsewhere(last) {
            return true;
        }
        let is_same = call.transaction.is_some() && call.transaction == last.transaction;
        let is_block = matches!(last.state, TransactionState::Open | TransactionState::Failed);
        if is_same || is_block {
            return !is_same;
        }
        // A block is no part of the burst before it.
        let begins_block = matches!(call.state, TransactionState::Open | TransactionState::Failed);
        let was_block = self.is_block();
        let max_gap =
            if self.is_next_turn(call) { MAX_GAP } else { usual.saturating_mul(10).clamp(MIN_GAP, MAX_GAP) };
        begins_block || was_block || gap > max_gap
    }

    /// Whether the last calls are a loop, and this is what its next turn does: a busy machine stops clients in the midst of one.
    fn is_next_turn(&self, call: &Call) -> bool {
        (1..=MAX_SEQUENCE).any(|n_statements| {
            let Some(begin) = self.calls.len().checked_sub(MIN_REPEATS * n_statements) else { return false };
            let next = self.calls[begin..].iter().skip(n_statements).chain([call]);
            self.calls[begin..].iter().zip(next).all(|(one, next)| one.statement == next.statement)
        })
    }

    /// Whether the calls so far are a transaction of several statements.
    fn is_block(&self) -> bool {
        let [.., before, last] = self.calls.as_slice() else { return false };
        before.transaction.is_some() && before.transaction == last.transaction
    }

    /// The median of the pauses.
    fn usual_gap(&self) -> Nanos {
        let mut gaps: Vec<Nanos> = self.gaps.iter().copied().collect();
        gaps.sort_unstable();
        let median = gaps.get(gaps.len() / 2).copied().unwrap_or(0);
        if gaps.len() < MIN_GAPS { median.max(FIRST_GAP) } else { median }
    }
}
