//! perfkit makes PostgreSQL-backed applications fast and keeps them fast.
//!
//! # Bird's eye
//!
//! One idea carries the whole: **read at the edge, decide in the core, print at the edge.** A plan, an index decision
//! or a seeded row is a plain function of plain values, so that a unit test reaches it without a server.
//!
//! ```text
//! main → cli, command → pg, load, proxy, report, ui, config, context → core
//! ```
//!
//! # Code map
//!
//! - `cli`, `command`: the command tree, and one file for each subcommand: read, decide, print.
//! - `context`: what a command works with. `config`, `yaml`: settings. `ui`: the terminal. `error`: messages, exit status.
//! - `pg`: all that talks to PostgreSQL. `pg::server` starts local servers, `pg::shadow` prices indexes without touching
//!   the target, `pg::hypopg` by an extension on it; `pg::sampled_copy` and `pg::trial` try them out, `pg::ddl` builds them.
//! - `load`: sends a workload and records latencies, by a client of its own: an event loop for each processor.
//! - `proxy`: stands between clients and a server, and writes down what they say. `stream`: sockets, with TLS or without.
//! - `report`: results to text, Markdown, CSV and JSON.
//! - core: `catalog`, `array` (array literals), `statistics` (what ANALYZE would say of a sample), `query` (SQL text),
//!   `workload`, `trace` (captured workloads), `log` (server logs), `plan`, `index` (candidates, sizes, selection), `counter`, `seed`, `bench`, `budget`, `scenario`, `random`, `unit`.
//!
//! # Index advice
//!
//! `query::shape` says what statements ask of each table, `index::candidates` what could serve them, `index::size` and
//! `index::write_price` what that costs, `index::selection` which set is best; it asks an `index::Planner`, which
//! `command::index::suggest` puts before the shadow or HypoPG. In a redesign indexes that are there are members of the search as
//! well, but for those of which `index::redesign` says why they stay.
//!
//! # Changes of the index set
//!
//! A `Change` names existing indexes as they were seen (`Seen`), so that a saved one does not strike another index of the name.
//! `index::change::plan` says what is left to do, `index::change::record` what an index was, `index::change::restore` how it
//! comes back, `index::change::undo` how a run is undone; `pg::journal` keeps what was done, written before it is done.
//! `index::verification` judges runs of the workload: `judge` those of suggestions, `prove` those before and after an apply,
//! with which change is to blame.
//!
//! # Index audit
//!
//! `pg::catalog` and `pg::audit` read, `index::audit` holds a rule a file over a `Subject` (the catalog, evidence of its use, the
//! workload) and takes back fixes that contradict each other, `index::change::script` writes the rest as SQL with its undo,
//! `index::audit::baseline` leaves out what was accepted, `report::audit` prints.
//!
//! # Seeding
//!
//! `pg::seed::facts` reads a `seed::schema::Schema`; `seed::plan::build` turns it, with the request and what the server was asked
//! (`plan::request`), into a `Plan`, which is plain data and alone decides every byte: `query::check` and `seed::condition` solve
//! conditions, `seed::keys::arrangement` says how all keys of a table are kept at once, `plan::edges` which foreign keys are
//! followed, `seed::guess` and `seed::spec` what a column holds. `seed::make` makes blocks of cells (a `Draw` gives a row an ordinal,
//! `Values` say what stands for it), `seed::wire` sends them. `seed::chunk` cuts a plan into transactions, `seed::manifest` says
//! what is left of a run, `seed::effect` which rows triggers have made for it; `pg::seed::load` and `clean` do it. `plan::knots` finds
//! cells that would be made of themselves before a row is made. For `--size`, `pg::seed::measure` loads small plans into temporary
//! clones, and `seed::size::calibrate` finds the scale; `seed::size::loose` tells which indexes streams have left half empty, which
//! `pg::seed::loose` builds anew; `seed::size::work` says what there is to do, and `seed::size::eta` when it
//! will be done. `seed::stats` makes columns as the statistics of another database say (`axis`: rows of each value; `slots`: which
//! rows; `stand_in`: other values of the same order; `beside`: keys; `combined`: values that come together; `elements`: those of
//! arrays) and compares afterwards (`delta`). For the plans of a workload
//! (`plan::outline`), `counterpart` puts values of the copy in the place of the source's.
//!
//! # Counters
//!
//! `counter::spec` is what a person asks for, `check` what refuses it, `site` what the triggers of one table keep, `triggers` their
//! SQL, `plan` the steps that are left, `migration` the same as files, `backfill` the batches that count while others write, `verify`
//! and `drift` what went wrong and why, `suggest` which counters would spare what `query::counts` finds in statements.
//! `pg::counter::facts` reads the `counter::state::State` that a plan goes by, `pg::counter::expression` has the server
//! judge conditions and sums, `pg::counter::batch` runs single batches, `pg::counter::verify` compares in one snapshot;
//! `command::counter::execute` carries a plan out, one step a transaction, and `pg::journal` keeps how far it is, by which another
//! terminal sees it and lets it wait.
//!
//! # Load tests
//!
//! `load` measures, `bench::latency` holds what it measured: histograms that add up exactly. `bench::script` reads scripts of
//! pgbench, and `load::play` runs them. `bench::saved` reads reports back,
//! `bench::hlog` interval logs, and `bench::merge` makes one run of many. `bench::replay` makes sessions of a capture, which
//! `load::replay` sends again, in the pipelines that they came in (`load::pipeline`). `command::bench::compare` sends blocks to A and B in
//! turns; `bench::compare` says in which order, and judges the pairs. `bench::validity` holds a run against limits, from what
//! `load::machine` and `pg::bench` saw of the generator and of the server meanwhile (`bench::server`, `bench::timeline`).
//! `bench::baseline` compares what statements needed with an earlier run, `bench::find_max` says which rate to try next.
//!
//! # Captures
//!
//! A trace is a stream of `trace::Event`s, whoever watched; `trace::file` writes it in frames that are readable on their own,
//! `trace::statements` stores each text once, without constants (`normal`) and call sites (`tags`). `proxy` forwards exact bytes
//! on event loops: `proxy::frames` finds messages beside them, `proxy::conversation` matches answers with requests, and
//! `proxy::writer` makes events of that on a thread of its own. What it cannot keep it counts. `log::Reader` cuts the bytes of a
//! server log into entries, whatever its format and however the bytes come, and `log::Sessions` joins entries to executions:
//! statements with durations, parameters, errors and transactions.
//!
//! `command::capture::files` reads both traces and logs, and `sources` makes workloads of them (`workload::captured`); what a database
//! does not take of one is left out by the rule of `sources::left_out`.
//! `workload::top` adds them up by statement, `workload::n_plus_one` finds loops:
//! `scope` says what belongs together, `facts` what a text tells of its statement, `judge` applies the rules, `provenance` finds the
//! column that the values come from (by the hashes of `proxy::hashes`), `likely` goes by counters alone. `rewrite` says what should be
//! sent instead, which `query::batch` writes; `pg::batch` runs both in one snapshot, `proof` compares, `index_need` names the index.
//! `workload::pagination` finds lists that are read badly: `query::List` says what a text tells of one and writes its pages by key, `key`
//! what tells its rows apart, and `pg::pages` compares both on the database.
//! `workload::snapshots` makes of the counters of `pg_stat_statements` what a trace keeps of them.
//!
//! `command::budget` runs a test command with a proxy in this process and reads the trace back. `budget::tally` counts by scope,
//! `judge` holds limits against that, `baseline` an earlier run, `growth` runs with more data. `pg::redirect` says by which variables
//! the command finds the proxy.
//!
//! # Plans
//!
//! `plan::read` takes any input apart (`decode`, `frame`, `log`), reads each format into the keys of EXPLAIN's JSON, and
//! shapes those into one `Plan`. `plan::self_time`, `plan::payment` and `plan::resources` say who spent what;
//! `plan::rows` compares estimates; `plan::findings` holds a rule a file over a `Subject`, which knows the
//! server when there is one. `plan::diff` and `plan::contract` compare, `plan::anonymize` renames.
//!
//! # Invariants
//!
//! - **Invariant:** the self times of a plan and the time outside of it are its execution time, within what rounding hides.
//! - **Invariant:** the core reads no clock, environment or unseeded randomness, has no `async fn`, and names neither
//!   an edge module nor a crate of the edge. A test scans for it.
//! - **Invariant:** `ui` alone writes to the terminal; `pg` alone uses tokio-postgres, `load` alone postgres-protocol; `query` alone
//!   uses sqlparser; `yaml` alone uses `serde_yaml`.
//! - **Invariant:** a session is read-only unless the command's purpose is to change, and has a statement timeout.
//! - **Invariant:** values are bound; `query::quote` alone quotes identifiers and literals.
//! - **Invariant:** a seeded cell depends on the plan, its patches and its row number alone.
//! - **Invariant:** a throw-away server ends with its owner, `kill -9` included (`pg/server/guard.sh`).
//! - Deliberately absent: global state, a plug-in interface, telemetry.

