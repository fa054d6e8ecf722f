//! What tells the rows of a list apart, so that a page can begin after one of them.
//!
//! Columns determine others: those of a unique key all of its table's, and equal columns each other. An order in which no two rows
//! are equal determines every table of the list (functional dependencies; Armstrong's axioms).

use std::collections::BTreeSet;

use crate::catalog::{Catalog, Index, Table};
use crate::index::{Definition, Key as IndexKey};
use crate::query::{List, ListedColumn, SortKey, quote};

/// The items after which a page begins.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Key {
    pub(crate) items: Vec<SortKey>,
    /// So many items were added to the list's own order, to make it unique.
    pub(crate) n_added: usize,
    pub(crate) index: Option<NeededIndex>,
}

/// The index that finds a page by its key.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum NeededIndex {
    /// By name.
    Exists(String),
    Missing(Definition),
}

/// Returns the key of a list, or why it has none.
pub(crate) fn key(list: &List, catalog: &Catalog) -> Result<Key, String> {
    if let Some(obstacle) = &list.obstacle {
        return Err(obstacle.clone());
    }
    let tables: Vec<&Table> = list
        .tables
        .iter()
        .map(|table| catalog.table(&table.name).ok_or_else(|| format!("there is no table {}", table.name)))
        .collect::<Result<_, _>>()?;
    let keys: Vec<Vec<Vec<String>>> = tables.iter().map(|table| unique_keys(table, catalog)).collect();

    let mut items: Vec<SortKey> = Vec::new();
    for item in &list.order {
        // What is the same in all rows orders nothing, and a second mention neither.
        let is_fixed = item.column.as_ref().is_some_and(|column| list.fixed.contains(column));
        if !is_fixed && items.iter().all(|known| known.sql != item.sql) {
            let is_nullable = item.is_nullable && !is_not_null(item, list, &tables);
            items.push(SortKey { is_nullable, ..item.clone() });
        }
    }
    let n_own = items.len();
    let own: BTreeSet<ListedColumn> =
        items.iter().filter_map(|item| item.column.clone()).chain(list.fixed.iter().cloned()).collect();
    let added = tie_breaker(list, &tables, &keys, &own)?;
    let descending = items.last().is_some_and(|item| item.descending);
    items.extend(added.into_iter().map(|column| SortKey {
        sql: sql(&column, list),
        column: Some(column),
        descending,
        nulls_first: descending,
        is_nullable: false,
    }));
    if let Some(item) = items.iter().skip(1).find(|item| item.is_nullable) {
        return Err(format!("{} may be NULL: declare it NOT NULL, or leave NULLs out", item.sql));
    }
    let index = needed_index(list, &tables, &items);
    Ok(Key { n_added: items.len() - n_own, items, index })
}

/// Returns the columns that make an order unique: the primary key of one table where that is enough.
fn tie_breaker(
    list: &List,
    tables: &[&Table],
    keys: &[Vec<Vec<String>>],
    own: &BTreeSet<ListedColumn>,
) -> Result<Vec<ListedColumn>, String> {
    let missing = |known: &BTreeSet<ListedColumn>| {
        let determined = determined(list, keys, known);
        (0..tables.len()).filter(|table| !determined.contains(table)).collect::<Vec<usize>>()
    };
    let mut known = own.clone();
    let mut added: Vec<ListedColumn> = Vec::new();
    loop {
        let open = missing(&known);
        if open.is_empty() {
            return Ok(added);
        }
        let columns_of = |table: usize| -> Option<Vec<ListedColumn>> {
            let key = keys[table].first().filter(|_| !list.tables[table].is_optional)?;
            let column = |column: &String| ListedColumn { table, column: column.clone() };
            Some(key.iter().map(column).filter(|column| !known.contains(column)).collect())
        };
        let best = open
            .iter()
            .filter_map(|table| columns_of(*table))
            .min_by_key(|columns| missing(&known.iter().chain(columns).cloned().collect()).len());
        let Some(columns) = best else {
            let name = &list.tables[open[0]].name;
            return Err(format!(
                "{name} has no primary key or unique index without NULLs to tell its rows apart"
            ));
        };
        known.extend(columns.iter().cloned());
        added.extend(columns);
    }
}

/// Returns the tables of which one row at most is left where these columns have one value.
fn determined(list: &List, keys: &[Vec<Vec<String>>], known: &BTreeSet<ListedColumn>) -> BTreeSet<usize> {
    let mut columns = known.clone();
    let mut tables: BTreeSet<usize> = BTreeSet::new();
    let has = |columns: &BTreeSet<ListedColumn>, tables: &BTreeSet<usize>, column: &ListedColumn| {
        tables.contains(&column.table) || columns.contains(column)
    };
    loop {
        let n_before = (columns.len(), tables.len());
        for (table, keys) in keys.iter().enumerate() {
            let is_whole = |key: &Vec<String>| {
                key.iter()
                    .all(|column| has(&columns, &tables, &ListedColumn { table, column: column.clone() }))
            };
            if keys.iter().any(is_whole) {
                tables.insert(table);
            }
        }
        for (from, to) in &list.determines {
            if has(&columns, &tables, from) {
                columns.insert(to.clone());
            }
        }
        if (columns.len(), tables.len()) == n_before {
            return tables;
        }
    }
}

