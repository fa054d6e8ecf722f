//! What a node is, apart from how it does it and what that costs: its role, the tables below it, its
//! conditions.

use serde_json::Value;

use super::expression::{Constants, normal, parts};
use super::{Node, Plan};

/// What holds a condition of a scan, whichever way the table is read.
const SCAN_CONDITIONS: [&str; 4] = ["Index Cond", "Recheck Cond", "Filter", "TID Cond"];
/// What holds the expressions of every other node.
const KEYS: [&str; 11] = [
    "Sort Key",
    "Group Key",
    "Grouping Sets",
    "Hash Cond",
    "Merge Cond",
    "Join Filter",
    "Filter",
    "One-Time Filter",
    "Cache Key",
    "Run Condition",
    "Conflict Filter",
];

/// What a node is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Role<'a> {
    /// Reads a table, CTE, function, subquery.
    Scan,
    /// A part of a bitmap scan below the one that reads the table.
    Bitmap,
    Join,
    Sort,
    Group,
    Append,
    Gather,
    /// Whatever has a type that nothing can stand in for.
    Other(&'a str),
}

/// Where in the statement a node runs: the query itself, or a part of it that is planned apart.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Level<'a> {
    Main,
    InitPlan,
    SubPlan,
    Cte(&'a str),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Identity<'a> {
    pub(crate) role: Role<'a>,
    pub(crate) level: Level<'a>,
    /// The table, CTE or function that the node itself reads or changes.
    pub(crate) relation: Option<&'a str>,
    /// Its alias; partitions have that of their parent table.
    pub(crate) alias: Option<&'a str>,
    /// The aliases of the node and everything below that hands rows up to it, sorted.
    pub(crate) tables: Vec<&'a str>,
    /// Normal forms of the conditions of a scan, sorted, or of the keys and conditions of another node.
    pub(crate) conditions: Vec<String>,
}

/// Returns what each node is, by node id.
pub(crate) fn identities(plan: &Plan) -> Vec<Identity<'_>> {
    let mut identities: Vec<Identity> = plan
        .nodes
        .iter()
        .map(|node| {
            let role = role(node);
            let alias = alias(plan, node);
            let counts = role != Role::Bitmap && !node.is_a("ModifyTable");
            Identity {
                role,
                level: level(plan, node),
                relation: node.scanned(),
                alias,
                tables: alias.filter(|_| counts).into_iter().collect(),
                conditions: conditions(plan, node),
            }
        })
        .collect();
    // Children come after their parents.
    for node in plan.nodes.iter().rev() {
        if let Some(parent) = node.parent.filter(|_| !is_apart(node)) {
            let below = identities[node.id].tables.clone();
            identities[parent].tables.extend(below);
            identities[parent].tables.sort_unstable();
            identities[parent].tables.dedup();
        }
    }
    identities
}

fn role(node: &Node) -> Role<'_> {
    match node.kind.as_str() {
        "Bitmap Index Scan" | "BitmapAnd" | "BitmapOr" => Role::Bitmap,
        "Sort" | "Incremental Sort" => Role::Sort,
        "Aggregate" | "Group" | "Unique" => Role::Group,
        "Append" | "Merge Append" => Role::Append,
        _ if node.is_join() => Role::Join,
        _ if node.is_gather() => Role::Gather,
        kind if kind.ends_with(" Scan") => Role::Scan,
        kind => Role::Other(kind),
    }
}

/// Whether a node is an `InitPlan`, `SubPlan` or CTE: it hands no rows to its parent.
pub(crate) fn is_apart(node: &Node) -> bool {
    node.subplan_name.is_some() || node.is_init_plan() || node.relationship.as_deref() == Some("SubPlan")
}

fn level<'a>(plan: &'a Plan, node: &'a Node) -> Level<'a> {
    let Some(top) = std::iter::once(node).chain(plan.ancestors(node.id)).find(|node| is_apart(node)) else {
        return Level::Main;
    };
    match top.subplan_name.as_deref() {
        Some(name) if name.starts_with("CTE ") => Level::Cte(&name["CTE ".len()..]),
        Some(name) if name.starts_with("InitPlan") => Level::InitPlan,
        _ if top.is_init_plan() => Level::InitPlan,
        _ => Level::SubPlan,
    }
}

/// Returns a node's alias; that of a partition is its parent table's, without the number that tells it from
/// the others.
fn alias<'a>(plan: &'a Plan, node: &'a Node) -> Option<&'a str> {
    let alias = node.alias.as_deref()?;
    let is_member = node.parent.is_some_and(|parent| role(&plan.nodes[parent]) == Role::Append);
    match alias.rsplit_once('_') {
        Some((base, number))
            if is_member
                && !base.is_empty()
                && number.chars().all(|c| c.is_ascii_digit())
                && !number.is_empty() =>
        {
            Some(base)
        }
        _ => Some(alias),
    }
}

/// Returns the qualifiers that VERBOSE alone writes before a node's columns.
pub(crate) fn own_qualifiers<'a>(plan: &'a Plan, node: &'a Node) -> Vec<&'a str> {
    if let Some(alias) = &node.alias {
        return vec![alias];
    }
    if role(node) == Role::Bitmap {
        // The scan that reads the table is above.
        return plan.ancestors(node.id).find_map(|above| above.alias.as_deref()).into_iter().collect();
    }
    // With a single table, the nodes above its scan have no qualifiers either.
    let mut aliases: Vec<&str> = plan.nodes.iter().filter_map(|node| node.alias.as_deref()).collect();
    aliases.sort_unstable();
    aliases.dedup();
    if aliases.len() == 1 { aliases } else { Vec::new() }
}

