//! Fields of one column for all rows of a block: their sizes, and their bytes at each row's place.

use std::ops::Range;

use super::{Wire, fixed, numeric};
use crate::seed::make::lane::{Cells, Lane};

/// A lane and how it is sent, with what must be rendered before its size is known.
pub(crate) struct Column<'a> {
    wire: &'a Wire,
    lane: &'a Lane,
}

impl<'a> Column<'a> {
    /// Renders numerics into `room`.
    pub(crate) fn new(wire: &'a Wire, lane: &'a Lane, room: &'a mut Lane) -> Self {
        let (Wire::Numeric { scale }, Cells::Wide(cells)) = (wire, &lane.cells) else {
            return Self { wire, lane };
        };
        numeric::append_all(cells, *scale, room.bytes());
        room.nulls.clone_from(&lane.nulls);
        Self { wire: &Wire::Bytes, lane: room }
    }

    /// Adds the size of each field: the length word, and what follows unless it is NULL.
    pub(crate) fn add_sizes(&self, sizes: &mut [usize]) {
        let width = match self.wire {
            Wire::Bool => 1,
            Wire::Int2 => 2,
            Wire::Int4 | Wire::Oid | Wire::Float4 | Wire::Date => 4,
            Wire::Int8 | Wire::Float8 | Wire::Micros => 8,
            Wire::TimeTz => 12,
            Wire::Interval | Wire::Uuid => 16,
            Wire::Bytes | Wire::Numeric { .. } => return self.add_lengths(0, sizes),
            Wire::Jsonb => return self.add_lengths(JSONB_VERSION.len(), sizes),
            Wire::Multirange => return self.add_lengths(8, sizes),
            Wire::Labels(labels) => {
                for (place, (size, &cell)) in sizes.iter_mut().zip(self.lane.as_ints()).enumerate() {
                    *size += 4 + if self.lane.is_null(place) { 0 } else { label(labels, cell).len() };
                }
                return;
            }
        };
        for size in sizes.iter_mut() {
            *size += 4 + width;
        }
        for (size, _) in sizes.iter_mut().zip(&self.lane.nulls).filter(|(_, is_null)| **is_null) {
            *size -= width;
        }
    }

    fn add_lengths(&self, n_more: usize, sizes: &mut [usize]) {
        let Cells::Bytes { ends, .. } = &self.lane.cells else { return };
        let mut start = 0;
        for (place, (size, &end)) in sizes.iter_mut().zip(ends).enumerate() {
            *size += 4 + if self.lane.is_null(place) { 0 } else { n_more + (end - start) as usize };
            start = end;
        }
    }

    /// Writes the field of each row at its place in `out`, and moves the places on. What follows the field of a row, up to its end,
    /// is written afterwards.
    pub(crate) fn write(&self, places: &mut [usize], row_ends: &[usize], out: &mut [u8]) {
        let nulls = &self.lane.nulls;
        match (self.wire, &self.lane.cells) {
            (Wire::Bool, Cells::Int(cells)) => scatter(cells, nulls, places, out, fixed::bool),
            (Wire::Int2, Cells::Int(cells)) => scatter(cells, nulls, places, out, fixed::int2),
            (Wire::Int4 | Wire::Date, Cells::Int(cells)) => scatter(cells, nulls, places, out, fixed::int4),
            (Wire::Oid, Cells::Int(cells)) => scatter(cells, nulls, places, out, fixed::oid),
            (Wire::Int8 | Wire::Micros, Cells::Int(cells)) => {
                scatter(cells, nulls, places, out, i64::to_be_bytes);
            }
            (Wire::TimeTz, Cells::Int(cells)) => scatter(cells, nulls, places, out, fixed::time_tz),
            (Wire::Interval, Cells::Int(cells)) => scatter(cells, nulls, places, out, fixed::interval),
            (Wire::Float4, Cells::Float(cells)) => scatter(cells, nulls, places, out, fixed::float4),
            (Wire::Float8, Cells::Float(cells)) => scatter(cells, nulls, places, out, f64::to_be_bytes),
            (Wire::Uuid, Cells::Wide(cells)) => scatter(cells, nulls, places, out, i128::to_be_bytes),
            (Wire::Labels(labels), Cells::Int(cells)) => {
                for (place, at) in places.iter_mut().enumerate() {
                    put(self.lane.is_null(place), &[], label(labels, cells[place]).as_bytes(), at, out);
                }
            }
            (Wire::Multirange, Cells::Bytes { .. }) => {
                let mut header = [0, 0, 0, 1, 0, 0, 0, 0];
                for (place, at) in places.iter_mut().enumerate() {
                    let range = self.lane.bytes_at(place);
                    header[4..].copy_from_slice(&word(range.len()));
                    put(self.lane.is_null(place), &header, range, at, out);
                }
            }
            (wire, Cells::Bytes { ends, bytes }) => {
                let prefix = if *wire == Wire::Jsonb { JSONB_VERSION } else { &[] };
                let mut start = 0;
                for (row, (at, &end)) in places.iter_mut().zip(ends).enumerate() {
                    let cell = start..end as usize;
                    start = cell.end;
                    if self.lane.is_null(row) {
                        put(true, &[], &[], at, out);
                    } else {
                        put_cell(prefix, bytes, cell, at, row_ends[row], out);
                    }
                }
            }
            (wire, _) => unreachable!("makers fill the lane that {wire:?} takes"),
        }
    }
}

