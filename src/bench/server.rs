//! What the server did while a load ran: its own counters before and after, and what was seen of its sessions meanwhile.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::validity::Blocks;
use crate::query;

/// What `pg_stat_statements` has counted of a statement.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Counters {
    pub(crate) calls: u64,
    pub(crate) rows: u64,
    pub(crate) exec_ms: f64,
    pub(crate) blocks_hit: u64,
    pub(crate) blocks_read: u64,
    pub(crate) blocks_dirtied: u64,
    /// Read and written.
    pub(crate) temp_blocks: u64,
    pub(crate) wal_records: u64,
    pub(crate) wal_bytes: u64,
}

/// A row of `pg_stat_statements`.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Row {
    pub(crate) query_id: i64,
    pub(crate) query: String,
    pub(crate) counters: Counters,
}

/// The server's counters at one moment; what cannot be read is `None`.
#[derive(Clone, Debug, Default)]
pub(crate) struct Snapshot {
    pub(crate) statements: Option<Vec<Row>>,
    pub(crate) checkpoints: Option<u64>,
}

/// What was seen of the sessions so far. A run of days has many looks, so that they are added up.
#[derive(Clone, Debug, Default)]
pub(crate) struct Seen {
    pub(crate) n_looks: usize,
    /// What sessions of the load waited for, and how often one was seen to.
    pub(crate) waits: BTreeMap<String, u64>,
    /// What autovacuum was at.
    pub(crate) autovacuum: BTreeSet<String>,
}

/// The database's blocks up to a moment of the run.
pub(crate) type BlocksAt = (Duration, Blocks);

/// A statement's plan before the load and after it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PlanShape {
    pub(crate) statement: String,
    /// [`crate::plan::shape_hash`] of it.
    pub(crate) shape: String,
    /// The same after the load, if it is another.
    pub(crate) then: Option<String>,
}

/// What came of all.
#[derive(Clone, Debug, Default)]
pub(crate) struct ServerWork {
    /// By the workload's statement; `None` where `pg_stat_statements` is not there.
    pub(crate) statements: Option<Vec<(String, Counters)>>,
    /// What the load's sessions did, as shares of all that were seen at work, the largest first.
    pub(crate) waits: Vec<(String, f64)>,
    pub(crate) n_samples: usize,
    pub(crate) checkpoints: Option<u64>,
    pub(crate) autovacuum: Vec<String>,
    pub(crate) plans: Vec<PlanShape>,
    /// What could not be looked at, and why.
    pub(crate) notes: Vec<String>,
}

impl ServerWork {
    /// Fills in what two snapshots and the looks between them say of a workload's statements, by name and text.
    pub(crate) fn of(before: &Snapshot, after: &Snapshot, seen: &Seen, statements: &[(&str, &str)]) -> Self {
        let both = before.statements.as_ref().zip(after.statements.as_ref());
        Self {
            statements: both.map(|(before, after)| deltas(before, after, statements)),
            waits: shares(&seen.waits),
            n_samples: seen.n_looks,
            checkpoints: before
                .checkpoints
                .zip(after.checkpoints)
                .map(|(before, after)| after.saturating_sub(before)),
            autovacuum: seen.autovacuum.iter().cloned().collect(),
            plans: Vec::new(),
            notes: Vec::new(),
        }
    }

    /// Says which plans were others after the load.
    pub(crate) fn plan_changes(&self) -> Option<String> {
        let changed: Vec<&str> = self
            .plans
            .iter()
            .filter(|plan| plan.then.is_some())
            .map(|plan| plan.statement.as_str())
            .collect();
        (!changed.is_empty())
            .then(|| format!("the plan was another one after the load: {}", changed.join(", ")))
    }
}

