//! EXPLAIN (FORMAT XML): elements to the keys and types that the JSON format has.

use roxmltree::{Document, Node};
use serde_json::{Map, Value};

use super::{Error, Raw, RawNode, json};

/// How deep elements that are no plan nodes may nest: reading and dropping their values recurses.
const MAX_VALUE_DEPTH: usize = 128;

/// The last words of keys whose values are texts, even if they look like a number, as in `<Alias>1</Alias>`.
const TEXTS: [&str; 32] = [
    "Alias",
    "By",
    "Call",
    "Command",
    "Cond",
    "Direction",
    "File",
    "Filter",
    "Format",
    "Item",
    "Key",
    "Method",
    "Mode",
    "Name",
    "Operation",
    "Parameters",
    "Program",
    "Provider",
    "Query",
    "Relation",
    "Relations",
    "Relationship",
    "Resolution",
    "SQL",
    "Schema",
    "Seed",
    "Strategy",
    "Text",
    "Type",
    "Window",
    "Condition",
    "Index",
];

/// Lists that may be empty.
const LISTS: [&str; 9] = [
    "Group Key",
    "Group Keys",
    "Grouping Sets",
    "Hash Key",
    "Hash Keys",
    "Output",
    "Plans",
    "Triggers",
    "Workers",
];

/// Reads the plans of one document.
pub(super) fn raws(text: &str) -> Result<Vec<Raw>, Error> {
    // Without document type definitions, and so without entities that multiply.
    let document = Document::parse(text).map_err(|error| {
        let place = error.pos();
        // The message ends with the place.
        let message = error.to_string();
        let message = message.split_once(" at ").map_or(&*message, |(message, _)| message);
        Error::At {
            line: place.row as usize,
            column: place.col as usize,
            problem: format!("this is no XML: {message}"),
        }
    })?;
    let root = document.root_element();
    // EXPLAIN puts each plan into a Query, auto_explain does not.
    let is_top = |element: &Node| child(*element, "Plan").is_some();
    let tops = root.descendants().filter(|element| matches!(element.tag_name().name(), "Query" | "explain"));
    let raws = tops.filter(is_top).map(raw).collect::<Result<Vec<_>, _>>()?;
    if raws.is_empty() {
        let expected = "as EXPLAIN (FORMAT XML) prints";
        return Err(error(root, format!("this XML has no element <Plan> in an <explain>, {expected}")));
    }
    Ok(raws)
}

fn raw(top: Node) -> Result<Raw, Error> {
    let mut nodes = Vec::new();
    let mut waiting: Vec<(Option<usize>, Node)> =
        child(top, "Plan").map(|root| (None, root)).into_iter().collect();
    while let Some((parent, element)) = waiting.pop() {
        let id = nodes.len();
        let properties = members(element, "Plans", 0)?;
        if !properties.contains_key("Node Type") {
            return Err(error(element, "this <Plan> has no <Node-Type>".to_owned()));
        }
        nodes.push(RawNode { parent, properties });
        if let Some(plans) = child(element, "Plans") {
            let children = plans.children().filter(Node::is_element);
            waiting.extend(children.rev().map(|child| (Some(id), child)));
        }
    }
    Ok(Raw { nodes, top: members(top, "Plan", 0)? })
}

fn child<'a, 'input>(element: Node<'a, 'input>, name: &str) -> Option<Node<'a, 'input>> {
    element.children().find(|child| child.tag_name().name() == name)
}

/// Returns the elements in another as the keys of an object, without one that is read apart.
fn members(element: Node, without: &str, depth: usize) -> Result<Map<String, Value>, Error> {
    element
        .children()
        .filter(|child| child.is_element() && child.tag_name().name() != without)
        .map(|child| {
            let key = key(child);
            let value = value(child, &key, depth)?;
            Ok((key, value))
        })
        .collect()
}

