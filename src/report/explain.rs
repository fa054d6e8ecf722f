//! Plans as a tree with self times, and as JSON.

use serde_json::{Value, json};

use super::{Document, SCHEMA_VERSION, Style};
use crate::plan::{Explained, Finding, Node, Plan, Severity, Times};
use crate::unit;

/// Returns the document of one statement, or of a list of them.
pub(crate) fn document(explained: &[Explained], single: bool, style: &Style) -> Document {
    let json = match explained {
        [one] if single => {
            let mut json = json!({ "schema_version": SCHEMA_VERSION });
            merge(&mut json, statement_json(one));
            json
        }
        all => json!({
            "schema_version": SCHEMA_VERSION,
            "statements": all.iter().map(statement_json).collect::<Vec<_>>(),
        }),
    };
    explained.iter().fold(Document::new(json), |document, one| {
        let document = match &one.name {
            Some(name) => document.heading(name.clone()),
            None => document,
        };
        let document = match &one.sql {
            Some(sql) if one.name.is_some() => document.text(style.dim(&fit(&one_line(sql), style, 0))),
            _ => document,
        };
        let document = document
            .text(tree(&one.plan, one.times.as_ref(), style))
            .text(summary(&one.plan, one.times.as_ref()));
        if one.times.is_none() {
            return document;
        }
        document.text(findings(&one.findings, style))
    })
}

