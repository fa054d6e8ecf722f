//! The statistics of another database, by the names of tables and columns.

use std::collections::{BTreeMap, BTreeSet};

use crate::array;
use crate::catalog::{Catalog, ColumnStatistics, TableKind};
use crate::query::check::literal;
use crate::seed::stats::combined::Combinations;
use crate::seed::stats::joint::{Dependency, Group};

/// What is to be reproduced.
#[derive(Clone, Debug, Default)]
pub(crate) struct Source {
    /// By schema and name.
    tables: BTreeMap<(String, String), SourceTable>,
    /// Columns whose values are kept: table (with or without its schema) and column.
    kept: BTreeSet<(String, String)>,
    /// µs since 2000-01-01: the newest moment before the time of reading, which says how old the others are.
    newest_us: Option<i64>,
}

#[derive(Clone, Debug, Default)]
pub(crate) struct SourceTable {
    /// 0 where the table was never analyzed.
    pub(crate) n_rows: f64,
    pub(crate) columns: BTreeMap<String, ColumnStatistics>,
    pub(crate) dependencies: Vec<Dependency>,
    pub(crate) groups: Vec<Group>,
    pub(crate) combinations: Vec<Combinations>,
}

impl Source {
    /// `kept` are columns as `table.column` or `schema.table.column`; `now_us` is in µs since 2000-01-01.
    pub(crate) fn new(catalog: &Catalog, kept: &[String], now_us: i64) -> Self {
        let mut tables = BTreeMap::new();
        let mut newest_us = None;
        for table in &catalog.tables {
            if matches!(table.kind, TableKind::View | TableKind::MaterializedView | TableKind::Foreign) {
                continue;
            }
            let mut n_rows = table.planned_rows();
            if table.kind == TableKind::Partitioned && n_rows == 0.0 {
                n_rows = catalog.leaves(table).iter().map(|leaf| leaf.planned_rows()).sum();
            }
            let with_statistics = table.columns.iter().filter_map(|it| Some((it, it.statistics()?)));
            let mut columns = BTreeMap::new();
            for (column, statistics) in with_statistics {
                if column.base_type.starts_with("timestamp") || column.base_type == "date" {
                    let known = [&statistics.histogram_bounds, &statistics.most_common_vals];
                    let texts = known.into_iter().flatten().filter_map(|list| array::parse(list)).flatten();
                    let moments = texts.flatten().filter_map(|text| literal::timestamp(&text));
                    newest_us = moments.filter(|us| *us <= now_us).max().max(newest_us);
                }
                columns.insert(column.name.clone(), statistics.clone());
            }
            let name = (table.schema.clone(), table.name.clone());
            tables.insert(name, SourceTable { n_rows, columns, ..SourceTable::default() });
        }
        let kept = kept.iter().filter_map(|name| {
            let (table, column) = name.rsplit_once('.')?;
            Some((table.to_owned(), column.to_owned()))
        });
        Self { tables, kept: kept.collect(), newest_us }
    }

    /// Adds what extended statistics say of a table, by its schema and name.
    pub(crate) fn add(
        &mut self,
        (schema, table): (&str, &str),
        dependencies: Vec<Dependency>,
        groups: Vec<Group>,
        combinations: Option<Combinations>,
    ) {
        if let Some(table) = self.tables.get_mut(&(schema.to_owned(), table.to_owned())) {
            table.dependencies.extend(dependencies);
            table.groups.extend(groups);
            table.combinations.extend(combinations);
        }
    }

    /// Finds a table by its schema and name, or by its name where only one schema has it.
    pub(crate) fn table(&self, schema: &str, name: &str) -> Option<&SourceTable> {
        let exact = self.tables.get(&(schema.to_owned(), name.to_owned()));
        exact.or_else(|| {
            let mut named = self.tables.iter().filter(|((_, other), _)| other == name);
            named.next().filter(|_| named.next().is_none()).map(|(_, table)| table)
        })
    }

    /// Finds the statistics of a column, with the rows of its table.
    pub(crate) fn column(&self, schema: &str, table: &str, column: &str) -> Option<(f64, &ColumnStatistics)> {
        let table = self.table(schema, table)?;
        Some((table.n_rows, table.columns.get(column)?))
    }

    pub(crate) fn keeps(&self, schema: &str, table: &str, column: &str) -> bool {
        let has = |table: String| self.kept.contains(&(table, column.to_owned()));
        has(table.to_owned()) || has(format!("{schema}.{table}"))
    }

