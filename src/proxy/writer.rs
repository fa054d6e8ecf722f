//! The thread that writes the trace: makes events of records, so that the event loops need not.

use std::fs::File;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel};
use std::time::{Duration, Instant};

use super::hashes;
use super::record::{Bound, Executed, Prepared, Record, Sql};
use super::{Clock, Counts};
use crate::trace::{
    self, Dropped, Event, Execution, Redaction, SessionId, SessionStart, Statements, Timing, Value,
    WriteError, Writer, value,
};

/// Batches on their way to the writer. When it does not keep up they are dropped and counted, so that nobody waits.
const MAX_BATCHES: usize = 64;
/// At the latest after this time what happened is in the file.
const FLUSH_INTERVAL: Duration = Duration::from_millis(500);

/// Where event loops leave what they saw.
#[derive(Clone)]
pub(super) struct Ring {
    sender: SyncSender<Vec<Record>>,
    counts: Arc<Counts>,
}

impl Ring {
    pub(super) fn new(counts: Arc<Counts>) -> (Self, Receiver<Vec<Record>>) {
        let (sender, receiver) = sync_channel(MAX_BATCHES);
        (Self { sender, counts }, receiver)
    }

    /// Hands a batch over, or counts what is lost.
    pub(super) fn put(&self, batch: Vec<Record>) {
        match self.sender.try_send(batch) {
            Ok(()) => {}
            Err(TrySendError::Full(batch) | TrySendError::Disconnected(batch)) => {
                let is_execution = |record: &&Record| matches!(record, Record::Execution(_));
                let n_executions = batch.iter().filter(is_execution).count();
                self.counts.dropped_executions.fetch_add(n_executions as u64, Ordering::Relaxed);
            }
        }
    }
}

/// Writes until all event loops have ended. After an error it takes and counts what comes, so that they go on.
pub(super) fn run(
    batches: &Receiver<Vec<Record>>,
    writer: Writer<File>,
    (statements, hashes): (Statements, Option<Redaction>),
    counts: &Counts,
    clock: Clock,
) -> Result<(), WriteError> {
    let mut failed = None;
    let mut output = Some(Output { writer, statements, hashes, told: Dropped::default() });
    let mut flushed_at = Instant::now();
    loop {
        let batch = match batches.recv_timeout(FLUSH_INTERVAL) {
            Ok(batch) => batch,
            Err(RecvTimeoutError::Timeout) => Vec::new(),
            Err(RecvTimeoutError::Disconnected) => break,
        };
        let n_executions =
            batch.iter().filter(|record| matches!(record, Record::Execution(_))).count() as u64;
        let Some(this) = &mut output else {
            counts.dropped_executions.fetch_add(n_executions, Ordering::Relaxed);
            continue;
        };
        let mut written = batch.into_iter().try_for_each(|record| this.record(record));
        if written.is_ok() && flushed_at.elapsed() >= FLUSH_INTERVAL {
            flushed_at = Instant::now();
            written = this.dropped(counts).and_then(|()| this.writer.flush());
        }
        match written {
            Ok(()) => {
                counts.executions.fetch_add(n_executions, Ordering::Relaxed);
            }
            Err(error) => {
                counts.dropped_executions.fetch_add(n_executions, Ordering::Relaxed);
                counts.has_failed.store(1, Ordering::Relaxed);
                failed = Some(error);
                output = None;
            }
        }
    }
    match (failed, output) {
        (Some(error), _) => Err(error),
        (None, None) => Ok(()),
        (None, Some(mut this)) => {
            this.dropped(counts)?;
            this.writer.write(&Event::End { at: trace::Time(clock.now()) })?;
            let file = this.writer.finish()?;
            Ok(file.sync_all()?)
        }
    }
}

struct Output {
    writer: Writer<File>,
    statements: Statements,
    hashes: Option<Redaction>,
    /// What the trace says is missing.
    told: Dropped,
}

impl Output {
    fn record(&mut self, record: Record) -> Result<(), WriteError> {
        let event = match record {
            Record::Execution(executed) => return self.execution(&executed),
            Record::Start(client, start) => {
                let client = Arc::unwrap_or_clone(client);
                Event::SessionStart(SessionStart {
                    session: SessionId(start.session),
                    at: start.at,
                    user: client.user,
                    database: client.database,
                    application_name: client.application_name,
                    client: Some(client.address),
                    backend_pid: start.backend_pid,
                })
            }
            Record::ApplicationName { session, at, name } => {
                Event::ApplicationName { session: SessionId(session), at, name }
            }
            Record::End { session, at } => Event::SessionEnd { session: SessionId(session), at },
        };
        self.writer.write(&event)
    }

