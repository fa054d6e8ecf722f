//! A plan held against its contract. Access paths, spills, blocks and rows come first: they are the same in
//! every run. Times come last.

use super::{Contract, Names};
use crate::plan::misestimate::verdict;
use crate::plan::rows::estimate as row_estimate;
use crate::plan::spill::{SpillKind, spill};
use crate::plan::{Explained, Node, shape_hash};
use crate::unit::{count, estimate, milliseconds};

/// A sequential scan that costs less, or reads fewer blocks, is of no concern (regresql's limits) except on a
/// critical table.
const TINY_COST: f64 = 10.0;
const TINY_BLOCKS: u64 = 10;

/// A rule that a plan breaks.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Violation {
    /// The rule's name in perfkit.yaml.
    pub(crate) rule: &'static str,
    pub(crate) node_id: Option<usize>,
    pub(crate) expected: String,
    pub(crate) actual: String,
    pub(crate) message: String,
}

impl Violation {
    /// Whether another run of the same plan may well meet the rule.
    pub(crate) fn is_noisy(&self) -> bool {
        self.rule.ends_with("_ms")
    }
}

/// Returns the rules that the plan breaks. What was not measured is broken too: a gate that cannot see does
/// not pass.
pub(crate) fn violations(contract: &Contract, explained: &Explained) -> Vec<Violation> {
    [indexes, seq_scans, critical_tables, spills, blocks, rows, estimates, cost, shape, times]
        .iter()
        .flat_map(|rule| rule(contract, explained))
        .collect()
}

/// Returns the names of the indexes that a plan uses.
pub(super) fn used_indexes(explained: &Explained) -> Vec<&str> {
    let mut names: Vec<&str> = explained.plan.nodes.iter().filter_map(|node| node.index.as_deref()).collect();
    names.sort_unstable();
    names.dedup();
    names
}

/// Returns the sequential scans of tables, which have a name each.
pub(super) fn seq_scans(contract: &Contract, explained: &Explained) -> Vec<Violation> {
    let mut violations = Vec::new();
    for (node, table) in sequential(explained) {
        if is_tiny(node) {
            continue;
        }
        let is_forbidden = match &contract.no_seq_scan {
            Names::None => false,
            Names::All => true,
            Names::These(tables) => tables.iter().any(|name| is_named(node, name)),
        };
        if is_forbidden {
            violations.push(Violation {
                rule: "no_seq_scan",
                node_id: Some(node.id),
                expected: format!("no sequential scan of {table}"),
                actual: node.title(),
                message: format!(
                    "{} reads {} rows, and no sequential scan is allowed",
                    node.title(),
                    read(node)
                ),
            });
        }
    }
    let Some(limits) = &contract.max_seq_scan_rows else { return violations };
    for (node, table) in sequential(explained) {
        let limit = limits.of(table).or_else(|| limits.of(&qualified(node)?));
        if let Some(limit) = limit.filter(|limit| rows_read(node) > *limit) {
            violations.push(Violation {
                rule: "max_seq_scan_rows",
                node_id: Some(node.id),
                expected: format!("at most {} rows", estimate(limit)),
                actual: format!("{} rows", read(node)),
                message: format!(
                    "{} reads {} rows, {} are allowed",
                    node.title(),
                    read(node),
                    estimate(limit)
                ),
            });
        }
    }
    violations
}

pub(super) fn sequential(explained: &Explained) -> impl Iterator<Item = (&Node, &str)> {
    explained
        .plan
        .nodes
        .iter()
        .filter(|node| node.is_a("Seq Scan"))
        .filter_map(|node| Some((node, node.relation.as_deref()?)))
}

/// Returns the rows that one scan looked at, by all processes; the expected ones that passed its filter when
/// it was not run.
pub(super) fn rows_read(node: &Node) -> f64 {
    match node.actual {
        Some(actual) => {
            let removed = node.number("Rows Removed by Filter").unwrap_or(0.0);
            // A parallel scan is one scan: its loops are processes.
            let processes = if node.node_type.starts_with("Parallel ") { actual.loops } else { 1.0 };
            (actual.rows + removed) * processes
        }
        None => node.plan_rows.unwrap_or(0.0),
    }
}

