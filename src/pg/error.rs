//! What can go wrong with a server, in PostgreSQL's own words, with its SQLSTATE, DETAIL and HINT.

use std::error::Error as _;
use std::time::Duration;

use tokio_postgres::error::{DbError, ErrorPosition, SqlState};

use crate::counter::chosen::Unknown;
use crate::counter::refusal::Refusal;
use crate::error::{Error as RunError, ExitStatus};
use crate::index::change::failure::Failure;
use crate::pg::conninfo;

const LOCK_HINT: &str = "Another session holds the lock; try again later or raise `--lock-timeout`.";

const EXPRESSION_HINT: &str = "A counter may go by columns of the counted table, constants and IMMUTABLE functions: what depends on the time, on settings or on \
     other tables changes without any trigger.";

/// A failure at the edge to PostgreSQL.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error("invalid connection parameters")]
    Conninfo(#[source] conninfo::Error),
    #[error("could not connect to {target}")]
    Connect {
        target: String,
        #[source]
        source: tokio_postgres::Error,
    },
    #[error("could not connect to {target}: no answer in {} s", .timeout.as_secs())]
    ConnectTimeout { target: String, timeout: Duration },
    #[error("could not set up TLS for {target}")]
    Tls { target: String, reason: String },
    #[error("could not {doing}")]
    Query {
        doing: String,
        #[source]
        source: tokio_postgres::Error,
    },
    /// It was given up because it already kept others waiting.
    #[error("could not {doing}: its locks were not all free within {:.1} s", .timeout.as_secs_f64())]
    LocksHeld { doing: String, timeout: Duration },
    #[error("could not explain the statement")]
    Statement {
        statement: String,
        /// Characters that the server saw before the statement.
        offset: usize,
        #[source]
        source: tokio_postgres::Error,
    },
    #[error("\"{text}\" is not one expression")]
    NoExpression { text: String },
    #[error("query \"{query}\" says neither yes nor no")]
    NoAnswer { query: String, answer: String },
    /// The server does not take a condition or a sum.
    #[error("a counter cannot go by \"{text}\"")]
    Expression {
        text: String,
        #[source]
        source: tokio_postgres::Error,
    },
    /// A counter cannot be kept, or looked at.
    #[error(transparent)]
    Counter(Box<Refusal>),
    #[error(transparent)]
    UnknownCounter(Unknown),
    #[error("counters were added, changed or dropped while they were looked at")]
    CountersChange,
    #[error("server at {target} is PostgreSQL {version}, older than 14")]
    TooOld { target: String, version: String },
    #[error("interrupted")]
    Interrupted,
    #[error("table \"{table}\" took {arrived} of {sent} rows")]
    RowsLost { table: String, arrived: u64, sent: u64 },
    #[error("server at {target} is a standby, which cannot be changed")]
    Standby { target: String },
    #[error("extension \"{name}\" is not created in this database")]
    NoExtension { name: &'static str, hint: &'static str },
    #[error("extension \"{name}\" of this database is of an older version than the server")]
    OldExtension { name: &'static str },
    #[error("{message}")]
    LocalServer { message: String, hint: String },
    #[error("could not {doing}")]
    File {
        doing: String,
        #[source]
        source: std::io::Error,
    },
    #[error("could not read snapshot {path:?}")]
    Snapshot { path: std::path::PathBuf, reason: String },
    #[error("could not {doing}")]
    NoJournal {
        doing: String,
        hint: &'static str,
        #[source]
        source: tokio_postgres::Error,
    },
    #[error("could not create the manifest in schema \"perfkit\"")]
    NoManifest {
        #[source]
        source: tokio_postgres::Error,
    },
    #[error("could not switch triggers off")]
    MayNotSilence {
        #[source]
        source: tokio_postgres::Error,
    },
    /// Something that a plan knows of is gone.
    #[error("could not {doing}")]
    SchemaChanged {
        doing: String,
        #[source]
        source: tokio_postgres::Error,
    },
    /// The code of a trigger asks for what is not there.
    #[error("could not {doing}")]
    TriggerBroken {
        doing: String,
        #[source]
        source: tokio_postgres::Error,
    },
    /// A trigger refuses that rows go, or a constraint what triggers do then.
    #[error("could not {doing}")]
    TriggerRefused {
        doing: String,
        #[source]
        source: tokio_postgres::Error,
    },
    /// Rows that were loaded without it contradict a foreign key.
    #[error("{n_rows} rows of table {child} break foreign key \"{name}\"")]
    Orphans { child: String, name: String, n_rows: u64 },
    #[error("could not use the manifest of perfkit seed")]
    Manifest { reason: String, hint: &'static str },
    #[error("another perfkit is seeding this database")]
    AlreadySeeding,
    #[error("another perfkit is changing indexes of this database")]
    ChangingIndexes,
    /// The server refuses rows whatever takes their place.
    #[error("could not load table \"{table}\"")]
    Refused { table: String, reason: String },
    #[error("could not {doing}: the thread that makes them has ended")]
    NoRows { doing: String },
    #[error("sequence {sequence} has been used since the plan was made")]
    SequenceMoved { sequence: String },
    /// Rows that are not the run's own refer to it.
    #[error("rows of table {child} refer to seeded rows of table {parent} and are not of the run")]
    Referenced { child: String, parent: String },
    #[error("could not use journal {place}")]
    Journal { place: String, reason: String, hint: &'static str },
    #[error("could not read what the server sent for {what}")]
    Answer { what: String, reason: String },
}

pub(crate) type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    /// Returns a closure that says what was being done when the server failed; for `map_err`.
    pub(crate) fn query(doing: impl Into<String>) -> impl FnOnce(tokio_postgres::Error) -> Self {
        move |source| Self::Query { doing: doing.into(), source }
    }

    pub(crate) fn file(doing: impl Into<String>) -> impl FnOnce(std::io::Error) -> Self {
        move |source| Self::File { doing: doing.into(), source }
    }

    /// Returns the SQLSTATE of a failed query, if the server gave one.
    pub(crate) fn code(&self) -> Option<&SqlState> {
        match self {
            Self::Query { source, .. }
            | Self::Statement { source, .. }
            | Self::Expression { source, .. }
            | Self::Connect { source, .. }
            | Self::SchemaChanged { source, .. }
            | Self::TriggerBroken { source, .. }
            | Self::TriggerRefused { source, .. }
            | Self::NoManifest { source }
            | Self::MayNotSilence { source }
            | Self::NoJournal { source, .. } => source.code(),
            // As good as the server's own limit for a single lock.
            Self::LocksHeld { .. } => Some(&SqlState::LOCK_NOT_AVAILABLE),
            _ => None,
        }
    }

    /// The same as its five characters.
    pub(crate) fn sqlstate(&self) -> Option<&str> {
        self.code().map(SqlState::code)
    }

    /// Judges a failed change: no SQLSTATE is a lost session only where a server should have answered.
    pub(crate) fn failure(&self) -> Failure {
        match self {
            Self::Query { .. }
            | Self::Connect { .. }
            | Self::ConnectTimeout { .. }
            | Self::LocksHeld { .. }
            | Self::NoManifest { .. }
            | Self::NoJournal { .. } => Failure::of(self.sqlstate()),
            Self::Standby { .. } => Failure::ReadOnly,
            _ => Failure::Other,
        }
    }

    pub(crate) fn is_cancelled(&self) -> bool {
        self.code() == Some(&SqlState::QUERY_CANCELED)
    }
}

/// Returns the server's own error inside a driver error, which alone says only "db error".
fn db_error(error: &tokio_postgres::Error) -> Option<&DbError> {
    error.as_db_error()
}

impl From<Error> for RunError {
    fn from(error: Error) -> Self {
        let message = error.to_string();
        match &error {
            Error::Counter(refusal) => {
                let status = if refusal.is_about_rights() { ExitStatus::Server } else { ExitStatus::Usage };
                refusal.hint().into_iter().fold(Self::new(status, message), Self::hint)
            }
            Error::UnknownCounter(unknown) => Self::usage(message).hint(unknown.hint()),
            Error::CountersChange => Self::server(message).hint("Run the command again."),
            Error::NoExpression { .. } => {
                Self::usage(message).hint("Write what could stand in a WHERE clause, or one number.")
            }
            Error::NoAnswer { answer, .. } => Self::usage(message)
                .cause(format_args!("its first value is \"{answer}\""))
                .hint("Let its first column be a boolean: true is to wait."),
            Error::Expression { source, .. } => match db_error(source) {
                Some(db) => with_server_words(ExitStatus::Usage, &message, db).hint(EXPRESSION_HINT),
                None => query_error(message, source, None),
            },
            Error::NoJournal { source, hint, .. } => query_error(message, source, None).hint(*hint),
            Error::NoManifest { source } => query_error(message, source, None)
                .hint("Have the database's owner `CREATE SCHEMA perfkit` and grant CREATE and USAGE on it to this role."),
            Error::MayNotSilence { source } => query_error(message, source, None).hint(
                "Leave out `--triggers=off`, or have a superuser GRANT SET ON PARAMETER session_replication_role to this role.",
            ),
            Error::SchemaChanged { source, .. } => said_by_server(message, source)
                .hint("The schema has changed since the plan was made; bring back what is missing."),
            Error::TriggerBroken { source, .. } => said_by_server(message, source).hint(
                "A trigger uses what is not there: bring it back, or add `--triggers=off` to do without triggers.",
            ),
            Error::TriggerRefused { source, .. } => said_by_server(message, source).hint(
                "A trigger refuses it, or changes rows of other tables then: add `--triggers=off` to do without triggers.",
            ),
            Error::Orphans { .. } => {
                Self::server(message).hint("Seed these tables with `--triggers=on`, which replaces such rows.")
            }
            Error::AlreadySeeding | Error::ChangingIndexes => Self::server(message).hint("Wait until it has ended."),
            Error::Refused { reason, .. } => Self::server(message)
                .cause(reason)
                .hint("Describe the columns of the table under `seed` in perfkit.yaml."),
            Error::NoRows { .. } => {
                Self::server(message).hint("This is a bug in perfkit; please report it with the schema.")
            }
            Error::SequenceMoved { .. } => Self::server(message).hint("Run the command again for a new plan."),
            Error::Referenced { .. } => Self::server(message)
                .hint("Delete those rows first, or add `--cascade` to let the foreign key change them."),
            Error::Manifest { reason, hint } | Error::Journal { reason, hint, .. } => Self::usage(message).cause(reason).hint(*hint),
            Error::Conninfo(source) => Self::usage(message)
                .cause(source)
                .hint("Check the connection string, the service file and the PG* variables."),
            Error::Connect { source, .. } => connect_error(message, source),
            Error::ConnectTimeout { .. } => Self::server(message)
                .hint("Check host and port, and that a firewall lets this machine through."),
            Error::Tls { reason, .. } => Self::usage(message)
                .cause(reason)
                .hint("Check sslrootcert, sslcert and sslkey, or use another sslmode."),
            Error::Query { source, .. } => query_error(message, source, None),
            Error::LocksHeld { .. } => Self::server(message).hint(LOCK_HINT),
            Error::Statement { statement, offset, source } => {
                query_error(message, source, Some((statement.as_str(), *offset)))
            }
            Error::Snapshot { reason, .. } => Self::usage(message)
                .cause(reason)
                .hint("Make one with `perfkit index suggest --snapshot FILE`."),
            Error::TooOld { .. } => Self::server(message).hint("Use a server of version 14 or newer."),
            Error::Interrupted => Self::new(ExitStatus::Interrupted, message),
            Error::RowsLost { .. } => Self::server(message)
                .hint("A trigger or rule keeps rows out; disable it, or seed the table by hand."),
            Error::Standby { .. } => Self::server(message).hint("Connect to the primary."),
            Error::NoExtension { hint, .. } => Self::usage(message).hint(*hint),
            Error::OldExtension { name } => {
                Self::usage(message).hint(format!("Have its owner run ALTER EXTENSION {name} UPDATE."))
            }
            Error::LocalServer { hint, .. } => Self::server(message).hint(hint.clone()),
            Error::File { source, .. } => Self::server(message).cause(source),
            Error::Answer { reason, .. } => Self::server(message)
                .cause(reason)
                .hint("This is a bug in perfkit; please report it with the server's version."),
        }
    }
}

/// A failure of the server, whatever its SQLSTATE says of the statement.
fn said_by_server(message: String, source: &tokio_postgres::Error) -> RunError {
    match db_error(source) {
        Some(db) => with_server_words(ExitStatus::Server, &message, db),
        None => RunError::server(message).cause(source),
    }
}

/// The first line says what failed, why, and the SQLSTATE; the server's DETAIL and HINT follow.
fn with_server_words(status: ExitStatus, message: &str, db: &DbError) -> RunError {
    let error = RunError::new(status, format!("{message}: {} (SQLSTATE {})", db.message(), db.code().code()));
    let error = match db.detail() {
        Some(detail) => error.cause(detail),
        None => error,
    };
    match db.hint() {
        Some(hint) => error.hint(hint),
        None => error,
    }
}

fn connect_error(message: String, source: &tokio_postgres::Error) -> RunError {
    let Some(db) = db_error(source) else {
        let error = RunError::server(message);
        let cause = source.source().map_or_else(|| source.to_string(), ToString::to_string);
        let error = error.cause(&cause);
        if cause.contains("password missing") {
            return error.hint("Set PGPASSWORD, or add the connection to ~/.pgpass (mode 0600).");
        }
        return error.hint(
            "Check that the server runs and listens there, or try `perfkit demo`, which needs no database.",
        );
    };
    let error = with_server_words(ExitStatus::Server, &message, db);
    match db.code() {
        &SqlState::INVALID_PASSWORD | &SqlState::INVALID_AUTHORIZATION_SPECIFICATION => {
            error.hint("Check user and password: in the URL, PGPASSWORD or ~/.pgpass.")
        }
        &SqlState::INVALID_CATALOG_NAME => error.hint("Create the database, or name another one."),
        &SqlState::TOO_MANY_CONNECTIONS => error.hint("Use fewer connections, or raise max_connections."),
        _ => error,
    }
}

/// Returns the line of a statement that holds its `position`-th character (from 1), and which one it is there.
fn place(statement: &str, position: usize) -> String {
    let before: String = statement.chars().take(position.saturating_sub(1)).collect();
    let line = before.matches('\n').count();
    let column = before.chars().rev().take_while(|c| *c != '\n').count() + 1;
    format!(
        "line {}, character {column}: {}",
        line + 1,
        statement.lines().nth(line).unwrap_or_default().trim_end()
    )
}

fn query_error(
    message: String,
    source: &tokio_postgres::Error,
    statement: Option<(&str, usize)>,
) -> RunError {
    let Some(db) = db_error(source) else {
        if source.is_closed() {
            return RunError::server(format!("{message}: the server closed the connection"))
                .hint("Look into the server's log for the reason, then run the command again.");
        }
        return RunError::server(message).cause(source).causes_of(source);
    };
    // Wrong SQL and unknown names are the user's input; everything else is the server's doing.
    let class = &db.code().code()[..2];
    let is_input = class == "42" && *db.code() != SqlState::INSUFFICIENT_PRIVILEGE
        || class == "22"
        || *db.code() == SqlState::READ_ONLY_SQL_TRANSACTION;
    let status = if is_input { ExitStatus::Usage } else { ExitStatus::Server };
    let mut error = with_server_words(status, &message, db);
    if let (Some(ErrorPosition::Original(position)), Some((statement, offset))) = (db.position(), statement) {
        error = error.cause(place(statement, (*position as usize).saturating_sub(offset)));
    }
    match *db.code() {
        SqlState::INSUFFICIENT_PRIVILEGE => {
            error.hint("Use a role that has the privilege, or have its owner GRANT it.")
        }
        SqlState::UNDEFINED_TABLE => {
            error.hint("Check the name and the search_path, and that this is the right database.")
        }
        SqlState::READ_ONLY_SQL_TRANSACTION => {
            error.hint("perfkit runs statements read-only; add `--allow-writes` where the command has it.")
        }
        SqlState::QUERY_CANCELED => error.hint("Raise `--statement-timeout` if the statement needs longer."),
        SqlState::LOCK_NOT_AVAILABLE => error.hint(LOCK_HINT),
        SqlState::DISK_FULL => error.hint("Free disk space on the server, then run the command again."),
        SqlState::UNDEFINED_PARAMETER => {
            error.hint("Give the statement its `$n` values: `params` in perfkit.yaml.")
        }
        _ => error,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_server_loses_a_session() {
        let check = |error: &Error, expected| assert_eq!(error.failure(), expected, "{error}");
        check(&Error::file("write journal")(std::io::ErrorKind::StorageFull.into()), Failure::Other);
        check(
            &Error::ConnectTimeout { target: String::new(), timeout: Duration::ZERO },
            Failure::SessionLost,
        );
        check(&Error::LocksHeld { doing: String::new(), timeout: Duration::ZERO }, Failure::Busy);
    }

    #[test]
    fn names_the_place_in_the_users_own_text() {
        assert_eq!(place("SELECT *\nFRM t", 14), "line 2, character 5: FRM t");
        assert_eq!(place("SELEC 1", 1), "line 1, character 1: SELEC 1");
        assert_eq!(place("", 9), "line 1, character 1: ");
    }
}
