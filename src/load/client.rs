//! One client of an event loop: its session, its connection, and what it draws.

use std::io;
use std::time::Instant;

use bytes::BytesMut;
use mio::unix::SourceFd;
use mio::{Interest, Registry, Token};

use super::Shared;
use super::pace::{Due, DueKind};
use super::play::Play;
use super::session::{Run, Session};
use super::startup::CancelKey;
use crate::random;
use crate::stream::Stream;
use crate::trace::SqlState;
use crate::workload::parameter::Draw;

/// One session with its place among all of the run.
pub(super) struct Client {
    number: u64,
    /// How many statements it has drawn by itself, in the warm-up and after it.
    n_drawn: [u64; 2],
    /// Of each statement, its next place in sequences.
    turns: Box<[u64]>,
    pub(super) idle_since: Instant,
    pub(super) dialog: Dialog,
    /// `None` while the connection is lost, or with one for each transaction between them.
    pub(super) connection: Option<Connection>,
    /// What begins once there is a connection.
    pub(super) waiting: Option<Run>,
}

/// What a client says and hears.
#[expect(clippy::large_enum_variant, reason = "there are few clients, and statements are the common case")]
pub(super) enum Dialog {
    Statements(Session),
    Scripts(Box<Play>),
}

pub(super) struct Connection {
    pub(super) stream: Stream,
    pub(super) key: Option<CancelKey>,
    /// Bytes of the session's output that are sent.
    n_written: usize,
    /// Whether it is watched for room to send.
    is_full: bool,
}

impl Client {
    pub(super) fn new(number: u64, shared: &Shared, now: Instant) -> Self {
        let dialog = match &shared.playbook {
            None => Dialog::Statements(shared.session()),
            Some(playbook) => {
                let variables = playbook.scripts.variables(number);
                Dialog::Scripts(Box::new(Play::new(playbook.n_statements(), variables, shared.max_tries)))
            }
        };
        Self {
            number,
            n_drawn: [0; 2],
            turns: vec![number; shared.requests.len()].into_boxed_slice(),
            idle_since: now,
            dialog,
            connection: None,
            waiting: None,
        }
    }

    /// Draws what it sends next.
    #[inline]
    pub(super) fn draw(&mut self, shared: &Shared, due: Due, now: Instant) -> Run {
        let (stream, counter) = match due.kind {
            DueKind::Open { stage, n } => {
                (random::at(random::substream(shared.seed, "schedule"), stage as u64), n)
            }
            kind => {
                // What is measured does not depend on how much the warm-up drew.
                let is_warm_up = kind == DueKind::WarmUp;
                let seed = if is_warm_up { !shared.seed } else { shared.seed };
                let n_drawn = &mut self.n_drawn[usize::from(is_warm_up)];
                *n_drawn += 1;
                (random::at(seed, self.number), *n_drawn)
            }
        };
        let statement = shared.picker.pick(random::at(stream, counter));
        // Scripts have no sequences.
        let turn = self.turns.get_mut(statement).map_or(0, |next| {
            let turn = *next;
            *next = turn.wrapping_add(shared.n_clients);
            turn
        });
        Run {
            statement,
            draw: Draw { bits: random::at(!stream, counter), now_us: shared.now_us(now), turn },
            due,
            sent: now,
            n_tries: 1,
        }
    }

    /// Sends what waits to be sent, as far as the socket takes it.
    #[inline]
    pub(super) fn flush(&mut self, registry: &Registry, token: Token) -> io::Result<()> {
        let Self { dialog, connection: Some(connection), .. } = self else {
            return Ok(());
        };
        let out = dialog.out();
        let is_full = loop {
            let rest = &out[connection.n_written..];
            let sent = if rest.is_empty() {
                connection.stream.flush().map(|()| 0)
            } else {
                connection.stream.write(rest)
            };
            match sent {
                Ok(0) => break !rest.is_empty(),
                Ok(n) => connection.n_written += n,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break true,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        };
        if connection.n_written == out.len() {
            out.clear();
            connection.n_written = 0;
        }
        if is_full != connection.is_full {
            connection.is_full = is_full;
            let interest = if is_full { Interest::READABLE | Interest::WRITABLE } else { Interest::READABLE };
            let raw_fd = connection.stream.raw_fd();
            registry.reregister(&mut SourceFd(&raw_fd), token, interest)?;
        }
        Ok(())
    }
}

impl Connection {
    pub(super) fn new(stream: Stream, key: Option<CancelKey>) -> Self {
        Self { stream, key, n_written: 0, is_full: false }
    }
}

impl Dialog {
    /// What is to be sent.
    #[inline]
    fn out(&mut self) -> &mut BytesMut {
        match self {
            Self::Statements(session) => &mut session.out,
            Self::Scripts(play) => &mut play.out,
        }
    }

    pub(super) fn is_idle(&self) -> bool {
        match self {
            Self::Statements(session) => session.is_idle(),
            Self::Scripts(play) => play.is_idle(),
        }
    }

    pub(super) fn lose(&mut self) -> (Option<Run>, Option<SqlState>) {
        match self {
            Self::Statements(session) => session.lose(),
            Self::Scripts(play) => play.lose(),
        }
    }
}
