//! Which table a column name means.

use std::fmt;

use sqlparser::ast::{self, Ident, ObjectName, ObjectNamePart};

/// A table as a statement names it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct TableName {
    pub(crate) schema: Option<String>,
    pub(crate) name: String,
}

impl fmt::Display for TableName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(schema) = &self.schema {
            write!(f, "{schema}.")?;
        }
        f.write_str(&self.name)
    }
}

/// What is known about the tables of a database.
pub(crate) trait Relations {
    /// Returns whether the table has this column; `None` when the table is unknown.
    fn has_column(&self, table: &TableName, column: &str) -> Option<bool>;
}

/// The relations that one FROM clause brings in, inside those of the query around it.
pub(super) struct Scope<'a> {
    pub(super) entries: Vec<Entry>,
    outer: Option<&'a Scope<'a>>,
    ctes: Vec<String>,
}

/// One relation of a FROM clause.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) alias: String,
    /// `None` for subqueries, functions and CTEs, whose columns no index serves.
    pub(super) table: Option<TableName>,
    /// Where what is learnt about this use of the table is collected.
    pub(super) use_index: Option<usize>,
}

/// A column that belongs to a table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ResolvedColumn {
    pub(super) use_index: usize,
    pub(super) column: String,
    /// Whether the table belongs to the query around this one, whose row is fixed while this one runs.
    pub(super) outer: bool,
}

impl<'a> Scope<'a> {
    pub(super) fn new(outer: Option<&'a Scope<'a>>) -> Self {
        Self { entries: Vec::new(), outer, ctes: Vec::new() }
    }

    pub(super) fn add_cte(&mut self, name: &Ident) {
        self.ctes.push(fold(name));
    }

    pub(super) fn is_cte(&self, table: &TableName) -> bool {
        table.schema.is_none() && self.ctes.contains(&table.name)
            || self.outer.is_some_and(|outer| outer.is_cte(table))
    }

    /// Finds the table that a column expression means, in this query or in one around it.
    pub(super) fn resolve(&self, parts: &[Ident], relations: &dyn Relations) -> Option<ResolvedColumn> {
        let (column, qualifier) = parts.split_last()?;
        let column = fold(column);
        let entry = match qualifier {
            [] => self.entries.iter().find(|entry| {
                entry.table.as_ref().is_some_and(|table| relations.has_column(table, &column) == Some(true))
            }),
            [.., last] => {
                let qualifier = fold(last);
                self.entries.iter().find(|entry| entry.alias == qualifier)
            }
        };
        match entry {
            Some(entry) => Some(ResolvedColumn { use_index: entry.use_index?, column, outer: false }),
            None => self
                .outer
                .and_then(|outer| outer.resolve(parts, relations))
                .map(|resolved| ResolvedColumn { outer: true, ..resolved }),
        }
    }
}

/// Returns a name as the server stores it: unquoted names fold to lower case.
pub(super) fn fold(ident: &Ident) -> String {
    if ident.quote_style.is_some() { ident.value.clone() } else { ident.value.to_lowercase() }
}

/// Returns a table's name; `None` for names with more than two parts.
pub(super) fn table_name(name: &ObjectName) -> Option<TableName> {
    let parts: Option<Vec<String>> = name
        .0
        .iter()
        .map(|part| match part {
            ObjectNamePart::Identifier(ident) => Some(fold(ident)),
            ObjectNamePart::Function(_) => None,
        })
        .collect();
    match parts?.as_slice() {
        [name] => Some(TableName { schema: None, name: name.clone() }),
        [schema, name] => Some(TableName { schema: Some(schema.clone()), name: name.clone() }),
        _ => None,
    }
}

/// Returns the name that a FROM item goes by.
pub(super) fn alias_name(alias: Option<&ast::TableAlias>, table: &TableName) -> String {
    alias.map_or_else(|| table.name.clone(), |alias| fold(&alias.name))
}
