//! Entries of stderr: lines with a prefix, and behind a tab what goes on in the next line.

use super::Place;
use super::entry::{Entry, Label, Part, Severity};
use super::prefix::{Head, Matched, Prefix};
use super::skips::{Reason, Skips};

/// Takes lines together to entries.
#[derive(Debug)]
pub(super) struct Stderr {
    prefix: Prefix,
    pending: Option<Pending>,
    /// Text with its tabs taken out, for entries of several lines.
    scratch: Vec<u8>,
    /// Whether a time had a zone that is not known.
    pub(super) has_unknown_zone: bool,
}

/// An entry whose end is not seen yet.
#[derive(Debug)]
struct Pending {
    head: Head,
    severity: Severity,
    /// Each with where its text is, in bytes from the beginning of the entry.
    parts: Vec<(Part, usize, usize)>,
}

impl Stderr {
    pub(super) fn new(prefix: Prefix) -> Self {
        Self { prefix, pending: None, scratch: Vec::new(), has_unknown_zone: false }
    }

    pub(super) fn prefix(&self) -> &Prefix {
        &self.prefix
    }

    /// Reads a line, its end included, which follows what is pending. Returns how many bytes before it are done with.
    ///
    /// `text` is what is pending with the line behind it; `place` is where that begins.
    pub(super) fn line(
        &mut self,
        text: &[u8],
        line_start: usize,
        place: Place,
        skips: &mut Skips,
        sink: &mut dyn FnMut(&Entry<'_>),
    ) -> usize {
        let line = without_end(&text[line_start..]);
        let is_continuation = matches!(line.first(), Some(b'\t') | None);
        let matched = if is_continuation { None } else { self.prefix.read(line) };
        match (matched, &mut self.pending) {
            (Some(Matched { head, label: Label::Message(severity), text: start, .. }), _) => {
                self.flush(&text[..line_start], sink);
                self.has_unknown_zone |= head.is_zone_unknown;
                let parts = vec![(Part::Message, start, line.len())];
                self.pending = Some(Pending { head, severity, parts });
                line_start
            }
            (Some(Matched { head, label: Label::Part(part), text: start, .. }), Some(pending))
                if head.pid == pending.head.pid =>
            {
                pending.parts.push((part, line_start + start, line_start + line.len()));
                0
            }
            (None, Some(pending)) if is_continuation => {
                if let Some(last) = pending.parts.last_mut() {
                    last.2 = line_start + line.len();
                }
                0
            }
            (matched, _) => {
                self.flush(&text[..line_start], sink);
                let is_blank = line.is_empty();
                if !is_blank {
                    let is_part = matched.is_some() || is_continuation;
                    let reason = if is_part { Reason::NoBeginning } else { Reason::NoPrefix };
                    let place = place.after(&text[..line_start]);
                    skips.add(place.byte, place.line, &text[line_start..], reason);
                }
                text.len()
            }
        }
    }

    /// Whether there is an entry without an end.
    pub(super) fn is_pending(&self) -> bool {
        self.pending.is_some()
    }

    /// Whether a line, which may not be whole, begins an entry of its own.
    pub(super) fn begins_another(&self, line: &[u8]) -> bool {
        let matched = self.prefix.read(line);
        matched.is_some_and(|matched| matches!(matched.label, Label::Message(_)))
    }

    /// Forgets the entry without an end.
    pub(super) fn forget(&mut self) {
        self.pending = None;
    }

    /// Ends the entry that is pending.
    pub(super) fn flush(&mut self, text: &[u8], sink: &mut dyn FnMut(&Entry<'_>)) {
        let Some(pending) = self.pending.take() else { return };
        self.scratch.clear();
        // Text in one line stays where it is.
        let mut copied = [None, None, None, None];
        for (part, start, end) in &pending.parts {
            let bytes = text.get(*start..*end).unwrap_or_default();
            if let Some(slot) = slot(*part)
                && copied[slot].is_none()
            {
                let from = self.scratch.len();
                let is_one_line = memchr::memchr(b'\n', bytes).is_none();
                if !is_one_line {
                    without_tabs(bytes, &mut self.scratch);
                }
                copied[slot] = Some((bytes, is_one_line, from, self.scratch.len()));
            }
        }
        let part = |part: Part| match slot(part).and_then(|slot| copied[slot]) {
            Some((bytes, true, ..)) => bytes,
            Some((_, false, from, to)) => &self.scratch[from..to],
            None => &[],
        };
        let head = &pending.head;
        sink(&Entry {
            time: head.time,
            pid: head.pid,
            session: head.session.of(text),
            user: known(head.user.of(text)),
            database: known(head.database.of(text)),
            application: known(head.application.of(text)),
            has_application: head.has_application,
            client: known(head.client.of(text)),
            virtual_transaction: head.virtual_transaction.of(text),
            sql_state: head.sql_state,
            severity: pending.severity,
            message: part(Part::Message),
            detail: part(Part::Detail),
            context: part(Part::Context),
            statement: part(Part::Statement),
        });
    }
}

fn slot(part: Part) -> Option<usize> {
    match part {
        Part::Message => Some(0),
        Part::Detail => Some(1),
        Part::Context => Some(2),
        Part::Statement => Some(3),
        Part::Other => None,
    }
}

/// Names that the server does not know yet it writes as `[unknown]`.
fn known(name: &[u8]) -> &[u8] {
    if name == b"[unknown]" { &[] } else { name }
}

fn without_end(line: &[u8]) -> &[u8] {
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    line.strip_suffix(b"\r").unwrap_or(line)
}

/// Takes out the tab that the server writes behind each end of a line.
fn without_tabs(text: &[u8], out: &mut Vec<u8>) {
    let mut rest = text;
    while let Some(end) = memchr::memchr(b'\n', rest) {
        out.extend_from_slice(&rest[..=end]);
        rest = &rest[end + 1..];
        rest = rest.strip_prefix(b"\t").unwrap_or(rest);
    }
    out.extend_from_slice(rest);
}
