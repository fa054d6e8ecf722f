//! How large a freshly built index will be, from the statistics of its table.

mod brin;
mod btree;
mod contents;
mod distinct;
mod documents;
mod entries;
mod gin;
mod gist;
mod spectrum;
#[cfg(test)]
mod tests;
mod values;

use std::collections::{BTreeMap, BTreeSet};

use super::{Definition, Key, Method, Predicate};
use crate::catalog::{Column, ColumnStatistics, Table};
use crate::query::Operand;
pub(crate) use contents::Contents;
pub(crate) use distinct::combinations_of_sample;
pub(crate) use documents::Parts;
use values::Values;

/// Bytes of a page; other sizes need a server built for them.
pub(crate) const BLOCK_BYTES: u64 = 8192;
/// [`BLOCK_BYTES`], to reckon with.
const PAGE_BYTES: f64 = 8192.0;
/// Line pointer of an item on a page (`ItemIdData`).
const LINE_POINTER_BYTES: f64 = 4.0;

/// From this correlation on rows come in the order of their keys.
const IN_ORDER: f32 = 0.9;

/// The estimated size of an index.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Size {
    pub(crate) n_rows: f64,
    pub(crate) n_pages: u32,
    /// Levels above the leaves: 0 when the root is a leaf, and for methods that are no trees.
    pub(crate) tree_level: u32,
    pub(crate) gin: GinPages,
}

/// What a GIN index counts of itself (`GinStatsData`); zero of other indexes.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct GinPages {
    /// Different entries.
    pub(crate) n_entries: f64,
    /// Pages of the tree of entries.
    pub(crate) n_entry_pages: u32,
    /// Pages of the trees that hold long lists of rows.
    pub(crate) n_data_pages: u32,
}

/// What the catalog's statistics do not say, asked of the planner or sampled: by the table's oid and the SQL text.
#[derive(Clone, Debug, Default)]
pub(crate) struct Measures {
    /// Of predicates: the share of the table's rows, 0 to 1.
    pub(crate) selectivity: BTreeMap<(u32, String), f64>,
    /// Of index expressions, by their SQL as in [`Operand::Expression`].
    pub(crate) expressions: BTreeMap<(u32, String), ColumnStatistics>,
    /// Number of different combinations of operands, by their SQL as in [`Operand::sql`], sorted. One operand alone is
    /// a combination too.
    pub(crate) distinct: BTreeMap<(u32, Vec<String>), f64>,
    /// What documents contain, by the SQL of the operand.
    pub(crate) contents: BTreeMap<(u32, String, Parts), Contents>,
}

/// What to measure before sizes can be near.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct NeededMeasures {
    /// Predicates, by their SQL.
    pub(crate) selectivity: BTreeSet<(u32, String)>,
    pub(crate) expressions: BTreeSet<(u32, String)>,
    /// Combinations of operands, by their SQL, sorted.
    pub(crate) distinct: BTreeSet<(u32, Vec<String>)>,
    /// Documents, by the SQL of the operand and how they are taken apart.
    pub(crate) contents: BTreeSet<(u32, String, Parts)>,
}

impl Size {
    pub(crate) fn bytes(&self) -> u64 {
        u64::from(self.n_pages) * BLOCK_BYTES
    }
}

/// Estimates the size that an index on `table` has right after it was built. An index of a partitioned table is empty:
/// add up those of its partitions, with [`estimate_tree`].
pub(crate) fn estimate(definition: &Definition, table: &Table, measures: &Measures) -> Size {
    let n_rows = table.planned_rows() * selectivity(definition, table, measures);
    match definition.method {
        Method::Btree => btree::size(definition, table, n_rows, measures),
        Method::Gin => gin::size(definition, table, n_rows, measures),
        Method::Gist => gist::size(definition, table, n_rows, measures),
        Method::Brin => brin::size(definition, table, measures),
    }
}

/// Estimates an index on a partitioned table: the indexes of its partitions `leaves` together, the level that of the
/// highest. What is not measured of a partition is taken from its parent's measures.
pub(crate) fn estimate_tree(definition: &Definition, leaves: &[&Table], measures: &Measures) -> Size {
    leaves.iter().map(|leaf| estimate(definition, leaf, measures)).fold(Size::default(), |sum, size| Size {
        n_rows: sum.n_rows + size.n_rows,
        n_pages: sum.n_pages.saturating_add(size.n_pages),
        tree_level: sum.tree_level.max(size.tree_level),
        gin: GinPages {
            n_entries: sum.gin.n_entries + size.gin.n_entries,
            n_entry_pages: sum.gin.n_entry_pages.saturating_add(size.gin.n_entry_pages),
            n_data_pages: sum.gin.n_data_pages.saturating_add(size.gin.n_data_pages),
        },
    })
}

impl Measures {
    fn selectivity(&self, predicate: &Predicate, table: &Table) -> Option<f64> {
        let find = |oid| self.selectivity.get(&(oid, predicate.sql.clone())).copied();
        find(table.oid).or_else(|| find(table.partition_of.as_ref()?.0))
    }

    fn expression(&self, sql: &str, table: &Table) -> Option<&ColumnStatistics> {
        let find = |oid| self.expressions.get(&(oid, sql.to_owned()));
        find(table.oid).or_else(|| find(table.partition_of.as_ref()?.0))
    }

