//! What goes on in one session: matches answers with requests and says what was executed.
//!
//! Answers come in the order of the requests, so a queue of what is asked tells which one an answer belongs to. The state
//! machine follows the manual, "Message Flow", and where that is silent what the server does (`PostgresMain`,
//! `CopyGetData`): after an error in the extended protocol it skips to the next Sync, and while it takes rows of a COPY
//! it ignores Sync.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use super::frames::{Frame, Frames, Garbage};
use super::record::{Bound, Client, Executed, Prepared, Record, Sql, Start};
use super::request::{Pending, Portal, Run, number, rows, until_zero};
use crate::trace::{Outcome, Protocol, SqlState, Time, Transaction, TransactionState, prepared};

/// Beyond this, a client that never waits for answers is no longer followed.
const MAX_PENDING_BYTES: usize = 16 * 1024 * 1024;
/// Names of statements and portals that are remembered for one session.
const MAX_NAMES: usize = 20_000;
/// Executions that wait for the end of their transaction's message to say where the session stands.
const MAX_WAITING: usize = 1024;
/// What the server takes of what the client sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Taking {
    All,
    /// The rows of a COPY, up to their end.
    Rows,
    /// Nothing but Sync, after an error.
    Sync,
}

/// Why a session is no longer followed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Lost {
    /// It is a replication connection, which is copied as it is.
    Replication,
    /// Bytes that are no messages, or answers to nothing.
    Garbage,
    /// It asks for more than is kept.
    TooMuch,
}

impl From<Garbage> for Lost {
    fn from(_: Garbage) -> Self {
        Self::Garbage
    }
}

/// The state of one session.
pub(super) struct Conversation {
    session: u64,
    client: Arc<Client>,
    /// Whether the beginnings of results are wanted.
    keeps_rows: bool,
    front: Frames,
    back: Frames,
    statements: HashMap<Box<[u8]>, Arc<Prepared>>,
    /// How many were prepared by SQL.
    n_prepared_by_sql: u64,
    portals: HashMap<Box<[u8]>, Portal>,
    pending: VecDeque<Pending>,
    pending_bytes: usize,
    /// When the first message for the next Execute came.
    group_started_at: Option<u64>,
    /// When the last answer ended.
    answered_at: u64,
    taking: Taking,
    backend_pid: Option<u32>,
    /// Whether the server has let the client in.
    is_open: bool,
    n_transactions: u64,
    /// Where the session stood at the last `ReadyForQuery`.
    state: TransactionState,
    /// Whether something ran since.
    is_running: bool,
    waiting: Vec<Executed>,
    /// Executions that cannot be told.
    n_dropped: u64,
}

impl Conversation {
    pub(super) fn new(session: u64, client: Arc<Client>, keeps_rows: bool) -> Self {
        Self {
            session,
            client,
            keeps_rows,
            front: Frames::default(),
            back: Frames::default(),
            statements: HashMap::new(),
            n_prepared_by_sql: 0,
            portals: HashMap::new(),
            pending: VecDeque::new(),
            pending_bytes: 0,
            group_started_at: None,
            answered_at: 0,
            taking: Taking::All,
            backend_pid: None,
            is_open: false,
            n_transactions: 0,
            state: TransactionState::Idle,
            is_running: false,
            waiting: Vec::new(),
            n_dropped: 0,
        }
    }

    /// Takes bytes that the client sent.
    pub(super) fn sent(&mut self, mut bytes: &[u8], now: u64) -> Result<(), Lost> {
        // The frames leave `self` for a while, so that both can be used.
        let mut frames = std::mem::take(&mut self.front);
        let done = loop {
            match frames.next(&mut bytes, |tag| !matches!(tag, b'd' | b'p' | b'f')) {
                Ok(Some(frame)) => self.request(&frame, now),
                Ok(None) => break Ok(()),
                Err(garbage) => break Err(garbage.into()),
            }
        };
        self.front = frames;
        if self.pending_bytes > MAX_PENDING_BYTES {
            return Err(Lost::TooMuch);
        }
        done
    }

    /// Takes bytes that the server sent; what they complete goes to `records`.
    pub(super) fn answered(
        &mut self,
        mut bytes: &[u8],
        now: u64,
        records: &mut Vec<Record>,
    ) -> Result<(), Lost> {
        let mut frames = std::mem::take(&mut self.back);
        let done = loop {
            let (keeps_rows, wants_row) = (self.keeps_rows, self.wants_row());
            let is_kept = |tag| match tag {
                b'D' => wants_row,
                b'T' => keeps_rows,
                tag => !matches!(tag, b'd' | b'V' | b'A' | b'N'),
            };
            match frames.next(&mut bytes, is_kept) {
                Ok(Some(frame)) => {
                    if let Err(lost) = self.answer(&frame, now, records) {
                        break Err(lost);
                    }
                }
                Ok(None) => break Ok(()),
                Err(garbage) => break Err(garbage.into()),
            }
        };
        self.back = frames;
        done
    }

