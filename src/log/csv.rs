//! Entries of a CSV log (`log_destination = csvlog`; manual, "Using CSV-Format Log Output").

use super::entry::{Entry, Severity};
use super::time;

/// Columns of 8.4, of 9.0, of 13 (with `backend_type`) and of 14 (with the leader's process and the query's id).
const N_COLUMNS: [usize; 4] = [22, 23, 24, 26];

/// Reads records.
#[derive(Debug, Default)]
pub(super) struct Csv {
    /// The fields of a record one after the other, without their quotes.
    text: Vec<u8>,
    ends: Vec<usize>,
    /// Whether a time had a zone that is not known.
    pub(super) has_unknown_zone: bool,
}

/// How far a record is known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Scan {
    /// Bytes that were looked at.
    pub(super) length: usize,
    is_quoted: bool,
}

impl Scan {
    /// Looks for the end of the record that begins with `text`; returns its length with the end of its line.
    pub(super) fn end(&mut self, text: &[u8]) -> Option<usize> {
        loop {
            let from = self.length;
            // Two quotes within quotes end and begin them, which comes to the same.
            let next = if self.is_quoted {
                memchr::memchr(b'"', &text[from..])
            } else {
                memchr::memchr2(b'"', b'\n', &text[from..])
            };
            let Some(at) = next else {
                self.length = text.len();
                return None;
            };
            self.length = from + at + 1;
            if text[from + at] == b'\n' {
                return Some(self.length);
            }
            self.is_quoted = !self.is_quoted;
        }
    }
}

/// Returns where, behind its first line, a record that is none may go on with one: at a line that begins with a time.
pub(super) fn resumption(text: &[u8]) -> Option<usize> {
    let starts = memchr::memchr_iter(b'\n', text).map(|end| end + 1);
    starts.filter(|start| *start < text.len()).find(|start| is_start(&text[*start..]))
}

/// Whether a line may be the first of a record.
pub(super) fn is_start(line: &[u8]) -> bool {
    time::read(line).is_some_and(|read| line.get(read.length) == Some(&b','))
}

impl Csv {
    /// Reads a record, as long as [`Scan::end`] says; `None` when it is none.
    pub(super) fn read(&mut self, record: &[u8]) -> Option<Entry<'_>> {
        self.split(record)?;
        if !N_COLUMNS.contains(&self.ends.len()) {
            return None;
        }
        let field = |number: usize| {
            let start = number.checked_sub(1).map_or(0, |before| self.ends[before]);
            &self.text[start..self.ends[number]]
        };
        let time = time::read(field(0)).filter(|time| time.length == field(0).len())?;
        let application = if self.ends.len() > 22 { field(22) } else { b"" };
        self.has_unknown_zone |= !time.is_zone_known;
        Some(Entry {
            time: Some(time.time),
            pid: Some(std::str::from_utf8(field(3)).ok()?.parse().ok()?),
            session: field(5),
            user: field(1),
            database: field(2),
            application,
            has_application: self.ends.len() > 22,
            client: field(4),
            virtual_transaction: field(9),
            sql_state: field(12).try_into().ok(),
            severity: Severity::of(field(11))?,
            message: field(13),
            detail: field(14),
            context: field(18),
            statement: field(19),
        })
    }

    /// Takes a record apart; `None` when its quotes are wrong.
    fn split(&mut self, record: &[u8]) -> Option<()> {
        self.text.clear();
        self.ends.clear();
        let record = record.strip_suffix(b"\n")?;
        let mut rest = record.strip_suffix(b"\r").unwrap_or(record);
        loop {
            if let Some(quoted) = rest.strip_prefix(b"\"") {
                rest = self.quoted(quoted)?;
            } else {
                let end = memchr::memchr(b',', rest).unwrap_or(rest.len());
                self.text.extend_from_slice(&rest[..end]);
                rest = &rest[end..];
            }
            self.ends.push(self.text.len());
            match rest.split_first() {
                None => return Some(()),
                Some((b',', after)) => rest = after,
                Some(_) => return None,
            }
        }
    }

    /// Reads the rest of a field in quotes, and returns what follows it.
    fn quoted<'a>(&mut self, mut rest: &'a [u8]) -> Option<&'a [u8]> {
        loop {
            let end = memchr::memchr(b'"', rest)?;
            self.text.extend_from_slice(&rest[..end]);
            rest = &rest[end + 1..];
            let Some(after) = rest.strip_prefix(b"\"") else { return Some(rest) };
            self.text.push(b'"');
            rest = after;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: &str = "2026-11-22 11:48:11.123 UTC,\"me\",\"shop\",7,\"[local]\",63b0d0f0.7,1,\"SELECT\",\
                        2026-11-22 11:48:00 UTC,3/12,0,LOG,00000,\"say \"\"x\"\",\n1\",\"d\",,,,\"c\",\"q\",,,";

    #[test]
    fn reads_the_columns_of_every_version() {
        for (tail, application) in [
            ("", ""),
            (",\"psql\"", "psql"),
            (",\"psql\",\"client backend\"", "psql"),
            (",\"psql\",\"client backend\",,0", "psql"),
        ] {
            // 8.4 has no column for the application.
            let record = format!("{HEAD}{tail}\n");
            let record = if tail.is_empty() { record } else { record.replacen(",,,,\"psql", ",,,\"psql", 1) };
            let mut csv = Csv::default();
            let entry = csv.read(record.as_bytes()).unwrap_or_else(|| panic!("{record}"));
            assert_eq!(entry.message, b"say \"x\",\n1");
            assert_eq!((entry.pid, entry.application), (Some(7), application.as_bytes()));
            assert_eq!((entry.detail, entry.context, entry.statement), (&b"d"[..], &b"c"[..], &b"q"[..]));
            assert_eq!(entry.sql_state, Some(*b"00000"));
            assert_eq!(Scan::default().end(record.as_bytes()), Some(record.len()));
        }
    }

    #[test]
    fn refuses_what_is_no_record() {
        for record in ["\n", "a,b\n", "\"a\"b\n", "\"a\n", "x"] {
            assert!(Csv::default().read(record.as_bytes()).is_none(), "{record}");
        }
        assert!(Csv::default().read(format!("{HEAD},a,b,c,d,e\n").as_bytes()).is_none());
    }

    #[test]
    fn finds_where_it_can_go_on() {
        let text = "cut \"of\nno\n2026-11-22 11:48:11.123 UTC,\"me\"\n";
        assert_eq!(resumption(text.as_bytes()), Some(11));
        assert_eq!(resumption(b"x\n2026-11-22\n"), None);
    }
}
