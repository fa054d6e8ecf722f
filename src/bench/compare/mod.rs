//! Whether B is slower than A: verdicts from pairs of short runs (blocks) that were sent in turns.
//!
//! Requests of one block depend on each other, so a block is one observation. What counts of a pair is the logarithm of B over A
//! for each figure; drift that is slower than a pair cancels out. A verdict needs an interval that lies on one side of the
//! smallest difference that matters, so that noise gives INCONCLUSIVE and never an alarm.

mod cold;
mod config;
mod noise;
mod statistics;

use std::time::Duration;

pub(crate) use config::{ArmConfig, CompareConfig};
pub(crate) use noise::{Floor, floors};

use super::StatementStats;
use super::validity::Blocks;
use crate::random;

/// After so many pairs the verdict is looked at; what is not clear by then goes on.
pub(crate) const LOOKS: [usize; 3] = [10, 20, 30];
/// Each of three looks may err this often on both sides for 5 % in all (Pocock, "Group sequential methods", 1977).
const ALPHA: f64 = 0.022;
/// Fewer pairs decide nothing.
const MIN_PAIRS: usize = 6;
/// So many executions must be slower than a quantile for it to mean something.
const MIN_BEYOND: f64 = 100.0;
/// The name of all statements together.
pub(crate) const ALL: &str = "all";

/// A figure of a block that is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Metric {
    P50,
    P95,
    P99,
    Mean,
    Rate,
}

const METRICS: [Metric; 5] = [Metric::P50, Metric::P95, Metric::P99, Metric::Mean, Metric::Rate];

impl Metric {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::P50 => "p50",
            Self::P95 => "p95",
            Self::P99 => "p99",
            Self::Mean => "mean",
            Self::Rate => "rate",
        }
    }

    /// Whether more of it is better.
    pub(crate) fn is_rate(self) -> bool {
        self == Self::Rate
    }

    /// Returns the figure in milliseconds or per second, if there was enough to take it from.
    fn of(self, stats: &StatementStats, elapsed: Duration) -> Figure {
        #[expect(clippy::cast_precision_loss, reason = "counts are far below 2^53")]
        let count = stats.response.count() as f64;
        let quantile = |q: f64| (count * (1.0 - q) >= MIN_BEYOND).then(|| stats.response.quantile_ms(q));
        let figure = match self {
            Self::P50 => quantile(0.5),
            Self::P95 => quantile(0.95),
            Self::P99 => quantile(0.99),
            Self::Mean => (count >= MIN_BEYOND).then(|| stats.response.mean_ms()),
            Self::Rate => (!elapsed.is_zero()).then(|| count / elapsed.as_secs_f64()),
        };
        figure.filter(|figure| *figure > 0.0).map_or(Figure::Lacking, Figure::Is)
    }

    /// The tail is noisier, and matters from a larger difference on.
    fn min_effect(self, rules: &Rules) -> f64 {
        if self == Self::P99 { 2.0 * rules.min_effect } else { rules.min_effect }
    }
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Figure {
    Is(f64),
    /// There were too few executions for it.
    Lacking,
    /// It says nothing, or what another one says as well.
    Pointless,
}

/// What a verdict goes by.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rules<'a> {
    /// The smallest slowdown that matters, as a share; twice that for p99.
    pub(crate) min_effect: f64,
    pub(crate) n_resamples: u32,
    pub(crate) seed: u64,
    /// How much A differs from itself on this machine, where it was measured.
    pub(crate) floors: &'a [Floor],
}

/// The figures of one block: a row for each statement, the last one for all together.
#[derive(Clone, Debug)]
pub(crate) struct Block {
    rows: Vec<(String, [Figure; METRICS.len()])>,
    /// Why the pair of this block does not count.
    flaw: Option<String>,
    /// The share of the server's blocks that were not in its cache, where it is known.
    read_share: Option<f64>,
}

