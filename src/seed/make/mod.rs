//! Makers: a block of cells of one column as a function of their row numbers.
//!
//! Most columns are a [`Draw`], which gives each row an ordinal, and [`Values`], which say what stands for each ordinal. What
//! must be unique changes the draw alone; what a condition or a name asks for changes the values alone.

pub(crate) mod block;
mod derived;
mod document;
mod draw;
pub(crate) mod guide;
pub(crate) mod lane;
pub(crate) mod matching;
mod nested;
mod pick;
pub(crate) mod series;
mod spread;
#[cfg(test)]
mod tests;
mod text;
pub(crate) mod values;
pub(crate) mod world;

use serde::{Deserialize, Serialize};

use self::lane::Cells;
use self::matching::Matching;
use super::keys::curve::Curve;
use super::keys::permutation::Permutation;
use super::plan::EdgeId;
use super::schema::ColumnId;
use super::stats::slots::Slots;

/// How the cells of a column come about.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) enum Maker {
    Null,
    Drawn {
        draw: Draw,
        values: Values,
    },
    /// A column of the row that an edge refers to; NULL where the edge is.
    Reference {
        edge: EdgeId,
        column: ColumnId,
    },
    Derived(Derived),
    /// One maker for each case of a component of conditions; see [`super::plan::TablePlan::components`].
    Cases {
        component: u16,
        by_case: Vec<Maker>,
    },
}

/// Which ordinal each row has: 0 up to a number that the values must have.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) enum Draw {
    /// The row's number in the run: for moments.
    Row,
    /// The row's own serial (`base + row`): injective, over all runs.
    Serial,
    /// The serial, permuted: injective, without order.
    Permuted(Permutation),
    /// 64 random bits.
    Bits,
    /// Each of `0..n` alike.
    Uniform { n: u64 },
    /// Rank `r` in proportion to its slots.
    Skewed(Curve),
    /// As another column's random bits in a share of 2^32 rows, else as its own: both draws rise with their bits, so that is the
    /// correlation of their ranks.
    Along { key: u64, share: u32, draw: Box<Draw> },
    /// Exact counts: the row's slot under the permutation, the slot's rank on the curve.
    Laid { slots: Permutation, curve: Curve },
    /// The same with an order of the rows, of which some are NULL: as statistics say. The ordinals are `step` apart.
    Axis { slots: Slots, curve: Curve, step: u64 },
    /// The place of the row among those that share the parent of a laid edge.
    Ordinal { edge: EdgeId },
    /// A digit of the row's cell number in an arrangement of several columns: `(cell / divisor) % n`, where the cell is the
    /// serial under the permutation.
    Digit { cells: Permutation, divisor: u64, n: u64 },
    /// A digit of the place among those that share the parent of a laid edge: `(ordinal / divisor) % n`.
    OrdinalDigit { edge: EdgeId, divisor: u64, n: u64 },
}

/// What stands for each ordinal. Injective as far as [`Values::n`] goes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) enum Values {
    /// `low + step · ordinal`.
    Int {
        low: i64,
        step: i64,
        n: u64,
    },
    Wide {
        low: i128,
        step: i128,
        n: u64,
    },
    Float {
        low: f64,
        step: f64,
        n: u64,
    },
    /// Values one by one, in the wire's lane; pools of what the server made are `Cells::Bytes` of its images.
    List(Cells),
    /// Numbers that rise with their ordinals; floating-point ones have so many units to 1.
    Spread {
        stretches: Vec<Stretch>,
        per_unit: f64,
    },
    Codes(Codes),
    Template(Template),
    /// Texts that match patterns.
    Matching(Matching),
    /// Version 4, or 7 with the moments of a series.
    Uuid {
        series: Option<Series>,
    },
    /// Moments in the order of the ordinals, which are rows; days in a column of dates.
    Moments(Series),
    /// Bytes of these lengths.
    Bytes {
        min: u32,
        max: u32,
    },
    Network(Network),
    BitString {
        min: u32,
        max: u32,
    },
    /// Disjoint ranges: the ordinal's own cell of `cell` units from `low` on; `unit` as in [`Values::Int`].
    Slots {
        element: RangeElement,
        low: i64,
        cell: i64,
        width: i64,
    },
    Range {
        element: RangeElement,
        low: i64,
        n: u64,
        max_width: i64,
    },
    /// Of wired elements; the lengths are `min..=max`.
    Array {
        element_oid: u32,
        wire: Box<super::wire::Wire>,
        of: Box<Values>,
        min: u32,
        max: u32,
    },
    Composite(Vec<(u32, super::wire::Wire, Values)>),
    Document(Document),
    /// `tsvector` of `min..=max` lexemes.
    Lexemes {
        min: u32,
        max: u32,
    },
}

