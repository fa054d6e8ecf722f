//! The statement returns another number of rows, or reads another number from a table.
//!
//! Why it matters: more rows are more work, whatever the plan; and a statement that returns other rows is not
//! the same measurement.

use super::{Change, Pair, Severity};
use crate::plan::Node;
use crate::unit::estimate;

const RULE: &str = "rows";
/// Changes below this share are the daily growth of a table.
const MIN_SHARE: f64 = 0.1;
/// … and below this many rows they are nothing.
const MIN_ROWS: f64 = 10.0;

pub(super) fn check(pair: &Pair) -> Vec<Change> {
    pair.nodes()
        .filter(|(_, after)| after.parent.is_none() || after.relation.is_some())
        .filter_map(|(before, after)| {
            let is_root = after.parent.is_none();
            let (old, new) = if is_root {
                (before.rows_in_all()?, after.rows_in_all()?)
            } else {
                (rows_read(before)?, rows_read(after)?)
            };
            if (new - old).abs() < (old * MIN_SHARE).max(MIN_ROWS) || (!is_root && before.kind != after.kind)
            {
                return None;
            }
            let (new, old) = (estimate(new), estimate(old));
            Some(Change {
                rule: RULE,
                severity: Severity::Info,
                before_id: Some(before.id),
                after_id: Some(after.id),
                message: if is_root {
                    format!("the statement returns {new} rows instead of {old}")
                } else {
                    format!("{} reads {new} rows instead of {old}", after.title())
                },
            })
        })
        .collect()
}

/// Returns the rows that a scan looked at, with those it threw away, over all loops.
pub(super) fn rows_read(node: &Node) -> Option<f64> {
    let actual = node.actual?;
    let removed = node.number("Rows Removed by Filter").unwrap_or(0.0)
        + node.number("Rows Removed by Index Recheck").unwrap_or(0.0);
    Some((actual.rows + removed) * actual.loops)
}

#[cfg(test)]
mod tests {
    use super::super::test_plans::{self, node, scan};
    use super::*;
    use serde_json::{Value, json};

    fn plan(read: u32) -> Value {
        let rows = json!({"Actual Rows": 5.0, "Rows Removed by Filter": read - 5});
        node("Sort", &json!({"Actual Rows": 5.0}), &[scan("Seq Scan", 5, &rows)])
    }

    #[test]
    fn counts_rows_that_were_read() {
        test_plans::check(check, &plan(1000), &plan(5000), &[(RULE, Severity::Info)]);
        let changes = test_plans::changes(check, &plan(1000), &plan(5000));
        assert_eq!(changes[0].message, "Seq Scan on t reads 5,000 rows instead of 1,000");
        test_plans::check(check, &plan(1000), &plan(1050), &[]);
        test_plans::check(check, &plan(10), &plan(19), &[]);
    }
}
