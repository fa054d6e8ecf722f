//! Where workloads come from, and how their parameters get values.

mod captured;
mod left_out;
mod read;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use crate::catalog::{Catalog, ColumnStatistics};
use crate::command::capture::files;
use crate::config::ConfigFile;
use crate::context::Context;
use crate::error::{Error, Result};
use crate::pg::{self, Connection, TextValue};
use crate::query::{self, ParameterUse, TableName};
use crate::random;
use crate::scenario::{SCENARIOS, Scenario};
use crate::statistics::{self, ExpressionStatistics};
use crate::unit;
use crate::workload::parameter::{ColumnName, Draw, Generator, Parameter, Samples};
use crate::workload::{
    self, Known, N_CLASSES, ParameterType, Source, Statement, ValueSet, Wanting, Workload,
};

pub(crate) use left_out::{nothing_left, reason, report_left_out};

/// A page of a list, for a `LIMIT $n` that nobody gave a value.
const TYPICAL_LIMIT: &str = "20";
/// As many keys as such a page asks for at once, for an `= ANY ($n)`.
const TYPICAL_ARRAY_LENGTH: u32 = 20;

/// Loads the workload that `--workload` names, or finds one, with every parameter drawn from somewhere. Without a
/// connection only files hold any.
pub(crate) async fn load(
    context: &Context,
    named: &[String],
    connection: Option<&Connection>,
    catalog: &Catalog,
) -> Result<Workload> {
    let mut workload = of_names(context, named, connection, catalog).await?;
    infer_parameters(&mut workload, catalog);
    report_left_out(context, &workload.skipped);
    usable(context, workload)
}

/// Loads the same workload with the parameters that it describes itself; [`value_sets`] gives the others values.
pub(crate) async fn load_to_plan(
    context: &Context,
    named: &[String],
    connection: Option<&Connection>,
    catalog: &Catalog,
) -> Result<Workload> {
    usable(context, of_names(context, named, connection, catalog).await?)
}

/// Loads the same workload for a command that can do without; `None` where none is named and none is there.
pub(crate) async fn load_if_any(
    context: &Context,
    named: &[String],
    connection: Option<&Connection>,
    catalog: &Catalog,
) -> Result<Option<Workload>> {
    if !named.is_empty() {
        return load_to_plan(context, named, connection, catalog).await.map(Some);
    }
    let workload = find(context, connection, catalog).await?;
    if let Some(workload) = &workload {
        report(context, workload);
    }
    Ok(workload)
}

async fn of_names(
    context: &Context,
    named: &[String],
    connection: Option<&Connection>,
    catalog: &Catalog,
) -> Result<Workload> {
    match named {
        [] => find(context, connection, catalog).await?.ok_or_else(|| {
            Error::usage(
                "there is no workload: no perfkit.yaml, no pg_stat_statements, and no built-in scenario's tables",
            )
            .hint("Write a starter perfkit.yaml with `perfkit init`, or name a workload with `--workload`.")
        }),
        [first, rest @ ..] => {
            let mut workload = open(context, first, connection).await?;
            for name in rest {
                let other = open(context, name, connection).await?;
                workload.source = Source::File(named.join(", "));
                workload.statements.extend(other.statements);
                workload.skipped.extend(other.skipped);
            }
            Ok(workload)
        }
    }
}

fn usable(context: &Context, workload: Workload) -> Result<Workload> {
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
        "workload: {} from {}{skipped}",
        unit::counted(workload.statements.len() as u64, "statement"),
        workload.source
    ));
}

