//! When a run will end, from its work and what has been seen of it.

use serde::{Deserialize, Serialize};

use super::work::{Phase, Task, Work};
use crate::seed::schema::TableId;

/// After so many chunks of a table an older one counts half: the first ones are no measure for the last ones, whose indexes no
/// longer fit the cache.
const HALF_LIFE_CHUNKS: f64 = 10.0;
/// What other tables have taken counts as much as so many chunks of a table's own: the first chunk of a session pays for what the
/// server reads of the catalog, and two sessions disturb each other now more, now less.
const OTHERS_COUNT: f64 = 2.0;
/// Chunks are put together where there are more: what is left is laid out anew whenever one ends.
const MOST_LAID_OUT: u64 = 256;

/// Something that has happened in a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Seen {
    /// A phase has begun, so long after the run.
    Begun { phase: Phase, at_us: u64 },
    /// Units of a task are done, which have taken one session so long.
    Done { task: Task, n_units: u64, took_us: u64, at_us: u64 },
}

/// What is known of a run.
#[derive(Clone, Debug)]
pub(crate) struct Forecast {
    n_sessions: usize,
    /// How many times the time of a chunk passes until the next one.
    pace: f64,
    parts: Vec<Part>,
    phase: Phase,
    /// Since when each session of the phase is at what it does.
    sessions_ns: Vec<f64>,
    now_ns: f64,
}

#[derive(Clone, Debug)]
struct Part {
    work: Work,
    n_done: u64,
    took_ns: f64,
    /// Of what is done, before anything was.
    expected_ns: f64,
    /// The same of late.
    lately: (f64, f64),
    /// When the last of it was done.
    ended_ns: f64,
}

impl Part {
    fn n_left(&self) -> u64 {
        self.work.n_units.saturating_sub(self.n_done)
    }

    fn n_chunks_left(&self) -> u64 {
        self.n_left().div_ceil(self.work.n_at_once.max(1))
    }
}

/// What is left of a part, in pieces that a session does at once.
struct Pieces<'p> {
    work: &'p Work,
    n: u64,
    each_ns: f64,
    /// When the last piece that has begun ends.
    end_ns: f64,
}

impl Forecast {
    /// A run over so many sessions, which may rest after each chunk for as long as it took.
    pub(crate) fn new(works: Vec<Work>, n_sessions: usize, rests: bool) -> Self {
        let part = |work| Part {
            work,
            n_done: 0,
            took_ns: 0.0,
            expected_ns: 0.0,
            lately: (0.0, 0.0),
            ended_ns: 0.0,
        };
        let n_sessions = n_sessions.max(1);
        Self {
            n_sessions,
            pace: if rests { 2.0 } else { 1.0 },
            parts: works.into_iter().map(part).collect(),
            phase: Phase::Rows,
            sessions_ns: vec![0.0; n_sessions],
            now_ns: 0.0,
        }
    }

    pub(crate) fn see(&mut self, seen: &Seen) {
        match *seen {
            Seen::Begun { phase, at_us } => {
                self.now_ns = ns(at_us);
                self.phase = phase;
                self.sessions_ns = vec![self.now_ns; self.n_sessions_in(phase)];
            }
            Seen::Done { task, n_units, took_us, at_us } => {
                self.now_ns = self.now_ns.max(ns(at_us));
                let pace = self.pace(task.phase());
                let Some(part) = self.parts.iter_mut().find(|part| part.work.task == task) else { return };
                let expected_ns = part.work.expected_ns(part.n_done, n_units);
                part.n_done = part.n_done.saturating_add(n_units);
                part.took_ns += ns(took_us);
                part.expected_ns += expected_ns;
                part.ended_ns = ns(at_us);
                let decay = 0.5_f64.powf(1.0 / HALF_LIFE_CHUNKS);
                part.lately = (part.lately.0 * decay + ns(took_us), part.lately.1 * decay + expected_ns);
                if n_units > 0 && task.phase() == self.phase {
                    self.see_session(ns(at_us) - ns(took_us), ns(at_us) + ns(took_us) * (pace - 1.0));
                }
            }
        }
    }

    /// Finds the session that has begun something at a moment, and lets it begin the next at another one.
    fn see_session(&mut self, begun_ns: f64, next_ns: f64) {
        let distance = |since: &f64| (since - begun_ns).abs();
        let session = self.sessions_ns.iter_mut().min_by(|a, b| distance(a).total_cmp(&distance(b)));
        if let Some(since) = session {
            *since = next_ns;
        }
    }

