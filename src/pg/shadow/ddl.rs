//! The statements that make tables, constraints and indexes again.

use crate::catalog::{Catalog, Constraint, Index, Table, TableKind};
use crate::pg::sql;

/// Orders tables so that partitions and inheriting tables come after their parents. Views are left out.
pub(super) fn parents_first(catalog: &Catalog) -> Vec<&Table> {
    fn depth(table: &Table, catalog: &Catalog) -> usize {
        let parents = table.partition_of.iter().map(|(parent, _)| parent).chain(&table.inherits);
        parents
            .filter_map(|parent| catalog.table_by_oid(*parent))
            .map(|parent| 1 + depth(parent, catalog))
            .max()
            .unwrap_or(0)
    }
    let mut tables: Vec<&Table> =
        catalog.tables.iter().filter(|table| table.kind != TableKind::View).collect();
    tables.sort_by_cached_key(|table| depth(table, catalog));
    tables
}

/// A materialized view becomes a table, and so does a foreign table.
pub(super) fn create_table(table: &Table, catalog: &Catalog) -> String {
    let name = sql::quote_qualified(&table.schema, &table.name);
    let partitioned =
        table.partition_key.as_ref().map(|key| format!(" PARTITION BY {key}")).unwrap_or_default();
    let options = with_options(&table.options);
    let parent =
        table.partition_of.as_ref().and_then(|(parent, bound)| Some((catalog.table_by_oid(*parent)?, bound)));
    if let Some((parent, bound)) = parent {
        let parent = sql::quote_qualified(&parent.schema, &parent.name);
        return format!("CREATE TABLE {name} PARTITION OF {parent} {bound}{partitioned}{options}");
    }
    let columns: Vec<String> = table
        .columns
        .iter()
        .map(|column| {
            let collation =
                column.collation.as_ref().map(|name| format!(" COLLATE {name}")).unwrap_or_default();
            let not_null = if column.not_null { " NOT NULL" } else { "" };
            let generated = match &column.virtual_expression {
                Some(expression) => format!(" GENERATED ALWAYS AS ({expression}) VIRTUAL"),
                None => String::new(),
            };
            let name = sql::quote_identifier(&column.name);
            format!("{name} {}{collation}{generated}{not_null}", column.type_name)
        })
        .collect();
    let parents: Vec<String> = table
        .inherits
        .iter()
        .filter_map(|parent| catalog.table_by_oid(*parent))
        .map(|parent| sql::quote_qualified(&parent.schema, &parent.name))
        .collect();
    let inherits =
        if parents.is_empty() { String::new() } else { format!(" INHERITS ({})", parents.join(", ")) };
    format!("CREATE TABLE {name} ({}){inherits}{partitioned}{options}", columns.join(", "))
}

/// `None` where the definition could not be read.
pub(super) fn create_view(view: &Table) -> Option<String> {
    let name = sql::quote_qualified(&view.schema, &view.name);
    let definition = view.view_definition.as_ref()?;
    Some(format!("CREATE VIEW {name}{} AS {definition}", with_options(&view.options)))
}

pub(super) fn add_constraint(table: &Table, constraint: &Constraint) -> String {
    format!(
        "ALTER TABLE {} ADD CONSTRAINT {} {}",
        sql::quote_qualified(&table.schema, &table.name),
        sql::quote_identifier(&constraint.name),
        constraint.definition
    )
}

/// An index of a partitioned table adopts those of its partitions that match.
pub(super) fn create_index(table: &Table, index: &Index) -> String {
    match table.kind {
        TableKind::Partitioned => index.definition.replacen(" ON ONLY ", " ON ", 1),
        _ => index.definition.clone(),
    }
}

/// Whether the planner would use the index, and no constraint creates it.
pub(super) fn is_copied(index: &Index) -> bool {
    index.is_valid && !index.is_constraint
}

fn with_options(options: &[String]) -> String {
    let options: Vec<String> = options
        .iter()
        .filter_map(|option| option.split_once('='))
        .map(|(name, value)| format!("{} = {}", sql::quote_identifier(name), sql::quote_literal(value)))
        .collect();
    if options.is_empty() { String::new() } else { format!(" WITH ({})", options.join(", ")) }
}
