//! `perfkit capture statements`: snapshots of `pg_stat_statements` as a trace.

use std::collections::{HashMap, HashSet};
use std::fs::File;
use std::path::Path;
use std::time::Duration;

use clap::Args;
use tokio::time::{Instant, MissedTickBehavior};

use super::proxy::{create, unwritable};
use crate::cli::{ConnectArgs, parse_duration};
use crate::context::Context;
use crate::error::{Error, ExitStatus, Result};
use crate::pg::Access;
use crate::pg::stat_snapshot::{Looked, View};
use crate::proxy::Clock;
use crate::report::capture::StatementsReport;
use crate::trace::{Dropped, Event, Source, StatementId, Statements, Time, WriteError, Writer};
use crate::unit;
use crate::workload::snapshots::{Called, Snapshots};

/// The trace when none is named.
const DEFAULT_TRACE: &str = "perfkit.trace";
/// Whoever looks more often is the load himself.
const SHORTEST_INTERVAL: Duration = Duration::from_millis(100);
const LONGEST_INTERVAL: Duration = Duration::from_hours(1);
/// Statements with this in their text are monitors, this one above all.
const OWN: &str = "pg_stat_statements";

/// Record what `pg_stat_statements` counts, as snapshots
///
/// Reads the view again and again and keeps the counters of the statements that were called in between: calls, time, rows and
/// blocks. Statements of this database only. Counters that are reset, and entries that are evicted, are counted. Ctrl-C ends it,
/// with a whole trace; `perfkit workload top` reads it.
#[derive(Args, Debug)]
pub(crate) struct StatementsArgs {
    /// Look so often
    #[arg(long, value_name = "TIME", value_parser = parse_interval, default_value = "1s")]
    every: Duration,
    /// End after this time
    #[arg(long = "for", value_name = "TIME", value_parser = parse_duration)]
    duration: Option<Duration>,
    #[command(flatten)]
    connect: ConnectArgs,
}

fn parse_interval(text: &str) -> Result<Duration, String> {
    let interval = parse_duration(text)?;
    if (SHORTEST_INTERVAL..=LONGEST_INTERVAL).contains(&interval) {
        Ok(interval)
    } else {
        Err("must be from 100ms to 1h".to_owned())
    }
}

pub(super) async fn run(context: &Context, args: &StatementsArgs) -> Result<ExitStatus> {
    let clock = Clock::start();
    let connection = context.connect(&args.connect, Access::ReadOnly).await?;
    let view = View::find(&connection).await?;
    // A look takes milliseconds: Ctrl-C ends the capture after one, and not in its middle.
    connection.shield();
    let first = view.look(clock.began_at()).await?;
    if let Some(role) = view.blind_role.as_ref().filter(|_| first.n_hidden > 0) {
        context.ui.warn(format_args!(
            "{} statements of other roles are hidden from role \"{role}\"; GRANT pg_read_all_stats TO it to see them",
            unit::count(first.n_hidden)
        ));
    }
    let path = context.ui.trace().unwrap_or(Path::new(DEFAULT_TRACE));
    let mut recorder = Recorder::new(path, clock.began_at())?;
    recorder.take(&view, first).await?;
    context.ui.status(format_args!("reading pg_stat_statements of {}; Ctrl-C ends it", connection.label));

    let watched = watch(context, args, &view, clock, &mut recorder).await;
    if watched.is_err() {
        // What was seen until then is in the trace, which has no end.
        recorder.writer.flush().map_err(|error| recorder.failed(&error))?;
        context.ui.warn(format_args!("{} holds what was seen until then", path.display()));
    }
    watched?;

    let report = StatementsReport {
        trace: path.display().to_string(),
        counts: recorder.snapshots.counts,
        n_statements: recorder.ids.len() as u64,
        n_calls: recorder.n_calls,
        elapsed: Duration::from_nanos(clock.now() - clock.began_at().0),
    };
    recorder.finish(Time(clock.now()))?;
    context.ui.publish(&report.document())?;
    let counts = &report.counts;
    if counts.n_lost > 0 {
        context.ui.warn(format_args!(
            "calls of {} entries may be missing: counters began anew {} times, the others were evicted (pg_stat_statements.max)",
            unit::count(counts.n_lost),
            unit::count(counts.n_resets)
        ));
    }
    Ok(ExitStatus::Success)
}

