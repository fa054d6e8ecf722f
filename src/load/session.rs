//! One session: what it was sent, what came back, and what that asks for next. Bytes in, bytes out, no socket and no clock.

use std::io;
use std::time::Instant;

use bytes::BytesMut;
use postgres_protocol::message::frontend;

use super::frame::{Event, Frames, TransactionStatus};
use super::pace::Due;
use super::request::{self, Protocol, Request};
use crate::trace::SqlState;
use crate::workload::parameter::Draw;

/// The client's side of one session.
pub(super) struct Session {
    frames: Frames,
    /// What is to be sent.
    pub(super) out: BytesMut,
    /// For each statement, whether the server has it prepared.
    prepared: Vec<bool>,
    state: State,
    /// The first error since the last answer was complete.
    error: Option<SqlState>,
    /// How often a statement is tried that others keep in the way.
    max_tries: u32,
}

#[derive(Clone, Copy, Debug)]
enum State {
    Idle,
    Running(Run),
    /// A failed statement has left a transaction open, which is rolled back.
    RollingBack(Run, SqlState),
}

/// One execution.
#[derive(Clone, Copy, Debug)]
pub(super) struct Run {
    /// The number of its statement.
    pub(super) statement: usize,
    pub(super) draw: Draw,
    /// When the schedule wanted it sent.
    pub(super) due: Due,
    pub(super) sent: Instant,
    /// How often it was sent so far.
    pub(super) n_tries: u32,
}

/// How an execution ended.
#[derive(Clone, Copy, Debug)]
pub(super) struct Outcome {
    pub(super) run: Run,
    pub(super) error: Option<SqlState>,
}

/// Whether an error says that others were in the way, so that another try may do.
pub(super) fn is_in_the_way(code: SqlState) -> bool {
    [SqlState::SERIALIZATION_FAILURE, SqlState::DEADLOCK_DETECTED].contains(&code)
}

impl Session {
    pub(super) fn new(n_statements: usize, max_tries: u32) -> Self {
        Self {
            frames: Frames::default(),
            out: BytesMut::with_capacity(512),
            prepared: vec![false; n_statements],
            state: State::Idle,
            error: None,
            max_tries,
        }
    }

    pub(super) fn is_idle(&self) -> bool {
        matches!(self.state, State::Idle)
    }

    /// Writes a statement; the session is idle.
    #[inline]
    pub(super) fn start(&mut self, run: Run, requests: &[Request]) -> io::Result<()> {
        self.state = State::Running(run);
        requests[run.statement].write(run.draw, self.prepared[run.statement], &mut self.out)
    }

    /// Takes bytes off `input` until an execution has ended; `None` once all are taken.
    #[inline]
    pub(super) fn receive(&mut self, input: &mut &[u8], requests: &[Request]) -> io::Result<Option<Outcome>> {
        while let Some(event) = self.frames.next(input)? {
            match (event, self.state) {
                (Event::ParseComplete, State::Running(run)) => {
                    self.prepared[run.statement] = requests[run.statement].protocol() == Protocol::Prepared;
                }
                (Event::Error(code), _) => self.error = self.error.or(Some(code)),
                (Event::CopyIn, State::Running(run)) => {
                    request::refuse_copy(requests[run.statement].protocol(), &mut self.out)?;
                }
                (Event::Ready(status), State::Running(run)) => {
                    if let Some(outcome) = self.answered(run, status, requests)? {
                        return Ok(Some(outcome));
                    }
                }
                (Event::Ready(_), State::RollingBack(run, error)) => {
                    self.state = State::Idle;
                    self.error = None;
                    return Ok(Some(Outcome { run, error: Some(error) }));
                }
                // Nobody asked to be told of rows.
                (
                    Event::ParseComplete
                    | Event::CopyIn
                    | Event::Ready(_)
                    | Event::Complete
                    | Event::Columns
                    | Event::Row,
                    _,
                ) => {
                    return Err(io::Error::new(io::ErrorKind::InvalidData, "an answer to nothing"));
                }
            }
        }
        Ok(None)
    }

    /// The connection is gone: returns how the statement that ran ended, and why, as far as the server said.
    pub(super) fn lose(&mut self) -> (Option<Run>, Option<SqlState>) {
        let error = self.error.take();
        match std::mem::replace(&mut self.state, State::Idle) {
            State::Idle => (None, error),
            State::Running(run) => (Some(run), error),
            State::RollingBack(run, first) => (Some(run), Some(first)),
        }
    }

    fn answered(
        &mut self,
        run: Run,
        status: TransactionStatus,
        requests: &[Request],
    ) -> io::Result<Option<Outcome>> {
        let error = self.error.take();
        let Some(code) = error else {
            self.state = State::Idle;
            return Ok(Some(Outcome { run, error }));
        };
        if code == SqlState::UNDEFINED_STATEMENT {
            // Somebody has run DISCARD or DEALLOCATE.
            self.prepared[run.statement] = false;
        }
        if status == TransactionStatus::Failed {
            self.state = State::RollingBack(run, code);
            frontend::query("ROLLBACK", &mut self.out)?;
            return Ok(None);
        }
        if is_in_the_way(code) && status == TransactionStatus::Idle && run.n_tries < self.max_tries {
            self.start(Run { n_tries: run.n_tries + 1, ..run }, requests)?;
            return Ok(None);
        }
        self.state = State::Idle;
        Ok(Some(Outcome { run, error }))
    }
}

#[cfg(test)]
mod tests {
    use super::super::frame::tests::{error, message, ready};
    use super::super::pace::DueKind;
    use super::*;

    const MAX_TRIES: u32 = 10;

    /// A session of two statements.
    struct Test {
        session: Session,
        requests: Vec<Request>,
    }

