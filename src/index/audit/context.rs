//! What the rules look up again and again, put in order once for the whole audit.

use std::cell::RefCell;
use std::collections::{HashMap, HashSet};

use super::asked::Asked;
use super::{Change, Options, Seen, Subject};
use crate::catalog::{Attached, Index, Table, TableKind};
use crate::index::change::name::{self, Taken};
use crate::index::change::script;
use crate::query::Write;

/// What a rule is given.
pub(super) struct Context<'a> {
    pub(super) subject: &'a Subject<'a>,
    pub(super) options: &'a Options,
    tables: HashMap<u32, &'a Table>,
    /// By oid, with the table.
    indexes: HashMap<u32, (&'a Table, &'a Index)>,
    /// The partitions of each partitioned table, and the indexes attached to each index of such a table.
    partitions: HashMap<u32, Vec<&'a Table>>,
    attached: Attached<'a>,
    /// Scans on other servers, by the index's oid.
    replica_scans: HashMap<u32, u64>,
    /// What the workload's statements ask of each table and write to it, each with its share of the calls, by the table's oid.
    uses: HashMap<u32, Vec<Asked<'a>>>,
    writes: HashMap<u32, Vec<(f64, &'a Write)>>,
    /// Names that statements of fixes cannot give to an index; put together once one is asked for.
    taken: RefCell<Option<Taken>>,
}

impl<'a> Context<'a> {
    pub(super) fn new(subject: &'a Subject<'a>, options: &'a Options) -> Self {
        let tables = &subject.catalog.tables;
        let mut replica_scans: HashMap<u32, u64> = HashMap::new();
        for (index, n_scans) in subject.evidence.replicas.iter().flat_map(|replica| &replica.n_scans) {
            *replica_scans.entry(*index).or_default() += n_scans;
        }
        let mut uses: HashMap<u32, Vec<Asked>> = HashMap::new();
        let mut writes: HashMap<u32, Vec<(f64, &Write)>> = HashMap::new();
        for statement in subject.workload {
            for table_use in &statement.shape.uses {
                if let Some(table) = subject.catalog.table(&table_use.table) {
                    uses.entry(table.oid).or_default().push(Asked { statement, table_use });
                }
            }
            for write in &statement.writes {
                if let Some(table) = subject.catalog.table(&write.table) {
                    writes.entry(table.oid).or_default().push((statement.share, write));
                }
            }
        }
        let indexes = tables.iter().flat_map(|table| table.indexes.iter().map(move |index| (table, index)));
        Self {
            subject,
            options,
            tables: tables.iter().map(|table| (table.oid, table)).collect(),
            indexes: indexes.map(|(table, index)| (index.oid, (table, index))).collect(),
            partitions: subject.catalog.partitions(),
            attached: subject.catalog.attached(),
            replica_scans,
            uses,
            writes,
            taken: RefCell::new(None),
        }
    }

    /// Whether an index can be judged: it is complete, and nobody works on it.
    pub(super) fn is_usable(&self, index: &Index) -> bool {
        index.is_valid && index.is_ready && !self.subject.evidence.in_progress.contains(&index.oid)
    }

    /// The change that drops an index; what covers it is filled in where contradictions are resolved.
    pub(super) fn drop(&self, table: &Table, index: &Index) -> Change {
        let size_bytes = self.size_bytes(index);
        Change::Drop { index: Seen::of(table, index), size_bytes, covered_by: Vec::new() }
    }

    /// Returns the statements that bring an index back, once it was dropped.
    pub(super) fn restoration(&self, table: &Table, index: &Index) -> Vec<String> {
        script::restoration(table, index, &self.subject.evidence.storage, &self.partitions)
    }

    /// Returns a name for an index that no relation and no other fix has.
    pub(super) fn free_name(&self, schema: &str, own_name: &str) -> String {
        let mut taken = self.taken.borrow_mut();
        let taken = taken.get_or_insert_with(|| {
            let sequences = &self.subject.evidence.sequences;
            let mut taken = name::taken(self.subject.catalog);
            taken.extend(sequences.iter().map(|it| (it.schema.clone(), it.name.clone())));
            taken
        });
        name::take_free(taken, schema, own_name)
    }

