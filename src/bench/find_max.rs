//! The highest rate at which thresholds are met: which rate to try next, and when enough is known.
//!
//! Near the capacity the same rate is met at one time and missed at another, so that one answer decides nothing. All answers
//! together are fitted by the share of met ones, which never rises with the rate (isotonic regression; Barlow and others,
//! "Statistical inference under order restrictions", 1972). The search doubles or halves until it has the capacity between two
//! rates, cuts that range in the middle, and then asks both ends again until each has answered often enough.

/// The ratio of the two ends that the search stops at: what is between them is within 2.5 % of both.
const WIDTH: f64 = 1.05;
/// How many more answers than not each end needs. With 3, in simulated searches where a rate 2 % off still answers wrongly one
/// time in four, 99 % are within 5 % of the truth; with 2, 93 % are.
const MARGIN: i32 = 3;
/// Rates are taken for the same within this.
const SAME: f64 = 1.000_1;
/// Below this share of the first rate nothing is looked for.
const LOWEST: f64 = 1.0 / 4096.0;

/// A rate that was tried.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Probe {
    pub(crate) rate_per_s: f64,
    /// Whether all thresholds were met.
    pub(crate) is_met: bool,
}

/// What the search wants.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Next {
    Try(f64),
    Found(Capacity),
    /// Not even the lowest rate that is looked at is met.
    Nothing,
}

/// What the search has found.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Capacity {
    /// The highest rate that is met.
    pub(crate) met_per_s: Option<f64>,
    /// The lowest rate that is not.
    pub(crate) missed_per_s: Option<f64>,
    /// Whether both ends have answered often enough, close to each other.
    pub(crate) is_confirmed: bool,
}

impl Capacity {
    /// Returns the rate between both ends.
    pub(crate) fn rate_per_s(&self) -> Option<f64> {
        Some((self.met_per_s? * self.missed_per_s?).sqrt())
    }
}

/// Returns what to do after these probes: the first is at `first_rate`, and there are `max_probes` at the most.
pub(crate) fn next(probes: &[Probe], first_rate: f64, max_probes: usize) -> Next {
    let fit = fit(probes);
    let met = fit.iter().rev().find(|(_, share)| *share > 0.5).map(|(rate, _)| *rate);
    let missed = fit.iter().find(|(_, share)| *share < 0.5).map(|(rate, _)| *rate);
    if probes.len() >= max_probes {
        return Next::Found(Capacity { met_per_s: met, missed_per_s: missed, is_confirmed: false });
    }
    let (Some((lowest, _)), Some((highest, _))) = (fit.first(), fit.last()) else {
        return Next::Try(first_rate);
    };
    match (met, missed) {
        (_, None) => Next::Try(highest * 2.0),
        (None, Some(_)) if *lowest / 2.0 < first_rate * LOWEST => Next::Nothing,
        (None, Some(_)) => Next::Try(lowest / 2.0),
        (Some(met), Some(missed)) if missed / met > WIDTH * SAME => Next::Try((met * missed).sqrt()),
        (Some(met), Some(missed)) => {
            let of_met = margin(probes, met / WIDTH, met, true);
            let of_missed = margin(probes, missed, missed * WIDTH, false);
            if of_met >= MARGIN && of_missed >= MARGIN {
                Next::Found(Capacity { met_per_s: Some(met), missed_per_s: Some(missed), is_confirmed: true })
            } else if of_missed >= MARGIN || of_met < of_missed {
                Next::Try(met)
            } else {
                Next::Try(missed)
            }
        }
    }
}

/// Returns how many more probes between two rates have this answer than the other.
fn margin(probes: &[Probe], from: f64, to: f64, is_met: bool) -> i32 {
    let near = probes.iter().filter(|probe| (from / SAME..=to * SAME).contains(&probe.rate_per_s));
    near.map(|probe| if probe.is_met == is_met { 1 } else { -1 }).sum()
}

