//! `numeric`: digits in base 10,000 (`numeric_send` in `numeric.c`).

use crate::seed::make::lane::end;

const NUMERIC_NEG: u16 = 0x4000;
const BASE: u64 = 10_000;
/// Digits in base 10,000 of the longest `i128`, and one more that the scale can shift it by.
const MAX_DIGITS: usize = 11;

/// Appends `cell / 10^scale`: the number of digits, the weight of the first one, sign, scale, digits.
pub(super) fn append(cell: i128, scale: u16, bytes: &mut Vec<u8>) {
    // Digits are counted from the decimal point, so the last one may hold fewer of the scale's digits than four; zeros fill it.
    let fill = 10u64.pow(u32::from(4 - scale % 4) % 4);
    let (mut digits, mut n_digits) = ([0u16; MAX_DIGITS], 0);
    let mut rest = cell.unsigned_abs();
    let mut base = BASE / fill;
    while rest > 0 {
        // Divisions of 64 bits are several times faster.
        let digit = if let Ok(small) = u64::try_from(rest) {
            rest = u128::from(small / base);
            small % base
        } else {
            let digit = rest % u128::from(base);
            rest /= u128::from(base);
            u64::try_from(digit).expect("below the base")
        };
        digits[n_digits] = to_u16(digit * if n_digits == 0 { fill } else { 1 });
        n_digits += 1;
        base = BASE;
    }
    let digits = &digits[..n_digits];
    let kept = &digits[digits.iter().take_while(|digit| **digit == 0).count()..];
    let weight =
        if kept.is_empty() { 0 } else { to_u16(n_digits as u64).wrapping_sub(scale.div_ceil(4) + 1) };
    let sign = if cell < 0 { NUMERIC_NEG } else { 0 };
    let words =
        [to_u16(kept.len() as u64), weight, sign, scale].into_iter().chain(kept.iter().rev().copied());
    let mut image = [[0; 2]; 4 + MAX_DIGITS];
    image.iter_mut().zip(words).for_each(|(bytes, word)| *bytes = word.to_be_bytes());
    bytes.extend_from_slice(image[..4 + kept.len()].as_flattened());
}

/// Appends the images of all cells, and where each ends.
pub(super) fn append_all(cells: &[i128], scale: u16, (ends, bytes): (&mut Vec<u32>, &mut Vec<u8>)) {
    for &cell in cells {
        append(cell, scale, bytes);
        ends.push(end(bytes));
    }
}

fn to_u16(n: u64) -> u16 {
    u16::try_from(n).expect("a digit, or the number of them")
}