    pub(super) fn tables(&self) -> impl Iterator<Item = &'a Table> {
        self.subject.catalog.tables.iter()
    }

    pub(super) fn table(&self, oid: u32) -> Option<&'a Table> {
        self.tables.get(&oid).copied()
    }

    pub(super) fn index(&self, oid: u32) -> Option<(&'a Table, &'a Index)> {
        self.indexes.get(&oid).copied()
    }

    /// The partitions right below a partitioned table.
    pub(super) fn partitions(&self, table: &Table) -> &[&'a Table] {
        self.partitions.get(&table.oid).map_or(&[], Vec::as_slice)
    }

    /// The partitions of a partitioned table that hold rows, of all levels; else the table itself.
    pub(super) fn leaves(&self, table: &'a Table) -> Vec<&'a Table> {
        match table.kind {
            TableKind::Partitioned => self.partitions(table).iter().flat_map(|it| self.leaves(it)).collect(),
            _ => vec![table],
        }
    }

    /// The workload's uses of the rows of a table, by whatever name.
    pub(super) fn uses(&self, table: &Table) -> impl Iterator<Item = Asked<'a>> {
        self.names_of_rows(table).into_iter().filter_map(|oid| self.uses.get(&oid)).flatten().copied()
    }

    /// The workload's writes to the rows of a table, by whatever name, each with its share of the calls.
    pub(super) fn writes(&self, table: &Table) -> impl Iterator<Item = (f64, &'a Write)> {
        self.names_of_rows(table).into_iter().filter_map(|oid| self.writes.get(&oid)).flatten().copied()
    }

    /// The tables by whose names statements reach rows of this one: itself, what it is a part of, and its partitions.
    fn names_of_rows(&self, table: &Table) -> Vec<u32> {
        let mut names = vec![table.oid];
        let mut above = vec![table];
        while let Some(table) = above.pop() {
            let parents = table.partition_of.iter().map(|(parent, _)| parent).chain(&table.inherits);
            let parents: Vec<&Table> = parents.filter_map(|oid| self.table(*oid)).collect();
            // More than one table may inherit from the same.
            above.extend(parents.into_iter().filter(|it| !names.contains(&it.oid)));
            names.extend(above.iter().map(|it| it.oid));
        }
        names.sort_unstable();
        names.dedup();
        let mut below = self.partitions(table).to_vec();
        while let Some(table) = below.pop() {
            names.push(table.oid);
            below.extend(self.partitions(table));
        }
        names
    }

    /// The indexes of partitions that are attached to this one.
    pub(super) fn attached(&self, index: &Index) -> &[&'a Index] {
        self.attached.get(&index.oid).map_or(&[], Vec::as_slice)
    }

    /// Bytes of an index, of a partitioned one with all that is attached to it.
    pub(super) fn size_bytes(&self, index: &Index) -> u64 {
        index.tree_bytes(&self.attached)
    }

    /// 8 kB pages of a table, of a partitioned one with all its partitions.
    pub(super) fn n_pages(&self, table: &Table) -> u64 {
        let own = if table.kind == TableKind::Partitioned { 0 } else { u64::from(table.n_pages) };
        own + self.partitions(table).iter().map(|it| self.n_pages(it)).sum::<u64>()
    }

    /// The scans of an index on this server and all replicas; `None` where this one does not say.
    pub(super) fn n_scans(&self, index: &Index) -> Option<u64> {
        let own = index.usage?.n_scans;
        let of_replicas = |index: &Index| self.replica_scans.get(&index.oid).copied().unwrap_or_default();
        // Replicas, other than the catalog's reader, say nothing of a partitioned index.
        let mut on_replicas = of_replicas(index);
        let mut pending: Vec<&Index> = self.attached(index).to_vec();
        while let Some(index) = pending.pop() {
            on_replicas += of_replicas(index);
            pending.extend(self.attached(index));
        }
        Some(own + on_replicas)
    }

    /// Why the scans that were counted prove nothing though they may be old: no server is the primary, which has scans of
    /// its own. `None` where one is.
    pub(super) fn unseen_primary(&self) -> Option<String> {
        let evidence = self.subject.evidence;
        if !evidence.is_standby || evidence.replicas.iter().any(|replica| !replica.is_standby) {
            return None;
        }
        let whose = match evidence.replicas.len() {
            0 => "a standby".to_owned(),
            n => format!("{} standbys", n + 1),
        };
        Some(format!("the counters are those of {whose} alone: what the primary scans was not seen"))
    }

    /// For how long all servers have counted scans; `None` where one does not say.
    pub(super) fn counted_s(&self) -> Option<f64> {
        let evidence = self.subject.evidence;
        let replicas = evidence.replicas.iter().map(|replica| replica.counted_s);
        replicas.fold(evidence.counted_s, |least, counted_s| Some(least?.min(counted_s?)))
    }

    /// The indexes that are smaller than what the audit asks for, by schema, table and name.
    pub(super) fn small_indexes(&self) -> HashSet<(&'a str, &'a str, &'a str)> {
        let is_small = |(_, index): &&(&Table, &Index)| self.size_bytes(index) < self.options.min_size_bytes;
        let small = self.indexes.values().filter(is_small);
        small
            .map(|(table, index)| (table.schema.as_str(), table.name.as_str(), index.name.as_str()))
            .collect()
    }
}