mod array;
mod bench;
mod budget;
mod catalog;
mod cli;
mod command;
mod config;
mod context;
mod counter;
mod error;
/// cargo-fuzz sets the cfg.
#[cfg(any(fuzzing, test))]
#[doc(hidden)]
pub mod fuzzing;
mod index;
mod load;
mod log;
mod pg;
mod plan;
mod proxy;
mod query;
mod random;
mod report;
mod run_id;
mod scenario;
mod seed;
mod sources;
mod statistics;
mod stream;
mod trace;
mod ui;
mod unit;
mod workload;
mod yaml;

use std::time::Duration;

use clap::{CommandFactory as _, Parser as _};

pub use error::ExitStatus;
pub use pg::sql::STATEMENTS;

use crate::cli::Cli;
use crate::config::{ConfigFile, Environment};
use crate::context::Context;
use crate::error::{Error, Result};
use crate::ui::Ui;

/// What `benches/` time apart from whole runs of the program.
#[doc(hidden)]
pub mod timed {
    /// Records so many executions as a thread of a load does, and returns how many were counted.
    pub fn record_executions(n: u32, is_open_loop: bool) -> u64 {
        crate::load::record_executions(n, is_open_loop)
    }
}

/// How long a command may take to clean up after its queries were cancelled.
const CLEAN_UP_TIMEOUT: Duration = Duration::from_secs(15);
/// How often servers are asked to cancel while a command ends.
const CANCEL_INTERVAL: Duration = Duration::from_millis(100);

