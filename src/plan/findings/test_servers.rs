//! Servers for the rules' tests.

use crate::catalog::{Catalog, Constraint, Index, IndexKey, Table};
use crate::plan::Server;

/// Returns a server with these tables in the schema `public`.
pub(super) fn server(tables: Vec<Table>) -> Server {
    let catalog = Catalog { tables, search_path: vec!["public".to_owned()], ..Catalog::default() };
    Server { catalog, ..Server::default() }
}

pub(super) fn table(oid: u32, name: &str, indexes: &[&[&str]]) -> Table {
    let key = |column: &&str| IndexKey { column: Some((*column).to_owned()), ..IndexKey::default() };
    let index = |columns: &&[&str]| Index {
        name: format!("{name}_{}_idx", columns.join("_")),
        method: "btree".to_owned(),
        keys: columns.iter().map(key).collect(),
        is_valid: true,
        ..Index::default()
    };
    Table {
        oid,
        schema: "public".to_owned(),
        name: name.to_owned(),
        indexes: indexes.iter().map(index).collect(),
        ..Table::default()
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
        ..Constraint::default()
    };
    let mut referencing = table(1, name, indexes);
    referencing.constraints.push(foreign_key);
    server(vec![referencing, table(2, referenced, &[])])
}
