//! A nested loop ran its inner side thousands of times, because far fewer outer rows were expected.
//!
//! Why it matters: a nested loop is right for few rows; for many a hash join reads the inner side once. Example: ten rows
//! expected of a filter that leaves 50,000. Remedy: a better estimate of the outer side. Wrong when: the inner table is
//! so large that reading it once costs more than all rounds.

use super::{Observation, Subject};
use crate::plan::rows::{self, Direction, Estimate};
use crate::plan::{Node, misestimate};
use crate::unit::estimate;

pub(super) const RULE: &str = "nested-loop-many-rounds";
/// pgexplain for Go calls a thousand rounds many.
const MIN_ROUNDS: f64 = 1000.0;

pub(super) fn check(subject: &Subject) -> Vec<Observation> {
    let mut loops = loops(subject);
    // With the rows that were expected, the inner side would have taken its share of its time.
    let saves = |found: &Loop| subject.total_ms(found.inner.id) * (1.0 - 1.0 / found.outer.factor);
    // One remedy for one cause: loops that suffer from the same estimate are told of together.
    loops.sort_by(|a, b| a.origin.cmp(&b.origin).then(saves(b).total_cmp(&saves(a))));
    loops
        .chunk_by(|a, b| a.origin == b.origin)
        .filter_map(|alike| {
            let largest = alike.first()?;
            let origin = &subject.plan.nodes[largest.origin];
            let others = if alike.len() > 1 { ", as in other loops of this plan" } else { "" };
            Some(Observation {
                node_id: Some(largest.node.id),
                saves: Some(alike.iter().map(saves).sum()),
                message: format!(
                    "the inner side ran {} times for {} expected rows{others}",
                    estimate(largest.rounds),
                    estimate(largest.outer.expected * largest.outer.n_executions)
                ),
                remedy: format!(
                    "The wrong estimate starts at {}. {} SET enable_nestloop = off; shows what another join would take.",
                    origin.title(),
                    misestimate::advice(subject, origin)
                ),
                index: None,
            })
        })
        .collect()
}

/// Returns the nodes whose wrong estimates this rule tells of.
pub(super) fn origins(subject: &Subject) -> Vec<usize> {
    loops(subject).iter().map(|found| found.origin).collect()
}

/// A nested loop with far more rounds than expected.
struct Loop<'p> {
    node: &'p Node,
    inner: &'p Node,
    outer: Estimate,
    rounds: f64,
    /// Where the estimate of the outer side goes wrong.
    origin: usize,
}

fn loops<'p>(subject: &Subject<'p>) -> Vec<Loop<'p>> {
    let plan = subject.plan;
    let starts = rows::wrong_from_here(plan);
    let joins = plan.nodes.iter().filter(|node| node.is_a("Nested Loop"));
    joins
        .filter_map(|node| {
            let mut inputs = rows::inputs(plan, node);
            let (outer_node, inner) = (inputs.next()?, inputs.next()?);
            let outer = rows::estimate(plan, outer_node.id).filter(Estimate::is_wrong)?;
            // A Materialize or Memoize answers most rounds without its own input.
            let rounds = inner.actual?.loops;
            if outer.direction != Direction::TooLow || rounds < MIN_ROUNDS {
                return None;
            }
            let leads_here = |id: usize| {
                id == outer_node.id || rows::consumers(plan, id).iter().any(|above| above.id == outer_node.id)
            };
            let origin = starts
                .iter()
                .filter(|(id, start)| start.direction == Direction::TooLow && leads_here(*id))
                .max_by(|a, b| a.1.factor.total_cmp(&b.1.factor))
                .map_or(outer_node.id, |(id, _)| *id);
            Some(Loop { node, inner, outer, rounds, origin })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::super::test_plans::{check_plan, node, saves};
    use super::*;
    use serde_json::{Value, json};

    fn join(expected: u32, rounds: u32) -> Value {
        let outer = json!({"Plan Rows": expected, "Relation Name": "t", "Parent Relationship": "Outer"});
        let outer = node("Seq Scan", 1.0, f64::from(rounds), &outer, &[]);
        let inner = json!({"Actual Loops": rounds, "Parent Relationship": "Inner"});
        let inner = node("Index Scan", 0.01, 1.0, &inner, &[]);
        node("Nested Loop", 600.0, f64::from(rounds), &json!({"Plan Rows": expected}), &[outer, inner])
    }

    #[test]
    fn finds_loops_that_were_to_be_short() {
        assert_eq!(saves(check, &join(500, 50_000)), [495.0]);
        assert!(saves(check, &join(20_000, 50_000)).is_empty());
        assert!(saves(check, &join(1, 500)).is_empty());
        let found = check_plan(check, json!({"Plan": join(500, 50_000)}));
        assert_eq!(found[0].message, "the inner side ran 50,000 times for 500 expected rows");
        assert!(found[0].remedy.starts_with("The wrong estimate starts at Seq Scan on t. Run ANALYZE t;"));
    }
}
