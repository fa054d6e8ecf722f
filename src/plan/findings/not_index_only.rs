//! An index scan visits the table for a few columns that the index could hold.
//!
//! Why it matters: the visits take most of its time where the rows are scattered. Example: `SELECT status … WHERE user_id = 5`
//! by an index on `user_id`. Remedy: those columns in the index, so that it is read alone. Wrong when: they change often, or the
//! table is changed faster than VACUUM marks its pages as visible to all. Needs VERBOSE and BUFFERS.

use super::{Observation, Subject};
use crate::index::{Definition, Key, candidates};
use crate::plan::indexable::{self, is_own, table, table_name};
use crate::plan::{Node, heap, order};
use crate::query::condition;
use crate::unit::estimate;

pub(super) const RULE: &str = "not-index-only";
/// Columns that an index may reasonably hold beside those it searches by (pgexplain: 4).
const MAX_COLUMNS: usize = 4;
/// Bytes of a row of those columns: wider ones make the index as large as the table.
const MAX_WIDTH: f64 = 64.0;
/// Visits below which nobody would change an index.
const MIN_PAGES: f64 = 1000.0;
/// Share of the pages that must be visible to all for an index to be read alone.
const MIN_VISIBLE: f64 = 0.5;

pub(super) fn check(subject: &Subject) -> Vec<Observation> {
    subject.plan.nodes.iter().filter_map(|node| finding(subject, node)).collect()
}

/// Returns what the rule says of one node, so that others can be silent there.
pub(super) fn finding(subject: &Subject, node: &Node) -> Option<Observation> {
    if !node.is_a("Index Scan") || node.plan_width? > MAX_WIDTH || !is_mostly_visible(subject, node) {
        return None;
    }
    // Rows that a filter discards are the matter of other rules.
    let rows = node.rows_in_all().filter(|_| node.number("Rows Removed by Filter").unwrap_or(0.0) == 0.0)?;
    let pages = heap::page_visits(subject, node, rows).filter(|pages| *pages >= MIN_PAGES)?;
    let needed = needed_columns(node)?;
    let keys = keys(subject, node)?;
    let added: Vec<Key> = needed
        .iter()
        .filter(|column| !keys.iter().any(|key| key.column() == Some(column)))
        .map(|column| Key::ascending(column))
        .collect();
    if added.is_empty() || added.len() > MAX_COLUMNS {
        return None;
    }
    let names: Vec<_> = added.iter().map(|key| key.operand.sql()).collect();
    let definition = (!indexable::is_partition(subject, node)).then(|| {
        let keys = candidates::without_repeats([keys, added].concat());
        Definition::btree(schema(subject, node), node.relation.clone().unwrap_or_default(), keys)
    });
    Some(Observation {
        node_id: Some(node.id),
        saves: Some(subject.self_ms(node.id) * heap::visit_share(rows, 0.0, pages)),
        message: format!(
            "{} visits {} pages of the table for {}",
            node.title(),
            estimate(pages),
            names.join(", ")
        ),
        remedy: format!(
            "An index of {} that holds {} too is read alone, as long as VACUUM keeps up.",
            table_name(subject, node),
            names.join(", ")
        ),
        index: definition,
    })
}

fn is_mostly_visible(subject: &Subject, node: &Node) -> bool {
    table(subject.server, node)
        .is_none_or(|table| f64::from(table.n_all_visible_pages) >= f64::from(table.n_pages) * MIN_VISIBLE)
}

/// Returns the columns that the scan must give, when all it gives are columns: an expression or a `ctid`, which an
/// UPDATE needs, keeps the index from being read alone.
fn needed_columns(node: &Node) -> Option<Vec<String>> {
    let output = node.list("Output").map(|item| {
        condition::single_column(item)
            .filter(|column| {
                is_own(node, column) && !indexable::SYSTEM_COLUMNS.contains(&column.name.as_str())
            })
            .map(|column| column.name)
    });
    let mut columns: Vec<String> = output.collect::<Option<_>>()?;
    let filter = node.text("Filter").map(condition::columns).unwrap_or_default();
    columns.extend(filter.into_iter().filter(|column| is_own(node, column)).map(|column| column.name));
    Some(columns).filter(|columns| !columns.is_empty())
}

/// Returns the keys of the scan's index, by the catalog, else by its condition.
fn keys(subject: &Subject, node: &Node) -> Option<Vec<Key>> {
    match table(subject.server, node) {
        Some(table) => {
            let index = table.indexes.iter().find(|index| Some(&index.name) == node.index.as_ref())?;
            order::keys_of(index).filter(|_| index.predicate.is_none() && index.method == "btree")
        }
        None => Some(indexable::indexable(subject, node, node.text("Index Cond")?).keys(&[]))
            .filter(|keys| !keys.is_empty()),
    }
}

fn schema(subject: &Subject, node: &Node) -> String {
    let known = table(subject.server, node).map(|table| table.schema.clone());
    node.schema.clone().or(known).unwrap_or_else(|| "public".to_owned())
}

#[cfg(test)]
mod tests {
    use super::super::test_plans::{check_plan, node};
    use super::*;
    use serde_json::{Value, json};

    /// Checks which index is asked for; `None` when the rule is silent.
    fn check_index(rest: &Value, expected: Option<&str>) {
        let mut scan = node(
            "Index Scan",
            10.0,
            5000.0,
            &json!({"Relation Name": "t", "Alias": "t", "Index Name": "t_user_id", "Index Cond": "(t.user_id = 5)",
                    "Output": ["user_id", "status"], "Plan Width": 12, "Shared Hit Blocks": 5060}),
            &[],
        );
        scan.as_object_mut().unwrap().extend(rest.as_object().unwrap().clone());
        let found = check_plan(check, json!({"Plan": scan, "Execution Time": 10.0}));
        let index =
            found.first().and_then(|observation| observation.index.as_ref()).map(Definition::describe);
        assert_eq!(index.as_deref(), expected, "{rest}");
    }

    #[test]
    fn finds_columns_that_the_index_could_hold() {
        check_index(&json!({}), Some("t (user_id, status)"));
        check_index(&json!({"Output": ["t.status", "t.\"Odd\""]}), Some("t (user_id, status, \"Odd\")"));
        check_index(&json!({"Output": ["user_id"]}), None);
        check_index(&json!({"Output": ["a", "b", "c", "d", "e"]}), None);
        check_index(&json!({"Output": ["status", "ctid"]}), None);
        check_index(&json!({"Output": ["lower(name)"]}), None);
        check_index(&json!({"Plan Width": 500}), None);
        check_index(&json!({"Shared Hit Blocks": 100}), None);
        check_index(&json!({"Rows Removed by Filter": 100}), None);
    }
}
