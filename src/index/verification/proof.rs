//! What running the workload before and after a change of the index set proves of each change, and what is to be undone.
//!
//! Plans tell which change is behind a difference: a created index is in those afterwards, a dropped one was in those
//! before. An index on expressions and a unique one tell the planner something without being in a plan, so where no plan
//! names a change, those of the statement's tables count.

use std::collections::BTreeSet;

use super::{Measured, Verdict, VerifiedStatement, compare};
use crate::catalog::Catalog;
use crate::index::change::IndexName;
use crate::index::change::state::{IndexState, State, TableState};
use crate::query::TableName;
use crate::query::index_ddl::{IndexDdl, index_ddl};
use crate::workload::Skipped;

/// A change that a run has made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Changed {
    pub(crate) kind: Kind,
    pub(crate) index: IndexName,
    /// It, and the indexes of the partitions below it.
    pub(crate) parts: Vec<IndexName>,
    pub(crate) is_unique: bool,
    pub(crate) has_expressions: bool,
    /// The indexes that a created one was said to replace.
    pub(crate) replaces: Vec<IndexName>,
    /// The foreign key whose checks a created index alone serves.
    pub(crate) foreign_key: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Created,
    Dropped,
}

/// What the plans of a statement name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Named {
    /// By schema and name.
    pub(crate) tables: BTreeSet<(String, String)>,
    /// Plans say them without their schema.
    pub(crate) indexes: BTreeSet<String>,
}

/// A statement of the workload before and after the changes.
#[derive(Clone, Debug, Default)]
pub(crate) struct Observed {
    /// Without runs on a side where the statement was planned only.
    pub(crate) measured: Measured,
    pub(crate) before: Named,
    pub(crate) after: Named,
}

/// What the runs say of all changes.
#[derive(Clone, Debug, Default)]
pub(crate) struct Proof {
    /// How often each statement ran before and after.
    pub(crate) n_runs: usize,
    pub(crate) statements: Vec<VerifiedStatement>,
    pub(crate) changes: Vec<Judged>,
    /// Statements that were not run.
    pub(crate) skipped: Vec<Skipped>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Judged {
    pub(crate) changed: Changed,
    pub(crate) effect: Effect,
    pub(crate) reason: String,
    /// The statements that it makes slower, by name.
    pub(crate) slows: Vec<String>,
    /// Whether it is to be taken back.
    pub(crate) is_to_undo: bool,
}

/// What a change has done to the workload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Effect {
    Helps,
    /// Of a drop: nothing got slower.
    Harmless,
    Unhelpful,
    /// It made a statement slower.
    Slows,
    /// The runs do not tell.
    Unproven,
}

impl Kind {
    /// The word of plans and reports.
    pub(crate) fn verb(self) -> &'static str {
        match self {
            Self::Created => "build",
            Self::Dropped => "drop",
        }
    }
}

impl Effect {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Helps => "helps",
            Self::Harmless => "harmless",
            Self::Unhelpful => "unhelpful",
            Self::Slows => "slows",
            Self::Unproven => "unproven",
        }
    }
}

impl Proof {
    pub(crate) fn slower(&self) -> impl Iterator<Item = &VerifiedStatement> {
        self.statements.iter().filter(|statement| statement.verdict == Verdict::Slower)
    }

    pub(crate) fn to_undo(&self) -> impl Iterator<Item = &Judged> {
        self.changes.iter().filter(|judged| judged.is_to_undo)
    }

    /// Whether there is something that the user would rather not have.
    pub(crate) fn has_findings(&self) -> bool {
        self.slower().next().is_some() || self.to_undo().next().is_some()
    }
}

impl Changed {
    pub(crate) fn created(index: &IndexName, ddl: &IndexDdl, replaces: &[IndexName], after: &State) -> Self {
        Self {
            kind: Kind::Created,
            index: index.clone(),
            parts: parts(index, after),
            is_unique: ddl.is_unique,
            has_expressions: ddl.has_expression(),
            replaces: replaces.to_vec(),
            foreign_key: None,
        }
    }

