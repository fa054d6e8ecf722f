//! The `bench` section of perfkit.yaml.

use std::ops::RangeInclusive;
use std::path::Path;
use std::time::Duration;

use serde::Deserialize;

use super::Threshold;
use super::compare::CompareConfig;

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
    /// How long each client waits after an answer.
    #[serde(with = "crate::workload::duration::optional")]
    pub(crate) think: Option<Duration>,
    pub(crate) stages: Vec<Stage>,
    pub(crate) thresholds: Vec<Threshold>,
    pub(crate) compare: CompareConfig,
}

impl BenchConfig {
    /// Returns the key whose value is out of range, and the range.
    pub(crate) fn check(&self) -> Result<(), (&'static str, &'static str)> {
        let duration = self.duration.unwrap_or(Duration::from_secs(1));
        let own = Stage { duration, rate: self.rate, ramp_to: None };
        let block = self.compare.block.unwrap_or(duration);
        if block.is_zero() || block > LONGEST_STAGE {
            return Err(("block", "must be above 0, up to 30 days"));
        }
        let of_block = Stage { rate: self.compare.rate, ..own };
        for stage in self.stages.iter().chain([&own, &of_block]) {
            if stage.duration.is_zero() || stage.duration > LONGEST_STAGE {
                return Err(("duration", "must be above 0, up to 30 days"));
            }
            if [stage.rate, stage.ramp_to].into_iter().flatten().any(|rate| !RATES.contains(&rate)) {
                return Err(("rate", "must be above 0, up to 10 million a second"));
            }
            if stage.ramp_to.is_some() && stage.rate.is_none() {
                return Err(("ramp_to", "needs the rate that it begins with"));
            }
        }
        match self.connections {
            Some(n) if !(1..=10_000).contains(&n) => Err(("connections", "must be from 1 to 10000")),
            _ => self.compare.check(),
        }
    }

    /// Takes files from the folder of the configuration.
    pub(crate) fn settle(&mut self, folder: &Path) {
        self.compare.settle(folder);
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
    /// The rate at its end, if it is another: it goes there in a straight line.
    #[serde(default)]
    pub(crate) ramp_to: Option<f64>,
}

impl Stage {
    /// Reads stages such as `30s:100,1m:100..500,10s`: a time with its rate, with the rates of a ramp, or at full speed.
    pub(crate) fn parse_all(text: &str) -> Result<Vec<Self>, String> {
        text.split(',').map(|part| Self::parse(part.trim())).collect()
    }

    fn parse(text: &str) -> Result<Self, String> {
        let fail = |what: &str| format!("{what} in stage {text:?}; write stages as in 30s:100,1m:100..500");
        let (duration, rates) = match text.split_once(':') {
            Some((duration, rates)) => (duration, Some(rates)),
            None => (text, None),
        };
        let duration =
            humantime::parse_duration(duration.trim()).map_err(|_| fail("there is no time with its unit"))?;
        let number = |text: &str| text.trim().parse::<f64>().map_err(|_| fail("a rate is no number"));
        let (rate, ramp_to) = match rates.map(|rates| rates.split_once("..").ok_or(rates)) {
            None => (None, None),
            Some(Ok((from, to))) => (Some(number(from)?), Some(number(to)?)),
            Some(Err(rate)) => (Some(number(rate)?), None),
        };
        Ok(Self { duration, rate, ramp_to })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_stages() {
        let stages = Stage::parse_all("30s:100, 1m : 100..500,500ms").unwrap();
        let read: Vec<_> = stages.iter().map(|it| (it.duration.as_millis(), it.rate, it.ramp_to)).collect();
        assert_eq!(
            read,
            [(30_000, Some(100.0), None), (60_000, Some(100.0), Some(500.0)), (500, None, None)]
        );
        for text in ["", "30s:", "30s:fast", "30:100", "1m:1..", "1m:1..2..3", "30s:1,,1s:2"] {
            assert!(Stage::parse_all(text).is_err(), "{text}");
        }
        let check = |text: &str| {
            BenchConfig { stages: Stage::parse_all(text).unwrap(), ..BenchConfig::default() }.check()
        };
        assert!(check("30s:100..200").is_ok());
        assert!(check("30s:100..0").is_err() && check("0s:1").is_err() && check("1s:NaN").is_err());
    }
}
