//! Counts the children of parents in batches, while everybody writes.
//!
//! [`Backfill`] says which parents come next and is told what became of them; it knows no time and no server. Rows that somebody
//! has locked are left out and tried again at the end, in the order of their keys.

pub(crate) mod pace;
pub(crate) mod sql;

use std::collections::BTreeSet;

use super::site::{KeyPair, Mode, Site};

/// What is read of a whole child is counted for so many parents at once: all of their keys are held in memory.
const MAX_SCAN_ROWS: u32 = 100_000;

/// The values of a key's columns, as text.
pub(crate) type Key = Vec<String>;

/// How a batch is kept from losing changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Protocol {
    /// The parents are locked, and counted by a new statement.
    LockThenCount,
    /// The same of a child without an index: each batch reads all of it, so that few of them take all parents that there are.
    LockThenScan,
    /// One snapshot counts the children and deletes the pending changes that it sees.
    Snapshot,
    /// One scan of the child has counted all of it; parents get what it found, and lose the pending changes that it saw.
    Publish,
}

/// Which parents are counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Due {
    /// Those with a counter that is NULL.
    Uncounted,
    /// All: of a column that was there before its triggers, no value can be trusted.
    All,
}

/// The parents that are still to be counted.
#[derive(Clone, Debug)]
pub(crate) struct Backfill {
    due: Due,
    /// The last key that was looked at.
    cursor: Option<Key>,
    /// Keys that somebody had locked, in the order in which they are to be tried; all of them were passed by the cursor.
    skipped: Vec<Key>,
    phase: Phase,
    /// How often all skipped keys were tried without any being free.
    n_vain_rounds: u32,
    /// Whether any key was taken since the skipped ones were tried from the first on.
    has_progress: bool,
    /// Keys that are tried now, of the skipped ones.
    next_skipped: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Sweep,
    Skipped,
    /// Looks once more for parents that are due: somebody may have written NULL.
    Confirm {
        has_found: bool,
    },
    Done,
}

/// What a batch is to take.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Batch {
    /// The next `n_rows` parents that are due, after a key.
    After {
        key: Option<Key>,
        n_rows: u32,
    },
    Keys(Vec<Key>),
}

/// What a batch has seen: keys in their order, with whether they were free and are counted.
pub(crate) type Seen = [(Key, bool)];

/// Returns how the parents of a site are counted; without an index on the child's key each batch would read the whole child.
pub(crate) fn protocol(mode: Mode, has_index: bool) -> Protocol {
    match (mode, has_index) {
        (Mode::Queue, false) => Protocol::Publish,
        (Mode::Queue, true) => Protocol::Snapshot,
        (Mode::Inline | Mode::Slots, true) => Protocol::LockThenCount,
        (Mode::Inline | Mode::Slots, false) => Protocol::LockThenScan,
    }
}

impl Protocol {
    /// Returns how many parents a batch takes that has time for `n_rows` of them.
    pub(crate) fn batch_rows(self, n_rows: u32) -> u32 {
        if self == Self::LockThenScan { MAX_SCAN_ROWS } else { n_rows }
    }
}

/// Returns the site whose triggers are to be there while its parents are counted for the first time. A count of the whole child
/// in one scan locks no parent, so that what comes meanwhile must be kept apart from it.
pub(crate) fn site_while_counting(site: &Site, has_index: bool) -> Site {
    let is_scanned = !has_index && !site.is_side() && site.mode == Mode::Inline;
    if is_scanned {
        Site { mode: Mode::Queue, afterwards: Some(site.mode), ..site.clone() }
    } else {
        site.clone()
    }
}

impl Backfill {
    /// Begins after a key that an earlier run has come to, if there was one; what that has skipped comes at the end.
    pub(crate) fn new(due: Due, cursor: Option<Key>, skipped: Vec<Key>) -> Self {
        Self::start(due, cursor, skipped, Phase::Sweep)
    }

    /// Counts these keys alone, in their order: a repair.
    pub(crate) fn of_keys(keys: Vec<Key>) -> Self {
        let phase = if keys.is_empty() { Phase::Done } else { Phase::Skipped };
        Self::start(Due::All, None, keys, phase)
    }

    fn start(due: Due, cursor: Option<Key>, skipped: Vec<Key>, phase: Phase) -> Self {
        Self { due, cursor, skipped, phase, n_vain_rounds: 0, has_progress: false, next_skipped: 0 }
    }

