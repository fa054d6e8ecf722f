//! A join tests alternatives that belong to different tables, after it has joined their rows.
//!
//! Why it matters: neither table can be filtered or joined by an index, since either alternative may hold; rows are joined to be
//! thrown away. Example: `WHERE customer.name = 'x' OR order.number = 'x'`. Remedy: one query for each alternative, with
//! UNION, which removes the rows that both find. Wrong when: most rows meet one of the alternatives.

use super::{Observation, Subject};
use crate::plan::Node;
use crate::plan::discarded::discarded;
use crate::query::condition::{self, Condition, Operator};
use crate::unit::estimate;

pub(super) const RULE: &str = "or-across-tables";
/// Share of the joined rows that must be thrown away (pev2 starts to colour at half).
const MIN_DISCARDED_SHARE: f64 = 0.5;

pub(super) fn check(subject: &Subject) -> Vec<Observation> {
    subject.plan.nodes.iter().filter_map(|join| observe(subject, join)).collect()
}

/// Whether this rule tells of a join.
pub(super) fn speaks_of(subject: &Subject, join: &Node) -> bool {
    observe(subject, join).is_some()
}

fn observe(subject: &Subject, join: &Node) -> Option<Observation> {
    if !join.is_join() {
        return None;
    }
    [("Join Filter", "Rows Removed by Join Filter"), ("Filter", "Rows Removed by Filter")].into_iter().find_map(
        |(key, removed)| {
            let alternatives =
                condition::conditions(join.text(key)?).into_iter().find(is_across_tables)?;
            let rows = discarded(subject, join, removed).filter(|rows| rows.share_at_least() >= MIN_DISCARDED_SHARE)?;
            Some(Observation {
                node_id: Some(join.id),
                // What was joined to be thrown away was read for nothing, too.
                saves: Some(subject.total_ms(join.id) * rows.share()),
                message: format!(
                    "{} of {} joined rows were thrown away by {}",
                    estimate(rows.discarded),
                    estimate(rows.discarded + rows.kept),
                    alternatives.sql
                ),
                remedy: "Write one query for each alternative and put UNION between them, so that each can use an index of \
                         its own table; with UNION ALL, rows that meet both would come twice."
                    .to_owned(),
                index: None,
            })
        },
    )
}

/// Whether a condition is an OR over columns of more than one table.
fn is_across_tables(condition: &Condition) -> bool {
    let mut qualifiers = condition.columns.iter().filter_map(|column| column.qualifier.as_ref());
    let first = qualifiers.next();
    condition.operator == Operator::Or && qualifiers.any(|other| Some(other) != first)
}

#[cfg(test)]
mod tests {
    use super::super::test_plans::{node, saves};
    use super::*;
    use serde_json::json;

    #[test]
    fn finds_alternatives_of_two_tables() {
        let join = |filter: &str, removed: u32| {
            let rest = json!({"Join Filter": filter, "Rows Removed by Join Filter": removed});
            node("Hash Join", 100.0, 100.0, &rest, &[])
        };
        let across = "((c.name = 'x'::text) OR (o.number = 'x'::text))";
        assert_eq!(saves(check, &join(across, 900)), [90.0]);
        assert!(saves(check, &join(across, 50)).is_empty());
        assert!(saves(check, &join("((c.name = 'x'::text) OR (c.number = 'x'::text))", 900)).is_empty());
        assert!(saves(check, &join("(c.a < o.a)", 900)).is_empty());
    }
}
