//! Lines of nodes, as in `->  Parallel Index Scan Backward using i on s.t a  (cost=… rows=… width=…) (actual …)`.

use std::borrow::Cow;

use serde_json::{Map, Value};

use super::property::number;

/// What is wrong in a line, and at which byte.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Problem {
    pub(super) at: usize,
    pub(super) text: String,
}

/// The types that EXPLAIN prints in one way; joins, aggregates, set operations and changes vary.
const SCANS: &[&str] = &[
    "Seq Scan",
    "Sample Scan",
    "Index Scan",
    "Index Only Scan",
    "Bitmap Index Scan",
    "Bitmap Heap Scan",
    "Tid Scan",
    "Tid Range Scan",
    "Subquery Scan",
    "Function Scan",
    "Table Function Scan",
    "Values Scan",
    "CTE Scan",
    "Named Tuplestore Scan",
    "WorkTable Scan",
    "Foreign Scan",
    "Custom Scan",
    "Foreign Insert",
    "Foreign Update",
    "Foreign Delete",
];

const OTHERS: &[&str] = &[
    "Result",
    "ProjectSet",
    "Append",
    "Merge Append",
    "Recursive Union",
    "BitmapAnd",
    "BitmapOr",
    "Nested Loop",
    "Gather",
    "Gather Merge",
    "Materialize",
    "Memoize",
    "Sort",
    "Incremental Sort",
    "Group",
    "WindowAgg",
    "Unique",
    "LockRows",
    "Limit",
    "Hash",
    "Aggregate",
    "GroupAggregate",
    "HashAggregate",
    "MixedAggregate",
    // These may have no target.
    "Foreign Scan",
    "Custom Scan",
    "Named Tuplestore Scan",
];

const MEASURES: [&str; 3] = ["(cost=", "(actual", "(never"];

/// Whether a line ends with costs or with what was measured.
pub(super) fn has_measures(text: &str) -> bool {
    text.starts_with(|c: char| c.is_alphabetic() || c == '-' || c == '→') && measures_at(text).is_some()
}

/// Whether a line without costs is a node of a type that PostgreSQL has.
pub(super) fn is_known(text: &str) -> bool {
    let bare = strip_flags(text).0;
    let (_, bare) = partial_mode(bare);
    let end = name_end(bare);
    let name = bare[..end].trim_end();
    let name = name.strip_suffix(" Backward").unwrap_or(name);
    let is_named = |names: &[&str]| names.contains(&name);
    let has_target = end < bare.len();
    name.starts_with("Custom Scan (")
        || (has_target && (is_named(SCANS) || operation(name).is_some()))
        || (!has_target && (is_named(OTHERS) || join(name).is_some() || set_operation(name).is_some()))
}

/// Whether a line begins with a node of a known type, with or without costs.
pub(super) fn begins_known(text: &str) -> bool {
    is_known(text[..measures_at(text).unwrap_or(text.len())].trim_end())
}

/// Whether a line is a node of a known type that was broken off in its parenthesis.
pub(super) fn is_broken(text: &str) -> bool {
    unclosed(text).is_some_and(|at| is_known(text[..at].trim_end()))
}

/// Whether a line names a table that a `ModifyTable` changes, as the node itself and the lines below it do.
pub(super) fn is_target(text: &str) -> bool {
    let name = text.split(" on ").next().unwrap_or_default();
    operation(name.strip_prefix("Foreign ").unwrap_or(name)).is_some()
}

/// Reads a node's line to the keys of EXPLAIN's JSON format.
pub(super) fn parse(text: &str) -> Result<Map<String, Value>, Problem> {
    let end = measures_at(text).unwrap_or(text.len());
    let head = text[..end].trim_end();
    if head.is_empty() {
        return Err(Problem { at: 0, text: "expected the type of a node, as in `Seq Scan on t`".to_owned() });
    }
    if let Some(at) = unclosed(head) {
        return Err(Problem {
            at,
            text: format!(
                "the parenthesis is not closed; expected `(cost=… rows=… width=…)` or `(actual … rows=… loops=…)`, \
                 found `{}`",
                excerpt(&head[at..])
            ),
        });
    }
    let mut keys = Map::new();
    describe(&mut keys, head);
    measures(&mut keys, text, end)?;
    Ok(keys)
}

