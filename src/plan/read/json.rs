//! EXPLAIN (FORMAT JSON), as it is or in whatever lists and objects drivers wrap it.
//!
//! The reader keeps its own stack, so that the depth of a plan costs no stack of the thread, and puts each plan node
//! into its list at once, so that no deep value has to be dropped either.

use serde_json::{Map, Number, Value};

use super::{Error, Raw, RawNode, decode, frame, report};

/// How deep plan nodes may nest. A tree of 4096 partitions or a generated query of 1600 joins stays well below.
const MAX_PLAN_DEPTH: usize = 10_000;
/// How deep other values may nest, as in `serde_json`: dropping them recurses.
const MAX_VALUE_DEPTH: usize = 128;

/// Reads one plan of a test: the array that EXPLAIN prints, or the object in it.
#[cfg(test)]
pub(crate) fn plan(json: Value) -> Result<crate::plan::Plan, Error> {
    let top = match json {
        Value::Array(mut plans) if !plans.is_empty() => plans.swap_remove(0),
        other => other,
    };
    let Value::Object(top) = top else { return Err(Error::NoPlan) };
    super::shape(raw(top)?)
}

/// Flattens an object with the key `Plan`.
pub(super) fn raw(mut top: Map<String, Value>) -> Result<Raw, Error> {
    let Some(Value::Object(root)) = top.shift_remove("Plan") else { return Err(Error::NoPlan) };
    let mut nodes = Vec::new();
    // A stack instead of recursion: plans of partitioned tables nest as deep as their authors like.
    let mut waiting = vec![(None, root)];
    while let Some((parent, mut properties)) = waiting.pop() {
        let children = properties.shift_remove("Plans");
        let id = nodes.len();
        nodes.push(RawNode { parent, properties });
        if let Some(Value::Array(children)) = children {
            waiting.extend(children.into_iter().rev().filter_map(|child| match child {
                Value::Object(child) => Some((Some(id), child)),
                _ => None,
            }));
        }
    }
    Ok(Raw { nodes, top })
}

/// What `auto_explain` writes before the plan.
const BEFORE_PLAN: [&str; 2] = ["Query Text", "Query Parameters"];

/// Makes EXPLAIN's own array of a plan: the inverse of [`raw`]. Such a value is printed and dropped by recursion.
pub(crate) fn to_json(raw: Raw) -> Value {
    let mut nodes = raw.nodes;
    let mut children: Vec<Vec<Value>> = nodes.iter().map(|_| Vec::new()).collect();
    let mut root = Value::Object(Map::new());
    // Children come after their parents.
    while let Some(RawNode { parent, mut properties }) = nodes.pop() {
        let mut own = children.pop().unwrap_or_default();
        if !own.is_empty() {
            own.reverse();
            properties.insert("Plans".to_owned(), Value::Array(own));
        }
        match parent {
            Some(parent) => children[parent].push(Value::Object(properties)),
            None => root = Value::Object(properties),
        }
    }
    let (mut top, behind): (Map<_, _>, Map<_, _>) =
        raw.top.into_iter().partition(|(key, _)| BEFORE_PLAN.contains(&key.as_str()));
    top.insert("Plan".to_owned(), root);
    top.extend(behind);
    Value::Array(vec![Value::Object(top)])
}

