//! Fills a schema: reads it, plans, shows what cannot be filled, loads.

use std::collections::BTreeMap;

use chrono::{DateTime, NaiveDate, Utc};

use super::Triggers;
use super::from_stats;
use super::plans;
use super::progress::Watch;
use super::sizing::Sizing;
use super::status_of;
use crate::config::ConfigFile;
use crate::context::Context;
use crate::error::{Error, ExitStatus, Result};
use crate::pg::seed::load::{self, Loaded, Options};
use crate::pg::seed::{self, ask, existing, facts, judge, manifest, measure, rehearse};
use crate::pg::{self, Access, Connection, Target};
use crate::report;
use crate::scenario::Scenario;
use crate::seed::SeedConfig;
use crate::seed::guess;
use crate::seed::manifest::RunState;
use crate::seed::plan::build::{self, Memo, PlanError};
use crate::seed::plan::partitions::{self, NewPartition};
use crate::seed::plan::request::{self, Known};
use crate::seed::plan::{Gap, Plan};
use crate::seed::schema::Schema;
use crate::seed::stats::delta;
use crate::seed::stats::source::Source;
use crate::seed::time::POSTGRES_EPOCH_US;
use crate::sources;

/// So many tables are named in a message.
const MAX_NAMED: usize = 8;

/// What decides a run, apart from the database.
#[derive(Clone)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of the command")]
pub(crate) struct Request {
    pub(crate) rows: BTreeMap<String, u64>,
    pub(crate) scale: f64,
    /// The scale is found by measuring: the tables are to take so much.
    pub(crate) size_bytes: Option<u64>,
    pub(crate) schemas: Vec<String>,
    pub(crate) seed: u64,
    pub(crate) append: bool,
    pub(crate) as_of: Option<NaiveDate>,
    pub(crate) yes: bool,
    /// Load a few rows of each table first, in a transaction that is rolled back.
    pub(crate) rehearses: bool,
    pub(crate) triggers: Triggers,
    /// Partitioned tables without partitions get some.
    pub(crate) makes_partitions: bool,
    pub(crate) options: Options,
    /// What ANALYZE is to say afterwards.
    pub(crate) statistics: Option<Source>,
}

impl Request {
    /// A run of so many rows, everything else by default.
    pub(crate) fn of_rows<const N: usize>(rows: [(&str, u64); N], seed: u64) -> Self {
        Self {
            rows: rows.into_iter().map(|(table, n)| (table.to_owned(), n)).collect(),
            scale: 1.0,
            size_bytes: None,
            schemas: Vec::new(),
            seed,
            append: false,
            as_of: None,
            yes: true,
            rehearses: false,
            triggers: Triggers::On,
            makes_partitions: false,
            options: Options { n_streams: 1, keep_indexes: true, throttle: false },
            statistics: None,
        }
    }
}

pub(super) async fn run(
    context: &Context,
    target: &Target,
    scenario: &'static Scenario,
    request: &Request,
    dry_run: bool,
    planned: Option<&plans::Planned>,
) -> Result<ExitStatus> {
    let mut connection = seed::connect(target, &context.interrupt).await?;
    if request.triggers == Triggers::Off {
        // Also of the rehearsal: what triggers of this session would do is planned for.
        seed::silence_triggers(&connection).await?;
    }
    let mut schema = facts::load(&mut connection, &request.schemas).await?;
    let is_empty = schema.relations.is_empty();
    if is_empty {
        if !request.schemas.is_empty() {
            return Err(Error::usage(format!("no table is in schema {}", request.schemas.join(", "))));
        }
        if dry_run && request.size_bytes.is_some() {
            return Err(Error::usage("cannot measure the tables of a database without any")
                .hint("Say `--rows` in place of `--size`, or leave `--dry-run` out."));
        }
        if request.statistics.is_some() {
            return Err(Error::usage("the database has no tables")
                .hint("Copy the schema of the source first, as with `pg_dump --schema-only`."));
        }
        context.ui.status(format_args!(
            "the database has no tables: {} the built-in scenario {}",
            if dry_run { "a run would create those of" } else { "creating" },
            scenario.name
        ));
        schema = create_scenario(&mut connection, scenario, !dry_run).await?;
    }
    let config = config(context, &schema, is_empty.then_some(scenario), request.statistics.is_some())?;
    // Tables that are not to be kept are gone already.
    let rehearses = request.rehearses && !(is_empty && dry_run);
    let (plan, answers) =
        plan(context, &mut connection, &schema, &config, &Request { rehearses, ..request.clone() }).await?;
    if dry_run {
        context.ui.publish(&report::seed::plan(&plan, &answers))?;
        return Ok(status_of(&plan));
    }
    drop(connection);
    let status = status_of(&plan);
    let Some(mut loaded) = load(context, target, plan, request).await? else {
        context.ui.status("nothing was loaded");
        return Ok(ExitStatus::Success);
    };
    compare(context, target, &mut loaded, planned).await?;
    context.ui.publish(&report::seed::loaded(&loaded))?;
    Ok(status)
}

