//! Why a counter cannot be kept, and what to do about it.

use std::fmt;

use super::site::{Mode, QualifiedName};
use super::state::Looseness;
use super::triggers::registry::RegistryError;

/// Why a counter cannot be kept.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Refusal {
    #[error("table \"{name}\" does not exist")]
    NoTable { name: String, nearest: Option<String> },
    #[error("column \"{column}\" of table {table} does not exist")]
    NoColumn { table: QualifiedName, column: String, nearest: Option<String> },
    #[error("{table} is {kind}")]
    NotATable { table: QualifiedName, kind: &'static str },
    #[error("partition {partition} of {table} is a foreign table, whose changes triggers do not see")]
    ForeignPartition { table: QualifiedName, partition: QualifiedName },
    #[error("a subscription applies changes to {0}, which triggers of statements do not see")]
    Subscribed(QualifiedName),
    #[error("table {child} has no foreign key to {parent}{}", Of(.columns))]
    NoForeignKey { child: QualifiedName, parent: QualifiedName, columns: Vec<String> },
    #[error("table {child} has {} foreign keys to {parent}", .keys.len())]
    ManyForeignKeys { child: QualifiedName, parent: QualifiedName, keys: Vec<Vec<String>> },
    #[error("foreign key \"{name}\" of {child} {}, so that a child may come before its parent", .looseness.words())]
    LooseForeignKey { child: QualifiedName, name: String, looseness: Looseness },
    #[error("no key is named, and {0} has no foreign key to go by")]
    NoKey(QualifiedName),
    #[error("key column \"{column}\" is of type {type_name}, whose operators are not the system's own")]
    KeyType { column: String, type_name: String },
    #[error("column \"{column}\" of {table} is {is}")]
    Column { table: QualifiedName, column: String, is: String },
    #[error("{parent}.{column} already counts {}, by another key or table", .child)]
    Taken { parent: QualifiedName, column: String, child: QualifiedName },
    #[error("{0} exists, and perfkit has not made it")]
    NameTaken(QualifiedName),
    #[error("function {name} cannot be read: {reason}")]
    Registry { name: QualifiedName, reason: RegistryError },
    #[error("{parent}.{column} is there with another condition or sum")]
    Changed { parent: QualifiedName, column: String },
    #[error("counters of {parent} by {child} cannot be kept in mode {one} and in mode {other}")]
    Modes { parent: QualifiedName, child: QualifiedName, one: Mode, other: Mode },
    #[error("counters in a table of their own are kept inline")]
    SideMode,
    #[error("mode slots needs an index of {child} that begins with ({})", .columns.join(", "))]
    NoIndex { child: QualifiedName, columns: Vec<String> },
    #[error("the sum is of type {0}, which does not add up exactly")]
    SumType(String),
    #[error("role \"{role}\" does not own table {table}")]
    NotOwner { role: String, table: QualifiedName, owner: String },
    #[error("role \"{role}\" may not create in schema \"{schema}\"")]
    NoCreate { role: String, schema: String },
    #[error("row security hides rows of {0}")]
    HiddenRows(QualifiedName),
}

impl Looseness {
    fn words(self) -> &'static str {
        match self {
            Self::Deferrable => "is deferrable",
            Self::NotValid => "is not valid",
            Self::NotEnforced => "is not enforced",
        }
    }
}

/// Lists columns, if there are any.
struct Of<'a>(&'a [String]);

impl fmt::Display for Of<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() { Ok(()) } else { write!(f, " over ({})", self.0.join(", ")) }
    }
}

impl Refusal {
    /// What to do about it.
    pub(crate) fn hint(&self) -> Option<String> {
        Some(match self {
            Self::NoTable { nearest, .. } | Self::NoColumn { nearest, .. } => {
                format!("Did you mean \"{}\"?", nearest.as_ref()?)
            }
            Self::NotATable { .. } => "Count rows of a table, into a table.".to_owned(),
            Self::NoForeignKey { .. } => {
                "Keep the counter in a table of its own with --storage side.".to_owned()
            }
            Self::ManyForeignKeys { keys, .. } => {
                let keys: Vec<String> = keys.iter().map(|columns| columns.join(",")).collect();
                format!("Name the columns that refer to it with --key: {}.", keys.join(" or "))
            }
            Self::LooseForeignKey { looseness: Looseness::NotValid, .. } => {
                "Validate it with ALTER TABLE … VALIDATE CONSTRAINT, or use --storage side.".to_owned()
            }
            Self::LooseForeignKey { .. } => "Use --storage side.".to_owned(),
            Self::NoKey(_) => "Name the columns whose values are counted with --key.".to_owned(),
            Self::Column { .. } => "Use another column.".to_owned(),
            Self::Taken { parent, column, .. } | Self::Changed { parent, column } => {
                format!(
                    "Use another column, or drop that counter first: perfkit counter drop {parent}.{column}."
                )
            }
            Self::NameTaken(name) => format!("Rename {name}."),
            Self::Registry { reason: RegistryError::Newer(_), .. } => "Use a newer perfkit.".to_owned(),
            Self::Registry { name, .. } => format!("Drop function {name} and its triggers."),
            Self::NoIndex { .. } => "Create it, or use --mode queue.".to_owned(),
            Self::Modes { .. } => "Ask for one mode.".to_owned(),
            Self::SumType(_) => "Add up a column of an integer type or of numeric.".to_owned(),
            Self::NotOwner { owner, .. } => format!("Run it as \"{owner}\", or as a member of that role."),
            Self::NoCreate { role, schema } => format!("GRANT CREATE ON SCHEMA {schema} TO {role}."),
            Self::HiddenRows(_) => "Run it as a role with BYPASSRLS.".to_owned(),
            Self::KeyType { .. } | Self::ForeignPartition { .. } | Self::Subscribed(_) | Self::SideMode => {
                return None;
            }
        })
    }

    /// Whether the server's rights stand in the way, and not what was asked for.
    pub(crate) fn is_about_rights(&self) -> bool {
        matches!(self, Self::NotOwner { .. } | Self::NoCreate { .. } | Self::HiddenRows(_))
    }
}