/// Reads a line below a `ModifyTable` that names one of its tables.
pub(super) fn parse_target(text: &str) -> Map<String, Value> {
    let mut keys = Map::new();
    if let Some((_, target)) = text.split_once(" on ") {
        relation(&mut keys, "Relation Name", target);
    }
    keys
}

/// Reads `actual time=0.1..0.2 rows=3 loops=1`, the end of it with TIMING OFF.
pub(super) fn parse_actual(keys: &mut Map<String, Value>, text: &str) -> bool {
    let Some(rest) = text.strip_prefix("actual") else { return false };
    if let Some([time, rows, loops]) = fields(rest, ["time=", "rows=", "loops="])
        && let Some((startup, total)) = time.split_once("..")
    {
        set(keys, "Actual Startup Time", number(startup));
        set(keys, "Actual Total Time", number(total));
        set(keys, "Actual Rows", number(&rows));
        set(keys, "Actual Loops", number(&loops));
        return true;
    }
    if let Some([rows, loops]) = fields(rest, ["rows=", "loops="]) {
        set(keys, "Actual Rows", number(&rows));
        set(keys, "Actual Loops", number(&loops));
        return true;
    }
    false
}

fn set(keys: &mut Map<String, Value>, key: &str, value: impl Into<Value>) {
    keys.insert(key.to_owned(), value.into());
}

/// Returns where the costs or measurements begin: names may hold parentheses, but only in quotes.
fn measures_at(text: &str) -> Option<usize> {
    let bytes = text.as_bytes();
    let mut at = 0;
    while let Some(found) = bytes[at..].iter().position(|byte| matches!(byte, b'(' | b'"')) {
        at += found;
        if bytes[at] == b'(' {
            if MEASURES.iter().any(|measures| text[at..].starts_with(measures)) {
                return Some(at);
            }
            at += 1;
        } else {
            at += 1 + text[at + 1..].find('"')? + 1;
        }
    }
    None
}

/// Returns where a parenthesis opens that does not close.
fn unclosed(text: &str) -> Option<usize> {
    let (mut outermost, mut depth, mut is_quoted) = (0, 0_usize, false);
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            b'"' => is_quoted = !is_quoted,
            b'(' if !is_quoted => {
                if depth == 0 {
                    outermost = at;
                }
                depth += 1;
            }
            b')' if !is_quoted => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    (depth > 0).then_some(outermost)
}

/// The begin of a text, for a message.
fn excerpt(text: &str) -> String {
    const CHARACTERS: usize = 40;
    let mut excerpt: String = text.chars().take(CHARACTERS).collect();
    if excerpt.len() < text.len() {
        excerpt.push('…');
    }
    excerpt
}

/// Reads the parentheses at the end of a line.
fn measures(keys: &mut Map<String, Value>, text: &str, mut at: usize) -> Result<(), Problem> {
    loop {
        let rest = &text[at..];
        let group = rest.trim_start();
        at += rest.len() - group.len();
        // A quote or border may be left at the end of the line.
        let Some(inner) = group.strip_prefix('(') else { return Ok(()) };
        let problem = |expected: &str| Problem {
            at,
            text: format!("expected `{expected}`, found `{}`", excerpt(group)),
        };
        let is_cost = inner.starts_with("cost=");
        let expected = if is_cost {
            "(cost=0.00..1.00 rows=1 width=1)"
        } else {
            "(actual time=0.001..0.002 rows=1 loops=1)"
        };
        let Some((inner, _)) = inner.split_once(')') else { return Err(problem(expected)) };
        if is_cost {
            let cost = fields(inner, ["cost=", "rows=", "width="]);
            let Some([cost, rows, width]) = cost else { return Err(problem(expected)) };
            let Some((startup, total)) = cost.split_once("..") else { return Err(problem(expected)) };
            set(keys, "Startup Cost", number(startup));
            set(keys, "Total Cost", number(total));
            set(keys, "Plan Rows", number(&rows));
            set(keys, "Plan Width", number(&width));
        } else if inner.starts_with("never") {
            set(keys, "Actual Rows", 0);
            set(keys, "Actual Loops", 0);
        } else if inner.starts_with("actual") && !parse_actual(keys, inner) {
            return Err(problem(expected));
        }
        at += inner.len() + 2;
    }
}

