//! The parts of a run, and what each is expected to take before anything of it was done.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::index::change::record::Record;
use crate::query::index_ddl::index_ddl;
use crate::query::quote;
use crate::seed::chunk::of_step;
use crate::seed::make::block::Patches;
use crate::seed::make::world::World;
use crate::seed::make::{Draw, Maker, Values};
use crate::seed::plan::{Plan, TablePlan};
use crate::seed::schema::TableId;
use crate::seed::wire::Wire;
use crate::seed::wire::read::images;
use crate::seed::wire::rows::RowWriter;

/// Rows of a table that are made to learn how many bytes one has, at each of [`SAMPLES`] places.
const SAMPLE_ROWS: u64 = 64;
const SAMPLES: u64 = 4;

/// What follows what in a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) enum Phase {
    Rows,
    /// Indexes come back.
    Indexes,
    /// VACUUM and ANALYZE.
    Vacuum,
    /// Indexes that streams have left half empty are built anew.
    Loose,
    /// Foreign keys are checked that were silent while rows came.
    ForeignKeys,
}

impl Phase {
    pub(crate) const ALL: [Self; 5] =
        [Self::Rows, Self::Indexes, Self::Vacuum, Self::Loose, Self::ForeignKeys];
}

/// A part of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Task {
    /// To load the rows of a table.
    Rows(TableId),
    /// To build an index, by the number of the journal's step that has dropped it.
    Index(u32),
    /// To vacuum and analyze a table.
    Vacuum(TableId),
    /// To build indexes of a table anew.
    Loose(TableId),
    /// To check the foreign keys of a table.
    ForeignKeys(TableId),
}

impl Task {
    pub(crate) fn phase(self) -> Phase {
        match self {
            Self::Rows(_) => Phase::Rows,
            Self::Index(_) => Phase::Indexes,
            Self::Vacuum(_) => Phase::Vacuum,
            Self::Loose(_) => Phase::Loose,
            Self::ForeignKeys(_) => Phase::ForeignKeys,
        }
    }
}

/// A task with its size.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Work {
    pub(crate) task: Task,
    /// Rows, indexes of a table or foreign keys that are left; 1 of all else.
    pub(crate) n_units: u64,
    /// So many of them are done at once.
    pub(crate) n_at_once: u64,
    /// The tables whose rows must all be there before.
    pub(crate) after: Vec<TableId>,
    pub(crate) effort: Effort,
}

/// What decides how long a unit of work takes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) enum Effort {
    Row(RowEffort),
    /// A B-tree of so many rows, by its first key.
    Btree {
        n_rows: u64,
        first: Order,
        n_columns: u32,
    },
    /// An index of another kind.
    OtherIndex {
        n_rows: u64,
    },
    /// A table with rows of so many bytes.
    Table {
        n_rows: u64,
        row_bytes: f64,
        n_columns: u32,
    },
    /// A look-up of the parents of so many rows.
    ForeignKey {
        n_rows: u64,
    },
}

/// In which order the values of a key come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Order {
    Rising,
    Scattered,
    ScatteredTexts,
}

/// What the server does for a row.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct RowEffort {
    /// In COPY.
    pub(crate) bytes: f64,
    /// Of those, in columns of jsonb.
    pub(crate) json_bytes: f64,
    /// Of those, in rows that do not fit where they are.
    pub(crate) toasted_bytes: f64,
    pub(crate) n_columns: u32,
    /// How many rows each foreign key refers to.
    pub(crate) parents: Vec<u64>,
    pub(crate) n_checks: u32,
    pub(crate) n_triggers: u32,
    /// Rows that are there before.
    pub(crate) n_before: u64,
    /// B-trees that are there while rows come, on values that rise with the rows.
    pub(crate) n_rising: u32,
    /// B-trees on others.
    pub(crate) n_scattered: u32,
    pub(crate) n_scattered_texts: u32,
    pub(crate) n_other_indexes: u32,
    /// It comes through a temporary stage.
    pub(crate) is_staged: bool,
}

