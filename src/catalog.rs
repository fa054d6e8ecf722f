//! What is known of a database: tables, columns, indexes, constraints and their statistics.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};

use crate::query::{Relations, TableName};

/// One consistent reading of a database's catalog.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Catalog {
    pub(crate) tables: Vec<Table>,
    /// The schemas that unqualified names are looked up in, in order.
    pub(crate) search_path: Vec<String>,
    /// Extensions that are installed, by name.
    pub(crate) extensions: Vec<String>,
    /// How long the server has counted what is in [`Activity`], in seconds; `None` where it is not known.
    pub(crate) counted_s: Option<f64>,
}

/// The indexes of partitions that are attached to each index, by its oid.
pub(crate) type Attached<'c> = HashMap<u32, Vec<&'c Index>>;

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Table {
    pub(crate) oid: u32,
    pub(crate) schema: String,
    pub(crate) name: String,
    pub(crate) kind: TableKind,
    pub(crate) columns: Vec<Column>,
    pub(crate) indexes: Vec<Index>,
    pub(crate) constraints: Vec<Constraint>,
    /// Live rows as of the last ANALYZE or VACUUM; below 0 when there was none.
    pub(crate) n_rows: f64,
    /// 8 kB pages.
    pub(crate) n_pages: u32,
    pub(crate) n_all_visible_pages: u32,
    pub(crate) partition_key: Option<String>,
    /// The parent and the bound of a partition.
    pub(crate) partition_of: Option<(u32, String)>,
    /// The parents of a table that inherits without being a partition.
    pub(crate) inherits: Vec<u32>,
    /// The query of a view or materialized view.
    pub(crate) view_definition: Option<String>,
    /// What happened to its rows; `None` where the server does not say.
    pub(crate) activity: Option<Activity>,
    /// How full, in percent, an INSERT fills a page (`fillfactor`).
    pub(crate) fillfactor: u8,
    /// Storage options and options of views, as `name=value` (`pg_class.reloptions`).
    pub(crate) options: Vec<String>,
    /// What of a row identifies it to logical replication (`pg_class.relreplident`): `d` its primary key, `i` an index, `f`
    /// everything, `n` nothing.
    pub(crate) replica_identity: char,
}

