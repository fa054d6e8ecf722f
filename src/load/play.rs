//! One client that runs scripts: what it was sent, what came back, and what its script asks for next. Bytes in, bytes out, no
//! socket and no clock.

use std::collections::VecDeque;
use std::io;
use std::time::{Duration, Instant};

use bytes::BytesMut;
use postgres_protocol::message::frontend;

use super::frame::{Detail, Event, Frames, TransactionStatus};
use super::playbook::{Playbook, PreparedState};
use super::request::{self, Protocol};
use super::row_kept::RowKept;
use super::session::{Outcome, Run, is_in_the_way};
use crate::bench::script::{Draws, Next, Results, Stop, Variables};
use crate::trace::SqlState;

/// A script leaves its transaction open: `active_sql_transaction`.
const OPEN_TRANSACTION: SqlState = SqlState(*b"25001");

/// The client's side of one session that runs scripts.
pub(super) struct Play {
    frames: Frames,
    /// What is to be sent.
    pub(super) out: BytesMut,
    /// For each statement, whether the server has it prepared.
    prepared: Vec<PreparedState>,
    variables: Variables,
    /// The run; `None` between runs.
    running: Option<Running>,
    /// What the server has to answer, in this order.
    sent: VecDeque<Sent>,
    result: RowKept,
    status: TransactionStatus,
    /// How often a script is tried that others keep in the way.
    max_tries: u32,
}

/// A run of a script that has not ended.
#[derive(Clone, Copy)]
struct Running {
    run: Run,
    /// The next step.
    place: usize,
    draws: Draws,
    phase: Phase,
    is_in_pipeline: bool,
    /// The first error of this try, and the step if it was not the server's.
    error: Option<SqlState>,
    stop: Option<Stop>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// Nothing is due before all answers are there.
    Awaiting,
    /// The script goes on by itself, after a while.
    Sleeping,
    /// A transaction that is open is rolled back.
    RollingBack,
}

#[derive(Clone, Copy)]
enum Sent {
    Statement {
        number: usize,
        at: Instant,
        is_in_pipeline: bool,
    },
    /// What ends an answer.
    Sync,
}

/// What a script does next.
#[derive(Clone, Copy, Debug)]
pub(super) enum Step {
    /// It waits for answers.
    Await,
    Sleep(Duration),
    End(Outcome, Option<Stop>),
}

/// A statement of a script that has been answered.
#[derive(Clone, Copy, Debug)]
pub(super) struct Answer {
    /// Among those of all scripts.
    pub(super) statement: usize,
    pub(super) sent: Instant,
    pub(super) error: Option<SqlState>,
    pub(super) due: super::pace::Due,
}

/// What was heard of a server.
#[derive(Clone, Copy, Debug)]
pub(super) struct Heard {
    pub(super) answer: Option<Answer>,
    /// Whether the script goes on now ([`Play::go_on`]).
    pub(super) is_turn: bool,
}

impl Play {
    pub(super) fn new(n_statements: usize, variables: Variables, max_tries: u32) -> Self {
        Self {
            frames: Frames::default(),
            out: BytesMut::with_capacity(512),
            prepared: vec![PreparedState::No; n_statements],
            variables,
            running: None,
            sent: VecDeque::with_capacity(8),
            result: RowKept::default(),
            status: TransactionStatus::Idle,
            max_tries,
        }
    }

    /// Begins with a new connection. Variables stay.
    pub(super) fn renew(&mut self) {
        self.frames = Frames::default();
        self.out.clear();
        self.prepared.fill(PreparedState::No);
        self.sent.clear();
        self.running = None;
        self.status = TransactionStatus::Idle;
    }

    pub(super) fn is_idle(&self) -> bool {
        self.running.is_none()
    }

    /// Starts a script; the session is idle.
    pub(super) fn start(&mut self, run: Run, playbook: &Playbook, now: Instant) -> io::Result<Step> {
        self.running = Some(Running {
            run,
            place: 0,
            draws: Draws::new(run.draw.bits),
            phase: Phase::Awaiting,
            is_in_pipeline: false,
            error: None,
            stop: None,
        });
        self.go_on(playbook, now)
    }

    /// Does what comes next, after answers or a sleep.
    pub(super) fn go_on(&mut self, playbook: &Playbook, now: Instant) -> io::Result<Step> {
        let Some(mut running) = self.running.take() else { return Ok(Step::Await) };
        let step = self.advance(&mut running, playbook, now)?;
        if !matches!(step, Step::End(..)) {
            self.running = Some(running);
        }
        Ok(step)
    }

