//! Writing the result as text or binary took a large part of the time.
//!
//! Why it matters: it is work on the server that EXPLAIN leaves out without SERIALIZE, and the network comes
//! after it. Example: `SELECT *` with a column of large documents, which are fetched and decompressed.
//! Remedy: fewer columns and rows. Wrong when: the application needs all of it.

use super::{Observation, Subject};
use crate::unit::{bytes, estimate, milliseconds, parse_bytes};

pub(super) const RULE: &str = "serialization-time";
/// A smaller result leaves in one piece (`PQ_SEND_BUFFER_SIZE` of pqcomm.c, 8 kB).
const MIN_VOLUME_KB: f64 = 8.0;
/// Rows longer than this are stored outside of their table, compressed (`TOAST_TUPLE_THRESHOLD`, about 2 kB).
const TOASTED_BYTES: f64 = 2048.0;
/// Columns that are named one by one; more are counted.
const MAX_COLUMNS: usize = 6;

pub(super) fn check(subject: &Subject) -> Vec<Observation> {
    let Some((serialization, time_ms)) =
        subject.plan.serialization.and_then(|serialization| Some((serialization, serialization.time_ms?)))
    else {
        return Vec::new();
    };
    if serialization.volume_kb < MIN_VOLUME_KB {
        return Vec::new();
    }
    let rows = subject.plan.nodes.first().and_then(crate::plan::Node::rows_in_all).unwrap_or(0.0);
    let size = parse_bytes(&format!("{}kB", serialization.volume_kb)).unwrap_or(0);
    vec![Observation {
        node_id: Some(0),
        saves: Some(time_ms),
        message: format!(
            "writing {} rows as {} of result took {} ms of {} ms",
            estimate(rows),
            bytes(size),
            milliseconds(time_ms),
            milliseconds(subject.whole_ms())
        ),
        remedy: remedy(subject, serialization.volume_kb * 1024.0 / rows.max(1.0)),
        index: None,
    }]
}

fn remedy(subject: &Subject, bytes_per_row: f64) -> String {
    let columns: Vec<&str> =
        subject.plan.nodes.first().into_iter().flat_map(|root| root.list("Output")).collect();
    let columns = match columns.len() {
        0 => "the columns".to_owned(),
        1..=MAX_COLUMNS => columns.join(", "),
        n => format!("the {n} columns"),
    };
    if bytes_per_row >= TOASTED_BYTES {
        format!(
            "Select only what is needed of {columns}: a row has {} bytes, so that large values were fetched \
             from TOAST storage and decompressed.",
            estimate(bytes_per_row)
        )
    } else {
        format!(
            "Let the server return fewer rows, by aggregating or by pages, and only what is needed of \
             {columns}. The binary format spares the conversion of numbers and dates to text."
        )
    }
}

#[cfg(test)]
mod tests {
    use super::super::test_plans::{check_plan, node};
    use super::*;
    use serde_json::json;

    #[test]
    fn finds_costly_results() {
        let found = |time_ms: Option<f64>, volume_kb: u32| {
            let root = node("Seq Scan", 20.0, 1000.0, &json!({"Output": ["id", "document"]}), &[]);
            let serialization = json!({"Time": time_ms, "Output Volume": volume_kb, "Format": "text"});
            let plan = json!({"Plan": root, "Execution Time": 100.0, "Serialization": serialization});
            check_plan(check, plan).into_iter().next()
        };
        let wide = found(Some(75.0), 12_000).unwrap();
        assert_eq!(wide.saves, Some(75.0));
        assert_eq!(wide.message, "writing 1,000 rows as 12 MB of result took 75.0 ms of 100 ms");
        assert!(wide.remedy.contains("id, document: a row has 12,288 bytes"), "{}", wide.remedy);
        assert!(found(Some(75.0), 100).unwrap().remedy.contains("fewer rows"));
        assert!(found(None, 100).is_none());
        assert!(found(Some(75.0), 1).is_none());
    }
}
