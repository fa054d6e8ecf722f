//! Counts the children of some keys again while everybody writes.

use std::collections::BTreeSet;

use super::batch::{self, Counting, Ran};
use crate::counter::backfill::pace::{DEFAULT_DUTY, DEFAULT_TARGET, Pace, delay};
use crate::counter::backfill::sql::LOCK_TIMEOUT;
use crate::counter::backfill::{Backfill, Due, Key, protocol};
use crate::counter::site::Site;
use crate::counter::state::State;
use crate::index::change::failure::Failure;
use crate::pg::{Connection, Interrupt, Result};

/// Rows that nobody gives free in so many rounds, some half a minute, are left to the user.
const MAX_VAIN_ROUNDS: u32 = 20;
/// Keys that rows are made for at once.
const ROWS_AT_ONCE: usize = 1_000;

/// Sets all counters of a site right for these keys, and returns how many keys stay as they are because somebody has locked their
/// rows. `done` is told how many more are right.
pub(crate) async fn repair(
    connection: &Connection,
    (site, state): (&Site, &State),
    keys: Vec<Key>,
    interrupt: &Interrupt,
    mut done: impl FnMut(u64),
) -> Result<usize> {
    if site.is_side() {
        make_rows(connection, site, &keys, interrupt).await?;
    }
    let protocol = protocol(site.mode, state.has_key_index(site));
    let counting = Counting::start(connection, site, Due::All, protocol).await?;
    let mut backfill = Backfill::of_keys(keys);
    let mut pace = Pace::new(DEFAULT_TARGET, DEFAULT_DUTY);
    let mut n_busy = 0;
    while let Some(batch) = backfill.next(protocol.batch_rows(pace.rows())) {
        let n_vain = backfill.n_vain_rounds();
        if n_vain >= MAX_VAIN_ROUNDS {
            return Ok(backfill.skipped().len());
        }
        let rest = match counting.run(connection, &batch).await {
            Ok(Ran { seen, time }) => {
                n_busy = 0;
                backfill.took(&batch, &seen);
                done(seen.iter().filter(|(_, is_taken)| *is_taken).count() as u64);
                pace.took(seen.len(), time, false)
            }
            Err(error) if error.failure() == Failure::Busy && n_busy < MAX_VAIN_ROUNDS => {
                n_busy += 1;
                pace.gave_way();
                delay(n_busy)
            }
            Err(error) => return Err(error),
        };
        let rest = if backfill.n_vain_rounds() > n_vain { delay(backfill.n_vain_rounds()) } else { rest };
        interrupt.pause(rest).await?;
    }
    Ok(0)
}

/// Makes rows for keys of which a table of counters' own may have none.
async fn make_rows(connection: &Connection, site: &Site, keys: &[Key], interrupt: &Interrupt) -> Result<()> {
    let timeout = batch::patience(connection, LOCK_TIMEOUT).await?;
    for keys in keys.chunks(ROWS_AT_ONCE) {
        let mut n_busy = 0;
        while let Err(error) = batch::make_rows_of(connection, site, keys, timeout).await {
            n_busy += 1;
            if error.failure() != Failure::Busy || n_busy > MAX_VAIN_ROUNDS {
                return Err(error);
            }
            interrupt.pause(delay(n_busy)).await?;
        }
    }
    Ok(())
}

/// Returns each key once.
pub(crate) fn distinct(keys: impl Iterator<Item = Key>) -> Vec<Key> {
    keys.collect::<BTreeSet<Key>>().into_iter().collect()
}
