//! Blocks that ran while the cache was filling: their pairs say nothing of a server in its stride.

use super::{Pair, statistics};
use crate::bench::validity;
use crate::unit;

/// The median of fewer blocks is one of them, or the mean of two.
const MIN_BLOCKS: usize = 3;

/// Says for each pair why it is cold. A block is held against the others of its own arm: what B reads by another plan is no flaw.
pub(super) fn reasons(pairs: &[Pair]) -> Vec<Option<String>> {
    let of_arm = |name: &str, share: fn(&Pair) -> Option<f64>| -> Vec<Option<String>> {
        let mut known: Vec<f64> = pairs.iter().filter_map(share).collect();
        if known.len() < MIN_BLOCKS {
            return vec![None; pairs.len()];
        }
        let usual = statistics::median(&mut known);
        let reason = |pair| {
            let share = share(pair).filter(|share| validity::is_cold(*share, usual))?;
            Some(format!(
                "{name}: {} of the blocks were not in the cache, and {} are usual",
                unit::whole_percent(share),
                unit::whole_percent(usual)
            ))
        };
        pairs.iter().map(reason).collect()
    };
    let of_a = of_arm("A", |pair| pair.a.read_share);
    let of_b = of_arm("B", |pair| pair.b.read_share);
    of_a.into_iter().zip(of_b).map(|(a, b)| a.or(b)).collect()
}

#[cfg(test)]
mod tests {
    use super::super::Block;
    use super::*;

    fn check(shares: &[(f64, f64)], expected: &[Option<&str>]) {
        let block = |share| Block { rows: Vec::new(), flaw: None, read_share: Some(share) };
        let pairs: Vec<Pair> = shares.iter().map(|(a, b)| Pair { a: block(*a), b: block(*b) }).collect();
        let reasons = reasons(&pairs);
        let found: Vec<Option<&str>> = reasons.iter().map(Option::as_deref).collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn a_block_is_cold_beside_others_of_its_arm() {
        let cold = "B: 40 % of the blocks were not in the cache, and 2 % are usual";
        check(&[(0.01, 0.40), (0.01, 0.02), (0.01, 0.02)], &[Some(cold), None, None]);
        // B reads much each time.
        check(&[(0.01, 0.40), (0.01, 0.45), (0.01, 0.42)], &[None; 3]);
        // Nothing tells which of two is usual.
        check(&[(0.01, 0.40), (0.01, 0.02)], &[None; 2]);
        check(&[(0.09, 0.0), (0.01, 0.0), (0.01, 0.0)], &[None; 3]);
    }
}