/// Compares the copy with what its plan was asked for by statistics, and plans a workload with it as the source did.
pub(super) async fn compare(
    context: &Context,
    target: &Target,
    report: &mut report::seed::Report,
    planned: Option<&plans::Planned>,
) -> Result<()> {
    let plan = &report.loaded.run.plan;
    if plan.asked.is_empty() && planned.is_none() {
        return Ok(());
    }
    let mut connection = target.connect(Access::ReadOnly, &context.interrupt).await?;
    let (measured, combinations) = from_stats::found(&mut connection).await?;
    let deltas = delta::deltas(plan, &measured, &combinations);
    let n_inside = deltas.iter().filter(|delta| delta.misses().is_empty()).count();
    context
        .ui
        .status(format_args!("{n_inside} of {} columns have the statistics of the source", deltas.len()));
    report.deltas = Some(deltas);
    if let Some(planned) = planned {
        report.plans = Some(planned.compare(context, &connection, &measured).await?);
    }
    Ok(())
}

/// Says what is left out, asks where a table is or partitions are made, and loads; `None` where the answer is no.
async fn load(
    context: &Context,
    target: &Target,
    plan: Plan,
    request: &Request,
) -> Result<Option<report::seed::Report>> {
    let lost: Vec<String> = plan.gaps.iter().filter(|gap| gap.is_lost()).map(report::seed::gap).collect();
    for gap in &lost {
        context.ui.warn(gap);
    }
    if plan.steps.is_empty() {
        return Err(Error::usage("there is no table to fill"));
    }
    for partition in &plan.partitions {
        context.ui.notice(partition.statement(&plan));
    }
    let leaves_out = status_of(&plan) != ExitStatus::Success;
    if leaves_out || !plan.partitions.is_empty() {
        context.ui.notice(format_args!(
            "{} of {} tables get rows, {} partitions are made",
            plan.tables.iter().filter(|table| table.n_rows > 0).count(),
            plan.tables.len(),
            plan.partitions.len()
        ));
        let question = if leaves_out { "Fill the others?" } else { "Make them and fill the tables?" };
        if !context.confirm(question, request.yes).await? {
            return Ok(None);
        }
    }
    fill(context, target, plan, request.options).await.map(Some)
}

/// Loads a plan and measures what has become of it.
pub(crate) async fn fill(
    context: &Context,
    target: &Target,
    plan: Plan,
    options: Options,
) -> Result<report::seed::Report> {
    let watch = Watch::new(&context.ui, &plan, options);
    let loaded: Loaded =
        load::load(target, &context.interrupt, options, plan, &|event| watch.see(&event)).await?;
    let times = watch.end();
    let connection = target.connect(Access::ReadOnly, &context.interrupt).await?;
    measured(&connection, loaded, times, options).await
}

/// Reads the sizes of the tables of a run.
pub(super) async fn measured(
    connection: &Connection,
    loaded: Loaded,
    times: report::seed::Times,
    options: Options,
) -> Result<report::seed::Report> {
    let sizes = measure::sizes(connection, &loaded.run.plan).await?;
    Ok(report::seed::Report { loaded, sizes, times, n_streams: options.n_streams, deltas: None, plans: None })
}

/// Creates the tables of a scenario, all or none, and reads them. Unless they are to be kept they are gone afterwards.
pub(crate) async fn create_scenario(
    connection: &mut Connection,
    scenario: &Scenario,
    keep: bool,
) -> Result<Schema> {
    let doing = || pg::Error::query(format!("create the scenario {}", scenario.name));
    let transaction = connection.client_mut().transaction().await.map_err(doing())?;
    transaction.batch_execute(scenario.schema_sql).await.map_err(doing())?;
    let schema = facts::load_in(&transaction, &[]).await?;
    if keep {
        transaction.commit().await.map_err(doing())?;
    }
    Ok(schema)
}

