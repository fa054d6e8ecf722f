//! One thread's loop: waits for answers and due times, sends statements, records latencies.
//!
//! Sockets are only watched for input. A server that takes a statement off a unix socket would else wake the client for the
//! room that makes, which doubles its context switches; output is watched while a socket is full. Nothing is allocated in
//! the loop but for values that are text and for histograms that meet a longer latency than before, and nothing is shared but the counters of due times.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};
use std::io;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender};
use std::time::{Duration, Instant};

use mio::event::Event;
use mio::unix::SourceFd;
use mio::{Events, Interest, Poll, Token};

use super::Shared;
use super::client::{Client, Connection, Dialog};
use super::pace::{self, Due, DueKind, Pace, Turn};
use super::play::{Answer, Step};
use super::reconnect::Lost;
use super::recorder::Recorder;
use super::session::{Outcome, Run};
use super::startup::{self, Opened};
use super::timer::Timer;
use crate::bench::StatementStats;
use crate::bench::script::Stop;

/// Tokens above those of clients.
pub(super) const WAKE: Token = Token(usize::MAX);
const TIMER: Token = Token(usize::MAX - 1);
/// How much is read at once.
const READ_BYTES: usize = 64 * 1024;
/// Answers that are handled between two looks at the schedule.
const EVENTS: usize = 256;
/// After an interrupt: how long requests to cancel may take, and how long cancelled statements may.
const CANCEL_TIME: Duration = Duration::from_millis(300);
const STOP_TIME: Duration = Duration::from_millis(600);

/// What a thread runs.
pub(super) struct EventLoop {
    shared: Arc<Shared>,
    thread: usize,
    poll: Poll,
    timer: Timer,
    clients: Vec<Client>,
    /// Those that wait for their turn, longest first.
    idle: VecDeque<usize>,
    n_running: usize,
    /// Those that go on at a moment.
    resting: BinaryHeap<Reverse<Rest>>,
    pace: Pace,
    recorder: Recorder,
    /// Of each statement of scripts.
    steps: Vec<StatementStats>,
    /// Of each script, the first step that could not be done.
    stops: Vec<Option<Stop>>,
    /// Sessions to be opened anew go out, and come back.
    lost: Sender<Lost>,
    found: Receiver<(usize, Opened)>,
    buffer: Vec<u8>,
    /// Whether the user has interrupted.
    is_stopping: bool,
    /// When to stop waiting for answers.
    deadline: Instant,
}

/// A client that goes on at a moment: with its script, or as an idle one.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Rest {
    until: Instant,
    client: usize,
    is_in_script: bool,
}

/// What a thread is given.
pub(super) struct Start {
    pub(super) thread: usize,
    pub(super) poll: Poll,
    /// Sessions with their numbers.
    pub(super) opened: Vec<(u64, Opened)>,
    pub(super) pace: Pace,
    pub(super) lost: Sender<Lost>,
    pub(super) found: Receiver<(usize, Opened)>,
}

/// What it returns.
pub(super) struct Part {
    pub(super) recorder: Recorder,
    pub(super) steps: Vec<StatementStats>,
    pub(super) stops: Vec<Option<Stop>>,
    /// Connections that are lost at the end.
    pub(super) n_down: usize,
}

/// What the loop does after everything due is sent.
enum Wait {
    /// It waits for events, for this long if there is a limit.
    Events(Option<Duration>),
    Over,
}

/// Runs the loop to the end of the schedule.
pub(super) fn run(shared: Arc<Shared>, start: Start) -> io::Result<Part> {
    let mut event_loop = EventLoop::new(shared, start)?;
    let mut events = Events::with_capacity(EVENTS);
    while let Wait::Events(timeout) = event_loop.turn()? {
        match event_loop.poll.poll(&mut events, timeout) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            result => result?,
        }
        for event in &events {
            event_loop.handle(event)?;
        }
    }
    Ok(event_loop.finish())
}

impl EventLoop {
    fn new(shared: Arc<Shared>, start: Start) -> io::Result<Self> {
        let Start { thread, poll, opened, pace, lost, found } = start;
        let timer = Timer::new(poll.registry(), TIMER)?;
        let recorder = Recorder::new(shared.names(), shared.is_open_loop, shared.start);
        let deadline = pace.end() + pace::grace(shared.endpoint.statement_timeout);
        let mut this = Self {
            clients: Vec::with_capacity(opened.len()),
            idle: VecDeque::with_capacity(opened.len()),
            n_running: 0,
            resting: BinaryHeap::with_capacity(opened.len()),
            steps: shared.step_names().map(StatementStats::new).collect(),
            stops: vec![None; shared.names().count()],
            buffer: vec![0; READ_BYTES],
            is_stopping: false,
            shared,
            thread,
            poll,
            timer,
            pace,
            recorder,
            lost,
            found,
            deadline,
        };
        let now = Instant::now();
        for (client, (number, opened)) in opened.into_iter().enumerate() {
            this.clients.push(Client::new(number, &this.shared, now));
            this.connect(client, opened)?;
        }
        Ok(this)
    }

