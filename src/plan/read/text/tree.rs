//! Who is whose child, and how EXPLAIN calls that.

use serde_json::Value;

use crate::plan::read::{Error, RawNode};

/// Where and as what a node was found.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place {
    /// Blanks before its arrow, or before the label above it.
    pub(super) position: usize,
    pub(super) role: Role,
    pub(super) line: usize,
    pub(super) column: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    /// A node that its parent reads from.
    Input,
    InitPlan,
    SubPlan,
}

/// Whether all nodes stand below the root's begin: the indentation is lost, as a child's arrow is always further right.
pub(super) fn is_flat(places: &[Place]) -> bool {
    let Some((root, others)) = places.split_first() else { return false };
    let Some(first) = others.first() else { return false };
    first.position <= root.position + 1 && others.iter().all(|place| place.position == first.position)
}

/// Names the relationship of each node to its parent.
pub(super) fn relate(nodes: &mut [RawNode], places: &[Place]) {
    let mut inputs = vec![0_usize; nodes.len()];
    for (node, place) in nodes.iter().zip(places) {
        if let Some(parent) = node.parent.filter(|_| place.role == Role::Input) {
            inputs[parent] += 1;
        }
    }
    let mut seen = vec![0_usize; nodes.len()];
    for id in 1..nodes.len() {
        let Some(parent) = nodes[id].parent else { continue };
        let relationship = match places[id].role {
            Role::InitPlan => "InitPlan",
            Role::SubPlan => "SubPlan",
            Role::Input => {
                seen[parent] += 1;
                match (kind(&nodes[parent]), seen[parent]) {
                    ("Append" | "Merge Append" | "BitmapAnd" | "BitmapOr", _) => "Member",
                    // One for each table, up to PostgreSQL 13.
                    ("ModifyTable", _) if inputs[parent] > 1 => "Member",
                    ("Subquery Scan", _) => "Subquery",
                    ("Custom Scan", _) if inputs[parent] == 1 => "child",
                    ("Custom Scan", _) => "children",
                    (_, 1) => "Outer",
                    (_, 2) => "Inner",
                    _ => "Member",
                }
            }
        };
        nodes[id].properties.insert("Parent Relationship".to_owned(), relationship.into());
    }
}

fn kind(node: &RawNode) -> &str {
    node.properties.get("Node Type").and_then(Value::as_str).unwrap_or_default()
}

/// Finds the parents of nodes from how many inputs each type has.
///
/// A node that may have any number takes all that follow; then nodes that lack an input get back the last ones that
/// were taken below them.
pub(super) fn rebuild(nodes: &mut [RawNode], places: &[Place]) -> Result<(), Error> {
    let limits: Vec<(usize, usize)> = nodes.iter().map(limits).collect();
    let mut inputs: Vec<Vec<usize>> = vec![Vec::new(); nodes.len()];
    let mut path = vec![0];
    for id in 1..nodes.len() {
        let is_full = |at: usize| inputs[at].len() >= limits[at].1;
        let parent = match places[id].role {
            Role::InitPlan => {
                // After another one that is complete, of the same node.
                let lacks = |at: &usize| inputs[*at].len() < limits[*at].0;
                let complete = path.iter().rposition(lacks).map_or(0, |at| at + 1);
                let before = path[complete..].iter().rfind(|at| places[**at].role == Role::InitPlan);
                before.and_then(|before| nodes[*before].parent).or(Some(id - 1))
            }
            Role::SubPlan => Some(mentioning(nodes, &path, id)),
            Role::Input => {
                if kind(&nodes[id]) == "Hash" {
                    let wants = |at: &usize| kind(&nodes[*at]) == "Hash Join" && inputs[*at].len() == 1;
                    if let Some(join) = path.iter().rposition(wants) {
                        path.truncate(join + 1);
                    }
                }
                while path.last().is_some_and(|last| is_full(*last)) {
                    path.pop();
                }
                path.last().copied()
            }
        };
        let Some(parent) = parent else {
            let problem = format!(
                "the indentation is lost, and no node before has a place for this {}",
                kind(&nodes[id])
            );
            return Err(Error::At { line: places[id].line, column: places[id].column, problem });
        };
        if places[id].role == Role::Input {
            inputs[parent].push(id);
        }
        nodes[id].parent = Some(parent);
        path.push(id);
    }
    for id in 0..nodes.len() {
        while inputs[id].len() < limits[id].0 {
            let Some(donor) = donor(&inputs, &limits, id) else {
                let problem = format!(
                    "the indentation is lost, and of the {} inputs of this {} there are {}",
                    limits[id].0,
                    kind(&nodes[id]),
                    inputs[id].len()
                );
                return Err(Error::At { line: places[id].line, column: places[id].column, problem });
            };
            if let Some(given) = inputs[donor].pop() {
                inputs[id].push(given);
                nodes[given].parent = Some(id);
            }
        }
    }
    Ok(())
}

