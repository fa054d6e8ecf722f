//! The planner had no statistics for a node and took a fixed number, which is far off.
//!
//! Why it matters: join order, join method and memory follow from estimates. Example: a function that returns 100,000 rows and is
//! taken for 1000; `lower(name) = 'x'`, which is taken for 0.5 % of the rows. Remedy: ROWS of the function, statistics on the
//! expression, a temporary table. Wrong when: the plan would be the same with the right number.

use super::{Observation, Subject};
use crate::plan::discarded::discarded;
use crate::plan::rows::{self, Estimate};
use crate::plan::{Node, misestimate};
use crate::query::condition::{self, Operator};
use crate::query::quote;
use crate::unit::estimate;

pub(super) const RULE: &str = "default-estimate";
/// `DEFAULT_EQ_SEL` and `DEFAULT_RANGE_INEQ_SEL`, `DEFAULT_INEQ_SEL` of selfuncs.h.
const DEFAULT_SELECTIVITIES: [f64; 2] = [0.005, 1.0 / 3.0];
/// How near to a default the share of expected rows must be: the planner's number of rows in the table is an estimate.
const TOLERANCE: f64 = 0.02;

pub(super) fn check(subject: &Subject) -> Vec<Observation> {
    misestimate::origins(subject)
        .into_iter()
        .filter_map(|(id, found)| {
            let node = &subject.plan.nodes[id];
            let guess = guess(subject, node)?;
            Some(Observation {
                node_id: Some(id),
                saves: Some(misestimate::at_stake(subject, id, found.direction)?),
                message: format!(
                    "{}: {}, by a fixed guess of the planner",
                    node.title(),
                    misestimate::verdict(&found)
                ),
                remedy: remedy(subject, node, &guess, &found),
                index: None,
            })
        })
        .collect()
}

/// What the planner had no statistics for.
#[derive(Debug, PartialEq)]
pub(super) enum Guess {
    /// What a function returns, unless it says so itself.
    Function,
    /// A recursion: ten times its first step.
    Recursion,
    /// A condition that is no comparison of a column, as written.
    Condition(String),
}

/// Returns what the planner guessed of a node, when it did.
pub(super) fn guess(subject: &Subject, node: &Node) -> Option<Guess> {
    match node.kind.as_str() {
        "Function Scan" | "Table Function Scan" | "ProjectSet" => return Some(Guess::Function),
        "Recursive Union" => return Some(Guess::Recursion),
        _ => {}
    }
    let filter = node.text("Filter")?;
    let [condition] = <[_; 1]>::try_from(condition::conditions(filter)).ok()?;
    let is_computed = condition.column.is_none()
        || condition.wrapping.is_some()
        || matches!(condition.operator, Operator::Other(_));
    let read = discarded(subject, node, "Rows Removed by Filter")?;
    let found = rows::estimate(subject.plan, node.id)?;
    let share = found.expected * found.n_executions / (read.kept + read.discarded).max(1.0);
    let is_default = |default: &f64| (share / default - 1.0).abs() <= TOLERANCE;
    (is_computed && DEFAULT_SELECTIVITIES.iter().any(is_default)).then_some(Guess::Condition(condition.sql))
}

fn remedy(subject: &Subject, node: &Node, guess: &Guess, found: &Estimate) -> String {
    match guess {
        Guess::Function => {
            let came = estimate(found.actual_high.max(1.0)).replace(',', "");
            match node.text("Function Name") {
                Some(function) if node.schema.as_deref().is_some_and(|schema| schema != "pg_catalog") => format!(
                    "Run ALTER FUNCTION {}.{} ROWS {came};",
                    quote::identifier(node.schema.as_deref().unwrap_or_default()),
                    quote::identifier(function)
                ),
                _ => format!(
                    "Put what the function returns into a temporary table and ANALYZE it; a function of your own can say \
                     ROWS {came} itself."
                ),
            }
        }
        Guess::Recursion => {
            "A recursion is taken for ten times its first step: put its result into a temporary table and ANALYZE it \
             before joining it."
                .to_owned()
        }
        Guess::Condition(sql) => format!("The planner knows nothing of {sql}. {}", misestimate::advice(subject, node)),
    }
}

#[cfg(test)]
mod tests {
    use super::super::test_plans::{check_plan, node};
    use super::*;
    use serde_json::{Value, json};

    /// Checks what is said of a join over this node.
    fn check_one(input: Value, expected: Option<(&str, &str)>) {
        let mut input = input;
        input["Parent Relationship"] = json!("Outer");
        let join = node("Hash Join", 42.0, 90_000.0, &json!({"Plan Rows": 1000}), &[input]);
        let found = check_plan(check, json!({"Plan": join}));
        let found = found.first().map(|found| (found.message.as_str(), found.remedy.as_str()));
        match (found, expected) {
            (Some((message, remedy)), Some((expected, contained))) => {
                assert_eq!(message, expected);
                assert!(remedy.contains(contained), "{remedy}");
            }
            (found, expected) => assert_eq!(found, expected),
        }
    }

    #[test]
    fn finds_guesses() {
        let function = |schema: &str| {
            let rest = json!({"Function Name": "f", "Schema": schema, "Alias": "f", "Plan Rows": 1000});
            node("Function Scan", 2.0, 90_000.0, &rest, &[])
        };
        let message = "Function Scan on f: 1,000 rows expected, 90,000 came, by a fixed guess of the planner";
        check_one(function("public"), Some((message, "ALTER FUNCTION public.f ROWS 90000;")));
        check_one(function("pg_catalog"), Some((message, "temporary table")));
        let scan = |filter: &str, expected: u32, removed: u32| {
            let rest = json!({"Relation Name": "t", "Filter": filter, "Plan Rows": expected, "Rows Removed by Filter": removed});
            node("Seq Scan", 2.0, 90_000.0, &rest, &[])
        };
        let message = "Seq Scan on t: 500 rows expected, 90,000 came, by a fixed guess of the planner";
        let lower = "(lower(name) = 'x'::text)";
        check_one(scan(lower, 500, 10_000), Some((message, "ON (lower(name)) FROM t;")));
        check_one(scan(lower, 700, 10_000), None);
        check_one(scan("(name = 'x'::text)", 500, 10_000), None);
    }
}
