//! Changes of a database's index set, as suggest and audit propose them and apply makes them.

pub(crate) mod duplicates;
pub(crate) mod failure;
pub(crate) mod journal;
pub(crate) mod plan;
pub(crate) mod record;
pub(crate) mod restore;
pub(crate) mod script;
pub(crate) mod state;
pub(crate) mod steps;
pub(crate) mod undo;

use serde::{Deserialize, Serialize};

use super::Definition;
use crate::catalog::{Index, Table};
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
        replaces: Vec<IndexName>,
    },
    Drop {
        index: IndexName,
        size_bytes: u64,
    },
    /// Builds an index anew under its own name: a bloated or an invalid one.
    Reindex {
        index: IndexName,
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

impl IndexName {
    pub(crate) fn of(table: &Table, index: &Index) -> Self {
        Self { schema: table.schema.clone(), table: table.name.clone(), name: index.name.clone() }
    }

    /// Its name with the schema, quoted, as statements say it.
    pub(crate) fn qualified(&self) -> String {
        quote::qualified(&self.schema, &self.name)
    }
}
