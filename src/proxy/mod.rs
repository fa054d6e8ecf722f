//! The capture proxy: stands between clients and a server, forwards their bytes exactly, and writes down beside that what
//! they say.
//!
//! `startup` opens sessions, an `event_loop` for two processors forwards, `frames` finds messages, `conversation` matches
//! answers with requests, and `writer` makes a trace of it on a thread of its own. `first`, `frames` and `conversation`
//! know no socket and no clock.

mod conversation;
mod event_loop;
mod first;
mod frames;
mod hashes;
mod record;
mod request;
mod startup;
#[cfg(test)]
mod tests;
mod writer;

use std::fs::File;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::os::fd::AsRawFd as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant, SystemTime};

use mio::unix::SourceFd;
use mio::{Events, Interest, Poll, Token, Waker};
use rustls::ServerConfig;

use event_loop::{EventLoop, Opened};
use writer::Ring;

use crate::pg::Endpoint;
use crate::trace::{Dropped, Redaction, Statements, Time, WriteError, Writer};

/// Connections whose session is not open yet; more are refused, as each has a thread.
const MAX_OPENING: usize = 256;
/// How long the listener waits when the system has no more files to give.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
/// More loops than this serve no server of a test or of one application better.
const MAX_LOOPS: usize = 4;
const LISTENER: Token = Token(0);
const STOP: Token = Token(1);

/// What a proxy needs.
pub(crate) struct Options {
    pub(crate) listener: TcpListener,
    pub(crate) endpoint: Endpoint,
    /// With it clients may ask for TLS.
    pub(crate) tls: Option<Arc<ServerConfig>>,
    /// Where what is seen goes; `None` only forwards.
    pub(crate) capture: Option<Capture>,
    pub(crate) clock: Clock,
}

/// A trace that is begun.
pub(crate) struct Capture {
    pub(crate) writer: Writer<File>,
    pub(crate) statements: Statements,
    /// How values are hashed, so that it can be told where those of a loop come from; `None` does not look at results.
    pub(crate) hashes: Option<Redaction>,
}

/// Something that went wrong with one connection, for the user.
#[derive(Debug)]
pub(crate) struct Problem {
    pub(crate) message: String,
    pub(crate) cause: String,
}

/// The time of the trace: that of the system when it began, and steady from then on.
#[derive(Clone, Copy)]
pub(crate) struct Clock {
    began: Instant,
    began_at: u64,
}

impl Clock {
    pub(crate) fn start() -> Self {
        let began_at = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        Self { began: Instant::now(), began_at: u64::try_from(began_at.as_nanos()).unwrap_or(u64::MAX) }
    }

    /// Nanoseconds since 1970.
    #[inline]
    pub(crate) fn now(self) -> u64 {
        self.began_at.saturating_add(u64::try_from(self.began.elapsed().as_nanos()).unwrap_or(u64::MAX))
    }

    pub(crate) fn began_at(self) -> Time {
        Time(self.began_at)
    }
}

/// What has happened so far.
#[derive(Default)]
pub(crate) struct Counts {
    pub(crate) sessions: AtomicU64,
    pub(crate) open_sessions: AtomicU64,
    /// Executions that are in the trace.
    pub(crate) executions: AtomicU64,
    dropped_executions: AtomicU64,
    dropped_sessions: AtomicU64,
    /// Not 0 after the trace could not be written.
    has_failed: AtomicU64,
}

impl Counts {
    /// What is missing in the trace.
    pub(crate) fn dropped(&self) -> Dropped {
        Dropped {
            n_executions: self.dropped_executions.load(Ordering::Relaxed),
            n_sessions: self.dropped_sessions.load(Ordering::Relaxed),
            n_entries: 0,
        }
    }

    /// Whether the trace could not be written.
    pub(crate) fn has_failed(&self) -> bool {
        self.has_failed.load(Ordering::Relaxed) != 0
    }
}

