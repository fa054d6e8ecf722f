//! A part of the plan runs in parallel that did not, or the other way round, or with another number of
//! workers.
//!
//! Why it matters: a plan that lost its workers does the same work in several times the time. Wrong when: the
//! table has shrunk below `min_parallel_table_scan_size`, and one process is enough.

use super::{Change, Pair, Severity};
use crate::plan::Node;
use crate::unit::estimate;

const RULE: &str = "parallelism";

pub(super) fn check(pair: &Pair) -> Vec<Change> {
    let mut changes = Vec::new();
    let workers = |node: &Node, key: &str| node.number(key).unwrap_or(0.0);
    for node in pair.removed().filter(|node| node.is_gather()) {
        changes.push(Change {
            rule: RULE,
            severity: Severity::Warning,
            before_id: Some(node.id),
            after_id: None,
            message: format!(
                "no longer parallel: {} with {} workers is gone",
                node.kind,
                estimate(workers(node, "Workers Planned"))
            ),
        });
    }
    for node in pair.added().filter(|node| node.is_gather()) {
        changes.push(Change {
            rule: RULE,
            severity: Severity::Info,
            before_id: None,
            after_id: Some(node.id),
            message: format!(
                "now parallel: {} with {} workers",
                node.kind,
                estimate(workers(node, "Workers Planned"))
            ),
        });
    }
    for (before, after) in pair.nodes().filter(|(before, after)| before.is_gather() && after.is_gather()) {
        for (key, word) in [("Workers Planned", "planned"), ("Workers Launched", "launched")] {
            let (Some(old), Some(new)) = (before.number(key), after.number(key)) else { continue };
            if (old - new).abs() < 0.5 {
                continue;
            }
            changes.push(Change {
                rule: RULE,
                // How many are launched depends on who else runs at the moment.
                severity: if new < old && key == "Workers Planned" {
                    Severity::Warning
                } else {
                    Severity::Info
                },
                before_id: Some(before.id),
                after_id: Some(after.id),
                message: format!("{} workers {word} instead of {}", estimate(new), estimate(old)),
            });
            // Fewer launched is no news where fewer were planned.
            break;
        }
    }
    changes
}

#[cfg(test)]
mod tests {
    use super::super::test_plans::{self, node, scan};
    use super::*;
    use serde_json::{Value, json};

    fn gather(planned: u32, launched: u32) -> Value {
        node(
            "Gather",
            &json!({"Workers Planned": planned, "Workers Launched": launched}),
            &[scan("Seq Scan", 5, &json!({"Parallel Aware": true}))],
        )
    }

    #[test]
    fn finds_lost_and_new_workers() {
        let alone = scan("Seq Scan", 5, &json!({}));
        test_plans::check(check, &gather(2, 2), &alone, &[(RULE, Severity::Warning)]);
        test_plans::check(check, &alone, &gather(2, 2), &[(RULE, Severity::Info)]);
        test_plans::check(check, &gather(2, 2), &gather(2, 0), &[(RULE, Severity::Info)]);
        test_plans::check(check, &gather(2, 2), &gather(1, 1), &[(RULE, Severity::Warning)]);
        test_plans::check(check, &gather(2, 2), &gather(4, 4), &[(RULE, Severity::Info)]);
        test_plans::check(check, &gather(2, 2), &gather(2, 2), &[]);
    }
}
