//! Two foreign keys of a table tie the same columns to the same columns.
//!
//! Why it matters: each insert is checked twice, and each deleted row of the parent looks for children twice. Example: a
//! migration added by hand what the framework adds as well. Remedy: drop one. Wrong when: never, unless the two differ in what
//! they do on delete or update: then a person has to decide which is meant.
//!
//! Condition: the same pairs of columns in any order, and the same parent; there is no threshold. The validated one stays,
//! else the first by name.

use super::{Context, Finding, Fix, Observation, Severity};
use crate::catalog::{Constraint, Table};
use crate::query::quote;

pub(super) const RULE: &str = "duplicate-foreign-key";

const NOT_VALID: &str = " NOT VALID";

pub(super) fn check(context: &Context) -> Vec<Observation> {
    let mut found = Vec::new();
    for table in context.tables() {
        let mut keys: Vec<&Constraint> =
            table.constraints.iter().filter(|it| it.references.is_some()).collect();
        keys.sort_by_key(|it| (!it.is_validated, &it.name));
        for (number, key) in keys.iter().enumerate() {
            if let Some(stays) = keys[..number].iter().find(|it| ties_the_same(it, key)) {
                found.push(observation(table, key, stays));
            }
        }
    }
    found
}

fn ties_the_same(a: &Constraint, b: &Constraint) -> bool {
    let pairs = |it: &Constraint| {
        let reference = it.references.clone()?;
        let mut pairs: Vec<(String, String)> = it.columns.iter().cloned().zip(reference.columns).collect();
        pairs.sort();
        Some((reference.table, pairs))
    };
    pairs(a) == pairs(b)
}

fn observation(table: &Table, key: &Constraint, stays: &Constraint) -> Observation {
    let plain = |it: &Constraint| it.definition.trim_end_matches(NOT_VALID).to_owned();
    let relation = quote::qualified(&table.schema, &table.name);
    let name = quote::identifier(&key.name);
    let is_same = plain(key) == plain(stays);
    let fix = is_same.then(|| Fix::Statements {
        sql: vec![format!("ALTER TABLE {relation} DROP CONSTRAINT {name}")],
        undo_sql: vec![
            format!("ALTER TABLE {relation} ADD CONSTRAINT {name} {}{NOT_VALID}", plain(key)),
            format!("ALTER TABLE {relation} VALIDATE CONSTRAINT {name}"),
        ],
    });
    let (difference, remedy) = if is_same {
        ("", "Drop it; the other one checks the same.")
    } else {
        (", but does otherwise", "Decide which of the two is meant, and drop the other.")
    };
    Observation::of(Finding {
        severity: Severity::Medium,
        message: format!("{} ties the same columns as {}{difference}", key.name, stays.name),
        remedy: remedy.to_owned(),
        fix,
        ..Finding::of_table(RULE, table, key.columns.clone())
    })
}

#[cfg(test)]
mod tests {
    use super::super::fixture::{Fixture, foreign_key, table};
    use super::*;

    fn check_keys(keys: Vec<Constraint>, expected: &[&str]) -> Option<Fix> {
        let mut child = table("child", &["a int8", "b int8"], vec![]);
        child.constraints = keys;
        let fixture = Fixture::new(vec![table("parent", &["p int8!", "q int8!"], vec![]), child]);
        assert_eq!(fixture.messages(check), expected);
        fixture.check(check).pop()?.finding.fix
    }

    /// Check 25 of the research.
    #[test]
    fn compares_pairs_of_columns() {
        let key = |name: &str| foreign_key(name, &["a", "b"], 1, &["p", "q"]);
        let fix = check_keys(vec![key("y"), key("x")], &["y ties the same columns as x"]);
        let sql = vec!["ALTER TABLE public.child DROP CONSTRAINT y".to_owned()];
        assert!(matches!(fix, Some(Fix::Statements { sql: found, .. }) if found == sql));
        let other = Constraint { is_validated: false, ..key("x") };
        check_keys(vec![key("y"), other], &["x ties the same columns as y"]);
        check_keys(vec![key("x"), foreign_key("y", &["b", "a"], 1, &["p", "q"])], &[]);
        let permuted = foreign_key("y", &["b", "a"], 1, &["q", "p"]);
        let fix = check_keys(vec![key("x"), permuted], &["y ties the same columns as x, but does otherwise"]);
        assert_eq!(fix, None);
        let mut cascading = key("y");
        cascading.definition.push_str(" ON DELETE CASCADE");
        check_keys(vec![key("x"), cascading], &["y ties the same columns as x, but does otherwise"]);
    }
}
