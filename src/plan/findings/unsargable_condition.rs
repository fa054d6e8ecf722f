//! A function, a cast or arithmetic stands around the filtered column, so that no index on the column serves.
//!
//! Why it matters: the condition has to be computed for every row. Example: `WHERE created_at::date = '2024-06-01'`, or a
//! number passed as `numeric` to a `bigint` column. Remedy: the condition written on the column itself, or an index on the
//! expression. Wrong when: the column is a `varchar`, which EXPLAIN always writes with a cast; that is not reported.

use super::{Observation, Subject};
use crate::plan::discarded::{Cause, costly_scans, discarding_index_scans};
use crate::plan::serving;

pub(super) const RULE: &str = "unsargable-condition";

pub(super) fn check(subject: &Subject) -> Vec<Observation> {
    costly_scans(subject)
        .into_iter()
        .chain(discarding_index_scans(subject))
        .filter_map(|scan| {
            let Cause::Unsargable(condition) = &scan.cause else { return None };
            let remedy = serving::serving(subject, scan.node, condition)?;
            Some(Observation {
                node_id: Some(scan.node.id),
                saves: Some(scan.saves),
                message: format!(
                    "{} by {}, which no index on the column serves",
                    scan.message, condition.sql
                ),
                remedy,
                index: None,
            })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::super::test_plans::{node, saves};
    use super::*;
    use serde_json::json;

    #[test]
    fn finds_filters_that_need_an_index_of_their_own() {
        for (filter, expected) in [
            ("(lower(name) = 'x'::text)", true),
            ("((at)::date = '2024-01-01'::date)", true),
            ("((id)::numeric = 5.5)", true),
            ("((id + 1) = 5)", true),
            ("((lower(name) = 'x'::text) OR (a = 1))", false),
            // An index on the other column serves.
            ("((lower(name) = 'x'::text) AND (a = 1))", false),
            // What a varchar column looks like.
            ("((code)::text = 'x'::text)", false),
            ("((data ->> 'k'::text) = 'x'::text)", false),
            ("((u.x + 1) < y)", false),
            ("((a + b) = 5)", false),
        ] {
            let rest =
                json!({"Relation Name": "t", "Alias": "t", "Filter": filter, "Rows Removed by Filter": 9999});
            let found = saves(check, &node("Seq Scan", 10.0, 1.0, &rest, &[]));
            assert_eq!(found.len(), usize::from(expected), "{filter}");
            let found = saves(check, &node("Index Scan", 10.0, 1.0, &rest, &[]));
            assert_eq!(found.len(), usize::from(expected), "{filter}");
        }
    }
}
