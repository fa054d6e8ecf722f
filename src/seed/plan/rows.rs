//! How many rows each table is to get, before its keys have a say.

use std::collections::BTreeSet;

use super::build::Named;
use super::request::Request;
use super::{RowsFrom, Step};
use crate::seed::chunk;
use crate::seed::schema::{ColumnId, ForeignKey, Relation, Schema, TableId};

/// Rows of a table that refers to no other, such as users.
const ROOT_ROWS: f64 = 100.0;
/// Rows of a table of types, states, countries …
const LOOKUP_ROWS: u64 = 20;
/// Rows for each row of the parent, by how many parents are above.
const MEANS: [f64; 4] = [10.0, 3.0, 1.5, 1.0];
/// Rows of a table that joins two others, for each row of the first.
const JUNCTION_MEAN: f64 = 5.0;
/// No table gets more by default.
const MOST_ROWS: f64 = 100_000.0;
/// Tables of a source with fewer rows are taken for lookup tables.
const LEAST_SCALED: f64 = 100.0;
/// A lookup table has no more columns.
const LOOKUP_COLUMNS: usize = 4;
/// The last words of names of lookup tables.
const LOOKUP_WORDS: [&str; 16] = [
    "type",
    "types",
    "status",
    "statuses",
    "state",
    "states",
    "kind",
    "kinds",
    "role",
    "roles",
    "country",
    "countries",
    "currency",
    "currencies",
    "language",
    "languages",
];

/// Returns the rows of each table of the schema, with what decides them.
pub(super) fn wanted(
    schema: &Schema,
    steps: &[Step],
    request: &Request,
    named: &Named,
) -> Vec<(u64, RowsFrom)> {
    let source_rows = |relation: &Relation| {
        let table = request.statistics.as_ref()?.table(&relation.schema, &relation.name)?;
        (table.n_rows >= 1.0).then_some(table.n_rows)
    };
    let source_rows = schema.relations.iter().map(source_rows).collect();
    let mut rows = Rows {
        schema,
        scale: request.scale,
        named,
        source_rows,
        wanted: Vec::new(),
        depths: Vec::new(),
        is_lookup: lookups(schema),
    };
    rows.wanted = vec![(0, RowsFrom::Default); schema.relations.len()];
    rows.depths = vec![0; schema.relations.len()];
    let order: Vec<TableId> = steps.iter().flat_map(chunk::of_step).copied().collect();
    for table in &order {
        rows.default(*table);
    }
    // Who asks for many orders means as many users as place them, where users were not asked for.
    for table in order.iter().rev() {
        rows.raise_parent(*table);
    }
    for table in &order {
        rows.follow_parent(*table);
    }
    for (relation, (n, _)) in schema.relations.iter().zip(&mut rows.wanted) {
        if !relation.is_loadable() {
            *n = 0;
        }
        *n = (*n).min(request.at_most.unwrap_or(u64::MAX));
    }
    rows.wanted
}

struct Rows<'r> {
    schema: &'r Schema,
    scale: f64,
    named: &'r Named<'r>,
    /// What the source of statistics has.
    source_rows: Vec<Option<f64>>,
    wanted: Vec<(u64, RowsFrom)>,
    /// How many drivers are above a table.
    depths: Vec<usize>,
    /// Whether tables hold the few values that others choose from.
    is_lookup: Vec<bool>,
}

