//! `log_line_prefix`: what stands before every line of stderr (manual, "What to Log").

use memchr::memmem;

use super::entry::{Label, label};
use super::time;
use crate::trace::Time;

/// No field of a prefix is longer: names have 63 bytes, `application_name` too.
const MAX_FIELD: usize = 300;
/// Ends that are tried for the fields of one line: more than any log needs, and a bound for lines that are none.
const MAX_TRIES: u32 = 2_000;

/// A prefix, taken apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Prefix {
    template: String,
    pieces: Vec<Piece>,
    /// Processes that are no session write the pieces before this one only (`%q`).
    stop: Option<usize>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Piece {
    Literal(Vec<u8>),
    /// With what pads it: spaces before for a positive width, behind for a negative one.
    Field(Field, i32),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Field {
    Time,
    Epoch,
    SessionStart,
    Pid,
    Number,
    Application,
    User,
    Database,
    Client,
    SqlState,
    Session,
    VirtualTransaction,
    /// `%i`, `%b`, `%L`: read over.
    Text,
}

/// A part of a line, in bytes from its beginning.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Span {
    start: u32,
    end: u32,
}

impl Span {
    pub(super) fn of(self, line: &[u8]) -> &[u8] {
        line.get(self.start as usize..self.end as usize).unwrap_or_default()
    }
}

/// What a prefix says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Head {
    pub(super) time: Option<Time>,
    pub(super) pid: Option<u32>,
    pub(super) session: Span,
    pub(super) user: Span,
    pub(super) database: Span,
    pub(super) application: Span,
    pub(super) has_application: bool,
    pub(super) client: Span,
    pub(super) virtual_transaction: Span,
    pub(super) sql_state: Option<[u8; 5]>,
    pub(super) is_zone_unknown: bool,
}

/// A line that begins with the prefix and a label.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Matched {
    pub(super) head: Head,
    pub(super) label: Label,
    /// Where the text behind the label begins.
    pub(super) text: usize,
    /// How many escapes were there that say something.
    pub(super) n_fields: usize,
}

impl Prefix {
    /// Takes a prefix apart; escapes that PostgreSQL does not know it leaves out.
    pub(crate) fn new(template: &str) -> Self {
        let mut prefix = Self { template: template.to_owned(), pieces: Vec::new(), stop: None };
        let mut rest = template.as_bytes();
        while let Some((&byte, after)) = rest.split_first() {
            rest = after;
            if byte != b'%' {
                prefix.literal(byte);
                continue;
            }
            let (width, n) = width(rest);
            rest = &rest[n..];
            let Some((&escape, after)) = rest.split_first() else { break };
            rest = after;
            match escape {
                b'%' => prefix.literal(b'%'),
                b'q' => prefix.stop = prefix.stop.or(Some(prefix.pieces.len())),
                escape => prefix.pieces.extend(field(escape).map(|field| Piece::Field(field, width))),
            }
        }
        prefix
    }

    fn literal(&mut self, byte: u8) {
        let is_after_stop = self.stop == Some(self.pieces.len());
        match self.pieces.last_mut() {
            Some(Piece::Literal(text)) if !is_after_stop => text.push(byte),
            _ => self.pieces.push(Piece::Literal(vec![byte])),
        }
    }

    /// As it stands in postgresql.conf.
    pub(crate) fn template(&self) -> &str {
        &self.template
    }

    /// Whether lines tell sessions apart.
    pub(crate) fn has_session(&self) -> bool {
        self.has(&[Field::Pid, Field::Session, Field::VirtualTransaction])
    }

    /// Whether lines tell when they were written.
    pub(crate) fn has_time(&self) -> bool {
        self.has(&[Field::Time, Field::Epoch])
    }

    fn has(&self, fields: &[Field]) -> bool {
        self.pieces.iter().any(|piece| matches!(piece, Piece::Field(field, _) if fields.contains(field)))
    }

    /// Reads the prefix and the label of a line.
    pub(super) fn read(&self, line: &[u8]) -> Option<Matched> {
        let read = |pieces: &[Piece]| {
            let mut walk = Walk { line, budget: MAX_TRIES };
            let mut head = Head::default();
            let (label, text) = walk.pieces(pieces, 0, &mut head)?;
            Some(Matched { head, label, text, n_fields: n_fields(pieces) })
        };
        read(&self.pieces).or_else(|| read(&self.pieces[..self.stop?]))
    }
}

fn n_fields(pieces: &[Piece]) -> usize {
    let says = |piece: &&Piece| matches!(piece, Piece::Field(field, _) if *field != Field::Text);
    pieces.iter().filter(says).count()
}

/// Reads the number between `%` and a letter.
fn width(text: &[u8]) -> (i32, usize) {
    let n = text.iter().take_while(|byte| byte.is_ascii_digit() || **byte == b'-').count();
    let width = std::str::from_utf8(&text[..n]).ok().and_then(|digits| digits.parse().ok());
    (width.unwrap_or(0), n)
}

