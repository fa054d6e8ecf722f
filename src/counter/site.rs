//! What triggers keep: the counters of one child table through one key, and where they stand.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::query::quote;

/// A table or function with its schema.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub(crate) struct QualifiedName {
    pub(crate) schema: String,
    pub(crate) name: String,
}

/// What the triggers of one child table keep through one key: one function, and one lock for each parent and statement,
/// however many counters there are.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Site {
    pub(crate) format: u32,
    pub(crate) child: QualifiedName,
    /// The table whose rows hold the counters.
    pub(crate) parent: QualifiedName,
    /// In the order of the parent's unique key.
    pub(crate) key: Vec<KeyPair>,
    /// By column.
    pub(crate) counters: Vec<Counter>,
    #[serde(default)]
    pub(crate) mode: Mode,
    /// The mode that it gets once all is counted, where it has another one for the time being.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) afterwards: Option<Mode>,
    #[serde(default)]
    pub(crate) storage: Storage,
    /// Whether writes of the columns by anybody but triggers are taken back without a word.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) guard: bool,
}

/// A column of the child with the column of the parent that it refers to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct KeyPair {
    pub(crate) child: String,
    pub(crate) parent: String,
    /// The parent's type as SQL, to which keys are cast, so that the parent's index serves: as `format_type(oid, -1)` writes it
    /// (without the -1, `bpchar` would become `character`, which cuts to one character).
    pub(crate) type_name: String,
}

/// A column that is kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Counter {
    pub(crate) column: String,
    /// In which it is added up: `bigint` or `numeric`.
    pub(crate) type_name: String,
    /// Which rows count, over the child's columns alone, as `pg_get_expr` writes it while the search path is `pg_catalog`; so it
    /// means the same in every session.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) condition: Option<String>,
    /// What is added up instead of 1, written likewise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) sum: Option<String>,
}

/// How changes reach the counters.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Mode {
    /// The parent's row is updated by the writer.
    #[default]
    Inline,
    /// The writer appends a row; `counter fold` adds it up.
    Queue,
    /// The writer updates one of a few rows for each parent; `counter fold` adds them up.
    Slots,
}

/// Where the counters stand.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Storage {
    /// In columns of the table that the key refers to.
    #[default]
    Column,
    /// In a table of their own whose rows are being made: a key that has none may have been written before, so the row that a
    /// writer makes is not counted yet.
    SideFilling,
    /// In a table of their own, with a row for each key that a child has ever had: a child may come before its parent.
    Side,
}

impl QualifiedName {
    #[cfg(test)]
    pub(crate) fn new(schema: &str, name: &str) -> Self {
        Self { schema: schema.to_owned(), name: name.to_owned() }
    }

    /// As statements say it.
    pub(crate) fn sql(&self) -> String {
        quote::qualified(&self.schema, &self.name)
    }
}

impl fmt::Display for QualifiedName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.sql())
    }
}

impl Site {
    /// Whether both are about the same rows by the same key.
    pub(crate) fn is_same_place(&self, other: &Self) -> bool {
        (&self.child, &self.parent) == (&other.child, &other.parent)
            && self.key.iter().map(|pair| &pair.child).eq(other.key.iter().map(|pair| &pair.child))
    }

    /// As it is to be once all is counted.
    pub(crate) fn lasting(&self) -> Self {
        Self { mode: self.afterwards.unwrap_or(self.mode), afterwards: None, ..self.clone() }
    }

    pub(crate) fn counter(&self, column: &str) -> Option<&Counter> {
        self.counters.iter().find(|counter| counter.column == column)
    }

    pub(crate) fn is_side(&self) -> bool {
        self.storage != Storage::Column
    }

    /// Whether changes are kept apart from the counters until they are folded in.
    pub(crate) fn has_pending(&self) -> bool {
        self.mode != Mode::Inline
    }
}

impl Counter {
    /// What a row of the child counts, over its columns without qualifiers; never NULL.
    pub(crate) fn weight(&self) -> String {
        match (&self.condition, &self.sum) {
            (None, None) => "1".to_owned(),
            (None, Some(sum)) => format!("coalesce({sum}, 0)"),
            (Some(condition), None) => format!("CASE WHEN {condition} THEN 1 ELSE 0 END"),
            (Some(condition), Some(sum)) => {
                format!("CASE WHEN {condition} THEN coalesce({sum}, 0) ELSE 0 END")
            }
        }
    }

    /// What the rows of a group count together; NULL only for a sum of none.
    pub(crate) fn aggregate(&self) -> String {
        let function = match &self.sum {
            None => "pg_catalog.count(*)".to_owned(),
            Some(sum) => format!("pg_catalog.sum({sum})"),
        };
        let filter = self
            .condition
            .as_ref()
            .map(|condition| format!(" FILTER (WHERE {condition})"))
            .unwrap_or_default();
        format!("{function}{filter}")
    }
}

impl Mode {
    const ALL: [Self; 3] = [Self::Inline, Self::Queue, Self::Slots];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Inline => "inline",
            Self::Queue => "queue",
            Self::Slots => "slots",
        }
    }
}

impl fmt::Display for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A word that names no mode.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("unknown mode `{0}`; there are inline, queue and slots")]
pub(crate) struct UnknownMode(String);

impl FromStr for Mode {
    type Err = UnknownMode;

    fn from_str(text: &str) -> Result<Self, UnknownMode> {
        Self::ALL.into_iter().find(|mode| mode.name() == text).ok_or_else(|| UnknownMode(text.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weights_and_aggregates_say_the_same() {
        let check = |condition: Option<&str>, sum: Option<&str>, weight: &str, aggregate: &str| {
            let counter = Counter {
                column: "n".to_owned(),
                type_name: "bigint".to_owned(),
                condition: condition.map(str::to_owned),
                sum: sum.map(str::to_owned),
            };
            assert_eq!((counter.weight().as_str(), counter.aggregate().as_str()), (weight, aggregate));
        };
        check(None, None, "1", "pg_catalog.count(*)");
        check(None, Some("vote"), "coalesce(vote, 0)", "pg_catalog.sum(vote)");
        let filtered = "pg_catalog.count(*) FILTER (WHERE (a IS NULL))";
        check(Some("(a IS NULL)"), None, "CASE WHEN (a IS NULL) THEN 1 ELSE 0 END", filtered);
        let filtered = "pg_catalog.sum(b) FILTER (WHERE c)";
        check(Some("c"), Some("b"), "CASE WHEN c THEN coalesce(b, 0) ELSE 0 END", filtered);
    }

    #[test]
    fn modes_are_read_as_they_are_written() {
        for mode in Mode::ALL {
            assert_eq!(mode.name().parse(), Ok(mode));
        }
        assert_eq!(
            "row".parse::<Mode>().unwrap_err().to_string(),
            "unknown mode `row`; there are inline, queue and slots"
        );
    }
}
