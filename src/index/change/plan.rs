//! From what is wanted and what is there to the steps that are left.
//!
//! The plan is a function of the server's state alone, so that a run that was cut short anywhere is resumed by planning
//! again: what is there is skipped, what is half there is cleared away or completed. Creates come first, then statistics of
//! expressions, then rebuilds, then drops: nothing goes before what replaces it is valid.

use std::collections::BTreeSet;

use super::name::{self, MAX_NAME_BYTES, child_name, is_variant};
use super::progress::Progress;
use super::state::{IndexState, Kind, Protection, State, TableState};
use super::steps::{self, Action, Step};
use super::{Change, IndexName, Seen};
use crate::index::{Definition, build_concurrently};
use crate::query::index_ddl::{IndexDdl, index_ddl};
use crate::query::quote;

/// Something that the set of indexes is to have, or to be without.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Goal {
    Create(Box<Wanted>),
    Drop {
        index: Seen,
        /// See [`Change::Drop`].
        covered_by: Vec<Seen>,
    },
    Reindex {
        index: Seen,
        /// What it is expected to take afterwards.
        size_bytes: Option<u64>,
    },
}

/// An index to have.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Wanted {
    /// What it is called if the name is free.
    pub(crate) index: IndexName,
    pub(crate) ddl: IndexDdl,
    /// Of the whole tree of partitions.
    pub(crate) size_bytes: Option<u64>,
    /// What goes once it is valid.
    pub(crate) replaces: Vec<Seen>,
}

/// A wanted index that is there, maybe under another name.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Present {
    pub(crate) goal: IndexName,
    pub(crate) index: IndexName,
}

/// What is left to do.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Plan {
    pub(crate) steps: Vec<Step>,
    /// What is wanted and there already.
    pub(crate) present: Vec<Present>,
    /// What cannot be done, with the reason.
    pub(crate) held: Vec<(IndexName, String)>,
    /// INVALID indexes that others have left.
    pub(crate) foreign: Vec<IndexName>,
}

/// What REINDEX CONCURRENTLY calls the new index until it is ready, and the old one until it is gone (`ReindexRelationConcurrently`
/// in indexcmds.c); a number follows where the name is taken.
const REINDEX_SUFFIXES: [&str; 2] = ["_ccnew", "_ccold"];
/// An index this much larger than expected has been rebuilt already: estimates of a fresh index's size are that exact.
const REBUILT_SHARE: f64 = 1.25;

impl Goal {
    /// Returns the goal of a change; `None` for a definition that no CREATE INDEX says.
    pub(crate) fn of(change: &Change) -> Option<Self> {
        Some(match change {
            Change::Create { definition, size_bytes, replaces } => Self::Create(Box::new(Wanted {
                index: IndexName::to_be(definition),
                ddl: index_ddl(&definition.ddl())?,
                size_bytes: Some(*size_bytes),
                replaces: replaces.clone(),
            })),
            Change::Drop { index, covered_by, .. } => {
                Self::Drop { index: index.clone(), covered_by: covered_by.clone() }
            }
            Change::Reindex { index, size_bytes } => {
                Self::Reindex { index: index.clone(), size_bytes: (*size_bytes > 0).then_some(*size_bytes) }
            }
        })
    }

    /// The indexes that it takes away or rebuilds.
    fn seen_mut(&mut self) -> &mut [Seen] {
        match self {
            Self::Create(wanted) => &mut wanted.replaces,
            Self::Drop { index, .. } | Self::Reindex { index, .. } => std::slice::from_mut(index),
        }
    }

    /// The indexes that it names.
    pub(crate) fn indexes(&self) -> Vec<&IndexName> {
        match self {
            Self::Create(wanted) => {
                let replaced = wanted.replaces.iter().map(|seen| &seen.index);
                std::iter::once(&wanted.index).chain(replaced).collect()
            }
            Self::Drop { index, .. } | Self::Reindex { index, .. } => vec![&index.index],
        }
    }
}

impl Plan {
    /// What the steps are expected to add to the database.
    pub(crate) fn built_bytes(&self) -> u64 {
        self.steps.iter().filter(|step| step.builds()).filter_map(|step| step.size_bytes).sum()
    }
}