/// What happened to a table's rows since its statistics were reset (`pg_stat_user_tables`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Activity {
    pub(crate) n_inserted: u64,
    pub(crate) n_updated: u64,
    /// Updates that changed no index (heap-only tuples).
    pub(crate) n_hot_updated: u64,
    pub(crate) n_deleted: u64,
    /// Sequential scans, and rows that they read.
    pub(crate) n_seq_scans: u64,
    pub(crate) n_rows_seq_read: u64,
    pub(crate) n_modified_since_analyze: u64,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum TableKind {
    #[default]
    Ordinary,
    Partitioned,
    MaterializedView,
    View,
    Foreign,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own that the catalog states")]
pub(crate) struct Column {
    pub(crate) name: String,
    /// As `format_type` writes it, with its modifier.
    pub(crate) type_name: String,
    /// The base type's name in `pg_type`, through domains.
    pub(crate) base_type: String,
    pub(crate) not_null: bool,
    pub(crate) has_default: bool,
    /// The collation, qualified and quoted, where it is not the type's own.
    pub(crate) collation: Option<String>,
    /// Of the table alone.
    pub(crate) statistics: Option<ColumnStatistics>,
    /// Of the table with its partitions or inheriting tables.
    pub(crate) tree_statistics: Option<ColumnStatistics>,
    /// Whether the column is computed when it is read, so that nothing can index it.
    pub(crate) is_virtual: bool,
    /// What a virtual column is computed from.
    pub(crate) virtual_expression: Option<String>,
    /// Whether its texts are ordered by their bytes (collation C or POSIX), so that a plain btree finds prefixes.
    pub(crate) is_ordered_by_bytes: bool,
    /// The name of the element type in `pg_type`, of arrays.
    pub(crate) element_type: Option<String>,
}

/// One row of the view `pg_stats`.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct ColumnStatistics {
    pub(crate) inherited: bool,
    /// Share of nulls, 0 to 1.
    pub(crate) null_frac: f32,
    /// Bytes.
    pub(crate) avg_width: i32,
    /// Number of values, or minus their share of the rows (`pg_stats.n_distinct`).
    pub(crate) n_distinct: f32,
    /// Arrays in text form.
    pub(crate) most_common_vals: Option<String>,
    pub(crate) most_common_freqs: Option<Vec<f32>>,
    pub(crate) histogram_bounds: Option<String>,
    pub(crate) correlation: Option<f32>,
    pub(crate) most_common_elems: Option<String>,
    pub(crate) most_common_elem_freqs: Option<Vec<f32>>,
    pub(crate) elem_count_histogram: Option<Vec<f32>>,
    pub(crate) range_length_histogram: Option<String>,
    pub(crate) range_empty_frac: Option<f32>,
    pub(crate) range_bounds_histogram: Option<String>,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own that the catalog states")]
pub(crate) struct Index {
    pub(crate) oid: u32,
    pub(crate) name: String,
    /// `CREATE INDEX`, as `pg_get_indexdef` writes it.
    pub(crate) definition: String,
    pub(crate) method: String,
    pub(crate) keys: Vec<IndexKey>,
    /// Columns that are stored without ordering anything (INCLUDE).
    pub(crate) include: Vec<String>,
    pub(crate) is_unique: bool,
    /// The predicate of a partial index, as `pg_get_expr` writes it.
    pub(crate) predicate: Option<String>,
    /// Whether queries may use it (`indisvalid`).
    pub(crate) is_valid: bool,
    /// Whether writes maintain it (`indisready` and `indislive`): an index can be ready without being valid.
    pub(crate) is_ready: bool,
    /// Of a unique index: whether uniqueness can be checked at the end of the transaction (not `indimmediate`).
    pub(crate) is_deferrable: bool,
    /// Of a unique index: NULLS NOT DISTINCT.
    pub(crate) nulls_not_distinct: bool,
    /// Whether it is the table's replica identity.
    pub(crate) is_replica_identity: bool,
    /// Whether the table is marked to be clustered on it.
    pub(crate) is_clustered: bool,
    /// The partitioned index that it is attached to.
    pub(crate) parent: Option<u32>,
    /// The foreign keys of other tables (or this one) that rely on its uniqueness, by name (`pg_constraint.conindid`).
    pub(crate) referencing: Vec<String>,
    /// The extension that it belongs to.
    pub(crate) extension: Option<String>,
    /// Storage options, as `name=value`.
    pub(crate) options: Vec<String>,
    pub(crate) comment: Option<String>,
    /// How it was used; `None` where the server does not say.
    pub(crate) usage: Option<IndexUsage>,
    /// Whether a PRIMARY KEY, UNIQUE or EXCLUDE constraint owns the index.
    pub(crate) is_constraint: bool,
    pub(crate) n_rows: f64,
    pub(crate) size_bytes: u64,
    /// Of its expressions, by the name of the index's column.
    pub(crate) statistics: Vec<(String, ColumnStatistics)>,
}

/// How an index was used since the server's counters were reset (`pg_stat_all_indexes`). Of a partitioned index, the
/// sum over those of its partitions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct IndexUsage {
    /// Planning counts as well: it probes the ends of indexes. Uniqueness checks do not.
    pub(crate) n_scans: u64,
    /// Entries that scans returned, and rows that plain index scans fetched from the table by them.
    pub(crate) n_entries_read: u64,
    pub(crate) n_rows_fetched: u64,
    /// Seconds since the last scan (PostgreSQL 16 and newer); `None` when there was none or it is not known.
    pub(crate) scanned_s_ago: Option<f64>,
}

