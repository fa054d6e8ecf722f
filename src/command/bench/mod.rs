//! `perfkit bench`: runs the workload under load and measures latencies.

mod compare;
mod hlog;
mod merge;
mod start;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use clap::{Args, Subcommand, ValueEnum};

use crate::bench::{
    Arrivals, BenchConfig, BenchReport, Environment, Picker, Schedule, Stage, StatementStats, Threshold,
};
use crate::catalog::Catalog;
use crate::cli::{ConnectArgs, WorkloadArgs, parse_duration};
use crate::context::Context;
use crate::error::{Error, ExitStatus, Result};
use crate::load::{self, Load, Protocol, Request};
use crate::pg::{self, Access, Connection, Endpoint, Target};
use crate::report;
use crate::sources;
use crate::ui::Unit;
use crate::unit;
use crate::workload::Statement;
use crate::workload::parameter::Generator;

const DEFAULT_DURATION: Duration = Duration::from_secs(10);
const DEFAULT_CONNECTIONS: usize = 8;
/// Below this share of the wanted rate, the figures are of another load than the one asked for.
const MIN_ACHIEVED_RATE: f64 = 0.95;

/// Measure the workload's latencies under load
///
/// Sends the workload over several connections: as fast as the server answers, or with `--rate` at a steady rate, where latency
/// counts from the time a statement was due. Exits with status 1 if a threshold is missed.
#[derive(Args, Debug)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct BenchArgs {
    #[command(subcommand)]
    command: Option<BenchCommand>,
    /// Measure this long [default: 10s]
    #[arg(long, value_name = "TIME", value_parser = parse_duration)]
    duration: Option<Duration>,
    /// Before that, send statements for this long without measuring, so that caches fill
    #[arg(long, value_name = "TIME", value_parser = parse_warm_up, default_value = "1s")]
    warm_up: Duration,
    /// Use this many connections [default: 8]
    #[arg(short, long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=10_000))]
    connections: Option<u16>,
    /// Send this many statements per second, over all connections
    #[arg(long, value_name = "N")]
    rate: Option<f64>,
    /// Let the statements of a rate come like this
    #[arg(long, value_name = "HOW", value_enum, default_value_t)]
    arrivals: ArrivalsArg,
    /// Send statements like this
    #[arg(long, value_name = "HOW", value_enum, default_value_t)]
    protocol: ProtocolArg,
    /// Drive the connections by this many threads [default: one for each processor]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    threads: Option<u16>,
    /// Require this, as in "p95 < 50ms" (can be repeated; replaces those of perfkit.yaml)
    #[arg(long = "threshold", value_name = "CONDITION")]
    thresholds: Vec<Threshold>,
    /// Run statements that change data too
    #[arg(long)]
    allow_writes: bool,
    /// Draw other parameters and another order
    #[arg(long, value_name = "N", default_value_t = 42)]
    seed: u64,
    /// Measure from this moment on, as in 2030-01-31T12:00:00Z, so that several machines are one load
    #[arg(long, value_name = "TIME", value_parser = start::parse)]
    start_at: Option<SystemTime>,
    /// Write the histograms to this file too, as an interval log of HdrHistogram
    #[arg(long, value_name = "FILE")]
    hlog: Option<PathBuf>,
    #[command(flatten)]
    connect: ConnectArgs,
    #[command(flatten)]
    workload: WorkloadArgs,
}

#[derive(Subcommand, Debug)]
enum BenchCommand {
    Compare(Box<compare::CompareArgs>),
    Merge(merge::MergeArgs),
}

