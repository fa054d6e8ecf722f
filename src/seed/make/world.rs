//! Every cell of a plan, as a function of its table, column and row.
//!
//! A cell depends on the plan and the patches alone: not on the block that it is made in, nor on what was made before. A block
//! remembers what it has made, so that nothing in it is made twice.

use super::block::{Block, Patches, Scratch};
use super::lane::Lane;
use super::values::Ordinals;
use super::{Draw, Maker, Values, pick};
use crate::random;
use crate::seed::bits;
use crate::seed::plan::{ColumnPlan, Component, EdgeId, Nulls, Plan, TablePlan};
use crate::seed::schema::{ColumnId, TableId};

/// No parent: the reference is NULL.
pub(crate) const NONE: u64 = u64::MAX;

/// A plan and the rows that are not as it has them. Generators on several threads share it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct World<'p> {
    plan: &'p Plan,
    patches: &'p Patches,
}

impl<'p> World<'p> {
    pub(crate) fn new(plan: &'p Plan, patches: &'p Patches) -> Self {
        Self { plan, patches }
    }

    pub(crate) fn table(&self, table: TableId) -> &'p TablePlan {
        &self.plan.tables[usize::from(table)]
    }

    /// Fills `lane` with the cells of a column in any rows, in their order.
    ///
    /// Rows are the run's own, from 0 on: consecutive ones when loading, scattered ones for the keys of parents.
    #[cfg(test)]
    pub(crate) fn fill(
        &self,
        table: TableId,
        column: ColumnId,
        rows: &[u64],
        scratch: &mut Scratch,
        lane: &mut Lane,
    ) {
        let mut block = self.block(table, rows.iter().copied(), scratch);
        self.make_column(&mut block, column, scratch);
        std::mem::swap(lane, &mut block.lanes[usize::from(column)].of);
        scratch.keep_block(block);
    }

    /// Fills `parents` with what rows refer to: rows `0..existing.n_rows` of the parent are its existing ones, the run's own
    /// follow; [`NONE`] where the reference is NULL.
    #[cfg(test)]
    pub(crate) fn parents(
        &self,
        table: TableId,
        edge: EdgeId,
        rows: &[u64],
        scratch: &mut Scratch,
        parents: &mut Vec<u64>,
    ) {
        let mut block = self.block(table, rows.iter().copied(), scratch);
        self.follow(&mut block, edge, scratch);
        parents.clear();
        parents.extend_from_slice(&block.edges[usize::from(edge)].of.parents);
        scratch.keep_block(block);
    }

    /// Returns a block of rows of a table; [`Scratch::keep_block`] takes it back.
    pub(crate) fn block(
        &self,
        table: TableId,
        rows: impl IntoIterator<Item = u64>,
        scratch: &mut Scratch,
    ) -> Block {
        scratch.block(self.plan, self.patches, table, rows)
    }

    /// Returns how many rows before the run's own can be referred to.
    pub(super) fn n_existing(&self, table: TableId) -> u64 {
        self.table(table).existing.as_ref().map_or(0, |existing| existing.n_rows)
    }

    /// Makes a column of a block, and before it what it is made of.
    pub(crate) fn make_column(&self, block: &mut Block, column: ColumnId, scratch: &mut Scratch) {
        let place = usize::from(column);
        if block.lanes[place].is_made {
            return;
        }
        let of = &self.table(block.table).columns[place];
        let mut lane = std::mem::take(&mut block.lanes[place].of);
        if let Some(keys) = self.patches.keys(block.table, column) {
            lane.clear(of.wire.kind());
            let n_rows = self.table(block.table).n_rows;
            block.rows.iter().for_each(|row| lane.push_of(keys, spread(*row, n_rows, keys.len())));
        } else {
            self.make(&of.maker, of, block, scratch, &mut lane);
            self.mark_nulls(&of.nulls, of.key, block, scratch, &mut lane.nulls);
        }
        block.lanes[place].of = lane;
        block.lanes[place].is_made = true;
    }

    /// Fills a lane with what a maker of a column makes.
    pub(super) fn make(
        &self,
        maker: &Maker,
        of: &ColumnPlan,
        block: &mut Block,
        scratch: &mut Scratch,
        lane: &mut Lane,
    ) {
        match maker {
            Maker::Null => {
                lane.clear(of.wire.kind());
                (0..block.n_rows()).for_each(|_| lane.push_null());
            }
            Maker::Drawn { draw, values } => self.make_drawn(draw, values, of, block, scratch, lane),
            Maker::Reference { edge, column } => {
                self.follow(block, *edge, scratch);
                let parents = &block.edges[usize::from(*edge)].of.parents;
                let parent = self.table(block.table).edges[usize::from(*edge)].parent;
                self.make_of_parents(parent, *column, parents, of, scratch, lane);
            }
            Maker::Derived(derived) => self.derive(derived, of, block, scratch, lane),
            Maker::Cases { component, by_case } => {
                self.make_cases(*component, by_case, of, block, scratch, lane);
            }
        }
    }

    fn make_drawn(
        &self,
        draw: &Draw,
        values: &Values,
        of: &ColumnPlan,
        block: &mut Block,
        scratch: &mut Scratch,
        lane: &mut Lane,
    ) {
        let (mut bits, mut ordinals) = (scratch.numbers(), scratch.numbers());
        if draw.is_random() || values.need_bits() {
            block.bits(of.key, &mut bits);
        }
        self.draw(draw, &bits, values.n(), block, scratch, &mut ordinals);
        let drawn = Ordinals { key: of.key, as_of_us: self.plan.as_of_us, ordinals: &ordinals, bits: &bits };
        values.fill(&drawn, &of.wire, scratch, lane);
        scratch.keep_numbers(bits);
        scratch.keep_numbers(ordinals);
    }

    /// Appends the ordinals of a block's rows, after following the edge that they depend on.
    pub(super) fn draw(
        &self,
        draw: &Draw,
        bits: &[u64],
        n: u64,
        block: &mut Block,
        scratch: &mut Scratch,
        ordinals: &mut Vec<u64>,
    ) {
        if let Some(edge) = draw.edge() {
            self.follow(block, edge, scratch);
        }
        draw.ordinals(block, bits, n, ordinals);
    }

    /// Fills a lane with a column of the rows that are referred to.
    pub(crate) fn make_of_parents(
        &self,
        parent: TableId,
        column: ColumnId,
        parents: &[u64],
        of: &ColumnPlan,
        scratch: &mut Scratch,
        lane: &mut Lane,
    ) {
        let n_existing = self.n_existing(parent);
        let is_own = |&&row: &&u64| row != NONE && row >= n_existing;
        let mut block =
            self.block(parent, parents.iter().filter(is_own).map(|row| row - n_existing), scratch);
        self.make_column(&mut block, column, scratch);
        let own = &mut block.lanes[usize::from(column)].of;
        let their_wire = &self.table(parent).columns[usize::from(column)].wire;
        if block.rows.len() == parents.len() && their_wire.kind() == of.wire.kind() {
            std::mem::swap(lane, own);
        } else {
            let existing = self.table(parent).existing.as_ref();
            let existing = existing.and_then(|rows| rows.columns.iter().find(|(id, _)| *id == column));
            let mut n_own = 0;
            lane.clear(of.wire.kind());
            for row in parents {
                match existing {
                    _ if is_own(&row) => {
                        lane.push_of(own, n_own);
                        n_own += 1;
                    }
                    Some((_, existing)) if *row != NONE => lane.push_of(existing, to_place(*row)),
                    _ => lane.push_null(),
                }
            }
        }
        scratch.keep_block(block);
    }

    /// Fills a lane with what the maker of each row's case makes.
    fn make_cases(
        &self,
        component: u16,
        by_case: &[Maker],
        of: &ColumnPlan,
        block: &mut Block,
        scratch: &mut Scratch,
        lane: &mut Lane,
    ) {
        self.choose_cases(block, component, scratch);
        let cases = &block.cases[usize::from(component)].of;
        let mut made: Vec<(Lane, usize)> = Vec::with_capacity(by_case.len());
        for (case, maker) in by_case.iter().enumerate() {
            let is_of_case = |&(_, &of_row): &(&u64, &u16)| usize::from(of_row) == case;
            let rows = block.rows.iter().zip(cases).filter(is_of_case).map(|(&row, _)| row);
            let mut part = self.block(block.table, rows, scratch);
            let mut lane = scratch.lane();
            if part.n_rows() > 0 {
                self.make(maker, of, &mut part, scratch, &mut lane);
            }
            scratch.keep_block(part);
            made.push((lane, 0));
        }
        lane.clear(of.wire.kind());
        for &case in cases {
            match made.get_mut(usize::from(case)) {
                Some((part, next)) => {
                    lane.push_of(part, *next);
                    *next += 1;
                }
                None => lane.push_null(),
            }
        }
        for (lane, _) in made {
            scratch.keep_lane(lane);
        }
    }

    /// Draws the case of each row of a component of conditions, among those that suit what the row refers to. Where none does, the
    /// server has to say.
    fn choose_cases(&self, block: &mut Block, component: u16, scratch: &mut Scratch) {
        let place = usize::from(component);
        if block.cases[place].is_made {
            return;
        }
        let Component { weights, key, guides } = &self.table(block.table).components[place];
        for guide in guides {
            self.make_column(block, guide.column, scratch);
        }
        let mut bits = scratch.numbers();
        block.bits(*key, &mut bits);
        let mut cases = std::mem::take(&mut block.cases[place].of);
        cases.clear();
        let mut suiting = Vec::new();
        for (row, &bits) in bits.iter().enumerate() {
            suiting.clear();
            if !guides.is_empty() {
                let suits =
                    |case: usize| guides.iter().all(|guide| guide.suits(case, block.lane(guide.column), row));
                suiting
                    .extend(weights.iter().enumerate().map(|(case, &it)| if suits(case) { it } else { 0 }));
            }
            let is_open = suiting.iter().all(|&weight| weight == 0);
            cases.push(drawn_case(if is_open { weights } else { &suiting }, bits));
        }
        scratch.keep_numbers(bits);
        block.cases[place].of = cases;
        block.cases[place].is_made = true;
    }

    /// Finds the rows' parents on an edge.
    pub(super) fn follow(&self, block: &mut Block, edge: EdgeId, scratch: &mut Scratch) {
        let place = usize::from(edge);
        if block.edges[place].is_made {
            return;
        }
        let of = &self.table(block.table).edges[place];
        let mut found = std::mem::take(&mut block.edges[place].of);
        found.parents.clear();
        found.ranks.clear();
        found.ordinals.clear();
        pick::find(self, of, block, scratch, &mut found);
        found.ranks.resize(block.n_rows(), 0);
        found.ordinals.resize(block.n_rows(), 0);
        let mut nulls = Vec::new();
        self.mark_nulls(&of.nulls, of.key, block, scratch, &mut nulls);
        for (parent, is_null) in found.parents.iter_mut().zip(nulls) {
            if is_null {
                *parent = NONE;
            }
        }
        block.edges[place].of = found;
        block.edges[place].is_made = true;
    }

    /// Marks the rows that are NULL, beside those that are marked already. No marks at all are marks of none.
    fn mark_nulls(
        &self,
        nulls: &Nulls,
        key: u64,
        block: &mut Block,
        scratch: &mut Scratch,
        marks: &mut Vec<bool>,
    ) {
        match nulls {
            Nulls::Never => {}
            Nulls::Share(share) => {
                let mut bits = scratch.numbers();
                block.bits(bits::null_stream(key), &mut bits);
                mark(marks, bits.iter().map(|bits| bits >> 32 < u64::from(*share)));
                scratch.keep_numbers(bits);
            }
            Nulls::Slots(slots) => mark(marks, block.rows.iter().map(|&row| slots.place(row).is_none())),
            Nulls::ByCase { component, is_null } => {
                self.choose_cases(block, *component, scratch);
                let is_null = |case: u16| is_null.get(usize::from(case)).copied().unwrap_or(false);
                mark(marks, block.cases[usize::from(*component)].of.iter().map(|&case| is_null(case)));
            }
        }
    }
}

/// The place of a row among keys, of which triggers may have made more or fewer than rows are planned.
fn spread(row: u64, n_rows: u64, n_keys: usize) -> usize {
    let place = u128::from(row) * n_keys as u128 / u128::from(n_rows.max(1));
    usize::try_from(place).unwrap_or(usize::MAX).min(n_keys.saturating_sub(1))
}

/// The case that random bits draw, each in proportion to its weight.
fn drawn_case(weights: &[u32], bits: u64) -> u16 {
    let sum: u64 = weights.iter().map(|&weight| u64::from(weight)).sum();
    let mut left = random::below(bits, sum.max(1));
    let mut case = 0;
    for &weight in weights {
        if left < u64::from(weight) {
            break;
        }
        left -= u64::from(weight);
        case += 1;
    }
    case
}

fn mark(marks: &mut Vec<bool>, of_rows: impl ExactSizeIterator<Item = bool>) {
    marks.resize(of_rows.len(), false);
    marks.iter_mut().zip(of_rows).for_each(|(mark, is_null)| *mark |= is_null);
}

pub(super) fn to_place(number: u64) -> usize {
    usize::try_from(number).expect("a place in memory")
}
