//! Who reads an index for its order alone, and which index would give that order for fewer rows.

use super::discarded::CostlyScan;
use super::indexable::{existing_index, sort_keys, table, table_name};
use super::{Node, Plan, Subject, serving};
use crate::catalog::Index;
use crate::index::{Definition, Key, candidates};
use crate::query::condition::{Against, conditions};
use crate::query::{self, Relations, TableName};

/// The node that a scan of a whole index is ordered for.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Reader<'p> {
    /// It stops when it has enough rows.
    Limit(&'p Node),
    /// It needs all rows in order: a merge join, a group, a window or a unique.
    Merge(&'p Node),
}

/// Nodes that pass on the order of their first child.
const ORDER_KEPT: [&str; 10] = [
    "Nested Loop",
    "Result",
    "LockRows",
    "Subquery Scan",
    "Gather Merge",
    "Memoize",
    "Materialize",
    "ProjectSet",
    "Merge Append",
    "Incremental Sort",
];
/// Nodes that need their input in order.
const ORDER_READ: [&str; 4] = ["Merge Join", "Group", "WindowAgg", "Unique"];

/// Returns the node that reads a scan of an index without a condition for the index's order.
pub(crate) fn reader<'p>(plan: &'p Plan, scan: &Node) -> Option<Reader<'p>> {
    let reads_all =
        scan.index.is_some() && scan.text("Index Cond").is_none() && !scan.is_a("Bitmap Index Scan");
    if !reads_all {
        return None;
    }
    let mut below = scan.id;
    for node in plan.ancestors(scan.id) {
        if node.is_a("Limit") {
            return Some(Reader::Limit(node));
        }
        let is_sorted_group = node.is_a("Aggregate") && node.text("Strategy") == Some("Sorted");
        if ORDER_READ.contains(&node.kind.as_str()) || is_sorted_group {
            return Some(Reader::Merge(node));
        }
        let is_first =
            plan.children(node.id).find(|child| !child.is_init_plan()).is_some_and(|child| child.id == below);
        if !ORDER_KEPT.contains(&node.kind.as_str()) || !(is_first || node.is_a("Merge Append")) {
            return None;
        }
        below = node.id;
    }
    None
}

/// Returns what makes a scan read fewer rows in the order that `reader` needs.
pub(crate) fn remedy(subject: &Subject, scan: &CostlyScan, reader: &Node) -> (String, Option<Definition>) {
    let node = scan.node;
    if scan.indexable.is_empty() {
        return serving::remedy(subject, node, &scan.indexable, &[]);
    }
    let (mut remedy, definition) = if let Some(order) = order(subject, node, reader) {
        serving::remedy(subject, node, &scan.indexable, &order)
    } else {
        let keys = scan.indexable.keys(&[]);
        let columns: Vec<_> = keys.iter().map(|key| key.operand.sql()).collect();
        let text = format!(
            "An index of {} on {} and then the columns of {}, which give the order, finds these rows alone.",
            table_name(subject, node),
            columns.join(", "),
            node.index.as_deref().unwrap_or("this index")
        );
        (text, None)
    };
    if let Some(index) = existing_index(subject, node, &scan.indexable, &[])
        && Some(&index.name) != node.index.as_ref()
    {
        remedy.push_str(
            " Until then, an expression in ORDER BY, such as + 0, makes the planner sort and use index ",
        );
        remedy.push_str(&index.name);
        remedy.push('.');
    }
    (remedy, definition)
}

/// Returns the keys of an index, when all of them are columns.
pub(crate) fn keys_of(index: &Index) -> Option<Vec<Key>> {
    let key = |key: &crate::catalog::IndexKey| {
        let column = Key::ascending(key.column.as_deref()?);
        Some(Key { descending: key.descending, nulls_first: key.nulls_first, ..column })
    };
    index.keys.iter().map(key).collect::<Option<Vec<Key>>>().filter(|keys| !keys.is_empty())
}

