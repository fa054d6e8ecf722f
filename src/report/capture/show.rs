//! The events of a trace, one in a line.

use std::collections::HashMap;
use std::fmt::Write as _;

use serde_json::json;

use crate::report::SCHEMA_VERSION;
use crate::trace::{
    Blocks, Event, Execution, Header, Outcome, Protocol, Source, Statement, StatementId, Time,
    TransactionState, Value,
};
use crate::unit;

/// The events of a trace, line by line.
pub(crate) struct Listing {
    is_json: bool,
    /// Texts of statements, for the lines of executions.
    texts: HashMap<StatementId, String>,
    n_bytes: usize,
}

/// Texts that are remembered; beyond that, lines name numbers only.
const MAX_TEXT_BYTES: usize = 32 * 1024 * 1024;

impl Listing {
    pub(crate) fn new(is_json: bool) -> Self {
        Self { is_json, texts: HashMap::new(), n_bytes: 0 }
    }

    /// Returns the first line.
    pub(crate) fn header(&self, header: &Header) -> String {
        let source = match header.source {
            Source::Proxy => "proxy",
            Source::Log => "log",
            Source::Statements => "statements",
        };
        if self.is_json {
            return line(&json!({
                "type": "trace", "schema_version": SCHEMA_VERSION, "source": source, "writer": header.writer,
                "started_at_ns": header.started_at.0, "redacted": header.is_redacted,
            }));
        }
        let redacted = if header.is_redacted { ", values left out" } else { "" };
        format!("{} trace of {source} by {}{redacted}\n", clock(header.started_at), header.writer)
    }

    /// Adds the line of an event.
    pub(crate) fn event(&mut self, event: &Event, out: &mut String) {
        if self.is_json {
            out.push_str(&line(&as_json(event)));
            return;
        }
        let text = match event {
            Event::SessionStart(start) => format!(
                "{} session {} begins: user {}, database {}, application {}",
                clock(start.at),
                start.session.0,
                known(start.user.as_deref()),
                known(start.database.as_deref()),
                known(start.application_name.as_deref())
            ),
            Event::ApplicationName { session, at, name } => {
                format!("{} session {} is application {name:?}", clock(*at), session.0)
            }
            Event::SessionEnd { session, at } => format!("{} session {} ends", clock(*at), session.0),
            Event::Statement(statement) => {
                self.remember(statement);
                return;
            }
            Event::Execution(execution) => self.execution(execution),
            // They mean nothing to people.
            Event::Hashes(_) => return,
            Event::Totals(totals) => format!(
                "{} {} calls, {} ms, {} rows: {}",
                clock(totals.at),
                totals.calls,
                unit::milliseconds(unit::ns_to_ms(totals.execution)),
                totals.n_rows,
                self.text(totals.statement)
            ),
            Event::Dropped(dropped) => format!(
                "missing: {} executions, {} sessions, {} entries",
                dropped.n_executions, dropped.n_sessions, dropped.n_entries
            ),
            Event::End { at } => format!("{} end", clock(*at)),
        };
        out.push_str(&text);
        out.push('\n');
    }

    fn remember(&mut self, statement: &Statement) {
        if self.n_bytes < MAX_TEXT_BYTES {
            self.n_bytes += statement.text.len();
            self.texts.insert(statement.id, statement.text.clone());
        }
    }

    fn text(&self, id: StatementId) -> String {
        self.texts.get(&id).cloned().unwrap_or_else(|| format!("statement {}", id.0))
    }

    fn execution(&self, execution: &Execution) -> String {
        let took =
            execution.timing.best().map_or("?".to_owned(), |nanos| unit::milliseconds(unit::ns_to_ms(nanos)));
        let rows = execution.n_rows.map_or(String::new(), |n| format!(", {}", unit::counted(n, "row")));
        let outcome = match execution.outcome {
            Outcome::Complete => String::new(),
            Outcome::Suspended => ", more of a portal".to_owned(),
            Outcome::Failed(state) => format!(", failed with {}", state.as_str()),
            Outcome::Lost => ", no end seen".to_owned(),
        };
        let values: Vec<String> = execution.parameters.iter().map(shown).collect();
        let values = if values.is_empty() { String::new() } else { format!(" [{}]", values.join(", ")) };
        format!(
            "{} session {}: {took} ms{rows}{outcome}: {}{values}",
            clock(execution.started_at),
            execution.session.0,
            self.text(execution.statement)
        )
    }
}

fn line(value: &serde_json::Value) -> String {
    format!("{value}\n")
}

fn known(text: Option<&str>) -> String {
    text.map_or_else(|| "unknown".to_owned(), |text| format!("{text:?}"))
}

/// The time of day in UTC.
fn clock(at: Time) -> String {
    let us = at.0 / 1000;
    let seconds = us / 1_000_000;
    format!("{:02}:{:02}:{:02}.{:06}", seconds / 3600 % 24, seconds / 60 % 60, seconds % 60, us % 1_000_000)
}