    /// Returns how long the run will have taken, in seconds.
    pub(crate) fn total_s(&self) -> f64 {
        let phases = Phase::ALL.into_iter().filter(|phase| *phase >= self.phase);
        let left: f64 = phases.map(|phase| self.left_ns(phase)).sum();
        (self.now_ns + left) / 1e9
    }

    fn n_sessions_in(&self, phase: Phase) -> usize {
        if phase == Phase::ForeignKeys { 1 } else { self.n_sessions }
    }

    fn pace(&self, phase: Phase) -> f64 {
        if phase == Phase::Rows { self.pace } else { 1.0 }
    }

    /// Returns how long a phase still takes: each session takes the first piece whose parents are there, one after the other.
    fn left_ns(&self, phase: Phase) -> f64 {
        let mut pieces = self.pieces(phase);
        let mut sessions = if phase == self.phase {
            self.sessions_ns.clone()
        } else {
            vec![self.now_ns; self.n_sessions_in(phase)]
        };
        let mut end = self.now_ns;
        while pieces.iter().any(|it| it.n > 0) {
            let Some(session) = sessions.iter_mut().min_by(|a, b| a.total_cmp(b)) else { break };
            let is_there = |table: &TableId| {
                let parent = pieces.iter().find(|it| it.work.task == Task::Rows(*table));
                parent.is_none_or(|it| it.n == 0 && it.end_ns <= *session)
            };
            let ready = pieces.iter().position(|it| it.n > 0 && it.work.after.iter().all(is_there));
            if let Some(at) = ready {
                let piece = &mut pieces[at];
                *session = (*session + piece.each_ns).max(self.now_ns);
                piece.n -= 1;
                piece.end_ns = piece.end_ns.max(*session);
                end = end.max(*session);
            } else {
                // Until the next parents are there.
                let ends = pieces.iter().filter(|it| it.n == 0).map(|it| it.end_ns);
                let next = ends.filter(|end| *end > *session).min_by(f64::total_cmp);
                let Some(next) = next else { break };
                *session = next;
            }
        }
        end - self.now_ns
    }

    /// Returns what is left of a phase, and what of it is done that others may wait for.
    fn pieces(&self, phase: Phase) -> Vec<Pieces<'_>> {
        let parts = || self.parts.iter().filter(|part| part.work.task.phase() == phase);
        let factor = self.factor(phase);
        let n_together = parts().map(Part::n_chunks_left).sum::<u64>().div_ceil(MOST_LAID_OUT).max(1);
        let pieces = parts().map(|part| {
            let n = part.n_chunks_left().div_ceil(n_together);
            let each_ns = left_ns(part, factor) * self.pace(phase) / float(n.max(1));
            Pieces { work: &part.work, n, each_ns, end_ns: part.ended_ns }
        });
        pieces.collect()
    }

    /// Returns by which factor the tasks of a phase miss their expectations: as those have that are done, else those of other
    /// phases.
    fn factor(&self, phase: Phase) -> f64 {
        let of = |is_meant: &dyn Fn(&Part) -> bool| {
            let parts = self.parts.iter().filter(|part| is_meant(part));
            let (took, expected) = parts.fold((0.0, 0.0), |(took, expected), part| {
                (took + part.took_ns, expected + part.expected_ns)
            });
            (expected > 0.0).then(|| took / expected)
        };
        of(&|part| part.work.task.phase() == phase).or_else(|| of(&|_| true)).unwrap_or(1.0)
    }
}

/// Returns how long what is left of a part takes one session, where others of its phase miss their expectations by a factor.
fn left_ns(part: &Part, factor: f64) -> f64 {
    let n_left = part.n_left();
    if n_left == 0 {
        return 0.0;
    }
    let chunk_ns = part.work.expected_ns(part.n_done, part.work.n_at_once.clamp(1, n_left));
    let (took, expected) = part.lately;
    let own = (took + factor * chunk_ns * OTHERS_COUNT) / (expected + chunk_ns * OTHERS_COUNT);
    part.work.expected_ns(part.n_done, n_left) * own
}

fn ns(us: u64) -> f64 {
    float(us) * 1e3
}

#[expect(clippy::cast_precision_loss, reason = "an estimate")]
fn float(n: u64) -> f64 {
    n as f64
}

