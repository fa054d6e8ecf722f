//! SQL text: parse, split, fingerprint, and read off what a statement asks of each table.
//!
//! The only user of `sqlparser`.

mod balance;
pub(crate) mod batch;
pub(crate) mod check;
pub(crate) mod condition;
mod constants;
mod counts;
mod effect;
mod fingerprint;
mod from;
mod grammar;
mod increments;
pub(crate) mod index_ddl;
mod list;
mod literals;
mod only_table;
pub(crate) mod quote;
mod scope;
mod shape;
mod template;
pub(crate) mod words;
mod writes;

use std::fmt;
use std::ops::Range;

use sqlparser::ast;
use sqlparser::dialect::PostgreSqlDialect;
use sqlparser::tokenizer::{Location, Token, Tokenizer};

use crate::random;
use crate::workload::StatementKind;

pub(crate) use constants::{constant_text, constants, with_constants};
pub(crate) use counts::{Aggregate, Counting, Filter, Place};
pub(crate) use effect::{called, outside_effects};
pub(crate) use grammar::plannable;
pub(crate) use increments::Assigned;
pub(crate) use list::{Amount, KeysetQuery, List, ListedColumn, SortKey, Source, Way};
pub(crate) use literals::literals_for;
pub(crate) use scope::{Relations, TableName};
pub(crate) use shape::{
    Bound, Condition, Notation, Operand, Order, ParameterUse, SortItem, StatementShape, TableUse, Test,
    Write, same_expression,
};
pub(crate) use template::Template;
pub(crate) use writes::may_write;

/// SQL text that is not one statement of PostgreSQL.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error("cannot be parsed: {0}")]
    Syntax(String),
    #[error("holds {0} statements instead of one")]
    NotOne(usize),
    #[error("has a chain of more than {} operators", balance::MAX_DEPTH)]
    TooDeep,
    #[error("has no plan")]
    Utility,
}

/// One parsed statement.
pub(crate) struct Parsed {
    pub(crate) kind: StatementKind,
    /// Sixteen hexadecimal digits, equal for statements that differ in constants and white space only.
    pub(crate) fingerprint: String,
    statement: ast::Statement,
    /// See [`grammar::Readable`].
    left_out: String,
}

impl Parsed {
    /// Returns what the statement asks of each table; `relations` knows which columns a table has.
    pub(crate) fn shape(&self, relations: &dyn Relations) -> StatementShape {
        shape::shape(&self.statement, relations)
    }

    /// Returns the tables whose rows the statement changes.
    pub(crate) fn writes(&self) -> Vec<Write> {
        shape::writes(&self.statement)
    }

    /// Returns how the statement changes a column of the table that it writes; see [`increments`].
    pub(crate) fn assigned(&self, column: &str) -> Option<Assigned> {
        increments::assigned(&self.statement, column)
    }

    /// Returns the aggregates that the statement computes by some column; see [`counts`].
    pub(crate) fn countings(&self, relations: &dyn Relations) -> Vec<Counting> {
        counts::countings(&self.statement, relations)
    }

    /// Returns the list that the statement gives, or a page of it; see [`list`].
    pub(crate) fn list(&self, relations: &dyn Relations) -> Option<List> {
        let mut list = list::list(&self.statement, relations)?;
        if !self.left_out.is_empty() {
            list.obstacle.get_or_insert_with(|| "it has parts that perfkit does not read".to_owned());
        }
        Some(list)
    }

    /// Returns what a statement that counts rows counts, as [`List::rows`].
    pub(crate) fn counted_rows(&self) -> Option<String> {
        list::counted_rows(&self.statement)
    }

    /// Returns the relation of a statement that names one relation once and reads it directly; see [`only_table`].
    pub(crate) fn only_table(&self) -> Option<TableName> {
        only_table::only_table(&self.statement)
    }
}

/// Returns the fingerprint of a statement as a number. Text that cannot be parsed has that of its words.
pub(crate) fn fingerprint(sql: &str) -> u64 {
    let parsed = parse(&plannable(sql)).ok();
    let number = parsed.and_then(|parsed| u64::from_str_radix(&parsed.fingerprint, 16).ok());
    number.unwrap_or_else(|| random::substream(0, &sql.to_lowercase()))
}

/// Parses exactly one statement.
pub(crate) fn parse(sql: &str) -> Result<Parsed, Error> {
    let grammar::Readable { mut statements, left_out } = grammar::statements(sql).map_err(|error| {
        if is_utility(sql) {
            return Error::Utility;
        }
        Error::Syntax(error.to_string().trim_start_matches("sql parser error: ").to_owned())
    })?;
    match (statements.pop(), statements.len()) {
        (Some(mut statement), 0) => {
            balance::balance(&mut statement).map_err(|balance::TooDeep| Error::TooDeep)?;
            let fingerprint = fingerprint::fingerprint(&statement, &left_out);
            Ok(Parsed { kind: kind(&statement), fingerprint, statement, left_out })
        }
        (None, _) => Err(Error::NotOne(0)),
        (Some(_), others) => Err(Error::NotOne(others + 1)),
    }
}

/// Whether a statement begins with a command that has no plan (manual, "SQL Commands").
fn is_utility(sql: &str) -> bool {
    /// CREATE and REFRESH may hold queries, but nobody tunes them one by one.
    const COMMANDS: &str = "ABORT ALTER ANALYZE BEGIN CALL CHECKPOINT CLOSE CLUSTER COMMENT COMMIT COPY CREATE DEALLOCATE \
        DECLARE DISCARD DO DROP END EXECUTE EXPLAIN FETCH GRANT IMPORT LISTEN LOAD LOCK MOVE NOTIFY \
        PREPARE REASSIGN REFRESH REINDEX RELEASE RESET REVOKE ROLLBACK SAVEPOINT SECURITY SET SHOW \
        START TRUNCATE UNLISTEN VACUUM";
    let first = words::lexemes(sql).into_iter().find(words::Lexeme::is_solid);
    first.is_some_and(|first| COMMANDS.split(' ').any(|command| first.text.eq_ignore_ascii_case(command)))
}

