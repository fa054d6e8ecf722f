//! The bytes of COPY BINARY to cells: keys that are in a database already.

use super::Wire;
use super::rows::HEADER;
use crate::seed::make::lane::{Cells, Lane};
use crate::seed::time::DAY_US;

/// The cells of a column as they are on the wire; `None` is NULL.
pub(crate) type Images<'b> = Vec<Option<&'b [u8]>>;

/// Reads what COPY TO … (FORMAT binary) wrote of `wires.len()` columns; `None` when the bytes are not that.
pub(crate) fn lanes(bytes: &[u8], wires: &[Wire]) -> Option<Vec<Lane>> {
    images(bytes, wires.len())?.iter().zip(wires).map(|(images, wire)| lane(images, wire)).collect()
}

/// Cuts the bytes of a binary copy into the cells of each of its columns; `None` when they are not that.
pub(crate) fn images(bytes: &[u8], n_columns: usize) -> Option<Vec<Images<'_>>> {
    // Flags and the extension are the server's own.
    const N_SIGNATURE: usize = 11;
    let mut rest = bytes.strip_prefix(&HEADER[..N_SIGNATURE])?;
    let flags_and_extension: &[u8] = take(&mut rest, 8)?;
    take(&mut rest, length(&flags_and_extension[4..])?)?;
    let mut columns: Vec<Images<'_>> = vec![Vec::new(); n_columns];
    loop {
        let n_fields = i16::from_be_bytes(take(&mut rest, 2)?.try_into().ok()?);
        if n_fields == -1 {
            return Some(columns);
        }
        if usize::try_from(n_fields).ok()? != n_columns {
            return None;
        }
        for column in &mut columns {
            let n = take(&mut rest, 4)?;
            column.push(match length(n) {
                Some(n) => Some(take(&mut rest, n)?),
                None => None,
            });
        }
    }
}

fn take<'b>(rest: &mut &'b [u8], n: usize) -> Option<&'b [u8]> {
    let (taken, after) = rest.split_at_checked(n)?;
    *rest = after;
    Some(taken)
}

/// A length word; `None` for the one that means NULL.
fn length(word: &[u8]) -> Option<usize> {
    usize::try_from(i32::from_be_bytes(word.try_into().ok()?)).ok()
}

fn floats(images: &[Option<&[u8]>], read: &dyn Fn(&[u8]) -> Option<f64>) -> Option<Cells> {
    let floats = images.iter().map(|image| image.map_or(Some(0.0), read));
    floats.collect::<Option<_>>().map(Cells::Float)
}

fn lane(images: &[Option<&[u8]>], wire: &Wire) -> Option<Lane> {
    let nulls =
        if images.contains(&None) { images.iter().map(Option::is_none).collect() } else { Vec::new() };
    let filled = images.iter().map(|image| image.unwrap_or_default());
    let ints = |read: &dyn Fn(&[u8]) -> Option<i64>| {
        images.iter().map(|image| image.map_or(Some(0), read)).collect::<Option<Vec<_>>>().map(Cells::Int)
    };
    let cells = match wire {
        Wire::Bool => ints(&|it| it.first().map(|it| i64::from(*it)))?,
        Wire::Int2 => ints(&|it| Some(i16::from_be_bytes(it.try_into().ok()?).into()))?,
        Wire::Int4 | Wire::Date => ints(&|it| Some(i32::from_be_bytes(it.try_into().ok()?).into()))?,
        Wire::Oid => ints(&|it| Some(u32::from_be_bytes(it.try_into().ok()?).into()))?,
        Wire::Int8 | Wire::Micros => ints(&|it| Some(i64::from_be_bytes(it.try_into().ok()?)))?,
        Wire::Labels(labels) => {
            ints(&|it| i64::try_from(labels.iter().position(|label| label.as_bytes() == it)?).ok())?
        }
        Wire::Uuid => Cells::Wide(
            images
                .iter()
                .map(|image| image.map_or(Some(0), |it| Some(i128::from_be_bytes(it.try_into().ok()?))))
                .collect::<Option<_>>()?,
        ),
        Wire::Numeric { scale } => Cells::Wide(
            images
                .iter()
                .map(|image| image.map_or(Some(0), |it| numeric(it, *scale)))
                .collect::<Option<_>>()?,
        ),
        Wire::Bytes => Cells::of_bytes(filled),
        Wire::Jsonb => Cells::of_bytes(filled.map(|image| image.strip_prefix(&[1]).unwrap_or(image))),
        Wire::Float4 => floats(images, &|it| Some(f64::from(f32::from_be_bytes(it.try_into().ok()?))))?,
        Wire::Float8 => floats(images, &|it| Some(f64::from_be_bytes(it.try_into().ok()?)))?,
        // At UTC, as they are written.
        Wire::TimeTz => ints(&|it| {
            let (us, west_s) = it.split_at_checked(8)?;
            let west_us = i64::from(i32::from_be_bytes(west_s.try_into().ok()?)) * 1_000_000;
            Some((i64::from_be_bytes(us.try_into().ok()?) + west_us).rem_euclid(DAY_US))
        })?,
        Wire::Interval => ints(&|it| {
            let (us, days) = it.split_at_checked(8)?;
            let (days, months) = days.split_at_checked(4)?;
            let days = i64::from(i32::from_be_bytes(days.try_into().ok()?));
            (months == [0; 4]).then_some(())?;
            i64::from_be_bytes(us.try_into().ok()?).checked_add(days * DAY_US)
        })?,
        Wire::Multirange => return None,
    };
    Some(Lane { nulls, cells })
}