    /// How far a run has come; all before it is counted, the skipped keys aside.
    pub(crate) fn cursor(&self) -> Option<&Key> {
        self.cursor.as_ref()
    }

    /// The keys that somebody had locked.
    pub(crate) fn skipped(&self) -> &[Key] {
        &self.skipped
    }

    /// How often all skipped keys were tried one after the other and none was free. A prepared transaction, for one, keeps its
    /// locks for as long as it likes.
    pub(crate) fn n_vain_rounds(&self) -> u32 {
        self.n_vain_rounds
    }

    /// Returns the next batch, of so many rows at most; `None` when all are counted.
    pub(crate) fn next(&self, n_rows: u32) -> Option<Batch> {
        let n_rows = n_rows.max(1);
        match self.phase {
            Phase::Sweep | Phase::Confirm { .. } => Some(Batch::After { key: self.cursor.clone(), n_rows }),
            Phase::Skipped => {
                let keys = self.skipped.iter().skip(self.next_skipped).take(n_rows as usize);
                Some(Batch::Keys(keys.cloned().collect()))
            }
            Phase::Done => None,
        }
    }

    /// Takes note of what became of a batch that has been committed.
    pub(crate) fn took(&mut self, batch: &Batch, seen: &Seen) {
        let missed = seen.iter().filter(|(_, is_taken)| !is_taken).map(|(key, _)| key.clone());
        match batch {
            Batch::After { n_rows, .. } => {
                self.skipped.extend(missed);
                if let Some((last, _)) = seen.last() {
                    self.cursor = Some(last.clone());
                }
                if let Phase::Confirm { has_found } = &mut self.phase {
                    *has_found |= !seen.is_empty();
                }
                if seen.len() < *n_rows as usize {
                    self.end_of_sweep();
                }
            }
            Batch::Keys(keys) => {
                let missed: BTreeSet<Key> = missed.collect();
                let n_before = self.skipped.len();
                // A key that was not seen is not due any more, or gone.
                let tried = self.next_skipped..(self.next_skipped + keys.len()).min(n_before);
                let mut at = 0;
                self.skipped.retain(|key| {
                    at += 1;
                    !tried.contains(&(at - 1)) || missed.contains(key)
                });
                self.has_progress |= self.skipped.len() < n_before;
                self.next_skipped += missed.len();
                if self.next_skipped >= self.skipped.len() {
                    self.end_of_round();
                }
            }
        }
    }

    fn end_of_sweep(&mut self) {
        self.phase = match self.phase {
            _ if !self.skipped.is_empty() => Phase::Skipped,
            Phase::Sweep if self.due == Due::Uncounted => self.again(),
            Phase::Confirm { has_found: true } => self.again(),
            _ => Phase::Done,
        };
    }

    fn end_of_round(&mut self) {
        self.next_skipped = 0;
        self.n_vain_rounds = if self.has_progress { 0 } else { self.n_vain_rounds + 1 };
        self.has_progress = false;
        if self.skipped.is_empty() {
            self.phase = if self.due == Due::Uncounted { self.again() } else { Phase::Done };
        }
    }

