//! The trace: one format for what a database was asked, whoever watched.
//!
//! A trace is a stream of [`Event`]s. The proxy, the log reader and the snapshots of `pg_stat_statements` write it;
//! workloads, n-plus-one, budgets and replays read it. What a source does not know is `None` or empty, never a guess.
//! Texts of statements are stored once: an [`Event::Statement`] comes before the first event that names its number.

mod code;
mod file;
mod normal;
pub(crate) mod prepared;
mod statements;
mod tags;
#[cfg(test)]
mod tests;
pub(crate) mod value;

use std::fmt;

pub(crate) use file::{ReadError, Reader, WriteError, Writer};
pub(crate) use normal::split;
pub(crate) use statements::{Redaction, Statements};

/// A point in time, in nanoseconds since 1970-01-01 UTC.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Time(pub(crate) u64);

/// A length of time in nanoseconds.
pub(crate) type Nanos = u64;

/// The number of a session, unique in its trace.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct SessionId(pub(crate) u64);

/// The number of a statement, unique in its trace.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct StatementId(pub(crate) u64);

/// Who watched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Source {
    Proxy,
    Log,
    /// Snapshots of `pg_stat_statements`.
    Statements,
}

/// What stands at the head of a trace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Header {
    pub(crate) source: Source,
    /// The program that wrote it, as in `perfkit 0.1.0`.
    pub(crate) writer: String,
    pub(crate) started_at: Time,
    /// Whether values were left out; see [`Value::Redacted`].
    pub(crate) is_redacted: bool,
}

/// One thing that happened.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Event {
    SessionStart(SessionStart),
    /// The session has another name from now on (`SET application_name`).
    ApplicationName {
        session: SessionId,
        at: Time,
        name: String,
    },
    SessionEnd {
        session: SessionId,
        at: Time,
    },
    Statement(Statement),
    Execution(Execution),
    Totals(Totals),
    /// Belongs to the execution of its session that came last.
    Hashes(Hashes),
    /// What the source could not keep since the last such event. A trace with one is incomplete.
    Dropped(Dropped),
    /// The source ended as it should. A trace without it was cut off.
    End {
        at: Time,
    },
}

/// A session, as far as its source knows it. A log begins in the middle of sessions: all but the number may be missing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SessionStart {
    pub(crate) session: SessionId,
    pub(crate) at: Time,
    pub(crate) user: Option<String>,
    pub(crate) database: Option<String>,
    pub(crate) application_name: Option<String>,
    /// The client's address as its source writes it; `[local]` for a unix socket.
    pub(crate) client: Option<String>,
    /// The process of the server.
    pub(crate) backend_pid: Option<u32>,
}

/// The text of a statement, stored once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Statement {
    pub(crate) id: StatementId,
    /// The text with `$n`, without call-site comments. Constants that stood in the text are parameters, too: see
    /// [`Value::Literal`].
    pub(crate) text: String,
    pub(crate) fingerprint: Fingerprint,
    /// The types of `$1`, `$2` and so on by OID, 0 where unknown; may be shorter than the parameters are.
    pub(crate) parameter_types: Vec<u32>,
}

/// The identity of a statement: equal for texts that differ in constants, list lengths, case and white space.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Fingerprint(pub(crate) u64);

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

/// One run of a statement.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Execution {
    pub(crate) session: SessionId,
    pub(crate) statement: StatementId,
    /// When it began: its arrival, or the end of the one before it in a pipeline. Logs write the end, so there it is
    /// the end less the duration.
    pub(crate) started_at: Time,
    pub(crate) timing: Timing,
    pub(crate) protocol: Protocol,
    pub(crate) outcome: Outcome,
    /// Rows returned or changed, as the command tag says.
    pub(crate) n_rows: Option<u64>,
    /// Bytes of the rows that came back.
    pub(crate) result_bytes: Option<u64>,
    pub(crate) blocks: Option<Blocks>,
    pub(crate) transaction: Transaction,
    /// The values of `$1`, `$2` and so on.
    pub(crate) parameters: Vec<Value>,
    /// Key and value of call-site comments (sqlcommenter, marginalia), decoded, in the order in which they stand.
    pub(crate) tags: Vec<(String, String)>,
}

/// How long an execution took, as far as it is known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Timing {
    /// From its start to its end, as seen on the wire. A server keeps the answers of a pipeline back up to the next Sync or
    /// until they fill its buffer; of those that come together, the first has the time of all.
    pub(crate) total: Option<Nanos>,
    /// From its start to the first byte of its answer, as seen on the wire.
    pub(crate) first_answer: Option<Nanos>,
    /// What the server measured: execution alone.
    pub(crate) server: Option<Nanos>,
    /// What the server measured for parse, analysis, planning and bind, where it writes them apart.
    pub(crate) planning: Option<Nanos>,
    /// Whether the answer waited for a slow client, so that `total` says little about the server.
    pub(crate) is_client_slow: bool,
}

