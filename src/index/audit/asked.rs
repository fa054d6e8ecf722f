//! What the workload asks of a table, beside what one of its indexes can give.

use super::Statement;
use crate::catalog::{Index, IndexKey};
use crate::query::{Operand, TableUse, Test, same_expression};

/// One use of a table by a statement.
#[derive(Clone, Copy)]
pub(super) struct Asked<'a> {
    pub(super) statement: &'a Statement,
    pub(super) table_use: &'a TableUse,
}

/// Whether an operand of a statement is a key.
pub(in crate::index) fn is_key(operand: &Operand, key: &IndexKey) -> bool {
    match (operand, &key.column, &key.expression) {
        (Operand::Column(name), Some(column), _) => name == column,
        (Operand::Expression { sql, .. }, None, Some(expression)) => same_expression(sql, expression),
        _ => false,
    }
}

/// How a comparison narrows the search in a btree.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Narrowing {
    /// To single values: `=`, IN, a join, `IS NULL`.
    Point,
    /// To a range of values.
    Range,
}

impl Asked<'_> {
    pub(super) fn tests<'s>(&'s self, key: &'s IndexKey) -> impl Iterator<Item = Test> + 's {
        let conditions = self.table_use.conditions.iter();
        conditions.filter(|condition| is_key(&condition.operand, key)).map(|condition| condition.test)
    }

    pub(super) fn is_joined_by(&self, key: &IndexKey) -> bool {
        self.table_use.joins.iter().any(|operand| is_key(operand, key))
    }

    /// How the statement searches for values of a key, if it does.
    pub(super) fn narrowing(&self, key: &IndexKey) -> Option<Narrowing> {
        let is_point = |test: Test| matches!(test, Test::Equal | Test::In | Test::IsNull);
        if self.is_joined_by(key) || self.tests(key).any(is_point) {
            return Some(Narrowing::Point);
        }
        let is_range = |test: Test| matches!(test, Test::Range | Test::Prefix | Test::IsNotNull);
        self.tests(key).any(is_range).then_some(Narrowing::Range)
    }

    /// Whether rows are wanted in an order, or in groups, that begins with a key; and how many of its operands are
    /// there.
    pub(super) fn sorting(&self, key: &IndexKey) -> Option<usize> {
        let begins = |operands: &[&Operand]| operands.first().is_some_and(|first| is_key(first, key));
        let orders = self
            .table_use
            .orders
            .iter()
            .map(|order| order.items.iter().map(|item| &item.operand).collect::<Vec<_>>());
        let groups = self.table_use.groups.iter().map(|group| group.iter().collect::<Vec<_>>());
        orders.chain(groups).filter(|operands| begins(operands)).map(|operands| operands.len()).max()
    }

    /// Whether only the first rows of an order that begins with a key are wanted.
    pub(super) fn is_top_of(&self, key: &IndexKey) -> bool {
        self.table_use.orders.iter().any(|order| {
            order.is_limited && order.items.first().is_some_and(|item| is_key(&item.operand, key))
        })
    }

    /// Whether some comparison, join, order or group names a key.
    pub(super) fn names(&self, key: &IndexKey) -> bool {
        self.table_use.operands().any(|operand| is_key(operand, key))
    }

    /// Whether the index holds all that the statement reads of the table, so that the heap can be spared.
    pub(super) fn is_covered_by(&self, index: &Index) -> bool {
        let holds = |column: &String| {
            index.include.contains(column) || index.keys.iter().any(|key| key.column.as_ref() == Some(column))
        };
        !self.table_use.is_written
            && self.table_use.columns.as_ref().is_some_and(|columns| columns.iter().all(holds))
    }
}
