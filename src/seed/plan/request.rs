//! What a plan is asked for, and what is known of the database beside its schema.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::Existing;
use crate::seed::condition::{self, Case};
use crate::seed::make::lane::{Cells, Lane};
use crate::seed::schema::{ColumnId, TableId};
use crate::seed::spec::SeedConfig;
use crate::seed::stats::source::Source;

/// What decides a plan, apart from the database.
#[derive(Clone, Debug, Default)]
pub(crate) struct Request {
    pub(crate) config: SeedConfig,
    /// Rows of tables, by their names as they were asked for.
    pub(crate) rows: BTreeMap<String, u64>,
    /// Multiplies the rows that nobody asked for.
    pub(crate) scale: f64,
    /// No table gets more: for rehearsals.
    pub(crate) at_most: Option<u64>,
    pub(crate) seed: u64,
    /// µs since 2000-01-01 UTC.
    pub(crate) as_of_us: i64,
    /// Tables that are filled get more rows.
    pub(crate) append: bool,
    /// The database is in use: transactions are short.
    pub(crate) has_small_chunks: bool,
    /// What ANALYZE said of another database, which is to be so here.
    pub(crate) statistics: Option<Source>,
}

impl Request {
    /// The same request for a database of another size: numbers of perfkit.yaml grow with the scale. Of everything there is a
    /// `share`, of the rows that were asked for too, so that a small plan has the proportions of the large one.
    pub(crate) fn scaled(&self, scale: f64, share: f64) -> Self {
        let mut scaled = self.clone();
        scaled.scale *= scale * share;
        for n in scaled.rows.values_mut() {
            *n = times(*n, share);
        }
        for n in scaled.config.tables.values_mut().filter_map(|table| table.rows.as_mut()) {
            *n = times(*n, scale * share);
        }
        scaled
    }
}

/// Rows of a table, at least one where there are any.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    clippy::cast_sign_loss,
    reason = "numbers of rows are far below 2^53, and a cast saturates"
)]
fn times(n: u64, factor: f64) -> u64 {
    ((n as f64 * factor).round() as u64).max(n.min(1))
}

/// What the server was asked.
#[derive(Clone, Debug, Default)]
pub(crate) struct Known {
    /// Rows that can be referred to.
    pub(crate) existing: BTreeMap<TableId, Existing>,
    /// Where serial keys of a filled table begin.
    pub(crate) first_keys: BTreeMap<(TableId, ColumnId), i64>,
    /// The values of columns that are a key by themselves and have few, in a filled table.
    pub(crate) taken: BTreeMap<(TableId, ColumnId), Cells>,
    /// Rows that earlier runs put into a table.
    pub(crate) bases: BTreeMap<TableId, u64>,
    /// Wire images of columns whose values perfkit cannot make itself; none where the server took no literal.
    pub(crate) images: BTreeMap<(TableId, ColumnId), Cells>,
    /// Tuples that conditions accepted: columns of a table with as many cells each.
    pub(crate) pools: Vec<Pool>,
    pub(crate) answers: Vec<Answer>,
    pub(crate) repairs: Vec<Repair>,
}

impl Known {
    /// How many rows earlier runs put into a table: they have the first values of its keys.
    pub(crate) fn base(&self, table: TableId) -> u64 {
        self.bases.get(&table).copied().unwrap_or(0)
    }
}

/// Values of some columns that go together.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Pool {
    pub(crate) table: TableId,
    /// In rising order.
    pub(crate) columns: Vec<ColumnId>,
    /// For each column as many cells.
    pub(crate) cells: Vec<Lane>,
}

/// Conditions that hang together, of which the server has to say which rows pass.
#[derive(Clone, Debug)]
pub(crate) struct Question {
    pub(crate) table: TableId,
    /// Those that the conditions decide, in rising order.
    pub(crate) columns: Vec<ColumnId>,
    /// As the conditions see them.
    pub(crate) of: Vec<condition::Column>,
    pub(crate) cases: Vec<Case>,
    /// Columns that the conditions name beside them, in parts that perfkit understands.
    pub(crate) beside: Vec<ColumnId>,
    pub(crate) constraints: Vec<String>,
    /// The conditions in SQL.
    pub(crate) sql: Vec<String>,
    /// Whether the columns can have any values that pass: no key and no reference decides them.
    pub(crate) is_free: bool,
}

