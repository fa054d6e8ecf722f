//! Random numbers of one script run, and the functions that spread them as pgbench's do.

use std::f64::consts::PI;

use crate::random;

/// The random numbers of one run: the same bits give the same numbers, so that a retry draws them again.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Draws {
    bits: u64,
    n_drawn: u64,
}

impl Draws {
    pub(crate) const fn new(bits: u64) -> Self {
        Self { bits, n_drawn: 0 }
    }

    fn next(&mut self) -> u64 {
        self.n_drawn += 1;
        random::at(self.bits, self.n_drawn)
    }

    /// In `0.0..1.0`.
    fn unit(&mut self) -> f64 {
        random::unit(self.next())
    }

    /// In `min..=max`, equally likely; the range holds fewer than 2^63 numbers, here and below.
    pub(super) fn uniform(&mut self, min: i64, max: i64) -> i64 {
        min.wrapping_add_unsigned(random::below(self.next(), max.abs_diff(min) + 1))
    }

    /// Each step to the right is less likely by the same factor, over the whole range by `exp(-parameter)`.
    pub(crate) fn exponential(&mut self, min: i64, max: i64, parameter: f64) -> i64 {
        let cut = (-parameter).exp();
        // In (cut, 1], so that what follows is in [0, 1).
        let inner = cut + (1.0 - cut) * (1.0 - self.unit());
        scaled(min, max, -inner.ln() / parameter)
    }

    /// A normal distribution, cut `parameter` standard deviations left and right of the middle of the range.
    pub(crate) fn gaussian(&mut self, min: i64, max: i64, parameter: f64) -> i64 {
        let deviation = loop {
            // Box and Muller: "A note on the generation of random normal deviates", 1958.
            let radius = (-2.0 * (1.0 - self.unit()).ln()).sqrt();
            let deviation = radius * (2.0 * PI * (1.0 - self.unit())).sin();
            if (-parameter..parameter).contains(&deviation) {
                break deviation;
            }
        };
        scaled(min, max, (deviation + parameter) / (parameter * 2.0))
    }

    /// The k-th number from the left has weight `k^-s`; by rejection (Devroye: "Non-Uniform Random Variate Generation", 1986,
    /// p. 550), for `s` above 1.
    #[expect(clippy::cast_possible_truncation, clippy::cast_precision_loss, reason = "a rank is at most n")]
    pub(super) fn zipfian(&mut self, min: i64, max: i64, s: f64) -> i64 {
        let n = max - min + 1;
        if n <= 1 {
            return min;
        }
        let exponent = s - 1.0;
        let at_one = 2.0_f64.powf(exponent);
        loop {
            let (first, second) = (self.unit(), self.unit());
            let rank = first.powf(-1.0 / exponent).floor();
            let at_rank = (1.0 + 1.0 / rank).powf(exponent);
            let is_below = second * rank * (at_rank - 1.0) / (at_one - 1.0) <= at_rank / at_one;
            if is_below && rank <= n as f64 {
                return min - 1 + rank as i64;
            }
        }
    }
}

/// Maps `share` in `0.0..1.0` to the range.
#[expect(clippy::cast_possible_truncation, clippy::cast_precision_loss, reason = "the range is below 2^63")]
fn scaled(min: i64, max: i64, share: f64) -> i64 {
    let n = max - min + 1;
    min + ((n as f64 * share) as i64).min(n - 1)
}

/// FNV-1a over the eight bytes of a number, the lowest first.
pub(super) fn hash_fnv1a(value: i64, seed: i64) -> i64 {
    const OFFSET_BASIS: u64 = 0xCBF2_9CE4_8422_2325;
    const PRIME: u64 = 0x0000_0100_0000_01B3;
    let step = |hash: u64, byte: u8| (hash ^ u64::from(byte)).wrapping_mul(PRIME);
    value.to_le_bytes().into_iter().fold(OFFSET_BASIS ^ seed.cast_unsigned(), step).cast_signed()
}

/// `MurmurHash64A` of a number (Appleby).
pub(super) fn hash_murmur2(value: i64, seed: i64) -> i64 {
    const FACTOR: u64 = 0xC6A4_A793_5BD1_E995;
    const SHIFT: u32 = 47;
    const N_BYTES: u64 = 8;
    let mixed = |bits: u64| bits ^ (bits >> SHIFT);
    let block = mixed(value.cast_unsigned().wrapping_mul(FACTOR)).wrapping_mul(FACTOR);
    let hash = (seed.cast_unsigned() ^ N_BYTES.wrapping_mul(FACTOR) ^ block).wrapping_mul(FACTOR);
    mixed(mixed(hash).wrapping_mul(FACTOR)).cast_signed()
}

