//! Sessions write at random while `perfkit counter add` is killed at random points and run again: at the end every counter is
//! what it counts, and nobody has met a deadlock.
//!
//! What writers and the killer do follows from a seed, which is printed when something is wrong; how their transactions interleave
//! is the server's choice. The writers keep an order of locks among themselves (`step::Step::locks`), so that without counters
//! they have no deadlocks.

mod leads;
mod random;
mod step;
mod tables;
mod writer;

use std::process::Child;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

use self::random::Random;
use self::step::Step;
use self::tables::{Shape, Tables};
use self::writer::Written;
use crate::support::StopAtDrop;
use crate::support::cli::{Perfkit, perfkit};
use crate::support::pg::{Database, SHARED, major};

const N_WRITERS: u64 = 4;
/// Counts a few parents at a time, so that it can be killed in the midst.
const SLOW_ADD: [&str; 7] = ["counter", "add", "--yes", "--batch-time", "1ms", "--duty", "0.05"];
/// What was begun is waited for so long.
const PATIENCE: Duration = Duration::from_secs(10);
/// How often a run that finds the session of a killed one still at work tries again.
const N_TRIES: u32 = 50;

#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Mode {
    Inline,
    Queue,
    Slots,
}

/// A schema with its counters and its writers.
pub(crate) struct Case {
    name: String,
    setup: String,
    /// A perfkit.yaml with counters.
    config: String,
    /// What is locked before counters are compared, because TRUNCATE is not MVCC-safe.
    child: String,
    /// Each selects how many counters are wrong.
    drift: Vec<String>,
    /// The same without what is pending.
    columns_alone: Vec<String>,
    /// The tables of pending changes.
    pending: Vec<String>,
    n_counted: String,
    has_pending: bool,
    /// What a writer does next.
    step: Box<dyn Fn(&mut Random) -> Step + Send + Sync>,
    /// What is done once, in the middle of all.
    once: Vec<Step>,
}

/// What came of a run.
#[derive(Debug, Default)]
struct Outcome {
    written: Written,
    /// How many parents had been counted at each kill.
    reached: Vec<u64>,
    n_snapshots: u32,
    /// In which it was not a writer who was ended, but a session of perfkit, or one that compares.
    n_deadlocks_of_others: u64,
}

fn run(case: &Case, seed: u64, n_kills: u32) -> Outcome {
    let database = Database::create();
    database.load(&case.setup);
    let is_over = AtomicBool::new(false);
    let mut outcome = Outcome::default();
    std::thread::scope(|scope| {
        let writers: Vec<_> = (1..=N_WRITERS)
            .map(|number| {
                let (database, is_over) = (&database, &is_over);
                scope.spawn(move || {
                    writer::write(database, case, Random::new(seed, number), number == 1, is_over)
                })
            })
            .collect();
        let stop = StopAtDrop(&is_over);
        drive(case, &database, seed, n_kills, &mut outcome);
        drop(stop);
        for writer in writers {
            outcome.written.add(writer.join().expect("a writer ends"));
        }
    });
    let n_deadlocks = outcome.written.deadlocks.len();
    let deadlocks = &outcome.written.deadlocks;
    assert_eq!(n_deadlocks, 0, "{} {seed}: {deadlocks:#?}\n{}", case.name, deadlocks_in_log());
    outcome.n_deadlocks_of_others = deadlocks_seen_by_server(&database).parse().expect("a number");
    expect_no_drift(&database, case, seed, &case.drift, "when the writers have ended");
    if case.has_pending {
        until_done(case, &database, &["counter", "fold"]);
        for pending in &case.pending {
            assert_eq!(
                database.value(&format!("SELECT count(*) FROM {pending}")),
                "0",
                "{} {seed}: {pending}",
                case.name
            );
        }
        expect_no_drift(&database, case, seed, &case.columns_alone, "after the last fold");
    }
    database.remove();
    outcome
}

/// Kills `counter add` at random moments, lets it end, and compares while the writers are at work.
fn drive(case: &Case, database: &Database, seed: u64, n_kills: u32, outcome: &mut Outcome) {
    let mut random = Random::new(seed, 0);
    for kill in 0..n_kills {
        let (mut child, _folder) = command(case, database, &SLOW_ADD).spawn();
        // Every other one in the midst of the count.
        if kill % 2 == 1 {
            let deadline = Instant::now() + PATIENCE;
            let has_ended = |child: &mut Child| child.try_wait().expect("it is ours").is_some();
            while n_counted(case, database) == 0 && !has_ended(&mut child) && Instant::now() < deadline {
                std::thread::sleep(Duration::from_millis(5));
            }
        }
        kill_within(&mut child, &mut random, 1_000);
        outcome.reached.push(n_counted(case, database));
    }
    until_done(case, database, &["counter", "add", "--yes"]);
    for _ in 0..3 {
        expect_no_drift(database, case, seed, &case.drift, "while the writers are at work");
        outcome.n_snapshots += 1;
        if case.has_pending {
            let (mut child, _folder) = command(case, database, &["counter", "fold"]).spawn();
            kill_within(&mut child, &mut random, 300);
            until_done(case, database, &["counter", "fold"]);
        }
    }
}

