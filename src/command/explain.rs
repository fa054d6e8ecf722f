//! `perfkit explain`: runs statements under EXPLAIN ANALYZE and shows where the time goes.

use std::fs;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::Value;

use crate::catalog::Catalog;
use crate::cli::{ConnectArgs, WorkloadArgs};
use crate::context::Context;
use crate::error::{Error, ExitStatus, Result};
use crate::pg::{self, Access, Connection, TextValue};
use crate::plan::{self, Explained};
use crate::query;
use crate::report;
use crate::sources;
use crate::workload::{Source, Statement, Workload};

/// The values that statements are explained with come from this stream.
const SEED: u64 = 1;

/// Show where a statement's time goes, and what is slow about it
///
/// Runs the statement under EXPLAIN (ANALYZE, BUFFERS) in a read-only transaction with a timeout, and rolls back.
/// Without a statement, the workload's costliest ones are explained.
#[derive(Args, Debug)]
pub(crate) struct ExplainArgs {
    /// The statement
    #[arg(conflicts_with_all = ["file", "plan"])]
    sql: Option<String>,
    /// Explain every statement of a .sql file
    #[arg(short, long, value_name = "FILE", conflicts_with = "plan")]
    file: Option<PathBuf>,
    /// Read the output of EXPLAIN (FORMAT JSON) from a file, or from standard input for `-`
    #[arg(long, value_name = "FILE")]
    plan: Option<PathBuf>,
    /// Run statements that change data too; what they did is rolled back
    #[arg(long)]
    allow_writes: bool,
    /// How many of the workload's statements are explained
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u16).range(1..))]
    top: u16,
    #[command(flatten)]
    connect: ConnectArgs,
    #[command(flatten)]
    workload: WorkloadArgs,
}

pub(crate) async fn run(context: &Context, args: &ExplainArgs) -> Result<ExitStatus> {
    let explained = if let Some(path) = &args.plan {
        vec![read_plan(path)?]
    } else {
        let mut connection = context.connect(&args.connect, Access::ReadOnly).await?;
        let catalog = pg::catalog::load(&mut connection).await?;
        explain_statements(context, args, &mut connection, &catalog).await?
    };

    let document =
        report::explain::document(&explained, args.sql.is_some() || args.plan.is_some(), context.ui.style());
    context.ui.publish(&document)?;
    Ok(ExitStatus::Success)
}

async fn explain_statements(
    context: &Context,
    args: &ExplainArgs,
    connection: &mut Connection,
    catalog: &Catalog,
) -> Result<Vec<Explained>> {
    if let Some(sql) = &args.sql {
        let parameters = parameters_of(context, connection, catalog, sql).await?;
        return Ok(vec![explain(connection, None, sql, &parameters, args.allow_writes).await?]);
    }
    if let Some(file) = &args.file {
        let script = fs::read_to_string(file)
            .map_err(|e| Error::usage(format!("could not read {:?}", file.display())).cause(e))?;
        let statements =
            query::split(&script).map_err(|e| Error::usage(format!("{:?} {e}", file.display())))?;
        if statements.is_empty() {
            return Err(Error::usage(format!("{:?} holds no statement", file.display())));
        }
        let mut explained = Vec::new();
        for sql in statements {
            let parameters = parameters_of(context, connection, catalog, sql).await?;
            explained.push(explain(connection, None, sql, &parameters, args.allow_writes).await?);
        }
        return Ok(explained);
    }
    let mut workload = sources::load(context, &args.workload.workload, connection, catalog).await?;
    if !args.allow_writes {
        workload.skip_if(|statement| statement.kind.writes().then(|| "changes data".to_owned()));
    }
    explain_costliest(
        context,
        connection,
        catalog,
        &workload.statements,
        usize::from(args.top),
        args.allow_writes,
    )
    .await
}

