//! JSON texts.

use std::io::Write as _;

use super::text::{append_number, append_word, word};
use super::values::length;
use super::{Document, Member, MemberValue, WordStyle};
use crate::random;
use crate::seed::guess::words;
use crate::seed::time::DAY_US;

/// Moments in documents are of the last so many days.
const N_DAYS: i64 = 365;

impl Document {
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
        for (number, Member { key, share, value }) in (0..).zip(&self.members) {
            let bits = random::at(bits, number);
            if random::below(bits, 1_000) >= u64::from(*share) {
                continue;
            }
            separate(!is_first, bytes);
            is_first = false;
            append_string(bytes, |bytes| bytes.extend_from_slice(key.as_bytes()));
            bytes.extend_from_slice(b": ");
            value.append(random::mix(bits), as_of_us, bytes);
        }
        bytes.push(b'}');
    }
}

impl MemberValue {
    fn append(&self, bits: u64, as_of_us: i64, bytes: &mut Vec<u8>) {
        match self {
            Self::Bool => bytes.extend_from_slice(if bits & 1 == 0 { b"false" } else { b"true" }),
            Self::Int { low, high } => {
                let n = high.wrapping_sub(*low).cast_unsigned().saturating_add(1);
                print(bytes, format_args!("{}", low.wrapping_add(random::below(bits, n).cast_signed())));
            }
            Self::Decimal { high } => {
                let hundredths =
                    random::below(bits, high.unsigned_abs().saturating_mul(100).saturating_add(1));
                print(bytes, format_args!("{}.{:02}", hundredths / 100, hundredths % 100));
            }
            Self::Text(template) => append_string(bytes, |bytes| template.append(bits, bits, &[], bytes)),
            Self::OneOf(texts) => {
                let place = random::below(bits, texts.len().max(1) as u64);
                let text = texts.iter().zip(0..).find(|&(_, number)| number == place);
                append_string(bytes, |bytes| {
                    bytes.extend_from_slice(text.map_or("", |(text, _)| text.as_str()).as_bytes());
                });
            }
            Self::Tags { list, up_to } => {
                let list = words::words(list);
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

/// Appends a string of what `append` appends.
fn append_string(bytes: &mut Vec<u8>, append: impl FnOnce(&mut Vec<u8>)) {
    bytes.push(b'"');
    let start = bytes.len();
    append(bytes);
    let is_special = |byte: &u8| *byte < b' ' || matches!(byte, b'"' | b'\\');
    if bytes[start..].iter().any(is_special) {
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
    print(bytes, format_args!("\"{year:04}"));
    let pairs = [(b'-', month), (b'-', day), (b'T', hour), (b':', minute), (b':', second)];
    for (separator, of) in pairs {
        bytes.push(separator);
        append_number::<10>(of.unsigned_abs(), 2, bytes);
    }
    bytes.extend_from_slice(b"Z\"");
}
