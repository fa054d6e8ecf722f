//! `perfkit bench` against pgbench: the same statement, server, connections and number of threads, in short slices that
//! alternate, so that a noisy machine is noisy for both. Only ratios count. Beside that: how punctual a schedule is, and what recording
//! costs.
//!
//! `PERFKIT_LOAD_ROUNDS` makes more or fewer rounds. `PERFKIT_PG_BIN` names the folder of pgbench: that in `PATH` is a wrapper on
//! some distributions, whose start costs more than a slice.

#![expect(clippy::print_stdout, reason = "a benchmark prints its figures")]
#![expect(clippy::disallowed_methods, reason = "cargo bench takes no arguments of ours")]

#[expect(dead_code, reason = "other benchmarks use the rest")]
#[path = "../support/mod.rs"]
mod support;

use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;
use support::Sandbox;

const ROUNDS: usize = 8;
/// Of `pgbench_accounts`; each scale has 100,000 rows, and all fit into the sandbox's shared buffers.
const SCALE: u32 = 10;
/// How long a slice takes, in seconds: with many connections the processes need a while to share the processors.
const SLICE_S: u32 = 2;
const LONG_SLICE_S: u32 = 4;
const THREADS: u32 = 2;
/// The share of the capacity at which the punctuality of the schedule is measured.
const LOAD: f64 = 0.8;
/// … and the protocol and connections that it is measured with.
const PUNCTUAL: (&str, u32) = ("prepared", 16);

/// What to measure, and the goals: the least rate and the greatest processor time of a transaction, as shares of pgbench's.
struct Case {
    protocol: &'static str,
    connections: u32,
    rate_goal: f64,
    cpu_goal: Option<f64>,
}

const fn case(protocol: &'static str, connections: u32, rate_goal: f64, cpu_goal: Option<f64>) -> Case {
    Case { protocol, connections, rate_goal, cpu_goal }
}

const CASES: [Case; 5] = [
    case("prepared", 1, 0.95, None),
    case("prepared", 16, 1.10, Some(0.8)),
    case("prepared", 64, 1.10, Some(0.8)),
    case("prepared", 256, 1.25, Some(0.8)),
    case("simple", 16, 1.15, Some(0.8)),
];

/// One slice.
struct Slice {
    rate_per_s: f64,
    cpu_us: f64,
}

fn main() {
    let rounds = std::env::var("PERFKIT_LOAD_ROUNDS").ok().and_then(|n| n.parse().ok()).unwrap_or(ROUNDS);
    let bench = Bench::new();
    let mut ratios: Vec<Vec<(f64, f64)>> = CASES.iter().map(|_| Vec::new()).collect();
    let mut rates: Vec<Vec<f64>> = CASES.iter().map(|_| Vec::new()).collect();
    for round in 0..rounds {
        for ((case, ratios), rates) in CASES.iter().zip(&mut ratios).zip(&mut rates) {
            // Each comes first as often as the other.
            let (perfkit, pgbench) = if round % 2 == 0 {
                let perfkit = bench.perfkit(case);
                (perfkit, bench.pgbench(case))
            } else {
                let pgbench = bench.pgbench(case);
                (bench.perfkit(case), pgbench)
            };
            rates.push(perfkit.rate_per_s);
            ratios.push((perfkit.rate_per_s / pgbench.rate_per_s, perfkit.cpu_us / pgbench.cpu_us));
        }
    }
    println!("perfkit bench ÷ pgbench, medians of {rounds} rounds (quartiles)");
    for (case, ratios) in CASES.iter().zip(ratios) {
        let (ratios, cpus) = ratios.into_iter().unzip();
        println!(
            "{:>8}, {:>3} connections: rate {} (goal ≥ {:.2}), processor time {}{}",
            case.protocol,
            case.connections,
            quartiles(ratios),
            case.rate_goal,
            quartiles(cpus),
            case.cpu_goal.map_or_else(String::new, |goal| format!(" (goal ≤ {goal:.2})")),
        );
    }
    let rates: Vec<f64> = rates.into_iter().map(median).collect();
    recording(&rates);
    let punctual = CASES.iter().position(|case| (case.protocol, case.connections) == PUNCTUAL);
    bench.schedule_lag(rates[punctual.expect("it is one of the cases")]);
}

