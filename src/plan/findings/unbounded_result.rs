//! A query returns so many rows that hardly anybody reads them all.
//!
//! Why it matters: sending and reading them takes longer than the plan shows: EXPLAIN ANALYZE throws them away. Example:
//! `SELECT * FROM events`. Remedy: LIMIT, or a page at a time. Wrong when: it is an export. It is a note: what the rows cost the
//! client is not in the plan.

use super::{Observation, Subject};
use crate::unit::{bytes, estimate};

pub(super) const RULE: &str = "unbounded-result";
/// joe's threshold.
const MIN_ROWS: f64 = 10_000.0;

pub(super) fn check(subject: &Subject) -> Vec<Observation> {
    let observation = || {
        let root = subject.plan.nodes.first()?;
        let is_bounded = root.is_a("Limit") || root.is_a("LockRows") || root.is_a("ModifyTable");
        let rows = root.rows_in_all().or(root.plan_rows).filter(|rows| *rows >= MIN_ROWS && !is_bounded)?;
        if subject.sql.is_some_and(stores_its_rows) {
            return None;
        }
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "clamped to the range of u64"
        )]
        let volume = (rows * root.plan_width.unwrap_or(0.0)).clamp(0.0, 1e18) as u64;
        let volume = if volume > 0 { format!(", about {}", bytes(volume)) } else { String::new() };
        let verb = if root.actual.is_some() { "returns" } else { "is estimated to return" };
        Some(Observation {
            node_id: Some(root.id),
            saves: None,
            message: format!("the statement {verb} {} rows{volume}", estimate(rows)),
            remedy: "If nobody reads them all, add ORDER BY and LIMIT; if somebody does, fetch them through a cursor or COPY. \
                     EXPLAIN (ANALYZE, SERIALIZE) shows what sending them costs from PostgreSQL 17 on."
                .to_owned(),
            index: None,
        })
    };
    observation().into_iter().collect()
}

/// Whether the rows of a statement stay on the server.
fn stores_its_rows(sql: &str) -> bool {
    let sql = sql.to_lowercase();
    let words: Vec<&str> = sql.split_whitespace().collect();
    matches!(words.first(), Some(&("create" | "refresh" | "copy" | "insert"))) || words.contains(&"into")
}

#[cfg(test)]
mod tests {
    use super::super::test_plans::{check_plan, node};
    use super::*;
    use serde_json::json;

    #[test]
    fn finds_large_results() {
        for (kind, rows, expected) in [
            ("Seq Scan", 50_000.0, true),
            ("Seq Scan", 500.0, false),
            ("Limit", 50_000.0, false),
            ("ModifyTable", 50_000.0, false),
        ] {
            let plan = json!({"Plan": node(kind, 10.0, rows, &json!({}), &[]), "Execution Time": 10.0});
            assert_eq!(!check_plan(check, plan).is_empty(), expected, "{kind}");
        }
        assert!(stores_its_rows("CREATE TABLE x AS SELECT 1"));
        assert!(!stores_its_rows("SELECT 1"));
    }
}
