//! How the rows of an index fall on its keys: few rows on most, many on some.

use std::collections::BTreeMap;

use super::distinct::{count, solve};

/// Keys of which each has about the same number of rows.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Class {
    /// How many keys there could be; those that no row happens to have are among them.
    pub(super) n_keys: f64,
    /// The share of all rows that one key expects.
    pub(super) share: f64,
    /// Which operands are NULL in these keys, a bit each.
    pub(super) nulls: u32,
}

/// The keys of an index in classes. The number of rows of a key has Poisson's distribution around what it expects, so
/// a part of the rows, or a combination with other columns, is again a spectrum.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Spectrum(pub(super) Vec<Class>);

/// Keys that expect fewer rows are all the same: practically none of them has two.
pub(super) const LEAST_ROWS: f64 = 1e-4;
/// Classes for each doubling of the rows of a key.
const CLASSES_PER_DOUBLING: f64 = 2.0;

impl Spectrum {
    /// One key that all rows have.
    pub(super) fn single() -> Self {
        Self(vec![Class { n_keys: 1.0, share: 1.0, nulls: 0 }])
    }

    /// The values of one operand: the shares of its most common values, its share of nulls and the number of its
    /// different values, the common ones included. The others are taken to be equally frequent.
    pub(super) fn of_values(common: &[f32], null_frac: f64, n_distinct: f64, n_rows: f64) -> Self {
        let rest = 1.0 - null_frac - common.iter().copied().map(f64::from).sum::<f64>();
        let mut rare = Vec::new();
        if rest * n_rows >= 0.5 {
            let n_rest = (n_distinct - count(common.len())).max(1.0);
            let rows = expected_rows(rest * n_rows / n_rest).max(LEAST_ROWS);
            rare.push(Class { n_keys: rest * n_rows / rows, share: rows / n_rows, nulls: 0 });
        }
        Self::of_classes(common, null_frac, rare, n_rows)
    }

    /// The values of one operand, of which the rare ones are known in classes.
    pub(super) fn of_classes(common: &[f32], null_frac: f64, rare: Vec<Class>, n_rows: f64) -> Self {
        let one = |share: f64, nulls: u32| Class { n_keys: 1.0, share, nulls };
        let mut classes = rare;
        classes.extend(common.iter().map(|share| one(f64::from(*share), 0)));
        if null_frac > 0.0 {
            classes.push(one(null_frac, 1));
        }
        if classes.is_empty() {
            classes.push(one(1.0, 0));
        }
        // Rounded statistics do not quite add up.
        let total: f64 = classes.iter().map(|class| class.n_keys * class.share).sum();
        for class in &mut classes {
            class.share /= total;
        }
        Self(classes).merged(n_rows)
    }

    /// Returns the part whose operand is NULL, or is not.
    pub(super) fn only(&self, operand: usize, is_null: bool) -> Self {
        let has = |class: &&Class| operand < 32 && (class.nulls >> operand & 1 == 1) == is_null;
        let classes: Vec<Class> = self.0.iter().filter(has).copied().collect();
        let total: f64 = classes.iter().map(|class| class.n_keys * class.share).sum();
        if total <= 0.0 {
            return self.clone();
        }
        Self(classes.into_iter().map(|class| Class { share: class.share / total, ..class }).collect())
    }

    /// Combines the keys with those of one more operand that does not depend on them.
    pub(super) fn combined(&self, other: &Self, operand: usize, n_rows: f64) -> Self {
        let bit = |nulls: u32| if nulls == 0 || operand >= 32 { 0 } else { 1 << operand };
        let mut classes = Vec::with_capacity(self.0.len() * other.0.len());
        for a in &self.0 {
            for b in &other.0 {
                let (n_keys, share) = (a.n_keys * b.n_keys, a.share * b.share);
                classes.push(Class { n_keys, share, nulls: a.nulls | bit(b.nulls) });
            }
        }
        Self(classes).merged(n_rows)
    }

    /// Returns how many different keys `n_rows` rows have.
    pub(super) fn n_distinct(&self, n_rows: f64) -> f64 {
        self.0.iter().map(|class| class.n_keys * -(-class.share * n_rows).exp_m1()).sum()
    }

    /// Returns the spectrum with the same rows on as many keys as `n_distinct` of `n_rows` rows.
    pub(super) fn with_distinct(&self, n_distinct: f64, n_rows: f64) -> Self {
        let scaled = |factor: f64| {
            let scale = |class: &Class| Class {
                n_keys: class.n_keys * factor,
                share: class.share / factor,
                nulls: class.nulls,
            };
            Self(self.0.iter().map(scale).collect())
        };
        scaled(solve((1e-24, 1e24), |factor| scaled(factor).n_distinct(n_rows) < n_distinct))
    }

    /// Puts classes together whose keys have about the same number of rows.
    fn merged(self, n_rows: f64) -> Self {
        let mut merged: BTreeMap<(u32, i32), (f64, f64)> = BTreeMap::new();
        for class in self.0 {
            let doublings = (class.share * n_rows).max(LEAST_ROWS).log2() * CLASSES_PER_DOUBLING;
            #[expect(clippy::cast_possible_truncation, reason = "the logarithm of a float is small")]
            let place = merged.entry((class.nulls, doublings.floor() as i32)).or_default();
            place.0 += class.n_keys;
            place.1 += class.n_keys * class.share;
        }
        let class = |((nulls, _), (n_keys, rows)): ((u32, i32), (f64, f64))| Class {
            n_keys,
            share: rows / n_keys,
            nulls,
        };
        Self(merged.into_iter().map(class).collect())
    }
}

/// Returns the mean of a Poisson distribution whose values above 0 have the mean `rows_per_key`.
pub(super) fn expected_rows(rows_per_key: f64) -> f64 {
    if rows_per_key <= 1.0 {
        return 0.0;
    }
    solve((1e-9, rows_per_key), |mean| mean / -(-mean).exp_m1() < rows_per_key)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn counts_the_keys_it_was_made_of() {
        for (common, null_frac, n_distinct) in
            [(&[][..], 0.0, 1000.0), (&[0.5, 0.2], 0.1, 50.0), (&[], 0.0, 100_000.0), (&[0.3], 0.0, 60_000.0)]
        {
            let spectrum = Spectrum::of_values(common, null_frac, n_distinct, 100_000.0);
            let expected = n_distinct + f64::from(u8::from(null_frac > 0.0));
            let found = spectrum.n_distinct(100_000.0);
            assert!((found / expected - 1.0).abs() < 0.01, "{found} for {expected}");
        }
    }

    proptest! {
        #[test]
        fn rows_are_kept(
            common in prop::collection::vec(0.001f32..0.1, 0..8), null_frac in 0.0..0.1,
            n_distinct in 10.0..1e5, other in 1.0..1e5, wanted in 100.0..9e4,
        ) {
            let n_rows = 1e5;
            let one = Spectrum::of_values(&common, null_frac, n_distinct, n_rows);
            let two = Spectrum::of_values(&[], 0.0, other, n_rows);
            let both = one.combined(&two, 1, n_rows);
            let adjusted = both.with_distinct(wanted, n_rows);
            for spectrum in [&one, &both, &adjusted] {
                let rows: f64 = spectrum.0.iter().map(|class| class.n_keys * class.share).sum();
                prop_assert!((rows - 1.0).abs() < 1e-6, "{rows} in {spectrum:?}");
            }
            prop_assert!((adjusted.n_distinct(n_rows) / wanted - 1.0).abs() < 1e-3);
        }
    }
}
