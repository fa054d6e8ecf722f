//! SARIF 2.1.0, as GitHub's code scanning and editors read it (OASIS, "Static Analysis Results Interchange
//! Format").

use std::fmt::Write as _;

use serde_json::{Value, json};

use super::results::{Level, Place, Problem, Suite};
use crate::random;

/// A rule with what it asks for, in one sentence.
pub(crate) type Rule = (&'static str, &'static str);

/// Writes the problems of all suites as the log of one run. `rules` has every rule that was applied.
pub(crate) fn text(suites: &[Suite], rules: &[Rule]) -> String {
    let mut results = Vec::new();
    for suite in suites {
        for case in &suite.cases {
            for problem in &case.problems {
                results.push(result(&suite.name, &case.name, problem, rules));
            }
        }
    }
    let rules: Vec<Value> = rules
        .iter()
        .map(|(id, description)| json!({ "id": id, "shortDescription": { "text": description } }))
        .collect();
    let log = json!({
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{
            "tool": {
                "driver": { "name": "perfkit", "version": env!("CARGO_PKG_VERSION"), "rules": rules },
            },
            "columnKind": "unicodeCodePoints",
            "results": results,
        }],
    });
    format!("{log:#}\n")
}

fn result(suite: &str, case: &str, problem: &Problem, rules: &[Rule]) -> Value {
    let level = match problem.level {
        Level::Error => "error",
        Level::Warning => "warning",
        Level::Note => "note",
    };
    let detail =
        problem.detail.as_ref().map(|detail| format!("\n\n{}", detail.trim_end())).unwrap_or_default();
    // Figures change from run to run; the same rule broken in the same case is the same problem.
    let fingerprint = random::substream(0, &format!("{suite}\n{case}\n{}", problem.rule));
    let mut result = json!({
        "ruleId": problem.rule,
        "level": level,
        "message": { "text": format!("{suite}: {}{detail}", problem.message) },
        "locations": problem.place.iter().map(location).collect::<Vec<_>>(),
        "partialFingerprints": { "perfkit/v1": format!("{fingerprint:016x}") },
    });
    if let Some(index) = rules.iter().position(|(id, _)| *id == problem.rule) {
        result["ruleIndex"] = json!(index);
    }
    result
}

fn location(place: &Place) -> Value {
    let mut location = json!({ "artifactLocation": { "uri": uri(&place.path) } });
    if let Some(line) = place.line {
        location["region"] = json!({ "startLine": line });
    }
    json!({ "physicalLocation": location })
}

/// Writes a path as a URI reference (RFC 3986): slashes, and everything unusual percent-encoded.
fn uri(path: &str) -> String {
    let mut uri = if path.starts_with('/') { "file://".to_owned() } else { String::new() };
    for byte in path.trim_start_matches("./").bytes() {
        match byte {
            b'\\' => uri.push('/'),
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'/' => {
                uri.push(char::from(byte));
            }
            _ => {
                let _ = write!(uri, "%{byte:02X}");
            }
        }
    }
    uri
}

#[cfg(test)]
mod tests {
    use super::super::results::Case;
    use super::*;
    use proptest::prelude::*;
    use serde::Deserialize;

    /// The parts of the SARIF 2.1.0 schema that are written here; a property that the schema does not require
    /// is `Option`.
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Log {
        #[serde(rename = "$schema")]
        schema: Option<String>,
        version: String,
        runs: Vec<Run>,
    }

    #[derive(Deserialize)]
    #[serde(deny_unknown_fields, rename_all = "camelCase")]
    struct Run {
        tool: Tool,
        column_kind: Option<String>,
        results: Vec<ResultMirror>,
    }

    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Tool {
        driver: Driver,
    }

    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Driver {
        name: String,
        version: Option<String>,
        rules: Vec<Descriptor>,
    }

    #[derive(Deserialize)]
    #[serde(deny_unknown_fields, rename_all = "camelCase")]
    struct Descriptor {
        id: String,
        short_description: Message,
    }

    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Message {
        text: String,
    }

