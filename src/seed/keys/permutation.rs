//! A bijection of row numbers in constant memory, with its inverse.

use serde::{Deserialize, Serialize};

use crate::random;

/// A permutation of `0..n`, where `n` is at most 2^63.
///
/// Four rounds of a Feistel network over a grid of about √n columns and √n rows, the smallest that holds `n`, with additions
/// modulo its sides, and cycle walking (Black and Rogaway, "Ciphers with arbitrary finite domains", CT-RSA 2002). A grid holds
/// at most √n numbers more than `n`, so that walks, which branch predictors cannot foresee, are rare: over the next power of
/// two they double the time. It scatters, it does not keep secrets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Definition", into = "Definition")]
pub(crate) struct Permutation {
    definition: Definition,
    n_columns: u64,
    n_rows: u64,
    keys: [u64; N_ROUNDS],
}

/// What a plan keeps of a permutation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Definition {
    n: u64,
    key: u64,
}

/// Four are the fewest after which a Feistel network cannot be told from a random permutation by asking for images and
/// originals (Luby and Rackoff, SIAM J. Comput. 1988).
const N_ROUNDS: usize = 4;

impl Permutation {
    /// Another `key` gives another permutation.
    pub(crate) fn new(n: u64, key: u64) -> Self {
        let n_columns = n.isqrt().max(1);
        let keys = std::array::from_fn(|round| random::at(key, round as u64));
        Self { definition: Definition { n, key }, n_columns, n_rows: n.div_ceil(n_columns), keys }
    }

    pub(crate) fn n(&self) -> u64 {
        self.definition.n
    }

    /// Returns the image of `i`, which is below `n`.
    pub(crate) fn apply(&self, i: u64) -> u64 {
        debug_assert!(i < self.n());
        let mut image = self.forward(i);
        while image >= self.n() {
            image = self.forward(image);
        }
        image
    }

    /// Returns the `i` that has this image, which is below `n`.
    pub(crate) fn invert(&self, image: u64) -> u64 {
        debug_assert!(image < self.n());
        let mut i = self.backward(image);
        while i >= self.n() {
            i = self.backward(i);
        }
        i
    }

    fn forward(&self, i: u64) -> u64 {
        let (mut row, mut column) = (i / self.n_columns, i % self.n_columns);
        for pair in self.keys.chunks_exact(2) {
            row = sum(row, bits_below(self.n_rows, column, pair[0]), self.n_rows);
            column = sum(column, bits_below(self.n_columns, row, pair[1]), self.n_columns);
        }
        row * self.n_columns + column
    }

    fn backward(&self, image: u64) -> u64 {
        let (mut row, mut column) = (image / self.n_columns, image % self.n_columns);
        for pair in self.keys.chunks_exact(2).rev() {
            column = sum(column, self.n_columns - bits_below(self.n_columns, row, pair[1]), self.n_columns);
            row = sum(row, self.n_rows - bits_below(self.n_rows, column, pair[0]), self.n_rows);
        }
        row * self.n_columns + column
    }
}

/// Returns a number below `n` that depends on all of `place` and of `key`.
///
/// A multiplication carries differences upwards alone, so the upper half is folded into the lower one in between (as in the
/// finalizer of `MurmurHash3`, whose constants these are).
fn bits_below(n: u64, place: u64, key: u64) -> u64 {
    let bits = (place ^ key).wrapping_mul(0xFF51_AFD7_ED55_8CCD);
    random::below((bits ^ (bits >> 32)).wrapping_mul(0xC4CE_B9FE_1A85_EC53), n)
}

/// Returns the sum modulo `n` of numbers below and up to `n`.
const fn sum(a: u64, b: u64, n: u64) -> u64 {
    if a + b < n { a + b } else { a + b - n }
}

impl From<Definition> for Permutation {
    fn from(definition: Definition) -> Self {
        Self::new(definition.n, definition.key)
    }
}

impl From<Permutation> for Definition {
    fn from(permutation: Permutation) -> Self {
        permutation.definition
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::seed::exact::count;

    #[test]
    fn each_number_is_an_image_once() {
        for n in (0..300).chain([511, 512, 513, 1000, 4095, 4096, 4097, 5000]) {
            for key in 0..3 {
                let permutation = Permutation::new(n, key);
                let mut images: Vec<u64> = (0..n).map(|i| permutation.apply(i)).collect();
                for (i, &image) in (0..n).zip(&images) {
                    assert_eq!(permutation.invert(image), i, "n {n}, key {key}");
                }
                images.sort_unstable();
                assert!(images.into_iter().eq(0..n), "n {n}, key {key}");
            }
        }
    }

    proptest! {
        #[test]
        fn inverts_at_any_size(n in 1u64..=1 << 63, key: u64, at: u64) {
            let permutation = Permutation::new(n, key);
            let i = random::below(at, n);
            let image = permutation.apply(i);
            prop_assert!(image < n);
            prop_assert_eq!(permutation.invert(image), i);
        }

        #[test]
        fn is_kept_by_its_definition(n: u64, key: u64) {
            let permutation = Permutation::new(n, key);
            let json = serde_json::to_string(&permutation).unwrap();
            prop_assert_eq!(serde_json::from_str::<Permutation>(&json).unwrap(), permutation);
        }
    }

    /// χ² of counts that should all be `expected`.
    fn chi_squared(counts: &[u64], expected: f64) -> f64 {
        counts.iter().map(|&found| (count(found) - expected).powi(2) / expected).sum()
    }

    #[test]
    fn scatters_neighbours() {
        // The distance of the images of two neighbours, in 64 cells: 63 degrees of freedom have 103 at 0.1 %.
        for n in [1_000u64, 4_096, 100_000, 1 << 20, (1 << 20) + 1, 1 << 40] {
            for lag in [1, 2, 63] {
                let permutation = Permutation::new(n, 7);
                let mut counts = [0; 64];
                let n_pairs = (n - lag).min(20_000);
                for i in 0..n_pairs {
                    let distance = (permutation.apply(i + lag) + n - permutation.apply(i)) % n;
                    counts[usize::try_from(u128::from(distance) * 64 / u128::from(n)).unwrap()] += 1;
                }
                let chi = chi_squared(&counts, count(n_pairs) / 64.0);
                assert!(chi < 120.0, "n {n}, lag {lag}: {chi}");
            }
        }
    }

    #[test]
    fn every_image_is_alike_over_the_keys() {
        // 12 numbers over 12,000 keys: 11 degrees of freedom have 37 at 0.01 %.
        for i in 0..12 {
            let mut counts = [0; 12];
            for key in 0..12_000 {
                counts[usize::try_from(Permutation::new(12, key).apply(i)).unwrap()] += 1;
            }
            let chi = chi_squared(&counts, 1_000.0);
            assert!(chi < 37.0, "{i}: {chi}");
        }
    }

    #[test]
    fn numbers_never_change() {
        // Seeded data depend on these.
        let images = |n| [0, 1, 2].map(|i| Permutation::new(n, 42).apply(i));
        assert_eq!(images(10), [6, 1, 3]);
        assert_eq!(
            images(1 << 62),
            [4_499_782_642_815_559_665, 2_613_684_908_144_513_093, 3_558_560_908_304_791_190]
        );
    }
}
