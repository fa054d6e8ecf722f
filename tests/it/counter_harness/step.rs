//! What a writer does in one transaction.

/// One transaction of a writer.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Step {
    pub(crate) name: &'static str,
    /// The writers' own locks, which come first and in this order. They keep writers from deadlocks among themselves, and from
    /// those that counters in the parent's row cannot be without: who writes a child waits for its parent, and who deletes a parent
    /// for its children.
    pub(crate) locks: Vec<WriterLock>,
    pub(crate) acts: Vec<Act>,
    pub(crate) is_repeatable_read: bool,
    pub(crate) is_rolled_back: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct WriterLock {
    pub(crate) key: u64,
    pub(crate) is_exclusive: bool,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Act {
    Sql(String),
    Copy { into: String, rows: String },
}

/// The lock of whoever empties or deletes from above, which no parent has.
pub(crate) const WHOLE: u64 = 0;

impl Step {
    pub(crate) fn new(name: &'static str, acts: Vec<Act>) -> Self {
        Self { name, locks: Vec::new(), acts, is_repeatable_read: false, is_rolled_back: false }
    }

    pub(crate) fn sql(name: &'static str, sql: impl Into<String>) -> Self {
        Self::new(name, vec![Act::Sql(sql.into())])
    }

    pub(crate) fn of(name: &'static str, statements: impl IntoIterator<Item = String>) -> Self {
        Self::new(name, statements.into_iter().map(Act::Sql).collect())
    }

    pub(crate) fn shared(self, keys: &[u64]) -> Self {
        self.locked(keys, false)
    }

    pub(crate) fn exclusive(self, keys: &[u64]) -> Self {
        self.locked(keys, true)
    }

    /// Adds locks; all of them stay in the order of their keys.
    fn locked(mut self, keys: &[u64], is_exclusive: bool) -> Self {
        self.locks.extend(keys.iter().map(|&key| WriterLock { key, is_exclusive }));
        self.locks.sort_by_key(|lock| (lock.key, !lock.is_exclusive));
        self.locks.dedup_by_key(|lock| lock.key);
        self
    }

    pub(crate) fn rolled_back(self) -> Self {
        Self { is_rolled_back: true, ..self }
    }

    pub(crate) fn repeatable_read(self) -> Self {
        Self { is_repeatable_read: true, ..self }
    }
}

impl WriterLock {
    pub(crate) fn sql(self) -> String {
        let name = if self.is_exclusive { "pg_advisory_xact_lock" } else { "pg_advisory_xact_lock_shared" };
        format!("SELECT {name}(7171, {})", self.key)
    }
}
