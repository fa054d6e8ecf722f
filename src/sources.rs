//! Where workloads come from, and how their parameters get values.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use crate::catalog::Catalog;
use crate::config::ConfigFile;
use crate::context::Context;
use crate::error::{Error, Result};
use crate::pg::{self, Connection, TextValue};
use crate::query::{self, ParameterUse, TableName};
use crate::random;
use crate::scenario::{SCENARIOS, Scenario};
use crate::workload::parameter::{ColumnName, Generator, Parameter, Samples};
use crate::workload::{Source, Statement, Workload};

/// A page of a list, for a `LIMIT $n` that nobody gave a value.
const TYPICAL_LIMIT: &str = "20";
/// As many keys as such a page asks for at once, for an `= ANY ($n)`.
const TYPICAL_ARRAY_LENGTH: u32 = 20;

/// Loads the workload that `--workload` names, or finds one.
pub(crate) async fn load(
    context: &Context,
    named: &[String],
    connection: &Connection,
    catalog: &Catalog,
) -> Result<Workload> {
    let mut workload = match named {
        [] => find(context, connection, catalog).await?,
        [first, rest @ ..] => {
            let mut workload = open(first, connection).await?;
            for name in rest {
                let other = open(name, connection).await?;
                workload.source = Source::File(named.join(", "));
                workload.statements.extend(other.statements);
                workload.skipped.extend(other.skipped);
            }
            workload
        }
    };
    infer_parameters(&mut workload, catalog);
    report(context, &workload);
    if workload.statements.is_empty() {
        return Err(Error::usage(format!(
            "the workload from {} has no statement that can be used",
            workload.source
        ))
        .cause(workload.skipped.first().map_or_else(
            || "it is empty".to_owned(),
            |skipped| format!("{:?} {}", one_line(&skipped.sql), skipped.reason),
        ))
        .hint("Name another one with `--workload`, or write one with `perfkit init`."));
    }
    Ok(workload)
}

fn report(context: &Context, workload: &Workload) {
    let n_skipped = workload.skipped.len();
    let skipped = if n_skipped == 0 { String::new() } else { format!(", {n_skipped} skipped") };
    context.ui.status(format_args!(
        "workload: {} statements from {}{skipped}",
        workload.statements.len(),
        workload.source
    ));
}

/// Returns the workload of ./perfkit.yaml, `pg_stat_statements` or a built-in scenario, in this order.
async fn find(context: &Context, connection: &Connection, catalog: &Catalog) -> Result<Workload> {
    if let Some(file) = &context.config
        && !file.config.workload.statements.is_empty()
    {
        return Ok(of_config(file, Source::File(file.path.display().to_string())));
    }
    if let Some(mut workload) = pg::stat::workload(connection).await? {
        // Statements about other schemas or tools are no workload of this database's tables.
        workload.skip_if(|statement| {
            let shape = query::parse(&statement.sql).ok()?.shape(catalog);
            let reads = shape.uses.iter().any(|table_use| catalog.table(&table_use.table).is_some());
            (!reads && !statement.kind.writes()).then(|| "reads no table of this database".to_owned())
        });
        if workload.statements.iter().any(|statement| !statement.kind.writes()) {
            return Ok(workload);
        }
    }
    if let Some(scenario) = scenario_of(catalog) {
        let file = scenario_config(scenario)?;
        return Ok(of_config(&file, Source::Scenario(scenario.name.to_owned())));
    }
    Err(Error::usage(
        "there is no workload: no perfkit.yaml, no pg_stat_statements, and no built-in scenario's tables",
    )
    .hint("Write a starter perfkit.yaml with `perfkit init`, or name a workload with `--workload`."))
}

async fn open(name: &str, connection: &Connection) -> Result<Workload> {
    if name == "pg_stat_statements" {
        return pg::stat::workload(connection).await?.ok_or_else(|| {
            Error::usage("pg_stat_statements is not available in this database")
                .hint("Add it to shared_preload_libraries, restart the server, and CREATE EXTENSION pg_stat_statements.")
        });
    }
    let path = Path::new(name);
    if matches!(path.extension().and_then(|ending| ending.to_str()), Some("yaml" | "yml")) {
        let file = ConfigFile::load(Some(path))?.expect("a named file is there or an error");
        return Ok(of_config(&file, Source::File(name.to_owned())));
    }
    of_sql(path)
}

