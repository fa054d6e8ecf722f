//! Real plans from public projects, which are not part of this repository: `make corpus` runs this where they are.
//!
//! The folder has an `INDEX.jsonl`: one line a file, with its format, whether it is timed, and how many nodes it has.

use std::fs;
use std::path::PathBuf;

use serde_json::Value;

use crate::support::cli::perfkit;

fn folder() -> PathBuf {
    #[expect(clippy::disallowed_methods, reason = "a test has no Environment")]
    let folder = std::env::var_os("PERFKIT_CORPUS").expect("PERFKIT_CORPUS names the folder with the plans");
    fs::canonicalize(folder).expect("PERFKIT_CORPUS is a folder")
}

/// Explains a file of the corpus; one statement each.
fn explained(file: &str) -> Vec<Value> {
    let path = folder().join(file);
    let run = perfkit(&["explain", "--json", "--plan", path.to_str().expect("a complete report")]).succeeds();
    let json = run.json();
    match json["statements"].as_array() {
        Some(statements) => statements.clone(),
        None => vec![json],
    }
}

fn nodes(statement: &Value) -> &Vec<Value> {
    statement["plan"]["nodes"].as_array().expect("a complete report")
}

/// Sum of self times and what is outside, against the execution time. Where the root itself is said to have taken longer
/// than the whole (one plan of the corpus was written by hand), against the root.
fn imbalance(statement: &Value) -> Option<String> {
    let plan = &statement["plan"];
    let outside_ms = plan["outside_ms"].as_f64()?;
    let self_ms: f64 =
        nodes(statement).iter().map(|node| node["self_ms"].as_f64().expect("a complete report")).sum();
    let root_ms = nodes(statement)[0]["total_ms"].as_f64().expect("a complete report");
    let whole_ms = plan["execution_ms"].as_f64().unwrap_or(root_ms).max(root_ms);
    let after_root_ms = plan["after_root_ms"].as_f64().expect("a complete report");
    let tolerance = plan["rounding_ms"].as_f64().expect("a complete report")
        + 0.0005 * (nodes(statement).len() as f64 + 4.0);
    let difference = self_ms + outside_ms - whole_ms;
    let is_balanced = difference.abs() <= tolerance
        // Without Execution Time, data-modifying CTEs come on top of the root.
        || plan["execution_ms"].is_null() && (difference - after_root_ms).abs() <= tolerance;
    (!is_balanced).then(|| format!("off by {difference} ms of {whole_ms}, tolerance {tolerance}"))
}

#[test]
#[ignore = "needs plans that are not in the repository: make corpus"]
fn every_plan_is_read_and_balances() {
    let index = fs::read_to_string(folder().join("INDEX.jsonl")).expect("a complete report");
    let mut wrong = Vec::new();
    let (mut n_files, mut n_timed) = (0, 0);
    for line in index.lines() {
        let entry: Value = serde_json::from_str(line).expect("a complete report");
        let file = entry["file"].as_str().expect("a complete report");
        n_files += 1;
        let path = folder().join(file);
        let run = perfkit(&["explain", "--json", "--plan", path.to_str().expect("a complete report")]).run();
        // Two logs of a parser's own tests hold an empty object for a plan.
        let has_no_node = entry["nodes"] == 0 && entry["format"] != "text";
        if has_no_node && run.status == 2 && run.stderr.contains("Node Type") {
            continue;
        }
        if run.status != 0 {
            wrong.push(format!("{file}: {}", run.stderr));
            continue;
        }
        for statement in explained(file) {
            assert!(!nodes(&statement).is_empty(), "{file}");
            n_timed += usize::from(!statement["plan"]["outside_ms"].is_null());
            wrong.extend(imbalance(&statement).map(|problem| format!("{file}: {problem}")));
        }
    }
    assert!(wrong.is_empty(), "{} of {n_files} files are wrong:\n{}", wrong.len(), wrong.join("\n"));
    assert!(n_files >= 280 && n_timed >= 140, "{n_files} files, {n_timed} timed plans");
}

/// Plans whose nodes slept for known times, by the title that a node begins with and its self time within 3 ms.
#[test]
#[ignore = "needs plans that are not in the repository: make corpus"]
fn self_times_are_the_true_ones() {
    for (file, expected) in [
        ("o1.json", &[("Limit", 0.0), ("Function Scan on pg_sleep", 101.1), ("Seq Scan on t", 0.0)][..]),
        ("o2.json", &[("Function Scan on generate_series g", 219.4), ("CTE Scan on x", 0.0)]),
        ("o3.json", &[("Insert on u", 100.9)]),
        ("o4.json", &[("Insert on u", 101.6), ("Function Scan on generate_series", 0.0)]),
        ("o5.json", &[("Function Scan on pg_sleep", 100.2), ("Parallel Seq Scan on t", 62.5)]),
        ("o7.json", &[("Parallel Seq Scan on t", 97.8)]),
    ] {
        let statement = &explained(&format!("known-truth/{file}"))[0];
        for (title, true_ms) in expected {
            let node = nodes(statement).iter().find(|node| node["title"] == *title);
            let self_ms = node.unwrap_or_else(|| panic!("{file}: no {title}"))["self_ms"]
                .as_f64()
                .expect("a complete report");
            assert!((self_ms - true_ms).abs() < 3.0, "{file}: {title} took {self_ms} ms, not {true_ms}");
        }
    }
}

/// Plans named after what is wrong with them.
#[test]
#[ignore = "needs plans that are not in the repository: make corpus"]
fn rules_speak_where_another_tool_does() {
    for (name, rule) in [
        ("cartesian-product", "cartesian-product"),
        ("hash-spill-disk", "hash-batches"),
        ("nested-loop-large-outer", "nested-loop-many-rounds"),
        ("significant-jit", "jit-cost"),
        // An index in the order spares the sort, which then cannot spill.
        ("sort-spill-disk", "avoidable-sort"),
        ("trigger-time", "trigger-time"),
        ("workers-not-launched", "workers-not-launched"),
    ] {
        let statement = &explained(&format!("pgexplain-npm/test-fixtures-{name}.json"))[0];
        let rules: Vec<&str> = statement["findings"]
            .as_array()
            .expect("a complete report")
            .iter()
            .map(|finding| finding["rule"].as_str().expect("a complete report"))
            .collect();
        assert!(rules.contains(&rule), "{name}: {rules:?}");
    }
}
