//! Whether the figures of a run are the server's: what came of the load, what the generator and its machine did meanwhile and
//! how the cache filled, held against limits.
//!
//! A busy machine alone makes no run invalid, else no laptop could measure. What does is that the load was not the one asked for,
//! that answers waited for the generator, or that the processors were not there. The rest is doubtful, and `--strict` refuses it.

use std::time::Duration;

use super::{Latency, StatementStats};
use crate::unit;

/// What is looked at is too much from here on.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limit {
    pub(crate) value: f64,
    /// Where the number comes from.
    pub(crate) source: &'static str,
}

/// Below this share of the load that was asked for, the figures are of another load.
const SENT: Limit = Limit { value: 0.95, source: "capacity is wanted within 5 % (issue 8, find-max)" };
/// The share of a processor that a thread of the generator may use.
const THREAD_CPU: Limit = Limit {
    value: 0.85,
    source: "in a queue with one server (M/D/1) what comes waits 2.8 times its own handling from here on",
};
/// The share of processor time that other virtual machines may take.
const STEAL: Limit = Limit {
    value: 0.10,
    source: "what the server does takes a tenth longer at the least, twice the slowdown that `compare` looks for",
};
const SOME_STEAL: Limit =
    Limit { value: 0.02, source: "the validity guards of block comparisons (research, section 4)" };
/// The share of processor time that other programs may use.
const OTHERS: Limit =
    Limit { value: 0.05, source: "the validity guards of block comparisons (research, section 4)" };
/// With this share of the processors free, other programs took nothing that was wanted.
const FREE: Limit = Limit { value: 0.10, source: "a tenth free in the mean leaves the short peaks room" };
/// The share of a latency that may be the generator's own lateness.
const LAG: Limit =
    Limit { value: 0.5, source: "from here on a latency says more of the generator than of the server" };
/// Lateness below does not count.
const LAG_MS: Limit = Limit { value: 1.0, source: "ten times what the schedule keeps to on free processors" };
/// The share of blocks that may come from outside of the cache in the first half, if it is not so in the second.
const COLD: Limit = Limit {
    value: 0.10,
    source: "a tenth read from below the cache is more than 1 % of chance in any mix of hits",
};
/// How much the share of such blocks may fall from the first to the second half.
const WARMED: Limit =
    Limit { value: 2.0, source: "the halves of a steady run differ by chance, not by a factor" };
/// Fewer blocks say nothing of a cache.
const MIN_BLOCKS: u64 = 1000;

/// What the generator and its machine did while latencies were recorded.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Resources {
    /// The share of a processor that each thread of the generator used; empty where the system does not tell.
    pub(crate) threads: Vec<f64>,
    /// The processor time of all of them.
    pub(crate) cpu: Duration,
    /// The most memory that the generator had; `None` where the system does not tell.
    pub(crate) peak_rss_bytes: Option<u64>,
    /// `None` where the system does not tell.
    pub(crate) machine: Option<MachineUse>,
}

/// Who used the processors of the generator's machine, as shares of all of them.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct MachineUse {
    pub(crate) generator: f64,
    /// Servers of PostgreSQL on this machine, if the one that is measured may be among them.
    pub(crate) server: Option<f64>,
    pub(crate) others: f64,
    /// Taken by other virtual machines.
    pub(crate) steal: f64,
    pub(crate) idle: f64,
}

/// What the system has counted up to a moment, all in the same unit of time.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct MachineCounters {
    pub(crate) total: u64,
    pub(crate) idle: u64,
    pub(crate) steal: u64,
    pub(crate) generator: u64,
    /// `None` where the server is on another machine.
    pub(crate) server: Option<u64>,
}

impl MachineUse {
    /// Returns who used what between two moments; `None` if there is no time between them.
    pub(crate) fn between(before: &MachineCounters, after: &MachineCounters) -> Option<Self> {
        let passed = |of: fn(&MachineCounters) -> u64| of(after).saturating_sub(of(before));
        let total = passed(|it| it.total);
        #[expect(clippy::cast_precision_loss, reason = "ticks are far below 2^53")]
        let share = |ticks: u64| ticks.min(total) as f64 / total as f64;
        let server = before.server.zip(after.server).map(|(before, after)| after.saturating_sub(before));
        let (idle, steal, generator) =
            (passed(|it| it.idle), passed(|it| it.steal), passed(|it| it.generator));
        let others = total.saturating_sub(idle + steal + generator + server.unwrap_or(0));
        (total > 0).then(|| Self {
            generator: share(generator),
            server: server.map(share),
            others: share(others),
            steal: share(steal),
            idle: share(idle),
        })
    }
}

/// Blocks that were found in the server's cache and blocks that were not.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Blocks {
    pub(crate) hit: u64,
    pub(crate) read: u64,
}

