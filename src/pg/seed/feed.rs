//! Makes rows in a thread of their own, so that the server never waits for them and the runtime never for a row.

use std::collections::BTreeSet;
use std::iter;
use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, mpsc};

use bytes::Bytes;
use tokio::sync::mpsc as channel;

use crate::seed::make::block::Patches;
use crate::seed::make::lane::BLOCK_ROWS;
use crate::seed::make::world::World;
use crate::seed::plan::{Plan, Routing};
use crate::seed::schema::TableId;
use crate::seed::wire::rows::{HEADER, Memory, RowWriter, TRAILER};

/// What is sent at once: large enough to spare wake-ups, small enough to stay in the second cache on its way through the driver and
/// the server, which each copy it.
const BUFFER_BYTES: usize = 64 * 1024;
/// Buffers of a stream: the one that is being filled, those that wait, and those that the driver holds.
const N_BUFFERS: usize = 12;
/// A thread sleeps until it has so many to fill: what it reads for each row is out of the caches whenever it comes back.
const N_AT_ONCE: usize = N_BUFFERS / 2;
/// Rows that are made at once, of a table with narrow rows.
const MAX_ROWS: u64 = 1024;
/// Rows that are made before it is known how wide they are.
const FIRST_ROWS: u64 = 16;
/// Rows for more partitions than these go through the table: each copy costs a round trip.
const MAX_COPIES: usize = 32;

/// The name of the threads, by which `benches/seed.rs` knows them.
const THREAD: &str = "rows";

/// Rows to make.
struct Job {
    table: TableId,
    rows: Range<u64>,
    patches: Arc<Patches>,
    /// Where they go to.
    to: To,
    ticket: u64,
}

/// How rows are cut into copies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum To {
    /// One copy of all.
    Table,
    /// One for each partition, as the plan routes rows.
    Partitions,
}

/// What comes of a job.
pub(super) enum Piece {
    /// What follows is a copy of its own into this partition, by its place in [`Routing::leaves`]; none: into the table.
    Into(Option<u16>),
    /// Bytes of COPY BINARY.
    Rows(Bytes),
    /// The copy into a partition is complete.
    EndOfCopy,
    /// All has come.
    End,
}

/// A thread that makes rows, one job after the other.
pub(super) struct Feed {
    jobs: mpsc::Sender<Job>,
    pieces: channel::Receiver<(u64, Piece)>,
    /// Of the last job that was given.
    last_ticket: u64,
    /// Of the last job whose end has come.
    ended_ticket: u64,
    /// Jobs up to this one are not worth going on with.
    abandoned: Arc<AtomicU64>,
}

/// The buffers of a thread.
struct Buffers {
    /// Emptied ones come here.
    returned: mpsc::Receiver<Vec<u8>>,
    home: mpsc::Sender<Vec<u8>>,
    at_hand: Vec<Vec<u8>>,
}

impl Buffers {
    fn new() -> Self {
        let (home, returned) = mpsc::channel();
        let empty = || Vec::with_capacity(BUFFER_BYTES + BUFFER_BYTES / 4);
        Self { returned, home, at_hand: iter::repeat_with(empty).take(N_BUFFERS).collect() }
    }

    /// Returns an empty buffer. Where there is none, it waits for several; all that are sent come back.
    fn take(&mut self) -> Vec<u8> {
        self.at_hand.extend(self.returned.try_iter());
        if self.at_hand.is_empty() {
            self.at_hand.extend(self.returned.iter().take(N_AT_ONCE));
        }
        let mut buffer = self.at_hand.pop().unwrap_or_default();
        buffer.clear();
        buffer
    }

    /// Lends a buffer to the driver.
    fn lend(&self, bytes: Vec<u8>) -> Bytes {
        Bytes::from_owner(Lent { bytes, home: self.home.clone() })
    }
}

/// A buffer that goes back to its thread when the driver is done with it.
struct Lent {
    bytes: Vec<u8>,
    home: mpsc::Sender<Vec<u8>>,
}

impl AsRef<[u8]> for Lent {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        // The thread may have ended.
        _ = self.home.send(std::mem::take(&mut self.bytes));
    }
}

