//! The `bench` section of perfkit.yaml.

use std::time::Duration;

use serde::Deserialize;

use super::Threshold;

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

/// A part of a run with a rate of its own.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Stage {
    #[serde(with = "crate::workload::duration")]
    pub(crate) duration: Duration,
    /// Statements per second over all connections; without it each connection sends as fast as it can.
    pub(crate) rate: Option<f64>,
}
