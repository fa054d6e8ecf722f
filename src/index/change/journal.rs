//! The journal of changes of the index set: what a run wanted, what each step did and how it is undone.
//!
//! A journal is a list of entries that only grows: a run with its planned steps, then each step again whenever its
//! state changes, before it acts and after. The edge keeps the list (`pg::journal`), [`replay`] reads it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::record::Record;
use super::{Change, IndexName};
use crate::run_id::{self, RunId};

/// The form that this perfkit writes. One that reads a newer form refuses it.
pub(crate) const FORMAT: u32 = 1;

/// One run of `perfkit index apply`.
pub(crate) type Run = run_id::Run<Wanted>;

/// What a run wanted.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Wanted {
    pub(crate) changes: Vec<Change>,
}

/// One step of a run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Step {
    /// From 0, in the order of execution.
    pub(crate) ordinal: u32,
    pub(crate) action: Action,
    /// What it acts on. For a table's ANALYZE, the index that asks for it.
    pub(crate) index: IndexName,
    /// One statement a message, without semicolon.
    pub(crate) sql: Vec<String>,
    /// What would undo it, for people to read; `perfkit index undo` decides by `before` and by what is there then.
    pub(crate) undo: Vec<String>,
    /// What was under the name before the step. A step that drops, rebuilds, renames or attaches what was there
    /// before the run cannot be undone without it; `None` when there was nothing.
    pub(crate) before: Option<Record>,
    /// What the step has made, once it is done. Only what is still this is dropped when a [`Action::Create`] is undone.
    #[serde(default)]
    pub(crate) after: Option<Record>,
    pub(crate) state: StepState,
    /// The session that runs it, or ran it last.
    pub(crate) session: Option<SessionName>,
    pub(crate) started_us: Option<i64>,
    pub(crate) ended_us: Option<i64>,
    /// Why it failed, or why it cannot be undone.
    pub(crate) error: Option<String>,
    pub(crate) size_before_bytes: Option<u64>,
    pub(crate) size_after_bytes: Option<u64>,
    /// How much the index was used until it was dropped.
    pub(crate) counters: Option<Counters>,
}

/// What a step does to its index.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub(crate) enum Action {
    /// Builds it, or a partitioned index ON ONLY its table.
    Create,
    /// Drops it, or the constraint that owns it.
    Drop,
    /// Builds it anew under its own name.
    Reindex,
    /// Gives it another name.
    Rename { to: String },
    /// Attaches it to an index of the partitioned table.
    Attach { to: IndexName },
    /// Drops what an unfinished build left. There is nothing to put back.
    DropLeftover,
    /// Gathers the statistics of an index on expressions.
    Analyze,
}

/// How far a step is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum StepState {
    Planned,
    /// Written before the first statement: whether it came to an end, the catalog must say.
    Started,
    Done,
    /// There was nothing to do, another step has taken its place, or an earlier failure kept it from being tried.
    Skipped,
    Failed,
    /// Written of all steps that an undo is to take back, before its first statement.
    Undoing,
    Undone,
}

/// A session of the server. A pid alone comes again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct SessionName {
    pub(crate) pid: i32,
    /// `pg_stat_activity.backend_start`, in microseconds since 1970.
    pub(crate) backend_start_us: i64,
}

/// What `pg_stat_user_indexes` has counted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Counters {
    pub(crate) n_scans: u64,
    pub(crate) n_tuples_read: u64,
    pub(crate) n_tuples_fetched: u64,
    /// Microseconds since 1970; known since PostgreSQL 16.
    pub(crate) last_scan_us: Option<i64>,
}

/// What is added to a journal.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "entry", rename_all = "snake_case")]
pub(crate) enum Entry {
    Run(Run),
    /// Takes the place of what was known of the step.
    Step {
        run: RunId,
        step: Box<Step>,
    },
}

/// A run with its steps, in the order of execution.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct History {
    pub(crate) run: Run,
    pub(crate) steps: Vec<Step>,
}

/// Where a run stands as a whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum RunState {
    /// A step or its undo is planned or was started and has no end written.
    Unfinished,
    Done,
    /// All that could be done is done; a step failed.
    Failed,
    /// Nothing of it is left to undo.
    Undone,
}

