//! What undoes a run: its steps backwards, decided by what is there now.

use std::collections::BTreeSet;

use super::IndexName;
use super::journal::{Action, History, SessionName, Step, StepState};
use super::lock::Lock;
use super::plan::{is_base, reindexed};
use super::record::Record;
use super::restore::{
    State, Statement, drop_concurrently, drop_statement, is_same_but_for_name, restore, table_of,
};
use crate::query::index_ddl::index_ddl;
use crate::query::quote;

/// How one step is undone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Undoing {
    /// Of the step.
    pub(crate) ordinal: u32,
    pub(crate) index: IndexName,
    pub(crate) remedy: Remedy,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Remedy {
    /// There is nothing to undo: it has left nothing, or somebody else has undone it.
    Nothing,
    Statements(Vec<Statement>),
    /// Why it is left as it is.
    Impossible(String),
}

/// Returns what must be known of the present to undo a run: indexes with their tables, and what makes up some of them.
pub(crate) fn concerned(history: &History) -> (Vec<&Record>, Vec<IndexName>) {
    let (mut records, mut indexes) = (Vec::new(), Vec::new());
    for step in &history.steps {
        records.extend(step.before.iter().chain(&step.after));
        indexes.push(step.index.clone());
        match &step.action {
            Action::Rename { to } => indexes.push(IndexName { name: to.clone(), ..step.index.clone() }),
            Action::Attach { to } => indexes.push(to.clone()),
            _ => {}
        }
    }
    (records, indexes)
}

/// Returns the run with the records of drops that it has completed for an earlier one that was cut short: what the earlier
/// one has written down was made while the index was whole.
pub(crate) fn with_earlier_records(history: &History, all: &[History]) -> History {
    let mut history = history.clone();
    for step in history.steps.iter_mut().filter(|step| step.action == Action::Drop) {
        let is_whole = |record: &Record| record.is_valid || record.is_partitioned;
        if step.before.as_ref().is_some_and(is_whole) {
            continue;
        }
        let earlier = all
            .iter()
            .filter(|other| other.run.id < history.run.id)
            .flat_map(|other| &other.steps)
            .filter(|other| other.action == Action::Drop && key(&other.index) == key(&step.index))
            .filter(|other| matches!(other.state, StepState::Started | StepState::Failed))
            .filter_map(|other| other.before.as_ref())
            .rfind(|record| is_whole(record));
        step.before = earlier.cloned().or_else(|| step.before.take());
    }
    history
}

/// Returns the run as if it had done nothing but what it did to these indexes.
pub(crate) fn only(history: &History, indexes: &[IndexName]) -> History {
    let steps =
        history.steps.iter().filter(|step| indexes.iter().any(|index| key(index) == key(&step.index)));
    History { run: history.run.clone(), steps: steps.cloned().collect() }
}

/// Returns the run as an undo of it that was cut short has to finish it: with the steps alone that this undo was to take back.
/// `None` where all that was begun has come to its end.
pub(crate) fn cut_short(history: &History) -> Option<History> {
    let begun: Vec<Step> =
        history.steps.iter().filter(|step| step.state == StepState::Undoing).cloned().collect();
    (!begun.is_empty()).then(|| History { run: history.run.clone(), steps: begun })
}

/// Returns the steps that a plan is about to take back, as they are to be written down before its first statement: whoever
/// finishes the undo, should it be cut short, learns from there what it was to take back and what not.
pub(crate) fn begun(history: &History, plan: &[Undoing], session: &SessionName) -> Vec<Step> {
    let is_meant = |step: &&Step| {
        let mut possible = plan.iter().filter(|it| !matches!(it.remedy, Remedy::Impossible(_)));
        possible.any(|undoing| undoing.ordinal == step.ordinal)
    };
    let begin = |step: &Step| {
        let session = Some(session.clone());
        Step { state: StepState::Undoing, error: None, session, ..step.clone() }
    };
    history.steps.iter().filter(is_meant).map(begin).collect()
}

