//! JUnit XML, as Jenkins, GitLab and GitHub's actions read it.
//!
//! There is no standard. This keeps to what the schemas of Jenkins' xUnit plugin (junit-10.xsd) and of Ant's
//! task have in common: at most one failure a case, elements in their order, counts that are right. It has no
//! timestamp and no host name, which Ant writes: the same results give the same text.

use std::fmt::Write as _;

use super::results::{Case, Problem, Suite};

/// Writes all suites as one document.
pub(crate) fn text(suites: &[Suite]) -> String {
    let mut xml = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n".to_owned();
    let all: Vec<&Case> = suites.iter().flat_map(|suite| &suite.cases).collect();
    let _ = writeln!(xml, "<testsuites name=\"perfkit\" {}>", counts(&all, false));
    for suite in suites {
        let cases: Vec<&Case> = suite.cases.iter().collect();
        let _ = writeln!(xml, "  <testsuite name={} {}>", attribute(&suite.name), counts(&cases, true));
        for case in &suite.cases {
            write_case(&mut xml, suite, case);
        }
        xml.push_str("  </testsuite>\n");
    }
    xml + "</testsuites>\n"
}

fn write_case(xml: &mut String, suite: &Suite, case: &Case) {
    let (class, name) = (attribute(&suite.name), attribute(&case.name));
    let _ = write!(
        xml,
        "    <testcase classname={class} name={name} time=\"{}\"",
        seconds(case.time_ms.unwrap_or(0.0))
    );
    let Some(first) = case.problems.iter().find(|_| case.has_failed()) else {
        xml.push_str("/>\n");
        return;
    };
    let (rule, message) = (attribute(&first.rule), attribute(&first.message));
    let lines: Vec<String> = case.problems.iter().map(described).collect();
    let _ = writeln!(
        xml,
        ">\n      <failure type={rule} message={message}>{}</failure>\n    </testcase>",
        escaped(&lines.join("\n"), false)
    );
}

fn described(problem: &Problem) -> String {
    let place = problem.place.as_ref().map(|place| match place.line {
        Some(line) => format!("{}:{line}: ", place.path),
        None => format!("{}: ", place.path),
    });
    let detail = problem.detail.as_ref().map(|detail| format!("\n{}", detail.trim_end())).unwrap_or_default();
    format!("{}{}: {}{detail}", place.unwrap_or_default(), problem.rule, problem.message)
}

/// Ant and Jenkins know `skipped` of a suite, but not of all suites together.
fn counts(cases: &[&Case], with_skipped: bool) -> String {
    let failures = cases.iter().filter(|case| case.has_failed()).count();
    // The sum of no numbers would be -0.
    let time = cases.iter().filter_map(|case| case.time_ms).fold(0.0, |sum, ms| sum + ms);
    let skipped = if with_skipped { " skipped=\"0\"" } else { "" };
    format!(
        "tests=\"{}\" failures=\"{failures}\" errors=\"0\"{skipped} time=\"{}\"",
        cases.len(),
        seconds(time)
    )
}

/// Jenkins reads three decimals.
fn seconds(ms: f64) -> String {
    format!("{:.3}", ms / 1000.0)
}

fn attribute(text: &str) -> String {
    format!("\"{}\"", escaped(text, true))
}

