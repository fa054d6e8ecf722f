//! Logarithm, power and the like from addition, subtraction, multiplication, division and square root alone.
//!
//! IEEE 754 fixes the bits of these five operations, while the functions of the standard library come from each system's own
//! and may differ in the last bit. Plans are made with these, so that the same seed gives the same rows everywhere.

use std::f64::consts::{LN_2, SQRT_2};

/// The upper bits of ln 2, so that its products with small integers are exact, and the rest (`fdlibm`, `e_log.c`).
const LN_2_HIGH: f64 = 6.931_471_803_691_238e-1;
const LN_2_LOW: f64 = 1.908_214_929_270_587_7e-10;

/// Beyond, an exponential is infinite, or zero.
const MAX_EXPONENT: f64 = 709.0;

/// Returns the natural logarithm of a positive number, within about one unit in the last place; of others NaN or -∞.
pub(crate) fn ln(x: f64) -> f64 {
    if x.is_nan() || x < 0.0 || x == f64::INFINITY {
        return if x == f64::INFINITY { x } else { f64::NAN };
    }
    if x < f64::MIN_POSITIVE {
        return if x == 0.0 { f64::NEG_INFINITY } else { ln(x * TWO_TO_54) - 54.0 * LN_2 };
    }
    // x = m · 2^e with m about 1, and ln m = 2 artanh((m - 1) / (m + 1)).
    let mut exponent = i32::try_from(x.to_bits() >> 52).expect("eleven bits") - 1_023;
    let mut m = f64::from_bits(x.to_bits() & ((1 << 52) - 1) | 1_023 << 52);
    if m > SQRT_2 {
        m /= 2.0;
        exponent += 1;
    }
    let s = (m - 1.0) / (m + 1.0);
    let square = s * s;
    let mut series = 0.0;
    for divisor in (3..=23).rev().step_by(2) {
        series = (series + 1.0 / f64::from(divisor)) * square;
    }
    let exponent = f64::from(exponent);
    exponent * LN_2_HIGH + (2.0 * s + (2.0 * s * series + exponent * LN_2_LOW))
}

const TWO_TO_54: f64 = 18_014_398_509_481_984.0;

/// Returns e^x, within about one unit in the last place; below 10^-307 zero.
pub(crate) fn exp(x: f64) -> f64 {
    if x.is_nan() || x.abs() > MAX_EXPONENT {
        return if x > 0.0 { f64::INFINITY } else { x.max(0.0) };
    }
    // x = k · ln 2 + r with |r| at most half of ln 2.
    let k = (x / LN_2).round();
    let r = (x - k * LN_2_HIGH) - k * LN_2_LOW;
    let mut series = 1.0;
    for divisor in (1..=14).rev() {
        series = 1.0 + series * r / f64::from(divisor);
    }
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "within ±1,023")]
    let power = ((k as i64 + 1_023).clamp(0, 2_046) as u64) << 52;
    series * f64::from_bits(power)
}

/// Returns x^y for a positive x. The relative error is that of the logarithm times y · ln x: for ranks below 2^62 and |y| ≤ 4
/// less than 10^-13.
pub(crate) fn pow(x: f64, y: f64) -> f64 {
    exp(y * ln(x))
}

