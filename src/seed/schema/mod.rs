//! The catalog in the words of seeding: what can be filled, and which rules its rows have to keep.

pub(crate) mod of_catalog;
pub(crate) mod types;

use serde::{Deserialize, Serialize};

use self::types::Type;
use crate::query::check::SqlFunction;

/// The place of a relation in [`Schema::relations`], and of its plan in [`super::plan::Plan::tables`].
pub(crate) type TableId = u16;
/// The place of a field in [`Relation::fields`], and of its plan in [`super::plan::TablePlan::columns`].
pub(crate) type ColumnId = u16;

/// The tables to fill, those that they refer to, and those that cannot be filled with the reason.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Schema {
    pub(crate) relations: Vec<Relation>,
    /// SQL functions that conditions may call.
    pub(crate) functions: Vec<SqlFunction>,
}

/// A table: an ordinary one or the root of a partition tree.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Relation {
    pub(crate) oid: u32,
    pub(crate) schema: String,
    pub(crate) name: String,
    /// Whether it is in a schema that is to be filled; else it is here as the parent of one that is.
    pub(crate) is_asked: bool,
    /// Columns that COPY can write: without generated ones.
    pub(crate) fields: Vec<Field>,
    /// Names and types of columns that COPY BINARY cannot write: they have their defaults.
    pub(crate) left_out: Vec<(String, String)>,
    /// PRIMARY KEY and UNIQUE constraints and other unique indexes, the primary key first.
    pub(crate) keys: Vec<Key>,
    pub(crate) foreign_keys: Vec<ForeignKey>,
    /// CHECK constraints: name and definition, as `pg_get_constraintdef` writes it. Those of domains are with their fields.
    pub(crate) checks: Vec<(String, String)>,
    pub(crate) exclusions: Vec<Exclusion>,
    pub(crate) partitioning: Option<Partitioning>,
    /// Enabled triggers that fire on INSERT, perfkit's session settings considered.
    pub(crate) triggers: Vec<Trigger>,
    /// Whether COPY FROM works on it: not where row security applies to the session's role.
    pub(crate) has_row_security: bool,
    /// Whether rows are there already.
    pub(crate) is_filled: bool,
    /// Why nothing can be loaded: a missing privilege, a rule on INSERT, no partition …
    pub(crate) refusal: Option<String>,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Field {
    pub(crate) name: String,
    /// Through domains.
    pub(crate) ty: Type,
    /// As `format_type` writes it, with domain names.
    pub(crate) type_name: String,
    /// Its own, of its domain, or as part of the primary key.
    pub(crate) not_null: bool,
    pub(crate) default: Option<String>,
    /// The sequence that feeds it: of an identity or serial column, or named in its default.
    pub(crate) sequence: Option<Sequence>,
    /// `GENERATED ALWAYS AS IDENTITY`: INSERT needs OVERRIDING SYSTEM VALUE, COPY does not.
    pub(crate) is_always_identity: bool,
    /// Definitions of the CHECKs of its domains, all levels, with `VALUE` as they stand there.
    pub(crate) domain_checks: Vec<(String, String)>,
    /// Whether values that differ in letter case alone are equal: `citext` or a nondeterministic collation.
    pub(crate) folds_case: bool,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Sequence {
    pub(crate) schema: String,
    pub(crate) name: String,
    pub(crate) increment: i64,
    pub(crate) min: i64,
    pub(crate) max: i64,
    /// The last value that was handed out; `None` when none was yet.
    pub(crate) last_value: Option<i64>,
    /// Where it starts when none was handed out.
    pub(crate) start: i64,
    pub(crate) may_update: bool,
    pub(crate) is_owner: bool,
}

/// What must be unique.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Key {
    pub(crate) name: String,
    pub(crate) parts: Vec<KeyPart>,
    /// The predicate of a partial unique index, as `pg_get_expr` writes it.
    pub(crate) predicate: Option<String>,
    pub(crate) nulls_distinct: bool,
    pub(crate) is_primary: bool,
}

