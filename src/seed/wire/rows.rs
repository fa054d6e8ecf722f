//! Rows of a table to COPY BINARY.

use std::ops::Range;

use super::column::Column;
use crate::seed::make::block::{Block, Scratch};
use crate::seed::make::lane::{BLOCK_ROWS, Cells, Lane};
use crate::seed::make::world::World;
use crate::seed::plan::{RouteBy, Routing};
use crate::seed::schema::TableId;
use crate::seed::wire::Wire;

/// The signature, flags and extension length that start a binary copy.
pub(crate) const HEADER: &[u8] = b"PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0";
/// The field count that ends a binary copy.
pub(crate) const TRAILER: &[u8] = &(-1_i16).to_be_bytes();

/// Writes any rows of a table, a block at a time, with the columns in the order of the plan.
#[derive(Debug)]
pub(crate) struct RowWriter<'p> {
    world: World<'p>,
    table: TableId,
    memory: Memory,
}

/// The memory that a writer works in. The next writer of the table's rows takes it over: to give it back and ask for it again costs
/// cleared pages, and so a tenth of the time that rows take.
#[derive(Debug, Default)]
pub(crate) struct Memory {
    scratch: Scratch,
    /// Room for what columns render.
    rooms: Vec<Lane>,
    /// Where the next field of each row goes, and where the row ends.
    places: Vec<usize>,
    ends: Vec<usize>,
    /// A block of rows before they go to their partitions.
    unsplit: Vec<u8>,
}

impl<'p> RowWriter<'p> {
    pub(crate) fn new(world: &World<'p>, table: TableId) -> Self {
        Self::within(world, table, Memory::default())
    }

    /// Returns a writer that works in the memory of another one of the same table.
    pub(crate) fn within(world: &World<'p>, table: TableId, mut memory: Memory) -> Self {
        memory.rooms.resize_with(world.table(table).columns.len(), Lane::default);
        Self { world: *world, table, memory }
    }

    pub(crate) fn into_memory(self) -> Memory {
        self.memory
    }

    /// Appends rows of the run.
    pub(crate) fn append(&mut self, rows: Range<u64>, out: &mut Vec<u8>) {
        for rows in blocks(rows) {
            let block = self.make(rows);
            self.write(&block, out);
            self.memory.scratch.keep_block(block);
        }
    }

    /// Returns rows as a whole binary copy.
    pub(crate) fn copy(&mut self, parts: impl IntoIterator<Item = Range<u64>>) -> Vec<u8> {
        let mut bytes = HEADER.to_vec();
        for rows in parts {
            self.append(rows, &mut bytes);
        }
        bytes.extend_from_slice(TRAILER);
        bytes
    }

    /// Appends each row to the buffer of its partition, in the order of [`Routing::leaves`].
    ///
    /// The last buffer, one more than there are leaves, takes the rows that belong to none: they are copied into the table
    /// itself.
    pub(crate) fn append_split(&mut self, rows: Range<u64>, routing: &Routing, outs: &mut [Vec<u8>]) {
        let root = routing.leaves.len();
        for rows in blocks(rows) {
            let block = self.make(rows);
            let mut bytes = std::mem::take(&mut self.memory.unsplit);
            bytes.clear();
            self.write(&block, &mut bytes);
            let mut start = 0;
            for (place, &end) in self.memory.ends.iter().enumerate() {
                let leaf = self.leaf(&block, routing, place).map_or(root, usize::from);
                outs[leaf].extend_from_slice(&bytes[start..end]);
                start = end;
            }
            self.memory.unsplit = bytes;
            self.memory.scratch.keep_block(block);
        }
    }

    /// Returns the leaf of each row, the number of leaves for none: which row a line of a leaf's COPY was.
    pub(crate) fn leaves(&mut self, rows: Range<u64>, routing: &Routing) -> Vec<u16> {
        let root = u16::try_from(routing.leaves.len()).expect("leaves have numbers of 16 bits");
        let mut leaves = Vec::new();
        for rows in blocks(rows) {
            let mut block = self.world.block(self.table, rows, &mut self.memory.scratch);
            self.world.make_column(&mut block, routing.column, &mut self.memory.scratch);
            let of_block = (0..block.n_rows()).map(|place| self.leaf(&block, routing, place).unwrap_or(root));
            leaves.extend(of_block);
            self.memory.scratch.keep_block(block);
        }
        leaves
    }

    fn leaf(&self, block: &Block, routing: &Routing, place: usize) -> Option<u16> {
        let wire = &self.world.table(self.table).columns[usize::from(routing.column)].wire;
        leaf(&routing.by, wire, block.lane(routing.column), place)
    }

    /// Makes all columns of a block.
    fn make(&mut self, rows: Range<u64>) -> Block {
        let mut block = self.world.block(self.table, rows, &mut self.memory.scratch);
        for &column in &self.world.table(self.table).fill_order {
            self.world.make_column(&mut block, column, &mut self.memory.scratch);
        }
        block
    }

    fn write(&mut self, block: &Block, out: &mut Vec<u8>) {
        let plans = &self.world.table(self.table).columns;
        let columns = (0..).zip(plans).zip(&mut self.memory.rooms);
        let columns = columns.map(|((id, plan), room)| Column::new(&plan.wire, block.lane(id), room));
        let columns: Vec<Column> = columns.collect();
        let n_fields = i16::try_from(columns.len()).expect("a table has at most 1,600 columns").to_be_bytes();

        self.memory.places.clear();
        self.memory.places.resize(block.n_rows(), n_fields.len());
        for column in &columns {
            column.add_sizes(&mut self.memory.places);
        }
        let mut end = out.len();
        self.memory.ends.clear();
        for place in &mut self.memory.places {
            end += std::mem::replace(place, end);
            self.memory.ends.push(end);
        }
        out.resize(end, 0);
        for place in &mut self.memory.places {
            out[*place..*place + n_fields.len()].copy_from_slice(&n_fields);
            *place += n_fields.len();
        }
        for column in &columns {
            column.write(&mut self.memory.places, &self.memory.ends, out);
        }
    }
}

/// Cuts rows where blocks end. Cells do not depend on the cuts.
fn blocks(rows: Range<u64>) -> impl Iterator<Item = Range<u64>> {
    let end = rows.end;
    rows.step_by(BLOCK_ROWS).map(move |start| start..end.min(start + BLOCK_ROWS as u64))
}

/// Returns the partition of a cell.
fn leaf(by: &RouteBy, wire: &Wire, lane: &Lane, place: usize) -> Option<u16> {
    if lane.is_null(place) {
        return None;
    }
    match (by, &lane.cells) {
        (RouteBy::Range(bounds), Cells::Int(cells)) => {
            let after = bounds.partition_point(|(low, _)| *low <= cells[place]);
            after.checked_sub(1).map(|bound| bounds[bound].1)
        }
        (RouteBy::Ints(leaves), Cells::Int(cells)) => {
            leaves.iter().find(|(value, _)| *value == cells[place]).map(|(_, leaf)| *leaf)
        }
        (RouteBy::Texts(leaves), cells) => {
            let text = match (cells, wire) {
                (Cells::Int(cells), Wire::Labels(labels)) => {
                    labels.get(usize::try_from(cells[place]).ok()?)?.as_bytes()
                }
                _ => lane.bytes_at(place),
            };
            leaves.iter().find(|(value, _)| value.as_bytes() == text).map(|(_, leaf)| *leaf)
        }
        _ => None,
    }
}
