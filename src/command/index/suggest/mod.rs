//! `perfkit index suggest`: designs the index set that makes a workload cheapest, on a shadow of the database.

mod answer;
mod engine;
mod inputs;
mod measure;
mod problem;
mod statements;

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use clap::Args;

use super::verify::{self, VerifyArgs};
use crate::catalog::{Catalog, TableKind};
use crate::cli::{ConnectArgs, ProgramsArgs, WorkloadArgs, parse_size};
use crate::command::migration;
use crate::config::Timeouts;
use crate::context::Context;
use crate::error::{Error, ExitStatus, Result};
use crate::index::{self, Advice, Circumstances, Definition, Limits, Proposal, Touched, candidates};
use crate::pg::catalog::Surroundings;
use crate::pg::shadow::Shadow;
use crate::pg::{Access, Connection, Target};
use crate::query::{StatementShape, quote};
use crate::report;
use crate::sources;
use crate::workload::Skipped;
use answer::Findings;
use engine::{Bridge, Engine};
use inputs::Inputs;
use measure::Measured;
use problem::Pricing;
pub(crate) use statements::Verified;
use statements::{Known, Planned};

/// Questions to the planner that the search may ask: for 22 queries of TPC-H enough to come within 1.5 percent of what twice
/// as many find, and for many statements a few each.
const MAX_CALLS: usize = 800;
const MAX_CALLS_PER_CASE: usize = 10;

/// Suggest the index set that makes the workload cheapest
///
/// Reads schema and statistics, builds an empty local copy of both, and prices real indexes there: nothing is created on
/// the database itself.
#[derive(Args, Debug)]
pub(crate) struct SuggestArgs {
    #[command(flatten)]
    pub(crate) design: DesignArgs,
    /// Save schema, statistics and workload to this file, for `--from-snapshot`
    #[arg(long, value_name = "FILE")]
    pub(crate) snapshot: Option<PathBuf>,
    /// Leave the column values that statistics hold out of the snapshot
    #[arg(long, requires = "snapshot")]
    pub(crate) redact: bool,
    /// Work from such a file, without a database
    #[arg(long, value_name = "FILE", conflicts_with_all = ["snapshot", "database_url"])]
    pub(crate) from_snapshot: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) migration: migration::MigrationArgs,
    #[command(flatten)]
    pub(crate) verify: VerifyArgs,
    #[command(flatten)]
    pub(crate) connect: ConnectArgs,
    #[command(flatten)]
    pub(crate) workload: WorkloadArgs,
    #[command(flatten)]
    pub(crate) programs: ProgramsArgs,
}

/// What the index set may be and cost.
#[derive(Args, Debug, Clone)]
pub(crate) struct DesignArgs {
    /// Design the whole index set anew: also drop what the workload has no use for
    ///
    /// The workload must be all that the tables are used for. Indexes stay that keep constraints, that were scanned for
    /// something it does not ask for, and on tables that it does not name.
    #[arg(long)]
    pub(crate) redesign: bool,
    /// Suggest indexes of this size at the most, all together
    ///
    /// Indexes that are there do not count, nor does what is dropped make room. With `--redesign` those count that the workload
    /// decides about, and those that stay whatever it says do not; what a statement needs of what is there stays all the same.
    #[arg(long, value_name = "SIZE", value_parser = parse_size)]
    pub(crate) storage_budget: Option<u64>,
    /// Suggest this many indexes at the most
    ///
    /// What counts is what counts for `--storage-budget`.
    #[arg(long, value_name = "N")]
    pub(crate) max_indexes: Option<usize>,
    /// Suggest indexes with this many key columns at the most
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u16).range(1..=8))]
    pub(crate) max_columns: u16,
    /// Consider these kinds of indexes beside plain btrees: expression, partial, include, gin, gist, brin; or `btree` for
    /// none of them
    #[arg(long, value_name = "LIST", default_value = "all")]
    pub(crate) kinds: candidates::Kinds,
    /// End the search after this time with the best set found
    #[arg(long, value_name = "DURATION", value_parser = humantime::parse_duration)]
    pub(crate) time_limit: Option<Duration>,
    /// Price indexes in a local shadow, or with the extension HypoPG on the database
    #[arg(long, value_name = "ENGINE", value_enum, default_value_t)]
    pub(crate) what_if: WhatIf,
}

