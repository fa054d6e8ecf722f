//! Indexes that could help: equality columns, then the sort, then one range; also partial ones.

use std::collections::BTreeSet;

use super::definition::{Definition, Key, Predicate};
use crate::catalog::{Catalog, Table, TableKind};
use crate::query::{SortColumn, StatementShape, TableUse};

/// Above this number of equality columns, only one of their orders is tried.
const MAX_PERMUTED: usize = 3;

/// Returns every index worth pricing for these statements, in a fixed order, without those that exist.
pub(crate) fn candidates<'s>(
    shapes: impl IntoIterator<Item = &'s StatementShape>,
    catalog: &Catalog,
    max_columns: usize,
) -> Vec<Definition> {
    let mut found = BTreeSet::new();
    for table_use in shapes.into_iter().flat_map(|shape| &shape.uses) {
        let Some(table) = catalog.table(&table_use.table) else { continue };
        if matches!(table.kind, TableKind::Ordinary | TableKind::MaterializedView) {
            found.extend(for_use(table_use, table, max_columns));
        }
    }
    found.retain(|definition| {
        let table = catalog
            .tables
            .iter()
            .find(|table| table.schema == definition.schema && table.name == definition.table)
            .expect("candidates are made from tables");
        !table.indexes.iter().any(|existing| definition.is_covered_by(existing))
    });
    found.into_iter().collect()
}

/// Whether a statement could use the index at all.
pub(crate) fn is_relevant(definition: &Definition, shape: &StatementShape, catalog: &Catalog) -> bool {
    let leading = &definition.keys[0].column;
    shape.uses.iter().any(|table_use| {
        catalog
            .table(&table_use.table)
            .is_some_and(|table| table.schema == definition.schema && table.name == definition.table)
            && (mentions(table_use, leading)
                || definition.predicate.as_ref().is_some_and(|predicate| {
                    table_use.null_tests.iter().any(|test| test.column == predicate.column)
                }))
    })
}

fn mentions(table_use: &TableUse, column: &str) -> bool {
    let TableUse { table: _, equality, range, null_tests, join, order_by, group_by } = table_use;
    [equality, range, join, group_by].into_iter().flatten().any(|named| named == column)
        || null_tests.iter().any(|test| test.column == column)
        || order_by.iter().any(|sort| sort.column == column)
}

fn for_use(table_use: &TableUse, table: &Table, max_columns: usize) -> Vec<Definition> {
    let mut predicates = vec![None];
    predicates.extend(
        table_use
            .null_tests
            .iter()
            // A test that all rows pass, or that no row can, makes no smaller index.
            .filter(|test| table.column(&test.column).is_some_and(|column| !column.not_null))
            .map(|test| Some(Predicate { column: test.column.clone(), is_null: test.is_null })),
    );
    let tested_null: Vec<String> =
        table_use.null_tests.iter().filter(|test| test.is_null).map(|test| test.column.clone()).collect();
    let mut definitions = Vec::new();
    for keys in key_lists(table_use, &tested_null, table) {
        for predicate in &predicates {
            // A column whose nullness the predicate fixes to NULL has one value left.
            let is_constant = |key: &Key| {
                predicate
                    .as_ref()
                    .is_some_and(|predicate| predicate.is_null && predicate.column == key.column)
            };
            let mut keys: Vec<Key> = keys.iter().filter(|key| !is_constant(key)).cloned().collect();
            if keys.is_empty() && predicate.is_some() {
                // The predicate alone selects the rows; the primary key is a key that many statements read.
                keys.extend(
                    table
                        .primary_key()
                        .iter()
                        .flat_map(|key| &key.columns)
                        .map(|column| Key::ascending(column)),
                );
            }
            keys.truncate(max_columns);
            let is_virtual = |key: &Key| table.column(&key.column).is_some_and(|column| column.is_virtual);
            if !keys.is_empty() && !keys.iter().any(is_virtual) {
                definitions.push(Definition {
                    schema: table.schema.clone(),
                    table: table.name.clone(),
                    keys,
                    predicate: predicate.clone(),
                });
            }
        }
    }
    definitions
}

fn key_lists(table_use: &TableUse, tested_null: &[String], table: &Table) -> Vec<Vec<Key>> {
    let mut lists = Vec::new();
    let sorts =
        [sort_keys(&table_use.order_by), table_use.group_by.iter().map(|c| Key::ascending(c)).collect()];
    for prefix in prefixes(table_use, tested_null, table) {
        let with = |tail: &[Key]| {
            let mut keys: Vec<Key> = prefix.iter().map(|column| Key::ascending(column)).collect();
            keys.extend(tail.iter().filter(|key| !prefix.contains(&key.column)).cloned());
            keys
        };
        lists.push(with(&[]));
        for sort in &sorts {
            lists.push(with(sort));
            for range in &table_use.range {
                lists.push(with(&[sort.as_slice(), &[Key::ascending(range)]].concat()));
            }
        }
        for range in &table_use.range {
            lists.push(with(&[Key::ascending(range)]));
        }
    }
    lists.into_iter().map(without_repeats).filter(|keys| !keys.is_empty()).collect()
}

