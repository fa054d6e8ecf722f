//! Values of parameters as PostgreSQL writes them, from what clients send.

use std::fmt::Write as _;

use super::Value;

/// No value is kept beyond this.
const MAX_BYTES: usize = 8 * 1024;
/// Microseconds of a day, and days from 1970-01-01 to 2000-01-01, where the server's dates begin.
const DAY_US: i64 = 86_400_000_000;
const EPOCH_DAYS: i64 = 10_957;

/// Object identifiers of the types whose binary form is read (`pg_type.dat`; they never change).
mod oid {
    pub(super) const BOOL: u32 = 16;
    pub(super) const BYTEA: u32 = 17;
    pub(super) const INT8: u32 = 20;
    pub(super) const INT2: u32 = 21;
    pub(super) const INT4: u32 = 23;
    pub(super) const OID: u32 = 26;
    pub(super) const FLOAT4: u32 = 700;
    pub(super) const FLOAT8: u32 = 701;
    pub(super) const DATE: u32 = 1082;
    pub(super) const TIME: u32 = 1083;
    pub(super) const TIMESTAMP: u32 = 1114;
    pub(super) const TIMESTAMPTZ: u32 = 1184;
    pub(super) const NUMERIC: u32 = 1700;
    pub(super) const UUID: u32 = 2950;
    pub(super) const JSONB: u32 = 3802;
    /// Types whose binary form is their text: `"char"`, `name`, `text`, `json`, `xml`, `unknown`, `bpchar`, `varchar`.
    pub(super) const TEXTS: [u32; 8] = [18, 19, 25, 114, 142, 705, 1042, 1043];
    /// Arrays of the types above.
    pub(super) const ARRAYS: [u32; 19] = [
        1000, 1001, 1002, 1003, 1005, 1007, 1009, 1014, 1015, 1016, 1021, 1022, 1028, 1115, 1182, 1183, 1185,
        1231, 2951,
    ];
}

/// Returns a value that a client sends in text form.
pub(crate) fn of_text(bytes: &[u8]) -> Value {
    if bytes.len() > MAX_BYTES {
        return cut(bytes);
    }
    match std::str::from_utf8(bytes) {
        Ok(text) => Value::Text(text.to_owned()),
        Err(_) => Value::Binary(bytes.to_vec()),
    }
}

/// Returns a value that a client sends in binary form; it stays as it is where the type is not known.
pub(crate) fn of_binary(type_oid: u32, bytes: &[u8]) -> Value {
    if bytes.len() > MAX_BYTES {
        return cut(bytes);
    }
    text(type_oid, bytes).map_or_else(|| Value::Binary(bytes.to_vec()), Value::Text)
}

fn cut(bytes: &[u8]) -> Value {
    Value::Cut { start: bytes[..MAX_BYTES].to_vec(), n_bytes: bytes.len() as u64 }
}

fn text(type_oid: u32, bytes: &[u8]) -> Option<String> {
    Some(match type_oid {
        oid::BOOL => if fixed::<1>(bytes)? == [0] { "f" } else { "t" }.to_owned(),
        oid::INT2 => i16::from_be_bytes(fixed(bytes)?).to_string(),
        oid::INT4 => i32::from_be_bytes(fixed(bytes)?).to_string(),
        oid::INT8 => i64::from_be_bytes(fixed(bytes)?).to_string(),
        oid::OID => u32::from_be_bytes(fixed(bytes)?).to_string(),
        oid::FLOAT4 => float(&f32::from_be_bytes(fixed(bytes)?).to_string()),
        oid::FLOAT8 => float(&f64::from_be_bytes(fixed(bytes)?).to_string()),
        oid::BYTEA => bytes.iter().fold("\\x".to_owned(), |mut text, byte| {
            // A String takes whatever is written.
            _ = write!(text, "{byte:02x}");
            text
        }),
        oid::UUID => uuid(fixed(bytes)?),
        oid::DATE => date(i64::from(i32::from_be_bytes(fixed(bytes)?))),
        oid::TIME => time(i64::from_be_bytes(fixed(bytes)?)),
        oid::TIMESTAMP => timestamp(i64::from_be_bytes(fixed(bytes)?)),
        oid::TIMESTAMPTZ => match timestamp(i64::from_be_bytes(fixed(bytes)?)) {
            infinity if infinity.ends_with("infinity") => infinity,
            utc => format!("{utc}+00"),
        },
        oid::NUMERIC => numeric(bytes)?,
        // A version comes first.
        oid::JSONB => std::str::from_utf8(bytes.strip_prefix(&[1])?).ok()?.to_owned(),
        _ if oid::TEXTS.contains(&type_oid) => std::str::from_utf8(bytes).ok()?.to_owned(),
        _ if oid::ARRAYS.contains(&type_oid) => array(bytes)?,
        _ => return None,
    })
}

