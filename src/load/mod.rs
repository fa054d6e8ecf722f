//! The load engine: sends a workload over many connections, paced by a schedule, and records latencies.
//!
//! It has a client of its own, because a driver's costs would be measured with the server's: `startup` opens sessions,
//! `request` writes statements, `frame` finds the answers in the bytes that come back, `session` says what follows from them,
//! `event_loop` does that for many sockets on one thread (`client`), `pace` and `timer` say when, `recorder` keeps what was measured,
//! `machine` looks at the generator itself, and `reconnect` replaces what was lost. Of scripts, `playbook` writes the statements,
//! and `play` says what follows. `replay` sends a captured workload again. `frame`, `session`, `play` and `pace` know neither sockets nor clocks.

mod channel_binding;
mod client;
mod error;
mod event_loop;
mod frame;
mod machine;
mod pace;
mod pipeline;
mod play;
mod playbook;
mod reconnect;
mod recorder;
mod replay;
mod request;
mod row_kept;
mod session;
mod startup;
mod timer;

use std::cell::Cell;
use std::io;
use std::panic::AssertUnwindSafe;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::time::{Duration, Instant, SystemTime};

use mio::{Poll, Waker};
use tokio::sync::oneshot;

pub(crate) use error::{Error, Failure};
pub(crate) use machine::processor_model;
pub(crate) use playbook::{Playbook, Unsuited};
pub(crate) use recorder::record_executions;
pub(crate) use replay::Replay;
pub(crate) use request::{Protocol, Request};

use self::event_loop::{Part, Start};
use self::pace::Pace;
use self::reconnect::Way;
use self::session::Session;
use self::startup::Opened;
use crate::bench::script::Stop;
use crate::bench::{Latency, MachineUse, Picker, Resources, Schedule, StatementStats, Timeline};
use crate::pg::{Endpoint, Interrupt};

/// How often the progress is shown.
const PROGRESS_INTERVAL: Duration = Duration::from_millis(100);

/// With a connection for each execution, so many are opened at once by the threads beside an event loop, and by all of them.
const OPENERS_A_THREAD: usize = 8;
const MAX_OPENERS: usize = 64;

/// What to send, how and until when.
pub(crate) struct Load {
    pub(crate) requests: Vec<Request>,
    /// What is picked instead of requests, if there are scripts.
    pub(crate) playbook: Option<Arc<Playbook>>,
    pub(crate) picker: Picker,
    pub(crate) schedule: Schedule,
    pub(crate) connections: usize,
    pub(crate) threads: usize,
    pub(crate) seed: u64,
    /// How long before the start latencies are not recorded.
    pub(crate) warm_up: Duration,
    /// Whether each execution has a connection of its own.
    pub(crate) connects_each: bool,
    /// How long a client waits after an answer; of no use with a rate.
    pub(crate) think: Duration,
    /// How often an execution is tried that others keep in the way.
    pub(crate) max_tries: u32,
}

/// What came of it.
#[derive(Clone)]
pub(crate) struct Measured {
    pub(crate) statements: Vec<StatementStats>,
    /// The statements within scripts.
    pub(crate) steps: Vec<StatementStats>,
    /// Steps of scripts that could not be done: the first of each.
    pub(crate) stops: Vec<(usize, Stop)>,
    /// How late statements were sent although a connection was free.
    pub(crate) lag: Latency,
    /// How long latencies were recorded.
    pub(crate) elapsed: Duration,
    pub(crate) interrupted: bool,
    /// How often a connection was lost before the end.
    pub(crate) n_lost: u64,
    /// Connections that were not there at the end.
    pub(crate) n_down: usize,
    /// Due times of an open loop that no connection was free for before the end.
    pub(crate) n_unsent: u64,
    /// What was sent, but long after the end of the schedule.
    pub(crate) n_late: u64,
    /// What the generator and its machine did meanwhile.
    pub(crate) resources: Resources,
    pub(crate) timeline: Timeline,
}

/// What all threads see.
struct Shared {
    endpoint: Arc<Endpoint>,
    requests: Vec<Request>,
    playbook: Option<Arc<Playbook>>,
    connects_each: bool,
    think: Duration,
    max_tries: u32,
    n_clients: u64,
    picker: Picker,
    seed: u64,
    is_open_loop: bool,
    start: Instant,
    /// The moment of `start`, in microseconds since the Unix epoch.
    start_us: i64,
    stop: AtomicBool,
    over: AtomicBool,
}

impl Shared {
    /// The names of what the picker picks.
    fn names(&self) -> impl Iterator<Item = &str> {
        let requests = self.requests.iter().map(|request| request.name.as_str());
        requests.chain(self.playbook.iter().flat_map(|playbook| playbook.names()))
    }

    /// The names of the statements within scripts.
    fn step_names(&self) -> impl Iterator<Item = &str> {
        self.playbook.iter().flat_map(|playbook| playbook.statement_names())
    }

    /// A session that has not said anything.
    fn session(&self) -> Session {
        Session::new(self.requests.len(), self.max_tries)
    }

