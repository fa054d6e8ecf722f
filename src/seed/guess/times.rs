//! Moments, times of day and intervals.

use super::lexicon;
use super::numbers::{self, CREATIONS, When};
use crate::seed::make::series::{Rate, series};
use crate::seed::make::{Cut, Derived, Draw, Maker, Values};
use crate::seed::schema::types::Type;
use crate::seed::schema::{ColumnId, Field, Relation};
pub(super) use crate::seed::time::DAY_US;

const SECOND_US: i64 = 1_000_000;
const SECONDS_OF_DAY: u64 = 86_400;
/// The period of moments that no run decides: 2022-01-01 up to the end of 2024.
pub(super) const FROM_US: i64 = 8_036 * DAY_US;
pub(super) const N_DAYS: u64 = 1_096;
/// Births: from 1950-01-01 over 55 years.
const BIRTH_FROM_DAY: i64 = -18_262;
const N_BIRTH_DAYS: u64 = 55 * 365;
/// Times of day come every five minutes.
const TIME_STEP_US: i64 = 300 * SECOND_US;
/// Intervals are whole minutes up to a day.
const MINUTE_US: i64 = 60 * SECOND_US;

/// The time in which a table's rows come to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Period {
    /// µs since 2000-01-01 UTC; the end is not part of it.
    pub(crate) from_us: i64,
    pub(crate) to_us: i64,
    pub(crate) n_rows: u64,
}

/// Returns the maker of a column of dates or moments within a run's own period; `None` of other columns.
///
/// Columns like `created_at` rise with the rows, others come after such a one of their table.
pub(crate) fn timed(column: ColumnId, relation: &Relation, period: &Period) -> Option<Maker> {
    let field = relation.field(column);
    let unit_us = unit_us(&field.ty)?;
    let words = lexicon::tokens(&field.name);
    let base = || creation(column, relation);
    let drawn = |draw, values| Some(Maker::Drawn { draw, values });
    // Steps of days in dates, of seconds else.
    let (own_us, step_us) = if field.ty == Type::Date { (DAY_US, DAY_US) } else { (1, SECOND_US) };
    let steps = |days: i64| (days.max(1) * (DAY_US / step_us)).unsigned_abs() + 1;
    let uniform = |from_us: i64, to_us: i64| {
        let n = (to_us.saturating_sub(from_us) / step_us).max(1).unsigned_abs();
        // The first whole step, so that moments need no precision.
        let low = from_us.div_euclid(step_us) * step_us;
        drawn(Draw::Uniform { n }, Values::Int { low: low / own_us, step: step_us / own_us, n })
    };
    let beyond = |of: ColumnId, low: i64, days: i64, cut: Cut| {
        let draw = Draw::Uniform { n: steps(days) };
        Some(Maker::Derived(Derived::Beyond { of, low, step: step_us / own_us, draw, cut }))
    };
    let end = period.to_us.div_euclid(own_us);
    match (numbers::when(&words).unwrap_or(When::Past), base()) {
        (When::Series, _) => {
            let moments = series(period.from_us, period.to_us, &Rate::default(), period.n_rows, unit_us);
            drawn(Draw::Row, Values::Moments(moments))
        }
        (When::After { days, .. }, Some(of)) => {
            let cut = if field.not_null { Cut::At(end) } else { Cut::NullAbove(end) };
            beyond(of, 0, days, cut)
        }
        (When::Future { days, .. }, Some(of)) => beyond(of, step_us / own_us, days, Cut::None),
        (When::Future { days, .. }, None) => {
            uniform(period.to_us, period.to_us.saturating_add(days * DAY_US))
        }
        (When::Birth, _) => {
            let (draw, values, _) = plain(&field.ty, &words);
            drawn(draw, values)
        }
        (When::After { .. } | When::Past, _) => uniform(period.from_us, period.to_us),
    }
}

