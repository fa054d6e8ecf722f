//! `perfkit demo`: the whole loop on a throw-away local server.

use std::time::{Duration, Instant};

use clap::Args;
use serde_json::json;

use super::{bench, explain, index, sandbox, seed};
use crate::bench::{Arrivals, BenchReport, Stage, StatementStats};
use crate::cli::{ConnectArgs, ProgramsArgs, WorkloadArgs};
use crate::config::Timeouts;
use crate::context::{Context, LONG_STATEMENT_TIMEOUT};
use crate::error::{Error, ExitStatus, Result};
use crate::index::change::Change;
use crate::load::Protocol;
use crate::pg::server::{Cluster, Programs, SANDBOX_DATABASE, Sandbox, Settings};
use crate::pg::{self, Access, Connection, Target, sql};
use crate::plan;
use crate::report::{self, Align, Document, Table, index::BuiltIndex};
use crate::scenario::{self, Scenario};
use crate::sources;
use crate::unit;
use crate::workload::{Source, Workload};

/// As many users as keep the demo under a minute: with 50 records and 20 follows each, 142,000 rows.
const N_USERS: u64 = 2000;
const BENCH_WARM_UP: Duration = Duration::from_secs(1);
const BENCH_DURATION: Duration = Duration::from_secs(8);
const SEED: u64 = 42;
const DATABASE: &str = "demo";

/// Show the whole loop on a throw-away local server
///
/// Starts a server, loads a scenario without its indexes, explains its costliest statement, measures, designs and builds the
/// indexes, measures again and compares. Nothing is left behind.
#[derive(Args, Debug)]
pub(crate) struct DemoArgs {
    /// The scenario
    #[arg(long, value_name = "NAME", default_value = "bedtime", value_parser = scenario::find)]
    scenario: &'static Scenario,
    /// Leave the server up, as the sandbox, and print the URL of the demo's database
    #[arg(long)]
    keep: bool,
    #[command(flatten)]
    programs: ProgramsArgs,
}

pub(crate) async fn run(context: &Context, args: &DemoArgs) -> Result<ExitStatus> {
    let start = Instant::now();
    let server = Server::start(context, args).await?;
    let result = Box::pin(show(context, args, &server, start)).await;
    if let (Server::Kept { url, .. }, Ok(_)) = (&server, &result) {
        context.ui.status(format_args!("the server stays up: {url}"));
        context.ui.status("`perfkit sandbox destroy` removes it");
    }
    result
}

/// The demo's server: gone at the end, or the sandbox.
enum Server {
    ThrowAway(Cluster),
    Kept { sandbox: Sandbox, database: String, url: String },
}

impl Server {
    async fn start(context: &Context, args: &DemoArgs) -> Result<Self> {
        if args.keep {
            let sandbox = Sandbox::of_user(&context.environment)?;
            sandbox::ensure_running(context, &sandbox, &args.programs).await?;
            let admin = sandbox
                .target_of("postgres", timeouts())?
                .connect(Access::ReadWrite, &context.interrupt)
                .await?;
            let mut own = sandbox.target(timeouts())?.connect(Access::ReadOnly, &context.interrupt).await?;
            // In the sandbox's own database every later command finds the data; what is there already stays apart.
            let is_free = pg::catalog::load(&mut own).await?.tables.is_empty();
            let database =
                if is_free { SANDBOX_DATABASE.to_owned() } else { create_database(&admin).await? };
            let url = sandbox.url_of(&database);
            return Ok(Self::Kept { sandbox, database, url });
        }
        let programs = Programs::find(args.programs.pg_bin.as_deref(), &context.environment, None)?;
        let spinner = context.ui.spinner("start a server");
        let cluster = Cluster::start(&programs, Settings::DATA, &context.environment).await?;
        drop(spinner);
        let admin =
            cluster.target("postgres", timeouts())?.connect(Access::ReadWrite, &context.interrupt).await?;
        create_database(&admin).await?;
        context.ui.status(format_args!("server: PostgreSQL {}, throw-away", cluster.major));
        Ok(Self::ThrowAway(cluster))
    }

