//! An aggregation is done in one step instead of in parts that are combined, or in another way.
//!
//! Why it matters: partial aggregation in workers hands few rows to the leader; without it, every row goes
//! through the Gather. And a hash table needs memory where sorted groups need an order.

use super::{Change, Pair, severity_of_work};
use crate::plan::Node;

pub(super) fn check(pair: &Pair) -> Vec<Change> {
    let is_group = |node: &Node| matches!(node.kind.as_str(), "Aggregate" | "Group" | "Unique");
    pair.nodes()
        .filter(|(before, after)| is_group(before) && is_group(after))
        .filter_map(|(before, after)| {
            let mode = |node: &'_ Node| node.text("Partial Mode").unwrap_or("Simple").to_owned();
            let rule = if mode(before) != mode(after) {
                "partial-mode"
            } else if before.node_type != after.node_type {
                "aggregation-strategy"
            } else {
                return None;
            };
            Some(Change {
                rule,
                severity: severity_of_work(before, after),
                before_id: Some(before.id),
                after_id: Some(after.id),
                message: format!("{} instead of {}", after.node_type, before.node_type),
            })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::super::Severity;
    use super::super::test_plans::{self, node, scan};
    use super::*;
    use serde_json::{Value, json};

    fn group(mode: &str, strategy: &str) -> Value {
        node(
            "Aggregate",
            &json!({"Partial Mode": mode, "Strategy": strategy}),
            &[scan("Seq Scan", 5, &json!({}))],
        )
    }

    #[test]
    fn finds_other_modes() {
        let simple = group("Simple", "Hashed");
        test_plans::check(check, &simple, &group("Finalize", "Hashed"), &[("partial-mode", Severity::Info)]);
        test_plans::check(
            check,
            &simple,
            &group("Simple", "Sorted"),
            &[("aggregation-strategy", Severity::Info)],
        );
        test_plans::check(check, &simple, &simple, &[]);
    }
}