    impl Test {
        fn new(protocol: Protocol) -> Self {
            let request = |i, name| Request::new(i, (name, "SELECT 1"), Vec::new(), protocol, true);
            Self { session: Session::new(2, MAX_TRIES), requests: vec![request(0, "a"), request(1, "b")] }
        }

        fn start(&mut self, statement: usize) {
            let now = Instant::now();
            let due = Due { at: now, kind: DueKind::Closed };
            let run = Run { statement, draw: Draw::default(), due, sent: now, n_tries: 1 };
            self.session.start(run, &self.requests).unwrap();
        }

        /// The tags of the messages that wait to be sent, which are then taken as sent.
        fn sent(&mut self) -> String {
            let mut tags = String::new();
            let mut rest = &self.session.out[..];
            while let Some((tag, body)) = rest.split_first() {
                tags.push(char::from(*tag));
                let length = u32::from_be_bytes(body[..4].try_into().unwrap());
                rest = &body[usize::try_from(length).unwrap()..];
            }
            self.session.out.clear();
            tags
        }

        fn receive(&mut self, messages: &[Vec<u8>]) -> io::Result<Option<Outcome>> {
            self.session.receive(&mut &messages.concat()[..], &self.requests)
        }

        /// Receives an answer, and returns the tries and the error of the execution that it ends.
        fn ends(&mut self, messages: &[Vec<u8>]) -> (u32, Option<String>) {
            let outcome = self.receive(messages).unwrap().expect("an end");
            assert!(self.session.is_idle());
            (outcome.run.n_tries, outcome.error.map(|code| code.as_str().to_owned()))
        }
    }

    fn parsed() -> Vec<u8> {
        message(b'1', b"")
    }

    fn row() -> Vec<u8> {
        [message(b'2', b""), message(b'D', &[0; 10]), message(b'C', b"SELECT 1\0")].concat()
    }

    #[test]
    fn prepares_each_statement_once() {
        let mut test = Test::new(Protocol::Prepared);
        for (statement, messages) in [(0, "PBES"), (0, "BES"), (1, "PBES"), (1, "BES")] {
            test.start(statement);
            assert_eq!(test.sent(), messages);
            assert_eq!(test.ends(&[parsed(), row(), ready(b'I')]), (1, None));
        }
    }

    #[test]
    fn prepares_again_what_the_server_has_forgotten() {
        let mut test = Test::new(Protocol::Prepared);
        test.start(0);
        test.ends(&[parsed(), row(), ready(b'I')]);
        test.start(0);
        assert_eq!(test.ends(&[error("26000"), ready(b'I')]), (1, Some("26000".to_owned())));
        test.sent();
        test.start(0);
        assert_eq!(test.sent(), "PBES");
    }

    #[test]
    fn a_statement_that_does_not_parse_is_not_prepared() {
        let mut test = Test::new(Protocol::Prepared);
        test.start(0);
        assert_eq!(test.ends(&[error("42601"), ready(b'I')]), (1, Some("42601".to_owned())));
        test.sent();
        test.start(0);
        assert_eq!(test.sent(), "PBES");
    }

    #[test]
    fn sends_again_what_others_were_in_the_way_of() {
        for code in ["40001", "40P01"] {
            let mut test = Test::new(Protocol::Prepared);
            test.start(0);
            test.sent();
            assert!(test.receive(&[parsed(), error(code), ready(b'I')]).unwrap().is_none());
            assert_eq!(test.sent(), "BES", "it is prepared by now");
            assert_eq!(test.ends(&[row(), ready(b'I')]), (2, None));
        }
    }

    #[test]
    fn gives_up_after_some_tries() {
        let mut test = Test::new(Protocol::Extended);
        test.start(0);
        for _ in 1..MAX_TRIES {
            assert!(test.receive(&[error("40001"), ready(b'I')]).unwrap().is_none());
        }
        assert_eq!(test.ends(&[error("40001"), ready(b'I')]), (MAX_TRIES, Some("40001".to_owned())));
    }

    #[test]
    fn rolls_back_what_has_failed_within_a_transaction() {
        let mut test = Test::new(Protocol::Simple);
        test.start(0);
        assert_eq!(test.sent(), "Q");
        assert!(test.receive(&[error("22012"), ready(b'E')]).unwrap().is_none());
        assert_eq!(&test.session.out[5..], b"ROLLBACK\0");
        assert_eq!(test.ends(&[row(), ready(b'I')]), (1, Some("22012".to_owned())));
    }

    #[test]
    fn has_no_rows_to_copy() {
        for (protocol, messages) in [(Protocol::Simple, "f"), (Protocol::Prepared, "fS")] {
            let mut test = Test::new(protocol);
            test.start(0);
            test.sent();
            assert!(test.receive(&[message(b'G', &[0, 0, 0])]).unwrap().is_none());
            assert_eq!(test.sent(), messages);
            assert_eq!(test.ends(&[error("57014"), ready(b'I')]), (1, Some("57014".to_owned())));
        }
    }

    #[test]
    fn a_lost_connection_ends_what_ran() {
        let mut test = Test::new(Protocol::Simple);
        test.start(1);
        assert!(test.receive(&[error("57P01")]).unwrap().is_none());
        let (run, error) = test.session.lose();
        assert_eq!((run.unwrap().statement, error.unwrap().as_str()), (1, "57P01"));
        assert!(matches!(test.session.lose(), (None, None)));
    }

    #[test]
    fn refuses_an_answer_to_nothing() {
        assert!(Test::new(Protocol::Simple).receive(&[ready(b'I')]).is_err());
        let mut idle = Test::new(Protocol::Simple);
        assert!(idle.receive(&[message(b'N', b"Mhello\0\0")]).unwrap().is_none());
        assert!(idle.session.is_idle());
    }
}
