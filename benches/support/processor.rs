//! Processor time of processes.

use std::collections::HashMap;
use std::time::Duration;

/// Returns how long a server and its children ran so far, those that have ended included.
pub(crate) fn cpu_of_family(parent: u32) -> Duration {
    let pids = std::fs::read_dir("/proc").expect("processes are listed").filter_map(|entry| {
        let name = entry.ok()?.file_name();
        name.to_str()?.parse().ok()
    });
    pids.filter_map(|pid: u32| {
        let process = Process::read(pid)?;
        match pid {
            _ if pid == parent => Some(process.cpu + process.cpu_of_ended),
            _ if process.parent == parent => Some(process.cpu),
            _ => None,
        }
    })
    .sum()
}

/// What `/proc/PID/stat` tells of a process (`proc_pid_stat(5)`).
pub(crate) struct Process {
    parent: u32,
    pub(crate) cpu: Duration,
    /// Of its children that have ended.
    cpu_of_ended: Duration,
}

impl Process {
    pub(crate) fn read(pid: u32) -> Option<Self> {
        Self::read_file(&format!("/proc/{pid}"))
    }

    fn read_file(folder: &str) -> Option<Self> {
        /// `USER_HZ`, which Linux shows to every program as 100.
        const TICK: Duration = Duration::from_millis(10);
        let stat = std::fs::read_to_string(format!("{folder}/stat")).ok()?;
        // The name may hold anything, but the last parenthesis closes it; the state follows as field 3.
        let fields: Vec<&str> = stat[stat.rfind(')')? + 1..].split_whitespace().collect();
        let ticks = |field: usize| fields.get(field - 3)?.parse::<u32>().ok();
        Some(Self {
            parent: ticks(4)?,
            cpu: TICK * (ticks(14)? + ticks(15)?),
            cpu_of_ended: TICK * (ticks(16)? + ticks(17)?),
        })
    }
}

/// Returns how long each thread of a process with a name (`comm`) ran so far, by its number.
pub(crate) fn cpu_of_threads(pid: u32, name: &str) -> HashMap<String, Duration> {
    let Ok(threads) = std::fs::read_dir(format!("/proc/{pid}/task")) else { return HashMap::new() };
    let named = threads.filter_map(|entry| {
        let entry = entry.ok()?;
        let folder = entry.path().display().to_string();
        let comm = std::fs::read_to_string(format!("{folder}/comm")).ok()?;
        let thread = Process::read_file(&folder).filter(|_| comm.trim_end() == name)?;
        Some((entry.file_name().display().to_string(), thread.cpu))
    });
    named.collect()
}
