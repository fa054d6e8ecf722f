//! JSON texts.

use std::io::Write as _;

use super::text::{self, Known, append_number, append_word, word};
use super::values::length;
use super::{Document, Member, MemberValue, WordStyle};
use crate::random;
use crate::seed::guess::words::{self, Word};
use crate::seed::time::DAY_US;

/// Moments in documents are of the last so many days.
const N_DAYS: i64 = 365;

/// A document with all that its texts have in common, so that nothing is looked up or quoted for a single one.
pub(super) struct Compiled<'d> {
    members: Vec<CompiledMember<'d>>,
    array_up_to: Option<u32>,
}

struct CompiledMember<'d> {
    /// Per mille.
    share: u64,
    /// The quoted key and what follows it.
    key: Known,
    value: Value<'d>,
    /// Which of the document's bits, as [`random::spread`] has it.
    counter: u64,
}

/// What a member holds.
enum Value<'d> {
    Bool,
    /// `n` numbers from `low` on.
    Int {
        low: i64,
        n: u64,
    },
    /// So many hundredths.
    Decimal {
        n: u64,
    },
    Text(text::Compiled<'d>),
    /// Quoted.
    OneOf(Vec<Known>),
    Tags {
        list: &'static [Word],
        up_to: u32,
    },
    Moment,
    Object(Compiled<'d>),
    Null,
}

impl Document {
    pub(super) fn compiled(&self) -> Compiled<'_> {
        let members = (0..).zip(&self.members).map(CompiledMember::new);
        Compiled { members: members.collect(), array_up_to: self.array_up_to }
    }
}

impl<'d> CompiledMember<'d> {
    fn new((number, Member { key, share, value }): (u64, &'d Member)) -> Self {
        Self {
            share: u64::from(*share),
            key: Known::new([&quoted(key)[..], b": "].concat()),
            value: Value::of(value),
            counter: random::spread(number),
        }
    }
}

impl Compiled<'_> {
    pub(super) fn append(&self, bits: u64, as_of_us: i64, bytes: &mut Vec<u8>) {
        let Some(up_to) = self.array_up_to else { return self.append_object(bits, as_of_us, bytes) };
        let n = length(0, up_to, bits) as u64;
        bytes.push(b'[');
        for number in 0..n {
            separate(number > 0, bytes);
            self.append_object(random::at(bits, number), as_of_us, bytes);
        }
        bytes.push(b']');
    }

    fn append_object(&self, bits: u64, as_of_us: i64, bytes: &mut Vec<u8>) {
        bytes.push(b'{');
        let mut is_first = true;
        for CompiledMember { share, key, value, counter } in &self.members {
            let bits = random::of(bits, *counter);
            if random::below(bits, 1_000) >= *share {
                continue;
            }
            separate(!is_first, bytes);
            is_first = false;
            key.append(bytes);
            value.append(random::mix(bits), as_of_us, bytes);
        }
        bytes.push(b'}');
    }
}

impl<'d> Value<'d> {
    fn of(value: &'d MemberValue) -> Self {
        match value {
            MemberValue::Bool => Self::Bool,
            MemberValue::Int { low, high } => {
                Self::Int { low: *low, n: high.wrapping_sub(*low).cast_unsigned().saturating_add(1) }
            }
            MemberValue::Decimal { high } => {
                Self::Decimal { n: high.unsigned_abs().saturating_mul(100).saturating_add(1) }
            }
            MemberValue::Text(template) => Self::Text(template.compiled()),
            MemberValue::OneOf(texts) => {
                Self::OneOf(texts.iter().map(|text| Known::new(quoted(text))).collect())
            }
            MemberValue::Tags { list, up_to } => Self::Tags { list: words::words(list), up_to: *up_to },
            MemberValue::Moment => Self::Moment,
            MemberValue::Object(document) => Self::Object(document.compiled()),
            MemberValue::Null => Self::Null,
        }
    }

    fn append(&self, bits: u64, as_of_us: i64, bytes: &mut Vec<u8>) {
        match self {
            Self::Bool => bytes.extend_from_slice(if bits & 1 == 0 { b"false" } else { b"true" }),
            Self::Int { low, n } => {
                append_int(low.wrapping_add(random::below(bits, *n).cast_signed()), bytes);
            }
            Self::Decimal { n } => {
                let hundredths = random::below(bits, *n);
                append_unsigned(hundredths / 100, bytes);
                bytes.push(b'.');
                append_number::<10>(hundredths % 100, 2, bytes);
            }
            Self::Text(template) => append_string(bytes, |bytes| template.append(bits, bits, bytes)),
            Self::OneOf(texts) => {
                let place = random::below(bits, texts.len().max(1) as u64);
                match usize::try_from(place).ok().and_then(|place| texts.get(place)) {
                    Some(text) => text.append(bytes),
                    None => bytes.extend_from_slice(b"\"\""),
                }
            }
            Self::Tags { list, up_to } => {
                let n = length(0, *up_to, bits).min(list.len());
                bytes.push(b'[');
                for number in 0..n {
                    separate(number > 0, bytes);
                    let part = &list[list.len() * number / n..list.len() * (number + 1) / n];
                    append_string(bytes, |bytes| {
                        if let Some(tag) = word(part, random::at(bits, number as u64)) {
                            append_word(tag, WordStyle::AsIs, usize::MAX, bytes);
                        }
                    });
                }
                bytes.push(b']');
            }
            Self::Moment => {
                let ago_us = random::below(bits, (N_DAYS * DAY_US).unsigned_abs());
                append_moment(as_of_us.saturating_sub(ago_us.cast_signed()), bytes);
            }
            Self::Object(document) => document.append(bits, as_of_us, bytes),
            Self::Null => bytes.extend_from_slice(b"null"),
        }
    }
}