    /// Sends what is due.
    fn turn(&mut self) -> io::Result<Wait> {
        let mut now = Instant::now();
        if self.shared.is_stopped() && !self.is_stopping {
            self.stop(now);
        }
        if self.is_stopping {
            if self.n_running == 0 || now >= self.deadline {
                return Ok(Wait::Over);
            }
            return self.timer.wake_at(self.deadline, now).map(Wait::Events);
        }
        self.wake_resting(now)?;
        let mut wake = self.deadline;
        while let Some(client) = self.idle.front().copied() {
            match self.pace.turn(now) {
                Turn::Send(due) => {
                    self.idle.pop_front();
                    self.send(client, due, now)?;
                    // The next is not sent at the same time.
                    now = Instant::now();
                }
                Turn::Wait(until) => {
                    wake = until;
                    break;
                }
                Turn::Over => {
                    if self.n_running == 0 {
                        return Ok(Wait::Over);
                    }
                    break;
                }
            }
        }
        if let Some(Reverse(rest)) = self.resting.peek() {
            wake = wake.min(rest.until);
        }
        // Without any connection, or while all rest, nobody asks the schedule.
        if self.n_running == 0 && self.idle.is_empty() {
            if now >= self.pace.end() {
                return Ok(Wait::Over);
            }
            wake = wake.min(self.pace.end());
        }
        if now >= self.deadline {
            return Ok(Wait::Over);
        }
        self.timer.wake_at(wake, now).map(Wait::Events)
    }

    fn handle(&mut self, event: &Event) -> io::Result<()> {
        match event.token() {
            WAKE => {
                while let Ok((client, opened)) = self.found.try_recv() {
                    self.connect(client, opened)?;
                }
                Ok(())
            }
            TIMER => Ok(()),
            Token(client) => {
                let done = self.exchange(client, event);
                // What goes wrong with one connection does not end the run.
                if done.is_err() { self.lose(client) } else { Ok(()) }
            }
        }
    }

    /// Sends and receives what is possible now. An error means that the connection is of no more use.
    #[inline]
    fn exchange(&mut self, client: usize, event: &Event) -> io::Result<()> {
        if event.is_writable() {
            self.flush(client)?;
        }
        if !event.is_readable() {
            return Ok(());
        }
        // The buffer leaves `self` for a while, so that both can be used.
        let mut buffer = std::mem::take(&mut self.buffer);
        let received = self.receive(client, &mut buffer, event.is_read_closed());
        self.buffer = buffer;
        received
    }

    #[inline]
    fn receive(&mut self, client: usize, buffer: &mut [u8], is_closed: bool) -> io::Result<()> {
        loop {
            let Client { dialog, connection, .. } = &mut self.clients[client];
            let Some(connection) = connection else { return Ok(()) };
            let n = match connection.stream.read(buffer) {
                Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(n) => n,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(error),
            };
            let is_drained = n < buffer.len() && !is_closed && connection.stream.is_drained_by_short_read();
            let mut input = &buffer[..n];
            match dialog {
                Dialog::Statements(session) => {
                    if let Some(outcome) = session.receive(&mut input, &self.shared.requests)? {
                        // What follows an answer, such as a notice, is taken before the next statement is sent.
                        if session.receive(&mut input, &self.shared.requests)?.is_some() {
                            return Err(io::Error::new(
                                io::ErrorKind::InvalidData,
                                "two answers to one statement",
                            ));
                        }
                        self.ended(client, outcome)?;
                    } else if !session.out.is_empty() {
                        self.flush(client)?;
                    }
                }
                Dialog::Scripts(_) => self.receive_of_script(client, &mut input)?,
            }
            if is_drained {
                return Ok(());
            }
        }
    }