/// Returns the node nearest above `id` whose expressions name its subplan, or else the one before it.
fn mentioning(nodes: &[RawNode], path: &[usize], id: usize) -> usize {
    /// Enough for any plan that was written by hand, and keeps deep ones linear.
    const NEAREST: usize = 64;

    fn mentions(value: &Value, name: &str) -> bool {
        match value {
            Value::String(text) => text
                .match_indices(name)
                .any(|(at, _)| !text[at + name.len()..].starts_with(|c: char| c.is_ascii_digit())),
            Value::Array(items) => items.iter().any(|item| mentions(item, name)),
            _ => false,
        }
    }
    let name = nodes[id].properties.get("Subplan Name").and_then(Value::as_str).unwrap_or_default();
    // Without what follows in `SubPlan 1 (returns $0)`.
    let name = name.split(" (").next().unwrap_or_default();
    let is_owner = |at: &&usize| {
        let properties = &nodes[**at].properties;
        properties.iter().any(|(key, value)| key != "Subplan Name" && mentions(value, name))
    };
    path.iter().rev().take(NEAREST).find(is_owner).copied().unwrap_or(id - 1)
}

/// Returns the last node below `id` that has more inputs than it must have.
fn donor(inputs: &[Vec<usize>], limits: &[(usize, usize)], id: usize) -> Option<usize> {
    /// Keeps the search linear on input that is no plan.
    const DEPTH: usize = 1000;

    let mut last = *inputs[id].last()?;
    for _ in 0..DEPTH {
        if inputs[last].len() > limits[last].0 {
            return Some(last);
        }
        last = *inputs[last].last()?;
    }
    None
}

/// Returns the least and the greatest number of inputs.
fn limits(node: &RawNode) -> (usize, usize) {
    match kind(node) {
        "Nested Loop" | "Hash Join" | "Merge Join" | "Recursive Union" => (2, 2),
        "Seq Scan"
        | "Sample Scan"
        | "Index Scan"
        | "Index Only Scan"
        | "Bitmap Index Scan"
        | "Tid Scan"
        | "Tid Range Scan"
        | "Function Scan"
        | "Table Function Scan"
        | "Values Scan"
        | "CTE Scan"
        | "Named Tuplestore Scan"
        | "WorkTable Scan" => (0, 0),
        "Bitmap Heap Scan" | "Subquery Scan" | "ProjectSet" | "Gather" | "Gather Merge" | "Materialize"
        | "Memoize" | "Sort" | "Incremental Sort" | "Group" | "Aggregate" | "WindowAgg" | "Unique"
        | "LockRows" | "Limit" | "Hash" => (1, 1),
        // The cost of one row from nowhere.
        "Result"
            if node.properties.get("Total Cost").and_then(Value::as_f64).is_some_and(|cost| cost <= 0.01) =>
        {
            (0, 0)
        }
        "Result" | "Foreign Scan" => (0, 1),
        "SetOp" => (1, 2),
        "ModifyTable" | "Append" | "Merge Append" | "BitmapAnd" | "BitmapOr" => (1, usize::MAX),
        _ => (0, usize::MAX),
    }
}