impl Step {
    /// Returns a step that is still to be done.
    pub(crate) fn planned(ordinal: u32, action: Action, index: IndexName, sql: Vec<String>) -> Self {
        Self {
            ordinal,
            action,
            index,
            sql,
            undo: Vec::new(),
            before: None,
            after: None,
            state: StepState::Planned,
            session: None,
            started_us: None,
            ended_us: None,
            error: None,
            size_before_bytes: None,
            size_after_bytes: None,
            counters: None,
        }
    }

    /// Whether nobody has seen its end though its run has come to its own: the session was lost, and the server went on.
    pub(crate) fn is_unseen(&self) -> bool {
        self.state == StepState::Started
    }

    /// Gives it its last state once nothing of its run is left to do; `now` is what is under the index's name where its end
    /// [was not seen](Self::is_unseen).
    pub(crate) fn settle(&mut self, now: Option<Record>) {
        self.state = match (self.state, &self.action, &now) {
            // It has failed for good, and the plan went another way.
            (StepState::Planned | StepState::Failed, ..) | (StepState::Started, Action::Create, None) => {
                StepState::Skipped
            }
            (StepState::Started, Action::Drop, Some(now)) => {
                if now.is_valid || now.is_partitioned {
                    StepState::Skipped
                } else {
                    self.error = Some("the drop was cut short, and the index is INVALID".to_owned());
                    StepState::Failed
                }
            }
            (StepState::Started, Action::Create, Some(_)) => {
                self.after = now;
                StepState::Done
            }
            (StepState::Started, ..) => StepState::Done,
            (state, ..) => state,
        };
    }
}

impl StepState {
    /// Whether it may have changed something that is not undone yet.
    pub(crate) fn may_have_acted(self) -> bool {
        match self {
            Self::Started | Self::Done | Self::Failed | Self::Undoing => true,
            Self::Planned | Self::Skipped | Self::Undone => false,
        }
    }
}

impl History {
    pub(crate) fn state(&self) -> RunState {
        let any = |wanted: &[StepState]| self.steps.iter().any(|step| wanted.contains(&step.state));
        if !self.can_be_undone() && any(&[StepState::Undone]) {
            RunState::Undone
        } else if any(&[StepState::Planned, StepState::Started, StepState::Undoing]) {
            RunState::Unfinished
        } else if any(&[StepState::Failed]) {
            RunState::Failed
        } else {
            RunState::Done
        }
    }

    /// Whether a step may have left something.
    pub(crate) fn can_be_undone(&self) -> bool {
        self.steps.iter().any(|step| step.state.may_have_acted())
    }
}

/// Why entries cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ReplayError {
    #[error("run {run} is of form {format}; this perfkit reads forms up to {FORMAT}")]
    Newer { run: RunId, format: u32 },
    #[error("a step names run {run}, of which there is no entry")]
    NoRun { run: RunId },
}