fn separate(is_needed: bool, bytes: &mut Vec<u8>) {
    if is_needed {
        bytes.extend_from_slice(b", ");
    }
}

fn print(bytes: &mut Vec<u8>, text: std::fmt::Arguments) {
    bytes.write_fmt(text).expect("memory takes what is written");
}

fn append_int(number: i64, bytes: &mut Vec<u8>) {
    if number < 0 {
        bytes.push(b'-');
    }
    append_unsigned(number.unsigned_abs(), bytes);
}

fn append_unsigned(number: u64, bytes: &mut Vec<u8>) {
    append_number::<10>(number, number.checked_ilog10().unwrap_or(0) + 1, bytes);
}

fn quoted(text: &str) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(text.len() + 4);
    append_string(&mut bytes, |bytes| bytes.extend_from_slice(text.as_bytes()));
    bytes
}

/// Appends a string of what `append` appends.
fn append_string(bytes: &mut Vec<u8>, append: impl FnOnce(&mut Vec<u8>)) {
    bytes.push(b'"');
    let start = bytes.len();
    append(bytes);
    // All of them are looked at, many at once: hardly any text has one.
    let is_special = |byte: &u8| matches!(byte, 0..b' ' | b'"' | b'\\');
    if bytes[start..].iter().fold(false, |any, byte| any | is_special(byte)) {
        for byte in bytes.split_off(start) {
            match byte {
                b'"' | b'\\' => bytes.extend([b'\\', byte]),
                0..b' ' => print(bytes, format_args!("\\u{byte:04x}")),
                _ => bytes.push(byte),
            }
        }
    }
    bytes.push(b'"');
}

/// Appends a moment as ISO 8601 has it, in UTC and whole seconds.
fn append_moment(us: i64, bytes: &mut Vec<u8>) {
    let (days, seconds) = (us.div_euclid(DAY_US), us.rem_euclid(DAY_US) / 1_000_000);
    // Days since 0000-03-01, so that leap days end a year (Hinnant, "chrono-Compatible Low-Level Date Algorithms",
    // `civil_from_days`); 2000-03-01 is 60 days after our epoch and 5 eras of 146,097 days after that day.
    let days = days - 60 + 5 * 146_097;
    let (era, day_of_era) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    let (hour, minute, second) = (seconds / 3_600, seconds / 60 % 60, seconds % 60);
    bytes.push(b'"');
    match u64::try_from(year) {
        Ok(year @ ..10_000) => append_number::<10>(year, 4, bytes),
        _ => print(bytes, format_args!("{year:04}")),
    }
    let pairs = [(b'-', month), (b'-', day), (b'T', hour), (b':', minute), (b':', second)];
    for (separator, of) in pairs {
        bytes.push(separator);
        append_number::<10>(of.unsigned_abs(), 2, bytes);
    }
    bytes.extend_from_slice(b"Z\"");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_moments_are_written_as_ever() {
        let check = |append: &dyn Fn(&mut Vec<u8>), expected: &str| {
            let mut bytes = b"x".to_vec();
            append(&mut bytes);
            assert_eq!(String::from_utf8(bytes).unwrap(), format!("x{expected}"));
        };
        for number in [0, 1, -1, 9, 10, 99, 100, 12_345, -700, i64::MAX, i64::MIN] {
            check(&|bytes| append_int(number, bytes), &number.to_string());
        }
        check(&|bytes| append_moment(0, bytes), "\"2000-01-01T00:00:00Z\"");
        check(&|bytes| append_moment(-1, bytes), "\"1999-12-31T23:59:59Z\"");
        check(&|bytes| append_moment(59 * DAY_US + 3_723_000_000, bytes), "\"2000-02-29T01:02:03Z\"");
        check(&|bytes| append_moment(9_000 * 366 * DAY_US, bytes), "\"11018-09-01T00:00:00Z\"");
        check(&|bytes| bytes.extend(quoted("a\"b\n")), "\"a\\\"b\\u000a\"");
    }
}