    /// Whether there is room for another row of the result that comes.
    fn wants_row(&self) -> bool {
        let Some(Pending::Execute(run) | Pending::Query(run)) = self.pending.front() else { return false };
        self.keeps_rows && !run.rows.is_full
    }

    /// Notes that the client does not take its answer as fast as it comes.
    pub(super) fn client_is_slow(&mut self) {
        if let Some(Pending::Execute(run) | Pending::Query(run)) = self.pending.front_mut() {
            run.is_client_slow = true;
        }
    }

    /// Ends the session; what is not answered is lost.
    pub(super) fn end(&mut self, now: u64, records: &mut Vec<Record>) {
        if !self.is_open {
            return;
        }
        self.is_open = false;
        for pending in std::mem::take(&mut self.pending) {
            if let Pending::Execute(run) | Pending::Query(run) = pending {
                self.ended(run, Outcome::Lost, None, now);
            }
        }
        self.release(TransactionState::Unknown, records);
        records.push(Record::End { session: self.session, at: Time(now) });
    }

    /// Returns and forgets how many executions could not be told.
    pub(super) fn take_dropped(&mut self) -> u64 {
        std::mem::take(&mut self.n_dropped)
    }

    fn request(&mut self, frame: &Frame<'_>, now: u64) {
        let body = frame.body;
        match frame.tag {
            b'S' => {
                self.group_started_at = None;
                // While it takes rows, the server ignores this.
                if self.taking != Taking::Rows {
                    self.taking = Taking::All;
                    self.push(Pending::Sync);
                }
            }
            b'c' | b'f' => {
                if self.taking == Taking::Rows {
                    self.taking = Taking::All;
                } else {
                    self.push(Pending::CopyEnd);
                }
            }
            _ if self.taking == Taking::Sync => {}
            b'Q' => {
                let text: Arc<[u8]> = until_zero(body).0.into();
                let run = Run::new(Some(Sql::Query { text, part: 0 }), None, Protocol::Simple, now);
                self.push(Pending::Query(run));
            }
            b'P' => self.parse(body, now),
            b'B' => self.bind(body, now),
            b'D' => {
                self.group(now);
                let described = match body.split_first() {
                    Some((b'S', name)) => self.statements.get(until_zero(name).0),
                    Some((b'P', name)) => self.portals.get(until_zero(name).0).map(|portal| &portal.prepared),
                    _ => None,
                };
                let described = described.cloned();
                self.push(Pending::Describe(described));
            }
            b'E' => self.execute(body, now),
            b'C' => self.close(body),
            b'F' => self.push(Pending::FunctionCall),
            b'H' => self.group_started_at = None,
            _ => {}
        }
    }

    fn group(&mut self, now: u64) -> u64 {
        *self.group_started_at.get_or_insert(now)
    }

    fn push(&mut self, pending: Pending) {
        self.pending_bytes += pending.n_bytes();
        self.pending.push_back(pending);
    }

    fn parse(&mut self, body: &[u8], now: u64) {
        let (name, rest) = until_zero(body);
        let (text, types) = until_zero(rest);
        let stated_types = types.get(2..).unwrap_or_default().chunks_exact(4).map(number).collect();
        let prepared = Arc::new(Prepared { stated_types, ..Prepared::new(text) });
        let started_at = self.group(now);
        let before = if self.statements.len() < MAX_NAMES {
            self.statements.insert(name.into(), prepared.clone())
        } else {
            self.statements.remove(name)
        };
        self.push(Pending::Parse { name: name.into(), prepared, before, started_at });
    }

    fn bind(&mut self, body: &[u8], now: u64) {
        let started_at = self.group(now);
        let (portal_name, rest) = until_zero(body);
        let (name, values) = until_zero(rest);
        let portal = self.statements.get(name).map(|prepared| Portal {
            prepared: prepared.clone(),
            bound: Arc::new(Bound(values.into())),
            is_named_statement: !name.is_empty(),
            is_begun: false,
        });
        match portal.clone().filter(|_| self.portals.len() < MAX_NAMES) {
            Some(portal) => match self.portals.get_mut(portal_name) {
                Some(known) => *known = portal,
                None => {
                    self.portals.insert(portal_name.into(), portal);
                }
            },
            None => {
                self.portals.remove(portal_name);
            }
        }
        self.push(Pending::Bind { portal, started_at });
    }