/// Returns how each step that may have acted is undone, in the order in which that is to be done.
///
/// What an earlier undo has done already is seen in `now`, so that one that was cut short goes on.
pub(crate) fn undo(history: &History, now: &State) -> Vec<Undoing> {
    let acted = || history.steps.iter().rev().filter(|step| step.state.may_have_acted());
    let created = acted().filter(|step| step.action == Action::Create).map(|step| key(&step.index)).collect();
    let mut future = Future { state: now.clone(), created };
    let (attached, others): (Vec<&Step>, Vec<&Step>) =
        acted().partition(|step| matches!(step.action, Action::Attach { .. }));
    // What was there before and was attached goes with the index that it was attached to, and comes back after that.
    others
        .into_iter()
        .chain(attached)
        .map(|step| Undoing {
            ordinal: step.ordinal,
            index: step.index.clone(),
            remedy: match future.remedy(step) {
                Ok(statements) if statements.is_empty() => Remedy::Nothing,
                Ok(statements) => Remedy::Statements(statements),
                Err(reason) => Remedy::Impossible(reason),
            },
        })
        .collect()
}

/// Returns the statements that drop what a statement has left that failed: a new index that is INVALID. An index that was
/// to become valid again is left for the next time.
pub(crate) fn leftovers(failed: &Statement, index: &IndexName, now: &State) -> Vec<Statement> {
    let Some(created) = index_ddl(&failed.sql) else { return of_rebuild(index, now) };
    let (Some(name), Some(schema)) = (created.name, created.table.schema) else { return Vec::new() };
    let created = IndexName { schema, table: created.table.name, name };
    let is_invalid = now
        .table(&created.schema, &created.table)
        .is_some_and(|table| table.invalid_indexes.contains(&created.name));
    if is_invalid && !failed.may_run_in_transaction { vec![drop_concurrently(&created)] } else { Vec::new() }
}

/// Returns the statements that drop what REINDEX CONCURRENTLY has left of an index.
fn of_rebuild(index: &IndexName, now: &State) -> Vec<Statement> {
    let Some(table) = now.table(&index.schema, &index.table) else { return Vec::new() };
    let is_leftover = |name: &&String| reindexed(name).is_some_and(|base| is_base(base, &index.name));
    let name = |name: &String| IndexName { name: name.clone(), ..index.clone() };
    table.invalid_indexes.iter().filter(is_leftover).map(|it| drop_concurrently(&name(it))).collect()
}

/// What will be there when the steps so far are undone.
struct Future {
    state: State,
    /// Schema and name of the indexes that the run has created.
    created: BTreeSet<(String, String)>,
}

fn key(index: &IndexName) -> (String, String) {
    (index.schema.clone(), index.name.clone())
}

impl Future {
    fn remedy(&mut self, step: &Step) -> Result<Vec<Statement>, String> {
        match &step.action {
            Action::Create => self.without(step),
            Action::Drop => match &step.before {
                Some(before) => self.with(before),
                None => Err("the journal does not say what it was".to_owned()),
            },
            Action::Reindex => Ok(self.rebuilt(step)),
            Action::Rename { to } => self.renamed_back(&step.index, to),
            Action::Attach { .. } => {
                let is_gone = self.state.index(&step.index).is_none();
                let is_own = self.created.contains(&key(&step.index));
                match &step.before {
                    Some(before) if is_gone && !is_own => self.with(before),
                    _ => Ok(Vec::new()),
                }
            }
            Action::DropLeftover | Action::Analyze => Ok(Vec::new()),
        }
    }

    /// Brings an index back.
    fn with(&mut self, before: &Record) -> Result<Vec<Statement>, String> {
        let mut statements = of_rebuild(&before.index, &self.state);
        statements.extend(restore(before, &self.state).map_err(|obstacle| obstacle.to_string())?);
        self.forget(&before.index);
        self.state.indexes.push(before.clone());
        Ok(statements)
    }