/// Returns the texts of a node's conditions and keys, with the names they have in EXPLAIN.
pub(crate) fn expressions(node: &Node) -> Vec<(&'static str, &str)> {
    let is_scan = matches!(role(node), Role::Scan | Role::Bitmap);
    let keys: &[&'static str] = if is_scan { &SCAN_CONDITIONS } else { &KEYS };
    keys.iter()
        .flat_map(|key| node.detail(key).into_iter().flat_map(texts).map(move |text| (*key, text)))
        .collect()
}

/// Returns all texts in a value, in order.
fn texts(value: &Value) -> Vec<&str> {
    match value {
        Value::String(text) => vec![text],
        Value::Array(values) => values.iter().flat_map(texts).collect(),
        Value::Object(values) => values.values().flat_map(texts).collect(),
        _ => Vec::new(),
    }
}

fn conditions(plan: &Plan, node: &Node) -> Vec<String> {
    normal_forms(plan, node, Constants::Hidden)
}

/// Returns a node's conditions and keys as in [`Identity::conditions`], with their constants: the same texts
/// on the same data mean the same rows.
pub(crate) fn exact_conditions(plan: &Plan, node: &Node) -> Vec<String> {
    // `InitPlan 1 (returns $0,$1)`, up to PostgreSQL 16.
    let returned: Vec<&str> = plan
        .nodes
        .iter()
        .filter_map(|node| node.subplan_name.as_deref()?.split_once("(returns ")?.1.strip_suffix(')'))
        .flat_map(|names| names.split(','))
        .collect();
    normal_forms(plan, node, Constants::Kept(&returned))
}

fn normal_forms(plan: &Plan, node: &Node, constants: Constants) -> Vec<String> {
    let own = own_qualifiers(plan, node);
    let expressions = expressions(node).into_iter();
    let mut conditions: Vec<String> = match role(node) {
        // Which condition the index serves and which is a filter depends on the access path.
        Role::Scan => expressions.flat_map(|(_, text)| parts(text, &own, constants)).collect(),
        // The outer side stands on the left, whichever that is.
        Role::Join => {
            expressions.flat_map(|(_, text)| parts(text, &own, constants)).map(sides_sorted).collect()
        }
        _ => return expressions.map(|(_, text)| normal(text, &own, constants)).collect(),
    };
    conditions.sort_unstable();
    conditions.dedup();
    conditions
}

/// Writes an equality with its sides in alphabetical order.
fn sides_sorted(condition: String) -> String {
    let inner = condition.strip_prefix("( ").and_then(|rest| rest.strip_suffix(" )"));
    match inner.and_then(|inner| inner.split_once(" = ")) {
        // Parentheses: the equality may be inside of something else.
        Some((left, right)) if left > right && !inner.unwrap_or_default().contains(['(', ')']) => {
            format!("( {right} = {left} )")
        }
        _ => condition,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::read;
    use serde_json::json;

    fn plan(root: &Value) -> Plan {
        read::plan(json!({ "Plan": root })).unwrap()
    }

    #[test]
    fn nodes_have_the_tables_below_them() {
        let plan = plan(&json!({"Node Type": "Hash Join", "Plans": [
            {"Node Type": "Seq Scan", "Relation Name": "t", "Alias": "a", "Plans": [
                {"Node Type": "Seq Scan", "Relation Name": "u", "Alias": "u", "Parent Relationship": "SubPlan",
                 "Subplan Name": "SubPlan 1"},
            ]},
            {"Node Type": "Hash", "Plans": [{"Node Type": "Seq Scan", "Relation Name": "t", "Alias": "b"}]},
        ]}));
        let tables: Vec<Vec<&str>> = identities(&plan).into_iter().map(|identity| identity.tables).collect();
        assert_eq!(tables, [vec!["a", "b"], vec!["a"], vec!["u"], vec!["b"], vec!["b"]]);
        assert_eq!(identities(&plan)[2].level, Level::SubPlan);
    }

    #[test]
    fn partitions_have_the_alias_of_their_parent() {
        let plan = plan(&json!({"Node Type": "Append", "Plans": [
            {"Node Type": "Seq Scan", "Relation Name": "p1", "Alias": "p_1"},
            {"Node Type": "Seq Scan", "Relation Name": "p2", "Alias": "p_2"},
        ]}));
        assert_eq!(identities(&plan)[0].tables, ["p"]);
        assert_eq!(identities(&plan)[2].relation, Some("p2"));
    }

    #[test]
    fn conditions_of_joins_do_not_depend_on_the_sides() {
        let conditions = |text: &str| {
            identities(&plan(&json!({"Node Type": "Hash Join", "Hash Cond": text})))[0].conditions.clone()
        };
        assert_eq!(conditions("((a.x = b.x) AND (b.y = a.y))"), conditions("((b.x = a.x) AND (b.y = a.y))"));
        assert_ne!(conditions("(a.x = b.x)"), conditions("(a.x = b.y)"));
    }

    #[test]
    fn conditions_do_not_depend_on_the_access_path() {
        let scan = |node_type: &str, rest: &Value| {
            let mut scan = json!({"Node Type": node_type, "Relation Name": "t", "Alias": "t"});
            scan.as_object_mut().unwrap().extend(rest.as_object().unwrap().clone());
            identities(&plan(&scan))[0].conditions.clone()
        };
        let expected = ["( a = ? )", "( b > ? )"];
        assert_eq!(scan("Seq Scan", &json!({"Filter": "((b > 1) AND (a = 5))"})), expected);
        assert_eq!(scan("Index Scan", &json!({"Index Cond": "(t.a = 7)", "Filter": "(t.b > 1)"})), expected);
        let bitmap = json!({"Recheck Cond": "((a = 5) AND (b > 2))"});
        assert_eq!(scan("Bitmap Heap Scan", &bitmap), expected);
    }
}
