//! What counters cost: writers while `perfkit counter add` counts, its rate when nobody writes, verification, and how long locks
//! are held. What is compared alternates, so that a noisy machine is noisy for both.
//!
//! `PERFKIT_COUNTER_CHILDREN` makes fewer or more children (a million, of a twentieth as many parents; eight times as many for the
//! writers, so that the count lasts),
//! `PERFKIT_COUNTER_VERIFY` of those that are verified (ten million),
//! `PERFKIT_COUNTER_RATE` sets the writers' transactions per second, `PERFKIT_COUNTER_WINDOWS` the pairs of windows;
//! `PERFKIT_COUNTER_ONLY` names one of `writers`, `backfill` and `verify`.

#![expect(clippy::print_stdout, reason = "a benchmark prints its figures")]
#![expect(clippy::disallowed_methods, reason = "cargo bench takes no arguments of ours")]

mod locks;
#[path = "../support/mod.rs"]
mod support;
mod writers;

use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use locks::Locks;
use support::{Sandbox, median_ms};
use writers::{Latencies, Writers};

const ROUNDS: usize = 5;
/// The mean number of children of a parent.
const FANOUT: u64 = 20;
/// How long writers are looked at with and without the count beside them.
const WINDOW: Duration = Duration::from_secs(3);
/// After a change writers are not looked at for so long: a run hears of it after a second.
const SETTLING: Duration = Duration::from_millis(1_500);

/// The longest that writers may take, in times of what they take with triggers alone.
const GOAL_P50: f64 = 1.1;
const GOAL_P99: f64 = 1.5;
/// The least rate, in times of that of one UPDATE which loses updates.
const GOAL_RATE: f64 = 0.5;
/// The longest that a verification may take, in times of the bare count.
const GOAL_VERIFY: f64 = 1.5;
/// The longest that locks may be held, at the 99th percentile.
const GOAL_LOCKS_MS: f64 = 50.0;

const COUNTER: &[&str] = &["parents.children_count", "--counts", "children"];

fn main() {
    let number = |name: &str, default: u64| {
        let text = std::env::var(name).ok();
        text.map_or(default, |n| n.parse().unwrap_or_else(|_| panic!("{name} is a number")))
    };
    let only = std::env::var("PERFKIT_COUNTER_ONLY").ok();
    let is_wanted = |name: &str| only.as_ref().is_none_or(|only| only == name);
    let n_children = number("PERFKIT_COUNTER_CHILDREN", 1_000_000);
    let bench = Bench::new();
    if is_wanted("backfill") {
        bench.backfill(n_children);
    }
    if is_wanted("writers") {
        bench.writers(
            8 * n_children,
            number("PERFKIT_COUNTER_RATE", 200),
            number("PERFKIT_COUNTER_WINDOWS", 8),
        );
    }
    if is_wanted("verify") {
        bench.verify(number("PERFKIT_COUNTER_VERIFY", 10_000_000));
    }
}

/// Returns how long the batches of a counter took, as its report says.
fn count_time(report: &str) -> Duration {
    let report: serde_json::Value = serde_json::from_str(report).expect("--json prints JSON");
    let mut steps = report["steps"].as_array().expect("steps").iter();
    let count = steps.find(|step| step["action"] == "count").expect("a step counts");
    Duration::from_secs_f64(count["elapsed_ms"].as_f64().expect("a number") / 1e3)
}

struct Bench {
    sandbox: Sandbox,
}

impl Bench {
    fn new() -> Self {
        let sandbox = Sandbox::start();
        let bench = Self { sandbox };
        locks::log_statements(&bench.sandbox);
        bench
    }