impl Block {
    /// Takes the figures of a run. With a rate, the rate is no result.
    pub(crate) fn new(
        statements: &[StatementStats],
        elapsed: Duration,
        is_open_loop: bool,
        flaw: Option<String>,
    ) -> Self {
        let figures = |stats: &StatementStats, is_total: bool| {
            METRICS.map(|metric| match metric {
                Metric::Rate if is_open_loop || !is_total => Figure::Pointless,
                // Of one statement, all together is the same again.
                metric if is_total && statements.len() == 1 && metric != Metric::Rate => Figure::Pointless,
                metric => metric.of(stats, elapsed),
            })
        };
        let total = StatementStats { name: ALL.to_owned(), ..StatementStats::total(statements) };
        let rows = statements.iter().map(|stats| (stats, false)).chain([(&total, true)]);
        Self {
            rows: rows.map(|(stats, is_total)| (stats.name.clone(), figures(stats, is_total))).collect(),
            flaw,
            read_share: None,
        }
    }

    /// Notes what the server read meanwhile.
    #[must_use]
    pub(crate) fn with_blocks(self, blocks: Option<Blocks>) -> Self {
        Self { read_share: blocks.and_then(Blocks::read_share), ..self }
    }
}

/// Two blocks with the same parameters, one after the other.
#[derive(Clone, Debug)]
pub(crate) struct Pair {
    pub(crate) a: Block,
    pub(crate) b: Block,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    Pass,
    Regression,
    Inconclusive,
}

impl Verdict {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Pass => "PASS",
            Self::Regression => "REGRESSION",
            Self::Inconclusive => "INCONCLUSIVE",
        }
    }
}

/// What came of one figure of one statement.
#[derive(Clone, Debug)]
pub(crate) struct Finding {
    pub(crate) statement: String,
    pub(crate) metric: Metric,
    /// The medians over the blocks.
    pub(crate) a: f64,
    pub(crate) b: f64,
    /// How much worse B is, as a share: 0.1 is 10 % more latency, or a rate that 10 % more would make good.
    pub(crate) slowdown: f64,
    /// The interval around it; none of too few pairs.
    pub(crate) interval: Option<(f64, f64)>,
    pub(crate) min_effect: f64,
    /// The difference within a pair, as a share, that 95 % of the pairs stay below.
    pub(crate) noise: f64,
    /// What matters is less than what this machine can tell, as A against itself has shown.
    pub(crate) is_below_floor: bool,
    pub(crate) n_pairs: usize,
    pub(crate) verdict: Verdict,
}

impl Finding {
    /// Returns the smallest slowdown that would have been told from noise.
    pub(crate) fn detectable(&self) -> Option<f64> {
        let (low, _) = self.interval?;
        Some((1.0 + self.min_effect) * (1.0 + self.slowdown) / (1.0 + low) - 1.0)
    }
}

/// What came of all.
#[derive(Clone, Debug)]
pub(crate) struct Comparison {
    pub(crate) findings: Vec<Finding>,
    pub(crate) verdict: Verdict,
    pub(crate) n_pairs: usize,
    /// Why pairs do not count, each with its reason.
    pub(crate) dropped: Vec<String>,
    /// The figures that had too few executions in a block, by statement.
    pub(crate) lacking: Vec<(String, Metric)>,
}

/// Says whether B comes first in a pair (from 0): ABBA BAAB, so that neither gains by its place, from a random start.
pub(crate) fn starts_with_b(pair: usize, seed: u64) -> bool {
    let is_second = matches!(pair % 4, 1 | 2);
    is_second != (random::mix(seed) % 2 == 1)
}

