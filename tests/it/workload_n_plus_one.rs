//! `perfkit workload n-plus-one` on a small log, as people and programs see it.

use crate::support::cli::perfkit;

/// A list and a look-up for each of its rows, through the simple protocol.
fn log() -> String {
    let line = |ms: u64, sql: &str| {
        format!("2026-11-22 11:48:11.{ms:03} UTC [7] LOG:  duration: 2.000 ms  statement: {sql}\n")
    };
    let lookups: String = (0..6)
        .map(|id| line(103 + 3 * id, &format!("SELECT name FROM authors WHERE id = {id} /*route='/posts'*/")))
        .collect();
    line(100, "SELECT id, author_id FROM posts LIMIT 6 /*route='/posts'*/") + &lookups
}

#[test]
fn a_loop_is_shown_with_what_it_costs() {
    let finished = perfkit(&["workload", "n-plus-one", "a.log"]).file("a.log", &log()).exits(1);
    insta::assert_snapshot!(finished.stdout, @r"
    n-plus-one: 6 calls in one burst, 15.0 ms wasted, confidence medium
      after     SELECT id, author_id FROM posts LIMIT $1
      repeated  SELECT name FROM authors WHERE id = $1
      values    id = 0, 1, 2, …
      seen      1 times, 6 calls in all; fingerprint 972f966449d59d81
      from      route=/posts
      doubt     how many rows the query before gave is not known
      remedy    fetch all at once with `= ANY ($1)`, or join them to the query before
    ");
}

#[test]
fn accepted_statements_do_not_fail() {
    let found = perfkit(&["workload", "n-plus-one", "--json", "a.log"]).file("a.log", &log()).exits(1).json();
    let fingerprint = found["findings"][0]["fingerprint"].as_str().unwrap();
    let accepted =
        perfkit(&["workload", "n-plus-one", "--ignore", &fingerprint[..8], "a.log"]).file("a.log", &log());
    assert!(accepted.succeeds().stdout.contains("no loops found"));
}

#[test]
fn a_log_without_loops_is_fine() {
    let log = log();
    let log: String = log.split_inclusive('\n').take(3).collect();
    let finished = perfkit(&["workload", "n-plus-one", "a.log"]).file("a.log", &log).succeeds();
    assert_eq!(finished.stdout, "no loops found\n");
}