fn command(case: &Case, database: &Database, args: &[&str]) -> Perfkit {
    perfkit(args).on(database).file("perfkit.yaml", &case.config)
}

/// How many parents hold a count.
fn n_counted(case: &Case, database: &Database) -> u64 {
    // There is no column at first.
    let counted = database.try_query(&case.n_counted).ok().and_then(|mut rows| rows.pop());
    counted.map_or(0, |n| n.parse().expect("a number"))
}

fn kill_within(child: &mut Child, random: &mut Random, within_ms: u64) {
    std::thread::sleep(Duration::from_millis(random.below(within_ms)));
    child.kill().expect("it is ours");
    child.wait().expect("it ends");
}

/// Runs a command to its end. The session of a killed one may be there for a moment, and hold its lock against a second perfkit.
fn until_done(case: &Case, database: &Database, args: &[&str]) {
    for _ in 0..N_TRIES {
        let run = command(case, database, args).run();
        if run.status == 0 {
            return;
        }
        assert!(run.stderr.contains("another perfkit"), "{} {args:?}: {}", case.name, run.stderr);
        std::thread::sleep(Duration::from_millis(100));
    }
    panic!("{} {args:?}: another perfkit does not end", case.name);
}

/// Compares all counters in one snapshot.
fn expect_no_drift(database: &Database, case: &Case, seed: u64, drift: &[String], when: &str) {
    let selects: Vec<String> = drift.iter().map(|sql| format!("({sql})")).collect();
    let row = database
        .with_client(|client| async move {
            client.batch_execute("BEGIN ISOLATION LEVEL REPEATABLE READ").await?;
            client.batch_execute(&format!("LOCK TABLE {} IN ACCESS SHARE MODE", case.child)).await?;
            let row = client.query_one(&format!("SELECT {}", selects.join(", ")), &[]).await?;
            client.batch_execute("COMMIT").await?;
            Ok((0..row.len()).map(|at| row.get::<_, i64>(at)).collect::<Vec<_>>())
        })
        .unwrap_or_else(|error| panic!("{} {seed}: {error:?}", case.name));
    if row.iter().all(|n| *n == 0) {
        return;
    }
    // What is there by now; others may have written meanwhile.
    let select =
        |sql: &String| format!("SELECT t::text FROM ({}) AS t LIMIT 5", sql.replacen("count(*)", "*", 1));
    let examples: Vec<String> = drift.iter().flat_map(|sql| database.query(&select(sql))).collect();
    panic!("{} {seed}: wrong counters {when}: {row:?}, {examples:#?}", case.name);
}

/// What the server has counted once all sessions have told it.
fn deadlocks_seen_by_server(database: &Database) -> String {
    let deadline = Instant::now() + Duration::from_secs(10);
    let others =
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()
        AND backend_type = 'client backend'";
    while database.value(others) != "0" {
        assert!(Instant::now() < deadline, "sessions are left over");
        std::thread::sleep(Duration::from_millis(20));
    }
    database.value("SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()")
}

/// Who waited for whom, as the server tells it.
fn deadlocks_in_log() -> String {
    let log = std::fs::read_to_string(SHARED.folder.join("log")).unwrap_or_default();
    let lines: Vec<&str> = log.lines().collect();
    let found = lines.iter().enumerate().filter(|(_, line)| line.contains("deadlock detected"));
    let around: Vec<&str> = found.flat_map(|(at, _)| lines.iter().skip(at).take(16)).copied().collect();
    around.join("\n")
}

/// All schemas in all modes. Slots need an index on the child's key.
fn cases() -> Vec<Case> {
    let major = major();
    let mut cases = vec![leads::case(true), leads::case(false)];
    let mut shapes = vec![Shape::Partitioned, Shape::Odd];
    if major >= 15 {
        // Before, a parent that moves to another partition took its children for deleted.
        shapes.push(Shape::PartitionedParent);
    }
    for shape in shapes {
        for mode in [Mode::Inline, Mode::Queue, Mode::Slots] {
            for has_index in [true, false].into_iter().filter(|has_index| *has_index || mode != Mode::Slots) {
                cases.push(Tables { shape, mode, has_index, major }.case());
            }
        }
    }
    for has_index in [true, false] {
        cases.push(Tables { shape: Shape::Side, mode: Mode::Inline, has_index, major }.case());
    }
    cases
}

