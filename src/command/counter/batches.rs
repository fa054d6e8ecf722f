//! The steps of a plan that are many small transactions.

use std::time::{Duration, Instant};

use super::execute::{Executor, Flow};
use crate::command::index::apply::{self, Watcher, pause};
use crate::counter::backfill::pace::{self, MAX_DELAY_ATTEMPT};
use crate::counter::backfill::sql::LOCK_TIMEOUT;
use crate::counter::backfill::{Backfill, Due, Key, Protocol};
use crate::counter::journal::{Entry, Progress};
use crate::counter::site::Site;
use crate::counter::state::State;
use crate::error::Result;
use crate::index::change::failure::Failure;
use crate::pg::counter::batch::{self, Counting, Folded, Ran};
use crate::pg::counter::fold::{self, Turn};
use crate::pg::{self};
use crate::sources;
use crate::ui::{self, Unit};
use crate::unit;

/// How often a run says how far it is.
const NOTE_INTERVAL: Duration = Duration::from_secs(2);
/// How often it is looked whether a run may go on.
const HOLD_INTERVAL: Duration = Duration::from_secs(1);
/// Whoever is in the way of so many batches, one after the other, is told of.
const MANY: u32 = 10;

/// How far a count is.
struct Count<'s> {
    site: &'s Site,
    backfill: Backfill,
    n_done: u64,
    n_total: u64,
    start: Instant,
    noted: Instant,
    bar: ui::Progress,
}

