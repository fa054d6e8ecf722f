//! What is known of a database: tables, columns, indexes, constraints and their statistics.

use crate::query::{Relations, TableName};

/// One consistent reading of a database's catalog.
#[derive(Debug, Default)]
pub(crate) struct Catalog {
    pub(crate) tables: Vec<Table>,
    /// The schemas that unqualified names are looked up in, in order.
    pub(crate) search_path: Vec<String>,
}

#[derive(Clone, Debug)]
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
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TableKind {
    Ordinary,
    Partitioned,
    MaterializedView,
    View,
    Foreign,
}

#[derive(Clone, Debug)]
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
}

/// One row of the view `pg_stats`.
#[derive(Clone, Debug, Default)]
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

#[derive(Clone, Debug)]
pub(crate) struct Index {
    pub(crate) name: String,
    /// `CREATE INDEX`, as `pg_get_indexdef` writes it.
    pub(crate) definition: String,
    pub(crate) method: String,
    pub(crate) keys: Vec<IndexKey>,
    /// The predicate of a partial index, as `pg_get_expr` writes it.
    pub(crate) predicate: Option<String>,
    pub(crate) is_valid: bool,
    /// Whether a PRIMARY KEY, UNIQUE or EXCLUDE constraint owns the index.
    pub(crate) is_constraint: bool,
    pub(crate) n_rows: f64,
    pub(crate) size_bytes: u64,
    /// Of its expressions, by the name of the index's column.
    pub(crate) statistics: Vec<(String, ColumnStatistics)>,
}

/// A key column or expression of an index.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct IndexKey {
    /// `None` for an expression.
    pub(crate) column: Option<String>,
    pub(crate) descending: bool,
    pub(crate) nulls_first: bool,
}

#[derive(Clone, Debug)]
pub(crate) struct Constraint {
    pub(crate) name: String,
    /// `p`, `u`, `f`, `c`, `x` as in `pg_constraint.contype`.
    pub(crate) kind: char,
    /// As `pg_get_constraintdef` writes it.
    pub(crate) definition: String,
    pub(crate) columns: Vec<String>,
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

impl Relations for Catalog {
    fn has_column(&self, table: &TableName, column: &str) -> Option<bool> {
        self.table(table).map(|table| table.column(column).is_some())
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
