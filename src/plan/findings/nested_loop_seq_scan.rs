//! A nested loop reads a whole table again for each outer row, or compares each of its rows with each outer row.
//!
//! Why it matters: the time is the product of both sides. Example: a join on a column without an index. Remedy: an index on
//! the joined column. Wrong when: the inner table has a handful of rows.

use super::{Observation, Subject};
use crate::plan::{Node, indexable, rows};
use crate::query::condition;
use crate::unit::estimate;

pub(super) const RULE: &str = "nested-loop-seq-scan";
/// rpg's threshold for repetitions.
const MIN_LOOPS: f64 = 100.0;
/// dryrun's threshold for the rows that each repetition reads.
const MIN_ROWS: f64 = 100.0;

pub(super) fn check(subject: &Subject) -> Vec<Observation> {
    subject.plan.nodes.iter().filter_map(|join| observe(subject, join)).collect()
}

/// Whether this rule tells of a join.
pub(super) fn speaks_of(subject: &Subject, join: &Node) -> bool {
    observe(subject, join).is_some()
}

fn observe(subject: &Subject, join: &Node) -> Option<Observation> {
    if !join.is_a("Nested Loop") {
        return None;
    }
    let mut inputs = rows::inputs(subject.plan, join);
    let (outer, inner) = (inputs.next()?, inputs.next()?);
    // A Materialize spares the reading, but not the comparing.
    let store = inner.is_a("Materialize").then_some(inner);
    let scan = if store.is_some() { rows::inputs(subject.plan, inner).next()? } else { inner };
    if !scan.is_a("Seq Scan") {
        return None;
    }
    // Of one process: each runs its share of the loops at the same time.
    let loops = match inner.actual {
        Some(actual) => actual.loops / subject.times.nodes[inner.id].participants,
        None => outer.plan_rows?,
    };
    let rows_each = match (scan.actual, store) {
        (Some(actual), None) => actual.rows + scan.number("Rows Removed by Filter").unwrap_or(0.0),
        (Some(_), Some(store)) => store.actual?.rows,
        // What a filter removes is not estimated apart.
        (None, _) if scan.text("Filter").is_some() => MIN_ROWS,
        (None, _) => scan.plan_rows?,
    };
    if loops < MIN_LOOPS || rows_each < MIN_ROWS {
        return None;
    }
    let conditions: Vec<String> = [join.text("Join Filter"), scan.text("Filter")]
        .into_iter()
        .flatten()
        .map(|condition| format!("({condition})"))
        .collect();
    let conditions = conditions.join(" AND ");
    // Without a condition that names another table there is nothing to join by.
    let is_joined = condition::conditions(&conditions).iter().any(|condition| {
        let is_own = |column| indexable::is_own(scan, column);
        condition.columns.iter().any(is_own) && !condition.columns.iter().all(is_own)
    });
    if !is_joined {
        return None;
    }
    let served = indexable::indexable(subject, scan, &conditions);
    let index = indexable::definition(subject, scan, &served, &[]);
    let (table, keys) = (indexable::table_name(subject, scan), served.keys(&[]));
    let columns: Vec<&str> = keys.iter().filter_map(crate::index::Key::column).collect();
    let (read, ms) = match store {
        Some(store) => ("compared", subject.self_ms(join.id) + subject.self_ms(store.id)),
        None => ("read in full", subject.self_ms(scan.id)),
    };
    Some(Observation {
        node_id: Some(scan.id),
        saves: Some(ms * (1.0 - 1.0 / loops)),
        message: format!("{table} is {read} {} times, {} rows each", estimate(loops), estimate(rows_each)),
        remedy: if keys.is_empty() {
            format!(
                "No plain index serves {conditions}; write it so that it compares columns of {table} as they are."
            )
        } else {
            format!("An index of {table} on {} would find the rows of each round.", columns.join(", "))
        },
        index,
    })
}

#[cfg(test)]
mod tests {
    use super::super::test_plans::{check_plan, node, saves};
    use super::*;
    use serde_json::{Value, json};

    fn join(loops: u32, filter: &str, through: Option<&str>) -> Value {
        let outer = node("Seq Scan", 1.0, f64::from(loops), &json!({"Parent Relationship": "Outer"}), &[]);
        let table = json!({"Relation Name": "t", "Alias": "t", "Parent Relationship": "Inner",
                           "Actual Loops": if through.is_some() { 1 } else { loops }});
        let scan = node("Seq Scan", 0.1, 500.0, &table, &[]);
        let inner = match through {
            Some(kind) => {
                let rest = json!({"Parent Relationship": "Inner", "Actual Loops": loops});
                node(kind, 0.1, 500.0, &rest, &[scan])
            }
            None => scan,
        };
        node("Nested Loop", 402.0, 1000.0, &json!({"Join Filter": filter}), &[outer, inner])
    }

    #[test]
    fn finds_repeated_scans() {
        assert_eq!(saves(check, &join(1000, "(t.a = o.a)", None)), [100.0]);
        assert_eq!(saves(check, &join(1000, "(t.a = o.a)", Some("Materialize"))), [400.0]);
        assert!(saves(check, &join(10, "(t.a = o.a)", None)).is_empty());
        assert!(saves(check, &join(1000, "(t.a = 5)", None)).is_empty());
        assert!(saves(check, &join(1000, "(t.a = o.a)", Some("Memoize"))).is_empty());
    }

    #[test]
    fn names_the_index() {
        let found = check_plan(check, json!({"Plan": join(1000, "((t.a = o.a) AND (t.b > o.b))", None)}));
        assert_eq!(found[0].index.as_ref().unwrap().describe(), "t (a, b)");
        assert_eq!(found[0].message, "t is read in full 1,000 times, 500 rows each");
        let found = check_plan(check, json!({"Plan": join(1000, "(lower(t.a) = o.a)", None)}));
        assert_eq!(found[0].index, None);
    }
}
