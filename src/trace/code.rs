//! Events as bytes and back. Numbers are LEB128, times are differences to the time before, within one frame.

use super::{
    Blocks, Dropped, Event, Execution, Fingerprint, Hashes, Header, Outcome, Protocol, SessionId,
    SessionStart, Source, SqlState, Statement, StatementId, Time, Timing, Totals, Transaction,
    TransactionState, Value,
};

/// Bytes that are no event of this version.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Malformed {
    #[error("it ends within an event")]
    Short,
    #[error("a number is out of range")]
    Number,
    #[error("a text is not UTF-8")]
    Text,
    #[error("byte {0} stands where a kind is named")]
    Kind(u8),
}

/// Encoded events.
#[derive(Default)]
pub(super) struct Output {
    pub(super) bytes: Vec<u8>,
    last: u64,
}

impl Output {
    /// Begins anew, so that what follows can be read on its own.
    pub(super) fn clear(&mut self) {
        self.bytes.clear();
        self.last = 0;
    }

    /// Goes back to where the output was `n` bytes long, after which no time was written that counts.
    pub(super) fn mark(&self) -> (usize, u64) {
        (self.bytes.len(), self.last)
    }

    pub(super) fn undo(&mut self, (n_bytes, last): (usize, u64)) {
        self.bytes.truncate(n_bytes);
        self.last = last;
    }
}

/// Encoded events that are still to be read.
pub(super) struct Input<'a> {
    bytes: &'a [u8],
    last: u64,
}

impl<'a> Input<'a> {
    pub(super) fn new(bytes: &'a [u8], last: u64) -> Self {
        Self { bytes, last }
    }

    /// The time that the next difference goes by.
    pub(super) fn last(&self) -> u64 {
        self.last
    }

    pub(super) fn n_left(&self) -> usize {
        self.bytes.len()
    }

    fn take(&mut self, n: usize) -> Result<&'a [u8], Malformed> {
        let (taken, rest) = self.bytes.split_at_checked(n).ok_or(Malformed::Short)?;
        self.bytes = rest;
        Ok(taken)
    }

    fn byte(&mut self) -> Result<u8, Malformed> {
        self.take(1).map(|byte| byte[0])
    }

    /// Reads the length of something whose parts take a byte each at least, so that it cannot be longer than the rest.
    fn length(&mut self) -> Result<usize, Malformed> {
        let length = usize::try_from(u64::read(self)?).map_err(|_| Malformed::Number)?;
        if length > self.bytes.len() { Err(Malformed::Short) } else { Ok(length) }
    }
}

/// What can be written and read back.
pub(super) trait Code: Sized {
    fn write(&self, out: &mut Output);
    fn read(input: &mut Input<'_>) -> Result<Self, Malformed>;
}

impl Code for u64 {
    fn write(&self, out: &mut Output) {
        let mut rest = *self;
        while rest >= 0x80 {
            out.bytes.push(rest.to_le_bytes()[0] | 0x80);
            rest >>= 7;
        }
        out.bytes.push(rest.to_le_bytes()[0]);
    }

    fn read(input: &mut Input<'_>) -> Result<Self, Malformed> {
        let mut value = 0;
        for shift in (0..64).step_by(7) {
            let byte = input.byte()?;
            let bits = u64::from(byte & 0x7f);
            if shift == 63 && bits > 1 {
                return Err(Malformed::Number);
            }
            value |= bits << shift;
            if byte < 0x80 {
                return Ok(value);
            }
        }
        Err(Malformed::Number)
    }
}

impl Code for u32 {
    fn write(&self, out: &mut Output) {
        u64::from(*self).write(out);
    }

    fn read(input: &mut Input<'_>) -> Result<Self, Malformed> {
        u64::read(input)?.try_into().map_err(|_| Malformed::Number)
    }
}

impl Code for i64 {
    fn write(&self, out: &mut Output) {
        ((*self << 1) ^ (*self >> 63)).cast_unsigned().write(out);
    }

    fn read(input: &mut Input<'_>) -> Result<Self, Malformed> {
        let bits = u64::read(input)?;
        Ok((bits >> 1).cast_signed() ^ -(bits & 1).cast_signed())
    }
}

impl Code for bool {
    fn write(&self, out: &mut Output) {
        out.bytes.push(u8::from(*self));
    }

    fn read(input: &mut Input<'_>) -> Result<Self, Malformed> {
        match input.byte()? {
            0 => Ok(false),
            1 => Ok(true),
            kind => Err(Malformed::Kind(kind)),
        }
    }
}

impl Code for Time {
    fn write(&self, out: &mut Output) {
        self.0.wrapping_sub(out.last).cast_signed().write(out);
        out.last = self.0;
    }

    fn read(input: &mut Input<'_>) -> Result<Self, Malformed> {
        let difference = i64::read(input)?.cast_unsigned();
        input.last = input.last.wrapping_add(difference);
        Ok(Self(input.last))
    }
}

impl Code for Vec<u8> {
    fn write(&self, out: &mut Output) {
        (self.len() as u64).write(out);
        out.bytes.extend_from_slice(self);
    }

