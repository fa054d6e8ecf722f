//! Two plans of a statement compared: which node became which, what changed, and what is the likely cause.
//!
//! Each rule is a file; it sees the two plans and their matched nodes. Work is compared in blocks where both
//! plans have them and else in cost, never in time, which differs from run to run.

mod access_path;
mod buffers;
mod cause;
mod cost;
mod estimate_drift;
mod join_method;
mod join_order;
mod matching;
mod parallelism;
mod partial_mode;
mod partitions;
mod rows;
mod sort;
mod spill;
mod time;
mod version;

use std::cmp::Ordering;

use super::identity::exact_conditions;
use super::{Basis, Explained, Node, shape_hash};

pub(crate) use cause::Cause;
use matching::Matches;

/// Buffers that grow by less are the noise of hint bits and index pages (regresql: 2 %).
const BUFFERS_TOLERANCE: f64 = 0.02;
/// Plans that differ by fewer blocks are equally good (regresql leaves out tables below 10 blocks).
const BUFFERS_FLOOR: f64 = 10.0;
/// Costs that grow by less follow from a new ANALYZE alone (regresql: 10 %).
const COST_TOLERANCE: f64 = 0.1;

/// How two plans differ.
#[derive(Debug)]
pub(crate) struct Difference {
    pub(crate) before_shape: String,
    pub(crate) after_shape: String,
    /// The nodes of both plans as one tree.
    pub(crate) rows: Vec<Row>,
    /// The worst first.
    pub(crate) changes: Vec<Change>,
    /// The surest first.
    pub(crate) causes: Vec<Cause>,
}

impl Difference {
    pub(crate) fn is_same_shape(&self) -> bool {
        self.before_shape == self.after_shape
    }

    /// Whether anything got worse.
    pub(crate) fn is_regression(&self) -> bool {
        self.changes.iter().any(|change| matches!(change.severity, Severity::Critical | Severity::Warning))
    }
}

/// One node of both plans as one tree.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Row {
    pub(crate) before_id: Option<usize>,
    pub(crate) after_id: Option<usize>,
    pub(crate) mark: Mark,
}

/// What became of a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mark {
    Same,
    /// It does the same in another way, or under other conditions.
    Changed,
    Removed,
    Added,
    /// It is in both plans, in another order; this is its place before …
    MovedAway,
    /// … and this after.
    MovedHere,
}

impl Mark {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Same => "same",
            Self::Changed => "changed",
            Self::Removed => "removed",
            Self::Added => "added",
            Self::MovedAway => "moved-away",
            Self::MovedHere => "moved-here",
        }
    }
}

/// One thing that changed.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Change {
    /// Kebab-case.
    pub(crate) rule: &'static str,
    pub(crate) severity: Severity,
    pub(crate) before_id: Option<usize>,
    pub(crate) after_id: Option<usize>,
    /// With the figures of both plans.
    pub(crate) message: String,
}

/// In the order in which changes are told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Severity {
    Critical,
    Warning,
    Better,
    Info,
}

impl Severity {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Critical => "critical",
            Self::Warning => "warning",
            Self::Better => "better",
            Self::Info => "info",
        }
    }
}

/// What the rules look at.
struct Pair<'a> {
    before: &'a Explained,
    after: &'a Explained,
    matches: &'a Matches,
}

impl<'a> Pair<'a> {
    /// Returns the matched nodes, in the order of the plan after.
    fn nodes(&self) -> impl Iterator<Item = (&'a Node, &'a Node)> {
        let (before, after) = (self.before, self.after);
        self.matches.pairs().map(move |(a, b)| (&before.plan.nodes[a], &after.plan.nodes[b]))
    }

    /// Returns the nodes that only the plan before has.
    fn removed(&self) -> impl Iterator<Item = &'a Node> {
        self.before.plan.nodes.iter().filter(|node| self.matches.after(node.id).is_none())
    }

    /// Returns the nodes that only the plan after has.
    fn added(&self) -> impl Iterator<Item = &'a Node> {
        self.after.plan.nodes.iter().filter(|node| self.matches.before(node.id).is_none())
    }
}