fn value(element: Node, key: &str, depth: usize) -> Result<Value, Error> {
    if depth > MAX_VALUE_DEPTH {
        return Err(error(element, format!("elements nest deeper than {MAX_VALUE_DEPTH} levels")));
    }
    let mut children = element.children().filter(Node::is_element);
    let Some(first) = children.next() else {
        let text: String = element.children().filter_map(|child| child.text()).collect();
        let is_of_settings = || element.parent().is_some_and(|parent| parent.tag_name().name() == "Settings");
        return Ok(match text.trim() {
            "" if LISTS.contains(&key) => Value::Array(Vec::new()),
            "" if key == "Settings" => Value::Object(Map::new()),
            _ if is_text(key) || is_of_settings() => Value::String(text),
            "true" => Value::Bool(true),
            "false" => Value::Bool(false),
            bare => json::number(bare).unwrap_or(Value::String(text)),
        });
    };
    // A list has items, or elements that are called as itself in the singular.
    let name = first.tag_name().name();
    let is_list = name == "Item" || element.tag_name().name().strip_suffix('s') == Some(name);
    if !is_list {
        return members(element, "", depth + 1).map(Value::Object);
    }
    let items = element.children().filter(Node::is_element);
    items.map(|item| value(item, &self::key(item), depth + 1)).collect()
}

/// Returns the key of an element: names of elements have a dash for each blank and slash.
fn key(element: Node) -> String {
    let name = element.tag_name().name();
    let is_alike = |other: &Node| other.tag_name().name() == name;
    let is_second = || element.prev_siblings().skip(1).any(|sibling| is_alike(&sibling));
    match name {
        "One-Time-Filter" => "One-Time Filter".to_owned(),
        // Here XML has the group's own name, where the other formats have its label.
        "Incremental-Sort-Groups" if is_second() => "Pre-sorted Groups".to_owned(),
        "Incremental-Sort-Groups" => "Full-sort Groups".to_owned(),
        "Sort-Space" if is_second() || is_only_on_disk(element) => "Sort Space Disk".to_owned(),
        "Sort-Space" => "Sort Space Memory".to_owned(),
        _ => name.replace('-', " ").replace("I O ", "I/O "),
    }
}

/// Whether the groups of an incremental sort used no memory: the space of memory comes first, if there is one.
fn is_only_on_disk(sort_space: Node) -> bool {
    let methods = sort_space.parent().and_then(|groups| child(groups, "Sort-Methods-Used"));
    let is_external = |method: Node| method.text().is_some_and(|method| method.starts_with("external"));
    let has_second =
        sort_space.next_siblings().skip(1).any(|sibling| sibling.has_tag_name(sort_space.tag_name()));
    !has_second && methods.is_some_and(|methods| methods.children().filter(Node::is_element).all(is_external))
}

fn is_text(key: &str) -> bool {
    // `Maximum Storage` and `Rows Removed by Filter` are numbers.
    let last = key.rsplit(' ').next().unwrap_or(key);
    key == "Storage" || (TEXTS.contains(&last) && !key.starts_with("Rows Removed"))
}

