//! Reads server logs: stderr with any prefix, csvlog, jsonlog; statements, durations, parameters and errors out of them.
//!
//! Bytes go in as they come; [`Reader`] makes entries of them, [`Sessions`] executions of those. How the bytes are cut
//! does not matter.

mod csv;
mod detect;
mod entry;
mod json;
mod message;
mod parameters;
mod plan;
mod prefix;
mod sessions;
mod skips;
mod stderr;
mod time;

pub(crate) use entry::Entry;
pub(crate) use prefix::Prefix;
pub(crate) use sessions::{Counts, Sessions};
pub(crate) use skips::Skips;

use csv::{Csv, Scan};
use detect::Detected;
use json::Json;
use skips::Reason;
use stderr::Stderr;

/// No entry is longer: what is was not written by a server, and must not fill the memory.
const MAX_ENTRY: usize = 16 << 20;
/// Bytes from which the format is told.
const SAMPLE: usize = 64 << 10;
/// Bytes in which the beginning of a CSV record can be told.
const CSV_START: usize = 64;

/// A place in a log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Place {
    /// From 0.
    byte: u64,
    /// From 1.
    line: u64,
}

impl Place {
    fn after(self, bytes: &[u8]) -> Self {
        let n_lines = memchr::memchr_iter(b'\n', bytes).count() as u64;
        Self { byte: self.byte + bytes.len() as u64, line: self.line + n_lines }
    }
}

/// Cuts one log into entries.
pub(crate) struct Reader {
    format: Format,
    buffer: Vec<u8>,
    /// Where the bytes begin that are not done with.
    start: usize,
    /// Where the line begins whose end is not seen, or the end of what was looked at.
    line_start: usize,
    searched: usize,
    /// Of `start`.
    place: Place,
    /// Whether the rest of a line that is too long, or of a damaged CSV record, is passed over.
    is_lost: bool,
    skips: Skips,
    n_entries: u64,
}

enum Format {
    /// Not told yet.
    Unknown,
    Stderr(Stderr),
    Csv(Csv, Scan),
    Json(Json),
}

/// What is known of a log when all of it was read.
#[derive(Debug)]
pub(crate) struct Summary {
    /// `None` when the format could not be told.
    pub(crate) format: Option<FormatName>,
    pub(crate) n_bytes: u64,
    pub(crate) n_lines: u64,
    pub(crate) n_entries: u64,
    pub(crate) skips: Skips,
    /// Whether times of an unknown zone were taken for UTC.
    pub(crate) has_unknown_zone: bool,
}

/// The name of a format, and of stderr its prefix.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum FormatName {
    Stderr(Prefix),
    Csv,
    Json,
}

impl FormatName {
    /// As in `log_destination`.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Stderr(_) => "stderr",
            Self::Csv => "csvlog",
            Self::Json => "jsonlog",
        }
    }

    /// The prefix of its lines, as `log_line_prefix`.
    pub(crate) fn prefix(&self) -> Option<&str> {
        match self {
            Self::Stderr(prefix) => Some(prefix.template()),
            Self::Csv | Self::Json => None,
        }
    }
}

/// A log that was read.
#[derive(Debug)]
pub(crate) struct LogFile {
    pub(crate) name: String,
    pub(crate) summary: Summary,
    /// Why it was not read to its end.
    pub(crate) failure: Option<String>,
}

impl LogFile {
    /// What the figures may lack, a sentence each.
    pub(crate) fn warnings(&self) -> Vec<String> {
        let name = &self.name;
        let mut warnings = Vec::new();
        if let Some(failure) = &self.failure {
            warnings.push(format!("log {name:?} was not read to its end: {failure}"));
        }
        if self.summary.format.is_none() && self.summary.n_bytes > 0 {
            warnings.push(format!(
                "cannot tell the format of log {name:?}; name its prefix with `--log-line-prefix`, as `SHOW log_line_prefix` prints it"
            ));
            return warnings;
        }
        let skips = &self.summary.skips;
        if let Some(first) = skips.examples.first() {
            let lines =
                if skips.n_lines == 1 { "1 line".to_owned() } else { format!("{} lines", skips.n_lines) };
            warnings.push(format!(
                "skipped {lines} of log {name:?}; the first, line {} at byte {}, {}",
                first.line, first.byte, first.reason
            ));
        }
        if let Some(FormatName::Stderr(prefix)) = &self.summary.format {
            if !prefix.has_session() {
                warnings.push(format!(
                    "log {name:?} does not tell sessions apart: add %p or %c to log_line_prefix"
                ));
            }
            if !prefix.has_time() {
                warnings.push(format!("log {name:?} has no times: add %m to log_line_prefix"));
            }
        }
        if self.summary.has_unknown_zone {
            warnings.push(format!("the time zone of log {name:?} is not known; its times are taken for UTC"));
        }
        warnings
    }
}

