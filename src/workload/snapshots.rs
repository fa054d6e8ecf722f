//! Snapshots of `pg_stat_statements`: what a trace keeps of them, so that differences can be taken.
//!
//! Only entries that were called since the last snapshot are kept, each with the counters that it had before: those of the last
//! snapshot, or none for one that is new, was reset, or was evicted and came again. What ran between the last snapshot and a reset
//! or an eviction is lost; it is counted in entries.

use std::collections::{HashMap, HashSet};

use crate::trace::{Blocks, Nanos, StatementId, Time, Totals};

/// What tells entries apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Key {
    pub(crate) user_id: u32,
    pub(crate) database_id: u32,
    pub(crate) query_id: i64,
    pub(crate) is_top_level: bool,
}

/// The counters of an entry at one moment.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Counters {
    pub(crate) calls: u64,
    pub(crate) execution: Nanos,
    pub(crate) planning: Nanos,
    pub(crate) n_rows: u64,
    pub(crate) blocks: Blocks,
    /// When they began, where the server says it (PostgreSQL 17).
    pub(crate) since: Option<Time>,
}

/// The view at one moment.
#[derive(Clone, Debug, Default)]
pub(crate) struct Snapshot {
    pub(crate) at: Time,
    pub(crate) entries: Vec<(Key, Counters)>,
    /// How often the server has made room by evicting entries.
    pub(crate) n_deallocations: u64,
    /// When all entries were reset.
    pub(crate) reset_at: Option<Time>,
}

/// What a capture has seen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    pub(crate) n_snapshots: u64,
    /// Times at which all entries, or one, began anew.
    pub(crate) n_resets: u64,
    /// Entries that may have lost calls to a reset or to an eviction.
    pub(crate) n_lost: u64,
}

/// What is new in a snapshot.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Changes {
    /// Counters before, where the trace does not have them, and now.
    pub(crate) called: Vec<Called>,
    /// Entries that may have lost calls since the last snapshot.
    pub(crate) n_lost: u64,
}

/// An entry that was called since the last snapshot.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Called {
    pub(crate) key: Key,
    /// With its time; `None` where the trace has it already.
    pub(crate) base: Option<(Time, Counters)>,
    pub(crate) now: Counters,
    /// Calls since then.
    pub(crate) n_calls: u64,
}

/// Compares each snapshot with the one before.
#[derive(Debug, Default)]
pub(crate) struct Snapshots {
    before: Option<Snapshot>,
    known: HashMap<Key, Counters>,
    /// Entries whose last counters are in the trace.
    written: HashSet<Key>,
    pub(crate) counts: Counts,
}

impl Snapshots {
    /// Takes the next snapshot; of the first, nothing is known to have changed.
    pub(crate) fn take(&mut self, mut snapshot: Snapshot) -> Changes {
        self.counts.n_snapshots += 1;
        let mut changes = Changes::default();
        if let Some(before) = self.before.take() {
            changes = self.changes(&before, &snapshot);
            self.counts.n_lost += changes.n_lost;
        }
        self.known = std::mem::take(&mut snapshot.entries).into_iter().collect();
        self.before = Some(snapshot);
        changes
    }

    fn changes(&mut self, before: &Snapshot, now: &Snapshot) -> Changes {
        let mut changes = Changes::default();
        if now.reset_at != before.reset_at {
            self.counts.n_resets += 1;
            // All that was counted between the last snapshot and the reset is gone.
            changes.n_lost += self.known.len() as u64;
            self.known.clear();
            self.written.clear();
        }
        let mut n_again = 0;
        for (key, counters) in &now.entries {
            let known = self.known.remove(key);
            let began_anew =
                known.as_ref().is_some_and(|it| counters.calls < it.calls || counters.since != it.since);
            if began_anew {
                n_again += 1;
                self.written.remove(key);
            }
            let base = known.filter(|_| !began_anew);
            let n_before = base.as_ref().map_or(0, |it| it.calls);
            if counters.calls == n_before {
                continue;
            }
            let n_calls = counters.calls - n_before;
            let is_written = !self.written.insert(*key) && base.is_some();
            let since = counters.since;
            let base = base.unwrap_or_else(|| Counters { since, ..Counters::default() });
            let base = (!is_written).then_some((before.at, base));
            changes.called.push(Called { key: *key, base, now: counters.clone(), n_calls });
        }
        // What is left over has no entry any more.
        for key in self.known.keys() {
            self.written.remove(key);
        }
        let n_evictions = now.n_deallocations.saturating_sub(before.n_deallocations);
        let n_gone = self.known.len() as u64 + n_again;
        // Entries that came and went between two snapshots were never seen.
        changes.n_lost += n_gone.max(n_evictions);
        // Without evictions, somebody has reset single entries.
        self.counts.n_resets += u64::from(n_gone > 0 && n_evictions == 0);
        changes
    }
}

