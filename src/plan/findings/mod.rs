//! What is slow in a plan, one rule a file, ranked by the time that a remedy could save.

mod avoidable_sort;
mod bitmap_and;
mod cartesian_product;
mod correlated_subplan;
mod cte_fence;
mod default_estimate;
mod disabled_node;
mod disk_sort;
mod filter_not_pushed_down;
mod fine;
mod full_page_images;
mod hash_aggregate_spill;
mod hash_batches;
mod heap_fetches;
mod incremental_sort_spill;
mod index_discards_rows;
mod indexable_seq_scan;
mod io_not_measured;
mod jit_cost;
mod join_filter_discards_rows;
mod json_filter;
mod large_offset;
mod large_seq_scan;
mod late_filter;
mod lossy_bitmap;
mod low_cache_hit;
mod many_index_searches;
mod memoize_thrash;
mod merge_join_sorts;
mod nested_loop_many_rounds;
mod nested_loop_seq_scan;
mod not_index_only;
mod or_across_tables;
mod planning_memory;
mod planning_time;
mod recheck_discards_rows;
mod rollback_hides_work;
mod row_misestimate;
mod scattered_reads;
mod seq_scan_discards_rows;
mod serialization_time;
mod slow_count;
mod stale_statistics;
mod temporary_files;
#[cfg(test)]
mod test_servers;
mod timing_overhead;
mod trigger_time;
mod unbounded_result;
mod unindexed_foreign_key;
mod unpruned_partitions;
mod unsargable_condition;
mod worker_skew;
mod workers_not_launched;
mod wrong_index_for_limit;
mod wrong_index_for_order;

use super::discarded::CostlyScan;
use super::self_time::Basis;
use super::serving;
use super::{Plan, Resources, Server, Times};
use crate::index::Definition;

/// More findings than these are noise (`research/explain.md` §6, after pgMustard's three).
const MAX_FINDINGS: usize = 5;
/// Savings below this share of the execution time are not worth a word (pgMustard's cut-off is about this).
const MIN_SHARE: f64 = 0.05;
/// … nor is anything shorter than this.
const MIN_SAVES_MS: f64 = 0.1;

/// Something that makes a plan slower than it could be.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Finding {
    /// Kebab-case; it names the defect.
    pub(crate) rule: &'static str,
    pub(crate) severity: Severity,
    pub(crate) node_id: Option<usize>,
    /// At the most, in milliseconds; `None` for a plan that was not timed, and for a note.
    pub(crate) saves_ms: Option<f64>,
    /// At the most, as a share of the execution time, or of the cost of a plan that was not timed.
    pub(crate) saves_share: f64,
    pub(crate) message: String,
    pub(crate) remedy: String,
    /// An index that might help; whether it does is for the planner to say.
    pub(crate) index: Option<Definition>,
    /// What the planner said of the index; `None` when it was not asked.
    pub(crate) index_check: Option<IndexCheck>,
}

/// The cost of a statement without and with a proposed index.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct IndexCheck {
    pub(crate) cost_before: f64,
    pub(crate) cost_after: f64,
}

impl IndexCheck {
    /// Whether the planner expects enough of the index to build it.
    pub(crate) fn helps(&self) -> bool {
        /// Costs are estimates; less than a tenth is noise.
        const MAX_SHARE_LEFT: f64 = 0.9;
        self.cost_after <= MAX_SHARE_LEFT * self.cost_before
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Severity {
    /// Half of the time or more.
    High,
    /// A tenth or more.
    Medium,
    Low,
}

impl Severity {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::High => "high",
            Self::Medium => "medium",
            Self::Low => "low",
        }
    }

    fn of_share(share: f64) -> Self {
        if share >= 0.5 {
            Self::High
        } else if share >= 0.1 {
            Self::Medium
        } else {
            Self::Low
        }
    }
}

/// What the rules look at.
#[derive(Clone, Copy)]
pub(crate) struct Subject<'a> {
    pub(crate) plan: &'a Plan,
    pub(crate) times: &'a Times,
    /// What each node itself read and wrote, by node id.
    pub(crate) resources: &'a [Resources],
    /// The statement, where it is known.
    pub(crate) sql: Option<&'a str>,
    /// What is known of the server, when there is a connection.
    pub(crate) server: Option<&'a Server>,
}

impl Subject<'_> {
    /// Returns the time that a node itself took: milliseconds, or cost units for a plan that was not timed.
    pub(crate) fn self_ms(&self, id: usize) -> f64 {
        self.times.nodes[id].self_ms
    }

    /// Returns the time of a node and everything below it, in the unit of [`Subject::self_ms`].
    pub(crate) fn total_ms(&self, id: usize) -> f64 {
        self.times.nodes[id].total_ms
    }

    /// Returns the whole time of the statement, in the unit of [`Subject::self_ms`].
    pub(crate) fn whole_ms(&self) -> f64 {
        self.times.whole_ms
    }
}