fn read(node: &Node) -> String {
    let rows = estimate(rows_read(node));
    if node.actual.is_some() { rows } else { format!("at least {rows}") }
}

fn is_tiny(node: &Node) -> bool {
    match node.buffers {
        Some(buffers) => buffers.shared() < TINY_BLOCKS,
        None => node.total_cost.is_some_and(|cost| cost < TINY_COST),
    }
}

fn qualified(node: &Node) -> Option<String> {
    Some(format!("{}.{}", node.schema.as_deref()?, node.relation.as_deref()?))
}

/// Whether a node's table has this name, with or without its schema.
fn is_named(node: &Node, name: &str) -> bool {
    node.relation.as_deref() == Some(name) || qualified(node).as_deref() == Some(name)
}

fn indexes(contract: &Contract, explained: &Explained) -> Vec<Violation> {
    let rule = "must_use_index";
    match &contract.must_use_index {
        Names::None => Vec::new(),
        Names::All => sequential(explained)
            .filter(|(node, _)| node.text("Filter").is_some())
            .map(|(node, table)| Violation {
                rule,
                node_id: Some(node.id),
                expected: format!("{table} read by an index"),
                actual: node.title(),
                message: format!(
                    "{} filters {} rows by {} without an index",
                    node.title(),
                    read(node),
                    node.text("Filter").unwrap_or_default()
                ),
            })
            .collect(),
        Names::These(names) => {
            let used = used_indexes(explained);
            let list = if used.is_empty() { "no index".to_owned() } else { used.join(", ") };
            names
                .iter()
                .filter(|name| !used.contains(&name.as_str()))
                .map(|name| Violation {
                    rule,
                    node_id: None,
                    expected: format!("index {name}"),
                    actual: list.clone(),
                    message: format!("index {name} is not used, but {list}"),
                })
                .collect()
        }
    }
}

fn critical_tables(contract: &Contract, explained: &Explained) -> Vec<Violation> {
    sequential(explained)
        .filter(|(node, _)| contract.critical_tables.iter().any(|name| is_named(node, name)))
        .map(|(node, table)| Violation {
            rule: "critical_tables",
            node_id: Some(node.id),
            expected: format!("no sequential scan of {table}"),
            actual: node.title(),
            message: format!("{} reads the critical table {table} from end to end", node.title()),
        })
        .collect()
}

fn spills(contract: &Contract, explained: &Explained) -> Vec<Violation> {
    let mut violations = Vec::new();
    for node in &explained.plan.nodes {
        let Some(found) = spill(node) else { continue };
        let (rule, thing) = match found.kind {
            SpillKind::Sort if contract.no_disk_sort => ("no_disk_sort", "sort in memory"),
            _ if contract.no_spill => ("no_spill", "no temporary files"),
            _ => continue,
        };
        let actual = match (found.disk_kb, found.batches) {
            (Some(kb), _) => format!("{} kB of temporary files", estimate(kb)),
            (None, Some(batches)) => format!("{} batches", estimate(batches)),
            (None, None) => "temporary files".to_owned(),
        };
        violations.push(Violation {
            rule,
            node_id: Some(node.id),
            expected: thing.to_owned(),
            message: format!("{} did not fit into memory: {actual}", node.title()),
            actual,
        });
    }
    let has_spill = |rule| violations.iter().any(|violation| violation.rule == rule);
    if contract.no_spill && !has_spill("no_spill") && !has_spill("no_disk_sort") {
        let temp =
            explained.plan.nodes.first().and_then(|root| root.buffers).map(|buffers| buffers.temp_written);
        if let Some(written) = temp.filter(|written| *written > 0) {
            violations.push(Violation {
                rule: "no_spill",
                node_id: Some(0),
                expected: "no temporary files".to_owned(),
                actual: format!("{} blocks", count(written)),
                message: format!("the statement wrote {} blocks of temporary files", count(written)),
            });
        }
    }
    // Only what was run can have spilled.
    let unmeasured = [("no_disk_sort", contract.no_disk_sort), ("no_spill", contract.no_spill)];
    if !explained.plan.is_analyzed() {
        violations.extend(
            unmeasured
                .into_iter()
                .filter(|(_, asked)| *asked)
                .map(|(rule, _)| not_measured(rule, "no temporary files".to_owned(), "ANALYZE")),
        );
    }
    violations
}