/// Notes how the indexes look of which goals say no more than the name: should one become another index before its turn, it
/// is left alone.
pub(crate) fn note_definitions(goals: &mut [Goal], state: &State) {
    for seen in goals.iter_mut().flat_map(Goal::seen_mut).filter(|seen| seen.definition.is_none()) {
        seen.definition = state.index(&seen.index).map(|(_, index)| index.definition.clone());
    }
}

/// Takes for decided that indexes go which were not scanned since they were seen: scans that begin while the plan is carried
/// out may be perfkit's own, which runs the workload to prove what it does.
pub(crate) fn settle_scans(goals: &mut [Goal], state: &State) {
    for seen in goals.iter_mut().flat_map(Goal::seen_mut) {
        let now = state.index(&seen.index).map(|(_, index)| index);
        if now.is_none_or(|now| !is_scanned_since(seen, now)) {
            seen.n_scans = None;
        }
    }
}

/// Whether an index was scanned after it was seen to be of no use. Fewer scans than then are those since a reset of the counters.
fn is_scanned_since(seen: &Seen, now: &IndexState) -> bool {
    now.n_scans > 0 && seen.n_scans.is_some_and(|then| then != now.n_scans)
}

/// Returns what is left to do for these goals.
pub(crate) fn plan(goals: &[Goal], state: &State, progress: &Progress) -> Plan {
    let mut doomed: Vec<Doomed> = Vec::new();
    for goal in goals {
        let (gone, covers): (&[Seen], &[Seen]) = match goal {
            Goal::Create(wanted) => (&wanted.replaces, &[]),
            Goal::Drop { index, covered_by } => (std::slice::from_ref(index), covered_by),
            Goal::Reindex { .. } => (&[], &[]),
        };
        for seen in gone {
            match doomed.iter_mut().find(|it| same_name(&it.seen.index, &seen.index)) {
                Some(known) => known.covers.extend(covers),
                None => doomed.push(Doomed { seen, covers: covers.iter().collect() }),
            }
        }
    }
    let mut planner = Planner {
        goals,
        state,
        progress,
        doomed: &doomed,
        taken: state.taken.clone(),
        to_analyze: Vec::new(),
        concerned: BTreeSet::new(),
        goal: None,
        plan: Plan::default(),
    };
    for goal in goals {
        if let Goal::Create(wanted) = goal {
            planner.create(wanted);
        }
    }
    // What is held later are rebuilds and drops.
    let has_held_create = !planner.plan.held.is_empty();
    planner.analyze();
    for goal in goals {
        if let Goal::Reindex { index, size_bytes } = goal {
            planner.reindex(index, *size_bytes);
        }
    }
    for doomed in &doomed {
        planner.drop(doomed, has_held_create);
    }
    planner.clear_away();
    planner.plan
}

/// An index that is to go, with those that make it superfluous.
struct Doomed<'a> {
    seen: &'a Seen,
    covers: Vec<&'a Seen>,
}

struct Planner<'a> {
    goals: &'a [Goal],
    state: &'a State,
    progress: &'a Progress,
    doomed: &'a [Doomed<'a>],
    /// Names that are no longer free, those of the plan included.
    taken: BTreeSet<(String, String)>,
    to_analyze: Vec<(&'a TableState, IndexName)>,
    /// The indexes that this plan is about, by table and name: leftovers of their builds are ours.
    concerned: BTreeSet<(u32, String)>,
    /// The create that is being planned.
    goal: Option<IndexName>,
    plan: Plan,
}

/// Where an index is in a tree of partitioned indexes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    Top,
    /// Below the index of this oid, or below one that is still to be created.
    Below(Option<u32>),
}

/// The index of a table after the steps of a plan.
struct Built {
    name: IndexName,
    /// The partitioned index that it is attached to already.
    parent: Option<u32>,
    was_valid: bool,
}