fn fixed<const N: usize>(bytes: &[u8]) -> Option<[u8; N]> {
    bytes.try_into().ok()
}

fn float(text: &str) -> String {
    text.replace("inf", "Infinity")
}

fn uuid(bytes: [u8; 16]) -> String {
    bytes.iter().enumerate().fold(String::with_capacity(36), |mut text, (n, byte)| {
        if matches!(n, 4 | 6 | 8 | 10) {
            text.push('-');
        }
        // A String takes whatever is written.
        _ = write!(text, "{byte:02x}");
        text
    })
}

/// A date by its days since 2000-01-01.
fn date(days: i64) -> String {
    match days {
        _ if days == i64::from(i32::MAX) => "infinity".to_owned(),
        _ if days == i64::from(i32::MIN) => "-infinity".to_owned(),
        _ => civil(days),
    }
}

/// Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms", `civil_from_days`.
fn civil(days: i64) -> String {
    let days = days + EPOCH_DAYS + 719_468;
    let era = days.div_euclid(146_097);
    let day_of_era = days.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    if year > 0 {
        format!("{year:04}-{month:02}-{day:02}")
    } else {
        format!("{:04}-{month:02}-{day:02} BC", 1 - year)
    }
}

fn time(us: i64) -> String {
    let (seconds, fraction) = (us.div_euclid(1_000_000), us.rem_euclid(1_000_000));
    let mut text = format!("{:02}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60);
    if fraction != 0 {
        let digits = format!("{fraction:06}");
        text.push('.');
        text.push_str(digits.trim_end_matches('0'));
    }
    text
}

/// A timestamp by its microseconds since 2000-01-01.
fn timestamp(us: i64) -> String {
    match us {
        i64::MAX => return "infinity".to_owned(),
        i64::MIN => return "-infinity".to_owned(),
        _ => {}
    }
    let date = civil(us.div_euclid(DAY_US));
    let time = time(us.rem_euclid(DAY_US));
    match date.strip_suffix(" BC") {
        Some(date) => format!("{date} {time} BC"),
        None => format!("{date} {time}"),
    }
}

/// Digits in base 10000 (`numeric_send`).
fn numeric(bytes: &[u8]) -> Option<String> {
    let mut words = bytes.chunks_exact(2).map(|pair| u16::from_be_bytes([pair[0], pair[1]]));
    let (n_digits, weight) = (words.next()?, words.next()?.cast_signed());
    let (sign, scale) = (words.next()?, words.next()?);
    let sign = match sign {
        0 => "",
        0x4000 => "-",
        0xc000 => return Some("NaN".to_owned()),
        0xd000 => return Some("Infinity".to_owned()),
        0xf000 => return Some("-Infinity".to_owned()),
        _ => return None,
    };
    let digits: Vec<u16> = words.collect();
    if digits.len() != usize::from(n_digits) || digits.iter().any(|digit| *digit > 9999) {
        return None;
    }
    let digit = |place: i32| {
        let n = usize::try_from(i32::from(weight) - place).ok()?;
        digits.get(n).copied()
    };
    let mut text = sign.to_owned();
    // The digits before the point have the places `weight` to 0.
    let first = i32::from(weight).max(0);
    // No number that a client sends is this long, but what claims to be one may be.
    if first > 4096 || scale > 16_383 {
        return None;
    }
    for place in (0..=first).rev() {
        let digit = digit(place).unwrap_or(0);
        // A String takes whatever is written.
        _ = if place == first { write!(text, "{digit}") } else { write!(text, "{digit:04}") };
    }
    if scale > 0 {
        let mut fraction = String::new();
        for n in 1..=i32::from(scale).div_euclid(4) + 1 {
            _ = write!(fraction, "{:04}", digit(-n).unwrap_or(0));
        }
        text.push('.');
        text.push_str(&fraction[..usize::from(scale)]);
    }
    Some(text)
}

/// An array of one dimension (`array_send`).
fn array(bytes: &[u8]) -> Option<String> {
    let (header, mut rest) = bytes.split_at_checked(12)?;
    let word =
        |n: usize| header[4 * n..4 * n + 4].iter().fold(0_u32, |word, byte| word << 8 | u32::from(*byte));
    let element = word(2);
    match word(0) {
        0 => return Some("{}".to_owned()),
        1 if !oid::ARRAYS.contains(&element) => {}
        _ => return None,
    }
    let (dimension, elements) = rest.split_at_checked(8)?;
    // Arrays that do not begin at 1 are written otherwise.
    if dimension[4..] != [0, 0, 0, 1] {
        return None;
    }
    rest = elements;
    let mut items = Vec::new();
    while !rest.is_empty() {
        let (length, after) = rest.split_first_chunk::<4>()?;
        let length = i32::from_be_bytes(*length);
        if length == -1 {
            rest = after;
            items.push("NULL".to_owned());
            continue;
        }
        let (item, after) = after.split_at_checked(usize::try_from(length).ok()?)?;
        rest = after;
        items.push(quoted(&text(element, item)?));
    }
    (items.len() == usize::try_from(i32::from_be_bytes(fixed(&dimension[..4])?)).ok()?)
        .then(|| format!("{{{}}}", items.join(",")))
}

/// An element as `array_out` writes it.
fn quoted(item: &str) -> String {
    let needs_quotes = item.is_empty()
        || item.eq_ignore_ascii_case("null")
        || item.contains(|c: char| c.is_ascii_whitespace() || "{},\"\\".contains(c));
    if needs_quotes {
        format!("\"{}\"", item.replace('\\', "\\\\").replace('"', "\\\""))
    } else {
        item.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn check(type_oid: u32, bytes: &[u8], expected: &str) {
        assert_eq!(of_binary(type_oid, bytes), Value::Text(expected.to_owned()));
    }

    /// The expected texts are what PostgreSQL 15 prints for what `*send` returns.
    #[test]
    fn reads_binary_forms() {
        check(oid::BOOL, &[1], "t");
        check(oid::INT4, &(-7_i32).to_be_bytes(), "-7");
        check(oid::FLOAT8, &0.1_f64.to_be_bytes(), "0.1");
        check(oid::BYTEA, b"\x00\xff", "\\x00ff");
        check(oid::UUID, &[0xab; 16], "abababab-abab-abab-abab-abababababab");
        check(oid::DATE, &9_557_i32.to_be_bytes(), "2026-03-02");
        check(oid::DATE, &(-730_119_i32).to_be_bytes(), "0001-01-01");
        check(oid::DATE, &(-730_120_i32).to_be_bytes(), "0001-12-31 BC");
        check(oid::TIMESTAMP, &(-1_i64).to_be_bytes(), "1999-12-31 23:59:59.999999");
        check(oid::TIMESTAMPTZ, &3_600_500_000_i64.to_be_bytes(), "2000-01-01 01:00:00.5+00");
        check(oid::TIMESTAMPTZ, &i64::MAX.to_be_bytes(), "infinity");
        check(oid::JSONB, b"\x01{}", "{}");
        check(25, "é".as_bytes(), "é");
        let int4_array = [
            &[0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 23, 0, 0, 0, 2, 0, 0, 0, 1][..],
            &[0, 0, 0, 4, 0, 0, 0, 5, 255, 255, 255, 255],
        ]
        .concat();
        check(1007, &int4_array, "{5,NULL}");
    }

    #[test]
    fn reads_numbers_of_any_length() {
        let numeric = |weight: i16, sign: u16, scale: u16, digits: &[u16]| {
            let n_digits = u16::try_from(digits.len()).unwrap();
            let words = [&[n_digits, weight.cast_unsigned(), sign, scale], digits].concat();
            words.iter().flat_map(|word| word.to_be_bytes()).collect::<Vec<u8>>()
        };
        check(oid::NUMERIC, &numeric(0, 0, 0, &[42]), "42");
        check(oid::NUMERIC, &numeric(1, 0x4000, 2, &[1, 2345, 6700]), "-12345.67");
        check(oid::NUMERIC, &numeric(-1, 0, 3, &[10]), "0.001");
        check(oid::NUMERIC, &numeric(-2, 0, 5, &[1000]), "0.00001");
        check(oid::NUMERIC, &numeric(2, 0, 0, &[1]), "100000000");
        check(oid::NUMERIC, &numeric(0, 0, 0, &[]), "0");
        check(oid::NUMERIC, &numeric(0, 0xc000, 0, &[]), "NaN");
    }

    #[test]
    fn keeps_what_it_does_not_know() {
        assert_eq!(of_binary(0, &[1, 2]), Value::Binary(vec![1, 2]));
        assert_eq!(of_binary(oid::INT4, &[1, 2]), Value::Binary(vec![1, 2]));
        assert_eq!(of_text(&[0xff]), Value::Binary(vec![0xff]));
        let Value::Cut { start, n_bytes } = of_text(&[b'x'; MAX_BYTES + 1]) else { panic!("it is cut") };
        assert_eq!((start.len(), n_bytes), (MAX_BYTES, MAX_BYTES as u64 + 1));
    }

    proptest! {
        #[test]
        fn no_bytes_panic(type_oid in prop::sample::select([&oid::TEXTS[..], &oid::ARRAYS,
            &[16, 17, 20, 21, 23, 26, 700, 701, 1082, 1083, 1114, 1184, 1700, 2950, 3802]].concat()), bytes: Vec<u8>) {
            of_binary(type_oid, &bytes);
        }
    }
}
