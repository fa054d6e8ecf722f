//! What a reader of logs could not use, and where it stands.

use std::fmt;

/// Skips that are listed; the others are counted.
const MAX_EXAMPLES: usize = 10;

/// What was skipped, in the order of the input.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Skips {
    /// Runs of lines that follow each other, skipped for one reason, are one.
    pub(crate) n_skips: u64,
    pub(crate) n_lines: u64,
    pub(crate) n_bytes: u64,
    /// The first of them.
    pub(crate) examples: Vec<Skip>,
    /// Where the last one ended, to see whether the next goes on from there.
    last: Option<(u64, Reason)>,
}

/// Lines that could not be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Skip {
    /// From 0.
    pub(crate) byte: u64,
    /// From 1.
    pub(crate) line: u64,
    pub(crate) n_lines: u64,
    pub(crate) reason: Reason,
}

/// Why lines cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reason {
    /// Other programs write to stderr as well.
    NoPrefix,
    /// A part of an entry whose beginning is not there.
    NoBeginning,
    NotCsv,
    NotJson,
    TooLong,
    CutOff,
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NoPrefix => "does not begin with the prefix of the log",
            Self::NoBeginning => "goes on with an entry whose beginning is not there",
            Self::NotCsv => "is no entry of a CSV log",
            Self::NotJson => "is no entry of a JSON log",
            Self::TooLong => "is longer than 16 MB",
            Self::CutOff => "is cut off at the end of the log",
        })
    }
}

impl Skips {
    /// Adds bytes from a place on; lines are counted by what ends them.
    pub(super) fn add(&mut self, byte: u64, line: u64, bytes: &[u8], reason: Reason) {
        let n_bytes = bytes.len() as u64;
        let n_newlines = memchr::memchr_iter(b'\n', bytes).count() as u64;
        let n_lines = n_newlines + u64::from(bytes.last().is_some_and(|last| *last != b'\n'));
        self.n_lines += n_lines;
        self.n_bytes += n_bytes;
        if self.last == Some((byte, reason)) {
            let is_listed = self.n_skips <= MAX_EXAMPLES as u64;
            if let Some(example) = self.examples.last_mut().filter(|_| is_listed) {
                example.n_lines += n_lines;
            }
        } else {
            self.n_skips += 1;
            if self.examples.len() < MAX_EXAMPLES {
                self.examples.push(Skip { byte, line, n_lines, reason });
            }
        }
        self.last = Some((byte + n_bytes, reason));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_that_follow_each_other_are_one_skip() {
        let mut skips = Skips::default();
        skips.add(10, 2, b"ab\n", Reason::NoPrefix);
        skips.add(13, 3, b"cd\n", Reason::NoPrefix);
        skips.add(16, 4, b"ef", Reason::CutOff);
        assert_eq!((skips.n_skips, skips.n_lines, skips.n_bytes), (2, 3, 8));
        assert_eq!(skips.examples[0], Skip { byte: 10, line: 2, n_lines: 2, reason: Reason::NoPrefix });
        assert_eq!(skips.examples[1], Skip { byte: 16, line: 4, n_lines: 1, reason: Reason::CutOff });
    }
}