fn error(element: Node, problem: String) -> Error {
    let place = element.document().text_pos_at(element.range().start);
    Error::At { line: place.row as usize, column: place.col as usize, problem }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn check(text: &str, expected: &Value) {
        let Value::Object(top) = expected.clone() else { unreachable!() };
        assert_eq!(raws(text).unwrap(), [json::raw(top).unwrap()], "{text}");
    }

    #[test]
    fn gives_keys_and_values_the_types_of_json() {
        check(
            r#"<explain xmlns="http://www.postgresql.org/2009/explain">
  <Query>
    <Plan>
      <Node-Type>Incremental Sort</Node-Type>
      <Parallel-Aware>false</Parallel-Aware>
      <Alias>1</Alias>
      <Filter>(a &lt; &apos;true
&apos;)</Filter>
      <Rows-Removed-by-Filter>5</Rows-Removed-by-Filter>
      <One-Time-Filter>false</One-Time-Filter>
      <Startup-Cost>0.50</Startup-Cost>
      <Maximum-Storage>17</Maximum-Storage>
      <Temp-I-O-Read-Time>1.5</Temp-I-O-Read-Time>
      <Sort-Key>
        <Item>a</Item>
      </Sort-Key>
      <Group-Keys>
        <Group-Key>
          <Item>1</Item>
        </Group-Key>
        <Group-Key>
        </Group-Key>
      </Group-Keys>
      <Plans>
        <Plan>
          <Node-Type>Result</Node-Type>
        </Plan>
        <Plan>
          <Node-Type>Seq Scan</Node-Type>
        </Plan>
      </Plans>
    </Plan>
    <Settings>
      <work_mem>64</work_mem>
    </Settings>
    <Triggers>
      <Trigger>
        <Trigger-Name>7</Trigger-Name>
        <Calls>1</Calls>
      </Trigger>
    </Triggers>
  </Query>
</explain>"#,
            &json!({
                "Plan": {
                    "Node Type": "Incremental Sort", "Parallel Aware": false, "Alias": "1", "Filter": "(a < 'true\n')",
                    "Rows Removed by Filter": 5, "One-Time Filter": "false", "Startup Cost": 0.5, "Maximum Storage": 17,
                    "Temp I/O Read Time": 1.5, "Sort Key": ["a"], "Group Keys": [["1"], []],
                    "Plans": [{"Node Type": "Result"}, {"Node Type": "Seq Scan"}]
                },
                "Settings": {"work_mem": "64"},
                "Triggers": [{"Trigger Name": "7", "Calls": 1}]
            }),
        );
        check(
            "<explain><Query-Text>1</Query-Text><Plan><Node-Type>Result</Node-Type></Plan><Triggers/></explain>",
            &json!({"Query Text": "1", "Plan": {"Node Type": "Result"}, "Triggers": []}),
        );
    }

    #[test]
    fn tells_groups_of_incremental_sorts_apart() {
        let groups = |spaces: &str, methods: &str| {
            format!(
                "<Incremental-Sort-Groups><Group-Count>1</Group-Count><Sort-Methods-Used>{methods}</Sort-Methods-Used>\
                 {spaces}</Incremental-Sort-Groups>"
            )
        };
        let space = "<Sort-Space><Peak-Sort-Space-Used>2</Peak-Sort-Space-Used></Sort-Space>";
        let (quick, external) = ("<Item>quicksort</Item>", "<Item>external merge</Item>");
        let all = [groups(space, quick), groups(&space.repeat(2), &format!("{quick}{external}"))];
        let peak = json!({"Peak Sort Space Used": 2});
        let sort = |groups: &str| {
            format!("<explain><Plan><Node-Type>Incremental Sort</Node-Type>{groups}</Plan></explain>")
        };
        check(
            &sort(&all.concat()),
            &json!({"Plan": {
                "Node Type": "Incremental Sort",
                "Full-sort Groups": {"Group Count": 1, "Sort Methods Used": ["quicksort"], "Sort Space Memory": peak},
                "Pre-sorted Groups": {
                    "Group Count": 1, "Sort Methods Used": ["quicksort", "external merge"],
                    "Sort Space Memory": peak, "Sort Space Disk": peak
                }
            }}),
        );
        check(
            &sort(&groups(space, external)),
            &json!({"Plan": {
                "Node Type": "Incremental Sort",
                "Full-sort Groups": {"Group Count": 1, "Sort Methods Used": ["external merge"], "Sort Space Disk": peak}
            }}),
        );
    }

    #[test]
    fn reads_deep_plans_and_refuses_other_depth() {
        let level = "<Plan><Node-Type>A</Node-Type><Plans>";
        let deep = format!(
            "<explain>{}<Plan><Node-Type>B</Node-Type></Plan>{}</explain>",
            level.repeat(9999),
            "</Plans></Plan>".repeat(9999)
        );
        assert_eq!(raws(&deep).unwrap()[0].nodes.len(), 10_000);
        let deep = format!(
            "<explain><Plan><Node-Type>A</Node-Type>{}{}</Plan></explain>",
            "<a>".repeat(1000),
            "</a>".repeat(1000)
        );
        let error = raws(&deep).unwrap_err().to_string();
        assert!(error.ends_with("elements nest deeper than 128 levels"), "{error}");
    }

    #[test]
    fn refuses_entities_and_other_documents() {
        let error = |text: &str| raws(text).unwrap_err().to_string();
        let bomb = "<!DOCTYPE a [<!ENTITY b \"c\">]><explain>&b;</explain>";
        assert_eq!(error(bomb), "line 1, column 1: this is no XML: XML with DTD detected");
        assert_eq!(
            error("<explain>\n<Query/></explain>"),
            "line 1, column 1: this XML has no element <Plan> in an <explain>, as EXPLAIN (FORMAT XML) prints"
        );
        assert_eq!(
            error("<explain>\n <Plan/></explain>"),
            "line 2, column 2: this <Plan> has no <Node-Type>"
        );
    }
}