/// Where the planner is asked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum WhatIf {
    #[default]
    Shadow,
    Hypopg,
}

impl Default for DesignArgs {
    fn default() -> Self {
        Self {
            redesign: false,
            storage_budget: None,
            max_indexes: None,
            max_columns: 3,
            kinds: candidates::Kinds::default(),
            time_limit: None,
            what_if: WhatIf::default(),
        }
    }
}

impl DesignArgs {
    fn candidates(&self) -> candidates::Options {
        candidates::Options { max_columns: usize::from(self.max_columns), kinds: self.kinds.clone() }
    }
}

pub(crate) async fn run(context: &Context, args: &SuggestArgs) -> Result<ExitStatus> {
    if args.design.redesign && args.verify.verify_on.is_some() {
        return Err(Error::usage("a redesign drops indexes, which cannot be tried on a database in use")
            .hint("Use `--verify`, which runs the workload on a local copy, or `perfkit index apply --redesign --prove`."));
    }
    let (advice, _) = if let Some(path) = &args.from_snapshot {
        let inputs = inputs::of_snapshot(context, path, &args.workload).await?;
        design(context, inputs, None, &args.design, &args.programs, Some(args)).await?
    } else {
        let target = context.target(&args.connect)?;
        let mut connection = target.connect(Access::ReadOnly, &context.interrupt).await?;
        let inputs = inputs::of_database(context, &mut connection, &args.workload).await?;
        if let Some(path) = &args.snapshot {
            inputs.save(path, args.redact)?;
            context.ui.status(format_args!("snapshot: {}", path.display()));
        }
        let database = Some((&target, &connection));
        design(context, inputs, database, &args.design, &args.programs, Some(args)).await?
    };

    report_gaps(context, &advice);
    if let Some(verification) = &advice.verification {
        verify::report(context, verification);
    }
    let written = migration::write(&args.migration, |framework, place| {
        let creates: Vec<(&Definition, &[String])> =
            advice.suggestions.iter().map(|it| (&it.definition, it.ddl.as_slice())).collect();
        Ok(index::migration::files(framework, &creates, &advice.drops, place))
    })?;
    context.ui.publish(&report::index::advice(&advice, context.ui.style()))?;
    for path in written {
        context.ui.status(format_args!("migration: {}", path.display()));
    }
    context.ui.status(format_args!(
        "{} candidates, {} planner calls, {:.1} s",
        advice.n_candidates,
        advice.n_calls,
        advice.elapsed.as_secs_f64()
    ));
    Ok(ExitStatus::Success)
}

/// Says what the advice does not rest on.
pub(crate) fn report_gaps(context: &Context, advice: &Advice) {
    sources::report_left_out(context, &advice.skipped);
    if let Some(trusted) = report::index::trusted(advice) {
        context.ui.warn(trusted);
    }
    for missing in &advice.missing {
        context.ui.warn(missing);
    }
    if advice.is_cut_short {
        context.ui.status(
            "the search ended at its limit of time or planner calls; the set is the best found until then",
        );
    }
}

/// A workload's statements with their values, and the catalog that they are about.
pub(crate) struct Runnable {
    pub(crate) catalog: Catalog,
    pub(crate) statements: Vec<Verified>,
    /// Those that cannot be used.
    pub(crate) skipped: Vec<Skipped>,
}

/// Reads catalog and workload of a database, and searches for the best set.
pub(crate) async fn advise(
    context: &Context,
    (target, connection): (&Target, &mut Connection),
    workload: &WorkloadArgs,
    args: &DesignArgs,
    programs: &ProgramsArgs,
) -> Result<(Advice, Runnable)> {
    let inputs = inputs::of_database(context, connection, workload).await?;
    design(context, inputs, Some((target, connection)), args, programs, None).await
}

