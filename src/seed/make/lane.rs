//! A block of cells of one column, held by kind so that makers and writers run without a dispatch a cell.

use serde::{Deserialize, Serialize};

/// How many rows are made at once: a block's lanes stay in the first two caches.
pub(crate) const BLOCK_ROWS: usize = 1024;

/// Cells of one column for consecutive places of a block.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Lane {
    /// Which places are NULL; empty when none is. The cell of a NULL place is there and means nothing.
    pub(crate) nulls: Vec<bool>,
    pub(crate) cells: Cells,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) enum Cells {
    /// Booleans (0, 1), integers, OIDs, dates (days since 2000-01-01), times (µs), timestamps (µs since 2000-01-01 UTC), places
    /// in a list of labels or in a pool.
    Int(Vec<i64>),
    Float(Vec<f64>),
    /// Numerics times a power of ten, and UUIDs.
    Wide(Vec<i128>),
    /// Texts, byte strings, and every value that is in its wire form already; cell `i` is
    /// `bytes[ends[i - 1]..ends[i]]`.
    Bytes {
        ends: Vec<u32>,
        bytes: Vec<u8>,
    },
}

/// Which of [`Cells`] a wire takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Int,
    Float,
    Wide,
    Bytes,
}

impl Default for Cells {
    fn default() -> Self {
        Self::Int(Vec::new())
    }
}

impl Cells {
    /// Puts byte strings one after the other.
    pub(crate) fn of_bytes<'b>(values: impl IntoIterator<Item = &'b [u8]>) -> Self {
        let (mut ends, mut bytes) = (Vec::new(), Vec::new());
        for value in values {
            bytes.extend_from_slice(value);
            ends.push(end(&bytes));
        }
        Self::Bytes { ends, bytes }
    }

    pub(crate) fn len(&self) -> usize {
        match self {
            Self::Int(cells) => cells.len(),
            Self::Float(cells) => cells.len(),
            Self::Wide(cells) => cells.len(),
            Self::Bytes { ends, .. } => ends.len(),
        }
    }

    /// Returns integers; none of any other cells.
    pub(crate) fn as_ints(&self) -> &[i64] {
        if let Self::Int(cells) = self { cells } else { &[] }
    }

    /// Returns the byte strings; none of any other cells.
    pub(crate) fn slices(&self) -> impl Iterator<Item = &[u8]> {
        let (ends, bytes): (&[u32], &[u8]) = match self {
            Self::Bytes { ends, bytes } => (ends, bytes),
            _ => (&[], &[]),
        };
        ends.iter().scan(0, |start, &end| {
            let slice = &bytes[*start..end as usize];
            *start = end as usize;
            Some(slice)
        })
    }
}

impl Lane {
    /// Empties the lane and returns its integers, keeping their room.
    pub(crate) fn ints(&mut self) -> &mut Vec<i64> {
        self.nulls.clear();
        if !matches!(self.cells, Cells::Int(_)) {
            self.cells = Cells::Int(Vec::with_capacity(BLOCK_ROWS));
        }
        let Cells::Int(cells) = &mut self.cells else { unreachable!("just made") };
        cells.clear();
        cells
    }

    /// Empties the lane and returns its floats, keeping their room.
    pub(crate) fn floats(&mut self) -> &mut Vec<f64> {
        self.nulls.clear();
        if !matches!(self.cells, Cells::Float(_)) {
            self.cells = Cells::Float(Vec::with_capacity(BLOCK_ROWS));
        }
        let Cells::Float(cells) = &mut self.cells else { unreachable!("just made") };
        cells.clear();
        cells
    }

    /// Empties the lane and returns its wide integers, keeping their room.
    pub(crate) fn wides(&mut self) -> &mut Vec<i128> {
        self.nulls.clear();
        if !matches!(self.cells, Cells::Wide(_)) {
            self.cells = Cells::Wide(Vec::with_capacity(BLOCK_ROWS));
        }
        let Cells::Wide(cells) = &mut self.cells else { unreachable!("just made") };
        cells.clear();
        cells
    }

    /// Empties the lane and returns its ends and bytes, keeping their room.
    pub(crate) fn bytes(&mut self) -> (&mut Vec<u32>, &mut Vec<u8>) {
        self.nulls.clear();
        if !matches!(self.cells, Cells::Bytes { .. }) {
            self.cells = Cells::Bytes { ends: Vec::with_capacity(BLOCK_ROWS), bytes: Vec::new() };
        }
        let Cells::Bytes { ends, bytes } = &mut self.cells else { unreachable!("just made") };
        ends.clear();
        bytes.clear();
        (ends, bytes)
    }

    /// Empties the lane for cells of a kind.
    pub(crate) fn clear(&mut self, kind: Kind) {
        match kind {
            Kind::Int => self.ints().clear(),
            Kind::Float => self.floats().clear(),
            Kind::Wide => self.wides().clear(),
            Kind::Bytes => self.bytes().0.clear(),
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.cells.len()
    }

    /// Appends a NULL.
    pub(crate) fn push_null(&mut self) {
        match &mut self.cells {
            Cells::Int(cells) => cells.push(0),
            Cells::Float(cells) => cells.push(0.0),
            Cells::Wide(cells) => cells.push(0),
            Cells::Bytes { ends, bytes } => ends.push(end(bytes)),
        }
        self.set_null(self.len() - 1);
    }

    /// Appends a cell of another lane, which is of the same kind, or of whole numbers where this one is wide.
    pub(crate) fn push_of(&mut self, other: &Self, place: usize) {
        if other.is_null(place) {
            return self.push_null();
        }
        match (&mut self.cells, &other.cells) {
            (Cells::Int(cells), Cells::Int(others)) => cells.push(others[place]),
            (Cells::Float(cells), Cells::Float(others)) => cells.push(others[place]),
            (Cells::Wide(cells), Cells::Wide(others)) => cells.push(others[place]),
            (Cells::Bytes { ends, bytes }, Cells::Bytes { .. }) => {
                bytes.extend_from_slice(other.bytes_at(place));
                ends.push(end(bytes));
            }
            (Cells::Wide(cells), Cells::Int(others)) => cells.push(others[place].into()),
            _ => return self.push_null(),
        }
        if !self.nulls.is_empty() {
            self.nulls.push(false);
        }
    }

    /// Makes a place NULL, whatever its cell is.
    pub(crate) fn set_null(&mut self, place: usize) {
        self.nulls.resize(self.len(), false);
        self.nulls[place] = true;
    }

    /// Returns the cells of a lane of integers; none of any other.
    pub(crate) fn as_ints(&self) -> &[i64] {
        self.cells.as_ints()
    }

    /// Returns a cell of a lane of bytes; nothing of any other.
    pub(crate) fn bytes_at(&self, place: usize) -> &[u8] {
        let Cells::Bytes { ends, bytes } = &self.cells else { return &[] };
        let start = if place == 0 { 0 } else { ends[place - 1] };
        &bytes[start as usize..ends[place] as usize]
    }

    pub(crate) fn is_null(&self, place: usize) -> bool {
        self.nulls.get(place).copied().unwrap_or(false)
    }
}

/// Where the cell ends that was appended last.
pub(crate) fn end(bytes: &[u8]) -> u32 {
    u32::try_from(bytes.len()).expect("a block of cells is far below 4 GiB")
}
