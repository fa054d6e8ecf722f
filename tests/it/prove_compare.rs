//! How often `perfkit bench compare` is wrong: A against itself, and against one that does a tenth more.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::support::cli::perfkit;
use crate::support::pg::Database;

/// The share of comparisons of A with itself that may end as a regression.
const MAX_ALARMS: f64 = 0.01;
/// The slowdown that is planted, the share of comparisons that have to find it, and how long each may take.
const PLANT: f64 = 0.10;
const MIN_FOUND: f64 = 0.95;
const LONGEST: Duration = Duration::from_mins(4);
/// What A adds up: a fifth of a millisecond or so, so that a block has enough executions for its p95.
const N_ROWS: f64 = 2000.0;
const CONFIG: &str = "workload:\n  statements:\n    - name: sum\n      sql: SELECT sum(i) FROM generate_series(1, current_setting('perfkit.n')::int) AS i\n";

/// Compares A with itself, or with B that adds up so many numbers; returns the exit status, the report and how long it took.
fn compare(database: &Database, rows_of_b: Option<f64>, args: &[&str]) -> (i32, Value, Duration) {
    let setting = |rows: f64| format!("perfkit.n={rows:.0}");
    let (a, b) = (setting(N_ROWS), rows_of_b.map(setting));
    let fixed = ["bench", "compare", "--json", "--connections", "1", "--set-a", &a];
    let other = b.as_deref().map_or(vec!["--calibrate"], |b| vec!["--set-b", b]);
    let start = Instant::now();
    let run = perfkit(&[&fixed, &other[..], args].concat()).file("perfkit.yaml", CONFIG).on(database).run();
    assert!(matches!(run.status, 0 | 1 | 4), "status {}: {}", run.status, run.stderr);
    (run.status, run.json(), start.elapsed())
}

/// Returns a figure's part of a report.
fn finding<'r>(report: &'r Value, figure: &str) -> Option<&'r Value> {
    report["findings"].as_array()?.iter().find(|finding| finding["figure"] == figure)
}

/// Returns how much B has to add up to take a tenth longer. Each execution has costs that do not depend on that, so that a tenth more
/// rows are less: A is held against twice its rows.
fn planted_rows(database: &Database, block: &str) -> f64 {
    let args = ["--block", block, "--max-pairs", "10"];
    let (_, report, _) = compare(database, Some(2.0 * N_ROWS), &args);
    let mean = finding(&report, "mean").expect("a block has enough executions");
    let [a, b] = ["a", "b"].map(|arm| mean[arm].as_f64().expect("a figure"));
    assert!(b > 1.2 * a, "twice the rows take {b} ms, once {a} ms: most of it is no work");
    N_ROWS * (1.0 + PLANT * a / (b - a))
}

/// How comparisons have ended.
#[derive(Default)]
struct Counts {
    by_verdict: BTreeMap<String, u32>,
    /// What the first of two measurements took for a regression, and the second did not.
    n_first: u32,
    n_dropped: usize,
    longest: Duration,
    /// The slowdowns of the mean.
    slowdowns: Vec<f64>,
}

impl Counts {
    /// Takes a comparison in, and returns its verdict and how long it took.
    fn add(&mut self, (status, report, elapsed): (i32, Value, Duration)) -> String {
        let verdict = if status == 4 { "invalid" } else { report["verdict"].as_str().expect("a verdict") };
        assert_eq!(verdict == "regression", status == 1, "{report}");
        *self.by_verdict.entry(verdict.to_owned()).or_default() += 1;
        self.n_first += u32::from(!report["second_verdict"].is_null() && verdict != "regression");
        self.n_dropped += report["dropped_pairs"].as_array().map_or(0, Vec::len);
        self.longest = self.longest.max(elapsed);
        self.slowdowns.extend(finding(&report, "mean").and_then(|mean| mean["slowdown"].as_f64()));
        let findings = report["findings"].as_array().into_iter().flatten();
        let like = |finding: &&Value| finding["verdict"] == report["verdict"];
        let intervals: Vec<String> = findings
            .filter(like)
            .map(|it| format!("{} {} {} to {}", it["statement"], it["figure"], it["low"], it["high"]))
            .collect();
        format!("{verdict} in {:.0} s: {}", elapsed.as_secs_f64(), intervals.join(", "))
    }

    fn of(&self, verdict: &str) -> u32 {
        self.by_verdict.get(verdict).copied().unwrap_or(0)
    }

    fn median_slowdown(&self) -> f64 {
        let mut slowdowns = self.slowdowns.clone();
        slowdowns.sort_by(f64::total_cmp);
        slowdowns.get(slowdowns.len() / 2).copied().unwrap_or(f64::NAN)
    }

    /// Writes a line of the table.
    fn row(&self, name: &str) -> String {
        let verdicts = ["pass", "inconclusive", "regression", "invalid"].map(|verdict| self.of(verdict));
        let [pass, inconclusive, regression, invalid] = verdicts;
        let (longest, slower) = (self.longest.as_secs_f64(), self.median_slowdown() * 100.0);
        format!(
            "{name:<12} {pass:>6} {inconclusive:>13} {regression:>11} {invalid:>8} {:>11} {:>14} {slower:>10.1} % {longest:>9.0} s",
            self.n_first, self.n_dropped
        )
    }
}

/// `make prove-compare`.
#[test]
#[ignore = "it takes hours"]
#[expect(clippy::print_stdout, reason = "the counts are what the command is for")]
#[expect(clippy::disallowed_methods, reason = "a test has no Environment")]
fn few_alarms_and_few_misses() {
    let number = |name: &str, default: u32| {
        std::env::var(name).map_or(default, |n| n.parse().unwrap_or_else(|_| panic!("{name} is a number")))
    };
    let n_same = number("PERFKIT_RUNS", 200);
    let n_planted = number("PERFKIT_PLANTED", n_same.div_ceil(2));
    let block = std::env::var("PERFKIT_BLOCK").unwrap_or_else(|_| "500ms".to_owned());
    let database = Database::create();
    let rows = planted_rows(&database, &block);
    println!("A adds up {N_ROWS:.0} numbers, B {rows:.0}; blocks of {block}");

    let (mut same, mut planted) = (Counts::default(), Counts::default());
    for run in 0..n_same.max(n_planted) {
        let seed = (run + 1).to_string();
        let args = ["--block", &block, "--seed", &seed];
        // In turns, so that both see the machine at its best and worst.
        if run < n_same {
            println!("{seed}, A: {}", same.add(compare(&database, None, &args)));
        }
        if run < n_planted {
            println!("{seed}, A and 10 %: {}", planted.add(compare(&database, Some(rows), &args)));
        }
    }

    println!(
        "{:<12} {:>6} {:>13} {:>11} {:>8} {:>11} {:>14} {:>12} {:>11}",
        "B is",
        "pass",
        "inconclusive",
        "regression",
        "invalid",
        "first only",
        "dropped pairs",
        "mean +",
        "longest"
    );
    println!("{}\n{}", same.row("A"), planted.row("A and 10 %"));
    let share = |n: u32, of: u32| f64::from(n) / f64::from(of.max(1));
    let (alarms, found) = (share(same.of("regression"), n_same), share(planted.of("regression"), n_planted));
    println!(
        "false alarms: {:.1} % of {n_same} (goal ≤ 1 %); found: {:.1} % of {n_planted} (goal ≥ 95 %), each within {:.0} s (goal ≤ 240)",
        alarms * 100.0,
        found * 100.0,
        planted.longest.as_secs_f64()
    );
    assert!(alarms <= MAX_ALARMS && found >= MIN_FOUND && planted.longest <= LONGEST);
}