/// A key column or expression of an index.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct IndexKey {
    /// `None` for an expression.
    pub(crate) column: Option<String>,
    /// The expression, as `pg_get_indexdef` writes it; `None` for a column.
    pub(crate) expression: Option<String>,
    /// The operator class, where it is not the type's default.
    pub(crate) opclass: Option<String>,
    /// The operator family (`pg_opclass.opcfamily`) and the type that the class is for: keys with the same family and
    /// type answer the same operators, whatever their classes are called.
    pub(crate) opfamily: u32,
    pub(crate) opclass_type: String,
    /// The collation that orders the key, qualified and quoted; `None` for types without one.
    pub(crate) collation: Option<String>,
    /// Whether that is another one than the column's or expression's own.
    pub(crate) has_other_collation: bool,
    pub(crate) descending: bool,
    pub(crate) nulls_first: bool,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Constraint {
    pub(crate) name: String,
    /// `p`, `u`, `f`, `c`, `x` as in `pg_constraint.contype`.
    pub(crate) kind: char,
    /// As `pg_get_constraintdef` writes it.
    pub(crate) definition: String,
    pub(crate) columns: Vec<String>,
    /// Whether rows that were there before it were checked as well.
    pub(crate) is_validated: bool,
    /// The index that a PRIMARY KEY, UNIQUE or EXCLUDE constraint owns, and that a foreign key relies on.
    pub(crate) index: Option<u32>,
    /// Of a foreign key.
    pub(crate) references: Option<Reference>,
}

/// What a foreign key refers to.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Reference {
    pub(crate) table: u32,
    /// In the order of the key's own columns.
    pub(crate) columns: Vec<String>,
    /// For each of the key's own columns the operator families that find it when a row of the parent is deleted or
    /// changed; none where that check casts the column (`integer` that references `numeric`).
    pub(crate) families: Vec<Vec<u32>>,
    /// ON DELETE and ON UPDATE, as in `pg_constraint.confdeltype`: `a` no action, `r` restrict, `c` cascade, `n` set null,
    /// `d` set default.
    pub(crate) on_delete: char,
    pub(crate) on_update: char,
}

impl Catalog {
    /// Finds a table by its name, through the search path when it has no schema.
    pub(crate) fn table(&self, name: &TableName) -> Option<&Table> {
        let find =
            |schema: &str| self.tables.iter().find(|table| table.schema == schema && table.name == name.name);
        match &name.schema {
            Some(schema) => find(schema),
            None => self.search_path.iter().find_map(|schema| find(schema)),
        }
    }

    pub(crate) fn table_by_oid(&self, oid: u32) -> Option<&Table> {
        self.tables.iter().find(|table| table.oid == oid)
    }
}

impl Catalog {
    /// The table of this schema and name.
    pub(crate) fn oid_of(&self, schema: &str, name: &str) -> Option<u32> {
        self.tables.iter().find(|table| table.schema == schema && table.name == name).map(|table| table.oid)
    }

    /// The partitions right below each partitioned table, by its oid.
    pub(crate) fn partitions(&self) -> HashMap<u32, Vec<&Table>> {
        let mut partitions: HashMap<u32, Vec<&Table>> = HashMap::new();
        for table in &self.tables {
            if let Some((parent, _)) = &table.partition_of {
                partitions.entry(*parent).or_default().push(table);
            }
        }
        partitions
    }

    pub(crate) fn attached(&self) -> Attached<'_> {
        let mut attached = Attached::new();
        for index in self.tables.iter().flat_map(|table| &table.indexes) {
            if let Some(parent) = index.parent {
                attached.entry(parent).or_default().push(index);
            }
        }
        attached
    }

    /// The partitions of a partitioned table, of all levels, that hold rows.
    pub(crate) fn leaves(&self, table: &Table) -> Vec<&Table> {
        let is_child = |child: &&Table| child.partition_of.as_ref().is_some_and(|(oid, _)| *oid == table.oid);
        let children = self.tables.iter().filter(is_child);
        children
            .flat_map(|child| match child.kind {
                TableKind::Partitioned => self.leaves(child),
                _ => vec![child],
            })
            .collect()
    }

    /// Leaves out the values of columns that statistics hold. How many there are, how often and how wide stays.
    pub(crate) fn redact(&mut self) {
        for table in &mut self.tables {
            let of_columns = table
                .columns
                .iter_mut()
                .flat_map(|it| it.statistics.iter_mut().chain(&mut it.tree_statistics));
            let of_expressions =
                table.indexes.iter_mut().flat_map(|it| &mut it.statistics).map(|it| &mut it.1);
            of_columns.chain(of_expressions).for_each(ColumnStatistics::redact);
        }
    }
}

