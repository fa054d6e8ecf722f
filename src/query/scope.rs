//! Names of tables, and what is known about the tables.

use std::fmt;

use sqlparser::ast::{Ident, ObjectName, ObjectNamePart};

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

    /// Returns the table's columns in their order, where they are known.
    fn columns(&self, _table: &TableName) -> Option<Vec<String>> {
        None
    }

    /// Returns the column's type as `pg_type` names it, where it is known.
    fn column_type(&self, _table: &TableName, _column: &str) -> Option<String> {
        None
    }

    /// Returns the query of a view; `None` for what is no view.
    fn view(&self, _name: &TableName) -> Option<&str> {
        None
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