    fn receive_of_script(&mut self, client: usize, input: &mut &[u8]) -> io::Result<()> {
        let shared = self.shared.clone();
        let Some(playbook) = &shared.playbook else { return Ok(()) };
        loop {
            let Client { dialog: Dialog::Scripts(play), connection: Some(_), .. } = &mut self.clients[client]
            else {
                return Ok(());
            };
            let Some(heard) = play.receive(input, playbook)? else { break };
            let now = Instant::now();
            if let Some(answer) = heard.answer
                && !self.is_stopping
            {
                self.answered(&answer, now);
            }
            if heard.is_turn {
                self.go_on(client, now)?;
            }
        }
        self.flush(client)
    }

    /// Lets a client go on with its script.
    fn go_on(&mut self, client: usize, now: Instant) -> io::Result<()> {
        let (Dialog::Scripts(play), Some(playbook)) =
            (&mut self.clients[client].dialog, &self.shared.playbook)
        else {
            return Ok(());
        };
        if self.is_stopping {
            // Nothing more is begun. The transaction ends with its connection.
            play.lose();
            self.n_running -= 1;
            return Ok(());
        }
        match play.go_on(playbook, now)? {
            Step::Await => self.flush(client),
            Step::Sleep(time) => {
                self.rest(client, now + time, true);
                self.flush(client)
            }
            Step::End(outcome, stop) => {
                self.stopped(&outcome, stop);
                self.ended(client, outcome)
            }
        }
    }

    fn rest(&mut self, client: usize, until: Instant, is_in_script: bool) {
        self.resting.push(Reverse(Rest { until, client, is_in_script }));
    }

    /// Lets those go on that have rested long enough.
    fn wake_resting(&mut self, now: Instant) -> io::Result<()> {
        // Who rests again at once is not asked before the server has been.
        for _ in 0..self.resting.len() {
            let Some(Reverse(rest)) = self.resting.peek().copied().filter(|Reverse(rest)| rest.until <= now)
            else {
                break;
            };
            self.resting.pop();
            if !rest.is_in_script {
                self.idle.push_back(rest.client);
            } else if self.go_on(rest.client, now).is_err() {
                self.lose(rest.client)?;
            }
        }
        Ok(())
    }

    /// Records a statement of a script.
    fn answered(&mut self, answer: &Answer, now: Instant) {
        if answer.due.kind == DueKind::WarmUp {
            return;
        }
        let stats = &mut self.steps[answer.statement];
        match answer.error {
            None => stats.service.record(now - answer.sent),
            Some(code) => stats.record_error(code.as_str()),
        }
    }

    /// Notes a step that could not be done.
    fn stopped(&mut self, outcome: &Outcome, stop: Option<Stop>) {
        let first = &mut self.stops[outcome.run.statement];
        *first = first.or(stop);
    }

    /// Records an execution, and lets the session send its next.
    #[inline]
    fn ended(&mut self, client: usize, outcome: Outcome) -> io::Result<()> {
        let now = Instant::now();
        self.n_running -= 1;
        // After an interrupt, what fails was cancelled.
        if outcome.error.is_none() || !self.is_stopping {
            self.recorder.ended(&outcome.run, outcome.error, now);
        }
        let this = &mut self.clients[client];
        this.idle_since = now;
        if self.shared.connects_each
            && let Some(mut connection) = this.connection.take()
        {
            connection.stream.say_goodbye();
            let raw_fd = connection.stream.raw_fd();
            self.poll.registry().deregister(&mut SourceFd(&raw_fd))?;
            connection.stream.close();
        }
        if !self.shared.think.is_zero() && !self.is_stopping {
            self.rest(client, now + self.shared.think, false);
            return Ok(());
        }
        if !self.is_stopping
            && self.idle.is_empty()
            && let Turn::Send(due) = self.pace.turn(now)
        {
            return self.start(client, due, now);
        }
        self.idle.push_back(client);
        Ok(())
    }

    /// Sends the next statement of a client, whose connection may turn out to be lost.
    fn send(&mut self, client: usize, due: Due, now: Instant) -> io::Result<()> {
        if self.start(client, due, now).is_err() { self.lose(client) } else { Ok(()) }
    }

    #[inline]
    fn start(&mut self, client: usize, due: Due, now: Instant) -> io::Result<()> {
        let this = &mut self.clients[client];
        let run = this.draw(&self.shared, due, now);
        self.n_running += 1;
        self.recorder.sent(due, this.idle_since, now);
        if this.connection.is_none() {
            this.waiting = Some(run);
            // Nobody opens sessions any more if this fails: the run is over.
            drop(self.lost.send(Lost { thread: self.thread, client }));
            return Ok(());
        }
        self.begin(client, run, now)
    }

