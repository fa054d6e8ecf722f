//! Counter caches: columns that triggers keep equal to a `count(*)` or `sum(…)` over another table.
//!
//! A [`site::Site`] is what the triggers of one child table keep through one key: one generated function computes, for INSERT,
//! UPDATE, DELETE and TRUNCATE alike, a list "key, change of each counter" from the changed rows (`triggers::deltas`) and hands
//! it to a sink (`triggers::sink`): the parent's row, a queue, one of a few slots, or a table of its own. In each mode the exact
//! value is, in every snapshot, the column plus the sum of what is pending; in a queue, of what came since a parent of the key went.
//!
//! The catalog is the registry: a function says in its first line which site it serves (`triggers::registry`), and a column's
//! comment says that perfkit has added it. So [`plan::plan`] derives what is left to do from the database alone, and a run that
//! was cut short anywhere is resumed by planning again. NULL stands for "not counted yet".
//!
//! Rows are counted while everybody writes (`backfill`): first a parent's row is locked, then its children are counted by a new
//! statement. Whoever changes a child must change the parent's row as well, so that each change is either committed before the
//! count's snapshot and in it, or comes after the count and is added to it; none is lost and none counts twice.

pub(crate) mod backfill;
pub(crate) mod chain;
pub(crate) mod check;
pub(crate) mod chosen;
pub(crate) mod drift;
pub(crate) mod journal;
pub(crate) mod keepers;
pub(crate) mod migration;
pub(crate) mod name;
pub(crate) mod plan;
pub(crate) mod refusal;
pub(crate) mod site;
pub(crate) mod spec;
pub(crate) mod state;
pub(crate) mod steps;
pub(crate) mod suggest;
pub(crate) mod triggers;
pub(crate) mod verify;

#[cfg(test)]
pub(crate) mod fixture;

/// The form of what functions say of themselves. A perfkit that reads a newer form leaves the function alone.
pub(crate) const FORMAT: u32 = 1;
