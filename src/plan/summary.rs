//! Where a plan's time, rows and blocks go: by table, by index and by node type.

use std::collections::BTreeMap;

use super::node::{Buffers, Node, Plan};
use super::resources::Resources;
use super::self_time::Times;

/// What the nodes that belong together did, without their children.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Group {
    /// The table with its schema where EXPLAIN printed it, the index, or the node type.
    pub(crate) name: String,
    /// The table of an index.
    pub(crate) table: Option<String>,
    pub(crate) n_nodes: usize,
    /// Milliseconds, or cost units for a plan that was not timed.
    pub(crate) self_ms: f64,
    /// Of the whole statement, from 0 to 1.
    pub(crate) share: f64,
    /// Rows that the nodes returned, over all loops; `None` without ANALYZE.
    pub(crate) rows: Option<f64>,
    /// `None` without ANALYZE.
    pub(crate) loops: Option<f64>,
    /// `None` without BUFFERS.
    pub(crate) buffers: Option<Buffers>,
}

/// What a node's numbers are added to.
struct Place {
    name: String,
    table: Option<String>,
    /// Whether the node counts with its rows and loops, not just with its time and blocks.
    is_counted: bool,
}

/// Returns what was done on each table, the most time first.
///
/// The index scans below a Bitmap Heap Scan work for its table: their time and blocks are the table's, but what they
/// return are not its rows.
pub(crate) fn by_table(plan: &Plan, times: &Times, resources: &[Resources]) -> Vec<Group> {
    grouped(plan, times, resources, |node| {
        let name = qualified(bitmap_heap_scan(plan, node).unwrap_or(node))?;
        Some(Place { name, table: None, is_counted: node.relation.is_some() })
    })
}

/// Returns what was done on each index, the most time first; an Index Scan's time holds that of reading the table.
pub(crate) fn by_index(plan: &Plan, times: &Times, resources: &[Resources]) -> Vec<Group> {
    grouped(plan, times, resources, |node| {
        let table = qualified(bitmap_heap_scan(plan, node).unwrap_or(node));
        Some(Place { name: node.index.clone()?, table, is_counted: true })
    })
}

/// Returns what the nodes of each type did, the most time first.
pub(crate) fn by_node_type(plan: &Plan, times: &Times, resources: &[Resources]) -> Vec<Group> {
    grouped(plan, times, resources, |node| {
        Some(Place { name: node.node_type.clone(), table: None, is_counted: true })
    })
}

fn grouped(
    plan: &Plan,
    times: &Times,
    resources: &[Resources],
    place: impl Fn(&Node) -> Option<Place>,
) -> Vec<Group> {
    let mut groups: BTreeMap<(String, Option<String>), Group> = BTreeMap::new();
    for node in &plan.nodes {
        let Some(Place { name, table, is_counted }) = place(node) else { continue };
        let group = groups.entry((name.clone(), table.clone())).or_insert(Group {
            name,
            table,
            n_nodes: 0,
            self_ms: 0.0,
            share: 0.0,
            rows: None,
            loops: None,
            buffers: None,
        });
        group.self_ms += times.nodes[node.id].self_ms;
        if let Some(own) = resources[node.id].buffers {
            *group.buffers.get_or_insert_default() += own;
        }
        if is_counted {
            group.n_nodes += 1;
            if let (Some(actual), Some(rows)) = (node.actual, node.rows_in_all()) {
                *group.rows.get_or_insert(0.0) += rows;
                *group.loops.get_or_insert(0.0) += actual.loops;
            }
        }
    }
    let mut groups: Vec<Group> = groups.into_values().collect();
    for group in &mut groups {
        group.share = if times.whole_ms > 0.0 { group.self_ms / times.whole_ms } else { 0.0 };
    }
    // Groups of equal time stay in the order of their names.
    groups.sort_by(|a, b| b.self_ms.total_cmp(&a.self_ms));
    groups
}

/// Returns the Bitmap Heap Scan that an index scan below it works for.
fn bitmap_heap_scan<'p>(plan: &'p Plan, node: &Node) -> Option<&'p Node> {
    let is_bitmap =
        |node: &Node| matches!(node.kind.as_str(), "Bitmap Index Scan" | "BitmapAnd" | "BitmapOr");
    let above = || plan.ancestors(node.id).find(|ancestor| !is_bitmap(ancestor));
    is_bitmap(node).then(above)?.filter(|above| above.is_a("Bitmap Heap Scan"))
}

