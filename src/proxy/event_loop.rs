//! One thread's loop: forwards the bytes of its sessions, and frames beside them.
//!
//! Bytes are read into one buffer and written from it. What the other side does not take at once waits, and nothing more
//! is read for it: a session holds no more than one buffer in each direction, however long a row is. Sockets are watched
//! for room only while they are full.

use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::Receiver;
use std::time::Duration;

use mio::event::Event;
use mio::unix::SourceFd;
use mio::{Events, Interest, Poll, Token};

use super::conversation::{Conversation, Lost};
use super::record::Record;
use super::writer::Ring;
use super::{Clock, Shared};
use crate::stream::Stream;

pub(super) const WAKE: Token = Token(usize::MAX);
const CLIENT: usize = 0;
const SERVER: usize = 1;
/// How much is read at once.
const READ_BYTES: usize = 64 * 1024;
/// Reads of one side before the others have their turn.
const TURN_READS: usize = 16;
const EVENTS: usize = 256;
/// What is seen is handed over when it is this much or this old.
const BATCH_RECORDS: usize = 512;
const BATCH_BYTES: usize = 1024 * 1024;
const BATCH_TIME: Duration = Duration::from_millis(50);

/// A session whose startup message is on its way. Its streams do not block.
pub(super) struct Opened {
    pub(super) client: Stream,
    pub(super) server: Stream,
    /// `None` for what is copied as it is.
    pub(super) conversation: Option<Conversation>,
}

/// A client and its session on the server.
struct Pair {
    sides: [Side; 2],
    conversation: Option<Conversation>,
}

struct Side {
    stream: Stream,
    /// Bytes that wait to be sent to this side, and how many of them are sent.
    output: Vec<u8>,
    n_written: usize,
    /// Whether it is watched for room.
    is_full: bool,
    incoming: Incoming,
    /// Whether nothing more can be sent to it.
    is_gone: bool,
}

/// What comes from a side.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Incoming {
    Open,
    /// Its end stands behind what is there to be read. No further event tells of it.
    HungUp,
    /// Nothing more.
    Ended,
}

/// What a turn of one side comes to.
enum Turn {
    /// It waits for events.
    Done,
    /// There is more to read.
    More,
    Close,
}

pub(super) struct EventLoop {
    shared: Arc<Shared>,
    clock: Clock,
    poll: Poll,
    opened: Receiver<Opened>,
    pairs: Vec<Option<Pair>>,
    free: Vec<usize>,
    /// Sides that have more to read although no event says so.
    unfinished: Vec<Token>,
    buffer: Vec<u8>,
    ring: Option<Ring>,
    batch: Vec<Record>,
    batch_bytes: usize,
    /// Records that are counted in `batch_bytes`.
    n_weighed: usize,
}

impl EventLoop {
    pub(super) fn new(
        shared: Arc<Shared>,
        clock: Clock,
        poll: Poll,
        opened: Receiver<Opened>,
        ring: Option<Ring>,
    ) -> Self {
        Self {
            shared,
            clock,
            poll,
            opened,
            pairs: Vec::new(),
            free: Vec::new(),
            unfinished: Vec::new(),
            buffer: vec![0; READ_BYTES],
            ring,
            batch: Vec::with_capacity(BATCH_RECORDS),
            batch_bytes: 0,
            n_weighed: 0,
        }
    }