impl<'a> Planner<'a> {
    fn create(&mut self, wanted: &Wanted) {
        let IndexName { schema, table, .. } = &wanted.index;
        let Some(table) = self.state.table(schema, table) else {
            return self.hold(&wanted.index, "its table does not exist".to_owned());
        };
        if matches!(table.kind, Kind::Foreign | Kind::Other) {
            return self.hold(&wanted.index, "only tables and materialized views have indexes".to_owned());
        }
        // An index that lacks one partition's part never becomes valid (`validatePartitionedIndex`).
        if let Some(foreign) = self.state.tree(table).into_iter().find(|it| it.kind == Kind::Foreign) {
            let reason = format!("partition \"{}\" is a foreign table, which has no indexes", foreign.name);
            return self.hold(&wanted.index, reason);
        }
        let total: u64 = self.state.tree(table).iter().map(|it| it.size_bytes).sum();
        let n_before = self.plan.steps.len();
        self.goal = Some(wanted.index.clone());
        let built = self.build(table, &wanted.index.name, wanted, total, Place::Top);
        self.goal = None;
        if self.plan.steps.len() == n_before {
            self.plan.present.push(Present { goal: wanted.index.clone(), index: built.name });
        }
    }

    /// Plans an index on a table and on what is below it.
    fn build(
        &mut self,
        table: &'a TableState,
        own_name: &str,
        wanted: &Wanted,
        total: u64,
        place: Place,
    ) -> Built {
        let known = |index: &&IndexState| {
            index.is_partitioned == (table.kind == Kind::Partitioned)
                && (index.is_same(&wanted.ddl)
                    || self.progress.was_built(
                        &table.schema,
                        &index.name,
                        &index.definition,
                        &wanted.ddl,
                    ))
                && !self.is_doomed(table, index)
                // As a part of another tree it cannot be attached to this one.
                && (place == Place::Top || index.parent.is_none() || place == Place::Below(index.parent))
        };
        let same: Vec<&IndexState> = table.indexes.iter().filter(known).collect();
        let is_own = |index: &IndexState| {
            is_variant(&index.name, own_name) || index.parent.is_some() && place == Place::Below(index.parent)
        };
        let attached_first = |index: &&&IndexState| (index.parent.is_none(), index.name != own_name);
        let valid = same.iter().filter(|index| index.is_valid).min_by_key(attached_first);
        let own_invalid =
            same.iter().filter(|index| !index.is_valid && is_own(index)).min_by_key(attached_first);
        let found = valid.or(own_invalid).copied();
        let share = share(wanted.size_bytes, table.size_bytes, total);
        let built = match (table.kind, found) {
            (Kind::Partitioned, found) => self.build_parent(table, own_name, wanted, total, found),
            (_, Some(index)) if index.is_valid => Built::of(table, index),
            (_, Some(index)) => {
                let name = table.index_name(&index.name);
                if let Some(pid) = self.state.builder(table.oid) {
                    self.push(Action::Await { pid }, name, String::new(), None);
                } else if index.parent.is_some() {
                    // It cannot be dropped alone.
                    self.push(Action::Reindex, name.clone(), steps::reindex(&name), share);
                } else {
                    self.push(Action::DropLeftover, name.clone(), steps::drop_index(&name, false), None);
                    self.push_create(table, name, &wanted.ddl, share);
                }
                Built { was_valid: false, ..Built::of(table, index) }
            }
            (_, None) => {
                let name = self.free_name(table, own_name);
                self.push_create(table, name.clone(), &wanted.ddl, share);
                Built { name, parent: None, was_valid: false }
            }
        };
        self.concerned.insert((table.oid, built.name.name.clone()));
        if wanted.ddl.has_expression()
            && table.kind != Kind::Partitioned
            && table.size_bytes > 0
            && !self.progress.analyzed.contains(&table.oid)
            && !found.is_some_and(|index| index.is_valid && index.has_statistics)
            && !self.to_analyze.iter().any(|(it, _)| it.oid == table.oid)
        {
            self.to_analyze.push((table, built.name.clone()));
        }
        built
    }

