//! Tries what may make the server take the rows of a table.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::Rehearsal;
use crate::pg::error::Result;
use crate::seed::chunk::of_step;
use crate::seed::plan::Plan;
use crate::seed::plan::repair::{self, Failure, Trial};
use crate::seed::plan::request::Repair;
use crate::seed::schema::{Schema, TableId};

/// So often is something tried for one table, and in all.
const MAX_TRIALS_OF_TABLE: usize = 40;
const MAX_TRIALS: usize = 400;

/// How a trial ended.
enum Attempt {
    Passes,
    Fails(Box<Failure>),
    /// The table cannot be planned so, or a table that it refers to.
    Impossible,
}

impl Rehearsal<'_> {
    /// Looks for what makes the server take the rows of a table, or leaves the table out.
    pub(super) async fn repair(&mut self, plan: &Arc<Plan>, failure: Failure) -> Result<()> {
        let n_before = self.known.repairs.len();
        let (mut plan, mut failure) = (Arc::clone(plan), failure);
        loop {
            let mut best: Option<(Trial, Failure)> = None;
            let mut trials = repair::candidates(self.schema, &plan, &failure, &self.known.repairs);
            let Some(last) = trials.pop() else { return Ok(()) };
            for trial in trials {
                let n_of_table = self.n_trials_of.entry(failure.table).or_default();
                if *n_of_table >= MAX_TRIALS_OF_TABLE || self.n_trials >= MAX_TRIALS {
                    break;
                }
                *n_of_table += 1;
                self.n_trials += 1;
                match self.attempt(&trial, failure.table).await? {
                    Attempt::Passes => {
                        self.accept(trial, &failure);
                        return Ok(());
                    }
                    Attempt::Fails(next) if next.is_better(best.as_ref().map(|(_, best)| best), &failure) => {
                        best = Some((trial, *next));
                    }
                    Attempt::Fails(_) | Attempt::Impossible => {}
                }
            }
            let Some((trial, next)) = best else {
                self.known.repairs.truncate(n_before);
                self.known.repairs.extend(last);
                return Ok(());
            };
            self.accept(trial, &failure);
            let Some(repaired) = self.plan() else { return Ok(()) };
            (plan, failure) = (repaired, next);
        }
    }

    fn accept(&mut self, trial: Trial, failure: &Failure) {
        let reasons = trial.iter().map(|repair| (repair.clone(), failure.message.clone()));
        self.reasons.extend(reasons);
        self.known.repairs.extend(trial);
    }

    /// Tries repairs: loads the table, after what it refers to where that is no longer as it was. Other tables are not planned.
    async fn attempt(&mut self, trial: &Trial, table: TableId) -> Result<Attempt> {
        let n_before = self.known.repairs.len();
        self.known.repairs.extend(trial.iter().cloned());
        let pruned = self.pruned(table);
        let plan = (self.build)(&pruned, &self.known).map(Arc::new);
        self.known.repairs.truncate(n_before);
        let Some(plan) = plan else { return Ok(Attempt::Impossible) };
        // The feeder makes the rows.
        let is_fed = matches!(trial[..], [Repair::FedBy(of, _)] if of == table);
        let Some(target) = plan.steps.iter().position(|step| of_step(step).contains(&table)) else {
            return Ok(if is_fed { Attempt::Passes } else { Attempt::Impossible });
        };
        let is_stale = |(loaded, at): &(Arc<Plan>, usize)| {
            let mut tables = of_step(&loaded.steps[*at]).iter().map(|table| usize::from(*table));
            tables.any(|table| plan.tables[table].n_rows > 0 && loaded.tables[table] != plan.tables[table])
        };
        // Of what is to come after the table nothing may be there yet.
        let is_early = |(loaded, at): &(Arc<Plan>, usize)| {
            let mut tables = of_step(&loaded.steps[*at]).iter();
            tables.any(|other| trial.contains(&Repair::After(*other, table)))
        };
        let is_over = |step: &(Arc<Plan>, usize)| is_stale(step) || is_early(step);
        let n_kept = self.loaded.iter().position(is_over).unwrap_or(self.loaded.len());
        self.back_to(n_kept).await?;
        for step in 0..=target {
            let is_loaded = self.loaded.iter().any(|(loaded, at)| loaded.steps[*at] == plan.steps[step]);
            if !is_loaded && let Err(failure) = self.load(&plan, step).await? {
                let is_own = step == target;
                return Ok(if is_own { Attempt::Fails(Box::new(failure)) } else { Attempt::Impossible });
            }
        }
        // It is loaded anew when its turn comes, and its side effects are noted.
        self.back_to(self.loaded.len() - 1).await?;
        Ok(Attempt::Passes)
    }

    /// The schema with a table and those that it refers to, directly or through others; the rest is refused.
    fn pruned(&self, table: TableId) -> Schema {
        let mut wanted = BTreeSet::from([table]);
        let mut open = vec![table];
        let ties = [self.known.together(), self.known.after()].concat();
        let steps = self.loaded.iter().flat_map(|(plan, at)| of_step(&plan.steps[*at]));
        let loaded: BTreeSet<TableId> = steps.copied().collect();
        while let Some(table) = open.pop() {
            let parents = self.relation(table).foreign_keys.iter().map(|key| key.parent);
            let tied = ties.iter().filter(|(of, _)| *of == table).map(|(_, other)| *other);
            // What its triggers have found when it was loaded.
            let named = self.named.get(&table).into_iter().flatten().copied();
            let found = named.filter(|other| loaded.contains(other));
            open.extend(parents.chain(tied).chain(found).filter(|other| wanted.insert(*other)));
        }
        let mut schema = self.schema.clone();
        for (table, relation) in (0..).zip(&mut schema.relations) {
            if !wanted.contains(&table) && relation.refusal.is_none() {
                relation.refusal = Some("is not tried".to_owned());
            }
        }
        schema
    }
}
