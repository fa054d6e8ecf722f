//! Where a statement's `$n` values come from: `params` in perfkit.yaml.

mod config;
mod generator;
mod table;

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use serde::Deserialize;

pub(crate) use config::Scalar;
pub(crate) use generator::{Draw, Generator, Samples};
pub(crate) use table::Table;

/// Rows of values in text form, shared by all that draw from them; `None` is NULL.
pub(crate) type Rows = Arc<[Vec<Option<String>>]>;

/// A column as perfkit.yaml names it: `table.column` or `schema.table.column`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(try_from = "String")]
pub(crate) struct ColumnName {
    pub(crate) schema: Option<String>,
    pub(crate) table: String,
    pub(crate) column: String,
}

impl TryFrom<String> for ColumnName {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let parts: Vec<&str> = text.split('.').collect();
        let (schema, table, column) = match parts[..] {
            [table, column] => (None, table, column),
            [schema, table, column] => (Some(schema.to_owned()), table, column),
            _ => return Err(format!("{text:?} is not a column; write it as table.column")),
        };
        Ok(Self { schema, table: table.to_owned(), column: column.to_owned() })
    }
}

impl fmt::Display for ColumnName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(schema) = &self.schema {
            write!(f, "{schema}.")?;
        }
        write!(f, "{}.{}", self.table, self.column)
    }
}

/// How the values of one `$n` are drawn.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(try_from = "config::ParameterConfig")]
pub(crate) enum Parameter {
    /// The same value every time; `None` is NULL.
    Value(Option<String>),
    /// One of these, equally likely.
    Choice(Vec<Option<String>>),
    /// A value that the column holds, equally likely.
    From(ColumnName),
    /// A value that the column holds; the k-th likeliest has weight `k^-s`.
    Zipf { from: ColumnName, s: f64 },
    /// An array of so many values that the column holds, for `= ANY ($n)`.
    Array { from: ColumnName, length: u32 },
    /// An integer in `min..=max`, equally likely.
    Uniform { min: i64, max: i64 },
    /// An integer in `min..=max`, as pgbench's functions spread them.
    Spread { min: i64, max: i64, spread: Spread },
    /// The integers from `min` to `max`, and those from the beginning again, each client its own.
    ///
    /// The k-th execution of the statement by client c of n, both from 0, gets the number at place `c + k * n`. So the clients'
    /// numbers are disjoint up to `max`, and each client's are the same for any number of threads. The warm-up takes numbers,
    /// too: none comes twice in a run, as keys of new rows must not.
    Sequence { min: i64, max: i64 },
    /// A moment between `max` and `min` before now, equally likely.
    Ago { min: Duration, max: Duration },
    /// A value of what is read once when the command begins.
    Read(ReadColumn),
    /// A value that the statement was seen with; the parameters of one execution have values that were seen together.
    Observed { rows: Rows, column: usize },
}

/// How integers are spread over a range (manual of pgbench, "Built-In Functions").
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Spread {
    /// `random_gaussian`: cut so many standard deviations left and right of the middle.
    Normal(f64),
    /// `random_exponential`: the last number is less likely than the first by `exp(-parameter)`.
    Exponential(f64),
}

/// A column of rows that are read when the command begins, each row equally likely.
///
/// The parameters of one statement that read the same source get values of the same row.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct ReadColumn {
    pub(crate) source: RowSource,
    pub(crate) column: ColumnKey,
    /// Where it is written, for errors.
    pub(crate) place: Place,
}

/// Where rows come from.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum RowSource {
    Query(String),
    Csv {
        path: PathBuf,
        has_header: bool,
    },
    /// The executions of this statement in a trace or log.
    Trace {
        path: PathBuf,
        statement: String,
    },
}

/// A column by its name, or by its number from 1.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(untagged)]
pub(crate) enum ColumnKey {
    Number(usize),
    Name(String),
}

/// A place in a file, as messages begin with it. It says nothing of what stands there: all are equal.
#[derive(Clone, Debug, Default)]
pub(crate) struct Place(pub(crate) String);

impl PartialEq for Place {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Eq for Place {}

impl PartialOrd for Place {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Place {
    fn cmp(&self, _: &Self) -> std::cmp::Ordering {
        std::cmp::Ordering::Equal
    }
}

impl fmt::Display for RowSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Query(sql) => write!(f, "query {sql:?}"),
            Self::Csv { path, .. } | Self::Trace { path, .. } => write!(f, "{}", path.display()),
        }
    }
}

impl Parameter {
    /// The column whose values must be sampled before this parameter can be drawn.
    pub(crate) fn column(&self) -> Option<&ColumnName> {
        match self {
            Self::From(column) | Self::Zipf { from: column, .. } | Self::Array { from: column, .. } => {
                Some(column)
            }
            _ => None,
        }
    }

    /// What must be read before this parameter can be drawn.
    pub(crate) fn read(&self) -> Option<&ReadColumn> {
        match self {
            Self::Read(column) => Some(column),
            _ => None,
        }
    }

