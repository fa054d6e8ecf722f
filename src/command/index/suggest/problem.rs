//! What the search works on: candidates with their prices, existing indexes that could go, and who could use what.

use std::collections::{BTreeMap, BTreeSet};

use super::engine::Engine;
use super::statements::{Case, Planned};
use crate::catalog::{Catalog, Index, Table, TableKind};
use crate::index::{
    self, Circumstances, Definition, Limits, Measures, Member, Outcome, Problem, Proposal, Role, Size,
    Workitem, WritePrice, Writes,
};
use crate::query::TableName;

/// A narrower copy of an index that is there is worth a thought only where that one is larger than this, and the copy
/// at most half of it: deduplication does that where many rows share the key.
const MIN_NARROWED_BYTES: u64 = 64 << 20;

/// An index that could be built, with its price.
pub(super) struct Candidate {
    pub(super) definition: Definition,
    pub(super) size: Size,
    pub(super) write_price: WritePrice,
    /// The numbers of the statements that it could serve.
    serves: BTreeSet<usize>,
}

/// An index that is there, and could go when another one does all that it can.
#[derive(Clone, Copy)]
pub(super) struct Existing<'c> {
    pub(super) table: &'c Table,
    pub(super) index: &'c Index,
}

/// The search's problem, and what its members stand for: candidates first, then existing indexes.
pub(super) struct Designed<'c> {
    pub(super) candidates: Vec<Candidate>,
    pub(super) existing: Vec<Existing<'c>>,
    pub(super) problem: Problem,
}

/// Prices the proposals.
pub(super) fn candidates(
    proposals: Vec<Proposal>,
    catalog: &Catalog,
    measures: &Measures,
    writes: &BTreeMap<u32, Writes>,
    circumstances: &Circumstances,
) -> Vec<Candidate> {
    let none = Writes::default();
    proposals
        .into_iter()
        .filter_map(|Proposal { definition, serves }| {
            let table = table_of(&definition, catalog);
            let size = size(&definition, table, catalog, measures);
            let is_no_gain = |index: &Index| {
                definition.is_covered_by(index)
                    && (index.size_bytes < MIN_NARROWED_BYTES || size.bytes() * 2 > index.size_bytes)
            };
            if table.indexes.iter().any(is_no_gain) {
                return None;
            }
            let writes = writes.get(&table.oid).unwrap_or(&none);
            let write_price = index::price(&definition, table, size, measures, writes, circumstances);
            Some(Candidate { definition, size, write_price, serves })
        })
        .collect()
}

/// Returns the indexes that are superfluous as soon as some candidate, or another one that is there, stays.
pub(super) fn droppable<'c>(candidates: &[Candidate], catalog: &'c Catalog) -> Vec<Existing<'c>> {
    let mut found = Vec::new();
    for table in &catalog.tables {
        let of_table = |candidate: &&Candidate| is_of(&candidate.definition, table);
        for index in table.indexes.iter().filter(|index| may_go(index)) {
            let by_candidate = candidates
                .iter()
                .filter(of_table)
                .any(|candidate| candidate.definition.makes_superfluous(index));
            let by_other = table.indexes.iter().any(|other| supersedes(other, index));
            if by_candidate || by_other {
                found.push(Existing { table, index });
            }
        }
    }
    found
}

fn may_go(index: &Index) -> bool {
    index.is_valid && !index.is_constraint && !index.is_unique
}

/// Whether an existing index makes another superfluous. Of two that are the same, the first by name stays.
fn supersedes(wide: &Index, narrow: &Index) -> bool {
    wide.name != narrow.name
        && wide.is_valid
        && index::index_makes_superfluous(wide, narrow)
        && (!may_go(wide) || !index::index_makes_superfluous(narrow, wide) || wide.name < narrow.name)
}

fn is_of(definition: &Definition, table: &Table) -> bool {
    definition.schema == table.schema && definition.table == table.name
}