    /// Plans the indexes of the partitions first, so that a build that fails leaves no INVALID index of the whole. A partition
    /// that comes later gets its index with the partition, once the whole has one.
    fn build_parent(
        &mut self,
        table: &'a TableState,
        own_name: &str,
        wanted: &Wanted,
        total: u64,
        found: Option<&IndexState>,
    ) -> Built {
        if let Some(index) = found.filter(|index| index.is_valid) {
            return Built::of(table, index);
        }
        let oid = found.map(|index| index.oid);
        let children: Vec<Built> = self
            .state
            .partitions(table.oid)
            .map(|child| {
                let name = child_name(&child.name, &table.name, own_name);
                self.build(child, &name, wanted, total, Place::Below(oid))
            })
            .collect();
        let built = if let Some(index) = found {
            Built::of(table, index)
        } else {
            let name = self.free_name(table, own_name);
            let on = format!("ONLY {}", quote::qualified(&table.schema, &table.name));
            let sql = wanted.ddl.create("", &name.name, &on);
            self.push(Action::CreateOnParent, name.clone(), sql, None);
            Built { name, parent: None, was_valid: false }
        };
        let is_attached = |child: &Built| child.parent.is_some() && child.parent == oid;
        // Attaching once more what is attached lets the server look again whether the whole is valid.
        let is_overlooked =
            oid.is_some() && children.iter().all(|child| is_attached(child) && child.was_valid);
        let n_again = usize::from(is_overlooked);
        let again = children.iter().take(n_again);
        for child in children.iter().filter(|child| !is_attached(child)).chain(again) {
            let to = built.name.clone();
            let sql = steps::attach(&to, &child.name);
            self.push(Action::Attach { to }, child.name.clone(), sql, None);
        }
        Built { was_valid: false, ..built }
    }

    fn analyze(&mut self) {
        for (table, index) in std::mem::take(&mut self.to_analyze) {
            self.push(Action::Analyze, index, steps::analyze(&table.schema, &table.name), None);
        }
    }

    fn reindex(&mut self, wanted: &Seen, size_bytes: Option<u64>) {
        let Some((table, index)) = self.state.index(&wanted.index) else {
            return self.hold(&wanted.index, "there is no such index".to_owned());
        };
        if !wanted.is(&index.definition) {
            return self.hold(&wanted.index, format!("it is not rebuilt: {}", now_other(index)));
        }
        for below in self.state.tree(table) {
            // Leaves of a partitioned index are rebuilt one by one, under names of their own.
            let own = below.indexes.iter().filter(|it| it.oid == index.oid || it.parent.is_some());
            self.concerned.extend(own.map(|it| (below.oid, it.name.clone())));
        }
        let name = table.index_name(&index.name);
        #[expect(clippy::cast_precision_loss, reason = "sizes are compared by a quarter")]
        let is_small =
            size_bytes.is_some_and(|wanted| index.size_bytes as f64 <= wanted as f64 * REBUILT_SHARE);
        let is_rebuilt = self.progress.rebuilt.contains(&(table.schema.clone(), index.name.clone()));
        if index.is_valid && (is_small || is_rebuilt) {
            self.plan.present.push(Present { goal: wanted.index.clone(), index: name });
        } else if let Some(pid) = self.state.builder(table.oid).filter(|_| !index.is_valid) {
            self.push(Action::Await { pid }, name, String::new(), None);
        } else {
            let sql = steps::reindex(&name);
            self.push(Action::Reindex, name, sql, size_bytes.or(Some(index.size_bytes)));
        }
    }

    fn drop(&mut self, doomed: &Doomed, has_held_create: bool) {
        let Some((table, index)) = self.state.index(&doomed.seen.index) else { return };
        let name = table.index_name(&index.name);
        if !doomed.seen.is(&index.definition) {
            return self.hold(&name, format!("it is not dropped: {}", now_other(index)));
        }
        self.concerned.insert((table.oid, index.name.clone()));
        if let Some(protection) = index.protection {
            self.hold(&name, format!("it is not dropped: {}", protection.reason()));
        } else if let Some((below, protection)) = self.protected_below(table, index) {
            let reason = protection.reason();
            self.hold(
                &name,
                format!("it is not dropped, because {below} of a partition goes with it: {reason}"),
            );
        } else if index.parent.is_some() {
            self.hold(&name, "it is not dropped: it belongs to the index of a partitioned table".to_owned());
        } else if has_held_create {
            self.hold(
                &name,
                "it is not dropped: an index that is to be there first cannot be built".to_owned(),
            );
        } else if let Some(missing) = doomed.covers.iter().find(|cover| !self.has_cover(table, cover)) {
            let reason = format!(
                "it is not dropped: index \"{}\", which makes it superfluous, is not there any more, or INVALID",
                missing.index.name
            );
            self.hold(&name, reason);
        } else if is_scanned_since(doomed.seen, index) {
            self.hold(
                &name,
                "it is not dropped: it is scanned again, since it was found to be unused".to_owned(),
            );
        } else if let Some(pid) =
            self.state.builder(table.oid).filter(|_| !index.is_valid && !index.is_partitioned)
        {
            self.push(Action::Await { pid }, name, String::new(), None);
        } else {
            let action = if index.is_partitioned { Action::DropPartitioned } else { Action::Drop };
            let sql = steps::drop_index(&name, index.is_partitioned);
            self.push(action, name, sql, Some(index.size_bytes));
        }
    }

