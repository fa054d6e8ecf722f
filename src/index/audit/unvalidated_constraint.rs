//! A constraint that was added NOT VALID and never validated.
//!
//! Why it matters: old rows may break it, and the planner cannot rely on it. Example: a foreign key that a migration added
//! without the long check. Remedy: VALIDATE CONSTRAINT, which reads the table and blocks no reader or writer. Wrong when:
//! old rows are known to break it and are to stay.
//!
//! Condition: `convalidated` is false and the constraint is enforced; there is no threshold.

use super::{Context, Finding, Fix, Observation, Severity};
use crate::query::quote;

pub(super) const RULE: &str = "unvalidated-constraint";

pub(super) fn check(context: &Context) -> Vec<Observation> {
    let mut found = Vec::new();
    for table in context.tables() {
        for constraint in table.constraints.iter().filter(|it| !it.is_validated) {
            // PostgreSQL 18 has constraints that nothing checks, on purpose.
            if constraint.definition.ends_with("NOT ENFORCED") {
                continue;
            }
            let relation = quote::qualified(&table.schema, &table.name);
            let name = quote::identifier(&constraint.name);
            found.push(Observation::of(Finding {
                severity: Severity::Medium,
                message: format!(
                    "{} of {} was never validated, so that older rows may break it",
                    constraint.name, table.name
                ),
                remedy: "Validate it. Should that fail, rows have to be put right first; the server's message names one."
                    .to_owned(),
                fix: Some(Fix::Statements {
                    sql: vec![format!("ALTER TABLE {relation} VALIDATE CONSTRAINT {name}")],
                    undo_sql: Vec::new(),
                }),
                ..Finding::of_table(RULE, table, constraint.columns.clone())
            }));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::super::fixture::{Fixture, foreign_key, table};
    use super::*;

    #[test]
    fn speaks_of_enforced_constraints_alone() {
        let mut child = table("child", &["id int8!", "parent_id int8"], vec![]);
        child.constraints.push(foreign_key("child_parent_fk", &["parent_id"], 1, &["id"]));
        let mut fixture = Fixture::new(vec![table("parent", &["id int8!"], vec![]), child]);
        assert!(fixture.check(check).is_empty());
        fixture.table_mut("child").constraints[0].is_validated = false;
        let found = fixture.check(check);
        assert_eq!(
            found[0].finding.message,
            "child_parent_fk of child was never validated, so that older rows may break it"
        );
        let validate = "ALTER TABLE public.child VALIDATE CONSTRAINT child_parent_fk".to_owned();
        let fix = Fix::Statements { sql: vec![validate], undo_sql: vec![] };
        assert_eq!(found[0].finding.fix, Some(fix));
        fixture.table_mut("child").constraints[0].definition.push_str(" NOT ENFORCED");
        assert!(fixture.check(check).is_empty());
    }
}
