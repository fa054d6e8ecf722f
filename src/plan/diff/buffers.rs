//! The statement reads more blocks, or fewer.
//!
//! Why it matters: blocks are what a plan costs, and unlike time they are the same in every run: this is the
//! figure for a gate. Wrong when: the table grew and the statement has to read all of it.

use std::cmp::Ordering;

use super::{BUFFERS_FLOOR, BUFFERS_TOLERANCE, Change, Pair, Severity, blocks, percent, trend};
use crate::plan::Explained;
use crate::unit::estimate;

const RULE: &str = "buffers";
/// Twice the blocks is more than a table's growth between two runs.
const CRITICAL_FACTOR: f64 = 2.0;

pub(super) fn check(pair: &Pair) -> Vec<Change> {
    change(pair).into_iter().collect()
}

#[expect(clippy::cast_precision_loss, reason = "blocks are far below 2^53")]
fn change(pair: &Pair) -> Option<Change> {
    let (before, after) = (pair.before.plan.nodes.first()?, pair.after.plan.nodes.first()?);
    let (old, new) = (before.buffers?.shared() as f64, after.buffers?.shared() as f64);
    let severity = match trend(old, new, BUFFERS_TOLERANCE, BUFFERS_FLOOR) {
        Ordering::Equal => return None,
        Ordering::Less => Severity::Better,
        Ordering::Greater if new >= old * CRITICAL_FACTOR => Severity::Critical,
        Ordering::Greater => Severity::Warning,
    };
    let most = if new > old { most(pair.after) } else { most(pair.before) };
    let place = most.map(|title| format!(", most of them in {title}")).unwrap_or_default();
    Some(Change {
        rule: RULE,
        severity,
        before_id: Some(0),
        after_id: Some(0),
        message: format!(
            "{} shared blocks instead of {} ({}){}",
            estimate(new),
            estimate(old),
            percent(old, new),
            if new > old { place } else { String::new() }
        ),
    })
}

/// Returns the node that itself read more than half of the blocks.
fn most(explained: &Explained) -> Option<String> {
    let whole = blocks(explained.plan.nodes.first()?)?;
    #[expect(clippy::cast_precision_loss, reason = "blocks are far below 2^53")]
    let (id, own) = explained
        .resources
        .iter()
        .enumerate()
        .filter_map(|(id, resources)| Some((id, resources.buffers?.shared() as f64)))
        .max_by(|a, b| a.1.total_cmp(&b.1))?;
    (own * 2.0 > whole).then(|| explained.plan.nodes[id].title())
}

#[cfg(test)]
mod tests {
    use super::super::test_plans::{self, scan};
    use super::*;
    use serde_json::json;

    fn check_blocks(before: u64, after: u64, expected: Option<Severity>) {
        let scan = |blocks| scan("Seq Scan", blocks, &json!({}));
        let expected: Vec<(&str, Severity)> = expected.map(|severity| (RULE, severity)).into_iter().collect();
        test_plans::check(check, &scan(before), &scan(after), &expected);
    }

    #[test]
    fn has_a_tolerance_and_a_floor() {
        check_blocks(1000, 1019, None);
        check_blocks(1000, 1021, Some(Severity::Warning));
        check_blocks(1000, 2000, Some(Severity::Critical));
        check_blocks(1000, 900, Some(Severity::Better));
        check_blocks(3, 12, None);
        check_blocks(3, 14, Some(Severity::Critical));
    }

    #[test]
    fn names_the_reader() {
        let changes = test_plans::changes(
            check,
            &scan("Seq Scan", 10, &json!({})),
            &scan("Seq Scan", 1000, &json!({})),
        );
        assert_eq!(
            changes[0].message,
            "1,000 shared blocks instead of 10 (+9900 %), most of them in Seq Scan on t"
        );
    }
}