impl Executor<'_> {
    /// Counts the rows of a site that are due.
    pub(super) async fn count(
        &mut self,
        state: &State,
        (site, due, protocol): (&Site, Due, Protocol),
        may_resume: bool,
        n_rows: &mut u64,
    ) -> Result<Flow> {
        let resumed = self.told.resume(self.wanted(site)).filter(|_| may_resume && due == Due::All);
        let (cursor, skipped) =
            resumed.map_or((None, Vec::new()), |(key, skipped)| (Some(key.clone()), skipped.to_vec()));
        if cursor.is_some() {
            self.context.ui.status(format_args!("the count of {} goes on where it was", site.parent));
        }
        let n_total = batch::estimate(&self.control, &Self::tree_oids(state, &site.parent)).await?;
        let label = format!("count {}", site.parent);
        let mut count = Count {
            site,
            backfill: Backfill::new(due, cursor, skipped),
            n_done: 0,
            n_total,
            start: Instant::now(),
            noted: Instant::now(),
            bar: self.context.ui.progress(&label, n_total, Unit::Rows),
        };
        self.write_progress(&mut count, None).await?;
        self.worker.reset_limits().await?;
        let mut n_busy = 0;
        let counting = loop {
            let _watcher = Watcher::new(self.context, format!("prepare to count {}", site.child));
            let connection = &self.worker.connection;
            match Counting::start(connection, site, due, protocol).await {
                Ok(counting) => break counting,
                Err(error) => {
                    if let Some(flow) = self.busy(error, &mut n_busy).await? {
                        return Ok(flow);
                    }
                }
            }
        };
        n_busy = 0;
        let mut n_vain = 0;
        self.look().await?;
        while let Some(batch) = count.backfill.next(protocol.batch_rows(self.throttle.pace.rows())) {
            self.await_calm(&mut count).await?;
            let result = if self.throttle.is_due() {
                let pids = self.pids();
                // It looks while the batch has its locks: so it sees who waits for them.
                let (result, looked) = tokio::join!(
                    counting.run(&self.worker.connection, &batch),
                    self.throttle.look(&self.control, &pids, &self.run.id),
                );
                match looked {
                    Ok(true) => self.throttle.pace.gave_way(),
                    Ok(false) => {}
                    Err(error) => self.lost_sight(error).await?,
                }
                result
            } else {
                counting.run(&self.worker.connection, &batch).await
            };
            let Ran { seen, time } = match result {
                Ok(ran) => ran,
                Err(error) => {
                    let Some(flow) = self.busy(error, &mut n_busy).await? else { continue };
                    *n_rows += count.n_done;
                    return Ok(flow);
                }
            };
            n_busy = 0;
            count.backfill.took(&batch, &seen);
            count.n_done += seen.iter().filter(|(_, is_taken)| *is_taken).count() as u64;
            let rest = self.throttle.took(seen.len(), time);
            count.show();
            if count.noted.elapsed() >= NOTE_INTERVAL {
                self.write_progress(&mut count, None).await?;
            }
            pause(self.context, rest).await?;
            if count.backfill.n_vain_rounds() > n_vain {
                n_vain = count.backfill.n_vain_rounds();
                if n_vain == MAX_DELAY_ATTEMPT {
                    self.context.ui.status(format_args!(
                        "{} rows of {} are locked by others; they are tried again and again",
                        count.backfill.skipped().len(),
                        site.parent
                    ));
                }
                pause(self.context, pace::delay(n_vain)).await?;
            }
        }
        *n_rows += count.n_done;
        self.write_progress(&mut count, None).await?;
        self.note_counted(state, site).await?;
        Ok(Flow::Next)
    }

    /// Writes down that columns which were there before hold counts now.
    async fn note_counted(&mut self, state: &State, site: &Site) -> Result<()> {
        let table = state.table(&site.parent).filter(|_| !site.is_side());
        let is_theirs = |column: &String| {
            table.and_then(|table| table.column(column)).is_some_and(|column| !column.is_ours())
        };
        let columns: Vec<String> =
            site.counters.iter().map(|counter| counter.column.clone()).filter(is_theirs).collect();
        if columns.is_empty() {
            return Ok(());
        }
        let parent = site.parent.clone();
        self.told.counted.extend(columns.iter().map(|column| (parent.clone(), column.clone())));
        self.note(Entry::Counted { run: self.run.id.clone(), parent, columns }).await
    }

    async fn look(&mut self) -> Result<()> {
        let pids = self.pids();
        match self.throttle.look(&self.control, &pids, &self.run.id).await {
            Ok(_) => Ok(()),
            Err(error) => self.lost_sight(error).await,
        }
    }

    /// Takes the lock again where a look has failed because the session is lost; that is told before the connection is closed.
    async fn lost_sight(&mut self, error: pg::Error) -> Result<()> {
        if error.failure() != Failure::SessionLost && !self.control.is_closed() {
            return Err(error.into());
        }
        pause(self.context, apply::POLL).await?;
        self.keep_control().await
    }

    /// Waits until the server, and people, let the run go on.
    async fn await_calm(&mut self, count: &mut Count<'_>) -> Result<()> {
        let Some(mut said) = self.throttle.hold() else { return Ok(()) };
        self.write_progress(count, Some(said.to_string())).await?;
        let context = self.context;
        let mut watcher = Watcher::new(context, format!("count {}", count.site.parent));
        while let Some(hold) = self.throttle.hold() {
            watcher.holds_back(&hold.to_string());
            if hold != said && count.noted.elapsed() >= NOTE_INTERVAL {
                self.write_progress(count, Some(hold.to_string())).await?;
                said = hold;
            }
            pause(context, HOLD_INTERVAL).await?;
            self.keep_control().await?;
            self.look().await?;
        }
        self.write_progress(count, None).await
    }

    async fn write_progress(&mut self, count: &mut Count<'_>, held_by: Option<String>) -> Result<()> {
        count.noted = Instant::now();
        let progress = Progress {
            at_us: sources::now_us(),
            session: Some(self.session.clone()),
            parent: count.site.parent.clone(),
            child: count.site.child.clone(),
            cursor: count.backfill.cursor().cloned(),
            skipped: count.backfill.skipped().to_vec(),
            n_done: count.n_done,
            n_total: count.n_total,
            rows_per_s: count.rows_per_s(),
            held_by,
        };
        self.note(Entry::Progress { run: self.run.id.clone(), progress: Box::new(progress) }).await
    }

    /// Makes the rows of a table of counters' own.
    pub(super) async fn make_rows(&mut self, state: &State, site: &Site, n_rows: &mut u64) -> Result<Flow> {
        let timeout = batch::patience(&self.control, LOCK_TIMEOUT).await?;
        self.worker.reset_limits().await?;
        let has_index = state.has_key_index(site);
        let mut cursor: Option<Key> = None;
        let mut n_busy = 0;
        loop {
            let start = Instant::now();
            let connection = &self.worker.connection;
            let n_asked = self.throttle.pace.rows();
            let made = if has_index {
                batch::make_rows(connection, site, (cursor.as_ref(), n_asked), timeout).await
            } else {
                batch::make_all_rows(connection, site, timeout).await.map(|n| {
                    *n_rows += n;
                    Vec::new()
                })
            };
            match made {
                Ok(keys) => {
                    n_busy = 0;
                    *n_rows += keys.len() as u64;
                    let is_last = keys.len() < n_asked as usize;
                    let rest = self.throttle.took(keys.len(), start.elapsed().into());
                    cursor = keys.into_iter().next_back();
                    if is_last {
                        return Ok(Flow::Next);
                    }
                    pause(self.context, rest).await?;
                }
                Err(error) => {
                    if let Some(flow) = self.busy(error, &mut n_busy).await? {
                        return Ok(flow);
                    }
                }
            }
        }
    }

    /// Adds up all that is pending, until nothing is left.
    pub(super) async fn fold_all(&mut self, site: &Site, n_rows: &mut u64) -> Result<Flow> {
        self.worker.reset_limits().await?;
        let _watcher = Watcher::new(self.context, format!("fold {}", site.parent));
        let (ui, throttle) = (&self.context.ui, &mut self.throttle);
        let rest = |turn: Turn<'_>| {
            Some(match turn {
                Turn::Took(elapsed) => throttle.took(0, elapsed.into()),
                Turn::Locked(n) => {
                    if n == MANY {
                        let parent = &site.parent;
                        ui.status(format_args!(
                            "rows of {parent} that have something pending are locked by others"
                        ));
                    }
                    pace::delay(n)
                }
                Turn::Busy(n, error) => {
                    if n == MANY {
                        ui.status(format_args!("waits: {error}"));
                    }
                    throttle.pace.gave_way();
                    pace::delay(n)
                }
            })
        };
        let mut folded = Folded::default();
        let result =
            fold::fold(&self.worker.connection, site, &self.context.interrupt, &mut folded, rest).await;
        *n_rows += folded.n_parents;
        match result {
            Ok(()) => Ok(Flow::Next),
            Err(error) => self.fail(error).await,
        }
    }

    /// Waits where somebody was in the way; `None` is to try the same again.
    async fn busy(&mut self, error: pg::Error, n_busy: &mut u32) -> Result<Option<Flow>> {
        if error.failure() != Failure::Busy || self.context.interrupt.is_raised() {
            return self.fail(error).await.map(Some);
        }
        *n_busy += 1;
        if *n_busy == MANY {
            self.context.ui.status(format_args!("waits: {error}"));
        }
        self.throttle.pace.gave_way();
        pause(self.context, pace::delay(*n_busy)).await?;
        Ok(None)
    }
}

impl Count<'_> {
    fn rows_per_s(&self) -> f64 {
        #[expect(clippy::cast_precision_loss, reason = "a rate is shown with three digits")]
        let n_done = self.n_done as f64;
        n_done / self.start.elapsed().as_secs_f64().max(1e-3)
    }

    fn show(&self) {
        let rate = self.rows_per_s();
        self.bar.set(self.n_done);
        self.bar.message(format!("{} rows/s  {}", unit::estimate(rate), self.site.parent));
        let n_left = self.n_total.saturating_sub(self.n_done);
        #[expect(clippy::cast_precision_loss, reason = "an estimate")]
        let left = Duration::try_from_secs_f64(n_left as f64 / rate).ok().filter(|_| n_left > 0);
        self.bar.ends_at(left.and_then(|left| Instant::now().checked_add(left)));
    }
}
