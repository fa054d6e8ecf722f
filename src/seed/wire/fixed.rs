//! Values of a fixed width.

use crate::seed::time::DAY_US;

/// Integers and dates are checked when the plan is built; a number that does not fit becomes the greatest that does.
pub(super) fn int2(cell: i64) -> [u8; 2] {
    i16::try_from(cell).unwrap_or(i16::MAX).to_be_bytes()
}

pub(super) fn int4(cell: i64) -> [u8; 4] {
    i32::try_from(cell).unwrap_or(i32::MAX).to_be_bytes()
}

/// `oid` is the one type of four bytes without a sign.
pub(super) fn oid(cell: i64) -> [u8; 4] {
    u32::try_from(cell).unwrap_or(u32::MAX).to_be_bytes()
}

pub(super) fn bool(cell: i64) -> [u8; 1] {
    [u8::from(cell != 0)]
}

/// The greatest `float4` and beyond become infinity.
#[expect(clippy::cast_possible_truncation, reason = "what float4 does to numbers")]
pub(super) fn float4(cell: f64) -> [u8; 4] {
    (cell as f32).to_be_bytes()
}

/// The time of day in µs, then the zone in seconds west of Greenwich (`timetz_send` in `date.c`).
pub(super) fn time_tz(cell: i64) -> [u8; 12] {
    let mut image = [0; 12];
    image[..8].copy_from_slice(&cell.to_be_bytes());
    image
}

/// µs, days and months (`interval_send` in `timestamp.c`).
pub(super) fn interval(cell: i64) -> [u8; 16] {
    let days = i32::try_from(cell / DAY_US).unwrap_or(i32::MAX);
    let mut image = [0; 16];
    image[..8].copy_from_slice(&(cell % DAY_US).to_be_bytes());
    image[8..12].copy_from_slice(&days.to_be_bytes());
    image
}
