//! What one use of a table asks for: its conditions with those around it, by what an index can do with them.

use std::collections::BTreeSet;

use super::indexable::{self, Family};
use crate::catalog::{Catalog, Table, TableKind};
use crate::index::Key;
use crate::query::{Condition, Operand, Order, StatementShape, TableUse, Test};

/// Share of a table's pages that must be marked all-visible for an index-only scan to be worth more columns: below it
/// most rows are fetched from the table anyway, and the planner counts them so (`index_pages_fetched` times the
/// share, costsize.c).
const MIN_ALL_VISIBLE: f64 = 0.5;

/// One use of a table that can have indexes.
pub(super) struct Demand<'a> {
    /// The statement's number.
    pub(super) statement: usize,
    pub(super) table: &'a Table,
    /// With those that hold for an OR as a whole, where this is one branch of it.
    pub(super) conditions: Vec<&'a Condition>,
    pub(super) joins: Vec<&'a Operand>,
    /// Operands that are compared with a row of values together.
    pub(super) rows: &'a [Vec<Operand>],
    pub(super) orders: &'a [Order],
    pub(super) groups: &'a [Vec<Operand>],
    /// What an index-only scan would have to find; `None` when it could not be one.
    pub(super) read: Option<&'a BTreeSet<String>>,
    /// Whether the statement has placeholders, so that what it has as constants is really fixed.
    pub(super) has_placeholders: bool,
}

/// Returns the uses of tables that can have indexes, by the table's place in the catalog.
pub(super) fn demands<'a>(shapes: &'a [StatementShape], catalog: &'a Catalog) -> Vec<(usize, Demand<'a>)> {
    let mut demands = Vec::new();
    for (statement, shape) in shapes.iter().enumerate() {
        for table_use in &shape.uses {
            let Some(table) = catalog.table(&table_use.table).filter(|table| can_be_indexed(table)) else {
                continue;
            };
            let Some(at) = catalog.tables.iter().position(|other| std::ptr::eq(other, table)) else {
                continue;
            };
            demands.push((at, Demand::new(statement, shape, table_use, table)));
        }
    }
    demands
}

/// Whether users can index the table at all.
///
/// A partitioned table gets its indexes itself, which makes them on every partition. Of an inheritance tree only the
/// named table is looked at: its children have indexes of their own.
fn can_be_indexed(table: &Table) -> bool {
    let is_stored =
        matches!(table.kind, TableKind::Ordinary | TableKind::Partitioned | TableKind::MaterializedView);
    is_stored && !table.schema.starts_with("pg_") && table.schema != "information_schema"
}

impl<'a> Demand<'a> {
    fn new(statement: usize, shape: &'a StatementShape, table_use: &'a TableUse, table: &'a Table) -> Self {
        let mut demand = Self {
            statement,
            table,
            conditions: Vec::new(),
            joins: Vec::new(),
            rows: &table_use.rows,
            orders: &table_use.orders,
            groups: &table_use.groups,
            read: table_use
                .columns
                .as_ref()
                .filter(|_| !table_use.is_written && visible_share(table) >= MIN_ALL_VISIBLE),
            has_placeholders: !shape.parameters.is_empty(),
        };
        // A branch lies before or behind the use that it belongs to; a ring would be a mistake of whoever made it.
        let mut around = Some(table_use);
        for _ in 0..=shape.uses.len() {
            let Some(table_use) = around else { break };
            demand.conditions.extend(&table_use.conditions);
            demand.joins.extend(&table_use.joins);
            around = table_use.branch_of.and_then(|at| shape.uses.get(at));
        }
        demand
    }

    /// What a condition fixes to one value, or to few: the most selective first.
    pub(super) fn equalities(&self) -> Vec<&'a Operand> {
        let tests = |test| matches!(test, Test::Equal | Test::In | Test::IsNull);
        let mut equalities = self.keys_with(tests);
        equalities.sort_by(|a, b| self.distinct(b).total_cmp(&self.distinct(a)).then_with(|| a.cmp(b)));
        equalities
    }

    /// What a condition fixes to several values, so that an order behind it is lost.
    pub(super) fn lists(&self) -> Vec<&'a Operand> {
        self.keys_with(|test| test == Test::In)
    }

    /// What is equated with another relation's value.
    pub(super) fn join_keys(&self) -> Vec<&'a Operand> {
        distinct_operands(self.joins.iter().copied().filter(|operand| self.is_btree_key(operand)))
    }

    /// Keys that a condition limits to one range; text prefixes with the operator class that finds them.
    pub(super) fn ranges(&self) -> Vec<Key> {
        let mut ranges = Vec::new();
        for condition in &self.conditions {
            let operand = &condition.operand;
            if !self.is_btree_key(operand) {
                continue;
            }
            let family = indexable::family(operand, self.table);
            let key = match condition.test {
                Test::Range => Key::of(operand.clone()),
                // Since PostgreSQL 17, `column <@ range` is planned as the range's bounds.
                Test::ContainedBy if family == Family::Scalar => Key::of(operand.clone()),
                // `network <<= value` is planned as the range of its addresses (`network_subset_support`).
                Test::ContainedBy | Test::Other if family == Family::Network => Key::of(operand.clone()),
                Test::Prefix | Test::Pattern => match indexable::prefix_key(operand, self.table) {
                    Some(key) => key,
                    None => continue,
                },
                _ => continue,
            };
            if !ranges.contains(&key) {
                ranges.push(key);
            }
        }
        ranges
    }

    fn keys_with(&self, tests: impl Fn(Test) -> bool) -> Vec<&'a Operand> {
        let conditions = self.conditions.iter().filter(|condition| tests(condition.test));
        distinct_operands(
            conditions.map(|condition| &condition.operand).filter(|operand| self.is_btree_key(operand)),
        )
    }

    pub(super) fn is_btree_key(&self, operand: &Operand) -> bool {
        indexable::is_btree_key(operand, self.table)
    }

    /// How many values an operand has; an expression as many as its columns, at most as many as there are rows.
    pub(super) fn distinct(&self, operand: &Operand) -> f64 {
        let n_rows = self.table.planned_rows();
        let columns = operand.columns().iter().filter_map(|column| self.table.column(column));
        columns.map(|column| column.distinct(n_rows)).fold(1.0, f64::max).min(n_rows.max(1.0))
    }
}

/// The share of a table's pages that an index-only scan need not visit; 0 when it was never vacuumed or analyzed.
fn visible_share(table: &Table) -> f64 {
    if table.n_pages == 0 {
        return 0.0;
    }
    f64::from(table.n_all_visible_pages) / f64::from(table.n_pages)
}

fn distinct_operands<'a>(operands: impl Iterator<Item = &'a Operand>) -> Vec<&'a Operand> {
    let mut kept = Vec::new();
    for operand in operands {
        if !kept.contains(&operand) {
            kept.push(operand);
        }
    }
    kept
}