fn kind(statement: &ast::Statement) -> StatementKind {
    match statement {
        ast::Statement::Query(query) => query_kind(query),
        ast::Statement::Insert(_) => StatementKind::Insert,
        ast::Statement::Update(_) => StatementKind::Update,
        ast::Statement::Delete(_) => StatementKind::Delete,
        ast::Statement::Merge(_) => StatementKind::Merge,
        _ => StatementKind::Utility,
    }
}

/// A query writes when it, or a CTE of it, is a data-modifying statement.
fn query_kind(query: &ast::Query) -> StatementKind {
    let ctes = query.with.iter().flat_map(|with| &with.cte_tables).map(|cte| query_kind(&cte.query));
    let body = match &*query.body {
        ast::SetExpr::Insert(statement)
        | ast::SetExpr::Update(statement)
        | ast::SetExpr::Delete(statement)
        | ast::SetExpr::Merge(statement) => kind(statement),
        ast::SetExpr::Select(select) if select.into.is_some() => StatementKind::Utility,
        _ => StatementKind::Select,
    };
    ctes.chain([body]).find(|kind| *kind != StatementKind::Select).unwrap_or(StatementKind::Select)
}

/// Splits a script into its statements, without the comments before them.
pub(crate) fn split(script: &str) -> Result<Vec<&str>, Error> {
    let tokens = Tokenizer::new(&PostgreSqlDialect {}, script)
        .tokenize_with_location()
        .map_err(|error| Error::Syntax(error.to_string()))?;
    let offsets = LineOffsets::new(script);
    let mut statements = Vec::new();
    let mut start = None;
    for token in &tokens {
        match token.token {
            Token::Whitespace(_) => {}
            Token::SemiColon => {
                if let Some(start) = start.take() {
                    statements.push(script[start..offsets.at(token.span.start)].trim());
                }
            }
            Token::EOF => break,
            _ => start = start.or(Some(offsets.at(token.span.start))),
        }
    }
    statements.extend(start.map(|start| script[start..].trim()));
    Ok(statements)
}

/// Returns the largest number of the placeholders that occur, as `$n`.
pub(crate) fn placeholder_count(sql: &str) -> usize {
    placeholders(sql).into_iter().map(|(_, i)| i + 1).max().unwrap_or(0)
}

/// Returns where each placeholder `$n` stands, and its number from 0.
pub(crate) fn placeholders(sql: &str) -> Vec<(Range<usize>, usize)> {
    let Ok(tokens) = Tokenizer::new(&PostgreSqlDialect {}, sql).tokenize_with_location() else {
        return Vec::new();
    };
    let offsets = LineOffsets::new(sql);
    tokens
        .iter()
        .filter_map(|token| match &token.token {
            Token::Placeholder(text) => {
                let number: usize = text.trim_start_matches('$').parse().ok()?;
                let start = offsets.at(token.span.start);
                Some((start..start + text.len(), number.checked_sub(1)?))
            }
            _ => None,
        })
        .collect()
}

/// Returns a statement with something else in the place of each placeholder `$n`, which is told its number from 0.
pub(crate) fn with_placeholders(sql: &str, instead: impl FnMut(usize) -> String) -> String {
    Template::new(sql).with(instead)
}

/// Byte offsets of a tokenizer's lines and columns.
struct LineOffsets<'a> {
    text: &'a str,
    lines: Vec<usize>,
}

impl<'a> LineOffsets<'a> {
    fn new(text: &'a str) -> Self {
        let lines = std::iter::once(0).chain(text.match_indices('\n').map(|(at, _)| at + 1)).collect();
        Self { text, lines }
    }

    fn at(&self, location: Location) -> usize {
        let to_usize = |n: u64| usize::try_from(n).expect("an offset into text in memory");
        let line = self.lines[to_usize(location.line) - 1];
        let column = to_usize(location.column) - 1;
        self.text[line..].char_indices().nth(column).map_or(self.text.len(), |(at, _)| line + at)
    }
}

impl fmt::Debug for Parsed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.statement)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tells_reads_from_writes() {
        for (sql, expected) in [
            ("SELECT 1", StatementKind::Select),
            ("WITH x AS (SELECT 1) SELECT * FROM x", StatementKind::Select),
            ("WITH x AS (DELETE FROM t RETURNING *) SELECT * FROM x", StatementKind::Delete),
            ("INSERT INTO t VALUES (1)", StatementKind::Insert),
            ("UPDATE t SET a = 1", StatementKind::Update),
            ("SELECT * INTO u FROM t", StatementKind::Utility),
            ("VACUUM t", StatementKind::Utility),
        ] {
            assert_eq!(parse(sql).unwrap().kind, expected, "{sql}");
        }
    }

    #[test]
    fn splits_scripts() {
        let script = "-- first\nSELECT 'a;b'; /* ü */ SELECT $$;$$ ;\n\n  SELECT \"ü;\"\n-- end";
        assert_eq!(split(script).unwrap(), ["SELECT 'a;b'", "SELECT $$;$$", "SELECT \"ü;\"\n-- end"]);
        assert!(split("SELECT 'open").is_err());
        assert!(split(" \n-- nothing\n").unwrap().is_empty());
    }

    #[test]
    fn counts_placeholders() {
        assert_eq!(placeholder_count("SELECT $2, '$9', $1"), 2);
        assert_eq!(placeholder_count("SELECT 1"), 0);
    }
}
