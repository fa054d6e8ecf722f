//! Knots: cells that would be made of themselves, because foreign keys lead round a circle.
//!
//! Cells are made when others ask for them, so that a knot would be a recursion without end. Foreign keys that bring values back
//! are followed with care ([`super::edges`]); this finds what is left of knots before any row is made.

use std::collections::BTreeSet;

use super::{EdgeId, Pick, TablePlan};
use crate::seed::make::{Derived, Draw, Maker};
use crate::seed::schema::{ColumnId, TableId};

/// What cells are made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Part {
    Column(TableId, ColumnId),
    Edge(TableId, EdgeId),
}

impl Part {
    pub(super) fn table(self) -> TableId {
        match self {
            Self::Column(table, _) | Self::Edge(table, _) => table,
        }
    }
}

/// Returns a knot of these tables: parts of which each is made of the next one, and the last one of the first.
pub(super) fn knot(plans: &[TablePlan], tables: &[TableId]) -> Option<Vec<Part>> {
    let tables: BTreeSet<TableId> = tables.iter().copied().collect();
    let mut seen: BTreeSet<Part> = BTreeSet::new();
    for start in tables.iter().flat_map(|table| columns(plans, *table)) {
        if !seen.insert(start) {
            continue;
        }
        // The way from the start, and what is still to be looked at of each part of it. No recursion: it may be long.
        let mut way = vec![(start, needs(plans, start))];
        while let Some((_, open)) = way.last_mut() {
            let Some(next) = open.pop() else {
                way.pop();
                continue;
            };
            if !tables.contains(&next.table()) {
                continue;
            }
            if seen.insert(next) {
                way.push((next, needs(plans, next)));
            } else if let Some(place) = way.iter().position(|(part, _)| *part == next) {
                return Some(way[place..].iter().map(|(part, _)| *part).collect());
            }
        }
    }
    None
}

fn columns(plans: &[TablePlan], table: TableId) -> impl Iterator<Item = Part> {
    (0..).zip(&plans[usize::from(table)].columns).map(move |(column, _)| Part::Column(table, column))
}

/// What has to be made before a part.
fn needs(plans: &[TablePlan], part: Part) -> Vec<Part> {
    let mut needs = Vec::new();
    match part {
        Part::Column(table, column) => {
            let plan = &plans[usize::from(table)];
            of_maker(plan, table, &plan.columns[usize::from(column)].maker, &mut needs);
        }
        Part::Edge(table, edge) => {
            of_pick(plans, table, &plans[usize::from(table)].edges[usize::from(edge)].pick, &mut needs);
        }
    }
    needs
}

fn of_maker(plan: &TablePlan, table: TableId, maker: &Maker, needs: &mut Vec<Part>) {
    let of_draw = |draw: &Draw| draw.edge().map(|edge| Part::Edge(table, edge));
    let of_parent = |edge: EdgeId, column: ColumnId| {
        [Part::Edge(table, edge), Part::Column(plan.edges[usize::from(edge)].parent, column)]
    };
    match maker {
        Maker::Null => {}
        Maker::Drawn { draw, .. } => needs.extend(of_draw(draw)),
        Maker::Reference { edge, column } => needs.extend(of_parent(*edge, *column)),
        Maker::Cases { by_case, .. } => {
            for maker in by_case {
                of_maker(plan, table, maker, needs);
            }
        }
        Maker::Derived(Derived::Copy { of }) => needs.push(Part::Column(table, *of)),
        Maker::Derived(Derived::FirstOf(of)) => {
            needs.extend(of.iter().map(|column| Part::Column(table, *column)));
        }
        Maker::Derived(Derived::Beyond { of, draw, .. }) => {
            needs.push(Part::Column(table, *of));
            needs.extend(of_draw(draw));
        }
        Maker::Derived(Derived::Since { own, edge, column, .. }) => {
            of_maker(plan, table, own, needs);
            needs.extend(of_parent(*edge, *column));
        }
        Maker::Derived(Derived::Between { from, to, .. }) => {
            needs.extend([from, to].map(|column| Part::Column(table, *column)));
        }
    }
}

