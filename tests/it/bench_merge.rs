//! `perfkit bench --hlog`, `--start-at` and `perfkit bench merge`

use std::path::Path;

use serde_json::Value;

use crate::support::cli::{Finished, perfkit};
use crate::support::pg::Database;

const CONFIG: &str =
    "workload:\n  statements:\n    - {name: one, sql: SELECT 1}\n    - {name: 'two, three', sql: SELECT 2}\n";

fn bench(folder: &Path, database: &Database, args: &[&str]) -> Finished {
    std::fs::write(folder.join("perfkit.yaml"), CONFIG).expect("the folder can be written");
    let args = [&["bench", "--duration", "500ms", "-c", "2"], args].concat();
    perfkit(&args).within(folder).on(database).succeeds()
}

fn merge(folder: &Path, args: &[&str], status: i32) -> Finished {
    perfkit(&[&["bench", "merge"], args].concat()).within(folder).exits(status)
}

fn counts(report: &Value) -> Vec<(String, u64)> {
    let statements = report["statements"].as_array().expect("a list");
    let count = |one: &Value| Some((one["name"].as_str()?.to_owned(), one["count"].as_u64()?));
    statements.iter().map(|one| count(one).expect("a name and a count")).collect()
}

/// Two generators at once, merged from their reports and from their logs.
#[test]
fn merged_generators_are_one() {
    let database = Database::create();
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let start_at = std::time::SystemTime::now() + std::time::Duration::from_secs(6);
    let start_at =
        chrono::DateTime::<chrono::Utc>::from(start_at).to_rfc3339_opts(chrono::SecondsFormat::Millis, true);
    std::thread::scope(|scope| {
        for (i, rate) in [("1", "200"), ("2", "100")] {
            let (json, hlog) = (format!("{i}.json"), format!("{i}.hlog"));
            let args = [
                "-o",
                &json,
                "--hlog",
                &hlog,
                "--rate",
                rate,
                "--start-at",
                &start_at,
                "--threshold",
                "p50 < 1h",
            ]
            .map(str::to_owned);
            let database = &database;
            scope.spawn(move || bench(folder, database, &args.each_ref().map(String::as_str)));
        }
    });
    let reports = ["1.json", "2.json"].map(|name| {
        let text = std::fs::read_to_string(folder.join(name)).unwrap();
        serde_json::from_str::<Value>(&text).unwrap()
    });
    let starts =
        reports.each_ref().map(|report| report["environment"]["started_at_unix_ms"].as_u64().unwrap());
    assert!(starts[0].abs_diff(starts[1]) < 200, "{starts:?}");

    let of_json = merge(folder, &["--json", "1.json", "2.json", "--hlog", "sum.hlog"], 0).json();
    let of_logs = merge(folder, &["--json", "1.hlog", "2.hlog"], 0).json();
    let expected: Vec<(String, u64)> = counts(&reports[0])
        .into_iter()
        .zip(counts(&reports[1]))
        .map(|((name, first), (_, second))| (name, first + second))
        .collect();
    assert_eq!(counts(&of_json), expected);
    assert_eq!(of_json["environment"]["generators"], 2);
    assert_eq!(of_json["environment"]["connections"], 4);
    assert_eq!(of_json["thresholds"][0]["expression"], "p50 < 1h");
    let files: Vec<&str> =
        of_json["runs"].as_array().unwrap().iter().filter_map(|run| run["file"].as_str()).collect();
    assert_eq!(files, ["1.json", "2.json"]);
    assert_eq!(of_json["runs"][1]["timeline"], reports[1]["timeline"], "kept run by run");
    for part in ["generator", "machine", "server"] {
        assert_eq!(of_json["runs"][0][part], reports[0][part], "{part}");
    }
    assert!(of_logs["runs"].as_array().unwrap().is_empty());
    assert_eq!(of_logs["statements"], of_json["statements"], "bucket by bucket");
    let of_sum = merge(folder, &["--json", "sum.hlog"], 0).json();
    assert_eq!(of_sum["statements"][0]["hdr"], of_json["statements"][0]["hdr"]);
    let text = merge(folder, &["1.hlog", "2.json"], 0).stdout;
    assert!(text.starts_with("statement") && text.contains("two, three"), "{text}");
    merge(folder, &["1.json", "2.json", "--threshold", "p50 < 1ns"], 1);
}

#[test]
fn runs_at_different_times_are_no_load() {
    let database = Database::create();
    let folder = tempfile::tempdir().unwrap();
    for name in ["1.json", "2.json"] {
        bench(folder.path(), &database, &["-o", name]);
    }
    let run = merge(folder.path(), &["--json", "1.json", "2.json"], 4);
    assert!(run.stderr.contains("not at the same time"), "{}", run.stderr);
    assert_eq!(run.json()["valid"], false);
}

#[test]
fn refuses_what_cannot_be_merged() {
    perfkit(&["bench", "merge", "none.json"]).fails(2, &["none.json", "bench --hlog"]);
    perfkit(&["bench", "merge", "a.hlog"]).file("a.hlog", "hello\n").fails(2, &["a.hlog", "line 1"]);
    perfkit(&["bench", "merge", "a.json"]).file("a.json", "{}").fails(2, &["no report", "schema_version"]);
    perfkit(&["bench", "--hlog", "nowhere/a.hlog"]).fails(2, &["nowhere", "does not exist"]);
    perfkit(&["bench", "--start-at", "soon"]).fails(2, &["--start-at"]);
}

#[test]
fn the_same_file_counts_once_and_a_past_start_is_refused() {
    let database = Database::create();
    let folder = tempfile::tempdir().unwrap();
    bench(folder.path(), &database, &["-o", "1.json"]);
    let run = merge(folder.path(), &["1.json", "1.json"], 2);
    assert!(run.stderr.contains("named twice"), "{}", run.stderr);
    perfkit(&["bench", "--duration", "1s", "--start-at", "2020-01-01T00:00:00Z"])
        .file("perfkit.yaml", CONFIG)
        .on(&database)
        .fails(2, &["too early", "--start-at"]);
}