fn case(name: &str) -> Case {
    cases().into_iter().find(|case| case.name == name).unwrap_or_else(|| panic!("no case {name}"))
}

#[test]
fn leads_are_counted_while_others_write() {
    run(&case("leads"), 1, 2);
}

#[test]
fn partitions_are_counted_inline() {
    run(&case("Partitioned Inline"), 2, 2);
}

#[test]
fn partitions_are_counted_with_a_queue() {
    run(&case("Partitioned Queue unindexed"), 3, 1);
}

#[test]
fn odd_names_are_counted_in_slots() {
    run(&case("Odd Slots"), 4, 1);
}

#[test]
fn values_are_counted_in_a_table_of_their_own() {
    run(&case("Side Inline"), 5, 1);
}

/// Without counters the writers' order of locks holds: no run can blame perfkit for what they do themselves.
#[test]
fn writers_alone_have_no_deadlocks() {
    for name in ["leads", "Odd Queue"] {
        let case = case(name);
        let database = Database::create();
        database.load(&case.setup);
        let is_over = AtomicBool::new(false);
        let mut written = Written::default();
        std::thread::scope(|scope| {
            let stop = StopAtDrop(&is_over);
            let start = |number| {
                let (database, case, is_over) = (&database, &case, &is_over);
                scope.spawn(move || {
                    writer::write(database, case, Random::new(9, number), number == 1, is_over)
                })
            };
            let writers: Vec<_> = (1..=N_WRITERS).map(start).collect();
            std::thread::sleep(Duration::from_secs(2));
            drop(stop);
            for writer in writers {
                written.add(writer.join().expect("a writer ends"));
            }
        });
        assert!(written.n_committed > 100, "{name}: {written:?}");
        assert_eq!(written.deadlocks, Vec::<String>::new(), "{name}");
    }
}

#[test]
fn a_seed_repeats_its_decisions() {
    for case in cases() {
        let steps = || {
            let mut random = Random::new(42, 7);
            (0..200).map(|_| (case.step)(&mut random)).collect::<Vec<_>>()
        };
        assert_eq!(steps(), steps(), "{}", case.name);
    }
}

/// `make prove-counters`.
#[test]
#[ignore = "it takes many minutes"]
#[expect(clippy::print_stdout, reason = "the counts are what the command is for")]
#[expect(clippy::disallowed_methods, reason = "a test has no Environment")]
fn many_runs() {
    let number = |name: &str, default: u64| {
        std::env::var(name).map_or(default, |n| n.parse().unwrap_or_else(|_| panic!("{name} is a number")))
    };
    let (n_runs, first_seed) = (number("PERFKIT_RUNS", 100), number("PERFKIT_FIRST_SEED", 1));
    let only = std::env::var("PERFKIT_CASE").ok();
    let mut cases = cases();
    cases.retain(|case| only.as_ref().is_none_or(|only| case.name == *only));
    let mut all = Written::default();
    let mut n_snapshots = 0;
    for (seed, case) in (first_seed..first_seed + n_runs).zip(cases.iter().cycle()) {
        let start = Instant::now();
        let outcome = run(case, seed, 3);
        println!(
            "{:<28} seed {seed:>4}: {:>5} transactions, {:>4} refused, counted at kills {}, {:.1} s",
            case.name,
            outcome.written.n_committed,
            outcome.written.n_refused,
            outcome.reached.iter().map(u64::to_string).collect::<Vec<_>>().join(" "),
            start.elapsed().as_secs_f64()
        );
        let n_deadlocks = outcome.n_deadlocks_of_others;
        assert_eq!(
            n_deadlocks,
            0,
            "{} {seed}: of others than the writers\n{}",
            case.name,
            deadlocks_in_log()
        );
        n_snapshots += outcome.n_snapshots;
        all.add(outcome.written);
    }
    println!(
        "{n_runs} runs: {} transactions committed, {} rolled back, {} refused; 0 counters wrong in {} snapshots, 0 deadlocks",
        all.n_committed,
        all.n_rolled_back,
        all.n_refused,
        u64::from(n_snapshots) + n_runs
    );
    for (name, n) in all.by_name {
        println!("  {name:<28} {n:>7}");
    }
}