/// Brings the workload and the members together.
pub(super) fn design<'c>(
    candidates: Vec<Candidate>,
    existing: Vec<Existing<'c>>,
    (planned, cases): (&[Planned], &[Case<'_>]),
    catalog: &Catalog,
    engine: &Engine,
    limits: Limits,
) -> Designed<'c> {
    let n_candidates = candidates.len();
    let mut members: Vec<Member> = candidates
        .iter()
        .map(|candidate| Member {
            size_bytes: candidate.size.bytes(),
            upkeep: candidate.write_price.upkeep,
            role: Role::Candidate,
            supersedes: existing
                .iter()
                .enumerate()
                .filter(|(_, it)| is_of(&candidate.definition, it.table))
                .filter(|(_, it)| candidate.definition.makes_superfluous(it.index))
                .map(|(number, _)| n_candidates + number)
                .collect(),
            key: key(&candidate.definition),
        })
        .collect();
    members.extend(existing.iter().map(|it| {
        Member {
            size_bytes: it.index.size_bytes,
            upkeep: 0.0,
            role: Role::Existing,
            supersedes: existing
                .iter()
                .enumerate()
                .filter(|(_, other)| other.table.oid == it.table.oid && supersedes(it.index, other.index))
                .map(|(number, _)| n_candidates + number)
                .collect(),
            key: Vec::new(),
        }
    }));
    let relevant: Vec<BTreeSet<usize>> = planned
        .iter()
        .enumerate()
        .map(|(number, planned)| {
            let served = (0..n_candidates)
                .filter(|member| engine.has_member(*member) && candidates[*member].serves.contains(&number));
            let tables: BTreeSet<u32> = planned
                .shape
                .uses
                .iter()
                .filter_map(|table_use| catalog.table(&table_use.table))
                .map(|table| table.oid)
                .collect();
            let there = existing
                .iter()
                .enumerate()
                .filter(|(_, it)| reaches(&tables, it.table))
                .map(|(place, _)| n_candidates + place)
                .filter(|member| engine.has_member(*member));
            served.chain(there).collect()
        })
        .collect();
    let workload = cases
        .iter()
        .map(|case| Workitem {
            weight: planned[case.statement].statement.weight * case.weight,
            relevant: relevant[case.statement].clone(),
            statement: case.statement,
        })
        .collect();
    Designed { candidates, existing, problem: Problem { members, workload, limits } }
}

impl Designed<'_> {
    /// Whether a statement names a table whose indexes are to change.
    pub(super) fn may_change(&self, planned: &Planned, outcome: &Outcome) -> bool {
        let created = outcome.chosen.iter().map(|member| &self.candidates[*member].definition.table);
        let dropped = outcome
            .dropped
            .iter()
            .map(|(member, _)| &self.existing[member - self.candidates.len()].table.name);
        let changed: BTreeSet<&String> = created.chain(dropped).collect();
        planned.shape.uses.iter().any(|table_use| changed.contains(&table_use.table.name))
    }
}

/// Whether a statement that names these tables may read this one: itself, or as a part of a parent.
fn reaches(named: &BTreeSet<u32>, table: &Table) -> bool {
    named.contains(&table.oid) || table.partition_of.is_some() || !table.inherits.is_empty()
}

/// The table and what is indexed, in order: what begins with another's key can do all that one can.
fn key(definition: &Definition) -> Vec<String> {
    let predicate = definition.predicate.as_ref().map(|predicate| predicate.sql.as_str()).unwrap_or_default();
    let on = format!("{}.{} {} {predicate}", definition.schema, definition.table, definition.method.name());
    std::iter::once(on).chain(definition.keys.iter().map(index::Key::sql)).collect()
}

/// Estimates an index's size; an index on a partitioned table is one on each of its leaves.
fn size(definition: &Definition, table: &Table, catalog: &Catalog, measures: &Measures) -> Size {
    if table.kind == TableKind::Partitioned {
        index::estimate_tree(definition, &catalog.leaves(table), measures)
    } else {
        index::estimate(definition, table, measures)
    }
}

pub(super) fn table_of<'c>(definition: &Definition, catalog: &'c Catalog) -> &'c Table {
    let name = TableName { schema: Some(definition.schema.clone()), name: definition.table.clone() };
    catalog.table(&name).expect("candidates are made from tables of the catalog")
}