/// What the server said of conditions.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Answer {
    pub(crate) table: TableId,
    pub(crate) constraints: Vec<String>,
    /// The share of the usual rows that pass.
    pub(crate) acceptance: f64,
}

/// A choice that a rehearsal made, because the server refused the first one.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) enum Repair {
    AlwaysNull(TableId, ColumnId),
    /// As if the column were declared NOT NULL.
    NeverNull(TableId, ColumnId),
    /// Of a component of conditions only this case is used.
    OnlyCase(TableId, u16, u16),
    /// One value, as text in the column's input syntax: a boolean, a label, a number, its default.
    Literal(TableId, ColumnId, String),
    /// A foreign key, by its place in the schema, refers to this row of the parent always.
    OneParent(TableId, u16, u64),
    /// A foreign key, by its place in the schema, refers to a row that a trigger of the table makes: its columns are no
    /// reference.
    MadeFor(TableId, u16),
    /// A foreign key to the table itself, by its place in the schema, refers to rows that were there before.
    BelowExisting(TableId, u16),
    CopyOf(TableId, ColumnId, ColumnId),
    /// A foreign key, by its place in the schema, takes a column with it, which has what another one has in the row of the parent.
    WithColumn(TableId, u16, ColumnId, ColumnId),
    /// The column refers to a column of another table, as what a trigger makes of it does.
    RefersTo(TableId, ColumnId, TableId, ColumnId),
    /// As if these columns were a key: triggers of the table put them into another one where they are.
    AlsoUnique(TableId, Vec<ColumnId>),
    /// No more rows, for this reason.
    AtMost(TableId, u64, String),
    /// The first table is loaded together with the second, of which each row refers to one of its rows: alone its triggers would
    /// delete them.
    Together(TableId, TableId),
    /// The first table's triggers use the second, which is loaded before it.
    After(TableId, TableId),
    /// The trigger of this table makes the rows.
    FedBy(TableId, TableId),
    /// Nothing is loaded, for this reason.
    Skip(TableId, String),
    /// Nothing is loaded: it has the only row that its keys allow.
    Full(TableId),
}

impl Repair {
    /// The table whose plan it changes.
    pub(crate) fn table(&self) -> TableId {
        match self {
            Self::AlwaysNull(table, ..)
            | Self::NeverNull(table, ..)
            | Self::OnlyCase(table, ..)
            | Self::Literal(table, ..)
            | Self::OneParent(table, ..)
            | Self::MadeFor(table, _)
            | Self::BelowExisting(table, _)
            | Self::AlsoUnique(table, _)
            | Self::CopyOf(table, ..)
            | Self::WithColumn(table, ..)
            | Self::RefersTo(table, ..)
            | Self::AtMost(table, ..)
            | Self::Together(table, _)
            | Self::After(table, _)
            | Self::FedBy(table, _)
            | Self::Skip(table, _)
            | Self::Full(table) => *table,
        }
    }
}

impl Known {
    /// The tables that are loaded together with one that refers to them.
    pub(crate) fn together(&self) -> Vec<(TableId, TableId)> {
        let pair = |repair: &Repair| match repair {
            Repair::Together(table, child) => Some((*table, *child)),
            _ => None,
        };
        self.repairs.iter().filter_map(pair).collect()
    }

    /// The tables that are loaded after another one.
    pub(crate) fn after(&self) -> Vec<(TableId, TableId)> {
        let pair = |repair: &Repair| match repair {
            Repair::After(table, other) | Repair::RefersTo(table, _, other, _) => Some((*table, *other)),
            _ => None,
        };
        self.repairs.iter().filter_map(pair).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_asked_for_stays_at_any_scale() {
        let mut request = Request { scale: 1.0, ..Request::default() };
        request.rows = [("a".to_owned(), 1_000), ("none".to_owned(), 0)].into();
        request.config.tables.entry("b".to_owned()).or_default().rows = Some(100);
        let check = |scale: f64, share: f64, expected: (u64, u64, f64)| {
            let scaled = request.scaled(scale, share);
            let found = (scaled.rows["a"], scaled.config.tables["b"].rows.unwrap(), scaled.scale);
            assert_eq!((found, scaled.rows["none"]), (expected, 0));
        };
        check(8.0, 1.0, (1_000, 800, 8.0));
        check(8.0, 0.25, (250, 200, 2.0));
        check(0.001, 1.0, (1_000, 1, 0.001));
    }
}