/// `jsonb_send` in `jsonb.c`.
const JSONB_VERSION: &[u8] = &[1];
const NULL_WORD: [u8; 4] = (-1_i32).to_be_bytes();

/// The length of a field as it is sent.
pub(crate) fn word(length: usize) -> [u8; 4] {
    i32::try_from(length).expect("a field is below 1 GiB").to_be_bytes()
}

fn label(labels: &[String], cell: i64) -> &str {
    usize::try_from(cell).ok().and_then(|place| labels.get(place)).map_or("", String::as_str)
}

fn scatter<T: Copy, const N: usize>(
    cells: &[T],
    nulls: &[bool],
    places: &mut [usize],
    out: &mut [u8],
    image: impl Fn(T) -> [u8; N],
) {
    let write = |cell: T, at: &mut usize, out: &mut [u8]| {
        let field = &mut out[*at..*at + 4 + N];
        field[..4].copy_from_slice(&word(N));
        field[4..].copy_from_slice(&image(cell));
        *at += 4 + N;
    };
    if nulls.is_empty() {
        cells.iter().zip(places).for_each(|(&cell, at)| write(cell, at, out));
        return;
    }
    for ((&cell, &is_null), at) in cells.iter().zip(nulls).zip(places) {
        if is_null {
            put(true, &[], &[], at, out);
        } else {
            write(cell, at, out);
        }
    }
}

/// Cells that are no longer are copied with what follows them, for a copy of always as many bytes is much faster.
const WINDOW: usize = 32;

/// Writes one of the cells that are in `bytes`.
fn put_cell(prefix: &[u8], bytes: &[u8], cell: Range<usize>, at: &mut usize, row_end: usize, out: &mut [u8]) {
    let length = prefix.len() + cell.len();
    out[*at..*at + 4].copy_from_slice(&word(length));
    out[*at + 4..*at + 4 + prefix.len()].copy_from_slice(prefix);
    let to = *at + 4 + prefix.len();
    let window = bytes.get(cell.start..cell.start + WINDOW);
    match window.filter(|_| cell.len() <= WINDOW && to + WINDOW <= row_end) {
        Some(window) => out[to..to + WINDOW].copy_from_slice(window),
        None => out[to..to + cell.len()].copy_from_slice(&bytes[cell]),
    }
    *at += 4 + length;
}

fn put(is_null: bool, prefix: &[u8], bytes: &[u8], at: &mut usize, out: &mut [u8]) {
    if is_null {
        out[*at..*at + 4].copy_from_slice(&NULL_WORD);
        *at += 4;
        return;
    }
    let length = prefix.len() + bytes.len();
    let field = &mut out[*at..*at + 4 + length];
    field[..4].copy_from_slice(&word(length));
    field[4..4 + prefix.len()].copy_from_slice(prefix);
    field[4 + prefix.len()..].copy_from_slice(bytes);
    *at += 4 + length;
}
