//! Catalogs and statements for the tests of candidates.

use super::{Kinds, Options, candidates};
use crate::catalog::{Catalog, Column, ColumnStatistics, Index, IndexKey, Table};
use crate::query::{Condition, Operand, Order, SortItem, StatementShape, TableName, TableUse, Test};

/// Tables of schema `public` with OIDs 1, 2, …, a million rows, all pages visible. A column is written as its name, its
/// type, and `!` when it is never NULL.
pub(super) fn catalog(tables: &[(&str, &[&str])]) -> Catalog {
    let tables = tables.iter().zip(1..).map(|((name, columns), oid)| Table {
        oid,
        schema: "public".into(),
        name: (*name).to_owned(),
        columns: columns.iter().map(|text| column(text)).collect(),
        n_rows: 1_000_000.0,
        n_pages: 20_000,
        n_all_visible_pages: 20_000,
        ..Table::default()
    });
    Catalog { tables: tables.collect(), search_path: vec!["public".into()], ..Catalog::default() }
}

fn column(text: &str) -> Column {
    let not_null = text.ends_with('!');
    let (name, base_type) = text.trim_end_matches('!').split_once(' ').unwrap();
    Column {
        name: name.to_owned(),
        type_name: base_type.to_owned(),
        base_type: base_type.to_owned(),
        not_null,
        ..Column::default()
    }
}

/// Gives a column statistics.
pub(super) fn statistics(catalog: &mut Catalog, column: &str, statistics: &ColumnStatistics) {
    let columns = catalog.tables.iter_mut().flat_map(|table| &mut table.columns);
    for found in columns.filter(|found| found.name == column) {
        found.statistics = Some(statistics.clone());
    }
}

/// An existing index on columns of a table.
pub(super) fn index(keys: &[&str], predicate: Option<&str>) -> Index {
    let key = |column: &&str| IndexKey { column: Some((*column).to_owned()), ..IndexKey::default() };
    Index {
        name: "i".into(),
        method: "btree".into(),
        keys: keys.iter().map(key).collect(),
        predicate: predicate.map(str::to_owned),
        is_valid: true,
        ..Index::default()
    }
}

/// A column, or an expression of the columns behind `@`: `lower(email)@email`.
pub(super) fn operand(text: &str) -> Operand {
    match text.split_once('@') {
        Some((sql, columns)) if sql.contains(['(', ' ']) => Operand::Expression {
            sql: sql.to_owned(),
            columns: columns.split(',').map(str::to_owned).collect(),
        },
        _ => Operand::Column(text.to_owned()),
    }
}

/// A use of a table that reads nothing but what the rest says.
pub(super) fn on(table: &str) -> TableUse {
    let (schema, name) = table.split_once('.').map_or((None, table), |(schema, name)| (Some(schema), name));
    let table = TableName { schema: schema.map(str::to_owned), name: name.to_owned() };
    TableUse { columns: None, ..TableUse::new(table) }
}

pub(super) fn statement(uses: impl IntoIterator<Item = TableUse>) -> StatementShape {
    StatementShape { uses: uses.into_iter().collect(), ..StatementShape::default() }
}

pub(super) trait Uses {
    fn test(self, operand: &str, test: Test) -> Self;
    fn fixed(self, operand: &str, test: Test, sql: &str) -> Self;
    fn join(self, operand: &str) -> Self;
    /// Operands, with `-` before the descending ones and ` nulls last` or ` nulls first` behind.
    fn order(self, items: &[&str]) -> Self;
    fn group(self, operands: &[&str]) -> Self;
    fn read(self, columns: &[&str]) -> Self;
}

impl Uses for TableUse {
    fn test(mut self, text: &str, test: Test) -> Self {
        self.conditions.push(Condition { operand: operand(text), test, fixed: None });
        self
    }

    fn fixed(mut self, text: &str, test: Test, sql: &str) -> Self {
        self.conditions.push(Condition { operand: operand(text), test, fixed: Some(sql.to_owned()) });
        self
    }

    fn join(mut self, text: &str) -> Self {
        self.joins.push(operand(text));
        self
    }

    fn order(mut self, items: &[&str]) -> Self {
        let item = |text: &&str| {
            let (text, nulls_first) = match text.split_once(" nulls ") {
                Some((text, place)) => (text, Some(place == "first")),
                None => (*text, None),
            };
            let descending = text.starts_with('-');
            let nulls_first = nulls_first.unwrap_or(descending);
            SortItem { operand: operand(text.trim_start_matches('-')), descending, nulls_first }
        };
        self.orders.push(Order { items: items.iter().map(item).collect(), is_limited: true });
        self
    }

    fn group(mut self, operands: &[&str]) -> Self {
        self.groups.push(operands.iter().map(|text| operand(text)).collect());
        self
    }

    fn read(mut self, columns: &[&str]) -> Self {
        self.columns = Some(columns.iter().map(|column| (*column).to_owned()).collect());
        self
    }
}

/// What is proposed, as `table (keys)`.
pub(super) fn found(shapes: &[StatementShape], catalog: &Catalog, max_columns: usize) -> Vec<String> {
    let options = Options { max_columns, kinds: Kinds::default() };
    candidates(shapes, catalog, &options).iter().map(|proposal| proposal.definition.describe()).collect()
}

/// Checks that all of these are proposed for one use of a table, and that those after a `!` are not.
pub(super) fn check(catalog: &Catalog, table_use: TableUse, expected: &[&str]) {
    let text = format!("{table_use:?}");
    let found = found(&[statement([table_use])], catalog, 3);
    for expected in expected {
        let (wanted, is_wanted) =
            expected.strip_prefix('!').map_or((*expected, true), |unwanted| (unwanted, false));
        let is_found =
            found.iter().any(|found| found.split_once(' ').is_some_and(|(_, rest)| rest == wanted));
        assert_eq!(is_found, is_wanted, "{expected} of {found:#?} for {text}");
    }
}
