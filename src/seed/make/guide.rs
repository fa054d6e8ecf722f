//! Guides: what the cases of conditions ask of a reference, whose row is picked before a case is drawn.
//!
//! A redraw of a row that the server has refused keeps what the row refers to, so that it would meet the same case of a condition
//! such as `kind <> 2 OR (kind = 2 AND name = title)` for ever, were the case not drawn by the kind.

use serde::{Deserialize, Serialize};

use super::lane::{Cells, Lane};
use crate::seed::schema::ColumnId;

/// A reference that conditions ask about.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Guide {
    pub(crate) column: ColumnId,
    /// What each case asks of it.
    pub(crate) by_case: Vec<Fit>,
}

/// What a case lets a reference be.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Fit {
    pub(crate) may_be_null: bool,
    pub(crate) values: Fits,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) enum Fits {
    Any,
    /// Whole numbers, both ends included.
    Ranges(Vec<(i64, i64)>),
    OneOf(Cells),
    NoneOf(Cells),
}

impl Guide {
    /// Whether a row whose reference is at this place of a lane can take a case.
    pub(super) fn suits(&self, case: usize, lane: &Lane, place: usize) -> bool {
        let Some(fit) = self.by_case.get(case) else { return true };
        if lane.is_null(place) { fit.may_be_null } else { fit.values.take(lane, place) }
    }
}

impl Fits {
    fn take(&self, lane: &Lane, place: usize) -> bool {
        match self {
            Self::Any => true,
            Self::Ranges(ranges) => lane
                .as_ints()
                .get(place)
                .is_none_or(|cell| ranges.iter().any(|(low, high)| (low..=high).contains(&cell))),
            Self::OneOf(cells) => contains(cells, lane, place),
            Self::NoneOf(cells) => !contains(cells, lane, place),
        }
    }
}

fn contains(cells: &Cells, lane: &Lane, place: usize) -> bool {
    match (cells, &lane.cells) {
        (Cells::Int(cells), Cells::Int(of)) => cells.contains(&of[place]),
        (Cells::Wide(cells), Cells::Wide(of)) => cells.contains(&of[place]),
        (Cells::Bytes { .. }, Cells::Bytes { .. }) => cells.slices().any(|cell| cell == lane.bytes_at(place)),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_case_suits_what_the_row_refers_to() {
        let ints = Lane { nulls: vec![false, false, true], cells: Cells::Int(vec![2, 5, 0]) };
        let texts = Lane { nulls: Vec::new(), cells: Cells::of_bytes([b"a".as_slice(), b"bc", b""]) };
        let check = |lane: &Lane, values: Fits, may_be_null: bool, expected: [bool; 3]| {
            let guide = Guide { column: 0, by_case: vec![Fit { may_be_null, values }] };
            assert_eq!([0, 1, 2].map(|place| guide.suits(0, lane, place)), expected, "{guide:?}");
            // A case that nothing is asked of.
            assert!(guide.suits(1, lane, 0));
        };
        check(&ints, Fits::Any, false, [true, true, false]);
        check(&ints, Fits::Ranges(vec![(1, 2), (4, 4)]), true, [true, false, true]);
        check(&ints, Fits::OneOf(Cells::Int(vec![5, 7])), false, [false, true, false]);
        check(&ints, Fits::NoneOf(Cells::Int(vec![5, 7])), true, [true, false, true]);
        check(&texts, Fits::OneOf(Cells::of_bytes([b"bc".as_slice()])), true, [false, true, false]);
        check(&texts, Fits::NoneOf(Cells::of_bytes([b"bc".as_slice()])), true, [true, false, true]);
    }
}
