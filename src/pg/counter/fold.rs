//! Adds what is pending to the counters, batch after batch.

use std::time::{Duration, Instant};

use super::batch::{self, Folded};
use crate::counter::backfill::sql::LOCK_TIMEOUT;
use crate::counter::site::Site;
use crate::index::change::failure::Failure;
use crate::pg::{Connection, Error, Interrupt, Result};

/// So many pending changes are looked at in one batch.
const ROWS: u32 = 1_000;

/// What came of a batch, or of several in a row.
pub(crate) enum Turn<'e> {
    /// It added something up, in this time.
    Took(Duration),
    /// All that is left is of rows that somebody has locked; so often was nothing else found.
    Locked(u32),
    /// Somebody was in the way, so often.
    Busy(u32, &'e Error),
}

/// Adds up what a site has pending until nothing is left. After each batch `rest` says how long to wait; where it says `None`,
/// what is left is left.
pub(crate) async fn fold(
    connection: &Connection,
    site: &Site,
    interrupt: &Interrupt,
    folded: &mut Folded,
    mut rest: impl FnMut(Turn<'_>) -> Option<Duration>,
) -> Result<()> {
    let timeout = batch::patience(connection, LOCK_TIMEOUT).await?;
    let (mut n_locked, mut n_busy) = (0, 0);
    loop {
        let start = Instant::now();
        let pause = match one(connection, site, timeout).await {
            Ok(None) => return Ok(()),
            Ok(Some(more)) => {
                n_busy = 0;
                folded.n_parents += more.n_parents;
                folded.n_orphans += more.n_orphans;
                n_locked = if more == Folded::default() { n_locked + 1 } else { 0 };
                let turn = if n_locked > 0 { Turn::Locked(n_locked) } else { Turn::Took(start.elapsed()) };
                let Some(pause) = rest(turn) else { return Ok(()) };
                pause
            }
            Err(error) if error.failure() == Failure::Busy && !interrupt.is_raised() => {
                n_busy += 1;
                let Some(pause) = rest(Turn::Busy(n_busy, &error)) else { return Err(error) };
                pause
            }
            Err(error) => return Err(error),
        };
        interrupt.pause(pause).await?;
    }
}

/// Runs a batch; `None` where nothing is pending any more.
async fn one(connection: &Connection, site: &Site, timeout: Duration) -> Result<Option<Folded>> {
    let folded = batch::fold(connection, site, ROWS, timeout).await?;
    let is_left = folded != Folded::default() || batch::has_pending(connection, site).await?;
    Ok(is_left.then_some(folded))
}