/// Returns the column that a later moment comes after: when the row, or what it tells of, began.
fn creation(column: ColumnId, relation: &Relation) -> Option<ColumnId> {
    const BEGINNINGS: &[&str] =
        &["start", "starts", "started", "from", "begin", "began", "checkin", "in", "opened"];
    const ENDS: &[&str] =
        &["end", "ends", "ended", "to", "until", "finish", "finished", "stop", "checkout", "out", "closed"];
    let has = |field: &Field, known: &[&str]| {
        lexicon::tokens(&field.name).iter().any(|word| known.contains(&word.as_str()))
    };
    let is_creation = |field: &Field| {
        unit_us(&field.ty).is_some()
            && numbers::when(&lexicon::tokens(&field.name)) == Some(When::Series)
            && lexicon::ending(&lexicon::tokens(&field.name), CREATIONS).is_some()
    };
    let mut before =
        (0..).zip(&relation.fields).filter(|(place, field)| *place != column && is_creation(field));
    let is_end = has(relation.field(column), ENDS);
    let began = before.clone().find(|(_, field)| is_end && has(field, BEGINNINGS));
    began.or_else(|| before.next()).map(|(place, _)| place)
}

/// Whether a name is that of a moment.
pub(super) fn is_moment(words: &[String]) -> bool {
    numbers::when(words).is_some()
}

/// Returns in how many of a thousand rows a moment is NULL.
pub(super) fn nulls(ty: &Type, words: &[String]) -> Option<u64> {
    unit_us(ty)?;
    Some(match numbers::when(words)? {
        When::After { nulls, .. } | When::Future { nulls, .. } => nulls,
        When::Series => 0,
        When::Past | When::Birth => super::NULLS,
    })
}

/// Returns what moments of a type are multiples of.
fn unit_us(ty: &Type) -> Option<i64> {
    match ty {
        Type::Date => Some(DAY_US),
        Type::Timestamp { precision, .. } => Some(10_i64.pow(6 - u32::from((*precision).min(6)))),
        _ => None,
    }
}

/// Values of types of time, in a fixed period. All are whole seconds, which any precision holds.
pub(super) fn plain(ty: &Type, words: &[String]) -> (Draw, Values, bool) {
    let when = numbers::when(words);
    let (from_day, n_days) = match when {
        Some(When::Birth) => (BIRTH_FROM_DAY, N_BIRTH_DAYS),
        _ => (FROM_US / DAY_US, N_DAYS),
    };
    let (low, step, n) = match ty {
        Type::Date => (from_day, 1, n_days),
        Type::Time { .. } => (0, TIME_STEP_US, DAY_US.unsigned_abs() / TIME_STEP_US.unsigned_abs()),
        Type::Interval => (MINUTE_US, MINUTE_US, DAY_US.unsigned_abs() / MINUTE_US.unsigned_abs()),
        _ => (from_day * DAY_US, SECOND_US, n_days * SECONDS_OF_DAY),
    };
    (Draw::Uniform { n }, Values::Int { low, step, n }, when.is_some())
}

/// Different values of a type of time, whatever the day of the run: a century of days or seconds, and finer or wider steps
/// where more are needed.
pub(super) fn unique(ty: &Type, n_needed: u64) -> Values {
    /// 1925-01-01, and the days to 2025-01-01.
    const LOW_DAY: i64 = -27_393;
    const N_CENTURY_DAYS: u64 = 36_525;
    /// PostgreSQL's dates end in the year 5874897; these in 11900.
    const N_MOST_DAYS: u64 = 100 * N_CENTURY_DAYS;
    let us = |n: u64, unit_us: i64| n * (SECOND_US / unit_us).unsigned_abs();
    let (low, step, n) = match ty {
        Type::Date => (LOW_DAY, 1, if n_needed <= N_CENTURY_DAYS { N_CENTURY_DAYS } else { N_MOST_DAYS }),
        Type::Time { precision, .. } => {
            let unit_us = 10_i64.pow(6 - u32::from((*precision).min(6)));
            let step = if n_needed <= SECONDS_OF_DAY { SECOND_US } else { unit_us };
            (0, step, us(SECONDS_OF_DAY, step))
        }
        Type::Interval => (SECOND_US, SECOND_US, 1 << 40),
        _ => {
            let n_seconds = N_CENTURY_DAYS * SECONDS_OF_DAY;
            let step = if n_needed <= n_seconds { SECOND_US } else { unit_us(ty).unwrap_or(SECOND_US) };
            (LOW_DAY * DAY_US, step, us(n_seconds, step))
        }
    };
    Values::Int { low, step, n }
}
