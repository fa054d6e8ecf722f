//! A table is read in full for conditions that one index would serve exactly: columns compared with values.
//!
//! Why it matters: this is the surest of all indexes: it finds the rows and nothing else. Example: `WHERE user_id = 5 AND
//! status = 'new'` without an index on both. Remedy: that index. Wrong when: the statement is rare and the table is
//! written often.

use super::{Observation, Subject};
use crate::plan::discarded::{Cause, costly_scans};

pub(super) const RULE: &str = "indexable-seq-scan";

pub(super) fn check(subject: &Subject) -> Vec<Observation> {
    costly_scans(subject)
        .into_iter()
        .filter(|scan| scan.cause == Cause::OnlyEquality)
        .map(|scan| Observation::of_scan(subject, scan))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::super::test_plans::{check_plan, node};
    use super::*;
    use crate::index::Definition;
    use serde_json::json;

    /// Checks which index is asked for; `None` when the rule is silent.
    fn check_index(filter: &str, expected: Option<&str>) {
        let rest =
            json!({"Relation Name": "t", "Alias": "t", "Filter": filter, "Rows Removed by Filter": 9999});
        let scan = node("Seq Scan", 10.0, 1.0, &rest, &[]);
        let found = check_plan(check, json!({"Plan": scan, "Execution Time": 10.0}));
        let index =
            found.first().and_then(|observation| observation.index.as_ref()).map(Definition::describe);
        assert_eq!(index.as_deref(), expected, "{filter}");
    }

    #[test]
    fn names_the_columns_that_are_compared_with_values() {
        check_index("(user_id = 5)", Some("t (user_id)"));
        check_index("((user_id = $1) AND ((status)::text = 'new'::text))", Some("t (user_id, status)"));
        check_index("((user_id = 5) AND (created_at > now()))", None);
        check_index("((user_id = 5) AND (lower(name) = 'x'::text))", None);
        check_index("(user_id <> 5)", None);
    }
}
