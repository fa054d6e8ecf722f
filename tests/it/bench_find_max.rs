//! `perfkit bench find-max`, and `perfkit bench --stages`

use serde_json::Value;

use crate::support::cli::{Perfkit, perfkit};
use crate::support::pg::Database;

/// Takes as long as it says, so that two connections give 100 a second, whatever else the machine does.
const NAP: &str = "workload: {statements: [{name: nap, sql: SELECT pg_sleep(0.02)}]}\n";

fn find_max(args: &[&str]) -> Perfkit {
    let args = [&["bench", "find-max", "-c", "2", "--window", "400ms"], args].concat();
    perfkit(&args).file("perfkit.yaml", NAP)
}

#[test]
fn finds_what_connections_can_carry() {
    let database = Database::create();
    let run = find_max(&["--until", "p50 < 60ms", "--max-windows", "14", "--json"]).on(&database).succeeds();
    let report = run.json();
    let search = &report["searches"][0];
    assert_eq!((&report["valid"], &search["connections"]), (&Value::Bool(true), &2.into()));
    let met = search["met_per_s"].as_f64().unwrap();
    assert!((40.0..130.0).contains(&met), "{met} of 100 at the most");
    let windows = search["windows"].as_array().unwrap();
    assert!(windows.len() >= 4 && windows.iter().any(|it| it["met"] == true), "{}", run.stdout);
    assert!(windows.iter().any(|it| it["met"] == false && it["rate_per_s"].as_f64().unwrap() > met));
}

#[test]
fn sweeps_connections_and_says_when_nothing_is_met() {
    let database = Database::create();
    let sweep = ["--until", "p50 < 1ms", "--sweep", "connections=1,2", "--rate", "50"];
    let args: Vec<&str> = ["bench", "find-max", "--window", "50ms"].into_iter().chain(sweep).collect();
    let run = perfkit(&args).file("perfkit.yaml", NAP).on(&database).exits(1);
    assert!(run.stdout.starts_with("not met at any rate: p50 < 1ms with 1 connection\n"), "{}", run.stdout);
    assert!(run.stdout.contains("not met at any rate: p50 < 1ms with 2 connections\n"), "{}", run.stdout);
}

#[test]
fn refuses_what_cannot_be_searched() {
    find_max(&[]).fails(2, &["--until"]);
    find_max(&["--until", "soon"]).fails(2, &["soon"]);
    let both = ["bench", "find-max", "--until", "p50 < 1s", "--sweep", "threads=2"];
    perfkit(&both).fails(2, &["connections=1,2,4,8"]);
    let failing = "workload: {statements: [{name: no, sql: \"SELECT 1 / (random() * 0)::int\"}]}\n";
    find_max(&["--until", "p50 < 1s"])
        .file("perfkit.yaml", failing)
        .on(&Database::create())
        .fails(4, &["every execution of \"no\" failed: ", " × SQLSTATE 22012"]);
}

#[test]
fn stages_and_ramps_are_kept() {
    let database = Database::create();
    let run = perfkit(&["bench", "--json", "-c", "8", "--stages", "1s:40,1s:40..120,1s:120"])
        .file("perfkit.yaml", NAP)
        .on(&database)
        .succeeds();
    let timeline = run.json()["timeline"].as_array().unwrap().clone();
    let counts: Vec<u64> = timeline.iter().map(|stretch| stretch["count"].as_u64().unwrap()).collect();
    assert_eq!(counts.iter().sum::<u64>(), 240);
    assert!(counts[0] < counts[1] && counts[1] < counts[2] + 5, "{counts:?}");
    perfkit(&["bench", "--stages", "1s:0"])
        .file("perfkit.yaml", NAP)
        .on(&database)
        .fails(2, &["rate must be"]);
    perfkit(&["bench", "--stages", "soon"]).fails(2, &["30s:100,1m:100..500"]);
    perfkit(&["bench", "--stages", "1s:5", "--rate", "5"]).fails(2, &["--stages"]);
}
