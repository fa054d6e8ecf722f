//! What the system counts of the generator and its machine: Linux keeps it in `/proc` (`proc(5)`), and others are not asked.

use std::fs;
use std::time::Duration;

use nix::sys::resource::{Resource, getrlimit, setrlimit};
use nix::time::{ClockId, clock_gettime};

use crate::bench::MachineCounters;

/// The processor time of the calling thread; `None` where the system does not tell.
pub(super) fn thread_cpu() -> Option<Duration> {
    clock_gettime(ClockId::CLOCK_THREAD_CPUTIME_ID).ok().map(Duration::from)
}

/// Lets this process open so many files, if it may: each connection is one, and many systems begin with a limit of 1024.
pub(super) fn allow_files(n: u64) {
    if let Ok((soft, hard)) = getrlimit(Resource::RLIMIT_NOFILE)
        && soft < n.min(hard)
    {
        // Who gets no more hears of it from the connection that is one too many.
        _ = setrlimit(Resource::RLIMIT_NOFILE, n.min(hard), hard);
    }
}

/// Returns the most memory that this process had so far.
pub(super) fn peak_rss_bytes() -> Option<u64> {
    peak_of_status(&fs::read_to_string("/proc/self/status").ok()?)
}

/// Returns what the first processor is, as the system calls it.
pub(crate) fn processor_model() -> Option<String> {
    model_of_cpuinfo(&fs::read_to_string("/proc/cpuinfo").ok()?)
}

fn model_of_cpuinfo(cpuinfo: &str) -> Option<String> {
    let value = |name: &str| {
        let line = cpuinfo.lines().find(|line| line.starts_with(name))?;
        Some(line.split_once(':')?.1.trim().to_owned())
    };
    // On arm64 there is no name, and parts have numbers.
    value("model name").or_else(|| value("CPU part"))
}

/// Returns what ran on this machine so far. Servers of PostgreSQL are counted apart where the load's own is on this machine.
pub(super) fn counters(is_server_here: bool) -> Option<MachineCounters> {
    let mut counters = of_stat(&fs::read_to_string("/proc/stat").ok()?)?;
    counters.generator = of_process(&fs::read_to_string("/proc/self/stat").ok()?)?.own;
    counters.server = is_server_here.then(server_ticks);
    Some(counters)
}

/// Adds up the time of the PostgreSQL processes that can be seen, of ended ones as well: their parent waits for them.
fn server_ticks() -> u64 {
    let processes = fs::read_dir("/proc").into_iter().flatten().filter_map(Result::ok);
    processes
        .filter(|entry| {
            entry.file_name().to_str().is_some_and(|name| name.bytes().all(|b| b.is_ascii_digit()))
        })
        // A process may end between the two looks.
        .filter_map(|entry| of_process(&fs::read_to_string(entry.path().join("stat")).ok()?))
        .filter(|process| process.is_postgres)
        .map(|process| process.own + process.ended_children)
        .sum()
}

/// What a line of `/proc/PID/stat` says.
struct Process {
    is_postgres: bool,
    own: u64,
    ended_children: u64,
}

fn of_process(stat: &str) -> Option<Process> {
    // The name is in parentheses and may hold any character.
    let (start, rest) = stat.rsplit_once(')')?;
    let (_, name) = start.split_once('(')?;
    // The first field after the name is the third: utime is field 14, followed by stime, cutime, cstime.
    let mut fields = rest.split_ascii_whitespace().skip(11).map(str::parse::<u64>);
    let mut next = || fields.next()?.ok();
    let (own, ended_children) = (next()? + next()?, next()? + next()?);
    Some(Process { is_postgres: ["postgres", "postmaster"].contains(&name), own, ended_children })
}

/// Reads the line of all processors: user, nice, system, idle, iowait, irq, softirq, steal, and times of guests, which are
/// in user and nice already.
fn of_stat(stat: &str) -> Option<MachineCounters> {
    let line = stat.lines().find_map(|line| line.strip_prefix("cpu "))?;
    let ticks: Vec<u64> = line.split_ascii_whitespace().take(8).filter_map(|n| n.parse().ok()).collect();
    let [_, _, _, idle, iowait, _, _, steal] = ticks[..] else { return None };
    Some(MachineCounters {
        total: ticks.iter().sum(),
        idle: idle + iowait,
        steal,
        ..MachineCounters::default()
    })
}

fn peak_of_status(status: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kib: u64 = line.trim().strip_suffix(" kB")?.parse().ok()?;
    Some(kib * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_files_of_linux() {
        let stat = "cpu  100 2 30 400 50 6 7 8 9 1\ncpu0 50 1 15 200 25 3 3 4 5 0\nintr 5\n";
        let counters = of_stat(stat).unwrap();
        assert_eq!((counters.total, counters.idle, counters.steal), (603, 450, 8));
        assert!(of_stat("cpu  1 2 3\n").is_none() && of_stat("").is_none());
        let line = "123 (postgres) S 1 123 123 0 -1 4194560 2500 900 10 2 7 5 30 20 20 0 1 0 8000 200000000";
        let process = of_process(line).unwrap();
        assert_eq!((process.is_postgres, process.own, process.ended_children), (true, 12, 50));
        let odd = line.replace("(postgres)", "(a) b (postgres)x)");
        assert!(!of_process(&odd).unwrap().is_postgres);
        assert!(of_process("1 (x) S").is_none());
        assert_eq!(peak_of_status("Name:\tperfkit\nVmHWM:\t   10240 kB\n"), Some(10_485_760));
        assert_eq!(peak_of_status("Name:\tperfkit\n"), None);
        let cpuinfo = "processor\t: 0\nmodel name\t: Some CPU @ 2GHz\n";
        assert_eq!(model_of_cpuinfo(cpuinfo).as_deref(), Some("Some CPU @ 2GHz"));
        assert_eq!(model_of_cpuinfo("CPU part\t: 0xd0c\n").as_deref(), Some("0xd0c"));
    }

    #[test]
    fn a_working_thread_uses_processor_time() {
        let before = thread_cpu().unwrap();
        let mut n = 0_u64;
        while thread_cpu().unwrap() <= before {
            n = std::hint::black_box(n + 1);
        }
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn linux_counts_this_process() {
        let before = counters(true).unwrap();
        let after = counters(false).unwrap();
        assert!(after.total >= before.total && after.generator >= before.generator);
        assert!(before.server.is_some() && after.server.is_none());
        assert!(peak_rss_bytes().unwrap() > 1 << 20);
    }
}
