//! Entries of a log to the events of a trace: which session, which transaction, which duration belongs to which statement.

use std::collections::HashMap;

use super::entry::{Entry, session_id};
use super::message::{self, Message, Sent};
use super::{parameters, plan};
use crate::trace::{
    Blocks, Event, Execution, Nanos, Outcome, Protocol, SessionId, SessionStart, SqlState, Statements, Time,
    Timing, Transaction, TransactionState, Value,
};

/// Sessions that are remembered. Logs seldom say when one ends, so the one that was silent for longest goes.
const MAX_SESSIONS: usize = 20_000;

/// What tells sessions apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Key {
    /// Start and process (`%c`).
    Session(u64, u32),
    Pid(u32),
    /// Number of the backend (`%v`).
    Backend(u32),
    /// Nothing: all statements are of one.
    Nothing,
}

/// Makes events of entries.
pub(crate) struct Sessions {
    statements: Statements,
    sessions: HashMap<Key, Session>,
    n_sessions: u64,
    /// Of the last entry that had one.
    last_time: Time,
    pub(crate) counts: Counts,
}

/// What was seen in a log.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    pub(crate) n_executions: u64,
    /// Executions without a duration.
    pub(crate) n_untimed: u64,
    pub(crate) n_failed: u64,
    /// Executions with values that the log had cut.
    pub(crate) n_cut: u64,
    pub(crate) n_sessions: u64,
    /// Durations whose statement is not in the log.
    pub(crate) n_lone_durations: u64,
    /// Plans of statements that functions ran.
    pub(crate) n_nested: u64,
    /// Entries about something else than statements.
    pub(crate) n_others: u64,
    /// Of the first and the last execution.
    pub(crate) first: Option<Time>,
    pub(crate) last: Option<Time>,
}

/// What is known of a session.
struct Session {
    id: SessionId,
    application: Vec<u8>,
    last_seen: Time,
    /// A statement whose end is not seen, or a plan whose duration may follow.
    pending: Option<Pending>,
    /// What parsing and binding took for the statement that comes.
    planning: Option<Nanos>,
    n_transactions: u64,
    block: Block,
    /// The local number of the virtual transaction of the last statement that had one.
    virtual_number: Option<u64>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Block {
    None,
    Open,
    Failed,
}

struct Pending {
    execution: Execution,
    /// From `auto_explain`: the text, by which the line with the duration is known.
    planned_sql: Option<Vec<u8>>,
}

/// A statement that runs, as an entry shows it.
struct Shown<'a> {
    sql: &'a [u8],
    protocol: Protocol,
    is_fetch: bool,
    started_at: Time,
    server: Option<Nanos>,
    n_rows: Option<u64>,
    blocks: Option<Blocks>,
    parameters: Vec<Value>,
    outcome: Outcome,
}

impl Sessions {
    /// `statements` gives texts their numbers, and leaves values out where that was asked for.
    pub(crate) fn new(statements: Statements) -> Self {
        Self {
            statements,
            sessions: HashMap::new(),
            n_sessions: 0,
            last_time: Time::default(),
            counts: Counts::default(),
        }
    }

    /// Takes the next entry. Events come in the order in which the log tells that they are complete.
    pub(crate) fn take(&mut self, entry: &Entry<'_>, sink: &mut dyn FnMut(Event)) {
        self.last_time = entry.time.unwrap_or(self.last_time);
        let message = message::read(entry.message);
        if !entry.severity.is_error() && matches!(message, Message::Other) {
            self.counts.n_others += 1;
            return;
        }
        let key = key(entry);
        self.meet(key, entry, sink);
        match message {
            _ if entry.severity.is_error() => self.failed(key, entry, sink),
            Message::Statement(sent) => {
                let shown = self.shown(entry, sent, None);
                self.flush(key, sink);
                self.begin(key, entry, shown, None, sink);
            }
            Message::Ended { duration, sent } => self.ended(key, entry, duration, sent, sink),
            Message::Duration(duration) => self.duration(key, duration, sink),
            Message::Prepared { duration, .. } => {
                self.flush(key, sink);
                if let Some(session) = self.sessions.get_mut(&key) {
                    session.planning = Some(session.planning.unwrap_or(0).saturating_add(duration));
                }
            }
            Message::Plan { duration, plan } => self.plan(key, entry, duration, plan, sink),
            Message::Disconnection => {
                self.flush(key, sink);
                if let Some(session) = self.sessions.remove(&key) {
                    sink(Event::SessionEnd { session: session.id, at: self.last_time });
                }
            }
            Message::Other => {}
        }
    }