impl Blocks {
    /// Returns what was counted since an earlier moment; counters that went back were reset.
    pub(crate) fn since(self, before: Self) -> Self {
        Self { hit: self.hit.saturating_sub(before.hit), read: self.read.saturating_sub(before.read) }
    }

    /// Returns the share that was not found, if there are enough for one.
    pub(crate) fn read_share(self) -> Option<f64> {
        let all = self.hit + self.read;
        #[expect(clippy::cast_precision_loss, reason = "counts are far below 2^53")]
        let share = self.read as f64 / all.max(1) as f64;
        (all >= MIN_BLOCKS).then_some(share)
    }
}

/// What a run is judged by.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Observed<'a> {
    pub(crate) total: &'a StatementStats,
    /// The statements that never ended well, but for those of which that is known.
    pub(crate) failing: &'a [&'a StatementStats],
    pub(crate) is_open_loop: bool,
    /// How late statements were sent although a connection was free.
    pub(crate) lag: &'a Latency,
    /// Due times that no connection was free for before the end.
    pub(crate) n_unsent: u64,
    /// What was sent, but long after the end of the schedule.
    pub(crate) n_late: u64,
    /// How often a connection was lost.
    pub(crate) n_lost: u64,
    /// Connections that were not there at the end.
    pub(crate) n_down: usize,
    pub(crate) resources: &'a Resources,
    /// The blocks of the run's halves, where they are known.
    pub(crate) halves: Option<[Blocks; 2]>,
}

/// What is wrong with a run.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Flaws {
    /// Why its figures are not those that were asked for.
    pub(crate) reasons: Vec<String>,
    /// What they may be off by.
    pub(crate) doubts: Vec<String>,
}

impl Flaws {
    /// Returns all reasons in one line; `None` of a valid run.
    pub(crate) fn reason(&self) -> Option<String> {
        (!self.reasons.is_empty()).then(|| self.reasons.join("; "))
    }

    /// Takes what is doubtful for wrong as well.
    #[must_use]
    pub(crate) fn strict(mut self) -> Self {
        self.reasons.append(&mut self.doubts);
        self
    }
}

/// Holds a run against the limits.
pub(crate) fn judge(observed: &Observed) -> Flaws {
    let mut flaws = Flaws::default();
    flaws.reasons.extend(not_delivered(observed));
    saturation(observed.resources, &mut flaws);
    if let Some(machine) = &observed.resources.machine {
        contention(machine, &mut flaws);
    }
    lateness(observed, &mut flaws);
    flaws.reasons.extend(observed.halves.and_then(cold_start));
    flaws
}

/// Says why the load was not the one that was asked for.
fn not_delivered(observed: &Observed) -> Option<String> {
    // A schedule goes on meanwhile, and what is late counts from when it was due.
    if observed.n_lost > 0 && (!observed.is_open_loop || observed.n_down > 0) {
        let times = unit::count(observed.n_lost);
        return Some(format!(
            "a connection was lost {times} time{}, and no latency holds the time without it",
            if observed.n_lost == 1 { "" } else { "s" }
        ));
    }
    if observed.total.service.count() == 0 {
        return Some(failed("every statement", observed.total));
    }
    if let Some(first) = observed.failing.first() {
        return Some(failed(&format!("every execution of {:?}", first.name), first));
    }
    let n_done = observed.total.service.count() + observed.total.error_count();
    let n_wanted = n_done + observed.n_unsent;
    #[expect(clippy::cast_precision_loss, reason = "counts are far below 2^53")]
    let share = n_done.saturating_sub(observed.n_late) as f64 / n_wanted as f64;
    (share < SENT.value).then(|| {
        format!(
            "{} of {} statements could not be sent in time; use more connections or a lower rate",
            unit::count(observed.n_unsent + observed.n_late),
            unit::count(n_wanted)
        )
    })
}

fn failed(what: &str, stats: &StatementStats) -> String {
    let classes: Vec<String> = stats.error_classes().collect();
    if classes.is_empty() {
        format!("{what} failed")
    } else {
        format!("{what} failed: {}", classes.join(", "))
    }
}

fn saturation(resources: &Resources, flaws: &mut Flaws) {
    let busiest = resources.threads.iter().copied().fold(0.0, f64::max);
    if busiest > THREAD_CPU.value {
        flaws.reasons.push(format!(
            "the generator was near its limit: a thread of it used {} of a processor, so that answers waited for it; \
             use more `--threads` or more machines",
            unit::whole_percent(busiest)
        ));
    }
}

fn contention(machine: &MachineUse, flaws: &mut Flaws) {
    let steal =
        format!("other virtual machines took {} of the processor time", unit::whole_percent(machine.steal));
    if machine.steal > STEAL.value {
        flaws.reasons.push(steal);
    } else if machine.steal > SOME_STEAL.value {
        flaws.doubts.push(steal);
    }
    if machine.others > OTHERS.value && machine.idle < FREE.value {
        flaws.doubts.push(format!(
            "other programs used {} of the generator's machine, of which {} was free",
            unit::whole_percent(machine.others),
            unit::whole_percent(machine.idle)
        ));
    }
}

