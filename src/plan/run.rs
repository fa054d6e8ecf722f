//! Several runs of one statement: the one to show, and how far they lie apart.

use super::node::Plan;
use super::shape_hash;

/// How long the runs of a statement took.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Runs {
    pub(crate) n_runs: usize,
    pub(crate) median_ms: f64,
    pub(crate) min_ms: f64,
    pub(crate) max_ms: f64,
}

/// Returns the run whose Execution Time is the median (the lower one of an even number), and the spread of all.
/// `None` without runs.
pub(crate) fn median(mut plans: Vec<Plan>) -> Option<(Plan, Runs)> {
    let execution_ms = |plan: &Plan| plan.execution_ms.unwrap_or(0.0);
    plans.sort_by(|a, b| execution_ms(a).total_cmp(&execution_ms(b)));
    let runs = Runs {
        n_runs: plans.len(),
        min_ms: execution_ms(plans.first()?),
        max_ms: execution_ms(plans.last()?),
        median_ms: execution_ms(&plans[(plans.len() - 1) / 2]),
    };
    let middle = (plans.len() - 1) / 2;
    Some((plans.swap_remove(middle), runs))
}

/// The same statement with other values.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Alternative {
    /// What the values stand for: `typical`, `common`, `rare`, or `generic plan` for none at all.
    pub(crate) values: String,
    pub(crate) parameters: Vec<Option<String>>,
    pub(crate) total_cost: Option<f64>,
    /// `None` when it was planned alone, or failed.
    pub(crate) execution_ms: Option<f64>,
    pub(crate) rows: Option<f64>,
    /// Whether the plan has the shape of the one that is shown; `None` when there is none.
    pub(crate) is_same_plan: Option<bool>,
    /// Why there is no plan.
    pub(crate) error: Option<String>,
}

impl Alternative {
    /// Compares a plan with the one that is shown.
    pub(crate) fn of_plan(values: &str, parameters: Vec<Option<String>>, plan: &Plan, shown: &Plan) -> Self {
        let root = plan.nodes.first();
        Self {
            values: values.to_owned(),
            parameters,
            total_cost: root.and_then(|root| root.total_cost),
            execution_ms: plan.execution_ms,
            rows: root.and_then(super::node::Node::rows_in_all),
            is_same_plan: Some(shape_hash(plan) == shape_hash(shown)),
            error: None,
        }
    }

    pub(crate) fn failed(values: &str, parameters: Vec<Option<String>>, error: String) -> Self {
        Self {
            values: values.to_owned(),
            parameters,
            total_cost: None,
            execution_ms: None,
            rows: None,
            is_same_plan: None,
            error: Some(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(execution_ms: f64) -> Plan {
        Plan { execution_ms: Some(execution_ms), ..Plan::default() }
    }

    #[test]
    fn takes_the_run_in_the_middle() {
        let (shown, runs) = median([9.0, 1.0, 4.0, 2.0].map(plan).into()).unwrap();
        assert_eq!(shown.execution_ms, Some(2.0));
        assert_eq!(runs, Runs { n_runs: 4, median_ms: 2.0, min_ms: 1.0, max_ms: 9.0 });
        assert_eq!(median(Vec::new()), None);
    }
}