/// What a rule says of a node, before it is ranked.
#[derive(Debug, Default)]
struct Observation {
    node_id: Option<usize>,
    /// What a remedy could save at the most, in the unit of [`Subject::self_ms`]; `None` makes it a note, which is
    /// told whatever it weighs.
    saves: Option<f64>,
    message: String,
    remedy: String,
    index: Option<Definition>,
}

impl Observation {
    /// Says of a scan that an index would spare it most of its rows.
    fn of_scan(subject: &Subject, scan: CostlyScan) -> Self {
        let (remedy, index) = serving::remedy_for(subject, &scan);
        Self { node_id: Some(scan.node.id), saves: Some(scan.saves), message: scan.message, remedy, index }
    }
}

type Check = fn(&Subject) -> Vec<Observation>;

const RULES: &[(&str, Check)] = &[
    (seq_scan_discards_rows::RULE, seq_scan_discards_rows::check),
    (indexable_seq_scan::RULE, indexable_seq_scan::check),
    (unsargable_condition::RULE, unsargable_condition::check),
    (json_filter::RULE, json_filter::check),
    (large_seq_scan::RULE, large_seq_scan::check),
    (index_discards_rows::RULE, index_discards_rows::check),
    (nested_loop_seq_scan::RULE, nested_loop_seq_scan::check),
    (row_misestimate::RULE, row_misestimate::check),
    (disk_sort::RULE, disk_sort::check),
    (hash_batches::RULE, hash_batches::check),
    (lossy_bitmap::RULE, lossy_bitmap::check),
    (heap_fetches::RULE, heap_fetches::check),
    (workers_not_launched::RULE, workers_not_launched::check),
    (jit_cost::RULE, jit_cost::check),
    (wrong_index_for_limit::RULE, wrong_index_for_limit::check),
    (wrong_index_for_order::RULE, wrong_index_for_order::check),
    (not_index_only::RULE, not_index_only::check),
    (recheck_discards_rows::RULE, recheck_discards_rows::check),
    (scattered_reads::RULE, scattered_reads::check),
    (low_cache_hit::RULE, low_cache_hit::check),
    (late_filter::RULE, late_filter::check),
    (unbounded_result::RULE, unbounded_result::check),
    (large_offset::RULE, large_offset::check),
    (avoidable_sort::RULE, avoidable_sort::check),
    (cartesian_product::RULE, cartesian_product::check),
    (correlated_subplan::RULE, correlated_subplan::check),
    (cte_fence::RULE, cte_fence::check),
    (default_estimate::RULE, default_estimate::check),
    (hash_aggregate_spill::RULE, hash_aggregate_spill::check),
    (incremental_sort_spill::RULE, incremental_sort_spill::check),
    (join_filter_discards_rows::RULE, join_filter_discards_rows::check),
    (memoize_thrash::RULE, memoize_thrash::check),
    (merge_join_sorts::RULE, merge_join_sorts::check),
    (nested_loop_many_rounds::RULE, nested_loop_many_rounds::check),
    (or_across_tables::RULE, or_across_tables::check),
    (slow_count::RULE, slow_count::check),
    (stale_statistics::RULE, stale_statistics::check),
    (temporary_files::RULE, temporary_files::check),
    (unpruned_partitions::RULE, unpruned_partitions::check),
    (trigger_time::RULE, trigger_time::check),
    (io_not_measured::RULE, io_not_measured::check),
    (disabled_node::RULE, disabled_node::check),
    (planning_time::RULE, planning_time::check),
    (unindexed_foreign_key::RULE, unindexed_foreign_key::check),
    (serialization_time::RULE, serialization_time::check),
    (full_page_images::RULE, full_page_images::check),
    (worker_skew::RULE, worker_skew::check),
    (bitmap_and::RULE, bitmap_and::check),
    (many_index_searches::RULE, many_index_searches::check),
    (filter_not_pushed_down::RULE, filter_not_pushed_down::check),
    (planning_memory::RULE, planning_memory::check),
    (rollback_hides_work::RULE, rollback_hides_work::check),
    (timing_overhead::RULE, timing_overhead::check),
];

/// What the rules say of a plan.
#[derive(Debug, Default)]
pub(crate) struct Judgement {
    /// The most time saved first.
    pub(crate) findings: Vec<Finding>,
    /// What a reader should know though it saves no time.
    pub(crate) notes: Vec<Finding>,
    /// What a reader might worry about, but need not.
    pub(crate) fine: Vec<Fine>,
}

/// Something that is all right, and why.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Fine {
    pub(crate) node_id: Option<usize>,
    pub(crate) message: String,
}