/// Compares the generator's own lateness with the latencies that hold it: it is wrong in the middle, and doubtful at the end.
fn lateness(observed: &Observed, flaws: &mut Flaws) {
    for (name, quantile) in [("p50", 0.5), ("p99", 0.99)] {
        if !observed.is_open_loop || observed.lag.count() == 0 || observed.total.response.count() == 0 {
            return;
        }
        let (lag, latency) =
            (observed.lag.quantile_ms(quantile), observed.total.response.quantile_ms(quantile));
        if lag > LAG_MS.value && lag > LAG.value * latency {
            let flaw = format!(
                "the generator itself was late: {name} of the lag is {} ms, of the latency {} ms",
                unit::milliseconds(lag),
                unit::milliseconds(latency)
            );
            if quantile > 0.5 { flaws.doubts.push(flaw) } else { flaws.reasons.push(flaw) }
        }
    }
}

/// Whether so much was not in the cache that it was still filling, where another share is usual.
pub(crate) fn is_cold(share: f64, usual: f64) -> bool {
    share > COLD.value && share > WARMED.value * usual
}

/// Says of a run that its cache was still filling.
fn cold_start([first, second]: [Blocks; 2]) -> Option<String> {
    let (first, second) = (first.read_share()?, second.read_share()?);
    is_cold(first, second).then(|| {
        format!(
            "the cache was still filling: {} of the blocks were not in it in the first half, {} in the second; \
             use a longer `--warm-up`",
            unit::whole_percent(first),
            unit::whole_percent(second)
        )
    })
}

