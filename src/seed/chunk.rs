//! The chunks of a plan: what one transaction loads, in which order, and after which others.

use std::collections::BTreeSet;
use std::iter::successors;
use std::ops::Range;

use super::plan::{Plan, Step, TablePlan};
use super::schema::TableId;

/// Rows that are loaded in one transaction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Chunk {
    /// The place of its step in [`Plan::steps`].
    pub(crate) step: u32,
    /// Row `i` of a table is in its step's chunk `i / rows_per_chunk`.
    pub(crate) number: u32,
    /// One part, or in a wave one of each table that has rows left.
    pub(crate) parts: Vec<(TableId, Range<u64>)>,
}

impl Chunk {
    pub(crate) fn tables(&self) -> impl Iterator<Item = TableId> {
        self.parts.iter().map(|(table, _)| *table)
    }

    pub(crate) fn n_rows(&self) -> u64 {
        self.parts.iter().map(|(_, rows)| rows.end - rows.start).sum()
    }
}

/// Returns all chunks in the order in which they are started.
pub(crate) fn chunks(plan: &Plan) -> impl Iterator<Item = Chunk> {
    (0..).zip(&plan.steps).flat_map(move |(step, tables)| {
        (0..n_chunks(plan, tables)).map(move |number| {
            let parts = of_step(tables).iter().map(|table| (*table, rows(of(plan, *table), number)));
            Chunk { step, number, parts: parts.filter(|(_, rows)| !rows.is_empty()).collect() }
        })
    })
}

/// Whether a chunk can be loaded: everything that its rows may refer to is among the committed chunks `done`, which are named
/// by step and number.
///
/// The tables that a table refers to are complete, with those whose triggers fill them. Rows refer to rows of their own step in
/// the same chunk or in chunk 0, so that one comes first; or to rows of any chunk before, so that they come one after another.
pub(crate) fn is_ready(chunk: &Chunk, plan: &Plan, done: &BTreeSet<(u32, u32)>) -> bool {
    let parents = || {
        let tables = chunk.parts.iter().map(|(table, _)| of(plan, *table));
        tables.flat_map(|table| {
            table.edges.iter().map(|edge| edge.parent).chain(table.waits_for.iter().copied())
        })
    };
    let refers_to_own_step = || parents().any(|parent| step_of(plan, parent) == Some(chunk.step));
    let refers_to_any_before =
        || chunk.tables().any(|table| of(plan, table).edges.iter().any(|edge| edge.pick.is_of_any_before()));
    let is_before_done = || {
        let before = if refers_to_any_before() { chunk.number.saturating_sub(1) } else { 0 };
        done.contains(&(chunk.step, before))
    };
    // From the last chunk down: of what is still being loaded the last ones are missing, so this ends soon.
    let is_complete = |step: u32| {
        let n_chunks =
            usize::try_from(step).ok().and_then(|at| plan.steps.get(at)).map(|of| n_chunks(plan, of));
        (0..n_chunks.unwrap_or(0)).rev().all(|number| done.contains(&(step, number)))
    };
    // A table that others fill has no chunks of its own.
    let with_feeders = |table: TableId| {
        successors(Some(table), |table| of(plan, *table).fed_by).take(plan.tables.len()).filter_map(|table| {
            // What comes later, or with it, cannot be waited for.
            step_of(plan, table).filter(|step| *step < chunk.step)
        })
    };
    (chunk.number == 0 || is_before_done() || !refers_to_own_step())
        && parents().flat_map(with_feeders).all(is_complete)
}

/// Returns the size, of at most `most` rows, of chunks that are all about as large and of a number that streams share evenly.
pub(crate) fn even_size(n_rows: u64, most: u64) -> u32 {
    let n_chunks = match n_rows.div_ceil(most.max(1)) {
        n @ ..=8 => n.next_power_of_two(),
        n => n.next_multiple_of(8),
    };
    u32::try_from(n_rows.div_ceil(n_chunks).max(1)).unwrap_or(u32::MAX)
}

/// Makes the tables of each wave end with the same chunk: a chunk then has a proportional part of each, at most as many rows as
/// `rows_per_chunk` was before.
pub(crate) fn even_waves(plan: &mut Plan) {
    for step in &plan.steps {
        let n_chunks = u64::from(n_chunks(plan, step)).max(1);
        let tables: &[TableId] = match step {
            Step::Table(_) => &[],
            Step::Wave(tables) => tables,
        };
        for table in tables {
            let table = &mut plan.tables[usize::from(*table)];
            let share = table.n_rows.div_ceil(n_chunks).max(1);
            table.rows_per_chunk = table.rows_per_chunk.min(u32::try_from(share).unwrap_or(u32::MAX));
        }
    }
}

fn of(plan: &Plan, table: TableId) -> &TablePlan {
    &plan.tables[usize::from(table)]
}

/// Returns the tables of a step.
pub(crate) fn of_step(step: &Step) -> &[TableId] {
    match step {
        Step::Table(table) => std::slice::from_ref(table),
        Step::Wave(tables) => tables,
    }
}

