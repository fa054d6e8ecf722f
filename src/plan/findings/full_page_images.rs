//! Most of the write-ahead log of a change were whole pages.
//!
//! Why it matters: the first change of a page after a checkpoint logs all 8 kB of it. Example: an UPDATE of
//! rows all over a table soon after a checkpoint, or random keys that touch another index page each. Remedy:
//! checkpoints further apart, compressed images, keys in order. Wrong when: it was the one run right after a
//! checkpoint.

use super::{Observation, Subject};
use crate::unit::{bytes, count, estimate};

pub(super) const RULE: &str = "full-page-images";
/// Pages that are worth a word: together about a megabyte.
const MIN_IMAGES: u64 = 100;
/// Share of the log that the images must make up at the least.
const MIN_SHARE: f64 = 0.5;
/// Bytes of a page that is not compressed (`BLCKSZ`); its hole is left out, so that this is an upper bound.
const PAGE_BYTES: f64 = 8192.0;
/// Bytes of an ordinary record: a changed row of about a hundred bytes with its header. What is above, images
/// take.
const RECORD_BYTES: f64 = 150.0;

pub(super) fn check(subject: &Subject) -> Vec<Observation> {
    // A node's log holds that of everything below.
    let Some(wal) = subject.plan.nodes.first().and_then(|root| root.wal) else { return Vec::new() };
    #[expect(clippy::cast_precision_loss, reason = "shares")]
    let (all, images, records) = (wal.bytes as f64, wal.fpi as f64, wal.records as f64);
    let of_images = (all - records * RECORD_BYTES).min(images * PAGE_BYTES);
    if wal.fpi < MIN_IMAGES || of_images < MIN_SHARE * all {
        return Vec::new();
    }
    let setting = |name: &str| {
        let value = subject.server.and_then(|server| server.setting(name));
        value.map(|value| format!(" (now {value})")).unwrap_or_default()
    };
    vec![Observation {
        node_id: Some(0),
        message: format!(
            "{} full-page images make up about {}% of the {} of log that the change wrote",
            count(wal.fpi),
            estimate(100.0 * of_images / all),
            bytes(wal.bytes)
        ),
        remedy: format!(
            "Run it twice: pages are logged whole at their first change after a checkpoint alone. If it \
             stays so, set checkpoints further apart by max_wal_size{} and checkpoint_timeout{}, compress \
             the images by wal_compression{}, and prefer keys that grow over random ones.",
            setting("max_wal_size"),
            setting("checkpoint_timeout"),
            setting("wal_compression")
        ),
        ..Observation::default()
    }]
}

#[cfg(test)]
mod tests {
    use super::super::test_plans::{check_plan, node};
    use super::*;
    use serde_json::json;

    #[test]
    fn finds_whole_pages() {
        let message = |records: u64, images: u64, bytes: u64| {
            let rest = json!({"WAL Records": records, "WAL FPI": images, "WAL Bytes": bytes});
            let root = node("ModifyTable", 9.0, 0.0, &rest, &[]);
            check_plan(check, json!({"Plan": root, "Execution Time": 10.0})).pop().map(|found| found.message)
        };
        assert_eq!(
            message(1000, 500, 4_000_000).as_deref(),
            Some("500 full-page images make up about 96% of the 3.8 MB of log that the change wrote")
        );
        assert_eq!(message(10, 20, 160_000), None);
        assert_eq!(message(1_000_000, 500, 150_000_000), None);
    }
}
