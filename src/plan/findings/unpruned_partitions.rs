//! Partitions are read that have no row of the result.
//!
//! Why it matters: a condition on the partition key would have kept the planner from opening them. Example:
//! events by month, asked for one user without a date. Remedy: a condition on the key's bare column. Wrong
//! when: nothing about the key is known when the statement is written; then an index that leads with the
//! tested columns in each partition keeps the price of an empty one low.

use super::{Observation, Subject};
use crate::plan::{Node, Plan};
use crate::query::condition::{Condition, Operator, columns, conditions};
use crate::unit::count;

pub(super) const RULE: &str = "unpruned-partitions";
/// Empty partitions below which a range that was pruned as far as can be looks the same: a quarter by months
/// has two.
const MIN_EMPTY: usize = 4;
/// Share of the partitions that must be empty (`research/explain.md` §2, rule 34: half).
const MIN_EMPTY_SHARE: f64 = 0.5;

pub(super) fn check(subject: &Subject) -> Vec<Observation> {
    let appends = subject.plan.nodes.iter().filter(|node| node.is_a("Append") || node.is_a("Merge Append"));
    appends.filter_map(|append| observation(subject, append)).collect()
}

fn observation(subject: &Subject, append: &Node) -> Option<Observation> {
    let plan = subject.plan;
    // Where some were removed at the start of execution, pruning does its work.
    if append.number("Subplans Removed").is_some_and(|removed| removed > 0.0) {
        return None;
    }
    let children: Vec<(&Node, &Node)> = plan
        .children(append.id)
        .filter(|child| !child.is_init_plan() && child.is_run())
        .map(|child| Some((child, scan_in(plan, child)?)))
        .collect::<Option<_>>()?;
    let table = parent_table(subject, &children)?;
    let empty: Vec<f64> = children
        .iter()
        .map(|(child, scan)| (subject.total_ms(child.id), in_vain(plan, scan)))
        .filter_map(|(ms, in_vain)| (in_vain > 0.0).then_some(ms * in_vain))
        .collect();
    let n_empty = empty.len();
    #[expect(clippy::cast_precision_loss, reason = "numbers of partitions")]
    let is_rare = (n_empty as f64) < MIN_EMPTY_SHARE * children.len() as f64;
    if n_empty < MIN_EMPTY || is_rare {
        return None;
    }
    let every_time = if plan.nodes[append.id].actual?.loops > 1.0 { " mostly" } else { "" };
    Some(Observation {
        node_id: Some(append.id),
        saves: Some(empty.iter().sum()),
        message: format!(
            "{} of {} partitions of {} were read and{every_time} gave no row",
            count(n_empty as u64),
            count(children.len() as u64),
            table.name
        ),
        remedy: remedy(&table, &children)?,
        index: None,
    })
}

/// Returns the scan of a table below a node that has one child after the other.
fn scan_in<'p>(plan: &'p Plan, mut node: &'p Node) -> Option<&'p Node> {
    while node.relation.is_none() {
        let mut children = plan.children(node.id).filter(|child| !child.is_init_plan());
        node = children.next()?;
        if children.next().is_some() {
            return None;
        }
    }
    Some(node)
}

/// Returns the share of a scan's executions that certainly gave no row. Rows are averages over the loops: `0`
/// is up to half a row a loop, from PostgreSQL 18 up to half a hundredth.
fn in_vain(plan: &Plan, scan: &Node) -> f64 {
    let Some(actual) = scan.actual else { return 0.0 };
    let half_unit = match (actual.loops <= 1.0, plan.has_fractional_rows) {
        (true, _) => 0.0,
        (false, true) => 0.005,
        (false, false) => 0.5,
    };
    (1.0 - actual.rows - half_unit).max(0.0)
}

/// A partitioned table, with the columns and the method of its key where they are known.
struct Partitioned {
    name: String,
    key: Option<(String, Vec<String>)>,
}

/// Returns the table whose partitions the scans read; `None` when they are other tables, as in a UNION ALL.
fn parent_table(subject: &Subject, children: &[(&Node, &Node)]) -> Option<Partitioned> {
    let (_, first) = children.first()?;
    if let Some(server) = subject.server
        && let Some(table) = server.table(first.schema.as_deref(), first.relation.as_deref()?)
    {
        let (parent, _) = table.partition_of.as_ref()?;
        let mut parent = server.catalog.table_by_oid(*parent)?;
        while let Some(above) = parent.partition_of.as_ref() {
            parent = server.catalog.table_by_oid(above.0)?;
        }
        let key = parent.partition_key.as_deref().and_then(|key| key.split_once(' ')).map(|(method, key)| {
            (method.to_owned(), columns(key).into_iter().map(|column| column.name).collect())
        });
        return Some(Partitioned { name: parent.name.clone(), key });
    }
    // EXPLAIN numbers the partitions of `t` as `t_1`, `t_2`, …
    let base = |scan: &Node| {
        let (base, number) = scan.alias.as_deref()?.rsplit_once('_')?;
        number.parse::<u32>().is_ok().then(|| base.to_owned())
    };
    let name = base(first)?;
    let are_partitions = children.iter().all(|(_, scan)| base(scan).as_ref() == Some(&name));
    are_partitions.then_some(Partitioned { name, key: None })
}

