//! What one session of a replay says and hears: executions in pipelines as they were captured, and whose answer comes.

use std::collections::{HashSet, VecDeque};
use std::io;

use bytes::BytesMut;
use postgres_protocol::message::frontend;

use super::frame::{Detail, Event, Frames};
use super::request::{self, Protocol};
use crate::bench::replay::{Bound, Message, Text, Turn};
use crate::trace::SqlState;

/// The formats of a value.
const TEXT: i16 = 0;
const BINARY: i16 = 1;

/// The messages of a session, without its socket.
pub(super) struct Pipeline {
    /// What is to be sent.
    pub(super) out: BytesMut,
    frames: Frames,
    /// The texts that the server has prepared, and those of the present pipeline among them.
    prepared: HashSet<usize>,
    fresh: Vec<usize>,
    /// What the server is asked and has not answered.
    asked: VecDeque<Asked>,
    /// Statements of one query message, until its last.
    joined: String,
    /// The error after which the server skips all up to a Sync that is sent early.
    skipping: Option<SqlState>,
}

/// What an answer is awaited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Asked {
    Execution(Protocol),
    Sync,
}

/// Takes the ends of executions in their order, with the server's error if there is one.
pub(super) type Ended<'e> = dyn FnMut(Option<SqlState>) + 'e;

impl Default for Pipeline {
    fn default() -> Self {
        let mut frames = Frames::default();
        frames.tell(Detail::Statements);
        Self {
            out: BytesMut::with_capacity(512),
            frames,
            prepared: HashSet::new(),
            fresh: Vec::new(),
            asked: VecDeque::new(),
            joined: String::new(),
            skipping: None,
        }
    }
}

impl Pipeline {
    /// Begins anew, after all was answered.
    pub(super) fn begin(&mut self) {
        self.fresh.clear();
    }

    /// Appends an execution, behind which there is a Sync or not. What the server would skip has ended with that.
    pub(super) fn ask(
        &mut self,
        turn: &Turn,
        text: &Text,
        is_synced: bool,
        ended: &mut Ended<'_>,
    ) -> io::Result<()> {
        if let Some(error) = self.skipping {
            ended(Some(error));
            self.skipping = self.skipping.filter(|_| !is_synced);
            return Ok(());
        }
        let first = text.sql.text.split_whitespace().next().unwrap_or_default();
        if first.eq_ignore_ascii_case("discard") || first.eq_ignore_ascii_case("deallocate") {
            self.prepared.clear();
        }
        let protocol = match &turn.message {
            Message::Simple(sql) => {
                self.joined.push_str(sql);
                if is_synced {
                    frontend::query(&self.joined, &mut self.out)?;
                    self.joined.clear();
                } else {
                    self.joined.push_str("\n;\n");
                }
                Protocol::Simple
            }
            Message::Bound { sql, values, is_prepared } => {
                self.bound(turn.text, text, (sql.as_deref(), values, *is_prepared))?;
                if is_synced {
                    frontend::sync(&mut self.out);
                }
                Protocol::Extended
            }
        };
        self.asked.push_back(Asked::Execution(protocol));
        if is_synced {
            self.asked.push_back(Asked::Sync);
        }
        Ok(())
    }

    /// Appends all that runs an execution with values once, but for the Sync.
    fn bound(
        &mut self,
        number: usize,
        text: &Text,
        (own_sql, values, is_prepared): (Option<&str>, &[Bound], bool),
    ) -> io::Result<()> {
        let is_named = is_prepared && own_sql.is_none();
        let handle = if is_named { format!("perfkit_{number}") } else { String::new() };
        if !(is_named && self.prepared.contains(&number)) {
            if is_named {
                // A failed transaction may have left it; it is no error to close what is not there.
                frontend::close(b'S', &handle, &mut self.out)?;
                self.prepared.insert(number);
                self.fresh.push(number);
            }
            let n_types = text.types.len().min(values.len());
            let types = text.types[..n_types].iter().copied();
            frontend::parse(&handle, own_sql.unwrap_or(&text.sql.text), types, &mut self.out)?;
        }
        let formats =
            values.iter().map(|value| if matches!(value, Bound::Binary(_)) { BINARY } else { TEXT });
        let value = |value: &Bound, out: &mut BytesMut| {
            match value {
                Bound::Null => return false,
                Bound::Text(text) => out.extend_from_slice(text.as_bytes()),
                Bound::Binary(bytes) => out.extend_from_slice(bytes),
            }
            true
        };
        request::bind(&handle, formats, values, value, &[], &mut self.out)?;
        frontend::execute("", 0, &mut self.out)
    }