/// What the catalog says of a table while its rows come.
#[derive(Clone, Debug, Default)]
pub(crate) struct Burden {
    /// How many rows each foreign key refers to, before the run and after it.
    pub(crate) parents: Vec<u64>,
    pub(crate) n_before: u64,
    pub(crate) n_checks: u32,
    /// Of users, for each row.
    pub(crate) n_triggers: u32,
    /// Of each B-tree the first column or expression, as SQL.
    pub(crate) btrees: Vec<String>,
    pub(crate) n_other_indexes: u32,
}

// What follows are first guesses in nanoseconds of one session: what PostgreSQL 15 takes for a million rows. Only their
// proportions matter: a run measures itself.

/// A transaction with its row of the manifest, or a statement.
const TRANSACTION_NS: f64 = 3e6;
const ROW_NS: f64 = 350.0;
const COLUMN_NS: f64 = 35.0;
const BYTE_NS: f64 = 2.2;
/// What a byte of jsonb takes more, which is parsed.
const JSON_BYTE_NS: f64 = 3.0;
/// What a byte takes more that is compressed and goes to a TOAST table.
const TOASTED_BYTE_NS: f64 = 13.0;
/// Rows up to this are not (`TOAST_TUPLE_THRESHOLD` in `heaptoast.h`).
const TOASTED_ROW_BYTES: usize = 2_032;
/// A query for each row (`RI_FKey_check` in `ri_triggers.c`).
const FOREIGN_KEY: Growing = Growing { ns: 2_900.0, each_doubling_ns: 950.0 };
const CHECK_NS: f64 = 50.0;
const TRIGGER_NS: f64 = 5_000.0;
const RISING_NS: f64 = 250.0;
const SCATTERED: Growing = Growing { ns: 900.0, each_doubling_ns: 300.0 };
/// Texts are compared by their collation.
const SCATTERED_TEXT: Growing = Growing { ns: 1_700.0, each_doubling_ns: 400.0 };
const OTHER_INDEX_NS: f64 = 5_000.0;
/// The second way of staged rows.
const STAGED: f64 = 1.8;
/// Of an entry of an index that is built: to read its row, to sort what comes sorted, in any order, and texts, and its columns.
const BUILD_ROW_NS: f64 = 60.0;
const BUILD_RISING_NS: f64 = 50.0;
const BUILD_SCATTERED_NS: f64 = 180.0;
const BUILD_TEXT_NS: f64 = 500.0;
const BUILD_COLUMN_NS: f64 = 90.0;
/// VACUUM reads and marks each page.
const VACUUM_ROW_NS: f64 = 50.0;
const VACUUM_BYTE_NS: f64 = 0.12;
/// ANALYZE sorts the values of so many rows: 300 times `default_statistics_target`.
const ANALYZE_ROWS: u64 = 30_000;
const ANALYZE_VALUE_NS: f64 = 350.0;
const ANALYZE_BYTE_NS: f64 = 3.0;
/// Longer values are only counted (`WIDTH_THRESHOLD` in analyze.c).
const ANALYZE_MOST_BYTES: f64 = 1_024.0;
/// Tables and indexes with so many rows stay in the processor's caches.
const CACHED_ROWS: u64 = 40_000;

/// What finding a place in a B-tree takes: the more, the larger it is.
struct Growing {
    /// While all of it is in the processor's caches.
    ns: f64,
    /// More for each time that it has twice as many rows as fit there.
    each_doubling_ns: f64,
}

impl Growing {
    /// Finds one place in so many rows.
    fn once_ns(&self, n_rows: u64) -> f64 {
        self.ns + self.each_doubling_ns * doublings(n_rows)
    }

    /// Finds a place for each of the rows from one to another, which come one after the other.
    fn while_growing_ns(&self, from: u64, to: u64) -> f64 {
        float(to - from) * self.ns + self.each_doubling_ns * (all_doublings(to) - all_doublings(from))
    }
}

/// Returns how often the rows that are cached double up to this number.
fn doublings(n_rows: u64) -> f64 {
    (float(n_rows.max(CACHED_ROWS)) / float(CACHED_ROWS)).log2()
}