fn not_measured(rule: &'static str, expected: String, option: &str) -> Violation {
    Violation {
        rule,
        node_id: None,
        message: format!("{rule} was not measured: the plan is without {option}"),
        expected,
        actual: "not measured".to_owned(),
    }
}

fn blocks(contract: &Contract, explained: &Explained) -> Vec<Violation> {
    let buffers = explained.plan.nodes.first().and_then(|root| root.buffers);
    [
        (
            "max_shared_blocks",
            contract.max_shared_blocks,
            buffers.map(|buffers| buffers.shared()),
            "shared blocks",
        ),
        (
            "max_temp_blocks",
            contract.max_temp_blocks,
            buffers.map(|buffers| buffers.temp_written),
            "temporary blocks",
        ),
    ]
    .into_iter()
    .filter_map(|(rule, limit, actual, unit)| {
        let limit = limit?;
        let expected = format!("at most {} {unit}", count(limit));
        let Some(actual) = actual else { return Some(not_measured(rule, expected, "BUFFERS")) };
        (actual > limit).then(|| Violation {
            rule,
            node_id: Some(0),
            expected,
            actual: format!("{} {unit}", count(actual)),
            message: format!("{} {unit}, {} are allowed", count(actual), count(limit)),
        })
    })
    .collect()
}

fn rows(contract: &Contract, explained: &Explained) -> Vec<Violation> {
    let (Some(limit), Some(root)) = (contract.max_rows, explained.plan.nodes.first()) else {
        return Vec::new();
    };
    // What changes rows returns none without RETURNING; the rows come from below.
    let source =
        if root.is_a("ModifyTable") { explained.plan.children(0).next().unwrap_or(root) } else { root };
    let expected = format!("at most {} rows", estimate(limit));
    let Some(actual) = source.rows_in_all() else {
        return vec![not_measured("max_rows", expected, "ANALYZE")];
    };
    if actual <= limit {
        return Vec::new();
    }
    vec![Violation {
        rule: "max_rows",
        node_id: Some(source.id),
        expected,
        actual: format!("{} rows", estimate(actual)),
        message: format!("{} rows, {} are allowed", estimate(actual), estimate(limit)),
    }]
}

fn estimates(contract: &Contract, explained: &Explained) -> Vec<Violation> {
    let Some(limit) = contract.max_q_error else { return Vec::new() };
    let expected = format!("at most {limit}×");
    let plan = &explained.plan;
    if !plan.is_analyzed() {
        return vec![not_measured("max_q_error", expected, "ANALYZE")];
    }
    // The worst one says enough; on a draw the lowest, where the error starts.
    let worst = plan
        .nodes
        .iter()
        .filter_map(|node| {
            Some((node, row_estimate(plan, node.id).filter(|estimate| estimate.excuse.is_none())?))
        })
        .max_by(|a, b| a.1.factor.total_cmp(&b.1.factor).then(a.0.id.cmp(&b.0.id)));
    let Some((node, worst)) = worst.filter(|(_, worst)| worst.factor > limit) else { return Vec::new() };
    vec![Violation {
        rule: "max_q_error",
        node_id: Some(node.id),
        expected,
        actual: format!("{:.1}×", worst.factor),
        message: format!(
            "row estimate of {} is off by {:.1}×, {limit}× is allowed ({})",
            node.title(),
            worst.factor,
            verdict(&worst)
        ),
    }]
}