/// Reads catalog and workload of a database, to run its statements without advice.
pub(crate) async fn runnable(
    context: &Context,
    connection: &mut Connection,
    workload: &WorkloadArgs,
    args: &DesignArgs,
) -> Result<Runnable> {
    let Inputs { catalog, mut workload, .. } = inputs::of_database(context, connection, workload).await?;
    let known = Known { catalog: &catalog, connection: Some(connection) };
    let (planned, mut hints) = statements::prepare(context, &known, &mut None, &mut workload).await?;
    let shapes: Vec<StatementShape> = planned.iter().map(|planned| planned.shape.clone()).collect();
    // Expressions that are compared have no statistics but those of rows that are read for them.
    let proposals = candidates::candidates(&shapes, &catalog, &args.candidates());
    let measured = measured(&proposals, &catalog, Some(connection), &mut None).await?;
    hints.expressions = measured.expressions;
    let statements = statements::with_values(context, &known, planned, &hints).await?;
    sources::report_left_out(context, &workload.skipped);
    Ok(Runnable { catalog, statements, skipped: workload.skipped })
}

async fn measured(
    proposals: &[Proposal],
    catalog: &Catalog,
    connection: Option<&Connection>,
    shadow: &mut Option<Shadow>,
) -> Result<Measured> {
    let definitions = proposals.iter().map(|it| (&it.definition, problem::table_of(&it.definition, catalog)));
    measure::measure(&index::needed_measures(definitions), catalog, connection, shadow).await
}

/// Searches for the best set. `verified_as` says how the result is proven, if it is to be.
async fn design(
    context: &Context,
    inputs: Inputs,
    database: Option<(&Target, &Connection)>,
    args: &DesignArgs,
    programs: &ProgramsArgs,
    verified_as: Option<&SuggestArgs>,
) -> Result<(Advice, Runnable)> {
    let start = Instant::now();
    let Inputs { catalog, surroundings, major, mut workload } = inputs;
    let connection = database.map(|(_, connection)| connection);
    let known = Known { catalog: &catalog, connection };
    let mut shadow = match args.what_if {
        WhatIf::Shadow => Some(shadow(context, programs, major, (&catalog, &surroundings)).await?),
        WhatIf::Hypopg => None,
    };

    let (mut planned, mut hints) = statements::prepare(context, &known, &mut shadow, &mut workload).await?;
    warn_of_unanalyzed(context, &planned, &catalog);
    let own: Vec<StatementShape> = planned.iter().map(|planned| planned.shape.clone()).collect();
    let touched = args.redesign.then(|| Touched::new(&own, &catalog));
    let redesigned = touched.as_ref();
    let writes = statements::add_foreign_key_checks(
        context,
        &known,
        &mut shadow,
        &mut planned,
        &mut hints,
        redesigned,
    )
    .await?;
    let shapes: Vec<StatementShape> = planned.iter().map(|planned| planned.shape.clone()).collect();
    let proposals = candidates::candidates(&shapes, &catalog, &args.candidates());
    let measured = measured(&proposals, &catalog, connection, &mut shadow).await?;
    let circumstances = Circumstances {
        counted_s: catalog.counted_s,
        brin_keeps_hot: major >= 16,
        ..Circumstances::default()
    };
    let pricing = Pricing { catalog: &catalog, measures: &measured.measures, writes: &writes, circumstances };
    let candidates = problem::candidates(proposals, &pricing, redesigned);
    let existing = problem::droppable(&candidates, &pricing, redesigned);
    let mut engine = Engine::start(context, shadow, database, &candidates, &existing, &measured).await?;

    hints.expressions.clone_from(&measured.expressions);
    let (cases, used_today, skipped) =
        statements::cases(context, &known, &planned, &hints, &mut engine).await?;
    workload.skipped.extend(skipped);
    if cases.is_empty() {
        return Err(sources::nothing_left(&workload.skipped));
    }
    let self_check = engine.self_check(connection, &planned, &cases).await?;
    let limits = Limits {
        storage_bytes: args.storage_budget,
        max_indexes: args.max_indexes,
        max_calls: Some(MAX_CALLS + MAX_CALLS_PER_CASE * cases.len()),
    };
    let designed =
        problem::design(candidates, existing, (&planned, &cases, &used_today), &catalog, &engine, limits);
    let outcome = {
        let progress = context.ui.spinner("price indexes");
        let deadline = args.time_limit.map(|limit| start + limit);
        let mut bridge = Bridge { engine: &mut engine, cases: &cases, deadline, progress: &progress };
        tokio::task::block_in_place(|| index::select(&designed.problem, &mut bridge))?
    };
    let generic = engine.generic(&planned, &designed, &outcome).await?;
    let missing = [measured.gaps, extensions(&shapes, &catalog)].concat();
    let findings = Findings {
        pricing: &pricing,
        redesigned,
        outcome: &outcome,
        storage: &surroundings.storage,
        designed: &designed,
        planned: &planned,
        cases: &cases,
        engine: &engine,
        generic,
        skipped: workload.skipped,
        missing,
        self_check,
        elapsed: start.elapsed(),
    };
    let mut advice = findings.into_advice();
    let statements = statements::to_verify(&planned, &cases);
    drop(engine);
    if let Some(args) = verified_as.filter(|args| args.verify.is_wanted()) {
        let source = database.map(|(target, _)| verify::Source {
            target,
            catalog: &catalog,
            surroundings: &surroundings,
        });
        let cases: Vec<verify::Case> =
            statements.iter().filter(|it| it.has_values()).map(Verified::case).collect();
        verify::verify(context, &args.verify, programs, &args.connect, source, &cases, &mut advice).await?;
    }
    let skipped = advice.skipped.clone();
    Ok((advice, Runnable { catalog, statements, skipped }))
}

