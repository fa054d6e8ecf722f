//! Times as `log_line_prefix`, csvlog and jsonlog write them.

use crate::trace::Time;

const NANOS_PER_S: u64 = 1_000_000_000;

/// A time and how many bytes it takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Read {
    pub(super) time: Time,
    pub(super) length: usize,
    /// Whether the abbreviation of the zone is one that PostgreSQL's default set has; others are taken for UTC.
    pub(super) is_zone_known: bool,
}

/// Reads `2026-11-22 11:48:11.123 UTC`, with or without the fraction, from the beginning of a text.
pub(super) fn read(text: &[u8]) -> Option<Read> {
    let digits = |from: usize, n: usize| number(text.get(from..from + n)?);
    let is = |at: usize, byte: u8| text.get(at) == Some(&byte);
    if !(is(4, b'-') && is(7, b'-') && (is(10, b' ') || is(10, b'T')) && is(13, b':') && is(16, b':')) {
        return None;
    }
    let (year, month, day) = (digits(0, 4)?, digits(5, 2)?, digits(8, 2)?);
    let (hour, minute, second) = (digits(11, 2)?, digits(14, 2)?, digits(17, 2)?);
    if !(1..=12).contains(&month) || !(1..=31).contains(&day) || hour > 23 || minute > 59 || second > 60 {
        return None;
    }
    let (fraction_ns, mut at) = if is(19, b'.') { fraction(text, 20)? } else { (0, 19) };
    let mut offset_s = 0;
    let mut is_zone_known = true;
    if is(at, b' ') {
        let zone = zone(&text[at + 1..])?;
        (offset_s, is_zone_known) = (zone.offset_s, zone.is_known);
        at += 1 + zone.length;
    }
    let seconds = days_from_civil(year, month, day) * 86_400 + hour * 3_600 + minute * 60 + second - offset_s;
    Some(Read { time: time(seconds, fraction_ns)?, length: at, is_zone_known })
}

/// Reads `1763812091.123` (`%n`): seconds since 1970 with milliseconds.
pub(super) fn read_epoch(text: &[u8]) -> Option<Read> {
    let end = text.iter().position(|byte| !byte.is_ascii_digit()).unwrap_or(text.len());
    let seconds = number(text.get(..end).filter(|digits| !digits.is_empty() && digits.len() < 12)?)?;
    let (fraction_ns, at) = if text.get(end) == Some(&b'.') { fraction(text, end + 1)? } else { (0, end) };
    Some(Read { time: time(seconds, fraction_ns)?, length: at, is_zone_known: true })
}

/// `None` before 1970, and from 2554 on, which nanoseconds do not reach.
fn time(seconds: i64, fraction_ns: u64) -> Option<Time> {
    u64::try_from(seconds).ok()?.checked_mul(NANOS_PER_S)?.checked_add(fraction_ns).map(Time)
}

/// Returns the nanoseconds of a fraction of a second, and where it ends.
fn fraction(text: &[u8], from: usize) -> Option<(u64, usize)> {
    let n = text[from..].iter().take_while(|byte| byte.is_ascii_digit()).count();
    if n == 0 || n > 9 {
        return None;
    }
    let missing = u32::try_from(9 - n).ok()?;
    let fraction = u64::try_from(number(&text[from..from + n])?).ok()?;
    Some((fraction * 10_u64.pow(missing), from + n))
}

fn number(digits: &[u8]) -> Option<i64> {
    digits.iter().try_fold(0, |number: i64, digit| {
        digit.is_ascii_digit().then(|| number * 10 + i64::from(digit - b'0'))
    })
}

struct Zone {
    offset_s: i64,
    length: usize,
    is_known: bool,
}

/// Reads an abbreviation, or an offset such as `+05:30`, which zones without an abbreviation have.
fn zone(text: &[u8]) -> Option<Zone> {
    let letters = text.iter().take_while(|byte| byte.is_ascii_alphabetic()).count();
    if letters > 0 {
        let offset_m = abbreviation(&text[..letters]);
        return Some(Zone {
            offset_s: offset_m.unwrap_or(0) * 60,
            length: letters,
            is_known: offset_m.is_some(),
        });
    }
    let sign = match text.first()? {
        b'+' => 1,
        b'-' => -1,
        _ => return None,
    };
    let hours = number(text.get(1..3)?)?;
    let minutes = match text.get(3) {
        Some(b':') => text.get(4..6).and_then(number).map(|minutes| (minutes, 6)),
        _ => text.get(3..5).and_then(number).map(|minutes| (minutes, 5)),
    };
    let (minutes, length) = minutes.unwrap_or((0, 3));
    Some(Zone { offset_s: sign * (hours * 3_600 + minutes * 60), length, is_known: true })
}