/// Returns a node's table with its schema, as far as EXPLAIN printed it.
fn qualified(node: &Node) -> Option<String> {
    let relation = node.relation.as_ref()?;
    Some(match &node.schema {
        Some(schema) => format!("{schema}.{relation}"),
        None => relation.clone(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::{read, resources, times_or_costs};
    use serde_json::{Value, json};

    type By = fn(&Plan, &Times, &[Resources]) -> Vec<Group>;

    fn groups(by: By, plan: Value) -> Vec<Group> {
        let plan = read::plan(plan).unwrap();
        let times = times_or_costs(&plan);
        by(&plan, &times, &resources(&plan, &times))
    }

    /// One line a group: name, nodes, self time, share in percent, rows, loops and own blocks.
    fn check(by: By, root: &Value, expected: &[&str]) {
        let lines: Vec<String> = groups(by, json!({"Plan": root, "Execution Time": 20.0}))
            .iter()
            .map(|group| {
                let table = group.table.as_ref().map(|table| format!(" of {table}")).unwrap_or_default();
                format!(
                    "{}{table}: {} nodes, {} ms, {} %, {} rows, {} loops, {} blocks",
                    group.name,
                    group.n_nodes,
                    group.self_ms,
                    group.share * 100.0,
                    group.rows.unwrap(),
                    group.loops.unwrap(),
                    group.buffers.unwrap().shared()
                )
            })
            .collect();
        assert_eq!(lines, expected);
    }

    fn node(node_type: &str, ms: f64, rows: f64, loops: f64, blocks: u64, rest: &Value) -> Value {
        let mut node = json!({"Node Type": node_type, "Actual Total Time": ms, "Actual Rows": rows, "Actual Loops": loops,
                              "Shared Hit Blocks": blocks, "Shared Read Blocks": 0});
        node.as_object_mut().unwrap().extend(rest.as_object().unwrap().clone());
        node
    }

    /// A scan of `a` joined to a bitmap scan of `a` again and an index scan of `b`.
    fn join() -> Value {
        let index = node("Bitmap Index Scan", 2.0, 7.0, 1.0, 3, &json!({"Index Name": "a_i"}));
        let bitmap = node(
            "Bitmap Heap Scan",
            5.0,
            6.0,
            1.0,
            10,
            &json!({"Relation Name": "a", "Alias": "a2", "Plans": [index]}),
        );
        let seq = node("Seq Scan", 4.0, 10.0, 1.0, 20, &json!({"Relation Name": "a"}));
        let b = json!({"Relation Name": "b", "Schema": "s", "Index Name": "b_i"});
        let lookup = node("Index Scan", 0.5, 2.0, 10.0, 30, &b);
        node("Nested Loop", 16.0, 20.0, 1.0, 60, &json!({"Plans": [seq, lookup, bitmap]}))
    }

    #[test]
    fn a_table_gets_its_scans_and_bitmaps() {
        check(
            by_table,
            &join(),
            &[
                "a: 2 nodes, 9 ms, 45 %, 16 rows, 2 loops, 30 blocks",
                "s.b: 1 nodes, 5 ms, 25 %, 20 rows, 10 loops, 30 blocks",
            ],
        );
    }

    #[test]
    fn an_index_knows_its_table() {
        check(
            by_index,
            &join(),
            &[
                "b_i of s.b: 1 nodes, 5 ms, 25 %, 20 rows, 10 loops, 30 blocks",
                "a_i of a: 1 nodes, 2 ms, 10 %, 7 rows, 1 loops, 3 blocks",
            ],
        );
    }

    #[test]
    fn node_types_add_up_to_the_root() {
        check(
            by_node_type,
            &join(),
            &[
                "Index Scan: 1 nodes, 5 ms, 25 %, 20 rows, 10 loops, 30 blocks",
                "Seq Scan: 1 nodes, 4 ms, 20 %, 10 rows, 1 loops, 20 blocks",
                "Bitmap Heap Scan: 1 nodes, 3 ms, 15 %, 6 rows, 1 loops, 7 blocks",
                "Bitmap Index Scan: 1 nodes, 2 ms, 10 %, 7 rows, 1 loops, 3 blocks",
                "Nested Loop: 1 nodes, 2 ms, 10 %, 20 rows, 1 loops, 0 blocks",
            ],
        );
    }

    #[test]
    fn estimates_have_shares_but_no_rows() {
        let scan = json!({"Node Type": "Seq Scan", "Relation Name": "a", "Total Cost": 30.0});
        let sort = json!({"Node Type": "Sort", "Total Cost": 40.0, "Plans": [scan]});
        let groups = groups(by_table, json!({"Plan": sort}));
        assert!((groups[0].share - 0.75).abs() < 1e-9, "{}", groups[0].share);
        assert_eq!((groups[0].rows, groups[0].loops, groups[0].buffers), (None, None, None));
    }

    #[test]
    fn a_plan_without_tables_has_no_groups() {
        assert_eq!(groups(by_table, json!({"Plan": {"Node Type": "Result"}})), []);
        assert_eq!(groups(by_index, json!({"Plan": {"Node Type": "Result"}})), []);
    }
}