impl Feed {
    pub(super) fn new(plan: Arc<Plan>) -> Self {
        let (jobs, taken) = mpsc::channel();
        let (sent, pieces) = channel::channel(N_BUFFERS);
        let abandoned = Arc::new(AtomicU64::new(0));
        let is_abandoned = Arc::clone(&abandoned);
        let thread = std::thread::Builder::new().name(THREAD.to_owned());
        thread.spawn(move || run(&plan, &taken, &sent, &is_abandoned)).expect("a thread can be started");
        Self { jobs, pieces, last_ticket: 0, ended_ticket: 0, abandoned }
    }

    /// Asks for rows, whose pieces come after those of all earlier jobs.
    pub(super) fn ask(&mut self, table: TableId, rows: Range<u64>, patches: Arc<Patches>, to: To) {
        self.last_ticket += 1;
        let job = Job { table, rows, patches, to, ticket: self.last_ticket };
        // A thread that has ended is seen when its pieces do not come.
        _ = self.jobs.send(job);
    }

    /// Returns the next piece of the oldest job; `None` if the thread has died.
    pub(super) async fn next(&mut self) -> Option<Piece> {
        let (ticket, piece) = self.pieces.recv().await?;
        if matches!(piece, Piece::End) {
            self.ended_ticket = ticket;
        }
        Some(piece)
    }

    /// Forgets all jobs.
    pub(super) async fn abandon(&mut self) {
        self.abandoned.store(self.last_ticket, Ordering::Relaxed);
        while self.ended_ticket < self.last_ticket {
            if self.next().await.is_none() {
                return;
            }
        }
    }
}

/// Does the jobs until nobody asks or takes any more.
fn run(
    plan: &Plan,
    jobs: &mpsc::Receiver<Job>,
    pieces: &channel::Sender<(u64, Piece)>,
    abandoned: &AtomicU64,
) -> Option<()> {
    let mut buffers = Buffers::new();
    let mut of_last = None;
    while let Ok(Job { table, rows, patches, to, ticket }) = jobs.recv() {
        let send = |piece: Piece| pieces.blocking_send((ticket, piece)).ok();
        let is_abandoned = || abandoned.load(Ordering::Relaxed) >= ticket;
        let world = World::new(plan, &patches);
        let memory =
            of_last.take().filter(|(of, _)| *of == table).map_or_else(Memory::default, |(_, memory)| memory);
        let mut writer = RowWriter::within(&world, table, memory);
        let routing = world.table(table).routing.as_ref().filter(|_| to == To::Partitions);
        let is_split = routing.is_some_and(|routing| {
            let of_rows: BTreeSet<u16> = writer.leaves(rows.clone(), routing).into_iter().collect();
            of_rows.len() <= MAX_COPIES
        });
        if let (Some(routing), true) = (routing, is_split) {
            split(&mut writer, rows, routing, &is_abandoned, &send)?;
        } else {
            if routing.is_some() {
                send(Piece::Into(None))?;
            }
            stream(&mut writer, rows, &mut buffers, &is_abandoned, &send)?;
            if routing.is_some() {
                send(Piece::EndOfCopy)?;
            }
        }
        send(Piece::End)?;
        of_last = Some((table, writer.into_memory()));
    }
    Some(())
}

/// Makes the rows of one copy, buffer by buffer.
fn stream(
    writer: &mut RowWriter<'_>,
    rows: Range<u64>,
    buffers: &mut Buffers,
    is_abandoned: &dyn Fn() -> bool,
    send: &dyn Fn(Piece) -> Option<()>,
) -> Option<()> {
    let mut next = rows.start;
    let mut is_first = true;
    // As many as the rows before them let expect to fill a buffer.
    let mut at_once = FIRST_ROWS;
    while (is_first || next < rows.end) && !is_abandoned() {
        let mut buffer = buffers.take();
        if is_first {
            buffer.extend_from_slice(HEADER);
            is_first = false;
        }
        while next < rows.end && buffer.len() < BUFFER_BYTES / 2 {
            let end = (next + at_once).min(rows.end);
            let n_before = buffer.len();
            writer.append(next..end, &mut buffer);
            let row_bytes = ((buffer.len() - n_before) as u64 / (end - next)).max(1);
            at_once = (BUFFER_BYTES as u64 / row_bytes).clamp(1, MAX_ROWS);
            next = end;
        }
        if next == rows.end {
            buffer.extend_from_slice(TRAILER);
        }
        send(Piece::Rows(buffers.lend(buffer)))?;
    }
    Some(())
}

