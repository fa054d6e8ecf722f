//! What is slow in a plan, one rule a file, ranked by the time that a remedy could save.

mod disk_sort;
mod hash_batches;
mod heap_fetches;
mod index_discards_rows;
mod jit_cost;
mod lossy_bitmap;
mod nested_loop_seq_scan;
mod row_misestimate;
mod seq_scan_discards_rows;
mod workers_not_launched;

use super::{Plan, Times};

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
    /// At the most, in milliseconds.
    pub(crate) saves_ms: f64,
    pub(crate) message: String,
    pub(crate) remedy: String,
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

/// What a rule says of a node, before it is ranked.
struct Observation {
    node_id: Option<usize>,
    saves_ms: f64,
    message: String,
    remedy: String,
}

type Check = fn(&Plan, &Times) -> Vec<Observation>;

const RULES: [(&str, Check); 10] = [
    (seq_scan_discards_rows::RULE, seq_scan_discards_rows::check),
    (index_discards_rows::RULE, index_discards_rows::check),
    (nested_loop_seq_scan::RULE, nested_loop_seq_scan::check),
    (row_misestimate::RULE, row_misestimate::check),
    (disk_sort::RULE, disk_sort::check),
    (hash_batches::RULE, hash_batches::check),
    (lossy_bitmap::RULE, lossy_bitmap::check),
    (heap_fetches::RULE, heap_fetches::check),
    (workers_not_launched::RULE, workers_not_launched::check),
    (jit_cost::RULE, jit_cost::check),
];

/// Returns the findings worth reading, the most time saved first.
pub(crate) fn findings(plan: &Plan, times: &Times) -> Vec<Finding> {
    let execution_ms = plan.execution_ms.or(times.nodes.first().map(|root| root.total_ms)).unwrap_or(0.0);
    let mut findings: Vec<Finding> = RULES
        .iter()
        .flat_map(|(rule, check)| check(plan, times).into_iter().map(move |observation| (*rule, observation)))
        .filter(|(_, observation)| {
            observation.saves_ms >= MIN_SAVES_MS && observation.saves_ms >= MIN_SHARE * execution_ms
        })
        .map(|(rule, Observation { node_id, saves_ms, message, remedy })| {
            let severity = Severity::of_share(saves_ms / execution_ms.max(f64::MIN_POSITIVE));
            Finding { rule, severity, node_id, saves_ms, message, remedy }
        })
        .collect();
    findings.sort_by(|a, b| b.saves_ms.total_cmp(&a.saves_ms).then(a.node_id.cmp(&b.node_id)));
    findings.truncate(MAX_FINDINGS);
    findings
}

#[cfg(test)]
mod test_plans {
    //! Plans for the rules' tests.

    use serde_json::{Value, json};

    use super::Check;
    use crate::plan::{read, times};

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
        let plan = read::plan(json!({"Plan": root, "Execution Time": execution_ms})).unwrap();
        check(&plan, &times(&plan).unwrap())
            .into_iter()
            .map(|observation| observation.saves_ms.round())
            .collect()
    }
}