/// Minutes east of Greenwich, as in PostgreSQL's default set of abbreviations (manual, appendix B.4), of the zones
/// that most people live in.
fn abbreviation(name: &[u8]) -> Option<i64> {
    let minutes = match name {
        b"UTC" | b"GMT" | b"UCT" | b"WET" | b"Z" => 0,
        b"CET" | b"BST" | b"WEST" | b"MET" | b"WAT" => 60,
        b"CEST" | b"EET" | b"SAST" | b"IST" | b"CAT" | b"MEST" => 120,
        b"EEST" | b"MSK" | b"EAT" | b"IDT" | b"TRT" => 180,
        b"PKT" => 300,
        b"NPT" => 345,
        b"WIB" | b"ICT" => 420,
        b"HKT" | b"SGT" | b"PHT" | b"AWST" => 480,
        b"JST" | b"KST" => 540,
        b"ACST" => 570,
        b"AEST" => 600,
        b"ACDT" => 630,
        b"AEDT" => 660,
        b"NZST" => 720,
        b"NZDT" => 780,
        b"NDT" => -150,
        b"NST" => -210,
        b"ADT" | b"BRT" | b"ART" => -180,
        b"AST" | b"EDT" => -240,
        b"EST" | b"CDT" => -300,
        b"CST" | b"MDT" => -360,
        b"MST" | b"PDT" => -420,
        b"PST" | b"AKDT" => -480,
        b"AKST" => -540,
        b"HST" => -600,
        _ => return None,
    };
    Some(minutes)
}

/// Days since 1970-01-01 (Hinnant, "chrono-Compatible Low-Level Date Algorithms").
fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era * 146_097 + day_of_era - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: Option<(u64, usize)>) {
        let found = read(text.as_bytes()).map(|read| (read.time.0 / 1_000_000, read.length));
        assert_eq!(found, expected, "{text}");
    }

    #[test]
    fn reads_times_of_all_zones() {
        check("2026-11-22 11:48:11.123 UTC [1]", Some((1_795_348_091_123, 27)));
        check("2026-11-22 12:48:11 CET:", Some((1_795_348_091_000, 23)));
        check("2026-11-22 17:18:11.5 +0530", Some((1_795_348_091_500, 27)));
        check("2026-11-22 08:18:11 -03:30", Some((1_795_348_091_000, 26)));
        check("2026-11-22 14:48:11 +03 x", Some((1_795_348_091_000, 23)));
        check("2026-11-22 11:48:11 UTC-63b0", Some((1_795_348_091_000, 23)));
        check("1970-01-01 00:00:00 GMT", Some((0, 23)));
        check("2024-02-29 00:00:00 GMT", Some((1_709_164_800_000, 23)));
    }

    #[test]
    fn refuses_what_is_no_time() {
        for text in [
            "",
            "2026-13-22 11:48:11 UTC",
            "2026-11-22",
            "2026-11-22 25:48:11 UTC",
            "2026-1a-22 11:48:11 UTC",
            "1969-12-31 23:59:59 UTC",
            "9999-11-22 11:48:11 UTC",
        ] {
            check(text, None);
        }
    }

    #[test]
    fn reads_seconds_since_1970() {
        let found = read_epoch(b"1795348091.123 [1]").unwrap();
        assert_eq!((found.time, found.length), (Time(1_795_348_091_123_000_000), 14));
        assert_eq!(read_epoch(b"x"), None);
        assert_eq!(read_epoch(b"99999999999.5 "), None);
    }

    #[test]
    fn says_which_zones_are_unknown() {
        assert!(!read(b"2026-11-22 11:48:11 XYZ").unwrap().is_zone_known);
        assert!(read(b"2026-11-22 11:48:11 PST").unwrap().is_zone_known);
    }
}
