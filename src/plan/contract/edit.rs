//! The section `contract:` of a perfkit.yaml, replaced or appended as text: every other byte stays, comments
//! too.
//!
//! The result is read again before it is given away: what would change the meaning of anything else is
//! refused.

use std::fmt::Write as _;
use std::path::Path;

use serde_json::Value;

use super::{Contract, Names, RowLimit};
use crate::yaml;

/// Why a file cannot be edited.
#[derive(Debug, thiserror::Error)]
pub(crate) enum EditError {
    #[error("could not read the file as YAML")]
    Yaml(#[source] yaml::Error),
    /// The file is written in a way that cannot be edited line by line, as in `{workload: …, contract: …}` on
    /// one line.
    #[error("could not write the section \"contract\" without changing the rest of the file")]
    NotByLine,
}

/// Returns the file with these contracts in the place of those that it has.
pub(crate) fn with_contract(text: &str, contracts: &[Contract]) -> Result<String, EditError> {
    let before = meaning(text).map_err(EditError::Yaml)?;
    let newline = if text.contains("\r\n") { "\r\n" } else { "\n" };
    let section = section(contracts).replace('\n', newline);
    let (start, end) = place(text).unwrap_or((text.len(), text.len()));
    let (kept, replaced, rest) = (&text[..start], &text[start..end], &text[end..]);
    let gap = |text: &str| if text.is_empty() || text.ends_with('\n') { "" } else { newline };
    let edited =
        format!("{kept}{}{section}{}{rest}", gap(kept), if rest.is_empty() { "" } else { gap(replaced) });
    let after = meaning(&edited).map_err(|_| EditError::NotByLine)?;
    let written: Vec<Contract> =
        after.1.map_or(Ok(Vec::new()), serde_json::from_value).map_err(|_| EditError::NotByLine)?;
    if before.0 == after.0 && written == contracts { Ok(edited) } else { Err(EditError::NotByLine) }
}

/// Returns the line, from 1, on which the contract of a statement begins.
pub(crate) fn line_of(text: &str, statement: &str) -> Option<usize> {
    let (start, end) = place(text)?;
    let first = text[..start].lines().count() + 1;
    let is_it = |line: &str| {
        let Some((_, value)) = line.split_once("statement:") else { return false };
        let value = value.trim_start();
        let quoted = [format!("\"{statement}\""), format!("'{statement}'"), quoted(statement)];
        match value.strip_prefix(statement) {
            Some(rest) => rest.chars().next().is_none_or(|next| next.is_whitespace() || ",}".contains(next)),
            None => quoted.iter().any(|quoted| value.starts_with(quoted.as_str())),
        }
    };
    // Several contracts may stand on one line.
    text[start..end]
        .lines()
        .position(|line| line.match_indices("statement:").any(|(at, _)| is_it(&line[at..])))
        .map(|at| first + at)
}

/// Returns the file's content without its contracts, and these.
fn meaning(text: &str) -> Result<(Value, Option<Value>), yaml::Error> {
    let mut content: Value = yaml::parse(Path::new("perfkit.yaml"), text)?;
    // An empty file, and one of comments, reads as null.
    if content.is_null() {
        content = Value::Object(serde_json::Map::new());
    }
    let contract = content.as_object_mut().and_then(|object| object.shift_remove("contract"));
    Ok((content, contract.filter(|contract| !contract.is_null())))
}

/// Returns where the section begins and ends, in bytes: from its key to the line after its last entry.
fn place(text: &str) -> Option<(usize, usize)> {
    let mut lines = Vec::new();
    let mut start = 0;
    for line in text.split_inclusive('\n') {
        lines.push((start, line));
        start += line.len();
    }
    let first = lines.iter().position(|(_, line)| is_key(line))?;
    let (mut end, mut is_open) = (first + 1, true);
    for (i, (_, line)) in lines.iter().enumerate().skip(first + 1) {
        let is_blank = line.trim().is_empty();
        let is_comment = line.trim_start().starts_with('#');
        let is_inside = line.starts_with([' ', '\t']) || line.starts_with("- ") || line.trim_end() == "-";
        // The closing bracket of a list in brackets may stand at the margin.
        let closes = line.starts_with([']', '}']);
        if is_blank || (is_comment && !line.starts_with([' ', '\t'])) {
            // It belongs to the section only if more of that follows.
            continue;
        }
        is_open &= is_inside || closes;
        if !is_open {
            break;
        }
        end = i + 1;
    }
    let end = lines.get(end).map_or(text.len(), |(start, _)| *start);
    Some((lines[first].0, end))
}

fn is_key(line: &str) -> bool {
    let rest = ["contract", "\"contract\"", "'contract'"].iter().find_map(|key| line.strip_prefix(key));
    let value = rest.and_then(|rest| rest.trim_start_matches([' ', '\t']).strip_prefix(':'));
    value.is_some_and(|value| value.is_empty() || value.starts_with([' ', '\t', '\r', '\n']))
}

/// Writes the section with a line for each rule.
fn section(contracts: &[Contract]) -> String {
    if contracts.is_empty() {
        return "contract: []\n".to_owned();
    }
    let mut text = "contract:\n".to_owned();
    for contract in contracts {
        let _ = writeln!(text, "  - statement: {}", plain_or_quoted(&contract.statement));
        for (key, value) in entries(contract) {
            let _ = writeln!(text, "    {key}: {value}");
        }
    }
    text
}

/// Returns the rules that a contract states, as YAML.
fn entries(contract: &Contract) -> Vec<(&'static str, String)> {
    let names = |names: &Names| match names {
        Names::None => None,
        Names::All => Some("true".to_owned()),
        Names::These(names) => Some(list(names)),
    };
    let limit = |limit: Option<f64>| limit.map(number);
    let critical =
        Some(&contract.critical_tables).filter(|tables| !tables.is_empty()).map(|tables| list(tables));
    let seq_scan_rows = contract.max_seq_scan_rows.as_ref().map(|limit| match limit {
        RowLimit::All(rows) => number(*rows),
        RowLimit::Each(tables) => {
            let entries: Vec<String> = tables
                .iter()
                .map(|(table, rows)| format!("{}: {}", plain_or_quoted(table), number(*rows)))
                .collect();
            format!("{{{}}}", entries.join(", "))
        }
    });
    [
        ("must_use_index", names(&contract.must_use_index)),
        ("no_seq_scan", names(&contract.no_seq_scan)),
        ("max_seq_scan_rows", seq_scan_rows),
        ("critical_tables", critical),
        ("no_disk_sort", contract.no_disk_sort.then(|| "true".to_owned())),
        ("no_spill", contract.no_spill.then(|| "true".to_owned())),
        ("max_shared_blocks", contract.max_shared_blocks.map(|blocks| blocks.to_string())),
        ("max_temp_blocks", contract.max_temp_blocks.map(|blocks| blocks.to_string())),
        ("max_rows", limit(contract.max_rows)),
        ("max_q_error", limit(contract.max_q_error)),
        ("max_cost", limit(contract.max_cost)),
        // A hash of digits alone, or with one `e`, would be a number.
        ("shape", contract.shape.as_deref().map(quoted)),
        ("max_planning_ms", limit(contract.max_planning_ms)),
        ("max_execution_ms", limit(contract.max_execution_ms)),
    ]
    .into_iter()
    .filter_map(|(key, value)| Some((key, value?)))
    .collect()
}

fn list(names: &[String]) -> String {
    let names: Vec<String> = names.iter().map(|name| plain_or_quoted(name)).collect();
    format!("[{}]", names.join(", "))
}

fn number(number: f64) -> String {
    // `1e21` would be a string in YAML 1.1; Rust writes no exponents here.
    format!("{number}")
}

/// Writes a text as it is where no reader of YAML takes it for anything else.
fn plain_or_quoted(text: &str) -> String {
    let is_word = text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && text.chars().all(|c| c.is_ascii_alphanumeric() || "_-.".contains(c));
    let lower = text.to_ascii_lowercase();
    // The booleans and null of YAML 1.1, which many readers still know.
    let is_special = ["true", "false", "yes", "no", "on", "off", "null", "y", "n"].contains(&lower.as_str());
    if is_word && !is_special { text.to_owned() } else { quoted(text) }
}

/// Writes a text in double quotes (YAML 1.2, section 7.3.1).
fn quoted(text: &str) -> String {
    let mut quoted = "\"".to_owned();
    for c in text.chars() {
        match c {
            '"' | '\\' => quoted.extend(['\\', c]),
            '\n' => quoted.push_str("\\n"),
            '\t' => quoted.push_str("\\t"),
            // What is not printable, and what a reader may take for the end of a line or a byte order mark.
            c if c.is_control()
                || matches!(c, '\u{2028}' | '\u{2029}' | '\u{feff}' | '\u{fffe}' | '\u{ffff}') =>
            {
                let _ = write!(quoted, "\\U{:08X}", u32::from(c));
            }
            c => quoted.push(c),
        }
    }
    quoted + "\""
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn contract() -> Contract {
        Contract {
            statement: "feed".to_owned(),
            max_shared_blocks: Some(12),
            shape: Some("0123456789012345".to_owned()),
            ..Contract::default()
        }
    }

    const WRITTEN: &str =
        "contract:\n  - statement: feed\n    max_shared_blocks: 12\n    shape: \"0123456789012345\"\n";

    fn check(text: &str, expected: &str) {
        assert_eq!(with_contract(text, &[contract()]).unwrap(), expected, "{text}");
    }

    #[test]
    fn appends_a_section() {
        check("", WRITTEN);
        check("# nothing yet\n", &format!("# nothing yet\n{WRITTEN}"));
        check("bench: {rate: 5} # keep", &format!("bench: {{rate: 5}} # keep\n{WRITTEN}"));
        check(
            "bench:\r\n  rate: 5\r\n",
            &format!("bench:\r\n  rate: 5\r\n{}", WRITTEN.replace('\n', "\r\n")),
        );
    }

    #[test]
    fn replaces_the_section_alone() {
        let (before, after) =
            ("# top\nbench: {rate: 5}\n\n# about contracts\n", "\n# about seed\nseed: {} # x\n");
        for old in [
            "contract: []\n",
            "contract: [{statement: a, no_spill: true}]  # old\n",
            "contract: [\n  {statement: a},\n]\n",
            "contract:\n  - statement: a\n    # why\n    no_spill: true\n",
            "contract:\n- statement: a\n\n# between\n- statement: b\n",
            "\"contract\" :\n  - {statement: a}\n",
            "contract:\n",
        ] {
            check(&format!("{before}{old}{after}"), &format!("{before}{WRITTEN}{after}"));
        }
        check("contract: []", WRITTEN);
        check(
            "a: |\n  contract:\n    - x\ncontract: []\n",
            &format!("a: |\n  contract:\n    - x\n{WRITTEN}"),
        );
    }

    #[test]
    fn refuses_what_it_cannot_edit() {
        for text in ["{contract: [], bench: {rate: 5}}", "bench: {}\n...\n", "a: &x 1\ncontract: [*x]\n- b"] {
            assert!(with_contract(text, &[contract()]).is_err(), "{text}");
        }
        let error = with_contract("a: [", &[]).unwrap_err();
        assert!(matches!(error, EditError::Yaml(_)), "{error}");
    }

    #[test]
    fn finds_the_line_of_a_statement() {
        let text = "# statement: b\nbench: {}\ncontract:\n  - statement: a-b\n  - {no_spill: true, statement: \"b\"}\n  - statement: a\n";
        assert_eq!(line_of(text, "a"), Some(6));
        assert_eq!(line_of(text, "b"), Some(5));
        assert_eq!(line_of(text, "c"), None);
        assert_eq!(line_of("contract: [{statement: x}, {statement: y}]\n", "y"), Some(1));
    }

    #[test]
    fn every_fixture_can_be_edited() {
        for scenario in std::fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures")).unwrap() {
            let Ok(text) = std::fs::read_to_string(scenario.unwrap().path().join("perfkit.yaml")) else {
                continue;
            };
            let edited = with_contract(&text, &[contract()]).unwrap();
            assert_eq!(edited, format!("{text}{WRITTEN}"));
            assert_eq!(with_contract(&edited, &[contract()]).unwrap(), edited);
        }
    }

