//! What the search has found, as advice with its reasons.

use std::time::Duration;

use super::engine::Engine;
use super::problem::{Candidate, Designed, Existing, Pricing, table_of};
use super::statements::{Case, Planned};
use crate::catalog::{Attached, Index, Table, TableKind};
use crate::index::audit;
use crate::index::change::Seen;
use crate::index::change::plan::creation;
use crate::index::change::record::Storage;
use crate::index::change::script::restoration;
use crate::index::change::state::State;
use crate::index::{
    self, Advice, Alternative, DropAdvice, Help, IndexSet, KeptIndex, Outcome, Redesign, Refusal, SelfCheck,
    StatementCost, Suggestion, Touched, ValueSetCost,
};
use crate::report;
use crate::workload::Skipped;

/// Alternatives that are named for each suggested index.
const MAX_ALTERNATIVES: usize = 5;

/// What the advice is made of, beside the outcome of the search.
pub(super) struct Findings<'f> {
    pub(super) pricing: &'f Pricing<'f>,
    /// What a redesign was to decide on, if it was one.
    pub(super) redesigned: Option<&'f Touched<'f>>,
    pub(super) outcome: &'f Outcome,
    pub(super) storage: &'f Storage,
    pub(super) designed: &'f Designed<'f>,
    pub(super) planned: &'f [Planned],
    pub(super) cases: &'f [Case<'f>],
    pub(super) engine: &'f Engine,
    /// Each statement's plan for any values, today and then.
    pub(super) generic: Vec<Option<(f64, f64)>>,
    pub(super) skipped: Vec<Skipped>,
    pub(super) missing: Vec<String>,
    pub(super) self_check: Option<SelfCheck>,
    pub(super) elapsed: Duration,
}

