//! Statements as the messages that a server is sent.

use std::io;
use std::ops::Range;

use bytes::{BufMut as _, BytesMut};
use postgres_protocol::IsNull;
use postgres_protocol::message::frontend::{self, BindError};

use crate::query;
use crate::query::quote::Literal;
use crate::workload::parameter::{Draw, Generator};

/// How statements are sent (manual, "Message Flow").
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Protocol {
    /// As text with its values inside; parsed and planned every time.
    Simple,
    /// With its values apart; parsed and planned every time.
    Extended,
    /// Parsed once in a session, then run by its name.
    Prepared,
}

/// The format codes of Bind.
const BINARY: i16 = 1;

/// A statement that is ready to be sent.
#[derive(Clone)]
pub(crate) struct Request {
    pub(crate) name: String,
    sql: String,
    generators: Vec<Generator>,
    protocol: Protocol,
    /// What the server knows the prepared statement as; empty when it is parsed every time.
    handle: String,
    /// The formats of results, all the same: none is text.
    result_formats: &'static [i16],
    /// Where the text has a parameter, and which one, from 0.
    placeholders: Vec<(Range<usize>, usize)>,
}

impl Request {
    /// Makes the `number`-th statement of a load ready. Results come in binary, unless a type of theirs has no such form.
    pub(crate) fn new(
        number: usize,
        (name, sql): (&str, &str),
        generators: Vec<Generator>,
        protocol: Protocol,
        has_binary_results: bool,
    ) -> Self {
        let handle = if protocol == Protocol::Prepared { format!("perfkit_{number}") } else { String::new() };
        Self {
            name: name.to_owned(),
            sql: sql.to_owned(),
            generators,
            protocol,
            handle,
            result_formats: if has_binary_results { &[BINARY] } else { &[] },
            placeholders: query::placeholders(sql),
        }
    }

    pub(super) fn protocol(&self) -> Protocol {
        self.protocol
    }

    /// Appends all that runs the statement once; with `is_prepared` the server knows it already.
    #[inline]
    pub(super) fn write(&self, draw: Draw, is_prepared: bool, out: &mut BytesMut) -> io::Result<()> {
        if self.protocol == Protocol::Simple {
            return self.write_simple(draw, out);
        }
        if !is_prepared {
            frontend::parse(&self.handle, &self.sql, [], out)?;
        }
        let value = |(generator, i): (&Generator, u64), out: &mut BytesMut| generator.write(&draw, i, out);
        bind(&self.handle, [], self.generators.iter().zip(0..), value, self.result_formats, out)?;
        frontend::execute("", 0, out)?;
        frontend::sync(out);
        Ok(())
    }

    /// Appends the statement as one text, its values written in.
    fn write_simple(&self, draw: Draw, out: &mut BytesMut) -> io::Result<()> {
        framed(out, |out| {
            let mut start = 0;
            for (place, number) in &self.placeholders {
                out.put_slice(&self.sql.as_bytes()[start..place.start]);
                start = place.end;
                let before = out.len();
                out.put_u8(b'\'');
                let is_there = self
                    .generators
                    .get(*number)
                    .is_some_and(|generator| generator.write(&draw, *number as u64, &mut Literal(&mut *out)));
                if is_there {
                    out.put_u8(b'\'');
                } else {
                    out.truncate(before);
                    out.put_slice(b"NULL");
                }
            }
            out.put_slice(&self.sql.as_bytes()[start..]);
        })
    }
}

/// Appends a statement of the simple protocol, whose text `write` writes.
pub(super) fn framed(out: &mut BytesMut, write: impl FnOnce(&mut BytesMut)) -> io::Result<()> {
    const TAG_BYTES: usize = 1;
    const HEADER_BYTES: usize = 5;
    let base = out.len();
    out.put_slice(b"Q\0\0\0\0");
    write(out);
    if out[base + HEADER_BYTES..].contains(&0) {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "a text holds a zero byte"));
    }
    out.put_u8(0);
    let length = i32::try_from(out.len() - base - TAG_BYTES).map_err(io::Error::other)?;
    out[base + TAG_BYTES..base + HEADER_BYTES].copy_from_slice(&length.to_be_bytes());
    Ok(())
}