    fn contents(&self, key: &Key, parts: Parts, table: &Table) -> Option<&Contents> {
        let find = |oid| self.contents.get(&(oid, key.operand.sql(), parts));
        find(table.oid).or_else(|| find(table.partition_of.as_ref()?.0))
    }

    /// Combinations are not looked up at the parent: a partition has fewer, and by how much nobody knows.
    fn distinct(&self, operands: Vec<String>, table: &Table) -> Option<f64> {
        self.distinct.get(&(table.oid, operands)).copied()
    }
}

/// Returns what should be measured before these indexes are estimated: each predicate but a test for NULL, each
/// expression, each combination of key columns of a btree that equal rows could make smaller, and what is in documents
/// where the statistics tell too little of it.
pub(crate) fn needed_measures<'d>(
    definitions: impl IntoIterator<Item = (&'d Definition, &'d Table)>,
) -> NeededMeasures {
    let mut needed = NeededMeasures::default();
    for (definition, table) in definitions {
        if let Some(predicate) = definition.predicate.as_ref().filter(|it| it.as_null_test().is_none()) {
            needed.selectivity.insert((table.oid, predicate.sql.clone()));
        }
        for key in &definition.keys {
            if let Operand::Expression { sql, .. } = &key.operand {
                needed.expressions.insert((table.oid, sql.clone()));
            }
        }
        if btree::depends_on_combinations(definition, table) {
            needed.distinct.insert((table.oid, combination(definition)));
        }
        if definition.method == Method::Gin {
            let contents = gin::needed_contents(definition, table).into_iter();
            needed.contents.extend(contents.map(|(operand, parts)| (table.oid, operand, parts)));
        }
    }
    needed
}

/// The operands of an index in the order in which [`Measures`] names them.
fn combination(definition: &Definition) -> Vec<String> {
    let mut operands: Vec<String> = definition.keys.iter().map(|key| key.operand.sql()).collect();
    operands.sort();
    operands
}

/// The share of the table's rows that the index holds.
fn selectivity(definition: &Definition, table: &Table, measures: &Measures) -> f64 {
    let Some(predicate) = &definition.predicate else { return 1.0 };
    if let Some(measured) = measures.selectivity(predicate, table) {
        return measured.clamp(0.0, 1.0);
    }
    // Unknown, the whole table is the safe guess for whoever has a budget of bytes.
    let Some((column, is_null)) = predicate.as_null_test() else { return 1.0 };
    let null_frac = table.column(column).map_or(0.0, Column::null_frac);
    if is_null { null_frac } else { 1.0 - null_frac }
}

/// Whether some of these columns are unique by a constraint or an index.
fn is_unique(columns: &[&str], table: &Table) -> bool {
    let by_constraint = table
        .constraints
        .iter()
        .filter(|constraint| matches!(constraint.kind, 'p' | 'u'))
        .any(|constraint| constraint.columns.iter().all(|column| columns.contains(&column.as_str())));
    let mut unique = table.indexes.iter().filter(|it| it.is_unique && it.is_valid && it.predicate.is_none());
    by_constraint
        || unique.any(|index| {
            index.keys.iter().all(|key| key.column.as_deref().is_some_and(|column| columns.contains(&column)))
        })
}

/// What a row adds to an index.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Entry {
    /// Entries of a row that the index holds; none where a row changes a summary at the most.
    pub(crate) n_per_row: f64,
    /// Bytes of one, without its line pointer.
    pub(crate) bytes: f64,
    /// Whether new rows come behind all others, as times and serial numbers do.
    pub(crate) is_in_order: bool,
    /// Of a row's entries, those that have a place in the index of their own when a list of pending ones is merged
    /// into it, and the bytes of the rows that are there already; of GIN.
    pub(crate) merged: Option<(f64, f64)>,
}

/// Returns what each row adds that the index holds.
pub(crate) fn entry(definition: &Definition, table: &Table, measures: &Measures) -> Entry {
    let values = key_values(definition, table, measures);
    let correlation = values.first().and_then(Values::correlation);
    let one = |bytes: f64| Entry {
        n_per_row: 1.0,
        bytes,
        is_in_order: correlation.is_some_and(|correlation| correlation > IN_ORDER),
        merged: None,
    };
    match definition.method {
        Method::Btree => one(btree::entry_bytes(definition, table, measures)),
        Method::Gist => one(gist::item_bytes(definition, &values) - LINE_POINTER_BYTES),
        Method::Gin => gin::entry(definition, table, measures),
        Method::Brin => Entry { n_per_row: 0.0, bytes: 0.0, is_in_order: true, merged: None },
    }
}

/// What is stored of each key.
fn key_values<'c>(definition: &Definition, table: &'c Table, measures: &'c Measures) -> Vec<Values<'c>> {
    definition.keys.iter().map(|key| Values::new(&key.operand, table, measures)).collect()
}

/// Rounds up to what the machine aligns rows at (`MAXALIGN`).
fn aligned(bytes: f64) -> f64 {
    (bytes / 8.0).ceil() * 8.0
}

/// A number of pages as an integer.
fn pages(n: f64) -> u32 {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a float to integer cast saturates"
    )]
    let n = n.ceil() as u32;
    n
}
