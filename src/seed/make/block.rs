//! Rows whose cells are made together, with what is known of them already.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::lane::Lane;
use crate::random;
use crate::seed::bits;
use crate::seed::plan::{Existing, Plan};
use crate::seed::schema::{ColumnId, TableId};

/// What is not as the plan has it.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Patches {
    /// Of rows that are made anew because the server refused them: the number of the attempt, 0 for all others.
    attempts: BTreeMap<(TableId, u64), u32>,
    /// The keys of tables that triggers have filled.
    keys: BTreeMap<TableId, Arc<Existing>>,
}

impl Patches {
    pub(crate) fn set(&mut self, table: TableId, row: u64, attempt: u32) {
        self.attempts.insert((table, row), attempt);
    }

    pub(crate) fn attempt(&self, table: TableId, row: u64) -> u32 {
        self.attempts.get(&(table, row)).copied().unwrap_or(0)
    }

    pub(crate) fn add_keys(&mut self, keys: BTreeMap<TableId, Existing>) {
        self.keys.extend(keys.into_iter().map(|(table, keys)| (table, Arc::new(keys))));
    }

    pub(crate) fn has_keys(&self, table: TableId) -> bool {
        self.keys.contains_key(&table)
    }

    pub(crate) fn forget_keys(&mut self) {
        self.keys.clear();
    }

    /// Returns the cells of a key's column, if there are any.
    pub(super) fn keys(&self, table: TableId, column: ColumnId) -> Option<&Lane> {
        let keys = self.keys.get(&table).filter(|keys| keys.n_rows > 0)?;
        keys.columns.iter().find(|(of, _)| *of == column).map(|(_, lane)| lane)
    }

    /// How many rows are made anew.
    pub(crate) fn len(&self) -> usize {
        self.attempts.len()
    }

    /// Whether a table has any.
    fn concern(&self, table: TableId) -> bool {
        self.attempts.range((table, 0)..=(table, u64::MAX)).next().is_some()
    }
}

/// Memory that fillings hand on to each other, so that only the first ones ask for it.
#[derive(Debug, Default)]
pub(crate) struct Scratch {
    numbers: Vec<Vec<u64>>,
    lanes: Vec<Lane>,
    /// By table.
    blocks: Vec<Vec<Block>>,
}

impl Scratch {
    /// Returns an empty vector.
    pub(super) fn numbers(&mut self) -> Vec<u64> {
        let mut numbers = self.numbers.pop().unwrap_or_default();
        numbers.clear();
        numbers
    }

    pub(super) fn keep_numbers(&mut self, numbers: Vec<u64>) {
        self.numbers.push(numbers);
    }

    /// Returns a lane with anything in it.
    pub(super) fn lane(&mut self) -> Lane {
        self.lanes.pop().unwrap_or_default()
    }

    pub(super) fn keep_lane(&mut self, lane: Lane) {
        self.lanes.push(lane);
    }

    /// Returns a block of a table's rows of which nothing is known.
    pub(crate) fn block(
        &mut self,
        plan: &Plan,
        patches: &Patches,
        table: TableId,
        rows: impl IntoIterator<Item = u64>,
    ) -> Block {
        let mut block = self
            .blocks
            .get_mut(usize::from(table))
            .and_then(Vec::pop)
            .unwrap_or_else(|| Block::new(plan, table));
        block.start(plan, patches, rows);
        block
    }

    pub(crate) fn keep_block(&mut self, block: Block) {
        let table = usize::from(block.table);
        if self.blocks.len() <= table {
            self.blocks.resize_with(table + 1, Vec::new);
        }
        self.blocks[table].push(block);
    }
}

/// Rows of one table with those of their cells that are made.
#[derive(Debug)]
pub(crate) struct Block {
    pub(super) table: TableId,
    pub(super) rows: Vec<u64>,
    pub(super) serials: Vec<u64>,
    /// What all streams of the table take of each serial.
    spread: Vec<u64>,
    /// The places of patched rows, with their attempts.
    pub(super) attempts: Vec<(usize, u32)>,
    /// The serials that rows have without attempts end here.
    pub(super) n_used: u64,
    /// By column.
    pub(super) lanes: Vec<Known<Lane>>,
    /// By edge.
    pub(super) edges: Vec<Known<Parents>>,
    /// By component of conditions: the case of each row.
    pub(super) cases: Vec<Known<Vec<u16>>>,
}

/// A part of a block, which is worth something once it is made.
#[derive(Debug, Default)]
pub(super) struct Known<T> {
    pub(super) is_made: bool,
    pub(super) of: T,
}

/// Where an edge leads from each row.
#[derive(Debug, Default)]
pub(super) struct Parents {
    /// Rows of the parent: `existing` first, then the run's own; [`super::world::NONE`].
    pub(super) parents: Vec<u64>,
    /// Of laid edges: the parent's rank on the curve, and the row's place among those of that parent.
    pub(super) ranks: Vec<u64>,
    pub(super) ordinals: Vec<u64>,
}

impl Block {
    fn new(plan: &Plan, table: TableId) -> Self {
        let of = &plan.tables[usize::from(table)];
        Self {
            table,
            rows: Vec::new(),
            serials: Vec::new(),
            spread: Vec::new(),
            attempts: Vec::new(),
            n_used: 0,
            lanes: of.columns.iter().map(|_| Known::default()).collect(),
            edges: of.edges.iter().map(|_| Known::default()).collect(),
            cases: of.components.iter().map(|_| Known::default()).collect(),
        }
    }

    fn start(&mut self, plan: &Plan, patches: &Patches, rows: impl IntoIterator<Item = u64>) {
        let of = &plan.tables[usize::from(self.table)];
        self.rows.clear();
        self.rows.extend(rows);
        self.serials.clear();
        self.serials.extend(self.rows.iter().map(|row| of.base + row));
        self.spread.clear();
        self.n_used = of.base + of.n_rows;
        self.attempts.clear();
        if patches.concern(self.table) {
            let attempts = self.rows.iter().map(|&row| patches.attempt(self.table, row)).enumerate();
            self.attempts.extend(attempts.filter(|&(_, attempt)| attempt > 0));
        }
        for lane in &mut self.lanes {
            lane.is_made = false;
        }
        for edge in &mut self.edges {
            edge.is_made = false;
        }
        for cases in &mut self.cases {
            cases.is_made = false;
        }
    }

    /// Returns the cells of a column that was made.
    pub(crate) fn lane(&self, column: u16) -> &Lane {
        let lane = &self.lanes[usize::from(column)];
        debug_assert!(lane.is_made);
        &lane.of
    }

    pub(crate) fn n_rows(&self) -> usize {
        self.rows.len()
    }

    /// Appends the rows' bits of a stream.
    pub(super) fn bits(&mut self, key: u64, bits: &mut Vec<u64>) {
        let start = bits.len();
        if self.spread.len() < self.serials.len() {
            self.spread.extend(self.serials.iter().map(|&serial| random::spread(serial)));
        }
        bits.extend(self.spread.iter().map(|&spread| bits::of_spread(key, spread)));
        for &(place, attempt) in &self.attempts {
            bits[start + place] = bits::of_row(key, self.serials[place], attempt);
        }
    }

    /// Appends what an injective draw from `0..n` starts from: the serials, but those of patched rows among the spare ones.
    pub(super) fn distinct(&self, n: u64, distinct: &mut Vec<u64>) {
        let start = distinct.len();
        distinct.extend_from_slice(&self.serials);
        for &(place, attempt) in &self.attempts {
            distinct[start + place] = bits::moved(self.serials[place], attempt, self.n_used, n);
        }
    }
}
