//! Changes of a database's index set, as suggest and audit propose them and apply makes them.

pub(crate) mod duplicates;
pub(crate) mod failure;
pub(crate) mod journal;
pub(crate) mod lock;
pub(crate) mod name;
pub(crate) mod plan;
pub(crate) mod progress;
pub(crate) mod record;
pub(crate) mod restore;
pub(crate) mod script;
pub(crate) mod state;
pub(crate) mod steps;
pub(crate) mod undo;

use serde::{Deserialize, Serialize};

use super::Definition;
use crate::catalog::{Index, Table};
use crate::query::index_ddl::index_ddl;
use crate::query::quote;

/// One change of the set of indexes. In JSON it is an object with an `action`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "action", rename_all = "snake_case")]
pub(crate) enum Change {
    Create {
        /// Its name follows from it ([`Definition::name`]).
        definition: Definition,
        /// What it is expected to take.
        size_bytes: u64,
        /// Existing indexes of the same table that it makes superfluous: they go once it is valid.
        #[serde(default)]
        replaces: Vec<Seen>,
    },
    Drop {
        index: Seen,
        size_bytes: u64,
        /// Indexes of the same table, there or to be built, that make it superfluous: it goes only while all of them are there.
        #[serde(default)]
        covered_by: Vec<Seen>,
    },
    /// Builds an index anew under its own name: a bloated or an invalid one.
    Reindex {
        index: Seen,
        /// What it is expected to take afterwards.
        size_bytes: u64,
    },
}

/// An index that exists, with its table.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub(crate) struct IndexName {
    pub(crate) schema: String,
    pub(crate) table: String,
    pub(crate) name: String,
}

/// An index as it was when a change was decided on. A change that was saved may be made much later.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Seen {
    #[serde(flatten)]
    pub(crate) index: IndexName,
    /// As `pg_get_indexdef` wrote it; `None` stands for whatever has the name.
    #[serde(default)]
    pub(crate) definition: Option<String>,
    /// How often it had been scanned, of one that goes because nothing scans it: new scans speak for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) n_scans: Option<u64>,
}

impl Seen {
    pub(crate) fn of(table: &Table, index: &Index) -> Self {
        Self { index: IndexName::of(table, index), definition: Some(index.definition.clone()), n_scans: None }
    }

    /// An index that is not there yet.
    pub(crate) fn to_be(definition: &Definition) -> Self {
        Self { index: IndexName::to_be(definition), definition: Some(definition.ddl()), n_scans: None }
    }

    /// Whether this is how the server writes it now.
    fn is(&self, definition: &str) -> bool {
        self.definition.as_deref().is_none_or(|seen| is_same_index(seen, definition))
    }
}

/// Whether two definitions say the same index of one table, whatever its name.
fn is_same_index(a: &str, b: &str) -> bool {
    a == b
        || index_ddl(a).zip(index_ddl(b)).is_some_and(|(a, b)| a.table.name == b.table.name && a.is_same(&b))
}

impl IndexName {
    pub(crate) fn of(table: &Table, index: &Index) -> Self {
        Self { schema: table.schema.clone(), table: table.name.clone(), name: index.name.clone() }
    }

    /// The name of an index that is not there yet.
    pub(crate) fn to_be(definition: &Definition) -> Self {
        let Definition { schema, table, .. } = definition;
        Self { schema: schema.clone(), table: table.clone(), name: definition.name() }
    }

    /// Its name with the schema, quoted, as statements say it.
    pub(crate) fn qualified(&self) -> String {
        quote::qualified(&self.schema, &self.name)
    }
}
