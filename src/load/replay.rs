//! Sends a captured workload again: a thread for each session that is open.
//!
//! Sessions are as many as they were when they were captured, and most of their time they wait, so threads that block are
//! enough. Who sends as much as the server takes has the event loop.

use std::collections::HashMap;
use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::error::{Error, Failure};
use super::pace::{Due, DueKind};
use super::pipeline::{Ended, Pipeline};
use super::recorder::Recorder;
use super::session::Run;
use super::startup::{self, CancelKey};
use super::{Measured, PROGRESS_INTERVAL, join, machine, spawn};
use crate::bench::replay::{Awaits, Recording, Session, Speed, Turn};
use crate::bench::{MachineUse, Resources, StatementStats};
use crate::pg::{Endpoint, Interrupt};
use crate::stream::Stream;
use crate::workload::parameter::Draw;

/// How much longer than the schedule a replay may take by a share of it, and by a time in any case, before what is sent then is late.
const LATE_SHARE: f64 = 0.05;
const LATE: Duration = Duration::from_secs(1);
/// Sessions begin after that, so that the first is not late.
const LEAD: Duration = Duration::from_millis(50);
/// What a session's thread needs is on the heap.
const STACK_BYTES: usize = 256 * 1024;
const READ_BYTES: usize = 16 * 1024;
/// Of a pipeline so much is sent before its answers are read. It fits into what the systems of both sides keep, so that a server
/// that waits for its answers to be read keeps nobody from reading them.
const MAX_UNREAD_BYTES: usize = 64 * 1024;
/// How often a session that waits for its answer looks whether the user has interrupted.
const LOOK: Duration = Duration::from_millis(100);
/// How long an answer is waited for after an interrupt: what runs was cancelled.
const STOP_TIME: Duration = Duration::from_millis(600);

/// A recording on its way to a server.
pub(crate) struct Replay {
    shared: Arc<Shared>,
}

/// What all threads see.
struct Shared {
    recording: Recording,
    speed: Speed,
    endpoint: Arc<Endpoint>,
    start: Instant,
    results: Mutex<Results>,
    /// Of the sessions that are open.
    keys: Mutex<HashMap<usize, CancelKey>>,
    state: Mutex<State>,
    /// The user has interrupted, or a session has ended.
    stopped: Condvar,
    ended: Condvar,
    is_stopped: AtomicBool,
}

#[derive(Default)]
struct State {
    n_ended: usize,
}

/// What was measured so far.
struct Results {
    recorder: Recorder,
    cpu: Duration,
    n_unsent: u64,
    /// What was sent long after the schedule's end.
    n_late: u64,
    n_down: usize,
    /// Why the first session that could not be opened could not.
    failure: Option<Failure>,
}

impl Replay {
    /// Makes a recording ready; its time begins now.
    pub(crate) fn new(recording: Recording, speed: Speed, endpoint: Arc<Endpoint>) -> Self {
        let start = Instant::now() + LEAD;
        let names = recording.statements.iter().map(|statement| statement.name.as_str());
        let recorder = Recorder::new(names, speed != Speed::Max, start);
        let results =
            Results { recorder, cpu: Duration::ZERO, n_unsent: 0, n_late: 0, n_down: 0, failure: None };
        let shared = Shared {
            recording,
            speed,
            endpoint,
            start,
            results: Mutex::new(results),
            keys: Mutex::default(),
            state: Mutex::default(),
            stopped: Condvar::new(),
            ended: Condvar::new(),
            is_stopped: AtomicBool::new(false),
        };
        Self { shared: Arc::new(shared) }
    }

    /// Sends it to its end, or until it is interrupted. What is returned beside says why sessions could not be opened.
    pub(crate) async fn run(
        self,
        interrupt: &Interrupt,
        progress: impl Fn(Duration),
    ) -> Result<(Measured, Option<Failure>), Error> {
        let shared = self.shared;
        let is_server_here = shared.endpoint.address.is_here();
        let before = machine::counters(is_server_here);
        let directing = {
            let shared = shared.clone();
            join(spawn("replay", move || direct(&shared))?)
        };
        futures_util::pin_mut!(directing);
        let mut ticks = tokio::time::interval(PROGRESS_INTERVAL);
        let mut stopped_at = None;
        loop {
            tokio::select! {
                directed = &mut directing => {
                    directed?;
                    break;
                }
                () = interrupt.raised(), if stopped_at.is_none() => {
                    stopped_at = Some(Instant::now());
                    shared.stop();
                    let shared = shared.clone();
                    // Nobody waits for it: the sessions end all the same.
                    drop(spawn("cancel", move || shared.cancel())?);
                }
                _ = ticks.tick() => progress(shared.start.elapsed()),
            }
        }
        let end = stopped_at.unwrap_or_else(Instant::now);
        let after = machine::counters(is_server_here);
        let machine = before.zip(after).and_then(|(before, after)| MachineUse::between(&before, &after));
        let (mut measured, failure) = shared.measured(end.saturating_duration_since(shared.start));
        measured.interrupted = stopped_at.is_some();
        measured.resources.machine = machine;
        Ok((measured, failure))
    }
}

