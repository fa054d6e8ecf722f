//! Many sessions at once, for the load engine.

use std::time::Instant;

use deadpool_postgres::{Hook, HookError, Manager, ManagerConfig, PoolError, RecyclingMethod};
use tokio_postgres::NoTls;
use tokio_postgres::types::ToSql;

use super::connect::{Access, Connection, Route, Target, set_up};
use super::error::{Error, Result};
use super::interrupt::{Interrupt, Registration};
use super::tls::Tls;
use super::value::TextValue;

/// A pool of sessions, all set up alike.
pub(crate) struct Pool {
    sessions: deadpool_postgres::Pool,
    tls: Option<Tls>,
    label: String,
}

/// A session of a pool.
pub(crate) struct Session {
    client: deadpool_postgres::Client,
    _registration: Registration,
}

impl Pool {
    /// Makes a pool of sessions like `connection`, over the way that led it to its server.
    pub(crate) fn new(target: &Target, connection: &Connection, size: usize, access: Access) -> Result<Self> {
        let Route { config, tls } = connection.route.clone();
        let manager_config = ManagerConfig { recycling_method: RecyclingMethod::Fast };
        let manager = match &tls {
            Some(tls) => Manager::from_config(config, tls.connector.clone(), manager_config),
            None => Manager::from_config(config, NoTls, manager_config),
        };
        let timeouts = target.timeouts();
        let sessions = deadpool_postgres::Pool::builder(manager)
            .max_size(size)
            .post_create(Hook::async_fn(move |client, _| {
                Box::pin(async move { set_up(client, access, timeouts).await.map_err(HookError::Backend) })
            }))
            .build()
            .map_err(|error| Error::LocalServer {
                message: format!("could not make a connection pool: {error}"),
                hint: "Use another number of connections.".to_owned(),
            })?;
        Ok(Self { sessions, tls, label: connection.label.clone() })
    }

    /// Opens so many sessions ahead of their use.
    pub(crate) async fn fill(&self, n: usize, interrupt: &Interrupt) -> Result<()> {
        let mut sessions = Vec::with_capacity(n);
        for _ in 0..n {
            sessions.push(self.get(interrupt).await?);
        }
        Ok(())
    }

    pub(crate) async fn get(&self, interrupt: &Interrupt) -> Result<Session> {
        match self.sessions.get().await {
            Ok(client) => {
                let registration = interrupt.register(client.cancel_token(), self.tls.clone());
                Ok(Session { client, _registration: registration })
            }
            Err(PoolError::Backend(source) | PoolError::PostCreateHook(HookError::Backend(source))) => {
                Err(Error::Connect { target: self.label.clone(), source })
            }
            Err(error) => Err(Error::LocalServer {
                message: format!("could not connect to {}: {error}", self.label),
                hint: "Use fewer connections.".to_owned(),
            }),
        }
    }
}

impl Session {
    /// Prepares a statement once and runs it; returns when it was sent and when its last row had come.
    ///
    /// The error is the SQLSTATE, or `connection`.
    pub(crate) async fn run(
        &self,
        statement: &str,
        values: &[TextValue],
    ) -> Result<(Instant, Instant), String> {
        let parameters: Vec<&(dyn ToSql + Sync)> = values.iter().map(|value| value as _).collect();
        let prepared = self.client.prepare_cached(statement).await.map_err(|error| class(&error))?;
        let sent = Instant::now();
        self.client.query(&prepared, &parameters).await.map_err(|error| class(&error))?;
        Ok((sent, Instant::now()))
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.client.is_closed()
    }
}

/// Returns the SQLSTATE of an error, or what else to count it under.
fn class(error: &tokio_postgres::Error) -> String {
    error.code().map_or_else(|| "connection".to_owned(), |code| code.code().to_owned())
}