/// Appends what gives a parsed statement its values. `write` appends one, or says by `false` that it is NULL.
#[inline]
pub(super) fn bind<T>(
    handle: &str,
    formats: impl IntoIterator<Item = i16>,
    values: impl IntoIterator<Item = T>,
    mut write: impl FnMut(T, &mut BytesMut) -> bool,
    result_formats: &[i16],
    out: &mut BytesMut,
) -> io::Result<()> {
    let value = |value, out: &mut BytesMut| Ok(if write(value, out) { IsNull::No } else { IsNull::Yes });
    let result_formats = result_formats.iter().copied();
    frontend::bind("", handle, formats, values, value, result_formats, out).map_err(|error| match error {
        BindError::Serialization(error) => error,
        BindError::Conversion(error) => io::Error::other(error),
    })
}

/// Appends what ends a `COPY FROM STDIN` that the server waits for: there are no rows to load.
pub(super) fn refuse_copy(protocol: Protocol, out: &mut BytesMut) -> io::Result<()> {
    frontend::copy_fail("perfkit bench sends no rows", out)?;
    // The Sync that was sent with the statement was lost in the copy (manual, "COPY Operations").
    if protocol != Protocol::Simple {
        frontend::sync(out);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workload::parameter::{Parameter, Samples};

    fn written(protocol: Protocol, is_prepared: bool) -> String {
        let value = |value: Option<&str>| {
            Generator::new(&Parameter::Value(value.map(str::to_owned)), &Samples::default(), 1)
        };
        let sql = ("s", "SELECT '$1', $2, $1");
        let request = Request::new(3, sql, vec![value(Some("o'clock")), value(None)], protocol, true);
        let mut out = BytesMut::new();
        request.write(Draw::default(), is_prepared, &mut out).unwrap();
        String::from_utf8(out.iter().flat_map(|byte| std::ascii::escape_default(*byte)).collect()).unwrap()
    }

    #[test]
    fn simple_statements_hold_their_values() {
        insta::assert_snapshot!(written(Protocol::Simple, false), @r#"Q\x00\x00\x00\"SELECT \'$1\', NULL, \'o\'\'clock\'\x00"#);
    }

    #[test]
    fn extended_statements_are_parsed_every_time() {
        insta::assert_snapshot!(written(Protocol::Extended, false), @r"P\x00\x00\x00\x1b\x00SELECT \'$1\', $2, $1\x00\x00\x00B\x00\x00\x00\x1d\x00\x00\x00\x00\x00\x02\x00\x00\x00\x07o\'clock\xff\xff\xff\xff\x00\x01\x00\x01E\x00\x00\x00\t\x00\x00\x00\x00\x00S\x00\x00\x00\x04");
    }

    #[test]
    fn prepared_statements_are_parsed_once() {
        insta::assert_snapshot!(written(Protocol::Prepared, false), @r"P\x00\x00\x00$perfkit_3\x00SELECT \'$1\', $2, $1\x00\x00\x00B\x00\x00\x00&\x00perfkit_3\x00\x00\x00\x00\x02\x00\x00\x00\x07o\'clock\xff\xff\xff\xff\x00\x01\x00\x01E\x00\x00\x00\t\x00\x00\x00\x00\x00S\x00\x00\x00\x04");
        insta::assert_snapshot!(written(Protocol::Prepared, true), @r"B\x00\x00\x00&\x00perfkit_3\x00\x00\x00\x00\x02\x00\x00\x00\x07o\'clock\xff\xff\xff\xff\x00\x01\x00\x01E\x00\x00\x00\t\x00\x00\x00\x00\x00S\x00\x00\x00\x04");
    }

    #[test]
    fn no_text_holds_a_zero_byte() {
        let request = Request::new(0, ("s", "SELECT '\0'"), Vec::new(), Protocol::Simple, true);
        assert!(request.write(Draw::default(), false, &mut BytesMut::new()).is_err());
    }
}
