//! Thresholds: `p95 < 50ms`, `errors < 1%`, `rate >= 1000`.

use std::fmt;
use std::str::FromStr;

use serde::Deserialize;

use super::StatementStats;

/// A condition that a run must meet, on all statements together.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(try_from = "String")]
pub(crate) struct Threshold {
    expression: String,
    metric: Metric,
    comparison: Comparison,
    /// Milliseconds, a share from 0 to 1, or statements per second, by the metric.
    limit: f64,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Metric {
    Mean,
    /// A quantile from 0 to 1.
    Quantile(f64),
    Max,
    ErrorShare,
    Rate,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Comparison {
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

/// A threshold held against a run.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Outcome {
    pub(crate) expression: String,
    /// In the threshold's own unit; `None` when nothing was measured.
    pub(crate) actual: Option<f64>,
    pub(crate) actual_text: String,
    pub(crate) passed: bool,
}

impl Threshold {
    /// Whether it says how many executions may fail.
    pub(crate) fn is_of_errors(&self) -> bool {
        self.metric == Metric::ErrorShare
    }

    /// Holds the threshold against the figures of a run. What was not measured is missed.
    ///
    /// Latencies are response times: from the schedule where the run had a rate.
    pub(crate) fn check(&self, total: &StatementStats, rate_per_s: f64) -> Outcome {
        let latency = &total.response;
        let measured = latency.count() > 0;
        let attempts = latency.count() + total.error_count();
        #[expect(clippy::cast_precision_loss, reason = "counts are far below 2^53")]
        let actual = match self.metric {
            Metric::Mean => measured.then(|| latency.mean_ms()),
            Metric::Quantile(quantile) => measured.then(|| latency.quantile_ms(quantile)),
            Metric::Max => measured.then(|| latency.max_ms()),
            Metric::ErrorShare => (attempts > 0).then(|| total.error_count() as f64 / attempts as f64),
            Metric::Rate => Some(rate_per_s),
        };
        let passed = actual.is_some_and(|actual| match self.comparison {
            Comparison::Less => actual < self.limit,
            Comparison::LessOrEqual => actual <= self.limit,
            Comparison::Greater => actual > self.limit,
            Comparison::GreaterOrEqual => actual >= self.limit,
        });
        let actual_text = match (self.metric, actual) {
            (_, None) => "not measured".to_owned(),
            (Metric::ErrorShare, Some(share)) => format!("{:.2}%", share * 100.0),
            (Metric::Rate, Some(rate)) => format!("{rate:.0}/s"),
            (_, Some(ms)) => format!("{ms:.2}ms"),
        };
        Outcome { expression: self.expression.clone(), actual, actual_text, passed }
    }
}

impl fmt::Display for Threshold {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.expression)
    }
}

impl TryFrom<String> for Threshold {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl FromStr for Threshold {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (metric, comparison, limit) = split(text).ok_or_else(|| {
            format!("{text:?} is not a threshold; write it as in \"p95 < 50ms\", \"errors < 1%\" or \"rate >= 1000\"")
        })?;
        let metric = metric_named(metric).ok_or_else(|| {
            format!("unknown metric {metric:?} in threshold {text:?}; known are p50 to p99.99, mean, max, errors, rate")
        })?;
        let limit = match metric {
            Metric::ErrorShare => {
                limit.strip_suffix('%').and_then(|n| n.trim().parse().ok()).map(|n: f64| n / 100.0)
            }
            Metric::Rate => limit.trim_end_matches("/s").trim().parse().ok(),
            _ => {
                humantime::parse_duration(&limit.replace(' ', "")).ok().map(|limit| limit.as_secs_f64() * 1e3)
            }
        };
        let limit = limit.filter(|limit| limit.is_finite()).ok_or_else(|| {
            let unit = match metric {
                Metric::ErrorShare => "a percentage, as in 1%",
                Metric::Rate => "a number of statements per second",
                _ => "a time with its unit, as in 50ms",
            };
            format!("the limit of threshold {text:?} is not {unit}")
        })?;
        Ok(Self { expression: text.to_owned(), metric, comparison, limit })
    }
}

fn split(text: &str) -> Option<(&str, Comparison, &str)> {
    // The longer operators first, so that `<` does not take half of `<=`.
    [
        ("<=", Comparison::LessOrEqual),
        (">=", Comparison::GreaterOrEqual),
        ("<", Comparison::Less),
        (">", Comparison::Greater),
    ]
    .into_iter()
    .find_map(|(operator, comparison)| {
        let (metric, limit) = text.split_once(operator)?;
        Some((metric.trim(), comparison, limit.trim()))
    })
}

fn metric_named(name: &str) -> Option<Metric> {
    match name {
        "mean" => Some(Metric::Mean),
        "max" => Some(Metric::Max),
        "errors" => Some(Metric::ErrorShare),
        "rate" => Some(Metric::Rate),
        _ => {
            let percent: f64 = name.strip_prefix('p')?.parse().ok()?;
            (percent > 0.0 && percent < 100.0).then_some(Metric::Quantile(percent / 100.0))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn check(text: &str, passed: bool, actual_text: &str) {
        let mut total = StatementStats::new("all");
        for ms in 1..=99 {
            total.response.record(Duration::from_millis(ms));
        }
        total.errors.insert("40001".to_owned(), 1);
        let outcome = text.parse::<Threshold>().unwrap().check(&total, 500.0);
        assert_eq!((outcome.passed, outcome.actual_text.as_str()), (passed, actual_text), "{text}");
    }

    #[test]
    fn holds_thresholds_against_a_run() {
        check("p50 < 51ms", true, "50.00ms");
        check("p99.9 <= 50 ms", false, "99.02ms");
        check("max<1s", true, "99.02ms");
        check("errors < 1%", false, "1.00%");
        check("errors <= 1%", true, "1.00%");
        check("rate >= 500", true, "500/s");
        check("rate > 500/s", false, "500/s");
    }

    #[test]
    fn what_was_not_measured_is_missed() {
        let outcome = "p95 < 1s".parse::<Threshold>().unwrap().check(&StatementStats::new("all"), 0.0);
        assert!(!outcome.passed);
        assert_eq!(outcome.actual, None);
    }

    #[test]
    fn refuses_nonsense() {
        for text in ["", "p95", "p95 50ms", "p95 < 50", "p100 < 1s", "q < 1s", "errors < 5", "rate > fast"] {
            assert!(text.parse::<Threshold>().is_err(), "{text}");
        }
    }
}
