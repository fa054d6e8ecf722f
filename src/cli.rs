//! The command tree: every argument that more than one command takes, and the list of commands.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::command::index::{apply, audit, suggest, undo};
use crate::command::{
    bench, budget, capture, completions, counter, demo, explain, init, man, sandbox, seed, workload,
};
use crate::config;

/// Make PostgreSQL-backed applications fast and keep them fast
///
/// Shows why a query is slow, designs and builds the index set that fixes it, makes data to try it on, and
/// proves the gain with latency histograms. Nothing is created on your database until you say `apply` or
/// `seed`.
#[derive(Parser, Debug)]
#[command(name = "perfkit", version, max_term_width = 100)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) global: GlobalArgs,
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Subcommand, Debug)]
pub(crate) enum Command {
    Demo(demo::DemoArgs),
    Init(init::InitArgs),
    Sandbox(sandbox::SandboxArgs),
    Explain(explain::ExplainArgs),
    #[command(subcommand)]
    Index(IndexCommand),
    #[command(subcommand)]
    Counter(counter::CounterCommand),
    Seed(seed::SeedArgs),
    Bench(bench::BenchArgs),
    #[command(subcommand)]
    Capture(capture::CaptureCommand),
    #[command(subcommand)]
    Workload(workload::WorkloadCommand),
    Budget(budget::BudgetArgs),
    Completions(completions::CompletionsArgs),
    Man(man::ManArgs),
}

/// Design and build index sets
#[derive(Subcommand, Debug)]
pub(crate) enum IndexCommand {
    Suggest(suggest::SuggestArgs),
    Audit(audit::AuditArgs),
    Apply(apply::ApplyArgs),
    Undo(undo::UndoArgs),
}

/// What every command takes.
#[derive(Args, Debug, Clone)]
pub(crate) struct GlobalArgs {
    /// Print the result as JSON
    #[arg(long, global = true)]
    pub(crate) json: bool,
    /// Write the result to a file, in the format of its ending (.json .md .html .csv .sql .xml .sarif .folded .txt), or a capture's
    /// trace
    #[arg(short, long, global = true, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
    /// Print results, warnings and errors only
    #[arg(short, long, global = true)]
    pub(crate) quiet: bool,
    /// Use color
    #[arg(long, global = true, value_name = "WHEN", value_enum, default_value_t = ColorChoice::Auto)]
    pub(crate) color: ColorChoice,
    /// Read this configuration file instead of ./perfkit.yaml
    #[arg(long, global = true, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
}

/// When output is colored.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum ColorChoice {
    Auto,
    Always,
    Never,
}

/// How to reach the database.
#[derive(Args, Debug, Clone, Default)]
#[command(next_help_heading = "Connection")]
pub(crate) struct ConnectArgs {
    /// Connect to this database (URL or keyword/value string)
    ///
    /// Without it: `DATABASE_URL`, the libpq `PG*` variables, `database.url` of perfkit.yaml, then a running
    /// sandbox.
    #[arg(short, long, value_name = "URL")]
    pub(crate) database_url: Option<String>,
    /// Cancel a statement after this time [default: 30s]
    #[arg(long, value_name = "TIME", value_parser = parse_timeout)]
    pub(crate) statement_timeout: Option<Duration>,
    /// Give up waiting for a lock after this time [default: 2s]
    #[arg(long, value_name = "TIME", value_parser = parse_timeout)]
    pub(crate) lock_timeout: Option<Duration>,
}

/// Where the server programs of a local server are.
#[derive(Args, Debug, Clone, Default)]
#[command(next_help_heading = "Local server")]
pub(crate) struct ProgramsArgs {
    /// Use the server programs (initdb, postgres) in this folder
    #[arg(long, value_name = "DIR")]
    pub(crate) pg_bin: Option<PathBuf>,
}

/// Which statements to work on.
#[derive(Args, Debug, Clone, Default)]
#[command(next_help_heading = "Workload")]
pub(crate) struct WorkloadArgs {
    /// Take the statements from here (can be repeated)
    ///
    /// A perfkit.yaml, a .sql file, a folder of .sql files, a trace, a server log (.log, .csv, .json; also .gz, .zst; - is standard
    /// input), or `pg_stat_statements`. Without it:
    /// ./perfkit.yaml, else `pg_stat_statements` where it is loaded, else the built-in scenario's workload where
    /// its tables are.
    #[arg(short, long = "workload", value_name = "SOURCE")]
    pub(crate) workload: Vec<String>,
}

/// Reads a duration with its unit, as in `200ms`, `30s` or `5m`.
pub(crate) fn parse_duration(text: &str) -> Result<Duration, String> {
    humantime::parse_duration(text).map_err(|error| format!("{error}; write it as in 200ms, 30s or 5m"))
}

/// Reads a timeout; to the server, 0 would mean none.
fn parse_timeout(text: &str) -> Result<Duration, String> {
    parse_duration(text).and_then(|timeout| config::checked_timeout(timeout).map_err(str::to_owned))
}

/// Reads a size with its unit, as in `500MB` or `2GB`.
pub(crate) fn parse_size(text: &str) -> Result<u64, String> {
    crate::unit::parse_bytes(text)
        .ok_or_else(|| format!("{text:?} is not a size; write it as in 64MB or 2GB"))
}