/// Whether the node after, with all below it, does more work than the node before, less, or about the same.
fn work(before: &Node, after: &Node) -> Ordering {
    if let (Some(before), Some(after)) = (blocks(before), blocks(after)) {
        return trend(before, after, BUFFERS_TOLERANCE, BUFFERS_FLOOR);
    }
    let cost = |node: &Node| {
        node.total_cost.unwrap_or(0.0) * node.actual.map_or(1.0, |actual| actual.loops.max(1.0))
    };
    trend(cost(before), cost(after), COST_TOLERANCE, 0.0)
}

/// Returns the severity of a change in how something is done: what matters is whether it does more work.
fn severity_of_work(before: &Node, after: &Node) -> Severity {
    match work(before, after) {
        Ordering::Greater => Severity::Warning,
        Ordering::Less => Severity::Better,
        Ordering::Equal => Severity::Info,
    }
}

/// Returns the blocks that a node and everything below it read, in memory or not, and wrote to temporary
/// files.
#[expect(clippy::cast_precision_loss, reason = "blocks are far below 2^53")]
fn blocks(node: &Node) -> Option<f64> {
    node.buffers.map(|buffers| {
        let local = buffers.local_hit.saturating_add(buffers.local_read);
        let temp = buffers.temp_read.saturating_add(buffers.temp_written);
        buffers.shared() as f64 + local as f64 + temp as f64
    })
}

/// Compares two figures; those within the tolerance (a share of the one before) or the floor are equal.
fn trend(before: f64, after: f64, tolerance: f64, floor: f64) -> Ordering {
    if (after - before).abs() <= (before * tolerance).max(floor) {
        return Ordering::Equal;
    }
    after.total_cmp(&before)
}

/// Writes how much a figure changed, as in `+186 %`.
fn percent(before: f64, after: f64) -> String {
    if before <= 0.0 { "new".to_owned() } else { format!("{:+.0} %", (after - before) / before * 100.0) }
}

type Check = fn(&Pair) -> Vec<Change>;

const RULES: [Check; 13] = [
    access_path::check,
    join_method::check,
    join_order::check,
    sort::check,
    parallelism::check,
    partial_mode::check,
    partitions::check,
    spill::check,
    estimate_drift::check,
    rows::check,
    buffers::check,
    cost::check,
    time::check,
];

/// Compares two plans.
pub(crate) fn diff(before: &Explained, after: &Explained) -> Difference {
    let matches = matching::matches(&before.plan, &after.plan);
    let pair = Pair { before, after, matches: &matches };
    let mut changes: Vec<Change> = RULES.iter().flat_map(|check| check(&pair)).collect();
    // Among equals what takes more of the statement; the sort is stable, so that rules keep their order.
    changes.sort_by(|a, b| {
        a.severity.cmp(&b.severity).then_with(|| weight(&pair, b).total_cmp(&weight(&pair, a)))
    });
    let causes = cause::causes(&pair, &changes);
    Difference {
        before_shape: shape_hash(&before.plan),
        after_shape: shape_hash(&after.plan),
        rows: rows_of(&pair),
        changes,
        causes,
    }
}

fn rows_of(pair: &Pair) -> Vec<Row> {
    let (before, after) = (&pair.before.plan, &pair.after.plan);
    let mark = |row: (Option<usize>, Option<usize>)| match row {
        (Some(old), Some(new)) => {
            let (old, new) = (&before.nodes[old], &after.nodes[new]);
            let is_same =
                old.title() == new.title() && exact_conditions(before, old) == exact_conditions(after, new);
            if is_same { Mark::Same } else { Mark::Changed }
        }
        (Some(old), None) if pair.matches.after(old).is_some() => Mark::MovedAway,
        (None, Some(new)) if pair.matches.before(new).is_some() => Mark::MovedHere,
        (Some(_), None) => Mark::Removed,
        (None, _) => Mark::Added,
    };
    let rows = pair.matches.rows().into_iter();
    rows.map(|row| Row { before_id: row.0, after_id: row.1, mark: mark(row) }).collect()
}

