//! Finds the messages in a server's byte stream, and skips what a load generator need not know.

use std::io;

use postgres_protocol::message::backend::{
    COMMAND_COMPLETE_TAG, COPY_IN_RESPONSE_TAG, DATA_ROW_TAG, EMPTY_QUERY_RESPONSE_TAG, ERROR_RESPONSE_TAG,
    Header, PARSE_COMPLETE_TAG, READY_FOR_QUERY_TAG, ROW_DESCRIPTION_TAG,
};

use crate::trace::SqlState;

/// Bytes of a message's tag and length.
const HEADER_BYTES: usize = 5;

/// What a server said, as far as it matters here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Event {
    ParseComplete,
    Error(SqlState),
    /// The server waits for rows of `COPY FROM STDIN`.
    CopyIn,
    /// The answer is complete.
    Ready(TransactionStatus),
    /// One statement is done, its answer complete but for others after it.
    Complete,
    /// The columns of a result begin, or a row of it; [`Frames::body`] holds it.
    Columns,
    Row,
}

/// How much is told of an answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Detail {
    /// Errors and the end.
    #[default]
    End,
    /// The end of each statement too.
    Statements,
    /// The rows too.
    Rows,
}

/// Where a session stands between statements.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TransactionStatus {
    Idle,
    Open,
    Failed,
}

/// Returns a field of the body of an `ErrorResponse`: each is a type byte and a text that ends with a zero byte.
pub(super) fn field(body: &[u8], wanted: u8) -> Option<&[u8]> {
    body.split(|byte| *byte == 0).find_map(|text| match text.split_first() {
        Some((kind, text)) if *kind == wanted => Some(text),
        _ => None,
    })
}

/// The place in a stream of messages, which may come in pieces of any size.
#[derive(Default)]
pub(super) struct Frames {
    header: [u8; HEADER_BYTES],
    n_header: usize,
    /// The message whose body is read; `None` between messages.
    tag: Option<u8>,
    /// Bytes of the body that are still to come.
    n_left: usize,
    /// The body so far, of messages that matter.
    body: Vec<u8>,
    detail: Detail,
}

impl Frames {
    /// Says how much is told of what comes next.
    pub(super) fn tell(&mut self, detail: Detail) {
        self.detail = detail;
    }

    /// Returns the body of the message that the last event is about.
    pub(super) fn body(&self) -> &[u8] {
        &self.body
    }

    /// Takes bytes off `input` up to the next event; `None` once all are taken.
    #[inline]
    pub(super) fn next(&mut self, input: &mut &[u8]) -> io::Result<Option<Event>> {
        loop {
            let tag = match self.tag {
                Some(tag) => tag,
                None => match self.header(input)? {
                    Some(tag) => tag,
                    None => return Ok(None),
                },
            };
            let (part, rest) = input.split_at(self.n_left.min(input.len()));
            *input = rest;
            self.n_left -= part.len();
            if self.matters(tag) {
                self.body.extend_from_slice(part);
            }
            if self.n_left > 0 {
                return Ok(None);
            }
            self.tag = None;
            if let Some(event) = self.event(tag)? {
                return Ok(Some(event));
            }
        }
    }

    /// Reads tag and length of the next message.
    #[inline]
    fn header(&mut self, input: &mut &[u8]) -> io::Result<Option<u8>> {
        let whole = if self.n_header == 0 { Header::parse(input)? } else { None };
        let header = if let Some(header) = whole {
            *input = &input[HEADER_BYTES..];
            header
        } else {
            let (part, rest) = input.split_at((HEADER_BYTES - self.n_header).min(input.len()));
            self.header[self.n_header..self.n_header + part.len()].copy_from_slice(part);
            self.n_header += part.len();
            *input = rest;
            let Some(header) = Header::parse(&self.header[..self.n_header])? else { return Ok(None) };
            header
        };
        self.n_header = 0;
        // The length counts itself, and `Header` refuses less.
        self.n_left = usize::try_from(header.len()).map_or(0, |len| len - 4);
        self.tag = Some(header.tag());
        self.body.clear();
        Ok(Some(header.tag()))
    }

    fn event(&self, tag: u8) -> io::Result<Option<Event>> {
        Ok(Some(match tag {
            PARSE_COMPLETE_TAG => Event::ParseComplete,
            COPY_IN_RESPONSE_TAG => Event::CopyIn,
            ERROR_RESPONSE_TAG => Event::Error(SqlState::of_error(&self.body)),
            COMMAND_COMPLETE_TAG | EMPTY_QUERY_RESPONSE_TAG if self.detail != Detail::End => Event::Complete,
            ROW_DESCRIPTION_TAG if self.detail == Detail::Rows => Event::Columns,
            DATA_ROW_TAG if self.detail == Detail::Rows => Event::Row,
            READY_FOR_QUERY_TAG => Event::Ready(match self.body[..] {
                [b'I'] => TransactionStatus::Idle,
                [b'T'] => TransactionStatus::Open,
                [b'E'] => TransactionStatus::Failed,
                _ => return Err(io::Error::new(io::ErrorKind::InvalidData, "unknown transaction status")),
            }),
            _ => return Ok(None),
        }))
    }

