//! What the event loops hand to the thread that writes: as little as can be said without understanding it.

use std::sync::{Arc, OnceLock};

use crate::trace::{self, Outcome, Protocol, Time, Transaction};

/// One thing that was seen on the wire.
#[derive(Clone, Debug)]
pub(super) enum Record {
    Start(Arc<Client>, Start),
    ApplicationName { session: u64, at: Time, name: String },
    Execution(Box<Executed>),
    End { session: u64, at: Time },
}

/// Who a session is of, as its startup message says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Client {
    pub(super) user: Option<String>,
    pub(super) database: Option<String>,
    pub(super) application_name: Option<String>,
    pub(super) address: String,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Start {
    pub(super) session: u64,
    pub(super) at: Time,
    pub(super) backend_pid: Option<u32>,
}

/// An execution that has ended.
#[derive(Clone, Debug)]
pub(super) struct Executed {
    pub(super) session: u64,
    pub(super) sql: Sql,
    pub(super) bound: Option<Arc<Bound>>,
    pub(super) protocol: Protocol,
    pub(super) started_at: u64,
    pub(super) first_answer_at: Option<u64>,
    pub(super) ended_at: u64,
    pub(super) is_client_slow: bool,
    pub(super) outcome: Outcome,
    pub(super) n_rows: Option<u64>,
    pub(super) result_bytes: u64,
    /// The beginning of the result, where it is wanted.
    pub(super) rows: Rows,
    pub(super) transaction: Transaction,
}

/// The beginning of a result as the server sent it: nobody looks into it on an event loop.
#[derive(Clone, Debug, Default)]
pub(super) struct Rows {
    /// What stood before the rows (`RowDescription`), if it did.
    pub(super) columns: Option<Box<[u8]>>,
    /// The bodies of rows (`DataRow`), one after another.
    pub(super) bytes: Vec<u8>,
    pub(super) n: usize,
    /// Whether more came than is kept.
    pub(super) is_full: bool,
}

impl Rows {
    /// Rows and bytes that are kept of one result.
    const MAX_ROWS: usize = 100;
    const MAX_BYTES: usize = 16 * 1024;

    /// Adds a row, up to the first that there is no room for.
    pub(super) fn push(&mut self, body: &[u8], n_bytes: usize) {
        let has_room = self.n < Self::MAX_ROWS && self.bytes.len() + n_bytes <= Self::MAX_BYTES;
        if self.is_full || !has_room || body.len() < n_bytes {
            self.is_full = true;
            return;
        }
        self.bytes.extend_from_slice(body);
        self.n += 1;
    }

    fn n_bytes(&self) -> usize {
        self.bytes.capacity() + self.columns.as_ref().map_or(0, |columns| columns.len())
    }
}

/// The text of a statement.
#[derive(Clone, Debug)]
pub(super) enum Sql {
    Prepared(Arc<Prepared>),
    /// One of the statements in a query message, counted from 0.
    Query {
        text: Arc<[u8]>,
        part: usize,
    },
}

impl Sql {
    /// Returns the statement in the whole text of its message.
    pub(super) fn of<'t>(&self, text: &'t str) -> &'t str {
        let Self::Query { part, .. } = self else { return text };
        let is_one = !text.trim_end().trim_end_matches(';').contains(';');
        if is_one && *part == 0 {
            return text;
        }
        // A text that was cut may have fewer statements than the server saw.
        trace::split(text).get(*part).copied().unwrap_or("")
    }

    /// The text of its message, as the client sent it.
    pub(super) fn bytes(&self) -> &[u8] {
        match self {
            Self::Prepared(prepared) => &prepared.text,
            Self::Query { text, .. } => text,
        }
    }
}

/// A statement that was parsed.
#[derive(Debug)]
pub(super) struct Prepared {
    pub(super) text: Box<[u8]>,
    /// What the client said of the types; 0 leaves them to the server.
    pub(super) stated_types: Box<[u32]>,
    /// What the server says they are, if it was asked.
    pub(super) types: OnceLock<Box<[u32]>>,
    /// What it says of its result (`RowDescription`), if it was asked.
    pub(super) columns: OnceLock<Box<[u8]>>,
}

impl Prepared {
    pub(super) fn new(text: &[u8]) -> Self {
        Self {
            text: text.into(),
            stated_types: Box::default(),
            types: OnceLock::new(),
            columns: OnceLock::new(),
        }
    }

    /// The types of the parameters, as far as they are known.
    pub(super) fn types(&self) -> &[u32] {
        self.types.get().unwrap_or(&self.stated_types)
    }
}

/// Values of parameters as in a Bind message, from the number of formats on; it may be cut.
#[derive(Debug)]
pub(super) struct Bound(pub(super) Box<[u8]>);

impl Bound {
    /// Values in text form.
    pub(super) fn of_text(values: &[Option<String>]) -> Self {
        let mut bytes = vec![0, 0];
        bytes.extend(u16::try_from(values.len()).unwrap_or(u16::MAX).to_be_bytes());
        for value in values {
            let length = value.as_ref().map(|value| i32::try_from(value.len()).unwrap_or(i32::MAX));
            bytes.extend(length.unwrap_or(-1).to_be_bytes());
            bytes.extend(value.iter().flat_map(|value| value.bytes()));
        }
        // No formats of results: text.
        bytes.extend([0, 0]);
        Self(bytes.into())
    }
}

impl Record {
    /// About how much memory it holds.
    pub(super) fn n_bytes(&self) -> usize {
        let Self::Execution(executed) = self else { return 128 };
        let text = match &executed.sql {
            Sql::Prepared(_) => 0,
            Sql::Query { text, .. } => text.len(),
        };
        let rows = executed.rows.n_bytes();
        size_of::<Executed>() + text + rows + executed.bound.as_ref().map_or(0, |bound| bound.0.len())
    }
}
