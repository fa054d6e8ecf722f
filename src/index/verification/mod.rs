//! What running the workload with and without the suggested set proves of it.

mod proof;
pub(crate) mod sample;

use std::collections::BTreeSet;

use super::Definition;
use crate::workload::Skipped;

pub(crate) use proof::{
    Changed, Effect, Judged, Kind, Named, Observed, Proof, concerned, prove, served_foreign_key,
};
pub(crate) use sample::{Rows, Sampling, samplings};

/// A median must fall by this share to count as better; repeated runs of one plan differ by a few percent. Blocks count
/// where the time is the same but for that.
const MIN_GAIN: f64 = 0.05;
/// A median may rise by this share before the statement counts as slower (the guard of Azure's automatic tuning) …
const MAX_LOSS: f64 = 0.10;
/// … and by this time, below which EXPLAIN's own clock decides.
const MAX_LOSS_MS: f64 = 0.1;

/// One execution: the mean over a statement's value sets.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Run {
    /// EXPLAIN's execution time, without planning.
    pub(crate) ms: f64,
    /// Shared blocks, from the cache or not; NaN of one that was cancelled.
    pub(crate) blocks: f64,
}

/// The runs of a statement.
#[derive(Clone, Debug, Default)]
pub(crate) struct Measured {
    pub(crate) name: String,
    pub(crate) before: Vec<Run>,
    pub(crate) after: Vec<Run>,
    /// The suggested indexes in its plans with the set, by their position among the built ones.
    pub(crate) used: BTreeSet<usize>,
}

/// A suggested index that was built.
#[derive(Clone, Debug)]
pub(crate) struct Built {
    pub(crate) definition: Definition,
    pub(crate) estimated_bytes: u64,
    pub(crate) built_bytes: u64,
    /// How much of its table's rows it was built on, 0 to 1.
    pub(crate) share: f64,
}

/// What the runs have shown.
#[derive(Clone, Debug, Default)]
pub(crate) struct Verification {
    /// Where the statements ran.
    pub(crate) place: String,
    /// How often each statement ran before and after.
    pub(crate) n_runs: usize,
    /// The tables that were copied; empty where the statements ran on a database that was named.
    pub(crate) tables: Vec<CopiedTable>,
    pub(crate) statements: Vec<VerifiedStatement>,
    pub(crate) indexes: Vec<VerifiedIndex>,
    /// Statements that could not be run.
    pub(crate) skipped: Vec<Skipped>,
    /// What of the database the copy lacks, and other things that were not tried.
    pub(crate) missing: Vec<String>,
}

/// A table of the copy.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct CopiedTable {
    pub(crate) schema: String,
    pub(crate) name: String,
    pub(crate) n_rows: u64,
    /// Share of the table's rows, 0 to 1.
    pub(crate) share: f64,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct VerifiedStatement {
    pub(crate) name: String,
    /// Medians.
    pub(crate) ms_before: f64,
    pub(crate) ms_after: f64,
    pub(crate) blocks_before: f64,
    pub(crate) blocks_after: f64,
    pub(crate) verdict: Verdict,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    Faster,
    Same,
    Slower,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct VerifiedIndex {
    pub(crate) definition: Definition,
    pub(crate) estimated_bytes: u64,
    pub(crate) built_bytes: u64,
    pub(crate) share: f64,
    pub(crate) outcome: Outcome,
}

/// What the runs say of an index.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    Helps,
    /// It is taken from the suggestions, for this reason.
    Unhelpful(String),
    /// It did not help on a sample, which may be too small to need it; it stays.
    Unproven(String),
}

impl Verification {
    /// The indexes that are no longer suggested.
    pub(crate) fn unhelpful(&self) -> impl Iterator<Item = &VerifiedIndex> {
        self.indexes.iter().filter(|index| matches!(index.outcome, Outcome::Unhelpful(_)))
    }

    /// The statements that the set makes slower.
    pub(crate) fn slower(&self) -> impl Iterator<Item = &VerifiedStatement> {
        self.statements.iter().filter(|statement| statement.verdict == Verdict::Slower)
    }
}

impl Verdict {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Faster => "faster",
            Self::Same => "same",
            Self::Slower => "slower",
        }
    }
}

