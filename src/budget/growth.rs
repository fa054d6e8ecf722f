//! Runs with more and more data: what is called more often with each row runs in a loop.
//!
//! A single run proves nothing of that: a statement that runs five times may do so for any number of rows.

use std::collections::{BTreeMap, BTreeSet};

use super::spec::Scope;
use super::tally::{Counted, Tally};
use crate::trace::Fingerprint;

/// Calls for each row more above which they grow with the data. Fewer are pages and batches.
const MAX_SLOPE: f64 = 0.1;

/// A run with data of some size.
#[derive(Debug)]
pub(crate) struct Run {
    pub(crate) size: u64,
    pub(crate) tally: Tally,
}

/// A count that grows with the data.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Growth {
    pub(crate) scope: Scope,
    /// `None` for all queries together, where no single statement grows: each row has statements of its own.
    pub(crate) statement: Option<(Fingerprint, String)>,
    /// Sizes and calls.
    pub(crate) counts: Vec<(u64, u64)>,
    /// Calls for each row more.
    pub(crate) slope: f64,
}

/// Returns what grows, the steepest first. Sizes rise, and there are two at least.
///
/// Where scopes are marked, the rest of the run is what makes the data, which has to grow.
pub(crate) fn growth(runs: &[Run]) -> Vec<Growth> {
    let all: BTreeSet<&Scope> = runs.iter().flat_map(|run| run.tally.scopes.keys()).collect();
    let is_marked = |scope: &&Scope| matches!(scope, Scope::Marked(_));
    let judged: Vec<&Scope> = if all.iter().any(is_marked) {
        all.into_iter().filter(is_marked).collect()
    } else {
        all.into_iter().collect()
    };
    let mut found: Vec<Growth> = judged.into_iter().flat_map(|scope| of_scope(runs, scope)).collect();
    found.sort_by(|a, b| a.scope.cmp(&b.scope).then(b.slope.total_cmp(&a.slope)));
    found
}

fn of_scope(runs: &[Run], scope: &Scope) -> Vec<Growth> {
    let calls = |of: &dyn Fn(&Counted) -> u64| -> Vec<(u64, u64)> {
        runs.iter().map(|run| (run.size, run.tally.scopes.get(scope).map_or(0, of))).collect()
    };
    let growing = |statement: Option<(Fingerprint, String)>, counts: Vec<(u64, u64)>| {
        let slope = slope(&counts);
        (slope > MAX_SLOPE).then(|| Growth { scope: scope.clone(), statement, counts, slope })
    };
    let mut texts = BTreeMap::new();
    for statements in runs.iter().filter_map(|run| Some(&run.tally.scopes.get(scope)?.statements)) {
        texts.extend(statements.iter().map(|(fingerprint, calls)| (*fingerprint, &calls.text)));
    }
    let found: Vec<Growth> = texts
        .into_iter()
        .filter_map(|(fingerprint, text)| {
            let of = |counted: &Counted| counted.statements.get(&fingerprint).map_or(0, |it| it.calls);
            growing(Some((fingerprint, text.clone())), calls(&of))
        })
        .collect();
    if found.is_empty() { growing(None, calls(&|it| it.queries)).into_iter().collect() } else { found }
}

/// The slope of the line that fits best (least squares).
#[expect(clippy::cast_precision_loss, reason = "sizes and counts of tests are far below 2^53")]
fn slope(counts: &[(u64, u64)]) -> f64 {
    let n = counts.len() as f64;
    let mean = |of: fn(&(u64, u64)) -> u64| counts.iter().map(|it| of(it) as f64).sum::<f64>() / n;
    let (mean_size, mean_calls) = (mean(|it| it.0), mean(|it| it.1));
    let (mut shared, mut spread) = (0.0, 0.0);
    for (size, calls) in counts {
        let distance = *size as f64 - mean_size;
        shared += distance * (*calls as f64 - mean_calls);
        spread += distance * distance;
    }
    if spread > 0.0 { shared / spread } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::super::fixture::Script;
    use super::super::tally::Rules;
    use super::*;

    fn run(size: u64, script: Script) -> Run {
        Run { size, tally: script.tally(Rules::default()) }
    }

    /// Writes each growth as `scope: statement calls at size, …`.
    fn check(runs: &[Run], expected: &[&str]) {
        let found: Vec<String> = growth(runs)
            .iter()
            .map(|it| {
                let counts: Vec<String> =
                    it.counts.iter().map(|(size, calls)| format!("{calls} at {size}")).collect();
                let statement = it.statement.as_ref().map_or("all", |(_, text)| text);
                format!("{}: {statement} {}", it.scope, counts.join(", "))
            })
            .collect();
        assert_eq!(found, expected);
    }

    fn times(script: Script, n: u64, text: &str) -> Script {
        (0..n).fold(script, |script, _| script.run(1, text))
    }

    #[test]
    fn what_stays_is_fine() {
        let of = |size| run(size, times(Script::default(), 3, "SELECT a FROM t"));
        check(&[of(2), of(10)], &[]);
        let batches = |size: u64| run(size, times(Script::default(), 1 + size / 1000, "SELECT a FROM t"));
        check(&[batches(10), batches(1000)], &[]);
        check(&[run(2, times(Script::default(), 9, "SELECT a FROM t")), of(10)], &[]);
    }

    #[test]
    fn loops_grow() {
        let of = |size| run(size, Script::default().loop_over_rows(1, size));
        check(
            &[of(2), of(3), of(10)],
            &["run: SELECT name FROM authors WHERE id = $1 2 at 2, 3 at 3, 10 at 10"],
        );
        let slope = growth(&[of(2), of(10)])[0].slope;
        assert!((slope - 1.0).abs() < 1e-9, "{slope}");
    }

    #[test]
    fn what_makes_the_data_is_apart_from_what_is_marked() {
        let of = |size| {
            let script = times(Script::default(), size, "INSERT INTO t VALUES ($1)").mark(1, "list");
            run(size, script.run(1, "SELECT a FROM t"))
        };
        check(&[of(2), of(10)], &[]);
        let looping = |size| run(size, Script::default().mark(1, "list").loop_over_rows(1, size));
        check(
            &[looping(2), looping(10)],
            &["scope list: SELECT name FROM authors WHERE id = $1 2 at 2, 10 at 10"],
        );
    }

    #[test]
    fn statements_of_their_own_for_each_row_grow_together() {
        let of = |size: u64| {
            let script =
                (0..size).fold(Script::default(), |script, n| script.run(1, &format!("SELECT a FROM t{n}")));
            run(size, script)
        };
        check(&[of(10), of(100)], &["run: all 10 at 10, 100 at 100"]);
    }
}
