//! `perfkit explain check`: holds the plans of a workload against the contract in perfkit.yaml.

use std::fs;
use std::path::{Path, PathBuf};

use clap::Args;

use super::statements::{drawn, explain_task};
use super::{RunArgs, write_whole};
use crate::cli::ConnectArgs;
use crate::config::ConfigFile;
use crate::context::Context;
use crate::error::{Error, ExitStatus, Result};
use crate::pg::{self, Access, Connection};
use crate::plan::contract::{self, Contract, FOLDER, accept, accepted_plan, file_name, with_contract};
use crate::plan::{self, Explained, Server};
use crate::report;
use crate::report::check::Checked;
use crate::report::results::Place;
use crate::sources;
use crate::workload::{Source, Statement, Workload};

/// How often a statement is run again when nothing but its time breaks the contract: the fastest run counts.
const RUNS_FOR_TIME: u16 = 5;

/// Hold the plans of a workload against the contract in perfkit.yaml, for CI
///
/// Runs each statement that has a contract under EXPLAIN (ANALYZE, BUFFERS), read-only and rolled back, and compares
/// access paths, spills, rows and blocks with what was accepted. Exits with status 1 if a contract is broken, with what
/// changed since the plan was accepted.
#[derive(Args, Debug)]
pub(crate) struct CheckArgs {
    /// Accept the plans as they are: write the contract into perfkit.yaml and the plans beside it
    #[arg(long)]
    update: bool,
    /// Check or accept this statement alone (can be repeated)
    #[arg(long = "statement", value_name = "NAME")]
    statements: Vec<String>,
    /// Run statements that change data too; what they did is rolled back
    #[arg(long)]
    allow_writes: bool,
    #[command(flatten)]
    connect: ConnectArgs,
}

pub(crate) async fn run(context: &Context, args: &CheckArgs) -> Result<ExitStatus> {
    let file = context.config.as_ref().ok_or_else(|| {
        Error::usage("there is no perfkit.yaml with statements and a contract").hint(
            "Write one with `perfkit init`, then accept the plans with `perfkit explain check --update`.",
        )
    })?;
    let mut connection = context.connect(&args.connect, Access::ReadOnly).await?;
    let (server, _) = pg::catalog::load_server(&mut connection).await?;
    let statements = statements(context, args, file, &server)?;
    let explained = explain(context, args, &mut connection, &server, &statements, file).await?;

    if args.update {
        return update(context, file, &explained);
    }
    let accepted: Vec<Option<Explained>> =
        explained.iter().map(|one| accepted(context, file, one)).collect::<Result<_>>()?;
    let checked: Vec<Checked> = explained
        .iter()
        .zip(&accepted)
        .map(|(one, accepted)| {
            let contract = contract_of(file, one).expect("only statements with a contract are checked");
            Checked::new(contract, one, accepted.as_ref(), Some(place(file, contract)))
        })
        .collect();

    context.ui.publish(&report::check::document(&checked, context.ui.style()))?;
    let is_broken = checked.iter().any(Checked::is_broken);
    Ok(if is_broken { ExitStatus::Findings } else { ExitStatus::Success })
}

/// Returns the statements to explain: those that have a contract or, to accept, all that only read.
fn statements(
    context: &Context,
    args: &CheckArgs,
    file: &ConfigFile,
    server: &Server,
) -> Result<Vec<Statement>> {
    let mut workload = sources::of_config(file, Source::File(file.path.display().to_string()));
    sources::infer_parameters(&mut workload, &server.catalog);
    let names = |workload: &Workload| -> Vec<String> {
        workload.statements.iter().map(|statement| statement.name.clone()).collect()
    };
    let known = names(&workload);
    let contracts = &file.config.contract;
    for contract in contracts {
        if !known.contains(&contract.statement) {
            return Err(unknown_statement(file, &contract.statement, &known, &workload));
        }
    }
    for name in &args.statements {
        if !known.contains(name) {
            return Err(Error::usage(format!("there is no statement \"{name}\" in {}", file.path.display())));
        }
    }
    let has_contract = |name: &str| contracts.iter().any(|contract| contract.statement == name);
    workload.statements.retain(|statement| {
        let is_named = args.statements.is_empty() || args.statements.contains(&statement.name);
        let is_asked = if args.update {
            args.allow_writes || !statement.kind.writes()
        } else {
            has_contract(&statement.name)
        };
        is_named && is_asked
    });
    sources::report_left_out(context, &workload.skipped);
    if workload.statements.is_empty() {
        return Err(Error::usage(format!("no statement of {} has a contract", file.path.display()))
            .hint("Accept the plans as they are with `perfkit explain check --update`."));
    }
    Ok(workload.statements)
}

