//! Time and planner calls of `perfkit index suggest` for the bedtime workload without indexes, and the redesign of the indexes
//! that its team had.

use std::time::{Duration, Instant};

use crate::support::{Sandbox, median_ms};

const ROUNDS: usize = 5;

pub(crate) fn measure() {
    let sandbox = Sandbox::start();
    sandbox.perfkit(&["seed", "--users", "2000", "--quiet"]);
    sandbox.session(async |client| {
        let indexes = client
            .query(
                "SELECT indexrelid::regclass::text FROM pg_index JOIN pg_class ON pg_class.oid = indrelid
                 WHERE relnamespace = 'public'::regnamespace AND NOT indisprimary",
                &[],
            )
            .await
            .expect("the indexes are listed");
        for index in indexes {
            let name: String = index.get(0);
            client.batch_execute(&format!("DROP INDEX {name}")).await.expect("the index goes");
        }
    });
    let mut times: Vec<Duration> = Vec::new();
    let mut last = serde_json::Value::Null;
    for _ in 0..ROUNDS {
        let start = Instant::now();
        let report = sandbox.perfkit(&["index", "suggest", "--json", "--quiet"]);
        times.push(start.elapsed());
        last = serde_json::from_str(&report).expect("suggest prints JSON");
    }
    println!(
        "bedtime: {:.0} ms in all, {} planner calls for {} statements and {} candidates; {} indexes, cost {:.0} -> {:.0}",
        median_ms(times),
        last["what_if"]["calls"],
        last["workload"]["statements"],
        last["what_if"]["candidates"],
        last["suggestions"].as_array().map_or(0, Vec::len),
        last["workload"]["cost_before"].as_f64().unwrap_or(0.0),
        last["workload"]["cost_after"].as_f64().unwrap_or(0.0),
    );
}

/// Builds the redesigned set beside a million records, and runs the workload before and after.
pub(crate) fn redesign() {
    let sandbox = Sandbox::start();
    sandbox.perfkit(&["seed", "--users", "20000", "--quiet"]);
    let report = sandbox.perfkit(&["index", "suggest", "--redesign", "--json", "--quiet"]);
    let advice: serde_json::Value = serde_json::from_str(&report).expect("suggest prints JSON");
    let (before, after) = (&advice["redesign"]["before"], &advice["redesign"]["after"]);
    let mut apply = sandbox.command(&["index", "apply", "--redesign", "--prove", "--runs", "15"]);
    let applied = apply.args(["--yes", "--json", "--quiet"]).output().expect("perfkit starts");
    // 1 says that a statement got slower or that an index helps none, which the figures show.
    assert!(matches!(applied.status.code(), Some(0 | 1)), "{}", String::from_utf8_lossy(&applied.stderr));
    let applied: serde_json::Value = serde_json::from_slice(&applied.stdout).expect("apply prints JSON");
    let statements = applied["proof"]["statements"].as_array().expect("the workload ran");
    let n = |verdict: &str| statements.iter().filter(|it| it["verdict"] == verdict).count();
    println!(
        "bedtime redesigned, a million records: {} -> {} indexes, {:.0} -> {:.0} MB, writes cost {:.1} -> {:.1}; \
         run: {} statements faster, {} the same, {} slower",
        before["indexes"],
        after["indexes"],
        before["size_bytes"].as_f64().unwrap_or(0.0) / 1e6,
        after["size_bytes"].as_f64().unwrap_or(0.0) / 1e6,
        before["upkeep"].as_f64().unwrap_or(0.0),
        after["upkeep"].as_f64().unwrap_or(0.0),
        n("faster"),
        n("same"),
        n("slower"),
    );
    assert!(after["indexes"].as_u64().is_some_and(|n| n <= 8), "the team got by with 8");
}