/// Returns the runs that a journal's entries tell of, oldest first.
pub(crate) fn replay(entries: impl IntoIterator<Item = Entry>) -> Result<Vec<History>, ReplayError> {
    let mut runs: BTreeMap<RunId, (Run, BTreeMap<u32, Step>)> = BTreeMap::new();
    for entry in entries {
        match entry {
            Entry::Run(run) if run.format > FORMAT => {
                return Err(ReplayError::Newer { run: run.id, format: run.format });
            }
            Entry::Run(run) => _ = runs.insert(run.id.clone(), (run, BTreeMap::new())),
            Entry::Step { run, step } => match runs.get_mut(&run) {
                Some((_, steps)) => _ = steps.insert(step.ordinal, *step),
                None => return Err(ReplayError::NoRun { run }),
            },
        }
    }
    Ok(runs.into_values().map(|(run, steps)| History { run, steps: steps.into_values().collect() }).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(id: &str) -> Run {
        Run::of_test(id, FORMAT, Wanted::default())
    }

    fn step(run: &str, ordinal: u32, state: StepState) -> Entry {
        let index = IndexName { schema: "s".to_owned(), table: "t".to_owned(), name: "i".to_owned() };
        let sql = vec!["DROP INDEX s.i".to_owned()];
        let step = Step { state, ..Step::planned(ordinal, Action::Drop, index, sql) };
        Entry::Step { run: RunId(run.to_owned()), step: Box::new(step) }
    }

    #[test]
    fn the_last_entry_of_a_step_counts() {
        let entries = [
            Entry::Run(run("b")),
            step("b", 1, StepState::Planned),
            step("b", 0, StepState::Started),
            Entry::Run(run("a")),
            step("b", 0, StepState::Done),
        ];
        let lines: Vec<String> = entries.iter().map(|entry| serde_json::to_string(entry).unwrap()).collect();
        let read = lines.iter().map(|line| serde_json::from_str(line).unwrap());
        let histories = replay(read).unwrap();
        let ids: Vec<&str> = histories.iter().map(|history| history.run.id.0.as_str()).collect();
        assert_eq!(ids, ["a", "b"]);
        let states: Vec<StepState> = histories[1].steps.iter().map(|step| step.state).collect();
        assert_eq!(states, [StepState::Done, StepState::Planned]);
    }

    #[test]
    fn what_cannot_be_understood_is_refused() {
        let newer = Run { format: FORMAT + 1, ..run("a") };
        let check = |entries: Vec<Entry>, expected| assert_eq!(replay(entries).unwrap_err(), expected);
        check(vec![Entry::Run(newer)], ReplayError::Newer { run: RunId("a".to_owned()), format: FORMAT + 1 });
        check(vec![step("a", 0, StepState::Done)], ReplayError::NoRun { run: RunId("a".to_owned()) });
    }

    #[test]
    fn a_run_is_what_its_steps_are() {
        use StepState::{Done, Failed, Planned, Skipped, Started, Undoing, Undone};
        let check = |states: &[StepState], expected| {
            let steps = states.iter().zip(0..).map(|(state, n)| step("a", n, *state));
            let histories = replay([Entry::Run(run("a"))].into_iter().chain(steps)).unwrap();
            assert_eq!(histories[0].state(), expected, "{states:?}");
        };
        check(&[Done, Done], RunState::Done);
        check(&[Done, Skipped], RunState::Done);
        check(&[Done, Failed, Skipped], RunState::Failed);
        check(&[Done, Started, Planned], RunState::Unfinished);
        check(&[Done, Undoing, Undone], RunState::Unfinished);
        check(&[Undone, Undone, Skipped], RunState::Undone);
        check(&[Undone, Planned], RunState::Undone);
        check(&[], RunState::Done);
    }

    #[test]
    fn steps_of_a_finished_run_have_an_end() {
        use StepState::{Done, Failed, Planned, Skipped, Started};
        let record: Record = serde_json::from_value(serde_json::json!({
            "index": { "schema": "s", "table": "t", "name": "i" }, "definition": "CREATE INDEX i ON s.t (a)",
            "method": "btree", "columns": [], "has_expressions": false, "tablespace": null, "comment": null,
            "statistics_targets": [], "is_clustered": false, "is_replica_identity": false, "is_valid": true,
            "is_ready": true, "is_live": true, "constraint": null, "foreign_keys": [], "parent": null,
            "is_partitioned": false,
        }))
        .unwrap();
        let check = |action: Action, state: StepState, is_there: bool, expected: StepState| {
            let index = record.index.clone();
            let mut step = Step { state, ..Step::planned(0, action.clone(), index, Vec::new()) };
            step.settle(is_there.then(|| record.clone()));
            assert_eq!(step.state, expected, "{action:?}, {state:?}, {is_there}");
            let is_made = action == Action::Create && state == Started && is_there;
            assert_eq!(step.after.is_some(), is_made, "{action:?}, {state:?}, {is_there}");
        };
        for is_there in [false, true] {
            check(Action::Create, Planned, is_there, Skipped);
            check(Action::Create, Failed, is_there, Skipped);
            check(Action::Create, Done, is_there, Done);
            check(Action::Analyze, Started, is_there, Done);
        }
        check(Action::Create, Started, true, Done);
        check(Action::Create, Started, false, Skipped);
        check(Action::Drop, Started, true, Skipped);
        check(Action::Drop, Started, false, Done);
        let mut cut_short =
            Step { state: Started, ..Step::planned(0, Action::Drop, record.index.clone(), Vec::new()) };
        cut_short.settle(Some(Record { is_valid: false, ..record.clone() }));
        assert_eq!(cut_short.state, StepState::Failed);
    }
}
