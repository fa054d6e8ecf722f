//! `perfkit init`: writes a starter perfkit.yaml from the connected database.

use std::fmt::Write as _;
use std::fs::OpenOptions;
use std::io::{self, Write as _};
use std::path::PathBuf;

use clap::Args;

use crate::catalog::Catalog;
use crate::cli::ConnectArgs;
use crate::config::{CONFIG_FILE, ConfigFile};
use crate::context::Context;
use crate::error::{Error, ExitStatus, Result};
use crate::pg::{self, Access};
use crate::query;
use crate::sources;
use crate::workload::{Source, Workload};

/// Statements of `pg_stat_statements` that go into a starter file: those that matter, not all.
const MAX_STATEMENTS: usize = 20;

/// Write a starter perfkit.yaml from the connected database
///
/// The workload comes from `pg_stat_statements`, from the built-in scenario whose tables are there, or else from the
/// primary keys of the tables.
#[derive(Args, Debug)]
pub(crate) struct InitArgs {
    /// Write here
    #[arg(value_name = "FILE", default_value = CONFIG_FILE)]
    file: PathBuf,
    /// Replace the file if it is there
    #[arg(long)]
    force: bool,
    #[command(flatten)]
    connect: ConnectArgs,
}

pub(crate) async fn run(context: &Context, args: &InitArgs) -> Result<ExitStatus> {
    let mut connection = context.connect(&args.connect, Access::ReadOnly).await?;
    let catalog = pg::catalog::load(&mut connection).await?;
    let seen = pg::stat::workload(&connection).await?;

    let text = if let Some(scenario) = sources::scenario_of(&catalog) {
        format!("{HEADER}{}", scenario.config_yaml)
    } else {
        starter(&catalog, seen)
    };
    // What is written must be readable.
    ConfigFile::parse(&args.file, text.clone())?;

    write_new(&args.file, &text, args.force)?;
    context.ui.status(format_args!(
        "wrote {}; try `perfkit explain`, `perfkit index suggest` or `perfkit bench`",
        args.file.display()
    ));
    Ok(ExitStatus::Success)
}

const HEADER: &str = "# perfkit.yaml: what perfkit works on; every key may be left out.
database:
  url: ${DATABASE_URL}
  statement_timeout: 30s
  lock_timeout: 2s

";

fn starter(catalog: &Catalog, seen: Option<Workload>) -> String {
    let mut workload = seen.unwrap_or_else(|| Workload::new(Source::PgStatStatements));
    sources::infer_parameters(&mut workload, catalog);
    workload.skip_if(|statement| statement.kind.writes().then(|| "changes data".to_owned()));
    workload.statements.truncate(MAX_STATEMENTS);
    if workload.statements.is_empty() {
        workload = by_primary_key(catalog);
    }
    let mut text = HEADER.to_owned();
    text.push_str("workload:\n  statements:");
    if workload.statements.is_empty() {
        text.push_str(" []\n");
    } else {
        text.push('\n');
    }
    for statement in &workload.statements {
        let params: Vec<String> = statement.parameters.iter().map(parameter).collect();
        let _ = writeln!(text, "    - name: {}", yaml_string(&statement.name));
        let _ = writeln!(
            text,
            "      sql: {}",
            yaml_string(&statement.sql.split_whitespace().collect::<Vec<_>>().join(" "))
        );
        let _ = writeln!(text, "      params: [{}]", params.join(", "));
        let _ = writeln!(text, "      weight: {}", statement.weight);
    }
    text.push_str(
        "\nbench:\n  connections: 8\n  duration: 10s\n  thresholds: [\"p95 < 200ms\", \"errors < 1%\"]\n",
    );
    text
}

/// Returns a look-up by primary key for each table that has one.
fn by_primary_key(catalog: &Catalog) -> Workload {
    let mut workload = Workload::new(Source::PgStatStatements);
    for table in &catalog.tables {
        if let Some([key]) = table.primary_key().map(|key| key.columns.as_slice()) {
            let (schema, name, key) = (
                query::quote::identifier(&table.schema),
                query::quote::identifier(&table.name),
                query::quote::identifier(key),
            );
            let sql = format!("SELECT * FROM {schema}.{name} WHERE {key} = $1");
            workload.add(
                Some(&format!("{}-by-{}", table.name, key.trim_matches('"'))),
                &sql,
                Vec::new(),
                1.0,
                None,
            );
        }
    }
    sources::infer_parameters(&mut workload, catalog);
    workload
}

fn parameter(parameter: &crate::workload::parameter::Parameter) -> String {
    use crate::workload::parameter::Parameter;
    match parameter {
        Parameter::From(column) => format!("{{from: {}}}", yaml_string(&column.to_string())),
        Parameter::Value(Some(value)) => format!("{{value: {}}}", yaml_string(value)),
        _ => "{value: null}".to_owned(),
    }
}

/// Returns a YAML double-quoted string, which JSON strings are.
fn yaml_string(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

fn write_new(path: &PathBuf, text: &str, force: bool) -> Result<()> {
    let mut options = OpenOptions::new();
    options.write(true);
    if force {
        options.create(true).truncate(true);
    } else {
        options.create_new(true);
    }
    let written = options.open(path).and_then(|mut file| file.write_all(text.as_bytes()));
    written.map_err(|error| {
        let failed = Error::usage(format!("could not write {:?}", path.display())).cause(&error);
        if error.kind() == io::ErrorKind::AlreadyExists {
            failed.hint("Add `--force` to replace it, or name another file.")
        } else {
            failed
        }
    })
}