/// What all threads of a proxy share.
struct Shared {
    endpoint: Endpoint,
    tls: Option<Arc<ServerConfig>>,
    captures: bool,
    /// Whether the beginnings of results are looked at.
    keeps_rows: bool,
    counts: Arc<Counts>,
    is_stopped: AtomicBool,
    n_opening: AtomicUsize,
}

impl Shared {
    fn is_stopped(&self) -> bool {
        self.is_stopped.load(Ordering::Relaxed)
    }
}

/// A proxy that runs.
pub(crate) struct Proxy {
    pub(crate) address: SocketAddr,
    pub(crate) counts: Arc<Counts>,
    shared: Arc<Shared>,
    stop: Waker,
    wakers: Vec<Arc<Waker>>,
    listener: JoinHandle<io::Result<()>>,
    loops: Vec<JoinHandle<io::Result<()>>>,
    writer: Option<JoinHandle<Result<(), WriteError>>>,
    problems: Receiver<Problem>,
}

/// Why a proxy did not end well.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error("the proxy failed")]
    Io(#[from] io::Error),
    #[error(transparent)]
    Trace(#[from] WriteError),
    #[error("a thread of the proxy panicked")]
    Panic,
}

/// Returns how many loops forward on a machine with so many processors: one for two of them. A loop forwards some 100,000 queries a
/// second, more than a client and a server make of the processors that are left; another would only take turns with it.
fn n_loops(n_processors: usize) -> usize {
    (n_processors / 2).clamp(1, MAX_LOOPS)
}

/// Starts a proxy.
pub(crate) fn start(options: Options) -> io::Result<Proxy> {
    let Options { listener, endpoint, tls, capture, clock } = options;
    let address = listener.local_addr()?;
    let counts = Arc::new(Counts::default());
    let shared = Arc::new(Shared {
        endpoint,
        tls,
        captures: capture.is_some(),
        keeps_rows: capture.as_ref().is_some_and(|capture| capture.hashes.is_some()),
        counts: counts.clone(),
        is_stopped: AtomicBool::new(false),
        n_opening: AtomicUsize::new(0),
    });
    let (ring, writer) = match capture {
        None => (None, None),
        Some(Capture { writer, statements, hashes }) => {
            let (ring, batches) = Ring::new(counts.clone());
            let counts = counts.clone();
            let thread = thread::Builder::new()
                .name("trace".to_owned())
                .spawn(move || writer::run(&batches, writer, (statements, hashes), &counts, clock))?;
            (Some(ring), Some(thread))
        }
    };
    let (mut loops, mut wakers, mut lanes) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..n_loops(thread::available_parallelism()?.get()) {
        let poll = Poll::new()?;
        let waker = Arc::new(Waker::new(poll.registry(), event_loop::WAKE)?);
        let (sender, opened) = channel();
        let event_loop = EventLoop::new(shared.clone(), clock, poll, opened, ring.clone());
        loops.push(thread::Builder::new().name("proxy".to_owned()).spawn(move || event_loop.run())?);
        lanes.push(Lane { opened: sender, waker: waker.clone() });
        wakers.push(waker);
    }
    let poll = Poll::new()?;
    let stop = Waker::new(poll.registry(), STOP)?;
    let (problem, problems) = channel();
    let reception = Reception { shared: shared.clone(), clock, lanes: lanes.into(), problem };
    let listener =
        thread::Builder::new().name("listener".to_owned()).spawn(move || reception.run(&listener, poll))?;
    Ok(Proxy { address, counts, shared, stop, wakers, listener, loops, writer, problems })
}

impl Proxy {
    /// Returns the next problem that nobody has heard of.
    pub(crate) fn problem(&self) -> Option<Problem> {
        self.problems.try_recv().ok()
    }

    /// Whether no session is open or on its way.
    pub(crate) fn is_idle(&self) -> bool {
        self.shared.n_opening.load(Ordering::Relaxed) == 0
            && self.counts.open_sessions.load(Ordering::Relaxed) == 0
    }

    /// Ends all sessions, and writes what is left of the trace.
    pub(crate) fn stop(self) -> Result<(), Error> {
        self.shared.is_stopped.store(true, Ordering::Relaxed);
        self.stop.wake()?;
        for waker in &self.wakers {
            waker.wake()?;
        }
        let mut ended = self.listener.join().map_err(|_| Error::Panic)?;
        for event_loop in self.loops {
            ended = ended.and(event_loop.join().map_err(|_| Error::Panic)?);
        }
        // The loops have dropped their ends of the ring.
        if let Some(writer) = self.writer {
            writer.join().map_err(|_| Error::Panic)??;
        }
        Ok(ended?)
    }
}

/// Follows a session whose bytes are those of `input`, by turns of the client and the server: each turn is a byte that
/// says whose it is and how long.
#[cfg(any(fuzzing, test))]
pub(crate) fn converse(mut input: &[u8]) {
    let mut conversation = conversation::Conversation::new(1, Arc::default(), true);
    let mut records = Vec::new();
    for now in 0.. {
        let Some((turn, rest)) = input.split_first() else { break };
        let (bytes, rest) = rest.split_at(rest.len().min(usize::from(turn >> 1)));
        input = rest;
        let followed = if turn & 1 == 0 {
            conversation.sent(bytes, now)
        } else {
            conversation.answered(bytes, now, &mut records)
        };
        if followed.is_err() {
            break;
        }
    }
    conversation.end(u64::MAX, &mut records);
}

/// The way to an event loop.
struct Lane {
    opened: Sender<Opened>,
    waker: Arc<Waker>,
}

/// Takes connections.
struct Reception {
    shared: Arc<Shared>,
    clock: Clock,
    lanes: Arc<[Lane]>,
    problem: Sender<Problem>,
}

impl Reception {
    fn run(self, listener: &TcpListener, mut poll: Poll) -> io::Result<()> {
        listener.set_nonblocking(true)?;
        let raw_fd = listener.as_raw_fd();
        poll.registry().register(&mut SourceFd(&raw_fd), LISTENER, Interest::READABLE)?;
        let mut events = Events::with_capacity(4);
        let mut n_accepted = 0;
        let mut pause = None;
        while !self.shared.is_stopped() {
            match poll.poll(&mut events, pause.take()) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                result => result?,
            }
            loop {
                match listener.accept() {
                    Ok((socket, _)) => {
                        n_accepted += 1;
                        self.open(socket, n_accepted)?;
                    }
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                    // Who has gone already is no matter; when the system has no more files, some will be closed.
                    Err(_) => {
                        pause = Some(ACCEPT_PAUSE);
                        break;
                    }
                }
            }
        }
        Ok(())
    }

    /// Opens a session on a thread of its own.
    fn open(&self, mut socket: std::net::TcpStream, number: usize) -> io::Result<()> {
        if self.shared.n_opening.fetch_add(1, Ordering::Relaxed) >= MAX_OPENING {
            self.shared.n_opening.fetch_sub(1, Ordering::Relaxed);
            let refusal =
                first::fatal("53300", "too many clients connect to perfkit's proxy at once", "Try again.");
            // Who does not hear it sees the connection closed.
            drop(io::Write::write(&mut socket, &refusal));
            return Ok(());
        }
        socket.set_nonblocking(false)?;
        let (shared, lanes, problem, clock) =
            (self.shared.clone(), self.lanes.clone(), self.problem.clone(), self.clock);
        thread::Builder::new().name("startup".to_owned()).spawn(move || {
            let opened = startup::open(&shared, clock, socket);
            shared.n_opening.fetch_sub(1, Ordering::Relaxed);
            match opened {
                Ok(None) => {}
                Ok(Some(opened)) => {
                    let lane = &lanes[number % lanes.len()];
                    // A loop that has ended takes no more sessions.
                    if lane.opened.send(opened).is_ok() {
                        drop(lane.waker.wake());
                    }
                }
                Err(failure) => {
                    if let Some(told) = failure.problem() {
                        // Without anybody to tell, the proxy has ended.
                        drop(problem.send(told));
                    }
                }
            }
        })?;
        Ok(())
    }
}
