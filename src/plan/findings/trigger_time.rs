//! Triggers took a large part of the time.
//!
//! Why it matters: a row trigger runs once a row, and its queries are planned for one row each. Example: an
//! audit trigger on a bulk UPDATE. Remedy: a statement trigger with transition tables, or fewer calls. Wrong
//! when: the trigger does what the statement was meant for.

use super::unindexed_foreign_key::{self, INDEXED_CALL_MS};
use super::{Observation, Subject};
use crate::plan::node::Trigger;
use crate::unit::{estimate, milliseconds};

pub(super) const RULE: &str = "trigger-time";
/// Rows from which loading them without the foreign key and checking all at once is worth a thought.
const MIN_BULK_ROWS: f64 = 1000.0;
/// A call that takes longer has a slow statement in it; one by key takes 0.01 to 0.1 ms.
const SLOW_CALL_MS: f64 = 1.0;

pub(super) fn check(subject: &Subject) -> Vec<Observation> {
    subject
        .plan
        .triggers
        .iter()
        .filter(|trigger| !unindexed_foreign_key::explains(subject, trigger))
        .filter_map(|trigger| {
            let time_ms = trigger.time_ms.filter(|_| trigger.calls > 0.0)?;
            let saves = match kind(trigger) {
                Kind::Check if trigger.calls < MIN_BULK_ROWS => return None,
                // The lookup by an index is the price of the constraint.
                Kind::Action => {
                    Some(time_ms - INDEXED_CALL_MS * trigger.calls).filter(|saves| *saves > 0.0)?
                }
                _ => time_ms,
            };
            let on = trigger.relation.as_ref().map(|relation| format!(" on {relation}")).unwrap_or_default();
            let name = trigger.constraint.as_ref().unwrap_or(&trigger.name);
            Some(Observation {
                node_id: None,
                saves: Some(saves),
                message: format!(
                    "{} {name}{on} took {} ms in {} {}",
                    if trigger.constraint.is_some() { "trigger of constraint" } else { "trigger" },
                    milliseconds(time_ms),
                    estimate(trigger.calls),
                    if trigger.calls > 1.0 { "calls" } else { "call" },
                ),
                remedy: remedy(trigger),
                index: None,
            })
        })
        .collect()
}

/// What fired a trigger.
enum Kind {
    /// A new referencing row, which must have its referenced one.
    Check,
    /// A referenced row that goes, or another constraint.
    Action,
    /// A function of the user's.
    User,
}

fn kind(trigger: &Trigger) -> Kind {
    match trigger.constraint {
        Some(_) if trigger.name.starts_with("RI_ConstraintTrigger_c_") => Kind::Check,
        Some(_) => Kind::Action,
        None => Kind::User,
    }
}

fn remedy(trigger: &Trigger) -> String {
    let each_ms = trigger.time_ms.unwrap_or(0.0) / trigger.calls;
    let took = format!("A call took {} ms", milliseconds(each_ms));
    match kind(trigger) {
        Kind::Check => format!(
            "{took}: each new row was looked up in the referenced table. A bulk load is faster when the \
             foreign key is added after it, with NOT VALID and then VALIDATE CONSTRAINT."
        ),
        Kind::Action => format!(
            "{took}. A foreign key with ON DELETE or ON UPDATE changes the referencing rows one by one: \
             changing them first, by a statement of their own, does it in one go. If a function is called \
             instead, explain the statements inside it."
        ),
        Kind::User if trigger.calls > 1.0 && each_ms < SLOW_CALL_MS => format!(
            "{took}, and there were many. If the function need not see single rows, make the trigger FOR \
             EACH STATEMENT with transition tables; else spare calls by a WHEN condition."
        ),
        Kind::User => format!(
            "{took}: explain the statements inside the function, which auto_explain shows with \
             log_nested_statements."
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::super::test_plans::{check_plan, node};
    use super::*;
    use serde_json::{Value, json};

    /// Checks the message and a part of the remedy for one trigger.
    fn check_trigger(trigger: &Value, expected: Option<(&str, &str)>) {
        let root = node("ModifyTable", 10.0, 0.0, &json!({"Operation": "Delete", "Relation Name": "t"}), &[]);
        let found = check_plan(check, json!({"Plan": root, "Execution Time": 100, "Triggers": [trigger]}));
        let Some((message, remedy)) = expected else { return assert!(found.is_empty()) };
        assert_eq!(found[0].message, message);
        assert!(found[0].remedy.contains(remedy), "{}", found[0].remedy);
    }

    #[test]
    fn tells_triggers_apart() {
        check_trigger(
            &json!({"Trigger Name": "audit", "Relation": "t", "Time": 80.0, "Calls": 1000}),
            Some(("trigger audit on t took 80.0 ms in 1,000 calls", "FOR EACH STATEMENT")),
        );
        check_trigger(
            &json!({"Trigger Name": "audit", "Relation": "t", "Time": 80.0, "Calls": 1}),
            Some(("trigger audit on t took 80.0 ms in 1 call", "explain the statements inside")),
        );
        check_trigger(
            &json!({"Trigger Name": "RI_ConstraintTrigger_c_1", "Constraint Name": "f",
                    "Time": 80.0, "Calls": 9000}),
            Some(("trigger of constraint f took 80.0 ms in 9,000 calls", "referenced table")),
        );
        check_trigger(
            &json!({"Trigger Name": "RI_ConstraintTrigger_c_1", "Constraint Name": "f",
                    "Time": 80.0, "Calls": 9}),
            None,
        );
    }

    #[test]
    fn the_lookup_itself_is_the_price_of_a_constraint() {
        let action = |calls: u32| {
            json!({"Trigger Name": "RI_ConstraintTrigger_a_1", "Constraint Name": "f",
                   "Time": 80.0, "Calls": calls})
        };
        check_trigger(&action(9000), None);
        check_trigger(
            &action(2000),
            Some(("trigger of constraint f took 80.0 ms in 2,000 calls", "one by one")),
        );
    }

    #[test]
    fn leaves_missing_indexes_to_their_own_rule() {
        check_trigger(
            &json!({"Trigger Name": "RI_ConstraintTrigger_a_1", "Constraint Name": "f",
                    "Time": 80.0, "Calls": 10}),
            None,
        );
    }

    #[test]
    fn without_timing_there_is_nothing_to_say() {
        check_trigger(&json!({"Trigger Name": "audit", "Calls": 10}), None);
    }
}