    /// Whether a table has this index, whatever it is called now, or has it once the steps so far are done.
    fn has_cover(&self, table: &TableState, cover: &Seen) -> bool {
        let is_mended = |index: &IndexState| {
            let name = table.index_name(&index.name);
            self.plan.steps.iter().any(|step| step.action == Action::Reindex && step.index == name)
        };
        let is_there = |index: &IndexState| {
            cover.is(&index.definition)
                && (cover.definition.is_some() || cover.index.name == index.name)
                && (index.is_valid || is_mended(index))
                && !self.is_doomed(table, index)
        };
        let is_made = |goal: &Goal| match goal {
            Goal::Create(wanted) => {
                (&wanted.index.schema, &wanted.index.table) == (&table.schema, &table.name)
                    && match &cover.definition {
                        Some(definition) => index_ddl(definition).is_some_and(|it| it.is_same(&wanted.ddl)),
                        None => cover.index.name == wanted.index.name,
                    }
            }
            Goal::Drop { .. } | Goal::Reindex { .. } => false,
        };
        table.indexes.iter().any(is_there) || self.goals.iter().any(is_made)
    }

    /// Returns an index that goes with a partitioned one and must not: the server would let a replica identity go.
    fn protected_below(&self, table: &TableState, index: &IndexState) -> Option<(String, Protection)> {
        let mut gone = BTreeSet::from([index.oid]);
        // A tree names tables before those below them, and so their indexes.
        for below in self.state.tree(table) {
            for child in &below.indexes {
                if !child.parent.is_some_and(|oid| gone.contains(&oid)) {
                    continue;
                }
                if let Some(protection) = child.protection {
                    return Some((child.name.clone(), protection));
                }
                gone.insert(child.oid);
            }
        }
        None
    }

    /// Clears away what REINDEX CONCURRENTLY has left of the indexes concerned, and names what is left of others.
    fn clear_away(&mut self) {
        let mut leftovers = Vec::new();
        for table in &self.state.tables {
            for index in table.indexes.iter().filter(|index| !index.is_valid && !index.is_partitioned) {
                let name = table.index_name(&index.name);
                let is_planned = self.plan.steps.iter().any(|step| same_name(&step.index, &name));
                let is_ours = index.parent.is_none()
                    && reindexed(&index.name).is_some_and(|base| {
                        self.concerned
                            .iter()
                            .any(|(oid, concerned)| *oid == table.oid && is_base(base, concerned))
                    });
                match self.state.builder(table.oid) {
                    _ if is_planned => {}
                    Some(pid) if is_ours => leftovers.push((Action::Await { pid }, name, String::new())),
                    None if is_ours => {
                        let sql = steps::drop_index(&name, false);
                        leftovers.push((Action::DropLeftover, name, sql));
                    }
                    Some(_) => {}
                    None => self.plan.foreign.push(name),
                }
            }
        }
        let leftovers = leftovers.into_iter().map(|(action, index, sql)| Step {
            action,
            goal: index.clone(),
            index,
            sql,
            size_bytes: None,
        });
        self.plan.steps.splice(0..0, leftovers);
    }

    fn push(&mut self, action: Action, index: IndexName, sql: String, size_bytes: Option<u64>) {
        let goal = self.goal.clone().unwrap_or_else(|| index.clone());
        self.plan.steps.push(Step { action, index, goal, sql, size_bytes });
    }

    fn push_create(&mut self, table: &TableState, name: IndexName, ddl: &IndexDdl, size_bytes: Option<u64>) {
        let on = quote::qualified(&table.schema, &table.name);
        let sql = ddl.create("CONCURRENTLY ", &name.name, &on);
        self.push(Action::Create, name, sql, size_bytes);
    }