/// Reads a `numeric` (`numeric_send` of numeric.c) as a whole number of 10^-scale.
fn numeric(image: &[u8], scale: u16) -> Option<i128> {
    let word = |place: usize| Some(i16::from_be_bytes(image.get(2 * place..2 * place + 2)?.try_into().ok()?));
    let (n_digits, weight, sign) = (usize::try_from(word(0)?).ok()?, i32::from(word(1)?), word(2)?);
    let mut value: i128 = 0;
    for place in 0..n_digits {
        let digit = i128::from(word(4 + place)?);
        // The digit counts 10000^(weight - place).
        let power = 4 * (weight - i32::try_from(place).ok()?) + i32::from(scale);
        value += match u32::try_from(power) {
            Ok(power) => digit.checked_mul(10_i128.checked_pow(power)?)?,
            Err(_) => digit / 10_i128.checked_pow(power.unsigned_abs())?,
        };
    }
    match sign {
        0 => Some(value),
        0x4000 => Some(-value),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_numerics_as_the_server_sends_them() {
        let check = |image: &[u8], scale, expected| assert_eq!(numeric(image, scale), expected, "{image:?}");
        // SELECT numeric_send(12345.67), (-0.05), 10000, 0, 'NaN'
        check(b"\0\x03\0\x01\0\0\0\x02\0\x01\x09\x29\x1a\x2c", 2, Some(1_234_567));
        check(b"\0\x01\xff\xff\x40\0\0\x02\x01\xf4", 2, Some(-5));
        check(b"\0\x01\0\x01\0\0\0\0\0\x01", 0, Some(10_000));
        check(b"\0\0\0\0\0\0\0\0", 2, Some(0));
        check(b"\0\0\0\0\xc0\0\0\0", 2, None);
        check(b"\0\x03", 2, None);
    }

    #[test]
    fn reads_rows_with_nulls() {
        let mut bytes = HEADER.to_vec();
        bytes.extend(b"\0\x02\0\0\0\x04\0\0\0\x07\0\0\0\x01a\0\x02\xff\xff\xff\xff\0\0\0\0\xff\xff");
        let lanes = lanes(&bytes, &[Wire::Int4, Wire::Bytes]).unwrap();
        assert_eq!(lanes[0], Lane { nulls: vec![false, true], cells: Cells::Int(vec![7, 0]) });
        assert_eq!(lanes[1].cells, Cells::Bytes { ends: vec![1, 1], bytes: b"a".to_vec() });
        assert_eq!(super::lanes(&bytes, &[Wire::Int4]), None);
        assert_eq!(super::lanes(&bytes[..30], &[Wire::Int4, Wire::Bytes]), None);
    }

    #[test]
    fn reads_what_is_written_in_a_form_of_its_own() {
        let check = |image: &[u8], wire: &Wire, expected: Cells| {
            assert_eq!(lane(&[Some(image)], wire).map(|lane| lane.cells), Some(expected), "{wire:?}");
        };
        check(b"\x01{}", &Wire::Jsonb, Cells::of_bytes([&b"{}"[..]]));
        check(&1.5_f64.to_be_bytes(), &Wire::Float8, Cells::Float(vec![1.5]));
        check(&1.5_f32.to_be_bytes(), &Wire::Float4, Cells::Float(vec![1.5]));
        // One day and a second; an hour before midnight, an hour west of Greenwich.
        check(
            b"\0\0\0\0\0\x0f\x42\x40\0\0\0\x01\0\0\0\0",
            &Wire::Interval,
            Cells::Int(vec![DAY_US + 1_000_000]),
        );
        let time =
            [(DAY_US - 3_600_000_000).to_be_bytes().to_vec(), 3_600_i32.to_be_bytes().to_vec()].concat();
        check(&time, &Wire::TimeTz, Cells::Int(vec![0]));
    }
}
