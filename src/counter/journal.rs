//! The journal of counter runs: how far they are, what people asked of them, and which columns of others were counted.
//!
//! What is left to do follows from the database ([`super::plan`]); the journal tells what the database cannot: that a column
//! which was there before its triggers has been counted, and where a count had come to.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::backfill::Key;
use super::site::{QualifiedName, Site};
use crate::index::change::journal::SessionName;
use crate::run_id::{self, RunId};

/// The form that this perfkit writes. One that reads a newer form refuses it.
pub(crate) const FORMAT: u32 = 1;

/// A run that makes counters, counts, or takes counters away.
pub(crate) type Run = run_id::Run<Wanted>;

/// What a run is about.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Wanted {
    pub(crate) sites: Vec<Site>,
}

/// How far a run is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Progress {
    pub(crate) at_us: i64,
    /// The session that counts.
    pub(crate) session: Option<SessionName>,
    /// The table whose rows get their counts now.
    pub(crate) parent: QualifiedName,
    /// The child that they are counts of.
    pub(crate) child: QualifiedName,
    /// The last row that was looked at.
    pub(crate) cursor: Option<Key>,
    /// Rows that somebody had locked, to be tried again.
    pub(crate) skipped: Vec<Key>,
    pub(crate) n_done: u64,
    /// How many there are, as far as is known.
    pub(crate) n_total: u64,
    pub(crate) rows_per_s: f64,
    /// Why it waits, if it does.
    pub(crate) held_by: Option<String>,
}

/// What somebody asks of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Order {
    Pause,
    Resume,
}

/// What is added to a journal.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "entry", rename_all = "snake_case")]
pub(crate) enum Entry {
    Run(Run),
    Progress {
        run: RunId,
        progress: Box<Progress>,
    },
    /// These columns hold counts now, and triggers keep them.
    Counted {
        run: RunId,
        parent: QualifiedName,
        columns: Vec<String>,
    },
    /// These columns are not kept any more.
    Dropped {
        parent: QualifiedName,
        columns: Vec<String>,
    },
    Order {
        run: RunId,
        order: Order,
        at_us: i64,
    },
    End {
        run: RunId,
        at_us: i64,
        error: Option<String>,
    },
}

/// A run with what has become of it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct History {
    pub(crate) run: Run,
    pub(crate) progress: Option<Progress>,
    pub(crate) is_paused: bool,
    /// Its time, and why it ended early, if it has ended.
    pub(crate) end: Option<(i64, Option<String>)>,
}

/// Columns that hold counts.
pub(crate) type Counted = BTreeSet<(QualifiedName, String)>;

/// What a journal tells.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Told {
    /// Oldest first.
    pub(crate) runs: Vec<History>,
    pub(crate) counted: Counted,
}

/// Why entries cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ReplayError {
    #[error("run {run} is of form {format}; this perfkit reads forms up to {FORMAT}")]
    Newer { run: RunId, format: u32 },
    #[error("an entry names run {run}, of which there is none")]
    NoRun { run: RunId },
}

/// Returns what a journal's entries tell.
pub(crate) fn replay(entries: impl IntoIterator<Item = Entry>) -> Result<Told, ReplayError> {
    let mut runs: BTreeMap<RunId, History> = BTreeMap::new();
    let mut counted = Counted::new();
    for entry in entries {
        match entry {
            Entry::Run(run) if run.format > FORMAT => {
                return Err(ReplayError::Newer { run: run.id, format: run.format });
            }
            Entry::Run(run) => {
                _ = runs.insert(run.id.clone(), History { run, progress: None, is_paused: false, end: None });
            }
            Entry::Progress { run, progress } => of(&mut runs, run)?.progress = Some(*progress),
            Entry::Counted { run, parent, columns } => {
                of(&mut runs, run)?;
                counted.extend(columns.into_iter().map(|column| (parent.clone(), column)));
            }
            Entry::Dropped { parent, columns } => {
                counted.retain(|(table, column)| *table != parent || !columns.contains(column));
            }
            Entry::Order { run, order, .. } => of(&mut runs, run)?.is_paused = order == Order::Pause,
            Entry::End { run, at_us, error } => of(&mut runs, run)?.end = Some((at_us, error)),
        }
    }
    Ok(Told { runs: runs.into_values().collect(), counted })
}

fn of(runs: &mut BTreeMap<RunId, History>, run: RunId) -> Result<&mut History, ReplayError> {
    runs.get_mut(&run).ok_or(ReplayError::NoRun { run })
}

