//! What `perfkit counter` is about to do, and what it has done.

mod suggest;
mod verify;

use std::time::Duration;

use serde_json::{Value, json};

use crate::counter::backfill::sql::{begin_batch, count, put_aside, scan, take_next};
use crate::counter::backfill::{Due, Protocol};
use crate::counter::check::Note;
use crate::counter::journal::History;
use crate::counter::site::Site;
use crate::counter::steps::{Action, Step};
use crate::index::change::lock::Lock;
use crate::report::{Align, Document, Format, SCHEMA_VERSION, Table};
use crate::unit;

pub(crate) use suggest::{Advice, suggestions};
pub(crate) use verify::{repair_plan, repairs, verdicts};

/// What a batch waits for a lock, where nothing else is known.
const LOCK_TIMEOUT: Duration = Duration::from_millis(50);

/// A step that was done.
#[derive(Debug)]
pub(crate) struct DoneStep {
    pub(crate) step: Step,
    pub(crate) elapsed: Duration,
    /// Rows that were counted, made or folded.
    pub(crate) n_rows: u64,
}

/// A run, as others see it.
#[derive(Debug)]
pub(crate) struct Seen<'a> {
    pub(crate) history: &'a History,
    /// Whether its session is there.
    pub(crate) is_alive: bool,
}

/// What was folded of one site.
#[derive(Debug)]
pub(crate) struct FoldedSite {
    pub(crate) site: Site,
    pub(crate) n_parents: u64,
    pub(crate) n_orphans: u64,
}

/// Returns the plan line by line, for who decides on it.
pub(crate) fn plan_lines(steps: &[Step], notes: &[Note]) -> Vec<String> {
    let mut lines = Vec::new();
    for (number, step) in steps.iter().enumerate() {
        let lock = match step.lock {
            Some(lock) => format!("; {} lock: {} wait", lock.name(), lock.blocks()),
            None => String::new(),
        };
        let batches = match &step.action {
            Action::Backfill { protocol: Protocol::LockThenScan, .. } => {
                ", in few batches, as each reads the whole table"
            }
            _ if step.sql.is_empty() => ", in batches of a moment each",
            _ => "",
        };
        lines.push(format!("{}. -- {} on {}{batches}{lock}", number + 1, step.action.verb(), step.on));
        lines.extend(statements(step).iter().map(|sql| format!("{sql};")));
    }
    lines.extend(notes.iter().map(|note| format!("note: {note}")));
    lines
}

/// Ends each line.
fn joined(lines: impl IntoIterator<Item = String>) -> String {
    lines.into_iter().flat_map(|line| [line, "\n".to_owned()]).collect()
}

/// Returns the statements of a step; of a count, those of one of its batches.
fn statements(step: &Step) -> Vec<String> {
    let Action::Backfill { site, due, protocol } = &step.action else { return step.sql.clone() };
    let mut sql = if *protocol == Protocol::Publish { scan(site) } else { Vec::new() };
    sql.extend(begin_batch(site, *protocol, LOCK_TIMEOUT));
    sql.push(take_next(site, *due, true));
    sql.extend(put_aside(site, *protocol));
    sql.push(count(site, *protocol));
    sql.push("COMMIT".to_owned());
    sql
}

/// Returns the plan as the result of a dry run.
pub(crate) fn planned(steps: &[Step], notes: &[Note]) -> Document<'static> {
    let text = joined(plan_lines(steps, notes));
    let ddl = joined(steps.iter().flat_map(|step| &step.sql).map(|statement| format!("{statement};")));
    let json = json!({
        "schema_version": SCHEMA_VERSION,
        "dry_run": true,
        "steps": steps.iter().map(step_json).collect::<Vec<_>>(),
        "notes": notes.iter().map(ToString::to_string).collect::<Vec<_>>(),
    });
    Document::new(json).text(text).form(Format::Sql, move || ddl.clone())
}