impl Shared {
    /// When something of the recording is due; `None` if as soon as possible.
    fn due(&self, at: Duration) -> Option<Instant> {
        match self.speed {
            Speed::Factor(factor) => Some(self.start + at.div_f64(factor)),
            Speed::Max => None,
        }
    }

    /// Whether something with a moment in the schedule is sent long after all of it.
    fn is_late(&self, sent: Instant) -> bool {
        let duration = self.recording.duration;
        let is_past = |end: Instant| sent > end + LATE.max((end - self.start).mul_f64(LATE_SHARE));
        self.due(duration).is_some_and(is_past)
    }

    fn is_stopped(&self) -> bool {
        self.is_stopped.load(Ordering::Relaxed)
    }

    fn stop(&self) {
        // Under the lock, so that nobody misses it between a look and a wait.
        let state = lock(&self.state);
        self.is_stopped.store(true, Ordering::Relaxed);
        drop(state);
        self.stopped.notify_all();
        self.ended.notify_all();
    }

    /// Asks the server to cancel what runs.
    fn cancel(&self) {
        let keys: Vec<CancelKey> = lock(&self.keys).values().copied().collect();
        for key in keys {
            // What cannot be cancelled ends with its connection, or by its time-out.
            drop(startup::cancel(&self.endpoint, key));
        }
    }