    /// The rate of a count when nobody writes, against that of one statement which is right only then.
    fn backfill(&self, n_children: u64) {
        let n_parents = n_children / FANOUT;
        self.children(n_children);
        let (mut unsafes, mut adds, mut counts) = (vec![], vec![], vec![]);
        let mut locks = Locks::default();
        for _ in 0..ROUNDS {
            self.parents(n_parents);
            self.execute("ALTER TABLE parents ADD COLUMN children_count bigint");
            unsafes.push(self.execute(
                "UPDATE parents AS p SET children_count = coalesce(c.n, 0) FROM parents AS q
                 LEFT JOIN (SELECT parent_id, count(*) AS n FROM children GROUP BY 1) AS c ON c.parent_id = q.id
                 WHERE q.id = p.id",
            ));
            self.parents(n_parents);
            let mark = locks::mark(&self.sandbox);
            let start = Instant::now();
            let report = self.perfkit("add", COUNTER, &["--yes", "--json"]);
            adds.push(start.elapsed());
            counts.push(count_time(&report));
            locks.read(&self.sandbox, mark);
            self.perfkit("drop", &COUNTER[..1], &["--yes", "--quiet"]);
        }
        let (one, count, add) = (median_ms(unsafes), median_ms(counts), median_ms(adds));
        let ratio = one / count;
        println!(
            "backfill: {n_children} children of {n_parents} parents, nobody writes, medians of {ROUNDS}"
        );
        println!("  one UPDATE   {:>8.0} parents/s", rate(n_parents, one));
        println!(
            "  batches      {:>8.0} parents/s, ratio {ratio:.2} (goal {GOAL_RATE:.2}){}",
            rate(n_parents, count),
            mark(ratio >= GOAL_RATE)
        );
        println!(
            "  counter add  {:>8.0} parents/s with all its steps and its start, ratio {:.2}",
            rate(n_parents, add),
            one / add
        );
        locks.print();
    }

    /// Writers at a fixed rate, with triggers alone and while their parents are counted.
    fn writers(&self, n_children: u64, rate: u64, n_windows: u64) {
        let n_parents = n_children / FANOUT;
        self.children(n_children);
        self.parents(n_parents);
        let mark_in_log = locks::mark(&self.sandbox);
        let writers = Writers::start(&self.sandbox, n_parents, n_children, rate);
        let mut adding = self.add();
        self.until("SELECT EXISTS (SELECT FROM parents WHERE children_count IS NOT NULL)", &mut adding);
        let (mut alone, mut beside) = (vec![], vec![]);
        for _ in 0..n_windows {
            self.perfkit("pause", &[], &["--quiet"]);
            alone.push(window());
            self.perfkit("resume", &[], &["--quiet"]);
            let counted = window();
            if has_ended(&mut adding) {
                break;
            }
            beside.push(counted);
        }
        let counted = self.value("SELECT count(children_count) FROM parents");
        assert!(adding.wait().expect("perfkit ends").success(), "counter add");
        let written = writers.stop();
        let drift = self.value(
            "SELECT count(*) FROM parents AS p LEFT JOIN (SELECT parent_id, count(*) AS n FROM children GROUP BY 1) AS c
             ON c.parent_id = p.id WHERE p.children_count IS DISTINCT FROM coalesce(c.n, 0)",
        );
        assert_eq!(drift, 0, "counters are right");
        println!(
            "writers: {rate} transactions/s, {n_children} children of {n_parents} parents, {counted} of them counted in {} windows of {} s",
            beside.len(),
            WINDOW.as_secs()
        );
        let (alone, beside) = (written.within(&alone), written.within(&beside));
        if beside.is_empty() {
            println!("  the count was over before a window was: PERFKIT_COUNTER_CHILDREN makes more");
            return;
        }
        for (percent, goal) in [(50, GOAL_P50), (99, GOAL_P99)] {
            let (alone, beside) =
                (Latencies::percentile_ms(&alone, percent), Latencies::percentile_ms(&beside, percent));
            let ratio = beside / alone;
            println!(
                "  p{percent}  triggers alone {alone:>7.2} ms, while counting {beside:>7.2} ms, ratio {ratio:.2} (goal {goal:.2}){}",
                mark(ratio <= goal)
            );
        }
        let mut locks = Locks::default();
        locks.read(&self.sandbox, mark_in_log);
        locks.print();
    }

