//! Which of the indexes that are there a redesign of the whole set may do without.
//!
//! What an index is for, a redesign knows from the workload alone. An index that serves something else stays: a
//! constraint, a table that no statement names, or scans that no statement of the workload explains.

use std::collections::HashMap;

use super::audit::cover::protection;
use super::audit::is_key;
use crate::catalog::{Catalog, Index, IndexKey, Table, TableKind};
use crate::query::{StatementShape, TableUse};
use crate::unit;

/// The planner reads a table with fewer rows as a whole, whatever indexes it has: an empty copy of a database must not lead
/// to their end.
const MIN_ROWS: f64 = 1000.0;

/// What the workload's statements ask of each table, by its oid.
pub(crate) struct Touched<'a> {
    uses: HashMap<u32, Vec<&'a TableUse>>,
    catalog: &'a Catalog,
}

impl<'a> Touched<'a> {
    pub(crate) fn new(shapes: &'a [StatementShape], catalog: &'a Catalog) -> Self {
        let mut uses: HashMap<u32, Vec<&TableUse>> = HashMap::new();
        for table_use in shapes.iter().flat_map(|shape| &shape.uses) {
            if let Some(table) = catalog.table(&table_use.table) {
                uses.entry(table.oid).or_default().push(table_use);
            }
        }
        Self { uses, catalog }
    }

    /// Whether a statement names a table, or one that it is a part of.
    pub(crate) fn names(&self, table: &Table) -> bool {
        !self.uses(table).is_empty()
    }

    /// Returns why an index stays whatever the workload says; `None` where the workload decides.
    pub(crate) fn stays(&self, table: &Table, index: &Index) -> Option<String> {
        if let Some(reason) = protection(index) {
            return Some(reason);
        }
        if index.is_unique {
            return Some("it keeps its rows unique".to_owned());
        }
        if !index.is_valid {
            return Some("it is not valid, which `perfkit index audit` looks after".to_owned());
        }
        let uses = self.uses(table);
        if uses.is_empty() {
            return Some("no statement of the workload names its table".to_owned());
        }
        if self.n_rows(table) < MIN_ROWS {
            return Some("its table has too few rows to show what an index is worth".to_owned());
        }
        let n_scans = index.usage.map_or(0, |usage| usage.n_scans);
        let asks_for = |key: &IndexKey| asks_for(&uses, key);
        let key = index.keys.first()?;
        let is_asked = asks_for(key);
        let expression = index.keys.iter().find(|key| key.expression.is_some() && asks_for(key));
        if let Some(sql) = expression.and_then(|key| key.expression.as_ref()) {
            return Some(format!("what ANALYZE gathers of {sql} by it shapes estimates"));
        }
        (n_scans > 0 && !is_asked).then(|| {
            format!(
                "it was scanned {} time{}, and no statement of the workload asks for {}",
                unit::count(n_scans),
                if n_scans == 1 { "" } else { "s" },
                key.column.as_ref().or(key.expression.as_ref()).map_or("its key", String::as_str)
            )
        })
    }

    /// Whether a statement asks for what an index is ordered by.
    pub(crate) fn asks_for(&self, table: &Table, index: &Index) -> bool {
        let uses = self.uses(table);
        index.keys.first().is_some_and(|key| asks_for(&uses, key))
    }

    fn n_rows(&self, table: &Table) -> f64 {
        match table.kind {
            TableKind::Partitioned => {
                self.catalog.leaves(table).iter().map(|leaf| leaf.n_rows.max(0.0)).sum()
            }
            _ => table.n_rows,
        }
    }

    /// The uses of a table, and those of the tables that it is a partition or a child of.
    fn uses(&self, table: &Table) -> Vec<&'a TableUse> {
        let mut uses: Vec<&TableUse> = self.uses.get(&table.oid).into_iter().flatten().copied().collect();
        let parents = table.partition_of.iter().map(|(parent, _)| parent).chain(&table.inherits);
        for parent in parents.filter_map(|parent| self.catalog.table_by_oid(*parent)) {
            uses.extend(self.uses(parent));
        }
        uses
    }
}

fn asks_for(uses: &[&TableUse], key: &IndexKey) -> bool {
    uses.iter().any(|it| it.operands().any(|operand| is_key(operand, key)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::{Column, IndexUsage};
    use crate::query;

    fn catalog(index: Index) -> Catalog {
        let column = |name: &str| Column { name: name.into(), ..Column::default() };
        let table = |oid: u32, name: &str| Table {
            oid,
            schema: "public".into(),
            name: name.into(),
            columns: ["a", "b"].map(column).into(),
            ..Table::default()
        };
        let partition = Table {
            partition_of: Some((1, String::new())),
            indexes: vec![index],
            n_rows: 1e6,
            ..table(2, "t_1")
        };
        Catalog {
            tables: vec![table(1, "t"), partition],
            search_path: vec!["public".into()],
            ..Catalog::default()
        }
    }

    fn on(column: &str) -> Index {
        Index {
            name: "i".into(),
            keys: vec![IndexKey { column: Some(column.into()), ..IndexKey::default() }],
            is_valid: true,
            is_ready: true,
            ..Index::default()
        }
    }

    fn scanned(column: &str) -> Index {
        Index { usage: Some(IndexUsage { n_scans: 3, ..IndexUsage::default() }), ..on(column) }
    }

    #[test]
    fn an_empty_table_shows_nothing() {
        let mut catalog = catalog(on("b"));
        let shapes = [query::parse("SELECT FROM t_1 WHERE a = 1").unwrap().shape(&catalog)];
        let mut stays_at = |n_rows: f64, kind: TableKind| {
            catalog.tables[1].n_rows = n_rows;
            catalog.tables[1].kind = kind;
            let table = &catalog.tables[1];
            Touched::new(&shapes, &catalog).stays(table, &table.indexes[0]).is_some()
        };
        // Without partitions it has no rows.
        assert!(stays_at(1e6, TableKind::Partitioned));
        for (n_rows, stays) in [(1000.0, false), (999.0, true), (0.0, true), (-1.0, true)] {
            assert_eq!(stays_at(n_rows, TableKind::Ordinary), stays, "{n_rows}");
        }
    }

    #[test]
    fn an_index_whose_purpose_the_workload_cannot_show_stays() {
        let check = |index: Index, sql: &str, reason: Option<&str>| {
            let catalog = catalog(index);
            let shapes = [query::parse(sql).unwrap().shape(&catalog)];
            let touched = Touched::new(&shapes, &catalog);
            let table = &catalog.tables[1];
            assert_eq!(touched.stays(table, &table.indexes[0]).as_deref(), reason, "{sql}");
        };
        let by_a = "SELECT FROM t_1 WHERE a = 1";
        check(on("a"), by_a, None);
        check(on("b"), by_a, None);
        check(on("b"), "SELECT 1", Some("no statement of the workload names its table"));
        check(scanned("a"), by_a, None);
        check(scanned("a"), "SELECT FROM t WHERE a = 1", None);
        check(
            scanned("b"),
            by_a,
            Some("it was scanned 3 times, and no statement of the workload asks for b"),
        );
        check(scanned("b"), "SELECT FROM t ORDER BY b", None);
        check(scanned("b"), "SELECT b FROM t GROUP BY b", None);
        check(Index { is_unique: true, ..on("a") }, by_a, Some("it keeps its rows unique"));
        check(Index { is_constraint: true, ..on("a") }, by_a, Some("it belongs to a constraint"));
        check(
            Index { is_valid: false, ..on("a") },
            by_a,
            Some("it is not valid, which `perfkit index audit` looks after"),
        );
    }
}