fn one_line(sql: &str) -> String {
    sql.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn merge(into: &mut Value, from: Value) {
    if let (Value::Object(into), Value::Object(from)) = (into, from) {
        into.extend(from);
    }
}

fn statement_json(explained: &Explained) -> Value {
    let Explained { name, sql, plan, times, findings } = explained;
    let nodes: Vec<Value> = plan.nodes.iter().map(|node| node_json(node, times.as_ref())).collect();
    let findings: Vec<Value> = findings
        .iter()
        .map(|finding| {
            json!({
                "rule": finding.rule,
                "severity": finding.severity.name(),
                "node_id": finding.node_id,
                "saves_ms": unit::json_ms(finding.saves_ms),
                "message": finding.message,
                "remedy": finding.remedy,
            })
        })
        .collect();
    json!({
        "name": name,
        "sql": sql,
        "plan": {
            "nodes": nodes,
            "planning_ms": plan.planning_ms,
            "execution_ms": plan.execution_ms,
            "serialization_ms": plan.serialization_ms,
            "outside_ms": times.as_ref().map(|times| unit::json_ms(times.outside_ms)),
            "triggers": plan.triggers.iter().map(|trigger| json!({
                "name": trigger.name, "relation": trigger.relation, "time_ms": trigger.time_ms, "calls": trigger.calls,
            })).collect::<Vec<_>>(),
        },
        "findings": findings,
    })
}

fn node_json(node: &Node, times: Option<&Times>) -> Value {
    let time = times.map(|times| times.nodes[node.id]);
    json!({
        "id": node.id,
        "parent": node.parent,
        "node_type": node.node_type,
        "relation": node.relation,
        "alias": node.alias,
        "index": node.index,
        "self_ms": time.map(|time| unit::json_ms(time.self_ms)),
        "total_ms": time.map(|time| unit::json_ms(time.total_ms)),
        "loops": node.actual.map(|actual| actual.loops),
        "rows_actual": node.actual.map(|actual| actual.rows),
        "rows_estimated": node.plan_rows,
        "total_cost": node.total_cost,
        "buffers": node.buffers.map(|buffers| json!({
            "shared_hit": buffers.shared_hit,
            "shared_read": buffers.shared_read,
            "shared_dirtied": buffers.shared_dirtied,
            "shared_written": buffers.shared_written,
            "temp_read": buffers.temp_read,
            "temp_written": buffers.temp_written,
        })),
        "details": node.details,
    })
}

/// One line a node: self time, its share, actual and estimated rows, then the tree.
fn tree(plan: &Plan, times: Option<&Times>, style: &Style) -> String {
    let whole = plan
        .execution_ms
        .unwrap_or_else(|| times.map_or(0.0, |times| times.nodes.iter().map(|time| time.self_ms).sum()));
    let mut lines = vec![style.bold(&match times {
        Some(_) => format!("{:>9} {:>4} {:>10} {:>10}  plan", "self ms", "%", "rows", "expected"),
        None => format!("{:>12} {:>10}  plan", "cost", "expected"),
    })];
    let prefixes = prefixes(plan);
    for node in &plan.nodes {
        let expected = node.plan_rows.map(unit::estimate).unwrap_or_default();
        let (numbers, share) = match times {
            Some(times) => {
                let self_ms = times.nodes[node.id].self_ms;
                let share = if whole > 0.0 { self_ms / whole } else { 0.0 };
                let is_run = node.actual.is_some_and(|actual| actual.loops > 0.0);
                let rows = match node.actual {
                    Some(actual) if is_run => unit::estimate(actual.rows),
                    _ => "never".to_owned(),
                };
                let percent = format!("{:.0}", share * 100.0);
                (format!("{:>9} {percent:>4} {rows:>10} {expected:>10}", unit::milliseconds(self_ms)), share)
            }
            None => (format!("{:>12.2} {expected:>10}", node.total_cost.unwrap_or(0.0)), 0.0),
        };
        let numbers = if share >= 0.5 {
            style.red(&numbers)
        } else if share >= 0.1 {
            style.yellow(&numbers)
        } else {
            numbers
        };
        let loops = node.actual.map_or(0.0, |actual| actual.loops);
        let repeated = if loops > 1.0 { format!("  × {}", unit::estimate(loops)) } else { String::new() };
        let subplan = node.subplan_name.as_ref().map(|name| format!("[{name}] ")).unwrap_or_default();
        let (head, below) = &prefixes[node.id];
        let indent = if times.is_some() { 38 } else { 25 };
        let title = format!("{subplan}{}{repeated}", node.title());
        let title = fit(&title, style, indent + head.chars().count());
        lines.push(format!("{numbers}  {}{title}", style.dim(head)));
        for detail in details(node) {
            let text = format!("{:indent$}{below}{detail}", "");
            lines.push(style.dim(&fit(&text, style, 0)));
        }
    }
    lines.join("\n")
}

/// What a reader needs to know of a node beside its name.
fn details(node: &Node) -> Vec<String> {
    const CONDITIONS: [(&str, &str); 8] = [
        ("Index Cond", "index condition"),
        ("Recheck Cond", "recheck"),
        ("Hash Cond", "hash condition"),
        ("Merge Cond", "merge condition"),
        ("Join Filter", "join filter"),
        ("Filter", "filter"),
        ("One-Time Filter", "one-time filter"),
        ("Cache Key", "cache key"),
    ];
    let mut details = Vec::new();
    if let Some(keys) = node.detail("Sort Key").and_then(Value::as_array) {
        let keys: Vec<&str> = keys.iter().filter_map(Value::as_str).collect();
        let method = node.text("Sort Method").map(|method| format!(", {method}")).unwrap_or_default();
        details.push(format!("by {}{method}", keys.join(", ")));
    }
    for (key, label) in CONDITIONS {
        if let Some(condition) = node.text(key) {
            details.push(format!("{label}: {condition}"));
        }
    }
    for (key, label) in [
        ("Rows Removed by Filter", "filter"),
        ("Rows Removed by Join Filter", "join filter"),
        ("Rows Removed by Index Recheck", "recheck"),
    ] {
        if let Some(removed) = node.number(key).filter(|removed| *removed > 0.0) {
            details.push(format!("{label} discards {} rows a loop", unit::estimate(removed)));
        }
    }
    details
}

/// Returns, for each node, the branch before its title and what stands before its details.
fn prefixes(plan: &Plan) -> Vec<(String, String)> {
    let mut prefixes: Vec<(String, String)> = Vec::with_capacity(plan.nodes.len());
    for node in &plan.nodes {
        let prefix = match node.parent {
            None => (String::new(), "  ".to_owned()),
            Some(parent) => {
                let is_last = plan.children(parent).last().is_some_and(|last| last.id == node.id);
                let above = prefixes[parent].1.strip_suffix("  ").unwrap_or_default().to_owned();
                let (branch, below) = if is_last { ("└─ ", "   ") } else { ("├─ ", "│  ") };
                (format!("{above}{branch}"), format!("{above}{below}  "))
            }
        };
        prefixes.push(prefix);
    }
    prefixes
}

/// Cuts text to what `used` columns leave of the terminal's width; what goes into a pipe or file stays whole.
fn fit(text: &str, style: &Style, used: usize) -> String {
    let room = style.width.saturating_sub(used).max(8);
    if !style.terminal || text.chars().count() <= room {
        return text.to_owned();
    }
    text.chars().take(room - 1).chain(['…']).collect()
}

fn summary(plan: &Plan, times: Option<&Times>) -> String {
    let Some(times) = times else {
        let was_run = plan.nodes.first().is_some_and(|root| root.actual.is_some());
        let state = if was_run { "was run without timing" } else { "was not run" };
        return format!("estimates only: the statement {state}");
    };
    let part = |label: &str, ms: Option<f64>| ms.map(|ms| format!("{label} {} ms", unit::milliseconds(ms)));
    let inside: f64 = times.nodes.iter().map(|time| time.self_ms).sum();
    [
        part("planning", plan.planning_ms),
        part("execution", plan.execution_ms),
        part("of which nodes", Some(inside)),
        part("outside the plan", Some(times.outside_ms)),
        part("of which serialization", plan.serialization_ms),
    ]
    .into_iter()
    .flatten()
    .chain(plan.triggers.iter().map(|trigger| {
        let calls = unit::estimate(trigger.calls);
        format!("trigger {} {} ms in {calls} calls", trigger.name, unit::milliseconds(trigger.time_ms))
    }))
    .collect::<Vec<_>>()
    .join(", ")
}

fn findings(findings: &[Finding], style: &Style) -> String {
    if findings.is_empty() {
        return style.green("no findings");
    }
    let mut lines = Vec::new();
    for finding in findings {
        let saves = format!("up to {} ms", unit::milliseconds(finding.saves_ms));
        let saves = match finding.severity {
            Severity::High => style.red(&saves),
            Severity::Medium => style.yellow(&saves),
            Severity::Low => saves,
        };
        lines.push(format!("{saves}  {}  {}", finding.message, style.dim(&format!("[{}]", finding.rule))));
        lines.push(format!("  {}", finding.remedy));
    }
    lines.join("\n")
}