/// Returns the order in which the reader needs the rows: as it says itself, as the statement says, or that of the index.
fn order(subject: &Subject, scan: &Node, reader: &Node) -> Option<Vec<Key>> {
    let key = if reader.is_a("WindowAgg") || reader.is_a("Unique") {
        None
    } else {
        sort_keys(scan, reader.list("Group Key"))
    };
    key.or_else(|| merge_keys(scan, reader)).or_else(|| order_by(subject, scan)).or_else(|| {
        let index = table(subject.server, scan)?
            .indexes
            .iter()
            .find(|index| Some(&index.name) == scan.index.as_ref())?;
        keys_of(index)
    })
}

/// Returns the columns of the scanned table in a merge condition.
fn merge_keys(scan: &Node, reader: &Node) -> Option<Vec<Key>> {
    let sides: Vec<_> = conditions(reader.text("Merge Cond")?)
        .into_iter()
        .flat_map(|condition| match condition.against {
            Against::Column(other) => [condition.column, Some(other)],
            _ => [condition.column, None],
        })
        .flatten()
        .filter(|column| super::indexable::is_own(scan, column))
        .map(|column| Key::ascending(&column.name))
        .collect();
    Some(candidates::without_repeats(sides)).filter(|keys| !keys.is_empty())
}

/// Returns the ORDER BY of the statement when it is one on the scanned table.
fn order_by(subject: &Subject, scan: &Node) -> Option<Vec<Key>> {
    let statement = query::parse(subject.sql?).ok()?;
    let shape = if let Some(server) = subject.server {
        statement.shape(&server.catalog)
    } else {
        let mut relations = subject.plan.nodes.iter().filter_map(|node| node.relation.as_ref());
        statement
            .shape(&OneTable { is_alone: relations.all(|relation| Some(relation) == scan.relation.as_ref()) })
    };
    let mut uses =
        shape.uses.iter().filter(|table_use| Some(&table_use.table.name) == scan.relation.as_ref());
    let order = uses.next().filter(|_| uses.next().is_none())?.orders.first()?;
    Some(candidates::sort_keys(&order.items)).filter(|keys| !keys.is_empty())
}

/// What is known of columns without a catalog: all belong to the only table, when there is but one.
struct OneTable {
    is_alone: bool,
}

impl Relations for OneTable {
    fn has_column(&self, _: &TableName, _: &str) -> Option<bool> {
        self.is_alone.then_some(true)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::read;
    use serde_json::{Value, json};

    fn check(parents: &[&str], scan: Value, expected: Option<&str>) {
        let mut plan = scan;
        for parent in parents {
            let first = json!({"Node Type": "Seq Scan"});
            // `Nested Loop inner` has the scan on its inner side.
            plan = match parent.strip_suffix(" inner") {
                Some(kind) => json!({"Node Type": kind, "Plans": [first, plan]}),
                None => json!({"Node Type": parent, "Strategy": "Sorted", "Plans": [plan]}),
            };
        }
        let plan = read::plan(json!({"Plan": plan})).unwrap();
        let found = match reader(&plan, plan.nodes.last().unwrap()) {
            Some(Reader::Limit(_)) => Some("limit"),
            Some(Reader::Merge(node)) => Some(node.kind.as_str()),
            None => None,
        };
        assert_eq!(found, expected, "{parents:?}");
    }

    #[test]
    fn finds_who_needs_the_order() {
        let scan = || json!({"Node Type": "Index Scan", "Index Name": "i"});
        check(&["Limit"], scan(), Some("limit"));
        check(&["Nested Loop", "LockRows", "Limit"], scan(), Some("limit"));
        check(&["Nested Loop inner", "Limit"], scan(), None);
        check(&["Sort", "Limit"], scan(), None);
        check(&["Hash Join", "Limit"], scan(), None);
        check(&["Aggregate"], scan(), Some("Aggregate"));
        check(&["Merge Join inner"], scan(), Some("Merge Join"));
        check(&[], scan(), None);
        let with_condition = json!({"Node Type": "Index Scan", "Index Name": "i", "Index Cond": "(a = 1)"});
        check(&["Limit"], with_condition, None);
    }
}