    /// Asks for the answers to what is sent, where no Sync does.
    pub(super) fn flush(&mut self) {
        if matches!(self.asked.back(), Some(Asked::Execution(Protocol::Extended))) {
            frontend::flush(&mut self.out);
        }
    }

    pub(super) fn is_answered(&self) -> bool {
        self.asked.is_empty()
    }

    /// Takes bytes of answers; what has to be said to them is appended.
    pub(super) fn take(&mut self, mut input: &[u8], ended: &mut Ended<'_>) -> io::Result<()> {
        while let Some(event) = self.frames.next(&mut input)? {
            match (event, self.asked.front()) {
                // The last before a Sync ends with the transaction that the Sync ends, and fails with it.
                (Event::Complete, _) if self.asked.get(1) == Some(&Asked::Sync) => {}
                (Event::Complete, Some(Asked::Execution(_))) => {
                    self.asked.pop_front();
                    ended(None);
                }
                (Event::Error(code), _) => self.failed(code, ended),
                (Event::CopyIn, Some(Asked::Execution(protocol))) => {
                    request::refuse_copy(*protocol, &mut self.out)?;
                }
                (Event::Ready(_), _) => {
                    while let Some(Asked::Execution(_)) = self.asked.pop_front() {
                        ended(None);
                    }
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// The server skips all up to the next Sync.
    fn failed(&mut self, code: SqlState, ended: &mut Ended<'_>) {
        // What was to be prepared behind the error is not there.
        for text in self.fresh.drain(..) {
            self.prepared.remove(&text);
        }
        if code == SqlState::UNDEFINED_STATEMENT {
            self.prepared.clear();
        }
        while let Some(Asked::Execution(_)) = self.asked.front() {
            self.asked.pop_front();
            ended(Some(code));
        }
        if self.asked.is_empty() {
            frontend::sync(&mut self.out);
            self.asked.push_back(Asked::Sync);
            self.skipping = Some(code);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::bench::replay::Awaits;
    use crate::load::frame::tests::{error, message, ready};

    fn bound(sql: Option<&str>, is_prepared: bool) -> Message {
        let values = vec![Bound::Text("1".to_owned()), Bound::Null];
        Message::Bound { sql: sql.map(str::to_owned), values, is_prepared }
    }

    fn simple(sql: &str) -> Message {
        Message::Simple(sql.to_owned())
    }

    /// Asks for executions, with a Sync behind each or not; returns the tags of the messages.
    fn ask(
        pipeline: &mut Pipeline,
        messages: Vec<(Message, bool)>,
        ended: &mut Vec<Option<SqlState>>,
    ) -> String {
        let text = Text::new(0, "SELECT $1, $2", vec![23, 25]);
        for (message, is_synced) in messages {
            let turn = Turn { at: Duration::ZERO, text: 3, message, awaits: Awaits::Nothing };
            pipeline.ask(&turn, &text, is_synced, &mut |error| ended.push(error)).unwrap();
        }
        pipeline.flush();
        tags(pipeline)
    }

    fn tags(pipeline: &mut Pipeline) -> String {
        let (mut tags, mut rest) = (String::new(), &pipeline.out[..]);
        while let Some((tag, body)) = rest.split_first() {
            tags.push(char::from(*tag));
            let length = u32::from_be_bytes(body[..4].try_into().unwrap());
            rest = &body[usize::try_from(length).unwrap()..];
        }
        pipeline.out.clear();
        tags
    }

    #[test]
    fn executions_are_sent_as_they_were() {
        let check = |messages: Vec<(Message, bool)>, expected: &str| {
            assert_eq!(ask(&mut Pipeline::default(), messages, &mut Vec::new()), expected);
        };
        check(vec![(simple("SELECT 1"), true)], "Q");
        check(vec![(bound(None, false), true)], "PBES");
        check(vec![(bound(None, true), true), (bound(None, true), true)], "CPBESBES");
        check(vec![(bound(Some("SELECT $1, $2, 3"), true), true)], "PBES");
        // Without a Sync between, and without one at the end.
        check(vec![(bound(None, true), false), (bound(None, false), true)], "CPBEPBES");
        check(vec![(bound(None, false), false)], "PBEH");
        let mut pipeline = Pipeline::default();
        let text = Text::new(0, "SELECT 1", Vec::new());
        for (sql, is_synced) in [("SELECT 1", false), ("SELECT 2", true)] {
            let turn = Turn { at: Duration::ZERO, text: 0, message: simple(sql), awaits: Awaits::Answer };
            pipeline.ask(&turn, &text, is_synced, &mut drop).unwrap();
        }
        assert_eq!(&pipeline.out[5..], b"SELECT 1\n;\nSELECT 2\0");
    }

    #[test]
    fn an_error_ends_what_the_server_skips() {
        let complete = || message(b'C', b"SELECT 1\0");
        let code = SqlState(*b"22012");
        let mut pipeline = Pipeline::default();
        let mut ended = Vec::new();
        let prepared = || bound(None, true);
        ask(&mut pipeline, vec![(prepared(), false), (prepared(), true), (prepared(), true)], &mut ended);
        let answer = [error("22012"), ready(b'I'), complete(), ready(b'I')].concat();
        pipeline.take(&answer, &mut |error| ended.push(error)).unwrap();
        assert_eq!(ended, [Some(code), Some(code), None]);
        assert!(pipeline.is_answered());
        // Nobody knows whether it was prepared.
        assert_eq!(ask(&mut pipeline, vec![(prepared(), true)], &mut ended), "CPBES");
    }

    #[test]
    fn a_transaction_that_fails_at_its_end_fails_its_last_statement() {
        let complete = || message(b'C', b"INSERT 0 1\0");
        let mut pipeline = Pipeline::default();
        let mut ended = Vec::new();
        ask(&mut pipeline, vec![(bound(None, false), false), (bound(None, false), true)], &mut ended);
        let answer = [complete(), complete(), error("23503"), ready(b'I')].concat();
        pipeline.take(&answer, &mut |error| ended.push(error)).unwrap();
        assert_eq!(ended, [None, Some(SqlState(*b"23503"))]);
    }

    #[test]
    fn an_error_in_a_part_of_a_pipeline_ends_it_early() {
        let mut pipeline = Pipeline::default();
        let mut ended = Vec::new();
        assert_eq!(ask(&mut pipeline, vec![(bound(None, false), false)], &mut ended), "PBEH");
        pipeline.take(&error("22012"), &mut |error| ended.push(error)).unwrap();
        assert_eq!((tags(&mut pipeline), pipeline.is_answered()), ("S".to_owned(), false));
        pipeline.take(&ready(b'I'), &mut |error| ended.push(error)).unwrap();
        assert!(pipeline.is_answered());
        // What belongs to the same transaction is skipped, and what comes behind it is not.
        let rest = vec![(bound(None, false), true), (bound(None, false), true)];
        assert_eq!(ask(&mut pipeline, rest, &mut ended), "PBES");
        assert_eq!(ended, [Some(SqlState(*b"22012")); 2]);
    }
}
