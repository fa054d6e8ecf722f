//! One parallel process did much more of the work than the others, who waited for it.
//!
//! Why it matters: the statement takes as long as its slowest process. Example: the rows that an expensive
//! function tests lie in neighbouring blocks. Remedy: an even share of the work. Wrong when: the others
//! started late, as they do for short statements.

use super::{Observation, Subject};
use crate::plan::Node;
use crate::unit::{estimate, milliseconds};

pub(super) const RULE: &str = "worker-skew";
/// How many times longer than the average the slowest process must take: as one of three that has double the
/// share of each other.
const MIN_RATIO: f64 = 1.5;
/// Twice what starting a worker takes (about 10 ms on a busy machine): less is not the fault of the work.
const MIN_WAIT_MS: f64 = 20.0;

pub(super) fn check(subject: &Subject) -> Vec<Observation> {
    subject
        .plan
        .nodes
        .iter()
        .filter(|node| node.is_gather())
        .filter_map(|gather| observation(subject, gather))
        .collect()
}

fn observation(subject: &Subject, gather: &Node) -> Option<Observation> {
    let top = subject.plan.children(gather.id).find(|child| !child.is_init_plan())?;
    let shares = Shares::of(top)?;
    let wait_ms = shares.slowest_ms - shares.mean_ms;
    if shares.slowest_ms < MIN_RATIO * shares.mean_ms || wait_ms < MIN_WAIT_MS {
        return None;
    }
    let node = source(subject, top, wait_ms);
    let shares = Shares::of(node)?;
    if node.flag("Parallel Aware") && node.relation.is_some() && !shares.has_slow_rows() {
        return None;
    }
    Some(Observation {
        node_id: Some(node.id),
        saves: Some(wait_ms),
        message: format!(
            "one process took {} ms and {} rows of {}, the average {} ms and {} rows",
            milliseconds(shares.slowest_ms),
            estimate(shares.slowest_rows),
            node.title(),
            milliseconds(shares.mean_ms),
            estimate(shares.mean_rows)
        ),
        remedy: remedy(subject, node),
        index: None,
    })
}

/// What the slowest and the average process did of a node.
struct Shares {
    slowest_ms: f64,
    slowest_rows: f64,
    mean_ms: f64,
    mean_rows: f64,
}

impl Shares {
    /// Whether the rows of the slowest process took longer than others. If not, it had more of them: it takes
    /// blocks from the same scan as the others, who came too late for theirs, and nobody waited for it.
    fn has_slow_rows(&self) -> bool {
        self.slowest_ms * self.mean_rows > MIN_RATIO * self.mean_ms * self.slowest_rows
    }

    /// `None` without VERBOSE, and with fewer than two workers. The leader, which has the workers' rows to
    /// take in, counts only where it did more than they.
    fn of(node: &Node) -> Option<Self> {
        let actuals = node.workers.iter().filter_map(|worker| worker.actual);
        let mut shares: Vec<(f64, f64)> = actuals
            .map(|actual| Some((actual.total_ms? * actual.loops, actual.rows * actual.loops)))
            .collect::<Option<_>>()?;
        let sum = |shares: &[(f64, f64)]| {
            shares.iter().fold((0.0, 0.0), |sum, share| (sum.0 + share.0, sum.1 + share.1))
        };
        #[expect(clippy::cast_precision_loss, reason = "numbers of processes")]
        let mean = |shares: &[(f64, f64)]| {
            let (n, sum) = (shares.len() as f64, sum(shares));
            (sum.0 / n, sum.1 / n)
        };
        if shares.len() < 2 {
            return None;
        }
        let actual = node.actual?;
        let of_workers = sum(&shares);
        let leader = (
            (actual.total_ms? * actual.loops - of_workers.0).max(0.0),
            (actual.rows * actual.loops - of_workers.1).max(0.0),
        );
        if leader.0 > mean(&shares).0 {
            shares.push(leader);
        }
        let slowest = shares.iter().copied().max_by(|a, b| a.0.total_cmp(&b.0))?;
        let mean = mean(&shares);
        Some(Self { slowest_ms: slowest.0, slowest_rows: slowest.1, mean_ms: mean.0, mean_rows: mean.1 })
    }
}

