//! Cells to the bytes of COPY BINARY (manual: COPY, "Binary Format").

pub(crate) mod column;
mod fixed;
pub(crate) mod nested;
mod numeric;
pub(crate) mod read;
pub(crate) mod rows;
#[cfg(test)]
mod tests;

use serde::{Deserialize, Serialize};

use super::make::lane::Kind;

/// How the cells of a lane are sent; the comment names the lane.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) enum Wire {
    /// Int: 0 or 1.
    Bool,
    /// Int.
    Int2,
    Int4,
    Int8,
    /// Int, from 0 to 2^32 - 1.
    Oid,
    /// Float.
    Float4,
    Float8,
    /// Wide: the value times `10^scale`.
    Numeric {
        scale: u16,
    },
    /// Int: days since 2000-01-01.
    Date,
    /// Int: µs (time, timestamp, timestamptz).
    Micros,
    /// Int: µs, as `time with time zone` at UTC.
    TimeTz,
    /// Int: µs, as an `interval` of days and the rest.
    Interval,
    /// Wide.
    Uuid,
    /// Bytes as they are: text, bytea, json, xml, and values that are in their wire form.
    Bytes,
    /// Bytes of a JSON text.
    Jsonb,
    /// Bytes of a range, sent as the multirange of it alone.
    Multirange,
    /// Int: the place of a label.
    Labels(Vec<String>),
}

impl Wire {
    /// Returns which cells it takes.
    pub(crate) fn kind(&self) -> Kind {
        match self {
            Self::Float4 | Self::Float8 => Kind::Float,
            Self::Numeric { .. } | Self::Uuid => Kind::Wide,
            Self::Bytes | Self::Jsonb | Self::Multirange => Kind::Bytes,
            _ => Kind::Int,
        }
    }
}

impl Wire {
    /// Bytes that a value takes in COPY, about: what decides how many rows go into a transaction.
    pub(crate) fn bytes_about(&self) -> u64 {
        match self {
            Self::Bool | Self::Int2 => 6,
            Self::Int4 | Self::Oid | Self::Float4 | Self::Date => 8,
            Self::Int8 | Self::Float8 | Self::Micros => 12,
            Self::Numeric { .. } | Self::TimeTz | Self::Labels(_) => 16,
            Self::Interval | Self::Uuid => 20,
            Self::Bytes => 40,
            Self::Jsonb | Self::Multirange => 120,
        }
    }
}