    pub(crate) fn dropped(index: &IndexName, before: &State) -> Self {
        let ddl = before.index(index).and_then(|(_, index)| index_ddl(&index.definition));
        Self {
            kind: Kind::Dropped,
            index: index.clone(),
            parts: parts(index, before),
            is_unique: ddl.as_ref().is_some_and(|ddl| ddl.is_unique),
            has_expressions: ddl.as_ref().is_some_and(IndexDdl::has_expression),
            replaces: Vec::new(),
            foreign_key: None,
        }
    }

    /// Whether the planner learns something from it that is not in its plans: expressions have statistics of their own, and
    /// without a unique index rows of a join may be thought to be many.
    fn informs(&self) -> bool {
        self.has_expressions || self.is_unique && self.kind == Kind::Dropped
    }

    fn shares_table(&self, other: &Self) -> bool {
        self.parts.iter().any(|a| other.parts.iter().any(|b| (&a.schema, &a.table) == (&b.schema, &b.table)))
    }
}

/// Returns an index and those that are attached to it, at any depth.
fn parts(index: &IndexName, state: &State) -> Vec<IndexName> {
    fn below(oid: u32, state: &State, into: &mut Vec<IndexName>) {
        for table in &state.tables {
            for index in table.indexes.iter().filter(|index| index.parent == Some(oid)) {
                into.push(name(table, index));
                below(index.oid, state, into);
            }
        }
    }
    let Some((table, found)) = state.index(index) else { return vec![index.clone()] };
    let mut parts = vec![name(table, found)];
    below(found.oid, state, &mut parts);
    parts
}

fn name(table: &TableState, index: &IndexState) -> IndexName {
    IndexName { schema: table.schema.clone(), table: table.name.clone(), name: index.name.clone() }
}

/// Returns the foreign key of the index's table whose rows it finds, if no other index leads with one of its columns.
pub(crate) fn served_foreign_key(index: &IndexName, catalog: &Catalog, after: &State) -> Option<String> {
    let (of, own) = after.index(index)?;
    let leading = |index: &IndexState| {
        let ddl = index_ddl(&index.definition).filter(|ddl| ddl.predicate.is_none())?;
        ddl.keys.first()?.column.clone()
    };
    let others: Vec<String> = of
        .indexes
        .iter()
        .filter(|other| other.oid != own.oid && other.is_valid)
        .filter_map(leading)
        .collect();
    let first = leading(own)?;
    let table = catalog.table(&TableName { schema: Some(of.schema.clone()), name: of.name.clone() })?;
    let is_served = |columns: &[String]| {
        columns.contains(&first) && !others.iter().any(|column| columns.contains(column))
    };
    let mut keys = table.constraints.iter().filter(|constraint| constraint.references.is_some());
    keys.find(|constraint| is_served(&constraint.columns)).map(|constraint| constraint.name.clone())
}

impl Named {
    /// Whether an index of the change is in the plans.
    fn uses(&self, changed: &Changed) -> bool {
        changed.parts.iter().any(|part| self.indexes.contains(&part.name) && self.has_table(part))
    }

    /// Whether the plans read a table of the change.
    fn reads(&self, changed: &Changed) -> bool {
        changed.parts.iter().any(|part| self.has_table(part))
    }

    fn has_table(&self, index: &IndexName) -> bool {
        self.tables.contains(&(index.schema.clone(), index.table.clone()))
    }

    /// Adds what another plan names.
    pub(crate) fn extend(&mut self, other: Self) {
        self.tables.extend(other.tables);
        self.indexes.extend(other.indexes);
    }
}

impl Observed {
    /// Whether there are runs to compare.
    pub(crate) fn is_run(&self) -> bool {
        !self.measured.before.is_empty() && !self.measured.after.is_empty()
    }

    /// Compares the runs; there are some on both sides. Where the plans name the same indexes and read as many blocks, more
    /// time is the server's, not that of a change.
    pub(crate) fn compare(&self) -> VerifiedStatement {
        let mut found = compare(&self.measured);
        let is_same_work =
            self.before == self.after && found.blocks_before.total_cmp(&found.blocks_after).is_eq();
        if found.verdict == Verdict::Slower && is_same_work {
            found.verdict = Verdict::Same;
        }
        found
    }

    /// Whether the plans on the side where the change's index is there use it.
    pub(crate) fn uses(&self, changed: &Changed) -> bool {
        self.side(changed).uses(changed)
    }