/// Returns the share of the statement that the changed node and everything below it takes.
fn weight(pair: &Pair, change: &Change) -> f64 {
    let share = |explained: &Explained, id: Option<usize>| {
        let whole = explained.times.whole_ms.max(f64::MIN_POSITIVE);
        id.map_or(0.0, |id| explained.times.nodes[id].total_ms / whole)
    };
    share(pair.before, change.before_id).max(share(pair.after, change.after_id))
}

/// Whether both plans were timed.
fn are_timed(pair: &Pair) -> bool {
    pair.before.times.basis == Basis::Time && pair.after.times.basis == Basis::Time
}

#[cfg(test)]
mod test_plans {
    //! Plans for the rules' tests.

    use serde_json::{Value, json};

    use super::{Change, Check, Pair, Severity, matching};
    use crate::plan::{Explained, read};

    /// Returns a node that was run once.
    pub(super) fn node(node_type: &str, rest: &Value, children: &[Value]) -> Value {
        let mut node = json!({"Node Type": node_type, "Plan Rows": 100, "Actual Rows": 100.0, "Actual Loops": 1,
                              "Total Cost": 100.0, "Plans": children});
        node.as_object_mut().unwrap().extend(rest.as_object().unwrap().clone());
        node
    }

    /// Returns a scan of the table `t` that was run once and read `blocks`.
    pub(super) fn scan(node_type: &str, blocks: u64, rest: &Value) -> Value {
        let mut scan = node(
            node_type,
            &json!({"Relation Name": "t", "Alias": "t", "Shared Hit Blocks": blocks, "Shared Read Blocks": 0}),
            &[],
        );
        scan.as_object_mut().unwrap().extend(rest.as_object().unwrap().clone());
        scan
    }

    pub(super) fn explained(plan: &Value) -> Explained {
        let plan = if plan.get("Plan").is_some() { plan.clone() } else { json!({ "Plan": plan }) };
        Explained::new(read::plan(plan).unwrap(), None)
    }

    /// Returns what a rule says of two plans, given as objects with the key `Plan` or as root nodes.
    pub(super) fn changes(check: Check, before: &Value, after: &Value) -> Vec<Change> {
        let (before, after) = (explained(before), explained(after));
        let matches = matching::matches(&before.plan, &after.plan);
        check(&Pair { before: &before, after: &after, matches: &matches })
    }

    /// Checks the rules and severities of the changes.
    pub(super) fn check(rule: Check, before: &Value, after: &Value, expected: &[(&str, Severity)]) {
        let changes = changes(rule, before, after);
        let found: Vec<(&str, Severity)> =
            changes.iter().map(|change| (change.rule, change.severity)).collect();
        assert_eq!(found, expected, "{changes:#?}");
    }
}

#[cfg(test)]
mod tests {
    //! Whole comparisons on plans of real servers: `fixtures/plans/diff/CASE/{before,after}.json`, made by
    //! `setup.sql` and the script of the same name.

    use std::fs;
    use std::path::Path;

    use super::cause::CauseKind;
    use super::*;
    use crate::plan::read;

    fn difference(case: &str) -> Difference {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/plans/diff").join(case);
        let [before, after] = ["before.json", "after.json"].map(|file| {
            let text = fs::read_to_string(folder.join(file))
                .unwrap_or_else(|error| panic!("{case}/{file}: {error}"));
            Explained::new(read::plan(serde_json::from_str(&text).unwrap()).unwrap(), None)
        });
        diff(&before, &after)
    }

    /// Checks shape, changes and causes of a case. What is told of times, which no rule judges, is left out.
    fn check(case: &str, is_same_shape: bool, changes: &[(Severity, &str)], causes: &[CauseKind]) {
        let difference = difference(case);
        let found: Vec<(Severity, &str)> = difference
            .changes
            .iter()
            .map(|change| (change.severity, change.rule))
            .filter(|(_, rule)| !matches!(*rule, "time" | "planning-time"))
            .collect();
        let found_causes: Vec<CauseKind> = difference.causes.iter().map(|cause| cause.kind).collect();
        assert_eq!(difference.is_same_shape(), is_same_shape, "{case}");
        assert_eq!((&found[..], &found_causes[..]), (changes, causes), "{case}: {difference:#?}");
    }