    /// Columns whose values were to be kept and that are not there.
    pub(crate) fn unknown_kept(&self) -> Vec<String> {
        let is_known = |(table, column): &&(String, String)| {
            self.tables.iter().any(|((schema, name), of)| {
                (name == table || format!("{schema}.{name}") == *table) && of.columns.contains_key(column)
            })
        };
        self.kept
            .iter()
            .filter(|it| !is_known(it))
            .map(|(table, column)| format!("{table}.{column}"))
            .collect()
    }

    /// By how much moments move so that the newest one is at `as_of_us`.
    pub(crate) fn shift_us(&self, as_of_us: i64) -> i64 {
        self.newest_us.map_or(0, |newest_us| as_of_us.saturating_sub(newest_us))
    }
}

/// How many values a table of `n_rows` rows has by statistics of one; `None` where ANALYZE does not know.
///
/// A number below 0 is a share of the rows (`pg_stats.n_distinct`).
#[expect(clippy::cast_precision_loss, reason = "numbers of rows are estimates here")]
pub(crate) fn n_distinct(statistics: &ColumnStatistics, n_rows: u64) -> Option<f64> {
    match f64::from(statistics.n_distinct) {
        0.0 => None,
        n if n < 0.0 => Some(-n * n_rows as f64),
        n => Some(n),
    }
}

/// How many parents a column of `n_rows` rows refers to, by statistics of one, where there are `n_parents` instead of the source's.
///
/// Many are a share of the parents, as ANALYZE has it for values and rows above a tenth; a few are a few.
#[expect(clippy::cast_precision_loss, reason = "numbers of rows are estimates here")]
pub(crate) fn n_referred(
    statistics: &ColumnStatistics,
    n_rows: u64,
    (n_parents, n_source_parents): (u64, f64),
) -> Option<f64> {
    let n = n_distinct(statistics, n_rows)?;
    let is_share = statistics.n_distinct > 0.0 && n > 0.1 * n_source_parents && n_source_parents > 0.0;
    let n = if is_share { n * n_parents as f64 / n_source_parents } else { n };
    Some(n.min(n_parents as f64).max(1.0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::{Column, Table};

    #[test]
    fn many_parents_grow_with_their_table() {
        let check = |n_distinct, expected| {
            let statistics = ColumnStatistics { n_distinct, ..ColumnStatistics::default() };
            assert_eq!(n_referred(&statistics, 1_000, (200, 2_000.0)), Some(expected));
        };
        check(7.0, 7.0);
        check(1_000.0, 100.0);
        check(-0.125, 125.0);
        check(-1.0, 200.0);
    }

    #[test]
    fn finds_tables_by_their_names() {
        let column = |name: &str, base_type: &str, bounds: &str| Column {
            name: name.to_owned(),
            base_type: base_type.to_owned(),
            statistics: Some(ColumnStatistics {
                histogram_bounds: Some(bounds.to_owned()),
                ..ColumnStatistics::default()
            }),
            ..Column::default()
        };
        let table = |schema: &str, name: &str, columns: Vec<Column>| Table {
            schema: schema.to_owned(),
            name: name.to_owned(),
            n_rows: -1.0,
            columns,
            ..Table::default()
        };
        let catalog = Catalog {
            tables: vec![
                table(
                    "a",
                    "t",
                    vec![column(
                        "at",
                        "timestamptz",
                        "{\"2000-01-01 00:00:01+00\",\"2999-01-01 00:00:00+00\"}",
                    )],
                ),
                table("b", "t", vec![]),
                table("b", "u", vec![column("x", "int4", "{1,2}")]),
            ],
            ..Catalog::default()
        };
        let source = Source::new(&catalog, &["b.u.x".to_owned(), "t.nothing".to_owned()], 2_000_000);
        assert!(source.column("a", "t", "at").is_some_and(|(n_rows, _)| n_rows == 0.0));
        assert!(source.column("c", "t", "at").is_none());
        assert!(source.column("c", "u", "x").is_some());
        assert!(source.keeps("b", "u", "x") && !source.keeps("c", "u", "x"));
        assert_eq!(source.unknown_kept(), ["t.nothing"]);
        assert_eq!(source.shift_us(5_000_000), 4_000_000);
    }
}
