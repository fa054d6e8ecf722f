//! The single steps that change a set of indexes, with their SQL and the locks that they take.

use super::IndexName;
use super::journal;
use super::lock::Lock;
use crate::query::quote;

/// One statement of a plan.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Step {
    pub(crate) action: Action,
    pub(crate) index: IndexName,
    /// The index that was asked for: of a step for a partition, that of the whole table.
    pub(crate) goal: IndexName,
    /// One statement, without semicolon; empty where nothing but time is needed.
    pub(crate) sql: String,
    /// What the index is expected to take afterwards, or what a drop frees.
    pub(crate) size_bytes: Option<u64>,
}

/// What a step does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Action {
    /// Waits until this session, which builds on the table, has ended.
    Await {
        pid: i32,
    },
    /// Drops what an unfinished build left.
    DropLeftover,
    Create,
    /// Creates the index of a partitioned table, without those of its partitions.
    CreateOnParent,
    /// Attaches the index of a partition to that of the partitioned table.
    Attach {
        to: IndexName,
    },
    /// Gathers the statistics of expressions.
    Analyze,
    Reindex,
    Drop,
    /// Drops an index with those of the partitions, which cannot be done concurrently.
    DropPartitioned,
}

impl Step {
    /// The lock that it takes; none where it waits only.
    pub(crate) fn lock(&self) -> Option<Lock> {
        match self.action {
            Action::Await { .. } => None,
            Action::Create | Action::Reindex | Action::Drop | Action::DropLeftover | Action::Analyze => {
                Some(Lock::ShareUpdateExclusive)
            }
            Action::CreateOnParent => Some(Lock::Share),
            Action::Attach { .. } | Action::DropPartitioned => Some(Lock::AccessExclusive),
        }
    }

    /// What waits for its lock while that is held or waited for.
    pub(crate) fn blocks(&self) -> Option<&'static str> {
        self.lock()?;
        Some(match self.action {
            Action::CreateOnParent => "blocks writes through the partitioned table, for a moment",
            // The lock is on the partition's index.
            Action::Attach { .. } => "blocks statements on the partition, for a moment",
            Action::DropPartitioned => {
                "blocks reads and writes of the table and its partitions, for a moment"
            }
            _ => "blocks VACUUM and other changes of the table, no reads and writes",
        })
    }

    /// Whether it builds something that takes space.
    pub(crate) fn builds(&self) -> bool {
        matches!(self.action, Action::Create | Action::Reindex)
    }

    /// What the journal calls it; nothing where there is nothing to write down.
    pub(crate) fn journaled(&self) -> Option<journal::Action> {
        Some(match &self.action {
            Action::Await { .. } => return None,
            Action::Create | Action::CreateOnParent => journal::Action::Create,
            Action::DropLeftover => journal::Action::DropLeftover,
            Action::Attach { to } => journal::Action::Attach { to: to.clone() },
            Action::Analyze => journal::Action::Analyze,
            Action::Reindex => journal::Action::Reindex,
            Action::Drop | Action::DropPartitioned => journal::Action::Drop,
        })
    }

    /// What it does, in two words at the most.
    pub(crate) fn verb(&self) -> &'static str {
        match self.action {
            Action::Await { .. } => "wait for",
            Action::DropLeftover => "clear away",
            Action::Create => "build",
            Action::CreateOnParent => "create",
            Action::Attach { .. } => "attach",
            Action::Analyze => "analyze",
            Action::Reindex => "rebuild",
            Action::Drop | Action::DropPartitioned => "drop",
        }
    }
}

/// Returns the statement that attaches the index of a partition.
pub(super) fn attach(parent: &IndexName, child: &IndexName) -> String {
    format!("ALTER INDEX {} ATTACH PARTITION {}", parent.qualified(), child.qualified())
}

/// Returns the statement that drops an index, if it is still there.
pub(super) fn drop_index(index: &IndexName, is_partitioned: bool) -> String {
    let how = if is_partitioned { "" } else { "CONCURRENTLY " };
    format!("DROP INDEX {how}IF EXISTS {}", index.qualified())
}

pub(super) fn reindex(index: &IndexName) -> String {
    format!("REINDEX INDEX CONCURRENTLY {}", index.qualified())
}

pub(super) fn analyze(schema: &str, table: &str) -> String {
    format!("ANALYZE {}", quote::qualified(schema, table))
}