/// The integral of [`doublings`].
fn all_doublings(n_rows: u64) -> f64 {
    float(n_rows) * doublings(n_rows) - float(n_rows.saturating_sub(CACHED_ROWS)) / std::f64::consts::LN_2
}

impl Work {
    /// Returns the nanoseconds that so many units are expected to take one session after others that are done.
    pub(crate) fn expected_ns(&self, n_done: u64, n_units: u64) -> f64 {
        let n_times = n_units.div_ceil(self.n_at_once.max(1));
        let units_ns = match &self.effort {
            Effort::Row(row) => row.ns(row.n_before + n_done, n_units),
            effort => float(n_units) * effort.unit_ns(),
        };
        units_ns + float(n_times) * TRANSACTION_NS
    }
}

impl Effort {
    fn unit_ns(&self) -> f64 {
        match self {
            Self::Row(row) => row.ns(row.n_before, 1),
            Self::Btree { n_rows, first, n_columns } => {
                let sorted = match first {
                    Order::Rising => BUILD_RISING_NS,
                    Order::Scattered => BUILD_SCATTERED_NS,
                    Order::ScatteredTexts => BUILD_TEXT_NS,
                };
                float(*n_rows) * (BUILD_ROW_NS + sorted + f64::from(*n_columns) * BUILD_COLUMN_NS)
            }
            Self::OtherIndex { n_rows } => float(*n_rows) * OTHER_INDEX_NS,
            Self::Table { n_rows, row_bytes, n_columns } => {
                let values = f64::from(*n_columns) * ANALYZE_VALUE_NS;
                let analyzed = values + row_bytes.min(ANALYZE_MOST_BYTES) * ANALYZE_BYTE_NS;
                float(*n_rows) * (VACUUM_ROW_NS + row_bytes * VACUUM_BYTE_NS)
                    + float(*n_rows.min(&ANALYZE_ROWS)) * analyzed
            }
            Self::ForeignKey { n_rows } => float(*n_rows) * BUILD_ROW_NS,
        }
    }
}

impl RowEffort {
    /// Returns the nanoseconds of so many rows that come after others.
    fn ns(&self, n_before: u64, n_rows: u64) -> f64 {
        let each = ROW_NS
            + self.bytes * BYTE_NS
            + self.json_bytes * JSON_BYTE_NS
            + self.toasted_bytes * TOASTED_BYTE_NS
            + [
                (self.n_columns, COLUMN_NS),
                (self.n_rising, RISING_NS),
                (self.n_other_indexes, OTHER_INDEX_NS),
                (self.n_checks, CHECK_NS),
            ]
            .map(|(n, ns)| f64::from(n) * ns)
            .iter()
            .sum::<f64>();
        let kept: f64 = [(self.n_scattered, SCATTERED), (self.n_scattered_texts, SCATTERED_TEXT)]
            .map(|(n, btree)| f64::from(n) * btree.while_growing_ns(n_before, n_before + n_rows))
            .iter()
            .sum();
        let staged = if self.is_staged { STAGED } else { 1.0 };
        let looked_up: f64 = self.parents.iter().map(|n_parents| FOREIGN_KEY.once_ns(*n_parents)).sum();
        let acted = looked_up + f64::from(self.n_triggers) * TRIGGER_NS;
        (float(n_rows) * each + kept) * staged + float(n_rows) * acted
    }
}

