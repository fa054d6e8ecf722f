//! A change does more than its plan shows: what is left for the commit.
//!
//! Why it matters: constraints that are deferred are checked at COMMIT, and the log is flushed then; EXPLAIN
//! ends before, and one that is rolled back never gets there. Example: a DELETE under a foreign key that is
//! INITIALLY DEFERRED. Remedy: SET CONSTRAINTS ALL IMMEDIATE before EXPLAIN. Wrong when: nothing is deferred
//! and the commit is cheap; then little is hidden.

use super::{Observation, Subject};
use crate::plan::Node;

pub(super) const RULE: &str = "rollback-hides-work";

pub(super) fn check(subject: &Subject) -> Vec<Observation> {
    let plan = subject.plan;
    let Some(change) = plan.nodes.iter().find(|node| changes_data(node)).filter(|_| plan.is_analyzed())
    else {
        return Vec::new();
    };
    let immediate =
        "SET CONSTRAINTS ALL IMMEDIATE before EXPLAIN, in the same transaction, brings them into the plan.";
    let (what, remedy) = match deferred(subject) {
        None => (
            "deferred constraints and the flush of the log are".to_owned(),
            format!("If any constraint is INITIALLY DEFERRED: {immediate}"),
        ),
        Some(names) if names.is_empty() => (
            "the flush of the log is".to_owned(),
            "Time the whole transaction to see it; no constraint is deferred.".to_owned(),
        ),
        Some(names) => {
            (format!("{} (deferred) and the flush of the log are", names.join(", ")), immediate.to_owned())
        }
    };
    vec![Observation {
        node_id: Some(change.id),
        message: format!("{what} not in these times, which end before the commit"),
        remedy,
        ..Observation::default()
    }]
}

fn changes_data(node: &Node) -> bool {
    node.is_a("ModifyTable")
        || node.is_a("Foreign Scan") && node.text("Operation").is_some_and(|it| it != "Select")
}

/// Returns the names of the deferred constraints of the changed tables and of those that reference them;
/// `None` when the catalog is not known.
fn deferred(subject: &Subject) -> Option<Vec<String>> {
    let server = subject.server?;
    let changed: Vec<&str> = subject
        .plan
        .nodes
        .iter()
        .filter(|node| changes_data(node))
        .filter_map(|node| node.relation.as_deref())
        .collect();
    let mut names: Vec<String> = server
        .catalog
        .tables
        .iter()
        .flat_map(|table| table.constraints.iter().map(move |constraint| (table, constraint)))
        .filter(|(table, constraint)| {
            constraint.definition.contains("INITIALLY DEFERRED")
                && changed.iter().any(|name| {
                    table.name == *name || constraint.definition.contains(&format!(" REFERENCES {name}("))
                })
        })
        .map(|(_, constraint)| constraint.name.clone())
        .collect();
    names.sort();
    names.dedup();
    Some(names)
}

#[cfg(test)]
mod tests {
    use super::super::test_plans::{check_plan_on, node};
    use super::super::test_servers::referencing;
    use super::*;
    use serde_json::json;

    #[test]
    fn tells_what_the_commit_does() {
        let message = |node_type: &str, deferrable: Option<&str>| {
            let server = deferrable.map(|deferrable| {
                let mut server = referencing("child", "child_fkey", &["a"], "parent", &[]);
                server.catalog.tables[0].constraints[0].definition.push_str(deferrable);
                server
            });
            let root = node(node_type, 1.0, 0.0, &json!({"Relation Name": "parent"}), &[]);
            let found = check_plan_on(check, json!({"Plan": root}), server.as_ref());
            found.into_iter().next().map(|observation| observation.message)
        };
        let told = |what: &str| Some(format!("{what} not in these times, which end before the commit"));
        assert_eq!(message("ModifyTable", None), told("deferred constraints and the flush of the log are"));
        assert_eq!(message("ModifyTable", Some("")), told("the flush of the log is"));
        let deferred = Some(" DEFERRABLE INITIALLY DEFERRED");
        assert_eq!(
            message("ModifyTable", deferred),
            told("child_fkey (deferred) and the flush of the log are")
        );
        assert_eq!(message("Seq Scan", None), None);
    }

    #[test]
    fn an_estimate_hides_nothing() {
        let root = json!({"Node Type": "ModifyTable", "Relation Name": "parent"});
        assert!(check_plan_on(check, json!({"Plan": root}), None).is_empty());
    }
}
