//! What a server has of the tables that changes are about: indexes, partitions, and who builds there.

use std::collections::BTreeSet;

use super::IndexName;
use crate::catalog::{Catalog, TableKind};
use crate::index::BLOCK_BYTES;
use crate::query::index_ddl::{IndexDdl, index_ddl};

/// One reading of the server.
#[derive(Clone, Debug, Default)]
pub(crate) struct State {
    /// The tables concerned, with all that are below and above them in a tree of partitions, ordered by oid.
    pub(crate) tables: Vec<TableState>,
    /// Sessions that build on a table, or hold a lock on it that keeps others from building.
    pub(crate) builders: Vec<Builder>,
    /// Schema and name of relations whose names an index might get.
    pub(crate) taken: BTreeSet<(String, String)>,
}

#[derive(Clone, Debug, Default)]
pub(crate) struct TableState {
    pub(crate) oid: u32,
    pub(crate) schema: String,
    pub(crate) name: String,
    pub(crate) kind: Kind,
    /// The partitioned table that it is a partition of.
    pub(crate) parent: Option<u32>,
    /// Of the table without its indexes.
    pub(crate) size_bytes: u64,
    pub(crate) indexes: Vec<IndexState>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A table or materialized view.
    #[default]
    Ordinary,
    Partitioned,
    Foreign,
    /// A view, or whatever else has no indexes.
    Other,
}

#[derive(Clone, Debug, Default)]
pub(crate) struct IndexState {
    pub(crate) oid: u32,
    pub(crate) name: String,
    /// As `pg_get_indexdef` writes it.
    pub(crate) definition: String,
    pub(crate) is_valid: bool,
    pub(crate) is_partitioned: bool,
    /// The partitioned index that it is attached to.
    pub(crate) parent: Option<u32>,
    /// Why it must not be dropped, if so.
    pub(crate) protection: Option<Protection>,
    /// Whether ANALYZE has gathered statistics of its expressions.
    pub(crate) has_statistics: bool,
    pub(crate) size_bytes: u64,
    /// Since the counters were reset; of a partitioned index with all that is attached to it.
    pub(crate) n_scans: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Protection {
    Constraint,
    ReplicaIdentity,
    ForeignKey,
}

/// A session at work on a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Builder {
    pub(crate) table: u32,
    pub(crate) pid: i32,
}

impl State {
    /// The tables of a catalog as if they had no indexes.
    pub(crate) fn of_catalog(catalog: &Catalog) -> Self {
        let tables = catalog.tables.iter().map(|table| TableState {
            oid: table.oid,
            schema: table.schema.clone(),
            name: table.name.clone(),
            kind: match table.kind {
                TableKind::Ordinary | TableKind::MaterializedView => Kind::Ordinary,
                TableKind::Partitioned => Kind::Partitioned,
                TableKind::Foreign => Kind::Foreign,
                TableKind::View => Kind::Other,
            },
            parent: table.partition_of.as_ref().map(|(parent, _)| *parent),
            size_bytes: u64::from(table.n_pages) * BLOCK_BYTES,
            indexes: Vec::new(),
        });
        let taken = catalog.tables.iter().flat_map(|table| {
            let indexes = table.indexes.iter().map(|index| &index.name);
            std::iter::once(&table.name).chain(indexes).map(|name| (table.schema.clone(), name.clone()))
        });
        Self { tables: tables.collect(), taken: taken.collect(), builders: Vec::new() }
    }

    pub(super) fn table(&self, schema: &str, name: &str) -> Option<&TableState> {
        self.tables.iter().find(|table| table.schema == schema && table.name == name)
    }

    /// Finds an index by its name, whatever table it is said to be of.
    pub(crate) fn index(&self, wanted: &IndexName) -> Option<(&TableState, &IndexState)> {
        self.tables.iter().filter(|table| table.schema == wanted.schema).find_map(|table| {
            let index = table.indexes.iter().find(|index| index.name == wanted.name)?;
            Some((table, index))
        })
    }

    pub(super) fn partitions(&self, table: u32) -> impl Iterator<Item = &TableState> {
        self.tables.iter().filter(move |it| it.parent == Some(table))
    }

    /// The table with all tables below it.
    pub(super) fn tree<'s>(&'s self, table: &'s TableState) -> Vec<&'s TableState> {
        let mut tree = vec![table];
        tree.extend(self.partitions(table.oid).flat_map(|child| self.tree(child)));
        tree
    }

    pub(crate) fn builder(&self, table: u32) -> Option<i32> {
        self.builders.iter().find(|builder| builder.table == table).map(|builder| builder.pid)
    }
}

impl TableState {
    pub(crate) fn index_name(&self, name: &str) -> IndexName {
        IndexName { schema: self.schema.clone(), table: self.name.clone(), name: name.to_owned() }
    }
}

impl IndexState {
    /// Whether it is what this statement says.
    pub(super) fn is_same(&self, wanted: &IndexDdl) -> bool {
        index_ddl(&self.definition).is_some_and(|own| own.is_same(wanted))
    }
}

impl Protection {
    pub(crate) fn reason(self) -> &'static str {
        match self {
            Self::Constraint => "a constraint owns it",
            Self::ReplicaIdentity => "it is the table's replica identity",
            Self::ForeignKey => "a foreign key relies on it",
        }
    }
}
