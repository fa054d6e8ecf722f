//! One session that loads chunks: a chunk and its row of the manifest are one transaction.

mod rows;

use std::collections::{HashMap, HashSet};
use std::ops::Range;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio_postgres::Statement;
use tokio_postgres::error::SqlState;
use tokio_postgres::types::ToSql;

pub(super) use rows::{arrived_all, finish, send};

use super::Event;
use super::coordinator::Coordinator;
use super::effects;
use super::feed::Feed;
use super::manifest::{self, signed};
use super::queue::Queue;
use super::refused::is_refusal;
use crate::index::change::failure::{self, Failure};
use crate::pg::connect::{Access, Connection, Target};
use crate::pg::ddl;
use crate::pg::error::{Error, Result};
use crate::pg::interrupt::Interrupt;
use crate::pg::sql;
use crate::run_id::RunId;
use crate::seed::chunk::Chunk;
use crate::seed::effect::Counts;
use crate::seed::plan::Plan;
use crate::seed::schema::TableId;
use crate::sources::now_us;
use crate::unit;

/// A server that restarts is waited for so long.
const PATIENCE: Duration = Duration::from_mins(1);
/// How often a chunk is tried whose table somebody has locked.
const MAX_BUSY: u32 = 5;
/// With `--throttle` no chunk begins while a replica is further behind: longer delays are seen by whoever reads there.
const MAX_LAG: Duration = Duration::from_secs(5);
/// How often replicas are looked at that are behind.
const LAG_POLL: Duration = Duration::from_secs(1);

/// What the streams of a run share.
pub(super) struct Shared<'a> {
    pub(super) target: &'a Target,
    pub(super) interrupt: &'a Interrupt,
    pub(super) run: &'a RunId,
    pub(super) plan: Arc<Plan>,
    pub(super) coordinator: &'a Coordinator<'a>,
    pub(super) queue: Queue,
    /// Tables whose triggers may do something beside.
    pub(super) watched: HashSet<TableId>,
    pub(super) recorder: effects::Recorder,
    pub(super) throttle: bool,
    pub(super) on: &'a dyn Fn(Event<'_>),
}

/// Loads chunks until none is left.
pub(super) struct Stream<'a> {
    pub(super) shared: &'a Shared<'a>,
    pub(super) session: Option<Session>,
    pub(super) feed: Feed,
    /// A chunk that is claimed and waits for the present one.
    next: Option<Chunk>,
    /// Whether its rows are asked for.
    is_asked: bool,
}

/// A session with what it has prepared.
pub(super) struct Session {
    connection: Connection,
    insert_chunk: Statement,
    /// By table and partition.
    copies: HashMap<(TableId, Option<u16>), Statement>,
    staged: HashSet<TableId>,
}

/// A chunk that was not committed.
pub(super) struct Failed {
    pub(super) error: Error,
    pub(super) at: At,
}

/// Where a transaction failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum At {
    Manifest,
    /// At this row, where the server says so.
    Rows(Option<u64>),
    Commit,
}

/// What a chunk has cost so far.
#[derive(Default)]
pub(super) struct Tries {
    n_busy: u32,
    n_lost: u32,
    pub(super) n_in_vain: u32,
    lost_since: Option<Instant>,
}

/// How a chunk ended that was not refused.
enum Ended {
    Committed {
        n_bytes: u64,
    },
    /// A session that was lost has committed it.
    CommittedBefore,
}

impl<'a> Stream<'a> {
    pub(super) fn new(shared: &'a Shared<'a>) -> Self {
        let feed = Feed::new(Arc::clone(&shared.plan));
        Self { shared, session: None, feed, next: None, is_asked: false }
    }