/// Splits `cost=1..2 rows=3 width=4` at its names; each must have a value. Where a line was broken and rejoined there
/// may be blanks anywhere.
fn fields<'a, const N: usize>(text: &'a str, names: [&str; N]) -> Option<[Cow<'a, str>; N]> {
    let mut values = [const { Cow::Borrowed("") }; N];
    let mut rest = text.trim_start().strip_prefix(*names.first()?)?;
    for (at, value) in values.iter_mut().enumerate() {
        let (of_it, after) = match names.get(at + 1) {
            Some(name) => rest.split_once(name)?,
            None => (rest, ""),
        };
        *value = of_it.trim().into();
        if value.contains(char::is_whitespace) {
            value.to_mut().retain(|c| !c.is_whitespace());
        }
        rest = after;
    }
    // Numbers, or what stands for them in plans that were masked.
    let is_value = |value: &Cow<str>| {
        !value.is_empty()
            && value.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".+-*?#_".contains(&byte))
    };
    values.iter().all(is_value).then_some(values)
}

/// Takes off `Parallel` and `Async`.
fn strip_flags(text: &str) -> (&str, bool, bool) {
    let (text, is_parallel) = match text.strip_prefix("Parallel ") {
        Some(rest) => (rest, true),
        None => (text, false),
    };
    match text.strip_prefix("Async ") {
        Some(rest) => (rest, is_parallel, true),
        None => (text, is_parallel, false),
    }
}

/// Takes off the `Partial` or `Finalize` of an aggregate.
fn partial_mode(text: &str) -> (&'static str, &str) {
    for mode in ["Partial", "Finalize"] {
        if let Some(rest) = text.strip_prefix(mode).and_then(|rest| rest.strip_prefix(' '))
            && aggregate(rest).is_some()
        {
            return (mode, rest);
        }
    }
    ("Simple", text)
}

/// Returns where the type ends and ` using ` or ` on ` begins.
fn name_end(text: &str) -> usize {
    let after_provider = match text.strip_prefix("Custom Scan (") {
        Some(rest) => text.len() - rest.len() + rest.find(')').unwrap_or(0),
        None => 0,
    };
    [" using ", " on "]
        .iter()
        .filter_map(|word| text[after_provider..].find(word))
        .min()
        .map_or(text.len(), |end| after_provider + end)
}

/// Describes a node by its type and what it works on.
fn describe(keys: &mut Map<String, Value>, head: &str) {
    let (bare, is_parallel, is_async) = strip_flags(head);
    let (partial, bare) = partial_mode(bare);
    let end = name_end(bare);
    let (name, mut target) = (bare[..end].trim_end(), &bare[end..]);
    // Up to PostgreSQL 8.4 a subquery has no `on`.
    let (name, old_alias) = match name.strip_prefix("Subquery Scan ") {
        Some(alias) => ("Subquery Scan", alias),
        None => (name, ""),
    };
    let (name, is_backward) = match name.strip_suffix(" Backward") {
        Some(name) => (name, true),
        None => (name, false),
    };
    if let Some(strategy) = aggregate(name) {
        set(keys, "Node Type", "Aggregate");
        set(keys, "Strategy", strategy);
        set(keys, "Partial Mode", partial);
    } else if let Some((method, kind)) = join(name) {
        set(keys, "Node Type", method);
        set(keys, "Join Type", kind);
    } else if let Some((strategy, command)) = set_operation(name) {
        set(keys, "Node Type", "SetOp");
        set(keys, "Strategy", strategy);
        set(keys, "Command", command);
    } else if let Some(operation) = operation(name) {
        set(keys, "Node Type", "ModifyTable");
        set(keys, "Operation", operation);
    } else if let Some(operation) = name.strip_prefix("Foreign ") {
        set(keys, "Node Type", "Foreign Scan");
        set(keys, "Operation", if operation == "Scan" { "Select" } else { operation });
    } else if let Some(provider) = name.strip_prefix("Custom Scan (") {
        set(keys, "Node Type", "Custom Scan");
        set(keys, "Custom Plan Provider", provider.strip_suffix(')').unwrap_or(provider));
    } else {
        set(keys, "Node Type", name);
    }
    for (key, is_set) in [("Parallel Aware", is_parallel), ("Async Capable", is_async)] {
        if is_set {
            set(keys, key, true);
        }
    }
    if let Some(rest) = target.strip_prefix(" using ") {
        set(keys, "Scan Direction", if is_backward { "Backward" } else { "Forward" });
        let (index, rest) = identifier(rest, false);
        set(keys, "Index Name", index);
        target = rest;
    }
    if !old_alias.is_empty() {
        set(keys, "Alias", identifier(old_alias, false).0);
    }
    let Some(target) = target.strip_prefix(" on ") else { return };
    match name {
        "Bitmap Index Scan" => set(keys, "Index Name", identifier(target, false).0),
        "Subquery Scan" | "Values Scan" => set(keys, "Alias", identifier(target, false).0),
        "CTE Scan" | "WorkTable Scan" => relation(keys, "CTE Name", target),
        "Function Scan" => relation(keys, "Function Name", target),
        "Table Function Scan" => relation(keys, "Table Function Name", target),
        "Named Tuplestore Scan" => relation(keys, "Tuplestore Name", target),
        _ => relation(keys, "Relation Name", target),
    }
}