/// Parses the command line, runs the command and returns what to tell the caller.
pub fn run() -> ExitStatus {
    let args = command::seed::with_table_flags(std::env::args_os(), &Cli::command());
    let cli = match Cli::try_parse_from(args) {
        Ok(cli) => cli,
        Err(error) => {
            // clap prints help and version to stdout and errors to stderr by itself.
            let _ = error.print();
            return if error.use_stderr() { ExitStatus::Usage } else { ExitStatus::Success };
        }
    };
    let environment = Environment::of_process();
    let ui = match Ui::new(&cli.global, &environment, command::writes_trace(&cli.command)) {
        Ok(ui) => ui,
        Err(error) => {
            let args = cli::GlobalArgs { output: None, ..cli.global };
            if let Ok(ui) = Ui::new(&args, &environment, false) {
                ui.error(&error);
            }
            return error.status();
        }
    };
    if let Some(result) = command::run_offline(&ui, &cli.command) {
        return finish(&ui, result);
    }
    let config = match ConfigFile::load(cli.global.config.as_deref()) {
        Ok(config) => config,
        // A broken file must not keep its own replacement from being written.
        Err(_) if !command::needs_config(&cli.command) => None,
        Err(error) => return finish(&ui, Err(error)),
    };
    let context = Context::new(ui, environment, config);
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            return finish(&context.ui, Err(Error::server("could not start the runtime").cause(error)));
        }
    };
    let result = runtime.block_on(run_command(&context, &cli.command));
    finish(&context.ui, result)
}

fn finish(ui: &Ui, result: Result<ExitStatus>) -> ExitStatus {
    result.unwrap_or_else(|error| {
        ui.error(&error);
        error.status()
    })
}

/// Runs a command. On Ctrl-C its queries are cancelled on the server, then it may clean up; a second Ctrl-C ends it.
async fn run_command(context: &Context, command: &cli::Command) -> Result<ExitStatus> {
    if command::handles_signals(command) {
        return command::run(context, command).await;
    }
    let running = command::run(context, command);
    futures_util::pin_mut!(running);
    tokio::select! {
        result = &mut running => return result,
        () = stop_signal() => {}
    }
    context.interrupt.raise();
    let deadline = tokio::time::Instant::now() + CLEAN_UP_TIMEOUT;
    let second_signal = stop_signal();
    futures_util::pin_mut!(second_signal);
    let ended = loop {
        // Again and again: a statement may just have been on its way to the server.
        context.interrupt.cancel_all().await;
        tokio::select! {
            result = &mut running => break Some(result),
            () = &mut second_signal => {
                return Err(Error::new(ExitStatus::Interrupted, "interrupted twice; the clean-up was cut short"));
            }
            () = tokio::time::sleep(CANCEL_INTERVAL) => {}
        }
        if tokio::time::Instant::now() > deadline {
            break None;
        }
    };
    match ended {
        // A command that has a result in spite of the interrupt has printed it.
        Some(result) if command::ends_by_interrupt(command) => result,
        Some(Ok(_)) => Ok(ExitStatus::Interrupted),
        Some(Err(error)) => Err(command::interrupted(&error)),
        None => Err(Error::new(ExitStatus::Interrupted, "interrupted; the command did not end in time")),
    }
}

/// Ends at the first SIGINT, SIGTERM or SIGHUP.
async fn stop_signal() {
    use tokio::signal::unix::{SignalKind, signal};
    let signals = [SignalKind::interrupt(), SignalKind::terminate(), SignalKind::hangup()].map(signal);
    let [Ok(mut interrupt), Ok(mut terminate), Ok(mut hangup)] = signals else {
        // Without handlers the default ones end the process.
        return std::future::pending().await;
    };
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
        _ = hangup.recv() => {}
    }
}
