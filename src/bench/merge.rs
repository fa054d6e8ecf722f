//! The results of several generators, as if one had sent the load of all.

use std::time::Duration;

use super::{BenchReport, Environment, Latency, RunParts, StatementStats, Timeline};

/// Below this share of the whole time, runs that are merged were not one load.
const MIN_OVERLAP: f64 = 0.9;

/// Returns the sum of runs, each with the name of its file; there is one at least.
///
/// Histograms are added bucket by bucket, so that the result is that of one histogram. Rates are over the time from the first
/// start to the last end.
pub(crate) fn merged(runs: &[(String, BenchReport)]) -> BenchReport {
    let all = || runs.iter().map(|(_, run)| run);
    let starts: Option<Vec<Duration>> = all().map(|run| run.started_at).collect();
    let longest = all().map(|run| run.elapsed).max().unwrap_or_default();
    let reasons: Vec<String> = runs
        .iter()
        .filter_map(|(name, run)| Some(format!("{name}: {}", run.invalid_reason.as_ref()?)))
        .chain(not_at_once(runs))
        .collect();
    let mut lag = Latency::new();
    all().for_each(|run| lag.merge(&run.lag));
    BenchReport {
        invalid_reason: (!reasons.is_empty()).then(|| reasons.join("; ")),
        doubts: runs
            .iter()
            .flat_map(|(name, run)| run.doubts.iter().map(move |doubt| format!("{name}: {doubt}")))
            .collect(),
        environment: environment(all().map(|run| &run.environment)),
        statements: sums(all().flat_map(|run| &run.statements)),
        steps: sums(all().flat_map(|run| &run.steps)),
        started_at: starts.as_ref().and_then(|starts| starts.iter().min().copied()),
        // Without their times, they are taken to have run at once.
        elapsed: span(runs).map_or(longest, |(start, end)| end.saturating_sub(start)),
        outcomes: Vec::new(),
        interrupted: all().any(|run| run.interrupted),
        all_lost: false,
        is_open_loop: all().any(|run| run.is_open_loop),
        lag,
        n_lost: all().map(|run| run.n_lost).sum(),
        resources: None,
        timeline: Timeline::default(),
        server: None,
        held: None,
        runs: runs.iter().flat_map(|(name, run)| parts(name, run)).collect(),
    }
}

/// Returns what is kept of a run as it is; one that was merged itself keeps the files of its own.
fn parts(name: &str, run: &BenchReport) -> Vec<RunParts> {
    let named = |parts: &RunParts| match parts.name.as_str() {
        "" => RunParts { name: name.to_owned(), ..parts.clone() },
        _ => parts.clone(),
    };
    run.runs.iter().map(named).collect()
}

/// Adds up what has the same name.
fn sums<'a>(all: impl Iterator<Item = &'a StatementStats>) -> Vec<StatementStats> {
    let mut sums: Vec<StatementStats> = Vec::new();
    for stats in all {
        match sums.iter_mut().find(|known| known.name == stats.name) {
            Some(known) => known.merge(stats),
            None => sums.push(stats.clone()),
        }
    }
    sums
}

/// Returns the first start and the last end, if all are known.
fn span(runs: &[(String, BenchReport)]) -> Option<(Duration, Duration)> {
    let spans: Option<Vec<_>> =
        runs.iter().map(|(_, run)| Some((run.started_at?, run.started_at? + run.elapsed))).collect();
    let spans = spans?;
    Some((spans.iter().map(|span| span.0).min()?, spans.iter().map(|span| span.1).max()?))
}

/// Says of runs at different times that their sum is the load of no moment.
fn not_at_once(runs: &[(String, BenchReport)]) -> Option<String> {
    let (start, end) = span(runs)?;
    let last_start = runs.iter().filter_map(|(_, run)| run.started_at).max()?;
    let first_end = runs.iter().filter_map(|(_, run)| Some(run.started_at? + run.elapsed)).min()?;
    let whole = end.saturating_sub(start).as_secs_f64();
    let together = first_end.saturating_sub(last_start).as_secs_f64();
    (together < MIN_OVERLAP * whole).then(|| {
        format!(
            "the runs were not at the same time: together for {together:.1} s of {whole:.1} s; start them with `--start-at`"
        )
    })
}

