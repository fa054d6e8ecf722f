//! `perfkit index suggest`: designs the index set that makes a workload cheapest, on a shadow of the database.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use clap::Args;

use crate::catalog::{Catalog, TableKind};
use crate::cli::{ConnectArgs, ProgramsArgs, WorkloadArgs, parse_size};
use crate::context::Context;
use crate::error::{Error, ExitStatus, Result};
use crate::index::{
    self, Advice, Answer, Candidate, Costs, Definition, Help, Limits, Outcome, Problem, Size, Step,
    Suggestion, Trial, Workitem,
};
use crate::pg::shadow::Shadow;
use crate::pg::{self, Access, Connection, TextValue};
use crate::query::{self, StatementShape};
use crate::random;
use crate::report;
use crate::sources;
use crate::workload::{Statement, StatementKind, Workload};

/// The values that statements are planned with come from this stream.
const SEED: u64 = 1;
/// Sets of values that each statement is planned with; its cost is their mean.
const VALUE_SETS: u64 = 3;

/// Suggest the index set that makes the workload cheapest
///
/// Reads schema and statistics, builds an empty local copy of both, and prices real indexes there: nothing is created on
/// the database itself.
#[derive(Args, Debug)]
pub(crate) struct SuggestArgs {
    #[command(flatten)]
    pub(crate) design: DesignArgs,
    #[command(flatten)]
    pub(crate) connect: ConnectArgs,
    #[command(flatten)]
    pub(crate) workload: WorkloadArgs,
    #[command(flatten)]
    pub(crate) programs: ProgramsArgs,
}

/// What the index set may cost.
#[derive(Args, Debug, Clone)]
pub(crate) struct DesignArgs {
    /// Suggest indexes of this size at the most, all together
    #[arg(long, value_name = "SIZE", value_parser = parse_size)]
    pub(crate) storage_budget: Option<u64>,
    /// Suggest this many indexes at the most
    #[arg(long, value_name = "N")]
    pub(crate) max_indexes: Option<usize>,
    /// Suggest indexes with this many columns at the most
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u16).range(1..=8))]
    pub(crate) max_columns: u16,
}

impl Default for DesignArgs {
    fn default() -> Self {
        Self { storage_budget: None, max_indexes: None, max_columns: 3 }
    }
}

pub(crate) async fn run(context: &Context, args: &SuggestArgs) -> Result<ExitStatus> {
    let mut connection = context.connect(&args.connect, Access::ReadOnly).await?;
    let advice = advise(context, &mut connection, &args.workload, &args.design, &args.programs).await?;

    report_gaps(context, &advice);
    context.ui.publish(&report::index::advice(&advice, context.ui.style()))?;
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
    for skipped in &advice.skipped {
        context.ui.status(format_args!("skipped: {} ({})", sources::one_line(&skipped.sql), skipped.reason));
    }
    for missing in &advice.missing {
        context.ui.warn(format_args!("the shadow lacks {missing}"));
    }
}

/// A statement with the values it is planned with.
struct Planned<'w> {
    statement: &'w Statement,
    shape: StatementShape,
    value_sets: Vec<Vec<TextValue>>,
}

/// Reads catalog and workload, and searches for the best set.
pub(crate) async fn advise(
    context: &Context,
    connection: &mut Connection,
    workload_args: &WorkloadArgs,
    design: &DesignArgs,
    programs: &ProgramsArgs,
) -> Result<Advice> {
    let start = Instant::now();
    let (catalog, surroundings) = pg::catalog::load_with_surroundings(connection).await?;
    let mut workload = sources::load(context, &workload_args.workload, connection, &catalog).await?;
    let generators = sources::generators(context, connection, &catalog, &workload.statements, SEED).await?;
    let statements = std::mem::take(&mut workload.statements);
    let planned: Vec<Planned> = statements
        .iter()
        .zip(&generators)
        .map(|(statement, generators)| Planned {
            statement,
            shape: query::parse(&statement.sql).expect("a workload's statements parse").shape(&catalog),
            value_sets: if generators.is_empty() {
                vec![Vec::new()]
            } else {
                (0..VALUE_SETS).map(|i| sources::draw(generators, random::at(SEED, i))).collect()
            },
        })
        .collect();
    warn_of_unanalyzed(context, &planned, &catalog);
    warn_of_partitioned(context, &planned, &catalog);

    let shapes = planned.iter().map(|planned| &planned.shape);
    let definitions = index::candidates::candidates(shapes, &catalog, usize::from(design.max_columns));
    let sized: Vec<(Definition, Size)> = definitions
        .into_iter()
        .map(|definition| {
            let size = index::estimate(&definition, table_of(&definition, &catalog));
            (definition, size)
        })
        .collect();
    let programs = context.programs(programs, Some(connection.major()))?;
    if programs.major != connection.major() {
        context.ui.warn(format_args!(
            "the database is PostgreSQL {}, the local server programs are {}: costs may differ a little",
            connection.major(),
            programs.major
        ));
    }
    let spinner = context.ui.spinner("copy schema and statistics");
    let mut shadow = Shadow::build(
        &programs,
        &context.environment,
        crate::config::Timeouts::new(&crate::cli::ConnectArgs::default(), None),
        &context.interrupt,
        (&catalog, &surroundings),
        &sized,
    )
    .await?;
    drop(spinner);

    let planned = without_unplannable(planned, &mut shadow, &mut workload).await?;
    let problem = problem(&planned, &sized, &catalog, design, &shadow);
    let outcome = search(context, &problem, &planned, &mut shadow).await?;
    Ok(advice(&outcome, &problem, &planned, &sized, &catalog, workload, &shadow, start.elapsed()))
}