    /// Loads until nothing is left. A `spare` stream does without where the server has no connection to spare.
    pub(super) async fn run(mut self, is_spare: bool) -> Result<()> {
        if is_spare
            && let Err(error) = self.connect().await
            && error.code() == Some(&SqlState::TOO_MANY_CONNECTIONS)
        {
            (self.shared.on)(Event::Warning(format!("one stream less: {error}")));
            return Ok(());
        }
        loop {
            let chunk = match self.next.take() {
                Some(chunk) => chunk,
                None => match self.shared.queue.claim().await? {
                    Some(chunk) => chunk,
                    None => return Ok(()),
                },
            };
            let start = Instant::now();
            if !self.load(&chunk).await? {
                self.forget().await;
                self.shared.queue.give_back(chunk);
                continue;
            }
            self.shared.queue.finished(&chunk);
            if self.shared.throttle {
                self.rest(start.elapsed()).await?;
            }
        }
    }

    /// Leaves the server to others for as long as the last chunk took, and until its replicas have caught up.
    async fn rest(&self, took: Duration) -> Result<()> {
        self.pause(took).await?;
        loop {
            let load = match self.shared.coordinator.connection().await {
                Ok(connection) => ddl::load(&connection).await,
                Err(error) => Err(error),
            };
            match load {
                Ok(load) if load.lag.as_ref().is_none_or(|(_, lag)| *lag <= MAX_LAG) => return Ok(()),
                Ok(_) => {}
                // The next chunk waits for the server.
                Err(error) if is_gone(error.failure()) => return Ok(()),
                Err(error) => return Err(error),
            }
            self.pause(LAG_POLL).await?;
        }
    }