    fn read(input: &mut Input<'_>) -> Result<Self, Malformed> {
        let length = input.length()?;
        input.take(length).map(<[u8]>::to_vec)
    }
}

impl Code for String {
    fn write(&self, out: &mut Output) {
        (self.len() as u64).write(out);
        out.bytes.extend_from_slice(self.as_bytes());
    }

    fn read(input: &mut Input<'_>) -> Result<Self, Malformed> {
        let length = input.length()?;
        let bytes = input.take(length)?;
        std::str::from_utf8(bytes).map(str::to_owned).map_err(|_| Malformed::Text)
    }
}

impl<T: Code> Code for Option<T> {
    fn write(&self, out: &mut Output) {
        self.is_some().write(out);
        if let Some(value) = self {
            value.write(out);
        }
    }

    fn read(input: &mut Input<'_>) -> Result<Self, Malformed> {
        bool::read(input)?.then(|| T::read(input)).transpose()
    }
}

/// Lists of what is no byte; bytes go in one piece.
trait Listed: Code {}
impl Listed for u32 {}
impl Listed for Value {}
impl Listed for String {}
impl Listed for (String, String) {}

impl<T: Listed> Code for Vec<T> {
    fn write(&self, out: &mut Output) {
        (self.len() as u64).write(out);
        for item in self {
            item.write(out);
        }
    }

    fn read(input: &mut Input<'_>) -> Result<Self, Malformed> {
        let length = input.length()?;
        // What is claimed is not believed before it is read.
        let mut items = Vec::new();
        for _ in 0..length {
            items.push(T::read(input)?);
        }
        Ok(items)
    }
}

impl Code for (String, String) {
    fn write(&self, out: &mut Output) {
        self.0.write(out);
        self.1.write(out);
    }

    fn read(input: &mut Input<'_>) -> Result<Self, Malformed> {
        Ok((String::read(input)?, String::read(input)?))
    }
}

impl Code for SqlState {
    fn write(&self, out: &mut Output) {
        out.bytes.extend_from_slice(&self.0);
    }

    fn read(input: &mut Input<'_>) -> Result<Self, Malformed> {
        input.take(5)?.try_into().map(Self).map_err(|_| Malformed::Short)
    }
}

/// A struct as its fields, one after another.
macro_rules! fields {
    ($name:ident { $($field:tt),+ }) => {
        impl Code for $name {
            fn write(&self, out: &mut Output) {
                $(self.$field.write(out);)+
            }

            fn read(input: &mut Input<'_>) -> Result<Self, Malformed> {
                Ok(Self { $($field: Code::read(input)?),+ })
            }
        }
    };
}

fields!(SessionId { 0 });
fields!(StatementId { 0 });
fields!(Fingerprint { 0 });
fields!(Header { source, writer, started_at, is_redacted });
fields!(SessionStart { session, at, user, database, application_name, client, backend_pid });
fields!(Statement { id, text, fingerprint, parameter_types });
fields!(Execution {
    session,
    statement,
    started_at,
    timing,
    protocol,
    outcome,
    n_rows,
    result_bytes,
    blocks,
    transaction,
    parameters,
    tags
});
fields!(Timing { total, first_answer, server, planning, is_client_slow });
fields!(Blocks { shared_hit, shared_read, shared_dirtied, shared_written, temp_read, temp_written });
fields!(Transaction { number, state });
fields!(Totals {
    statement,
    at,
    user_id,
    database_id,
    query_id,
    is_top_level,
    calls,
    execution,
    planning,
    n_rows,
    blocks,
    since
});
fields!(Hashes { session, parameters, columns, values });
fields!(Dropped { n_executions, n_sessions, n_entries });

/// An enum as the number of its variant, which never changes, and what that holds.
macro_rules! variants {
    ($name:ident { $($number:literal: $variant:ident $(($value:ident))? $({ $($field:ident),+ })?),+ $(,)? }) => {
        impl Code for $name {
            fn write(&self, out: &mut Output) {
                match self {
                    $(Self::$variant $(($value))? $({ $($field),+ })? => {
                        out.bytes.push($number);
                        $($value.write(out);)?
                        $($($field.write(out);)+)?
                    })+
                }
            }

            fn read(input: &mut Input<'_>) -> Result<Self, Malformed> {
                Ok(match input.byte()? {
                    $($number => Self::$variant
                        $(({ let $value = Code::read(input)?; $value }))?
                        $({ $($field: Code::read(input)?),+ })?,)+
                    kind => return Err(Malformed::Kind(kind)),
                })
            }
        }
    };
}

variants!(Source { 1: Proxy, 2: Log, 3: Statements });
variants!(Protocol { 1: Simple, 2: Extended, 3: Prepared, 4: Unknown });
variants!(Outcome { 1: Complete, 2: Suspended, 3: Failed(state), 4: Lost });
variants!(TransactionState { 1: Idle, 2: Open, 3: Failed, 4: Unknown });
variants!(Value {
    1: Null,
    2: Text(text),
    3: Literal(text),
    4: Binary(bytes),
    5: Cut { start, n_bytes },
    6: Redacted(number),
    7: Missing,
});
variants!(Event {
    1: SessionStart(start),
    2: ApplicationName { session, at, name },
    3: SessionEnd { session, at },
    4: Statement(statement),
    5: Execution(execution),
    6: Totals(totals),
    7: Dropped(dropped),
    8: End { at },
    9: Hashes(hashes),
});