fn warn_of_unanalyzed(context: &Context, planned: &[Planned], catalog: &Catalog) {
    let mut names: Vec<&str> = planned
        .iter()
        .flat_map(|planned| &planned.shape.uses)
        .filter_map(|table_use| catalog.table(&table_use.table))
        .filter(|table| table.n_rows < 0.0 && table.kind != TableKind::View)
        .map(|table| table.name.as_str())
        .collect();
    names.sort_unstable();
    names.dedup();
    if !names.is_empty() {
        context.ui.warn(format_args!("never analyzed, so their sizes are guesses: {}", names.join(", ")));
    }
}

fn table_of<'c>(definition: &Definition, catalog: &'c Catalog) -> &'c crate::catalog::Table {
    let name = query::TableName { schema: Some(definition.schema.clone()), name: definition.table.clone() };
    catalog.table(&name).expect("candidates are made from tables of the catalog")
}

/// Says which tables the advisor does not look at, instead of leaving them out in silence.
fn warn_of_partitioned(context: &Context, planned: &[Planned], catalog: &Catalog) {
    let names: BTreeSet<&str> = planned
        .iter()
        .flat_map(|planned| &planned.shape.uses)
        .filter_map(|table_use| catalog.table(&table_use.table))
        .filter(|table| table.kind == TableKind::Partitioned)
        .map(|table| table.name.as_str())
        .collect();
    if !names.is_empty() {
        let names: Vec<&str> = names.into_iter().collect();
        context
            .ui
            .warn(format_args!("indexes are not suggested for partitioned tables: {}", names.join(", ")));
    }
}

/// Moves statements that the shadow cannot plan to the skipped ones.
async fn without_unplannable<'w>(
    planned: Vec<Planned<'w>>,
    shadow: &mut Shadow,
    workload: &mut Workload,
) -> Result<Vec<Planned<'w>>> {
    let mut kept = Vec::new();
    for planned in planned {
        match answer(shadow, &Trial::default(), &planned).await {
            Ok(_) => kept.push(planned),
            Err(error @ pg::Error::Query { .. }) if error.code().is_some() && !error.is_cancelled() => {
                let reason = Error::from(error).message().to_owned();
                workload.skip(&planned.statement.sql, &reason);
            }
            Err(error) => return Err(error.into()),
        }
    }
    if kept.is_empty() {
        return Err(Error::usage("no statement of the workload could be planned")
            .cause(workload.skipped.last().map(|skipped| skipped.reason.clone()).unwrap_or_default())
            .hint("Check that the workload belongs to this database."));
    }
    Ok(kept)
}

/// Returns the mean cost of a statement over its value sets, and the candidates that any of its plans uses.
async fn answer(shadow: &mut Shadow, trial: &Trial, planned: &Planned<'_>) -> pg::Result<Answer> {
    let mut sum = Answer::default();
    for values in &planned.value_sets {
        let answer = shadow.plan(&trial.visible, &planned.statement.sql, values).await?;
        sum.cost += answer.cost;
        sum.used.extend(answer.used);
    }
    #[expect(clippy::cast_precision_loss, reason = "there are few value sets")]
    let n_sets = planned.value_sets.len() as f64;
    Ok(Answer { cost: sum.cost / n_sets, ..sum })
}