    /// Whether the body of a message is read.
    #[inline]
    fn matters(&self, tag: u8) -> bool {
        matches!(tag, ERROR_RESPONSE_TAG | READY_FOR_QUERY_TAG)
            || (self.detail == Detail::Rows && matches!(tag, ROW_DESCRIPTION_TAG | DATA_ROW_TAG))
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use proptest::prelude::*;

    /// A message of the server.
    pub(in crate::load) fn message(tag: u8, body: &[u8]) -> Vec<u8> {
        let length = i32::try_from(body.len() + 4).unwrap();
        [&[tag], &length.to_be_bytes()[..], body].concat()
    }

    pub(in crate::load) fn ready(status: u8) -> Vec<u8> {
        message(b'Z', &[status])
    }

    pub(in crate::load) fn error(code: &str) -> Vec<u8> {
        message(b'E', format!("SERROR\0VERROR\0C{code}\0Mno C60000 good\0\0").as_bytes())
    }

    fn events(pieces: &[&[u8]]) -> Vec<Event> {
        let mut frames = Frames::default();
        let mut events = Vec::new();
        for piece in pieces {
            let mut piece = *piece;
            while let Some(event) = frames.next(&mut piece).unwrap() {
                events.push(event);
            }
            assert!(piece.is_empty());
        }
        events
    }

    fn answer() -> (Vec<u8>, Vec<Event>) {
        let bytes = [
            message(b'1', b""),
            message(b'2', b""),
            message(b'D', &[0; 300]),
            message(b'C', b"SELECT 1\0"),
            ready(b'I'),
            message(b'N', b"SNOTICE\0C00000\0Mhello\0\0"),
            error("40001"),
            ready(b'E'),
            message(b'G', &[0, 0, 0]),
            ready(b'T'),
        ];
        let events = vec![
            Event::ParseComplete,
            Event::Ready(TransactionStatus::Idle),
            Event::Error(SqlState::SERIALIZATION_FAILURE),
            Event::Ready(TransactionStatus::Failed),
            Event::CopyIn,
            Event::Ready(TransactionStatus::Open),
        ];
        (bytes.concat(), events)
    }

    #[test]
    fn skips_rows_and_notices() {
        let (bytes, expected) = answer();
        assert_eq!(events(&[&bytes]), expected);
    }

    #[test]
    fn rows_are_told_to_who_asks() {
        let bytes =
            [message(b'T', &[0, 1]), message(b'D', b"row"), message(b'C', b"SELECT 1\0"), message(b'I', b"")];
        let told = |detail| {
            let mut frames = Frames::default();
            frames.tell(detail);
            let (mut events, bytes) = (Vec::new(), bytes.concat());
            let mut input = &bytes[..];
            while let Some(event) = frames.next(&mut input).unwrap() {
                events.push((event, String::from_utf8_lossy(frames.body()).into_owned()));
            }
            events
        };
        assert_eq!(told(Detail::End), []);
        let complete = || (Event::Complete, String::new());
        assert_eq!(told(Detail::Statements), [complete(), complete()]);
        let rows = told(Detail::Rows);
        assert_eq!(rows[..2], [(Event::Columns, "\0\u{1}".to_owned()), (Event::Row, "row".to_owned())]);
        assert_eq!(rows[2..], [complete(), complete()]);
    }

    #[test]
    fn an_error_without_a_code_is_an_internal_one() {
        let [Event::Error(code)] = events(&[&message(b'E', b"Mwhat\0\0")])[..] else { panic!("one error") };
        assert_eq!(code.as_str(), "XX000");
        assert_eq!(field(b"SERROR\0Mwhat\0\0", b'M'), Some(&b"what"[..]));
        assert_eq!(field(b"SERROR\0\0", b'D'), None);
    }

    #[test]
    fn refuses_what_is_no_message() {
        let mut frames = Frames::default();
        assert!(frames.next(&mut &b"Z\0\0\0\x03"[..]).is_err(), "a length below its own");
        let mut frames = Frames::default();
        assert!(frames.next(&mut &ready(b'X')[..]).is_err());
        let mut frames = Frames::default();
        assert!(frames.next(&mut &message(b'Z', b"")[..]).is_err());
    }

    proptest! {
        #[test]
        fn pieces_say_the_same(cuts in prop::collection::vec(0usize..430, 0..12)) {
            let (bytes, expected) = answer();
            let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| cut.min(bytes.len())).collect();
            cuts.extend([0, bytes.len()]);
            cuts.sort_unstable();
            let pieces: Vec<&[u8]> = cuts.windows(2).map(|pair| &bytes[pair[0]..pair[1]]).collect();
            prop_assert_eq!(events(&pieces), expected);
        }

        #[test]
        fn no_bytes_panic(bytes: Vec<u8>) {
            let mut frames = Frames::default();
            let mut input = &bytes[..];
            while let Ok(Some(_)) = frames.next(&mut input) {}
        }
    }
}