/// Returns the verdicts on pairs.
pub(crate) fn compare(pairs: &[Pair], rules: &Rules) -> Comparison {
    let (mut sound, mut dropped) = (Vec::new(), Vec::new());
    for (pair, cold) in pairs.iter().zip(cold::reasons(pairs)) {
        let of_a = pair.a.flaw.as_ref().map(|flaw| format!("A: {flaw}"));
        let flaw = of_a.or_else(|| pair.b.flaw.as_ref().map(|flaw| format!("B: {flaw}")));
        match flaw.or(cold) {
            Some(reason) => dropped.push(reason),
            None => sound.push(pair),
        }
    }
    let (mut findings, mut chances, mut lacking) = (Vec::new(), Vec::new(), Vec::new());
    for (row, (statement, _)) in sound.first().into_iter().flat_map(|first| first.a.rows.iter().enumerate()) {
        for (column, metric) in METRICS.into_iter().enumerate() {
            let pairs: Vec<_> = sound
                .iter()
                .filter_map(|pair| Some([pair.a.rows.get(row)?.1[column], pair.b.rows.get(row)?.1[column]]))
                .collect();
            let figures: Vec<(f64, f64)> = pairs.iter().filter_map(both).collect();
            if figures.len() == sound.len() {
                let (finding, chance) = finding(statement, metric, &figures, rules);
                findings.push(finding);
                chances.push(chance);
            } else if pairs.iter().flatten().any(|figure| *figure == Figure::Lacking) {
                // A figure that some block lacks would be one of the other blocks alone.
                lacking.push((statement.clone(), metric));
            }
        }
    }
    let falls = statistics::holm(&chances, ALPHA / 2.0);
    for (finding, falls) in findings.iter_mut().zip(falls) {
        finding.verdict = match finding.interval {
            _ if finding.is_below_floor => Verdict::Inconclusive,
            Some((low, _)) if falls && low > finding.min_effect => Verdict::Regression,
            Some((_, high)) if high < finding.min_effect => Verdict::Pass,
            _ => Verdict::Inconclusive,
        };
    }
    let has = |verdict| findings.iter().any(|finding| finding.verdict == verdict);
    let verdict = if has(Verdict::Regression) {
        Verdict::Regression
    } else if findings.is_empty() || has(Verdict::Inconclusive) {
        Verdict::Inconclusive
    } else {
        Verdict::Pass
    };
    Comparison { verdict, n_pairs: sound.len(), dropped, lacking, findings }
}

fn both(pair: &[Figure; 2]) -> Option<(f64, f64)> {
    match pair {
        [Figure::Is(a), Figure::Is(b)] => Some((*a, *b)),
        _ => None,
    }
}

/// Returns a finding without its verdict, and how likely it is if B is not slower than what matters.
fn finding(statement: &str, metric: Metric, figures: &[(f64, f64)], rules: &Rules) -> (Finding, f64) {
    let ratios: Vec<f64> =
        figures.iter().map(|(a, b)| if metric.is_rate() { (a / b).ln() } else { (b / a).ln() }).collect();
    let min_effect = metric.min_effect(rules);
    let interval = (ratios.len() >= MIN_PAIRS).then(|| interval(&ratios, rules)).flatten();
    let middle =
        |of: fn(&(f64, f64)) -> f64| statistics::median(&mut figures.iter().map(of).collect::<Vec<_>>());
    let finding = Finding {
        statement: statement.to_owned(),
        metric,
        a: middle(|pair| pair.0),
        b: middle(|pair| pair.1),
        slowdown: statistics::hodges_lehmann(&ratios).exp_m1(),
        interval: interval.map(|(low, high)| (low.exp_m1(), high.exp_m1())),
        min_effect,
        noise: noise::of_ratios(&ratios),
        is_below_floor: noise::is_below(min_effect, statement, metric, rules.floors),
        n_pairs: ratios.len(),
        verdict: Verdict::Inconclusive,
    };
    (finding, statistics::chance_if_not_above(&ratios, min_effect.ln_1p()))
}

/// Returns the wider of two intervals on each side: the bootstrap is too sure of few pairs, the signed-rank test of lopsided ones.
fn interval(ratios: &[f64], rules: &Rules) -> Option<(f64, f64)> {
    let (low, high) = statistics::signed_rank_interval(ratios, 1.0 - ALPHA)?;
    let (from, to) = statistics::bootstrap_interval(ratios, 1.0 - ALPHA, rules.n_resamples, rules.seed);
    Some((low.min(from), high.max(to)))
}

#[cfg(test)]
mod tests;
