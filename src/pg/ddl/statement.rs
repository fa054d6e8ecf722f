//! The session that changes indexes, one statement a message.

use std::time::{Duration, Instant};

use tokio_postgres::error::SqlState;

use crate::context::LONG_STATEMENT_TIMEOUT;
use crate::pg::catalog::get;
use crate::pg::connect::{Access, Connection, Target};
use crate::pg::error::{Error, Result};
use crate::pg::interrupt::Interrupt;
use crate::pg::sql;

/// Settings that a server, database or role may have and that would end a build, or keep it from going on when the network
/// fails. Not all servers know all of them.
const UNBOUND: [(&str, &str); 5] = [
    ("lock_timeout", "0"),
    ("idle_session_timeout", "0"),
    ("idle_in_transaction_session_timeout", "0"),
    ("transaction_timeout", "0"),
    ("client_connection_check_interval", "0"),
];

/// A timeout of less would be none.
const MILLISECOND: Duration = Duration::from_millis(1);
/// What a statement may take once it has its locks. To drop an index with 1,000 partitions, which changes but the catalog, took 0.14 s
/// on two busy cores; writing the commit and removing the files comes after `statement_timeout` (`finish_xact_command` in
/// postgres.c).
const WORK: Duration = Duration::from_secs(1);
/// By so much the server's clock may run ahead of ours within a few seconds (the kernel adjusts a clock by 0.05 percent).
const CLOCK_SKEW: Duration = Duration::from_millis(10);

/// How long a statement waits for locks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Patience {
    /// As long as it takes: nobody queues up behind it, and CONCURRENTLY leaves an INVALID index where it gives up.
    Endless,
    /// So long for each lock; what it does then may take its time.
    EachLock(Duration),
    /// So long for all locks together, of which it holds the first while it waits for the last.
    AllLocks(Duration),
}

/// A session that changes indexes.
pub(crate) struct Worker {
    pub(crate) connection: Connection,
    pub(crate) pid: i32,
    /// The limit of statements that have none of their own.
    statement_timeout: Duration,
}

impl Worker {
    /// Connects, and lifts the limits that would cut a build.
    pub(crate) async fn connect(
        target: &Target,
        statement_timeout: Option<Duration>,
        interrupt: &Interrupt,
    ) -> Result<Self> {
        let statement_timeout = statement_timeout.unwrap_or(LONG_STATEMENT_TIMEOUT);
        let target = target.clone().with_statement_timeout(statement_timeout);
        let connection = target.connect(Access::ReadWrite, interrupt).await?;
        unbind(&connection).await?;
        let row = connection.query_one("SELECT pg_catalog.pg_backend_pid() AS pid", &[]).await;
        let pid = get(&row.map_err(Error::query("identify the session"))?, "pid")?;
        Ok(Self { connection, pid, statement_timeout })
    }

    /// Runs one statement.
    pub(crate) async fn run(&self, doing: &str, sql: &str, patience: Patience) -> Result<()> {
        let (lock_timeout, statement_timeout) = match patience {
            Patience::Endless => (Duration::ZERO, self.statement_timeout),
            Patience::EachLock(timeout) => (timeout.max(MILLISECOND), self.statement_timeout),
            // lock_timeout alone starts anew with each lock (manual, "Statement Behavior").
            Patience::AllLocks(timeout) => {
                (timeout.max(MILLISECOND), self.statement_timeout.min(timeout.saturating_add(WORK)))
            }
        };
        let values = [lock_timeout, statement_timeout].map(|timeout| timeout.as_millis().to_string());
        self.connection
            .query(sql::SET_KNOWN, &[&&["lock_timeout", "statement_timeout"][..], &&values[..]])
            .await
            .map_err(Error::query(doing))?;
        let start = Instant::now();
        self.connection.batch_execute(sql).await.map_err(|source| {
            // The server's words for a timeout and for somebody's cancel differ, but they are in its language.
            let is_own_limit = statement_timeout < self.statement_timeout
                && source.code() == Some(&SqlState::QUERY_CANCELED)
                && start.elapsed() + CLOCK_SKEW >= statement_timeout;
            if is_own_limit {
                Error::LocksHeld { doing: doing.to_owned(), timeout: statement_timeout }
            } else {
                Error::query(doing)(source)
            }
        })
    }

    /// Gives statements that come by other ways than [`Worker::run`] the limits of the session again.
    pub(crate) async fn reset_limits(&self) -> Result<()> {
        let values = ["0".to_owned(), self.statement_timeout.as_millis().to_string()];
        self.connection
            .query(sql::SET_KNOWN, &[&&["lock_timeout", "statement_timeout"][..], &&values[..]])
            .await
            .map(drop)
            .map_err(Error::query("set the session's timeouts"))
    }

    /// Lets what runs from now on end by itself when the user interrupts, after this time at the latest.
    pub(crate) async fn shield(&mut self, timeout: Duration) -> Result<()> {
        self.connection.shield();
        self.statement_timeout = timeout;
        let timeout = timeout.as_millis().to_string();
        self.connection
            .query(sql::SET_CONFIG, &[&"statement_timeout", &timeout])
            .await
            .map(drop)
            .map_err(Error::query("set statement_timeout"))
    }
}

/// Lifts what would end a session that waits for long.
pub(crate) async fn unbind(connection: &Connection) -> Result<()> {
    let (names, values): (Vec<&str>, Vec<&str>) = UNBOUND.into_iter().unzip();
    connection
        .query(sql::SET_KNOWN, &[&names, &values])
        .await
        .map(drop)
        .map_err(Error::query("lift the session's timeouts"))
}

/// The same, for a session that waits for locks no longer than its target says.
pub(crate) async fn unbind_but_locks(connection: &Connection, target: &Target) -> Result<()> {
    unbind(connection).await?;
    let lock_timeout = target.timeouts().lock.as_millis().to_string();
    connection
        .query(sql::SET_CONFIG, &[&"lock_timeout", &lock_timeout])
        .await
        .map(drop)
        .map_err(Error::query("set lock_timeout"))
}