    /// Loads a chunk, again and again until it is committed or there is no hope; false if a crash has taken away what its rows
    /// refer to.
    async fn load(&mut self, chunk: &Chunk) -> Result<bool> {
        let mut tries = Tries::default();
        let mut is_asked = std::mem::take(&mut self.is_asked);
        loop {
            if let Err(error) = self.connect().await {
                self.recover(chunk, Failed { error, at: At::Manifest }, &mut tries).await?;
                is_asked = false;
                continue;
            }
            if !self.shared.queue.is_ready(chunk) {
                return Ok(false);
            }
            if let Err(error) = self.read_keys(chunk).await {
                self.recover(chunk, Failed { error, at: At::Manifest }, &mut tries).await?;
                is_asked = false;
                continue;
            }
            if !is_asked {
                self.ask(chunk);
            }
            let start = Instant::now();
            match self.attempt(chunk).await {
                Ok(Ended::Committed { n_bytes }) => {
                    let took = start.elapsed();
                    let tables = chunk.parts.iter().map(|(table, rows)| (*table, rows.end - rows.start));
                    for (place, (table, n_rows)) in tables.enumerate() {
                        let n_bytes = if place == 0 { n_bytes } else { 0 };
                        // The tables of a wave share its time by their rows.
                        #[expect(
                            clippy::cast_precision_loss,
                            reason = "a chunk has far fewer than 2^53 rows"
                        )]
                        let took = took.mul_f64(n_rows as f64 / chunk.n_rows().max(1) as f64);
                        (self.shared.on)(Event::Loaded { table, n_rows, n_bytes, took });
                    }
                    return Ok(true);
                }
                Ok(Ended::CommittedBefore) => {
                    self.forget().await;
                    return Ok(true);
                }
                Err(failed) => {
                    self.recover(chunk, failed, &mut tries).await?;
                    is_asked = false;
                }
            }
        }
    }

    /// Reads what rows of a chunk refer to, where triggers have made it.
    async fn read_keys(&self, chunk: &Chunk) -> Result<()> {
        let Shared { queue, run, .. } = self.shared;
        if queue.lacks_keys(chunk) {
            queue.read_keys(&self.session().connection, run, chunk).await
        } else {
            Ok(())
        }
    }

    fn ask(&mut self, chunk: &Chunk) {
        for (table, rows) in &chunk.parts {
            let to = self.to(*table);
            self.feed.ask(*table, rows.clone(), self.shared.queue.patches(), to);
        }
    }

    /// Forgets all rows that are asked for.
    pub(super) async fn forget(&mut self) {
        self.feed.abandon().await;
        self.is_asked = false;
    }

    /// Connects, unless there is a session, and sees what the server has lost since.
    pub(super) async fn connect(&mut self) -> Result<()> {
        if self.session.as_ref().is_some_and(|session| !session.connection.is_closed()) {
            return Ok(());
        }
        self.session = None;
        let connection = connect(self.shared.target, self.shared.interrupt).await?;
        if self.shared.plan.are_triggers_off {
            silence_triggers(&connection).await?;
        }
        let insert_chunk =
            connection.prepare(sql::SEED_CHUNK_INSERT).await.map_err(Error::query("write the manifest"))?;
        let committed = self.shared.queue.committed();
        let in_manifest = manifest::kept(&connection, self.shared.run, &self.shared.plan).await?;
        let n_lost = self.shared.queue.put_back_lost(&committed, &in_manifest);
        if n_lost > 0 {
            (self.shared.on)(Event::Warning(format!(
                "the server has lost {} committed rows; they are loaded again",
                unit::count(n_lost)
            )));
        }
        let (copies, staged) = (HashMap::new(), HashSet::new());
        self.session = Some(Session { connection, insert_chunk, copies, staged });
        Ok(())
    }

    /// Decides what to do about a chunk that failed; an error when nothing helps.
    async fn recover(&mut self, chunk: &Chunk, failed: Failed, tries: &mut Tries) -> Result<()> {
        self.forget().await;
        if self.shared.interrupt.is_raised() {
            return Err(Error::Interrupted);
        }
        let Failed { error, at } = failed;
        let bits = u64::from(chunk.number) ^ now_us().unsigned_abs();
        match error.failure() {
            failure if is_gone(failure) => {
                self.session = None;
                let since = *tries.lost_since.get_or_insert_with(Instant::now);
                if since.elapsed() > PATIENCE {
                    return Err(error);
                }
                (self.shared.on)(Event::Lost(&error));
                tries.n_lost += 1;
                self.pause(failure::delay(tries.n_lost, bits)).await?;
                // The lock that keeps a second perfkit away has gone with the server.
                match self.shared.coordinator.revive().await {
                    Err(error) if !is_gone(error.failure()) => Err(error),
                    _ => Ok(()),
                }
            }
            _ if at != At::Manifest && is_refusal(&error) => self.patch(chunk, error, tries).await,
            Failure::Busy if tries.n_busy < MAX_BUSY => {
                self.roll_back().await;
                tries.n_busy += 1;
                self.pause(failure::delay(tries.n_busy, bits)).await
            }
            _ => Err(error),
        }
    }

    async fn pause(&self, delay: Duration) -> Result<()> {
        self.shared.interrupt.pause(delay).await
    }

    /// Ends a transaction that failed; a session that cannot even do that is given up.
    pub(super) async fn roll_back(&mut self) {
        if let Some(session) = &self.session
            && session.connection.batch_execute("ROLLBACK").await.is_err()
        {
            self.session = None;
        }
    }

    /// Tries once to load a chunk.
    async fn attempt(&mut self, chunk: &Chunk) -> Result<Ended, Failed> {
        let failed = |error| Failed { error, at: At::Manifest };
        // Losing the last commits with the power loses rows and manifest together. A table's last chunk carries the others.
        let is_last = self.shared.queue.is_last(chunk);
        let begin = if is_last { "BEGIN" } else { "BEGIN; SET LOCAL synchronous_commit = off" };
        self.prepare_stages(&chunk.parts).await.map_err(failed)?;
        let session = self.session();
        let (step, number) = (chunk.step.cast_signed(), chunk.number.cast_signed());
        let n_rows = signed(chunk.n_rows());
        // Before the rows: a chunk that is committed already, or is being committed by a session that was lost, is seen here.
        let values: [&(dyn ToSql + Sync); 4] = [&self.shared.run.0, &step, &number, &n_rows];
        let insert = session.connection.execute(&session.insert_chunk, &values);
        let (begun, inserted) =
            futures_util::future::join(session.connection.batch_execute(begin), insert).await;
        begun.map_err(Error::query("start a transaction")).map_err(failed)?;
        if let Err(error) = inserted {
            if error.code() == Some(&SqlState::UNIQUE_VIOLATION) {
                self.roll_back().await;
                return Ok(Ended::CommittedBefore);
            }
            return Err(failed(Error::query("write the manifest")(error)));
        }
        let before = self.watch(chunk).await.map_err(failed)?;
        let n_bytes = self.put(&chunk.parts, true).await?;
        if let Some(before) = before {
            // What triggers do at the end of the transaction, they do now.
            self.session()
                .connection
                .batch_execute("SET CONSTRAINTS ALL IMMEDIATE")
                .await
                .map_err(Error::query("commit rows"))
                .map_err(|error| Failed { error, at: At::Commit })?;
            self.note_effects(chunk, &before).await.map_err(failed)?;
        }
        self.session()
            .connection
            .batch_execute("COMMIT")
            .await
            .map_err(Error::query("commit rows"))
            .map_err(|error| Failed { error, at: At::Commit })?;
        Ok(Ended::Committed { n_bytes })
    }

    /// Counts what the session has done, where triggers of a chunk's tables may do something beside.
    async fn watch(&self, chunk: &Chunk) -> Result<Option<Vec<Counts>>> {
        if !chunk.parts.iter().any(|(table, _)| self.shared.watched.contains(table)) {
            return Ok(None);
        }
        effects::counts(&self.session().connection).await.map(Some)
    }

    /// Writes down what triggers have done beside a chunk.
    async fn note_effects(&self, chunk: &Chunk, before: &[Counts]) -> Result<()> {
        let own = |(table, rows): &(TableId, Range<u64>)| {
            let table = &self.shared.plan.tables[usize::from(*table)];
            (table.schema.as_str(), table.name.as_str(), rows.end - rows.start)
        };
        let own: Vec<_> = chunk.parts.iter().map(own).collect();
        self.shared.recorder.record(&self.session().connection, before, &own).await
    }

    fn session(&self) -> &Session {
        self.session.as_ref().expect("it was connected before")
    }

    pub(super) async fn execute(&self, sql: &str) -> Result<()> {
        self.session().connection.batch_execute(sql).await.map_err(Error::query("look for refused rows"))
    }

    /// Claims the next chunk and asks for its rows.
    fn look_ahead(&mut self) {
        if self.next.is_none() {
            self.next = self.shared.queue.try_claim();
        }
        if !self.is_asked
            && let Some(next) = self.next.take()
        {
            self.is_asked = !self.shared.queue.lacks_keys(&next);
            if self.is_asked {
                self.ask(&next);
            }
            self.next = Some(next);
        }
    }
}

