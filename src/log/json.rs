//! Entries of a JSON log (`log_destination = jsonlog`; manual, "Using JSON-Format Log Output"): an object a line.

use super::entry::{Entry, Severity};
use super::time;

/// Reads objects.
#[derive(Debug, Default)]
pub(super) struct Json {
    /// The strings of an object one after the other, as they read.
    text: Vec<u8>,
    ends: [(usize, usize); N_KEYS],
    /// Whether a time had a zone that is not known.
    pub(super) has_unknown_zone: bool,
}

/// The keys that are of use.
const KEYS: [&[u8]; N_KEYS] = [
    b"timestamp",
    b"user",
    b"dbname",
    b"pid",
    b"remote_host",
    b"remote_port",
    b"session_id",
    b"vxid",
    b"error_severity",
    b"state_code",
    b"message",
    b"detail",
    b"context",
    b"statement",
    b"application_name",
];
const N_KEYS: usize = 15;

impl Json {
    /// Reads a line; `None` when it is no entry.
    pub(super) fn read(&mut self, line: &[u8]) -> Option<Entry<'_>> {
        self.split(line)?;
        let field = |key: usize| &self.text[self.ends[key].0..self.ends[key].1];
        let time = time::read(field(0)).filter(|time| time.length == field(0).len())?;
        self.has_unknown_zone |= !time.is_zone_known;
        Some(Entry {
            time: Some(time.time),
            pid: Some(std::str::from_utf8(field(3)).ok()?.parse().ok()?),
            session: field(6),
            user: field(1),
            database: field(2),
            application: field(14),
            has_application: true,
            client: field(4),
            virtual_transaction: field(7),
            sql_state: field(9).try_into().ok(),
            severity: Severity::of(field(8))?,
            message: field(10),
            detail: field(11),
            context: field(12),
            statement: field(13),
        })
    }

    fn split(&mut self, line: &[u8]) -> Option<()> {
        self.text.clear();
        self.ends = [(0, 0); N_KEYS];
        let mut rest = line.trim_ascii().strip_prefix(b"{")?.trim_ascii_start();
        if rest == b"}" {
            return None;
        }
        loop {
            let start = self.text.len();
            rest = self.string(rest.strip_prefix(b"\"")?)?;
            let key = KEYS.iter().position(|key| *key == &self.text[start..]);
            self.text.truncate(start);
            rest = rest.trim_ascii_start().strip_prefix(b":")?.trim_ascii_start();
            if let Some(string) = rest.strip_prefix(b"\"") {
                rest = self.string(string)?;
            } else {
                let end = rest.iter().position(|byte| matches!(byte, b',' | b'}'))?;
                let value = rest[..end].trim_ascii_end();
                let is_plain = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'+' | b'.');
                if value.is_empty() || !value.iter().all(is_plain) {
                    return None;
                }
                if value != b"null" {
                    self.text.extend_from_slice(value);
                }
                rest = &rest[end..];
            }
            match key {
                Some(key) => self.ends[key] = (start, self.text.len()),
                None => self.text.truncate(start),
            }
            rest = rest.trim_ascii_start();
            match rest.split_first()? {
                (b',', after) => rest = after.trim_ascii_start(),
                (b'}', []) => return Some(()),
                _ => return None,
            }
        }
    }

    /// Reads the rest of a string, and returns what follows it.
    fn string<'a>(&mut self, mut rest: &'a [u8]) -> Option<&'a [u8]> {
        loop {
            let stop = memchr::memchr2(b'"', b'\\', rest)?;
            self.text.extend_from_slice(&rest[..stop]);
            let is_end = rest[stop] == b'"';
            rest = &rest[stop + 1..];
            if is_end {
                return Some(rest);
            }
            let (&escaped, after) = rest.split_first()?;
            rest = after;
            match escaped {
                b'n' => self.text.push(b'\n'),
                b't' => self.text.push(b'\t'),
                b'r' => self.text.push(b'\r'),
                b'b' => self.text.push(8),
                b'f' => self.text.push(12),
                b'"' | b'\\' | b'/' => self.text.push(escaped),
                b'u' => rest = self.unit(rest)?,
                _ => return None,
            }
        }
    }

    /// Reads one string, from behind its first quote.
    pub(super) fn only_string(&mut self, text: &[u8]) -> Option<&[u8]> {
        self.text.clear();
        self.string(text)?;
        Some(&self.text)
    }

    /// Reads what follows `\u`; two surrogates are one character.
    fn unit<'a>(&mut self, rest: &'a [u8]) -> Option<&'a [u8]> {
        let unit = |digits: &[u8]| u16::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok();
        let first = unit(rest.get(..4)?)?;
        let mut rest = &rest[4..];
        let mut units = vec![first];
        if (0xd800..0xdc00).contains(&first)
            && let Some(second) = rest.strip_prefix(b"\\u").and_then(|next| unit(next.get(..4)?))
        {
            units.push(second);
            rest = &rest[6..];
        }
        for character in char::decode_utf16(units) {
            let character = character.unwrap_or(char::REPLACEMENT_CHARACTER);
            self.text.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
        }
        Some(rest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_an_entry() {
        let line = r#"{"timestamp":"2026-11-22 11:48:11.123 UTC","user":"me","dbname":"shop","pid":7,"remote_host":"[local]",
            "session_id":"63b0d0f0.7","line_num":3,"ps":"SELECT","vxid":"3/12","txid":0,"error_severity":"LOG","message":"a\n\"b\" \u00e9\ud83d\ude42",
            "application_name":"psql","backend_type":"client backend","query_id":-12}"#;
        let mut json = Json::default();
        let entry = json.read(line.as_bytes()).unwrap();
        assert_eq!(entry.message, "a\n\"b\" é🙂".as_bytes());
        assert_eq!((entry.pid, entry.user, entry.application), (Some(7), &b"me"[..], &b"psql"[..]));
        assert_eq!((entry.virtual_transaction, entry.detail), (&b"3/12"[..], &b""[..]));
    }

    #[test]
    fn refuses_what_is_no_entry() {
        for line in [
            "",
            "{}",
            "{",
            "[1]",
            "{\"a\"",
            "{\"a\":}",
            "{\"a\":[1]}",
            "{\"timestamp\":\"x\"}",
            "{\"a\":\"\\u12\"}",
        ] {
            assert!(Json::default().read(line.as_bytes()).is_none(), "{line}");
        }
    }
}
