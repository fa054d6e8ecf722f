//! Several sessions of one kind on one server.

use std::ops::Deref;

use deadpool_postgres::{Hook, HookError, Manager, ManagerConfig, PoolError, RecyclingMethod};
use tokio_postgres::{Client, NoTls};

use super::connect::{Access, Connection, Route, Target, set_up};
use super::error::{Error, Result};
use super::interrupt::{Interrupt, Registration};
use super::tls::Tls;

/// Opens sessions when they are asked for, all set up alike.
pub(super) struct Pool {
    sessions: deadpool_postgres::Pool,
    tls: Option<Tls>,
    label: String,
}

/// A session of a pool.
pub(super) struct Session {
    client: deadpool_postgres::Client,
    _registration: Registration,
}

impl Deref for Session {
    type Target = Client;

    fn deref(&self) -> &Client {
        &self.client
    }
}

impl Pool {
    /// Makes a pool of sessions like `connection`, by the way that led it to its server: of several hosts, no other is asked.
    pub(super) fn new(target: &Target, connection: &Connection, size: usize, access: Access) -> Result<Self> {
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
                message: format!("could not make a pool of sessions: {error}"),
                hint: "Run the command again.".to_owned(),
            })?;
        Ok(Self { sessions, tls, label: connection.label.clone() })
    }

    /// Opens a session, or takes one that is free.
    pub(super) async fn get(&self, interrupt: &Interrupt) -> Result<Session> {
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
                hint: "Run the command again.".to_owned(),
            }),
        }
    }
}