/// Returns the parts of a run of which so many rows of each table are left, with what the catalog says of each table, and the
/// indexes that are built after the rows: the number of the journal's step for each, in the order of their builds. `loose` are how
/// many of each table streams leave half empty.
pub(crate) fn works(
    plan: &Plan,
    rows_left: &[u64],
    burdens: &[Burden],
    dropped: &[(u32, Record)],
    loose: &[(TableId, u32)],
) -> Vec<Work> {
    let widths: Vec<Width> = (0..).zip(&plan.tables).map(|(id, _)| width(plan, id)).collect();
    let tables = || (0..).zip(&plan.tables);
    let mut works = Vec::new();
    let mut earlier: BTreeSet<TableId> = BTreeSet::new();
    for step in &plan.steps {
        for id in of_step(step) {
            let at = usize::from(*id);
            let table = &plan.tables[at];
            if rows_left[at] > 0 {
                let parents =
                    table.edges.iter().map(|edge| edge.parent).chain(table.waits_for.iter().copied());
                let after: BTreeSet<TableId> = parents.filter(|parent| earlier.contains(parent)).collect();
                works.push(Work {
                    task: Task::Rows(*id),
                    n_units: rows_left[at],
                    n_at_once: u64::from(table.rows_per_chunk),
                    after: after.into_iter().collect(),
                    effort: Effort::Row(row_effort(plan, table, &widths[at], &burdens[at])),
                });
            }
        }
        earlier.extend(of_step(step));
    }
    let once = |task, effort| Work { task, n_units: 1, n_at_once: 1, after: Vec::new(), effort };
    for (ordinal, record) in dropped {
        let is_its =
            |table: &&TablePlan| (&table.schema, &table.name) == (&record.index.schema, &record.index.table);
        if let Some(table) = plan.tables.iter().find(is_its) {
            works.push(once(Task::Index(*ordinal), index_effort(table, record)));
        }
    }
    for ((id, table), width) in tables().zip(&widths).filter(|((_, table), _)| table.n_rows > 0) {
        let (n_rows, row_bytes) = (table.n_rows, width.bytes);
        let effort = Effort::Table { n_rows, row_bytes, n_columns: number(table.columns.len()) };
        works.push(once(Task::Vacuum(id), effort));
    }
    for (id, n) in loose {
        let n_rows = plan.tables[usize::from(*id)].n_rows;
        let effort = Effort::Btree { n_rows, first: Order::Rising, n_columns: 1 };
        works.push(Work { n_units: u64::from(*n), ..once(Task::Loose(*id), effort) });
    }
    for ((id, table), burden) in tables().zip(burdens) {
        if plan.are_triggers_off && table.n_rows > 0 && !burden.parents.is_empty() {
            let effort = Effort::ForeignKey { n_rows: table.n_rows };
            let n_units = burden.parents.len() as u64;
            works.push(Work { n_units, ..once(Task::ForeignKeys(id), effort) });
        }
    }
    works
}

fn row_effort(plan: &Plan, table: &TablePlan, width: &Width, burden: &Burden) -> RowEffort {
    let orders: Vec<Order> = burden.btrees.iter().map(|first| order(table, first)).collect();
    let btrees = |of: Order| number(orders.iter().filter(|order| **order == of).count());
    RowEffort {
        bytes: width.bytes,
        json_bytes: width.json_bytes,
        toasted_bytes: width.toasted_bytes,
        n_columns: number(table.columns.len()),
        parents: if plan.are_triggers_off { Vec::new() } else { burden.parents.clone() },
        n_checks: burden.n_checks,
        n_triggers: if plan.are_triggers_off { 0 } else { burden.n_triggers },
        n_before: burden.n_before,
        n_rising: btrees(Order::Rising),
        n_scattered: btrees(Order::Scattered),
        n_scattered_texts: btrees(Order::ScatteredTexts),
        n_other_indexes: burden.n_other_indexes,
        is_staged: table.is_staged,
    }
}

/// Whether the values of a key come in their own order: a column's, as SQL, or those of an expression.
pub(crate) fn is_rising(table: &TablePlan, key: &str) -> bool {
    order(table, key) == Order::Rising
}

/// Returns the order of a key's values: a column's, as SQL, or those of an expression.
fn order(table: &TablePlan, key: &str) -> Order {
    match table.columns.iter().find(|column| quote::identifier(&column.name) == key) {
        Some(column) if rises(&column.maker) => Order::Rising,
        Some(column) if column.wire != Wire::Bytes => Order::Scattered,
        _ => Order::ScatteredTexts,
    }
}

/// Whether the values of a column come in their own order.
fn rises(maker: &Maker) -> bool {
    match maker {
        Maker::Drawn { draw: Draw::Row, .. } => true,
        Maker::Drawn { draw: Draw::Serial, values } => {
            matches!(
                values,
                Values::Int { .. } | Values::Wide { .. } | Values::Float { .. } | Values::Moments(_)
            )
        }
        _ => false,
    }
}