/// Returns the workload of ./perfkit.yaml, `pg_stat_statements` or a built-in scenario, in this order; `None` where there is
/// none of them.
async fn find(
    context: &Context,
    connection: Option<&Connection>,
    catalog: &Catalog,
) -> Result<Option<Workload>> {
    if let Some(file) = &context.config
        && !file.config.workload.statements.is_empty()
    {
        return Ok(Some(of_config(file, Source::File(file.path.display().to_string()))));
    }
    if let Some(connection) = connection
        && let Some(mut workload) = pg::stat::workload(connection).await?
    {
        // Statements about other schemas or tools are no workload of this database's tables.
        workload.skip_if(|statement| {
            let shape = query::parse(&statement.sql).ok()?.shape(catalog);
            let reads = shape.uses.iter().any(|table_use| catalog.table(&table_use.table).is_some());
            (!reads && !statement.kind.writes()).then(|| left_out::NOT_OF_DATABASE.to_owned())
        });
        if workload.statements.iter().any(|statement| !statement.kind.writes()) {
            return Ok(Some(workload));
        }
    }
    let Some(scenario) = scenario_of(catalog) else { return Ok(None) };
    let file = scenario_config(scenario)?;
    Ok(Some(of_config(&file, Source::Scenario(scenario.name.to_owned()))))
}