/// Whether a session has gone with its server, or the next one has found another server that does not take its place yet.
pub(super) fn is_gone(failure: Failure) -> bool {
    matches!(failure, Failure::SessionLost | Failure::ReadOnly)
}

/// Connects a session that may wait for long, except for locks, and whose commits are on the disk unless it says otherwise.
pub(crate) async fn connect(target: &Target, interrupt: &Interrupt) -> Result<Connection> {
    let connection = target.connect(Access::ReadWrite, interrupt).await?;
    connection.require_primary()?;
    ddl::unbind_but_locks(&connection, target).await?;
    connection.query(sql::SEED_DURABLE, &[]).await.map_err(Error::query("set synchronous_commit"))?;
    Ok(connection)
}

/// Keeps triggers and foreign keys from acting on what this session does, except triggers that are enabled for replicas.
pub(crate) async fn silence_triggers(connection: &Connection) -> Result<()> {
    match connection.query(sql::SET_CONFIG, &[&"session_replication_role", &"replica"]).await {
        Ok(_) => Ok(()),
        Err(source) if source.code() == Some(&SqlState::INSUFFICIENT_PRIVILEGE) => {
            Err(Error::MayNotSilence { source })
        }
        Err(source) => Err(Error::query("switch triggers off")(source)),
    }
}
