//! `perfkit index apply`: builds suggested indexes, one at a time, without blocking writers.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Instant;

use clap::Args;
use serde::Deserialize;
use serde_json::json;

use super::suggest::{self, DesignArgs};
use crate::cli::{ConnectArgs, ProgramsArgs, WorkloadArgs};
use crate::context::{Context, LONG_STATEMENT_TIMEOUT};
use crate::error::{Error, ExitStatus, Result};
use crate::index::Definition;
use crate::pg::ddl::{self, IndexState};
use crate::pg::{self, Access, Connection, Target};
use crate::report::{self, index::BuiltIndex};
use crate::sources;
use crate::unit;

/// Build the suggested indexes without blocking writers
///
/// Prints the plan, asks, and builds one index after the other with CREATE INDEX CONCURRENTLY. What exists is skipped, and
/// what an earlier run left INVALID is built anew.
#[derive(Args, Debug)]
pub(crate) struct ApplyArgs {
    /// Build what `perfkit index suggest -o FILE.json` has saved, instead of asking the advisor now
    file: Option<PathBuf>,
    /// Do not ask
    #[arg(short, long)]
    yes: bool,
    /// Print the plan and change nothing
    #[arg(long, conflicts_with = "yes")]
    dry_run: bool,
    #[command(flatten)]
    design: DesignArgs,
    #[command(flatten)]
    connect: ConnectArgs,
    #[command(flatten)]
    workload: WorkloadArgs,
    #[command(flatten)]
    programs: ProgramsArgs,
}

/// An index to build, with the size it is expected to have.
#[derive(Clone, Debug)]
pub(crate) struct Wanted {
    pub(crate) definition: Definition,
    pub(crate) size_bytes: u64,
}

pub(crate) async fn run(context: &Context, args: &ApplyArgs) -> Result<ExitStatus> {
    let target = context.target(&args.connect)?;
    let wanted = if let Some(file) = &args.file {
        read_suggestions(file)?
    } else {
        let mut connection = target.connect(Access::ReadOnly, &context.interrupt).await?;
        connection.require_primary()?;
        let advice = suggest::advise(
            context,
            (&target, &mut connection),
            &args.workload,
            &args.design,
            &args.programs,
        )
        .await?;
        suggest::report_gaps(context, &advice);
        advice
            .suggestions
            .iter()
            .map(|s| Wanted { definition: s.definition.clone(), size_bytes: s.size_bytes })
            .collect()
    };

    if wanted.is_empty() {
        context.ui.publish(&report::index::built(&[]))?;
        context.ui.status("there is no index to build");
        return Ok(ExitStatus::Success);
    }
    if args.dry_run {
        let ddl: Vec<String> =
            wanted.iter().map(|index| format!("{};", index.definition.ddl_concurrently())).collect();
        let json = json!({ "schema_version": report::SCHEMA_VERSION, "dry_run": true, "ddl": ddl });
        let script = ddl.join("\n") + "\n";
        context.ui.publish(
            &report::Document::new(json).text(script.clone()).form(report::Format::Sql, || script.clone()),
        )?;
        return Ok(ExitStatus::Success);
    }
    print_plan(context, &wanted);
    if !context.confirm(&format!("Build {} indexes on {}?", wanted.len(), target.label()), args.yes).await? {
        context.ui.status("nothing was built");
        return Ok(ExitStatus::Success);
    }
    let target = match args.connect.statement_timeout {
        None => target.with_statement_timeout(LONG_STATEMENT_TIMEOUT),
        Some(_) => target,
    };
    let built = build(context, &target, &wanted).await?;

    context.ui.publish(&report::index::built(&built))?;
    Ok(ExitStatus::Success)
}

/// The plan is what the user decides on, so it is shown whatever the format of the result.
fn print_plan(context: &Context, wanted: &[Wanted]) {
    for index in wanted {
        context.ui.notice(format_args!(
            "{};  -- about {}",
            index.definition.ddl_concurrently(),
            unit::bytes(index.size_bytes)
        ));
    }
}