pub(crate) fn of_config(file: &ConfigFile, source: Source) -> Workload {
    let mut workload = Workload::new(source);
    for statement in &file.config.workload.statements {
        workload.add(
            statement.name.as_deref(),
            &statement.sql,
            statement.params.clone(),
            statement.weight,
            None,
        );
    }
    workload
}

/// Reads a `.sql` file, or all of them in a folder, in the order of their names.
fn of_sql(path: &Path) -> Result<Workload> {
    let fail = |error: std::io::Error| {
        Error::usage(format!("could not read workload {:?}", path.display()))
            .cause(error)
            .hint("A workload is a perfkit.yaml, a .sql file, a folder of .sql files, or pg_stat_statements.")
    };
    let files: Vec<PathBuf> = if path.is_dir() {
        let mut files: Vec<PathBuf> = fs::read_dir(path)
            .map_err(fail)?
            .filter_map(|entry| Some(entry.ok()?.path()))
            .filter(|path| path.extension().is_some_and(|ending| ending == "sql"))
            .collect();
        files.sort();
        files
    } else {
        vec![path.to_owned()]
    };
    let mut workload = Workload::new(Source::File(path.display().to_string()));
    for file in files {
        let script = fs::read_to_string(&file).map_err(fail)?;
        let stem = file.file_stem().map(|stem| stem.to_string_lossy().into_owned());
        match query::split(&script) {
            Ok(statements) => {
                for sql in statements {
                    workload.add(stem.as_deref(), sql, Vec::new(), 1.0, None);
                }
            }
            Err(error) => workload.skip(&script, &error.to_string()),
        }
    }
    Ok(workload)
}

/// Returns the built-in scenario whose tables are all there.
pub(crate) fn scenario_of(catalog: &Catalog) -> Option<&'static Scenario> {
    SCENARIOS.iter().find(|scenario| {
        scenario_config(scenario).is_ok_and(|file| {
            file.config
                .seed
                .tables
                .keys()
                .all(|name| catalog.table(&TableName { schema: None, name: name.clone() }).is_some())
        })
    })
}

pub(crate) fn scenario_config(scenario: &Scenario) -> Result<ConfigFile> {
    ConfigFile::parse(Path::new(&format!("{}.yaml", scenario.name)), scenario.config_yaml.to_owned())
}

/// Gives parameters without a value the column they are compared with.
pub(crate) fn infer_parameters(workload: &mut Workload, catalog: &Catalog) {
    let mut skipped = Vec::new();
    workload.statements.retain_mut(|statement| match with_parameters(statement, catalog) {
        Ok(parameters) => {
            statement.parameters = parameters;
            true
        }
        Err(reason) => {
            skipped.push((statement.sql.clone(), reason));
            false
        }
    });
    for (sql, reason) in skipped {
        workload.skip(&sql, &reason);
    }
}