/// Returns the value below which a standard normal variable is with probability `p`, within 10^-8.
///
/// The rational approximation of P. J. Acklam ("An algorithm for computing the inverse normal cumulative distribution
/// function", 2003), relative error 1.15 · 10^-9.
pub(crate) fn normal_quantile(p: f64) -> f64 {
    const MIDDLE: ([f64; 6], [f64; 6]) = (
        [
            -3.969_683_028_665_376e1,
            2.209_460_984_245_205e2,
            -2.759_285_104_469_687e2,
            1.383_577_518_672_69e2,
            -3.066_479_806_614_716e1,
            2.506_628_277_459_239,
        ],
        [
            -5.447_609_879_822_406e1,
            1.615_858_368_580_409e2,
            -1.556_989_798_598_866e2,
            6.680_131_188_771_972e1,
            -1.328_068_155_288_572e1,
            1.0,
        ],
    );
    const TAIL: ([f64; 6], [f64; 5]) = (
        [
            -7.784_894_002_430_293e-3,
            -3.223_964_580_411_365e-1,
            -2.400_758_277_161_838,
            -2.549_732_539_343_734,
            4.374_664_141_464_968,
            2.938_163_982_698_783,
        ],
        [
            7.784_695_709_041_462e-3,
            3.224_671_290_700_398e-1,
            2.445_134_137_142_996,
            3.754_408_661_907_416,
            1.0,
        ],
    );
    /// Where the tails begin.
    const TAIL_FROM: f64 = 0.024_25;

    let polynomial = |of: &[f64], x: f64| of.iter().fold(0.0, |sum, factor| sum * x + factor);
    if p > 0.5 {
        -normal_quantile(1.0 - p)
    } else if p < TAIL_FROM {
        let q = (-2.0 * ln(p)).sqrt();
        polynomial(&TAIL.0, q) / polynomial(&TAIL.1, q)
    } else {
        let q = p - 0.5;
        q * polynomial(&MIDDLE.0, q * q) / polynomial(&MIDDLE.1, q * q)
    }
}

/// Returns a number of rows for arithmetic with shares and means.
#[expect(clippy::cast_precision_loss, reason = "exact below 2^53, and a share of more needs no more")]
pub(crate) fn count(n: u64) -> f64 {
    n as f64
}

/// Returns a share, 0 to 1, in units of 2^-32; what is beyond is cut.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "casts saturate")]
pub(crate) fn share(share: f64) -> u32 {
    (share * 4_294_967_296.0) as u32
}

/// Returns the nearest whole number; 0 for what is below or is no number.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "rounded, and saturating")]
pub(crate) fn rounded(x: f64) -> u64 {
    x.round() as u64
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Units in the last place between two positive numbers of about the same size.
    fn ulps(a: f64, b: f64) -> u64 {
        a.to_bits().abs_diff(b.to_bits())
    }

    proptest! {
        #[test]
        fn logarithm_is_the_systems_own(x in prop::num::f64::POSITIVE | prop::num::f64::SUBNORMAL) {
            prop_assert!(ulps(ln(x.abs()), x.abs().ln()) <= 2, "{} {}", ln(x.abs()), x.abs().ln());
        }

        #[test]
        fn exponential_is_the_systems_own(x in -700.0..700.0f64) {
            prop_assert!(ulps(exp(x), x.exp()) <= 2, "{} {}", exp(x), x.exp());
        }

        #[test]
        fn power_is_close(x in 1.0..4e18f64, y in -4.0..4.0f64) {
            prop_assert!((pow(x, y) / x.powf(y) - 1.0).abs() < 1e-13);
        }

        #[test]
        fn odd_numbers_are_no_panic(x: f64, y: f64) {
            let _ = (ln(x), exp(x), pow(x, y), normal_quantile(x));
        }
    }

    #[test]
    fn bits_never_change() {
        let all = [ln(10.0), exp(1.0), pow(1_000.0, -1.3), normal_quantile(0.975), normal_quantile(0.001)];
        let bits = [
            4_612_367_379_483_415_830,
            4_613_303_445_314_885_482,
            4_548_776_638_992_681_746,
            4_611_505_712_250_197_414,
            13_837_513_040_182_781_986,
        ];
        assert_eq!(all.map(f64::to_bits), bits, "{all:?}");
    }

    #[test]
    fn knows_the_normal_distribution() {
        // Tables of any textbook.
        for (p, z) in [(0.5, 0.0), (0.841_344_746, 1.0), (0.975, 1.959_963_985), (0.001, -3.090_232_306)] {
            assert!((normal_quantile(p) - z).abs() < 1e-8, "{p}");
        }
    }
}
