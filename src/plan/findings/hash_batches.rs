//! The table of a hash join did not fit into memory and was split into batches on disk.
//!
//! Why it matters: the rows of both sides that belong to later batches are written and read again. Example: a hash join
//! with a large inner side, or with one that was thought small. Remedy: as much hash memory for this statement as the
//! table needs (`work_mem` × `hash_mem_multiplier`). Wrong when: there are few batches and the files stay in the
//! operating system's cache.

use super::{Observation, Subject};
use crate::plan::{Node, memory, rows};
use crate::unit::estimate;

pub(super) const RULE: &str = "hash-batches";
/// The most that was measured: with 200,000 rows on PostgreSQL 14, 15, 17 and 18, each run once, one batch took 2 % to
/// 44 % less than 32 to 128, half of the 16 pairs 19 % less or better.
const SAVED_SHARE: f64 = 0.44;

pub(super) fn check(subject: &Subject) -> Vec<Observation> {
    subject
        .plan
        .nodes
        .iter()
        .filter(|node| node.is_a("Hash"))
        .filter_map(|hash| observe(subject, hash))
        .collect()
}

fn observe(subject: &Subject, hash: &Node) -> Option<Observation> {
    let (batches, actual) = (hash.number("Hash Batches").filter(|batches| *batches > 1.0)?, hash.actual?);
    let estimate_of_rows = rows::estimate(subject.plan, hash.id);
    let is_shared = hash.flag("Parallel Aware");
    let processes = subject.times.nodes[hash.id].participants;
    let n_rows = if is_shared { actual.rows * processes } else { actual.rows };
    // What was written of the rows of later batches tells their size best; but processes that share a table write the
    // same rows again when they split it.
    let written = subject.resources[hash.id].buffers.filter(|own| own.temp_written > 0 && !is_shared);
    #[expect(clippy::cast_precision_loss, reason = "a size that is estimated")]
    let tuple_bytes = match written {
        Some(own) => {
            const HASH_VALUE_BYTES: f64 = 4.0;
            let n_written = actual.rows * actual.loops * (1.0 - 1.0 / batches);
            own.temp_written as f64 * 8192.0 / n_written.max(1.0) - HASH_VALUE_BYTES
        }
        None => memory::tuple_bytes(hash.plan_width.unwrap_or_default()),
    };
    // The number of batches is first chosen by the estimate, then doubled as rows come.
    let expected = estimate_of_rows.map_or(0.0, |estimate| estimate.expected);
    let planned = memory::hash_table_kb(expected, memory::tuple_bytes(hash.plan_width.unwrap_or_default()));
    let needed_kb = planned.max(memory::hash_table_kb(n_rows, tuple_bytes));
    // Processes that share a table put their memory together.
    let needed_kb = if is_shared { needed_kb / processes } else { needed_kb };
    let join_ms = hash.parent.map_or(0.0, |join| subject.self_ms(join));
    let misjudged = hash
        .number("Original Hash Batches")
        .filter(|original| *original < batches)
        .and_then(|original| Some((original, estimate_of_rows.filter(rows::Estimate::is_wrong)?.expected)));
    let because = misjudged.map_or(String::new(), |(original, expected)| {
        format!("; {} planned, as {} rows were expected", estimate(original), estimate(expected))
    });
    Some(Observation {
        node_id: Some(hash.id),
        saves: Some((subject.self_ms(hash.id) + join_ms) * SAVED_SHARE),
        message: format!(
            "hash table of {} rows was split into {} batches on disk{because}",
            estimate(n_rows),
            estimate(batches)
        ),
        remedy: memory::raise_hash_memory(subject, needed_kb),
        index: None,
    })
}

#[cfg(test)]
mod tests {
    use super::super::test_plans::{check_plan, node, saves};
    use super::*;
    use serde_json::{Value, json};

    fn join(batches: u32, rest: &Value) -> Value {
        let mut hash = node(
            "Hash",
            10.0,
            200_000.0,
            &json!({"Hash Batches": batches, "Original Hash Batches": batches, "Plan Width": 37}),
            &[],
        );
        hash.as_object_mut().unwrap().extend(rest.as_object().unwrap().clone());
        node("Hash Join", 110.0, 5.0, &json!({}), &[hash])
    }

    #[test]
    fn finds_batches() {
        assert_eq!(saves(check, &join(8, &json!({}))), [48.0]);
        assert!(saves(check, &join(1, &json!({}))).is_empty());
    }

    /// Checks message and remedy.
    fn check_text(rest: &Value, message: &str, remedy: &str) {
        let found = check_plan(check, json!({"Plan": join(64, rest)}));
        assert_eq!(found[0].message, message);
        assert!(found[0].remedy.contains(remedy), "{}", found[0].remedy);
    }

    #[test]
    fn says_how_much_would_have_been_enough() {
        let message = "hash table of 200,000 rows was split into 64 batches on disk";
        // 16,112 kB were, on a real server.
        check_text(&json!({}), message, "SET work_mem = '17MB';");
        // By what was written, rows are smaller than the width says: 20 bytes and the hash value, of 63 batches in 64.
        check_text(&json!({"Temp Written Blocks": 577}), message, "SET work_mem = '17MB';");
        let because = format!("{message}; 1 planned, as 5 rows were expected");
        check_text(&json!({"Original Hash Batches": 1, "Plan Rows": 5}), &because, "SET work_mem = '17MB';");
    }
}