    fn execute(&mut self, body: &[u8], now: u64) {
        let started_at = self.group(now);
        self.group_started_at = None;
        let (portal, _) = until_zero(body);
        let run = match self.portals.get_mut(portal) {
            Some(Portal { prepared, bound, is_named_statement, is_begun }) => {
                let protocol = if *is_named_statement { Protocol::Prepared } else { Protocol::Extended };
                let sql = Some(Sql::Prepared(prepared.clone()));
                let is_rest = std::mem::replace(is_begun, true);
                Run { is_rest, ..Run::new(sql, Some(bound.clone()), protocol, started_at) }
            }
            None => Run::new(None, None, Protocol::Extended, started_at),
        };
        self.push(Pending::Execute(run));
    }

    fn close(&mut self, body: &[u8]) {
        let Some((kind, name)) = body.split_first() else { return };
        let (name, _) = until_zero(name);
        let before = if *kind == b'S' {
            self.statements.remove(name)
        } else {
            self.portals.remove(name);
            None
        };
        self.push(Pending::Close { name: name.into(), before });
    }

    fn answer(&mut self, frame: &Frame<'_>, now: u64, records: &mut Vec<Record>) -> Result<(), Lost> {
        // What comes at any time.
        match frame.tag {
            b'N' | b'A' => return Ok(()),
            b'S' => {
                self.parameter_status(frame.body, now, records);
                return Ok(());
            }
            b'W' => return Err(Lost::Replication),
            _ => {}
        }
        if !self.is_open {
            return self.opening(frame, now, records);
        }
        while let Some(Pending::CopyEnd) = self.pending.front() {
            self.pop();
        }
        let keeps_rows = self.keeps_rows;
        let head = self.pending.front_mut();
        if let Some(Pending::Execute(run) | Pending::Query(run)) = head {
            run.first_answer_at.get_or_insert(now);
            if matches!(frame.tag, b'D' | b'd') {
                run.result_bytes += frame.n_bytes as u64;
                run.n_data_rows += u64::from(frame.tag == b'D');
                if frame.tag == b'D' && keeps_rows {
                    run.rows.push(frame.body, frame.n_bytes);
                }
                return Ok(());
            }
            if frame.tag == b'T' && keeps_rows {
                run.rows.columns = Some(frame.body.into());
            }
        }
        if let (b'T', Some(Pending::Describe(Some(prepared))), true) =
            (frame.tag, self.pending.front(), keeps_rows)
        {
            // The server says the same each time, but for the formats, which are those of the last portal.
            _ = prepared.columns.set(frame.body.into());
        }
        match (frame.tag, self.pending.front()) {
            (b'Z', Some(Pending::Query(_) | Pending::Sync | Pending::FunctionCall)) => {
                self.pop();
                self.ready(frame.body, now, records)
            }
            (b'1', Some(Pending::Parse { .. }))
            | (b'2', Some(Pending::Bind { .. }))
            | (b'3', Some(Pending::Close { .. }))
            | (b'T' | b'n', Some(Pending::Describe(_)))
            // Nothing was executed.
            | (b'I', Some(Pending::Execute(_))) => {
                self.pop();
                Ok(())
            }
            (b't', Some(Pending::Describe(prepared))) => {
                if let Some(prepared) = prepared {
                    let types = frame.body.get(2..).unwrap_or_default().chunks_exact(4).map(number).collect();
                    // The server says the same each time.
                    _ = prepared.types.set(types);
                }
                Ok(())
            }
            (b'C' | b's', Some(Pending::Execute(_) | Pending::Query(_))) => {
                self.complete(frame, now, records);
                Ok(())
            }
            (b'G', Some(Pending::Execute(_) | Pending::Query(_))) => {
                self.copy_in();
                Ok(())
            }
            (b'E', _) => {
                self.error(frame.body, now);
                Ok(())
            }
            // The description of a query's rows, the ends of a COPY's, an empty query, and a function's result.
            (b'I', Some(Pending::Query(_)))
            | (b'T' | b'H' | b'c' | b'D' | b'd', Some(Pending::Execute(_) | Pending::Query(_)))
            | (b'V', Some(Pending::FunctionCall)) => Ok(()),
            _ => Err(Lost::Garbage),
        }
    }