    fn advance(&mut self, running: &mut Running, playbook: &Playbook, now: Instant) -> io::Result<Step> {
        if running.phase == Phase::RollingBack {
            return self.conclude(running, playbook, now);
        }
        running.phase = Phase::Awaiting;
        while running.error.is_none() {
            let script = playbook.script(running.run.statement);
            match script.next(&mut running.place, &mut self.variables, &mut running.draws) {
                Ok(Next::Statement(statement)) => {
                    let number = playbook.number(running.run.statement, statement);
                    if let Err(error) = playbook.check(number, &self.variables) {
                        running.fail(Stop { line: playbook.line(number), error });
                        break;
                    }
                    self.send(number, running.is_in_pipeline, playbook, now)?;
                    if !running.is_in_pipeline {
                        return Ok(Step::Await);
                    }
                }
                Ok(Next::Sleep(time)) => {
                    running.phase = Phase::Sleeping;
                    return Ok(Step::Sleep(time));
                }
                Ok(Next::StartPipeline) => {
                    running.is_in_pipeline = true;
                    self.frames.tell(Detail::Statements);
                }
                Ok(Next::SyncPipeline) => self.sync(),
                Ok(Next::EndPipeline) => {
                    self.sync();
                    running.is_in_pipeline = false;
                    return Ok(Step::Await);
                }
                Ok(Next::End) => break,
                Err(stop) => running.fail(stop),
            }
        }
        if running.is_in_pipeline {
            // The server has nothing more to skip.
            self.sync();
            running.is_in_pipeline = false;
        }
        if !self.sent.is_empty() {
            return Ok(Step::Await);
        }
        if self.status == TransactionStatus::Idle {
            return self.conclude(running, playbook, now);
        }
        running.error.get_or_insert(OPEN_TRANSACTION);
        running.phase = Phase::RollingBack;
        self.frames.tell(Detail::End);
        frontend::query("ROLLBACK", &mut self.out)?;
        self.sent.push_back(Sent::Sync);
        Ok(Step::Await)
    }

    /// Ends a run, or begins it again with the same random numbers if others were in its way.
    fn conclude(&mut self, running: &mut Running, playbook: &Playbook, now: Instant) -> io::Result<Step> {
        if running.error.is_some_and(is_in_the_way) && running.run.n_tries < self.max_tries {
            *running = Running {
                run: Run { n_tries: running.run.n_tries + 1, ..running.run },
                place: 0,
                draws: Draws::new(running.run.draw.bits),
                phase: Phase::Awaiting,
                is_in_pipeline: false,
                error: None,
                stop: None,
            };
            return self.advance(running, playbook, now);
        }
        Ok(Step::End(Outcome { run: running.run, error: running.error }, running.stop))
    }

    fn send(
        &mut self,
        number: usize,
        is_in_pipeline: bool,
        playbook: &Playbook,
        now: Instant,
    ) -> io::Result<()> {
        playbook.write(number, &self.variables, self.prepared[number], &mut self.out)?;
        self.sent.push_back(Sent::Statement { number, at: now, is_in_pipeline });
        if is_in_pipeline {
            // If this fails, what comes after it in the pipeline is not run.
            if playbook.protocol() == Protocol::Prepared && self.prepared[number] != PreparedState::Yes {
                self.prepared[number] = PreparedState::Sent;
            }
            return Ok(());
        }
        let detail = if *playbook.results(number) == Results::Dropped { Detail::End } else { Detail::Rows };
        self.frames.tell(detail);
        self.result.clear();
        if playbook.protocol() == Protocol::Simple {
            self.sent.push_back(Sent::Sync);
        } else {
            self.sync();
        }
        Ok(())
    }

    fn sync(&mut self) {
        frontend::sync(&mut self.out);
        self.sent.push_back(Sent::Sync);
    }