    fn reads(&self, changed: &Changed) -> bool {
        self.side(changed).reads(changed)
    }

    fn side(&self, changed: &Changed) -> &Named {
        match changed.kind {
            Kind::Created => &self.after,
            Kind::Dropped => &self.before,
        }
    }

    /// The changes that can be behind a difference, by their position: those that its plans name, else those that inform
    /// the planner.
    fn behind(&self, changes: &[Changed]) -> Vec<usize> {
        let of = |is_behind: &dyn Fn(&Changed) -> bool| -> Vec<usize> {
            (0..changes.len()).filter(|at| is_behind(&changes[*at])).collect()
        };
        let named = of(&|changed| self.uses(changed));
        if named.is_empty() { of(&|changed| changed.informs() && self.reads(changed)) } else { named }
    }
}

/// Judges the changes by the runs.
pub(crate) fn prove(observed: &[Observed], changes: &[Changed]) -> (Vec<VerifiedStatement>, Vec<Judged>) {
    let (run, planned): (Vec<&Observed>, Vec<&Observed>) = observed.iter().partition(|it| it.is_run());
    let statements: Vec<VerifiedStatement> = run.iter().map(|it| it.compare()).collect();
    let evidence = Evidence { run: &run, planned: &planned, statements: &statements, changes };
    let slowing: Vec<Vec<&str>> = evidence.slowing();
    let mut judged: Vec<Judged> = (0..changes.len())
        .map(|at| {
            let (effect, reason) = evidence.judge(at, &slowing);
            let is_to_undo = matches!(effect, Effect::Unhelpful | Effect::Slows);
            let slows = slowing[at].iter().map(|name| (*name).to_owned()).collect();
            Judged { changed: changes[at].clone(), effect, reason, slows, is_to_undo }
        })
        .collect();
    evidence.undo_what_was_replaced(&mut judged);
    (statements, judged)
}

/// What the judgement of a change rests on.
struct Evidence<'e> {
    run: &'e [&'e Observed],
    /// Statements that were planned only.
    planned: &'e [&'e Observed],
    /// Of those that ran, in the same order.
    statements: &'e [VerifiedStatement],
    changes: &'e [Changed],
}