/// A recorded run.
#[cfg(test)]
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Trace {
    pub(crate) n_sessions: usize,
    pub(crate) total_us: u64,
    pub(crate) works: Vec<Work>,
    pub(crate) seen: Vec<Seen>,
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::seed::size::work::{Effort, Order, RowEffort};

    /// Returns the moments of a trace, as shares of its time, each with what the forecast then misses the total by, as a share
    /// of that.
    fn misses(trace: &Trace) -> Vec<(f64, f64)> {
        let total_s = ns(trace.total_us) / 1e9;
        let mut forecast = Forecast::new(trace.works.clone(), trace.n_sessions, false);
        trace
            .seen
            .iter()
            .map(|seen| {
                forecast.see(seen);
                (forecast.now_ns / 1e9 / total_s, forecast.total_s() / total_s - 1.0)
            })
            .collect()
    }

    fn traces() -> Vec<(String, Trace)> {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/seed-traces");
        let mut traces: Vec<(String, Trace)> = std::fs::read_dir(folder)
            .expect("a folder of fixtures")
            .map(|entry| {
                let path = entry.unwrap().path();
                let text = std::fs::read_to_string(&path).unwrap();
                (path.file_stem().unwrap().display().to_string(), serde_json::from_str(&text).unwrap())
            })
            .collect();
        traces.sort_by(|(a, _), (b, _)| a.cmp(b));
        traces
    }

    /// Runs a plan on a server that is so much slower than expected, where each task misses its expectation by up to a share of
    /// it, and each chunk by up to a fifth.
    fn simulated(works: &[Work], n_sessions: usize, slower: f64, share: f64, seed: u64) -> Trace {
        let jitter =
            |i: u64, share: f64| 1.0 - share + 2.0 * share * crate::random::unit(crate::random::at(seed, i));
        let mut seen = Vec::new();
        let (mut start, mut n_draws) = (0.0, 1_000);
        for phase in Phase::ALL {
            seen.push(Seen::Begun { phase, at_us: us(start) });
            let mut free = vec![start; n_sessions];
            for (i, work) in (0..).zip(works).filter(|(_, work)| work.task.phase() == phase) {
                let mut n_left = work.n_units;
                while n_left > 0 {
                    let n_units = n_left.min(work.n_at_once);
                    n_left -= n_units;
                    n_draws += 1;
                    let of_chunk = if phase == Phase::Rows { jitter(n_draws, 0.2) } else { 1.0 };
                    let took = work.expected_ns(work.n_units - n_left - n_units, n_units)
                        * slower
                        * jitter(i, share)
                        * of_chunk;
                    let first = free.iter_mut().min_by(|a, b| a.total_cmp(b)).expect("there are sessions");
                    *first += took;
                    seen.push(done(work.task, n_units, us(took), us(*first)));
                }
            }
            start = free.into_iter().fold(start, f64::max);
        }
        seen.sort_by_key(|seen| match seen {
            Seen::Begun { at_us, .. } | Seen::Done { at_us, .. } => *at_us,
        });
        Trace { n_sessions, total_us: us(start), works: works.to_vec(), seen }
    }

    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "not negative, and of a test"
    )]
    fn us(ns: f64) -> u64 {
        (ns / 1e3) as u64
    }

    /// Returns how far a forecast is off at the most, from what is first seen after a share of the time on.
    fn worst_after(first: f64, misses: &[(f64, f64)]) -> f64 {
        misses.iter().filter(|(share, _)| *share >= first).map(|(_, miss)| miss.abs()).fold(0.0, f64::max)
    }

    /// Whatever the server's speed and the number of sessions: where expectations are in proportion, the end is known.
    #[test]
    fn the_end_is_known_as_well_as_proportions_are() {
        let once = |task, effort| Work { task, n_units: 1, n_at_once: 1, after: Vec::new(), effort };
        let mut works = vec![
            rows(0, 2_000_000, 20_000, 60.0),
            rows(1, 3_000_000, 20_000, 800.0),
            rows(2, 10_000_000, 80_000, 100.0),
        ];
        works.extend((0..4).map(|n| {
            let effort = Effort::Btree { n_rows: 3_000_000, first: Order::Scattered, n_columns: 1 };
            once(Task::Index(n), effort)
        }));
        works.extend((0..3).map(|n| {
            once(Task::Vacuum(n), Effort::Table { n_rows: 3_000_000, row_bytes: 100.0, n_columns: 5 })
        }));
        for (seed, n_sessions) in (0..20).flat_map(|seed| [1, 2, 8].map(|n_sessions| (seed, n_sessions))) {
            for (slower, share, most) in [(1.0, 0.0, 0.1), (30.0, 0.0, 0.1), (0.2, 0.15, 0.25)] {
                let misses = misses(&simulated(&works, n_sessions, slower, share, seed));
                let worst = worst_after(0.1, &misses);
                assert!(
                    worst < most,
                    "{worst} with {n_sessions} sessions, {slower} {share} {seed}: {misses:.2?}"
                );
            }
        }
    }

    /// The end is known within a tenth of what a run will have taken: from a tenth of its time on for most, and from a quarter on for
    /// all. The constants of `work` come from other recordings than these.
    #[test]
    fn the_end_of_real_runs_is_known_early() {
        let misses: Vec<(String, Vec<(f64, f64)>)> =
            traces().into_iter().map(|(name, trace)| (name, misses(&trace))).collect();
        assert!(misses.len() >= 7, "{}", misses.len());
        let late = |first: f64| -> Vec<String> {
            let late = misses.iter().filter(|(_, misses)| worst_after(first, misses) > 0.1);
            late.map(|(name, misses)| format!("{name}: {misses:.2?}")).collect()
        };
        assert!(late(0.1).len() <= 2, "{:#?}", late(0.1));
        assert!(late(0.25).is_empty(), "{:#?}", late(0.25));
    }

    fn rows(table: u16, n_units: u64, n_at_once: u64, bytes: f64) -> Work {
        let effort = Effort::Row(RowEffort { bytes, ..RowEffort::default() });
        Work { task: Task::Rows(table), n_units, n_at_once, after: Vec::new(), effort }
    }

    fn done(task: Task, n_units: u64, took_us: u64, at_us: u64) -> Seen {
        Seen::Done { task, n_units, took_us, at_us }
    }

    #[test]
    fn what_was_measured_counts_for_what_was_not() {
        let two = || vec![rows(0, 1_000_000, 10_000, 100.0), rows(1, 1_000_000, 10_000, 100.0)];
        let check = |n_sessions: usize, seen: &[Seen], expected_s: f64| {
            let mut forecast = Forecast::new(two(), n_sessions, false);
            for seen in seen {
                forecast.see(seen);
            }
            let found = forecast.total_s();
            assert!((found / expected_s - 1.0).abs() < 0.01, "{found} s, not {expected_s}");
        };
        check(1, &[done(Task::Rows(0), 10_000, 100_000, 100_000)], 20.0);
        check(2, &[done(Task::Rows(0), 10_000, 200_000, 100_000)], 20.0);
        // Halfway through the first table: the second one is expected to be as slow.
        let half: Vec<Seen> = (1..=50).map(|n| done(Task::Rows(0), 10_000, 100_000, n * 100_000)).collect();
        check(1, &half, 20.0);
        // More was done than there was to do, and something that nobody knew of.
        check(1, &[done(Task::Rows(0), 2_000_000, 5_000_000, 5_000_000)], 7.5);
        check(1, &[done(Task::Rows(0), 10_000, 100_000, 100_000), done(Task::Index(7), 1, 9, 100_000)], 20.0);
    }

    #[test]
    fn sessions_take_one_task_after_the_other() {
        let index = |ordinal: u32, n_rows: u64| Work {
            task: Task::Index(ordinal),
            n_units: 1,
            n_at_once: 1,
            after: Vec::new(),
            effort: Effort::Btree { n_rows, first: Order::Scattered, n_columns: 1 },
        };
        let works = vec![index(2, 30_000_000), index(1, 10_000_000), index(0, 10_000_000)];
        let mut forecast = Forecast::new(works, 2, false);
        let begun = Seen::Begun { phase: Phase::Indexes, at_us: 10_000_000 };
        forecast.see(&begun);
        forecast.see(&done(Task::Index(1), 1, 5_000_000, 15_000_000));
        // The long one takes 15 s, and the other session 5 s for each of the short ones.
        assert!((forecast.total_s() - 25.0).abs() < 0.1, "{}", forecast.total_s());
        // 30 s for two of them: the long one, which is still to come, takes 45 s from the beginning.
        forecast.see(&done(Task::Index(0), 1, 25_000_000, 40_000_000));
        assert!((forecast.total_s() - 55.0).abs() < 0.1, "{}", forecast.total_s());
        // It is not over before it is.
        forecast.see(&done(Task::Index(0), 0, 0, 60_000_000));
        assert!((forecast.total_s() - 60.0).abs() < 0.1, "{}", forecast.total_s());
        let vacuum = Seen::Begun { phase: Phase::Vacuum, at_us: 41_000_000 };
        forecast.see(&vacuum);
        assert!((forecast.total_s() - 41.0).abs() < 0.001, "{}", forecast.total_s());
    }
}