    /// Ends the log: statements whose end was not seen have no duration.
    pub(crate) fn finish(&mut self, sink: &mut dyn FnMut(Event)) {
        let mut keys: Vec<(SessionId, Key)> =
            self.sessions.iter().map(|(key, session)| (session.id, *key)).collect();
        keys.sort_unstable_by_key(|(id, _)| *id);
        for (_, key) in keys {
            self.flush(key, sink);
        }
        sink(Event::End { at: self.last_time });
    }

    /// Makes sure that a session is known, by the name that it has now.
    fn meet(&mut self, key: Key, entry: &Entry<'_>, sink: &mut dyn FnMut(Event)) {
        if let Some(session) = self.sessions.get_mut(&key) {
            session.last_seen = self.last_time;
            if entry.has_application
                && session.application != entry.application
                && !entry.application.is_empty()
            {
                session.application = entry.application.to_vec();
                let name = String::from_utf8_lossy(entry.application).into_owned();
                sink(Event::ApplicationName { session: session.id, at: self.last_time, name });
            }
            return;
        }
        if self.sessions.len() >= MAX_SESSIONS {
            self.forget_oldest(sink);
        }
        self.n_sessions += 1;
        self.counts.n_sessions += 1;
        let id = SessionId(self.n_sessions);
        let name = |bytes: &[u8]| (!bytes.is_empty()).then(|| String::from_utf8_lossy(bytes).into_owned());
        sink(Event::SessionStart(SessionStart {
            session: id,
            at: self.last_time,
            user: name(entry.user),
            database: name(entry.database),
            application_name: name(entry.application),
            client: name(entry.client),
            backend_pid: entry.pid.or_else(|| session_id(entry.session).map(|(_, pid)| pid)),
        }));
        self.sessions.insert(
            key,
            Session {
                id,
                application: entry.application.to_vec(),
                last_seen: self.last_time,
                pending: None,
                planning: None,
                n_transactions: 0,
                block: Block::None,
                virtual_number: None,
            },
        );
    }

    fn forget_oldest(&mut self, sink: &mut dyn FnMut(Event)) {
        let oldest = self.sessions.iter().min_by_key(|(_, session)| (session.last_seen, session.id));
        if let Some(key) = oldest.map(|(key, _)| *key) {
            self.flush(key, sink);
            self.sessions.remove(&key);
        }
    }

    fn shown<'a>(&self, entry: &Entry<'a>, sent: Sent<'a>, duration: Option<Nanos>) -> Shown<'a> {
        Shown {
            sql: sent.sql,
            protocol: sent.protocol,
            is_fetch: sent.is_fetch,
            // A duration is written at the end.
            started_at: Time(self.last_time.0.saturating_sub(duration.unwrap_or(0))),
            server: duration,
            n_rows: None,
            blocks: None,
            parameters: parameters::read(entry.detail),
            outcome: Outcome::Complete,
        }
    }

    /// Makes an execution of what an entry shows, and lets it wait for what belongs to it.
    fn begin(
        &mut self,
        key: Key,
        entry: &Entry<'_>,
        shown: Shown<'_>,
        planned_sql: Option<Vec<u8>>,
        sink: &mut dyn FnMut(Event),
    ) {
        let sql = String::from_utf8_lossy(shown.sql);
        let seen = self.statements.see(sql.trim(), &[]);
        if let Some(statement) = seen.new {
            sink(Event::Statement(statement));
        }
        let Some(session) = self.sessions.get_mut(&key) else { return };
        let mut values = shown.parameters;
        values.resize(seen.n_bound.max(values.len()), Value::Missing);
        let mut values: Vec<Value> =
            values.into_iter().map(|value| self.statements.redacted(value)).collect();
        values.extend(seen.constants);
        self.counts.n_cut += u64::from(values.iter().any(|value| matches!(value, Value::Cut { .. })));
        let transaction = session.transaction(&sql, entry, matches!(shown.outcome, Outcome::Failed(_)));
        let execution = Execution {
            session: session.id,
            statement: seen.id,
            started_at: shown.started_at,
            timing: Timing { server: shown.server, planning: session.planning.take(), ..Timing::default() },
            protocol: shown.protocol,
            // What goes on with a portal is no other call of the statement.
            outcome: if shown.is_fetch { Outcome::Suspended } else { shown.outcome },
            n_rows: shown.n_rows,
            result_bytes: None,
            blocks: shown.blocks,
            transaction,
            parameters: values,
            tags: seen.tags,
        };
        session.pending = Some(Pending { execution, planned_sql });
    }