/// Writes what [`to_json`] makes, a key a line, without recursion.
#[cfg(test)]
pub(crate) fn to_text(raw: &Raw) -> String {
    enum Step {
        Node(usize),
        Text(&'static str),
    }
    let member = |(key, value): (&String, &Value)| format!("{}: {value}", Value::String(key.clone()));
    let is_before = |key: &String| BEFORE_PLAN.contains(&key.as_str());
    let mut children: Vec<Vec<usize>> = raw.nodes.iter().map(|_| Vec::new()).collect();
    for (id, node) in raw.nodes.iter().enumerate() {
        if let Some(parent) = node.parent {
            children[parent].push(id);
        }
    }
    let mut text = "[{\n".to_owned();
    for pair in raw.top.iter().filter(|(key, _)| is_before(key)) {
        text.extend([&member(pair), ",\n"]);
    }
    text.push_str("\"Plan\": ");
    let mut steps = vec![if raw.nodes.is_empty() { Step::Text("{}") } else { Step::Node(0) }];
    while let Some(step) = steps.pop() {
        match step {
            Step::Text(end) => text.push_str(end),
            Step::Node(id) => {
                let members: Vec<String> = raw.nodes[id].properties.iter().map(member).collect();
                text.extend(["{\n", &members.join(",\n")]);
                steps.push(Step::Text("}"));
                if children[id].is_empty() {
                    continue;
                }
                text.push_str(if members.is_empty() { "\"Plans\": [" } else { ",\n\"Plans\": [" });
                steps.push(Step::Text("]"));
                for (place, child) in children[id].iter().enumerate().rev() {
                    steps.push(Step::Node(*child));
                    if place > 0 {
                        steps.push(Step::Text(",\n"));
                    }
                }
            }
        }
    }
    for pair in raw.top.iter().filter(|(key, _)| !is_before(key)) {
        text.extend([",\n", &member(pair)]);
    }
    text.push_str("}]\n");
    text
}

/// Reads a text that is JSON and nothing else; `None` if it is anything else.
pub(super) fn whole(text: &str) -> Option<Vec<Raw>> {
    if !text.trim_start().starts_with(['[', '{']) {
        return None;
    }
    raws(text).ok().or_else(|| report::raws(text))
}

/// Reads every plan in one or several JSON documents.
pub(super) fn raws(text: &str) -> Result<Vec<Raw>, Error> {
    let mut reader = Reader { text, at: 0, open: Vec::new(), nodes: Vec::new(), raws: Vec::new() };
    while let Some(byte) = reader.peek() {
        match byte {
            b',' | b';' => reader.at += 1,
            _ => reader.document()?,
        }
    }
    if reader.raws.is_empty() {
        return Err(
            reader.error(0, "this JSON has no object with the key \"Plan\", as EXPLAIN (FORMAT JSON) prints")
        );
    }
    Ok(reader.raws)
}

/// Reads the plans that a driver returned as rows with a text in a column `QUERY PLAN`.
pub(super) fn of_rows(text: &str) -> Option<Vec<Raw>> {
    const COLUMN: &str = "QUERY PLAN";
    let rows: Value = serde_json::from_str(text).ok()?;
    let mut lines = Vec::new();
    let mut waiting = vec![&rows];
    while let Some(value) = waiting.pop() {
        match value {
            Value::Array(items) => waiting.extend(items.iter().rev()),
            Value::Object(row) => {
                lines.extend(row.get(COLUMN).and_then(Value::as_str));
                waiting.extend(row.values().rev());
            }
            _ => {}
        }
    }
    let text = lines.join("\n");
    let raws: Vec<Raw> =
        frame::blocks(&text).iter().filter_map(|block| block.raws().ok()).flatten().collect();
    (!raws.is_empty()).then_some(raws)
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
    /// The lists and objects around the current place.
    open: Vec<Open>,
    /// Of the plan that is being read.
    nodes: Vec<RawNode>,
    raws: Vec<Raw>,
}

/// A list or object that has not ended yet.
struct Open {
    start: usize,
    /// How deep it nests, not counting plan nodes.
    depth: usize,
    kind: Kind,
}

enum Kind {
    List(Vec<Value>),
    Object {
        key: String,
        members: Map<String, Value>,
        /// What `Plan` held.
        nodes: Vec<RawNode>,
    },
    /// A plan node, whose keys go right into its place among the nodes.
    Node {
        id: usize,
        key: String,
    },
    /// The `Plans` of a node.
    Children {
        of: usize,
    },
}

impl Reader<'_> {
    /// Reads one value at the top.
    fn document(&mut self) -> Result<(), Error> {
        loop {
            let complete = match self.peek() {
                Some(b'{') => {
                    self.open_object()?;
                    self.key_or_end()?
                }
                Some(b'[') => {
                    self.open_list()?;
                    if self.peek() == Some(b']') { Some(self.close()?) } else { None }
                }
                Some(b'"') => Some(Value::String(self.string()?)),
                Some(b'-' | b'0'..=b'9') => Some(self.number()?),
                Some(_) => Some(self.word()?),
                None => return Err(self.cut_off()),
            };
            let Some(mut value) = complete else { continue };
            // A value may end the list or object that it is in, which then is a value, and so on.
            loop {
                if self.open.is_empty() {
                    return Ok(());
                }
                self.add(value);
                let is_list = matches!(
                    self.open.last(),
                    Some(Open { kind: Kind::List(_) | Kind::Children { .. }, .. })
                );
                value = match (self.peek(), is_list) {
                    (Some(b','), true) => {
                        self.at += 1;
                        break;
                    }
                    (Some(b','), false) => {
                        self.at += 1;
                        self.key()?;
                        break;
                    }
                    (Some(b']'), true) | (Some(b'}'), false) => self.close()?,
                    (None, _) => return Err(self.cut_off()),
                    (Some(_), true) => return Err(self.unexpected("\",\" or \"]\" after an item of a list")),
                    (Some(_), false) => {
                        return Err(self.unexpected("\",\" or \"}\" after the value of a key"));
                    }
                };
            }
        }
    }

    /// Returns the next byte that is no space.
    fn peek(&mut self) -> Option<u8> {
        let bytes = self.text.as_bytes();
        while let Some(byte) = bytes.get(self.at) {
            if !byte.is_ascii_whitespace() {
                return Some(*byte);
            }
            self.at += 1;
        }
        None
    }

    fn open_object(&mut self) -> Result<(), Error> {
        let parent = match self.open.last() {
            Some(Open { kind: Kind::Object { key, .. }, .. }) if key == "Plan" && self.nodes.is_empty() => {
                None
            }
            Some(Open { kind: Kind::Children { of }, .. }) => Some(*of),
            other => {
                let depth = other.map_or(0, |open| open.depth + 1);
                let kind = Kind::Object { key: String::new(), members: Map::new(), nodes: Vec::new() };
                return self.push(kind, depth);
            }
        };
        let id = self.nodes.len();
        self.nodes.push(RawNode { parent, properties: Map::new() });
        self.push(Kind::Node { id, key: String::new() }, 0)
    }

    fn open_list(&mut self) -> Result<(), Error> {
        let (kind, depth) = match self.open.last() {
            Some(Open { kind: Kind::Node { id, key }, .. }) if key == "Plans" => {
                (Kind::Children { of: *id }, 0)
            }
            other => (Kind::List(Vec::new()), other.map_or(0, |open| open.depth + 1)),
        };
        self.push(kind, depth)
    }

    fn push(&mut self, kind: Kind, depth: usize) -> Result<(), Error> {
        // A node and its `Plans` are two.
        if self.open.len() > 2 * MAX_PLAN_DEPTH {
            return Err(self.error(self.at, &format!("plan nodes nest deeper than {MAX_PLAN_DEPTH} levels")));
        }
        if depth > MAX_VALUE_DEPTH {
            return Err(
                self.error(self.at, &format!("lists and objects nest deeper than {MAX_VALUE_DEPTH} levels"))
            );
        }
        self.open.push(Open { start: self.at, depth, kind });
        self.at += 1;
        Ok(())
    }

    /// Ends the innermost list or object; what became nodes leaves a null behind.
    fn close(&mut self) -> Result<Value, Error> {
        self.at += 1;
        let Some(Open { start, kind, .. }) = self.open.pop() else { return Ok(Value::Null) };
        Ok(match kind {
            Kind::List(items) => Value::Array(items),
            Kind::Object { members, nodes, .. } if nodes.is_empty() => Value::Object(members),
            Kind::Object { members, nodes, .. } => {
                self.raws.push(Raw { nodes, top: members });
                Value::Null
            }
            Kind::Node { id, .. } => {
                if !self.nodes[id].properties.get("Node Type").is_some_and(Value::is_string) {
                    return Err(self.error(start, "this plan node has no \"Node Type\""));
                }
                if let (0, Some(Open { kind: Kind::Object { nodes, .. }, .. })) = (id, self.open.last_mut()) {
                    *nodes = std::mem::take(&mut self.nodes);
                }
                Value::Null
            }
            Kind::Children { .. } => Value::Null,
        })
    }

    /// Puts a value into the innermost list or object.
    fn add(&mut self, value: Value) {
        match self.open.last_mut().map(|open| &mut open.kind) {
            Some(Kind::List(items)) => items.push(value),
            Some(Kind::Object { key, members, nodes }) if key != "Plan" || nodes.is_empty() => {
                members.insert(std::mem::take(key), value);
            }
            Some(Kind::Node { id, key }) if key != "Plans" => {
                let properties = &mut self.nodes[*id].properties;
                match (properties.get_mut(key), value) {
                    // Up to PostgreSQL 12 a Sort has the key twice: for its memory and for its times.
                    (Some(Value::Array(workers)), Value::Array(more)) if key == "Workers" => {
                        merge_workers(workers, more);
                    }
                    (_, value) => {
                        properties.insert(std::mem::take(key), value);
                    }
                }
            }
            _ => (),
        }
    }

    fn key_or_end(&mut self) -> Result<Option<Value>, Error> {
        if self.peek() == Some(b'}') {
            return self.close().map(Some);
        }
        self.key()?;
        Ok(None)
    }

    /// Reads a key and its colon.
    fn key(&mut self) -> Result<(), Error> {
        match self.peek() {
            Some(b'"') => (),
            Some(_) => return Err(self.unexpected("a key in double quotes")),
            None => return Err(self.cut_off()),
        }
        let name = self.string()?;
        match self.peek() {
            Some(b':') => self.at += 1,
            Some(_) => return Err(self.unexpected("\":\" after a key")),
            None => return Err(self.cut_off()),
        }
        if let Some(Kind::Object { key, .. } | Kind::Node { key, .. }) =
            self.open.last_mut().map(|open| &mut open.kind)
        {
            *key = name;
        }
        Ok(())
    }

    fn string(&mut self) -> Result<String, Error> {
        let bytes = self.text.as_bytes();
        let start = self.at;
        let mut end = start + 1;
        let mut is_escaped = false;
        loop {
            match bytes.get(end) {
                Some(b'"') => break,
                Some(b'\\') => {
                    is_escaped = true;
                    end += 2;
                }
                Some(b'\n') => return Err(self.error(start, "this string does not end on its line")),
                Some(_) => end += 1,
                None => return Err(self.cut_off()),
            }
        }
        self.at = end + 1;
        if is_escaped {
            return serde_json::from_str(&self.text[start..=end])
                .map_err(|_| self.error(start, "this string has an escape that JSON does not know"));
        }
        Ok(self.text[start + 1..end].to_owned())
    }

    fn number(&mut self) -> Result<Value, Error> {
        let start = self.at;
        let is_part = |byte: &u8| matches!(byte, b'0'..=b'9' | b'.' | b'-' | b'+' | b'e' | b'E');
        self.at += self.text.as_bytes()[start..].iter().take_while(|byte| is_part(byte)).count();
        number(&self.text[start..self.at]).ok_or_else(|| self.error(start, "this is no number"))
    }

    fn word(&mut self) -> Result<Value, Error> {
        let rest = &self.text[self.at..];
        let word = &rest[..rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '.').unwrap_or(rest.len())];
        let value = match word {
            "true" => Value::Bool(true),
            "false" => Value::Bool(false),
            // PostgreSQL's own tests mask numbers with N.
            "null" | "N" | "N.N" => Value::Null,
            _ => return Err(self.unexpected("a value")),
        };
        self.at += word.len();
        Ok(value)
    }

    fn unexpected(&self, expected: &str) -> Error {
        let found: String = self.text[self.at..].chars().take(1).collect();
        self.error(self.at, &format!("expected {expected}, found \"{found}\""))
    }

    fn cut_off(&self) -> Error {
        let n_open = self.open.len();
        let things = if n_open == 1 { "list or object" } else { "lists or objects" };
        let problem = format!("the JSON was cut off: it ends with {n_open} {things} open");
        self.error(self.text.trim_end().len(), &problem)
    }

    fn error(&self, at: usize, problem: &str) -> Error {
        let (line, column) = decode::place(self.text, at);
        Error::At { line, column, problem: problem.to_owned() }
    }
}