    /// Takes bytes off `input` until there is something to say; `None` once all are taken.
    pub(super) fn receive(&mut self, input: &mut &[u8], playbook: &Playbook) -> io::Result<Option<Heard>> {
        while let Some(event) = self.frames.next(input)? {
            let Some(running) = &mut self.running else {
                if matches!(event, Event::Error(_)) {
                    // The server says why it closes the connection.
                    continue;
                }
                return Err(invalid("an answer to nothing"));
            };
            let front = self.sent.front().copied();
            let heard = match (event, front) {
                (Event::ParseComplete, Some(Sent::Statement { number, .. })) => {
                    if playbook.protocol() == Protocol::Prepared {
                        self.prepared[number] = PreparedState::Yes;
                    }
                    None
                }
                (Event::Error(code), Some(Sent::Statement { number, at, is_in_pipeline })) => {
                    if code == SqlState::UNDEFINED_STATEMENT {
                        self.prepared[number] = PreparedState::Unknown;
                    }
                    running.error.get_or_insert(code);
                    if is_in_pipeline {
                        let answer =
                            Answer { statement: number, sent: at, error: Some(code), due: running.run.due };
                        self.skip();
                        Some(Heard { answer: Some(answer), is_turn: false })
                    } else {
                        None
                    }
                }
                (Event::Error(code), _) => {
                    running.error.get_or_insert(code);
                    None
                }
                (Event::CopyIn, Some(Sent::Statement { .. })) => {
                    request::refuse_copy(playbook.protocol(), &mut self.out)?;
                    None
                }
                (Event::Complete, Some(Sent::Statement { number, at, is_in_pipeline: true })) => {
                    self.sent.pop_front();
                    let answer = Answer { statement: number, sent: at, error: None, due: running.run.due };
                    Some(Heard { answer: Some(answer), is_turn: false })
                }
                (Event::Complete, Some(Sent::Statement { number, .. })) => {
                    if matches!(playbook.results(number), Results::Rows(_)) && self.result.has_rows() {
                        self.result.assign(&mut self.variables)?;
                    }
                    None
                }
                (Event::Columns, Some(Sent::Statement { number, .. })) => {
                    self.result.columns(self.frames.body(), playbook.results(number))?;
                    None
                }
                (Event::Row, Some(Sent::Statement { .. })) => {
                    self.result.keep(self.frames.body());
                    None
                }
                (Event::Ready(status), Some(_)) => {
                    self.status = status;
                    Some(self.answered(playbook)?)
                }
                _ => return Err(invalid("an answer to nothing")),
            };
            if heard.is_some() {
                return Ok(heard);
            }
        }
        Ok(None)
    }

    /// An answer is complete up to the next Sync.
    fn answered(&mut self, playbook: &Playbook) -> io::Result<Heard> {
        let mut answer = None;
        while let Some(sent) = self.sent.pop_front() {
            let Some(running) = &mut self.running else { break };
            match sent {
                Sent::Sync => break,
                // In a pipeline with an error the rest is not run.
                Sent::Statement { is_in_pipeline: true, .. } => {}
                Sent::Statement { number, at, .. } => {
                    if running.error.is_none()
                        && matches!(playbook.results(number), Results::Row(_))
                        && let Some(error) = self.result.take_row(&mut self.variables)?
                    {
                        running.fail(Stop { line: playbook.line(number), error });
                    }
                    answer = Some(Answer {
                        statement: number,
                        sent: at,
                        error: running.error,
                        due: running.run.due,
                    });
                }
            }
        }
        let is_turn = self.sent.is_empty()
            && self
                .running
                .is_some_and(|running| running.phase != Phase::Sleeping && !running.is_in_pipeline);
        Ok(Heard { answer, is_turn })
    }

    /// The server skips all statements up to the next Sync, and may not have prepared them.
    fn skip(&mut self) {
        while let Some(Sent::Statement { number, .. }) = self.sent.front().copied() {
            if self.prepared[number] == PreparedState::Sent {
                self.prepared[number] = PreparedState::Unknown;
            }
            self.sent.pop_front();
        }
    }

    /// The connection is gone: returns the run that it ends, and why, as far as the server said.
    pub(super) fn lose(&mut self) -> (Option<Run>, Option<SqlState>) {
        match self.running.take() {
            Some(running) => (Some(running.run), running.error),
            None => (None, None),
        }
    }
}

impl Running {
    /// Notes that a step cannot be done.
    fn fail(&mut self, stop: Stop) {
        self.error.get_or_insert(SqlState(*stop.error.sqlstate()));
        self.stop.get_or_insert(stop);
    }
}

pub(super) fn invalid(what: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}

#[cfg(test)]
mod tests {
    use super::super::frame::tests::{error, message, ready};
    use super::super::pace::{Due, DueKind};
    use super::*;
    use crate::bench::script::{Scripts, Source};
    use crate::workload::parameter::Draw;

    const MAX_TRIES: u32 = 10;

    /// A client with a script.
    struct Test {
        play: Play,
        playbook: Playbook,
    }