    fn ended(
        &mut self,
        key: Key,
        entry: &Entry<'_>,
        duration: Nanos,
        sent: Sent<'_>,
        sink: &mut dyn FnMut(Event),
    ) {
        let shown = self.shown(entry, sent, Some(duration));
        let pending = self.sessions.get_mut(&key).and_then(|session| session.pending.as_mut());
        // The plan of the same statement came first.
        if let Some(pending) = pending
            && pending.planned_sql.as_deref().is_some_and(|sql| sql == sent.sql.trim_ascii())
        {
            pending.execution.timing.server = Some(duration);
            pending.execution.started_at = shown.started_at;
            pending.execution.protocol = sent.protocol;
            if !shown.parameters.is_empty() {
                let n = shown.parameters.len().min(pending.execution.parameters.len());
                for (slot, value) in pending.execution.parameters[..n].iter_mut().zip(shown.parameters) {
                    *slot = self.statements.redacted(value);
                }
            }
            return self.flush(key, sink);
        }
        self.flush(key, sink);
        self.begin(key, entry, shown, None, sink);
        self.flush(key, sink);
    }

    fn duration(&mut self, key: Key, duration: Nanos, sink: &mut dyn FnMut(Event)) {
        let pending = self.sessions.get_mut(&key).and_then(|session| session.pending.as_mut());
        match pending {
            Some(pending) => {
                let timing = &mut pending.execution.timing;
                timing.server = Some(duration);
                self.flush(key, sink);
            }
            // Parsing and binding have durations of their own, which name nothing.
            None => self.counts.n_lone_durations += 1,
        }
    }

    fn plan(
        &mut self,
        key: Key,
        entry: &Entry<'_>,
        duration: Nanos,
        plan: &[u8],
        sink: &mut dyn FnMut(Event),
    ) {
        let Some(planned) = plan::read(plan) else {
            self.counts.n_others += 1;
            return;
        };
        // `auto_explain.log_nested_statements`: no client sent these.
        if entry.context.starts_with(b"PL/") || entry.context.starts_with(b"SQL function") {
            self.counts.n_nested += 1;
            return;
        }
        let sql = planned.sql.trim_ascii();
        let pending = self.sessions.get_mut(&key).and_then(|session| session.pending.as_mut());
        if let Some(pending) = pending
            && pending.planned_sql.is_none()
            && pending.execution.timing.server.is_none()
        {
            // `log_statement` has shown it already.
            pending.execution.n_rows = planned.n_rows;
            pending.execution.blocks = planned.blocks;
            pending.execution.timing.server = Some(duration);
            return;
        }
        self.flush(key, sink);
        let shown = Shown {
            sql,
            protocol: Protocol::Unknown,
            is_fetch: false,
            started_at: Time(self.last_time.0.saturating_sub(duration)),
            server: Some(duration),
            n_rows: planned.n_rows,
            blocks: planned.blocks,
            parameters: parameters::read(&planned.parameters),
            outcome: Outcome::Complete,
        };
        self.begin(key, entry, shown, Some(sql.to_vec()), sink);
    }

    fn failed(&mut self, key: Key, entry: &Entry<'_>, sink: &mut dyn FnMut(Event)) {
        // A log without `%e` does not name the state.
        let outcome = Outcome::Failed(SqlState(entry.sql_state.unwrap_or(*b"?????")));
        let Some(session) = self.sessions.get_mut(&key) else { return };
        if let Some(pending) = &mut session.pending {
            pending.execution.outcome = outcome;
            if session.block == Block::Open {
                session.block = Block::Failed;
                pending.execution.transaction.state = TransactionState::Failed;
            }
            return self.flush(key, sink);
        }
        if entry.statement.is_empty() {
            self.counts.n_others += 1;
            return;
        }
        let shown = Shown {
            sql: entry.statement,
            protocol: Protocol::Unknown,
            is_fetch: false,
            started_at: self.last_time,
            server: None,
            n_rows: None,
            blocks: None,
            parameters: parameters::read(entry.context),
            outcome,
        };
        self.begin(key, entry, shown, None, sink);
        self.flush(key, sink);
    }

