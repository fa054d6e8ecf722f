//! The load engine: sends a workload over many connections, paced by a schedule, and records latencies.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use crate::bench::{Picker, Schedule, StatementStats};
use crate::pg::{self, Interrupt, Pool, Session};
use crate::random;
use crate::sources;
use crate::workload::Statement;
use crate::workload::parameter::Generator;

/// What to send, how and until when.
pub(crate) struct Load {
    pub(crate) statements: Vec<Prepared>,
    pub(crate) picker: Picker,
    pub(crate) schedule: Schedule,
    pub(crate) connections: usize,
    pub(crate) seed: u64,
    /// How long before the start latencies are not recorded.
    pub(crate) warm_up: Duration,
}

/// A statement that is ready to be sent.
pub(crate) struct Prepared {
    pub(crate) name: String,
    pub(crate) sql: String,
    pub(crate) generators: Vec<Generator>,
}

/// What came of it.
pub(crate) struct Measured {
    pub(crate) statements: Vec<StatementStats>,
    /// How long latencies were recorded.
    pub(crate) elapsed: Duration,
    pub(crate) interrupted: bool,
    /// Connections that the server closed before the end.
    pub(crate) n_lost: usize,
    /// Due times of an open loop that no connection was free for before the end.
    pub(crate) n_unsent: u64,
}

impl Prepared {
    pub(crate) fn new(statement: &Statement, generators: Vec<Generator>) -> Self {
        Self { name: statement.name.clone(), sql: statement.sql.clone(), generators }
    }
}

/// Runs the load to its end, or until it is interrupted.
pub(crate) async fn run(
    load: Load,
    pool: &Pool,
    interrupt: &Interrupt,
    progress: impl Fn(Duration),
) -> pg::Result<Measured> {
    let mut clients = Vec::with_capacity(load.connections);
    for _ in 0..load.connections {
        // Connections are made before the clock starts.
        clients.push(pool.get(interrupt).await?);
    }
    let load = Arc::new(load);
    let start = Instant::now() + load.warm_up;
    let next_due = Arc::new(load.schedule.counters());
    let stop = interrupt.clone();
    let mut workers = tokio::task::JoinSet::new();
    for (number, client) in clients.into_iter().enumerate() {
        let worker =
            Worker { load: load.clone(), client, number: number as u64, start, due: next_due.clone() };
        let stop = stop.clone();
        workers.spawn(async move { worker.run(&stop).await });
    }
    let mut totals: Vec<StatementStats> =
        load.statements.iter().map(|statement| StatementStats::new(&statement.name)).collect();
    let mut n_lost = 0;
    let mut ticks = tokio::time::interval(Duration::from_millis(100));
    loop {
        tokio::select! {
            finished = workers.join_next() => match finished {
                Some(Ok((stats, is_lost))) => {
                    n_lost += usize::from(is_lost);
                    for (total, stats) in totals.iter_mut().zip(&stats) {
                        total.merge(stats);
                    }
                }
                Some(Err(error)) => std::panic::resume_unwind(error.into_panic()),
                None => break,
            },
            _ = ticks.tick() => progress(Instant::now().saturating_duration_since(start)),
        }
    }
    let elapsed = Instant::now().saturating_duration_since(start).min(load.schedule.duration());
    let n_unsent =
        load.schedule.n_due(elapsed).saturating_sub(next_due.iter().map(|n| n.load(Ordering::Relaxed)).sum());
    Ok(Measured { statements: totals, elapsed, interrupted: stop.is_raised(), n_lost, n_unsent })
}

/// One connection with what it measures; nothing is shared but the next due time.
struct Worker {
    load: Arc<Load>,
    client: Session,
    number: u64,
    start: Instant,
    /// For each stage, how many due times are taken.
    due: Arc<Vec<AtomicU64>>,
}

impl Worker {
    /// Returns what was measured, and whether the server closed the connection.
    async fn run(self, interrupt: &Interrupt) -> (Vec<StatementStats>, bool) {
        let load = &*self.load;
        let mut stats: Vec<StatementStats> =
            load.statements.iter().map(|statement| StatementStats::new(&statement.name)).collect();
        let stream = random::at(load.seed, self.number);
        for counter in 0.. {
            if interrupt.is_raised() {
                break;
            }
            let now = Instant::now();
            let due = match now.checked_duration_since(self.start) {
                // Before the start: warm up.
                None => now,
                Some(elapsed) => {
                    let next = tokio::select! {
                        next = self.next_due(elapsed) => next,
                        () = interrupt.raised() => None,
                    };
                    match next {
                        Some(due) => due,
                        None => break,
                    }
                }
            };
            let index = load.picker.pick(random::at(stream, counter));
            let statement = &load.statements[index];
            let values = sources::draw(&statement.generators, random::at(!stream, counter));
            let outcome = self.client.run(&statement.sql, &values).await;
            if due < self.start {
                continue;
            }
            match outcome {
                Ok((sent, done)) => {
                    stats[index].service.record(done - sent);
                    stats[index].response.record(done - due);
                }
                Err(_) if interrupt.is_raised() => break,
                Err(class) => {
                    *stats[index].errors.entry(class).or_default() += 1;
                    if self.client.is_closed() {
                        break;
                    }
                }
            }
        }
        let is_lost = self.client.is_closed();
        (stats, is_lost)
    }

    /// Waits for the next due time and returns it; `None` at the end of the run.
    async fn next_due(&self, elapsed: Duration) -> Option<Instant> {
        let mut elapsed = elapsed;
        loop {
            let (index, stage_start, stage) = self.load.schedule.stage_at(elapsed)?;
            if stage.rate.is_none() {
                return Some(Instant::now());
            }
            let n = self.due[index].fetch_add(1, Ordering::Relaxed);
            if let Some(due) = Schedule::due(stage, n) {
                let due = self.start + stage_start + due;
                tokio::time::sleep_until(due.into()).await;
                return Some(due);
            }
            // The stage has no due time left: wait for the next one.
            self.due[index].fetch_sub(1, Ordering::Relaxed);
            tokio::time::sleep_until((self.start + stage_start + stage.duration).into()).await;
            elapsed = self.start.elapsed();
        }
    }
}