/// Follows the unequal shares down to the node that brings in most of them.
fn source<'p>(subject: &Subject<'p>, mut node: &'p Node, wait_ms: f64) -> &'p Node {
    let wait_at = |node: &Node| Shares::of(node).map_or(0.0, |shares| shares.slowest_ms - shares.mean_ms);
    while let Some(child) = subject
        .plan
        .children(node.id)
        .filter(|child| !child.is_init_plan() && wait_at(child) >= wait_ms / 2.0)
        .max_by(|a, b| wait_at(a).total_cmp(&wait_at(b)))
    {
        node = child;
    }
    node
}

fn remedy(subject: &Subject, node: &Node) -> String {
    let is_whole_member = node.relationship.as_deref() == Some("Member")
        && !node.flag("Parallel Aware")
        && !subject.plan.descendants(node.id).any(|below| below.flag("Parallel Aware"));
    if is_whole_member {
        return format!(
            "{} is done by one process alone: make it one that can be shared, as by a lower \
             min_parallel_table_scan_size, or divide the table.",
            node.title()
        );
    }
    if node.relation.is_some() {
        let cheaper =
            node.text("Filter").map(|filter| format!(" Make {filter} cheaper, or")).unwrap_or_default();
        let store = if cheaper.is_empty() { " Store" } else { " store" };
        return format!(
            "Processes are handed runs of neighbouring blocks, and the rows that take long lie \
             together.{cheaper}{store} them in another order."
        );
    }
    "The work is divided by rows of the scan below, and some of them bring much more of it than others."
        .to_owned()
}

#[cfg(test)]
mod tests {
    use super::super::test_plans::{node, saves};
    use super::*;
    use serde_json::{Value, json};

    /// Returns a parallel scan below an aggregate, with the times of its workers and of all processes
    /// together.
    fn gather(of_workers: &[f64], all_ms: f64) -> Value {
        let workers: Vec<Value> = (0..)
            .zip(of_workers)
            .map(|(number, ms)| {
                json!({"Worker Number": number, "Actual Total Time": ms, "Actual Rows": 10,
                       "Actual Loops": 1})
            })
            .collect();
        let below = |node_type: &str, children: &[Value]| {
            let rest = json!({"Workers": workers, "Actual Loops": 3, "Relation Name": "t"});
            node(node_type, all_ms / 3.0, 10.0, &rest, children)
        };
        let scan = below("Seq Scan", &[]);
        node("Gather", 410.0, 1.0, &json!({}), &[below("Aggregate", &[scan])])
    }

    #[test]
    fn finds_the_slowest_process() {
        assert_eq!(saves(check, &gather(&[400.0, 100.0], 510.0)), [150.0]);
        // The leader is the slowest.
        assert_eq!(saves(check, &gather(&[90.0, 110.0], 600.0)), [200.0]);
        assert!(saves(check, &gather(&[130.0, 110.0], 350.0)).is_empty());
    }

    #[test]
    fn who_came_late_had_fewer_rows() {
        let mut root = gather(&[400.0, 100.0], 510.0);
        for (worker, rows) in [(0, 4000), (1, 1000)] {
            root["Plans"][0]["Plans"][0]["Workers"][worker]["Actual Rows"] = json!(rows);
        }
        root["Plans"][0]["Plans"][0]["Parallel Aware"] = json!(true);
        assert!(saves(check, &root).is_empty());
    }

    #[test]
    fn one_worker_has_nobody_to_be_compared_with() {
        assert!(saves(check, &gather(&[400.0], 510.0)).is_empty());
        assert!(saves(check, &gather(&[], 510.0)).is_empty());
    }

    #[test]
    fn late_starters_are_no_skew() {
        assert!(saves(check, &gather(&[15.0, 0.001], 30.0)).is_empty());
    }
}
