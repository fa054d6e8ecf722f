//! The chunks of a run, which streams take in one order.
//!
//! Tables are loaded from their first row to their last by all streams together: two halves at once would leave rows out of the order of
//! their keys, and `correlation` and BRIN indexes worth little.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;
use tokio_postgres::Client;

use super::existing::{self, By};
use crate::pg::error::{Error, Result};
use crate::run_id::RunId;
use crate::seed::chunk::{Chunk, chunks, is_ready};
use crate::seed::make::block::Patches;
use crate::seed::manifest::{Done, GivenUp, Patch, Refused, left};
use crate::seed::plan::Plan;

pub(super) struct Queue {
    plan: Arc<Plan>,
    /// The last chunk of each step.
    last: BTreeMap<u32, u32>,
    state: Mutex<State>,
    changed: Notify,
}

struct State {
    pending: VecDeque<Chunk>,
    n_claimed: usize,
    done: Done,
    /// A copy for the threads that make rows.
    patches: Arc<Patches>,
}

impl Queue {
    pub(super) fn new(plan: Arc<Plan>, done: Done) -> Self {
        let last = chunks(&plan).map(|chunk| (chunk.step, chunk.number)).collect();
        let pending = left(&plan, &done.chunks).into();
        let patches = Arc::new(done.patches.clone());
        let state = Mutex::new(State { pending, n_claimed: 0, done, patches });
        Self { plan, last, state, changed: Notify::new() }
    }

    /// How many rows of each table are left to load.
    pub(super) fn rows_left(&self) -> Vec<u64> {
        let mut left = vec![0; self.plan.tables.len()];
        for (table, rows) in self.lock().pending.iter().flat_map(|chunk| &chunk.parts) {
            left[usize::from(*table)] += rows.end - rows.start;
        }
        left
    }

    pub(super) fn n_chunks_left(&self) -> usize {
        self.lock().pending.len()
    }

    /// How many rows take the place of refused ones.
    pub(super) fn n_patches(&self) -> usize {
        self.lock().done.patches.len()
    }

    /// Returns the next chunk, once there is one whose parents are there; `None` when none is left.
    pub(super) async fn claim(&self) -> Result<Option<Chunk>> {
        loop {
            let changed = self.changed.notified();
            futures_util::pin_mut!(changed);
            // From here on no change is missed.
            changed.as_mut().enable();
            if let Some(chunk) = self.try_claim() {
                return Ok(Some(chunk));
            }
            {
                let state = self.lock();
                if state.pending.is_empty() {
                    return Ok(None);
                }
                if state.n_claimed == 0 {
                    return Err(Error::Manifest {
                        reason: "the tables of the plan wait for each other".to_owned(),
                        hint: "This is a bug in perfkit; please report it with the schema.",
                    });
                }
            }
            changed.await;
        }
    }

    /// Returns the first chunk whose parents are there.
    pub(super) fn try_claim(&self) -> Option<Chunk> {
        let mut state = self.lock();
        let ready = state.pending.iter().position(|chunk| is_ready(chunk, &self.plan, &state.done.chunks))?;
        state.n_claimed += 1;
        state.pending.remove(ready)
    }

    /// Takes note that a claimed chunk is committed.
    pub(super) fn finished(&self, chunk: &Chunk) {
        let mut state = self.lock();
        state.done.chunks.insert((chunk.step, chunk.number));
        state.n_claimed -= 1;
        drop(state);
        self.changed.notify_waiters();
    }

    /// Whether everything that the rows of a chunk may refer to is there.
    pub(super) fn is_ready(&self, chunk: &Chunk) -> bool {
        is_ready(chunk, &self.plan, &self.lock().done.chunks)
    }

    /// Takes a claimed chunk back that is not loaded.
    pub(super) fn give_back(&self, chunk: Chunk) {
        let mut state = self.lock();
        state.n_claimed -= 1;
        state.pending.push_back(chunk);
        state.sort();
        drop(state);
        self.changed.notify_waiters();
    }

    /// Returns the chunks that are known to be committed, by step and number.
    pub(super) fn committed(&self) -> BTreeSet<(u32, u32)> {
        self.lock().done.chunks.clone()
    }

