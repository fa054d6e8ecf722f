//! Values that hold others: arrays, composites, ranges.

use std::ops::Range;

use super::column::{Column, word};
use super::{Wire, fixed, numeric};
use crate::seed::make::RangeElement;
use crate::seed::make::lane::Lane;

/// The fields of a lane one after the other, each with its length word.
pub(crate) struct Fields {
    /// Where each field ends.
    ends: Vec<usize>,
    bytes: Vec<u8>,
}

impl Fields {
    pub(crate) fn new(wire: &Wire, lane: &Lane) -> Self {
        let mut room = Lane::default();
        let column = Column::new(wire, lane, &mut room);
        let mut places = vec![0; lane.len()];
        column.add_sizes(&mut places);
        let mut ends = Vec::with_capacity(places.len());
        let mut end = 0;
        for place in &mut places {
            end += std::mem::replace(place, end);
            ends.push(end);
        }
        let mut bytes = vec![0; end];
        column.write(&mut places, &ends, &mut bytes);
        Self { ends, bytes }
    }

    /// Returns the bytes of consecutive fields.
    pub(crate) fn slice(&self, fields: Range<usize>) -> &[u8] {
        let before = |place: usize| place.checked_sub(1).map_or(0, |before| self.ends[before]);
        &self.bytes[before(fields.start)..before(fields.end)]
    }
}

/// Appends what comes before the elements of an array (`array_send` in `arrayfuncs.c`): dimensions, whether there are NULLs,
/// the element type, and length and lower bound of the only dimension. An empty array has none.
pub(crate) fn append_array_header(element_oid: u32, n_elements: usize, bytes: &mut Vec<u8>) {
    bytes.extend(i32::from(n_elements > 0).to_be_bytes());
    bytes.extend(0_i32.to_be_bytes());
    bytes.extend(element_oid.to_be_bytes());
    if n_elements > 0 {
        bytes.extend(word(n_elements));
        bytes.extend(1_i32.to_be_bytes());
    }
}

impl RangeElement {
    /// Appends the range from `low` up to but not including `high` (`range_send` in `rangetypes.c`).
    pub(crate) fn append(self, low: i64, high: i64, bytes: &mut Vec<u8>) {
        /// `RANGE_LB_INC`: the lower bound belongs to the range.
        const LOWER_INCLUSIVE: u8 = 2;
        bytes.push(LOWER_INCLUSIVE);
        for bound in [low, high] {
            let at = bytes.len();
            bytes.extend([0; 4]);
            match self {
                Self::Int4 | Self::Date => bytes.extend(fixed::int4(bound)),
                Self::Int8 | Self::Timestamp => bytes.extend(bound.to_be_bytes()),
                Self::Numeric => numeric::append(bound.into(), 0, bytes),
                Self::Uuid => bytes.extend(i128::from(bound).to_be_bytes()),
            }
            let length = word(bytes.len() - at - 4);
            bytes[at..at + 4].copy_from_slice(&length);
        }
    }
}