fn unknown_statement(file: &ConfigFile, name: &str, known: &[String], workload: &Workload) -> Error {
    let error = file.error_at(name, format!("there is no usable statement \"{name}\" in the workload"));
    let skipped = workload.skipped.first().map(|skipped| skipped.reason.clone());
    match crate::yaml::nearest(name, known.iter().map(String::as_str)).or(skipped) {
        Some(nearest) => error.hint(format!("Did you mean `{nearest}`?")),
        None => error.hint("A contract is for a statement that has its name under `workload.statements`."),
    }
}

async fn explain(
    context: &Context,
    args: &CheckArgs,
    connection: &mut Connection,
    server: &Server,
    statements: &[Statement],
    file: &ConfigFile,
) -> Result<Vec<Explained>> {
    let running = RunArgs { allow_writes: args.allow_writes, ..RunArgs::default() };
    let mut explained = Vec::new();
    for task in drawn(context, connection, &server.catalog, statements).await? {
        let mut one = explain_task(connection, server, &task, &running).await?;
        let is_late = |one: &Explained| {
            contract_of(file, one).is_some_and(|contract| {
                contract::violations(contract, one).iter().any(contract::Violation::is_noisy)
            })
        };
        // A busy machine makes a statement slow now and then; it makes none fast.
        for _ in 1..RUNS_FOR_TIME {
            if !is_late(&one) {
                break;
            }
            let again = explain_task(connection, server, &task, &running).await?;
            if again.times.whole_ms < one.times.whole_ms {
                one = again;
            }
        }
        explained.push(one);
    }
    Ok(explained)
}

fn contract_of<'f>(file: &'f ConfigFile, explained: &Explained) -> Option<&'f Contract> {
    file.config.contract.iter().find(|contract| Some(&contract.statement) == explained.name.as_ref())
}

fn place(file: &ConfigFile, contract: &Contract) -> Place {
    Place { path: file.path.display().to_string(), line: contract::line_of(&file.text, &contract.statement) }
}

/// Where the accepted plan of a statement lies: beside perfkit.yaml.
fn plan_path(file: &ConfigFile, statement: &str) -> PathBuf {
    file.path.parent().unwrap_or(Path::new("")).join(FOLDER).join(file_name(statement))
}

/// Reads the accepted plan of a statement, if there is one.
fn accepted(context: &Context, file: &ConfigFile, explained: &Explained) -> Result<Option<Explained>> {
    let path = plan_path(file, explained.name.as_deref().unwrap_or_default());
    match fs::read(&path) {
        Ok(bytes) => {
            let mut reading = plan::read::plans(&bytes).map_err(|error| super::unreadable(&path, &error))?;
            Ok(reading.plans.pop().map(|plan| Explained::new(plan, None)))
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => {
            context.ui.warn(format_args!("could not read accepted plan {:?}: {error}", path.display()));
            Ok(None)
        }
    }
}

/// Writes the contract into perfkit.yaml and the plans beside it. The file is replaced at once, so that it is never half
/// written.
fn update(context: &Context, file: &ConfigFile, explained: &[Explained]) -> Result<ExitStatus> {
    let mut contracts = file.config.contract.clone();
    for one in explained {
        let accepted = accept(one, contract_of(file, one));
        match contracts.iter_mut().find(|contract| contract.statement == accepted.statement) {
            Some(contract) => *contract = accepted,
            None => contracts.push(accepted),
        }
    }
    let text = with_contract(&file.text, &contracts).map_err(|error| {
        Error::usage(format!("could not write the contract into {:?}", file.path.display()))
            .cause(error)
            .hint("Write the file over several lines, with `contract:` at the beginning of one.")
    })?;
    for one in explained {
        let path = plan_path(file, one.name.as_deref().unwrap_or_default());
        let json = accepted_plan(&one.plan, one.sql.as_deref());
        let json = serde_json::to_string_pretty(&json).expect("plans have text for keys") + "\n";
        write_whole(&path, &json)?;
    }
    write_whole(&file.path, &text)?;
    context.ui.status(format_args!(
        "accepted the plans of {} statements in {} and {FOLDER}/",
        explained.len(),
        file.path.display()
    ));
    Ok(ExitStatus::Success)
}
