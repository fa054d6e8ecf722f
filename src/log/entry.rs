//! One entry of a server log, whatever format it was written in.

use crate::trace::Time;

/// What the server said at once: a message with what belongs to it.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Entry<'a> {
    pub(crate) time: Option<Time>,
    pub(crate) pid: Option<u32>,
    /// Start of the session and process, in hexadecimal digits (`%c`).
    pub(crate) session: &'a [u8],
    pub(crate) user: &'a [u8],
    pub(crate) database: &'a [u8],
    pub(crate) application: &'a [u8],
    /// Whether the format has a place for the application's name, so that an empty one says something.
    pub(crate) has_application: bool,
    pub(crate) client: &'a [u8],
    /// Backend and local number, as in `3/12` (`%v`).
    pub(crate) virtual_transaction: &'a [u8],
    pub(crate) sql_state: Option<[u8; 5]>,
    pub(crate) severity: Severity,
    pub(crate) message: &'a [u8],
    pub(crate) detail: &'a [u8],
    pub(crate) context: &'a [u8],
    /// The statement during which it happened.
    pub(crate) statement: &'a [u8],
}

/// The severities of messages (manual, "Message Severity Levels").
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Severity {
    Debug,
    #[default]
    Log,
    Info,
    Notice,
    Warning,
    Error,
    Fatal,
    Panic,
}

impl Severity {
    pub(super) fn of(word: &[u8]) -> Option<Self> {
        Some(match word {
            b"LOG" => Self::Log,
            b"ERROR" => Self::Error,
            b"DEBUG" | b"DEBUG1" | b"DEBUG2" | b"DEBUG3" | b"DEBUG4" | b"DEBUG5" => Self::Debug,
            b"INFO" => Self::Info,
            b"NOTICE" => Self::Notice,
            b"WARNING" => Self::Warning,
            b"FATAL" => Self::Fatal,
            b"PANIC" => Self::Panic,
            _ => return None,
        })
    }

    pub(crate) fn is_error(self) -> bool {
        matches!(self, Self::Error | Self::Fatal | Self::Panic)
    }
}

/// What stands in a line of stderr behind its prefix.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Label {
    Message(Severity),
    Part(Part),
}

/// The parts of an entry beside its message, as far as they are of use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    Message,
    Detail,
    Context,
    Statement,
    /// Hints, places in the server's source, backtraces, queries of functions.
    Other,
}

/// Reads `LOG:  `, and returns how many bytes that is.
pub(super) fn label(text: &[u8]) -> Option<(Label, usize)> {
    const LONGEST: usize = "BACKTRACE".len();
    let end = text.iter().take(LONGEST + 1).position(|byte| *byte == b':')?;
    if !text[end + 1..].starts_with(b"  ") && text.len() > end + 1 {
        return None;
    }
    let label = match &text[..end] {
        b"DETAIL" => Label::Part(Part::Detail),
        b"CONTEXT" => Label::Part(Part::Context),
        b"STATEMENT" => Label::Part(Part::Statement),
        b"HINT" | b"QUERY" | b"LOCATION" | b"BACKTRACE" => Label::Part(Part::Other),
        word => Label::Message(Severity::of(word)?),
    };
    Some((label, (end + 3).min(text.len())))
}

/// Reads `63b0d0f0.1a2b`: the second in which a session began, and its process.
pub(super) fn session_id(text: &[u8]) -> Option<(u64, u32)> {
    let dot = text.iter().position(|byte| *byte == b'.')?;
    let hexadecimal = |digits: &[u8]| {
        (!digits.is_empty() && digits.len() <= 16).then_some(())?;
        u64::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()
    };
    Some((hexadecimal(&text[..dot])?, u32::try_from(hexadecimal(&text[dot + 1..])?).ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_labels() {
        assert_eq!(label(b"LOG:  x"), Some((Label::Message(Severity::Log), 6)));
        assert_eq!(label(b"DEBUG3:  x"), Some((Label::Message(Severity::Debug), 9)));
        assert_eq!(label(b"STATEMENT:  x"), Some((Label::Part(Part::Statement), 12)));
        for text in ["LOG: x", "LOG", "log:  x", "A LOG:  x", ""] {
            assert_eq!(label(text.as_bytes()), None, "{text}");
        }
    }

    #[test]
    fn reads_session_ids() {
        assert_eq!(session_id(b"63b0d0f0.1a2b"), Some((0x63b0_d0f0, 0x1a2b)));
        for text in ["", ".", "63b0d0f0", "x.1", "1.fffffffff"] {
            assert_eq!(session_id(text.as_bytes()), None, "{text}");
        }
    }
}