/// Returns the columns of each index that lets no two rows be equal, the primary key's first.
fn unique_keys(table: &Table, catalog: &Catalog) -> Vec<Vec<String>> {
    // Those of a parent say nothing of the tables that inherit from it.
    if catalog.tables.iter().any(|other| other.inherits.contains(&table.oid)) {
        return Vec::new();
    }
    let primary = table.primary_key().and_then(|constraint| constraint.index);
    let is_usable = |index: &&Index| {
        index.is_unique
            && index.is_valid
            && index.is_ready
            && !index.is_deferrable
            && index.predicate.is_none()
    };
    let mut indexes: Vec<&Index> = table.indexes.iter().filter(is_usable).collect();
    indexes.sort_by_key(|index| (Some(index.oid) != primary, index.keys.len(), index.oid));
    let columns = |index: &&Index| {
        let columns: Option<Vec<String>> = index.keys.iter().map(|key| key.column.clone()).collect();
        let is_not_null = |name: &String| table.column(name).is_some_and(|column| column.not_null);
        columns.filter(|columns| columns.iter().all(is_not_null))
    };
    indexes.iter().filter_map(columns).collect()
}

fn is_not_null(item: &SortKey, list: &List, tables: &[&Table]) -> bool {
    item.column.as_ref().is_some_and(|column| {
        !list.tables[column.table].is_optional
            && tables[column.table].column(&column.column).is_some_and(|column| column.not_null)
    })
}

fn sql(column: &ListedColumn, list: &List) -> String {
    let name = quote::identifier(&column.column);
    let is_qualified = list.tables.len() > 1 || list.order.iter().any(|item| item.sql.contains('.'));
    if is_qualified {
        format!("{}.{name}", quote::identifier(&list.tables[column.table].alias))
    } else {
        name.into_owned()
    }
}

/// The index whose beginning is what is equal in all rows, and whose rest is the key; `None` where no index can be: the key is not
/// of one table's columns.
fn needed_index(list: &List, tables: &[&Table], items: &[SortKey]) -> Option<NeededIndex> {
    let number = items.first()?.column.as_ref()?.table;
    let columns: Vec<(&str, &SortKey)> = items
        .iter()
        .map(|item| {
            Some((item.column.as_ref().filter(|column| column.table == number)?.column.as_str(), item))
        })
        .collect::<Option<_>>()?;
    let mut fixed: Vec<&str> = Vec::new();
    for column in list.fixed.iter().filter(|column| column.table == number) {
        if !fixed.contains(&column.column.as_str()) {
            fixed.push(&column.column);
        }
    }
    let table = tables[number];
    if let Some(index) = table.indexes.iter().find(|index| serves(index, &fixed, &columns)) {
        return Some(NeededIndex::Exists(index.name.clone()));
    }
    // An index is read both ways: the first item of the key goes up.
    let is_turned = items.first().is_some_and(|item| item.descending);
    let keys =
        fixed.iter().map(|column| IndexKey::ascending(column)).chain(columns.iter().map(|(column, item)| {
            let descending = item.descending != is_turned;
            let nulls_first = if item.is_nullable { item.nulls_first != is_turned } else { descending };
            IndexKey { descending, nulls_first, ..IndexKey::ascending(column) }
        }));
    Some(NeededIndex::Missing(Definition::btree(&table.schema, &table.name, keys.collect())))
}

/// Whether an index gives rows in the order of a key, read in one of both directions.
fn serves(index: &Index, fixed: &[&str], columns: &[(&str, &SortKey)]) -> bool {
    if index.method != "btree" || !index.is_valid || index.predicate.is_some() {
        return false;
    }
    let mut wanted = columns.iter().peekable();
    let mut is_turned = None;
    let mut found: BTreeSet<&str> = BTreeSet::new();
    for key in &index.keys {
        let Some((column, item)) = wanted.peek() else { break };
        let Some(name) = key.column.as_deref().filter(|_| key.opclass.is_none() && !key.has_other_collation)
        else {
            return false;
        };
        if name == *column {
            let turns = key.descending != item.descending;
            let same_nulls = !item.is_nullable || (key.nulls_first != item.nulls_first) == turns;
            if !same_nulls || is_turned.is_some_and(|is_turned| is_turned != turns) {
                return false;
            }
            is_turned = Some(turns);
            wanted.next();
        } else if fixed.contains(&name) {
            found.insert(name);
        } else {
            return false;
        }
    }
    wanted.peek().is_none() && fixed.iter().all(|column| found.contains(column))
}
