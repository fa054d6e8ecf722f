//! A join pairs many rows that its filter then throws away.
//!
//! Why it matters: each pair was formed and tested. Example: `ON a.day = b.day AND a.at BETWEEN b.start AND b.stop`, where a day has
//! thousands of rows. Remedy: a further equality in the join, an index that finds the pairs, or fewer rows on one side. Wrong
//! when: nothing but the comparison of each pair can tell.

use super::{Observation, Subject, nested_loop_seq_scan, or_across_tables};
use crate::plan::Node;
use crate::plan::discarded::discarded;
use crate::plan::{misestimate, rows};
use crate::query::condition::{self, Operator};
use crate::unit::estimate;

pub(super) const RULE: &str = "join-filter-discards-rows";
/// Share of the pairs that must be thrown away (pev2's highest band).
const MIN_DISCARDED_SHARE: f64 = 0.9;
/// Pairs below which it does not matter (pgexplain's threshold for discarded rows of a scan).
const MIN_DISCARDED: f64 = 1000.0;

pub(super) fn check(subject: &Subject) -> Vec<Observation> {
    let joins = subject.plan.nodes.iter().filter(|node| node.is_join());
    joins
        .filter(|join| {
            !nested_loop_seq_scan::speaks_of(subject, join) && !or_across_tables::speaks_of(subject, join)
        })
        .filter_map(|join| observe(subject, join))
        .collect()
}

fn observe(subject: &Subject, join: &Node) -> Option<Observation> {
    let filter = join.text("Join Filter")?;
    let pairs = discarded(subject, join, "Rows Removed by Join Filter")?;
    if pairs.at_least < MIN_DISCARDED || pairs.share_at_least() < MIN_DISCARDED_SHARE {
        return None;
    }
    // What the inner side keeps in memory for the pairs costs as often as they are formed.
    let store_ms: f64 = rows::inputs(subject.plan, join)
        .filter(|input| input.is_a("Materialize"))
        .map(|store| subject.self_ms(store.id))
        .sum();
    Some(Observation {
        node_id: Some(join.id),
        saves: Some((subject.self_ms(join.id) + store_ms) * pairs.share()),
        message: format!(
            "{} of {} pairs were thrown away by {filter}",
            estimate(pairs.discarded),
            estimate(pairs.discarded + pairs.kept)
        ),
        remedy: remedy(subject, join, filter),
        index: None,
    })
}

fn remedy(subject: &Subject, join: &Node, filter: &str) -> String {
    let conditions = condition::conditions(filter);
    let is_equality =
        !conditions.is_empty() && conditions.iter().all(|part| part.operator == Operator::Equal);
    let wrong = rows::inputs(subject.plan, join)
        .find(|input| rows::estimate(subject.plan, input.id).is_some_and(|estimate| estimate.is_wrong()));
    match (join.kind.as_str(), wrong) {
        ("Nested Loop", Some(input)) if is_equality => {
            let origin = misestimate::origins(subject)
                .into_iter()
                .find(|(id, _)| rows::consumers(subject.plan, *id).iter().any(|above| above.id == input.id))
                .map_or(input, |(id, _)| &subject.plan.nodes[id]);
            format!(
                "A hash join would not form these pairs, but far fewer rows were expected of {}. {}",
                origin.title(),
                misestimate::advice(subject, origin)
            )
        }
        ("Nested Loop", _) if is_equality => {
            "A hash join would not form these pairs: SET enable_nestloop = off; shows what it takes.".to_owned()
        }
        ("Nested Loop", _) => {
            "Add an equality to the join, so that it can hash, or make the inner side a table with an index for the filter."
                .to_owned()
        }
        _ => "Add to the join what else is equal on both sides; its key alone matches too many rows.".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::test_plans::{check_plan, node, saves};
    use super::*;
    use serde_json::{Value, json};

    fn join(kind: &str, filter: &str, removed: u32) -> Value {
        let rest = json!({"Join Filter": filter, "Rows Removed by Join Filter": removed});
        node(kind, 100.0, 100.0, &rest, &[])
    }

    #[test]
    fn finds_pairs_that_are_thrown_away() {
        assert_eq!(saves(check, &join("Hash Join", "(a.x < b.x)", 99_900)), [100.0]);
        assert!(saves(check, &join("Hash Join", "(a.x < b.x)", 800)).is_empty());
        assert!(saves(check, &join("Hash Join", "(a.x < b.x)", 500)).is_empty());
        // That one belongs to or-across-tables.
        assert!(saves(check, &join("Hash Join", "((a.x = 1) OR (b.x = 2))", 99_900)).is_empty());
    }

    #[test]
    fn advises_by_the_kind_of_join() {
        for (kind, filter, expected) in [
            ("Hash Join", "(a.x < b.x)", "Add to the join what else is equal"),
            ("Nested Loop", "(a.x < b.x)", "Add an equality"),
            ("Nested Loop", "(a.x = b.x)", "SET enable_nestloop = off;"),
        ] {
            let found = check_plan(check, json!({"Plan": join(kind, filter, 99_900)}));
            assert!(found[0].remedy.contains(expected), "{}", found[0].remedy);
        }
    }
}