fn shown(value: &Value) -> String {
    match value {
        Value::Null => "NULL".to_owned(),
        Value::Text(text) => format!("{text:?}"),
        Value::Literal(text) => text.clone(),
        Value::Binary(bytes) => format!("{} bytes", bytes.len()),
        Value::Cut { n_bytes, .. } => format!("{n_bytes} bytes, cut"),
        Value::Redacted(number) => format!("#{number:016x}"),
        Value::Missing => "missing".to_owned(),
    }
}

fn value_json(value: &Value) -> serde_json::Value {
    match value {
        Value::Null => serde_json::Value::Null,
        Value::Text(text) => json!({ "text": text }),
        Value::Literal(text) => json!({ "literal": text }),
        Value::Binary(bytes) => json!({ "binary": hex(bytes) }),
        Value::Cut { start, n_bytes } => json!({ "cut": hex(start), "bytes": n_bytes }),
        Value::Redacted(number) => json!({ "redacted": format!("{number:016x}") }),
        Value::Missing => json!({ "missing": true }),
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(2 * bytes.len()), |mut text, byte| {
        // A String takes whatever is written.
        _ = write!(text, "{byte:02x}");
        text
    })
}

fn as_json(event: &Event) -> serde_json::Value {
    match event {
        Event::SessionStart(start) => json!({
            "type": "session_start", "session": start.session.0, "at_ns": start.at.0, "user": start.user,
            "database": start.database, "application_name": start.application_name, "client": start.client,
            "backend_pid": start.backend_pid,
        }),
        Event::ApplicationName { session, at, name } => {
            json!({ "type": "application_name", "session": session.0, "at_ns": at.0, "name": name })
        }
        Event::SessionEnd { session, at } => {
            json!({ "type": "session_end", "session": session.0, "at_ns": at.0 })
        }
        Event::Statement(statement) => json!({
            "type": "statement", "statement": statement.id.0, "sql": statement.text,
            "fingerprint": statement.fingerprint.to_string(), "parameter_types": statement.parameter_types,
        }),
        Event::Execution(execution) => execution_json(execution),
        Event::Hashes(hashes) => json!({
            "type": "hashes", "session": hashes.session.0, "parameters": hashes.parameters,
            "columns": hashes.columns, "values": hashes.values,
        }),
        Event::Totals(totals) => json!({
            "type": "totals", "statement": totals.statement.0, "at_ns": totals.at.0, "user_id": totals.user_id,
            "database_id": totals.database_id, "query_id": totals.query_id, "top_level": totals.is_top_level,
            "calls": totals.calls, "execution_ns": totals.execution, "planning_ns": totals.planning,
            "rows": totals.n_rows, "blocks": blocks_json(&totals.blocks), "since_ns": totals.since.map(|at| at.0),
        }),
        Event::Dropped(dropped) => json!({
            "type": "dropped", "executions": dropped.n_executions, "sessions": dropped.n_sessions,
            "entries": dropped.n_entries,
        }),
        Event::End { at } => json!({ "type": "end", "at_ns": at.0 }),
    }
}

fn execution_json(execution: &Execution) -> serde_json::Value {
    let (outcome, error) = match execution.outcome {
        Outcome::Complete => ("complete", None),
        Outcome::Suspended => ("suspended", None),
        Outcome::Failed(state) => ("failed", Some(state.as_str().to_owned())),
        Outcome::Lost => ("lost", None),
    };
    let protocol = match execution.protocol {
        Protocol::Simple => "simple",
        Protocol::Extended => "extended",
        Protocol::Prepared => "prepared",
        Protocol::Unknown => "unknown",
    };
    let state = match execution.transaction.state {
        TransactionState::Idle => "idle",
        TransactionState::Open => "open",
        TransactionState::Failed => "failed",
        TransactionState::Unknown => "unknown",
    };
    let tags: serde_json::Map<_, _> =
        execution.tags.iter().map(|(key, value)| (key.clone(), json!(value))).collect();
    json!({
        "type": "execution", "session": execution.session.0, "statement": execution.statement.0,
        "started_at_ns": execution.started_at.0, "total_ns": execution.timing.total,
        "first_answer_ns": execution.timing.first_answer, "server_ns": execution.timing.server,
        "planning_ns": execution.timing.planning, "client_slow": execution.timing.is_client_slow,
        "protocol": protocol, "outcome": outcome, "error": error, "rows": execution.n_rows,
        "result_bytes": execution.result_bytes, "blocks": execution.blocks.as_ref().map(blocks_json),
        "transaction": execution.transaction.number, "state": state,
        "parameters": execution.parameters.iter().map(value_json).collect::<Vec<_>>(), "tags": tags,
    })
}

fn blocks_json(blocks: &Blocks) -> serde_json::Value {
    json!({
        "shared_hit": blocks.shared_hit, "shared_read": blocks.shared_read,
        "shared_dirtied": blocks.shared_dirtied, "shared_written": blocks.shared_written,
        "temp_read": blocks.temp_read, "temp_written": blocks.temp_written,
    })
}