    #[derive(Deserialize)]
    #[serde(deny_unknown_fields, rename_all = "camelCase")]
    struct ResultMirror {
        rule_id: String,
        rule_index: Option<usize>,
        level: String,
        message: Message,
        locations: Vec<Location>,
        partial_fingerprints: std::collections::BTreeMap<String, String>,
    }

    #[derive(Deserialize)]
    #[serde(deny_unknown_fields, rename_all = "camelCase")]
    struct Location {
        physical_location: Physical,
    }

    #[derive(Deserialize)]
    #[serde(deny_unknown_fields, rename_all = "camelCase")]
    struct Physical {
        artifact_location: Artifact,
        region: Option<Region>,
    }

    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Artifact {
        uri: String,
    }

    #[derive(Deserialize)]
    #[serde(deny_unknown_fields, rename_all = "camelCase")]
    struct Region {
        start_line: usize,
    }

    const RULES: [Rule; 2] =
        [("no_spill", "Nothing goes through files."), ("shape", "The plan has this shape.")];

    fn read(path: &str, line: Option<usize>, message: &str) -> Log {
        let problem = Problem {
            rule: "shape".to_owned(),
            level: Level::Error,
            message: message.to_owned(),
            detail: Some("more\n".to_owned()),
            place: Some(Place { path: path.to_owned(), line }),
        };
        let case = Case { name: "shape".to_owned(), time_ms: None, problems: vec![problem] };
        let text = text(&[Suite { name: "feed".to_owned(), cases: vec![case] }], &RULES);
        serde_json::from_str(&text).unwrap()
    }

    fn assert_valid(log: &Log) {
        assert_eq!(log.version, "2.1.0");
        assert!(log.schema.as_ref().is_some_and(|schema| schema.ends_with("sarif-2.1.0.json")));
        for run in &log.runs {
            assert_eq!(run.tool.driver.name, "perfkit");
            assert!(run.tool.driver.version.is_some());
            assert_eq!(run.column_kind.as_deref(), Some("unicodeCodePoints"));
            let rules = &run.tool.driver.rules;
            assert!(
                rules.iter().all(|rule| !rule.id.is_empty() && rule.short_description.text.ends_with('.'))
            );
            for result in &run.results {
                assert!(["error", "warning", "note", "none"].contains(&result.level.as_str()));
                assert!(result.rule_index.is_none_or(|index| rules[index].id == result.rule_id));
                assert!(!result.message.text.is_empty());
                assert!(result.partial_fingerprints.values().all(|print| print.len() == 16));
                for location in &result.locations {
                    let uri = &location.physical_location.artifact_location.uri;
                    assert!(
                        uri.bytes().all(|b| b.is_ascii_graphic() && !b"\\\"<>^`{}| ".contains(&b)),
                        "{uri}"
                    );
                    assert!(
                        location
                            .physical_location
                            .region
                            .as_ref()
                            .is_none_or(|region| region.start_line >= 1)
                    );
                }
            }
        }
    }

    #[test]
    fn problems_have_their_place() {
        let log = read("./conf/perf kit.yaml", Some(7), "other shape");
        assert_valid(&log);
        let result = &log.runs[0].results[0];
        assert_eq!((result.rule_id.as_str(), result.rule_index), ("shape", Some(1)));
        assert_eq!(result.message.text, "feed: other shape\n\nmore");
        let place = &result.locations[0].physical_location;
        assert_eq!(place.artifact_location.uri, "conf/perf%20kit.yaml");
        assert_eq!(place.region.as_ref().map(|region| region.start_line), Some(7));
        assert_eq!(uri("/a/b"), "file:///a/b");
    }

    #[test]
    fn the_same_problem_has_the_same_fingerprint() {
        let print = |message| read("a", None, message).runs.remove(0).results.remove(0).partial_fingerprints;
        assert_eq!(print("5 blocks"), print("6 blocks"));
    }

    #[test]
    fn no_problems_are_valid() {
        assert_valid(&serde_json::from_str(&text(&[], &RULES)).unwrap());
    }

    proptest! {
        #[test]
        fn any_text_is_valid(path in any::<String>(), message in any::<String>(), line in proptest::option::of(1_usize..99)) {
            assert_valid(&read(&path, line, &message));
        }
    }
}