fn of_pick(plans: &[TablePlan], table: TableId, pick: &Pick, needs: &mut Vec<Part>) {
    match pick {
        Pick::Drawn { born: Some(born), .. } => needs.push(Part::Column(table, born.moment)),
        Pick::Distinct { lead: edge, .. }
        | Pick::Next { than: edge, .. }
        | Pick::TreeWithin { through: edge, .. } => {
            needs.push(Part::Edge(table, *edge));
        }
        Pick::Other { than, .. } => needs.extend(than.iter().map(|edge| Part::Edge(table, *edge))),
        Pick::Within { through, ours, further, .. } => {
            needs.push(Part::Edge(table, *through));
            let mut at = plans[usize::from(table)].edges[usize::from(*through)].parent;
            for step in ours.iter().chain(further) {
                needs.push(Part::Edge(at, *step));
                at = plans[usize::from(at)].edges[usize::from(*step)].parent;
            }
        }
        Pick::Pair { of, .. } | Pick::Among { of, .. } => of_pick(plans, table, of, needs),
        Pick::Drawn { born: None, .. }
        | Pick::Laid { .. }
        | Pick::Axis { .. }
        | Pick::OneToOne { .. }
        | Pick::Digit { .. }
        | Pick::Tree { .. }
        | Pick::Wave
        | Pick::Mutual
        | Pick::Circular { .. }
        | Pick::Itself
        | Pick::Listed { .. }
        | Pick::Constant(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seed::fixture::{serial, table};
    use crate::seed::plan::{ColumnPlan, Edge, Nulls};

    /// Tables of which each column is NULL or that of a parent: the place of the parent, and its column.
    fn plans(tables: &[&[Option<(TableId, ColumnId)>]]) -> Vec<TablePlan> {
        let plan = |columns: &&[Option<(TableId, ColumnId)>]| {
            let mut plan = table("t", 1, 1);
            for of in *columns {
                let maker = of.map_or(Maker::Null, |(parent, column)| {
                    let edge = EdgeId::try_from(plan.edges.len()).unwrap();
                    plan.edges.push(Edge {
                        name: String::new(),
                        parent,
                        columns: Vec::new(),
                        parent_columns: Vec::new(),
                        pick: Pick::Wave,
                        nulls: Nulls::Never,
                        key: 0,
                    });
                    Maker::Reference { edge, column }
                });
                plan.columns.push(ColumnPlan { maker, ..serial("c", 0, 1) });
            }
            plan
        };
        tables.iter().map(plan).collect()
    }

    fn check(tables: &[&[Option<(TableId, ColumnId)>]], expected: &[Part]) {
        let plans = plans(tables);
        let all: Vec<TableId> = (0..).zip(&plans).map(|(table, _)| table).collect();
        assert_eq!(knot(&plans, &all).unwrap_or_default(), expected);
    }

    #[test]
    fn circles_of_columns_are_found() {
        use Part::Column;
        check(&[&[None], &[Some((0, 0))]], &[]);
        // Twice the same parent is no circle.
        check(&[&[None, None], &[Some((0, 0)), Some((0, 1))], &[Some((1, 0)), Some((0, 0))]], &[]);
        check(&[&[Some((0, 0))]], &[Column(0, 0)]);
        check(
            &[&[Some((1, 1))], &[None, Some((2, 0))], &[Some((0, 0))]],
            &[Column(0, 0), Column(1, 1), Column(2, 0)],
        );
        check(&[&[Some((1, 1))], &[None, Some((2, 0))], &[None]], &[]);
    }

    #[test]
    fn picks_need_what_they_look_at() {
        let mut plans = plans(&[&[Some((1, 0))], &[None]]);
        let other = plans[0].edges[0].clone();
        plans[0].edges.push(other);
        plans[0].edges[0].pick = Pick::Next { than: 1, n: 1 };
        assert_eq!(knot(&plans, &[0, 1]), None);
        plans[0].edges[1].pick = Pick::Other {
            than: vec![0],
            curve: crate::seed::keys::curve::Curve::even(1, 1),
            ranks: crate::seed::keys::permutation::Permutation::new(1, 0),
        };
        assert_eq!(knot(&plans, &[0, 1]), Some(vec![Part::Edge(0, 0), Part::Edge(0, 1)]));
        // What is complete before is not looked at.
        assert_eq!(knot(&plans, &[1]), None);
    }

    #[test]
    fn long_ways_are_gone_without_recursion() {
        let n: TableId = 30_000;
        let columns: Vec<[Option<(TableId, ColumnId)>; 1]> =
            (0..n).map(|table| [(table + 1 < n).then_some((table + 1, 0))]).collect();
        let tables: Vec<&[Option<(TableId, ColumnId)>]> = columns.iter().map(<[_; 1]>::as_slice).collect();
        check(&tables, &[]);
    }
}