fn with_parameters(statement: &Statement, catalog: &Catalog) -> Result<Vec<Parameter>, String> {
    let n_placeholders = query::placeholder_count(&statement.sql);
    let n_given = statement.parameters.len();
    if n_given > n_placeholders {
        return Err(format!("has {n_placeholders} parameters, but {n_given} are given"));
    }
    let uses =
        query::parse(&statement.sql).map(|parsed| parsed.shape(catalog).parameters).unwrap_or_default();
    let mut parameters = statement.parameters.clone();
    for number in n_given + 1..=n_placeholders {
        let inferred = uses.iter().find_map(|parameter| match parameter {
            ParameterUse::Column { number: n, table, column } if *n == number => {
                catalog.table(table)?.column(column)?;
                Some(Parameter::From(ColumnName {
                    schema: table.schema.clone(),
                    table: table.name.clone(),
                    column: column.clone(),
                }))
            }
            ParameterUse::Array { number: n, table, column } if *n == number => {
                catalog.table(table)?.column(column)?;
                let (schema, table, column) = (table.schema.clone(), table.name.clone(), column.clone());
                Some(Parameter::Array {
                    from: ColumnName { schema, table, column },
                    length: TYPICAL_ARRAY_LENGTH,
                })
            }
            ParameterUse::Limit { number: n } if *n == number => {
                Some(Parameter::Value(Some(TYPICAL_LIMIT.to_owned())))
            }
            ParameterUse::Offset { number: n } if *n == number => {
                Some(Parameter::Value(Some("0".to_owned())))
            }
            _ => None,
        });
        parameters
            .push(inferred.ok_or_else(|| format!("has a parameter ${number} without known values; describe the statement with `params` in perfkit.yaml"))?);
    }
    Ok(parameters)
}

/// Samples the columns that parameters draw from, and returns the generators of each statement.
pub(crate) async fn generators(
    context: &Context,
    connection: &Connection,
    catalog: &Catalog,
    statements: &[Statement],
    seed: u64,
) -> Result<Vec<Vec<Generator>>> {
    let columns: BTreeSet<&ColumnName> =
        statements.iter().flat_map(|statement| &statement.parameters).filter_map(Parameter::column).collect();
    let mut samples = Samples::default();
    for name in columns {
        let table_name = TableName { schema: name.schema.clone(), name: name.table.clone() };
        let table = catalog.table(&table_name).filter(|table| table.column(&name.column).is_some());
        let Some(table) = table else { return Err(unknown_column(context, catalog, name, &table_name)) };
        let values = pg::sample::column(connection, table, &name.column).await?;
        if values.is_empty() {
            context.ui.warn(format_args!("{name} has no values to draw parameters from; NULL is used"));
        }
        samples.insert(name.clone(), values);
    }
    Ok(statements
        .iter()
        .map(|statement| {
            let stream = random::substream(seed, &statement.name);
            let numbered = statement.parameters.iter().zip(0..);
            numbered
                .map(|(parameter, i)| Generator::new(parameter, &samples, random::at(stream, i)))
                .collect()
        })
        .collect())
}

fn unknown_column(context: &Context, catalog: &Catalog, name: &ColumnName, table_name: &TableName) -> Error {
    let (message, nearest) = match catalog.table(table_name) {
        None => (
            format!("table \"{table_name}\" does not exist"),
            crate::yaml::nearest(&name.table, catalog.tables.iter().map(|table| table.name.as_str())),
        ),
        Some(table) => (
            format!("column \"{}\" of table \"{table_name}\" does not exist", name.column),
            crate::yaml::nearest(&name.column, table.columns.iter().map(|column| column.name.as_str())),
        ),
    };
    let word = name.to_string();
    let error = match &context.config {
        Some(file) if file.text.contains(&word) => file.error_at(&word, message),
        _ => Error::usage(message),
    };
    match nearest {
        Some(nearest) => error.hint(format!("Did you mean `{nearest}`?")),
        None => error.hint("Check the names under `params` against the schema."),
    }
}

/// Draws one set of values.
pub(crate) fn draw(generators: &[Generator], bits: u64) -> Vec<TextValue> {
    let now_us = now_us();
    generators
        .iter()
        .zip(0..)
        .map(|(generator, i)| TextValue(generator.draw(random::at(bits, i), now_us)))
        .collect()
}

/// Microseconds since the Unix epoch.
pub(crate) fn now_us() -> i64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |now| i64::try_from(now.as_micros()).unwrap_or(i64::MAX))
}

/// Returns SQL on one line, for messages.
pub(crate) fn one_line(sql: &str) -> String {
    const MAX_CHARACTERS: usize = 120;
    let line = sql.split_whitespace().collect::<Vec<_>>().join(" ");
    if line.chars().count() <= MAX_CHARACTERS {
        return line;
    }
    line.chars().take(MAX_CHARACTERS - 1).chain(['…']).collect()
}
