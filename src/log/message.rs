//! What the message of an entry says of statements (`postgres.c`: `check_log_statement`, `check_log_duration`).

use memchr::memmem;

use crate::trace::{Nanos, Protocol};

/// What a message says.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Message<'a> {
    /// `log_statement`: a statement that begins.
    Statement(Sent<'a>),
    /// `log_min_duration_statement`: a statement that ended.
    Ended {
        duration: Nanos,
        sent: Sent<'a>,
    },
    /// `log_duration`: what was logged before ended, or was parsed or bound.
    Duration(Nanos),
    /// A statement was parsed or bound.
    Prepared {
        duration: Nanos,
        sql: &'a [u8],
    },
    /// `auto_explain`.
    Plan {
        duration: Nanos,
        plan: &'a [u8],
    },
    Disconnection,
    Other,
}

/// A statement as a client sent it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Sent<'a> {
    pub(super) protocol: Protocol,
    /// Whether it goes on with rows of a portal.
    pub(super) is_fetch: bool,
    pub(super) sql: &'a [u8],
}

/// Reads a message.
pub(super) fn read(message: &[u8]) -> Message<'_> {
    if let Some(rest) = message.strip_prefix(b"duration: ") {
        return duration(rest).unwrap_or(Message::Other);
    }
    if let Some(sent) = sent(message) {
        return Message::Statement(sent);
    }
    if message.starts_with(b"disconnection: session time: ") {
        Message::Disconnection
    } else {
        Message::Other
    }
}

fn duration(text: &[u8]) -> Option<Message<'_>> {
    let end = memmem::find(text, b" ms")?;
    let duration = nanos(&text[..end])?;
    let rest = &text[end + b" ms".len()..];
    let Some(rest) = rest.strip_prefix(b"  ") else {
        return rest.is_empty().then_some(Message::Duration(duration));
    };
    if let Some(plan) = rest.strip_prefix(b"plan:") {
        return Some(Message::Plan { duration, plan });
    }
    if let Some(sent) = sent(rest) {
        return Some(Message::Ended { duration, sent });
    }
    let named = rest.strip_prefix(b"parse ").or_else(|| rest.strip_prefix(b"bind "))?;
    Some(Message::Prepared { duration, sql: named_sql(named)?.1 })
}

/// Reads milliseconds with their fraction.
fn nanos(text: &[u8]) -> Option<Nanos> {
    let text = std::str::from_utf8(text).ok()?;
    let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if !is_number(whole) || !is_number(fraction) || fraction.len() > 6 {
        return None;
    }
    let fraction_ns = fraction.parse::<u64>().ok()? * 10_u64.pow(6 - u32::try_from(fraction.len()).ok()?);
    whole.parse::<u64>().ok()?.checked_mul(1_000_000)?.checked_add(fraction_ns)
}

fn sent(text: &[u8]) -> Option<Sent<'_>> {
    if let Some(sql) = text.strip_prefix(b"statement: ") {
        return Some(Sent { protocol: Protocol::Simple, is_fetch: false, sql });
    }
    let named = text.strip_prefix(b"execute ")?;
    let fetched = named.strip_prefix(b"fetch from ");
    let (name, sql) = named_sql(fetched.unwrap_or(named))?;
    let is_unnamed = name == b"<unnamed>" || name.starts_with(b"<unnamed>/");
    let protocol = if is_unnamed { Protocol::Extended } else { Protocol::Prepared };
    Some(Sent { protocol, is_fetch: fetched.is_some(), sql })
}

/// Reads `name: SELECT …`. Names are the client's and may hold anything, but hardly a colon and a space.
fn named_sql(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let colon = memmem::find(text, b": ")?;
    Some((&text[..colon], &text[colon + 2..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(message: &str, expected: &Message<'_>) {
        assert_eq!(read(message.as_bytes()), *expected, "{message}");
    }

    fn sent(protocol: Protocol, sql: &str) -> Sent<'_> {
        Sent { protocol, is_fetch: false, sql: sql.as_bytes() }
    }

    #[test]
    fn reads_what_is_said_of_statements() {
        use Protocol::{Extended, Prepared, Simple};
        check("statement: SELECT 1", &Message::Statement(sent(Simple, "SELECT 1")));
        check("execute <unnamed>: SELECT 1", &Message::Statement(sent(Extended, "SELECT 1")));
        check("duration: 1.234 ms", &Message::Duration(1_234_000));
        check(
            "duration: 12 ms  statement: SELECT ': '",
            &Message::Ended { duration: 12_000_000, sent: sent(Simple, "SELECT ': '") },
        );
        check(
            "duration: 0.5 ms  execute S_1/C_2: SELECT $1",
            &Message::Ended { duration: 500_000, sent: sent(Prepared, "SELECT $1") },
        );
        check(
            "duration: 0.5 ms  execute fetch from <unnamed>/C_2: SELECT $1",
            &Message::Ended {
                duration: 500_000,
                sent: Sent { is_fetch: true, ..sent(Extended, "SELECT $1") },
            },
        );
        check(
            "duration: 0.050 ms  parse a: SELECT 1",
            &Message::Prepared { duration: 50_000, sql: b"SELECT 1" },
        );
        check(
            "duration: 0.050 ms  bind a: SELECT 1",
            &Message::Prepared { duration: 50_000, sql: b"SELECT 1" },
        );
        check("duration: 7.0 ms  plan:\nx", &Message::Plan { duration: 7_000_000, plan: b"\nx" });
    }

    #[test]
    fn leaves_all_else() {
        for message in [
            "",
            "duration: x ms",
            "duration: 1.2",
            "duration: 1 ms x",
            "duration: 1 ms  fastpath function call",
            "duration: 99999999999999999999 ms",
            "duration: . ms",
            "connection received: host=[local]",
        ] {
            check(message, &Message::Other);
        }
        check("disconnection: session time: 0:00:01.0 user=a", &Message::Disconnection);
    }
}