fn step_of(plan: &Plan, table: TableId) -> Option<u32> {
    (0..).zip(&plan.steps).find(|(_, step)| of_step(step).contains(&table)).map(|(place, _)| place)
}

fn n_chunks(plan: &Plan, step: &Step) -> u32 {
    let of_table = |table: &TableId| {
        let table = of(plan, *table);
        table.n_loaded().div_ceil(rows_per_chunk(table))
    };
    let n = of_step(step).iter().map(of_table).max().unwrap_or(0);
    u32::try_from(n).expect("chunks are of thousands of rows where there are billions of them")
}

fn rows(table: &TablePlan, number: u32) -> Range<u64> {
    let (n, size) = (table.n_loaded(), rows_per_chunk(table));
    let start = u64::from(number).saturating_mul(size);
    start.min(n)..start.saturating_add(size).min(n)
}

fn rows_per_chunk(table: &TablePlan) -> u64 {
    u64::from(table.rows_per_chunk.max(1))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::seed::fixture;
    use crate::seed::plan::{Edge, Nulls, Pick};

    fn table(n_rows: u64, rows_per_chunk: u32, parents: &[TableId]) -> TablePlan {
        let edge = |parent: &TableId| Edge {
            name: String::new(),
            parent: *parent,
            columns: Vec::new(),
            parent_columns: Vec::new(),
            pick: Pick::Wave,
            nulls: Nulls::Never,
            key: 0,
        };
        TablePlan { edges: parents.iter().map(edge).collect(), ..fixture::table("t", n_rows, rows_per_chunk) }
    }

    fn plan(tables: Vec<TablePlan>, steps: Vec<Step>) -> Plan {
        Plan { steps, ..fixture::plan(tables) }
    }

    type Parts<'p> = &'p [(TableId, Range<u64>)];

    fn check_chunks(plan: &Plan, expected: &[(u32, u32, Parts<'_>)]) {
        let found: Vec<_> = chunks(plan).collect();
        let found: Vec<_> = found.iter().map(|chunk| (chunk.step, chunk.number, &chunk.parts[..])).collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn a_table_is_cut_and_an_empty_or_fed_one_is_not_there() {
        let mut tables = vec![table(25, 10, &[]), table(0, 10, &[]), table(9, 10, &[]), table(10, 10, &[])];
        tables[2].fed_by = Some(0);
        let steps = (0..4).map(Step::Table).collect();
        check_chunks(
            &plan(tables, steps),
            &[(0, 0, &[(0, 0..10)]), (0, 1, &[(0, 10..20)]), (0, 2, &[(0, 20..25)]), (3, 0, &[(3, 0..10)])],
        );
    }

    #[test]
    fn chunks_are_even() {
        let check = |n_rows, most, expected| assert_eq!(even_size(n_rows, most), expected, "{n_rows} {most}");
        check(0, 10, 1);
        check(10, 10, 10);
        check(11, 10, 6);
        check(25, 10, 7);
        check(80, 10, 10);
        check(81, 10, 6);
        check(u64::MAX, u64::MAX, u32::MAX);
    }

    #[test]
    fn a_chunk_of_a_wave_has_a_proportional_part_of_each() {
        let tables = vec![table(25, 10, &[1]), table(6, 10, &[0]), table(2, 10, &[0])];
        let mut plan = plan(tables, vec![Step::Wave(vec![0, 1, 2])]);
        even_waves(&mut plan);
        check_chunks(
            &plan,
            &[
                (0, 0, &[(0, 0..9), (1, 0..2), (2, 0..1)]),
                (0, 1, &[(0, 9..18), (1, 2..4), (2, 1..2)]),
                (0, 2, &[(0, 18..25), (1, 4..6)]),
            ],
        );
    }

    /// Which chunks, as `step.number`, can start when these are done.
    fn check_ready(plan: &Plan, done: &[(u32, u32)], expected: &str) {
        let done: BTreeSet<_> = done.iter().copied().collect();
        let ready = chunks(plan).filter(|chunk| is_ready(chunk, plan, &done));
        let names: Vec<_> = ready.map(|chunk| format!("{}.{}", chunk.step, chunk.number)).collect();
        assert_eq!(names.join(" "), expected);
    }

    #[test]
    fn a_child_waits_for_all_of_its_parent_and_a_tree_for_its_first_chunk() {
        let tables = vec![table(2, 1, &[]), table(2, 1, &[0]), table(2, 1, &[2]), table(1, 1, &[])];
        let plan = plan(tables, (0..4).map(Step::Table).collect());
        check_ready(&plan, &[], "0.0 0.1 2.0 3.0");
        check_ready(&plan, &[(0, 1)], "0.0 0.1 2.0 3.0");
        check_ready(&plan, &[(0, 0), (0, 1), (2, 0)], "0.0 0.1 1.0 1.1 2.0 2.1 3.0");
    }

    #[test]
    fn chunks_of_a_tree_of_one_owner_come_one_after_another() {
        let mut tables = vec![table(1, 1, &[]), table(4, 1, &[0, 1])];
        tables[1].edges[1].pick = Pick::TreeWithin { through: 0, roots: 0 };
        let plan = plan(tables, (0..2).map(Step::Table).collect());
        check_ready(&plan, &[(0, 0)], "0.0 1.0");
        check_ready(&plan, &[(0, 0), (1, 0)], "0.0 1.0 1.1");
        check_ready(&plan, &[(0, 0), (1, 0), (1, 2)], "0.0 1.0 1.1 1.3");
    }

    #[test]
    fn a_wave_waits_for_its_first_chunk_and_the_parents_of_each_table() {
        let tables = vec![table(1, 1, &[]), table(2, 1, &[2]), table(2, 1, &[1, 0])];
        let plan = plan(tables, vec![Step::Table(0), Step::Wave(vec![1, 2])]);
        check_ready(&plan, &[], "0.0");
        check_ready(&plan, &[(0, 0)], "0.0 1.0");
        check_ready(&plan, &[(0, 0), (1, 0)], "0.0 1.0 1.1");
    }

    #[test]
    fn children_of_a_table_that_others_fill_wait_for_those() {
        let mut tables = vec![table(2, 1, &[]), table(2, 1, &[0]), table(1, 1, &[1])];
        tables[1].fed_by = Some(0);
        let mut plan = plan(tables, (0..3).map(Step::Table).collect());
        check_ready(&plan, &[], "0.0 0.1");
        check_ready(&plan, &[(0, 0), (0, 1)], "0.0 0.1 2.0");
        // Fed in a circle, or by what comes later: nobody would ever begin.
        plan.tables[0].fed_by = Some(1);
        check_ready(&plan, &[], "2.0");
    }

    fn plans() -> impl Strategy<Value = Plan> {
        let tables =
            prop::collection::vec((0..60_u64, 1..20_u32, prop::collection::vec(0..100_u16, 0..3)), 1..10);
        (tables, prop::collection::vec(1..4_usize, 10)).prop_map(|(tables, sizes)| {
            let mut places: Vec<TableId> = (0..).zip(&tables).map(|(place, _)| place).collect();
            let mut steps = Vec::new();
            for size in sizes {
                let rest = places.split_off(size.min(places.len()));
                match places[..] {
                    [] => {}
                    [table] => steps.push(Step::Table(table)),
                    _ => steps.push(Step::Wave(places)),
                }
                places = rest;
            }
            // Parents are in the same step or an earlier one.
            let last = |place: usize| {
                let step = steps
                    .iter()
                    .map(of_step)
                    .find(|tables| tables.contains(&TableId::try_from(place).unwrap()));
                *step.unwrap().last().unwrap()
            };
            let tables = tables.iter().enumerate().map(|(place, (n_rows, size, parents))| {
                let parents: Vec<_> = parents.iter().map(|parent| parent % (last(place) + 1)).collect();
                table(*n_rows, *size, &parents)
            });
            let tables = tables.collect();
            plan(tables, steps)
        })
    }

    proptest! {
        #[test]
        fn every_row_is_in_one_chunk_which_is_ready_when_the_earlier_ones_are_done(
            (mut plan, is_even) in (plans(), any::<bool>())
        ) {
            if is_even {
                even_waves(&mut plan);
            }
            let mut done = BTreeSet::new();
            let mut n_loaded = vec![0; plan.tables.len()];
            for chunk in chunks(&plan) {
                prop_assert!(!chunk.parts.is_empty());
                prop_assert!(is_ready(&chunk, &plan, &done));
                for (table, rows) in &chunk.parts {
                    let table = usize::from(*table);
                    prop_assert_eq!(rows.start, n_loaded[table]);
                    let size = u64::from(plan.tables[table].rows_per_chunk);
                    prop_assert!((rows.start..rows.end).all(|row| row / size == u64::from(chunk.number)));
                    n_loaded[table] = rows.end;
                }
                prop_assert!(done.insert((chunk.step, chunk.number)));
            }
            for (table, n_loaded) in plan.tables.iter().zip(n_loaded) {
                prop_assert_eq!(table.n_rows, n_loaded);
            }
        }

        /// Streams that take any ready chunk, in whatever order, never see a row before those that it may refer to.
        #[test]
        fn no_chunk_is_ready_before_its_parents((plan, order) in (plans(), any::<u64>())) {
            let mut left: Vec<_> = chunks(&plan).collect();
            let mut done = BTreeSet::new();
            let mut state = order;
            while !left.is_empty() {
                let ready: Vec<usize> = (0..left.len()).filter(|at| is_ready(&left[*at], &plan, &done)).collect();
                prop_assert!(!ready.is_empty(), "all streams would wait for ever");
                state = crate::random::mix(state);
                let chunk = left.remove(ready[usize::try_from(state % ready.len() as u64).unwrap()]);
                for (table, _) in &chunk.parts {
                    for edge in &plan.tables[usize::from(*table)].edges {
                        let step = step_of(&plan, edge.parent).unwrap();
                        let is_own = step == chunk.step;
                        let waits = |other: &Chunk| {
                            other.step == step && if is_own { other.number == 0 && chunk.number > 0 } else { true }
                        };
                        prop_assert!(!left.iter().any(waits));
                    }
                }
                done.insert((chunk.step, chunk.number));
            }
        }
    }
}