    /// Takes what comes before the first `ReadyForQuery`.
    fn opening(&mut self, frame: &Frame<'_>, now: u64, records: &mut Vec<Record>) -> Result<(), Lost> {
        match frame.tag {
            // What follows the number of the process is a secret.
            b'K' => self.backend_pid = frame.body.get(..4).map(number),
            b'Z' => {
                self.is_open = true;
                self.answered_at = now;
                let start = Start { session: self.session, at: Time(now), backend_pid: self.backend_pid };
                records.push(Record::Start(self.client.clone(), start));
            }
            b'R' | b'v' | b'E' => {}
            _ => return Err(Lost::Garbage),
        }
        Ok(())
    }

    fn parameter_status(&mut self, body: &[u8], now: u64, records: &mut Vec<Record>) {
        let (name, rest) = until_zero(body);
        if name != b"application_name" {
            return;
        }
        let name = String::from_utf8_lossy(until_zero(rest).0).into_owned();
        if self.is_open {
            records.push(Record::ApplicationName { session: self.session, at: Time(now), name });
        } else {
            Arc::make_mut(&mut self.client).application_name = Some(name).filter(|name| !name.is_empty());
        }
    }

    fn pop(&mut self) -> Option<Pending> {
        let pending = self.pending.pop_front()?;
        self.pending_bytes = self.pending_bytes.saturating_sub(pending.n_bytes());
        if self.pending.is_empty() {
            self.pending_bytes = 0;
        }
        Some(pending)
    }

    fn complete(&mut self, frame: &Frame<'_>, now: u64, records: &mut Vec<Record>) {
        let tag = until_zero(frame.body).0;
        let run = match self.pending.front_mut() {
            // More statements may follow in the same message.
            Some(Pending::Query(run)) => run.next_part(now),
            _ => match self.pop() {
                Some(Pending::Execute(run)) => run,
                _ => return,
            },
        };
        self.follow_names(tag, &run);
        let n_rows = match frame.tag {
            // The portal may have more rows, for which another Execute asks or none.
            b's' => Some(run.n_data_rows),
            b'C' => rows(tag),
            _ => None,
        };
        let outcome = if run.is_rest { Outcome::Suspended } else { Outcome::Complete };
        self.ended(run, outcome, n_rows, now);
        if self.waiting.len() >= MAX_WAITING {
            self.release(TransactionState::Unknown, records);
        }
    }

    /// Follows what SQL does to the names of prepared statements.
    fn follow_names(&mut self, tag: &[u8], run: &Run) {
        match tag {
            b"PREPARE" => self.prepared_by_sql(run),
            b"DEALLOCATE ALL" | b"DISCARD ALL" => self.statements.retain(|name, _| name.is_empty()),
            b"DEALLOCATE" => {
                let Some(sql) = &run.sql else { return };
                let text = String::from_utf8_lossy(sql.bytes());
                let words =
                    text.split(|c: char| c.is_whitespace() || c == ';').filter(|word| !word.is_empty());
                let name = words.skip(1).find(|word| !word.eq_ignore_ascii_case("prepare"));
                if let Some(name) = name {
                    let name = match name.strip_prefix('"').and_then(|name| name.strip_suffix('"')) {
                        Some(name) => name.replace("\"\"", "\""),
                        None => name.to_lowercase(),
                    };
                    self.statements.remove(name.as_bytes());
                }
            }
            _ => {}
        }
    }

    fn prepared_by_sql(&mut self, run: &Run) {
        let Some(sql) = &run.sql else { return };
        let text = String::from_utf8_lossy(sql.bytes());
        let Some((name, text)) = prepared::prepare(sql.of(&text)) else { return };
        if self.statements.len() < MAX_NAMES {
            self.statements.insert(name.into_bytes().into(), Arc::new(Prepared::new(text.as_bytes())));
            self.n_prepared_by_sql += 1;
        }
    }

    /// Takes what SQL executes for the statement that was prepared, where its values are constants.
    fn executed_by_sql(&self, run: &mut Run) {
        let Some(sql) = &run.sql else { return };
        let text = String::from_utf8_lossy(sql.bytes());
        let Some((name, values)) = prepared::execute(sql.of(&text)) else { return };
        let Some(prepared) = self.statements.get(name.as_bytes()) else { return };
        let bound = Bound::of_text(&values);
        run.sql = Some(Sql::Prepared(prepared.clone()));
        (run.bound, run.protocol) = (Some(Arc::new(bound)), Protocol::Prepared);
    }

    /// The server takes rows from now on, and ignores each Sync before the end of the rows.
    fn copy_in(&mut self) {
        let end = self.pending.iter().position(|pending| matches!(pending, Pending::CopyEnd));
        let n_within = end.unwrap_or(self.pending.len());
        let mut at = 0;
        self.pending.retain(|pending| {
            at += 1;
            let is_void = at <= n_within && matches!(pending, Pending::Sync) || Some(at - 1) == end;
            !is_void
        });
        if end.is_none() {
            self.taking = Taking::Rows;
        }
    }