    impl Test {
        fn new(script: &str, protocol: Protocol) -> Self {
            let source = Source { name: "s".to_owned(), text: script.to_owned(), weight: 1.0 };
            let scripts = Scripts::new(&[source], &[]).unwrap();
            let variables = scripts.variables(0);
            let playbook = Playbook::new(scripts, protocol).unwrap();
            Self { play: Play::new(playbook.n_statements(), variables, MAX_TRIES), playbook }
        }

        fn start(&mut self, bits: u64) -> Step {
            let now = Instant::now();
            let due = Due { at: now, kind: DueKind::Closed };
            let run =
                Run { statement: 0, draw: Draw { bits, ..Draw::default() }, due, sent: now, n_tries: 1 };
            self.play.start(run, &self.playbook, now).unwrap()
        }

        /// The tags of the messages that wait to be sent, which are then taken as sent.
        fn sent(&mut self) -> String {
            let mut tags = String::new();
            let mut rest = &self.play.out[..];
            while let Some((tag, body)) = rest.split_first() {
                tags.push(char::from(*tag));
                let length = u32::from_be_bytes(body[..4].try_into().unwrap());
                rest = &body[usize::try_from(length).unwrap()..];
            }
            self.play.out.clear();
            tags
        }

        /// The text of the statement of the simple protocol that waits to be sent.
        fn text(&mut self) -> String {
            let text = String::from_utf8_lossy(&self.play.out[5..self.play.out.len() - 1]).into_owned();
            self.play.out.clear();
            text
        }

        /// Receives messages, and goes on when it is the script's turn. Returns the errors of the statements that were answered.
        fn receive(&mut self, messages: &[Vec<u8>]) -> (Vec<Option<String>>, Option<Step>) {
            let bytes = messages.concat();
            let (mut input, mut answers, mut step) = (&bytes[..], Vec::new(), None);
            while let Some(heard) = self.play.receive(&mut input, &self.playbook).unwrap() {
                let code = |code: SqlState| code.as_str().to_owned();
                answers.extend(heard.answer.map(|answer| answer.error.map(code)));
                if heard.is_turn {
                    step = Some(self.play.go_on(&self.playbook, Instant::now()).unwrap());
                }
            }
            (answers, step)
        }
    }

    /// The tries and the error of the run that a step ends.
    fn end(step: Option<Step>) -> (u32, Option<String>) {
        let Some(Step::End(outcome, _)) = step else { panic!("{step:?} is no end") };
        (outcome.run.n_tries, outcome.error.map(|code| code.as_str().to_owned()))
    }

    fn parsed() -> Vec<u8> {
        message(b'1', b"")
    }

    fn done() -> Vec<u8> {
        message(b'C', b"SELECT 1\0")
    }

    #[test]
    fn sends_one_statement_after_the_other() {
        let mut test = Test::new("SELECT 1;\nSELECT 2;", Protocol::Prepared);
        for messages in ["PBES", "BES"] {
            assert!(matches!(test.start(1), Step::Await));
            assert_eq!(test.sent(), messages);
            let (answers, step) = test.receive(&[parsed(), done(), ready(b'I')]);
            assert!(answers == [None] && matches!(step, Some(Step::Await)));
            assert_eq!(test.sent(), messages);
            let (_, step) = test.receive(&[parsed(), done(), ready(b'I')]);
            assert_eq!(end(step), (1, None));
            assert!(test.play.is_idle());
        }
    }

    #[test]
    fn a_retry_begins_anew_with_the_same_numbers() {
        let script = "\\set n random(1, 1000000)\nBEGIN;\nSELECT :n;\nEND;";
        let mut test = Test::new(script, Protocol::Simple);
        test.start(5);
        assert_eq!(test.text(), "BEGIN");
        test.receive(&[done(), ready(b'T')]);
        let first = test.text();
        let (answers, _) = test.receive(&[error("40001"), ready(b'E')]);
        assert_eq!(answers, [Some("40001".to_owned())]);
        assert_eq!(test.text(), "ROLLBACK");
        test.receive(&[done(), ready(b'I')]);
        assert_eq!(test.text(), "BEGIN");
        test.receive(&[done(), ready(b'T')]);
        assert_eq!(test.text(), first);
        test.receive(&[done(), ready(b'T')]);
        test.text();
        let (_, step) = test.receive(&[done(), ready(b'I')]);
        assert_eq!(end(step), (2, None));
    }

    #[test]
    fn other_errors_end_the_run_after_a_rollback() {
        let mut test = Test::new("BEGIN;\nSELECT 1;\nEND;", Protocol::Simple);
        test.start(1);
        test.receive(&[done(), ready(b'T')]);
        test.text();
        test.receive(&[error("22012"), ready(b'E')]);
        assert_eq!(test.text(), "ROLLBACK");
        let (_, step) = test.receive(&[done(), ready(b'I')]);
        assert_eq!(end(step), (1, Some("22012".to_owned())));
    }