impl Counters {
    /// Returns the event that says so.
    pub(crate) fn totals(&self, key: Key, statement: StatementId, at: Time) -> Totals {
        let Key { user_id, database_id, query_id, is_top_level } = key;
        Totals {
            statement,
            at,
            user_id,
            database_id,
            query_id,
            is_top_level,
            calls: self.calls,
            execution: self.execution,
            planning: self.planning,
            n_rows: self.n_rows,
            blocks: self.blocks,
            since: self.since,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trace::{Event, Fingerprint, Statement};
    use crate::workload::top::{By, Top};

    fn key(query_id: i64) -> Key {
        Key { user_id: 10, database_id: 5, query_id, is_top_level: true }
    }

    fn snapshot(at: u64, entries: &[(i64, u64)], n_deallocations: u64, reset_at: u64) -> Snapshot {
        let counters = |calls| Counters { calls, execution: 1_000_000 * calls, ..Counters::default() };
        Snapshot {
            at: Time(at),
            entries: entries.iter().map(|(id, calls)| (key(*id), counters(*calls))).collect(),
            n_deallocations,
            reset_at: Some(Time(reset_at)),
        }
    }

    /// Writes what `workload top` makes of the trace as `query: calls`, and the counts as `calls/resets/lost`.
    fn check(snapshots: Vec<Snapshot>, expected: &[&str], counts: &str) {
        let mut all = Snapshots::default();
        let mut top = Top::new(0);
        let mut n_calls = 0;
        for snapshot in snapshots {
            let at = snapshot.at;
            for Called { key, base, now, n_calls: n } in all.take(snapshot).called {
                n_calls += n;
                let id = StatementId(key.query_id.cast_unsigned());
                let text = format!("SELECT {}", key.query_id);
                let fingerprint = Fingerprint(id.0);
                top.take(&Event::Statement(Statement { id, text, fingerprint, parameter_types: Vec::new() }));
                if let Some((at, base)) = base {
                    top.take(&Event::Totals(base.totals(key, id, at)));
                }
                top.take(&Event::Totals(now.totals(key, id, at)));
            }
        }
        let mut found: Vec<String> =
            top.ranked(By::Calls).iter().map(|it| format!("{}: {}", it.text, it.calls)).collect();
        found.sort();
        assert_eq!(found, expected);
        let Counts { n_resets, n_lost, .. } = all.counts;
        assert_eq!(format!("{n_calls}/{n_resets}/{n_lost}"), counts);
    }

    #[test]
    fn what_was_called_is_counted() {
        check(
            vec![
                snapshot(1, &[(1, 10), (2, 5)], 0, 0),
                snapshot(2, &[(1, 12), (2, 5)], 0, 0),
                snapshot(3, &[(1, 12), (2, 5), (3, 4)], 0, 0),
                snapshot(4, &[(1, 15), (2, 5), (3, 5)], 0, 0),
            ],
            &["SELECT 1: 5", "SELECT 3: 5"],
            "10/0/0",
        );
        check(vec![snapshot(1, &[(1, 10)], 0, 0)], &[], "0/0/0");
    }

    #[test]
    fn a_reset_begins_anew() {
        // The second has more calls after the reset than it had before: only the time of the reset tells.
        let all = vec![
            snapshot(1, &[(1, 10), (2, 1)], 0, 0),
            snapshot(2, &[(1, 11), (2, 2)], 0, 0),
            snapshot(3, &[(1, 3), (2, 7)], 0, 3),
            snapshot(4, &[(1, 4), (2, 8)], 0, 3),
        ];
        check(all, &["SELECT 1: 5", "SELECT 2: 9"], "14/1/2");
    }

    #[test]
    fn entries_that_are_reset_alone_are_seen() {
        let all =
            vec![snapshot(1, &[(1, 10)], 0, 0), snapshot(2, &[(1, 3)], 0, 0), snapshot(3, &[(1, 4)], 0, 0)];
        check(all, &["SELECT 1: 4"], "4/1/1");
        let since = |mut snapshot: Snapshot, since| {
            snapshot.entries[0].1.since = Some(Time(since));
            snapshot
        };
        let newer = vec![
            since(snapshot(1, &[(1, 10)], 0, 0), 5),
            since(snapshot(2, &[(1, 12)], 0, 0), 6),
            since(snapshot(3, &[(1, 13)], 0, 0), 6),
        ];
        check(newer, &["SELECT 1: 13"], "13/1/1");
    }

    #[test]
    fn evicted_entries_are_counted_and_come_again() {
        let all = vec![
            snapshot(1, &[(1, 10), (2, 1)], 0, 0),
            snapshot(2, &[(1, 11), (2, 2)], 0, 0),
            snapshot(3, &[(1, 11)], 1, 0),
            snapshot(4, &[(1, 12), (2, 3)], 1, 0),
            // One that was evicted and is back before the next look.
            snapshot(5, &[(1, 1), (2, 3)], 2, 0),
            // Entries that nobody has seen.
            snapshot(6, &[(1, 1), (2, 4)], 5, 0),
        ];
        check(all, &["SELECT 1: 3", "SELECT 2: 5"], "8/0/5");
    }
}