/// Escapes what XML 1.0 reserves; what it forbids, such as control characters, becomes the replacement
/// character.
fn escaped(text: &str, in_attribute: bool) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            // A reader makes a space of it in an attribute, and a line feed of a carriage return anywhere.
            '\n' | '\t' if in_attribute => {
                let _ = write!(escaped, "&#{};", u32::from(c));
            }
            '\r' => escaped.push_str("&#13;"),
            '\n' | '\t' | ' '..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'.. => escaped.push(c),
            _ => escaped.push('\u{fffd}'),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::super::results::{Level, Place};
    use super::*;
    use proptest::prelude::*;

    fn problem(level: Level, message: &str) -> Problem {
        Problem {
            rule: "max_shared_blocks".to_owned(),
            level,
            message: message.to_owned(),
            detail: None,
            place: Some(Place { path: "perfkit.yaml".to_owned(), line: Some(7) }),
        }
    }

    fn suites(message: &str) -> Vec<Suite> {
        let case = |name: &str, problems| Case { name: name.to_owned(), time_ms: Some(1500.4), problems };
        vec![Suite {
            name: "current-session".to_owned(),
            cases: vec![
                case("max_shared_blocks", vec![problem(Level::Error, message), problem(Level::Note, "also")]),
                case("max_q_error", vec![problem(Level::Warning, message)]),
                case("shape", vec![]),
            ],
        }]
    }

    #[test]
    fn writes_failures() {
        let expected = r#"<?xml version="1.0" encoding="UTF-8"?>
<testsuites name="perfkit" tests="3" failures="1" errors="0" time="4.501">
  <testsuite name="current-session" tests="3" failures="1" errors="0" skipped="0" time="4.501">
    <testcase classname="current-session" name="max_shared_blocks" time="1.500">
      <failure type="max_shared_blocks" message="5 &lt; 7 &amp; &quot;x&quot;">perfkit.yaml:7: max_shared_blocks: 5 &lt; 7 &amp; &quot;x&quot;
perfkit.yaml:7: max_shared_blocks: also</failure>
    </testcase>
    <testcase classname="current-session" name="max_q_error" time="1.500"/>
    <testcase classname="current-session" name="shape" time="1.500"/>
  </testsuite>
</testsuites>
"#;
        assert_eq!(text(&suites("5 < 7 & \"x\"")), expected);
    }

    /// The rules that the schemas of Jenkins and Ant share: known elements under known parents, in order,
    /// with their required attributes and no unknown ones, and counts that are right.
    fn assert_valid(xml: &str) {
        let document = roxmltree::Document::parse(xml).unwrap_or_else(|error| panic!("{error}: {xml}"));
        let root = document.root_element();
        assert_eq!(root.tag_name().name(), "testsuites");
        for node in document.descendants().filter(roxmltree::Node::is_element) {
            let (parent, required, optional): (&str, &[&str], &[&str]) = match node.tag_name().name() {
                "testsuites" => ("", &[], &["name", "tests", "failures", "errors", "time", "disabled"]),
                "testsuite" => (
                    "testsuites",
                    &["name", "tests", "failures", "errors", "time"],
                    &["skipped", "timestamp", "hostname", "disabled", "id", "package"],
                ),
                "testcase" => ("testsuite", &["name", "classname", "time"], &["assertions", "status"]),
                "failure" => ("testcase", &["type"], &["message"]),
                other => panic!("unknown element {other}"),
            };
            assert_eq!(node.parent_element().map_or("", |parent| parent.tag_name().name()), parent);
            for attribute in required {
                assert!(node.has_attribute(*attribute), "{attribute}");
            }
            for attribute in node.attributes() {
                let name = attribute.name();
                assert!(required.contains(&name) || optional.contains(&name), "{name}");
                if name == "time" {
                    let (whole, decimals) = attribute.value().split_once('.').unwrap();
                    assert!(whole.parse::<u64>().is_ok() && decimals.len() == 3, "{}", attribute.value());
                }
            }
            let count =
                |name: &str| node.descendants().filter(|child| child.has_tag_name(name)).count().to_string();
            if matches!(node.tag_name().name(), "testsuites" | "testsuite") {
                assert_eq!(node.attribute("tests"), Some(count("testcase").as_str()));
                assert_eq!(node.attribute("failures"), Some(count("failure").as_str()));
            }
            if node.has_tag_name("testcase") {
                assert!(node.children().filter(roxmltree::Node::is_element).count() <= 1);
            }
        }
    }

    #[test]
    fn no_suites_are_valid() {
        assert_valid(&text(&[]));
    }

    proptest! {
        #[test]
        fn any_text_is_valid_and_comes_back(message in any::<String>()) {
            let xml = text(&suites(&message));
            assert_valid(&xml);
            let document = roxmltree::Document::parse(&xml).unwrap();
            let failure = document.descendants().find(|node| node.has_tag_name("failure")).unwrap();
            let is_allowed = |c: char| !c.is_ascii_control() || "\n\t\r".contains(c);
            if message.chars().all(|c| is_allowed(c) && !matches!(c, '\u{fffe}' | '\u{ffff}')) {
                prop_assert_eq!(failure.attribute("message"), Some(message.as_str()));
            }
        }
    }
}