/// Explains the statements on which the workload spends most.
pub(crate) async fn explain_costliest(
    context: &Context,
    connection: &mut Connection,
    catalog: &Catalog,
    statements: &[Statement],
    top: usize,
    allow_writes: bool,
) -> Result<Vec<Explained>> {
    let generators = sources::generators(context, connection, catalog, statements, SEED).await?;
    let mut by_load = Vec::new();
    for (statement, generators) in statements.iter().zip(&generators) {
        let parameters = sources::draw(generators, SEED);
        let each = match statement.mean_ms {
            Some(mean_ms) => mean_ms,
            // Cost units stand in for times that nobody has measured.
            None => estimated_cost(connection, &statement.sql, &parameters).await?,
        };
        by_load.push((each * statement.weight, statement, parameters));
    }
    by_load.sort_by(|a, b| b.0.total_cmp(&a.0));
    let mut explained = Vec::new();
    for (_, statement, parameters) in by_load.into_iter().take(top) {
        explained.push(
            explain(connection, Some(&statement.name), &statement.sql, &parameters, allow_writes).await?,
        );
    }
    Ok(explained)
}

async fn estimated_cost(connection: &Connection, sql: &str, parameters: &[TextValue]) -> Result<f64> {
    let json = pg::explain::estimate(connection, sql, parameters).await?;
    let plan = plan::read::plan(json).map_err(|error| unreadable(&error))?;
    Ok(plan.nodes.first().and_then(|root| root.total_cost).unwrap_or(0.0))
}

/// Returns values for the placeholders of a statement that comes without any.
async fn parameters_of(
    context: &Context,
    connection: &Connection,
    catalog: &Catalog,
    sql: &str,
) -> Result<Vec<TextValue>> {
    if query::placeholder_count(sql) == 0 {
        return Ok(Vec::new());
    }
    let mut workload = Workload::new(Source::CommandLine);
    workload.add(None, sql, Vec::new(), 1.0, None);
    sources::infer_parameters(&mut workload, catalog);
    if let Some(skipped) = workload.skipped.first() {
        return Err(Error::usage(format!("the statement {}", skipped.reason))
            .hint("Write the value itself, or describe the statement with `params` in perfkit.yaml."));
    }
    let generators = sources::generators(context, connection, catalog, &workload.statements, SEED).await?;
    Ok(sources::draw(&generators[0], SEED))
}

async fn explain(
    connection: &mut Connection,
    name: Option<&str>,
    sql: &str,
    parameters: &[TextValue],
    allow_writes: bool,
) -> Result<Explained> {
    // The server refuses most of it by itself, but EXPLAIN lets CREATE TABLE AS pass in a read-only transaction.
    if !allow_writes && query::parse(sql).is_ok_and(|parsed| parsed.kind.writes()) {
        return Err(Error::usage("the statement changes data")
            .cause(sources::one_line(sql))
            .hint("Add `--allow-writes` to run it; what it does is rolled back."));
    }
    let json = pg::explain::analyze(connection, sql, parameters, allow_writes).await?;
    judged(json, name, Some(sql))
}

fn read_plan(path: &Path) -> Result<Explained> {
    let mut text = String::new();
    let read = if path == Path::new("-") {
        std::io::stdin().read_to_string(&mut text).map(drop)
    } else {
        fs::read_to_string(path).map(|content| text = content)
    };
    read.map_err(|e| Error::usage(format!("could not read plan {:?}", path.display())).cause(e))?;
    let json: Value = serde_json::from_str(&text).map_err(|error| {
        Error::usage(format!("{}:{}:{}: not a JSON plan", path.display(), error.line(), error.column()))
            .cause(error)
            .hint("Make one with EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) and give its output.")
    })?;
    judged(json, None, None)
}

fn judged(json: Value, name: Option<&str>, sql: Option<&str>) -> Result<Explained> {
    Explained::new(json, name, sql).map_err(|error| unreadable(&error))
}

fn unreadable(error: &plan::read::Error) -> Error {
    Error::usage("could not read the plan")
        .cause(error)
        .hint("Give the whole output of EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON).")
}