    fn target(&self) -> pg::Result<Target> {
        match self {
            Self::ThrowAway(cluster) => cluster.target(DATABASE, timeouts()),
            Self::Kept { sandbox, database, .. } => sandbox.target_of(database, timeouts()),
        }
    }
}

fn timeouts() -> Timeouts {
    Timeouts { statement: LONG_STATEMENT_TIMEOUT, ..Timeouts::new(&ConnectArgs::default(), None) }
}

/// Creates the demo's database under a name that is free.
async fn create_database(admin: &Connection) -> Result<String> {
    let doing = || pg::Error::query("create the demo's database");
    let mut name = DATABASE.to_owned();
    let mut number = 2;
    while admin.query_opt(sql::DATABASE_EXISTS, &[&name]).await.map_err(doing())?.is_some() {
        name = format!("{DATABASE}_{number}");
        number += 1;
    }
    admin
        .batch_execute(&format!("CREATE DATABASE {}", sql::quote_identifier(&name)))
        .await
        .map_err(doing())?;
    Ok(name)
}

async fn show(context: &Context, args: &DemoArgs, server: &Server, start: Instant) -> Result<ExitStatus> {
    let target = server.target()?;
    let mut connection = target.connect(Access::ReadWrite, &context.interrupt).await?;
    let file = sources::scenario_config(args.scenario)?;

    let schema = seed::create_scenario(&mut connection, args.scenario, true).await?;
    let request = seed::Request::of_rows([("users", N_USERS)], SEED);
    let config = (file.config.seed.clone(), None);
    let (plan, _) = seed::plan(context, &mut connection, &schema, &config, &request).await?;
    let seeded = seed::fill(context, &target, plan, request.options).await?;
    let n_rows: u64 = seeded.loaded.run.plan.tables.iter().map(|table| table.n_rows).sum();
    let n_dropped = drop_indexes(&mut connection).await?;
    let dropped = match n_dropped {
        0 => String::new(),
        n => format!("; dropped the {n} indexes to start from none"),
    };
    context.ui.status(format_args!("seeded: {} rows{dropped}", unit::count(n_rows)));

    let (server, _) = pg::catalog::load_server(&mut connection).await?;
    let mut workload = sources::of_config(&file, Source::Scenario(args.scenario.name.to_owned()));
    sources::infer_parameters(&mut workload, &server.catalog);
    let slowest = explain_slowest(context, &mut connection, &server, &workload).await?;

    let plan = bench::Plan {
        stages: vec![Stage { duration: BENCH_DURATION, rate: None, ramp_to: None }],
        warm_up: BENCH_WARM_UP,
        arrivals: Arrivals::Constant,
        protocol: Protocol::Prepared,
        connections: std::thread::available_parallelism().map_or(2, usize::from),
        threads: bench::processors(),
        thresholds: Vec::new(),
        is_strict: false,
        allow_writes: true,
        seed: SEED,
        start_at: None,
        connects_each: false,
        think: Duration::ZERO,
        max_tries: 10,
    };
    let before =
        bench::measure(context, &target, &mut connection, &server.catalog, &workload.statements, &plan)
            .await?;
    stop_if_interrupted(context)?;
    context.ui.status("bench: measured without indexes");

    let mut reader = target.connect(Access::ReadOnly, &context.interrupt).await?;
    let source = WorkloadArgs { workload: Vec::new() };
    let design = index::suggest::DesignArgs::default();
    let (advice, _) =
        index::suggest::advise(context, (&target, &mut reader), &source, &design, &args.programs).await?;
    index::suggest::report_gaps(context, &advice);
    let wanted: Vec<_> = advice
        .suggestions
        .iter()
        .map(|s| Change::Create {
            definition: s.definition.clone(),
            size_bytes: s.size_bytes,
            replaces: Vec::new(),
        })
        .collect();
    context.ui.status(format_args!(
        "index suggest: {} indexes from {} candidates in {:.1} s",
        wanted.len(),
        advice.n_candidates,
        advice.elapsed.as_secs_f64()
    ));
    let built = index::apply::build(context, &target, wanted).await?;
    let after =
        bench::measure(context, &target, &mut connection, &server.catalog, &workload.statements, &plan)
            .await?;
    stop_if_interrupted(context)?;

    let elapsed = start.elapsed();
    let document = document(&before, &after, &built, elapsed)
        .append(slowest.unwrap_or_else(|| Document::new(json!(null))));
    context.ui.publish(&document)?;
    context.ui.status(format_args!("{:.0} s in all", elapsed.as_secs_f64()));
    Ok(ExitStatus::Success)
}

