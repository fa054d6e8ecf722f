//! Numbers with their units, as people read and write them.

use std::time::Duration;

/// PostgreSQL's memory units: each is 1024 times the one before (manual, "Setting Parameters").
const BYTE_UNITS: [&str; 5] = ["B", "kB", "MB", "GB", "TB"];

/// Returns a size with three digits at the most, as in `7.4 MB`.
pub(crate) fn bytes(n: u64) -> String {
    #[expect(clippy::cast_precision_loss, reason = "three digits are shown")]
    let mut value = n as f64;
    let mut unit = 0;
    while value >= 999.5 && unit + 1 < BYTE_UNITS.len() {
        value /= 1024.0;
        unit += 1;
    }
    let digits = usize::from(unit > 0 && value < 9.95);
    format!("{value:.digits$} {}", BYTE_UNITS[unit])
}

/// Reads a size such as `500MB`, `64kb` or `1.5 GB`; a bare number is bytes.
pub(crate) fn parse_bytes(text: &str) -> Option<u64> {
    let text = text.trim();
    let split = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, unit) = text.split_at(split);
    let unit = unit.trim();
    let power = if unit.is_empty() {
        0
    } else {
        BYTE_UNITS.iter().position(|known| known.eq_ignore_ascii_case(unit))?
    };
    let value = number.parse::<f64>().ok()? * 1024_f64.powi(i32::try_from(power).ok()?);
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "checked to be in range")]
    (value.is_finite() && (0.0..1e18).contains(&value)).then_some(value as u64)
}

/// Returns milliseconds with about three digits, as in `0.042`, `1.25`, `370`.
pub(crate) fn milliseconds(ms: f64) -> String {
    let digits = if ms < 0.1 {
        3
    } else if ms < 10.0 {
        2
    } else {
        usize::from(ms < 100.0)
    };
    format!("{ms:.digits$}")
}

/// Returns nanoseconds as milliseconds.
#[expect(clippy::cast_precision_loss, reason = "2^53 ns are a hundred days")]
pub(crate) fn ns_to_ms(ns: u64) -> f64 {
    ns as f64 / 1e6
}

/// Returns a share in whole percent, as in `85 %`.
pub(crate) fn whole_percent(share: f64) -> String {
    format!("{:.0} %", share * 100.0)
}

/// Returns a count with its thousands apart, as in `5,000,000`.
pub(crate) fn count(n: u64) -> String {
    let digits = n.to_string();
    let mut text = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Returns a count with its noun, as in `1 index`, `2 indexes` and `3 queries`.
pub(crate) fn counted(n: u64, noun: &str) -> String {
    let plural = match noun.strip_suffix('y') {
        _ if n == 1 => noun.to_owned(),
        Some(stem) => format!("{stem}ies"),
        None if noun.ends_with('x') => format!("{noun}es"),
        None => format!("{noun}s"),
    };
    format!("{} {plural}", count(n))
}

/// Returns a count that is not exact, without digits after the point.
pub(crate) fn estimate(n: f64) -> String {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "clamped to the range of u64"
    )]
    count(n.round().clamp(0.0, 1e18) as u64)
}

/// Returns a count with three digits at the most from ten thousand on, as in `1.47M`.
pub(crate) fn short_count(n: f64) -> String {
    const UNITS: [&str; 5] = ["k", "M", "G", "T", "P"];
    if n < 9_999.5 {
        return estimate(n);
    }
    let mut value = n / 1000.0;
    let mut unit = 0;
    while value >= 999.5 && unit + 1 < UNITS.len() {
        value /= 1000.0;
        unit += 1;
    }
    let digits = if value < 9.995 { 2 } else { usize::from(value < 99.95) };
    format!("{value:.digits$}{}", UNITS[unit])
}

/// Returns how many times smaller `after` is than `before`, as in `12.5×`.
pub(crate) fn ratio(before: f64, after: f64) -> String {
    if before <= 0.0 || after <= 0.0 {
        return "-".to_owned();
    }
    let ratio = before / after;
    let digits = if ratio < 10.0 { 2 } else { usize::from(ratio < 100.0) };
    format!("{ratio:.digits$}×")
}

/// Returns a duration in milliseconds.
pub(crate) fn as_ms(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1000.0
}

/// Returns a time rounded to the microsecond, for JSON.
pub(crate) fn json_ms(ms: f64) -> f64 {
    (ms * 1000.0).round() / 1000.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn writes_bytes() {
        for (n, expected) in [
            (0, "0 B"),
            (999, "999 B"),
            (1024, "1.0 kB"),
            (7_759_462, "7.4 MB"),
            (1 << 30, "1.0 GB"),
            (1_048_100_000, "1.0 GB"),
        ] {
            assert_eq!(bytes(n), expected);
        }
    }

    #[test]
    fn counts_have_their_noun() {
        let found = [(1, "index"), (2, "index"), (1, "query"), (0, "query"), (4000, "row")]
            .map(|(n, noun)| counted(n, noun));
        assert_eq!(found, ["1 index", "2 indexes", "1 query", "0 queries", "4,000 rows"]);
    }

    #[test]
    fn reads_bytes() {
        for (text, expected) in [
            ("512", Some(512)),
            ("64kB", Some(65_536)),
            ("500MB", Some(524_288_000)),
            ("1.5 gb", Some(1_610_612_736)),
            ("MB", None),
            ("5 XB", None),
            ("-1", None),
        ] {
            assert_eq!(parse_bytes(text), expected, "{text}");
        }
    }

    #[test]
    fn writes_counts_and_times() {
        assert_eq!(count(5_000_000), "5,000,000");
        assert_eq!(count(12), "12");
        for (n, expected) in
            [(9999.0, "9,999"), (10_000.0, "10.0k"), (1_470_273.0, "1.47M"), (99_960.0, "100k")]
        {
            assert_eq!(short_count(n), expected);
        }
        assert_eq!(milliseconds(0.0423), "0.042");
        assert_eq!(milliseconds(1.254), "1.25");
        assert_eq!(milliseconds(370.2), "370");
        assert_eq!(ratio(10.0, 0.8), "12.5×");
        assert_eq!(ratio(10.0, 0.0), "-");
    }
}