impl Rows<'_> {
    fn relation(&self, table: TableId) -> &Relation {
        &self.schema.relations[usize::from(table)]
    }

    fn n(&self, table: TableId) -> u64 {
        self.wanted[usize::from(table)].0
    }

    /// What was asked for, else what a table of its kind has.
    fn default(&mut self, table: TableId) {
        let asked = self.named.rows.get(&table).copied();
        let configured = self.named.config(table).and_then(|config| config.rows);
        let at = usize::from(table);
        if let Some(n) = asked.or(configured) {
            self.wanted[at] = (n, RowsFrom::Asked);
            return;
        }
        if let Some(n_source) = self.source_rows[at] {
            let n = if self.is_unscaled(table) { rounded(n_source) } else { rounded(n_source * self.scale) };
            self.wanted[at] = (n, RowsFrom::Statistics);
            self.follow_parent(table);
            return;
        }
        match self.driver(table) {
            Some((parent, _)) => {
                self.depths[at] = self.depths[usize::from(parent)] + 1;
                self.follow_parent(table);
            }
            None if self.is_lookup[usize::from(table)] => {
                self.wanted[at] = (LOOKUP_ROWS, RowsFrom::Default);
            }
            None => self.wanted[at] = (rounded(ROOT_ROWS * self.scale), RowsFrom::Default),
        }
    }

    fn follow_parent(&mut self, table: TableId) {
        if matches!(self.wanted[usize::from(table)].1, RowsFrom::Asked) {
            return;
        }
        let Some((parent, mean)) = self.driver(table) else { return };
        let at = usize::from(table);
        if let (Some(n), Some(n_parents)) = (self.source_rows[at], self.source_rows[usize::from(parent)]) {
            // In the source's proportion, where the parents are not as many as the source has.
            let factor = float(self.n(parent)) / n_parents;
            if !self.is_unscaled(parent) && (factor / self.scale - 1.0).abs() > 1.0 / n_parents {
                self.wanted[at] = (rounded(n * factor), RowsFrom::PerParent { parent, mean });
            }
            return;
        }
        let n = float(self.n(parent)) * mean;
        let is_configured = self.named.config(table).is_some_and(|config| config.per.is_some());
        // More rows than by default, where the parent has more by itself.
        let most = (MOST_ROWS * self.scale).max(float(self.n(parent)));
        let n = if is_configured { n } else { n.min(most) };
        self.wanted[usize::from(table)] = (rounded(n), RowsFrom::PerParent { parent, mean });
    }

    fn raise_parent(&mut self, table: TableId) {
        let Some((parent, mean)) = self.driver(table) else { return };
        let (n, is_fixed) = (self.n(table), matches!(self.wanted[usize::from(parent)].1, RowsFrom::Asked));
        let parent_relation = self.relation(parent);
        if is_fixed || !parent_relation.is_loadable() || self.is_lookup[usize::from(parent)] {
            return;
        }
        let needed = rounded(float(n) / mean.max(1.0));
        // What the source has is in its own proportions.
        let is_stated = [table, parent].iter().all(|it| self.source_rows[usize::from(*it)].is_some());
        let is_asked = matches!(self.wanted[usize::from(table)].1, RowsFrom::Asked);
        if needed > self.n(parent) && (!is_stated || is_asked) {
            self.wanted[usize::from(parent)] = (needed, RowsFrom::Default);
        }
    }

    /// Whether a table of the source has as many rows at any scale.
    fn is_unscaled(&self, table: TableId) -> bool {
        let is_small = self.source_rows[usize::from(table)].is_some_and(|n| n < LEAST_SCALED);
        is_small || self.is_lookup[usize::from(table)]
    }

    /// The parent whose rows decide how many there are, and how many there are for each.
    fn driver(&self, table: TableId) -> Option<(TableId, f64)> {
        let relation = self.relation(table);
        if let Some(config) = self.named.config(table)
            && let Some(per) = &config.per
            && let Ok(parent) = super::build::find(self.schema, per)
        {
            return Some((parent, config.mean()));
        }
        let is_parent = |key: &&ForeignKey| {
            key.parent != table && self.relation(key.parent).is_loadable() && self.n(key.parent) > 0
        };
        let not_null = |key: &&ForeignKey| key.columns.iter().all(|column| relation.field(*column).not_null);
        let candidates = || relation.foreign_keys.iter().filter(is_parent);
        // The largest of those that must be there: an order item follows orders, not products' types.
        let largest = |key: &&ForeignKey| (!self.is_lookup[usize::from(key.parent)], self.n(key.parent));
        let key =
            candidates().filter(not_null).max_by_key(largest).or_else(|| candidates().max_by_key(largest))?;
        if let (Some(n), Some(n_parents)) =
            (self.source_rows[usize::from(table)], self.source_rows[usize::from(key.parent)])
        {
            return Some((key.parent, n / n_parents));
        }
        if is_key(relation, &key.columns) {
            return Some((key.parent, 1.0));
        }
        if is_junction(relation) {
            return Some((key.parent, JUNCTION_MEAN));
        }
        if self.is_lookup[usize::from(key.parent)] {
            return Some((key.parent, ROOT_ROWS * self.scale / float(LOOKUP_ROWS)));
        }
        let depth = self.depths[usize::from(key.parent)].min(MEANS.len() - 1);
        Some((key.parent, MEANS[depth]))
    }
}

/// Whether columns alone are a key.
fn is_key(relation: &Relation, columns: &[ColumnId]) -> bool {
    let columns: BTreeSet<ColumnId> = columns.iter().copied().collect();
    relation
        .keys
        .iter()
        .filter(|key| key.predicate.is_none())
        .any(|key| key.columns().all(|column| columns.contains(&column)))
}

/// Whether a key consists of columns of several foreign keys.
fn is_junction(relation: &Relation) -> bool {
    relation.keys.iter().any(|key| {
        let columns: Vec<ColumnId> = key.columns().collect();
        let of_keys = |foreign: &&ForeignKey| foreign.columns.iter().all(|column| columns.contains(column));
        let covered: BTreeSet<ColumnId> = relation
            .foreign_keys
            .iter()
            .filter(of_keys)
            .flat_map(|foreign| foreign.columns.clone())
            .collect();
        relation.foreign_keys.iter().filter(of_keys).count() > 1
            && columns.iter().all(|column| covered.contains(column))
    })
}

/// Which tables hold the few values that others choose from.
fn lookups(schema: &Schema) -> Vec<bool> {
    let mut is_referred_to = vec![false; schema.relations.len()];
    for key in schema.relations.iter().flat_map(|relation| &relation.foreign_keys) {
        is_referred_to[usize::from(key.parent)] = true;
    }
    let is_lookup = |((table, relation), is_referred_to): ((TableId, &Relation), bool)| {
        let refers = relation.foreign_keys.iter().any(|key| key.parent != table);
        let last_word = relation.name.rsplit('_').next().unwrap_or_default().to_lowercase();
        let is_named = LOOKUP_WORDS.iter().any(|word| last_word.ends_with(word));
        is_referred_to && !refers && is_named && relation.fields.len() <= 2 * LOOKUP_COLUMNS
    };
    (0..).zip(&schema.relations).zip(is_referred_to).map(is_lookup).collect()
}

#[expect(clippy::cast_precision_loss, reason = "numbers of rows are estimates here")]
fn float(n: u64) -> f64 {
    n as f64
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "not negative; a cast saturates")]
fn rounded(n: f64) -> u64 {
    (n.round() as u64).max(1)
}