    #[test]
    fn a_transaction_is_not_left_open() {
        let mut test = Test::new("BEGIN;", Protocol::Simple);
        test.start(1);
        test.text();
        test.receive(&[done(), ready(b'T')]);
        assert_eq!(test.text(), "ROLLBACK");
        let (_, step) = test.receive(&[done(), ready(b'I')]);
        assert_eq!(end(step), (1, Some("25001".to_owned())));
    }

    #[test]
    fn a_pipeline_is_sent_at_once_and_answered_one_by_one() {
        let script = "\\startpipeline\nSELECT 1;\nSELECT 2;\n\\syncpipeline\nSELECT 3;\n\\endpipeline";
        let mut test = Test::new(script, Protocol::Prepared);
        test.start(1);
        assert_eq!(test.sent(), "PBEPBESPBES");
        let (answers, step) = test.receive(&[parsed(), done(), parsed(), done()]);
        assert!(answers == [None, None] && step.is_none());
        let (answers, step) = test.receive(&[ready(b'I'), parsed(), done(), ready(b'I')]);
        assert_eq!((answers, end(step)), (vec![None], (1, None)));
        test.start(2);
        assert_eq!(test.sent(), "BEBESBES");
    }

    #[test]
    fn what_a_failed_pipeline_may_not_have_prepared_is_prepared_again() {
        let script = "\\startpipeline\nSELECT 1;\nSELECT 2;\nSELECT 3;\n\\endpipeline";
        let mut test = Test::new(script, Protocol::Prepared);
        test.start(1);
        test.sent();
        let (answers, step) = test.receive(&[parsed(), done(), parsed(), error("22012"), ready(b'I')]);
        assert_eq!(answers, [None, Some("22012".to_owned())]);
        assert_eq!(end(step), (1, Some("22012".to_owned())));
        test.start(2);
        assert_eq!(test.sent(), "BEBECPBES", "the third is closed, should it be there");
    }

    #[test]
    fn rows_become_variables() {
        let script = "SELECT 1 AS a, 2 AS b \\gset\nSELECT :b, :a;";
        let mut test = Test::new(script, Protocol::Simple);
        test.start(1);
        test.text();
        let columns = message(b'T', &[&[0, 2][..], b"a\0", &[0; 18], b"b\0", &[0; 18]].concat());
        let row = message(b'D', &[&[0, 2][..], &[0, 0, 0, 2], b"it", &[255; 4]].concat());
        test.receive(&[columns, row.clone(), done(), ready(b'I')]);
        assert_eq!(test.text(), "SELECT NULL, it");
        test.receive(&[done(), ready(b'I')]);
        test.start(1);
        let (answers, step) = test.receive(&[done(), ready(b'I')]);
        assert_eq!((answers, end(step)), (vec![Some("P0002".to_owned())], (1, Some("P0002".to_owned()))));
        for broken in [message(b'T', &[0, 1, b'a']), message(b'T', b"")] {
            test.start(1);
            assert!(test.play.receive(&mut &broken[..], &test.playbook).is_err());
            test.play.renew();
        }
    }

    #[test]
    fn a_script_that_sends_nothing_ends_at_once() {
        let mut test = Test::new("\\set x 1 / 0\nSELECT 1;", Protocol::Simple);
        assert_eq!(end(Some(test.start(1))), (1, Some("22012".to_owned())));
        let mut test = Test::new("\\if false\nSELECT 1;\n\\endif", Protocol::Simple);
        assert_eq!(end(Some(test.start(1))), (1, None));
    }

    #[test]
    fn a_script_sleeps_and_a_lost_connection_ends_it() {
        let mut test = Test::new("\\sleep 5 ms\nSELECT 1;", Protocol::Simple);
        assert!(matches!(test.start(1), Step::Sleep(time) if time == Duration::from_millis(5)));
        assert!(matches!(test.play.go_on(&test.playbook, Instant::now()), Ok(Step::Await)));
        let (answers, _) = test.receive(&[error("57P01")]);
        assert!(answers.is_empty());
        let (run, code) = test.play.lose();
        assert!(run.is_some() && code.is_some_and(|code| code.as_str() == "57P01"));
        assert!(test.play.receive(&mut &ready(b'I')[..], &test.playbook).is_err(), "an answer to nothing");
    }
}