fn parse_warm_up(text: &str) -> Result<Duration, String> {
    const LONGEST: Duration = Duration::from_hours(24);
    match parse_duration(text)? {
        warm_up if warm_up <= LONGEST => Ok(warm_up),
        _ => Err("a warm-up takes a day at most".to_owned()),
    }
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum ArrivalsArg {
    /// All the same time apart
    #[default]
    Constant,
    /// At random, independent of each other (a Poisson process)
    Poisson,
}

impl From<ArrivalsArg> for Arrivals {
    fn from(arg: ArrivalsArg) -> Self {
        match arg {
            ArrivalsArg::Constant => Self::Constant,
            ArrivalsArg::Poisson => Self::Poisson,
        }
    }
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum ProtocolArg {
    /// As one text with the values inside
    Simple,
    /// With the values apart, parsed every time
    Extended,
    /// Prepared once for each connection
    #[default]
    Prepared,
}

impl From<ProtocolArg> for Protocol {
    fn from(arg: ProtocolArg) -> Self {
        match arg {
            ProtocolArg::Simple => Self::Simple,
            ProtocolArg::Extended => Self::Extended,
            ProtocolArg::Prepared => Self::Prepared,
        }
    }
}

/// How to measure.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    pub(crate) stages: Vec<Stage>,
    pub(crate) warm_up: Duration,
    pub(crate) arrivals: Arrivals,
    pub(crate) protocol: Protocol,
    pub(crate) connections: usize,
    /// How many threads drive them.
    pub(crate) threads: usize,
    pub(crate) thresholds: Vec<Threshold>,
    pub(crate) allow_writes: bool,
    pub(crate) seed: u64,
    /// When recording begins; without it, as soon as all is ready.
    pub(crate) start_at: Option<SystemTime>,
}

pub(crate) async fn run(context: &Context, args: &BenchArgs) -> Result<ExitStatus> {
    match &args.command {
        Some(BenchCommand::Compare(args)) => return compare::run(context, args).await,
        Some(BenchCommand::Merge(args)) => return merge::run(context, args),
        None => {}
    }
    hlog::check(args.hlog.as_deref())?;
    let target = context.target(&args.connect)?;
    let mut connection = target.connect(Access::ReadOnly, &context.interrupt).await?;
    if args.allow_writes {
        connection.require_primary()?;
    }
    let catalog = pg::catalog::load(&mut connection).await?;
    let statements =
        workload(context, &args.workload.workload, &connection, &catalog, args.allow_writes).await?;
    let config = context.config.as_ref().map(|file| file.config.bench.clone()).unwrap_or_default();
    let plan = plan(args, &config)?;

    let report = measure(context, &target, &mut connection, &catalog, &statements, &plan).await?;

    publish(context, &report, args.hlog.as_deref())
}

/// Returns the statements to send.
async fn workload(
    context: &Context,
    named: &[String],
    connection: &Connection,
    catalog: &Catalog,
    allow_writes: bool,
) -> Result<Vec<Statement>> {
    let mut workload = sources::load(context, named, Some(connection), catalog).await?;
    if !allow_writes {
        let n_before = workload.statements.len();
        workload.skip_if(|statement| statement.kind.writes().then(|| "changes data".to_owned()));
        let n_left_out = n_before - workload.statements.len();
        if n_left_out > 0 {
            context.ui.status(format_args!(
                "left out: {n_left_out} statements that change data (`--allow-writes` runs them)"
            ));
        }
    }
    if workload.statements.is_empty() {
        return Err(Error::usage("the workload has no statement to run")
            .hint("Add `--allow-writes` to run statements that change data."));
    }
    Ok(workload.statements)
}

/// Prints a result, writes its log, and says by the exit status what came of it.
fn publish(context: &Context, report: &BenchReport, log: Option<&Path>) -> Result<ExitStatus> {
    // What took long to measure is printed even if its log cannot be written.
    let logged = log.map_or(Ok(()), |path| hlog::write(context, path, report));
    context.ui.publish(&report::bench::document(report, context.ui.style()))?;
    logged?;
    if let Some(reason) = &report.invalid_reason {
        context.ui.warn(format_args!("the measurement is invalid: {reason}"));
        if report.all_lost {
            return Err(Error::server("the server closed every connection and takes no other").hint(
                "Look into the server's log for the reason; what was measured until then is printed.",
            ));
        }
        return Ok(ExitStatus::InvalidMeasurement);
    }
    let missed = report.outcomes.iter().any(|outcome| !outcome.passed);
    Ok(if missed { ExitStatus::Findings } else { ExitStatus::Success })
}

fn plan(args: &BenchArgs, config: &BenchConfig) -> Result<Plan> {
    let stages = if args.duration.is_none() && args.rate.is_none() && !config.stages.is_empty() {
        config.stages.clone()
    } else {
        let duration = args.duration.or(config.duration).unwrap_or(DEFAULT_DURATION);
        vec![Stage { duration, rate: args.rate.or(config.rate) }]
    };
    check_stages(&stages)?;
    let thresholds = if args.thresholds.is_empty() { &config.thresholds } else { &args.thresholds };
    Ok(Plan {
        stages,
        warm_up: args.warm_up,
        arrivals: args.arrivals.into(),
        protocol: args.protocol.into(),
        threads: args.threads.map_or_else(processors, usize::from),
        connections: args.connections.map(usize::from).or(config.connections).unwrap_or(DEFAULT_CONNECTIONS),
        thresholds: thresholds.clone(),
        allow_writes: args.allow_writes,
        seed: args.seed,
        start_at: args.start_at,
    })
}

fn check_stages(stages: &[Stage]) -> Result<()> {
    BenchConfig { stages: stages.to_vec(), ..BenchConfig::default() }
        .check()
        .map_err(|(key, reason)| Error::usage(format!("{key} {reason}")))
}

/// How many threads can run at once.
pub(crate) fn processors() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

/// Statements that are known to run, and the way to their server.
struct Checked {
    statements: Vec<Statement>,
    generators: Vec<Vec<Generator>>,
    requests: Vec<Request>,
    endpoint: Arc<Endpoint>,
}

impl Checked {
    async fn new(
        target: &Target,
        connection: &mut Connection,
        statements: Vec<Statement>,
        generators: Vec<Vec<Generator>>,
        plan: &Plan,
    ) -> Result<Self> {
        for (statement, generators) in statements.iter().zip(&generators) {
            // A statement that cannot even be planned would only count errors for the whole run.
            let values = sources::draw(generators, plan.seed);
            pg::explain::estimate(connection, &statement.sql, &values).await.map_err(|error| {
                Error::from(error).context(format!("statement \"{}\" cannot be run", statement.name))
            })?;
        }
        let access = if plan.allow_writes { Access::ReadWrite } else { Access::ReadOnly };
        Ok(Self {
            requests: requests(connection, &statements, &generators, plan.protocol).await?,
            endpoint: Arc::new(target.endpoint(connection, access)?),
            statements,
            generators,
        })
    }

    /// Opens the connections of a load.
    async fn open(&self, context: &Context, plan: &Plan) -> Result<load::Ready> {
        let load = Load {
            requests: self.requests.clone(),
            picker: Picker::new(self.statements.iter().map(|statement| statement.weight)),
            schedule: Schedule::new(plan.stages.clone(), plan.arrivals, plan.seed),
            connections: plan.connections,
            threads: plan.threads,
            seed: plan.seed,
            warm_up: plan.warm_up,
        };
        Ok(load::open(load, self.endpoint.clone(), &context.interrupt).await?)
    }
}

/// Checks that every statement runs, then runs the load.
pub(crate) async fn measure(
    context: &Context,
    target: &Target,
    connection: &mut Connection,
    catalog: &Catalog,
    statements: &[Statement],
    plan: &Plan,
) -> Result<BenchReport> {
    let generators = sources::generators(context, connection, catalog, statements, plan.seed).await?;
    let checked = Checked::new(target, connection, statements.to_vec(), generators, plan).await?;
    let ready = checked.open(context, plan).await?;
    let schedule = ready.schedule();
    let (is_open_loop, duration) = (schedule.is_open_loop(), schedule.duration());
    if let Some(start_at) = plan.start_at {
        start::wait(context, start_at, plan.warm_up).await?;
    }
    let started_at = start::since_1970(SystemTime::now() + plan.warm_up);
    let progress = context.ui.progress(
        "bench",
        u64::try_from(duration.as_millis()).unwrap_or(u64::MAX),
        Unit::Milliseconds,
    );
    let measured = load::run(ready, &context.interrupt, |elapsed| {
        progress.set(u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX));
    })
    .await?;
    drop(progress);

    let total = StatementStats::total(&measured.statements);
    let n_done = total.service.count() + total.error_count();
    if n_done == 0 && !measured.interrupted {
        return Err(Error::new(ExitStatus::InvalidMeasurement, "no statement ended within the duration")
            .hint("Measure longer with `--duration`."));
    }
    let mut report = BenchReport {
        invalid_reason: if measured.interrupted {
            None
        } else {
            invalid_reason(&total, n_done, &measured, is_open_loop)
        },
        all_lost: measured.n_down == plan.connections,
        environment: Environment {
            server_version: Some(connection.version),
            perfkit_version: Some(env!("CARGO_PKG_VERSION").to_owned()),
            connections: Some(plan.connections),
            cpus: Some(processors()),
            seed: Some(plan.seed),
            generators: 1,
        },
        statements: measured.statements,
        started_at: Some(started_at),
        elapsed: measured.elapsed,
        outcomes: Vec::new(),
        interrupted: measured.interrupted,
        is_open_loop,
        lag: measured.lag,
        n_lost: measured.n_lost,
    };
    report.check(&plan.thresholds);
    Ok(report)
}

