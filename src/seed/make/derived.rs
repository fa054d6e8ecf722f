//! Cells that are made of other cells of the row, or of its parent's.

use super::block::{Block, Scratch};
use super::lane::{Cells, Lane};
use super::world::World;
use super::{Cut, Derived};
use crate::seed::plan::ColumnPlan;
use crate::seed::schema::ColumnId;
use crate::seed::time::DAY_US;
use crate::seed::wire::Wire;

impl World<'_> {
    /// Fills a lane of a column.
    pub(super) fn derive(
        &self,
        derived: &Derived,
        column: &ColumnPlan,
        block: &mut Block,
        scratch: &mut Scratch,
        lane: &mut Lane,
    ) {
        match derived {
            Derived::Copy { of } => self.copy(*of, column, block, scratch, lane),
            Derived::FirstOf(columns) => {
                for of in columns {
                    self.make_column(block, *of, scratch);
                }
                lane.clear(column.wire.kind());
                for place in 0..block.n_rows() {
                    match columns.iter().find(|of| !block.lane(**of).is_null(place)) {
                        Some(of) => lane.push_of(block.lane(*of), place),
                        None => lane.push_null(),
                    }
                }
            }
            Derived::Beyond { of, low, step, draw, cut } => {
                self.copy(*of, column, block, scratch, lane);
                let (mut bits, mut ordinals) = (scratch.numbers(), scratch.numbers());
                if draw.is_random() {
                    block.bits(column.key, &mut bits);
                }
                self.draw(draw, &bits, u64::MAX, block, scratch, &mut ordinals);
                add(lane, &ordinals, *low, *step, *cut);
                scratch.keep_numbers(bits);
                scratch.keep_numbers(ordinals);
            }
            Derived::Since { own, edge, column: of, low } => {
                self.make(own, column, block, scratch, lane);
                self.follow(block, *edge, scratch);
                let parent = self.table(block.table).edges[usize::from(*edge)].parent;
                let parents = &block.edges[usize::from(*edge)].of.parents;
                let mut theirs = scratch.lane();
                let theirs_plan = &self.table(parent).columns[usize::from(*of)];
                self.make_of_parents(parent, *of, parents, theirs_plan, scratch, &mut theirs);
                convert(&mut theirs, &theirs_plan.wire, &column.wire);
                not_before(lane, &theirs, *low);
                scratch.keep_lane(theirs);
            }
            Derived::Between { from, to, unit } => {
                self.make_column(block, *from, scratch);
                let (mut start, mut end) = (scratch.lane(), scratch.lane());
                let wires = [*from, *to].map(|of| &self.table(block.table).columns[usize::from(of)].wire);
                let common = if wires[0] == wires[1] { wires[0] } else { &Wire::Micros };
                for (of, wire, lane) in [(*from, wires[0], &mut start), (*to, wires[1], &mut end)] {
                    self.make_column(block, of, scratch);
                    lane.clone_from(block.lane(of));
                    convert(lane, wire, common);
                }
                between(&start, &end, *unit, lane);
                scratch.keep_lane(start);
                scratch.keep_lane(end);
            }
        }
    }

    /// Fills a lane with another column of the block, in the column's own unit.
    fn copy(
        &self,
        of: ColumnId,
        column: &ColumnPlan,
        block: &mut Block,
        scratch: &mut Scratch,
        lane: &mut Lane,
    ) {
        self.make_column(block, of, scratch);
        lane.clone_from(block.lane(of));
        convert(lane, &self.table(block.table).columns[usize::from(of)].wire, &column.wire);
    }
}

/// Makes dates of moments, and moments of dates.
fn convert(lane: &mut Lane, from: &Wire, to: &Wire) {
    let Cells::Int(cells) = &mut lane.cells else { return };
    match (from, to) {
        (Wire::Micros, Wire::Date) => cells.iter_mut().for_each(|cell| *cell = cell.div_euclid(DAY_US)),
        (Wire::Date, Wire::Micros) => cells.iter_mut().for_each(|cell| *cell = cell.saturating_mul(DAY_US)),
        _ => {}
    }
}

fn add(lane: &mut Lane, ordinals: &[u64], low: i64, step: i64, cut: Cut) {
    let Lane { cells, nulls } = lane;
    match cells {
        Cells::Int(cells) => {
            for (cell, &ordinal) in cells.iter_mut().zip(ordinals) {
                *cell = cell.saturating_add(low).saturating_add(step.saturating_mul(ordinal.cast_signed()));
            }
            match cut {
                Cut::None => {}
                Cut::At(limit) => cells.iter_mut().for_each(|cell| *cell = limit.min(*cell)),
                Cut::AtLeast(limit) => cells.iter_mut().for_each(|cell| *cell = limit.max(*cell)),
                Cut::NullAbove(limit) => {
                    if cells.iter().any(|cell| *cell > limit) {
                        nulls.resize(cells.len(), false);
                        nulls.iter_mut().zip(cells).for_each(|(is_null, cell)| *is_null |= *cell > limit);
                    }
                }
            }
        }
        Cells::Wide(cells) => {
            for (cell, &ordinal) in cells.iter_mut().zip(ordinals) {
                *cell += i128::from(low) + i128::from(step) * i128::from(ordinal);
            }
        }
        #[expect(clippy::cast_precision_loss, reason = "floating-point numbers are not exact")]
        Cells::Float(cells) => {
            for (cell, &ordinal) in cells.iter_mut().zip(ordinals) {
                *cell += low as f64 + step as f64 * ordinal as f64;
            }
        }
        Cells::Bytes { .. } => {}
    }
}

fn not_before(lane: &mut Lane, theirs: &Lane, low: i64) {
    let Cells::Int(cells) = &mut lane.cells else { return };
    for (place, (cell, &theirs_cell)) in cells.iter_mut().zip(theirs.as_ints()).enumerate() {
        if !theirs.is_null(place) {
            *cell = theirs_cell.saturating_add(low).max(*cell);
        }
    }
}

fn between(start: &Lane, end: &Lane, unit: i64, lane: &mut Lane) {
    let unit = unit.max(1);
    let cells = lane.ints();
    cells
        .extend(start.as_ints().iter().zip(end.as_ints()).map(|(start, end)| (end - start).div_euclid(unit)));
    if !(start.nulls.is_empty() && end.nulls.is_empty()) {
        lane.nulls.extend((0..start.len()).map(|place| start.is_null(place) || end.is_null(place)));
    }
}