fn index_effort(table: &TablePlan, record: &Record) -> Effort {
    let n_rows = table.n_rows;
    let Some(first) = index_ddl(&record.definition).and_then(|it| it.keys.into_iter().next()) else {
        return Effort::OtherIndex { n_rows };
    };
    if record.method != "btree" {
        return Effort::OtherIndex { n_rows };
    }
    let first = first.column.map_or(Order::ScatteredTexts, |name| order(table, &quote::identifier(&name)));
    Effort::Btree { n_rows, first, n_columns: number(record.columns.len()) }
}

/// Bytes of a row in COPY.
#[derive(Clone, Copy, Debug, Default)]
struct Width {
    bytes: f64,
    json_bytes: f64,
    toasted_bytes: f64,
}

/// Returns how wide the rows of a table are, as those at a few places are.
fn width(plan: &Plan, table: TableId) -> Width {
    let planned = &plan.tables[usize::from(table)];
    let patches = Patches::default();
    let mut writer = RowWriter::new(&World::new(plan, &patches), table);
    let n_places = SAMPLES.min(planned.n_rows.div_ceil(SAMPLE_ROWS)).max(1);
    let starts = (0..n_places).map(|place| planned.n_rows / n_places * place);
    let parts: Vec<_> = starts.map(|start| start..(start + SAMPLE_ROWS).min(planned.n_rows)).collect();
    let n_made: u64 = parts.iter().map(|rows| rows.end - rows.start).sum();
    let copy = writer.copy(parts);
    let columns = images(&copy, planned.columns.len()).unwrap_or_default();
    let mut width = Width { bytes: float(copy.len() as u64), ..Width::default() };
    let mut wholes = vec![0; usize::try_from(n_made).unwrap_or(0)];
    for (cells, column) in columns.iter().zip(&planned.columns) {
        for (cell, whole) in cells.iter().zip(&mut wholes) {
            let n_bytes = cell.map_or(0, <[u8]>::len);
            *whole += n_bytes;
            if column.wire == Wire::Jsonb {
                width.json_bytes += float(n_bytes as u64);
            }
        }
    }
    let toasted = wholes.iter().filter(|whole| **whole > TOASTED_ROW_BYTES);
    width.toasted_bytes = toasted.map(|whole| float(*whole as u64)).sum();
    let n_made = float(n_made.max(1));
    Width {
        bytes: width.bytes / n_made,
        json_bytes: width.json_bytes / n_made,
        toasted_bytes: width.toasted_bytes / n_made,
    }
}

fn number(n: usize) -> u32 {
    u32::try_from(n).unwrap_or(u32::MAX)
}