    fn error(&mut self, body: &[u8], now: u64) {
        let state = SqlState::of_error(body);
        self.take_all();
        match self.pending.front_mut() {
            // The rest of the message is not executed, and ReadyForQuery follows.
            Some(Pending::Query(run)) => {
                let run = run.next_part(now);
                self.ended(run, Outcome::Failed(state), None, now);
            }
            Some(Pending::Sync | Pending::FunctionCall) | None => {}
            Some(_) => self.skip_to_sync(state, now),
        }
    }

    /// Ends a COPY whose rows the server no longer takes.
    fn take_all(&mut self) {
        if self.taking == Taking::Rows {
            self.taking = Taking::All;
        }
    }

    fn skip_to_sync(&mut self, state: SqlState, now: u64) {
        let failed = Outcome::Failed(state);
        match self.pop() {
            Some(Pending::Execute(run)) => self.ended(run, failed, None, now),
            Some(Pending::Parse { name, prepared, before, started_at }) => {
                // The unnamed statement is gone; a named one is as it was.
                let before = before.filter(|_| !name.is_empty());
                self.restore(name, before);
                self.ended(
                    Run::new(Some(Sql::Prepared(prepared)), None, Protocol::Extended, started_at),
                    failed,
                    None,
                    now,
                );
            }
            Some(Pending::Bind { portal: Some(portal), started_at }) => {
                let Portal { prepared, bound, is_named_statement, .. } = portal;
                let protocol = if is_named_statement { Protocol::Prepared } else { Protocol::Extended };
                self.ended(
                    Run::new(Some(Sql::Prepared(prepared)), Some(bound), protocol, started_at),
                    failed,
                    None,
                    now,
                );
            }
            Some(Pending::Close { name, before }) => self.restore(name, before),
            _ => {}
        }
        let mut skipped = Vec::new();
        let has_sync = loop {
            match self.pending.front() {
                Some(Pending::Sync) => break true,
                Some(_) => skipped.extend(self.pop()),
                None => break false,
            }
        };
        if !has_sync {
            self.taking = Taking::Sync;
        }
        for pending in skipped.into_iter().rev() {
            if let Pending::Parse { name, before, .. } | Pending::Close { name, before } = pending {
                self.restore(name, before);
            }
        }
    }

    fn restore(&mut self, name: Box<[u8]>, before: Option<Arc<Prepared>>) {
        match before {
            Some(before) => self.statements.insert(name, before),
            None => self.statements.remove(&name),
        };
    }

    fn ready(&mut self, body: &[u8], now: u64, records: &mut Vec<Record>) -> Result<(), Lost> {
        self.answered_at = now;
        self.take_all();
        let state = match body {
            b"I" => TransactionState::Idle,
            b"T" => TransactionState::Open,
            b"E" => TransactionState::Failed,
            _ => return Err(Lost::Garbage),
        };
        self.release(state, records);
        if state == TransactionState::Idle && self.pending.is_empty() {
            // Portals end with their transaction.
            self.portals.clear();
        }
        self.state = state;
        self.is_running = false;
        Ok(())
    }

    fn ended(&mut self, mut run: Run, outcome: Outcome, n_rows: Option<u64>, now: u64) {
        if self.n_prepared_by_sql > 0 {
            self.executed_by_sql(&mut run);
        }
        let started_at = run.arrived_at.max(self.answered_at);
        self.answered_at = now;
        let Some(sql) = run.sql else {
            self.n_dropped += 1;
            return;
        };
        if !self.is_running && self.state == TransactionState::Idle {
            self.n_transactions += 1;
        }
        self.is_running = true;
        self.waiting.push(Executed {
            session: self.session,
            sql,
            bound: run.bound,
            protocol: run.protocol,
            started_at,
            first_answer_at: run.first_answer_at.map(|at| at.max(started_at)),
            ended_at: now.max(started_at),
            is_client_slow: run.is_client_slow,
            outcome,
            n_rows,
            result_bytes: run.result_bytes,
            rows: run.rows,
            transaction: Transaction { number: Some(self.n_transactions), state: TransactionState::Unknown },
        });
    }

    fn release(&mut self, state: TransactionState, records: &mut Vec<Record>) {
        records.extend(self.waiting.drain(..).map(|mut executed| {
            executed.transaction.state = state;
            Record::Execution(Box::new(executed))
        }));
    }
}