    fn execution(&mut self, executed: &Executed) -> Result<(), WriteError> {
        let (bytes, types) = match &executed.sql {
            Sql::Prepared(prepared) => (&*prepared.text, prepared.types()),
            Sql::Query { text, .. } => (&**text, &[][..]),
        };
        let text = String::from_utf8_lossy(bytes);
        let sql = executed.sql.of(&text);
        let seen = self.statements.see(sql, types);
        if let Some(new) = seen.new {
            self.writer.write(&Event::Statement(new))?;
        }
        let mut parameters = match (&executed.sql, &executed.bound) {
            (Sql::Prepared(prepared), Some(bound)) => values(prepared, bound),
            _ => Vec::new(),
        };
        let mut sent: Vec<u32> = match self.hashes {
            Some(key) => parameters.iter().map(|value| hashes::of(key, value)).collect(),
            None => Vec::new(),
        };
        for value in &mut parameters {
            *value = self.statements.redacted(std::mem::replace(value, Value::Missing));
        }
        if !seen.constants.is_empty() {
            parameters.resize(seen.n_bound.max(parameters.len()), Value::Missing);
            if let Some(key) = self.hashes {
                sent.resize(parameters.len(), 0);
                sent.extend(seen.constants.iter().map(|value| hashes::of(key, value)));
            }
            parameters.extend(seen.constants);
        }
        self.writer.write(&Event::Execution(Execution {
            session: SessionId(executed.session),
            statement: seen.id,
            started_at: trace::Time(executed.started_at),
            timing: Timing {
                total: Some(executed.ended_at - executed.started_at),
                first_answer: executed.first_answer_at.map(|at| at.saturating_sub(executed.started_at)),
                server: None,
                planning: None,
                is_client_slow: executed.is_client_slow,
            },
            protocol: executed.protocol,
            outcome: executed.outcome,
            n_rows: executed.n_rows,
            result_bytes: Some(executed.result_bytes),
            blocks: None,
            transaction: executed.transaction,
            parameters,
            tags: seen.tags,
        }))?;
        let Some(key) = self.hashes else { return Ok(()) };
        match hashes::of_execution(key, executed, sent) {
            Some(hashes) => self.writer.write(&Event::Hashes(hashes)),
            None => Ok(()),
        }
    }

    /// Says what is missing since it was said last.
    fn dropped(&mut self, counts: &Counts) -> Result<(), WriteError> {
        let now = counts.dropped();
        let dropped = Dropped {
            n_executions: now.n_executions - self.told.n_executions,
            n_sessions: now.n_sessions - self.told.n_sessions,
            n_entries: 0,
        };
        if dropped == Dropped::default() {
            return Ok(());
        }
        self.told = now;
        self.writer.write(&Event::Dropped(dropped))
    }
}

/// Reads the values of a Bind message, as far as they were kept.
fn values(prepared: &Prepared, bound: &Bound) -> Vec<Value> {
    let mut input = Input(&bound.0);
    let n_formats = input.word().unwrap_or(0);
    let formats: Vec<u16> = (0..n_formats).map_while(|_| input.word()).collect();
    let n_values = input.word().unwrap_or(0);
    let types = prepared.types();
    (0..usize::from(n_values))
        .map(|n| {
            // One format is that of all.
            let format = formats.get(if formats.len() == 1 { 0 } else { n }).copied().unwrap_or(0);
            let Some(length) = input.length() else { return Value::Missing };
            let Ok(length) = usize::try_from(length) else { return Value::Null };
            let bytes = input.take(length);
            if bytes.len() < length {
                return Value::Cut { start: bytes.to_vec(), n_bytes: length as u64 };
            }
            match format {
                0 => value::of_text(bytes),
                _ => value::of_binary(types.get(n).copied().unwrap_or(0), bytes),
            }
        })
        .collect()
}

pub(super) struct Input<'a>(pub(super) &'a [u8]);

impl<'a> Input<'a> {
    pub(super) fn word(&mut self) -> Option<u16> {
        let (word, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(u16::from_be_bytes(*word))
    }

    pub(super) fn length(&mut self) -> Option<i32> {
        let (length, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(i32::from_be_bytes(*length))
    }

    /// Returns so many bytes, or what is left.
    pub(super) fn take(&mut self, n: usize) -> &'a [u8] {
        let (taken, rest) = self.0.split_at(n.min(self.0.len()));
        self.0 = rest;
        taken
    }
}