impl Findings<'_> {
    pub(super) fn into_advice(self) -> Advice {
        let (cost_before, cost_after) = self.totals();
        let limits = self.designed.problem.limits;
        let mut tables = State::of_catalog(self.pricing.catalog);
        let mut missing = self.missing.clone();
        missing.extend(self.engine.missing().iter().cloned());
        let attached = self.pricing.catalog.attached();
        let mut advice = Advice {
            suggestions: (0..self.outcome.chosen.len()).map(|i| self.suggestion(i, &mut tables)).collect(),
            drops: self
                .outcome
                .dropped
                .iter()
                .map(|(dropped, by)| self.dropped(*dropped, *by, &attached))
                .collect(),
            refusals: self
                .outcome
                .refused
                .iter()
                .map(|(member, saves)| self.refusal(*member, *saves))
                .collect(),
            redesign: self.redesigned.map(|touched| self.redesign(touched, &attached)),
            statements: self.statements(),
            cost_before,
            cost_after,
            missing,
            engine: self.engine.name(),
            n_candidates: self.designed.candidates.len(),
            is_limited: limits.storage_bytes.is_some() || limits.max_indexes.is_some(),
            is_cut_short: self.outcome.is_cut_short,
            n_calls: self.engine.n_calls(),
            elapsed: self.elapsed,
            self_check: self.self_check,
            skipped: self.skipped,
            ..Advice::default()
        };
        let share = |it: &Suggestion| 100.0 * it.saves / advice.cost_without(it.saves);
        let shares: Vec<f64> = advice.suggestions.iter().map(share).collect();
        for (suggestion, share) in advice.suggestions.iter_mut().zip(shares) {
            suggestion.reason = format!("saves {share:.1}% of the workload's cost");
        }
        advice
    }

    fn totals(&self) -> (f64, f64) {
        let weights = self.designed.problem.workload.iter().map(|item| item.weight);
        weights.zip(&self.outcome.items).fold((0.0, 0.0), |(today, then), (weight, costs)| {
            (today + weight * costs.0, then + weight * costs.1)
        })
    }

    fn suggestion(&self, i: usize, tables: &mut State) -> Suggestion {
        let member = self.outcome.chosen[i];
        let candidate = &self.designed.candidates[member];
        let saves: f64 = self.outcome.helps[i]
            .iter()
            .map(|(item, without, with)| self.designed.problem.workload[*item].weight * (without - with))
            .sum();
        let replaced = self.outcome.dropped.iter().filter(|(_, by)| *by == Some(member));
        Suggestion {
            definition: candidate.definition.clone(),
            ddl: creation(&candidate.definition, tables).1,
            size_bytes: candidate.size.bytes(),
            write_price: candidate.write_price,
            saves,
            helps: self.helps(&self.outcome.helps[i]),
            replaces: replaced.map(|(dropped, _)| self.existing(*dropped).index.name.clone()).collect(),
            alternatives: self.alternatives(i),
            reason: String::new(),
        }
    }

    /// The statements that an index makes cheaper, the most saving first.
    fn helps(&self, helps: &[(usize, f64, f64)]) -> Vec<Help> {
        let mut found: Vec<(f64, Help)> = Vec::new();
        for (number, planned) in self.planned.iter().enumerate() {
            let (mut cost_before, mut cost_after, mut is_helped) = (0.0, 0.0, false);
            for (item, case) in self.cases.iter().enumerate().filter(|(_, case)| case.statement == number) {
                let with = self.outcome.items[item].1;
                let help = helps.iter().find(|(helped, ..)| *helped == item);
                is_helped |= help.is_some();
                cost_before += case.weight * help.map_or(with, |(_, without, _)| *without);
                cost_after += case.weight * with;
            }
            if is_helped {
                let help = Help { statement: planned.statement.name.clone(), cost_before, cost_after };
                found.push((planned.statement.weight * (cost_before - cost_after), help));
            }
        }
        found.sort_by(|a, b| b.0.total_cmp(&a.0));
        found.into_iter().map(|(_, help)| help).collect()
    }

    fn alternatives(&self, i: usize) -> Vec<Alternative> {
        let chosen = &self.designed.candidates[self.outcome.chosen[i]];
        let (_, cost_after) = self.totals();
        let others = self.outcome.alternatives[i].iter().take(MAX_ALTERNATIVES);
        others
            .map(|(member, cost)| {
                let other = &self.designed.candidates[*member];
                let reason = if *cost > cost_after * 1.000_5 {
                    format!("the workload would cost {:.1}% more", 100.0 * (cost / cost_after - 1.0))
                } else if other.size.bytes() > chosen.size.bytes() {
                    "larger, and no cheaper".to_owned()
                } else {
                    "no cheaper".to_owned()
                };
                Alternative {
                    definition: other.definition.clone(),
                    size_bytes: other.size.bytes(),
                    cost: *cost,
                    reason,
                }
            })
            .collect()
    }

    fn existing(&self, member: usize) -> &Existing<'_> {
        &self.designed.existing[member - self.designed.candidates.len()]
    }

    fn dropped(&self, member: usize, by: Option<usize>, attached: &Attached) -> DropAdvice {
        let Existing { table, index, .. } = self.existing(member);
        let covered_by = by.map(|by| match self.designed.candidates.get(by) {
            Some(candidate) => Seen::to_be(&candidate.definition),
            None => Seen::of(self.existing(by).table, self.existing(by).index),
        });
        let reason = match &covered_by {
            Some(cover) => format!("{} does all that it can", cover.index.name),
            None => "the workload is no dearer without it".to_owned(),
        };
        // Scans of what the workload asks for are no news.
        let is_asked =
            covered_by.is_some() || self.redesigned.is_none_or(|touched| touched.asks_for(table, index));
        let n_scans = index.usage.filter(|_| !is_asked).map(|usage| usage.n_scans);
        DropAdvice {
            seen: Seen { n_scans, ..Seen::of(table, index) },
            covered_by,
            is_partitioned: table.kind == TableKind::Partitioned,
            undo_ddl: restoration(table, index, self.storage, &self.pricing.catalog.partitions()),
            size_bytes: index.tree_bytes(attached),
            upkeep: self.pricing.upkeep(table, index),
            reason,
        }
    }

    /// What is left of the set that is there, and both sets in numbers.
    fn redesign(&self, touched: &Touched, attached: &Attached) -> Redesign {
        let doubt = audit::doubt_of_counters(self.pricing.catalog);
        let mut redesign = Redesign { doubt, ..Redesign::default() };
        let chosen: Vec<&Candidate> =
            self.outcome.chosen.iter().map(|member| &self.designed.candidates[*member]).collect();
        let is_concerned = |table: &&Table| {
            touched.names(table)
                || chosen.iter().any(|it| table_of(&it.definition, self.pricing.catalog).oid == table.oid)
        };
        let tables = self.pricing.catalog.tables.iter().filter(is_concerned);
        let indexes = tables.flat_map(|table| table.indexes.iter().map(move |index| (table, index)));
        for (table, index) in indexes.filter(|(table, index)| counts(table, index)) {
            let upkeep = self.pricing.upkeep(table, index);
            let size_bytes = index.tree_bytes(attached);
            redesign.before.add(size_bytes, upkeep);
            if let Some(kept) = self.kept(touched, table, index, size_bytes) {
                redesign.after.add(size_bytes, upkeep);
                redesign.kept.push(kept);
            }
        }
        for chosen in chosen {
            redesign.after.add(chosen.size.bytes(), chosen.write_price.upkeep);
        }
        redesign
    }

    /// Returns an existing index with its reason to stay, if it does.
    fn kept(&self, touched: &Touched, table: &Table, index: &Index, size_bytes: u64) -> Option<KeptIndex> {
        let place = self.designed.existing.iter().position(|it| it.index.oid == index.oid);
        let member = place.map(|place| self.designed.candidates.len() + place);
        if self.outcome.dropped.iter().any(|(dropped, _)| Some(*dropped) == member) {
            return None;
        }
        let of_member = self.outcome.kept.iter().find(|(kept, _)| Some(*kept) == member);
        let helps = of_member.map(|(_, helps)| self.helps(helps)).unwrap_or_default();
        let reason = match touched.stays(table, index) {
            Some(reason) => reason,
            None if !helps.is_empty() => report::index::helps_in_words(&helps),
            None if of_member.is_some() => "some statement would be dearer without it".to_owned(),
            None => "what is without it could not be planned".to_owned(),
        };
        let (schema, table, name) = (table.schema.clone(), table.name.clone(), index.name.clone());
        let definition = index.definition.clone();
        Some(KeptIndex { schema, table, name, definition, size_bytes, helps, reason })
    }

    fn refusal(&self, member: usize, saves: f64) -> Refusal {
        let candidate = &self.designed.candidates[member];
        Refusal {
            definition: candidate.definition.clone(),
            saves,
            write_price: candidate.write_price,
            reason: index::refusal(saves, &candidate.write_price).unwrap_or_default(),
        }
    }

    fn statements(&self) -> Vec<StatementCost> {
        let times: Option<Vec<f64>> = self
            .planned
            .iter()
            .filter(|planned| !planned.is_foreign_key_check)
            .map(|planned| planned.statement.mean_ms.map(|mean_ms| mean_ms * planned.statement.weight))
            .collect();
        let total_ms: Option<f64> = times.map(|times| times.iter().sum::<f64>()).filter(|total| *total > 0.0);
        self.planned
            .iter()
            .enumerate()
            .map(|(number, planned)| {
                let of_statement = self.cases.iter().zip(&self.outcome.items);
                let of_statement: Vec<_> =
                    of_statement.filter(|(case, _)| case.statement == number).collect();
                let mean = |cost: fn(&(f64, f64)) -> f64| {
                    of_statement.iter().map(|(case, costs)| case.weight * cost(costs)).sum()
                };
                let statement = &planned.statement;
                StatementCost {
                    name: statement.name.clone(),
                    sql: statement.sql.clone(),
                    weight: statement.weight,
                    time_share: statement
                        .mean_ms
                        .zip(total_ms)
                        .map(|(mean, total)| mean * statement.weight / total),
                    cost_before: mean(|costs| costs.0),
                    cost_after: mean(|costs| costs.1),
                    value_sets: of_statement
                        .iter()
                        .map(|(case, (cost_before, cost_after))| ValueSetCost {
                            label: case.label.clone(),
                            cost_before: *cost_before,
                            cost_after: *cost_after,
                        })
                        .collect(),
                    generic: self.generic[number],
                }
            })
            .collect()
    }
}

/// Whether an index counts as one of a set: primary keys are no matter of choice, and what is attached to the index of a
/// partitioned table is a part of that.
fn counts(table: &Table, index: &Index) -> bool {
    let is_primary_key = table.primary_key().is_some_and(|key| key.index == Some(index.oid));
    !is_primary_key && index.parent.is_none()
}

impl IndexSet {
    fn add(&mut self, size_bytes: u64, upkeep: f64) {
        self.n_indexes += 1;
        self.size_bytes += size_bytes;
        self.upkeep += upkeep;
    }
}