/// Looks until the time is up or the user ends it, and once more then.
async fn watch(
    context: &Context,
    args: &StatementsArgs,
    view: &View<'_>,
    clock: Clock,
    recorder: &mut Recorder<'_>,
) -> Result<()> {
    let end = args.duration.map(|duration| Instant::now() + duration);
    let mut ticks = tokio::time::interval_at(Instant::now() + args.every, args.every);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
    loop {
        let is_over = tokio::select! {
            _ = ticks.tick() => false,
            () = until(end) => true,
            () = context.interrupt.raised() => true,
        };
        let looked = view.look(Time(clock.now())).await?;
        recorder.take(view, looked).await?;
        if is_over {
            return Ok(());
        }
    }
}

async fn until(end: Option<Instant>) {
    match end {
        Some(end) => tokio::time::sleep_until(end).await,
        None => std::future::pending().await,
    }
}

/// Writes what snapshots say.
struct Recorder<'a> {
    path: &'a Path,
    writer: Writer<File>,
    statements: Statements,
    snapshots: Snapshots,
    /// By `queryid`.
    ids: HashMap<i64, StatementId>,
    /// The statements of monitors.
    left_out: HashSet<i64>,
    /// Calls that are in the trace.
    n_calls: u64,
}

impl<'a> Recorder<'a> {
    fn new(path: &'a Path, began_at: Time) -> Result<Self> {
        let header = super::header(Source::Statements, began_at, false);
        let writer = Writer::new(create(path)?, &header)
            .map_err(|error| unwritable(path, &error).causes_of(&error))?;
        let statements = Statements::new(super::fingerprint, None);
        Ok(Self {
            path,
            writer,
            statements,
            snapshots: Snapshots::default(),
            ids: HashMap::new(),
            left_out: HashSet::new(),
            n_calls: 0,
        })
    }

    /// Writes what has changed. It is in the file then, so that nothing but the last look is lost by a kill.
    async fn take(&mut self, view: &View<'_>, looked: Looked) -> Result<()> {
        let at = looked.snapshot.at;
        let changes = self.snapshots.take(looked.snapshot);
        let unknown: Vec<i64> = changes
            .called
            .iter()
            .map(|called| called.key.query_id)
            .filter(|id| !self.ids.contains_key(id) && !self.left_out.contains(id))
            .collect();
        let texts = if unknown.is_empty() { Vec::new() } else { view.texts(&unknown).await? };
        self.write(at, texts, &changes.called, changes.n_lost).map_err(|error| self.failed(&error))
    }

    fn write(
        &mut self,
        at: Time,
        texts: Vec<(i64, String)>,
        called: &[Called],
        n_lost: u64,
    ) -> Result<(), WriteError> {
        for (query_id, text) in texts {
            if text.contains(OWN) {
                self.left_out.insert(query_id);
                continue;
            }
            let seen = self.statements.see(&text, &[]);
            if let Some(new) = seen.new {
                self.writer.write(&Event::Statement(new))?;
            }
            self.ids.insert(query_id, seen.id);
        }
        let mut n_nameless = 0;
        for Called { key, base, now, n_calls } in called {
            let Some(id) = self.ids.get(&key.query_id) else {
                // It was evicted before its text was read.
                n_nameless += u64::from(!self.left_out.contains(&key.query_id));
                continue;
            };
            if let Some((at, base)) = base {
                self.writer.write(&Event::Totals(base.totals(*key, *id, *at)))?;
            }
            self.writer.write(&Event::Totals(now.totals(*key, *id, at)))?;
            self.n_calls += n_calls;
        }
        let n_entries = n_lost + n_nameless;
        if n_entries > 0 {
            self.snapshots.counts.n_lost += n_nameless;
            self.writer.write(&Event::Dropped(Dropped { n_entries, ..Dropped::default() }))?;
        }
        self.writer.flush()
    }

    fn finish(mut self, at: Time) -> Result<()> {
        let path = self.path;
        let written = self.writer.write(&Event::End { at }).and_then(|()| self.writer.finish());
        let file = written.map_err(|error| failed(path, &error))?;
        file.sync_all().map_err(|error| unwritable(path, &error))
    }

    fn failed(&self, error: &WriteError) -> Error {
        failed(self.path, error)
    }
}

fn failed(path: &Path, error: &WriteError) -> Error {
    unwritable(path, error).causes_of(error)
}
