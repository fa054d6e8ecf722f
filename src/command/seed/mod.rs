//! `perfkit seed`: fills a schema with large, deterministic data; goes on with a run; deletes one.

mod clean;
mod fill;
mod from_stats;
mod plans;
mod progress;
mod resume;
mod sizing;
mod table_flags;

use std::collections::BTreeMap;
use std::ffi::OsString;

use chrono::NaiveDate;
use clap::{Args, Subcommand, ValueEnum};

use crate::cli::{ConnectArgs, ProgramsArgs};
use crate::context::{Context, LONG_STATEMENT_TIMEOUT};
use crate::error::{ExitStatus, Result};
use crate::pg::Target;
use crate::pg::seed::load::Options;
use crate::scenario::{self, Scenario};
use crate::seed::plan::{Gap, Plan};

pub(crate) use fill::{Request, create_scenario, fill, plan};

/// Fill the tables of any schema with large, realistic, deterministic data
///
/// The same seed gives the same bytes, whatever the number of streams. Constraints and triggers stay on. How many rows a table
/// gets is said by `--rows TABLE=N`, or shorter by `--TABLE N` as in `--users 100`; the other tables follow. Columns are
/// described under `seed` in perfkit.yaml, or guessed by their names, types and constraints. A database without tables gets
/// those of a built-in scenario. Exits with status 1 if a table that was to be filled is left out.
#[derive(Args, Debug)]
#[command(args_conflicts_with_subcommands = true)]
#[expect(clippy::struct_excessive_bools, reason = "flags are independent switches")]
pub(crate) struct SeedArgs {
    #[command(subcommand)]
    command: Option<SeedCommand>,
    /// Rows of a table; `--TABLE N` is short for it (can be repeated)
    #[arg(long, value_name = "TABLE=N", value_parser = parse_rows)]
    rows: Vec<(String, u64)>,
    /// Multiply the rows of tables that were not asked for
    #[arg(long, value_name = "FACTOR", default_value_t = 1.0, value_parser = parse_scale)]
    scale: f64,
    /// Fill up to this size on disk with indexes, as in 500MB or 10GB
    ///
    /// Rows that are there count, and those of `--rows` and `--TABLE N` stay as asked for: the other tables get as many as it
    /// takes. A few thousand rows of each are measured first, in temporary tables.
    #[arg(long, value_name = "SIZE", value_parser = crate::cli::parse_size, conflicts_with = "scale")]
    size: Option<u64>,
    /// Fill this schema [default: those of the search path; `*` is all] (can be repeated)
    #[arg(long = "schema", value_name = "NAME")]
    schemas: Vec<String>,
    /// Choose other data
    #[arg(long, value_name = "N", default_value_t = 42)]
    seed: u64,
    /// Add to tables that are not empty
    #[arg(long)]
    append: bool,
    /// End all time series here [default: today, 00:00 UTC]
    #[arg(long, value_name = "DATE", value_parser = parse_date)]
    as_of: Option<NaiveDate>,
    /// Reproduce the statistics of another database, without its values: its URL, or a file of `index suggest --snapshot`
    ///
    /// Tables have as many rows as there, times `--scale`. Shares of NULLs and of common values, histograms, numbers of values,
    /// widths and the physical order are as ANALYZE found them; the values are others in the same order.
    #[arg(long, value_name = "URL|FILE")]
    from_stats: Option<String>,
    /// Keep the values that the statistics of these columns hold, as TABLE.COLUMN
    #[arg(long, value_name = "COLUMN,…", value_delimiter = ',', requires = "from_stats")]
    keep_values: Vec<String>,
    /// Compare the plans of these statements with those of the source afterwards (can be repeated)
    ///
    /// A perfkit.yaml, a .sql file, a folder of .sql files, or `pg_stat_statements` of the source. Values of the source in the
    /// statements become those at the same place of the copy's statistics.
    #[arg(short, long = "workload", value_name = "SOURCE", requires = "from_stats")]
    workload: Vec<String>,
    /// Create this scenario's schema in a database without tables
    #[arg(long, value_name = "NAME", default_value = "bedtime", value_parser = scenario::find)]
    scenario: &'static Scenario,
    /// Go on with a run that was cut short [default: the newest]
    #[arg(long, value_name = "RUN", num_args = 0..=1, default_missing_value = "",
          conflicts_with_all = ["rows", "scale", "size", "append", "seed", "as_of", "schemas", "triggers", "from_stats",
                               "make_partitions"])]
    resume: Option<String>,
    /// Show the order, rows, makers and what cannot be filled, and load nothing
    #[arg(long)]
    dry_run: bool,
    /// Make partitions for partitioned tables that have none
    ///
    /// They cover what is made: a month each, or a day, a year, a value of a list, a quarter of a hash. Their SQL is shown before it
    /// is run. `seed clean` drops those that are empty when the rows are gone.
    #[arg(long, conflicts_with = "size")]
    make_partitions: bool,
    /// Whether triggers fire for the rows; when off, foreign keys are checked at the end
    #[arg(long, value_name = "WHEN", value_enum, default_value_t = Triggers::On)]
    triggers: Triggers,
    /// Do not try a few rows of each table first, in a transaction that is rolled back
    #[arg(long)]
    no_rehearsal: bool,
    /// Do not ask before tables are left out or partitions are made
    #[arg(short, long)]
    yes: bool,
    #[command(flatten)]
    load: LoadArgs,
    #[command(flatten)]
    programs: ProgramsArgs,
    #[command(flatten)]
    connect: ConnectArgs,
}

