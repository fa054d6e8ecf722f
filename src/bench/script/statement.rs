//! SQL statements of a script, with the places of their variables.

use std::fmt::Write as _;
use std::ops::Range;

use super::Names;
use super::scan::{self, Part};
use super::token;

/// A statement of a script.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct ScriptStatement {
    /// The line of the file that it begins in, from 1.
    pub(crate) line: usize,
    pub(crate) sql: String,
    /// In the order of the text.
    pub(crate) places: Vec<VariablePlace>,
    /// What happens to its results.
    pub(crate) results: Results,
}

/// Where a variable stands in a statement.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct VariablePlace {
    pub(crate) range: Range<usize>,
    pub(crate) variable: usize,
    /// Within quotes, where no parameter can stand, but text can be put in.
    is_quoted: bool,
}

/// What happens to the results of a statement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Results {
    Dropped,
    /// The only row of the last result goes to variables (`\gset`).
    Row(Vec<Assigned>),
    /// The last row of each result that has one goes to variables (`\aset`).
    Rows(Vec<Assigned>),
}

/// A column of a result and the variable that takes its value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Assigned {
    pub(crate) column: String,
    pub(crate) variable: usize,
}

/// A variable within quotes, where no parameter can stand.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct QuotedVariable {
    pub(crate) name: String,
}

impl ScriptStatement {
    /// Reads the statement at `range` of a script. A variable is `:name`; `::` is a cast.
    pub(super) fn new(script: &str, range: Range<usize>, line: usize, names: &mut Names) -> Self {
        let base = range.start;
        let written = &script[range];
        let parts = scan::parts(written);
        let (mut sql, mut places) = (String::with_capacity(written.len()), Vec::new());
        let mut rest = written;
        while let Some(c) = rest.chars().next() {
            let at = written.len() - rest.len();
            let part = parts[at];
            let n_colons = rest.len() - rest.trim_start_matches(':').len();
            let name = &rest[n_colons..][..token::word_length(&rest[n_colons..])];
            let taken = if c == '\\' && part != Part::Quoted && rest[1..].starts_with([';', ':']) {
                // The backslash takes their meaning from them.
                rest = &rest[1..];
                1
            } else if n_colons == 1 && part != Part::Comment && token::is_name(name) {
                let variable =
                    if part == Part::Plain { names.used(name, base + at) } else { names.number(name) };
                let range = sql.len()..sql.len() + 1 + name.len();
                places.push(VariablePlace { range, variable, is_quoted: part == Part::Quoted });
                1 + name.len()
            } else {
                n_colons.max(c.len_utf8())
            };
            sql.push_str(&rest[..taken]);
            rest = &rest[taken..];
        }
        Self { line, sql, places, results: Results::Dropped }
    }

    /// Forgets the places of variables that nothing sets: what looks like them is text, such as the bound of an array's slice.
    pub(super) fn keep_known(&mut self, names: &Names) {
        self.places.retain(|place| names.can_be_set(place.variable));
    }

    /// Returns the text with `$1` and so on in the place of variables, as the extended protocol has it, and their numbers in
    /// this order.
    pub(crate) fn with_parameters(&self) -> Result<(String, Vec<usize>), QuotedVariable> {
        let (mut text, mut variables) = (String::with_capacity(self.sql.len()), Vec::new());
        let mut end = 0;
        for place in &self.places {
            if place.is_quoted {
                return Err(QuotedVariable { name: self.sql[place.range.clone()].to_owned() });
            }
            variables.push(place.variable);
            text.push_str(&self.sql[end..place.range.start]);
            write!(text, "${}", variables.len()).expect("text in memory takes what is written");
            end = place.range.end;
        }
        text.push_str(&self.sql[end..]);
        Ok((text, variables))
    }
}
