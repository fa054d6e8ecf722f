//! Loads a plan: its chunks over several sessions, with all that comes before and after; and goes on with a run that was cut short.

use std::sync::Arc;

use tokio_postgres::error::SqlState;

use super::coordinator::Coordinator;
use super::indexes::Place;
use super::queue::Queue;
use super::stream::{self, Shared, Stream};
use super::{Event, effects, finish, foreign_keys, indexes, loose, manifest, sequences, works};
use crate::error::{Error, Result};
use crate::pg;
use crate::pg::connect::{Connection, Target};
use crate::pg::interrupt::Interrupt;
use crate::run_id::RunId;
use crate::seed::manifest::{Run, RunState};
use crate::seed::plan::Plan;
use crate::seed::size::work::Phase;

/// How a run is loaded. None of it changes a byte of the rows.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Options {
    /// Sessions that load at the same time, at least 1.
    pub(crate) n_streams: usize,
    /// Leave indexes in place that would be built after the rows of large tables, and those that the rows have left half empty.
    pub(crate) keep_indexes: bool,
    /// Rest after each chunk for as long as it took, and while replicas are behind. Plans for this have small chunks.
    pub(crate) throttle: bool,
}

/// What has become of a run.
#[derive(Clone, Debug)]
pub(crate) struct Loaded {
    pub(crate) run: Run,
    /// Rows that were missing when this began.
    pub(crate) n_rows: u64,
    /// Rows in whose place another one was made, since the run began.
    pub(crate) n_patches: usize,
    /// Indexes that were built after the rows.
    pub(crate) n_indexes: usize,
}

/// Loads a new plan.
///
/// What ends it before its end, `kill -9` and a crash of the server included, leaves whole chunks and a manifest that
/// [`resume`] goes on from.
pub(crate) async fn load(
    target: &Target,
    interrupt: &Interrupt,
    options: Options,
    plan: Plan,
    on: &dyn Fn(Event<'_>),
) -> Result<Loaded> {
    let coordinator = Coordinator::start(target, interrupt).await?;
    let run = {
        let connection = coordinator.connection().await?;
        manifest::create(&connection).await?;
        sequences::check(&connection, &crate::seed::manifest::sequence_moves(&plan)).await?;
        manifest::begin(&connection, plan).await?
    };
    go_on(&coordinator, options, run, on).await
}

/// Goes on with the run whose id begins so, or with the newest that is not complete.
pub(crate) async fn resume(
    target: &Target,
    interrupt: &Interrupt,
    options: Options,
    id: Option<&str>,
    on: &dyn Fn(Event<'_>),
) -> Result<Loaded> {
    let coordinator = Coordinator::start(target, interrupt).await?;
    let run = {
        let connection = coordinator.connection().await?;
        let run = to_resume(&connection, id).await?;
        manifest::create(&connection).await?;
        manifest::settle(&connection).await?;
        run
    };
    go_on(&coordinator, options, run, on).await
}

/// Returns the run that [`resume`] would go on with.
pub(crate) async fn to_resume(connection: &Connection, id: Option<&str>) -> Result<Run> {
    let hint = "`perfkit seed clean --list` shows the runs.";
    let runs = manifest::runs(connection).await?;
    let is_open = |run: &manifest::Listed| matches!(run.state, RunState::Loading | RunState::Finishing);
    let Some(chosen) = choose(&runs, id, is_open)? else {
        return Err(Error::usage("there is no run of perfkit seed to resume").hint(hint));
    };
    if !is_open(chosen) {
        let state = chosen.state.name();
        return Err(Error::usage(format!("cannot resume run {}: it is {state}", chosen.id)).hint(hint));
    }
    let run = manifest::read(connection, &chosen.id).await?;
    let shape = manifest::shape(connection, &run.plan).await?;
    if let Some(changed) = difference(&run.shape, &shape) {
        return Err(Error::usage(format!("cannot resume run {}: the schema has changed", run.id))
            .cause(changed)
            .hint(format!("`perfkit seed clean --run {}` deletes what it has loaded.", run.id)));
    }
    Ok(run)
}

/// Returns the run whose id begins so; without an id the newest that is `wanted`.
pub(super) fn choose<'r>(
    runs: &'r [manifest::Listed],
    id: Option<&str>,
    wanted: impl Fn(&manifest::Listed) -> bool,
) -> Result<Option<&'r manifest::Listed>> {
    let Some(id) = id else { return Ok(runs.iter().rev().find(|run| wanted(run))) };
    let found: Vec<&manifest::Listed> = runs.iter().filter(|run| run.id.0.starts_with(id)).collect();
    let hint = "`perfkit seed clean --list` shows the runs.";
    match found[..] {
        [] => Err(Error::usage(format!("the manifest has no run \"{id}\"")).hint(hint)),
        [run] => Ok(Some(run)),
        _ => Err(Error::usage(format!("{} runs begin with \"{id}\"", found.len())).hint(hint)),
    }
}

