//! `perfkit bench`: runs the workload under load and measures latencies.

mod baseline;
mod checked;
mod compare;
mod find_max;
mod hlog;
mod load_args;
mod merge;
mod replay;
mod script;
mod sides;
mod start;
mod with_index;

use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use clap::{Args, Subcommand};

use crate::bench::baseline as bench_baseline;
use crate::bench::validity::{self, Blocks, Flaws, Observed};
use crate::bench::{Arrivals, BenchConfig, BenchReport, Environment, Held, Stage, StatementStats, Threshold};
use crate::catalog::Catalog;
use crate::cli::parse_duration;
use crate::context::Context;
use crate::error::{Error, ExitStatus, Result};
use crate::load::{self, Protocol};
use crate::pg::bench::Watch;
use crate::pg::{Connection, Target};
use crate::report;
use crate::sources;
use crate::ui::Unit;
use crate::unit;
use crate::workload::Statement;

use self::checked::Checked;
use self::load_args::LoadArgs;

const DEFAULT_DURATION: Duration = Duration::from_secs(10);

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
    /// Send this many statements per second, over all connections
    #[arg(long, value_name = "N")]
    rate: Option<f64>,
    /// Measure in stages, each with a time and a rate, or with the rates of a ramp: 30s:100,1m:100..500
    #[arg(long, value_name = "STAGES", value_parser = parse_stages, conflicts_with_all = ["duration", "rate"])]
    stages: Option<Stages>,
    /// Require this, as in "p95 < 50ms" (can be repeated; replaces those of perfkit.yaml)
    #[arg(long = "threshold", value_name = "CONDITION")]
    thresholds: Vec<Threshold>,
    /// Take a run for invalid as well if other programs or machines may have slowed it down
    #[arg(long)]
    strict: bool,
    /// Measure from this moment on, as in 2030-01-31T12:00:00Z, so that several machines are one load
    #[arg(long, value_name = "TIME", value_parser = start::parse)]
    start_at: Option<SystemTime>,
    /// Write the histograms to this file too, as an interval log of HdrHistogram
    #[arg(long, value_name = "FILE")]
    hlog: Option<PathBuf>,
    /// Hold what statements read, write and return against this file, which `--write-baseline` wrote
    #[arg(long, value_name = "FILE", conflicts_with_all = ["files", "builtins"])]
    baseline: Option<PathBuf>,
    /// Write what statements need to this file, for `--baseline`
    #[arg(long, value_name = "FILE", conflicts_with_all = ["files", "builtins"])]
    write_baseline: Option<PathBuf>,
    #[command(flatten)]
    replay: replay::ReplayArgs,
    #[command(flatten)]
    load: LoadArgs,
}

#[derive(Subcommand, Debug)]
enum BenchCommand {
    Compare(Box<compare::CompareArgs>),
    FindMax(Box<find_max::FindMaxArgs>),
    Merge(merge::MergeArgs),
}

/// One value of an argument, where clap would take a list for many.
#[derive(Clone, Debug)]
struct Stages(Vec<Stage>);

fn parse_stages(text: &str) -> Result<Stages, String> {
    Stage::parse_all(text).map(Stages)
}

