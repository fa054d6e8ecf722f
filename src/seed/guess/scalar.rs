//! Values of single types: texts, numbers, labels, ranges.

use super::lexicon;
use super::numbers::{self, Range};
use super::{N_SLOTS, documents, falling, kin, template, texts, times, words};
use crate::seed::keys::curve::Curve;
use crate::seed::make::lane::Cells;
use crate::seed::make::{Draw, Network, Piece, RangeElement, Template, Values, WordStyle};
use crate::seed::schema::Relation;
use crate::seed::schema::types::{TextType, Type};

/// Decimals of `numeric` without a scale.
pub(super) const FREE_SCALE: u16 = 4;
/// Lists up to this size are categories: their first words are the most frequent ones.
const MAX_CATEGORIES: usize = 30;
/// Numbers whose names say nothing.
const SMALL: Range = Range { low: 0, high: 100, n_decimals: 0, is_falling: false };
const NUMBER: Range = Range { low: 1, high: 10_000, n_decimals: 2, is_falling: false };
const LENGTH_BYTES: (u32, u32) = (8, 64);
/// Bits of `varbit` without a limit.
const N_BITS: u32 = 64;
const LEXEMES: (u32, u32) = (5, 40);
/// The first OID that `initdb` does not use (`FirstNormalObjectId` in `transam.h`).
const FIRST_OID: i64 = 16_384;
/// `pg_lsn` counts bytes; records begin at multiples of 8 (`MAXALIGN`).
const LSN_STEP: i64 = 8;

/// Returns a draw over ranks that fall in frequency.
pub(super) fn ranked(n: usize) -> Draw {
    if n > 1 { Draw::Skewed(falling(n)) } else { Draw::Uniform { n: 1 } }
}

/// The places of labels, the default's first.
pub(super) fn labels(labels: &[String], default: Option<&str>) -> Values {
    let is_default = |label: &String| {
        default.is_some_and(|default| default.starts_with(&format!("'{}'", label.replace('\'', "''"))))
    };
    let first = labels.iter().position(is_default).unwrap_or(0);
    let places = (0..labels.len()).filter(|place| *place != first);
    let place = |place: usize| i64::try_from(place).unwrap_or(0);
    Values::List(Cells::Int([first].into_iter().chain(places).map(place).collect()))
}

/// Text by the column's name.
pub(super) fn text(text: &TextType, words: &[String], relation: &Relation) -> (Draw, Values, bool) {
    let max_length = text.max_length;
    let look = texts::look(words, &relation.name, has_address(relation))
        .map(|look| kin::look_of_place(&look, words, relation).map_or(look, Into::into));
    if look.is_none() {
        if let Some(digits) = text_number(words) {
            return (Draw::Bits, Values::Template(template::any(digits, max_length)), true);
        }
        if times::is_moment(words) && max_length.is_none_or(|max| max >= 10) {
            return (Draw::Bits, Values::Template(template::any("2024-06-1{#1}", max_length)), true);
        }
    }
    let is_named = look.is_some();
    let look = look.unwrap_or_else(|| "{lorem 1-5}|{word}".into());
    if look == texts::JSON {
        if max_length.is_none() {
            return (Draw::Bits, Values::Document(documents::shape(words)), true);
        }
        return (Draw::Bits, Values::Template(template::json(Piece::Digits(3), max_length)), true);
    }
    let (draw, values) = look_values(&look, max_length);
    (draw, values, is_named)
}

/// Texts of a look: categories fall in frequency, of other words each is alike.
pub(super) fn look_values(look: &str, max_length: Option<u32>) -> (Draw, Values) {
    let made = template::any(look, max_length);
    match fitting_words(&made) {
        Some(words) if words.len() <= MAX_CATEGORIES => (ranked(words.len()), listed(&words)),
        Some(words) if template::longest(&made.pieces) > max_length.unwrap_or(u32::MAX) => {
            (Draw::Uniform { n: words.len() as u64 }, listed(&words))
        }
        _ => (Draw::Bits, Values::Template(made)),
    }
}