    fn any_limit() -> impl Strategy<Value = Option<f64>> {
        proptest::option::of(prop_oneof![(0_u32..1_000_000).prop_map(f64::from), 0.001_f64..1e9])
    }

    fn any_names() -> impl Strategy<Value = Names> {
        prop_oneof![
            Just(Names::None),
            Just(Names::All),
            proptest::collection::vec("\\PC{0,6}|true|no|1e5", 0..3).prop_map(Names::These),
        ]
    }

    prop_compose! {
        fn any_contract()(
            statement in "\\PC{1,9}|[a-z]{1,4}\n?|null|7", must_use_index in any_names(), no_seq_scan in any_names(),
            max_seq_scan_rows in proptest::option::of(prop_oneof![
                (0_u32..9999).prop_map(|rows| RowLimit::All(f64::from(rows))),
                proptest::collection::btree_map("\\PC{1,5}|on", (0_u32..99).prop_map(f64::from), 1..3).prop_map(RowLimit::Each),
            ]),
            critical_tables in proptest::collection::vec("\\PC{0,6}", 0..3), flags in any::<(bool, bool)>(),
            blocks in any::<(Option<u64>, Option<u32>)>(), limits in [any_limit(), any_limit(), any_limit(), any_limit()],
            shape in proptest::option::of("[0-9a-f]{16}"),
        ) -> Contract {
            Contract {
                statement, must_use_index, no_seq_scan, max_seq_scan_rows, critical_tables,
                no_disk_sort: flags.0, no_spill: flags.1,
                max_shared_blocks: blocks.0, max_temp_blocks: blocks.1.map(u64::from),
                max_rows: limits[0], max_q_error: limits[1], max_cost: limits[2], max_execution_ms: limits[3],
                max_planning_ms: None, shape,
            }
        }
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_again(contracts in proptest::collection::vec(any_contract(), 0..3)) {
            let text = section(&contracts);
            let (_, written) = meaning(&text).unwrap();
            let written: Vec<Contract> = serde_json::from_value(written.unwrap()).unwrap();
            prop_assert_eq!(written, contracts);
        }

        #[test]
        fn every_other_byte_stays(
            before in "(# [^\\pC\\x{2028}\\x{2029}]{0,9}\n|\n|a: 5 # x\n|bb:\n  - é # y\n|c: \\|\n  contract:\n   z\n){0,3}",
            after in "(# [^\\pC\\x{2028}\\x{2029}]{0,9}\n|\n|d: \\[1,\n  2\\]\n|\"ee\": \\{x: y\\}\n){0,3}",
            old in proptest::collection::vec(any_contract(), 0..3),
            new in proptest::collection::vec(any_contract(), 0..3),
        ) {
            // A key twice is no YAML.
            let has_twice = ["a: 5", "bb:", "c: |", "d: [", "\"ee\""].iter().any(|key| (before.clone() + &after).matches(key).count() > 1);
            prop_assume!(!has_twice);
            let text = format!("{before}{}{after}", section(&old));
            prop_assert_eq!(with_contract(&text, &new).unwrap(), format!("{before}{}{after}", section(&new)));
        }
    }
}