    /// Waits until a moment; false if the user has interrupted.
    fn wait(&self, until: Instant) -> bool {
        let mut state = lock(&self.state);
        loop {
            let left = until.saturating_duration_since(Instant::now());
            if self.is_stopped() || left.is_zero() {
                return !self.is_stopped();
            }
            state = self.stopped.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// Waits until so many sessions have ended; false if the user has interrupted.
    fn wait_for_ended(&self, n: usize) -> bool {
        let mut state = lock(&self.state);
        while state.n_ended < n && !self.is_stopped() {
            state = self.ended.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        !self.is_stopped()
    }

    /// Returns what was measured; nobody measures any more.
    fn measured(&self, elapsed: Duration) -> (Measured, Option<Failure>) {
        let mut results = lock(&self.results);
        let empty = Recorder::new(std::iter::empty(), false, self.start);
        let recorder = std::mem::replace(&mut results.recorder, empty).finish();
        let measured = Measured {
            statements: recorder.statements,
            steps: Vec::<StatementStats>::new(),
            stops: Vec::new(),
            lag: recorder.lag,
            elapsed,
            interrupted: false,
            n_lost: recorder.n_lost,
            n_down: results.n_down,
            n_unsent: results.n_unsent,
            n_late: results.n_late,
            resources: Resources {
                cpu: results.cpu,
                peak_rss_bytes: machine::peak_rss_bytes(),
                ..Resources::default()
            },
            timeline: recorder.timeline,
        };
        (measured, results.failure.take())
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Begins each session at its time, and waits for the end of all.
fn direct(shared: &Shared) -> io::Result<()> {
    let n_ended_before = shared.recording.n_ended_before();
    std::thread::scope(|scope| {
        for (number, session) in shared.recording.sessions.iter().enumerate() {
            let goes_on = match shared.due(session.opens_at) {
                Some(due) => shared.wait(due),
                None => shared.wait_for_ended(n_ended_before[number]),
            };
            if !goes_on {
                break;
            }
            let builder = std::thread::Builder::new().name("session".to_owned()).stack_size(STACK_BYTES);
            let spawned = builder.spawn_scoped(scope, move || {
                play(shared, number, session);
                let mut results = lock(&shared.results);
                results.cpu += machine::thread_cpu().unwrap_or_default();
                drop(results);
                lock(&shared.state).n_ended += 1;
                shared.ended.notify_all();
            });
            if let Err(error) = spawned {
                shared.stop();
                return Err(error);
            }
        }
        Ok(())
    })
}

/// Sends one session.
fn play(shared: &Shared, number: usize, session: &Session) {
    let opened = startup::open(&shared.endpoint).and_then(|opened| {
        opened.stream.set_blocking()?;
        opened.stream.set_read_timeout(LOOK)?;
        Ok(opened)
    });
    let opened = match opened {
        Ok(opened) => opened,
        Err(failure) => {
            let mut results = lock(&shared.results);
            results.recorder.lost(None, None);
            results.n_down += 1;
            results.n_unsent += session.turns.len() as u64;
            results.failure.get_or_insert(failure);
            return;
        }
    };
    if let Some(key) = opened.key {
        lock(&shared.keys).insert(number, key);
    }
    let mut client = Client::new(opened.stream);
    let is_there = send_all(shared, &mut client, session);
    if is_there && let Some(closes) = session.closes_at.and_then(|at| shared.due(at)) {
        shared.wait(closes);
    }
    lock(&shared.keys).remove(&number);
    client.stream.say_goodbye();
    client.stream.close();
}

/// Sends the executions of a session; false if its connection was lost.
fn send_all(shared: &Shared, client: &mut Client, session: &Session) -> bool {
    let mut idle_since = Instant::now();
    let mut n_before = 0;
    while let [first, rest @ ..] = &session.turns[n_before..] {
        let due = shared.due(first.at);
        if !due.map_or(!shared.is_stopped(), |due| shared.wait(due)) {
            return true;
        }
        let n_piped = rest.iter().take_while(|turn| turn.awaits != Awaits::Answer).count();
        let turns = &session.turns[n_before..=n_before + n_piped];
        let sent = Instant::now();
        let (mut n_ended, mut answered) = (0, sent);
        let run = |n: usize, began: Instant| {
            let due = shared.due(turns[n].at);
            let kind = match due {
                Some(_) => DueKind::Open { stage: 0, n: (n_before + n) as u64 },
                None => DueKind::Closed,
            };
            // The server may come sooner to what is in a pipeline than it did.
            let due = Due { at: due.map_or(began, |due| due.min(began)), kind };
            let statement = shared.recording.texts[turns[n].text].statement;
            Run { statement, draw: Draw::default(), due, sent: began, n_tries: 1 }
        };
        let done = client.send(shared, turns, &mut |error| {
            let (now, run) = (Instant::now(), run(n_ended, answered));
            let mut results = lock(&shared.results);
            results.n_late += u64::from(shared.is_late(sent));
            // Nobody is late with what waits in a pipeline.
            results.recorder.sent(run.due, if n_ended == 0 { idle_since } else { now }, sent);
            // After an interrupt, what fails was cancelled.
            if error.is_none() || !shared.is_stopped() {
                results.recorder.ended(&run, error, now);
            }
            (n_ended, answered) = (n_ended + 1, now);
        });
        if done.is_err() {
            if !shared.is_stopped() {
                let mut results = lock(&shared.results);
                let unanswered = (n_ended < turns.len()).then(|| run(n_ended, answered));
                results.recorder.lost(unanswered.as_ref(), None);
                results.n_down += 1;
                let n_told = n_before + n_ended + usize::from(unanswered.is_some());
                results.n_unsent += (session.turns.len() - n_told) as u64;
            }
            return false;
        }
        idle_since = answered;
        n_before += turns.len();
    }
    true
}

/// One session's connection.
struct Client {
    stream: Stream,
    buffer: Vec<u8>,
    pipeline: Pipeline,
}

impl Client {
    fn new(stream: Stream) -> Self {
        Self { stream, buffer: vec![0; READ_BYTES], pipeline: Pipeline::default() }
    }

    /// Sends executions without waiting between them, and reads their answers. An error means that the connection is of no more
    /// use.
    fn send(&mut self, shared: &Shared, turns: &[Turn], ended: &mut Ended<'_>) -> io::Result<()> {
        self.pipeline.begin();
        for (n, turn) in turns.iter().enumerate() {
            let is_synced = turns.get(n + 1).is_none_or(|next| next.awaits != Awaits::NotEvenSync);
            self.pipeline.ask(turn, &shared.recording.texts[turn.text], is_synced, ended)?;
            if n + 1 == turns.len() || self.pipeline.out.len() >= MAX_UNREAD_BYTES {
                if shared.is_stopped() {
                    return Err(io::ErrorKind::Interrupted.into());
                }
                self.pipeline.flush();
                self.exchange(shared, ended)?;
            }
        }
        Ok(())
    }

    /// Sends what is written, and reads until all is answered.
    fn exchange(&mut self, shared: &Shared, ended: &mut Ended<'_>) -> io::Result<()> {
        let mut stopped_since = None;
        loop {
            if !self.pipeline.out.is_empty() {
                self.stream.write_all(&self.pipeline.out)?;
                self.pipeline.out.clear();
            }
            if self.pipeline.is_answered() {
                return Ok(());
            }
            match self.stream.read(&mut self.buffer) {
                Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(n) => self.pipeline.take(&self.buffer[..n], ended)?,
                Err(error) if is_time_out(&error) => {
                    if shared.is_stopped() {
                        let since = *stopped_since.get_or_insert_with(Instant::now);
                        if since.elapsed() > STOP_TIME {
                            return Err(error);
                        }
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }
}

fn is_time_out(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut)
}