    /// The text by which the parameter's source is found in its file.
    pub(crate) fn source_text(&self) -> Option<String> {
        Some(match &self.read()?.source {
            RowSource::Query(sql) => sql.lines().next().unwrap_or_default().to_owned(),
            RowSource::Csv { path, .. } | RowSource::Trace { path, .. } => path.display().to_string(),
        })
    }

    /// Fills in what a parameter does not say itself: files are named from the folder of its own, and a trace has the values
    /// of the statement's `number`-th parameter, from 0.
    pub(crate) fn settle(&mut self, folder: &Path, place: Place, (statement, number): (&str, usize)) {
        let Self::Read(column) = self else { return };
        column.place = place;
        match &mut column.source {
            RowSource::Query(_) => {}
            RowSource::Csv { path, .. } => *path = folder.join(&path),
            RowSource::Trace { path, statement: of_trace } => {
                *path = folder.join(&path);
                statement.clone_into(of_trace);
                column.column = ColumnKey::Number(number + 1);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    fn parse(text: &str) -> Result<Parameter, crate::yaml::Error> {
        crate::yaml::parse(Path::new("p"), text)
    }

    #[test]
    fn reads_every_kind() {
        let id = || ColumnName::try_from("users.id".to_owned()).unwrap();
        let spread = |spread| Parameter::Spread { min: 1, max: 9, spread };
        let read = |source, column| Parameter::Read(ReadColumn { source, column, place: Place::default() });
        let csv = |has_header| RowSource::Csv { path: "a.csv".into(), has_header };
        for (text, expected) in [
            ("{value: 20}", Parameter::Value(Some("20".into()))),
            ("{value: null}", Parameter::Value(None)),
            ("{choice: [a, true]}", Parameter::Choice(vec![Some("a".into()), Some("true".into())])),
            ("{from: users.id}", Parameter::From(id())),
            ("{zipf: {from: users.id}}", Parameter::Zipf { from: id(), s: 1.1 }),
            ("{array: {from: users.id, length: 3}}", Parameter::Array { from: id(), length: 3 }),
            ("{uniform: {min: 1, max: 9}}", Parameter::Uniform { min: 1, max: 9 }),
            ("{normal: {min: 1, max: 9}}", spread(Spread::Normal(2.5))),
            ("{exponential: {min: 1, max: 9, parameter: 4}}", spread(Spread::Exponential(4.0))),
            ("{sequence: {}}", Parameter::Sequence { min: 1, max: i64::MAX }),
            ("{sequence: {min: 5, max: 7}}", Parameter::Sequence { min: 5, max: 7 }),
            ("{query: SELECT 1}", read(RowSource::Query("SELECT 1".into()), ColumnKey::Number(1))),
            ("{csv: a.csv, column: id}", read(csv(true), ColumnKey::Name("id".into()))),
            ("{csv: a.csv, column: 2, header: false}", read(csv(false), ColumnKey::Number(2))),
            (
                "{trace: a.trace}",
                read(
                    RowSource::Trace { path: "a.trace".into(), statement: String::new() },
                    ColumnKey::Number(1),
                ),
            ),
            ("{ago: {max: 7d}}", Parameter::Ago { min: Duration::ZERO, max: Duration::from_hours(168) }),
        ] {
            assert_eq!(parse(text).unwrap(), expected, "{text}");
        }
    }

    #[test]
    fn refuses_nonsense() {
        for text in [
            "{}",
            "{value: 1, from: users.id}",
            "{from: id}",
            "{uniform: {min: 2, max: 1}}",
            "{array: {from: users.id, length: 0}}",
            "{zipf: {from: users.id, s: 0}}",
            "{choice: []}",
            "{normal: {min: 1, max: 9, parameter: 1.5}}",
            "{normal: {min: 9, max: 1}}",
            "{exponential: {min: 1, max: 9, parameter: 0}}",
            "{exponential: {min: -9223372036854775808, max: 9223372036854775807}}",
            "{sequence: {min: 2, max: 1}}",
            "{query: ''}",
            "{csv: ''}",
            "{csv: a.csv, column: 0}",
            "{csv: a.csv, column: id, header: false}",
            "{uniform: {min: 1, max: 2}, column: id}",
            "{query: SELECT 1, header: false}",
            "{trace: a.trace, column: id}",
            "{ziph: {}}",
        ] {
            assert!(parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn files_are_named_from_the_folder_of_their_own() {
        let mut parameter = parse("{trace: a.trace}").unwrap();
        parameter.settle(Path::new("load"), Place("load/perfkit.yaml:3:5".to_owned()), ("SELECT $1", 0));
        let column = parameter.read().unwrap();
        assert_eq!(column.place.0, "load/perfkit.yaml:3:5");
        assert_eq!(
            column.source,
            RowSource::Trace { path: "load/a.trace".into(), statement: "SELECT $1".to_owned() }
        );
        let mut second = parse("{csv: /a.csv}").unwrap();
        second.settle(Path::new("load"), Place::default(), ("SELECT $1", 1));
        assert_eq!(second.read().unwrap().source.to_string(), "/a.csv");
    }
}
