//! Time and memory of one run of a program.

use std::io::Read as _;
use std::process::{Command, ExitStatus};
use std::time::{Duration, Instant};

/// How often the process is looked at.
const LOOK: Duration = Duration::from_millis(10);

pub(crate) struct Run {
    pub(crate) status: ExitStatus,
    pub(crate) elapsed: Duration,
    /// The most that was resident, where the system shows it.
    pub(crate) peak_kb: u64,
}

/// Runs a program and looks at its process now and then. What it printed comes with it, if that went into a pipe, which holds
/// 64 KiB.
pub(crate) fn run(command: &mut Command, mut look: impl FnMut(u32)) -> (Run, String) {
    let start = Instant::now();
    let mut child = command.spawn().expect("the program starts");
    let mut peak_kb = 0;
    let status = loop {
        if let Some(status) = child.try_wait().expect("it can be waited for") {
            break status;
        }
        peak_kb = peak_kb.max(peak_resident_kb(child.id()));
        look(child.id());
        std::thread::sleep(LOOK);
    };
    let elapsed = start.elapsed();
    let mut stdout = String::new();
    if let Some(mut pipe) = child.stdout.take() {
        pipe.read_to_string(&mut stdout).expect("it prints text");
    }
    (Run { status, elapsed, peak_kb }, stdout)
}

fn peak_resident_kb(pid: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|line| line.split_whitespace().next()?.parse().ok()).unwrap_or(0)
}