/// Returns what a run has done for these sites.
pub(crate) fn done(run: Option<&str>, sites: &[Site], steps: &[DoneStep]) -> Document<'static> {
    let json = json!({
        "schema_version": SCHEMA_VERSION,
        "dry_run": false,
        "run": run,
        "counters": sites.iter().flat_map(counters_json).collect::<Vec<_>>(),
        "steps": steps.iter().map(done_json).collect::<Vec<_>>(),
    });
    let mut table = Table::new([
        ("step", Align::Left),
        ("on", Align::Left),
        ("rows", Align::Right),
        ("ms", Align::Right),
    ]);
    for it in steps {
        let n_rows = if it.step.sql.is_empty() { unit::count(it.n_rows) } else { String::new() };
        table.row([
            it.step.action.verb().to_owned(),
            it.step.on.to_string(),
            n_rows,
            unit::milliseconds(unit::as_ms(it.elapsed)),
        ]);
    }
    let document = Document::new(json);
    if steps.is_empty() { document } else { document.table(table) }
}

fn step_json(step: &Step) -> Value {
    json!({
        "action": step.action.verb(),
        "schema": step.on.schema,
        "on": step.on.name,
        "sql": statements(step),
        "lock": step.lock.map(Lock::name),
        "blocks": step.lock.map(Lock::blocks),
        "counts_all": matches!(step.action, Action::Backfill { due: Due::All, .. }),
    })
}

fn done_json(done: &DoneStep) -> Value {
    json!({
        "action": done.step.action.verb(),
        "schema": done.step.on.schema,
        "on": done.step.on.name,
        "rows": done.n_rows,
        "elapsed_ms": unit::json_ms(unit::as_ms(done.elapsed)),
    })
}

fn counters_json(site: &Site) -> impl Iterator<Item = Value> + '_ {
    site.counters.iter().map(|counter| {
        json!({
            "schema": site.parent.schema,
            "table": site.parent.name,
            "column": counter.column,
            "counts": site.child.to_string(),
            "key": site.key.iter().map(|pair| &pair.child).collect::<Vec<_>>(),
            "where": counter.condition,
            "sum": counter.sum,
            "mode": site.mode.name(),
        })
    })
}

/// Returns the runs that are under way or were cut short, and the last one in any case.
pub(crate) fn status(runs: &[Seen<'_>]) -> Document<'static> {
    let json = json!({
        "schema_version": SCHEMA_VERSION,
        "runs": runs.iter().map(run_json).collect::<Vec<_>>(),
    });
    let mut table = Table::new([
        ("run", Align::Left),
        ("state", Align::Left),
        ("counts", Align::Left),
        ("rows", Align::Right),
        ("of about", Align::Right),
        ("rows/s", Align::Right),
        ("waits for", Align::Left),
    ]);
    for seen in runs {
        let progress = seen.history.progress.as_ref();
        let of =
            |text: fn(&crate::counter::journal::Progress) -> String| progress.map(text).unwrap_or_default();
        table.row([
            seen.history.run.id.to_string(),
            seen.state().to_owned(),
            of(|it| format!("{} in {}", it.child, it.parent)),
            of(|it| unit::count(it.n_done)),
            of(|it| unit::count(it.n_total)),
            of(|it| unit::estimate(it.rows_per_s)),
            of(|it| it.held_by.clone().unwrap_or_default()),
        ]);
    }
    Document::new(json).table(table)
}

impl Seen<'_> {
    fn state(&self) -> &'static str {
        match &self.history.end {
            Some((_, None)) => "done",
            Some((_, Some(_))) => "failed",
            None if !self.is_alive => "cut short",
            None if self.history.is_paused => "paused",
            None => "running",
        }
    }
}

