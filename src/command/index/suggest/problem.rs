//! What the search works on: candidates with their prices, existing indexes that could go, and who could use what.

use std::collections::{BTreeMap, BTreeSet};

use super::engine::Engine;
use super::statements::{Case, Planned};
use crate::catalog::{Catalog, Index, Table, TableKind};
use crate::index::{
    self, Circumstances, Definition, Limits, Measures, Member, Outcome, Problem, Proposal, Role, Size,
    Touched, Workitem, WritePrice, Writes,
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

/// An index that is there, and could go.
#[derive(Clone, Copy)]
pub(super) struct Existing<'c> {
    pub(super) table: &'c Table,
    pub(super) index: &'c Index,
    /// Cost of keeping it while the workload runs once, in the planner's units.
    pub(super) upkeep: f64,
    /// Whether the workload decides, or another index that does all that it can.
    pub(super) role: Role,
}

/// The search's problem, and what its members stand for: candidates first, then existing indexes.
pub(super) struct Designed<'c> {
    pub(super) candidates: Vec<Candidate>,
    pub(super) existing: Vec<Existing<'c>>,
    pub(super) problem: Problem,
}

/// What prices rest on.
pub(super) struct Pricing<'c> {
    pub(super) catalog: &'c Catalog,
    pub(super) measures: &'c Measures,
    /// What the workload writes to each table, by its oid.
    pub(super) writes: &'c BTreeMap<u32, Writes>,
    pub(super) circumstances: Circumstances,
}

impl Pricing<'_> {
    fn writes(&self, table: &Table) -> Writes {
        self.writes.get(&table.oid).cloned().unwrap_or_default()
    }

    /// Returns what an index that is there costs, priced as a candidate like it would be; nothing where no [`Definition`]
    /// says what it is, so that dropping it gains nothing.
    ///
    /// Its columns count as indexed, as they do beside a candidate that replaces it: updates of them leave their page with
    /// either.
    pub(super) fn upkeep(&self, table: &Table, index: &Index) -> f64 {
        let Some(definition) = Definition::existing(&table.schema, &table.name, index) else { return 0.0 };
        let built = size(&definition, table, self.catalog, self.measures);
        // How many rows its predicate lets in was not measured, but the server has counted them.
        let n_rows = if index.n_rows > 0.0 { index.n_rows } else { built.n_rows };
        let size = Size { n_rows, ..built };
        index::upkeep(&definition, table, size, self.measures, &self.writes(table), &self.circumstances)
    }
}

/// Prices the proposals.
pub(super) fn candidates(
    proposals: Vec<Proposal>,
    pricing: &Pricing<'_>,
    redesigned: Option<&Touched>,
) -> Vec<Candidate> {
    let Pricing { catalog, measures, .. } = *pricing;
    proposals
        .into_iter()
        .filter_map(|Proposal { definition, serves }| {
            let table = table_of(&definition, catalog);
            let size = size(&definition, table, catalog, measures);
            let is_no_gain = |index: &Index| {
                let may_be_narrowed = redesigned.is_some_and(|touched| touched.stays(table, index).is_none());
                definition.is_covered_by(index)
                    && if may_be_narrowed {
                        definition.makes_superfluous(index)
                    } else {
                        index.size_bytes < MIN_NARROWED_BYTES || size.bytes() * 2 > index.size_bytes
                    }
            };
            if table.indexes.iter().any(is_no_gain) {
                return None;
            }
            let writes = pricing.writes(table);
            let write_price =
                index::price(&definition, table, size, measures, &writes, &pricing.circumstances);
            Some(Candidate { definition, size, write_price, serves })
        })
        .collect()
}