impl Told {
    /// Where a count of a column that was there before its triggers goes on: after the last key that the newest run has looked at,
    /// if it has not come to an end. Keys that were skipped by then are counted first.
    pub(crate) fn resume(&self, site: &Site) -> Option<(&Key, &[Key])> {
        let is_about = |history: &&History| history.run.wanted.sites.iter().any(|it| it == site);
        let newest = self.runs.iter().rev().find(is_about)?;
        let progress =
            newest.progress.as_ref().filter(|it| (&it.parent, &it.child) == (&site.parent, &site.child))?;
        let is_cut_short = newest.end.as_ref().is_none_or(|(_, error)| error.is_some());
        is_cut_short.then_some((progress.cursor.as_ref()?, progress.skipped.as_slice()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::counter::fixture;

    fn run(id: &str) -> Run {
        Run::of_test(id, FORMAT, Wanted { sites: vec![fixture::mentions()] })
    }

    fn progress(id: &str, cursor: &str) -> Entry {
        let site = fixture::mentions();
        let progress = Progress {
            at_us: 2,
            session: None,
            parent: site.parent,
            child: site.child,
            cursor: Some(vec![cursor.to_owned()]),
            skipped: vec![vec!["3".to_owned()]],
            n_done: 1,
            n_total: 2,
            rows_per_s: 1.0,
            held_by: None,
        };
        Entry::Progress { run: RunId(id.to_owned()), progress: Box::new(progress) }
    }

    fn end(id: &str, error: Option<&str>) -> Entry {
        Entry::End { run: RunId(id.to_owned()), at_us: 3, error: error.map(str::to_owned) }
    }

    /// Replays entries after they were written and read.
    fn told(entries: &[Entry]) -> Result<Told, ReplayError> {
        let lines: Vec<String> = entries.iter().map(|entry| serde_json::to_string(entry).unwrap()).collect();
        replay(lines.iter().map(|line| serde_json::from_str::<Entry>(line).unwrap()))
    }

    #[test]
    fn a_count_goes_on_where_it_was() {
        let check = |entries: &[Entry], expected: Option<&str>| {
            let told = told(entries).unwrap();
            let resumed = told.resume(&fixture::mentions());
            assert_eq!(resumed.map(|(key, _)| key[0].as_str()), expected, "{entries:?}");
            assert!(resumed.is_none_or(|(_, skipped)| skipped == [vec!["3".to_owned()]]));
        };
        let begun = [Entry::Run(run("a")), progress("a", "5"), progress("a", "9")];
        check(&begun, Some("9"));
        check(&[&begun[..], &[end("a", Some("the server has gone"))]].concat(), Some("9"));
        check(&[&begun[..], &[end("a", None)]].concat(), None);
        check(&[&begun[..], &[Entry::Run(run("b"))]].concat(), None);
        check(&begun[..1], None);
        let mut other = run("a");
        other.wanted.sites = vec![fixture::composite()];
        check(&[Entry::Run(other), progress("a", "5")], None);
    }

    #[test]
    fn orders_and_counts_are_kept() {
        let id = || RunId("a".to_owned());
        let order = |order| Entry::Order { run: id(), order, at_us: 1 };
        let keywords = fixture::mentions().parent;
        let columns = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect::<Vec<_>>();
        let mut entries = vec![
            Entry::Run(run("a")),
            order(Order::Pause),
            Entry::Counted { run: id(), parent: keywords.clone(), columns: columns(&["a", "b"]) },
        ];
        let first = told(&entries).unwrap();
        assert!(first.runs[0].is_paused);
        assert_eq!(first.counted.len(), 2);
        entries.push(order(Order::Resume));
        entries.push(Entry::Dropped { parent: keywords.clone(), columns: columns(&["b"]) });
        let second = told(&entries).unwrap();
        assert!(!second.runs[0].is_paused);
        assert_eq!(second.counted, Counted::from([(keywords, "a".to_owned())]));
    }

    #[test]
    fn what_cannot_be_understood_is_refused() {
        let newer = Run { format: FORMAT + 1, ..run("a") };
        let id = || RunId("a".to_owned());
        assert_eq!(told(&[Entry::Run(newer)]), Err(ReplayError::Newer { run: id(), format: FORMAT + 1 }));
        assert_eq!(told(&[progress("a", "1")]), Err(ReplayError::NoRun { run: id() }));
    }
}
