//! Time in the units of the wire: microseconds, counted from 2000-01-01 UTC.

pub(crate) use crate::query::check::literal::US_PER_DAY as DAY_US;

pub(crate) const HOUR_US: i64 = 3_600_000_000;
/// 2000-01-01, where PostgreSQL counts from, in µs since 1970.
pub(crate) const POSTGRES_EPOCH_US: i64 = 946_684_800_000_000;