/// Builds a shadow of a database, with local programs of its version if they are there.
pub(crate) async fn shadow(
    context: &Context,
    programs: &ProgramsArgs,
    major: u32,
    source: (&Catalog, &Surroundings),
) -> Result<Shadow> {
    let programs = context.programs(programs, Some(major))?;
    if programs.major != major {
        context.ui.warn(format_args!(
            "the database is PostgreSQL {major}, the local server programs are {}: costs may differ a little",
            programs.major
        ));
    }
    let _spinner = context.ui.spinner("copy schema and statistics");
    let timeouts = Timeouts::new(&ConnectArgs::default(), None);
    Ok(Shadow::build(&programs, &context.environment, timeouts, &context.interrupt, source, &[]).await?)
}

/// Says which extensions would allow more.
fn extensions(shapes: &[StatementShape], catalog: &Catalog) -> Vec<String> {
    candidates::missing_extensions(shapes, catalog)
        .into_iter()
        .map(|missing| {
            format!(
                "extension {}, with which an index on {} ({}) could find patterns",
                missing.extension,
                quote::qualified(&missing.schema, &missing.table),
                missing.operand.sql()
            )
        })
        .collect()
}

fn warn_of_unanalyzed(context: &Context, planned: &[Planned], catalog: &Catalog) {
    let names: BTreeSet<&str> = planned
        .iter()
        .flat_map(|planned| &planned.shape.uses)
        .filter_map(|table_use| catalog.table(&table_use.table))
        .filter(|table| table.n_rows < 0.0 && !matches!(table.kind, TableKind::View | TableKind::Partitioned))
        .map(|table| table.name.as_str())
        .collect();
    if !names.is_empty() {
        let names: Vec<&str> = names.into_iter().collect();
        context.ui.warn(format_args!("never analyzed, so their sizes are guesses: {}", names.join(", ")));
    }
}