    /// Whether the user has interrupted.
    fn is_stopped(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }

    /// Whether no event loop runs any more, or none will for long.
    fn is_over(&self) -> bool {
        self.over.load(Ordering::Relaxed) || self.is_stopped()
    }

    /// A moment in microseconds since the Unix epoch.
    fn now_us(&self, now: Instant) -> i64 {
        let us = |duration: Duration| i64::try_from(duration.as_micros()).unwrap_or(i64::MAX);
        match now.checked_duration_since(self.start) {
            Some(after) => self.start_us.saturating_add(us(after)),
            None => self.start_us.saturating_sub(us(self.start - now)),
        }
    }
}

/// A load that can begin at once: its connections are made before the clock starts.
pub(crate) struct Ready {
    load: Load,
    endpoint: Arc<Endpoint>,
    /// Of each thread.
    opened: Vec<Vec<(u64, Opened)>>,
}

impl Ready {
    pub(crate) fn schedule(&self) -> &Schedule {
        &self.load.schedule
    }
}

/// Files that are open beside connections.
const OTHER_FILES: usize = 256;

/// Opens the connections of a load.
pub(crate) async fn open(load: Load, endpoint: Arc<Endpoint>, interrupt: &Interrupt) -> Result<Ready, Error> {
    machine::allow_files((load.connections + OTHER_FILES) as u64);
    let n_threads = load.threads.clamp(1, load.connections);
    let opened = tokio::select! {
        opened = open_all(&endpoint, load.connections, n_threads) => opened?,
        () = interrupt.raised() => return Err(Error::Interrupted),
    };
    Ok(Ready { load, endpoint, opened })
}

/// Runs a load to its end, or until it is interrupted.
pub(crate) async fn run(
    Ready { load, endpoint, opened }: Ready,
    interrupt: &Interrupt,
    progress: impl Fn(Duration),
) -> Result<Measured, Error> {
    let schedule = Arc::new(load.schedule);
    let shared = Arc::new(Shared {
        endpoint,
        requests: load.requests,
        playbook: load.playbook,
        connects_each: load.connects_each,
        think: load.think,
        max_tries: load.max_tries,
        n_clients: load.connections as u64,
        picker: load.picker,
        seed: load.seed,
        is_open_loop: schedule.is_open_loop(),
        start: Instant::now() + load.warm_up,
        start_us: unix_us(SystemTime::now() + load.warm_up),
        stop: AtomicBool::new(false),
        over: AtomicBool::new(false),
    });
    let is_server_here = shared.endpoint.address.is_here();
    let before = Cell::new(None);
    let look = |elapsed: Duration| {
        if !elapsed.is_zero() && before.get().is_none() {
            before.set(machine::counters(is_server_here));
        }
        progress(elapsed);
    };
    let threads = Threads::start(&shared, &schedule, opened)?;
    let (parts, end) = threads.wait(&shared, interrupt, look).await;
    let after = machine::counters(is_server_here);
    shared.over.store(true, Ordering::Relaxed);
    let elapsed = end.saturating_duration_since(shared.start).min(schedule.duration());
    let mut measured = merge(&parts?, &shared, &schedule, elapsed);
    measured.resources.machine =
        before.get().zip(after).and_then(|(before, after)| MachineUse::between(&before, &after));
    measured.resources.peak_rss_bytes = machine::peak_rss_bytes();
    Ok(measured)
}

/// Opens all sessions, each thread its share; sessions come with their numbers.
async fn open_all(
    endpoint: &Arc<Endpoint>,
    connections: usize,
    n_threads: usize,
) -> Result<Vec<Vec<(u64, Opened)>>, Error> {
    let open_share = |thread| {
        let endpoint = endpoint.clone();
        spawn("connect", move || {
            (thread..connections)
                .step_by(n_threads)
                .map(|number| Ok((number as u64, startup::open(&endpoint)?)))
                .collect::<Result<Vec<_>, Failure>>()
        })
    };
    let threads: Vec<_> = (0..n_threads).map(open_share).collect::<Result<_, _>>()?;
    let mut opened = Vec::with_capacity(n_threads);
    for thread in threads {
        let target = || endpoint.label.clone();
        opened.push(join(thread).await.map_err(|failure| Error::Connect { target: target(), failure })?);
    }
    Ok(opened)
}

/// The event loops that run.
struct Threads {
    parts: Vec<Running<io::Result<Part>>>,
    wakers: Vec<Arc<Waker>>,
}