/// Makes the statements ready to be sent.
async fn requests(
    connection: &Connection,
    statements: &[Statement],
    generators: &[Vec<Generator>],
    protocol: Protocol,
) -> Result<Vec<Request>> {
    let texts: Vec<&str> = statements.iter().map(|statement| statement.sql.as_str()).collect();
    let are_binary = pg::explain::binary_results(connection, &texts).await?;
    let requests = statements.iter().zip(generators).zip(are_binary).enumerate();
    Ok(requests
        .map(|(i, ((statement, generators), is_binary))| {
            Request::new(i, (&statement.name, &statement.sql), generators.clone(), protocol, is_binary)
        })
        .collect())
}

/// Says why the figures are not those of the load that was asked for.
fn invalid_reason(
    total: &StatementStats,
    n_done: u64,
    measured: &load::Measured,
    is_open_loop: bool,
) -> Option<String> {
    let n_unsent = measured.n_unsent;
    // A schedule goes on meanwhile, and what is late counts from when it was due.
    if measured.n_lost > 0 && (!is_open_loop || measured.n_down > 0) {
        let n_lost = unit::count(measured.n_lost);
        return Some(format!("connections were lost ({n_lost}), and no latency holds the time without them"));
    }
    #[expect(clippy::cast_precision_loss, reason = "counts are far below 2^53")]
    let share = n_done as f64 / (n_done + n_unsent) as f64;
    if total.service.count() == 0 {
        return Some("every statement failed".to_owned());
    }
    (share < MIN_ACHIEVED_RATE).then(|| {
        format!(
            "{} of {} statements could not be sent in time; use more connections or a lower rate",
            unit::count(n_unsent),
            unit::count(n_done + n_unsent)
        )
    })
}
