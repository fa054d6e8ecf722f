//! What parameters read once when a command begins: queries, CSV files and traces.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::captured;
use crate::context::Context;
use crate::error::{Error, Result};
use crate::pg::{self, Connection};
use crate::query;
use crate::workload::captured::Captured;
use crate::workload::parameter::{ReadColumn, RowSource, Samples, Table};
use crate::workload::{Statement, StatementKind};

/// More rows are not kept: they are held in memory, and the likeliest of so many shows as well as that of all.
const MAX_ROWS: usize = 100_000;

/// Reads what the parameters of these statements take values from.
pub(super) async fn insert_all(
    context: &Context,
    connection: Option<&Connection>,
    statements: &[Statement],
    samples: &mut Samples,
) -> Result<()> {
    let mut reader = Reader { context, connection, tables: BTreeMap::new(), traces: BTreeMap::new() };
    for statement in statements {
        for (number, parameter) in statement.parameters.iter().enumerate() {
            let Some(read) = parameter.read() else { continue };
            let table = reader.table(read).await?;
            let column = table.column(&read.column).map_err(|reason| at(read, reason))?;
            if table.rows.is_empty() {
                return Err(empty(read));
            }
            if let (RowSource::Csv { path, .. }, Some(connection)) = (&read.source, connection) {
                require_type(connection, statement, number, (path, table, column)).await?;
            }
            samples.insert_read(read, table.rows.clone(), column);
        }
    }
    Ok(())
}

/// Reads each source once.
struct Reader<'a> {
    context: &'a Context,
    connection: Option<&'a Connection>,
    tables: BTreeMap<RowSource, Table>,
    traces: BTreeMap<PathBuf, Captured>,
}

impl Reader<'_> {
    async fn table(&mut self, read: &ReadColumn) -> Result<&Table> {
        if !self.tables.contains_key(&read.source) {
            let table = match &read.source {
                RowSource::Query(sql) => self.of_query(read, sql).await?,
                RowSource::Csv { path, has_header } => of_csv(read, path, *has_header)?,
                RowSource::Trace { path, statement } => self.of_trace(path, statement).await?,
            };
            self.tables.insert(read.source.clone(), table);
        }
        Ok(&self.tables[&read.source])
    }

    async fn of_query(&self, read: &ReadColumn, sql: &str) -> Result<Table> {
        let Some(connection) = self.connection else {
            return Err(at(read, "a query for parameters needs a database")
                .hint("Give values with `choice` or `csv`, or name a database instead of a snapshot."));
        };
        let sql = sql.trim().trim_end_matches(';');
        match query::parse(sql) {
            Ok(parsed) if parsed.kind == StatementKind::Select => {}
            Ok(_) => return Err(at(read, "a query for parameters must be a SELECT")),
            Err(error) => return Err(at(read, format!("the query for parameters {error}"))),
        }
        let (names, mut rows) = pg::sample::query(connection, sql, MAX_ROWS + 1)
            .await
            .map_err(|error| Error::from(error).context(format!("{}: the query failed", read.place.0)))?;
        if rows.len() > MAX_ROWS {
            self.context.ui.warn(format_args!(
                "{}: the query returns more than {MAX_ROWS} rows; the first are used",
                read.place.0
            ));
            rows.truncate(MAX_ROWS);
        }
        Ok(Table::new(names, rows))
    }

    async fn of_trace(&mut self, path: &Path, statement: &str) -> Result<Table> {
        if !self.traces.contains_key(path) {
            let captured = captured::read(self.context, path).await?;
            self.traces.insert(path.to_owned(), captured);
        }
        let sets = self.traces[path].values_of(&query::plannable(statement));
        let n_columns = query::placeholder_count(statement);
        Ok(Table::new(vec![String::new(); n_columns], sets))
    }
}

fn of_csv(read: &ReadColumn, path: &Path, has_header: bool) -> Result<Table> {
    let text = std::fs::read_to_string(path).map_err(|error| {
        at(read, format!("could not read {:?}", path.display()))
            .cause(error)
            .hint("The path is taken from the folder of the configuration file.")
    })?;
    Table::of_csv(&text, has_header).map_err(|error| {
        Error::usage(format!("{}:{error}", path.display()))
            .hint("The file is read as `COPY … WITH (FORMAT csv)` reads it.")
    })
}

/// Refuses values that the server cannot read as what the parameter is, with the first one's line.
async fn require_type(
    connection: &Connection,
    statement: &Statement,
    number: usize,
    (path, table, column): (&Path, &Table, usize),
) -> Result<()> {
    let values: Vec<Option<&str>> = table.rows.iter().map(|row| row[column].as_deref()).collect();
    let refused =
        pg::sample::first_refused(connection, &statement.sql, number, &values).await.map_err(|error| {
            Error::from(error).context(format!("statement \"{}\" cannot be run", statement.name))
        })?;
    match refused {
        None => Ok(()),
        Some((row, reason)) => {
            Err(Error::usage(format!("{}:{}: {reason}", path.display(), table.line(row).unwrap_or_default()))
                .cause(format!("it is to be ${} of statement \"{}\"", number + 1, statement.name)))
        }
    }
}

/// Makes an error about what a parameter reads.
fn at(read: &ReadColumn, reason: impl std::fmt::Display) -> Error {
    match &read.source {
        RowSource::Csv { path, has_header: true } => Error::usage(format!("{}:1: {reason}", path.display()))
            .cause(format!("it is named in {}", read.place.0)),
        _ => Error::usage(format!("{}: {reason}", read.place.0)),
    }
}

fn empty(read: &ReadColumn) -> Error {
    match &read.source {
        RowSource::Query(_) => {
            at(read, "the query returns no row").hint("Seed the table, or change the query.")
        }
        RowSource::Csv { path, .. } => Error::usage(format!("{}: the file holds no row", path.display()))
            .cause(format!("it is named in {}", read.place.0)),
        RowSource::Trace { path, .. } => {
            at(read, format!("{:?} holds no execution of the statement with its values", path.display()))
                .hint("Record it without `--redact`; `perfkit workload top` shows which statements it holds.")
        }
    }
}