fn parse_warm_up(text: &str) -> Result<Duration, String> {
    const LONGEST: Duration = Duration::from_hours(24);
    match parse_duration(text)? {
        warm_up if warm_up <= LONGEST => Ok(warm_up),
        _ => Err("a warm-up takes a day at most".to_owned()),
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
    /// Whether a doubtful run is invalid.
    pub(crate) is_strict: bool,
    pub(crate) allow_writes: bool,
    pub(crate) seed: u64,
    /// When recording begins; without it, as soon as all is ready.
    pub(crate) start_at: Option<SystemTime>,
    /// Whether each execution has a connection of its own.
    pub(crate) connects_each: bool,
    /// How long a connection waits after an answer.
    pub(crate) think: Duration,
    /// How often an execution is tried that others are in the way of.
    pub(crate) max_tries: u32,
}

pub(crate) async fn run(context: &Context, args: &BenchArgs) -> Result<ExitStatus> {
    match &args.command {
        Some(BenchCommand::Compare(args)) => return Box::pin(compare::run(context, args)).await,
        Some(BenchCommand::FindMax(args)) => return find_max::run(context, args).await,
        Some(BenchCommand::Merge(args)) => return merge::run(context, args),
        None => {}
    }
    hlog::check(args.hlog.as_deref())?;
    if let Some(trace) = &args.replay.replay {
        return replay::run(context, args, trace).await;
    }
    let plan = plan(args, &load_args::config(context))?;
    let before = args.baseline.as_deref().map(baseline::read).transpose()?;
    let target = context.target(&args.load.connect)?;
    let (mut connection, checked) = args.load.checked(context, &target, &plan).await?;
    // Before the load, which changes what is there.
    let is_counted = before.is_some() || args.write_baseline.is_some();
    let work = if is_counted { baseline::work(&mut connection, &checked, &plan).await? } else { Vec::new() };

    let mut report = run_load(context, &connection, &checked, &plan).await?;
    if is_counted && !report.interrupted {
        let now = baseline::of_run(&connection, &checked, &plan, work, &report).await?;
        report.held = before.map(|before| bench_baseline::hold(&before, &now));
        if let Some(path) = &args.write_baseline {
            baseline::write(context, path, &now)?;
        }
    }

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
                "left out because they change data: {} (`--allow-writes` runs them)",
                unit::counted(n_left_out as u64, "statement")
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
    for doubt in &report.doubts {
        context.ui.warn(format_args!("{doubt}; `--strict` takes such a run for invalid"));
    }
    if let Some(reason) = &report.invalid_reason {
        context.ui.warn(format_args!("the measurement is invalid: {reason}"));
        if report.all_lost {
            return Err(Error::server("the server closed every connection and takes no other").hint(
                "Look into the server's log for the reason; what was measured until then is printed.",
            ));
        }
        return Ok(ExitStatus::InvalidMeasurement);
    }
    if let Some(held) = report.held.as_ref().filter(|held| !held.is_comparable()) {
        context.ui.warn(format_args!("the baseline is not comparable: {}", held.differences.join("; ")));
        return Ok(ExitStatus::InvalidMeasurement);
    }
    let missed = report.outcomes.iter().any(|outcome| !outcome.passed)
        || report.held.as_ref().is_some_and(Held::is_worse);
    Ok(if missed { ExitStatus::Findings } else { ExitStatus::Success })
}

fn plan(args: &BenchArgs, config: &BenchConfig) -> Result<Plan> {
    let stages = if let Some(Stages(stages)) = &args.stages {
        stages.clone()
    } else if args.duration.is_none() && args.rate.is_none() && !config.stages.is_empty() {
        config.stages.clone()
    } else {
        let duration = args.duration.or(config.duration).unwrap_or(DEFAULT_DURATION);
        vec![Stage { duration, rate: args.rate.or(config.rate), ramp_to: None }]
    };
    let thresholds = if args.thresholds.is_empty() { &config.thresholds } else { &args.thresholds };
    Ok(Plan {
        thresholds: thresholds.clone(),
        is_strict: args.strict,
        start_at: args.start_at,
        ..args.load.plan(config, stages, args.warm_up)?
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
    let checked = Checked::new(context, target, connection, statements.to_vec(), generators, plan).await?;
    run_load(context, connection, &checked, plan).await
}

/// Runs a load and looks at the server meanwhile.
async fn run_load(
    context: &Context,
    connection: &Connection,
    checked: &Checked,
    plan: &Plan,
) -> Result<BenchReport> {
    let ready = checked.open(context, plan).await?;
    let schedule = ready.schedule();
    let course =
        Course { is_open_loop: schedule.is_open_loop(), duration: schedule.duration(), failing: Vec::new() };
    if let Some(start_at) = plan.start_at {
        start::wait(context, start_at, plan.warm_up).await?;
    }
    observe(context, connection, checked, plan, course, |progress| {
        load::run(ready, &context.interrupt, progress)
    })
    .await
}

/// What a run is going to be.
struct Course {
    is_open_loop: bool,
    duration: Duration,
    /// Of each statement, whether it is known to fail; none is, where this is empty.
    failing: Vec<bool>,
}

/// Looks at the server while something is sent to it, and judges what was measured.
async fn observe<F: Future<Output = Result<load::Measured, load::Error>>>(
    context: &Context,
    connection: &Connection,
    checked: &Checked,
    plan: &Plan,
    Course { is_open_loop, duration, failing }: Course,
    send: impl FnOnce(Box<dyn Fn(Duration)>) -> F,
) -> Result<BenchReport> {
    let started_at = start::since_1970(SystemTime::now() + plan.warm_up);
    let progress = context.ui.progress(
        "bench",
        u64::try_from(duration.as_millis()).unwrap_or(u64::MAX),
        Unit::Milliseconds,
    );
    let mut watch = Watch::new(connection).await?;
    let running = send(Box::new(move |elapsed: Duration| {
        progress.set(u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX));
    }));
    let measured = tokio::select! {
        measured = running => measured?,
        () = watch.run(plan.warm_up) => unreachable!("it looks for as long as it may"),
    };
    let (server, halves) = checked.server_work(connection, watch, plan.seed).await;

    for (script, stop) in &measured.stops {
        if let Some(playbook) = &checked.playbook {
            context.ui.warn(format_args!("{}", playbook.scripts.describe(*script, *stop)));
        }
    }
    let total = StatementStats::total(&measured.statements);
    let n_done = total.service.count() + total.error_count();
    if n_done == 0 && !measured.interrupted {
        return Err(Error::new(ExitStatus::InvalidMeasurement, "no statement ended within the duration")
            .hint("Measure longer with `--duration`."));
    }
    let mut flaws = if measured.interrupted {
        Flaws::default()
    } else {
        flaws(&total, &measured, is_open_loop, (&failing, halves))
    };
    flaws.doubts.extend(server.plan_changes());
    let flaws = if plan.is_strict { flaws.strict() } else { flaws };
    let mut report = BenchReport {
        invalid_reason: flaws.reason(),
        doubts: flaws.doubts,
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
        steps: measured.steps,
        started_at: Some(started_at),
        elapsed: measured.elapsed,
        outcomes: Vec::new(),
        interrupted: measured.interrupted,
        is_open_loop,
        lag: measured.lag,
        n_lost: measured.n_lost,
        resources: Some(measured.resources),
        timeline: measured.timeline,
        server: Some(server),
        held: None,
        runs: Vec::new(),
    };
    report.check(&plan.thresholds);
    Ok(report)
}

/// Holds what was measured against the limits of a valid run.
fn flaws(
    total: &StatementStats,
    measured: &load::Measured,
    is_open_loop: bool,
    (known_to_fail, halves): (&[bool], Option<[Blocks; 2]>),
) -> Flaws {
    let statements = measured.statements.iter().enumerate();
    let failing: Vec<&StatementStats> = statements
        .filter(|(i, stats)| stats.always_fails() && !known_to_fail.get(*i).is_some_and(|known| *known))
        .map(|(_, stats)| stats)
        .collect();
    validity::judge(&Observed {
        total,
        failing: &failing,
        is_open_loop,
        lag: &measured.lag,
        n_unsent: measured.n_unsent,
        n_late: measured.n_late,
        n_lost: measured.n_lost,
        n_down: measured.n_down,
        resources: &measured.resources,
        halves,
    })
}