    /// A verification against the bare count.
    fn verify(&self, n_children: u64) {
        let n_parents = n_children / FANOUT;
        self.children(n_children);
        self.parents(n_parents);
        self.perfkit("add", COUNTER, &["--yes", "--quiet"]);
        self.execute("VACUUM ANALYZE");
        let (mut bare, mut verified) = (vec![], vec![]);
        for _ in 0..ROUNDS {
            bare.push(self.execute("SELECT parent_id, count(*) FROM children GROUP BY parent_id"));
            let start = Instant::now();
            self.perfkit("verify", &[], &["--quiet"]);
            verified.push(start.elapsed());
        }
        let (bare, verified) = (median_ms(bare), median_ms(verified));
        let ratio = verified / bare;
        println!("verify: {n_children} children of {n_parents} parents, medians of {ROUNDS}");
        println!(
            "  count(*) … GROUP BY {:.2} s, verify {:.2} s, ratio {ratio:.2} (goal {GOAL_VERIFY:.2}){}",
            bare / 1e3,
            verified / 1e3,
            mark(ratio <= GOAL_VERIFY)
        );
    }

    /// Makes the children anew, with a parent that has many more than the others.
    /// Makes the children. Their commit is on the disk when they are vacuumed: else their pages are not marked as all-visible, as
    /// those of a table that is in use for long are.
    fn children(&self, n: u64) {
        let n_parents = n / FANOUT;
        self.execute(&format!(
            "SET synchronous_commit = on;
             DROP TABLE IF EXISTS children, parents CASCADE;
             CREATE TABLE children (id bigint GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY, parent_id bigint NOT NULL, status text NOT NULL);
             INSERT INTO children (parent_id, status)
               SELECT 1 + (i * 7919 + i / 13) % {n_parents}, 'active' FROM generate_series(1::bigint, {n}) AS i;
             CREATE INDEX ON children (parent_id)"
        ));
        self.execute("VACUUM ANALYZE children");
    }

    /// Makes the parents anew, so that no run finds the dead rows of another.
    fn parents(&self, n: u64) {
        self.execute(&format!(
            "DROP TABLE IF EXISTS parents CASCADE;
             CREATE TABLE parents (id bigint PRIMARY KEY, name text NOT NULL);
             INSERT INTO parents SELECT i, 'parent ' || i FROM generate_series(1, {n}) AS i;
             ALTER TABLE children ADD FOREIGN KEY (parent_id) REFERENCES parents"
        ));
        self.execute("VACUUM ANALYZE parents");
        self.execute("CHECKPOINT");
    }

    fn perfkit(&self, command: &str, args: &[&str], options: &[&str]) -> String {
        self.sandbox.perfkit(&[&["counter", command], args, options].concat())
    }

    fn add(&self) -> Child {
        let args = [&["counter", "add"], COUNTER, &["--yes", "--quiet"]].concat();
        self.sandbox.command(&args).stdout(Stdio::null()).spawn().expect("perfkit starts")
    }

    /// Waits until something is true, while a command runs.
    fn until(&self, sql: &str, child: &mut Child) {
        // The column is not there at first.
        while !self
            .sandbox
            .session(async |client| client.query_one(sql, &[]).await.is_ok_and(|row| row.get::<_, bool>(0)))
        {
            assert!(!has_ended(child), "counter add ended early");
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    fn execute(&self, sql: &str) -> Duration {
        self.sandbox.session(async |client| {
            client.batch_execute("SET log_min_duration_statement = -1").await.expect("a superuser may");
            let start = Instant::now();
            client.batch_execute(sql).await.unwrap_or_else(|error| panic!("{sql}: {error:?}"));
            start.elapsed()
        })
    }

    fn value(&self, sql: &str) -> i64 {
        self.sandbox.session(async |client| {
            client.query_one(sql, &[]).await.unwrap_or_else(|error| panic!("{sql}: {error:?}")).get(0)
        })
    }
}

fn window() -> (Instant, Instant) {
    std::thread::sleep(SETTLING);
    let start = Instant::now();
    std::thread::sleep(WINDOW);
    (start, Instant::now())
}

fn has_ended(child: &mut Child) -> bool {
    child.try_wait().expect("it is a child").is_some()
}

#[expect(clippy::cast_precision_loss, reason = "a rate is shown without decimals")]
fn rate(n: u64, ms: f64) -> f64 {
    n as f64 / ms * 1e3
}

fn mark(is_reached: bool) -> &'static str {
    if is_reached { "" } else { " MISSED" }
}