impl Evidence<'_> {
    /// Returns, for each change, the statements that it makes slower.
    ///
    /// Where a dropped index was used, its loss is to blame, not the index that took its place.
    fn slowing(&self) -> Vec<Vec<&str>> {
        let mut slowing = vec![Vec::new(); self.changes.len()];
        for (observed, statement) in self.run.iter().zip(self.statements) {
            if statement.verdict != Verdict::Slower {
                continue;
            }
            let behind = observed.behind(self.changes);
            let has_drop = behind.iter().any(|at| self.changes[*at].kind == Kind::Dropped);
            for at in behind {
                if !has_drop || self.changes[at].kind == Kind::Dropped {
                    slowing[at].push(statement.name.as_str());
                }
            }
        }
        slowing
    }

    fn judge(&self, at: usize, slowing: &[Vec<&str>]) -> (Effect, String) {
        const UNREAD: &str = "no statement that ran reads its table";
        let changed = &self.changes[at];
        let faster = self.behind_faster(at);
        if !slowing[at].is_empty() {
            let slower = format!("slower: {}", slowing[at].join(", "));
            return (
                Effect::Slows,
                match (changed.kind, faster.is_empty()) {
                    (Kind::Created, false) => format!("{slower}; faster: {}", faster.join(", ")),
                    _ => slower,
                },
            );
        }
        let planned = self.planned.iter().find(|it| it.uses(changed)).map(|it| it.measured.name.as_str());
        let is_read = self.run.iter().any(|it| it.reads(changed));
        match changed.kind {
            Kind::Dropped => match planned {
                Some(name) => (Effect::Unproven, format!("the plan of {name}, which was not run, used it")),
                None if !is_read => (Effect::Unproven, UNREAD.to_owned()),
                None => (Effect::Harmless, "no statement that used it got slower".to_owned()),
            },
            Kind::Created if !faster.is_empty() => (Effect::Helps, format!("faster: {}", faster.join(", "))),
            Kind::Created => {
                if let Some((name, dropped)) = self.taken_over(at, slowing) {
                    return (Effect::Helps, format!("{name} uses it in place of {dropped}, no slower"));
                }
                let unproven = if let Some(name) = planned {
                    format!("the plan of {name}, which was not run, uses it")
                } else if changed.is_unique {
                    "it keeps duplicates out".to_owned()
                } else if let Some(key) = &changed.foreign_key {
                    format!("it serves the checks of foreign key {key}")
                } else if let Some(replaced) = self.replaced(at).find(|it| slowing[*it].is_empty()) {
                    format!(
                        "it replaces {}, which no statement that ran used",
                        self.changes[replaced].index.name
                    )
                } else if !is_read {
                    UNREAD.to_owned()
                } else {
                    return (Effect::Unhelpful, self.unhelpful(changed));
                };
                (Effect::Unproven, unproven)
            }
        }
    }

    /// The statements that got faster and have the change to thank for it.
    fn behind_faster(&self, at: usize) -> Vec<&str> {
        let faster = self.run.iter().zip(self.statements).filter(|(observed, statement)| {
            statement.verdict == Verdict::Faster && observed.behind(self.changes).contains(&at)
        });
        faster.map(|(_, statement)| statement.name.as_str()).collect()
    }

    fn unhelpful(&self, changed: &Changed) -> String {
        let users = self.run.iter().filter(|it| it.uses(changed)).map(|it| it.measured.name.as_str());
        match users.collect::<Vec<_>>().as_slice() {
            [] => "no statement's plan uses it".to_owned(),
            users => format!("no statement that uses it got faster: {}", users.join(", ")),
        }
    }

    /// Returns a statement that uses the created index where it used a dropped one that was not missed.
    fn taken_over(&self, created: usize, slowing: &[Vec<&str>]) -> Option<(&str, &str)> {
        self.run.iter().find_map(|it| {
            let dropped = self.gone_for(created, it).find(|at| slowing[*at].is_empty())?;
            Some((it.measured.name.as_str(), self.changes[dropped].index.name.as_str()))
        })
    }

    /// The dropped indexes in whose place a statement uses a created one.
    fn gone_for<'a>(&'a self, created: usize, observed: &'a Observed) -> impl Iterator<Item = usize> + 'a {
        let changed = &self.changes[created];
        let is_used = observed.uses(changed);
        self.drops().filter(move |at| {
            let dropped = &self.changes[*at];
            is_used && observed.uses(dropped) && dropped.shares_table(changed)
        })
    }

    /// The indexes that a created one was said to replace and that are dropped.
    fn replaced(&self, created: usize) -> impl Iterator<Item = usize> {
        self.drops().filter(move |at| self.changes[created].replaces.contains(&self.changes[*at].index))
    }

    fn drops(&self) -> impl Iterator<Item = usize> {
        (0..self.changes.len()).filter(|at| self.changes[*at].kind == Kind::Dropped)
    }

    /// An index that goes leaves behind who relied on it: what it stands in for comes back.
    fn undo_what_was_replaced(&self, judged: &mut [Judged]) {
        for created in 0..judged.len() {
            if self.changes[created].kind != Kind::Created || !judged[created].is_to_undo {
                continue;
            }
            let stood_in = self.run.iter().chain(self.planned).flat_map(|it| self.gone_for(created, it));
            let drops: BTreeSet<usize> = stood_in.chain(self.replaced(created)).collect();
            for at in drops.into_iter().filter(|at| !judged[*at].is_to_undo).collect::<Vec<_>>() {
                judged[at].is_to_undo = true;
                judged[at].reason = format!("{} replaced it and goes", self.changes[created].index.name);
            }
        }
    }
}

/// Returns the statements to run once more after an undo, by their position among the observed ones: those that got slower
/// and those whose plans name what was undone.
pub(crate) fn concerned(
    observed: &[Observed],
    statements: &[VerifiedStatement],
    undone: &[&Changed],
) -> Vec<usize> {
    let run = (0..observed.len()).filter(|at| observed[*at].is_run()).zip(statements);
    run.filter(|(at, statement)| {
        statement.verdict == Verdict::Slower || undone.iter().any(|changed| observed[*at].uses(changed))
    })
    .map(|(at, _)| at)
    .collect()
}

#[cfg(test)]
#[path = "proof_tests.rs"]
mod tests;