impl Outcome {
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Helps => "helps",
            Self::Unhelpful(_) => "unhelpful",
            Self::Unproven(_) => "unproven",
        }
    }

    pub(crate) fn reason(&self) -> Option<&str> {
        match self {
            Self::Helps => None,
            Self::Unhelpful(reason) | Self::Unproven(reason) => Some(reason),
        }
    }
}

/// Judges the runs. An index that takes over what dropped ones did has done enough where nothing got slower. Statements without a run on either side are left out.
pub(crate) fn judge(
    measured: &[Measured],
    built: Vec<Built>,
    takes_over: impl Fn(&Definition) -> bool,
) -> (Vec<VerifiedStatement>, Vec<VerifiedIndex>) {
    let measured: Vec<&Measured> = measured
        .iter()
        .filter(|measured| !measured.before.is_empty() && !measured.after.is_empty())
        .collect();
    let statements: Vec<VerifiedStatement> = measured.iter().map(|measured| compare(measured)).collect();
    let indexes = built.into_iter().enumerate().map(|(number, built)| {
        let outcome = outcome(number, built.share, takes_over(&built.definition), &measured, &statements);
        let Built { definition, estimated_bytes, built_bytes, share } = built;
        VerifiedIndex { definition, estimated_bytes, built_bytes, share, outcome }
    });
    let indexes = indexes.collect();
    (statements, indexes)
}

/// Compares the runs before with those after; there are some on both sides.
pub(crate) fn compare(measured: &Measured) -> VerifiedStatement {
    let (ms_before, ms_after) =
        (median(&measured.before, |run| run.ms), median(&measured.after, |run| run.ms));
    let (blocks_before, blocks_after) =
        (median(&measured.before, |run| run.blocks), median(&measured.after, |run| run.blocks));
    let slowest_before = measured.before.iter().map(|run| run.ms).fold(f64::MIN, f64::max);
    let fastest_after = measured.after.iter().map(|run| run.ms).fold(f64::MAX, f64::min);
    let is_slower = ms_after > ms_before * (1.0 + MAX_LOSS)
        && ms_after - ms_before > MAX_LOSS_MS
        && fastest_after > slowest_before;
    let is_faster = is_better(ms_before, ms_after)
        || is_better(blocks_before, blocks_after) && ms_after <= ms_before * (1.0 + MIN_GAIN);
    let verdict = match (is_slower, is_faster) {
        (true, _) => Verdict::Slower,
        (false, true) => Verdict::Faster,
        (false, false) => Verdict::Same,
    };
    let name = measured.name.clone();
    VerifiedStatement { name, ms_before, ms_after, blocks_before, blocks_after, verdict }
}

fn outcome(
    number: usize,
    share: f64,
    takes_over: bool,
    measured: &[&Measured],
    statements: &[VerifiedStatement],
) -> Outcome {
    let users: Vec<&VerifiedStatement> = measured
        .iter()
        .zip(statements)
        .filter(|(measured, _)| measured.used.contains(&number))
        .map(|(_, statement)| statement)
        .collect();
    let is_no_slower = || users.iter().all(|statement| statement.verdict != Verdict::Slower);
    if users.iter().any(|statement| statement.verdict == Verdict::Faster)
        || takes_over && !users.is_empty() && is_no_slower()
    {
        return Outcome::Helps;
    }
    let reason = if users.is_empty() {
        "no statement's plan uses it".to_owned()
    } else {
        let names: Vec<&str> = users.iter().map(|statement| statement.name.as_str()).collect();
        format!("no statement that uses it got faster: {}", names.join(", "))
    };
    if share < 1.0 {
        Outcome::Unproven(format!("{reason}, on {:.1}% of its table", share * 100.0))
    } else {
        Outcome::Unhelpful(reason)
    }
}

fn is_better(before: f64, after: f64) -> bool {
    before > 0.0 && after <= before * (1.0 - MIN_GAIN)
}