/// Returns the column lists that equality conditions and joins can fix to one value.
fn prefixes(table_use: &TableUse, tested_null: &[String], table: &Table) -> Vec<Vec<String>> {
    let n_rows = table.planned_rows();
    let distinct = |column: &String| table.column(column).map_or(0.0, |column| column.distinct(n_rows));
    let mut equality = table_use.equality.clone();
    // The most selective column first, where only one order is tried.
    equality.sort_by(|a, b| distinct(b).total_cmp(&distinct(a)).then_with(|| a.cmp(b)));
    let mut prefixes = vec![Vec::new()];
    let orders =
        if equality.len() <= MAX_PERMUTED { permutations(&equality) } else { vec![equality.clone()] };
    for order in &orders {
        prefixes.push(order.clone());
        for join in &table_use.join {
            prefixes.push([order.as_slice(), std::slice::from_ref(join)].concat());
            prefixes.push([std::slice::from_ref(join), order.as_slice()].concat());
        }
        for null in tested_null {
            prefixes.push([order.as_slice(), std::slice::from_ref(null)].concat());
        }
    }
    prefixes.extend(table_use.join.iter().map(|join| vec![join.clone()]));
    prefixes
}

fn permutations(columns: &[String]) -> Vec<Vec<String>> {
    if columns.len() <= 1 {
        return vec![columns.to_vec()];
    }
    let mut all = Vec::new();
    for (i, first) in columns.iter().enumerate() {
        let rest: Vec<String> = [&columns[..i], &columns[i + 1..]].concat();
        for mut permutation in permutations(&rest) {
            permutation.insert(0, first.clone());
            all.push(permutation);
        }
    }
    all
}

/// Returns keys for an ORDER BY, with as few non-default orders as a scan in either direction allows.
pub(crate) fn sort_keys(order_by: &[SortColumn]) -> Vec<Key> {
    // Read backwards, every direction and every place of nulls is the opposite one.
    let backwards = order_by.first().is_some_and(|first| first.descending);
    order_by
        .iter()
        .map(|sort| Key {
            column: sort.column.clone(),
            descending: sort.descending != backwards,
            nulls_first: sort.nulls_first != backwards,
        })
        .collect()
}

/// Keeps the first of the keys on each column: what comes again orders nothing.
pub(crate) fn without_repeats(keys: Vec<Key>) -> Vec<Key> {
    let mut kept: Vec<Key> = Vec::new();
    for key in keys {
        if !kept.iter().any(|known| known.column == key.column) {
            kept.push(key);
        }
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::Column;

    fn catalog() -> Catalog {
        let column = |name: &str| Column {
            name: name.to_owned(),
            type_name: "bigint".into(),
            base_type: "int8".into(),
            not_null: name != "wake_time",
            has_default: false,
            collation: None,
            statistics: None,
            tree_statistics: None,
            is_virtual: false,
        };
        let table = Table {
            oid: 1,
            schema: "public".into(),
            name: "records".into(),
            kind: TableKind::Ordinary,
            columns: ["id", "user_id", "bedtime", "wake_time", "score"].into_iter().map(column).collect(),
            indexes: vec![],
            constraints: vec![],
            n_rows: 1000.0,
            n_pages: 10,
            n_all_visible_pages: 0,
            partition_key: None,
            partition_of: None,
            inherits: vec![],
            view_definition: None,
        };
        Catalog { tables: vec![table], search_path: vec!["public".into()] }
    }

    fn check(sql: &str, expected: &[&str]) {
        let catalog = catalog();
        let shape = crate::query::parse(sql).unwrap().shape(&catalog);
        let found: Vec<String> = candidates([&shape], &catalog, 3)
            .iter()
            .map(|definition| definition.describe().trim_start_matches("records ").to_owned())
            .collect();
        for wanted in expected {
            assert!(found.iter().any(|found| found == wanted), "{sql}: no {wanted} in {found:?}");
        }
    }

    #[test]
    fn equality_before_sort_before_range() {
        check(
            "SELECT 1 FROM records WHERE user_id = 1 ORDER BY bedtime DESC LIMIT 5",
            &["(user_id, bedtime)"],
        );
        check("SELECT 1 FROM records WHERE bedtime > 1 AND user_id = 1", &["(user_id, bedtime)"]);
        check(
            "SELECT 1 FROM records WHERE user_id = 1 AND score > 2 ORDER BY bedtime",
            &["(user_id, bedtime, score)", "(user_id, score)"],
        );
    }

    #[test]
    fn mixed_directions() {
        check("SELECT 1 FROM records ORDER BY score DESC, bedtime", &["(score, bedtime DESC)"]);
        check(
            "SELECT 1 FROM records ORDER BY score, bedtime DESC NULLS LAST",
            &["(score, bedtime DESC NULLS LAST)"],
        );
        check("SELECT 1 FROM records ORDER BY score DESC, bedtime DESC", &["(score, bedtime)"]);
    }

    #[test]
    fn partial_where_nullness_is_tested() {
        check(
            "SELECT 1 FROM records WHERE user_id = 1 AND wake_time IS NULL",
            &["(user_id) WHERE wake_time IS NULL", "(user_id, wake_time)"],
        );
        check(
            "SELECT 1 FROM records WHERE wake_time IS NOT NULL ORDER BY bedtime",
            &["(bedtime) WHERE wake_time IS NOT NULL"],
        );
    }

    #[test]
    fn grouping() {
        check("SELECT user_id, count(*) FROM records GROUP BY user_id", &["(user_id)"]);
    }

    #[test]
    fn nothing_for_what_no_index_serves() {
        let catalog = catalog();
        let shape = crate::query::parse("SELECT count(*) FROM records").unwrap().shape(&catalog);
        assert!(candidates([&shape], &catalog, 3).is_empty());
    }
}