    /// Puts chunks back that were `committed` when the manifest was read and are not in it, and returns how many rows they have: a
    /// server that crashes, or whose replica takes over, may lose its last commits.
    pub(super) fn put_back_lost(&self, committed: &BTreeSet<(u32, u32)>, manifest: &Done) -> u64 {
        let mut state = self.lock();
        let is_lost = |chunk: &Chunk| {
            let id = (chunk.step, chunk.number);
            // Another stream may have put it back meanwhile.
            committed.contains(&id) && !manifest.chunks.contains(&id) && state.done.chunks.contains(&id)
        };
        let lost: Vec<Chunk> = chunks(&self.plan).filter(is_lost).collect();
        for chunk in &lost {
            state.done.chunks.remove(&(chunk.step, chunk.number));
        }
        let n_rows = n_rows(&lost);
        if n_rows > 0 {
            // Triggers fill their tables once more.
            state.done.patches.forget_keys();
            state.share();
        }
        state.pending.extend(lost);
        state.sort();
        drop(state);
        self.changed.notify_waiters();
        n_rows
    }

    /// Whether it is the last chunk of its step.
    pub(super) fn is_last(&self, chunk: &Chunk) -> bool {
        self.last.get(&chunk.step) == Some(&chunk.number)
    }

    pub(super) fn patches(&self) -> Arc<Patches> {
        Arc::clone(&self.lock().patches)
    }

    pub(super) fn patches_for(&self, refused: &[Refused], n_rows: u64) -> Result<Vec<Patch>, GivenUp> {
        self.lock().done.patches_for(refused, n_rows)
    }

    pub(super) fn patched(&self, patches: &[Patch]) {
        let mut state = self.lock();
        for patch in patches {
            state.done.patch(patch);
        }
        state.share();
    }

    /// Whether it is not known yet what rows of a chunk refer to: triggers have made it.
    pub(super) fn lacks_keys(&self, chunk: &Chunk) -> bool {
        let patches = self.patches();
        chunk
            .tables()
            .any(|table| self.plan.fed_parents(table).keys().any(|parent| !patches.has_keys(*parent)))
    }

    /// Reads what rows of a chunk refer to, where triggers have made it.
    pub(super) async fn read_keys(&self, client: &Client, run: &RunId, chunk: &Chunk) -> Result<()> {
        let known = self.patches();
        let keys = existing::fed(client, &self.plan, chunk.tables(), &known, By::Run(run)).await?;
        let mut state = self.lock();
        state.done.patches.add_keys(keys);
        state.share();
        Ok(())
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Has threads that make rows from now on know of all patches.
    fn share(&mut self) {
        self.patches = Arc::new(self.done.patches.clone());
    }

    /// Brings the chunks that are left into the order of loading.
    fn sort(&mut self) {
        self.pending.make_contiguous().sort_by_key(|chunk| (chunk.step, chunk.number));
    }
}

fn n_rows<'c>(chunks: impl IntoIterator<Item = &'c Chunk>) -> u64 {
    chunks.into_iter().map(Chunk::n_rows).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seed::fixture::{plan, table};

    #[tokio::test]
    async fn each_chunk_is_taken_once_and_in_order() {
        let plan = Arc::new(plan(vec![table("a", 3, 1), table("b", 2, 1)]));
        let done = Done { chunks: [(0, 1)].into(), ..Done::default() };
        let queue = Queue::new(plan, done);
        assert_eq!(queue.rows_left(), [2, 2]);
        let mut taken = Vec::new();
        while let Some(chunk) = queue.claim().await.unwrap() {
            taken.push((chunk.step, chunk.number, queue.is_last(&chunk)));
            queue.finished(&chunk);
        }
        assert_eq!(taken, [(0, 0, false), (0, 2, true), (1, 0, false), (1, 1, true)]);
    }
    #[tokio::test]
    async fn what_a_crash_has_lost_is_loaded_again() {
        let plan = Arc::new(plan(vec![table("a", 3, 1), table("b", 1, 1)]));
        let queue = Queue::new(plan, Done::default());
        for _ in 0..3 {
            let chunk = queue.claim().await.unwrap().unwrap();
            queue.finished(&chunk);
        }
        let claimed = queue.claim().await.unwrap().unwrap();
        assert_eq!((claimed.step, queue.rows_left()), (1, vec![0, 0]));
        let written = Done { chunks: [(0, 0)].into(), ..Done::default() };
        assert_eq!(queue.put_back_lost(&queue.committed(), &written), 2);
        queue.give_back(claimed);
        assert_eq!(queue.put_back_lost(&queue.committed(), &written), 0);
        let mut taken = Vec::new();
        while let Some(chunk) = queue.claim().await.unwrap() {
            taken.push((chunk.step, chunk.number));
            queue.finished(&chunk);
        }
        assert_eq!(taken, [(0, 1), (0, 2), (1, 0)]);
    }
}