fn field(escape: u8) -> Option<Field> {
    Some(match escape {
        b'm' | b't' => Field::Time,
        b'n' => Field::Epoch,
        b's' => Field::SessionStart,
        b'p' => Field::Pid,
        b'P' | b'l' | b'x' | b'Q' => Field::Number,
        b'a' => Field::Application,
        b'u' => Field::User,
        b'd' => Field::Database,
        b'h' | b'r' => Field::Client,
        b'e' => Field::SqlState,
        b'c' => Field::Session,
        b'v' => Field::VirtualTransaction,
        b'i' | b'b' | b'L' => Field::Text,
        _ => return None,
    })
}

/// Matches one line.
struct Walk<'a> {
    line: &'a [u8],
    budget: u32,
}

impl Walk<'_> {
    /// Matches pieces from a byte on, and the label behind them. Text of unknown length is as short as it can be.
    fn pieces(&mut self, pieces: &[Piece], mut at: usize, head: &mut Head) -> Option<(Label, usize)> {
        let line = self.line;
        for (i, piece) in pieces.iter().enumerate() {
            let rest = line.get(at..)?;
            let (field, width) = match piece {
                Piece::Literal(text) => {
                    if !rest.starts_with(text) {
                        return None;
                    }
                    at += text.len();
                    continue;
                }
                Piece::Field(field, width) => (*field, *width),
            };
            at += spaces(rest, width.max(0));
            let length = match fixed(field, &line[at..], head)? {
                Length::Known(length) => length,
                Length::Free => return self.free(&pieces[i + 1..], at, field, head),
            };
            at += length;
            at += spaces(
                &line[at..],
                width.saturating_neg().saturating_sub(i32::try_from(length).unwrap_or(i32::MAX)),
            );
        }
        let (label, length) = label(line.get(at..)?)?;
        Some((label, at + length))
    }

    /// Matches a field that ends where what follows it begins.
    fn free(
        &mut self,
        after: &[Piece],
        start: usize,
        field: Field,
        head: &mut Head,
    ) -> Option<(Label, usize)> {
        let line = self.line;
        let rest = &line[start..line.len().min(start + MAX_FIELD)];
        let matched = |length: usize| {
            self.budget = self.budget.checked_sub(1)?;
            let mut tried = *head;
            tried.set(field, start, start + length, line);
            let found = self.pieces(after, start + length, &mut tried)?;
            *head = tried;
            Some(found)
        };
        if let Some(Piece::Literal(next)) = after.first() {
            return match next.as_slice() {
                [byte] => memchr::memchr_iter(*byte, rest).find_map(matched),
                next => memmem::find_iter(rest, next).find_map(matched),
            };
        }
        if matches!(field, Field::Session | Field::VirtualTransaction) {
            let is_part = |byte: &&u8| byte.is_ascii_hexdigit() || matches!(byte, b'.' | b'/');
            let longest = rest.iter().take_while(is_part).count();
            return (0..=longest).rev().find_map(matched);
        }
        (0..=rest.len()).find_map(matched)
    }
}

/// Counts spaces, up to a number.
fn spaces(text: &[u8], most: i32) -> usize {
    let most = usize::try_from(most).unwrap_or(0);
    text.iter().take(most).take_while(|byte| **byte == b' ').count()
}

enum Length {
    Known(usize),
    Free,
}

/// Reads a field that tells by itself where it ends.
fn fixed(field: Field, text: &[u8], head: &mut Head) -> Option<Length> {
    let length = match field {
        Field::Time => {
            let read = time::read(text)?;
            (head.time, head.is_zone_unknown) = (Some(read.time), !read.is_zone_known);
            read.length
        }
        Field::Epoch => {
            let read = time::read_epoch(text)?;
            head.time = Some(read.time);
            read.length
        }
        Field::SessionStart => time::read(text).map_or(0, |read| read.length),
        Field::Pid => {
            let length = text.iter().take_while(|byte| byte.is_ascii_digit()).count();
            head.pid = Some(std::str::from_utf8(&text[..length]).ok()?.parse().ok()?);
            length
        }
        Field::Number => {
            let sign = usize::from(text.first() == Some(&b'-'));
            sign + text[sign..].iter().take_while(|byte| byte.is_ascii_digit()).count()
        }
        Field::SqlState => {
            let state: [u8; 5] = text.get(..5)?.try_into().ok()?;
            let is_state = |byte: &u8| byte.is_ascii_digit() || byte.is_ascii_uppercase();
            head.sql_state = Some(state).filter(|state| state.iter().all(is_state));
            head.sql_state?;
            5
        }
        Field::Session
        | Field::VirtualTransaction
        | Field::Application
        | Field::User
        | Field::Database
        | Field::Client
        | Field::Text => return Some(Length::Free),
    };
    Some(Length::Known(length))
}

impl Head {
    /// Whether a name holds what names seldom hold: the prefix is another one.
    pub(super) fn has_spaces(&self, line: &[u8]) -> bool {
        [self.user, self.database, self.client].iter().any(|span| span.of(line).contains(&b' '))
    }