impl ColumnStatistics {
    fn redact(&mut self) {
        let Self { inherited, null_frac, avg_width, n_distinct, correlation, .. } = *self;
        *self = Self { inherited, null_frac, avg_width, n_distinct, correlation, ..Self::default() };
    }
}

impl Relations for Catalog {
    fn has_column(&self, table: &TableName, column: &str) -> Option<bool> {
        self.table(table).map(|table| table.column(column).is_some())
    }

    fn columns(&self, table: &TableName) -> Option<Vec<String>> {
        self.table(table).map(|table| table.columns.iter().map(|column| column.name.clone()).collect())
    }

    fn column_type(&self, table: &TableName, column: &str) -> Option<String> {
        self.table(table)?.column(column).map(|column| column.base_type.clone())
    }

    fn view(&self, name: &TableName) -> Option<&str> {
        let table = self.table(name).filter(|table| table.kind == TableKind::View)?;
        table.view_definition.as_deref()
    }
}

impl Table {
    pub(crate) fn column(&self, name: &str) -> Option<&Column> {
        self.columns.iter().find(|column| column.name == name)
    }

    /// Rows that planning counts with: never analyzed tables count as empty.
    pub(crate) fn planned_rows(&self) -> f64 {
        self.n_rows.max(0.0)
    }

    pub(crate) fn primary_key(&self) -> Option<&Constraint> {
        self.constraints.iter().find(|constraint| constraint.kind == 'p')
    }
}

impl Index {
    /// Bytes with all that is attached to it: a partitioned index has no file of its own.
    pub(crate) fn tree_bytes(&self, attached: &Attached) -> u64 {
        let parts = attached.get(&self.oid).into_iter().flatten();
        self.size_bytes + parts.map(|part| part.tree_bytes(attached)).sum::<u64>()
    }
}

impl Column {
    /// Distinct values in a table of `n_rows` rows; without statistics as many as the planner assumes
    /// (`DEFAULT_NUM_DISTINCT` of selfuncs.h).
    pub(crate) fn distinct(&self, n_rows: f64) -> f64 {
        const DEFAULT_NUM_DISTINCT: f64 = 200.0;
        match self.statistics() {
            Some(statistics) if statistics.n_distinct > 0.0 => f64::from(statistics.n_distinct),
            Some(statistics) if statistics.n_distinct < 0.0 => -f64::from(statistics.n_distinct) * n_rows,
            _ => DEFAULT_NUM_DISTINCT.min(n_rows),
        }
    }

    /// The table's own statistics, else those of its tree.
    pub(crate) fn statistics(&self) -> Option<&ColumnStatistics> {
        self.statistics.as_ref().or(self.tree_statistics.as_ref())
    }

    pub(crate) fn null_frac(&self) -> f64 {
        self.statistics().map_or(0.0, |statistics| f64::from(statistics.null_frac))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_index_is_as_large_as_all_that_is_attached_to_it() {
        let index = |oid, parent, size_bytes| Index { oid, parent, size_bytes, ..Index::default() };
        let tables = vec![
            vec![index(1, None, 0), index(2, None, 7)],
            vec![index(3, Some(1), 10)],
            vec![index(4, Some(1), 0)],
            vec![index(5, Some(4), 5), index(6, Some(4), 6)],
        ];
        let table = |indexes| Table { indexes, ..Table::default() };
        let catalog = Catalog { tables: tables.into_iter().map(table).collect(), ..Catalog::default() };
        let attached = catalog.attached();
        let indexes = catalog.tables.iter().flat_map(|table| &table.indexes);
        let bytes: Vec<u64> = indexes.map(|index| index.tree_bytes(&attached)).collect();
        assert_eq!(bytes, [21, 7, 10, 11, 5, 6]);
    }
}