/// Makes all rows, and hands them out partition by partition: a session has one copy at a time.
fn split(
    writer: &mut RowWriter<'_>,
    rows: Range<u64>,
    routing: &Routing,
    is_abandoned: &dyn Fn() -> bool,
    send: &dyn Fn(Piece) -> Option<()>,
) -> Option<()> {
    let mut copies: Vec<Vec<u8>> = vec![Vec::new(); routing.leaves.len() + 1];
    for start in rows.clone().step_by(BLOCK_ROWS) {
        if is_abandoned() {
            return Some(());
        }
        writer.append_split(start..rows.end.min(start + BLOCK_ROWS as u64), routing, &mut copies);
    }
    for (leaf, mut bytes) in copies.into_iter().enumerate().filter(|(_, bytes)| !bytes.is_empty()) {
        bytes.extend_from_slice(TRAILER);
        send(Piece::Into(u16::try_from(leaf).ok().filter(|_| leaf < routing.leaves.len())))?;
        send(Piece::Rows(Bytes::from_static(HEADER)))?;
        let bytes = Bytes::from(bytes);
        for start in (0..bytes.len()).step_by(BUFFER_BYTES) {
            send(Piece::Rows(bytes.slice(start..bytes.len().min(start + BUFFER_BYTES))))?;
        }
        send(Piece::EndOfCopy)?;
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seed::fixture::{plan, serial, table};
    use crate::seed::make::{Draw, Maker, Values};
    use crate::seed::plan::{ColumnPlan, RouteBy, TablePlan};
    use crate::seed::wire::Wire;

    /// Returns where copies of 3,000 rows go, each with its number of bytes.
    async fn copies(n_leaves: u16, to: To) -> Vec<(Option<Option<u16>>, usize)> {
        let leaves = (0..n_leaves).map(|n| ("public".to_owned(), format!("t_{n}"))).collect();
        let lows = (0..n_leaves).map(|n| (1 + 3_000 * i64::from(n) / i64::from(n_leaves), n)).collect();
        let routing = Some(Routing { column: 0, leaves, by: RouteBy::Range(lows) });
        let columns = vec![serial("id", 1, 1)];
        let t = TablePlan { columns, fill_order: vec![0], routing, ..table("t", 3_000, 3_000) };
        let mut feed = Feed::new(Arc::new(plan(vec![t])));
        feed.ask(0, 0..3_000, Arc::default(), to);
        let mut copies = Vec::new();
        let (mut into, mut n_bytes) = (None, 0);
        loop {
            match feed.next().await.expect("the thread lives") {
                Piece::Into(leaf) => into = Some(leaf),
                Piece::Rows(bytes) => n_bytes += bytes.len(),
                Piece::EndOfCopy => copies.push((into.take(), std::mem::take(&mut n_bytes))),
                Piece::End if n_bytes > 0 => {
                    copies.push((None, n_bytes));
                    return copies;
                }
                Piece::End => return copies,
            }
        }
    }

    #[tokio::test]
    async fn rows_come_partition_by_partition() {
        let bytes = |n_rows: usize| HEADER.len() + n_rows * (2 + 4 + 8) + TRAILER.len();
        let thirds = [0, 1, 2].map(|leaf| (Some(Some(leaf)), bytes(1_000)));
        assert_eq!(copies(3, To::Partitions).await, thirds);
        assert_eq!(copies(3, To::Table).await, [(None, bytes(3_000))]);
        // More copies than are worth it.
        assert_eq!(copies(50, To::Partitions).await, [(Some(None), bytes(3_000))]);
    }

    #[tokio::test]
    async fn pieces_of_wide_rows_are_small() {
        let (min, max) = (10_000, 10_000);
        let maker = Maker::Drawn { draw: Draw::Bits, values: Values::Bytes { min, max } };
        let columns = vec![ColumnPlan { wire: Wire::Bytes, maker, ..serial("body", 1, 1) }];
        let t = TablePlan { columns, fill_order: vec![0], ..table("t", 500, 500) };
        let mut feed = Feed::new(Arc::new(plan(vec![t])));
        feed.ask(0, 0..500, Arc::default(), To::Table);
        let (mut n_bytes, mut greatest) = (0, 0);
        while let Some(Piece::Rows(bytes)) = feed.next().await {
            n_bytes += bytes.len();
            greatest = greatest.max(bytes.len());
        }
        assert_eq!(n_bytes, HEADER.len() + 500 * (2 + 4 + 10_000) + TRAILER.len());
        assert!(greatest < 4 * BUFFER_BYTES, "{greatest}");
    }
}
