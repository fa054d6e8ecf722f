//! Rates over time, as perfkit.yaml says them.

use std::time::Duration;

use serde::Deserialize;

use crate::seed::make::series::{MAX_WEIGHT, Rate};

/// A rate over time.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Rhythm {
    #[serde(with = "crate::workload::duration")]
    pub(crate) within: Duration,
    #[serde(default, with = "crate::workload::duration")]
    pub(crate) until: Duration,
    /// The rate at the end over that at the start.
    #[serde(default = "one")]
    pub(crate) trend: f64,
    /// Weights of Monday to Sunday.
    pub(crate) weekday: Option<[f64; 7]>,
    /// Weights of the hours of a day.
    pub(crate) hours: Option<Vec<f64>>,
}

impl Rhythm {
    /// Returns what is wrong with it.
    pub(super) fn problem(&self) -> Option<String> {
        let is_wrong = |weights: &[f64]| {
            weights.iter().any(|weight| !(*weight >= 0.0 && weight.is_finite()))
                || weights.iter().sum::<f64>() <= 0.0
        };
        if self.until >= self.within {
            return Some("series has until not below within".to_owned());
        }
        if !(self.trend > 0.0 && self.trend <= 100.0) {
            return Some(format!("trend is {}, it must be above 0 and at most 100", self.trend));
        }
        if self.weekday.is_some_and(|weights| is_wrong(&weights)) {
            return Some("the weights of weekday must not be negative, and one of them above 0".to_owned());
        }
        match &self.hours {
            Some(hours) if hours.len() != 24 => {
                Some(format!("hours has {} weights, it must have 24", hours.len()))
            }
            Some(hours) if is_wrong(hours) => {
                Some("the weights of hours must not be negative, and one of them above 0".to_owned())
            }
            _ => None,
        }
    }

    /// Returns the rate in whole numbers.
    pub(super) fn rate(&self) -> Rate {
        // The greatest weight of a kind becomes a thousand, so that three digits of the others are kept.
        let whole = |weights: &[f64], place: usize| {
            let greatest = weights.iter().copied().fold(0.0, f64::max);
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "at most a thousand")]
            let weight = (weights[place] / greatest * 1_000.0).round() as u64;
            weight.min(MAX_WEIGHT)
        };
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "at most a hundred thousand"
        )]
        let trend = ((self.trend * 1_000.0).round() as u64).min(MAX_WEIGHT);
        Rate {
            trend,
            weekdays: self.weekday.map_or([1; 7], |weights| std::array::from_fn(|day| whole(&weights, day))),
            hours: self
                .hours
                .as_ref()
                .map_or([1; 24], |weights| std::array::from_fn(|hour| whole(weights, hour))),
        }
    }
}

fn one() -> f64 {
    1.0
}