fn cost(contract: &Contract, explained: &Explained) -> Vec<Violation> {
    let Some(limit) = contract.max_cost else { return Vec::new() };
    let expected = format!("at most {limit:.2}");
    let Some(cost) = explained.plan.nodes.first().and_then(|root| root.total_cost) else {
        return vec![not_measured("max_cost", expected, "COSTS")];
    };
    if cost <= limit {
        return Vec::new();
    }
    vec![Violation {
        rule: "max_cost",
        node_id: Some(0),
        expected,
        actual: format!("{cost:.2}"),
        message: format!("cost {cost:.2}, {limit:.2} is allowed"),
    }]
}

fn shape(contract: &Contract, explained: &Explained) -> Vec<Violation> {
    let Some(expected) = &contract.shape else { return Vec::new() };
    let actual = shape_hash(&explained.plan);
    if actual.eq_ignore_ascii_case(expected) {
        return Vec::new();
    }
    vec![Violation {
        rule: "shape",
        node_id: None,
        message: format!("the plan has another shape: {actual} instead of {expected}"),
        expected: expected.clone(),
        actual,
    }]
}

fn times(contract: &Contract, explained: &Explained) -> Vec<Violation> {
    let plan = &explained.plan;
    [
        ("max_planning_ms", contract.max_planning_ms, plan.planning_ms, "planning"),
        ("max_execution_ms", contract.max_execution_ms, plan.execution_ms, "execution"),
    ]
    .into_iter()
    .filter_map(|(rule, limit, actual, word)| {
        let limit = limit?;
        let expected = format!("at most {} ms", milliseconds(limit));
        let Some(actual) = actual else { return Some(not_measured(rule, expected, "SUMMARY")) };
        (actual > limit).then(|| Violation {
            rule,
            node_id: None,
            expected,
            actual: format!("{} ms", milliseconds(actual)),
            message: format!(
                "{word} took {} ms, {} ms are allowed; times are noisy",
                milliseconds(actual),
                milliseconds(limit)
            ),
        })
    })
    .collect()
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::plan::read;
    use crate::yaml;
    use serde_json::{Value, json};

    fn explained(plan: Value) -> Explained {
        Explained { name: Some("a".to_owned()), ..Explained::new(read::plan(plan).unwrap(), None) }
    }

    fn check(rules: &str, plan: &Value, expected: &[&str]) {
        let contract: Contract =
            yaml::parse(Path::new("perfkit.yaml"), &format!("{{statement: a, {rules}}}")).unwrap();
        let found = violations(&contract, &explained(plan.clone()));
        let rules: Vec<&str> = found.iter().map(|violation| violation.rule).collect();
        assert_eq!(rules, expected, "{found:#?}");
        assert!(rules.iter().all(|rule| contract.rules().contains(rule)));
    }

    fn seq_scan() -> Value {
        json!({"Plan": {
            "Node Type": "Sort", "Sort Key": ["b"], "Sort Space Type": "Disk", "Sort Space Used": 900, "Total Cost": 700.5,
            "Plan Rows": 10, "Actual Rows": 900.0, "Actual Loops": 1, "Shared Hit Blocks": 300, "Shared Read Blocks": 40,
            "Temp Written Blocks": 110, "Plans": [
                {"Node Type": "Seq Scan", "Schema": "s", "Relation Name": "t", "Alias": "t", "Filter": "(a = 5)", "Plan Rows": 10,
                 "Actual Rows": 900.0, "Actual Loops": 1, "Rows Removed by Filter": 100, "Shared Hit Blocks": 300,
                 "Shared Read Blocks": 40},
            ],
        }, "Planning Time": 0.5, "Execution Time": 9.0})
    }

    fn index_scan() -> Value {
        json!({"Plan": {
            "Node Type": "Index Scan", "Relation Name": "t", "Alias": "t", "Index Name": "i", "Index Cond": "(a = 5)",
            "Total Cost": 8.3, "Plan Rows": 1, "Actual Rows": 1.0, "Actual Loops": 1, "Shared Hit Blocks": 4,
            "Shared Read Blocks": 0,
        }, "Planning Time": 0.5, "Execution Time": 0.1})
    }

    #[test]
    fn a_plan_breaks_each_rule_or_none() {
        for (rules, broken) in [
            ("must_use_index: true", "must_use_index"),
            ("must_use_index: i", "must_use_index"),
            ("no_seq_scan: true", "no_seq_scan"),
            ("no_seq_scan: [u, t]", "no_seq_scan"),
            ("no_seq_scan: s.t", "no_seq_scan"),
            ("max_seq_scan_rows: 999", "max_seq_scan_rows"),
            ("max_seq_scan_rows: {s.t: 999}", "max_seq_scan_rows"),
            ("critical_tables: [t]", "critical_tables"),
            ("no_disk_sort: true", "no_disk_sort"),
            ("no_spill: true", "no_spill"),
            ("max_shared_blocks: 339", "max_shared_blocks"),
            ("max_temp_blocks: 0", "max_temp_blocks"),
            ("max_rows: 899", "max_rows"),
            ("max_q_error: 10", "max_q_error"),
            ("max_cost: 700", "max_cost"),
            ("shape: \"0123456789abcdef\"", "shape"),
            ("max_execution_ms: 5", "max_execution_ms"),
            ("max_planning_ms: 0.1", "max_planning_ms"),
        ] {
            check(rules, &seq_scan(), &[broken]);
            if !matches!(broken, "shape" | "max_planning_ms") {
                check(rules, &index_scan(), &[]);
            }
        }
    }

    #[test]
    fn limits_are_allowed_themselves() {
        let limits = "max_shared_blocks: 340, max_seq_scan_rows: 1000, max_rows: 900, max_temp_blocks: 110, \
                      no_seq_scan: u, max_seq_scan_rows: {u: 1}";
        let limits = limits.replacen("max_seq_scan_rows: 1000, ", "", 1);
        check(&limits, &seq_scan(), &[]);
        check("max_seq_scan_rows: 1000", &seq_scan(), &[]);
    }

    #[test]
    fn tiny_tables_may_be_scanned_unless_critical() {
        let mut tiny = seq_scan();
        tiny["Plan"]["Plans"][0]["Shared Hit Blocks"] = json!(2);
        tiny["Plan"]["Plans"][0]["Shared Read Blocks"] = json!(0);
        check("no_seq_scan: true", &tiny, &[]);
        check("critical_tables: [t]", &tiny, &["critical_tables"]);
    }

    #[test]
    fn what_was_not_measured_is_broken() {
        let plan = json!({"Plan": {"Node Type": "Result"}});
        let rules = "no_spill: true, max_shared_blocks: 5, max_rows: 5, max_q_error: 5, max_cost: 5, max_execution_ms: 5";
        let expected =
            ["no_spill", "max_shared_blocks", "max_rows", "max_q_error", "max_cost", "max_execution_ms"];
        check(rules, &plan, &expected);
    }

    #[test]
    fn blocks_and_rows_come_before_times() {
        let rules = "max_execution_ms: 1, max_rows: 1, max_shared_blocks: 1";
        check(rules, &seq_scan(), &["max_shared_blocks", "max_rows", "max_execution_ms"]);
    }

    #[test]
    fn messages_have_both_figures() {
        let contract = Contract { max_shared_blocks: Some(12), ..Contract::default() };
        let found = violations(&contract, &explained(seq_scan()));
        assert_eq!(found[0].message, "340 shared blocks, 12 are allowed");
        assert_eq!(
            (found[0].expected.as_str(), found[0].actual.as_str()),
            ("at most 12 shared blocks", "340 shared blocks")
        );
        assert!(!found[0].is_noisy());
    }
}