/// Returns the indexes that are superfluous as soon as some candidate, or another one that is there, stays; and for a
/// redesign all that the workload decides about.
pub(super) fn droppable<'c>(
    candidates: &[Candidate],
    pricing: &Pricing<'c>,
    redesigned: Option<&Touched>,
) -> Vec<Existing<'c>> {
    let mut found = Vec::new();
    for table in &pricing.catalog.tables {
        let of_table = |candidate: &&Candidate| is_of(&candidate.definition, table);
        for index in table.indexes.iter().filter(|index| may_go(index)) {
            let is_open = redesigned.is_some_and(|touched| touched.stays(table, index).is_none());
            let by_candidate = candidates
                .iter()
                .filter(of_table)
                .any(|candidate| candidate.definition.makes_superfluous(index));
            let by_other = table.indexes.iter().any(|other| supersedes(other, index));
            if by_candidate || by_other || is_open {
                let upkeep = pricing.upkeep(table, index);
                let role = if is_open { Role::Open } else { Role::Existing };
                found.push(Existing { table, index, upkeep, role });
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

/// Brings the workload and the members together. `used_today` says which members each statement's plans use.
pub(super) fn design<'c>(
    candidates: Vec<Candidate>,
    existing: Vec<Existing<'c>>,
    (planned, cases, used_today): (&[Planned], &[Case<'_>], &BTreeMap<usize, BTreeSet<usize>>),
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
    // Nobody knows what a statement without a plan uses.
    let is_planned = |number: usize| cases.iter().any(|case| case.statement == number);
    let unplanned: BTreeSet<u32> = (0..planned.len())
        .filter(|number| !is_planned(*number))
        .flat_map(|number| named(&planned[number], catalog))
        .collect();
    let can_judge = |member: usize, it: &Existing| {
        engine.can_hide(member, it.table.kind == TableKind::Partitioned)
            && (unplanned.is_empty() || !reaches(&unplanned, it.table))
    };
    let attached = catalog.attached();
    members.extend(existing.iter().enumerate().map(|(number, it)| {
        Member {
            size_bytes: it.index.tree_bytes(&attached),
            upkeep: it.upkeep,
            // What cannot be hidden cannot be judged.
            role: if can_judge(n_candidates + number, it) { it.role } else { Role::Existing },
            supersedes: existing
                .iter()
                .enumerate()
                .filter(|(_, other)| other.table.oid == it.table.oid && supersedes(it.index, other.index))
                .map(|(number, _)| n_candidates + number)
                .collect(),
            key: Definition::existing(&it.table.schema, &it.table.name, it.index)
                .map(|definition| key(&definition))
                .unwrap_or_default(),
        }
    }));
    let relevant: Vec<BTreeSet<usize>> = planned
        .iter()
        .enumerate()
        .map(|(number, planned)| {
            let served = (0..n_candidates)
                .filter(|member| engine.has_member(*member) && candidates[*member].serves.contains(&number));
            let mut tables = named(planned, catalog);
            let parents = catalog.tables.iter().filter(|table| tables.contains(&table.oid));
            let parents: Vec<u32> = parents.flat_map(|table| ancestors(table, catalog)).collect();
            tables.extend(parents);
            let there = existing
                .iter()
                .enumerate()
                .filter(|(_, it)| reaches(&tables, it.table))
                .map(|(place, _)| n_candidates + place)
                .filter(|member| engine.has_member(*member));
            // Policies and functions read tables that the statement does not name.
            let used = used_today.get(&number).into_iter().flatten().copied();
            served.chain(there).chain(used).collect()
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

/// The tables that a statement names, by oid.
fn named(planned: &Planned, catalog: &Catalog) -> BTreeSet<u32> {
    let tables = planned.shape.uses.iter().filter_map(|table_use| catalog.table(&table_use.table));
    tables.map(|table| table.oid).collect()
}

/// What a table is a partition of, up to the root, by oid.
fn ancestors(table: &Table, catalog: &Catalog) -> Vec<u32> {
    let mut found = Vec::new();
    let mut next = table.partition_of.as_ref();
    while let Some((parent, _)) = next {
        found.push(*parent);
        next = catalog.table_by_oid(*parent).and_then(|table| table.partition_of.as_ref());
    }
    found
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::{Column, IndexKey};
    use crate::index::Key;

    /// A table with three integers and one index on the first, over a part of the rows.
    fn catalog(index_rows: f64) -> Catalog {
        let column =
            |name: &str| Column { name: name.to_owned(), base_type: "int4".to_owned(), ..Column::default() };
        let index = Index {
            name: "t_a_idx".into(),
            definition: "CREATE INDEX t_a_idx ON public.t USING btree (a)".into(),
            method: "btree".into(),
            keys: vec![IndexKey { column: Some("a".into()), ..IndexKey::default() }],
            is_valid: true,
            n_rows: index_rows,
            size_bytes: 550 * index::BLOCK_BYTES,
            ..Index::default()
        };
        let table = Table {
            oid: 1,
            schema: "public".into(),
            name: "t".into(),
            n_rows: 200_000.0,
            n_pages: 20_000,
            columns: ["a", "b", "c"].map(column).into(),
            indexes: vec![index],
            ..Table::default()
        };
        Catalog { tables: vec![table], ..Catalog::default() }
    }

    fn proposal(keys: &[&str]) -> Proposal {
        let keys = keys.iter().map(|key| Key::ascending(key)).collect();
        Proposal { definition: Definition::btree("public", "t", keys), serves: BTreeSet::new() }
    }

    #[test]
    fn an_index_that_is_there_is_priced_like_a_candidate() {
        let (measures, circumstances) = (Measures::default(), Circumstances::default());
        let updated = |column: &str| (BTreeSet::from([column.to_owned()]), 500.0);
        let check = |writes: Writes, index_rows: f64, share: f64| {
            let catalog = catalog(index_rows);
            let table = &catalog.tables[0];
            let definition = proposal(&["a"]).definition;
            let size = size(&definition, table, &catalog, &measures);
            let alike = index::price(&definition, table, size, &measures, &writes, &circumstances);
            let pricing = Pricing {
                catalog: &catalog,
                measures: &measures,
                writes: &BTreeMap::from([(1, writes)]),
                circumstances: Circumstances::default(),
            };
            let wide = candidates(vec![proposal(&["a", "b"])], &pricing, None);
            let existing = droppable(&wide, &pricing, None);
            let found: Vec<f64> = existing.iter().map(|it| it.upkeep).collect();
            let [found] = found[..] else { panic!("{found:?}") };
            assert!((found - share * alike.upkeep).abs() <= 0.05 * found, "{found} of {}", alike.upkeep);
            found
        };
        let inserts = check(Writes { inserts: 1000.0, ..Writes::default() }, 200_000.0, 1.0);
        assert!(inserts > 0.0);
        assert!(check(Writes { updates: vec![updated("a")], ..Writes::default() }, 0.0, 1.0) > 0.0);
        assert!(check(Writes { inserts: 1000.0, ..Writes::default() }, 20_000.0, 0.1) < inserts);
        for unwritten in [Writes::default(), Writes { updates: vec![updated("c")], ..Writes::default() }] {
            assert!(check(unwritten, 200_000.0, 1.0) <= 0.0);
        }
    }
}
