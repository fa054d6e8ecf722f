//! Statements with their parameters, weight and origin.

use std::fmt;

use crate::query;
use crate::workload::parameter::Parameter;

/// Statements that a database serves, and how often.
#[derive(Debug)]
pub(crate) struct Workload {
    pub(crate) source: Source,
    pub(crate) statements: Vec<Statement>,
    /// What cannot be used, with the reason; never dropped in silence.
    pub(crate) skipped: Vec<Skipped>,
}

/// Where a workload came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Source {
    /// A perfkit.yaml, a `.sql` file or a folder, by its path.
    File(String),
    /// The view `pg_stat_statements`.
    PgStatStatements,
    /// The workload of a built-in scenario.
    Scenario(String),
    /// The statement on the command line.
    CommandLine,
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => f.write_str(path),
            Self::PgStatStatements => f.write_str("pg_stat_statements"),
            Self::Scenario(name) => write!(f, "built-in scenario {name}"),
            Self::CommandLine => f.write_str("command line"),
        }
    }
}

/// One statement of a workload.
#[derive(Clone, Debug)]
pub(crate) struct Statement {
    /// A short name, unique in the workload.
    pub(crate) name: String,
    /// SQL text with `$n` parameters, as the server plans it.
    pub(crate) sql: String,
    pub(crate) kind: StatementKind,
    /// How each `$n` is drawn; empty when unknown.
    pub(crate) parameters: Vec<Parameter>,
    /// How often it runs, relative to the other statements.
    pub(crate) weight: f64,
    /// Mean execution time where the source knows it, in milliseconds.
    pub(crate) mean_ms: Option<f64>,
    /// Whether it is one that somebody sent, rather than one that somebody describes.
    pub(crate) is_observed: bool,
}

/// What a statement does to the data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum StatementKind {
    Select,
    Insert,
    Update,
    Delete,
    Merge,
    /// DDL, SET, VACUUM and the like, which have no plan.
    Utility,
}

impl StatementKind {
    /// Whether the statement may change data.
    pub(crate) fn writes(self) -> bool {
        self != Self::Select
    }
}

/// A statement that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Skipped {
    pub(crate) sql: String,
    pub(crate) reason: String,
}

impl Workload {
    pub(crate) fn new(source: Source) -> Self {
        Self { source, statements: Vec::new(), skipped: Vec::new() }
    }

    /// Adds a statement, or its reason for not being usable to `skipped`.
    pub(crate) fn add(
        &mut self,
        name: Option<&str>,
        sql: &str,
        parameters: Vec<Parameter>,
        weight: f64,
        mean_ms: Option<f64>,
    ) {
        let sql = &*query::plannable(sql.trim().trim_end_matches(';').trim_end());
        match query::parse(sql) {
            Ok(parsed) if parsed.kind == StatementKind::Utility => self.skip(sql, "has no plan"),
            Ok(parsed) => {
                let fingerprint = parsed.fingerprint;
                let name = self.unique_name(name.unwrap_or(&fingerprint[..8]));
                self.statements.push(Statement {
                    name,
                    sql: sql.to_owned(),
                    kind: parsed.kind,
                    parameters,
                    weight,
                    mean_ms,
                    is_observed: mean_ms.is_some(),
                });
            }
            Err(error) => self.skip(sql, &error.to_string()),
        }
    }

    pub(crate) fn skip(&mut self, sql: &str, reason: &str) {
        self.skipped.push(Skipped { sql: sql.to_owned(), reason: reason.to_owned() });
    }

    /// Moves the statements that `unusable` gives a reason for to `skipped`.
    pub(crate) fn skip_if(&mut self, unusable: impl Fn(&Statement) -> Option<String>) {
        let skipped = &mut self.skipped;
        self.statements.retain(|statement| match unusable(statement) {
            Some(reason) => {
                skipped.push(Skipped { sql: statement.sql.clone(), reason });
                false
            }
            None => true,
        });
    }

    fn unique_name(&self, wanted: &str) -> String {
        let mut name = wanted.to_owned();
        let mut number = 1;
        while self.statements.iter().any(|statement| statement.name == name) {
            number += 1;
            name = format!("{wanted}-{number}");
        }
        name
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique_and_unusable_statements_listed() {
        let mut workload = Workload::new(Source::CommandLine);
        workload.add(Some("a"), "SELECT 1;", vec![], 1.0, None);
        workload.add(Some("a"), "SELECT 2", vec![], 1.0, None);
        workload.add(None, "SELEC 3", vec![], 1.0, None);
        workload.add(None, "VACUUM (ANALYZE)", vec![], 1.0, None);
        workload.add(Some("b"), "SELECT date $1", vec![], 1.0, None);
        let names: Vec<&str> = workload.statements.iter().map(|s| s.name.as_str()).collect();
        assert_eq!(names, ["a", "a-2", "b"]);
        assert_eq!(workload.skipped.len(), 2);
        assert_eq!(workload.skipped[1].reason, "has no plan");
        assert_eq!(workload.statements[0].sql, "SELECT 1");
        assert_eq!(workload.statements[2].sql, "SELECT $1::date");
    }
}
