//! What many connections of `perfkit bench` take of memory.

use std::time::{Duration, Instant};

use crate::bench::Report;
use crate::support::cli::{end_of_proof, perfkit};
use crate::support::pg::{Database, Server};

/// How often a process is looked at.
const LOOK: Duration = Duration::from_millis(200);
/// The share that memory may grow by once a load is in its stride.
const MAX_GROWTH: f64 = 0.1;

/// What a load had of memory, in MB.
struct Memory {
    /// Once it was in its stride.
    settled: f64,
    /// After that, as long as statements were sent.
    under_load: f64,
    /// At the most, with what making the report takes.
    highest: f64,
}

impl Memory {
    fn growth(&self) -> f64 {
        self.under_load / self.settled - 1.0
    }
}

/// Which memory is looked at.
#[derive(Clone, Copy)]
enum Kind {
    /// All that is resident, as for a user.
    Resident,
    /// What the program itself has touched: without the pages of its file, of which a build for tests has many, and by small pages,
    /// because one huge page is a tenth of what few connections need.
    Touched,
}

impl Kind {
    /// Its name in `proc_pid_status(5)`.
    fn field(self) -> &'static str {
        match self {
            Self::Resident => "VmRSS:",
            Self::Touched => "RssAnon:",
        }
    }

    /// `MIMALLOC_ALLOW_THP`.
    fn huge_pages(self) -> &'static str {
        match self {
            Self::Resident => "1",
            Self::Touched => "0",
        }
    }
}

/// Holds a rate over so many connections to a server of its own, and watches memory of the generator; it is in its stride after
/// `stride`.
fn watched(kind: Kind, connections: usize, rate: u64, duration: Duration, stride: Duration) -> Memory {
    let max_connections = format!("max_connections={}", connections + 100);
    let server = Server::start("", &["listen_addresses=", &max_connections], 5432);
    let database = Database { url: server.url("postgres", "postgres") };
    let seconds = duration.as_secs();
    let [n, per_s, length] = [connections.to_string(), rate.to_string(), format!("{seconds}s")];
    let (child, _folder) =
        perfkit(&["bench", "--json", "--connections", &n, "--rate", &per_s, "--duration", &length])
            .env("MIMALLOC_ALLOW_THP", kind.huge_pages())
            .file("perfkit.yaml", "workload: {statements: [{name: one, sql: SELECT 1}]}\n")
            .on(&database)
            .spawn();
    database.await_true(&format!(
        "SELECT count(*) >= {connections} FROM pg_stat_activity WHERE application_name = 'perfkit' AND query ~ '^SELECT 1'"
    ));
    let pid = child.id();
    // Its report may be longer than a pipe holds: it is read while the process is looked at.
    let (memory, finished) = std::thread::scope(|scope| {
        let memory = scope.spawn(|| look(pid, kind, duration, stride));
        let finished = end_of_proof(child);
        (memory.join().expect("the process is looked at"), finished)
    });
    let report: Report = finished.json_as();
    let one = &report.statements[0];
    assert_eq!(one.errors, 0, "{}", finished.stderr);
    let n_wanted = rate * seconds;
    assert!(one.count >= n_wanted * 95 / 100, "{} of {n_wanted}: {}", one.count, finished.stderr);
    memory
}

/// Looks at the memory of a process that has just begun its load, to its end.
fn look(pid: u32, kind: Kind, duration: Duration, stride: Duration) -> Memory {
    let started = Instant::now();
    let mut memory = Memory { settled: 0.0, under_load: 0.0, highest: 0.0 };
    // A process that has ended shows no memory.
    while let Some(resident) = resident_mb(pid, kind) {
        if started.elapsed() < stride {
            memory.settled = resident;
        }
        // The load was seen when it had begun, and a warm-up is before it: it ends later than this.
        if started.elapsed() + 2 * LOOK < duration {
            memory.under_load = memory.under_load.max(resident);
        }
        memory.highest = memory.highest.max(resident);
        std::thread::sleep(LOOK);
    }
    memory
}

/// Reads what is resident of a process (`proc_pid_status(5)`).
fn resident_mb(pid: u32, kind: Kind) -> Option<f64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix(kind.field()))?;
    Some(line.split_whitespace().next()?.parse::<f64>().ok()? / 1024.0)
}

#[cfg(target_os = "linux")]
#[test]
fn connections_take_little_memory() {
    let memory = watched(Kind::Touched, 50, 200, Duration::from_secs(4), Duration::from_secs(2));
    assert!(memory.settled > 1.0, "it was seen");
    assert!(memory.highest < 60.0, "{} MB", memory.highest);
    assert!(memory.growth() < MAX_GROWTH, "{} MB, then {} MB", memory.settled, memory.under_load);
}

/// `make prove-load-memory`.
#[test]
#[ignore = "it takes minutes, and a server with a thousand sessions"]
#[expect(clippy::print_stdout, reason = "the figures are what the command is for")]
fn a_thousand_connections_stay_small() {
    const MAX_MB: f64 = 60.0;
    #[expect(clippy::disallowed_methods, reason = "a test has no Environment")]
    let minutes =
        std::env::var("PERFKIT_MINUTES").map_or(5, |n| n.parse().expect("PERFKIT_MINUTES is a number"));
    let memory = watched(Kind::Resident, 1000, 1000, Duration::from_mins(minutes), Duration::from_secs(30));
    println!(
        "1,000 connections, 1,000 a second, {minutes} minutes: {:.1} MB after half a minute, {:.1} MB at the end of the load, growth {:.1} % (goal < 10 %), {:.1} MB at the most (goal < {MAX_MB} MB)",
        memory.settled,
        memory.under_load,
        memory.growth() * 100.0,
        memory.highest
    );
    assert!(memory.highest < MAX_MB && memory.growth() < MAX_GROWTH);
}
