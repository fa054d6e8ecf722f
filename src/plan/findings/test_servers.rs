//! Servers for the rules' tests.

use crate::catalog::{Catalog, Constraint, Index, IndexKey, Table, TableKind};
use crate::plan::Server;

/// Returns a server with these tables in the schema `public`.
pub(super) fn server(tables: Vec<Table>) -> Server {
    let catalog = Catalog { tables, search_path: vec!["public".to_owned()] };
    Server { catalog, ..Server::default() }
}

pub(super) fn table(oid: u32, name: &str, indexes: &[&[&str]]) -> Table {
    let key = |column: &&str| IndexKey {
        column: Some((*column).to_owned()),
        descending: false,
        nulls_first: false,
    };
    let index = |columns: &&[&str]| Index {
        name: format!("{name}_{}_idx", columns.join("_")),
        definition: String::new(),
        method: "btree".to_owned(),
        keys: columns.iter().map(key).collect(),
        predicate: None,
        is_valid: true,
        is_constraint: false,
        n_rows: 0.0,
        size_bytes: 0,
        statistics: Vec::new(),
    };
    Table {
        oid,
        schema: "public".to_owned(),
        name: name.to_owned(),
        kind: TableKind::Ordinary,
        columns: Vec::new(),
        indexes: indexes.iter().map(index).collect(),
        constraints: Vec::new(),
        n_rows: 0.0,
        n_pages: 0,
        n_all_visible_pages: 0,
        partition_key: None,
        partition_of: None,
        inherits: Vec::new(),
        view_definition: None,
    }
}

/// Returns a server with a partitioned table and its partitions.
pub(super) fn partitioned(name: &str, key: &str, partitions: &[&str]) -> Server {
    let mut tables = vec![table(1, name, &[])];
    tables[0].partition_key = Some(key.to_owned());
    for (oid, partition) in (2..).zip(partitions) {
        tables.push(Table { partition_of: Some((1, String::new())), ..table(oid, partition, &[]) });
    }
    server(tables)
}

/// Returns a server with a table that references another by these columns and has these indexes.
pub(super) fn referencing(
    name: &str,
    constraint: &str,
    columns: &[&str],
    referenced: &str,
    indexes: &[&[&str]],
) -> Server {
    let columns = columns.join(", ");
    let foreign_key = Constraint {
        name: constraint.to_owned(),
        kind: 'f',
        definition: format!("FOREIGN KEY ({columns}) REFERENCES {referenced}({columns})"),
        columns: columns.split(", ").map(str::to_owned).collect(),
    };
    let mut referencing = table(1, name, indexes);
    referencing.constraints.push(foreign_key);
    server(vec![referencing, table(2, referenced, &[])])
}