/// Returns the findings worth reading, and the notes.
pub(crate) fn judge(subject: &Subject) -> Judgement {
    let whole = subject.whole_ms();
    let is_timed = subject.times.basis == Basis::Time;
    let mut judgement = Judgement::default();
    for (rule, check) in RULES {
        for Observation { node_id, saves, message, remedy, index } in check(subject) {
            let saves_share =
                saves.map_or(0.0, |saves| (saves / whole.max(f64::MIN_POSITIVE)).clamp(0.0, 1.0));
            let finding = Finding {
                rule,
                severity: Severity::of_share(saves_share),
                node_id,
                saves_ms: saves.filter(|_| is_timed),
                saves_share,
                message,
                remedy,
                index,
                index_check: None,
            };
            match saves {
                None => judgement.notes.push(finding),
                Some(saves) if saves_share >= MIN_SHARE && (!is_timed || saves >= MIN_SAVES_MS) => {
                    judgement.findings.push(finding);
                }
                Some(_) => {}
            }
        }
    }
    // What is blamed is not called fine.
    let is_blamed = |id| judgement.findings.iter().any(|finding| finding.node_id == Some(id));
    judgement.fine =
        fine::fine(subject).into_iter().filter(|fact| !fact.node_id.is_some_and(is_blamed)).collect();
    judgement
        .findings
        .sort_by(|a, b| b.saves_share.total_cmp(&a.saves_share).then(a.node_id.cmp(&b.node_id)));
    // One index is proposed once, by the finding that it serves best.
    let mut proposed: Vec<Definition> = Vec::new();
    judgement.findings.retain(|finding| match &finding.index {
        Some(index) if proposed.contains(index) => false,
        Some(index) => {
            proposed.push(index.clone());
            true
        }
        None => true,
    });
    judgement.findings.truncate(MAX_FINDINGS);
    judgement
}

#[cfg(test)]
mod test_plans {
    //! Plans for the rules' tests.

    use serde_json::{Value, json};

    use super::{Check, Observation, Subject};
    use crate::plan::{Server, read, resources, times_or_costs};

    /// Returns a node that ran once for `ms` milliseconds.
    pub(super) fn node(node_type: &str, ms: f64, rows: f64, rest: &Value, children: &[Value]) -> Value {
        let mut node = json!({"Node Type": node_type, "Actual Total Time": ms, "Actual Rows": rows,
                              "Plan Rows": rows, "Actual Loops": 1, "Plans": children});
        node.as_object_mut().unwrap().extend(rest.as_object().unwrap().clone());
        node
    }

    /// Returns the milliseconds that a rule would save on a plan with this root.
    pub(super) fn saves(check: Check, root: &Value) -> Vec<f64> {
        let execution_ms = root["Actual Total Time"].clone();
        check_plan(check, json!({"Plan": root, "Execution Time": execution_ms}))
            .into_iter()
            .filter_map(|observation| Some(observation.saves?.round()))
            .collect()
    }

    /// Returns what a rule says of a plan in EXPLAIN's JSON format.
    pub(super) fn check_plan(check: Check, plan: Value) -> Vec<Observation> {
        check_plan_on(check, plan, None)
    }

    /// … where something is known of the server.
    pub(super) fn check_plan_on(check: Check, plan: Value, server: Option<&Server>) -> Vec<Observation> {
        let plan = read::plan(plan).unwrap();
        let times = times_or_costs(&plan);
        let resources = resources(&plan, &times);
        check(&Subject { plan: &plan, times: &times, resources: &resources, sql: None, server })
    }
}

#[cfg(test)]
mod tests {
    //! Each rule on plans of real servers: `fixtures/plans/findings/RULE/{failing,passing}.json`, made by the script
    //! of the same name ending in `.sql`.

    use std::fs;
    use std::path::Path;

    use super::*;
    use crate::plan::{Explained, read};

    fn rules_that_speak(path: &Path) -> Vec<&'static str> {
        let text = fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let plan = read::plan(serde_json::from_str(&text).unwrap()).unwrap();
        let explained = Explained::new(plan, None);
        let (times, resources) = (&explained.times, &explained.resources);
        let subject = Subject { plan: &explained.plan, times, resources, sql: None, server: None };
        RULES.iter().filter(|(_, check)| !check(&subject).is_empty()).map(|(rule, _)| *rule).collect()
    }

    #[test]
    fn every_rule_speaks_on_its_failing_plan_alone() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/plans/findings");
        // What only the server knows is tested beside the rule, on the plans of its folder.
        for (rule, _) in RULES.iter().filter(|(rule, _)| *rule != stale_statistics::RULE) {
            let spoken = rules_that_speak(&folder.join(rule).join("failing.json"));
            assert!(spoken.contains(rule), "{rule} is silent on its failing plan; {spoken:?} speak");
            let spoken = rules_that_speak(&folder.join(rule).join("passing.json"));
            assert!(!spoken.contains(rule), "{rule} speaks on its passing plan");
        }
    }
}
