//! How long `perfkit --version` takes, beside a program that does nothing.

#![expect(clippy::print_stdout, reason = "a benchmark prints its figures")]

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

const ROUNDS: usize = 200;

fn time(program: &str, args: &[&str]) -> Duration {
    let start = Instant::now();
    let status = Command::new(program).args(args).stdout(Stdio::null()).status().expect("the program starts");
    assert!(status.success());
    start.elapsed()
}

fn main() {
    let (mut perfkit, mut nothing) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        perfkit.push(time(env!("CARGO_BIN_EXE_perfkit"), &["--version"]));
        nothing.push(time("true", &[]));
    }
    let median = |times: &mut Vec<Duration>| {
        times.sort();
        times[times.len() / 2].as_secs_f64() * 1e3
    };
    let (perfkit, nothing) = (median(&mut perfkit), median(&mut nothing));
    println!("startup: perfkit --version {perfkit:.2} ms, true {nothing:.2} ms (medians of {ROUNDS})");
}