    /// Begins a run on a connection that is there.
    #[inline]
    fn begin(&mut self, client: usize, run: Run, now: Instant) -> io::Result<()> {
        let shared = &*self.shared;
        match (&mut self.clients[client].dialog, &shared.playbook) {
            (Dialog::Statements(session), _) => session.start(run, &shared.requests)?,
            (Dialog::Scripts(play), Some(playbook)) => match play.start(run, playbook, now)? {
                Step::Await => {}
                Step::Sleep(time) => self.rest(client, now + time, true),
                Step::End(outcome, stop) => {
                    // It sent nothing. Another run that comes to nothing must not keep the loop from its events.
                    self.stopped(&outcome, stop);
                    self.n_running -= 1;
                    self.recorder.ended(&outcome.run, outcome.error, now);
                    self.rest(client, now, false);
                    return Ok(());
                }
            },
            (Dialog::Scripts(_), None) => {}
        }
        self.flush(client)
    }

    /// Sends what waits to be sent, as far as the socket takes it.
    #[inline]
    fn flush(&mut self, client: usize) -> io::Result<()> {
        self.clients[client].flush(self.poll.registry(), Token(client))
    }

    /// Takes a fresh session.
    fn connect(&mut self, client: usize, opened: Opened) -> io::Result<()> {
        let Opened { stream, key } = opened;
        let raw_fd = stream.raw_fd();
        self.poll.registry().register(&mut SourceFd(&raw_fd), Token(client), Interest::READABLE)?;
        let this = &mut self.clients[client];
        match &mut this.dialog {
            Dialog::Statements(session) => *session = self.shared.session(),
            Dialog::Scripts(play) => play.renew(),
        }
        this.connection = Some(Connection::new(stream, key));
        let now = Instant::now();
        if let Some(run) = this.waiting.take() {
            return if self.begin(client, run, now).is_err() { self.lose(client) } else { Ok(()) };
        }
        this.idle_since = now;
        self.idle.push_back(client);
        Ok(())
    }

    /// Gives a connection up, and has it opened anew.
    #[cold]
    fn lose(&mut self, client: usize) -> io::Result<()> {
        let this = &mut self.clients[client];
        let Some(connection) = this.connection.take() else { return Ok(()) };
        let raw_fd = connection.stream.raw_fd();
        self.poll.registry().deregister(&mut SourceFd(&raw_fd))?;
        let (run, error) = this.dialog.lose();
        self.resting.retain(|Reverse(rest)| rest.client != client);
        match &run {
            Some(_) => self.n_running -= 1,
            None => self.idle.retain(|idle| *idle != client),
        }
        if !self.is_stopping {
            self.recorder.lost(run.as_ref(), error);
            if self.shared.connects_each {
                // Its next transaction opens another one.
                self.idle.push_back(client);
                return Ok(());
            }
            // Nobody opens sessions any more if this fails: the run is over.
            drop(self.lost.send(Lost { thread: self.thread, client }));
        }
        Ok(())
    }

    /// Asks the server to cancel what runs, and lets it take a moment.
    #[cold]
    fn stop(&mut self, now: Instant) {
        self.is_stopping = true;
        self.deadline = now + STOP_TIME;
        // Those that sleep or have no connection have nothing to wait for.
        self.n_running -= self.resting.drain().filter(|Reverse(rest)| rest.is_in_script).count();
        self.n_running -= self.clients.iter_mut().filter_map(|client| client.waiting.take()).count();
        for client in &self.clients {
            let key = client.connection.as_ref().and_then(|connection| connection.key);
            if let Some(key) = key.filter(|_| !client.dialog.is_idle()) {
                // What cannot be cancelled ends with its connection, or by its time-out.
                drop(startup::cancel(&self.shared.endpoint, key));
            }
            if now.elapsed() > CANCEL_TIME {
                break;
            }
        }
    }

    fn finish(mut self) -> Part {
        let mut n_down = 0;
        for client in &mut self.clients {
            match &mut client.connection {
                None if self.shared.connects_each && client.waiting.is_none() => {}
                None => {
                    n_down += 1;
                    if let Some(run) = client.waiting.take() {
                        self.recorder.lost(Some(&run), None);
                    }
                }
                Some(connection) => {
                    let is_answered = client.dialog.is_idle();
                    if is_answered {
                        connection.stream.say_goodbye();
                    }
                    connection.stream.close();
                    if !is_answered && !self.is_stopping {
                        let (run, error) = client.dialog.lose();
                        self.recorder.lost(run.as_ref(), error);
                    }
                }
            }
        }
        Part { recorder: self.recorder.finish(), steps: self.steps, stops: self.stops, n_down }
    }
}
