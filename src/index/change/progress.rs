//! What is done but leaves no trace in the catalog: the run's own knowledge, and what the journal tells of earlier ones.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::journal::{History, RunState, StepState};
use super::record::Record;
use super::{Change, IndexName, is_same_index};
use crate::query::index_ddl::{IndexDdl, IndexStatement, index_ddl, index_statement};

#[derive(Clone, Debug, Default)]
pub(crate) struct Progress {
    /// Indexes that were rebuilt, by schema and name.
    pub(crate) rebuilt: BTreeSet<(String, String)>,
    /// Tables that were analyzed, by oid.
    pub(crate) analyzed: BTreeSet<u32>,
    /// What was built for a wanted index, by schema, name and the statement's part after the table, as the server wrote it
    /// afterwards: that may be in a way that cannot be recognized.
    built: BTreeMap<(String, String, String), String>,
}

/// A rebuild leaves no trace; one of a run that was cut short counts for so long.
const RESUMED_WITHIN: Duration = Duration::from_hours(24);

impl Progress {
    /// Takes from the journal, oldest run first, which index was built for what, and what runs that were cut short and wanted
    /// the same rebuilds have rebuilt.
    pub(crate) fn of_journal(histories: &[History], changes: &[Change], now_us: i64) -> Self {
        let mut progress = Self::default();
        let oldest_us = now_us - i64::try_from(RESUMED_WITHIN.as_micros()).unwrap_or(i64::MAX);
        // One that failed awaits its next try.
        let is_finished = |history: &History| matches!(history.state(), RunState::Done | RunState::Undone);
        let n_before = histories.iter().rposition(is_finished).map_or(0, |last| last + 1);
        for (at, history) in histories.iter().enumerate() {
            let is_resumed = at >= n_before
                && history.run.started_us >= oldest_us
                && rebuilds(&history.run.wanted.changes).eq(rebuilds(changes));
            for step in history.steps.iter().filter(|step| step.state == StepState::Done) {
                for sql in &step.sql {
                    progress.note(&step.index, sql, step.after.as_ref(), is_resumed);
                }
            }
        }
        progress
    }

    /// Notes a statement that was done, with what it has made.
    pub(crate) fn note(&mut self, index: &IndexName, sql: &str, after: Option<&Record>, is_resumed: bool) {
        let (schema, name) = (index.schema.clone(), index.name.clone());
        match (index_statement(sql), after) {
            (Ok(IndexStatement::Create(ddl)), Some(after)) => {
                self.built.insert((schema, name, ddl.body), after.definition.clone());
            }
            (Ok(IndexStatement::Reindex(_)), _) if is_resumed => {
                self.rebuilt.insert((schema, name));
            }
            _ => {}
        }
    }

    /// Whether an index, as the server writes it now, is what was built for this one.
    pub(super) fn was_built(&self, schema: &str, name: &str, definition: &str, wanted: &IndexDdl) -> bool {
        let key = (schema.to_owned(), name.to_owned(), wanted.body.clone());
        // What stands before the table's name is not in the key.
        let is_unique = index_ddl(definition).is_some_and(|now| now.is_unique);
        is_unique == wanted.is_unique
            && self.built.get(&key).is_some_and(|then| is_same_index(then, definition))
    }
}

fn rebuilds(changes: &[Change]) -> impl Iterator<Item = &IndexName> {
    changes.iter().filter_map(|change| match change {
        Change::Reindex { index, .. } => Some(&index.index),
        Change::Create { .. } | Change::Drop { .. } => None,
    })
}

#[cfg(test)]
mod tests {
    use super::super::Seen;
    use super::super::journal::{Action, FORMAT, Run, Step, Wanted};
    use super::*;

    const CREATE: &str = "CREATE INDEX CONCURRENTLY i ON s.t ((a BETWEEN 1 AND 2))";
    const HOUR_US: i64 = 3_600_000_000;

    fn index() -> IndexName {
        IndexName { schema: "s".to_owned(), table: "t".to_owned(), name: "i".to_owned() }
    }

    fn record(definition: &str) -> Record {
        serde_json::from_value(serde_json::json!({
            "index": index(), "definition": definition, "method": "btree", "columns": [], "has_expressions": true,
            "tablespace": null, "comment": null, "statistics_targets": [], "is_clustered": false,
            "is_replica_identity": false, "is_valid": true, "is_ready": true, "is_live": true, "constraint": null,
            "foreign_keys": [], "parent": null, "is_partitioned": false,
        }))
        .unwrap()
    }

    fn history(changes: Vec<Change>, steps: Vec<Step>) -> History {
        let run = Run::of_test("r", FORMAT, Wanted { changes });
        History { run, steps }
    }

    fn step(state: StepState, action: Action, sql: &str, after: Option<&str>) -> Step {
        let after = after.map(record);
        Step { after, state, ..Step::planned(0, action, index(), vec![sql.to_owned()]) }
    }

    #[test]
    fn what_was_built_counts_while_it_is_that() {
        const WRITTEN: &str = "CREATE INDEX i ON s.t USING btree ((((a >= 1) AND (a <= 2))))";
        let check = |state: StepState, after: Option<&str>, now: &str, expected: bool| {
            let step = step(state, Action::Create, CREATE, after);
            let progress = Progress::of_journal(&[history(Vec::new(), vec![step])], &[], 0);
            let wanted = index_ddl(CREATE).unwrap();
            assert_eq!(progress.was_built("s", "i", now, &wanted), expected, "{state:?}, {after:?}: {now}");
            assert!(!progress.was_built("s", "j", now, &wanted));
            let unique = index_ddl(&CREATE.replace("INDEX", "UNIQUE INDEX")).unwrap();
            assert!(!progress.was_built("s", "i", now, &unique));
        };
        check(StepState::Done, Some(WRITTEN), WRITTEN, true);
        check(StepState::Done, Some(WRITTEN), "CREATE INDEX i ON s.t (b)", false);
        check(StepState::Done, None, WRITTEN, false);
        check(StepState::Failed, Some(WRITTEN), WRITTEN, false);
    }

    #[test]
    fn rebuilds_of_a_run_that_was_cut_short_count_for_a_day() {
        let seen = |definition: Option<&str>| Seen {
            index: index(),
            definition: definition.map(str::to_owned),
            n_scans: None,
        };
        let reindex = |definition| Change::Reindex { index: seen(definition), size_bytes: 0 };
        let drop = || Change::Drop { index: seen(None), size_bytes: 0, covered_by: Vec::new() };
        let check = |last: StepState, wanted: &[Change], now_us: i64, expected: bool| {
            let steps = vec![
                step(StepState::Done, Action::Reindex, "REINDEX INDEX CONCURRENTLY s.i", None),
                step(last, Action::Drop, "DROP INDEX s.j", None),
            ];
            let history = history(vec![reindex(None), drop()], steps);
            let progress = Progress::of_journal(&[history], wanted, now_us);
            assert_eq!(progress.rebuilt.len(), usize::from(expected), "{last:?}, {wanted:?}");
        };
        check(StepState::Started, &[reindex(None), drop()], HOUR_US, true);
        check(StepState::Failed, &[reindex(None), drop()], HOUR_US, true);
        // What was dropped is not wanted to be dropped again, and what was read now is no other wish.
        check(StepState::Started, &[reindex(Some("CREATE INDEX i ON s.t (a)"))], HOUR_US, true);
        check(StepState::Started, &[drop()], HOUR_US, false);
        check(StepState::Started, &[reindex(None), drop()], 25 * HOUR_US, false);
        check(StepState::Done, &[reindex(None), drop()], HOUR_US, false);
    }
}