/// Reads `schema.name alias`; an alias that equals the name is not printed.
fn relation(keys: &mut Map<String, Value>, key: &str, target: &str) {
    let (mut name, mut rest) = identifier(target, true);
    if let Some(qualified) = rest.strip_prefix('.') {
        set(keys, "Schema", name);
        (name, rest) = identifier(qualified, false);
    }
    let alias = rest.trim();
    let alias = if alias.is_empty() {
        name.clone()
    } else {
        let (first, more) = identifier(alias, false);
        // What follows is not PostgreSQL's, but is kept.
        if more.trim().is_empty() { first } else { alias.to_owned() }
    };
    set(keys, key, name);
    set(keys, "Alias", alias);
}

/// Takes a name, with its quotes taken off, from the begin of a text.
fn identifier(text: &str, ends_at_dot: bool) -> (String, &str) {
    let Some(quoted) = text.strip_prefix('"') else {
        let end = text.find(|c: char| c.is_whitespace() || (ends_at_dot && c == '.')).unwrap_or(text.len());
        return (text[..end].to_owned(), &text[end..]);
    };
    let mut name = String::new();
    let mut rest = quoted;
    while let Some((part, after)) = rest.split_once('"') {
        name.push_str(part);
        let Some(more) = after.strip_prefix('"') else { return (name, after) };
        name.push('"');
        rest = more;
    }
    name.push_str(rest);
    (name, "")
}

/// Returns the strategy of an aggregate.
fn aggregate(name: &str) -> Option<&'static str> {
    match name {
        "Aggregate" => Some("Plain"),
        "GroupAggregate" => Some("Sorted"),
        "HashAggregate" => Some("Hashed"),
        "MixedAggregate" => Some("Mixed"),
        _ => None,
    }
}

/// Returns the method and the type of a join.
fn join(name: &str) -> Option<(&'static str, &str)> {
    if name == "Nested Loop" {
        return Some(("Nested Loop", "Inner"));
    }
    let name = name.strip_suffix(" Join").or_else(|| name.strip_suffix("Join"))?;
    for (word, method) in [("Hash", "Hash Join"), ("Merge", "Merge Join"), ("Nested Loop", "Nested Loop")] {
        match name.strip_prefix(word) {
            Some("") if word != "Nested Loop" => return Some((method, "Inner")),
            Some(kind) if kind.starts_with(' ') => return Some((method, kind.trim_start())),
            _ => {}
        }
    }
    None
}

/// Returns the strategy and the command of a set operation.
fn set_operation(name: &str) -> Option<(&'static str, &str)> {
    let (strategy, command) = match name.strip_prefix("HashSetOp ") {
        Some(command) => ("Hashed", command),
        None => ("Sorted", name.strip_prefix("SetOp ")?),
    };
    matches!(command, "Intersect" | "Intersect All" | "Except" | "Except All").then_some((strategy, command))
}

fn operation(name: &str) -> Option<&str> {
    matches!(name, "Insert" | "Update" | "Delete" | "Merge").then_some(name)
}
