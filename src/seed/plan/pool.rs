//! Conditions that only the server can judge, and the rows that it let pass.

use std::collections::BTreeMap;

use super::columns::Conditions;
use super::request::{Pool, Question};
use super::suit::uniform;
use crate::seed::condition::{Case, Component};
use crate::seed::make::lane::{Cells, Kind, Lane};
use crate::seed::make::{Maker, Values};
use crate::seed::schema::{ColumnId, Relation, TableId};

/// Returns what has to be asked about a table.
pub(super) fn questions(
    table: TableId,
    relation: &Relation,
    conditions: &Conditions,
    is_free: &dyn Fn(&Component) -> bool,
) -> Vec<Question> {
    let is_opaque = |case: &Case| !case.opaque.is_empty();
    let asked = conditions.components.iter().filter(|component| component.cases.iter().any(is_opaque));
    let question = |component: &Component| {
        let is_inside =
            |name: &String| component.columns.iter().any(|at| conditions.columns[*at].name == *name);
        let about = |name: &&String| !is_inside(name);
        let checks: Vec<_> = conditions
            .checks
            .iter()
            .filter(|check| !check.sql.is_empty() && check.columns.iter().any(is_inside))
            .collect();
        let beside = checks.iter().flat_map(|check| &check.columns).filter(about);
        let mut beside: Vec<ColumnId> = beside.filter_map(|name| relation.column(name)).collect();
        beside.sort_unstable();
        beside.dedup();
        Question {
            table,
            columns: component.columns.iter().filter_map(|column| ColumnId::try_from(*column).ok()).collect(),
            of: component.columns.iter().map(|column| conditions.columns[*column].clone()).collect(),
            cases: component.cases.clone(),
            beside,
            constraints: component.constraints.clone(),
            sql: checks.iter().map(|check| check.sql.clone()).collect(),
            is_free: is_free(component),
        }
    };
    asked.map(question).filter(|question| !question.columns.is_empty()).collect()
}

/// The rows of a pool by which of their columns are NULL: each such pattern is a case of the component.
pub(super) struct Pooled<'p> {
    component: u16,
    pool: &'p Pool,
    patterns: Vec<Vec<usize>>,
}

impl<'p> Pooled<'p> {
    pub(super) fn new(component: usize, pool: &'p Pool) -> Self {
        let mut patterns: BTreeMap<Vec<bool>, Vec<usize>> = BTreeMap::new();
        for row in 0..pool.cells.first().map_or(0, Lane::len) {
            patterns.entry(pool.cells.iter().map(|lane| lane.is_null(row)).collect()).or_default().push(row);
        }
        let component = u16::try_from(component).expect("few components");
        Self { component, pool, patterns: patterns.into_values().collect() }
    }

    /// How often each pattern is drawn: as often as there are rows of it.
    pub(super) fn weights(&self) -> Vec<u32> {
        self.patterns.iter().map(|rows| u32::try_from(rows.len()).unwrap_or(u32::MAX)).collect()
    }

    /// Returns the maker of a column. With the same key all columns draw the same row.
    pub(super) fn maker(&self, column: ColumnId) -> Option<Maker> {
        let place = self.pool.columns.iter().position(|of| *of == column)?;
        let lane = &self.pool.cells[place];
        let of_pattern = |rows: &Vec<usize>| {
            if rows.first().is_none_or(|row| lane.is_null(*row)) {
                return Maker::Null;
            }
            let values = Values::List(cells(lane, rows.iter().copied()));
            Maker::Drawn { draw: uniform(rows.len() as u64), values }
        };
        let mut by_case: Vec<Maker> = self.patterns.iter().map(of_pattern).collect();
        match by_case.len() {
            0 => None,
            1 => by_case.pop(),
            _ => Some(Maker::Cases { component: self.component, by_case }),
        }
    }
}

/// Returns some cells of a lane.
pub(super) fn cells(lane: &Lane, rows: impl Iterator<Item = usize>) -> Cells {
    let mut some = lane.clone();
    let kind = match lane.cells {
        Cells::Int(_) => Kind::Int,
        Cells::Float(_) => Kind::Float,
        Cells::Wide(_) => Kind::Wide,
        Cells::Bytes { .. } => Kind::Bytes,
    };
    some.clear(kind);
    rows.for_each(|row| some.push_of(lane, row));
    some.cells
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_of_a_pool_are_drawn_together() {
        let ints =
            |cells: &[i64], nulls: &[bool]| Lane { nulls: nulls.to_vec(), cells: Cells::Int(cells.to_vec()) };
        let pool = Pool {
            table: 0,
            columns: vec![3, 5],
            cells: vec![ints(&[1, 2, 0, 4], &[false, false, true, false]), ints(&[10, 20, 30, 40], &[])],
        };
        let list = |cells: &[i64]| Maker::Drawn {
            draw: uniform(cells.len() as u64),
            values: Values::List(Cells::Int(cells.to_vec())),
        };
        let pooled = Pooled::new(7, &pool);
        assert_eq!(pooled.weights(), [3, 1]);
        let cases = |by_case: Vec<Maker>| Some(Maker::Cases { component: 7, by_case });
        assert_eq!(pooled.maker(3), cases(vec![list(&[1, 2, 4]), Maker::Null]));
        assert_eq!(pooled.maker(5), cases(vec![list(&[10, 20, 40]), list(&[30])]));
        assert_eq!(pooled.maker(4), None);
        let one = Pool { cells: vec![ints(&[1, 2], &[]), ints(&[7, 8], &[])], ..pool };
        assert_eq!(Pooled::new(7, &one).maker(5), Some(list(&[7, 8])));
    }
}