#[expect(clippy::cast_precision_loss, reason = "an estimate")]
fn float(n: u64) -> f64 {
    n as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seed::fixture::{plan, serial, table};
    use crate::seed::plan::ColumnPlan;

    fn scattered(name: &str) -> ColumnPlan {
        let maker = Maker::Drawn { draw: Draw::Bits, values: Values::Bytes { min: 1, max: 99 } };
        ColumnPlan { wire: Wire::Bytes, maker, ..serial(name, 0, 1) }
    }

    fn with(name: &str, n_rows: u64) -> TablePlan {
        let columns = vec![serial("id", 1, 1), scattered("Body")];
        TablePlan { columns, fill_order: vec![0, 1], ..table(name, n_rows, 1_000) }
    }

    #[test]
    fn each_part_of_a_run_is_there_once() {
        let mut plan = plan(vec![with("a", 10_000), with("b", 0), with("c", 100)]);
        let burden = Burden {
            parents: vec![10, 20],
            n_before: 0,
            n_checks: 1,
            n_triggers: 1,
            btrees: vec!["id".to_owned(), "\"Body\"".to_owned(), "lower(\"Body\")".to_owned()],
            n_other_indexes: 1,
        };
        let burdens = vec![burden.clone(), burden, Burden::default()];
        let tasks = |plan: &Plan| {
            let works = works(plan, &[4_000, 0, 0], &burdens, &[], &[(0, 2)]);
            works.iter().map(|work| (work.task, work.n_units)).collect::<Vec<_>>()
        };
        let expected =
            [(Task::Rows(0), 4_000), (Task::Vacuum(0), 1), (Task::Vacuum(2), 1), (Task::Loose(0), 2)];
        assert_eq!(tasks(&plan), expected);
        let Effort::Row(row) = &works(&plan, &[4_000, 0, 0], &burdens, &[], &[])[0].effort else {
            panic!("rows")
        };
        assert_eq!((row.n_rising, row.n_scattered_texts, row.parents.len(), row.n_triggers), (1, 2, 2, 1));
        // A field count, two lengths, a key and 50 bytes.
        assert!((row.bytes - 68.0).abs() < 8.0, "{row:?}");
        plan.are_triggers_off = true;
        assert_eq!(tasks(&plan)[4..], [(Task::ForeignKeys(0), 2)]);
        let Effort::Row(row) = &works(&plan, &[4_000, 0, 0], &burdens, &[], &[])[0].effort else {
            panic!("rows")
        };
        assert_eq!((row.parents.len(), row.n_triggers, row.n_checks), (0, 0, 1));
    }

    #[test]
    fn more_to_do_takes_longer() {
        let check = |effort: Effort, less: Effort| {
            let ns = |effort: Effort| {
                Work { task: Task::Vacuum(0), n_units: 1, n_at_once: 1, after: Vec::new(), effort }
                    .expected_ns(0, 1)
            };
            assert!(ns(effort.clone()) > ns(less.clone()), "{effort:?} {less:?}");
        };
        let row = RowEffort { bytes: 100.0, n_columns: 5, n_rising: 1, ..RowEffort::default() };
        check(Effort::Row(RowEffort { bytes: 200.0, ..row.clone() }), Effort::Row(row.clone()));
        let referring = |n| Effort::Row(RowEffort { parents: vec![n], ..row.clone() });
        check(referring(1), Effort::Row(row.clone()));
        check(referring(1_000_000), referring(100_000));
        check(
            Effort::Row(RowEffort { n_scattered: 1, ..row.clone() }),
            Effort::Row(RowEffort { n_rising: 2, ..row.clone() }),
        );
        check(Effort::Row(RowEffort { is_staged: true, ..row.clone() }), Effort::Row(row));
        let btree = |n_rows, first| Effort::Btree { n_rows, first, n_columns: 1 };
        check(btree(1_000, Order::Rising), btree(500, Order::Rising));
        check(btree(1_000, Order::Scattered), btree(1_000, Order::Rising));
        check(btree(1_000, Order::ScatteredTexts), btree(1_000, Order::Scattered));
        let table = |n_rows, n_columns| Effort::Table { n_rows, row_bytes: 50.0, n_columns };
        check(table(100_000, 4), table(50_000, 4));
        check(table(1_000, 5), table(1_000, 4));
    }

    #[test]
    fn parts_of_a_table_take_as_long_as_the_whole() {
        let row = RowEffort { n_scattered: 1, n_scattered_texts: 2, n_before: 7_000, ..RowEffort::default() };
        let effort = Effort::Row(row);
        let work =
            Work { task: Task::Rows(0), n_units: 900_000, n_at_once: 10_000, after: Vec::new(), effort };
        let parts: f64 = (0..90).map(|part| work.expected_ns(part * 10_000, 10_000)).sum();
        assert!((parts / work.expected_ns(0, 900_000) - 1.0).abs() < 1e-9);
        assert!(work.expected_ns(890_000, 10_000) > 1.3 * work.expected_ns(0, 10_000));
    }

    #[test]
    fn bytes_are_those_of_rows_all_over_the_table() {
        let check = |n_rows: u64| {
            let plan = plan(vec![with("t", n_rows)]);
            let found = width(&plan, 0).bytes;
            let expected = if n_rows == 0 { 20.0 } else { 70.0 };
            assert!((found - expected).abs() < 70.0, "{n_rows}: {found}");
        };
        for n_rows in [0, 1, 3, 63, 64, 65, 200, 257, 1_000_000] {
            check(n_rows);
        }
    }
}