/// The ordinals `first..first + n`, spread evenly over the numbers `low..low + span`, which are at least as many. Each has an equal
/// part of them, and in it the number that the stream `key` says; without a stream the first one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Stretch {
    pub(crate) first: u64,
    pub(crate) n: u64,
    pub(crate) low: i128,
    pub(crate) span: i128,
    pub(crate) key: Option<u64>,
}

/// Texts that rise with their ordinals: `step · ordinal + offset` in `width` digits, and letters up to `n_chars`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Codes {
    pub(crate) n: u64,
    /// 26 (letters) or 36 (digits and letters).
    pub(crate) base: u64,
    pub(crate) width: u32,
    pub(crate) step: u64,
    pub(crate) offset: u64,
    pub(crate) n_chars: u32,
    /// The stream of the letters.
    pub(crate) key: u64,
    /// Texts from an ordinal on: each alone (then it is all of the text), or before the code.
    pub(crate) kept: Vec<(u64, String, bool)>,
}

/// Text of pieces, cut at `max_length` characters.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Template {
    pub(crate) pieces: Vec<Piece>,
    pub(crate) max_length: Option<u32>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) enum Piece {
    Literal(String),
    /// A word of a list, by its name in `guess::words`.
    Word {
        list: String,
        style: WordStyle,
    },
    /// `min..=max` words with blanks between.
    Words {
        list: String,
        min: u32,
        max: u32,
        sentence: bool,
    },
    /// Random decimal digits.
    Digits(u32),
    /// Random hexadecimal digits.
    Hex(u32),
    /// The ordinal in base 36, `n` digits: what makes the text unique.
    Code(u32),
    /// The ordinal in base 10, `n` digits.
    DecimalCode(u32),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum WordStyle {
    AsIs,
    Lower,
    /// Lower case, all but letters and digits replaced by `-`.
    Slug,
}

/// A rate over time: `knots` are moments (µs since 2000) at equal shares of the rows.
///
/// Rank: the hour since `from_us`; slots: rows. A row's moment is in its hour, in the order of the rows.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Series {
    pub(crate) from_us: i64,
    /// The length of a rank.
    pub(crate) step_us: i64,
    pub(crate) curve: Curve,
    /// What moments are rounded down to, in µs: 1, or a day for dates.
    pub(crate) unit_us: i64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Network {
    Inet,
    Cidr,
    MacAddr,
    MacAddr8,
}

/// What the bounds of a range are, and how they are wired.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum RangeElement {
    Int4,
    Int8,
    Date,
    Timestamp,
    /// Whole numbers as `numeric`.
    Numeric,
    /// Successive UUIDs, for range types over `uuid`.
    Uuid,
}

/// A JSON object: keys with what they hold and in which share of the documents.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Document {
    pub(crate) members: Vec<Member>,
    /// An array of such objects, of up to so many elements.
    pub(crate) array_up_to: Option<u32>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Member {
    pub(crate) key: String,
    /// Per mille of the documents that have it.
    pub(crate) share: u16,
    pub(crate) value: MemberValue,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) enum MemberValue {
    Bool,
    Int { low: i64, high: i64 },
    Decimal { high: i64 },
    Text(Template),
    OneOf(Vec<String>),
    Tags { list: String, up_to: u32 },
    Moment,
    Object(Document),
    Null,
}

/// Cells that are made of other cells.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) enum Derived {
    Copy {
        of: ColumnId,
    },
    /// The first that is not NULL.
    FirstOf(Vec<ColumnId>),
    /// `of + low + drawn · step` in the column's own unit; NULL where `of` is.
    Beyond {
        of: ColumnId,
        low: i64,
        step: i64,
        draw: Draw,
        cut: Cut,
    },
    /// The own moment, and not before `low` after the parent's.
    Since {
        own: Box<Maker>,
        edge: EdgeId,
        column: ColumnId,
        low: i64,
    },
    /// `(to - from) / unit`, rounded down; NULL where either is. A date is its first moment beside what is no date.
    Between {
        from: ColumnId,
        to: ColumnId,
        unit: i64,
    },
}

/// What happens to a value beyond a limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Cut {
    None,
    /// It is still to come: NULL.
    NullAbove(i64),
    /// It is the limit.
    At(i64),
    /// The same of a value below it.
    AtLeast(i64),
}