impl Counters {
    /// Returns what was counted since `before`; after a reset, all that was counted since then.
    fn since(&self, before: &Self) -> Self {
        if before.calls > self.calls {
            return *self;
        }
        Self {
            calls: self.calls - before.calls,
            rows: self.rows.saturating_sub(before.rows),
            exec_ms: (self.exec_ms - before.exec_ms).max(0.0),
            blocks_hit: self.blocks_hit.saturating_sub(before.blocks_hit),
            blocks_read: self.blocks_read.saturating_sub(before.blocks_read),
            blocks_dirtied: self.blocks_dirtied.saturating_sub(before.blocks_dirtied),
            temp_blocks: self.temp_blocks.saturating_sub(before.temp_blocks),
            wal_records: self.wal_records.saturating_sub(before.wal_records),
            wal_bytes: self.wal_bytes.saturating_sub(before.wal_bytes),
        }
    }

    fn add(&mut self, other: &Self) {
        self.calls += other.calls;
        self.rows += other.rows;
        self.exec_ms += other.exec_ms;
        self.blocks_hit += other.blocks_hit;
        self.blocks_read += other.blocks_read;
        self.blocks_dirtied += other.blocks_dirtied;
        self.temp_blocks += other.temp_blocks;
        self.wal_records += other.wal_records;
        self.wal_bytes += other.wal_bytes;
    }

    pub(crate) fn mean_ms(&self) -> f64 {
        #[expect(clippy::cast_precision_loss, reason = "counts are far below 2^53")]
        let calls = self.calls.max(1) as f64;
        self.exec_ms / calls
    }

    /// Returns a number for each call.
    pub(crate) fn per_call(&self, n: u64) -> f64 {
        #[expect(clippy::cast_precision_loss, reason = "counts are far below 2^53")]
        let per_call = n as f64 / self.calls.max(1) as f64;
        per_call
    }
}

/// Returns what was counted of each statement that ran. Rows are found by the text without its constants, which is the same by
/// every protocol; statements that share one get its counters together, under all their names.
fn deltas(before: &[Row], after: &[Row], statements: &[(&str, &str)]) -> Vec<(String, Counters)> {
    let known: BTreeMap<i64, &Counters> = before.iter().map(|row| (row.query_id, &row.counters)).collect();
    let mut by_fingerprint: BTreeMap<String, Counters> = BTreeMap::new();
    for row in after {
        let none = Counters::default();
        let delta = row.counters.since(known.get(&row.query_id).unwrap_or(&&none));
        if delta.calls > 0
            && let Ok(parsed) = query::parse(&row.query)
        {
            by_fingerprint.entry(parsed.fingerprint).or_default().add(&delta);
        }
    }
    let mut named: Vec<(String, String)> = Vec::new();
    for (name, sql) in statements {
        let Ok(parsed) = query::parse(sql) else { continue };
        match named.iter_mut().find(|(fingerprint, _)| *fingerprint == parsed.fingerprint) {
            Some((_, names)) => *names = format!("{names}, {name}"),
            None => named.push((parsed.fingerprint, (*name).to_owned())),
        }
    }
    named
        .into_iter()
        .filter_map(|(fingerprint, name)| Some((name, by_fingerprint.remove(&fingerprint)?)))
        .collect()
}

fn shares(counts: &BTreeMap<String, u64>) -> Vec<(String, f64)> {
    let all: u64 = counts.values().sum();
    #[expect(clippy::cast_precision_loss, reason = "counts are far below 2^53")]
    let mut shares: Vec<(String, f64)> =
        counts.iter().map(|(name, n)| (name.clone(), *n as f64 / all as f64)).collect();
    shares.sort_by(|a, b| b.1.total_cmp(&a.1));
    shares
}