/// Returns the image of a number in a random permutation of `0..size`, the same one as pgbench of version 15 or newer: six rounds
/// of products, exclusive ors and rotations over two halves that overlap, and a shift.
pub(super) fn permute(value: i64, size: i64, seed: i64) -> i64 {
    const ROUNDS: u32 = 6;
    if size < 2 {
        return 0;
    }
    let mut generator = Generator::new(seed.cast_unsigned());
    let size = size.cast_unsigned();
    // A negative number counts as PostgreSQL's own conversion to an unsigned one has it.
    let mut image = value.cast_unsigned() % size;
    let n_bits = size.ilog2();
    let mask = (1_u64 << n_bits) - 1;
    let mixed = |half: u64, factor: u64, flips: u64| {
        let product = (half.wrapping_mul(factor) ^ flips) & mask;
        ((product << 1) & mask) | (product >> (n_bits - 1))
    };
    for _ in 0..ROUNDS {
        let (factor, flips) = ((generator.next() & mask) | 1, generator.next() & mask);
        if image <= mask {
            image = mixed(image, factor, flips);
        }
        let (factor, flips) = ((generator.next() & mask) | 1, generator.next() & mask);
        let mirrored = size - 1 - image;
        if mirrored <= mask {
            image = size - 1 - mixed(mirrored, factor, flips);
        }
        // Both are below 2^63.
        image = (image + generator.up_to(size - 1)) % size;
    }
    image.cast_signed()
}

/// xoroshiro128** (Blackman and Vigna), which PostgreSQL draws from.
struct Generator(u64, u64);

impl Generator {
    fn new(seed: u64) -> Self {
        /// What splitmix64 adds to its state for each number.
        const INCREMENT: u64 = 0x9E37_79B9_7F4A_7C15;
        Self(random::mix(seed), random::mix(seed.wrapping_add(INCREMENT)))
    }

    fn next(&mut self) -> u64 {
        let crossed = self.1 ^ self.0;
        let number = self.0.wrapping_mul(5).rotate_left(7).wrapping_mul(9);
        self.0 = self.0.rotate_left(24) ^ crossed ^ (crossed << 16);
        self.1 = crossed.rotate_left(37);
        number
    }

    /// In `0..=max`, which is not 0: as many bits as it has, until they are in the range.
    fn up_to(&mut self, max: u64) -> u64 {
        loop {
            let number = self.next() >> (63 - max.ilog2());
            if number <= max {
                return number;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How often each of `0..10` is drawn, in thousandths.
    fn shares(mut draw: impl FnMut(&mut Draws) -> i64) -> Vec<usize> {
        let mut draws = Draws::new(42);
        let mut counts = vec![0; 10];
        for _ in 0..100_000 {
            counts[usize::try_from(draw(&mut draws)).unwrap()] += 1;
        }
        counts.into_iter().map(|count| count / 100).collect()
    }

    /// Compares with probabilities, up to 6 thousandths.
    fn check(shares: &[usize], probability: impl Fn(f64) -> f64) {
        for (i, share) in shares.iter().enumerate() {
            let expected = probability(f64::from(u32::try_from(i).unwrap())) * 1000.0;
            let share = f64::from(u32::try_from(*share).unwrap());
            assert!((share - expected).abs() < 6.0, "{i}: {share} instead of {expected} of {shares:?}");
        }
    }

    #[test]
    fn uniform_numbers_are_equally_likely() {
        check(&shares(|draws| draws.uniform(0, 9)), |_| 0.1);
    }

    /// The manual of pgbench, "Built-In Functions", gives these probabilities.
    #[test]
    fn numbers_are_spread_as_the_manual_says() {
        let p = 2.5_f64;
        let exponential =
            |i: f64| ((-p * i / 10.0).exp() - (-p * (i + 1.0) / 10.0).exp()) / (1.0 - (-p).exp());
        check(&shares(|draws| draws.exponential(0, 9, p)), exponential);
        let weights: f64 = (1..=10).map(|k| f64::from(k).powf(-1.5)).sum();
        check(&shares(|draws| draws.zipfian(0, 9, 1.5)), |i| (i + 1.0).powf(-1.5) / weights);
        // The middle 67 % of a gaussian come from 1.0 / parameter of the range, 95 % from 2.0 / parameter.
        let gaussian = shares(|draws| draws.gaussian(0, 9, 5.0));
        let middle: usize = gaussian[4..6].iter().sum();
        assert!((670..700).contains(&middle), "{gaussian:?}");
        let wider: usize = gaussian[3..7].iter().sum();
        assert!((945..965).contains(&wider), "{gaussian:?}");
    }

    #[test]
    fn a_run_draws_the_same_again() {
        let numbers = |mut draws: Draws| [(); 5].map(|()| draws.uniform(1, 1_000_000));
        assert_eq!(numbers(Draws::new(7)), numbers(Draws::new(7)));
        assert_ne!(numbers(Draws::new(7)), numbers(Draws::new(8)));
    }

    #[test]
    fn permutations_reach_each_number_once() {
        for size in [1, 2, 3, 5, 8, 100, 1023] {
            let mut images: Vec<i64> = (0..size).map(|value| permute(value, size, 5432)).collect();
            images.sort_unstable();
            assert!(images.into_iter().eq(0..size), "{size}");
        }
        assert_eq!(permute(-1, i64::MAX, -3), permute(-1, i64::MAX, -3));
    }
}