/// Builds what is not there yet.
pub(crate) async fn build(context: &Context, target: &Target, wanted: &[Wanted]) -> Result<Vec<BuiltIndex>> {
    let connection = target.connect(Access::ReadWrite, &context.interrupt).await?;
    connection.require_primary()?;
    let observer = target.connect(Access::ReadOnly, &context.interrupt).await?;
    if !ddl::lock(&connection).await? {
        let error = Error::server("another perfkit is changing indexes of this database");
        let error = match ddl::lock_holder(&connection).await? {
            Some((pid, query)) => {
                error.cause(format_args!("process {pid} is at: {}", sources::one_line(&query)))
            }
            None => error,
        };
        return Err(
            error.hint("Wait until it has ended, then run the command again: what is built is skipped.")
        );
    }
    let mut built = Vec::new();
    for (i, index) in wanted.iter().enumerate() {
        let result = build_one(context, &connection, &observer, index).await;
        match result {
            Ok(index) => built.push(index),
            Err(error) => {
                return Err(error.hint(format!(
                    "{i} of {} indexes are in place; run the command again for the others.",
                    wanted.len()
                )));
            }
        }
    }
    ddl::unlock(&connection).await?;
    Ok(built)
}

async fn build_one(
    context: &Context,
    connection: &Connection,
    observer: &Connection,
    wanted: &Wanted,
) -> Result<BuiltIndex> {
    let definition = &wanted.definition;
    let start = Instant::now();
    let state = ddl::index_state(connection, definition).await?;
    match state {
        IndexState::Valid { definition: existing, size_bytes } => {
            if !describes_same(&existing, definition) {
                return Err(Error::usage(format!(
                    "an index named \"{}\" exists with another definition",
                    definition.name()
                ))
                .cause(existing)
                .hint("Rename or drop it, then run the command again."));
            }
            context.ui.status(format_args!("{} exists", definition.name()));
            return Ok(BuiltIndex {
                name: definition.name(),
                described: definition.describe(),
                size_bytes,
                elapsed_ms: None,
            });
        }
        IndexState::Invalid => {
            context.ui.status(format_args!(
                "{} was left invalid by an unfinished build; building it anew",
                definition.name()
            ));
            ddl::drop_invalid(connection, definition).await?;
        }
        IndexState::Absent => {}
    }
    let progress = context.ui.spinner(&format!("build {}", definition.name()));
    ddl::build_concurrently(connection, observer, definition, |at| {
        progress.message(match &at.waits_for {
            Some((pid, application, age)) => format!(
                "build {}: waits for process {pid} ({application}), whose transaction is {} s old",
                definition.name(),
                age.as_secs()
            ),
            None => format!("build {}: {} {:.0}%", definition.name(), at.phase, at.share * 100.0),
        });
    })
    .await?;
    drop(progress);
    let IndexState::Valid { size_bytes, .. } = ddl::index_state(connection, definition).await? else {
        return Err(pg::Error::Answer {
            what: format!("index \"{}\"", definition.name()),
            reason: "it is not there, or not valid, after its build".to_owned(),
        }
        .into());
    };
    Ok(BuiltIndex {
        name: definition.name(),
        described: definition.describe(),
        size_bytes,
        elapsed_ms: Some(unit::as_ms(start.elapsed())),
    })
}

/// Whether the server's definition of an index is the wanted one. Names are equal already.
fn describes_same(existing: &str, wanted: &Definition) -> bool {
    let after_name = |text: &str| text.split_once(" ON ").map(|(_, rest)| rest.replace(['(', ')'], ""));
    after_name(existing) == after_name(&wanted.ddl_with_method())
}

/// The parts of `perfkit index suggest --json` that say what to build.
#[derive(Deserialize)]
struct Saved {
    suggestions: Vec<SavedSuggestion>,
}

#[derive(Deserialize)]
struct SavedSuggestion {
    #[serde(flatten)]
    definition: Definition,
    size_bytes: u64,
}

fn read_suggestions(path: &Path) -> Result<Vec<Wanted>> {
    const HINT: &str = "Make one with `perfkit index suggest -o suggestions.json`.";
    let text = fs::read_to_string(path).map_err(|error| {
        Error::usage(format!("could not read {:?}", path.display())).cause(error).hint(HINT)
    })?;
    let saved: Saved = serde_json::from_str(&text).map_err(|error| {
        Error::usage(format!("{:?} holds no suggestions", path.display())).cause(error).hint(HINT)
    })?;
    saved
        .suggestions
        .into_iter()
        .map(|saved| {
            let SavedSuggestion { definition, size_bytes } = saved;
            if definition.keys.is_empty() {
                return Err(
                    Error::usage(format!("{:?} holds an index without columns", path.display())).hint(HINT)
                );
            }
            Ok(Wanted { definition, size_bytes })
        })
        .collect()
}
