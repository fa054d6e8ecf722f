//! Everything that makes up one index, so that it comes back exactly as it was.

use std::collections::{BTreeMap, HashMap};

use serde::{Deserialize, Serialize};

use super::IndexName;
use crate::catalog::{self, Index, Table, TableKind};

/// An index as the catalog has it. What belongs to its table (owner, columns, extended statistics) is no part of it.
///
/// `pg_get_indexdef` says keys, operator classes, collations, INCLUDE, NULLS NOT DISTINCT, storage parameters and the
/// predicate, and loses all else that is here.
#[expect(clippy::struct_excessive_bools, reason = "they are columns of pg_index, independent of each other")]
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Record {
    pub(crate) index: IndexName,
    /// `pg_get_indexdef`, read with nothing but `pg_catalog` in the search path.
    pub(crate) definition: String,
    /// The access method's name in `pg_am`.
    pub(crate) method: String,
    /// The columns of the table that it needs: keys, INCLUDE, expressions and predicate.
    pub(crate) columns: Vec<String>,
    /// An index on expressions has statistics of its own, which ANALYZE gathers anew.
    pub(crate) has_expressions: bool,
    /// `None` for the database's own tablespace.
    pub(crate) tablespace: Option<String>,
    pub(crate) comment: Option<String>,
    /// What ALTER INDEX … ALTER COLUMN … SET STATISTICS has set.
    pub(crate) statistics_targets: Vec<StatisticsTarget>,
    /// CLUSTER without an index uses it.
    pub(crate) is_clustered: bool,
    pub(crate) is_replica_identity: bool,
    /// Plans use it.
    pub(crate) is_valid: bool,
    /// Writes keep it up to date.
    pub(crate) is_ready: bool,
    /// False once a DROP INDEX CONCURRENTLY has only the removal left.
    pub(crate) is_live: bool,
    /// The constraint that owns it, which has the index's name.
    pub(crate) constraint: Option<Constraint>,
    /// Foreign keys that rely on it, constraint or not.
    pub(crate) foreign_keys: Vec<ForeignKey>,
    /// The partitioned index that it is attached to.
    pub(crate) parent: Option<IndexName>,
    pub(crate) is_partitioned: bool,
    /// The indexes of the partitions that are attached to it.
    #[serde(default)]
    pub(crate) partitions: Vec<Record>,
}

/// How many values ANALYZE keeps of an index's column.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct StatisticsTarget {
    /// From 1, as ALTER INDEX counts.
    pub(crate) column: u16,
    pub(crate) target: u16,
}

/// How indexes are stored and analyzed that do not take the defaults; a catalog does not hold it.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Storage {
    /// The tablespace of indexes that are not in the database's own, by oid.
    pub(crate) tablespaces: BTreeMap<u32, String>,
    /// See [`Record::statistics_targets`]; by the index's oid.
    pub(crate) statistics_targets: BTreeMap<u32, Vec<StatisticsTarget>>,
}

/// A primary key, unique or exclusion constraint.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Constraint {
    pub(crate) kind: ConstraintKind,
    /// `pg_get_constraintdef`.
    pub(crate) definition: String,
    pub(crate) is_deferrable: bool,
    pub(crate) is_initially_deferred: bool,
    pub(crate) comment: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum ConstraintKind {
    PrimaryKey,
    Unique,
    Exclusion,
}

/// A foreign key of another table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ForeignKey {
    pub(crate) schema: String,
    pub(crate) table: String,
    pub(crate) name: String,
    /// `pg_get_constraintdef`.
    pub(crate) definition: String,
    pub(crate) comment: Option<String>,
    /// A foreign key of a partitioned table cannot be added NOT VALID before PostgreSQL 18.
    pub(crate) is_of_partitioned: bool,
}

impl Record {
    /// Returns what a catalog knows of an index: all but the columns that it needs, the foreign keys that rely on it and the
    /// comment of its constraint.
    pub(crate) fn of_catalog(
        table: &Table,
        index: &Index,
        storage: &Storage,
        partitions: &HashMap<u32, Vec<&Table>>,
    ) -> Self {
        let attached = partitions.get(&table.oid).into_iter().flatten().flat_map(|child| {
            let own = child.indexes.iter().filter(|part| part.parent == Some(index.oid));
            own.map(|part| Self {
                parent: Some(IndexName::of(table, index)),
                ..Self::of_catalog(child, part, storage, partitions)
            })
        });
        let constraint =
            table.constraints.iter().find(|own| index.is_constraint && own.index == Some(index.oid));
        Self {
            index: IndexName::of(table, index),
            definition: index.definition.clone(),
            method: index.method.clone(),
            columns: Vec::new(),
            has_expressions: index.keys.iter().any(|key| key.expression.is_some()),
            tablespace: storage.tablespaces.get(&index.oid).cloned(),
            comment: index.comment.clone(),
            statistics_targets: storage.statistics_targets.get(&index.oid).cloned().unwrap_or_default(),
            is_clustered: index.is_clustered,
            is_replica_identity: index.is_replica_identity,
            is_valid: index.is_valid,
            is_ready: index.is_ready,
            is_live: true,
            constraint: constraint.and_then(Constraint::of_catalog),
            foreign_keys: Vec::new(),
            parent: None,
            is_partitioned: table.kind == TableKind::Partitioned,
            partitions: attached.collect(),
        }
    }
}

impl Constraint {
    /// `None` for a kind that owns no index.
    fn of_catalog(constraint: &catalog::Constraint) -> Option<Self> {
        let definition = constraint.definition.clone();
        let is_initially_deferred = definition.ends_with(" INITIALLY DEFERRED");
        Some(Self {
            kind: match constraint.kind {
                'p' => ConstraintKind::PrimaryKey,
                'u' => ConstraintKind::Unique,
                'x' => ConstraintKind::Exclusion,
                _ => return None,
            },
            // The server writes them last.
            is_deferrable: is_initially_deferred || definition.ends_with(" DEFERRABLE"),
            is_initially_deferred,
            definition,
            comment: None,
        })
    }
}