    fn again(&mut self) -> Phase {
        self.cursor = None;
        Phase::Confirm { has_found: false }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::counter::fixture;
    use crate::random;
    use proptest::prelude::*;

    /// A table of parents by key: NULL or counted, and until which batch somebody has locked each of them.
    struct Table {
        is_counted: BTreeMap<Key, bool>,
        locked_until: BTreeMap<Key, u64>,
    }

    impl Table {
        fn new(n: u64, seed: u64) -> Self {
            let keys = (0..n).map(|i| vec![format!("{i:04}")]);
            let is_locked = |i: u64| random::at(seed, i).is_multiple_of(5);
            Self {
                is_counted: keys
                    .clone()
                    .zip((0..n).map(|i| random::at(seed ^ 1, i).is_multiple_of(3)))
                    .collect(),
                locked_until: keys
                    .zip((0..n).map(|i| if is_locked(i) { random::at(seed, i) % 40 } else { 0 }))
                    .collect(),
            }
        }

        fn run(&mut self, due: Due, batch: &Batch, now: u64) -> Vec<(Key, bool)> {
            let is_due = |is_counted: bool| due == Due::All || !is_counted;
            let rows: Vec<Key> = match batch {
                Batch::After { key, n_rows } => {
                    let after = |it: &Key| key.as_ref().is_none_or(|key| it > key);
                    let rows =
                        self.is_counted.iter().filter(|(it, is_counted)| after(it) && is_due(**is_counted));
                    rows.map(|(key, _)| key.clone()).take(*n_rows as usize).collect()
                }
                Batch::Keys(keys) => {
                    keys.iter().filter(|key| is_due(self.is_counted[*key])).cloned().collect()
                }
            };
            let mut seen = Vec::new();
            for key in rows {
                let is_free = self.locked_until[&key] <= now;
                if is_free {
                    self.is_counted.insert(key.clone(), true);
                }
                seen.push((key, is_free));
            }
            seen
        }
    }

    proptest! {
        #[test]
        fn every_key_is_counted_and_it_ends(n in 0_u64..60, seed: u64, n_rows in 1_u32..20, is_all: bool) {
            let due = if is_all { Due::All } else { Due::Uncounted };
            let mut table = Table::new(n, seed);
            let mut backfill = Backfill::new(due, None, Vec::new());
            let mut counted = BTreeSet::new();
            let mut now = 0;
            while let Some(batch) = backfill.next(n_rows) {
                let seen = table.run(due, &batch, now);
                let before = backfill.cursor().cloned();
                backfill.took(&batch, &seen);
                if matches!(backfill.phase, Phase::Sweep) {
                    prop_assert!(backfill.cursor() >= before.as_ref());
                }
                for (key, is_taken) in seen {
                    if is_taken {
                        // Nothing is counted twice: a sweep of all would go on for ever otherwise.
                        prop_assert!(counted.insert(key));
                    }
                }
                now += 1;
                prop_assert!(now < 1_000);
            }
            prop_assert!(table.is_counted.values().all(|is_counted| *is_counted));
            if is_all {
                prop_assert_eq!(counted.len() as u64, n);
            }
        }

        #[test]
        fn given_keys_are_counted_alone(n in 1_u64..60, seed: u64, n_rows in 1_u32..20) {
            let mut table = Table::new(n, seed);
            let keys: Vec<Key> = table.is_counted.keys().filter(|key| key[0].ends_with('3')).cloned().collect();
            let mut left: BTreeSet<Key> = keys.iter().cloned().collect();
            let mut backfill = Backfill::of_keys(keys);
            for now in 0.. {
                let Some(batch) = backfill.next(n_rows) else { break };
                let seen = table.run(Due::All, &batch, now);
                backfill.took(&batch, &seen);
                for (key, is_taken) in seen {
                    prop_assert!(!is_taken || left.remove(&key));
                }
            }
            prop_assert!(left.is_empty());
        }
    }

    #[test]
    fn a_run_goes_on_where_it_was() {
        let at = |key: &str| Some(vec![key.to_owned()]);
        let mut backfill = Backfill::new(Due::All, at("7"), vec![vec!["3".to_owned()]]);
        let batch = Batch::After { key: at("7"), n_rows: 10 };
        assert_eq!(backfill.next(10), Some(batch.clone()));
        backfill.took(&batch, &[]);
        assert_eq!(backfill.next(10), Some(Batch::Keys(vec![vec!["3".to_owned()]])));
    }

    #[test]
    fn a_lock_that_stays_is_told() {
        let key = vec!["1".to_owned()];
        let mut backfill = Backfill::new(Due::Uncounted, None, Vec::new());
        for round in 0..4 {
            let batch = backfill.next(10).unwrap();
            backfill.took(&batch, &[(key.clone(), false)]);
            assert_eq!(backfill.n_vain_rounds(), round);
            assert_eq!(backfill.skipped(), std::slice::from_ref(&key));
        }
        let batch = backfill.next(10).unwrap();
        backfill.took(&batch, &[(key, true)]);
        assert_eq!(backfill.n_vain_rounds(), 0);
        assert_eq!(backfill.next(10), Some(Batch::After { key: None, n_rows: 10 }));
    }

    #[test]
    fn keys_without_an_index_are_counted_in_one_scan() {
        let site = fixture::mentions();
        assert_eq!(site_while_counting(&site, true), site);
        let counting = site_while_counting(&site, false);
        assert_eq!((counting.mode, protocol(counting.mode, false)), (Mode::Queue, Protocol::Publish));
        assert_eq!(counting.lasting(), site);
        assert_eq!(protocol(Mode::Queue, true), Protocol::Snapshot);
        assert_eq!(protocol(Mode::Slots, true), Protocol::LockThenCount);
        // Fewer rows would make more scans, and not shorter ones.
        let scanning = protocol(Mode::Inline, false);
        assert_eq!((scanning.batch_rows(1), Protocol::LockThenCount.batch_rows(1)), (100_000, 1));
    }
}
