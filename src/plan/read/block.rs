//! Lines that hold plans of one format, and their places in the input.

use std::borrow::Cow;

use super::{Error, Line, Raw, json, text, xml, yaml};

/// Lines with plans of one format, with nothing around them.
#[derive(Debug, PartialEq)]
pub(super) struct Block<'a> {
    pub(super) format: Format,
    /// At least one.
    pub(super) lines: Vec<Line<'a>>,
    pub(super) spelling: Spelling,
    /// How long the statement took, where a log says so.
    pub(super) duration_ms: Option<f64>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Format {
    Text,
    Json,
    Yaml,
    Xml,
}

/// How the input writes the characters of a line; it decides about the columns in errors.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Spelling {
    Plain,
    /// CSV: `""` for a double quote.
    Doubled,
    /// A JSON string: `\"`, `\\`, `\t`.
    Json,
    /// syslog: `#011` for a tab.
    Syslog,
}

impl Block<'_> {
    pub(super) fn start(&self) -> (usize, usize) {
        self.lines.first().map_or((1, 1), |line| (line.number, line.column))
    }

    /// Whether the lines are only what was left over, and so may hold no plan.
    pub(super) fn is_loose(&self) -> bool {
        self.format == Format::Text && self.duration_ms.is_none()
    }

    /// Reads the block. Errors have places in the input.
    pub(super) fn raws(&self) -> Result<Vec<Raw>, Error> {
        let mut raws = match self.format {
            Format::Text => match text::raws(&self.lines) {
                Err(Error::NoPlan) if self.duration_ms.is_some() => {
                    return Err(self.error("the entry ends before its plan: the log was cut off".to_owned()));
                }
                raws => raws?,
            },
            Format::Json => self.json_raws()?,
            Format::Yaml => yaml::raws(&self.joined()).map_err(|error| self.in_input(error))?,
            Format::Xml => xml::raws(&self.joined()).map_err(|error| self.in_input(error))?,
        };
        if let (Some(duration_ms), [raw]) = (self.duration_ms, &mut raws[..]) {
            raw.top.insert("Duration".to_owned(), duration_ms.into());
        }
        Ok(raws)
    }

    fn json_raws(&self) -> Result<Vec<Raw>, Error> {
        let text = self.joined();
        json::raws(&text)
            .or_else(|error| json::of_rows(&text).ok_or(error))
            // A terminal may have broken the lines, even within strings.
            .or_else(|error| self.unwrapped().and_then(|text| json::raws(&text).ok()).ok_or(error))
            .map_err(|error| self.in_input(error))
    }

    /// Joins lines that were broken at the width of a terminal, with the blanks that were lost there.
    fn unwrapped(&self) -> Option<String> {
        /// Wider than any terminal.
        const MAX_WIDTH: usize = 1000;
        let width = self.lines.iter().map(|line| line.text.chars().count()).max()?;
        let lines =
            || self.lines.iter().map(|line| format!("{:width$}", line.text)).collect::<Vec<_>>().concat();
        (self.lines.len() > 1 && width <= MAX_WIDTH).then(lines)
    }

    fn joined(&self) -> Cow<'_, str> {
        if let [line] = &self.lines[..] {
            return Cow::Borrowed(&line.text);
        }
        let mut text = String::with_capacity(self.lines.iter().map(|line| line.text.len() + 1).sum());
        for line in &self.lines {
            text.push_str(&line.text);
            text.push('\n');
        }
        Cow::Owned(text)
    }

    fn error(&self, problem: String) -> Error {
        let (line, column) = self.start();
        Error::At { line, column, problem }
    }

    /// Moves an error from the joined text to the input.
    fn in_input(&self, error: Error) -> Error {
        let Error::At { line, column, problem } = error else { return self.error(error.to_string()) };
        let Some(own) = self.lines.get(line - 1).or(self.lines.last()) else { return self.error(problem) };
        let before = own.text.chars().take(column - 1).map(|c| self.spelling.width(c)).sum::<usize>();
        Error::At { line: own.number, column: own.column + before, problem }
    }
}

impl Format {
    /// Returns the format of a plan that begins with this line, unless that is TEXT, which begins with a node.
    pub(super) fn of(line: &str) -> Option<Self> {
        let line = line.trim();
        if let Some(rest) = line.strip_prefix(['[', '{']) {
            // Not a set literal of SQL or a tag such as `[local]`.
            return rest
                .trim_start()
                .chars()
                .next()
                .is_none_or(|c| "[{\"}]+\u{21b5}".contains(c))
                .then_some(Self::Json);
        }
        if line.starts_with("<explain") || line.starts_with("<?xml") {
            return Some(Self::Xml);
        }
        let key = line.strip_prefix("- ").unwrap_or(line).trim_end_matches(['+', '\u{21b5}', ' ']);
        (key == "Plan:" || key.starts_with("Query Text: \"")).then_some(Self::Yaml)
    }
}

impl Spelling {
    /// Returns how many characters of the input a character took.
    pub(super) fn width(self, c: char) -> usize {
        match (self, c) {
            (Self::Doubled, '"') | (Self::Json, '"' | '\\' | '\t' | '\n') => 2,
            (Self::Syslog, '\t') => 4,
            _ => 1,
        }
    }
}