/// A measurement cut short is no basis for a comparison.
fn stop_if_interrupted(context: &Context) -> Result<()> {
    if context.interrupt.is_raised() {
        return Err(Error::new(ExitStatus::Interrupted, "interrupted"));
    }
    Ok(())
}

/// Drops every index that no constraint owns, and returns how many there were.
async fn drop_indexes(connection: &mut Connection) -> Result<usize> {
    let catalog = pg::catalog::load(connection).await?;
    let names: Vec<String> = catalog
        .tables
        .iter()
        .flat_map(|table| table.indexes.iter().map(move |index| (table, index)))
        .filter(|(_, index)| !index.is_constraint)
        .map(|(table, index)| sql::quote_qualified(&table.schema, &index.name))
        .collect();
    if names.is_empty() {
        return Ok(0);
    }
    connection
        .batch_execute(&format!("DROP INDEX {}", names.join(", ")))
        .await
        .map_err(pg::Error::query("drop the scenario's indexes"))?;
    Ok(names.len())
}

async fn explain_slowest(
    context: &Context,
    connection: &mut Connection,
    server: &plan::Server,
    workload: &Workload,
) -> Result<Option<Document<'static>>> {
    let reads: Vec<_> =
        workload.statements.iter().filter(|statement| !statement.kind.writes()).cloned().collect();
    let explained = explain::explain_costliest(context, connection, server, &reads, 1).await?;
    let Some(name) = explained.first().and_then(|slowest| slowest.name.clone()) else { return Ok(None) };
    context.ui.status(format_args!("explain: the workload spends most on {name}"));
    Ok(Some(
        Document::new(json!(null))
            .heading("Before: the costliest statement")
            .append(report::explain::document(&explained, false, context.ui.style())),
    ))
}

fn document(
    before: &BenchReport,
    after: &BenchReport,
    built: &[BuiltIndex],
    elapsed: Duration,
) -> Document<'static> {
    let right = |name| (name, Align::Right);
    let mut table = Table::new([
        ("statement", Align::Left),
        right("p50 ms"),
        right("→"),
        right("p95 ms"),
        right("→"),
        right("p99 ms"),
        right("→"),
        right("p50 ratio"),
    ]);
    let mut rows = Vec::new();
    let totals = (StatementStats::total(&before.statements), StatementStats::total(&after.statements));
    let pairs = before.statements.iter().zip(&after.statements).chain([(&totals.0, &totals.1)]);
    for (before, after) in pairs {
        let (Some(was), Some(is)) = (before.service.summary(), after.service.summary()) else { continue };
        table.row([
            before.name.clone(),
            unit::milliseconds(was.p50_ms),
            unit::milliseconds(is.p50_ms),
            unit::milliseconds(was.p95_ms),
            unit::milliseconds(is.p95_ms),
            unit::milliseconds(was.p99_ms),
            unit::milliseconds(is.p99_ms),
            unit::ratio(was.p50_ms, is.p50_ms),
        ]);
        rows.push(json!({
            "name": before.name,
            "before": { "p50_ms": was.p50_ms, "p95_ms": was.p95_ms, "p99_ms": was.p99_ms },
            "after": { "p50_ms": is.p50_ms, "p95_ms": is.p95_ms, "p99_ms": is.p99_ms },
            "p50_ratio": was.p50_ms / is.p50_ms,
        }));
    }
    let indexes: Vec<_> =
        built.iter().map(|index| json!({ "name": index.name, "size_bytes": index.size_bytes })).collect();
    let json = json!({
        "schema_version": report::SCHEMA_VERSION,
        "statements": rows,
        "indexes": indexes,
        "elapsed_ms": unit::json_ms(unit::as_ms(elapsed)),
    });
    Document::new(json)
        .heading("Latency without and with the suggested indexes")
        .table(table)
        .heading("Indexes built")
        .append(report::index::built(built))
}