impl Timing {
    /// The best there is: the server's own figure, else what was seen on the wire.
    pub(crate) fn best(&self) -> Option<Nanos> {
        self.server.or(self.total)
    }
}

/// How a statement was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Protocol {
    Simple,
    /// Parsed without a name, for this execution.
    Extended,
    /// Bound to a statement with a name.
    Prepared,
    Unknown,
}

/// How an execution ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    Complete,
    /// Goes on with a portal that was suspended, and is no call of its own. What began it is complete as soon as the client has the
    /// rows that it asked for: it may never ask for more.
    Suspended,
    Failed(SqlState),
    /// No end was seen: the connection was lost.
    Lost,
}

/// The five characters of an error's class and condition.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct SqlState(pub(crate) [u8; 5]);

impl SqlState {
    pub(crate) const SERIALIZATION_FAILURE: Self = Self(*b"40001");
    pub(crate) const DEADLOCK_DETECTED: Self = Self(*b"40P01");
    pub(crate) const UNDEFINED_STATEMENT: Self = Self(*b"26000");
    /// What is taken for an error that has none.
    const INTERNAL_ERROR: Self = Self(*b"XX000");

    /// Reads the field `C` of an error as the server sends it: each field is a type byte and a text that ends with a zero byte.
    pub(crate) fn of_error(body: &[u8]) -> Self {
        let code = body.split(|byte| *byte == 0).find_map(|field| field.strip_prefix(b"C"));
        code.and_then(|code| code.try_into().ok()).map_or(Self::INTERNAL_ERROR, Self)
    }

    pub(crate) fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or("XX000")
    }
}

impl fmt::Debug for SqlState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Blocks that an execution touched (`auto_explain`, `pg_stat_statements`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Blocks {
    pub(crate) shared_hit: u64,
    pub(crate) shared_read: u64,
    pub(crate) shared_dirtied: u64,
    pub(crate) shared_written: u64,
    pub(crate) temp_read: u64,
    pub(crate) temp_written: u64,
}

/// The transaction of an execution.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Transaction {
    /// Counts within the session, from 1; `None` where the source cannot tell transactions apart.
    pub(crate) number: Option<u64>,
    pub(crate) state: TransactionState,
}

/// Where a session stood after an execution.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum TransactionState {
    /// Outside of a transaction block: the statement was its own transaction, or ended one.
    Idle,
    Open,
    Failed,
    #[default]
    Unknown,
}

/// The value of a parameter. Its type is in [`Statement::parameter_types`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Value {
    Null,
    /// As PostgreSQL writes a value of its type; binary ones are decoded to this where the type is known.
    Text(String),
    /// A constant of the statement's text, as written there: `42`, `'it''s'`, `E'\n'`, `$$a$$`.
    Literal(String),
    /// As the client sent it, where the type is not known.
    Binary(Vec<u8>),
    /// Only the beginning was kept, of so many bytes.
    Cut {
        start: Vec<u8>,
        n_bytes: u64,
    },
    /// Left out on request. Equal values of one trace have equal numbers; they cannot be turned back.
    Redacted(u64),
    /// There was one, but the source did not keep it.
    Missing,
}

/// What an execution was sent and gave, as hashes by a key that nobody keeps: equal values have equal hashes, and nothing more can be
/// told of them. Values are hashed in their text form, so that it does not matter how they were sent.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Hashes {
    pub(crate) session: SessionId,
    /// Of `$1`, `$2` and so on; 0 for NULL and what is not known.
    pub(crate) parameters: Vec<u32>,
    /// The names of the result's first columns.
    pub(crate) columns: Vec<String>,
    /// The values of its first rows, row by row, for each of `columns`; 0 for NULL and what is not known.
    pub(crate) values: Vec<u32>,
}

/// Counters of `pg_stat_statements` for one statement at one moment, since its entry was made or reset.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Totals {
    pub(crate) statement: StatementId,
    pub(crate) at: Time,
    pub(crate) user_id: u32,
    pub(crate) database_id: u32,
    pub(crate) query_id: i64,
    /// Whether a client sent it, rather than a function that ran it.
    pub(crate) is_top_level: bool,
    pub(crate) calls: u64,
    pub(crate) execution: Nanos,
    pub(crate) planning: Nanos,
    pub(crate) n_rows: u64,
    pub(crate) blocks: Blocks,
    /// When the counters began (`stats_since`, PostgreSQL 17).
    pub(crate) since: Option<Time>,
}

/// What is missing in a trace.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Dropped {
    /// Executions that were seen and not kept.
    pub(crate) n_executions: u64,
    /// Sessions whose messages could not be followed to their end.
    pub(crate) n_sessions: u64,
    /// Lines of a log, or entries of a view, that could not be read or were evicted.
    pub(crate) n_entries: u64,
}