/// Returns the different words of a template that is a word alone, those that its limit holds.
pub(super) fn fitting_words(template: &Template) -> Option<Vec<&'static str>> {
    let [Piece::Word { list, style: WordStyle::AsIs }] = template.pieces.as_slice() else { return None };
    let max_length = template.max_length.map_or(usize::MAX, |max| max as usize);
    let mut seen = std::collections::BTreeSet::new();
    let fits = words::list(list).iter().copied().filter(|word| word.len() <= max_length);
    // Different in lower case too, for columns that fold it.
    let words: Vec<&str> = fits.filter(|word| seen.insert(word.to_ascii_lowercase())).collect();
    Some(words).filter(|words| !words.is_empty())
}

/// Returns words as cells.
pub(in crate::seed) fn listed(words: &[&str]) -> Values {
    let mut bytes = Vec::new();
    let ends = words
        .iter()
        .map(|word| {
            bytes.extend_from_slice(word.as_bytes());
            u32::try_from(bytes.len()).expect("lists are short")
        })
        .collect();
    Values::List(Cells::Bytes { ends, bytes })
}

/// Digits of numbers that a column holds as text.
fn text_number(words: &[String]) -> Option<&'static str> {
    let range = numbers::range(words)?;
    Some(match range.high {
        ..10 => "{#1}",
        10..200 => "{#2}",
        200..10_000 => "{#3}",
        _ => "{#5}",
    })
}

/// Whether a table holds addresses, in which `state` is a part of a country.
fn has_address(relation: &Relation) -> bool {
    const PARTS: &lexicon::Entries<()> =
        &[("city zip zip_code postal_code postcode country street country_code", ())];
    relation.fields.iter().any(|field| lexicon::ending(&lexicon::tokens(&field.name), PARTS).is_some())
}

/// Values of types that are neither text nor made of others.
pub(super) fn plain(ty: &Type, words: &[String]) -> (Draw, Values, bool) {
    let any = |values: Values| (Draw::Bits, values, false);
    match ty {
        Type::Bool => {
            let (n_true, is_named) = numbers::true_share(words);
            let curve = Curve::of_parts([(1, 1_000 - n_true), (1, n_true)]);
            (Draw::Skewed(curve), Values::Int { low: 0, step: 1, n: 2 }, is_named)
        }
        Type::Int2 => number(words, SMALL, 0, i16::MAX.into(), int),
        Type::Int4 => number(words, NUMBER, 0, i32::MAX.into(), int),
        Type::Int8 => number(words, NUMBER, 0, i64::MAX.into(), int),
        Type::Money => number(words, NUMBER, 2, i64::MAX.into(), int),
        Type::Float4 | Type::Float8 => {
            let (range, is_named) = named(words, NUMBER);
            let n_decimals = if range.high > 1_000 { range.n_decimals.min(2) } else { range.n_decimals };
            let step = 1.0 / f64::from(10_u32.pow(n_decimals.into()));
            #[expect(clippy::cast_precision_loss, reason = "ranges are far below 2^53")]
            let (low, span) = (range.low as f64, (range.high - range.low).unsigned_abs());
            let n = span * 10_u64.pow(n_decimals.into()) + 1;
            (draw(n, range.is_falling), Values::Float { low, step, n }, is_named)
        }
        Type::Numeric { precision, scale } => numeric(words, *precision, *scale),
        Type::Oid => any(Values::Int { low: FIRST_OID, step: 1, n: 1 << 20 }),
        Type::PgLsn => any(Values::Int { low: 1 << 24, step: LSN_STEP, n: 1 << 30 }),
        Type::Uuid => any(Values::Uuid { series: None }),
        Type::Inet => any(Values::Network(Network::Inet)),
        Type::Cidr => any(Values::Network(Network::Cidr)),
        Type::MacAddr => any(Values::Network(Network::MacAddr)),
        Type::MacAddr8 => any(Values::Network(Network::MacAddr8)),
        Type::Bit { n_bits, varying } => {
            let max = n_bits.unwrap_or(if *varying { N_BITS } else { 1 });
            any(Values::BitString { min: if *varying { max.min(1) } else { max }, max })
        }
        Type::Bytea => {
            let (min, max) = bytes(words);
            any(Values::Bytes { min, max })
        }
        Type::TsVector => any(Values::Lexemes { min: LEXEMES.0, max: LEXEMES.1 }),
        _ => times::plain(ty, words),
    }
}

