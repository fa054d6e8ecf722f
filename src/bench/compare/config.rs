//! The `compare` key of `bench` in perfkit.yaml.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use serde::{Deserialize, Deserializer, de::Error as _};

use crate::workload::parameter::Scalar;

/// What `perfkit bench compare` measures where no argument says otherwise; every key may be absent.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct CompareConfig {
    pub(crate) a: ArmConfig,
    pub(crate) b: ArmConfig,
    #[serde(with = "crate::workload::duration::optional")]
    pub(crate) block: Option<Duration>,
    /// Statements per second over all connections.
    pub(crate) rate: Option<f64>,
    /// In percent.
    pub(crate) min_effect: Option<f64>,
    pub(crate) max_pairs: Option<u16>,
}

/// One of the two.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct ArmConfig {
    pub(crate) url: Option<String>,
    /// Settings of its sessions.
    #[serde(deserialize_with = "texts")]
    pub(crate) set: BTreeMap<String, String>,
    /// Where its statements come from.
    pub(crate) workload: Vec<String>,
    /// The names of those that it is sent; all, if there are none.
    pub(crate) statements: Vec<String>,
    /// Scripts of pgbench in their place, as `file` or `file@weight`.
    pub(crate) scripts: Vec<String>,
    /// What variables of scripts hold at first.
    #[serde(deserialize_with = "texts")]
    pub(crate) define: BTreeMap<String, String>,
}

impl CompareConfig {
    /// Returns the key whose value is out of range, and the range.
    pub(crate) fn check(&self) -> Result<(), (&'static str, &'static str)> {
        if self.min_effect.is_some_and(|percent| !(percent > 0.0 && percent <= 100.0)) {
            return Err(("min_effect", "must be above 0, up to 100: it is in percent"));
        }
        if self.max_pairs.is_some_and(|n| !(1..=30).contains(&n)) {
            return Err(("max_pairs", "must be from 1 to 30"));
        }
        let is_name = |name: &String| {
            name.chars().all(|c| c.is_ascii_alphanumeric() || "_.".contains(c)) && !name.is_empty()
        };
        if ![&self.a, &self.b].iter().all(|arm| arm.set.keys().all(is_name)) {
            return Err(("set", "must name settings, as in work_mem: 64MB"));
        }
        Ok(())
    }

    /// Takes files from the folder of the configuration.
    pub(crate) fn settle(&mut self, folder: &Path) {
        for arm in [&mut self.a, &mut self.b] {
            for file in arm.workload.iter_mut().chain(&mut arm.scripts) {
                if !["pg_stat_statements", "-"].contains(&file.as_str()) {
                    *file = folder.join(&*file).display().to_string();
                }
            }
        }
    }
}

/// Reads names with scalars as text.
fn texts<'de, D: Deserializer<'de>>(deserializer: D) -> Result<BTreeMap<String, String>, D::Error> {
    let scalars = BTreeMap::<String, Scalar>::deserialize(deserializer)?;
    let text = |(name, scalar): (String, Scalar)| match scalar.into_text() {
        Some(text) => Ok((name, text)),
        None => Err(D::Error::custom(format!("{name} has no value"))),
    };
    scalars.into_iter().map(text).collect()
}
