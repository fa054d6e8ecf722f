//! How much a figure differs from itself on a machine: what a comparison of A with A has shown.

use serde::Deserialize;

use super::Metric;

/// The share of pairs that stay below the noise.
const SHARE: f64 = 0.95;
/// A difference has to be so many times the noise to be told from it.
const FACTOR: f64 = 2.0;

/// A figure's noise.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Floor {
    statement: String,
    figure: String,
    noise: f64,
}

#[derive(Deserialize)]
struct Saved {
    calibration: bool,
    findings: Vec<SavedFinding>,
}

#[derive(Deserialize)]
struct SavedFinding {
    statement: String,
    figure: String,
    noise: f64,
}

/// Reads the noise from a report of `perfkit bench compare --calibrate --json`.
pub(crate) fn floors(json: &str) -> Result<Vec<Floor>, String> {
    let saved: Saved = serde_json::from_str(json).map_err(|error| error.to_string())?;
    if !saved.calibration {
        return Err("it is of A and B, not of A against itself".to_owned());
    }
    if saved.findings.is_empty() {
        return Err("it has no figure".to_owned());
    }
    let floor = |it: SavedFinding| Floor { statement: it.statement, figure: it.figure, noise: it.noise };
    Ok(saved.findings.into_iter().map(floor).collect())
}

/// Returns the difference, as a share, that 95 % of the logarithms of ratios stay below; there is one at least.
pub(super) fn of_ratios(ratios: &[f64]) -> f64 {
    let mut sizes: Vec<f64> = ratios.iter().map(|ratio| ratio.abs()).collect();
    sizes.sort_by(f64::total_cmp);
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a share of a length is a place"
    )]
    let place = ((sizes.len() as f64 * SHARE).ceil() as usize).clamp(1, sizes.len());
    sizes[place - 1].exp_m1()
}

/// Whether a difference that matters cannot be told from the noise of its figure.
pub(super) fn is_below(min_effect: f64, statement: &str, metric: Metric, floors: &[Floor]) -> bool {
    floors
        .iter()
        .find(|floor| floor.statement == statement && floor.figure == metric.name())
        .is_some_and(|floor| min_effect < FACTOR * floor.noise)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_noise_is_what_nearly_all_pairs_stay_below() {
        let ratios: Vec<f64> =
            (1..=20).map(|i| if i % 2 == 0 { 0.01 } else { -0.01 } * f64::from(i)).collect();
        assert!((of_ratios(&ratios) - 0.19_f64.exp_m1()).abs() < 1e-9);
        assert!((of_ratios(&[-0.05]) - 0.05_f64.exp_m1()).abs() < 1e-9);
    }

    #[test]
    fn reads_a_calibration() {
        let json = |calibration: bool| {
            format!(
                r#"{{"calibration": {calibration}, "findings": [{{"statement": "one", "figure": "p50", "noise": 0.04}}]}}"#
            )
        };
        let floors = floors(&json(true)).unwrap();
        assert!(is_below(0.07, "one", Metric::P50, &floors) && !is_below(0.09, "one", Metric::P50, &floors));
        assert!(!is_below(0.01, "one", Metric::P99, &floors) && !is_below(0.01, "two", Metric::P50, &floors));
        assert!(super::floors(&json(false)).unwrap_err().contains("not of A against itself"));
        assert!(super::floors("{}").is_err() && super::floors("").is_err());
    }
}