/// Returns every limit with the origin of its number, for who asks what a verdict rests on.
pub(crate) fn limits() -> [(&'static str, Limit); 10] {
    [
        ("sent_share", SENT),
        ("generator_thread_cpu_share", THREAD_CPU),
        ("steal_share", STEAL),
        ("doubtful_steal_share", SOME_STEAL),
        ("doubtful_others_share", OTHERS),
        ("idle_share", FREE),
        ("lag_share_of_latency", LAG),
        ("lag_ms", LAG_MS),
        ("read_share_of_first_half", COLD),
        ("read_share_factor_of_halves", WARMED),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    const EVEN: MachineUse =
        MachineUse { generator: 0.2, server: Some(0.3), others: 0.01, steal: 0.0, idle: 0.49 };

    fn latency(ms: u64) -> Latency {
        let mut latency = Latency::new();
        (0..100).for_each(|_| latency.record(Duration::from_millis(ms)));
        latency
    }

    fn total(ms: u64) -> StatementStats {
        StatementStats { service: latency(ms), response: latency(ms), ..StatementStats::new("all") }
    }

    /// Judges a sound run of 10 ms latencies with a change.
    fn check(
        change: impl FnOnce(&mut Observed, &mut Resources),
        invalid: Option<&str>,
        doubtful: Option<&str>,
    ) {
        let (total, lag, none) = (total(10), Latency::new(), Resources::default());
        let mut resources =
            Resources { threads: vec![0.3, 0.5], machine: Some(EVEN), ..Resources::default() };
        let mut observed = Observed {
            total: &total,
            failing: &[],
            is_open_loop: true,
            lag: &lag,
            n_unsent: 0,
            n_late: 0,
            n_lost: 0,
            n_down: 0,
            resources: &none,
            halves: None,
        };
        change(&mut observed, &mut resources);
        let flaws = judge(&Observed { resources: &resources, ..observed });
        for (found, expected) in [(&flaws.reasons, invalid), (&flaws.doubts, doubtful)] {
            let is_so = match expected {
                None => found.is_empty(),
                Some(part) => found.len() == 1 && found[0].contains(part),
            };
            assert!(is_so, "{expected:?} of {found:?}");
        }
        assert_eq!(flaws.clone().strict().reasons.len(), flaws.reasons.len() + flaws.doubts.len());
    }

    #[test]
    fn a_sound_run_is_valid() {
        check(|_, _| (), None, None);
        check(|_, resources| *resources = Resources::default(), None, None);
    }

    #[test]
    fn the_load_has_to_be_the_one_asked_for() {
        check(|run, _| run.n_unsent = 5, None, None);
        check(|run, _| run.n_unsent = 6, Some("6 of 106 statements could not be sent"), None);
        check(|run, _| run.n_late = 5, None, None);
        check(|run, _| run.n_late = 6, Some("6 of 100 statements could not be sent"), None);
        check(|run, _| run.n_lost = 3, None, None);
        check(|run, _| (run.n_lost, run.n_down) = (1, 1), Some("a connection was lost 1 time,"), None);
        check(|run, _| (run.n_lost, run.is_open_loop) = (3, false), Some("lost 3 times"), None);
    }

    #[test]
    fn nothing_done_is_no_measurement() {
        let none = StatementStats::new("all");
        let observed = Observed {
            total: &none,
            failing: &[],
            is_open_loop: true,
            lag: &latency(5),
            n_unsent: 0,
            n_late: 0,
            n_lost: 0,
            n_down: 0,
            resources: &Resources::default(),
            halves: None,
        };
        assert_eq!(judge(&observed).reason().as_deref(), Some("every statement failed"));
    }

    #[test]
    fn a_statement_that_never_works_is_no_part_of_an_average() {
        let mut failing = StatementStats::new("gone");
        (0..1200).for_each(|_| failing.record_error("42P01"));
        failing.record_error(crate::bench::CONNECTION);
        assert!(
            failing.always_fails() && !total(1).always_fails() && !StatementStats::new("idle").always_fails()
        );
        let reason = "every execution of \"gone\" failed: 1,200 × SQLSTATE 42P01, 1 × connection lost";
        let failing: &'static [&'static StatementStats] =
            Box::leak(Box::new([&*Box::leak(Box::new(failing))]));
        check(move |run, _| run.failing = failing, Some(reason), None);
    }

    #[test]
    fn a_busy_thread_is_a_bottleneck_whatever_the_others_do() {
        check(|_, resources| resources.threads = vec![0.84, 0.84], None, None);
        check(|_, resources| resources.threads = vec![0.1, 0.86], Some("used 86 % of a processor"), None);
    }

    #[test]
    fn a_merely_busy_machine_is_no_reason() {
        let machine = |others, idle, steal| {
            move |_: &mut Observed, resources: &mut Resources| {
                resources.machine = Some(MachineUse { others, steal, idle, ..EVEN });
            }
        };
        check(machine(0.5, 0.3, 0.0), None, None);
        check(machine(0.5, 0.02, 0.0), None, Some("other programs used 50 %"));
        check(machine(0.04, 0.02, 0.0), None, None);
        check(machine(0.0, 0.5, 0.03), None, Some("took 3 %"));
        check(machine(0.0, 0.5, 0.11), Some("took 11 %"), None);
    }

    #[test]
    fn a_late_generator_is_seen_against_the_latency() {
        let mut rarely = latency(1);
        (0..3).for_each(|_| rarely.record(Duration::from_millis(9)));
        let [late, little, rarely] = [latency(6), latency(4), rarely].map(|it| &*Box::leak(Box::new(it)));
        check(|run, _| run.lag = late, Some("p50 of the lag is 6.0"), Some("p99 of the lag is 6.0"));
        check(|run, _| run.lag = little, None, None);
        check(|run, _| (run.lag, run.is_open_loop) = (late, false), None, None);
        check(|run, _| run.lag = rarely, None, Some("p99 of the lag is 9.0"));
    }

    #[test]
    fn a_filling_cache_is_a_reason() {
        let blocks = |read| Blocks { hit: 10_000 - read, read };
        let halves = |first, second| {
            move |run: &mut Observed, _: &mut Resources| {
                run.halves = Some([blocks(first), blocks(second)]);
            }
        };
        check(halves(4000, 1000), Some("40 % of the blocks were not in it in the first half, 10 %"), None);
        check(halves(4000, 3000), None, None);
        check(halves(900, 0), None, None);
        let few = Blocks { hit: 0, read: 999 };
        check(|run, _| run.halves = Some([few, blocks(0)]), None, None);
    }

    #[test]
    fn shares_are_of_all_processors() {
        let before = MachineCounters { total: 1000, idle: 500, steal: 10, generator: 100, server: Some(200) };
        let after = MachineCounters { total: 1200, idle: 550, steal: 12, generator: 120, server: Some(300) };
        let share = MachineUse::between(&before, &after).unwrap();
        assert_eq!((share.generator, share.server, share.steal, share.idle), (0.1, Some(0.5), 0.01, 0.25));
        assert!((share.others - 0.14).abs() < 1e-9);
        assert_eq!(MachineUse::between(&before, &before), None);
        // Servers that ended take their time with them.
        let fewer = MachineCounters { server: Some(100), ..after };
        assert_eq!(MachineUse::between(&before, &fewer).unwrap().server, Some(0.0));
        let elsewhere = MachineUse::between(&before, &MachineCounters { server: None, ..after }).unwrap();
        assert!(elsewhere.server.is_none() && elsewhere.others > 0.6);
    }

    #[test]
    fn each_limit_says_where_it_comes_from() {
        assert!(limits().iter().all(|(_, limit)| limit.value > 0.0 && limit.source.len() > 20));
    }
}
