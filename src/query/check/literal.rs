//! Constants as exact values.

use std::fmt::Write as _;

use chrono::{DateTime, Days, NaiveDate, NaiveDateTime, NaiveTime};
use serde::{Deserialize, Serialize};

/// A constant. The cast that PostgreSQL prints with it decides its kind: `'5'::smallint` is `Int(5)`, `'5'::text` is
/// `Text`, `'5'` alone is `Text` too. What is compared is decided by the column: a `Text` against a date column, as
/// partition bounds have it, is read as a date there. [`Literal::text`] gives the text that the input function of the
/// type takes; numbers, texts and `Other` keep what was written.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) enum Literal {
    Null,
    Bool(bool),
    Int(i128),
    /// A decimal fraction as written, as in `0.50`.
    Numeric(String),
    Text(String),
    /// Microseconds since 2000-01-01 00:00, UTC where it has a time zone.
    Timestamp(i64),
    /// Days since 2000-01-01.
    Date(i32),
    Interval {
        months: i32,
        days: i32,
        us: i64,
    },
    /// A constant of another type: an enum's label, a uuid, `'NaN'::double precision`, `'infinity'::date`.
    Other {
        text: String,
        type_name: String,
    },
}

pub(crate) const US_PER_DAY: i64 = 86_400_000_000;

/// 2000-01-01, the epoch of PostgreSQL.
fn epoch() -> NaiveDate {
    NaiveDate::from_ymd_opt(2000, 1, 1).expect("a date")
}

impl Literal {
    /// Returns the text that the input function of its type reads; `None` for NULL.
    pub(crate) fn text(&self) -> Option<String> {
        Some(match self {
            Self::Null => return None,
            Self::Bool(value) => value.to_string(),
            Self::Int(value) => value.to_string(),
            Self::Numeric(text) | Self::Text(text) | Self::Other { text, .. } => text.clone(),
            Self::Timestamp(us) => {
                let (days, rest) = (us.div_euclid(US_PER_DAY), us.rem_euclid(US_PER_DAY));
                let date = date_text(days);
                let (date, era) = date.strip_suffix(" BC").map_or((&*date, ""), |date| (date, " BC"));
                format!("{date} {}{era}", time_text(rest))
            }
            Self::Date(days) => date_text(i64::from(*days)),
            Self::Interval { months, days, us } => {
                let mut text = format!("{months} mons {days} days");
                // The sign counts for the whole time of day.
                let sign = if *us < 0 { '-' } else { '+' };
                let _ = write!(text, " {sign}{}.{:06} seconds", us.abs() / 1_000_000, us.abs() % 1_000_000);
                text
            }
        })
    }
}

/// Writes days since 2000 as a date; what `chrono` cannot hold is cut to what it can.
fn date_text(days: i64) -> String {
    let date = match u64::try_from(days) {
        Ok(after) => epoch().checked_add_days(Days::new(after)).unwrap_or(NaiveDate::MAX),
        Err(_) => epoch().checked_sub_days(Days::new(days.unsigned_abs())).unwrap_or(NaiveDate::MIN),
    };
    let year = chrono::Datelike::year(&date);
    let day = date.format("%m-%d");
    if year > 0 { format!("{year:04}-{day}") } else { format!("{:04}-{day} BC", 1 - i64::from(year)) }
}

fn time_text(us: i64) -> String {
    let seconds = us / 1_000_000;
    let (h, m, s) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    match us % 1_000_000 {
        0 => format!("{h:02}:{m:02}:{s:02}"),
        fraction => format!("{h:02}:{m:02}:{s:02}.{fraction:06}"),
    }
}

/// Reads a date in ISO form, as days since 2000.
pub(crate) fn date(text: &str) -> Option<i32> {
    let date = NaiveDate::parse_from_str(text.trim(), "%Y-%m-%d").ok()?;
    i32::try_from((date - epoch()).num_days()).ok()
}

/// Reads a moment in ISO form with or without a time and an offset, as microseconds since 2000.
pub(crate) fn timestamp(text: &str) -> Option<i64> {
    let text = text.trim();
    let start = epoch().and_time(NaiveTime::MIN);
    if let Some(days) = date(text) {
        return i64::from(days).checked_mul(US_PER_DAY);
    }
    if let Ok(moment) = NaiveDateTime::parse_from_str(&text.replacen('T', " ", 1), "%Y-%m-%d %H:%M:%S%.f") {
        return (moment - start).num_microseconds();
    }
    // `+00`, `+05:30`: PostgreSQL leaves out minutes that are zero.
    let moment = DateTime::parse_from_str(text, "%Y-%m-%d %H:%M:%S%.f%#z").ok()?;
    (moment.naive_utc() - start).num_microseconds()
}

/// Reads an interval as PostgreSQL prints it (`1 year 2 mons -3 days 04:05:06.7`) and with units in full.
pub(crate) fn interval(text: &str) -> Option<Literal> {
    let (mut months, mut days, mut us) = (0_i32, 0_i32, 0_i64);
    let mut words = text.split_whitespace();
    let mut is_empty = true;
    while let Some(word) = words.next() {
        is_empty = false;
        if word.contains(':') {
            us = us.checked_add(clock(word)?)?;
            continue;
        }
        let unit = words.next()?.trim_end_matches('s').to_lowercase();
        if matches!(&*unit, "sec" | "second" | "min" | "minute" | "hour" | "hr") {
            let per = if unit.starts_with('s') {
                1
            } else if unit.starts_with('m') {
                60
            } else {
                3600
            };
            us = us.checked_add(seconds(word)?.checked_mul(per)?)?;
            continue;
        }
        let n: i32 = word.parse().ok()?;
        match &*unit {
            "year" | "yr" => months = months.checked_add(n.checked_mul(12)?)?,
            "mon" | "month" => months = months.checked_add(n)?,
            "week" => days = days.checked_add(n.checked_mul(7)?)?,
            "day" => days = days.checked_add(n)?,
            _ => return None,
        }
    }
    (!is_empty).then_some(Literal::Interval { months, days, us })
}

/// Reads `[-]HH:MM[:SS[.ffffff]]`, as microseconds.
pub(crate) fn clock(text: &str) -> Option<i64> {
    let (sign, text) = match text.strip_prefix('-') {
        Some(rest) => (-1, rest),
        None => (1, text.trim_start_matches('+')),
    };
    let mut parts = text.splitn(3, ':');
    let mut whole = || parts.next()?.parse::<u32>().ok();
    let (hours, minutes) = (whole()?, whole()?);
    let us = i64::from(hours) * 3_600_000_000 + i64::from(minutes) * 60_000_000;
    Some(sign * (us + parts.next().map_or(Some(0), seconds)?))
}

/// Reads decimal seconds, as microseconds.
fn seconds(text: &str) -> Option<i64> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let is_negative = whole.starts_with('-');
    let whole: i64 = whole.parse().ok()?;
    if fraction.len() > 6 || !fraction.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let fraction: i64 = format!("{fraction:0<6}").parse().ok()?;
    whole.checked_mul(1_000_000)?.checked_add(if is_negative { -fraction } else { fraction })
}