    /// Drops an index, if it is still what the step has created.
    fn without(&mut self, step: &Step) -> Result<Vec<Statement>, String> {
        let Some(existing) = self.state.index(&step.index) else { return Ok(Vec::new()) };
        if let Some(parent) = &existing.parent {
            if self.created.contains(&key(parent)) {
                return Ok(Vec::new());
            }
            return Err(format!(
                "it belongs to index {} now, which the run has not created",
                parent.qualified()
            ));
        }
        let is_own = if let Some(after) = &step.after {
            is_same_but_for_name(&after.definition, &existing.definition)
        } else {
            // Without a record of what was built, the statement says it; the server may have written an expression in a way
            // that cannot be recognized.
            let wanted = step.sql.iter().find_map(|sql| index_ddl(sql));
            let is_same = |wanted| index_ddl(&existing.definition).is_some_and(|own| own.is_same(wanted));
            // What a step that failed has left is INVALID; a valid one of its name is somebody else's work.
            !existing.is_valid || step.state != StepState::Failed && wanted.as_ref().is_some_and(is_same)
        };
        if !is_own {
            return Err(format!("it is not what the run has created any more: {}", existing.definition));
        }
        if existing.constraint.is_some() {
            return Err("a constraint owns it now".to_owned());
        }
        if existing.is_replica_identity {
            return Err("it is the table's replica identity now".to_owned());
        }
        if !existing.foreign_keys.is_empty() {
            return Err("a foreign key relies on it now".to_owned());
        }
        let statement = drop_statement(existing);
        self.forget(&step.index);
        Ok(vec![statement])
    }

    /// A rebuilt index is the same index; what is undone is a rebuild that was cut short.
    fn rebuilt(&mut self, step: &Step) -> Vec<Statement> {
        let mut statements = of_rebuild(&step.index, &self.state);
        // A partitioned index is rebuilt partition by partition.
        let mut open: Vec<&Record> = step.before.iter().flat_map(|before| &before.partitions).collect();
        while let Some(partition) = open.pop() {
            statements.extend(of_rebuild(&partition.index, &self.state));
            open.extend(&partition.partitions);
        }
        if let (Some(before), Some(_)) = (&step.before, self.state.index(&step.index)) {
            // One that is another index by now needs no repair from here.
            statements.extend(restore(before, &self.state).unwrap_or_default());
        }
        statements
    }

    fn renamed_back(&mut self, index: &IndexName, to: &str) -> Result<Vec<Statement>, String> {
        let renamed = IndexName { name: to.to_owned(), ..index.clone() };
        match (self.state.index(&renamed).cloned(), self.state.index(index)) {
            (Some(mut record), None) => {
                self.forget(&renamed);
                let sql = format!(
                    "ALTER INDEX {} RENAME TO {}",
                    renamed.qualified(),
                    quote::identifier(&index.name)
                );
                record.index.name.clone_from(&index.name);
                self.state.indexes.push(record);
                let (lock, relation) = (Lock::ShareUpdateExclusive, table_of(index));
                Ok(vec![Statement { sql, lock, relation, may_run_in_transaction: true }])
            }
            (Some(_), Some(existing)) => {
                Err(format!("another index has its old name now: {}", existing.definition))
            }
            (None, _) => Ok(Vec::new()),
        }
    }

    /// Takes an index away, with those of the partitions that are attached to it.
    fn forget(&mut self, index: &IndexName) {
        fn prune(records: &mut Vec<Record>, gone: &BTreeSet<(String, String)>) {
            records.retain(|record| !gone.contains(&key(&record.index)));
            for record in records {
                prune(&mut record.partitions, gone);
            }
        }
        fn names(record: &Record, into: &mut BTreeSet<(String, String)>) {
            into.insert(key(&record.index));
            for partition in &record.partitions {
                names(partition, into);
            }
        }
        let mut gone = BTreeSet::from([key(index)]);
        if let Some(record) = self.state.index(index) {
            names(record, &mut gone);
        }
        prune(&mut self.state.indexes, &gone);
    }
}

#[cfg(test)]
#[path = "undo_tests.rs"]
mod tests;