/// Hashes have their own lengths.
fn bytes(words: &[String]) -> (u32, u32) {
    const LENGTHS: &lexicon::Entries<u32> = &[
        ("hash sha256 digest checksum key salt fingerprint", 32),
        ("sha1 commit sha", 20),
        ("md5 nonce iv", 16),
    ];
    lexicon::ending(words, LENGTHS).map_or(LENGTH_BYTES, |n| (*n, *n))
}

/// Returns the range that a name asks for, or else the given one.
fn named(words: &[String], unknown: Range) -> (Range, bool) {
    numbers::range(words).map_or((unknown, false), |range| (range, true))
}

fn int(low: i128, step: i128, n: u64) -> Values {
    let whole = |number: i128| i64::try_from(number).unwrap_or(i64::MAX);
    Values::Int { low: whole(low), step: whole(step), n }
}

/// Numbers with `scale` decimals of which the type holds `max` at most.
fn number(
    words: &[String],
    unknown: Range,
    scale: u32,
    max: i128,
    values: fn(i128, i128, u64) -> Values,
) -> (Draw, Values, bool) {
    let (range, is_named) = named(words, unknown);
    let one = 10_i128.saturating_pow(scale.min(MAX_DIGITS));
    let high = i128::from(range.high).saturating_mul(one).min(max);
    let low = i128::from(range.low).saturating_mul(one).max(-max);
    let low = if low > high { 0 } else { low };
    let step = 10_i128.saturating_pow(scale.saturating_sub(range.n_decimals.into()).min(MAX_DIGITS));
    let step = if step > high - low { 1 } else { step };
    let n = u64::try_from((high - low) / step).map_or(N_MOST, |n| n.min(N_MOST)) + 1;
    (draw(n, range.is_falling), values(low, step, n), is_named)
}

/// Powers of ten up to here, times any range, are far from the end of `i128`.
const MAX_DIGITS: u32 = 18;
/// No column needs more different numbers.
const N_MOST: u64 = 1 << 50;

fn numeric(words: &[String], precision: Option<u16>, scale: i16) -> (Draw, Values, bool) {
    let wide = |low, step, n| Values::Wide { low, step, n };
    let Some(precision) = precision else {
        return number(words, NUMBER, FREE_SCALE.into(), i128::MAX, wide);
    };
    let max = 10_i128.saturating_pow(u32::from(precision).min(36)) - 1;
    if let Ok(scale) = u32::try_from(scale) {
        return number(words, NUMBER, scale, max, wide);
    }
    // Multiples of a power of ten, which are wired without decimals.
    let one = 10_i128.saturating_pow(u32::from(scale.unsigned_abs()).min(MAX_DIGITS));
    let n = u64::try_from(max).map_or(1_000, |max| max.min(1_000)) + 1;
    (draw(n, false), wide(0, one, n), false)
}

/// A draw over `n` values in rising order; where they fall in frequency, half of the rows have the first tenth.
fn draw(n: u64, is_falling: bool) -> Draw {
    if !is_falling || n < 2 {
        return Draw::Uniform { n };
    }
    // Shares of the values, and of the rows that have them.
    let parts = [(n / 10, 50), (n / 5, 25), (n / 3, 18)];
    let rest = n - parts.iter().map(|part| part.0).sum::<u64>();
    // Many more slots than values, so that each has some.
    let n_slots = N_SLOTS.max(n.saturating_mul(20));
    let parts = parts.into_iter().chain([(rest, 7)]).filter(|part| part.0 > 0);
    Draw::Skewed(Curve::of_parts(parts.map(|(n, percent)| (n, n_slots / 100 * percent))))
}

/// Ranges that may overlap.
pub(super) fn range(element: RangeElement) -> Values {
    let (low, n, max_width) = match element {
        RangeElement::Int4 | RangeElement::Int8 | RangeElement::Numeric | RangeElement::Uuid => {
            (1, 10_000, 100)
        }
        RangeElement::Date => (times::FROM_US / times::DAY_US, times::N_DAYS, 30),
        RangeElement::Timestamp => {
            (times::FROM_US, times::N_DAYS * times::DAY_US.unsigned_abs(), 30 * times::DAY_US)
        }
    };
    Values::Range { element, low, n, max_width }
}
