//! A sort or hash table goes through temporary files that fitted into memory before, or fits now.
//!
//! Why it matters: temporary files are slower than memory and fill the disk under load. Remedy: more
//! `work_mem`, fewer rows.

use super::{Change, Pair, Severity, percent};
use crate::plan::Node;
use crate::plan::spill::{Spill, SpillKind, spill, temp_blocks};
use crate::unit::{bytes, estimate};

/// A spill that grew by less is about the same.
const MIN_GROWTH: f64 = 1.1;

pub(super) fn check(pair: &Pair) -> Vec<Change> {
    let mut changes = Vec::new();
    for after in &pair.after.plan.nodes {
        let before = pair.matches.before(after.id).map(|id| &pair.before.plan.nodes[id]);
        changes.extend(change(before, Some(after)));
    }
    changes.extend(pair.removed().filter_map(|before| change(Some(before), None)));
    if changes.is_empty() {
        changes.extend(temp_files(pair));
    }
    changes
}

fn change(before: Option<&Node>, after: Option<&Node>) -> Option<Change> {
    let (old, new) = (before.and_then(spill), after.and_then(spill));
    let titled = |node: Option<&Node>| node.map(Node::title).unwrap_or_default();
    let (rule, severity, message) = match (old, new) {
        (None, Some(new)) => (
            "spill-appeared",
            Severity::Warning,
            format!("{} writes temporary files ({}), which it did not before", titled(after), described(new)),
        ),
        (Some(old), None) => (
            "spill-gone",
            Severity::Better,
            format!("{} needs no temporary files any more (before: {})", titled(before), described(old)),
        ),
        (Some(old), Some(new)) => {
            let (old_size, new_size) = (size(old)?, size(new)?);
            let (rule, severity) = if new_size > old_size * MIN_GROWTH {
                ("spill-grew", Severity::Warning)
            } else if old_size > new_size * MIN_GROWTH {
                ("spill-shrank", Severity::Better)
            } else {
                return None;
            };
            (
                rule,
                severity,
                format!(
                    "{}: {} of temporary files instead of {}",
                    titled(after),
                    described(new),
                    described(old)
                ),
            )
        }
        (None, None) => return None,
    };
    Some(Change {
        rule,
        severity,
        before_id: before.map(|node| node.id),
        after_id: after.map(|node| node.id),
        message,
    })
}

/// Compares the temporary files of the whole plans, for nodes that have no figures of their own.
#[expect(clippy::cast_precision_loss, reason = "blocks are far below 2^53")]
fn temp_files(pair: &Pair) -> Option<Change> {
    let (old, new) = (temp_blocks(&pair.before.plan)?, temp_blocks(&pair.after.plan)?);
    let (rule, severity) = match (old, new) {
        (0, 1..) => ("spill-appeared", Severity::Warning),
        (1.., 0) => ("spill-gone", Severity::Better),
        _ => return None,
    };
    Some(Change {
        rule,
        severity,
        before_id: Some(0),
        after_id: Some(0),
        message: format!(
            "{} temporary blocks written instead of {} ({})",
            estimate(new as f64),
            estimate(old as f64),
            percent(old as f64, new as f64)
        ),
    })
}

fn size(spill: Spill) -> Option<f64> {
    spill.disk_kb.or(spill.batches)
}

fn described(spill: Spill) -> String {
    match (spill.disk_kb, spill.batches) {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "kB of files, not negative"
        )]
        (Some(kb), _) if kb > 0.0 => bytes((kb * 1024.0) as u64),
        (_, Some(batches)) => format!("{} batches", estimate(batches)),
        (_, None) if spill.kind == SpillKind::Storage => "stored on disk".to_owned(),
        (_, None) => "of unknown size".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::test_plans::{self, node};
    use super::*;
    use serde_json::{Value, json};

    fn sort(kind: &str, kb: u32) -> Value {
        node("Sort", &json!({"Sort Key": ["a"], "Sort Space Type": kind, "Sort Space Used": kb}), &[])
    }

    fn hash(batches: u32) -> Value {
        node("Hash", &json!({"Hash Batches": batches}), &[])
    }

    #[test]
    fn finds_spills() {
        let (memory, disk) = (sort("Memory", 90), sort("Disk", 5000));
        test_plans::check(check, &memory, &disk, &[("spill-appeared", Severity::Warning)]);
        test_plans::check(check, &disk, &memory, &[("spill-gone", Severity::Better)]);
        test_plans::check(check, &disk, &sort("Disk", 9000), &[("spill-grew", Severity::Warning)]);
        test_plans::check(check, &disk, &sort("Disk", 5100), &[]);
        test_plans::check(check, &hash(1), &hash(8), &[("spill-appeared", Severity::Warning)]);
        test_plans::check(check, &hash(8), &hash(2), &[("spill-shrank", Severity::Better)]);
    }

    #[test]
    fn a_new_node_can_spill() {
        let bare = node("Seq Scan", &json!({"Relation Name": "t"}), &[]);
        test_plans::check(check, &bare, &sort("Disk", 5000), &[("spill-appeared", Severity::Warning)]);
    }

    #[test]
    fn counts_temporary_blocks_where_nodes_say_nothing() {
        let plan = |written: u32| {
            node("Materialize", &json!({"Temp Read Blocks": written, "Temp Written Blocks": written}), &[])
        };
        test_plans::check(check, &plan(0), &plan(70), &[("spill-appeared", Severity::Warning)]);
    }
}