/// What the tables are to hold: as perfkit.yaml says, as the built-in scenario does whose tables these are, or as guessed. With
/// statistics the scenario has no say.
fn config(
    context: &Context,
    schema: &Schema,
    created: Option<&'static Scenario>,
    has_statistics: bool,
) -> Result<(SeedConfig, Option<ConfigFile>)> {
    if let Some(scenario) = created {
        return Ok((sources::scenario_config(scenario)?.config.seed, None));
    }
    if let Some(file) = &context.config
        && !file.config.seed.tables.is_empty()
    {
        context.ui.status(format_args!("seed: as {} says", file.path.display()));
        return Ok((file.config.seed.clone(), Some(file.clone())));
    }
    if has_statistics {
        return Ok((SeedConfig::default(), None));
    }
    for scenario in &crate::scenario::SCENARIOS {
        let mut config = sources::scenario_config(scenario)?.config.seed;
        let has_columns = |(name, table): (&String, &crate::seed::TableConfig)| {
            schema.relations.iter().any(|relation| {
                relation.is_asked
                    && relation.name == *name
                    && table.columns.keys().all(|column| relation.column(column).is_some())
            })
        };
        if config.tables.iter().all(has_columns) {
            config.tables.retain(|name, _| schema.relations.iter().any(|relation| relation.name == *name));
            context.ui.status(format_args!("the tables of the built-in scenario {} are here", scenario.name));
            return Ok((config, None));
        }
    }
    Ok((SeedConfig::default(), None))
}

/// Plans a run on what is there, and rehearses it.
pub(crate) async fn plan(
    context: &Context,
    connection: &mut Connection,
    schema: &Schema,
    (config, file): &(SeedConfig, Option<ConfigFile>),
    request: &Request,
) -> Result<(Plan, Vec<request::Answer>)> {
    let filled: Vec<&str> = schema
        .relations
        .iter()
        .filter(|relation| relation.is_loadable() && relation.is_filled)
        .map(|relation| relation.name.as_str())
        .collect();
    if !filled.is_empty() && !request.append {
        let more = if filled.len() > MAX_NAMED { ", …" } else { "" };
        return Err(Error::usage(format!("table \"{}\" is not empty", filled[0]))
            .cause(format_args!("rows are in {}{more}", filled[..filled.len().min(MAX_NAMED)].join(", ")))
            .hint("Add `--append` to seed beside the rows that are there.")
            .hint("`perfkit seed clean` deletes the rows of an earlier run."));
    }
    let mut known = known(connection, schema).await?;
    let (rehearses, triggers, schemas) = (request.rehearses, request.triggers, request.schemas.clone());
    let lacking = if request.makes_partitions { partitions::lacking(schema) } else { Vec::new() };
    let (size_bytes, options) = (request.size_bytes, request.options);
    let request = request::Request {
        config: config.clone(),
        rows: request.rows.clone(),
        scale: request.scale,
        at_most: None,
        seed: request.seed,
        as_of_us: as_of(request).timestamp_micros() - POSTGRES_EPOCH_US,
        append: request.append,
        has_small_chunks: request.options.throttle,
        statistics: request.statistics.clone(),
    };
    let build = |schema: &Schema, request: &request::Request, known: &Known| {
        build::build(schema, request, known).map_err(|error| plan_error(&error, file.as_ref()))
    };
    let made = if lacking.is_empty() {
        Made::default()
    } else {
        let supposed = partitions::supposed(schema, &lacking);
        let plan = build(&supposed, &request, &known)?;
        let partitions = partitions::covering(&supposed, &plan, &lacking);
        Made {
            statements: partitions.iter().map(|it| it.statement(&plan)).collect(),
            partitions,
            gaps: plan.gaps,
        }
    };
    let with_partitions = |schema: &Schema| partitions::with(schema, &made.partitions, &lacking, &made.gaps);
    let schema = &with_partitions(schema);
    let (mut plan, questions) =
        build::with_questions(schema, &request, &known).map_err(|error| plan_error(&error, file.as_ref()))?;
    let mut reread = None;
    let mut gaps = Vec::new();
    if rehearses {
        let _progress = context.ui.spinner("rehearsing");
        if !questions.is_empty() {
            judge::answer(connection, schema, &plan, &questions, &mut known).await?;
        }
        let miniature = request::Request { at_most: Some(rehearse::N_ROWS), ..request.clone() };
        let mut memo = Memo::default();
        let rehearsed =
            rehearse::rehearse(connection, schema, &made.statements, known.clone(), &mut |schema, known| {
                build::again(schema, &miniature, known, &mut memo).ok().map(|(plan, _)| plan)
            })
            .await?;
        if let Some(reason) = rehearsed.cut_short {
            context.ui.warn(format_args!("not all tables were rehearsed: {reason}"));
        }
        rehearse::tidy(connection, schema).await?;
        known.repairs.extend(rehearsed.repairs);
        gaps = rehearsed.gaps;
        if schema.relations.iter().any(|relation| !relation.triggers.is_empty()) {
            // Triggers may have advanced sequences, and a rollback does not take them back.
            reread = Some(with_partitions(&facts::load(connection, &schemas).await?));
        }
        plan = build(reread.as_ref().unwrap_or(schema), &request, &known)?;
    }
    if let Some(wanted_bytes) = size_bytes {
        let _progress = context.ui.spinner("measuring");
        let schema = reread.as_ref().unwrap_or(schema);
        let build = |scale: f64, share: f64| build(schema, &request.scaled(scale, share), &known);
        plan = Sizing { connection, schema, wanted_bytes, options, build: &build }.plan().await?;
    }
    plan.gaps.extend(gaps);
    plan.are_triggers_off = triggers == Triggers::Off;
    plan.asked = request.statistics.as_ref().map(|source| delta::asked(source, &plan)).unwrap_or_default();
    plan.partitions = made.partitions;
    Ok((plan, known.answers))
}