/// Reads a number as it stands: whole ones stay whole.
pub(super) fn number(text: &str) -> Option<Value> {
    let number = match (text.parse::<u64>(), text.parse::<i64>()) {
        (Ok(number), _) => Number::from(number),
        (_, Ok(number)) => Number::from(number),
        _ => Number::from_f64(text.parse().ok()?)?,
    };
    Some(Value::Number(number))
}

/// Adds keys to the workers of the same number.
fn merge_workers(workers: &mut Vec<Value>, more: Vec<Value>) {
    for worker in more {
        let number = worker.get("Worker Number").cloned();
        match (workers.iter_mut().find(|known| known.get("Worker Number") == number.as_ref()), worker) {
            (Some(Value::Object(known)), Value::Object(keys)) => known.extend(keys),
            (_, worker) => workers.push(worker),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::Node;
    use serde_json::json;

    /// Reads `text` and expects the types of each plan's nodes, as in `A B, C`.
    fn check(text: &str, expected: &str) {
        let name = |node: &RawNode| node.properties["Node Type"].as_str().unwrap().to_owned();
        let names = |raw: &Raw| raw.nodes.iter().map(name).collect::<Vec<_>>().join(" ");
        let actual = match raws(text) {
            Ok(raws) => raws.iter().map(names).collect::<Vec<_>>().join(", "),
            Err(error) => error.to_string(),
        };
        assert_eq!(actual, expected, "{text}");
    }

    #[test]
    fn reads_nodes_in_order() {
        let plan = plan(json!([{
            "Plan": {"Node Type": "Nested Loop", "Join Type": "Left", "Actual Rows": 2.5, "Actual Loops": 1, "Plans": [
                {"Node Type": "Seq Scan", "Relation Name": "t", "Alias": "a", "Parallel Aware": true},
                {"Node Type": "Index Scan", "Relation Name": "u", "Alias": "u", "Index Name": "i", "New Key": 7},
            ]},
            "Execution Time": 1.5,
            "Triggers": [{"Trigger Name": "x", "Time": 0.2, "Calls": 3}],
        }]))
        .unwrap();
        let titles: Vec<String> = plan.nodes.iter().map(Node::title).collect();
        assert_eq!(titles, ["Nested Loop Left Join", "Parallel Seq Scan on t a", "Index Scan using i on u"]);
        assert_eq!(plan.nodes[2].parent, Some(0));
        assert_eq!(plan.nodes[2].number("New Key"), Some(7.0));
        assert_eq!(plan.nodes[0].rows_in_all(), Some(2.5));
        assert_eq!(plan.triggers.len(), 1);
    }

    #[test]
    fn writes_what_it_read() {
        let text = r#"[{"Query Text":"SELECT 1","Plan":{"Node Type":"A","Workers":[],"Plans":[{"Node Type":"B",
            "Plans":[{"Node Type":"C"}]},{"Node Type":"D"}]},"Settings":{"a":"b"},"Execution Time":1.5}]"#;
        let json: Value = serde_json::from_str(text).unwrap();
        let raw = raws(text).unwrap().remove(0);
        let written: Value = serde_json::from_str(&to_text(&raw)).unwrap();
        assert_eq!(written.to_string(), json.to_string());
        assert_eq!(to_json(raw).to_string(), json.to_string());
    }

    #[test]
    fn writes_plans_of_any_depth() {
        let node = |id: usize| RawNode {
            parent: id.checked_sub(1),
            properties: std::iter::once(("Node Type".to_owned(), Value::from("Append"))).collect(),
        };
        let raw = Raw { nodes: (0..MAX_PLAN_DEPTH).map(node).collect(), top: Map::new() };
        assert_eq!(raws(&to_text(&raw)).unwrap(), [raw]);
    }

    #[test]
    fn refuses_what_is_no_plan() {
        assert_eq!(plan(json!([])).unwrap_err(), Error::NoPlan);
        assert_eq!(plan(json!({"Plan": {}})).unwrap_err(), Error::NoNodeType { id: 0 });
    }

    #[test]
    fn finds_plans_in_any_wrapping() {
        let plan = r#"{"Plan": {"Node Type": "A", "Plans": [{"Node Type": "B"}, {"Node Type": "C"}]}, "Triggers": []}"#;
        check(plan, "A B C");
        check(&format!("[{plan}]"), "A B C");
        check(&format!("[[{plan}], [{plan}]]"), "A B C, A B C");
        check(&format!("{plan}\n{plan};"), "A B C, A B C");
        check(&format!("{{\"rows\": [{{\"QUERY PLAN\": [{plan}]}}], \"n\": 1}}"), "A B C");
    }

    #[test]
    fn reads_what_serde_json_reads() {
        let text = r#" {"Query Text": "a \"b\"\n\u00e9", "Plan": {"Node Type": "A", "x": -1, "y": 1e3, "z": 0.50,
            "l": [1, [], {}, {"Plan": {"a": null}}], "Plans": [{"Node Type": "B", "t": true, "f": false}]},
            "Settings": {"a": "b"}, "big": 18446744073709551615}"#;
        let Value::Object(top) = serde_json::from_str(text).unwrap() else { unreachable!() };
        assert_eq!(raws(text).unwrap(), [raw(top).unwrap()]);
    }

    #[test]
    fn merges_workers_that_are_there_twice() {
        let text = r#"{"Plan": {"Node Type": "Sort", "Workers": [{"Worker Number": 0, "Sort Method": "quicksort"}],
            "Workers": [{"Worker Number": 0, "Actual Rows": 5}, {"Worker Number": 1, "Actual Rows": 6}]}}"#;
        assert_eq!(
            raws(text).unwrap()[0].nodes[0].properties["Workers"],
            json!([
                {"Worker Number": 0, "Sort Method": "quicksort", "Actual Rows": 5},
                {"Worker Number": 1, "Actual Rows": 6}
            ])
        );
    }

    #[test]
    fn names_the_place_of_an_error() {
        let cut = "the JSON was cut off: it ends with 3 lists or objects open";
        check("[\n  {\"Plan\": {\"Node Type\": \"A\"", &format!("line 2, column 29: {cut}"));
        check(
            "[{\"Plan\": {\"Node Type\": \"A\n ",
            "line 1, column 25: this string does not end on its line",
        );
        check("[{\"Plan\": {\"Node Type\": \"A", &format!("line 1, column 27: {cut}"));
        check("[{\"Plan\": {\"Node Type\": ", &format!("line 1, column 24: {cut}"));
        check("[1, 2", "line 1, column 6: the JSON was cut off: it ends with 1 list or object open");
        let after = "expected \",\" or \"}\" after the value of a key";
        check("{\"Plan\": {\"A\": 1\n\"B\": 1}}", &format!("line 2, column 1: {after}, found \"\"\""));
        check("{\"\u{e9}\": 1 2}", &format!("line 1, column 9: {after}, found \"2\""));
        check("[1 2]", "line 1, column 4: expected \",\" or \"]\" after an item of a list, found \"2\"");
        check("{a: 1}", "line 1, column 2: expected a key in double quotes, found \"a\"");
        check("{\"a\" 1}", "line 1, column 6: expected \":\" after a key, found \"1\"");
        check("{\"a\": b}", "line 1, column 7: expected a value, found \"b\"");
        check("{\"a\": 1.2.3}", "line 1, column 7: this is no number");
        check("{\"a\": \"\\x\"}", "line 1, column 7: this string has an escape that JSON does not know");
        check("{\"Plan\": {}}", "line 1, column 10: this plan node has no \"Node Type\"");
        check(
            "{\"Plan\": 1}",
            "line 1, column 1: this JSON has no object with the key \"Plan\", as EXPLAIN (FORMAT JSON) prints",
        );
    }

    #[test]
    fn limits_depth() {
        let deep = |n_levels: usize| {
            let open = "{\"Node Type\": \"A\", \"Plans\": [".repeat(n_levels - 1);
            format!("{{\"Plan\": {open}{{\"Node Type\": \"B\"}}{}}}", "]}".repeat(n_levels - 1))
        };
        let raw = &raws(&deep(MAX_PLAN_DEPTH)).unwrap()[0];
        assert_eq!(raw.nodes.len(), MAX_PLAN_DEPTH);
        assert_eq!(raw.nodes[MAX_PLAN_DEPTH - 1].parent, Some(MAX_PLAN_DEPTH - 2));
        let error = raws(&deep(MAX_PLAN_DEPTH + 1)).unwrap_err().to_string();
        assert!(error.ends_with("plan nodes nest deeper than 10000 levels"), "{error}");
        check(&"[".repeat(100_000), "line 1, column 130: lists and objects nest deeper than 128 levels");
    }
}
