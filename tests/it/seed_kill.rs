//! `perfkit seed` is killed at random points, and one more run gives the same bytes.

use std::time::{Duration, Instant};

use crate::seed_load::{database, definitions, fingerprint, seed, spawn};
use crate::support::cli::perfkit;
use crate::support::pg::Database;

/// Where a killed run was.
#[derive(Debug, Default)]
struct Reached {
    /// Nothing was in the manifest yet.
    nothing: u32,
    /// By the state of the run in the manifest.
    loading: u32,
    finishing: u32,
    cleaning: u32,
    /// It had ended.
    end: u32,
    /// Indexes were missing.
    without_indexes: u32,
}

/// Knuth's MMIX generator; its high bits are random enough for a moment.
struct Random(u64);

impl Random {
    /// A share of a duration, now and then a little more than all of it.
    fn within(&mut self, whole: Duration) -> Duration {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        whole.mul_f64((self.0 >> 40) as f64 / (1_u64 << 24) as f64 * 1.05)
    }
}

/// Kills runs at random moments: two of three while they load, the rest while they clean. Every other run that goes on is killed
/// as well, before the last one.
fn kill_at_random(n_kills: u32, seed_of_moments: u64) -> Reached {
    let args: &[&str] = &["--streams", "2", "--no-rehearsal"];
    let whole = database();
    let before = (fingerprint(&whole), definitions(&whole));
    let start = Instant::now();
    seed(&whole, args);
    let loads_for = start.elapsed();
    let expected = (fingerprint(&whole), definitions(&whole));
    let start = Instant::now();
    perfkit(&["seed", "clean", "--yes"]).on(&whole).succeeds();
    let cleans_for = start.elapsed();
    assert_eq!((fingerprint(&whole), definitions(&whole)), before);

    let mut random = Random(seed_of_moments);
    let mut reached = Reached::default();
    let mut n = 0;
    while n < n_kills {
        let database = database();
        let (mut child, _folder) = spawn(&database, args);
        std::thread::sleep(random.within(loads_for));
        child.kill().expect("it is ours");
        child.wait().expect("it ends");
        n += 1;
        see(&database, expected.1.len(), &mut reached);
        if n.is_multiple_of(2) && is_open(&database) {
            let (mut child, _folder) = perfkit(&["seed", "--resume", "--yes"]).on(&database).spawn();
            std::thread::sleep(random.within(loads_for));
            child.kill().expect("it is ours");
            child.wait().expect("it ends");
            n += 1;
            see(&database, expected.1.len(), &mut reached);
        }
        if is_open(&database) {
            let resumed = perfkit(&["seed", "--resume", "--yes"]).on(&database).run();
            // It may have committed its end in the moment of the kill.
            assert!(resumed.status == 0 || resumed.stderr.contains("no run"), "{n}: {}", resumed.stderr);
        } else if !has_run(&database) {
            seed(&database, args);
        }
        assert_eq!((fingerprint(&database), definitions(&database)), expected, "kill {n}");
        if n.is_multiple_of(3) {
            let (mut child, _folder) = perfkit(&["seed", "clean", "--yes"]).on(&database).spawn();
            std::thread::sleep(random.within(cleans_for));
            child.kill().expect("it is ours");
            child.wait().expect("it ends");
            n += 1;
            see(&database, expected.1.len(), &mut reached);
            perfkit(&["seed", "clean", "--yes"]).on(&database).succeeds();
            assert_eq!((fingerprint(&database), definitions(&database)), before, "kill {n}");
        }
        database.remove();
    }
    reached
}

fn has_run(database: &Database) -> bool {
    database.value("SELECT to_regclass('perfkit.seed_run') IS NOT NULL") == "t"
        && database.value("SELECT EXISTS (SELECT FROM perfkit.seed_run)") == "t"
}

/// Whether there is a run to go on with.
fn is_open(database: &Database) -> bool {
    has_run(database)
        && database.value("SELECT state IN ('loading', 'finishing') FROM perfkit.seed_run") == "t"
}

fn see(database: &Database, n_definitions: usize, reached: &mut Reached) {
    if definitions(database).len() < n_definitions {
        reached.without_indexes += 1;
    }
    let state =
        if has_run(database) { database.value("SELECT state FROM perfkit.seed_run") } else { String::new() };
    *match &*state {
        "loading" => &mut reached.loading,
        "finishing" => &mut reached.finishing,
        "cleaning" => &mut reached.cleaning,
        "" => &mut reached.nothing,
        _ => &mut reached.end,
    } += 1;
}

#[test]
fn a_few_kills() {
    kill_at_random(4, 3);
}

/// `make prove-seed-kill`.
#[test]
#[ignore = "it takes minutes"]
#[expect(clippy::print_stdout, reason = "the counts are what the command is for")]
fn many_kills() {
    #[expect(clippy::disallowed_methods, reason = "a test has no Environment")]
    let n = std::env::var("PERFKIT_KILLS").map_or(50, |n| n.parse().expect("PERFKIT_KILLS is a number"));
    println!("{:?}", kill_at_random(n, 1));
}