    /// Writes the execution that waits.
    fn flush(&mut self, key: Key, sink: &mut dyn FnMut(Event)) {
        let Some(pending) = self.sessions.get_mut(&key).and_then(|session| session.pending.take()) else {
            return;
        };
        let execution = pending.execution;
        let counts = &mut self.counts;
        counts.n_executions += 1;
        counts.n_untimed += u64::from(execution.timing.server.is_none());
        counts.n_failed += u64::from(matches!(execution.outcome, Outcome::Failed(_)));
        counts.first =
            Some(counts.first.map_or(execution.started_at, |first| first.min(execution.started_at)));
        counts.last = Some(counts.last.map_or(execution.started_at, |last| last.max(execution.started_at)));
        sink(Event::Execution(execution));
    }
}

impl Session {
    /// Returns the transaction of a statement: of its block where BEGIN was seen, else of its virtual transaction.
    fn transaction(&mut self, sql: &str, entry: &Entry<'_>, has_failed: bool) -> Transaction {
        let virtual_number = virtual_number(entry.virtual_transaction);
        let is_other = virtual_number.is_some()
            && self.virtual_number.is_some()
            && virtual_number != self.virtual_number;
        if is_other && self.block != Block::None && control(sql) != Some(Control::End) {
            // COMMIT was not logged: it did not take long enough.
            self.block = Block::None;
        }
        let is_same = virtual_number.is_some() && virtual_number == self.virtual_number;
        self.virtual_number = virtual_number.or(self.virtual_number);
        let state = match (control(sql), self.block) {
            (Some(Control::Begin), Block::None) => {
                self.n_transactions += 1;
                self.block = Block::Open;
                TransactionState::Open
            }
            (Some(Control::End), block) => {
                if block == Block::None && !is_same {
                    self.n_transactions += 1;
                }
                self.block = Block::None;
                self.virtual_number = None;
                TransactionState::Idle
            }
            (Some(Control::RollbackTo), Block::Failed) => {
                self.block = Block::Open;
                TransactionState::Open
            }
            (_, Block::None) => {
                if !is_same {
                    self.n_transactions += 1;
                }
                // Whether it is one of several in a block, only the next one tells.
                if virtual_number.is_some() { TransactionState::Unknown } else { TransactionState::Idle }
            }
            (_, _) if has_failed => {
                self.block = Block::Failed;
                TransactionState::Failed
            }
            (_, Block::Failed) => TransactionState::Failed,
            (_, Block::Open) => TransactionState::Open,
        };
        Transaction { number: Some(self.n_transactions), state }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Control {
    Begin,
    End,
    RollbackTo,
}

/// Whether a statement begins or ends a block. Comments before it are seldom and short, words few.
fn control(sql: &str) -> Option<Control> {
    let mut sql = sql.trim_start();
    while let Some(end) = sql.starts_with("/*").then(|| sql.find("*/")).flatten() {
        sql = sql[end + 2..].trim_start();
    }
    let first = sql.as_bytes().first()?.to_ascii_lowercase();
    if !matches!(first, b'b' | b's' | b'c' | b'e' | b'r' | b'a' | b'p') {
        return None;
    }
    let mut words = sql.split(|c: char| !c.is_ascii_alphabetic()).filter(|word| !word.is_empty());
    let is = |word: Option<&str>, other: &str| word.is_some_and(|word| word.eq_ignore_ascii_case(other));
    let (first, second) = (words.next(), words.next());
    if is(first, "begin") || (is(first, "start") && is(second, "transaction")) {
        return Some(Control::Begin);
    }
    if is(first, "rollback") {
        let is_to = is(second, "to") || words.take(1).any(|third| third.eq_ignore_ascii_case("to"));
        return Some(if is_to { Control::RollbackTo } else { Control::End });
    }
    let is_end = ["commit", "end", "abort"].iter().any(|word| is(first, word));
    (is_end || (is(first, "prepare") && is(second, "transaction"))).then_some(Control::End)
}

fn key(entry: &Entry<'_>) -> Key {
    if let Some((start, pid)) = session_id(entry.session) {
        return Key::Session(start, pid);
    }
    if let Some(pid) = entry.pid {
        return Key::Pid(pid);
    }
    let backend = entry.virtual_transaction.split(|byte| *byte == b'/').next().unwrap_or_default();
    let backend = std::str::from_utf8(backend).ok().and_then(|digits| digits.parse().ok());
    backend.map_or(Key::Nothing, Key::Backend)
}

/// Returns the local number of a virtual transaction; 0 is none.
fn virtual_number(text: &[u8]) -> Option<u64> {
    let slash = text.iter().position(|byte| *byte == b'/')?;
    let number = std::str::from_utf8(&text[slash + 1..]).ok()?.parse().ok()?;
    (number > 0).then_some(number)
}