    #[test]
    fn indexes() {
        let index = [CauseKind::Index];
        check(
            "dropped-index",
            false,
            &[
                (Severity::Critical, "index-to-seq-scan"),
                (Severity::Warning, "buffers"),
                (Severity::Info, "cost"),
            ],
            &index,
        );
        check(
            "new-index",
            false,
            &[
                (Severity::Better, "buffers"),
                (Severity::Better, "sort-removed"),
                (Severity::Better, "seq-scan-to-index"),
                (Severity::Info, "cost"),
            ],
            &index,
        );
        check("renamed-index", false, &[(Severity::Info, "other-index")], &index);
        // The other scan of the same table keeps its index.
        check(
            "self-join",
            false,
            &[
                (Severity::Critical, "buffers"),
                (Severity::Critical, "index-to-seq-scan"),
                (Severity::Info, "cost"),
            ],
            &index,
        );
    }

    #[test]
    fn settings() {
        let settings = [CauseKind::Settings];
        check("work-mem", true, &[(Severity::Better, "spill-gone"), (Severity::Info, "cost")], &settings);
        check(
            "parallelism-lost",
            false,
            &[(Severity::Warning, "parallelism"), (Severity::Info, "partial-mode"), (Severity::Info, "cost")],
            &settings,
        );
        check(
            "pruning-lost",
            false,
            &[(Severity::Critical, "buffers"), (Severity::Warning, "partitions"), (Severity::Info, "cost")],
            &settings,
        );
        check(
            "join-method",
            false,
            &[
                (Severity::Critical, "buffers"),
                (Severity::Warning, "join-method"),
                (Severity::Warning, "seq-scan-to-index"),
                (Severity::Info, "cost"),
            ],
            &[CauseKind::Settings, CauseKind::Settings],
        );
        check(
            "join-order",
            false,
            &[
                (Severity::Better, "buffers"),
                (Severity::Better, "join-method"),
                (Severity::Better, "join-order"),
                (Severity::Better, "index-to-seq-scan"),
                (Severity::Info, "cost"),
            ],
            &settings,
        );
    }

    #[test]
    fn data_and_statistics() {
        check(
            "table-growth",
            true,
            &[(Severity::Critical, "buffers"), (Severity::Info, "cost"), (Severity::Info, "rows")],
            &[CauseKind::DataVolume],
        );
        check(
            "stale-statistics",
            true,
            &[
                (Severity::Warning, "estimate-drift"),
                (Severity::Warning, "buffers"),
                (Severity::Info, "rows"),
                (Severity::Info, "cost"),
            ],
            &[CauseKind::DataVolume],
        );
        check(
            "statistics-target",
            false,
            &[
                (Severity::Better, "estimate-improved"),
                (Severity::Info, "join-order"),
                (Severity::Info, "cost"),
            ],
            &[CauseKind::Statistics],
        );
        check("all-visible-lost", true, &[(Severity::Critical, "buffers")], &[CauseKind::Visibility]);
        check("cold-cache", true, &[], &[CauseKind::Cache]);
    }

    #[test]
    fn versions_and_generic_plans_have_the_same_shape() {
        check("major-upgrade", true, &[], &[CauseKind::Version]);
        check("generic-plan", true, &[], &[CauseKind::Statement]);
    }

    #[test]
    fn a_plan_does_not_differ_from_itself() {
        for case in fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/plans/diff")).unwrap() {
            let text = fs::read_to_string(case.unwrap().path().join("after.json")).unwrap();
            let plan = read::plan(serde_json::from_str(&text).unwrap()).unwrap();
            let explained = Explained::new(plan, None);
            let difference = diff(&explained, &explained);
            assert_eq!((difference.changes, difference.causes), (Vec::new(), Vec::new()));
        }
    }
}