fn run_json(seen: &Seen<'_>) -> Value {
    let history = seen.history;
    json!({
        "run": history.run.id,
        "state": seen.state(),
        "started_us": history.run.started_us,
        "perfkit_version": history.run.perfkit_version,
        "error": history.end.as_ref().and_then(|(_, error)| error.as_ref()),
        "progress": history.progress.as_ref().map(|progress| json!({
            "at_us": progress.at_us,
            "table": progress.parent.to_string(),
            "counts": progress.child.to_string(),
            "rows_done": progress.n_done,
            "rows_total": progress.n_total,
            "rows_per_s": unit::json_ms(progress.rows_per_s),
            "rows_locked_by_others": progress.skipped.len(),
            "waits_for": progress.held_by,
        })),
    })
}

/// Returns what was folded.
pub(crate) fn folded(sites: &[FoldedSite]) -> Document<'static> {
    let each = |it: &FoldedSite| {
        json!({
            "schema": it.site.parent.schema,
            "table": it.site.parent.name,
            "counts": it.site.child.to_string(),
            "parents": it.n_parents,
            "orphans": it.n_orphans,
        })
    };
    let json = json!({
        "schema_version": SCHEMA_VERSION,
        "folded": sites.iter().map(each).collect::<Vec<_>>(),
    });
    let line = |it: &FoldedSite| {
        format!("{}: {} rows brought up to date", it.site.parent, unit::count(it.n_parents))
    };
    let text = joined(sites.iter().map(line));
    Document::new(json).text(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::counter::fixture;
    use crate::counter::journal::{Run, Wanted};
    use crate::counter::steps::Step;
    use crate::report::Style;

    #[test]
    fn a_run_is_told_by_its_end_and_its_session() {
        let check = |end: Option<(i64, Option<String>)>, is_paused: bool, is_alive: bool, expected: &str| {
            let run = Run::of_test("r", 1, Wanted::default());
            let history = History { run, progress: None, is_paused, end };
            assert_eq!(Seen { history: &history, is_alive }.state(), expected);
        };
        check(None, false, true, "running");
        check(None, true, true, "paused");
        check(None, true, false, "cut short");
        check(Some((1, None)), true, false, "done");
        check(Some((1, Some("no".to_owned()))), false, false, "failed");
    }

    #[test]
    fn a_plan_says_what_waits_and_how_a_batch_counts() {
        let site = fixture::mentions();
        let column = Step {
            action: Action::AddColumns,
            on: site.parent.clone(),
            sql: vec!["ALTER TABLE t ADD COLUMN n bigint".to_owned()],
            lock: Some(Lock::AccessExclusive),
        };
        let action = Action::Backfill {
            site: Box::new(site.clone()),
            due: Due::Uncounted,
            protocol: Protocol::LockThenCount,
        };
        let batches = Step { action, on: site.parent, sql: Vec::new(), lock: None };
        let lines = plan_lines(&[column, batches], &[Note::Fold]);
        assert_eq!(
            lines[0],
            "1. -- add column on app.keywords; ACCESS EXCLUSIVE lock: reads and writes wait"
        );
        assert_eq!(lines[1], "ALTER TABLE t ADD COLUMN n bigint;");
        assert_eq!(lines[2], "2. -- count on app.keywords, in batches of a moment each");
        assert_eq!(lines[lines.len() - 2], "COMMIT;");
        assert_eq!(lines.last().unwrap(), "note: somebody has to fold what is pending: perfkit counter fold");
    }

    #[test]
    fn times_are_in_a_column_of_their_own() {
        let site = fixture::mentions();
        let step = Step {
            action: Action::SetDefault,
            on: site.parent.clone(),
            sql: vec![String::new()],
            lock: None,
        };
        let took = DoneStep { step, elapsed: Duration::from_millis(3), n_rows: 0 };
        let document = done(Some("r"), &[site], &[took]);
        let text = document.render(Format::Text, &Style::PLAIN).unwrap();
        assert!(text.contains("set default  app.keywords"), "{text}");
        assert!(document.render(Format::Json, &Style::PLAIN).unwrap().contains("\"mode\": \"inline\""));
    }
}
