//! The `bench` section of perfkit.yaml.

use std::ops::RangeInclusive;
use std::time::Duration;

use serde::Deserialize;

use super::Threshold;

const LONGEST_STAGE: Duration = Duration::from_hours(30 * 24);
/// Statements per second that can be scheduled; no client sends more.
const RATES: RangeInclusive<f64> = 1e-6..=1e7;

/// The `bench` section of perfkit.yaml; every key may be absent.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct BenchConfig {
    #[serde(with = "crate::workload::duration::optional")]
    pub(crate) duration: Option<Duration>,
    pub(crate) connections: Option<usize>,
    pub(crate) rate: Option<f64>,
    pub(crate) stages: Vec<Stage>,
    pub(crate) thresholds: Vec<Threshold>,
}

impl BenchConfig {
    /// Returns the key whose value is out of range, and the range.
    pub(crate) fn check(&self) -> Result<(), (&'static str, &'static str)> {
        let own = Stage { duration: self.duration.unwrap_or(Duration::from_secs(1)), rate: self.rate };
        for stage in self.stages.iter().chain([&own]) {
            if stage.duration.is_zero() || stage.duration > LONGEST_STAGE {
                return Err(("duration", "must be above 0, up to 30 days"));
            }
            if stage.rate.is_some_and(|rate| !RATES.contains(&rate)) {
                return Err(("rate", "must be above 0, up to 10 million a second"));
            }
        }
        match self.connections {
            Some(n) if !(1..=10_000).contains(&n) => Err(("connections", "must be from 1 to 10000")),
            _ => Ok(()),
        }
    }
}

/// A part of a run with a rate of its own.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Stage {
    #[serde(with = "crate::workload::duration")]
    pub(crate) duration: Duration,
    /// Statements per second over all connections; without it each connection sends as fast as it can.
    pub(crate) rate: Option<f64>,
}