fn problem(
    planned: &[Planned],
    sized: &[(Definition, Size)],
    catalog: &Catalog,
    design: &DesignArgs,
    shadow: &Shadow,
) -> Problem {
    let inserts_into = |definition: &Definition| -> f64 {
        let writes = planned.iter().filter(|planned| planned.statement.kind == StatementKind::Insert);
        writes
            .filter(|planned| {
                let written =
                    query::parse(&planned.statement.sql).ok().and_then(|parsed| parsed.written_table());
                written
                    .and_then(|name| catalog.table(&name))
                    .is_some_and(|table| table.schema == definition.schema && table.name == definition.table)
            })
            .map(|planned| planned.statement.weight)
            .sum()
    };
    let candidates = sized
        .iter()
        .map(|(definition, size)| Candidate {
            definition: definition.clone(),
            size_bytes: size.bytes(),
            upkeep: inserts_into(definition) * index::per_row_cost(table_of(definition, catalog), *size),
        })
        .collect();
    let workload = planned
        .iter()
        .map(|planned| Workitem {
            weight: planned.statement.weight,
            relevant: sized
                .iter()
                .enumerate()
                .filter(|(i, (definition, _))| {
                    shadow.has_candidate(*i)
                        && index::candidates::is_relevant(definition, &planned.shape, catalog)
                })
                .map(|(i, _)| i)
                .collect(),
        })
        .collect();
    let limits = Limits { storage_bytes: design.storage_budget, max_indexes: design.max_indexes };
    Problem { candidates, workload, limits }
}

/// Asks the shadow whatever the search wants to know, until it is done.
async fn search(
    context: &Context,
    problem: &Problem,
    planned: &[Planned<'_>],
    shadow: &mut Shadow,
) -> Result<Outcome> {
    let spinner = context.ui.spinner("price candidates");
    let mut costs = Costs::default();
    loop {
        match index::select(problem, &costs) {
            Step::Done(outcome) => return Ok(outcome),
            Step::Ask(trials) => {
                for trial in trials {
                    let answer = answer(shadow, &trial, &planned[trial.statement]).await?;
                    costs.insert(trial, answer);
                }
                spinner.message(format!("price candidates: {}", shadow.n_calls));
            }
        }
    }
}

#[expect(clippy::too_many_arguments, reason = "it brings together what the steps before it found")]
fn advice(
    outcome: &Outcome,
    problem: &Problem,
    planned: &[Planned],
    sized: &[(Definition, Size)],
    catalog: &Catalog,
    workload: Workload,
    shadow: &Shadow,
    elapsed: Duration,
) -> Advice {
    let name = |statement: usize| planned[statement].statement.name.clone();
    let suggestions = outcome
        .chosen
        .iter()
        .zip(&outcome.helps)
        .map(|(chosen, helps)| {
            let (definition, size) = &sized[*chosen];
            let saving: f64 =
                helps.iter().map(|(at, before, after)| problem.workload[*at].weight * (before - after)).sum();
            let total: f64 = weighted(problem, outcome.statements.iter().map(|(before, _)| *before));
            Suggestion {
                definition: definition.clone(),
                size_bytes: size.bytes(),
                write_cost: index::bytes_per_row(definition, table_of(definition, catalog), *size),
                helps: helps
                    .iter()
                    .map(|(at, cost_before, cost_after)| Help {
                        statement: name(*at),
                        cost_before: *cost_before,
                        cost_after: *cost_after,
                    })
                    .collect(),
                reason: format!("saves {:.1}% of the workload's cost", 100.0 * saving / total),
            }
        })
        .collect();
    Advice {
        suggestions,
        statements: (0..planned.len()).map(name).collect(),
        cost_before: weighted(problem, outcome.statements.iter().map(|(before, _)| *before)),
        cost_after: weighted(problem, outcome.statements.iter().map(|(_, after)| *after)),
        skipped: workload.skipped,
        missing: shadow.missing.clone(),
        n_candidates: sized.len(),
        is_limited: problem.limits.storage_bytes.is_some() || problem.limits.max_indexes.is_some(),
        n_calls: shadow.n_calls,
        elapsed,
    }
}

fn weighted(problem: &Problem, costs: impl Iterator<Item = f64>) -> f64 {
    problem.workload.iter().zip(costs).map(|(item, cost)| item.weight * cost).sum()
}