#[derive(Subcommand, Debug)]
enum SeedCommand {
    Clean(clean::CleanArgs),
}

/// Whether triggers fire for the rows of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Triggers {
    On,
    Off,
}

/// How rows are loaded.
#[derive(Args, Debug, Clone, Copy)]
pub(crate) struct LoadArgs {
    /// Sessions that load at the same time [default: one for each core, at most 4]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u8).range(1..=64))]
    streams: Option<u8>,
    /// Keep the indexes of large empty tables, instead of building them after the rows
    #[arg(long)]
    keep_indexes: bool,
    /// Rest after each transaction for as long as it took, and while a replica is more than 5 s behind
    #[arg(long)]
    throttle: bool,
}

impl LoadArgs {
    fn options(self) -> Options {
        const MOST_BY_DEFAULT: usize = 4;
        let n_cores = || std::thread::available_parallelism().map_or(1, usize::from).min(MOST_BY_DEFAULT);
        let n_streams = self.streams.map_or_else(n_cores, usize::from);
        Options { n_streams, keep_indexes: self.keep_indexes, throttle: self.throttle }
    }
}

/// Turns the flags of `perfkit seed` that are names of tables into `--rows`.
pub(crate) fn with_table_flags(args: impl Iterator<Item = OsString>, cli: &clap::Command) -> Vec<OsString> {
    let seed = cli.find_subcommand("seed");
    let commands =
        std::iter::once(cli).chain(seed).chain(seed.into_iter().flat_map(clap::Command::get_subcommands));
    let flags: Vec<(&str, bool)> = commands
        .flat_map(clap::Command::get_arguments)
        .filter_map(|arg| Some((arg.get_long()?, arg.get_action().takes_values())))
        .chain([("help", false), ("version", false)])
        .collect();
    table_flags::rewrite(args.collect(), &flags)
}

fn parse_date(text: &str) -> Result<NaiveDate, String> {
    text.parse().map_err(|_| format!("{text:?} is not a date; write it as in 2026-01-31"))
}

fn parse_rows(text: &str) -> Result<(String, u64), String> {
    let parsed = text.rsplit_once('=').and_then(|(table, n)| Some((table, n.replace('_', "").parse().ok()?)));
    match parsed {
        Some((table, n)) if !table.is_empty() && n <= 1_000_000_000_000 => Ok((table.to_owned(), n)),
        _ => Err(format!("{text:?} is not a table with a number of rows; write it as in users=100")),
    }
}

fn parse_scale(text: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(scale) if scale > 0.0 && scale <= 1e9 => Ok(scale),
        _ => Err(format!("{text:?} is not a factor above 0")),
    }
}

pub(crate) async fn run(context: &Context, args: &SeedArgs) -> Result<ExitStatus> {
    if let Some(SeedCommand::Clean(args)) = &args.command {
        return clean::run(context, args).await;
    }
    let target = long_target(context, &args.connect)?;
    if let Some(run) = &args.resume {
        return resume::run(context, &target, run, args.load.options()).await;
    }
    let rows: BTreeMap<String, u64> = args.rows.iter().cloned().collect();
    let (statistics, planned) = match &args.from_stats {
        Some(from) => {
            let origin = from_stats::read(context, args, from).await?;
            (Some(origin.statistics), origin.planned)
        }
        None => (None, None),
    };
    let request = Request {
        rows,
        scale: args.scale,
        size_bytes: args.size,
        schemas: args.schemas.clone(),
        seed: args.seed,
        append: args.append,
        as_of: args.as_of,
        yes: args.yes,
        rehearses: !args.no_rehearsal,
        triggers: args.triggers,
        makes_partitions: args.make_partitions,
        options: args.load.options(),
        statistics,
    };
    fill::run(context, &target, args.scenario, &request, args.dry_run, planned.as_ref()).await
}

/// What a run, or its plan, ends with: tables that are left out are findings.
fn status_of(plan: &Plan) -> ExitStatus {
    let is_complete = !plan.gaps.iter().any(|gap| matches!(gap, Gap::Table { .. }));
    if is_complete { ExitStatus::Success } else { ExitStatus::Findings }
}

/// Statements of seeding take long.
fn long_target(context: &Context, connect: &ConnectArgs) -> Result<Target> {
    let target = context.target(connect)?;
    let has_own_timeout = connect.statement_timeout.is_some();
    Ok(if has_own_timeout { target } else { target.with_statement_timeout(LONG_STATEMENT_TIMEOUT) })
}