impl Key {
    /// The columns of all parts, one after the other.
    pub(crate) fn columns(&self) -> impl Iterator<Item = ColumnId> {
        self.parts.iter().flat_map(KeyPart::columns).copied()
    }

    /// Whether rows that have NULL in this column can be equal: the key says so, or something else takes the place of NULL.
    pub(crate) fn compares_null(&self, column: ColumnId) -> bool {
        const REPLACING: [&str; 4] = ["COALESCE(", " IS NULL", " IS NOT NULL", "CASE "];
        let replaces = |part: &KeyPart| match part {
            KeyPart::Opaque { sql, columns } => {
                columns.contains(&column) && REPLACING.iter().any(|what| sql.contains(what))
            }
            KeyPart::Column(_) | KeyPart::Folded(_) => false,
        };
        !self.nulls_distinct || self.parts.iter().any(replaces)
    }
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum KeyPart {
    Column(ColumnId),
    /// Equal when the column's texts are equal without regard to case: `lower(x)`, `upper(x)`, citext.
    Folded(ColumnId),
    /// Any other expression with the columns that it names.
    Opaque {
        sql: String,
        columns: Vec<ColumnId>,
    },
}

impl KeyPart {
    pub(crate) fn columns(&self) -> &[ColumnId] {
        match self {
            Self::Column(column) | Self::Folded(column) => std::slice::from_ref(column),
            Self::Opaque { columns, .. } => columns,
        }
    }
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct ForeignKey {
    pub(crate) name: String,
    pub(crate) columns: Vec<ColumnId>,
    pub(crate) parent: TableId,
    /// In the order of `columns`.
    pub(crate) parent_columns: Vec<ColumnId>,
    /// MATCH FULL: all columns are NULL or none.
    pub(crate) is_match_full: bool,
    pub(crate) is_deferrable: bool,
}

/// An EXCLUDE constraint.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Exclusion {
    pub(crate) name: String,
    /// Each part with its operator, such as `=` or `&&`.
    pub(crate) parts: Vec<(KeyPart, String)>,
    pub(crate) predicate: Option<String>,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Partitioning {
    /// The strategy of the root.
    pub(crate) strategy: PartitionStrategy,
    /// The key of the root; empty where it has expressions (the server routes then).
    pub(crate) columns: Vec<ColumnId>,
    /// Partitions that hold rows, of all levels, with the bounds from the root down, as `pg_get_expr(relpartbound)` writes
    /// them.
    pub(crate) leaves: Vec<Leaf>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PartitionStrategy {
    Range,
    List,
    Hash,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Leaf {
    pub(crate) schema: String,
    pub(crate) name: String,
    pub(crate) bounds: Vec<LevelBound>,
    /// Whether rows may be copied into it by name.
    pub(crate) may_insert: bool,
}

/// The bound of a partition at one level.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct LevelBound {
    pub(crate) strategy: PartitionStrategy,
    /// The partition key of the level's parent; empty where it has expressions.
    pub(crate) columns: Vec<ColumnId>,
    /// `FOR VALUES …` or `DEFAULT`.
    pub(crate) text: String,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Trigger {
    pub(crate) name: String,
    pub(crate) function: String,
    pub(crate) is_before: bool,
    pub(crate) is_row_level: bool,
    pub(crate) is_deferrable: bool,
}

impl Relation {
    /// Whether a run can put rows here.
    pub(crate) fn is_loadable(&self) -> bool {
        self.is_asked && self.refusal.is_none()
    }

    pub(crate) fn primary_key(&self) -> Option<&Key> {
        self.keys.first().filter(|key| key.is_primary)
    }

    pub(crate) fn column(&self, name: &str) -> Option<ColumnId> {
        self.fields.iter().position(|field| field.name == name).and_then(|place| u16::try_from(place).ok())
    }

    pub(crate) fn field(&self, column: ColumnId) -> &Field {
        &self.fields[usize::from(column)]
    }
}