    fn set(&mut self, field: Field, start: usize, end: usize, line: &[u8]) {
        let padding = line[start..end].iter().rev().take_while(|byte| **byte == b' ').count();
        let (Ok(start), Ok(end)) = (u32::try_from(start), u32::try_from(end - padding)) else { return };
        let span = Span { start, end };
        match field {
            Field::Session => self.session = span,
            Field::VirtualTransaction => self.virtual_transaction = span,
            Field::Application => (self.application, self.has_application) = (span, true),
            Field::User => self.user = span,
            Field::Database => self.database = span,
            Field::Client => self.client = span,
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::log::entry::Severity;

    /// Checks what a prefix says of a line, as `pid|session|user|database|application|client|virtual|state|text`.
    fn check(template: &str, line: &str, expected: &str) {
        let found = Prefix::new(template).read(line.as_bytes()).map_or("-".to_owned(), |found| {
            let text = |span: Span| String::from_utf8_lossy(span.of(line.as_bytes())).into_owned();
            let head = &found.head;
            [
                head.pid.map_or(String::new(), |pid| pid.to_string()),
                text(head.session),
                text(head.user),
                text(head.database),
                text(head.application),
                text(head.client),
                text(head.virtual_transaction),
                head.sql_state.map_or(String::new(), |state| String::from_utf8_lossy(&state).into_owned()),
                line[found.text..].to_owned(),
            ]
            .join("|")
        });
        assert_eq!(found, expected, "{template} on {line}");
    }

    #[test]
    fn reads_prefixes_of_distributions_and_services() {
        check("%m [%p] ", "2026-11-22 11:48:11.123 UTC [7] LOG:  x", "7||||||||x");
        check("%m [%p] %q%u@%d ", "2026-11-22 11:48:11.123 UTC [7] me@shop LOG:  x", "7||me|shop|||||x");
        check("%m [%p] %q%u@%d ", "2026-11-22 11:48:11.123 UTC [7] LOG:  x", "7||||||||x");
        check(
            "%t:%r:%u@%d:[%p]:",
            "2026-11-22 11:48:11 UTC:10.0.0.1(4711):me@shop:[7]:LOG:  duration: 1 ms",
            "7||me|shop||10.0.0.1(4711)|||duration: 1 ms",
        );
        check("%t:%r:%u@%d:[%p]:", "2026-11-22 11:48:11 UTC::@:[7]:LOG:  x", "7||||||||x");
        check("%t-%c-", "2026-11-22 11:48:11 UTC-63b0d0f0.1a2b-LOG:  x", "|63b0d0f0.1a2b|||||||x");
        check(
            "%m [%p]: [%l-1] db=%d,user=%u ",
            "2026-11-22 11:48:11.123 UTC [7]: [3-1] db=shop,user=me ERROR:  x",
            "7||me|shop|||||x",
        );
        check(
            "%t [%p]: [%l-1] user=%u,db=%d,app=%a,client=%h ",
            "2026-11-22 11:48:11 UTC [7]: [3-1] user=me,db=shop,app=my app, v2,client=::1 LOG:  x",
            "7||me|shop|my app, v2|::1|||x",
        );
    }

    #[test]
    fn reads_every_escape() {
        check(
            "%n %s %p %P %l %a %u %d %r %h %i %b %L %e %c %v %x %Q %%: ",
            "1795348091.123 2026-11-22 11:00:00 UTC 7  3 psql me shop [local] [local] SELECT client backend \
             [local] 00000 63b0d0f0.1a2b 3/12 0 -42 %: LOG:  x",
            "7|63b0d0f0.1a2b|me|shop|psql|[local]|3/12|00000|x",
        );
        check("%c%v|", "63b0d0f0.1a2b3/12|LOG:  x", "|63b0d0f0.1a2b3/12|||||||x");
        check("%v %e ", "0/0 42P01 LOG:  x", "||||||0/0|42P01|x");
        check("%e ", "42p01 LOG:  x", "-");
    }

    #[test]
    fn reads_padding() {
        check("%6p %-8u|", "     7 me      |LOG:  x", "7||me||||||x");
        check("%-6p %8u|", "7             me|LOG:  x", "7||me||||||x");
    }

    #[test]
    fn reads_no_prefix_and_no_other_line() {
        check("", "LOG:  x", "||||||||x");
        check("%m [%p] ", "\tLOG:  x", "-");
        check("%m [%p] ", "2026-11-22 11:48:11.123 UTC [7] log:  x", "-");
        check("%m [%p] ", "", "-");
        check("%z%p% ", "7 LOG:  x", "-");
        check("%z%p%", "7LOG:  x", "7||||||||x");
    }

    #[test]
    fn tells_labels_apart() {
        let read = |line: &str| Prefix::new("%p ").read(line.as_bytes()).map(|found| found.label);
        assert_eq!(read("7 FATAL:  x"), Some(Label::Message(Severity::Fatal)));
        assert!(matches!(read("7 DETAIL:  x"), Some(Label::Part(_))));
    }
}