async fn open(context: &Context, name: &str, connection: Option<&Connection>) -> Result<Workload> {
    if name == "pg_stat_statements" {
        let connection = connection.ok_or_else(|| {
            Error::usage("pg_stat_statements needs a database")
                .hint("A snapshot holds its statements: leave `--workload` out to use them.")
        })?;
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
    if files::is_capture(path) {
        return captured::workload(context, path).await;
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
            .hint("A workload is a perfkit.yaml, a .sql file, a folder of .sql files, a trace, a server log, or pg_stat_statements.")
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
    let n_placeholders = n_placeholders(statement)?;
    let n_given = statement.parameters.len();
    let uses =
        query::parse(&statement.sql).map(|parsed| parsed.shape(catalog).parameters).unwrap_or_default();
    let mut parameters = statement.parameters.clone();
    for number in n_given + 1..=n_placeholders {
        let inferred = uses.iter().find_map(|parameter| match parameter {
            ParameterUse::Column { number: n, table, column, .. } if *n == number => {
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

/// Returns how many parameters a statement has, unless the workload describes more.
fn n_placeholders(statement: &Statement) -> Result<usize, String> {
    let (n_placeholders, n_given) = (query::placeholder_count(&statement.sql), statement.parameters.len());
    if n_given > n_placeholders {
        return Err(format!("has {n_placeholders} parameters, but {n_given} are given"));
    }
    Ok(n_placeholders)
}

/// What is known of a workload's parameters beside the catalog; each list has an entry a statement, or none at all.
#[derive(Default)]
pub(crate) struct Hints {
    /// The types of the parameters (`pg::explain::parameter_types`).
    pub(crate) types: Vec<Vec<ParameterType>>,
    /// Values that the statements were seen with (`pg::stat::observed`).
    pub(crate) observed: Vec<Vec<Vec<Option<String>>>>,
    /// Statistics of expressions that the statements compare (`pg::sample::analyze_sample`).
    pub(crate) expressions: Vec<ExpressionStatistics>,
    /// Statistics of columns that were never analyzed ([`sampled`]).
    pub(crate) sampled: BTreeMap<(String, String, String), ColumnStatistics>,
}

/// Returns the sets of values that each statement is planned with, or why it can have none.
///
/// Without a connection, columns that the workload draws from are known by their statistics alone.
pub(crate) async fn value_sets(
    context: &Context,
    connection: Option<&Connection>,
    catalog: &Catalog,
    statements: &[Statement],
    hints: &Hints,
) -> Result<Vec<Result<Vec<ValueSet>, String>>> {
    /// The drawn values come from this stream.
    const SEED: u64 = 1;
    let samples = samples(context, connection, catalog, statements).await?;
    let known = Known { catalog, expressions: &hints.expressions, sampled: &hints.sampled };
    let of_statement = |(i, statement): (usize, &Statement)| {
        let generators = of_statement(statement, &samples, SEED);
        let mut drawn: [Vec<Option<String>>; N_CLASSES] = Default::default();
        for (values, counter) in drawn.iter_mut().zip(0..) {
            *values = draw(&generators, random::at(SEED, counter)).into_iter().map(|value| value.0).collect();
        }
        let uses = query::parse(&statement.sql).map(|parsed| parsed.shape(catalog).parameters);
        let wanting = Wanting {
            n_parameters: n_placeholders(statement)?,
            uses: &uses.unwrap_or_default(),
            types: hints.types.get(i).map(Vec::as_slice).unwrap_or_default(),
        };
        let observed = hints.observed.get(i).map(Vec::as_slice).unwrap_or_default();
        workload::value_sets(&wanting, &drawn, observed, &known)
    };
    Ok(statements.iter().enumerate().map(of_statement).collect())
}

/// Returns statistics of the columns that a statement's parameters are compared with and that were never analyzed, from a
/// sample of their values.
pub(crate) async fn sampled(
    connection: &Connection,
    catalog: &Catalog,
    sql: &str,
) -> Result<BTreeMap<(String, String, String), ColumnStatistics>> {
    let mut sampled = BTreeMap::new();
    let uses = query::parse(sql).map(|parsed| parsed.shape(catalog).parameters).unwrap_or_default();
    for parameter_use in &uses {
        let Some((table, column)) = parameter_use.column() else { continue };
        let Some(table) = catalog.table(table) else { continue };
        let key = (table.schema.clone(), table.name.clone(), column.to_owned());
        let is_unknown = table.column(column).is_some_and(|column| column.statistics().is_none());
        if is_unknown && !sampled.contains_key(&key) {
            let values = pg::sample::column(connection, table, column).await?;
            sampled.insert(key, statistics::of_values(values));
        }
    }
    Ok(sampled)
}

/// Samples the columns that parameters draw from, and returns the generators of each statement.
pub(crate) async fn generators(
    context: &Context,
    connection: &Connection,
    catalog: &Catalog,
    statements: &[Statement],
    seed: u64,
) -> Result<Vec<Vec<Generator>>> {
    let samples = samples(context, Some(connection), catalog, statements).await?;
    Ok(statements.iter().map(|statement| of_statement(statement, &samples, seed)).collect())
}

fn of_statement(statement: &Statement, samples: &Samples, seed: u64) -> Vec<Generator> {
    let stream = random::substream(seed, &statement.name);
    let numbered = statement.parameters.iter().zip(0..);
    numbered.map(|(parameter, i)| Generator::new(parameter, samples, random::at(stream, i))).collect()
}

/// Returns values of the columns that parameters draw from: of the table, or without a connection of its statistics.
async fn samples(
    context: &Context,
    connection: Option<&Connection>,
    catalog: &Catalog,
    statements: &[Statement],
) -> Result<Samples> {
    let columns: BTreeSet<&ColumnName> =
        statements.iter().flat_map(|statement| &statement.parameters).filter_map(Parameter::column).collect();
    let mut samples = Samples::default();
    for name in columns {
        let table_name = TableName { schema: name.schema.clone(), name: name.table.clone() };
        let found = catalog.table(&table_name).and_then(|table| Some((table, table.column(&name.column)?)));
        let Some((table, column)) = found else {
            return Err(unknown_column(context, catalog, name, &table_name));
        };
        let values = match connection {
            Some(connection) => pg::sample::column(connection, table, &name.column).await?,
            None => column.statistics().map(workload::population).unwrap_or_default(),
        };
        if values.is_empty() {
            context.ui.warn(format_args!("{name} has no values to draw parameters from; NULL is used"));
        }
        samples.insert(name.clone(), values);
    }
    read::insert_all(context, connection, statements, &mut samples).await?;
    Ok(samples)
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
    let draw = Draw { bits, now_us: now_us(), turn: 0 };
    generators.iter().zip(0..).map(|(generator, i)| TextValue(generator.draw(&draw, i))).collect()
}

/// Now, in UTC, as `YYYYMMDDHHMMSS`.
pub(crate) fn utc_timestamp() -> u64 {
    let now = chrono::DateTime::from_timestamp_micros(now_us()).unwrap_or_default();
    now.format("%Y%m%d%H%M%S").to_string().parse().expect("digits")
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
