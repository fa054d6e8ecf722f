//! A partial index leaves out nothing by a part of its predicate: `x IS NOT NULL`, where `x` is NOT NULL.
//!
//! Why it matters: the index is as large as without, but the planner uses it only where a statement implies the
//! predicate, and it does not know by itself that `x` has no nulls. From PostgreSQL 17 on it takes `x IS NOT NULL` out of
//! the statement before that, so that only a comparison with `x` still implies it (`restriction_is_always_true` of
//! initsplan.c; seen on 17 and 18). Example: `(email) WHERE id IS NOT NULL`, which `email = $1` cannot use. Remedy: the
//! same index without that part.
//!
//! Wrong when: the column is about to lose its NOT NULL. A part of an OR is no condition of its own, and is left alone; so
//! is a column that the predicate names as a part of another name. A unique index is told of without a fix: ON
//! CONFLICT may name its predicate.

use super::judged::{self, Cure, Judged, Verdict};
use super::{Context, Observation, Severity};
use crate::index::{Definition, Predicate};
use crate::query::condition::conjuncts;
use crate::query::{quote, same_expression};

pub(super) const RULE: &str = "redundant-predicate";

pub(super) fn check(context: &Context) -> Vec<Observation> {
    judged::indexes(context).filter_map(|it| observe(&it)).collect()
}

fn observe(judged: &Judged) -> Option<Observation> {
    let sql = judged.index.predicate.as_deref()?;
    let never_null: Vec<&str> = judged
        .table
        .columns
        .iter()
        .filter(|column| column.not_null)
        .map(|column| column.name.as_str())
        .collect();
    let tested = |part: &str| {
        never_null
            .iter()
            .copied()
            .find(|column| same_expression(&Predicate::null_test(column, false).sql, part))
    };
    let parts = conjuncts(sql);
    let columns: Vec<&str> = parts.iter().filter_map(|part| tested(part)).collect();
    if columns.is_empty() {
        return None;
    }
    let rest: Vec<&str> = parts.iter().copied().filter(|part| tested(part).is_none()).collect();
    // A comparison with the leading key implies the predicate: only others are shut out.
    let leading = judged.index.keys.first().and_then(|key| key.column.as_deref());
    let is_implied = columns.iter().all(|column| Some(*column) == leading);
    let names = columns.iter().map(|column| quote::identifier(column)).collect::<Vec<_>>().join(", ");
    let message = format!(
        "{} is partial by {}, which leaves out no row: {names} is NOT NULL",
        judged.describe(),
        columns
            .iter()
            .map(|column| Predicate::null_test(column, false).sql)
            .collect::<Vec<_>>()
            .join(" AND "),
    );
    let (severity, harm) = if is_implied {
        (
            Severity::Low,
            "Statements that do not compare the column, as those that only sort by it, cannot use the index",
        )
    } else {
        (Severity::Medium, "Statements that do not compare the column cannot use the index")
    };
    let (remedy, cure) = if judged.is_protected() {
        (
            format!("{harm}. Build it without that part, where no ON CONFLICT names the predicate."),
            Cure::default(),
        )
    } else {
        let cure = judged.definition().map(|definition| {
            let parts: Vec<Predicate> =
                rest.iter().map(|sql| Predicate { sql: (*sql).to_owned(), columns: Vec::new() }).collect();
            let predicate = (!parts.is_empty()).then(|| Predicate::all(&parts.iter().collect::<Vec<_>>()));
            judged.replace_by(Definition { predicate, ..definition })
        });
        (format!("{harm}. Build it without that part."), cure.unwrap_or_default())
    };
    Some(judged.observe(Verdict { rule: RULE, severity, message, remedy }, cure))
}

#[cfg(test)]
mod tests {
    use super::super::fixture::{Fixture, index, owned, table};
    use super::*;
    use crate::catalog::Index;

    fn partial(keys: &[&str], predicate: &str) -> Fixture {
        let columns = &["id int8!", "a_id int8", "email text!", "is_deleted bool!"];
        let indexed = Index { predicate: Some(predicate.into()), ..index("i", keys) };
        Fixture::new(vec![table("t", columns, vec![indexed])])
    }

    #[test]
    fn finds_tests_that_all_rows_pass() {
        let whole = "medium: create t (a_id) for i";
        partial(&["a_id"], "(id IS NOT NULL)").check_verdict(check, whole);
        partial(&["a_id"], "((id IS NOT NULL) AND (email IS NOT NULL))").check_verdict(check, whole);
        partial(&["a_id"], "((id IS NOT NULL) AND (NOT is_deleted))")
            .check_verdict(check, "medium: create t (a_id) WHERE NOT is_deleted for i");
        // What compares the leading key implies it.
        partial(&["email"], "(email IS NOT NULL)").check_verdict(check, "low: create t (email) for i");
    }

    #[test]
    fn says_which_part() {
        assert_eq!(
            partial(&["a_id"], "((id IS NOT NULL) AND (NOT is_deleted))").messages(check),
            ["i (a_id) is partial by id IS NOT NULL, which leaves out no row: id is NOT NULL"]
        );
    }

    /// A column is found by its whole name, and a part of an OR is no condition.
    #[test]
    fn not_what_leaves_rows_out() {
        for predicate in [
            "(a_id IS NOT NULL)",
            "((a_id IS NOT NULL) OR (id IS NOT NULL))",
            "(id IS NULL)",
            "(NOT is_deleted)",
            "(email = 'id IS NOT NULL'::text)",
        ] {
            partial(&["email"], predicate).check_verdict(check, "");
        }
        Fixture::new(vec![table("t", &["id int8!"], vec![index("i", &["id"])])]).check_verdict(check, "");
    }

    #[test]
    fn unique_ones_are_for_a_person() {
        let mut fixture = partial(&["a_id"], "(id IS NOT NULL)");
        fixture.index_mut("i").is_unique = true;
        fixture.check_verdict(check, "medium: no fix");
        let mut fixture = partial(&["a_id"], "(id IS NOT NULL)");
        fixture.table_mut("t").indexes.push(owned(index("t_pkey", &["id"])));
        fixture.check_verdict(check, "medium: create t (a_id) for i");
    }

    #[test]
    fn another_index_does_already() {
        let mut fixture = partial(&["a_id"], "(id IS NOT NULL)");
        fixture.table_mut("t").indexes.push(Index { oid: 102, ..index("whole", &["a_id"]) });
        fixture.check_verdict(check, "medium: drop i");
    }
}