/// What it takes to record an execution, as a share of what an execution takes.
///
/// A rate with recording and one without differ by less than two slices of the same do, so the parts are measured: the calls that a
/// loop makes for each execution, and the look at the clock before them. With one connection, that is time in which the server
/// waits; with many, processor time that it could have had.
fn recording(rates: &[f64]) {
    const N: u32 = 1_000_000;
    const TRIES: usize = 5;
    let least_ns = |what: &dyn Fn()| {
        let time = || {
            let start = Instant::now();
            what();
            start.elapsed().as_secs_f64() * 1e9 / f64::from(N)
        };
        (0..TRIES).map(|_| time()).fold(f64::INFINITY, f64::min)
    };
    let record = |is_open_loop| {
        least_ns(&|| assert_eq!(perfkit::timed::record_executions(N, is_open_loop), u64::from(N)))
    };
    let clock = least_ns(&|| (0..N).for_each(|_| _ = std::hint::black_box(Instant::now())));
    let (closed, open) = (record(false), record(true));
    println!(
        "recording an execution: {closed:.0} ns, with a rate {open:.0} ns; looking at the clock: {clock:.0} ns"
    );
    let n_processors = std::thread::available_parallelism().map_or(1, usize::from);
    for (case, rate) in CASES.iter().zip(rates) {
        let at_once = if case.connections == 1 { 1 } else { n_processors.min(THREADS as usize) };
        #[expect(clippy::cast_precision_loss, reason = "there are few processors")]
        let share = (closed + clock) * 1e-9 * rate / at_once as f64;
        println!(
            "{:>8}, {:>3} connections: {:.2} % of an execution (goal ≤ 1 %)",
            case.protocol,
            case.connections,
            share * 100.0
        );
    }
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// A server with pgbench's tables.
struct Bench {
    sandbox: Sandbox,
    pgbench: PathBuf,
    folder: PathBuf,
}

impl Bench {
    fn new() -> Self {
        let sandbox = Sandbox::start();
        let bin = std::env::var_os("PERFKIT_PG_BIN").map(PathBuf::from).unwrap_or_default();
        let bench = Self { pgbench: bin.join("pgbench"), folder: sandbox.folder.join("load"), sandbox };
        std::fs::create_dir_all(&bench.folder).expect("the sandbox's folder is ours");
        let config = format!(
            "workload:\n  statements:\n    - name: select\n      sql: SELECT abalance FROM pgbench_accounts WHERE aid = $1\n      \
             params: [{{uniform: {{min: 1, max: {}}}}}]\n",
            SCALE * 100_000
        );
        std::fs::write(bench.folder.join("perfkit.yaml"), config).expect("the folder can be written");
        run(bench.pgbench_command().args(["-i", "-q", "-s", &SCALE.to_string()]));
        bench
    }

    /// pgbench on the sandbox.
    fn pgbench_command(&self) -> Command {
        let mut command = Command::new(&self.pgbench);
        command.env("PGDATABASE", &self.sandbox.url);
        command
    }

    fn pgbench(&self, case: &Case) -> Slice {
        let mut command = self.pgbench_command();
        command.args(["-n", "-S", "-M", case.protocol, "-c", &case.connections.to_string()]);
        command.args(["-j", &THREADS.min(case.connections).to_string(), "-T", &slice_s(case).to_string()]);
        let (text, cpu_s) = run(&mut command);
        let figure = |name: &str| {
            let line = text.lines().find_map(|line| line.trim().strip_prefix(name));
            let word = line.and_then(|rest| rest.split_whitespace().next());
            word.and_then(|word| word.parse::<f64>().ok()).unwrap_or_else(|| panic!("{name} in {text}"))
        };
        let n = figure("number of transactions actually processed:");
        Slice { rate_per_s: figure("tps ="), cpu_us: cpu_s * 1e6 / n }
    }

    fn perfkit(&self, case: &Case) -> Slice {
        let (report, cpu_s) = self.report(case, &[]);
        let figure = |name: &str| report["statements"][0][name].as_f64().expect("a figure");
        Slice { rate_per_s: figure("rate_per_s"), cpu_us: cpu_s * 1e6 / figure("count") }
    }

    fn report(&self, case: &Case, args: &[&str]) -> (Value, f64) {
        let mut command = self.sandbox.command(&["bench", "--json", "--quiet", "--warm-up", "0s"]);
        command.args(["--connections", &case.connections.to_string(), "--threads", &THREADS.to_string()]);
        command.args(["--protocol", case.protocol, "--duration", &format!("{}s", slice_s(case))]).args(args);
        let (text, cpu_s) = run(command.env("DATABASE_URL", &self.sandbox.url).current_dir(&self.folder));
        (serde_json::from_str(&text).expect("JSON"), cpu_s)
    }

    /// How far behind its schedule the generator sends, while the server has time left.
    fn schedule_lag(&self, capacity: f64) {
        let case = case(PUNCTUAL.0, PUNCTUAL.1, 1.0, None);
        let rate = format!("{:.0}", capacity * LOAD);
        let (report, _) = self.report(&case, &["--rate", &rate, "--arrivals", "poisson"]);
        let lag = |name: &str| report["schedule_lag"][name].as_f64().expect("a figure") * 1e3;
        println!(
            "sent behind schedule at {rate}/s, {:.0} % of capacity: p50 {:.0} µs (goal ≤ 15), p99 {:.0} µs (goal ≤ 100)",
            LOAD * 100.0,
            lag("p50_ms"),
            lag("p99_ms"),
        );
    }
}

const fn slice_s(case: &Case) -> u32 {
    if case.connections > 100 { LONG_SLICE_S } else { SLICE_S }
}

/// Runs a program; returns what it printed and the processor time that it took, in seconds.
fn run(command: &mut Command) -> (String, f64) {
    let before = cpu_of_ended_children();
    let output = command.stderr(Stdio::inherit()).output().expect("the program starts");
    let text = String::from_utf8(output.stdout).expect("it prints text");
    assert!(output.status.success(), "{command:?}: {text}");
    (text, cpu_of_ended_children().saturating_sub(before).as_secs_f64())
}

/// Returns how long the children of this process ran that have ended (`proc_pid_stat(5)`, fields 16 and 17).
fn cpu_of_ended_children() -> Duration {
    /// `USER_HZ`, which Linux shows to every program as 100.
    const TICK: Duration = Duration::from_millis(10);
    let stat = std::fs::read_to_string("/proc/self/stat").expect("this process is there");
    // The name may hold anything, but the last parenthesis closes it; the state follows as field 3.
    let (_, fields) = stat.rsplit_once(')').expect("a name in parentheses");
    let ticks = fields.split_whitespace().skip(16 - 3).take(2);
    TICK * ticks.map(|ticks| ticks.parse::<u32>().expect("ticks")).sum::<u32>()
}

/// The median with its quartiles.
fn quartiles(mut ratios: Vec<f64>) -> String {
    ratios.sort_by(f64::total_cmp);
    let at = |quarter: usize| ratios[(ratios.len() - 1) * quarter / 4];
    format!("{:.2} ({:.2} to {:.2})", at(2), at(1), at(3))
}