    /// Runs until the proxy is stopped.
    pub(super) fn run(mut self) -> io::Result<()> {
        let mut events = Events::with_capacity(EVENTS);
        while !self.shared.is_stopped() {
            let timeout = match (self.unfinished.is_empty(), self.batch.is_empty()) {
                (false, _) => Some(Duration::ZERO),
                (true, false) => Some(BATCH_TIME),
                (true, true) => None,
            };
            match self.poll.poll(&mut events, timeout) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                result => result?,
            }
            if events.is_empty() && self.unfinished.is_empty() {
                self.hand_over();
            }
            for token in std::mem::take(&mut self.unfinished) {
                self.forward(token)?;
            }
            for event in &events {
                self.handle(event)?;
            }
            if self.batch.len() >= BATCH_RECORDS || self.batch_bytes >= BATCH_BYTES {
                self.hand_over();
            }
        }
        for pair in 0..self.pairs.len() {
            self.close(pair)?;
        }
        self.hand_over();
        Ok(())
    }

    fn handle(&mut self, event: &Event) -> io::Result<()> {
        if event.token() == WAKE {
            while let Ok(opened) = self.opened.try_recv() {
                self.add(opened)?;
            }
            return Ok(());
        }
        let Token(token) = event.token();
        if event.is_read_closed()
            && let Some(Some(pair)) = self.pairs.get_mut(token / 2)
            && let incoming @ Incoming::Open = &mut pair.sides[token % 2].incoming
        {
            *incoming = Incoming::HungUp;
        }
        if event.is_writable() && self.flush(token / 2, token % 2)? {
            // There is room again for what the other side says.
            self.forward(Token(token ^ 1))?;
        }
        if event.is_readable() || event.is_read_closed() { self.forward(Token(token)) } else { Ok(()) }
    }

    fn add(&mut self, opened: Opened) -> io::Result<()> {
        let pair = self.free.pop().unwrap_or_else(|| {
            self.pairs.push(None);
            self.pairs.len() - 1
        });
        let Opened { client, server, conversation } = opened;
        let sides = [client, server].map(|stream| Side {
            stream,
            output: Vec::new(),
            n_written: 0,
            is_full: false,
            incoming: Incoming::Open,
            is_gone: false,
        });
        for (side, Side { stream, .. }) in sides.iter().enumerate() {
            let token = Token(2 * pair + side);
            self.poll.registry().register(&mut SourceFd(&stream.raw_fd()), token, Interest::READABLE)?;
            // TLS may hold what came with the handshake, which no event tells of.
            self.unfinished.push(token);
        }
        self.pairs[pair] = Some(Pair { sides, conversation });
        self.shared.counts.open_sessions.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }

    /// Forwards what one side says.
    fn forward(&mut self, token: Token) -> io::Result<()> {
        let Token(number) = token;
        let (pair, from) = (number / 2, number % 2);
        // The buffer leaves `self` for a while, so that both can be used.
        let mut buffer = std::mem::take(&mut self.buffer);
        let turn = self.turn(pair, from, &mut buffer);
        self.buffer = buffer;
        match turn? {
            Turn::Done => Ok(()),
            Turn::More => {
                self.unfinished.push(token);
                Ok(())
            }
            Turn::Close => self.close(pair),
        }
    }

    fn turn(&mut self, pair: usize, from: usize, buffer: &mut [u8]) -> io::Result<Turn> {
        for _ in 0..TURN_READS {
            let Some(this) = &mut self.pairs[pair] else { return Ok(Turn::Done) };
            if this.sides[from].incoming == Incoming::Ended || this.sides[1 - from].is_full {
                return Ok(Turn::Done);
            }
            let Side { stream, incoming, .. } = &mut this.sides[from];
            let n = match stream.read(buffer) {
                Ok(n) => n,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(Turn::Done),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                // A side that is gone without a goodbye is gone.
                Err(_) => 0,
            };
            if n == 0 {
                return Ok(self.ended(pair, from));
            }
            // What fills less than the buffer is all there is (epoll(7), "edge-triggered"), but TLS has records.
            let is_drained =
                n < buffer.len() && stream.is_drained_by_short_read() && *incoming == Incoming::Open;
            let bytes = &buffer[..n];
            let now = self.clock.now();
            if from == CLIENT
                && let Some(conversation) = &mut this.conversation
                && let Err(lost) = conversation.sent(bytes, now)
            {
                self.go_blind(pair, lost);
            }
            let is_all_sent = self.send(pair, 1 - from, bytes)?;
            if from == SERVER {
                self.listen(pair, bytes, now, is_all_sent);
            }
            if is_drained {
                return Ok(Turn::Done);
            }
        }
        Ok(Turn::More)
    }

    /// Frames what the server says, after it is sent: the client need not wait for that.
    fn listen(&mut self, pair: usize, bytes: &[u8], now: u64, is_all_sent: bool) {
        let Some(Some(Pair { conversation: Some(conversation), .. })) = self.pairs.get_mut(pair) else {
            return;
        };
        if !is_all_sent {
            conversation.client_is_slow();
        }
        let heard = conversation.answered(bytes, now, &mut self.batch);
        let n_dropped = conversation.take_dropped();
        if n_dropped > 0 {
            self.shared.counts.dropped_executions.fetch_add(n_dropped, Ordering::Relaxed);
        }
        self.weigh();
        if let Err(lost) = heard {
            self.go_blind(pair, lost);
        }
    }

    /// Sends bytes to a side, and keeps what it does not take; returns whether it took all.
    fn send(&mut self, pair: usize, to: usize, bytes: &[u8]) -> io::Result<bool> {
        let Some(Some(this)) = self.pairs.get_mut(pair) else { return Ok(true) };
        let side = &mut this.sides[to];
        if side.is_gone {
            return Ok(true);
        }
        let mut n_sent = 0;
        let has_room = loop {
            match side.push(&bytes[n_sent..]) {
                Ok(0) => break true,
                Ok(n) => n_sent += n,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break false,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(_) => {
                    side.is_gone = true;
                    return Ok(true);
                }
            }
        };
        if has_room {
            return Ok(true);
        }
        side.output.extend_from_slice(&bytes[n_sent..]);
        self.watch(pair, to, true)?;
        Ok(false)
    }

    /// Sends what waits for a side; returns whether that has made room.
    fn flush(&mut self, pair: usize, to: usize) -> io::Result<bool> {
        let Some(Some(this)) = self.pairs.get_mut(pair) else { return Ok(false) };
        let side = &mut this.sides[to];
        if !side.is_full {
            return Ok(false);
        }
        loop {
            let Side { stream, output, n_written, .. } = side;
            let rest = &output[*n_written..];
            let sent = if rest.is_empty() { stream.flush().map(|()| 0) } else { stream.write(rest) };
            match sent {
                Ok(0) => break,
                Ok(n) => *n_written += n,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(false),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(_) => {
                    side.is_gone = true;
                    break;
                }
            }
        }
        side.output.clear();
        side.n_written = 0;
        let other_has_ended = this.sides[1 - to].incoming == Incoming::Ended;
        self.watch(pair, to, false)?;
        if other_has_ended {
            if to == CLIENT {
                self.close(pair)?;
                return Ok(false);
            }
            self.say_end(pair);
        }
        Ok(true)
    }

    /// Watches a side for room, or no longer.
    fn watch(&mut self, pair: usize, side: usize, is_full: bool) -> io::Result<()> {
        let Some(Some(this)) = self.pairs.get_mut(pair) else { return Ok(()) };
        this.sides[side].is_full = is_full;
        let interest = if is_full { Interest::READABLE | Interest::WRITABLE } else { Interest::READABLE };
        let raw_fd = this.sides[side].stream.raw_fd();
        self.poll.registry().reregister(&mut SourceFd(&raw_fd), Token(2 * pair + side), interest)
    }

    /// Takes the end of what a side says.
    fn ended(&mut self, pair: usize, from: usize) -> Turn {
        let Some(Some(this)) = self.pairs.get_mut(pair) else { return Turn::Done };
        this.sides[from].incoming = Incoming::Ended;
        let is_full = this.sides[1 - from].is_full && !this.sides[1 - from].is_gone;
        match from {
            // What the server said last is still to be sent.
            SERVER if is_full => Turn::Done,
            SERVER => Turn::Close,
            _ => {
                if !is_full {
                    self.say_end(pair);
                }
                Turn::Done
            }
        }
    }

    /// Tells the server that the client is gone. The session ends when the server has ended it.
    fn say_end(&mut self, pair: usize) {
        if let Some(Some(this)) = self.pairs.get_mut(pair) {
            this.sides[SERVER].stream.shutdown_write();
        }
    }

    fn close(&mut self, pair: usize) -> io::Result<()> {
        let Some(mut this) = self.pairs.get_mut(pair).and_then(Option::take) else { return Ok(()) };
        for side in &mut this.sides {
            self.poll.registry().deregister(&mut SourceFd(&side.stream.raw_fd()))?;
            side.stream.shutdown_write();
        }
        if let Some(conversation) = &mut this.conversation {
            conversation.end(self.clock.now(), &mut self.batch);
            self.weigh();
        }
        self.shared.counts.open_sessions.fetch_sub(1, Ordering::Relaxed);
        self.free.push(pair);
        Ok(())
    }

    /// Copies a session from now on without understanding it.
    #[cold]
    fn go_blind(&mut self, pair: usize, lost: Lost) {
        let Some(Some(this)) = self.pairs.get_mut(pair) else { return };
        if let Some(mut conversation) = this.conversation.take() {
            conversation.end(self.clock.now(), &mut self.batch);
            self.weigh();
        }
        if lost != Lost::Replication {
            self.shared.counts.dropped_sessions.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn weigh(&mut self) {
        self.batch_bytes += self.batch[self.n_weighed..].iter().map(Record::n_bytes).sum::<usize>();
        self.n_weighed = self.batch.len();
    }

    fn hand_over(&mut self) {
        if self.batch.is_empty() {
            return;
        }
        self.batch_bytes = 0;
        self.n_weighed = 0;
        let batch = std::mem::replace(&mut self.batch, Vec::with_capacity(BATCH_RECORDS));
        if let Some(ring) = &self.ring {
            ring.put(batch);
        }
    }
}

impl Side {
    /// Sends some bytes, or with none what TLS has taken.
    fn push(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if bytes.is_empty() { self.stream.flush().map(|()| 0) } else { self.stream.write(bytes) }
    }
}