    fn hold(&mut self, index: &IndexName, reason: String) {
        self.plan.held.push((index.clone(), reason));
    }

    /// Whether an index is to go, and is still the one that is to go.
    fn is_doomed(&self, table: &TableState, index: &IndexState) -> bool {
        self.doomed.iter().any(|Doomed { seen, .. }| {
            (&seen.index.schema, &seen.index.name) == (&table.schema, &index.name)
                && seen.is(&index.definition)
        })
    }

    /// Returns the first name for the index that nothing else has, and takes it.
    fn free_name(&mut self, table: &TableState, own_name: &str) -> IndexName {
        table.index_name(&name::take_free(&mut self.taken, &table.schema, own_name))
    }
}

impl Built {
    fn of(table: &TableState, index: &IndexState) -> Self {
        Self { name: table.index_name(&index.name), parent: index.parent, was_valid: index.is_valid }
    }
}

fn now_other(index: &IndexState) -> String {
    format!("it is not what was seen: {}", index.definition)
}

fn same_name(a: &IndexName, b: &IndexName) -> bool {
    (&a.schema, &a.name) == (&b.schema, &b.name)
}

/// Returns the part of a tree's size that falls to one table of it.
fn share(whole: Option<u64>, part: u64, total: u64) -> Option<u64> {
    let whole = whole?;
    if total == 0 {
        return Some(whole);
    }
    u64::try_from(u128::from(whole) * u128::from(part) / u128::from(total)).ok()
}

/// Returns the name of the index that a leftover of REINDEX CONCURRENTLY was made for, as far as the leftover's name tells.
pub(super) fn reindexed(leftover: &str) -> Option<&str> {
    let name = leftover.trim_end_matches(|c: char| c.is_ascii_digit());
    REINDEX_SUFFIXES.iter().find_map(|suffix| name.strip_suffix(suffix))
}

/// Whether an index is what an unfinished REINDEX CONCURRENTLY of another one has left.
pub(crate) fn is_leftover_of(leftover: &IndexName, index: &IndexName) -> bool {
    leftover.schema == index.schema
        && reindexed(&leftover.name).is_some_and(|base| is_base(base, &index.name))
}

/// Whether a name is that of an index, cut where a suffix was to fit.
pub(super) fn is_base(base: &str, index: &str) -> bool {
    const MAX_SUFFIX_BYTES: usize = "_ccnew99".len();
    base == index || base.len() + MAX_SUFFIX_BYTES >= MAX_NAME_BYTES && index.starts_with(base)
}

/// Returns the name of an index to build, which is taken from then on, and the statements that build it while others write on
/// these tables, in their order: one, or many where the table is partitioned, which CREATE INDEX CONCURRENTLY refuses.
///
/// They suppose that no partition has an index like it, so that they can be run again after all of them were dropped.
pub(crate) fn creation(definition: &Definition, tables: &mut State) -> (String, Vec<String>) {
    let table = tables.table(&definition.schema, &definition.table);
    let is_partitioned = table.is_some_and(|table| table.kind == Kind::Partitioned);
    let change = Change::Create { definition: definition.clone(), size_bytes: 0, replaces: Vec::new() };
    let goals: Vec<Goal> = Goal::of(&change).filter(|_| is_partitioned).into_iter().collect();
    let steps = plan(&goals, tables, &Progress::default()).steps;
    let builds: Vec<Step> = steps.into_iter().filter(|step| step.action != Action::Analyze).collect();
    let is_whole =
        |step: &&Step| step.index.schema == definition.schema && step.index.table == definition.table;
    let Some(whole) = builds.iter().find(is_whole) else {
        let name = name::take_free(&mut tables.taken, &definition.schema, &definition.name());
        let ddl = definition.ddl_named(&name);
        // Where a partition is a foreign table, only in one go the server leaves it out (`validatePartitionedIndex`).
        return (name, vec![if is_partitioned { ddl } else { build_concurrently(&ddl) }]);
    };
    let name = whole.index.name.clone();
    tables.taken.extend(builds.iter().map(|step| (step.index.schema.clone(), step.index.name.clone())));
    (name, builds.into_iter().map(|step| step.sql).collect())
}

#[cfg(test)]
#[path = "plan_tests.rs"]
mod tests;