fn environment<'a>(all: impl Iterator<Item = &'a Environment> + Clone) -> Environment {
    Environment {
        server_version: same(all.clone().map(|one| one.server_version)),
        perfkit_version: same(all.clone().map(|one| one.perfkit_version.clone())),
        connections: all.clone().map(|one| one.connections).sum(),
        cpus: same(all.clone().map(|one| one.cpus)),
        seed: same(all.clone().map(|one| one.seed)),
        generators: all.map(|one| one.generators).sum(),
    }
}

/// Returns what all say, or nothing where they differ.
fn same<T: PartialEq>(mut all: impl Iterator<Item = Option<T>>) -> Option<T> {
    let first = all.next()??;
    all.all(|other| other.as_ref() == Some(&first)).then_some(first)
}

#[cfg(test)]
mod tests {
    use super::super::saved::tests::report;
    use super::*;
    use proptest::prelude::*;

    fn named(runs: Vec<BenchReport>) -> Vec<(String, BenchReport)> {
        (1..).zip(runs).map(|(i, run)| (format!("{i}.json"), run)).collect()
    }

    #[test]
    fn statements_are_added_by_name() {
        let mut second = report(&[("two", &[7]), ("one", &[5, 6])]);
        second.environment.seed = Some(43);
        let merged = merged(&named(vec![report(&[("one", &[1])]), second]));
        let counts: Vec<_> =
            merged.statements.iter().map(|stats| (stats.name.as_str(), stats.service.count())).collect();
        assert_eq!(counts, [("one", 3), ("two", 1)]);
        let environment = merged.environment;
        assert_eq!((environment.connections, environment.seed, environment.generators), (Some(4), None, 2));
        assert_eq!((merged.elapsed, merged.invalid_reason), (Duration::from_secs(2), None));
    }

    #[test]
    fn runs_one_after_the_other_are_no_load() {
        let mut second = report(&[("one", &[1])]);
        second.started_at = second.started_at.map(|start| start + Duration::from_secs(3));
        let merged = merged(&named(vec![report(&[("one", &[1])]), second]));
        assert_eq!(merged.elapsed, Duration::from_secs(5));
        let reason = merged.invalid_reason.unwrap();
        assert!(reason.contains("together for 0.0 s of 5.0 s"), "{reason}");
    }

    #[test]
    fn what_cannot_be_added_up_is_kept_by_run() {
        let parts = |name: &str| RunParts { name: name.to_owned(), parts: serde_json::Map::new() };
        let (mut first, mut second) = (report(&[("one", &[1])]), report(&[("one", &[1])]));
        first.runs = vec![parts("")];
        second.runs = vec![parts("x.json"), parts("y.json")];
        let merged = merged(&named(vec![first, second]));
        let names: Vec<_> = merged.runs.iter().map(|run| run.name.as_str()).collect();
        assert_eq!(names, ["1.json", "x.json", "y.json"]);
    }

    #[test]
    fn what_is_wrong_with_one_is_wrong_with_all() {
        let mut second = report(&[("one", &[1])]);
        (second.invalid_reason, second.interrupted) = (Some("too slow".to_owned()), true);
        let merged = merged(&named(vec![report(&[("one", &[1])]), second]));
        assert_eq!(merged.invalid_reason.as_deref(), Some("2.json: too slow"));
        assert!(merged.interrupted);
    }

    proptest! {
        #[test]
        fn the_sum_of_parts_is_the_whole(parts in prop::collection::vec(prop::collection::vec(1u64..100_000, 0..40), 1..5)) {
            let runs = parts.iter().map(|part| report(&[("one", part)])).collect();
            let merged = merged(&named(runs));
            let mut whole = Latency::new();
            for ms in parts.concat() {
                whole.record(Duration::from_millis(ms));
            }
            prop_assert_eq!(merged.statements[0].service.to_hdr(), whole.to_hdr());
        }
    }
}