impl Threads {
    fn start(
        shared: &Arc<Shared>,
        schedule: &Arc<Schedule>,
        opened: Vec<Vec<(u64, Opened)>>,
    ) -> io::Result<Self> {
        let taken = pace::none_taken(schedule);
        let (lost, all_lost) = mpsc::channel();
        let (mut starts, mut ways, mut wakers) = (Vec::new(), Vec::new(), Vec::new());
        for (thread, opened) in opened.into_iter().enumerate() {
            let poll = Poll::new()?;
            let waker = Arc::new(Waker::new(poll.registry(), event_loop::WAKE)?);
            let (sender, found) = mpsc::channel();
            ways.push(Way { sender, waker: waker.clone() });
            wakers.push(waker);
            let pace = Pace::new(schedule.clone(), taken.clone(), shared.start);
            starts.push(Start { thread, poll, opened, pace, lost: lost.clone(), found });
        }
        let n_openers =
            if shared.connects_each { MAX_OPENERS.min(wakers.len() * OPENERS_A_THREAD) } else { 1 };
        let (all_lost, ways) = (Arc::new(Mutex::new(all_lost)), Arc::new(ways));
        for _ in 0..n_openers {
            let (reconnecting, all_lost, ways) = (shared.clone(), all_lost.clone(), ways.clone());
            drop(spawn("reconnect", move || reconnect::run(&reconnecting, &all_lost, &ways))?);
        }
        let run = |start| {
            let shared = shared.clone();
            spawn("load", move || event_loop::run(shared, start))
        };
        Ok(Self { parts: starts.into_iter().map(run).collect::<io::Result<_>>()?, wakers })
    }

    /// Waits for the end of all threads, which an interrupt brings about; returns when that began.
    async fn wait(
        self,
        shared: &Shared,
        interrupt: &Interrupt,
        progress: impl Fn(Duration),
    ) -> (io::Result<Vec<Part>>, Instant) {
        let Self { parts, wakers } = self;
        let joined = async {
            let mut joined = Vec::with_capacity(parts.len());
            for part in parts {
                joined.push(join(part).await?);
            }
            Ok(joined)
        };
        futures_util::pin_mut!(joined);
        let mut ticks = tokio::time::interval(PROGRESS_INTERVAL);
        let mut stopped_at = None;
        loop {
            tokio::select! {
                parts = &mut joined => return (parts, stopped_at.unwrap_or_else(Instant::now)),
                () = interrupt.raised(), if stopped_at.is_none() => {
                    stopped_at = Some(Instant::now());
                    shared.stop.store(true, Ordering::Relaxed);
                    for waker in &wakers {
                        if let Err(error) = waker.wake() {
                            return (Err(error), Instant::now());
                        }
                    }
                }
                _ = ticks.tick() => progress(Instant::now().saturating_duration_since(shared.start)),
            }
        }
    }
}

fn merge(parts: &[Part], shared: &Shared, schedule: &Schedule, elapsed: Duration) -> Measured {
    let mut measured = Measured {
        statements: shared.names().map(StatementStats::new).collect(),
        steps: shared.step_names().map(StatementStats::new).collect(),
        stops: Vec::new(),
        lag: Latency::new(),
        elapsed,
        interrupted: shared.is_stopped(),
        n_lost: 0,
        n_down: 0,
        n_unsent: 0,
        n_late: 0,
        resources: Resources::default(),
        timeline: Timeline::default(),
    };
    let mut n_sent = 0;
    for Part { recorder, steps, stops, n_down } in parts {
        for (total, stats) in measured.steps.iter_mut().zip(steps) {
            total.merge(stats);
        }
        for (script, stop) in stops.iter().enumerate() {
            let is_known = measured.stops.iter().any(|(known, _)| *known == script);
            measured.stops.extend(stop.filter(|_| !is_known).map(|stop| (script, stop)));
        }
        for (total, stats) in measured.statements.iter_mut().zip(&recorder.statements) {
            total.merge(stats);
        }
        measured.lag.merge(&recorder.lag);
        measured.timeline.merge(&recorder.timeline);
        if let Some(usage) = recorder.usage.filter(|usage| !usage.elapsed.is_zero()) {
            measured.resources.threads.push(usage.cpu.as_secs_f64() / usage.elapsed.as_secs_f64());
            measured.resources.cpu += usage.cpu;
        }
        measured.n_lost += recorder.n_lost;
        measured.n_down += n_down;
        n_sent += recorder.n_sent;
    }
    for stats in &mut measured.steps {
        stats.response = stats.service.clone();
    }
    measured.n_unsent = schedule.n_due(elapsed).saturating_sub(n_sent);
    measured
}

/// What a thread returns, once it has ended; an error is its panic.
type Running<T> = oneshot::Receiver<std::thread::Result<T>>;

/// Starts a thread of its own. Unlike those of the runtime, it does not hold up the end of the program.
fn spawn<T: Send + 'static>(name: &str, body: impl FnOnce() -> T + Send + 'static) -> io::Result<Running<T>> {
    let (sender, receiver) = oneshot::channel();
    let body = move || {
        let result = std::panic::catch_unwind(AssertUnwindSafe(body));
        // Nobody waits for it any more after an interrupt.
        drop(sender.send(result));
    };
    std::thread::Builder::new().name(name.to_owned()).spawn(body)?;
    Ok(receiver)
}

async fn join<T>(thread: Running<T>) -> T {
    match thread.await.expect("a thread sends its result") {
        Ok(result) => result,
        Err(panic) => std::panic::resume_unwind(panic),
    }
}

fn unix_us(moment: SystemTime) -> i64 {
    let since_epoch = moment.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since_epoch.as_micros()).unwrap_or(i64::MAX)
}