/// Partitions for tables that lack them.
#[derive(Default)]
struct Made {
    partitions: Vec<NewPartition>,
    statements: Vec<String>,
    /// What the plan says that they are made for.
    gaps: Vec<Gap>,
}

/// Reads what the database holds that a plan depends on.
async fn known(connection: &mut Connection, schema: &Schema) -> Result<Known> {
    let transaction = pg::catalog::snapshot(connection).await?;
    let mut known = Known { images: ask::images(&transaction, schema).await?, ..Known::default() };
    transaction.commit().await.map_err(pg::Error::query("make values"))?;
    if !schema.relations.iter().any(|relation| relation.is_filled) {
        return Ok(known);
    }
    for run in manifest::runs(connection).await? {
        if run.state == RunState::Cleaned {
            continue;
        }
        for table in manifest::read(connection, &run.id).await?.plan.tables {
            let is_it = |relation: &&crate::seed::schema::Relation| {
                relation.schema == table.schema && relation.name == table.name
            };
            let Some((id, _)) = (0..).zip(&schema.relations).find(|(_, relation)| is_it(relation)) else {
                continue;
            };
            let base = known.bases.entry(id).or_insert(0);
            *base = (*base).max(table.base + table.n_rows);
        }
    }
    let transaction = pg::catalog::snapshot(connection).await?;
    known.existing = existing::referenced(&transaction, schema, guess::wire).await?;
    known.taken = existing::taken(&transaction, schema, guess::wire).await?;
    known.first_keys = existing::greatest(&transaction, schema).await?;
    transaction.commit().await.map_err(pg::Error::query("read the keys"))?;
    Ok(known)
}

/// Returns the end of the time series: the start of a day, so that a day's runs give the same bytes.
fn as_of(request: &Request) -> DateTime<Utc> {
    let date = request.as_of.unwrap_or_else(|| {
        DateTime::from_timestamp_micros(sources::now_us()).unwrap_or_default().date_naive()
    });
    date.and_time(chrono::NaiveTime::MIN).and_utc()
}

fn plan_error(error: &PlanError, file: Option<&ConfigFile>) -> Error {
    let failed = match file {
        Some(file) => file.error_at(error.word(), error.to_string()),
        None => Error::usage(error.to_string()),
    };
    match error.nearest() {
        Some(nearest) => failed.hint(format!("Did you mean {nearest:?}?")),
        None => failed,
    }
}