/// Says why nothing was pruned; `None` when the statement has done what can be done.
fn remedy(table: &Partitioned, children: &[(&Node, &Node)]) -> Option<String> {
    let Some((method, key)) = table.key.as_ref().filter(|(_, key)| !key.is_empty()) else {
        return Some(format!(
            "Give the statement a condition on the bare partition key of {}, with a value that is known \
             before the partitions are opened. A function or cast around the key, or a value that comes from \
             a hash or merge join, prunes nothing.",
            table.name
        ));
    };
    let tested = tested_conditions(children);
    let on_key: Vec<&Condition> = tested
        .iter()
        .filter(|condition| condition.column.as_ref().is_some_and(|column| key.contains(&column.name)))
        .collect();
    let names = key.join(", ");
    if on_key.is_empty() {
        return Some(format!(
            "No condition tests {names}, by which {} is partitioned: add one that all wanted rows meet.",
            table.name
        ));
    }
    let can_prune = |condition: &&&Condition| {
        condition.wrapping.is_none()
            && (method != "HASH" || matches!(condition.operator, Operator::Equal | Operator::Any))
    };
    if on_key.iter().any(|condition| can_prune(&condition)) {
        return None;
    }
    let sql = &on_key[0].sql;
    Some(match &on_key[0].wrapping {
        Some(_) => format!(
            "{sql} computes with {names}, by which {} is partitioned: compare the bare column with a value \
             or range.",
            table.name
        ),
        None => format!(
            "{} is partitioned by the hash of {names}, which {sql} cannot prune: only equality with all of \
             its columns can.",
            table.name
        ),
    })
}

/// Returns the conditions that the first partition's scan tests, the index below it included.
fn tested_conditions(children: &[(&Node, &Node)]) -> Vec<Condition> {
    let Some((_, scan)) = children.first() else { return Vec::new() };
    let keys = ["Filter", "Index Cond", "Recheck Cond"];
    keys.iter().filter_map(|key| scan.text(key)).flat_map(conditions).collect()
}

#[cfg(test)]
mod tests {
    use super::super::test_plans::{check_plan_on, node, saves};
    use super::super::test_servers::partitioned;
    use super::*;
    use serde_json::{Value, json};

    /// Returns partitions `m_1`, `m_2`, … that took 10 ms each and gave so many rows.
    fn append(rows: &[f64], rest: &Value) -> Value {
        let scans: Vec<Value> = rows
            .iter()
            .enumerate()
            .map(|(i, rows)| {
                let mut scan = json!({"Relation Name": format!("m_p{i}"), "Alias": format!("m_{}", i + 1)});
                scan.as_object_mut().unwrap().extend(rest.as_object().unwrap().clone());
                node("Seq Scan", 10.0, *rows, &scan, &[])
            })
            .collect();
        node("Append", 60.0, 1.0, &json!({}), &scans)
    }

    /// Writes the rows of the root without decimals, as up to PostgreSQL 17.
    fn whole(mut root: Value) -> Value {
        root["Actual Rows"] = json!(1);
        root
    }

    #[test]
    fn finds_partitions_without_rows() {
        assert_eq!(saves(check, &append(&[0.0, 0.0, 7.0, 0.0, 0.0], &json!({}))), [40.0]);
        assert!(saves(check, &append(&[0.0, 0.0, 7.0, 0.0], &json!({}))).is_empty());
        assert!(saves(check, &append(&[0.0, 1.0, 7.0, 1.0, 1.0], &json!({}))).is_empty());
    }

    #[test]
    fn none_is_up_to_half_a_row_a_loop() {
        let rest = json!({"Actual Rows": 0, "Actual Loops": 10, "Actual Total Time": 1.0});
        assert_eq!(saves(check, &whole(append(&[0.0; 4], &rest))), [20.0]);
        let rest = json!({"Actual Loops": 10, "Actual Total Time": 1.0});
        assert_eq!(saves(check, &append(&[0.0; 4], &rest)), [40.0]);
    }

    #[test]
    fn what_was_not_executed_costs_nothing() {
        let rest = json!({"Actual Loops": 0, "Actual Total Time": 0.0});
        assert!(saves(check, &append(&[0.0; 6], &rest)).is_empty());
    }

    #[test]
    fn tables_of_a_union_are_no_partitions() {
        assert!(saves(check, &append(&[0.0; 6], &json!({"Alias": "o"}))).is_empty());
    }

    #[test]
    fn knows_why_nothing_was_pruned() {
        let remedy = |key: &str, filter: &str| {
            let server = partitioned("m", key, &["m_p0", "m_p1", "m_p2", "m_p3"]);
            let root = append(&[0.0; 4], &json!({"Filter": filter}));
            let found = check_plan_on(check, json!({"Plan": root, "Execution Time": 60}), Some(&server));
            found.into_iter().next().map(|observation| observation.remedy)
        };
        let says = |key, filter, words: &str| {
            let remedy = remedy(key, filter).unwrap();
            assert!(remedy.contains(words), "{remedy}");
        };
        says("RANGE (day)", "(m_1.user_id = 5)", "No condition tests day");
        says("RANGE (day)", "((m_1.day)::text = '2024-01-01'::text)", "computes with day");
        says("RANGE (region, lower(day))", "(m_1.user_id = 5)", "No condition tests region, day");
        says("HASH (id)", "(m_1.id > 5)", "only equality");
        assert_eq!(remedy("RANGE (day)", "((m_1.day > '2024-01-01'::date) AND (m_1.user_id = 5))"), None);
        assert_eq!(remedy("HASH (id)", "(m_1.id = 5)"), None);
    }
}