/// Returns the blocks of the two halves of a run; `None` if it was too short to be cut: counters arrive up to a second late.
pub(crate) fn halves(blocks: &[BlocksAt]) -> Option<[Blocks; 2]> {
    const SHORTEST: Duration = Duration::from_secs(4);
    let (first, last) = (blocks.first()?, blocks.last()?);
    let length = last.0.checked_sub(first.0).filter(|length| *length >= SHORTEST)?;
    let middle = first.0 + length / 2;
    let half = blocks.iter().min_by_key(|(at, _)| at.abs_diff(middle))?;
    let between = |before: &Blocks, after: &Blocks| Blocks {
        hit: after.hit.saturating_sub(before.hit),
        read: after.read.saturating_sub(before.read),
    };
    Some([between(&first.1, &half.1), between(&half.1, &last.1)])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(query_id: i64, query: &str, calls: u64) -> Row {
        let counters = Counters { calls, rows: 2 * calls, blocks_hit: 3 * calls, ..Counters::default() };
        Row { query_id, query: query.to_owned(), counters }
    }

    #[test]
    fn counters_are_found_by_text_without_constants() {
        let before = [row(1, "SELECT a FROM t WHERE id = $1", 5), row(3, "SELECT 1", 7)];
        let after = [
            row(1, "SELECT a FROM t WHERE id = $1", 15),
            row(2, "select a from t where id = $1", 4),
            row(3, "SELECT 1", 7),
            row(4, "SELECT b FROM t", 2),
        ];
        let statements =
            [("by-id", "SELECT a FROM t WHERE id = 42"), ("idle", "SELECT 5"), ("b", "SELECT b FROM t")];
        let found = deltas(&before, &after, &statements);
        let calls: Vec<_> = found.iter().map(|(name, it)| (name.as_str(), it.calls, it.blocks_hit)).collect();
        assert_eq!(calls, [("by-id", 14, 42), ("b", 2, 6)]);
        assert!((found[0].1.per_call(found[0].1.blocks_hit) - 3.0).abs() < 1e-9);
    }

    #[test]
    fn statements_of_one_text_share_their_counters() {
        let after = [row(1, "SELECT $1", 10)];
        let found = deltas(&[], &after, &[("one", "SELECT 1"), ("two", "SELECT 2")]);
        assert_eq!(
            found.iter().map(|(name, it)| (name.as_str(), it.calls)).collect::<Vec<_>>(),
            [("one, two", 10)]
        );
    }

    #[test]
    fn after_a_reset_all_counts() {
        let found = deltas(&[row(1, "SELECT $1", 100)], &[row(1, "SELECT $1", 10)], &[("one", "SELECT 1")]);
        assert_eq!(found[0].1.calls, 10);
    }

    #[test]
    fn looks_give_shares() {
        let waits = [("running", 1), ("Lock: tuple", 3)].map(|(name, n)| (name.to_owned(), n));
        let seen = Seen { n_looks: 3, waits: waits.into(), autovacuum: ["VACUUM t".to_owned()].into() };
        let snapshot = |n| Snapshot { statements: None, checkpoints: Some(n) };
        let work = ServerWork::of(&snapshot(3), &snapshot(5), &seen, &[]);
        assert_eq!(work.waits, [("Lock: tuple".to_owned(), 0.75), ("running".to_owned(), 0.25)]);
        assert_eq!((work.n_samples, work.checkpoints, work.autovacuum.len()), (3, Some(2), 1));
        assert!(work.statements.is_none() && work.plan_changes().is_none());
        let none = ServerWork::of(&Snapshot::default(), &snapshot(5), &Seen::default(), &[]);
        assert!(none.checkpoints.is_none() && none.waits.is_empty());
    }

    #[test]
    fn a_run_is_cut_in_the_middle() {
        let at = |seconds, hit| (Duration::from_secs(seconds), Blocks { hit, read: 0 });
        let blocks = [at(1, 100), at(3, 500), at(5, 600), at(6, 1000)];
        let [first, second] = halves(&blocks).unwrap();
        assert_eq!((first.hit, second.hit), (400, 500));
        assert!(halves(&blocks[..2]).is_none() && halves(&[]).is_none());
    }
}
