//! Rows are filtered by what is inside a JSON document, and no index knows that.
//!
//! Why it matters: every document is read, often from TOAST, and taken apart. Example: `WHERE data ->> 'type' = 'click'`.
//! Remedy: an index on the expression, or a GIN index for `@>` and `?`. Wrong when: each statement asks for another key.

use super::{Observation, Subject};
use crate::plan::discarded::{Cause, costly_scans, discarding_index_scans, short};
use crate::plan::serving;

pub(super) const RULE: &str = "json-filter";

pub(super) fn check(subject: &Subject) -> Vec<Observation> {
    costly_scans(subject)
        .into_iter()
        .chain(discarding_index_scans(subject))
        .filter_map(|scan| {
            let Cause::Json(condition) = &scan.cause else { return None };
            let remedy = serving::serving(subject, scan.node, condition)?;
            Some(Observation {
                node_id: Some(scan.node.id),
                saves: Some(scan.saves),
                message: format!("{} by {}", scan.message, short(&condition.sql)),
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
            ("((data ->> 'k'::text) = 'x'::text)", true),
            ("(((data -> 'a'::text) ->> 'b'::text) = 'x'::text)", true),
            ("(((data ->> 'n'::text))::integer > 5)", true),
            ("(data @> '{\"a\": 1}'::jsonb)", true),
            ("(data ? 'k'::text)", true),
            ("(tags @> '{a}'::text[])", false),
            ("(a = 5)", false),
            // An index on the other column serves.
            ("(((data ->> 'k'::text) = 'x'::text) AND (a = 1))", false),
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
