//! A Memoize node threw cached results away before they were asked for again.
//!
//! Why it matters: each result that was thrown away is computed once more, and the cache is kept for nothing. Example: a nested
//! loop over a million keys with room for a thousand. Remedy: as much hash memory for this statement as the results need
//! (`work_mem` × `hash_mem_multiplier`), or outer rows in the order of the key. Wrong when: the keys that were thrown
//! away never came again.

use super::{Observation, Subject};
use crate::plan::{Node, memory};
use crate::unit::estimate;

pub(super) const RULE: &str = "memoize-thrash";

pub(super) fn check(subject: &Subject) -> Vec<Observation> {
    let caches = subject.plan.nodes.iter().filter(|node| node.is_a("Memoize"));
    caches.filter_map(|node| observe(subject, node)).collect()
}

fn observe(subject: &Subject, node: &Node) -> Option<Observation> {
    // Each process has a cache of its own; in one that no worker shares, nothing is told of the leader's but the sum.
    let sum = |key: &str| -> f64 { node.processes().filter_map(|process| process.get(key)?.as_f64()).sum() };
    let (hits, misses) = (sum("Cache Hits"), sum("Cache Misses"));
    let (evictions, overflows) = (sum("Cache Evictions"), sum("Cache Overflows"));
    // pgexplain's trigger.
    if misses == 0.0 || (evictions <= hits && overflows == 0.0) {
        return None;
    }
    let needed_kb = node.processes().filter_map(needed_kb).fold(0.0, f64::max);
    let inner_ms: f64 = subject.plan.children(node.id).map(|child| subject.total_ms(child.id)).sum();
    // At the most, each result that was thrown away, or was too large to be kept, was computed once more.
    let repeated = ((evictions + overflows) / misses).min(1.0);
    let message = if overflows > 0.0 {
        format!(
            "{} of {} results were too large for the cache at once",
            estimate(overflows),
            estimate(misses)
        )
    } else {
        format!(
            "cache of {} threw {} of {} results away, and {} lookups found theirs",
            node.text("Cache Key").unwrap_or("inner rows"),
            estimate(evictions),
            estimate(misses),
            estimate(hits)
        )
    };
    Some(Observation {
        node_id: Some(node.id),
        saves: Some(inner_ms * repeated),
        message,
        remedy: if overflows > 0.0 {
            "Return fewer rows or columns for each key, or raise hash_mem_multiplier for this statement."
                .to_owned()
        } else {
            memory::raise_hash_memory(subject, needed_kb)
        },
        index: None,
    })
}

/// Returns what would hold one result for each miss of a process, at the size of those that it held at the end.
fn needed_kb(process: &serde_json::Map<String, serde_json::Value>) -> Option<f64> {
    let number = |key: &str| process.get(key)?.as_f64();
    let (misses, evictions) = (number("Cache Misses")?, number("Cache Evictions")?);
    Some(number("Peak Memory Usage")? * misses / (misses - evictions).max(1.0))
}

#[cfg(test)]
mod tests {
    use super::super::test_plans::{check_plan, node};
    use super::*;
    use serde_json::json;

    #[test]
    fn finds_caches_that_are_too_small() {
        let found = |hits: u32, evictions: u32, overflows: u32| {
            let rest = json!({"Cache Key": "o.k", "Cache Hits": hits, "Cache Misses": 20_000, "Peak Memory Usage": 512,
                              "Cache Evictions": evictions, "Cache Overflows": overflows});
            let inner = node("Index Scan", 0.004, 1.0, &json!({"Actual Loops": 20_000}), &[]);
            let found = check_plan(check, json!({"Plan": node("Memoize", 100.0, 1.0, &rest, &[inner])}));
            found.into_iter().next().map(|found| (found.saves.map(f64::round), found.message, found.remedy))
        };
        let (saves, message, remedy) = found(100, 15_000, 0).unwrap();
        assert_eq!(saves, Some(60.0));
        assert_eq!(message, "cache of o.k threw 15,000 of 20,000 results away, and 100 lookups found theirs");
        // 5,000 results took 512 kB.
        assert!(remedy.contains("SET work_mem = '2MB';"), "{remedy}");
        assert!(found(16_000, 15_000, 0).is_none());
        let (saves, message, _) = found(16_000, 0, 10_000).unwrap();
        assert_eq!(saves, Some(40.0));
        assert_eq!(message, "10,000 of 20,000 results were too large for the cache at once");
    }
}
