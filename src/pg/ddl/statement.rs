//! The session that changes indexes, one statement a message.

use std::time::Duration;

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

/// A session that changes indexes.
pub(crate) struct Worker {
    pub(crate) connection: Connection,
    pub(crate) pid: i32,
}

impl Worker {
    /// Connects, and lifts the limits that would cut a build.
    pub(crate) async fn connect(
        target: &Target,
        statement_timeout: Option<Duration>,
        interrupt: &Interrupt,
    ) -> Result<Self> {
        let timeout = statement_timeout.unwrap_or(LONG_STATEMENT_TIMEOUT);
        let target = target.clone().with_statement_timeout(timeout);
        let connection = target.connect(Access::ReadWrite, interrupt).await?;
        unbind(&connection).await?;
        let row = connection.query_one("SELECT pg_catalog.pg_backend_pid() AS pid", &[]).await;
        let pid = get(&row.map_err(Error::query("identify the session"))?, "pid")?;
        Ok(Self { connection, pid })
    }

    /// Runs one statement that may wait for locks this long; for ever where there is no limit.
    pub(crate) async fn run(&self, doing: &str, sql: &str, lock_timeout: Option<Duration>) -> Result<()> {
        let milliseconds = lock_timeout.map_or(0, |timeout| timeout.as_millis().max(1)).to_string();
        let set = self.connection.query(sql::SET_CONFIG, &[&"lock_timeout", &milliseconds]).await;
        set.map_err(Error::query(doing))?;
        self.connection.batch_execute(sql).await.map_err(Error::query(doing))
    }

    /// Lets what runs from now on end by itself when the user interrupts, after this time at the latest.
    pub(crate) async fn shield(&self, timeout: Duration) -> Result<()> {
        self.connection.shield();
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