/// Returns for each rate, in ascending order, the share of met answers, which does not rise: neighbors that would are taken
/// together (the pool-adjacent-violators algorithm).
fn fit(probes: &[Probe]) -> Vec<(f64, f64)> {
    struct Pool {
        n_met: f64,
        n: f64,
        rates: Vec<f64>,
    }
    let mut sorted = probes.to_vec();
    sorted.sort_by(|a, b| a.rate_per_s.total_cmp(&b.rate_per_s));
    let mut pools: Vec<Pool> = Vec::new();
    for same in sorted.chunk_by(|a, b| b.rate_per_s <= a.rate_per_s * SAME) {
        let count = |n: usize| f64::from(u32::try_from(n).unwrap_or(u32::MAX));
        let n_met = count(same.iter().filter(|probe| probe.is_met).count());
        pools.push(Pool { n_met, n: count(same.len()), rates: vec![same[0].rate_per_s] });
        while let [.., before, last] = pools.as_slice()
            && before.n_met / before.n < last.n_met / last.n
            && let Some(last) = pools.pop()
            && let Some(before) = pools.last_mut()
        {
            before.n_met += last.n_met;
            before.n += last.n;
            before.rates.extend(last.rates);
        }
    }
    pools.iter().flat_map(|pool| pool.rates.iter().map(|rate| (*rate, pool.n_met / pool.n))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random;

    const MAX_PROBES: usize = 30;

    /// Searches a capacity of which a rate off by `noise` still answers wrongly one time in four, and any window is spoilt one time
    /// in fifty.
    fn search(seed: u64, capacity: f64, first_rate: f64, noise: f64) -> (Capacity, usize) {
        let mut probes = Vec::new();
        loop {
            match next(&probes, first_rate, MAX_PROBES) {
                Next::Try(rate_per_s) => {
                    let unit = |i| random::unit(random::at(seed, 2 * probes.len() as u64 + i));
                    let chance = 1.0 / (1.0 + (rate_per_s / capacity).powf(1.1 / noise));
                    let is_met = unit(0) < chance && unit(1) > 0.02;
                    probes.push(Probe { rate_per_s, is_met });
                }
                Next::Found(found) => return (found, probes.len()),
                Next::Nothing => panic!("there is a capacity"),
            }
        }
    }

    /// Returns how many of 200 searches are within 5 % of the truth, and how many probes 95 % of them need.
    fn searches(noise: f64) -> (usize, usize) {
        let mut needed = Vec::new();
        let n_right = (0..200)
            .filter(|seed| {
                let capacity = 10_f64.powf(1.0 + 4.0 * random::unit(random::at(!seed, 1)));
                let first = capacity * (0.3 + 1.1 * random::unit(random::at(!seed, 2)));
                let (found, n) = search(*seed, capacity, first, noise);
                needed.push(n);
                found.rate_per_s().is_some_and(|rate| (rate / capacity).ln().abs() < 0.05)
            })
            .count();
        needed.sort_unstable();
        (n_right, needed[189])
    }

    #[test]
    fn finds_the_capacity_within_five_percent() {
        let (n_right, n_probes) = searches(0.02);
        assert!(n_right >= 194, "{n_right} of 200");
        assert!(n_probes <= 24, "{n_probes}");
        let (n_right, n_probes) = searches(0.005);
        assert!(n_right >= 198, "{n_right} of 200");
        assert!(n_probes <= 20, "{n_probes}");
    }

    #[test]
    fn a_far_start_only_takes_longer() {
        for first in [1.0, 1e6] {
            let (found, n) = search(1, 1000.0, first, 0.001);
            assert!(
                (found.rate_per_s().unwrap() / 1000.0 - 1.0).abs() < 0.05 && n < MAX_PROBES,
                "{found:?} {n}"
            );
        }
    }

    #[test]
    fn one_bad_window_is_not_believed() {
        let probe = |rate_per_s, is_met| Probe { rate_per_s, is_met };
        let mut probes = vec![probe(100.0, true), probe(200.0, false)];
        assert!(matches!(next(&probes, 100.0, MAX_PROBES), Next::Try(rate) if (rate - 141.42).abs() < 0.01));
        probes.push(probe(200.0, true));
        assert_eq!(next(&probes, 100.0, MAX_PROBES), Next::Try(400.0), "one against one says nothing");
    }

    #[test]
    fn what_is_never_met_has_no_capacity() {
        let mut probes = Vec::new();
        while let Next::Try(rate_per_s) = next(&probes, 100.0, MAX_PROBES) {
            probes.push(Probe { rate_per_s, is_met: false });
        }
        assert_eq!(next(&probes, 100.0, MAX_PROBES), Next::Nothing);
        assert_eq!(probes.len(), 13);
    }

    #[test]
    fn an_end_of_the_patience_is_no_confirmation() {
        let probes = [Probe { rate_per_s: 10.0, is_met: true }, Probe { rate_per_s: 20.0, is_met: true }];
        let found = Capacity { met_per_s: Some(20.0), missed_per_s: None, is_confirmed: false };
        assert_eq!(next(&probes, 10.0, 2), Next::Found(found));
        assert_eq!(found.rate_per_s(), None);
    }

    #[test]
    fn the_fit_never_rises() {
        let answers =
            [(1.0, true), (2.0, false), (3.0, true), (3.0, true), (4.0, false), (4.0, true), (5.0, false)];
        let probes: Vec<Probe> = answers
            .iter()
            .map(|(rate_per_s, is_met)| Probe { rate_per_s: *rate_per_s, is_met: *is_met })
            .collect();
        let fit = fit(&probes);
        assert!(fit.is_sorted_by(|a, b| a.0 < b.0 && a.1 >= b.1), "{fit:?}");
        assert_eq!((fit.len(), fit[0].1, fit[4].1), (5, 1.0, 0.0));
        assert!((fit[1].1 - 2.0 / 3.0).abs() < 1e-9, "{fit:?}");
    }
}
