//! Conditions with OR: lists of values, pages by key, and branches that are searches of their own.

use std::collections::BTreeSet;

use sqlparser::ast::{BinaryOperator, Expr};

use super::condition::{Context, Fact, Facts};
use super::conjuncts::{binary, conjuncts};
use super::keyset::{Bound, Keyset};
use super::types::{Condition, TableUse, Test};
use super::{Walk, canonical, push_new};

impl Walk<'_> {
    /// A comparison of rows that is written out. Its directions may differ: then an index in the order of ORDER BY serves.
    pub(super) fn keyset(&mut self, Keyset { bounds }: &Keyset, context: Context, facts: &mut Facts) {
        for Bound { item, operator, value, again } in bounds {
            for value in [value].into_iter().chain(again) {
                let comparison = binary(item.clone(), operator.clone(), value.clone());
                self.parameters_in_condition(&comparison, context.scope);
            }
        }
        let items: Vec<Expr> = bounds.iter().map(|bound| bound.item.clone()).collect();
        let values: Vec<Expr> = bounds.iter().map(|bound| bound.value.clone()).collect();
        self.row(&items, &values, context, facts);
    }

    /// An OR: the same operand in every branch makes a list of values, else each branch is a use of its own.
    pub(super) fn alternatives(&mut self, expr: &Expr, context: Context, facts: &mut Facts) {
        let mut branches: Vec<Vec<Expr>> = canonical::chain(expr, &BinaryOperator::Or)
            .into_iter()
            .map(|branch| conjuncts(branch.clone()))
            .collect();
        // What all branches say holds in any case (`canonicalize_qual` of prepqual.c).
        let common: Vec<Expr> = branches[0]
            .iter()
            .filter(|part| branches[1..].iter().all(|branch| branch.contains(part)))
            .cloned()
            .collect();
        for branch in &mut branches {
            branch.retain(|part| !common.contains(part));
        }
        for part in &common {
            self.fact(part, context, facts);
        }
        let branches: Vec<Facts> = branches
            .iter()
            .map(|branch| {
                let mut facts = Facts::default();
                for part in branch {
                    self.fact(part, context, &mut facts);
                }
                facts.tests.retain(|fact| fact.is_strict || !fact.is_nullable);
                facts
            })
            .collect();
        let uses: BTreeSet<usize> = branches.iter().flat_map(Facts::restricted_uses).collect();
        for use_index in uses {
            if !branches.iter().all(|branch| branch.restricted_uses().any(|other| other == use_index)) {
                continue;
            }
            if let Some(condition) = in_list(&branches, use_index) {
                let is_nullable = context.nullable.contains(&use_index);
                facts.tests.push(Fact { use_index, condition, is_strict: true, is_nullable });
                continue;
            }
            let mut merged: Vec<TableUse> = Vec::new();
            for branch in &branches {
                let table_use = self.branch(branch, use_index);
                match merged.iter_mut().find(|known| is_same_search(known, &table_use)) {
                    Some(known) => forget_values(known, &table_use),
                    None => merged.push(table_use),
                }
            }
            facts.branches.extend(merged.into_iter().map(|branch| (use_index, branch)));
        }
    }

    /// Returns what one branch of an OR says about a use.
    fn branch(&self, branch: &Facts, use_index: usize) -> TableUse {
        let mut table_use = TableUse::new(self.uses[use_index].table.clone());
        table_use.branch_of = Some(use_index);
        for fact in branch.tests.iter().filter(|fact| fact.use_index == use_index) {
            push_new(&mut table_use.conditions, fact.condition.clone());
        }
        for (_, operand) in branch.joins.iter().filter(|(other, _)| *other == use_index) {
            push_new(&mut table_use.joins, operand.clone());
        }
        for (_, row) in branch.rows.iter().filter(|(other, _)| *other == use_index) {
            push_new(&mut table_use.rows, row.clone());
        }
        table_use
    }
}

/// Whether two branches test the same operands in the same ways, as those of `(a = 1 AND b = 2) OR (a = 3 AND b = 4)`.
fn is_same_search(a: &TableUse, b: &TableUse) -> bool {
    a.conditions.len() == b.conditions.len()
        && a.conditions.iter().zip(&b.conditions).all(|(a, b)| a.operand == b.operand && a.test == b.test)
        && a.joins == b.joins
        && a.rows == b.rows
}

/// Forgets the constants of which branches with the same search have others.
fn forget_values(known: &mut TableUse, other: &TableUse) {
    for (known, other) in known.conditions.iter_mut().zip(&other.conditions) {
        if known.fixed != other.fixed {
            known.fixed = None;
        }
    }
}

impl Facts {
    /// The uses that an index could find the rows of.
    fn restricted_uses(&self) -> impl Iterator<Item = usize> {
        let tests =
            self.tests.iter().filter(|fact| !matches!(fact.condition.test, Test::NotEqual | Test::Other));
        tests.map(|fact| fact.use_index).chain(self.joins.iter().map(|(use_index, _)| *use_index))
    }
}

/// Returns `operand IN …` when that is all that every branch says about a use.
fn in_list(branches: &[Facts], use_index: usize) -> Option<Condition> {
    let mut conditions = Vec::new();
    for branch in branches {
        let mut tests = branch.tests.iter().filter(|fact| fact.use_index == use_index);
        let only = tests.next().filter(|_| tests.next().is_none())?;
        let is_joined = branch.joins.iter().any(|(other, _)| *other == use_index);
        if is_joined || !matches!(only.condition.test, Test::Equal | Test::In) {
            return None;
        }
        conditions.push(&only.condition);
    }
    let operand = conditions.first()?.operand.clone();
    if conditions.iter().any(|condition| condition.operand != operand) {
        return None;
    }
    let fixed: Option<Vec<String>> = conditions
        .iter()
        .map(|condition| condition.fixed.as_ref().map(|fixed| format!("({fixed})")))
        .collect();
    Some(Condition { operand, test: Test::In, fixed: fixed.map(|fixed| fixed.join(" OR ")) })
}
