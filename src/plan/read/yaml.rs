//! EXPLAIN (FORMAT YAML).

use serde_json::{Map, Value};

use super::{Error, Raw, decode, json};

/// Lists that EXPLAIN may leave empty, which YAML cannot tell from an empty value.
const LISTS: [&str; 3] = ["Triggers", "Plans", "Workers"];

/// How deep lists in brackets may nest, as in `serde_yaml`, which takes time in the square of the depth to say so.
const MAX_BRACKETS: usize = 128;

/// Reads the plans of one document.
pub(super) fn raws(text: &str) -> Result<Vec<Raw>, Error> {
    if let Some(at) = too_deep(text) {
        let (line, column) = decode::place(text, at);
        let problem = format!("brackets nest deeper than {MAX_BRACKETS} levels");
        return Err(Error::At { line, column, problem });
    }
    let document: Value = crate::yaml::parse(std::path::Path::new("plan"), text).map_err(|error| {
        let (line, column) = error.location().unwrap_or((1, 1));
        Error::At { line, column, problem: format!("this is no YAML: {}", without_place(error.message())) }
    })?;
    let plans = match document {
        Value::Array(plans) => plans,
        plan => vec![plan],
    };
    plans.into_iter().map(raw).collect()
}

fn too_deep(text: &str) -> Option<usize> {
    let (mut depth, mut is_quoted) = (0_usize, false);
    text.bytes().position(|byte| {
        match byte {
            b'"' => is_quoted = !is_quoted,
            b'[' | b'{' if !is_quoted => depth += 1,
            b']' | b'}' if !is_quoted => depth = depth.saturating_sub(1),
            _ => {}
        }
        depth > MAX_BRACKETS
    })
}

/// Drops a place within the message: it is not one of the input.
fn without_place(message: &str) -> String {
    match message.split_once(" at line ") {
        Some((what, rest)) => {
            rest.split_once(", ").map_or(what.to_owned(), |(_, rest)| format!("{what}, {rest}"))
        }
        None => message.to_owned(),
    }
}

fn raw(mut plan: Value) -> Result<Raw, Error> {
    fill_lists(&mut plan);
    match plan {
        Value::Object(top) => json::raw(top),
        _ => Err(Error::NoPlan),
    }
}

/// Makes lists and objects of the empty values that are such in JSON.
fn fill_lists(value: &mut Value) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(fill_lists),
        Value::Object(object) => {
            for (key, value) in object {
                if value.is_null() && LISTS.contains(&key.as_str()) {
                    *value = Value::Array(Vec::new());
                } else if value.is_null() && key == "Settings" {
                    *value = Value::Object(Map::new());
                }
                fill_lists(value);
            }
        }
        _ => {}
    }
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
    fn keeps_the_types_of_json() {
        let expected = json!({
            "Query Text": "SELECT \"x\"\n",
            "Plan": {
                "Node Type": "Sort", "Parallel Aware": false, "Alias": "1", "Startup Cost": 0.0, "Plan Rows": 7,
                "Sort Key": ["a", "b: c"], "Query Identifier": -5,
                "Plans": [{"Node Type": "Result", "Group Keys": [["a", "b"], []], "Workers": []}]
            },
            "Settings": {}, "Triggers": [], "Planning Time": 0.5
        });
        let plan = r#"Query Text: "SELECT \"x\"\n"
Plan: 
  Node Type: "Sort"
  Parallel Aware: false
  Alias: "1"
  Startup Cost: 0.00
  Plan Rows: 7
  Sort Key: 
    - "a"
    - "b: c"
  Query Identifier: -5
  Plans: 
    - Node Type: "Result"
      Group Keys: 
        - ["a", "b"]
        - []
      Workers: 
Settings: 
Triggers: 
Planning Time: 0.500
"#;
        check(plan, &expected);
        check(&format!("- {}", plan.trim_end().replace('\n', "\n  ")), &expected);
    }

    #[test]
    fn refuses_bombs() {
        let error = raws(&format!("Plan: {}1", "[".repeat(100_000))).unwrap_err().to_string();
        assert_eq!(error, "line 1, column 135: brackets nest deeper than 128 levels");
        let level = |i: usize| format!("a{i}: &a{i} [{}]\n", vec![format!("*a{}", i - 1); 9].join(", "));
        let levels = (1..20).map(level).collect::<Vec<_>>().concat();
        let error = raws(&format!("a0: &a0 1\n{levels}")).unwrap_err().to_string();
        assert!(error.contains("repetition limit exceeded"), "{error}");
    }
}
