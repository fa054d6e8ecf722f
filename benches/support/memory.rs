//! Time and memory of one run of a program.

use std::process::{Command, ExitStatus};
use std::time::{Duration, Instant};

/// How often the memory is looked at.
const LOOK: Duration = Duration::from_millis(10);

pub(crate) struct Run {
    pub(crate) status: ExitStatus,
    pub(crate) elapsed: Duration,
    /// The most that was resident, where the system shows it.
    pub(crate) peak_kb: u64,
}

pub(crate) fn run(command: &mut Command) -> Run {
    let start = Instant::now();
    let mut child = command.spawn().expect("the program starts");
    let mut peak_kb = 0;
    let status = loop {
        match child.try_wait().expect("it can be waited for") {
            Some(status) => break status,
            None => peak_kb = peak_kb.max(peak_resident_kb(child.id())),
        }
        std::thread::sleep(LOOK);
    };
    Run { status, elapsed: start.elapsed(), peak_kb }
}

fn peak_resident_kb(pid: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|line| line.split_whitespace().next()?.parse().ok()).unwrap_or(0)
}