/// Says what a column was that is no longer so.
fn difference(before: &[String], now: &[String]) -> Option<String> {
    let changed = before.iter().find(|column| !now.contains(column))?;
    let name = changed.rsplit_once(' ').map_or(changed.as_str(), |(name, _)| name);
    let same = now.iter().find(|column| column.rsplit_once(' ').is_some_and(|(of, _)| of == name));
    Some(match same {
        Some(same) => format!("column {changed} is {same} now"),
        None => format!("column {changed} is gone"),
    })
}

/// Brings a run to its end, and says how to go on where that fails.
async fn go_on(
    coordinator: &Coordinator<'_>,
    options: Options,
    run: Run,
    on: &dyn Fn(Event<'_>),
) -> Result<Loaded> {
    let id = run.id.clone();
    finish_run(coordinator, options, run, on).await.map_err(|error| {
        let error = match error {
            // Its statements are perfkit's own: what they name was there.
            pg::Error::Query { doing, source } if source.code().is_some_and(is_changed) => {
                pg::Error::SchemaChanged { doing, source }
            }
            error => error,
        };
        let hint = format!("`perfkit seed --resume {id}` goes on where it was; `perfkit seed clean --run {id}` deletes its rows.");
        Error::from(error).hint(hint)
    })
}

/// Whether a statement names what is not there, or not so any more (class 42, manual: PostgreSQL Error Codes).
pub(super) fn is_changed(code: &SqlState) -> bool {
    code.code().starts_with("42") && *code != SqlState::INSUFFICIENT_PRIVILEGE
}

async fn finish_run(
    coordinator: &Coordinator<'_>,
    options: Options,
    mut run: Run,
    on: &dyn Fn(Event<'_>),
) -> Result<Loaded, pg::Error> {
    let (target, interrupt) = (coordinator.target, coordinator.interrupt);
    let place = Place { target, interrupt, on };
    let n_streams = options.n_streams.max(1);
    let plan = Arc::new(run.plan.clone());
    let done = {
        let connection = coordinator.connection().await?;
        sequences::reserve(&connection, &run, on).await?;
        manifest::kept(&connection, &run.id, &run.plan).await?
    };
    let is_new = run.state == RunState::Loading && done.chunks.is_empty() && run.index_run.is_none();
    let queue = Queue::new(Arc::clone(&plan), done);
    let rows_left = queue.rows_left();
    let n_rows = rows_left.iter().sum();
    on(Event::Begun { run: &run.id, n_rows_left: n_rows });
    if is_new && !options.keep_indexes {
        let mut index_run = None;
        let begun = async |id: RunId| {
            manifest::set_index_run(&*coordinator.connection().await?, &run.id, &id).await?;
            index_run = Some(id);
            Ok(())
        };
        indexes::drop_before(place, &plan, begun).await?;
        run.index_run = index_run;
    }

    let (watched, recorder) = {
        let connection = coordinator.connection().await?;
        let loose = if options.keep_indexes {
            Vec::new()
        } else {
            loose::expected(&connection, &plan, n_streams).await?
        };
        on(Event::Works(works::read(&connection, &plan, &rows_left, run.index_run.as_ref(), &loose).await?));
        let watched = effects::watched(&connection, &plan).await?;
        (watched, effects::Recorder::new(&connection, &run.id).await?)
    };
    on(Event::Phase { phase: Phase::Rows, n: queue.n_chunks_left() });
    let id = run.id.clone();
    let shared = Shared {
        target,
        interrupt,
        run: &id,
        plan: Arc::clone(&plan),
        coordinator,
        queue,
        watched,
        recorder,
        throttle: options.throttle,
        on,
    };
    loop {
        let n_chunks = shared.queue.n_chunks_left();
        let streams = (0..n_streams.min(n_chunks)).map(|n| Stream::new(&shared).run(n > 0));
        futures_util::future::try_join_all(streams).await?;
        // This commit also carries all chunks before it to the disk, so that what is in the manifest now stays there.
        set_state(coordinator, &mut run, RunState::Finishing).await?;
        let in_manifest = coordinator.kept(&run.id, &plan).await?;
        if shared.queue.put_back_lost(&shared.queue.committed(), &in_manifest) == 0 {
            break;
        }
    }
    let n_patches = shared.queue.n_patches();
    let n_indexes = match &run.index_run {
        Some(index_run) => indexes::rebuild(place, index_run, n_streams).await?,
        None => 0,
    };
    finish::vacuum(target, interrupt, &plan, n_streams, on).await?;
    if !options.keep_indexes {
        loose::rebuild(place, coordinator, &plan, n_streams).await?;
    }
    if plan.are_triggers_off {
        foreign_keys::check(&stream::connect(target, interrupt).await?, &plan, on).await?;
    }
    set_state(coordinator, &mut run, RunState::Done).await?;
    Ok(Loaded { run, n_rows, n_patches, n_indexes })
}

async fn set_state(coordinator: &Coordinator<'_>, run: &mut Run, state: RunState) -> Result<(), pg::Error> {
    coordinator.set_state(&run.id, state).await?;
    run.state = state;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_gone_is_no_fault_of_the_caller() {
        let check = |code: SqlState, expected: bool| assert_eq!(is_changed(&code), expected, "{code:?}");
        check(SqlState::UNDEFINED_TABLE, true);
        check(SqlState::INSUFFICIENT_PRIVILEGE, false);
        check(SqlState::UNIQUE_VIOLATION, false);
    }

    #[test]
    fn a_changed_column_is_named() {
        let check = |before: &[&str], now: &[&str], expected: Option<&str>| {
            let owned = |columns: &[&str]| columns.iter().map(|it| (*it).to_owned()).collect::<Vec<_>>();
            assert_eq!(difference(&owned(before), &owned(now)).as_deref(), expected);
        };
        check(&["s.t.a int4", "s.t.b text"], &["s.t.a int4", "s.t.b text"], None);
        check(&["s.t.a int4"], &["s.t.a int8"], Some("column s.t.a int4 is s.t.a int8 now"));
        check(&["s.t.a int4"], &[], Some("column s.t.a int4 is gone"));
    }

    #[test]
    fn a_run_is_chosen_by_the_beginning_of_its_id() {
        let runs: Vec<manifest::Listed> = [("20260101-a", RunState::Done), ("20260102-b", RunState::Loading)]
            .map(|(id, state)| manifest::Listed {
                id: RunId(id.to_owned()),
                state,
                perfkit_version: String::new(),
                started_us: 0,
                n_rows: 0,
                n_rows_loaded: 0,
            })
            .into();
        let check = |id: Option<&str>, expected: Option<&str>| {
            let chosen = choose(&runs, id, |run| run.state == RunState::Done).unwrap();
            assert_eq!(chosen.map(|run| run.id.0.as_str()), expected);
        };
        check(None, Some("20260101-a"));
        check(Some("20260102"), Some("20260102-b"));
        assert!(choose(&runs, Some("2026"), |_| true).is_err());
        assert!(choose(&runs, Some("x"), |_| true).is_err());
        assert!(choose(&[], None, |_| true).unwrap().is_none());
    }
}