impl Reader {
    /// Reads a log whose lines have a prefix, or one whose format it tells itself.
    pub(crate) fn new(prefix: Option<Prefix>) -> Self {
        Self {
            format: prefix.map_or(Format::Unknown, |prefix| Format::Stderr(Stderr::new(prefix))),
            buffer: Vec::new(),
            start: 0,
            line_start: 0,
            searched: 0,
            place: Place { byte: 0, line: 1 },
            is_lost: false,
            skips: Skips::default(),
            n_entries: 0,
        }
    }

    /// Takes more of the log, and gives each entry whose end is seen to `sink`.
    pub(crate) fn push(&mut self, bytes: &[u8], sink: &mut dyn FnMut(&Entry<'_>)) {
        self.buffer.extend_from_slice(bytes);
        if matches!(self.format, Format::Unknown) && self.buffer.len() >= SAMPLE {
            self.detect();
        }
        self.read(sink);
        self.buffer.drain(..self.start);
        self.line_start -= self.start;
        self.searched -= self.start;
        self.start = 0;
    }

    /// Ends the log. What its last line began and did not end is skipped.
    pub(crate) fn finish(mut self, sink: &mut dyn FnMut(&Entry<'_>)) -> Summary {
        if matches!(self.format, Format::Unknown) {
            self.detect();
        }
        self.read(sink);
        let end = self.buffer.len();
        let is_whole = self.line_start == end;
        if let Format::Stderr(stderr) = &mut self.format
            && stderr.is_pending()
            && is_whole
        {
            self.n_entries += 1;
            stderr.flush(&self.buffer[self.start..self.line_start], sink);
            self.advance(end);
        }
        if self.start < end {
            // The line that is cut off may be a new entry, and the one before it whole.
            if let Format::Stderr(stderr) = &mut self.format
                && stderr.is_pending()
                && stderr.begins_another(&self.buffer[self.line_start..])
            {
                self.n_entries += 1;
                stderr.flush(&self.buffer[self.start..self.line_start], sink);
                self.advance(self.line_start);
            }
            self.skip(end, if self.is_lost { Reason::TooLong } else { Reason::CutOff });
        }
        let (format, has_unknown_zone) = match self.format {
            Format::Unknown => (None, false),
            Format::Stderr(stderr) => {
                (Some(FormatName::Stderr(stderr.prefix().clone())), stderr.has_unknown_zone)
            }
            Format::Csv(csv, _) => (Some(FormatName::Csv), csv.has_unknown_zone),
            Format::Json(json) => (Some(FormatName::Json), json.has_unknown_zone),
        };
        Summary {
            format,
            n_bytes: self.place.byte,
            n_lines: self.place.line - 1,
            n_entries: self.n_entries,
            skips: self.skips,
            has_unknown_zone,
        }
    }

    /// Tells the format from the first bytes, as many as there are in whatever pieces they came.
    fn detect(&mut self) {
        let sample = &self.buffer[..self.buffer.len().min(SAMPLE)];
        let whole = memchr::memrchr(b'\n', sample).map_or(sample, |end| &sample[..=end]);
        self.format = match detect::detect(whole) {
            Some(Detected::Stderr(prefix)) => Format::Stderr(Stderr::new(prefix)),
            Some(Detected::Csv) => Format::Csv(Csv::default(), Scan::default()),
            Some(Detected::Json) => Format::Json(Json::default()),
            None => Format::Unknown,
        };
    }

    fn read(&mut self, sink: &mut dyn FnMut(&Entry<'_>)) {
        match self.format {
            Format::Unknown if self.buffer.len() >= SAMPLE => {
                // Nothing of it can be read, however much comes.
                self.skip(self.buffer.len(), Reason::NoPrefix);
                (self.line_start, self.searched) = (self.start, self.start);
            }
            Format::Unknown => {}
            Format::Csv(..) => self.read_records(sink),
            Format::Stderr(_) | Format::Json(_) => self.read_lines(sink),
        }
    }

    fn read_lines(&mut self, sink: &mut dyn FnMut(&Entry<'_>)) {
        loop {
            let end = memchr::memchr(b'\n', &self.buffer[self.searched..]).map(|at| self.searched + at + 1);
            let seen = end.unwrap_or(self.buffer.len());
            self.searched = seen;
            if self.is_lost || seen - self.line_start > MAX_ENTRY {
                self.lose_line(seen, end.is_some(), sink);
            }
            let Some(end) = end else { return };
            if self.line_start < end {
                self.line(end, sink);
                self.line_start = end;
            }
        }
    }

    /// Passes over a line that is too long, and over the entry that it belongs to.
    fn lose_line(&mut self, seen: usize, is_end: bool, sink: &mut dyn FnMut(&Entry<'_>)) {
        if let Format::Stderr(stderr) = &mut self.format
            && stderr.is_pending()
        {
            if stderr.begins_another(&self.buffer[self.line_start..seen]) {
                self.n_entries += 1;
                stderr.flush(&self.buffer[self.start..self.line_start], sink);
                self.advance(self.line_start);
            }
            if let Format::Stderr(stderr) = &mut self.format {
                stderr.forget();
            }
        }
        self.is_lost = !is_end;
        self.skip(seen, Reason::TooLong);
        self.line_start = seen;
    }

    /// Reads the line that ends at `end`.
    fn line(&mut self, end: usize, sink: &mut dyn FnMut(&Entry<'_>)) {
        let text = &self.buffer[self.start..end];
        match &mut self.format {
            Format::Stderr(stderr) => {
                let was_pending = stderr.is_pending();
                let done = stderr.line(text, self.line_start - self.start, self.place, &mut self.skips, sink);
                self.n_entries += u64::from(was_pending && done > 0);
                self.advance(self.start + done);
                if end - self.start > MAX_ENTRY {
                    if let Format::Stderr(stderr) = &mut self.format {
                        stderr.forget();
                    }
                    self.skip(end, Reason::TooLong);
                }
            }
            Format::Json(json) => match json.read(text) {
                Some(entry) => {
                    sink(&entry);
                    self.n_entries += 1;
                    self.advance(end);
                }
                None if text.trim_ascii().is_empty() => self.advance(end),
                None => self.skip(end, Reason::NotJson),
            },
            Format::Unknown | Format::Csv(..) => {}
        }
    }

    fn read_records(&mut self, sink: &mut dyn FnMut(&Entry<'_>)) {
        loop {
            if self.is_lost && !self.seek_record() {
                return;
            }
            let Format::Csv(csv, scan) = &mut self.format else { return };
            let text = &self.buffer[self.start..];
            let end = scan.end(text);
            if end.unwrap_or(text.len()) > MAX_ENTRY {
                self.resume(MAX_ENTRY, Reason::TooLong);
                continue;
            }
            let Some(length) = end else {
                (self.line_start, self.searched) = (self.start, self.buffer.len());
                return;
            };
            *scan = Scan::default();
            let record = &text[..length];
            let is_blank = record.trim_ascii().is_empty();
            if let Some(entry) = csv.read(record) {
                sink(&entry);
                self.n_entries += 1;
                self.advance(self.start + length);
            } else if is_blank {
                self.advance(self.start + length);
            } else {
                self.resume(length, Reason::NotCsv);
            }
            self.line_start = self.start;
        }
    }

    /// Goes on behind a damaged record, of which so many bytes are looked at.
    fn resume(&mut self, length: usize, reason: Reason) {
        let record = &self.buffer[self.start..self.start + length];
        let at = csv::resumption(record);
        self.skip(self.start + at.unwrap_or(length), reason);
        self.is_lost = at.is_none() && reason == Reason::TooLong;
        if let Format::Csv(_, scan) = &mut self.format {
            *scan = Scan::default();
        }
    }

    /// Looks for a line that begins a record; false when none is seen yet.
    fn seek_record(&mut self) -> bool {
        loop {
            let Some(at) = memchr::memchr(b'\n', &self.buffer[self.start..]) else {
                self.skip(self.buffer.len(), Reason::TooLong);
                (self.line_start, self.searched) = (self.start, self.start);
                return false;
            };
            let next = self.start + at + 1;
            if self.buffer.len() < next + CSV_START {
                return false;
            }
            self.skip(next, Reason::TooLong);
            if csv::is_start(&self.buffer[next..]) {
                self.is_lost = false;
                return true;
            }
        }
    }

    fn advance(&mut self, to: usize) {
        self.place = self.place.after(&self.buffer[self.start..to]);
        self.start = to;
    }

    fn skip(&mut self, to: usize, reason: Reason) {
        self.skips.add(self.place.byte, self.place.line, &self.buffer[self.start..to], reason);
        self.advance(to);
    }
}

#[cfg(test)]
mod tests;