/// Returns the median of one of the runs' numbers; there is a run.
fn median(runs: &[Run], number: impl Fn(&Run) -> f64) -> f64 {
    let mut numbers: Vec<f64> = runs.iter().map(number).collect();
    numbers.sort_by(f64::total_cmp);
    let middle = numbers.len() / 2;
    if numbers.len() % 2 == 1 { numbers[middle] } else { f64::midpoint(numbers[middle - 1], numbers[middle]) }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::index::Key;

    fn runs(ms: &[f64], blocks: f64) -> Vec<Run> {
        ms.iter().map(|ms| Run { ms: *ms, blocks }).collect()
    }

    fn measured(before: (&[f64], f64), after: (&[f64], f64), used: &[usize]) -> Measured {
        Measured {
            name: "q".into(),
            before: runs(before.0, before.1),
            after: runs(after.0, after.1),
            used: used.iter().copied().collect(),
        }
    }

    fn built(share: f64) -> Built {
        let definition = Definition::btree("public", "t", vec![Key::ascending("a")]);
        Built { definition, estimated_bytes: 8192, built_bytes: 16384, share }
    }

    #[test]
    fn compares_medians_and_ranges() {
        fn check(before: (&[f64], f64), after: (&[f64], f64), expected: Verdict) {
            let (statements, _) = judge(&[measured(before, after, &[])], vec![], |_| false);
            assert_eq!(statements[0].verdict, expected, "{statements:?}");
        }
        check((&[10.0, 11.0, 30.0], 100.0), (&[1.0, 1.1, 9.0], 100.0), Verdict::Faster);
        check((&[10.0, 10.1, 10.2], 100.0), (&[10.0, 10.1, 10.2], 80.0), Verdict::Faster);
        check((&[10.0, 10.1, 10.2], 100.0), (&[9.8, 9.9, 10.0], 99.0), Verdict::Same);
        check((&[10.0, 10.1, 10.2], 100.0), (&[11.2, 11.5, 11.9], 100.0), Verdict::Slower);
        check((&[10.0, 10.1, 10.2], 100.0), (&[11.2, 11.5, 11.9], 10.0), Verdict::Slower);
        check((&[10.0, 10.1, 11.5], 100.0), (&[10.8, 10.9, 11.0], 10.0), Verdict::Same);
        // The ranges overlap, or the difference is below what can be told.
        check((&[10.0, 10.1, 11.5], 100.0), (&[11.2, 11.5, 11.9], 100.0), Verdict::Same);
        check((&[0.10, 0.10, 0.11], 3.0), (&[0.15, 0.15, 0.16], 3.0), Verdict::Same);
    }

    #[test]
    fn an_index_must_be_used_and_help() {
        fn check(used: &[usize], after: f64, share: f64, expected: &str) {
            let runs = measured((&[10.0], 100.0), (&[after], 100.0), used);
            let (_, indexes) = judge(&[runs], vec![built(share)], |_| false);
            let outcome = &indexes[0].outcome;
            assert_eq!(format!("{} {}", outcome.name(), outcome.reason().unwrap_or("-")), expected);
        }
        check(&[0], 1.0, 1.0, "helps -");
        check(&[], 1.0, 1.0, "unhelpful no statement's plan uses it");
        check(&[0], 10.0, 1.0, "unhelpful no statement that uses it got faster: q");
        check(&[0], 10.0, 0.031, "unproven no statement that uses it got faster: q, on 3.1% of its table");
        check(&[7], 1.0, 0.5, "unproven no statement's plan uses it, on 50.0% of its table");
    }

    #[test]
    fn what_takes_over_must_be_used_and_not_harm() {
        let check = |used: &[usize], after: f64, expected: &str| {
            let runs = measured((&[10.0], 100.0), (&[after], 100.0), used);
            let (_, indexes) = judge(&[runs], vec![built(1.0)], |_| true);
            assert_eq!(indexes[0].outcome.name(), expected);
        };
        check(&[0], 10.0, "helps");
        check(&[0], 20.0, "unhelpful");
        check(&[], 10.0, "unhelpful");
    }

    #[test]
    fn a_statement_that_did_not_run_says_nothing() {
        let (statements, indexes) =
            judge(&[measured((&[1.0], 1.0), (&[], 0.0), &[0])], vec![built(1.0)], |_| false);
        assert!(statements.is_empty());
        assert_eq!(indexes[0].outcome.name(), "unhelpful");
    }

    proptest! {
        #[test]
        fn equal_runs_are_the_same(ms in prop::collection::vec(0.0f64..1e6, 1..9), blocks in 0.0f64..1e6) {
            let (statements, _) = judge(&[measured((&ms, blocks), (&ms, blocks), &[])], vec![], |_| false);
            prop_assert_eq!(statements[0].verdict, Verdict::Same);
            let range = (ms.iter().copied().fold(f64::MAX, f64::min), ms.iter().copied().fold(0.0, f64::max));
            prop_assert!((range.0..=range.1).contains(&statements[0].ms_before));
        }
    }
}
