//! The session beside the streams: it holds the lock that keeps a second perfkit away, and writes the manifest.

use std::time::{Duration, Instant};

use tokio::sync::{Mutex, MutexGuard};

use super::{manifest, stream};
use crate::index::change::failure;
use crate::pg::catalog::get;
use crate::pg::connect::{Connection, Target};
use crate::pg::error::{Error, Result};
use crate::pg::interrupt::Interrupt;
use crate::pg::sql;
use crate::run_id::RunId;
use crate::seed::manifest::{Done, Patch, RunState};
use crate::seed::plan::Plan;

/// The server notices within this time that a perfkit was killed.
const LOCK_PATIENCE: Duration = Duration::from_secs(10);
/// How often the manifest is asked where sessions are lost: with growing delays, for about a minute.
const MAX_TRIES: u32 = 9;
/// How often the lock is asked for.
const POLL: Duration = Duration::from_millis(200);

pub(super) struct Coordinator<'a> {
    pub(super) target: &'a Target,
    pub(super) interrupt: &'a Interrupt,
    connection: Mutex<Connection>,
}

impl<'a> Coordinator<'a> {
    /// Connects and takes the lock.
    pub(super) async fn start(target: &'a Target, interrupt: &'a Interrupt) -> Result<Self> {
        let connection = connect(target, interrupt).await?;
        Ok(Self { target, interrupt, connection: Mutex::new(connection) })
    }

    /// Returns the session, once nobody else uses it. If it was lost there is a new one, with the lock.
    pub(super) async fn connection(&self) -> Result<MutexGuard<'_, Connection>> {
        let mut connection = self.connection.lock().await;
        if connection.is_closed() {
            *connection = connect(self.target, self.interrupt).await?;
        }
        Ok(connection)
    }

    /// Takes the lock again if it was lost.
    pub(super) async fn revive(&self) -> Result<()> {
        self.connection().await.map(drop)
    }

    pub(super) async fn patch(&self, run: &RunId, patches: &[Patch]) -> Result<()> {
        self.again(async |connection| manifest::patch(connection, run, patches).await).await
    }

    pub(super) async fn set_state(&self, run: &RunId, state: RunState) -> Result<()> {
        self.again(async |connection| manifest::set_state(connection, run, state).await).await
    }

    /// Reads what has been committed of a run.
    pub(super) async fn kept(&self, run: &RunId, plan: &Plan) -> Result<Done> {
        self.again(async |connection| manifest::kept(connection, run, plan).await).await
    }

    /// Does what may be done twice, again where the session is lost.
    async fn again<T>(&self, act: impl AsyncFn(&Connection) -> Result<T>) -> Result<T> {
        let mut tries = 0;
        loop {
            tries += 1;
            let acted = match self.connection().await {
                Ok(connection) => act(&connection).await,
                Err(error) => Err(error),
            };
            match acted {
                Err(error) if stream::is_gone(error.failure()) && tries <= MAX_TRIES => {}
                acted => return acted,
            }
            // The end of the session is seen a little later than its last error.
            self.pause(failure::delay(tries, u64::from(std::process::id()))).await?;
        }
    }

    async fn pause(&self, delay: Duration) -> Result<()> {
        self.interrupt.pause(delay).await
    }
}

async fn connect(target: &Target, interrupt: &Interrupt) -> Result<Connection> {
    let connection = stream::connect(target, interrupt).await?;
    // Its statements are short, and the last ones tidy up.
    connection.shield();
    let start = Instant::now();
    loop {
        let row = connection
            .query_one(sql::SEED_LOCK_SESSION, &[])
            .await
            .map_err(Error::query("take the lock on seeding"))?;
        if get(&row, "locked")? {
            return Ok(connection);
        }
        if start.elapsed() > LOCK_PATIENCE {
            return Err(Error::AlreadySeeding);
        }
        interrupt.pause(POLL).await?;
    }
}
