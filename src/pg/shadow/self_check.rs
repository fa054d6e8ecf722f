//! Compares the shadow with its target: the same statements, planned by both with today's indexes.
//!
//! What may differ although nothing is wrong: the target has changed since it was read; its planner looks up the real
//! least and greatest value of a column where an index leads to them (`get_actual_variable_range`), here it finds an
//! empty index and takes the histogram's; a GIN index counts its own pages, which
//! only a superuser can read, so that they are estimated; a function that
//! the planner runs may read tables, which are empty here.

use std::collections::BTreeSet;

use super::{Question, Shadow};
use crate::index::SelfCheck;
use crate::pg::connect::Connection;
use crate::pg::error::Result;
use crate::pg::explain;
use crate::pg::value::TextValue;

/// A statement to plan on both sides.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Checked<'c> {
    pub(crate) name: &'c str,
    pub(crate) statement: &'c str,
    pub(crate) parameters: &'c [TextValue],
}

impl Shadow {
    /// Plans each statement on the target, where it is not run, and here.
    ///
    /// A statement that the target refuses to plan is left out. Planners of different major versions are not compared.
    pub(crate) async fn self_check(
        &mut self,
        target: &Connection,
        statements: &[Checked<'_>],
    ) -> Result<SelfCheck> {
        let mut check = SelfCheck { n_compared: 0, worst: None };
        if target.major() != self.host.cluster.major {
            return Ok(check);
        }
        let today: BTreeSet<usize> = self.members.existing().collect();
        let mut costs = Vec::new();
        let mut questions = Vec::new();
        for checked in statements {
            match explain::estimate(target, checked.statement, checked.parameters).await {
                Ok(plan) => costs.push((checked.name, explain::total_cost(&plan)?)),
                Err(error) if error.code().is_some() && !error.is_cancelled() => continue,
                Err(error) => return Err(error),
            }
            questions.push(Question {
                visible: &today,
                statement: checked.statement,
                parameters: checked.parameters,
            });
        }
        let answers = self.answers(&questions).await?;
        for ((name, cost), answer) in costs.into_iter().zip(answers) {
            check.n_compared += 1;
            let difference = difference(cost, answer.cost);
            if check.worst.as_ref().is_none_or(|(_, worst)| difference > *worst) {
                check.worst = Some((name.to_owned(), difference));
            }
        }
        Ok(check)
    }
}

/// Returns by which share of the target's cost the shadow's differs.
fn difference(target: f64, shadow: f64) -> f64 {
    /// EXPLAIN prints two digits: what differs by one of the last is the same.
    const RESOLUTION: f64 = 0.015;
    let difference = (shadow - target).abs();
    if difference < RESOLUTION { 0.0 } else { difference / target.max(RESOLUTION) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn differences_are_shares_of_the_targets_cost() {
        for (target, shadow, expected) in [(100.0, 101.0, 0.01), (100.0, 99.0, 0.01), (0.0, 0.01, 0.0)] {
            assert!((difference(target, shadow) - expected).abs() < 1e-9, "{target} {shadow}");
        }
    }
}
